//! What the standard library lacks for processes that are not started but forked:
//! a process that splits into itself and a sibling, and a child that is known by its
//! number, to signal, to measure and to reap. And what it lacks for threads and processes
//! that must have a signal, or must not, whatever those around them do; and which standard
//! streams a process began without.
//!
//! A controller starts one process that gets everything ready and then forks as
//! often as it is told. What it forks must be the controller's own children and not
//! grandchildren, so that the controller can wait for them, and so that their
//! numbers belong to nobody else until it has.

#[cfg(test)]
#[path = "../../testkit/src/alone.rs"]
mod alone;
mod child;
#[cfg(target_os = "linux")]
mod sibling;
mod signals;
mod standard;

pub use child::{Child, Reaped};
#[cfg(target_os = "linux")]
pub use sibling::{Side, fork};
pub use signals::{
    FaultSignals, FileSizeSignal, is_ignored, keep_ends_of_children, leave_at_processor_time,
    take_all_signals,
};
pub use standard::began_without;
