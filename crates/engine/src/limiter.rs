//! Holding a guest to its memory.

use bellglass_wire::{GuestLimits, Usage};
use wasmtime::ResourceLimiter;

/// Counts all memories and tables of one guest together.
pub(crate) struct Limiter {
    limits: GuestLimits,
    memory_bytes: u64,
    table_elements: u64,
    usage: Usage,
    /// The most that was ever asked for, granted or not.
    asked_memory_bytes: u64,
    asked_table_elements: u64,
}

impl Limiter {
    pub(crate) fn new(limits: GuestLimits) -> Self {
        Self {
            limits,
            memory_bytes: 0,
            table_elements: 0,
            usage: Usage::default(),
            asked_memory_bytes: 0,
            asked_table_elements: 0,
        }
    }

    /// The bytes and table elements that were asked for, if any were refused.
    pub(crate) fn refused(&self) -> Option<(u64, u64)> {
        let Usage { memory_refused, table_refused, .. } = self.usage;
        (memory_refused || table_refused).then_some((self.asked_memory_bytes, self.asked_table_elements))
    }

    /// One that counts, until it is told what to hold the guest to.
    pub(crate) fn counting() -> Self {
        Self::new(GuestLimits { memory_bytes: u64::MAX, table_elements: u64::MAX })
    }

    /// Holds a guest that has not run to these limits; if it is above them, that is
    /// something [`refused`](Self::refused).
    pub(crate) fn hold_to(&mut self, limits: GuestLimits) {
        self.limits = limits;
        self.usage.memory_refused = self.memory_bytes > limits.memory_bytes;
        self.usage.table_refused = self.table_elements > limits.table_elements;
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let others = self.memory_bytes.saturating_sub(current as u64);
        let total = others.saturating_add(desired as u64);
        self.asked_memory_bytes = self.asked_memory_bytes.max(total);
        if total > self.limits.memory_bytes || maximum.is_some_and(|maximum| desired > maximum) {
            // The guest's malloc sees a grow that fails, and Python raises
            // MemoryError: not a fault.
            self.usage.memory_refused = true;
            return Ok(false);
        }
        self.memory_bytes = total;
        self.usage.peak_memory_bytes = self.usage.peak_memory_bytes.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let others = self.table_elements.saturating_sub(current as u64);
        let total = others.saturating_add(desired as u64);
        self.asked_table_elements = self.asked_table_elements.max(total);
        if total > self.limits.table_elements || maximum.is_some_and(|maximum| desired > maximum) {
            self.usage.table_refused = true;
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_together_are_held_to_the_limit() {
        let mut limiter = Limiter::new(GuestLimits { memory_bytes: 300, table_elements: 10 });
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        assert!(limiter.memory_growing(0, 150, None).unwrap());
        assert!(!limiter.memory_growing(150, 201, None).unwrap());
        assert!(limiter.memory_growing(150, 200, None).unwrap());
        assert_eq!(
            limiter.usage(),
            Usage { peak_memory_bytes: 300, memory_refused: true, table_refused: false }
        );
        assert_eq!(limiter.refused(), Some((301, 0)));
        assert!(!limiter.table_growing(0, 11, None).unwrap());
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(limiter.usage().table_refused);
    }

    #[test]
    fn what_was_counted_is_held_to_limits_that_come_later() {
        let mut limiter = Limiter::counting();
        assert!(limiter.memory_growing(0, 300, None).unwrap());
        limiter.hold_to(GuestLimits { memory_bytes: 300, table_elements: 0 });
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(300, 301, None).unwrap());
        limiter.hold_to(GuestLimits { memory_bytes: 299, table_elements: 0 });
        assert_eq!(limiter.refused(), Some((301, 0)));
        assert!(limiter.usage().memory_refused && !limiter.usage().table_refused);
    }
}
