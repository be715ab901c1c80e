//! Holding a guest to its memory.

use bellglass_wire::{GuestLimits, Usage};
use wasmtime::ResourceLimiter;

/// Counts all memories and tables of one guest together.
pub(crate) struct Limiter {
    limits: GuestLimits,
    memory_bytes: u64,
    table_elements: u64,
    usage: Usage,
}

impl Limiter {
    pub(crate) fn new(limits: GuestLimits) -> Self {
        Self { limits, memory_bytes: 0, table_elements: 0, usage: Usage::default() }
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
        assert!(!limiter.table_growing(0, 11, None).unwrap());
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(limiter.usage().table_refused);
    }
}
