//! Carries bytes between a cell and its controller. There are no frames here:
//! bytes go in at one end and come out at the other, in order.
//!
//! A [`Channel`] is a stream socket, and on top of it, where both sides can have
//! it, memory that they share: two rings of bytes, one a direction. A side that
//! waits looks at the ring for a moment ([`Patience`] says how long), then sleeps
//! on the socket, and is woken by one byte on it. So a call that is answered at
//! once costs no system call at all, a side that waits for long costs no processor
//! time, and the end of a peer is noticed as with any socket.
//!
//! The peer is not trusted. The memory's size is sealed, so that no peer can take
//! pages away; what the peer says of the rings is read once and checked; and
//! bytes are copied out before anybody looks at them. `docs/protocol.md` describes
//! all of it byte by byte.
//!
//! This is the only place with the memory that two processes share: the one
//! `unsafe` block of this crate maps it, and all access to it is atomic.

mod channel;
mod descriptors;
mod error;
mod patience;
mod rings;
mod sender;
mod shared;

pub use channel::{Channel, Woken};
pub use descriptors::{send_descriptors, take_descriptors, wait_for_descriptors};
pub use error::ChannelError;
pub use patience::{Busy, Patience};
pub use rings::Side;
pub use sender::{receive_from, tell_senders};
pub use shared::{RING_BYTES, Shared};
