//! What a program has changed in a tree that it saw through an overlay, and how
//! it gets there after all.

mod apply;
mod compare;

use super::memory::{LOWER_ROOT, MemoryTree, Origin, SeenDirectory, lock};
use super::{
    Creation, Directory, File, FileType, HostDirectory, Metadata, OpenOptions, Opened, Quota, Timestamp,
};
use crate::clock::Clock;
use crate::meter::Charge;
use crate::pieces::work_for;
use crate::{Errno, Waiter};
pub use apply::{ApplyError, Refusal};
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// The owner's end of an overlay: what [`Mount::overlay`](crate::Mount::overlay)
/// gives beside the mount. It shows what the program has changed, and writes it.
///
/// Clones are the same overlay.
///
/// ```
/// use bellglass_system::{Access, Mount, System};
///
/// let directory = tempfile::tempdir()?;
/// let (mount, overlay) = Mount::directory(directory.path(), "/work", Access::ReadOnly).overlay();
/// let system = System::builder().mount(mount).build()?;
/// // ... the program runs ...
/// let changes = overlay.changes()?;
/// assert_eq!(changes.len(), 0);
/// changes.apply()?;
/// # drop(system);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Overlay {
    mounted: Arc<OnceLock<Mounted>>,
}

struct Mounted {
    tree: MemoryTree,
    /// What the changes would be written to.
    target: Arc<dyn Directory>,
}

impl std::fmt::Debug for Overlay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Overlay").field("mounted", &self.mounted.get().is_some()).finish()
    }
}

impl Overlay {
    /// Lays a tree over `lower`, and gives its root.
    pub(crate) fn mount(
        &self,
        lower: Arc<dyn Directory>,
        quota: Arc<Quota>,
        device: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<dyn Directory>, Errno> {
        let target = match (lower.as_ref() as &dyn Any).downcast_ref::<HostDirectory>() {
            // The layer above gets one that cannot be written to, whatever it does.
            Some(host) => Arc::new(host.writable()?),
            None => Arc::clone(&lower),
        };
        let tree = MemoryTree::over(lower, quota, device, clock)?;
        let root = tree.root();
        // A builder builds once; a second mount of the same overlay is refused.
        self.mounted.set(Mounted { tree, target }).map_err(|_| Errno::BUSY)?;
        Ok(root)
    }

    /// The root of the tree above.
    #[cfg(test)]
    pub(crate) fn root(&self) -> Arc<dyn Directory> {
        self.mounted.get().expect("it is mounted").tree.root()
    }

    /// See [`MemoryTree::check_invariants`].
    #[cfg(any(test, fuzzing))]
    pub fn check_invariants(&self) {
        if let Some(mounted) = self.mounted.get() {
            mounted.tree.check_invariants(false);
        }
    }

    /// What has been changed until now. Of a system that has not been built,
    /// nothing.
    ///
    /// # Errors
    /// ENAMETOOLONG if what was changed lies deeper than a path can tell, ENOMEM if
    /// the list would be more than may be kept for the run (see
    /// [`Meter`](crate::Meter)), or what the lower tree says.
    pub fn changes(&self) -> Result<Changes, Errno> {
        let Some(Mounted { tree, target }) = self.mounted.get() else {
            return Ok(Changes { changes: Vec::new(), target: None, _charge: None });
        };
        let (changes, charge) = compare::changes(tree)?;
        let target = Some((tree.clone(), Arc::clone(target)));
        Ok(Changes { changes, target, _charge: Some(charge) })
    }

    /// As [`changes`](Self::changes), within a time: a program can make so many of them
    /// that to find them takes minutes.
    ///
    /// # Errors
    /// As there; ECANCELED at the waiter's deadline, or once it is stopped.
    pub fn changes_within(&self, waiter: &Waiter) -> Result<Changes, Errno> {
        let (changes, stop) = work_for(waiter, || self.changes());
        if stop.is_some() { Err(Errno::CANCELED) } else { changes }
    }
}

/// A list of changes, by path.
pub struct Changes {
    changes: Vec<Change>,
    target: Option<(MemoryTree, Arc<dyn Directory>)>,
    /// The list counts against the run's meter as long as it is there.
    _charge: Option<Charge>,
}

impl Changes {
    /// The changes, in the order of their paths.
    pub fn iter(&self) -> std::slice::Iter<'_, Change> {
        self.changes.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Change;
    type IntoIter = std::slice::Iter<'a, Change>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It is no more. What was renamed is removed here and added there.
    Removed,
    /// Its content is another, or it is another kind of thing.
    Modified,
    /// Only its permission bits or its times are others.
    Attributes,
}

/// One name that is not what it was.
pub struct Change {
    /// Its path below the mount, without a slash at the start.
    pub path: Vec<u8>,
    /// What became of it.
    pub kind: ChangeKind,
    /// What it was.
    pub before: Option<Version>,
    /// What it is.
    pub after: Option<Version>,
    /// The lower directory that it lies in, unless that is new.
    parent: Option<SeenDirectory>,
    /// Whether the program set its times.
    times_set: bool,
}

/// What a name leads to, before or after.
pub struct Version {
    /// What it is.
    pub file_type: FileType,
    /// Its permission bits.
    pub permissions: u32,
    /// Bytes of its content.
    pub size: u64,
    /// When its content last changed.
    pub modified: Timestamp,
    /// The target, if it is a symlink.
    pub target: Option<Vec<u8>>,
    accessed: Timestamp,
    source: Source,
}

/// Where a version's content is.
enum Source {
    Below {
        tree: MemoryTree,
        origin: Origin,
        /// As it was when it was last looked at.
        metadata: Metadata,
        /// The SHA-256 that the content had then, if it was read.
        digest: Option<[u8; 32]>,
        /// The directory that it is, if it is one.
        directory: Option<SeenDirectory>,
    },
    Above {
        tree: MemoryTree,
        held: super::memory::Handle,
        /// The lower file that still has the content, if one does.
        below: Option<Origin>,
    },
}

impl Version {
    /// The number of the inode that it is in the layer above, if it is there.
    fn inode_above(&self) -> Option<u64> {
        match &self.source {
            Source::Above { held, .. } => Some(held.inode()),
            Source::Below { .. } => None,
        }
    }

    /// Opens it, if it is a file. What it was before is read from the lower tree
    /// as that is now.
    ///
    /// # Errors
    /// EINVAL for what is no file, or what the tree says.
    pub fn open(&self) -> Result<Arc<dyn File>, Errno> {
        if self.file_type != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        match &self.source {
            Source::Above { tree, held, .. } => tree.open_inode(held.inode()),
            Source::Below { tree, origin, .. } => {
                let directory = match &mut lock(&tree.tree).lower {
                    Some(lower) => lower.open(origin.directory)?,
                    None => return Err(Errno::STALE),
                };
                open_to_read(directory.as_ref(), &origin.name)
            }
        }
    }

    /// Its content, if that is not more than `limit` bytes; the target of a
    /// symlink.
    ///
    /// # Errors
    /// EFBIG if it is more, EINVAL for what has no content, or what the tree says.
    pub fn read(&self, limit: usize) -> Result<Vec<u8>, Errno> {
        if let Some(target) = &self.target {
            return if target.len() > limit { Err(Errno::FBIG) } else { Ok(target.clone()) };
        }
        let file = self.open()?;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = file.read_at(bytes.len() as u64, &mut buffer)?.min(buffer.len());
            if count == 0 {
                return Ok(bytes);
            }
            if bytes.len() + count > limit {
                return Err(Errno::FBIG);
            }
            bytes.extend(&buffer[..count]);
        }
    }
}

fn open_to_read(directory: &dyn Directory, name: &[u8]) -> Result<Arc<dyn File>, Errno> {
    let options = OpenOptions {
        read: true,
        write: false,
        creation: Creation::Existing,
        truncate: false,
        permissions: 0,
    };
    match directory.open(name, &options)? {
        Opened::File(file) => Ok(file),
        Opened::Device(_) | Opened::Stream(_) | Opened::Pipe(_) => Err(Errno::INVAL),
    }
}
