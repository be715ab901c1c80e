//! What a guest leaves when its exports have returned: a snapshot is made of it.

use crate::guest::MEMORY;
use crate::{Ending, EngineError, External, Program, Settings};
use bellglass_wire::Usage;
use std::collections::BTreeMap;
use wasmtime::{Extern, Val};

/// All of a guest that its exports show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestState {
    /// Its memory.
    pub memory: Vec<u8>,
    /// Its exported globals, by the names of the exports.
    pub globals: BTreeMap<String, GlobalValue>,
}

/// What a global holds; floats as their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobalValue {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// An `f32`.
    F32(u32),
    /// An `f64`.
    F64(u64),
}

impl Program {
    /// Runs a fresh guest until its exports have returned, as
    /// [`run`](Self::run) does, and gives what it then is. A global of another
    /// type than numbers is left out.
    ///
    /// # Errors
    /// An [`EngineError`] if the guest cannot be started.
    pub fn run_and_keep(
        &self,
        settings: &Settings,
        external: Box<dyn External>,
    ) -> Result<(Ending, Usage, GuestState), EngineError> {
        let (mut store, instance, ending) = self.execute(&self.linked, settings, external)?;
        let usage = store.data().usage();
        let Some(instance) = instance else {
            return Ok((ending, usage, GuestState { memory: Vec::new(), globals: BTreeMap::new() }));
        };
        let memory = instance.get_memory(&mut store, MEMORY);
        let memory = memory.map_or_else(Vec::new, |memory| memory.data(&store).to_vec());
        let exports =
            instance.exports(&mut store).map(|export| (export.name().to_owned(), export.into_extern()));
        let exports: Vec<(String, Extern)> = exports.collect();
        let mut globals = BTreeMap::new();
        for (name, global) in exports {
            let Extern::Global(global) = global else { continue };
            let value = match global.get(&mut store) {
                Val::I32(value) => GlobalValue::I32(value),
                Val::I64(value) => GlobalValue::I64(value),
                Val::F32(bits) => GlobalValue::F32(bits),
                Val::F64(bits) => GlobalValue::F64(bits),
                _ => continue,
            };
            globals.insert(name, value);
        }
        Ok((ending, usage, GuestState { memory, globals }))
    }
}
