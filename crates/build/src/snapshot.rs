//! Making a snapshot: the interpreter is started, and what it then is becomes a
//! module that goes on from there.
//!
//! The guest's calls are answered by the ordinary virtual system, with nothing of
//! this machine in it: a clock that stands, numbers from a seed, the image's own
//! files and environment, no input. So the same recipe gives the same snapshot,
//! and none of the machine that built it.

use crate::module::global_exports;
use crate::recipe::{Recipe, SnapshotRecipe};
use bellglass::Outcome;
use bellglass::snapshot::{End, Trial as Guest};
use bellglass_engine::{GlobalValue, GuestState};
use bellglass_pack::{Pack, PackError};
use bellglass_system::{Capture, FixedClock, Output, SeededRandom, System};
use bellglass_wire::Hooks;
use std::collections::BTreeMap;
use std::fs::File;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// Memory that a guest may take while it is started; a snapshot of so much would
/// serve nobody.
const MEMORY_BYTES: u64 = 512 << 20;

/// Elements that its function tables may have.
const TABLE_ELEMENTS: u64 = 1 << 20;

/// What its start, and the rehearsal of a run, may take each. CPython's take less than
/// a second on a quiet machine.
pub(crate) const TIME: Duration = Duration::from_secs(60);

/// Why no snapshot can be made of a guest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The compiled module cannot be loaded, or its virtual system not be set up.
    #[error("cannot start the interpreter for its snapshot: {0}")]
    Run(#[from] bellglass::Error),
    /// The base files are damaged.
    #[error("cannot start the interpreter for its snapshot: {0}")]
    Files(#[from] PackError),
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

/// What runs an image's guest while the image is built.
pub(crate) struct Trial<'a> {
    pub recipe: &'a Recipe,
    /// The image's base files.
    pub files: &'a File,
    /// What each run may take.
    pub time: Duration,
}

impl Trial<'_> {
    /// Starts the interpreter of which `wasm` is the module and `compiled` what was
    /// compiled of it for guests in threads, and makes a module of what it then is.
    pub fn start(
        &self,
        snapshot: &SnapshotRecipe,
        wasm: &[u8],
        compiled: File,
    ) -> Result<Started, SnapshotError> {
        let entry = &self.recipe.entry;
        // A recipe's check has seen that there is one.
        let export = entry.start.clone().unwrap_or_default();
        let exports = entry.initialize.iter().cloned().chain([export.clone()]);
        let (guest, written) = self.guest(&snapshot.arguments, compiled, exports)?;
        let tried = guest.keep_state()?;
        let words = String::from_utf8_lossy(&written.bytes()).trim().to_owned();
        let reason = match (tried.end, tried.kept) {
            // Nobody would ever read what it says in each run.
            (End::Returned, _) if !words.is_empty() => "it wrote".to_owned(),
            // A run's own system would not know them.
            (End::Returned, _) if tried.left_open > 0 => "it left files open".to_owned(),
            (End::Returned, Some(state)) => {
                let memory_bytes = state.memory.len() as u64;
                return Ok(Started { wasm: rewrite(wasm, &export, state)?, memory_bytes });
            }
            _ => reason(&tried.outcome),
        };
        let reason = if words.is_empty() { reason } else { format!("{reason}: {words}") };
        Err(SnapshotError::Start { export, reason })
    }

    /// Runs the recipe's rehearsal in what was compiled of the snapshot, and gives the
    /// pages that it wrote to: the first one's number and how many follow.
    pub fn rehearse(
        &self,
        snapshot: &SnapshotRecipe,
        compiled: File,
    ) -> Result<Vec<(u32, u32)>, SnapshotError> {
        if snapshot.rehearsal.is_empty() {
            return Ok(Vec::new());
        }
        let (guest, _) = self.guest(&snapshot.rehearsal, compiled, [self.recipe.entry.run.clone()])?;
        let tried = guest.see_pages()?;
        match (tried.outcome, tried.kept) {
            (Outcome::Exited { .. }, Some(pages)) => {
                Ok(pages.into_iter().map(|pages| (pages.first, pages.count)).collect())
            }
            (outcome, _) => Err(SnapshotError::Rehearsal { reason: reason(&outcome) }),
        }
    }

    /// A guest in a virtual machine with nothing of this one in it, and what it will
    /// have written.
    fn guest(
        &self,
        arguments: &[String],
        compiled: File,
        exports: impl IntoIterator<Item = String>,
    ) -> Result<(Guest, Capture), SnapshotError> {
        let recipe = self.recipe;
        let written = Capture::new();
        let mut system = System::builder()
            .base(Arc::new(Pack::open(self.files)?))
            .arguments(std::iter::once(&recipe.program).chain(arguments).map(String::as_str))
            .clock(Arc::new(FixedClock::new(Duration::from_secs(recipe.time()))))
            .random(Box::new(SeededRandom::new(0)))
            .processor_time(|| Duration::ZERO)
            .stdout(Output::Capture(written.clone()))
            .stderr(Output::Capture(written.clone()));
        for (name, value) in &recipe.environment {
            system = system.environment(name.as_str(), value.as_str());
        }
        let guest = Guest {
            compiled,
            system,
            memory_bytes: MEMORY_BYTES,
            table_elements: TABLE_ELEMENTS,
            time: self.time,
            // No allocator: what a handler allocates in a snapshot would be there in
            // each run.
            hooks: Hooks { errno_address: recipe.entry.errno.clone(), ..Hooks::default() },
            exports: exports.into_iter().collect(),
        };
        Ok((guest, written))
    }
}

/// Why a guest did not do what its recipe has it do.
fn reason(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited { code } => format!("it exited with code {code}"),
        Outcome::Limit(reached) => format!("it {}", reached.cause(|limit| limit.to_string())),
        Outcome::Crashed { message, backtrace } if backtrace.is_empty() => message.clone(),
        Outcome::Crashed { message, backtrace } => format!("{message}, in {}", backtrace.join(" < ")),
        Outcome::Refused { reason } | Outcome::Failed { reason } | Outcome::Breach { reason } => {
            reason.clone()
        }
        other => format!("it was ended: {other:?}"),
    }
}

/// Writes a module that begins with this state.
fn rewrite(wasm: &[u8], export: &str, state: GuestState) -> Result<Vec<u8>, SnapshotError> {
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
    state: GuestState,
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
    use bellglass_engine::Interruption;
    use bellglass_pack::Writer;
    use std::io::{Seek, Write};
    use std::path::Path;
    use std::time::Instant;

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

    /// Computes for ever in one export, and is done at once in the other.
    const BUSY: &str = r#"(module
        (memory (export "memory") 1)
        (func (export "ready"))
        (func (export "begin") (loop $again (br $again)))
        (func (export "run") (result i32) (loop $again (br $again)) unreachable))"#;

    /// What is compiled of a module, and a pack with nothing in it.
    fn parts(text: &str) -> (Vec<u8>, impl Fn() -> File, File) {
        let wasm = wat::parse_str(text).expect("a module");
        let mut code = tempfile::NamedTempFile::new().expect("a file");
        let compiled = bellglass_engine::compile(&wasm, Interruption::Epoch).expect("code");
        code.write_all(&compiled).expect("written");
        let mut files = tempfile::tempfile().expect("a file");
        Writer::new(0).finish(&mut files).expect("a pack");
        files.rewind().expect("its beginning");
        (wasm, move || File::open(code.path()).expect("opened"), files)
    }

    fn recipe(text: &str) -> (Recipe, SnapshotRecipe) {
        let recipe = Recipe::parse(text, Path::new("curious.toml")).expect("a recipe");
        let snapshot = recipe.snapshot.clone().expect("a snapshot");
        (recipe, snapshot)
    }

    #[test]
    fn the_same_image_gives_the_same_snapshot() {
        let (recipe, snapshot) = recipe(RECIPE);
        let (wasm, compiled, files) = parts(CURIOUS);
        let trial = Trial { recipe: &recipe, files: &files, time: TIME };
        let take = || trial.start(&snapshot, &wasm, compiled()).expect("a snapshot").wasm;
        let first = take();
        let has = |text: &[u8]| first.windows(text.len()).any(|part| part == text);
        assert!(has(b"one argument") && has(b"HOME=/home/user"), "the guest has asked");
        std::thread::sleep(Duration::from_millis(2));
        assert!(first == take(), "the bytes differ");
    }

    #[test]
    fn a_guest_that_computes_for_ever_is_no_snapshot_and_no_rehearsal() {
        let time = Duration::from_millis(200);
        let (wasm, compiled, files) = parts(BUSY);
        let begun = Instant::now();
        let (looping, snapshot) = recipe(RECIPE);
        let trial = Trial { recipe: &looping, files: &files, time };
        let Err(error) = trial.start(&snapshot, &wasm, compiled()) else { panic!("it never starts") };
        let error = error.to_string();
        assert_eq!(
            error,
            "the export 'begin' did not start the interpreter (it took longer than 200ms): \
             correct the entry or the [snapshot] of the recipe"
        );
        let (recipe, mut snapshot) = recipe(&RECIPE.replace("\"begin\"", "\"ready\""));
        let trial = Trial { recipe: &recipe, files: &files, time };
        assert!(trial.start(&snapshot, &wasm, compiled()).is_ok(), "it starts");
        snapshot.rehearsal = vec!["whatever".to_owned()];
        let error = trial.rehearse(&snapshot, compiled()).expect_err("it never ends").to_string();
        assert!(error.contains("rehearsal") && error.contains("took longer than 200ms"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
