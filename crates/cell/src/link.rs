//! The link to the controller: sends the guest's calls, carries out what the
//! controller asks of the guest's memory, and hands the answer back.

use crate::interrupt;
use bellglass_channel::{Channel, ChannelError, RING_BYTES, Shared, Side, take_offer};
use bellglass_engine::{External, GuestMemory, Interrupts, StopGuest};
use bellglass_wire::{CallFrame, FrameBuffer, FromCell, Heard, ReturnFrame, ToCell, View, WireError, caps};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes one read from the stream may take.
const CHUNK_BYTES: usize = 64 << 10;

/// Bytes that an offer may have.
const OFFER_BYTES: usize = 64;

pub(crate) struct Link {
    channel: Channel,
    /// What was offered, until the hello has taken it.
    offered: Option<Shared>,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
    /// By index of the signature.
    views: Vec<Vec<View>>,
    interrupts: Arc<Interrupts>,
}

/// The one link of this process: the guest's calls go through it, and then the
/// cell's last frame.
#[derive(Clone)]
pub(crate) struct SharedLink(Arc<Mutex<Link>>);

/// Why the cell cannot go on. None of these is the guest's doing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the controller is gone: {0}")]
    Stream(#[from] std::io::Error),
    #[error("the controller is gone: {0}")]
    Channel(#[from] ChannelError),
    #[error("the controller breaks the protocol: {0}")]
    Wire(#[from] WireError),
    #[error("the controller breaks the protocol: {0}")]
    Refused(&'static str),
    #[error("{0}")]
    Failed(String),
}

impl Link {
    pub(crate) fn new(stream: OwnedFd, interrupts: Arc<Interrupts>) -> Self {
        Self {
            channel: Channel::new(stream, Side::Cell),
            offered: None,
            incoming: FrameBuffer::new(caps::FRAME_BYTES),
            outgoing: Vec::new(),
            views: Vec::new(),
            interrupts,
        }
    }

    /// Looks for an offer of shared memory, which the controller sends before this
    /// process starts, and maps the memory. That it cannot be had is no fault.
    pub(crate) fn look_for_offer(&mut self) -> Result<(), LinkError> {
        let mut message = [0; OFFER_BYTES];
        let (count, memory) = take_offer(self.channel.socket().as_fd(), &mut message)?;
        self.incoming.extend(&message[..count]);
        if count == 0 {
            return Ok(());
        }
        let ToCell::Offer { ring_bytes } = self.receive()? else {
            return Err(LinkError::Refused("something other than an offer came before the hello"));
        };
        if ring_bytes as usize == RING_BYTES {
            self.offered = memory.and_then(|memory| Shared::open(&memory).ok());
        }
        Ok(())
    }

    /// Whether shared memory was offered and could be mapped.
    pub(crate) fn is_offered(&self) -> bool {
        self.offered.is_some()
    }

    /// Uses what was offered from now on.
    pub(crate) fn share(&mut self) {
        if let Some(memory) = self.offered.take() {
            self.channel.share(memory);
        }
    }

    pub(crate) fn set_views(&mut self, signatures: usize, views: Vec<(u32, Vec<View>)>) {
        self.views = vec![Vec::new(); signatures];
        for (signature, views) in views {
            if let Some(slot) = self.views.get_mut(signature as usize) {
                *slot = views;
            }
        }
    }

    pub(crate) fn send(&mut self, message: &FromCell) -> Result<(), LinkError> {
        self.outgoing.clear();
        message.encode(&mut self.outgoing)?;
        Ok(self.channel.send(&self.outgoing, None)?)
    }

    /// Tells the controller why the cell gives up, and gives up.
    pub(crate) fn fail(&mut self, message: String) -> Result<(), LinkError> {
        let mut message = message;
        message.truncate(message.floor_char_boundary(caps::TEXT_BYTES));
        self.send(&FromCell::Failed { message: message.clone() })?;
        Err(LinkError::Failed(message))
    }

    pub(crate) fn receive(&mut self) -> Result<ToCell, LinkError> {
        Ok(ToCell::decode(self.receive_frame()?)?)
    }

    fn receive_frame(&mut self) -> Result<&[u8], LinkError> {
        while !self.incoming.has_frame()? {
            let channel = &mut self.channel;
            self.incoming.fill_with(CHUNK_BYTES, |buffer| channel.receive(buffer, None))?;
        }
        Ok(self.incoming.next_frame()?.unwrap_or(&[]))
    }

    fn send_call(
        &mut self,
        import: usize,
        heard: Heard,
        arguments: &[u64],
        memory: &[u8],
    ) -> Result<(), LinkError> {
        self.outgoing.clear();
        let views = self.views.get(import).map_or(&[][..], Vec::as_slice);
        // Loading has checked the number of imports against a cap.
        CallFrame::encode(&mut self.outgoing, import as u32, heard, arguments, memory, views)?;
        Ok(self.channel.send(&self.outgoing, None)?)
    }

    /// Serves the controller until it closes the open call.
    fn converse(
        &mut self,
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<Result<(), StopGuest>, LinkError> {
        loop {
            let frame = self.receive_frame()?;
            if let Some(answer) = ReturnFrame::decode(frame)? {
                close(&answer, results, memory)?;
                let sent = answer.sent;
                interrupt::close_call(&self.interrupts, sent.travelling, sent.interrupts);
                return Ok(Ok(()));
            }
            match ToCell::decode(frame)? {
                ToCell::Read { address, length } => {
                    let bytes = range(memory.bytes(), address, length as usize)?.to_vec();
                    self.send(&FromCell::Data { bytes })?;
                }
                ToCell::Write(change) => apply(memory, change.address, &change.bytes)?,
                ToCell::Allocate { size } => {
                    let address = match memory.allocate(size) {
                        Ok(address) => address.ok_or(LinkError::Refused("this guest has no allocator"))?,
                        Err(stop) => return Ok(Err(stop)),
                    };
                    let memory_bytes = memory.bytes().len() as u64;
                    self.send(&FromCell::Allocated { address, memory_bytes })?;
                }
                ToCell::Free { address } => {
                    if let Err(stop) = memory.free(address) {
                        return Ok(Err(stop));
                    }
                }
                ToCell::End => return Ok(Err(StopGuest::End)),
                _ => return Err(LinkError::Refused("a message that an open call does not allow")),
            }
        }
    }
}

impl SharedLink {
    pub(crate) fn new(link: Link) -> Self {
        Self(Arc::new(Mutex::new(link)))
    }

    /// The link. Nobody else waits for it long: the guest stands still in its
    /// calls, and the last frame comes after them.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl External for SharedLink {
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest> {
        let mut link = self.lock();
        let heard = Heard { arrived: interrupt::arrived(), interrupted: memory.is_interrupted() };
        let sent = link.send_call(import, heard, arguments, memory.bytes());
        let outcome = sent.and_then(|()| link.converse(results, memory));
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                // Without its controller a guest has nobody to run for.
                let _ = link.fail(error.to_string());
                crate::leave(1);
            }
        }
    }
}

/// Carries out the answer that closes a call.
fn close(
    answer: &ReturnFrame<'_>,
    results: &mut [u64],
    memory: &mut dyn GuestMemory,
) -> Result<(), LinkError> {
    for (address, bytes) in answer.writes() {
        apply(memory, address, bytes)?;
    }
    if let Some(errno) = answer.errno {
        memory.set_errno(errno);
    }
    let values = answer.results();
    if values.len() != results.len() {
        return Err(LinkError::Refused("a call was answered with a wrong number of results"));
    }
    for (slot, value) in results.iter_mut().zip(values) {
        *slot = value;
    }
    Ok(())
}

fn range(memory: &[u8], address: u32, length: usize) -> Result<&[u8], LinkError> {
    let start = address as usize;
    start
        .checked_add(length)
        .and_then(|end| memory.get(start..end))
        .ok_or(LinkError::Refused("a read beyond the guest's memory"))
}

fn apply(memory: &mut dyn GuestMemory, address: u32, bytes: &[u8]) -> Result<(), LinkError> {
    let start = address as usize;
    let target = start.checked_add(bytes.len()).and_then(|end| memory.bytes_mut().get_mut(start..end));
    target.ok_or(LinkError::Refused("a write beyond the guest's memory"))?.copy_from_slice(bytes);
    Ok(())
}
