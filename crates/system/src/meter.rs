//! How much the controller keeps for one guest.
//!
//! A guest makes the controller keep things: names and contents of files in
//! memory, what it has looked at in an overlay's lower tree, open files, pipes,
//! captured output. All of that is charged to the one [`Meter`] of its run before
//! it is kept, at what it takes in the controller's memory at most, the tables
//! around it included, and given back when it is let go. What is not charged has a
//! fixed cap, which stands beside it as a `BOUND` comment.

use crate::Errno;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes that may be kept beside files in memory, where nothing else is said.
pub(crate) const BESIDE_FILES: u64 = 256 << 20;

/// Counts the bytes that are kept for one guest, and refuses more than its limit.
///
/// ```
/// use bellglass_system::{Errno, Meter};
/// use std::sync::Arc;
///
/// let meter = Arc::new(Meter::new(1000));
/// let held = meter.hold(900)?;
/// assert_eq!(meter.hold(200).err(), Some(Errno::NOMEM));
/// drop(held);
/// assert_eq!((meter.used(), meter.peak()), (0, 900));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Debug)]
pub struct Meter {
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
    refused: AtomicBool,
}

impl Meter {
    /// A meter that lets this many bytes be kept at once.
    pub const fn new(limit: u64) -> Self {
        Self { limit, used: AtomicU64::new(0), peak: AtomicU64::new(0), refused: AtomicBool::new(false) }
    }

    /// Bytes that may be kept at once.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that are kept now.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were ever kept at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Whether anything was refused.
    pub fn has_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Bytes that may still be kept.
    pub fn free(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// Charges what is about to be kept, until the [`Charge`] is dropped.
    ///
    /// # Errors
    /// ENOMEM, with nothing charged, if not all of it fits.
    pub fn hold(self: &Arc<Self>, bytes: u64) -> Result<Charge, Errno> {
        let mut charge = self.nothing();
        charge.grow(bytes)?;
        Ok(charge)
    }

    /// A charge of nothing yet, to grow.
    pub fn nothing(self: &Arc<Self>) -> Charge {
        Charge { meter: Arc::clone(self), bytes: 0 }
    }

    /// For what keeps its own count, and calls [`refund`](Self::refund) by it;
    /// ENOMEM if not all of it fits.
    pub(crate) fn charge(&self, bytes: u64) -> Result<(), Errno> {
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= self.limit);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(before) => {
                self.peak.fetch_max(before.saturating_add(bytes), Ordering::Relaxed);
                Ok(())
            }
            Err(_) => {
                self.refuse();
                Err(Errno::NOMEM)
            }
        }
    }

    /// Notes that something was refused because of this, without asking.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// Charges what has just been given back elsewhere, and so fits.
    pub(crate) fn charge_again(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn refund(&self, bytes: u64) {
        let subtract = |used: u64| Some(used.saturating_sub(bytes));
        // The closure never refuses.
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
    }
}

/// Bytes that count against a [`Meter`] as long as this is there.
#[derive(Debug)]
#[must_use = "what is charged is given back when this is dropped"]
pub struct Charge {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Charge {
    /// Bytes that it stands for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Charges this much more.
    ///
    /// # Errors
    /// ENOMEM, with nothing changed, if not all of it fits.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Errno> {
        self.meter.charge(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Another charge of the same meter, of nothing yet.
    pub(crate) fn more(&self) -> Self {
        self.meter.nothing()
    }

    /// Gives this much of it back.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.meter.refund(bytes);
        self.bytes -= bytes;
    }

    /// Makes it stand for another charge of the same meter too; gives back one of
    /// another meter.
    pub(crate) fn absorb(&mut self, mut other: Self) -> Result<(), Self> {
        if !Arc::ptr_eq(&self.meter, &other.meter) {
            return Err(other);
        }
        self.bytes += std::mem::take(&mut other.bytes);
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.refund(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let meter = Arc::new(Meter::new(100));
        let mut held = meter.hold(60).expect("it fits");
        assert!(!meter.has_refused());
        assert_eq!(meter.hold(41).err(), Some(Errno::NOMEM));
        assert_eq!(held.grow(u64::MAX), Err(Errno::NOMEM));
        assert_eq!((meter.used(), held.bytes(), meter.has_refused()), (60, 60, true));
        held.grow(40).expect("it fits");
        held.shrink(90);
        assert_eq!((meter.used(), meter.free(), meter.peak()), (10, 90, 100));
        // No more is given back than was charged.
        held.shrink(50);
        assert_eq!((meter.used(), held.bytes()), (0, 0));
    }

    #[test]
    fn what_is_dropped_is_given_back_once() {
        let meter = Arc::new(Meter::new(100));
        let (mut one, other) = (meter.hold(10).expect("it fits"), meter.hold(20).expect("it fits"));
        one.absorb(other).expect("the same meter");
        assert_eq!(meter.used(), 30);
        let elsewhere = Arc::new(Meter::new(5)).hold(5).expect("it fits");
        assert_eq!(one.absorb(elsewhere).expect_err("another meter").bytes(), 5);
        drop(one);
        assert_eq!(meter.used(), 0);
    }
}
