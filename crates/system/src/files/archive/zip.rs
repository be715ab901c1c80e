//! The index of a zip, and its entries.

use super::index::{Index, IndexBuilder, New};
use super::unpack::{Budget, Section, Unpacked};
use super::{ArchiveError, File, Metadata, Part};
use crate::Errno;
use crate::files::PATH_BYTES;
use std::fs;
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::time::Duration;
use zip::{CompressionMethod, DateTime};

/// Where the entries are.
pub(super) struct Entries {
    file: Arc<fs::File>,
    entries: Vec<Entry>,
}

struct Entry {
    start: u64,
    packed: u64,
    checksum: u32,
    packing: Packing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Stored,
    Deflated,
    /// Encrypted, or in a way that is not known here.
    Other,
}

fn damaged(error: zip::result::ZipError) -> ArchiveError {
    ArchiveError::Damaged(error.to_string())
}

pub(super) fn index(file: Arc<fs::File>) -> Result<(Index, Entries), ArchiveError> {
    let length = file.metadata()?.len();
    // BOUND: the crate keeps what the directory at the end of the file holds.
    let mut archive = zip::ZipArchive::new(BufReader::new(file.try_clone()?)).map_err(damaged)?;
    let mut index = IndexBuilder::new();
    let mut entries = Vec::new();
    for number in 0..archive.len() {
        let entry = archive.by_index_raw(number).map_err(damaged)?;
        let path = match entry.name() {
            Ok(name) => name.into_owned().into_bytes(),
            Err(_) => entry.name_raw().to_vec(),
        };
        let modified = entry.last_modified().map_or(Duration::ZERO, since_epoch);
        let mode = entry.unix_mode();
        let is_directory = path.ends_with(b"/");
        let is_symlink = mode.is_some_and(|mode| mode & 0o170_000 == 0o120_000);
        let permissions = match mode.map(|mode| mode & 0o777) {
            Some(permissions) if permissions != 0 => permissions,
            _ if is_directory => 0o755,
            _ => 0o644,
        };
        let packing = match entry.compression() {
            _ if entry.encrypted() => Packing::Other,
            CompressionMethod::Stored => Packing::Stored,
            CompressionMethod::Deflated => Packing::Deflated,
            _ => Packing::Other,
        };
        let (packed, size) = (entry.compressed_size(), entry.size());
        let start = entry.data_start().unwrap_or(length);
        if start.checked_add(packed).is_none_or(|end| end > length)
            || packing == Packing::Stored && size != packed
        {
            return Err(ArchiveError::Damaged("it ends within an entry".to_owned()));
        }
        let checksum = entry.crc32();
        drop(entry);
        let new = if is_directory {
            New::Directory
        } else if is_symlink {
            if size > PATH_BYTES as u64 || packing == Packing::Other {
                return Err(ArchiveError::Damaged(format!(
                    "the symlink '{}' has no target",
                    path.escape_ascii()
                )));
            }
            let mut target = Vec::new();
            let entry = archive.by_index(number).map_err(damaged)?;
            let read = entry.take(PATH_BYTES as u64).read_to_end(&mut target);
            read.map_err(|error| ArchiveError::Damaged(error.to_string()))?;
            New::Symlink(target)
        } else {
            let position = entries.len() as u64;
            entries.push(Entry { start, packed, checksum, packing });
            New::File { position, size }
        };
        index.add(&path, new, permissions, modified)?;
    }
    Ok((index.finish(), Entries { file, entries }))
}

impl Entries {
    /// ENOTSUP for an entry that cannot be unpacked, EFBIG for a huge one.
    pub(super) fn open(
        &self,
        number: u64,
        metadata: Metadata,
        budget: &Arc<Budget>,
    ) -> Result<Arc<dyn File>, Errno> {
        let number = usize::try_from(number).map_err(|_| Errno::IO)?;
        let Entry { start, packed, checksum, packing } = *self.entries.get(number).ok_or(Errno::IO)?;
        let file = Arc::clone(&self.file);
        match packing {
            Packing::Other => Err(Errno::NOTSUP),
            Packing::Stored => Ok(Arc::new(Part { file, position: start, size: packed, metadata })),
            Packing::Deflated => {
                let from = flate2::read::DeflateDecoder::new(Section::new(file, start, packed));
                Ok(Arc::new(Unpacked::new(Box::new(from), metadata, checksum, Arc::clone(budget))?))
            }
        }
    }
}

/// A zip's times know no zone; they are taken for UTC.
fn since_epoch(time: DateTime) -> Duration {
    // Days from 1970 to the first of March of the year before, then by months of
    // a year that begins in March: https://howardhinnant.github.io/date_algorithms.html
    let (year, month, day) = (u64::from(time.year()), u64::from(time.month()), u64::from(time.day()));
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let month = (month + 9) % 12;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.saturating_sub(719_469);
    let seconds = u64::from(time.hour()) * 3600 + u64::from(time.minute()) * 60 + u64::from(time.second());
    Duration::from_secs(days * 86_400 + seconds)
}
