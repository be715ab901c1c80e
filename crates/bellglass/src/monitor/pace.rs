//! How many calls a run may make: in all, and a second.

use std::time::{Duration, Instant};

/// Counts calls, and says how fast they may come.
pub(crate) struct Pace {
    left: Option<u64>,
    rate: Option<Rate>,
}

/// Calls a second, by the time at which the next one would come if all came
/// evenly (GCRA): that time may lie a second ahead, which is the burst.
struct Rate {
    interval: Duration,
    even: Option<Instant>,
    slowed: bool,
}

/// What a burst may be ahead.
const BURST: Duration = Duration::from_secs(1);

impl Pace {
    pub(crate) fn new(calls: Option<u64>, per_second: Option<u32>) -> Self {
        let interval = |per_second: u32| Duration::from_secs(1) / per_second.max(1);
        let rate =
            per_second.map(|per_second| Rate { interval: interval(per_second), even: None, slowed: false });
        Self { left: calls, rate }
    }

    /// Counts a call. False if there have been too many.
    pub(crate) fn count(&mut self) -> bool {
        match &mut self.left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// When the call that came now may be answered, if that is later.
    pub(crate) fn later(&mut self, now: Instant) -> Option<Instant> {
        let rate = self.rate.as_mut()?;
        let even = rate.even.map_or(now, |even| even.max(now));
        // A rate so small that its times cannot be told is none.
        rate.even = even.checked_add(rate.interval);
        let earliest = even.checked_sub(BURST).filter(|earliest| *earliest > now);
        rate.slowed |= earliest.is_some();
        earliest
    }

    /// Whether a call had to wait.
    pub(crate) fn has_slowed(&self) -> bool {
        self.rate.as_ref().is_some_and(|rate| rate.slowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_down() {
        let mut pace = Pace::new(Some(2), None);
        assert_eq!([pace.count(), pace.count(), pace.count()], [true, true, false]);
        assert_eq!(pace.later(Instant::now()), None);
        assert!(Pace::new(None, None).count());
    }

    #[test]
    fn a_burst_is_free_and_what_follows_comes_evenly() {
        let mut pace = Pace::new(None, Some(10));
        let now = Instant::now();
        for _ in 0..=10 {
            assert_eq!(pace.later(now), None);
        }
        assert!(!pace.has_slowed());
        assert_eq!(pace.later(now), Some(now + Duration::from_millis(100)));
        assert_eq!(pace.later(now), Some(now + Duration::from_millis(200)));
        assert!(pace.has_slowed());
        assert_eq!(pace.later(now + Duration::from_secs(5)), None, "time makes up for it");
    }
}
