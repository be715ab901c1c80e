//! Taking names away and renaming them: in the tree, and of what is held of it.
//!
//! Whoever takes a name away or renames it goes through here: a directory of the tree does
//! not know what is held of it.

use super::Found;
use super::dentry::Dentry;
use super::walk::Place;
use crate::Errno;
use std::sync::Arc;

/// What a rename does with the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renaming {
    /// What had it is replaced.
    Replace,
    /// It must be free.
    New,
    /// What has it gets the old name.
    Exchange,
}

/// What is held of a name.
fn held(place: &Place, name: &[u8]) -> Option<Arc<Dentry>> {
    let dentry = place.dentry().filter(|dentry| dentry.holds(name))?;
    // What is no directory any more, or another, was renamed by others.
    let found = match place.directory().lookup(name) {
        Ok(Found::Directory(found)) => Some(found),
        _ => None,
    };
    dentry.held(name, found.as_deref())
}

/// Takes away a name that is not a directory's.
pub(crate) fn unlink(place: &Place, name: &[u8]) -> Result<(), Errno> {
    place.directory().unlink(name)?;
    if let Some(held) = place.dentry().and_then(|dentry| dentry.held(name, None)) {
        held.remove();
    }
    Ok(())
}

/// Removes an empty directory.
pub(crate) fn remove_directory(place: &Place, name: &[u8]) -> Result<(), Errno> {
    let held = held(place, name);
    place.directory().remove_directory(name)?;
    if let Some(held) = held {
        held.remove();
    }
    Ok(())
}

/// Renames, as [`Directory::rename`](super::Directory::rename) and its like do.
pub(crate) fn rename(
    from: &Place,
    name: &[u8],
    to: &Place,
    to_name: &[u8],
    renaming: Renaming,
) -> Result<(), Errno> {
    let (moved, other) = (held(from, name), held(to, to_name));
    // Held before it is done, for it must not fail then.
    let new_parent = moved.as_ref().map(|_| to.hold()).transpose()?;
    let exchanges = renaming == Renaming::Exchange;
    let old_parent = other.as_ref().filter(|_| exchanges).map(|_| from.hold()).transpose()?;
    let (directory, target) = (from.directory(), to.directory().as_ref());
    match renaming {
        Renaming::Replace => directory.rename(name, target, to_name)?,
        Renaming::New => directory.rename_new(name, target, to_name)?,
        Renaming::Exchange => directory.exchange(name, target, to_name)?,
    }
    let is_same = |one: &Option<Arc<Dentry>>, other: &Option<Arc<Dentry>>| match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    };
    // One file under two names keeps both.
    let is_held = moved.is_some() || other.is_some();
    if !is_held || is_same(&moved, &other) || !exchanges && directory.lookup(name).is_ok() {
        return Ok(());
    }
    match (other, old_parent) {
        (Some(other), Some(parent)) => other.rename(&parent, name),
        (Some(other), None) => other.remove(),
        (None, _) => {}
    }
    if let (Some(moved), Some(parent)) = (moved, new_parent) {
        moved.rename(&parent, to_name);
    }
    Ok(())
}
