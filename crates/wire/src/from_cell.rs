//! The frames that a cell sends.

use crate::codec::{Reader, Writer};
use crate::{CallFrame, PROTOCOL_VERSION, Signature, WireError, call, caps};

/// The first bytes of a cell's hello, so that a peer that is no cell at all is
/// known as such.
const MAGIC: u32 = u32::from_le_bytes(*b"BGLS");

/// A frame from a cell to its controller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromCell {
    /// The first frame: what the cell's image imports, and the walls around it.
    Hello {
        /// The protocol that the cell speaks.
        version: u16,
        /// Whether the cell takes the shared memory that it was offered: all that
        /// follows goes through it, both ways.
        shared_memory: bool,
        /// Each import of the module, in the order that calls refer to.
        signatures: Vec<Signature>,
        /// What the operating system adds to the isolation of this cell.
        walls: Vec<Wall>,
    },
    /// The guest made an external call. What has made it stands still until the
    /// controller has sent the `Return` of this call, or `End`.
    Call {
        /// Its number, which no other open call has.
        call: u32,
        /// Index into the hello's signatures.
        signature: u32,
        /// Bytes of the guest's memory now, so that the controller can check
        /// pointers without asking.
        memory_bytes: u64,
        /// The interrupts that came as signals since the last call, a bit a number.
        arrived: u64,
        /// Whether there is an interrupt that the guest has yet to take.
        interrupted: bool,
        /// The raw arguments; a 32-bit value is in the low half.
        arguments: Vec<u64>,
        /// Guest memory that the signature's views describe.
        viewed: Vec<Viewed>,
    },
    /// The answer to `Read`.
    Data {
        /// The call for which it was asked.
        call: u32,
        /// The bytes that were asked for.
        bytes: Vec<u8>,
    },
    /// The answer to `Allocate`; an address of 0 means that the guest has no
    /// memory left.
    Allocated {
        /// The call for which it was asked.
        call: u32,
        /// Where the new memory starts.
        address: u32,
        /// Bytes of the guest's memory now.
        memory_bytes: u64,
    },
    /// The last export of `Run` returned. The cell's last frame.
    Returned {
        /// What it returned.
        results: Vec<u64>,
        /// What the run used.
        usage: Usage,
    },
    /// The guest was ended by a fault of its own. The cell's last frame.
    Trapped {
        /// What kind of fault.
        kind: TrapKind,
        /// A sentence about it.
        message: String,
        /// The guest's functions, innermost first, where they are known.
        backtrace: Vec<String>,
        /// What the run used.
        usage: Usage,
    },
    /// The guest was ended because the controller sent `End`. The cell's last
    /// frame.
    Ended {
        /// What the run used.
        usage: Usage,
    },
    /// The cell could not do its own part: a broken image, a message out of
    /// turn. The cell's last frame.
    Failed {
        /// A sentence about it.
        message: String,
    },
    /// A zygote has forked a cell.
    Forked {
        /// The number of its process.
        process: u32,
    },
    /// The guest cannot begin, because what it begins with is above its limits. The
    /// cell's last frame.
    NoRoom {
        /// Bytes of memory that it begins with.
        memory_bytes: u64,
        /// Elements of function tables that it begins with.
        table_elements: u64,
    },
}

/// A piece of guest memory that came with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewed {
    /// Where it starts in the guest's memory.
    pub address: u32,
    /// What stands there.
    pub bytes: Vec<u8>,
}

/// One thing that the operating system does, or does not do, to hold the cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wall {
    /// Its name: `no_new_privileges`, `landlock`, `system_call_filter`.
    pub name: String,
    /// Whether it is up.
    pub active: bool,
    /// Why it is not, or a detail.
    pub detail: String,
}

/// What kind of fault ended a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapKind {
    /// An `unreachable` instruction: what `abort()` compiles to.
    Unreachable,
    /// Memory accessed beyond its end.
    MemoryOutOfBounds,
    /// The native stack was used up.
    StackOverflow,
    /// A call through a function pointer of the wrong type, or none.
    BadFunctionPointer,
    /// An integer divided by zero, or an overflow in a conversion.
    Arithmetic,
    /// Anything else.
    Other,
}

impl TrapKind {
    const ALL: [Self; 6] = [
        Self::Unreachable,
        Self::MemoryOutOfBounds,
        Self::StackOverflow,
        Self::BadFunctionPointer,
        Self::Arithmetic,
        Self::Other,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Unreachable => 1,
            Self::MemoryOutOfBounds => 2,
            Self::StackOverflow => 3,
            Self::BadFunctionPointer => 4,
            Self::Arithmetic => 5,
            Self::Other => 6,
        }
    }
}

/// What a run used, as the cell counts it. A cell may lie: these numbers are
/// for reports, and no limit is held by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The greatest size of the guest's linear memory, in bytes.
    pub peak_memory_bytes: u64,
    /// Whether the guest asked for more memory than its limit at least once.
    pub memory_refused: bool,
    /// Whether a table of the guest was to grow beyond the limit at least once.
    pub table_refused: bool,
}

impl Usage {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.u64(self.peak_memory_bytes);
        writer.u8(u8::from(self.memory_refused));
        writer.u8(u8::from(self.table_refused));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            peak_memory_bytes: reader.u64("peak memory")?,
            memory_refused: reader.flag("memory refused")?,
            table_refused: reader.flag("table refused")?,
        })
    }
}

impl FromCell {
    /// Appends this frame, with its length field, to `stream`.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if a part is above its cap; `stream` is then as it
    /// was.
    pub fn encode(&self, stream: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Hello { version, shared_memory, signatures, walls } => {
                let mut writer = Writer::new(stream, 1);
                writer.u32(MAGIC);
                writer.u16(*version);
                writer.u8(u8::from(*shared_memory));
                writer.list("signatures", signatures, caps::SIGNATURES, |writer, one| one.encode(writer));
                writer.list("walls", walls, caps::WALLS, |writer, wall| {
                    writer.text("wall's name", &wall.name, caps::NAME_BYTES);
                    writer.u8(u8::from(wall.active));
                    writer.text("wall's detail", &wall.detail, caps::TEXT_BYTES);
                });
                writer.finish()
            }
            Self::Call { call, signature, memory_bytes, arrived, interrupted, arguments, viewed } => {
                let mut writer = Writer::new(stream, call::KIND);
                writer.u32(*call);
                writer.u32(*signature);
                writer.u64(*memory_bytes);
                writer.u64(*arrived);
                writer.u8(u8::from(*interrupted));
                writer.list("arguments", arguments, caps::VALUES, |writer, value| writer.u64(*value));
                writer.list("viewed memory", viewed, caps::VIEWED_PIECES, |writer, piece| {
                    writer.u32(piece.address);
                    writer.bytes("viewed bytes", &piece.bytes, caps::VIEWED_BYTES);
                });
                writer.finish()
            }
            Self::Data { call, bytes } => {
                let mut writer = Writer::new(stream, 3);
                writer.u32(*call);
                writer.bytes("data", bytes, caps::TRANSFER_BYTES);
                writer.finish()
            }
            Self::Allocated { call, address, memory_bytes } => {
                let mut writer = Writer::new(stream, 4);
                writer.u32(*call);
                writer.u32(*address);
                writer.u64(*memory_bytes);
                writer.finish()
            }
            Self::Returned { results, usage } => {
                let mut writer = Writer::new(stream, 5);
                writer.list("results", results, caps::VALUES, |writer, value| writer.u64(*value));
                usage.encode(&mut writer);
                writer.finish()
            }
            Self::Trapped { kind, message, backtrace, usage } => {
                let mut writer = Writer::new(stream, 6);
                writer.u8(kind.code());
                writer.text("trap's message", message, caps::TEXT_BYTES);
                writer.list("backtrace", backtrace, caps::BACKTRACE_LINES, |writer, line| {
                    writer.text("backtrace line", line, caps::NAME_BYTES);
                });
                usage.encode(&mut writer);
                writer.finish()
            }
            Self::Ended { usage } => {
                let mut writer = Writer::new(stream, 7);
                usage.encode(&mut writer);
                writer.finish()
            }
            Self::Failed { message } => {
                let mut writer = Writer::new(stream, 8);
                writer.text("failure's message", message, caps::TEXT_BYTES);
                writer.finish()
            }
            Self::Forked { process } => {
                let mut writer = Writer::new(stream, 9);
                writer.u32(*process);
                writer.finish()
            }
            Self::NoRoom { memory_bytes, table_elements } => {
                let mut writer = Writer::new(stream, 10);
                writer.u64(*memory_bytes);
                writer.u64(*table_elements);
                writer.finish()
            }
        }
    }

    /// Reads one frame, given without its length field.
    ///
    /// # Errors
    /// What is wrong with it; see [`WireError`].
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        if let Some(call) = CallFrame::decode(frame)? {
            return Ok(Self::Call {
                call: call.call,
                signature: call.signature,
                memory_bytes: call.memory_bytes,
                arrived: call.heard.arrived,
                interrupted: call.heard.interrupted,
                arguments: call.arguments().collect(),
                viewed: call
                    .viewed()
                    .map(|(address, bytes)| Viewed { address, bytes: bytes.to_vec() })
                    .collect(),
            });
        }
        let mut reader = Reader::new(frame);
        let message = match reader.u8("kind")? {
            1 => {
                let magic = reader.u32("magic number")?;
                if magic != MAGIC {
                    return Err(WireError::Undefined { field: "magic number", value: u64::from(magic) });
                }
                let version = reader.u16("version")?;
                if version != PROTOCOL_VERSION {
                    // What follows is of another version's shape.
                    let (signatures, walls) = Default::default();
                    return Ok(Self::Hello { version, shared_memory: false, signatures, walls });
                }
                Self::Hello {
                    version,
                    shared_memory: reader.flag("shared memory")?,
                    signatures: reader.list("signatures", caps::SIGNATURES, Signature::decode)?,
                    walls: reader.list("walls", caps::WALLS, |reader| {
                        Ok(Wall {
                            name: reader.text("wall's name", caps::NAME_BYTES)?,
                            active: reader.flag("wall's state")?,
                            detail: reader.text("wall's detail", caps::TEXT_BYTES)?,
                        })
                    })?,
                }
            }
            3 => Self::Data {
                call: reader.u32("call's number")?,
                bytes: reader.bytes("data", caps::TRANSFER_BYTES)?.to_vec(),
            },
            4 => Self::Allocated {
                call: reader.u32("call's number")?,
                address: reader.u32("address")?,
                memory_bytes: reader.u64("memory size")?,
            },
            5 => Self::Returned {
                results: reader.list("results", caps::VALUES, |reader| reader.u64("result"))?,
                usage: Usage::decode(&mut reader)?,
            },
            6 => {
                let code = reader.u8("trap's kind")?;
                let kind = TrapKind::ALL.into_iter().find(|kind| kind.code() == code);
                Self::Trapped {
                    kind: kind
                        .ok_or(WireError::Undefined { field: "trap's kind", value: u64::from(code) })?,
                    message: reader.text("trap's message", caps::TEXT_BYTES)?,
                    backtrace: reader.list("backtrace", caps::BACKTRACE_LINES, |reader| {
                        reader.text("backtrace line", caps::NAME_BYTES)
                    })?,
                    usage: Usage::decode(&mut reader)?,
                }
            }
            7 => Self::Ended { usage: Usage::decode(&mut reader)? },
            8 => Self::Failed { message: reader.text("failure's message", caps::TEXT_BYTES)? },
            9 => Self::Forked { process: reader.u32("process")? },
            10 => Self::NoRoom {
                memory_bytes: reader.u64("memory size")?,
                table_elements: reader.u64("table size")?,
            },
            kind => return Err(WireError::Unknown { kind }),
        };
        reader.finish()?;
        Ok(message)
    }
}
