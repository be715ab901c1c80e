//! One image: a folder with a manifest and its parts.

use crate::trust::{OpenError, open_file, trusted_folder};
use crate::{ImageError, Manifest, Sha256Digest, Start, digest_of_file};
use bellglass_wire::Interruption;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The manifest's file.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The base files.
pub const FILES_FILE: &str = "files.pack";

/// Bytes that a manifest may have; a real one has some tens of thousands.
const MANIFEST_BYTES: u64 = 1 << 20;

/// An image whose manifest was read and whose parts are open. It stays whole
/// while this value lives, even if the store replaces or removes it. Clones are
/// the same image and cost nothing: open it once for many runs.
#[derive(Clone, Debug)]
pub struct Image(Arc<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    manifest: Manifest,
    compiled: Vec<(Start, Interruption, File)>,
    files: File,
}

impl Image {
    /// Opens the image in a folder. This reads the manifest and compares the
    /// sizes of the parts, and nothing more: a run should start at once.
    ///
    /// # Errors
    /// [`ImageError`], if the folder is no image, one that is damaged in a way
    /// that this sees, or one that others than this user and root could have written.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ImageError> {
        let path = path.into();
        if !path.is_dir() {
            return Err(ImageError::NotAnImage { path });
        }
        // Nobody else can change what these names stand for from here on.
        let real = trusted_folder(&path)?;
        let manifest = read_manifest(&real)?;
        let mut compiled = Vec::new();
        for start in [Start::Fresh, Start::Snapshot] {
            let modules = manifest.module(start).map_or(&[][..], |module| &module.compiled);
            for one in modules {
                let file = open_part(&real, start.compiled_file(one.interruption), one.size)?;
                compiled.push((start, one.interruption, file));
            }
        }
        let files = open_part(&real, FILES_FILE, manifest.files.size)?;
        Ok(Self(Arc::new(Open { path: real, manifest, compiled, files })))
    }

    /// The folder, with all links resolved.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What is known of the image.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// A compiled module, open for reading; `None` if the image has none that
    /// begins like this and is interrupted like this.
    pub fn compiled(&self, start: Start, interruption: Interruption) -> Option<&File> {
        let wanted = |one: &&(Start, Interruption, File)| (one.0, one.1) == (start, interruption);
        self.0.compiled.iter().find(wanted).map(|(_, _, file)| file)
    }

    /// The base files' pack, open for reading.
    pub fn files(&self) -> &File {
        &self.0.files
    }

    /// The path of a module as wasm, which running does not need.
    pub fn wasm_path(&self, start: Start) -> PathBuf {
        self.0.path.join(start.wasm_file())
    }

    /// Whether every compiled module can be loaded by the engine whose keys these
    /// are. If not, the image must be compiled again.
    pub fn is_for_engine(&self, key: impl Fn(Interruption) -> String) -> bool {
        let modules =
            [Start::Fresh, Start::Snapshot].into_iter().filter_map(|start| self.0.manifest.module(start));
        modules.flat_map(|module| &module.compiled).all(|one| one.engine == key(one.interruption))
    }

    /// Reads every part and compares its digest with the manifest's.
    ///
    /// # Errors
    /// [`ImageError::DamagedPart`] for the first part that differs, or what
    /// reading it gives.
    pub fn verify(&self) -> Result<(), ImageError> {
        let parts = self.0.manifest.parts();
        parts
            .into_iter()
            .try_for_each(|(file, part)| verify_part(self.0.path.join(file), part.sha256, part.size))
    }
}

/// The manifest in a trusted folder.
fn read_manifest(folder: &Path) -> Result<Manifest, ImageError> {
    let path = folder.join(MANIFEST_FILE);
    let file = match open_file(&path) {
        Ok(file) => file,
        Err(OpenError::System(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::NotAnImage { path: folder.to_owned() });
        }
        Err(OpenError::System(error)) => return Err(ImageError::io("open", path)(error)),
        Err(OpenError::Untrusted(error)) => return Err(error),
    };
    let mut text = Vec::new();
    // BOUND: one byte more than the cap, so that what is longer is seen to be.
    file.take(MANIFEST_BYTES + 1).read_to_end(&mut text).map_err(ImageError::io("read", &path))?;
    if text.len() as u64 > MANIFEST_BYTES {
        let reason = format!("it is longer than {MANIFEST_BYTES} bytes");
        return Err(ImageError::DamagedManifest { path: folder.to_owned(), reason });
    }
    Manifest::parse(&text, folder)
}

fn open_part(folder: &Path, name: &str, expected: u64) -> Result<File, ImageError> {
    let path = folder.join(name);
    let file = match open_file(&path) {
        Ok(file) => file,
        Err(OpenError::System(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::DamagedPart { path, reason: "the file is missing".to_owned() });
        }
        Err(OpenError::System(error)) => return Err(ImageError::io("open", path)(error)),
        Err(OpenError::Untrusted(error)) => return Err(error),
    };
    let size = file.metadata().map_err(ImageError::io("examine", &path))?.len();
    same_size(path, size, expected)?;
    Ok(file)
}

fn same_size(path: PathBuf, size: u64, expected: u64) -> Result<(), ImageError> {
    if size == expected {
        return Ok(());
    }
    Err(ImageError::DamagedPart { path, reason: format!("it has {size} bytes instead of {expected}") })
}

fn verify_part(path: PathBuf, sha256: Sha256Digest, size: u64) -> Result<(), ImageError> {
    let (found, found_size) = digest_of_file(&path).map_err(ImageError::io("read", &path))?;
    same_size(path.clone(), found_size, size)?;
    if found == sha256 {
        return Ok(());
    }
    Err(ImageError::DamagedPart { path, reason: format!("its SHA-256 is {found} instead of {sha256}") })
}
