//! Finding the changes: the lower tree, as it was seen, against the tree above.

use super::{Change, ChangeKind, LOWER_ROOT, MemoryTree, Source, Version};
use crate::Errno;
use crate::files::memory::{
    Content, Entries, Handle, Origin, ROOT, Seen, SeenDirectory, SeenKind, Tree, digest_of, lock,
};
use crate::files::{File, FileType, PATH_BYTES};
use crate::meter::Charge;
use crate::pieces::Steps;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of files that differ in nothing but their history and are compared.
const COMPARED_BYTES: u64 = 64 << 20;

/// Bytes that a change is charged with, beside [`PATHS`] times its path: it stands in
/// a list, which is sorted.
const CHANGE_BYTES: u64 = 2 * size_of::<Change>() as u64 + 256;

/// How often the path of a change is kept when the changes are written: with the
/// change, with what its file was written as, with its directory, and with what came
/// of it.
const PATHS: u64 = 4;

/// Bytes of a name that is compared, and of a directory that is yet to be, beside its
/// path.
const NAME_BYTES: u64 = 64;
const PAIR_BYTES: u64 = 2 * size_of::<Pair>() as u64;

/// A directory that is to be compared: what it was, and what it is.
struct Pair {
    path: Vec<u8>,
    before: Option<SeenDirectory>,
    after: Option<u64>,
}

/// What is at a name of such a pair.
struct Names {
    path: Vec<u8>,
    before: Option<(Seen, Origin)>,
    after: Option<u64>,
    /// Whether it is the same thing at the same place.
    same: bool,
    parent: Option<SeenDirectory>,
}

/// The changes, and what they are charged by; ENOMEM if they are more than may be
/// kept.
// BOUND: everything that is listed here is charged first.
pub(super) fn changes(memory: &MemoryTree) -> Result<(Vec<Change>, Charge), Errno> {
    // Before the lock, and so dropped after it: what is found holds inodes, and
    // lets go of them through the lock.
    let mut found = Vec::new();
    let mut tree = lock(&memory.tree);
    let (charge, scratch) = (tree.quota().meter().nothing(), tree.quota().meter().nothing());
    if tree.lower.is_none() {
        return Ok((found, charge));
    }
    let mut walk =
        Walk { memory, tree: &mut tree, found: &mut found, charge, scratch, steps: Steps::default() };
    walk.root()?;
    // Not recursive: a guest may nest directories as deep as its quota goes.
    let root = Pair { path: Vec::new(), before: Some(LOWER_ROOT), after: Some(ROOT) };
    walk.scratch.grow(root.cost())?;
    let mut pending = vec![root];
    while let Some(pair) = pending.pop() {
        walk.pair(&pair, &mut pending)?;
        walk.scratch.shrink(pair.cost());
    }
    let charge = walk.charge;
    drop(tree);
    // By names, so that what lies in a directory follows it at once.
    found.sort_by(|one, other| by_names(&one.path, &other.path));
    Ok((found, charge))
}

/// The order of two paths by their names: a slash comes before what is in any name.
fn by_names(one: &[u8], other: &[u8]) -> Ordering {
    let differs = one.iter().zip(other).find(|(one, other)| one != other);
    let rank = |byte: &u8| (*byte != b'/', *byte);
    differs.map_or(one.len().cmp(&other.len()), |(one, other)| rank(one).cmp(&rank(other)))
}

struct Walk<'a> {
    memory: &'a MemoryTree,
    tree: &'a mut Tree,
    found: &'a mut Vec<Change>,
    /// For what is found, and for what is only needed to find it.
    charge: Charge,
    scratch: Charge,
    steps: Steps,
}

impl Pair {
    fn cost(&self) -> u64 {
        PAIR_BYTES + self.path.len() as u64
    }
}

impl Walk<'_> {
    /// The root itself, which has no name.
    fn root(&mut self) -> Result<(), Errno> {
        let Some(below) = &self.tree.get(ROOT)?.below else { return Ok(()) };
        let origin = below.origin.clone();
        let seen = Seen { inode: ROOT, metadata: below.metadata, kind: SeenKind::Directory(LOWER_ROOT) };
        self.name(Names {
            path: Vec::new(),
            before: Some((seen, origin)),
            after: Some(ROOT),
            same: true,
            parent: None,
        })
    }

    fn pair(&mut self, pair: &Pair, pending: &mut Vec<Pair>) -> Result<(), Errno> {
        let below = match pair.after {
            Some(inode) => self.tree.entries(inode)?.lower,
            None => None,
        };
        let same_place = pair.before.is_some() && below == pair.before;
        if !same_place {
            // What nobody has looked at has gone or come with its directory.
            if let Some(inode) = pair.after {
                self.tree.load(inode)?;
            }
            if let Some(before) = pair.before {
                self.load_moved(before)?;
            }
        }
        let mut names = BTreeSet::new();
        let count = pair.before.map_or(Ok(0), |before| self.seen_count(before))?
            + pair.after.map_or(Ok(0), |inode| self.tree.entries(inode).map(Entries::len))?;
        let names_cost = count as u64 * NAME_BYTES;
        self.scratch.grow(names_cost)?;
        if let (Some(before), Some(lower)) = (pair.before, &self.tree.lower) {
            names.extend(lower.seen(before)?.keys().cloned());
        }
        if let Some(inode) = pair.after {
            names.extend(self.tree.entries(inode)?.after(0).map(|(_, name, _)| Arc::clone(name)));
        }
        for name in names {
            self.steps.step()?;
            let mut path = pair.path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(&*name);
            // BOUND: paths grow as the square of their depth.
            if path.len() > PATH_BYTES {
                return Err(Errno::NAMETOOLONG);
            }
            let before = match (pair.before, &self.tree.lower) {
                (Some(directory), Some(lower)) => lower
                    .seen(directory)?
                    .get(&name)
                    .map(|seen| (seen.clone(), Origin { directory, name: name.clone() })),
                _ => None,
            };
            let after = match pair.after {
                Some(inode) => self.tree.entries(inode)?.get(&name),
                None => None,
            };
            let same = same_place && before.as_ref().is_some_and(|(seen, _)| Some(seen.inode) == after);
            let inner = Pair {
                before: match &before {
                    Some((Seen { kind: SeenKind::Directory(directory), .. }, _)) => Some(*directory),
                    _ => None,
                },
                after: after.filter(|inode| self.tree.entries(*inode).is_ok()),
                path: path.clone(),
            };
            if inner.before.is_some() || inner.after.is_some() {
                self.scratch.grow(inner.cost())?;
                pending.push(inner);
            }
            self.name(Names { path, before, after, same, parent: pair.before })?;
        }
        self.scratch.shrink(names_cost);
        Ok(())
    }

    fn seen_count(&self, directory: SeenDirectory) -> Result<usize, Errno> {
        self.tree.lower.as_ref().map_or(Ok(0), |lower| lower.seen(directory).map(BTreeMap::len))
    }

    /// Sees all of a lower directory that is no longer at its place.
    fn load_moved(&mut self, directory: SeenDirectory) -> Result<(), Errno> {
        let Some(lower) = &self.tree.lower else { return Ok(()) };
        let origin = lower.origin(directory)?;
        let inode = lower.seen(origin.directory)?.get(&origin.name).map(|seen| seen.inode);
        // Before a directory is removed, all of it is seen.
        match inode
            .filter(|inode| self.tree.entries(*inode).is_ok_and(|entries| entries.lower == Some(directory)))
        {
            Some(inode) => self.tree.load(inode).map(|_| ()),
            None => Ok(()),
        }
    }

    fn name(&mut self, names: Names) -> Result<(), Errno> {
        let Names { path, before, after, same, parent } = names;
        let before = match before {
            Some((seen, origin)) => Some(self.before(seen, origin)?),
            None => None,
        };
        let times_set = match after {
            Some(inode) => self.tree.get(inode)?.below.as_ref().is_some_and(|below| below.times_set),
            None => false,
        };
        let written = match after {
            Some(inode) => matches!(self.tree.get(inode)?.content, Content::File(_)),
            None => false,
        };
        let kind = match (&before, after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(before), Some(inode)) => {
                let metadata = self.tree.metadata(inode)?;
                let content = if before.file_type != metadata.file_type {
                    true
                } else {
                    match metadata.file_type {
                        FileType::RegularFile if same && !written => false,
                        FileType::RegularFile => !self.equal(before, inode, metadata.size)?,
                        FileType::SymbolicLink => before.target.as_deref() != self.target_of(inode),
                        FileType::Directory => false,
                        _ => !same,
                    }
                };
                let attributes = metadata.permissions != before.permissions
                    || times_set && metadata.modified != before.modified;
                match (content, attributes && metadata.file_type != FileType::SymbolicLink) {
                    (true, _) => ChangeKind::Modified,
                    (false, true) => ChangeKind::Attributes,
                    (false, false) => return Ok(()),
                }
            }
        };
        let target = |version: &Version| version.target.as_ref().map_or(0, Vec::len);
        let target = before.as_ref().map_or(0, target)
            + after.and_then(|inode| self.target_of(inode)).map_or(0, <[u8]>::len);
        self.charge.grow(CHANGE_BYTES + PATHS * path.len() as u64 + target as u64)?;
        let after = after.map(|inode| self.after(inode)).transpose()?;
        self.found.push(Change { path, kind, before, after, parent, times_set });
        Ok(())
    }

    fn target_of(&self, inode: u64) -> Option<&[u8]> {
        match &self.tree.get(inode).ok()?.content {
            Content::Symlink(target) => Some(target),
            _ => None,
        }
    }

    fn before(&self, seen: Seen, origin: Origin) -> Result<Version, Errno> {
        let Seen { inode, mut metadata, kind } = seen;
        let mut digest = None;
        // What was copied was looked at again then.
        if let Ok(inode) = self.tree.get(inode)
            && let Some(below) = &inode.below
            && below.origin == origin
        {
            metadata = below.metadata;
            digest = below.digest;
        }
        let (target, directory) = match kind {
            SeenKind::Symlink(target) => (Some(target), None),
            SeenKind::Directory(directory) => (None, Some(directory)),
            SeenKind::Other => (None, None),
        };
        Ok(Version {
            file_type: metadata.file_type,
            permissions: metadata.permissions,
            size: metadata.size,
            modified: metadata.modified,
            accessed: metadata.accessed,
            target,
            source: Source::Below { tree: self.memory.clone(), origin, metadata, digest, directory },
        })
    }

    fn after(&mut self, inode: u64) -> Result<Version, Errno> {
        let metadata = self.tree.metadata(inode)?;
        let found = self.tree.get(inode)?;
        let below = match (&found.content, &found.below) {
            (Content::Lower { .. }, Some(below)) => Some(below.origin.clone()),
            _ => None,
        };
        self.tree.hold(inode);
        Ok(Version {
            file_type: metadata.file_type,
            permissions: metadata.permissions,
            size: metadata.size,
            modified: metadata.modified,
            accessed: metadata.accessed,
            target: self.target_of(inode).map(<[u8]>::to_vec),
            source: Source::Above {
                tree: self.memory.clone(),
                held: Handle::held(&self.memory.tree, inode),
                below,
            },
        })
    }

    /// Whether a file holds what it held before.
    fn equal(&mut self, before: &Version, inode: u64, size: u64) -> Result<bool, Errno> {
        if before.size != size || size > COMPARED_BYTES {
            return Ok(false);
        }
        let Source::Below { origin, digest, .. } = &before.source else { return Ok(false) };
        let digest = match (digest, &mut self.tree.lower) {
            (Some(digest), _) => *digest,
            (None, Some(lower)) => {
                let below = lower
                    .open(origin.directory)
                    .and_then(|directory| super::open_to_read(directory.as_ref(), &origin.name));
                match below {
                    Ok(file) => digest_of(file.as_ref(), size)?,
                    Err(_) => return Ok(false),
                }
            }
            (None, None) => return Ok(false),
        };
        let above = Above { tree: self.tree, inode };
        // What cannot be read cannot be found to be the same.
        Ok(above.digest(size) == Ok(digest))
    }
}

/// A file of the tree, while the tree is locked.
struct Above<'a> {
    tree: &'a mut Tree,
    inode: u64,
}

impl Above<'_> {
    fn digest(self, size: u64) -> Result<[u8; 32], Errno> {
        match &self.tree.get(self.inode)?.content {
            Content::File(pages) => pages.digest(size),
            _ => {
                let file: Arc<dyn File> = self.tree.open_lower(self.inode)?;
                digest_of(file.as_ref(), size)
            }
        }
    }
}
