//! Making an image of what the steps have made.

use crate::error::BuildError;
use crate::recipe::{Recipe, SnapshotRecipe};
use crate::{module, snapshot};
use bellglass_driver::launcher;
use bellglass_engine::{Interruption, Program, compatibility_key};
use bellglass_image::{
    Compiled, DigestWriter, Entry, FILES_FILE, FORMAT_VERSION, FolderLock, Hooks, Image, Manifest, Module,
    Origin, Part, Serves, Sha256Digest, Snapshot, Staging, Start, Store,
};
use bellglass_pack::Writer;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// An image in the making.
pub(crate) struct Seal<'a> {
    pub recipe: &'a Recipe,
    pub digest: Sha256Digest,
    pub store: &'a Store,
}

/// The parts that have been made.
pub(crate) struct Parts {
    staging: Staging,
    imports: Vec<bellglass_wire::Signature>,
    wasm: Vec<u8>,
    /// The module as a snapshot starts it.
    program: Program,
    module: Module,
    files: Part,
    snapshot: Option<Snapshot>,
}

impl Seal<'_> {
    /// Checks and compiles the module at `path`, and packs the base files in
    /// `folder`.
    pub fn compile(&self, path: &Path, folder: &Path) -> Result<Parts, BuildError> {
        let mut wasm = match fs::read(path) {
            Ok(wasm) => wasm,
            Err(_) => return Err(BuildError::NoResult { path: path.to_owned() }),
        };
        // What `bellglass cc` links has a line before the module.
        if let Some(offset) = launcher::module_offset(&wasm) {
            wasm.drain(..offset);
        }
        let found = module::Module::read(&wasm)?;
        found.check_exports(self.recipe.entry.names())?;
        module::check_calls(&found.imports, &self.recipe.unknown)?;
        if !folder.is_dir() {
            return Err(BuildError::NoResult { path: folder.to_owned() });
        }
        let staging = self.store.stage()?;
        let mut writer = Writer::new(self.recipe.time().saturating_mul(1_000_000_000));
        writer.directory("", folder, &mut |_| true)?;
        let files = write_part(&staging, FILES_FILE, |into| writer.finish(into))?;
        // A snapshot runs what is compiled for processes.
        let (program, code) = Program::compile(&wasm, Interruption::Kill)?;
        let for_processes = write_code(&staging, Start::Fresh, Interruption::Kill, &code)?;
        let mut module = write_module(&staging, Start::Fresh, &wasm, &[Interruption::Epoch])?;
        module.compiled.insert(0, for_processes);
        Ok(Parts { imports: found.imports, wasm, program, module, files, snapshot: None, staging })
    }

    /// Adds a snapshot of the started interpreter.
    pub fn snapshot(&self, recipe: &SnapshotRecipe, parts: &mut Parts) -> Result<(), BuildError> {
        let path = parts.staging.part(FILES_FILE);
        let files = File::open(&path).map_err(BuildError::io("open", path))?;
        let started = snapshot::take(self.recipe, recipe, &parts.wasm, &parts.program, &files)?;
        let module = write_module(&parts.staging, Start::Snapshot, &started.wasm, &Interruption::ALL)?;
        let code = parts.staging.part(Start::Snapshot.compiled_file(Interruption::Kill));
        let code = File::open(&code).map_err(BuildError::io("open", code))?;
        let written = snapshot::rehearse(self.recipe, recipe, code, &files)?;
        parts.snapshot = Some(Snapshot {
            written,
            module,
            exports: vec![self.recipe.entry.run.clone()],
            memory_bytes: started.memory_bytes,
            serves: Serves {
                first_arguments: recipe.first_arguments.clone(),
                fixed_environment: recipe.fixed_environment.clone(),
            },
        });
        Ok(())
    }

    /// Installs the image.
    pub fn install(&self, parts: Parts) -> Result<Image, BuildError> {
        let manifest = self.manifest(&parts);
        Ok(self.store.install(parts.staging, &manifest)?)
    }

    fn manifest(&self, parts: &Parts) -> Manifest {
        let Recipe { name, version, entry, .. } = self.recipe;
        Manifest {
            format: FORMAT_VERSION,
            name: name.clone(),
            version: version.clone(),
            entry: Entry {
                exports: entry.initialize.iter().chain([&entry.run]).cloned().collect(),
                start: entry.start.clone(),
            },
            hooks: Hooks {
                allocate: entry.allocate.clone(),
                free: entry.free.clone(),
                errno_address: entry.errno.clone(),
                interrupt_table: entry.interrupt.clone(),
            },
            argument_zero: self.recipe.program.clone(),
            environment: self.recipe.environment.clone(),
            imports: parts.imports.clone(),
            module: parts.module.clone(),
            snapshot: parts.snapshot.clone(),
            files: parts.files.clone(),
            origin: Origin {
                recipe: self.digest,
                built_at: now(),
                built_by: concat!("bellglass ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
        }
    }
}

/// Compiles an image's modules again, for the engine of this build, and installs
/// the image that has them. Nothing else of the image changes. Of several
/// processes that want it at once, one does it.
///
/// # Errors
/// [`BuildError`], if a part is damaged, or the system refuses something.
pub fn recompile(image: &Image, store: &Store) -> Result<Image, BuildError> {
    let _lock = FolderLock::take(store.folder(), "recompile", || {})?;
    // Who waited finds the new image, and its own gone.
    if let Ok(found) = store.find(&image.manifest().full_name()) {
        let (theirs, ours) = (found.manifest(), image.manifest());
        let is_same = theirs.module.wasm == ours.module.wasm && theirs.files == ours.files;
        if is_same && found.is_for_engine(compatibility_key) {
            return Ok(found);
        }
    }
    image.verify()?;
    let staging = store.stage()?;
    let again = |start: Start, module: &Module| {
        let path = image.wasm_path(start);
        let wasm = fs::read(&path).map_err(BuildError::io("read", path))?;
        let kinds: Vec<Interruption> = module.compiled.iter().map(|one| one.interruption).collect();
        write_module(&staging, start, &wasm, &kinds)
    };
    let mut manifest = image.manifest().clone();
    manifest.module = again(Start::Fresh, &manifest.module)?;
    if let Some(snapshot) = &mut manifest.snapshot {
        snapshot.module = again(Start::Snapshot, &snapshot.module)?;
    }
    let (from, to) = (image.path().join(FILES_FILE), staging.part(FILES_FILE));
    fs::copy(&from, &to).map_err(BuildError::io("copy", from))?;
    manifest.origin.built_at = now();
    Ok(store.install(staging, &manifest)?)
}

/// Writes a module, and what is compiled of it for these kinds of interruption.
pub(crate) fn write_module(
    staging: &Staging,
    start: Start,
    wasm: &[u8],
    kinds: &[Interruption],
) -> Result<Module, BuildError> {
    let compile = |&interruption: &Interruption| {
        write_code(staging, start, interruption, &bellglass_engine::compile(wasm, interruption)?)
    };
    Ok(Module {
        wasm: write_part(staging, start.wasm_file(), |into| Ok(into.write_all(wasm)?))?,
        compiled: kinds.iter().map(compile).collect::<Result<_, BuildError>>()?,
    })
}

fn write_code(
    staging: &Staging,
    start: Start,
    interruption: Interruption,
    code: &[u8],
) -> Result<Compiled, BuildError> {
    let name = start.compiled_file(interruption);
    let Part { sha256, size } = write_part(staging, name, |into| Ok(into.write_all(code)?))?;
    Ok(Compiled { interruption, engine: compatibility_key(interruption), sha256, size })
}

pub(crate) fn now() -> u64 {
    // A clock before 1970 is wrong; the time is for people to read only.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn write_part(
    staging: &Staging,
    name: &str,
    write: impl FnOnce(&mut BufWriter<DigestWriter<File>>) -> Result<(), bellglass_pack::PackError>,
) -> Result<Part, BuildError> {
    let path = staging.part(name);
    let file = File::create(&path).map_err(BuildError::io("make", &path))?;
    let mut writer = BufWriter::new(DigestWriter::new(file));
    write(&mut writer)?;
    let writer = writer.into_inner().map_err(|error| BuildError::io("write", &path)(error.into_error()))?;
    let (_, sha256, size) = writer.finish();
    Ok(Part { sha256, size })
}
