//! The compiler driver: makes guests of C programs, with the command line that
//! every build system knows.
//!
//! `cc` and `c++` understand what gcc and clang understand and hand it to the
//! pinned clang, with the target, the headers and the libraries of a guest. What
//! makes no sense for a guest (position-independent code, a run-time search
//! path) is left out; a shared library becomes a static one. A link makes one
//! executable file: a line that names the `bellglass` command, then the module
//! ([`launcher`]). `ar`, `ranlib`, `nm`, `ld`, `objcopy` and `strip` are the
//! toolchain's own, and see through that line.
//!
//! The driver fetches nothing and builds nothing of its own: a [`Kit`] says
//! where everything lies.
#![forbid(unsafe_code)]

mod command_line;
mod compiler;
mod declarations;
mod error;
mod exceptions;
mod interrupts;
mod kit;
pub mod launcher;
mod library;
mod linked;
mod options;
mod plain;
mod response;
mod roots;
mod shared;

pub use compiler::TARGET;
pub use error::DriverError;
pub use exceptions::{TranslateError, translate};
pub use interrupts::{InterruptsError, look_in_loops};
pub use kit::{Cxx, Kit};
pub use library::{Object, make_library, make_objects};
pub use roots::{RootsError, keep_roots};

use std::ffi::OsString;
use std::path::Path;

/// A program of the toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The C compiler, which links too.
    Cc,
    /// The C++ compiler, which links too.
    Cxx,
    /// The linker by itself.
    Ld,
    /// Makes static libraries.
    Ar,
    /// Gives a static library its index.
    Ranlib,
    /// Lists symbols.
    Nm,
    /// Removes symbols.
    Strip,
    /// Copies objects and changes them.
    Objcopy,
    /// Shows what is in objects.
    Objdump,
    /// Shows the sizes of sections.
    Size,
}

impl Tool {
    /// Every tool, with the name that it goes by.
    pub const ALL: [(&'static str, Self); 10] = [
        ("cc", Self::Cc),
        ("c++", Self::Cxx),
        ("ld", Self::Ld),
        ("ar", Self::Ar),
        ("ranlib", Self::Ranlib),
        ("nm", Self::Nm),
        ("strip", Self::Strip),
        ("objcopy", Self::Objcopy),
        ("objdump", Self::Objdump),
        ("size", Self::Size),
    ];

    /// The tool of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, tool)| tool)
    }
}

/// Whether a tool with these arguments needs C++'s library.
///
/// # Errors
/// [`DriverError`] if the command line cannot be read.
pub fn needs_cxx(tool: Tool, arguments: &[OsString]) -> Result<bool, DriverError> {
    match tool {
        Tool::Cc | Tool::Cxx => compiler::needs_cxx(tool, arguments),
        _ => Ok(false),
    }
}

/// Runs a tool with these arguments (without its own name) to its end, and gives
/// its exit code. `cxx` is C++'s library, if it is needed; `launcher` is the command that
/// a linked program names as what runs it.
///
/// # Errors
/// [`DriverError`]; what the tool itself finds wrong, it says itself.
pub fn run(
    tool: Tool,
    arguments: Vec<OsString>,
    kit: &Kit,
    cxx: Option<&Cxx>,
    launcher: &Path,
) -> Result<u8, DriverError> {
    match tool {
        Tool::Cc | Tool::Cxx => compiler::run(tool, arguments, kit, cxx, launcher),
        Tool::Ld => linked::run_linker(arguments, kit, launcher),
        Tool::Ar => kit.run("llvm-ar", arguments),
        Tool::Ranlib => kit.run("llvm-ranlib", arguments),
        Tool::Nm => plain::run("llvm-nm", arguments, kit, plain::Change::Nothing),
        Tool::Size => plain::run("llvm-size", arguments, kit, plain::Change::Nothing),
        Tool::Objdump => plain::run("llvm-objdump", arguments, kit, plain::Change::Nothing),
        Tool::Strip => plain::run("llvm-strip", arguments, kit, plain::Change::InPlace),
        Tool::Objcopy => plain::run("llvm-objcopy", arguments, kit, plain::Change::InPlace),
    }
}
