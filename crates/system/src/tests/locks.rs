//! Locks: of several open files, of several runs, with the host's own programs, and against
//! the real kernel.

use super::fake::{FakeGuest, RESULT};
use crate::files::{MemoryTree, Quota};
use crate::{Access, Ending, Errno, Mount, RealClock, Stop, System, Waiter};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const SHARED: u16 = 0;
pub(super) const EXCLUSIVE: u16 = 1;
pub(super) const NONE: u16 = 2;

/// The commands of fcntl64.
const GET: u64 = 12;
const SET: u64 = 13;
const WAIT: u64 = 14;
const OPEN_FILE_GET: u64 = 36;
const OPEN_FILE_SET: u64 = 37;
const OPEN_FILE_WAIT: u64 = 38;

/// Makes a command of fcntl64.
pub(super) fn fcntl(guest: &mut FakeGuest, fd: u64, command: u64, address: u64) -> Result<(), Errno> {
    guest.linux("fcntl64", &[fd, command, address]).map(|value| assert_eq!(value, 0))
}

/// `struct flock64`: kind, whence, start, length, process.
pub(super) fn flock64(kind: u16, whence: u16, start: i64, length: i64, process: i32) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), whence.to_le_bytes(), [0; 2], [0; 2]].concat();
    bytes.extend(start.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(process.to_le_bytes());
    bytes.extend([0; 4]);
    bytes
}

/// Takes a lock, or gives it up.
fn set(
    guest: &mut FakeGuest,
    fd: u64,
    command: u64,
    kind: u16,
    start: i64,
    length: i64,
) -> Result<(), Errno> {
    let (address, _) = guest.put(&flock64(kind, 0, start, length, 0));
    fcntl(guest, fd, command, address)
}

/// What is in the way: kind, start, length, process.
fn find(guest: &mut FakeGuest, fd: u64, command: u64, kind: u16) -> Result<(u16, u64, u64, i32), Errno> {
    let (address, _) = guest.put(&flock64(kind, 0, 0, 0, 0));
    fcntl(guest, fd, command, address)?;
    let address = address as u32;
    let kind = u16::from_le_bytes(guest.get(address, 2).try_into().expect("two"));
    let process = guest.get_u32(address + 24) as i32;
    Ok((kind, guest.get_u64(address + 8), guest.get_u64(address + 16), process))
}

fn flock(guest: &mut FakeGuest, fd: u64, operation: u64) -> Result<(), Errno> {
    guest.linux("flock", &[fd, operation]).map(|value| assert_eq!(value, 0))
}

/// Guests of several runs that share what `mount` gives, at /shared.
pub(super) fn guests<const COUNT: usize>(mount: impl Fn() -> Mount) -> [FakeGuest; COUNT] {
    std::array::from_fn(|_| FakeGuest::new(System::builder().mount(mount()).build().expect("a system")))
}

pub(super) fn memory() -> MemoryTree {
    MemoryTree::new(Arc::new(Quota::new(1 << 20, 100)), 77, Arc::new(RealClock::new()))
}

const CREATE: u64 = 1;

/// Opens what is shared.
fn directory(guest: &mut FakeGuest) -> u64 {
    guest.open_with("shared", 1, 2, !(1 << 6), 0).expect("opened")
}

#[test]
fn locks_of_a_process_do_not_stop_itself_and_go_when_any_descriptor_is_closed() {
    let tree = memory();
    let [mut one, mut other] = guests(|| Mount::tree(tree.root(), "/shared"));
    let (first, second) =
        (one.open("shared/f", CREATE).expect("made"), one.open("shared/f", 0).expect("opened"));
    let theirs = other.open("shared/f", 0).expect("opened");
    set(&mut one, first, SET, EXCLUSIVE, 0, 10).expect("free");
    set(&mut one, second, SET, EXCLUSIVE, 5, 10).expect("its own");
    assert_eq!(find(&mut one, second, GET, EXCLUSIVE), Ok((NONE, 0, 0, 0)));
    assert_eq!(set(&mut other, theirs, SET, SHARED, 14, 1), Err(Errno::AGAIN));
    assert_eq!(set(&mut other, theirs, SET, SHARED, 15, 1), Ok(()));
    // The process of another run has no number here.
    assert_eq!(find(&mut other, theirs, GET, SHARED), Ok((EXCLUSIVE, 0, 15, 0)));
    // Another descriptor of the same file, by which nothing was locked.
    let third = one.open("shared/f", 0).expect("opened");
    one.close(third);
    assert_eq!(set(&mut other, theirs, SET, EXCLUSIVE, 0, 0), Ok(()));
    assert_eq!(set(&mut one, first, SET, SHARED, 0, 1), Err(Errno::AGAIN));
    drop(other);
    assert_eq!(set(&mut one, first, SET, SHARED, 0, 1), Ok(()), "all go with the run");
}

#[test]
fn locks_of_open_files_stop_each_other_and_stay_until_the_last_descriptor() {
    let tree = memory();
    let [mut guest] = guests(|| Mount::tree(tree.root(), "/shared"));
    let (first, second) =
        (guest.open("shared/f", CREATE).expect("made"), guest.open("shared/f", 0).expect("opened"));
    let copy: u64 = guest.linux("dup", &[first]).expect("copied").into();
    set(&mut guest, first, OPEN_FILE_SET, EXCLUSIVE, 0, 10).expect("free");
    assert_eq!(set(&mut guest, copy, OPEN_FILE_SET, EXCLUSIVE, 0, 10), Ok(()), "the same open file");
    assert_eq!(set(&mut guest, second, OPEN_FILE_SET, SHARED, 0, 1), Err(Errno::AGAIN));
    assert_eq!(set(&mut guest, second, SET, SHARED, 0, 1), Err(Errno::AGAIN), "and the process's");
    assert_eq!(find(&mut guest, second, GET, SHARED), Ok((EXCLUSIVE, 0, 10, -1)));
    assert_eq!(find(&mut guest, first, OPEN_FILE_GET, NONE), Ok((EXCLUSIVE, 0, 10, -1)), "its own");
    guest.close(first);
    assert_eq!(set(&mut guest, second, OPEN_FILE_SET, SHARED, 0, 1), Err(Errno::AGAIN));
    guest.close(copy);
    assert_eq!(set(&mut guest, second, OPEN_FILE_SET, SHARED, 0, 1), Ok(()));
    // The process's lock is told by the process's number.
    set(&mut guest, second, SET, EXCLUSIVE, 50, 1).expect("free");
    let third = guest.open("shared/f", 0).expect("opened");
    assert_eq!(find(&mut guest, third, OPEN_FILE_GET, SHARED), Ok((EXCLUSIVE, 50, 1, 2)));
}

#[test]
fn whole_files_are_locked_by_open_files_whatever_they_may_do() {
    let tree = memory();
    let [mut one, mut other] = guests(|| Mount::tree(tree.root(), "/shared"));
    let (first, second) =
        (one.open("shared/f", CREATE).expect("made"), one.open_to_read("shared/f").expect("opened"));
    let theirs = other.open_to_read("shared/f").expect("opened");
    flock(&mut one, second, 2).expect("free");
    assert_eq!(flock(&mut one, first, 1 | 4), Err(Errno::AGAIN));
    assert_eq!(flock(&mut other, theirs, 1 | 4), Err(Errno::AGAIN));
    flock(&mut one, second, 1).expect("its own");
    assert_eq!(flock(&mut other, theirs, 1 | 4), Ok(()));
    assert_eq!(flock(&mut one, second, 2 | 4), Err(Errno::AGAIN));
    // What it had is gone with that, as on Linux.
    assert_eq!(flock(&mut other, theirs, 2 | 4), Ok(()));
    drop(other);
    assert_eq!(flock(&mut one, first, 2 | 4), Ok(()));
    assert_eq!(flock(&mut one, first, 3), Err(Errno::INVAL));
    assert_eq!(flock(&mut one, 99, 3), Err(Errno::INVAL), "before the descriptor is looked at");
    assert_eq!(flock(&mut one, 99, 1), Err(Errno::BADF));
    assert_eq!(flock(&mut one, first, 32), Ok(()));
}

#[test]
fn directories_devices_and_pipes_are_locked_too() {
    let tree = memory();
    let [mut one, mut other] = guests(|| Mount::tree(tree.root(), "/shared"));
    let (ours, theirs) = (directory(&mut one), directory(&mut other));
    flock(&mut one, ours, 2).expect("free");
    assert_eq!(flock(&mut other, theirs, 1 | 4), Err(Errno::AGAIN));
    assert_eq!(set(&mut other, theirs, SET, SHARED, 0, 0), Ok(()));
    assert_eq!(set(&mut other, theirs, SET, EXCLUSIVE, 0, 0), Err(Errno::BADF));
    let null = one.open("dev/null", 0).expect("opened");
    flock(&mut one, null, 2).expect("free");
    one.linux("pipe2", &[u64::from(RESULT), 0]).expect("made");
    let pipe = u64::from(one.get_u32(RESULT));
    flock(&mut one, pipe, 2).expect("free");
    set(&mut one, pipe, SET, SHARED, 0, 0).expect("free");
    assert_eq!(set(&mut one, pipe, SET, EXCLUSIVE, 0, 0), Err(Errno::BADF));
}

#[test]
fn structures_are_read_and_told_as_linux_does() {
    let mut guest = super::fake::guest();
    let fd = guest.open("tmp/f", CREATE).expect("made");
    guest.write(fd, &[b'x'; 100]).expect("written");
    let outcome = |guest: &mut FakeGuest, command: u64, bytes: &[u8]| {
        let (address, _) = guest.put(bytes);
        fcntl(guest, fd, command, address)
    };
    let try_long = |guest: &mut FakeGuest, kind, whence, start, length, process| {
        outcome(guest, OPEN_FILE_SET, &flock64(kind, whence, start, length, process))
    };
    for (kind, whence, start, length, process, expected) in [
        (EXCLUSIVE, 0, -1, 0, 0, Err(Errno::INVAL)),
        (EXCLUSIVE, 3, 0, 0, 0, Err(Errno::INVAL)),
        (3, 0, 0, 0, 0, Err(Errno::INVAL)),
        (EXCLUSIVE, 1, -101, 0, 0, Err(Errno::INVAL)),
        (EXCLUSIVE, 2, i64::MAX, 0, 0, Err(Errno::OVERFLOW)),
        (EXCLUSIVE, 0, i64::MAX, 2, 0, Err(Errno::OVERFLOW)),
        (EXCLUSIVE, 0, 5, -6, 0, Err(Errno::INVAL)),
        (EXCLUSIVE, 0, 5, -5, 7, Err(Errno::INVAL)),
        (EXCLUSIVE, 0, 5, -5, 0, Ok(())),
        (EXCLUSIVE, 1, -10, 5, 0, Ok(())),
        (EXCLUSIVE, 2, 0, 10, 0, Ok(())),
        (EXCLUSIVE, 0, i64::MAX, 1, 0, Ok(())),
    ] {
        let found = try_long(&mut guest, kind, whence, start, length, process);
        assert_eq!(found, expected, "{kind} {whence} {start} {length} {process}");
    }
    let other = guest.open("tmp/f", 0).expect("opened");
    for (start, length, expected) in
        [(0, 5, (0, 5)), (90, 1, (90, 5)), (100, 1, (100, 10)), (i64::MAX, 0, (i64::MAX, 0))]
    {
        let (address, _) = guest.put(&flock64(SHARED, 0, start, length, 0));
        fcntl(&mut guest, other, OPEN_FILE_GET, address).expect("told");
        let told = (guest.get_u64(address as u32 + 8) as i64, guest.get_u64(address as u32 + 16) as i64);
        assert_eq!(told, expected, "{start}");
    }
    // The short structure of the old commands: a lock beyond what it can tell.
    let short = |start: i32| {
        [0u16.to_le_bytes().to_vec(), vec![0; 2], start.to_le_bytes().to_vec(), vec![0; 8]].concat()
    };
    set(&mut guest, fd, OPEN_FILE_SET, EXCLUSIVE, 1 << 40, 0).expect("free");
    let (address, _) = guest.put(&short(0));
    fcntl(&mut guest, other, 5, address).expect("told");
    assert_eq!(
        guest.get(address as u32, 16),
        [&[1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0][..], &(-1i32).to_le_bytes()].concat()
    );
    let (address, _) = guest.put(&short(1000));
    assert_eq!(fcntl(&mut guest, other, 5, address), Err(Errno::OVERFLOW));
    assert_eq!(find(&mut guest, other, GET, NONE), Err(Errno::INVAL));
    assert!(fcntl(&mut guest, other, SET, u64::from(u32::MAX)).is_err());
    assert_eq!(set(&mut guest, 99, SET, SHARED, 0, 0), Err(Errno::BADF));
    let reader = guest.open_to_read("tmp/f").expect("opened");
    assert_eq!(set(&mut guest, reader, SET, EXCLUSIVE, 0, 0), Err(Errno::BADF));
}

/// Lets `holder` give up after a while what `waits` waits for, and says what came of it.
fn while_another_waits<T: Send>(waits: impl FnOnce() -> T + Send, gives_up: impl FnOnce()) -> T {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(waits);
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished(), "it does not wait");
        gives_up();
        waiting.join().expect("no panic")
    })
}

#[test]
fn who_waits_goes_on_when_the_lock_is_given_up() {
    let tree = memory();
    let [mut one, mut other] = guests(|| Mount::tree(tree.root(), "/shared"));
    let (ours, theirs) =
        (one.open("shared/f", CREATE).expect("made"), other.open("shared/f", 0).expect("opened"));
    for command in [WAIT, OPEN_FILE_WAIT] {
        set(&mut one, ours, OPEN_FILE_SET, EXCLUSIVE, 0, 10).expect("free");
        let waits = || set(&mut other, theirs, command, SHARED, 5, 1);
        let waited =
            while_another_waits(waits, || set(&mut one, ours, OPEN_FILE_SET, NONE, 0, 0).expect("given up"));
        assert_eq!(waited, Ok(()));
        assert_eq!(set(&mut one, ours, OPEN_FILE_SET, EXCLUSIVE, 0, 10), Err(Errno::AGAIN));
        other.close(theirs);
        assert_eq!(other.open("shared/f", 0), Ok(theirs));
    }
    flock(&mut one, ours, 2).expect("free");
    let waited = while_another_waits(|| flock(&mut other, theirs, 2), || drop(one));
    assert_eq!(waited, Ok(()));
}

#[test]
fn a_wait_ends_with_the_run_and_for_a_signal() {
    let mut guest = super::fake::guest();
    let (first, second) =
        (guest.open("tmp/f", CREATE).expect("made"), guest.open("tmp/f", 0).expect("opened"));
    set(&mut guest, first, OPEN_FILE_SET, EXCLUSIVE, 0, 0).expect("free");
    flock(&mut guest, first, 2).expect("free");
    guest.waiter.interrupt();
    assert_eq!(set(&mut guest, second, OPEN_FILE_WAIT, SHARED, 0, 0), Err(Errno::INTR));
    guest.waiter.interrupt();
    assert_eq!(flock(&mut guest, second, 1), Err(Errno::INTR));
    let begun = Instant::now();
    guest.waiter = Waiter::new(Some(begun + Duration::from_millis(30))).expect("a waiter");
    let (address, _) = guest.put(&flock64(SHARED, 0, 0, 0, 0));
    let arguments = [second, OPEN_FILE_WAIT, address];
    assert_eq!(guest.call("fcntl64", &arguments), Err(Ending::Stop(Stop::Deadline)));
    assert_eq!(guest.call("linux.flock", &[second, 1]), Err(Ending::Stop(Stop::Deadline)));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn two_processes_that_would_wait_for_each_other_do_not() {
    let tree = memory();
    let [mut one, mut other] = guests(|| Mount::tree(tree.root(), "/shared"));
    let (ours, theirs) =
        (one.open("shared/f", CREATE).expect("made"), other.open("shared/f", 0).expect("opened"));
    set(&mut one, ours, SET, EXCLUSIVE, 0, 1).expect("free");
    set(&mut other, theirs, SET, EXCLUSIVE, 1, 1).expect("free");
    let waited = while_another_waits(
        || set(&mut one, ours, WAIT, EXCLUSIVE, 1, 1),
        || {
            assert_eq!(set(&mut other, theirs, WAIT, EXCLUSIVE, 0, 1), Err(Errno::DEADLK));
            set(&mut other, theirs, SET, NONE, 0, 0).expect("given up");
        },
    );
    assert_eq!(waited, Ok(()));
}

#[test]
fn a_run_has_no_more_locks_than_it_may_and_can_give_them_up() {
    let mut guest = super::fake::guest();
    let fd = guest.open("tmp/f", CREATE).expect("made");
    let used = guest.system.meter().used();
    let mut taken = 0;
    let refused = loop {
        match set(&mut guest, fd, SET, EXCLUSIVE, taken * 2, 1) {
            Ok(()) => taken += 1,
            Err(errno) => break errno,
        }
    };
    assert_eq!(refused, Errno::NOLCK);
    assert!((8000..=8192).contains(&taken), "{taken}");
    assert!(guest.system.meter().used() > used + 100 * taken as u64);
    assert_eq!(set(&mut guest, fd, OPEN_FILE_SET, SHARED, 1, 1), Err(Errno::NOLCK));
    assert_eq!(set(&mut guest, fd, SET, NONE, 0, 100), Ok(()));
    assert_eq!(set(&mut guest, fd, SET, EXCLUSIVE, 0, 1), Ok(()));
    guest.close(fd);
    assert!(guest.system.meter().used() <= used, "what was charged is given back");
}

/// A program of the host, which does what `code` says with the file `path`, says a line, and
/// goes on once it gets one.
struct Host {
    child: std::process::Child,
    said: std::io::BufReader<std::process::ChildStdout>,
}

impl Host {
    fn start(path: &Path, code: &str) -> Self {
        let program = format!(
            "import fcntl, struct, sys\nf = open({:?}, 'r+')\n{code}\nprint('done', flush=True)\nsys.stdin.read()\n",
            path.to_str().expect("UTF-8")
        );
        let mut child = std::process::Command::new("python3")
            .args(["-c", &program])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let said = std::io::BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, said }
    }

    fn says(&mut self) -> String {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut self.said, &mut line).expect("read");
        line.trim().to_owned()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().expect("it ends");
    }
}

/// What a program of the host is told when it tries these.
const TRIES: &str = "
def attempt(name, work):
    try:
        work()
        print(name, 'taken', flush=True)
    except OSError as error:
        print(name, error.strerror, flush=True)
attempt('range', lambda: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0))
attempt('shared', lambda: fcntl.lockf(f, fcntl.LOCK_SH | fcntl.LOCK_NB, 10, 0))
attempt('whole', lambda: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB))
";

const REFUSED: &str = "Resource temporarily unavailable";

#[test]
fn a_lock_of_the_hosts_program_holds_against_a_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("f");
    std::fs::write(&path, [b'x'; 100]).expect("written");
    let [mut one, mut other] = guests(|| Mount::directory(directory.path(), "/shared", Access::ReadWrite));
    let (ours, theirs) =
        (one.open("shared/f", 0).expect("opened"), other.open("shared/f", 0).expect("opened"));
    let mut host = Host::start(&path, "fcntl.lockf(f, fcntl.LOCK_EX, 10, 20); fcntl.flock(f, fcntl.LOCK_EX)");
    assert_eq!(host.says(), "done");
    for command in [SET, OPEN_FILE_SET] {
        assert_eq!(set(&mut one, ours, command, SHARED, 25, 1), Err(Errno::AGAIN));
        assert_eq!(set(&mut one, ours, command, EXCLUSIVE, 30, 1), Ok(()));
        assert_eq!(set(&mut one, ours, command, NONE, 0, 0), Ok(()));
    }
    assert_eq!(find(&mut one, ours, GET, SHARED), Ok((EXCLUSIVE, 20, 10, 0)));
    assert_eq!(flock(&mut one, ours, 1 | 4), Err(Errno::AGAIN));
    // A wait ends at its deadline, though nobody tells when the host gives up.
    let begun = Instant::now();
    let kept = std::mem::replace(
        &mut one.waiter,
        Waiter::new(Some(begun + Duration::from_millis(100))).expect("a waiter"),
    );
    assert_eq!(one.call("linux.flock", &[ours, 1]), Err(Ending::Stop(Stop::Deadline)));
    assert!(begun.elapsed() < Duration::from_secs(20));
    one.waiter = kept;
    let waits = || (set(&mut other, theirs, WAIT, EXCLUSIVE, 20, 10), flock(&mut other, theirs, 2));
    assert_eq!(while_another_waits(waits, || host.end()), (Ok(()), Ok(())));
    // And the two runs see each other's.
    assert_eq!(set(&mut one, ours, SET, SHARED, 25, 1), Err(Errno::AGAIN));
    assert_eq!(flock(&mut one, ours, 1 | 4), Err(Errno::AGAIN));
}

#[test]
fn a_lock_of_a_run_holds_against_the_hosts_programs() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("f");
    std::fs::write(&path, [b'x'; 100]).expect("written");
    let [mut guest] = guests(|| Mount::directory(directory.path(), "/shared", Access::ReadWrite));
    let tried = || {
        let mut host = Host::start(&path, TRIES);
        let said = [host.says(), host.says(), host.says()];
        host.end();
        said
    };
    let expected = |range: &str, shared: &str, whole: &str| {
        [format!("range {range}"), format!("shared {shared}"), format!("whole {whole}")]
    };
    let (first, second) =
        (guest.open("shared/f", 0).expect("opened"), guest.open("shared/f", 0).expect("opened"));
    assert_eq!(tried(), expected("taken", "taken", "taken"));
    set(&mut guest, first, SET, EXCLUSIVE, 5, 1).expect("free");
    assert_eq!(tried(), expected(REFUSED, REFUSED, "taken"));
    set(&mut guest, first, SET, SHARED, 5, 1).expect("its own");
    assert_eq!(tried(), expected(REFUSED, "taken", "taken"));
    set(&mut guest, second, OPEN_FILE_SET, SHARED, 0, 100).expect("shared");
    set(&mut guest, first, SET, NONE, 0, 0).expect("given up");
    assert_eq!(tried(), expected(REFUSED, "taken", "taken"), "the open file still has one");
    flock(&mut guest, second, 1).expect("free");
    assert_eq!(tried(), expected(REFUSED, "taken", REFUSED));
    guest.close(second);
    assert_eq!(tried(), expected("taken", "taken", "taken"));
    // One that may only write, of which the host would have no shared lock.
    let writer = guest.open_with("shared/f", 1, 0, !(1 << 1), 0).expect("opened");
    set(&mut guest, writer, SET, EXCLUSIVE, 0, 1).expect("free");
    set(&mut guest, first, SET, SHARED, 0, 1).expect("its own");
    assert_eq!(tried(), expected(REFUSED, "taken", "taken"));
    drop(guest);
    assert_eq!(tried(), expected("taken", "taken", "taken"));
}

#[test]
fn what_may_only_be_read_is_locked_on_the_host_as_far_as_linux_lets() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("f");
    std::fs::write(&path, [b'x'; 100]).expect("written");
    let [mut one, mut other] = guests(|| Mount::directory(directory.path(), "/shared", Access::ReadOnly));
    let [mut writes] = guests(|| Mount::directory(directory.path(), "/shared", Access::ReadWrite));
    let (ours, theirs) =
        (one.open_to_read("shared/f").expect("opened"), other.open_to_read("shared/f").expect("opened"));
    assert_eq!(set(&mut one, ours, SET, EXCLUSIVE, 0, 0), Err(Errno::BADF));
    set(&mut one, ours, SET, SHARED, 0, 10).expect("free");
    set(&mut other, theirs, SET, SHARED, 0, 10).expect("shared");
    // Who may write has to lock by another descriptor, and then that has theirs too.
    let fd = writes.open("shared/f", 0).expect("opened");
    set(&mut writes, fd, SET, EXCLUSIVE, 50, 1).expect("free");
    drop(writes);
    let mut host = Host::start(&path, TRIES);
    assert_eq!(
        [host.says(), host.says(), host.says()],
        [&format!("range {REFUSED}"), "shared taken", "whole taken"]
    );
    host.end();
    flock(&mut one, ours, 2).expect("free");
    assert_eq!(flock(&mut other, theirs, 1 | 4), Err(Errno::AGAIN));
    let (ours, theirs) = (self::directory(&mut one), self::directory(&mut other));
    flock(&mut one, ours, 2).expect("free");
    assert_eq!(flock(&mut other, theirs, 1 | 4), Err(Errno::AGAIN));
}

/// In an overlay nothing is written below, so that its programs share what lies there with
/// others who read, and keep writers out as long as they have not written themselves.
#[test]
fn an_overlay_locks_the_file_below_to_read_it_until_it_has_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("f");
    std::fs::write(&path, [b'x'; 100]).expect("written");
    let [mut one, mut other] =
        guests(|| Mount::directory(directory.path(), "/shared", Access::ReadOnly).overlay().0);
    let (ours, theirs) =
        (one.open("shared/f", 0).expect("opened"), other.open("shared/f", 0).expect("opened"));
    set(&mut one, ours, SET, EXCLUSIVE, 0, 10).expect("free");
    set(&mut other, theirs, SET, EXCLUSIVE, 0, 10).expect("of another overlay");
    let mut host = Host::start(&path, TRIES);
    assert_eq!([host.says(), host.says()], [&format!("range {REFUSED}"), "shared taken"]);
    host.end();
    // Within one overlay it is an exclusive lock.
    let second = one.open("shared/f", 0).expect("opened");
    assert_eq!(set(&mut one, second, OPEN_FILE_SET, SHARED, 0, 1), Err(Errno::AGAIN));
    drop(other);
    set(&mut one, ours, SET, NONE, 0, 0).expect("given up");
    let mut host = Host::start(&path, "fcntl.lockf(f, fcntl.LOCK_EX, 10, 0)");
    assert_eq!(host.says(), "done");
    assert_eq!(set(&mut one, ours, SET, SHARED, 0, 10), Err(Errno::AGAIN), "it is being written");
    one.write(ours, b"own").expect("written");
    assert_eq!(set(&mut one, ours, SET, EXCLUSIVE, 0, 10), Ok(()), "of the content that it has now");
    host.end();
}
