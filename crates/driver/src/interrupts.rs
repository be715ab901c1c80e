//! Having a program that computes look for interrupts.
//!
//! A handler of a C program is a function of the guest, and can run only where the
//! guest calls it. Calls that wait do (the C library's `waits.c`); a program that
//! computes makes none. So in a program that has handlers, loops look at a word of
//! memory that every interrupt sets, and call the library if it is set. A program
//! without handlers, or with an interrupt table of its own, is left as it is.
//!
//! Which loops look is chosen by what a handler can do to them, and by what a look
//! costs: next to nothing in a loop that calls something anyway, a good deal in a
//! small one that does not. These do:
//!
//! - a loop with a call in it;
//! - a loop without that reads a variable at a fixed place: it may wait for a
//!   handler to change it;
//! - the outermost of other loops, if the function calls something, or the loop has
//!   another inside of it or no end: a small one in a small function does not last.
//!
//! Left out are the functions that the controller calls while a call is open
//! (`malloc` and `free`) and what they call, where a handler's own calls would be
//! refused; and loops with calls in a function that catches, which is one that calls
//! `setjmp`: what a handler throws there would miss the function's own `setjmp`,
//! while what it throws inside of the call does not.

mod loops;

use crate::declarations::Declarations;
use loops::Body;
use std::collections::BTreeSet;
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{BlockType, CodeSection, Function, Instruction, MemArg};
use wasmparser::{ExternalKind, FunctionBody, Parser, Payload};

/// What the library exports in a program that is to be changed here: a function
/// that gives the address of the word, and the function to call.
const WORD: &str = "bellglass_interrupt_word";
const INTERRUPTED: &str = "bellglass_interrupted";

/// What the controller calls while a call is open.
const HOOKS: [&str; 2] = ["malloc", "free"];

/// Why a module's loops cannot be given a look.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot make the module's loops look for interrupts: {reason}")]
pub struct InterruptsError {
    reason: String,
}

/// The module with loops that look for interrupts, or `None` if it stays as it is.
///
/// # Errors
/// [`InterruptsError`] if it is not valid wasm.
pub fn look_in_loops(wasm: &[u8]) -> Result<Option<Vec<u8>>, InterruptsError> {
    let invalid = |error: wasmparser::BinaryReaderError| InterruptsError { reason: error.to_string() };
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(wasm) {
        module.payload(&payload.map_err(invalid)?).map_err(invalid)?;
    }
    let Some(plan) = module.plan() else { return Ok(None) };
    let mut changed = wasm_encoder::Module::new();
    Writer { plan: &plan }
        .parse_core_module(&mut changed, Parser::new(0), wasm)
        .map_err(|error| InterruptsError { reason: error.to_string() })?;
    Ok(Some(changed.finish()))
}

/// What a module says that matters here.
#[derive(Default)]
struct Module {
    declarations: Declarations,
    imported_functions: u32,
    /// Its exported functions.
    functions: Vec<(String, u32)>,
    bodies: Vec<Body>,
}

/// What is to be done.
struct Plan {
    /// The address of the word.
    word: u32,
    /// The function to call.
    interrupted: u32,
    /// For each body, the places of the loops that look.
    loops: Vec<BTreeSet<usize>>,
}

impl Module {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<(), wasmparser::BinaryReaderError> {
        self.declarations.payload(payload)?;
        match payload {
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    if let wasmparser::TypeRef::Func(_) = import?.ty {
                        self.imported_functions += 1;
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        self.functions.push((export.name.to_owned(), export.index));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(Body::read(body)?),
            _ => {}
        }
        Ok(())
    }

    fn function(&self, name: &str) -> Option<u32> {
        self.functions.iter().find(|(known, _)| known == name).map(|(_, index)| *index)
    }

    fn body(&self, function: u32) -> Option<&Body> {
        self.bodies.get(function.checked_sub(self.imported_functions)? as usize)
    }

    fn plan(&self) -> Option<Plan> {
        let word = self.body(self.function(WORD)?)?.constant()?;
        let interrupted = self.function(INTERRUPTED)?;
        let quiet = self.called_by(HOOKS.iter().filter_map(|name| self.function(name)).collect());
        let mut loops: Vec<BTreeSet<usize>> = Vec::with_capacity(self.bodies.len());
        for (function, body) in (self.imported_functions..).zip(&self.bodies) {
            loops.push(if quiet.contains(&function) { BTreeSet::new() } else { body.looking() });
        }
        Some(Plan { word, interrupted, loops })
    }

    /// These functions and all that they call by name.
    fn called_by(&self, mut found: BTreeSet<u32>) -> BTreeSet<u32> {
        let mut left: Vec<u32> = found.iter().copied().collect();
        while let Some(function) = left.pop() {
            for called in self.body(function).into_iter().flat_map(Body::calls) {
                if found.insert(*called) {
                    left.push(*called);
                }
            }
        }
        found
    }
}

struct Writer<'a> {
    plan: &'a Plan,
}

impl Reencode for Writer<'_> {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        function: FunctionBody<'_>,
    ) -> Result<(), reencode::Error<Self::Error>> {
        let looking = match self.plan.loops.get(code.len() as usize) {
            Some(looking) if !looking.is_empty() => looking,
            _ => {
                code.raw(function.as_bytes());
                return Ok(());
            }
        };
        let mut locals = Vec::new();
        for local in function.get_locals_reader()? {
            let (count, kind) = local?;
            locals.push((count, self.val_type(kind)?));
        }
        let mut body = Function::new(locals);
        for (at, operator) in function.get_operators_reader()?.into_iter().enumerate() {
            body.instruction(&self.instruction(operator?)?);
            if looking.contains(&at) {
                let word = MemArg { offset: u64::from(self.plan.word), align: 2, memory_index: 0 };
                body.instruction(&Instruction::I32Const(0));
                body.instruction(&Instruction::I32Load(word));
                body.instruction(&Instruction::If(BlockType::Empty));
                body.instruction(&Instruction::Call(self.plan.interrupted));
                body.instruction(&Instruction::End);
            }
        }
        code.function(&body);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
