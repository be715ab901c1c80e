//! The contents before and after, if they are text.

use bellglass::Change;
use bellglass::files::{FileType, Version};
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Bytes of a file that is compared line by line; a larger one is told of as a
/// binary file is.
const TEXT_BYTES: usize = 4 << 20;

/// Bytes at the start of a file that decide whether it is text, as with git.
const LOOKED_AT: usize = 8000;

/// How long the shortest difference of two files is looked for. Beyond it the
/// difference is right, and longer than need be.
const SEARCH: Duration = Duration::from_secs(2);

/// What is in a change.
pub(crate) enum Contents {
    /// Text, or nothing on one side.
    Text { before: Vec<u8>, after: Vec<u8> },
    /// Something else, with its sizes.
    Binary { before: u64, after: u64 },
    /// Nothing: directories, and changes of attributes.
    None,
}

fn has_content(version: &Version) -> bool {
    matches!(version.file_type, FileType::RegularFile | FileType::SymbolicLink)
}

fn read(version: Option<&Version>) -> Option<Vec<u8>> {
    match version.filter(|version| has_content(version)) {
        None => Some(Vec::new()),
        Some(version) => {
            let bytes = version.read(TEXT_BYTES).ok()?;
            let start = bytes.get(..LOOKED_AT).unwrap_or(&bytes);
            if start.contains(&0) { None } else { Some(bytes) }
        }
    }
}

/// The contents of a change, or of one side of it.
pub(crate) fn contents(before: Option<&Version>, after: Option<&Version>) -> Contents {
    if ![before, after].into_iter().flatten().any(has_content) {
        return Contents::None;
    }
    match (read(before), read(after)) {
        (Some(before), Some(after)) => Contents::Text { before, after },
        _ => {
            let size = |version: Option<&Version>| version.map_or(0, |version| version.size);
            Contents::Binary { before: size(before), after: size(after) }
        }
    }
}

/// Whether what was of one kind is of another now.
pub(crate) fn changes_type(change: &Change) -> bool {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => before.file_type != after.file_type,
        _ => false,
    }
}

pub(crate) fn difference<'a>(before: &'a [u8], after: &'a [u8]) -> TextDiff<'a, 'a, [u8]> {
    TextDiff::configure().timeout(SEARCH).diff_lines(before, after)
}

/// How many lines come, and how many go.
pub(crate) fn count(before: &[u8], after: &[u8]) -> (usize, usize) {
    let (mut come, mut go) = (0, 0);
    for change in difference(before, after).iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => come += 1,
            ChangeTag::Delete => go += 1,
            ChangeTag::Equal => {}
        }
    }
    (come, go)
}
