//! Why an image was not built.

use crate::compiler::CompileError;
use crate::fetch::FetchError;
use crate::guests::FindError;
use crate::module::ModuleError;
use crate::recipe::RecipeError;
use crate::snapshot::SnapshotError;
use crate::step::StepError;
use crate::tools::MissingTools;
use crate::unpack::UnpackError;
use bellglass_image::ImageError;
use bellglass_pack::PackError;
use std::io;
use std::path::PathBuf;

/// Why an image was not built. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no such recipe.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The recipe cannot be built.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// This machine lacks programs.
    #[error(transparent)]
    MissingTools(#[from] MissingTools),
    /// The toolchain is another machine's.
    #[error(
        "the recipe's toolchain runs on {needed} and this machine is {found}: build the image on such a machine, or add a toolchain for this one to guests/"
    )]
    OtherMachine {
        /// The toolchain's machine.
        needed: String,
        /// This one.
        found: &'static str,
    },
    /// The scripts cannot work where the cache is.
    #[error("the cache folder {} has a blank or another special character in its path, with which makefiles cannot work: set {} to another folder", path.display(), bellglass_image::CACHE_VARIABLE)]
    BlankInPath {
        /// The cache folder.
        path: PathBuf,
    },
    /// A source could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A source could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A script failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The steps ended well and left no result.
    #[error("the recipe's steps have not made {}: correct the recipe, whose steps must write $BELLGLASS_OUT/module.wasm and $BELLGLASS_OUT/files", path.display())]
    NoResult {
        /// What is missing.
        path: PathBuf,
    },
    /// The module cannot become an image.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The module cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// No snapshot can be made.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The base files cannot be packed.
    #[error("cannot pack the base files: {0}")]
    Pack(#[from] PackError),
    /// The image cannot be stored.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The compiler driver's own parts.
    #[error(transparent)]
    Driver(#[from] bellglass_driver::DriverError),
    /// The library of C or C++ does not compile.
    #[error("the library that programs are linked with cannot be made: the compiler has said why above")]
    Library,
    /// The program's file is not there, or cannot be read.
    #[error("can't open the program '{}': {source}", path.display())]
    NoProgram {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is to be replaced is an image and more.
    #[error("cannot replace the image: {} lies there and is not of it (move it away, or seal to another folder)", path.display())]
    NotOnlyImage {
        /// What is not of it.
        path: PathBuf,
    },
    /// A file is no program for a guest.
    #[error("{} is neither a WebAssembly module nor a program that 'bellglass cc' has linked", path.display())]
    NotAProgram {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused an operation.
    #[error("cannot {action} {} ({source}): check that the cache folder may be written to and that the disk is not full", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BuildError {
    /// For `map_err` on an operation on `path`; `action` is a verb.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
