//! The guest's standard streams: where its input comes from and where its output
//! goes. Bytes stream through; nothing is gathered but what the user asks to
//! capture.

mod host;
mod input;
mod output;
mod pump;
mod terminal;

pub use input::Input;
pub(crate) use input::InputStream;
pub(crate) use output::{Budget, OutputStream};
pub use output::{Capture, Output};
pub(crate) use terminal::Terminal;

use crate::wait::HostDescriptor;

/// Bytes that go to or come from the host at a time, where waiting is needed in
/// between.
pub(crate) const CHUNK: usize = 64 << 10;

/// What polling a stream finds.
pub enum Readiness {
    /// A read or write would go through now, for about so many bytes.
    Now {
        /// How many.
        bytes: u64,
        /// Whether the other end is closed.
        hangup: bool,
    },
    /// It depends on this descriptor of the host.
    On(HostDescriptor),
    /// Nothing will ever come.
    Never,
}
