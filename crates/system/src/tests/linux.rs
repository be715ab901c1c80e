//! The trees against a real directory: random operations on both, every result
//! compared, and the whole tree at the end.
//!
//! `BELLGLASS_SEQUENCES` sets how many sequences are tried with each tree.

use super::fake::{FakeGuest, guest};
use super::joined;
use crate::files::{MemoryTree, Overlay, Quota};
use crate::{Access, Errno, Mount, RealClock, System};
use proptest::prelude::*;
use rustix::fs::{AtFlags, Mode, OFlags};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// How deep the directory lies in which both work. Paths climb at most as often
/// as they have names, and symlinks never climb, so no path leaves it.
const DEPTH: usize = 12;

#[derive(Clone, Debug)]
enum Operation {
    MakeDirectory(String),
    RemoveDirectory(String),
    Unlink(String),
    Rename(String, String),
    Link(String, String, bool),
    Symlink(String, String),
    ReadLink(String),
    Stat(String, bool),
    List(String),
    /// Path, creation flags as WASI has them, read, write, append, follow, and
    /// how many bytes to write and then read.
    Open(String, u64, bool, bool, bool, bool, usize),
    /// Keeps the file open for the operations below.
    Hold(String, u64),
    Seek(i64, u64),
    Write(usize),
    Read(usize),
    WriteAt(u64, usize),
    ReadAt(u64, usize),
    SetSize(u64),
    Allocate(u64, u64),
    /// Path, whether to follow, and seconds: shows the time that is told then.
    SetTime(String, bool, u64),
}

/// What an operation showed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Number(u64),
    Bytes(Vec<u8>),
    Text(String),
    Names(Vec<String>),
    /// Size of what is no directory, type, links of what is no directory.
    Stat(u64, u8, u64),
}

type Outcome = Result<Shown, Errno>;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ab]",
        2 => Just("c".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("..".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => joined(name()),
        1 => Just(String::new()),
        1 => Just("n".repeat(256)),
        1 => Just(format!("a/{}", "n".repeat(255))),
    ]
}

fn target() -> impl Strategy<Value = String> {
    prop::collection::vec("[abc.]", 1..3).prop_map(|names| names.join("/"))
}

fn operation() -> impl Strategy<Value = Operation> {
    let flags = prop_oneof![3 => Just(0u64), 4 => Just(1), 2 => Just(5), 1 => Just(8), 2 => Just(9), 1 => Just(2), 1 => Just(4), 1 => Just(13)];
    let open =
        (path(), flags.clone(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0usize..6000)
            .prop_map(|(path, flags, read, write, append, follow, count)| {
                Operation::Open(path, flags, read || !write, write, append, follow, count)
            });
    prop_oneof![
        4 => path().prop_map(Operation::MakeDirectory),
        2 => path().prop_map(Operation::RemoveDirectory),
        2 => path().prop_map(Operation::Unlink),
        4 => (path(), path()).prop_map(|(one, other)| Operation::Rename(one, other)),
        2 => (path(), path(), any::<bool>()).prop_map(|(one, other, follow)| Operation::Link(one, other, follow)),
        2 => (target(), path()).prop_map(|(target, path)| Operation::Symlink(target, path)),
        1 => path().prop_map(Operation::ReadLink),
        3 => (path(), any::<bool>()).prop_map(|(path, follow)| Operation::Stat(path, follow)),
        1 => path().prop_map(Operation::List),
        6 => open,
        2 => (path(), flags).prop_map(|(path, flags)| Operation::Hold(path, flags)),
        1 => (-3000i64..9000, 0u64..4).prop_map(|(offset, whence)| Operation::Seek(offset, whence)),
        1 => (0usize..5000).prop_map(Operation::Write),
        1 => (0usize..5000).prop_map(Operation::Read),
        1 => (0u64..9000, 0usize..5000).prop_map(|(offset, count)| Operation::WriteAt(offset, count)),
        1 => (0u64..9000, 0usize..5000).prop_map(|(offset, count)| Operation::ReadAt(offset, count)),
        1 => (0u64..9000).prop_map(Operation::SetSize),
        1 => (0u64..9000, 0u64..5000).prop_map(|(offset, length)| Operation::Allocate(offset, length)),
        1 => (path(), any::<bool>(), 0u64..1_000_000).prop_map(|(path, follow, time)| Operation::SetTime(path, follow, time)),
    ]
}

/// Bytes that tell where they came from.
fn pattern(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|index| ((index * 7 + seed * 31) % 251) as u8).collect()
}

/// The guest's side.
struct Virtual {
    guest: FakeGuest,
    base: u64,
    held: Option<u64>,
}

const WRITING: u64 = 1 << 6;
const READING: u64 = 1 << 1;

impl Virtual {
    /// In memory.
    fn new() -> Self {
        Self::fresh(guest(), "/tmp")
    }

    fn mounted(mount: Mount) -> FakeGuest {
        FakeGuest::new(System::builder().mount(mount).build().expect("a system"))
    }

    fn fresh(mut guest: FakeGuest, start: &str) -> Self {
        let mut path = start.to_owned();
        for level in 0..DEPTH {
            path = format!("{path}/outer{level}");
            guest.on_path("path_create_directory", &path).expect("made");
        }
        Self::again(guest, start)
    }

    /// In a tree that was used before.
    fn again(mut guest: FakeGuest, start: &str) -> Self {
        let levels: String = (0..DEPTH).map(|level| format!("/outer{level}")).collect();
        let base = guest.open_to_read(&format!("{start}{levels}")).expect("opened");
        Self { guest, base, held: None }
    }

    fn path(&mut self, path: &str) -> (u64, u64) {
        self.guest.put(path.as_bytes())
    }

    fn on_path(&mut self, name: &str, path: &str) -> Outcome {
        let (address, length) = self.path(path);
        self.guest.wasi(name, &[self.base, address, length]).map(|()| Shown::Nothing)
    }

    fn open(
        &mut self,
        path: &str,
        follow: bool,
        flags: u64,
        rights: u64,
        fdflags: u64,
    ) -> Result<u64, Errno> {
        let (address, length) = self.path(path);
        let follow = u64::from(follow);
        self.guest
            .wasi("path_open", &[self.base, follow, address, length, flags, rights, u64::MAX, fdflags, 64])?;
        Ok(u64::from(self.guest.get_u32(64)))
    }

    fn apply(&mut self, operation: &Operation, seed: usize) -> Outcome {
        match operation {
            Operation::MakeDirectory(path) => self.on_path("path_create_directory", path),
            Operation::RemoveDirectory(path) => self.on_path("path_remove_directory", path),
            Operation::Unlink(path) => self.on_path("path_unlink_file", path),
            Operation::Rename(from, to) => {
                let ((from, from_length), (to, to_length)) = (self.path(from), self.path(to));
                let arguments = [self.base, from, from_length, self.base, to, to_length];
                self.guest.wasi("path_rename", &arguments).map(|()| Shown::Nothing)
            }
            Operation::Link(from, to, follow) => {
                let ((from, from_length), (to, to_length)) = (self.path(from), self.path(to));
                let arguments = [self.base, u64::from(*follow), from, from_length, self.base, to, to_length];
                self.guest.wasi("path_link", &arguments).map(|()| Shown::Nothing)
            }
            Operation::Symlink(target, path) => {
                let ((target, target_length), (path, length)) = (self.path(target), self.path(path));
                let arguments = [target, target_length, self.base, path, length];
                self.guest.wasi("path_symlink", &arguments).map(|()| Shown::Nothing)
            }
            Operation::ReadLink(path) => {
                let (path, length) = self.path(path);
                let (buffer, room) = self.guest.put(&[0; 5000]);
                self.guest.wasi("path_readlink", &[self.base, path, length, buffer, room, 64])?;
                let count = self.guest.get_u32(64) as usize;
                let text = self.guest.get(buffer as u32, count);
                Ok(Shown::Text(String::from_utf8(text).expect("UTF-8")))
            }
            Operation::Stat(path, follow) => {
                let (path, length) = self.path(path);
                self.guest.wasi("path_filestat_get", &[self.base, u64::from(*follow), path, length, 64])?;
                let file_type = self.guest.get(64 + 16, 1)[0];
                Ok(match file_type {
                    3 => Shown::Stat(0, 3, 0),
                    _ => Shown::Stat(self.guest.get_u64(64 + 32), file_type, self.guest.get_u64(64 + 24)),
                })
            }
            Operation::SetTime(path, follow, seconds) => {
                let (path, length) = self.path(path);
                let (follow, time) = (u64::from(*follow), *seconds * 1_000_000_000 + 5);
                let arguments = [self.base, follow, path, length, 0, time, 4];
                self.guest.wasi("path_filestat_set_times", &arguments)?;
                self.guest.wasi("path_filestat_get", &[self.base, follow, path, length, 64])?;
                Ok(Shown::Number(self.guest.get_u64(64 + 48)))
            }
            Operation::List(path) => {
                let fd = self.open(path, true, 2, !WRITING, 0)?;
                let names = self.guest.list_from(fd, 0, 300);
                self.guest.close(fd);
                let mut names: Vec<String> = names?.into_iter().map(|(name, _)| name).collect();
                names.sort();
                Ok(Shown::Names(names))
            }
            Operation::Open(path, flags, read, write, append, follow, count) => {
                let rights =
                    if *read { READING } else { 0 } | if *write { WRITING } else { 0 } | !(READING | WRITING);
                let fd = self.open(path, *follow, *flags, rights, u64::from(*append))?;
                let is_directory = self.guest.wasi("fd_readdir", &[fd, 64, 0, 0, 64]).is_ok();
                let outcome = if *write {
                    self.guest.write(fd, &pattern(*count, seed)).map(|count| Shown::Number(count as u64))
                } else if is_directory {
                    Ok(Shown::Nothing)
                } else {
                    self.guest.read(fd, *count).map(Shown::Bytes)
                };
                self.guest.close(fd);
                outcome
            }
            Operation::Hold(path, flags) => {
                let fd = self.open(path, true, *flags, u64::MAX, 0)?;
                if let Some(before) = self.held.replace(fd) {
                    self.guest.close(before);
                }
                Ok(Shown::Nothing)
            }
            held => match self.held {
                None => Ok(Shown::Nothing),
                Some(fd) => self.on_held(held, fd, seed),
            },
        }
    }

    fn on_held(&mut self, operation: &Operation, fd: u64, seed: usize) -> Outcome {
        let mut buffer = |count: usize, bytes: Vec<u8>| {
            let (address, _) = self.guest.put(&bytes);
            let pair = [(address as u32).to_le_bytes(), (count as u32).to_le_bytes()].concat();
            (address, self.guest.put(&pair).0)
        };
        match operation {
            Operation::Seek(offset, whence) => {
                self.guest.wasi("fd_seek", &[fd, *offset as u64, *whence, 64])?;
                Ok(Shown::Number(self.guest.get_u64(64)))
            }
            Operation::Write(count) => {
                self.guest.write(fd, &pattern(*count, seed)).map(|count| Shown::Number(count as u64))
            }
            Operation::Read(count) => self.guest.read(fd, *count).map(Shown::Bytes),
            Operation::WriteAt(offset, count) => {
                let (_, iovec) = buffer(*count, pattern(*count, seed));
                self.guest.wasi("fd_pwrite", &[fd, iovec, 1, *offset, 64])?;
                Ok(Shown::Number(u64::from(self.guest.get_u32(64))))
            }
            Operation::ReadAt(offset, count) => {
                let (address, iovec) = buffer(*count, vec![0; *count]);
                self.guest.wasi("fd_pread", &[fd, iovec, 1, *offset, 64])?;
                let read = self.guest.get_u32(64) as usize;
                Ok(Shown::Bytes(self.guest.get(address as u32, read)))
            }
            Operation::SetSize(size) => {
                self.guest.wasi("fd_filestat_set_size", &[fd, *size]).map(|()| Shown::Nothing)
            }
            Operation::Allocate(offset, length) => {
                self.guest.wasi("fd_allocate", &[fd, *offset, *length]).map(|()| Shown::Nothing)
            }
            other => unreachable!("{other:?} needs no held file"),
        }
    }
}

/// The host's side.
struct Real {
    _directory: tempfile::TempDir,
    base: OwnedFd,
    held: Option<OwnedFd>,
}

impl Real {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut path = directory.path().to_owned();
        for level in 0..DEPTH {
            path.push(format!("outer{level}"));
            std::fs::create_dir(&path).expect("made");
        }
        let base = std::fs::File::open(&path).expect("opened").into();
        Self { _directory: directory, base, held: None }
    }

    fn open(
        &self,
        path: &str,
        follow: bool,
        flags: u64,
        access: OFlags,
        append: bool,
    ) -> Result<OwnedFd, Errno> {
        let mut host = access | OFlags::CLOEXEC;
        for (bit, flag) in
            [(1, OFlags::CREATE), (2, OFlags::DIRECTORY), (4, OFlags::EXCL), (8, OFlags::TRUNC)]
        {
            host.set(flag, flags & bit != 0);
        }
        host.set(OFlags::NOFOLLOW, !follow);
        host.set(OFlags::APPEND, append);
        Ok(rustix::fs::openat(&self.base, path, host, Mode::from_raw_mode(0o644))?)
    }

    fn apply(&mut self, operation: &Operation, seed: usize) -> Outcome {
        let base = &self.base;
        let done = |result: rustix::io::Result<()>| match result {
            Ok(()) => Ok(Shown::Nothing),
            Err(error) => Err(Errno::from(error)),
        };
        match operation {
            Operation::MakeDirectory(path) => {
                done(rustix::fs::mkdirat(base, path.as_str(), Mode::from_raw_mode(0o755)))
            }
            Operation::RemoveDirectory(path) => {
                done(rustix::fs::unlinkat(base, path.as_str(), AtFlags::REMOVEDIR))
            }
            Operation::Unlink(path) => done(rustix::fs::unlinkat(base, path.as_str(), AtFlags::empty())),
            Operation::Rename(from, to) => done(rustix::fs::renameat(base, from.as_str(), base, to.as_str())),
            Operation::Link(from, to, follow) => {
                let flags = if *follow { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
                done(rustix::fs::linkat(base, from.as_str(), base, to.as_str(), flags))
            }
            Operation::Symlink(target, path) => {
                done(rustix::fs::symlinkat(target.as_str(), base, path.as_str()))
            }
            Operation::ReadLink(path) => {
                let text = rustix::fs::readlinkat(base, path.as_str(), Vec::new())?;
                Ok(Shown::Text(text.into_string().expect("UTF-8")))
            }
            Operation::Stat(path, follow) => {
                let flags = if *follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
                let stat = rustix::fs::statat(base, path.as_str(), flags)?;
                Ok(match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
                    rustix::fs::FileType::Directory => Shown::Stat(0, 3, 0),
                    rustix::fs::FileType::Symlink => {
                        Shown::Stat(stat.st_size as u64, 7, stat.st_nlink as u64)
                    }
                    _ => Shown::Stat(stat.st_size as u64, 4, stat.st_nlink as u64),
                })
            }
            Operation::SetTime(path, follow, seconds) => {
                let flags = if *follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
                let times = rustix::fs::Timestamps {
                    last_access: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
                    last_modification: rustix::fs::Timespec { tv_sec: *seconds as i64, tv_nsec: 5 },
                };
                rustix::fs::utimensat(base, path.as_str(), &times, flags)?;
                let stat = rustix::fs::statat(base, path.as_str(), flags)?;
                Ok(Shown::Number(stat.st_mtime as u64 * 1_000_000_000 + stat.st_mtime_nsec as u64))
            }
            Operation::List(path) => {
                let fd = self.open(path, true, 2, OFlags::RDONLY, false)?;
                let mut names: Vec<String> = rustix::fs::Dir::new(fd)
                    .expect("a directory")
                    .map(|entry| entry.expect("read").file_name().to_str().expect("UTF-8").to_owned())
                    .collect();
                names.sort();
                Ok(Shown::Names(names))
            }
            Operation::Open(path, flags, read, write, append, follow, count) => {
                let access = match (read, write) {
                    (true, true) => OFlags::RDWR,
                    (false, true) => OFlags::WRONLY,
                    _ => OFlags::RDONLY,
                };
                let fd = self.open(path, *follow, *flags, access, *append)?;
                let stat = rustix::fs::fstat(&fd)?;
                if *write {
                    Ok(Shown::Number(rustix::io::write(&fd, &pattern(*count, seed))? as u64))
                } else if rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory
                {
                    Ok(Shown::Nothing)
                } else {
                    let mut bytes = vec![0; *count];
                    let count = rustix::io::read(&fd, &mut bytes)?;
                    bytes.truncate(count);
                    Ok(Shown::Bytes(bytes))
                }
            }
            Operation::Hold(path, flags) => {
                self.held = Some(self.open(path, true, *flags, OFlags::RDWR, false)?);
                Ok(Shown::Nothing)
            }
            held => match &self.held {
                None => Ok(Shown::Nothing),
                Some(fd) => on_held(held, fd, seed),
            },
        }
    }
}

fn on_held(operation: &Operation, fd: &OwnedFd, seed: usize) -> Outcome {
    let bytes = |count, read: &dyn Fn(&mut [u8]) -> rustix::io::Result<usize>| {
        let mut bytes = vec![0; count];
        let count = read(&mut bytes)?;
        bytes.truncate(count);
        Ok(Shown::Bytes(bytes))
    };
    match operation {
        Operation::Seek(offset, whence) => {
            let from = match whence {
                0 => rustix::fs::SeekFrom::Start(u64::try_from(*offset).map_err(|_| Errno::INVAL)?),
                1 => rustix::fs::SeekFrom::Current(*offset),
                2 => rustix::fs::SeekFrom::End(*offset),
                _ => return Err(Errno::INVAL),
            };
            Ok(Shown::Number(rustix::fs::seek(fd, from)?))
        }
        Operation::Write(count) => Ok(Shown::Number(rustix::io::write(fd, &pattern(*count, seed))? as u64)),
        Operation::Read(count) => bytes(*count, &|into| rustix::io::read(fd, into)),
        Operation::WriteAt(offset, count) => {
            Ok(Shown::Number(rustix::io::pwrite(fd, &pattern(*count, seed), *offset)? as u64))
        }
        Operation::ReadAt(offset, count) => bytes(*count, &|into| rustix::io::pread(fd, into, *offset)),
        Operation::SetSize(size) => {
            rustix::fs::ftruncate(fd, *size)?;
            Ok(Shown::Nothing)
        }
        Operation::Allocate(offset, length) => {
            rustix::fs::fallocate(fd, rustix::fs::FallocateFlags::empty(), *offset, *length)?;
            Ok(Shown::Nothing)
        }
        other => unreachable!("{other:?} needs no held file"),
    }
}

/// Everything below a directory: paths and what they are.
fn whole(apply: &mut dyn FnMut(&Operation) -> Outcome) -> Vec<(String, Outcome)> {
    let mut found = Vec::new();
    let mut pending = vec![".".to_owned()];
    while let Some(directory) = pending.pop() {
        let names = apply(&Operation::List(directory.clone()));
        if let Ok(Shown::Names(names)) = &names {
            for name in names.iter().filter(|name| *name != "." && *name != "..") {
                let path = format!("{directory}/{name}");
                let stat = apply(&Operation::Stat(path.clone(), false));
                match &stat {
                    Ok(Shown::Stat(_, 3, _)) => pending.push(path.clone()),
                    Ok(Shown::Stat(_, 7, _)) => {
                        found.push((path.clone(), apply(&Operation::ReadLink(path.clone()))));
                    }
                    _ => {
                        let read = Operation::Open(path.clone(), 0, true, false, false, false, 20_000);
                        found.push((path.clone(), apply(&read)));
                    }
                }
                found.push((path, stat));
            }
        }
        found.push((directory, names));
    }
    found
}

fn operations(most: usize) -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..most)
}

proptest! {
    #![proptest_config(super::against_linux())]

    #[test]
    fn the_memory_tree_does_as_linux_does(operations in operations(60)) {
        compare(&mut Virtual::new(), &mut Real::new(), &operations)?;
    }

    #[test]
    fn a_mounted_directory_does_as_linux_does(operations in operations(60)) {
        let directory = tempfile::tempdir().expect("a directory");
        let guest = Virtual::mounted(Mount::directory(directory.path(), "/work", Access::ReadWrite));
        compare(&mut Virtual::fresh(guest, "/work"), &mut Real::new(), &operations)?;
    }

    /// The first operations make the lower tree, the second go through the
    /// overlay. It shows the same as if there were none, what lies beneath is
    /// untouched, and what was changed can be written there.
    #[test]
    fn an_overlay_of_a_directory_does_as_linux_does(first in operations(40), second in operations(40)) {
        let directory = tempfile::tempdir().expect("a directory");
        let direct = || Mount::directory(directory.path(), "/work", Access::ReadWrite);
        let mut real = Real::new();
        compare(&mut Virtual::fresh(Virtual::mounted(direct()), "/work"), &mut real, &first)?;
        overlaid(&direct, &mut real, &second)?;
    }

    #[test]
    fn an_overlay_of_memory_does_as_linux_does(first in operations(40), second in operations(40)) {
        let quota = Arc::new(Quota::new(1 << 30, 1 << 20));
        let tree = MemoryTree::new(quota, 5, Arc::new(RealClock::new()));
        let direct = || Mount::tree(tree.root(), "/work");
        let mut real = Real::new();
        compare(&mut Virtual::fresh(Virtual::mounted(direct()), "/work"), &mut real, &first)?;
        overlaid(&direct, &mut real, &second)?;
        tree.check_invariants(true);
    }

    #[test]
    fn an_overlay_of_an_overlay_does_as_linux_does(first in operations(30), second in operations(30), third in operations(30)) {
        let directory = tempfile::tempdir().expect("a directory");
        let direct = || Mount::directory(directory.path(), "/work", Access::ReadWrite);
        let mut real = Real::new();
        compare(&mut Virtual::fresh(Virtual::mounted(direct()), "/work"), &mut real, &first)?;
        let lower = crate::files::HostDirectory::of_path(directory.path(), Access::ReadOnly, 5);
        let quota = Arc::new(Quota::new(1 << 30, 1 << 20));
        let middle = MemoryTree::over(Arc::new(lower), quota, 6, Arc::new(RealClock::new())).expect("laid");
        let direct = || Mount::tree(middle.root(), "/work");
        real.held = None;
        compare(&mut Virtual::again(Virtual::mounted(direct()), "/work"), &mut real, &second)?;
        overlaid(&direct, &mut real, &third)?;
        middle.check_invariants(true);
    }
}

/// Operations through an overlay, and what becomes of what lies beneath.
fn overlaid(
    direct: &dyn Fn() -> Mount,
    real: &mut Real,
    operations: &[Operation],
) -> Result<(), TestCaseError> {
    let below = |links| {
        let mut beneath = Virtual::again(Virtual::mounted(direct()), "/work");
        let tree = whole(&mut |operation| beneath.apply(operation, 0));
        if links { tree } else { without_links(tree) }
    };
    let before = below(true);
    real.held = None;
    let (mount, overlay): (Mount, Overlay) = direct().overlay();
    let mut here = Virtual::again(Virtual::mounted(mount), "/work");
    compare(&mut here, real, operations)?;
    prop_assert_eq!(below(true), before.clone(), "the lower tree was changed");
    let changes = overlay.changes().expect("told");
    overlay.check_invariants();
    let now = without_links(whole(&mut |operation| real.apply(operation, 0)));
    if now != without_links(before) {
        prop_assert!(!changes.is_empty());
    }
    // Nothing may be read through the overlay before: what is held open keeps its
    // content, whatever is done beneath.
    drop(here);
    changes.apply().map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    prop_assert_eq!(below(false), now, "what was written is not what was changed");
    prop_assert_eq!(overlay.changes().map(|_| ()), Ok(()));
    Ok(())
}

/// Applying writes a file for each of its names.
fn without_links(tree: Vec<(String, Outcome)>) -> Vec<(String, Outcome)> {
    let forget = |outcome| match outcome {
        Ok(Shown::Stat(size, file_type, _)) => Ok(Shown::Stat(size, file_type, 0)),
        other => other,
    };
    tree.into_iter().map(|(path, outcome)| (path, forget(outcome))).collect()
}

fn compare(here: &mut Virtual, there: &mut Real, operations: &[Operation]) -> Result<(), TestCaseError> {
    for (seed, operation) in operations.iter().enumerate() {
        let (ours, linux) = (here.apply(operation, seed), there.apply(operation, seed));
        prop_assert_eq!(&ours, &linux, "operation {}: {:?} (left ours, right Linux)", seed, operation);
    }
    let ours = whole(&mut |operation| here.apply(operation, 0));
    let linux = whole(&mut |operation| there.apply(operation, 0));
    prop_assert_eq!(ours, linux);
    Ok(())
}
