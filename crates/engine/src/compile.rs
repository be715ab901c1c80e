//! Compiling a module ahead of time. Only the image builder has this.

use crate::{EngineError, Interruption, config};

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
