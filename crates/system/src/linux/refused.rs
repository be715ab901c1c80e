//! Calls for which there is nothing: they fail as they do for a process without privileges, or
//! on a kernel that was built without them, so that programs do what they do there.

use super::{calls, refused};
use crate::Errno;
use crate::table::{Row, Support};
use bellglass_wire::View;

const NONE: &[View] = &[];
const TEXT_0: &[View] = &[View::Cstr { pointer: 0 }];
const TEXT_1: &[View] = &[View::Cstr { pointer: 1 }];
/// Only a superuser may, and a guest never is.
const DENIED: Support = Support::Refused(Errno::PERM);
/// A kernel without this knows no such call.
const ABSENT: Support = Support::Refused(Errno::NOSYS);

pub(super) const ROWS: &[Row] = calls! { "linux":
    // The machine.
    reboot(magic: Flags, magic2: Flags, command: Flags, argument: Pointer) NONE, DENIED, "only a superuser may restart the machine", refused;
    kexec_load(entry: Pointer, count: Size, segments: Pointer, flags: Flags) NONE, DENIED, "only a superuser may start another kernel", refused;
    kexec_file_load(kernel: Descriptor, initial: Descriptor, length: Size, line: Text, flags: Flags) NONE, DENIED, "only a superuser may start another kernel", refused;
    init_module(image: Buffer, length: Size, parameters: Text) NONE, DENIED, "only a superuser may add to the kernel", refused;
    finit_module(fd: Descriptor, parameters: Text, flags: Flags) NONE, DENIED, "only a superuser may add to the kernel", refused;
    delete_module(name: Text, flags: Flags) TEXT_0, DENIED, "only a superuser may take from the kernel", refused;
    bpf(command: Unsigned, attributes: Pointer, size: Size) NONE, DENIED, "only a superuser may give the kernel programs", refused;
    perf_event_open(attributes: Pointer, process: Signed, processor: Signed, group: Descriptor, flags: Flags) NONE, Support::Refused(Errno::ACCES), "only a superuser may count the machine's events", refused;
    acct(path: Text) TEXT_0, DENIED, "only a superuser may have the kernel keep accounts", refused;
    vhangup() NONE, DENIED, "only a superuser may hang up a terminal", refused;
    swapon(path: Text, flags: Flags) TEXT_0, DENIED, "only a superuser may add swap space", refused;
    swapoff(path: Text) TEXT_0, DENIED, "only a superuser may take swap space away", refused;
    nfsservctl(command: Unsigned, argument: Pointer, result: Result) NONE, ABSENT, "Linux itself has it no longer", refused;
    lookup_dcookie(cookie: Unsigned, cookie_high: Unsigned, path: Result) NONE, ABSENT, "Linux itself has it no longer", refused;

    // Mounts.
    mount(source: Text, target: Text, kind: Text, flags: Flags, data: Pointer) TEXT_1, DENIED, "only a superuser may mount; the run's own mounts are made when it starts", refused;
    umount2(target: Text, flags: Flags) TEXT_0, DENIED, "only a superuser may unmount", refused;
    pivot_root(root: Text, old: Text) NONE, DENIED, "only a superuser may change the root", refused;
    chroot(path: Text) TEXT_0, DENIED, "only a superuser may change the root", refused;
    open_tree(directory: AtDescriptor, path: Text, flags: AtFlags) TEXT_1, DENIED, "only a superuser may mount", refused;
    move_mount(from: AtDescriptor, from_path: Text, to: AtDescriptor, to_path: Text, flags: Flags) NONE, DENIED, "only a superuser may mount", refused;
    fsopen(name: Text, flags: Flags) TEXT_0, DENIED, "only a superuser may mount", refused;
    fsconfig(fd: Descriptor, command: Unsigned, key: Text, value: Pointer, extra: Signed) NONE, DENIED, "only a superuser may mount", refused;
    fsmount(fd: Descriptor, flags: Flags, attributes: Flags) NONE, DENIED, "only a superuser may mount", refused;
    fspick(directory: AtDescriptor, path: Text, flags: Flags) TEXT_1, DENIED, "only a superuser may mount", refused;
    mount_setattr(directory: AtDescriptor, path: Text, flags: AtFlags, attributes: Pointer, size: Size) TEXT_1, DENIED, "only a superuser may mount", refused;
    quotactl(command: Flags, device: Text, id: Signed, address: Pointer) NONE, ABSENT, "file systems have one limit, that of the run", refused;
    name_to_handle_at(directory: AtDescriptor, path: Text, handle: Pointer, mount: Result, flags: AtFlags) TEXT_1, Support::Refused(Errno::NOTSUP), "files are found by their paths only", refused;
    open_by_handle_at(mount: Descriptor, handle: Pointer, flags: OpenFlags) NONE, DENIED, "only a superuser may open files without a path", refused;
    fanotify_init(flags: Flags, file_flags: OpenFlags) NONE, DENIED, "only a superuser may watch whole file systems", refused;
    fanotify_mark(group: Descriptor, flags: Flags, mask: Flags, mask_high: Flags, directory: AtDescriptor, path: Text) NONE, DENIED, "only a superuser may watch whole file systems", refused;

    // Input and output that the program does not wait for.
    io_setup(count: Size, context: Result) NONE, ABSENT, "files answer at once", refused;
    io_destroy(context: Pointer) NONE, ABSENT, "files answer at once", refused;
    io_submit(context: Pointer, count: Signed, requests: Pointer) NONE, ABSENT, "files answer at once", refused;
    io_cancel(context: Pointer, request: Pointer, result: Result) NONE, ABSENT, "files answer at once", refused;
    io_pgetevents_time64(context: Pointer, least: Signed, most: Signed, events: Result, timeout: TimePointer, mask: Pointer) NONE, ABSENT, "files answer at once", refused;
    io_uring_setup(entries: Size, parameters: Pointer) NONE, ABSENT, "it takes memory that two sides share", refused;
    io_uring_enter(fd: Descriptor, submit: Size, complete: Size, flags: Flags, argument: Pointer, size: Size) NONE, ABSENT, "it takes memory that two sides share", refused;
    io_uring_register(fd: Descriptor, operation: Unsigned, argument: Pointer, count: Size) NONE, ABSENT, "it takes memory that two sides share", refused;

    // What processes share: there is one. Shared memory with a name is a file in /dev/shm.
    mq_open(name: Text, flags: OpenFlags, mode: Permissions, attributes: Pointer) TEXT_0, ABSENT, "there is no other process to send messages to", refused;
    mq_unlink(name: Text) TEXT_0, ABSENT, "there is no other process to send messages to", refused;
    mq_timedsend_time64(queue: Descriptor, message: Buffer, length: Size, priority: Unsigned, timeout: TimePointer) NONE, ABSENT, "there is no other process to send messages to", refused;
    mq_timedreceive_time64(queue: Descriptor, message: Buffer, length: Size, priority: Result, timeout: TimePointer) NONE, ABSENT, "there is no other process to receive messages from", refused;
    mq_notify(queue: Descriptor, event: Pointer) NONE, ABSENT, "there is no other process to receive messages from", refused;
    mq_getsetattr(queue: Descriptor, new: Pointer, old: Result) NONE, ABSENT, "there is no other process to send messages to", refused;
    msgget(key: Signed, flags: Flags) NONE, ABSENT, "there is no other process to send messages to", refused;
    msgctl(queue: Signed, command: Unsigned, argument: Pointer) NONE, ABSENT, "there is no other process to send messages to", refused;
    msgsnd(queue: Signed, message: Buffer, length: Size, flags: Flags) NONE, ABSENT, "there is no other process to send messages to", refused;
    msgrcv(queue: Signed, message: Buffer, length: Size, kind: Signed, flags: Flags) NONE, ABSENT, "there is no other process to receive messages from", refused;
    semget(key: Signed, count: Signed, flags: Flags) NONE, ABSENT, "there is no other process to share semaphores with", refused;
    semctl(set: Signed, index: Signed, command: Unsigned, argument: Pointer) NONE, ABSENT, "there is no other process to share semaphores with", refused;
    semop(set: Signed, operations: Pointer, count: Unsigned) NONE, ABSENT, "there is no other process to share semaphores with", refused;
    semtimedop_time64(set: Signed, operations: Pointer, count: Unsigned, timeout: TimePointer) NONE, ABSENT, "there is no other process to share semaphores with", refused;
    shmget(key: Signed, size: Unsigned, flags: Flags) NONE, ABSENT, "there is no other process to share memory with", refused;
    shmctl(segment: Signed, command: Unsigned, argument: Pointer) NONE, ABSENT, "there is no other process to share memory with", refused;
    shmat(segment: Signed, address: Pointer, flags: Flags) NONE, ABSENT, "there is no other process to share memory with", refused;
    shmdt(address: Pointer) NONE, ABSENT, "there is no other process to share memory with", refused;

    // Keys and walls.
    add_key(kind: Text, name: Text, payload: Buffer, length: Size, ring: Signed) NONE, ABSENT, "the kernel keeps no keys", refused;
    request_key(kind: Text, name: Text, information: Text, ring: Signed) NONE, ABSENT, "the kernel keeps no keys", refused;
    keyctl(operation: Unsigned, first: Unsigned, second: Unsigned, third: Unsigned, fourth: Unsigned) NONE, ABSENT, "the kernel keeps no keys", refused;
    seccomp(operation: Unsigned, flags: Flags, arguments: Pointer) NONE, ABSENT, "calls are filtered by the one who runs the program", refused;
    landlock_create_ruleset(attributes: Pointer, size: Size, flags: Flags) NONE, ABSENT, "what is allowed is for the one to say who runs the program", refused;
    landlock_add_rule(rules: Descriptor, kind: Unsigned, attributes: Pointer, flags: Flags) NONE, ABSENT, "what is allowed is for the one to say who runs the program", refused;
    landlock_restrict_self(rules: Descriptor, flags: Flags) NONE, ABSENT, "what is allowed is for the one to say who runs the program", refused;

    // Memory beyond a WebAssembly memory's own.
    userfaultfd(flags: DescriptorFlags) NONE, ABSENT, "a WebAssembly memory has no pages that could be missing", refused;
    pkey_mprotect(address: Pointer, length: Unsigned, protection: Flags, key: Signed) NONE, ABSENT, "a WebAssembly memory has no protection keys", refused;
    pkey_alloc(flags: Flags, rights: Flags) NONE, ABSENT, "a WebAssembly memory has no protection keys", refused;
    pkey_free(key: Signed) NONE, ABSENT, "a WebAssembly memory has no protection keys", refused;
    mbind(address: Pointer, length: Unsigned, mode: Unsigned, nodes: Pointer, most: Unsigned, flags: Flags) NONE, ABSENT, "all memory is equally near", refused;
    get_mempolicy(mode: Result, nodes: Result, most: Unsigned, address: Pointer, flags: Flags) NONE, ABSENT, "all memory is equally near", refused;
    set_mempolicy(mode: Unsigned, nodes: Pointer, most: Unsigned) NONE, ABSENT, "all memory is equally near", refused;
    set_mempolicy_home_node(address: Pointer, length: Unsigned, node: Unsigned, flags: Flags) NONE, ABSENT, "all memory is equally near", refused;
    migrate_pages(process: Signed, most: Unsigned, old: Pointer, new: Pointer) NONE, ABSENT, "all memory is equally near", refused;
    move_pages(process: Signed, count: Unsigned, pages: Pointer, nodes: Pointer, status: Result, flags: Flags) NONE, ABSENT, "all memory is equally near", refused;
    cachestat(fd: Descriptor, range: Pointer, result: Result, flags: Flags) NONE, ABSENT, "no file is in a cache", refused;
    futex_waitv(waiters: Pointer, count: Unsigned, flags: Flags, timeout: TimePointer, clock: Clock) NONE, ABSENT, "there is one thread, which nobody could wake", refused;
};
