//! From the old form of wasm's exceptions to the standard's.
//!
//! The compiler makes `try`, `catch`, `delegate` and `rethrow`, the form of the
//! first proposal; engines run what became the standard, `try_table` and
//! `throw_ref`. A `try` becomes a `try_table` inside one block for each catch,
//! so that a handler begins where its block ends:
//!
//! ```text
//! try BODY catch $t HANDLER end      block $outer
//!                                      block $caught (result of $t)
//!                                        try_table (catch $t $caught) BODY end
//!                                        br $outer
//!                                      end
//!                                      HANDLER
//!                                    end
//! ```
//!
//! A `delegate` that skips handlers becomes a `try_table` that catches all and
//! branches to a block inside the `try` which is to handle it, where the same
//! exception is thrown again.

mod function;

use function::{Body, Unsupported};
use wasm_encoder::CodeSection;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{FuncType, FunctionBody, Operator, Parser, Payload};

/// Why a module's exceptions cannot be translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot translate the exceptions of the module: {reason}")]
pub struct TranslateError {
    reason: String,
}

/// The module with the standard's exceptions, or `None` if it has none of the
/// old form and may stay as it is.
///
/// # Errors
/// [`TranslateError`] if it is not valid wasm, or uses a form that no compiler
/// is known to make.
pub fn translate(wasm: &[u8]) -> Result<Option<Vec<u8>>, TranslateError> {
    let invalid = |error: wasmparser::BinaryReaderError| TranslateError { reason: error.to_string() };
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(wasm) {
        found.payload(payload.map_err(invalid)?).map_err(invalid)?;
    }
    // Only a module with a tag can throw, and only one that throws can catch.
    if !found.has_legacy {
        return Ok(None);
    }
    let mut module = wasm_encoder::Module::new();
    let mut translator = Translator { found: &found };
    translator
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| TranslateError { reason: error.to_string() })?;
    Ok(Some(module.finish()))
}

/// What the translation of one function needs of the module.
#[derive(Default)]
struct Found {
    types: Vec<Option<FuncType>>,
    /// The type of each tag, imported ones first.
    tags: Vec<u32>,
    /// The type of each function in the code section.
    functions: Vec<u32>,
    has_legacy: bool,
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
                    if let wasmparser::TypeRef::Tag(tag) = import?.ty {
                        self.tags.push(tag.func_type_idx);
                    }
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::FunctionSection(section) => {
                for function in section {
                    self.functions.push(function?);
                }
            }
            Payload::CodeSectionEntry(body) if !self.tags.is_empty() && !self.has_legacy => {
                self.has_legacy = is_legacy(&body)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn function_type(&self, index: u32) -> Option<&FuncType> {
        self.types.get(index as usize)?.as_ref()
    }

    fn tag(&self, tag: u32) -> Option<&FuncType> {
        self.function_type(*self.tags.get(tag as usize)?)
    }
}

fn is_legacy(body: &FunctionBody<'_>) -> Result<bool, wasmparser::BinaryReaderError> {
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        if matches!(
            operator,
            Operator::Try { .. }
                | Operator::Catch { .. }
                | Operator::CatchAll
                | Operator::Rethrow { .. }
                | Operator::Delegate { .. }
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Translator<'a> {
    found: &'a Found,
}

impl Reencode for Translator<'_> {
    type Error = Unsupported;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        function: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<Unsupported>> {
        if !is_legacy(&function)? {
            code.raw(function.as_bytes());
            return Ok(());
        }
        let number = code.len() as usize;
        let kind = self.found.functions.get(number).and_then(|index| self.found.function_type(*index));
        let kind = kind.ok_or(reencode::Error::UserError(Unsupported::Type))?;
        let mut body = Body::read(&function, kind, &|tag| self.found.tag(tag))?;
        code.function(&body.write(self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
