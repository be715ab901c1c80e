//! The manifest: what is written beside an image's parts about them.

use crate::image::FILES_FILE;
use crate::{CommandLine, ImageError, Sha256Digest};
use bellglass_wire::{Interruption, Pages, Signature, caps};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The version of the manifest's format that this build writes and reads.
pub const FORMAT_VERSION: u64 = 2;

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
    pub entry: EntryPoints,
    /// The exports that serve the controller's memory messages.
    pub hooks: Hooks,
    /// What a guest finds as its argument zero.
    pub argument_zero: String,
    /// How it reads its command line, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<CommandLine>,
    /// What a guest's environment holds unless its user says otherwise.
    pub environment: BTreeMap<String, String>,
    /// Every external call that the module can make, in the module's order.
    #[serde(with = "signatures")]
    pub imports: Vec<Signature>,
    /// The interpreter from nothing.
    pub module: Module,
    /// The started interpreter, if the image holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    /// The base files.
    pub files: Part,
    /// Where the image comes from.
    pub origin: Origin,
}

/// The exports that run a guest. Each takes nothing and returns nothing, or an
/// exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryPoints {
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

/// One module of an image: its wasm, and what was compiled of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// The wasm, from which it can be compiled again.
    pub wasm: Part,
    /// Its compiled forms, at most one for each [`Interruption`].
    pub compiled: Vec<Compiled>,
}

/// What a compiled module's file must be, and what can load it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compiled {
    /// How a guest in it that computes is ended.
    #[serde(with = "interruption")]
    pub interruption: Interruption,
    /// The key of the engine that compiled it; another engine must not load it.
    pub engine: String,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// Their number.
    pub size: u64,
}

/// The memory of an interpreter that has been started, as a module of its own
/// that goes on from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The module.
    pub module: Module,
    /// The exports to call, in this order, to run a program from here.
    pub exports: Vec<String>,
    /// Bytes of linear memory that a guest has at once. One that may have less
    /// begins from nothing.
    pub memory_bytes: u64,
    /// Which runs it can serve.
    pub serves: Serves,
    /// The pages of memory, as the first one's number and how many follow, that its
    /// rehearsal wrote to: what a cell that waits for its run writes to beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<(u32, u32)>,
}

/// Which runs a snapshot can serve: those that the start of the interpreter,
/// which is over, would not have served otherwise. It is data, so that whoever
/// applies it need not know the interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serves {
    /// The words that may stand first among the arguments, beside any that does
    /// not begin with `-`. Another one, or none at all, needs a fresh start.
    pub first_arguments: Vec<String>,
    /// A variable whose name begins with one of these, and whose value is not
    /// the image's own, needs a fresh start.
    pub fixed_environment: Vec<String>,
}

impl Serves {
    /// Whether a run with these arguments (without argument zero), in this
    /// environment, can begin from the snapshot of an image whose own environment
    /// is `image`.
    ///
    /// ```
    /// use bellglass_image::Serves;
    /// let serves = Serves {
    ///     first_arguments: vec!["-c".to_owned()],
    ///     fixed_environment: vec!["PYTHON".to_owned()],
    /// };
    /// let (image, none) = (Default::default(), Default::default());
    /// assert!(serves.run(&[b"-c".to_vec()], &none, &image));
    /// assert!(serves.run(&[b"program.py".to_vec(), b"-X".to_vec()], &none, &image));
    /// assert!(!serves.run(&[b"-X".to_vec()], &none, &image));
    /// ```
    pub fn run(
        &self,
        arguments: &[Vec<u8>],
        environment: &BTreeMap<Vec<u8>, Vec<u8>>,
        image: &BTreeMap<String, String>,
    ) -> bool {
        let first = arguments.first().is_some_and(|first| {
            !first.starts_with(b"-") || self.first_arguments.iter().any(|word| word.as_bytes() == first)
        });
        let is_fixed =
            |name: &[u8]| self.fixed_environment.iter().any(|prefix| name.starts_with(prefix.as_bytes()));
        let own = |name: &[u8]| {
            std::str::from_utf8(name).ok().and_then(|name| image.get(name)).map(String::as_bytes)
        };
        let changed = environment.iter().any(|(name, value)| is_fixed(name) && own(name) != Some(value));
        let missing =
            image.keys().any(|name| is_fixed(name.as_bytes()) && !environment.contains_key(name.as_bytes()));
        first && !changed && !missing
    }
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
        for start in [Start::Fresh, Start::Snapshot] {
            let compiled = manifest.module(start).map_or(&[][..], |module| &module.compiled);
            let twice = |one: &Interruption| {
                compiled.iter().filter(|compiled| compiled.interruption == *one).count() > 1
            };
            if let Some(one) = Interruption::ALL.into_iter().find(twice) {
                return Err(damaged(format!("it lists {} twice", start.compiled_file(one))));
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
        self.parts().iter().fold(0, |sum: u64, (_, part)| sum.saturating_add(part.size))
    }

    /// The module that a run begins with; `None` if the image holds no snapshot.
    pub fn module(&self, start: Start) -> Option<&Module> {
        match start {
            Start::Fresh => Some(&self.module),
            Start::Snapshot => self.snapshot.as_ref().map(|snapshot| &snapshot.module),
        }
    }

    /// The pages of memory that most runs write to, as far as that is known.
    pub fn written_pages(&self, start: Start) -> Vec<Pages> {
        let written = match (start, &self.snapshot) {
            (Start::Snapshot, Some(snapshot)) => &snapshot.written[..],
            _ => &[],
        };
        written.iter().map(|&(first, count)| Pages { first, count }).take(caps::WRITTEN_PAGES).collect()
    }

    /// The exports to call, in this order, to run a program.
    pub fn exports(&self, start: Start) -> &[String] {
        match (start, &self.snapshot) {
            (Start::Snapshot, Some(snapshot)) => &snapshot.exports,
            _ => &self.entry.exports,
        }
    }

    /// What a run with these arguments (without argument zero), this environment
    /// and this much memory begins with.
    pub fn start_for(
        &self,
        arguments: &[Vec<u8>],
        environment: &BTreeMap<Vec<u8>, Vec<u8>>,
        memory_bytes: u64,
    ) -> Start {
        match &self.snapshot {
            Some(snapshot)
                if snapshot.memory_bytes <= memory_bytes
                    && snapshot.serves.run(arguments, environment, &self.environment) =>
            {
                Start::Snapshot
            }
            _ => Start::Fresh,
        }
    }

    /// Every file of the image beside the manifest, and what it must be.
    pub fn parts(&self) -> Vec<(&'static str, Part)> {
        let mut parts = vec![(FILES_FILE, self.files.clone())];
        for start in [Start::Fresh, Start::Snapshot] {
            let Some(module) = self.module(start) else { continue };
            parts.push((start.wasm_file(), module.wasm.clone()));
            parts.extend(module.compiled.iter().map(|compiled| {
                let part = Part { sha256: compiled.sha256, size: compiled.size };
                (start.compiled_file(compiled.interruption), part)
            }));
        }
        parts
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

/// What a run begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// The interpreter from nothing.
    #[default]
    Fresh,
    /// The started interpreter.
    Snapshot,
}

impl Start {
    /// The file of its module as wasm.
    pub fn wasm_file(self) -> &'static str {
        match self {
            Self::Fresh => "module.wasm",
            Self::Snapshot => "snapshot.wasm",
        }
    }

    /// The file of its module compiled.
    pub fn compiled_file(self, interruption: Interruption) -> &'static str {
        match (self, interruption) {
            (Self::Fresh, Interruption::Kill) => "module.cwasm",
            (Self::Fresh, Interruption::Epoch) => "module-epoch.cwasm",
            (Self::Snapshot, Interruption::Kill) => "snapshot.cwasm",
            (Self::Snapshot, Interruption::Epoch) => "snapshot-epoch.cwasm",
        }
    }
}

/// The kinds of interruption are written by their names.
mod interruption {
    use bellglass_wire::Interruption;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &Interruption, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Interruption, D::Error> {
        let name = String::deserialize(deserializer)?;
        Interruption::ALL
            .into_iter()
            .find(|one| one.name() == name)
            .ok_or_else(|| D::Error::custom(format!("there is no interruption '{name}'")))
    }
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

    /// A module whose parts are the four bytes `part`.
    pub(crate) fn module(engine: &str) -> Module {
        let sha256 = digest_of_bytes(b"part");
        let interruption = Interruption::Kill;
        Module {
            wasm: Part { sha256, size: 4 },
            compiled: vec![Compiled { interruption, engine: engine.to_owned(), sha256, size: 4 }],
        }
    }

    pub(crate) fn example(name: &str, version: &str) -> Manifest {
        let part = || Part { sha256: digest_of_bytes(b"part"), size: 4 };
        Manifest {
            format: FORMAT_VERSION,
            name: name.to_owned(),
            version: version.to_owned(),
            entry: EntryPoints { exports: vec!["bellglass_run".to_owned()], start: None },
            hooks: Hooks { allocate: Some("malloc".to_owned()), ..Hooks::default() },
            argument_zero: name.to_owned(),
            command_line: None,
            environment: BTreeMap::from([("HOME".to_owned(), "/home/guest".to_owned())]),
            imports: vec!["env.getpid()i".parse().expect("a signature")],
            module: module("toy"),
            snapshot: None,
            files: part(),
            origin: Origin { recipe: digest_of_bytes(b""), built_at: 1, built_by: "test".to_owned() },
        }
    }

    #[test]
    fn the_text_form_is_read_and_written_alike() {
        let manifest = example("python", "3.14.6");
        let text = manifest.to_json();
        assert!(text.contains("\"env.getpid()i\""));
        assert_eq!(Manifest::parse(text.as_bytes(), Path::new("x")).expect("a manifest"), manifest);
    }

    #[test]
    fn the_format_is_read_before_all_else() {
        let parse = |text: &str| Manifest::parse(text.as_bytes(), Path::new("x"));
        let found = parse(r#"{"format": 7, "new": "things"}"#);
        assert!(matches!(found, Err(ImageError::WrongFormat { found: 7, expected: 2, .. })));
        for damaged in ["", "{", "[]", "{}", r#"{"format": -1}"#, r#"{"format": 2, "name": "x"}"#] {
            assert!(matches!(parse(damaged), Err(ImageError::DamagedManifest { .. })), "{damaged}");
        }
        let unknown = example("a", "1").to_json().replacen('{', "{\"surprise\": 1,", 1);
        assert!(matches!(parse(&unknown), Err(ImageError::DamagedManifest { .. })));
    }

    #[test]
    fn the_snapshot_serves_what_it_says_and_nothing_else() {
        let mut manifest = example("python", "1");
        manifest.environment.insert("LANG".to_owned(), "C.UTF-8".to_owned());
        manifest.command_line =
            Some(CommandLine { with_argument: vec!["-X".to_owned()], ..CommandLine::default() });
        manifest.snapshot = Some(Snapshot {
            module: module("toy"),
            exports: vec!["go_on".to_owned()],
            memory_bytes: 100,
            serves: Serves {
                first_arguments: vec!["-c".to_owned(), "-".to_owned()],
                fixed_environment: vec!["LANG".to_owned(), "PYTHON".to_owned()],
            },
            written: vec![(3, 2), (9, 1)],
        });
        let text = manifest.to_json();
        assert_eq!(Manifest::parse(text.as_bytes(), Path::new("x")).expect("a manifest"), manifest);
        let own = [("HOME", "/home/guest"), ("LANG", "C.UTF-8")];
        let start = |arguments: &[&str], changes: &[(&str, &str)], memory_bytes| {
            let arguments: Vec<_> = arguments.iter().map(|word| word.as_bytes().to_vec()).collect();
            let environment = own.iter().chain(changes).filter(|(_, value)| !value.is_empty());
            let mut environment: BTreeMap<_, _> = environment
                .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
                .collect();
            for (name, _) in changes.iter().filter(|(_, value)| value.is_empty()) {
                environment.remove(name.as_bytes());
            }
            manifest.start_for(&arguments, &environment, memory_bytes)
        };
        for arguments in [&["-c", "x"][..], &["x.py", "-I"], &["-"]] {
            assert_eq!(start(arguments, &[], 100), Start::Snapshot, "{arguments:?}");
        }
        for arguments in [&[][..], &["-I", "x.py"], &["-cx"], &["--"]] {
            assert_eq!(start(arguments, &[], 100), Start::Fresh, "{arguments:?}");
        }
        assert_eq!(start(&["-c"], &[], 99), Start::Fresh);
        assert_eq!(start(&["-c"], &[("HOME", "/elsewhere"), ("TZ", "UTC")], 100), Start::Snapshot);
        for changed in [("LANG", "C"), ("LANG", ""), ("PYTHONPATH", "/x"), ("LANGUAGE", "de")] {
            assert_eq!(start(&["-c"], &[changed], 100), Start::Fresh, "{changed:?}");
        }
        assert_eq!(manifest.exports(Start::Snapshot), ["go_on"]);
        let files: Vec<_> = manifest.parts().into_iter().map(|(file, _)| file).collect();
        assert_eq!(files, ["files.pack", "module.wasm", "module.cwasm", "snapshot.wasm", "snapshot.cwasm"]);
    }

    #[test]
    fn one_file_cannot_be_two_parts() {
        let mut manifest = example("python", "1");
        let again = manifest.module.compiled.clone();
        manifest.module.compiled.extend(again);
        let found = Manifest::parse(manifest.to_json().as_bytes(), Path::new("x"));
        assert!(matches!(found, Err(ImageError::DamagedManifest { .. })));
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
