//! The calls of Linux: what a guest's C library asks for, and what its kernel would answer.
//!
//! Numbers, structures and flags are those of Linux's generic interface for 32-bit machines
//! with 64-bit times (`include/uapi/asm-generic`, as on riscv32); each row's document is the
//! page of section 2 of the Linux manual. A result below 0 is an errno, negated. A 64-bit
//! argument is two, the low half first. What the guest's library answers by itself (memory,
//! signal masks and handlers, futexes) is not here: `guests/port/calls.txt` says which.

mod attribute;
mod copy;
mod data;
mod descriptor;
mod directory;
mod event;
mod identity;
mod lock;
mod memory;
mod open;
mod path;
mod poll;
mod process;
mod refused;
mod resource;
mod schedule;
mod signal;
mod socket;
mod start;
mod stat;
mod terminal;
mod time;
mod timer;

pub(crate) use memory::NullIsNothing;

use crate::table::{Row, buffers, bytes, pairs};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;

/// The rows of one subject: name, parameters, views, support, note, handler.
macro_rules! calls {
    ($module:literal: $($name:ident($($parameter:ident: $kind:ident),*) $views:expr, $support:expr, $note:literal, $handler:expr;)*) => {
        &[$(crate::table::Row {
            signature: concat!($module, ".", stringify!($name), "(" $(, $crate::linux::letter!($parameter))*, ")i"),
            family: crate::table::Family::Linux,
            views: $views,
            parameters: &[$(crate::table::Parameter {
                name: stringify!($parameter),
                kind: crate::table::Kind::$kind,
            }),*],
            support: $support,
            note: $note,
            handler: $handler,
        }),*]
    };
}

/// Every argument is a 32-bit word.
macro_rules! letter {
    ($parameter:ident) => {
        "i"
    };
}

use {calls, letter};

/// All rows, subject by subject. A static, so that each row is at one address.
pub(crate) static SUBJECTS: &[(&str, &[Row])] = &[
    ("Opening files", open::ROWS),
    ("Paths", path::ROWS),
    ("What files are", stat::ROWS),
    ("Directories", directory::ROWS),
    ("Extended attributes", attribute::ROWS),
    ("Reading and writing", data::ROWS),
    ("Copying between descriptors", copy::ROWS),
    ("Descriptors", descriptor::ROWS),
    ("Waiting for descriptors", poll::ROWS),
    ("Counters, timers and signals that are read", event::ROWS),
    ("Sockets", socket::ROWS),
    ("Locks", lock::ROWS),
    ("Terminals and devices", terminal::ROWS),
    ("Clocks and sleeping", time::ROWS),
    ("Alarm clocks and timers", timer::ROWS),
    ("Signals", signal::ROWS),
    ("Processes", process::ROWS),
    ("The scheduler", schedule::ROWS),
    ("Limits and usage", resource::ROWS),
    ("The process and the machine", identity::ROWS),
    ("What there is nothing for", refused::ROWS),
    ("A program's start and end", start::ROWS),
    ("What a kernel knows of a signal", timer::OWN_ROWS),
    ("What a C library tells of its signals", event::LIBRARY),
];

/// The structure of `size` bytes at one argument.
const fn structure(pointer: u8, size: u32) -> View {
    View::Fixed { pointer, size }
}

/// A 64-bit argument, of which the low half is argument `index`.
fn wide(call: &Call<'_>, index: usize) -> i64 {
    (u64::from(call.u32(index)) | u64::from(call.u32(index + 1)) << 32).cast_signed()
}

/// What a call that has a number to tell returns.
fn value(number: u32) -> Result<Answer, Fault> {
    // A result from -4095 on would be an error.
    i32::try_from(number).map(Answer::i32).map_err(|_| Errno::OVERFLOW.into())
}

/// What a call that is done returns.
fn done() -> Result<Answer, Fault> {
    value(0)
}

/// Stands in the rows of calls that no handler is asked for: those that are refused, and
/// those of a permission that no policy can grant yet.
fn refused(_system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    Err(Errno::NOSYS.into())
}
