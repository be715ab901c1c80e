//! The guest as seen from a call that it has made.

use crate::{EngineError, StopGuest};
use bellglass_wire::{Hooks, Usage};
use wasmtime::{AsContext, AsContextMut, Caller, Instance, Memory, Store, TypedFunc};

use crate::limiter::Limiter;

/// What answers the guest's calls.
pub trait External: Send {
    /// Answers call number `import` (its place among the module's imports).
    /// `results` is as long as the signature says and starts as zeros.
    ///
    /// # Errors
    /// [`StopGuest`] ends the guest here; it does not run another instruction.
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest>;
}

/// The memory of a guest that waits in a call.
pub trait GuestMemory {
    /// All of it.
    fn bytes(&self) -> &[u8];

    /// All of it, to change.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Calls the guest's malloc. `Ok(None)` if the image has none; an address
    /// of 0 means that no memory is left.
    ///
    /// # Errors
    /// [`StopGuest`] if the guest's malloc itself ends the guest.
    fn allocate(&mut self, size: u32) -> Result<Option<u32>, StopGuest>;

    /// Calls the guest's free, if the image has one.
    ///
    /// # Errors
    /// [`StopGuest`] if the guest's free itself ends the guest.
    fn free(&mut self, address: u32) -> Result<(), StopGuest>;

    /// Sets the guest's errno, if the image says where it is.
    fn set_errno(&mut self, errno: i32);
}

/// Where an interrupt is to be written: the words that make the interpreter stop
/// at its next safe point. All addresses are checked when the interrupt comes,
/// for the guest may have changed the table since.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt {
    /// The host address of the guest's memory, which never moves or shrinks.
    pub memory: *mut u8,
    /// Bytes of it that were there when the guest started.
    pub memory_bytes: usize,
    /// Offset of the table in it: a count, then pairs of address and mask, u32.
    pub table: u32,
}

/// What the store of one guest holds.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    /// Taken while a call is open, so that a call from inside a hook is refused.
    pub(crate) external: Option<Box<dyn External>>,
    pub(crate) links: Option<Links>,
}

impl Host {
    pub(crate) fn usage(&self) -> Usage {
        self.limiter.usage()
    }
}

/// The exports that the engine itself uses.
#[derive(Clone)]
pub(crate) struct Links {
    pub(crate) memory: Memory,
    allocate: Option<TypedFunc<i32, i32>>,
    free: Option<TypedFunc<i32, ()>>,
    errno_address: Option<u32>,
    interrupt_table: Option<u32>,
}

impl Links {
    pub(crate) fn find(
        store: &mut Store<Host>,
        instance: &Instance,
        hooks: &Hooks,
    ) -> Result<Self, EngineError> {
        let missing = |name: &str, expected| EngineError::Export { name: name.to_owned(), expected };
        let memory = instance
            .get_memory(&mut *store, "memory")
            .ok_or(EngineError::Export { name: "memory".to_owned(), expected: "memory" })?;
        let allocate = match &hooks.allocate {
            Some(name) => {
                Some(instance.get_typed_func(&mut *store, name).map_err(|_| missing(name, "(i32) -> i32"))?)
            }
            None => None,
        };
        let free = match &hooks.free {
            Some(name) => {
                Some(instance.get_typed_func(&mut *store, name).map_err(|_| missing(name, "(i32)"))?)
            }
            None => None,
        };
        Ok(Self { memory, allocate, free, errno_address: None, interrupt_table: None })
    }

    /// Asks the guest where its errno and its interrupt table are. The guest must
    /// be initialised for that.
    pub(crate) fn ask(
        &mut self,
        store: &mut Store<Host>,
        instance: &Instance,
        hooks: &Hooks,
    ) -> wasmtime::Result<()> {
        let mut address_from = |name: &Option<String>| -> wasmtime::Result<Option<u32>> {
            let Some(name) = name else { return Ok(None) };
            let ask = instance.get_typed_func::<(), i32>(&mut *store, name)?;
            Ok(Some(ask.call(&mut *store, ())? as u32))
        };
        self.errno_address = address_from(&hooks.errno_address)?;
        self.interrupt_table = address_from(&hooks.interrupt_table)?;
        Ok(())
    }

    pub(crate) fn interrupt(&self, store: &Store<Host>) -> Option<Interrupt> {
        self.interrupt_table.map(|table| Interrupt {
            memory: self.memory.data_ptr(store.as_context()),
            memory_bytes: self.memory.data_size(store.as_context()),
            table,
        })
    }
}

/// The guest's memory during a call.
pub(crate) struct OpenCall<'a, 'b> {
    pub(crate) caller: &'a mut Caller<'b, Host>,
    pub(crate) links: Links,
}

impl GuestMemory for OpenCall<'_, '_> {
    fn bytes(&self) -> &[u8] {
        self.links.memory.data(self.caller.as_context())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.links.memory.data_mut(self.caller.as_context_mut())
    }

    fn allocate(&mut self, size: u32) -> Result<Option<u32>, StopGuest> {
        match &self.links.allocate {
            Some(allocate) => match allocate.call(self.caller.as_context_mut(), size as i32) {
                Ok(address) => Ok(Some(address as u32)),
                Err(error) => Err(StopGuest::Fault(error)),
            },
            None => Ok(None),
        }
    }

    fn free(&mut self, address: u32) -> Result<(), StopGuest> {
        match &self.links.free {
            Some(free) => free.call(self.caller.as_context_mut(), address as i32).map_err(StopGuest::Fault),
            None => Ok(()),
        }
    }

    fn set_errno(&mut self, errno: i32) {
        let Some(address) = self.links.errno_address else { return };
        let start = address as usize;
        // A guest that lies about where its errno is harms only itself.
        if let Some(word) = self.bytes_mut().get_mut(start..start.saturating_add(4)) {
            word.copy_from_slice(&errno.to_le_bytes());
        }
    }
}
