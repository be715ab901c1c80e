//! How long a side looks at the ring before it sleeps.
//!
//! To sleep and be woken costs a system call on each side and, on another
//! processor, tens of microseconds. To look costs the processor that does it. So
//! a side looks only while that has paid off lately, and for no longer than a
//! sleep would cost; and only where there is a processor to spare.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The longest look. About what it costs to be woken on another processor.
const LONGEST: Duration = Duration::from_micros(50);

/// Waits that took longer than this on the average are not worth a look. It is
/// above [`LONGEST`], because a wait that was slept through also took the time of
/// the waking.
const WORTHWHILE: Duration = Duration::from_micros(70);

/// One long wait among short ones should not count for more than a few of them.
const COUNTED_AT_MOST: Duration = Duration::from_micros(200);

/// Looks between two questions for the time.
const LOOKS: usize = 8;

/// Conversations of this process that are under way.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// Counts one conversation of this process as under way, until it is dropped.
#[derive(Debug)]
pub struct Busy(());

impl Busy {
    /// Begins one.
    pub fn begin() -> Self {
        BUSY.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// Whether there are processors enough for all conversations to look instead
    /// of sleeping: each has two sides, of which one works.
    fn is_affordable() -> bool {
        static PROCESSORS: OnceLock<usize> = OnceLock::new();
        let processors =
            *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from));
        processors > 1 && BUSY.load(Ordering::Relaxed) <= processors / 2
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one side has learnt of how long its waits take.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    /// A moving average of the waits, in nanoseconds. Hopeful at first: a start is
    /// a burst of calls.
    average: u64,
}

impl Patience {
    /// How long the next look may take where there are processors enough.
    pub(crate) fn for_controller(&self) -> Duration {
        if Busy::is_affordable() { self.earned() } else { Duration::ZERO }
    }

    /// The same for a cell, whose controller allows it so much.
    pub(crate) fn for_cell(&self, allowed: Duration) -> Duration {
        self.earned().min(allowed)
    }

    /// What a controller allows its cell at this moment.
    pub(crate) fn allowance() -> Duration {
        if Busy::is_affordable() { LONGEST } else { Duration::ZERO }
    }

    fn earned(&self) -> Duration {
        if self.average <= nanoseconds(WORTHWHILE) { LONGEST } else { Duration::ZERO }
    }

    /// Notes how long a wait took, looking and sleeping together.
    pub(crate) fn learn(&mut self, took: Duration) {
        let took = nanoseconds(took.min(COUNTED_AT_MOST));
        self.average = (self.average * 7 + took) / 8;
    }

    /// Looks until there is something, or the time is over. Returns what `look`
    /// found.
    pub(crate) fn look<T>(
        begun: Instant,
        longest: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        if longest.is_zero() {
            return None;
        }
        loop {
            for _ in 0..LOOKS {
                if let Some(found) = look() {
                    return Some(found);
                }
                std::hint::spin_loop();
            }
            if begun.elapsed() >= longest {
                return None;
            }
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_with_long_waits_and_comes_back_with_short_ones() {
        let allowed = Duration::from_secs(1);
        let mut patience = Patience::default();
        assert_eq!(patience.for_cell(allowed), LONGEST);
        assert_eq!(patience.for_cell(Duration::ZERO), Duration::ZERO);
        for _ in 0..10 {
            patience.learn(Duration::from_secs(3));
        }
        assert_eq!(patience.for_cell(allowed), Duration::ZERO);
        // Waits that are slept through, but were short.
        for _ in 0..20 {
            patience.learn(Duration::from_micros(30));
        }
        assert_eq!(patience.for_cell(allowed), LONGEST);
    }

    #[test]
    fn one_long_wait_among_short_ones_changes_nothing() {
        let mut patience = Patience::default();
        patience.learn(Duration::from_secs(3));
        assert_eq!(patience.for_cell(LONGEST), LONGEST);
    }

    #[test]
    fn many_conversations_at_once_look_no_more() {
        let many: Vec<Busy> = (0..10_000).map(|_| Busy::begin()).collect();
        assert_eq!(Patience::allowance(), Duration::ZERO);
        assert_eq!(Patience::default().for_controller(), Duration::ZERO);
        drop(many);
    }
}
