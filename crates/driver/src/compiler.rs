//! `cc` and `c++`.

use crate::command_line::{CommandLine, Task};
use crate::kit::{code_of, status};
use crate::{Cxx, DriverError, Kit, Libc, Tool, linked, shared};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The stack in a guest's memory, in bytes: what a main thread has on Linux. Its
/// pages cost nothing until they are used.
const STACK_BYTES: u32 = 8 << 20;

/// Bytes of arguments beyond which they go through a file.
const LINE_BYTES: usize = 128 << 10;

/// What `-dumpmachine` answers for Linux.
const MACHINE: &str = "wasm32-unknown-linux-musl";

/// What every program knows that it is a guest by.
const GUEST: &str = "-D__bellglass__=1";

/// What a program that sees Linux knows it by, and the two names that only programs
/// know that do not keep to the standard's.
const DEFINITIONS: [&str; 4] = ["-D__linux__=1", "-D__linux=1", "-D__unix__=1", "-D__unix=1"];
const LOOSE_DEFINITIONS: [&str; 2] = ["-Dlinux=1", "-Dunix=1"];

/// C++'s library for programs that see Linux, where the compiler does not name it by itself.
const CXX_LIBRARIES: [&str; 2] = ["-lc++", "-lc++abi"];

/// What every program for WASI is linked with, after its own objects.
const LIBRARIES: [&str; 3] = ["-lbellglass", "-lsetjmp", "-lwasi-emulated-signal"];

/// The same, and what goes before a program's own words, where a program may ask
/// for threads: the functions are there, and creating one fails.
const THREADS_LIBRARY: &str = "-lwasi-emulated-pthread";
const THREADS_DEFINITION: &str = "-D_WASI_EMULATED_PTHREAD";

/// Exports by which the controller reaches a guest's memory and interrupts it.
const EXPORTS: [&str; 4] = ["malloc", "free", "bellglass_errno_address", "bellglass_interrupt_table"];

/// Functions of the C library that our library stands in front of: the search for
/// a path's folder, and the calls that may wait.
const WRAPPED: [&str; 9] = [
    "__wasilibc_find_relpath",
    "__wasilibc_find_relpath_alloc",
    "__wasi_clock_time_get",
    "__wasi_fd_read",
    "__wasi_fd_write",
    "__wasi_poll_oneoff",
    "__wasi_sock_accept",
    "__wasi_sock_recv",
    "__wasi_sock_send",
];

/// Whether C++'s library for programs that see Linux is read or linked.
pub(crate) fn needs_cxx(tool: Tool, arguments: &[OsString]) -> Result<bool, DriverError> {
    let line = CommandLine::read(arguments.to_vec())?;
    let reads = tool == Tool::Cxx && line.task != Task::Answer;
    Ok(line.libc == Libc::Linux && (reads || line.names_cxx))
}

pub(crate) fn run(
    tool: Tool,
    arguments: Vec<OsString>,
    kit: &Kit,
    cxx: Option<&Cxx>,
    launcher: &Path,
) -> Result<u8, DriverError> {
    let line = CommandLine::read(arguments)?;
    let libc = line.libc;
    let mut command = clang(tool, kit, libc);
    if let Some(cxx) = cxx {
        command.args(["-fwasm-exceptions", "-nostdinc++", "-isystem"]).arg(cxx.include());
        command.arg("-L").arg(cxx.library());
    }
    match libc {
        Libc::Linux if line.asks_machine => {
            println!("{MACHINE}");
            return Ok(0);
        }
        Libc::Linux if !line.is_strict => {
            command.args(LOOSE_DEFINITIONS);
        }
        Libc::Wasi if !line.without_threads => {
            command.arg(THREADS_DEFINITION);
        }
        _ => {}
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
            shared::make(command, line.words, &output, kit)
        }
        Task::Link => {
            let output = line.output.clone().unwrap_or_else(|| PathBuf::from("a.out"));
            let mut words = line.words;
            if line.names_cxx && tool == Tool::Cc && cxx.is_some() {
                words.extend(CXX_LIBRARIES.map(OsString::from));
            }
            words.extend(link_words(line.without_libraries, line.has_stack_size));
            if libc == Libc::Wasi {
                words.extend(wasi_link_words(kit, line.without_libraries, line.without_threads));
            }
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

/// The same, of a program for WASI alone.
fn wasi_link_words(kit: &Kit, without_libraries: bool, without_threads: bool) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    let mut linker = |word: OsString| words.extend(["-Xlinker".into(), word]);
    let mut allow = OsString::from("--allow-undefined-file=");
    allow.push(kit.delegated());
    linker(allow);
    if !without_libraries {
        for function in WRAPPED {
            linker(format!("--wrap={function}").into());
        }
        let mut folder = OsString::from("-L");
        folder.push(kit.lib());
        words.push(folder);
        words.extend(LIBRARIES.map(OsString::from));
        if !without_threads {
            words.push(THREADS_LIBRARY.into());
        }
    }
    words
}

/// The compiler with all that makes its output a guest.
pub(crate) fn clang(tool: Tool, kit: &Kit, libc: Libc) -> Command {
    let mut command = kit.command(if tool == Tool::Cxx { "clang++" } else { "clang" });
    let path = |option: &str, path: PathBuf| {
        let mut word = OsString::from(option);
        word.push(path);
        word
    };
    command.arg(format!("--target={}", libc.target()));
    command.arg("-resource-dir").arg(kit.resources());
    command.arg(path("-fuse-ld=", kit.program("wasm-ld")));
    command.args(["-Wno-unused-command-line-argument", "-mllvm", "-wasm-enable-sjlj", GUEST]);
    match libc {
        Libc::Linux => {
            command.arg(path("--sysroot=", kit.sysroot())).args(DEFINITIONS);
            // The C library tells of a function's errors by no errno.
            command.arg("-fno-math-errno");
        }
        Libc::Wasi => {
            command.arg(path("--sysroot=", kit.c_library())).arg("-isystem").arg(kit.include());
            command.args(["-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_PROCESS_CLOCKS"]);
            // What the sysroot offers is a POSIX system, which the target's name denies.
            command.arg("-D__unix__=1");
            // Its C++ library is made without exceptions: a program that throws one is
            // told so where it does, and not by the linker.
            command.arg("-fno-exceptions");
        }
    }
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
