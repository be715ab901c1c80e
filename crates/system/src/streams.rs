//! Reading and writing whatever a descriptor stands for: where, and what holds until
//! when.

use crate::descriptors::{Description, OpenState, flags};
use crate::object::{Blocking, Object, Position, Transfer};
use crate::random::Random;
use crate::wait::wait_for_ever;
use crate::{Errno, Fault, Waiter};

/// Reads from the current position and moves it.
pub(crate) fn read(
    description: &Description,
    into: &mut [u8],
    random: &mut dyn Random,
    waiter: &Waiter,
) -> Result<usize, Fault> {
    if description.position != Some(Position::Kept) {
        let mut transfer = Transfer { blocking: description.blocking(), waiter, random };
        return description.object.read(into, &mut transfer);
    }
    let mut state = description.state();
    let count = read_at(description, state.position, into, random, waiter)?;
    state.position = state.position.saturating_add(count as u64);
    Ok(count)
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
    let mut transfer = Transfer { blocking: Blocking::DoNotWait, waiter, random };
    description.object.read_at(offset, into, &mut transfer)
}

/// Writes at the current position, or at the end, and moves it.
pub(crate) fn write(
    description: &Description,
    from: &[u8],
    random: &mut dyn Random,
    waiter: &Waiter,
) -> Result<usize, Fault> {
    let object = &*description.object;
    if description.position != Some(Position::Kept) {
        let mut transfer = Transfer { blocking: description.blocking(), waiter, random };
        return object.write(from, &mut transfer);
    }
    let mut state = description.state();
    let (count, position) = match appends(&state) {
        true => object.append(from)?,
        false => {
            let count = object.write_at(state.position, from)?;
            (count, state.position.saturating_add(count as u64))
        }
    };
    state.position = position;
    let is_synchronous = is_synchronous(&state);
    drop(state);
    settle(object, is_synchronous)?;
    Ok(count)
}

/// Writes at `offset`; ESPIPE. To what appends it appends even here, as on Linux, which
/// says so under BUGS in pwrite(2).
pub(crate) fn write_at(description: &Description, offset: u64, from: &[u8]) -> Result<usize, Errno> {
    let object = &*description.object;
    if description.position != Some(Position::Kept) {
        return object.write_at(offset, from);
    }
    let (appends, is_synchronous) = {
        let state = description.state();
        (appends(&state), is_synchronous(&state))
    };
    let count = if appends { object.append(from)?.0 } else { object.write_at(offset, from)? };
    settle(object, is_synchronous)?;
    Ok(count)
}

fn appends(state: &OpenState) -> bool {
    state.flags & flags::APPEND != 0
}

fn is_synchronous(state: &OpenState) -> bool {
    state.flags & (flags::DSYNC | flags::SYNC) != 0
}

/// What was written to a file that was opened so lasts before the call returns.
fn settle(object: &dyn Object, is_synchronous: bool) -> Result<(), Errno> {
    if is_synchronous { object.inode()?.synchronize() } else { Ok(()) }
}

/// EAGAIN becomes waiting, where the descriptor waits. Both ends of a pipe are
/// this guest's, which has one thread: what would block blocks until the run
/// ends or is interrupted.
pub(crate) fn or_wait(
    result: Result<usize, Errno>,
    blocking: Blocking,
    waiter: &Waiter,
) -> Result<usize, Fault> {
    match result {
        Err(Errno::AGAIN) if blocking == Blocking::Wait => match wait_for_ever(waiter)? {},
        result => Ok(result?),
    }
}
