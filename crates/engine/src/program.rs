//! A loaded module, and one run of it.

use crate::guest::{External, Host, Links, OpenCall, attend, deliver};
use crate::limiter::Limiter;
#[cfg(feature = "fibers")]
use crate::slots::Slots;
use crate::stack::Stack;
use crate::{EndsGuest, EngineError, EpochHook, Interruption, Interrupts, config, trap};
use bellglass_wire::{GuestLimits, Hooks, Signature, TrapKind, Usage, ValueType, caps};
use std::collections::HashMap;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use wasmtime::{
    AsContextMut, Caller, Engine, ExternType, FuncType, ImportType, Instance, InstancePre, Linker, Module,
    Store, UpdateDeadline, Val, ValRaw, ValType,
};

/// Compiled code that can be run, any number of times and from any threads.
/// Loading is cheap: the code is mapped, not read.
pub struct Program {
    /// The module whose guests each get memory of their own.
    pub(crate) linked: Linked,
    pub(crate) stack: Stack,
    interruption: Interruption,
    signatures: Arc<[Signature]>,
    /// Memories that guests of this program use one after the other.
    #[cfg(feature = "fibers")]
    slots: Option<Slots>,
}

/// A module in its engine, checked and linked once, for all runs.
pub(crate) struct Linked {
    pub(crate) engine: Engine,
    pub(crate) instance: InstancePre<Host>,
}

impl Linked {
    pub(crate) fn new(
        engine: Engine,
        module: &Module,
        signatures: &[Signature],
    ) -> Result<Self, EngineError> {
        let instance = link(&engine, module, signatures)?;
        Ok(Self { engine, instance })
    }
}

/// What a run is held to, and how its guest is served.
pub struct Settings {
    /// Memory and tables.
    pub limits: GuestLimits,
    /// The exports that memory operations use.
    pub hooks: Hooks,
    /// The exports to call, in order.
    pub exports: Vec<String>,
    /// Whom a guest with [`Interruption::Epoch`] asks when the epoch has advanced.
    pub epoch_hook: Option<Arc<dyn EpochHook>>,
    /// What interrupts a guest with [`Interruption::Kill`] from outside.
    pub interrupts: Option<Arc<Interrupts>>,
}

/// Why a call stops the guest instead of answering.
#[derive(Debug)]
pub enum StopGuest {
    /// The answer to the call is the guest's end: an exit, or a policy's stop.
    End,
    /// The guest failed inside one of its own hooks.
    Fault(wasmtime::Error),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The last export returned.
    Returned {
        /// What it returned.
        results: Vec<u64>,
    },
    /// A call was answered with [`StopGuest::End`].
    Ended,
    /// An interrupt that the guest does not handle.
    Interrupted {
        /// Its number.
        number: u8,
    },
    /// A fault of the guest's own.
    Trapped {
        /// What kind.
        kind: TrapKind,
        /// A sentence.
        message: String,
        /// The guest's functions, innermost first.
        backtrace: Vec<String>,
    },
}

/// Marks an orderly end while it travels through the engine as an error.
#[derive(Debug, thiserror::Error)]
#[error("the guest was ended")]
pub(crate) struct Ended;

impl Program {
    /// Loads code that [`compile`](crate::compile()) made.
    ///
    /// # Errors
    /// [`EngineError::Load`] if the code is for another engine or processor or
    /// another kind of interruption, and
    /// [`EngineError::Import`] if the module imports anything but functions.
    ///
    /// # Safety
    /// The file is native code and is run as such: it must be what the image
    /// builder wrote, and nothing may change it while it is loaded.
    pub unsafe fn load(compiled: File, interruption: Interruption) -> Result<Self, EngineError> {
        let engine = config::engine(interruption)?;
        #[cfg(feature = "fibers")]
        let again = (interruption == Interruption::Epoch).then(|| compiled.try_clone().ok()).flatten();
        // SAFETY: the caller vouches for the file, as this function's own
        // contract asks.
        let module = unsafe { Module::deserialize_open_file(&engine, compiled) }
            .map_err(|error| EngineError::Load { reason: format!("{error:#}") })?;
        let program = Self::of(engine, &module, interruption)?;
        #[cfg(feature = "fibers")]
        let program = {
            // SAFETY: it is the same file.
            let slots = again.map(|file| unsafe { Slots::new(file, interruption) });
            Self { slots, ..program }
        };
        Ok(program)
    }

    /// The program of a module that was loaded.
    pub(crate) fn of(
        engine: Engine,
        module: &Module,
        interruption: Interruption,
    ) -> Result<Self, EngineError> {
        let stack = match interruption {
            Interruption::Kill => Stack::Callers,
            #[cfg(feature = "fibers")]
            Interruption::Epoch => Stack::Own,
            #[cfg(not(feature = "fibers"))]
            Interruption::Epoch => {
                let reason = "this program was built without guests in threads".to_owned();
                return Err(EngineError::Setup { reason });
            }
        };
        let signatures =
            module.imports().map(|import| signature_of(&import)).collect::<Result<Arc<[_]>, _>>()?;
        let linked = Linked::new(engine, module, &signatures)?;
        Ok(Self {
            linked,
            stack,
            interruption,
            signatures,
            #[cfg(feature = "fibers")]
            slots: None,
        })
    }

    /// Loads code as [`load`](Self::load) does, if nobody but the user of this
    /// process, or root, could have written it.
    ///
    /// That is what makes it safe: the file is trusted as a program is that this
    /// user starts, and by the same means. It must be a part of an image, and it
    /// must not be changed in its place; images are replaced, never changed. Whether
    /// somebody could have put another file in its place is for the image's store to see.
    ///
    /// # Errors
    /// [`EngineError::Untrusted`] if somebody else could have written the file, and
    /// what [`load`](Self::load) gives.
    pub fn load_own(compiled: File, interruption: Interruption) -> Result<Self, EngineError> {
        trust(&compiled)?;
        // SAFETY: the file belongs to this user or to root and nobody else may
        // write to it, so it says what the image builder, run by one of them,
        // wrote. A user who writes other bytes there of their own will could as
        // well change this very program.
        unsafe { Self::load(compiled, interruption) }
    }

    /// The module's imports, in order.
    pub fn signatures(&self) -> &Arc<[Signature]> {
        &self.signatures
    }

    /// Does now, on the thread that will run the guest, what the engine would else
    /// put off until then: what a locked-down process could no longer do.
    ///
    /// # Errors
    /// [`EngineError::Load`] if the initial memory cannot be had.
    pub fn prepare(&self) -> Result<(), EngineError> {
        Engine::tls_eager_initialize();
        self.linked
            .instance
            .module()
            .initialize_copy_on_write_image()
            .map_err(|error| EngineError::Load { reason: format!("{error:#}") })
    }

    /// Makes the guests of this program, in whatever threads they run, ask their
    /// [`EpochHook`]. A guest that asked a moment ago may miss it: advance it until it has
    /// asked. Guests that are not meant lose less than a microsecond.
    pub fn advance_epoch(&self) {
        self.linked.engine.increment_epoch();
        #[cfg(feature = "fibers")]
        if let Some(slots) = &self.slots {
            slots.advance_epoch();
        }
    }

    /// Runs a fresh guest to its end, in the calling thread. With
    /// [`Interruption::Kill`] that thread must have a stack of
    /// [`NATIVE_STACK_BYTES`](crate::NATIVE_STACK_BYTES) and some more.
    ///
    /// # Errors
    /// An [`EngineError`] if the guest cannot be started; whatever it does once
    /// started is an [`Ending`].
    pub fn run(
        &self,
        settings: &Settings,
        external: Box<dyn External>,
    ) -> Result<(Ending, Usage, Box<dyn External>), EngineError> {
        // Given back after the guest's memory, so declared before it.
        #[cfg(feature = "fibers")]
        let slot = self.slots.as_ref().and_then(|slots| slots.take(&settings.limits, &self.signatures));
        #[cfg(feature = "fibers")]
        let linked = slot.as_ref().map_or(&self.linked, |slot| slot.linked);
        #[cfg(not(feature = "fibers"))]
        let linked = &self.linked;
        let (mut store, _, ending) = self.execute(linked, settings, external)?;
        let usage = store.data().usage();
        let external = store.data_mut().external.take();
        external.map(|external| (ending, usage, external)).ok_or_else(left_open)
    }

    pub(crate) fn instantiate(
        &self,
        linked: &Linked,
        store: &mut Store<Host>,
    ) -> Result<Instance, EngineError> {
        self.stack.instantiate(&linked.instance, store).map_err(|error| {
            match store.data().limiter.refused() {
                // A start function may have asked for more, and failed for want of it.
                Some((memory_bytes, table_elements)) if !error.is::<wasmtime::Trap>() => {
                    EngineError::BeyondLimits { memory_bytes, table_elements }
                }
                _ => EngineError::Instantiate { reason: format!("{error:#}") },
            }
        })
    }

    /// Runs a fresh guest to its end, and gives it with all that it has left; no
    /// instance, if it was ended before it began.
    pub(crate) fn execute(
        &self,
        linked: &Linked,
        settings: &Settings,
        external: Box<dyn External>,
    ) -> Result<(Store<Host>, Option<Instance>, Ending), EngineError> {
        let limiter = Limiter::new(settings.limits);
        let (epoch_hook, interrupts) = (settings.epoch_hook.clone(), settings.interrupts.clone());
        let host = Host::new(limiter, self.stack, external, epoch_hook, interrupts);
        let mut store = Store::new(&linked.engine, host);
        store.limiter(|host| &mut host.limiter);
        if self.interruption == Interruption::Epoch {
            store.epoch_deadline_callback(|store| attend(store).map(|()| UpdateDeadline::Continue(1)));
            store.set_epoch_deadline(1);
            // From here on no advance is missed; what came before is looked at now.
            if attend(store.as_context_mut()).is_err() {
                return Ok((store, None, Ending::Ended));
            }
        }
        let instance = self.instantiate(linked, &mut store)?;
        let ending = run_instance(&mut store, &instance, settings)?;
        Ok((store, Some(instance), ending))
    }
}

/// Calls what is to be called in a guest that has not run.
pub(crate) fn run_instance(
    store: &mut Store<Host>,
    instance: &Instance,
    settings: &Settings,
) -> Result<Ending, EngineError> {
    let links = Links::find(store, instance, &settings.hooks)?;
    store.data_mut().links = Some(Arc::new(links));

    // Dropped before the store, and with it the guest's memory, is.
    let _connected = settings.interrupts.as_ref().map(|interrupts| interrupts.until_dropped());
    Ok(match call_exports(store, instance, settings)? {
        Ok(results) => Ending::Returned { results },
        Err(error) if error.is::<Ended>() => Ending::Ended,
        Err(error) => match error.downcast_ref() {
            Some(EndsGuest { number }) => Ending::Interrupted { number: *number },
            None => {
                let (kind, message, backtrace) = trap::describe(&error);
                Ending::Trapped { kind, message, backtrace }
            }
        },
    })
}

fn call_exports(
    store: &mut Store<Host>,
    instance: &Instance,
    settings: &Settings,
) -> Result<wasmtime::Result<Vec<u64>>, EngineError> {
    const INITIALIZE: &str = "_initialize";
    let stack = store.data().stack;
    let missing = |name: &str| EngineError::Export { name: name.to_owned(), expected: "() -> numbers" };
    let exports = settings
        .exports
        .iter()
        .map(|name| instance.get_func(&mut *store, name).ok_or_else(|| missing(name)))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(initialize) = instance.get_func(&mut *store, INITIALIZE)
        && let Err(error) = stack.call(store, &initialize, &mut [])
    {
        return Ok(Err(error));
    }
    if let Some(links) = store.data().links.clone() {
        let links = match links.ask(store, instance, &settings.hooks, stack) {
            Ok(links) => links,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(interrupts) = &settings.interrupts {
            interrupts.connect(links.table_location(store));
        }
        store.data_mut().links = Some(Arc::new(links));
        if let Err(error) = deliver(store.as_context_mut()) {
            return Ok(Err(error));
        }
    }
    let mut values = Vec::new();
    for (export, name) in exports.iter().zip(&settings.exports) {
        if name == INITIALIZE {
            continue;
        }
        let kind = export.ty(&*store);
        if kind.params().len() != 0 || kind.results().len() > caps::VALUES {
            return Err(missing(name));
        }
        values = vec![Val::I32(0); kind.results().len()];
        if let Err(error) = stack.call(store, export, &mut values) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(values.iter().map(raw).collect()))
}

/// Whether a file holds what this user, or root, has put there.
fn trust(file: &File) -> Result<(), EngineError> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let untrusted = |reason: String| EngineError::Untrusted { reason };
    let metadata = file.metadata().map_err(|error| untrusted(error.to_string()))?;
    let own = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        return Err(untrusted("it is no file".to_owned()));
    }
    if metadata.uid() != own && metadata.uid() != 0 {
        return Err(untrusted(format!("it belongs to user {}, not to user {own}", metadata.uid())));
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(untrusted("its group or every user may write to it".to_owned()));
    }
    Ok(())
}

fn left_open() -> EngineError {
    EngineError::Instantiate { reason: "a call was left open".to_owned() }
}

/// Gives every import the generic stub.
fn link(
    engine: &Engine,
    module: &Module,
    signatures: &[Signature],
) -> Result<InstancePre<Host>, EngineError> {
    let failed = |error: wasmtime::Error| EngineError::Load { reason: format!("{error:#}") };
    let mut linker = Linker::new(engine);
    let mut defined = HashMap::new();
    for (index, (import, signature)) in module.imports().zip(signatures).enumerate() {
        let ExternType::Func(kind) = import.ty() else { continue };
        match defined.insert((import.module(), import.name()), signature) {
            None => define(&mut linker, &import, kind, index, signature.clone()).map_err(failed)?,
            // The first one's stub serves both.
            Some(earlier) if earlier == signature => {}
            Some(earlier) => {
                return Err(EngineError::Import { import: format!("both {earlier} and {signature}") });
            }
        }
    }
    linker.instantiate_pre(module).map_err(failed)
}

fn define(
    linker: &mut Linker<Host>,
    import: &ImportType<'_>,
    kind: FuncType,
    index: usize,
    signature: Signature,
) -> wasmtime::Result<()> {
    let (module, name) = (import.module(), import.name());
    let stub = move |mut caller: Caller<'_, Host>, values: &mut [MaybeUninit<ValRaw>]| {
        answer(&mut caller, index, &signature, values)
    };
    // SAFETY: `signature` was made from this import's own type, `kind`, and
    // `answer` reads as many parameters of the types that it says, and writes as
    // many results. The engine makes room for the more of the two.
    unsafe { linker.func_new_unchecked(module, name, kind, stub)? };
    Ok(())
}

/// The generic stub: all that happens when a guest calls any import. `values`
/// holds the arguments, and the results in their place.
fn answer(
    caller: &mut Caller<'_, Host>,
    import: usize,
    signature: &Signature,
    values: &mut [MaybeUninit<ValRaw>],
) -> wasmtime::Result<()> {
    let Some(links) = caller.data().links.clone() else {
        return Err(wasmtime::Error::msg("the module makes an external call while it is instantiated"));
    };
    let Some(mut external) = caller.data_mut().external.take() else {
        return Err(wasmtime::Error::msg("the guest makes an external call inside a memory hook"));
    };
    // Loading has refused signatures with more values than the arrays hold.
    let mut arguments = [0; caps::VALUES];
    let arguments = &mut arguments[..signature.parameters.len()];
    for ((slot, value), kind) in arguments.iter_mut().zip(&*values).zip(&signature.parameters) {
        // SAFETY: the engine has filled in as many values as the function has
        // parameters.
        let value = unsafe { value.assume_init_ref() };
        *slot = match kind {
            ValueType::I32 => u64::from(value.get_u32()),
            ValueType::I64 => value.get_u64(),
            ValueType::F32 => u64::from(value.get_f32()),
            ValueType::F64 => value.get_f64(),
        };
    }
    let mut results = [0; caps::VALUES];
    let results = &mut results[..signature.results.len()];
    let outcome = external.call(import, arguments, results, &mut OpenCall { caller: &mut *caller, links });
    caller.data_mut().external = Some(external);
    match outcome {
        Ok(()) => {
            // An answer that says EINTR must not come before the signal itself.
            attend(caller.as_context_mut())?;
            for ((slot, value), kind) in values.iter_mut().zip(&*results).zip(&signature.results) {
                slot.write(match kind {
                    ValueType::I32 => ValRaw::u32(*value as u32),
                    ValueType::I64 => ValRaw::u64(*value),
                    ValueType::F32 => ValRaw::f32(*value as u32),
                    ValueType::F64 => ValRaw::f64(*value),
                });
            }
            Ok(())
        }
        Err(StopGuest::End) => Err(wasmtime::Error::new(Ended)),
        Err(StopGuest::Fault(error)) => Err(error),
    }
}

fn raw(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(bits) => u64::from(*bits),
        Val::F64(bits) => *bits,
        // Loading has refused every other type.
        _ => 0,
    }
}

fn signature_of(import: &ImportType<'_>) -> Result<Signature, EngineError> {
    let refused = || EngineError::Import { import: format!("{}.{}", import.module(), import.name()) };
    let types = |values: &mut dyn Iterator<Item = ValType>| {
        let one = |value| match value {
            ValType::I32 => Ok(ValueType::I32),
            ValType::I64 => Ok(ValueType::I64),
            ValType::F32 => Ok(ValueType::F32),
            ValType::F64 => Ok(ValueType::F64),
            _ => Err(refused()),
        };
        values.map(one).collect::<Result<Vec<_>, _>>()
    };
    let ExternType::Func(kind) = import.ty() else { return Err(refused()) };
    if kind.params().len() > caps::VALUES || kind.results().len() > caps::VALUES {
        return Err(refused());
    }
    Ok(Signature {
        module: import.module().to_owned(),
        name: import.name().to_owned(),
        parameters: types(&mut kind.params())?,
        results: types(&mut kind.results())?,
    })
}
