//! The frames that a controller sends.

use crate::codec::{Reader, Writer};
use crate::{OpenReturn, PROTOCOL_VERSION, ReturnFrame, Sent, View, WireError, answer, caps};

/// A frame from a controller to a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToCell {
    /// The answer to the hello: how the guest is to be held.
    Welcome {
        /// The protocol that the controller speaks.
        version: u16,
        /// What the guest may use.
        limits: GuestLimits,
        /// The exports through which the cell serves memory messages.
        hooks: Hooks,
        /// Views by index of their signature.
        views: Vec<(u32, Vec<View>)>,
    },
    /// Instantiates the module and calls these exports in order. They take no
    /// parameters; the results of the last one are sent in `Returned`.
    Run {
        /// Names of the exports.
        exports: Vec<String>,
    },
    /// Asks for guest memory; only while a call is open.
    Read {
        /// The call that is open.
        call: u32,
        /// Where it starts.
        address: u32,
        /// How many bytes.
        length: u32,
    },
    /// Changes guest memory; only while a call is open. It has no answer.
    Write {
        /// The call that is open.
        call: u32,
        /// The change.
        write: Write,
    },
    /// Calls the guest's own malloc; only while a call is open.
    Allocate {
        /// The call that is open.
        call: u32,
        /// How many bytes.
        size: u32,
    },
    /// Calls the guest's own free; only while a call is open. It has no answer.
    Free {
        /// The call that is open.
        call: u32,
        /// What `Allocated` gave.
        address: u32,
    },
    /// Closes a call: these writes first, then errno, then what has made it goes on
    /// with the results.
    Return {
        /// The call.
        call: u32,
        /// Changes to guest memory, applied in order.
        writes: Vec<Write>,
        /// What to set the guest's errno to, if anything.
        errno: Option<i32>,
        /// The interrupts that are on their way as signals, a bit a number. The
        /// guest goes on only when they have reached it.
        travelling: u64,
        /// The interrupts that come with this answer, a bit a number.
        interrupts: u64,
        /// The call's results; a 32-bit value is in the low half.
        results: Vec<u64>,
    },
    /// Ends the guest, whichever of its calls are open: an exit.
    End,
    /// Offers shared memory, whose descriptor comes with this frame. It is sent
    /// before the cell's process starts, or not at all.
    Offer {
        /// Bytes of each ring.
        ring_bytes: u32,
    },
    /// Makes the process a zygote, which holds no guest but forks cells. It is sent
    /// before the process starts, or not at all.
    Zygote {
        /// The pages that a forked cell writes to before it says hello, so that its
        /// guest need not wait for the copying of any of them.
        written: Vec<Pages>,
    },
    /// Has a zygote fork a cell, whose stream and pipe come with this frame.
    Fork,
}

/// Pages of guest memory that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// The number of the first one: its address divided by [`PAGE_BYTES`].
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// Bytes that one of [`Pages`] has.
pub const PAGE_BYTES: usize = 4096;

/// A change to guest memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where it starts.
    pub address: u32,
    /// What shall stand there.
    pub bytes: Vec<u8>,
}

impl Write {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.u32(self.address);
        writer.bytes("written bytes", &self.bytes, caps::TRANSFER_BYTES);
    }

    fn decode(reader: &mut Reader<'_>, cap: usize) -> Result<Self, WireError> {
        Ok(Self {
            address: reader.u32("written address")?,
            bytes: reader.bytes("written bytes", cap)?.to_vec(),
        })
    }
}

/// What a guest may use of its own cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestLimits {
    /// Bytes of linear memory, all memories together.
    pub memory_bytes: u64,
    /// Elements of all tables together.
    pub table_elements: u64,
}

/// Exports of the guest that serve the controller's memory messages. A guest
/// without one refuses the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `(size: i32) -> i32`: the guest's malloc.
    pub allocate: Option<String>,
    /// `(address: i32)`: the guest's free.
    pub free: Option<String>,
    /// `() -> i32`: the address of the guest's errno.
    pub errno_address: Option<String>,
    /// `() -> i32`: the address of a table of words that an interrupt sets: see
    /// docs/protocol.md.
    pub interrupt_table: Option<String>,
}

impl Hooks {
    fn encode(&self, writer: &mut Writer<'_>) {
        for name in [&self.allocate, &self.free, &self.errno_address, &self.interrupt_table] {
            writer.optional(name.as_ref(), |writer, name| writer.text("hook", name, caps::NAME_BYTES));
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut hook = || reader.optional("hook", |reader| reader.text("hook", caps::NAME_BYTES));
        Ok(Self { allocate: hook()?, free: hook()?, errno_address: hook()?, interrupt_table: hook()? })
    }
}

impl ToCell {
    /// Appends this frame, with its length field, to `stream`.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if a part is above its cap; `stream` is then as it
    /// was.
    pub fn encode(&self, stream: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Welcome { version, limits, hooks, views } => {
                let mut writer = Writer::new(stream, 1);
                writer.u16(*version);
                writer.u64(limits.memory_bytes);
                writer.u64(limits.table_elements);
                hooks.encode(&mut writer);
                writer.list("views", views, caps::SIGNATURES, |writer, (signature, views)| {
                    writer.u32(*signature);
                    writer
                        .list("views of a signature", views, caps::VIEWS, |writer, view| view.encode(writer));
                });
                writer.finish()
            }
            Self::Run { exports } => {
                let mut writer = Writer::new(stream, 2);
                writer.list("exports", exports, caps::RUN_EXPORTS, |writer, name| {
                    writer.text("export", name, caps::NAME_BYTES);
                });
                writer.finish()
            }
            Self::Read { call, address, length } => {
                let mut writer = Writer::new(stream, 3);
                writer.u32(*call);
                writer.u32(*address);
                writer.count("read length", *length as usize, caps::TRANSFER_BYTES);
                writer.finish()
            }
            Self::Write { call, write } => {
                let mut writer = Writer::new(stream, answer::WRITE_KIND);
                writer.u32(*call);
                write.encode(&mut writer);
                writer.finish()
            }
            Self::Allocate { call, size } => {
                let mut writer = Writer::new(stream, 5);
                writer.u32(*call);
                writer.u32(*size);
                writer.finish()
            }
            Self::Free { call, address } => {
                let mut writer = Writer::new(stream, 6);
                writer.u32(*call);
                writer.u32(*address);
                writer.finish()
            }
            Self::Return { call, writes, errno, travelling, interrupts, results } => {
                let mut open = OpenReturn::begin(stream, *call);
                for write in writes {
                    open.write(stream, write.address, &write.bytes);
                }
                let sent = Sent { travelling: *travelling, interrupts: *interrupts };
                open.finish(stream, *errno, sent, results)
            }
            Self::End => Writer::new(stream, 8).finish(),
            Self::Offer { ring_bytes } => {
                let mut writer = Writer::new(stream, 9);
                writer.u32(*ring_bytes);
                writer.finish()
            }
            Self::Zygote { written } => {
                let mut writer = Writer::new(stream, 10);
                writer.list("written pages", written, caps::WRITTEN_PAGES, |writer, pages| {
                    writer.u32(pages.first);
                    writer.u32(pages.count);
                });
                writer.finish()
            }
            Self::Fork => Writer::new(stream, 11).finish(),
        }
    }

    /// Reads one frame, given without its length field.
    ///
    /// # Errors
    /// What is wrong with it; see [`WireError`].
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        if let Some(answer) = ReturnFrame::decode(frame)? {
            return Ok(Self::Return {
                call: answer.call,
                writes: answer
                    .writes()
                    .map(|(address, bytes)| Write { address, bytes: bytes.to_vec() })
                    .collect(),
                errno: answer.errno,
                travelling: answer.sent.travelling,
                interrupts: answer.sent.interrupts,
                results: answer.results().collect(),
            });
        }
        let mut reader = Reader::new(frame);
        let message = match reader.u8("kind")? {
            1 => {
                let version = reader.u16("version")?;
                if version != PROTOCOL_VERSION {
                    return Err(WireError::Undefined { field: "version", value: u64::from(version) });
                }
                Self::Welcome {
                    version,
                    limits: GuestLimits {
                        memory_bytes: reader.u64("memory limit")?,
                        table_elements: reader.u64("table limit")?,
                    },
                    hooks: Hooks::decode(&mut reader)?,
                    views: reader.list("views", caps::SIGNATURES, |reader| {
                        let signature = reader.u32("signature")?;
                        let views = reader.list("views of a signature", caps::VIEWS, View::decode)?;
                        Ok((signature, views))
                    })?,
                }
            }
            2 => Self::Run {
                exports: reader
                    .list("exports", caps::RUN_EXPORTS, |reader| reader.text("export", caps::NAME_BYTES))?,
            },
            3 => Self::Read {
                call: reader.u32("call's number")?,
                address: reader.u32("read address")?,
                length: reader.count("read length", caps::TRANSFER_BYTES)? as u32,
            },
            4 => Self::Write {
                call: reader.u32("call's number")?,
                write: Write::decode(&mut reader, caps::TRANSFER_BYTES)?,
            },
            5 => Self::Allocate { call: reader.u32("call's number")?, size: reader.u32("size")? },
            6 => Self::Free { call: reader.u32("call's number")?, address: reader.u32("address")? },
            8 => Self::End,
            9 => Self::Offer { ring_bytes: reader.u32("ring size")? },
            10 => Self::Zygote {
                written: reader.list("written pages", caps::WRITTEN_PAGES, |reader| {
                    Ok(Pages { first: reader.u32("first page")?, count: reader.u32("pages")? })
                })?,
            },
            11 => Self::Fork,
            kind => return Err(WireError::Unknown { kind }),
        };
        reader.finish()?;
        Ok(message)
    }
}
