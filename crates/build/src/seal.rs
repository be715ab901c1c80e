//! Making an image of what the steps have made.

use crate::compiler::{CompileError, CompileLimits, Compiler};
use crate::error::BuildError;
use crate::recipe::{Recipe, SnapshotRecipe};
use crate::{bounds, module, snapshot};
use bellglass_driver::launcher;
use bellglass_engine::{Interruption, compatibility_key};
use bellglass_fork::FileSizeSignal;
use bellglass_image::{
    Compiled, DigestWriter, EntryPoints, FILES_FILE, FORMAT_VERSION, FolderLock, Hooks, Image, Manifest,
    Module, Origin, Part, Serves, Sha256Digest, Snapshot, Staging, Start, Store,
};
use bellglass_pack::{PackError, Writer};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// An image in the making.
pub(crate) struct Seal<'a> {
    pub recipe: &'a Recipe,
    pub digest: Sha256Digest,
    pub store: &'a Store,
    pub compiler: &'a Compiler,
}

/// The parts that have been made.
pub(crate) struct Parts {
    staging: Staging,
    imports: Vec<bellglass_wire::Signature>,
    wasm: Vec<u8>,
    module: Module,
    files: Part,
    snapshot: Option<Snapshot>,
}

impl Seal<'_> {
    /// Checks and compiles the module at `path`, and packs the base files in
    /// `folder`.
    pub fn compile(&self, path: &Path, folder: &Path) -> Result<Parts, BuildError> {
        let mut wasm = match read_capped(path, &self.compiler.limits) {
            Err(BuildError::Io { .. }) => return Err(BuildError::NoResult { path: path.to_owned() }),
            wasm => wasm?,
        };
        // What `bellglass cc` links has a line before the module.
        if let Some(offset) = launcher::module_offset(&wasm) {
            wasm.drain(..offset);
        }
        let found = module::Module::read(&wasm)?;
        found.check_exports(self.recipe.entry.names())?;
        found.check_memory()?;
        module::check_calls(&found.imports, &self.recipe.unknown)?;
        if !folder.is_dir() {
            return Err(BuildError::NoResult { path: folder.to_owned() });
        }
        let staging = self.store.stage()?;
        let mut writer = Writer::new(self.recipe.time().saturating_mul(1_000_000_000));
        writer.directory("", folder, &mut |_| true)?;
        let files = write_part(&staging, FILES_FILE, |into| writer.finish(into))?;
        let module = write_module(&staging, Start::Fresh, &wasm, &Interruption::ALL, self.compiler)?;
        Ok(Parts { imports: found.imports, wasm, module, files, snapshot: None, staging })
    }

    /// Adds a snapshot of the started interpreter.
    pub fn snapshot(&self, recipe: &SnapshotRecipe, parts: &mut Parts) -> Result<(), BuildError> {
        let path = parts.staging.part(FILES_FILE);
        let files = File::open(&path).map_err(BuildError::io("open", path))?;
        // The guest runs in this process, and must end in time even if it only computes.
        let compiled = |start: Start| {
            let path = parts.staging.part(start.compiled_file(Interruption::Epoch));
            File::open(&path).map_err(BuildError::io("open", path))
        };
        let trial = snapshot::Trial { recipe: self.recipe, files: &files, time: snapshot::TIME };
        let started = trial.start(recipe, &parts.wasm, compiled(Start::Fresh)?)?;
        let module =
            write_module(&parts.staging, Start::Snapshot, &started.wasm, &Interruption::ALL, self.compiler)?;
        let written = trial.rehearse(recipe, compiled(Start::Snapshot)?)?;
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
            entry: EntryPoints {
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
            command_line: self.recipe.command_line.clone(),
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
    let _kept = FileSizeSignal::keep_away();
    recompile_by(&Compiler::new(None, CompileLimits::large())?, image, store)
}

/// The same by this compiler, and within its time.
pub(crate) fn recompile_by(compiler: &Compiler, image: &Image, store: &Store) -> Result<Image, BuildError> {
    let end = compiler.limits.end();
    let lock = FolderLock::take_until(store.folder(), "recompile", end.moment)?;
    let lock = lock.ok_or_else(|| compiler.limits.too_late(end))?;
    let store = &Store::new(lock.folder());
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
        let wasm = read_capped(&path, &compiler.limits)?;
        bounds::check_sections(&wasm).map_err(CompileError::from)?;
        let kinds: Vec<Interruption> = module.compiled.iter().map(|one| one.interruption).collect();
        write_module(&staging, start, &wasm, &kinds, compiler)
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

/// Writes a module, and what `compiler` makes of it for these kinds of interruption.
pub(crate) fn write_module(
    staging: &Staging,
    start: Start,
    wasm: &[u8],
    kinds: &[Interruption],
    compiler: &Compiler,
) -> Result<Module, BuildError> {
    let written = write_part(staging, start.wasm_file(), |into| Ok::<_, PackError>(into.write_all(wasm)?))?;
    let compile = |&interruption: &Interruption| {
        let path = staging.part(start.wasm_file());
        let wasm = File::open(&path).map_err(BuildError::io("open", path))?;
        let name = start.compiled_file(interruption);
        let Part { sha256, size } =
            write_part(staging, name, |into| compiler.compile(wasm, interruption, into))?;
        Ok(Compiled { interruption, engine: compatibility_key(interruption), sha256, size })
    };
    Ok(Module { wasm: written, compiled: kinds.iter().map(compile).collect::<Result<_, BuildError>>()? })
}

/// The bytes of a file that is to be a module, if it is not too long for one and, should
/// it be a pipe or the like, has all of them within the time of `limits`.
pub(crate) fn read_capped(path: &Path, limits: &CompileLimits) -> Result<Vec<u8>, BuildError> {
    let end = limits.end();
    // Opening a pipe would wait for who writes it, and so would reading.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, rustix::fs::Mode::empty());
    let file = File::from(file.map_err(|error| BuildError::io("read", path)(error.into()))?);
    let mut bytes = Vec::new();
    loop {
        let left = end.moment.saturating_duration_since(Instant::now());
        let timeout = rustix::event::Timespec::try_from(left).ok();
        match rustix::event::poll(&mut [PollFd::new(&file, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => return Err(limits.too_late(end).into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(BuildError::io("read", path)(error.into())),
        }
        // BOUND: one byte more than a module may have, so that what is longer is seen to be.
        let room = (bounds::MODULE_BYTES + 1).saturating_sub(bytes.len() as u64);
        match (&file).take(room).read_to_end(&mut bytes) {
            Ok(_) => break,
            // What has come so far is kept.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(BuildError::io("read", path)(error)),
        }
    }
    bounds::check_length(bytes.len() as u64).map_err(CompileError::from)?;
    Ok(bytes)
}

pub(crate) fn now() -> u64 {
    // A clock before 1970 is wrong; the time is for people to read only.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn write_part<E>(
    staging: &Staging,
    name: &str,
    write: impl FnOnce(&mut BufWriter<DigestWriter<File>>) -> Result<(), E>,
) -> Result<Part, BuildError>
where
    BuildError: From<E>,
{
    let path = staging.part(name);
    let file = File::create(&path).map_err(BuildError::io("make", &path))?;
    let mut writer = BufWriter::new(DigestWriter::new(file));
    write(&mut writer)?;
    let writer = writer.into_inner().map_err(|error| BuildError::io("write", &path)(error.into_error()))?;
    let (_, sha256, size) = writer.finish();
    Ok(Part { sha256, size })
}
