//! Guests that are made before anybody knows what they are to run.

use crate::config::MEMORY_ADDRESS_BYTES;
use crate::guest::{External, Host, MEMORY};
use crate::limiter::Limiter;
use crate::program::run_instance;
use crate::{Ending, EngineError, Interrupts, Program, Settings};
use bellglass_wire::{GuestLimits, PAGE_BYTES, Pages, Usage};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use wasmtime::{Instance, Store};

impl Program {
    /// Bytes of address space that a guest's memories take, with that of the engine's
    /// collector. Its tables are beside.
    pub fn address_bytes(&self) -> u64 {
        let memories = self.linked.instance.module().resources_required().num_memories;
        u64::from(memories).saturating_add(1).saturating_mul(MEMORY_ADDRESS_BYTES)
    }

    /// Makes a fresh guest that does not run yet, but for its module's start function,
    /// if it has one. Without `limits` it may have what it begins with, whatever that
    /// is, until it runs: for modules without a start function. For [`Interruption::Kill`](crate::Interruption::Kill) only.
    ///
    /// # Errors
    /// [`EngineError::Instantiate`] if its memory and tables cannot be had.
    pub fn ready(
        &self,
        external: Box<dyn External>,
        interrupts: Option<Arc<Interrupts>>,
        limits: Option<GuestLimits>,
    ) -> Result<ReadyGuest, EngineError> {
        let limiter = limits.map_or_else(Limiter::counting, Limiter::new);
        let host = Host::new(limiter, self.stack, external, None, interrupts);
        let mut store = Store::new(&self.linked.engine, host);
        store.limiter(|host| &mut host.limiter);
        let instance = self.instantiate(&self.linked, &mut store)?;
        Ok(ReadyGuest { store, instance, is_held: limits.is_some() })
    }
}

/// A guest that is there, and has not run.
pub struct ReadyGuest {
    store: Store<Host>,
    instance: Instance,
    /// Whether it has had its limits from the beginning.
    is_held: bool,
}

impl ReadyGuest {
    /// Writes to these pages of its memory what stands there, so that the system
    /// gives the guest copies of its own now and not when it runs. Those that there
    /// are not are left out.
    pub fn touch(&mut self, pages: &[Pages]) {
        let Some(memory) = self.instance.get_memory(&mut self.store, MEMORY) else { return };
        let bytes = memory.data_mut(&mut self.store);
        let there = bytes.len() / PAGE_BYTES;
        for run in pages {
            let (first, count) = (run.first as usize, run.count as usize);
            for page in first.min(there)..first.saturating_add(count).min(there) {
                let byte = &mut bytes[page * PAGE_BYTES];
                // Or else the compiler would see that nothing changes.
                *byte = std::hint::black_box(*byte);
            }
        }
    }

    /// Runs it to its end, as [`Program::run`] does. What it has stays in place: it
    /// is for processes that end with their guest, which give all back at once.
    ///
    /// # Errors
    /// [`EngineError::BeyondLimits`] if it is above the limits before it has run;
    /// whatever it does once started is an [`Ending`].
    pub fn run(self, settings: &Settings) -> Result<(Ending, Usage), EngineError> {
        let mut store = ManuallyDrop::new(self.store);
        if !self.is_held {
            let limiter = &mut store.data_mut().limiter;
            limiter.hold_to(settings.limits);
            if let Some((memory_bytes, table_elements)) = limiter.refused() {
                return Err(EngineError::BeyondLimits { memory_bytes, table_elements });
            }
        }
        let ending = run_instance(&mut store, &self.instance, settings)?;
        Ok((ending, store.data().usage()))
    }
}
