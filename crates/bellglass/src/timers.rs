//! Timers of runs: they call back when no handler of the run is at work and its guest
//! computes, for alarm clocks, warnings, processor time, and the deadlines of guests in
//! threads. One thread serves all timers of the process; it starts with the first that
//! is set, and ends when there was none for a while.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the thread waits for another timer before it ends.
const LINGER: Duration = Duration::from_secs(1);

/// What is called when a timer expires; it says when the next time is.
type Callback = Arc<dyn Fn() -> Option<Instant> + Send + Sync>;

#[derive(Default)]
struct Timers {
    known: Option<HashMap<u64, Known>>,
    /// When which of them expires.
    queue: BTreeSet<(Instant, u64)>,
    last: u64,
    /// Whether the thread is there.
    is_running: bool,
    /// When it wakes by itself; `None` while it does not sleep. It is woken only if
    /// that is too late: runs one after the other do not wake it each time.
    asleep_until: Option<Instant>,
}

struct Known {
    callback: Callback,
    /// When it expires, if it is set.
    at: Option<Instant>,
}

static TIMERS: Mutex<Timers> = Mutex::new(Timers {
    known: None,
    queue: BTreeSet::new(),
    last: 0,
    is_running: false,
    asleep_until: None,
});
static CHANGED: Condvar = Condvar::new();

fn timers() -> MutexGuard<'static, Timers> {
    TIMERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One timer, until it is dropped.
#[derive(Debug)]
pub(crate) struct Timer(u64);

impl Timer {
    /// A timer that is not set. When it expires `callback` is called, on another
    /// thread, and says when it is to expire next.
    pub(crate) fn new(callback: impl Fn() -> Option<Instant> + Send + Sync + 'static) -> Self {
        let mut timers = timers();
        timers.last += 1;
        let number = timers.last;
        let timer = Known { callback: Arc::new(callback), at: None };
        timers.known.get_or_insert_default().insert(number, timer);
        Self(number)
    }

    /// What sets it, as long as it lives.
    pub(crate) fn handle(&self) -> TimerHandle {
        TimerHandle(self.0)
    }
}

/// Sets one timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerHandle(u64);

impl TimerHandle {
    /// Has it expire at this time, or earlier if it is set to that.
    ///
    /// # Errors
    /// When the operating system gives no thread: then nothing expires.
    pub(crate) fn set(self, at: Instant) -> std::io::Result<()> {
        timers().set(self.0, at)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut timers = timers();
        let timer = timers.known.as_mut().and_then(|known| known.remove(&self.0));
        if let Some(at) = timer.and_then(|timer| timer.at) {
            timers.queue.remove(&(at, self.0));
        }
        // It must not sleep until then for nobody.
        if timers.queue.is_empty() && timers.sleeps_beyond(Instant::now() + LINGER) {
            CHANGED.notify_one();
        }
    }
}

impl Timers {
    fn set(&mut self, number: u64, at: Instant) -> std::io::Result<()> {
        let Some(timer) = self.known.as_mut().and_then(|known| known.get_mut(&number)) else {
            return Ok(());
        };
        if self.is_running && timer.at.is_some_and(|earlier| earlier <= at) {
            return Ok(());
        }
        if let Some(later) = timer.at.replace(at) {
            self.queue.remove(&(later, number));
        }
        self.queue.insert((at, number));
        if !self.is_running {
            let thread = std::thread::Builder::new().name("bellglass-timers".to_owned());
            thread.spawn(run)?;
            self.is_running = true;
        } else if self.sleeps_beyond(at) {
            CHANGED.notify_one();
        }
        Ok(())
    }

    fn sleeps_beyond(&self, instant: Instant) -> bool {
        self.asleep_until.is_some_and(|until| instant < until)
    }

    /// Takes those that have expired.
    fn take_expired(&mut self) -> Vec<(u64, Callback)> {
        let now = Instant::now();
        let mut expired = Vec::new();
        while let Some((_, number)) = self.queue.first().copied().filter(|(at, _)| *at <= now) {
            self.queue.pop_first();
            if let Some(timer) = self.known.as_mut().and_then(|known| known.get_mut(&number)) {
                timer.at = None;
                expired.push((number, Arc::clone(&timer.callback)));
            }
        }
        expired
    }
}

fn run() {
    let mut idle_since = None;
    let mut held = timers();
    loop {
        let expired = held.take_expired();
        if !expired.is_empty() {
            drop(held);
            for (number, callback) in expired {
                if let Some(next) = callback() {
                    // This is the thread that it needs.
                    let _ = timers().set(number, next);
                }
            }
            held = timers();
            continue;
        }
        let now = Instant::now();
        let until = match held.queue.first() {
            Some((at, _)) => {
                idle_since = None;
                *at
            }
            None => {
                let end = *idle_since.get_or_insert(now) + LINGER;
                if now >= end {
                    held.is_running = false;
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
    fn a_timer_expires_when_it_was_set_to_and_no_more_once_dropped() {
        let calls = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&calls);
        let timer = Timer::new(move || {
            let count = counter.fetch_add(1, Ordering::SeqCst) + 1;
            (count < 3).then(|| Instant::now() + Duration::from_millis(5))
        });
        let handle = timer.handle();
        let set = |milliseconds| {
            handle.set(Instant::now() + Duration::from_millis(milliseconds)).expect("a thread");
        };
        set(1_000_000);
        set(5);
        let begun = Instant::now();
        while calls.load(Ordering::SeqCst) < 3 && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(calls.load(Ordering::SeqCst), 3);
        set(50);
        drop(timer);
        set(0);
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
}
