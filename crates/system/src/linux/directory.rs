//! Where the program stands, and what its directories hold.

use super::path::{access, may, path, resolve, text};
use super::{calls, done, value};
use crate::files::{Dentry, DirectoryEntry, FileType, Last, Resolved, Wanting};
use crate::pieces::Steps;
use crate::table::{Row, Support};
use crate::{Answer, CALL_BYTES, Call, Errno, Fault, System};
use std::ops::ControlFlow;
use std::sync::Arc;

use Support::Full;

pub(super) const ROWS: &[Row] = calls! { "linux":
    chdir(path: Text) &[text(0)], Full, "", chdir;
    fchdir(fd: Descriptor) &[], Full, "", fchdir;
    getcwd(buf: Result, size: Size) &[], Full, "", getcwd;
    getdents64(fd: Descriptor, dirp: Result, count: Size) &[], Full, "", getdents64;
};

/// ENOTDIR; EACCES where nothing may be looked up.
fn stand(system: &mut System, directory: Arc<Dentry>) -> Result<Answer, Fault> {
    let found = directory.directory()?;
    match found.checks_permissions() {
        true => found.check_permission(Wanting::Search)?,
        false => may(system, found.metadata()?.permissions, access::EXECUTE)?,
    }
    system.stand(directory);
    done()
}

fn chdir(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let path = path(call, 0)?;
    match resolve(system, super::path::WORKING_DIRECTORY, &path, Last::Follow)?.there()? {
        Resolved::Directory { place } => {
            let directory = place.hold()?;
            stand(system, directory)
        }
        _ => Err(Errno::NOTDIR.into()),
    }
}

fn fchdir(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let directory = Arc::clone(system.descriptors.get(call.u32(0))?.description.object.directory()?);
    stand(system, directory)
}

/// The path and its zero byte, and how long that is. ENOENT in a directory that was
/// removed, ERANGE where there is no room for it.
fn getcwd(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let standing = system.standing();
    if standing.is_removed() {
        return Err(Errno::NOENT.into());
    }
    let mut path = standing.path()?;
    path.push(0);
    if path.len() > call.u32(1) as usize {
        return Err(Errno::RANGE.into());
    }
    call.memory.write(call.u32(0), &path)?;
    value(path.len() as u32)
}

/// Cookies of the tree's own entries come after those of the two dots.
const DOTS: u64 = 2;

/// Bytes of an entry before its name.
const HEAD: usize = 19;

/// Fills the buffer with entries, as many as there is room for: EINVAL if that is not even
/// one, ENOENT in a directory that was removed.
fn getdents64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = &system.descriptors.get(call.u32(0))?.description;
    let object = &description.object;
    let dentry = object.directory()?;
    if !description.readable {
        return Err(Errno::BADF.into());
    }
    // BOUND: the guest chooses the room; less of it may be filled.
    let room = (call.u32(2) as usize).min(CALL_BYTES);
    if dentry.is_removed() {
        return Err(Errno::NOENT.into());
    }
    let cookie = description.state().position;
    let (mut bytes, mut reached, mut full) = (Vec::new(), cookie, false);
    let mut push = |entry: DirectoryEntry<'_>| {
        let length = (HEAD + entry.name.len() + 1).next_multiple_of(8);
        full = bytes.len() + length > room;
        if full {
            return ControlFlow::Break(());
        }
        let end = bytes.len() + length;
        bytes.extend(entry.inode.to_le_bytes());
        bytes.extend(entry.cookie.to_le_bytes());
        bytes.extend((length as u16).to_le_bytes());
        bytes.push(directory_type(entry.file_type));
        bytes.extend(entry.name);
        bytes.resize(end, 0);
        reached = entry.cookie;
        ControlFlow::Continue(())
    };
    let above = dentry.parent();
    let dots: [(&[u8], _); 2] = [(b".", dentry), (b"..", &above)];
    let mut ended = false;
    for ((name, directory), number) in dots.into_iter().zip(1..) {
        if cookie < number && !ended {
            let inode = directory.directory()?.identity()?.1;
            let entry = DirectoryEntry { cookie: number, name, inode, file_type: FileType::Directory };
            ended = push(entry).is_break();
        }
    }
    let (mut steps, mut going) = (Steps::default(), Ok(()));
    if !ended {
        object.listing()?.entries(cookie.saturating_sub(DOTS), &mut |entry| {
            going = steps.step();
            if going.is_err() {
                return ControlFlow::Break(());
            }
            push(DirectoryEntry { cookie: entry.cookie.saturating_add(DOTS), ..entry })
        })?;
    }
    going?;
    if full && bytes.is_empty() {
        return Err(Errno::INVAL.into());
    }
    call.memory.write(call.u32(1), &bytes)?;
    description.state().position = reached;
    value(bytes.len() as u32)
}

/// Linux's DT_ numbers: the bits of the mode's type.
fn directory_type(file_type: FileType) -> u8 {
    (file_type.mode() >> 12) as u8
}
