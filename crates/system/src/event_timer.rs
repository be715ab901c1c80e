//! A clock that one waits for: timerfd.

use crate::clock::Sleep;
use crate::files::FileType;
use crate::meter::{Charge, Meter};
use crate::object::{Blocking, Interest, Object, Position, Transfer};
use crate::poll::{Look, Polled, events};
use crate::wait::{Readiness, WaitQueue, wait_for_any};
use crate::{Clock, Errno, Fault, Waiter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that it takes.
const TIMER_BYTES: u64 = 256;

/// A timer that is read.
pub struct EventTimer {
    serial: u64,
    clock: Arc<dyn Clock>,
    /// Whether it goes by the time since 1970.
    is_real: bool,
    state: Mutex<State>,
    /// Woken when it is set.
    set: WaitQueue,
    _charge: Charge,
}

/// When a timer expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// How long it is until it does: zero if it never does.
    pub value: Duration,
    /// How long after that again: zero for once.
    pub interval: Duration,
}

#[derive(Default)]
struct State {
    /// When it expires next, by its clock.
    next: Option<Duration>,
    interval: Duration,
    /// How often it has expired since it was set or read, and ever.
    ticks: u64,
    ever: u64,
}

impl State {
    /// Counts what has expired by now.
    fn expire(&mut self, now: Duration) {
        let Some(late) = self.next.and_then(|next| now.checked_sub(next)) else { return };
        let again = late.as_nanos().checked_div(self.interval.as_nanos());
        // More than that many nanoseconds have not passed since 1970.
        let again_times = again.map_or(0, |times| u64::try_from(times).unwrap_or(u64::MAX));
        let ticks = again_times.saturating_add(1);
        self.ticks = self.ticks.saturating_add(ticks);
        self.ever = self.ever.wrapping_add(ticks);
        // How much of the interval has passed already.
        let passed = again.map(|times| late.as_nanos() - times * self.interval.as_nanos());
        self.next = passed.and_then(|passed| {
            let rest =
                self.interval.saturating_sub(Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX)));
            now.checked_add(rest)
        });
    }

    fn setting(&self, now: Duration) -> Setting {
        let value = self.next.map_or(Duration::ZERO, |next| next.saturating_sub(now));
        Setting { value, interval: self.interval }
    }
}

impl EventTimer {
    /// One that is not set yet; ENOMEM if the guest may have no more kept for it.
    pub(crate) fn new(
        meter: &Arc<Meter>,
        serial: u64,
        clock: Arc<dyn Clock>,
        is_real: bool,
    ) -> Result<Self, Errno> {
        let _charge = meter.hold(TIMER_BYTES)?;
        Ok(Self { serial, clock, is_real, state: Mutex::default(), set: WaitQueue::within(), _charge })
    }

    fn now(&self) -> Duration {
        if self.is_real { self.clock.realtime() } else { self.clock.monotonic() }
    }

    /// Its state, as it is by now.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.expire(self.now());
        state
    }

    /// Sets it, to a time of its clock or to one from now on, and says what was set.
    pub(crate) fn set(&self, new: Setting, is_absolute: bool) -> Setting {
        let mut state = self.lock();
        let now = self.now();
        let before = state.setting(now);
        state.next = match new.value {
            Duration::ZERO => None,
            value if is_absolute => Some(value),
            value => Some(now.saturating_add(value)),
        };
        state.interval = new.interval;
        state.ticks = 0;
        drop(state);
        self.set.wake();
        before
    }

    pub(crate) fn setting(&self) -> Setting {
        let state = self.lock();
        state.setting(self.now())
    }

    /// How often it has expired, which is told once; EAGAIN.
    fn take(&self) -> Result<u64, Errno> {
        match std::mem::take(&mut self.lock().ticks) {
            0 => Err(Errno::AGAIN),
            ticks => Ok(ticks),
        }
    }

    /// Waits for it to expire.
    fn wait(&self, waiter: &Waiter) -> Result<u64, Fault> {
        loop {
            let listener = self.set.listen();
            let left = {
                let mut state = self.lock();
                if state.ticks > 0 {
                    return Ok(std::mem::take(&mut state.ticks));
                }
                state.next.map(|next| next.saturating_sub(self.now()))
            };
            if let Some(left) = left
                && self.clock.sleep(left) == Sleep::Over
            {
                continue;
            }
            let until = left.and_then(|left| waiter.now().checked_add(left));
            wait_for_any(waiter, &[], &[listener], until)?;
        }
    }
}

impl Object for EventTimer {
    fn takes_write_flags(&self) -> bool {
        false
    }

    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Unknown)
    }

    fn serial(&self) -> Option<u64> {
        Some(self.serial)
    }

    fn label(&self, _number: u32) -> Result<String, Errno> {
        Ok("anon_inode:[timerfd]".to_owned())
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Nowhere)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let into = into.first_chunk_mut::<8>().ok_or(Errno::INVAL)?;
        let ticks = match transfer.blocking {
            Blocking::Wait => self.wait(transfer.waiter)?,
            Blocking::DoNotWait => self.take()?,
        };
        *into = ticks.to_le_bytes();
        Ok(into.len())
    }

    fn write(&self, _from: &[u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::INVAL.into())
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        let listener = self.set.listen();
        match self.lock().ticks {
            0 => Ok(Readiness::When(listener)),
            _ => Ok(Readiness::Now { bytes: 8, hangup: false }),
        }
    }

    fn poll(&self, wanted: u32, _position: u64, look: &mut Look) -> Polled {
        let turns = look.listen(events::READING, &self.set, &self.set);
        let state = self.lock();
        if let Some(next) = state.next.filter(|_| state.ticks == 0 && wanted & events::IN != 0) {
            look.wake_after(next.saturating_sub(self.now()));
        }
        let events = if state.ticks > 0 { events::IN } else { 0 };
        Polled::with_edges(events, turns.wrapping_add(state.ever))
    }

    fn timer(&self) -> Result<&EventTimer, Errno> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_has_expired_is_counted_and_the_next_time_stays_in_step() {
        let mut state = State { next: Some(10 * SECOND), interval: 3 * SECOND, ..State::default() };
        state.expire(9 * SECOND);
        assert_eq!((state.ticks, state.next), (0, Some(10 * SECOND)));
        state.expire(10 * SECOND);
        assert_eq!((state.ticks, state.next), (1, Some(13 * SECOND)));
        state.expire(20 * SECOND);
        assert_eq!((state.ticks, state.ever, state.next), (4, 4, Some(22 * SECOND)));
        let mut once = State { next: Some(SECOND), ..State::default() };
        once.expire(20 * SECOND);
        assert_eq!((once.ticks, once.next), (1, None));
    }

    #[test]
    fn wild_times_are_counted_too() {
        let smallest = Duration::from_nanos(1);
        let mut state = State { next: Some(smallest), interval: smallest, ..State::default() };
        state.expire(Duration::MAX);
        assert_eq!((state.ticks, state.next), (u64::MAX, None));
        let mut state = State { next: Some(Duration::MAX), interval: Duration::MAX, ..State::default() };
        state.expire(Duration::MAX);
        assert_eq!((state.ticks, state.next), (1, None));
    }
}
