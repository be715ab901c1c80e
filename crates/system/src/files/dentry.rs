//! What is held of the tree: the working directory, open directories, the names of open
//! files, and all directories above these.
//!
//! A directory that is held is an object and no text: it stays what it is, whatever it is
//! renamed to, and so do those above it. Each holds the one above it, and knows those
//! below it that are held, by their names. A walk that comes through a held directory goes
//! on from that object, so there is one for each directory; and who renames or removes a
//! name of this run's tree notes it here (see [`names`](super::names)).
//!
//! Of a directory of the host others may rename what is held, too. Then the directory is
//! still the one that it was, and what lies above it is what lay above it when it was
//! walked to: nothing that others do leads out of the mount. Where it has gone to is looked
//! for when its path is asked for.

use super::{Directory, FileType, PATH_BYTES};
use crate::Errno;
use crate::meter::{Charge, Meter};
use crate::pieces::Steps;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes that a held name takes: itself, and twice the longest name, for a rename must
/// not fail when it is done.
const DENTRY_BYTES: u64 = 1024;

/// A name of the tree that is held, and the directory, if it is one's.
pub struct Dentry {
    directory: Option<Arc<dyn Directory>>,
    position: Mutex<Position>,
    children: Mutex<BTreeMap<Box<[u8]>, Weak<Self>>>,
    charge: Charge,
}

/// Where it is.
struct Position {
    /// `None` for the root, and while it is dropped. There is never a circle.
    parent: Option<Arc<Dentry>>,
    name: Box<[u8]>,
    /// Whether its name was taken away, or it is not known any more where it is.
    removed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The directory in which one lies, and its name there.
type Whereabouts = (Arc<Dentry>, Box<[u8]>);

impl Dentry {
    /// The root. What is held below it is charged to `meter`.
    pub(crate) fn root(directory: Arc<dyn Directory>, meter: &Arc<Meter>) -> Arc<Self> {
        let position = Position { parent: None, name: Box::default(), removed: false };
        Arc::new(Self {
            directory: Some(directory),
            position: Mutex::new(position),
            children: Mutex::default(),
            charge: meter.nothing(),
        })
    }

    /// The directory that it is; ENOTDIR.
    pub(crate) fn directory(&self) -> Result<&Arc<dyn Directory>, Errno> {
        self.directory.as_ref().ok_or(Errno::NOTDIR)
    }

    /// The directory that it lies in; the root lies in itself.
    pub(crate) fn parent(self: &Arc<Self>) -> Arc<Self> {
        lock(&self.position).parent.clone().unwrap_or_else(|| Arc::clone(self))
    }

    /// Its name in that; empty for the root.
    pub(crate) fn name(&self) -> Box<[u8]> {
        lock(&self.position).name.clone()
    }

    /// Whether it has no name any more.
    pub(crate) fn is_removed(&self) -> bool {
        lock(&self.position).removed
    }

    /// What is held of a name in this directory.
    fn child(&self, name: &[u8]) -> Option<Arc<Self>> {
        lock(&self.children).get(name)?.upgrade()
    }

    /// Whether anything is held of a name in this directory.
    pub(super) fn holds(&self, name: &[u8]) -> bool {
        lock(&self.children).contains_key(name)
    }

    /// What is held of a name in this directory, if it is `found` that has the name now:
    /// a directory, or anything else.
    pub(super) fn held(&self, name: &[u8], found: Option<&dyn Directory>) -> Option<Arc<Self>> {
        self.child(name).filter(|held| held.is(found))
    }

    /// Whether it is `found`, of which it has the name.
    fn is(&self, found: Option<&dyn Directory>) -> bool {
        match (&self.directory, found) {
            (Some(directory), Some(found)) => {
                matches!((directory.identity(), found.identity()), (Ok(one), Ok(other)) if one == other)
            }
            (None, None) => true,
            _ => false,
        }
    }

    /// Holds a name in this directory.
    ///
    /// # Errors
    /// ENOMEM if the guest may have no more kept for it.
    pub(super) fn hold(
        self: &Arc<Self>,
        name: &[u8],
        directory: Option<&Arc<dyn Directory>>,
    ) -> Result<Arc<Self>, Errno> {
        if let Some(held) = self.held(name, directory.map(Arc::as_ref)) {
            return Ok(held);
        }
        let mut charge = self.charge.more();
        charge.grow(DENTRY_BYTES)?;
        let position = Position { parent: Some(Arc::clone(self)), name: name.into(), removed: false };
        let new = Arc::new(Self {
            directory: directory.cloned(),
            position: Mutex::new(position),
            children: Mutex::default(),
            charge,
        });
        lock(&self.children).insert(name.into(), Arc::downgrade(&new));
        Ok(new)
    }

    /// A name that has been taken away already, such as that of a file without one.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub(crate) fn nameless(self: &Arc<Self>, name: &[u8]) -> Result<Arc<Self>, Errno> {
        let mut charge = self.charge.more();
        charge.grow(DENTRY_BYTES)?;
        let position = Position { parent: Some(Arc::clone(self)), name: name.into(), removed: true };
        let (position, children) = (Mutex::new(position), Mutex::default());
        Ok(Arc::new(Self { directory: None, position, children, charge }))
    }

    /// Takes it from the names of the directory that it lies in.
    fn forget_name(self: &Arc<Self>, position: &Position) {
        if let Some(parent) = &position.parent {
            let mut children = lock(&parent.children);
            if children.get(&position.name).is_some_and(|child| child.as_ptr() == Arc::as_ptr(self)) {
                children.remove(&position.name);
            }
        }
    }

    /// Notes that it has no name any more.
    pub(super) fn remove(self: &Arc<Self>) {
        let mut position = lock(&self.position);
        position.removed = true;
        self.forget_name(&position);
    }

    /// Notes that it is `name` in `parent` now.
    pub(super) fn rename(self: &Arc<Self>, parent: &Arc<Self>, name: &[u8]) {
        self.keep_from_itself(parent);
        let before = {
            let mut position = lock(&self.position);
            self.forget_name(&position);
            let new = Position { parent: Some(Arc::clone(parent)), name: name.into(), removed: false };
            std::mem::replace(&mut *position, new)
        };
        lock(&parent.children).insert(name.into(), Arc::downgrade(self));
        if let (Some(own), Ok(above)) = (&self.directory, parent.directory()) {
            own.renamed(above.as_ref(), name);
        }
        // It may have been the last that held the one above.
        drop(before);
    }

    /// The host has let a directory be moved to below what lay below it: others have moved
    /// that away before. Where to is not known, so it counts as removed.
    fn keep_from_itself(self: &Arc<Self>, parent: &Arc<Self>) {
        let mut at = Arc::clone(parent);
        // BOUND: as many steps as the tree is deep, of which each is charged.
        loop {
            let position = lock(&at.position);
            let Some(above) = position.parent.clone() else { return };
            drop(position);
            if Arc::ptr_eq(&above, self) {
                let Some(root) = self.top() else { return };
                let mut position = lock(&at.position);
                position.removed = true;
                at.forget_name(&position);
                position.parent = Some(root);
                return;
            }
            at = above;
        }
    }

    /// The root above it; nothing for the root.
    fn top(self: &Arc<Self>) -> Option<Arc<Self>> {
        let mut top = lock(&self.position).parent.clone()?;
        loop {
            let above = lock(&top.position).parent.clone();
            match above {
                Some(above) => top = above,
                None => return Some(top),
            }
        }
    }

    /// Its path from the root, as it is now; of what was removed, the one that it had.
    ///
    /// # Errors
    /// ENOENT if others have moved it, or what lies above it, to where it is not found;
    /// ENAMETOOLONG for a path that no call would take.
    pub(crate) fn path(self: &Arc<Self>) -> Result<Vec<u8>, Errno> {
        self.path_by(Self::found)
    }

    /// Its path as it was when that was last known.
    ///
    /// # Errors
    /// ENAMETOOLONG for a path that no call would take.
    pub(crate) fn last_path(self: &Arc<Self>) -> Result<Vec<u8>, Errno> {
        self.path_by(|at| Ok(at.noted().map(|(parent, name, _)| (parent, name))))
    }

    fn path_by(
        self: &Arc<Self>,
        step: impl Fn(&Arc<Self>) -> Result<Option<(Arc<Self>, Box<[u8]>)>, Errno>,
    ) -> Result<Vec<u8>, Errno> {
        let mut names = Vec::new();
        let mut length = 0;
        let mut at = Arc::clone(self);
        let mut steps = Steps::default();
        while let Some((parent, name)) = step(&at)? {
            steps.step()?;
            length += name.len() + 1;
            // BOUND: no name is kept beyond this.
            if length > PATH_BYTES {
                return Err(Errno::NAMETOOLONG);
            }
            names.push(name);
            at = parent;
        }
        let mut path = Vec::with_capacity(length.max(1));
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        Ok(path)
    }

    /// Where it was when that was last known, and whether it was removed since; nothing
    /// for the root.
    fn noted(&self) -> Option<(Arc<Self>, Box<[u8]>, bool)> {
        let position = lock(&self.position);
        position.parent.clone().map(|parent| (parent, position.name.clone(), position.removed))
    }

    /// Whether it lies in a directory above, and neither it nor one between was moved away by
    /// others.
    pub(super) fn is_still_below(self: &Arc<Self>, above: &Arc<Self>) -> Result<bool, Errno> {
        let mut at = Arc::clone(self);
        let mut steps = Steps::default();
        while !Arc::ptr_eq(&at, above) {
            steps.step()?;
            match at.found() {
                Ok(Some((parent, _))) => at = parent,
                Ok(None) | Err(Errno::NOENT) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Where it is, once it was looked for there; nothing for the root.
    fn found(self: &Arc<Self>) -> Result<Option<Whereabouts>, Errno> {
        let Some((parent, name, removed)) = self.noted() else { return Ok(None) };
        let (Some(own), Ok(above), false) = (&self.directory, parent.directory(), removed) else {
            return Ok(Some((parent, name)));
        };
        let Ok(identity) = own.identity() else { return Ok(Some((parent, name))) };
        let is_here =
            |name: &[u8]| above.metadata_of(name).map(|found| (found.device, found.inode) == identity);
        match is_here(&name) {
            Ok(false) | Err(Errno::NOENT | Errno::NOTDIR | Errno::STALE) => {}
            // What may not be looked at is where it was.
            Ok(true) | Err(_) => return Ok(Some((parent, name))),
        }
        let mut moved = None;
        let (mut steps, mut going) = (Steps::default(), Ok(()));
        above.entries(0, &mut |entry| {
            going = steps.step();
            if going.is_err() {
                return ControlFlow::Break(());
            }
            if entry.file_type == FileType::Directory && entry.inode == identity.1 {
                moved = Some(entry.name.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        going?;
        let moved = moved.filter(|name: &Vec<u8>| is_here(name) == Ok(true));
        let name = moved.ok_or(Errno::NOENT)?.into_boxed_slice();
        self.rename(&parent, &name);
        Ok(Some((parent, name)))
    }

    /// Leaves the directory that it lies in, and gives it.
    fn leave(&mut self) -> Option<Arc<Self>> {
        let position = self.position.get_mut().unwrap_or_else(PoisonError::into_inner);
        let parent = position.parent.take()?;
        let mut children = lock(&parent.children);
        // Another may have the name by now.
        if children.get(&position.name).is_some_and(|child| child.strong_count() == 0) {
            children.remove(&position.name);
        }
        drop(children);
        Some(parent)
    }
}

impl Drop for Dentry {
    /// One after the other: they are as many as the guest likes, and the stack is not.
    fn drop(&mut self) {
        let mut above = self.leave();
        while let Some(parent) = above {
            above = Arc::into_inner(parent).and_then(|mut parent| parent.leave());
        }
    }
}

impl std::fmt::Debug for Dentry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let position = lock(&self.position);
        let name = position.name.escape_ascii().to_string();
        formatter.debug_struct("Dentry").field("name", &name).field("removed", &position.removed).finish()
    }
}
