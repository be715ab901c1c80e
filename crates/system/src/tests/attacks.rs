//! What a hostile guest, or a hostile neighbour on the host, tries with a mounted
//! directory: to use up the controller's descriptors, to read the controller in the
//! kernel's files, to win a race, to leave links that lead the host astray.

use super::fake::{FakeGuest, HERE, RESULT};
use crate::{Access, Errno, Mount, System};
use rustix::fs::{CWD, RenameFlags};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn guest(mount: Mount) -> FakeGuest {
    FakeGuest::new(System::builder().mount(mount).open_files(5000).build().expect("a system"))
}

/// How many descriptors of this process lead into `directory`.
fn held(directory: &Path) -> usize {
    let own = std::fs::read_dir("/proc/self/fd").expect("Linux");
    let leads_there = |entry: std::io::Result<std::fs::DirEntry>| {
        let target = std::fs::read_link(entry.expect("read").path());
        target.is_ok_and(|target| target.starts_with(directory))
    };
    own.map(leads_there).filter(|leads_there| *leads_there).count()
}

/// Directories that lie deep, each in a chain of its own.
fn chains(top: &Path, count: usize, deep: usize) -> Vec<String> {
    (0..count)
        .map(|chain| {
            let path = format!("{chain}{}", "/d".repeat(deep));
            std::fs::create_dir_all(top.join(&path)).expect("made");
            std::fs::write(top.join(&path).join("leaf"), path.as_bytes()).expect("written");
            path
        })
        .collect()
}

/// Files or not, what a guest has open costs the controller a bounded number of
/// descriptors, and all of it can still be used.
#[test]
fn open_directories_cost_few_descriptors_however_deep_they_lie() {
    let top = tempfile::tempdir().expect("a directory");
    let paths = chains(top.path(), 60, 60);
    let mounts = [
        Mount::directory(top.path(), "/work", Access::ReadOnly),
        Mount::directory(top.path(), "/work", Access::ReadWrite),
        Mount::directory(top.path(), "/work", Access::ReadOnly).overlay().0,
    ];
    for mount in mounts {
        let mut guest = guest(mount);
        let mut open = Vec::new();
        for path in &paths {
            open.push((guest.open_to_read(&format!("/work/{path}")).expect("opened"), path));
        }
        let most = held(top.path());
        assert!(most <= 200, "{most} descriptors for {} directories", open.len());
        for (fd, path) in open {
            let names = guest.list_from(fd, 0, 4096).expect("read");
            assert!(names.iter().any(|(name, _)| name == "leaf"));
            // Through the directories above, none of which is held any more.
            let (name, length) = guest.put(b"../../d/d/leaf");
            guest.wasi("path_open", &[fd, 1, name, length, 0, 2, 0, 0, u64::from(RESULT)]).expect(path);
            let file = u64::from(guest.get_u32(RESULT));
            assert_eq!(guest.read(file, 1000), Ok(path.as_bytes().to_vec()));
            guest.close(file);
        }
        assert!(held(top.path()) <= 200);
    }
    assert_eq!(held(top.path()), 0);
}

#[test]
fn open_files_of_the_host_end_at_the_runs_budget_and_harm_no_other_run() {
    let top = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(top.path().join("below")).expect("made");
    std::fs::write(top.path().join("below/file"), "text").expect("written");
    let mount = || Mount::directory(top.path(), "/work", Access::ReadOnly);
    let mut greedy = guest(mount());
    let failed = (0..5000).find_map(|_| greedy.open_to_read("/work/below/file").err());
    assert_eq!(failed, Some(Errno::MFILE));
    assert!(greedy.system.refused().open_files);
    let most = held(top.path());
    assert!(most <= 1024 + 2, "{most} descriptors");
    // It can still walk, and another can do all.
    assert_eq!(greedy.stat("/work/below/file", true), Ok((4, 4, 1)));
    assert_eq!(greedy.list("/work/below"), Ok(vec!["file".to_owned()]));
    let mut other = guest(mount());
    let fd = other.open_to_read("/work/below/file").expect("opened");
    assert_eq!(other.read(fd, 9), Ok(b"text".to_vec()));
    drop((greedy, other));
    assert_eq!(held(top.path()), 0);
}

/// Each is unpacked to a file of its own, as far as it is read.
#[test]
fn open_entries_of_an_archive_end_at_the_runs_budget() {
    let zeros = vec![0; 300 << 10];
    let zip = super::archives::zip_of(&[("big", &zeros, zip::CompressionMethod::Deflated)]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), zip).expect("written");
    let builder = System::builder().mount(Mount::archive(file.path(), "/data"));
    let system = builder.open_files(5000).controller_bytes(8 << 30).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let mut opened = 0;
    let failed = (0..5000).find_map(|_| {
        opened += 1;
        guest.open_to_read("/data/big").err()
    });
    assert_eq!(failed, Some(Errno::MFILE));
    assert!(opened <= 1024, "{opened} are open");
}

/// What the kernel shows of the controller.
const KERNELS: [&str; 7] = [
    "/proc",
    "/proc/self",
    "/proc/self/environ",
    "/proc/self/mem",
    "/proc/self/fd",
    "/proc/sys/kernel/hostname",
    "/proc/self/ns/uts",
];

#[test]
fn the_kernels_own_files_cannot_be_mounted() {
    let here = tempfile::tempdir().expect("a directory");
    for path in KERNELS.into_iter().chain(["/sys", "/dev/pts"]) {
        if !Path::new(path).exists() {
            continue;
        }
        let name = path.replace('/', "-");
        symlink(path, here.path().join(&name)).expect("linked");
        for path in [PathBuf::from(path), here.path().join(&name)] {
            let kinds = [
                Mount::directory(&path, "/x", Access::ReadOnly),
                Mount::directory(&path, "/x", Access::ReadWrite),
                Mount::directory(&path, "/x", Access::ReadOnly).overlay().0,
                Mount::file(&path, "/x"),
                Mount::archive(&path, "/x"),
            ];
            for mount in kinds {
                let error = System::builder().mount(mount).build().err().expect("refused");
                let error = error.to_string();
                assert!(error.contains("kernel"), "{}: {error}", path.display());
            }
        }
    }
    let proc = std::fs::File::open("/proc/self").expect("opened");
    let mount = Mount::open_directory(proc, "/x", Access::ReadOnly);
    assert!(System::builder().mount(mount).build().is_err());
}

#[test]
fn no_walk_crosses_into_the_kernels_own_files() {
    let own = std::process::id();
    let whole = || Mount::directory("/", "/host", Access::ReadOnly);
    for mount in [whole(), whole().overlay().0] {
        let mut guest = guest(mount);
        for path in ["/proc/{own}/environ", "/proc/{own}/mem", "/proc/version", "/proc/1", "/sys/kernel"] {
            let path = format!("/host{}", path.replace("{own}", &own.to_string()));
            assert_eq!(guest.open_to_read(&path).err(), Some(Errno::ACCES), "{path}");
            assert_eq!(guest.stat(&path, true).err(), Some(Errno::ACCES), "{path}");
            assert_eq!(guest.read_link(&format!("{path}/exe")).err(), Some(Errno::ACCES), "{path}");
        }
        // Through what looks harmless.
        for path in ["/host/proc/self/../version", "/host/usr/../proc/version", "/host/tmp/../proc/version"] {
            assert_eq!(guest.open_to_read(path).err(), Some(Errno::ACCES), "{path}");
        }
        assert!(guest.list("/host").expect("read").contains(&"proc".to_owned()));
        assert_eq!(guest.list("/host/proc"), Err(Errno::ACCES));
    }
}

/// A directory that may be mounted, a secret beside it, and somebody who changes the
/// directory as fast as can be.
struct Raced {
    top: tempfile::TempDir,
}

impl Raced {
    /// `inside` has a directory `d`, a file `f`, and for each a link of the same
    /// shape that leads outside.
    fn new() -> Self {
        let top = tempfile::tempdir().expect("a directory");
        let make = |name: &str| std::fs::create_dir_all(top.path().join(name)).expect("made");
        let write = |name: &str| std::fs::write(top.path().join(name), "inside").expect("written");
        make("inside/d/deeper");
        make("outside/deeper");
        for name in ["inside/f", "inside/d/f", "inside/d/deeper/f"] {
            write(name);
        }
        for name in ["outside/f", "outside/deeper/f"] {
            std::fs::write(top.path().join(name), "secret").expect("written");
            let permissions = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(top.path().join(name), permissions).expect("set");
        }
        symlink("../outside", top.path().join("inside/to-d")).expect("linked");
        symlink("../outside/f", top.path().join("inside/to-f")).expect("linked");
        Self { top }
    }

    fn outside(&self) -> Vec<(String, u64, u32, i64, i64, u64)> {
        let mut found = Vec::new();
        let mut waiting = vec![self.top.path().join("outside")];
        while let Some(path) = waiting.pop() {
            let told = std::fs::symlink_metadata(&path).expect("there");
            if told.is_dir() {
                let entries = std::fs::read_dir(&path).expect("there");
                waiting.extend(entries.map(|entry| entry.expect("there").path()));
            }
            let content = if told.is_file() { told.len() } else { 0 };
            let name = path.display().to_string();
            found.push((name, content, told.mode(), told.mtime_nsec(), told.ctime_nsec(), told.nlink()));
        }
        found.sort();
        found
    }

    /// Lets `act` run again and again while the two are swapped.
    fn race(&self, one: &str, other: &str, time: Duration, mut act: impl FnMut()) {
        let inside = self.top.path().join("inside");
        let (one, other) = (inside.join(one), inside.join(other));
        let end = Arc::new(AtomicBool::new(false));
        let swapping = {
            let (one, other, end) = (one.clone(), other.clone(), Arc::clone(&end));
            std::thread::spawn(move || {
                let mut swaps = 0_u64;
                while !end.load(Ordering::Relaxed) {
                    rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE)
                        .expect("swapped");
                    swaps += 1;
                }
                swaps
            })
        };
        let begun = Instant::now();
        while begun.elapsed() < time {
            act();
        }
        end.store(true, Ordering::Relaxed);
        assert!(swapping.join().expect("it ended") > 100, "there was no race");
        if std::fs::symlink_metadata(&one).expect("there").is_symlink() {
            rustix::fs::renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).expect("swapped");
        }
    }
}

/// Everything that a guest can do to a name and below it.
fn everything(guest: &mut FakeGuest, path: &str) {
    for flags in [0, 1, 8, 9] {
        if let Ok(fd) = guest.open_with(path, 1, flags, u64::MAX, 0) {
            assert_ne!(guest.read(fd, 100), Ok(b"secret".to_vec()), "{path} was read");
            let _ = guest.write(fd, b"inside");
            guest.close(fd);
        }
    }
    if let Ok(fd) = guest.open_to_read(path) {
        assert_ne!(guest.read(fd, 100), Ok(b"secret".to_vec()), "{path} was read");
        guest.close(fd);
    }
    let text = guest.text(path);
    let _ = guest.linux("fchmodat", &[HERE, text, 0o644]);
    let (name, length) = guest.put(path.as_bytes());
    for follow in [0, 1] {
        let _ = guest.wasi("path_filestat_set_times", &[3, follow, name, length, 1, 1, 5]);
    }
    let _ = guest.link(path, "/work/stolen");
    if let Ok(fd) = guest.open_to_read("/work/stolen") {
        assert_ne!(guest.read(fd, 100), Ok(b"secret".to_vec()), "{path} was linked");
        guest.close(fd);
    }
    let _ = guest.on_path("path_unlink_file", "/work/stolen");
}

#[test]
fn nothing_outside_is_touched_while_a_directory_and_a_link_are_swapped() {
    let host = Raced::new();
    let before = host.outside();
    let mut guest = guest(Mount::directory(host.top.path().join("inside"), "/work", Access::ReadWrite));
    host.race("d", "to-d", Duration::from_millis(1500), || {
        for path in ["/work/d/f", "/work/d/deeper/f"] {
            everything(&mut guest, path);
        }
        for path in ["/work/d/new", "/work/d/deeper/new"] {
            let _ = guest.on_path("path_create_directory", path);
            let _ = guest.on_path("path_remove_directory", path);
            let _ = guest.symlink("f", path);
            let _ = guest.rename(path, "/work/moved");
            let _ = guest.on_path("path_unlink_file", "/work/moved");
            let _ = guest.on_path("path_unlink_file", path);
            if let Ok(fd) = guest.open(path, 5) {
                guest.close(fd);
            }
            let _ = guest.on_path("path_unlink_file", path);
        }
        let _ = guest.list("/work/d/deeper");
    });
    assert_eq!(host.outside(), before);
}

#[test]
fn nothing_outside_is_touched_while_a_file_and_a_link_are_swapped() {
    let host = Raced::new();
    let before = host.outside();
    let mut guest = guest(Mount::directory(host.top.path().join("inside"), "/work", Access::ReadWrite));
    host.race("f", "to-f", Duration::from_millis(1500), || everything(&mut guest, "/work/f"));
    assert_eq!(host.outside(), before);
}

fn rw(inside: &Path) -> FakeGuest {
    guest(Mount::directory(inside, "/work", Access::ReadWrite))
}

#[test]
fn links_that_lead_out_are_not_made_linked_or_moved_to() {
    let top = tempfile::tempdir().expect("a directory");
    let inside = top.path().join("inside");
    std::fs::create_dir_all(inside.join("a/b/c")).expect("made");
    let mut guest = rw(&inside);
    for (target, path) in [
        ("/etc/passwd", "x"),
        ("..", "x"),
        ("../outside", "x"),
        ("./../x", "x"),
        ("../../x", "a/x"),
        ("../../../../x", "a/b/c/x"),
        ("a/../../x", "x"),
        ("a/b/c/../x", "x"),
    ] {
        assert_eq!(guest.symlink(target, &format!("/work/{path}")), Err(Errno::PERM), "{target} at {path}");
    }
    for (target, path) in
        [("..", "a/up"), ("../../a", "a/b/two"), ("../../../a/b", "a/b/c/three"), ("b", "a/down")]
    {
        guest.symlink(target, &format!("/work/{path}")).expect(path);
    }
    // A link that is right where it lies, at a place where it would not be.
    assert_eq!(guest.rename("/work/a/up", "/work/up"), Err(Errno::PERM));
    assert_eq!(guest.link("/work/a/up", "/work/up"), Err(Errno::PERM));
    assert_eq!(guest.rename("/work/a/b/c/three", "/work/a/three"), Err(Errno::PERM));
    guest.rename("/work/a/b/two", "/work/a/b/c/two").expect("further down it leads nowhere out");
    guest.link("/work/a/b/c/two", "/work/a/b/two").expect("nor here");
    // With the directory that it lies in; programs then copy, link by link.
    assert_eq!(guest.rename("/work/a/b/c", "/work/c"), Err(Errno::XDEV));
    assert_eq!(guest.rename("/work/a/b/c", "/work/a/c"), Err(Errno::XDEV));
    guest.on_path("path_unlink_file", "/work/a/b/c/three").expect("removed");
    guest.rename("/work/a/b/c", "/work/a/c").expect("what is left leads nowhere out");
    assert_eq!(guest.rename("/work/a/c", "/work/c"), Err(Errno::XDEV));
    guest.on_path("path_create_directory", "/work/deep").expect("made");
    guest.rename("/work/a", "/work/deep/a").expect("down it may always go");
    assert_eq!(std::fs::read_dir(&inside).expect("there").count(), 1);
}

/// A directory lies as deep as it lies on the host, and not as it was walked to.
#[test]
fn a_directory_that_was_moved_up_is_no_way_to_make_links_that_lead_out() {
    let top = tempfile::tempdir().expect("a directory");
    let inside = top.path().join("inside");
    std::fs::create_dir_all(inside.join("a/b/c")).expect("made");
    let mut guest = rw(&inside);
    let fd = guest.open_to_read("/work/a/b/c").expect("opened");
    let make = |guest: &mut FakeGuest, target: &str, name: &str| {
        let ((target, target_length), (name, length)) =
            (guest.put(target.as_bytes()), guest.put(name.as_bytes()));
        guest.wasi("path_symlink", &[target, target_length, fd, name, length])
    };
    make(&mut guest, "../../../a", "fine").expect("made");
    guest.on_path("path_unlink_file", "/work/a/b/c/fine").expect("removed");
    guest.rename("/work/a/b/c", "/work/c").expect("moved");
    assert_eq!(make(&mut guest, "../../../a", "trap"), Err(Errno::PERM));
    make(&mut guest, "../a", "fine").expect("made");
    // Out of the mount, by somebody else.
    std::fs::rename(inside.join("c"), top.path().join("c")).expect("moved");
    assert_eq!(make(&mut guest, "../a", "trap"), Err(Errno::PERM));
}

#[test]
fn a_directory_that_was_let_go_is_found_again_or_is_stale() {
    let top = tempfile::tempdir().expect("a directory");
    let paths = chains(top.path(), 200, 1);
    let mut guest = rw(top.path());
    let first = guest.open_to_read(&format!("/work/{}", paths[0])).expect("opened");
    let second = guest.open_to_read(&format!("/work/{}", paths[1])).expect("opened");
    for path in &paths {
        guest.open_to_read(&format!("/work/{path}")).expect("opened");
    }
    assert!(held(top.path()) <= 130, "{}", held(top.path()));
    let list = |guest: &mut FakeGuest, fd| guest.list_from(fd, 0, 4096).map(|names| names.len());
    assert_eq!(list(&mut guest, first), Ok(3));
    // Another has its name: it is not taken for the one that was opened.
    std::fs::rename(top.path().join(&paths[1]), top.path().join("elsewhere")).expect("moved");
    std::fs::create_dir(top.path().join(&paths[1])).expect("made");
    assert_eq!(list(&mut guest, second), Err(Errno::STALE));
}
