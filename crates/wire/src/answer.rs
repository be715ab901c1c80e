//! The frame that closes a call, written and read where it stands. It is the same
//! frame as [`ToCell::Return`](crate::ToCell::Return).

use crate::codec::{Reader, Writer};
use crate::pieces::{Pieces, check_pieces};
use crate::{WireError, caps};

/// The kind of the frame that closes a call.
pub(crate) const KIND: u8 = 7;

/// The kind of a frame that writes to memory while the call stays open.
pub(crate) const WRITE_KIND: u8 = 4;

/// The interrupts that a guest gets when its call is closed, a bit a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Those on their way as signals, which the guest waits for.
    pub travelling: u64,
    /// Those that come with the answer.
    pub interrupts: u64,
}

/// The answer to a call as it stands in its frame. Nothing of it is copied or
/// reserved.
#[derive(Clone, Copy, Debug)]
pub struct ReturnFrame<'a> {
    /// The call that it closes.
    pub call: u32,
    /// What to set the guest's errno to, if anything.
    pub errno: Option<i32>,
    /// The interrupts that the guest gets.
    pub sent: Sent,
    writes: Pieces<'a>,
    results: &'a [[u8; 8]],
}

impl<'a> ReturnFrame<'a> {
    /// Reads a frame, given without its length field; `None` if it is of another
    /// kind.
    ///
    /// # Errors
    /// What is wrong with it; see [`WireError`].
    pub fn decode(frame: &'a [u8]) -> Result<Option<Self>, WireError> {
        let mut reader = Reader::new(frame);
        if reader.u8("kind")? != KIND {
            return Ok(None);
        }
        let call = reader.u32("call's number")?;
        let writes = check_pieces(
            &mut reader,
            ["writes", "written address", "written bytes"],
            caps::WRITES,
            caps::TRANSFER_BYTES,
        )?;
        let errno = reader.optional("errno", |reader| reader.u32("errno").map(|value| value as i32))?;
        let sent =
            Sent { travelling: reader.u64("travelling interrupts")?, interrupts: reader.u64("interrupts")? };
        let results = reader.values("results", "result")?;
        reader.finish()?;
        Ok(Some(Self { call, errno, sent, writes, results }))
    }

    /// The changes to guest memory, in order.
    pub fn writes(&self) -> Pieces<'a> {
        self.writes
    }

    /// The call's results.
    pub fn results(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.results.iter().map(|bytes| u64::from_le_bytes(*bytes))
    }
}

/// The answer to a call while it is being written: it grows at the end of a
/// stream, which is handed to each method and gets nothing else meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct OpenReturn {
    call: u32,
    /// Where the frame starts in the stream.
    start: usize,
    writes: u32,
    written_bytes: usize,
}

impl OpenReturn {
    /// Where the number of writes stands: behind length, kind, and the call's number.
    const COUNT_AT: usize = 9;

    /// Bytes before the first write.
    const HEAD_BYTES: usize = Self::COUNT_AT + 4;

    /// Begins the frame that closes this call, at the end of `stream`.
    pub fn begin(stream: &mut Vec<u8>, call: u32) -> Self {
        let start = stream.len();
        let [a, b, c, d] = call.to_le_bytes();
        stream.extend_from_slice(&[0, 0, 0, 0, KIND, a, b, c, d, 0, 0, 0, 0]);
        Self { call, start, writes: 0, written_bytes: 0 }
    }

    /// Whether the caps leave room for a write of so many bytes.
    pub fn has_room(&self, bytes: usize) -> bool {
        (self.writes as usize) < caps::WRITES && self.written_bytes + bytes <= caps::TRANSFER_BYTES
    }

    /// Adds a change to guest memory. Whoever passes a cap is told by
    /// [`finish`](Self::finish).
    pub fn write(&mut self, stream: &mut Vec<u8>, address: u32, bytes: &[u8]) {
        // What does not fit in 32 bits is far above the cap, and never sent.
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        stream.extend_from_slice(&address.to_le_bytes());
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(bytes);
        self.writes = self.writes.saturating_add(1);
        self.written_bytes = self.written_bytes.saturating_add(bytes.len());
    }

    /// Closes the frame.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if a cap was passed; the frame is taken back then.
    pub fn finish(
        self,
        stream: &mut Vec<u8>,
        errno: Option<i32>,
        sent: Sent,
        results: &[u64],
    ) -> Result<(), WireError> {
        let count_at = self.start + Self::COUNT_AT;
        let mut writer = Writer::resume(stream, self.start);
        writer.set_u32(count_at, self.writes);
        writer.check("writes", self.writes as usize, caps::WRITES);
        writer.check("written bytes", self.written_bytes, caps::TRANSFER_BYTES);
        writer.optional(errno.as_ref(), |writer, errno| writer.u32(*errno as u32));
        writer.u64(sent.travelling);
        writer.u64(sent.interrupts);
        writer.list("results", results, caps::VALUES, |writer, value| writer.u64(*value));
        writer.finish()
    }

    /// Turns what was written so far into frames of their own, which leave the
    /// call open: for what must be carried out before a question.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if a cap was passed; nothing is left in the stream
    /// then.
    pub fn into_writes(self, stream: &mut Vec<u8>) -> Result<(), WireError> {
        let frame = stream.split_off(self.start);
        let body = frame.get(Self::HEAD_BYTES..).unwrap_or(&[]);
        let mut reader = Reader::new(body);
        for _ in 0..self.writes {
            let address = reader.u32("written address")?;
            let bytes = reader.bytes("written bytes", caps::TRANSFER_BYTES)?;
            let mut writer = Writer::new(stream, WRITE_KIND);
            writer.u32(self.call);
            writer.u32(address);
            writer.bytes("written bytes", bytes, caps::TRANSFER_BYTES);
            writer.finish()?;
        }
        Ok(())
    }

    /// Takes the frame out of the stream again.
    pub fn abandon(self, stream: &mut Vec<u8>) {
        stream.truncate(self.start);
    }
}
