//! A directory of the host as a tree.
//!
//! Each operation goes to the host with one single name, relative to a held
//! directory, through cap-std and without following symlinks; a symlink of the
//! host is only read, and the walk interprets it in the guest's tree. So a
//! mounted directory shows what lies in it and nothing else, even while others
//! change it.

use super::single::since_epoch;
use super::{
    Creation, Directory, DirectoryEntry, File, FileType, Found, Metadata, NewTimes, OpenOptions, Opened,
    Space, holes,
};
use crate::pieces::Steps;
use crate::{Errno, pieces};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, SystemTimeSpec};
use cap_std::fs::{
    DirBuilder, DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, Permissions, PermissionsExt,
};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::ops::{ControlFlow, Range};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Entries that the listings of one mount may hold together.
// BOUND: a guest that opens and reads many large directories is stopped here,
// with ENOMEM, at some hundred megabytes.
const LISTED: usize = 2 << 20;

/// Whether a guest may change a directory of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may only read.
    ReadOnly,
    /// It may change what lies in it.
    ReadWrite,
}

/// What all directories of one mount share.
struct Mount {
    access: Access,
    device: u64,
    inodes: Arc<Inodes>,
    listed: AtomicUsize,
}

/// The host's device and inode numbers, and what the guest sees for them.
// BOUND: one entry for each file of the host that the guest has looked at.
type Inodes = Mutex<HashMap<(u64, u64), u64>>;

impl Mount {
    fn inode(&self, device: u64, inode: u64) -> u64 {
        let mut inodes = self.inodes.lock().unwrap_or_else(PoisonError::into_inner);
        let next = inodes.len() as u64 + 1;
        *inodes.entry((device, inode)).or_insert(next)
    }

    fn metadata(&self, metadata: &cap_std::fs::Metadata) -> Metadata {
        Metadata {
            device: self.device,
            inode: self.inode(metadata.dev(), metadata.ino()),
            file_type: file_type(metadata.file_type()),
            links: metadata.nlink(),
            size: metadata.len(),
            permissions: metadata.mode() & 0o777,
            accessed: since_epoch(metadata.accessed().map(cap_std::time::SystemTime::into_std)),
            modified: since_epoch(metadata.modified().map(cap_std::time::SystemTime::into_std)),
            changed: Duration::new(
                u64::try_from(metadata.ctime()).unwrap_or(0),
                u32::try_from(metadata.ctime_nsec()).unwrap_or(0),
            ),
        }
    }

    fn writable(&self) -> Result<(), Errno> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Errno::ROFS),
        }
    }
}

/// The host's file system has the same room for the guest, if it may write.
fn space(mount: &Mount, file: impl std::os::fd::AsFd) -> Result<Space, Errno> {
    let host = rustix::fs::fstatvfs(file)?;
    let bytes = |blocks: u64| blocks.saturating_mul(host.f_frsize);
    if mount.access == Access::ReadOnly {
        // What is free there is of no use to the guest, and not its business.
        return Ok(Space { total: bytes(host.f_blocks), read_only: true, ..Space::default() });
    }
    Ok(Space {
        total: bytes(host.f_blocks),
        free: bytes(host.f_bavail),
        files: host.f_files,
        free_files: host.f_favail,
        read_only: false,
    })
}

fn file_type(found: cap_std::fs::FileType) -> FileType {
    match () {
        () if found.is_dir() => FileType::Directory,
        () if found.is_file() => FileType::RegularFile,
        () if found.is_symlink() => FileType::SymbolicLink,
        // FIFOs, devices and sockets of the host are of no use to a guest.
        () => FileType::Unknown,
    }
}

/// A directory of the host, held open.
pub struct HostDirectory {
    directory: cap_std::fs::Dir,
    mount: Arc<Mount>,
    listing: Mutex<Listing>,
}

/// What a directory held when its reading began. The host gives no cookies that
/// stay true across changes, so this is how an entry that stays is seen once.
#[derive(Default)]
struct Listing {
    entries: Vec<(Vec<u8>, u64, FileType)>,
    read: bool,
}

impl HostDirectory {
    /// Shows `directory`, with this device number for stat.
    pub fn new(directory: std::fs::File, access: Access, device: u64) -> Self {
        let mount = Mount { access, device, inodes: Arc::default(), listed: AtomicUsize::new(0) };
        Self::held(cap_std::fs::Dir::from_std_file(directory), Arc::new(mount))
    }

    /// The same directory, with the same numbers, for one who may write to it.
    pub(super) fn writable(&self) -> Result<Self, Errno> {
        let Mount { device, inodes, .. } = self.mount.as_ref();
        let inodes = Arc::clone(inodes);
        let mount = Mount { access: Access::ReadWrite, device: *device, inodes, listed: AtomicUsize::new(0) };
        Ok(Self::held(self.directory.try_clone()?, Arc::new(mount)))
    }

    fn held(directory: cap_std::fs::Dir, mount: Arc<Mount>) -> Self {
        Self { directory, mount, listing: Mutex::default() }
    }

    fn same_tree<'a>(&self, other: &'a dyn Directory) -> Result<&'a Self, Errno> {
        let other = other.innermost().unwrap_or(other);
        let other = (other as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        if Arc::ptr_eq(&self.mount, &other.mount) { Ok(other) } else { Err(Errno::XDEV) }
    }

    fn exists(&self, name: &[u8]) -> bool {
        self.directory.symlink_metadata(path(name)).is_ok()
    }

    /// Whether a name may be removed; of one that is not there, that it is not.
    fn removable(&self, name: &[u8]) -> Result<(), Errno> {
        match self.mount.writable() {
            Err(_) if !self.exists(name) => Err(Errno::NOENT),
            writable => writable,
        }
    }

    fn read_listing(&self, listing: &mut Listing) -> Result<(), Errno> {
        self.forget(listing);
        let device = self.directory.dir_metadata()?.dev();
        // The host's order is an accident; a sorted one makes runs repeatable. It comes
        // about step by step, for to sort is a long step of its own.
        let (mut sorted, mut steps) = (BTreeMap::new(), Steps::default());
        for entry in self.directory.entries()? {
            steps.step()?;
            let entry = entry?;
            let inode = std::os::unix::fs::DirEntryExt::ino(&entry);
            let file_type = entry.file_type().map_or(FileType::Unknown, file_type);
            if self.mount.listed.load(Ordering::Relaxed).saturating_add(sorted.len()) >= LISTED {
                return Err(Errno::NOMEM);
            }
            let name = entry.file_name().into_vec();
            sorted.insert(name, (self.mount.inode(device, inode), file_type));
        }
        self.mount.listed.fetch_add(sorted.len(), Ordering::Relaxed);
        listing.entries = sorted.into_iter().map(|(name, (inode, kind))| (name, inode, kind)).collect();
        listing.read = true;
        Ok(())
    }

    fn forget(&self, listing: &mut Listing) {
        self.mount.listed.fetch_sub(listing.entries.len(), Ordering::Relaxed);
        listing.entries = Vec::new();
    }
}

impl Drop for HostDirectory {
    fn drop(&mut self) {
        let mut listing = std::mem::take(self.listing.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.forget(&mut listing);
    }
}

fn path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

fn time_spec(time: Option<Duration>) -> Option<SystemTimeSpec> {
    let time = SystemTime::UNIX_EPOCH.checked_add(time?)?;
    Some(SystemTimeSpec::Absolute(cap_std::time::SystemTime::from_std(time)))
}

impl Directory for HostDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.mount.metadata(&self.directory.dir_metadata()?))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        let name = path(name);
        let found = self.directory.symlink_metadata(name)?.file_type();
        if found.is_symlink() {
            return Ok(Found::Symlink(self.directory.read_link_contents(name)?.into_os_string().into_vec()));
        }
        if !found.is_dir() {
            return Ok(Found::Other);
        }
        let directory = self.directory.open_dir_nofollow(name)?;
        Ok(Found::Directory(Arc::new(Self::held(directory, Arc::clone(&self.mount)))))
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        Ok(self.mount.metadata(&self.directory.symlink_metadata(path(name))?))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let mut host = cap_std::fs::OpenOptions::new();
        let write = options.write || options.truncate;
        match (self.directory.symlink_metadata(path(name)), options.creation) {
            (Ok(_), Creation::New) => return Err(Errno::EXIST),
            (Ok(metadata), _) => {
                match file_type(metadata.file_type()) {
                    FileType::Directory => return Err(Errno::ISDIR),
                    FileType::SymbolicLink => return Err(Errno::LOOP),
                    FileType::RegularFile if write => self.mount.writable()?,
                    FileType::RegularFile => {}
                    // To open a FIFO can block, and to open a device can do
                    // anything.
                    _ => return Err(Errno::ACCES),
                }
                host.read(options.read || !write).write(write).truncate(options.truncate);
            }
            (Err(error), creation) => match (Errno::from(error), creation) {
                (Errno::NOENT, Creation::IfMissing | Creation::New) => {
                    self.mount.writable()?;
                    host.read(options.read).write(true).create_new(true);
                }
                (error, _) => return Err(error),
            },
        }
        host.mode(options.permissions & 0o777).follow(FollowSymlinks::No);
        // Should a FIFO have come there meanwhile, this must not block.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        host.custom_flags(i32::try_from(flags.bits()).unwrap_or(0));
        let file = self.directory.open_with(path(name), &host)?;
        if !file.metadata()?.is_file() {
            return Err(Errno::ACCES);
        }
        Ok(Opened::File(Arc::new(OpenFile { file, mount: Arc::clone(&self.mount) })))
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let mut listing = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        // A cookie may come from another time that the directory was open.
        if cookie == 0 || !listing.read {
            self.read_listing(&mut listing)?;
        }
        let skip = usize::try_from(cookie).unwrap_or(usize::MAX);
        let rest = listing.entries.get(skip..).unwrap_or_default();
        for ((name, inode, file_type), cookie) in rest.iter().zip(cookie.saturating_add(1)..) {
            if each(DirectoryEntry { cookie, name, inode: *inode, file_type: *file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn create_directory(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        if self.exists(name) {
            return Err(Errno::EXIST);
        }
        self.mount.writable()?;
        let mut builder = DirBuilder::new();
        builder.mode(permissions & 0o777);
        Ok(self.directory.create_dir_with(path(name), &builder)?)
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), Errno> {
        if self.exists(name) {
            return Err(Errno::EXIST);
        }
        self.mount.writable()?;
        // cap-std refuses an absolute target, rightly: it would mean one thing to
        // the guest and another to the host's programs that come across it.
        Ok(self.directory.symlink(path(target), path(name))?)
    }

    fn link(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let metadata = self.directory.symlink_metadata(path(name))?;
        if to.lookup(to_name).is_ok() {
            return Err(Errno::EXIST);
        }
        let to = self.same_tree(to)?;
        if metadata.is_dir() {
            return Err(Errno::PERM);
        }
        self.mount.writable()?;
        Ok(self.directory.hard_link(path(name), &to.directory, path(to_name))?)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        self.removable(name)?;
        Ok(self.directory.remove_file_or_symlink(path(name))?)
    }

    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        self.removable(name)?;
        Ok(self.directory.remove_dir(path(name))?)
    }

    fn rename(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.mount.writable()?;
        Ok(self.directory.rename(path(name), &to.directory, path(to_name))?)
    }

    fn rename_new(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let to = self.same_tree(to)?;
        self.mount.writable()?;
        rename_new(&self.directory, path(name), &to.directory, path(to_name))
    }

    fn keeps_holes(&self) -> Result<bool, Errno> {
        holes::keeps_holes(&self.directory)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.mount.writable()?;
        Ok(self.directory.set_times(".", time_spec(times.accessed), time_spec(times.modified))?)
    }

    fn set_times_of(&self, name: &[u8], times: NewTimes) -> Result<(), Errno> {
        self.metadata_of(name)?;
        self.mount.writable()?;
        let (accessed, modified) = (time_spec(times.accessed), time_spec(times.modified));
        Ok(self.directory.set_symlink_times(path(name), accessed, modified)?)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.mount.writable()?;
        // Only the nine bits: no guest shall leave a set-user-ID program behind.
        Ok(self.directory.set_permissions(".", Permissions::from_mode(permissions & 0o777))?)
    }

    fn set_permissions_of(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        if self.metadata_of(name)?.file_type == FileType::SymbolicLink {
            return Err(Errno::NOTSUP);
        }
        self.mount.writable()?;
        let permissions = Permissions::from_mode(permissions & 0o777);
        Ok(self.directory.set_permissions(path(name), permissions)?)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        use rustix::fs::{Mode, OFlags};
        // What is held of a directory only names it.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::openat(&self.directory, ".", flags, Mode::empty())?;
        match pieces::aside(move || rustix::fs::fsync(directory))? {
            // A file system that has nothing to make last.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOTSUP) => Ok(()),
            other => Ok(other?),
        }
    }

    fn space(&self) -> Result<Space, Errno> {
        space(&self.mount, &self.directory)
    }
}

/// An open file of a mounted directory. What the descriptor may do was decided
/// when the host opened it.
struct OpenFile {
    file: cap_std::fs::File,
    mount: Arc<Mount>,
}

impl File for OpenFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.mount.metadata(&self.file.metadata()?))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(self.file.read_at(into, offset)?)
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        holes::next_data(&self.file, offset)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.mount.writable()?;
        Ok(self.file.write_at(from, offset)?)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.mount.writable()?;
        Ok(self.file.set_len(size)?)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.mount.writable()?;
        let flags = rustix::fs::FallocateFlags::empty();
        let file = self.file.try_clone()?;
        Ok(pieces::aside(move || rustix::fs::fallocate(file, flags, offset, length))??)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.mount.writable()?;
        let time = |time: Option<Duration>| {
            time.map_or(Ok(omitted()), |time| {
                let tv_sec = i64::try_from(time.as_secs()).map_err(|_| Errno::INVAL)?;
                Ok::<_, Errno>(rustix::fs::Timespec { tv_sec, tv_nsec: i64::from(time.subsec_nanos()) })
            })
        };
        let times = rustix::fs::Timestamps {
            last_access: time(times.accessed)?,
            last_modification: time(times.modified)?,
        };
        Ok(rustix::fs::futimens(&self.file, &times)?)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.mount.writable()?;
        Ok(self.file.set_permissions(Permissions::from_mode(permissions & 0o777))?)
    }

    fn space(&self) -> Result<Space, Errno> {
        space(&self.mount, &self.file)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        let file = self.file.try_clone()?;
        Ok(pieces::aside(move || file.sync_all())??)
    }
}

/// What futimens takes for "leave it".
fn omitted() -> rustix::fs::Timespec {
    rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT }
}

/// A rename that replaces nothing, where the kernel and the file system have it.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_new(
    from: &cap_std::fs::Dir,
    name: &Path,
    to: &cap_std::fs::Dir,
    to_name: &Path,
) -> Result<(), Errno> {
    use rustix::io::Errno as Host;
    match rustix::fs::renameat_with(from, name, to, to_name, rustix::fs::RenameFlags::NOREPLACE) {
        Err(Host::INVAL | Host::NOSYS | Host::OPNOTSUPP) => Err(Errno::NOTSUP),
        other => Ok(other?),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_new(_: &cap_std::fs::Dir, _: &Path, _: &cap_std::fs::Dir, _: &Path) -> Result<(), Errno> {
    Err(Errno::NOTSUP)
}
