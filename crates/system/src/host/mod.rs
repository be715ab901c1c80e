//! The one port between the system and the machine below it.
//!
//! What the system asks of the machine is in [`Host`], a part for each subject, and each
//! part is a trait. So a test can drive a system by a clock of its own, and an async
//! runtime, a recording or another operating system can stand in the machine's place.
//! What this machine gives is in `unix`. Beside it only the tree of the host's files
//! (`files/host`, which is an implementation too, of
//! [`Directory`](crate::files::Directory) and [`File`](crate::files::File)) touches
//! descriptors and threads; a test of the architecture holds that.
//!
//! A new part is a field, and a trait in a file of its own: network, with connections as
//! objects of the guest's table and their readiness as a [`Source`]; the starting of programs.

mod unix;

pub(crate) use unix::{
    Action, Descriptor, HostLocks, HostStream, HostTerminal, Lockable, Reopen, SavedTerminal, Settings,
    errno, file_size_limit, open_file_limit, opened_for_both, spawn,
};
pub use unix::{HostRandom, RealClock, Source};

use crate::object::Interest;
use crate::{Clock, Errno, Random, Waiter};
use std::sync::Arc;
use std::time::Instant;

/// What a system has of the machine below it.
///
/// A guest that sleeps for an hour, in no time:
///
/// ```
/// use bellglass_system::host::{Host, Poller, Ready, Source, Waiting};
/// use bellglass_system::{Errno, FixedClock, Interest, SeededRandom, System};
/// use std::sync::{Arc, Mutex};
/// use std::time::{Duration, Instant};
///
/// /// Time passes only while somebody waits, and then at once.
/// struct Jumping(Mutex<Instant>);
///
/// impl Poller for Jumping {
///     fn now(&self) -> Instant {
///         *self.0.lock().unwrap()
///     }
///     fn wait(
///         &self,
///         _sources: &[(Source, Interest)],
///         _ready: &mut [Ready],
///         until: Option<Instant>,
///     ) -> Result<(), Errno> {
///         let mut now = self.0.lock().unwrap();
///         // For ever would be for ever here too.
///         *now = until.ok_or(Errno::DEADLK)?.max(*now);
///         Ok(())
///     }
///     fn sleep(&self, until: Instant) {
///         *self.0.lock().unwrap() = until;
///     }
///     fn notify(&self) {}
///     fn reset(&self) {}
/// }
///
/// struct Jumps;
///
/// impl Waiting for Jumps {
///     fn poller(&self) -> std::io::Result<Box<dyn Poller>> {
///         Ok(Box::new(Jumping(Mutex::new(Instant::now()))))
///     }
/// }
///
/// let host = Host {
///     clock: Arc::new(FixedClock::new(Duration::ZERO)),
///     random: Box::new(SeededRandom::new(1)),
///     waiting: Box::new(Jumps),
/// };
/// let waiter = host.waiter(None)?;
/// let system = System::builder().host(host).build()?;
/// let an_hour = waiter.now() + Duration::from_secs(3600);
/// assert_eq!(waiter.pause_until(an_hour), Ok(()));
/// # drop(system);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Host {
    /// What time it is for the guest.
    pub clock: Arc<dyn Clock>,
    /// Where its random bytes come from.
    pub random: Box<dyn Random>,
    /// How its calls wait.
    pub waiting: Box<dyn Waiting>,
}

impl Host {
    /// The machine that this process runs on.
    pub fn native() -> Self {
        Self {
            clock: Arc::new(RealClock::new()),
            random: Box::new(HostRandom),
            waiting: Box::new(unix::Native),
        }
    }

    /// What the calls of one run wait by, until `deadline` at most.
    ///
    /// # Errors
    /// When the host has no more of what waiting takes, such as descriptors.
    pub fn waiter(&self, deadline: Option<Instant>) -> std::io::Result<Waiter> {
        Ok(Waiter::with_poller(self.waiting.poller()?, deadline))
    }
}

/// How the machine waits.
pub trait Waiting: Send + Sync {
    /// What one run waits by.
    ///
    /// # Errors
    /// When there is no more of what that takes.
    fn poller(&self) -> std::io::Result<Box<dyn Poller>>;
}

/// Waits on behalf of one run.
pub trait Poller: Send + Sync {
    /// What time it is. By this clock deadlines and the ends of waits are told.
    fn now(&self) -> Instant;

    /// Waits until one of `sources` is ready, or [`notify`](Self::notify) is called or has
    /// been since the last [`reset`](Self::reset), or `until` has come; without `until`
    /// time does not end it. Says in `ready`, which is as long as `sources`, how each of
    /// them is. It may return early without a reason.
    ///
    /// # Errors
    /// What the host says that cannot wait for these.
    fn wait(
        &self,
        sources: &[(Source, Interest)],
        ready: &mut [Ready],
        until: Option<Instant>,
    ) -> Result<(), Errno>;

    /// Lets time pass until then, whatever happens meanwhile: a few milliseconds.
    fn sleep(&self, until: Instant);

    /// Ends the wait that is under way, and each later one at once. It is called from any
    /// thread, and does not wait.
    fn notify(&self);

    /// Lets waits wait again.
    fn reset(&self);
}

/// How a source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    /// Not ready.
    #[default]
    No,
    /// What is wanted goes through now.
    Yes,
    /// Its other end is gone, and there is nothing left: reading or writing will tell.
    HungUp,
    /// What is wanted goes through now, and the other end is gone.
    Last,
    /// It failed, or nobody reads what would be written: writing will tell.
    Failed,
}
