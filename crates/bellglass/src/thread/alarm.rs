//! Ringing a guest at its deadline, and until it hears.
//!
//! A guest in a thread is stopped by its own compiled code, which looks at a
//! counter. Nothing counts while nobody is to be stopped: the watchdog sleeps until
//! the next deadline, and rings then. A guest that had just looked when it was rung
//! would not look again, so it is rung once more a little later, until it has heard.

use super::bell::Bell;
use crate::watchdog::{Reminder, Watched};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a guest that has not heard is left before it is rung again; twice as
/// long each time.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest pause. A guest that is deaf for long is in the middle of an answer.
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// Rings one guest, as long as the [`Watched`] lives that it was made with.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    bell: Arc<Bell>,
    times: Arc<Mutex<Times>>,
    reminder: Reminder,
}

#[derive(Debug)]
struct Times {
    /// When the guest is to end, as long as that is to come.
    deadline: Option<Instant>,
    /// How long it is left next, if it does not hear.
    pause: Duration,
}

impl Alarm {
    pub(crate) fn new(bell: Arc<Bell>) -> (Self, Watched) {
        let times = Arc::new(Mutex::new(Times { deadline: None, pause: PAUSE }));
        let (rung, kept) = (Arc::clone(&bell), Arc::clone(&times));
        let watched = Watched::new(move || look(&rung, &mut lock(&kept)));
        let reminder = watched.reminder();
        (Self { bell, times, reminder }, watched)
    }

    /// Whom it rings.
    pub(crate) fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    /// Ends the guest at this time.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn end_at(&self, deadline: Instant) -> std::io::Result<()> {
        lock(&self.times).deadline = Some(deadline);
        self.reminder.remind(deadline)
    }

    /// Rings the guest now, and until it hears.
    pub(crate) fn ring(&self) {
        self.bell.ring();
        lock(&self.times).pause = PAUSE * 2;
        // Without a thread the first ring must do, which nearly always it does.
        let _ = self.reminder.remind(Instant::now() + PAUSE);
    }
}

fn lock(times: &Mutex<Times>) -> MutexGuard<'_, Times> {
    times.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rings if it is time, and says when to look again.
fn look(bell: &Bell, times: &mut Times) -> Option<Instant> {
    let now = Instant::now();
    if times.deadline.take_if(|deadline| *deadline <= now).is_some() {
        bell.expire();
        times.pause = PAUSE;
    }
    if !bell.is_unheard() {
        return times.deadline;
    }
    bell.ring();
    let again = now + times.pause;
    times.pause = (times.pause * 2).min(LONGEST_PAUSE);
    Some(times.deadline.map_or(again, |deadline| deadline.min(again)))
}
