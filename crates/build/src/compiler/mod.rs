//! Compiling a module to native code, in a process of its own. The module may be a
//! stranger's: it costs what its [`CompileLimits`] say at most, and what it could make
//! of the compiler holds no more than that process, which is behind walls.
//!
//! The process is the bellglass command itself, with a word that nobody types; it has
//! an empty environment and three descriptors: the module, where the code goes, and a
//! pipe for the sentence that says why there is none.

mod child;
mod find;

pub use child::{COMPILE_VERB, compile_here};
pub(crate) use find::find_command;

use crate::bounds::TooMuch;
use bellglass_engine::Interruption;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Bytes of the compiler's last words that are kept.
const LAST_WORDS_BYTES: u64 = 4096;

/// How long a compiler that has written its last may take to be gone.
const LEAVE_TIME: Duration = Duration::from_secs(1);

/// How often it is looked at until then.
const LOOK: Duration = Duration::from_millis(1);

/// What compiling one module may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompileLimits {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Processor time of all threads together, in whole seconds.
    pub processor_time: Duration,
    /// Time by the wall clock.
    pub wall_time: Duration,
    /// When all must be done, whatever is left of the others: a run that waits for it
    /// has a time of its own.
    pub deadline: Option<Instant>,
    /// Bytes of the code.
    pub code_bytes: u64,
}

impl Default for CompileLimits {
    /// For modules of strangers. CPython, which is large, takes a quarter of the
    /// memory and a tenth of the time.
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            processor_time: Duration::from_secs(120),
            wall_time: Duration::from_secs(300),
            deadline: None,
            code_bytes: 512 << 20,
        }
    }
}

impl CompileLimits {
    /// Nothing that an honest module would meet: for what is trusted, or was asked for
    /// at a terminal.
    pub fn large() -> Self {
        let hour = Duration::from_secs(60 * 60);
        Self {
            memory_bytes: 8 << 30,
            processor_time: hour,
            wall_time: hour,
            deadline: None,
            code_bytes: 2 << 30,
        }
    }

    /// When what begins now must be done, and what it has met then.
    pub(crate) fn end(&self) -> End {
        let by_clock = Instant::now() + self.wall_time;
        match self.deadline {
            Some(deadline) if deadline <= by_clock => End { moment: deadline, is_deadline: true },
            _ => End { moment: by_clock, is_deadline: false },
        }
    }

    /// The error of what was not done at its end.
    pub(crate) fn too_late(&self, end: End) -> CompileError {
        match end.is_deadline {
            true => CompileError::Deadline,
            false => CompileError::WallTime { limit: self.wall_time },
        }
    }
}

/// The end of a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub moment: Instant,
    is_deadline: bool,
}

/// Why a module was not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// [`CompileLimits::deadline`].
    #[error("the module was not compiled by the deadline: give it more time")]
    Deadline,
    /// [`CompileLimits::wall_time`].
    #[error("compiling the module was stopped after {} s: compile a smaller one", limit.as_secs())]
    WallTime {
        /// The limit.
        limit: Duration,
    },
    /// [`CompileLimits::processor_time`].
    #[error("compiling the module was stopped when it had used {} s of processor time: allow it more", limit.as_secs())]
    ProcessorTime {
        /// The limit.
        limit: Duration,
    },
    /// [`CompileLimits::memory_bytes`].
    #[error("compiling the module was stopped: it takes more than {} MiB of memory, so allow it more", limit >> 20)]
    Memory {
        /// The limit.
        limit: u64,
    },
    /// [`CompileLimits::code_bytes`].
    #[error("compiling the module was stopped: it makes more than {} MiB of code", limit >> 20)]
    Code {
        /// The limit.
        limit: u64,
    },
    /// It has more of something than any module may.
    #[error("the module is not compiled: {reason}")]
    TooLarge {
        /// What it has too much of.
        reason: String,
    },
    /// It is not a valid module.
    #[error("the module cannot be compiled: {reason}")]
    Invalid {
        /// The engine's own words.
        reason: String,
    },
    /// The bellglass command is not there.
    #[error(
        "the program bellglass, in which modules are compiled, was not found (looked for {}): install it beside the running program",
        list(tried)
    )]
    NoCommand {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// It cannot be started.
    #[error("the compiler {} cannot be started: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It could not do its work.
    #[error("the compiler failed: {reason}")]
    Failed {
        /// Its own words.
        reason: String,
    },
    /// It ended in a way that it should not.
    #[error("the compiler ended before its time ({reason}): the module may be made to break compilers")]
    Broken {
        /// How, and what it said.
        reason: String,
    },
    /// The code could not be kept.
    #[error("cannot keep the compiled code ({0}): check that the disk is not full")]
    Write(#[source] io::Error),
}

impl From<TooMuch> for CompileError {
    fn from(error: TooMuch) -> Self {
        Self::TooLarge { reason: error.to_string() }
    }
}

impl CompileError {
    /// Whether it is a limit that the module has met, other than the deadline.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::WallTime { .. }
                | Self::ProcessorTime { .. }
                | Self::Memory { .. }
                | Self::Code { .. }
                | Self::TooLarge { .. }
        )
    }
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

/// What compiles modules.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    program: PathBuf,
    pub limits: CompileLimits,
}

impl Compiler {
    /// The compiler in the bellglass command, or in the one that was told.
    pub fn new(told: Option<PathBuf>, limits: CompileLimits) -> Result<Self, CompileError> {
        let program = match told {
            Some(program) => program,
            None => find_command().map_err(|tried| CompileError::NoCommand { tried })?,
        };
        Ok(Self { program, limits })
    }

    /// Compiles the module in a file and writes the code to `into`.
    ///
    /// What comes of it is native code as a process made it that has read the module:
    /// use it for guests of this very module only.
    pub fn compile(
        &self,
        wasm: File,
        interruption: Interruption,
        into: &mut dyn Write,
    ) -> Result<(), CompileError> {
        let end = self.limits.end();
        let mut process = self.start(wasm, interruption)?;
        self.receive(&mut process, end, into)?;
        let Some(status) = process.leave(end) else { return Err(self.limits.too_late(end)) };
        self.judge(status, &process.last_words())
    }

    fn start(&self, wasm: File, interruption: Interruption) -> Result<Process, CompileError> {
        let refused = |source| CompileError::Start { program: self.program.clone(), source };
        let (code, code_end) = io::pipe().map_err(refused)?;
        let (words, words_end) = io::pipe().map_err(refused)?;
        let seconds = self.limits.processor_time.as_secs().max(1);
        let child = Command::new(&self.program)
            .arg(COMPILE_VERB)
            .arg(interruption.name())
            .args([self.limits.memory_bytes, seconds].map(|number| number.to_string()))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(wasm))
            .stdout(Stdio::from(code_end))
            .stderr(Stdio::from(words_end))
            // A Ctrl-C at the terminal is for this process; the other ends with it.
            .process_group(0)
            .spawn()
            .map_err(refused)?;
        Ok(Process { child, code, words: Some(words) })
    }

    /// Passes the code on, until the compiler has closed its end.
    fn receive(&self, process: &mut Process, end: End, into: &mut dyn Write) -> Result<(), CompileError> {
        let failed = |error: io::Error| CompileError::Broken { reason: error.to_string() };
        let mut piece = vec![0; 64 << 10];
        let mut received = 0;
        loop {
            let left = end.moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.limits.too_late(end));
            }
            let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            match poll(&mut [PollFd::new(&process.code, PollFlags::IN)], Some(&timeout)) {
                Ok(1..) => {}
                Ok(0) | Err(Errno::INTR) => continue,
                Err(error) => return Err(failed(error.into())),
            }
            let count = match process.code.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            received += count as u64;
            // BOUND: a compiler that was taken over could write for ever.
            if received > self.limits.code_bytes {
                return Err(CompileError::Code { limit: self.limits.code_bytes });
            }
            into.write_all(&piece[..count]).map_err(CompileError::Write)?;
        }
    }

    fn judge(&self, status: ExitStatus, words: &str) -> Result<(), CompileError> {
        const OUT_OF_MEMORY: &str = "memory allocation of";
        let reason = || words.to_owned();
        // To send itself the signal of an abort is refused to it.
        let is_abort = |signal| [Signal::ABORT.as_raw(), Signal::SYS.as_raw()].contains(&signal);
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(child::TOO_LARGE), _) => Err(CompileError::TooLarge { reason: reason() }),
            (Some(child::INVALID), _) => Err(CompileError::Invalid { reason: reason() }),
            (Some(child::FAILED), _) => Err(CompileError::Failed { reason: reason() }),
            (_, Some(signal)) if signal == Signal::XCPU.as_raw() => {
                Err(CompileError::ProcessorTime { limit: self.limits.processor_time })
            }
            (code, signal)
                if code == Some(child::NO_MEMORY)
                    || signal.is_some_and(is_abort) && words.contains(OUT_OF_MEMORY) =>
            {
                Err(CompileError::Memory { limit: self.limits.memory_bytes })
            }
            _ => {
                let words = if words.is_empty() { String::new() } else { format!(", {words}") };
                Err(CompileError::Broken { reason: format!("{status}{words}") })
            }
        }
    }
}

/// A compiler at work. Dropping it ends it.
struct Process {
    child: Child,
    code: PipeReader,
    words: Option<PipeReader>,
}

impl Process {
    /// How it has left, once it has closed the pipe for its code; nothing if it is
    /// still there at `end`, or after a moment.
    fn leave(&mut self, end: End) -> Option<ExitStatus> {
        let until = end.moment.min(Instant::now() + LEAVE_TIME);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                _ => return None,
            }
        }
    }

    /// What it has said, on one line. Not before it has left: its pipe signals it at
    /// each read.
    fn last_words(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Some(words) = self.words.take() {
            // It is gone, and has started no other process, so this does not wait.
            // BOUND: so much is kept.
            let _ = words.take(LAST_WORDS_BYTES).read_to_end(&mut bytes);
        }
        // What a terminal would obey must not reach one: it has read a stranger's names.
        let safe = |one: char| match one {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
            one if one.is_control() => ' ',
            one => one,
        };
        String::from_utf8_lossy(&bytes).trim().chars().map(safe).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // That it has gone already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
