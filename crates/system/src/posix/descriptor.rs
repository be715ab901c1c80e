//! Copies of descriptors, pipes, locks.

use super::{ok, unsigned};
use crate::descriptors::{Description, Descriptor, flags};
use crate::linux::lock;
use crate::pipe::pipe as make_pipe;
use crate::{Answer, Call, Errno, Fault, System};
use std::sync::Arc;

pub(super) fn dup(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?.clone();
    unsigned(system.descriptors.insert(descriptor, 0)?)
}

pub(super) fn dup2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (from, to) = (call.u32(0), call.u32(1));
    let descriptor = system.descriptors.get(from)?.clone();
    if from != to {
        system.descriptors.replace(to, descriptor)?;
    }
    unsigned(to)
}

/// As dup2, but EINVAL for one descriptor twice and for unknown flags; there is
/// no close-on-exec, for there is no exec.
pub(super) fn dup3(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.u32(0) == call.u32(1) || call.u32(2) != 0 {
        return Err(Errno::INVAL.into());
    }
    dup2(system, call)
}

pub(super) fn pipe(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    add_pipe(system, call, 0)
}

pub(super) fn pipe2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// wasi-libc's O_NONBLOCK.
    const NONBLOCK: u32 = 4;
    match call.u32(1) {
        0 => add_pipe(system, call, 0),
        NONBLOCK => add_pipe(system, call, flags::NONBLOCK),
        _ => Err(Errno::INVAL.into()),
    }
}

fn add_pipe(system: &mut System, call: &mut Call<'_>, flags: u32) -> Result<Answer, Fault> {
    let [reader, writer] = make_pipe(&system.meter, system.descriptors.serial())?;
    let charge = || Description::charge(&system.meter);
    let reader = Description::new(Arc::new(reader), true, false, flags, charge()?)?;
    let writer = Description::new(Arc::new(writer), false, true, flags, charge()?)?;
    add_two(system, call, call.u32(0), [Descriptor::full(reader), Descriptor::full(writer)])
}

/// Puts two descriptors into the table and their numbers at `address`: both or
/// none.
pub(super) fn add_two(
    system: &mut System,
    call: &mut Call<'_>,
    address: u32,
    [one, other]: [Descriptor; 2],
) -> Result<Answer, Fault> {
    if u64::from(address) + 8 > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    let first = system.descriptors.insert(one, 0)?;
    let second = match system.descriptors.insert(other, 0) {
        Ok(second) => second,
        Err(errno) => {
            system.descriptors.close(first)?;
            return Err(errno.into());
        }
    };
    call.write_u32(address, first)?;
    call.write_u32(address + 4, second)?;
    ok(0)
}

/// The commands that WASI has no call for. Close-on-exec makes no difference.
pub(super) fn fcntl(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const DUPLICATE: i32 = 0;
    const DUPLICATE_CLOSE_ON_EXEC: i32 = 1030;
    let descriptor = system.descriptors.get(call.u32(0))?.clone();
    match call.i32(1) {
        DUPLICATE | DUPLICATE_CLOSE_ON_EXEC => {
            let least = call.u32(2);
            if least as usize >= system.descriptors.limit() {
                return Err(Errno::INVAL.into());
            }
            unsigned(system.descriptors.insert(descriptor, least)?)
        }
        _ => {
            lock::fcntl_of_the_library(system, call)?;
            ok(0)
        }
    }
}

pub(super) fn flock(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    lock::lock_whole(system, call)?;
    ok(0)
}

pub(super) fn lockf(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    lock::lockf(system, call)?;
    ok(0)
}
