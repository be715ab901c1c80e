//! Processes, of which there is one, and signals, which do not come from outside.

use super::{ok, same_or, unsigned};
use crate::wait::wait_for_ever;
use crate::{Answer, Call, Errno, Fault, System};

const KILL: u32 = 9;
const SIGNALS: u32 = 64;

/// To oneself: 0 asks and is answered, SIGKILL ends the run; what else there is a
/// guest's libc raises by itself. ESRCH for a process that there is not.
pub(super) fn kill(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (process, signal) = (call.u32(0), call.u32(1));
    if signal > SIGNALS {
        return Err(Errno::INVAL.into());
    }
    let own = system.identity.process;
    // 0 and minus its number are its group, -1 is everyone.
    let group = 0u32.wrapping_sub(own);
    if process == system.identity.parent_process {
        return Err(Errno::PERM.into());
    }
    if ![own, group, 0, u32::MAX].contains(&process) {
        return Err(Errno::SRCH.into());
    }
    signal_self(signal)
}

pub(super) fn killpg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.u32(1) > SIGNALS {
        return Err(Errno::INVAL.into());
    }
    same_or(call.u32(0), system.identity.process, 0, Errno::SRCH)?;
    signal_self(call.u32(1))
}

fn signal_self(signal: u32) -> Result<Answer, Fault> {
    match signal {
        0 => ok(0),
        KILL => Ok(Answer::Exit(128 + KILL.cast_signed())),
        _ => Err(Errno::PERM.into()),
    }
}

/// Waits until an interrupt comes, which is the only signal from outside.
pub(super) fn pause(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match wait_for_ever(call.waiter)? {}
}

/// No shell, says 0 for a null pointer; EPERM for a command.
pub(super) fn system(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.u32(0) == 0 { ok(0) } else { Err(Errno::PERM.into()) }
}

/// No timer runs.
pub(super) fn getitimer(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.u32(0) > 2 {
        return Err(Errno::INVAL.into());
    }
    call.memory.write(call.u32(1), &[0; 32])?;
    ok(0)
}

/// What a program logs to the machine goes nowhere.
pub(super) fn syslog(_system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::none())
}

/// Every process has the ordinary policy.
const ORDINARY: u32 = 0;

fn own_process(system: &System, process: u32) -> Result<(), Fault> {
    same_or(process, system.identity.process, 0, Errno::SRCH)
}

fn priority_of(policy: u32, real_time: i32) -> Result<Answer, Fault> {
    match policy {
        // First in first out, round robin.
        1 | 2 => ok(real_time),
        // Ordinary, batch, idle.
        ORDINARY | 3 | 5 => ok(0),
        _ => Err(Errno::INVAL.into()),
    }
}

pub(super) fn sched_get_priority_max(_: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    priority_of(call.u32(0), 99)
}

pub(super) fn sched_get_priority_min(_: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    priority_of(call.u32(0), 1)
}

/// A process that one may ask about; ESRCH if there is none.
fn any_process(system: &System, process: u32) -> Result<(), Fault> {
    if process == system.identity.parent_process { Ok(()) } else { own_process(system, process) }
}

pub(super) fn sched_getscheduler(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    any_process(system, call.u32(0))?;
    unsigned(ORDINARY)
}

pub(super) fn sched_getparam(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    any_process(system, call.u32(0))?;
    call.write_u32(call.u32(1), 0)?;
    ok(0)
}

/// Nothing but what is so already; EPERM.
pub(super) fn sched_setparam(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    own_process(system, call.u32(0))?;
    if call.u32_at(call.u32(1))? == 0 { ok(0) } else { Err(Errno::PERM.into()) }
}

pub(super) fn sched_setscheduler(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    own_process(system, call.u32(0))?;
    let ordinary = call.u32(1) == ORDINARY && call.u32_at(call.u32(2))? == 0;
    if ordinary { ok(0) } else { Err(Errno::PERM.into()) }
}

pub(super) fn sched_rr_get_interval(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    own_process(system, call.u32(0))?;
    // An empty struct timespec: there is no interval to the ordinary policy.
    call.memory.write(call.u32(1), &[0; 16])?;
    ok(0)
}
