//! Sockets, of which there are only pairs: both ends are in the same guest, in memory.

use crate::files::FileType;
use crate::meter::Meter;
use crate::object::{Blocking, Interest, Object, Socket, Taking, Transfer, Ways};
use crate::pipe::{CAPACITY, PipeReader, PipeWriter, pipe};
use crate::rights::Rights;
use crate::streams::or_wait;
use crate::wait::Readiness;
use crate::{Errno, Fault, Waiter};
use std::sync::Arc;

/// wasi-libc's numbers of the family of local sockets, and of the kind of streams.
pub(crate) const UNIX: u32 = 3;
pub(crate) const STREAM: u32 = 6;

/// One of the two ends: a pipe each way.
pub(crate) struct PairedSocket {
    incoming: PipeReader,
    outgoing: PipeWriter,
}

/// Both ends of a new pair; ENOMEM if the guest may have no more kept for it.
pub(crate) fn pair(meter: &Arc<Meter>) -> Result<[PairedSocket; 2], Errno> {
    let ((one_in, other_out), (other_in, one_out)) = (pipe(meter)?, pipe(meter)?);
    let end = |incoming, outgoing| PairedSocket { incoming, outgoing };
    Ok([end(one_in, one_out), end(other_in, other_out)])
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
        Ok(match interest {
            Interest::Read => self.incoming.readable(),
            Interest::Write => self.outgoing.writable(),
        })
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
        or_wait(self.incoming.try_read(into, taking), blocking, waiter)
    }

    fn send(&self, from: &[u8], blocking: Blocking, waiter: &Waiter) -> Result<usize, Fault> {
        or_wait(self.outgoing.try_write(from), blocking, waiter)
    }

    fn shut_down(&self, ways: Ways) -> Result<(), Errno> {
        if ways != Ways::Sending {
            self.incoming.close();
        }
        if ways != Ways::Receiving {
            self.outgoing.close();
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
