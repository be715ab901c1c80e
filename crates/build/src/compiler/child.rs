//! The process that compiles: it puts up its walls, reads the module, starts its
//! threads, puts up the last wall, and only then looks at the module.

use crate::bounds;
use bellglass_cage::{CompilerBounds, enter_compiler, lock_down_compiler};
use bellglass_engine::{Compiler, EngineError, Interruption};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

/// The word by which the command is asked to be a compiler. Nobody types it.
pub const COMPILE_VERB: &str = "compile-module";

/// The exit code of a compiler whose module has more of something than any may.
pub(super) const TOO_LARGE: i32 = 3;

/// The exit code of a compiler whose module is not valid.
pub(super) const INVALID: i32 = 4;

/// The exit code of a compiler that could not begin, or not end.
pub(super) const FAILED: i32 = 5;

/// The exit code of a compiler that had too little memory to begin.
pub(super) const NO_MEMORY: i32 = 6;

/// Threads that compile. More would set aside more addresses than there may be.
const THREADS: usize = 4;

/// Is a compiler until it has written the code to stdout, or why not to stderr. `words`
/// follow [`COMPILE_VERB`]: how guests are interrupted, bytes of memory, seconds of
/// processor time.
pub fn compile_here(words: impl Iterator<Item = OsString>) -> u8 {
    // The one that says that its time is over must come, whatever its controller does
    // with it.
    bellglass_fork::take_all_signals();
    // It reads files of the system's, which later it could not.
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let outcome = read_words(words).and_then(|(interruption, bounds)| {
        enter_compiler(&bounds);
        let wasm = read_module()?;
        // It sets up handlers for signals, which later it could not.
        let compiler = Compiler::new(interruption).map_err(|error| (FAILED, error.to_string()))?;
        // From here on no further thread is started.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| (NO_MEMORY, error.to_string()))?;
        lock_down_compiler();
        bounds::check_bodies(&wasm).map_err(|error| (TOO_LARGE, error.to_string()))?;
        let code = compiler.compile(&wasm).map_err(|error| match error {
            EngineError::Compile { reason } => (INVALID, reason),
            other => (FAILED, other.to_string()),
        })?;
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(&code).and_then(|()| stdout.flush());
        written.map_err(|error| (FAILED, error.to_string()))
    });
    match outcome {
        Ok(()) => 0,
        Err((code, reason)) => {
            let shown = &reason[..reason.floor_char_boundary(super::LAST_WORDS_BYTES as usize)];
            let _ = io::stderr().write_all(shown.as_bytes());
            code as u8
        }
    }
}

fn read_words(
    mut words: impl Iterator<Item = OsString>,
) -> Result<(Interruption, CompilerBounds), (i32, String)> {
    let mut next = || words.next().and_then(|word| word.into_string().ok());
    let interruption = next().and_then(|name| Interruption::ALL.into_iter().find(|kind| kind.name() == name));
    let mut number = || next().and_then(|number| number.parse().ok());
    match (interruption, number(), number()) {
        (Some(interruption), Some(memory_bytes), Some(processor_seconds)) => {
            Ok((interruption, CompilerBounds { memory_bytes, processor_seconds }))
        }
        _ => Err((FAILED, "this word is for bellglass itself".to_owned())),
    }
}

fn read_module() -> Result<Vec<u8>, (i32, String)> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::OutOfMemory => (NO_MEMORY, error.to_string()),
        _ => (FAILED, error.to_string()),
    };
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    // BOUND: whoever started this has seen that it is no longer.
    let length = file.metadata().map_err(failed)?.len().min(bounds::MODULE_BYTES);
    let mut wasm = Vec::new();
    let room = wasm.try_reserve_exact(length as usize);
    room.map_err(|_| (NO_MEMORY, "the module itself does not fit".to_owned()))?;
    (&mut file).take(length).read_to_end(&mut wasm).map_err(failed)?;
    Ok(wasm)
}
