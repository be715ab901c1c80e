//! Reading and writing whatever a descriptor stands for: where, and what holds until
//! when.
//!
//! `flags` are those of the open file, or those that a single call has in their place.

use crate::descriptors::{Description, flags};
use crate::object::{Blocking, Object, Position, Transfer};
use crate::process::FileSizeLimit;
use crate::random::Random;
use crate::{Errno, Fault, Waiter};
use std::io::SeekFrom;

/// Reads from the current position and moves it.
pub(crate) fn read(
    description: &Description,
    flags: u32,
    into: &mut [u8],
    random: &mut dyn Random,
    waiter: &Waiter,
) -> Result<usize, Fault> {
    if description.position != Some(Position::Kept) {
        let mut transfer = Transfer { blocking: blocking(flags), flags, waiter, random };
        let result = description.object.read(into, &mut transfer);
        description.took_turn();
        return result;
    }
    let mut state = description.state();
    let count = read_at(description, state.position, into, random, waiter)?;
    state.position = state.position.saturating_add(count as u64);
    Ok(count)
}

/// Where the next read or write starts; 0 in what has no positions.
pub(crate) fn tell(description: &Description) -> Result<u64, Errno> {
    match description.position {
        Some(Position::Own) => description.object.seek(SeekFrom::Current(0)),
        _ => Ok(description.state().position),
    }
}

/// Has the next read or write start there, in what has content.
pub(crate) fn stand(description: &Description, position: u64) -> Result<(), Errno> {
    match description.position {
        Some(Position::Kept) => description.state().position = position,
        Some(Position::Own) => _ = description.object.seek(SeekFrom::Start(position))?,
        _ => {}
    }
    Ok(())
}

/// Reads at `offset`; ESPIPE.
pub(crate) fn read_at(
    description: &Description,
    offset: u64,
    into: &mut [u8],
    random: &mut dyn Random,
    waiter: &Waiter,
) -> Result<usize, Fault> {
    // What has positions has all that it will have.
    let mut transfer = Transfer { blocking: Blocking::DoNotWait, flags: 0, waiter, random };
    description.object.read_at(offset, into, &mut transfer)
}

/// How many of `length` bytes the program's limit of file sizes lets be written: where the
/// file stands, or at an offset.
///
/// # Errors
/// EFBIG if that is none; the program gets a signal as well.
pub(crate) fn allowed(
    description: &Description,
    flags: u32,
    offset: Option<u64>,
    length: u64,
    limit: FileSizeLimit,
    waiter: &Waiter,
) -> Result<u64, Errno> {
    if !description.has_content() {
        return Ok(length);
    }
    let start = || match offset {
        _ if flags & flags::APPEND != 0 => Ok(description.object.inode()?.metadata()?.size),
        Some(offset) => Ok(offset),
        None => tell(description),
    };
    limit.allow(waiter, start, length)
}

/// Writes at the current position, or at the end, and moves it.
pub(crate) fn write(
    description: &Description,
    flags: u32,
    from: &[u8],
    random: &mut dyn Random,
    waiter: &Waiter,
) -> Result<usize, Fault> {
    let object = &*description.object;
    if description.position != Some(Position::Kept) {
        let mut transfer = Transfer { blocking: blocking(flags), flags, waiter, random };
        let result = object.write(from, &mut transfer);
        description.took_turn();
        return result;
    }
    if from.is_empty() {
        return Ok(0);
    }
    let mut state = description.state();
    let (count, position) = match flags & flags::APPEND != 0 {
        true => object.append(from)?,
        false => {
            let count = object.write_at(state.position, from)?;
            (count, state.position.saturating_add(count as u64))
        }
    };
    state.position = position;
    drop(state);
    settle(object, flags)?;
    Ok(count)
}

/// Writes at `offset`; ESPIPE. To what appends it appends even here, as on Linux, which
/// says so under BUGS in pwrite(2).
pub(crate) fn write_at(
    description: &Description,
    flags: u32,
    offset: u64,
    from: &[u8],
) -> Result<usize, Errno> {
    let object = &*description.object;
    if !description.has_content() {
        return object.write_at(offset, from);
    }
    let appends = flags & flags::APPEND != 0;
    let count = if appends { object.append(from)?.0 } else { object.write_at(offset, from)? };
    settle(object, flags)?;
    Ok(count)
}

fn blocking(flags: u32) -> Blocking {
    Blocking::unless(flags & flags::NONBLOCK != 0)
}

/// What was written to a file that was opened so lasts before the call returns.
fn settle(object: &dyn Object, flags: u32) -> Result<(), Errno> {
    let is_synchronous = flags & (flags::DSYNC | flags::SYNC) != 0;
    if is_synchronous { object.inode()?.synchronize() } else { Ok(()) }
}

/// Where a seek starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whence {
    Start,
    Here,
    End,
    /// The first byte from there on that is data, or in a hole.
    Data,
    Hole,
}

/// Moves the position, as Linux's lseek does, and says where it is then.
///
/// # Errors
/// ESPIPE, EINVAL below 0 or beyond what a file may have, ENXIO beyond the end of data.
pub(crate) fn seek(description: &Description, from: Whence, offset: i64) -> Result<u64, Errno> {
    let object = &*description.object;
    if object.directory().is_ok() {
        // Of a directory the position is the cookie, in which one does not count on.
        let mut state = description.state();
        let start = match from {
            Whence::Start => 0,
            Whence::Here => state.position,
            Whence::End | Whence::Data | Whence::Hole => return Err(Errno::INVAL),
        };
        let position = start.checked_add_signed(offset).filter(|position| *position <= i64::MAX as u64);
        state.position = position.ok_or(Errno::INVAL)?;
        return Ok(state.position);
    }
    match object.position()? {
        Position::Kept => {}
        Position::Own => return seek_own(object, from, offset),
        _ => return Ok(0),
    }
    let mut state = description.state();
    let start = match from {
        Whence::Start => 0,
        Whence::Here => state.position,
        Whence::End => object.inode()?.metadata()?.size,
        Whence::Data | Whence::Hole => {
            let size = object.inode()?.metadata()?.size;
            let offset = u64::try_from(offset).ok().filter(|offset| *offset < size).ok_or(Errno::NXIO)?;
            state.position = find(object, from, offset, size)?;
            return Ok(state.position);
        }
    };
    let position = start.checked_add_signed(offset).filter(|position| *position <= i64::MAX as u64);
    state.position = position.ok_or(Errno::INVAL)?;
    Ok(state.position)
}

/// The same for what keeps its position itself.
fn seek_own(object: &dyn Object, from: Whence, offset: i64) -> Result<u64, Errno> {
    object.seek(match from {
        Whence::Start => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::INVAL)?),
        Whence::Here => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
        Whence::Data | Whence::Hole => {
            let size = object.inode()?.metadata()?.size;
            let offset = u64::try_from(offset).ok().filter(|offset| *offset < size).ok_or(Errno::NXIO)?;
            SeekFrom::Start(find(object, from, offset, size)?)
        }
    })
}

/// Where from `offset` on there is data, or a hole, in a file of `size` bytes.
fn find(object: &dyn Object, from: Whence, offset: u64, size: u64) -> Result<u64, Errno> {
    let mut at = offset;
    while let Some(data) = object.next_data(at)? {
        match from {
            Whence::Data => return Ok(data.start),
            // What a tree tells in pieces may go on behind this one.
            _ if data.start > at => return Ok(at),
            _ => at = data.end,
        }
        crate::go_on()?;
    }
    if from == Whence::Data { Err(Errno::NXIO) } else { Ok(at.min(size)) }
}
