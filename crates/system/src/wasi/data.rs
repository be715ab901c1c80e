//! Reading and writing through a descriptor, and where it stands.

use super::done;
use crate::descriptors::{Description, Descriptor};
use crate::guest::total;
use crate::object::Position;
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System, streams};
use std::io::SeekFrom;
use std::sync::Arc;

/// EBADF, EISDIR, EFAULT, then what the stream says. At most
/// [`CALL_BYTES`](crate::guest::CALL_BYTES).
pub(super) fn fd_read(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = descriptor.to_read()?;
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    call.check(&buffers)?;
    let mut bytes = vec![0; total(&buffers)];
    let random = &mut *system.host.random;
    let count = streams::read(description, description.flags(), &mut bytes, random, call.waiter)?;
    finish_read(call, &buffers, &bytes[..count], 3)
}

pub(super) fn fd_pread(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = descriptor.to_read()?;
    positioned(descriptor)?;
    let offset = offset(call.u64(3))?;
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    call.check(&buffers)?;
    let mut bytes = vec![0; total(&buffers)];
    let count = streams::read_at(description, offset, &mut bytes, &mut *system.host.random, call.waiter)?;
    finish_read(call, &buffers, &bytes[..count], 4)
}

fn finish_read(
    call: &mut Call<'_>,
    buffers: &[crate::guest::Buffer],
    bytes: &[u8],
    result: usize,
) -> Result<Answer, Fault> {
    call.scatter(buffers, bytes)?;
    call.write_u32(call.u32(result), bytes.len() as u32)?;
    done()
}

/// EBADF, EFAULT, then what the stream says. At most
/// [`CALL_BYTES`](crate::guest::CALL_BYTES).
pub(super) fn fd_write(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = system.descriptors.get(call.u32(0))?.with(Rights::FD_WRITE)?;
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    let bytes = call.gather(&buffers)?;
    let random = &mut *system.host.random;
    let count = streams::write(description, description.flags(), &bytes, random, call.waiter)?;
    call.write_u32(call.u32(3), count as u32)?;
    done()
}

pub(super) fn fd_pwrite(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = descriptor.with(Rights::FD_WRITE)?;
    positioned(descriptor)?;
    let offset = offset(call.u64(3))?;
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    let bytes = call.gather(&buffers)?;
    let count = streams::write_at(description, description.flags(), offset, &bytes)?;
    call.write_u32(call.u32(4), count as u32)?;
    done()
}

/// Where in it one can read and write; EBADF for a directory, in which only its entries
/// have places. A standard stream that is empty, and was opened by no name, is to WASI a stream;
/// ESPIPE.
fn position_of(description: &Description) -> Result<Position, Errno> {
    match description.object.position()? {
        Position::Entries => Err(Errno::BADF),
        Position::Ignored if description.path.is_none() => Err(Errno::SPIPE),
        position => Ok(position),
    }
}

/// Reading and writing at a position need the right to seek too: ESPIPE for what
/// has no positions, ENOTCAPABLE.
fn positioned(descriptor: &Descriptor) -> Result<(), Errno> {
    position_of(&descriptor.description)?;
    descriptor.with(Rights::FD_SEEK).map(|_| ())
}

/// A file offset is signed for the guest.
fn offset(offset: u64) -> Result<u64, Errno> {
    if i64::try_from(offset).is_ok() { Ok(offset) } else { Err(Errno::INVAL) }
}

pub(super) fn fd_seek(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let kind = position_of(&descriptor.description)?;
    let description = match (call.u32(2), call.i64(1)) {
        // To ask where it stands, the lesser right is enough.
        (1, 0) => tell(descriptor)?,
        _ => descriptor.with(Rights::FD_SEEK)?,
    };
    if kind == Position::Own {
        let offset = call.i64(1);
        let position = description.object.seek(match call.u32(2) {
            0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::INVAL)?),
            1 => SeekFrom::Current(offset),
            2 => SeekFrom::End(offset),
            _ => return Err(Errno::INVAL.into()),
        })?;
        call.write_u64(call.u32(3), position)?;
        return done();
    }
    let size = match kind {
        Position::Kept => description.object.inode()?.metadata()?.size,
        _ => 0,
    };
    let mut state = description.state();
    let start = match call.u32(2) {
        0 => 0,
        1 => state.position,
        2 => size,
        _ => return Err(Errno::INVAL.into()),
    };
    let position = match kind {
        Position::Kept => {
            let position = start.checked_add_signed(call.i64(1)).ok_or(Errno::INVAL)?;
            i64::try_from(position).map_err(|_| Errno::OVERFLOW)?;
            position
        }
        _ => 0,
    };
    call.write_u64(call.u32(3), position)?;
    state.position = position;
    done()
}

/// The right to seek implies the right to tell.
fn tell(descriptor: &Descriptor) -> Result<&Arc<Description>, Errno> {
    descriptor.with(Rights::FD_TELL).or_else(|_| descriptor.with(Rights::FD_SEEK))
}

pub(super) fn fd_tell(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    position_of(&descriptor.description)?;
    let position = streams::tell(tell(descriptor)?)?;
    call.write_u64(call.u32(1), position)?;
    done()
}

pub(super) fn fd_sync(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let inode = descriptor.description.object.inode()?;
    descriptor.with(Rights::FD_SYNC)?;
    inode.synchronize()?;
    done()
}

/// O_RDONLY takes its right away in wasi-libc, but Linux lets fdatasync: so it is
/// not asked for.
pub(super) fn fd_datasync(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.get(call.u32(0))?.description.object.inode()?.synchronize()?;
    done()
}

/// It is advice: checked, and not followed.
pub(super) fn fd_advise(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    position_of(&descriptor.description)?;
    descriptor.with(Rights::FD_ADVISE)?;
    if call.u32(3) > 5 || call.i64(2) < 0 {
        return Err(Errno::INVAL.into());
    }
    done()
}

/// EBADF, EINVAL, EFBIG, ENODEV or ESPIPE for what has no size, ENOSPC.
pub(super) fn fd_allocate(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = &descriptor.description;
    let (offset, length) = (offset(call.u64(1))?, offset(call.u64(2))?);
    if length == 0 {
        return Err(Errno::INVAL.into());
    }
    if position_of(description)? == Position::Ignored {
        return Err(Errno::NODEV.into());
    }
    if !description.writable {
        return Err(Errno::BADF.into());
    }
    descriptor.with(Rights::FD_ALLOCATE)?;
    let end = offset.checked_add(length).and_then(|end| i64::try_from(end).ok());
    end.ok_or(Errno::FBIG)?;
    description.object.allocate(offset, length)?;
    done()
}
