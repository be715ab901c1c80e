//! Why a module was not compiled.

use crate::bounds::TooMuch;
use bellglass_image::CompanionError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a module was not compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// [`CompileLimits::deadline`](super::CompileLimits::deadline).
    #[error("the module was not compiled by the deadline: give it more time")]
    Deadline,
    /// [`CompileLimits::wall_time`](super::CompileLimits::wall_time).
    #[error("compiling the module was stopped after {} s: compile a smaller one", limit.as_secs())]
    WallTime {
        /// The limit.
        limit: Duration,
    },
    /// [`CompileLimits::processor_time`](super::CompileLimits::processor_time).
    #[error("compiling the module was stopped when it had used {} s of processor time: allow it more", limit.as_secs())]
    ProcessorTime {
        /// The limit.
        limit: Duration,
    },
    /// [`CompileLimits::memory_bytes`](super::CompileLimits::memory_bytes).
    #[error("compiling the module was stopped: it takes more than {} MiB of memory, so allow it more", limit >> 20)]
    Memory {
        /// The limit.
        limit: u64,
    },
    /// [`CompileLimits::code_bytes`](super::CompileLimits::code_bytes).
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
    /// The bellglass command, in which modules are compiled, is not there, or could have
    /// been put there by somebody else.
    #[error(transparent)]
    Command(#[from] CompanionError),
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
    /// A wall around the compiler cannot be put up, and it does not work without.
    #[error(
        "the module is not compiled, because the wall '{wall}' around the compiler cannot be put up ({reason}): have the system, and what filters system calls around this process, allow it"
    )]
    NoWall {
        /// The wall's name.
        wall: String,
        /// What the system said.
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
