//! Standard output and error.

use super::pump::WritePump;
use super::{CHUNK, OwnStream, Stream};
use crate::host::{Descriptor, HostStream, HostTerminal, Ready, Source};
use crate::meter::{Charge, Meter};
use crate::object::{Blocking, Interest, Object, Terminal, Transfer};
use crate::wait::{Readiness, wait_for_any};
use crate::{Errno, Fault, LimitKind, Stop, Waiter};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a guest's standard output or error goes.
#[derive(Default)]
pub enum Output {
    /// Nowhere.
    #[default]
    Discard,
    /// Into this buffer. The output limit bounds it, and what may be kept for the
    /// program: it counts as long as it is in the buffer.
    Capture(Capture),
    /// To a writer, which is flushed after each write of the guest and written to
    /// on a thread of its own.
    Writer(Box<dyn Write + Send>),
    /// To a stream of the user's own.
    Stream(Arc<dyn Stream>),
    /// To a descriptor of the host: a pipe, a socket, a terminal, a file.
    Descriptor(Descriptor),
    /// To the controller's own standard output, or error. If that is a terminal,
    /// the guest sees one.
    Inherit,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Discard => "Discard",
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

/// What standard output and error may still write together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Option<u64>,
    written: Mutex<u64>,
}

impl Budget {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit, written: Mutex::default() }
    }

    pub(crate) fn written(&self) -> u64 {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> u64 {
        self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.written()))
    }

    fn spend(&self, count: usize) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = written.saturating_add(count as u64);
    }
}

enum Target {
    Discard,
    Capture(Capture),
    Pump(WritePump),
    Own(OwnStream),
    Host(HostStream),
}

/// Standard output or error, as descriptors hold it.
pub(crate) struct OutputStream {
    target: Mutex<Target>,
    budget: Arc<Budget>,
    meter: Arc<Meter>,
    terminal: Option<HostTerminal>,
}

impl OutputStream {
    /// `inherited` is the controller's stream that [`Output::Inherit`] means.
    pub(crate) fn new(output: Output, inherited: Source, budget: Arc<Budget>, meter: Arc<Meter>) -> Self {
        let host = |host| Target::Host(HostStream::new(host, Interest::Write));
        let target = match output {
            Output::Discard => Target::Discard,
            Output::Capture(capture) => Target::Capture(capture),
            Output::Writer(writer) => Target::Pump(WritePump::new(writer)),
            Output::Stream(stream) => Target::Own(OwnStream(stream)),
            Output::Descriptor(descriptor) => host(Source::new(descriptor)),
            Output::Inherit => host(inherited),
        };
        let terminal = match &target {
            Target::Host(stream) => HostTerminal::of(stream.host()),
            _ => None,
        };
        Self { target: Mutex::new(target), budget, meter, terminal }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Writes all of `from`, or up to where it is interrupted, or would wait and shall not.
    ///
    /// # Errors
    /// EAGAIN when not a byte could be written without waiting, EPIPE when no one reads any more; [`Stop::Limit`] once all that the
    /// limit allows is written and more was to be.
    fn write(&self, from: &[u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        let allowed = from.len().min(usize::try_from(self.budget.left()).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < allowed {
            let rest = &from[done..allowed];
            match self.write_some(rest, blocking, waiter) {
                Ok(count) => {
                    done += count;
                    self.budget.spend(count);
                }
                Err(Fault::Errno(Errno::INTR | Errno::AGAIN)) if done > 0 => return Ok(done),
                Err(fault) => return Err(fault),
            }
        }
        match self.budget.limit {
            Some(limit) if allowed < from.len() => Err(Stop::Limit(LimitKind::Output.at(limit)).into()),
            _ => Ok(done),
        }
    }

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
            Target::Host(stream) => {
                if blocking == Blocking::DoNotWait {
                    let wanted = [(stream.host().clone(), Interest::Write)];
                    if wait_for_any(waiter, &wanted, &[], Some(waiter.now()))? == [Ready::No] {
                        return Err(Errno::AGAIN.into());
                    }
                }
                stream.write(from, waiter)
            }
        }
    }
}

impl Object for OutputStream {
    fn reopen(self: Arc<Self>) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.write(from, transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(match &*self.target.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Host(stream) => Readiness::On(stream.host().clone()),
            Target::Own(stream) => stream.0.readiness(Interest::Write)?,
            _ => Readiness::Now { bytes: CHUNK as u64, hangup: false },
        })
    }

    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        Ok(self.terminal.as_ref().ok_or(Errno::NOTTY)?)
    }
}
