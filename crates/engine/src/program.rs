//! A loaded module, and one run of it.

use crate::guest::{External, Host, Interrupt, Links, OpenCall};
use crate::limiter::Limiter;
use crate::{EngineError, config, trap};
use bellglass_wire::{GuestLimits, Hooks, Signature, TrapKind, Usage, ValueType, caps};
use std::fs::File;
use wasmtime::{Caller, Engine, Extern, ExternType, Func, Instance, Module, Store, Val, ValType};

/// Compiled code that can be run. Loading is cheap: the code is mapped, not read.
pub struct Program {
    engine: Engine,
    module: Module,
    signatures: Vec<Signature>,
}

/// What a run is held to, and how its guest is served.
pub struct Settings {
    /// Memory and tables.
    pub limits: GuestLimits,
    /// The exports that memory operations use.
    pub hooks: Hooks,
    /// The exports to call, in order.
    pub exports: Vec<String>,
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
struct Ended;

impl Program {
    /// Loads code that [`compile`](crate::compile()) made.
    ///
    /// # Errors
    /// [`EngineError::Load`] if the code is for another engine or processor, and
    /// [`EngineError::Import`] if the module imports anything but functions.
    ///
    /// # Safety
    /// The file is native code and is run as such: it must be what the image
    /// builder wrote, and nothing may change it while it is loaded.
    pub unsafe fn load(compiled: File) -> Result<Self, EngineError> {
        let engine = config::engine()?;
        // SAFETY: the caller vouches for the file, as this function's own
        // contract asks.
        let module = unsafe { Module::deserialize_open_file(&engine, compiled) }
            .map_err(|error| EngineError::Load { reason: format!("{error:#}") })?;
        let signatures = module.imports().map(|import| signature_of(&import)).collect::<Result<_, _>>()?;
        Ok(Self { engine, module, signatures })
    }

    /// The module's imports, in order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Runs a fresh guest to its end. `ready` is told where to write interrupts,
    /// once the guest can take them.
    ///
    /// # Errors
    /// An [`EngineError`] if the guest cannot be started; whatever it does once
    /// started is an [`Ending`].
    pub fn run(
        &self,
        settings: &Settings,
        external: Box<dyn External>,
        ready: impl FnOnce(Option<Interrupt>),
    ) -> Result<(Ending, Usage, Box<dyn External>), EngineError> {
        let host = Host { limiter: Limiter::new(settings.limits), external: Some(external), links: None };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limiter);

        let stubs = self.stubs(&mut store);
        let instance = Instance::new(&mut store, &self.module, &stubs)
            .map_err(|error| EngineError::Instantiate { reason: format!("{error:#}") })?;
        let links = Links::find(&mut store, &instance, &settings.hooks)?;
        store.data_mut().links = Some(links);

        let ending = match self.call_exports(&mut store, &instance, settings, ready)? {
            Ok(results) => Ending::Returned { results },
            Err(error) if error.is::<Ended>() => Ending::Ended,
            Err(error) => {
                let (kind, message, backtrace) = trap::describe(&error);
                Ending::Trapped { kind, message, backtrace }
            }
        };
        let usage = store.data().usage();
        let external = store.data_mut().external.take();
        external
            .map(|external| (ending, usage, external))
            .ok_or_else(|| EngineError::Instantiate { reason: "a call was left open".to_owned() })
    }

    fn call_exports(
        &self,
        store: &mut Store<Host>,
        instance: &Instance,
        settings: &Settings,
        ready: impl FnOnce(Option<Interrupt>),
    ) -> Result<wasmtime::Result<Vec<u64>>, EngineError> {
        const INITIALIZE: &str = "_initialize";
        let missing = |name: &str| EngineError::Export { name: name.to_owned(), expected: "() -> numbers" };
        let exports = settings
            .exports
            .iter()
            .map(|name| instance.get_func(&mut *store, name).ok_or_else(|| missing(name)))
            .collect::<Result<Vec<_>, _>>()?;
        if let Some(initialize) = instance.get_func(&mut *store, INITIALIZE)
            && let Err(error) = initialize.call(&mut *store, &[], &mut [])
        {
            return Ok(Err(error));
        }
        if let Some(mut links) = store.data().links.clone() {
            if let Err(error) = links.ask(store, instance, &settings.hooks) {
                return Ok(Err(error));
            }
            ready(links.interrupt(store));
            store.data_mut().links = Some(links);
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
            if let Err(error) = export.call(&mut *store, &[], &mut values) {
                return Ok(Err(error));
            }
        }
        Ok(Ok(values.iter().map(raw).collect()))
    }

    fn stubs(&self, store: &mut Store<Host>) -> Vec<Extern> {
        let imports = self.module.imports().enumerate();
        let stub = |(index, import): (usize, wasmtime::ImportType<'_>)| match import.ty() {
            ExternType::Func(kind) => {
                let types = self.signatures[index].results.clone();
                let stub = move |mut caller: Caller<'_, Host>, arguments: &[Val], results: &mut [Val]| {
                    answer(&mut caller, index, arguments, &types, results)
                };
                Some(Extern::Func(Func::new(&mut *store, kind, stub)))
            }
            // Loading has refused every other import.
            _ => None,
        };
        imports.filter_map(stub).collect()
    }
}

/// The generic stub: all that happens when a guest calls any import.
fn answer(
    caller: &mut Caller<'_, Host>,
    import: usize,
    arguments: &[Val],
    types: &[ValueType],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let Some(links) = caller.data().links.clone() else {
        return Err(wasmtime::Error::msg("the module makes an external call while it is instantiated"));
    };
    let Some(mut external) = caller.data_mut().external.take() else {
        return Err(wasmtime::Error::msg("the guest makes an external call inside a memory hook"));
    };
    let mut raw_arguments = [0; caps::VALUES];
    for (slot, value) in raw_arguments.iter_mut().zip(arguments) {
        *slot = raw(value);
    }
    let mut raw_results = [0; caps::VALUES];
    // Loading has refused signatures with more values than the arrays hold.
    let (argument_count, result_count) = (arguments.len(), results.len());
    let outcome = external.call(
        import,
        &raw_arguments[..argument_count],
        &mut raw_results[..result_count],
        &mut OpenCall { caller: &mut *caller, links },
    );
    caller.data_mut().external = Some(external);
    match outcome {
        Ok(()) => {
            for ((slot, value), kind) in results.iter_mut().zip(raw_results).zip(types) {
                *slot = match kind {
                    ValueType::I32 => Val::I32(value as i32),
                    ValueType::I64 => Val::I64(value as i64),
                    ValueType::F32 => Val::F32(value as u32),
                    ValueType::F64 => Val::F64(value),
                };
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

fn signature_of(import: &wasmtime::ImportType<'_>) -> Result<Signature, EngineError> {
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
