//! From a path to a directory and a name: the only code that interprets paths.

use super::{Directory, Found, NAME_BYTES, PATH_BYTES};
use crate::Errno;
use crate::pieces::Steps;
use std::collections::VecDeque;
use std::sync::Arc;

/// Symlinks that one walk follows; Linux's MAXSYMLINKS.
const SYMLINKS: usize = 40;

/// Directories that a place may lie deep.
// BOUND: an open directory holds all its parents; a guest that makes ever deeper
// directories, each relative to the last, is stopped here. Paths alone reach
// 2048.
const DEPTH: usize = 4096;

/// A directory and those above it, up to the root: what a walk starts from and
/// what an open directory is.
#[derive(Clone)]
pub struct Place {
    root: Arc<dyn Directory>,
    below: Vec<Arc<dyn Directory>>,
}

impl Place {
    /// The root itself.
    pub(crate) fn root(root: Arc<dyn Directory>) -> Self {
        Self { root, below: Vec::new() }
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Arc<dyn Directory> {
        self.below.last().unwrap_or(&self.root)
    }

    /// How many directories are above it.
    pub(crate) fn depth(&self) -> usize {
        self.below.len()
    }

    /// The directory above; the root is above itself.
    pub(crate) fn parent(&self) -> &Arc<dyn Directory> {
        let above = self.below.len().checked_sub(2).and_then(|index| self.below.get(index));
        above.unwrap_or(&self.root)
    }

    fn enter(&mut self, directory: Arc<dyn Directory>) -> Result<(), Errno> {
        if self.below.len() >= DEPTH {
            return Err(Errno::NAMETOOLONG);
        }
        self.below.push(directory);
        Ok(())
    }
}

/// What to do with a symlink that is the last name of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// Go on to what it points to.
    Follow,
    /// Stop at the symlink itself.
    Keep,
}

/// Where a path leads.
pub(crate) enum Resolved {
    /// To a directory.
    Directory {
        /// The directory itself.
        place: Place,
    },
    /// To a name in a directory that is no directory itself: a file, or a symlink
    /// that was not to be followed.
    Entry {
        /// The directory that has it.
        parent: Place,
        /// Its name.
        name: Vec<u8>,
        /// The target, if it is a symlink.
        symlink: Option<Vec<u8>>,
    },
    /// To a name that is not there, in a directory that is.
    Missing {
        /// The directory that has no such name.
        parent: Place,
        /// The name.
        name: Vec<u8>,
        /// Whether a slash follows it, so that only a directory can come there.
        slash: bool,
    },
}

/// The last name of a path, for a call that works on the name itself.
pub(crate) enum LastName {
    /// A name, and whether a slash follows it.
    Name {
        /// The name, of any length: see [`check_name`].
        name: Vec<u8>,
        /// Whether a slash follows it.
        slash: bool,
    },
    /// A dot: the directory itself.
    Dot,
    /// Two dots: the directory above.
    DotDot,
    /// The path is `/`.
    Root,
}

/// Walks to the directory that `path`'s last name is in, and leaves the name as
/// it is: what renaming, removing and making do, which follow no symlink there.
pub(crate) fn walk_to_parent(start: &Place, path: &[u8]) -> Result<(Place, LastName), Errno> {
    check(path)?;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let trimmed = &path[..end];
    let slash = trimmed.len() < path.len();
    if trimmed.is_empty() {
        return Ok((Place::root(Arc::clone(&start.root)), LastName::Root));
    }
    let (above, name) = match trimmed.iter().rposition(|byte| *byte == b'/') {
        Some(at) => trimmed.split_at(at + 1),
        None => (&[] as &[u8], trimmed),
    };
    let place = match above {
        [] => start.clone(),
        _ => match walk(start, above, Last::Follow)? {
            Resolved::Directory { place } => place,
            Resolved::Missing { .. } => return Err(Errno::NOENT),
            Resolved::Entry { .. } => return Err(Errno::NOTDIR),
        },
    };
    let last = match name {
        b"." => LastName::Dot,
        b".." => LastName::DotDot,
        _ => LastName::Name { name: name.to_vec(), slash },
    };
    Ok((place, last))
}

/// ENAMETOOLONG for a name that no directory can have. It is found when the name
/// is looked up, after what else may be wrong.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Errno> {
    if name.len() > NAME_BYTES { Err(Errno::NAMETOOLONG) } else { Ok(()) }
}

fn check(path: &[u8]) -> Result<(), Errno> {
    match path {
        [] => Err(Errno::NOENT),
        _ if path.contains(&0) => Err(Errno::INVAL),
        _ if path.len() > PATH_BYTES => Err(Errno::NAMETOOLONG),
        _ => Ok(()),
    }
}

/// Walks `path` from `start`, or from the root if it starts with a slash.
///
/// In this order: EINVAL for a zero byte, ENOENT for an empty path,
/// ENAMETOOLONG, and then, name by name: ENAMETOOLONG, ENOENT or ENOTDIR, ELOOP.
pub(crate) fn walk(start: &Place, path: &[u8], last: Last) -> Result<Resolved, Errno> {
    check(path)?;
    let mut place = start.clone();
    // What is still to be walked. The front has the next name.
    let mut rest = VecDeque::new();
    // Whether a slash followed the last name, of the path or of a symlink that
    // stood for it.
    let mut slash = push(&mut place, &mut rest, path)?;
    let mut followed = 0;
    // BOUND: some 80,000 names, of a path that is a symlink again and again.
    let mut steps = Steps::default();
    while let Some(name) = rest.pop_front() {
        steps.step()?;
        match name.as_slice() {
            b"." => continue,
            b".." => {
                place.below.pop();
                continue;
            }
            _ => {}
        }
        check_name(&name)?;
        let is_last = rest.is_empty();
        match place.directory().lookup(&name) {
            Ok(Found::Directory(directory)) => {
                place.enter(directory)?;
            }
            Ok(Found::Symlink(target)) if is_last && !slash && last == Last::Keep => {
                return Ok(Resolved::Entry { parent: place, name, symlink: Some(target) });
            }
            Ok(Found::Symlink(target)) => {
                followed += 1;
                if followed > SYMLINKS {
                    return Err(Errno::LOOP);
                }
                // BOUND: at most SYMLINKS targets of at most PATH_BYTES are ever
                // added to `rest`.
                if target.len() > PATH_BYTES {
                    return Err(Errno::NAMETOOLONG);
                }
                let target_slash = push(&mut place, &mut rest, &target)?;
                slash |= is_last && target_slash;
            }
            Ok(Found::Other) if is_last && !slash => {
                return Ok(Resolved::Entry { parent: place, name, symlink: None });
            }
            Ok(Found::Other) => return Err(Errno::NOTDIR),
            Err(Errno::NOENT) if is_last => return Ok(Resolved::Missing { parent: place, name, slash }),
            Err(error) => return Err(error),
        }
    }
    Ok(Resolved::Directory { place })
}

/// Puts the names of `path` before `rest`; an absolute path sets `place` back to
/// the root. Returns whether the path ends in a slash.
fn push(place: &mut Place, rest: &mut VecDeque<Vec<u8>>, path: &[u8]) -> Result<bool, Errno> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    if path.starts_with(b"/") {
        place.below.clear();
    }
    for name in path.rsplit(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        rest.push_front(name.to_vec());
    }
    Ok(path.ends_with(b"/"))
}
