//! What a running cell may ask of the kernel. Each rule names its caller: a rule
//! that nobody needs is a hole, and a test takes away each in turn to see that
//! something ends.
//!
//! What is deliberately not here: opening anything, sockets, other processes,
//! executable memory, signals to anybody, ioctl, prctl.
//!
//! Nor memory that the kernel keeps and does not count. `RLIMIT_DATA` bounds private
//! memory that can be written, and can be got around in these ways, all of which the
//! rules close: memory that is shared, or may only be read (its page tables stay);
//! memory that was written and is then made read-only; a mapping that grows by itself;
//! a stack that is moved to where there is room (mremap); and a fixed mapping over
//! memory that was only reserved, which the kernel takes for no growth at all. Only
//! one kind of fixed mapping is allowed: that of a file, which holds no more than the
//! file.

/// One system call that is allowed, or one way to make it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, for people.
    pub name: &'static str,
    /// Its number on this processor.
    pub number: libc::c_long,
    /// What its arguments must be like, all of it.
    pub checks: &'static [Check],
}

/// What an argument must be like.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Its lower half, which is all of a C `int`, is one of these.
    OneOf {
        /// Which argument, from 0.
        argument: u8,
        /// The values.
        values: &'static [u64],
    },
    /// It is an address in the part of the address space that the cell has kept for
    /// itself when the last walls go up.
    InWindow {
        /// Which argument, from 0.
        argument: u8,
    },
}

pub(crate) const fn rule(name: &'static str, number: libc::c_long, checks: &'static [Check]) -> Rule {
    Rule { name, number, checks }
}

/// The stream to the controller.
const STREAM: &[u64] = &[0];

/// The stream and the pipe for the cell's last words.
const STREAM_OR_WORDS: &[u64] = &[0, 2];

const NO_ACCESS: u64 = libc::PROT_NONE as u64;
const READ_AND_WRITE: u64 = (libc::PROT_READ | libc::PROT_WRITE) as u64;

/// What memory the allocator maps, and what the engine.
const MEMORY: &[u64] = &[
    (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64,
    (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u64,
];

/// How the engine maps the part of the compiled module that is a guest's first memory.
const FILE: &[u64] = &[(libc::MAP_PRIVATE | libc::MAP_FIXED) as u64];

/// What a cell that holds a guest may call.
pub const GUEST: &[Rule] = &[
    // The link: frames from and to the controller; the cell's last words. (From
    // nothing else: where a read has got to in the compiled module is known to all
    // cells that share it.)
    rule("read", libc::SYS_read, &[Check::OneOf { argument: 0, values: STREAM }]),
    rule("write", libc::SYS_write, &[Check::OneOf { argument: 0, values: STREAM_OR_WORDS }]),
    // The watcher for the controller's end. (Not restart_syscall: after a stop and
    // a continue this one is made anew. A futex wait with a time would need it.)
    rule("ppoll", libc::SYS_ppoll, &[]),
    // The engine: the guest's memory and tables. The allocator: its arenas, large
    // pieces. Never to be run, and never to be taken the right to write again.
    rule(
        "mmap",
        libc::SYS_mmap,
        &[
            Check::OneOf { argument: 2, values: &[NO_ACCESS, READ_AND_WRITE] },
            Check::OneOf { argument: 3, values: MEMORY },
        ],
    ),
    rule(
        "mmap_file",
        libc::SYS_mmap,
        &[
            Check::InWindow { argument: 0 },
            Check::OneOf { argument: 2, values: &[READ_AND_WRITE] },
            Check::OneOf { argument: 3, values: FILE },
        ],
    ),
    rule(
        "mprotect",
        libc::SYS_mprotect,
        &[Check::OneOf { argument: 2, values: &[READ_AND_WRITE] }, Check::InWindow { argument: 0 }],
    ),
    rule("munmap", libc::SYS_munmap, &[Check::InWindow { argument: 0 }]),
    // (Not mremap: the cell's allocator copies instead. Not brk: the guest's thread
    // has an arena of its own, which is mapped. Not futex: the two threads share no
    // lock that either ever waits for.)
    // The end of a signal handler: an interrupt, or a trap of the guest.
    rule("rt_sigreturn", libc::SYS_rt_sigreturn, &[]),
    // The end. (Not close: what the cell has goes with the process.)
    rule("exit_group", libc::SYS_exit_group, &[]),
];
