//! Signals that are read: signalfd.
//!
//! Which signals are pending for the guest's program only the guest knows, whose library
//! keeps their masks. It tells the system of those that are pending, and hears which of them a
//! read has asked for: these it takes, and says of each what it knows.

use crate::files::FileType;
use crate::meter::{Charge, Meter};
use crate::object::{Interest, Object, Position, Transfer};
use crate::poll::{Look, Polled, events};
use crate::wait::{Readiness, WaitQueue, retry};
use crate::{Errno, Fault};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that a descriptor for signals takes.
const SIGNALS_BYTES: u64 = 256;

/// Bytes of what is read of one signal: Linux's signalfd_siginfo.
const RECORD: usize = 128;

/// Sets of signals are a bit a number, from 1.
#[derive(Default)]
struct Sets {
    /// Those that are pending.
    pending: u64,
    /// Those that reads have asked for since the guest was told.
    taken: u64,
}

/// The signals that are pending for the guest's program, as it said last.
pub(crate) struct PendingSignals {
    sets: Mutex<Sets>,
    changed: WaitQueue,
}

impl Default for PendingSignals {
    fn default() -> Self {
        Self { sets: Mutex::default(), changed: WaitQueue::within() }
    }
}

impl PendingSignals {
    fn lock(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The guest says which are pending, and hears which of them are no more.
    pub(crate) fn tell(&self, pending: u64) -> u64 {
        let mut sets = self.lock();
        let taken = std::mem::take(&mut sets.taken) & pending;
        sets.pending = pending & !taken;
        drop(sets);
        self.changed.wake();
        taken
    }

    /// Those in `mask`, which a read has asked for: how many of them it gets, and in which
    /// order, is the guest's library's to say.
    fn take(&self, mask: u64) -> u64 {
        let mut sets = self.lock();
        let found = sets.pending & mask;
        sets.pending &= !found;
        sets.taken |= found;
        found
    }
}

/// A descriptor for signals.
pub struct EventSignals {
    serial: u64,
    mask: AtomicU64,
    pending: Arc<PendingSignals>,
    _charge: Charge,
}

/// Those that cannot be blocked: SIGKILL and SIGSTOP.
const NEVER: u64 = 1 << 8 | 1 << 18;

impl EventSignals {
    /// One for these signals; ENOMEM if the guest may have no more kept for it.
    pub(crate) fn new(
        meter: &Arc<Meter>,
        serial: u64,
        mask: u64,
        pending: Arc<PendingSignals>,
    ) -> Result<Self, Errno> {
        let _charge = meter.hold(SIGNALS_BYTES)?;
        Ok(Self { serial, mask: AtomicU64::new(mask & !NEVER), pending, _charge })
    }

    pub(crate) fn set_mask(&self, mask: u64) {
        self.mask.store(mask & !NEVER, Ordering::Relaxed);
        self.pending.changed.wake();
    }

    fn mask(&self) -> u64 {
        self.mask.load(Ordering::Relaxed)
    }

    fn look(&self) -> Readiness {
        let listener = self.pending.changed.listen();
        match self.pending.lock().pending & self.mask() {
            0 => Readiness::When(listener),
            _ => Readiness::Now { bytes: RECORD as u64, hangup: false },
        }
    }

    fn try_read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let (mut done, mut left) = (0, self.pending.take(self.mask()));
        for record in into.chunks_exact_mut(RECORD) {
            if left == 0 {
                break;
            }
            let number = left.trailing_zeros() + 1;
            left &= left - 1;
            // Who sent it the library fills in: SI_KERNEL.
            const CODE: u32 = 0x80;
            record.fill(0);
            record[..4].copy_from_slice(&number.to_le_bytes());
            record[8..12].copy_from_slice(&CODE.to_le_bytes());
            done += RECORD;
        }
        if done == 0 { Err(Errno::AGAIN) } else { Ok(done) }
    }
}

impl Object for EventSignals {
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
        Ok("anon_inode:[signalfd]".to_owned())
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Nowhere)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        if into.len() < RECORD {
            return Err(Errno::INVAL.into());
        }
        let attempt = || self.try_read(into);
        retry(transfer.blocking, Interest::Read, transfer.waiter, attempt, |_| Ok(self.look()))
    }

    fn write(&self, _from: &[u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::INVAL.into())
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(self.look())
    }

    fn poll(&self, _wanted: u32, _position: u64, look: &mut Look) -> Polled {
        let turns = look.listen(events::READING, &self.pending.changed, &self.pending.changed);
        let holds = self.pending.lock().pending & self.mask() != 0;
        Polled::with_edges(if holds { events::IN } else { 0 }, turns)
    }

    fn signals(&self) -> Result<&EventSignals, Errno> {
        Ok(self)
    }
}
