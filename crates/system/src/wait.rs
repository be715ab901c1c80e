//! Waiting in a handler: for sources of the host, for what other threads of this process
//! do, for a time, and never beyond what the run's [`Waiter`] allows.

use crate::host::{Ready, Source};
use crate::object::{Blocking, Interest};
use crate::{Errno, Fault, Waiter, Woken};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What polling an object finds.
#[derive(Debug)]
pub enum Readiness {
    /// A read or write would go through now, for about so many bytes.
    Now {
        /// How many.
        bytes: u64,
        /// Whether the other end is closed.
        hangup: bool,
    },
    /// It depends on this source of the host.
    On(Source),
    /// Not before this is woken, and then it is asked anew.
    When(Listener),
    /// Nothing will ever come.
    Never,
}

/// Those that wait for an object which other threads of this process change. Clones are
/// the same queue. Like Linux's wait queues it keeps nothing but who waits: whoever is
/// woken looks again at the object.
#[derive(Clone, Debug, Default)]
pub struct WaitQueue(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    /// How often it was woken.
    turn: AtomicU64,
    /// Whether only the guest itself wakes it.
    is_within: bool,
    // BOUND: each wait of each run is in it once for each of its subscriptions, which
    // poll bounds, and only as long as it waits.
    waiting: Mutex<Vec<Waiter>>,
}

impl WaitQueue {
    /// A queue for which nobody waits.
    pub fn new() -> Self {
        Self::default()
    }

    /// A queue of something that nobody but the guest itself changes: to wait for that is
    /// to sleep.
    pub(crate) fn within() -> Self {
        Self(Arc::new(Queue { is_within: true, ..Queue::default() }))
    }

    /// How often it was woken.
    pub(crate) fn turn(&self) -> u64 {
        self.0.turn.load(Ordering::SeqCst)
    }

    /// What waits for the next [`wake`](Self::wake). It is made *before* one looks at the
    /// state of the object, so that no change is missed in between.
    pub fn listen(&self) -> Listener {
        Listener { queue: Arc::clone(&self.0), turn: self.turn() }
    }

    /// Wakes all that wait, once the state of the object has changed.
    pub fn wake(&self) {
        self.0.turn.fetch_add(1, Ordering::SeqCst);
        for waiter in self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            waiter.wake();
        }
    }
}

/// Waits for a [`WaitQueue`] to be woken.
#[derive(Debug)]
pub struct Listener {
    queue: Arc<Queue>,
    turn: u64,
}

impl Listener {
    pub(crate) fn is_woken(&self) -> bool {
        self.queue.turn.load(Ordering::SeqCst) != self.turn
    }

    /// Whether only the guest itself wakes it.
    pub(crate) fn is_within(&self) -> bool {
        self.queue.is_within
    }

    fn enter(&self, waiter: &Waiter) -> Entered<'_> {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waiter.clone());
        Entered { queue: &self.queue, waiter: waiter.clone() }
    }
}

/// A place in a queue, until it is dropped.
struct Entered<'a> {
    queue: &'a Queue,
    waiter: Waiter,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = waiting.iter().position(|waiter| waiter.is_same(&self.waiter)) {
            waiting.swap_remove(own);
        }
    }
}

/// Waits until `source` is ready.
///
/// # Errors
/// EINTR when an interrupt for the guest came, [`Stop`](crate::Stop) when the
/// run must end.
pub(crate) fn wait_for(waiter: &Waiter, source: &Source, interest: Interest) -> Result<(), Fault> {
    wait_for_any(waiter, &[(source.clone(), interest)], &[], None).map(|_| ())
}

/// Waits until the run ends or is interrupted: what a read does that nothing can
/// ever satisfy.
pub(crate) fn wait_for_ever(waiter: &Waiter) -> Result<std::convert::Infallible, Fault> {
    loop {
        wait_for_any(waiter, &[], &[], None)?;
    }
}

/// Waits until one of `sources` is ready, one of `listeners` is woken, or `until` has
/// come. Returns how each of the sources is; none is ready when a listener was woken or
/// the time is over.
///
/// # Errors
/// EINTR when an interrupt for the guest came, [`Stop`](crate::Stop) when the run must
/// end, and what the host says that cannot wait for these.
pub fn wait_for_any(
    waiter: &Waiter,
    sources: &[(Source, Interest)],
    listeners: &[Listener],
    until: Option<Instant>,
) -> Result<Vec<Ready>, Fault> {
    // First of all, so that whoever wakes from now on finds this wait.
    let _entered: Vec<Entered<'_>> = listeners.iter().map(|listener| listener.enter(waiter)).collect();
    let mut ready = vec![Ready::No; sources.len()];
    loop {
        let mut wait = waiter.begin(until)?;
        if listeners.iter().any(Listener::is_woken) {
            return Ok(ready);
        }
        wait.poll(sources, &mut ready)?;
        let interrupted = wait.interrupted;
        drop(wait);
        if ready.iter().any(|ready| *ready != Ready::No) {
            return Ok(ready);
        }
        if until.is_some_and(|until| waiter.now() >= until) {
            // The deadline may have come at the same moment, and it is first.
            return match waiter.check() {
                Err(Woken::Stop(stop)) => Err(stop.into()),
                _ => Ok(ready),
            };
        }
        if interrupted {
            return Err(Errno::INTR.into());
        }
    }
}

/// How often an object is believed that it is ready and then is not; and how long it is
/// left alone from then on.
const BELIEVED: u32 = 16;
const DOUBT: Duration = Duration::from_millis(1);

/// Keeps an object that becomes ready without end, and then is not, from taking all of a
/// processor's time, and from hiding why a wait must end.
#[derive(Default)]
pub(crate) struct Doubt {
    in_vain: u32,
}

impl Doubt {
    /// It was ready once more in vain.
    ///
    /// # Errors
    /// As [`wait_for_any`].
    pub(crate) fn wait(&mut self, waiter: &Waiter) -> Result<(), Fault> {
        waiter.check().map_err(|woken| match woken {
            Woken::Stop(stop) => Fault::from(stop),
            Woken::Interrupted | Woken::TimedOut => Errno::INTR.into(),
        })?;
        if self.in_vain >= BELIEVED {
            return Ok(waiter.pause_until(waiter.now() + DOUBT)?);
        }
        self.in_vain += 1;
        Ok(())
    }
}

/// Does what `attempt` does, again and again where it says EAGAIN and the caller waits:
/// each time once `readiness` says that it is worth it.
pub(crate) fn retry<T>(
    blocking: Blocking,
    interest: Interest,
    waiter: &Waiter,
    attempt: impl FnMut() -> Result<T, Errno>,
    readiness: impl Fn(Interest) -> Result<Readiness, Errno>,
) -> Result<T, Fault> {
    retry_until(blocking, interest, waiter, None, attempt, readiness)
}

/// The same for so long at most: then EAGAIN, if there is a limit.
pub(crate) fn retry_until<T>(
    blocking: Blocking,
    interest: Interest,
    waiter: &Waiter,
    limit: Option<Duration>,
    mut attempt: impl FnMut() -> Result<T, Errno>,
    readiness: impl Fn(Interest) -> Result<Readiness, Errno>,
) -> Result<T, Fault> {
    // A time too far to be told is for ever.
    let until = limit.and_then(|limit| waiter.now().checked_add(limit));
    let mut doubt = Doubt::default();
    loop {
        match attempt() {
            Err(Errno::AGAIN) if blocking == Blocking::Wait => {}
            result => return Ok(result?),
        }
        if until.is_some_and(|until| waiter.now() >= until) {
            return Err(Errno::AGAIN.into());
        }
        match readiness(interest)? {
            // It became ready just now, or says so without end.
            Readiness::Now { .. } => doubt.wait(waiter)?,
            Readiness::When(listener) if listener.is_woken() => doubt.wait(waiter)?,
            Readiness::On(source) => {
                wait_for_any(waiter, &[(source, interest)], &[], until)?;
            }
            Readiness::When(listener) => {
                wait_for_any(waiter, &[], &[listener], until)?;
            }
            Readiness::Never => {
                wait_for_any(waiter, &[], &[], until)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(100);

    #[test]
    fn what_is_woken_between_the_look_and_the_wait_is_not_missed() {
        let (queue, waiter) = (WaitQueue::new(), Waiter::new(None).expect("a waiter"));
        let listener = queue.listen();
        queue.wake();
        let begun = Instant::now();
        wait_for_any(&waiter, &[], &[listener], Some(begun + LONG)).expect("woken");
        assert!(begun.elapsed() < LONG / 2);
    }

    #[test]
    fn all_that_wait_are_woken_from_another_thread_and_leave_the_queue() {
        let queue = WaitQueue::new();
        let waiter = Waiter::new(Some(Instant::now() + LONG)).expect("a waiter");
        // Two of one run and one of another: none takes the notice from the next.
        let waiters = [waiter.clone(), waiter, Waiter::new(None).expect("a waiter")];
        let threads = waiters.map(|waiter| {
            let queue = queue.clone();
            std::thread::spawn(move || wait_for_any(&waiter, &[], &[queue.listen()], None))
        });
        while queue.0.waiting.lock().expect("held by nobody").len() < 3 {
            std::thread::yield_now();
        }
        queue.wake();
        for thread in threads {
            assert_eq!(thread.join().expect("it ends"), Ok(Vec::new()));
        }
        assert!(queue.0.waiting.lock().expect("held by nobody").is_empty());
    }
}
