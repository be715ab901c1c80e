//! Descriptors themselves: copies, flags, pipes, files without a name.

use super::{calls, done, lock, value};
use crate::descriptors::{Description, Descriptor, flags};
use crate::files::{UnnamedFile, seal};
use crate::object::Object;
use crate::pipe::pipe;
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::sync::Arc;

use Support::{Full, Partial};

pub(super) const ROWS: &[Row] = calls! { "linux":
    close(fd: Descriptor) &[], Full, "", close;
    close_range(first: Descriptor, last: Descriptor, flags: Flags) &[], Full, "", close_range;
    dup(fd: Descriptor) &[], Full, "", dup;
    dup3(oldfd: Descriptor, newfd: Descriptor, flags: DescriptorFlags) &[], Full, "", dup3;
    fcntl64(fd: Descriptor, cmd: DescriptorCommand, arg: Unsigned) &[], Partial, "no signal tells of input or output, and there are no leases", fcntl64;
    pipe2(fds: Result, flags: DescriptorFlags) &[], Full, "", pipe2;
    memfd_create(name: Text, flags: Flags) &[View::Cstr { pointer: 0 }], Partial, "no huge pages", memfd_create;
};

/// Puts an object into the table, with the flags that its call got.
pub(super) fn open(
    system: &mut System,
    object: Arc<dyn Object>,
    [readable, writable]: [bool; 2],
    flags: u32,
) -> Result<u32, Errno> {
    let charge = Description::charge(&system.meter)?;
    let description = Description::new(object, readable, writable, flags, charge)?;
    system.descriptors.insert(Descriptor::full(description).with_flags(flags), 0)
}

/// Puts two objects into the table and their numbers at `address`: both or none.
pub(super) fn open_two(
    system: &mut System,
    call: &mut Call<'_>,
    address: u32,
    ends: [(Arc<dyn Object>, [bool; 2]); 2],
    flags: u32,
) -> Result<Answer, Fault> {
    let mut numbers = Vec::with_capacity(ends.len());
    let mut result = Ok(());
    for (object, ways) in ends {
        // Only who writes makes packets.
        let of_end = if ways[1] { flags } else { flags & !flags::DIRECT };
        match open(system, object, ways, of_end) {
            Ok(number) => numbers.push(number),
            Err(errno) => result = result.and(Err(Fault::from(errno))),
        }
    }
    let told: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let result = result.and_then(|()| Ok(call.memory.write(address, &told)?));
    if let Err(fault) = result {
        for number in numbers {
            system.descriptors.close(number)?;
        }
        return Err(fault);
    }
    done()
}

/// EINVAL for a bit that is not in `known`.
pub(super) fn only(flags: u32, known: u32) -> Result<u32, Errno> {
    if flags & !known == 0 { Ok(flags) } else { Err(Errno::INVAL) }
}

fn close(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.close(call.u32(0))?;
    done()
}

/// EINVAL for flags that there are not, and for a range that ends before it begins. The
/// table is nobody else's already.
fn close_range(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const UNSHARE: u32 = 2;
    const CLOSE_ON_EXEC: u32 = 4;
    let (first, last) = (call.u32(0), call.u32(1));
    let flags = only(call.u32(2), UNSHARE | CLOSE_ON_EXEC)?;
    if first > last {
        return Err(Errno::INVAL.into());
    }
    let numbers: Vec<u32> = system.descriptors.numbers(first, last).collect();
    for number in numbers {
        call.waiter.go_on()?;
        match flags & CLOSE_ON_EXEC {
            0 => drop(system.descriptors.close(number)?),
            _ => system.descriptors.get_mut(number)?.close_on_exec = true,
        }
    }
    done()
}

fn dup(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let copy = system.descriptors.get(call.u32(0))?.clone().with_flags(0);
    value(system.descriptors.insert(copy, 0)?)
}

/// EINVAL for flags that there are not and for one descriptor twice, EBADF.
fn dup3(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (from, to) = (call.u32(0), call.u32(1));
    let flags = only(call.u32(2), flags::CLOSE_ON_EXEC)?;
    if from == to {
        return Err(Errno::INVAL.into());
    }
    let copy = system.descriptors.get(from)?.clone().with_flags(flags);
    system.descriptors.replace(to, copy)?;
    value(to)
}

/// The commands of fcntl (`asm-generic/fcntl.h`, `linux/fcntl.h`).
mod command {
    pub(super) const DUPLICATE: u32 = 0;
    pub(super) const GET_CLOSE_ON_EXEC: u32 = 1;
    pub(super) const SET_CLOSE_ON_EXEC: u32 = 2;
    pub(super) const GET_FLAGS: u32 = 3;
    pub(super) const SET_FLAGS: u32 = 4;
    pub(super) const GET_LOCK: u32 = 5;
    pub(super) const SET_LOCK_WAIT: u32 = 7;
    pub(super) const SET_OWNER: u32 = 8;
    pub(super) const GET_OWNER: u32 = 9;
    pub(super) const GET_SIGNAL: u32 = 11;
    pub(super) const GET_LOCK_64: u32 = 12;
    pub(super) const SET_LOCK_WAIT_64: u32 = 14;
    pub(super) const GET_LOCK_OF_FILE: u32 = 36;
    pub(super) const SET_LOCK_WAIT_OF_FILE: u32 = 38;
    pub(super) const GET_LEASE: u32 = 1025;
    pub(super) const DUPLICATE_CLOSE_ON_EXEC: u32 = 1030;
    pub(super) const SET_PIPE_SIZE: u32 = 1031;
    pub(super) const GET_PIPE_SIZE: u32 = 1032;
    pub(super) const ADD_SEALS: u32 = 1033;
    pub(super) const GET_SEALS: u32 = 1034;
}

fn fcntl64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    use command::*;
    let (number, command, argument) = (call.u32(0), call.u32(1), call.u32(2));
    let descriptor = system.descriptors.get(number)?;
    match command {
        DUPLICATE | DUPLICATE_CLOSE_ON_EXEC => {
            let flags = if command == DUPLICATE { 0 } else { flags::CLOSE_ON_EXEC };
            let copy = descriptor.clone().with_flags(flags);
            if argument as usize >= system.descriptors.limit() {
                return Err(Errno::INVAL.into());
            }
            return value(system.descriptors.insert(copy, argument)?);
        }
        GET_CLOSE_ON_EXEC => return value(u32::from(descriptor.close_on_exec)),
        SET_CLOSE_ON_EXEC => {
            system.descriptors.get_mut(number)?.close_on_exec = argument & 1 != 0;
            return done();
        }
        GET_FLAGS => return value(descriptor.description.all_flags()),
        _ => {}
    }
    let description = system.descriptors.file(number)?;
    match command {
        SET_FLAGS => set_flags(description, argument),
        GET_LOCK..=SET_LOCK_WAIT
        | GET_LOCK_64..=SET_LOCK_WAIT_64
        | GET_LOCK_OF_FILE..=SET_LOCK_WAIT_OF_FILE => lock::fcntl(system, call),
        GET_OWNER => {
            let owner = description.state().owner;
            // A group is a result below 0 that is no errno, as Linux has it too.
            Ok(Answer::i32(owner))
        }
        SET_OWNER => {
            let owner = argument.cast_signed();
            let own = system.identity.process;
            if owner != 0 && owner.unsigned_abs() != own {
                return Err(Errno::SRCH.into());
            }
            description.state().owner = owner;
            done()
        }
        GET_SIGNAL => done(),
        GET_LEASE => {
            const UNLOCKED: u32 = 2;
            value(UNLOCKED)
        }
        // No more than the 1 MiB that a pipe may hold.
        GET_PIPE_SIZE => value(description.object.pipe()?.size() as u32),
        SET_PIPE_SIZE => value(description.object.pipe()?.set_size(argument)? as u32),
        ADD_SEALS => {
            if !description.writable {
                return Err(Errno::PERM.into());
            }
            only(argument, seal::ALL)?;
            let file = description.object.inode()?.metadata()?;
            description.object.seals()?.seal(&file, argument)?;
            done()
        }
        GET_SEALS => value(description.object.seals()?.get()),
        _ => Err(Errno::INVAL.into()),
    }
}

/// Those that can be set: append, do not wait, direct, no time of access. O_DIRECT has a
/// meaning for pipes only, whose writes are packets then: EINVAL for the rest.
fn set_flags(description: &Description, new: u32) -> Result<Answer, Fault> {
    const CAN_BE_SET: u32 = flags::APPEND | flags::NONBLOCK | flags::DIRECT | flags::NO_ACCESS_TIME;
    let object = &description.object;
    // A file that never had a name was opened by nobody who could have asked for it.
    let is_named = description.path.is_some() && object.inode().is_ok();
    if new & flags::DIRECT != 0 && object.pipe().is_err() && !is_named {
        return Err(Errno::INVAL.into());
    }
    description.set_flags(CAN_BE_SET, new);
    done()
}

/// EINVAL for flags that there are not; then EFAULT, with nothing opened.
fn pipe2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(1), flags::CLOSE_ON_EXEC | flags::NONBLOCK | flags::DIRECT)?;
    let [reader, writer] = pipe(&system.meter, system.descriptors.serial())?;
    let ends: [(Arc<dyn Object>, _); 2] =
        [(Arc::new(reader), [true, false]), (Arc::new(writer), [false, true])];
    open_two(system, call, call.u32(0), ends, flags)
}

/// The longest name of such a file: with `memfd:` before it, it is a name's length.
const NAME: usize = 249;

/// EINVAL for flags that there are not or that exclude each other, ENOSYS for huge pages,
/// EFAULT, EINVAL for too long a name.
fn memfd_create(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const CLOSE_ON_EXEC: u32 = 1;
    const ALLOW_SEALING: u32 = 2;
    const HUGE_PAGES: u32 = 4;
    const NOT_EXECUTABLE: u32 = 8;
    const EXECUTABLE: u32 = 0x10;
    /// How large they are.
    const HUGE_SIZE: u32 = 0x3f << 26;
    let flags = call.u32(1);
    let sizes = if flags & HUGE_PAGES != 0 { HUGE_SIZE } else { 0 };
    only(flags, CLOSE_ON_EXEC | ALLOW_SEALING | HUGE_PAGES | NOT_EXECUTABLE | EXECUTABLE | sizes)?;
    if flags & NOT_EXECUTABLE != 0 && flags & EXECUTABLE != 0 {
        return Err(Errno::INVAL.into());
    }
    let mut name = Vec::new();
    // BOUND: the longest name, and its zero byte.
    if !call.memory.read_text(call.u32(0), NAME + 1, &mut name)? {
        let longer = name.len() > NAME;
        return Err(if longer { Errno::INVAL } else { Errno::FAULT }.into());
    }
    if flags & HUGE_PAGES != 0 {
        return Err(Errno::NOSYS.into());
    }
    let (permissions, seals) = match flags & (NOT_EXECUTABLE | ALLOW_SEALING) {
        0 => (0o777, seal::SEAL),
        ALLOW_SEALING => (0o777, 0),
        _ => (0o666, seal::EXEC),
    };
    let identity = (MEMORY_DEVICE, system.descriptors.serial());
    let clock = Arc::clone(&system.host.clock);
    let file = UnnamedFile::new(&system.meter, clock, identity, permissions, seals)?;
    let close_on_exec = if flags & CLOSE_ON_EXEC != 0 { flags::CLOSE_ON_EXEC } else { 0 };
    value(open(system, Arc::new(file), [true, true], flags::LARGE | close_on_exec)?)
}

/// The device number of files without a name, which no tree has.
const MEMORY_DEVICE: u64 = 5;
