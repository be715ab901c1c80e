//! The part of the address space that a cell keeps for itself. All else is taken, by
//! mappings that nobody can touch and that cost nothing, so that a guest that has
//! broken out cannot spread what it maps: each page that stands alone makes the kernel
//! keep page tables for it, which no limit counts.
//!
//! `RLIMIT_AS` is not the means. It counts what is mapped and not where; and where a
//! process is near it, the kernel lets mprotect go beyond `RLIMIT_DATA`: it asks whether
//! the memory could be had before the change, and refuses only if so.

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use rustix::process::{Resource, getrlimit};
use std::ops::Range;

/// Gaps in the address space below this size are left as they are.
const GAP_BYTES: usize = 1 << 30;

/// How often the kernel is asked. Some fifty times do it.
const TRIES: u32 = 500;

/// The addresses that a process of this processor may have are fewer than this.
const LARGEST_BYTES: usize = 1 << 56;

/// What the allocator aligns its arenas to.
const ALIGNMENT: u64 = 128 << 20;

/// Why the address space is as wide as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the system has no room for it: {0}")]
    Refused(#[from] Errno),
    #[error("the system maps it in small pieces only")]
    Scattered,
    #[error("the limit of address space (ulimit -v) takes its place, and makes the kernel forget others")]
    Limited,
}

/// Takes all address space but for `bytes` and what is mapped already. Gives where
/// everything is from now on that the calling thread maps, and what its stack and its
/// heap are in.
pub(crate) fn close(bytes: usize) -> (Range<u64>, Result<(), Failure>) {
    let taken = take_all_but(bytes);
    let on_stack = 0_u8;
    let on_heap = Box::new(0_u8);
    let own = [&raw const on_stack as u64, &raw const *on_heap as u64];
    let range = taken.as_ref().map_or(0..u64::MAX, Range::clone);
    let (start, end) = own.iter().fold((range.start, range.end), |(start, end), address| {
        (start.min(address & !(ALIGNMENT - 1)), end.max(address.saturating_add(ALIGNMENT)))
    });
    (start..end, taken.map(drop))
}

fn take_all_but(bytes: usize) -> Result<Range<u64>, Failure> {
    if getrlimit(Resource::As).current.is_some() {
        return Err(Failure::Limited);
    }
    let kept = take(bytes)?;
    let mut size = LARGEST_BYTES;
    // BOUND: each size is found a place for a few times. A kernel that maps nothing large
    // would be asked for ever.
    for _ in 0..TRIES {
        // The kernel finds a place for it, or there is none of this size any more.
        if take(size).is_err() {
            size /= 2;
        }
        if size < GAP_BYTES {
            break;
        }
    }
    if size >= GAP_BYTES {
        return Err(Failure::Scattered);
    }
    // SAFETY: it was mapped above, and nobody has learnt of it.
    unsafe { munmap(std::ptr::with_exposed_provenance_mut(kept), bytes)? };
    Ok(kept as u64..kept as u64 + bytes as u64)
}

/// Maps so many bytes that nobody can touch, wherever there is room.
fn take(bytes: usize) -> Result<usize, Errno> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new mapping, at an address that the system chooses, takes nothing
    // from anybody.
    let start = unsafe { mmap_anonymous(std::ptr::null_mut(), bytes, ProtFlags::empty(), flags) }?;
    Ok(start.expose_provenance())
}
