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

use crate::declarations::Declarations;
use function::{Body, Unsupported};
use wasm_encoder::CodeSection;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

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
    let mut declarations = Declarations::default();
    let mut has_legacy = false;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(invalid)?;
        declarations.payload(&payload).map_err(invalid)?;
        // Only a module with a tag can throw, and only one that throws can catch.
        if let Payload::CodeSectionEntry(body) = &payload
            && declarations.has_tags()
            && !has_legacy
        {
            has_legacy = is_legacy(body).map_err(invalid)?;
        }
    }
    if !has_legacy {
        return Ok(None);
    }
    let mut module = wasm_encoder::Module::new();
    let mut translator = Translator { declarations: &declarations };
    translator
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| TranslateError { reason: error.to_string() })?;
    Ok(Some(module.finish()))
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
    declarations: &'a Declarations,
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
        let kind = self.declarations.type_of_body(code.len());
        let kind = kind.ok_or(reencode::Error::UserError(Unsupported::Type))?;
        let mut body = Body::read(&function, kind, &|tag| self.declarations.tag(tag))?;
        code.function(&body.write(self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
