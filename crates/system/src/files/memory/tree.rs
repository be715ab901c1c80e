//! The table of inodes, and what it costs.

use crate::Errno;
use crate::clock::Clock;
use crate::files::pages::{PAGE_BYTES, Pages};
use crate::files::{FileType, Metadata, NewTimes, Space};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What an inode is charged with, beside its content: a round number above its
/// size in the table.
const INODE_BYTES: u64 = 256;

/// What a directory entry is charged with, beside its name.
const ENTRY_BYTES: u64 = 128;

/// Names of one file; Linux's limit for ext4.
const LINKS: u64 = 65_000;

/// The inode number of the root.
pub(super) const ROOT: u64 = 1;

/// All inodes of one tree. They name each other by number, so that dropping the
/// tree is no recursion, however deep a guest made it.
pub(super) struct Tree {
    inodes: HashMap<u64, Inode>,
    next_inode: u64,
    used: u64,
    quota: u64,
    device: u64,
    clock: Arc<dyn Clock>,
}

pub(super) struct Inode {
    pub content: Content,
    links: u64,
    /// Objects outside the tree that hold it; with no links either it is freed.
    handles: u64,
    pub permissions: u32,
    accessed: Duration,
    modified: Duration,
    changed: Duration,
}

pub(super) enum Content {
    Directory(Entries),
    File(Pages),
    Symlink(Vec<u8>),
}

/// A directory's entries, by name, and by cookie: a number that grows with each
/// entry that is added, so that reading the directory can go on where it was.
pub(super) struct Entries {
    by_name: HashMap<Vec<u8>, (u64, u64)>,
    by_cookie: BTreeMap<u64, (Vec<u8>, u64)>,
    next_cookie: u64,
    parent: u64,
}

impl Entries {
    fn new(parent: u64) -> Self {
        Self { by_name: HashMap::new(), by_cookie: BTreeMap::new(), next_cookie: 1, parent }
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<u64> {
        self.by_name.get(name).map(|(_, inode)| *inode)
    }

    pub(super) fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], u64)> {
        let from = cookie.saturating_add(1);
        self.by_cookie.range(from..).map(|(cookie, (name, inode))| (*cookie, name.as_slice(), *inode))
    }
}

impl Tree {
    pub(super) fn new(quota: u64, device: u64, clock: Arc<dyn Clock>) -> Self {
        let mut tree = Self { inodes: HashMap::new(), next_inode: ROOT, used: 0, quota, device, clock };
        tree.insert(Content::Directory(Entries::new(ROOT)), 0o755, 2);
        tree
    }

    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn get(&self, inode: u64) -> Result<&Inode, Errno> {
        self.inodes.get(&inode).ok_or(Errno::STALE)
    }

    fn get_mut(&mut self, inode: u64) -> Result<&mut Inode, Errno> {
        self.inodes.get_mut(&inode).ok_or(Errno::STALE)
    }

    pub(super) fn entries(&self, directory: u64) -> Result<&Entries, Errno> {
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

    pub(super) fn find(&self, directory: u64, name: &[u8]) -> Result<u64, Errno> {
        self.entries(directory)?.get(name).ok_or(Errno::NOENT)
    }

    pub(super) fn is_directory(&self, inode: u64) -> bool {
        matches!(self.get(inode).map(|inode| &inode.content), Ok(Content::Directory(_)))
    }

    pub(super) fn metadata(&self, number: u64) -> Result<Metadata, Errno> {
        let inode = self.get(number)?;
        let (file_type, size) = match &inode.content {
            Content::Directory(_) => (FileType::Directory, PAGE_BYTES as u64),
            Content::File(pages) => (FileType::RegularFile, pages.size()),
            Content::Symlink(target) => (FileType::SymbolicLink, target.len() as u64),
        };
        Ok(Metadata {
            device: self.device,
            inode: number,
            file_type,
            links: inode.links,
            size,
            permissions: inode.permissions,
            accessed: inode.accessed,
            modified: inode.modified,
            changed: inode.changed,
        })
    }

    fn charge(&mut self, bytes: u64) -> Result<(), Errno> {
        let used = self.used.checked_add(bytes).filter(|used| *used <= self.quota);
        self.used = used.ok_or(Errno::NOSPC)?;
        Ok(())
    }

    fn refund(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// Adds an inode that no entry names yet.
    fn insert(&mut self, content: Content, permissions: u32, links: u64) -> u64 {
        let now = self.clock.realtime();
        let number = self.next_inode;
        self.next_inode += 1;
        let inode =
            Inode { content, links, handles: 0, permissions, accessed: now, modified: now, changed: now };
        self.inodes.insert(number, inode);
        number
    }

    /// Adds an entry. The caller has charged for it and knows that the name is
    /// free.
    fn add_entry(&mut self, directory: u64, name: &[u8], inode: u64) -> Result<(), Errno> {
        let entries = self.entries_mut(directory)?;
        let cookie = entries.next_cookie;
        entries.next_cookie += 1;
        entries.by_name.insert(name.to_vec(), (cookie, inode));
        entries.by_cookie.insert(cookie, (name.to_vec(), inode));
        self.touch(directory)
    }

    fn take_entry(&mut self, directory: u64, name: &[u8]) -> Result<u64, Errno> {
        let entries = self.entries_mut(directory)?;
        let (cookie, inode) = entries.by_name.remove(name).ok_or(Errno::NOENT)?;
        entries.by_cookie.remove(&cookie);
        self.refund(entry_cost(name));
        self.touch(directory)?;
        Ok(inode)
    }

    /// Notes that the content of `inode` changed now.
    fn touch(&mut self, inode: u64) -> Result<(), Errno> {
        let now = self.clock.realtime();
        let inode = self.get_mut(inode)?;
        inode.modified = now;
        inode.changed = now;
        Ok(())
    }

    fn touch_inode(&mut self, inode: u64) -> Result<(), Errno> {
        let now = self.clock.realtime();
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
        if self.entries(directory)?.get(name).is_some() {
            return Err(Errno::EXIST);
        }
        if self.get(directory)?.links == 0 {
            return Err(Errno::NOENT);
        }
        let (content, links, size) = match content {
            NewContent::File => (Content::File(Pages::default()), 1, 0),
            NewContent::Directory => (Content::Directory(Entries::new(directory)), 2, 0),
            NewContent::Symlink(target) => (Content::Symlink(target.to_vec()), 1, target.len() as u64),
        };
        self.charge(INODE_BYTES + size + entry_cost(name))?;
        let inode = self.insert(content, permissions, links);
        self.add_entry(directory, name, inode)?;
        if links == 2 {
            self.get_mut(directory)?.links += 1;
        }
        Ok(inode)
    }

    pub(super) fn link(&mut self, inode: u64, directory: u64, name: &[u8]) -> Result<(), Errno> {
        if self.entries(directory)?.get(name).is_some() {
            return Err(Errno::EXIST);
        }
        if self.is_directory(inode) {
            return Err(Errno::PERM);
        }
        if self.get(directory)?.links == 0 {
            return Err(Errno::NOENT);
        }
        if self.get(inode)?.links >= LINKS {
            return Err(Errno::MLINK);
        }
        self.charge(entry_cost(name))?;
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
        self.touch_inode(inode)?;
        self.drop_links(inode, 1)
    }

    pub(super) fn remove_directory(&mut self, directory: u64, name: &[u8]) -> Result<(), Errno> {
        let inode = self.find(directory, name)?;
        if !self.entries(inode)?.by_name.is_empty() {
            return Err(Errno::NOTEMPTY);
        }
        self.take_entry(directory, name)?;
        self.get_mut(directory)?.links -= 1;
        self.drop_links(inode, 2)
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
        let replaced = self.entries(to)?.get(to_name);
        if replaced == Some(moved) {
            return Ok(());
        }
        match replaced {
            Some(replaced) if self.is_within(from, replaced)? => return Err(Errno::NOTEMPTY),
            Some(replaced) => match (moves_directory, self.is_directory(replaced)) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) if !self.entries(replaced)?.by_name.is_empty() => return Err(Errno::NOTEMPTY),
                _ => {}
            },
            None if self.get(to)?.links == 0 => return Err(Errno::NOENT),
            None => {}
        }
        // The old name's cost is given back first, so that a full tree can still
        // rename; a longer name may not fit, and then nothing has changed.
        let (old_cost, new_cost) = (entry_cost(name), entry_cost(to_name));
        if replaced.is_none() {
            self.charge(new_cost.saturating_sub(old_cost))?;
        }
        match replaced {
            Some(_) if moves_directory => self.remove_directory(to, to_name)?,
            Some(_) => self.unlink(to, to_name)?,
            None => self.refund(new_cost.saturating_sub(old_cost)),
        }
        self.take_entry(from, name)?;
        self.used = self.used.saturating_add(new_cost);
        self.add_entry(to, to_name, moved)?;
        self.touch_inode(moved)?;
        if moves_directory {
            self.get_mut(from)?.links -= 1;
            self.get_mut(to)?.links += 1;
            self.entries_mut(moved)?.parent = to;
        }
        Ok(())
    }

    /// Whether `inode` is `above` or below it; a file is below nothing.
    fn is_within(&self, inode: u64, above: u64) -> Result<bool, Errno> {
        let mut at = inode;
        // BOUND: as many steps as the tree is deep, which the quota bounds by
        // what each inode costs.
        loop {
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

    pub(super) fn read_at(&self, inode: u64, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        match &self.get(inode)?.content {
            Content::File(pages) => Ok(pages.read_at(offset, into)),
            _ => Err(Errno::ISDIR),
        }
    }

    pub(super) fn write_at(&mut self, inode: u64, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        let end = offset.checked_add(from.len() as u64).filter(|end| i64::try_from(*end).is_ok());
        end.ok_or(Errno::FBIG)?;
        let may_add = self.quota.saturating_sub(self.used) / PAGE_BYTES as u64;
        let written = self.change_pages(inode, |pages| pages.write_at(offset, from, may_add))?;
        if written == 0 && !from.is_empty() {
            return Err(Errno::NOSPC);
        }
        Ok(written)
    }

    pub(super) fn set_size(&mut self, inode: u64, size: u64) -> Result<(), Errno> {
        if i64::try_from(size).is_err() {
            return Err(Errno::FBIG);
        }
        self.change_pages(inode, |pages| pages.set_size(size))
    }

    fn change_pages<T>(&mut self, inode: u64, change: impl FnOnce(&mut Pages) -> T) -> Result<T, Errno> {
        let Content::File(pages) = &mut self.get_mut(inode)?.content else { return Err(Errno::ISDIR) };
        let before = pages.count();
        let result = change(pages);
        let after = pages.count();
        self.refund(before.saturating_sub(after) * PAGE_BYTES as u64);
        self.used = self.used.saturating_add(after.saturating_sub(before) * PAGE_BYTES as u64);
        self.touch(inode)?;
        Ok(result)
    }

    /// Whether `bytes` more would fit.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.used.checked_add(bytes).is_some_and(|used| used <= self.quota)
    }

    pub(super) fn space(&self) -> Space {
        let free = self.quota.saturating_sub(self.used);
        // A tree without a quota holds nothing, and nothing can be put there.
        Space { total: self.quota, free, read_only: self.quota == 0 }
    }

    pub(super) fn set_times(&mut self, inode: u64, times: NewTimes) -> Result<(), Errno> {
        let now = self.clock.realtime();
        let inode = self.get_mut(inode)?;
        inode.accessed = times.accessed.unwrap_or(inode.accessed);
        inode.modified = times.modified.unwrap_or(inode.modified);
        inode.changed = now;
        Ok(())
    }

    pub(super) fn set_permissions(&mut self, inode: u64, permissions: u32) -> Result<(), Errno> {
        self.get_mut(inode)?.permissions = permissions & 0o7777;
        self.touch_inode(inode)
    }

    pub(super) fn hold(&mut self, inode: u64) {
        if let Some(inode) = self.inodes.get_mut(&inode) {
            inode.handles += 1;
        }
    }

    pub(super) fn release(&mut self, inode: u64) {
        if let Some(found) = self.inodes.get_mut(&inode) {
            found.handles = found.handles.saturating_sub(1);
            self.free_if_unused(inode);
        }
    }

    fn free_if_unused(&mut self, number: u64) {
        let unused = self.inodes.get(&number).is_some_and(|inode| inode.links == 0 && inode.handles == 0);
        if unused && let Some(inode) = self.inodes.remove(&number) {
            let content = match inode.content {
                Content::Directory(_) => 0,
                Content::File(pages) => pages.count() * PAGE_BYTES as u64,
                Content::Symlink(target) => target.len() as u64,
            };
            self.refund(INODE_BYTES + content);
        }
    }
}

/// What [`Tree::create`] makes.
pub(super) enum NewContent<'a> {
    File,
    Directory,
    Symlink(&'a [u8]),
}

fn entry_cost(name: &[u8]) -> u64 {
    // The name stands in both maps.
    ENTRY_BYTES + 2 * name.len() as u64
}
