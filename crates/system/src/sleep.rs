//! Sleeping: by the guest's clock, within the limits on that, and never beyond the run's end.

use crate::clock::Sleep;
use crate::wait::wait_for_any;
use crate::{Call, Fault, System};
use std::time::Duration;

/// Sleeps, and says how long it was by the guest's clock.
///
/// # Errors
/// EINTR when a signal for the guest came; a [`Stop`](crate::Stop) when the run must end, and
/// when it may not sleep so long.
pub(crate) fn sleep(system: &mut System, call: &Call<'_>, wanted: Duration) -> Result<Duration, Fault> {
    let start = call.waiter.now();
    let since = || call.waiter.now().saturating_duration_since(start);
    let allowed = system.sleeps.allow(wanted)?;
    let result = match system.host.clock.sleep(allowed) {
        Sleep::Over => Ok(Vec::new()),
        // A time too far to be told is for ever.
        Sleep::Wait => wait_for_any(call.waiter, &[], &[], start.checked_add(allowed)),
    };
    // What was cut short counts as it was; what was allowed in part, as wanted.
    let slept = if result.is_ok() { wanted } else { since() };
    match result {
        Err(Fault::Stop(stop)) => return Err(stop.into()),
        _ => system.sleeps.spend(slept)?,
    }
    result.map(|_| wanted.max(since()))
}
