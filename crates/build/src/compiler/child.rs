//! The process that compiles: it puts up its walls, reads the module, starts its
//! threads, puts up the last wall, and only then looks at the module.

use super::SystemCallFilter;
use super::ending::{Ending, NO_TIME, say_wall};
use super::process::LAST_WORDS_BYTES;
use crate::bounds;
use bellglass_cage::{COMPILER_BOUNDS, COMPILER_FILTER, CompilerBounds, enter_compiler, lock_down_compiler};
use bellglass_engine::{Compiler, EngineError, Interruption};
use bellglass_wire::Wall;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

/// The word by which the command is asked to be a compiler. Nobody types it.
pub const COMPILE_VERB: &str = "compile-module";

/// Threads that compile. More would set aside more addresses than there may be.
const THREADS: usize = 4;

/// How it ended, and why so.
type Reason = (Ending, String);

/// What it is told.
struct Words {
    interruption: Interruption,
    bounds: CompilerBounds,
    filter: SystemCallFilter,
}

/// Is a compiler until it has written the code to stdout, or why not to stderr. `words`
/// follow [`COMPILE_VERB`]: how guests are interrupted, bytes of memory, seconds of
/// processor time, whether it works without the system call filter.
pub fn compile_here(words: impl Iterator<Item = OsString>) -> u8 {
    // The one that says that its time is over must come, whatever its controller does
    // with it.
    bellglass_fork::take_all_signals();
    bellglass_fork::leave_at_processor_time(NO_TIME, Ending::NoTime as u8);
    let (ending, reason) = match compile(words) {
        Ok(()) => (Ending::Done, String::new()),
        Err(reason) => reason,
    };
    // With room for what comes after it.
    let shown = &reason[..reason.floor_char_boundary(LAST_WORDS_BYTES - 8)];
    let _ = io::stderr().write_all(ending.words(shown).as_bytes());
    ending as u8
}

fn compile(words: impl Iterator<Item = OsString>) -> Result<(), Reason> {
    // It reads files of the system's, which later it could not.
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let Words { interruption, bounds, filter } = read_words(words)?;
    require(COMPILER_BOUNDS, &enter_compiler(&bounds))?;
    let wasm = read_module()?;
    // It sets up handlers for signals, which later it could not.
    let compiler = Compiler::new(interruption).map_err(|error| (Ending::Failed, error.to_string()))?;
    // From here on no further thread is started.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|error| (Ending::NoMemory, error.to_string()))?;
    let walls = lock_down_compiler();
    match filter {
        SystemCallFilter::Required => require(&[COMPILER_FILTER], &walls)?,
        SystemCallFilter::Waived => {}
    }
    bounds::check_bodies(&wasm).map_err(|error| (Ending::TooLarge, error.to_string()))?;
    let code = compiler.compile(&wasm).map_err(|error| match error {
        EngineError::Compile { reason } => (Ending::Invalid, reason),
        other => (Ending::Failed, other.to_string()),
    })?;
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&code).and_then(|()| stdout.flush());
    written.map_err(|error| (Ending::Failed, error.to_string()))
}

/// Whether all these walls are up.
fn require(names: &[&str], walls: &[Wall]) -> Result<(), Reason> {
    for name in names {
        let detail = match walls.iter().find(|wall| wall.name == *name) {
            Some(wall) if wall.active => continue,
            Some(wall) => &wall.detail,
            None => "this system has none",
        };
        return Err((Ending::NoWall, say_wall(name, detail)));
    }
    Ok(())
}

fn read_words(mut words: impl Iterator<Item = OsString>) -> Result<Words, Reason> {
    let mut next = || words.next().and_then(|word| word.into_string().ok());
    let interruption = next().and_then(|name| Interruption::ALL.into_iter().find(|kind| kind.name() == name));
    let mut number = || next().and_then(|number| number.parse().ok());
    let (memory_bytes, processor_seconds) = (number(), number());
    let filter = next().and_then(|name| SystemCallFilter::ALL.into_iter().find(|kind| kind.name() == name));
    match (interruption, memory_bytes, processor_seconds, filter) {
        (Some(interruption), Some(memory_bytes), Some(processor_seconds), Some(filter)) => {
            Ok(Words { interruption, bounds: CompilerBounds { memory_bytes, processor_seconds }, filter })
        }
        _ => Err((Ending::Failed, "this word is for bellglass itself".to_owned())),
    }
}

fn read_module() -> Result<Vec<u8>, Reason> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::OutOfMemory => (Ending::NoMemory, error.to_string()),
        _ => (Ending::Failed, error.to_string()),
    };
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    // BOUND: whoever started this has seen that it is no longer.
    let length = file.metadata().map_err(failed)?.len().min(bounds::MODULE_BYTES);
    let mut wasm = Vec::new();
    let room = wasm.try_reserve_exact(length as usize);
    room.map_err(|_| (Ending::NoMemory, "the module itself does not fit".to_owned()))?;
    (&mut file).take(length).read_to_end(&mut wasm).map_err(failed)?;
    Ok(wasm)
}
