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
        let metadata = Metadata::read_only(device, inode, FileType::RegularFile, bytes.len() as u64);
        Self { bytes, metadata, _text: None }
    }

    /// The same file, of which all times are this one.
    pub fn at(self, time: Timestamp) -> Self {
        Self { metadata: self.metadata.at(time), ..self }
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
