//! What a module says of its functions and tags before their code.

use wasmparser::{BinaryReaderError, CompositeInnerType, FuncType, Payload, TypeRef};

/// The types of a module, and what has which. Filled section by section.
#[derive(Default)]
pub(crate) struct Declarations {
    types: Vec<Option<FuncType>>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported_functions: u32,
    /// The type of each tag, imported ones first.
    tags: Vec<u32>,
}

impl Declarations {
    /// Takes what the section says; the sections come in the module's order.
    pub(crate) fn payload(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section.clone() {
                    for one in group?.into_types() {
                        self.types.push(match one.composite_type.inner {
                            CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    match import?.ty {
                        TypeRef::Func(index) => {
                            self.functions.push(index);
                            self.imported_functions += 1;
                        }
                        TypeRef::Tag(tag) => self.tags.push(tag.func_type_idx),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for function in section.clone() {
                    self.functions.push(function?);
                }
            }
            Payload::TagSection(section) => {
                for tag in section.clone() {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The function type of this index among all types.
    pub(crate) fn function_type(&self, index: u32) -> Option<&FuncType> {
        self.types.get(index as usize)?.as_ref()
    }

    /// The type of a function by its place among all.
    pub(crate) fn type_of(&self, function: u32) -> Option<&FuncType> {
        self.function_type(*self.functions.get(function as usize)?)
    }

    /// The type of the function whose body is at this place in the code section.
    pub(crate) fn type_of_body(&self, number: u32) -> Option<&FuncType> {
        self.type_of(self.imported_functions.checked_add(number)?)
    }

    /// Whether a function is imported: it runs nothing of the guest.
    pub(crate) fn is_import(&self, function: u32) -> bool {
        function < self.imported_functions
    }

    /// The type of what a tag carries.
    pub(crate) fn tag(&self, tag: u32) -> Option<&FuncType> {
        self.function_type(*self.tags.get(tag as usize)?)
    }

    pub(crate) fn has_tags(&self) -> bool {
        !self.tags.is_empty()
    }
}
