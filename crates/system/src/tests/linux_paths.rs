//! The calls of Linux on paths, and what is held of the tree: what random sequences against
//! the kernel do not meet (see `kernel_paths`).

use super::fake::{FakeGuest, HERE};
use crate::{Access, Errno, Mount, System, SystemError};
use std::os::unix::fs::MetadataExt;

const NO_FOLLOW: u64 = 0x100;
const FOLLOW: u64 = 0x400;
const EMPTY: u64 = 0x1000;
const READ: u64 = 0;
const WRITE: u64 = 1;
const BOTH: u64 = 2;
const CREATE: u64 = 0o100;
const TRUNCATE: u64 = 0o1000;
const DIRECTORY: u64 = 0o200_000;
const PATH: u64 = 0o10_000_000;
const UNNAMED: u64 = 0o20_200_000;

struct Guest(FakeGuest);

/// A guest that stands in /tmp.
fn guest() -> Guest {
    of(System::builder().working_directory("/tmp"))
}

fn of(builder: crate::SystemBuilder) -> Guest {
    let mut guest = FakeGuest::new(builder.build().expect("a system"));
    guest.call("bellglass.arguments", &[0, 0]).expect("the run goes on");
    Guest(guest)
}

impl Guest {
    fn call(&mut self, name: &str, arguments: &[u64]) -> Result<u32, Errno> {
        self.0.linux(name, arguments)
    }

    fn open_at(&mut self, directory: u64, path: &str, flags: u64) -> Result<u64, Errno> {
        let path = self.0.text(path);
        self.call("openat", &[directory, path, flags, 0o644]).map(u64::from)
    }

    fn open(&mut self, path: &str, flags: u64) -> Result<u64, Errno> {
        self.open_at(HERE, path, flags)
    }

    fn write(&mut self, path: &str, text: &str) {
        let file = self.open(path, WRITE | CREATE | TRUNCATE).expect(path);
        self.0.write(file, text.as_bytes()).expect("written");
        self.close(file);
    }

    fn read(&mut self, path: &str) -> Result<String, Errno> {
        let file = self.open(path, READ)?;
        let bytes = self.0.read(file, 100_000);
        self.close(file);
        Ok(String::from_utf8(bytes?).expect("UTF-8"))
    }

    fn close(&mut self, file: u64) {
        self.call("close", &[file]).expect("it is open");
    }

    fn make(&mut self, path: &str) {
        let text = self.0.text(path);
        self.call("mkdirat", &[HERE, text, 0o755]).expect(path);
    }

    fn on_path(&mut self, name: &str, path: &str, rest: &[u64]) -> Result<u32, Errno> {
        let text = self.0.text(path);
        self.call(name, &[&[HERE, text], rest].concat())
    }

    fn change(&mut self, path: &str) -> Result<u32, Errno> {
        let text = self.0.text(path);
        self.call("chdir", &[text])
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<u32, Errno> {
        let (from, to) = (self.0.text(from), self.0.text(to));
        self.call("renameat2", &[HERE, from, HERE, to, 0])
    }

    fn text_of(&mut self, name: &str, before: &[u64]) -> Result<String, Errno> {
        let (buffer, room) = self.0.put(&[0; 5000]);
        let length = self.call(name, &[before, &[buffer, room]].concat())?;
        let bytes = self.0.get(buffer as u32, length as usize);
        Ok(String::from_utf8(bytes).expect("UTF-8"))
    }

    fn standing(&mut self) -> Result<String, Errno> {
        let text = self.text_of("getcwd", &[])?;
        Ok(text.strip_suffix('\0').expect("a zero byte").to_owned())
    }

    fn link(&mut self, path: &str) -> Result<String, Errno> {
        let path = self.0.text(path);
        self.text_of("readlinkat", &[HERE, path])
    }

    fn link_of(&mut self, descriptor: u64) -> String {
        self.link(&format!("/proc/self/fd/{descriptor}")).expect("it is open")
    }

    fn statx(&mut self, directory: u64, path: &str, flags: u64) -> Result<Stat, Errno> {
        let path = self.0.text(path);
        let (buffer, _) = self.0.put(&[0xff; 256]);
        self.call("statx", &[directory, path, flags, 0xfff, buffer])?;
        Ok(Stat(self.0.get(buffer as u32, 256)))
    }

    fn stat(&mut self, path: &str) -> Result<Stat, Errno> {
        self.statx(HERE, path, 0)
    }

    fn fstat(&mut self, descriptor: u64) -> Stat {
        self.statx(descriptor, "", EMPTY).expect("it is open")
    }

    fn list(&mut self, path: &str) -> Vec<String> {
        let directory = self.open(path, DIRECTORY).expect(path);
        let mut names = Vec::new();
        loop {
            let entries = self.entries(directory, 300);
            if entries.is_empty() {
                break;
            }
            names.extend(entries.into_iter().map(|(name, _)| name));
        }
        self.close(directory);
        names
    }

    /// What one call tells: names and cookies.
    fn entries(&mut self, directory: u64, room: usize) -> Vec<(String, u64)> {
        let (buffer, room) = self.0.put(&vec![0; room]);
        let length = self.call("getdents64", &[directory, buffer, room]).expect("read");
        let bytes = self.0.get(buffer as u32, length as usize);
        let mut entries = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length = usize::from(u16::from_le_bytes([rest[16], rest[17]]));
            let name = rest[19..length].split(|byte| *byte == 0).next().expect("a name");
            let cookie = u64::from_le_bytes(rest[8..16].try_into().expect("eight"));
            entries.push((String::from_utf8(name.to_vec()).expect("UTF-8"), cookie));
            rest = &rest[length..];
        }
        entries
    }
}

/// `struct statx`.
struct Stat(Vec<u8>);

impl Stat {
    fn number(&self, offset: usize, size: usize) -> u64 {
        self.0[offset..offset + size].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    fn mode(&self) -> u64 {
        self.number(28, 2)
    }

    fn links(&self) -> u64 {
        self.number(16, 4)
    }

    fn size(&self) -> u64 {
        self.number(40, 8)
    }

    /// Device and inode number.
    fn identity(&self) -> (u64, u64) {
        (self.number(140, 4), self.number(32, 8))
    }

    /// Seconds and nanoseconds.
    fn time(&self, offset: usize) -> (i64, u64) {
        (self.number(offset, 8).cast_signed(), self.number(offset + 8, 4))
    }
}

#[test]
fn a_program_of_linux_begins_where_it_is_told_with_three_descriptors() {
    let mut begun = guest();
    assert_eq!(begun.standing().as_deref(), Ok("/tmp"));
    begun.write("file", "text");
    assert_eq!(begun.open("file", READ), Ok(3));
    // It begins once: what is open stays so.
    begun.0.call("bellglass.arguments", &[0, 0]).expect("the run goes on");
    assert_eq!(begun.open("/tmp/file", READ), Ok(4));
    let nowhere = System::builder().working_directory("/not/there").build().err();
    assert!(matches!(nowhere, Some(SystemError::WorkingDirectory { errno: Errno::NOENT, .. })));
}

#[test]
fn a_directory_that_is_held_moves_with_its_name() {
    let mut guest = guest();
    for path in ["a", "a/b", "a/b/c", "other"] {
        guest.make(path);
    }
    guest.change("a/b/c").expect("changed");
    let held = guest.open("..", DIRECTORY).expect("opened");
    guest.rename("/tmp/a/b", "/tmp/other/moved").expect("renamed");
    assert_eq!(guest.standing().as_deref(), Ok("/tmp/other/moved/c"));
    assert_eq!(guest.link_of(held), "/tmp/other/moved");
    guest.write("file", "here");
    guest.write("../file", "above");
    assert_eq!(guest.read("/tmp/other/moved/c/file").as_deref(), Ok("here"));
    assert_eq!(guest.read("/tmp/other/moved/file").as_deref(), Ok("above"));
    // Two up from what was opened there is where it lies now, and not where it lay.
    let file = guest.open_at(held, "../../a", DIRECTORY).expect("opened");
    assert_eq!(guest.link_of(file), "/tmp/a");
    // What comes to its old name is another.
    guest.make("/tmp/a/b");
    assert_eq!(guest.standing().as_deref(), Ok("/tmp/other/moved/c"));
    guest.rename("/tmp/other", "/tmp/a/b/other").expect("renamed");
    assert_eq!(guest.standing().as_deref(), Ok("/tmp/a/b/other/moved/c"));
    assert_eq!(guest.rename("/tmp/a", "/tmp/a/b/other/moved/c/x"), Err(Errno::INVAL));
}

#[test]
fn what_is_exchanged_is_found_under_the_other_name() {
    let mut guest = guest();
    for path in ["a", "a/one", "b"] {
        guest.make(path);
    }
    let (one, other) =
        (guest.open("a/one", DIRECTORY).expect("opened"), guest.open("b", DIRECTORY).expect("opened"));
    guest.write("file", "text");
    let file = guest.open("file", READ).expect("opened");
    let exchange = |guest: &mut Guest, from: &str, to: &str| {
        let (from, to) = (guest.0.text(from), guest.0.text(to));
        guest.call("renameat2", &[HERE, from, HERE, to, 2])
    };
    exchange(&mut guest, "a", "b").expect("exchanged");
    assert_eq!((guest.link_of(one), guest.link_of(other)), ("/tmp/b/one".into(), "/tmp/a".into()));
    exchange(&mut guest, "b/one", "file").expect("exchanged");
    assert_eq!((guest.link_of(one), guest.link_of(file)), ("/tmp/file".into(), "/tmp/b/one".into()));
    assert_eq!(guest.read("b/one").as_deref(), Ok("text"));
    let stat = (guest.stat("a").expect("there").links(), guest.stat("b").expect("there").links());
    assert_eq!((stat, guest.stat("/tmp").expect("there").links()), ((2, 2), 5));
    assert_eq!(exchange(&mut guest, "a", "nothing"), Err(Errno::NOENT));
    assert_eq!(exchange(&mut guest, "/tmp", "/tmp/a"), Err(Errno::XDEV));
}

#[test]
fn what_is_removed_stays_empty_and_leads_up() {
    let mut guest = guest();
    guest.make("gone");
    guest.write("beside", "text");
    guest.change("gone").expect("changed");
    guest.on_path("unlinkat", "/tmp/gone", &[0x200]).expect("removed");
    assert_eq!(guest.standing(), Err(Errno::NOENT));
    assert_eq!(guest.open("new", WRITE | CREATE), Err(Errno::NOENT));
    assert_eq!(guest.on_path("mkdirat", "new", &[0o755]), Err(Errno::NOENT));
    assert_eq!(guest.on_path("unlinkat", "new", &[0]), Err(Errno::NOENT));
    assert_eq!(guest.read("../beside").as_deref(), Ok("text"));
    assert_eq!(guest.link("/proc/self/cwd").as_deref(), Ok("/tmp/gone (deleted)"));
    let held = guest.open(".", DIRECTORY).expect("opened");
    let (buffer, room) = guest.0.put(&[0; 300]);
    assert_eq!(guest.call("getdents64", &[held, buffer, room]), Err(Errno::NOENT));
    // A new one of the name is no resurrection.
    guest.make("/tmp/gone");
    assert_eq!(guest.standing(), Err(Errno::NOENT));
    guest.change("..").expect("changed");
    assert_eq!(guest.standing().as_deref(), Ok("/tmp"));
    assert_eq!(guest.call("fchdir", &[held]), Ok(0));
    let file = guest.open("/tmp/beside", READ).expect("opened");
    assert_eq!(guest.call("fchdir", &[file]), Err(Errno::NOTDIR));
    assert_eq!(guest.call("fchdir", &[99]), Err(Errno::BADF));
}

#[test]
fn getcwd_needs_room_for_the_path_and_its_zero_byte() {
    let mut guest = guest();
    let (buffer, _) = guest.0.put(&[0xff; 8]);
    assert_eq!(guest.call("getcwd", &[buffer, 5]), Ok(5));
    assert_eq!(guest.0.get(buffer as u32, 6), b"/tmp\0\xff");
    for room in [0, 1, 4] {
        assert_eq!(guest.call("getcwd", &[buffer, room]), Err(Errno::RANGE));
    }
    assert_eq!(guest.call("getcwd", &[u64::from(u32::MAX), 100]), Err(Errno::FAULT));
    assert_eq!(guest.call("getcwd", &[0, 100]), Err(Errno::FAULT));
}

/// The host's other users rename what the guest stands in.
#[test]
fn a_directory_that_others_rename_is_found_again_or_said_to_be_gone() {
    let top = tempfile::tempdir().expect("a directory");
    let (inside, outside) = (top.path().join("inside"), top.path().join("outside"));
    std::fs::create_dir_all(inside.join("a/b")).expect("made");
    std::fs::create_dir_all(inside.join("other")).expect("made");
    std::fs::create_dir(&outside).expect("made");
    std::fs::write(outside.join("secret"), "secret").expect("written");
    std::fs::write(inside.join("file"), "inside").expect("written");
    let mount = Mount::directory(&inside, "/work", Access::ReadWrite);
    let mut guest = of(System::builder().mount(mount).working_directory("/work/a/b"));
    std::fs::rename(inside.join("a"), inside.join("renamed")).expect("renamed");
    assert_eq!(guest.standing().as_deref(), Ok("/work/renamed/b"));
    guest.write("made", "by the guest");
    assert_eq!(std::fs::read(inside.join("renamed/b/made")).expect("there"), b"by the guest");
    // This run moves on what others have moved.
    guest.rename("/work/renamed/b", "/work/other/b").expect("renamed");
    assert_eq!(guest.standing().as_deref(), Ok("/work/other/b"));
    std::fs::rename(inside.join("other/b"), outside.join("b")).expect("moved out");
    assert_eq!(guest.standing(), Err(Errno::NOENT));
    assert_eq!(guest.link("/proc/self/cwd").as_deref(), Ok("/work/other/b (deleted)"));
    // Up leads to what was above it in the mount, and from there nowhere else.
    for path in ["../secret", "../../secret", "../../outside/secret", "../../../outside/secret"] {
        assert_eq!(guest.read(path), Err(Errno::NOENT), "{path}");
    }
    assert_eq!(guest.read("../../file").as_deref(), Ok("inside"));
    guest.change("..").expect("changed");
    assert_eq!(guest.standing().as_deref(), Ok("/work/other"));
}

/// What the guest's tree and the host's come to disagree on: a directory that others have
/// moved out of one is the new home of that one.
#[test]
fn no_directory_comes_to_lie_in_itself() {
    let top = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(top.path().join("x/y")).expect("made");
    let mount = Mount::directory(top.path(), "/work", Access::ReadWrite);
    let mut guest = of(System::builder().mount(mount).working_directory("/work"));
    let (x, y) = (guest.open("x", DIRECTORY).expect("opened"), guest.open("x/y", DIRECTORY).expect("opened"));
    std::fs::rename(top.path().join("x/y"), top.path().join("y")).expect("moved");
    let (from, to) = (guest.0.text("x"), guest.0.text("x"));
    guest.call("renameat2", &[HERE, from, y, to, 0]).expect("the host says that it may be");
    guest.call("fchdir", &[x]).expect("changed");
    // That is over, wherever it leads.
    let standing = guest.standing();
    assert!(matches!(standing, Err(Errno::NOENT) | Ok(_)), "{standing:?}");
    guest.change("../../../../..").expect("changed");
    assert_eq!(guest.standing().as_deref(), Ok("/"));
}

#[test]
fn links_of_descriptors_say_and_open_what_is_open() {
    let mut guest = guest();
    guest.write("file", "0123456789");
    let file = guest.open("file", READ).expect("opened");
    assert_eq!(guest.0.read(file, 4), Ok(b"0123".to_vec()));
    let own = format!("/proc/self/fd/{file}");
    // It has a position of its own, and no more access than there was.
    assert_eq!(guest.read(&own).as_deref(), Ok("0123456789"));
    assert_eq!(guest.open(&own, WRITE), Err(Errno::ACCES));
    assert_eq!(guest.open(&own, BOTH), Err(Errno::ACCES));
    assert_eq!(guest.open(&own, READ | TRUNCATE), Err(Errno::ACCES));
    assert_eq!(guest.open(&own, READ | 0o400_000), Err(Errno::LOOP));
    assert_eq!(guest.open(&own, READ | CREATE | 0o200), Err(Errno::EXIST));
    assert_eq!(guest.read(&format!("/dev/fd/{file}")).as_deref(), Ok("0123456789"));
    guest.rename("file", "renamed").expect("renamed");
    assert_eq!(guest.link_of(file), "/tmp/renamed");
    let linked = |guest: &mut Guest, from: &str, to: &str, flags| {
        let (from, to) = (guest.0.text(from), guest.0.text(to));
        guest.call("linkat", &[HERE, from, HERE, to, flags])
    };
    linked(&mut guest, "renamed", "second", 0).expect("linked");
    guest.on_path("unlinkat", "renamed", &[0]).expect("removed");
    assert_eq!(guest.link_of(file), "/tmp/renamed (deleted)");
    assert_eq!(guest.read(&own).as_deref(), Ok("0123456789"));
    linked(&mut guest, &own, "third", FOLLOW).expect("linked");
    assert_eq!(linked(&mut guest, &own, "fourth", 0), Err(Errno::XDEV));
    assert_eq!(guest.stat(&own).expect("told").links(), 2);
    assert_eq!(guest.stat(&own).expect("told").identity(), guest.fstat(file).identity());
    for name in ["second", "third"] {
        guest.on_path("unlinkat", name, &[0]).expect("removed");
    }
    assert_eq!(guest.stat(&own).expect("told").links(), 0);
    assert_eq!(linked(&mut guest, &own, "fifth", FOLLOW), Err(Errno::NOENT));
    let link = guest.statx(HERE, &own, NO_FOLLOW).expect("told");
    assert_eq!((link.mode(), link.size()), (0o120_500, 64));
    let info = guest.read(&format!("/proc/self/fdinfo/{file}")).expect("read");
    assert!(
        info.starts_with("pos:\t4\nflags:\t0100000\n") || info.starts_with("pos:\t4\nflags:\t00\n"),
        "{info}"
    );
    let (pair, _) = guest.0.put(&[0; 8]);
    guest.call("pipe2", &[pair, 0]).expect("made");
    let reader = u64::from(guest.0.get_u32(pair as u32));
    let inode = guest.fstat(reader).identity().1;
    assert_eq!(guest.link_of(reader), format!("pipe:[{inode}]"));
    assert_eq!(guest.fstat(reader).mode() & 0o170_000, 0o010_000);
    for nothing in ["99", "007", "x", ""] {
        let path = format!("/proc/self/fd/{nothing}");
        let expected = if nothing.is_empty() { Err(Errno::INVAL) } else { Err(Errno::NOENT) };
        assert_eq!(guest.link(&path), expected, "{path}");
    }
    let directory = guest.open("/tmp", DIRECTORY).expect("opened");
    guest.write("/tmp/there", "there");
    assert_eq!(guest.read(&format!("/proc/self/fd/{directory}/there")).as_deref(), Ok("there"));
    assert_eq!(guest.read("/proc/self/cwd/there").as_deref(), Ok("there"));
    assert_eq!(guest.read("/proc/self/root/tmp/there").as_deref(), Ok("there"));
    assert_eq!(guest.link("/proc/self/root").as_deref(), Ok("/"));
}

#[test]
fn a_path_descriptor_names_and_does_not_open() {
    let mut guest = guest();
    guest.write("file", "text");
    let (target, link) = (guest.0.text("file"), guest.0.text("link"));
    guest.call("symlinkat", &[target, HERE, link]).expect("made");
    let file = guest.open("link", PATH).expect("opened");
    assert_eq!(guest.fstat(file).size(), 4);
    assert_eq!(guest.0.linux("read", &[file, 64, 1]), Err(Errno::BADF));
    for (name, rest) in
        [("fchmod", vec![0o600]), ("ftruncate64", vec![0, 0]), ("fsync", vec![]), ("fchown", vec![1, 1])]
    {
        assert_eq!(guest.call(name, &[vec![file], rest].concat()), Err(Errno::BADF), "{name}");
    }
    let (name, room) = (guest.0.text("user.x"), guest.0.put(&[0; 8]).0);
    assert_eq!(guest.call("fgetxattr", &[file, name, room, 8]), Err(Errno::BADF));
    // By its link it is opened as anybody may open it.
    let opened = guest.open(&format!("/proc/self/fd/{file}"), BOTH).expect("opened");
    assert_eq!(guest.0.write(opened, b"more"), Ok(4));
    guest.rename("file", "moved").expect("renamed");
    assert_eq!((guest.link_of(file), guest.fstat(file).links()), ("/tmp/moved".into(), 1));
    assert_eq!(guest.read(&format!("/proc/self/fd/{file}")).as_deref(), Ok("more"));
    let (empty, second) = (guest.0.text(""), guest.0.text("second"));
    guest.call("linkat", &[file, empty, HERE, second, EMPTY]).expect("linked");
    assert_eq!(guest.read("second").as_deref(), Ok("more"));
    guest.on_path("unlinkat", "moved", &[0]).expect("removed");
    assert_eq!(guest.open(&format!("/proc/self/fd/{file}"), READ), Err(Errno::STALE));
    let link = guest.open("link", PATH | 0o400_000).expect("opened");
    assert_eq!(guest.fstat(link).mode() & 0o170_000, 0o120_000);
    assert_eq!(guest.text_of("readlinkat", &[link, empty]).as_deref(), Ok("file"));
    assert_eq!(guest.text_of("readlinkat", &[opened, empty]), Err(Errno::NOENT));
    let directory = guest.open("/tmp", PATH).expect("opened");
    assert_eq!(guest.call("fchdir", &[directory]), Ok(0));
    let (buffer, room) = guest.0.put(&[0; 300]);
    assert_eq!(guest.call("getdents64", &[directory, buffer, room]), Err(Errno::BADF));
    assert_eq!(guest.open("second", PATH | DIRECTORY), Err(Errno::NOTDIR));
}

#[test]
fn a_file_without_a_name_may_get_one() {
    let top = tempfile::tempdir().expect("a directory");
    let mount = Mount::directory(top.path(), "/work", Access::ReadWrite);
    let mut guest = of(System::builder().mount(mount));
    for place in ["/tmp", "/work"] {
        let file = guest.open(place, UNNAMED | BOTH).expect("made");
        guest.0.write(file, b"unnamed").expect("written");
        assert_eq!(guest.fstat(file).links(), 0);
        assert!(guest.link_of(file).starts_with(&format!("{place}/#")), "{}", guest.link_of(file));
        assert!(guest.link_of(file).ends_with(" (deleted)"));
        assert_eq!(guest.list(place), [".", ".."]);
        let (from, to) =
            (guest.0.text(&format!("/proc/self/fd/{file}")), guest.0.text(&format!("{place}/named")));
        guest.call("linkat", &[HERE, from, HERE, to, FOLLOW]).expect("linked");
        assert_eq!(guest.read(&format!("{place}/named")).as_deref(), Ok("unnamed"));
        let empty = guest.0.text("");
        assert_eq!(guest.call("linkat", &[file, empty, HERE, to, EMPTY]), Err(Errno::EXIST));
        let never = guest.open(place, UNNAMED | WRITE | 0o200).expect("made");
        let other = guest.0.text(&format!("{place}/other"));
        assert_eq!(guest.call("linkat", &[never, empty, HERE, other, EMPTY]), Err(Errno::NOENT));
        assert_eq!(guest.open(place, UNNAMED | READ), Err(Errno::INVAL));
        guest.on_path("unlinkat", &format!("{place}/named"), &[0]).expect("removed");
    }
    assert_eq!(guest.open("/etc", UNNAMED | WRITE), Err(Errno::ROFS));
}

#[test]
fn stat_tells_the_whole_structure() {
    let identity = crate::Identity { user: 7, group: 8, ..Default::default() };
    let clock = std::sync::Arc::new(crate::FixedClock::new(std::time::Duration::new(1_700_000_000, 5)));
    let mut guest = of(System::builder().identity(identity).clock(clock).working_directory("/tmp"));
    let file = guest.open("file", BOTH | CREATE).expect("made");
    guest.0.write(file, b"x").expect("written");
    guest.call("ftruncate64", &[file, 1 << 20, 0]).expect("grown");
    let told = guest.fstat(file);
    assert_eq!(told.number(0, 4), 0xfff, "all is told, and when it was made");
    assert_eq!((told.number(4, 4), told.links()), (4096, 1));
    assert_eq!((told.number(20, 4), told.number(24, 4)), (7, 8));
    assert_eq!((told.mode(), told.size(), told.number(48, 8)), (0o100_644, 1 << 20, 8));
    for offset in [64, 80, 96, 112] {
        assert_eq!(told.time(offset), (1_700_000_000, 5), "{offset}");
    }
    assert_eq!(told.0[144..], [0; 112], "nothing is told of the rest");
    let null = guest.stat("/dev/null").expect("there");
    assert_eq!((null.mode(), null.number(128, 4), null.number(132, 4)), (0o020_666, 1, 3));
    // What is the run's own has the time when it began, so that a zip can have it.
    for path in ["/etc/passwd", "/dev", "/proc", "/proc/self/status", "/proc/self/fd"] {
        assert_eq!(guest.stat(path).expect(path).time(112).0, 1_700_000_000, "{path}");
    }
    let wrong = [(HERE, "file", 0x8, 0xfff), (HERE, "file", 0x6000, 0xfff), (HERE, "file", 0, 1 << 31)];
    for (directory, path, flags, mask) in wrong {
        let path = guest.0.text(path);
        assert_eq!(guest.call("statx", &[directory, path, flags, mask, 64]), Err(Errno::INVAL));
    }
    assert_eq!(guest.statx(HERE, "", 0).err(), Some(Errno::NOENT));
    assert_eq!(guest.statx(HERE, "", EMPTY).expect("told").mode() & 0o170_000, 0o040_000);
    assert_eq!(guest.statx(99, "x", 0).err(), Some(Errno::BADF));
    assert_eq!(guest.statx(file, "x", 0).err(), Some(Errno::NOTDIR));
    let (path, buffer) = (guest.0.text("file"), u64::from(u32::MAX) - 10);
    assert_eq!(guest.call("statx", &[HERE, path, 0, 0xfff, buffer]), Err(Errno::FAULT));
    assert_eq!(guest.call("statx", &[HERE, 0, 0, 0xfff, 64]), Err(Errno::FAULT));
    assert_eq!(guest.call("statx", &[file, 0, EMPTY, 0xfff, 64]), Ok(0));
}

#[test]
fn times_before_1970_and_those_of_now_are_set() {
    let top = tempfile::tempdir().expect("a directory");
    let clock = std::sync::Arc::new(crate::FixedClock::new(std::time::Duration::new(1_700_000_000, 5)));
    let mount = Mount::directory(top.path(), "/work", Access::ReadWrite);
    let mut guest = of(System::builder().mount(mount).clock(clock));
    for path in ["/tmp/file", "/work/file"] {
        guest.write(path, "text");
        let times = |first: (i64, i64), second: (i64, i64)| -> Vec<u8> {
            [first.0, first.1, second.0, second.1].into_iter().flat_map(i64::to_le_bytes).collect()
        };
        let (before, _) = guest.0.put(&times((-1_000_000_000, 7), (-1, 999_999_999)));
        guest.on_path("utimensat_time64", path, &[before, 0]).expect("set");
        let told = guest.stat(path).expect("there");
        assert_eq!((told.time(64), told.time(112)), ((-1_000_000_000, 7), (-1, 999_999_999)));
        let file = guest.open(path, READ).expect("opened");
        let (omit, _) = guest.0.put(&times((1, 0x3fff_fffe), (2, 2)));
        guest.call("utimensat_time64", &[file, 0, omit, 0]).expect("set");
        let told = guest.fstat(file);
        assert_eq!((told.time(64), told.time(112)), ((-1_000_000_000, 7), (2, 2)));
        guest.call("utimensat_time64", &[file, 0, 0, 0]).expect("set");
        assert_eq!(guest.fstat(file).time(112), (1_700_000_000, 5));
        assert_eq!(guest.call("utimensat_time64", &[file, 0, 0, NO_FOLLOW]), Err(Errno::INVAL));
        let (neither, _) = guest.0.put(&times((0, 0x3fff_fffe), (0, 0x3fff_fffe)));
        assert_eq!(guest.on_path("utimensat_time64", "nothing", &[neither, 0]), Ok(0));
        guest.close(file);
    }
    assert_eq!(std::fs::metadata(top.path().join("file")).expect("there").mtime(), 1_700_000_000);
    assert_eq!(guest.call("utimensat_time64", &[HERE, 0, 0, 0]), Err(Errno::FAULT));
    assert_eq!(guest.on_path("utimensat_time64", "/etc/passwd", &[0, 0]), Err(Errno::ROFS));
}

#[test]
fn a_directory_is_read_on_from_where_one_seeks_to() {
    let top = tempfile::tempdir().expect("a directory");
    let mount = Mount::directory(top.path(), "/work", Access::ReadWrite);
    let mut guest = of(System::builder().mount(mount));
    for place in ["/tmp/d", "/work/d"] {
        guest.make(place);
        for number in 0..20 {
            guest.write(&format!("{place}/{number:02}"), "");
        }
        let directory = guest.open(place, DIRECTORY).expect("opened");
        let all = guest.entries(directory, 4096);
        assert_eq!(all.len(), 22);
        assert!(guest.entries(directory, 4096).is_empty());
        // Another who reads it meanwhile is at a place of his own.
        let other = guest.open(place, DIRECTORY).expect("opened");
        // Of which each takes 24 bytes.
        assert_eq!(guest.entries(other, 100).len(), 4);
        for at in [0, 1, 2, 9] {
            let cookie = all[at].1;
            guest.call("_llseek", &[directory, cookie >> 32, cookie & 0xffff_ffff, 64, 0]).expect("sought");
            assert_eq!(guest.entries(directory, 4096), all[at + 1..], "{place} {at}");
        }
        guest.call("_llseek", &[directory, 0, 0, 64, 0]).expect("sought");
        assert_eq!(guest.entries(directory, 4096), all);
        assert_eq!(guest.entries(other, 4096), all[4..]);
        let (buffer, _) = guest.0.put(&[0; 64]);
        guest.call("_llseek", &[directory, 0, 0, 64, 0]).expect("sought");
        assert_eq!(guest.call("getdents64", &[directory, buffer, 20]), Err(Errno::INVAL));
        assert_eq!(guest.0.linux("read", &[directory, 64, 1]), Err(Errno::ISDIR));
    }
}

#[test]
fn file_systems_tell_what_they_are() {
    let top = tempfile::tempdir().expect("a directory");
    let direct = Mount::directory(top.path(), "/work", Access::ReadOnly);
    let (over, _) = Mount::directory(top.path(), "/over", Access::ReadOnly).overlay();
    let mut guest = of(System::builder().mount(direct).mount(over));
    for (path, kind, flags) in [
        ("/tmp", 0x0102_1994, 0x20),
        ("/work", 0x6573_5546, 0x21),
        ("/over", 0x794c_7630, 0x20),
        ("/proc", 0x9fa0, 0x21),
        ("/dev", 0x0102_1994, 0x21),
    ] {
        for size in [84, 88] {
            let text = guest.0.text(path);
            let (buffer, _) = guest.0.put(&[0xff; 88]);
            guest.call("statfs64", &[text, size, buffer]).expect(path);
            let told = guest.0.get(buffer as u32, 88);
            let word = |offset: usize| u32::from_le_bytes(told[offset..offset + 4].try_into().expect("four"));
            assert_eq!(
                (word(0), word(4), word(56), word(60), word(64)),
                (kind, 4096, 255, 4096, flags),
                "{path}"
            );
            let descriptor = guest.open(path, DIRECTORY).expect("opened");
            let (other, _) = guest.0.put(&[0xff; 88]);
            guest.call("fstatfs64", &[descriptor, size, other]).expect(path);
            assert_eq!(guest.0.get(other as u32, 88)[..8], told[..8]);
        }
        let text = guest.0.text(path);
        assert_eq!(guest.call("statfs64", &[text, 64, 64]), Err(Errno::INVAL));
    }
    assert_eq!(guest.call("fstatfs64", &[99, 88, 64]), Err(Errno::BADF));
}

#[test]
fn what_may_be_done_is_what_the_bits_say() {
    let mut guest = guest();
    assert_eq!(guest.call("umask", &[0o077]), Ok(0o022));
    guest.write("file", "text");
    assert_eq!(guest.stat("file").expect("there").mode(), 0o100_600);
    let file = guest.open("file", READ).expect("opened");
    guest.call("fchmod", &[file, 0o4755]).expect("changed");
    assert_eq!(guest.fstat(file).mode(), 0o104_755);
    for (mode, can) in [(0o755, 7), (0o644, 6), (0o444, 4), (0o211, 2), (0o077, 0)] {
        guest.on_path("fchmodat", "file", &[mode]).expect("changed");
        for wanted in 0..8 {
            let expected = if wanted & !can == 0 { Ok(0) } else { Err(Errno::ACCES) };
            assert_eq!(guest.on_path("faccessat", "file", &[wanted]), expected, "{mode:o} {wanted}");
            assert_eq!(guest.on_path("faccessat2", "file", &[wanted, 0x200]), expected);
        }
        let may = |flags| if flags & !can == 0 { None } else { Some(Errno::ACCES) };
        assert_eq!(guest.open("file", READ).err(), may(4));
        assert_eq!(guest.open("file", WRITE).err(), may(2));
        assert_eq!(guest.open("file", BOTH).err(), may(6));
        let path = guest.0.text("file");
        assert_eq!(guest.call("truncate64", &[path, 2, 0]).err(), may(2));
    }
    guest.make("d");
    guest.write("d/inner", "text");
    guest.on_path("fchmodat2", "d", &[0o600, NO_FOLLOW]).expect("changed");
    assert_eq!(guest.read("d/inner"), Err(Errno::ACCES));
    assert_eq!(guest.change("d"), Err(Errno::ACCES));
    guest.on_path("fchmodat", "d", &[0o500]).expect("changed");
    assert_eq!(guest.open("d/new", WRITE | CREATE), Err(Errno::ACCES));
    assert_eq!(guest.on_path("unlinkat", "d/inner", &[0]), Err(Errno::ACCES));
    assert_eq!(guest.read("d/inner").as_deref(), Ok("text"));
    for (path, wanted, expected) in [
        ("/etc/passwd", 2, Err(Errno::ROFS)),
        ("/etc/passwd", 4, Ok(0)),
        ("/etc/passwd", 1, Err(Errno::ACCES)),
        ("/etc", 2, Err(Errno::ROFS)),
        ("/dev/null", 2, Ok(0)),
        ("/nothing", 0, Err(Errno::NOENT)),
        ("/tmp", 8, Err(Errno::INVAL)),
    ] {
        assert_eq!(guest.on_path("faccessat", path, &[wanted]), expected, "{path} {wanted}");
    }
    assert_eq!(guest.on_path("faccessat2", "/tmp", &[0, 0x8000]), Err(Errno::INVAL));
    assert_eq!(guest.on_path("fchmodat2", "/etc/passwd", &[0o600, 0]), Err(Errno::ROFS));
    let same = u64::from(u32::MAX);
    assert_eq!(guest.call("fchown", &[file, 1000, same]), Ok(0));
    assert_eq!(guest.call("fchown", &[file, 0, same]), Err(Errno::PERM));
    assert_eq!(guest.on_path("fchownat", "file", &[same, 7, 0]), Err(Errno::PERM));
    assert_eq!(guest.on_path("fchownat", "file", &[same, 1000, 0x8]), Err(Errno::INVAL));
    // The superuser may, but for running what is not to be run.
    let mut root = of(System::builder().identity(crate::Identity { user: 0, ..Default::default() }));
    root.write("/tmp/file", "text");
    root.on_path("fchmodat", "/tmp/file", &[0]).expect("changed");
    assert_eq!(root.read("/tmp/file").as_deref(), Ok("text"));
    assert_eq!(root.on_path("faccessat", "/tmp/file", &[6]), Ok(0));
    assert_eq!(root.on_path("faccessat", "/tmp/file", &[1]), Err(Errno::ACCES));
}

#[test]
fn files_are_cut_by_their_path() {
    let mut guest = guest();
    guest.write("file", "0123456789");
    let cut = |guest: &mut Guest, path: &str, size: i64| {
        let path = guest.0.text(path);
        guest.call("truncate64", &[path, size as u64 & 0xffff_ffff, (size as u64) >> 32])
    };
    cut(&mut guest, "file", 4).expect("cut");
    assert_eq!(guest.read("file").as_deref(), Ok("0123"));
    cut(&mut guest, "file", 5 << 32).expect("grown");
    assert_eq!(guest.stat("file").expect("there").size(), 5 << 32);
    assert_eq!(cut(&mut guest, "file", -1), Err(Errno::INVAL));
    assert_eq!(cut(&mut guest, "/tmp", 0), Err(Errno::ISDIR));
    assert_eq!(cut(&mut guest, "/dev/null", 0), Err(Errno::INVAL));
    assert_eq!(cut(&mut guest, "/etc/passwd", 0), Err(Errno::ROFS));
    assert_eq!(cut(&mut guest, "nothing", 0), Err(Errno::NOENT));
}

#[test]
fn special_files_are_not_made() {
    let mut guest = guest();
    guest.on_path("mknodat", "plain", &[0o100_640, 0]).expect("made");
    assert_eq!(guest.stat("plain").expect("there").mode(), 0o100_640);
    for (mode, errno) in [
        (0o020_644, Errno::PERM),
        (0o060_644, Errno::PERM),
        (0o040_755, Errno::PERM),
        (0o110_644, Errno::INVAL),
    ] {
        assert_eq!(guest.on_path("mknodat", "special", &[mode, 0]), Err(errno), "{mode:o}");
    }
    assert_eq!(guest.on_path("mknodat", "plain", &[0o020_644, 0]), Err(Errno::EXIST));
}

#[test]
fn a_pipe_with_a_name_connects_those_who_open_it() {
    const NONBLOCK: u64 = 0o4000;
    let mut guest = guest();
    guest.on_path("mknodat", "pipe", &[0o010_644, 0]).expect("made");
    assert_eq!((guest.stat("pipe").expect("there").mode(), guest.list("/tmp").len()), (0o010_644, 3));
    assert_eq!(guest.on_path("mknodat", "pipe", &[0o010_644, 0]), Err(Errno::EXIST));
    // For control alone there is no way, and without a reader none to write.
    assert_eq!(guest.open("pipe", 3 | NONBLOCK), Err(Errno::INVAL));
    assert_eq!(guest.open("pipe", WRITE | NONBLOCK), Err(Errno::NXIO));
    let reader = guest.open("pipe", READ | NONBLOCK).expect("opened");
    // Nobody has written yet, so that nobody has hung up.
    let events = |guest: &mut Guest, fd: u64| {
        let (entry, _) = guest.0.put(&[&(fd as u32).to_le_bytes()[..], &[0xff, 0x3f, 0, 0]].concat());
        let (now, _) = guest.0.put(&[0; 16]);
        guest.call("ppoll_time64", &[entry, 1, now, 0, 0]).expect("told");
        guest.0.get_u32(entry as u32 + 4) >> 16
    };
    assert_eq!((guest.0.linux_read(reader, 9), events(&mut guest, reader)), (Ok(vec![]), 0));
    let writer = guest.open("pipe", WRITE | NONBLOCK | TRUNCATE).expect("opened");
    assert_eq!(guest.0.linux_read(reader, 9), Err(Errno::AGAIN));
    guest.0.linux_write(writer, b"text").expect("written");
    assert_eq!((events(&mut guest, reader), events(&mut guest, writer)), (0x41, 0x104));
    guest.on_path("unlinkat", "pipe", &[0]).expect("removed");
    assert_eq!((guest.fstat(writer).links(), guest.fstat(reader).size()), (0, 0));
    guest.call("fchmod", &[writer, 0o600]).expect("changed");
    assert_eq!(guest.fstat(reader).mode(), 0o010_600);
    assert_eq!(guest.0.linux_read(reader, 9), Ok(b"text".to_vec()));
    guest.close(writer);
    assert_eq!((guest.0.linux_read(reader, 9), events(&mut guest, reader)), (Ok(vec![]), 0x10));
    // Another of that name is another, and who waits for the other end hears of a signal.
    guest.on_path("mknodat", "pipe", &[0o010_644, 0]).expect("made");
    assert_eq!(guest.open("pipe", WRITE | NONBLOCK), Err(Errno::NXIO));
    guest.0.waiter.interrupt();
    assert_eq!(guest.open("pipe", READ), Err(Errno::INTR));
    assert_eq!(guest.open("pipe", WRITE | NONBLOCK), Err(Errno::NXIO));
    let both = guest.open("pipe", BOTH).expect("opened");
    guest.0.linux_write(both, b"to itself").expect("written");
    assert_eq!(guest.0.linux_read(both, 99), Ok(b"to itself".to_vec()));
}

#[test]
fn who_changes_a_file_takes_its_rights_away() {
    let mut guest = guest();
    guest.write("file", "text");
    let file = guest.open("file", BOTH).expect("opened");
    let changes: [(&str, Vec<u64>); 3] = [
        ("ftruncate64", vec![file, 4, 0]),
        ("fallocate", vec![file, 0, 0, 0, 2, 0]),
        ("fallocate", vec![file, 3, 0, 0, 1, 0]),
    ];
    for (name, arguments) in changes {
        for (before, after) in [(0o6755, 0o755), (0o6745, 0o2745), (0o1777, 0o1777)] {
            guest.call("fchmod", &[file, before]).expect("changed");
            guest.call(name, &arguments).expect(name);
            assert_eq!(guest.fstat(file).mode(), 0o100_000 | after, "{name} {before:o}");
        }
    }
    guest.call("fchmod", &[file, 0o6755]).expect("changed");
    assert_eq!((guest.0.linux_write(file, b""), guest.fstat(file).mode()), (Ok(0), 0o106_755));
    assert_eq!((guest.0.linux_write(file, b"x"), guest.fstat(file).mode()), (Ok(1), 0o100_755));
}

#[test]
fn what_was_found_by_a_path_is_known_without_its_name() {
    let mut guest = guest();
    guest.write("file", "text");
    let file = guest.open("file", PATH).expect("opened");
    guest.on_path("unlinkat", "file", &[0]).expect("removed");
    guest.write("file", "another");
    let own = format!("/proc/self/fd/{file}");
    guest.on_path("fchmodat", &own, &[0o640]).expect("changed");
    let told = guest.fstat(file);
    assert_eq!((told.mode(), told.links(), told.size()), (0o100_640, 0, 4));
    assert_eq!(guest.stat("file").expect("there").mode(), 0o100_644);
}

#[test]
fn what_is_named_as_a_directory_is_not_made() {
    let mut guest = guest();
    guest.write("file", "text");
    let (target, link) = (guest.0.text("file/"), guest.0.text("link"));
    guest.call("symlinkat", &[target, HERE, link]).expect("made");
    assert_eq!(guest.open("link", READ | CREATE), Err(Errno::ISDIR));
    assert_eq!(guest.open("link", READ), Err(Errno::NOTDIR));
    for path in ["file/x", "file/x/"] {
        assert_eq!(guest.open(path, READ | CREATE), Err(Errno::NOTDIR), "{path}");
    }
}

#[test]
fn openat2_keeps_within_bounds() {
    let mut guest = guest();
    guest.make("d");
    guest.write("d/file", "inside");
    guest.write("file", "outside");
    let link = |guest: &mut Guest, target: &str, path: &str| {
        let (target, path) = (guest.0.text(target), guest.0.text(path));
        guest.call("symlinkat", &[target, HERE, path]).expect("made");
    };
    link(&mut guest, "/file", "d/absolute");
    link(&mut guest, "../file", "d/up");
    link(&mut guest, "file", "d/link");
    let directory = guest.open("d", DIRECTORY).expect("opened");
    let magic = format!("/proc/self/fd/{directory}");
    let (none, crossing, jumps, symlinks, beneath, root) = (0u64, 1u64, 2, 4, 8, 16);
    for (path, within, expected) in [
        ("file", beneath, Ok("inside")),
        ("../file", beneath, Err(Errno::XDEV)),
        ("../d/file", beneath, Err(Errno::XDEV)),
        ("/tmp/d/file", beneath, Err(Errno::XDEV)),
        ("absolute", beneath, Err(Errno::XDEV)),
        ("up", beneath, Err(Errno::XDEV)),
        ("link", beneath, Ok("inside")),
        ("absolute", root, Ok("inside")),
        ("up", root, Ok("inside")),
        ("/../../link", root, Ok("inside")),
        ("up", none, Ok("outside")),
        ("link", symlinks, Err(Errno::LOOP)),
        ("file", symlinks, Ok("inside")),
        ("link", jumps, Ok("inside")),
        (&format!("{magic}/file"), jumps, Err(Errno::LOOP)),
        (&format!("{magic}/file"), none, Ok("inside")),
        ("../../tmp/file", crossing, Err(Errno::XDEV)),
        ("../file", crossing, Ok("outside")),
        ("file", beneath | root, Err(Errno::INVAL)),
        ("file", 64, Err(Errno::INVAL)),
    ] {
        let how: Vec<u8> = [0, 0, within].into_iter().flat_map(u64::to_le_bytes).collect();
        let (how, size) = guest.0.put(&how);
        let text = guest.0.text(path);
        let opened = guest.call("openat2", &[directory, text, how, size]).map(u64::from);
        let read = opened.and_then(|file| guest.0.read(file, 100));
        assert_eq!(read, expected.map(|text| text.as_bytes().to_vec()), "{path} {within}");
    }
    let text = guest.0.text("file");
    let (how, _) = guest.0.put(&[&[0; 24][..], &[1; 8]].concat());
    assert_eq!(guest.call("openat2", &[directory, text, how, 23]), Err(Errno::INVAL));
    assert_eq!(guest.call("openat2", &[directory, text, how, 32]), Err(Errno::TOOBIG));
    assert_eq!(guest.call("openat2", &[directory, text, how, 5000]), Err(Errno::TOOBIG));
    let (mode, size) =
        guest.0.put(&[0, 0o644u64, 0].into_iter().flat_map(u64::to_le_bytes).collect::<Vec<u8>>());
    assert_eq!(guest.call("openat2", &[directory, text, mode, size]), Err(Errno::INVAL));
}

/// Paths that are longer than any that a call takes, name by name.
#[test]
fn directories_lie_deeper_than_paths_reach() {
    let mut guest = guest();
    let name = "n".repeat(200);
    let mut at = guest.open("/tmp", DIRECTORY).expect("opened");
    for _ in 0..30 {
        let text = guest.0.text(&name);
        guest.call("mkdirat", &[at, text, 0o755]).expect("made");
        let next = guest.open_at(at, &name, DIRECTORY).expect("opened");
        guest.close(at);
        at = next;
    }
    guest.call("fchdir", &[at]).expect("changed");
    guest.write("file", "deep");
    assert_eq!(guest.read("../../file"), Err(Errno::NOENT));
    assert_eq!(guest.read("file").as_deref(), Ok("deep"));
    assert_eq!(guest.standing(), Err(Errno::NAMETOOLONG));
    assert_eq!(guest.link("/proc/self/cwd"), Err(Errno::NAMETOOLONG));
    let up = "../".repeat(30);
    guest.change(&up).expect("changed");
    assert_eq!(guest.standing().as_deref(), Ok("/tmp"));
}

fn set(guest: &mut Guest, path: &str, name: &str, value: &[u8], flags: u64) -> Result<u32, Errno> {
    let (path, name) = (guest.0.text(path), guest.0.text(name));
    let (value, size) = guest.0.put(value);
    guest.call("setxattr", &[path, name, value, size, flags])
}

fn get(guest: &mut Guest, path: &str, name: &str) -> Result<String, Errno> {
    let (path, name) = (guest.0.text(path), guest.0.text(name));
    let (buffer, room) = guest.0.put(&[0; 1000]);
    let length = guest.call("getxattr", &[path, name, buffer, room])?;
    Ok(String::from_utf8(guest.0.get(buffer as u32, length as usize)).expect("UTF-8"))
}

fn names(guest: &mut Guest, path: &str) -> Vec<String> {
    let path = guest.0.text(path);
    let (buffer, room) = guest.0.put(&[0; 1000]);
    let length = guest.call("listxattr", &[path, buffer, room]).expect("listed");
    let bytes = guest.0.get(buffer as u32, length as usize);
    let text = String::from_utf8(bytes).expect("UTF-8");
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn extended_attributes_are_kept_with_their_file() {
    let top = tempfile::tempdir().expect("a directory");
    std::fs::write(top.path().join("lower"), "text").expect("written");
    let host_has_them = rustix::fs::setxattr(
        top.path().join("lower"),
        "user.host",
        b"the host's",
        rustix::fs::XattrFlags::empty(),
    );
    let direct = Mount::directory(top.path(), "/work", Access::ReadWrite);
    let only = Mount::directory(top.path(), "/only", Access::ReadOnly);
    let (over, overlay) = Mount::directory(top.path(), "/over", Access::ReadOnly).overlay();
    let mut guest = of(System::builder().mount(direct).mount(over).mount(only));
    let mut places = vec!["/tmp", "/over"];
    if host_has_them.is_ok() {
        places.push("/work");
        for place in ["/work", "/over", "/only"] {
            let lower = format!("{place}/lower");
            assert_eq!(get(&mut guest, &lower, "user.host").as_deref(), Ok("the host's"), "{place}");
            assert_eq!(names(&mut guest, &lower), ["user.host"]);
        }
        assert_eq!(set(&mut guest, "/only/lower", "user.x", b"", 0), Err(Errno::ROFS));
        // In the layer it is another's from now on.
        set(&mut guest, "/over/lower", "user.host", b"changed", 2).expect("set");
        set(&mut guest, "/over/lower", "user.more", b"", 1).expect("set");
        assert_eq!(names(&mut guest, "/over/lower"), ["user.host", "user.more"]);
        assert_eq!(get(&mut guest, "/work/lower", "user.host").as_deref(), Ok("the host's"));
    }
    for place in places {
        let file = format!("{place}/file");
        guest.write(&file, "text");
        assert_eq!(names(&mut guest, &file), Vec::<String>::new(), "{place}");
        set(&mut guest, &file, "user.a", b"one", 0).expect(place);
        set(&mut guest, &file, "user.a", b"two", 2).expect(place);
        assert_eq!(set(&mut guest, &file, "user.a", b"x", 1), Err(Errno::EXIST));
        assert_eq!(set(&mut guest, &file, "user.b", b"x", 2), Err(Errno::NODATA));
        set(&mut guest, &file, "user.b", b"", 1).expect(place);
        assert_eq!(get(&mut guest, &file, "user.a").as_deref(), Ok("two"));
        assert_eq!(get(&mut guest, &file, "user.c"), Err(Errno::NODATA));
        let mut listed = names(&mut guest, &file);
        listed.sort();
        assert_eq!(listed, ["user.a", "user.b"]);
        set(&mut guest, place, "user.of-a-directory", b"yes", 0).expect(place);
        assert_eq!(get(&mut guest, place, "user.of-a-directory").as_deref(), Ok("yes"));
        // By the descriptor, and with no room or too little.
        let open = guest.open(&file, READ).expect("opened");
        let name = guest.0.text("user.a");
        assert_eq!(guest.call("fgetxattr", &[open, name, 0, 0]), Ok(3));
        assert_eq!(guest.call("fgetxattr", &[open, name, 64, 2]), Err(Errno::RANGE));
        assert_eq!(guest.call("flistxattr", &[open, 0, 0]), Ok(14));
        assert_eq!(guest.call("flistxattr", &[open, 64, 13]), Err(Errno::RANGE));
        let (value, size) = guest.0.put(b"three");
        guest.call("fsetxattr", &[open, name, value, size, 0]).expect(place);
        assert_eq!(get(&mut guest, &file, "user.a").as_deref(), Ok("three"));
        guest.call("fremovexattr", &[open, name]).expect(place);
        assert_eq!(guest.call("fremovexattr", &[open, name]), Err(Errno::NODATA));
        let path = guest.0.text(&file);
        let other = guest.0.text("user.b");
        guest.call("removexattr", &[path, other]).expect(place);
        assert_eq!(names(&mut guest, &file), Vec::<String>::new());
        // Of the link itself there are none.
        let (target, link) = (guest.0.text("file"), guest.0.text(&format!("{place}/link")));
        guest.call("symlinkat", &[target, HERE, link]).expect("made");
        let (value, size) = guest.0.put(b"x");
        assert_eq!(guest.call("lsetxattr", &[link, name, value, size, 0]), Err(Errno::PERM));
        assert_eq!(guest.call("lgetxattr", &[link, name, 64, 8]), Err(Errno::NODATA));
        assert_eq!(guest.call("llistxattr", &[link, 64, 8]), Ok(0));
        assert_eq!(guest.call("lremovexattr", &[link, name]), Err(Errno::PERM));
        assert_eq!(guest.call("setxattr", &[link, name, value, size, 0]), Ok(0));
        // Names and values that are none.
        for (name, errno) in [
            ("", Errno::RANGE),
            (&"n".repeat(256), Errno::RANGE),
            ("user.", Errno::INVAL),
            ("trusted.x", Errno::PERM),
            ("security.x", Errno::PERM),
            ("system.x", Errno::NOTSUP),
            ("other", Errno::NOTSUP),
        ] {
            assert_eq!(set(&mut guest, &file, name, b"x", 0), Err(errno), "{place} {name}");
        }
        assert_eq!(get(&mut guest, &file, "trusted.x"), Err(Errno::NODATA));
        assert_eq!(set(&mut guest, &file, "user.x", b"x", 4), Err(Errno::INVAL));
        assert_eq!(set(&mut guest, &file, "user.x", &[0; 65_537], 0), Err(Errno::TOOBIG));
    }
    overlay.check_invariants();
    assert_eq!(names(&mut guest, "/etc/passwd"), Vec::<String>::new());
    assert_eq!(get(&mut guest, "/etc/passwd", "user.x"), Err(Errno::NODATA));
    assert_eq!(set(&mut guest, "/etc/passwd", "user.x", b"x", 0), Err(Errno::ROFS));
    assert_eq!(set(&mut guest, "/dev/null", "user.x", b"x", 0), Err(Errno::ROFS));
}

/// They are charged to the run, and given back with their file.
#[test]
fn extended_attributes_are_charged() {
    let mut guest = of(System::builder().working_directory("/tmp").file_bytes(1 << 20));
    guest.write("file", "");
    let used = guest.0.system.meter().used();
    let failed =
        (0..100).find_map(|number| set(&mut guest, "file", &format!("user.{number}"), &[7; 60_000], 0).err());
    assert_eq!(failed, Some(Errno::NOSPC));
    assert!(guest.0.system.meter().used() > used + 900_000);
    guest.on_path("unlinkat", "file", &[0]).expect("removed");
    assert!(guest.0.system.meter().used() <= used);
    let names = (0..1000).find_map(|number| {
        guest.write("other", "");
        set(&mut guest, "other", &format!("user.{number}{}", "n".repeat(200)), b"", 0).err()
    });
    assert_eq!(names, Some(Errno::NOSPC), "no more names than can be listed");
}
