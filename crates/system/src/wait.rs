//! Waiting for descriptors of the host, beside the bell of the run's waiter.

use crate::{Errno, Fault, Waiter, Woken};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A descriptor of the host that something waits for.
#[derive(Clone, Debug)]
pub enum HostDescriptor {
    /// One of the controller's own standard streams.
    Inherited(BorrowedFd<'static>),
    /// One that was given to this system.
    Given(Arc<OwnedFd>),
}

impl AsFd for HostDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Inherited(descriptor) => *descriptor,
            Self::Given(descriptor) => descriptor.as_fd(),
        }
    }
}

/// Waits until `descriptor` is ready.
///
/// # Errors
/// EINTR when an interrupt for the guest came, [`Stop`](crate::Stop) when the
/// run must end.
pub(crate) fn wait_for(waiter: &Waiter, descriptor: &HostDescriptor, flags: PollFlags) -> Result<(), Fault> {
    wait_for_any(waiter, &[(descriptor.clone(), flags)], None).map(|_| ())
}

/// Waits until the run ends or is interrupted: what a read does that nothing can
/// ever satisfy.
pub(crate) fn wait_for_ever(waiter: &Waiter) -> Result<std::convert::Infallible, Fault> {
    loop {
        wait_for_any(waiter, &[], None)?;
    }
}

/// Waits until one of `descriptors` is ready or `until` has come. Returns what is
/// ready of each; all empty when the time is over.
pub(crate) fn wait_for_any(
    waiter: &Waiter,
    descriptors: &[(HostDescriptor, PollFlags)],
    until: Option<Instant>,
) -> Result<Vec<PollFlags>, Fault> {
    loop {
        let interrupted = look(waiter)?;
        let mut polled: Vec<PollFd<'_>> =
            descriptors.iter().map(|(descriptor, flags)| PollFd::new(descriptor, *flags)).collect();
        let bell = waiter.bell();
        polled.push(PollFd::new(&bell, PollFlags::IN));
        // What is ready is taken, signal or not; only waiting is interrupted.
        let timeout = if interrupted { Some(Duration::ZERO) } else { waiter.remaining(until) };
        match rustix::event::poll(&mut polled, timeout.and_then(timespec).as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Errno::from(error).into()),
        }
        let ready: Vec<PollFlags> = polled.iter().take(descriptors.len()).map(PollFd::revents).collect();
        if ready.iter().any(|flags| !flags.is_empty()) {
            return Ok(ready);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            // The deadline may have come at the same moment, and it is first.
            look(waiter)?;
            return Ok(ready);
        }
        if interrupted {
            return Err(Errno::INTR.into());
        }
    }
}

/// Whether a signal is pending.
fn look(waiter: &Waiter) -> Result<bool, Fault> {
    match waiter.check() {
        Ok(()) => Ok(false),
        Err(Woken::Stop(stop)) => Err(stop.into()),
        Err(Woken::Interrupted | Woken::TimedOut) => Ok(true),
    }
}

/// `None` for a time too long to be told, which is for ever.
fn timespec(duration: Duration) -> Option<Timespec> {
    let tv_sec = i64::try_from(duration.as_secs()).ok()?;
    Some(Timespec { tv_sec, tv_nsec: duration.subsec_nanos().into() })
}
