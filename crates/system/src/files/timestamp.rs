//! Times of files.

use std::time::Duration;

/// Nanoseconds of a second.
const SECOND: u32 = 1_000_000_000;

/// A moment: seconds since 1970, or before it if they are negative, and nanoseconds after
/// that second.
///
/// ```
/// use bellglass_system::files::Timestamp;
/// use std::time::{Duration, SystemTime};
///
/// let moment = Timestamp::from(SystemTime::UNIX_EPOCH - Duration::from_millis(1500));
/// assert_eq!(moment, Timestamp::new(-2, 500_000_000));
/// assert!(moment < Timestamp::EPOCH);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    // In this order, by which moments compare.
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self { seconds: 0, nanoseconds: 0 };

    /// The moment `nanoseconds` after a second; those of a whole second or more count on
    /// from there.
    pub const fn new(seconds: i64, nanoseconds: u32) -> Self {
        let more = (nanoseconds / SECOND) as i64;
        Self { seconds: seconds.saturating_add(more), nanoseconds: nanoseconds % SECOND }
    }

    /// This many nanoseconds after the beginning of 1970.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        let second = SECOND as u64;
        Self::new((nanoseconds / second) as i64, (nanoseconds % second) as u32)
    }

    /// The second, which is before 1970 if it is negative.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds after that second, fewer than a billion.
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// How long it was since the beginning of 1970; nothing for what was before.
    pub fn since_epoch(self) -> Duration {
        u64::try_from(self.seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, self.nanoseconds))
    }
}

/// This long after the beginning of 1970.
impl From<Duration> for Timestamp {
    fn from(since: Duration) -> Self {
        Self::new(i64::try_from(since.as_secs()).unwrap_or(i64::MAX), since.subsec_nanos())
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn moments_before_1970_count_on_from_their_second() {
        let before = |seconds, nanoseconds| {
            Timestamp::from(SystemTime::UNIX_EPOCH - Duration::new(seconds, nanoseconds))
        };
        assert_eq!(before(0, 1), Timestamp::new(-1, 999_999_999));
        assert_eq!(before(3, 0), Timestamp::new(-3, 0));
        assert_eq!(before(3, 250_000_000), Timestamp::new(-4, 750_000_000));
        assert_eq!(before(3, 0).since_epoch(), Duration::ZERO);
        let mut moments = [Timestamp::EPOCH, before(0, 1), Timestamp::new(0, 1), before(1, 0), before(1, 1)];
        moments.sort();
        assert_eq!(
            moments,
            [before(1, 1), before(1, 0), before(0, 1), Timestamp::EPOCH, Timestamp::new(0, 1)]
        );
    }

    #[test]
    fn nothing_overflows() {
        assert_eq!(Timestamp::new(1, 2_500_000_000), Timestamp::new(3, 500_000_000));
        assert_eq!(Timestamp::new(i64::MAX, u32::MAX).seconds(), i64::MAX);
        assert_eq!(Timestamp::from(Duration::MAX).seconds(), i64::MAX);
        let most = Timestamp::from_nanoseconds(u64::MAX);
        assert_eq!(most.since_epoch(), Duration::from_nanos(u64::MAX));
        assert_eq!(Timestamp::new(i64::MIN, 0).since_epoch(), Duration::ZERO);
    }
}
