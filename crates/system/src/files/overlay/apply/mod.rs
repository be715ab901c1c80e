//! Writing the changes to the tree beneath.
//!
//! The tree is only ever asked for single names, as a guest's calls are, so that
//! no symlink that somebody has put there meanwhile is followed. Everything is
//! checked before anything is written. A file appears whole: it is written under
//! a name of its own in the same directory, and then renamed or linked. It is on
//! the disk before it has its name, and so are the names at the end.

mod plan;
mod probe;
mod put;
mod rest;
mod verify;
mod way;

use super::{Change, ChangeKind, Changes, File, MemoryTree, Origin, Source, Version};
use crate::files::{Creation, Directory, FileType, NewTimes, OpenOptions, Opened};
use crate::pieces::{Steps, go_on, work_for};
use crate::{Errno, HostRandom, Random, Stop, Waiter};
use bellglass_fork::FileSizeSignal;
use put::Allowed;
use rest::{Failed, Left, place_of, takes_directory};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use verify::Thorough;
use way::Way;

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
    /// Written they would be more than the program's limits on files allow, what was
    /// only moved and is copied included. Nothing has been written.
    #[error(
        "to write the changes would take {bytes} bytes and {names} names, and the limits on files allow \
         {most_bytes} bytes and {most_names} names: nothing was written"
    )]
    TooMuch {
        /// Bytes of content, names and targets of symlinks.
        bytes: u64,
        /// Files, directories, symlinks and further names of files.
        names: u64,
        /// The limit on bytes.
        most_bytes: u64,
        /// The limit on files.
        most_names: u64,
    },
    /// There is not enough room for them. Nothing has been written.
    #[error(
        "to write the changes takes {needed} bytes, and the file system has {free} left: nothing was written"
    )]
    NoRoom {
        /// Bytes that they need at some moment.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// They were to be written within a time, or until somebody stops it, and that
    /// came first. Nothing has been written.
    #[error("{stop}, before anything was written")]
    Stopped {
        /// What came.
        stop: Stop,
    },
    /// It failed half-way, or was stopped there, which is ECANCELED.
    #[error(
        "'{}' could not be written: {errno}; changes written: {}, not written: {}",
        path.escape_ascii(), written.len(), left.len()
    )]
    Failed {
        /// The path below the mount at which it failed.
        path: Vec<u8>,
        /// What went wrong.
        errno: Errno,
        /// The paths of the changes that have been written. A directory that was made
        /// may lack its times and permissions yet.
        written: Vec<Vec<u8>>,
        /// The paths of those that have not, `path` among them. What stood there
        /// before stands there still, but for a directory in place of which
        /// something else was to come: of that, what `written` names is gone.
        left: Vec<Vec<u8>>,
    },
}

/// Files that are held open while changes are written.
// BOUND: descriptors of the controller, which it needs for others too.
const PINNED: usize = 256;

/// What changes are written to, and how far that is.
struct Target<'a> {
    tree: &'a MemoryTree,
    /// Where the changes are made.
    way: Way,
    /// Where the first names of files are that get further ones.
    firsts: Way,
    /// Files whose attributes have been written under one of their names: under
    /// the others they are not as they were, and nobody else did it.
    attributed: HashSet<(u64, u64)>,
    /// Where each file of the layer above was written first: its other names
    /// become links to that.
    placed: HashMap<u64, Placed>,
    /// The paths of the directories in which something was written.
    touched: BTreeSet<Vec<u8>>,
    allowed: Allowed<'a>,
}

struct Placed {
    /// The path of its directory.
    parent: Vec<u8>,
    name: Vec<u8>,
    identity: (u64, u64),
}

/// The files below the changes, held until all is written.
type Pinned = Vec<Arc<dyn File>>;

impl Changes {
    /// Writes all of them to the tree beneath, if nobody else has changed there
    /// what the program has changed: then nothing is written.
    ///
    /// It takes as long as it takes: see [`apply_within`](Self::apply_within).
    ///
    /// # Errors
    /// [`ApplyError`].
    pub fn apply(&self) -> Result<(), ApplyError> {
        self.apply_by(None, Wanted::All).map(drop)
    }

    /// As [`apply`](Self::apply), within a time. Until the first of them is written, the
    /// waiter's deadline or [`Waiter::stop`] ends it with nothing written
    /// ([`ApplyError::Stopped`]). From then on the deadline does nothing, for half of
    /// the changes would be worse than either; but `stop`, from another thread, ends it
    /// between two of them: [`ApplyError::Failed`] with ECANCELED tells which are
    /// written. No file is ever left half-written.
    ///
    /// ```
    /// use bellglass_system::{Access, Mount, System, Waiter};
    /// use std::time::{Duration, Instant};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let (mount, overlay) = Mount::directory(directory.path(), "/work", Access::ReadOnly).overlay();
    /// let system = System::builder().mount(mount).build()?;
    /// // ... the program runs ...
    /// let waiter = Waiter::new(Some(Instant::now() + Duration::from_secs(10)))?;
    /// overlay.changes_within(&waiter)?.apply_within(&waiter)?;
    /// # drop(system);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ApplyError`].
    pub fn apply_within(&self, waiter: &Waiter) -> Result<(), ApplyError> {
        self.apply_by(Some(waiter), Wanted::All).map(drop)
    }

    /// As [`apply_within`](Self::apply_within), but where some of them cannot be written the
    /// others are, and these come back with their reasons. Left with them is what would do
    /// harm without them, or cannot be: what lies in a directory that is not made, a
    /// directory that is not empty, and what still has the content that was to go to a name
    /// that is not written.
    ///
    /// # Errors
    /// [`ApplyError`], but for [`ApplyError::Refused`].
    pub fn apply_what_can(&self, waiter: &Waiter) -> Result<Vec<Refusal>, ApplyError> {
        self.apply_by(Some(waiter), Wanted::WhatCan)
    }

    fn apply_by(&self, waiter: Option<&Waiter>, wanted: Wanted) -> Result<Vec<Refusal>, ApplyError> {
        // A file that may not grow (`ulimit -f`) is an error and not the application's end:
        // no run of the library is around this.
        let _kept = FileSizeSignal::keep_away();
        let Some((tree, root)) = &self.target else { return Ok(Vec::new()) };
        let mut target = Target {
            tree,
            way: Way::new(root),
            firsts: Way::new(root),
            attributed: HashSet::new(),
            placed: HashMap::new(),
            touched: BTreeSet::new(),
            allowed: Allowed { room: 0, waiter },
        };
        let checked = match waiter {
            None => self.check(&mut target, wanted),
            Some(waiter) => {
                let (checked, _) = work_for(waiter, || self.check(&mut target, wanted));
                waiter.go_on().map_err(|stop| ApplyError::Stopped { stop })?;
                checked
            }
        };
        // What is pinned is held until all is written.
        let Checked { changes, mut refusals, _pinned } = checked?;
        let (mut written, mut at): (_, &[u8]) = (Vec::new(), &[]);
        let mut failed = Failed::new(wanted);
        let result = target.write(&changes, &mut written, &mut at, &mut failed);
        result.map_err(|errno| self.failed(at, errno, written))?;
        refusals.extend(failed.refusals);
        Ok(refusals)
    }

    /// Which of them may be written, and what has to be held open for that.
    fn check(&self, target: &mut Target<'_>, wanted: Wanted) -> Result<Checked<'_>, ApplyError> {
        let all: Vec<&Change> = self.changes.iter().collect();
        let mut left = Left::none(&all);
        let mut refusals = Vec::new();
        for change in &all {
            go_on().map_err(|errno| self.failed(&change.path, errno, Vec::new()))?;
            if let Err(reason) = target.verify(change, Thorough::Yes) {
                refusals.push(Refusal { path: change.path.clone(), reason });
            }
        }
        loop {
            if !refusals.is_empty() && wanted == Wanted::All {
                return Err(ApplyError::Refused { refusals });
            }
            left.add(refusals, &all).map_err(|errno| self.failed(&[], errno, Vec::new()))?;
            let changes = left.rest(&all);
            match self.check_rest(target, &changes)? {
                Ok(pinned) => return Ok(Checked { changes, refusals: left.refusals, _pinned: pinned }),
                // Each of these is of what was not refused before.
                Err(more) => refusals = more,
            }
        }
    }

    /// Whether so many may be written together, where the host takes each.
    fn check_rest(
        &self,
        target: &mut Target<'_>,
        changes: &[&Change],
    ) -> Result<Result<Pinned, Vec<Refusal>>, ApplyError> {
        let pinned = match self.pin(changes)? {
            Ok(pinned) => pinned,
            Err(refusal) => return Ok(Err(vec![refusal])),
        };
        let mut at: &[u8] = &[];
        match plan::check(target, changes, &mut at) {
            Ok(room) => target.allowed.room = room,
            Err(plan::Stopped::Refused(refusal)) => return Ok(Err(vec![refusal])),
            Err(plan::Stopped::At(error)) => return Err(error),
            Err(plan::Stopped::Errno(errno)) => return Err(self.failed(at, errno, Vec::new())),
        }
        match probe::refusals(target, changes) {
            Ok(refusals) if refusals.is_empty() => Ok(Ok(pinned)),
            Ok(refusals) => Ok(Err(refusals)),
            Err(errno) => Err(self.failed(&[], errno, Vec::new())),
        }
    }

    /// What came of the changes when it failed at a path.
    fn failed(&self, at: &[u8], errno: Errno, mut written: Vec<&[u8]>) -> ApplyError {
        // Where it is stopped, all that was begun is done.
        if errno != Errno::CANCELED {
            written.retain(|path| *path != at);
        }
        let done: HashSet<&[u8]> = written.iter().copied().collect();
        let paths = self.changes.iter().map(|change| change.path.as_slice());
        let left = paths.filter(|path| !done.contains(path)).map(<[u8]>::to_vec).collect();
        let written = written.into_iter().map(<[u8]>::to_vec).collect();
        ApplyError::Failed { path: at.to_vec(), errno, written, left }
    }

    /// Opens the files that were moved away from a name that something else has
    /// now: their content is still beneath, where it is about to be replaced. The
    /// refusal is of one too many.
    fn pin(&self, changes: &[&Change]) -> Result<Result<Vec<Arc<dyn File>>, Refusal>, ApplyError> {
        let replaced: HashSet<Origin> = changes
            .iter()
            .zip(cleared(changes))
            .filter(|(change, cleared)| change.after.is_some() || *cleared)
            .filter_map(|(change, _)| place_of(change))
            .collect();
        let mut pinned = Vec::new();
        let mut steps = Steps::default();
        for change in changes {
            steps.step().map_err(|errno| self.failed(&change.path, errno, Vec::new()))?;
            if let Some(after) = &change.after
                && let Source::Above { below: Some(origin), .. } = &after.source
                && replaced.contains(origin)
            {
                if pinned.len() == PINNED {
                    let reason = format!(
                        "more than {PINNED} files have moved away from names that something else has now"
                    );
                    return Ok(Err(Refusal { path: change.path.clone(), reason }));
                }
                let opened = after.open();
                pinned.push(opened.map_err(|errno| self.failed(&change.path, errno, Vec::new()))?);
            }
        }
        Ok(Ok(pinned))
    }
}

/// What is to be written of changes of which not all can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// All of them, or nothing.
    All,
    /// Each that can.
    WhatCan,
}

/// What may be written.
struct Checked<'c> {
    changes: Vec<&'c Change>,
    refusals: Vec<Refusal>,
    _pinned: Vec<Arc<dyn File>>,
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

impl Target<'_> {
    /// Writes changes that were checked. What fails goes to `failed`, unless it is the end.
    fn write<'c>(
        &mut self,
        changes: &[&'c Change],
        written: &mut Vec<&'c [u8]>,
        at: &mut &'c [u8],
        failed: &mut Failed<'c>,
    ) -> Result<(), Errno> {
        // Not by what was held when all was checked.
        self.way.start_again();
        let cleared = cleared(changes);
        for (index, change) in changes.iter().enumerate() {
            *at = &change.path;
            self.allowed.go_on()?;
            let Some(after) = &change.after else { continue };
            let rest = &changes[index + 1..];
            let below = match takes_directory(change) {
                true => rest.iter().take_while(|other| is_below(&other.path, &change.path)).count(),
                false => 0,
            };
            let below = &rest[..below];
            if failed.stops(change, below) {
                continue;
            }
            let before = written.len();
            let done = self.put_in_place(change, after, below, written, at);
            match failed.note(done, change)? {
                true if is_of_directory(change) => {}
                true => written.push(&change.path),
                // The last ones went first.
                false => failed.keep(&below[..below.len() - (written.len() - before)]),
            }
        }
        let removed = changes.iter().zip(cleared).rev();
        for (change, _) in removed.filter(|(change, cleared)| change.after.is_none() && !cleared) {
            *at = &change.path;
            self.allowed.go_on()?;
            if failed.stops(change, &[]) {
                continue;
            }
            let done = self.remove(change);
            if failed.note(done, change)? {
                written.push(&change.path);
            }
        }
        self.synchronize()?;
        // Directories last and from within: what was written in them has moved
        // their times, and their permissions may forbid it.
        for change in changes.iter().rev() {
            *at = &change.path;
            self.allowed.go_on()?;
            if let Some(after) = &change.after
                && after.file_type == FileType::Directory
                && !failed.has(change)
            {
                let done = self.set_attributes(change, after);
                if failed.note(done, change)? && is_of_directory(change) {
                    written.push(&change.path);
                }
            }
        }
        Ok(())
    }

    /// Writes what a change makes. A directory that stands there goes first, with all that
    /// is `below` it.
    fn put_in_place<'c>(
        &mut self,
        change: &'c Change,
        after: &Version,
        below: &[&'c Change],
        written: &mut Vec<&'c [u8]>,
        at: &mut &'c [u8],
    ) -> Result<(), Errno> {
        if takes_directory(change) {
            for other in below.iter().rev() {
                *at = &other.path;
                self.allowed.go_on()?;
                self.remove(other)?;
                written.push(&other.path);
            }
            *at = &change.path;
            self.remove(change)?;
        }
        self.put(change, after)
    }

    /// Writes the attributes of a directory.
    fn set_attributes(&mut self, change: &Change, after: &Version) -> Result<(), Errno> {
        let directory = self.way.directory(&change.path)?;
        let before = change.before.as_ref().map(|before| before.permissions);
        if before != Some(after.permissions) {
            directory.set_permissions(after.permissions)?;
        }
        if change.times_set {
            directory.set_times(times(after))?;
        }
        Ok(())
    }

    /// Makes the names last that were given and taken.
    fn synchronize(&mut self) -> Result<(), Errno> {
        self.way.start_again();
        for path in std::mem::take(&mut self.touched) {
            self.allowed.go_on()?;
            match self.way.directory(&path) {
                Ok(directory) => directory.synchronize()?,
                // It has been removed after that.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

/// Whether only a directory's attributes are others, which are written at the end.
fn is_of_directory(change: &Change) -> bool {
    let is_directory = |after: &Version| after.file_type == FileType::Directory;
    change.kind == ChangeKind::Attributes && change.after.as_ref().is_some_and(is_directory)
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// Of each change, whether a directory above gave its place to something else, and all
/// that was in it went with it.
fn cleared(changes: &[&Change]) -> Vec<bool> {
    // What lies in a directory follows it at once.
    let mut place: Option<&[u8]> = None;
    let cleared = changes.iter().map(|change| {
        let is_cleared = place.is_some_and(|place| is_below(&change.path, place));
        if !is_cleared {
            let comes = change.after.as_ref().is_some_and(|after| after.file_type != FileType::Directory);
            place = comes.then_some(&change.path);
        }
        is_cleared
    });
    cleared.collect()
}

fn times(version: &Version) -> NewTimes {
    NewTimes { accessed: Some(version.accessed), modified: Some(version.modified) }
}

/// Makes the file of such a name, to write to it; it must not be there.
fn make_own(directory: &dyn Directory, own: &[u8], permissions: u32) -> Result<Arc<dyn File>, Errno> {
    let options =
        OpenOptions { read: false, write: true, creation: Creation::New, truncate: false, permissions };
    match directory.open(own, &options)? {
        Opened::File(file) => Ok(file),
        _ => Err(Errno::IO),
    }
}

/// A name that nobody else has.
fn own_name() -> Result<Vec<u8>, Errno> {
    let mut random = [0; 8];
    HostRandom.fill(&mut random)?;
    Ok(format!(".bellglass-{:016x}", u64::from_le_bytes(random)).into_bytes())
}
