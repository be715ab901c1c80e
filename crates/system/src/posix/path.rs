//! Permission bits, owners and sizes of file systems.
//!
//! The working directory is the guest's own affair, in its libc. A relative path
//! that comes here is taken from where the program started, so a guest's libc
//! should hand over absolute ones, or a descriptor and the rest.

use super::{layout, ok, same_or, unsigned};
use crate::files::{Dentry, Last, Resolved, Space, walk};
use crate::{Answer, Call, Errno, Fault, System};
use std::sync::Arc;

/// What stands for the working directory; wasi-libc's number.
const WORKING_DIRECTORY: u32 = -2i32 as u32;

/// wasi-libc's AT_SYMLINK_NOFOLLOW.
const NO_FOLLOW: u32 = 1;

/// Where a path starts: at the directory of this descriptor.
fn start(system: &System, descriptor: u32) -> Result<Arc<Dentry>, Fault> {
    if descriptor != WORKING_DIRECTORY {
        return Ok(Arc::clone(system.descriptors.get(descriptor)?.description.object.directory()?));
    }
    let root = &system.root;
    match walk(root, root, &system.working_directory, Last::Follow) {
        Ok(Resolved::Directory { place }) => Ok(place.hold()?),
        _ => Ok(Arc::clone(root)),
    }
}

/// What the C string at `address` leads to.
fn resolve(
    system: &System,
    call: &mut Call<'_>,
    descriptor: u32,
    address: u32,
    last: Last,
) -> Result<Resolved, Fault> {
    let path = call.c_string(address)?;
    // An absolute path does not look at the descriptor, which may then be any.
    let root = &system.root;
    let start = if path.starts_with(b"/") { Arc::clone(root) } else { start(system, descriptor)? };
    Ok(walk(root, &start, &path, last)?.there()?)
}

fn set_permissions(resolved: &Resolved, permissions: u32) -> Result<Answer, Fault> {
    resolved.set_permissions(permissions)?;
    ok(0)
}

pub(super) fn chmod(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let resolved = resolve(system, call, WORKING_DIRECTORY, call.u32(0), Last::Follow)?;
    set_permissions(&resolved, call.u32(1))
}

pub(super) fn fchmodat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let last = last(call.u32(3))?;
    let resolved = resolve(system, call, call.u32(0), call.u32(1), last)?;
    set_permissions(&resolved, call.u32(2))
}

fn last(flags: u32) -> Result<Last, Errno> {
    match flags {
        0 => Ok(Last::Follow),
        NO_FOLLOW => Ok(Last::Keep),
        _ => Err(Errno::INVAL),
    }
}

pub(super) fn fchmod(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let inode = system.descriptors.get(call.u32(0))?.description.object.inode();
    inode.map_err(|_| Errno::ROFS)?.set_permissions(call.u32(1))?;
    ok(0)
}

/// All files belong to the one user; EPERM for giving one away.
fn keep_owner(system: &System, user: u32, group: u32) -> Result<Answer, Fault> {
    same_or(user, system.identity.user, u32::MAX, Errno::PERM)?;
    same_or(group, system.identity.group, u32::MAX, Errno::PERM)?;
    ok(0)
}

pub(super) fn chown(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    resolve(system, call, WORKING_DIRECTORY, call.u32(0), Last::Follow)?;
    keep_owner(system, call.u32(1), call.u32(2))
}

pub(super) fn lchown(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    resolve(system, call, WORKING_DIRECTORY, call.u32(0), Last::Keep)?;
    keep_owner(system, call.u32(1), call.u32(2))
}

pub(super) fn fchownat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let last = last(call.u32(4))?;
    resolve(system, call, call.u32(0), call.u32(1), last)?;
    keep_owner(system, call.u32(2), call.u32(3))
}

pub(super) fn fchown(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.get(call.u32(0))?;
    keep_owner(system, call.u32(1), call.u32(2))
}

pub(super) fn umask(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    unsigned(std::mem::replace(&mut system.umask, call.u32(0) & 0o777))
}

pub(super) fn sync(_system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::none())
}

pub(super) fn syncfs(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if let Ok(inode) = system.descriptors.get(call.u32(0))?.description.object.inode() {
        inode.synchronize()?;
    }
    ok(0)
}

pub(super) fn statvfs(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let space = resolve(system, call, WORKING_DIRECTORY, call.u32(0), Last::Follow)?.space()?;
    write_space(call, &space)
}

pub(super) fn fstatvfs(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let space = match system.descriptors.get(call.u32(0))?.description.object.inode() {
        Ok(inode) => inode.space()?,
        Err(_) => Space::default(),
    };
    write_space(call, &space)
}

/// wasi-libc's struct statvfs.
fn write_space(call: &mut Call<'_>, space: &Space) -> Result<Answer, Fault> {
    const BLOCK: u64 = 4096;
    const READ_ONLY: u64 = 1;
    let blocks = |bytes: u64| bytes / BLOCK;
    let bytes = layout::SPACE.bytes([
        BLOCK,
        BLOCK,
        blocks(space.total),
        blocks(space.free),
        blocks(space.free),
        space.files,
        space.free_files,
        space.free_files,
        if space.read_only { READ_ONLY } else { 0 },
        crate::files::NAME_BYTES as u64,
    ]);
    call.memory.write(call.u32(1), &bytes)?;
    ok(0)
}
