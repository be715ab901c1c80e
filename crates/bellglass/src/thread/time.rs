//! Processor time of the thread that a guest runs in.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts from [`start`](Self::start) on, in the thread that asks: only the one
/// that runs the guest does.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadTime {
    /// What the thread had used before, in nanoseconds.
    before: Arc<AtomicU64>,
}

impl ThreadTime {
    /// The guest begins, in this thread.
    pub(crate) fn start(&self) {
        self.before.store(now(), Ordering::Relaxed);
    }

    /// What this thread has used since the start.
    pub(crate) fn used(&self) -> Duration {
        Duration::from_nanos(now().saturating_sub(self.before.load(Ordering::Relaxed)))
    }
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_from_the_start() {
        let time = ThreadTime::default();
        time.start();
        let begun = time.used();
        let mut sum = 0_u64;
        while time.used() < begun + Duration::from_millis(2) {
            sum = std::hint::black_box(sum + 1);
        }
        time.start();
        assert!(time.used() < Duration::from_millis(2));
    }
}
