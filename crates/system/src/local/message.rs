//! What is sent from one socket to another.

use super::hub::Hub;
use super::options::Credentials;
use super::state::Core;
use super::{Name, Plate};
use crate::descriptors::Description;
use crate::meter::Charge;
use crate::object::{Blocking, Taking};
use std::sync::{Arc, Weak};

/// Bytes that a message counts beside its own: as about Linux does.
const MESSAGE_BYTES: usize = 512;

/// What a message of so many bytes counts in its sender's buffer, and is charged with.
pub(super) fn cost(length: usize) -> usize {
    length.saturating_add(MESSAGE_BYTES)
}

/// A message that was sent and not yet received, or a part of a stream.
pub(super) struct Message {
    pub bytes: Vec<u8>,
    /// How many of them were received, of a stream.
    pub start: usize,
    pub passed: Option<Passed>,
    /// Whether it is the one byte of a stream that is read by itself (MSG_OOB).
    pub is_urgent: bool,
    /// The name of who sent it.
    pub from: Plate,
    pub credentials: Credentials,
    /// Whose buffer it counts in.
    pub sender: Weak<Core>,
    pub _charge: Charge,
}

impl Message {
    /// The bytes that are left of it.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.upgrade() {
            sender.received(cost(self.bytes.len()));
        }
    }
}

/// Descriptors that go along with a message.
pub(super) struct Passed {
    files: Vec<Arc<Description>>,
    hub: Arc<Hub>,
}

impl Passed {
    /// ETOOMANYREFS if too many lie in queues already.
    pub fn new(files: Vec<Arc<Description>>, hub: &Arc<Hub>) -> Result<Self, crate::Errno> {
        hub.send_off(files.len())?;
        Ok(Self { files, hub: Arc::clone(hub) })
    }

    pub fn files(&self) -> &[Arc<Description>] {
        &self.files
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        self.hub.arrive(self.files.len());
    }
}

/// What is to be sent.
pub(crate) struct Outgoing<'a> {
    pub bytes: &'a [u8],
    /// To whom, if not to the one that it is connected to.
    pub to: Option<&'a Address>,
    pub files: Vec<Arc<Description>>,
    pub blocking: Blocking,
    /// Whether the last byte of a stream is to be read by itself.
    pub is_urgent: bool,
}

/// The address of a socket: its name, and the file that this leads to if it is a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub name: Name,
    pub file: Option<(u64, u64)>,
}

/// How one receives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiving {
    pub taking: Taking,
    /// Whether it waits for all that there is room for.
    pub all: bool,
    /// Whether it is the urgent byte of a stream that is received.
    pub urgent: bool,
    pub blocking: Blocking,
}

/// What was received.
#[derive(Default)]
pub(crate) struct Arrived {
    pub count: usize,
    /// Bytes of the whole message: more than were received if it was cut off.
    pub whole: usize,
    /// The name of who sent it, if it has one.
    pub from: Option<Name>,
    pub files: Vec<Arc<Description>>,
    /// Who sent it, if the socket wants to know.
    pub credentials: Option<Credentials>,
}
