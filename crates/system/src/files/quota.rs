//! What the writable trees of one system may hold together.

use crate::Errno;
use crate::meter::{BESIDE_FILES, Meter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A quota on bytes and on files, shared by the trees that it was given to.
/// Beyond it a guest gets ENOSPC, and beyond what its run's [`Meter`] allows too.
///
/// ```
/// use bellglass_system::files::Quota;
///
/// let quota = Quota::new(1 << 20, 1000);
/// assert_eq!((quota.used_bytes(), quota.used_files()), (0, 0));
/// ```
#[derive(Debug)]
pub struct Quota {
    bytes: Counter,
    files: Counter,
    meter: Arc<Meter>,
}

#[derive(Debug)]
struct Counter {
    used: AtomicU64,
    limit: u64,
}

impl Counter {
    const fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit }
    }

    fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn free(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    fn charge(&self, count: u64) -> Result<(), Errno> {
        let add = |used: u64| used.checked_add(count).filter(|used| *used <= self.limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::NOSPC),
        }
    }

    /// How much was given back: never more than was charged.
    fn refund(&self, count: u64) -> u64 {
        let subtract = |used: u64| Some(used.saturating_sub(count));
        // The closure never refuses.
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
        used.map_or(0, |used| used.min(count))
    }
}

impl Quota {
    /// A quota of this many bytes, in which names and tables count too, and this
    /// many files, directories and symlinks; with a meter of its own.
    pub fn new(bytes: u64, files: u64) -> Self {
        Self::metered(bytes, files, Arc::new(Meter::new(bytes.saturating_add(BESIDE_FILES))))
    }

    /// The same, of which all bytes count against `meter` as well.
    pub fn metered(bytes: u64, files: u64, meter: Arc<Meter>) -> Self {
        Self { bytes: Counter::new(bytes), files: Counter::new(files), meter }
    }

    /// What its trees are charged to for all that is no file of the guest's.
    pub(super) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Bytes that count against it now.
    pub fn used_bytes(&self) -> u64 {
        self.bytes.used()
    }

    /// Files, directories and symlinks that count against it now.
    pub fn used_files(&self) -> u64 {
        self.files.used()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.limit
    }

    pub(super) fn free_bytes(&self) -> u64 {
        self.bytes.free().min(self.meter.free())
    }

    pub(super) fn files(&self) -> u64 {
        self.files.limit
    }

    pub(super) fn free_files(&self) -> u64 {
        self.files.free()
    }

    /// ENOSPC if not all of it fits.
    pub(super) fn charge(&self, bytes: u64) -> Result<(), Errno> {
        self.bytes.charge(bytes)?;
        // To the guest its files are what there is no room for.
        self.meter.charge(bytes).map_err(|_| {
            self.bytes.refund(bytes);
            Errno::NOSPC
        })
    }

    /// Charges as many of `count` pieces of `size` bytes as fit, and says how
    /// many these are.
    pub(super) fn charge_some(&self, count: u64, size: u64) -> u64 {
        // A neighbour may take the room between the question and the answer: then
        // there is less of it, and the loop ends with none.
        let mut count = count.min(self.free_bytes() / size.max(1));
        while count > 0 && self.charge(count.saturating_mul(size)).is_err() {
            count = (count - 1).min(self.free_bytes() / size.max(1));
        }
        if count == 0 {
            self.note_refusal(size);
        }
        count
    }

    /// Whether `bytes` more would fit.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        let fits = bytes <= self.free_bytes();
        if !fits {
            self.note_refusal(bytes);
        }
        fits
    }

    /// For `bytes` there was no room: the meter hears of it if that is its doing.
    fn note_refusal(&self, bytes: u64) {
        if bytes <= self.bytes.free() {
            self.meter.refuse();
        }
    }

    /// ENOSPC if neither or only one of them fits; nothing is charged then.
    pub(super) fn charge_file(&self, bytes: u64) -> Result<(), Errno> {
        self.files.charge(1)?;
        self.charge(bytes).inspect_err(|_| {
            self.files.refund(1);
        })
    }

    pub(super) fn refund(&self, bytes: u64) {
        self.meter.refund(self.bytes.refund(bytes));
    }

    pub(super) fn refund_file(&self, bytes: u64) {
        self.files.refund(1);
        self.refund(bytes);
    }

    /// Charges what has just been given back elsewhere, and so fits.
    pub(super) fn charge_again(&self, bytes: u64) {
        self.bytes.used.fetch_add(bytes, Ordering::Relaxed);
        self.meter.charge_again(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_a_refusal_costs_nothing() {
        let quota = Quota::new(100, 2);
        quota.charge_file(60).expect("it fits");
        assert_eq!(quota.charge_file(60), Err(Errno::NOSPC));
        assert_eq!((quota.used_bytes(), quota.used_files()), (60, 1));
        quota.charge_file(10).expect("it fits");
        assert_eq!(quota.charge_file(1), Err(Errno::NOSPC));
        assert_eq!(quota.charge_some(9, 10), 3);
        assert_eq!(quota.charge_some(9, 10), 0);
        assert_eq!(quota.charge(u64::MAX), Err(Errno::NOSPC));
        quota.refund_file(1000);
        assert_eq!((quota.used_bytes(), quota.used_files()), (0, 1));
    }

    #[test]
    fn bytes_count_against_the_meter_too() {
        let meter = Arc::new(Meter::new(50));
        let quota = Quota::metered(100, 2, Arc::clone(&meter));
        quota.charge(30).expect("it fits");
        assert_eq!(quota.charge(30), Err(Errno::NOSPC));
        assert_eq!((quota.used_bytes(), quota.free_bytes(), meter.used()), (30, 20, 30));
        assert_eq!(quota.charge_some(9, 10), 2);
        quota.refund(50);
        assert!(quota.has_room(50) && !quota.has_room(101));
        assert_eq!((quota.used_bytes(), meter.used(), meter.peak()), (0, 0, 50));
    }
}
