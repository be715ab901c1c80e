//! Files that stand alone, with their content in memory.

use super::{File, FileType, Metadata, Timestamp};
use crate::Errno;
use crate::information::Text;
use std::sync::Arc;

/// A read-only file whose content is given.
pub struct BytesFile {
    bytes: Arc<[u8]>,
    metadata: Metadata,
    /// What `bytes` is charged by, if it is charged.
    _text: Option<Text>,
}

impl BytesFile {
    /// A file with this content and these numbers.
    pub fn new(bytes: impl Into<Arc<[u8]>>, device: u64, inode: u64) -> Self {
        let bytes = bytes.into();
        let metadata = Metadata {
            device,
            inode,
            file_type: FileType::RegularFile,
            links: 1,
            size: bytes.len() as u64,
            permissions: 0o444,
            accessed: Timestamp::EPOCH,
            modified: Timestamp::EPOCH,
            changed: Timestamp::EPOCH,
        };
        Self { bytes, metadata, _text: None }
    }

    /// A file of which something else is told than what its content says.
    pub(crate) fn told(text: Text, metadata: Metadata) -> Self {
        Self { bytes: Arc::clone(&text.bytes), metadata, _text: Some(text) }
    }
}

impl File for BytesFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.metadata)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(read_slice(&self.bytes, offset, into))
    }
}

/// Copies what of `bytes` is at `offset`.
pub(crate) fn read_slice(bytes: &[u8], offset: u64, into: &mut [u8]) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let length = rest.len().min(into.len());
    into[..length].copy_from_slice(&rest[..length]);
    length
}
