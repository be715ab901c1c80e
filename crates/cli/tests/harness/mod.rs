//! A place for each test, and commands that see nothing of the caller's
//! environment.

pub mod process;
pub mod reference;
pub mod terminal;

pub use process::{Finished, Stdin};
pub use terminal::Terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Whether recorded answers are to be written again.
pub fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// A folder of a file of the tests.
pub fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

/// Where images are, whatever the caller's environment says about its home.
pub fn cache() -> PathBuf {
    bellglass_image::cache_directory().expect("a folder for caches")
}

/// A program that crashes CPython: it reads far behind a tuple, as its bytecode says.
pub const CRASH: &str = "import opcode\nm = opcode.opmap\nc = (lambda: 0).__code__\nexec(c.replace(co_code=bytes([m['EXTENDED_ARG'], 48, m['EXTENDED_ARG'], 0, m['EXTENDED_ARG'], 0, m['LOAD_CONST'], 0, m['RETURN_VALUE'], 0])))";

/// A folder of its own for one test, gone at its end: `work` to run in, `home`
/// for what the command keeps.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("bellglass-test-").expect("a folder");
        for name in ["work", "home"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("the place is there")
    }

    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// Writes a file below `work`, with the folders that it needs.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(&path, content).expect("a file");
        path
    }

    /// The command, in `work`, with these words. Of the caller's environment it
    /// sees where images and the cell are, and nothing else.
    pub fn bellglass<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellglass"));
        command.args(words).current_dir(self.work()).env_clear().env("BELLGLASS_CACHE", cache());
        command.env("HOME", self.home());
        for name in ["PATH", "BELLGLASS_CELL"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// `bellglass run` with these words, to its end, with nothing on stdin.
    pub fn run<W: AsRef<std::ffi::OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Finished {
        let mut command = self.bellglass(["run"]);
        process::finish(command.args(words), Stdin::Nothing)
    }

    /// `bellglass run [options] -c code`.
    pub fn code(&self, options: &[&str], code: &str) -> Finished {
        self.run(options.iter().copied().chain(["-c", code]))
    }
}

/// Copies a folder and all below it; links stay links.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// One line for each file, link and folder below a folder: what it is, its name
/// and its content's digest. Two trees are equal when these are.
pub fn tree(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    walk(folder, folder, &mut lines);
    lines.sort();
    lines
}

fn walk(root: &Path, folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.strip_prefix(root).expect("below the root").display().to_string();
        let kind = fs::symlink_metadata(&path).expect("its metadata");
        if kind.is_symlink() {
            lines.push(format!("{name} -> {}", fs::read_link(&path).expect("a link").display()));
        } else if kind.is_dir() {
            // Compiled code differs with the interpreter's build.
            if !name.ends_with("__pycache__") {
                lines.push(format!("{name}/"));
                walk(root, &path, lines);
            }
        } else {
            let content = fs::read(&path).expect("a file");
            lines.push(format!("{name} {} {}", content.len(), &digest(&content)[..16]));
        }
    }
}

/// SHA-256, as hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    bellglass_image::digest_of_bytes(bytes).to_string()
}

/// Compares a text with its recording, or records it when blessing.
pub fn compare(what: &str, actual: &str, recording: &Path) {
    if blessing() {
        fs::write(recording, actual).expect("the recording is written");
        return;
    }
    let expected = fs::read_to_string(recording).unwrap_or_default();
    assert!(
        expected == actual,
        "{what} is not as recorded in {}\n{}(BLESS=1 records it again)",
        recording.display(),
        difference(&expected, actual)
    );
}

/// Both texts whole, and the first line in which they differ.
pub fn difference(expected: &str, actual: &str) -> String {
    let mut lines = expected.lines().zip(actual.lines()).enumerate();
    let first = match lines.find(|(_, (expected, actual))| expected != actual) {
        Some((at, (expected, actual))) => {
            format!("first difference, line {}:\n  expected {expected:?}\n  actual   {actual:?}\n", at + 1)
        }
        None => "one is the beginning of the other\n".to_owned(),
    };
    format!("--- expected\n{expected}\n--- actual\n{actual}\n--- {first}")
}
