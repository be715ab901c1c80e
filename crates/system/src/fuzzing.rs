//! Any calls with any arguments, for tests and fuzzing: nothing panics, nothing
//! leaves what was mounted, and the trees keep their invariants.

use crate::fake::FakeGuest;
use crate::files::{MemoryTree, Quota};
use crate::{Access, Ending, FixedClock, Input, Mount, SeededRandom, System, Waiter, rows};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the texts and structures of [`fill`] lie.
const TEXTS: u64 = 4096;

/// How far apart they are.
const APART: u64 = 32;

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
fn texts() -> [&'static [u8]; 32] {
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
    ]
}

fn fill(guest: &mut FakeGuest) {
    for (text, index) in texts().into_iter().zip(0..) {
        let at = (TEXTS + index * APART) as usize;
        guest.memory.bytes[at..at + text.len()].copy_from_slice(text);
    }
}

/// Reads numbers off the input; zeros when it has ended.
struct Source<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl Source<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    fn argument(&mut self) -> u64 {
        match self.byte().unwrap_or(0) {
            // Descriptors, flags, lengths.
            small @ 0..0x60 => u64::from(small) % 24,
            text @ 0x60..0xc0 => TEXTS + u64::from(text % 32) * APART,
            length @ 0xc0..0xd8 => u64::from(length - 0xc0) * 5,
            end @ 0xd8..0xf0 => ENDS[usize::from(end) % ENDS.len()],
            _ => (0..8).fold(0, |sum, _| sum << 8 | u64::from(self.byte().unwrap_or(0))),
        }
    }
}

/// A directory of the host with a secret beside it.
struct Host {
    directory: tempfile::TempDir,
}

impl Host {
    fn new() -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        std::fs::create_dir_all(path.join("inside/a"))?;
        std::fs::create_dir(path.join("outside"))?;
        std::fs::write(path.join("inside/file"), "text")?;
        std::fs::write(path.join("outside/secret"), "secret")?;
        std::os::unix::fs::symlink(path.join("outside"), path.join("inside/link"))?;
        Ok(Self { directory })
    }

    fn inside(&self) -> std::path::PathBuf {
        self.directory.path().join("inside")
    }

    fn check(&self, access: Access) {
        let outside = self.directory.path().join("outside");
        let count = |path: &Path| std::fs::read_dir(path).map(Iterator::count).ok();
        assert_eq!(std::fs::read(outside.join("secret")).ok().as_deref(), Some(b"secret".as_slice()));
        assert_eq!(count(&outside), Some(1), "something was made outside");
        if access == Access::ReadOnly {
            assert_eq!(std::fs::read(self.inside().join("file")).ok().as_deref(), Some(b"text".as_slice()));
            assert_eq!(count(&self.inside()), Some(3), "something was made where one may only read");
        }
    }
}

/// Makes the calls that `input` stands for.
///
/// # Panics
/// If a call does harm.
pub fn calls(input: &[u8]) {
    let mut source = Source { bytes: input.iter() };
    let mode = source.byte().unwrap_or(0);
    let access = if mode & 1 == 0 { Access::ReadOnly } else { Access::ReadWrite };
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
        .stdin(Input::Bytes(vec![1; 100]))
        .random(Box::new(SeededRandom::new(1)))
        .file_bytes(1 << 16)
        .file_count(30)
        .open_files(64);
    let mount = Mount::directory(host.inside(), "/host", access);
    let (mount, host_overlay) = if mode & 2 == 0 { (mount, None) } else { with(mount.overlay()) };
    builder = builder.mount(mount);
    let mount = Mount::tree(lower.root(), "/work");
    let (mount, overlay) = if mode & 4 == 0 { (mount, None) } else { with(mount.overlay()) };
    let system = builder.mount(mount).build().expect("what is mounted is there");
    let mut guest = FakeGuest::new(system);
    fill(&mut guest);
    let rows: Vec<_> = rows().collect();
    while let Some(byte) = source.byte() {
        let row = rows[usize::from(byte) % rows.len()];
        let arguments: Vec<u64> = row.parameters.iter().map(|_| source.argument()).collect();
        // What waits must not wait long.
        guest.waiter = Waiter::new(Some(Instant::now() + Duration::from_millis(1))).expect("a waiter");
        if let Err(Ending::Lost) = guest.call(row.name(), &arguments) {
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
    host.check(if host_overlay.is_some() { Access::ReadWrite } else { access });
    lower.check_invariants(true);
}

fn with(pair: (Mount, crate::files::Overlay)) -> (Mount, Option<crate::files::Overlay>) {
    (pair.0, Some(pair.1))
}
