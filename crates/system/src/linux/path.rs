//! Names: how the calls take paths, and those that make names, take them away and rename
//! them.

use super::{calls, done, value};
use crate::files::{
    Creation, Dentry, FileType, Found, Jump, Last, LastName, OpenOptions, Place, Resolved, Walk, Wanting,
    names,
};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::sync::Arc;

use Support::{Full, Partial};

/// The path at one argument.
pub(super) const fn text(pointer: u8) -> View {
    View::Cstr { pointer }
}

const SECOND: &[View] = &[text(1)];

pub(super) const ROWS: &[Row] = calls! { "linux":
    mkdirat(dirfd: AtDescriptor, pathname: Text, mode: Permissions) SECOND, Full, "", mkdirat;
    mknodat(dirfd: AtDescriptor, pathname: Text, mode: Permissions, dev: Unsigned) SECOND, Partial, "pipes in the trees in memory only, and devices are the superuser's to make", mknodat;
    unlinkat(dirfd: AtDescriptor, pathname: Text, flags: AtFlags) SECOND, Full, "", unlinkat;
    renameat2(olddirfd: AtDescriptor, oldpath: Text, newdirfd: AtDescriptor, newpath: Text, flags: Flags) &[text(1), text(3)], Partial, "no whiteouts", renameat2;
    linkat(olddirfd: AtDescriptor, oldpath: Text, newdirfd: AtDescriptor, newpath: Text, flags: AtFlags) &[text(1), text(3)], Full, "", linkat;
    symlinkat(target: Text, newdirfd: AtDescriptor, linkpath: Text) &[text(0), text(2)], Partial, "EPERM on a directory of the host for a target that could lead out of it", symlinkat;
    readlinkat(dirfd: AtDescriptor, pathname: Text, buf: Result, bufsiz: Size) SECOND, Full, "", readlinkat;
};

/// What the calls on paths are asked for by `AT_` flags, in Linux's bits.
pub(super) mod at {
    pub(in crate::linux) const NO_FOLLOW: u32 = 0x100;
    pub(in crate::linux) const REMOVE_DIRECTORY: u32 = 0x200;
    pub(in crate::linux) const FOLLOW: u32 = 0x400;
    pub(in crate::linux) const EMPTY_PATH: u32 = 0x1000;
}

/// AT_FDCWD: what stands for the working directory.
pub(super) const WORKING_DIRECTORY: u32 = (-100i32).cast_unsigned();

/// The path at an argument: EFAULT, or ENAMETOOLONG.
pub(super) fn path(call: &mut Call<'_>, index: usize) -> Result<Vec<u8>, Fault> {
    match call.u32(index) {
        // There is nothing at address 0 for a program of Linux.
        0 => Err(Errno::FAULT.into()),
        address => call.c_string(address),
    }
}

/// EINVAL for a bit that is not in `known`.
pub(super) fn only(flags: u32, known: u32) -> Result<u32, Errno> {
    if flags & !known == 0 { Ok(flags) } else { Err(Errno::INVAL) }
}

/// Whether a symlink at the end is followed: unless `AT_SYMLINK_NOFOLLOW` says not to.
pub(super) fn last(flags: u32) -> Last {
    if flags & at::NO_FOLLOW == 0 { Last::Follow } else { Last::Keep }
}

/// How this program's paths are walked.
pub(super) fn walk(system: &System) -> Walk {
    let searches_by_permission = system.identity.user != 0;
    Walk { searches_by_permission, ..Walk::from(&system.root) }
}

/// Where a path begins: EBADF, or ENOTDIR. What begins with a slash does not look at the
/// descriptor.
pub(super) fn start(system: &mut System, descriptor: u32, path: &[u8]) -> Result<Arc<Dentry>, Errno> {
    match path {
        // An empty path leads nowhere, whatever the descriptor is.
        [] => Err(Errno::NOENT),
        [b'/', ..] => Ok(Arc::clone(&system.root)),
        _ if descriptor == WORKING_DIRECTORY => Ok(system.standing()),
        _ => Ok(Arc::clone(system.descriptors.get(descriptor)?.description.object.directory()?)),
    }
}

/// What a path leads to.
pub(super) fn resolve(
    system: &mut System,
    descriptor: u32,
    path: &[u8],
    last: Last,
) -> Result<Resolved, Errno> {
    let start = start(system, descriptor, path)?;
    walk(system).to(&start, path, last)
}

/// What a path leads to, as `AT_` flags say. With `AT_EMPTY_PATH` and an empty path that is
/// what the descriptor itself is.
pub(super) fn resolve_at(
    system: &mut System,
    descriptor: u32,
    path: &[u8],
    flags: u32,
) -> Result<Resolved, Errno> {
    match path {
        [] if flags & at::EMPTY_PATH != 0 => own(system, descriptor),
        path => resolve(system, descriptor, path, last(flags))?.there(),
    }
}

/// What a descriptor itself is; EBADF.
pub(super) fn own(system: &mut System, descriptor: u32) -> Result<Resolved, Errno> {
    if descriptor == WORKING_DIRECTORY {
        return Ok(Resolved::Directory { place: Place::of(&system.standing())? });
    }
    let description = &system.descriptors.get(descriptor)?.description;
    Ok(match description.object.directory() {
        Ok(directory) => Resolved::Directory { place: Place::of(directory)? },
        Err(_) => Resolved::Open(Jump::to_descriptor(descriptor, Arc::clone(description))),
    })
}

/// The bits of one's own in a file's permission bits.
pub(super) mod access {
    pub(in crate::linux) const READ: u32 = 4;
    pub(in crate::linux) const WRITE: u32 = 2;
    pub(in crate::linux) const EXECUTE: u32 = 1;
}

/// EACCES if the bits of the owner, who every user of a run is, forbid what is `wanted`.
/// What is allowed to the superuser is allowed anyhow.
pub(super) fn may(system: &System, permissions: u32, wanted: u32) -> Result<(), Errno> {
    if system.identity.user == 0 || permissions >> 6 & wanted == wanted { Ok(()) } else { Err(Errno::ACCES) }
}

/// ENOENT in a directory that was removed; EACCES if names in it may not be changed.
pub(super) fn may_change(system: &System, place: &Place) -> Result<(), Errno> {
    if place.is_removed() {
        return Err(Errno::NOENT);
    }
    let directory = place.directory();
    if system.identity.user == 0 {
        return Ok(());
    }
    if directory.checks_permissions() {
        return directory.check_permission(Wanting::Change);
    }
    may(system, directory.metadata()?.permissions, access::WRITE | access::EXECUTE)
}

/// EACCES for a directory that may not be moved to another.
fn may_move(system: &System, place: &Place, name: &[u8]) -> Result<(), Errno> {
    let directory = place.directory();
    if system.identity.user == 0 || directory.checks_permissions() {
        return Ok(());
    }
    let metadata = directory.metadata_of(name)?;
    match metadata.file_type {
        FileType::Directory => may(system, metadata.permissions, access::WRITE),
        _ => Ok(()),
    }
}

/// The directory and the name that a new thing is to get. EEXIST if it is taken; ENOENT
/// for a name with a slash behind it, if it is not to be a `directory`'s; EROFS; EACCES.
pub(super) fn new_name(
    system: &mut System,
    descriptor: u32,
    path: &[u8],
    directory: bool,
) -> Result<(Place, Vec<u8>), Errno> {
    let start = start(system, descriptor, path)?;
    let (place, last) = walk(system).to_parent(&start, path)?;
    let LastName::Name { name, slash } = last else { return Err(Errno::EXIST) };
    place.check_name(&name)?;
    match place.directory().lookup(&name) {
        Ok(_) => return Err(Errno::EXIST),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    if slash && !directory {
        return Err(Errno::NOENT);
    }
    if place.directory().is_read_only() {
        return Err(Errno::ROFS);
    }
    may_change(system, &place)?;
    Ok((place, name))
}

fn mkdirat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// The nine bits, and the sticky one.
    const KEPT: u32 = 0o1777;
    let path = path(call, 1)?;
    let (place, name) = new_name(system, call.u32(0), &path, true)?;
    place.directory().create_directory(&name, call.u32(2) & KEPT & !system.umask)?;
    done()
}

/// EPERM for a directory, which mkdir makes, and EINVAL for what there is not.
fn mknodat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// The bits of the type.
    const TYPE: u32 = 0o170_000;
    let mode = call.u32(2);
    let kind = match mode & TYPE {
        0 => FileType::RegularFile.mode(),
        kind => kind,
    };
    let known = [
        FileType::RegularFile,
        FileType::Fifo,
        FileType::SocketStream,
        FileType::CharacterDevice,
        FileType::BlockDevice,
    ];
    if kind == FileType::Directory.mode() {
        return Err(Errno::PERM.into());
    }
    if !known.iter().any(|known| known.mode() == kind) {
        return Err(Errno::INVAL.into());
    }
    let path = path(call, 1)?;
    let (place, name) = new_name(system, call.u32(0), &path, false)?;
    let permissions = mode & 0o7777 & !system.umask;
    for special in [FileType::SocketStream, FileType::Fifo] {
        if kind == special.mode() {
            place.directory().create_special(&name, special, permissions)?;
            return done();
        }
    }
    if kind != FileType::RegularFile.mode() {
        return Err(Errno::PERM.into());
    }
    let new = OpenOptions { read: true, write: true, creation: Creation::New, truncate: false, permissions };
    place.directory().open(&name, &new)?;
    done()
}

/// As unlink, or as rmdir with AT_REMOVEDIR.
fn unlinkat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(2), at::REMOVE_DIRECTORY)?;
    let path = path(call, 1)?;
    let start = start(system, call.u32(0), &path)?;
    let removes_directory = flags != 0;
    let (place, last) = walk(system).to_parent(&start, &path)?;
    let (name, slash) = match last {
        LastName::Name { name, slash } => (name, slash),
        _ if !removes_directory => return Err(Errno::ISDIR.into()),
        LastName::Dot => return Err(Errno::INVAL.into()),
        LastName::DotDot => return Err(Errno::NOTEMPTY.into()),
        LastName::Root => return Err(Errno::BUSY.into()),
    };
    let directory = place.directory();
    if directory.is_read_only() {
        return Err(Errno::ROFS.into());
    }
    place.check_name(&name)?;
    let found = directory.lookup(&name)?;
    let is_directory = matches!(found, Found::Directory(_));
    if slash && !removes_directory {
        return Err(if is_directory { Errno::ISDIR } else { Errno::NOTDIR }.into());
    }
    may_change(system, &place)?;
    match (removes_directory, is_directory) {
        (true, true) => names::remove_directory(&place, &name)?,
        (true, false) => return Err(Errno::NOTDIR.into()),
        (false, true) => return Err(Errno::ISDIR.into()),
        (false, false) => names::unlink(&place, &name)?,
    }
    done()
}

/// EINVAL, EXDEV, EBUSY for dots and the root, EROFS, ENOENT, EEXIST, ENOTDIR, and then as
/// rename(2) has it.
fn renameat2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const NO_REPLACE: u32 = 1;
    const EXCHANGE: u32 = 2;
    const WHITEOUT: u32 = 4;
    let flags = only(call.u32(4), NO_REPLACE | EXCHANGE | WHITEOUT)?;
    if flags & (NO_REPLACE | WHITEOUT) != 0 && flags & EXCHANGE != 0 {
        return Err(Errno::INVAL.into());
    }
    // Only the superuser may leave a device behind.
    if flags & WHITEOUT != 0 {
        return Err(Errno::PERM.into());
    }
    let old_path = path(call, 1)?;
    let old_start = start(system, call.u32(0), &old_path)?;
    let (old_place, old_last) = walk(system).to_parent(&old_start, &old_path)?;
    let new_path = path(call, 3)?;
    let new_start = start(system, call.u32(2), &new_path)?;
    let (new_place, new_last) = walk(system).to_parent(&new_start, &new_path)?;
    let (old, new) = (old_place.directory(), new_place.directory());
    if old.identity()?.0 != new.identity()?.0 {
        return Err(Errno::XDEV.into());
    }
    let LastName::Name { name: old_name, slash: old_slash } = old_last else {
        return Err(Errno::BUSY.into());
    };
    let LastName::Name { name: new_name, slash: new_slash } = new_last else {
        let taken = if flags & NO_REPLACE != 0 { Errno::EXIST } else { Errno::BUSY };
        return Err(taken.into());
    };
    if old.is_read_only() || new.is_read_only() {
        return Err(Errno::ROFS.into());
    }
    old_place.check_name(&old_name)?;
    let found = old.lookup(&old_name)?;
    new_place.check_name(&new_name)?;
    let replaced = match new.lookup(&new_name) {
        Err(Errno::NOENT) => None,
        found => Some(found?),
    };
    let is_directory = |found: &Found| matches!(found, Found::Directory(_));
    let renaming = match (flags, &replaced) {
        (NO_REPLACE, Some(_)) => return Err(Errno::EXIST.into()),
        (NO_REPLACE, None) => names::Renaming::New,
        (EXCHANGE, None) => return Err(Errno::NOENT.into()),
        (EXCHANGE, Some(other)) if new_slash && !is_directory(other) => return Err(Errno::NOTDIR.into()),
        (EXCHANGE, Some(_)) => names::Renaming::Exchange,
        _ => names::Renaming::Replace,
    };
    if !is_directory(&found) && (old_slash || new_slash && flags & EXCHANGE == 0) {
        return Err(Errno::NOTDIR.into());
    }
    // What cannot be is told before what may not be.
    if let Found::Directory(moved) = &found
        && new_place.lies_in(moved.as_ref())?
    {
        return Err(Errno::INVAL.into());
    }
    if let Some(Found::Directory(replaced)) = &replaced
        && old_place.lies_in(replaced.as_ref())?
    {
        let exchanges = renaming == names::Renaming::Exchange;
        return Err(if exchanges { Errno::INVAL } else { Errno::NOTEMPTY }.into());
    }
    may_change(system, &old_place)?;
    may_change(system, &new_place)?;
    if renaming == names::Renaming::Replace
        && let Some(replaced) = &replaced
    {
        match (is_directory(&found), is_directory(replaced)) {
            (true, false) => return Err(Errno::NOTDIR.into()),
            (false, true) => return Err(Errno::ISDIR.into()),
            _ => {}
        }
    }
    if old.identity()? != new.identity()? {
        // What lies above it is noted in a directory itself.
        may_move(system, &old_place, &old_name)?;
        if renaming == names::Renaming::Exchange {
            may_move(system, &new_place, &new_name)?;
        }
    }
    if old.is_taken(&old_name) || new.is_taken(&new_name) {
        return Err(Errno::BUSY.into());
    }
    match names::rename(&old_place, &old_name, &new_place, &new_name, renaming) {
        // A tree that does not promise it, where nobody else is.
        Err(Errno::NOTSUP) if renaming == names::Renaming::New => Err(Errno::INVAL.into()),
        renamed => {
            renamed?;
            done()
        }
    }
}

/// What the old path leads to; then EEXIST, ENOENT, EROFS, EXDEV, EPERM for a directory.
fn linkat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(4), at::FOLLOW | at::EMPTY_PATH)?;
    let old_path = path(call, 1)?;
    let follow = if flags & at::FOLLOW == 0 { at::NO_FOLLOW } else { 0 };
    let old = resolve_at(system, call.u32(0), &old_path, follow | flags & at::EMPTY_PATH)?;
    let new_path = path(call, 3)?;
    let (place, name) = new_name(system, call.u32(2), &new_path, false)?;
    let directory = place.directory().as_ref();
    match old {
        Resolved::Directory { place: old } => {
            let is_here = old.directory().identity()?.0 == directory.identity()?.0;
            return Err(if is_here { Errno::PERM } else { Errno::XDEV }.into());
        }
        Resolved::Entry { parent, name: old_name, .. } => {
            if parent.directory().identity()?.0 != directory.identity()?.0 {
                return Err(Errno::XDEV.into());
            }
            parent.directory().link(&old_name, directory, &name)?;
        }
        Resolved::Open(jump) => link_open(&jump, &place, &name)?,
        Resolved::Missing { .. } => return Err(Errno::NOENT.into()),
    }
    done()
}

/// Gives what is open a name.
fn link_open(jump: &Jump, place: &Place, name: &[u8]) -> Result<(), Errno> {
    let (_, description) = jump.open().ok_or(Errno::XDEV)?;
    let directory = place.directory();
    if let Some(unopened) = description.object.unopened() {
        let (parent, old_name) = unopened.name().map_err(|_| Errno::NOENT)?;
        return parent.directory()?.link(&old_name, directory.as_ref(), name);
    }
    let file = description.object.inode().ok().and_then(|inode| inode.file()).ok_or(Errno::XDEV)?;
    directory.link_file(file, name)
}

fn symlinkat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let target = path(call, 0)?;
    if target.is_empty() {
        return Err(Errno::NOENT.into());
    }
    let path = path(call, 2)?;
    let (place, name) = new_name(system, call.u32(1), &path, false)?;
    place.directory().create_symlink(&name, &target)?;
    done()
}

/// As much of the target as there is room for; EINVAL for no room and for what is no
/// symlink. An empty path is a symlink's that is open to be named.
fn readlinkat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let room = call.u32(3);
    if room.cast_signed() <= 0 {
        return Err(Errno::INVAL.into());
    }
    let path = path(call, 1)?;
    let target = match path.as_slice() {
        [] => match own(system, call.u32(0))? {
            Resolved::Open(jump) => {
                let unopened = jump.open().and_then(|(_, description)| description.object.unopened());
                unopened.and_then(|unopened| unopened.target()).ok_or(Errno::NOENT)?.to_vec()
            }
            _ => return Err(Errno::NOENT.into()),
        },
        path => match resolve(system, call.u32(0), path, Last::Keep)?.there()? {
            Resolved::Entry { symlink: Some(target), .. } => target,
            _ => return Err(Errno::INVAL.into()),
        },
    };
    let told = target.get(..room as usize).unwrap_or(&target);
    call.memory.write(call.u32(2), told)?;
    value(told.len() as u32)
}
