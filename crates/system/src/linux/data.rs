//! Reading and writing, and where an open file stands.

use super::{buffers, bytes, calls, done, pairs, value, wide};
use crate::descriptors::{Description, flags};
use crate::files::FileType;
use crate::guest::Buffer;
use crate::process::FileSizeLimit;
use crate::random::Random;
use crate::streams::{self, Whence};
use crate::table::{Row, Support};
use crate::{Answer, CALL_BYTES, Call, Errno, Fault, Signal, System};

use Support::{Full, Partial};

pub(super) const ROWS: &[Row] = calls! { "linux":
    read(fd: Descriptor, buf: Result, count: Size) &[], Full, "", read;
    write(fd: Descriptor, buf: Buffer, count: Size) &[bytes(1)], Full, "", write;
    readv(fd: Descriptor, iov: Buffers, iovcnt: Size) &[pairs(1)], Full, "", readv;
    writev(fd: Descriptor, iov: Buffers, iovcnt: Size) &[buffers(1)], Full, "", writev;
    pread64(fd: Descriptor, buf: Result, count: Size, offset: Unsigned, offset_high: Unsigned) &[], Full, "", pread64;
    pwrite64(fd: Descriptor, buf: Buffer, count: Size, offset: Unsigned, offset_high: Unsigned) &[bytes(1)], Full, "", pwrite64;
    preadv(fd: Descriptor, iov: Buffers, iovcnt: Size, offset: Unsigned, offset_high: Unsigned) &[pairs(1)], Full, "", preadv;
    pwritev(fd: Descriptor, iov: Buffers, iovcnt: Size, offset: Unsigned, offset_high: Unsigned) &[buffers(1)], Full, "", pwritev;
    preadv2(fd: Descriptor, iov: Buffers, iovcnt: Size, offset: Unsigned, offset_high: Unsigned, flags: Flags) &[pairs(1)], Full, "", preadv2;
    pwritev2(fd: Descriptor, iov: Buffers, iovcnt: Size, offset: Unsigned, offset_high: Unsigned, flags: Flags) &[buffers(1)], Partial, "neither RWF_ATOMIC nor RWF_DONTCACHE", pwritev2;
    _llseek(fd: Descriptor, offset_high: Unsigned, offset_low: Unsigned, result: Result, whence: Whence) &[], Full, "", llseek;
    ftruncate64(fd: Descriptor, length: Unsigned, length_high: Unsigned) &[], Full, "", ftruncate64;
    fallocate(fd: Descriptor, mode: Flags, offset: Unsigned, offset_high: Unsigned, len: Unsigned, len_high: Unsigned) &[], Partial, "nothing is inserted or cut out, and only trees that have holes make them", fallocate;
    fsync(fd: Descriptor) &[], Full, "", fsync;
    fdatasync(fd: Descriptor) &[], Full, "", fsync;
    sync() &[], Partial, "what the program has open, and no more", sync;
    syncfs(fd: Descriptor) &[], Partial, "the file or directory, and no more", syncfs;
    sync_file_range(fd: Descriptor, offset: Unsigned, offset_high: Unsigned, nbytes: Unsigned, nbytes_high: Unsigned, flags: Flags) &[], Partial, "checked, and not followed, for it promises nothing", sync_file_range;
    fadvise64_64(fd: Descriptor, offset: Unsigned, offset_high: Unsigned, len: Unsigned, len_high: Unsigned, advice: Unsigned) &[], Partial, "checked, and not followed", fadvise64_64;
    readahead(fd: Descriptor, offset: Unsigned, offset_high: Unsigned, count: Size) &[], Partial, "checked, and not followed", readahead;
};

/// Bytes that one call reads or writes at most: Linux's MAX_RW_COUNT.
const MOST: u64 = 0x7fff_f000;

/// Checks a buffer as Linux does: EFAULT for what does not lie in the memory, EINVAL for a
/// length below 0.
fn buffer(call: &Call<'_>, address: u32, length: u32) -> Result<[Buffer; 1], Fault> {
    let buffers = [Buffer { address, length }];
    call.check(&buffers)?;
    if length.cast_signed() < 0 { Err(Errno::INVAL.into()) } else { Ok(buffers) }
}

/// The buffers that an array names, checked as Linux does: EINVAL for more than 1024 and
/// for a length below 0, EFAULT.
pub(super) fn vector(call: &mut Call<'_>, address: u32, count: u32) -> Result<Vec<Buffer>, Fault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let buffers = call.buffers(address, count)?;
    if buffers.iter().any(|buffer| buffer.length.cast_signed() < 0) {
        return Err(Errno::INVAL.into());
    }
    call.check(&buffers)?;
    Ok(buffers)
}

/// Bytes of all buffers, as many as one call moves.
fn total(buffers: &[Buffer]) -> u64 {
    buffers.iter().map(|buffer| u64::from(buffer.length)).sum::<u64>().min(MOST)
}

/// What is left of the buffers behind the first `skipped` bytes.
fn behind(buffers: &[Buffer], mut skipped: u64) -> Vec<Buffer> {
    let mut rest = Vec::with_capacity(buffers.len());
    for buffer in buffers {
        // No more than its length, which has 32 bits.
        let part = skipped.min(u64::from(buffer.length)) as u32;
        skipped -= u64::from(part);
        if part < buffer.length {
            // It lies in the memory, as was checked.
            rest.push(Buffer { address: buffer.address.wrapping_add(part), length: buffer.length - part });
        }
    }
    rest
}

/// Where a read or write begins, of what has positions.
pub(super) fn begin(description: &Description, offset: Option<u64>) -> u64 {
    match offset {
        Some(offset) => offset,
        None if description.has_content() => streams::tell(description).unwrap_or_default(),
        None => 0,
    }
}

/// EINVAL for a stretch that ends beyond the greatest offset.
pub(super) fn fits(offset: u64, length: u64) -> Result<(), Errno> {
    let end = offset.checked_add(length).filter(|end| i64::try_from(*end).is_ok());
    end.map(drop).ok_or(Errno::INVAL)
}

/// Reads into the buffers: where the file stands, or at an offset. What has a position
/// gives all that there is, even where that is more than one answer carries.
fn receive(
    description: &Description,
    flags: u32,
    random: &mut dyn Random,
    call: &mut Call<'_>,
    buffers: &[Buffer],
    offset: Option<u64>,
) -> Result<Answer, Fault> {
    let wanted = total(buffers);
    fits(begin(description, offset), wanted)?;
    let mut bytes = vec![0; wanted.min(CALL_BYTES as u64) as usize];
    let mut done = 0;
    loop {
        let part = (wanted - done).min(CALL_BYTES as u64) as usize;
        let into = &mut bytes[..part];
        let result = match offset {
            None => streams::read(description, flags, into, random, call.waiter),
            Some(offset) => {
                streams::read_at(description, offset.saturating_add(done), into, random, call.waiter)
            }
        };
        let count = match result {
            Ok(count) => count,
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(fault),
        };
        match done {
            0 => call.scatter(buffers, &bytes[..count])?,
            _ => call.scatter(&behind(buffers, done), &bytes[..count])?,
        }
        done += count as u64;
        if count < part || done == wanted || !description.has_offsets() {
            break;
        }
        call.waiter.go_on()?;
    }
    value(done as u32)
}

/// Writes what the buffers hold: where the file stands, or at an offset; all of it, unless
/// there is no room or the program is not to wait.
fn send(
    description: &Description,
    flags: u32,
    limit: FileSizeLimit,
    random: &mut dyn Random,
    call: &mut Call<'_>,
    buffers: &[Buffer],
    offset: Option<u64>,
) -> Result<Answer, Fault> {
    let wanted = total(buffers);
    fits(begin(description, offset), wanted)?;
    let wanted = streams::allowed(description, flags, offset, wanted, limit, call.waiter)?;
    let mut done = 0;
    loop {
        let bytes = match done {
            0 => call.gather(buffers)?,
            _ => call.gather(&behind(buffers, done))?,
        };
        let from = &bytes[..(bytes.len() as u64).min(wanted - done) as usize];
        let result = match offset {
            None => streams::write(description, flags, from, random, call.waiter),
            Some(offset) => Ok(streams::write_at(description, flags, offset.saturating_add(done), from)?),
        };
        let count = match result {
            Ok(count) => count,
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(broken(call, fault)),
        };
        done += count as u64;
        if count < from.len() || done == wanted {
            break;
        }
        call.waiter.go_on()?;
    }
    value(done as u32)
}

/// Who writes where nobody reads any more gets a signal too.
pub(super) fn broken(call: &Call<'_>, fault: Fault) -> Fault {
    if fault == Fault::Errno(Errno::PIPE) {
        call.waiter.signal(Signal::PIPE);
    }
    fault
}

fn read(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = system.descriptors.to_read(call.u32(0))?;
    let buffers = buffer(call, call.u32(1), call.u32(2))?;
    receive(description, description.flags(), &mut *system.host.random, call, &buffers, None)
}

fn write(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = system.descriptors.to_write(call.u32(0))?;
    let buffers = buffer(call, call.u32(1), call.u32(2))?;
    let limit = system.process.limits.file_size();
    send(description, description.flags(), limit, &mut *system.host.random, call, &buffers, None)
}

fn readv(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.file(call.u32(0))?;
    let buffers = vector(call, call.u32(1), call.u32(2))?;
    let description = system.descriptors.to_read(call.u32(0))?;
    if total(&buffers) == 0 {
        return done();
    }
    receive(description, description.flags(), &mut *system.host.random, call, &buffers, None)
}

fn writev(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.file(call.u32(0))?;
    let buffers = vector(call, call.u32(1), call.u32(2))?;
    let description = system.descriptors.to_write(call.u32(0))?;
    if total(&buffers) == 0 {
        return done();
    }
    let limit = system.process.limits.file_size();
    send(description, description.flags(), limit, &mut *system.host.random, call, &buffers, None)
}

/// The open file for a read or write at an offset: EINVAL for one below 0, EBADF, ESPIPE.
fn positioned(system: &System, number: u32, offset: i64) -> Result<u64, Errno> {
    let offset = u64::try_from(offset).map_err(|_| Errno::INVAL)?;
    let description = system.descriptors.file(number)?;
    // Of a directory it is told later that it is one.
    let has_offsets = description.has_offsets() || description.object.directory().is_ok();
    if has_offsets { Ok(offset) } else { Err(Errno::SPIPE) }
}

fn pread64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let offset = positioned(system, call.u32(0), wide(call, 3))?;
    let description = system.descriptors.to_read(call.u32(0))?;
    let buffers = buffer(call, call.u32(1), call.u32(2))?;
    receive(description, description.flags(), &mut *system.host.random, call, &buffers, Some(offset))
}

fn pwrite64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let offset = positioned(system, call.u32(0), wide(call, 3))?;
    let description = system.descriptors.to_write(call.u32(0))?;
    let buffers = buffer(call, call.u32(1), call.u32(2))?;
    let limit = system.process.limits.file_size();
    send(description, description.flags(), limit, &mut *system.host.random, call, &buffers, Some(offset))
}

fn preadv(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let offset = positioned(system, call.u32(0), wide(call, 3))?;
    read_vector(system, call, Some(offset), 0)
}

fn pwritev(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let offset = positioned(system, call.u32(0), wide(call, 3))?;
    write_vector(system, call, Some(offset), 0)
}

/// Where preadv2 and pwritev2 begin: an offset of -1 stands for where the file stands.
fn here_or_at(system: &System, call: &Call<'_>) -> Result<Option<u64>, Errno> {
    match wide(call, 3) {
        -1 => system.descriptors.file(call.u32(0)).map(|_| None),
        offset => positioned(system, call.u32(0), offset).map(Some),
    }
}

fn preadv2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let offset = here_or_at(system, call)?;
    read_vector(system, call, offset, call.u32(5))
}

fn pwritev2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let offset = here_or_at(system, call)?;
    write_vector(system, call, offset, call.u32(5))
}

fn read_vector(
    system: &mut System,
    call: &mut Call<'_>,
    offset: Option<u64>,
    of_call: u32,
) -> Result<Answer, Fault> {
    let buffers = vector(call, call.u32(1), call.u32(2))?;
    let description = system.descriptors.to_read(call.u32(0))?;
    if total(&buffers) == 0 {
        return done();
    }
    fits(begin(description, offset), total(&buffers))?;
    let flags = with_call(description.flags(), of_call)?;
    receive(description, flags, &mut *system.host.random, call, &buffers, offset)
}

fn write_vector(
    system: &mut System,
    call: &mut Call<'_>,
    offset: Option<u64>,
    of_call: u32,
) -> Result<Answer, Fault> {
    let buffers = vector(call, call.u32(1), call.u32(2))?;
    let description = system.descriptors.to_write(call.u32(0))?;
    if total(&buffers) == 0 {
        return done();
    }
    fits(begin(description, offset), total(&buffers))?;
    let flags = with_call(description.flags(), of_call)?;
    if of_call & !HIGH_PRIORITY != 0 && !description.object.takes_write_flags() {
        return Err(Errno::NOTSUP.into());
    }
    let limit = system.process.limits.file_size();
    send(description, flags, limit, &mut *system.host.random, call, &buffers, offset)
}

/// RWF_HIPRI, which changes nothing that can be seen.
const HIGH_PRIORITY: u32 = 1;

/// The flags of an open file with those of one call (`linux/fs.h`, RWF_*); EOPNOTSUPP for
/// those that there are not, EINVAL for two that exclude each other.
fn with_call(open: u32, of_call: u32) -> Result<u32, Errno> {
    const DSYNC: u32 = 2;
    const SYNC: u32 = 4;
    const DO_NOT_WAIT: u32 = 8;
    const APPEND: u32 = 0x10;
    const DO_NOT_APPEND: u32 = 0x20;
    let known = HIGH_PRIORITY | DSYNC | SYNC | DO_NOT_WAIT | APPEND | DO_NOT_APPEND;
    if of_call & !known != 0 {
        return Err(Errno::NOTSUP);
    }
    if of_call & APPEND != 0 && of_call & DO_NOT_APPEND != 0 {
        return Err(Errno::INVAL);
    }
    let mut flags = open;
    for (flag, of_file) in [
        (DSYNC, flags::DSYNC),
        (SYNC, flags::SYNC | flags::DSYNC),
        (DO_NOT_WAIT, flags::NONBLOCK),
        (APPEND, flags::APPEND),
    ] {
        if of_call & flag != 0 {
            flags |= of_file;
        }
    }
    if of_call & DO_NOT_APPEND != 0 {
        flags &= !flags::APPEND;
    }
    Ok(flags)
}

fn llseek(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = system.descriptors.file(call.u32(0))?;
    let whence = match call.u32(4) {
        0 => Whence::Start,
        1 => Whence::Here,
        2 => Whence::End,
        3 => Whence::Data,
        4 => Whence::Hole,
        _ => return Err(Errno::INVAL.into()),
    };
    let offset = (u64::from(call.u32(1)) << 32 | u64::from(call.u32(2))).cast_signed();
    let position = streams::seek(description, whence, offset)?;
    call.write_u64(call.u32(3), position)?;
    done()
}

fn ftruncate64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let length = u64::try_from(wide(call, 1)).map_err(|_| Errno::INVAL)?;
    let description = system.descriptors.file(call.u32(0))?;
    if !description.has_content() || !description.writable {
        return Err(Errno::INVAL.into());
    }
    let size = || Ok(description.object.inode()?.metadata()?.size);
    system.process.limits.file_size().allow_size(call.waiter, size, length)?;
    description.object.set_size(length)?;
    done()
}

/// What fallocate does (`linux/falloc.h`).
mod mode {
    pub(super) const KEEP_SIZE: u32 = 1;
    pub(super) const PUNCH_HOLE: u32 = 2;
    pub(super) const COLLAPSE_RANGE: u32 = 8;
    pub(super) const ZERO_RANGE: u32 = 0x10;
    pub(super) const INSERT_RANGE: u32 = 0x20;
    pub(super) const UNSHARE_RANGE: u32 = 0x40;
    pub(super) const WRITE_ZEROES: u32 = 0x80;
}

/// EBADF, EINVAL, EOPNOTSUPP for a mode that there is not, EBADF for what was not opened for
/// writing, ESPIPE, EISDIR, ENODEV, EFBIG, and what the tree says.
fn fallocate(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    use mode::*;
    let description = system.descriptors.file(call.u32(0))?;
    let (mode, offset, length) = (call.u32(1), wide(call, 2), wide(call, 4));
    if offset < 0 || length <= 0 {
        return Err(Errno::INVAL.into());
    }
    let done_here = match mode & !KEEP_SIZE {
        0 | ZERO_RANGE => true,
        PUNCH_HOLE if mode & KEEP_SIZE != 0 => true,
        UNSHARE_RANGE => false,
        COLLAPSE_RANGE | INSERT_RANGE | WRITE_ZEROES if mode & KEEP_SIZE == 0 => false,
        _ => return Err(Errno::NOTSUP.into()),
    };
    if !description.writable {
        return Err(Errno::BADF.into());
    }
    let object = &description.object;
    if object.pipe().is_ok() {
        return Err(Errno::SPIPE.into());
    }
    if !description.has_content() {
        return Err(Errno::NODEV.into());
    }
    // Neither is below 0.
    let (offset, length) = (offset.unsigned_abs(), length.unsigned_abs());
    if offset.checked_add(length).is_none_or(|end| end > i64::MAX.unsigned_abs()) {
        return Err(Errno::FBIG.into());
    }
    if !done_here {
        return Err(Errno::NOTSUP.into());
    }
    if mode & KEEP_SIZE == 0 {
        let size = || Ok(object.inode()?.metadata()?.size);
        system.process.limits.file_size().allow_size(call.waiter, size, offset + length)?;
    }
    if mode & (PUNCH_HOLE | ZERO_RANGE) != 0 {
        object.punch(offset, length)?;
    }
    match mode & (KEEP_SIZE | PUNCH_HOLE) {
        0 => object.allocate(offset, length)?,
        KEEP_SIZE => object.reserve(offset, length)?,
        _ => {}
    }
    done()
}

/// EINVAL for what cannot be made last.
fn fsync(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.file(call.u32(0))?.object.inode()?.synchronize()?;
    done()
}

/// It has no error to tell.
fn sync(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    for number in system.descriptors.numbers(0, u32::MAX) {
        call.waiter.go_on()?;
        if let Ok(inode) = system.descriptors.get(number)?.description.object.inode() {
            let _ = inode.synchronize();
        }
    }
    done()
}

fn syncfs(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let object = &system.descriptors.file(call.u32(0))?.object;
    if let Ok(inode) = object.inode()
        && object.pipe().is_err()
    {
        inode.synchronize()?;
    }
    done()
}

/// EBADF, EINVAL for flags that there are not and for what is no stretch, ESPIPE.
fn sync_file_range(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const KNOWN: u32 = 7;
    let object = &system.descriptors.file(call.u32(0))?.object;
    let (offset, length) = (wide(call, 1), wide(call, 3));
    let end = offset.checked_add(length);
    if call.u32(5) & !KNOWN != 0 || offset < 0 || length < 0 || end.is_none() {
        return Err(Errno::INVAL.into());
    }
    match object.file_type()? {
        FileType::RegularFile | FileType::Directory => done(),
        _ => Err(Errno::SPIPE.into()),
    }
}

/// EBADF, ESPIPE, EINVAL for a length below 0 and for advice that there is not.
fn fadvise64_64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const KNOWN: u32 = 5;
    let object = &system.descriptors.file(call.u32(0))?.object;
    if object.pipe().is_ok() {
        return Err(Errno::SPIPE.into());
    }
    if wide(call, 3) < 0 || call.u32(5) > KNOWN { Err(Errno::INVAL.into()) } else { done() }
}

/// EBADF, EINVAL for what is no file.
fn readahead(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let object = &system.descriptors.to_read(call.u32(0))?.object;
    if object.file_type()? == FileType::RegularFile { done() } else { Err(Errno::INVAL.into()) }
}
