//! What this machine gives: the implementation of the port, and of the guest's standard
//! streams that are streams of the host.
//!
//! Here are descriptors, threads and system calls; what goes out are types of the port.

mod clock;
mod errno;
mod limits;
mod locks;
mod poller;
mod random;
mod source;
mod stream;
mod terminal;
mod thread;

pub use clock::RealClock;
pub(crate) use errno::errno;
pub(crate) use limits::{file_size_limit, open_file_limit};
pub(crate) use locks::{HostLocks, Lockable, Reopen, opened_for_both};
pub(crate) use poller::Native;
pub use random::HostRandom;
pub use source::Source;
/// A descriptor that the user gives to a guest.
pub(crate) use std::os::fd::OwnedFd as Descriptor;
pub(crate) use stream::HostStream;
pub(crate) use terminal::HostTerminal;
pub use terminal::{Action, SavedTerminal, Settings};
pub(crate) use thread::spawn;
