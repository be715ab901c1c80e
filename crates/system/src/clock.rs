//! Clocks: what time a guest thinks it is, and whether its sleeps are real.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where a guest's time comes from.
pub trait Clock: Send + Sync {
    /// Time since 1970.
    fn realtime(&self) -> Duration;

    /// Time since some fixed moment; it never goes back.
    fn monotonic(&self) -> Duration;

    /// The smallest step of both.
    fn resolution(&self) -> Duration;

    /// Says what a sleep of `duration` is to do.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// What a handler that must sleep does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Wait for real.
    Wait,
    /// Do not wait: the clock has moved on by itself.
    Over,
}

/// A clock that stands still, but for sleeps, which take no real time: with it
/// two runs of one program see the same times.
#[derive(Debug)]
pub struct FixedClock {
    start: Duration,
    slept: Mutex<Duration>,
}

impl FixedClock {
    /// A clock that shows `start` since 1970.
    pub fn new(start: Duration) -> Self {
        Self { start, slept: Mutex::default() }
    }

    fn slept(&self) -> Duration {
        *self.slept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for FixedClock {
    fn realtime(&self) -> Duration {
        self.start.saturating_add(self.slept())
    }

    fn monotonic(&self) -> Duration {
        self.slept().saturating_add(Duration::from_secs(1))
    }

    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut slept = self.slept.lock().unwrap_or_else(PoisonError::into_inner);
        *slept = slept.saturating_add(duration);
        Sleep::Over
    }
}

/// A duration as the nanoseconds that WASI counts in.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_by_sleeping() {
        let clock = FixedClock::new(Duration::from_secs(1000));
        assert_eq!(clock.realtime(), clock.realtime());
        let before = clock.monotonic();
        assert_eq!(clock.sleep(Duration::from_secs(5)), Sleep::Over);
        assert_eq!(clock.realtime(), Duration::from_secs(1005));
        assert_eq!(clock.monotonic(), before + Duration::from_secs(5));
    }
}
