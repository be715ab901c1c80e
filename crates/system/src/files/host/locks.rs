//! What is locked of the files of a mount: on the host too, and between all runs of this
//! process as if they were of one tree.

use super::node::Identity;
use crate::Errno;
use crate::files::handles::{For, Handles, Permit};
use crate::host::{HostLocks, Lockable, Reopen, opened_for_both};
use crate::locks::{FileLocks, Locks};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// The files of the host that are open here and have locks, or had.
// BOUND: those of which somebody holds locks, and as many again that nobody does.
static FILES: LazyLock<Mutex<HashMap<Identity, Weak<FileLocks>>>> = LazyLock::new(Mutex::default);

/// An open file, and the right to hold it.
pub(super) struct Held {
    pub(super) file: std::fs::File,
    pub(super) _permit: Permit,
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The locks of a file of the host, which `file` is a descriptor of. Its number cannot become
/// another file's while somebody holds locks of it, for then it is open.
pub(crate) fn locks_of(file: Lockable, handles: Option<Arc<Handles>>) -> Result<Locks, Errno> {
    let identity = super::step::identity(&rustix::fs::fstat(&*file)?);
    let locks = {
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        let before = files.len();
        let locks = Locks::found_or_new(files.entry(identity).or_default());
        if files.len() > before && files.len().is_power_of_two() {
            files.retain(|_, file| file.strong_count() > 0);
        }
        locks
    };
    let reopen: Option<Reopen> = handles.map(|handles| -> Reopen {
        Arc::new(move |file| {
            let permit = handles.take(For::File)?;
            Ok(Arc::new(Held { file: opened_for_both(&**file)?, _permit: permit }))
        })
    });
    Ok(locks.with(HostLocks::new(file, reopen)?))
}
