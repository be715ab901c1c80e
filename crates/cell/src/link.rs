//! The link to the controller: sends the guest's calls, carries out what the
//! controller asks of the guest's memory, and hands the answer back.

use crate::interrupt;
use bellglass_engine::{External, GuestMemory, StopGuest};
use bellglass_wire::{FrameBuffer, FromCell, ToCell, View, Viewed, WireError, Write as Change, caps};
use std::fs::File;
use std::io::{Read, Write};

/// How many bytes one read from the stream may take.
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) struct Link {
    stream: File,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
    /// By index of the signature.
    views: Vec<Vec<View>>,
}

/// Why the cell cannot go on. None of these is the guest's doing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the controller is gone: {0}")]
    Stream(#[from] std::io::Error),
    #[error("the controller breaks the protocol: {0}")]
    Wire(#[from] WireError),
    #[error("the controller breaks the protocol: {0}")]
    Refused(&'static str),
    #[error("{0}")]
    Failed(String),
}

impl Link {
    pub(crate) fn new(stream: File) -> Self {
        Self {
            stream,
            incoming: FrameBuffer::new(caps::FRAME_BYTES),
            outgoing: Vec::new(),
            views: Vec::new(),
        }
    }

    /// A second sender on the same stream, for the last frame of a run.
    pub(crate) fn sharing(other: &Self) -> std::io::Result<Self> {
        other.stream.try_clone().map(Self::new)
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
        self.stream.write_all(&self.outgoing)?;
        Ok(())
    }

    /// Tells the controller why the cell gives up, and gives up.
    pub(crate) fn fail(&mut self, message: String) -> Result<(), LinkError> {
        let mut message = message;
        message.truncate(message.floor_char_boundary(caps::TEXT_BYTES));
        self.send(&FromCell::Failed { message: message.clone() })?;
        Err(LinkError::Failed(message))
    }

    pub(crate) fn receive(&mut self) -> Result<ToCell, LinkError> {
        loop {
            if let Some(frame) = self.incoming.next_frame()? {
                return Ok(ToCell::decode(frame)?);
            }
            let stream = &mut self.stream;
            match self.incoming.fill_with(CHUNK_BYTES, |buffer| stream.read(buffer)) {
                Ok(0) => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn viewed(&self, import: usize, arguments: &[u64], memory: &[u8]) -> Vec<Viewed> {
        let mut pieces = Vec::new();
        let mut budget = caps::VIEWED_BYTES;
        for view in self.views.get(import).map_or(&[][..], Vec::as_slice) {
            let mut used = 0;
            view.pieces(arguments, memory, budget, &mut |address, bytes| {
                // BOUND: an iovec may describe IOVEC_BUFFERS pieces.
                if pieces.len() < caps::VIEWED_PIECES {
                    used += bytes.len();
                    pieces.push(Viewed { address, bytes: bytes.to_vec() });
                }
            });
            budget -= used.min(budget);
        }
        pieces
    }

    /// Serves the controller until it closes the open call.
    fn converse(
        &mut self,
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<Result<(), StopGuest>, LinkError> {
        loop {
            match self.receive()? {
                ToCell::Read { address, length } => {
                    let bytes = range(memory.bytes(), address, length as usize)?.to_vec();
                    self.send(&FromCell::Data { bytes })?;
                }
                ToCell::Write(change) => apply(memory, &change)?,
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
                ToCell::Return { writes, errno, results: values } => {
                    for change in &writes {
                        apply(memory, change)?;
                    }
                    if let Some(errno) = errno {
                        memory.set_errno(errno);
                    }
                    if values.len() != results.len() {
                        return Err(LinkError::Refused("a call was answered with a wrong number of results"));
                    }
                    results.copy_from_slice(&values);
                    return Ok(Ok(()));
                }
                ToCell::End => return Ok(Err(StopGuest::End)),
                _ => return Err(LinkError::Refused("a message that an open call does not allow")),
            }
        }
    }
}

impl External for Link {
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest> {
        let call = FromCell::Call {
            // Loading has checked the number of imports against a cap.
            signature: import as u32,
            memory_bytes: memory.bytes().len() as u64,
            arguments: arguments.to_vec(),
            viewed: self.viewed(import, arguments, memory.bytes()),
        };
        let outcome = self.send(&call).and_then(|()| self.converse(results, memory));
        interrupt::deliver_pending();
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                // Without its controller a guest has nobody to run for.
                let _ = self.fail(error.to_string());
                crate::leave(1);
            }
        }
    }
}

fn range(memory: &[u8], address: u32, length: usize) -> Result<&[u8], LinkError> {
    let start = address as usize;
    start
        .checked_add(length)
        .and_then(|end| memory.get(start..end))
        .ok_or(LinkError::Refused("a read beyond the guest's memory"))
}

fn apply(memory: &mut dyn GuestMemory, change: &Change) -> Result<(), LinkError> {
    let start = change.address as usize;
    let target = start.checked_add(change.bytes.len()).and_then(|end| memory.bytes_mut().get_mut(start..end));
    target.ok_or(LinkError::Refused("a write beyond the guest's memory"))?.copy_from_slice(&change.bytes);
    Ok(())
}
