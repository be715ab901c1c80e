//! Whether the host takes what is to be written: it is tried where it will be written,
//! under names that nobody else knows, before anything is.
//!
//! A program could else end the writing half-way, where it likes: with a file larger
//! than the host's file system takes, with a name that is too long for it, or in a
//! directory that may not be written in.

use super::super::{Change, ChangeKind, SeenDirectory};
use super::{Refusal, Target, make_own, own_name, split};
use crate::Errno;
use crate::files::{Directory, FileType};
use crate::pieces::go_on;
use std::collections::HashMap;

/// A directory that is there, and what is to come to lie in it, and below it in new
/// ones. (What is new lies in the file system of the directory that it is made in.)
struct Tried<'c> {
    path: &'c [u8],
    seen: SeenDirectory,
    /// The first of its changes.
    first: &'c Change,
    /// The one that makes the largest file, and its size.
    largest: Option<(&'c Change, u64)>,
    /// The one that makes the symlink with the longest target, and that.
    link: Option<(&'c Change, &'c [u8])>,
}

impl<'c> Tried<'c> {
    fn add(&mut self, change: &'c Change) {
        let Some(after) = &change.after else { return };
        if after.file_type == FileType::RegularFile && self.largest.is_none_or(|(_, size)| size < after.size)
        {
            self.largest = Some((change, after.size));
        }
        if let Some(target) = &after.target
            && self.link.is_none_or(|(_, longest)| longest.len() < target.len())
        {
            self.link = Some((change, target));
        }
    }
}

/// What the host would refuse.
///
/// # Errors
/// As [`go_on`].
pub(super) fn refusals(target: &mut Target<'_>, changes: &[&Change]) -> Result<Vec<Refusal>, Errno> {
    let mut refusals = Vec::new();
    // BOUND: as many as there are changes.
    let mut all: Vec<Tried<'_>> = Vec::new();
    let mut numbers = HashMap::new();
    let mut last = 0;
    for change in changes.iter().filter(|change| change.kind != ChangeKind::Attributes) {
        go_on()?;
        let (parent, name) = split(&change.path);
        match change.parent {
            Some(seen) => {
                last = *numbers.entry(parent).or_insert_with(|| {
                    all.push(Tried { path: parent, seen, first: change, largest: None, link: None });
                    all.len() - 1
                });
            }
            // What lies in a new directory follows that at once. Of other names it is
            // known by now that they can be looked for.
            None => {
                let there = all.get(last).map(|tried| target.way.directory(tried.path));
                if let Some(Ok(there)) = there
                    && let Err(errno) = there.metadata_of(name)
                    && errno != Errno::NOENT
                {
                    let reason = format!("the host takes no such name: {errno}");
                    refusals.push(Refusal { path: change.path.clone(), reason });
                }
            }
        }
        if let Some(tried) = all.get_mut(last) {
            tried.add(change);
        }
    }
    // What is full of zeros where there are no holes would be written here.
    let keeps_holes = target.way.root().keeps_holes().unwrap_or(false);
    for tried in &all {
        go_on()?;
        let Ok(directory) = target.seen_directory(tried.path, tried.seen) else { continue };
        let size = tried.largest.filter(|_| keeps_holes).map(|(_, size)| size);
        let mut refuse = |change: &Change, reason| {
            refusals.push(Refusal { path: change.path.clone(), reason });
        };
        match try_file(directory.as_ref(), size) {
            Ok(Ok(())) => {}
            Ok(Err(errno)) => {
                if let Some((change, size)) = tried.largest {
                    refuse(change, format!("the host takes no file of {size} bytes: {errno}"));
                }
            }
            Err(errno) => refuse(tried.first, format!("its directory cannot be written in: {errno}")),
        }
        if let Some((change, link)) = tried.link
            && let Err(errno) = try_link(directory.as_ref(), link)
        {
            refuse(change, format!("the host takes no such symlink: {errno}"));
        }
    }
    Ok(refusals)
}

/// Makes a file, of this size, and removes it again. The outer error is that of making
/// one at all, the inner that of the size.
fn try_file(directory: &dyn Directory, size: Option<u64>) -> Result<Result<(), Errno>, Errno> {
    let name = own_name()?;
    let file = make_own(directory, &name, 0o600)?;
    let sized = size.map_or(Ok(()), |size| file.set_size(size));
    drop(file);
    directory.unlink(&name)?;
    Ok(sized)
}

fn try_link(directory: &dyn Directory, target: &[u8]) -> Result<(), Errno> {
    let name = own_name()?;
    directory.create_symlink(&name, target)?;
    directory.unlink(&name)
}
