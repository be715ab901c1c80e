//! Directories of the host: nothing leads out of them, nothing special is
//! opened, and read-only is read-only.

use super::fake::{FakeGuest, HERE, RESULT};
use crate::{Access, Errno, Mount, System};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// A directory that may be mounted, and a secret beside it.
struct Host {
    directory: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("inside")).expect("made");
        std::fs::create_dir(directory.path().join("outside")).expect("made");
        std::fs::write(directory.path().join("outside/secret"), "secret").expect("written");
        std::fs::write(directory.path().join("inside/file"), "text").expect("written");
        Self { directory }
    }

    fn inside(&self) -> std::path::PathBuf {
        self.directory.path().join("inside")
    }

    fn guest(&self, access: Access) -> FakeGuest {
        let mount = Mount::directory(self.inside(), "/work", access);
        FakeGuest::new(System::builder().mount(mount).build().expect("a system"))
    }

    fn secret_is_untouched(&self) {
        let outside = self.directory.path().join("outside");
        assert_eq!(std::fs::read(outside.join("secret")).expect("there"), b"secret");
        assert_eq!(std::fs::read_dir(outside).expect("there").count(), 1);
    }
}

/// Every path by which the secret might be reached.
fn escapes(host: &Host) -> Vec<String> {
    let outside = host.directory.path().join("outside");
    let outside = outside.to_str().expect("UTF-8");
    symlink(outside, host.inside().join("absolute")).expect("linked");
    symlink("../outside", host.inside().join("relative")).expect("linked");
    symlink(format!("{outside}/secret"), host.inside().join("to-file")).expect("linked");
    symlink("relative/secret", host.inside().join("chain")).expect("linked");
    symlink("/proc/self/root", host.inside().join("magic")).expect("linked");
    symlink("/work/../../../../../../..", host.inside().join("up")).expect("linked");
    [
        "/work/absolute/secret",
        "/work/relative/secret",
        "/work/to-file",
        "/work/chain",
        "/work/../outside/secret",
        "/work/./../work/../outside/secret",
        "/work/absolute/../outside/secret",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([
        format!("{outside}/secret"),
        format!("/work{outside}/secret"),
        format!("/work/magic{outside}/secret"),
        format!("/work/up{outside}/secret"),
    ])
    .collect()
}

#[test]
fn no_path_leads_out_of_a_mount() {
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let host = Host::new();
        let paths = escapes(&host);
        let mut guest = host.guest(access);
        for path in &paths {
            for follow in [0, 1] {
                for flags in [0, 1, 8, 9] {
                    let opened = guest.open_with(path, follow, flags, u64::MAX, 0);
                    if let Ok(fd) = opened {
                        // A name that leads to another place in the guest's own tree.
                        let _ = guest.write(fd, b"overwritten");
                        assert_ne!(guest.read(fd, 100), Ok(b"secret".to_vec()), "{path}");
                    }
                }
                assert_ne!(
                    guest.stat(path, follow == 1).map(|(size, file_type, _)| (size, file_type)),
                    Ok((6, 4)),
                    "{path}"
                );
            }
            let _ = guest.on_path("path_unlink_file", path);
            let _ = guest.rename(path, "/work/stolen");
            let _ = guest.link(path, "/work/linked");
            let _ = guest.rename("/work/file", path);
            let _ = guest.on_path("path_create_directory", path);
            let text = guest.text(path);
            let _ = guest.linux("fchmodat", &[HERE, text, 0o777]);
        }
        host.secret_is_untouched();
        assert!(!host.inside().join("stolen").exists() && !host.inside().join("linked").exists());
    }
}

#[test]
fn a_guest_cannot_lay_symlinks_that_lead_the_host_astray() {
    let host = Host::new();
    let mut guest = host.guest(Access::ReadWrite);
    guest.symlink("/etc/passwd", "/work/trap").expect_err("an absolute target");
    guest.symlink("file", "/work/link").expect("a relative one");
    let fd = guest.open_to_read("/work/link").expect("opened");
    assert_eq!(guest.read(fd, 9), Ok(b"text".to_vec()));
    // One that was there leads nowhere, and can be removed but not be moved.
    symlink("../outside/secret", host.inside().join("up")).expect("linked");
    assert_eq!(guest.open("/work/up", 0), Err(Errno::NOENT));
    assert_eq!(guest.rename("/work/up", "/work/config"), Err(Errno::PERM));
    guest.on_path("path_unlink_file", "/work/up").expect("removed");
    host.secret_is_untouched();
}

#[test]
fn special_files_are_refused_without_waiting() {
    let host = Host::new();
    let fifo = host.inside().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .expect("made");
    let _socket = std::os::unix::net::UnixListener::bind(host.inside().join("socket")).expect("bound");
    let mut guest = host.guest(Access::ReadWrite);
    for name in ["fifo", "socket"] {
        let path = format!("/work/{name}");
        assert_eq!(guest.open(&path, 0), Err(Errno::ACCES), "{name}");
        assert_eq!(guest.open_to_read(&path), Err(Errno::ACCES), "{name}");
        assert_eq!(guest.stat(&path, true).map(|(_, file_type, _)| file_type), Ok(0), "{name}");
    }
}

#[test]
fn read_only_is_read_only() {
    let host = Host::new();
    let before = state(&host.inside());
    let mut guest = host.guest(Access::ReadOnly);
    let fd = guest.open_to_read("/work/file").expect("opened");
    assert_eq!(guest.read(fd, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.wasi("fd_filestat_set_times", &[fd, 1, 1, 5]), Err(Errno::ROFS));
    assert_eq!(guest.open("/work/file", 0), Err(Errno::ROFS));
    assert_eq!(guest.open_with("/work/file", 1, 8, 2, 0), Err(Errno::ROFS));
    assert_eq!(guest.open("/work/new", 1), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_create_directory", "/work/new"), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_unlink_file", "/work/file"), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_unlink_file", "/work/none"), Err(Errno::NOENT));
    assert_eq!(guest.rename("/work/file", "/work/x"), Err(Errno::ROFS));
    assert_eq!(guest.link("/work/file", "/work/x"), Err(Errno::ROFS));
    assert_eq!(guest.symlink("file", "/work/x"), Err(Errno::ROFS));
    let text = guest.text("/work/file");
    assert_eq!(guest.linux("fchmodat", &[HERE, text, 0o777]), Err(Errno::ROFS));
    let (path, length) = guest.put(b"/work/file");
    assert_eq!(guest.wasi("path_filestat_set_times", &[3, 1, path, length, 1, 1, 5]), Err(Errno::ROFS));
    assert_eq!(state(&host.inside()), before);
}

fn state(directory: &Path) -> Vec<(String, u64, i64, u32)> {
    let mut state: Vec<_> = std::fs::read_dir(directory)
        .expect("there")
        .map(|entry| {
            let entry = entry.expect("there");
            let metadata = entry.metadata().expect("there");
            let name = entry.file_name().into_string().expect("UTF-8");
            (name, metadata.len(), metadata.mtime_nsec(), metadata.mode())
        })
        .collect();
    state.sort();
    state
}

#[test]
fn a_writable_mount_changes_the_host_and_only_there() {
    let host = Host::new();
    let mut guest = host.guest(Access::ReadWrite);
    guest.on_path("path_create_directory", "/work/new").expect("made");
    let fd = guest.open("/work/new/file", 1).expect("made");
    guest.write(fd, b"from the guest").expect("written");
    guest.wasi("fd_filestat_set_times", &[fd, 1_000_000_000, 2_000_000_000, 5]).expect("set");
    guest.link("/work/new/file", "/work/linked").expect("linked");
    guest.rename("/work/file", "/work/new/moved").expect("moved");
    let text = guest.text("/work/linked");
    guest.linux("fchmodat", &[HERE, text, 0o6700]).expect("changed");
    let inside = host.inside();
    let metadata = std::fs::metadata(inside.join("linked")).expect("there");
    assert_eq!((metadata.nlink(), metadata.mtime(), metadata.len()), (2, 2, 14));
    // Not the set-user-ID and set-group-ID bits.
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o700);
    assert_eq!(std::fs::read(inside.join("new/moved")).expect("there"), b"text");
    assert_eq!(guest.rename("/work/linked", "/tmp/linked"), Err(Errno::XDEV));
    assert_eq!(guest.list("/work"), Ok(vec!["linked".into(), "new".into()]));
    guest.on_path("path_unlink_file", "/work/linked").expect("removed");
    assert_eq!(guest.on_path("path_remove_directory", "/work/new"), Err(Errno::NOTEMPTY));
    host.secret_is_untouched();
}

#[test]
fn the_hosts_numbers_are_not_shown() {
    let host = Host::new();
    let mut guest = host.guest(Access::ReadOnly);
    std::fs::hard_link(host.inside().join("file"), host.inside().join("same")).expect("linked");
    std::fs::write(host.inside().join("other"), "").expect("written");
    let told = std::fs::metadata(host.inside().join("file")).expect("there");
    let numbers = |guest: &mut FakeGuest, name: &str| {
        guest.stat(&format!("/work/{name}"), true).expect("told");
        (guest.get_u64(RESULT), guest.get_u64(RESULT + 8))
    };
    let (device, inode) = numbers(&mut guest, "file");
    assert!(device < 100 && inode != told.ino(), "{device} {inode}");
    assert_eq!(numbers(&mut guest, "file"), (device, inode));
    assert_eq!(numbers(&mut guest, "same"), (device, inode));
    assert_ne!(numbers(&mut guest, "other").1, inode);
    // What reading the directory tells is what stat tells.
    let fd = guest.open_to_read("/work").expect("opened");
    let (buffer, length) = guest.put(&[0; 1000]);
    guest.wasi("fd_readdir", &[fd, buffer, length, 2, u64::from(RESULT)]).expect("read");
    assert_eq!(guest.get_u64(buffer as u32 + 8), inode);
    // Another run is told other numbers.
    assert_ne!(numbers(&mut host.guest(Access::ReadOnly), "file").1, inode);
}
