//! A fork whose child has the same parent as the process that forks.

use rustix::process::Pid;
use std::io::Error;

/// Which of the two processes goes on after a [`fork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that has forked, with the number of the new one.
    Old(Pid),
    /// The new one.
    New,
}

/// Forks this process. The new process is a child of this one's parent: clone(2)
/// with `CLONE_PARENT`.
///
/// # Errors
/// What the kernel says: no memory, or the limit of processes.
///
/// # Safety
/// The calling thread must be the only one of its process: what another one has
/// locked would stay locked in the new process for ever.
pub unsafe fn fork() -> Result<Side, Error> {
    let flags = libc::CLONE_PARENT | libc::SIGCHLD;
    // SAFETY: without CLONE_VM this is what fork(2) does, in a process with one
    // thread, as the caller vouches for: the new one goes on with a copy of all
    // memory, on a copy of this stack. glibc keeps the thread's number from
    // before, which none of its functions relies on that a cell calls.
    let number = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0, 0, 0, 0) };
    match i32::try_from(number).ok().map(Pid::from_raw) {
        Some(Some(new)) => Ok(Side::Old(new)),
        Some(None) => Ok(Side::New),
        None => Err(Error::last_os_error()),
    }
}
