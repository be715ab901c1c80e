//! Reading and writing whatever a descriptor stands for.

use crate::descriptors::{Description, Object, flags};
use crate::files::{Device, File};
use crate::pipe::Taking;
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
    let wait = !description.nonblocking();
    match &description.object {
        Object::File(file) => {
            let mut state = description.state();
            let count = file.read_at(state.position, into)?;
            state.position = state.position.saturating_add(count as u64);
            Ok(count)
        }
        Object::Directory(_) => Err(Errno::ISDIR.into()),
        Object::Device(device) => Ok(read_device(*device, into, random)?),
        Object::Input(stream) | Object::Terminal(stream, _) => stream.read(into, wait, waiter),
        Object::PipeReader(pipe) | Object::Socket { incoming: pipe, .. } => {
            or_wait(pipe.read(into, Taking::Take), wait, waiter)
        }
        Object::Output(_) | Object::PipeWriter(_) => Err(Errno::BADF.into()),
    }
}

pub(crate) fn read_device(device: Device, into: &mut [u8], random: &mut dyn Random) -> Result<usize, Errno> {
    match device {
        Device::Null => return Ok(0),
        Device::Zero | Device::Full => into.fill(0),
        Device::Random => random.fill(into)?,
        // These are opened as the streams that they stand for.
        Device::Terminal | Device::Standard(_) | Device::Descriptor(_) | Device::Information(_) => {
            return Err(Errno::IO);
        }
    }
    Ok(into.len())
}

pub(crate) fn write_device(device: Device, from: &[u8]) -> Result<usize, Errno> {
    match device {
        Device::Full => Err(Errno::NOSPC),
        _ => Ok(from.len()),
    }
}

/// Writes at the current position, or at the end, and moves it.
pub(crate) fn write(description: &Description, from: &[u8], waiter: &Waiter) -> Result<usize, Fault> {
    let wait = !description.nonblocking();
    match &description.object {
        Object::File(file) => {
            let mut state = description.state();
            let (count, position) = if state.flags & flags::APPEND != 0 {
                file.append(from)?
            } else {
                let count = file.write_at(state.position, from)?;
                (count, state.position.saturating_add(count as u64))
            };
            state.position = position;
            drop(state);
            settle(description, file.as_ref())?;
            Ok(count)
        }
        Object::Directory(_) => Err(Errno::BADF.into()),
        Object::Device(device) => Ok(write_device(*device, from)?),
        Object::Output(stream) | Object::Terminal(_, stream) => stream.write(from, waiter),
        Object::PipeWriter(pipe) | Object::Socket { outgoing: pipe, .. } => {
            or_wait(pipe.write(from), wait, waiter)
        }
        Object::Input(_) | Object::PipeReader(_) => Err(Errno::BADF.into()),
    }
}

/// What was written to a file that was opened so lasts before the call returns.
pub(crate) fn settle(description: &Description, file: &dyn File) -> Result<(), Errno> {
    let set = description.state().flags;
    if set & (flags::DSYNC | flags::SYNC) == 0 { Ok(()) } else { file.synchronize() }
}

/// EAGAIN becomes waiting, where the descriptor waits. Both ends of a pipe are
/// this guest's, which has one thread: what would block blocks until the run
/// ends or is interrupted.
pub(crate) fn or_wait(result: Result<usize, Errno>, wait: bool, waiter: &Waiter) -> Result<usize, Fault> {
    match result {
        Err(Errno::AGAIN) if wait => match wait_for_ever(waiter)? {},
        result => Ok(result?),
    }
}
