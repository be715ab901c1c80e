//! Who takes locks for one run, and gives them back: POSIX's when the process closes any
//! descriptor of the file, an open file's when that is closed for good, all at the end.

use super::deadlock::Waits;
use super::file::{FileLocks, Refused};
use super::{Conflict, Locks, Mode, Owner, Span, Whose};
use crate::descriptors::Description;
use crate::meter::{Charge, Meter};
use crate::object::Blocking;
use crate::wait::wait_for_any;
use crate::{Errno, Fault, Waiter};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Locks that one run may have at once.
pub(super) const MOST: usize = 8192;

/// What a lock is charged with: twice its place in the list, which grows by doubling, and
/// is copied as it changes.
const LOCK_BYTES: u64 = 192;

/// What a file is charged with in which something is locked, beside its locks.
const FILE_BYTES: u64 = 512;

/// Locks that a change may add: its own, and the second half of one that it cuts in two.
const ADDED: usize = 2;

/// How often somebody else's lock is looked at who tells nobody when it is gone.
const SOON: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_millis(32);

/// Whose a lock on a range is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The process's, as `F_SETLK` has it.
    Process,
    /// The open file's, as `F_OFD_SETLK` has it.
    Description,
}

/// Locks for one run.
pub(crate) struct Locker {
    process: Owner,
    meter: Arc<Meter>,
    account: Mutex<Account>,
    /// The files in which the process has locks.
    // BOUND: each has at least one of the locks that the run may have.
    held: Mutex<Vec<(Locks, Charge)>>,
    /// The locks of files whose trees keep none for them: by their numbers, or, of what lies
    /// in no tree, by where it is kept.
    // BOUND: those in which something is locked, and as many again that were.
    own: Mutex<BTreeMap<Key, Weak<FileLocks>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Inode(u64, u64),
    Object(usize),
}

/// How many locks the run has.
struct Account {
    count: usize,
    charge: Charge,
}

/// The locks of one open file, which go with it.
pub(crate) struct DescriptionLocks {
    owner: Owner,
    locks: Locks,
    locker: Arc<Locker>,
    _charge: Charge,
}

impl Drop for DescriptionLocks {
    fn drop(&mut self) {
        self.locker.release(&self.locks, self.owner);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Locker {
    pub(crate) fn new(meter: &Arc<Meter>) -> Arc<Self> {
        Arc::new(Self {
            process: Owner::new(),
            meter: Arc::clone(meter),
            account: Mutex::new(Account { count: 0, charge: meter.nothing() }),
            held: Mutex::default(),
            own: Mutex::default(),
        })
    }

    /// Whether a lock is the process's own.
    pub(crate) fn is_own(&self, whose: Whose) -> bool {
        whose == Whose::Process(self.process)
    }

    /// The locks of what a descriptor stands for.
    fn locks_of(&self, description: &Description) -> Result<Locks, Errno> {
        let object = &description.object;
        let key = match object.inode() {
            Ok(inode) => {
                if let Some(locks) = inode.locks()? {
                    return Ok(locks);
                }
                let metadata = inode.metadata()?;
                Key::Inode(metadata.device, metadata.inode)
            }
            Err(_) => Key::Object(Arc::as_ptr(object).cast::<()>().addr()),
        };
        let mut own = lock(&self.own);
        let before = own.len();
        let locks = Locks::found_or_new(own.entry(key).or_default());
        if own.len() > before && own.len().is_power_of_two() {
            own.retain(|_, file| file.strong_count() > 0);
        }
        Ok(locks)
    }

    /// Takes a lock on a range, or gives it up.
    pub(crate) fn set(
        self: &Arc<Self>,
        description: &Description,
        by: By,
        mode: Option<Mode>,
        span: Span,
        blocking: Blocking,
        waiter: &Waiter,
    ) -> Result<(), Fault> {
        let locks = self.locks_of(description)?;
        let owner = match by {
            By::Process => self.process,
            By::Description => self.owner_of(description, &locks)?,
        };
        let attempt = || {
            let of_description = by == By::Description;
            self.counted(&locks, owner, mode, |room| locks.set(owner, of_description, mode, span, room))?;
            if by == By::Process { self.note(&locks).map_err(Refused::Errno) } else { Ok(()) }
        };
        let waits = (by == By::Process).then_some(owner);
        self.until_taken(&locks, waits, blocking, waiter, attempt)
    }

    /// What is in the way of a lock on a range; without a mode, what the owner has there
    /// itself.
    pub(crate) fn find(
        self: &Arc<Self>,
        description: &Description,
        by: By,
        mode: Option<Mode>,
        span: Span,
    ) -> Result<Option<Conflict>, Errno> {
        let locks = self.locks_of(description)?;
        let owner = match by {
            By::Process => self.process,
            By::Description => self.owner_of(description, &locks)?,
        };
        locks.find(owner, mode, span)
    }

    /// Takes a lock on the whole file, or gives it up.
    pub(crate) fn set_whole(
        self: &Arc<Self>,
        description: &Description,
        mode: Option<Mode>,
        blocking: Blocking,
        waiter: &Waiter,
    ) -> Result<(), Fault> {
        let locks = self.locks_of(description)?;
        let owner = self.owner_of(description, &locks)?;
        let attempt = || self.counted(&locks, owner, mode, |_| locks.set_whole(owner, mode));
        self.until_taken(&locks, None, blocking, waiter, attempt)
    }

    /// A descriptor is closed: with it goes all that the process has locked in its file, as
    /// POSIX has it.
    pub(crate) fn closed(&self, description: &Description) {
        // Most programs lock nothing.
        if lock(&self.held).is_empty() {
            return;
        }
        let Ok(locks) = self.locks_of(description) else { return };
        self.release(&locks, self.process);
        lock(&self.held).retain(|(held, _)| !held.is_same(&locks));
    }

    /// Who an open file is.
    fn owner_of(self: &Arc<Self>, description: &Description, locks: &Locks) -> Result<Owner, Errno> {
        let mut own = description.locks();
        if let Some(own) = &*own {
            return Ok(own.owner);
        }
        let owner = Owner::new();
        *own = Some(DescriptionLocks {
            owner,
            locks: locks.clone(),
            locker: Arc::clone(self),
            _charge: self.meter.hold(FILE_BYTES).map_err(|_| Errno::NOLCK)?,
        });
        Ok(owner)
    }

    /// Does what changes the locks of an owner, and is told how many more the run may have.
    fn counted(
        &self,
        locks: &Locks,
        owner: Owner,
        mode: Option<Mode>,
        change: impl FnOnce(usize) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut account = lock(&self.account);
        let fits = account.count + ADDED <= MOST;
        let room = if fits && account.charge.grow(ADDED as u64 * LOCK_BYTES).is_ok() { ADDED } else { 0 };
        // What is given up takes no room, but where it is the middle of another.
        if mode.is_some() && room == 0 {
            return Err(Errno::NOLCK.into());
        }
        let before = locks.count(owner);
        let result = change(room);
        account.settle(before, locks.count(owner));
        result
    }

    fn release(&self, locks: &Locks, owner: Owner) {
        let mut account = lock(&self.account);
        let before = locks.count(owner);
        locks.release(owner);
        account.settle(before, 0);
    }

    /// Notes whether the process has locks in a file.
    fn note(&self, locks: &Locks) -> Result<(), Errno> {
        let mut held = lock(&self.held);
        let at = held.iter().position(|(other, _)| other.is_same(locks));
        match (at, locks.has_records(self.process)) {
            (Some(at), false) => drop(held.swap_remove(at)),
            (None, true) => match self.meter.hold(FILE_BYTES) {
                Ok(charge) => held.push((locks.clone(), charge)),
                Err(_) => {
                    drop(held);
                    self.release(locks, self.process);
                    return Err(Errno::NOLCK);
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Tries until it is done, or nobody waits for it.
    ///
    /// # Errors
    /// EAGAIN if it shall not wait, EDEADLK, EINTR, and the run's end.
    fn until_taken(
        &self,
        locks: &Locks,
        waits: Option<Owner>,
        blocking: Blocking,
        waiter: &Waiter,
        mut attempt: impl FnMut() -> Result<(), Refused>,
    ) -> Result<(), Fault> {
        let mut pause = SOON;
        loop {
            // First this, so that what is given up meanwhile is not missed.
            let listener = locks.listen();
            let whose = match attempt() {
                Ok(()) => return Ok(()),
                Err(Refused::Errno(errno)) => return Err(errno.into()),
                Err(Refused::Conflict(_)) if blocking == Blocking::DoNotWait => {
                    return Err(Errno::AGAIN.into());
                }
                Err(Refused::Conflict(conflict)) => conflict.whose,
            };
            let _waiting = match (waits, whose) {
                (Some(owner), Whose::Process(other)) => {
                    Some(Waits::begin(owner, locks.number(), other).ok_or(Errno::DEADLK)?)
                }
                _ => None,
            };
            let until = whose.is_elsewhere().then(|| waiter.now() + pause);
            wait_for_any(waiter, &[], &[listener], until)?;
            pause = (pause * 2).min(LATE);
        }
    }
}

impl Account {
    /// Counts what has become of one owner's locks, for which [`ADDED`] more were charged, if
    /// there are any.
    fn settle(&mut self, before: usize, after: usize) {
        self.count = (self.count + after).saturating_sub(before);
        let bytes = self.count as u64 * LOCK_BYTES;
        self.charge.shrink(self.charge.bytes().saturating_sub(bytes));
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        for (locks, _) in lock(&self.held).drain(..) {
            locks.release(self.process);
        }
    }
}
