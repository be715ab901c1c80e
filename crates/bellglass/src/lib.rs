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
mod handler;
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
mod timers;
pub mod walls;
mod words;

// What runs: a guest, and what it is made of.
pub use bellglass_engine::ENGINE;
pub use bellglass_image::{
    CommandLine, Image, ImageError, Manifest, ProgramName, Start, Store, cache_directory,
};
pub use builder::SandboxBuilder;
pub use isolation::Isolation;
pub use pool::{Pool, PoolBuilder};
pub use probe::{Probe, probe};
pub use sandbox::{Controls, Sandbox};

// What it may do and use, and what became of it.
pub use bellglass_system::{
    Amount, FileAccess, FileGrant, FileSource, KernelAccess, LimitKind, Network, Permission, Policy,
    Programs, Reached, Unsupported, Walls,
};
pub use error::Error;
pub use limits::Limits;
pub use report::{CallCount, Outcome, RefusedCall, Report, Wall};

// What its program sees of the world.
pub use bellglass_system::{
    Access, Capture, Clock, FixedClock, HostRandom, Identity, Input, Interest, Listener, Mount, Output,
    ParseSignalError, Random, Readiness, RealClock, SeededRandom, Signal, Sleep, Stream, SystemError,
    WaitQueue,
};

// What it has changed in an overlay.
pub use bellglass_system::files::{ApplyError, Change, ChangeKind, Changes, Overlay};

// Its calls, and who answers them.
pub use bellglass_system::{
    Answer, Buffer, Call, Completer, Errno, Fault, Memory, MemoryError, NobodyWaits, Pending, Results, Stop,
    Waiter, go_on,
};
pub use bellglass_wire::{ParseSignatureError, Signature, ValueType, View, is_plain, plain};
pub use handler::Handler;
pub use monitor::{Next, Observation};

/// File trees of the user's own, and guards before other trees.
pub mod files {
    pub use bellglass_system::files::{
        Act, ArchiveError, Attribute, AttributeMode, BytesFile, Creation, Device, Directory, DirectoryEntry,
        File, FileType, Found, Guard, Jump, MemoryTree, Metadata, NAME_BYTES, NewTimes, OpenOptions, Opened,
        PATH_BYTES, Quota, Refusal, Request, Space, Timestamp, Version, Wanting,
    };
}

/// The table of the calls that the virtual system answers: what each is called with, how it
/// fails, and how much of it there is.
pub mod calls {
    pub use bellglass_system::{Family, Kind, Parameter, Row, Support, lookup, rows, subjects};
}

/// What the process that uses this library may have to look at in itself: how it was
/// started says which signals it ignores.
pub mod process {
    pub use bellglass_fork::{is_ignored, keep_ends_of_children};
}
