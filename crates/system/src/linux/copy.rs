//! Copies that a kernel makes by itself, from one open file to another.

use super::data::{begin, broken, fits, vector};
use super::descriptor::only;
use super::{buffers, calls, done, value};
use crate::descriptors::{Description, flags};
use crate::files::FileType;
use crate::object::{Blocking, Interest, Position};
use crate::pipe::{Page, PipeEnd};
use crate::streams;
use crate::table::{Row, Support};
use crate::wait::retry;
use crate::{Answer, Call, Errno, Fault, System, Waiter};
use std::sync::Arc;

use Support::Full;

pub(super) const ROWS: &[Row] = calls! { "linux":
    sendfile64(out_fd: Descriptor, in_fd: Descriptor, offset: Pointer, count: Size) &[super::structure(2, 8)], Full, "", sendfile64;
    copy_file_range(fd_in: Descriptor, off_in: Pointer, fd_out: Descriptor, off_out: Pointer, len: Size, flags: Flags) &[super::structure(1, 8), super::structure(3, 8)], Full, "", copy_file_range;
    splice(fd_in: Descriptor, off_in: Pointer, fd_out: Descriptor, off_out: Pointer, len: Size, flags: Flags) &[super::structure(1, 8), super::structure(3, 8)], Support::Partial, "a pipe of the host is none", splice;
    tee(fd_in: Descriptor, fd_out: Descriptor, len: Size, flags: Flags) &[], Support::Partial, "a pipe of the host is none", tee;
    vmsplice(fd: Descriptor, iov: Buffers, nr_segs: Size, flags: Flags) &[buffers(1)], Full, "", vmsplice;
};

/// Bytes that are copied at a time.
const PIECE: usize = 256 << 10;

/// Bytes that one call copies at most: Linux's MAX_RW_COUNT.
const MOST: u64 = 0x7fff_f000;

/// One side of a copy that has offsets: where it begins, and who hears where it ended.
struct Side {
    file: Arc<Description>,
    offset: u64,
    /// Where the program keeps the offset: 0 if it is where the file stands.
    address: u32,
}

impl Side {
    /// EFAULT; EINVAL for an offset below 0.
    fn new(call: &mut Call<'_>, file: &Arc<Description>, address: u32) -> Result<Self, Fault> {
        let side = Self::unchecked(call, file, address)?;
        fits(side.offset, 0)?;
        Ok(side)
    }

    /// EFAULT. An offset below 0 is told as one beyond the greatest.
    fn unchecked(call: &mut Call<'_>, file: &Arc<Description>, address: u32) -> Result<Self, Fault> {
        let offset = match address {
            0 => streams::tell(file)?,
            _ => told_unchecked(call, address)?,
        };
        Ok(Self { file: Arc::clone(file), offset, address })
    }

    /// Tells where it ended; what is everywhere the same has no place where it could.
    fn finish(&self, call: &mut Call<'_>, copied: u64) -> Result<(), Fault> {
        if !self.file.has_content() {
            return Ok(());
        }
        let offset = self.offset.saturating_add(copied);
        match self.address {
            0 => streams::stand(&self.file, offset)?,
            address => call.write_u64(address, offset)?,
        }
        Ok(())
    }
}

/// The offset at an address of the guest, which is a signed number; EFAULT, and EINVAL for
/// one below 0.
fn told(call: &mut Call<'_>, address: u32) -> Result<u64, Fault> {
    let offset = told_unchecked(call, address)?;
    if i64::try_from(offset).is_ok() { Ok(offset) } else { Err(Errno::INVAL.into()) }
}

fn told_unchecked(call: &mut Call<'_>, address: u32) -> Result<u64, Fault> {
    let bytes = call.bytes_at(address, 8)?;
    Ok(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

/// Copies piece by piece, until `write` takes less or there is no more. What was copied is
/// told, whatever came then.
fn copy(
    system: &mut System,
    call: &Call<'_>,
    from: &Side,
    count: u64,
    mut write: impl FnMut(&mut System, u64, &[u8]) -> Result<usize, Fault>,
) -> Result<u64, Fault> {
    let count = count.min(MOST);
    let mut bytes = vec![0; count.min(PIECE as u64) as usize];
    let mut done = 0;
    while done < count {
        call.waiter.go_on()?;
        let part = (count - done).min(PIECE as u64) as usize;
        let offset = from.offset.saturating_add(done);
        let random = &mut *system.host.random;
        let read = streams::read_at(&from.file, offset, &mut bytes[..part], random, call.waiter);
        let written = read.and_then(|read| match read {
            0 => Ok((0, 0)),
            _ => write(system, done, &bytes[..read]).map(|written| (read, written)),
        });
        match written {
            Ok((read, written)) => {
                done += written as u64;
                // A file that is copied to itself may have grown.
                if written < read || read == 0 {
                    break;
                }
            }
            Err(Fault::Errno(_)) if done > 0 => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(done)
}

/// EFAULT; EBADF, ESPIPE, EINVAL of what is read; EBADF of what is written; EINVAL for what
/// appends, and for what cannot be sought in.
fn sendfile64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (address, count) = (call.u32(2), call.u32(3));
    if address != 0 {
        call.bytes_at(address, 8)?;
    }
    let input = Arc::clone(system.descriptors.to_read(call.u32(1))?);
    if address != 0 && !input.has_offsets() {
        return Err(Errno::SPIPE.into());
    }
    let from = Side::new(call, &input, address)?;
    if count.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    fits(from.offset, u64::from(count))?;
    let output = Arc::clone(system.descriptors.to_write(call.u32(0))?);
    fits(begin(&output, None), u64::from(count).min(MOST))?;
    if let Ok(to) = output.object.pipe() {
        let (offset, length) = (input.has_offsets().then_some(from.offset), count as usize);
        let waits = blocking(0, &[&output]);
        let copied = fill_pipe(system, call, &input, offset, to, length, waits, input.flags())?;
        from.finish(call, copied as u64)?;
        return value(copied as u32);
    }
    if output.flags() & flags::APPEND != 0 || !input.has_offsets() {
        return Err(Errno::INVAL.into());
    }
    let limit = system.process.limits.file_size();
    let count = streams::allowed(&output, output.flags(), None, count.into(), limit, call.waiter)?;
    let copied = copy(system, call, &from, count, |system, _, bytes| {
        if !output.object.takes_write_flags() {
            return Err(Errno::INVAL.into());
        }
        streams::write(&output, output.flags(), bytes, &mut *system.host.random, call.waiter)
    });
    let copied = copied.map_err(|fault| broken(call, fault))?;
    from.finish(call, copied)?;
    value(copied as u32)
}

/// EBADF, EFAULT, EINVAL for flags; EISDIR, EINVAL for what is no file; EBADF for what was
/// not opened for it, or appends; EOVERFLOW for what wraps around, EFBIG for what no file can
/// hold; EINVAL for stretches of one file that overlap, and for an offset below 0.
fn copy_file_range(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let input = Arc::clone(system.descriptors.file(call.u32(0))?);
    let output = Arc::clone(system.descriptors.file(call.u32(2))?);
    for address in [call.u32(1), call.u32(3)].into_iter().filter(|address| *address != 0) {
        call.bytes_at(address, 8)?;
    }
    only(call.u32(5), 0)?;
    let types = [input.object.file_type()?, output.object.file_type()?];
    if types.contains(&FileType::Directory) {
        return Err(Errno::ISDIR.into());
    }
    if types != [FileType::RegularFile; 2] || !input.has_offsets() || !output.has_offsets() {
        return Err(Errno::INVAL.into());
    }
    if !input.readable || !output.writable || output.flags() & flags::APPEND != 0 {
        return Err(Errno::BADF.into());
    }
    let from = Side::unchecked(call, &input, call.u32(1))?;
    let to = Side::unchecked(call, &output, call.u32(3))?;
    let length = u64::from(call.u32(4));
    if [&from, &to].iter().any(|side| side.offset.checked_add(length).is_none()) {
        return Err(Errno::OVERFLOW.into());
    }
    let (read, written) = (input.object.inode()?.metadata()?, output.object.inode()?.metadata()?);
    // What is below 0 is no end, and counts as what it is as a number without a sign: as Linux
    // has it.
    let length = match from.offset.cast_signed() >= read.size.cast_signed() {
        true => 0,
        false => length.min(read.size.wrapping_sub(from.offset)),
    };
    if to.offset == i64::MAX.unsigned_abs() {
        return Err(Errno::FBIG.into());
    }
    let length = length.min(i64::MAX.unsigned_abs().wrapping_sub(to.offset));
    let same = (read.device, read.inode) == (written.device, written.inode);
    let end = |side: &Side| side.offset.wrapping_add(length);
    if same && end(&to) > from.offset && to.offset < end(&from) {
        return Err(Errno::INVAL.into());
    }
    for side in [&from, &to] {
        fits(side.offset, length)?;
    }
    let limit = system.process.limits.file_size();
    let length = streams::allowed(&output, output.flags(), Some(to.offset), length, limit, call.waiter)?;
    let copied = copy(system, call, &from, length, |_, done, bytes| {
        Ok(streams::write_at(&output, output.flags(), to.offset.saturating_add(done), bytes)?)
    })?;
    if copied > 0 {
        from.finish(call, copied)?;
        to.finish(call, copied)?;
    }
    value(copied as u32)
}

/// The flags of splice, tee and vmsplice: move, do not wait, more to come, gift.
const SPLICE_FLAGS: u32 = 0xf;
const DO_NOT_WAIT: u32 = 2;

/// Whether a splice waits, of these open files.
fn blocking(of_call: u32, files: &[&Description]) -> Blocking {
    let asked = files.iter().any(|file| file.flags() & flags::NONBLOCK != 0);
    Blocking::unless(asked || of_call & DO_NOT_WAIT != 0)
}

/// What is first in a pipe, once there is something, up to `most` bytes, and the pages in
/// which it lies: nothing if nothing will come. It stays there.
fn first(
    pipe: &PipeEnd,
    most: usize,
    blocking: Blocking,
    waiter: &Waiter,
) -> Result<(Vec<Page>, Vec<u8>), Fault> {
    retry(blocking, Interest::Read, waiter, || pipe.first(most), |interest| Ok(pipe.look(interest)))
}

/// How much room a pipe has, once there is some; EPIPE.
fn room(pipe: &PipeEnd, blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
    let room = || match pipe.room() {
        _ if pipe.is_broken(Interest::Write) => Err(Errno::PIPE),
        0 => Err(Errno::AGAIN),
        room => Ok(room),
    };
    retry(blocking, Interest::Write, waiter, room, |interest| Ok(pipe.look(interest)))
}

fn splice(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (off_in, off_out, length, of_call) = (call.u32(1), call.u32(3), call.u32(4), call.u32(5));
    if length == 0 {
        return done();
    }
    only(of_call, SPLICE_FLAGS)?;
    let input = Arc::clone(system.descriptors.file(call.u32(0))?);
    let output = Arc::clone(system.descriptors.file(call.u32(2))?);
    let (from, to) = (input.object.pipe().ok(), output.object.pipe().ok());
    if from.is_some() && off_in != 0 || to.is_some() && off_out != 0 {
        return Err(Errno::SPIPE.into());
    }
    for address in [off_out, off_in].into_iter().filter(|address| *address != 0) {
        call.bytes_at(address, 8)?;
    }
    if !input.readable || !output.writable {
        return Err(Errno::BADF.into());
    }
    let length = length as usize;
    let copied = match (from, to) {
        (Some(from), Some(to)) if from.is_same(to) => return Err(Errno::INVAL.into()),
        (Some(from), Some(to)) => {
            let blocking = blocking(of_call, &[&input, &output]);
            let (pages, bytes) = first(from, length, blocking, call.waiter)?;
            let count = put(to, &pages, &bytes, blocking, call)?;
            from.skip(count);
            count
        }
        (Some(from), None) => out_of_pipe(system, call, from, &input, &output)?,
        (None, Some(to)) => into_pipe(system, call, &input, to, &output)?,
        (None, None) => return Err(Errno::INVAL.into()),
    };
    value(copied as u32)
}

/// Puts what was elsewhere into a pipe, once there is room.
fn put(
    to: &PipeEnd,
    pages: &[Page],
    bytes: &[u8],
    blocking: Blocking,
    call: &Call<'_>,
) -> Result<usize, Fault> {
    // There must be room even for nothing, and somebody who reads.
    room(to, blocking, call.waiter).map_err(|fault| broken(call, fault))?;
    if bytes.is_empty() {
        return Ok(0);
    }
    let push = || to.push(pages, bytes);
    let count = retry(blocking, Interest::Write, call.waiter, push, |interest| Ok(to.look(interest)));
    count.map_err(|fault| broken(call, fault))
}

fn out_of_pipe(
    system: &mut System,
    call: &mut Call<'_>,
    from: &PipeEnd,
    input: &Description,
    output: &Arc<Description>,
) -> Result<usize, Fault> {
    let (address, length, of_call) = (call.u32(3), call.u32(4) as usize, call.u32(5));
    if address != 0 && !output.has_offsets() || output.flags() & flags::APPEND != 0 {
        return Err(Errno::INVAL.into());
    }
    let offset = if address == 0 { None } else { Some(told(call, address)?) };
    fits(begin(output, offset), length as u64)?;
    let blocking = blocking(of_call, &[input]);
    if !output.object.takes_write_flags() {
        return Err(Errno::INVAL.into());
    }
    let limit = system.process.limits.file_size();
    let length = streams::allowed(output, output.flags(), offset, length as u64, limit, call.waiter)?;
    let (_, bytes) = first(from, length as usize, blocking, call.waiter)?;
    let written = match offset {
        _ if bytes.is_empty() => return Ok(0),
        Some(offset) => streams::write_at(output, output.flags(), offset, &bytes).map_err(Fault::from),
        None => {
            let mut flags = output.flags();
            if blocking == Blocking::DoNotWait {
                flags |= flags::NONBLOCK;
            }
            streams::write(output, flags, &bytes, &mut *system.host.random, call.waiter)
        }
    };
    let written = written.map_err(|fault| broken(call, fault))?;
    from.skip(written);
    if let Some(offset) = offset
        && output.has_content()
    {
        call.write_u64(address, offset.saturating_add(written as u64))?;
    }
    Ok(written)
}

fn into_pipe(
    system: &mut System,
    call: &mut Call<'_>,
    input: &Arc<Description>,
    to: &PipeEnd,
    output: &Description,
) -> Result<usize, Fault> {
    let (address, length, of_call) = (call.u32(1), call.u32(4) as usize, call.u32(5));
    if address != 0 && !input.has_offsets() {
        return Err(Errno::INVAL.into());
    }
    let offset = if address == 0 { None } else { Some(told(call, address)?) };
    fits(begin(input, offset), length as u64)?;
    let waits = of_call & DO_NOT_WAIT == 0;
    let flags = if waits { input.flags() } else { input.flags() | flags::NONBLOCK };
    let waits = blocking(of_call, &[output]);
    let written = fill_pipe(system, call, input, offset, to, length, waits, flags)?;
    if let Some(offset) = offset
        && input.has_content()
    {
        call.write_u64(address, offset.saturating_add(written as u64))?;
    }
    Ok(written)
}

/// Puts what is read, where a file stands or at an offset, into a pipe, once there is room: then
/// EINVAL for what is read by its own calls only.
#[expect(clippy::too_many_arguments, reason = "both sides of a copy, and how it waits")]
fn fill_pipe(
    system: &mut System,
    call: &Call<'_>,
    input: &Arc<Description>,
    offset: Option<u64>,
    to: &PipeEnd,
    length: usize,
    blocking: Blocking,
    flags: u32,
) -> Result<usize, Fault> {
    let room = room(to, blocking, call.waiter).map_err(|fault| broken(call, fault))?;
    let object = &input.object;
    let is_nowhere = input.position == Some(Position::Nowhere);
    if is_nowhere || object.directory().is_ok() || object.pipe().is_ok() {
        return Err(Errno::INVAL.into());
    }
    // The pages are those of a file, and the first may begin within one.
    let begins = if input.has_content() { begin(input, offset) } else { 0 };
    let mut bytes = vec![0; length.min(room - Page::start_of(begins))];
    let random = &mut *system.host.random;
    let count = match offset {
        Some(offset) => streams::read_at(input, offset, &mut bytes, random, call.waiter)?,
        None => streams::read(input, flags, &mut bytes, random, call.waiter)?,
    };
    let pages = Page::of_file(begins, count);
    to.push(&pages, &bytes[..count]).map_err(|errno| broken(call, errno.into()))
}

fn tee(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (length, of_call) = (call.u32(2), call.u32(3));
    only(of_call, SPLICE_FLAGS)?;
    if length == 0 {
        return done();
    }
    system.descriptors.file(call.u32(0))?;
    system.descriptors.file(call.u32(1))?;
    let input = system.descriptors.to_read(call.u32(0))?;
    let output = system.descriptors.to_write(call.u32(1))?;
    let (Ok(from), Ok(to)) = (input.object.pipe(), output.object.pipe()) else {
        return Err(Errno::INVAL.into());
    };
    if from.is_same(to) {
        return Err(Errno::INVAL.into());
    }
    let blocking = blocking(of_call, &[input, output]);
    let (pages, bytes) = first(from, length as usize, blocking, call.waiter)?;
    let pages: Vec<Page> = pages.into_iter().map(Page::shared).collect();
    value(put(to, &pages, &bytes, blocking, call)? as u32)
}

/// Of a pipe's end that writes, what the buffers hold is written; of one that reads, they
/// are filled.
fn vmsplice(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let of_call = only(call.u32(3), SPLICE_FLAGS)?;
    let file = Arc::clone(system.descriptors.file(call.u32(0))?);
    if !file.readable && !file.writable {
        return Err(Errno::BADF.into());
    }
    let buffers = vector(call, call.u32(1), call.u32(2))?;
    let length: u64 = buffers.iter().map(|buffer| u64::from(buffer.length)).sum();
    if length == 0 {
        return done();
    }
    let pipe = file.object.pipe()?;
    let blocking = blocking(of_call, &[]);
    if !file.writable {
        let most = length.min(pipe.size() as u64) as usize;
        let (_, bytes) = first(pipe, most, blocking, call.waiter)?;
        call.scatter(&buffers, &bytes)?;
        pipe.skip(bytes.len());
        return value(bytes.len() as u32);
    }
    let room = room(pipe, blocking, call.waiter).map_err(|fault| broken(call, fault))?;
    let mut bytes = call.gather(&buffers)?;
    bytes.truncate(room);
    let written = pipe.try_write(&bytes, false).map_err(|errno| broken(call, errno.into()))?;
    value(written as u32)
}
