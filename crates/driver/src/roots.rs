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

use function::Plan;
use wasm_encoder::CodeSection;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{FuncType, FunctionBody, Parser, Payload, ValidPayload, Validator, WasmFeatures};

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
    let mut found = Found::default();
    let mut plans = Vec::new();
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        if let ValidPayload::Func(function, body) = validator.payload(&payload).map_err(invalid)? {
            let mut checked = function.into_validator(Default::default());
            plans.push(Plan::make(&body, &mut checked, &found).map_err(invalid)?);
        }
        found.payload(payload).map_err(invalid)?;
    }
    if !found.has_stack_pointer {
        return Err(RootsError { reason: "its first global is no stack pointer".to_owned() });
    }
    let mut module = wasm_encoder::Module::new();
    let mut writer = Writer { plans: &plans };
    writer
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| RootsError { reason: error.to_string() })?;
    Ok(module.finish())
}

/// What must be known of the module to read a function.
#[derive(Default)]
pub(crate) struct Found {
    types: Vec<Option<FuncType>>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported: u32,
    has_stack_pointer: bool,
}

impl Found {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), wasmparser::BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for one in group?.into_types() {
                        self.types.push(match one.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let wasmparser::TypeRef::Func(index) = import?.ty {
                        self.functions.push(index);
                        self.imported += 1;
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for function in section {
                    self.functions.push(function?);
                }
            }
            Payload::GlobalSection(section) => {
                if let Some(first) = section.into_iter().next() {
                    let kind = first?.ty;
                    self.has_stack_pointer = kind.mutable && kind.content_type == wasmparser::ValType::I32;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function_type(&self, index: u32) -> Option<&FuncType> {
        self.types.get(index as usize)?.as_ref()
    }

    /// The type of a function by its place among all.
    fn type_of(&self, function: u32) -> Option<&FuncType> {
        self.function_type(*self.functions.get(function as usize)?)
    }

    /// An import runs nothing of the guest.
    fn is_import(&self, function: u32) -> bool {
        function < self.imported
    }
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
