//! The guest's standard streams: where its input comes from and where its output
//! goes. Bytes stream through; nothing is gathered but what the user asks to
//! capture.

mod input;
mod output;
mod own;
mod pump;
mod terminal;

pub use input::Input;
pub(crate) use input::InputStream;
pub(crate) use output::{Budget, OutputStream};
pub use output::{Capture, Output};
pub(crate) use own::OwnStream;
pub use own::Stream;
pub(crate) use terminal::TerminalBothWays;

/// Bytes that go to or come from the host at a time, where waiting is needed in
/// between.
pub(crate) const CHUNK: usize = 64 << 10;
