//! One file of the host, which stands alone and is read-only.

use super::holes;
use crate::Errno;
use crate::files::{File, FileType, Metadata};
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

/// A file of the host, opened by the controller's user, read-only here.
pub struct HostFile {
    file: std::fs::File,
    device: u64,
    inode: u64,
}

impl HostFile {
    /// Shows `file` with these numbers.
    pub fn new(file: std::fs::File, device: u64, inode: u64) -> Self {
        Self { file, device, inode }
    }
}

/// A host's time, since 1970.
fn since_epoch(time: std::io::Result<SystemTime>) -> Duration {
    time.ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default()
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
            accessed: since_epoch(metadata.accessed()),
            modified: since_epoch(metadata.modified()),
            changed: since_epoch(metadata.modified()),
        })
    }

    fn next_data(&self, offset: u64) -> Result<Option<std::ops::Range<u64>>, Errno> {
        holes::next_data(&self.file, offset)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(self.file.read_at(into, offset)?)
    }
}
