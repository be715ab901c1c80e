//! Trees with a guard before them: no name, no link and no way round leads past it.

use super::fake::FakeGuest;
use crate::files::{Act, Directory, FileType, Found, Metadata, OpenOptions, Opened, Request};
use crate::{Access, Errno, Interest, Mount, Readiness, Stream, System};
use std::fs;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// A directory of the host with this in it: `open`, `hidden`, `secret`, `sub/secret`,
/// `link` to `secret`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("sub")).expect("made");
    for name in ["open", "hidden", "secret", "sub/secret"] {
        fs::write(folder.path().join(name), name).expect("written");
    }
    std::os::unix::fs::symlink("secret", folder.path().join("link")).expect("a link");
    folder
}

fn guest(mount: Mount) -> FakeGuest {
    FakeGuest::new(System::builder().mount(mount).build().expect("a system"))
}

/// Nothing of a name with `secret` in it, and nobody knows of `hidden`.
fn discreet(request: &Request<'_>) -> Result<(), Errno> {
    let has = |part: &[u8]| request.path.windows(part.len()).any(|window| window == part);
    match request.act {
        Act::Look if has(b"hidden") => Err(Errno::NOENT),
        Act::Look => Ok(()),
        _ if has(b"secret") => Err(Errno::ACCES),
        _ => Ok(()),
    }
}

#[test]
fn what_is_guarded_is_met_by_no_other_name() {
    let folder = folder();
    let mount = Mount::directory(folder.path(), "/g", Access::ReadWrite).guard(discreet);
    let mut guest = guest(mount);
    let fd = guest.open_to_read("/g/open").expect("allowed");
    assert_eq!(guest.read(fd, 100), Ok(b"open".to_vec()));
    for way in ["/g/secret", "/g/./secret", "/g/sub/../secret", "/g/sub/secret", "/g/link"] {
        assert_eq!(guest.open_to_read(way), Err(Errno::ACCES), "{way}");
        assert_eq!(guest.open(way, 1 | 8), Err(Errno::ACCES), "{way}");
    }
    // Links of the program's own lead to the same names.
    guest.symlink("/g/secret", "/tmp/link").expect("made");
    guest.symlink("sub/secret", "/g/mine").expect("made");
    for way in ["/tmp/link", "/g/mine"] {
        assert_eq!(guest.open_to_read(way), Err(Errno::ACCES), "{way}");
    }
    // Another name would be another answer.
    for target in ["/g/other", "/g/sub/other"] {
        assert_eq!(guest.rename("/g/secret", target), Err(Errno::ACCES));
        assert_eq!(guest.link("/g/secret", target), Err(Errno::ACCES));
        assert_eq!(guest.rename("/g/open", "/g/secret"), Err(Errno::ACCES));
    }
    // So would be the same name in a directory of another.
    assert_eq!(guest.rename("/g/sub", "/g/moved"), Err(Errno::XDEV));
    assert_eq!(guest.rename("/g/secret", "/tmp/out"), Err(Errno::XDEV));
    assert_eq!(guest.link("/g/open", "/tmp/out"), Err(Errno::XDEV));
    assert_eq!(guest.on_path("path_unlink_file", "/g/secret"), Err(Errno::ACCES));
    assert_eq!(guest.open("/g/new-secret", 1), Err(Errno::ACCES));
    assert_eq!(guest.on_path("path_create_directory", "/g/secrets"), Err(Errno::ACCES));
    // What is hidden is not there, in no list and by no name; nor is a list cut short by it.
    let mut names = guest.list("/g").expect("a list");
    names.sort();
    assert_eq!(names, ["link", "mine", "open", "secret", "sub"]);
    assert_eq!(guest.stat("/g/hidden", true), Err(Errno::NOENT));
    assert_eq!(guest.open("/g/hidden", 1), Err(Errno::NOENT));
    // What is allowed is done.
    guest.rename("/g/open", "/g/sub/moved").expect("allowed");
    guest.link("/g/sub/moved", "/g/again").expect("allowed");
    guest.on_path("path_unlink_file", "/g/sub/moved").expect("allowed");
    assert_eq!(fs::read(folder.path().join("again")).expect("it is there"), b"open");
    assert_eq!(fs::read(folder.path().join("secret")).expect("it is there"), b"secret");
}

/// All may be read, and nothing changed but what has `mine` in its name, of which nothing
/// may be read.
fn librarian(request: &Request<'_>) -> Result<(), Errno> {
    let is_mine = request.path.ends_with(b"mine");
    match request.act {
        Act::Look => Ok(()),
        Act::Read if !is_mine => Ok(()),
        Act::Write | Act::Create if is_mine => Ok(()),
        _ => Err(Errno::ACCES),
    }
}

#[test]
fn an_open_file_leads_to_no_more_than_its_name() {
    const READ: u64 = 1 << 1;
    const WRITE: u64 = 1 << 6;
    let folder = folder();
    let below = || Mount::directory(folder.path(), "/g", Access::ReadWrite);
    for mount in [below().overlay().0, below()] {
        let mut guest = guest(mount.guard(librarian));
        let before = guest.permissions("/g/open").expect("told");
        let fd = guest.open_to_read("/g/open").expect("allowed");
        assert_eq!(guest.wasi("fd_filestat_set_times", &[fd, 0, 0, 2 | 8]), Err(Errno::ACCES));
        assert_eq!(guest.linux("fchmod", &[fd, 0o700]), Err(Errno::ACCES));
        assert_eq!(guest.permissions("/g/open"), Ok(before));
        // To open it again is to do so by no name, and for nothing more.
        let own = format!("/proc/self/fd/{fd}");
        assert_eq!(guest.open(&own, 0), Err(Errno::ACCES));
        assert_eq!(guest.open_with(&own, 1, 8, !WRITE, 0), Err(Errno::ACCES));
        let again = guest.open_to_read(&own).expect("it is open");
        assert_eq!(guest.wasi("fd_filestat_set_times", &[again, 0, 0, 2 | 8]), Err(Errno::ACCES));
        assert_eq!(guest.read(again, 100), Ok(b"open".to_vec()));

        let fd = guest.open_with("/g/mine", 1, 1, !READ, 0).expect("allowed");
        assert_eq!(guest.write(fd, b"mine"), Ok(4));
        guest.linux("fchmod", &[fd, 0o600]).expect("allowed");
        assert_eq!(guest.open_to_read(&format!("/proc/self/fd/{fd}")), Err(Errno::ACCES));
    }
    assert_eq!(fs::read(folder.path().join("open")).expect("it is there"), b"open");
}

/// A tree with the stream `line` in it, which takes all that is written.
struct Lines;

impl Stream for Lines {
    fn read(&self, _into: &mut [u8]) -> Result<usize, Errno> {
        Ok(0)
    }

    fn write(&self, from: &[u8]) -> Result<usize, Errno> {
        Ok(from.len())
    }

    fn readiness(&self, _interest: Interest) -> Result<Readiness, Errno> {
        Ok(Readiness::Now { bytes: 1, hangup: false })
    }
}

impl Directory for Lines {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(Metadata::read_only(1000, 1, FileType::Directory, 0))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.metadata_of(name).map(|_| Found::Other)
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        match name {
            b"line" => Ok(Metadata::read_only(1000, 2, FileType::CharacterDevice, 0)),
            _ => Err(Errno::NOENT),
        }
    }

    fn open(&self, _name: &[u8], _options: &OpenOptions) -> Result<Opened, Errno> {
        Ok(Opened::Stream(Arc::new(Self)))
    }

    fn entries(
        &self,
        _cookie: u64,
        _each: &mut dyn FnMut(crate::files::DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        Ok(())
    }
}

#[test]
fn an_open_stream_leads_to_no_more_than_its_name() {
    let mut guest = guest(Mount::tree(Arc::new(Lines), "/g").guard(librarian));
    assert_eq!(guest.open("/g/line", 0), Err(Errno::ACCES));
    let fd = guest.open_to_read("/g/line").expect("allowed");
    let own = format!("/proc/self/fd/{fd}");
    assert_eq!(guest.open(&own, 0), Err(Errno::ACCES));
    let again = guest.open_to_read(&own).expect("it is open");
    assert_eq!(guest.read(again, 10), Ok(Vec::new()));
}

#[test]
fn a_guard_allows_no_more_than_the_mount() {
    let folder = folder();
    let all = |_: &Request<'_>| Ok(());
    let mut guest = guest(Mount::directory(folder.path(), "/g", Access::ReadOnly).guard(all));
    assert!(guest.open_to_read("/g/secret").is_ok());
    assert_eq!(guest.open("/g/secret", 0), Err(Errno::ROFS));
    assert_eq!(guest.on_path("path_unlink_file", "/g/secret"), Err(Errno::ROFS));
    assert_eq!(guest.symlink("x", "/g/x"), Err(Errno::ROFS));
    let file = Mount::file(folder.path().join("open"), "/f").guard(all);
    assert!(System::builder().mount(file).build().is_err(), "a file is no directory");
}

#[test]
fn a_guard_is_asked_for_each_act_with_the_path_from_the_root() {
    let folder = folder();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&asked);
    let guard = move |request: &Request<'_>| {
        let path = String::from_utf8(request.path.to_vec()).expect("text");
        if request.act != Act::Look {
            into.lock().expect("no panic").push((request.act, path));
        }
        Ok(())
    };
    let (mount, overlay) = Mount::directory(folder.path(), "/g", Access::ReadWrite).guard(guard).overlay();
    let mut guest = guest(mount);
    // Above the guard lies a layer of memory: what is changed there is no affair of it.
    let fd = guest.open("/g/sub/secret", 0).expect("allowed");
    guest.write(fd, b"S").expect("written");
    guest.on_path("path_unlink_file", "/g/open").expect("allowed");
    assert!(asked.lock().expect("no panic").iter().all(|(act, _)| *act == Act::Read), "{asked:?}");
    asked.lock().expect("no panic").clear();
    // To write the changes is.
    overlay.changes().expect("told").apply().expect("written");
    assert_eq!(fs::read(folder.path().join("sub/secret")).expect("it is there"), b"Sub/secret");
    let asked = asked.lock().expect("no panic");
    assert!(asked.contains(&(Act::Remove, "open".to_owned())), "{asked:?}");
    assert!(asked.iter().any(|(act, path)| *act == Act::Create && path.starts_with("sub/")), "{asked:?}");
}

#[test]
fn a_path_beyond_the_longest_is_refused_and_not_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = Mount::directory(folder.path(), "/g", Access::ReadWrite).guard(|_: &Request<'_>| Ok(()));
    let mut guest = guest(mount);
    let name = "x".repeat(255);
    let mut at = guest.open_with("/g", 1, 2, !(1 << 6), 0).expect("a directory");
    let mut made = 0;
    let refused = loop {
        let (address, length) = guest.put(name.as_bytes());
        if let Err(error) = guest.wasi("path_create_directory", &[at, address, length]) {
            break error;
        }
        let opened = guest.wasi("path_open", &[at, 1, address, length, 2, !(1 << 6), !0, 0, 64]);
        if let Err(error) = opened {
            break error;
        }
        at = u64::from(guest.get_u32(64));
        made += 1;
        assert!(made < 20);
    };
    assert_eq!((refused, made), (Errno::NAMETOOLONG, 15));
}

/// Tells everybody that each file is empty.
struct Emptied(Arc<dyn Directory>);

impl Directory for Emptied {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.0.metadata()
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.0.lookup(name)
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        Ok(Metadata { size: 0, ..self.0.metadata_of(name)? })
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        self.0.open(name, options)
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(crate::files::DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        self.0.entries(cookie, each)
    }
}

#[test]
fn a_directory_of_the_host_can_be_wrapped() {
    let folder = folder();
    let wrap = |inner| Arc::new(Emptied(inner)) as Arc<dyn Directory>;
    let mut guest = guest(Mount::directory(folder.path(), "/w", Access::ReadWrite).wrap(wrap));
    assert_eq!(guest.stat("/w/open", true).map(|found| found.0), Ok(0));
    // What the wrapper does not hand on is not there.
    assert_eq!(guest.on_path("path_unlink_file", "/w/open"), Err(Errno::ROFS));
}
