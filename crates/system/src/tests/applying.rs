//! Writing many changes, deep ones too: how much work that is, and how it is stopped.

use super::fake::{FakeGuest, HERE};
use crate::alone::run_alone;
use crate::files::{
    ApplyError, Creation, Directory, DirectoryEntry, FileType, Found, MemoryTree, Metadata, NewTimes,
    OpenOptions, Opened, Overlay, Quota, Space,
};
use crate::{Access, Errno, FixedClock, Mount, Stop, System, Waiter};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Another tree, of which is counted how often a name is looked for, and which takes no
/// names of more than [`NAME`] bytes.
struct Watched {
    inner: Arc<dyn Directory>,
    lookups: Arc<AtomicUsize>,
    /// Who is stopped when `stop` is made or removed here. At `full` a file grows that may
    /// not.
    waiter: Waiter,
}

const NAME: usize = 100;

impl Watched {
    fn stop_at(&self, name: &[u8]) {
        match name {
            b"stop" => self.waiter.kill(),
            b"full" => write_too_much(),
            _ => {}
        }
    }
}

impl Directory for Watched {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.inner.metadata()
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        Ok(match self.inner.lookup(name)? {
            Found::Directory(inner) => {
                let (lookups, waiter) = (Arc::clone(&self.lookups), self.waiter.clone());
                Found::Directory(Arc::new(Self { inner, lookups, waiter }))
            }
            other => other,
        })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        if name.len() > NAME {
            return Err(Errno::NAMETOOLONG);
        }
        self.inner.metadata_of(name)
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        self.inner.open(name, options)
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        self.inner.entries(cookie, each)
    }

    fn create_directory(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        self.inner.create_directory(name, permissions)
    }

    fn link(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.stop_at(to_name);
        self.inner.link(name, to.innermost().unwrap_or(to), to_name)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        self.stop_at(name);
        self.inner.unlink(name)
    }

    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        self.inner.remove_directory(name)
    }

    fn rename(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.stop_at(to_name);
        self.inner.rename(name, to.innermost().unwrap_or(to), to_name)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.inner.set_permissions(permissions)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.inner.set_times(times)
    }

    fn space(&self) -> Result<Space, Errno> {
        self.inner.space()
    }

    fn innermost(&self) -> Option<&dyn Directory> {
        Some(self.inner.as_ref())
    }
}

const NEW: OpenOptions =
    OpenOptions { read: true, write: true, creation: Creation::New, truncate: false, permissions: 0o644 };

/// The directory that lies so deep, which is made.
fn deep(root: Arc<dyn Directory>, depth: usize) -> Arc<dyn Directory> {
    (0..depth).fold(root, |directory, _| {
        directory.create_directory(b"a", 0o755).expect("made");
        within(&directory, "a")
    })
}

fn within(directory: &Arc<dyn Directory>, name: &str) -> Arc<dyn Directory> {
    match directory.lookup(name.as_bytes()) {
        Ok(Found::Directory(found)) => found,
        _ => panic!("{name} is no directory"),
    }
}

/// A tree over a watched one, the tree beneath, and how often a name was looked for in
/// that.
struct Laid {
    upper: Arc<dyn Directory>,
    lower: Arc<dyn Directory>,
    lookups: Arc<AtomicUsize>,
    overlay: Overlay,
    waiter: Waiter,
    _guest: FakeGuest,
}

fn laid(fill: impl FnOnce(&Arc<dyn Directory>)) -> Laid {
    let clock = Arc::new(FixedClock::new(Duration::from_secs(1)));
    let tree = MemoryTree::new(Arc::new(Quota::new(1 << 30, 1 << 20)), 7, clock);
    fill(&tree.root());
    let lookups = Arc::new(AtomicUsize::new(0));
    let waiter = Waiter::new(None).expect("a waiter");
    let watched = Watched { inner: tree.root(), lookups: Arc::clone(&lookups), waiter: waiter.clone() };
    let watched = Arc::new(watched);
    let (mount, overlay) = Mount::tree(watched, "/work").overlay();
    let system = System::builder().mount(mount).file_count(1 << 20).build().expect("a system");
    let _guest = FakeGuest::new(system);
    Laid { upper: overlay.root(), lower: tree.root(), lookups, overlay, waiter, _guest }
}

#[test]
fn deep_changes_are_written_without_walking_from_the_root_for_each() {
    const DEPTH: usize = 800;
    const MANY: usize = 100;
    let laid = laid(|_| {});
    let bottom = deep(Arc::clone(&laid.upper), DEPTH);
    for number in 0..MANY {
        let name = format!("d{number}");
        bottom.create_directory(name.as_bytes(), 0o755).expect("made");
        let directory = within(&bottom, &name);
        directory.open(b"file", &NEW).map(drop).expect("made");
        // All of them are links to the first.
        if number > 0 {
            directory.unlink(b"file").expect("removed");
            within(&bottom, "d0").link(b"file", directory.as_ref(), b"file").expect("linked");
        }
    }
    let changes = laid.overlay.changes().expect("told");
    assert_eq!(changes.len(), DEPTH + 2 * MANY);
    laid.lookups.store(0, Ordering::Relaxed);
    changes.apply().expect("written");
    // On the way to write, to make last, and to set times, and to the first of the
    // links: each directory once or twice.
    let lookups = laid.lookups.load(Ordering::Relaxed);
    assert!(lookups < 6 * (DEPTH + 2 * MANY), "{lookups}");
    let bottom = (0..DEPTH).fold(laid.lower, |directory, _| within(&directory, "a"));
    let file = within(&bottom, "d99").metadata_of(b"file").expect("there");
    assert_eq!((file.file_type, file.links), (FileType::RegularFile, MANY as u64));
}

#[test]
fn many_deep_names_are_removed_in_time() {
    const DEPTH: usize = 1800;
    const MANY: usize = 200;
    let mut laid = laid(|root| {
        let bottom = deep(Arc::clone(root), DEPTH);
        for number in 0..MANY {
            bottom.open(format!("{number}").as_bytes(), &NEW).map(drop).expect("made");
        }
    });
    let bottom = (0..DEPTH).fold(Arc::clone(&laid.upper), |directory, _| within(&directory, "a"));
    for number in 0..MANY {
        bottom.unlink(format!("{number}").as_bytes()).expect("removed");
    }
    let changes = laid.overlay.changes().expect("told");
    assert_eq!(changes.len(), MANY);
    let begun = Instant::now();
    changes.apply().expect("written");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    laid.lower = (0..DEPTH).fold(laid.lower, |directory, _| within(&directory, "a"));
    laid.lower.entries(0, &mut |_| panic!("something is left")).expect("listed");
}

#[test]
fn writing_ends_between_two_changes_when_it_is_stopped_and_says_which_are_written() {
    // What is replaced is renamed to its name.
    let laid = laid(|root| {
        for name in ["first", "stop", "third", "zero"] {
            root.open(name.as_bytes(), &NEW).map(drop).expect("made");
        }
        root.create_directory(b"directory", 0o755).expect("made");
    });
    within(&laid.upper, "directory").set_permissions(0o700).expect("changed");
    for name in ["first", "stop", "third"] {
        laid.upper.unlink(name.as_bytes()).expect("removed");
        let Ok(Opened::File(file)) = laid.upper.open(name.as_bytes(), &NEW) else { panic!("{name}") };
        file.write_at(0, b"ours").expect("written");
    }
    laid.upper.unlink(b"zero").expect("removed");
    let changes = laid.overlay.changes_within(&laid.waiter).expect("told");
    let Err(ApplyError::Failed { errno, written, left, .. }) = changes.apply_within(&laid.waiter) else {
        panic!("it was not stopped half-way");
    };
    let text = |paths: Vec<Vec<u8>>| String::from_utf8(paths.join(&b' ')).expect("text");
    assert_eq!(
        (errno, text(written), text(left)),
        (Errno::CANCELED, "first stop".to_owned(), "directory third zero".to_owned())
    );
    let mut found = Vec::new();
    let list = &mut |entry: DirectoryEntry<'_>| {
        found.push(String::from_utf8_lossy(entry.name).into_owned());
        ControlFlow::Continue(())
    };
    laid.lower.entries(0, list).expect("listed");
    found.sort();
    assert_eq!(found, ["directory", "first", "stop", "third", "zero"], "nothing half-written is left");
    let size = |name: &[u8]| laid.lower.metadata_of(name).expect("there").size;
    assert_eq!((size(b"stop"), size(b"third")), (4, 0));
}

#[test]
fn nothing_is_written_nor_told_once_the_time_is_over() {
    let laid = laid(|_| {});
    for number in 0..200 {
        laid.upper.open(format!("{number}").as_bytes(), &NEW).map(drop).expect("made");
    }
    let changes = laid.overlay.changes().expect("told");
    for (waiter, stop) in
        [(Waiter::new(Some(Instant::now())), Stop::Deadline), (Waiter::new(None), Stop::Killed)]
    {
        let waiter = waiter.expect("a waiter");
        if stop == Stop::Killed {
            waiter.kill();
        }
        assert_eq!(laid.overlay.changes_within(&waiter).err(), Some(Errno::CANCELED));
        let stopped = changes.apply_within(&waiter);
        assert!(matches!(&stopped, Err(ApplyError::Stopped { stop: is }) if *is == stop), "{stopped:?}");
    }
    laid.lower.entries(0, &mut |_| panic!("something was written")).expect("listed");
    changes.apply().expect("written");
}

#[test]
fn a_file_that_the_host_does_not_take_is_refused_before_anything_is_written() {
    const SIZE: u64 = 1 << 62;
    let directory = tempfile::tempdir().expect("a directory");
    let beside = tempfile::tempfile_in(&directory).expect("a file");
    let (mount, overlay) = Mount::directory(directory.path(), "/work", Access::ReadOnly).overlay();
    let mut guest = FakeGuest::new(System::builder().mount(mount).build().expect("a system"));
    for name in ["first", "huge"] {
        let fd = guest.open(&format!("/work/{name}"), 1 | 8).expect("made");
        guest.write(fd, b"ours").expect("written");
        if name == "huge" {
            guest.wasi("fd_filestat_set_size", &[fd, SIZE]).expect("grown");
        }
        guest.close(fd);
    }
    let applied = overlay.changes().expect("told").apply();
    let names = std::fs::read_dir(directory.path()).expect("listed").count();
    // Where it is tmpfs it takes such a file.
    if beside.set_len(SIZE).is_ok() {
        assert!(applied.is_ok() && names == 2, "{applied:?}");
        return;
    }
    let Err(ApplyError::Refused { refusals }) = applied else { panic!("{applied:?}") };
    assert_eq!((refusals.len(), names), (1, 0), "{refusals:?}");
    assert_eq!(refusals[0].path, b"huge");
    assert!(refusals[0].reason.contains("no file of 4611686018427387904 bytes: EFBIG"), "{refusals:?}");
}

#[test]
fn a_name_that_the_host_does_not_take_is_refused_before_anything_is_written() {
    let laid = laid(|_| {});
    laid.upper.open(b"a", &NEW).map(drop).expect("made");
    laid.upper.create_directory(b"new", 0o755).expect("made");
    // What is new is not asked of the tree beneath.
    within(&laid.upper, "new").open(&[b'x'; NAME + 1], &NEW).map(drop).expect("made");
    let applied = laid.overlay.changes().expect("told").apply();
    let Err(ApplyError::Refused { refusals }) = applied else { panic!("{applied:?}") };
    assert!(refusals.len() == 1 && refusals[0].reason.contains("ENAMETOOLONG"), "{refusals:?}");
    laid.lower.entries(0, &mut |_| panic!("something was written")).expect("listed");
}

#[cfg(target_os = "linux")]
#[test]
fn a_directory_of_the_kernel_within_is_refused_before_anything_is_written() {
    let (mount, overlay) = Mount::directory("/", "/work", Access::ReadOnly).overlay();
    let mut guest = FakeGuest::new(System::builder().mount(mount).build().expect("a system"));
    let path = guest.text("/work/proc");
    guest.linux("fchmodat", &[HERE, path, 0o700]).expect("changed");
    let applied = overlay.changes().expect("told").apply();
    let Err(ApplyError::Refused { refusals }) = applied else { panic!("{applied:?}") };
    assert!(refusals.len() == 1 && refusals[0].path == b"proc", "{refusals:?}");
    assert!(refusals[0].reason.contains("it cannot be opened: EACCES"), "{refusals:?}");
}

/// Writes to a file what `ulimit -f` forbids since a moment ago.
fn write_too_much() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let mut file = tempfile::tempfile().expect("a file");
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(16), maximum }).expect("less is allowed");
    std::io::Write::write_all(&mut file, &[1; 16]).expect("so much is allowed");
    let full = std::io::Write::write_all(&mut file, &[1]).expect_err("it is full");
    assert_eq!(full.kind(), std::io::ErrorKind::FileTooLarge);
}

/// The limit is the process's, and so this test runs in one of its own.
#[test]
fn a_file_that_may_not_grow_does_not_end_who_writes_changes() {
    run_alone("tests::applying::full_files", &[]);
}

#[test]
#[ignore = "limits its whole process: see above"]
fn full_files() {
    let laid = laid(|_| {});
    laid.upper.open(b"full", &NEW).map(drop).expect("made");
    laid.overlay.changes().expect("told").apply_within(&laid.waiter).expect("written");
    laid.lower.metadata_of(b"full").expect("there");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    assert_eq!(limit, Some(16), "it was full");
}
