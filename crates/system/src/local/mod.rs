//! Local sockets: AF_UNIX, between descriptors of one run. They lead to no outside.
//!
//! A socket has a queue of the messages that were sent to it and not yet received; who
//! sends counts what of it lies there, and may have no more than its buffer. A stream is
//! messages whose bounds nobody sees. Descriptors can go along with a message.

mod hub;
mod message;
mod options;
mod receive;
mod send;
mod state;

pub(crate) use hub::Sockets;
pub(crate) use message::{Address, Arrived, Outgoing, Receiving};
pub(crate) use options::{Credentials, Option as SocketOption, Value};
pub use state::LocalSocket;
pub(crate) use state::Origin;

/// What kind of socket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SocketKind {
    /// Bytes in order, between two.
    Stream,
    /// Messages, each for itself.
    Datagram,
    /// Messages in order, between two.
    Packet,
}

impl SocketKind {
    /// Whether it talks to one other only, to which it is connected.
    fn is_connected(self) -> bool {
        self != Self::Datagram
    }
}

/// The name of a socket, as Linux has it in an address: empty for one without a name, with
/// a zero byte first for one that is no path.
// BOUND: a name is no longer than an address, 108 bytes.
pub(crate) type Name = std::sync::Arc<[u8]>;

/// Where the name of a socket stands, once it has one. What it is connected to and what it sent
/// tell it too, when the socket itself is gone.
type Plate = std::sync::Arc<std::sync::OnceLock<Name>>;
