//! An open file of a mounted directory.

use super::mount::{Mount, timestamps};
use super::{attribute, holes, locks, step};
use crate::files::{Attribute, File, Locks, Metadata, NewTimes, Space};
use crate::{Errno, pieces};
use rustix::fs::FallocateFlags;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What the descriptor may do was decided when the host opened it.
pub(super) struct OpenFile {
    /// It stays open beyond this as long as it holds locks.
    pub(super) held: Arc<locks::Held>,
    pub(super) mount: Arc<Mount>,
}

impl OpenFile {
    fn allocate_by(&self, flags: FallocateFlags, offset: u64, length: u64) -> Result<(), Errno> {
        self.mount.writable()?;
        let file = self.held.file.try_clone()?;
        Ok(pieces::aside(move || rustix::fs::fallocate(file, flags, offset, length))??)
    }
}

impl File for OpenFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.mount.metadata(&rustix::fs::fstat(&self.held.file)?))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(self.held.file.read_at(into, offset)?)
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        holes::next_data(&self.held.file, offset)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.mount.writable()?;
        Ok(self.held.file.write_at(from, offset)?)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.mount.writable()?;
        Ok(self.held.file.set_len(size)?)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.allocate_by(FallocateFlags::empty(), offset, length)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.allocate_by(FallocateFlags::KEEP_SIZE, offset, length)
    }

    #[cfg(target_os = "linux")]
    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.allocate_by(FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.mount.writable()?;
        Ok(rustix::fs::futimens(&self.held.file, &timestamps(times))?)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.mount.writable()?;
        Ok(rustix::fs::fchmod(&self.held.file, step::permission_bits(permissions))?)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        if act.writes() {
            self.mount.writable()?;
        }
        attribute::of_open(&self.held.file, act)
    }

    fn space(&self) -> Result<Space, Errno> {
        self.mount.space(&self.held.file)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        let file = self.held.file.try_clone()?;
        Ok(pieces::aside(move || file.sync_all())??)
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        let handles = Arc::clone(&self.mount.handles);
        locks::locks_of(Arc::clone(&self.held) as _, Some(handles)).map(Some)
    }
}
