//! Sleeping: by the guest's clock, within the limits on that, and never beyond the run's end.

use crate::clock::Sleep;
use crate::system::Sleeps;
use crate::wait::{Listener, wait_for_any};
use crate::{Call, Clock, Fault, System, Waiter};
use std::time::{Duration, Instant};

/// By what a wait counts time.
pub(crate) struct Pace<'a> {
    pub clock: &'a dyn Clock,
    pub sleeps: &'a mut Sleeps,
    pub waiter: &'a Waiter,
}

/// Sleeps, and says how long it was by the guest's clock.
///
/// # Errors
/// EINTR when a signal for the guest came; a [`Stop`](crate::Stop) when the run must end, and
/// when it may not sleep so long.
pub(crate) fn sleep(system: &mut System, call: &Call<'_>, wanted: Duration) -> Result<Duration, Fault> {
    let mut pace = Pace { clock: &*system.host.clock, sleeps: &mut system.sleeps, waiter: call.waiter };
    let mut passed = Duration::ZERO;
    sleep_or_wake(&mut pace, &[], wanted, &mut passed).map(|()| passed)
}

/// Sleeps, or until a listener is woken. How long it was, by the guest's clock, is added to
/// `passed`, whatever ended it.
///
/// # Errors
/// As [`sleep`].
pub(crate) fn sleep_or_wake(
    pace: &mut Pace<'_>,
    listeners: &[Listener],
    wanted: Duration,
    passed: &mut Duration,
) -> Result<(), Fault> {
    let start = pace.waiter.now();
    let allowed = pace.sleeps.allow(wanted)?;
    let result = match pace.clock.sleep(allowed) {
        Sleep::Over => Ok(Vec::new()),
        // A time too far to be told is for ever.
        Sleep::Wait => wait_for_any(pace.waiter, &[], listeners, start.checked_add(allowed)),
    };
    let took = since(pace.waiter, start);
    if let Err(Fault::Stop(stop)) = result {
        return Err(stop.into());
    }
    let is_whole = result.is_ok() && !listeners.iter().any(Listener::is_woken);
    *passed = passed.saturating_add(if is_whole { wanted.max(took) } else { took });
    // What was cut short counts as it was; what was allowed in part, as wanted.
    pace.sleeps.spend(if is_whole { wanted } else { took })?;
    result.map(drop)
}

pub(crate) fn since(waiter: &Waiter, start: Instant) -> Duration {
    waiter.now().saturating_duration_since(start)
}
