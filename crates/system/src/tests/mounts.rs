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
    let names = ["dev", "etc", "home", "proc", "sys", "tmp", "usr", "var"];
    assert_eq!(guest.list("/"), Ok(names.map(str::to_owned).to_vec()));
    assert_eq!(guest.list("/usr"), Ok(["share", "bin", "lib", "lib64"].map(str::to_owned).to_vec()));
    assert_eq!(guest.list("/home"), Ok(vec!["user".into()]));
    let read_only = Err(Errno::ROFS);
    assert_eq!(guest.open("/usr/bin/python", 0), read_only.map(|()| 0));
    assert_eq!(guest.open("/usr/new", 1), read_only.map(|()| 0));
    assert_eq!(guest.on_path("path_create_directory", "/new"), read_only);
    assert_eq!(guest.on_path("path_create_directory", "/usr"), Err(Errno::EXIST));
    assert_eq!(guest.on_path("path_unlink_file", "/usr/bin/python"), read_only);
    assert_eq!(guest.on_path("path_remove_directory", "/usr/bin"), read_only);
    // Programs that clean up expect just this of what is not there.
    assert_eq!(guest.on_path("path_unlink_file", "/usr/bin/none"), Err(Errno::NOENT));
    assert_eq!(guest.on_path("path_remove_directory", "/usr/none"), Err(Errno::NOENT));
    assert_eq!(guest.on_path("path_remove_directory", "/tmp"), Err(Errno::BUSY));
    assert_eq!(guest.rename("/usr/bin/python", "/usr/bin/x"), read_only);
    assert_eq!(guest.link("/usr/bin/python", "/usr/bin/x"), read_only);
    assert_eq!(guest.symlink("x", "/usr/x"), read_only);
    assert_eq!(guest.open("/usr/bin", 0), Err(Errno::ISDIR));
    let path = guest.text("/usr/bin/python");
    guest.linux("statfs64", &[path, 88, u64::from(RESULT)]).expect("told");
    let (total, free) = (guest.get_u64(RESULT + 8), guest.get_u64(RESULT + 16));
    assert_eq!((total, free, guest.get_u32(RESULT + 64)), (base().size() / 4096, 0, 0x21));
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
        "/etc/services",
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
fn a_mount_at_the_root_is_all_that_there_is() {
    let host = tempfile::tempdir().expect("a directory");
    std::fs::write(host.path().join("a"), "of the host").expect("written");
    let system = System::builder()
        .mount(Mount::bytes(*b"", "/before"))
        .mount(Mount::directory(host.path(), "/", Access::ReadWrite))
        .mount(Mount::bytes(*b"after", "/b/c"));
    assert_eq!(system.policy().files.len(), 2);
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    assert_eq!(guest.list("/"), Ok(["b", "a"].map(str::to_owned).to_vec()));
    let fd = guest.open_to_read("/b/c").expect("opened");
    assert_eq!(guest.read(fd, 100), Ok(b"after".to_vec()));
    assert_eq!(guest.on_path("path_create_directory", "/new"), Ok(()));
    assert!(host.path().join("new").is_dir());
    // What an image brings is not hidden from its program.
    let mut pack = Vec::new();
    let mut writer = Writer::new(0);
    writer.file("lib/one", b"1".to_vec(), 0o644).and_then(|()| writer.finish(&mut pack)).expect("a pack");
    let pack = Arc::new(Pack::from_bytes(pack).expect("a pack"));
    let mount = || Mount::directory(host.path(), "//", Access::ReadOnly);
    let refused = System::builder().base(pack).mount(mount()).build();
    assert!(matches!(refused.err(), Some(SystemError::Root)));
    let mut pack = Vec::new();
    Writer::new(0).finish(&mut pack).expect("a pack");
    let empty = Arc::new(Pack::from_bytes(pack).expect("a pack"));
    System::builder().base(empty).mount(mount()).build().expect("a system");
}

#[test]
fn a_mount_lies_where_the_links_of_the_system_lead() {
    let system = System::builder()
        .mount(Mount::bytes(*b"by a descriptor", "/dev/fd/63"))
        .mount(Mount::bytes(*b"in place of a device", "/dev/stdin"))
        .mount(Mount::symlink("../tmp/./x", "/a/link"))
        .mount(Mount::bytes(*b"behind a link", "/a/link/y"));
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    for (path, content) in [
        ("/dev/fd/63", "by a descriptor"),
        ("/proc/self/fd/63", "by a descriptor"),
        ("/dev/stdin", "in place of a device"),
        ("/tmp/x/y", "behind a link"),
        ("/a/link/y", "behind a link"),
    ] {
        let fd = guest.open_to_read(path).expect(path);
        assert_eq!(guest.read(fd, 100), Ok(content.as_bytes().to_vec()), "{path}");
    }
    assert!(guest.list("/dev/fd").expect("read").contains(&"0".to_owned()));
}

#[test]
fn a_working_directory_must_be_one() {
    let begin =
        |path: &[u8]| System::builder().mount(Mount::bytes(*b"", "/file")).working_directory(path).build();
    for (path, expected) in [
        (&b"/nowhere"[..], Errno::NOENT),
        (b"/tmp/x/y", Errno::NOENT),
        (b"/file", Errno::NOTDIR),
        (b"", Errno::NOENT),
    ] {
        match begin(path).err() {
            Some(SystemError::WorkingDirectory { errno, .. }) => assert_eq!(errno, expected),
            other => panic!("{path:?}: {other:?}"),
        }
    }
    let error = begin(b"/no\xffwhere").err().expect("refused").to_string();
    assert!(error.contains(r"'/no\xffwhere'") && error.contains("ENOENT"), "{error}");
    for path in [&b"/"[..], b"/tmp", b"/home/user", b"/proc/self/fd"] {
        assert!(begin(path).is_ok(), "{path:?}");
    }
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
    let file_as_root = with(Mount::file(&file, "/"));
    assert!(matches!(file_as_root, Some(SystemError::Mount { errno: Errno::BUSY, .. })));
    let below_a_file = System::builder().mount(Mount::file(&file, "/a")).mount(Mount::directory(
        directory.path(),
        "/a/b",
        Access::ReadOnly,
    ));
    assert!(matches!(below_a_file.build().err(), Some(SystemError::Mount { errno: Errno::NOTDIR, .. })));
    let endless = System::builder()
        .mount(Mount::symlink("b", "/a"))
        .mount(Mount::symlink("a", "/b"))
        .mount(Mount::bytes(*b"", "/a/c"));
    assert!(matches!(endless.build().err(), Some(SystemError::Mount { errno: Errno::LOOP, .. })));
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
    assert_eq!(guest.linux("getuid", &[]), Ok(1000));
}

fn read(guest: &mut FakeGuest, path: &str) -> String {
    let fd = guest.open_to_read(path).expect(path);
    let text = String::from_utf8(guest.read(fd, 10_000).expect("read")).expect("UTF-8");
    guest.close(fd);
    text
}

#[test]
fn proc_tells_of_the_virtual_machine() {
    let host = tempfile::tempdir().expect("a directory");
    let mount = Mount::directory(host.path(), "/a b", Access::ReadOnly).overlay().0;
    let system = System::builder()
        .arguments(["/usr/bin/python", "-c", "pass"])
        .environment("KEY", "value")
        .memory_limit(64 << 20)
        .open_files(50)
        .mount(mount);
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    assert_eq!(read(&mut guest, "/proc/self/cmdline"), "/usr/bin/python\0-c\0pass\0");
    assert_eq!(read(&mut guest, "/proc/self/environ"), "KEY=value\0");
    assert_eq!(read(&mut guest, "/proc/2/comm"), "python\n");
    assert!(read(&mut guest, "/proc/mounts").contains("overlay /a\\040b overlay rw 0 0\n"));
    assert!(!read(&mut guest, "/proc/self/mountinfo").contains(host.path().to_str().expect("UTF-8")));
    let status = read(&mut guest, "/proc/self/status");
    for line in ["Name:\tpython\n", "Pid:\t2\n", "Uid:\t1000\t1000\t1000\t1000\n", "VmRSS:\t    4096 kB\n"] {
        assert!(status.contains(line), "{line:?} in {status}");
    }
    let numbers = read(&mut guest, "/proc/self/stat");
    assert_eq!(numbers.split(' ').count(), 52, "{numbers}");
    assert_eq!(read(&mut guest, "/proc/self/statm"), "1024 1024 0 0 0 1024 0\n");
    assert!(
        read(&mut guest, "/proc/meminfo")
            .starts_with("MemTotal:          65536 kB\nMemFree:           61440 kB\n")
    );
    assert!(read(&mut guest, "/proc/self/limits").contains("Max open files            50 "));
    assert_eq!(read(&mut guest, "/proc/sys/kernel/hostname"), "bellglass\n");
    for name in ["cpuinfo", "filesystems", "loadavg", "stat", "uptime", "version", "sys/kernel/pid_max"] {
        assert!(!read(&mut guest, &format!("/proc/{name}")).is_empty(), "{name}");
    }
    assert_eq!(guest.stat("/proc/self/status", true), Ok((0, 4, 1)));
    assert_eq!(guest.open("/proc/self/status", 0), Err(Errno::ACCES));
    assert_eq!(guest.on_path("path_unlink_file", "/proc/self/status"), Err(Errno::BUSY));
    assert_eq!(guest.read_link("/proc/self"), Ok("2".to_owned()));
    assert_eq!(guest.read_link("/dev/fd"), Ok("/proc/self/fd".to_owned()));
    assert_eq!(guest.open_with("/proc/self", 0, 0, 2, 0), Err(Errno::LOOP));
}

#[test]
fn open_descriptors_are_listed_and_can_be_opened_again() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    guest.write(fd, b"text").expect("written");
    assert_eq!(fd, 4);
    assert_eq!(guest.list("/dev/fd"), Ok(["0", "1", "2", "3", "4", "5"].map(str::to_owned).to_vec()));
    // From its start: it is another opening of the same file.
    let again = guest.open_to_read("/proc/self/fd/4").expect("opened");
    assert_eq!(guest.read(again, 9), Ok(b"text".to_vec()));
    guest.close(fd);
    assert_eq!(guest.open_to_read("/proc/self/fd/4"), Err(Errno::NOENT));
    assert_eq!(guest.open_to_read("/proc/self/fd/05"), Err(Errno::NOENT));
    assert_eq!(guest.list("/proc/self/fd"), Ok(["0", "1", "2", "3", "4", "5"].map(str::to_owned).to_vec()));
    let pipe = guest.text("");
    guest.linux("pipe2", &[pipe, 0]).expect("made");
    let [reader, writer] = [0, 4].map(|at| guest.get_u32(pipe as u32 + at));
    guest.write(u64::from(writer), b"through").expect("written");
    let again = guest.open_to_read(&format!("/dev/fd/{reader}")).expect("opened");
    assert_eq!(guest.read(again, 9), Ok(b"through".to_vec()));
}

/// A tree of a user's own, which has no more than it must.
struct Letters;

impl crate::files::Directory for Letters {
    fn metadata(&self) -> Result<crate::files::Metadata, Errno> {
        self.metadata_of(b".")
    }

    fn lookup(&self, name: &[u8]) -> Result<crate::files::Found, Errno> {
        match name {
            b"inner" => Ok(crate::files::Found::Directory(Arc::new(Self))),
            b"link" => Ok(crate::files::Found::Symlink(b"inner/a".to_vec())),
            b"a" | b"b" => Ok(crate::files::Found::Other),
            _ => Err(Errno::NOENT),
        }
    }

    fn metadata_of(&self, name: &[u8]) -> Result<crate::files::Metadata, Errno> {
        use crate::files::FileType;
        let (inode, file_type) = match name {
            b"." | b"inner" => (1, FileType::Directory),
            b"link" => (2, FileType::SymbolicLink),
            b"a" => (3, FileType::RegularFile),
            b"b" => (4, FileType::RegularFile),
            _ => return Err(Errno::NOENT),
        };
        let time = crate::files::Timestamp::new(7, 0);
        Ok(crate::files::Metadata {
            device: 50,
            inode,
            file_type,
            links: 1,
            size: 1,
            permissions: 0o755,
            accessed: time,
            modified: time,
            changed: time,
            created: None,
            allocated: 0,
            device_numbers: (0, 0),
        })
    }

    fn open(&self, name: &[u8], options: &crate::files::OpenOptions) -> Result<crate::files::Opened, Errno> {
        self.metadata_of(name)?;
        if options.write {
            return Err(Errno::ROFS);
        }
        let file = crate::files::BytesFile::new(name.to_vec(), 50, 3);
        Ok(crate::files::Opened::File(Arc::new(file)))
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(crate::files::DirectoryEntry<'_>) -> std::ops::ControlFlow<()>,
    ) -> Result<(), Errno> {
        for (name, cookie) in
            [b"a".as_slice(), b"b", b"inner", b"link"].into_iter().zip(1..).skip(cookie as usize)
        {
            let metadata = self.metadata_of(name)?;
            let (inode, file_type) = (metadata.inode, metadata.file_type);
            if each(crate::files::DirectoryEntry { cookie, name, inode, file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[test]
fn a_tree_of_the_users_own_is_like_any_other() {
    let letters = || Arc::new(Letters);
    let (overlaid, overlay) = Mount::tree(letters(), "/over").overlay();
    let system = System::builder().mount(Mount::tree(letters(), "/letters")).mount(overlaid);
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    for root in ["/letters", "/over"] {
        assert_eq!(guest.list(root), Ok(["a", "b", "inner", "link"].map(str::to_owned).to_vec()));
        assert_eq!(read(&mut guest, &format!("{root}/inner/inner/b")), "b");
        assert_eq!(read(&mut guest, &format!("{root}/link")), "a");
    }
    // What it does not say it can do, it refuses.
    assert_eq!(guest.on_path("path_unlink_file", "/letters/a"), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_create_directory", "/letters/new"), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_create_directory", "/letters/inner"), Err(Errno::EXIST));
    assert_eq!(guest.rename("/letters/a", "/letters/b"), Err(Errno::ROFS));
    guest.on_path("path_unlink_file", "/over/inner/a").expect("only above");
    // What was looked for before comes first.
    assert_eq!(guest.list("/over/inner"), Ok(["inner", "b", "link"].map(str::to_owned).to_vec()));
    let changes = overlay.changes().expect("told");
    let refused = changes.apply().expect_err("it cannot be written");
    assert!(matches!(refused, crate::files::ApplyError::Refused { .. }), "{refused}");
}
