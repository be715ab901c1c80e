//! A compiler at work, as its controller has it.

use super::Compiler;
use super::child::COMPILE_VERB;
use super::ending::Ending;
use super::error::CompileError;
use bellglass_engine::Interruption;
use bellglass_fork::{Child, Reaped};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Bytes of the compiler's last words that are kept, which are the last of them.
pub(super) const LAST_WORDS_BYTES: usize = 4096;

/// Bytes that the pipe of its last words holds at most, which is not read before it has
/// left.
const PIPE_BYTES: u64 = 64 << 10;

/// How long a compiler that has written its last may take to be gone.
const LEAVE_TIME: Duration = Duration::from_secs(1);

/// How often it is looked at until then.
const LOOK: Duration = Duration::from_millis(1);

/// A compiler at work. Dropping it ends it.
pub(super) struct Process {
    /// Nothing once it is gone.
    child: Option<Child>,
    pub code: PipeReader,
    words: PipeReader,
}

/// How a compiler has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// What the system tells of it; nothing if somebody else was told, or it did not
    /// leave by itself.
    pub reaped: Option<Reaped>,
    /// How it says that it ended.
    pub ending: Option<Ending>,
    /// What it has said beside that, on one line, as it may be shown to people.
    pub words: String,
}

impl Ended {
    /// Whether neither the system nor the compiler has told how it ended.
    pub fn is_nothing_known(&self) -> bool {
        self.reaped.is_none() && self.ending.is_none()
    }
}

impl Process {
    pub fn start(compiler: &Compiler, wasm: File, interruption: Interruption) -> Result<Self, CompileError> {
        let refused = |source| CompileError::Start { program: compiler.program.clone(), source };
        let (code, code_end) = io::pipe().map_err(refused)?;
        let (words, words_end) = io::pipe().map_err(refused)?;
        // What has come is there once it has ended, and nobody is waited for then.
        let flags = rustix::fs::fcntl_getfl(&words).map_err(|error| refused(error.into()))?;
        rustix::fs::fcntl_setfl(&words, flags | OFlags::NONBLOCK).map_err(|error| refused(error.into()))?;
        let limits = &compiler.limits;
        let mut command = Command::new(&compiler.program);
        command
            .arg(COMPILE_VERB)
            .arg(interruption.name())
            .args([limits.memory_bytes, limits.processor_seconds()].map(|number| number.to_string()))
            .arg(limits.filter.name())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(wasm))
            .stdout(Stdio::from(code_end))
            .stderr(Stdio::from(words_end))
            // A Ctrl-C at the terminal is for this process; the other ends with it.
            .process_group(0);
        Ok(Self { child: Child::spawn(&mut command).map_err(refused)?, code, words })
    }

    /// How it has ended, once it has closed the pipe for its code. Who is still there a
    /// moment later, or at `end`, is ended, and has said what it had to say.
    pub fn leave(&mut self, end: Instant) -> Ended {
        let until = end.min(Instant::now() + LEAVE_TIME);
        while self.child.as_ref().is_some_and(|child| !child.has_ended()) && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        let left = self.child.take().map(|child| (child.has_ended(), finish(child)));
        let reaped = left.and_then(|(by_itself, reaped)| reaped.filter(|_| by_itself));
        let words = self.last_words();
        let (said, ending) = Ending::split(&words);
        let line = said.trim().replace('\n', " ");
        // It has read a stranger's names.
        Ended { reaped, ending, words: bellglass_wire::plain(&line) }
    }

    /// What it has said. Not before it has left: its pipe signals it at each read.
    fn last_words(&mut self) -> String {
        let mut bytes = Vec::new();
        // BOUND: so much is read. Where somebody else holds the pipe, that there is no
        // more is an error, and what there is has been read.
        let _ = (&mut self.words).take(PIPE_BYTES).read_to_end(&mut bytes);
        let last = &bytes[bytes.len().saturating_sub(LAST_WORDS_BYTES)..];
        String::from_utf8_lossy(last).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.take().map(finish);
    }
}

/// Ends it, if it has not, and all that it has started.
fn finish(child: Child) -> Option<Reaped> {
    child.kill_group();
    child.reap().ok()
}
