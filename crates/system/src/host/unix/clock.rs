//! The host's clock.

use crate::files::Timestamp;
use crate::{Clock, Sleep};
use std::time::{Duration, Instant, SystemTime};

/// The host's clock. The monotonic one starts near zero with each system, so
/// that a guest does not learn how long the host has been up.
#[derive(Debug)]
pub struct RealClock {
    start: Instant,
}

impl RealClock {
    /// The clock of this machine.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn realtime(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        // One second more than nothing: some programs take 0 for "never".
        self.start.elapsed() + Duration::from_secs(1)
    }

    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn sleep(&self, _duration: Duration) -> Sleep {
        Sleep::Wait
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => since.into(),
            Err(before) => {
                let after = Self::from(before.duration());
                // The second below, if it is not a whole one.
                match after.nanoseconds() {
                    0 => Self::new(-after.seconds(), 0),
                    part => Self::new(-after.seconds() - 1, 1_000_000_000 - part),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_clock_goes_on() {
        let clock = RealClock::new();
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first && first >= Duration::from_secs(1));
        assert!(clock.realtime() > Duration::from_secs(1_700_000_000));
    }
}
