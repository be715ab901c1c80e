//! Waiting until one of many open files can be read or written: poll, select, epoll.

use super::descriptor::{only, open};
use super::{calls, done, structure, value};
use crate::descriptors::{Descriptors, flags};
use crate::epoll::{self, Epoll, look_at};
use crate::poll::{self, Look, Polled, Watched, events};
use crate::sleep::Pace;
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::sync::Arc;
use std::time::Duration;

use Support::{Full, Partial};

pub(super) const ROWS: &[Row] = calls! { "linux":
    ppoll_time64(fds: Pointer, nfds: Size, timeout: TimePointer, sigmask: Pointer, sigsetsize: Size) &[View::Bytes { pointer: 0, length: 1, scale: 8 }, structure(2, 16)], Full, "", ppoll_time64;
    pselect6_time64(nfds: Size, readfds: Pointer, writefds: Pointer, exceptfds: Pointer, timeout: TimePointer, sigmask: Pointer) &[structure(1, 128), structure(2, 128), structure(3, 128), structure(4, 16)], Full, "", pselect6_time64;
    epoll_create1(flags: DescriptorFlags) &[], Full, "", epoll_create1;
    epoll_ctl(epfd: Descriptor, op: EpollOperation, fd: Descriptor, event: Pointer) &[structure(3, 16)], Partial, "what is always ready cannot be watched, and one program at a time is woken", epoll_ctl;
    epoll_pwait(epfd: Descriptor, events: Result, maxevents: Unsigned, timeout: Signed, sigmask: Pointer, sigsetsize: Size) &[], Full, "", epoll_pwait;
    epoll_pwait2(epfd: Descriptor, events: Result, maxevents: Unsigned, timeout: TimePointer, sigmask: Pointer, sigsetsize: Size) &[structure(3, 16)], Full, "", epoll_pwait2;
};

/// Bytes of a time, of a set of signals, of what poll asks, and of what epoll tells.
pub(super) const TIMESPEC: usize = 16;
const SIGNALS: u32 = 8;
const POLLED: usize = 8;
const EVENT: usize = 16;

/// A length of time in the guest's memory: EFAULT, EINVAL for one that there is not. Of the
/// nanoseconds the upper half is padding.
pub(super) fn duration(bytes: &[u8]) -> Result<Duration, Errno> {
    let (seconds, rest) = bytes.split_first_chunk().ok_or(Errno::INVAL)?;
    let nanoseconds = rest.first_chunk().ok_or(Errno::INVAL)?;
    let seconds = u64::try_from(i64::from_le_bytes(*seconds)).map_err(|_| Errno::INVAL)?;
    let nanoseconds = u32::from_le_bytes(*nanoseconds);
    if nanoseconds < 1_000_000_000 { Ok(Duration::new(seconds, nanoseconds)) } else { Err(Errno::INVAL) }
}

/// The bytes of a length of time.
pub(super) fn timespec(duration: Duration) -> [u8; TIMESPEC] {
    let mut bytes = [0; TIMESPEC];
    bytes[..8].copy_from_slice(&duration.as_secs().to_le_bytes());
    bytes[8..12].copy_from_slice(&duration.subsec_nanos().to_le_bytes());
    bytes
}

/// How long a call waits: for ever, if its address is 0.
struct Timeout {
    address: u32,
    wanted: Option<Duration>,
    passed: Duration,
}

impl Timeout {
    fn at(call: &mut Call<'_>, address: u32) -> Result<Self, Fault> {
        let wanted = match address {
            0 => None,
            _ => Some(duration(&call.bytes_at(address, TIMESPEC)?)?),
        };
        Ok(Self { address, wanted, passed: Duration::ZERO })
    }

    fn of_milliseconds(milliseconds: i32) -> Self {
        let wanted = u64::try_from(milliseconds).ok().map(Duration::from_millis);
        Self { address: 0, wanted, passed: Duration::ZERO }
    }

    /// Waits, and says what was found.
    fn wait(
        &mut self,
        system: &mut System,
        call: &Call<'_>,
        mut look: impl FnMut(&Descriptors, &mut Look) -> Result<Vec<Watched>, Fault>,
    ) -> Result<Vec<u32>, Fault> {
        let descriptors = &system.descriptors;
        let mut pace = Pace { clock: &*system.host.clock, sleeps: &mut system.sleeps, waiter: call.waiter };
        poll::wait(&mut pace, self.wanted, &mut self.passed, |gathered| look(descriptors, gathered))
    }

    /// Puts the time that is left where the program has it, which it needs to go on after a
    /// signal.
    fn tell_rest(&self, call: &mut Call<'_>) {
        if let Some(wanted) = self.wanted.filter(|wanted| !wanted.is_zero())
            && self.address != 0
        {
            // A time that cannot be written is one that the program does not look at.
            let _ = call.memory.write(self.address, &timespec(wanted.saturating_sub(self.passed)));
        }
    }
}

/// A set of signals that the guest's library puts in place: EINVAL for another size.
fn signal_mask(address: u32, size: u32) -> Result<(), Errno> {
    if address != 0 && size != SIGNALS { Err(Errno::INVAL) } else { Ok(()) }
}

/// What is asked of one descriptor: nothing below 0.
fn watch(descriptors: &Descriptors, number: u32, wanted: u32, look: &mut Look) -> Watched {
    let polled = match descriptors.file(number) {
        _ if number.cast_signed() < 0 => Polled::default(),
        Ok(file) => look_at(file, wanted, look),
        Err(_) => Polled::now(events::INVALID),
    };
    Watched { wanted, polled }
}

/// EFAULT and EINVAL of the time; EINVAL for more than may be open; EFAULT.
fn ppoll_time64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (address, count) = (call.u32(0), call.u32(1) as usize);
    let mut timeout = Timeout::at(call, call.u32(2))?;
    signal_mask(call.u32(3), call.u32(4))?;
    // BOUND: what may be open.
    if count > system.descriptors.limit() {
        return Err(Errno::INVAL.into());
    }
    let mut asked = if count == 0 { Vec::new() } else { call.bytes_at(address, count * POLLED)? };
    let entry = |bytes: &[u8; POLLED]| {
        let [a, b, c, d, low, high, ..] = *bytes;
        (u32::from_le_bytes([a, b, c, d]), u32::from(u16::from_le_bytes([low, high])))
    };
    let wanted: Vec<(u32, u32)> = asked.as_chunks().0.iter().map(entry).collect();
    let found = timeout.wait(system, call, |descriptors, look| {
        Ok(wanted.iter().map(|(number, wanted)| watch(descriptors, *number, *wanted, look)).collect())
    });
    timeout.tell_rest(call);
    let found = found?;
    for (bytes, found) in asked.as_chunks_mut::<POLLED>().0.iter_mut().zip(&found) {
        // Poll's events have 16 bits.
        bytes[6..].copy_from_slice(&(*found as u16).to_le_bytes());
    }
    if count > 0 {
        call.memory.write(address, &asked)?;
    }
    value(found.iter().filter(|found| **found != 0).count() as u32)
}

/// What select wants to know of a descriptor, and what counts as that: whether it can be
/// read, written, or has something of priority.
const SELECTED: [(u32, u32); 3] = [
    (READ, READ | events::HANGUP | events::ERROR),
    (events::WRITING, events::WRITING | events::ERROR),
    (events::PRIORITY, events::PRIORITY),
];
const READ: u32 = events::READING & !(events::PRIORITY | events::READ_HANGUP);

/// EFAULT and EINVAL of the time; EINVAL for a number below 0; EFAULT; EBADF.
fn pselect6_time64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut timeout = Timeout::at(call, call.u32(4))?;
    let count = call.u32(0);
    if count.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    // BOUND: what may be open. Beyond that nothing is looked at.
    let count = (count as usize).min(system.descriptors.limit());
    let bytes = count.div_ceil(32) * 4;
    let addresses = [call.u32(1), call.u32(2), call.u32(3)];
    let mut sets = Vec::with_capacity(addresses.len());
    for address in addresses {
        sets.push(if address == 0 || bytes == 0 { vec![0; bytes] } else { call.bytes_at(address, bytes)? });
    }
    let is_in = |set: &[u8], number: usize| set[number / 8] & 1 << (number % 8) != 0;
    // Each with the sets in which it is.
    let asked: Vec<(u32, [bool; 3])> = (0..count)
        .map(|number| (number as u32, [0, 1, 2].map(|set: usize| is_in(&sets[set], number))))
        .filter(|(_, within)| within.contains(&true))
        .collect();
    for (number, _) in &asked {
        system.descriptors.get(*number)?;
    }
    let found = timeout.wait(system, call, |descriptors, look| {
        let watched = |(number, within): &(u32, [bool; 3])| {
            let chosen = SELECTED.iter().zip(within).filter(|(_, within)| **within);
            let (wanted, counts) =
                chosen.fold((0, 0), |(wanted, counts), ((some, more), _)| (wanted | some, counts | more));
            let Watched { polled, .. } = watch(descriptors, *number, wanted, look);
            Watched { wanted, polled: polled.limited(counts | events::INVALID) }
        };
        Ok(asked.iter().map(watched).collect())
    });
    timeout.tell_rest(call);
    let found = found?;
    sets.iter_mut().for_each(|set| set.fill(0));
    let mut told = 0;
    for ((number, within), found) in asked.iter().zip(found) {
        for ((set, within), (_, counts)) in sets.iter_mut().zip(within).zip(SELECTED) {
            if *within && found & (counts | events::INVALID) != 0 {
                set[*number as usize / 8] |= 1 << (number % 8);
                told += 1;
            }
        }
    }
    for (address, set) in addresses.into_iter().zip(&sets) {
        if address != 0 && !set.is_empty() {
            call.memory.write(address, set)?;
        }
    }
    value(told)
}

fn epoll_create1(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(0), flags::CLOSE_ON_EXEC)?;
    let epoll = Epoll::new(&system.meter, system.descriptors.serial())?;
    value(open(system, Arc::new(epoll), [true, true], flags)?)
}

/// EFAULT, EBADF, EPERM for what is always ready, EINVAL for itself, for what is no epoll and
/// for flags that exclude each other, ELOOP, and what the operation says.
fn epoll_ctl(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    use epoll::flags::{EDGE, EXCLUSIVE, WAKEUP};
    const ADD: u32 = 1;
    const REMOVE: u32 = 2;
    const CHANGE: u32 = 3;
    /// What an exclusive one can want.
    const OF_EXCLUSIVE: u32 = events::IN | events::OUT | events::ALWAYS | WAKEUP | EDGE | EXCLUSIVE;
    let (operation, number) = (call.u32(1), call.u32(2));
    let (mut wanted, mut data) = (0, 0);
    if operation != REMOVE {
        let bytes = call.bytes_at(call.u32(3), EVENT)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        // Between the two is padding.
        (wanted, data) = (number(&bytes[..4]) as u32, number(&bytes[8..]));
    }
    let own = Arc::clone(system.descriptors.file(call.u32(0))?);
    let file = Arc::clone(system.descriptors.file(number)?);
    if !file.object.can_be_watched() {
        return Err(Errno::PERM.into());
    }
    if Arc::ptr_eq(&own, &file) {
        return Err(Errno::INVAL.into());
    }
    let watcher = own.object.epoll()?;
    if operation != REMOVE && wanted & EXCLUSIVE != 0 {
        let fits = wanted & !OF_EXCLUSIVE == 0 && file.object.epoll().is_err();
        if operation == CHANGE || operation == ADD && !fits {
            return Err(Errno::INVAL.into());
        }
    }
    match operation {
        ADD => watcher.add(&own, number, &file, wanted, data)?,
        REMOVE => watcher.remove(&own, number, &file)?,
        CHANGE => watcher.change(number, &file, wanted, data)?,
        _ => return Err(Errno::INVAL.into()),
    }
    done()
}

fn epoll_pwait(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    signal_mask(call.u32(4), call.u32(5))?;
    let timeout = Timeout::of_milliseconds(call.i32(3));
    epoll_wait(system, call, timeout)
}

fn epoll_pwait2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let timeout = Timeout::at(call, call.u32(3))?;
    signal_mask(call.u32(4), call.u32(5))?;
    epoll_wait(system, call, timeout)
}

/// EBADF; EINVAL for room for no event, or for more than could be; EFAULT; EINVAL for what is no
/// epoll.
fn epoll_wait(system: &mut System, call: &mut Call<'_>, mut timeout: Timeout) -> Result<Answer, Fault> {
    const MOST: u32 = i32::MAX as u32 / EVENT as u32;
    let (address, most) = (call.u32(1), call.u32(2));
    let own = Arc::clone(system.descriptors.file(call.u32(0))?);
    if most == 0 || most > MOST {
        return Err(Errno::INVAL.into());
    }
    if u64::from(address) > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    let watcher = own.object.epoll()?;
    let (mut keys, mut edges) = (Vec::new(), Vec::new());
    let found = timeout.wait(system, call, |_, look| {
        let (of, watched) = watcher.look(look)?;
        keys = of;
        edges = watched.iter().map(|watched| watched.polled.edges).collect();
        Ok(watched)
    });
    if found == Err(Fault::Errno(Errno::INTR)) {
        timeout.tell_rest(call);
    }
    let found = found?;
    let count = found.iter().filter(|events| **events != 0).count().min(most as usize);
    if u64::from(address) + (count * EVENT) as u64 > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    let told = watcher.take(&keys, &edges, &found, most as usize);
    let mut bytes = Vec::with_capacity(told.len() * EVENT);
    for told in &told {
        bytes.extend(told.events.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(told.data.to_le_bytes());
    }
    call.memory.write(address, &bytes)?;
    value(told.len() as u32)
}
