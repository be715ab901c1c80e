//! Locks of files: flock, and the commands of fcntl that are about locks.

use super::{calls, done};
use crate::descriptors::Description;
use crate::locks::{By, Conflict, Mode, Span, Whose};
use crate::object::Blocking;
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use std::sync::Arc;

pub(super) const ROWS: &[Row] = calls! { "linux":
    flock(fd: Descriptor, operation: LockOperation) &[], Support::Full, "", flock;
};

/// EINVAL, EBADF, EWOULDBLOCK, EINTR, ENOLCK.
fn flock(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const DO_NOT_WAIT: u32 = 4;
    // Linux once had mandatory locks, and still says that these went well.
    const MANDATORY: u32 = 32;
    let operation = call.u32(1);
    if operation & MANDATORY != 0 {
        return done();
    }
    let mode = match operation & !DO_NOT_WAIT {
        1 => Some(Mode::Shared),
        2 => Some(Mode::Exclusive),
        8 => None,
        _ => return Err(Errno::INVAL.into()),
    };
    let description = system.descriptors.file(call.u32(0))?;
    if mode.is_some() && !description.readable && !description.writable {
        return Err(Errno::BADF.into());
    }
    let blocking = if operation & DO_NOT_WAIT == 0 { Blocking::Wait } else { Blocking::DoNotWait };
    system.descriptors.locker().set_whole(description, mode, blocking, call.waiter)?;
    done()
}

/// What a command of fcntl asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Find,
    Set(Blocking),
}

/// The commands of fcntl that are about locks: whose, what is asked, and in which structure.
fn command(number: u32) -> Option<(By, Act, &'static Structure)> {
    const WAIT: Act = Act::Set(Blocking::Wait);
    const TRY: Act = Act::Set(Blocking::DoNotWait);
    Some(match number {
        5 => (By::Process, Act::Find, &SHORT),
        6 => (By::Process, TRY, &SHORT),
        7 => (By::Process, WAIT, &SHORT),
        12 => (By::Process, Act::Find, &LONG),
        13 => (By::Process, TRY, &LONG),
        14 => (By::Process, WAIT, &LONG),
        36 => (By::Description, Act::Find, &LONG),
        37 => (By::Description, TRY, &LONG),
        38 => (By::Description, WAIT, &LONG),
        _ => return None,
    })
}

/// A command of fcntl64 that is about locks; EINVAL for any other.
pub(super) fn fcntl(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (by, act, structure) = command(call.u32(1)).ok_or(Errno::INVAL)?;
    on_range(system, call, by, act, structure)?;
    done()
}

/// A structure flock of the guest's.
struct Structure {
    size: usize,
    /// Where the offset, the length and the process stand.
    fields: [usize; 3],
    /// Bytes of an offset and of a length.
    width: usize,
    /// The last byte that it can name.
    last: u64,
}

/// `struct flock` of a 32-bit machine.
const SHORT: Structure = Structure { size: 16, fields: [4, 8, 12], width: 4, last: i32::MAX as u64 };

/// `struct flock64`.
const LONG: Structure = Structure { size: 32, fields: [8, 16, 24], width: 8, last: Span::END };

/// The most that a structure takes.
const MOST: usize = LONG.size;

/// What a structure says.
#[derive(Clone, Copy)]
struct Asked {
    kind: u16,
    whence: u16,
    start: i64,
    length: i64,
    process: u32,
}

impl Structure {
    fn field(&self, bytes: &[u8; MOST], at: usize, width: usize) -> i64 {
        let mut number = [0; 8];
        number[..width].copy_from_slice(&bytes[at..at + width]);
        let number = i64::from_le_bytes(number);
        // The sign of a short one.
        if width == 4 { i64::from(number as i32) } else { number }
    }

    fn read(&self, bytes: &[u8; MOST]) -> Asked {
        let [start, length, process] = self.fields;
        Asked {
            kind: u16::from_le_bytes([bytes[0], bytes[1]]),
            whence: u16::from_le_bytes([bytes[2], bytes[3]]),
            start: self.field(bytes, start, self.width),
            length: self.field(bytes, length, self.width),
            process: self.field(bytes, process, 4) as u32,
        }
    }

    /// EOVERFLOW for a start that it cannot tell.
    fn write(&self, bytes: &mut [u8; MOST], asked: &Asked) -> Result<(), Errno> {
        bytes[..2].copy_from_slice(&asked.kind.to_le_bytes());
        bytes[2..4].copy_from_slice(&asked.whence.to_le_bytes());
        let [start, length, process] = self.fields;
        let end = asked.start.saturating_add((asked.length - 1).max(0));
        if u64::try_from(end).is_ok_and(|end| end > self.last) {
            return Err(Errno::OVERFLOW);
        }
        for (at, value) in [(start, asked.start), (length, asked.length)] {
            bytes[at..at + self.width].copy_from_slice(&value.to_le_bytes()[..self.width]);
        }
        bytes[process..process + 4].copy_from_slice(&asked.process.to_le_bytes());
        Ok(())
    }
}

const SHARED: u16 = 0;
const EXCLUSIVE: u16 = 1;
const UNLOCKED: u16 = 2;

/// The mode that a structure asks for; EINVAL.
fn mode(kind: u16) -> Result<Option<Mode>, Errno> {
    match kind {
        SHARED => Ok(Some(Mode::Shared)),
        EXCLUSIVE => Ok(Some(Mode::Exclusive)),
        UNLOCKED => Ok(None),
        _ => Err(Errno::INVAL),
    }
}

/// The bytes that are meant: EINVAL, EOVERFLOW.
fn span(description: &Description, asked: &Asked) -> Result<Span, Errno> {
    let start = match asked.whence {
        0 => 0,
        1 => crate::streams::tell(description)?,
        2 => match description.object.inode() {
            Ok(inode) => inode.metadata()?.size,
            Err(_) => 0,
        },
        _ => return Err(Errno::INVAL),
    };
    let start = i64::try_from(start).map_err(|_| Errno::OVERFLOW)?;
    let first = start.checked_add(asked.start).ok_or(Errno::OVERFLOW)?;
    if first < 0 {
        return Err(Errno::INVAL);
    }
    let (first, last) = match asked.length {
        0 => (first, i64::MAX),
        1.. => (first, first.checked_add(asked.length - 1).ok_or(Errno::OVERFLOW)?),
        // A length below 0 is of what lies before.
        _ => match first.checked_add(asked.length) {
            Some(before @ 0..) => (before, first - 1),
            _ => return Err(Errno::INVAL),
        },
    };
    // None is below 0 by now.
    Ok(Span { first: first.cast_unsigned(), last: last.cast_unsigned() })
}

fn on_range(
    system: &mut System,
    call: &mut Call<'_>,
    by: By,
    act: Act,
    structure: &Structure,
) -> Result<(), Fault> {
    let description = Arc::clone(system.descriptors.file(call.u32(0))?);
    let mut bytes = [0; MOST];
    call.memory.read(call.u32(2), &mut bytes[..structure.size])?;
    let asked = structure.read(&bytes);
    if act == Act::Find && by == By::Process && !matches!(asked.kind, SHARED | EXCLUSIVE) {
        return Err(Errno::INVAL.into());
    }
    let (span, mode) = (span(&description, &asked)?, mode(asked.kind)?);
    let is_of_description = |by| by == By::Description && asked.process != 0;
    let locker = Arc::clone(system.descriptors.locker());
    let Act::Set(blocking) = act else {
        if is_of_description(by) {
            return Err(Errno::INVAL.into());
        }
        let found = locker.find(&description, by, mode, span)?;
        let own = |whose| if locker.is_own(whose) { system.identity.process } else { 0 };
        structure.write(&mut bytes, &told(asked, found, own))?;
        return Ok(call.memory.write(call.u32(2), &bytes[..structure.size])?);
    };
    match mode {
        Some(Mode::Shared) if !description.readable => Err(Errno::BADF.into()),
        Some(Mode::Exclusive) if !description.writable => Err(Errno::BADF.into()),
        _ if is_of_description(by) => Err(Errno::INVAL.into()),
        _ => locker.set(&description, by, mode, span, blocking, call.waiter),
    }
}

/// What a search has found, as the guest is told; `own` gives a process the number by which
/// it knows it.
fn told(asked: Asked, found: Option<Conflict>, own: impl Fn(Whose) -> u32) -> Asked {
    let Some(Conflict { mode, span, whose }) = found else { return Asked { kind: UNLOCKED, ..asked } };
    let kind = if mode == Mode::Shared { SHARED } else { EXCLUSIVE };
    // Linux tells 0 for a process that the asking one has no number for, and -1 for an open
    // file, which may be of several.
    let process = match whose {
        Whose::Process(_) => own(whose),
        Whose::Elsewhere => 0,
        Whose::Description | Whose::DescriptionElsewhere => u32::MAX,
    };
    // 0 stands for all to come.
    let length = if span.last >= Span::END { 0 } else { span.last - span.first + 1 };
    let (start, length) = (span.first.cast_signed(), length.cast_signed());
    Asked { kind, whence: 0, start, length, process }
}
