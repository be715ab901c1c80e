//! Reading directories.

use super::done;
use crate::files::{DirectoryEntry, FileType};
use crate::pieces::Steps;
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System};
use std::ops::ControlFlow;

/// Cookies of the tree's own entries come after those of the two dots.
const DOTS: u64 = 2;

/// Bytes of entries that are gathered before they are written.
const PIECE: usize = 64 << 10;

/// Fills the buffer with entries, the last cut off where the buffer ends, which
/// tells the guest that there may be more.
pub(super) fn fd_readdir(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let object = &descriptor.description.object;
    let (dentry, listing) = (object.directory()?, object.listing()?);
    descriptor.with(Rights::FD_READDIR)?;
    let (address, length, cookie) = (call.u32(1), call.u32(2), call.u64(3));
    if u64::from(address) + u64::from(length) > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    // BOUND: the guest chooses the length, and to fill less would mean to it that
    // the directory ends there. So what is gathered goes out whenever it is PIECE
    // long.
    let room = length as usize;
    let (mut bytes, mut written) = (Vec::new(), 0);
    let mut failed = None;
    let (mut steps, mut going) = (Steps::default(), Ok(()));
    let mut push = |entry: DirectoryEntry<'_>| {
        going = steps.step();
        if going.is_err() {
            return ControlFlow::Break(());
        }
        bytes.extend(entry.cookie.to_le_bytes());
        bytes.extend(entry.inode.to_le_bytes());
        bytes.extend((entry.name.len() as u32).to_le_bytes());
        bytes.extend([entry.file_type.wasi(), 0, 0, 0]);
        bytes.extend(entry.name);
        bytes.truncate(room - written);
        let full = written + bytes.len() == room;
        if bytes.len() >= PIECE || full {
            failed = call.memory.write(address.wrapping_add(written as u32), &bytes).err();
            written += bytes.len();
            bytes.clear();
        }
        if full || failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let above = dentry.parent();
    let dots: [(&[u8], _); 2] = [(b".", dentry), (b"..", &above)];
    let mut full = room == 0;
    for ((name, directory), number) in dots.into_iter().zip(1..) {
        if cookie < number && !full {
            let inode = directory.directory()?.identity()?.1;
            let entry = DirectoryEntry { cookie: number, name, inode, file_type: FileType::Directory };
            full = push(entry).is_break();
        }
    }
    if !full {
        listing.entries(cookie.saturating_sub(DOTS), &mut |entry| {
            push(DirectoryEntry { cookie: entry.cookie.saturating_add(DOTS), ..entry })
        })?;
    }
    going?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    call.memory.write(address.wrapping_add(written as u32), &bytes)?;
    call.write_u32(call.u32(4), (written + bytes.len()) as u32)?;
    done()
}
