//! What a run may use and has used.

use super::{layout, ok, same_or};
use crate::{Answer, Call, Errno, Fault, System};
use std::time::Duration;

const INFINITY: u64 = u64::MAX;

/// Linux's numbers of resources.
const DATA: u32 = 2;
const CORE: u32 = 4;
const PROCESSES: u32 = 6;
const OPEN_FILES: u32 = 7;
const ADDRESS_SPACE: u32 = 9;
const RESOURCES: u32 = 16;

fn limit(system: &System, resource: u32) -> Result<u64, Errno> {
    match resource {
        OPEN_FILES => Ok(system.descriptors.limit() as u64),
        DATA | ADDRESS_SPACE => Ok(system.memory_limit.unwrap_or(INFINITY)),
        CORE => Ok(0),
        PROCESSES => Ok(1),
        0..RESOURCES => Ok(INFINITY),
        _ => Err(Errno::INVAL),
    }
}

pub(super) fn getrlimit(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let limit = limit(system, call.u32(0))?;
    call.memory.write(call.u32(1), &layout::LIMIT.bytes([limit, limit]))?;
    ok(0)
}

/// Limits are the controller's: EPERM for any change.
pub(super) fn setrlimit(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let limit = limit(system, call.u32(0))?;
    let wanted: [u64; 2] = layout::LIMIT.read(call, call.u32(1))?;
    if wanted == [limit, limit] { ok(0) } else { Err(Errno::PERM.into()) }
}

/// The processor time, all of it as the user's, and the size of the memory.
pub(super) fn getrusage(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const CHILDREN: i32 = -1;
    let (time, memory) = match call.i32(0) {
        0 => ((system.processor_time)(), call.memory.size()),
        CHILDREN => (Duration::ZERO, 0),
        _ => return Err(Errno::INVAL.into()),
    };
    let microseconds = u64::from(time.subsec_micros());
    let bytes = layout::USAGE.bytes([time.as_secs(), microseconds, memory / 1024]);
    call.memory.write(call.u32(1), &bytes)?;
    ok(0)
}

/// 0, the ordinary one.
pub(super) fn getpriority(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    check_priority(system, call)?;
    ok(0)
}

pub(super) fn setpriority(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    check_priority(system, call)?;
    if call.i32(2) == 0 { ok(0) } else { Err(Errno::PERM.into()) }
}

fn check_priority(system: &System, call: &Call<'_>) -> Result<(), Fault> {
    let own = match call.u32(0) {
        0 | 1 => system.identity.process,
        2 => system.identity.user,
        _ => return Err(Errno::INVAL.into()),
    };
    same_or(call.u32(1), own, 0, Errno::SRCH)
}

pub(super) fn nice(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.i32(0) == 0 { ok(0) } else { Err(Errno::PERM.into()) }
}
