//! Alarm clocks and timers.

use super::time::{ABSOLUTE, Clock, ClockId, TIME_BYTES, time_bytes, time_of, wakes_the_machine};
use super::{calls, done, value};
use crate::table::{Row, Support};
use crate::waiter::{AlarmClock, Basis, Setting};
use crate::{Answer, Call, Errno, Fault, Signal, System};
use bellglass_wire::View;
use std::sync::Arc;
use std::time::Duration;

/// The setting of an alarm clock, in numbers of 32 bits.
const SHORT_1: &[View] = &[View::Fixed { pointer: 1, size: SHORT_BYTES as u32 }];
const SETTING_2: &[View] = &[View::Fixed { pointer: 2, size: 2 * TIME_BYTES }];
const EVENT_1: &[View] = &[View::Fixed { pointer: 1, size: EVENT_BYTES as u32 }];

pub(super) const ROWS: &[Row] = calls! { "linux":
    getitimer(clock: Unsigned, setting: Result) &[], Support::Full, "", getitimer;
    setitimer(clock: Unsigned, setting: Pointer, old: Result) SHORT_1, Support::Full, "", setitimer;
    timer_create(clock: Clock, event: Pointer, timer: Result) EVENT_1, Support::Partial, "real-time signals reach a program that computes when it makes its next call", timer_create;
    timer_settime64(timer: Signed, flags: TimerFlags, setting: Pointer, old: Result) SETTING_2, Support::Full, "", timer_settime;
    timer_gettime64(timer: Signed, setting: Result) &[], Support::Full, "", timer_gettime;
    timer_getoverrun(timer: Signed) &[], Support::Full, "", timer_getoverrun;
    timer_delete(timer: Signed) &[], Support::Full, "", timer_delete;
};

/// What a kernel knows of a signal beside its number.
pub(super) const OWN_ROWS: &[Row] = calls! { "bellglass":
    timer_signal(signal: Signal, information: Result) &[], Support::Full, "", timer_signal;
};

/// Bytes of the setting of an alarm clock: twice seconds and microseconds, of 32 bits.
const SHORT_BYTES: usize = 16;

/// Bytes of `struct sigevent` that mean something: value, signal, manner, thread.
const EVENT_BYTES: usize = 16;

/// Bytes of `siginfo_t`.
const INFORMATION_BYTES: usize = 128;

/// What `si_code` says of a signal that a timer has sent.
const SI_TIMER: i32 = -2;

fn alarm_clock(call: &Call<'_>) -> Result<AlarmClock, Errno> {
    AlarmClock::from_number(call.u32(0)).ok_or(Errno::INVAL)
}

fn getitimer(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let setting = call.waiter.alarm(alarm_clock(call)?);
    write_short(call, call.u32(1), setting)?;
    done()
}

fn setitimer(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut words = [0; SHORT_BYTES];
    // A null pointer stops it.
    if call.u32(1) != 0 {
        call.memory.read(call.u32(1), &mut words)?;
    }
    let [interval, interval_part, left, left_part] =
        [0, 4, 8, 12].map(|at| i32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]]));
    let time = |seconds: i32, part: i32| match (u64::try_from(seconds), u32::try_from(part)) {
        (Ok(seconds), Ok(part @ 0..1_000_000)) => Ok(Duration::new(seconds, part * 1000)),
        _ => Err(Errno::INVAL),
    };
    let setting = Setting { interval: time(interval, interval_part)?, left: time(left, left_part)? };
    let clock = alarm_clock(call)?;
    let basis = match clock {
        AlarmClock::Real => Basis::Time,
        AlarmClock::Virtual | AlarmClock::Profile => Basis::Processor(Arc::clone(&system.processor_time)),
    };
    let before = call.waiter.set_alarm(clock, basis, setting);
    if call.u32(2) != 0 {
        write_short(call, call.u32(2), before)?;
    }
    done()
}

/// In seconds and microseconds of 32 bits, which is more than can be set.
fn write_short(call: &mut Call<'_>, address: u32, setting: Setting) -> Result<(), Fault> {
    let words = |time: Duration, least: u32| {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(i32::MAX.cast_unsigned());
        let part = time.subsec_micros();
        // What is not over yet does not look as if it were.
        [seconds, if seconds == 0 && !time.is_zero() { part.max(least) } else { part }]
    };
    let bytes = [words(setting.interval, 0), words(setting.left, 1)].concat();
    let bytes: Vec<u8> = bytes.into_iter().flat_map(u32::to_le_bytes).collect();
    Ok(call.memory.write(address, &bytes)?)
}

/// How a timer tells that it has expired.
mod manner {
    pub(super) const SIGNAL: u32 = 0;
    pub(super) const NOTHING: u32 = 1;
    pub(super) const THREAD: u32 = 2;
    pub(super) const SIGNAL_TO_THREAD: u32 = 4;
}

fn timer_create(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    // Without an event: SIGALRM, that says the timer's number.
    let mut event = [0; EVENT_BYTES];
    let is_told = call.u32(1) != 0;
    if is_told {
        call.memory.read(call.u32(1), &mut event)?;
    }
    let number = call.i32(0);
    let basis = match check_clock(system, number)? {
        Clock::Real | Clock::Monotonic => Basis::Time,
        Clock::Process | Clock::Thread => Basis::Processor(Arc::clone(&system.processor_time)),
    };
    let [payload, signal, manner, thread] =
        [0, 4, 8, 12].map(|at| u32::from_le_bytes([event[at], event[at + 1], event[at + 2], event[at + 3]]));
    let signal = || Signal::from_number(signal).ok_or(Errno::INVAL).map(Some);
    let (signal, payload) = match manner {
        _ if !is_told => (Some(Signal::ALARM), None),
        manner::SIGNAL | manner::THREAD => (signal()?, Some(payload)),
        manner::SIGNAL_TO_THREAD if thread == system.identity.process => (signal()?, Some(payload)),
        manner::NOTHING => (None, Some(payload)),
        _ => return Err(Errno::INVAL.into()),
    };
    let timer = call.waiter.create_timer(number, basis, signal, payload)?;
    if let Err(fault) = call.write_u32(call.u32(2), timer) {
        call.waiter.delete_timer(timer)?;
        return Err(fault);
    }
    done()
}

/// EINVAL for what is no clock, EOPNOTSUPP for one without timers.
fn check_clock(system: &System, number: i32) -> Result<Clock, Errno> {
    wakes_the_machine(number)?;
    let id = ClockId::from_number(system, number)?;
    id.wakes.then_some(id.clock).ok_or(Errno::NOTSUP)
}

fn timer_settime(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut bytes = [0; 2 * TIME_BYTES as usize];
    match call.u32(2) {
        0 => return Err(Errno::INVAL.into()),
        address => call.memory.read(address, &mut bytes)?,
    }
    let [interval, time] = [0, 16].map(|at| {
        let mut half = [0; 16];
        half.copy_from_slice(&bytes[at..at + 16]);
        time_of(half)
    });
    let (interval, time) = (interval?, time?);
    let timer = call.u32(0);
    let clock = call.waiter.timer_clock(timer)?;
    let left = if call.u32(1) & ABSOLUTE != 0 && !time.is_zero() {
        let now = ClockId::from_number(system, clock)?.now(system);
        // What is past expires at once.
        time.saturating_sub(now).max(Duration::from_nanos(1))
    } else {
        time
    };
    let before = call.waiter.set_timer(timer, Setting { left, interval })?;
    if call.u32(3) != 0 {
        write_setting(call, call.u32(3), before)?;
    }
    done()
}

fn write_setting(call: &mut Call<'_>, address: u32, setting: Setting) -> Result<(), Fault> {
    let bytes = [time_bytes(setting.interval), time_bytes(setting.left)];
    Ok(call.memory.write(address, bytes.as_flattened())?)
}

fn timer_gettime(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let setting = call.waiter.timer(call.u32(0))?;
    write_setting(call, call.u32(1), setting)?;
    done()
}

fn timer_getoverrun(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    value(call.waiter.timer_overrun(call.u32(0))?)
}

fn timer_delete(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    call.waiter.delete_timer(call.u32(0))?;
    done()
}

/// The program is about to get this signal. If a timer of its own has sent it, `siginfo_t`
/// says which, and the timer goes on; 2 tells that another timer's waits as well, 1 that none
/// does, and 0 that no timer has sent it.
fn timer_signal(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let signal = Signal::from_number(call.u32(0)).ok_or(Errno::INVAL)?;
    // Before something is taken that could then not be told.
    let size = call.memory.size();
    if call.u32(1) == 0 || u64::from(call.u32(1)) + INFORMATION_BYTES as u64 > size {
        return Err(Errno::FAULT.into());
    }
    let Some(expiry) = call.waiter.take_expiry(signal) else { return value(0) };
    let mut bytes = [0; INFORMATION_BYTES];
    let words =
        [signal.number().into(), 0, SI_TIMER.cast_unsigned(), expiry.timer, expiry.overrun, expiry.value];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    call.memory.write(call.u32(1), &bytes)?;
    value(if expiry.more { 2 } else { 1 })
}
