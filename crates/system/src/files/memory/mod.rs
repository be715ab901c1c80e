//! A writable tree in memory, alone or as a layer over another tree.

mod attribute;
mod copy;
#[cfg(any(test, fuzzing))]
mod invariants;
mod lower;
mod tree;

use super::unnamed::SEALED;
use super::{
    Attribute, Creation, Directory, DirectoryEntry, File, FileType, Found, Locks, Metadata, NewTimes,
    OpenOptions, Opened, Quota, Seals, Space,
};
use crate::Errno;
use crate::clock::Clock;
pub(super) use copy::digest_of;
pub(super) use lower::{LOWER_ROOT, Lower, Origin, Seen, SeenDirectory, SeenKind, identity};
use std::any::Any;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tree::NewContent;
pub(super) use tree::{Content, Entries, ROOT, Tree};

/// A file tree in memory. Clones are the same tree, so that the owner of a run
/// can look at what it left.
///
/// ```
/// use bellglass_system::files::{MemoryTree, Quota};
/// use bellglass_system::RealClock;
/// use std::sync::Arc;
///
/// let quota = Arc::new(Quota::new(1 << 20, 100));
/// let tree = MemoryTree::new(Arc::clone(&quota), 7, Arc::new(RealClock::new()));
/// tree.root().create_directory(b"made", 0o755)?;
/// assert_eq!(quota.used_files(), 1);
/// # Ok::<(), bellglass_system::Errno>(())
/// ```
#[derive(Clone)]
pub struct MemoryTree {
    pub(super) tree: Arc<Mutex<Tree>>,
}

impl MemoryTree {
    /// An empty tree. Every file, name and page counts against `quota`; `device`
    /// is the number that stat shows.
    pub fn new(quota: Arc<Quota>, device: u64, clock: Arc<dyn Clock>) -> Self {
        Self { tree: Arc::new(Mutex::new(Tree::new(quota, device, clock))) }
    }

    /// A tree that begins as what `lower` is and may be changed in any way,
    /// while `lower` stays as it is. Only what is changed counts against `quota`; what
    /// is looked at, against its meter.
    ///
    /// What somebody else changes in `lower` meanwhile shows as long as the guest
    /// has not looked there; a file's content, as long as it has not changed it.
    ///
    /// # Errors
    /// What `lower` says when asked for its metadata.
    pub fn over(
        lower: Arc<dyn Directory>,
        quota: Arc<Quota>,
        device: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Errno> {
        let (lower, root) = Lower::new(lower, quota.meter())?;
        let tree = Tree::over(lower, root, Tree::new(quota, device, clock));
        Ok(Self { tree: Arc::new(Mutex::new(tree)) })
    }

    /// The root directory.
    pub fn root(&self) -> Arc<dyn Directory> {
        Arc::new(MemoryDirectory(Handle::new(&self.tree, ROOT)))
    }

    /// Opens the file that `inode` is.
    pub(super) fn open_inode(&self, inode: u64) -> Result<Arc<dyn File>, Errno> {
        let handle = Handle::new(&self.tree, inode);
        let mut tree = lock(&self.tree);
        match &tree.get(inode)?.content {
            Content::File(_) => {}
            Content::Lower { .. } => drop(tree.open_lower(inode)?),
            _ => return Err(Errno::INVAL),
        }
        drop(tree);
        Ok(Arc::new(MemoryFile(handle)))
    }
}

pub(super) fn lock(tree: &Mutex<Tree>) -> MutexGuard<'_, Tree> {
    // A thread that panicked while it held the lock was none of ours: the tree's
    // own methods do not panic.
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An inode, held from outside its tree.
pub(super) struct Handle {
    tree: Arc<Mutex<Tree>>,
    inode: u64,
}

impl Handle {
    /// An inode on which [`Tree::hold`] was called for this.
    pub(super) fn held(tree: &Arc<Mutex<Tree>>, inode: u64) -> Self {
        Self { tree: Arc::clone(tree), inode }
    }

    pub(super) fn inode(&self) -> u64 {
        self.inode
    }

    fn new(tree: &Arc<Mutex<Tree>>, inode: u64) -> Self {
        lock(tree).hold(inode);
        Self { tree: Arc::clone(tree), inode }
    }

    fn lock(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.lock().release(self.inode);
    }
}

struct MemoryDirectory(Handle);

impl MemoryDirectory {
    fn inode_of(&self, name: &[u8]) -> Result<u64, Errno> {
        self.0.lock().find(self.0.inode, name)
    }

    /// The inode number of `other`, if it is a directory of this tree.
    fn same_tree(&self, other: &dyn Directory) -> Result<u64, Errno> {
        let other = other.innermost().unwrap_or(other);
        let other = (other as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        if Arc::ptr_eq(&self.0.tree, &other.0.tree) { Ok(other.0.inode) } else { Err(Errno::XDEV) }
    }
}

impl Directory for MemoryDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.0.lock().metadata(self.0.inode)
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        let inode = {
            let mut tree = self.0.lock();
            let inode = tree.find(self.0.inode, name)?;
            match &tree.get(inode)?.content {
                Content::Symlink(target) => return Ok(Found::Symlink(target.clone())),
                Content::Directory(_) => inode,
                _ => return Ok(Found::Other),
            }
        };
        Ok(Found::Directory(Arc::new(Self(Handle::new(&self.0.tree, inode)))))
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let mut tree = self.0.lock();
        let inode = tree.find(self.0.inode, name)?;
        tree.metadata(inode)
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let inode = {
            let mut tree = self.0.lock();
            match (tree.find(self.0.inode, name), options.creation) {
                (Ok(_), Creation::New) => return Err(Errno::EXIST),
                (Ok(inode), _) => {
                    match &tree.get(inode)?.content {
                        Content::Directory(_) => return Err(Errno::ISDIR),
                        Content::Symlink(_) => return Err(Errno::LOOP),
                        // Without one below it is this tree's own.
                        Content::Special(FileType::Fifo) if tree.get(inode)?.below.is_none() => {
                            tree.hold(inode);
                            let file = MemoryFile(Handle::held(&self.0.tree, inode));
                            return Ok(Opened::Pipe(Arc::new(file)));
                        }
                        Content::Special(_) => {
                            return tree.open_special(inode, options);
                        }
                        Content::File(_) => {}
                        // What cannot be read cannot be copied either. It stays
                        // open while the object that is made below does.
                        Content::Lower { .. } => drop(tree.open_lower(inode)?),
                    }
                    if options.truncate {
                        tree.set_size(inode, 0)?;
                    }
                    inode
                }
                (Err(Errno::NOENT), Creation::IfMissing | Creation::New) => {
                    tree.create(self.0.inode, name, NewContent::File, options.permissions)?
                }
                (Err(error), _) => return Err(error),
            }
        };
        Ok(Opened::File(Arc::new(MemoryFile(Handle::new(&self.0.tree, inode)))))
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let mut tree = self.0.lock();
        tree.load(self.0.inode)?;
        for (cookie, name, inode) in tree.entries(self.0.inode)?.after(cookie) {
            let file_type = tree.get(inode)?.file_type();
            if each(DirectoryEntry { cookie, name, inode, file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn create_directory(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        self.0.lock().create(self.0.inode, name, NewContent::Directory, permissions).map(|_| ())
    }

    fn create_special(&self, name: &[u8], kind: FileType, permissions: u32) -> Result<(), Errno> {
        self.0.lock().create(self.0.inode, name, NewContent::Special(kind), permissions).map(|_| ())
    }

    fn hold(&self, name: &[u8]) -> Result<Option<Arc<dyn File>>, Errno> {
        let inode = self.inode_of(name)?;
        Ok(Some(Arc::new(MemoryFile(Handle::new(&self.0.tree, inode)))))
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), Errno> {
        self.0.lock().create(self.0.inode, name, NewContent::Symlink(target), 0o777).map(|_| ())
    }

    fn link(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let inode = self.inode_of(name)?;
        if to.lookup(to_name).is_ok() {
            return Err(Errno::EXIST);
        }
        let to = self.same_tree(to)?;
        self.0.lock().link(inode, to, to_name)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        self.0.lock().unlink(self.0.inode, name)
    }

    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        self.0.lock().remove_directory(self.0.inode, name)
    }

    fn rename(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.0.lock().rename(self.0.inode, name, to, to_name)
    }

    fn create_unnamed(&self, options: &OpenOptions, unlinkable: bool) -> Result<Arc<dyn File>, Errno> {
        let inode = self.0.lock().create_unnamed(self.0.inode, options.permissions, unlinkable)?;
        Ok(Arc::new(MemoryFile(Handle::held(&self.0.tree, inode))))
    }

    fn link_file(&self, file: &dyn File, name: &[u8]) -> Result<(), Errno> {
        let of_this_tree = (file as &dyn Any).downcast_ref::<MemoryFile>();
        let file = of_this_tree.filter(|file| Arc::ptr_eq(&file.0.tree, &self.0.tree)).ok_or(Errno::XDEV)?;
        self.0.lock().link(file.0.inode, self.0.inode, name)
    }

    fn rename_new(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.0.lock().rename_new(self.0.inode, name, to, to_name)
    }

    fn exchange(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.0.lock().exchange(self.0.inode, name, to, to_name)
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        Ok((self.0.lock().device(), self.0.inode))
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.0.lock().set_times(self.0.inode, times)
    }

    fn set_times_of(&self, name: &[u8], times: NewTimes) -> Result<(), Errno> {
        let mut tree = self.0.lock();
        let inode = tree.find(self.0.inode, name)?;
        tree.set_times(inode, times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.0.lock().set_permissions(self.0.inode, permissions)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.0.lock().attribute(self.0.inode, act)
    }

    fn set_permissions_of(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        let mut tree = self.0.lock();
        let inode = tree.find(self.0.inode, name)?;
        tree.set_permissions(inode, permissions)
    }

    fn attribute_of(&self, name: &[u8], act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        let mut tree = self.0.lock();
        let inode = tree.find(self.0.inode, name)?;
        tree.attribute(inode, act)
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(self.0.lock().space())
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.0.lock().locks(self.0.inode).map(Some)
    }
}

struct MemoryFile(Handle);

impl File for MemoryFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.0.lock().metadata(self.0.inode)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.0.lock().read_at(self.0.inode, offset, into)
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        self.0.lock().next_data(self.0.inode, offset)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.0.lock().write_at(self.0.inode, offset, from)
    }

    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        let mut tree = self.0.lock();
        let end = tree.metadata(self.0.inode)?.size;
        let written = tree.write_at(self.0.inode, end, from)?;
        Ok((written, end.saturating_add(written as u64)))
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.0.lock().set_size(self.0.inode, size)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.checked_add(length).ok_or(Errno::FBIG)?;
        let mut tree = self.0.lock();
        let size = tree.metadata(self.0.inode)?.size;
        if end <= size {
            tree.copy_up(self.0.inode, u64::MAX)?;
            return tree.change_content(self.0.inode);
        }
        // A promise of room that was not there would be no allocation; the room
        // itself is taken by the writes.
        if !tree.has_room(end - size) {
            return Err(Errno::NOSPC);
        }
        tree.set_size(self.0.inode, end)
    }

    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.checked_add(length).ok_or(Errno::FBIG)?;
        let mut tree = self.0.lock();
        let size = tree.metadata(self.0.inode)?.size;
        if end > size && !tree.has_room(end - size.max(offset)) {
            return Err(Errno::NOSPC);
        }
        tree.copy_up(self.0.inode, u64::MAX)?;
        tree.change_content(self.0.inode)
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.0.lock().punch(self.0.inode, offset, length)
    }

    /// As on Linux, where only a tree in memory knows of seals: nobody can add any.
    fn seals(&self) -> Option<&Seals> {
        self.0.lock().lower.is_none().then_some(&SEALED)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.0.lock().set_times(self.0.inode, times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.0.lock().set_permissions(self.0.inode, permissions)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.0.lock().attribute(self.0.inode, act)
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(self.0.lock().space())
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.0.lock().locks(self.0.inode).map(Some)
    }
}
