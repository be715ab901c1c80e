//! The whole tree: what is always there, and what is mounted over it.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Access, Errno, Mount, System, SystemError};
use bellglass_pack::{Pack, Writer};
use std::sync::Arc;

fn base() -> Arc<Pack> {
    let mut writer = Writer::new(1_000_000_000);
    writer.file("usr/lib/python/os.py", b"import sys".to_vec(), 0o644).expect("a file");
    writer.file("usr/bin/python", b"binary".to_vec(), 0o755).expect("a file");
    writer.symlink("usr/lib64", "lib").expect("a symlink");
    writer.empty_directory("home").expect("a directory");
    let mut bytes = Vec::new();
    writer.finish(&mut bytes).expect("a pack");
    Arc::new(Pack::from_bytes(bytes).expect("sound"))
}

#[test]
fn base_files_are_there_and_read_only() {
    let mut guest = FakeGuest::new(System::builder().base(base()).build().expect("a system"));
    let fd = guest.open_to_read("/usr/lib64/python/os.py").expect("opened");
    assert_eq!(guest.read(fd, 100), Ok(b"import sys".to_vec()));
    assert_eq!(
        guest.list("/"),
        Ok(vec!["dev".into(), "etc".into(), "home".into(), "tmp".into(), "usr".into()])
    );
    assert_eq!(guest.list("/usr"), Ok(vec!["bin".into(), "lib".into(), "lib64".into()]));
    assert_eq!(guest.list("/home"), Ok(vec!["user".into()]));
    let read_only = Err(Errno::ROFS);
    assert_eq!(guest.open("/usr/bin/python", 0), read_only.map(|()| 0));
    assert_eq!(guest.open("/usr/new", 1), read_only.map(|()| 0));
    assert_eq!(guest.on_path("path_create_directory", "/new"), read_only);
    assert_eq!(guest.on_path("path_create_directory", "/usr"), Err(Errno::EXIST));
    assert_eq!(guest.on_path("path_unlink_file", "/usr/bin/python"), read_only);
    assert_eq!(guest.on_path("path_remove_directory", "/usr"), read_only);
    assert_eq!(guest.on_path("path_remove_directory", "/tmp"), Err(Errno::BUSY));
    assert_eq!(guest.rename("/usr/bin/python", "/usr/bin/x"), read_only);
    assert_eq!(guest.link("/usr/bin/python", "/usr/bin/x"), read_only);
    assert_eq!(guest.symlink("x", "/usr/x"), read_only);
    assert_eq!(guest.open("/usr/bin", 0), Err(Errno::ISDIR));
}

#[test]
fn each_tree_has_numbers_of_its_own() {
    let mut guest = FakeGuest::new(System::builder().base(base()).build().expect("a system"));
    let mut seen = std::collections::HashSet::new();
    for path in [
        "/",
        "/usr",
        "/usr/bin/python",
        "/tmp",
        "/home",
        "/home/user",
        "/dev",
        "/dev/null",
        "/dev/zero",
        "/etc",
        "/etc/passwd",
        "/etc/group",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/os-release",
    ] {
        guest.stat(path, true).expect("it is there");
        assert!(seen.insert((guest.get_u64(RESULT), guest.get_u64(RESULT + 8))), "{path}");
    }
}

#[test]
fn mounts_lie_over_the_tree_and_in_each_other() {
    let host = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(host.path().join("inner")).expect("made");
    std::fs::write(host.path().join("inner/file"), "host").expect("written");
    let program = host.path().join("program.py");
    std::fs::write(&program, "print()").expect("written");
    let system = System::builder()
        .base(base())
        .mount(Mount::directory(host.path(), "/a/b/work", Access::ReadOnly))
        .mount(Mount::bytes(*b"bytes", "/a/b/work/inner/over"))
        .mount(Mount::file(&program, "/usr/lib/program.py"))
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    assert_eq!(guest.list("/a"), Ok(vec!["b".into()]));
    assert_eq!(guest.list("/a/b/work/inner"), Ok(vec!["over".into(), "file".into()]));
    for (path, content) in [
        ("/a/b/work/inner/file", "host"),
        ("/a/b/work/inner/over", "bytes"),
        ("/usr/lib/program.py", "print()"),
        ("/usr/lib/python/../../lib/python/os.py", "import sys"),
    ] {
        let fd = guest.open_to_read(path).expect(path);
        assert_eq!(guest.read(fd, 100), Ok(content.as_bytes().to_vec()), "{path}");
        assert_eq!(guest.open(path, 0), Err(Errno::ROFS), "{path}");
    }
    assert!(guest.list("/usr/lib").expect("read").contains(&"program.py".to_owned()));
    assert_eq!(guest.on_path("path_unlink_file", "/usr/lib/program.py"), Err(Errno::BUSY));
    assert_eq!(guest.on_path("path_create_directory", "/a/new"), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_remove_directory", "/a/b"), Err(Errno::BUSY));
}

#[test]
fn reading_a_directory_with_mounts_goes_on_where_it_was() {
    let host = tempfile::tempdir().expect("a directory");
    for name in ["a", "b", "c"] {
        std::fs::write(host.path().join(name), "").expect("written");
    }
    let system = System::builder()
        .mount(Mount::directory(host.path(), "/work", Access::ReadOnly))
        .mount(Mount::bytes(*b"", "/work/b"))
        .mount(Mount::bytes(*b"", "/work/x"))
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    let fd = guest.open_to_read("/work").expect("opened");
    let names: Vec<String> =
        guest.list_from(fd, 0, 26).expect("read").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [".", "..", "b", "x", "a", "c"]);
}

#[test]
fn bad_mounts_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "").expect("written");
    let with = |mount| System::builder().mount(mount).build().err();
    for guest_path in ["relative", "/a/../b", "/a/.", "/a\0b"] {
        let refused = with(Mount::directory(directory.path(), guest_path, Access::ReadOnly));
        assert!(matches!(refused, Some(SystemError::GuestPath { .. })), "{guest_path}");
    }
    let root = with(Mount::directory(directory.path(), "/", Access::ReadOnly));
    assert!(matches!(root, Some(SystemError::Mount { .. })));
    let missing = with(Mount::directory("/no/such/directory", "/a", Access::ReadOnly));
    assert!(matches!(missing, Some(SystemError::Host { .. })));
    let kind = with(Mount::directory(&file, "/a", Access::ReadOnly));
    assert!(matches!(kind, Some(SystemError::Host { .. })));
    let other_kind = with(Mount::file(directory.path(), "/a"));
    assert!(matches!(other_kind, Some(SystemError::Host { .. })));
}

#[test]
fn devices_do_what_their_names_say() {
    let mut guest = guest();
    for (name, content) in [("null", &b""[..]), ("zero", &[0; 5]), ("full", &[0; 5])] {
        let fd = guest.open_to_read(&format!("/dev/{name}")).expect("opened");
        assert_eq!(guest.read(fd, 5).as_deref(), Ok(content), "{name}");
    }
    let fd = guest.open("/dev/null", 1 | 8).expect("opened");
    assert_eq!(guest.write(fd, b"gone"), Ok(4));
    let fd = guest.open("/dev/full", 0).expect("opened");
    assert_eq!(guest.write(fd, b"gone"), Err(Errno::NOSPC));
    let fd = guest.open_to_read("/dev/urandom").expect("opened");
    assert_ne!(guest.read(fd, 32), guest.read(fd, 32));
    assert_eq!(guest.open("/dev/tty", 0), Err(Errno::NXIO));
    assert_eq!(guest.open_to_read("/dev/stdin").map(|_| ()), Ok(()));
    assert_eq!(guest.stat("/dev/null", true), Ok((0, 2, 1)));
    assert_eq!(guest.open("/dev/new", 1), Err(Errno::ROFS));
}

#[test]
fn etc_tells_what_is_so() {
    let mut guest = guest();
    let fd = guest.open_to_read("/etc/passwd").expect("opened");
    let text = String::from_utf8(guest.read(fd, 1000).expect("read")).expect("UTF-8");
    assert!(text.contains("user:x:1000:1000:user:/home/user:"), "{text}");
    let uid = guest.libc("getuid", &[]).expect("a number");
    assert_eq!(uid, 1000);
}
