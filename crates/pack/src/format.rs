//! The parts of the format that reader and writer share.

use serde::{Deserialize, Serialize};

/// The version of the format that this crate reads and writes.
pub const VERSION: u32 = 1;

pub(crate) const MAGIC: &[u8; 8] = b"BGLSPACK";

/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 32;

/// The longest name of an entry; Linux's NAME_MAX.
pub(crate) const NAME_BYTES: usize = 255;

/// The longest target of a symlink; Linux's PATH_MAX.
pub(crate) const TARGET_BYTES: usize = 4096;

/// An entry as it stands in the index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredEntry<'a> {
    #[serde(borrow)]
    pub name: &'a [u8],
    /// The nine permission bits.
    pub permissions: u16,
    /// Nanoseconds since 1970.
    pub modified: u64,
    #[serde(borrow)]
    pub kind: StoredKind<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StoredKind<'a> {
    Directory {
        first: u32,
        count: u32,
    },
    File {
        /// From the start of the data.
        offset: u64,
        length: u64,
    },
    Symlink {
        #[serde(borrow)]
        target: &'a [u8],
    },
}
