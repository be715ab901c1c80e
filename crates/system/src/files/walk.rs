//! From a path to a directory and a name: the only code that interprets paths.

use super::dentry::Dentry;
use super::{Directory, Found, Jump, NAME_BYTES, PATH_BYTES, Wanting};
use crate::Errno;
use crate::pieces::Steps;
use std::collections::VecDeque;
use std::sync::Arc;

/// Links that one walk follows; Linux's MAXSYMLINKS.
const SYMLINKS: usize = 40;

/// A directory below another, and its name there.
type Below = (Box<[u8]>, Arc<dyn Directory>);

/// A directory that a walk has come to: one that is held, or one below it.
#[derive(Clone)]
pub(crate) struct Place {
    /// The last one on the way that was held before the walk, and its directory.
    held: Arc<Dentry>,
    top: Arc<dyn Directory>,
    /// Those that the walk came through since then, by their names.
    // BOUND: by the names of a walk.
    below: Vec<Below>,
}

impl Place {
    /// A directory that is held; ENOTDIR.
    pub(crate) fn of(held: &Arc<Dentry>) -> Result<Self, Errno> {
        let top = Arc::clone(held.directory()?);
        Ok(Self { held: Arc::clone(held), top, below: Vec::new() })
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Arc<dyn Directory> {
        self.below.last().map_or(&self.top, |(_, directory)| directory)
    }

    /// Whether it was removed after it was opened: nothing is found in it then.
    pub(crate) fn is_removed(&self) -> bool {
        self.dentry().is_some_and(|dentry| dentry.is_removed())
    }

    /// ENAMETOOLONG for a name that it cannot have.
    pub(crate) fn check_name(&self, name: &[u8]) -> Result<(), Errno> {
        match check_name(name) {
            Err(_) if self.is_removed() => Err(Errno::NOENT),
            checked => checked,
        }
    }

    /// The directory, if it was held before the walk.
    pub(super) fn dentry(&self) -> Option<&Arc<Dentry>> {
        self.below.is_empty().then_some(&self.held)
    }

    /// Holds the directory, and with it those above.
    ///
    /// # Errors
    /// ENOMEM if the guest may have no more kept for it.
    pub(crate) fn hold(&self) -> Result<Arc<Dentry>, Errno> {
        let mut held = Arc::clone(&self.held);
        for (name, directory) in &self.below {
            held = held.hold(name, Some(directory))?;
        }
        Ok(held)
    }

    /// Holds a name in the directory that is no directory's.
    ///
    /// # Errors
    /// ENOMEM if the guest may have no more kept for it.
    pub(crate) fn hold_name(&self, name: &[u8]) -> Result<Arc<Dentry>, Errno> {
        self.hold()?.hold(name, None)
    }

    /// Whether it is that directory, or lies in it.
    pub(crate) fn lies_in(&self, directory: &dyn Directory) -> Result<bool, Errno> {
        let identity = directory.identity()?;
        for (_, below) in &self.below {
            if below.identity()? == identity {
                return Ok(true);
            }
        }
        let mut at = Arc::clone(&self.held);
        let mut steps = Steps::default();
        loop {
            steps.step()?;
            if at.directory()?.identity()? == identity {
                return self.held.is_still_below(&at);
            }
            let above = at.parent();
            if Arc::ptr_eq(&above, &at) {
                return Ok(false);
            }
            at = above;
        }
    }

    fn enter(&mut self, name: Vec<u8>, directory: Arc<dyn Directory>) {
        match self.dentry().and_then(|dentry| dentry.held(&name, Some(directory.as_ref()))) {
            Some(held) => {
                // What is held goes on being what it is; `directory` was to find it by.
                self.top = held.directory().map_or(directory, Arc::clone);
                self.held = held;
            }
            None => self.below.push((name.into(), directory)),
        }
    }

    fn leave(&mut self) -> Result<(), Errno> {
        if self.below.pop().is_none() {
            self.jump(&self.held.parent())?;
        }
        Ok(())
    }

    fn jump(&mut self, to: &Arc<Dentry>) -> Result<(), Errno> {
        *self = Self::of(to)?;
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
    /// By a link of /proc, to what is open and no directory.
    Open(Jump),
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

/// How paths are walked.
#[derive(Clone)]
pub(crate) struct Walk {
    /// Where a slash at the start leads.
    pub root: Arc<Dentry>,
    /// Whether the permission bits of a directory say if names may be looked up in it, where
    /// it does not say that by itself.
    pub searches_by_permission: bool,
    /// Where a walk ends that may not go on.
    pub bounds: Bounds,
    /// Whether what it leads to is made if it is not there: EISDIR for what is named as a
    /// directory then, whatever is there.
    pub creates: bool,
}

/// What a walk must not come through, as `openat2` of Linux has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// EXDEV for a directory of another tree.
    pub no_crossing: bool,
    /// ELOOP for a link of /proc that leads to what is open.
    pub no_jumps: bool,
    /// ELOOP for any link.
    pub no_symlinks: bool,
    /// EXDEV for what leads out of the directory in which it starts.
    pub beneath: bool,
    /// The directory in which it starts is the root.
    pub in_root: bool,
}

/// Walks from a directory, with a slash at the start from the root.
///
/// # Errors
/// As [`Walk::to`].
pub(crate) fn walk(
    root: &Arc<Dentry>,
    start: &Arc<Dentry>,
    path: &[u8],
    last: Last,
) -> Result<Resolved, Errno> {
    Walk::from(root).to(start, path, last)
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

/// A walk under way.
struct Walking<'a> {
    walk: &'a Walk,
    start: &'a Arc<Dentry>,
    place: Place,
    /// What is still to be walked. The front has the next name.
    rest: VecDeque<Vec<u8>>,
    /// Whether a slash followed the last name, of the path or of a symlink that
    /// stood for it.
    slash: bool,
    followed: usize,
}

impl Walk {
    /// Walks without bounds.
    pub(crate) fn from(root: &Arc<Dentry>) -> Self {
        Self {
            root: Arc::clone(root),
            searches_by_permission: false,
            bounds: Bounds::default(),
            creates: false,
        }
    }

    /// Walks to the directory that `path`'s last name is in, and leaves the name as
    /// it is: what renaming, removing and making do, which follow no symlink there.
    ///
    /// # Errors
    /// As [`to`](Self::to).
    pub(crate) fn to_parent(&self, start: &Arc<Dentry>, path: &[u8]) -> Result<(Place, LastName), Errno> {
        check(path)?;
        let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let trimmed = &path[..end];
        let slash = trimmed.len() < path.len();
        if trimmed.is_empty() {
            return match self.bounds {
                Bounds { beneath: true, .. } => Err(Errno::XDEV),
                Bounds { in_root: true, .. } => Ok((Place::of(start)?, LastName::Root)),
                _ => Ok((Place::of(&self.root)?, LastName::Root)),
            };
        }
        let (above, name) = match trimmed.iter().rposition(|byte| *byte == b'/') {
            Some(at) => trimmed.split_at(at + 1),
            None => (&[] as &[u8], trimmed),
        };
        let place = match above {
            [] => Place::of(start)?,
            _ => match (Self { creates: false, ..self.clone() }).to(start, above, Last::Follow)? {
                Resolved::Directory { place } => place,
                Resolved::Missing { .. } => return Err(Errno::NOENT),
                Resolved::Entry { .. } | Resolved::Open(_) => return Err(Errno::NOTDIR),
            },
        };
        // Whatever the name is: not every call goes on to look it up.
        self.may_search(place.directory().as_ref(), b".")?;
        let last = match name {
            b"." => LastName::Dot,
            b".." => LastName::DotDot,
            _ => LastName::Name { name: name.to_vec(), slash },
        };
        Ok((place, last))
    }

    /// Walks `path` from `start`, or from the root if it starts with a slash.
    ///
    /// # Errors
    /// In this order: ENOENT for an empty path, EINVAL for a zero byte, ENAMETOOLONG, and
    /// then, name by name: EACCES, ENAMETOOLONG, ENOENT or ENOTDIR, ELOOP.
    pub(crate) fn to(&self, start: &Arc<Dentry>, path: &[u8], last: Last) -> Result<Resolved, Errno> {
        check(path)?;
        let (place, rest) = (Place::of(start)?, VecDeque::new());
        let mut walking = Walking { walk: self, start, place, rest, slash: false, followed: 0 };
        walking.slash = walking.push(path)?;
        walking.go_to_end(last)
    }

    /// EACCES if a name may not be looked up in a directory.
    fn may_search(&self, directory: &dyn Directory, name: &[u8]) -> Result<(), Errno> {
        const SEARCH: u32 = 0o100;
        match directory.checks_permissions() {
            _ if !self.searches_by_permission => Ok(()),
            // Names it looks up itself, and dots it is not asked for.
            true if matches!(name, b"." | b"..") => directory.check_permission(Wanting::Search),
            true => Ok(()),
            false if directory.metadata()?.permissions & SEARCH == 0 => Err(Errno::ACCES),
            false => Ok(()),
        }
    }
}

impl Walking<'_> {
    fn go_to_end(mut self, last: Last) -> Result<Resolved, Errno> {
        // BOUND: some 80,000 names, of a path that is a symlink again and again.
        let mut steps = Steps::default();
        while let Some(name) = self.rest.pop_front() {
            steps.step()?;
            self.walk.may_search(self.place.directory().as_ref(), &name)?;
            match name.as_slice() {
                b"." => continue,
                b".." => {
                    self.leave()?;
                    continue;
                }
                _ => {}
            }
            if self.walk.creates && self.slash && self.rest.is_empty() {
                return Err(Errno::ISDIR);
            }
            if let Err(too_long) = check_name(&name) {
                // No tree will be asked.
                self.walk.may_search(self.place.directory().as_ref(), b".")?;
                return Err(if self.place.is_removed() { Errno::NOENT } else { too_long });
            }
            let is_last = self.rest.is_empty();
            let keeps = is_last && !self.slash && last == Last::Keep;
            match self.place.directory().lookup(&name) {
                Ok(Found::Directory(directory)) => self.enter(name, directory)?,
                Ok(Found::Symlink(target)) if keeps => {
                    return Ok(Resolved::Entry { parent: self.place, name, symlink: Some(target) });
                }
                Ok(Found::Jump(jump)) if keeps => {
                    let symlink = Some(jump.text()?);
                    return Ok(Resolved::Entry { parent: self.place, name, symlink });
                }
                Ok(Found::Symlink(target)) => self.follow(&target, is_last)?,
                Ok(Found::Jump(jump)) => {
                    self.count_link()?;
                    if self.walk.bounds.no_jumps {
                        return Err(Errno::LOOP);
                    }
                    match jump.directory() {
                        Some(directory) => self.jump(directory)?,
                        None if is_last && !self.slash => return Ok(Resolved::Open(jump)),
                        None => return Err(Errno::NOTDIR),
                    }
                }
                Ok(Found::Other) if is_last && !self.slash => {
                    return Ok(Resolved::Entry { parent: self.place, name, symlink: None });
                }
                Ok(Found::Other) => return Err(Errno::NOTDIR),
                Err(Errno::NOENT) if is_last => {
                    return Ok(Resolved::Missing { parent: self.place, name, slash: self.slash });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Resolved::Directory { place: self.place })
    }

    /// Puts the names of `path` before what is still to be walked; with a slash at its
    /// start it goes on from the root. Returns whether the path ends in a slash.
    fn push(&mut self, path: &[u8]) -> Result<bool, Errno> {
        if path.is_empty() {
            return Err(Errno::NOENT);
        }
        if path.starts_with(b"/") {
            match self.walk.bounds {
                Bounds { beneath: true, .. } => return Err(Errno::XDEV),
                Bounds { in_root: true, .. } => self.place.jump(self.start)?,
                _ => self.jump(&Arc::clone(&self.walk.root))?,
            }
        }
        for name in path.rsplit(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            self.rest.push_front(name.to_vec());
        }
        Ok(path.ends_with(b"/"))
    }

    fn follow(&mut self, target: &[u8], is_last: bool) -> Result<(), Errno> {
        self.count_link()?;
        // BOUND: at most SYMLINKS targets of at most PATH_BYTES are ever added to `rest`.
        if target.len() > PATH_BYTES {
            return Err(Errno::NAMETOOLONG);
        }
        let slash = self.push(target)?;
        self.slash |= is_last && slash;
        Ok(())
    }

    fn count_link(&mut self) -> Result<(), Errno> {
        self.followed += 1;
        let is_bound = self.walk.bounds.no_symlinks;
        if self.followed > SYMLINKS || is_bound { Err(Errno::LOOP) } else { Ok(()) }
    }

    fn enter(&mut self, name: Vec<u8>, directory: Arc<dyn Directory>) -> Result<(), Errno> {
        self.stay(directory.as_ref())?;
        self.place.enter(name, directory);
        Ok(())
    }

    /// Up, to where the directory lies now if it was renamed since it was opened.
    fn leave(&mut self) -> Result<(), Errno> {
        let Bounds { beneath, in_root, .. } = self.walk.bounds;
        if (beneath || in_root) && self.place.dentry().is_some_and(|at| Arc::ptr_eq(at, self.start)) {
            return if in_root { Ok(()) } else { Err(Errno::XDEV) };
        }
        let before = self.walk.bounds.no_crossing.then(|| Arc::clone(self.place.directory()));
        self.place.leave()?;
        before.map_or(Ok(()), |before| self.stay(before.as_ref()))
    }

    fn jump(&mut self, to: &Arc<Dentry>) -> Result<(), Errno> {
        if self.walk.bounds.beneath || self.walk.bounds.in_root {
            return Err(Errno::XDEV);
        }
        self.stay(to.directory()?.as_ref())?;
        self.place.jump(to)
    }

    /// EXDEV if it may not come to another tree and `next`, or what it comes from, is of
    /// another.
    fn stay(&self, next: &dyn Directory) -> Result<(), Errno> {
        if !self.walk.bounds.no_crossing {
            return Ok(());
        }
        let (here, there) = (self.place.directory().identity()?.0, next.identity()?.0);
        if here == there { Ok(()) } else { Err(Errno::XDEV) }
    }
}
