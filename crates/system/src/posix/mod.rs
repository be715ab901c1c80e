//! The libc functions that wasi-libc lacks: they come as imports `env.name`.
//!
//! Structures and numbers are those of the headers that guests are built with:
//! wasi-libc's where it has them, Linux's where not.

mod descriptor;
mod identity;
pub mod layout;
mod path;
mod process;
mod resource;
mod rows;
mod socket;
mod terminal;

pub(crate) use rows::ROWS;

use crate::{Answer, Errno, Fault};

/// The answer of a call that returns a number.
fn ok(value: i32) -> Result<Answer, Fault> {
    Ok(Answer::i32(value))
}

/// The answer of a call that returns a number without a sign.
fn unsigned(value: u32) -> Result<Answer, Fault> {
    Ok(Answer::i32(value.cast_signed()))
}

/// The one user, group or process that there is, or -1 or 0 that stands for it.
fn same_or(value: u32, own: u32, stands_for_it: u32, errno: Errno) -> Result<(), Fault> {
    if value == own || value == stands_for_it { Ok(()) } else { Err(errno.into()) }
}
