//! Standard streams as what they are on the host: files, pipes, terminals, devices, or closed.

use super::fake::{FakeGuest, HERE, RESULT};
use super::{read, write};
use crate::{Capture, Ending, Errno, Input, LimitKind, Output, Stop, System};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

const R: u64 = RESULT as u64;
const GET_FLAGS: u64 = 3;
const SET_FLAGS: u64 = 4;
const APPEND: u64 = 0o2000;

const FILE: u32 = 0o100_000;
const FIFO: u32 = 0o010_000;
const DEVICE: u32 = 0o020_000;
const SOCKET: u32 = 0o140_000;

fn with(input: Input, output: Output) -> FakeGuest {
    FakeGuest::new(System::builder().stdin(input).stdout(output).build().expect("a system"))
}

/// What statx tells: the kind, the size, the inode's number, and a device's two numbers.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    kind: u32,
    size: u64,
    inode: (u32, u32, u64),
    device: (u32, u32),
}

fn statx(guest: &mut FakeGuest, fd: u64, path: &str, flags: u64) -> Result<Told, Errno> {
    let path = guest.text(path);
    guest.linux("statx", &[fd, path, flags, 0x7ff, R])?;
    let mode = guest.get_u32(RESULT + 28) & 0xffff;
    Ok(Told {
        kind: mode & 0o170_000,
        size: guest.get_u64(RESULT + 40),
        inode: (guest.get_u32(RESULT + 136), guest.get_u32(RESULT + 140), guest.get_u64(RESULT + 32)),
        device: (guest.get_u32(RESULT + 128), guest.get_u32(RESULT + 132)),
    })
}

fn stat(guest: &mut FakeGuest, fd: u64) -> Result<Told, Errno> {
    const EMPTY_PATH: u64 = 0x1000;
    statx(guest, fd, "", EMPTY_PATH)
}

fn open(guest: &mut FakeGuest, path: &str, flags: u64) -> Result<u64, Errno> {
    let path = guest.text(path);
    guest.linux("openat", &[HERE, path, flags, 0o600]).map(u64::from)
}

fn seek(guest: &mut FakeGuest, fd: u64, offset: i64, whence: u64) -> Result<u64, Errno> {
    let (high, low) = ((offset >> 32) as u32, offset as u32);
    guest.linux("_llseek", &[fd, high.into(), low.into(), R, whence])?;
    Ok(guest.get_u64(RESULT))
}

/// A file with these bytes, open to read and write, at its beginning.
fn file(bytes: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    file.rewind().expect("sought");
    file
}

#[test]
fn input_from_a_file_can_be_sought_and_shares_its_position() {
    let file = file(b"some bytes");
    let mut same = file.try_clone().expect("copied");
    same.seek(SeekFrom::Start(5)).expect("sought");
    let mut guest = with(Input::Descriptor(file.into()), Output::Discard);
    let told = stat(&mut guest, 0).expect("told");
    assert_eq!((told.kind, told.size), (FILE, 10));
    assert_eq!(guest.linux("fcntl64", &[0, GET_FLAGS, 0]), Ok(0), "to read");
    assert_eq!(seek(&mut guest, 0, 0, 1), Ok(5), "where it stands on the host");
    assert_eq!(read(&mut guest, 0, 3), Ok(b"byt".to_vec()));
    assert_eq!(same.stream_position().expect("told"), 8);
    assert_eq!(seek(&mut guest, 0, -2, 2), Ok(8));
    assert_eq!(seek(&mut guest, 0, -2, 0), Err(Errno::INVAL));
    let (buffer, _) = guest.put(&[0; 4]);
    assert_eq!(guest.linux("pread64", &[0, buffer, 4, 0, 0]), Ok(4));
    assert_eq!(guest.get(buffer as u32, 4), b"some");
    assert_eq!(seek(&mut guest, 0, 0, 1), Ok(8));
    // WASI sees a file too.
    guest.wasi("fd_filestat_get", &[0, R]).expect("told");
    assert_eq!((guest.get(RESULT + 16, 1), guest.get_u64(RESULT + 32)), (vec![4], 10));
    guest.wasi("fd_seek", &[0, 1, 0, R]).expect("sought");
    assert_eq!(guest.read(0, 3), Ok(b"ome".to_vec()));
    guest.wasi("fd_tell", &[0, R]).expect("told");
    assert_eq!(guest.get_u64(RESULT), 4);
    // Opened again it begins anew, and nobody gets more access so.
    let again = open(&mut guest, "/dev/stdin", 0).expect("opened");
    assert_eq!(read(&mut guest, again, 4), Ok(b"some".to_vec()));
    assert_eq!(seek(&mut guest, 0, 0, 1), Ok(4));
    assert_eq!(stat(&mut guest, again).expect("told").inode, told.inode);
    for path in ["/dev/stdin", "/proc/self/fd/0"] {
        for flags in [1, 2, 0o1000 | 1] {
            assert_eq!(open(&mut guest, path, flags), Err(Errno::ACCES), "{path} {flags:o}");
        }
    }
    assert_eq!(write(&mut guest, 0, b"x"), Err(Errno::BADF));
    assert_eq!(guest.linux("ftruncate64", &[0, 0, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("fchmod", &[0, 0o777]), Err(Errno::PERM));
    same.rewind().expect("sought");
    let mut left = String::new();
    same.read_to_string(&mut left).expect("read");
    assert_eq!(left, "some bytes");
}

/// A file with a name, open as `options` say.
fn named(options: &std::fs::OpenOptions) -> (tempfile::TempDir, std::path::PathBuf, OwnedFd) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("out");
    std::fs::write(&path, "before\n").expect("written");
    let descriptor = options.open(&path).expect("opened").into();
    (directory, path, descriptor)
}

#[test]
fn output_to_a_file_can_be_sought_cut_and_written_over() {
    let (_directory, path, descriptor) = named(std::fs::OpenOptions::new().write(true));
    let mut guest = with(Input::Empty, Output::Descriptor(descriptor));
    assert_eq!(guest.linux("fcntl64", &[1, GET_FLAGS, 0]), Ok(1), "to write");
    assert_eq!(write(&mut guest, 1, b"BE"), Ok(2));
    assert_eq!(seek(&mut guest, 1, 0, 2), Ok(7));
    assert_eq!(write(&mut guest, 1, b"after\n"), Ok(6));
    let (buffer, _) = guest.put(b"F");
    assert_eq!(guest.linux("pwrite64", &[1, buffer, 1, 2, 0]), Ok(1));
    assert_eq!(std::fs::read(&path).expect("read"), b"BEFore\nafter\n");
    assert_eq!(read(&mut guest, 1, 1), Err(Errno::BADF));
    // What the guest says of appending holds for it.
    assert_eq!(guest.linux("fcntl64", &[1, SET_FLAGS, APPEND]), Ok(0));
    seek(&mut guest, 1, 0, 0).expect("sought");
    assert_eq!(write(&mut guest, 1, b"end\n"), Ok(4));
    assert_eq!(seek(&mut guest, 1, 0, 1), Ok(17));
    assert_eq!(guest.linux("fcntl64", &[1, SET_FLAGS, 0]), Ok(0));
    assert_eq!(guest.linux("ftruncate64", &[1, 3, 0]), Ok(0));
    assert_eq!(std::fs::read(&path).expect("read"), b"BEF");
    assert_eq!(open(&mut guest, "/dev/stdout", 0), Err(Errno::ACCES));
    let again = open(&mut guest, "/dev/stdout", 0o1000 | 1).expect("opened and emptied");
    assert_eq!(write(&mut guest, again, b"new"), Ok(3));
    assert_eq!(std::fs::read(&path).expect("read"), b"new");
    assert_eq!(guest.linux("fsync", &[1]), Ok(0));
}

#[test]
fn output_that_appends_says_so_and_does() {
    let (_directory, path, descriptor) = named(std::fs::OpenOptions::new().append(true));
    let mut guest = with(Input::Empty, Output::Descriptor(descriptor));
    assert_eq!(guest.linux("fcntl64", &[1, GET_FLAGS, 0]), Ok(APPEND as u32 | 1));
    seek(&mut guest, 1, 0, 0).expect("sought");
    assert_eq!(write(&mut guest, 1, b"one\n"), Ok(4));
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("opened")
        .write_all(b"other\n")
        .expect("written");
    assert_eq!(write(&mut guest, 1, b"two\n"), Ok(4));
    assert_eq!(std::fs::read(&path).expect("read"), b"before\none\nother\ntwo\n");
}

#[test]
fn what_is_given_as_input_is_not_written_to_and_the_other_way_round() {
    let file = file(b"kept");
    let mut guest =
        with(Input::Descriptor(file.try_clone().expect("copied").into()), Output::Descriptor(file.into()));
    assert_eq!((write(&mut guest, 0, b"x"), read(&mut guest, 1, 1)), (Err(Errno::BADF), Err(Errno::BADF)));
    assert_eq!(open(&mut guest, "/dev/stdin", 2), Err(Errno::ACCES));
    assert_eq!(open(&mut guest, "/proc/self/fd/1", 2), Err(Errno::ACCES));
    // They are one file.
    let (input, output) = (stat(&mut guest, 0).expect("told"), stat(&mut guest, 1).expect("told"));
    assert_eq!(input, output);
}

#[test]
fn all_that_makes_an_output_file_longer_is_output() {
    let limited = || {
        let (directory, path, descriptor) = named(std::fs::OpenOptions::new().write(true).truncate(true));
        let output = Output::Descriptor(descriptor);
        let system = System::builder().stdout(output).output_limit(100).build().expect("a system");
        (directory, path, FakeGuest::new(system))
    };
    let over = Err(Ending::Stop(Stop::Limit(LimitKind::Output.at(100))));
    let (_directory, path, mut guest) = limited();
    let (buffer, _) = guest.put(&[b'x'; 200]);
    assert_eq!(guest.linux("pwrite64", &[1, buffer, 60, 0, 0]), Ok(60));
    assert_eq!(guest.linux("pwrite64", &[1, buffer, 30, 0, 0]), Ok(30), "over what there is");
    assert_eq!(guest.system.output_bytes(), 90);
    assert_eq!(guest.call("linux.write", &[1, buffer, 200]), over);
    assert_eq!(std::fs::metadata(&path).expect("told").len(), 60);
    let (_directory, path, mut guest) = limited();
    assert_eq!(guest.linux("ftruncate64", &[1, 80, 0]), Ok(0));
    assert_eq!(guest.call("linux.fallocate", &[1, 0, 0, 0, 101, 0]), over);
    assert_eq!(std::fs::metadata(&path).expect("told").len(), 80);
    let (_directory, path, mut guest) = limited();
    assert_eq!(guest.call("linux.ftruncate64", &[1, 101, 0]), over);
    let (_directory, _, mut again) = limited();
    let fd = open(&mut again, "/dev/stdout", 1).expect("opened");
    let (buffer, _) = again.put(&[b'x'; 200]);
    assert_eq!(again.call("linux.pwrite64", &[fd, buffer, 101, 0, 0]), over);
    assert_eq!(std::fs::metadata(&path).expect("told").len(), 0);
}

#[test]
fn streams_are_told_as_what_they_are() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut guest = with(Input::Descriptor(reader.into()), Output::Descriptor(writer.into()));
    for (fd, access) in [(0, 0), (1, 1)] {
        let told = stat(&mut guest, fd).expect("told");
        assert_eq!((told.kind, told.size), (FIFO, 0));
        assert_eq!(guest.linux("fcntl64", &[fd, GET_FLAGS, 0]), Ok(access));
        assert_eq!(seek(&mut guest, fd, 0, 0), Err(Errno::SPIPE));
    }
    write(&mut guest, 1, b"through").expect("room");
    guest.linux("ioctl", &[0, 0x541b, R]).expect("told");
    assert_eq!(guest.get_u32(RESULT), 7);
    let again = open(&mut guest, "/dev/stdin", 0).expect("opened");
    assert_eq!(read(&mut guest, again, 9), Ok(b"through".to_vec()));
    let path = guest.text("/proc/self/fd/0");
    let (buffer, room) = guest.put(&[0; 100]);
    let count = guest.linux("readlinkat", &[HERE, path, buffer, room]).expect("told");
    let name = String::from_utf8(guest.get(buffer as u32, count as usize)).expect("UTF-8");
    assert!(name.starts_with("pipe:["), "{name}");

    let (one, _other) = std::os::unix::net::UnixStream::pair().expect("a pair");
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null").expect("opened");
    let mut guest = with(Input::Descriptor(one.into()), Output::Descriptor(null.into()));
    assert_eq!(stat(&mut guest, 0).expect("told").kind, SOCKET);
    assert_eq!(open(&mut guest, "/dev/stdin", 0), Err(Errno::NXIO));
    let told = stat(&mut guest, 1).expect("told");
    assert_eq!((told.kind, told.device), (DEVICE, (1, 3)));
    assert_eq!(seek(&mut guest, 1, 5, 0), Ok(0));

    let mut guest = with(Input::Empty, Output::Discard);
    for fd in [0, 1] {
        let told = stat(&mut guest, fd).expect("told");
        assert_eq!((told.kind, told.device), (DEVICE, (1, 3)));
    }
    let mut guest = with(Input::Bytes(vec![1]), Output::Capture(Capture::new()));
    for fd in [0, 1] {
        assert_eq!(stat(&mut guest, fd).expect("told").kind, FIFO);
    }
}

#[test]
fn a_terminal_is_a_device_that_is_found_by_its_name() {
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).expect("a terminal");
    rustix::pty::unlockpt(&master).expect("unlocked");
    let name = rustix::pty::ptsname(&master, Vec::new()).expect("a name");
    let open_it = || {
        let path = std::path::Path::new(name.to_str().expect("UTF-8"));
        std::fs::OpenOptions::new().read(true).write(true).custom_flags(0o400).open(path).expect("opened")
    };
    let mut guest = with(Input::Descriptor(open_it().into()), Output::Descriptor(open_it().into()));
    let told = stat(&mut guest, 0).expect("told");
    assert_eq!((told.kind, told.device), (DEVICE, (5, 0)));
    assert_eq!(statx(&mut guest, HERE, "/dev/tty", 0), Ok(told));
    let path = guest.text("/proc/self/fd/0");
    let (buffer, room) = guest.put(&[0; 100]);
    let count = guest.linux("readlinkat", &[HERE, path, buffer, room]).expect("told");
    assert_eq!(guest.get(buffer as u32, count as usize), b"/dev/tty");
    assert_eq!(seek(&mut guest, 0, 0, 0), Err(Errno::SPIPE));
    // Who only gets its output at a terminal cannot read what is typed there.
    let mut guest = with(Input::Empty, Output::Descriptor(open_it().into()));
    assert_eq!(read(&mut guest, 1, 1), Err(Errno::BADF));
    assert_eq!(open(&mut guest, "/dev/tty", 0), Err(Errno::NXIO));
}

#[test]
fn a_closed_stream_is_not_there_and_its_number_is_free() {
    let mut guest = with(Input::Closed, Output::Closed);
    for fd in [0, 1] {
        assert_eq!(stat(&mut guest, fd), Err(Errno::BADF));
        assert_eq!(guest.linux("fcntl64", &[fd, 1, 0]), Err(Errno::BADF));
    }
    assert_eq!(stat(&mut guest, 2).map(|told| told.kind), Ok(DEVICE));
    assert_eq!(open(&mut guest, "/dev/stdin", 0), Err(Errno::NOENT));
    assert_eq!(open(&mut guest, "/dev/null", 0), Ok(0));
    assert_eq!(open(&mut guest, "/dev/null", 0), Ok(1));
    assert_eq!(guest.list("dev/fd").expect("told").len(), 5);
}
