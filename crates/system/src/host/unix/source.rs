//! What can become ready on this machine: descriptors.

use crate::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Something of the host that can become ready: here a descriptor, which
/// [`AsFd`] gives. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Source(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// One of the controller's own standard streams.
    Inherited(BorrowedFd<'static>),
    /// One that was given to this system.
    Given(Arc<OwnedFd>),
}

impl Source {
    /// A descriptor that is ours now.
    pub fn new(descriptor: OwnedFd) -> Self {
        Self(Kind::Given(Arc::new(descriptor)))
    }

    /// The controller's standard input, output or, for any other number, error.
    pub(crate) fn standard(number: u32) -> Self {
        Self(Kind::Inherited(match number {
            0 => rustix::stdio::stdin(),
            1 => rustix::stdio::stdout(),
            _ => rustix::stdio::stderr(),
        }))
    }
}

impl Source {
    /// Bytes that can be read from it.
    pub(crate) fn unread(&self) -> Result<u64, Errno> {
        Ok(rustix::io::ioctl_fionread(self)?)
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Kind::Inherited(descriptor) => *descriptor,
            Kind::Given(descriptor) => descriptor.as_fd(),
        }
    }
}
