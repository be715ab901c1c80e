//! The process: its end, signals, the scheduler.

use super::done;
use crate::{Answer, Call, Errno, Fault, System};

pub(super) fn proc_exit(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::Exit(call.i32(0)))
}

/// Signals are the guest's own affair, in its libc; what would reach the process
/// from outside does not exist.
pub(super) fn proc_raise(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match call.u32(0) {
        // WASI's SIGNAL_NONE, and those that end a process: as a shell tells of it.
        0 => done(),
        signal @ 1..=15 => Ok(Answer::Exit(128 + signal.cast_signed())),
        // WASI lacks Linux's sixteenth; the shell's numbers are Linux's.
        signal @ 16..=30 => Ok(Answer::Exit(129 + signal.cast_signed())),
        _ => Err(Errno::INVAL.into()),
    }
}

pub(super) fn sched_yield(_system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    done()
}
