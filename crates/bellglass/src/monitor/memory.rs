//! The memory of a guest in another process, while a call is open.

use super::calls::{Calls, Refused};
use super::link::{Link, LinkError, Received};
use bellglass_system::{Memory, MemoryError};
use bellglass_wire::{CallFrame, ConversationState, FromCell, OpenReturn, Pieces, Sent, ToCell, caps, range};

/// Places that a call may write to before none of its views is believed in any
/// more: a handler that writes more than that seldom reads.
const WRITTEN_PLACES: usize = 64;

/// Bytes of one step through a text of which no view is there.
const TEXT_STEP: usize = 256;

/// Reads come from what the call's views brought, and else by message; writes go
/// straight into the frame that will close the call.
pub(crate) struct RemoteMemory<'a> {
    link: &'a mut Link,
    /// The number of the call.
    call: u32,
    /// The calls that are open, of which more may come.
    calls: &'a mut Calls,
    size: u64,
    /// The size that it can grow to.
    limit: u64,
    /// Whether the image names a malloc and a free.
    allocator: bool,
    views: Views<'a>,
    /// The frame that will close the call, once something stands in it.
    answer: Option<OpenReturn>,
    /// Why nothing more can be had of the memory, beside what the link says.
    lost: Option<Lost>,
}

/// How large a guest's memory is.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// Bytes of it now, as the cell has told.
    pub(crate) size: u64,
    /// Bytes that it can grow to.
    pub(crate) limit: u64,
}

/// Why a guest's memory cannot be reached any more.
#[derive(Debug)]
pub(crate) enum Lost {
    /// What the cell did wrong.
    Breach(String),
    /// The guest has ended, with this last frame.
    Last(FromCell),
    /// The controller may keep no more for the guest.
    Full {
        /// The limit, in bytes.
        limit: u64,
    },
}

/// What came with the call, as far as it is still what stands in the memory.
struct Views<'a> {
    pieces: Pieces<'a>,
    /// Where the last piece was found: reads go through the pieces in order.
    cursor: Pieces<'a>,
    /// Starts and ends of what was written since.
    written: &'a mut Vec<(u64, u64)>,
    are_stale: bool,
}

impl<'a> Views<'a> {
    /// The viewed bytes from `address` on, at least `length`.
    fn at(&mut self, address: u32, length: usize) -> Option<&'a [u8]> {
        let (start, end) = (u64::from(address), u64::from(address) + length as u64);
        if self.are_stale || self.written.iter().any(|(from, to)| start < *to && *from < end) {
            return None;
        }
        for mut rest in [self.cursor, self.pieces] {
            loop {
                let here = rest;
                let Some((piece, bytes)) = rest.next() else { break };
                let offset = address.checked_sub(piece).map(|offset| offset as usize);
                let found =
                    offset.and_then(|offset| bytes.get(offset..)).filter(|found| found.len() >= length);
                if found.is_some() {
                    self.cursor = here;
                    return found;
                }
            }
        }
        None
    }

    fn note_write(&mut self, address: u32, length: usize) {
        if self.written.len() >= WRITTEN_PLACES {
            self.are_stale = true;
        } else {
            self.written.push((u64::from(address), u64::from(address) + length as u64));
        }
    }
}

impl<'a> RemoteMemory<'a> {
    /// The memory during the call of this number, that brought these pieces.
    /// `written` is room that is used again from call to call.
    pub(crate) fn new(
        link: &'a mut Link,
        call: u32,
        calls: &'a mut Calls,
        extent: Extent,
        allocator: bool,
        pieces: Pieces<'a>,
        written: &'a mut Vec<(u64, u64)>,
    ) -> Self {
        written.clear();
        let Extent { size, limit } = extent;
        let views = Views { pieces, cursor: pieces, written, are_stale: false };
        Self { link, call, calls, size, limit, allocator, views, answer: None, lost: None }
    }

    /// Closes the call: sends what was written and these results.
    pub(crate) fn answer(self, errno: Option<i32>, sent: Sent, results: &[u64]) -> Result<(), LinkError> {
        self.calls.close(self.call);
        let answer = self.answer.unwrap_or_else(|| OpenReturn::begin(self.link.outgoing(), self.call));
        answer.finish(self.link.outgoing(), errno, sent, results)?;
        self.link.flush()
    }

    /// Has what was written so far written now: the call stays open.
    pub(crate) fn leave_open(mut self) -> Result<(), LinkError> {
        match self.queue_writes() {
            Ok(()) => self.link.flush(),
            Err(_) => Err(LinkError::Breach("a write is above its cap")),
        }
    }

    /// Forgets what was written: the guest does not go on. Gives back why its memory
    /// was lost, if it was, beside what the link says.
    pub(crate) fn abandon(self) -> Option<Lost> {
        if let Some(answer) = self.answer {
            answer.abandon(self.link.outgoing());
        }
        self.lost
    }

    /// Whether the run is over, whatever the handler makes of it.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    fn check(&self, address: u32, length: usize) -> Result<(), MemoryError> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let outside = MemoryError::OutOfBounds { address, length: length as u64, size: self.size };
        range(size, address, length).map(|_| ()).ok_or(outside)
    }

    /// Makes frames of their own of the waiting writes, so that what is asked next
    /// comes after them.
    fn queue_writes(&mut self) -> Result<(), MemoryError> {
        match self.answer.take() {
            None => Ok(()),
            Some(answer) => answer.into_writes(self.link.outgoing()).map_err(|_| MemoryError::Lost),
        }
    }

    /// Asks the cell something, and hears calls of other threads of the guest until it
    /// has answered.
    fn ask(&mut self, question: &ToCell, state: ConversationState) -> Result<FromCell, MemoryError> {
        self.queue_writes()?;
        let asked = self.link.queue(question).and_then(|()| self.link.flush());
        asked.map_err(|_| MemoryError::Lost)?;
        // BOUND: the cap of open calls, and the deadline, which each look at the link
        // has.
        loop {
            match self.link.next(state).map_err(|_| MemoryError::Lost)? {
                Received::Call => self.defer()?,
                Received::Message(
                    answer @ (FromCell::Data { call, .. } | FromCell::Allocated { call, .. }),
                ) => {
                    if call == self.call {
                        return Ok(answer);
                    }
                    let asked = self.call;
                    return Err(
                        self.breaks(format!("the cell answered for call {call} what call {asked} had asked"))
                    );
                }
                Received::Message(last) => return Err(self.loses(Lost::Last(last))),
            }
        }
    }

    /// Keeps a call that has come meanwhile.
    fn defer(&mut self) -> Result<(), MemoryError> {
        let frame = self.link.take_call();
        let call = match CallFrame::decode(&frame) {
            Ok(Some(call)) => call,
            Ok(None) => return Err(self.breaks("the cell sent no call".to_owned())),
            Err(error) => return Err(self.breaks(LinkError::from(error).to_string())),
        };
        let number = call.call;
        if let Some(lie) = lie_about_size(call.memory_bytes, self.size, self.limit) {
            return Err(self.breaks(lie));
        }
        match self.calls.defer(number, frame) {
            Ok(()) => Ok(()),
            Err(Refused::Breach(reason)) => Err(self.breaks(reason)),
            Err(Refused::Full { limit }) => Err(self.loses(Lost::Full { limit })),
        }
    }

    fn loses(&mut self, lost: Lost) -> MemoryError {
        self.lost.get_or_insert(lost);
        MemoryError::Lost
    }

    fn breaks(&mut self, reason: String) -> MemoryError {
        self.loses(Lost::Breach(reason))
    }

    fn read_piece(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        if let Some(bytes) = self.views.at(address, into.len()).and_then(|bytes| bytes.get(..into.len())) {
            into.copy_from_slice(bytes);
            return Ok(());
        }
        // The caller cuts pieces to the cap, which fits in 32 bits.
        let question = ToCell::Read { call: self.call, address, length: into.len() as u32 };
        match self.ask(&question, ConversationState::Reading)? {
            FromCell::Data { bytes, .. } if bytes.len() == into.len() => {
                into.copy_from_slice(&bytes);
                Ok(())
            }
            _ => Err(self.breaks("it sent another amount of memory than was asked for".to_owned())),
        }
    }
}

/// What is wrong with the size of memory that a cell claims, if anything: it never
/// shrinks, and the cell itself keeps it from growing beyond its limit.
pub(crate) fn lie_about_size(claimed: u64, before: u64, limit: u64) -> Option<String> {
    if claimed > limit {
        return Some(format!("the cell claims a memory of {claimed} bytes, with a limit of {limit}"));
    }
    let shrunk = claimed < before;
    shrunk.then(|| format!("the cell claims that its memory shrank from {before} to {claimed} bytes"))
}

impl Memory for RemoteMemory<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        self.check(address, into.len())?;
        let mut at = address;
        for piece in into.chunks_mut(caps::TRANSFER_BYTES) {
            self.read_piece(at, piece)?;
            at = at.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    fn read_text(&mut self, address: u32, most: usize, into: &mut Vec<u8>) -> Result<bool, MemoryError> {
        self.check(address, 0)?;
        // A view of a text ends with its zero byte.
        if let Some(viewed) = self.views.at(address, 1) {
            let length = viewed.iter().take(most).position(|byte| *byte == 0);
            // What was written since may be anywhere in it.
            if let Some(length) = length
                && self.views.at(address, length + 1).is_some()
            {
                into.extend_from_slice(&viewed[..length]);
                return Ok(true);
            }
        }
        bellglass_system::read_text_in_steps(self, address, most, TEXT_STEP, into)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        self.check(address, bytes.len())?;
        self.views.note_write(address, bytes.len());
        let mut at = address;
        for piece in bytes.chunks(caps::TRANSFER_BYTES) {
            if self.answer.is_some_and(|answer| !answer.has_room(piece.len())) {
                self.queue_writes()?;
                // Not kept until the call is answered: they may be many.
                self.link.flush().map_err(|_| MemoryError::Lost)?;
            }
            let answer =
                self.answer.get_or_insert_with(|| OpenReturn::begin(self.link.outgoing(), self.call));
            answer.write(self.link.outgoing(), at, piece);
            at = at.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    fn allocate(&mut self, size: u32) -> Result<u32, MemoryError> {
        if !self.allocator {
            return Err(MemoryError::Unsupported);
        }
        match self.ask(&ToCell::Allocate { call: self.call, size }, ConversationState::Allocating)? {
            FromCell::Allocated { address, memory_bytes, .. } => {
                if let Some(lie) = lie_about_size(memory_bytes, self.size, self.limit) {
                    return Err(self.breaks(lie));
                }
                // The guest's malloc is the guest's code: what it returns is
                // checked at each use, like any other pointer of the guest, and
                // it may have changed any memory.
                self.size = memory_bytes;
                self.views.are_stale = true;
                if address == 0 { Err(MemoryError::Exhausted { size }) } else { Ok(address) }
            }
            // No other answer is permitted now.
            _ => Err(MemoryError::Lost),
        }
    }

    fn free(&mut self, address: u32) -> Result<(), MemoryError> {
        if !self.allocator {
            return Err(MemoryError::Unsupported);
        }
        self.queue_writes()?;
        self.views.are_stale = true;
        self.link.queue(&ToCell::Free { call: self.call, address }).map_err(|_| MemoryError::Lost)
    }
}
