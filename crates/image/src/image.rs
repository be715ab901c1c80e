//! One image: a folder with a manifest and its parts.

use crate::{ImageError, Manifest, Sha256Digest, digest_of_file};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The manifest's file.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The interpreter as wasm.
pub const MODULE_FILE: &str = "module.wasm";
/// The interpreter as native code.
pub const COMPILED_FILE: &str = "module.cwasm";
/// The base files.
pub const FILES_FILE: &str = "files.pack";

/// Bytes that a manifest may have; a real one has some tens of thousands.
const MANIFEST_BYTES: u64 = 1 << 20;

/// An image whose manifest was read and whose parts are open. It stays whole
/// while this value lives, even if the store replaces or removes it.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    manifest: Manifest,
    compiled: File,
    files: File,
}

impl Image {
    /// Opens the image in a folder. This reads the manifest and compares the
    /// sizes of the parts, and nothing more: a run should start at once.
    ///
    /// # Errors
    /// [`ImageError`], if the folder is no image, or one that is damaged in a way
    /// that this sees.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ImageError> {
        let path = path.into();
        let manifest = read_manifest(&path)?;
        let compiled = open_part(&path, COMPILED_FILE, manifest.compiled.size)?;
        let files = open_part(&path, FILES_FILE, manifest.files.size)?;
        Ok(Self { path, manifest, compiled, files })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of the image.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The compiled module, open for reading.
    pub fn compiled(&self) -> &File {
        &self.compiled
    }

    /// The base files' pack, open for reading.
    pub fn files(&self) -> &File {
        &self.files
    }

    /// The path of the interpreter as wasm, which running does not need.
    pub fn module_path(&self) -> PathBuf {
        self.path.join(MODULE_FILE)
    }

    /// Whether the engine with this key can load the compiled module. If not,
    /// the image must be compiled again.
    pub fn is_for_engine(&self, key: &str) -> bool {
        self.manifest.compiled.engine == key
    }

    /// Reads every part and compares its digest with the manifest's.
    ///
    /// # Errors
    /// [`ImageError::DamagedPart`] for the first part that differs, or what
    /// reading it gives.
    pub fn verify(&self) -> Result<(), ImageError> {
        let Manifest { module, compiled, files, .. } = &self.manifest;
        verify_part(self.path.join(MODULE_FILE), module.sha256, module.size)?;
        verify_part(self.path.join(COMPILED_FILE), compiled.sha256, compiled.size)?;
        verify_part(self.path.join(FILES_FILE), files.sha256, files.size)
    }
}

pub(crate) fn read_manifest(folder: &Path) -> Result<Manifest, ImageError> {
    let path = folder.join(MANIFEST_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(ImageError::NotAnImage { path: folder.to_owned() });
        }
        Err(error) => return Err(ImageError::io("open", path)(error)),
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
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ImageError::DamagedPart { path, reason: "the file is missing".to_owned() });
        }
        Err(error) => return Err(ImageError::io("open", path)(error)),
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
