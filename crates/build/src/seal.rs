//! Making an image of what the steps have made.

use crate::error::BuildError;
use crate::module;
use crate::recipe::Recipe;
use bellglass_driver::launcher;
use bellglass_engine::{Interruption, compatibility_key};
use bellglass_image::{
    Compiled, DigestWriter, Entry, FILES_FILE, FORMAT_VERSION, Hooks, Image, Manifest, Module, Origin, Part,
    Sha256Digest, Staging, Start, Store,
};
use bellglass_pack::Writer;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The option that says which time the base files bear, in seconds since 1970.
const TIME_OPTION: &str = "source_date_epoch";

/// An image in the making.
pub(crate) struct Seal<'a> {
    pub recipe: &'a Recipe,
    pub digest: Sha256Digest,
    pub store: &'a Store,
}

/// The parts that compiling has made.
pub(crate) struct CompiledParts {
    staging: Staging,
    imports: Vec<bellglass_wire::Signature>,
    module: Module,
}

impl Seal<'_> {
    /// Checks and compiles the module at `path`.
    pub fn compile(&self, path: &Path) -> Result<CompiledParts, BuildError> {
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
        let staging = self.store.stage()?;
        let module = write_module(&staging, Start::Fresh, &wasm, &Interruption::ALL)?;
        Ok(CompiledParts { imports: found.imports, module, staging })
    }

    /// Packs the base files in `folder` and installs the image.
    pub fn install(&self, parts: CompiledParts, folder: &Path) -> Result<Image, BuildError> {
        if !folder.is_dir() {
            return Err(BuildError::NoResult { path: folder.to_owned() });
        }
        let seconds: u64 =
            self.recipe.options.get(TIME_OPTION).and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut writer = Writer::new(seconds.saturating_mul(1_000_000_000));
        writer.directory("", folder, &mut |_| true)?;
        let files = write_part(&parts.staging, FILES_FILE, |into| writer.finish(into))?;
        let manifest = self.manifest(&parts, files);
        Ok(self.store.install(parts.staging, &manifest)?)
    }

    fn manifest(&self, parts: &CompiledParts, files: Part) -> Manifest {
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
            snapshot: None,
            files,
            origin: Origin {
                recipe: self.digest,
                built_at: now(),
                built_by: concat!("bellglass ", env!("CARGO_PKG_VERSION")).to_owned(),
            },
        }
    }
}

/// Compiles an image's modules again, for the engine of this build, and installs
/// the image that has them. Nothing else of the image changes.
///
/// # Errors
/// [`BuildError`], if a part is damaged, or the system refuses something.
pub fn recompile(image: &Image, store: &Store) -> Result<Image, BuildError> {
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
        let code = bellglass_engine::compile(wasm, interruption)?;
        let name = start.compiled_file(interruption);
        let Part { sha256, size } = write_part(staging, name, |into| Ok(into.write_all(&code)?))?;
        Ok(Compiled { interruption, engine: compatibility_key(interruption), sha256, size })
    };
    Ok(Module {
        wasm: write_part(staging, start.wasm_file(), |into| Ok(into.write_all(wasm)?))?,
        compiled: kinds.iter().map(compile).collect::<Result<_, BuildError>>()?,
    })
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
