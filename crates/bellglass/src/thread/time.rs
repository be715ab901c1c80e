//! Processor time of the thread that a guest runs in.

use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

/// Counts from [`start`](Self::start) on, in the thread that calls that: the one that runs
/// the guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadTime(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// The thread's number.
    thread: AtomicI32,
    /// What it had used before, in nanoseconds.
    before: AtomicU64,
}

impl ThreadTime {
    /// The guest begins, in this thread.
    pub(crate) fn start(&self) {
        self.0.thread.store(number(), Ordering::Relaxed);
        self.0.before.store(now(), Ordering::Relaxed);
    }

    /// What its thread has used since the start, as this or any other thread knows.
    pub(crate) fn used(&self) -> Duration {
        let thread = self.0.thread.load(Ordering::Relaxed);
        let now = if thread == number() { now() } else { elsewhere(thread) };
        Duration::from_nanos(now.saturating_sub(self.0.before.load(Ordering::Relaxed)))
    }
}

/// The number of this thread.
#[cfg(target_os = "linux")]
fn number() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// Nobody is told of the time of another thread here.
#[cfg(not(target_os = "linux"))]
fn number() -> i32 {
    0
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// What another thread of this process has used, some milliseconds late; nothing where the
/// machine does not tell.
fn elsewhere(thread: i32) -> u64 {
    let told = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"));
    told.ok().and_then(|told| told.split(' ').next()?.parse().ok()).unwrap_or(0)
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

    #[test]
    #[cfg(target_os = "linux")]
    fn another_thread_knows_it_too() {
        let time = ThreadTime::default();
        time.start();
        let told = time.clone();
        let mut sum = 0_u64;
        while time.used() < Duration::from_millis(50) {
            sum = std::hint::black_box(sum + 1);
        }
        let elsewhere = std::thread::spawn(move || told.used()).join().expect("it ends");
        let late = time.used().abs_diff(elsewhere);
        assert!(late < Duration::from_millis(30), "{elsewhere:?} is {late:?} late");
    }
}
