//! Standard input.

use super::pump::ReadPump;
use super::{OwnStream, Stream};
use crate::host::{Descriptor, HostStream, HostTerminal, Ready, Source};
use crate::object::{Blocking, Interest, Object, Terminal, Transfer};
use crate::wait::{Readiness, wait_for_any};
use crate::{Errno, Fault, Waiter};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a guest's standard input comes from.
#[derive(Default)]
pub enum Input {
    /// Nowhere: it ends at once.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A reader. It is read on a thread of its own, only when the guest asks, and
    /// no further than it asked, but for one chunk where the guest polls.
    Reader(Box<dyn Read + Send>),
    /// A stream of the user's own.
    Stream(Arc<dyn Stream>),
    /// A descriptor of the host: a pipe, a socket, a terminal, a file.
    Descriptor(Descriptor),
    /// The controller's own standard input. If that is a terminal, the guest sees
    /// one.
    Inherit,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "Empty",
            Self::Bytes(_) => "Bytes",
            Self::Reader(_) => "Reader",
            Self::Stream(_) => "Stream",
            Self::Descriptor(_) => "Descriptor",
            Self::Inherit => "Inherit",
        })
    }
}

enum From {
    Bytes { bytes: Vec<u8>, read: usize },
    Host(HostStream),
    Pump(ReadPump),
    Own(OwnStream),
}

/// Standard input, as descriptors hold it.
pub(crate) struct InputStream {
    from: Mutex<From>,
    terminal: Option<HostTerminal>,
}

impl InputStream {
    pub(crate) fn new(input: Input) -> Self {
        let host = |host| From::Host(HostStream::new(host, Interest::Read));
        let from = match input {
            Input::Empty => From::Bytes { bytes: Vec::new(), read: 0 },
            Input::Bytes(bytes) => From::Bytes { bytes, read: 0 },
            Input::Reader(reader) => From::Pump(ReadPump::new(reader)),
            Input::Stream(stream) => From::Own(OwnStream(stream)),
            Input::Descriptor(descriptor) => host(Source::new(descriptor)),
            Input::Inherit => host(Source::input()),
        };
        let terminal = match &from {
            From::Host(stream) => HostTerminal::of(stream.host()),
            _ => None,
        };
        Self { from: Mutex::new(from), terminal }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

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
            From::Host(stream) => stream.read(into, waiter),
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
            From::Host(stream) => Ok(Readiness::On(stream.host().clone())),
            From::Pump(pump) => pump.poll(),
            From::Own(stream) => stream.0.readiness(Interest::Read),
        }
    }
}

impl Object for InputStream {
    fn reopen(self: Arc<Self>) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.read(into, transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        self.readable()
    }

    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        Ok(self.terminal.as_ref().ok_or(Errno::NOTTY)?)
    }
}
