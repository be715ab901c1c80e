//! The virtual machine that the default handlers present to a guest: files,
//! clocks, randomness, standard streams, identity.
//!
//! A controller makes a [`System`] for each run and hands it the calls that its
//! user does not answer. The system sees the guest only as a [`Call`]: raw
//! arguments, and memory behind the [`Memory`] trait. It trusts neither: each
//! number that a guest chose is checked before anything is sized by it.
//!
//! From the outside in: `linux` and `wasi` unpack arguments, call a core and pack the
//! answer; the cores (`files`, `stdio`, `pipe`, `local`, `clock`, `random`) know no call by
//! name. Between them stands the table of `descriptors`,
//! each of which is an `Object`: one trait, which each kind implements in its core.
//!
//! ```
//! use bellglass_system::{Input, Output, Capture, System};
//!
//! let capture = Capture::new();
//! let system = System::builder()
//!     .arguments(["python", "-c", "pass"])
//!     .stdin(Input::Bytes(b"hello\n".to_vec()))
//!     .stdout(Output::Capture(capture.clone()))
//!     .output_limit(1 << 20)
//!     .build()?;
//! # drop(system);
//! # Ok::<(), bellglass_system::SystemError>(())
//! ```
#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../../testkit/src/alone.rs"]
mod alone;
mod builder;
mod call;
mod clock;
mod completion;
mod descriptors;
mod epoll;
mod errno;
mod event_counter;
mod event_signals;
mod event_timer;
#[cfg(any(test, fuzzing))]
#[path = "tests/fake.rs"]
mod fake;
pub mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod guest;
pub mod host;
mod information;
mod kind;
mod limit;
mod linux;
mod local;
mod locks;
mod meter;
mod mount;
mod named_pipe;
mod object;
mod pieces;
mod pipe;
mod policy;
mod poll;
mod process;
mod pty;
mod random;
mod results;
mod rights;
mod signal;
mod sleep;
mod stdio;
mod streams;
mod system;
mod table;
#[cfg(test)]
mod tests;
mod wait;
mod waiter;
mod wasi;

pub use builder::{SystemBuilder, SystemError};
pub use call::{Answer, Call, Fault, Memory, MemoryError, Stop, read_text_in_steps};
pub use clock::{Clock, FixedClock, Sleep};
pub use completion::{Completer, Completion, NobodyWaits, Pending};
pub use errno::Errno;
pub use files::Access;
pub use guest::{Buffer, CALL_BYTES};
pub use host::{HostRandom, RealClock};
pub use information::Information;
pub use kind::Kind;
pub use limit::{Amount, LimitKind, Reached};
pub use meter::{Charge, Meter};
pub use mount::Mount;
pub use object::Interest;
pub use pieces::go_on;
pub use policy::{
    FileAccess, FileGrant, FileSource, KernelAccess, Network, Permission, Policy, Programs, Unsupported,
    Walls,
};
pub use random::{Random, SeededRandom};
pub use results::Results;
pub use signal::{ParseSignalError, Signal};
pub use stdio::{Capture, Input, Output, Stream};
pub use system::{Identity, Shortage, System};
pub use table::{
    Ending, Family, Parameter, Row, Support, SystemHandler, lookup, refuse, rows, settle, subjects,
};
pub use wait::{Listener, Readiness, WaitQueue, wait_for_any};
pub use waiter::{Look, Schedule, Sink, Waiter, Woken};
