//! Metadata through a descriptor, and the structures in which it is told.

use super::done;
use crate::clock::nanoseconds;
use crate::files::{Metadata, NewTimes, Timestamp};
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System};

/// Writes a `filestat`, which tells no permission bits.
pub(super) fn write_filestat(call: &mut Call<'_>, address: u32, metadata: &Metadata) -> Result<(), Fault> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend(metadata.device.to_le_bytes());
    bytes.extend(metadata.inode.to_le_bytes());
    bytes.extend([metadata.file_type.wasi(), 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(metadata.links.to_le_bytes());
    bytes.extend(metadata.size.to_le_bytes());
    for time in [metadata.accessed, metadata.modified, metadata.changed] {
        // What was before 1970 cannot be told.
        bytes.extend(nanoseconds(time.since_epoch()).to_le_bytes());
    }
    Ok(call.memory.write(address, &bytes)?)
}

pub(super) fn fd_filestat_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let number = call.u32(0);
    let description = system.descriptors.get(number)?.with(Rights::FD_FILESTAT_GET)?;
    let metadata = description.object.metadata(number)?;
    write_filestat(call, call.u32(1), &metadata)?;
    done()
}

/// EBADF, EINVAL for what is no file or not open for writing, EFBIG.
pub(super) fn fd_filestat_set_size(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = &descriptor.description;
    if !description.has_content() || !description.writable {
        return Err(Errno::INVAL.into());
    }
    descriptor.with(Rights::FD_FILESTAT_SET_SIZE)?;
    if call.i64(1) < 0 {
        return Err(Errno::INVAL.into());
    }
    description.object.set_size(call.u64(1))?;
    done()
}

pub(super) fn fd_filestat_set_times(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let times = new_times(system, call.u64(1), call.u64(2), call.u32(3))?;
    let descriptor = system.descriptors.get(call.u32(0))?;
    let inode = descriptor.description.object.inode().map_err(|_| Errno::ROFS)?;
    descriptor.with(Rights::FD_FILESTAT_SET_TIMES)?;
    inode.set_times(times)?;
    done()
}

/// The times that `fstflags` and the two numbers mean; EINVAL for flags that
/// exclude each other.
pub(super) fn new_times(
    system: &System,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<NewTimes, Errno> {
    if flags > 15 {
        return Err(Errno::INVAL);
    }
    let time = |nanoseconds, set: u32, set_now: u32| match (flags & set != 0, flags & set_now != 0) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => Ok(Some(Timestamp::from_nanoseconds(nanoseconds))),
        (false, true) => Ok(Some(system.host.clock.realtime().into())),
        (false, false) => Ok(None),
    };
    Ok(NewTimes { accessed: time(accessed, 1, 2)?, modified: time(modified, 4, 8)? })
}

/// Whether following or stopping at a symlink is asked for; EINVAL for unknown
/// lookup flags.
pub(super) fn last(lookup_flags: u32) -> Result<crate::files::Last, Errno> {
    match lookup_flags {
        0 => Ok(crate::files::Last::Keep),
        1 => Ok(crate::files::Last::Follow),
        _ => Err(Errno::INVAL),
    }
}
