//! What is told of files, and what of that can be changed: permission bits, owners, times,
//! sizes.

use super::path::{access, at, may, only, own, path, resolve, resolve_at, text};
use super::{calls, done, value};
use crate::files::{FileType, Last, Metadata, NAME_BYTES, NewTimes, Resolved, Space, Timestamp};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;

use Support::{Full, Partial};

const FIRST: &[View] = &[text(0)];
const SECOND: &[View] = &[text(1)];

/// Bytes of the two times that utimensat takes.
const TIMES_BYTES: u32 = 32;

pub(super) const ROWS: &[Row] = calls! { "linux":
    statx(dirfd: AtDescriptor, pathname: Text, flags: AtFlags, mask: Flags, statxbuf: Result) SECOND, Partial, "mounts have no numbers; when a file was made is told where its tree knows it", statx;
    fchmod(fd: Descriptor, mode: Permissions) &[], Full, "", fchmod;
    fchmodat(dirfd: AtDescriptor, pathname: Text, mode: Permissions) SECOND, Full, "", fchmodat;
    fchmodat2(dirfd: AtDescriptor, pathname: Text, mode: Permissions, flags: AtFlags) SECOND, Full, "", fchmodat2;
    fchown(fd: Descriptor, owner: Unsigned, group: Unsigned) &[], Partial, "all files belong to the one user; EPERM for giving one away", fchown;
    fchownat(dirfd: AtDescriptor, pathname: Text, owner: Unsigned, group: Unsigned, flags: AtFlags) SECOND, Partial, "all files belong to the one user; EPERM for giving one away", fchownat;
    faccessat(dirfd: AtDescriptor, pathname: Text, mode: AccessMode) SECOND, Full, "", faccessat;
    faccessat2(dirfd: AtDescriptor, pathname: Text, mode: AccessMode, flags: AtFlags) SECOND, Full, "", faccessat2;
    utimensat_time64(dirfd: AtDescriptor, pathname: Text, times: Pointer, flags: AtFlags) &[text(1), View::Fixed { pointer: 2, size: TIMES_BYTES }], Full, "", utimensat;
    statfs64(path: Text, size: Size, buf: Result) FIRST, Full, "", statfs64;
    fstatfs64(fd: Descriptor, size: Size, buf: Result) &[], Full, "", fstatfs64;
    truncate64(path: Text, length: Unsigned, length_high: Unsigned) FIRST, Full, "", truncate64;
    umask(mask: Permissions) &[], Full, "", umask;
};

/// The parts of `struct statx` that are told (`linux/stat.h`).
mod told {
    /// All that stat tells.
    pub(super) const BASIC: u32 = 0x7ff;
    /// When it was made.
    pub(super) const CREATED: u32 = 0x800;
    /// None that there is.
    pub(super) const RESERVED: u32 = 1 << 31;
}

/// Bytes of `struct statx`.
const STATX_BYTES: usize = 256;

/// Bytes that are best read and written at once.
const BLOCK: u64 = 4096;

/// Bytes in which a file's room is counted.
const SECTOR: u64 = 512;

fn statx(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const NO_AUTOMOUNT: u32 = 0x800;
    /// How fresh it must be. It always is; both at once are none.
    const SYNCHRONIZE: u32 = 0x6000;
    let (flags, mask) = (call.u32(2), call.u32(3));
    if mask & told::RESERVED != 0 || flags & SYNCHRONIZE == SYNCHRONIZE {
        return Err(Errno::INVAL.into());
    }
    only(flags, at::NO_FOLLOW | at::EMPTY_PATH | NO_AUTOMOUNT | SYNCHRONIZE)?;
    let path = path_or_own(call, 1, 2)?;
    let metadata = resolve_at(system, call.u32(0), &path, flags)?.metadata()?;
    let bytes = statx_of(system, &metadata);
    call.memory.write(call.u32(4), &bytes)?;
    done()
}

/// The path at an argument, which may be null where the flags at another say that it may
/// be empty.
fn path_or_own(call: &mut Call<'_>, pointer: usize, flags: usize) -> Result<Vec<u8>, Fault> {
    match call.u32(pointer) {
        0 if call.u32(flags) & at::EMPTY_PATH != 0 => Ok(Vec::new()),
        _ => path(call, pointer),
    }
}

/// `struct statx`, in one piece.
fn statx_of(system: &System, metadata: &Metadata) -> [u8; STATX_BYTES] {
    let mut bytes = [0; STATX_BYTES];
    let mut put = |offset: usize, value: &[u8]| {
        // All offsets are those below.
        if let Some(place) = bytes.get_mut(offset..offset + value.len()) {
            place.copy_from_slice(value);
        }
    };
    let created = metadata.created.map_or(0, |_| told::CREATED);
    put(0, &(told::BASIC | created).to_le_bytes());
    put(4, &(BLOCK as u32).to_le_bytes());
    put(16, &u32::try_from(metadata.links).unwrap_or(u32::MAX).to_le_bytes());
    put(20, &system.identity.user.to_le_bytes());
    put(24, &system.identity.group.to_le_bytes());
    let mode = metadata.file_type.mode() | metadata.permissions & 0o7777;
    put(28, &(mode as u16).to_le_bytes());
    put(32, &metadata.inode.to_le_bytes());
    put(40, &metadata.size.to_le_bytes());
    put(48, &metadata.allocated.div_ceil(SECTOR).to_le_bytes());
    let times = [
        (64, Some(metadata.accessed)),
        (80, metadata.created),
        (96, Some(metadata.changed)),
        (112, Some(metadata.modified)),
    ];
    for (offset, time) in times {
        if let Some(time) = time {
            put(offset, &time.seconds().to_le_bytes());
            put(offset + 8, &time.nanoseconds().to_le_bytes());
        }
    }
    let (major, minor) = metadata.device_numbers;
    put(128, &major.to_le_bytes());
    put(132, &minor.to_le_bytes());
    // The major number of trees is 0, as of all that no device holds.
    put(140, &(metadata.device as u32).to_le_bytes());
    bytes
}

/// What may be done with an open file by its descriptor: EBADF for one that is open only
/// to be named.
fn opened(system: &mut System, descriptor: u32) -> Result<Resolved, Errno> {
    let found = own(system, descriptor)?;
    let description = &system.descriptors.get(descriptor)?.description;
    if description.is_path() { Err(Errno::BADF) } else { Ok(found) }
}

fn fchmod(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = opened(system, call.u32(0))?;
    set_permissions(&found, call.u32(1))
}

fn fchmodat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = path(call, 1)?;
    let found = resolve(system, call.u32(0), &path, Last::Follow)?.there()?;
    set_permissions(&found, call.u32(2))
}

fn fchmodat2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(3), at::NO_FOLLOW | at::EMPTY_PATH)?;
    let path = path_or_own(call, 1, 3)?;
    let found = resolve_at(system, call.u32(0), &path, flags)?;
    set_permissions(&found, call.u32(2))
}

/// EROFS; ENOTSUP for a symlink.
fn set_permissions(found: &Resolved, mode: u32) -> Result<Answer, Fault> {
    writable(found)?;
    found.set_permissions(mode & 0o7777)?;
    done()
}

fn writable(found: &Resolved) -> Result<(), Errno> {
    if found.is_read_only() { Err(Errno::ROFS) } else { Ok(()) }
}

fn fchown(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let found = opened(system, call.u32(0))?;
    keep_owner(system, &found, call.u32(1), call.u32(2))
}

fn fchownat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(4), at::NO_FOLLOW | at::EMPTY_PATH)?;
    let path = path_or_own(call, 1, 4)?;
    let found = resolve_at(system, call.u32(0), &path, flags)?;
    keep_owner(system, &found, call.u32(2), call.u32(3))
}

/// All files belong to the one user; EPERM for giving one away.
fn keep_owner(system: &System, found: &Resolved, user: u32, group: u32) -> Result<Answer, Fault> {
    /// What stands for the one that it is.
    const SAME: u32 = u32::MAX;
    writable(found)?;
    let identity = &system.identity;
    if ![SAME, identity.user].contains(&user) || ![SAME, identity.group].contains(&group) {
        return Err(Errno::PERM.into());
    }
    done()
}

fn faccessat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    check_access(system, call, 0)
}

fn faccessat2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// By the effective user, who is the real one.
    const EFFECTIVE: u32 = 0x200;
    let flags = call.u32(3);
    if call.u32(2) & !7 == 0 {
        only(flags, at::NO_FOLLOW | at::EMPTY_PATH | EFFECTIVE)?;
    }
    check_access(system, call, flags)
}

/// EINVAL, what the path says, EROFS to write what is only shown, EACCES.
fn check_access(system: &mut System, call: &mut Call<'_>, flags: u32) -> Result<Answer, Fault> {
    let wanted = only(call.u32(2), access::READ | access::WRITE | access::EXECUTE)?;
    let path = path_or_own(call, 1, 3)?;
    let found = resolve_at(system, call.u32(0), &path, flags)?;
    let metadata = found.metadata()?;
    let is_file =
        matches!(metadata.file_type, FileType::RegularFile | FileType::Directory | FileType::SymbolicLink);
    if wanted & access::WRITE != 0 && is_file && found.is_read_only() {
        return Err(Errno::ROFS.into());
    }
    if system.identity.user == 0 {
        // Even the superuser runs no file that is none to run.
        let is_directory = metadata.file_type == FileType::Directory;
        let runs = wanted & access::EXECUTE == 0 || is_directory || metadata.permissions & 0o111 != 0;
        return if runs { done() } else { Err(Errno::ACCES.into()) };
    }
    may(system, metadata.permissions, wanted)?;
    done()
}

/// Nothing at all if both times are to stay; else what the path says, EINVAL for a time
/// that is none, EROFS.
fn utimensat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// In place of nanoseconds: now, and as it is.
    const NOW: i64 = 0x3fff_ffff;
    const OMIT: i64 = 0x3fff_fffe;
    let mut given = [(0, NOW); 2];
    if call.u32(2) != 0 {
        let mut bytes = [0; TIMES_BYTES as usize];
        call.memory.read(call.u32(2), &mut bytes)?;
        let mut numbers = bytes.chunks_exact(8).map(|chunk| {
            chunk.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)).cast_signed()
        });
        for time in &mut given {
            *time = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        }
        if given.iter().all(|(_, nanoseconds)| *nanoseconds == OMIT) {
            return done();
        }
    }
    let (descriptor, flags) = (call.u32(0), call.u32(3));
    let found = match call.u32(1) {
        0 if descriptor != super::path::WORKING_DIRECTORY && flags & at::EMPTY_PATH == 0 => {
            only(flags, 0)?;
            opened(system, descriptor)?
        }
        _ => {
            only(flags, at::NO_FOLLOW | at::EMPTY_PATH)?;
            let path = path_or_own(call, 1, 3)?;
            resolve_at(system, descriptor, &path, flags)?
        }
    };
    let now = Timestamp::from(system.host.clock.realtime());
    let time = |(seconds, nanoseconds): (i64, i64)| match nanoseconds {
        NOW => Ok(Some(now)),
        OMIT => Ok(None),
        0..1_000_000_000 => Ok(Some(Timestamp::new(seconds, nanoseconds as u32))),
        _ => Err(Errno::INVAL),
    };
    let times = NewTimes { accessed: time(given[0])?, modified: time(given[1])? };
    writable(&found)?;
    found.set_times(times)?;
    done()
}

/// Bytes of `struct statfs64` without what aligns its end, and with it.
const SPACE_BYTES: [u32; 2] = [84, 88];

fn statfs64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = path(call, 0)?;
    let space_size = call.u32(1);
    if !SPACE_BYTES.contains(&space_size) {
        return Err(Errno::INVAL.into());
    }
    let found = resolve(system, super::path::WORKING_DIRECTORY, &path, Last::Follow)?.there()?;
    write_space(call, &found)
}

fn fstatfs64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if !SPACE_BYTES.contains(&call.u32(1)) {
        return Err(Errno::INVAL.into());
    }
    let found = own(system, call.u32(0))?;
    write_space(call, &found)
}

fn write_space(call: &mut Call<'_>, found: &Resolved) -> Result<Answer, Fault> {
    /// That the flags are told at all; and that nothing can be written.
    const VALID: u32 = 0x20;
    const READ_ONLY: u32 = 1;
    let Space { total, free, files, free_files, read_only, kind } = found.space()?;
    let device = found.metadata()?.device;
    let mut bytes = Vec::with_capacity(SPACE_BYTES[1] as usize);
    for word in [kind, BLOCK as u32] {
        bytes.extend(word.to_le_bytes());
    }
    for number in [total / BLOCK, free / BLOCK, free / BLOCK, files, free_files, device] {
        bytes.extend(number.to_le_bytes());
    }
    let flags = VALID | if read_only { READ_ONLY } else { 0 };
    for word in [NAME_BYTES as u32, BLOCK as u32, flags] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.resize(call.u32(1) as usize, 0);
    call.memory.write(call.u32(2), &bytes)?;
    done()
}

/// EINVAL for a length below 0, what the path says, EISDIR, EINVAL for what is no file,
/// EROFS, EACCES, EFBIG.
fn truncate64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let length = u64::from(call.u32(1)) | u64::from(call.u32(2)) << 32;
    if length.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    let path = path(call, 0)?;
    let found = resolve(system, super::path::WORKING_DIRECTORY, &path, Last::Follow)?.there()?;
    let metadata = found.metadata()?;
    match metadata.file_type {
        FileType::RegularFile => {}
        FileType::Directory => return Err(Errno::ISDIR.into()),
        _ => return Err(Errno::INVAL.into()),
    }
    writable(&found)?;
    if !found.checks_permissions() {
        may(system, metadata.permissions, access::WRITE)?;
    }
    system.process.limits.file_size().allow_size(call.waiter, || Ok(metadata.size), length)?;
    system.open_to_write(&found)?.set_size(length)?;
    done()
}

fn umask(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    value(std::mem::replace(&mut system.umask, call.u32(0) & 0o777))
}
