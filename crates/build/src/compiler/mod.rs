//! Compiling a module to native code, in a process of its own. The module may be a
//! stranger's: it costs what its [`CompileLimits`] say at most, and what it could make
//! of the compiler holds no more than that process, which is behind walls.
//!
//! The process is the bellglass command itself, with a word that nobody types; it has
//! an empty environment and three descriptors: the module, where the code goes, and a
//! pipe for the sentence that says why there is none.

mod child;
mod ending;
mod error;
mod process;

pub use child::{COMPILE_VERB, compile_here};
pub use error::CompileError;

use bellglass_engine::Interruption;
use bellglass_image::Companion;
use ending::{Ending, split_wall};
use process::{Ended, Process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Whether a module is compiled where the compiler cannot be behind its system call
/// filter, which is the wall that holds most. Without its bounds on memory and processor
/// time none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemCallFilter {
    /// It is not: [`CompileError::NoWall`].
    Required,
    /// It is, for it is no stranger's, or whoever asks for it knows what that means.
    Waived,
}

impl SystemCallFilter {
    const ALL: [Self; 2] = [Self::Required, Self::Waived];

    /// The word for it that the compiler is given.
    fn name(self) -> &'static str {
        match self {
            Self::Required => "filter-required",
            Self::Waived => "filter-waived",
        }
    }
}

/// The bellglass command.
const COMMAND: Companion =
    Companion { name: "bellglass", advice: "install it beside the running program, which compiles in it" };

/// By how much the kernel may hold a process to have used more than it tells at its end:
/// for limits it counts the ticks of its clock.
const INEXACT: Duration = Duration::from_millis(100);

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
    /// Whether it is compiled without the system call filter.
    pub filter: SystemCallFilter,
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
            filter: SystemCallFilter::Required,
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
            filter: SystemCallFilter::Waived,
        }
    }

    /// Seconds of processor time that a compiler gets: no more than this process may have
    /// itself.
    fn processor_seconds(&self) -> u64 {
        bellglass_cage::processor_seconds(self.processor_time.as_secs().max(1))
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

/// What compiles modules.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    /// The bellglass command.
    pub program: PathBuf,
    pub limits: CompileLimits,
}

impl Compiler {
    /// The compiler in the bellglass command, or in the one that was told.
    pub fn new(told: Option<PathBuf>, limits: CompileLimits) -> Result<Self, CompileError> {
        Ok(Self { program: COMMAND.find(told.as_deref())?, limits })
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
        let mut process = Process::start(self, wasm, interruption)?;
        self.receive(&mut process, end, into)?;
        let ended = process.leave(end.moment);
        if ended.is_nothing_known() && Instant::now() >= end.moment {
            return Err(self.limits.too_late(end));
        }
        self.judge(&ended)
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

    /// What the code is worth that has come.
    fn judge(&self, ended: &Ended) -> Result<(), CompileError> {
        const OUT_OF_MEMORY: &str = "memory allocation of";
        let status = ended.reaped.map(|reaped| reaped.status);
        let signal = status.and_then(|status| status.signal());
        // Its own word counts where nothing is known of its end.
        let ending = match status {
            Some(status) => status.code().and_then(Ending::of),
            None => ended.ending,
        };
        let reason = ended.words.clone();
        let no_time =
            || CompileError::ProcessorTime { limit: Duration::from_secs(self.limits.processor_seconds()) };
        match ending {
            Some(Ending::Done) => return Ok(()),
            Some(Ending::TooLarge) => return Err(CompileError::TooLarge { reason }),
            Some(Ending::Invalid) => return Err(CompileError::Invalid { reason }),
            Some(Ending::Failed) => return Err(CompileError::Failed { reason }),
            Some(Ending::NoMemory) => return Err(CompileError::Memory { limit: self.limits.memory_bytes }),
            Some(Ending::NoWall) => {
                let (wall, reason) = split_wall(&ended.words);
                return Err(CompileError::NoWall { wall: wall.to_owned(), reason: reason.to_owned() });
            }
            Some(Ending::NoTime) => return Err(no_time()),
            None => {}
        }
        // The kernel was first, where the limit is a second.
        let used = ended.reaped.map_or(Duration::ZERO, |reaped| reaped.cpu);
        let is_late = used + INEXACT >= Duration::from_secs(self.limits.processor_seconds());
        if signal == Some(Signal::XCPU.as_raw()) || signal == Some(Signal::KILL.as_raw()) && is_late {
            return Err(no_time());
        }
        // To send itself the signal of an abort is refused to it.
        let may_be_abort =
            signal.is_none_or(|signal| [Signal::ABORT.as_raw(), Signal::SYS.as_raw()].contains(&signal));
        if may_be_abort && ended.words.contains(OUT_OF_MEMORY) {
            return Err(CompileError::Memory { limit: self.limits.memory_bytes });
        }
        let how = status.map_or_else(|| "it is not known how".to_owned(), |status| status.to_string());
        let words = if reason.is_empty() { String::new() } else { format!(", {reason}") };
        Err(CompileError::Broken { reason: format!("{how}{words}") })
    }
}

#[cfg(test)]
mod tests;
