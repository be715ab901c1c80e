//! Native CPython, to compare with, where there is one of the same version.

use super::{cache, process};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The version that the recorded answers come from. Another one words some
/// messages differently.
const VERSION: &str = "3.14.6";

/// Names the interpreter to compare with.
const VARIABLE: &str = "BELLGLASS_REFERENCE_PYTHON";

/// A native interpreter.
pub struct Reference {
    pub program: PathBuf,
    /// Its standard library's folder, which its tracebacks name.
    pub library: String,
}

/// The interpreter to compare with: the one that is named by
/// `BELLGLASS_REFERENCE_PYTHON`, or the one that the image's build made for
/// itself and keeps while its work folder is kept, or `python3.14`.
pub fn reference() -> Option<&'static Reference> {
    static FOUND: OnceLock<Option<Reference>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref()
}

/// The same, for what cannot go on without it.
pub fn required() -> &'static Reference {
    reference().unwrap_or_else(|| panic!("recording needs CPython {VERSION}: name it in {VARIABLE}"))
}

fn find() -> Option<Reference> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        let named = PathBuf::from(named);
        let library = library_of(&named);
        assert!(library.is_some(), "{VARIABLE} names {}, which is no CPython {VERSION}", named.display());
        return library.map(|library| Reference { program: named, library });
    }
    let built = cache().join("build").join(format!("python-{VERSION}")).join("work/build-python/python");
    [built, PathBuf::from("python3.14")]
        .into_iter()
        .find_map(|program| library_of(&program).map(|library| Reference { program, library }))
}

/// Where the library of an interpreter is, if it is of the right version.
fn library_of(program: &Path) -> Option<String> {
    let code = "import os, platform; print(platform.python_version(), os.path.dirname(os.__file__))";
    let mut command = Command::new(program);
    let output = command.args(["-I", "-c", code]).output().ok()?;
    let text = process::printable(&output.stdout);
    let (version, library) = text.trim().split_once(' ')?;
    (version == VERSION).then(|| library.to_owned())
}

impl Reference {
    /// The interpreter, with as little of the caller's environment as the command
    /// gets.
    pub fn command(&self, folder: &Path, home: &Path) -> Command {
        let mut command = Command::new(&self.program);
        // One that was not installed would not use the frozen modules, which
        // tracebacks name in another way.
        command.args(["-X", "frozen_modules=on"]).current_dir(folder).env_clear().env("HOME", home);
        command
    }

    /// A text of the interpreter as the guest would have written it.
    pub fn translate(&self, text: &str, work: &Path, guest_work: &str) -> String {
        text.replace(&work.display().to_string(), guest_work)
            .replace(&self.library, "/usr/local/lib/python3.14")
            .replace(&self.program.display().to_string(), "/usr/local/bin/python3.14")
    }
}
