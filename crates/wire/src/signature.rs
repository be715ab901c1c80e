//! Signatures: the only name that an external call has.

use crate::codec::{Reader, Writer};
use crate::{WireError, caps, is_plain};
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The type of a parameter or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ValueType {
    /// A 32-bit integer or a pointer; written `i`.
    I32,
    /// A 64-bit integer; written `I`.
    I64,
    /// A 32-bit float; written `f`.
    F32,
    /// A 64-bit float; written `F`.
    F64,
}

impl ValueType {
    /// The letter that stands for this type in a signature.
    pub fn letter(self) -> char {
        match self {
            Self::I32 => 'i',
            Self::I64 => 'I',
            Self::F32 => 'f',
            Self::F64 => 'F',
        }
    }

    fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'i' => Some(Self::I32),
            b'I' => Some(Self::I64),
            b'f' => Some(Self::F32),
            b'F' => Some(Self::F64),
            _ => None,
        }
    }
}

/// What identifies an external call: the module and name under which the guest
/// imports it, and the types of its parameters and results.
///
/// Its text form is `module.name(params)results`.
///
/// ```
/// let signature: bellglass_wire::Signature = "wasi_snapshot_preview1.fd_write(iiii)i".parse()?;
/// assert_eq!(signature.name, "fd_write");
/// assert_eq!(signature.parameters.len(), 4);
/// # Ok::<(), bellglass_wire::ParseSignatureError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature {
    /// The module that the guest imports from.
    pub module: String,
    /// The name of the function in it.
    pub name: String,
    /// The types of the arguments, in order.
    pub parameters: Vec<ValueType>,
    /// The types of the results, in order; C functions have at most one.
    pub results: Vec<ValueType>,
}

impl Signature {
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        writer.text("module name", &self.module, caps::NAME_BYTES);
        writer.text("function name", &self.name, caps::NAME_BYTES);
        for (field, types) in [("parameters", &self.parameters), ("results", &self.results)] {
            let letters: Vec<u8> = types.iter().map(|one| one.letter() as u8).collect();
            writer.bytes(field, &letters, caps::VALUES);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        fn types(reader: &mut Reader<'_>, field: &'static str) -> Result<Vec<ValueType>, WireError> {
            let letters = reader.bytes(field, caps::VALUES)?;
            let type_of = |letter: &u8| {
                ValueType::from_letter(*letter)
                    .ok_or(WireError::Undefined { field, value: u64::from(*letter) })
            };
            letters.iter().map(type_of).collect()
        }
        Ok(Self {
            module: reader.text("module name", caps::NAME_BYTES)?,
            name: reader.text("function name", caps::NAME_BYTES)?,
            parameters: types(reader, "parameters")?,
            results: types(reader, "results")?,
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name comes from a module, and may be any text.
        let safe = |character| if is_plain(character) { character } else { '\u{fffd}' };
        let names = self.module.chars().chain(['.']).chain(self.name.chars());
        names.map(safe).try_for_each(|character| formatter.write_char(character))?;
        write!(formatter, "(")?;
        for one in &self.parameters {
            write!(formatter, "{}", one.letter())?;
        }
        write!(formatter, ")")?;
        for one in &self.results {
            write!(formatter, "{}", one.letter())?;
        }
        Ok(())
    }
}

/// A text that is not of the form `module.name(params)results`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a signature: write module.name(params)results, with i, I, f or F for each value")]
pub struct ParseSignatureError {
    text: String,
}

impl FromStr for Signature {
    type Err = ParseSignatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        fn types(letters: &str) -> Option<Vec<ValueType>> {
            letters.bytes().map(ValueType::from_letter).collect()
        }
        let parse = || {
            let (path, values) = text.rsplit_once('(')?;
            let (module, name) = path.rsplit_once('.')?;
            let (parameters, results) = values.split_once(')')?;
            if module.is_empty() || name.is_empty() {
                return None;
            }
            Some(Self {
                module: module.to_owned(),
                name: name.to_owned(),
                parameters: types(parameters)?,
                results: types(results)?,
            })
        };
        parse().ok_or_else(|| ParseSignatureError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_read_and_written_alike() {
        for text in ["env.getpid()i", "a.b.c(iIfF)", "wasi_snapshot_preview1.fd_seek(iIii)i"] {
            let signature: Signature = text.parse().expect("a signature");
            assert_eq!(signature.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_signature_is_refused() {
        for text in ["", "getpid()i", "env.getpid", "env.getpid(x)i", "env.(i)i", "env.f(i", ".f()"] {
            assert!(text.parse::<Signature>().is_err(), "{text}");
        }
    }
}
