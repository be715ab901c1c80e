//! For tests only: images of toy guests, and images whose cell reads a script
//! (see the program `lying-cell`).
#![forbid(unsafe_code)]

mod alone;

pub use alone::run_alone;

use bellglass_image::{
    Compiled, EntryPoints, FILES_FILE, FORMAT_VERSION, Hooks, Image, Manifest, Module, Origin, Part, Start,
    Store, digest_of_bytes,
};
use bellglass_wire::{Interruption, Signature};
use std::collections::BTreeMap;
use std::path::Path;

/// An image in a folder of its own, which goes away with it.
pub struct ToyImage {
    folder: tempfile::TempDir,
}

impl ToyImage {
    /// An image of a module in the text format. It must export `memory` and
    /// `run`; a `malloc`, `free` or `errno` that it exports becomes a hook.
    ///
    /// # Panics
    /// If the module is not right: this is for tests.
    pub fn from_wat(text: &str) -> Self {
        let wasm = wat::parse_str(text).expect("a right module");
        let compiled =
            |interruption| bellglass_engine::compile(&wasm, interruption).expect("a module that compiles");
        let hook = |name: &str| text.contains(&format!("(export \"{name}\")")).then(|| name.to_owned());
        let hooks = Hooks {
            allocate: hook("malloc"),
            free: hook("free"),
            errno_address: hook("errno"),
            interrupt_table: hook("interrupts"),
        };
        Self::seal(&wasm, compiled, hooks, Vec::new())
    }

    /// An image whose compiled module is a script for the lying cell, which says
    /// that it imports `a.b(i)i` and has a malloc and a free.
    pub fn from_script(script: &str) -> Self {
        let imports = vec!["a.b(i)i".parse().expect("a signature")];
        let hooks = Hooks {
            allocate: Some("malloc".to_owned()),
            free: Some("free".to_owned()),
            errno_address: None,
            interrupt_table: None,
        };
        Self::seal(b"", |_| script.as_bytes().to_vec(), hooks, imports)
    }

    fn seal(
        wasm: &[u8],
        compiled: impl Fn(Interruption) -> Vec<u8>,
        hooks: Hooks,
        imports: Vec<Signature>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let staging = store.stage().expect("a place for the parts");
        let part = |name: &str, bytes: &[u8]| {
            std::fs::write(staging.part(name), bytes).expect("a part");
            Part { sha256: digest_of_bytes(bytes), size: bytes.len() as u64 }
        };
        let native = |interruption| {
            let Part { sha256, size } =
                part(Start::Fresh.compiled_file(interruption), &compiled(interruption));
            let engine = bellglass_engine::compatibility_key(interruption);
            Compiled { interruption, engine, sha256, size }
        };
        let module = Module {
            wasm: part(Start::Fresh.wasm_file(), wasm),
            compiled: Interruption::ALL.into_iter().map(native).collect(),
        };
        let files = part(FILES_FILE, &empty_pack());
        let manifest = Manifest {
            format: FORMAT_VERSION,
            name: "toy".to_owned(),
            version: "1".to_owned(),
            entry: EntryPoints { exports: vec!["run".to_owned()], start: None },
            hooks,
            argument_zero: "toy".to_owned(),
            command_line: None,
            environment: BTreeMap::new(),
            imports,
            module,
            snapshot: None,
            files,
            origin: Origin { recipe: digest_of_bytes(b""), built_at: 0, built_by: "testkit".to_owned() },
        };
        store.install(staging, &manifest).expect("an image");
        Self { folder }
    }

    /// The image, opened.
    ///
    /// # Panics
    /// If it cannot be: this is for tests.
    pub fn open(&self) -> Image {
        Store::new(self.folder.path()).find("toy").expect("the image")
    }

    /// The folder that holds it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn empty_pack() -> Vec<u8> {
    let mut bytes = Vec::new();
    bellglass_pack::Writer::new(0).finish(&mut bytes).expect("a write to memory");
    bytes
}
