//! Compiling a module ahead of time. Only the image builder has this.

use crate::{EngineError, config};

/// Compiles `wasm` to native code of this machine, for [`Program`](crate::Program)
/// to load.
///
/// # Errors
/// [`EngineError::Compile`] if it is not a valid module.
pub fn compile(wasm: &[u8]) -> Result<Vec<u8>, EngineError> {
    config::engine()?
        .precompile_module(wasm)
        .map_err(|error| EngineError::Compile { reason: format!("{error:#}") })
}
