//! Keeping a conservative garbage collector's roots where it looks for them.
//!
//! Such a collector walks the C stack and takes whatever looks like a pointer.
//! WebAssembly keeps the values of a function in locals and on its own operand
//! stack, which are not in memory. With `--keep-roots`, each function that calls
//! another gets a place in the stack in memory, and before each call it writes
//! there what it will still need afterwards: the locals that are live across the
//! call, and what waits on the operand stack. It costs speed, and only programs
//! that ask for it pay.

mod function;
mod liveness;

use crate::declarations::Declarations;
use function::Plan;
use wasm_encoder::CodeSection;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{FunctionBody, Parser, Payload, ValType, ValidPayload, Validator, WasmFeatures};

/// Why a module's roots cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot keep the roots of the module: {reason}")]
pub struct RootsError {
    reason: String,
}

/// The module with its roots in the stack in memory.
///
/// # Errors
/// [`RootsError`] if it is not valid, or has no stack pointer as its first
/// global, as the linker makes it.
pub fn keep_roots(wasm: &[u8]) -> Result<Vec<u8>, RootsError> {
    let invalid = |error: wasmparser::BinaryReaderError| RootsError { reason: error.to_string() };
    let mut declarations = Declarations::default();
    let mut has_stack_pointer = false;
    let mut plans = Vec::new();
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            let mut checked = function.into_validator(Default::default());
            plans.push(Plan::make(&body, &mut checked, &declarations).map_err(invalid)?);
        }
        declarations.payload(&payload).map_err(invalid)?;
        if let Payload::GlobalSection(section) = payload
            && let Some(first) = section.into_iter().next()
        {
            let kind = first.map_err(invalid)?.ty;
            has_stack_pointer = kind.mutable && kind.content_type == ValType::I32;
        }
    }
    if !has_stack_pointer {
        return Err(RootsError { reason: "its first global is not a stack pointer".to_owned() });
    }
    let mut module = wasm_encoder::Module::new();
    let mut writer = Writer { plans: &plans };
    writer
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| RootsError { reason: error.to_string() })?;
    Ok(module.finish())
}

struct Writer<'a> {
    plans: &'a [Plan],
}

impl Reencode for Writer<'_> {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        function: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        match self.plans.get(code.len() as usize) {
            Some(plan) if plan.keeps_anything() => {
                code.function(&plan.write(&function, self)?);
            }
            _ => {
                code.raw(function.as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
