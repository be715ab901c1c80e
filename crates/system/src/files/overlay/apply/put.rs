//! Writing one change.

use super::super::{Change, ChangeKind, Version};
use super::verify::Thorough;
use super::{Placed, Target, make_own, own_name, split, times};
use crate::files::memory::identity;
use crate::files::{Directory, File, FileType};
use crate::{Errno, Waiter};

/// How far writing may go.
pub(super) struct Allowed<'a> {
    /// Bytes of content that may still be written.
    // BOUND: what was added up can grow meanwhile, where others write to it too.
    pub(super) room: u64,
    /// Who may stop it. Its deadline is one for the time before.
    pub(super) waiter: Option<&'a Waiter>,
}

impl Allowed<'_> {
    /// ECANCELED once somebody has stopped it. Not by way of the thread's work: what
    /// was begun must be able to be put in order.
    pub(super) fn go_on(&self) -> Result<(), Errno> {
        match self.waiter.and_then(Waiter::stopped) {
            Some(_) => Err(Errno::CANCELED),
            None => Ok(()),
        }
    }

    /// Whether so many more bytes may be written now.
    fn take(&mut self, bytes: u64) -> Result<(), Errno> {
        self.go_on()?;
        self.room = self.room.checked_sub(bytes).ok_or(Errno::DQUOT)?;
        Ok(())
    }
}

impl Target<'_> {
    pub(super) fn remove(&mut self, change: &Change) -> Result<(), Errno> {
        let (parent, name) = split(&change.path);
        // It may have changed since it was checked.
        self.verify(change, Thorough::No).map_err(|_| Errno::BUSY)?;
        let directory = self.way.directory(parent)?;
        self.touched.insert(parent.to_vec());
        match &change.before {
            Some(before) if before.file_type == FileType::Directory => directory.remove_directory(name),
            Some(_) => directory.unlink(name),
            None => Ok(()),
        }
    }

    pub(super) fn put(&mut self, change: &Change, after: &Version) -> Result<(), Errno> {
        let (parent, name) = split(&change.path);
        if name.is_empty() {
            return Ok(());
        }
        let directory = match change.parent {
            Some(seen) => self.seen_directory(parent, seen).map_err(|_| Errno::BUSY)?,
            None => self.way.directory(parent)?,
        };
        let now = match directory.metadata_of(name) {
            Ok(now) => Some(now),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(error),
        };
        // It may have changed since all was checked. (What was a directory and
        // was to make room is gone by now.)
        match (&change.before, &now) {
            (Some(before), Some(now)) => {
                self.unchanged(before, now, directory.as_ref(), name, Thorough::No)
                    .map_err(|_| Errno::BUSY)?;
            }
            (None, None) => {}
            (Some(before), None) if before.file_type == FileType::Directory => {}
            _ => return Err(Errno::BUSY),
        }
        if change.kind != ChangeKind::Attributes {
            self.touched.insert(parent.to_vec());
        }
        match after.file_type {
            FileType::Directory => match &now {
                Some(now) if now.file_type == FileType::Directory => Ok(()),
                found => {
                    if found.is_some() {
                        directory.unlink(name)?;
                    }
                    directory.create_directory(name, after.permissions | 0o700)
                }
            },
            FileType::SymbolicLink => {
                let target = after.target.as_deref().unwrap_or_default();
                match &now {
                    None => directory.create_symlink(name, target),
                    Some(_) => {
                        let own = own_name()?;
                        directory.create_symlink(&own, target)?;
                        replace(directory.as_ref(), &own, name)
                    }
                }
            }
            FileType::RegularFile if change.kind == ChangeKind::Attributes => {
                let before = change.before.as_ref().map(|before| before.permissions);
                if before != Some(after.permissions) {
                    directory.set_permissions_of(name, after.permissions)?;
                }
                if change.times_set {
                    directory.set_times_of(name, times(after))?;
                }
                self.attributed.extend(now.as_ref().map(identity));
                Ok(())
            }
            FileType::RegularFile => {
                let own = own_name()?;
                let inode = after.inode_above();
                if !self.link_to_first(inode, directory.as_ref(), &own) {
                    write_file(directory.as_ref(), &own, after, &mut self.allowed)?;
                }
                let made = directory.metadata_of(&own).inspect_err(|_| _ = directory.unlink(&own))?;
                let made = identity(&made);
                match &now {
                    Some(_) => replace(directory.as_ref(), &own, name)?,
                    None => appear(directory.as_ref(), &own, name, after, &mut self.allowed)?,
                }
                if let Some(inode) = inode {
                    let placed = Placed { parent: parent.to_vec(), name: name.to_vec(), identity: made };
                    self.placed.entry(inode).or_insert(placed);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Makes a link to what was written for another name of the same file, if that
    /// is still there and the tree beneath has links.
    fn link_to_first(&mut self, inode: Option<u64>, to: &dyn Directory, own: &[u8]) -> bool {
        let Some(placed) = inode.and_then(|inode| self.placed.get(&inode)) else { return false };
        let Ok(from) = self.firsts.directory(&placed.parent) else { return false };
        if from.link(&placed.name, to, own).is_err() {
            return false;
        }
        // Somebody else may have put another file there meanwhile.
        if to.metadata_of(own).is_ok_and(|made| identity(&made) == placed.identity) {
            return true;
        }
        let _ = to.unlink(own);
        false
    }
}

/// Makes a file whose name must be new, or nothing at all. Holes stay holes.
fn write_file(
    directory: &dyn Directory,
    name: &[u8],
    version: &Version,
    allowed: &mut Allowed<'_>,
) -> Result<(), Errno> {
    let to = make_own(directory, name, version.permissions | 0o200)?;
    let mut fill = || {
        copy(version.open()?.as_ref(), to.as_ref(), allowed)?;
        to.set_permissions(version.permissions)?;
        to.set_times(times(version))?;
        to.synchronize()
    };
    fill().inspect_err(|_| {
        // What is left must not stay; the first error is the one to tell.
        let _ = directory.unlink(name);
    })
}

fn copy(from: &dyn File, to: &dyn File, allowed: &mut Allowed<'_>) -> Result<(), Errno> {
    let size = from.metadata()?.size;
    let mut buffer = vec![0; 64 << 10];
    let mut end = 0;
    let mut offset = 0;
    while let Some(data) = from.next_data(offset)? {
        // A tree that says where data is and is wrong must not go on for ever.
        if data.start < offset || data.end <= data.start {
            return Err(Errno::IO);
        }
        offset = data.start;
        while offset < data.end {
            let most = usize::try_from(data.end - offset).unwrap_or(usize::MAX).min(buffer.len());
            let piece = buffer.get_mut(..most).unwrap_or_default();
            let count = from.read_at(offset, piece)?.min(most);
            if count == 0 {
                // It has been cut meanwhile.
                return to.set_size(offset);
            }
            allowed.take(count as u64)?;
            write_all(to, offset, piece.get(..count).unwrap_or_default())?;
            offset += count as u64;
            end = offset;
        }
    }
    if end < size { to.set_size(size) } else { Ok(()) }
}

fn write_all(to: &dyn File, mut offset: u64, mut piece: &[u8]) -> Result<(), Errno> {
    while !piece.is_empty() {
        let written = to.write_at(offset, piece)?.min(piece.len());
        if written == 0 {
            return Err(Errno::NOSPC);
        }
        offset += written as u64;
        piece = &piece[written..];
    }
    Ok(())
}

fn replace(directory: &dyn Directory, own: &[u8], name: &[u8]) -> Result<(), Errno> {
    directory.rename(own, directory, name).inspect_err(|_| {
        let _ = directory.unlink(own);
    })
}

/// Gives a file that was written its name, which nobody else has, whatever they do
/// meanwhile: what stands there is never replaced.
fn appear(
    directory: &dyn Directory,
    own: &[u8],
    name: &[u8],
    version: &Version,
    allowed: &mut Allowed<'_>,
) -> Result<(), Errno> {
    let renamed = directory.rename_new(own, directory, name);
    if renamed != Err(Errno::NOTSUP) {
        return renamed.inspect_err(|_| _ = directory.unlink(own));
    }
    match directory.link(own, directory, name) {
        Ok(()) => directory.unlink(own),
        Err(Errno::EXIST) => {
            directory.unlink(own)?;
            Err(Errno::EXIST)
        }
        // A file system with neither: it is made under its name, and so is not whole
        // from its first moment on.
        Err(_) => {
            directory.unlink(own)?;
            allowed.room = allowed.room.saturating_add(version.size);
            write_file(directory, name, version, allowed)
        }
    }
}
