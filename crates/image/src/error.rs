//! What can be wrong with an image or its store.

use std::io;
use std::path::PathBuf;

/// Why an image cannot be opened, found, installed or removed. Each message is
/// one sentence that ends with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The environment names no folder for caches.
    #[error(
        "no cache folder is known, for neither BELLGLASS_CACHE nor a home directory is set: set BELLGLASS_CACHE to a folder"
    )]
    NoCacheDirectory,
    /// No image has this name.
    #[error("no image named '{name}' is in {}: run 'bellglass image build {name}'", store.display())]
    NotFound {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        store: PathBuf,
    },
    /// The text cannot be an image's name.
    #[error(
        "'{name}' is not an image's name: write a name or name@version with letters, digits, '.', '_', '+' and '-', or the path of an image's folder"
    )]
    BadName {
        /// What was given.
        name: String,
    },
    /// A folder has no manifest.
    #[error("{} is not an image, for it has no manifest.json: give the folder that 'bellglass image list' shows", path.display())]
    NotAnImage {
        /// The folder.
        path: PathBuf,
    },
    /// The manifest was written by a version of the format that this build does not read.
    #[error("the image in {} has format {found}, and this bellglass reads format {expected}: build it again with 'bellglass image build'", path.display())]
    WrongFormat {
        /// The image's folder.
        path: PathBuf,
        /// The format it names.
        found: u64,
        /// The format that can be read.
        expected: u64,
    },
    /// The manifest cannot be read as what it should be.
    #[error("the manifest of the image in {} is damaged ({reason}): remove the image and run 'bellglass image build'", path.display())]
    DamagedManifest {
        /// The image's folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A part differs from what the manifest says.
    #[error("{} is damaged ({reason}): remove the image and run 'bellglass image build'", path.display())]
    DamagedPart {
        /// The part's file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// Somebody else could have written what an image is made of.
    #[error("{} is not trusted ({reason}): see what is in it, then have it belong to you or root and take the right to write from all others ('chmod go-w')", path.display())]
    Untrusted {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The operating system refused an operation.
    #[error("cannot {action} {} ({source}): check that the folder exists, that it may be written to, and that the disk is not full", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ImageError {
    /// For `map_err` on an operation on `path`; `action` is a verb.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
