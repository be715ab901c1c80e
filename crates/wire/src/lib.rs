//! The protocol between a cell and its controller: the words (signatures,
//! value types, views) and the frames. There is no input or output here: bytes
//! come in, messages go out, and the other way round.
//!
//! Both sides treat the other's bytes as untrusted. Each length is compared
//! with its cap in [`caps`] before anything of that size is reserved, so a
//! frame that claims four gigabytes costs its reader nothing. `docs/protocol.md`
//! says the same byte by byte, for writers of other cells and controllers.
//!
//! ```
//! use bellglass_wire::{FrameBuffer, FromCell, Signature};
//!
//! let call = FromCell::Call { call: 0, signature: 0, memory_bytes: 65536, arrived: 0, interrupted: false, arguments: vec![1, 2], viewed: vec![] };
//! let mut stream = Vec::new();
//! call.encode(&mut stream)?;
//!
//! let mut frames = FrameBuffer::new(bellglass_wire::caps::FRAME_BYTES);
//! frames.extend(&stream);
//! let frame = frames.next_frame()?.expect("the frame is complete");
//! assert_eq!(FromCell::decode(frame)?, call);
//! # Ok::<(), bellglass_wire::WireError>(())
//! ```
#![forbid(unsafe_code)]

mod answer;
mod call;
pub mod caps;
mod codec;
mod error;
mod frame;
mod from_cell;
mod interruption;
mod pieces;
mod plain;
mod range;
mod signature;
mod states;
mod to_cell;
mod view;

pub use answer::{OpenReturn, ReturnFrame, Sent};
pub use call::{CallFrame, Heard};
pub use error::WireError;
pub use frame::FrameBuffer;
pub use from_cell::{FromCell, TrapKind, Usage, Viewed, Wall};
pub use interruption::{Interruption, numbers_of};
pub use pieces::Pieces;
pub use plain::{is_plain, plain, write_plain};
pub use range::range;
pub use signature::{ParseSignatureError, Signature, ValueType};
pub use states::{CellFrame, ControllerFrame, ConversationState, Row, STATES};
pub use to_cell::{GuestLimits, Hooks, PAGE_BYTES, Pages, ToCell, Write};
pub use view::View;

/// The version of the protocol that this crate speaks. A peer of another
/// version is refused at the handshake.
pub const PROTOCOL_VERSION: u16 = 4;
