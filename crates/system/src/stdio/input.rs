//! Standard input.

use super::pump::ReadPump;
use super::{OwnStream, Shared, Standard, Stream, host};
use crate::files::{Device, FileType, Standing};
use crate::host::{Descriptor, Ready, Source};
use crate::object::{Blocking, Interest, Object, Transfer};
use crate::wait::{Readiness, wait_for_any};
use crate::{Errno, Fault, Waiter};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a guest's standard input comes from.
#[derive(Default)]
pub enum Input {
    /// Nowhere: it ends at once, as /dev/null does.
    #[default]
    Empty,
    /// None: the program begins without descriptor 0.
    Closed,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A reader. It is read on a thread of its own, only when the guest asks, and
    /// no further than it asked, but for one chunk where the guest polls.
    Reader(Box<dyn Read + Send>),
    /// A stream of the user's own.
    Stream(Arc<dyn Stream>),
    /// A descriptor of the host: a pipe, a socket, a terminal, a file. To the guest it is the
    /// same kind of thing; a file can be sought in, and whoever has it open by the same
    /// description shares its position. It is only read from, whatever else it allows.
    Descriptor(Descriptor),
    /// The controller's own standard input, as what it is and with the access that it has: a
    /// terminal that is open both ways can be written to as well. Nothing if the controller
    /// began without.
    Inherit,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "Empty",
            Self::Closed => "Closed",
            Self::Bytes(_) => "Bytes",
            Self::Reader(_) => "Reader",
            Self::Stream(_) => "Stream",
            Self::Descriptor(_) => "Descriptor",
            Self::Inherit => "Inherit",
        })
    }
}

/// Makes of an input what the guest gets; nothing if it is closed.
pub(super) fn standard(input: Input, shared: &Shared<'_>) -> Option<Standard> {
    let from = match input {
        Input::Closed => return None,
        Input::Inherit => return shared.inherited(0),
        Input::Descriptor(descriptor) => {
            let standing = Standing::look(Source::new(descriptor), shared.numbers).ok()?;
            return Some(host::standard(standing, [true, false], Arc::clone(shared.budget)));
        }
        Input::Empty => return Some(to_read(Arc::new(Device::Null))),
        Input::Bytes(bytes) => From::Bytes { bytes, read: 0 },
        Input::Reader(reader) => From::Pump(ReadPump::new(reader)),
        Input::Stream(stream) => From::Own(OwnStream(stream)),
    };
    Some(to_read(Arc::new(InputStream { from: Mutex::new(from) })))
}

fn to_read(object: Arc<dyn Object>) -> Standard {
    Standard { object, readable: true, writable: false, flags: 0 }
}

enum From {
    Bytes { bytes: Vec<u8>, read: usize },
    Pump(ReadPump),
    Own(OwnStream),
}

/// What the user gives to be read, which is a pipe to the guest.
struct InputStream {
    from: Mutex<From>,
}

impl InputStream {
    /// Reads; 0 is the end.
    fn read(&self, into: &mut [u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        if into.is_empty() {
            return Ok(0);
        }
        if blocking == Blocking::DoNotWait {
            let now = Some(waiter.now());
            let ready = match self.readable()? {
                Readiness::On(source) => wait_for_any(waiter, &[(source, Interest::Read)], &[], now)?,
                Readiness::When(listener) => {
                    wait_for_any(waiter, &[], &[listener], now)?;
                    vec![Ready::No]
                }
                Readiness::Now { .. } | Readiness::Never => vec![Ready::Yes],
            };
            if ready == [Ready::No] {
                return Err(Errno::AGAIN.into());
            }
        }
        match &mut *self.from.lock().unwrap_or_else(PoisonError::into_inner) {
            From::Bytes { bytes, read } => {
                let rest = &bytes[*read..];
                let count = rest.len().min(into.len());
                into[..count].copy_from_slice(&rest[..count]);
                *read += count;
                Ok(count)
            }
            From::Pump(pump) => pump.read(into, waiter),
            From::Own(stream) => stream.read(into, blocking, waiter),
        }
    }

    fn readable(&self) -> Result<Readiness, Errno> {
        match &mut *self.from.lock().unwrap_or_else(PoisonError::into_inner) {
            From::Bytes { bytes, read } => {
                let bytes = bytes.len() - *read;
                Ok(Readiness::Now { bytes: bytes as u64, hangup: bytes == 0 })
            }
            From::Pump(pump) => pump.poll(),
            From::Own(stream) => stream.0.readiness(Interest::Read),
        }
    }
}

impl Object for InputStream {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Fifo)
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.read(into, transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        self.readable()
    }
}
