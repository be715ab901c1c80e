//! The index of a zip, and its entries.

use super::index::{ENTRIES, Index, IndexBuilder, New};
use super::input::{Input, damaged};
use super::unpack::{Budget, Unpacked};
use super::{ArchiveError, File, Held, Metadata, Part};
use crate::Errno;
use crate::files::{PATH_BYTES, Timestamp};
use crate::meter::Meter;
use crate::pieces::Steps;
use std::fs;
use std::io::{BufReader, Read};
use std::sync::Arc;
use zip::read::Config;
// What else reads a directory keeps all of it. Cargo.lock holds what may change here.
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, DateTime, HasZipMetadata, ZipReadOptions};

/// Bytes of a header that are read at once.
const HEADER: usize = 512;

/// Bytes that the target of a symlink may be packed to: more than it has itself, for
/// what comes around it.
const PACKED_TARGET: u64 = PATH_BYTES as u64 + 1024;

/// Bytes of all of them as they are packed, for entries may lie upon each other.
// BOUND: so much is unpacked when an archive is mounted.
const TARGETS: u64 = 64 << 20;

/// Bytes that an entry of this size may be packed to. Whoever packs what cannot be made
/// smaller, and piece by piece, needs a little more than it has; all beyond is there to
/// be gone through for nothing.
fn most_packed(size: u64) -> u64 {
    size.saturating_mul(2).saturating_add(64 << 10)
}

/// Where the entries are.
pub(super) struct Entries {
    file: Arc<fs::File>,
    entries: Vec<Packed>,
}

struct Packed {
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

/// Reads the record at the end first, and the directory only if that says no more
/// than may be; and of the directory one entry at a time.
pub(super) fn index(file: Arc<fs::File>, meter: &Arc<Meter>) -> Result<(Index, Entries), ArchiveError> {
    let length = file.metadata()?.len();
    // The directory is gone through by jumps, each of which empties the buffer.
    let directory = BufReader::with_capacity(HEADER, Input::whole(&file));
    let mut archive = ZipIterable::try_new(directory, Config::default()).map_err(damaged)?;
    if archive.len() > ENTRIES {
        return Err(ArchiveError::TooMuch { limit: ENTRIES as u64, what: "entries" });
    }
    let mut contents = BufReader::with_capacity(HEADER, Input::whole(&file));
    let mut index = IndexBuilder::new(meter);
    let mut entries = Vec::new();
    let mut targets = 0;
    let mut steps = Steps::default();
    for entry in archive.files().map_err(damaged)? {
        steps.step().map_err(|_| ArchiveError::Late)?;
        let entry = entry.map_err(damaged)?;
        let path = match entry.name() {
            Ok(name) => name.into_owned().into_bytes(),
            Err(_) => entry.name_raw().to_vec(),
        };
        let modified = entry.last_modified().map_or(Timestamp::EPOCH, moment);
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
        let start = entry.get_metadata().data_start(&mut contents).map_err(damaged)?;
        if start.checked_add(packed).is_none_or(|end| end > length)
            || packing == Packing::Stored && size != packed
        {
            return Err(ArchiveError::Damaged("it ends within an entry".to_owned()));
        }
        let checksum = entry.crc32();
        let new = if is_directory {
            New::Directory
        } else if is_symlink {
            if size > PATH_BYTES as u64 || packed > PACKED_TARGET || packing == Packing::Other {
                return Err(ArchiveError::Damaged(format!(
                    "the symlink '{}' has no target",
                    path.escape_ascii()
                )));
            }
            targets += packed;
            if targets > TARGETS {
                return Err(ArchiveError::TooMuch { limit: TARGETS, what: "bytes of symlinks" });
            }
            let mut target = Vec::new();
            let entry = entry.with_reader(&mut contents, ZipReadOptions::new()).map_err(damaged)?;
            let read = entry.take(PATH_BYTES as u64).read_to_end(&mut target);
            read.map_err(damaged)?;
            New::Symlink(target)
        } else {
            let position = entries.len() as u64;
            entries.push(Packed { start, packed, checksum, packing });
            New::File { position, size }
        };
        index.add(&path, new, permissions, modified)?;
    }
    Ok((index.finish(), Entries { file, entries }))
}

impl Entries {
    /// ENOTSUP for an entry that cannot be unpacked, EFBIG for a huge one, ENOMEM.
    pub(super) fn open(
        &self,
        number: u64,
        metadata: Metadata,
        budget: &Arc<Budget>,
        held: &Held,
    ) -> Result<Arc<dyn File>, Errno> {
        let number = usize::try_from(number).map_err(|_| Errno::IO)?;
        let Packed { start, packed, checksum, packing } = *self.entries.get(number).ok_or(Errno::IO)?;
        match packing {
            Packing::Other => Err(Errno::NOTSUP),
            Packing::Stored => {
                let file = Arc::clone(&self.file);
                Ok(Arc::new(Part { file, position: start, size: packed, metadata }))
            }
            Packing::Deflated if packed > most_packed(metadata.size) => Err(Errno::IO),
            Packing::Deflated => {
                let from = flate2::read::DeflateDecoder::new(Input::part(&self.file, start, packed));
                let budget = Arc::clone(budget);
                Ok(Arc::new(Unpacked::new(Box::new(from), metadata, checksum, budget, held)?))
            }
        }
    }
}

/// A zip's times know no zone; they are taken for UTC.
fn moment(time: DateTime) -> Timestamp {
    // Days from 1970 to the first of March of the year before, then by months of
    // a year that begins in March: https://howardhinnant.github.io/date_algorithms.html
    let (year, month, day) = (u64::from(time.year()), u64::from(time.month()), u64::from(time.day()));
    let year = if month <= 2 { year.saturating_sub(1) } else { year };
    let month = (month + 9) % 12;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let days = days.saturating_sub(719_469);
    let seconds = u64::from(time.hour()) * 3600 + u64::from(time.minute()) * 60 + u64::from(time.second());
    Timestamp::new((days * 86_400 + seconds) as i64, 0)
}
