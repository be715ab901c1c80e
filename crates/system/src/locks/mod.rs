//! Locks of files, as Linux has them: on ranges, which belong to a process (POSIX) or to
//! an open file description, and on whole files (flock).
//!
//! What is locked of a file is kept where all who open it meet: [`Locks`], which an inode of a
//! tree in memory has for all runs that share the tree, and a file of the host for all runs
//! of this process. Other processes do not know of either, so a file of the host is locked
//! on the host as well, by one descriptor that stands for all that is locked here. Who takes
//! locks for a run, and gives them back, is its [`Locker`].

mod beneath;
mod deadlock;
mod file;
mod locker;
mod records;

pub(crate) use beneath::{Backing, Taken};
pub use file::Locks;
pub(crate) use file::{Conflict, FileLocks, Whose};
pub(crate) use locker::{By, DescriptionLocks, Locker};

use std::sync::atomic::{AtomicU64, Ordering};

/// What a lock lets others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Take shared locks too: to read.
    Shared,
    /// Take none: to write.
    Exclusive,
}

/// Whose a lock is: the number of a process or of an open file. No two in this process have
/// the same, whatever run they are of, and none is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner(u64);

impl Owner {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Bytes of a file, from the first to the last, both among them. The last is not before
/// the first, and not beyond [`Span::END`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub first: u64,
    pub last: u64,
}

impl Span {
    /// The last byte that a file can have, which stands for all to come.
    pub(crate) const END: u64 = i64::MAX as u64;

    pub(crate) const WHOLE: Self = Self { first: 0, last: Self::END };

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// Whether both together are one span.
    fn touches(self, other: Self) -> bool {
        self.first <= other.last.saturating_add(1) && other.first <= self.last.saturating_add(1)
    }

    fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }

    fn within(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }
}
