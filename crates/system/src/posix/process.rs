//! Processes, of which there is one, its signals and timers.

use super::{layout, ok, same_or, unsigned};
use crate::wait::wait_for_ever;
use crate::waiter::{AlarmClock, Basis, Setting};
use crate::{Answer, Call, Errno, Fault, Permission, Programs, Signal, System};
use std::time::Duration;

const SIGNALS: u32 = 64;
const REAL_TIME_SIGNALS: u8 = 32;

/// To oneself: 0 asks and is answered, SIGKILL ends the run, and what else there
/// is arrives before the call returns. ESRCH for a process that there is not.
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
    signal_self(call, signal)
}

pub(super) fn killpg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.u32(1) > SIGNALS {
        return Err(Errno::INVAL.into());
    }
    same_or(call.u32(0), system.identity.process, 0, Errno::SRCH)?;
    signal_self(call, call.u32(1))
}

fn signal_self(call: &Call<'_>, signal: u32) -> Result<Answer, Fault> {
    match Signal::from_number(signal) {
        Some(Signal::KILL) => Ok(Answer::Exit(128 + i32::from(Signal::KILL.number()))),
        // To stop for another process to continue it would be to stop for ever.
        Some(Signal::STOP) => Err(Errno::PERM.into()),
        Some(signal) if signal.number() < REAL_TIME_SIGNALS => {
            call.waiter.signal(signal);
            ok(0)
        }
        // 0, and real-time signals, for which no one can have a handler.
        Some(_) | None => ok(0),
    }
}

/// Waits until a signal comes.
pub(super) fn pause(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match wait_for_ever(call.waiter)? {}
}

/// No shell, says 0 for a null pointer; EPERM for a command.
pub(super) fn system(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.u32(0) == 0 {
        return ok(0);
    }
    match system.policy.programs {
        Programs::Nothing => Err(system.lacks(Permission::Programs, Errno::PERM)),
    }
}

/// Sets the alarm clock, and tells how many seconds were left of the one before.
pub(super) fn alarm(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let left = Duration::from_secs(u64::from(call.u32(0)));
    let setting = Setting { left, interval: Duration::ZERO };
    let before = call.waiter.set_alarm(AlarmClock::Real, Basis::Time, setting);
    // A part of a second is told as one, for 0 would mean that none was set.
    unsigned(u32::try_from(before.left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
}

const REAL_TIME: u32 = 0;

/// Timers of processor time never run.
pub(super) fn getitimer(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let setting = match call.u32(0) {
        REAL_TIME => call.waiter.alarm(AlarmClock::Real),
        1 | 2 => Setting::default(),
        _ => return Err(Errno::INVAL.into()),
    };
    write_setting(call, 1, setting)?;
    ok(0)
}

/// EINVAL for a time that is none, ENOTSUP for timers of processor time.
pub(super) fn setitimer(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match call.u32(0) {
        REAL_TIME => {}
        1 | 2 => return Err(Errno::NOTSUP.into()),
        _ => return Err(Errno::INVAL.into()),
    }
    let [interval, interval_part, first, first_part] = layout::TIMER.read(call, call.u32(1))?;
    let time = |seconds: u64, part: u64| match (i64::try_from(seconds), u32::try_from(part)) {
        (Ok(_), Ok(part @ 0..1_000_000)) => Ok(Duration::new(seconds, part * 1000)),
        _ => Err(Errno::INVAL),
    };
    let setting = Setting { left: time(first, first_part)?, interval: time(interval, interval_part)? };
    if call.u32(2) != 0 {
        let before = call.waiter.alarm(AlarmClock::Real);
        write_setting(call, 2, before)?;
    }
    call.waiter.set_alarm(AlarmClock::Real, Basis::Time, setting);
    ok(0)
}

fn write_setting(call: &mut Call<'_>, argument: usize, setting: Setting) -> Result<(), Fault> {
    // One that is due is not over yet.
    let least = if setting.left.is_zero() { Duration::ZERO } else { Duration::from_micros(1) };
    let (left, interval) = (setting.left.max(least), setting.interval);
    let part = |time: Duration| u64::from(time.subsec_micros());
    let bytes = layout::TIMER.bytes([interval.as_secs(), part(interval), left.as_secs(), part(left)]);
    Ok(call.memory.write(call.u32(argument), &bytes)?)
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
