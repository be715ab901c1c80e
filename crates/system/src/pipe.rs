//! Pipes: both ends are in the same guest, in memory.

use crate::meter::{Charge, Meter};
use crate::object::{Interest, Object, Taking, Transfer};
use crate::streams::or_wait;
use crate::wait::Readiness;
use crate::{Errno, Fault};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that a pipe holds; Linux's default.
// BOUND: it is charged when the pipe is made.
pub(crate) const CAPACITY: usize = 64 << 10;

struct Pipe {
    bytes: VecDeque<u8>,
    reader_closed: bool,
    writer_closed: bool,
    _charge: Charge,
}

/// The end that reads.
pub(crate) struct PipeReader(Arc<Mutex<Pipe>>);

/// The end that writes.
pub(crate) struct PipeWriter(Arc<Mutex<Pipe>>);

/// Both ends of a new pipe; ENOMEM if the guest may have no more kept for it.
pub(crate) fn pipe(meter: &Arc<Meter>) -> Result<(PipeReader, PipeWriter), Errno> {
    let _charge = meter.hold(CAPACITY as u64)?;
    let pipe = Pipe { bytes: VecDeque::new(), reader_closed: false, writer_closed: false, _charge };
    let pipe = Arc::new(Mutex::new(pipe));
    Ok((PipeReader(Arc::clone(&pipe)), PipeWriter(pipe)))
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other end is of the same guest, which has one thread: what is not so now will
/// not be while it waits.
fn readiness(bytes: usize, hangup: bool) -> Readiness {
    match bytes > 0 || hangup {
        true => Readiness::Now { bytes: bytes as u64, hangup },
        false => Readiness::Never,
    }
}

impl PipeReader {
    /// Reads what is there; EAGAIN if that is nothing, 0 if nothing will come.
    pub(crate) fn try_read(&self, into: &mut [u8], taking: Taking) -> Result<usize, Errno> {
        let mut pipe = lock(&self.0);
        if into.is_empty() || pipe.reader_closed {
            return Ok(0);
        }
        if pipe.bytes.is_empty() {
            return if pipe.writer_closed { Ok(0) } else { Err(Errno::AGAIN) };
        }
        let count = into.len().min(pipe.bytes.len());
        for (target, byte) in into.iter_mut().zip(pipe.bytes.iter()) {
            *target = *byte;
        }
        if taking == Taking::Take {
            pipe.bytes.drain(..count);
        }
        Ok(count)
    }

    /// What polling for bytes finds.
    pub(crate) fn readable(&self) -> Readiness {
        let pipe = lock(&self.0);
        readiness(pipe.bytes.len(), pipe.writer_closed || pipe.reader_closed)
    }

    /// Ends reading.
    pub(crate) fn close(&self) {
        let mut pipe = lock(&self.0);
        pipe.reader_closed = true;
        pipe.bytes = VecDeque::new();
    }
}

impl PipeWriter {
    /// Writes what there is room for; EAGAIN if there is none, EPIPE if no one
    /// reads any more.
    pub(crate) fn try_write(&self, from: &[u8]) -> Result<usize, Errno> {
        let mut pipe = lock(&self.0);
        if pipe.reader_closed || pipe.writer_closed {
            return Err(Errno::PIPE);
        }
        let count = from.len().min(CAPACITY.saturating_sub(pipe.bytes.len()));
        if count == 0 && !from.is_empty() {
            return Err(Errno::AGAIN);
        }
        if pipe.bytes.capacity() == 0 && count > 0 {
            // As much as it ever holds: grown by and by it would become more.
            pipe.bytes.reserve_exact(CAPACITY);
        }
        pipe.bytes.extend(&from[..count]);
        Ok(count)
    }

    /// What polling for room finds.
    pub(crate) fn writable(&self) -> Readiness {
        let pipe = lock(&self.0);
        readiness(CAPACITY.saturating_sub(pipe.bytes.len()), pipe.reader_closed || pipe.writer_closed)
    }

    /// Ends writing.
    pub(crate) fn close(&self) {
        lock(&self.0).writer_closed = true;
    }
}

impl Object for PipeReader {
    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        or_wait(self.try_read(into, Taking::Take), transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(self.readable())
    }
}

impl Object for PipeWriter {
    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        or_wait(self.try_write(from), transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(self.writable())
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.close();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_pipe() -> (PipeReader, PipeWriter) {
        pipe(&Arc::new(Meter::new(CAPACITY as u64))).expect("it fits")
    }

    #[test]
    fn bytes_go_through_in_order_until_the_end() {
        let (reader, writer) = new_pipe();
        let mut bytes = [0; 4];
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Err(Errno::AGAIN));
        assert_eq!(writer.try_write(b"abcdef"), Ok(6));
        assert_eq!(reader.try_read(&mut bytes, Taking::Peek), Ok(4));
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(4));
        assert_eq!(&bytes, b"abcd");
        drop(writer);
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(2));
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(0));
    }

    #[test]
    fn a_full_pipe_takes_no_more_and_a_closed_one_breaks() {
        let (reader, writer) = new_pipe();
        assert_eq!(writer.try_write(&vec![0; CAPACITY + 1]), Ok(CAPACITY));
        assert_eq!(writer.try_write(&[0]), Err(Errno::AGAIN));
        assert!(matches!(writer.writable(), Readiness::Never));
        drop(reader);
        assert_eq!(writer.try_write(&[0]), Err(Errno::PIPE));
    }
}
