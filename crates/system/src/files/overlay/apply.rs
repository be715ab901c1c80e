//! Writing the changes to the tree beneath.
//!
//! The tree is only ever asked for single names, as a guest's calls are, so that
//! no symlink that somebody has put there meanwhile is followed. Everything is
//! checked before anything is written. A file appears whole: it is written under
//! a name of its own in the same directory, and then renamed or linked. It is on
//! the disk before it has its name, and so are the names at the end.

use super::{Change, Changes, File, Kind, MemoryTree, Origin, SeenDirectory, Source, Version, open_to_read};
use crate::Errno;
use crate::files::links::leads_out;
use crate::files::memory::{digest_of, identity, lock};
use crate::files::{Creation, Directory, FileType, Found, Metadata, NewTimes, OpenOptions, Opened};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Why a change would not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path below the mount.
    pub path: Vec<u8>,
    /// A clause about it, for instance "it was changed by somebody else".
    pub reason: String,
}

/// Why changes were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Nothing has been written, because of these.
    #[error("{} of the changes cannot be written, and so none was", refusals.len())]
    Refused {
        /// Each with its reason.
        refusals: Vec<Refusal>,
    },
    /// It failed half-way.
    #[error(
        "'{}' could not be written: {errno}; changes written: {}, not written: {}",
        path.escape_ascii(), written.len(), left.len()
    )]
    Failed {
        /// The path below the mount at which it failed.
        path: Vec<u8>,
        /// What went wrong.
        errno: Errno,
        /// The paths of the changes that have been written.
        written: Vec<Vec<u8>>,
        /// The paths of those that have not, `path` among them. What stood there
        /// before stands there still, but for a directory in place of which
        /// something else was to come: of that, what `written` names is gone.
        left: Vec<Vec<u8>>,
    },
}

/// What changes are written to, and how far that is.
struct Target<'a> {
    tree: &'a MemoryTree,
    root: Arc<dyn Directory>,
    /// The last directory that was walked to, and its path.
    last: Option<(Vec<u8>, Arc<dyn Directory>)>,
    /// Files whose attributes have been written under one of their names: under
    /// the others they are not as they were, and nobody else did it.
    attributed: HashSet<(u64, u64)>,
    /// Where each file of the layer above was written first: its other names
    /// become links to that.
    placed: HashMap<u64, Placed>,
    /// The paths of the directories in which something was written.
    touched: BTreeSet<Vec<u8>>,
}

struct Placed {
    /// The path of its directory.
    parent: Vec<u8>,
    name: Vec<u8>,
    identity: (u64, u64),
}

impl Changes {
    /// Writes all of them to the tree beneath, if nobody else has changed there
    /// what the program has changed: then nothing is written.
    ///
    /// # Errors
    /// [`ApplyError`].
    pub fn apply(&self) -> Result<(), ApplyError> {
        let Some((tree, root)) = &self.target else { return Ok(()) };
        let mut target = Target {
            tree,
            root: Arc::clone(root),
            last: None,
            attributed: HashSet::new(),
            placed: HashMap::new(),
            touched: BTreeSet::new(),
        };
        let refusals: Vec<Refusal> = self
            .changes
            .iter()
            .filter_map(|change| match target.verify(change, Thorough::Yes) {
                Ok(()) => None,
                Err(reason) => Some(Refusal { path: change.path.clone(), reason }),
            })
            .collect();
        if !refusals.is_empty() {
            return Err(ApplyError::Refused { refusals });
        }
        // Held until all is written.
        let _pinned = self.pin()?;
        let mut written = Vec::new();
        let mut at: &[u8] = &[];
        let result = target.write(&self.changes, &mut written, &mut at);
        result.map_err(|errno| self.failed(at, errno, written))
    }

    /// What came of the changes when it failed at a path.
    fn failed(&self, at: &[u8], errno: Errno, mut written: Vec<&[u8]>) -> ApplyError {
        written.retain(|path| *path != at);
        let done: HashSet<&[u8]> = written.iter().copied().collect();
        let paths = self.changes.iter().map(|change| change.path.as_slice());
        let left = paths.filter(|path| !done.contains(path)).map(<[u8]>::to_vec).collect();
        let written = written.into_iter().map(<[u8]>::to_vec).collect();
        ApplyError::Failed { path: at.to_vec(), errno, written, left }
    }

    /// Opens the files that were moved away from a name that something else has
    /// now: their content is still beneath, where it is about to be replaced.
    fn pin(&self) -> Result<Vec<Arc<dyn File>>, ApplyError> {
        let replaced = |change: &&Change| change.after.is_some() || cleared_by(&self.changes, change);
        let replaced: HashSet<Origin> = self
            .changes
            .iter()
            .filter(replaced)
            .filter_map(|change| {
                let name = split(&change.path).1.to_vec();
                Some(Origin { directory: change.parent?, name })
            })
            .collect();
        let mut pinned = Vec::new();
        for change in &self.changes {
            if let Some(after) = &change.after
                && let Source::Above { below: Some(origin), .. } = &after.source
                && replaced.contains(origin)
            {
                let opened = after.open();
                pinned.push(opened.map_err(|errno| self.failed(&change.path, errno, Vec::new()))?);
            }
        }
        Ok(pinned)
    }
}

/// Whether the content is read again, or only the metadata.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Thorough {
    Yes,
    No,
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

impl Target<'_> {
    /// The directory at a path, without following any symlink.
    fn directory(&mut self, path: &[u8]) -> Result<Arc<dyn Directory>, Errno> {
        if let Some((last, directory)) = &self.last
            && last == path
        {
            return Ok(Arc::clone(directory));
        }
        let mut directory = Arc::clone(&self.root);
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            directory = match directory.lookup(name)? {
                Found::Directory(found) => found,
                _ => return Err(Errno::NOTDIR),
            };
        }
        self.last = Some((path.to_vec(), Arc::clone(&directory)));
        Ok(directory)
    }

    /// A directory, which must be the one that was seen there.
    fn seen_directory(&mut self, path: &[u8], seen: SeenDirectory) -> Result<Arc<dyn Directory>, String> {
        let directory = self.directory(path).map_err(|errno| match errno {
            Errno::NOENT => "its directory is gone".to_owned(),
            Errno::NOTDIR => "its directory has become something else".to_owned(),
            errno => format!("its directory cannot be opened: {errno}"),
        })?;
        let expected = match &lock(&self.tree.tree).lower {
            Some(lower) => lower.identity(seen),
            None => Err(Errno::STALE),
        };
        let found = directory.metadata().map(|metadata| identity(&metadata));
        if found.is_ok() && found == expected {
            Ok(directory)
        } else {
            Err("its directory has been replaced by another".to_owned())
        }
    }

    /// Whether the change may be written; if not, why.
    fn verify(&mut self, change: &Change, thorough: Thorough) -> Result<(), String> {
        if change.after.as_ref().is_some_and(|after| !can_be_made(after.file_type))
            && change.kind != Kind::Attributes
        {
            return Err("it is neither a file nor a directory nor a symlink".to_owned());
        }
        let (parent, name) = split(&change.path);
        if let Some(target) = change.after.as_ref().and_then(|after| after.target.as_deref()) {
            // To the host's programs it would mean what the program has not seen.
            let depth = parent.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).count();
            if leads_out(depth, target) {
                return Err("it is a symlink that leads out of the directory".to_owned());
            }
        }
        if name.is_empty() {
            // The root itself, of which only the attributes can be others.
            return match self.root.space() {
                Ok(space) if !space.read_only => Ok(()),
                _ => Err("what lies beneath cannot be written to".to_owned()),
            };
        }
        // What lies in a new directory is as new as that.
        let Some(seen) = change.parent else { return Ok(()) };
        let directory = self.seen_directory(parent, seen)?;
        if directory.space().is_ok_and(|space| space.read_only) {
            return Err("what lies beneath cannot be written to".to_owned());
        }
        let Some(before) = &change.before else {
            return match directory.metadata_of(name) {
                Err(Errno::NOENT) => Ok(()),
                Ok(_) => Err("something else has been made at its name".to_owned()),
                Err(errno) => Err(format!("its name cannot be looked at: {errno}")),
            };
        };
        let now = directory.metadata_of(name).map_err(|errno| match errno {
            Errno::NOENT => "it is gone".to_owned(),
            errno => format!("it cannot be looked at: {errno}"),
        })?;
        self.unchanged(before, &now, directory.as_ref(), name, thorough)?;
        match (&before.source, &change.after) {
            (Source::Below { directory: Some(seen), .. }, after)
                if after.as_ref().is_none_or(|after| after.file_type != FileType::Directory) =>
            {
                self.nothing_new(&change.path, *seen)
            }
            _ => Ok(()),
        }
    }

    /// Whether what is there is what was there, or is so by what was written.
    fn unchanged(
        &self,
        before: &Version,
        now: &Metadata,
        directory: &dyn Directory,
        name: &[u8],
        thorough: Thorough,
    ) -> Result<(), String> {
        let Source::Below { metadata, digest, .. } = &before.source else { return Ok(()) };
        if identity(now) == identity(metadata) && self.attributed.contains(&identity(now)) {
            return Ok(());
        }
        let other = || Err("somebody else has changed it meanwhile".to_owned());
        if now.file_type != metadata.file_type || identity(now) != identity(metadata) {
            return Err("something else has taken its place meanwhile".to_owned());
        }
        if now.permissions != metadata.permissions {
            return other();
        }
        match now.file_type {
            FileType::Directory => return Ok(()),
            FileType::SymbolicLink => {
                return match directory.lookup(name) {
                    Ok(Found::Symlink(target)) if Some(&target) == before.target.as_ref() => Ok(()),
                    _ => other(),
                };
            }
            _ => {}
        }
        let stamp = |metadata: &Metadata| (metadata.size, metadata.modified);
        if stamp(now) != stamp(metadata) {
            return other();
        }
        // Once writing has begun, what was done to one name of a file has moved this
        // time of its others.
        if thorough == Thorough::Yes && now.changed != metadata.changed {
            return other();
        }
        // Two changes within a tick of the host's clock leave the same stamp.
        if let (Some(digest), Thorough::Yes) = (digest, thorough) {
            let read = open_to_read(directory, name).and_then(|file| digest_of(file.as_ref(), now.size));
            if read != Ok(*digest) {
                return other();
            }
        }
        Ok(())
    }

    /// A directory that is to be removed may hold only what was there.
    fn nothing_new(&mut self, path: &[u8], seen: SeenDirectory) -> Result<(), String> {
        let directory = self.seen_directory(path, seen)?;
        let tree = lock(&self.tree.tree);
        let known = tree.lower.as_ref().and_then(|lower| lower.seen(seen).ok());
        let mut new = None;
        let listed = directory.entries(0, &mut |entry| match known {
            Some(known) if known.contains_key(entry.name) => ControlFlow::Continue(()),
            _ => {
                new = Some(entry.name.escape_ascii().to_string());
                ControlFlow::Break(())
            }
        });
        match (listed, new) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(name)) => Err(format!("'{name}' has been made in it")),
            (Err(errno), _) => Err(format!("it cannot be read: {errno}")),
        }
    }

    fn write<'c>(
        &mut self,
        changes: &'c [Change],
        written: &mut Vec<&'c [u8]>,
        at: &mut &'c [u8],
    ) -> Result<(), Errno> {
        // What is removed so that something else can come to its place.
        let mut cleared: Option<&[u8]> = None;
        for (index, change) in changes.iter().enumerate() {
            *at = &change.path;
            let is_cleared = cleared.is_some_and(|path| is_below(&change.path, path));
            let Some(after) = change.after.as_ref().filter(|_| !is_cleared) else { continue };
            let was_directory =
                change.before.as_ref().is_some_and(|before| before.file_type == FileType::Directory);
            if was_directory && after.file_type != FileType::Directory {
                let below = changes.iter().skip(index + 1);
                let below: Vec<&Change> =
                    below.take_while(|other| is_below(&other.path, &change.path)).collect();
                for other in below.into_iter().rev() {
                    *at = &other.path;
                    self.remove(other)?;
                    written.push(&other.path);
                }
                *at = &change.path;
                self.remove(change)?;
                cleared = Some(&change.path);
            }
            self.put(change, after)?;
            written.push(&change.path);
        }
        let removed = |change: &&Change| change.after.is_none() && !cleared_by(changes, change);
        for change in changes.iter().rev().filter(removed) {
            *at = &change.path;
            self.remove(change)?;
            written.push(&change.path);
        }
        self.synchronize()?;
        // Directories last and from within: what was written in them has moved
        // their times, and their permissions may forbid it.
        for change in changes.iter().rev() {
            *at = &change.path;
            if let Some(after) = &change.after
                && after.file_type == FileType::Directory
            {
                let directory = self.directory(&change.path)?;
                let before = change.before.as_ref().map(|before| before.permissions);
                if before != Some(after.permissions) {
                    directory.set_permissions(after.permissions)?;
                }
                if change.times_set {
                    directory.set_times(times(after))?;
                }
            }
        }
        Ok(())
    }

    /// Makes the names last that were given and taken.
    fn synchronize(&mut self) -> Result<(), Errno> {
        self.last = None;
        for path in std::mem::take(&mut self.touched) {
            match self.directory(&path) {
                Ok(directory) => directory.synchronize()?,
                // It has been removed after that.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    fn remove(&mut self, change: &Change) -> Result<(), Errno> {
        let (parent, name) = split(&change.path);
        self.last = self.last.take().filter(|(path, _)| *path == parent);
        // It may have changed since it was checked.
        self.verify(change, Thorough::No).map_err(|_| Errno::BUSY)?;
        let directory = self.directory(parent)?;
        self.touched.insert(parent.to_vec());
        match &change.before {
            Some(before) if before.file_type == FileType::Directory => directory.remove_directory(name),
            Some(_) => directory.unlink(name),
            None => Ok(()),
        }
    }

    fn put(&mut self, change: &Change, after: &Version) -> Result<(), Errno> {
        let (parent, name) = split(&change.path);
        if name.is_empty() {
            return Ok(());
        }
        let directory = match change.parent {
            Some(seen) => self.seen_directory(parent, seen).map_err(|_| Errno::BUSY)?,
            None => self.directory(parent)?,
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
        if change.kind != Kind::Attributes {
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
            FileType::RegularFile if change.kind == Kind::Attributes => {
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
                let made = if self.link_to_first(inode, directory.as_ref(), &own) {
                    Ok(())
                } else {
                    write_file(directory.as_ref(), &own, after)
                };
                let made = made.and_then(|()| directory.metadata_of(&own));
                let made = match made {
                    Ok(made) => identity(&made),
                    Err(error) => {
                        // What is left must not stay; the first error is the one to tell.
                        let _ = directory.unlink(&own);
                        return Err(error);
                    }
                };
                match &now {
                    Some(_) => replace(directory.as_ref(), &own, name)?,
                    None => appear(directory.as_ref(), &own, name)?,
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
        let (parent, name, first) = (placed.parent.clone(), placed.name.clone(), placed.identity);
        let Ok(from) = self.directory(&parent) else { return false };
        if from.link(&name, to, own).is_err() {
            return false;
        }
        // Somebody else may have put another file there meanwhile.
        if to.metadata_of(own).is_ok_and(|made| identity(&made) == first) {
            return true;
        }
        let _ = to.unlink(own);
        false
    }
}

fn can_be_made(file_type: FileType) -> bool {
    matches!(file_type, FileType::Directory | FileType::RegularFile | FileType::SymbolicLink)
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// Whether a directory above gave its place to something else, and all that was
/// in it went with it.
fn cleared_by(changes: &[Change], change: &Change) -> bool {
    let mut path = change.path.as_slice();
    while let (parent, _) = split(path)
        && !parent.is_empty()
    {
        path = parent;
        let found = changes.binary_search_by(|other| {
            other.path.split(|byte| *byte == b'/').cmp(path.split(|byte| *byte == b'/'))
        });
        let above = found.ok().and_then(|index| changes.get(index));
        if above.is_some_and(|above| {
            above.after.as_ref().is_some_and(|after| after.file_type != FileType::Directory)
        }) {
            return true;
        }
    }
    false
}

fn times(version: &Version) -> NewTimes {
    NewTimes { accessed: Some(version.accessed), modified: Some(version.modified) }
}

/// A name that nobody else has.
fn own_name() -> Result<Vec<u8>, Errno> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
    Ok(format!(".bellglass-{:016x}", u64::from_le_bytes(random)).into_bytes())
}

fn write_file(directory: &dyn Directory, name: &[u8], version: &Version) -> Result<(), Errno> {
    let options = OpenOptions {
        read: false,
        write: true,
        creation: Creation::New,
        truncate: false,
        permissions: version.permissions | 0o200,
    };
    let Opened::File(to) = directory.open(name, &options)? else { return Err(Errno::IO) };
    let from = version.open()?;
    let mut buffer = vec![0; 64 << 10];
    let mut offset = 0;
    loop {
        let count = from.read_at(offset, &mut buffer)?.min(buffer.len());
        if count == 0 {
            break;
        }
        let mut piece = buffer.get(..count).unwrap_or_default();
        while !piece.is_empty() {
            let written = to.write_at(offset, piece)?.min(piece.len());
            if written == 0 {
                return Err(Errno::NOSPC);
            }
            offset += written as u64;
            piece = &piece[written..];
        }
    }
    to.set_permissions(version.permissions)?;
    to.set_times(times(version))?;
    to.synchronize()
}

fn replace(directory: &dyn Directory, own: &[u8], name: &[u8]) -> Result<(), Errno> {
    directory.rename(own, directory, name).inspect_err(|_| {
        let _ = directory.unlink(own);
    })
}

/// Gives a file its name, if nobody else has taken that meanwhile.
fn appear(directory: &dyn Directory, own: &[u8], name: &[u8]) -> Result<(), Errno> {
    let linked = directory.link(own, directory, name);
    match linked {
        Ok(()) => directory.unlink(own),
        Err(Errno::EXIST) => {
            directory.unlink(own)?;
            Err(Errno::EXIST)
        }
        // A file system without hard links.
        Err(_) => match directory.metadata_of(name) {
            Err(Errno::NOENT) => replace(directory, own, name),
            _ => {
                directory.unlink(own)?;
                Err(Errno::EXIST)
            }
        },
    }
}
