//! Reading and writing through a descriptor, and where it stands.

use super::done;
use crate::descriptors::{Description, Descriptor, Object, flags};
use crate::guest::total;
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System, streams};
use std::sync::Arc;

/// EBADF, EISDIR, EFAULT, then what the stream says. At most
/// [`CALL_BYTES`](crate::guest::CALL_BYTES).
pub(super) fn fd_read(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    if let Object::Directory(_) = descriptor.description.object {
        return Err(Errno::ISDIR.into());
    }
    let description = descriptor.with(Rights::FD_READ)?;
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    call.check(&buffers)?;
    let mut bytes = vec![0; total(&buffers)];
    let count = streams::read(description, &mut bytes, &mut *system.random, call.waiter)?;
    finish_read(call, &buffers, &bytes[..count], 3)
}

pub(super) fn fd_pread(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    if let Object::Directory(_) = descriptor.description.object {
        return Err(Errno::ISDIR.into());
    }
    let description = descriptor.with(Rights::FD_READ)?;
    positioned(descriptor)?;
    let offset = offset(call.u64(3))?;
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    call.check(&buffers)?;
    let mut bytes = vec![0; total(&buffers)];
    let count = match &description.object {
        Object::File(file) => file.read_at(offset, &mut bytes)?,
        Object::Device(device) => streams::read_device(*device, &mut bytes, &mut *system.random)?,
        _ => return Err(Errno::SPIPE.into()),
    };
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
    let count = streams::write(description, &bytes, call.waiter)?;
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
    let count = match &description.object {
        // Linux appends even here, and says so under BUGS in pwrite(2).
        Object::File(file) if description.state().flags & flags::APPEND != 0 => {
            let written = file.append(&bytes)?.0;
            streams::settle(description, file.as_ref())?;
            written
        }
        Object::File(file) => {
            let written = file.write_at(offset, &bytes)?;
            streams::settle(description, file.as_ref())?;
            written
        }
        Object::Device(device) => streams::write_device(*device, &bytes)?,
        _ => return Err(Errno::SPIPE.into()),
    };
    call.write_u32(call.u32(4), count as u32)?;
    done()
}

/// Reading and writing at a position need the right to seek too: ESPIPE for what
/// has no positions, ENOTCAPABLE.
fn positioned(descriptor: &Descriptor) -> Result<(), Errno> {
    match descriptor.description.object {
        Object::File(_) | Object::Device(_) => descriptor.with(Rights::FD_SEEK).map(|_| ()),
        _ => Err(Errno::SPIPE),
    }
}

/// A file offset is signed for the guest.
fn offset(offset: u64) -> Result<u64, Errno> {
    if i64::try_from(offset).is_ok() { Ok(offset) } else { Err(Errno::INVAL) }
}

pub(super) fn fd_seek(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = match &descriptor.description.object {
        // What WASI does not let one do with a directory, Linux does only to
        // start reading it anew, which here the cookie does.
        Object::Directory(_) => return Err(Errno::BADF.into()),
        // To ask where it stands, the lesser right is enough.
        Object::File(_) | Object::Device(_) if call.u32(2) == 1 && call.i64(1) == 0 => tell(descriptor)?,
        Object::File(_) | Object::Device(_) => descriptor.with(Rights::FD_SEEK)?,
        _ => return Err(Errno::SPIPE.into()),
    };
    let size = match description.file() {
        Some(file) => file.metadata()?.size,
        None => 0,
    };
    let mut state = description.state();
    let start = match call.u32(2) {
        0 => 0,
        1 => state.position,
        2 => size,
        _ => return Err(Errno::INVAL.into()),
    };
    let position = match description.file() {
        // A device has no position.
        None => 0,
        Some(_) => {
            let position = start.checked_add_signed(call.i64(1)).ok_or(Errno::INVAL)?;
            i64::try_from(position).map_err(|_| Errno::OVERFLOW)?;
            position
        }
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
    let description = match &descriptor.description.object {
        Object::File(_) | Object::Device(_) => tell(descriptor)?,
        Object::Directory(_) => return Err(Errno::BADF.into()),
        _ => return Err(Errno::SPIPE.into()),
    };
    let position = description.state().position;
    call.write_u64(call.u32(1), position)?;
    done()
}

pub(super) fn fd_sync(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.get(call.u32(0)).and_then(|descriptor| match descriptor.description.object {
        Object::File(_) | Object::Directory(_) => descriptor.with(Rights::FD_SYNC).map(|_| ()),
        _ => Ok(()),
    })?;
    synchronize(system, call)
}

/// O_RDONLY takes its right away in wasi-libc, but Linux lets fdatasync: so it is
/// not asked for.
pub(super) fn fd_datasync(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    synchronize(system, call)
}

fn synchronize(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    match &descriptor.description.object {
        Object::File(file) => file.synchronize()?,
        Object::Directory(place) => place.directory().synchronize()?,
        _ => return Err(Errno::INVAL.into()),
    }
    done()
}

/// It is advice: checked, and not followed.
pub(super) fn fd_advise(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    match &descriptor.description.object {
        Object::File(_) | Object::Device(_) => descriptor.with(Rights::FD_ADVISE)?,
        Object::Directory(_) => return Err(Errno::BADF.into()),
        _ => return Err(Errno::SPIPE.into()),
    };
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
    let file = match &description.object {
        Object::File(file) => file,
        Object::Directory(_) => return Err(Errno::BADF.into()),
        Object::Device(_) => return Err(Errno::NODEV.into()),
        _ => return Err(Errno::SPIPE.into()),
    };
    if !description.writable {
        return Err(Errno::BADF.into());
    }
    descriptor.with(Rights::FD_ALLOCATE)?;
    let end = offset.checked_add(length).and_then(|end| i64::try_from(end).ok());
    end.ok_or(Errno::FBIG)?;
    file.allocate(offset, length)?;
    done()
}
