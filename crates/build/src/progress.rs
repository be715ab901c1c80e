//! What a build tells while it works.

use std::time::Duration;

/// Something that happened in a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step begins.
    Started {
        /// What it does, as a short phrase.
        step: &'a str,
        /// Its number, from 1.
        number: usize,
        /// How many steps the build has.
        of: usize,
    },
    /// A part of a file has come or was worked on.
    Bytes {
        /// Which file.
        file: &'a str,
        /// Bytes so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// What the step is busy with, in a few words.
    Line(&'a str),
    /// The step is still at work; what it says is in its log.
    Working,
    /// The step has ended well.
    Finished {
        /// How long it took.
        elapsed: Duration,
    },
    /// The step had nothing to do, for what it makes is there from an earlier
    /// build and nothing has changed since.
    Cached,
    /// The step, and with it the build, has failed; the build's error says why.
    Failed,
    /// A sentence that the user should see and keep.
    Note(&'a str),
}

/// Gets the events of a build, from one thread, in order: each step is started,
/// then finished, cached or failed.
pub trait Progress: Send + Sync {
    /// Takes note of an event. It must not block.
    fn event(&self, event: Event<'_>);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _event: Event<'_>) {}
}
