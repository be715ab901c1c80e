//! The rows of the libc functions.

use super::layout::{LIMIT, MESSAGE, Structure, TERMINAL, TIMER};
use super::{descriptor, identity, path, process, resource, socket, terminal};
use crate::table::{Family, Kind::*, Parameter, Row, Support};
use crate::{Answer, Call, Errno, Fault, Permission, System};
use bellglass_wire::View;

/// Stands in the rows of calls that no handler is asked for: those that are refused, and
/// those of a permission that no policy can grant yet.
fn refused(_system: &mut System, _call: &mut Call<'_>) -> std::result::Result<Answer, Fault> {
    Err(Errno::NOSYS.into())
}

macro_rules! rows {
    ($($name:ident($($parameter:ident: $kind:ident),*) $types:literal $family:ident $views:expr, $support:expr, $note:literal, $handler:expr;)*) => {
        &[$(Row {
            signature: concat!("env.", stringify!($name), $types),
            family: Family::$family,
            views: $views,
            parameters: &[$(Parameter { name: stringify!($parameter), kind: $kind }),*],
            support: $support,
            note: $note,
            handler: $handler,
        }),*]
    };
}

/// A structure at an argument.
const fn structure(pointer: u8, structure: &Structure) -> View {
    View::Fixed { pointer, size: structure.size as u32 }
}

const NONE: &[View] = &[];
/// The C string at argument 0, or 1.
const TEXT_0: &[View] = &[View::Cstr { pointer: 0 }];
const TEXT_1: &[View] = &[View::Cstr { pointer: 1 }];

const FULL: Support = Support::Full;
const PARTIAL: Support = Support::Partial;
const DENIED: Support = Support::Refused(Errno::PERM);
const PROGRAMS: Support = Support::Needs(Permission::Programs, Errno::PERM);
const fn network(errno: Errno) -> Support {
    Support::Needs(Permission::Network, errno)
}
const ABSENT: Support = Support::Refused(Errno::NOSYS);
const CHILDLESS: Support = Support::Refused(Errno::CHILD);
const NO_TERMINAL: Support = Support::Refused(Errno::NOTTY);

pub(crate) const ROWS: &[Row] = rows! {
    // Descriptors and pipes.
    dup(fd: Descriptor) "(i)i" Libc NONE, FULL, "", descriptor::dup;
    dup2(fd: Descriptor, to: Descriptor) "(ii)i" Libc NONE, FULL, "", descriptor::dup2;
    dup3(fd: Descriptor, to: Descriptor, flags: Flags) "(iii)i" Libc NONE, FULL, "", descriptor::dup3;
    pipe(fds: Result) "(i)i" Libc NONE, FULL, "", descriptor::pipe;
    pipe2(fds: Result, flags: Flags) "(ii)i" Libc NONE, FULL, "", descriptor::pipe2;
    fcntl(fd: Descriptor, command: Unsigned, argument: Pointer) "(iii)i" Libc NONE, PARTIAL, "duplication and locks only; WASI has the flags", descriptor::fcntl;
    flock(fd: Descriptor, operation: Flags) "(ii)i" Libc NONE, FULL, "", descriptor::flock;
    lockf(fd: Descriptor, command: Unsigned, len: Signed) "(iiI)i" Libc NONE, FULL, "", descriptor::lockf;

    // Files.
    chmod(path: Text, mode: Permissions) "(ii)i" Libc TEXT_0, PARTIAL, "kept and shown, not enforced", path::chmod;
    fchmod(fd: Descriptor, mode: Permissions) "(ii)i" Libc NONE, PARTIAL, "kept and shown, not enforced", path::fchmod;
    fchmodat(fd: Descriptor, path: Text, mode: Permissions, flags: Flags) "(iiii)i" Libc TEXT_1, PARTIAL, "kept and shown, not enforced", path::fchmodat;
    chown(path: Text, owner: Signed, group: Signed) "(iii)i" Libc TEXT_0, FULL, "", path::chown;
    lchown(path: Text, owner: Signed, group: Signed) "(iii)i" Libc TEXT_0, FULL, "", path::lchown;
    fchown(fd: Descriptor, owner: Signed, group: Signed) "(iii)i" Libc NONE, FULL, "", path::fchown;
    fchownat(fd: Descriptor, path: Text, owner: Signed, group: Signed, flags: Flags) "(iiiii)i" Libc TEXT_1, FULL, "", path::fchownat;
    chroot(path: Text) "(i)i" Libc TEXT_0, DENIED, "only a superuser may", refused;
    mkfifo(path: Text, mode: Permissions) "(ii)i" Libc TEXT_0, DENIED, "the trees hold no special files", refused;
    mkfifoat(fd: Descriptor, path: Text, mode: Permissions) "(iii)i" Libc TEXT_1, DENIED, "the trees hold no special files", refused;
    mknod(path: Text, mode: Permissions, device: Unsigned) "(iiI)i" Libc TEXT_0, DENIED, "the trees hold no special files", refused;
    mknodat(fd: Descriptor, path: Text, mode: Permissions, device: Unsigned) "(iiiI)i" Libc TEXT_1, DENIED, "the trees hold no special files", refused;
    statvfs(path: Text, result: Result) "(ii)i" Libc TEXT_0, FULL, "", path::statvfs;
    fstatvfs(fd: Descriptor, result: Result) "(ii)i" Libc NONE, FULL, "", path::fstatvfs;
    sync() "()" Libc NONE, FULL, "", path::sync;
    syncfs(fd: Descriptor) "(i)i" Libc NONE, FULL, "", path::syncfs;
    umask(mask: Permissions) "(i)i" Libc NONE, FULL, "", path::umask;
    shm_open(name: Text, oflag: Flags, mode: Permissions) "(iii)i" Libc TEXT_0, ABSENT, "there is no other process to share memory with", refused;
    shm_unlink(name: Text) "(i)i" Libc TEXT_0, ABSENT, "there is no other process to share memory with", refused;

    // Processes.
    execv(path: Text, argv: Pointer) "(ii)i" Libc TEXT_0, PROGRAMS, "no process can be started", refused;
    execve(path: Text, argv: Pointer, envp: Pointer) "(iii)i" Libc TEXT_0, PROGRAMS, "no process can be started", refused;
    execvp(file: Text, argv: Pointer) "(ii)i" Libc TEXT_0, PROGRAMS, "no process can be started", refused;
    fexecve(fd: Descriptor, argv: Pointer, envp: Pointer) "(iii)i" Libc NONE, PROGRAMS, "no process can be started", refused;
    fork() "()i" Libc NONE, PROGRAMS, "no process can be started", refused;
    vfork() "()i" Libc NONE, PROGRAMS, "no process can be started", refused;
    system(command: Text) "(i)i" Libc TEXT_0, PARTIAL, "it says that there is no shell", process::system;
    popen(command: Text, mode: Text) "(ii)i" Libc TEXT_0, PROGRAMS, "no process can be started", refused;
    pclose(fd: Descriptor) "(i)i" Libc NONE, CHILDLESS, "there are no children", refused;
    wait(status: Result) "(i)i" Libc NONE, CHILDLESS, "there are no children", refused;
    wait3(status: Result, options: Flags, usage: Result) "(iii)i" Libc NONE, CHILDLESS, "there are no children", refused;
    wait4(pid: Signed, status: Result, options: Flags, usage: Result) "(iiii)i" Libc NONE, CHILDLESS, "there are no children", refused;
    waitpid(pid: Signed, status: Result, options: Flags) "(iii)i" Libc NONE, CHILDLESS, "there are no children", refused;
    getpid() "()i" Libc NONE, FULL, "", identity::getpid;
    getppid() "()i" Libc NONE, FULL, "", identity::getppid;
    getpgrp() "()i" Libc NONE, FULL, "", identity::getpid;
    getpgid(pid: Signed) "(i)i" Libc NONE, FULL, "", identity::getpgid;
    getsid(pid: Signed) "(i)i" Libc NONE, FULL, "", identity::getpgid;
    setpgid(pid: Signed, pgid: Signed) "(ii)i" Libc NONE, FULL, "", identity::setpgid;
    setpgrp() "()i" Libc NONE, FULL, "", identity::getpid;
    setsid() "()i" Libc NONE, DENIED, "the process leads its session already", refused;
    nice(increment: Signed) "(i)i" Libc NONE, PARTIAL, "priorities cannot be changed", resource::nice;
    getpriority(which: Unsigned, who: Unsigned) "(ii)i" Libc NONE, FULL, "", resource::getpriority;
    setpriority(which: Unsigned, who: Unsigned, value: Signed) "(iii)i" Libc NONE, PARTIAL, "priorities cannot be changed", resource::setpriority;
    getrlimit(resource: Unsigned, limit: Result) "(ii)i" Libc NONE, FULL, "", resource::getrlimit;
    setrlimit(resource: Unsigned, limit: Pointer) "(ii)i" Libc &[structure(1, &LIMIT)], PARTIAL, "limits cannot be changed", resource::setrlimit;
    getrusage(who: Signed, usage: Result) "(ii)i" Libc NONE, PARTIAL, "processor time and memory only", resource::getrusage;
    sched_get_priority_max(policy: Unsigned) "(i)i" Libc NONE, FULL, "", process::sched_get_priority_max;
    sched_get_priority_min(policy: Unsigned) "(i)i" Libc NONE, FULL, "", process::sched_get_priority_min;
    sched_getparam(pid: Signed, param: Result) "(ii)i" Libc NONE, FULL, "", process::sched_getparam;
    sched_getscheduler(pid: Signed) "(i)i" Libc NONE, FULL, "", process::sched_getscheduler;
    sched_rr_get_interval(pid: Signed, interval: Result) "(ii)i" Libc NONE, FULL, "", process::sched_rr_get_interval;
    sched_setparam(pid: Signed, param: Pointer) "(ii)i" Libc &[View::Fixed { pointer: 1, size: 4 }], PARTIAL, "the policy cannot be changed", process::sched_setparam;
    sched_setscheduler(pid: Signed, policy: Unsigned, param: Pointer) "(iii)i" Libc &[View::Fixed { pointer: 2, size: 4 }], PARTIAL, "the policy cannot be changed", process::sched_setscheduler;
    syslog(priority: Unsigned, text: Buffer, length: Size) "(iii)" Libc NONE, PARTIAL, "what is logged goes nowhere", process::syslog;

    // Signals.
    alarm(seconds: Unsigned) "(i)i" LibcPointer NONE, FULL, "", process::alarm;
    getitimer(which: Unsigned, value: Result) "(ii)i" Libc NONE, FULL, "", process::getitimer;
    setitimer(which: Unsigned, value: Pointer, old: Result) "(iii)i" Libc &[structure(1, &TIMER)], PARTIAL, "real time only", process::setitimer;
    kill(pid: Signed, signal: Unsigned) "(ii)i" Libc NONE, PARTIAL, "to itself, for there is no other process; not SIGSTOP", process::kill;
    killpg(pgrp: Signed, signal: Unsigned) "(ii)i" Libc NONE, PARTIAL, "to itself, for there is no other process; not SIGSTOP", process::killpg;
    pause() "()i" Libc NONE, FULL, "", process::pause;

    // Users and groups.
    getuid() "()i" Libc NONE, FULL, "", identity::getuid;
    geteuid() "()i" Libc NONE, FULL, "", identity::getuid;
    getgid() "()i" Libc NONE, FULL, "", identity::getgid;
    getegid() "()i" Libc NONE, FULL, "", identity::getgid;
    getgroups(size: Signed, list: Result) "(ii)i" Libc NONE, FULL, "", identity::getgroups;
    getresgid(real: Result, effective: Result, saved: Result) "(iii)i" Libc NONE, FULL, "", identity::getresgid;
    getresuid(real: Result, effective: Result, saved: Result) "(iii)i" Libc NONE, FULL, "", identity::getresuid;
    setuid(uid: Signed) "(i)i" Libc NONE, FULL, "", identity::setuid;
    seteuid(uid: Signed) "(i)i" Libc NONE, FULL, "", identity::setuid;
    setgid(gid: Signed) "(i)i" Libc NONE, FULL, "", identity::setgid;
    setegid(gid: Signed) "(i)i" Libc NONE, FULL, "", identity::setgid;
    setgroups(size: Unsigned, list: Pointer) "(ii)i" Libc NONE, DENIED, "only a superuser may", refused;
    setregid(real: Signed, effective: Signed) "(ii)i" Libc NONE, FULL, "", identity::setresgid;
    setresgid(real: Signed, effective: Signed, saved: Signed) "(iii)i" Libc NONE, FULL, "", identity::setresgid;
    setresuid(real: Signed, effective: Signed, saved: Signed) "(iii)i" Libc NONE, FULL, "", identity::setresuid;
    setreuid(real: Signed, effective: Signed) "(ii)i" Libc NONE, FULL, "", identity::setresuid;
    gethostname(name: Result, len: Size) "(ii)i" Libc NONE, FULL, "", identity::gethostname;
    get_nprocs() "()i" Libc NONE, FULL, "", identity::get_nprocs;
    sethostname(name: Buffer, len: Size) "(ii)i" Libc NONE, DENIED, "only a superuser may", refused;

    // Terminals.
    ioctl(fd: Descriptor, request: Flags, argument: Pointer) "(iii)i" Libc NONE, PARTIAL, "the window's size only", terminal::ioctl;
    tcgetattr(fd: Descriptor, termios: Result) "(ii)i" Libc NONE, FULL, "", terminal::tcgetattr;
    tcsetattr(fd: Descriptor, actions: Unsigned, termios: Pointer) "(iii)i" Libc &[structure(2, &TERMINAL)], PARTIAL, "speeds cannot be changed", terminal::tcsetattr;
    tcdrain(fd: Descriptor) "(i)i" Libc NONE, FULL, "", terminal::check;
    tcflow(fd: Descriptor, action: Unsigned) "(ii)i" Libc NONE, PARTIAL, "it does nothing", terminal::check;
    tcflush(fd: Descriptor, queue: Unsigned) "(ii)i" Libc NONE, PARTIAL, "it does nothing", terminal::check;
    tcsendbreak(fd: Descriptor, duration: Signed) "(ii)i" Libc NONE, PARTIAL, "it does nothing", terminal::check;
    tcgetpgrp(fd: Descriptor) "(i)i" Libc NONE, FULL, "", terminal::tcgetpgrp;
    tcgetsid(fd: Descriptor) "(i)i" Libc NONE, FULL, "", terminal::tcgetpgrp;
    tcsetpgrp(fd: Descriptor, pgrp: Signed) "(ii)i" Libc NONE, FULL, "", terminal::tcsetpgrp;
    ttyname_r(fd: Descriptor, name: Result, len: Size) "(iii)i" ErrorNumber NONE, FULL, "", terminal::ttyname_r;
    posix_openpt(flags: Flags) "(i)i" Libc NONE, Support::Refused(Errno::ACCES), "there are no pseudo-terminals", refused;
    grantpt(fd: Descriptor) "(i)i" Libc NONE, NO_TERMINAL, "there are no pseudo-terminals", refused;
    unlockpt(fd: Descriptor) "(i)i" Libc NONE, NO_TERMINAL, "there are no pseudo-terminals", refused;
    ptsname_r(fd: Descriptor, name: Result, len: Size) "(iii)i" ErrorNumber NONE, NO_TERMINAL, "there are no pseudo-terminals", refused;

    // Sockets.
    socket(domain: Unsigned, type_: Flags, protocol: Unsigned) "(iii)i" Libc NONE, network(Errno::ACCES), "there is no network", refused;
    socketpair(domain: Unsigned, type_: Flags, protocol: Unsigned, fds: Result) "(iiii)i" Libc NONE, PARTIAL, "stream sockets only", socket::socketpair;
    connect(fd: Descriptor, address: Buffer, len: Size) "(iii)i" Libc NONE, PARTIAL, "there are pairs only, connected already", socket::connect;
    bind(fd: Descriptor, address: Buffer, len: Size) "(iii)i" Libc NONE, PARTIAL, "there are pairs only, connected already", socket::not_of_a_pair;
    listen(fd: Descriptor, backlog: Signed) "(ii)i" Libc NONE, PARTIAL, "there are pairs only, connected already", socket::not_of_a_pair;
    accept(fd: Descriptor, address: Result, len: Result) "(iii)i" Libc NONE, PARTIAL, "there are pairs only, connected already", socket::not_of_a_pair;
    accept4(fd: Descriptor, address: Result, len: Result, flags: Flags) "(iiii)i" Libc NONE, PARTIAL, "there are pairs only, connected already", socket::not_of_a_pair;
    getsockname(fd: Descriptor, address: Result, len: Pointer) "(iii)i" Libc &[View::Fixed { pointer: 2, size: 4 }], FULL, "", socket::getsockname;
    getpeername(fd: Descriptor, address: Result, len: Pointer) "(iii)i" Libc &[View::Fixed { pointer: 2, size: 4 }], FULL, "", socket::getsockname;
    getsockopt(fd: Descriptor, level: Unsigned, name: Unsigned, value: Result, len: Pointer) "(iiiii)i" Libc &[View::Fixed { pointer: 4, size: 4 }], PARTIAL, "the options that pairs have", socket::getsockopt;
    setsockopt(fd: Descriptor, level: Unsigned, name: Unsigned, value: Buffer, len: Size) "(iiiii)i" Libc NONE, PARTIAL, "options that change nothing for a pair", socket::setsockopt;
    sendto(fd: Descriptor, bytes: Buffer, len: Size, flags: Flags, address: Buffer, address_len: Size) "(iiiiii)i" Libc &[View::Bytes { pointer: 1, length: 2, scale: 1 }], FULL, "", socket::sendto;
    recvfrom(fd: Descriptor, bytes: Result, len: Size, flags: Flags, address: Result, address_len: Pointer) "(iiiiii)i" Libc NONE, FULL, "", socket::recvfrom;
    sendmsg(fd: Descriptor, message: Pointer, flags: Flags) "(iii)i" Libc &[structure(1, &MESSAGE)], PARTIAL, "no control data", socket::sendmsg;
    recvmsg(fd: Descriptor, message: Pointer, flags: Flags) "(iii)i" Libc &[structure(1, &MESSAGE)], PARTIAL, "no control data", socket::recvmsg;
    getaddrinfo(node: Text, service: Text, hints: Pointer, result: Result) "(iiii)i" Libc TEXT_0, PARTIAL, "no name server may be asked", socket::no_name_server;
    getnameinfo(address: Buffer, len: Size, host: Result, host_len: Size, service: Result, service_len: Size, flags: Flags) "(iiiiiii)i" Libc NONE, PARTIAL, "no name server may be asked", socket::no_name_server;
    if_indextoname(index: Unsigned, name: Result) "(ii)i" LibcPointer NONE, network(Errno::NXIO), "there is no network", refused;
    if_nametoindex(name: Text) "(i)i" LibcPointer TEXT_0, network(Errno::NODEV), "there is no network", refused;
};
