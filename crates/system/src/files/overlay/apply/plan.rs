//! What writing the changes will take, added up before anything is written.
//!
//! What a program writes is held to its limits while it writes. Applying could make
//! more of it: holes become zeros where there are no holes, links become copies
//! where there are no links, and a file that was only moved or linked is copied. So
//! the sum of what is written is held to the same limits.

use super::super::{Change, ChangeKind};
use super::{ApplyError, Refusal, Target, make_own, own_name, split};
use crate::Errno;
use crate::files::{Directory, FileType};
use crate::host::file_size_limit;
use crate::pieces::{Steps, go_on};
use std::collections::HashSet;

/// Bytes and names that will be written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    bytes: u64,
    names: u64,
    /// The most bytes that are there at once beyond those that are there now:
    /// what is replaced goes once its successor is whole.
    peak: u64,
    replaced: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.peak = self.peak.max(self.bytes.saturating_sub(self.replaced));
    }
}

/// How files with several names, and files with holes, come to lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    AsTheyAre,
    /// Each name has a copy; each hole is full of zeros.
    InFull,
}

/// Adds it all up, and returns how many bytes may be written.
///
/// # Errors
/// [`ApplyError::TooMuch`], [`ApplyError::NoRoom`], or what reading says.
pub(super) fn check<'c>(
    target: &Target<'_>,
    changes: &[&'c Change],
    at: &mut &'c [u8],
) -> Result<u64, Stopped> {
    let quota = std::sync::Arc::clone(crate::files::memory::lock(&target.tree.tree).quota());
    let root = target.way.root().as_ref();
    let most_of_a_file = file_size_limit();
    let mut links = None;
    let mut holes = None;
    let mut sum = Sum::default();
    let mut files = HashSet::new();
    for change in changes.iter().filter(|change| change.kind != ChangeKind::Attributes) {
        *at = &change.path;
        go_on()?;
        let Some(after) = &change.after else { continue };
        sum.names = sum.names.saturating_add(1);
        sum.add(split(&change.path).1.len() as u64);
        sum.add(after.target.as_ref().map_or(0, |target| target.len() as u64));
        if after.file_type != FileType::RegularFile {
            continue;
        }
        // Else the writing would end half-way.
        if after.size > most_of_a_file {
            let reason = format!("the host takes no file of {} bytes: {}", after.size, Errno::FBIG);
            return Err(Stopped::Refused(Refusal { path: change.path.clone(), reason }));
        }
        let is_first = after.inode_above().is_none_or(|inode| files.insert(inode));
        if is_first || *links.get_or_insert_with(|| links_in(root)) == Kept::InFull {
            let file = after.open()?;
            let mut data = 0_u64;
            let mut offset = 0;
            // BOUND: the pieces of a file in memory are counted by the quota, those of
            // a file of the host are its owner's.
            let mut steps = Steps::default();
            while let Some(piece) = file.next_data(offset)? {
                steps.step()?;
                data = data.saturating_add(piece.end.saturating_sub(piece.start));
                if piece.end <= offset {
                    break;
                }
                offset = piece.end;
            }
            let size = file.metadata()?.size;
            let kept = || root.keeps_holes().map_or(Kept::InFull, as_they_are);
            if data < size && *holes.get_or_insert_with(kept) == Kept::InFull {
                data = size;
            }
            sum.add(data);
        }
        if let Some(before) = &change.before
            && before.file_type == FileType::RegularFile
        {
            sum.replaced = sum.replaced.saturating_add(before.size);
        }
    }
    if sum.bytes > quota.bytes() || sum.names > quota.files() {
        let (bytes, names) = (quota.bytes(), quota.files());
        return Err(Stopped::At(ApplyError::TooMuch {
            bytes: sum.bytes,
            names: sum.names,
            most_bytes: bytes,
            most_names: names,
        }));
    }
    // Only what is sure: the file system may have quotas, or compress.
    let space = root.space()?;
    if sum.peak > space.free {
        return Err(Stopped::At(ApplyError::NoRoom { needed: sum.peak, free: space.free }));
    }
    Ok(quota.bytes())
}

/// Why it is not written.
pub(super) enum Stopped {
    Refused(Refusal),
    At(ApplyError),
    Errno(Errno),
}

impl From<Errno> for Stopped {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

fn as_they_are(keeps: bool) -> Kept {
    if keeps { Kept::AsTheyAre } else { Kept::InFull }
}

/// Whether the file system has hard links: one is made, of a file that nobody else
/// knows, and both are removed again. Where that cannot be tried there may be none.
fn links_in(directory: &dyn Directory) -> Kept {
    let try_link = || {
        let (file, link) = (own_name()?, own_name()?);
        drop(make_own(directory, &file, 0o600)?);
        let linked = directory.link(&file, directory, &link);
        if linked.is_ok() {
            directory.unlink(&link)?;
        }
        directory.unlink(&file)?;
        linked
    };
    as_they_are(try_link().is_ok())
}
