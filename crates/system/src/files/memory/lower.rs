//! The tree beneath an overlay, as far as it has been looked at.
//!
//! What was seen is kept as it was seen, whatever the layer above has become
//! since: this is what changes are told against, and how it is found out whether
//! somebody else has changed the tree meanwhile.

use crate::Errno;
use crate::files::{Directory, FileType, Found, Metadata};
use crate::meter::{Charge, Meter};
use crate::pieces::Steps;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of a name in a list of names, beside itself.
const NAME_BYTES: u64 = 96;

/// Directories of the lower tree that are held open, beside the root: each may
/// be a descriptor of the host.
const HELD: usize = 64;

/// A directory of the lower tree, by its number in the order of being seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::files) struct SeenDirectory(usize);

/// The root.
pub(in crate::files) const LOWER_ROOT: SeenDirectory = SeenDirectory(0);

/// A name of the lower tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::files) struct Origin {
    pub directory: SeenDirectory,
    pub name: Arc<[u8]>,
}

/// An entry of the lower tree, as it was seen.
#[derive(Clone)]
pub(in crate::files) struct Seen {
    /// The inode of the layer above that stands for it.
    pub inode: u64,
    pub metadata: Metadata,
    pub kind: SeenKind,
}

#[derive(Clone, Debug)]
pub(in crate::files) enum SeenKind {
    Directory(SeenDirectory),
    Symlink(Vec<u8>),
    Other,
}

struct Looked {
    /// Where it is; the root is in itself.
    origin: Origin,
    /// The lower tree's device and inode number of it.
    identity: (u64, u64),
    seen: BTreeMap<Arc<[u8]>, Seen>,
    /// Whether all entries have been seen.
    complete: bool,
    open: Option<Arc<dyn Directory>>,
}

pub(in crate::files) struct Lower {
    directories: Vec<Looked>,
    held: VecDeque<usize>,
    /// The inodes of files with more than one name, by the lower tree's numbers.
    linked: HashMap<(u64, u64), u64>,
    /// For all that was seen, as long as the tree is there.
    // BOUND: a guest that walks through ever more of a large tree is stopped by the
    // meter, with ENOMEM.
    charge: Charge,
}

/// What was found beneath, and is not known above yet.
pub(super) struct New {
    pub metadata: Metadata,
    pub target: Option<Vec<u8>>,
}

pub(in crate::files) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.device, metadata.inode)
}

impl Lower {
    pub(super) fn new(root: Arc<dyn Directory>, meter: &Arc<Meter>) -> Result<(Self, Metadata), Errno> {
        let metadata = root.metadata()?;
        let origin = Origin { directory: LOWER_ROOT, name: Arc::default() };
        let root = Looked {
            origin,
            identity: identity(&metadata),
            seen: BTreeMap::new(),
            complete: false,
            open: Some(root),
        };
        let (held, linked, charge) = (VecDeque::new(), HashMap::new(), meter.nothing());
        let lower = Self { directories: vec![root], held, linked, charge };
        Ok((lower, metadata))
    }

    /// Closes what it holds open.
    pub(super) fn close(&mut self) {
        for held in std::mem::take(&mut self.held).into_iter().chain([LOWER_ROOT.0]) {
            if let Some(looked) = self.directories.get_mut(held) {
                looked.open = None;
            }
        }
    }

    fn looked(&self, directory: SeenDirectory) -> Result<&Looked, Errno> {
        self.directories.get(directory.0).ok_or(Errno::STALE)
    }

    fn looked_mut(&mut self, directory: SeenDirectory) -> Result<&mut Looked, Errno> {
        self.directories.get_mut(directory.0).ok_or(Errno::STALE)
    }

    /// Whether nothing new can be found in it.
    pub(super) fn is_complete(&self, directory: SeenDirectory) -> bool {
        self.looked(directory).is_ok_and(|looked| looked.complete)
    }

    pub(super) fn set_complete(&mut self, directory: SeenDirectory) {
        if let Ok(looked) = self.looked_mut(directory) {
            looked.complete = true;
            // It holds what it has listed, which is of no more use.
            if directory != LOWER_ROOT {
                looked.open = None;
            }
        }
    }

    /// The directory's place in the lower tree.
    pub(in crate::files) fn origin(&self, directory: SeenDirectory) -> Result<&Origin, Errno> {
        Ok(&self.looked(directory)?.origin)
    }

    pub(in crate::files) fn identity(&self, directory: SeenDirectory) -> Result<(u64, u64), Errno> {
        Ok(self.looked(directory)?.identity)
    }

    /// What has been seen in it.
    pub(in crate::files) fn seen(
        &self,
        directory: SeenDirectory,
    ) -> Result<&BTreeMap<Arc<[u8]>, Seen>, Errno> {
        Ok(&self.looked(directory)?.seen)
    }

    /// The inode that stands for a file with several names, once one was seen.
    pub(super) fn inode_of(&self, metadata: &Metadata) -> Option<u64> {
        let shared = metadata.links > 1 && metadata.file_type != FileType::Directory;
        if shared { self.linked.get(&identity(metadata)).copied() } else { None }
    }

    /// Forgets that `inode` stands for a file with several names.
    pub(super) fn forget(&mut self, metadata: &Metadata, inode: u64) {
        if self.linked.get(&identity(metadata)) == Some(&inode) {
            self.linked.remove(&identity(metadata));
        }
    }

    /// Opens a directory that has been seen; ESTALE if it is another one by now.
    pub(in crate::files) fn open(&mut self, directory: SeenDirectory) -> Result<Arc<dyn Directory>, Errno> {
        let mut below = Vec::new();
        let mut at = directory;
        let mut steps = Steps::default();
        // BOUND: as many steps as the lower tree is deep.
        let mut open = loop {
            steps.step()?;
            let looked = self.looked(at)?;
            match &looked.open {
                Some(open) => break Arc::clone(open),
                None => {
                    below.push(at);
                    at = looked.origin.directory;
                }
            }
        };
        for step in below.into_iter().rev() {
            steps.step()?;
            let looked = self.looked(step)?;
            let Found::Directory(found) = open.lookup(&looked.origin.name)? else {
                return Err(Errno::STALE);
            };
            if identity(&found.metadata()?) != looked.identity {
                return Err(Errno::STALE);
            }
            open = found;
        }
        self.hold(directory, &open);
        Ok(open)
    }

    fn hold(&mut self, directory: SeenDirectory, open: &Arc<dyn Directory>) {
        let Ok(looked) = self.looked_mut(directory) else { return };
        if looked.open.is_some() {
            return;
        }
        looked.open = Some(Arc::clone(open));
        self.held.push_back(directory.0);
        if self.held.len() > HELD
            && let Some(oldest) = self.held.pop_front()
            && let Some(looked) = self.directories.get_mut(oldest)
        {
            looked.open = None;
        }
    }

    /// Looks for a name that is not known above; ENOENT if it is not there, or
    /// was and has been taken away above.
    pub(super) fn find(&mut self, directory: SeenDirectory, name: &[u8]) -> Result<New, Errno> {
        let looked = self.looked(directory)?;
        if looked.complete || looked.seen.contains_key(name) {
            return Err(Errno::NOENT);
        }
        let open = self.open(directory)?;
        let metadata = open.metadata_of(name)?;
        let target = match metadata.file_type {
            FileType::SymbolicLink => match open.lookup(name)? {
                Found::Symlink(target) => Some(target),
                _ => return Err(Errno::STALE),
            },
            _ => None,
        };
        Ok(New { metadata, target })
    }

    /// Charges what is about to be noted of an entry; ENOMEM.
    pub(super) fn charge(&mut self, bytes: u64) -> Result<(), Errno> {
        self.charge.grow(bytes)
    }

    /// Names that have not been seen yet, `most` of them at most, with what they are
    /// charged by.
    pub(super) fn unseen(
        &mut self,
        directory: SeenDirectory,
        most: usize,
    ) -> Result<(Vec<Vec<u8>>, Charge), Errno> {
        let open = self.open(directory)?;
        let mut charge = self.charge.more();
        let looked = self.looked(directory)?;
        let mut names = Vec::new();
        let (mut too_many, mut steps, mut going) = (Ok(()), Steps::default(), Ok(()));
        open.entries(0, &mut |entry| {
            going = steps.step();
            if going.is_err() {
                return ControlFlow::Break(());
            }
            if looked.seen.contains_key(entry.name) {
                return ControlFlow::Continue(());
            }
            // In a vector that is as much as twice as large.
            too_many = charge.grow(entry.name.len() as u64 + NAME_BYTES);
            if too_many.is_err() {
                return ControlFlow::Break(());
            }
            names.push(entry.name.to_vec());
            if names.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        going?;
        too_many?;
        Ok((names, charge))
    }

    /// The number that a directory gets which is about to be seen.
    pub(super) fn next_directory(&self) -> SeenDirectory {
        SeenDirectory(self.directories.len())
    }

    /// Notes that `inode` stands for what was found.
    pub(super) fn add(&mut self, directory: SeenDirectory, name: Arc<[u8]>, new: New, inode: u64) {
        let New { metadata, target } = new;
        let kind = match (metadata.file_type, target) {
            (FileType::Directory, _) => {
                let origin = Origin { directory, name: Arc::clone(&name) };
                let number = self.next_directory();
                self.directories.push(Looked {
                    origin,
                    identity: identity(&metadata),
                    seen: BTreeMap::new(),
                    complete: false,
                    open: None,
                });
                SeenKind::Directory(number)
            }
            (_, Some(target)) => SeenKind::Symlink(target),
            _ => SeenKind::Other,
        };
        if metadata.links > 1 && metadata.file_type != FileType::Directory {
            self.linked.insert(identity(&metadata), inode);
        }
        if let Ok(looked) = self.looked_mut(directory) {
            looked.seen.insert(name, Seen { inode, metadata, kind });
        }
    }

    /// Notes what an entry has come to be, as long as nothing above differs.
    pub(super) fn see_again(&mut self, origin: &Origin, metadata: Metadata) {
        if let Ok(looked) = self.looked_mut(origin.directory)
            && let Some(seen) = looked.seen.get_mut(&origin.name)
        {
            seen.metadata = metadata;
        }
    }
}
