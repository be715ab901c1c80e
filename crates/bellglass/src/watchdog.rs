//! Looks after runs whose guests compute, when no handler of theirs is at work:
//! alarm clocks, warnings, processor time, and the deadlines of guests in threads.
//! One thread does it for all runs of the process; it starts with the first that
//! needs it, and ends when there was none for a while.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the thread waits for another run before it ends.
const LINGER: Duration = Duration::from_secs(1);

/// Looks after one run, and says when to look again.
type Look = Arc<dyn Fn() -> Option<Instant> + Send + Sync>;

#[derive(Default)]
struct Watches {
    runs: Option<HashMap<u64, Run>>,
    /// When to look at which run.
    due: BTreeSet<(Instant, u64)>,
    last: u64,
    /// Whether the thread is there.
    awake: bool,
    /// When it looks by itself; `None` while it does not sleep. It is woken only if
    /// that is too late: runs one after the other do not wake it each time.
    asleep_until: Option<Instant>,
}

struct Run {
    look: Look,
    at: Option<Instant>,
}

static WATCHES: Mutex<Watches> =
    Mutex::new(Watches { runs: None, due: BTreeSet::new(), last: 0, awake: false, asleep_until: None });
static CHANGED: Condvar = Condvar::new();

fn watches() -> MutexGuard<'static, Watches> {
    WATCHES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run that is looked after, until this is dropped.
#[derive(Debug)]
pub(crate) struct Watched(u64);

impl Watched {
    /// Looks after a run: `look` is called when it was asked for, on another
    /// thread, and says when it is to be called next.
    pub(crate) fn new(look: impl Fn() -> Option<Instant> + Send + Sync + 'static) -> Self {
        let mut watches = watches();
        watches.last += 1;
        let number = watches.last;
        let run = Run { look: Arc::new(look), at: None };
        watches.runs.get_or_insert_default().insert(number, run);
        Self(number)
    }

    /// What asks for a look, as long as this lives.
    pub(crate) fn reminder(&self) -> Reminder {
        Reminder(self.0)
    }
}

/// Asks for looks at one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reminder(u64);

impl Reminder {
    /// Asks for a look at this time.
    ///
    /// # Errors
    /// When the operating system gives no thread: then nobody looks.
    pub(crate) fn remind(self, at: Instant) -> std::io::Result<()> {
        watches().remind(self.0, at)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watches = watches();
        let run = watches.runs.as_mut().and_then(|runs| runs.remove(&self.0));
        if let Some(at) = run.and_then(|run| run.at) {
            watches.due.remove(&(at, self.0));
        }
        // It must not sleep until then for nobody.
        if watches.due.is_empty() && watches.sleeps_beyond(Instant::now() + LINGER) {
            CHANGED.notify_one();
        }
    }
}

impl Watches {
    fn remind(&mut self, number: u64, at: Instant) -> std::io::Result<()> {
        let Some(run) = self.runs.as_mut().and_then(|runs| runs.get_mut(&number)) else { return Ok(()) };
        if self.awake && run.at.is_some_and(|earlier| earlier <= at) {
            return Ok(());
        }
        if let Some(later) = run.at.replace(at) {
            self.due.remove(&(later, number));
        }
        self.due.insert((at, number));
        if !self.awake {
            let thread = std::thread::Builder::new().name("bellglass-watchdog".to_owned());
            thread.spawn(watch)?;
            self.awake = true;
        } else if self.sleeps_beyond(at) {
            CHANGED.notify_one();
        }
        Ok(())
    }

    fn sleeps_beyond(&self, instant: Instant) -> bool {
        self.asleep_until.is_some_and(|until| instant < until)
    }

    /// Takes the runs that are due.
    fn take_due(&mut self) -> Vec<(u64, Look)> {
        let now = Instant::now();
        let mut looks = Vec::new();
        while let Some((_, number)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.pop_first();
            if let Some(run) = self.runs.as_mut().and_then(|runs| runs.get_mut(&number)) {
                run.at = None;
                looks.push((number, Arc::clone(&run.look)));
            }
        }
        looks
    }
}

fn watch() {
    let mut idle_since = None;
    let mut held = watches();
    loop {
        let looks = held.take_due();
        if !looks.is_empty() {
            drop(held);
            for (number, look) in looks {
                if let Some(next) = look() {
                    // This is the thread that it needs.
                    let _ = watches().remind(number, next);
                }
            }
            held = watches();
            continue;
        }
        let now = Instant::now();
        let until = match held.due.first() {
            Some((at, _)) => {
                idle_since = None;
                *at
            }
            None => {
                let end = *idle_since.get_or_insert(now) + LINGER;
                if now >= end {
                    held.awake = false;
                    return;
                }
                end
            }
        };
        held.asleep_until = Some(until);
        let waited = CHANGED.wait_timeout(held, until.saturating_duration_since(now));
        held = waited.unwrap_or_else(PoisonError::into_inner).0;
        held.asleep_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn it_looks_when_it_was_asked_to_and_no_more_once_dropped() {
        let looks = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&looks);
        let watched = Watched::new(move || {
            let count = counter.fetch_add(1, Ordering::SeqCst) + 1;
            (count < 3).then(|| Instant::now() + Duration::from_millis(5))
        });
        let reminder = watched.reminder();
        let remind = |milliseconds| {
            reminder.remind(Instant::now() + Duration::from_millis(milliseconds)).expect("a thread");
        };
        remind(1_000_000);
        remind(5);
        let begun = Instant::now();
        while looks.load(Ordering::SeqCst) < 3 && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(looks.load(Ordering::SeqCst), 3);
        remind(50);
        drop(watched);
        remind(0);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(looks.load(Ordering::SeqCst), 3);
    }
}
