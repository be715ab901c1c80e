//! What the standard library lacks for processes that are not started but forked:
//! a process that splits into itself and a sibling, and reaping by number.
//!
//! A controller starts one process that gets everything ready and then forks as
//! often as it is told. What it forks must be the controller's own children and not
//! grandchildren, so that the controller can wait for them, and so that their
//! numbers belong to nobody else until it has.

mod reap;
#[cfg(target_os = "linux")]
mod sibling;

pub use reap::{Reaped, reap};
#[cfg(target_os = "linux")]
pub use sibling::{Side, fork};
