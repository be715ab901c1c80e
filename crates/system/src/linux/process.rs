//! The end of the process, and other processes, of which there is none.

use super::{calls, done, refused};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, Permission, System};
use bellglass_wire::View;

const NONE: &[View] = &[];
const TEXT_0: &[View] = &[View::Cstr { pointer: 0 }];
const TEXT_1: &[View] = &[View::Cstr { pointer: 1 }];
const PROGRAMS: Support = Support::Needs(Permission::Programs, Errno::PERM);
const DENIED: Support = Support::Refused(Errno::PERM);
const ABSENT: Support = Support::Refused(Errno::NOSYS);

pub(super) const ROWS: &[Row] = calls! { "linux":
    exit_group(code: Signed) NONE, Support::Full, "", exit_group;
    clone(flags: Flags, stack: Pointer, parent_thread: Result, storage: Pointer, child_thread: Result) NONE, PROGRAMS, "no process can be started", refused;
    clone3(arguments: Pointer, size: Size) NONE, ABSENT, "C libraries then ask for clone", refused;
    execve(path: Text, arguments: Pointer, environment: Pointer) TEXT_0, PROGRAMS, "no program can be started", refused;
    execveat(directory: AtDescriptor, path: Text, arguments: Pointer, environment: Pointer, flags: AtFlags) TEXT_1, PROGRAMS, "no program can be started", refused;
    waitid(which: Unsigned, who: Signed, information: Result, options: WaitOptions, usage: Result) NONE, Support::Partial, "there are no children to wait for", waitid;
    unshare(flags: Flags) NONE, Support::Partial, "what one process shares with none; no namespaces, which only a superuser may have", unshare;
    setns(fd: Descriptor, kind: Flags) NONE, DENIED, "only a superuser may enter namespaces", refused;
    ptrace(request: Signed, process: Signed, address: Pointer, data: Pointer) NONE, DENIED, "there is no other process to trace", refused;
    process_vm_readv(process: Signed, local: Buffers, local_count: Size, remote: Buffers, remote_count: Size, flags: Flags) NONE, ABSENT, "there is no other process to read from", refused;
    process_vm_writev(process: Signed, local: Buffers, local_count: Size, remote: Buffers, remote_count: Size, flags: Flags) NONE, ABSENT, "there is no other process to write to", refused;
    process_madvise(fd: Descriptor, ranges: Buffers, count: Size, advice: Unsigned, flags: Flags) NONE, ABSENT, "there are no descriptors of processes", refused;
    process_mrelease(fd: Descriptor, flags: Flags) NONE, ABSENT, "there are no descriptors of processes", refused;
    kcmp(first: Signed, second: Signed, kind: Unsigned, first_index: Unsigned, second_index: Unsigned) NONE, ABSENT, "there is no other process to compare with", refused;
};

fn exit_group(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Exit(call.i32(0) & 0xff))
}

/// What waitid may wait for, how, and whom.
const STATES: u32 = 2 | 4 | 8;
const OPTIONS: u32 = 1 | STATES | 0x100_0000 | 0xe000_0000;

/// ECHILD, once what was asked makes sense.
fn waitid(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (which, who, options) = (call.u32(0), call.i32(1), call.u32(3));
    let result = match which {
        _ if options & !OPTIONS != 0 || options & STATES == 0 => Errno::INVAL,
        // All of them.
        0 => Errno::CHILD,
        // One, of a group, of a descriptor.
        1 if who > 0 => Errno::CHILD,
        2 if who >= 0 => Errno::CHILD,
        3 if who >= 0 => Errno::BADF,
        _ => Errno::INVAL,
    };
    if call.u32(2) != 0 {
        // Nothing: no signal, and no child.
        call.memory.write(call.u32(2), &[0; 24])?;
    }
    Err(result.into())
}

/// What threads share, in a process that has one: it is its own already.
const OWN_ALREADY: u32 = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;

/// Namespaces: of time, mounts, control groups, names, queues, users, processes, networks.
const NAMESPACES: u32 = 0x80 | 0x2_0000 | 0x7e00_0000;

fn unshare(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match call.u32(0) {
        flags if flags & !(OWN_ALREADY | NAMESPACES) != 0 => Err(Errno::INVAL.into()),
        flags if flags & NAMESPACES != 0 => Err(Errno::PERM.into()),
        _ => done(),
    }
}
