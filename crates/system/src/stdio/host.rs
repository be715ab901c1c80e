//! A descriptor of the host as a standard stream: the same kind of thing to the guest that it
//! is there, with no more access than it has.

use super::file::{InheritedFile, StandardFile};
use super::{Budget, CHUNK, Standard};
use crate::files::{FileType, Metadata, Standing};
use crate::host::{HostStream, HostTerminal, Ready};
use crate::object::{Blocking, Interest, Object, Position, Terminal, Transfer};
use crate::rights::Rights;
use crate::wait::{Readiness, wait_for_any};
use crate::{Errno, Fault, Waiter, descriptors};
use std::io::SeekFrom;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes of a descriptor what the guest gets, which may do with it what `ways` (to read, to
/// write) and the descriptor both allow.
pub(super) fn standard(standing: Standing, ways: [bool; 2], budget: Arc<Budget>) -> Standard {
    let [readable, writable] = [ways[0] && standing.readable, ways[1] && standing.writable];
    let flags = if standing.appends { descriptors::flags::APPEND } else { 0 };
    let object: Arc<dyn Object> = match standing.is_file() {
        true => Arc::new(InheritedFile(Arc::new(StandardFile::new(standing, budget)))),
        false => Arc::new(StandardStream::new(standing, [readable, writable], budget)),
    };
    Standard { object, readable, writable, flags }
}

/// What is no file with content: a pipe, a terminal, a socket, a device.
struct StandardStream {
    standing: Standing,
    reader: Option<Mutex<HostStream>>,
    writer: Option<Mutex<HostStream>>,
    terminal: Option<HostTerminal>,
    budget: Arc<Budget>,
}

impl StandardStream {
    fn new(standing: Standing, [readable, writable]: [bool; 2], budget: Arc<Budget>) -> Self {
        let stream = |interest| Mutex::new(HostStream::new(standing.source().clone(), interest));
        let reader = readable.then(|| stream(Interest::Read));
        let writer = writable.then(|| stream(Interest::Write));
        let terminal = HostTerminal::of(standing.source());
        Self { standing, reader, writer, terminal, budget }
    }

    /// EAGAIN if it would wait and shall not.
    fn may_wait(&self, interest: Interest, blocking: Blocking, waiter: &Waiter) -> Result<(), Fault> {
        if blocking == Blocking::Wait {
            return Ok(());
        }
        let wanted = [(self.standing.source().clone(), interest)];
        match wait_for_any(waiter, &wanted, &[], Some(waiter.now()))? == [Ready::No] {
            true => Err(Errno::AGAIN.into()),
            false => Ok(()),
        }
    }
}

impl Object for StandardStream {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(self.standing.kind)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        let metadata = self.standing.metadata()?;
        // A pipe has none, whatever its kernel says of it.
        let size = if self.standing.kind == FileType::Fifo { 0 } else { metadata.size };
        Ok(Metadata { size, ..metadata })
    }

    /// A device in which one can seek is no terminal to wasi-libc, and neither is what it
    /// takes for one otherwise: see the trait's.
    fn rights(&self) -> Rights {
        match self.terminal {
            Some(_) => Rights::STREAM,
            None => Rights(Rights::STREAM.0 | Rights::FD_SEEK.0 | Rights::FD_TELL.0),
        }
    }

    /// A pipe or a terminal that is opened again is the same one. ENXIO for a socket.
    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        match self.standing.kind {
            FileType::SocketStream | FileType::SocketDatagram => Err(Errno::NXIO),
            _ => Ok(self),
        }
    }

    fn label(&self, number: u32) -> Result<String, Errno> {
        let metadata = Object::metadata(self, number)?;
        Ok(match (metadata.file_type, metadata.device_numbers) {
            (FileType::Fifo, _) => format!("pipe:[{}]", metadata.inode),
            (FileType::SocketStream | FileType::SocketDatagram, _) => format!("socket:[{}]", metadata.inode),
            (FileType::CharacterDevice, (5, 0)) => "/dev/tty".to_owned(),
            (FileType::CharacterDevice, (1, 3)) => "/dev/null".to_owned(),
            (FileType::CharacterDevice, (1, 5)) => "/dev/zero".to_owned(),
            (FileType::CharacterDevice, (1, 7)) => "/dev/full".to_owned(),
            (FileType::CharacterDevice, (1, 8)) => "/dev/random".to_owned(),
            (FileType::CharacterDevice, (1, 9)) => "/dev/urandom".to_owned(),
            // By which name it was opened on the host is not the guest's business.
            (_, _) => format!("file:[{}]", metadata.inode),
        })
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let reader = self.reader.as_ref().ok_or(Errno::BADF)?;
        if into.is_empty() {
            return Ok(0);
        }
        self.may_wait(Interest::Read, transfer.blocking, transfer.waiter)?;
        reader.lock().unwrap_or_else(PoisonError::into_inner).read(into, transfer.waiter)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let writer = self.writer.as_ref().ok_or(Errno::BADF)?;
        self.budget.write(from, |from| {
            self.may_wait(Interest::Write, transfer.blocking, transfer.waiter)?;
            writer.lock().unwrap_or_else(PoisonError::into_inner).write(from, transfer.waiter)
        })
    }

    fn position(&self) -> Result<Position, Errno> {
        if self.standing.seeks { Ok(Position::Ignored) } else { Err(Errno::SPIPE) }
    }

    fn seek(&self, _to: SeekFrom) -> Result<u64, Errno> {
        self.position().map(|_| 0)
    }

    fn read_at(&self, _offset: u64, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.position()?;
        self.read(into, transfer)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.position()?;
        self.budget.write_once(from, |from| self.standing.write_at(offset, from))
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        let has = match interest {
            Interest::Read => self.reader.is_some(),
            Interest::Write => self.writer.is_some(),
        };
        Ok(match has {
            true => Readiness::On(self.standing.source().clone()),
            // It fails at once, which is no wait.
            false => Readiness::Now { bytes: CHUNK as u64, hangup: false },
        })
    }

    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        Ok(self.terminal.as_ref().ok_or(Errno::NOTTY)?)
    }
}
