//! What the driver itself finds wrong.

use crate::{InterruptsError, RootsError, TranslateError};
use std::io;
use std::path::PathBuf;

/// Why a tool did not do its work. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A program of the toolchain cannot be run.
    #[error("cannot run {} ({source}): remove its folder from the cache, and it is made again", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system refused an operation.
    #[error("cannot {action} {} ({source})", path.display())]
    Io {
        /// What was being done, as a verb.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Response files that name each other, or too many words in them.
    #[error("the response file {} leads to too many words or to itself: give the words themselves", path.display())]
    Response {
        /// The file.
        path: PathBuf,
    },
    /// An option without the word that belongs to it.
    #[error("the option {option} lacks its argument")]
    Lacks {
        /// The option.
        option: String,
    },
    /// The linked module's roots.
    #[error("{}: {source}", path.display())]
    Roots {
        /// The module.
        path: PathBuf,
        /// What is wrong.
        source: RootsError,
    },
    /// The linked module's loops.
    #[error("{}: {source}", path.display())]
    Interrupts {
        /// The module.
        path: PathBuf,
        /// What is wrong.
        source: InterruptsError,
    },
    /// The linked module's exceptions.
    #[error("{}: {source}", path.display())]
    Translate {
        /// The module.
        path: PathBuf,
        /// What is wrong.
        source: TranslateError,
    },
}

impl DriverError {
    /// For `map_err` on an operation on `path`; `action` is a verb.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
