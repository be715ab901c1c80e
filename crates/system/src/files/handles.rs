//! How many descriptors of the host the controller holds for one guest.
//!
//! A process has a table of limited size for them, which all its runs share, so a
//! guest's own limit on open files is no bound: a path has many directories. Here
//! each run has a budget, far below what the process may have, for all that it can
//! make the controller hold: open files, unpacked entries of archives, and the
//! directories of walks, of open directories and of overlays. Files are held as long as they are open. Directories
//! are only *kept*: the one that was not used for longest is let go when there is no
//! room, and opened again by its names when it is needed.
//!
//! Not counted is what no guest can add to: one descriptor for each mount, those of
//! the run's own pipes and cell, and at most a few that a call opens and closes
//! before it is answered.

use crate::Errno;
use crate::host::open_file_limit;
use crate::meter::Meter;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// The most that one run holds.
const RUN: usize = 1024;

/// What one run has even when the others have taken all that they share.
const OWN: usize = 8;

/// Of these, what files leave to directories, so that a guest can still walk when it
/// has as many files open as it may.
const WALKING: usize = 4;

/// Directories that are kept open.
const KEPT: usize = 64;

/// What all runs of a process share, beyond what each has of its own.
struct Pool {
    limit: usize,
    used: AtomicUsize,
}

impl Pool {
    const fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }
}

/// Half of what the process may have open when it is first asked for.
static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(open_file_limit() / 2)));

/// A directory that is kept open and can be opened again.
pub(super) trait Kept: Send + Sync {
    /// Whether it was used since this was asked.
    fn was_used(&self) -> bool;

    /// Closes it until it is needed.
    fn let_go(&self);
}

/// What a tree of the host takes from its run.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) handles: Arc<Handles>,
    pub(crate) meter: Arc<Meter>,
}

/// The descriptors of one run.
pub(crate) struct Handles {
    limit: usize,
    used: AtomicUsize,
    pool: Arc<Pool>,
    /// The directories that are kept, in the order of being opened, and some that
    /// are no more.
    // BOUND: twice KEPT.
    kept: Mutex<VecDeque<Weak<dyn Kept>>>,
}

/// What a descriptor is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// It cannot be let go before the guest closes it.
    File,
    /// It can be opened again.
    Directory,
}

/// The right to hold one descriptor.
pub(crate) struct Permit(Arc<Handles>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl Handles {
    /// Those of one more run of this process.
    pub(crate) fn new() -> Arc<Self> {
        Self::of(Arc::clone(&POOL), RUN.min(open_file_limit() / 4))
    }

    fn of(pool: Arc<Pool>, limit: usize) -> Arc<Self> {
        let (limit, used) = (limit.max(OWN), AtomicUsize::new(0));
        Arc::new(Self { limit, used, pool, kept: Mutex::default() })
    }

    /// How many are held.
    #[cfg(test)]
    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The right to one more, for which kept directories are let go if need be.
    ///
    /// # Errors
    /// EMFILE at the run's limit, ENFILE if the runs together have no more.
    pub(crate) fn take(self: &Arc<Self>, purpose: For) -> Result<Permit, Errno> {
        // BOUND: each turn lets one go of at most twice KEPT.
        loop {
            match self.try_take(purpose) {
                Ok(()) => return Ok(Permit(Arc::clone(self))),
                Err(errno) if !self.let_go(0) => return Err(errno),
                Err(_) => {}
            }
        }
    }

    fn try_take(&self, purpose: For) -> Result<(), Errno> {
        let left = match purpose {
            For::File => WALKING,
            For::Directory => 0,
        };
        let held = self.used.fetch_add(1, Ordering::Relaxed) + 1;
        // What is beyond its own is one of the pool's, however the counts move
        // meanwhile: each count above OWN is reached and left once in turn.
        let pooled = held > OWN;
        let too_many = match pooled {
            true => self.pool.used.fetch_add(1, Ordering::Relaxed) >= self.pool.limit,
            false => held > OWN - left && self.pool.used.load(Ordering::Relaxed) >= self.pool.limit,
        };
        let errno = match () {
            () if held > self.limit - left => Errno::MFILE,
            () if too_many => Errno::NFILE,
            () => return Ok(()),
        };
        self.give_back();
        Err(errno)
    }

    fn give_back(&self) {
        if self.used.fetch_sub(1, Ordering::Relaxed) > OWN {
            self.pool.used.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Notes that a directory is kept, and lets go those that are too many.
    pub(super) fn keep(&self, directory: Weak<dyn Kept>) {
        let crowded = {
            let mut kept = self.lock();
            kept.push_back(directory);
            if kept.len() > 2 * KEPT {
                kept.retain(|directory| directory.strong_count() > 0);
            }
            kept.len() > 2 * KEPT
        };
        if crowded {
            while self.let_go(KEPT) {}
        }
    }

    /// Lets go of the directory that was not used for longest, if more than `most`
    /// are kept. Returns whether there was one.
    fn let_go(&self, most: usize) -> bool {
        let mut kept = self.lock();
        // BOUND: the second time around, none is recently used.
        while kept.len() > most
            && let Some(oldest) = kept.pop_front()
        {
            let Some(directory) = oldest.upgrade() else { continue };
            if directory.was_used() {
                kept.push_back(oldest);
                continue;
            }
            drop(kept);
            directory.let_go();
            return true;
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Weak<dyn Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(handles: &Arc<Handles>, count: usize) -> Vec<Permit> {
        (0..count).map(|_| handles.take(For::File).expect("there is one")).collect()
    }

    #[test]
    fn a_run_ends_at_its_limit_and_files_leave_some_to_directories() {
        let handles = Handles::of(Arc::new(Pool::new(1000)), 20);
        let files = take(&handles, 20 - WALKING);
        assert_eq!(handles.take(For::File).err(), Some(Errno::MFILE));
        let directories: Vec<_> = (0..WALKING).map(|_| handles.take(For::Directory)).collect();
        assert!(directories.iter().all(Result::is_ok));
        assert_eq!(handles.take(For::Directory).err(), Some(Errno::MFILE));
        assert_eq!((handles.used(), handles.pool.used.load(Ordering::Relaxed)), (20, 20 - OWN));
        drop((files, directories));
        assert_eq!((handles.used(), handles.pool.used.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn greedy_runs_leave_every_other_run_its_own() {
        let pool = Arc::new(Pool::new(30));
        let greedy: Vec<_> = (0..4).map(|_| Handles::of(Arc::clone(&pool), 20)).collect();
        let mut held = Vec::new();
        for handles in &greedy {
            while let Ok(permit) = handles.take(For::File) {
                held.push(permit);
            }
        }
        assert_eq!(pool.used.load(Ordering::Relaxed), 30);
        let modest = Handles::of(Arc::clone(&pool), 20);
        let files = take(&modest, OWN - WALKING);
        assert_eq!(modest.take(For::File).err(), Some(Errno::NFILE));
        let walking: Vec<_> = (0..WALKING).map(|_| modest.take(For::Directory)).collect();
        assert!(walking.iter().all(Result::is_ok));
        drop((files, held, walking));
        assert_eq!(pool.used.load(Ordering::Relaxed), 0);
    }
}
