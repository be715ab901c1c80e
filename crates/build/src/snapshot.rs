//! Making a snapshot: the interpreter is started, and what it then is becomes a
//! module that goes on from there.
//!
//! The guest's calls are answered by the ordinary virtual system, with nothing of
//! this machine in it: a clock that stands, numbers from a seed, the image's own
//! files and environment, no input. So the same recipe gives the same snapshot,
//! and none of the machine that built it.

use crate::module::global_exports;
use crate::recipe::{Recipe, SnapshotRecipe};
use bellglass_engine::{
    Ending, EngineError, External, GlobalValue, GuestMemory, Interruption, NATIVE_STACK_BYTES, Program,
    Settings, State, StopGuest,
};
use bellglass_pack::{Pack, PackError};
use bellglass_system::{
    Answer, Call, Capture, FixedClock, Memory, MemoryError, Output, SeededRandom, System, SystemError, Waiter,
};
use bellglass_wire::{GuestLimits, Hooks, Signature};
use std::collections::BTreeMap;
use std::fs::File;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// Memory that a guest may take while it is started; a snapshot of so much would
/// serve nobody.
const MEMORY_BYTES: u64 = 512 << 20;

/// How long a guest may wait for anything while it is started.
const WAITING_TIME: Duration = Duration::from_secs(60);

/// Native stack beside the guest's own.
const OWN_STACK_BYTES: usize = 4 << 20;

/// Why no snapshot can be made of a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The compiled module cannot be loaded or run.
    #[error("cannot start the interpreter for its snapshot: {0}")]
    Engine(#[from] EngineError),
    /// The virtual system cannot be set up.
    #[error("cannot start the interpreter for its snapshot: {0}")]
    System(#[from] SystemError),
    /// The base files are damaged.
    #[error("cannot start the interpreter for its snapshot: {0}")]
    Files(#[from] PackError),
    /// The operating system gives no thread or descriptor.
    #[error("cannot start the interpreter for its snapshot: the system refuses what it needs ({0})")]
    Resource(#[source] std::io::Error),
    /// The start export did not return normally.
    #[error(
        "the export '{export}' did not start the interpreter ({reason}): correct the entry or the [snapshot] of the recipe"
    )]
    Start {
        /// Its name.
        export: String,
        /// How it ended, and what it wrote.
        reason: String,
    },
    /// The run that shows which pages are written to did not end normally.
    #[error(
        "the rehearsal of a run from the snapshot failed ({reason}): correct the [snapshot] of the recipe"
    )]
    Rehearsal {
        /// How it ended.
        reason: String,
    },
    /// The state cannot be written as a module.
    #[error("the started interpreter cannot be kept as a module ({reason}): correct how the recipe links it")]
    Module {
        /// What is in the way.
        reason: String,
    },
}

/// A started interpreter.
pub(crate) struct Started {
    pub wasm: Vec<u8>,
    /// Bytes of its linear memory.
    pub memory_bytes: u64,
}

/// Starts the interpreter of which `wasm` is the module and `program` what was
/// compiled of it, and makes a module of what it then is.
pub(crate) fn take(
    recipe: &Recipe,
    snapshot: &SnapshotRecipe,
    wasm: &[u8],
    program: &Program,
    files: &File,
) -> Result<Started, SnapshotError> {
    // A recipe's check has seen that there is one.
    let export = recipe.entry.start.clone().unwrap_or_default();
    let state = in_a_thread(|| start(recipe, snapshot, &export, program, files))?;
    let memory_bytes = state.memory.len() as u64;
    Ok(Started { wasm: rewrite(wasm, &export, state)?, memory_bytes })
}

/// Runs the recipe's rehearsal in what was compiled of the snapshot, and gives the
/// pages that it wrote to: the first one's number and how many follow.
pub(crate) fn rehearse(
    recipe: &Recipe,
    snapshot: &SnapshotRecipe,
    code: File,
    files: &File,
) -> Result<Vec<(u32, u32)>, SnapshotError> {
    if snapshot.rehearsal.is_empty() {
        return Ok(Vec::new());
    }
    let program = Program::load_own(code, Interruption::Kill)?;
    let (ending, pages) = in_a_thread(|| {
        let machine = Machine::build(recipe, &snapshot.rehearsal, &program, files)?;
        let settings = settings(recipe, [recipe.entry.run.clone()]);
        Ok(program.run_and_see_pages(&settings, Box::new(machine.answers))?)
    })?;
    match ending {
        Ending::Returned { .. } | Ending::Ended => {
            Ok(pages.into_iter().map(|pages| (pages.first, pages.count)).collect())
        }
        other => Err(SnapshotError::Rehearsal { reason: format!("{other:?}") }),
    }
}

/// Does something with a stack that is large enough for a guest.
fn in_a_thread<T: Send>(work: impl FnOnce() -> Result<T, SnapshotError> + Send) -> Result<T, SnapshotError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(NATIVE_STACK_BYTES + OWN_STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work).map_err(SnapshotError::Resource)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn start(
    recipe: &Recipe,
    snapshot: &SnapshotRecipe,
    export: &str,
    program: &Program,
    files: &File,
) -> Result<State, SnapshotError> {
    let Machine { answers, system, failure, written } =
        Machine::build(recipe, &snapshot.arguments, program, files)?;
    let open =
        |system: &Mutex<System>| system.lock().unwrap_or_else(PoisonError::into_inner).open_descriptors();
    let before = open(&system);
    let exports = recipe.entry.initialize.iter().map(String::as_str).chain([export]).map(str::to_owned);
    let (ending, state) = program.run_and_keep(&settings(recipe, exports), Box::new(answers))?;

    let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    let words = String::from_utf8_lossy(&written.bytes()).trim().to_owned();
    let fault = match (ending, failure) {
        (_, Some(reason)) => Some(reason),
        (Ending::Trapped { message, backtrace, .. }, None) => {
            Some(format!("{message}, in {}", backtrace.join(" < ")))
        }
        (Ending::Ended | Ending::Interrupted { .. }, None) => Some("it ended the guest".to_owned()),
        // Nobody would ever read what it says in each run.
        (Ending::Returned { .. }, None) if !words.is_empty() => Some("it wrote".to_owned()),
        // A run's own system would not know them.
        (Ending::Returned { .. }, None) if open(&system) != before => Some("it left files open".to_owned()),
        (Ending::Returned { .. }, None) => None,
    };
    match fault {
        None => Ok(state),
        Some(reason) => {
            let reason = if words.is_empty() { reason } else { format!("{reason}: {words}") };
            Err(SnapshotError::Start { export: export.to_owned(), reason })
        }
    }
}

/// What to call, with no more limits and hooks than it takes.
fn settings(recipe: &Recipe, exports: impl IntoIterator<Item = String>) -> Settings {
    Settings {
        limits: GuestLimits { memory_bytes: MEMORY_BYTES, table_elements: 1 << 20 },
        hooks: Hooks { errno_address: recipe.entry.errno.clone(), ..Hooks::default() },
        exports: exports.into_iter().collect(),
        watch: None,
        interrupts: None,
    }
}

/// The virtual machine in which an image's guest runs while the image is built.
struct Machine {
    answers: Answers,
    system: Arc<Mutex<System>>,
    /// Why it ended the guest, if it did.
    failure: Arc<Mutex<Option<String>>>,
    /// What the guest has written.
    written: Capture,
}

impl Machine {
    fn build(
        recipe: &Recipe,
        arguments: &[String],
        program: &Program,
        files: &File,
    ) -> Result<Self, SnapshotError> {
        let written = Capture::new();
        let mut system = System::builder()
            .base(Arc::new(Pack::open(files)?))
            .arguments(std::iter::once(&recipe.program).chain(arguments).map(String::as_str))
            .clock(Arc::new(FixedClock::new(Duration::from_secs(recipe.time()))))
            .random(Box::new(SeededRandom::new(0)))
            .processor_time(|| Duration::ZERO)
            .memory_limit(MEMORY_BYTES)
            .stdout(Output::Capture(written.clone()))
            .stderr(Output::Capture(written.clone()));
        for (name, value) in &recipe.environment {
            system = system.environment(name.as_str(), value.as_str());
        }
        let system = Arc::new(Mutex::new(system.build()?));
        let failure = Arc::new(Mutex::new(None));
        let answers = Answers {
            signatures: program.signatures().to_vec(),
            system: Arc::clone(&system),
            waiter: Waiter::new(Instant::now().checked_add(WAITING_TIME)).map_err(SnapshotError::Resource)?,
            failure: Arc::clone(&failure),
        };
        Ok(Self { answers, system, failure, written })
    }
}

/// Answers the calls of a guest that is being started.
struct Answers {
    signatures: Vec<Signature>,
    system: Arc<Mutex<System>>,
    waiter: Waiter,
    failure: Arc<Mutex<Option<String>>>,
}

impl Answers {
    fn stop(&self, reason: String) -> StopGuest {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        StopGuest::End
    }
}

impl External for Answers {
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest> {
        let signature = &self.signatures[import];
        let mut memory = GuestBytes(memory);
        let answer = {
            let mut call = Call { signature, arguments, memory: &mut memory, waiter: &self.waiter };
            self.system.lock().unwrap_or_else(PoisonError::into_inner).answer(&mut call)
        };
        match answer {
            Ok(Answer::Return { results: values, errno }) if values.len() == results.len() => {
                results.copy_from_slice(&values);
                if let Some(errno) = errno {
                    memory.0.set_errno(i32::from(errno.number()));
                }
                Ok(())
            }
            Ok(Answer::Return { .. }) => {
                Err(self.stop(format!("the handler of {signature} gave a wrong number of results")))
            }
            Ok(Answer::Exit(code)) => Err(self.stop(format!("it exited with code {code}"))),
            Err(ending) => Err(self.stop(format!("the call {signature} ended it: {ending:?}"))),
        }
    }
}

/// The memory of a guest in this process, as handlers see it.
struct GuestBytes<'a>(&'a mut dyn GuestMemory);

impl GuestBytes<'_> {
    fn range(&self, address: u32, length: usize) -> Result<std::ops::Range<usize>, MemoryError> {
        let (start, size) = (address as usize, self.0.bytes().len());
        match start.checked_add(length) {
            Some(end) if end <= size => Ok(start..end),
            _ => Err(MemoryError::OutOfBounds { address, length: length as u64, size: size as u64 }),
        }
    }
}

impl Memory for GuestBytes<'_> {
    fn size(&self) -> u64 {
        self.0.bytes().len() as u64
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        let range = self.range(address, into.len())?;
        into.copy_from_slice(&self.0.bytes()[range]);
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        let range = self.range(address, bytes.len())?;
        self.0.bytes_mut()[range].copy_from_slice(bytes);
        Ok(())
    }

    fn allocate(&mut self, _size: u32) -> Result<u32, MemoryError> {
        // What a handler allocates in a snapshot would be there in each run.
        Err(MemoryError::Unsupported)
    }

    fn free(&mut self, _address: u32) -> Result<(), MemoryError> {
        Err(MemoryError::Unsupported)
    }
}

/// Writes a module that begins with this state.
fn rewrite(wasm: &[u8], export: &str, state: State) -> Result<Vec<u8>, SnapshotError> {
    let refused = |reason: String| SnapshotError::Module { reason };
    let mut wizer = Wizer::new();
    wizer.init_func(export);
    // The instrumented module only exports all globals. Ours exports those that
    // change itself, which saves compiling another one.
    let (context, _) = wizer.instrument(wasm).map_err(|error| refused(format!("{error:#}")))?;
    let mut kept = Kept { state, exports: global_exports(wasm), missing: None };
    let module = at_once(wizer.snapshot(&context, &mut kept));
    if let Some(global) = kept.missing {
        return Err(refused(format!("it does not export its changing global '{global}'")));
    }
    let module = module.ok_or_else(|| refused("the rewriting did not come to its end".to_owned()))?;
    module.map_err(|error| refused(format!("{error:#}")))
}

/// What the guest was when it had started.
struct Kept {
    state: State,
    /// The name of each exported global, by its number.
    exports: BTreeMap<u32, String>,
    /// A global that is needed and not exported.
    missing: Option<String>,
}

impl InstanceState for Kept {
    async fn global_get(&mut self, name: &str, _type: ValType) -> SnapshotVal {
        // Wizer calls them by their numbers.
        let number = name.rsplit('_').next().and_then(|number| number.parse().ok());
        let export = number.and_then(|number: u32| self.exports.get(&number));
        match export.and_then(|export| self.state.globals.get(export)) {
            Some(GlobalValue::I32(value)) => SnapshotVal::I32(*value),
            Some(GlobalValue::I64(value)) => SnapshotVal::I64(*value),
            Some(GlobalValue::F32(bits)) => SnapshotVal::F32(*bits),
            Some(GlobalValue::F64(bits)) => SnapshotVal::F64(*bits),
            None => {
                self.missing.get_or_insert_with(|| name.to_owned());
                SnapshotVal::I32(0)
            }
        }
    }

    async fn memory_contents(&mut self, _name: &str, contents: impl FnOnce(&[u8]) + Send) {
        contents(&self.state.memory);
    }
}

/// The result of what is asynchronous in its form only.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellglass_pack::Writer;
    use std::io::{Seek, Write};
    use std::path::Path;

    /// Fills its memory with all that could differ from one start to the next.
    const CURIOUS: &str = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "environ_get" (func $environment (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $arguments (param i32 i32) (result i32)))
        (memory (export "memory") 2)
        (global (export "depth") (mut i32) (i32.const 0))
        (func (export "begin")
            (drop (call $random (i32.const 1024) (i32.const 64)))
            (drop (call $time (i32.const 0) (i64.const 1) (i32.const 2048)))
            (drop (call $time (i32.const 1) (i64.const 1) (i32.const 2056)))
            (drop (call $time (i32.const 2) (i64.const 1) (i32.const 2064)))
            (drop (call $environment (i32.const 4096) (i32.const 8192)))
            (drop (call $arguments (i32.const 12288) (i32.const 16384)))
            (global.set 0 (i32.load (i32.const 1024))))
        (func (export "run") (result i32) i32.const 0))"#;

    const RECIPE: &str = r#"
        name = "curious"
        version = "1"
        toolchain = "toolchain.toml"
        program = "/bin/curious"
        [entry]
        start = "begin"
        run = "run"
        [environment]
        HOME = "/home/user"
        [snapshot]
        arguments = ["one argument"]
        [options]
        source_date_epoch = "1700000000"
        [[source]]
        name = "data"
        file = "data.tar.gz"
        debian = "pool/main/d/data.tar.gz"
        sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        size = 3
        [[step]]
        name = "only"
        script = "steps/only.sh"
        needs = ["source:data"]
    "#;

    #[test]
    fn the_same_image_gives_the_same_snapshot() {
        let recipe = Recipe::parse(RECIPE, Path::new("curious.toml")).expect("a recipe");
        let wasm = wat::parse_str(CURIOUS).expect("a module");
        let mut code = tempfile::NamedTempFile::new().expect("a file");
        code.write_all(&bellglass_engine::compile(&wasm, Interruption::Kill).expect("code"))
            .expect("written");
        let code = File::open(code.path()).expect("opened");
        let program = Program::load_own(code, Interruption::Kill).expect("a program");
        let mut files = tempfile::tempfile().expect("a file");
        Writer::new(0).finish(&mut files).expect("a pack");
        files.rewind().expect("its beginning");
        let snapshot = recipe.snapshot.as_ref().expect("a snapshot");
        let take = || take(&recipe, snapshot, &wasm, &program, &files).expect("a snapshot").wasm;
        let first = take();
        let has = |text: &[u8]| first.windows(text.len()).any(|part| part == text);
        assert!(has(b"one argument") && has(b"HOME=/home/user"), "the guest has asked");
        std::thread::sleep(Duration::from_millis(2));
        assert!(first == take(), "the bytes differ");
    }
}
