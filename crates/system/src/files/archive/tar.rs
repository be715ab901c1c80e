//! The index of a tar. The headers that give the next entry a longer name, or
//! more, are read here and not by the crate, which would take memory for as much
//! as they say.

use super::ArchiveError;
use super::index::{ENTRIES, Index, IndexBuilder, New};
use super::input::{Input, damaged};
use crate::files::{PATH_BYTES, Timestamp};
use crate::meter::Meter;
use crate::pieces::Steps;
use std::fs;
use std::io::{BufReader, Read};
use std::sync::Arc;
use tar::EntryType;

/// Bytes of one header that belongs to the next entry.
const EXTENSION: u64 = 1 << 20;

/// Bytes of all of them, in one archive.
const EXTENSIONS: u64 = 1 << 30;

/// How many of them one entry may have: there are four kinds.
const IN_A_ROW: u64 = 16;

/// What headers before an entry have said of it.
#[derive(Default)]
struct Said {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    modified: Option<Timestamp>,
    size: Option<u64>,
    sparse: bool,
}

pub(super) fn index(file: &Arc<fs::File>, meter: &Arc<Meter>) -> Result<Index, ArchiveError> {
    let length = file.metadata()?.len();
    let mut archive = tar::Archive::new(BufReader::new(Input::whole(file)));
    let mut index = IndexBuilder::new(meter);
    let mut said = Said::default();
    // BOUND: what adds nothing to the index is work all the same.
    let (mut entries, mut in_a_row, mut extensions) = (0, 0, 0);
    let mut steps = Steps::default();
    for entry in archive.entries_with_seek().map_err(damaged)?.raw(true) {
        steps.step().map_err(|_| ArchiveError::Late)?;
        let mut entry = entry.map_err(damaged)?;
        let kind = entry.header().entry_type();
        if is_extension(kind) {
            let mut bytes = Vec::new();
            in_a_row += 1;
            if in_a_row > IN_A_ROW {
                return Err(ArchiveError::TooMuch { limit: IN_A_ROW, what: "headers of one entry" });
            }
            extensions += entry.size().min(EXTENSION);
            if extensions > EXTENSIONS {
                return Err(ArchiveError::TooMuch { limit: EXTENSIONS, what: "bytes in headers" });
            }
            if entry.size() > EXTENSION {
                return Err(ArchiveError::TooMuch { limit: EXTENSION, what: "bytes in one header" });
            }
            entry.by_ref().take(EXTENSION).read_to_end(&mut bytes).map_err(damaged)?;
            said.hear(kind, bytes)?;
            continue;
        }
        (entries, in_a_row) = (entries + 1, 0);
        if entries > ENTRIES {
            return Err(ArchiveError::TooMuch { limit: ENTRIES as u64, what: "entries" });
        }
        let said = std::mem::take(&mut said);
        let path = said.path.unwrap_or_else(|| entry.path_bytes().into_owned());
        let target = || match &said.target {
            Some(target) => target.clone(),
            None => entry.link_name_bytes().map(|name| name.into_owned()).unwrap_or_default(),
        };
        let unsupported = |what| ArchiveError::Unsupported { entry: path.escape_ascii().to_string(), what };
        let new = match kind {
            _ if said.sparse => return Err(unsupported("sparse")),
            // The crate has skipped as much as the entry's own header says.
            _ if said.size.is_some_and(|size| size != entry.size()) => {
                return Err(unsupported("larger than its header can say"));
            }
            EntryType::Regular | EntryType::Continuous => {
                let (position, size) = (entry.raw_file_position(), entry.size());
                if position.checked_add(size).is_none_or(|end| end > length) {
                    return Err(ArchiveError::Damaged("it ends within an entry".to_owned()));
                }
                // Before POSIX a slash at the end made a directory.
                if path.ends_with(b"/") { New::Directory } else { New::File { position, size } }
            }
            EntryType::Directory => New::Directory,
            EntryType::Symlink => match target() {
                target if target.is_empty() || target.len() > PATH_BYTES || target.contains(&0) => {
                    return Err(ArchiveError::Damaged(format!(
                        "the symlink '{}' has no target",
                        path.escape_ascii()
                    )));
                }
                target => New::Symlink(target),
            },
            EntryType::Link => New::Link(target()),
            EntryType::GNUSparse => return Err(unsupported("sparse")),
            // Devices, FIFOs and what nobody knows: of no use to a guest.
            _ => continue,
        };
        let permissions = entry.header().mode().unwrap_or(0o644) & 0o777;
        // Before 1970 it is a number of two's complement.
        let modified = Timestamp::new(entry.header().mtime().unwrap_or(0) as i64, 0);
        index.add(&path, new, permissions, said.modified.unwrap_or(modified))?;
    }
    Ok(index.finish())
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

impl Said {
    fn hear(&mut self, kind: EntryType, mut bytes: Vec<u8>) -> Result<(), ArchiveError> {
        if kind.is_gnu_longname() || kind.is_gnu_longlink() {
            while bytes.last() == Some(&0) {
                bytes.pop();
            }
            let slot = if kind.is_gnu_longname() { &mut self.path } else { &mut self.target };
            *slot = Some(bytes);
        } else if kind.is_pax_local_extensions() {
            for extension in tar::PaxExtensions::new(&bytes) {
                let extension = extension.map_err(damaged)?;
                let value = extension.value_bytes();
                match extension.key_bytes() {
                    b"path" => self.path = Some(value.to_vec()),
                    b"linkpath" => self.target = Some(value.to_vec()),
                    b"mtime" => self.modified = time(value),
                    b"size" => {
                        self.size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    }
                    key if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Seconds, with a fraction or without, and a minus before them if it was before 1970.
fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // What is smaller than a nanosecond is left out.
    let digits = fraction.get(..9).unwrap_or(fraction);
    let is_number = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let part: u32 = if is_number { format!("{digits:0<9}").parse().ok()? } else { return None };
    let seconds: i64 = whole.parse().ok()?;
    Some(match whole.starts_with('-') && part > 0 {
        true => Timestamp::new(seconds.checked_sub(1)?, 1_000_000_000 - part),
        false => Timestamp::new(seconds, part),
    })
}
