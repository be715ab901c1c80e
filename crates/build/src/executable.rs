//! Programs that are one file: what `bellglass cc` has linked, or a module that
//! another compiler made.
//!
//! Each is compiled once and kept in the cache by the digest of its bytes, as an
//! image without base files.

use crate::bounds;
use crate::compiler::{CompileError, CompileLimits, Compiler};
use crate::error::BuildError;
use crate::module::{Module, ModuleError, check_calls};
use crate::programs::{LOCK, NAME, make_room};
use crate::seal::{now, read_capped, recompile_by, write_module, write_part};
use crate::staged::Staged;
use bellglass_driver::launcher;
use bellglass_engine::{Interruption, compatibility_key};
use bellglass_fork::FileSizeSignal;
use bellglass_image::{
    EntryPoints, FILES_FILE, FORMAT_VERSION, FolderLock, Hooks, Image, MANIFEST_FILE, Manifest, Origin,
    Start, Store, cache_directory, digest_of_bytes, make_folder, trusted_folder,
};
use bellglass_pack::Writer;
use bellglass_wire::ValueType;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Raise this when what is kept of a program changes otherwise than by its module.
const PREPARED: u32 = 2;

/// What a command of WASI exports.
const COMMAND: &str = "_start";

/// A program for a guest, in one file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Executable {
    /// The file: a module, or what `bellglass cc` has linked.
    pub file: PathBuf,
    /// The export to call, in place of the one that a command has. It takes
    /// nothing, and returns nothing or an exit code.
    pub entry: Option<String>,
    /// How the guests are interrupted: those in threads want other code.
    pub interruption: Interruption,
    /// The cache folder; by default, that of [`cache_directory`].
    pub cache: Option<PathBuf>,
    /// What compiling it may use.
    pub limits: CompileLimits,
    /// The bellglass command, in which it is compiled; by default, the running program
    /// if that is it, or the one beside it.
    pub command: Option<PathBuf>,
}

impl Executable {
    /// The program in this file, for guests in processes of their own.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            entry: None,
            interruption: Interruption::Kill,
            cache: None,
            limits: CompileLimits::default(),
            command: None,
        }
    }
}

/// What an image is called and made of beside its module.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sealing {
    /// The image's name.
    pub name: String,
    /// The image's version.
    pub version: String,
    /// What a guest finds as its argument zero.
    pub argument_zero: String,
    /// Files and folders of this machine, and where they stand in the guest's
    /// tree.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// What a guest's environment holds unless its user says otherwise.
    pub environment: BTreeMap<String, String>,
    /// Calls that nothing answers and that are no reason to refuse the module:
    /// the name or the whole signature, and why.
    pub allow_unknown: BTreeMap<String, String>,
}

impl Sealing {
    /// An image with this name and version and nothing but its module.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            argument_zero: name.clone(),
            name,
            version: version.into(),
            files: Vec::new(),
            environment: BTreeMap::new(),
            allow_unknown: BTreeMap::new(),
        }
    }
}

/// The image of a program, compiled for this engine: the one in the cache, or a
/// new one. It has no files and no environment of its own.
///
/// # Errors
/// [`BuildError`] if the file is no program, or cannot be compiled or kept.
pub fn prepare(program: &Executable) -> Result<Image, BuildError> {
    let _kept = FileSizeSignal::keep_away();
    let wasm = read_module(&program.file, &program.limits)?;
    let cache = match &program.cache {
        Some(cache) => cache.clone(),
        None => cache_directory()?,
    };
    let entry = program.entry.as_deref().unwrap_or_default();
    let key = format!("{PREPARED} {} {} {entry}", digest_of_bytes(&wasm), program.interruption.name());
    let digest = digest_of_bytes(key.as_bytes());
    let folder = cache.join("programs");
    let store = Store::new(folder.join(digest.to_string()));
    let compiler = || Compiler::new(program.command.clone(), program.limits);
    if let Some(image) = kept(&store, compiler)? {
        return Ok(image);
    }
    let compiler = compiler()?;
    make_room(&make_folder(&folder)?);
    let end = compiler.limits.end();
    let lock = FolderLock::take_until(store.folder(), LOCK, end.moment)?;
    let lock = lock.ok_or_else(|| compiler.limits.too_late(end))?;
    let store = Store::new(lock.folder());
    // Another process may have compiled it while this one waited.
    if let Some(image) = kept(&store, || Ok(compiler.clone()))? {
        return Ok(image);
    }
    let sealing = Sealing::new(NAME, digest.short());
    install(&store, &wasm, program.entry.as_deref(), &sealing, &[program.interruption], &compiler)
}

/// Makes an image of a program, at `output`.
///
/// # Errors
/// [`BuildError`], and `output` is then as it was.
pub fn seal(program: &Executable, sealing: &Sealing, output: &Path) -> Result<Image, BuildError> {
    let _kept = FileSizeSignal::keep_away();
    let wasm = read_module(&program.file, &program.limits)?;
    let absolute = std::path::absolute(output).map_err(BuildError::io("find", output))?;
    let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(BuildError::io("make", output)(io::ErrorKind::InvalidInput.into()));
    };
    let parent = trusted_folder(parent)?;
    let output = parent.join(name);
    let staging = Staged::beside(&parent)?;
    let store = Store::new(staging.path());
    let compiler = Compiler::new(program.command.clone(), program.limits)?;
    check_calls(&Module::read(&wasm)?.imports, &sealing.allow_unknown)?;
    let image = install(&store, &wasm, program.entry.as_deref(), sealing, &Interruption::ALL, &compiler)?;
    if output.exists() {
        // Nothing but an image is replaced, and nothing that was put beside its files.
        let old = Image::open(&output)?;
        let parts = old.manifest().parts().into_iter().map(|(name, _)| name);
        let own: Vec<&str> = parts.chain([MANIFEST_FILE]).collect();
        for entry in fs::read_dir(&output).map_err(BuildError::io("read", &output))? {
            let name = entry.map_err(BuildError::io("read", &output))?.file_name();
            if !own.iter().any(|own| name == *own) {
                return Err(BuildError::NotOnlyImage { path: output.join(name) });
            }
        }
        for name in own {
            let path = output.join(name);
            fs::remove_file(&path).map_err(BuildError::io("replace", path))?;
        }
        fs::remove_dir(&output).map_err(BuildError::io("replace", &output))?;
    }
    fs::rename(image.path(), &output).map_err(BuildError::io("make", &output))?;
    Ok(Image::open(output)?)
}

/// The module in a file.
fn read_module(path: &Path, limits: &CompileLimits) -> Result<Vec<u8>, BuildError> {
    let mut bytes = read_capped(path, limits).map_err(|error| match error {
        BuildError::Io { path, source, .. } => BuildError::NoProgram { path, source },
        error => error,
    })?;
    let offset =
        launcher::module_offset(&bytes).ok_or_else(|| BuildError::NotAProgram { path: path.to_owned() })?;
    bytes.drain(..offset);
    bounds::check_sections(&bytes).map_err(CompileError::from)?;
    Ok(bytes)
}

/// The image that the store of one program has, if it can be used.
fn kept(
    store: &Store,
    compiler: impl FnOnce() -> Result<Compiler, CompileError>,
) -> Result<Option<Image>, BuildError> {
    let found = store.list()?.into_iter().find_map(|stored| stored.image.ok());
    let Some(image) = found else { return Ok(None) };
    // The time says when it was last used, for `make_room`. A store that cannot
    // be written to has no room to be made in.
    let own = image.path().parent().unwrap_or(image.path());
    let _ = File::open(own).and_then(|folder| folder.set_modified(SystemTime::now()));
    if image.is_for_engine(compatibility_key) {
        return Ok(Some(image));
    }
    recompile_by(&compiler()?, &image, store).map(Some)
}

/// Compiles a module and installs the image of it.
fn install(
    store: &Store,
    wasm: &[u8],
    entry: Option<&str>,
    sealing: &Sealing,
    kinds: &[Interruption],
    compiler: &Compiler,
) -> Result<Image, BuildError> {
    let module = Module::read(wasm)?;
    let run = entry.unwrap_or(COMMAND);
    module.check_exports([run].into_iter()).map_err(|error| match (entry, error) {
        (None, ModuleError::NoExport { .. }) => module.no_command(),
        (_, error) => error,
    })?;
    module.check_memory()?;
    let staging = store.stage()?;
    let written = write_module(&staging, Start::Fresh, wasm, kinds, compiler)?;
    let mut writer = Writer::new(0);
    for (host, guest) in &sealing.files {
        let metadata = fs::metadata(host).map_err(BuildError::io("read", host))?;
        if metadata.is_dir() {
            writer.directory(guest, host, &mut |_| true)?;
        } else {
            let permissions = if is_executable(&metadata) { 0o755 } else { 0o644 };
            let bytes = fs::read(host).map_err(BuildError::io("read", host))?;
            writer.file(guest, bytes, permissions)?;
        }
    }
    let files = write_part(&staging, FILES_FILE, |into| writer.finish(into))?;
    let manifest = Manifest {
        format: FORMAT_VERSION,
        name: sealing.name.clone(),
        version: sealing.version.clone(),
        entry: EntryPoints { exports: vec![run.to_owned()], start: None },
        hooks: hooks(&module),
        argument_zero: sealing.argument_zero.clone(),
        command_line: None,
        environment: sealing.environment.clone(),
        imports: module.imports,
        module: written,
        snapshot: None,
        files,
        origin: Origin {
            recipe: digest_of_bytes(wasm),
            built_at: now(),
            built_by: concat!("bellglass ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
    };
    Ok(store.install(staging, &manifest)?)
}

/// The exports that serve the controller. A module from elsewhere may have some
/// of the same name and of another kind.
fn hooks(module: &Module) -> Hooks {
    const I32: &[ValueType] = &[ValueType::I32];
    let hook =
        |name: &str, parameters, results| module.has(name, parameters, results).then(|| name.to_owned());
    Hooks {
        allocate: hook("malloc", I32, I32),
        free: hook("free", I32, &[]),
        errno_address: hook("bellglass_errno_address", &[], I32),
        interrupt_table: hook("bellglass_interrupt_table", &[], I32),
    }
}

fn is_executable(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o111 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::run_alone;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// The limit is the process's, and so this test runs in one of its own.
    #[test]
    fn a_file_that_may_not_grow_does_not_end_who_compiles() {
        run_alone("executable::tests::full_files", &[]);
    }

    #[test]
    #[ignore = "limits its whole process: see above"]
    fn full_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let module = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
        let file = folder.path().join("program.wasm");
        fs::write(&file, wat::parse_str(module).expect("a module")).expect("a file");
        let mut program = Executable::new(&file);
        program.cache = Some(folder.path().join("cache"));
        let image = prepare(&program).expect("run the tests with `cargo xtask test`");
        let store = Store::new(folder.path().join("store"));
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(16), maximum }).expect("less is allowed");
        program.cache = Some(folder.path().join("other"));
        assert!(prepare(&program).is_err());
        let output = folder.path().join("program.bgi");
        assert!(seal(&program, &Sealing::new("program", "1"), &output).is_err() && !output.exists());
        assert!(crate::recompile(&image, &store).is_err());
    }
}
