//! Reaching a guest at its deadline, and until it has looked.
//!
//! A guest in a thread is stopped by its own compiled code, which looks at a counter,
//! the engine's epoch. Nothing counts while nobody is to be stopped: the timer's thread
//! sleeps until the next deadline, and advances the epoch then. A guest that had looked
//! just before would not look again, so the epoch is advanced once more a little later,
//! until the guest has looked.

use super::requests::Requests;
use crate::timers::{Timer, TimerHandle};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a guest that has not looked is left before the epoch is advanced again; twice as
/// long each time.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest pause. A guest that does not look for long is in the middle of an answer.
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// Reaches one guest, as long as the [`Timer`] lives that it was made with.
#[derive(Clone, Debug)]
pub(crate) struct EpochTimer {
    requests: Arc<Requests>,
    times: Arc<Mutex<Times>>,
    handle: TimerHandle,
}

#[derive(Debug)]
struct Times {
    /// When the guest is to end, as long as that is to come.
    deadline: Option<Instant>,
    /// How long it is left next, if it does not look.
    pause: Duration,
}

impl EpochTimer {
    pub(crate) fn new(requests: Arc<Requests>) -> (Self, Timer) {
        let times = Arc::new(Mutex::new(Times { deadline: None, pause: PAUSE }));
        let (reached, kept) = (Arc::clone(&requests), Arc::clone(&times));
        let timer = Timer::new(move || look(&reached, &mut lock(&kept)));
        let handle = timer.handle();
        (Self { requests, times, handle }, timer)
    }

    /// What is asked of the guest.
    pub(crate) fn requests(&self) -> &Arc<Requests> {
        &self.requests
    }

    /// Ends the guest at this time.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn end_at(&self, deadline: Instant) -> std::io::Result<()> {
        lock(&self.times).deadline = Some(deadline);
        self.handle.set(deadline)
    }

    /// Has the guest look now, and until it does.
    pub(crate) fn reach(&self) {
        self.requests.advance_epoch();
        lock(&self.times).pause = PAUSE * 2;
        // Without a thread the first time must do, which nearly always it does.
        let _ = self.handle.set(Instant::now() + PAUSE);
    }
}

fn lock(times: &Mutex<Times>) -> MutexGuard<'_, Times> {
    times.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Advances the epoch if it is time, and says when the next time is.
fn look(requests: &Requests, times: &mut Times) -> Option<Instant> {
    let now = Instant::now();
    if times.deadline.take_if(|deadline| *deadline <= now).is_some() {
        requests.expire();
        times.pause = PAUSE;
    }
    if !requests.is_pending() {
        return times.deadline;
    }
    requests.advance_epoch();
    let again = now + times.pause;
    times.pause = (times.pause * 2).min(LONGEST_PAUSE);
    Some(times.deadline.map_or(again, |deadline| deadline.min(again)))
}
