//! What lies beneath the locks of a file and has to agree: a file of the host, or a file of
//! the tree beneath an overlay.
//!
//! Whoever has locks here is one owner there, who holds on each byte the strongest that
//! anybody has here.

use super::file::{Conflict, Refused};
use super::records::Stretch;
use super::{Locks, Mode, Owner, Span};
use crate::Errno;
use std::sync::Arc;

/// Whether a lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// Somebody else has one that does not go with it. Nothing has changed, but for a lock
    /// on the whole file, of which the one before is gone.
    No,
}

/// A file beneath, as one owner of locks sees it. Nothing here waits.
pub(crate) trait Backing: Send + Sync {
    /// What is to hold all locks of the file, if this one is the first to take some.
    fn begin(self: Arc<Self>) -> Result<Arc<dyn Backing>, Errno>;

    /// Whether it could take such a lock on a range at all.
    fn can(&self, mode: Mode) -> bool;

    /// Has this lock on a range, or none, in place of what it has there.
    fn set(&self, mode: Option<Mode>, span: Span) -> Result<Taken, Errno>;

    /// The same for the whole file.
    fn set_whole(&self, mode: Option<Mode>) -> Result<Taken, Errno>;

    /// What is in the way of such a lock on a range.
    fn find(&self, mode: Mode, span: Span) -> Result<Option<Conflict>, Errno>;
}

/// Brings what is beneath from what the locks of a span were, to what they are to be: first
/// all that becomes stronger, which may be refused, and then nothing has changed.
pub(super) fn shift(beneath: &dyn Backing, before: &[Stretch], after: &[Stretch]) -> Result<Taken, Errno> {
    let changes = changes(before, after);
    let stronger = || changes.iter().filter(|(_, from, to)| to > from);
    for (done, (span, _, to)) in stronger().enumerate() {
        let taken = beneath.set(*to, *span);
        if taken != Ok(Taken::Yes) {
            for (span, from, _) in stronger().take(done) {
                // To have less than before is never refused for another's lock.
                let _ = beneath.set(*from, *span);
            }
            return taken;
        }
    }
    for (span, _, to) in changes.iter().filter(|(_, from, to)| to < from) {
        beneath.set(*to, *span)?;
    }
    Ok(Taken::Yes)
}

/// Where two accounts of one span differ, what it was there, and what it is to be.
fn changes(before: &[Stretch], after: &[Stretch]) -> Vec<(Span, Option<Mode>, Option<Mode>)> {
    let mut found: Vec<(Span, Option<Mode>, Option<Mode>)> = Vec::new();
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    while let (Some((one, from)), Some((other, to))) = (before.peek(), after.peek()) {
        let span = one.within(*other);
        if from != to {
            match found.last_mut() {
                Some((last, same, new)) if (*same, *new) == (*from, *to) && last.last + 1 == span.first => {
                    last.last = span.last;
                }
                _ => found.push((span, *from, *to)),
            }
        }
        let (one, other) = (one.last, other.last);
        if one <= other {
            before.next();
        }
        if other <= one {
            after.next();
        }
    }
    found
}

/// A file beneath an overlay's.
///
/// The overlay leaves it as it is, so that only shared locks are taken: nobody writes to it
/// while a program works with what it read there, and others may read it.
pub(super) struct LowerLocks {
    pub(super) lower: Locks,
    pub(super) owner: Owner,
}

fn taken(result: Result<(), Refused>) -> Result<Taken, Errno> {
    match result {
        Ok(()) => Ok(Taken::Yes),
        Err(Refused::Conflict(_)) => Ok(Taken::No),
        Err(Refused::Errno(errno)) => Err(errno),
    }
}

impl Backing for LowerLocks {
    fn begin(self: Arc<Self>) -> Result<Arc<dyn Backing>, Errno> {
        Ok(self)
    }

    fn can(&self, _mode: Mode) -> bool {
        true
    }

    fn set(&self, mode: Option<Mode>, span: Span) -> Result<Taken, Errno> {
        taken(self.lower.set(self.owner, true, mode.map(|_| Mode::Shared), span, usize::MAX))
    }

    fn set_whole(&self, mode: Option<Mode>) -> Result<Taken, Errno> {
        taken(self.lower.set_whole(self.owner, mode.map(|_| Mode::Shared)))
    }

    fn find(&self, _mode: Mode, span: Span) -> Result<Option<Conflict>, Errno> {
        self.lower.find(self.owner, Some(Mode::Shared), span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Exclusive, Shared};

    #[test]
    fn only_what_differs_is_changed() {
        let span = |first, last| Span { first, last };
        let before = [(span(0, 9), None), (span(10, 19), Some(Shared)), (span(20, 29), Some(Exclusive))];
        let after = [(span(0, 4), None), (span(5, 24), Some(Exclusive)), (span(25, 29), None)];
        let expected = [
            (span(5, 9), None, Some(Exclusive)),
            (span(10, 19), Some(Shared), Some(Exclusive)),
            (span(25, 29), Some(Exclusive), None),
        ];
        assert_eq!(changes(&before, &after), expected);
        assert_eq!(changes(&before, &before), []);
    }
}
