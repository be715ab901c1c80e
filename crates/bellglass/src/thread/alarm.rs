//! Ringing guests at their deadlines, and until they hear.
//!
//! A guest in a thread is stopped by its own compiled code, which looks at a
//! counter. Nothing counts while nobody is to be stopped: one thread for the
//! whole process sleeps until the next deadline, and rings then. A guest that had
//! just looked when it was rung would not look again, so it is rung once more a
//! little later, until it has heard. The thread ends when no guest has needed it
//! for a while. It is woken only if it would sleep too long: guests that run one
//! after the other do not wake it each time.

use super::bell::Bell;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a guest that has not heard is left before it is rung again; twice as
/// long each time.
const PAUSE: Duration = Duration::from_millis(1);

/// The longest pause. A guest that is deaf for long is in the middle of an answer.
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// How long the thread waits for work before it ends.
const IDLE_TIME: Duration = Duration::from_secs(1);

static ALARM: Alarm = Alarm { state: Mutex::new(State::new()), changed: Condvar::new() };

struct Alarm {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: BTreeMap<Key, Waiting>,
    /// Tells apart what is due at the same moment.
    next: u64,
    running: bool,
    /// When the thread wakes by itself; `None` while it does not sleep.
    asleep_until: Option<Instant>,
}

type Key = (Instant, u64);

struct Waiting {
    bell: Arc<Bell>,
    reason: Reason,
}

enum Reason {
    Deadline,
    /// It has not heard; the next pause.
    Again(Duration),
}

/// A guest that is rung at its deadline. Dropping this cancels it.
pub(crate) struct Appointment(Key);

impl Drop for Appointment {
    fn drop(&mut self) {
        let mut state = ALARM.lock();
        state.waiting.remove(&self.0);
        // It must not sleep until then for nobody.
        let is_needless = state.waiting.is_empty() && state.sleeps_beyond(Instant::now() + IDLE_TIME);
        drop(state);
        if is_needless {
            ALARM.changed.notify_one();
        }
    }
}

/// Ends the guest at `instant`.
///
/// # Errors
/// When the operating system gives no thread.
pub(crate) fn at(instant: Instant, bell: &Arc<Bell>) -> std::io::Result<Appointment> {
    let waiting = Waiting { bell: Arc::clone(bell), reason: Reason::Deadline };
    ALARM.add(instant, waiting).map(Appointment)
}

/// Rings the guest now, and until it hears.
pub(crate) fn ring(bell: &Arc<Bell>) {
    bell.ring();
    let again = Waiting { bell: Arc::clone(bell), reason: Reason::Again(PAUSE * 2) };
    // Without a thread the first ring must do, which nearly always it does.
    let _ = ALARM.add(Instant::now() + PAUSE, again);
}

impl Alarm {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&'static self, instant: Instant, waiting: Waiting) -> std::io::Result<Key> {
        let mut state = self.lock();
        if !state.running {
            let work = std::thread::Builder::new().name("bellglass-alarm".to_owned());
            work.spawn(|| self.work())?;
            state.running = true;
        }
        let key = state.insert(instant, waiting);
        let is_late = state.sleeps_beyond(instant);
        drop(state);
        if is_late {
            self.changed.notify_one();
        }
        Ok(key)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let due = state.waiting.first_key_value().map(|(key, _)| key.0);
            match due {
                Some(due) if due <= now => state.serve_first(now),
                due => {
                    let time = due.map_or(IDLE_TIME, |due| due - now);
                    state.asleep_until = now.checked_add(time);
                    let waited = self.changed.wait_timeout(state, time);
                    let (left, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                    state = left;
                    state.asleep_until = None;
                    if timeout.timed_out() && state.waiting.is_empty() {
                        state.running = false;
                        return;
                    }
                }
            }
        }
    }
}

impl State {
    const fn new() -> Self {
        Self { waiting: BTreeMap::new(), next: 0, running: false, asleep_until: None }
    }

    fn sleeps_beyond(&self, instant: Instant) -> bool {
        self.asleep_until.is_some_and(|until| instant < until)
    }

    fn insert(&mut self, instant: Instant, waiting: Waiting) -> Key {
        let key = (instant, self.next);
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(key, waiting);
        key
    }

    fn serve_first(&mut self, now: Instant) {
        let Some((_, Waiting { bell, reason })) = self.waiting.pop_first() else { return };
        let pause = match reason {
            Reason::Deadline => {
                bell.expire();
                PAUSE
            }
            Reason::Again(pause) => pause,
        };
        if bell.is_unheard() {
            bell.ring();
            let next = (pause * 2).min(LONGEST_PAUSE);
            self.insert(now + pause, Waiting { bell, reason: Reason::Again(next) });
        }
    }
}
