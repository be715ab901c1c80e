//! The calls of Linux on paths against the kernel itself: random operations on both, with a
//! working directory and open directories that are moved and removed meanwhile, and every
//! result compared.
//!
//! `BELLGLASS_SEQUENCES` sets how many sequences are tried with each tree.

use super::fake::FakeGuest;
use super::joined;
use crate::files::{MemoryTree, Quota};
use crate::{Access, Errno, Mount, RealClock, System};
use proptest::prelude::*;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, ResolveFlags, Timespec, Timestamps};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

/// How deep the directory lies in which both work. No operation is made that would leave
/// what lies around it.
const DEPTH: usize = 12;

/// Directories that are open, the first of which is the working directory.
const SLOTS: usize = 3;

/// A directory that is open, and a path from there.
type At = (usize, String);

#[derive(Clone, Debug)]
enum Operation {
    MakeDirectory(At, u32),
    MakeNode(At, u32),
    Unlink(At, u32),
    Rename(At, At, u32),
    Link(At, At, u32),
    Symlink(String, At),
    ReadLink(At),
    Stat(At, u32),
    /// Flags and permission bits; what is written, if it can be.
    Open(At, u32, u32),
    /// Flags and bounds.
    OpenWithin(At, u32, u64),
    /// Opens a directory into a slot.
    Hold(usize, At, u32),
    /// Makes it the working directory.
    ChangeTo(usize),
    Change(String),
    Where,
    List(usize),
    Mode(At, u32),
    /// Seconds and nanoseconds of both times.
    Times(At, u32, [(i64, i64); 2]),
    Access(At, u32),
    /// What the link of an open directory says.
    Shown(usize),
    Owner(At, u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Text(String),
    Names(Vec<(String, u8)>),
    /// Mode; size and links of what is no directory.
    Stat(u32, u64, u32),
    /// Seconds and nanoseconds of both times.
    Times([(i64, i64); 2]),
    /// What was read and how much was written.
    Data(Option<String>, Option<usize>),
}

type Outcome = Result<Shown, Errno>;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ab]",
        2 => Just("c".to_owned()),
        1 => Just(".".to_owned()),
        2 => Just("..".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => joined(name()),
        1 => Just(String::new()),
        1 => Just("n".repeat(256)),
        1 => Just(format!("a/{}", "n".repeat(255))),
        1 => Just(format!("{}a", "./".repeat(2050))),
    ]
}

fn at() -> impl Strategy<Value = At> {
    (prop_oneof![3 => Just(0usize), 1 => Just(1), 1 => Just(2)], path())
}

fn target() -> impl Strategy<Value = String> {
    prop::collection::vec("[abc.]", 1..3).prop_map(|names| names.join("/"))
}

const EMPTY: u32 = 0x1000;
const NO_FOLLOW: u32 = 0x100;

fn flags_of(all: &'static [u32]) -> impl Strategy<Value = u32> {
    prop::sample::select(all)
}

fn open_flags() -> impl Strategy<Value = u32> {
    let access = prop_oneof![4 => Just(0u32), 2 => Just(1), 3 => Just(2), 1 => Just(3)];
    let bits: &[(f64, u32)] = &[
        (0.4, 0o100),
        (0.15, 0o200),
        (0.15, 0o1000),
        (0.1, 0o2000),
        (0.1, 0o200_000),
        (0.1, 0o400_000),
        (0.07, 0o10_000_000),
        (0.05, 0o20_000_000),
        (0.02, 0o4_010_000),
    ];
    let bits: Vec<_> = bits
        .iter()
        .map(|(chance, bit)| prop::bool::weighted(*chance).prop_map(|set| if set { *bit } else { 0 }))
        .collect();
    (access, bits).prop_map(|(access, bits)| bits.into_iter().fold(access, |all, bit| all | bit))
}

fn time() -> impl Strategy<Value = (i64, i64)> {
    let nanoseconds = prop_oneof![
        6 => 0i64..1_000_000_000,
        1 => Just(0x3fff_fffe),
        1 => Just(1_000_000_000),
        1 => Just(-1),
    ];
    (-2_000_000_000i64..10_000_000_000, nanoseconds)
}

fn operation() -> impl Strategy<Value = Operation> {
    let permissions = || prop::sample::select(&[0o755u32, 0o700, 0o644, 0o1777, 0o500, 0o300, 0o000][..]);
    let at_flags = || flags_of(&[0, 0, NO_FOLLOW, EMPTY, NO_FOLLOW | EMPTY, 0x8]);
    let slot = || 0..SLOTS;
    prop_oneof![
        6 => (at(), permissions()).prop_map(|(at, mode)| Operation::MakeDirectory(at, mode)),
        1 => (at(), flags_of(&[0o644, 0o100_600, 0o040_755, 0o060_000])).prop_map(|(at, mode)| Operation::MakeNode(at, mode)),
        4 => (at(), flags_of(&[0, 0x200, 0x200, 1])).prop_map(|(at, flags)| Operation::Unlink(at, flags)),
        6 => (at(), at(), flags_of(&[0, 0, 0, 1, 2, 2, 3, 8])).prop_map(|(one, other, flags)| Operation::Rename(one, other, flags)),
        2 => (at(), at(), flags_of(&[0, 0x400, 0x100])).prop_map(|(one, other, flags)| Operation::Link(one, other, flags)),
        2 => (target(), at()).prop_map(|(target, at)| Operation::Symlink(target, at)),
        1 => at().prop_map(Operation::ReadLink),
        3 => (at(), at_flags()).prop_map(|(at, flags)| Operation::Stat(at, flags)),
        6 => (at(), open_flags(), permissions()).prop_map(|(at, flags, mode)| Operation::Open(at, flags, mode)),
        2 => (at(), open_flags(), prop::sample::select(&[1u64, 2, 4, 8, 8, 16, 16, 24, 64][..])).prop_map(|(at, flags, within)| Operation::OpenWithin(at, flags, within)),
        4 => (slot(), at(), flags_of(&[0, 0, 0o400_000, 0o10_000_000])).prop_map(|(slot, at, flags)| Operation::Hold(slot, at, flags)),
        3 => slot().prop_map(Operation::ChangeTo),
        3 => path().prop_map(Operation::Change),
        3 => Just(Operation::Where),
        2 => slot().prop_map(Operation::List),
        2 => (at(), permissions()).prop_map(|(at, mode)| Operation::Mode(at, mode)),
        1 => (at(), at_flags(), [time(), time()]).prop_map(|(at, flags, times)| Operation::Times(at, flags, times)),
        2 => (at(), 0u32..9).prop_map(|(at, mode)| Operation::Access(at, mode)),
        2 => slot().prop_map(Operation::Shown),
        1 => (at(), at_flags()).prop_map(|(at, flags)| Operation::Owner(at, flags)),
    ]
}

/// The guest's side.
struct Virtual {
    guest: FakeGuest,
    /// The path of the directory in which the sequence works, but for its last levels.
    top: &'static str,
    slots: [u64; SLOTS],
}

const WORKING_DIRECTORY: u64 = (-100i32).cast_unsigned() as u64;

impl Virtual {
    fn new(mount: Option<Mount>, top: &'static str) -> Self {
        let mut builder = System::builder();
        builder = match mount {
            Some(mount) => builder.mount(mount),
            None => builder,
        };
        let mut guest = FakeGuest::new(builder.build().expect("a system"));
        guest.linux("umask", &[0o022]).expect("set");
        let mut path = top.to_owned();
        for level in 0..DEPTH {
            path = format!("{path}/outer{level}");
            let text = guest.text(&path);
            guest.linux("mkdirat", &[WORKING_DIRECTORY, text, 0o755]).expect("made");
        }
        let text = guest.text(&path);
        guest.linux("chdir", &[text]).expect("changed");
        let slots = [(); SLOTS]
            .map(|()| u64::from(guest.linux("openat", &[WORKING_DIRECTORY, text, 0, 0]).expect("opened")));
        Self { guest, top, slots }
    }

    fn at(&mut self, (slot, path): &At) -> (u64, u64) {
        let directory = if *slot == 0 { WORKING_DIRECTORY } else { self.slots[*slot] };
        (directory, self.guest.text(path))
    }

    fn call(&mut self, name: &str, arguments: &[u64]) -> Outcome {
        self.guest.linux(name, arguments).map(|_| Shown::Nothing)
    }

    /// What is told as text.
    fn text(&mut self, name: &str, before: &[u64]) -> Result<String, Errno> {
        let (buffer, room) = self.guest.put(&[0; 8000]);
        let length = self.guest.linux(name, &[before, &[buffer, room]].concat())?;
        let bytes = self.guest.get(buffer as u32, length as usize);
        let text = String::from_utf8(bytes).expect("UTF-8");
        Ok(text.trim_end_matches('\0').replacen(self.top, "", 1))
    }

    fn stat(&mut self, directory: u64, path: u64, flags: u32) -> Result<Vec<u8>, Errno> {
        let (buffer, _) = self.guest.put(&[0; 256]);
        self.guest.linux("statx", &[directory, path, u64::from(flags), 0xfff, buffer])?;
        Ok(self.guest.get(buffer as u32, 256))
    }

    /// Reads and writes what was opened, and closes it.
    fn use_it(&mut self, file: u32) -> Shown {
        let file = u64::from(file);
        let read = self.guest.read(file, 9000).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let written = self.guest.write(file, b"text").ok();
        self.guest.close(file);
        Shown::Data(read, written)
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        let wide = u64::from;
        match operation {
            Operation::MakeDirectory(at, mode) => {
                let (directory, path) = self.at(at);
                self.call("mkdirat", &[directory, path, wide(*mode)])
            }
            Operation::MakeNode(at, mode) => {
                let (directory, path) = self.at(at);
                self.call("mknodat", &[directory, path, wide(*mode), 0])
            }
            Operation::Unlink(at, flags) => {
                let (directory, path) = self.at(at);
                self.call("unlinkat", &[directory, path, wide(*flags)])
            }
            Operation::Rename(one, other, flags) => {
                let ((from, old), (to, new)) = (self.at(one), self.at(other));
                self.call("renameat2", &[from, old, to, new, wide(*flags)])
            }
            Operation::Link(one, other, flags) => {
                let ((from, old), (to, new)) = (self.at(one), self.at(other));
                self.call("linkat", &[from, old, to, new, wide(*flags)])
            }
            Operation::Symlink(target, at) => {
                let (directory, path) = self.at(at);
                let target = self.guest.text(target);
                self.call("symlinkat", &[target, directory, path])
            }
            Operation::ReadLink(at) => {
                let (directory, path) = self.at(at);
                self.text("readlinkat", &[directory, path]).map(Shown::Text)
            }
            Operation::Stat(at, flags) => {
                let (directory, path) = self.at(at);
                let told = self.stat(directory, path, *flags)?;
                let number = |from: usize, to: usize| {
                    told[from..to].iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
                };
                let mode = number(28, 30) as u32;
                Ok(match mode & 0o170_000 {
                    0o040_000 => Shown::Stat(mode, 0, 0),
                    _ => Shown::Stat(mode, number(40, 48), number(16, 20) as u32),
                })
            }
            Operation::Open(at, flags, mode) => {
                let (directory, path) = self.at(at);
                let file = self.guest.linux("openat", &[directory, path, wide(*flags), wide(*mode)])?;
                Ok(self.use_it(file))
            }
            Operation::OpenWithin(at, flags, within) => {
                let (directory, path) = self.at(at);
                let made = flags & 0o20_000_100 != 0;
                let mode = if made { 0o644u64 } else { 0 };
                let how: Vec<u8> =
                    [u64::from(*flags), mode, *within].into_iter().flat_map(u64::to_le_bytes).collect();
                let (how, size) = self.guest.put(&how);
                let file = self.guest.linux("openat2", &[directory, path, how, size])?;
                Ok(self.use_it(file))
            }
            Operation::Hold(slot, at, flags) => {
                let (directory, path) = self.at(at);
                let flags = wide(*flags) | 0o200_000;
                let opened = self.guest.linux("openat", &[directory, path, flags, 0])?;
                self.guest.close(self.slots[*slot]);
                self.slots[*slot] = u64::from(opened);
                Ok(Shown::Nothing)
            }
            Operation::ChangeTo(slot) => self.call("fchdir", &[self.slots[*slot]]),
            Operation::Change(path) => {
                let path = self.guest.text(path);
                self.call("chdir", &[path])
            }
            Operation::Where => self.text("getcwd", &[]).map(Shown::Text),
            Operation::List(slot) => {
                let (path, directory) = (self.guest.text("."), self.slots[*slot]);
                let opened = self.guest.linux("openat", &[directory, path, 0o200_000, 0])?;
                let mut found = Vec::new();
                let listed = loop {
                    let (buffer, room) = self.guest.put(&[0; 300]);
                    match self.guest.linux("getdents64", &[u64::from(opened), buffer, room]) {
                        Ok(0) => break Ok(()),
                        Ok(length) => found.extend(self.guest.get(buffer as u32, length as usize)),
                        Err(error) => break Err(error),
                    }
                };
                self.guest.close(u64::from(opened));
                listed?;
                let mut names = Vec::new();
                let mut rest = found.as_slice();
                while !rest.is_empty() {
                    let length = usize::from(u16::from_le_bytes([rest[16], rest[17]]));
                    let name = rest[19..length].split(|byte| *byte == 0).next().expect("a name");
                    names.push((String::from_utf8(name.to_vec()).expect("UTF-8"), rest[18]));
                    rest = &rest[length..];
                }
                names.sort();
                Ok(Shown::Names(names))
            }
            Operation::Mode(at, mode) => {
                let (directory, path) = self.at(at);
                self.call("fchmodat", &[directory, path, wide(*mode)])
            }
            Operation::Times(at, flags, times) => {
                let (directory, path) = self.at(at);
                let bytes: Vec<u8> = times
                    .iter()
                    .flat_map(|(seconds, nanoseconds)| [*seconds, *nanoseconds])
                    .flat_map(i64::to_le_bytes)
                    .collect();
                let (given, _) = self.guest.put(&bytes);
                self.guest.linux("utimensat_time64", &[directory, path, given, wide(*flags)])?;
                let told = self.stat(directory, path, *flags)?;
                let time = |offset: usize| {
                    let seconds = i64::from_le_bytes(told[offset..offset + 8].try_into().expect("eight"));
                    let part = u32::from_le_bytes(told[offset + 8..offset + 12].try_into().expect("four"));
                    (seconds, i64::from(part))
                };
                let mode = u16::from_le_bytes([told[28], told[29]]);
                Ok(kept_times(times, [time(64), time(112)], mode))
            }
            Operation::Access(at, mode) => {
                let (directory, path) = self.at(at);
                self.call("faccessat", &[directory, path, wide(*mode)])
            }
            Operation::Shown(slot) => {
                let path = self.guest.text(&format!("/proc/self/fd/{}", self.slots[*slot]));
                self.text("readlinkat", &[WORKING_DIRECTORY, path]).map(Shown::Text)
            }
            Operation::Owner(at, flags) => {
                let (directory, path) = self.at(at);
                let same = u64::from(u32::MAX);
                self.call("fchownat", &[directory, path, same, same, wide(*flags)])
            }
        }
    }
}

/// Those that were not to stay as they were. To look at a symlink may be to read it, which
/// the kernel notes in the link.
fn kept_times(given: &[(i64, i64); 2], told: [(i64, i64); 2], mode: u16) -> Shown {
    let mut kept = told;
    for (kept, given) in kept.iter_mut().zip(given) {
        if given.1 == 0x3fff_fffe {
            *kept = (0, 0);
        }
    }
    if mode & 0o170_000 == 0o120_000 {
        kept[0] = (0, 0);
    }
    Shown::Times(kept)
}

/// A temporary directory that can be removed whatever the permission bits in it are.
struct Loose(tempfile::TempDir);

impl Loose {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }
}

impl Drop for Loose {
    fn drop(&mut self) {
        let mut waiting = vec![self.0.path().to_owned()];
        while let Some(path) = waiting.pop() {
            let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700));
            for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push(entry.path());
                }
            }
        }
    }
}

/// To the superuser nothing is forbidden by permission bits: so this thread is somebody
/// else from now on.
fn become_ordinary() {
    if rustix::process::geteuid().is_root() {
        let user = rustix::process::Uid::from_raw(1000);
        rustix::thread::set_thread_res_uid(user, user, user).expect("the superuser may");
    }
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..60)
}

fn compare(here: &mut Virtual, operations: &[Operation]) -> Result<(), TestCaseError> {
    compare_with(here, Real::new(), operations)
}

fn compare_with(here: &mut Virtual, mut there: Real, operations: &[Operation]) -> Result<(), TestCaseError> {
    for (number, operation) in operations.iter().enumerate() {
        if !there.may(operation) {
            continue;
        }
        let (ours, linux) = (here.apply(operation), there.apply(operation));
        prop_assert_eq!(&ours, &linux, "operation {}: {:?} (left ours, right Linux)", number, operation);
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::against_linux())]

    #[test]
    fn paths_in_memory_lead_where_linux_leads(operations in operations()) {
        become_ordinary();
        compare(&mut Virtual::new(None, "/tmp"), &operations)?;
    }

    #[test]
    fn paths_on_the_host_lead_where_linux_leads(operations in operations()) {
        become_ordinary();
        let directory = Loose::new();
        let mount = Mount::directory(directory.0.path(), "/work", Access::ReadWrite);
        let there = Real { on_host: true, ..Real::new() };
        compare_with(&mut Virtual::new(Some(mount), "/work"), there, &operations)?;
    }

    #[test]
    fn paths_in_an_overlay_lead_where_linux_leads(operations in operations()) {
        become_ordinary();
        let directory = Loose::new();
        let (mount, overlay) = Mount::directory(directory.0.path(), "/work", Access::ReadOnly).overlay();
        compare(&mut Virtual::new(Some(mount), "/work"), &operations)?;
        overlay.check_invariants();
    }

    #[test]
    fn a_tree_in_memory_stays_sound(operations in operations()) {
        become_ordinary();
        let tree = MemoryTree::new(Arc::new(Quota::new(1 << 30, 1 << 20)), 5, Arc::new(RealClock::new()));
        compare(&mut Virtual::new(Some(Mount::tree(tree.root(), "/work")), "/work"), &operations)?;
        tree.check_invariants(true);
    }
}

/// The host's side. A process has one working directory, and here are many threads: so it
/// is an open directory too, from which the kernel walks as from a working directory.
struct Real {
    _directory: Loose,
    top: PathBuf,
    standing: OwnedFd,
    slots: [OwnedFd; SLOTS],
    /// Whether the guest works on a directory of the host.
    on_host: bool,
}

fn link_of(fd: &OwnedFd) -> String {
    let text = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).expect("Linux");
    String::from_utf8(text.as_os_str().as_bytes().to_vec()).expect("UTF-8")
}

impl Real {
    fn new() -> Self {
        let directory = Loose::new();
        let top = directory.0.path().canonicalize().expect("there");
        let mut path = top.clone();
        for level in 0..DEPTH {
            path.push(format!("outer{level}"));
            std::fs::create_dir(&path).expect("made");
        }
        let open = || -> OwnedFd { std::fs::File::open(&path).expect("opened").into() };
        Self {
            _directory: directory,
            top,
            standing: open(),
            slots: [(); SLOTS].map(|()| open()),
            on_host: false,
        }
    }

    fn base(&self, slot: usize) -> &OwnedFd {
        if slot == 0 { &self.standing } else { &self.slots[slot] }
    }

    fn told(&self, text: &str) -> String {
        text.replacen(self.top.to_str().expect("UTF-8"), "", 1)
    }

    /// Whether a path, with all that it climbs, stays within.
    fn stays(&self, (slot, path): &At) -> bool {
        let here = self.told(&link_of(self.base(*slot)));
        let depth = here.split('/').filter(|name| !name.is_empty()).count();
        // The last ones are for a directory that is moved up meanwhile.
        depth > path.split('/').filter(|name| *name == "..").count() + 2
    }

    /// Whether a directory can be looked through, as it is before it moves up on the host.
    fn can_be_read(&self, (slot, path): &At) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let told = rustix::fs::statat(self.base(*slot), path.as_str(), flags);
        told.map_or(true, |told| told.st_mode & 0o500 == 0o500)
    }

    fn may(&self, operation: &Operation) -> bool {
        match operation {
            // An opening that is for neither way asks Linux for both, and the host for none.
            Operation::Open(_, flags, _) | Operation::OpenWithin(_, flags, _)
                if self.on_host && flags & 3 == 3 =>
            {
                false
            }
            Operation::Rename(one, other, _) if self.on_host => {
                let can_be_read = self.can_be_read(one) && self.can_be_read(other);
                can_be_read && self.stays(one) && self.stays(other)
            }
            Operation::Rename(one, other, _) | Operation::Link(one, other, _) => {
                self.stays(one) && self.stays(other)
            }
            Operation::MakeDirectory(at, _)
            | Operation::MakeNode(at, _)
            | Operation::Unlink(at, _)
            | Operation::Symlink(_, at)
            | Operation::ReadLink(at)
            | Operation::Stat(at, _)
            | Operation::Open(at, _, _)
            | Operation::OpenWithin(at, _, _)
            | Operation::Hold(_, at, _)
            | Operation::Mode(at, _)
            | Operation::Times(at, _, _)
            | Operation::Access(at, _)
            | Operation::Owner(at, _) => self.stays(at),
            Operation::Change(path) => self.stays(&(0, path.clone())),
            Operation::ChangeTo(_) | Operation::Where | Operation::List(_) | Operation::Shown(_) => true,
        }
    }

    fn use_it(file: &OwnedFd) -> Shown {
        let mut buffer = vec![0; 9000];
        let read = rustix::io::read(file, &mut buffer).ok();
        let read = read.map(|count| String::from_utf8_lossy(&buffer[..count]).into_owned());
        Shown::Data(read, rustix::io::write(file, b"text").ok())
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        let done = |result: rustix::io::Result<()>| match result {
            Ok(()) => Ok(Shown::Nothing),
            Err(error) => Err(Errno::from(error)),
        };
        let bits = |flags: u32| AtFlags::from_bits_retain(flags);
        match operation {
            Operation::MakeDirectory((slot, path), mode) => {
                done(rustix::fs::mkdirat(self.base(*slot), path.as_str(), Mode::from_raw_mode(*mode)))
            }
            Operation::MakeNode((slot, path), mode) => {
                let kind = match mode & 0o170_000 {
                    0 => rustix::fs::FileType::RegularFile,
                    _ => rustix::fs::FileType::from_raw_mode(*mode),
                };
                let mode = Mode::from_raw_mode(*mode);
                done(rustix::fs::mknodat(self.base(*slot), path.as_str(), kind, mode, 0))
            }
            Operation::Unlink((slot, path), flags) => {
                done(rustix::fs::unlinkat(self.base(*slot), path.as_str(), bits(*flags)))
            }
            Operation::Rename((from, old), (to, new), flags) => {
                let flags = RenameFlags::from_bits_retain(*flags);
                let (from, to) = (self.base(*from), self.base(*to));
                done(rustix::fs::renameat_with(from, old.as_str(), to, new.as_str(), flags))
            }
            Operation::Link((from, old), (to, new), flags) => {
                let (from, to) = (self.base(*from), self.base(*to));
                done(rustix::fs::linkat(from, old.as_str(), to, new.as_str(), bits(*flags)))
            }
            Operation::Symlink(target, (slot, path)) => {
                done(rustix::fs::symlinkat(target.as_str(), self.base(*slot), path.as_str()))
            }
            Operation::ReadLink((slot, path)) => {
                let text = rustix::fs::readlinkat(self.base(*slot), path.as_str(), Vec::new())?;
                Ok(Shown::Text(text.into_string().expect("UTF-8")))
            }
            Operation::Stat((slot, path), flags) => {
                let stat = rustix::fs::statx(
                    self.base(*slot),
                    path.as_str(),
                    bits(*flags),
                    rustix::fs::StatxFlags::BASIC_STATS,
                )?;
                let mode = u32::from(stat.stx_mode);
                Ok(match mode & 0o170_000 {
                    0o040_000 => Shown::Stat(mode, 0, 0),
                    _ => Shown::Stat(mode, stat.stx_size, stat.stx_nlink),
                })
            }
            Operation::Open((slot, path), flags, mode) => {
                let flags = OFlags::from_bits_retain(*flags);
                let mode = Mode::from_raw_mode(*mode);
                let file = rustix::fs::openat(self.base(*slot), path.as_str(), flags, mode)?;
                Ok(Self::use_it(&file))
            }
            Operation::OpenWithin((slot, path), flags, within) => {
                let made = flags & 0o20_000_100 != 0;
                let mode = Mode::from_raw_mode(if made { 0o644 } else { 0 });
                let (flags, within) =
                    (OFlags::from_bits_retain(*flags), ResolveFlags::from_bits_retain(*within));
                let file = rustix::fs::openat2(self.base(*slot), path.as_str(), flags, mode, within)?;
                Ok(Self::use_it(&file))
            }
            Operation::Hold(slot, (from, path), flags) => {
                let flags = OFlags::from_bits_retain(*flags) | OFlags::DIRECTORY;
                let opened = rustix::fs::openat(self.base(*from), path.as_str(), flags, Mode::empty())?;
                self.slots[*slot] = opened;
                Ok(Shown::Nothing)
            }
            Operation::ChangeTo(slot) => {
                let empty = rustix::fs::openat(
                    &self.slots[*slot],
                    ".",
                    OFlags::PATH | OFlags::DIRECTORY,
                    Mode::empty(),
                )?;
                self.standing = empty;
                Ok(Shown::Nothing)
            }
            Operation::Change(path) => {
                // What may be stood in is what something may be looked up in.
                let flags = OFlags::PATH | OFlags::DIRECTORY;
                let opened = rustix::fs::openat(&self.standing, path.as_str(), flags, Mode::empty())?;
                rustix::fs::openat(&opened, ".", OFlags::PATH, Mode::empty())?;
                self.standing = opened;
                Ok(Shown::Nothing)
            }
            Operation::Where => {
                let text = link_of(&self.standing);
                match text.ends_with(" (deleted)") {
                    true => Err(Errno::NOENT),
                    false => Ok(Shown::Text(self.told(&text))),
                }
            }
            Operation::List(slot) => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY;
                let opened = rustix::fs::openat(&self.slots[*slot], ".", flags, Mode::empty())?;
                let mut buffer = Vec::with_capacity(8192);
                let mut entries = rustix::fs::RawDir::new(opened.as_fd(), buffer.spare_capacity_mut());
                let mut names = Vec::new();
                while let Some(entry) = entries.next() {
                    let entry = entry?;
                    let kind = match entry.file_type() {
                        rustix::fs::FileType::Directory => 4,
                        rustix::fs::FileType::RegularFile => 8,
                        rustix::fs::FileType::Symlink => 10,
                        _ => 0,
                    };
                    names.push((entry.file_name().to_str().expect("UTF-8").to_owned(), kind));
                }
                names.sort();
                Ok(Shown::Names(names))
            }
            Operation::Mode((slot, path), mode) => {
                let mode = Mode::from_raw_mode(*mode);
                done(rustix::fs::chmodat(self.base(*slot), path.as_str(), mode, AtFlags::empty()))
            }
            Operation::Times((slot, path), flags, given) => {
                let time = |(tv_sec, tv_nsec): (i64, i64)| Timespec { tv_sec, tv_nsec };
                let times = Timestamps { last_access: time(given[0]), last_modification: time(given[1]) };
                rustix::fs::utimensat(self.base(*slot), path.as_str(), &times, bits(*flags))?;
                let stat = rustix::fs::statx(
                    self.base(*slot),
                    path.as_str(),
                    bits(*flags),
                    rustix::fs::StatxFlags::BASIC_STATS,
                )?;
                let told = [stat.stx_atime, stat.stx_mtime].map(|time| (time.tv_sec, time.tv_nsec.into()));
                Ok(kept_times(given, told, stat.stx_mode))
            }
            Operation::Access((slot, path), mode) => {
                let mode = rustix::fs::Access::from_bits_retain(*mode as _);
                done(rustix::fs::accessat(self.base(*slot), path.as_str(), mode, AtFlags::empty()))
            }
            Operation::Shown(slot) => Ok(Shown::Text(self.told(&link_of(&self.slots[*slot])))),
            Operation::Owner((slot, path), flags) => {
                done(rustix::fs::chownat(self.base(*slot), path.as_str(), None, None, bits(*flags)))
            }
        }
    }
}
