//! A counter that one waits for: eventfd.

use crate::files::FileType;
use crate::meter::{Charge, Meter};
use crate::object::{Interest, Object, Position, Transfer};
use crate::poll::{Look, Polled, events};
use crate::wait::{Readiness, WaitQueue, retry};
use crate::{Errno, Fault};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that it takes.
const COUNTER_BYTES: u64 = 256;

/// The greatest count, so that the one above stands for an overflow that never comes.
const MOST: u64 = u64::MAX - 1;

pub(crate) struct EventCounter {
    serial: u64,
    count: Mutex<u64>,
    /// Whether each read takes one, and not all.
    is_semaphore: bool,
    readable: WaitQueue,
    writable: WaitQueue,
    _charge: Charge,
}

impl EventCounter {
    /// One that stands at `count`; ENOMEM if the guest may have no more kept for it.
    pub(crate) fn new(
        meter: &Arc<Meter>,
        serial: u64,
        count: u64,
        is_semaphore: bool,
    ) -> Result<Self, Errno> {
        let _charge = meter.hold(COUNTER_BYTES)?;
        let (readable, writable) = (WaitQueue::within(), WaitQueue::within());
        Ok(Self { serial, count: Mutex::new(count), is_semaphore, readable, writable, _charge })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_read(&self) -> Result<u64, Errno> {
        let mut count = self.lock();
        let taken = match *count {
            0 => return Err(Errno::AGAIN),
            _ if self.is_semaphore => 1,
            all => all,
        };
        *count -= taken;
        drop(count);
        self.writable.wake();
        Ok(taken)
    }

    fn try_write(&self, more: u64) -> Result<(), Errno> {
        let mut count = self.lock();
        *count = count.checked_add(more).filter(|count| *count <= MOST).ok_or(Errno::AGAIN)?;
        drop(count);
        self.readable.wake();
        Ok(())
    }

    fn look(&self, interest: Interest) -> Readiness {
        let queue = if interest == Interest::Read { &self.readable } else { &self.writable };
        let listener = queue.listen();
        let count = *self.lock();
        let goes_through = if interest == Interest::Read { count > 0 } else { count < MOST };
        match goes_through {
            true => Readiness::Now { bytes: 8, hangup: false },
            false => Readiness::When(listener),
        }
    }
}

impl Object for EventCounter {
    fn takes_write_flags(&self) -> bool {
        false
    }

    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Unknown)
    }

    fn serial(&self) -> Option<u64> {
        Some(self.serial)
    }

    fn label(&self, _number: u32) -> Result<String, Errno> {
        Ok("anon_inode:[eventfd]".to_owned())
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Nowhere)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let into = into.first_chunk_mut::<8>().ok_or(Errno::INVAL)?;
        let look = |interest| Ok(self.look(interest));
        let taken = retry(transfer.blocking, Interest::Read, transfer.waiter, || self.try_read(), look)?;
        *into = taken.to_le_bytes();
        Ok(into.len())
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let more = from.try_into().map(u64::from_le_bytes).map_err(|_| Errno::INVAL)?;
        if more > MOST {
            return Err(Errno::INVAL.into());
        }
        let look = |_| Ok(self.look_for(more));
        retry(transfer.blocking, Interest::Write, transfer.waiter, || self.try_write(more), look)?;
        Ok(from.len())
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(self.look(interest))
    }

    fn poll(&self, wanted: u32, _position: u64, look: &mut Look) -> Polled {
        let edges = look.listen(wanted, &self.readable, &self.writable);
        let count = *self.lock();
        let mut events = if count > 0 { events::IN } else { 0 };
        if count < MOST {
            events |= events::OUT;
        }
        Polled::with_edges(events, edges)
    }
}

impl EventCounter {
    /// What a write of so much waits for.
    fn look_for(&self, more: u64) -> Readiness {
        let listener = self.writable.listen();
        match self.lock().checked_add(more) {
            Some(..=MOST) => Readiness::Now { bytes: 8, hangup: false },
            _ => Readiness::When(listener),
        }
    }
}
