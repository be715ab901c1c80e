//! What a sealed interpreter is: its parts, its manifest, and the store that
//! keeps images on a machine. Nothing here launches, compiles or downloads.
//!
//! An image is a folder of files:
//!
//! | file | what it is |
//! | --- | --- |
//! | `manifest.json` | name, version, entry, hooks, imports, digests: [`Manifest`] |
//! | `module.wasm` | the interpreter, from which it can be compiled again |
//! | `module.cwasm` | the same, compiled for one engine on one kind of machine: for guests that are ended by a kill |
//! | `module-epoch.cwasm` | the same for guests that share a process with others |
//! | `snapshot.*` | the three again, as a started interpreter |
//! | `files.pack` | the base files that a guest sees, read-only |
//!
//! Trust: an image holds native code that a cell will load, so an image is
//! trusted as a program on this machine is. The digests in its manifest find
//! damage and half-written files; they are no signature, and whoever can write
//! to the store can replace an image. So an image is opened only if nobody but this
//! user and root can: its files, and all folders from the root to them, are looked at.
//! The programs that are started, [`Companion`]s, are held to the same.
#![forbid(unsafe_code)]

mod cache;
mod command_line;
mod companion;
mod digest;
mod error;
mod group;
mod image;
mod manifest;
mod store;
mod trust;

pub use cache::{CACHE_VARIABLE, FolderLock, cache_directory};
pub use command_line::{CommandLine, ProgramName};
pub use companion::{Companion, CompanionError};
pub use digest::{DigestWriter, Sha256Digest, digest_of_bytes, digest_of_file};
pub use error::ImageError;
pub use image::{FILES_FILE, Image, MANIFEST_FILE};
pub use manifest::{
    Compiled, EntryPoints, FORMAT_VERSION, Hooks, Manifest, Module, Origin, Part, Serves, Snapshot, Start,
};
pub use store::{Staging, Store, Stored, compare_versions};
pub use trust::{make_folder, trusted_folder};
