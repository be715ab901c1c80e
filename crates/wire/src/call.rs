//! The frame of a call, written and read where it stands: the one frame that
//! matters for speed, beside its answer. It is the same frame as
//! [`FromCell::Call`](crate::FromCell::Call).

use crate::codec::{Reader, Writer};
use crate::pieces::{Pieces, check_pieces};
use crate::{View, WireError, caps};

/// The kind of a call's frame.
pub(crate) const KIND: u8 = 2;

/// How far a guest is with its interrupts, when it makes a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Those that came as signals since the last call, a bit a number.
    pub arrived: u64,
    /// Whether there is one that the guest has yet to take.
    pub interrupted: bool,
}

/// A call as it stands in its frame. Nothing of it is copied or reserved.
#[derive(Clone, Copy, Debug)]
pub struct CallFrame<'a> {
    /// Its number, which no other open call has.
    pub call: u32,
    /// Index into the hello's signatures.
    pub signature: u32,
    /// Bytes of the guest's memory now.
    pub memory_bytes: u64,
    /// How far the guest is with its interrupts.
    pub heard: Heard,
    arguments: &'a [[u8; 8]],
    viewed: Pieces<'a>,
}

impl<'a> CallFrame<'a> {
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
        let signature = reader.u32("signature")?;
        let memory_bytes = reader.u64("memory size")?;
        let heard =
            Heard { arrived: reader.u64("arrived interrupts")?, interrupted: reader.flag("interrupted")? };
        let arguments = reader.values("arguments", "argument")?;
        let viewed = check_pieces(
            &mut reader,
            ["viewed memory", "viewed address", "viewed bytes"],
            caps::VIEWED_PIECES,
            caps::VIEWED_BYTES,
        )?;
        reader.finish()?;
        Ok(Some(Self { call, signature, memory_bytes, heard, arguments, viewed }))
    }

    /// The raw arguments.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.arguments.iter().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// The guest memory that came along, each piece with its address.
    pub fn viewed(&self) -> Pieces<'a> {
        self.viewed
    }

    /// Appends the frame of a call of this number, with its length field, to `stream`: with the
    /// memory that the signature's `views` describe, as far as the caps allow.
    ///
    /// # Errors
    /// [`WireError::TooLong`] for too many arguments; `stream` is then as it was.
    pub fn encode(
        stream: &mut Vec<u8>,
        call: u32,
        signature: u32,
        heard: Heard,
        arguments: &[u64],
        memory: &[u8],
        views: &[View],
    ) -> Result<(), WireError> {
        let mut writer = Writer::new(stream, KIND);
        writer.u32(call);
        writer.u32(signature);
        writer.u64(memory.len() as u64);
        writer.u64(heard.arrived);
        writer.u8(u8::from(heard.interrupted));
        writer.list("arguments", arguments, caps::VALUES, |writer, value| writer.u64(*value));
        let count_at = writer.position();
        writer.u32(0);
        let mut count = 0;
        let mut budget = caps::VIEWED_BYTES;
        for view in views {
            let mut used = 0;
            view.pieces(arguments, memory, budget, &mut |address, bytes| {
                // BOUND: an iovec may describe IOVEC_BUFFERS pieces.
                if (count as usize) < caps::VIEWED_PIECES {
                    used += bytes.len();
                    count += 1;
                    writer.u32(address);
                    writer.bytes("viewed bytes", bytes, caps::VIEWED_BYTES);
                }
            });
            budget -= used.min(budget);
        }
        writer.set_u32(count_at, count);
        writer.finish()
    }
}
