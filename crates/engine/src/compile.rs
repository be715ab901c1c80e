//! Compiling a module ahead of time. Only the image builder has this.

use crate::{EngineError, Interruption, config};
use wasmtime::Engine;

/// Compiles modules to native code of this machine.
pub struct Compiler(Engine);

impl Compiler {
    /// Sets the engine up, for code that a [`Program`](crate::Program) loads with the
    /// same `interruption`.
    ///
    /// # Errors
    /// [`EngineError::Setup`] if it does not work on this machine.
    pub fn new(interruption: Interruption) -> Result<Self, EngineError> {
        config::engine(interruption).map(Self)
    }

    /// Compiles `wasm`. What that costs has no bound but the process's: the image
    /// builder does it in one of its own.
    ///
    /// # Errors
    /// [`EngineError::Compile`] if it is not a valid module.
    pub fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, EngineError> {
        let code = self.0.precompile_module(wasm);
        code.map_err(|error| EngineError::Compile { reason: format!("{error:#}") })
    }
}

/// Compiles `wasm` as a [`Compiler`] does that is set up for it.
///
/// # Errors
/// Those of both steps.
pub fn compile(wasm: &[u8], interruption: Interruption) -> Result<Vec<u8>, EngineError> {
    Compiler::new(interruption)?.compile(wasm)
}
