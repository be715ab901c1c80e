//! Streams of the user's own.

use crate::object::{Blocking, Interest, Object, Transfer};
use crate::wait::{Readiness, retry};
use crate::{Errno, Fault, Waiter};
use std::sync::Arc;

/// A stream that the user of this crate answers for: standard input that is produced as
/// it is read, output that goes where it is wanted, or what opening a name of a tree
/// gives ([`Opened::Stream`](crate::files::Opened::Stream)).
///
/// No method waits. What cannot be done now says EAGAIN, and `readiness` says what to wait
/// for: the system does that, until the run's deadline at most, for a read or a write as
/// well as for poll. Whoever changes what `readiness` tells then wakes the queue.
///
/// Standard input that another thread of the controller writes, a line at a time:
///
/// ```
/// use bellglass_system::{Errno, Input, Interest, Readiness, Stream, System, WaitQueue};
/// use std::collections::VecDeque;
/// use std::sync::{Arc, Mutex};
///
/// #[derive(Default)]
/// struct Lines {
///     bytes: Mutex<VecDeque<u8>>,
///     queue: WaitQueue,
/// }
///
/// impl Lines {
///     fn say(&self, line: &str) {
///         self.bytes.lock().unwrap().extend(line.as_bytes());
///         self.queue.wake();
///     }
/// }
///
/// impl Stream for Lines {
///     fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
///         let mut bytes = self.bytes.lock().unwrap();
///         if bytes.is_empty() {
///             return Err(Errno::AGAIN);
///         }
///         Ok(std::io::Read::read(&mut *bytes, into)?)
///     }
///
///     fn readiness(&self, _interest: Interest) -> Result<Readiness, Errno> {
///         // First this, so that what is said meanwhile is not missed.
///         let listener = self.queue.listen();
///         Ok(match self.bytes.lock().unwrap().len() as u64 {
///             0 => Readiness::When(listener),
///             bytes => Readiness::Now { bytes, hangup: false },
///         })
///     }
/// }
///
/// let lines = Arc::new(Lines::default());
/// let system = System::builder().stdin(Input::Stream(lines.clone())).build()?;
/// lines.say("hello\n");
/// # drop(system);
/// # Ok::<(), bellglass_system::SystemError>(())
/// ```
pub trait Stream: Send + Sync {
    /// Reads what is there; 0 is the end. EAGAIN if there is nothing yet.
    fn read(&self, _into: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::BADF)
    }

    /// Writes some of it, which is not empty, and says how much. EAGAIN if there is no
    /// room yet, EPIPE if nobody reads any more.
    fn write(&self, _from: &[u8]) -> Result<usize, Errno> {
        Err(Errno::BADF)
    }

    /// Whether a read or a write would go through now, and if not, what that waits for.
    fn readiness(&self, interest: Interest) -> Result<Readiness, Errno>;
}

/// A user's stream as descriptors hold it.
#[derive(Clone)]
pub(crate) struct OwnStream(pub Arc<dyn Stream>);

impl OwnStream {
    pub(super) fn read(&self, into: &mut [u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        // The user's code may count wrongly, but no more can have been read.
        let read = || Ok(self.0.read(into)?.min(into.len()));
        retry(blocking, Interest::Read, waiter, read, |interest| self.0.readiness(interest))
    }

    pub(super) fn write(&self, from: &[u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        if from.is_empty() {
            return Ok(0);
        }
        let write = || match self.0.write(from)? {
            // Whoever writes all of it would try for ever.
            0 => Err(Errno::IO),
            count => Ok(count.min(from.len())),
        };
        retry(blocking, Interest::Write, waiter, write, |interest| self.0.readiness(interest))
    }
}

impl Object for OwnStream {
    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.read(into, transfer.blocking, transfer.waiter)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.write(from, transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        self.0.readiness(interest)
    }
}
