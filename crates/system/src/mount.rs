//! What of the host, or of the user, is shown to a guest, and how it is opened.

use crate::builder::SystemError;
use crate::clock::Clock;
use crate::files::{
    ArchiveDirectory, BytesFile, Directory, Graft, Guard, GuardedDirectory, Held, HostDirectory, HostFile,
    KernelFileSystem, KernelFiles, Overlay, Quota, Timestamp, Wanted, kernel_file_system, open_host,
};
use crate::policy::{FileAccess, FileGrant, FileSource, KernelAccess};
use crate::{Access, Errno};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Something of the host, or a tree, at a path of the guest.
pub struct Mount {
    guest: Vec<u8>,
    source: Source,
    kernels: KernelAccess,
}

enum Source {
    Directory(PathBuf, Access),
    OpenDirectory(std::fs::File, Access),
    File(PathBuf),
    Archive(PathBuf),
    Bytes(Arc<[u8]>),
    Symlink(Vec<u8>),
    Tree(Arc<dyn Directory>),
    Overlay(Box<Source>, Overlay),
    Guarded(Box<Source>, Arc<dyn Guard>),
    Wrapped(Box<Source>, Wrap),
}

/// What a user puts before a directory.
type Wrap = Box<dyn FnOnce(Arc<dyn Directory>) -> Arc<dyn Directory> + Send>;

impl std::fmt::Debug for Mount {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mount").field("guest", &self.guest.escape_ascii().to_string()).finish()
    }
}

impl Mount {
    fn of(guest: impl Into<Vec<u8>>, source: Source) -> Self {
        Self { guest: guest.into(), source, kernels: KernelAccess::Refused }
    }

    /// The host's directory `host` at the guest's path `guest`.
    pub fn directory(host: impl Into<PathBuf>, guest: impl Into<Vec<u8>>, access: Access) -> Self {
        Self::of(guest, Source::Directory(host.into(), access))
    }

    /// A directory of the host that is open already.
    pub fn open_directory(directory: std::fs::File, guest: impl Into<Vec<u8>>, access: Access) -> Self {
        Self::of(guest, Source::OpenDirectory(directory, access))
    }

    /// One file of the host, read-only: for instance the program.
    pub fn file(host: impl Into<PathBuf>, guest: impl Into<Vec<u8>>) -> Self {
        Self::of(guest, Source::File(host.into()))
    }

    /// A zip, tar, tar.gz or tar.zst archive of the host as a read-only directory.
    /// It is trusted with nothing: see [`ArchiveError`](crate::files::ArchiveError) for what is refused.
    pub fn archive(host: impl Into<PathBuf>, guest: impl Into<Vec<u8>>) -> Self {
        Self::of(guest, Source::Archive(host.into()))
    }

    /// A read-only file with this content.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>, guest: impl Into<Vec<u8>>) -> Self {
        Self::of(guest, Source::Bytes(bytes.into()))
    }

    /// A symlink to this path, which is followed in the guest's tree.
    pub fn symlink(target: impl Into<Vec<u8>>, guest: impl Into<Vec<u8>>) -> Self {
        Self::of(guest, Source::Symlink(target.into()))
    }

    /// A tree of the user's own: see [`Directory`].
    pub fn tree(root: Arc<dyn Directory>, guest: impl Into<Vec<u8>>) -> Self {
        Self::of(guest, Source::Tree(root))
    }

    /// The same directory with a writable layer in memory over it: the program
    /// may change anything, and what lies beneath stays as it is. The second
    /// value tells afterwards what was changed, and can write it.
    ///
    /// The mount must be a directory, an archive or a tree. Whether it was
    /// read-only makes no difference to the program.
    ///
    /// ```
    /// use bellglass_system::{Access, Mount};
    ///
    /// let (mount, overlay) = Mount::directory("src", "/src", Access::ReadOnly).overlay();
    /// # drop((mount, overlay));
    /// ```
    pub fn overlay(self) -> (Self, Overlay) {
        let overlay = Overlay::default();
        let source = Source::Overlay(Box::new(self.source), overlay.clone());
        (Self { source, ..self }, overlay)
    }

    /// The same directory with a guard before it, who is asked what may be done with each
    /// name. The mount must be a directory, an archive or a tree. What the mount itself
    /// does not allow stays so.
    ///
    /// ```
    /// use bellglass_system::files::{Act, Request};
    /// use bellglass_system::{Access, Errno, Mount};
    ///
    /// let mount = Mount::directory("src", "/src", Access::ReadWrite).guard(|request: &Request<'_>| {
    ///     match request.act {
    ///         Act::Look | Act::Read if !request.path.ends_with(b".key") => Ok(()),
    ///         Act::Write | Act::Create if request.path.starts_with(b"notes/") => Ok(()),
    ///         _ => Err(Errno::ACCES),
    ///     }
    /// });
    /// # drop(mount);
    /// ```
    pub fn guard(self, guard: impl Guard + 'static) -> Self {
        let source = Source::Guarded(Box::new(self.source), Arc::new(guard));
        Self { source, ..self }
    }

    /// The same directory as `wrap` makes another of it: a [`Directory`] of the user's own
    /// that hands on what it likes. The mount must be a directory, an archive or a tree.
    pub fn wrap(self, wrap: impl FnOnce(Arc<dyn Directory>) -> Arc<dyn Directory> + Send + 'static) -> Self {
        let source = Source::Wrapped(Box::new(self.source), Box::new(wrap));
        Self { source, ..self }
    }

    /// Shows a directory or file also if it lies in a file system of the kernel's own,
    /// such as proc or sysfs, which is refused otherwise. Other such file systems that
    /// are mounted within it stay out of reach.
    ///
    /// **What these files tell, they tell of your process**: it is the controller that
    /// reads them. `/proc/self/environ` and `/proc/self/mem` are its environment and its
    /// memory, and with write access a program changes its code.
    ///
    /// ```
    /// use bellglass_system::{Mount, System};
    ///
    /// let mount = || Mount::file("/proc/cpuinfo", "/processors");
    /// assert!(System::builder().mount(mount()).build().is_err());
    /// System::builder().mount(mount().allow_kernel_files()).build()?;
    /// # Ok::<(), bellglass_system::SystemError>(())
    /// ```
    pub fn allow_kernel_files(self) -> Self {
        Self { kernels: KernelAccess::Allowed, ..self }
    }

    /// Whether it lies over the whole tree.
    pub(crate) fn is_root(&self) -> bool {
        !self.guest.is_empty() && self.guest.iter().all(|byte| *byte == b'/')
    }

    /// What of this a policy tells.
    pub(crate) fn grant(&self) -> FileGrant {
        let (source, access) = self.source.grant();
        FileGrant { path: self.guest.clone(), source, access, kernel: self.kernels }
    }

    /// Opens what is to be shown.
    ///
    /// # Errors
    /// [`SystemError`] if that is not possible.
    pub(crate) fn open(
        self,
        device: u64,
        held: &Held,
        quota: &Arc<Quota>,
        clock: &Arc<dyn Clock>,
    ) -> Result<(Vec<u8>, Graft), SystemError> {
        let Self { guest, source, kernels } = self;
        let opening = Opening { device, guest: &guest, kernels, held, quota, clock };
        match opening.open(source) {
            Ok(graft) => Ok((guest, graft)),
            Err(OpenError::System(error)) => Err(error),
            Err(OpenError::Errno(errno)) => {
                Err(SystemError::Mount { path: guest.escape_ascii().to_string(), errno })
            }
        }
    }
}

impl Source {
    fn grant(&self) -> (FileSource, FileAccess) {
        match self {
            Self::Directory(path, access) => (FileSource::HostDirectory(path.clone()), (*access).into()),
            Self::OpenDirectory(_, access) => (FileSource::OpenDirectory, (*access).into()),
            Self::File(path) => (FileSource::HostFile(path.clone()), FileAccess::ReadOnly),
            Self::Archive(path) => (FileSource::Archive(path.clone()), FileAccess::ReadOnly),
            Self::Bytes(_) => (FileSource::Bytes, FileAccess::ReadOnly),
            Self::Symlink(target) => (FileSource::Symlink(target.clone()), FileAccess::ReadOnly),
            Self::Tree(_) => (FileSource::Tree, FileAccess::Own),
            Self::Overlay(below, _) => (below.grant().0, FileAccess::Overlay),
            Self::Guarded(inner, _) | Self::Wrapped(inner, _) => (inner.grant().0, FileAccess::Own),
        }
    }
}

/// What a mount is opened with.
struct Opening<'a> {
    device: u64,
    guest: &'a [u8],
    kernels: KernelAccess,
    /// What grows with what the guest does is taken from this.
    held: &'a Held,
    quota: &'a Arc<Quota>,
    clock: &'a Arc<dyn Clock>,
}

/// An error that names what it is about, or one of which the caller knows that.
enum OpenError {
    System(SystemError),
    Errno(Errno),
}

impl From<SystemError> for OpenError {
    fn from(error: SystemError) -> Self {
        Self::System(error)
    }
}

impl Opening<'_> {
    fn host(&self, directory: std::fs::File, access: Access, files: KernelFiles) -> Result<Graft, OpenError> {
        let opened = HostDirectory::new(directory.into(), access, self.device, files, self.held.clone());
        Ok(Graft::Tree(Arc::new(opened.map_err(OpenError::Errno)?), BTreeMap::new()))
    }

    /// What of the kernel's own the mount may show, if its root lies in `found`.
    fn kernel_files(&self, path: &Path, found: Option<KernelFileSystem>) -> Result<KernelFiles, SystemError> {
        match (found, self.kernels) {
            (None, _) => Ok(KernelFiles::Refused),
            (Some(own), KernelAccess::Allowed) => Ok(KernelFiles::Of(own)),
            (Some(own), KernelAccess::Refused) => {
                Err(SystemError::KernelFiles { path: path.to_owned(), kind: own.name })
            }
        }
    }

    /// Opens what `path` leads to, if it is of the wanted kind.
    fn open_host(&self, path: &Path, wanted: Wanted) -> Result<(std::fs::File, KernelFiles), SystemError> {
        let failed = |source| SystemError::Host { path: path.to_owned(), source };
        open_host(path, wanted, failed, |found| self.kernel_files(path, found))
    }

    /// Opens what is to be a directory.
    fn open_directory(&self, source: Source) -> Result<Arc<dyn Directory>, OpenError> {
        match self.open(source)? {
            Graft::Tree(root, _) => Ok(root),
            _ => Err(OpenError::Errno(Errno::NOTDIR)),
        }
    }

    fn open(&self, source: Source) -> Result<Graft, OpenError> {
        Ok(match source {
            Source::Directory(path, access) => {
                let (file, files) = self.open_host(&path, Wanted::Directory)?;
                self.host(file, access, files)?
            }
            Source::OpenDirectory(file, access) => {
                let found = kernel_file_system(&file).map_err(OpenError::Errno)?;
                let files = self.kernel_files(Path::new(OsStr::from_bytes(self.guest)), found)?;
                self.host(file, access, files)?
            }
            Source::File(path) => {
                let (file, _) = self.open_host(&path, Wanted::File)?;
                Graft::File(Arc::new(HostFile::new(file, self.device, 1)))
            }
            Source::Archive(path) => {
                let (file, _) = self.open_host(&path, Wanted::File)?;
                let root = ArchiveDirectory::open(file, self.device, self.held.clone())
                    .map_err(|reason| SystemError::Archive { path, reason })?;
                Graft::Tree(Arc::new(root), BTreeMap::new())
            }
            Source::Bytes(bytes) => {
                let made = Timestamp::from(self.clock.realtime());
                Graft::File(Arc::new(BytesFile::new(bytes, self.device, 1).at(made)))
            }
            Source::Symlink(target) => Graft::Symlink(target),
            Source::Tree(root) => Graft::Tree(root, BTreeMap::new()),
            Source::Overlay(below, overlay) => {
                let below = match *below {
                    // Only the one who applies the changes may write.
                    Source::Directory(path, _) => Source::Directory(path, Access::ReadOnly),
                    Source::OpenDirectory(file, _) => Source::OpenDirectory(file, Access::ReadOnly),
                    other => other,
                };
                let below = self.open_directory(below)?;
                let (quota, clock) = (Arc::clone(self.quota), Arc::clone(self.clock));
                let root = overlay.mount(below, quota, self.device, clock).map_err(OpenError::Errno)?;
                Graft::Tree(root, BTreeMap::new())
            }
            Source::Guarded(inner, guard) => {
                let inner = self.open_directory(*inner)?;
                let root = GuardedDirectory::new(inner, guard, &self.held.meter).map_err(OpenError::Errno)?;
                Graft::Tree(Arc::new(root), BTreeMap::new())
            }
            Source::Wrapped(inner, wrap) => Graft::Tree(wrap(self.open_directory(*inner)?), BTreeMap::new()),
        })
    }
}
