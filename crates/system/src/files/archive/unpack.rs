//! Unpacking, with a cap on what comes out.

use super::input::{Input, damaged};
use super::{ArchiveError, File, Held, Metadata};
use crate::files::handles::{For, Permit};
use crate::meter::{Charge, Meter};
use crate::{Errno, go_on, pieces};
use std::fs;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that a compressed tar may unpack to.
// BOUND: this much room in the directory for temporary files.
const UNPACKED: u64 = 4 << 30;

/// Bytes that one entry of a zip may unpack to, and all that are open together.
// BOUND: the same room; an entry takes as much of it as has been read.
const ENTRY: u64 = 1 << 30;

/// Window that a zstd frame may ask for.
// BOUND: so much memory, which is charged while it is unpacked. As large as
// `zstd --ultra` goes without being told.
const WINDOW: u64 = 128 << 20;

/// Bytes that are unpacked at a time.
const PIECE: usize = 256 << 10;

pub(super) fn gzip(file: &Arc<fs::File>) -> Result<fs::File, ArchiveError> {
    unpack(flate2::bufread::MultiGzDecoder::new(BufReader::new(Input::whole(file))))
}

pub(super) fn zstd(file: &Arc<fs::File>, meter: &Arc<Meter>) -> Result<fs::File, ArchiveError> {
    let window = WINDOW.min(meter.free());
    let _charge = meter.hold(window).map_err(|_| ArchiveError::Memory { limit: meter.limit() })?;
    let file = BufReader::new(Input::whole(file));
    let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(file, window);
    unpack(decoder.map_err(damaged)?)
}

/// Unpacks all into a file that has no name.
fn unpack(mut from: impl Read) -> Result<fs::File, ArchiveError> {
    let mut to = tempfile::tempfile()?;
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        let count = from.read(&mut buffer).map_err(damaged)?;
        if count == 0 {
            break;
        }
        go_on().map_err(|_| ArchiveError::Late)?;
        size += count as u64;
        if size > UNPACKED {
            return Err(ArchiveError::TooMuch { limit: UNPACKED, what: "bytes when unpacked" });
        }
        to.write_all(&buffer[..count])?;
    }
    to.rewind()?;
    Ok(to)
}

/// What the open entries of one zip have unpacked to, together.
#[derive(Default)]
pub(super) struct Budget {
    used: AtomicU64,
}

impl Budget {
    fn charge(&self, bytes: u64) -> Result<(), Errno> {
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= UNPACKED);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::NOMEM),
        }
    }
}

/// A file that is unpacked as far as it is read.
pub(super) struct Unpacked {
    metadata: Metadata,
    budget: Arc<Budget>,
    state: Mutex<Progress>,
    /// For the temporary file.
    _permit: Option<Permit>,
}

struct Progress {
    /// Nothing once all is unpacked.
    from: Option<Box<dyn Read + Send>>,
    charge: Charge,
    /// What has been unpacked; in memory as long as it is small.
    to: tempfile::SpooledTempFile,
    done: u64,
    checksum: flate2::Crc,
    expected: u32,
}

/// Bytes of an unpacked file that stay in memory.
const SPOOLED: usize = 64 << 10;

/// Bytes of what unpacks an open entry.
const DECODER_BYTES: u64 = 128 << 10;

impl Unpacked {
    /// EFBIG for an entry that is too large, ENOMEM if the guest may have no more kept
    /// for it.
    pub(super) fn new(
        from: Box<dyn Read + Send>,
        metadata: Metadata,
        expected: u32,
        budget: Arc<Budget>,
        held: &Held,
    ) -> Result<Self, Errno> {
        if metadata.size > ENTRY {
            return Err(Errno::FBIG);
        }
        // The buffer grows by doubling.
        let charge = held.meter.hold(DECODER_BYTES + 2 * metadata.size.min(SPOOLED as u64))?;
        // A larger one goes to a temporary file as soon as more than that is read.
        let spills = metadata.size > SPOOLED as u64;
        let permit = spills.then(|| held.handles.take(For::File)).transpose()?;
        let state = Progress {
            from: Some(from),
            charge,
            to: tempfile::SpooledTempFile::new(SPOOLED),
            done: 0,
            checksum: flate2::Crc::new(),
            expected,
        };
        Ok(Self { metadata, budget, state: Mutex::new(state), _permit: permit })
    }

    /// Unpacks up to `end`, which is not beyond the size that was declared.
    fn unpack(&self, state: &mut Progress, end: u64) -> Result<(), Errno> {
        let mut buffer = vec![0; PIECE];
        state.to.seek(SeekFrom::End(0))?;
        while state.done < end {
            // What is unpacked stays so.
            go_on()?;
            let wanted = usize::try_from(self.metadata.size - state.done).unwrap_or(PIECE).min(PIECE);
            self.budget.charge(wanted as u64)?;
            let from = state.from.as_mut().ok_or(Errno::IO)?;
            let read = from.read(&mut buffer[..wanted]);
            let count = read.as_ref().copied().unwrap_or(0);
            self.budget.used.fetch_sub((wanted - count) as u64, Ordering::Relaxed);
            // Anything that it may say means a damaged entry, or that the run is over.
            read.map_err(|_| Errno::IO)?;
            if count == 0 {
                return Err(Errno::IO);
            }
            state.checksum.update(&buffer[..count]);
            state.to.write_all(&buffer[..count])?;
            state.done += count as u64;
        }
        if state.done == self.metadata.size {
            if state.checksum.sum() != state.expected {
                return Err(Errno::IO);
            }
            if state.from.take().is_some() {
                state.charge.shrink(DECODER_BYTES);
            }
        }
        Ok(())
    }
}

/// Bytes of unpacked files that the host is long in taking back, be it one or many.
const LARGE: u64 = 64 << 20;

impl Drop for Unpacked {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        let file = std::mem::replace(&mut state.to, tempfile::SpooledTempFile::new(SPOOLED));
        let used = Used { file: Some(file), bytes: state.done, budget: Arc::clone(&self.budget) };
        let together = self.budget.used.load(Ordering::Relaxed);
        if state.done > SPOOLED as u64 && together > LARGE {
            pieces::free_later(used);
        }
    }
}

/// What an entry has used of the budget; it is given back once the file is gone.
struct Used {
    file: Option<tempfile::SpooledTempFile>,
    bytes: u64,
    budget: Arc<Budget>,
}

impl Drop for Used {
    fn drop(&mut self) {
        self.file = None;
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl File for Unpacked {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.metadata)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        let left = usize::try_from(self.metadata.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.unpack(&mut state, offset + wanted as u64)?;
        state.to.seek(SeekFrom::Start(offset))?;
        state.to.read_exact(&mut into[..wanted])?;
        Ok(wanted)
    }
}
