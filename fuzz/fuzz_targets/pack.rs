//! Any bytes as a pack. If its index is sound, every entry can be walked to, and
//! is found under its own path. It takes memory by its length.
#![no_main]

use bellglass_fuzz::weighed;
use bellglass_pack::{Entry, EntryKind, Pack};
use libfuzzer_sys::fuzz_target;

/// Entries that are walked; a pack of a few bytes may hold a great many.
const ENTRIES: usize = 10_000;

/// What one byte of it may cost: the paths of the walk below, not the pack.
const PER_BYTE: usize = 1 << 10;

/// What any pack costs.
const AT_FIRST: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| weighed(AT_FIRST + PER_BYTE * bytes.len(), || walk(bytes)));

fn walk(bytes: &[u8]) {
    let Ok(pack) = Pack::from_bytes(bytes.to_vec()) else { return };
    let mut waiting: Vec<(u32, Vec<u8>)> = vec![(0, Vec::new())];
    let mut seen = 0;
    while let Some((directory, path)) = waiting.pop() {
        for entry in pack.children(directory) {
            seen += 1;
            if seen > ENTRIES {
                return;
            }
            visit(&pack, directory, &path, &entry, bytes.len());
            if matches!(entry.kind, EntryKind::Directory { .. }) {
                waiting.push((entry.index, [&path[..], b"/", entry.name].concat()));
            }
        }
    }
    assert!(seen < pack.entries().max(1), "an entry is in two places");
}

fn visit(pack: &Pack, directory: u32, path: &[u8], entry: &Entry<'_>, size: usize) {
    let found = pack.child(directory, entry.name).expect("an entry is found by its name");
    assert_eq!(found.index, entry.index);
    let by_path = pack.lookup(&[path, b"/", entry.name].concat()).expect("and by its path");
    assert_eq!(by_path.index, entry.index);
    match entry.kind {
        EntryKind::File { length } => {
            assert!(length <= size as u64);
            assert_eq!(pack.read(entry.index).expect("it is in memory").len() as u64, length);
        }
        EntryKind::Symlink { target } => assert!(target.len() <= size),
        EntryKind::Directory { .. } => {}
    }
}
