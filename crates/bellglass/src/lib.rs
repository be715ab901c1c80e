//! Run whole, untrusted programs in an interpreter that can touch nothing.
//!
//! A [`Sandbox`] holds one guest: an interpreter compiled to WebAssembly, in a
//! process of its own without any authority (the *cell*). Whatever its program
//! tries that reaches outside (opening a file, reading the clock) becomes a call
//! that this library answers: with a small virtual machine by default, and with
//! your own handlers where you say so.
//!
//! ```no_run
//! use bellglass::{Capture, Output, Sandbox, Store};
//!
//! let printed = Capture::new();
//! let report = Sandbox::builder(Store::open_default()?.find("python")?)
//!     .arguments(["-c", "print(6 * 7)"])
//!     .stdout(Output::Capture(printed.clone()))
//!     .build()?
//!     .run();
//! assert!(report.outcome.is_success());
//! assert_eq!(printed.bytes(), b"42\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing is allowed unless the builder is told: no host file, no environment,
//! no network, no process. [`Limits`] are on by default.
#![forbid(unsafe_code)]

mod builder;
mod ending;
mod error;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod holder;
mod isolation;
mod launch;
mod limits;
mod monitor;
mod pool;
mod probe;
mod report;
mod sandbox;
mod shared;
#[doc(hidden)]
pub mod snapshot;
mod thread;
pub mod walls;
mod watchdog;
mod words;

pub use bellglass_image::{Image, ImageError, Manifest, Start, Store};
pub use bellglass_system as system;
pub use bellglass_system::files::{ApplyError, Change, ChangeKind, Changes, Overlay};
pub use bellglass_system::{
    Access, Amount, Answer, Call, Capture, Completer, Errno, Fault, FileAccess, FileGrant, FileSource,
    Identity, Input, Interest, KernelAccess, LimitKind, Listener, Memory, MemoryError, Mount, Network,
    NobodyWaits, Output, ParseSignalError, Pending, Permission, Policy, Programs, Reached, Readiness,
    Results, Signal, Stop, Stream, Unsupported, WaitQueue, Walls,
};
pub use bellglass_wire::{ParseSignatureError, Signature, ValueType, is_plain, plain};
pub use builder::SandboxBuilder;
pub use error::Error;
pub use isolation::Isolation;
pub use limits::Limits;
pub use monitor::{Next, Observation};
pub use pool::{Pool, PoolBuilder};
pub use probe::{Probe, probe};
pub use report::{CallCount, Outcome, RefusedCall, Report, Wall};
pub use sandbox::{Controls, Sandbox};
