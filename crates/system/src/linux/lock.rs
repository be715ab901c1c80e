//! Locks on files.

use crate::{Answer, Call, Errno, Fault, System};

/// The commands of fcntl that lock.
pub(super) fn fcntl(_system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    Err(Errno::NOLCK.into())
}
