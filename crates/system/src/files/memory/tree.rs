//! The table of inodes, and what it costs.

use super::lower::{LOWER_ROOT, Lower, New, Origin, SeenDirectory};
use crate::Errno;
use crate::clock::Clock;
use crate::files::attributes::Attributes;
use crate::files::composite::TMPFS;
use crate::files::pages::{PAGE_BYTES, Pages};
use crate::files::{File, FileType, Locks, Metadata, NewTimes, Quota, Space, Timestamp, unprivileged};
use crate::locks::FileLocks;
use crate::pieces::{self, Steps};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Weak};

/// What an inode is charged with, beside its content: more than its size, its part
/// of the table where that is emptiest, and the first node of its content's.
const INODE_BYTES: u64 = 512;

/// What a directory is charged with beside: the first nodes of its tables, which
/// stay when it is emptied.
const DIRECTORY_BYTES: u64 = 1024;

/// What a directory entry is charged with, beside its name: its part of both tables
/// where these are emptiest.
const ENTRY_BYTES: u64 = 224;

/// What an entry of the lower tree that was looked at is charged with, beside its
/// name: an inode and an entry, and twice what it was.
const SEEN_BYTES: u64 = 1152;

/// What a directory of the lower tree is charged with beside: see
/// [`DIRECTORY_BYTES`]; and its part of the table of directories.
const SEEN_DIRECTORY_BYTES: u64 = 2816;

/// What statfs tells of a tree in memory that lies over another.
const OVERLAY: u32 = 0x794c_7630;

/// Names of one file; Linux's limit for ext4.
const LINKS: u64 = 65_000;

/// The inode number of the root.
pub(in crate::files) const ROOT: u64 = 1;

/// All inodes of one tree. They name each other by number, so that dropping the
/// tree is no recursion, however deep a guest made it. Its tables are B-trees, which
/// become smaller as they are emptied.
///
/// What lies in a lower tree becomes inodes and entries of this one when it is
/// first looked at, charged to the meter and not to the quota. From then on there is no difference: it is
/// renamed, linked and removed as all else is, and only the content of a file
/// stays below until it is written to.
pub(in crate::files) struct Tree {
    pub(super) inodes: BTreeMap<u64, Box<Inode>>,
    next_inode: u64,
    quota: Arc<Quota>,
    device: u64,
    clock: Arc<dyn Clock>,
    pub(in crate::files) lower: Option<Lower>,
    /// What no inode has any more, and the run had no time to free.
    left: Vec<Pages>,
}

pub(in crate::files) struct Inode {
    pub content: Content,
    pub(super) links: u64,
    /// Objects outside the tree that hold it; with no links either it is freed.
    pub(super) handles: u64,
    /// Whether it was made without a name and may get one.
    linkable: bool,
    pub permissions: u32,
    accessed: Timestamp,
    pub modified: Timestamp,
    changed: Timestamp,
    /// Of what came from a lower tree, as that knows it.
    created: Option<Timestamp>,
    /// What it is charged with, beside the pages of its content.
    pub(super) cost: u64,
    /// What it was in the lower tree, if it came from there.
    pub below: Option<Box<Below>>,
    /// Its extended attributes; of what came from a lower tree `None` as long as they are
    /// that one's.
    pub(super) attributes: Option<Box<Attributes>>,
    /// What is locked of it, as long as somebody holds a lock.
    locks: Weak<FileLocks>,
}

/// What is known of the lower file that an inode began as.
pub(in crate::files) struct Below {
    /// The first of its names that was looked at.
    pub origin: Origin,
    /// As it was when its content was last taken from there.
    pub metadata: Metadata,
    /// The content's SHA-256, once it has been copied.
    pub digest: Option<[u8; 32]>,
    /// Whether permissions or times are no longer the lower file's.
    pub own_attributes: bool,
    /// Whether the times were set, and not only moved on.
    pub times_set: bool,
}

pub(in crate::files) enum Content {
    Directory(Entries),
    File(Pages),
    Symlink(Vec<u8>),
    /// A file of the lower tree that has not been written to. It is open while
    /// anybody has it open.
    Lower {
        size: u64,
        allocated: u64,
        open: Option<Arc<dyn File>>,
    },
    /// What is neither of these in the lower tree.
    Special(FileType),
}

/// A directory's entries, by name, and by cookie: a number that grows with each
/// entry that is added, so that reading the directory can go on where it was.
pub(in crate::files) struct Entries {
    pub(super) by_name: BTreeMap<Arc<[u8]>, Entry>,
    pub(super) by_cookie: BTreeMap<u64, (Arc<[u8]>, u64)>,
    pub(super) next_cookie: u64,
    pub(super) parent: u64,
    /// The directory of the lower tree whose entries are among these.
    pub lower: Option<SeenDirectory>,
}

pub(super) struct Entry {
    pub(super) cookie: u64,
    pub(super) inode: u64,
    pub(super) cost: u64,
}

impl Entries {
    fn new(parent: u64, lower: Option<SeenDirectory>) -> Self {
        Self { by_name: BTreeMap::new(), by_cookie: BTreeMap::new(), next_cookie: 1, parent, lower }
    }

    pub(in crate::files) fn get(&self, name: &[u8]) -> Option<u64> {
        self.by_name.get(name).map(|entry| entry.inode)
    }

    pub(in crate::files) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(in crate::files) fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &Arc<[u8]>, u64)> {
        // A cookie at the end of all numbers has nothing after it.
        let from = cookie.checked_add(1).unwrap_or(self.next_cookie).min(self.next_cookie);
        self.by_cookie.range(from..).map(|(cookie, (name, inode))| (*cookie, name, *inode))
    }
}

/// Inodes, and bytes, of a tree that is freed where it is dropped, which takes some
/// milliseconds at most.
const SMALL_INODES: usize = 1 << 14;
const SMALL_BYTES: u64 = 32 << 20;

/// A large tree is freed on a thread of its own, so that no run's end waits for what
/// its guest has heaped up.
impl Drop for Tree {
    fn drop(&mut self) {
        if self.inodes.len() <= SMALL_INODES && self.quota.used_bytes() <= SMALL_BYTES {
            return;
        }
        let mut lower = self.lower.take();
        if let Some(lower) = &mut lower {
            // What is the host's is closed before the run is over.
            lower.close();
        }
        pieces::free_later((std::mem::take(&mut self.inodes), lower, std::mem::take(&mut self.left)));
    }
}

impl Tree {
    pub(super) fn new(quota: Arc<Quota>, device: u64, clock: Arc<dyn Clock>) -> Self {
        let (inodes, left) = (BTreeMap::new(), Vec::new());
        let mut tree = Self { inodes, next_inode: ROOT, quota, device, clock, lower: None, left };
        tree.insert(Content::Directory(Entries::new(ROOT, None)), 0o755, 2, 0);
        tree
    }

    pub(super) fn over(lower: Lower, root: Metadata, mut tree: Self) -> Self {
        tree.lower = Some(lower);
        if let Some(inode) = tree.inodes.get_mut(&ROOT) {
            inode.content = Content::Directory(Entries::new(ROOT, Some(LOWER_ROOT)));
            inode.take_attributes(&root);
            inode.below = Some(Box::new(Below {
                origin: Origin { directory: LOWER_ROOT, name: Arc::default() },
                metadata: root,
                digest: None,
                own_attributes: false,
                times_set: false,
            }));
        }
        tree
    }

    pub(in crate::files) fn get(&self, inode: u64) -> Result<&Inode, Errno> {
        self.inodes.get(&inode).map(Box::as_ref).ok_or(Errno::STALE)
    }

    pub(super) fn get_mut(&mut self, inode: u64) -> Result<&mut Inode, Errno> {
        self.inodes.get_mut(&inode).map(Box::as_mut).ok_or(Errno::STALE)
    }

    /// The entries that are known; those of the lower tree may not all be.
    pub(in crate::files) fn entries(&self, directory: u64) -> Result<&Entries, Errno> {
        match &self.get(directory)?.content {
            Content::Directory(entries) => Ok(entries),
            _ => Err(Errno::NOTDIR),
        }
    }

    fn entries_mut(&mut self, directory: u64) -> Result<&mut Entries, Errno> {
        match &mut self.get_mut(directory)?.content {
            Content::Directory(entries) => Ok(entries),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// The inode of a name; ENOENT if there is none.
    pub(in crate::files) fn find(&mut self, directory: u64, name: &[u8]) -> Result<u64, Errno> {
        let entries = self.entries(directory)?;
        if let Some(inode) = entries.get(name) {
            return Ok(inode);
        }
        let (Some(seen), Some(lower)) = (entries.lower, &mut self.lower) else { return Err(Errno::NOENT) };
        let new = lower.find(seen, name)?;
        self.adopt(directory, seen, name, new)
    }

    fn find_if_any(&mut self, directory: u64, name: &[u8]) -> Result<Option<u64>, Errno> {
        match self.find(directory, name) {
            Ok(inode) => Ok(Some(inode)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Looks at all that is in a directory.
    pub(in crate::files) fn load(&mut self, directory: u64) -> Result<&Entries, Errno> {
        if let (Some(seen), Some(lower)) = (self.entries(directory)?.lower, &mut self.lower)
            && !lower.is_complete(seen)
        {
            // Charged until all have been looked at.
            let (names, _charge) = match lower.unseen(seen, usize::MAX) {
                // Somebody else has taken it away.
                Err(Errno::NOENT | Errno::STALE | Errno::NOTDIR) => (Vec::new(), None),
                Err(error) => return Err(error),
                Ok((names, charge)) => (names, Some(charge)),
            };
            let mut steps = Steps::default();
            for name in names {
                // What was seen until the run must end has been seen.
                steps.step()?;
                match self.find(directory, &name) {
                    // It went away just now.
                    Ok(_) | Err(Errno::NOENT) => {}
                    Err(error) => return Err(error),
                }
            }
            if let Some(lower) = &mut self.lower {
                lower.set_complete(seen);
            }
        }
        self.entries(directory)
    }

    fn is_empty(&mut self, directory: u64) -> Result<bool, Errno> {
        if !self.entries(directory)?.by_name.is_empty() {
            return Ok(false);
        }
        // One name is enough: of a large directory the rest need not be looked at.
        if let (Some(seen), Some(lower)) = (self.entries(directory)?.lower, &mut self.lower)
            && !lower.is_complete(seen)
            && let Ok((names, _)) = lower.unseen(seen, 1)
            && let Some(name) = names.first()
            && self.find(directory, name).is_ok()
        {
            return Ok(false);
        }
        Ok(self.load(directory)?.by_name.is_empty())
    }

    /// Makes an entry for what was found in the lower tree, and an inode if it
    /// has none yet.
    fn adopt(&mut self, directory: u64, seen: SeenDirectory, name: &[u8], new: New) -> Result<u64, Errno> {
        let Some(lower) = &mut self.lower else { return Err(Errno::NOENT) };
        let metadata = new.metadata;
        lower.charge(seen_cost(name, &new))?;
        let name: Arc<[u8]> = name.into();
        let inode = match lower.inode_of(&metadata).filter(|inode| self.inodes.contains_key(inode)) {
            Some(inode) => inode,
            None => {
                let content = match (metadata.file_type, &new.target) {
                    (FileType::Directory, _) => {
                        Content::Directory(Entries::new(directory, Some(lower.next_directory())))
                    }
                    (FileType::RegularFile, _) => {
                        Content::Lower { size: metadata.size, allocated: metadata.allocated, open: None }
                    }
                    (FileType::SymbolicLink, Some(target)) => Content::Symlink(target.clone()),
                    (other, _) => Content::Special(other),
                };
                let is_directory = metadata.file_type == FileType::Directory;
                let links = metadata.links.max(if is_directory { 2 } else { 1 });
                let number = self.insert(content, metadata.permissions, links, 0);
                let inode = self.get_mut(number)?;
                inode.take_attributes(&metadata);
                inode.below = Some(Box::new(Below {
                    origin: Origin { directory: seen, name: Arc::clone(&name) },
                    metadata,
                    digest: None,
                    own_attributes: false,
                    times_set: false,
                }));
                number
            }
        };
        if let Some(lower) = &mut self.lower {
            lower.add(seen, Arc::clone(&name), new, inode);
        }
        self.insert_entry(directory, name, inode, 0)?;
        Ok(inode)
    }

    pub(super) fn is_directory(&self, inode: u64) -> bool {
        matches!(self.get(inode).map(|inode| &inode.content), Ok(Content::Directory(_)))
    }

    pub(in crate::files) fn metadata(&mut self, number: u64) -> Result<Metadata, Errno> {
        self.look_again(number);
        let inode = self.get(number)?;
        let page = PAGE_BYTES as u64;
        let (size, allocated) = match &inode.content {
            Content::Directory(_) => (page, page),
            Content::File(pages) => (pages.size(), pages.count() * page),
            Content::Symlink(target) => (target.len() as u64, 0),
            Content::Lower { size, allocated, .. } => (*size, *allocated),
            Content::Special(_) => (0, 0),
        };
        Ok(Metadata {
            device: self.device,
            inode: number,
            file_type: inode.file_type(),
            links: inode.links,
            size,
            permissions: inode.permissions,
            accessed: inode.accessed,
            modified: inode.modified,
            changed: inode.changed,
            created: inode.created,
            allocated,
            device_numbers: inode.device_numbers(),
        })
    }

    /// Adds an inode that no entry names yet. The caller has charged `cost`.
    fn insert(&mut self, content: Content, permissions: u32, links: u64, cost: u64) -> u64 {
        let now = self.now();
        let number = self.next_inode;
        self.next_inode += 1;
        let inode = Inode {
            content,
            links,
            handles: 0,
            linkable: false,
            permissions,
            accessed: now,
            modified: now,
            changed: now,
            created: Some(now),
            cost,
            below: None,
            attributes: None,
            locks: Weak::new(),
        };
        self.inodes.insert(number, Box::new(inode));
        number
    }

    /// Adds an entry. The caller has charged `cost` and knows that the name is
    /// free.
    fn insert_entry(&mut self, directory: u64, name: Arc<[u8]>, inode: u64, cost: u64) -> Result<(), Errno> {
        let entries = self.entries_mut(directory)?;
        let cookie = entries.next_cookie;
        entries.next_cookie += 1;
        entries.by_name.insert(Arc::clone(&name), Entry { cookie, inode, cost });
        entries.by_cookie.insert(cookie, (name, inode));
        Ok(())
    }

    /// Adds an entry that the guest makes.
    fn add_entry(&mut self, directory: u64, name: &[u8], inode: u64) -> Result<(), Errno> {
        self.insert_entry(directory, name.into(), inode, entry_cost(name))?;
        self.touch(directory)
    }

    fn take_entry(&mut self, directory: u64, name: &[u8]) -> Result<u64, Errno> {
        let entries = self.entries_mut(directory)?;
        let Entry { cookie, inode, cost } = entries.by_name.remove(name).ok_or(Errno::NOENT)?;
        entries.by_cookie.remove(&cookie);
        self.quota.refund(cost);
        self.touch(directory)?;
        Ok(inode)
    }

    fn now(&self) -> Timestamp {
        self.clock.realtime().into()
    }

    /// Notes that the content of `inode` changed now.
    fn touch(&mut self, inode: u64) -> Result<(), Errno> {
        let now = self.now();
        let inode = self.get_mut(inode)?;
        inode.modified = now;
        inode.changed = now;
        Ok(())
    }

    /// Notes that a program changed the content of a file: see [`unprivileged`].
    pub(super) fn change_content(&mut self, inode: u64) -> Result<(), Errno> {
        let permissions = self.get(inode)?.permissions;
        if unprivileged(permissions) != permissions {
            self.keep_attributes(inode);
            self.get_mut(inode)?.permissions = unprivileged(permissions);
        }
        self.touch(inode)
    }

    pub(super) fn touch_inode(&mut self, inode: u64) -> Result<(), Errno> {
        let now = self.now();
        self.get_mut(inode)?.changed = now;
        Ok(())
    }

    /// Makes a file, directory or symlink; EEXIST if the name is taken, ENOENT
    /// in a directory that is removed.
    pub(super) fn create(
        &mut self,
        directory: u64,
        name: &[u8],
        content: NewContent<'_>,
        permissions: u32,
    ) -> Result<u64, Errno> {
        if self.find_if_any(directory, name)?.is_some() {
            return Err(Errno::EXIST);
        }
        if self.get(directory)?.links == 0 {
            return Err(Errno::NOENT);
        }
        let (content, links, size) = match content {
            NewContent::File => (Content::File(Pages::default()), 1, 0),
            NewContent::Directory => (Content::Directory(Entries::new(directory, None)), 2, DIRECTORY_BYTES),
            NewContent::Special(kind) => (Content::Special(kind), 1, 0),
            NewContent::Symlink(target) => (Content::Symlink(target.to_vec()), 1, target.len() as u64),
        };
        let cost = INODE_BYTES + size;
        self.quota.charge_file(cost + entry_cost(name))?;
        let inode = self.insert(content, permissions, links, cost);
        self.add_entry(directory, name, inode)?;
        if links == 2 {
            self.get_mut(directory)?.links += 1;
        }
        Ok(inode)
    }

    /// Makes a file that no name leads to, held once; ENOENT in a directory that is removed.
    pub(super) fn create_unnamed(
        &mut self,
        directory: u64,
        permissions: u32,
        unlinkable: bool,
    ) -> Result<u64, Errno> {
        if self.get(directory)?.links == 0 {
            return Err(Errno::NOENT);
        }
        self.quota.charge_file(INODE_BYTES)?;
        let number = self.insert(Content::File(Pages::default()), permissions, 0, INODE_BYTES);
        let inode = self.get_mut(number)?;
        inode.handles = 1;
        inode.linkable = !unlinkable;
        Ok(number)
    }

    pub(super) fn link(&mut self, inode: u64, directory: u64, name: &[u8]) -> Result<(), Errno> {
        if self.find_if_any(directory, name)?.is_some() {
            return Err(Errno::EXIST);
        }
        if self.is_directory(inode) {
            return Err(Errno::PERM);
        }
        if self.get(directory)?.links == 0 {
            return Err(Errno::NOENT);
        }
        match self.get(inode)? {
            // Its last name is gone, and what has none for ever gets none.
            Inode { links: 0, linkable: false, .. } => return Err(Errno::NOENT),
            Inode { links: LINKS.., .. } => return Err(Errno::MLINK),
            _ => {}
        }
        self.quota.charge(entry_cost(name))?;
        self.keep_attributes(inode);
        self.get_mut(inode)?.links += 1;
        self.touch_inode(inode)?;
        self.add_entry(directory, name, inode)
    }

    pub(super) fn unlink(&mut self, directory: u64, name: &[u8]) -> Result<(), Errno> {
        let inode = self.find(directory, name)?;
        if self.is_directory(inode) {
            return Err(Errno::ISDIR);
        }
        self.take_entry(directory, name)?;
        self.keep_attributes(inode);
        self.touch_inode(inode)?;
        self.drop_links(inode, 1)
    }

    pub(super) fn remove_directory(&mut self, directory: u64, name: &[u8]) -> Result<(), Errno> {
        let inode = self.find(directory, name)?;
        if !self.is_empty(inode)? {
            return Err(Errno::NOTEMPTY);
        }
        self.take_entry(directory, name)?;
        self.drop_subdirectory(directory)?;
        self.drop_links(inode, u64::MAX)
    }

    /// A directory is named by each directory in it too; what a lower tree says
    /// of that is not always so.
    fn drop_subdirectory(&mut self, directory: u64) -> Result<(), Errno> {
        let links = &mut self.get_mut(directory)?.links;
        if *links > 2 {
            *links -= 1;
        }
        Ok(())
    }

    fn drop_links(&mut self, inode: u64, count: u64) -> Result<(), Errno> {
        let links = &mut self.get_mut(inode)?.links;
        *links = links.saturating_sub(count);
        self.free_if_unused(inode);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: u64, name: &[u8], to: u64, to_name: &[u8]) -> Result<(), Errno> {
        let moved = self.find(from, name)?;
        let moves_directory = self.is_directory(moved);
        if moves_directory && self.is_within(to, moved)? {
            return Err(Errno::INVAL);
        }
        let replaced = self.find_if_any(to, to_name)?;
        if replaced == Some(moved) {
            return Ok(());
        }
        match replaced {
            Some(replaced) if self.is_within(from, replaced)? => return Err(Errno::NOTEMPTY),
            Some(replaced) => match (moves_directory, self.is_directory(replaced)) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) if !self.is_empty(replaced)? => return Err(Errno::NOTEMPTY),
                _ => {}
            },
            None if self.get(to)?.links == 0 => return Err(Errno::NOENT),
            None => {}
        }
        // What the old entries cost is given back, so that a full tree can still
        // rename; a longer name may not fit, and then nothing has changed.
        let cost_of =
            |entries: &Entries, name: &[u8]| entries.by_name.get(name).map_or(0, |entry| entry.cost);
        let returned = cost_of(self.entries(from)?, name) + cost_of(self.entries(to)?, to_name);
        let cost = entry_cost(to_name);
        let more = cost.saturating_sub(returned);
        self.quota.charge(more)?;
        match replaced {
            Some(_) if moves_directory => self.remove_directory(to, to_name)?,
            Some(_) => self.unlink(to, to_name)?,
            None => {}
        }
        self.take_entry(from, name)?;
        self.quota.charge_again(cost - more);
        self.keep_attributes(moved);
        self.add_entry(to, to_name, moved)?;
        self.touch_inode(moved)?;
        if moves_directory {
            self.drop_subdirectory(from)?;
            self.get_mut(to)?.links += 1;
            self.entries_mut(moved)?.parent = to;
        }
        Ok(())
    }

    pub(super) fn rename_new(
        &mut self,
        from: u64,
        name: &[u8],
        to: u64,
        to_name: &[u8],
    ) -> Result<(), Errno> {
        self.find(from, name)?;
        match self.find_if_any(to, to_name)? {
            Some(_) => Err(Errno::EXIST),
            None => self.rename(from, name, to, to_name),
        }
    }

    /// Lets two names change places.
    pub(super) fn exchange(&mut self, from: u64, name: &[u8], to: u64, to_name: &[u8]) -> Result<(), Errno> {
        let (one, other) = (self.find(from, name)?, self.find(to, to_name)?);
        if one == other {
            return Ok(());
        }
        let (one_moves, other_moves) = (self.is_directory(one), self.is_directory(other));
        if one_moves && self.is_within(to, one)? || other_moves && self.is_within(from, other)? {
            return Err(Errno::INVAL);
        }
        // The names stay, and cost what they did.
        self.keep_attributes(one);
        self.keep_attributes(other);
        self.set_entry(from, name, other)?;
        self.set_entry(to, to_name, one)?;
        for (is_directory, inode, before, after) in
            [(one_moves, one, from, to), (other_moves, other, to, from)]
        {
            self.touch_inode(inode)?;
            if is_directory {
                self.drop_subdirectory(before)?;
                self.get_mut(after)?.links += 1;
                self.entries_mut(inode)?.parent = after;
            }
        }
        self.touch(from)?;
        self.touch(to)
    }

    /// Makes an entry name another inode.
    fn set_entry(&mut self, directory: u64, name: &[u8], inode: u64) -> Result<(), Errno> {
        let entries = self.entries_mut(directory)?;
        let entry = entries.by_name.get_mut(name).ok_or(Errno::NOENT)?;
        entry.inode = inode;
        if let Some((_, listed)) = entries.by_cookie.get_mut(&entry.cookie) {
            *listed = inode;
        }
        Ok(())
    }

    pub(super) fn device(&self) -> u64 {
        self.device
    }

    /// Whether `inode` is `above` or below it; a file is below nothing.
    fn is_within(&self, inode: u64, above: u64) -> Result<bool, Errno> {
        let mut at = inode;
        let mut steps = Steps::default();
        // BOUND: as many steps as the tree is deep, which the quota bounds by
        // what each inode costs.
        loop {
            steps.step()?;
            if at == above {
                return Ok(true);
            }
            if at == ROOT {
                return Ok(false);
            }
            match self.entries(at) {
                Ok(entries) => at = entries.parent,
                // A directory that was removed, with its parent.
                Err(_) => return Ok(false),
            }
        }
    }

    pub(super) fn read_at(&mut self, inode: u64, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        match &self.get(inode)?.content {
            Content::File(pages) => Ok(pages.read_at(offset, into)),
            Content::Lower { .. } => self.open_lower(inode)?.read_at(offset, into),
            Content::Special(_) => Err(Errno::ACCES),
            _ => Err(Errno::ISDIR),
        }
    }

    pub(super) fn next_data(&mut self, inode: u64, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        match &self.get(inode)?.content {
            Content::File(pages) => Ok(pages.next_data(offset)),
            Content::Lower { .. } => self.open_lower(inode)?.next_data(offset),
            Content::Special(_) => Err(Errno::ACCES),
            _ => Err(Errno::ISDIR),
        }
    }

    pub(super) fn write_at(&mut self, inode: u64, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        let end = offset.checked_add(from.len() as u64).filter(|end| i64::try_from(*end).is_ok());
        end.ok_or(Errno::FBIG)?;
        self.copy_up(inode, u64::MAX)?;
        let quota = Arc::clone(&self.quota);
        // One more page than the bytes fill, where they begin within one.
        let most = (from.len() / PAGE_BYTES) as u64 + 2;
        let reserved = quota.charge_some(most, PAGE_BYTES as u64);
        let result = self.pages_mut(inode).map(|pages| {
            let before = pages.count();
            let written = pages.write_at(offset, from, reserved);
            (written, pages.count().saturating_sub(before))
        });
        let added = result.map_or(0, |(_, added)| added);
        quota.refund(reserved.saturating_sub(added) * PAGE_BYTES as u64);
        let (written, _) = result?;
        if written == 0 && !from.is_empty() {
            return Err(Errno::NOSPC);
        }
        if written > 0 {
            self.change_content(inode)?;
        }
        Ok(written)
    }

    pub(super) fn set_size(&mut self, inode: u64, size: u64) -> Result<(), Errno> {
        if i64::try_from(size).is_err() {
            return Err(Errno::FBIG);
        }
        self.copy_up(inode, size)?;
        let pages = self.pages_mut(inode)?;
        let before = pages.count();
        let done = pages.set_size(size);
        let freed = before.saturating_sub(pages.count());
        self.quota.refund(freed * PAGE_BYTES as u64);
        done?;
        self.change_content(inode)
    }

    pub(super) fn punch(&mut self, inode: u64, offset: u64, length: u64) -> Result<(), Errno> {
        self.copy_up(inode, u64::MAX)?;
        let pages = self.pages_mut(inode)?;
        let before = pages.count();
        let done = pages.punch(offset, offset.saturating_add(length));
        let freed = before.saturating_sub(pages.count());
        self.quota.refund(freed * PAGE_BYTES as u64);
        done?;
        self.change_content(inode)
    }

    pub(super) fn pages_mut(&mut self, inode: u64) -> Result<&mut Pages, Errno> {
        match &mut self.get_mut(inode)?.content {
            Content::File(pages) => Ok(pages),
            Content::Special(_) => Err(Errno::ACCES),
            _ => Err(Errno::ISDIR),
        }
    }

    /// What is locked of an inode. As long as a file's content is the lower one's, that is
    /// locked as well.
    pub(super) fn locks(&mut self, inode: u64) -> Result<Locks, Errno> {
        let lower = match &self.get(inode)?.content {
            Content::Lower { .. } => self.open_lower(inode)?.locks()?,
            _ => None,
        };
        let locks = Locks::found_or_new(&mut self.get_mut(inode)?.locks);
        Ok(match lower {
            Some(lower) => locks.over(lower),
            None => locks,
        })
    }

    pub(in crate::files) fn quota(&self) -> &Arc<Quota> {
        &self.quota
    }

    /// Whether `bytes` more would fit.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.quota.has_room(bytes)
    }

    pub(super) fn space(&self) -> Space {
        let quota = &self.quota;
        // A tree without a quota holds nothing, and nothing can be put there.
        Space {
            total: quota.bytes(),
            free: quota.free_bytes(),
            files: quota.files(),
            free_files: quota.free_files(),
            read_only: quota.bytes() == 0,
            kind: if self.lower.is_some() { OVERLAY } else { TMPFS },
        }
    }

    pub(super) fn set_times(&mut self, inode: u64, times: NewTimes) -> Result<(), Errno> {
        self.keep_attributes(inode);
        let now = self.now();
        let inode = self.get_mut(inode)?;
        inode.accessed = times.accessed.unwrap_or(inode.accessed);
        inode.modified = times.modified.unwrap_or(inode.modified);
        inode.changed = now;
        if let Some(below) = &mut inode.below {
            below.times_set = true;
        }
        Ok(())
    }

    pub(super) fn set_permissions(&mut self, inode: u64, permissions: u32) -> Result<(), Errno> {
        self.keep_attributes(inode);
        self.get_mut(inode)?.permissions = permissions & 0o7777;
        self.touch_inode(inode)
    }

    pub(in crate::files) fn hold(&mut self, inode: u64) {
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.handles += 1;
        }
    }

    pub(super) fn release(&mut self, inode: u64) {
        if let Some(found) = self.inodes.get_mut(&inode) {
            found.handles = found.handles.saturating_sub(1);
            if found.handles == 0
                && let Content::Lower { open, .. } = &mut found.content
            {
                *open = None;
            }
            self.free_if_unused(inode);
        }
    }

    /// Frees the content of a file that is gone, and gives back what it was charged.
    pub(super) fn discard(&mut self, mut pages: Pages) {
        let count = pages.count();
        let freed = pages.set_size(0);
        self.quota.refund((count - pages.count()) * PAGE_BYTES as u64);
        if freed.is_err() {
            // BOUND: once in a run, for this call ends it. What is left still counts.
            self.left.push(pages);
        }
    }

    fn free_if_unused(&mut self, number: u64) {
        let unused = self.inodes.get(&number).is_some_and(|inode| inode.links == 0 && inode.handles == 0);
        if unused && let Some(inode) = self.inodes.remove(&number) {
            if let Content::File(pages) = inode.content {
                self.discard(pages);
            }
            if let Some(attributes) = &inode.attributes {
                self.quota.refund(attributes.cost());
            }
            if inode.cost > 0 {
                self.quota.refund_file(inode.cost);
            }
            if let (Some(below), Some(lower)) = (&inode.below, &mut self.lower) {
                lower.forget(&below.metadata, number);
            }
        }
    }
}

impl Inode {
    pub(in crate::files) fn file_type(&self) -> FileType {
        match &self.content {
            Content::Directory(_) => FileType::Directory,
            Content::File(_) | Content::Lower { .. } => FileType::RegularFile,
            Content::Symlink(_) => FileType::SymbolicLink,
            Content::Special(file_type) => *file_type,
        }
    }

    /// Of a device of a lower tree, which it still is.
    fn device_numbers(&self) -> (u32, u32) {
        match (&self.content, &self.below) {
            (Content::Special(_), Some(below)) => below.metadata.device_numbers,
            _ => (0, 0),
        }
    }

    pub(super) fn take_attributes(&mut self, metadata: &Metadata) {
        self.permissions = metadata.permissions;
        self.accessed = metadata.accessed;
        self.modified = metadata.modified;
        self.changed = metadata.changed;
        self.created = metadata.created;
    }
}

/// What [`Tree::create`] makes.
pub(super) enum NewContent<'a> {
    File,
    Directory,
    Symlink(&'a [u8]),
    /// The name of a local socket of this run, or of a pipe.
    Special(FileType),
}

pub(super) fn entry_cost(name: &[u8]) -> u64 {
    ENTRY_BYTES + name.len() as u64
}

/// What is charged to the meter for what was found beneath.
fn seen_cost(name: &[u8], new: &New) -> u64 {
    let directory = match new.metadata.file_type {
        FileType::Directory => SEEN_DIRECTORY_BYTES,
        _ => 0,
    };
    let target = new.target.as_ref().map_or(0, Vec::len);
    SEEN_BYTES + directory + (name.len() + 2 * target) as u64
}
