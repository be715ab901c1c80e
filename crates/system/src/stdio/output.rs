//! Standard output and error.

use super::pump::WritePump;
use super::{Budget, CHUNK, OwnStream, Shared, Standard, Stream, host};
use crate::files::{Device, FileType, Metadata, Standing};
use crate::host::{Descriptor, Source};
use crate::meter::{Charge, Meter};
use crate::object::{Blocking, Interest, Object, Position, STREAMS_DEVICE, Transfer};
use crate::wait::Readiness;
use crate::{Errno, Fault, LimitKind, Stop, Waiter};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a guest's standard output or error goes.
#[derive(Default)]
pub enum Output {
    /// Nowhere, as /dev/null.
    #[default]
    Discard,
    /// None: the program begins without this descriptor.
    Closed,
    /// Into this buffer. The output limit bounds it, and what may be kept for the
    /// program: it counts as long as it is in the buffer.
    Capture(Capture),
    /// To a writer, which is flushed after each write of the guest and written to
    /// on a thread of its own.
    Writer(Box<dyn Write + Send>),
    /// To a stream of the user's own.
    Stream(Arc<dyn Stream>),
    /// To a descriptor of the host: a pipe, a socket, a terminal, a file. To the guest it is
    /// the same kind of thing; a file can be sought in, cut and written over, and whoever
    /// has it open by the same description shares its position. It is only written to,
    /// whatever else it allows.
    Descriptor(Descriptor),
    /// To the controller's own standard output, or error, as what it is and with the access
    /// that it has; from a terminal the guest reads so only if its standard input is one.
    /// Nowhere if the controller began without.
    Inherit,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Discard => "Discard",
            Self::Closed => "Closed",
            Self::Capture(_) => "Capture",
            Self::Writer(_) => "Writer",
            Self::Stream(_) => "Stream",
            Self::Descriptor(_) => "Descriptor",
            Self::Inherit => "Inherit",
        })
    }
}

/// A buffer that output goes into. Clones are the same buffer.
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    /// One of each run that writes here.
    charges: Vec<Charge>,
}

impl Capture {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of what it holds.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Takes out what it holds.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock()).bytes
    }

    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, from: &[u8], meter: &Arc<Meter>) -> Result<(), Stop> {
        let too_much = |_| Stop::Limit(LimitKind::ControllerMemory.at(meter.limit()));
        let charge = meter.hold(from.len() as u64).map_err(too_much)?;
        let mut captured = self.lock();
        captured.bytes.extend_from_slice(from);
        let mut rest = Some(charge);
        for other in &mut captured.charges {
            rest = rest.and_then(|charge| other.absorb(charge).err());
        }
        captured.charges.extend(rest);
        Ok(())
    }
}

/// Makes of an output what the guest gets; nothing if it is closed. `number` is the
/// controller's stream that [`Output::Inherit`] means.
pub(super) fn standard(output: Output, number: u32, shared: &Shared<'_>) -> Option<Standard> {
    let target = match output {
        Output::Closed => return None,
        Output::Inherit => return shared.inherited(number),
        Output::Descriptor(descriptor) => {
            let standing = Standing::look(Source::new(descriptor), shared.numbers).ok()?;
            return Some(host::standard(standing, [false, true], Arc::clone(shared.budget)));
        }
        Output::Discard => Target::Discard,
        Output::Capture(capture) => Target::Capture(capture),
        Output::Writer(writer) => Target::Pump(WritePump::new(writer)),
        Output::Stream(stream) => Target::Own(OwnStream(stream)),
    };
    let (budget, meter) = (Arc::clone(shared.budget), Arc::clone(shared.meter));
    let object = Arc::new(OutputStream { target: Mutex::new(target), budget, meter });
    Some(Standard { object, readable: false, writable: true, flags: 0 })
}

enum Target {
    Discard,
    Capture(Capture),
    Pump(WritePump),
    Own(OwnStream),
}

/// What the user takes of what is written: a pipe to the guest, or /dev/null.
struct OutputStream {
    target: Mutex<Target>,
    budget: Arc<Budget>,
    meter: Arc<Meter>,
}

impl OutputStream {
    fn write_some(&self, from: &[u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        match &mut *self.target.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Discard => Ok(from.len()),
            Target::Capture(capture) => {
                capture.write(from, &self.meter)?;
                Ok(from.len())
            }
            Target::Pump(pump) => {
                let from = &from[..from.len().min(CHUNK)];
                pump.write(from, waiter)?;
                Ok(from.len())
            }
            Target::Own(stream) => stream.write(from, blocking, waiter),
        }
    }

    fn is_null(&self) -> bool {
        matches!(*self.target.lock().unwrap_or_else(PoisonError::into_inner), Target::Discard)
    }
}

impl Object for OutputStream {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(if self.is_null() { FileType::CharacterDevice } else { FileType::Fifo })
    }

    fn metadata(&self, number: u32) -> Result<Metadata, Errno> {
        if self.is_null() {
            return Ok(Device::Null.metadata(Device::TREE));
        }
        let metadata = Metadata::read_only(STREAMS_DEVICE, u64::from(number) + 1, FileType::Fifo, 0);
        Ok(Metadata { permissions: 0o600, ..metadata })
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.budget.write(from, |from| self.write_some(from, transfer.blocking, transfer.waiter))
    }

    /// In /dev/null every place is the same.
    fn position(&self) -> Result<Position, Errno> {
        if self.is_null() { Ok(Position::Ignored) } else { Err(Errno::SPIPE) }
    }

    fn write_at(&self, _offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.position()?;
        self.budget.write_once(from, |from| Ok(from.len()))
    }

    fn label(&self, number: u32) -> Result<String, Errno> {
        match self.is_null() {
            true => Ok("/dev/null".to_owned()),
            false => Ok(format!("pipe:[{}]", Object::metadata(self, number)?.inode)),
        }
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(match &*self.target.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Own(stream) => stream.0.readiness(Interest::Write)?,
            _ => Readiness::Now { bytes: CHUNK as u64, hangup: false },
        })
    }
}
