//! What a running cell may ask of the kernel. Each rule names its caller: a rule
//! that nobody needs is a hole, and a test takes away each in turn to see that
//! something ends.
//!
//! What is deliberately not here: opening anything, sockets, other processes,
//! executable memory, signals to anybody, ioctl, prctl.

/// One system call that is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, for people.
    pub name: &'static str,
    /// Its number on this processor.
    pub number: libc::c_long,
    /// What its arguments must be like, all of it.
    pub checks: &'static [Check],
}

/// What an argument, taken as a C `int`, must be like.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// None of these bits is set.
    NoneOf {
        /// Which argument, from 0.
        argument: u8,
        /// The bits.
        bits: u64,
    },
    /// It is one of these.
    OneOf {
        /// Which argument, from 0.
        argument: u8,
        /// The values.
        values: &'static [u64],
    },
}

const fn rule(name: &'static str, number: libc::c_long, checks: &'static [Check]) -> Rule {
    Rule { name, number, checks }
}

/// Memory that can be written may never be run, and no more code is loaded.
const NOT_EXECUTABLE: &[Check] = &[Check::NoneOf { argument: 2, bits: libc::PROT_EXEC as u64 }];

/// What a cell that holds a guest may call.
pub const GUEST: &[Rule] = &[
    // The link: frames from and to the controller; the cell's last words.
    rule("read", libc::SYS_read, &[]),
    rule("write", libc::SYS_write, &[]),
    // The watcher for the controller's end. (Not restart_syscall: after a stop and
    // a continue this one is made anew. A futex wait with a time would need it.)
    rule("ppoll", libc::SYS_ppoll, &[]),
    // The engine: the guest's memory and tables. The allocator: its arenas, large
    // pieces.
    rule("mmap", libc::SYS_mmap, NOT_EXECUTABLE),
    rule("mprotect", libc::SYS_mprotect, NOT_EXECUTABLE),
    rule("munmap", libc::SYS_munmap, &[]),
    rule("mremap", libc::SYS_mremap, &[]),
    // (Not brk: the guest's thread has an arena of its own, which is mapped. Not
    // futex: the two threads share no lock that either ever waits for.)
    // The end of a signal handler: an interrupt, or a trap of the guest.
    rule("rt_sigreturn", libc::SYS_rt_sigreturn, &[]),
    // The end. (Not close: what the cell has goes with the process.)
    rule("exit_group", libc::SYS_exit_group, &[]),
];
