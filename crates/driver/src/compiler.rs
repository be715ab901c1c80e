//! `cc` and `c++`.

use crate::command_line::{CommandLine, Task};
use crate::kit::{code_of, status};
use crate::{Cxx, DriverError, Kit, Tool, linked, shared};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stack in a guest's memory, in bytes: what a main thread has on Linux. Its
/// pages cost nothing until they are used.
const STACK_BYTES: u32 = 8 << 20;

/// Bytes of arguments beyond which they go through a file.
const LINE_BYTES: usize = 128 << 10;

/// The target, as clang names it. It has none for Linux on this machine, so that what
/// else is of Linux is said here.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What `-dumpmachine` answers.
const MACHINE: &str = "wasm32-unknown-linux-musl";

/// What a program knows by that it is a guest, and that it sees Linux; and the two names
/// that only programs know that do not keep to the standard's.
const DEFINITIONS: [&str; 5] =
    ["-D__bellglass__=1", "-D__linux__=1", "-D__linux=1", "-D__unix__=1", "-D__unix=1"];
const LOOSE_DEFINITIONS: [&str; 2] = ["-Dlinux=1", "-Dunix=1"];

/// C++'s library, where the compiler does not name it by itself.
const CXX_LIBRARIES: [&str; 2] = ["-lc++", "-lc++abi"];

/// Exports by which the controller reaches a guest's memory and interrupts it.
const EXPORTS: [&str; 4] = ["malloc", "free", "bellglass_errno_address", "bellglass_interrupt_table"];

/// Whether C++'s library is read or linked.
pub(crate) fn needs_cxx(tool: Tool, arguments: &[OsString]) -> Result<bool, DriverError> {
    let line = CommandLine::read(arguments.to_vec())?;
    let reads = tool == Tool::Cxx && line.task != Task::Answer;
    Ok(reads || line.names_cxx)
}

pub(crate) fn run(
    tool: Tool,
    arguments: Vec<OsString>,
    kit: &Kit,
    cxx: Option<&Cxx>,
    launcher: &Path,
) -> Result<u8, DriverError> {
    let line = CommandLine::read(arguments)?;
    if line.asks_machine {
        println!("{MACHINE}");
        return Ok(0);
    }
    let mut command = clang(tool, kit);
    if let Some(cxx) = cxx {
        command.args(["-fwasm-exceptions", "-nostdinc++", "-isystem"]).arg(cxx.include());
        command.arg("-L").arg(cxx.library());
    }
    if !line.is_strict {
        command.args(LOOSE_DEFINITIONS);
    }
    match line.task {
        Task::Answer | Task::Compile => {
            let output = line.output.map(|path| ["-o".into(), path.into_os_string()]);
            let words: Vec<OsString> = line.words.into_iter().chain(output.into_iter().flatten()).collect();
            // The file must outlive the compiler, which takes this process' place.
            match response_file(&words)? {
                Some(file) => {
                    command.arg(at(file.path()));
                    status(&mut command).map(code_of)
                }
                None => {
                    command.args(words);
                    kit.replace(command)
                }
            }
        }
        Task::Join => {
            let output = line.output.unwrap_or_else(|| PathBuf::from("a.out"));
            command.args(["-r", "-nostdlib"]).arg("-o").arg(output);
            finish(&mut command, &line.words)
        }
        Task::Share => {
            let output = line.output.unwrap_or_else(|| PathBuf::from("a.out"));
            shared::make(command, line.words, &output)
        }
        Task::Link => {
            let output = line.output.clone().unwrap_or_else(|| PathBuf::from("a.out"));
            let mut words = line.words;
            if line.names_cxx && tool == Tool::Cc {
                words.extend(CXX_LIBRARIES.map(OsString::from));
            }
            words.extend(link_words(line.without_libraries, line.has_stack_size));
            linked::make(&output, launcher, line.keeps_roots, |temporary| {
                // A -l finds what -shared has made, under the name that it has.
                command.args(["-Xlinker", "-Bdynamic", "-o"]).arg(temporary);
                finish(&mut command, &words)
            })
        }
    }
}

/// The words that follow a program's own at a link.
fn link_words(without_libraries: bool, has_stack_size: bool) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut linker = |word: OsString| words.extend(["-Xlinker".into(), word]);
    // The stack lies below the data, so that an overflow traps instead of
    // overwriting it.
    linker("--stack-first".into());
    if !has_stack_size {
        linker("-z".into());
        linker(format!("stack-size={STACK_BYTES}").into());
    }
    for export in EXPORTS {
        let option = if without_libraries { "--export-if-defined" } else { "--export" };
        linker(format!("{option}={export}").into());
    }
    words
}

/// The compiler with all that makes its output a guest.
pub(crate) fn clang(tool: Tool, kit: &Kit) -> Command {
    let mut command = kit.command(if tool == Tool::Cxx { "clang++" } else { "clang" });
    let path = |option: &str, path: PathBuf| {
        let mut word = OsString::from(option);
        word.push(path);
        word
    };
    command.arg(format!("--target={TARGET}"));
    command.arg("-resource-dir").arg(kit.resources());
    command.arg(path("-fuse-ld=", kit.program("wasm-ld")));
    command.arg(path("--sysroot=", kit.sysroot())).args(DEFINITIONS);
    // The C library tells of a function's errors by no errno.
    command.args(["-Wno-unused-command-line-argument", "-mllvm", "-wasm-enable-sjlj", "-fno-math-errno"]);
    command
}

/// Runs the compiler with these words after its own and waits for it.
pub(crate) fn finish(command: &mut Command, words: &[OsString]) -> Result<u8, DriverError> {
    let file = response_file(words)?;
    match &file {
        Some(file) => command.arg(at(file.path())),
        None => command.args(words),
    };
    status(command).map(code_of)
}

fn at(path: &Path) -> OsString {
    let mut word = OsString::from("@");
    word.push(path);
    word
}

/// A file with the words in it, if they are too many for a command line.
fn response_file(words: &[OsString]) -> Result<Option<tempfile::NamedTempFile>, DriverError> {
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    if words.iter().map(|word| word.len() + 1).sum::<usize>() < LINE_BYTES {
        return Ok(None);
    }
    let mut text = Vec::new();
    for word in words {
        for byte in word.as_bytes() {
            if !byte.is_ascii_alphanumeric() && !b"-_./=,+:@%".contains(byte) {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.push(b'\n');
    }
    let folder = std::env::temp_dir();
    let file = tempfile::NamedTempFile::new_in(&folder).and_then(|mut file| {
        file.write_all(&text)?;
        Ok(file)
    });
    file.map(Some).map_err(DriverError::io("write a file in", folder))
}
