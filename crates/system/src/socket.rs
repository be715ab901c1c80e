//! Sockets, of which there are only pairs: both ends are in the same guest, in memory.

use crate::files::FileType;
use crate::meter::Meter;
use crate::object::{Blocking, Interest, Object, Socket, Taking, Transfer, Ways};
use crate::pipe::{CAPACITY, PipeEnd, pipe};
use crate::rights::Rights;
use crate::wait::{Readiness, retry};
use crate::{Errno, Fault, Waiter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// wasi-libc's numbers of the family of local sockets, and of the kind of streams.
pub(crate) const UNIX: u32 = 3;
pub(crate) const STREAM: u32 = 6;

/// One of the two ends: a pipe each way, until it is shut down.
pub(crate) struct PairedSocket {
    incoming: Mutex<Option<PipeEnd>>,
    outgoing: Mutex<Option<PipeEnd>>,
}

/// Both ends of a new pair; ENOMEM if the guest may have no more kept for it.
pub(crate) fn pair(meter: &Arc<Meter>) -> Result<[PairedSocket; 2], Errno> {
    let ([one_in, other_out], [other_in, one_out]) = (pipe(meter, 0)?, pipe(meter, 0)?);
    let end = |incoming, outgoing| PairedSocket {
        incoming: Mutex::new(Some(incoming)),
        outgoing: Mutex::new(Some(outgoing)),
    };
    Ok([end(one_in, one_out), end(other_in, other_out)])
}

fn lock(end: &Mutex<Option<PipeEnd>>) -> MutexGuard<'_, Option<PipeEnd>> {
    end.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Object for PairedSocket {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::SocketStream)
    }

    fn rights(&self) -> Rights {
        Rights::STREAM
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.receive(into, Taking::Take, transfer.blocking, transfer.waiter)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.send(from, transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        let end = if interest == Interest::Read { &self.incoming } else { &self.outgoing };
        let shut = Readiness::Now { bytes: 0, hangup: true };
        Ok(lock(end).as_ref().map_or(shut, |end| end.look(interest)))
    }

    fn socket(&self) -> Result<&dyn Socket, Errno> {
        Ok(self)
    }
}

impl Socket for PairedSocket {
    fn receive(
        &self,
        into: &mut [u8],
        taking: Taking,
        blocking: Blocking,
        waiter: &Waiter,
    ) -> Result<usize, Fault> {
        let read = || lock(&self.incoming).as_ref().map_or(Ok(0), |end| end.try_read(into, taking));
        retry(blocking, Interest::Read, waiter, read, |interest| self.readiness(interest, 0))
    }

    fn send(&self, from: &[u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        let outgoing = || lock(&self.outgoing);
        let write = || outgoing().as_ref().map_or(Err(Errno::PIPE), |end| end.try_write(from, false));
        retry(blocking, Interest::Write, waiter, write, |interest| self.readiness(interest, 0))
    }

    fn shut_down(&self, ways: Ways) -> Result<(), Errno> {
        if ways != Ways::Sending {
            *lock(&self.incoming) = None;
        }
        if ways != Ways::Receiving {
            *lock(&self.outgoing) = None;
        }
        Ok(())
    }

    fn option(&self, option: u32) -> Result<u32, Errno> {
        Ok(match option {
            // Type, domain.
            3 => STREAM,
            39 => UNIX,
            // Buffers.
            7 | 8 => CAPACITY as u32,
            // Low-water marks.
            18 | 19 => 1,
            // Address reuse, error, broadcast, keep-alive, whether it listens,
            // protocol.
            2 | 4 | 6 | 9 | 30 | 38 => 0,
            _ => return Err(Errno::NOPROTOOPT),
        })
    }

    /// What changes nothing for a pair is taken.
    fn set_option(&self, option: u32) -> Result<(), Errno> {
        match option {
            2 | 6 | 7 | 8 | 9 | 15 => Ok(()),
            _ => Err(Errno::NOPROTOOPT),
        }
    }
}
