//! The guest as seen from a call that it has made.

use crate::interrupt::{EpochAction, EpochHook, Interrupts, Own, Pending, Table};
use crate::limiter::Limiter;
use crate::program::Ended;
use crate::stack::Stack;
use crate::{EngineError, StopGuest};
use bellglass_wire::{Hooks, Usage, range};
use std::sync::Arc;
use wasmtime::{AsContext, AsContextMut, Caller, Instance, Memory, Store, StoreContextMut, TypedFunc};

/// The export that is the guest's memory.
pub(crate) const MEMORY: &str = "memory";

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

    /// `length` bytes from `address` on; `None` if not all of them are inside.
    fn at(&self, address: u32, length: usize) -> Option<&[u8]> {
        let bytes = self.bytes();
        bytes.get(range(bytes.len(), address, length)?)
    }

    /// The same, to change.
    fn at_mut(&mut self, address: u32, length: usize) -> Option<&mut [u8]> {
        let bytes = self.bytes_mut();
        let range = range(bytes.len(), address, length)?;
        bytes.get_mut(range)
    }

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

    /// Whether there is an interrupt that the guest has yet to take.
    fn is_interrupted(&mut self) -> bool;
}

/// Where a guest's interrupt table is: see [`Interrupts`].
#[derive(Debug)]
pub(crate) struct TableLocation {
    /// The host address of the guest's memory, which never moves or shrinks.
    pub(crate) memory: *mut u8,
    /// Bytes of it that were there when the guest started.
    pub(crate) memory_bytes: usize,
    /// Offset of the table in it.
    pub(crate) table: u32,
}

/// What the store of one guest holds.
pub(crate) struct Host {
    pub(crate) limiter: Limiter,
    pub(crate) stack: Stack,
    /// Taken while a call is open, so that a call from inside a hook is refused. It
    /// belongs to the guest's one thread: a second one begins with its own here, which
    /// is put in place when that thread runs, and taken for its own calls only.
    pub(crate) external: Option<Box<dyn External>>,
    pub(crate) links: Option<Arc<Links>>,
    pub(crate) epoch_hook: Option<Arc<dyn EpochHook>>,
    /// The interrupts that the hook told of.
    pub(crate) pending: Pending,
    /// Those that are raised from outside.
    pub(crate) interrupts: Option<Arc<Interrupts>>,
}

impl Host {
    /// A guest that has not started.
    pub(crate) fn new(
        limiter: Limiter,
        stack: Stack,
        external: Box<dyn External>,
        epoch_hook: Option<Arc<dyn EpochHook>>,
        interrupts: Option<Arc<Interrupts>>,
    ) -> Self {
        let pending = Pending::default();
        Self { limiter, stack, external: Some(external), links: None, epoch_hook, pending, interrupts }
    }

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
            .get_memory(&mut *store, MEMORY)
            .ok_or(EngineError::Export { name: MEMORY.to_owned(), expected: "memory" })?;
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
        &self,
        store: &mut Store<Host>,
        instance: &Instance,
        hooks: &Hooks,
        stack: Stack,
    ) -> wasmtime::Result<Self> {
        let mut address_from = |name: &Option<String>| -> wasmtime::Result<Option<u32>> {
            let Some(name) = name else { return Ok(None) };
            let ask = instance.get_typed_func::<(), i32>(&mut *store, name)?;
            Ok(Some(stack.call_typed(&mut *store, &ask, ())? as u32))
        };
        let errno_address = address_from(&hooks.errno_address)?;
        let interrupt_table = address_from(&hooks.interrupt_table)?;
        Ok(Self { errno_address, interrupt_table, ..self.clone() })
    }

    pub(crate) fn table_location(&self, store: &Store<Host>) -> Option<TableLocation> {
        self.interrupt_table.map(|table| TableLocation {
            memory: self.memory.data_ptr(store.as_context()),
            memory_bytes: self.memory.data_size(store.as_context()),
            table,
        })
    }
}

/// Asks the hook of the guest, if it has one, and carries out what it says.
///
/// # Errors
/// [`Ended`] or [`EndsGuest`](crate::EndsGuest) if the guest is to end.
pub(crate) fn attend(mut store: StoreContextMut<'_, Host>) -> wasmtime::Result<()> {
    let host = store.data_mut();
    let Some(asked) = &host.epoch_hook else { return Ok(()) };
    loop {
        match asked.at_epoch() {
            EpochAction::Continue => break,
            EpochAction::Interrupt(number) => host.pending.raise(number),
            EpochAction::End => return Err(wasmtime::Error::new(Ended)),
        }
    }
    deliver(store)
}

/// Carries out the interrupts that came, as soon as the guest has a table for
/// them.
///
/// # Errors
/// [`EndsGuest`](crate::EndsGuest) if one of them ends the guest.
pub(crate) fn deliver(store: StoreContextMut<'_, Host>) -> wasmtime::Result<()> {
    if !store.data().pending.is_waiting() {
        return Ok(());
    }
    with_table(store, Pending::deliver).map_err(wasmtime::Error::new)
}

/// Does something with the interrupts that a hook told of, in the guest's own
/// thread.
fn with_table<Result>(
    mut store: StoreContextMut<'_, Host>,
    act: impl FnOnce(&mut Pending, Option<Table<'_>>) -> Result,
) -> Result {
    let links = store.data().links.clone();
    let Some((links, at)) = links.and_then(|links| links.interrupt_table.map(|at| (links, at))) else {
        return act(&mut store.data_mut().pending, None);
    };
    let (memory, host) = links.memory.data_and_store_mut(&mut store);
    act(&mut host.pending, Table::read(at, &mut Own(memory)))
}

/// The guest's memory during a call.
pub(crate) struct OpenCall<'a, 'b> {
    pub(crate) caller: &'a mut Caller<'b, Host>,
    pub(crate) links: Arc<Links>,
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
            Some(allocate) => {
                let stack = self.caller.data().stack;
                let address = stack.call_typed(self.caller.as_context_mut(), allocate, size as i32);
                address.map(|address| Some(address as u32)).map_err(StopGuest::Fault)
            }
            None => Ok(None),
        }
    }

    fn free(&mut self, address: u32) -> Result<(), StopGuest> {
        match &self.links.free {
            Some(free) => {
                let stack = self.caller.data().stack;
                let freed = stack.call_typed(self.caller.as_context_mut(), free, address as i32);
                freed.map_err(StopGuest::Fault)
            }
            None => Ok(()),
        }
    }

    fn set_errno(&mut self, errno: i32) {
        let Some(address) = self.links.errno_address else { return };
        // A guest that lies about where its errno is harms only itself.
        if let Some(word) = self.at_mut(address, 4) {
            word.copy_from_slice(&errno.to_le_bytes());
        }
    }

    fn is_interrupted(&mut self) -> bool {
        match &self.caller.data().interrupts {
            Some(interrupts) => interrupts.is_untaken(),
            None => with_table(self.caller.as_context_mut(), Pending::is_untaken),
        }
    }
}
