//! One file of the host, which stands alone and is read-only.

use super::{holes, locks};
use crate::Errno;
use crate::files::{File, FileType, Locks, Metadata, Timestamp};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::time::SystemTime;

/// A file of the host, opened by the controller's user, read-only here.
pub struct HostFile {
    file: Arc<std::fs::File>,
    device: u64,
    inode: u64,
}

impl HostFile {
    /// Shows `file` with these numbers.
    pub fn new(file: std::fs::File, device: u64, inode: u64) -> Self {
        Self { file: Arc::new(file), device, inode }
    }
}

/// A time that not every host tells.
fn told(time: std::io::Result<SystemTime>) -> Timestamp {
    time.map(Timestamp::from).unwrap_or_default()
}

impl File for HostFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let metadata = self.file.metadata()?;
        Ok(Metadata {
            device: self.device,
            inode: self.inode,
            file_type: FileType::RegularFile,
            links: 1,
            size: metadata.len(),
            permissions: 0o444,
            accessed: told(metadata.accessed()),
            modified: told(metadata.modified()),
            changed: told(metadata.modified()),
            created: None,
            allocated: metadata.blocks() * 512,
            device_numbers: (0, 0),
        })
    }

    fn next_data(&self, offset: u64) -> Result<Option<std::ops::Range<u64>>, Errno> {
        holes::next_data(&self.file, offset)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(self.file.read_at(into, offset)?)
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        // It is open to be read, so that nobody needs it opened once more.
        locks::locks_of(Arc::clone(&self.file) as _, None).map(Some)
    }
}
