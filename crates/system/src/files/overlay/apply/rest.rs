//! Writing what can be written, where something cannot: what would do harm, or could not
//! be, without that is left as well.

use super::super::{Change, ChangeKind, Source};
use super::{Refusal, Wanted, is_below, split};
use crate::Errno;
use crate::files::FileType;
use crate::files::memory::Origin;
use crate::pieces::Steps;
use std::collections::{HashMap, HashSet};

const DIRECTORY: &str = "the directory that it lies in cannot be written";
const CONTENT: &str = "its content was to go to a name that cannot be written";
const STAYS: &str = "the directory that it lies in stays";
const NOT_EMPTY: &str = "not all that is in it can be removed";

/// The changes that are left, by their places in the list, and why.
#[derive(Default)]
pub(super) struct Left {
    refused: Vec<bool>,
    pub(super) refusals: Vec<Refusal>,
}

impl Left {
    pub(super) fn none(changes: &[&Change]) -> Self {
        Self { refused: vec![false; changes.len()], refusals: Vec::new() }
    }

    /// The others.
    pub(super) fn rest<'c>(&self, changes: &[&'c Change]) -> Vec<&'c Change> {
        changes
            .iter()
            .zip(&self.refused)
            .filter(|(_, refused)| !**refused)
            .map(|(change, _)| *change)
            .collect()
    }

    /// Adds refusals, and those of all changes that must not be written without what was
    /// refused.
    ///
    /// # Errors
    /// As [`go_on`](crate::pieces::go_on).
    pub(super) fn add(&mut self, refusals: Vec<Refusal>, changes: &[&Change]) -> Result<(), Errno> {
        let places: HashMap<&[u8], usize> =
            changes.iter().enumerate().map(|(at, change)| (change.path.as_slice(), at)).collect();
        for Refusal { path, reason } in refusals {
            if let Some(&at) = places.get(path.as_slice()) {
                self.refuse(at, changes, reason);
            }
        }
        let mut steps = Steps::default();
        let mut known = 0;
        // BOUND: each round but the last refuses one more.
        while known < self.refusals.len() {
            known = self.refusals.len();
            self.below(changes, &mut steps)?;
            self.above(changes, &mut steps)?;
            self.sources(changes, &mut steps)?;
        }
        Ok(())
    }

    fn refuse(&mut self, at: usize, changes: &[&Change], reason: String) {
        if !std::mem::replace(&mut self.refused[at], true) {
            self.refusals.push(Refusal { path: changes[at].path.clone(), reason });
        }
    }

    /// What lies in a directory that is not made.
    fn below(&mut self, changes: &[&Change], steps: &mut Steps) -> Result<(), Errno> {
        let mut place: Option<&[u8]> = None;
        for (at, change) in changes.iter().enumerate() {
            steps.step()?;
            if place.is_some_and(|place| is_below(&change.path, place)) {
                self.refuse(at, changes, DIRECTORY.to_owned());
            } else if self.refused[at] && makes_directory(change) {
                place = Some(&change.path);
            }
        }
        Ok(())
    }

    /// Directories that are not empty, and were to be removed or replaced.
    fn above(&mut self, changes: &[&Change], steps: &mut Steps) -> Result<(), Errno> {
        let mut kept: HashSet<&[u8]> = HashSet::new();
        for (at, change) in changes.iter().enumerate().rev() {
            steps.step()?;
            if takes_directory(change) && kept.contains(change.path.as_slice()) {
                self.refuse(at, changes, NOT_EMPTY.to_owned());
            }
            if self.refused[at] && change.before.is_some() {
                kept.insert(split(&change.path).0);
            }
        }
        Ok(())
    }

    /// What still has the content of something that is not written elsewhere.
    fn sources(&mut self, changes: &[&Change], steps: &mut Steps) -> Result<(), Errno> {
        let mut taken: HashMap<Origin, usize> = HashMap::new();
        for (at, change) in changes.iter().enumerate() {
            steps.step()?;
            if let (Some(origin), true) = (place_of(change), change.kind != ChangeKind::Attributes) {
                taken.insert(origin, at);
            }
        }
        let mut refused: Vec<usize> = (0..changes.len()).filter(|at| self.refused[*at]).collect();
        while let Some(at) = refused.pop() {
            steps.step()?;
            let source = source_of(changes[at]).and_then(|origin| taken.remove(origin));
            if let Some(source) = source.filter(|source| !self.refused[*source]) {
                self.refuse(source, changes, CONTENT.to_owned());
                refused.push(source);
            }
        }
        Ok(())
    }
}

/// What has failed while changes were written.
pub(super) struct Failed<'c> {
    /// Whether the rest is written all the same.
    goes_on: bool,
    pub(super) refusals: Vec<Refusal>,
    paths: HashSet<&'c [u8]>,
    /// The directory that was not made last.
    place: Option<&'c [u8]>,
    /// Names that still have the content of what was not written.
    needed: HashSet<Origin>,
}

impl<'c> Failed<'c> {
    pub(super) fn new(wanted: Wanted) -> Self {
        let goes_on = wanted == Wanted::WhatCan;
        let (refusals, paths, needed) = (Vec::new(), HashSet::new(), HashSet::new());
        Self { goes_on, refusals, paths, place: None, needed }
    }

    /// Takes note of what came of a change: whether it is written.
    ///
    /// # Errors
    /// What it was, if that is the end.
    pub(super) fn note(&mut self, done: Result<(), Errno>, change: &'c Change) -> Result<bool, Errno> {
        match done {
            Err(errno) if self.goes_on && errno != Errno::CANCELED => {
                self.refuse(change, format!("it could not be written: {errno}"));
                Ok(false)
            }
            done => done.map(|()| true),
        }
    }

    /// Whether a change must be left because of what has failed; `below` are those that go
    /// with it. It is noted.
    pub(super) fn stops(&mut self, change: &'c Change, below: &[&'c Change]) -> bool {
        let needs = |change: &Change| place_of(change).is_some_and(|origin| self.needed.contains(&origin));
        let reason = if self.place.is_some_and(|place| is_below(&change.path, place)) {
            DIRECTORY
        } else if !self.needed.is_empty() && (needs(change) || below.iter().any(|other| needs(other))) {
            CONTENT
        } else {
            return false;
        };
        self.refuse(change, reason.to_owned());
        self.keep(below);
        true
    }

    /// Takes note that these were to go with their directory, and stay with it.
    pub(super) fn keep(&mut self, below: &[&'c Change]) {
        for change in below {
            self.refuse(change, STAYS.to_owned());
        }
    }

    /// Whether it was not written.
    pub(super) fn has(&self, change: &Change) -> bool {
        self.paths.contains(change.path.as_slice())
    }

    fn refuse(&mut self, change: &'c Change, reason: String) {
        let is_within = self.place.is_some_and(|place| is_below(&change.path, place));
        if makes_directory(change) && !is_within {
            self.place = Some(&change.path);
        }
        self.needed.extend(source_of(change).cloned());
        // Of a directory that is there it may be the attributes after all else.
        if self.paths.insert(&change.path) {
            self.refusals.push(Refusal { path: change.path.clone(), reason });
        }
    }
}

fn makes_directory(change: &Change) -> bool {
    let is_directory = change.after.as_ref().is_some_and(|after| after.file_type == FileType::Directory);
    is_directory && change.kind != ChangeKind::Attributes
}

pub(super) fn takes_directory(change: &Change) -> bool {
    let was_directory = change.before.as_ref().is_some_and(|before| before.file_type == FileType::Directory);
    was_directory && change.after.as_ref().is_none_or(|after| after.file_type != FileType::Directory)
}

/// The name beneath that has the content of what a change makes.
fn source_of(change: &Change) -> Option<&Origin> {
    match &change.after.as_ref()?.source {
        Source::Above { below, .. } => below.as_ref(),
        Source::Below { .. } => None,
    }
}

/// The name beneath that a change is about.
pub(super) fn place_of(change: &Change) -> Option<Origin> {
    change.before.as_ref()?;
    Some(Origin { directory: change.parent?, name: split(&change.path).1.into() })
}
