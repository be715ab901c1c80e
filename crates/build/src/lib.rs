//! Builds images: fetches pinned sources, runs a recipe's steps, compiles what
//! they make, seals it and puts it into the store.
//!
//! ```no_run
//! use bellglass_build::{BuildRequest, Display, build};
//!
//! let image = build(&BuildRequest::new("python"), &Display::new())?;
//! println!("{}", image.path().display());
//! # Ok::<(), bellglass_build::BuildError>(())
//! ```
//!
//! A module is compiled in a process of its own, behind walls and within
//! [`CompileLimits`], for it may be a stranger's.
//!
//! What comes from outside is accepted by its SHA-256 only, wherever it comes
//! from. The scripts of a recipe run with the rights of the user who builds: a
//! recipe is trusted as a program is, and an image is as good as its recipe.
#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../../testkit/src/alone.rs"]
mod alone;
mod apt;
mod bounds;
mod build;
mod compiler;
mod cxx;
mod display;
mod error;
mod executable;
mod fetch;
mod guests;
mod http;
mod keeper;
mod kit;
mod module;
mod port;
mod programs;
mod progress;
mod recipe;
mod seal;
mod smallest;
mod snapshot;
mod source;
mod sources;
mod staged;
mod stamp;
mod step;
mod tools;
mod unpack;

pub use bellglass_engine::Interruption;
pub use build::{BuildRequest, Variant, build, built_in_recipes};
pub use compiler::{COMPILE_VERB, CompileError, CompileLimits, SystemCallFilter, compile_here};
pub use cxx::cxx;
pub use display::Display;
pub use error::BuildError;
pub use executable::{Executable, Sealing, prepare, seal};
pub use fetch::FetchError;
pub use guests::FindError;
pub use keeper::{KEEP_VERB, keep_here};
pub use kit::kit;
pub use module::ModuleError;
pub use progress::{Event, Progress, Silent};
pub use recipe::{Exports, Recipe, RecipeError, SnapshotRecipe, Step, Toolchain};
pub use seal::recompile;
pub use smallest::{SmallestError, is_compiled_for_this, smallest_module};
pub use snapshot::SnapshotError;
pub use source::{Package, Source};
pub use sources::{unpack_pinned, unpack_source};
pub use staged::remove_unfinished;
pub use step::StepError;
pub use tools::MissingTools;
pub use unpack::UnpackError;
