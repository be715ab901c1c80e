//! Calls on paths.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Errno, System};

const CREATE: u64 = 1;
const DIRECTORY: u64 = 2;
const EXCLUSIVE: u64 = 4;
const TRUNCATE: u64 = 8;

fn make(guest: &mut FakeGuest, path: &str, content: &[u8]) {
    let fd = guest.open(path, CREATE | TRUNCATE).expect("made");
    guest.write(fd, content).expect("written");
    guest.close(fd);
}

fn content(guest: &mut FakeGuest, path: &str) -> Result<Vec<u8>, Errno> {
    let fd = guest.open_to_read(path)?;
    let content = guest.read(fd, 1000);
    guest.close(fd);
    content
}

#[test]
fn opening_follows_its_flags() {
    let mut guest = guest();
    assert_eq!(guest.open("tmp/file", 0), Err(Errno::NOENT));
    make(&mut guest, "tmp/file", b"text");
    assert_eq!(guest.open("tmp/file", CREATE | EXCLUSIVE), Err(Errno::EXIST));
    assert_eq!(guest.open("tmp/file", DIRECTORY), Err(Errno::NOTDIR));
    assert_eq!(guest.open("tmp/file", CREATE | DIRECTORY), Err(Errno::INVAL));
    assert_eq!(guest.open("tmp/file", 16), Err(Errno::INVAL));
    assert_eq!(guest.open("tmp/file/", 0), Err(Errno::NOTDIR));
    assert_eq!(guest.open("tmp/new/", CREATE), Err(Errno::ISDIR));
    assert_eq!(guest.open("tmp", 0), Err(Errno::ISDIR));
    assert!(guest.open_to_read("tmp").is_ok());
    assert_eq!(guest.open("", 0), Err(Errno::NOENT));
    guest.open("tmp/file", TRUNCATE).expect("emptied");
    assert_eq!(content(&mut guest, "tmp/file"), Ok(vec![]));
    let (path, length) = guest.put(b"tmp/file");
    let end = guest.memory.bytes.len() as u64;
    let wild = guest.wasi("path_open", &[3, 0, path, length, 0, 2, 0, 0, end]);
    assert_eq!(wild, Err(Errno::FAULT));
    let not_a_directory = guest.wasi("path_open", &[1, 0, path, length, 0, 2, 0, 0, 64]);
    assert_eq!(not_a_directory, Err(Errno::NOTDIR));
    let unknown_lookup = guest.wasi("path_open", &[3, 2, path, length, 0, 2, 0, 0, 64]);
    assert_eq!(unknown_lookup, Err(Errno::INVAL));
}

#[test]
fn permissions_are_those_that_are_left_by_the_mask_and_wasi_tells_none() {
    let mut guest = guest();
    guest.open("tmp/file", CREATE).expect("made");
    guest.on_path("path_create_directory", "tmp/directory").expect("made");
    assert_eq!(guest.permissions("/tmp/file"), Ok(0o644));
    assert_eq!(guest.permissions("/tmp/directory"), Ok(0o755));
    guest.stat("tmp/file", true).expect("told");
    assert_eq!(guest.get(RESULT + 16, 8), [4, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn what_is_open_stays_when_its_name_goes() {
    let mut guest = guest();
    let fd = guest.open("tmp/file", CREATE).expect("made");
    guest.write(fd, b"still here").expect("written");
    guest.on_path("path_unlink_file", "tmp/file").expect("removed");
    assert_eq!(guest.stat("tmp/file", true), Err(Errno::NOENT));
    guest.wasi("fd_seek", &[fd, 0, 0, 64]).expect("sought");
    assert_eq!(guest.read(fd, 100), Ok(b"still here".to_vec()));
    guest.on_path("path_create_directory", "tmp/gone").expect("made");
    let directory = guest.open_to_read("tmp/gone").expect("opened");
    guest.on_path("path_remove_directory", "tmp/gone").expect("removed");
    let (path, length) = guest.put(b"new");
    let result = guest.wasi("path_create_directory", &[directory, path, length]);
    assert_eq!(result, Err(Errno::NOENT));
}

#[test]
fn directories_are_made_and_removed() {
    let mut guest = guest();
    let mut on = |name: &str, path: &str| guest.on_path(name, path);
    on("path_create_directory", "tmp/a/").expect("a slash may follow");
    assert_eq!(on("path_create_directory", "tmp/a"), Err(Errno::EXIST));
    assert_eq!(on("path_create_directory", "tmp/no/b"), Err(Errno::NOENT));
    assert_eq!(on("path_create_directory", "/"), Err(Errno::EXIST));
    assert_eq!(on("path_create_directory", "tmp/."), Err(Errno::EXIST));
    on("path_create_directory", "tmp/a/b").expect("made");
    assert_eq!(on("path_remove_directory", "tmp/a"), Err(Errno::NOTEMPTY));
    assert_eq!(on("path_unlink_file", "tmp/a"), Err(Errno::ISDIR));
    assert_eq!(on("path_remove_directory", "tmp/a/."), Err(Errno::INVAL));
    assert_eq!(on("path_remove_directory", "tmp/a/.."), Err(Errno::NOTEMPTY));
    assert_eq!(on("path_remove_directory", "/"), Err(Errno::BUSY));
    on("path_remove_directory", "tmp/a/b/").expect("removed");
    on("path_remove_directory", "tmp/a").expect("removed");
    assert_eq!(on("path_remove_directory", "tmp/a"), Err(Errno::NOENT));
    assert_eq!(on("path_unlink_file", "tmp/a"), Err(Errno::NOENT));
}

#[test]
fn symlinks_lead_where_they_say_and_not_for_ever() {
    let mut guest = guest();
    make(&mut guest, "tmp/file", b"text");
    guest.symlink("file", "tmp/link").expect("made");
    guest.symlink("/tmp/link", "tmp/chain").expect("made");
    assert_eq!(content(&mut guest, "tmp/chain"), Ok(b"text".to_vec()));
    assert_eq!(guest.read_link("tmp/chain").as_deref(), Ok("/tmp/link"));
    assert_eq!(guest.read_link("tmp/file"), Err(Errno::INVAL));
    assert_eq!(guest.stat("tmp/link", false), Ok((4, 7, 1)));
    assert_eq!(guest.stat("tmp/link", true), Ok((4, 4, 1)));
    assert_eq!(guest.open_with("tmp/link", 0, 0, u64::MAX, 0), Err(Errno::LOOP));
    assert_eq!(guest.symlink("x", "tmp/link"), Err(Errno::EXIST));
    assert_eq!(guest.symlink("", "tmp/empty"), Err(Errno::NOENT));
    guest.symlink("one", "tmp/two").expect("made");
    guest.symlink("two", "tmp/one").expect("made");
    assert_eq!(guest.stat("tmp/one", true), Err(Errno::LOOP));
    assert_eq!(guest.stat("tmp/one/x", false), Err(Errno::LOOP));
    // A link that leads nowhere is where the file is made, but not exclusively.
    guest.symlink("new", "tmp/dangling").expect("made");
    assert_eq!(guest.open("tmp/dangling", CREATE | EXCLUSIVE), Err(Errno::EXIST));
    make(&mut guest, "tmp/dangling", b"through");
    assert_eq!(content(&mut guest, "tmp/new"), Ok(b"through".to_vec()));
}

#[test]
fn exactly_forty_symlinks_are_followed() {
    let mut guest = guest();
    make(&mut guest, "tmp/0", b"end");
    for number in 1..=41 {
        guest.symlink(&(number - 1).to_string(), &format!("tmp/{number}")).expect("made");
    }
    assert_eq!(content(&mut guest, "tmp/40"), Ok(b"end".to_vec()));
    assert_eq!(content(&mut guest, "tmp/41"), Err(Errno::LOOP));
}

#[test]
fn names_and_paths_have_a_longest_length() {
    let mut guest = guest();
    let name = "n".repeat(255);
    make(&mut guest, &format!("tmp/{name}"), b"x");
    assert_eq!(guest.open(&format!("tmp/{name}n"), CREATE), Err(Errno::NAMETOOLONG));
    assert_eq!(guest.stat(&format!("tmp/{name}n/x"), true), Err(Errno::NAMETOOLONG));
    assert_eq!(guest.stat(&"./".repeat(2047), true).map(|(_, file_type, _)| file_type), Ok(3));
    assert_eq!(guest.stat(&"./".repeat(2048), true), Err(Errno::NAMETOOLONG));
    assert_eq!(guest.stat("tmp/a\0b", true), Err(Errno::INVAL));
    assert_eq!(guest.symlink("a\0b", "tmp/zero"), Err(Errno::INVAL));
    let (address, _) = guest.put(b"x");
    assert_eq!(guest.wasi("path_unlink_file", &[3, address, u64::from(u32::MAX)]), Err(Errno::NAMETOOLONG));
}

#[test]
fn the_root_is_above_itself() {
    let mut guest = guest();
    make(&mut guest, "/tmp/file", b"text");
    for path in ["../../tmp/file", "/../tmp/./../tmp/file", "tmp/../../tmp//file"] {
        assert_eq!(content(&mut guest, path), Ok(b"text".to_vec()), "{path}");
    }
    assert_eq!(content(&mut guest, "tmp/file/../file"), Err(Errno::NOTDIR));
}

#[test]
fn renaming_replaces_as_linux_does() {
    let mut guest = guest();
    make(&mut guest, "tmp/a", b"a");
    make(&mut guest, "tmp/b", b"b");
    guest.on_path("path_create_directory", "tmp/d").expect("made");
    guest.on_path("path_create_directory", "tmp/e").expect("made");
    guest.rename("tmp/a", "tmp/b").expect("replaced");
    assert_eq!(content(&mut guest, "tmp/b"), Ok(b"a".to_vec()));
    assert_eq!(guest.rename("tmp/a", "tmp/c"), Err(Errno::NOENT));
    assert_eq!(guest.rename("tmp/b", "tmp/d"), Err(Errno::ISDIR));
    assert_eq!(guest.rename("tmp/d", "tmp/b"), Err(Errno::NOTDIR));
    assert_eq!(guest.rename("tmp/d", "tmp/d/x"), Err(Errno::INVAL));
    assert_eq!(guest.rename("tmp/b/", "tmp/c"), Err(Errno::NOTDIR));
    assert_eq!(guest.rename("tmp/b", "tmp/."), Err(Errno::BUSY));
    guest.rename("tmp/b", "tmp/d/b").expect("moved");
    assert_eq!(guest.rename("tmp/e", "tmp/d"), Err(Errno::NOTEMPTY));
    guest.rename("tmp/d", "tmp/e").expect("replaced");
    assert_eq!(content(&mut guest, "tmp/e/b"), Ok(b"a".to_vec()));
    guest.rename("tmp/e/b", "tmp/e/b").expect("the same");
    guest.rename("tmp/e/b", "home/user/b").expect("one tree");
    assert_eq!(guest.rename("home/user/b", "other"), Err(Errno::XDEV));
    assert_eq!(guest.rename("tmp", "tmp2"), Err(Errno::BUSY));
    assert_eq!(guest.rename("home/user/b", "tmp"), Err(Errno::BUSY));
}

#[test]
fn hard_links_are_the_same_file() {
    let mut guest = guest();
    make(&mut guest, "tmp/a", b"text");
    guest.link("tmp/a", "tmp/b").expect("linked");
    assert_eq!(guest.stat("tmp/b", true), Ok((4, 4, 2)));
    make(&mut guest, "tmp/b", b"other");
    assert_eq!(content(&mut guest, "tmp/a"), Ok(b"other".to_vec()));
    assert_eq!(guest.link("tmp/a", "tmp/b"), Err(Errno::EXIST));
    assert_eq!(guest.link("tmp/c", "tmp/d"), Err(Errno::NOENT));
    guest.on_path("path_create_directory", "tmp/d").expect("made");
    assert_eq!(guest.link("tmp/d", "tmp/e"), Err(Errno::PERM));
    let (from, from_length) = guest.put(b"tmp/a");
    let (to, to_length) = guest.put(b"etc/a");
    let result = guest.wasi("path_link", &[3, 0, from, from_length, 3, to, to_length]);
    assert_eq!(result, Err(Errno::XDEV));
}

#[test]
fn times_are_set_by_path() {
    let mut guest = guest();
    make(&mut guest, "tmp/a", b"");
    guest.symlink("a", "tmp/link").expect("made");
    let (path, length) = guest.put(b"tmp/link");
    guest.wasi("path_filestat_set_times", &[3, 1, path, length, 5, 6, 5]).expect("set");
    guest.wasi("path_filestat_get", &[3, 0, path, length, u64::from(RESULT)]).expect("told");
    assert_ne!(guest.get_u64(RESULT + 48), 6);
    guest.stat("tmp/a", true).expect("told");
    assert_eq!((guest.get_u64(RESULT + 40), guest.get_u64(RESULT + 48)), (5, 6));
    let both = guest.wasi("path_filestat_set_times", &[3, 1, path, length, 5, 6, 3]);
    assert_eq!(both, Err(Errno::INVAL));
}

#[test]
fn the_names_that_the_stat_helpers_use_are_rows() {
    let mut guest = guest();
    let (path, length) = guest.put(b"tmp");
    guest.wasi("path_filestat_get", &[3, 0, path, length, 64]).expect("told");
    let (target, target_length) = guest.put(b"x");
    let (link, link_length) = guest.put(b"tmp/l");
    guest.wasi("path_symlink", &[target, target_length, 3, link, link_length]).expect("made");
    guest.wasi("path_readlink", &[3, link, link_length, 100, 0, 64]).expect("nothing fits");
    assert_eq!(guest.get_u32(64), 0);
    guest.wasi("path_rename", &[3, link, link_length, 3, link, link_length]).expect("the same");
}

#[test]
fn deep_directories_end_somewhere_and_fall_without_a_crash() {
    let mut guest = guest();
    let mut directory = guest.open_to_read("tmp").expect("opened");
    let mut depth = 0;
    let (path, length) = guest.put(b"d");
    let result = loop {
        if let Err(errno) = guest.wasi("path_create_directory", &[directory, path, length]) {
            break errno;
        }
        let opened =
            guest.wasi("path_open", &[directory, 0, path, length, DIRECTORY, !(1 << 6), u64::MAX, 0, 64]);
        guest.close(directory);
        if let Err(errno) = opened {
            break errno;
        }
        directory = u64::from(guest.get_u32(64));
        depth += 1;
    };
    assert_eq!(result, Errno::NOSPC);
    assert!(depth > 10_000, "{depth}");
}

#[test]
fn file_systems_tell_programs_of_linux_their_room() {
    let system = crate::System::builder().file_bytes(1 << 20).build().expect("a system");
    let mut guest = super::fake::FakeGuest::new(system);
    let path = guest.text("/tmp");
    let room = |guest: &mut super::fake::FakeGuest| {
        let at = super::fake::RESULT;
        (guest.get_u32(at + 4), guest.get_u64(at + 8), guest.get_u32(at + 64))
    };
    for size in [84, 88] {
        assert_eq!(guest.linux("statfs64", &[path, size, 64]), Ok(0));
        assert_eq!(room(&mut guest), (4096, 256, 0x20));
    }
    // Descriptor 3 is the root, which is read only.
    assert_eq!(guest.linux("fstatfs64", &[3, 84, 64]), Ok(0));
    assert_eq!(room(&mut guest).2, 0x21);
    let missing = guest.text("/missing");
    assert_eq!(guest.linux("statfs64", &[missing, 84, 64]), Err(Errno::NOENT));
    assert_eq!(guest.linux("statfs64", &[path, 83, 64]), Err(Errno::INVAL));
    assert_eq!(guest.linux("fstatfs64", &[77, 84, 64]), Err(Errno::BADF));
}

#[test]
fn paths_that_are_confined_do_not_leave_the_directory_of_their_descriptor() {
    for confined in [false, true] {
        let system = System::builder().confined_paths(confined).build().expect("a system");
        let mut guest = FakeGuest::new(system);
        guest.symlink("../home", "tmp/up").expect("a link");
        let tmp = guest.open_to_read("tmp").expect("opened");
        let mut open = |directory: u64, path: &str| {
            let (path, length) = guest.put(path.as_bytes());
            let rights = !(1 << 6);
            guest.wasi("path_open", &[directory, 1, path, length, DIRECTORY, rights, u64::MAX, 0, 64]).err()
        };
        for (directory, path) in [(3, "."), (3, "tmp/.."), (3, "tmp/../home"), (3, "tmp/up"), (tmp, ".")] {
            assert_eq!(open(directory, path), None, "{path}");
        }
        let expected = confined.then_some(Errno::NOTCAPABLE);
        for (directory, path) in [
            (3, "/"),
            (3, "/tmp"),
            (3, ".."),
            (3, "tmp/../../tmp"),
            (tmp, ".."),
            (tmp, "../tmp"),
            (tmp, "up"),
        ] {
            assert_eq!(open(directory, path), expected, "{path}");
        }
        assert_eq!(guest.symlink("/tmp", "tmp/absolute").err(), expected);
        assert_eq!(guest.on_path("path_create_directory", "/tmp/new").err(), expected);
    }
}
