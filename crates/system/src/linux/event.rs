//! Descriptors of what happens: counters, timers, signals, changes of files.

use super::descriptor::{only, open};
use super::poll::{TIMESPEC, duration, timespec};
use super::{calls, done, refused, structure, value};
use crate::descriptors::flags;
use crate::event_counter::EventCounter;
use crate::event_signals::EventSignals;
use crate::event_timer::{EventTimer, Setting};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::sync::Arc;

use Support::{Full, Partial, Refused};

pub(super) const ROWS: &[Row] = calls! { "linux":
    eventfd2(initval: Unsigned, flags: DescriptorFlags) &[], Full, "", eventfd2;
    timerfd_create(clockid: Clock, flags: DescriptorFlags) &[], Partial, "no program may wake the machine", timerfd_create;
    timerfd_settime64(fd: Descriptor, flags: TimerFlags, new: Pointer, old: Result) &[structure(2, 32)], Full, "", timerfd_settime64;
    timerfd_gettime64(fd: Descriptor, current: Result) &[], Full, "", timerfd_gettime64;
    signalfd4(fd: Descriptor, mask: Pointer, sizemask: Size, flags: DescriptorFlags) &[structure(1, 8)], Full, "", signalfd4;
    inotify_init1(flags: Flags) &[], Refused(Errno::NOSYS), "nothing tells of changes of files", refused;
    inotify_add_watch(fd: Descriptor, pathname: Text, mask: Flags) &[View::Cstr { pointer: 1 }], Refused(Errno::NOSYS), "nothing tells of changes of files", refused;
    inotify_rm_watch(fd: Descriptor, wd: Unsigned) &[], Refused(Errno::NOSYS), "nothing tells of changes of files", refused;
};

/// What stands beside Linux's calls: how the guest's library and the system agree on which
/// signals are pending.
pub(super) const LIBRARY: &[Row] = calls! { "bellglass":
    signals_pending(low: Flags, high: Flags, taken: Result) &[], Full, "", signals_pending;
};

fn eventfd2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const SEMAPHORE: u32 = 1;
    let of_call = only(call.u32(1), SEMAPHORE | flags::CLOSE_ON_EXEC | flags::NONBLOCK)?;
    let (count, is_semaphore) = (u64::from(call.u32(0)), of_call & SEMAPHORE != 0);
    let counter = EventCounter::new(&system.meter, system.descriptors.serial(), count, is_semaphore)?;
    value(open(system, Arc::new(counter), [true, true], of_call)?)
}

/// EINVAL for flags and clocks that there are not, EPERM for those that wake the machine.
fn timerfd_create(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const REAL: u32 = 0;
    const MONOTONIC: u32 = 1;
    const SINCE_START: u32 = 7;
    const REAL_ALARM: u32 = 8;
    const ALARM_SINCE_START: u32 = 9;
    let of_call = only(call.u32(1), flags::CLOSE_ON_EXEC | flags::NONBLOCK)?;
    let is_real = match call.u32(0) {
        REAL => true,
        MONOTONIC | SINCE_START => false,
        REAL_ALARM | ALARM_SINCE_START => return Err(Errno::PERM.into()),
        _ => return Err(Errno::INVAL.into()),
    };
    let (serial, clock) = (system.descriptors.serial(), Arc::clone(&system.host.clock));
    let timer = EventTimer::new(&system.meter, serial, clock, is_real)?;
    value(open(system, Arc::new(timer), [true, true], of_call)?)
}

/// The bytes of a setting: the interval, then the value.
fn bytes_of(setting: Setting) -> Vec<u8> {
    [timespec(setting.interval), timespec(setting.value)].concat()
}

/// EFAULT, EINVAL for flags and times that there are not, EBADF, EINVAL for what is no timer.
/// Nothing sets the clock, so that nothing is cancelled when it is set.
fn timerfd_settime64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const ABSOLUTE: u32 = 1;
    const CANCEL_ON_SET: u32 = 2;
    let bytes = call.bytes_at(call.u32(2), 2 * TIMESPEC)?;
    let of_call = only(call.u32(1), ABSOLUTE | CANCEL_ON_SET)?;
    let (interval, value) = bytes.split_at(TIMESPEC);
    let new = Setting { interval: duration(interval)?, value: duration(value)? };
    let file = Arc::clone(system.descriptors.file(call.u32(0))?);
    let old = file.object.timer()?.set(new, of_call & ABSOLUTE != 0);
    if call.u32(3) != 0 {
        call.memory.write(call.u32(3), &bytes_of(old))?;
    }
    done()
}

fn timerfd_gettime64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let setting = system.descriptors.file(call.u32(0))?.object.timer()?.setting();
    call.memory.write(call.u32(1), &bytes_of(setting))?;
    done()
}

/// EINVAL for another size of the set and for flags that there are not, EFAULT; of a
/// descriptor that is there, EBADF, and EINVAL for what tells of no signals.
fn signalfd4(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const SIGNALS: u32 = 8;
    if call.u32(2) != SIGNALS {
        return Err(Errno::INVAL.into());
    }
    let bytes = call.bytes_at(call.u32(1), SIGNALS as usize)?;
    let mask = bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let of_call = only(call.u32(3), flags::CLOSE_ON_EXEC | flags::NONBLOCK)?;
    if call.i32(0) != -1 {
        system.descriptors.file(call.u32(0))?.object.signals()?.set_mask(mask);
        return value(call.u32(0));
    }
    let pending = Arc::clone(&system.pending_signals);
    let signals = EventSignals::new(&system.meter, system.descriptors.serial(), mask, pending)?;
    value(open(system, Arc::new(signals), [true, true], of_call)?)
}

/// The guest's library tells which signals are pending and blocked, the lowest in the lowest
/// bit, and hears in 64 bits which of them have been read since. EFAULT.
fn signals_pending(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let address = call.u32(2);
    if u64::from(address) + 8 > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    let pending = u64::from(call.u32(0)) | u64::from(call.u32(1)) << 32;
    let taken = system.pending_signals.tell(pending);
    call.write_u64(address, taken)?;
    done()
}
