//! Archives as read-only trees: zip, tar, and tar compressed with gzip or zstd.
//!
//! An archive is hostile input. It is read once, to make an index of what is in
//! it, with a cap on all that it can ask for; a name that leads out of it makes
//! it unusable. Contents stay where they are until they are read: those of a zip
//! are unpacked one by one when they are opened, since each stands alone; a
//! compressed tar can only be unpacked from its start, so that is done once, into
//! a file without a name in the directory for temporary files: it costs no memory,
//! any part of it can be read at once, and nothing stays behind. Whatever is
//! unpacked is never unpacked *to* a name.

mod index;
mod input;
mod tar;
mod unpack;
mod zip;

use super::handles::Held;
use super::{
    Creation, Directory, DirectoryEntry, File, FileType, Found, Metadata, OpenOptions, Opened, whole_blocks,
};
use crate::Errno;
use index::{Content, Index, Node};
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use unpack::Budget;

/// Why an archive cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The host failed.
    #[error("it cannot be read: {0}")]
    Host(#[from] std::io::Error),
    /// Its first bytes are those of no archive that is known here.
    #[error("it is not a zip, tar, tar.gz or tar.zst archive")]
    Unknown,
    /// It is not as its format says.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is too much.
    #[error("it holds more than {limit} {what}")]
    TooMuch {
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// What is known of its entries would be more than may be kept for the run.
    #[error(
        "what is known of its entries takes more than the {limit} bytes that may be kept for the program"
    )]
    Memory {
        /// The limit of the run's [`Meter`](crate::Meter), in bytes.
        limit: u64,
    },
    /// The run's time was over before all was looked through.
    #[error("it could not be read within the run's time")]
    Late,
    /// An entry would lie outside.
    #[error("its entry '{0}' does not lie within it")]
    Outside(String),
    /// Two entries cannot both be there.
    #[error("two of its entries disagree whether '{0}' is, or lies in, a directory")]
    Conflict(String),
    /// An entry is of a kind that is not shown.
    #[error("its entry '{entry}' is {what}, which is not supported")]
    Unsupported {
        /// The entry's name.
        entry: String,
        /// What it is.
        what: &'static str,
    },
}

/// An archive, with the index of what is in it.
struct Archive {
    index: Index,
    /// What the positions in the index mean.
    data: Data,
    budget: Arc<Budget>,
    /// What is unpacked is taken from this.
    held: Held,
    device: u64,
}

enum Data {
    Zip(zip::Entries),
    /// A tar that is not compressed, or no longer.
    Tar(Arc<fs::File>),
}

/// A directory of an archive.
pub(crate) struct ArchiveDirectory {
    archive: Arc<Archive>,
    node: usize,
}

impl ArchiveDirectory {
    /// The root of the archive that `file` is, shown with this device number. What is
    /// kept of it is taken from `held`.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub(crate) fn open(file: fs::File, device: u64, held: Held) -> Result<Self, ArchiveError> {
        let meter = &held.meter;
        let mut first = [0; 512];
        let mut have = 0;
        while have < first.len() {
            match file.read_at(&mut first[have..], have as u64)? {
                0 => break,
                count => have += count,
            }
        }
        let first = &first[..have];
        let file = Arc::new(file);
        let (index, data) = if first.starts_with(b"PK\x03\x04") || first.starts_with(b"PK\x05\x06") {
            let (index, entries) = zip::index(file, meter)?;
            (index, Data::Zip(entries))
        } else {
            let file = if first.starts_with(&[0x1f, 0x8b]) {
                Arc::new(unpack::gzip(&file)?)
            } else if first.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
                Arc::new(unpack::zstd(&file, meter)?)
            } else if is_tar(first) {
                file
            } else {
                return Err(ArchiveError::Unknown);
            };
            (tar::index(&file, meter)?, Data::Tar(file))
        };
        let budget = Arc::new(Budget::default());
        Ok(Self { archive: Arc::new(Archive { index, data, budget, held, device }), node: 0 })
    }

    fn node(&self) -> Result<&Node, Errno> {
        self.archive.index.get(self.node)
    }

    fn child(&self, name: &[u8]) -> Result<(usize, &Node), Errno> {
        let Content::Directory(children) = &self.node()?.content else { return Err(Errno::NOTDIR) };
        let found = children.binary_search_by(|(other, _)| other.as_slice().cmp(name));
        let (_, number) = found.ok().and_then(|at| children.get(at)).ok_or(Errno::NOENT)?;
        Ok((*number, self.archive.index.get(*number)?))
    }
}

/// A tar begins with a header, which holds this since POSIX.
fn is_tar(first: &[u8]) -> bool {
    first.get(257..262) == Some(b"ustar".as_slice())
}

fn metadata_of(archive: &Archive, number: usize, node: &Node) -> Metadata {
    let (file_type, size, links) = match &node.content {
        Content::Directory(_) => (FileType::Directory, 4096, 2),
        Content::File { size, .. } => (FileType::RegularFile, *size, node.links),
        Content::Symlink(target) => (FileType::SymbolicLink, target.len() as u64, 1),
    };
    Metadata {
        device: archive.device,
        inode: number as u64 + 1,
        file_type,
        links,
        size,
        permissions: node.permissions,
        accessed: node.modified,
        modified: node.modified,
        changed: node.modified,
        created: None,
        allocated: whole_blocks(size),
        device_numbers: (0, 0),
    }
}

impl Directory for ArchiveDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(metadata_of(&self.archive, self.node, self.node()?))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        let (number, node) = self.child(name)?;
        Ok(match &node.content {
            Content::Directory(_) => {
                Found::Directory(Arc::new(Self { archive: Arc::clone(&self.archive), node: number }))
            }
            Content::Symlink(target) => Found::Symlink(target.clone()),
            Content::File { .. } => Found::Other,
        })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let (number, node) = self.child(name)?;
        Ok(metadata_of(&self.archive, number, node))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let (number, node) = match (self.child(name), options.creation) {
            (Ok(_), Creation::New) => return Err(Errno::EXIST),
            (Ok(found), _) => found,
            (Err(Errno::NOENT), Creation::IfMissing | Creation::New) => return Err(Errno::ROFS),
            (Err(error), _) => return Err(error),
        };
        let (position, size) = match &node.content {
            Content::Directory(_) => return Err(Errno::ISDIR),
            Content::Symlink(_) => return Err(Errno::LOOP),
            Content::File { .. } if options.write || options.truncate => return Err(Errno::ROFS),
            Content::File { position, size } => (*position, *size),
        };
        let metadata = metadata_of(&self.archive, number, node);
        Ok(Opened::File(match &self.archive.data {
            Data::Tar(file) => Arc::new(Part { file: Arc::clone(file), position, size, metadata }),
            Data::Zip(entries) => {
                entries.open(position, metadata, &self.archive.budget, &self.archive.held)?
            }
        }))
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let Content::Directory(children) = &self.node()?.content else { return Err(Errno::NOTDIR) };
        let skip = usize::try_from(cookie).unwrap_or(usize::MAX);
        let rest = children.get(skip..).unwrap_or_default();
        for ((name, number), cookie) in rest.iter().zip(cookie.saturating_add(1)..) {
            let metadata = metadata_of(&self.archive, *number, self.archive.index.get(*number)?);
            let (inode, file_type) = (metadata.inode, metadata.file_type);
            if each(DirectoryEntry { cookie, name, inode, file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// A part of a file of the host: what a tar's entry, or an entry of a zip that is
/// not compressed, is.
struct Part {
    file: Arc<fs::File>,
    position: u64,
    size: u64,
    metadata: Metadata,
}

impl File for Part {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.metadata)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let position = self.position.checked_add(offset).ok_or(Errno::INVAL)?;
        Ok(self.file.read_at(&mut into[..wanted], position)?)
    }
}
