//! What can be wrong with a pack.

use std::path::PathBuf;

/// Why a pack could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The file could not be read, written or mapped.
    #[error("cannot use the pack: {0}")]
    Io(#[from] std::io::Error),
    /// A file or directory that should go into the pack could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Source {
        /// The file on the host.
        path: PathBuf,
        /// What the host said.
        source: std::io::Error,
    },
    /// The file does not start as a pack does.
    #[error("this file is not a pack")]
    NotAPack,
    /// The pack was written for another version of this crate.
    #[error("this pack has version {found}; this program reads version {supported}: build the image anew")]
    Version {
        /// The version in the file.
        found: u32,
        /// The version that this crate reads.
        supported: u32,
    },
    /// The file breaks a rule of the format.
    #[error("the pack is damaged: {what}: build the image anew")]
    Damaged {
        /// Which rule.
        what: &'static str,
    },
    /// A path that cannot stand in a pack.
    #[error("'{path}' cannot be a path in a pack: {why}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of the host is neither a regular file, a directory nor a symlink.
    #[error("{} is a special file, which a pack cannot hold", path.display())]
    Special {
        /// The file on the host.
        path: PathBuf,
    },
}

impl PackError {
    pub(crate) fn damaged(what: &'static str) -> Self {
        Self::Damaged { what }
    }
}
