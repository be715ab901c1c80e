//! Closing all that the controller's own parents, or its other threads, have let
//! through.

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::ffi::c_uint;

/// The first that is none of the three that a cell has.
const FIRST: c_uint = 3;

/// Numbers that are tried one by one, at most, where the kernel neither closes a range
/// nor lists what there is. Closing a million takes a tenth of a second.
const TRIED: u64 = 1 << 20;

/// Closes every descriptor above 2. Call it while nothing in this process has opened
/// any.
pub(crate) fn close() -> Result<(), Errno> {
    if close_range() {
        return Ok(());
    }
    // Linux before 5.9 has no such call, and filters around containers may refuse it.
    if close_listed() {
        return Ok(());
    }
    // A descriptor may be above the limit that there is now, but hardly above the one
    // up to which that could be set.
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    for number in u64::from(FIRST)..most.min(TRIED) {
        close_one(number as c_uint);
    }
    if most <= TRIED { Ok(()) } else { Err(Errno::NOSYS) }
}

fn close_range() -> bool {
    // SAFETY: nothing in this process has opened a descriptor yet, so none above
    // 2 belongs to anybody here.
    unsafe { libc::syscall(libc::SYS_close_range, FIRST, c_uint::MAX, 0) == 0 }
}

/// Whether all that `/proc` lists could be closed.
fn close_listed() -> bool {
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else { return false };
    // The folder's own is among them, and is closed with the folder.
    let listed: Result<Vec<c_uint>, ()> = folder
        .map(|entry| entry.map_err(drop)?.file_name().to_str().and_then(|name| name.parse().ok()).ok_or(()))
        .collect();
    let Ok(listed) = listed else { return false };
    for number in listed.into_iter().filter(|number| *number >= FIRST) {
        close_one(number);
    }
    true
}

fn close_one(number: c_uint) {
    // SAFETY: as above. That there is none of this number is as it should be.
    unsafe { libc::syscall(libc::SYS_close, number) };
}
