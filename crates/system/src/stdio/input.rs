//! Standard input.

use super::host::{HostStream, Way};
use super::pump::ReadPump;
use super::{CHUNK, Readiness};
use crate::object::{Blocking, Interest, Object, Transfer};
use crate::wait::HostDescriptor;
use crate::{Errno, Fault, Waiter};
use rustix::event::PollFlags;
use std::io::Read;
use std::os::fd::OwnedFd;
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
    /// A descriptor of the host: a pipe, a socket, a terminal, a file.
    Descriptor(OwnedFd),
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
            Self::Descriptor(_) => "Descriptor",
            Self::Inherit => "Inherit",
        })
    }
}

enum Source {
    Bytes { bytes: Vec<u8>, read: usize },
    Host(HostStream),
    Pump(ReadPump),
}

/// Standard input, as descriptors hold it.
pub(crate) struct InputStream {
    source: Mutex<Source>,
    terminal: bool,
}

impl InputStream {
    pub(crate) fn new(input: Input) -> Self {
        let host = |host| Source::Host(HostStream::new(host, Way::In));
        let source = match input {
            Input::Empty => Source::Bytes { bytes: Vec::new(), read: 0 },
            Input::Bytes(bytes) => Source::Bytes { bytes, read: 0 },
            Input::Reader(reader) => Source::Pump(ReadPump::new(reader)),
            Input::Descriptor(descriptor) => host(HostDescriptor::Given(Arc::new(descriptor))),
            Input::Inherit => host(HostDescriptor::Inherited(rustix::stdio::stdin())),
        };
        let terminal = matches!(&source, Source::Host(stream) if rustix::termios::isatty(stream.host()));
        Self { source: Mutex::new(source), terminal }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Reads; 0 is the end.
    fn read(&self, into: &mut [u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        if into.is_empty() {
            return Ok(0);
        }
        if blocking == Blocking::DoNotWait
            && let Readiness::On(host) = self.readable()?
        {
            let now = Some(std::time::Instant::now());
            let ready = crate::wait::wait_for_any(waiter, &[(host, PollFlags::IN)], now)?;
            if ready.iter().all(|flags| flags.is_empty()) {
                return Err(Errno::AGAIN.into());
            }
        }
        match &mut *self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Bytes { bytes, read } => {
                let rest = &bytes[*read..];
                let count = rest.len().min(into.len());
                into[..count].copy_from_slice(&rest[..count]);
                *read += count;
                Ok(count)
            }
            Source::Host(stream) => stream.read(into, waiter),
            Source::Pump(pump) => pump.read(into, waiter),
        }
    }

    fn readable(&self) -> Result<Readiness, Errno> {
        match &mut *self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Bytes { bytes, read } => {
                let bytes = bytes.len() - *read;
                Ok(Readiness::Now { bytes: bytes as u64, hangup: bytes == 0 })
            }
            Source::Host(stream) => Ok(Readiness::On(stream.host().clone())),
            Source::Pump(pump) => Ok(match pump.poll()? {
                Ok(bytes) => Readiness::Now { bytes: bytes.min(CHUNK) as u64, hangup: false },
                Err(host) => Readiness::On(host),
            }),
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

    fn terminal(&self) -> Result<HostDescriptor, Errno> {
        match &*self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Host(stream) if self.terminal => Ok(stream.host().clone()),
            _ => Err(Errno::NOTTY),
        }
    }
}
