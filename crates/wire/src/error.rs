//! What can be wrong with a peer's bytes.

/// A frame that breaks the protocol. None of these is repaired: the reader ends
/// the run, for a peer that sends one is broken or hostile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A field reaches past the end of its frame.
    #[error("the frame ends inside its {field}")]
    Truncated {
        /// What was being read.
        field: &'static str,
    },
    /// A length or count is above its cap.
    #[error("the {field} is {length}, above the cap of {cap}")]
    TooLong {
        /// What was being read.
        field: &'static str,
        /// What the peer claimed.
        length: u64,
        /// The cap, from [`caps`](crate::caps).
        cap: u64,
    },
    /// A field holds a value outside its range.
    #[error("the {field} has the value {value}, which the protocol does not define")]
    Undefined {
        /// What was being read.
        field: &'static str,
        /// What stood there.
        value: u64,
    },
    /// A frame of a kind that the protocol does not have.
    #[error("a frame of kind {kind} came, which the protocol does not know")]
    Unknown {
        /// Its kind.
        kind: u8,
    },
    /// A frame that may not come now; see [`ConversationState`](crate::ConversationState).
    #[error("{frame} came while {state}")]
    Unpermitted {
        /// What came.
        frame: &'static str,
        /// What may not be while it comes.
        state: &'static str,
    },
    /// A text is not UTF-8.
    #[error("the {field} is not UTF-8")]
    NotUtf8 {
        /// What was being read.
        field: &'static str,
    },
    /// Bytes follow the last field.
    #[error("{extra} bytes follow the end of the message")]
    Trailing {
        /// How many.
        extra: usize,
    },
}
