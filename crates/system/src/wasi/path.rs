//! Calls on paths.

use super::descriptor::from_wasi;
use super::done;
use super::stat::{last, new_times, write_filestat};
use crate::descriptors::{Description, Descriptor, flags};
use crate::files::{
    Creation, Dentry, Last, LastName, OpenDirectory, OpenOptions, Place, Resolved, Walk, check_name, names,
};
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System};
use std::sync::Arc;

/// The directory that descriptor argument `index` is, if `needed` may be done.
fn directory<'a>(
    system: &'a System,
    call: &Call<'_>,
    index: usize,
    needed: Rights,
) -> Result<&'a Arc<Dentry>, Errno> {
    let descriptor = system.descriptors.get(call.u32(index))?;
    let dentry = descriptor.description.object.directory()?;
    descriptor.with(needed).map(|_| dentry)
}

/// How the paths of WASI are walked.
fn way(system: &System) -> Walk {
    let mut walk = Walk::from(&system.root);
    walk.bounds.beneath = system.confined;
    walk
}

/// Where a path leads from a directory. ENOTCAPABLE for one that leads out of it, where
/// paths are confined: what a walk does not come through is EXDEV then.
fn walk(system: &System, start: &Arc<Dentry>, path: &[u8], last: Last) -> Result<Resolved, Errno> {
    way(system).to(start, path, last).map_err(|errno| of_walk(system, errno))
}

/// The directory that the last name of a path is in, and that name. ENOTCAPABLE as above.
fn to_parent(system: &System, start: &Arc<Dentry>, path: &[u8]) -> Result<(Place, LastName), Errno> {
    way(system).to_parent(start, path).map_err(|errno| of_walk(system, errno))
}

fn of_walk(system: &System, errno: Errno) -> Errno {
    if system.confined && errno == Errno::XDEV { Errno::NOTCAPABLE } else { errno }
}

pub(super) fn path_create_directory(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = call.path(1, 2)?;
    let start = directory(system, call, 0, Rights::PATH_CREATE_DIRECTORY)?;
    match to_parent(system, start, &path)? {
        (place, LastName::Name { name, .. }) => {
            check_name(&name)?;
            place.directory().create_directory(&name, 0o777 & !system.umask)?;
        }
        _ => return Err(Errno::EXIST.into()),
    }
    done()
}

pub(super) fn path_filestat_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = call.path(2, 3)?;
    let start = directory(system, call, 0, Rights::PATH_FILESTAT_GET)?;
    let resolved = walk(system, start, &path, last(call.u32(1))?)?;
    let metadata = resolved.metadata()?;
    write_filestat(call, call.u32(4), &metadata)?;
    done()
}

pub(super) fn path_filestat_set_times(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let times = new_times(system, call.u64(4), call.u64(5), call.u32(6))?;
    let path = call.path(2, 3)?;
    let start = directory(system, call, 0, Rights::PATH_FILESTAT_SET_TIMES)?;
    walk(system, start, &path, last(call.u32(1))?)?.set_times(times)?;
    done()
}

/// ENOENT of the old name, EEXIST of the new one, EXDEV, EPERM for a directory.
pub(super) fn path_link(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let old_path = call.path(2, 3)?;
    let new_path = call.path(5, 6)?;
    let old_start = directory(system, call, 0, Rights::PATH_LINK_SOURCE)?;
    let new_start = directory(system, call, 4, Rights::PATH_LINK_TARGET)?;
    let old = walk(system, old_start, &old_path, last(call.u32(1))?)?;
    if let Resolved::Missing { .. } = old {
        return Err(Errno::NOENT.into());
    }
    let (new_place, new_last) = to_parent(system, new_start, &new_path)?;
    let LastName::Name { name: new_name, slash } = new_last else { return Err(Errno::EXIST.into()) };
    check_name(&new_name)?;
    if new_place.directory().lookup(&new_name).is_ok() {
        return Err(Errno::EXIST.into());
    }
    if slash {
        return Err(Errno::NOENT.into());
    }
    match old {
        Resolved::Entry { parent, name, .. } => {
            parent.directory().link(&name, new_place.directory().as_ref(), &new_name)?;
        }
        Resolved::Open(_) => return Err(Errno::XDEV.into()),
        _ => return Err(Errno::PERM.into()),
    }
    done()
}

/// Creation flags, as WASI numbers them.
mod oflags {
    pub(super) const CREAT: u32 = 1;
    pub(super) const DIRECTORY: u32 = 2;
    pub(super) const EXCL: u32 = 4;
    pub(super) const TRUNC: u32 = 8;
}

/// EINVAL for unknown flags, ENOTCAPABLE for rights that the directory cannot
/// give, then what the walk says, EMFILE, and then as open(2) has it.
pub(super) fn path_open(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = call.path(2, 3)?;
    let (flags, fd_flags) = (call.u32(4), call.u32(7));
    let follow = last(call.u32(1))?;
    let fd_flags = from_wasi(fd_flags)?;
    if flags > 15 || flags & (oflags::CREAT | oflags::DIRECTORY) == oflags::CREAT | oflags::DIRECTORY {
        return Err(Errno::INVAL.into());
    }
    let mut needed = Rights::PATH_OPEN;
    if flags & oflags::CREAT != 0 {
        needed = needed.or(Rights::PATH_CREATE_FILE);
    }
    if flags & oflags::TRUNC != 0 {
        needed = needed.or(Rights::PATH_FILESTAT_SET_SIZE);
    }
    if fd_flags & flags::DSYNC != 0 {
        needed = needed.or(Rights::FD_DATASYNC);
    }
    if fd_flags & (flags::SYNC | flags::RSYNC) != 0 {
        needed = needed.or(Rights::FD_SYNC);
    }
    directory(system, call, 0, needed)?;
    let parent_rights = system.descriptors.get(call.u32(0))?.inheriting;
    // Bits that stand for nothing are not asked for. Fewer rights than those that
    // are may be given only where they do not apply.
    let (rights, inheriting) = (Rights(call.u64(5)).and(Rights::ALL), Rights(call.u64(6)).and(Rights::ALL));
    if !parent_rights.contains(rights.or(inheriting)) {
        return Err(Errno::NOTCAPABLE.into());
    }
    // A descriptor number first: a file must not be made that cannot be opened.
    system.descriptors.reserve(0)?;
    let charge = Description::charge(&system.meter)?;
    let start = directory(system, call, 0, needed)?;
    let exclusive = flags & (oflags::CREAT | oflags::EXCL) == oflags::CREAT | oflags::EXCL;
    let options = OpenOptions {
        read: rights.contains(Rights::FD_READ),
        write: rights.contains(Rights::FD_WRITE),
        creation: match flags & oflags::CREAT != 0 {
            true if exclusive => Creation::New,
            true => Creation::IfMissing,
            false => Creation::Existing,
        },
        truncate: flags & oflags::TRUNC != 0,
        permissions: 0o666 & !system.umask,
    };
    if flags & oflags::CREAT != 0
        && path.ends_with(b"/")
        && let (_, LastName::Name { .. }) = to_parent(system, start, &path)?
    {
        // What is named as a directory is not made as a file, whatever is there.
        return Err(Errno::ISDIR.into());
    }
    let resolved = walk(system, start, &path, if exclusive { Last::Keep } else { follow })?;
    let (object, path) = open(system, resolved, &options, flags & oflags::DIRECTORY != 0)?;
    let description = Description::named(object, path, options.read, options.write, fd_flags, charge)?;
    let full = Descriptor::full(description);
    let descriptor =
        Descriptor { rights: full.rights.and(rights), inheriting: full.inheriting.and(inheriting), ..full };
    let address = call.u32(8);
    if u64::from(address) + 4 > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    let number = system.descriptors.insert(descriptor, 0)?;
    call.write_u32(address, number)?;
    done()
}

/// Opens what a walk led to: the object, and the name by which it was opened.
fn open(
    system: &System,
    resolved: Resolved,
    options: &OpenOptions,
    must_be_directory: bool,
) -> Result<crate::system::NamedObject, Errno> {
    let (parent, name) = match resolved {
        Resolved::Directory { .. } | Resolved::Entry { .. } | Resolved::Open(_)
            if options.creation == Creation::New =>
        {
            return Err(Errno::EXIST);
        }
        Resolved::Directory { .. }
            if options.write || options.truncate || options.creation == Creation::IfMissing =>
        {
            return Err(Errno::ISDIR);
        }
        Resolved::Directory { place } => {
            let dentry = place.hold()?;
            return Ok((Arc::new(OpenDirectory::new(Arc::clone(&dentry))?), Some(dentry)));
        }
        // O_DIRECTORY is looked at first, as on Linux.
        Resolved::Entry { .. } | Resolved::Open(_) if must_be_directory => return Err(Errno::NOTDIR),
        Resolved::Entry { symlink: Some(_), .. } => return Err(Errno::LOOP),
        Resolved::Missing { .. } if options.creation == Creation::Existing => return Err(Errno::NOENT),
        Resolved::Missing { slash: true, .. } => return Err(Errno::ISDIR),
        Resolved::Open(jump) => return system.reopen(&jump, options),
        Resolved::Entry { parent, name, .. } | Resolved::Missing { parent, name, .. } => (parent, name),
    };
    // Held first, for what was opened may have been made.
    let dentry = parent.hold_name(&name)?;
    let opened = parent.directory().open(&name, options)?;
    Ok((system.object(opened, options)?, Some(dentry)))
}

/// Writes what fits of the target; EINVAL for what is no symlink.
pub(super) fn path_readlink(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = call.path(1, 2)?;
    let start = directory(system, call, 0, Rights::PATH_READLINK)?;
    let target = match walk(system, start, &path, Last::Keep)? {
        Resolved::Entry { symlink: Some(target), .. } => target,
        Resolved::Missing { .. } => return Err(Errno::NOENT.into()),
        _ => return Err(Errno::INVAL.into()),
    };
    let fits = target.get(..call.u32(4) as usize).unwrap_or(&target);
    call.memory.write(call.u32(3), fits)?;
    call.write_u32(call.u32(5), fits.len() as u32)?;
    done()
}

pub(super) fn path_remove_directory(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = call.path(1, 2)?;
    let start = directory(system, call, 0, Rights::PATH_REMOVE_DIRECTORY)?;
    match to_parent(system, start, &path)? {
        (place, LastName::Name { name, .. }) => {
            check_name(&name)?;
            names::remove_directory(&place, &name)?;
        }
        (_, LastName::Dot) => return Err(Errno::INVAL.into()),
        (_, LastName::DotDot) => return Err(Errno::NOTEMPTY.into()),
        (_, LastName::Root) => return Err(Errno::BUSY.into()),
    }
    done()
}

pub(super) fn path_unlink_file(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = call.path(1, 2)?;
    let start = directory(system, call, 0, Rights::PATH_UNLINK_FILE)?;
    let (place, LastName::Name { name, slash }) = to_parent(system, start, &path)? else {
        return Err(Errno::ISDIR.into());
    };
    check_name(&name)?;
    let directory = place.directory();
    match slash {
        false => names::unlink(&place, &name)?,
        // What is named as a directory is not removed as a file.
        true => match directory.lookup(&name)? {
            crate::files::Found::Directory(_) => return Err(Errno::ISDIR.into()),
            _ => return Err(Errno::NOTDIR.into()),
        },
    }
    done()
}

/// EBUSY for dots, the root and mounts, EXDEV, then as rename(2) has it.
pub(super) fn path_rename(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let old_path = call.path(1, 2)?;
    let new_path = call.path(4, 5)?;
    let old_start = directory(system, call, 0, Rights::PATH_RENAME_SOURCE)?;
    let new_start = directory(system, call, 3, Rights::PATH_RENAME_TARGET)?;
    let (old_place, old_last) = to_parent(system, old_start, &old_path)?;
    let (new_place, new_last) = to_parent(system, new_start, &new_path)?;
    let (
        LastName::Name { name: old_name, slash: old_slash },
        LastName::Name { name: new_name, slash: new_slash },
    ) = (old_last, new_last)
    else {
        return Err(Errno::BUSY.into());
    };
    let (old, new) = (old_place.directory(), new_place.directory());
    check_name(&old_name)?;
    let found = old.lookup(&old_name)?;
    check_name(&new_name)?;
    if (old_slash || new_slash) && !matches!(found, crate::files::Found::Directory(_)) {
        return Err(Errno::NOTDIR.into());
    }
    if new.is_taken(&new_name) {
        return Err(Errno::BUSY.into());
    }
    names::rename(&old_place, &old_name, &new_place, &new_name, names::Renaming::Replace)?;
    done()
}

/// ENOENT for an empty target, ENOTCAPABLE for one that is absolute where paths are confined,
/// EEXIST, and the rest.
pub(super) fn path_symlink(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let target = call.path(0, 1)?;
    let path = call.path(3, 4)?;
    if target.is_empty() {
        return Err(Errno::NOENT.into());
    }
    if target.contains(&0) {
        return Err(Errno::INVAL.into());
    }
    let start = directory(system, call, 2, Rights::PATH_SYMLINK)?;
    if system.confined && target.starts_with(b"/") {
        return Err(Errno::NOTCAPABLE.into());
    }
    let (place, LastName::Name { name, slash }) = to_parent(system, start, &path)? else {
        return Err(Errno::EXIST.into());
    };
    check_name(&name)?;
    if slash {
        place.directory().lookup(&name)?;
        return Err(Errno::EXIST.into());
    }
    place.directory().create_symlink(&name, &target)?;
    done()
}
