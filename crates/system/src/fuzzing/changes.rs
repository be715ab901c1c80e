//! Any bytes as what a program does to a directory that it sees through an overlay;
//! then all of it is written, and the directory is as the program saw it.

use super::{CONTROLLER_BYTES, FILE_BYTES, HOLE, Host, OPEN_FILES, Source, timely};
use crate::fake::FakeGuest;
use crate::files::ApplyError;
use crate::{Access, Errno, FixedClock, Mount, SeededRandom, System, Waiter};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Names that a program may make.
const FILES: u64 = 300;

/// When a call must be over.
const PATIENCE: Duration = Duration::from_millis(20);

/// What the list of changes may take to make and to write. Each name costs a few
/// calls of the host's, and the disk is waited for.
const WRITING: Duration = Duration::from_secs(2);

/// Bytes of the disk that the changes may take: those of the quota, and a block or
/// two for each name.
const DISK: u64 = FILE_BYTES + FILES * 3 * 4096;

/// How many names are made at a time where many are.
const MANY: usize = 100;

/// How many bytes at the start and at the end of a file are compared.
const COMPARED: usize = 4096;

/// Bytes of a path that are asked for.
const PATH: usize = 2000;

const NAMES: [&str; 12] =
    ["a", "b", "c", "file", "big", "link", "a/a", "a/b", "a/c", "a/a/a", "b/a", "a/link"];

const TARGETS: [&str; 10] = [
    "a",
    "file",
    "../a",
    "../outside/secret",
    "/etc/passwd",
    "../../outside",
    "./b/../..",
    "..",
    "a/../../outside",
    "loop",
];

const OFFSETS: [u64; 8] = [0, 1, 4095, 4096, 1 << 20, 1 << 32, HOLE - 1, HOLE];

/// What something is, as the program sees it and as it must then be on the host.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Directory,
    File { size: u64, start: Vec<u8>, end: Vec<u8> },
    Link(Vec<u8>),
}

/// Does what `input` stands for, and writes it.
///
/// # Panics
/// If it does harm.
pub fn changes(input: &[u8]) {
    let mut source = Source::new(input);
    let Ok(host) = Host::new() else { return };
    let before = on_the_host(&host.inside());
    let links_out = leading_out(&before);
    let (mount, overlay) = Mount::directory(host.inside(), "/work", Access::ReadOnly).overlay();
    let system = System::builder()
        .clock(Arc::new(FixedClock::new(Duration::from_secs(1))))
        .random(Box::new(SeededRandom::new(1)))
        .file_bytes(FILE_BYTES)
        .controller_bytes(CONTROLLER_BYTES)
        .file_count(FILES)
        .open_files(OPEN_FILES)
        .mount(mount)
        .build()
        .expect("what is mounted is there");
    let mut guest = FakeGuest::new(system);
    while let Some(byte) = source.byte() {
        let deadline = Instant::now() + PATIENCE * if byte % 16 >= 12 { MANY as u32 } else { 1 };
        guest.waiter = Waiter::new(Some(deadline)).expect("a waiter");
        // What is refused is as good as what is done.
        let _ = timely(operation(byte), deadline, || operate(&mut guest, byte, &mut source));
    }
    guest.waiter = Waiter::new(None).expect("a waiter");
    let mut seen = BTreeMap::new();
    let whole = look(&mut guest, "/work", "", &mut seen);
    drop(guest);
    overlay.check_invariants();
    let deadline = Instant::now() + WRITING;
    let Ok(changes) = timely("the changes", deadline, || overlay.changes()) else { return };
    let written = timely("the writing", deadline, || changes.apply());
    host.check_outside();
    let after = on_the_host(&host.inside());
    let taken = on_the_disk(&host.inside());
    assert!(taken <= DISK, "{taken} bytes of the disk were taken, with a quota of {FILE_BYTES}");
    assert!(leading_out(&after).is_subset(&links_out), "a link leads out: {:?}", leading_out(&after));
    match written {
        Ok(()) if whole == Whole::Yes => assert_eq!(seen, after, "the host is not as the program saw it"),
        Err(ApplyError::Refused { .. }) => assert_eq!(before, after, "it was refused, and yet written"),
        _ => {}
    }
}

/// The name of what a byte stands for, for a message.
fn operation(byte: u8) -> &'static str {
    const NAMES: [&str; 16] = [
        "write",
        "write far",
        "set the size",
        "make a directory",
        "remove a directory",
        "unlink",
        "rename",
        "link",
        "symlink",
        "set times",
        "read",
        "list",
        "make many links",
        "make many files",
        "make many directories",
        "open many",
    ];
    NAMES[usize::from(byte % 16)]
}

fn operate(guest: &mut FakeGuest, byte: u8, source: &mut Source<'_>) -> Result<(), Errno> {
    let name = format!("/work/{}", source.choose(&NAMES));
    match byte % 16 {
        0 | 1 => {
            let descriptor = guest.open(&name, if byte % 32 < 16 { 1 } else { 1 | 8 })?;
            let offset = if byte.is_multiple_of(16) { 0 } else { source.choose(&OFFSETS) };
            let content = [source.byte().unwrap_or(0)].repeat(usize::from(source.byte().unwrap_or(0)) * 16);
            let seek = [descriptor, offset, 0, u64::from(crate::fake::RESULT)];
            let written = guest.wasi("fd_seek", &seek).and_then(|()| guest.write(descriptor, &content));
            guest.close(descriptor);
            written.map(drop)
        }
        2 => {
            let descriptor = guest.open(&name, 0)?;
            let set = guest.wasi("fd_filestat_set_size", &[descriptor, source.choose(&OFFSETS)]);
            guest.close(descriptor);
            set
        }
        3 => guest.on_path("path_create_directory", &name),
        4 => guest.on_path("path_remove_directory", &name),
        5 => guest.on_path("path_unlink_file", &name),
        6 => guest.rename(&name, &format!("/work/{}", source.choose(&NAMES))),
        7 => guest.link(&name, &format!("/work/{}", source.choose(&NAMES))),
        8 => guest.symlink(source.choose(&TARGETS), &name),
        9 => {
            let (path, length) = guest.put(name.as_bytes());
            let second = u64::from(source.byte().unwrap_or(0)) * 1_000_000_000;
            guest.wasi("path_filestat_set_times", &[3, 0, path, length, second, second, 0b101])
        }
        10 => {
            let descriptor = guest.open_to_read(&name)?;
            let read = guest.read(descriptor, COMPARED);
            guest.close(descriptor);
            read.map(drop)
        }
        11 => guest.list(&name).map(drop),
        12 => many(|number| guest.link(&name, &format!("/work/a/{number:0>200}"))),
        13 => many(|number| {
            let descriptor = guest.open(&format!("{name}/{number}"), 1)?;
            guest.close(descriptor);
            Ok(())
        }),
        14 => {
            let mut path = name;
            many(|_| {
                path.push_str("/d");
                guest.on_path("path_create_directory", &path)
            })
        }
        _ => {
            let mut open = Vec::new();
            let result = many(|_| guest.open_with(&name, 1, 0, !(1 << 6), 0).map(|number| open.push(number)));
            open.into_iter().for_each(|number| guest.close(number));
            result
        }
    }
}

fn many(mut each: impl FnMut(usize) -> Result<(), Errno>) -> Result<(), Errno> {
    (0..MANY).try_for_each(&mut each)
}

/// Whether all could be looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

/// What the program sees below a directory.
fn look(guest: &mut FakeGuest, path: &str, below: &str, seen: &mut BTreeMap<String, Seen>) -> Whole {
    let Ok(names) = guest.list(path) else { return Whole::No };
    let mut whole = Whole::Yes;
    for name in names {
        let path = format!("{path}/{name}");
        let below = if below.is_empty() { name } else { format!("{below}/{name}") };
        if path.len() > PATH {
            return Whole::No;
        }
        let found = match guest.stat(&path, false) {
            Ok((_, 3, _)) => {
                if look(guest, &path, &below, seen) == Whole::No {
                    whole = Whole::No;
                }
                Ok(Seen::Directory)
            }
            Ok((size, 4, _)) => read_ends(guest, &path, size),
            Ok((_, 7, _)) => guest.read_link(&path).map(|target| Seen::Link(target.into_bytes())),
            Ok(_) | Err(_) => Err(Errno::IO),
        };
        match found {
            Ok(found) => drop(seen.insert(below, found)),
            Err(_) => whole = Whole::No,
        }
    }
    whole
}

fn read_ends(guest: &mut FakeGuest, path: &str, size: u64) -> Result<Seen, Errno> {
    let descriptor = guest.open_to_read(path)?;
    let at_the_end = [descriptor, end_of(size), 0, u64::from(crate::fake::RESULT)];
    let start = guest.read(descriptor, COMPARED);
    let end = guest.wasi("fd_seek", &at_the_end).and_then(|()| guest.read(descriptor, COMPARED));
    guest.close(descriptor);
    Ok(Seen::File { size, start: start?, end: end? })
}

fn end_of(size: u64) -> u64 {
    size.saturating_sub(COMPARED as u64)
}

/// The same of the host's directory.
fn on_the_host(root: &Path) -> BTreeMap<String, Seen> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let metadata = std::fs::symlink_metadata(&path).expect("it is there");
            let found = if metadata.is_dir() {
                waiting.push(path.clone());
                Seen::Directory
            } else if metadata.is_symlink() {
                Seen::Link(std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes())
            } else {
                let file = std::fs::File::open(&path).expect("it can be read");
                let read = |offset| {
                    let mut bytes = vec![0; COMPARED];
                    let count = file.read_at(&mut bytes, offset).expect("it can be read");
                    bytes.truncate(count);
                    bytes
                };
                let size = metadata.len();
                Seen::File { size, start: read(0), end: read(end_of(size)) }
            };
            let below = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            seen.insert(below, found);
        }
    }
    seen
}

/// Bytes of the disk below a directory, each file once.
fn on_the_disk(root: &Path) -> u64 {
    let mut inodes = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let metadata = std::fs::symlink_metadata(entry.path()).expect("it is there");
            inodes.insert(metadata.ino(), metadata.blocks() * 512);
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    inodes.into_values().sum()
}

/// The links among these that lead out of the directory, as far as names tell.
fn leading_out(seen: &BTreeMap<String, Seen>) -> BTreeSet<String> {
    let leads_out = |path: &str, target: &[u8]| {
        let target = Path::new(std::str::from_utf8(target).unwrap_or("/"));
        let mut depth = path.matches('/').count();
        target.components().any(|part| match part {
            Component::RootDir | Component::Prefix(_) => true,
            Component::ParentDir => match depth.checked_sub(1) {
                Some(less) => {
                    depth = less;
                    false
                }
                None => true,
            },
            Component::Normal(_) => {
                depth += 1;
                false
            }
            Component::CurDir => false,
        })
    };
    seen.iter()
        .filter(|(path, found)| matches!(found, Seen::Link(target) if leads_out(path, target)))
        .map(|(path, _)| path.clone())
        .collect()
}
