//! A directory of the host as a tree.
//!
//! Each operation goes to the host with one single name, relative to a held
//! directory, and without following symlinks; a symlink of the host is only read,
//! and the walk interprets it in the guest's tree. So a mounted directory shows what
//! lies in it and nothing else, even while others change it.

mod attribute;
mod file;
mod holes;
mod kernel;
mod listing;
mod locks;
mod mount;
mod node;
mod open;
mod single;
mod standing;
mod step;
mod within;

use super::handles::{For, Held};
use super::{
    Attribute, Creation, Directory, DirectoryEntry, File, FileType, Found, Locks, Metadata, NewTimes,
    OpenOptions, Opened, Space, Wanting,
};
use crate::{Errno, pieces};
use file::OpenFile;
pub(crate) use kernel::{KernelFileSystem, KernelFiles};
use listing::Listing;
use mount::{Mount, Numbers, file_type, timestamps};
use node::Node;
pub(crate) use open::{Wanted, kernel_file_system, open};
use rustix::fs::{AtFlags, OFlags, Stat};
pub(crate) use single::HostFile;
pub(crate) use standing::{Standing, StreamNumbers};
use std::any::Any;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether a guest may change a directory of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may only read.
    ReadOnly,
    /// It may change what lies in it.
    ReadWrite,
}

/// A directory of the host.
pub(crate) struct HostDirectory {
    node: Arc<Node>,
    listing: Mutex<Option<Listing>>,
}

impl HostDirectory {
    /// Shows `directory`, with this device number for stat. Whether it is one of the
    /// kernel's own has been found out before.
    pub(crate) fn new(
        directory: OwnedFd,
        access: Access,
        device: u64,
        kernel_files: KernelFiles,
        held: Held,
    ) -> Result<Self, Errno> {
        let Held { handles, meter } = held;
        let root = step::identity(&rustix::fs::fstat(&directory)?);
        let numbers = Numbers::default();
        let mount = Mount { access, device, root, kernel_files, numbers, handles, meter };
        Ok(Self::of(Node::root(Arc::new(mount), directory)))
    }

    /// Of a run of its own, for tests.
    #[cfg(test)]
    pub(crate) fn of_path(path: &std::path::Path, access: Access, device: u64) -> Self {
        let directory = std::fs::File::open(path).expect("opened").into();
        let meter = Arc::new(crate::Meter::new(1 << 30));
        let held = Held { handles: super::Handles::new(), meter };
        Self::new(directory, access, device, KernelFiles::Refused, held).expect("a directory")
    }

    /// The root of the same mount, with the same numbers, for one who may write to it.
    pub(super) fn writable(&self) -> Result<Self, Errno> {
        let Mount { device, root, kernel_files, .. } = *self.node.mount;
        let (handles, meter) = (Arc::clone(&self.node.mount.handles), Arc::clone(&self.node.mount.meter));
        let numbers = self.node.mount.numbers.clone();
        let directory = rustix::io::fcntl_dupfd_cloexec(self.node.open()?.as_fd(), 0)?;
        let access = Access::ReadWrite;
        let mount = Mount { access, device, root, kernel_files, numbers, handles, meter };
        Ok(Self::of(Node::root(Arc::new(mount), directory)))
    }

    fn of(node: Arc<Node>) -> Self {
        Self { node, listing: Mutex::default() }
    }

    fn same_tree<'a>(&self, other: &'a dyn Directory) -> Result<&'a Self, Errno> {
        let other = other.innermost().unwrap_or(other);
        let other = (other as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        if Arc::ptr_eq(&self.node.mount, &other.node.mount) { Ok(other) } else { Err(Errno::XDEV) }
    }

    fn rename_by(
        &self,
        step: impl Fn(BorrowedFd<'_>, &[u8], BorrowedFd<'_>, &[u8]) -> Result<(), Errno>,
        name: &[u8],
        to: &dyn Directory,
        to_name: &[u8],
    ) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.node.mount.writable()?;
        within::check_rename(&self.node, name, &to.node)?;
        step(self.node.open()?.as_fd(), name, to.node.open()?.as_fd(), to_name)
    }

    fn stat(&self, name: &[u8]) -> Result<Stat, Errno> {
        step::stat(self.node.open()?.as_fd(), name)
    }

    /// EEXIST if the name is taken, or EROFS.
    fn free(&self, directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
        if step::stat(directory, name).is_ok() { Err(Errno::EXIST) } else { self.node.mount.writable() }
    }

    /// Whether a name may be removed; of one that is not there, that it is not.
    fn removable(&self, directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
        match self.node.mount.writable() {
            Err(_) if step::stat(directory, name).is_err() => Err(Errno::NOENT),
            writable => writable,
        }
    }

    /// See [`Mount::check_crossing`], for what is found here.
    fn check(&self, found: BorrowedFd<'_>, stat: &Stat) -> Result<(), Errno> {
        self.node.mount.check_crossing(self.node.identity.0, stat.st_dev, found)
    }

    /// The same, for a name that is there and not open.
    fn check_name(&self, directory: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> Result<(), Errno> {
        if stat.st_dev == self.node.identity.0 {
            return Ok(());
        }
        let found = step::open(directory, name, OFlags::PATH, rustix::fs::Mode::empty())?;
        self.check(found.as_fd(), stat)
    }
}

impl Directory for HostDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let stat = rustix::fs::fstat(self.node.open()?)?;
        Ok(self.node.mount.metadata(&stat))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        match self.node.child(name) {
            Ok(node) => Ok(Found::Directory(Arc::new(Self::of(node)))),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let target = step::target(self.node.open()?.as_fd(), name)?;
                Ok(target.map_or(Found::Other, Found::Symlink))
            }
            Err(error) => Err(error),
        }
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        Ok(self.node.mount.metadata(&self.stat(name)?))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let directory = self.node.open()?;
        let write = options.write || options.truncate;
        let read = options.read || !write;
        let mut flags = match step::stat(directory.as_fd(), name) {
            Ok(_) if options.creation == Creation::New => return Err(Errno::EXIST),
            Ok(stat) => {
                match file_type(step::kind(&stat)) {
                    FileType::Directory => return Err(Errno::ISDIR),
                    FileType::SymbolicLink => return Err(Errno::LOOP),
                    FileType::RegularFile if write => self.node.mount.writable()?,
                    FileType::RegularFile => {}
                    // To open a FIFO can block, and to open a device can do
                    // anything.
                    _ => return Err(Errno::ACCES),
                }
                // So can it to open a file of the kernel's own.
                self.check_name(directory.as_fd(), name, &stat)?;
                match (read, write) {
                    (true, true) => OFlags::RDWR,
                    (false, true) => OFlags::WRONLY,
                    _ => OFlags::RDONLY,
                }
            }
            Err(Errno::NOENT) if options.creation != Creation::Existing => {
                self.node.mount.writable()?;
                let access = if options.read { OFlags::RDWR } else { OFlags::WRONLY };
                access | OFlags::CREATE | OFlags::EXCL
            }
            Err(error) => return Err(error),
        };
        let permit = self.node.mount.handles.take(For::File)?;
        // Should a FIFO have come there meanwhile, this must not block.
        flags |= OFlags::NONBLOCK | OFlags::NOCTTY;
        let is_new = flags.contains(OFlags::CREATE);
        let mode = if is_new { options.permissions } else { 0 };
        let file = step::open(directory.as_fd(), name, flags, step::permission_bits(mode))?;
        let stat = rustix::fs::fstat(&file)?;
        if file_type(step::kind(&stat)) != FileType::RegularFile {
            return Err(Errno::ACCES);
        }
        self.check(file.as_fd(), &stat)?;
        // Only now, when it is known what would be emptied.
        if options.truncate && !is_new {
            rustix::fs::ftruncate(&file, 0)?;
        }
        let mount = Arc::clone(&self.node.mount);
        let held = Arc::new(locks::Held { file: file.into(), _permit: permit });
        Ok(Opened::File(Arc::new(OpenFile { held, mount })))
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        let read = match listing.take() {
            Some(listing) if cookie != 0 => listing,
            // A cookie may come from another time that the directory was open. The
            // old one has gone before the new one is charged.
            _ => Listing::read(&self.node)?,
        };
        let read = listing.insert(read);
        let skip = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (entry, cookie) in read.after(skip).iter().zip(cookie.saturating_add(1)..) {
            let (inode, file_type) = (entry.inode, entry.file_type);
            if each(DirectoryEntry { cookie, name: &entry.name, inode, file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn create_directory(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        let directory = self.node.open()?;
        self.free(directory.as_fd(), name)?;
        step::make_directory(directory.as_fd(), name, step::permission_bits(permissions))
    }

    /// EPERM for a target that would mean one thing to the guest and another to the
    /// host's programs that come across it.
    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), Errno> {
        let directory = self.node.open()?;
        self.free(directory.as_fd(), name)?;
        within::check_target(&self.node, target)?;
        step::make_symlink(directory.as_fd(), name, target)
    }

    fn link(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let directory = self.node.open()?;
        let kind = step::kind(&step::stat(directory.as_fd(), name)?);
        if to.lookup(to_name).is_ok() {
            return Err(Errno::EXIST);
        }
        let to = self.same_tree(to)?;
        if kind == rustix::fs::FileType::Directory {
            return Err(Errno::PERM);
        }
        self.node.mount.writable()?;
        within::check_rename(&self.node, name, &to.node)?;
        step::link(directory.as_fd(), name, to.node.open()?.as_fd(), to_name)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        let directory = self.node.open()?;
        self.removable(directory.as_fd(), name)?;
        step::remove(directory.as_fd(), name, AtFlags::empty())
    }

    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        let directory = self.node.open()?;
        self.removable(directory.as_fd(), name)?;
        step::remove(directory.as_fd(), name, AtFlags::REMOVEDIR)
    }

    fn rename(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.rename_by(step::rename, name, to, to_name)
    }

    fn rename_new(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.rename_by(step::rename_new, name, to, to_name)
    }

    fn create_unnamed(&self, options: &OpenOptions, unlinkable: bool) -> Result<Arc<dyn File>, Errno> {
        self.node.mount.writable()?;
        let permit = self.node.mount.handles.take(For::File)?;
        let directory = self.node.open()?;
        let mode = step::permission_bits(options.permissions);
        let file = step::open_unnamed(directory.as_fd(), options.read, unlinkable, mode)?;
        let mount = Arc::clone(&self.node.mount);
        let held = Arc::new(locks::Held { file: file.into(), _permit: permit });
        Ok(Arc::new(OpenFile { held, mount }))
    }

    fn link_file(&self, file: &dyn File, name: &[u8]) -> Result<(), Errno> {
        let of_this_mount = (file as &dyn Any).downcast_ref::<OpenFile>();
        let is_it = |file: &&OpenFile| Arc::ptr_eq(&file.mount, &self.node.mount);
        let file = of_this_mount.filter(is_it).ok_or(Errno::XDEV)?;
        let directory = self.node.open()?;
        self.free(directory.as_fd(), name)?;
        step::link_open(file.held.file.as_fd(), directory.as_fd(), name)
    }

    fn exchange(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.node.mount.writable()?;
        within::check_rename(&self.node, name, &to.node)?;
        within::check_rename(&to.node, to_name, &self.node)?;
        step::exchange(self.node.open()?.as_fd(), name, to.node.open()?.as_fd(), to_name)
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        let Mount { device, numbers, .. } = &*self.node.mount;
        Ok((*device, numbers.number(self.node.identity)))
    }

    fn again(&self) -> Option<Arc<dyn Directory>> {
        Some(Arc::new(Self::of(Arc::clone(&self.node))))
    }

    fn renamed(&self, parent: &dyn Directory, name: &[u8]) {
        if let Ok(parent) = self.same_tree(parent) {
            self.node.renamed(&parent.node, name);
        }
    }

    fn checks_permissions(&self) -> bool {
        true
    }

    fn check_permission(&self, wanted: Wanting) -> Result<(), Errno> {
        let directory = self.node.open()?;
        match wanted {
            Wanting::List => step::listed(directory.as_fd()).map(drop),
            Wanting::Search => step::may(directory.as_fd(), rustix::fs::Access::EXEC_OK),
            Wanting::Change if self.node.mount.writable().is_err() => Err(Errno::ROFS),
            Wanting::Change => {
                step::may(directory.as_fd(), rustix::fs::Access::EXEC_OK | rustix::fs::Access::WRITE_OK)
            }
        }
    }

    fn is_read_only(&self) -> bool {
        self.node.mount.access == Access::ReadOnly
    }

    fn keeps_holes(&self) -> Result<bool, Errno> {
        holes::keeps_holes(self.node.open()?)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.node.mount.writable()?;
        step::set_times(self.node.open()?.as_fd(), &timestamps(times))
    }

    fn set_times_of(&self, name: &[u8], times: NewTimes) -> Result<(), Errno> {
        let directory = self.node.open()?;
        let stat = step::stat(directory.as_fd(), name)?;
        self.node.mount.writable()?;
        self.check_name(directory.as_fd(), name, &stat)?;
        step::set_times_of(directory.as_fd(), name, &timestamps(times))
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.node.mount.writable()?;
        step::set_mode(self.node.open()?.as_fd(), step::permission_bits(permissions))
    }

    fn set_permissions_of(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        let directory = self.node.open()?;
        let check = |stat: &Stat| match file_type(step::kind(stat)) {
            FileType::SymbolicLink => Err(Errno::NOTSUP),
            FileType::Directory | FileType::RegularFile => self.node.mount.writable(),
            // Others of the host's users may wait for one at a FIFO or a device.
            _ => Err(Errno::ACCES),
        };
        check(&step::stat(directory.as_fd(), name)?)?;
        let mode = step::permission_bits(permissions);
        step::set_mode_of(directory.as_fd(), name, mode, |found, stat| {
            check(stat)?;
            self.check(found, stat)
        })
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        if act.writes() {
            self.node.mount.writable()?;
        }
        step::attribute(self.node.open()?.as_fd(), act)
    }

    fn attribute_of(&self, name: &[u8], act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        if act.writes() {
            self.node.mount.writable()?;
        }
        let directory = self.node.open()?;
        let found = step::open(directory.as_fd(), name, OFlags::PATH, rustix::fs::Mode::empty())?;
        let stat = rustix::fs::fstat(&found)?;
        if file_type(step::kind(&stat)) != FileType::RegularFile {
            return Err(Errno::NOTSUP);
        }
        self.check(found.as_fd(), &stat)?;
        step::attribute(found.as_fd(), act)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        // What is held of a directory only names it.
        let directory = step::listed(self.node.open()?.as_fd())?;
        match pieces::aside(move || rustix::fs::fsync(directory))? {
            // A file system that has nothing to make last.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => Ok(()),
            other => Ok(other?),
        }
    }

    fn space(&self) -> Result<Space, Errno> {
        self.node.mount.space(self.node.open()?)
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        // What is held of a directory only names it, and that cannot be locked.
        let _permit = self.node.mount.handles.take(For::File)?;
        let file = step::listed(self.node.open()?.as_fd())?.into();
        locks::locks_of(Arc::new(locks::Held { file, _permit }), None).map(Some)
    }
}
