//! Clocks and randomness.

use super::done;
use crate::clock::nanoseconds;
use crate::random::fill;
use crate::{Answer, Call, Errno, Fault, System};
use std::time::Duration;

/// WASI's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockId {
    Realtime,
    Monotonic,
    /// Of the process or the thread, which are one.
    Processor,
}

impl ClockId {
    pub(super) fn from_number(number: u32) -> Result<Self, Errno> {
        match number {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            2 | 3 => Ok(Self::Processor),
            _ => Err(Errno::INVAL),
        }
    }

    pub(super) fn now(self, system: &System) -> Duration {
        match self {
            Self::Realtime => system.host.clock.realtime(),
            Self::Monotonic => system.host.clock.monotonic(),
            Self::Processor => (system.processor_time)(),
        }
    }
}

pub(super) fn clock_res_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    ClockId::from_number(call.u32(0))?;
    call.write_u64(call.u32(1), nanoseconds(system.host.clock.resolution()))?;
    done()
}

pub(super) fn clock_time_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let now = ClockId::from_number(call.u32(0))?.now(system);
    call.write_u64(call.u32(2), nanoseconds(now))?;
    done()
}

/// Fills the whole buffer, however large: the document allows no less.
pub(super) fn random_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    fill(system, call, call.u32(0), call.u32(1))?;
    done()
}
