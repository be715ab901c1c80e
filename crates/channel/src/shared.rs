//! The memory that a cell and its controller share.

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

/// Bytes of one ring. Longer messages go through it in parts; most calls are far
/// smaller.
pub const RING_BYTES: usize = 64 << 10;

/// Bytes before the rings, for the counts.
pub(crate) const HEAD_BYTES: usize = 4096;

/// Bytes of it all.
pub(crate) const TOTAL_BYTES: usize = HEAD_BYTES + 2 * RING_BYTES;

/// What keeps the size as it is: a peer that cut the file short would make
/// every access beyond it a fault of the other process.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// Where the words of the rings are.
pub trait Words {
    /// All of them.
    fn words(&self) -> &[AtomicU64];
}

/// Memory that is mapped in both processes, of one fixed size.
#[derive(Debug)]
pub struct Shared {
    start: *const AtomicU64,
}

// SAFETY: what it points to is mapped as long as this value lives, belongs to no
// thread, and is only ever accessed by atomic operations.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// New memory, full of zeros, and the descriptor by which a peer maps it.
    ///
    /// # Errors
    /// When the operating system has none, or cannot seal its size.
    pub fn create() -> std::io::Result<(Self, OwnedFd)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file = match rustix::fs::memfd_create(c"bellglass", flags | MemfdFlags::NOEXEC_SEAL) {
            // Linux before 6.3 does not know that memory need not be executable.
            Err(Errno::INVAL) => rustix::fs::memfd_create(c"bellglass", flags),
            other => other,
        }?;
        rustix::fs::ftruncate(&file, TOTAL_BYTES as u64)?;
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        Ok((Self::map(file.as_fd())?, file))
    }

    /// Maps the memory of a peer.
    ///
    /// # Errors
    /// When it is not of the right size, its size is not sealed, or it cannot be
    /// mapped.
    pub fn open(file: &OwnedFd) -> std::io::Result<Self> {
        let sealed = rustix::fs::fcntl_get_seals(file)?.contains(SealFlags::SHRINK);
        let size = rustix::fs::fstat(file)?.st_size;
        if !sealed || size != TOTAL_BYTES as i64 {
            return Err(std::io::Error::from(std::io::ErrorKind::InvalidData));
        }
        Ok(Self::map(file.as_fd())?)
    }

    fn map(file: BorrowedFd<'_>) -> rustix::io::Result<Self> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address that the system chooses, takes
        // nothing from anybody. The file is at least so long and is sealed
        // against shrinking, so that every byte of the mapping can be accessed.
        let start = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), TOTAL_BYTES, protection, MapFlags::SHARED, file, 0)?
        };
        Ok(Self { start: start.cast_const().cast() })
    }
}

impl Words for Shared {
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: `map` has mapped so many bytes there, page-aligned, until this
        // value is dropped. Any bytes are valid numbers. The peer changes them at
        // any time, which is what atomic accesses are for.
        unsafe { std::slice::from_raw_parts(self.start, TOTAL_BYTES / 8) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, and `words` hands out no
        // reference that outlives this value. That it fails is not possible for
        // a mapping that exists, and could not be helped.
        let _ = unsafe { rustix::mm::munmap(self.start.cast_mut().cast(), TOTAL_BYTES) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn what_one_mapping_writes_the_other_reads() {
        let (ours, file) = Shared::create().expect("shared memory");
        let theirs = Shared::open(&file).expect("a second mapping");
        ours.words()[700].store(42, Ordering::Release);
        assert_eq!(theirs.words()[700].load(Ordering::Acquire), 42);
    }

    #[test]
    fn memory_that_could_be_cut_short_is_refused() {
        let (_, file) = Shared::create().expect("shared memory");
        assert!(rustix::fs::ftruncate(&file, 0).is_err(), "the size is sealed");
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let unsealed = rustix::fs::memfd_create(c"test", flags).expect("memory");
        rustix::fs::ftruncate(&unsealed, TOTAL_BYTES as u64).expect("a size");
        assert!(Shared::open(&unsealed).is_err());
        let small = rustix::fs::memfd_create(c"test", flags).expect("memory");
        rustix::fs::ftruncate(&small, 4096).expect("a size");
        rustix::fs::fcntl_add_seals(&small, SEALS).expect("seals");
        assert!(Shared::open(&small).is_err());
    }
}
