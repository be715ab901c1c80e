//! Overlays: what is beneath stays as it is, what is changed is told, and is
//! written only where nobody else has changed anything.

use super::fake::{FakeGuest, HERE, RESULT};
use crate::files::{
    ApplyError, ChangeKind, Creation, Directory, DirectoryEntry, Found, MemoryTree, Metadata, OpenOptions,
    Opened, Overlay, Quota, Space,
};
use crate::{Access, Errno, Mount, RealClock, System, Waiter};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A directory of the host, and a guest that sees it through an overlay.
struct Laid {
    directory: tempfile::TempDir,
    guest: FakeGuest,
    overlay: Overlay,
}

impl Laid {
    fn new(fill: impl FnOnce(&Path)) -> Self {
        Self::with(fill, |builder| builder)
    }

    fn with(
        fill: impl FnOnce(&Path),
        change: impl FnOnce(crate::SystemBuilder) -> crate::SystemBuilder,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let inside = directory.path().join("inside");
        std::fs::create_dir(&inside).expect("made");
        std::fs::create_dir(directory.path().join("outside")).expect("made");
        fill(&inside);
        let (mount, overlay) = Mount::directory(&inside, "/work", Access::ReadOnly).overlay();
        let system = change(System::builder().mount(mount)).build().expect("a system");
        Self { directory, guest: FakeGuest::new(system), overlay }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("inside").join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    /// Writes a whole file as the guest.
    fn write(&mut self, name: &str, text: &str) {
        let fd = self.guest.open(&format!("/work/{name}"), 1 | 8).expect(name);
        self.guest.write(fd, text.as_bytes()).expect("written");
        self.guest.close(fd);
    }

    fn call(&mut self, name: &str, path: &str) -> Result<(), Errno> {
        self.guest.on_path(name, &format!("/work/{path}"))
    }

    fn chmod(&mut self, name: &str, permissions: u64) {
        let text = self.guest.text(&format!("/work/{name}"));
        self.guest.linux("fchmodat", &[HERE, text, permissions]).expect("changed");
    }

    /// A letter and a path for each change.
    fn changes(&self) -> Vec<String> {
        let changes = self.overlay.changes().expect("told");
        let letter = |kind| match kind {
            ChangeKind::Added => 'A',
            ChangeKind::Removed => 'R',
            ChangeKind::Modified => 'M',
            ChangeKind::Attributes => 'T',
        };
        changes
            .iter()
            .map(|change| format!("{} {}", letter(change.kind), String::from_utf8_lossy(&change.path)))
            .collect()
    }

    /// The paths of what was refused, with the reasons.
    fn refused(&self) -> Vec<String> {
        let before = listing(&self.directory.path().join("inside"));
        let refusals = match self.overlay.changes().expect("told").apply() {
            Err(ApplyError::Refused { refusals }) => refusals,
            other => panic!("{other:?}"),
        };
        assert_eq!(listing(&self.directory.path().join("inside")), before, "nothing is written");
        refusals
            .into_iter()
            .map(|refusal| format!("{}: {}", String::from_utf8_lossy(&refusal.path), refusal.reason))
            .collect()
    }

    /// Writes what can be, and gives the rest.
    fn apply_what_can(&self) -> Vec<String> {
        let waiter = Waiter::new(None).expect("a waiter");
        let refusals = self.overlay.changes().expect("told").apply_what_can(&waiter).expect("written");
        let left = listing(self.directory.path()).into_iter().find(|name| name.contains(".bellglass"));
        assert_eq!(left, None, "no file of ours is left");
        refusals
            .into_iter()
            .map(|refusal| format!("{}: {}", String::from_utf8_lossy(&refusal.path), refusal.reason))
            .collect()
    }

    fn apply(&self) {
        self.overlay.changes().expect("told").apply().expect("written");
        let left = listing(self.directory.path()).into_iter().find(|name| name.contains(".bellglass"));
        assert_eq!(left, None, "no file of ours is left");
    }
}

/// Every path below a directory, with the content of files.
fn listing(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("there") {
        let path = entry.expect("there").path();
        let metadata = std::fs::symlink_metadata(&path).expect("there");
        let content = if metadata.is_file() {
            std::fs::read_to_string(&path).unwrap_or_default()
        } else {
            String::new()
        };
        found.push(format!("{} {:o} {content}", path.display(), metadata.mode()));
        if metadata.is_dir() {
            found.extend(listing(&path));
        }
    }
    found.sort();
    found
}

fn furnish(inside: &Path) {
    for (name, text) in [("a", "one\n"), ("b", "two\n"), ("deep/er/c", "three\n"), ("deep/d", "four\n")] {
        let path = inside.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    symlink("a", inside.join("link")).expect("linked");
}

#[test]
fn changes_are_told_and_written() {
    let mut laid = Laid::new(furnish);
    let before = listing(&laid.directory.path().join("inside"));
    laid.write("a", "changed\n");
    laid.write("new", "made\n");
    laid.call("path_create_directory", "made").expect("made");
    laid.write("made/inner", "inner\n");
    laid.call("path_unlink_file", "b").expect("removed");
    laid.guest.rename("/work/deep", "/work/moved").expect("moved");
    laid.guest.symlink("new", "/work/fresh").expect("linked");
    laid.chmod("moved/d", 0o700);
    assert_eq!(listing(&laid.directory.path().join("inside")), before, "the host is as it was");
    assert_eq!(
        laid.changes(),
        [
            "M a",
            "R b",
            "R deep",
            "R deep/d",
            "R deep/er",
            "R deep/er/c",
            "A fresh",
            "A made",
            "A made/inner",
            "A moved",
            "A moved/d",
            "A moved/er",
            "A moved/er/c",
            "A new",
        ]
    );
    laid.apply();
    assert_eq!((laid.read("a"), laid.read("new")), ("changed\n".to_owned(), "made\n".to_owned()));
    assert_eq!(laid.read("moved/er/c"), "three\n");
    assert!(!laid.path("b").exists() && !laid.path("deep").exists());
    assert_eq!(std::fs::read_link(laid.path("fresh")).expect("there"), Path::new("new"));
    assert_eq!(std::fs::metadata(laid.path("moved/d")).expect("there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_is_the_same_in_the_end_is_no_change() {
    let mut laid = Laid::new(furnish);
    laid.write("a", "one\n");
    laid.call("path_unlink_file", "b").expect("removed");
    laid.write("b", "two\n");
    laid.guest.rename("/work/deep", "/work/away").expect("moved");
    laid.guest.rename("/work/away", "/work/deep").expect("moved back");
    laid.write("gone", "");
    laid.call("path_unlink_file", "gone").expect("removed");
    assert_eq!(laid.guest.list("/work/deep/er"), Ok(vec!["c".to_owned()]));
    assert_eq!(laid.changes(), Vec::<String>::new());
}

#[test]
fn what_moved_away_keeps_its_content_though_something_else_takes_its_name() {
    let mut laid = Laid::new(furnish);
    // As logs are rotated; two files that change places; and a whole directory.
    laid.guest.rename("/work/a", "/work/a.1").expect("moved");
    laid.write("a", "fresh\n");
    laid.guest.rename("/work/deep/d", "/work/x").expect("moved");
    laid.guest.rename("/work/b", "/work/deep/d").expect("moved");
    laid.guest.rename("/work/x", "/work/b").expect("moved");
    laid.guest.rename("/work/deep/er", "/work/z").expect("moved");
    laid.write("deep/er", "flat\n");
    laid.apply();
    assert_eq!((laid.read("a.1"), laid.read("a")), ("one\n".into(), "fresh\n".into()));
    assert_eq!((laid.read("deep/d"), laid.read("b")), ("two\n".into(), "four\n".into()));
    assert_eq!((laid.read("z/c"), laid.read("deep/er")), ("three\n".into(), "flat\n".into()));
}

#[test]
fn many_files_that_change_places_take_few_descriptors() {
    let mut laid = Laid::new(|inside| {
        for number in 0..300 {
            std::fs::write(inside.join(format!("{number:03}")), number.to_string()).expect("written");
        }
    });
    let swap = |laid: &mut Laid, numbers: std::ops::Range<u32>| {
        for number in numbers.step_by(2) {
            let names = [number, number + 1].map(|number| format!("/work/{number:03}"));
            laid.guest.rename(&names[0], "/work/other").expect("moved");
            laid.guest.rename(&names[1], &names[0]).expect("moved");
            laid.guest.rename("/work/other", &names[1]).expect("moved");
        }
    };
    swap(&mut laid, 0..300);
    let reason = "more than 256 files have moved away from names that something else has now";
    assert_eq!(laid.refused(), [format!("256: {reason}")]);
    swap(&mut laid, 250..300);
    laid.apply();
    assert_eq!(
        (laid.read("000"), laid.read("001"), laid.read("299")),
        ("1".into(), "0".into(), "299".into())
    );
}

#[test]
fn attributes_alone_are_a_change() {
    let mut laid = Laid::new(furnish);
    laid.chmod("a", 0o600);
    laid.chmod("deep", 0o700);
    let (path, length) = laid.guest.put(b"/work/b");
    laid.guest.wasi("path_filestat_set_times", &[3, 1, path, length, 0, 5_000_000_000, 4]).expect("set");
    assert_eq!(laid.changes(), ["T a", "T b", "T deep"]);
    laid.apply();
    let metadata = |name| std::fs::metadata(laid.path(name)).expect("there");
    assert_eq!(metadata("a").mode() & 0o777, 0o600);
    assert_eq!(metadata("deep").mode() & 0o777, 0o700);
    assert_eq!(metadata("b").mtime(), 5);
    assert_eq!(laid.read("b"), "two\n");
}

#[test]
fn one_kind_of_thing_can_become_another() {
    let mut laid = Laid::new(furnish);
    laid.call("path_unlink_file", "a").expect("removed");
    laid.call("path_create_directory", "a").expect("made");
    laid.write("a/inner", "inner");
    for name in ["deep/er/c", "deep/d"] {
        laid.call("path_unlink_file", name).expect("removed");
    }
    for name in ["deep/er", "deep"] {
        laid.call("path_remove_directory", name).expect("removed");
    }
    laid.write("deep", "flat");
    laid.call("path_unlink_file", "link").expect("removed");
    laid.write("link", "no link");
    laid.call("path_unlink_file", "b").expect("removed");
    laid.guest.symlink("deep", "/work/b").expect("linked");
    laid.apply();
    assert_eq!(
        (laid.read("a/inner"), laid.read("deep"), laid.read("link")),
        ("inner".into(), "flat".into(), "no link".into())
    );
    assert_eq!(std::fs::read_link(laid.path("b")).expect("there"), Path::new("deep"));
}

#[test]
fn what_others_changed_meanwhile_is_not_overwritten() {
    let mut laid = Laid::new(furnish);
    laid.write("a", "ours\n");
    laid.call("path_unlink_file", "b").expect("removed");
    laid.write("new", "ours\n");
    laid.write("deep/d", "ours\n");
    std::fs::write(laid.path("a"), "theirs\n").expect("written");
    std::fs::write(laid.path("b"), "theirs\n").expect("written");
    std::fs::write(laid.path("new"), "theirs\n").expect("written");
    std::fs::remove_file(laid.path("deep/d")).expect("removed");
    assert_eq!(
        laid.refused(),
        [
            "a: somebody else has changed it meanwhile",
            "b: somebody else has changed it meanwhile",
            "deep/d: it is gone",
            "new: something else has been made at its name",
        ]
    );
}

#[test]
fn what_can_be_written_is_where_something_cannot() {
    let mut laid = Laid::new(furnish);
    laid.write("a", "ours\n");
    laid.call("path_unlink_file", "b").expect("removed");
    laid.call("path_create_directory", "new").expect("made");
    laid.write("new/inner", "ours\n");
    laid.write("other", "ours\n");
    laid.call("path_unlink_file", "deep/er/c").expect("removed");
    laid.call("path_remove_directory", "deep/er").expect("removed");
    laid.write("deep/d", "ours\n");
    std::fs::write(laid.path("a"), "theirs\n").expect("written");
    std::fs::write(laid.path("new"), "theirs\n").expect("written");
    std::fs::write(laid.path("deep/er/c"), "theirs\n").expect("written");
    assert_eq!(
        laid.apply_what_can(),
        [
            "a: somebody else has changed it meanwhile",
            "deep/er/c: somebody else has changed it meanwhile",
            "new: something else has been made at its name",
            "new/inner: the directory that it lies in cannot be written",
            "deep/er: not all that is in it can be removed",
        ]
    );
    assert_eq!(["a", "new", "deep/er/c"].map(|name| laid.read(name)), ["theirs\n"; 3]);
    assert_eq!(["other", "deep/d"].map(|name| laid.read(name)), ["ours\n"; 2]);
    assert!(!laid.path("b").exists());
}

#[test]
fn what_has_the_content_of_what_is_not_written_stays() {
    let mut laid = Laid::new(|inside| {
        furnish(inside);
        std::fs::create_dir(inside.join("into")).expect("made");
    });
    // Each takes the place of the one before it, and the first goes where it cannot.
    laid.guest.rename("/work/a", "/work/into/a").expect("moved");
    laid.guest.rename("/work/b", "/work/a").expect("moved");
    laid.guest.rename("/work/deep/d", "/work/b").expect("moved");
    laid.write("new", "ours\n");
    std::fs::rename(laid.path("into"), laid.directory.path().join("kept")).expect("moved");
    let refused = laid.apply_what_can();
    assert_eq!(refused[0], "into/a: its directory is gone");
    let because = ": its content was to go to a name that cannot be written";
    assert_eq!(refused[1..], ["a", "b", "deep/d"].map(|name| format!("{name}{because}")));
    let contents = ["a", "b", "deep/d", "new"].map(|name| laid.read(name));
    assert_eq!(contents, ["one\n", "two\n", "four\n", "ours\n"]);
}

#[test]
fn a_change_that_leaves_no_trace_in_the_metadata_is_found() {
    let mut laid = Laid::new(furnish);
    laid.write("a", "ours\n");
    // As large, and with the same times, as far as anybody can set them. The
    // time of the last change cannot be set, but a clock has ticks.
    let changes = laid.overlay.changes().expect("told");
    std::fs::write(laid.path("a"), "two\n").expect("written");
    let refused = changes.apply();
    assert!(matches!(refused, Err(ApplyError::Refused { .. })), "{refused:?}");
}

#[test]
fn a_directory_with_something_new_in_it_is_not_removed() {
    let mut laid = Laid::new(furnish);
    laid.guest.rename("/work/deep/er", "/work/moved").expect("moved");
    assert_eq!(laid.guest.list("/work/moved"), Ok(vec!["c".to_owned()]));
    std::fs::write(laid.path("deep/er/theirs"), "theirs\n").expect("written");
    assert_eq!(laid.refused(), ["deep/er: 'theirs' has been made in it"]);
}

#[test]
fn nothing_is_written_through_a_symlink_that_was_put_there_meanwhile() {
    for absolute in [false, true] {
        let mut laid = Laid::new(furnish);
        laid.write("deep/d", "ours\n");
        laid.write("deep/new", "ours\n");
        laid.call("path_unlink_file", "deep/er/c").expect("removed");
        let outside = laid.directory.path().join("outside");
        std::fs::rename(laid.path("deep"), laid.directory.path().join("kept")).expect("moved");
        std::fs::create_dir_all(outside.join("er")).expect("made");
        for name in ["d", "er/c"] {
            std::fs::write(outside.join(name), "secret\n").expect("written");
        }
        let target = if absolute { outside.clone() } else { PathBuf::from("../outside") };
        symlink(target, laid.path("deep")).expect("linked");
        let before = listing(&outside);
        let refused = laid.refused();
        assert_eq!(refused.len(), 3, "{refused:?}");
        assert!(
            refused.iter().all(|text| text.contains("its directory has become something else")),
            "{refused:?}"
        );
        assert_eq!(listing(&outside), before);
    }
}

#[test]
fn a_link_that_leads_out_is_not_made_on_the_host() {
    let reason = "it is a symlink that leads out of the directory";
    for (target, name) in [
        ("/etc/passwd", "out"),
        ("..", "out"),
        ("../outside", "out"),
        ("../../outside", "deep/out"),
        ("deep/../../outside", "out"),
        // With `up -> ..` in `deep`, this is outside.
        ("deep/up/..", "out"),
    ] {
        let mut laid = Laid::new(furnish);
        laid.guest.symlink(target, &format!("/work/{name}")).expect("the guest may have it");
        laid.write("new", "n");
        assert_eq!(laid.refused(), [format!("{name}: {reason}")], "{target}");
    }
    let mut laid = Laid::new(furnish);
    laid.guest.symlink("../a", "/work/deep/out").expect("linked");
    laid.guest.symlink("./deep/b", "/work/fresh").expect("linked");
    laid.apply();
    assert_eq!(std::fs::read_link(laid.path("deep/out")).expect("a link"), Path::new("../a"));
    // Where it goes it leads out, though it did not where it was.
    let mut laid = Laid::new(|inside| {
        furnish(inside);
        symlink("../a", inside.join("deep/out")).expect("linked");
    });
    laid.guest.rename("/work/deep/out", "/work/moved").expect("moved");
    assert_eq!(laid.refused(), [format!("moved: {reason}")]);
}

#[test]
fn another_directory_at_the_same_name_is_not_written_to() {
    let mut laid = Laid::new(furnish);
    laid.write("deep/new", "ours\n");
    std::fs::rename(laid.path("deep"), laid.path("kept")).expect("moved");
    std::fs::create_dir(laid.path("deep")).expect("made");
    assert_eq!(laid.refused(), ["deep/new: its directory has been replaced by another"]);
}

#[test]
fn hard_links_and_open_files_stay_what_they_are() {
    let mut laid = Laid::new(|inside| {
        furnish(inside);
        std::fs::hard_link(inside.join("a"), inside.join("other")).expect("linked");
    });
    let reader = laid.guest.open_to_read("/work/a").expect("opened");
    assert_eq!(laid.guest.read(reader, 3), Ok(b"one".to_vec()));
    laid.guest.stat("/work/a", true).expect("told");
    let inode = laid.guest.get_u64(RESULT + 8);
    let fd = laid.guest.open("/work/other", 0).expect("opened");
    laid.guest.stat("/work/other", true).expect("told");
    assert_eq!(laid.guest.get_u64(RESULT + 8), inode, "it is the same file");
    laid.guest.write(fd, b"ONE!").expect("written");
    laid.guest.wasi("fd_seek", &[reader, 0, 0, 64]).expect("sought");
    assert_eq!(laid.guest.read(reader, 9), Ok(b"ONE!".to_vec()));
    laid.guest.stat("/work/a", true).expect("told");
    assert_eq!(laid.guest.get_u64(RESULT + 8), inode, "writing keeps its number");
    assert_eq!(laid.changes(), ["M a", "M other"]);
    laid.call("path_unlink_file", "a").expect("removed");
    assert_eq!(laid.guest.stat("/work/other", true), Ok((4, 4, 1)));
}

#[test]
fn reading_goes_on_where_it_was_while_entries_come_and_go() {
    let mut laid = Laid::new(|inside| {
        for number in 0..100 {
            std::fs::write(inside.join(format!("file{number:03}")), "").expect("written");
        }
    });
    // Some of them are known before the directory is listed.
    laid.guest.stat("/work/file050", true).expect("told");
    let fd = laid.guest.open_with("/work", 1, 2, !(1 << 6), 0).expect("opened");
    let mut seen = Vec::new();
    let mut cookie = 0;
    for step in 0.. {
        let (buffer, _) = laid.guest.put(&[0; 64]);
        laid.guest.wasi("fd_readdir", &[fd, buffer, 64, cookie, 64]).expect("read");
        if laid.guest.get_u32(64) < 32 {
            break;
        }
        cookie = laid.guest.get_u64(buffer as u32);
        let length = laid.guest.get_u32(buffer as u32 + 16) as usize;
        seen.push(String::from_utf8(laid.guest.get(buffer as u32 + 24, length)).expect("UTF-8"));
        // What is removed and made must not shift the rest.
        if step < 40 {
            laid.call("path_unlink_file", &format!("file{step:03}")).expect("removed");
            laid.write(&format!("new{step}"), "");
        }
    }
    for number in 41..100 {
        let name = format!("file{number:03}");
        assert_eq!(seen.iter().filter(|other| **other == name).count(), 1, "{name}");
    }
}

#[test]
fn only_what_is_changed_counts_against_the_quota() {
    let large = "x".repeat(200_000);
    let mut laid = Laid::with(
        |inside| {
            for name in ["one", "two"] {
                std::fs::write(inside.join(name), &large).expect("written");
            }
        },
        |builder| builder.file_bytes(300_000).file_count(3),
    );
    assert_eq!(laid.guest.list("/work").map(|names| names.len()), Ok(2));
    let fd = laid.guest.open("/work/one", 0).expect("opened");
    assert_eq!(laid.guest.write(fd, b"!"), Ok(1));
    // The second does not fit: it is not copied, and stays as it was.
    let fd = laid.guest.open("/work/two", 0).expect("opened");
    assert_eq!(laid.guest.write(fd, b"!"), Err(Errno::NOSPC));
    assert_eq!(laid.guest.read(fd, 5), Ok(b"xxxxx".to_vec()));
    assert_eq!(laid.changes(), ["M one"]);
    // Cutting it to nothing needs no room.
    laid.guest.open("/work/two", 8).expect("cut");
    for name in ["a", "b", "c"] {
        laid.call("path_create_directory", name).expect("made");
    }
    assert_eq!(laid.call("path_create_directory", "d"), Err(Errno::NOSPC));
    assert_eq!(laid.guest.open("/tmp/file", 1), Err(Errno::NOSPC), "the quota is one for all");
    laid.guest.rename("/work/a", "/work/z").expect("renaming makes nothing");
    laid.call("path_remove_directory", "z").expect("removed");
    laid.call("path_create_directory", "d").expect("room again");
}

#[test]
fn the_host_may_change_what_the_guest_has_not() {
    let mut laid = Laid::new(furnish);
    laid.guest.stat("/work/a", true).expect("told");
    std::fs::write(laid.path("a"), "longer than before\n").expect("written");
    assert_eq!(laid.guest.stat("/work/a", true).map(|(size, ..)| size), Ok(19));
    let fd = laid.guest.open_to_read("/work/a").expect("opened");
    assert_eq!(laid.guest.read(fd, 6), Ok(b"longer".to_vec()));
    assert_eq!(laid.changes(), Vec::<String>::new());
    laid.write("a", "ours\n");
    laid.apply();
    assert_eq!(laid.read("a"), "ours\n");
}

#[test]
fn many_directories_cost_no_descriptors() {
    let mut laid = Laid::new(|inside| {
        for number in 0..300 {
            let directory = inside.join(format!("directory{number}"));
            std::fs::create_dir(&directory).expect("made");
            std::fs::write(directory.join("file"), "text").expect("written");
        }
    });
    let open = || std::fs::read_dir("/proc/self/fd").expect("Linux").count();
    let before = open();
    for number in 0..300 {
        let path = format!("/work/directory{number}");
        assert_eq!(laid.guest.list(&path), Ok(vec!["file".to_owned()]));
        let fd = laid.guest.open_to_read(&format!("{path}/file")).expect("opened");
        assert_eq!(laid.guest.read(fd, 9), Ok(b"text".to_vec()));
        laid.guest.close(fd);
    }
    // Other tests open some meanwhile.
    assert!(open() < before + 200, "{} after {before}", open());
}

#[test]
fn a_file_alone_cannot_have_an_overlay() {
    let (mount, _) = Mount::bytes(*b"bytes", "/work/file").overlay();
    assert!(matches!(
        System::builder().mount(mount).build().err(),
        Some(crate::SystemError::Mount { errno: Errno::NOTDIR, .. })
    ));
    // Of what was never built there are no changes.
    let (_, overlay) = Mount::bytes(*b"bytes", "/work/file").overlay();
    assert!(overlay.changes().expect("none").is_empty());
}

#[test]
fn special_files_can_be_removed_and_not_moved_to_the_host() {
    let mut laid = Laid::new(|inside| {
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        for name in ["fifo", "other"] {
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, inside.join(name), kind, mode, 0).expect("made");
        }
    });
    assert_eq!(laid.guest.open("/work/fifo", 0), Err(Errno::ACCES));
    laid.call("path_unlink_file", "fifo").expect("removed");
    assert_eq!(laid.changes(), ["R fifo"]);
    laid.guest.rename("/work/other", "/work/moved").expect("moved");
    assert_eq!(laid.refused(), ["moved: it is neither a file nor a directory nor a symlink"]);
}

#[test]
fn links_that_the_program_makes_are_links_on_the_host() {
    let mut laid = Laid::new(|inside| {
        furnish(inside);
        std::fs::hard_link(inside.join("a"), inside.join("deep/also-a")).expect("linked");
        std::fs::hard_link(inside.join("b"), inside.join("also-b")).expect("linked");
    });
    let inode = |laid: &Laid, name: &str| {
        let metadata = std::fs::metadata(laid.path(name)).expect(name);
        (metadata.ino(), metadata.nlink())
    };
    let untouched = inode(&laid, "b");
    laid.write("new", "made\n");
    for other in ["/work/deep/new", "/work/another"] {
        laid.guest.link("/work/new", other).expect("linked");
    }
    // One file with two names, of which the program has seen both and written
    // through one.
    laid.guest.stat("/work/deep/also-a", true).expect("there");
    laid.write("a", "changed\n");
    laid.apply();
    let made = inode(&laid, "new");
    assert_eq!(made.1, 3);
    for other in ["deep/new", "another"] {
        assert_eq!((inode(&laid, other), &*laid.read(other)), (made, "made\n"), "{other}");
    }
    assert_eq!((&*laid.read("a"), &*laid.read("deep/also-a")), ("changed\n", "changed\n"));
    assert_eq!(inode(&laid, "a"), inode(&laid, "deep/also-a"));
    assert_eq!((inode(&laid, "b"), inode(&laid, "also-b")), (untouched, untouched));
}

#[test]
fn holes_stay_holes_on_the_host() {
    let mut laid = Laid::new(|inside| {
        let file = std::fs::File::create(inside.join("sparse")).expect("made");
        file.set_len(1 << 36).expect("grown");
        std::os::unix::fs::FileExt::write_all_at(&file, b"data", 1 << 30).expect("written");
    });
    let fd = laid.guest.open("/work/new", 1 | 8).expect("made");
    laid.guest.wasi("fd_filestat_set_size", &[fd, 6 << 30]).expect("grown");
    laid.guest.wasi("fd_seek", &[fd, 5 << 30, 0, 64]).expect("sought");
    laid.guest.write(fd, b"in the middle").expect("written");
    laid.guest.close(fd);
    laid.guest.rename("/work/sparse", "/work/moved").expect("moved");
    laid.overlay.changes().expect("told").apply().expect("written");
    for (name, size, at, data) in
        [("new", 6 << 30, 5 << 30, "in the middle"), ("moved", 1 << 36, 1 << 30, "data")]
    {
        let metadata = std::fs::metadata(laid.path(name)).expect("there");
        assert_eq!(metadata.len(), size, "{name}");
        assert!(metadata.blocks() * 512 <= 1 << 20, "{name} takes {} blocks", metadata.blocks());
        let mut read = vec![0; data.len() + 2];
        let file = std::fs::File::open(laid.path(name)).expect("opened");
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut read, at - 1).expect("read");
        assert_eq!(read, format!("\0{data}\0").into_bytes(), "{name}");
    }
}

#[test]
fn more_than_the_limits_allow_is_not_written() {
    // What is only moved or linked costs the program nothing, and is copied.
    let mut laid = Laid::with(
        |inside| std::fs::write(inside.join("large"), vec![b'x'; 3 << 20]).expect("written"),
        |builder| builder.file_bytes(2 << 20).file_count(100),
    );
    laid.guest.link("/work/large", "/work/other").expect("linked");
    let error = laid.overlay.changes().expect("told").apply().expect_err("it is too much");
    let (bytes, most_bytes) = ((3 << 20) + 5, 2 << 20);
    assert!(
        matches!(error, ApplyError::TooMuch { bytes: is, names: 1, most_bytes: most, .. }
            if is == bytes && most == most_bytes),
        "{error:?}"
    );
    assert!(error.to_string().ends_with(": nothing was written"), "{error}");
    assert!(!laid.path("other").exists());

    // As many names as were there, and one more.
    let mut laid = Laid::with(
        |inside| {
            std::fs::create_dir(inside.join("many")).expect("made");
            for number in 0..200 {
                std::fs::write(inside.join(format!("many/{number}")), "").expect("written");
            }
        },
        |builder| builder.file_count(100),
    );
    laid.guest.rename("/work/many", "/work/moved").expect("moved");
    let error = laid.overlay.changes().expect("told").apply().expect_err("they are too many");
    assert!(matches!(error, ApplyError::TooMuch { names: 201, .. }), "{error:?}");
    assert!(laid.path("many/99").exists() && !laid.path("moved").exists());
}

/// A tree without hard links and without holes, in which somebody else takes the
/// name `new` once a link to it was refused.
struct Poor {
    inner: Arc<dyn Directory>,
    intrudes: AtomicBool,
}

impl Poor {
    fn intrude(&self, name: &[u8]) {
        if name == b"new" && self.intrudes.swap(false, Ordering::Relaxed) {
            let Ok(Opened::File(file)) = self.inner.open(name, &MAKING) else { return };
            file.write_at(0, b"theirs").expect("written");
        }
    }
}

const MAKING: OpenOptions =
    OpenOptions { read: true, write: true, creation: Creation::New, truncate: false, permissions: 0o644 };

impl Directory for Poor {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.inner.metadata()
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.inner.lookup(name)
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let found = self.inner.metadata_of(name);
        self.intrude(name);
        found
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        self.intrude(name);
        self.inner.open(name, options)
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> std::ops::ControlFlow<()>,
    ) -> Result<(), Errno> {
        self.inner.entries(cookie, each)
    }

    fn link(&self, _: &[u8], _: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.intrudes.store(to_name == b"new", Ordering::Relaxed);
        Err(Errno::PERM)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        self.inner.unlink(name)
    }

    fn rename(&self, name: &[u8], _: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.inner.rename(name, self.inner.as_ref(), to_name)
    }

    fn keeps_holes(&self) -> Result<bool, Errno> {
        Ok(false)
    }

    fn space(&self) -> Result<Space, Errno> {
        self.inner.space()
    }
}

impl Poor {
    fn laid(quota: u64) -> (Arc<dyn Directory>, Overlay, FakeGuest) {
        let tree = MemoryTree::new(Arc::new(Quota::new(64 << 20, 1000)), 7, Arc::new(RealClock::new()));
        let poor = Arc::new(Self { inner: tree.root(), intrudes: AtomicBool::new(false) });
        let (mount, overlay) = Mount::tree(poor, "/work").overlay();
        let system = System::builder().mount(mount).file_bytes(quota).build().expect("a system");
        (tree.root(), overlay, FakeGuest::new(system))
    }
}

fn content(root: &dyn Directory, name: &[u8]) -> Vec<u8> {
    let reading = OpenOptions { write: false, creation: Creation::Existing, ..MAKING };
    let Ok(Opened::File(file)) = root.open(name, &reading) else { panic!("no file") };
    let mut bytes = vec![0; 1 << 20];
    let count = file.read_at(0, &mut bytes).expect("read");
    bytes.truncate(count);
    bytes
}

#[test]
fn what_somebody_else_makes_at_the_last_moment_is_not_overwritten() {
    let (root, overlay, mut guest) = Poor::laid(1 << 20);
    for name in ["first", "new"] {
        let fd = guest.open(&format!("/work/{name}"), 1 | 8).expect("made");
        guest.write(fd, b"ours").expect("written");
        guest.close(fd);
    }
    let error = overlay.changes().expect("told").apply().expect_err("the name is taken");
    assert!(matches!(&error, ApplyError::Failed { errno: Errno::EXIST, .. }), "{error:?}");
    assert_eq!(content(root.as_ref(), b"first"), b"ours", "without hard links files are written too");
    assert_eq!(content(root.as_ref(), b"new"), b"theirs");
}

#[test]
fn the_rest_is_written_also_where_something_fails_only_then() {
    let (root, overlay, mut guest) = Poor::laid(1 << 20);
    for name in ["first", "new", "third"] {
        let fd = guest.open(&format!("/work/{name}"), 1 | 8).expect("made");
        guest.write(fd, b"ours").expect("written");
        guest.close(fd);
    }
    let waiter = Waiter::new(None).expect("a waiter");
    let left = overlay.changes().expect("told").apply_what_can(&waiter).expect("written");
    assert!(left.len() == 1 && left[0].path == b"new", "{left:?}");
    assert!(left[0].reason.starts_with("it could not be written: EEXIST"), "{left:?}");
    for name in [&b"first"[..], b"third"] {
        assert_eq!(content(root.as_ref(), name), b"ours");
    }
    assert_eq!(content(root.as_ref(), b"new"), b"theirs");
}

#[test]
fn copies_in_place_of_links_and_zeros_in_place_of_holes_are_counted() {
    let (root, overlay, mut guest) = Poor::laid(1 << 20);
    let fd = guest.open("/work/a", 1 | 8).expect("made");
    guest.write(fd, &[b'x'; 300 << 10]).expect("written");
    guest.close(fd);
    for name in ["b", "c"] {
        guest.link("/work/a", &format!("/work/{name}")).expect("linked");
    }
    overlay.changes().expect("told").apply().expect("three copies fit");
    assert_eq!(content(root.as_ref(), b"c").len(), 300 << 10);
    let (root, overlay, mut guest) = Poor::laid(1 << 20);
    let fd = guest.open("/work/a", 1 | 8).expect("made");
    guest.write(fd, &[b'x'; 300 << 10]).expect("written");
    guest.close(fd);
    for name in ["b", "c", "d"] {
        guest.link("/work/a", &format!("/work/{name}")).expect("linked");
    }
    let error = overlay.changes().expect("told").apply().expect_err("four do not");
    assert!(matches!(error, ApplyError::TooMuch { names: 4, .. }), "{error:?}");
    assert_eq!(root.metadata_of(b"a").err(), Some(Errno::NOENT));
    let (_, overlay, mut guest) = Poor::laid(1 << 20);
    let fd = guest.open("/work/a", 1 | 8).expect("made");
    guest.wasi("fd_filestat_set_size", &[fd, 2 << 20]).expect("grown");
    let error = overlay.changes().expect("told").apply().expect_err("there would be zeros");
    assert!(matches!(error, ApplyError::TooMuch { bytes: 2_097_153, .. }), "{error:?}");
}

#[test]
fn of_a_target_that_is_full_it_is_told_what_was_written_and_what_was_not() {
    // What is known not to fit is not begun with.
    let quota = Arc::new(Quota::new(64 << 10, 100));
    let tree = MemoryTree::new(quota, 7, Arc::new(RealClock::new()));
    let (mount, overlay) = Mount::tree(tree.root(), "/work").overlay();
    let mut guest = FakeGuest::new(System::builder().mount(mount).build().expect("a system"));
    let write = |guest: &mut FakeGuest, name: &str, size: usize| {
        let fd = guest.open(&format!("/work/{name}"), 1 | 8).expect(name);
        guest.write(fd, &vec![b'x'; size]).expect("written");
        guest.close(fd);
    };
    write(&mut guest, "a", 100_000);
    let error = overlay.changes().expect("told").apply().expect_err("there is no room");
    assert!(matches!(error, ApplyError::NoRoom { needed: 100_001, free: 60_000..=65_536 }), "{error:?}");
    // This tree takes a page for each, so that the fourth does not fit.
    let quota = Arc::new(Quota::new(16 << 10, 100));
    let tree = MemoryTree::new(quota, 7, Arc::new(RealClock::new()));
    let (mount, overlay) = Mount::tree(tree.root(), "/work").overlay();
    let mut guest = FakeGuest::new(System::builder().mount(mount).build().expect("a system"));
    for name in ["a", "b", "c", "d", "e"] {
        write(&mut guest, name, 100);
    }
    let error = overlay.changes().expect("told").apply().expect_err("there is no room");
    assert_eq!(
        error.to_string(),
        format!("'d' could not be written: {}; changes written: 3, not written: 2", Errno::NOSPC)
    );
    let ApplyError::Failed { path, errno, written, left } = error else { panic!("{error:?}") };
    assert_eq!((&*path, errno), (&b"d"[..], Errno::NOSPC));
    assert_eq!(
        (written, left),
        ([b"a", b"b", b"c"].map(|name| name.to_vec()).to_vec(), vec![b"d".to_vec(), b"e".to_vec()])
    );
    let mut names = Vec::new();
    let mut list = |entry: crate::files::DirectoryEntry<'_>| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        std::ops::ControlFlow::Continue(())
    };
    tree.root().entries(0, &mut list).expect("listed");
    names.retain(|name| name != "." && name != "..");
    assert_eq!(names, ["a", "b", "c"], "nothing half-written is left");
}
