//! The manifest: what is written beside an image's parts about them.

use crate::{ImageError, Sha256Digest};
use bellglass_wire::Signature;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The version of the manifest's format that this build writes and reads.
pub const FORMAT_VERSION: u64 = 1;

/// All that is known of an image beside its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT_VERSION`]; read before all else.
    pub format: u64,
    /// What the interpreter is called, for example `python`.
    pub name: String,
    /// The interpreter's version.
    pub version: String,
    /// How a guest is started.
    pub entry: Entry,
    /// The exports that serve the controller's memory messages.
    pub hooks: Hooks,
    /// What a guest finds as its argument zero.
    pub argument_zero: String,
    /// What a guest's environment holds unless its user says otherwise.
    pub environment: BTreeMap<String, String>,
    /// Every external call that the module can make, in the module's order.
    #[serde(with = "signatures")]
    pub imports: Vec<Signature>,
    /// The interpreter as wasm.
    pub module: Part,
    /// The interpreter as native code.
    pub compiled: Compiled,
    /// The base files.
    pub files: Part,
    /// Where the image comes from.
    pub origin: Origin,
}

/// The exports that run a guest. Each takes nothing and returns nothing, or an
/// exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The exports to call, in this order, to run a program from nothing.
    pub exports: Vec<String>,
    /// The export that starts the interpreter without a program, where the guest
    /// splits the two: what a snapshot is taken after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// The names of the guest's exports that serve the controller; see
/// [`bellglass_wire::Hooks`], which this becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// The guest's malloc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocate: Option<String>,
    /// The guest's free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<String>,
    /// Gives the address of the guest's errno.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_address: Option<String>,
    /// Gives the address of the words that an interrupt sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupt_table: Option<String>,
}

impl From<Hooks> for bellglass_wire::Hooks {
    fn from(hooks: Hooks) -> Self {
        Self {
            allocate: hooks.allocate,
            free: hooks.free,
            errno_address: hooks.errno_address,
            interrupt_table: hooks.interrupt_table,
        }
    }
}

/// What a part's file must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// Their number.
    pub size: u64,
}

/// What the compiled module's file must be, and what can load it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiled {
    /// The key of the engine that compiled it; another engine must not load it.
    pub engine: String,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// Their number.
    pub size: u64,
}

/// What an image was built from, when, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The digest of the recipe with all that it names.
    pub recipe: Sha256Digest,
    /// When the build ended, in seconds since 1970.
    pub built_at: u64,
    /// What built it: the program and its version.
    pub built_by: String,
}

impl Manifest {
    /// Reads a manifest from its text. `folder` is named in errors.
    ///
    /// # Errors
    /// [`ImageError::WrongFormat`] or [`ImageError::DamagedManifest`].
    pub fn parse(text: &[u8], folder: &Path) -> Result<Self, ImageError> {
        /// The one field that every version of the format has.
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let damaged = |reason: String| ImageError::DamagedManifest { path: folder.to_owned(), reason };
        let Format { format } = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        if format != FORMAT_VERSION {
            let path = folder.to_owned();
            return Err(ImageError::WrongFormat { path, found: format, expected: FORMAT_VERSION });
        }
        let manifest: Self = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        for word in [&manifest.name, &manifest.version] {
            if !is_word(word) {
                return Err(damaged(format!("'{word}' cannot be a name or a version")));
            }
        }
        Ok(manifest)
    }

    /// The text that [`Manifest::parse`] reads.
    pub fn to_json(&self) -> String {
        // A manifest is text, numbers, and maps with text as keys, and JSON has a
        // form for each of them.
        #[expect(clippy::unwrap_used, reason = "no manifest lacks a JSON form")]
        let mut text = serde_json::to_string_pretty(self).unwrap();
        text.push('\n');
        text
    }

    /// The name and version in one word, as the store and the command use it.
    pub fn full_name(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Bytes of all parts together.
    pub fn size(&self) -> u64 {
        // Untrusted sizes must not overflow into a panic.
        self.module.size.saturating_add(self.compiled.size).saturating_add(self.files.size)
    }
}

/// Whether a text can be an image's name or version: it becomes part of a
/// folder's name, so it must be one plain component of a path.
pub(crate) fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    text.len() <= 100
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(plain)
}

/// Signatures are written in their text form, which people can read.
mod signatures {
    use bellglass_wire::Signature;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(signatures: &[Signature], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(signatures.iter().map(Signature::to_string))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Signature>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::digest_of_bytes;

    pub(crate) fn example(name: &str, version: &str) -> Manifest {
        let part = || Part { sha256: digest_of_bytes(b"part"), size: 4 };
        Manifest {
            format: FORMAT_VERSION,
            name: name.to_owned(),
            version: version.to_owned(),
            entry: Entry { exports: vec!["bellglass_run".to_owned()], start: None },
            hooks: Hooks { allocate: Some("malloc".to_owned()), ..Hooks::default() },
            argument_zero: name.to_owned(),
            environment: BTreeMap::from([("HOME".to_owned(), "/home/guest".to_owned())]),
            imports: vec!["env.getpid()i".parse().expect("a signature")],
            module: part(),
            compiled: Compiled { engine: "toy".to_owned(), sha256: digest_of_bytes(b"part"), size: 4 },
            files: part(),
            origin: Origin { recipe: digest_of_bytes(b""), built_at: 1, built_by: "test".to_owned() },
        }
    }

    #[test]
    fn the_text_form_is_read_and_written_alike() {
        let manifest = example("python", "3.13.5");
        let text = manifest.to_json();
        assert!(text.contains("\"env.getpid()i\""));
        assert_eq!(Manifest::parse(text.as_bytes(), Path::new("x")).expect("a manifest"), manifest);
    }

    #[test]
    fn the_format_is_read_before_all_else() {
        let parse = |text: &str| Manifest::parse(text.as_bytes(), Path::new("x"));
        let found = parse(r#"{"format": 7, "new": "things"}"#);
        assert!(matches!(found, Err(ImageError::WrongFormat { found: 7, expected: 1, .. })));
        for damaged in ["", "{", "[]", "{}", r#"{"format": -1}"#, r#"{"format": 1, "name": "x"}"#] {
            assert!(matches!(parse(damaged), Err(ImageError::DamagedManifest { .. })), "{damaged}");
        }
        let unknown = example("a", "1").to_json().replacen('{', "{\"surprise\": 1,", 1);
        assert!(matches!(parse(&unknown), Err(ImageError::DamagedManifest { .. })));
    }

    #[test]
    fn a_name_is_one_component_of_a_path() {
        for name in ["python", "3.13.5", "3.14.0rc1", "a_b", "1+2"] {
            assert!(is_word(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a@b", "-x", "a b", "é", "a\0", &"a".repeat(101)] {
            assert!(!is_word(name), "{name}");
        }
        let text = example("../../etc", "1").to_json();
        let found = Manifest::parse(text.as_bytes(), Path::new("x"));
        assert!(matches!(found, Err(ImageError::DamagedManifest { .. })));
    }
}
