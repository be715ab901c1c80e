//! Locks against the real kernel: random operations of three processes on two files, each
//! result compared. On Linux's side the processes are interpreters of the host, which do what
//! they are told; on ours they are runs that share a tree.
//!
//! `BELLGLASS_SEQUENCES` sets how many sequences are tried with each tree.

use super::fake::FakeGuest;
use super::locks::{EXCLUSIVE, NONE, SHARED, fcntl, flock64, guests, memory};
use crate::{Access, Errno, Mount};
use proptest::prelude::*;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const PROCESSES: usize = 3;

/// Descriptors of each process, by small numbers of their own.
const SLOTS: usize = 4;

#[derive(Clone, Debug)]
enum Operation {
    /// Slot, file, access as open has it.
    Open(usize, usize, u64),
    /// From slot, to slot.
    Copy(usize, usize),
    Close(usize),
    /// Slot, bytes to write, which move it.
    Write(usize, usize),
    /// Slot, operation.
    Flock(usize, u64),
    /// Slot, command of fcntl64, kind, whence, start, length.
    Record(usize, u64, u16, u16, i64, i64),
}

/// What an operation showed: a number, or kind, whence, start, length and whose.
type Outcome = Result<Vec<i64>, u16>;

fn operation() -> impl Strategy<Value = Operation> {
    let slot = || 0..SLOTS;
    let kind = prop_oneof![4 => Just(SHARED), 4 => Just(EXCLUSIVE), 3 => Just(NONE), 1 => Just(3)];
    let whence = prop_oneof![6 => Just(0u16), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    let start = prop_oneof![12 => 0i64..16, 2 => -9i64..0, 1 => Just(i64::MAX), 1 => Just(i64::MAX - 4)];
    let length = prop_oneof![8 => 1i64..9, 3 => Just(0), 2 => -9i64..0, 1 => Just(i64::MAX)];
    let command = prop_oneof![Just(12u64), Just(13), Just(13), Just(36), Just(37), Just(37)];
    let access = prop_oneof![1 => Just(0u64), 1 => Just(1), 4 => Just(2)];
    let flock =
        prop_oneof![3 => Just(5u64), 3 => Just(6), 2 => Just(8), 1 => Just(12), 1 => Just(3), 1 => Just(36)];
    prop_oneof![
        3 => (slot(), 0usize..2, access).prop_map(|(slot, file, access)| Operation::Open(slot, file, access)),
        1 => (slot(), slot()).prop_map(|(from, to)| Operation::Copy(from, to)),
        1 => slot().prop_map(Operation::Close),
        1 => (slot(), 0usize..9).prop_map(|(slot, count)| Operation::Write(slot, count)),
        4 => (slot(), flock).prop_map(|(slot, operation)| Operation::Flock(slot, operation)),
        12 => (slot(), command, kind, whence, start, length)
            .prop_map(|(slot, command, kind, whence, start, length)| Operation::Record(slot, command, kind, whence, start, length)),
    ]
}

fn operations() -> impl Strategy<Value = Vec<(usize, Operation)>> {
    prop::collection::vec((0..PROCESSES, operation()), 1..60)
}

/// A run, which stands for a process.
struct Virtual {
    guest: FakeGuest,
    slots: [Option<u64>; SLOTS],
}

impl Virtual {
    fn new(guest: FakeGuest) -> Self {
        Self { guest, slots: [None; SLOTS] }
    }

    fn slot(&self, slot: usize) -> Result<u64, Errno> {
        self.slots[slot].ok_or(Errno::BADF)
    }

    fn put(&mut self, slot: usize, fd: u64) {
        if let Some(before) = self.slots[slot].replace(fd) {
            self.guest.close(before);
        }
    }

    fn apply(&mut self, operation: &Operation) -> Result<Vec<i64>, Errno> {
        match *operation {
            Operation::Open(slot, file, access) => {
                let rights = match access {
                    0 => !(1 << 6),
                    1 => !(1 << 1),
                    _ => u64::MAX,
                };
                let fd = self.guest.open_with(&format!("shared/f{file}"), 1, 0, rights, 0)?;
                self.put(slot, fd);
                Ok(vec![])
            }
            Operation::Copy(from, to) => {
                let copy = self.guest.linux("dup", &[self.slot(from)?])?.into();
                self.put(to, copy);
                Ok(vec![])
            }
            Operation::Close(slot) => {
                let fd = self.slots[slot].take().ok_or(Errno::BADF)?;
                self.guest.close(fd);
                Ok(vec![])
            }
            Operation::Write(slot, count) => {
                let fd = self.slot(slot)?;
                Ok(vec![self.guest.write(fd, &vec![b'x'; count])? as i64])
            }
            Operation::Flock(slot, operation) => {
                // A number that no descriptor has.
                let fd = self.slots[slot].unwrap_or(99);
                Ok(vec![self.guest.linux("flock", &[fd, operation])?.into()])
            }
            Operation::Record(slot, command, kind, whence, start, length) => {
                let (address, _) = self.guest.put(&flock64(kind, whence, start, length, 0));
                let fd = self.slots[slot].unwrap_or(99);
                fcntl(&mut self.guest, fd, command, address)?;
                let address = address as u32;
                let half = |guest: &mut FakeGuest, at| i64::from(guest.get_u32(address + at) as u16 as i16);
                let guest = &mut self.guest;
                let process = guest.get_u32(address + 24) as i32;
                Ok(vec![
                    half(guest, 0),
                    half(guest, 2),
                    guest.get_u64(address + 8) as i64,
                    guest.get_u64(address + 16) as i64,
                    i64::from(process),
                ])
            }
        }
    }
}

/// An interpreter of the host that does one operation a line.
struct Real {
    child: Child,
    answers: BufReader<ChildStdout>,
}

/// Whose a lock is: its own is 2, as a run has it, that of another process 0, which a run is
/// told because it has no number for that one.
const PROGRAM: &str = r#"
import fcntl, os, struct, sys
slots = {}
LAYOUT = 'hhqqi4x'
COMMANDS = {12: fcntl.F_GETLK, 13: fcntl.F_SETLK, 36: 36, 37: 37}
def put(slot, fd):
    if slot in slots:
        os.close(slots[slot])
    slots[slot] = fd
def apply(name, path, *numbers):
    if name == 'reset':
        for fd in slots.values():
            os.close(fd)
        slots.clear()
    elif name == 'open':
        put(numbers[0], os.open(path, numbers[1]))
    elif name == 'copy':
        put(numbers[1], os.dup(slots.get(numbers[0], 99)))
    elif name == 'close':
        os.close(slots.pop(numbers[0], 99))
    elif name == 'write':
        return [os.write(slots.get(numbers[0], 99), b'x' * numbers[1])]
    elif name == 'flock':
        fcntl.flock(slots.get(numbers[0], 99), numbers[1])
        return [0]
    elif name == 'record':
        slot, command, kind, whence, start, length = numbers
        asked = struct.pack(LAYOUT, kind, whence, start, length, 0)
        told = struct.unpack(LAYOUT, fcntl.fcntl(slots.get(slot, 99), COMMANDS[command], asked))
        whose = told[4]
        return [*told[:4], whose if whose in (0, -1) else 2 if whose == os.getpid() else 0]
    return []
for line in sys.stdin:
    name, path, *numbers = line.rstrip('\n').split('\t')
    try:
        print('ok', *apply(name, path, *map(int, numbers)), flush=True)
    except OSError as error:
        print('failed', error.errno, flush=True)
"#;

impl Real {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, answers }
    }

    fn ask(&mut self, name: &str, path: &str, numbers: &[i64]) -> Outcome {
        let numbers: String = numbers.iter().map(|number| format!("\t{number}")).collect();
        let pipe = self.child.stdin.as_mut().expect("a pipe");
        pipe.write_all(format!("{name}\t{path}{numbers}\n").as_bytes()).expect("told");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("answered");
        let (word, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let numbers = rest.split_whitespace().map(|number| number.parse().expect("a number"));
        let numbers: Vec<i64> = numbers.collect();
        if word == "ok" { Ok(numbers) } else { Err(numbers[0] as u16) }
    }

    fn apply(&mut self, directory: &Path, operation: &Operation) -> Outcome {
        let number = |number: usize| number as i64;
        match *operation {
            Operation::Open(slot, file, access) => {
                let path = directory.join(format!("f{file}"));
                self.ask("open", path.to_str().expect("UTF-8"), &[number(slot), access as i64])
            }
            Operation::Copy(from, to) => self.ask("copy", "", &[number(from), number(to)]),
            Operation::Close(slot) => self.ask("close", "", &[number(slot)]),
            Operation::Write(slot, count) => self.ask("write", "", &[number(slot), number(count)]),
            Operation::Flock(slot, operation) => self.ask("flock", "", &[number(slot), operation as i64]),
            Operation::Record(slot, command, kind, whence, start, length) => {
                let numbers = [number(slot), command as i64, kind.into(), whence.into(), start, length];
                self.ask("record", "", &numbers)
            }
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Two files of 20 bytes.
fn fill(directory: &Path) {
    for file in 0..2 {
        std::fs::write(directory.join(format!("f{file}")), [b'x'; 20]).expect("written");
    }
}

/// Tries many sequences, with processes that stay the same.
fn compare(guests: impl Fn(&Path) -> [FakeGuest; PROCESSES]) {
    let reals = std::cell::RefCell::new(std::array::from_fn::<Real, PROCESSES, _>(|_| Real::start()));
    let config = ProptestConfig { source_file: Some(file!()), ..super::against_linux() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&operations(), |operations| {
        let mut reals = reals.borrow_mut();
        let (ours, theirs) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        fill(ours.path());
        fill(theirs.path());
        for real in reals.iter_mut() {
            prop_assert_eq!(real.ask("reset", "", &[]), Ok(vec![]));
        }
        let mut guests = guests(ours.path()).map(Virtual::new);
        for (index, (process, operation)) in operations.iter().enumerate() {
            let here = guests[*process].apply(operation).map_err(Errno::number);
            let there = reals[*process].apply(theirs.path(), operation);
            prop_assert_eq!(
                &here,
                &there,
                "operation {} of process {}: {:?} (left ours, right Linux)",
                index,
                process,
                operation
            );
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn locks_in_a_tree_in_memory_are_as_linux_has_them() {
    let filled = |_: &Path| {
        let tree = memory();
        let mut guests = guests(|| Mount::tree(tree.root(), "/shared"));
        for file in 0..2 {
            let fd = guests[0].open(&format!("shared/f{file}"), 1).expect("made");
            guests[0].write(fd, &[b'x'; 20]).expect("written");
            guests[0].close(fd);
        }
        guests
    };
    compare(filled);
}

#[test]
fn locks_in_a_mounted_directory_are_as_linux_has_them() {
    let mounted = |path: &Path| guests(|| Mount::directory(path, "/shared", Access::ReadWrite));
    compare(mounted);
}

/// Each process in an overlay of its own would see nothing of the others, so that they share
/// one.
#[test]
fn locks_in_an_overlay_are_as_linux_has_them() {
    let laid = |path: &Path| {
        let lower = crate::files::HostDirectory::of_path(path, Access::ReadOnly, 5);
        let quota = std::sync::Arc::new(crate::files::Quota::new(1 << 20, 100));
        let clock = std::sync::Arc::new(crate::RealClock::new());
        let tree = crate::files::MemoryTree::over(std::sync::Arc::new(lower), quota, 6, clock).expect("laid");
        guests(|| Mount::tree(tree.root(), "/shared"))
    };
    compare(laid);
}
