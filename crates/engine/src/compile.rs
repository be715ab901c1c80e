//! Compiling a module ahead of time. Only the image builder has this.

use crate::{EngineError, Interruption, Program, config};
use wasmtime::Module;

/// Compiles `wasm` to native code of this machine, for [`Program`](crate::Program)
/// to load with the same `interruption`.
///
/// # Errors
/// [`EngineError::Compile`] if it is not a valid module.
pub fn compile(wasm: &[u8], interruption: Interruption) -> Result<Vec<u8>, EngineError> {
    config::engine(interruption)?
        .precompile_module(wasm)
        .map_err(|error| EngineError::Compile { reason: format!("{error:#}") })
}

impl Program {
    /// Compiles `wasm` and loads what comes of it; gives the code as well, as
    /// [`compile`] does.
    ///
    /// # Errors
    /// [`EngineError::Compile`] if it is not a valid module, and what
    /// [`load`](Self::load) gives.
    pub fn compile(wasm: &[u8], interruption: Interruption) -> Result<(Self, Vec<u8>), EngineError> {
        let code = compile(wasm, interruption)?;
        let engine = config::engine(interruption)?;
        // SAFETY: the code was compiled just above, and nothing has changed it.
        let module = unsafe { Module::deserialize(&engine, &code) }
            .map_err(|error| EngineError::Load { reason: format!("{error:#}") })?;
        Ok((Self::of(engine, &module, interruption)?, code))
    }
}
