//! Reading directories.

use super::done;
use crate::descriptors::Object;
use crate::files::{DirectoryEntry, FileType};
use crate::guest::CALL_BYTES;
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System};
use std::ops::ControlFlow;

/// Cookies of the tree's own entries come after those of the two dots.
const DOTS: u64 = 2;

/// Fills the buffer with entries, the last cut off where the buffer ends, which
/// tells the guest that there may be more.
pub(super) fn fd_readdir(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let Object::Directory(place) = &descriptor.description.object else {
        return Err(Errno::NOTDIR.into());
    };
    descriptor.with(Rights::FD_READDIR)?;
    let (address, length, cookie) = (call.u32(1), call.u32(2), call.u64(3));
    if u64::from(address) + u64::from(length) > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    // BOUND: the guest chooses the length; CALL_BYTES holds it. A guest that
    // asked for more sees a cut entry sooner only if the buffer is full, so the
    // shorter buffer is filled to its end too.
    let room = (length as usize).min(CALL_BYTES);
    let mut bytes = Vec::new();
    let mut push = |entry: DirectoryEntry<'_>| {
        bytes.extend(entry.cookie.to_le_bytes());
        bytes.extend(entry.inode.to_le_bytes());
        bytes.extend((entry.name.len() as u32).to_le_bytes());
        bytes.extend([entry.file_type as u8, 0, 0, 0]);
        bytes.extend(entry.name);
        if bytes.len() < room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let dots: [(&[u8], _); 2] = [(b".", place.directory()), (b"..", place.parent())];
    let mut full = room == 0;
    for ((name, directory), number) in dots.into_iter().zip(1..) {
        if cookie < number && !full {
            let inode = directory.metadata()?.inode;
            let entry = DirectoryEntry { cookie: number, name, inode, file_type: FileType::Directory };
            full = push(entry).is_break();
        }
    }
    if !full {
        place.directory().entries(cookie.saturating_sub(DOTS), &mut |entry| {
            push(DirectoryEntry { cookie: entry.cookie.saturating_add(DOTS), ..entry })
        })?;
    }
    bytes.truncate(room);
    call.memory.write(address, &bytes)?;
    call.write_u32(call.u32(4), bytes.len() as u32)?;
    done()
}
