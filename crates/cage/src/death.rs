//! The kernel ends the cell when its controller is gone, whatever the cell does
//! by then. The parent-death signal would not do: it comes when the *thread* that
//! started the cell ends, and a sandbox may be built in one thread and run in
//! another.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::retry_on_intr;
use std::io::Error;
use std::os::fd::AsRawFd;

/// Which signal a descriptor sends, which `libc` does not name; from
/// asm-generic/fcntl.h.
const F_SETSIG: libc::c_int = 10;

/// Asks for SIGKILL when the reading end of the pipe at descriptor 2, which the
/// controller alone holds, is closed; if it is closed already, the process ends here.
/// A pipe signals its writers at each read, too: the controller reads it only once the
/// cell has ended.
pub(crate) fn bind() -> Result<(), Error> {
    let pipe = std::io::stderr();
    // Other files signal on other occasions: a terminal, at each key.
    if FileType::from_raw_mode(fstat(&pipe)?.st_mode) != FileType::Fifo {
        return Err(Error::other("descriptor 2 is not a pipe"));
    }
    let own = rustix::process::getpid().as_raw_nonzero().get();
    for (command, argument) in
        [(libc::F_SETOWN, own), (F_SETSIG, libc::SIGKILL), (libc::F_SETFL, libc::O_ASYNC)]
    {
        // SAFETY: these commands take a number, and change nothing but how the
        // kernel signals about this descriptor.
        if unsafe { libc::fcntl(pipe.as_raw_fd(), command, argument) } == -1 {
            return Err(Error::last_os_error());
        }
    }
    // Who was gone before that was asked for is signalled by nothing.
    let mut reader = [PollFd::new(&pipe, PollFlags::empty())];
    // An interrupt of the guest's may come at any moment.
    retry_on_intr(|| poll(&mut reader, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })))?;
    if reader[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
        // SAFETY: it only ends the process; nobody is left to read what is buffered.
        unsafe { libc::_exit(libc::EXIT_FAILURE) };
    }
    Ok(())
}
