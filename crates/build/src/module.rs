//! What a finished module imports and exports.

use bellglass_wire::{Signature, ValueType};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    BinaryReader, ExternalKind, MemoryType, Parser, Payload, SectionLimited, SubType, TypeRef, ValType,
};

/// Why a module cannot become an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// It is not valid wasm.
    #[error(
        "the module is not valid wasm ({reason}): link it again; if a recipe makes it, the log of the step that links it says more"
    )]
    NotWasm {
        /// What the parser said.
        reason: String,
    },
    /// Its types are of a kind that no guest has.
    #[error(
        "the module has groups of types that name each other, which come with garbage collection by WebAssembly: compile it without the GC proposal"
    )]
    GroupedTypes,
    /// It imports what no external call can stand for.
    #[error(
        "the module imports {name}, which is not a function of plain numbers: only such functions can be answered, so have it defined in the module"
    )]
    StrangeImport {
        /// Module and name.
        name: String,
    },
    /// It is not a command.
    #[error("the module is not a command (it exports no _start): {advice}")]
    NoCommand {
        /// What can be done.
        advice: String,
    },
    /// It makes calls that nothing answers.
    #[error("nothing answers these calls of the module: {}. Define the functions, or list each with the reason why it may go unanswered", calls.join(", "))]
    Unknown {
        /// Their signatures.
        calls: Vec<String>,
    },
    /// What it computes with cannot be reached.
    #[error(
        "the module exports no memory named 'memory', in which calls find what they are given: export it"
    )]
    NoMemory,
    /// Its memory is of a kind that no guest has.
    #[error("the module's memory has 64-bit addresses (memory64): compile it for 32-bit ones")]
    Memory64,
    /// It lacks an export that the recipe names.
    #[error(
        "the module has no exported function '{name}', which is to be called: export it, or name another"
    )]
    NoExport {
        /// The name.
        name: String,
    },
}

/// What a group of types begins with in its section.
const GROUP: u8 = 0x4e;

/// The imports and exported functions of a module.
pub(crate) struct Module {
    pub imports: Vec<Signature>,
    pub exports: BTreeSet<String>,
    /// Parameters and results of each exported function of numbers.
    types: BTreeMap<String, (Vec<ValueType>, Vec<ValueType>)>,
    memory: Result<(), ModuleError>,
}

impl Module {
    pub fn read(wasm: &[u8]) -> Result<Self, ModuleError> {
        let invalid =
            |error: wasmparser::BinaryReaderError| ModuleError::NotWasm { reason: error.to_string() };
        let mut types: Vec<SubType> = Vec::new();
        // Of every function, the imported ones first.
        let mut functions: Vec<u32> = Vec::new();
        let mut module = Self {
            imports: Vec::new(),
            exports: BTreeSet::new(),
            types: BTreeMap::new(),
            memory: Err(ModuleError::NoMemory),
        };
        let mut memories: Vec<MemoryType> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(invalid)? {
                Payload::TypeSection(section) => {
                    let range = section.range();
                    // As single types: the parser makes room for as many as a group
                    // says that it has, and a few bytes may say a million.
                    let reader = BinaryReader::new(wasm.get(range.clone()).unwrap_or(&[]), range.start);
                    let mut section = SectionLimited::<SubType>::new(reader).map_err(invalid)?.into_iter();
                    loop {
                        let at = section.original_position();
                        let Some(next) = section.next() else { break };
                        match next {
                            Ok(next) => types.push(next),
                            Err(_) if wasm.get(at) == Some(&GROUP) => return Err(ModuleError::GroupedTypes),
                            Err(error) => return Err(invalid(error)),
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(invalid)?;
                        let strange = || ModuleError::StrangeImport {
                            name: format!("{}.{}", import.module, import.name),
                        };
                        let TypeRef::Func(index) = import.ty else { return Err(strange()) };
                        let signature = signature(import.module, import.name, types.get(index as usize));
                        module.imports.push(signature.ok_or_else(strange)?);
                        functions.push(index);
                    }
                }
                Payload::FunctionSection(section) => {
                    for function in section {
                        functions.push(function.map_err(invalid)?);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        memories.push(memory.map_err(invalid)?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.map_err(invalid)?;
                        if export.kind == ExternalKind::Memory && export.name == "memory" {
                            module.memory = match memories.get(export.index as usize) {
                                Some(memory) if memory.memory64 => Err(ModuleError::Memory64),
                                Some(_) => Ok(()),
                                None => Err(ModuleError::NoMemory),
                            };
                        }
                        if export.kind == ExternalKind::Func {
                            module.exports.insert(export.name.to_owned());
                            let index = functions.get(export.index as usize);
                            let kind = index.and_then(|index| types.get(*index as usize));
                            if let Some(Signature { parameters, results, .. }) = signature("", "", kind) {
                                module.types.insert(export.name.to_owned(), (parameters, results));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }

    /// Whether the module exports a function of this name and type.
    pub fn has(&self, name: &str, parameters: &[ValueType], results: &[ValueType]) -> bool {
        self.types.get(name).is_some_and(|(own, given)| own == parameters && given == results)
    }

    /// Why the module is not a command, with the first few exports that could be called
    /// in place of one.
    pub fn no_command(&self) -> ModuleError {
        const SHOWN: usize = 8;
        let callable = self.types.iter().filter(|(_, (parameters, _))| parameters.is_empty());
        // The engine calls the one by itself, and the controller the others.
        let is_own = |name: &String| name == "_initialize" || name.starts_with("bellglass_");
        let names: Vec<String> = callable
            .map(|(name, _)| name)
            .filter(|name| !is_own(name))
            .take(SHOWN)
            .map(|name| format!("'{name}'"))
            .collect();
        let advice = match names.is_empty() {
            true => "and no other function without parameters to call".to_owned(),
            false => format!("name an export to call with --entry, such as {}", names.join(", ")),
        };
        ModuleError::NoCommand { advice }
    }

    /// Checks that the module has a memory as guests have it.
    pub fn check_memory(&self) -> Result<(), ModuleError> {
        self.memory.clone()
    }

    /// Checks that every name is an exported function.
    pub fn check_exports<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), ModuleError> {
        for name in names {
            if !self.exports.contains(name) {
                return Err(ModuleError::NoExport { name: name.to_owned() });
            }
        }
        Ok(())
    }
}

/// Checks that each import has an answer, even if it is a refusal, or stands in
/// `allowed` by its name or signature.
pub(crate) fn check_calls(
    imports: &[Signature],
    allowed: &BTreeMap<String, String>,
) -> Result<(), ModuleError> {
    let is_unknown = |signature: &&Signature| {
        bellglass_system::lookup(signature).is_none()
            && !allowed.contains_key(&signature.name)
            && !allowed.contains_key(&signature.to_string())
    };
    let calls: Vec<String> = imports.iter().filter(is_unknown).map(Signature::to_string).collect();
    if calls.is_empty() { Ok(()) } else { Err(ModuleError::Unknown { calls }) }
}

/// The exported globals of a module that [`Module::read`] has read: the names of
/// the exports by the numbers of the globals.
pub(crate) fn global_exports(wasm: &[u8]) -> BTreeMap<u32, String> {
    let sections = Parser::new(0).parse_all(wasm).filter_map(Result::ok);
    let exports = sections.filter_map(|payload| match payload {
        Payload::ExportSection(section) => Some(section),
        _ => None,
    });
    let globals = exports.flatten().filter_map(Result::ok).filter(|one| one.kind == ExternalKind::Global);
    globals.map(|one| (one.index, one.name.to_owned())).collect()
}

fn signature(module: &str, name: &str, function: Option<&SubType>) -> Option<Signature> {
    let wasmparser::CompositeInnerType::Func(function) = &function?.composite_type.inner else { return None };
    let values = |types: &[ValType]| {
        let value = |one: &ValType| match one {
            ValType::I32 => Some(ValueType::I32),
            ValType::I64 => Some(ValueType::I64),
            ValType::F32 => Some(ValueType::F32),
            ValType::F64 => Some(ValueType::F64),
            _ => None,
        };
        types.iter().map(value).collect::<Option<Vec<_>>>()
    };
    Some(Signature {
        module: module.to_owned(),
        name: name.to_owned(),
        parameters: values(function.params())?,
        results: values(function.results())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(module (import "env" "f" (func (param i32 i64) (result f64)))
    ///          (func (export "go")))`
    const WASM: &[u8] = b"\0asm\x01\0\0\0\x01\x0a\x02\x60\x02\x7f\x7e\x01\x7c\x60\0\0\
        \x02\x09\x01\x03env\x01f\0\0\x03\x02\x01\x01\x07\x06\x01\x02go\0\x01\x0a\x04\x01\x02\0\x0b";

    #[test]
    fn imports_and_exports_are_read() {
        let module = Module::read(WASM).expect("a module");
        let imports: Vec<String> = module.imports.iter().map(Signature::to_string).collect();
        assert_eq!(imports, ["env.f(iI)F"]);
        assert_eq!(module.check_exports(["go"].into_iter()), Ok(()));
        assert!(module.has("go", &[], &[]) && !module.has("go", &[ValueType::I32], &[]));
        assert!(!module.has("stop", &[], &[]));
        assert_eq!(module.check_memory(), Err(ModuleError::NoMemory));
        let error = module.check_exports(["go", "stop"].into_iter());
        assert_eq!(error, Err(ModuleError::NoExport { name: "stop".to_owned() }));
    }

    #[test]
    fn a_memory_is_exported_and_has_32_bits() {
        let module = |kind| {
            let head = b"\0asm\x01\0\0\0\x05\x03\x01";
            let export = b"\x07\x0a\x01\x06memory\x02\0";
            [&head[..], &[kind, 1], export].concat()
        };
        let read = |kind| Module::read(&module(kind)).expect("a module").check_memory();
        assert_eq!(read(0), Ok(()));
        assert_eq!(read(4), Err(ModuleError::Memory64));
    }

    #[test]
    fn a_group_of_types_is_refused_before_there_is_room_for_it() {
        // A group that says that it has a million types, of which none is there.
        let module = b"\0asm\x01\0\0\0\x01\x05\x01\x4e\xc0\x84\x3d";
        assert_eq!(Module::read(module).err(), Some(ModuleError::GroupedTypes));
        // A function's type first, and then a group of one.
        let module = b"\0asm\x01\0\0\0\x01\x09\x02\x60\0\0\x4e\x01\x60\0\0";
        assert_eq!(Module::read(module).err(), Some(ModuleError::GroupedTypes));
    }

    #[test]
    fn damaged_modules_are_refused() {
        for length in 1..WASM.len() {
            // A module may end after any whole section, so not every cut is seen.
            let _ = Module::read(&WASM[..length]);
        }
        assert!(matches!(Module::read(b"\x7fELF"), Err(ModuleError::NotWasm { .. })));
        // A memory from outside is no function.
        let memory = b"\0asm\x01\0\0\0\x02\x0a\x01\x03env\x01m\x02\0\x01";
        assert!(matches!(Module::read(memory), Err(ModuleError::StrangeImport { .. })));
    }
}
