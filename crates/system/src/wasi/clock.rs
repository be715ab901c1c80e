//! Clocks and randomness.

use super::done;
use crate::clock::nanoseconds;
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
    let (mut address, length) = (call.u32(0), call.u32(1));
    if u64::from(address) + u64::from(length) > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    // BOUND: the guest chooses the length; it is filled in steps of this size.
    let mut bytes = [0; 16 << 10];
    let mut left = length as usize;
    while left > 0 {
        call.waiter.go_on()?;
        let part = left.min(bytes.len());
        let part = &mut bytes[..part];
        system.host.random.fill(part)?;
        call.memory.write(address, part)?;
        left -= part.len();
        // It may wrap only after the last byte of a memory of 4 GiB.
        address = address.wrapping_add(part.len() as u32);
    }
    done()
}
