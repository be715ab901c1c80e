//! What this process may have.

use rustix::process::{Resource, getrlimit};

/// How many descriptors it may have open, as far as it is known.
pub(crate) fn open_file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Bytes of the largest file that it may write.
pub(crate) fn file_size_limit() -> u64 {
    getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX)
}
