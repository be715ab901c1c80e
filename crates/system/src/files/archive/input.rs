//! What an archive is read from.

use super::ArchiveError;
use crate::go_on;
use std::fs;
use std::io::{Error, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes between two questions whether to go on. A decoder that is fed what unpacks to
/// nothing goes through some megabytes of it in a tenth of a second.
const PIECE: usize = 32 << 10;

/// What a read counts as at least: it is a call of the host, and may be all that a
/// step does.
const READ: usize = 512;

/// A file of the host or a part of one, read from a position of its own.
///
/// It asks whether the run may go on, and not only those who want what comes out of a
/// decoder: what is packed may go on without end and give nothing, within one `read`.
pub(super) struct Input {
    file: Arc<fs::File>,
    position: u64,
    end: u64,
    /// Bytes since the run was asked.
    since: usize,
}

impl Input {
    /// All of a file, from its start.
    pub(super) fn whole(file: &Arc<fs::File>) -> Self {
        Self::part(file, 0, u64::MAX)
    }

    /// At most so many bytes of it.
    pub(super) fn part(file: &Arc<fs::File>, position: u64, length: u64) -> Self {
        let end = position.saturating_add(length);
        Self { file: Arc::clone(file), position, end, since: 0 }
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.since >= PIECE {
            // Not reset by a refusal: whoever tries again is refused again.
            go_on().map_err(|_| Error::from(ErrorKind::TimedOut))?;
            self.since = 0;
        }
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left).min(PIECE);
        let count = self.file.read_at(&mut into[..wanted], self.position)?;
        self.position = self.position.saturating_add(count as u64);
        self.since += count.max(READ);
        Ok(count)
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().min(self.end).checked_add_signed(by),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// What it means that something could not be read to its end. Decoders and parsers
/// pass on what [`Input`] says in words of their own, so the run is asked once more.
pub(super) fn damaged(error: impl std::fmt::Display) -> ArchiveError {
    if go_on().is_err() { ArchiveError::Late } else { ArchiveError::Damaged(error.to_string()) }
}
