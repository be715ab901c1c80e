//! Runs a guest: loads its compiled module, gives every import the same generic
//! stub, holds its limits, and turns its faults into values.
//!
//! The engine knows no call by name. What answers the calls is the
//! [`External`] that its user gives: a cell forwards them over a pipe, and a
//! controller that runs guests in threads answers them itself. The engine under
//! it is Wasmtime with code compiled ahead of time; nothing outside this crate
//! says so, which leaves room for a second engine beside it.
//!
//! Trust: the *module* is trusted to be what the image builder compiled (loading
//! native code is an act of trust, see [`Program::load`]); the *guest* that runs
//! in it is not trusted with anything.

mod config;
mod error;
mod guest;
mod interrupt;
mod limiter;
mod program;
mod ready;
#[cfg(feature = "fibers")]
mod slots;
mod stack;
mod trap;

#[cfg(feature = "compiler")]
mod compile;
#[cfg(any(feature = "compiler", feature = "fibers"))]
mod state;
#[cfg(any(feature = "compiler", feature = "fibers"))]
mod written;

pub use bellglass_wire::Interruption;
#[cfg(feature = "compiler")]
pub use compile::{Compiler, compile};
pub use config::{ENGINE, NATIVE_STACK_BYTES, compatibility_key};
pub use error::EngineError;
pub use guest::{External, GuestMemory};
pub use interrupt::{EndsGuest, EpochAction, EpochHook, Interrupts};
pub use program::{Ending, Program, Settings, StopGuest};
pub use ready::ReadyGuest;
#[cfg(any(feature = "compiler", feature = "fibers"))]
pub use state::{GlobalValue, GuestState};
