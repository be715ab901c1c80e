//! A pack as a read-only tree.

use super::{
    Directory, DirectoryEntry, File, FileType, Found, Metadata, OpenOptions, Opened, Space, Timestamp,
    whole_blocks,
};
use crate::Errno;
use crate::files::Creation;
use bellglass_pack::{Entry, EntryKind, Pack};
use std::ops::ControlFlow;
use std::sync::Arc;

/// A directory of a pack.
pub struct PackDirectory {
    pack: Arc<Pack>,
    index: u32,
    device: u64,
}

impl PackDirectory {
    /// The root of `pack`, shown with this device number.
    pub fn new(pack: Arc<Pack>, device: u64) -> Self {
        Self { pack, index: 0, device }
    }

    fn child(&self, name: &[u8]) -> Result<Entry<'_>, Errno> {
        self.pack.child(self.index, name).ok_or(Errno::NOENT)
    }
}

fn metadata_of(entry: &Entry<'_>, device: u64) -> Metadata {
    let (links, size) = match entry.kind {
        EntryKind::Directory { .. } => (2, 4096),
        EntryKind::File { length } => (1, length),
        EntryKind::Symlink { target } => (1, target.len() as u64),
    };
    let modified = Timestamp::from_nanoseconds(entry.modified);
    Metadata {
        device,
        inode: inode_of(entry.index),
        file_type: file_type_of(entry),
        links,
        size,
        permissions: u32::from(entry.permissions),
        accessed: modified,
        modified,
        changed: modified,
        created: None,
        allocated: whole_blocks(size),
        device_numbers: (0, 0),
    }
}

fn inode_of(index: u32) -> u64 {
    // 0 is no inode number.
    u64::from(index) + 1
}

fn file_type_of(entry: &Entry<'_>) -> FileType {
    match entry.kind {
        EntryKind::Directory { .. } => FileType::Directory,
        EntryKind::File { .. } => FileType::RegularFile,
        EntryKind::Symlink { .. } => FileType::SymbolicLink,
    }
}

impl Directory for PackDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let entry = self.pack.entry(self.index).ok_or(Errno::IO)?;
        Ok(metadata_of(&entry, self.device))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        let entry = self.child(name)?;
        Ok(match entry.kind {
            EntryKind::Directory { .. } => Found::Directory(Arc::new(Self {
                pack: Arc::clone(&self.pack),
                index: entry.index,
                device: self.device,
            })),
            EntryKind::Symlink { target } => Found::Symlink(target.to_vec()),
            EntryKind::File { .. } => Found::Other,
        })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        Ok(metadata_of(&self.child(name)?, self.device))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let entry = match (self.child(name), options.creation) {
            (Ok(_), Creation::New) => return Err(Errno::EXIST),
            (Ok(entry), _) => entry,
            (Err(Errno::NOENT), Creation::IfMissing | Creation::New) => return Err(Errno::ROFS),
            (Err(error), _) => return Err(error),
        };
        match entry.kind {
            EntryKind::Directory { .. } => Err(Errno::ISDIR),
            EntryKind::Symlink { .. } => Err(Errno::LOOP),
            EntryKind::File { .. } if options.write || options.truncate => Err(Errno::ROFS),
            EntryKind::File { .. } => Ok(Opened::File(Arc::new(PackFile {
                pack: Arc::clone(&self.pack),
                index: entry.index,
                device: self.device,
            }))),
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let skip = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (entry, cookie) in self.pack.children(self.index).zip(1..).skip(skip) {
            let inode = inode_of(entry.index);
            let file_type = file_type_of(&entry);
            if each(DirectoryEntry { cookie, name: entry.name, inode, file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        Ok((self.device, inode_of(self.index)))
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(space(&self.pack))
    }
}

/// A read-only tree in one file is a squashfs to Linux.
const SQUASHFS: u32 = 0x7371_7368;

/// A pack is full: that its size is not nothing lets a program divide by it.
fn space(pack: &Pack) -> Space {
    Space { total: pack.size(), read_only: true, kind: SQUASHFS, ..Space::default() }
}

struct PackFile {
    pack: Arc<Pack>,
    index: u32,
    device: u64,
}

impl File for PackFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let entry = self.pack.entry(self.index).ok_or(Errno::IO)?;
        Ok(metadata_of(&entry, self.device))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        // Also when the image was cut off while it was used.
        self.pack.read_at(self.index, offset, into).map_err(|_| Errno::IO)
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(space(&self.pack))
    }
}
