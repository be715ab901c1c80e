//! What is locked of one file.

use super::beneath::{LowerLocks, shift};
use super::records::{Record, Records, Stretch};
use super::{Backing, Mode, Owner, Span, Taken, deadlock};
use crate::Errno;
use crate::wait::{Listener, WaitQueue};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The locks of one file, whoever opens it. Clones are those of the same file.
///
/// A tree of the user's own that lets several runs see one file gives the same for it each
/// time that it is opened ([`File::locks`](crate::files::File::locks)); without, programs
/// of one run only see each other's locks.
///
/// ```
/// use bellglass_system::files::{File, Locks, Metadata};
/// use bellglass_system::Errno;
/// use std::sync::Arc;
///
/// /// A file with locks that hold between all who open it.
/// struct Shared {
///     content: Arc<dyn File>,
///     locks: Locks,
/// }
///
/// impl File for Shared {
///     fn metadata(&self) -> Result<Metadata, Errno> {
///         self.content.metadata()
///     }
///
///     fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
///         self.content.read_at(offset, into)
///     }
///
///     fn locks(&self) -> Result<Option<Locks>, Errno> {
///         Ok(Some(self.locks.clone()))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Locks {
    file: Arc<FileLocks>,
    /// What else must be locked, by whoever locks the file first.
    beneath: Option<Arc<dyn Backing>>,
}

/// What all clones share.
pub(crate) struct FileLocks {
    state: Mutex<State>,
    /// Woken when a lock is no more, or less than it was.
    changed: WaitQueue,
    /// Who this is to a file beneath.
    owner: Owner,
}

#[derive(Default)]
struct State {
    records: Records,
    /// What holds them beneath, as long as there are any.
    records_beneath: Option<Arc<dyn Backing>>,
    /// The locks on the whole file, which do not know of those on ranges.
    // BOUND: each is one of the locks that its run may have.
    whole: Vec<(Owner, Mode)>,
    whole_beneath: Option<Arc<dyn Backing>>,
}

/// A lock that is in the way of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub mode: Mode,
    pub span: Span,
    pub whose: Whose,
}

/// Whose a lock is that somebody else asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A process's of this or another run.
    Process(Owner),
    /// An open file's.
    Description,
    /// A process's that is not known here, on a file beneath.
    Elsewhere,
    /// An open file's that is not known here.
    DescriptionElsewhere,
}

impl Whose {
    /// Whether nobody here is told when it goes away.
    pub(super) fn is_elsewhere(self) -> bool {
        matches!(self, Self::Elsewhere | Self::DescriptionElsewhere)
    }
}

/// Why a lock was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Conflict(Conflict),
    Errno(Errno),
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<&Record> for Conflict {
    fn from(record: &Record) -> Self {
        let whose = if record.of_description { Whose::Description } else { Whose::Process(record.owner) };
        Self { mode: record.mode, span: record.span, whose }
    }
}

impl Default for Locks {
    fn default() -> Self {
        Self::new()
    }
}

impl Locks {
    /// Those of a file that nobody has locked.
    pub fn new() -> Self {
        let (state, changed) = (Mutex::default(), WaitQueue::new());
        Self { file: Arc::new(FileLocks { state, changed, owner: Owner::new() }), beneath: None }
    }

    /// Those that `known` still leads to, or new ones, to which it does then.
    pub(crate) fn found_or_new(known: &mut Weak<FileLocks>) -> Self {
        if let Some(file) = known.upgrade() {
            return Self { file, beneath: None };
        }
        let new = Self::new();
        *known = Arc::downgrade(&new.file);
        new
    }

    /// The same, and what is to be locked beneath.
    pub(crate) fn with(self, beneath: Arc<dyn Backing>) -> Self {
        Self { beneath: Some(beneath), ..self }
    }

    /// The same, as those of a file that an overlay has not changed.
    pub(crate) fn over(self, lower: Self) -> Self {
        let owner = self.file.owner;
        self.with(Arc::new(LowerLocks { lower, owner }))
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }

    /// What is woken when it may be worth while to try again.
    pub(super) fn listen(&self) -> Listener {
        self.file.changed.listen()
    }

    /// A number that no other file has at this time.
    pub(super) fn number(&self) -> usize {
        Arc::as_ptr(&self.file).addr()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.file.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lock is no more, or less than it was.
    fn wake(&self) {
        deadlock::forget(self.number());
        self.file.changed.wake();
    }

    /// Gives an owner this lock on a span, or none; ENOLCK if it would have more than `room`
    /// more then.
    pub(crate) fn set(
        &self,
        owner: Owner,
        of_description: bool,
        mode: Option<Mode>,
        span: Span,
        room: usize,
    ) -> Result<(), Refused> {
        let mut state = self.lock();
        if let Some(mode) = mode
            && let Some(record) = state.records.conflict(owner, mode, span)
        {
            return Err(Refused::Conflict(record.into()));
        }
        let mut after = state.records.clone();
        after.set(owner, of_description, mode, span);
        if after.count(owner) > state.records.count(owner).saturating_add(room) {
            return Err(Errno::NOLCK.into());
        }
        if let Some(mode) = mode
            && let Some(beneath) = &self.beneath
        {
            state.prepare(beneath, mode)?;
        }
        if let Some(beneath) = &state.records_beneath {
            let stretches = (state.records.strongest(span), after.strongest(span));
            if shift(&**beneath, &stretches.0, &stretches.1)? == Taken::No {
                state.rest();
                // Whose it is matters to nobody: who waits looks again from time to time.
                let (mode, whose) = (Mode::Exclusive, Whose::Elsewhere);
                return Err(Refused::Conflict(Conflict { mode, span, whose }));
            }
        }
        // To make a lock a shared one, or none, may let others go on.
        let weaker = mode != Some(Mode::Exclusive) && state.records.own(owner, span).is_some();
        state.records = after;
        state.rest();
        drop(state);
        if weaker {
            self.wake();
        }
        Ok(())
    }

    /// Gives an owner this lock on the whole file, or none. As on Linux a lock of another
    /// mode is given up first, and gone if the new one cannot be taken.
    pub(crate) fn set_whole(&self, owner: Owner, mode: Option<Mode>) -> Result<(), Refused> {
        let mut state = self.lock();
        let own = state.whole.iter().position(|(other, _)| *other == owner);
        let had = own.and_then(|own| state.whole.get(own)).map(|(_, mode)| *mode);
        if had == mode {
            return Ok(());
        }
        let before = state.strongest_whole();
        if let Some(own) = own {
            state.whole.remove(own);
        }
        let result = state.take_whole(owner, mode, before, self.beneath.as_ref());
        drop(state);
        if had.is_some() {
            self.wake();
        }
        result
    }

    /// What is in the way of such a lock on a span; without a mode, what an owner has there
    /// itself.
    pub(crate) fn find(
        &self,
        owner: Owner,
        mode: Option<Mode>,
        span: Span,
    ) -> Result<Option<Conflict>, Errno> {
        let state = self.lock();
        let Some(mode) = mode else { return Ok(state.records.own(owner, span).map(Conflict::from)) };
        if let Some(record) = state.records.conflict(owner, mode, span) {
            return Ok(Some(record.into()));
        }
        match state.records_beneath.as_ref().or(self.beneath.as_ref()) {
            Some(beneath) => beneath.find(mode, span),
            None => Ok(None),
        }
    }

    /// How many locks an owner has.
    pub(crate) fn count(&self, owner: Owner) -> usize {
        let state = self.lock();
        state.records.count(owner) + state.whole.iter().filter(|(other, _)| *other == owner).count()
    }

    /// Whether an owner has locks on ranges.
    pub(crate) fn has_records(&self, owner: Owner) -> bool {
        self.lock().records.extent(owner).is_some()
    }

    /// Takes all from an owner.
    pub(crate) fn release(&self, owner: Owner) {
        let mut state = self.lock();
        let before = state.strongest_whole();
        let whole = state.whole.len();
        state.whole.retain(|(other, _)| *other != owner);
        let mut changed = state.whole.len() != whole;
        // Less than before is never refused for another's lock; should the host refuse all
        // the same, it is gone when nobody has any here.
        let _ = state.take_whole(owner, None, before, None);
        if let Some(span) = state.records.extent(owner) {
            changed = true;
            let mut after = state.records.clone();
            after.release(owner);
            if let Some(beneath) = &state.records_beneath {
                let _ = shift(&**beneath, &state.records.strongest(span), &after.strongest(span));
            }
            state.records = after;
        }
        state.rest();
        drop(state);
        if changed {
            self.wake();
        }
    }
}

impl State {
    /// Sees to it that what is beneath can take such a lock: of the first who locks the file,
    /// or of one who may do more with it, to whom then go the locks of the one before.
    fn prepare(&mut self, beneath: &Arc<dyn Backing>, mode: Mode) -> Result<(), Errno> {
        let before = match &self.records_beneath {
            None => {
                // What is beneath begins with the first lock, or never.
                if self.records.is_empty() {
                    self.records_beneath = Some(Arc::clone(beneath).begin()?);
                }
                return Ok(());
            }
            Some(held) if held.can(mode) => return Ok(()),
            Some(held) => Arc::clone(held),
        };
        let new = Arc::clone(beneath).begin()?;
        let held = self.records.strongest(Span::WHOLE);
        let none: Vec<Stretch> = vec![(Span::WHOLE, None)];
        if !new.can(mode) || shift(&*new, &none, &held)? == Taken::No {
            return Err(Errno::NOLCK);
        }
        before.set(None, Span::WHOLE)?;
        self.records_beneath = Some(new);
        Ok(())
    }

    fn strongest_whole(&self) -> Option<Mode> {
        self.whole.iter().map(|(_, mode)| *mode).max()
    }

    /// The second half of [`Locks::set_whole`]: an owner that has none now takes one, where
    /// `before` is what all together had.
    fn take_whole(
        &mut self,
        owner: Owner,
        mode: Option<Mode>,
        before: Option<Mode>,
        beneath: Option<&Arc<dyn Backing>>,
    ) -> Result<(), Refused> {
        let in_the_way = mode.and_then(|mode| {
            let stops = |other: Mode| mode == Mode::Exclusive || other == Mode::Exclusive;
            self.whole.iter().find(|(_, other)| stops(*other)).map(|(_, mode)| *mode)
        });
        let conflict = |mode, whose| Err(Refused::Conflict(Conflict { mode, span: Span::WHOLE, whose }));
        let wanted = if in_the_way.is_some() { None } else { mode };
        let after = self.strongest_whole().max(wanted);
        if after.is_some() && self.whole_beneath.is_none() && before.is_none() {
            self.whole_beneath = beneath.map(|beneath| Arc::clone(beneath).begin()).transpose()?;
        }
        if before != after
            && let Some(beneath) = &self.whole_beneath
            && beneath.set_whole(after)? == Taken::No
        {
            self.rest();
            return conflict(Mode::Exclusive, Whose::Elsewhere);
        }
        if let Some(mode) = wanted {
            self.whole.push((owner, mode));
        }
        self.rest();
        match in_the_way {
            Some(mode) => conflict(mode, Whose::Description),
            None => Ok(()),
        }
    }

    /// Lets go of what is beneath, where nothing is locked any more.
    fn rest(&mut self) {
        if self.records.is_empty()
            && let Some(beneath) = self.records_beneath.take()
        {
            // There is nothing left, but for what could not be given back.
            let _ = beneath.set(None, Span::WHOLE);
        }
        if self.whole.is_empty()
            && let Some(beneath) = self.whole_beneath.take()
        {
            let _ = beneath.set_whole(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Exclusive, Shared};

    const SPAN: Span = Span { first: 0, last: 9 };

    fn set(locks: &Locks, owner: Owner, mode: Option<Mode>) -> Result<(), Refused> {
        locks.set(owner, false, mode, SPAN, 2)
    }

    /// What the locks beneath were told, and whether they take more.
    #[derive(Default)]
    struct Beneath {
        told: Mutex<Vec<(Option<Mode>, Span)>>,
        refuses: std::sync::atomic::AtomicBool,
        reads_only: bool,
    }

    impl Backing for Beneath {
        fn begin(self: Arc<Self>) -> Result<Arc<dyn Backing>, Errno> {
            Ok(self)
        }

        fn can(&self, mode: Mode) -> bool {
            !self.reads_only || mode == Shared
        }

        fn set(&self, mode: Option<Mode>, span: Span) -> Result<Taken, Errno> {
            self.told.lock().expect("held by nobody").push((mode, span));
            let refuses = mode.is_some() && self.refuses.load(std::sync::atomic::Ordering::Relaxed);
            Ok(if refuses { Taken::No } else { Taken::Yes })
        }

        fn set_whole(&self, mode: Option<Mode>) -> Result<Taken, Errno> {
            self.set(mode, Span::WHOLE)
        }

        fn find(&self, mode: Mode, span: Span) -> Result<Option<Conflict>, Errno> {
            Ok(Some(Conflict { mode, span, whose: Whose::Elsewhere }))
        }
    }

    impl Beneath {
        fn take(&self) -> Vec<(Option<Mode>, Span)> {
            std::mem::take(&mut *self.told.lock().expect("held by nobody"))
        }
    }

    #[test]
    fn what_is_beneath_has_the_strongest_that_anybody_has() {
        let beneath = Arc::new(Beneath::default());
        let locks = Locks::new().with(Arc::clone(&beneath) as _);
        let [one, other] = [Owner::new(), Owner::new()];
        set(&locks, one, Some(Shared)).expect("free");
        assert_eq!(beneath.take(), [(Some(Shared), SPAN)]);
        set(&locks, other, Some(Shared)).expect("shared");
        assert_eq!(beneath.take(), [], "it has that one already");
        assert!(set(&locks, other, Some(Exclusive)).is_err());
        set(&locks, one, None).expect("given up");
        assert_eq!(beneath.take(), []);
        set(&locks, other, Some(Exclusive)).expect("alone");
        assert_eq!(beneath.take(), [(Some(Exclusive), SPAN)]);
        locks.release(other);
        assert_eq!(beneath.take().first(), Some(&(None, SPAN)));
    }

    #[test]
    fn what_is_refused_beneath_is_not_taken_here() {
        let beneath = Arc::new(Beneath::default());
        beneath.refuses.store(true, std::sync::atomic::Ordering::Relaxed);
        let locks = Locks::new().with(Arc::clone(&beneath) as _);
        let own = Owner::new();
        let Err(Refused::Conflict(conflict)) = set(&locks, own, Some(Shared)) else { panic!("refused") };
        assert!(conflict.whose.is_elsewhere());
        assert!(locks.set_whole(own, Some(Exclusive)).is_err());
        assert_eq!(locks.count(own), 0);
    }

    #[test]
    fn who_may_only_read_hands_over_to_who_may_write() {
        let reads = Arc::new(Beneath { reads_only: true, ..Beneath::default() });
        let writes = Arc::new(Beneath::default());
        let (one, other) = (Owner::new(), Owner::new());
        let file = Locks::new();
        set(&file.clone().with(Arc::clone(&reads) as _), one, Some(Shared)).expect("free");
        let far = Span { first: 100, last: 109 };
        let locks = file.with(Arc::clone(&writes) as _);
        locks.set(other, false, Some(Exclusive), far, 2).expect("free");
        assert_eq!(writes.take(), [(Some(Shared), SPAN), (Some(Exclusive), far)]);
        assert_eq!(reads.take(), [(Some(Shared), SPAN), (None, Span::WHOLE)]);
    }

    #[test]
    fn a_lock_on_the_whole_file_is_lost_where_another_mode_cannot_be_had() {
        let (locks, one, other) = (Locks::new(), Owner::new(), Owner::new());
        locks.set_whole(one, Some(Shared)).expect("free");
        locks.set_whole(other, Some(Shared)).expect("shared");
        assert!(locks.set_whole(one, Some(Exclusive)).is_err());
        assert_eq!((locks.count(one), locks.count(other)), (0, 1));
        locks.set_whole(other, Some(Exclusive)).expect("alone");
    }

    #[test]
    fn an_overlay_takes_shared_locks_beneath() {
        let (lower, stranger) = (Locks::new(), Owner::new());
        let locks = Locks::new().over(lower.clone());
        let own = Owner::new();
        set(&locks, own, Some(Exclusive)).expect("free");
        assert!(lower.set(stranger, false, Some(Shared), SPAN, 2).is_ok());
        assert!(lower.set(stranger, false, Some(Exclusive), SPAN, 2).is_err());
        set(&locks, own, None).expect("given up");
        assert!(lower.set(stranger, false, Some(Exclusive), SPAN, 2).is_ok());
        assert!(set(&locks, own, Some(Shared)).is_err());
    }

    #[test]
    fn no_more_are_taken_than_there_is_room_for() {
        let (locks, own) = (Locks::new(), Owner::new());
        locks.set(own, false, Some(Shared), Span::WHOLE, 1).expect("one");
        assert_eq!(locks.set(own, false, None, SPAN, 0), Ok(()), "cut at its end it is still one");
        let middle = Span { first: 100, last: 109 };
        assert_eq!(locks.set(own, false, None, middle, 0), Err(Refused::Errno(Errno::NOLCK)));
        assert_eq!(locks.count(own), 1);
    }
}
