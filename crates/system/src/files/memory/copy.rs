//! From the lower tree to this one: looking at a file again, and copying it when
//! it is first written to.

use super::lower::identity;
use super::tree::{Below, Content, Tree};
use crate::files::pages::{PAGE_BYTES, Pages};
use crate::files::{Creation, File, FileType, Metadata, OpenOptions, Opened};
use crate::{Errno, go_on};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Bytes of a lower file of which not all is kept and which is still read, to know
/// later whether somebody else has changed it. A larger one is known by its metadata.
// BOUND: so much is read, beside what is kept and counts against the quota.
const READ_BYTES: u64 = 64 << 20;

/// Bytes that are copied at a time.
const PIECE: usize = 64 << 10;

const READING: OpenOptions =
    OpenOptions { read: true, write: false, creation: Creation::Existing, truncate: false, permissions: 0 };

impl Tree {
    /// Opens the lower file that `inode` still is.
    pub(in crate::files) fn open_lower(&mut self, inode: u64) -> Result<Arc<dyn File>, Errno> {
        let found = self.get(inode)?;
        let (Content::Lower { open, .. }, Some(below)) = (&found.content, &found.below) else {
            return Err(Errno::STALE);
        };
        if let Some(open) = open {
            return Ok(Arc::clone(open));
        }
        let origin = below.origin.clone();
        let lower = self.lower.as_mut().ok_or(Errno::STALE)?;
        let file = match lower.open(origin.directory)?.open(&origin.name, &READING)? {
            Opened::File(file) => file,
            Opened::Device(_) | Opened::Stream(_) | Opened::Pipe(_) => return Err(Errno::STALE),
        };
        let metadata = file.metadata()?;
        self.see(inode, metadata);
        if let Content::Lower { open, .. } = &mut self.get_mut(inode)?.content {
            *open = Some(Arc::clone(&file));
        }
        Ok(file)
    }

    /// Opens what is neither a file nor a directory of the lower tree; EACCES if
    /// it is nothing for a guest.
    pub(super) fn open_special(&mut self, inode: u64, options: &OpenOptions) -> Result<Opened, Errno> {
        let found = self.get(inode)?;
        // What connects to a socket does so by another call.
        if let (Content::Special(FileType::SocketStream), None) = (&found.content, &found.below) {
            return Err(Errno::NXIO);
        }
        let (Content::Special(FileType::CharacterDevice), Some(below)) = (&found.content, &found.below)
        else {
            return Err(Errno::ACCES);
        };
        let origin = below.origin.clone();
        let options = OpenOptions { creation: Creation::Existing, truncate: false, ..*options };
        let lower = self.lower.as_mut().ok_or(Errno::STALE)?;
        match lower.open(origin.directory)?.open(&origin.name, &options)? {
            Opened::File(_) => Err(Errno::ACCES),
            special => Ok(special),
        }
    }

    /// Looks again at a file of the lower tree, which others may write to while
    /// the guest does not.
    pub(super) fn look_again(&mut self, inode: u64) {
        let Ok(found) = self.get(inode) else { return };
        let (Content::Lower { open, .. }, Some(below)) = (&found.content, &found.below) else { return };
        let metadata = match open {
            Some(open) => open.metadata(),
            None => {
                let origin = below.origin.clone();
                let Some(lower) = &mut self.lower else { return };
                lower.open(origin.directory).and_then(|directory| directory.metadata_of(&origin.name))
            }
        };
        // One that is gone is told of as it was; opening it fails.
        if let Ok(metadata) = metadata
            && metadata.file_type == FileType::RegularFile
        {
            self.see(inode, metadata);
        }
    }

    fn see(&mut self, inode: u64, metadata: Metadata) {
        let Ok(found) = self.get_mut(inode) else { return };
        let Some(below) = &mut found.below else { return };
        if below.metadata == metadata {
            return;
        }
        let (own, origin) = (below.own_attributes, below.origin.clone());
        let same = identity(&below.metadata) == identity(&metadata);
        below.metadata = metadata;
        if let Content::Lower { size, allocated, .. } = &mut found.content {
            (*size, *allocated) = (metadata.size, metadata.allocated);
        }
        if !own {
            found.take_attributes(&metadata);
        }
        if let Some(lower) = &mut self.lower {
            // Another file may have come to the name, of which no other is known.
            if !same {
                lower.forget(&metadata, inode);
            }
            lower.see_again(&origin, metadata);
        }
    }

    /// From now on permissions and times are this tree's own.
    pub(super) fn keep_attributes(&mut self, inode: u64) {
        self.look_again(inode);
        if let Ok(found) = self.get_mut(inode)
            && let Some(below) = &mut found.below
        {
            below.own_attributes = true;
        }
    }

    /// Makes a file of the lower tree one of this tree, with the first `keep`
    /// bytes of its content. ENOSPC, with nothing changed, if they do not fit; nor has
    /// anything changed if the run must end meanwhile.
    ///
    /// The whole is read nevertheless, if it is not huge, so that its digest is
    /// known.
    pub(super) fn copy_up(&mut self, inode: u64, keep: u64) -> Result<(), Errno> {
        let Content::Lower { .. } = self.get(inode)?.content else { return Ok(()) };
        self.keep_attributes(inode);
        let file = self.open_lower(inode)?;
        let metadata = file.metadata()?;
        let kept = metadata.size.min(keep);
        if !self.has_room(kept) {
            return Err(Errno::NOSPC);
        }
        let quota = Arc::clone(self.quota());
        let mut pages = Pages::default();
        let whole = kept == metadata.size || metadata.size <= READ_BYTES;
        let read = if whole { metadata.size } else { kept };
        let copied = read_all(file.as_ref(), read, |offset, piece| {
            let wanted = usize::try_from(kept.saturating_sub(offset)).unwrap_or(usize::MAX);
            let piece = piece.get(..wanted).unwrap_or(piece);
            // A hole stays one.
            if piece.is_empty() || piece.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            let room = quota.charge_some((PIECE / PAGE_BYTES) as u64 + 1, PAGE_BYTES as u64);
            let before = pages.count();
            let written = pages.write_at(offset, piece, room);
            quota.refund((room - (pages.count() - before)) * PAGE_BYTES as u64);
            if written == piece.len() { Ok(()) } else { Err(Errno::NOSPC) }
        });
        let digest = match copied.and_then(|digest| pages.set_size(kept).map(|()| digest)) {
            Ok(digest) => digest,
            Err(error) => {
                self.discard(pages);
                return Err(error);
            }
        };
        let found = self.get_mut(inode)?;
        found.content = Content::File(pages);
        if let Some(below) = &mut found.below {
            let Below { metadata: seen, digest: known, .. } = below.as_mut();
            *seen = metadata;
            *known = whole.then_some(digest);
        }
        Ok(())
    }
}

/// Reads the first `size` bytes in pieces, and gives their SHA-256.
fn read_all(
    file: &dyn File,
    size: u64,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), Errno>,
) -> Result<[u8; 32], Errno> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut offset = 0;
    // BOUND: by the size, even if the file grows meanwhile.
    while offset < size {
        go_on()?;
        let wanted = usize::try_from(size - offset).unwrap_or(PIECE).min(PIECE);
        let Some(into) = buffer.get_mut(..wanted) else { break };
        let count = file.read_at(offset, into)?.min(wanted);
        if count == 0 {
            break;
        }
        digest.update(&into[..count]);
        each(offset, &into[..count])?;
        offset += count as u64;
    }
    Ok(digest.finalize().into())
}

/// The SHA-256 of the first `size` bytes of a file.
pub(in crate::files) fn digest_of(file: &dyn File, size: u64) -> Result<[u8; 32], Errno> {
    read_all(file, size, |_, _| Ok(()))
}
