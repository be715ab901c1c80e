//! What the writable trees of one system may hold together.

use crate::Errno;
use std::sync::atomic::{AtomicU64, Ordering};

/// A quota on bytes and on files, shared by the trees that it was given to.
/// Beyond it a guest gets ENOSPC.
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

    fn refund(&self, count: u64) {
        let subtract = |used: u64| Some(used.saturating_sub(count));
        // The closure never refuses.
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
    }
}

impl Quota {
    /// A quota of this many bytes, in which names and tables count too, and this
    /// many files, directories and symlinks.
    pub const fn new(bytes: u64, files: u64) -> Self {
        Self { bytes: Counter::new(bytes), files: Counter::new(files) }
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
        self.bytes.free()
    }

    pub(super) fn files(&self) -> u64 {
        self.files.limit
    }

    pub(super) fn free_files(&self) -> u64 {
        self.files.free()
    }

    /// ENOSPC if not all of it fits.
    pub(super) fn charge(&self, bytes: u64) -> Result<(), Errno> {
        self.bytes.charge(bytes)
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
        count
    }

    /// ENOSPC if neither or only one of them fits; nothing is charged then.
    pub(super) fn charge_file(&self, bytes: u64) -> Result<(), Errno> {
        self.files.charge(1)?;
        self.charge(bytes).inspect_err(|_| self.files.refund(1))
    }

    pub(super) fn refund(&self, bytes: u64) {
        self.bytes.refund(bytes);
    }

    pub(super) fn refund_file(&self, bytes: u64) {
        self.files.refund(1);
        self.refund(bytes);
    }

    /// Charges what has just been given back elsewhere, and so fits.
    pub(super) fn charge_again(&self, bytes: u64) {
        self.bytes.used.fetch_add(bytes, Ordering::Relaxed);
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
}
