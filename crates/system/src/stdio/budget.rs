//! What standard output and error may still write together.

use crate::{Errno, Fault, LimitKind, Stop, pieces};
use std::sync::{Mutex, PoisonError};

/// What standard output and error may still write together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Option<u64>,
    written: Mutex<u64>,
}

impl Budget {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { limit, written: Mutex::default() }
    }

    pub(crate) fn written(&self) -> u64 {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> u64 {
        self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.written()))
    }

    fn spend(&self, count: u64) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = written.saturating_add(count);
    }

    /// How much of this may be written.
    fn allowed<'a>(&self, from: &'a [u8]) -> &'a [u8] {
        let count = from.len().min(usize::try_from(self.left()).unwrap_or(usize::MAX));
        from.get(..count).unwrap_or(from)
    }

    /// Why the run ends when more is to be written.
    fn cause(&self) -> Stop {
        Stop::Limit(LimitKind::Output.at(self.limit.unwrap_or(u64::MAX)))
    }

    /// Writes all of `from` by `write`, or up to where it is interrupted, or would wait and
    /// shall not.
    ///
    /// # Errors
    /// What `write` says when not a byte could be written; [`Stop::Limit`] once all that the
    /// limit allows is written and more was to be.
    pub(super) fn write(
        &self,
        from: &[u8],
        mut write: impl FnMut(&[u8]) -> Result<usize, Fault>,
    ) -> Result<usize, Fault> {
        let allowed = self.allowed(from);
        let mut done = 0;
        while let Some(rest) = allowed.get(done..).filter(|rest| !rest.is_empty()) {
            match write(rest) {
                Ok(count) => {
                    done += count;
                    self.spend(count as u64);
                }
                Err(Fault::Errno(Errno::INTR | Errno::AGAIN)) if done > 0 => return Ok(done),
                Err(fault) => return Err(fault),
            }
        }
        if allowed.len() < from.len() { Err(self.cause().into()) } else { Ok(done) }
    }

    /// Writes some of `from` by `write`, once. Where the limit does not allow all of it, the
    /// run ends with the call.
    pub(super) fn write_once(
        &self,
        from: &[u8],
        write: impl FnOnce(&[u8]) -> Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        let allowed = self.allowed(from);
        let count = if allowed.is_empty() && !from.is_empty() { 0 } else { write(allowed)? };
        self.spend(count as u64);
        if count == allowed.len() && count < from.len() { Err(pieces::end(self.cause())) } else { Ok(count) }
    }

    /// Counts room that is about to be taken as written; the run ends with the call if that is
    /// more than may be.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Errno> {
        if bytes > self.left() {
            return Err(pieces::end(self.cause()));
        }
        self.spend(bytes);
        Ok(())
    }
}
