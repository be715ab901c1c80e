//! Clocks, and sleeping.

use super::{calls, done, value};
use crate::sleep::sleep;
use crate::table::{Row, Support};
use crate::wait::wait_for_ever;
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::time::Duration;

/// The time at argument 1, or 2; and that of 32-bit numbers at argument 0.
const TIME_1: &[View] = &[View::Fixed { pointer: 1, size: TIME_BYTES }];
const TIME_2: &[View] = &[View::Fixed { pointer: 2, size: TIME_BYTES }];
const SHORT_0: &[View] = &[View::Fixed { pointer: 0, size: 8 }];

pub(super) const ROWS: &[Row] = calls! { "linux":
    clock_gettime64(clock: Clock, time: Result) &[], Support::Full, "", clock_gettime;
    clock_getres_time64(clock: Clock, resolution: Result) &[], Support::Full, "", clock_getres;
    clock_settime64(clock: Clock, time: TimePointer) TIME_1, Support::Partial, "it fails with EPERM: only a superuser may set the clock", clock_settime;
    clock_adjtime64(clock: Clock, parameters: Pointer) &[], Support::Partial, "how the clock is kept is told; only a superuser may change it", clock_adjtime;
    clock_nanosleep_time64(clock: Clock, flags: TimerFlags, time: TimePointer, left: Result) TIME_2, Support::Full, "", clock_nanosleep;
    nanosleep(time: Pointer, left: Result) SHORT_0, Support::Full, "", nanosleep;
    times(times: Result) &[], Support::Full, "", times;
};

/// Bytes of a time: seconds and nanoseconds, 64 bits each.
pub(super) const TIME_BYTES: u32 = 16;

/// Clock ticks of a second, in which `times` counts.
const TICKS: u128 = 100;

/// A time is told, and not how long it is from now.
pub(super) const ABSOLUTE: u32 = 1;

/// What a clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// Since 1970.
    Real,
    /// Since the machine was started.
    Monotonic,
    /// The processor time of the process.
    Process,
    /// That of its one thread.
    Thread,
}

/// A clock, by Linux's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockId {
    pub clock: Clock,
    /// Whether one can sleep and set timers by it.
    pub wakes: bool,
}

impl ClockId {
    /// EINVAL for what is no clock.
    pub(super) fn from_number(system: &System, number: i32) -> Result<Self, Errno> {
        let (clock, wakes) = match number {
            0 | 11 => (Clock::Real, true),
            1 | 7 => (Clock::Monotonic, true),
            2 => (Clock::Process, true),
            3 => (Clock::Thread, true),
            // Those that are not adjusted, or tell their time in steps.
            4 | 6 => (Clock::Monotonic, false),
            5 => (Clock::Real, false),
            // What kind of processor time, of a thread or of a process, and of which,
            // inverted. The third kind is a descriptor of a clock, which there is none of.
            ..0 if number & 3 < 3 => {
                let own = [0, system.identity.process.cast_signed()].contains(&!(number >> 3));
                let clock = if number & 4 == 0 { Clock::Process } else { Clock::Thread };
                (own.then_some(clock).ok_or(Errno::INVAL)?, true)
            }
            // 8 and 9 wake the machine, and it has no clock that could.
            _ => return Err(Errno::INVAL),
        };
        Ok(Self { clock, wakes })
    }

    pub(super) fn now(self, system: &System) -> Duration {
        match self.clock {
            Clock::Real => system.host.clock.realtime(),
            Clock::Monotonic => system.host.clock.monotonic(),
            Clock::Process | Clock::Thread => (system.processor_time)(),
        }
    }
}

/// Clocks that would wake the machine, which it has none of: EOPNOTSUPP where one would be
/// waited for.
pub(super) fn wakes_the_machine(number: i32) -> Result<(), Errno> {
    if matches!(number, 8 | 9) { Err(Errno::NOTSUP) } else { Ok(()) }
}

/// What `bytes` say: EINVAL for what is before zero, or has a second's nanoseconds or more.
pub(super) fn time_of(bytes: [u8; 16]) -> Result<Duration, Errno> {
    let [seconds, nanoseconds] = [&bytes[..8], &bytes[8..]]
        .map(|half| half.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)));
    // Above the 32 bits of the nanoseconds is what happened to be there.
    match (i64::try_from(seconds), nanoseconds as u32) {
        (Ok(_), nanoseconds @ 0..1_000_000_000) => Ok(Duration::new(seconds, nanoseconds)),
        _ => Err(Errno::INVAL),
    }
}

/// The time at an address of the guest: seconds and nanoseconds.
///
/// # Errors
/// EFAULT, or EINVAL for a time that is none.
pub(super) fn time_at(call: &mut Call<'_>, address: u32) -> Result<Duration, Fault> {
    let mut bytes = [0; TIME_BYTES as usize];
    call.memory.read(address, &mut bytes)?;
    Ok(time_of(bytes)?)
}

/// A time as the guest has it, 64 bits each.
pub(super) fn time_bytes(time: Duration) -> [u8; 16] {
    let halves = u128::from(time.as_secs()) | u128::from(time.subsec_nanos()) << 64;
    halves.to_le_bytes()
}

/// Puts a time at an address of the guest.
pub(super) fn write_time(call: &mut Call<'_>, address: u32, time: Duration) -> Result<(), Fault> {
    Ok(call.memory.write(address, &time_bytes(time))?)
}

fn clock_gettime(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let now = ClockId::from_number(system, call.i32(0))?.now(system);
    write_time(call, call.u32(1), now)?;
    done()
}

fn clock_getres(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let clock = ClockId::from_number(system, call.i32(0))?;
    let resolution = match clock.clock {
        Clock::Real | Clock::Monotonic => system.host.clock.resolution(),
        Clock::Process | Clock::Thread => Duration::from_nanos(1),
    };
    if call.u32(1) != 0 {
        write_time(call, call.u32(1), resolution)?;
    }
    done()
}

/// EPERM, where the time and the clock could be set at all.
fn clock_settime(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let number = call.i32(0);
    if number > 0 {
        return Err(Errno::INVAL.into());
    }
    let mut bytes = [0; TIME_BYTES as usize];
    call.memory.read(call.u32(1), &mut bytes)?;
    match number {
        0 => drop(time_of(bytes)?),
        processor => drop(ClockId::from_number(system, processor)?),
    }
    Err(Errno::PERM.into())
}

/// What is wrong with a clock that nobody keeps: its state, and how far it may be off.
const UNSYNCHRONIZED: u32 = 0x40;
const STATE: u32 = 5;
const GREATEST_ERROR: u64 = 16_000_000;

/// Modes of `clock_adjtime` that only ask: nothing, and what is left to adjust.
const ASK: [u32; 2] = [0, 0xa001];

fn clock_adjtime(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let address = call.u32(1);
    let mut bytes = [0; 208];
    call.memory.read(address, &mut bytes)?;
    if call.i32(0) != 0 {
        wakes_the_machine(call.i32(0))?;
        ClockId::from_number(system, call.i32(0))?;
        return Err(Errno::NOTSUP.into());
    }
    let modes = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if !ASK.contains(&modes) {
        return Err(Errno::PERM.into());
    }
    let now = system.host.clock.realtime();
    // Offset and frequency, the errors, the constant and so on, as a kernel begins with them.
    for (at, number) in [
        (8, 0),
        (16, 0),
        (24, GREATEST_ERROR),
        (32, GREATEST_ERROR),
        (40, u64::from(UNSYNCHRONIZED)),
        (48, 2),
        (56, 1),
        (64, 32_768_000),
        (72, now.as_secs()),
        (80, u64::from(now.subsec_micros())),
        (88, 10_000),
    ] {
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    // Of a signal by which a clock is kept, and the leap seconds: nothing.
    bytes[96..].fill(0);
    call.memory.write(address, &bytes)?;
    value(STATE)
}

fn clock_nanosleep(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let number = call.i32(0);
    wakes_the_machine(number)?;
    let id = ClockId::from_number(system, number)?;
    if !id.wakes || number == 3 {
        return Err(Errno::NOTSUP.into());
    }
    let time = time_at(call, call.u32(2))?;
    let absolute = call.u32(1) & ABSOLUTE != 0;
    let wanted = if absolute { time.saturating_sub(id.now(system)) } else { time };
    let left = if absolute { 0 } else { call.u32(3) };
    match id.clock {
        Clock::Real | Clock::Monotonic => sleep_for(system, call, wanted, |call, time| match left {
            0 => Ok(()),
            left => write_time(call, left, time),
        }),
        Clock::Thread => Err(Errno::INVAL.into()),
        Clock::Process if wanted.is_zero() => done(),
        // While its one thread waits, a process uses no processor time.
        Clock::Process => match wait_for_ever(call.waiter)? {},
    }
}

/// The same by the monotonic clock, in numbers of 32 bits.
fn nanosleep(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (seconds, nanoseconds) = (call.u32_at(call.u32(0))?, call.u32_at(call.u32(0).wrapping_add(4))?);
    let wanted = match (i32::try_from(seconds), nanoseconds) {
        (Ok(_), 0..1_000_000_000) => Duration::new(seconds.into(), nanoseconds),
        _ => return Err(Errno::INVAL.into()),
    };
    let left = call.u32(1);
    sleep_for(system, call, wanted, |call, time| {
        if left == 0 {
            return Ok(());
        }
        // No more than was wanted, and so it fits.
        let words = [time.as_secs() as u32, time.subsec_nanos()].map(u32::to_le_bytes);
        Ok(call.memory.write(left, words.as_flattened())?)
    })
}

/// Sleeps, and has what is left be told if a signal ends it.
fn sleep_for(
    system: &mut System,
    call: &mut Call<'_>,
    wanted: Duration,
    tell: impl FnOnce(&mut Call<'_>, Duration) -> Result<(), Fault>,
) -> Result<Answer, Fault> {
    let start = call.waiter.now();
    match sleep(system, call, wanted) {
        Ok(_) => done(),
        Err(Fault::Errno(Errno::INTR)) => {
            let slept = call.waiter.now().saturating_duration_since(start);
            match wanted.saturating_sub(slept) {
                // It was over at the same moment.
                Duration::ZERO => done(),
                left => {
                    tell(call, left)?;
                    Err(Errno::INTR.into())
                }
            }
        }
        Err(fault) => Err(fault),
    }
}

/// The processor time, all of it as the program's own, and none of children; and how long the
/// machine has been up. In ticks.
fn times(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    // They begin anew after 248 days, as they do where a tick is counted in 31 bits.
    let ticks = |time: Duration| (time.as_millis() * TICKS / 1000) as u32 & i32::MAX.cast_unsigned();
    if call.u32(0) != 0 {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&ticks((system.processor_time)()).to_le_bytes());
        call.memory.write(call.u32(0), &bytes)?;
    }
    value(ticks(system.host.clock.monotonic()))
}
