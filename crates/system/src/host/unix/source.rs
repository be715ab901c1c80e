//! What can become ready on this machine: descriptors.

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

    /// The controller's standard input.
    pub(crate) fn input() -> Self {
        Self(Kind::Inherited(rustix::stdio::stdin()))
    }

    /// The controller's standard output.
    pub(crate) fn output() -> Self {
        Self(Kind::Inherited(rustix::stdio::stdout()))
    }

    /// The controller's standard error.
    pub(crate) fn error() -> Self {
        Self(Kind::Inherited(rustix::stdio::stderr()))
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
