//! Why a channel carries no more bytes.

/// What ended a channel. It is final: nothing is tried after one of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The peer closed its end, or is gone.
    #[error("the peer closed its stream")]
    Closed,
    /// The deadline came first.
    #[error("the time ran out")]
    TimedOut,
    /// The peer wrote into the shared memory what cannot be.
    #[error("the peer's count of bytes in the shared memory cannot be right")]
    Counts,
    /// The operating system failed.
    #[error("the stream failed: {reason}")]
    Stream {
        /// What it said.
        reason: String,
    },
}

impl From<rustix::io::Errno> for ChannelError {
    fn from(errno: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        match errno {
            Errno::PIPE | Errno::CONNRESET => Self::Closed,
            errno => Self::Stream { reason: errno.to_string() },
        }
    }
}
