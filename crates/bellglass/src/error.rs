//! What can keep a run from starting. What happens to a program once it runs is
//! an [`Outcome`](crate::Outcome), not an error.

use std::path::PathBuf;

/// Why a sandbox cannot be built or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image is missing or damaged.
    #[error(transparent)]
    Image(#[from] bellglass_image::ImageError),
    /// The cell's program is not installed, or could have been put there by somebody else.
    #[error(transparent)]
    Cell(#[from] bellglass_image::CompanionError),
    /// The image lacks a compiled module that the run needs.
    #[error("the image {image} has no {part}: build it again with 'bellglass image build'")]
    NotCompiled {
        /// The image.
        image: String,
        /// The missing file.
        part: &'static str,
    },
    /// The operating system does not start the cell.
    #[error("the cell {} cannot be started: {source}", program.display())]
    Launch {
        /// The cell's program.
        program: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The cell speaks another version of the protocol.
    #[error("the cell speaks protocol {theirs}, this controller {ours}: install both from the same release")]
    Version {
        /// The cell's version.
        theirs: u16,
        /// The controller's version.
        ours: u16,
    },
    /// The cell did not get as far as running the program.
    #[error("the cell did not start: {reason}")]
    Start {
        /// What it said, or how it ended.
        reason: String,
    },
    /// A wall that the run requires is not up.
    #[error(
        "the wall '{wall}' is required and is not up ({reason}): `bellglass doctor` shows what this machine offers"
    )]
    Wall {
        /// Its name.
        wall: String,
        /// Why it is not up.
        reason: String,
    },
    /// The image's code for guests in threads cannot be used.
    #[error(transparent)]
    Engine(#[from] bellglass_engine::EngineError),
    /// The virtual system cannot be set up as asked.
    #[error(transparent)]
    System(#[from] bellglass_system::SystemError),
    /// The image's base files are damaged.
    #[error("the base files of the image in {} are damaged ({source}): remove the image and build it again", image.display())]
    Files {
        /// The image's folder.
        image: PathBuf,
        /// What is wrong.
        source: bellglass_pack::PackError,
    },
    /// A handler's signature is not one.
    #[error(transparent)]
    Signature(#[from] bellglass_wire::ParseSignatureError),
    /// A handler's signature is not among the image's imports.
    #[error(
        "the image {image} imports no '{signature}': `bellglass calls {image}` lists what it imports; make a handler that other images need optional()"
    )]
    UnknownSignature {
        /// The image.
        image: String,
        /// What the handler was given for.
        signature: String,
    },
    /// The views of a handler do not fit its signature.
    #[error("the views for '{signature}' do not fit it: {reason}")]
    Views {
        /// The signature.
        signature: String,
        /// What is wrong.
        reason: String,
    },
    /// The operating system gave no descriptor or thread.
    #[error("the operating system refuses what a run needs: {0}")]
    Resource(#[source] std::io::Error),
}
