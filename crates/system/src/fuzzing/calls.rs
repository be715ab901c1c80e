//! Any calls with any arguments, against a tree of memory, a directory of the host,
//! an archive, and overlays.

use super::archives::{large_zip, many_files};
use super::{CONTROLLER_BYTES, FILE_BYTES, Host, OPEN_FILES, Source, timely};
use crate::fake::FakeGuest;
use crate::files::{MemoryTree, Quota};
use crate::{Access, Ending, FixedClock, Input, Mount, Row, SeededRandom, System, Waiter, rows};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the texts and structures of [`fill`] lie.
pub(super) const TEXTS: u64 = 4096;

/// How far apart they are.
pub(super) const APART: u64 = 32;

/// Bytes of a guest's memory: a small one, and one that it takes a while to fill.
const MEMORIES: [usize; 2] = [4 << 20, 256 << 20];

/// When a call must be over that waits for nothing to come, or computes.
const DEADLINES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// Numbers at the ends of ranges.
const ENDS: [u64; 10] = [
    u64::MAX,
    u32::MAX as u64,
    i32::MAX as u64,
    1 << 31,
    i64::MAX as u64,
    1 << 63,
    (4 << 20) - 1,
    4 << 20,
    1 << 13 | 1 << 1 | 1 << 6,
    (1 << 30) - 1,
];

/// Paths that often lead to the same places, and structures that calls take.
pub(super) fn texts() -> [&'static [u8]; 48] {
    [
        b"/work/a\0",
        b"/work/b\0",
        b"/work/a/b\0",
        b"/work/b/a\0",
        b"/work/c\0",
        b"/work/a/../b/./c\0",
        b"/work/link/secret\0",
        b"/tmp/a\0",
        b"/host/file\0",
        b"/host/link/secret\0",
        b"/host/a\0",
        b"/host/a/b\0",
        b"../../../../../etc/passwd\0",
        b"/dev/zero\0",
        b"/proc/self/fd/4\0",
        b"work\0",
        b"a\0",
        b"b\0",
        b"a/b\0",
        b"..\0",
        b"/\0",
        b".\0",
        b"c/\0",
        b"/data/one\0",
        // Buffers: one, two, and one without end.
        &[0, 16, 0, 0, 32, 0, 0, 0, 0, 32, 0, 0, 8, 0, 0, 0],
        &[0, 16, 0, 0, 255, 255, 255, 255],
        &[0, 64, 0, 0, 0, 8, 0, 0],
        // A subscription to a descriptor.
        &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4],
        &[0; 32],
        &[255; 32],
        b"/work/\xff\0",
        b"/home/user/x\0",
        // What it takes long to read, to list, to copy or to unpack.
        b"/host/big\0",
        b"/many\0",
        b"/zip/zeros\0",
        b"/zip\0",
        b"/dev/urandom\0",
        b"/proc/self/environ\0",
        b"/proc/self/cmdline\0",
        b"/proc/self/mounts\0",
        b"/proc/self/status\0",
        b"/proc/self/fd\0",
        b"/host\0",
        b"/work\0",
        b"/host/a/a/a/a/a/a/a/a/a/a/a/a\0",
        // Buffers at the start of a large memory, and one of a mebibyte.
        &[0, 0, 0, 0, 0, 0, 0, 15],
        &[0, 0, 1, 0, 0, 0, 16, 0],
        // As many subscriptions and entries as fit.
        &[2; 31],
    ]
}

fn fill(guest: &mut FakeGuest) {
    for (text, index) in texts().into_iter().zip(0..) {
        let at = (TEXTS + index * APART) as usize;
        guest.memory.bytes[at..at + text.len()].copy_from_slice(text);
    }
}

impl Source<'_> {
    fn argument(&mut self) -> u64 {
        match self.byte().unwrap_or(0) {
            // Descriptors, flags, lengths.
            small @ 0..0x60 => u64::from(small) % 24,
            text @ 0x60..0xc0 => TEXTS + u64::from(text - 0x60) % 48 * APART,
            length @ 0xc0..0xd8 => u64::from(length - 0xc0) * 5,
            end @ 0xd8..0xf0 => ENDS[usize::from(end) % ENDS.len()],
            _ => (0..8).fold(0, |sum, _| sum << 8 | u64::from(self.byte().unwrap_or(0))),
        }
    }
}

/// What a row is called in an input: three bytes that stay what they are when rows come and
/// go, the FNV-1a hash of its signature.
pub(super) fn code(row: &Row) -> [u8; 3] {
    let hash = row
        .signature
        .bytes()
        .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [first, second, third, fourth] = hash.to_be_bytes();
    [first ^ fourth, second, third]
}

/// Makes the calls that `input` stands for.
///
/// # Panics
/// If a call does harm.
pub fn calls(input: &[u8]) {
    let mut source = Source::new(input);
    let mode = usize::from(source.byte().unwrap_or(0));
    let access = if mode & 1 == 0 { Access::ReadOnly } else { Access::ReadWrite };
    let patience = DEADLINES[mode >> 3 & 1];
    // A host that cannot make a directory tells nothing about the calls.
    let Ok(host) = Host::new() else { return };
    let clock = Arc::new(FixedClock::new(Duration::from_secs(1)));
    let tree = |quota| MemoryTree::new(Arc::new(quota), 7, Arc::clone(&clock) as _);
    let lower = tree(Quota::new(1 << 16, 50));
    let root = lower.root();
    for (name, directory) in [(b"a".as_slice(), true), (b"c", true), (b"link", false)] {
        let made = if directory {
            root.create_directory(name, 0o755)
        } else {
            root.create_symlink(name, b"/host/link")
        };
        made.expect("an empty tree has room");
    }
    let mut builder = System::builder()
        .arguments([vec![b'x'; 1 << 10], vec![b'y'; 1 << 10]])
        .stdin(Input::Bytes(vec![1; 100]))
        .random(Box::new(SeededRandom::new(1)))
        .file_bytes(FILE_BYTES)
        .controller_bytes(CONTROLLER_BYTES)
        .file_count(300)
        .open_files(OPEN_FILES)
        .mount(Mount::archive(large_zip(), "/zip"))
        .mount(Mount::directory(many_files(), "/many", Access::ReadOnly));
    let mount = Mount::directory(host.inside(), "/host", access);
    let (mount, host_overlay) = if mode & 2 == 0 { (mount, None) } else { with(mount.overlay()) };
    builder = builder.mount(mount);
    let mount = Mount::tree(lower.root(), "/work");
    let (mount, overlay) = if mode & 4 == 0 { (mount, None) } else { with(mount.overlay()) };
    let system = builder.mount(mount).build().expect("what is mounted is there");
    let mut guest = FakeGuest::new(system);
    guest.memory.bytes = vec![0; MEMORIES[mode >> 4 & 1]];
    fill(&mut guest);
    let mut rows: Vec<_> = rows().map(|row| (code(row), row)).collect();
    rows.sort_unstable_by_key(|(code, _)| *code);
    while let Some(byte) = source.byte() {
        let wanted = [byte, source.byte().unwrap_or(0), source.byte().unwrap_or(0)];
        // The first from there on, or the first of all.
        let (_, row) = rows[rows.partition_point(|(code, _)| *code < wanted) % rows.len()];
        let arguments: Vec<u64> = row.parameters.iter().map(|_| source.argument()).collect();
        // What waits must not wait long.
        let deadline = Instant::now() + patience;
        guest.waiter = Waiter::new(Some(deadline)).expect("a waiter");
        let answer = timely(row.name(), deadline, || guest.call_row(row, &arguments));
        if let Err(Ending::Lost) = answer {
            panic!("{}: the memory was never lost", row.name());
        }
    }
    drop(guest);
    lower.check_invariants(true);
    for overlay in [&overlay, &host_overlay].into_iter().flatten() {
        overlay.check_invariants();
        // It may be refused; it may do no harm.
        if let Ok(changes) = overlay.changes() {
            let _ = changes.apply();
        }
    }
    host.check_outside();
    if host_overlay.is_none() && access == Access::ReadOnly {
        host.check_inside();
    }
    lower.check_invariants(true);
}

fn with(pair: (Mount, crate::files::Overlay)) -> (Mount, Option<crate::files::Overlay>) {
    (pair.0, Some(pair.1))
}
