//! Memories and stacks that stay mapped, in which guests of one program run one
//! after the other. What a guest has written is put back as it was when it ends:
//! the kernel tells which pages these are, and they are copied from the image. The
//! next guest then meets no page faults where this one had them, and nothing is
//! mapped or unmapped for it.
//!
//! There are few slots, for each keeps some memory. Guests beyond them, and those
//! that need more than a slot has, get memory of their own.

use crate::program::Linked;
use crate::{EngineError, Interruption, config};
use bellglass_wire::{GuestLimits, Signature};
use std::fs::File;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, Module, PoolingAllocationConfig};

/// How many guests of one program run in slots at the same time. Each reserves
/// 8 GiB of addresses, and keeps [`KEPT_BYTES`] of each of its memories at most.
const SLOTS: u32 = 16;

/// A guest has its own memory, and one in which the engine keeps its exceptions.
const MEMORIES: u32 = 2 * SLOTS;

/// Bytes that one slot keeps of what its last guest has written. A guest that
/// wrote more gives the rest back to the system.
const KEPT_BYTES: usize = 8 << 20;

/// The same for its tables, which are made anew for each guest.
const KEPT_TABLE_BYTES: usize = 256 << 10;

/// The same for its stack.
const KEPT_STACK_BYTES: usize = 128 << 10;

/// Bytes that the engine may need to describe one guest: it counts all functions,
/// of which large interpreters have tens of thousands.
const DESCRIPTION_BYTES: usize = 4 << 20;

/// Elements of one table of a slot.
const TABLE_ELEMENTS: usize = 1 << 20;

/// The slots of one program.
pub(crate) struct Slots {
    compiled: File,
    interruption: Interruption,
    /// Whether a guest has run. One run alone has no use for a slot.
    is_used: AtomicBool,
    /// `None` inside if there can be none: then guests have memory of their own.
    linked: OnceLock<Option<Linked>>,
    taken: AtomicU32,
}

/// One slot, until it is dropped. The guest must have been dropped before.
pub(crate) struct Slot<'a> {
    pub(crate) linked: &'a Linked,
    taken: &'a AtomicU32,
}

impl Slots {
    /// Makes nothing yet.
    ///
    /// # Safety
    /// That of [`Program::load`](crate::Program::load).
    pub(crate) unsafe fn new(compiled: File, interruption: Interruption) -> Self {
        Self {
            compiled,
            interruption,
            is_used: AtomicBool::new(false),
            linked: OnceLock::new(),
            taken: AtomicU32::new(0),
        }
    }

    /// A slot for one guest with these limits, if there is one.
    pub(crate) fn take(&self, limits: &GuestLimits, signatures: &[Signature]) -> Option<Slot<'_>> {
        if !self.is_used.swap(true, Ordering::Relaxed) || limits.table_elements > TABLE_ELEMENTS as u64 {
            return None;
        }
        let linked = self.linked.get_or_init(|| self.load(signatures).ok()).as_ref()?;
        let more = |taken| (taken < SLOTS).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Acquire, Ordering::Relaxed, more).ok()?;
        Some(Slot { linked, taken: &self.taken })
    }

    /// See [`Program::advance_epoch`](crate::Program::advance_epoch).
    pub(crate) fn advance_epoch(&self) {
        if let Some(Some(linked)) = self.linked.get() {
            linked.engine.increment_epoch();
        }
    }

    /// Loads the program again, for a module belongs to one engine.
    fn load(&self, signatures: &[Signature]) -> Result<Linked, EngineError> {
        let failed = |error: wasmtime::Error| EngineError::Load { reason: format!("{error:#}") };
        let mut config = config::config(self.interruption);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let engine = Engine::new(&config).map_err(failed)?;
        let file =
            self.compiled.try_clone().map_err(|error| EngineError::Load { reason: error.to_string() })?;
        // SAFETY: whoever made this has vouched for the file.
        let module = unsafe { Module::deserialize_open_file(&engine, file) }.map_err(failed)?;
        Linked::new(engine, &module, signatures)
    }
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // Without the kernel's help the first bytes of a memory would be put back,
    // written or not, and they are not those that a guest writes.
    let can_tell = PoolingAllocationConfig::is_pagemap_scan_available();
    pool.total_core_instances(SLOTS)
        .total_memories(MEMORIES)
        .total_tables(SLOTS)
        .total_stacks(SLOTS)
        .total_gc_heaps(SLOTS)
        .max_core_instance_size(DESCRIPTION_BYTES)
        .max_memory_size(4 << 30)
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(MEMORIES)
        .linear_memory_keep_resident(if can_tell { KEPT_BYTES } else { 0 })
        .table_keep_resident(if can_tell { KEPT_TABLE_BYTES } else { 0 })
        .async_stack_keep_resident(KEPT_STACK_BYTES)
        .pagemap_scan(if can_tell { Enabled::Yes } else { Enabled::No });
    pool
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Release);
    }
}
