//! The rows of Linux that read and write, and those of descriptors; and random sequences of
//! them against the real kernel.

use super::fake::{FakeGuest, HERE, RESULT, guest};
use crate::{Answer, Capture, Ending, Errno, Input, Output, System, Waiter};
use proptest::prelude::*;
use rustix::fs::{FallocateFlags, MemfdFlags, OFlags, SealFlags, SeekFrom};
use rustix::io::{FdFlags, ReadWriteFlags};
use rustix::pipe::{PipeFlags, SpliceFlags};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const R: u64 = RESULT as u64;

/// O_NONBLOCK, O_DIRECT and O_CLOEXEC.
const NONBLOCK: u64 = 0o4000;
const DIRECT: u64 = 0o4_0000;
const CLOEXEC: u64 = 0o200_0000;

const BEYOND: u64 = u32::MAX as u64;

/// A 64-bit argument, the low half first.
fn halves(value: i64) -> [u64; 2] {
    [value as u64 & 0xffff_ffff, value as u64 >> 32]
}

impl FakeGuest {
    pub(super) fn vector(&mut self, buffers: &[(u64, u64)]) -> u64 {
        let words = buffers.iter().flat_map(|(address, length)| [*address as u32, *length as u32]);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        self.put(&bytes).0
    }

    pub(super) fn pipe2(&mut self, flags: u64) -> [u64; 2] {
        self.linux("pipe2", &[R, flags]).expect("made");
        [self.get_u32(RESULT), self.get_u32(RESULT + 4)].map(u64::from)
    }

    fn open_link(&mut self, descriptor: u64, flags: u64) -> Result<u64, Errno> {
        let path = self.text(&format!("/proc/self/fd/{descriptor}"));
        self.linux("openat", &[HERE, path, flags, 0]).map(u64::from)
    }

    pub(super) fn memfd(&mut self, flags: u64) -> u64 {
        let name = self.text("name");
        u64::from(self.linux("memfd_create", &[name, flags]).expect("made"))
    }

    pub(super) fn linux_write(&mut self, fd: u64, bytes: &[u8]) -> Result<u32, Errno> {
        let (address, length) = self.put(bytes);
        self.linux("write", &[fd, address, length])
    }

    pub(super) fn linux_read(&mut self, fd: u64, count: usize) -> Result<Vec<u8>, Errno> {
        let (address, length) = self.put(&vec![0; count]);
        let count = self.linux("read", &[fd, address, length])?;
        Ok(self.get(address as u32, count as usize))
    }

    fn llseek(&mut self, fd: u64, offset: i64, whence: u64) -> Result<u64, Errno> {
        let [low, high] = halves(offset);
        self.linux("_llseek", &[fd, high, low, R, whence])?;
        Ok(self.get_u64(RESULT))
    }
}

/// Each as Linux answered the same calls.
#[test]
fn a_pipe_is_opened_again_by_its_link() {
    let mut guest = guest();
    let [reading, writing] = guest.pipe2(0);
    guest.linux_write(writing, b"one two").expect("written");
    let again = guest.open_link(reading, 0).expect("O_RDONLY");
    assert_eq!(guest.linux_read(again, 4).expect("read"), b"one ");
    // Either end leads to both.
    let other = guest.open_link(reading, 1).expect("O_WRONLY");
    guest.linux_write(other, b"!").expect("written");
    let both = guest.open_link(writing, 2).expect("O_RDWR");
    assert_eq!(guest.linux_read(both, 9).expect("read"), b"two!");
    assert_eq!(guest.linux_write(again, b"x"), Err(Errno::BADF));
    for end in [writing, other, both] {
        guest.linux("close", &[end]).expect("closed");
    }
    assert_eq!(guest.linux_read(again, 1).expect("the end"), b"");
    // Nobody writes any more, and somebody does not wait for that.
    let last = guest.open_link(again, NONBLOCK).expect("O_RDONLY");
    assert_eq!(guest.linux_read(last, 1).expect("the end"), b"");
    for end in [reading, again] {
        guest.linux("close", &[end]).expect("closed");
    }
    guest.linux("close", &[last]).expect("closed");
    let [reading, writing] = guest.pipe2(0);
    guest.linux("close", &[reading]).expect("closed");
    // Only a pipe with a name waits for its other end, or lacks it.
    let other = guest.open_link(writing, 1 | NONBLOCK).expect("O_WRONLY");
    assert_eq!(guest.linux_write(other, b"x"), Err(Errno::PIPE));
}

#[test]
fn a_file_is_written_and_read_where_it_stands_and_elsewhere() {
    let mut guest = guest();
    let fd = guest.memfd(0);
    assert_eq!(guest.linux_write(fd, b"hello world"), Ok(11));
    assert_eq!(guest.llseek(fd, -5, 2), Ok(6));
    assert_eq!(guest.linux_read(fd, 99), Ok(b"world".to_vec()));
    let (one, _) = guest.put(b"HE");
    let (other, _) = guest.put(b"LLO");
    let vector = guest.vector(&[(one, 2), (BEYOND, 0), (other, 3)]);
    assert_eq!(guest.linux("pwritev", &[fd, vector, 3, 0, 0]), Ok(5));
    assert_eq!(guest.linux("writev", &[fd, vector, 3]), Ok(5));
    assert_eq!(guest.linux("pwrite64", &[fd, one, 2, 5, 1]), Ok(2));
    assert_eq!(guest.llseek(fd, 1 << 32, 3), Ok((1 << 32) / 4096 * 4096));
    assert_eq!(guest.llseek(fd, 0, 4), Ok(4096));
    let (buffer, length) = guest.put(&[0; 20]);
    assert_eq!(guest.linux("pread64", &[fd, buffer, length, 3, 0]), Ok(20));
    assert_eq!(guest.get(buffer as u32, 14), b"LO worldHELLO\0");
    let vector = guest.vector(&[(buffer, 3), (buffer + 10, 4)]);
    assert_eq!(guest.linux("preadv", &[fd, vector, 2, 1, 0]), Ok(7));
    assert_eq!(
        (guest.get(buffer as u32, 3), guest.get(buffer as u32 + 10, 4)),
        (b"ELL".to_vec(), b"O wo".to_vec())
    );
    guest.llseek(fd, 0, 0).expect("sought");
    let here = halves(-1);
    assert_eq!(guest.linux("preadv2", &[fd, vector, 2, here[0], here[1], 0]), Ok(7));
    assert_eq!(guest.linux("readv", &[fd, vector, 1]), Ok(3));
    assert_eq!(guest.get(buffer as u32, 3), b"orl");
    assert_eq!(guest.linux("pwritev2", &[fd, vector, 1, 0, 0, 0x10]), Ok(3));
    assert_eq!(guest.llseek(fd, 0, 2), Ok((1 << 32) + 10));
}

#[test]
fn what_is_more_than_one_answer_carries_is_read_and_written_all_the_same() {
    let mut guest = guest();
    guest.memory.bytes = vec![7; 16 << 20];
    let (fd, size) = (guest.memfd(0), 5 << 20);
    assert_eq!(guest.linux("write", &[fd, 1 << 20, size]), Ok(size as u32));
    let vector = guest.vector(&[(8 << 20, 3 << 20), (12 << 20, 3 << 20)]);
    guest.memory.bytes[8 << 20..].fill(0);
    assert_eq!(guest.linux("preadv", &[fd, vector, 2, 0, 0]), Ok(size as u32));
    let read = &guest.memory.bytes;
    assert!(read[8 << 20..11 << 20].iter().chain(&read[12 << 20..14 << 20]).all(|byte| *byte == 7));
    assert!(read[11 << 20..12 << 20].iter().chain(&read[14 << 20..]).all(|byte| *byte == 0));
    // Of a pipe, what there is.
    let [reader, writer] = guest.pipe2(NONBLOCK);
    assert_eq!(guest.linux("write", &[writer, 1 << 20, size]), Ok(65536));
    assert_eq!(guest.linux("read", &[reader, 8 << 20, size]), Ok(65536));
}

#[test]
fn arguments_are_checked_in_the_order_of_linux() {
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(NONBLOCK);
    let fd = guest.memfd(0);
    let below = halves(-2);
    let (bad, wild) = (99, BEYOND);
    let negative = guest.vector(&[(64, 4), (64, 1 << 31)]);
    let outside = guest.vector(&[(64, 4), (BEYOND, 4)]);
    for (name, arguments, errno) in [
        ("read", vec![bad, wild, 4], Errno::BADF),
        ("read", vec![writer, wild, 4], Errno::BADF),
        ("read", vec![reader, wild, 4], Errno::FAULT),
        ("read", vec![reader, 64, wild], Errno::FAULT),
        ("write", vec![reader, 64, 4], Errno::BADF),
        ("write", vec![writer, wild, 4], Errno::FAULT),
        ("readv", vec![bad, negative, 2], Errno::BADF),
        ("readv", vec![writer, negative, 2], Errno::INVAL),
        ("readv", vec![writer, outside, 2], Errno::FAULT),
        ("readv", vec![writer, wild, 2], Errno::FAULT),
        ("readv", vec![reader, 64, 1025], Errno::INVAL),
        ("writev", vec![reader, 64, 1], Errno::BADF),
        ("writev", vec![fd, negative, 2], Errno::INVAL),
        ("pread64", vec![bad, 64, 4, below[0], below[1]], Errno::INVAL),
        ("pread64", vec![bad, 64, 4, 0, 0], Errno::BADF),
        ("pread64", vec![writer, 64, 4, 0, 0], Errno::SPIPE),
        ("pwrite64", vec![reader, 64, 4, 0, 0], Errno::SPIPE),
        ("pwrite64", vec![fd, 64, 4, below[0], below[1]], Errno::INVAL),
        ("preadv2", vec![fd, 64, 0, below[0], below[1], 0], Errno::INVAL),
        ("preadv2", vec![bad, 64, 0, wild, wild, 0], Errno::BADF),
        ("pwritev2", vec![fd, outside, 1, 0, 0, 0x40], Errno::NOTSUP),
        ("pwritev2", vec![fd, outside, 1, 0, 0, 0x30], Errno::INVAL),
        ("_llseek", vec![bad, 0, 0, 64, 9], Errno::BADF),
        ("_llseek", vec![reader, 0, 0, 64, 9], Errno::INVAL),
        ("_llseek", vec![reader, 0, 0, 64, 0], Errno::SPIPE),
        ("_llseek", vec![fd, 0, 0, wild, 0], Errno::FAULT),
        ("_llseek", vec![fd, 0, 0, 64, 3], Errno::NXIO),
        ("ftruncate64", vec![bad, below[0], below[1]], Errno::INVAL),
        ("ftruncate64", vec![bad, 0, 0], Errno::BADF),
        ("ftruncate64", vec![writer, 0, 0], Errno::INVAL),
        ("fallocate", vec![fd, 0, 0, 0, 0, 0], Errno::INVAL),
        ("fallocate", vec![fd, 2, 0, 0, 1, 0], Errno::NOTSUP),
        ("fallocate", vec![fd, 8, 0, 0, 1, 0], Errno::NOTSUP),
        ("fallocate", vec![reader, 0, 0, 0, 1, 0], Errno::BADF),
        ("fallocate", vec![writer, 0, 0, 0, 1, 0], Errno::SPIPE),
        ("fallocate", vec![fd, 0, 1, 0, wild, wild >> 1], Errno::FBIG),
        ("fallocate", vec![1, 0, 0, 0, 1, 0], Errno::NODEV),
        ("fsync", vec![writer], Errno::INVAL),
        ("fdatasync", vec![bad], Errno::BADF),
        ("syncfs", vec![bad], Errno::BADF),
        ("sync_file_range", vec![fd, 0, 0, 0, 0, 8], Errno::INVAL),
        ("sync_file_range", vec![writer, 0, 0, 0, 0, 0], Errno::SPIPE),
        ("fadvise64_64", vec![writer, 0, 0, 0, 0, 9], Errno::SPIPE),
        ("fadvise64_64", vec![fd, 0, 0, 0, 0, 6], Errno::INVAL),
        ("readahead", vec![writer, 0, 0, 9], Errno::BADF),
        ("readahead", vec![reader, 0, 0, 9], Errno::INVAL),
        ("close", vec![bad], Errno::BADF),
        ("close_range", vec![9, 8, 0], Errno::INVAL),
        ("close_range", vec![9, 10, 1], Errno::INVAL),
        ("dup", vec![bad], Errno::BADF),
        ("dup3", vec![bad, bad, 0], Errno::INVAL),
        ("dup3", vec![fd, bad, 4], Errno::INVAL),
        ("dup3", vec![fd, 5000, 0], Errno::BADF),
        ("dup3", vec![bad, 5000, 0], Errno::BADF),
        ("pipe2", vec![wild, 4], Errno::INVAL),
        ("pipe2", vec![wild, 0], Errno::FAULT),
        ("memfd_create", vec![wild, 0x20], Errno::INVAL),
        ("memfd_create", vec![wild, 0x18], Errno::INVAL),
        ("memfd_create", vec![wild, 0], Errno::FAULT),
        ("sendfile64", vec![bad, bad, wild, 0], Errno::FAULT),
        ("sendfile64", vec![bad, reader, 64, 0], Errno::SPIPE),
        ("sendfile64", vec![bad, fd, 0, 0], Errno::BADF),
        ("sendfile64", vec![writer, reader, 0, 9], Errno::INVAL),
        ("copy_file_range", vec![fd, 0, bad, 0, 9, 1], Errno::BADF),
        ("copy_file_range", vec![fd, wild, reader, 0, 9, 1], Errno::FAULT),
        ("copy_file_range", vec![fd, 0, reader, 0, 9, 1], Errno::INVAL),
        ("copy_file_range", vec![3, 0, reader, 0, 9, 0], Errno::ISDIR),
        ("splice", vec![bad, 0, bad, 0, 9, 0x10], Errno::INVAL),
        ("splice", vec![bad, 0, bad, 0, 9, 0], Errno::BADF),
        ("splice", vec![fd, 0, fd, 0, 9, 0], Errno::INVAL),
        ("splice", vec![reader, 64, fd, 0, 9, 0], Errno::SPIPE),
        ("splice", vec![reader, 0, fd, wild, 9, 0], Errno::FAULT),
        ("splice", vec![writer, 0, fd, 0, 9, 0], Errno::BADF),
        ("splice", vec![reader, 0, writer, 0, 9, 0], Errno::INVAL),
        ("tee", vec![bad, bad, 1, 0x10], Errno::INVAL),
        ("tee", vec![reader, writer, 9, 0], Errno::INVAL),
        ("tee", vec![reader, fd, 9, 0], Errno::INVAL),
        ("vmsplice", vec![bad, 64, 1, 0x10], Errno::INVAL),
        ("vmsplice", vec![fd, outside, 1, 0], Errno::BADF),
        ("fcntl64", vec![bad, 99, 0], Errno::BADF),
        ("fcntl64", vec![fd, 99, 0], Errno::INVAL),
        ("fcntl64", vec![fd, 0, 5000], Errno::INVAL),
        ("fcntl64", vec![fd, 1031, 1], Errno::BADF),
        ("fcntl64", vec![writer, 1034, 0], Errno::INVAL),
        ("fcntl64", vec![reader, 1033, 0], Errno::PERM),
        ("fcntl64", vec![fd, 8, 1234], Errno::SRCH),
    ] {
        assert_eq!(guest.linux(name, &arguments), Err(errno), "{name} {arguments:?}");
    }
    // What does nothing looks at less.
    for (name, arguments) in [
        ("readv", vec![reader, wild, 0]),
        ("splice", vec![bad, 0, bad, 0, 0, 0x10]),
        ("tee", vec![bad, bad, 0, 0]),
        ("vmsplice", vec![fd, 64, 0, 0]),
        ("sync", vec![]),
        ("syncfs", vec![writer]),
        ("fsync", vec![fd]),
        ("fdatasync", vec![3]),
        ("sync_file_range", vec![fd, 0, 0, 0, 0, 7]),
        ("fadvise64_64", vec![fd, 0, 0, 0, 0, 5]),
        ("readahead", vec![fd, 0, 0, 9]),
    ] {
        assert_eq!(guest.linux(name, &arguments), Ok(0), "{name} {arguments:?}");
    }
    let long = guest.text(&"n".repeat(249));
    guest.linux("memfd_create", &[long, 1]).expect("made");
    let longer = guest.text(&"n".repeat(250));
    assert_eq!(guest.linux("memfd_create", &[longer, 1]), Err(Errno::INVAL));
}

#[test]
fn descriptors_have_numbers_copies_and_flags_as_on_linux() {
    let mut guest = guest();
    let get = |guest: &mut FakeGuest, fd, command| guest.linux("fcntl64", &[fd, command, 0]);
    let [reader, writer] = guest.pipe2(CLOEXEC | DIRECT);
    assert_eq!([get(&mut guest, reader, 1), get(&mut guest, writer, 3)], [Ok(1), Ok(0o4_0001)]);
    // Who reads makes no packets.
    assert_eq!(get(&mut guest, reader, 3), Ok(0));
    let copy = u64::from(guest.linux("dup", &[reader]).expect("copied"));
    assert_eq!((copy, get(&mut guest, copy, 1)), (writer + 1, Ok(0)));
    assert_eq!(guest.linux("dup3", &[reader, 9, CLOEXEC]), Ok(9));
    assert_eq!(guest.linux("fcntl64", &[reader, 1030, 9]), Ok(10));
    assert_eq!(guest.linux("fcntl64", &[reader, 0, 9]), Ok(11));
    assert_eq!([9, 10, 11].map(|fd| get(&mut guest, fd, 1)), [Ok(1), Ok(1), Ok(0)]);
    guest.linux("fcntl64", &[11, 2, 3]).expect("set");
    assert_eq!(get(&mut guest, 11, 1), Ok(1));
    // The flags of the open file are those of all its copies.
    guest.linux("fcntl64", &[11, 4, NONBLOCK | 1 | CLOEXEC]).expect("set");
    assert_eq!(
        [get(&mut guest, reader, 3), get(&mut guest, 9, 3)],
        [Ok(NONBLOCK as u32), Ok(NONBLOCK as u32)]
    );
    assert_eq!(get(&mut guest, writer, 3), Ok(0o4_0001));
    assert_eq!(guest.linux("fcntl64", &[1, 4, DIRECT]), Err(Errno::INVAL));
    assert_eq!(guest.linux("fcntl64", &[reader, 8, 2]), Ok(0));
    assert_eq!([9, 11, 1025].map(|command| get(&mut guest, 9, command)), [Ok(2), Ok(0), Ok(2)]);
    // Some are closed together; the rest is marked.
    guest.linux("close_range", &[9, 10, 2]).expect("closed");
    assert_eq!([9, 10, 11].map(|fd| get(&mut guest, fd, 1)), [Err(Errno::BADF), Err(Errno::BADF), Ok(1)]);
    guest.linux("fcntl64", &[11, 2, 0]).expect("set");
    guest.linux("close_range", &[0, BEYOND, 4]).expect("marked");
    assert_eq!([0, 1, 11].map(|fd| get(&mut guest, fd, 1)), [Ok(1); 3]);
}

#[test]
fn files_without_a_name_can_be_sealed() {
    let mut guest = guest();
    let fd = guest.memfd(0);
    assert_eq!(guest.linux("fcntl64", &[fd, 1034, 0]), Ok(1));
    assert_eq!(guest.linux("fcntl64", &[fd, 1033, 2]), Err(Errno::PERM));
    let fd = guest.memfd(2);
    assert_eq!(guest.linux("fcntl64", &[fd, 1033, 0x40]), Err(Errno::INVAL));
    assert_eq!(guest.linux("fcntl64", &[fd, 1033, 4]), Ok(0));
    assert_eq!(guest.linux_write(fd, b"x"), Err(Errno::PERM));
    assert_eq!(guest.linux("ftruncate64", &[fd, 1, 0]), Err(Errno::PERM));
    assert_eq!(guest.linux("fcntl64", &[fd, 1034, 0]), Ok(4));
    let fd = guest.memfd(8);
    assert_eq!(guest.linux("fcntl64", &[fd, 1034, 0]), Ok(0x20));
    // A file with a name has been sealed against seals.
    let path = guest.text("/tmp/file");
    let fd = u64::from(guest.linux("openat", &[0, path, 0o102, 0o644]).expect("made"));
    assert_eq!(guest.linux("fcntl64", &[fd, 1034, 0]), Ok(1));
    assert_eq!(guest.linux("fcntl64", &[fd, 1033, 2]), Err(Errno::PERM));
    let [reader, _writer] = guest.pipe2(0);
    assert_eq!(guest.linux("fcntl64", &[reader, 1034, 0]), Err(Errno::INVAL));
}

#[test]
fn who_writes_where_nobody_reads_gets_a_signal_too() {
    const PIPE: u64 = 1 << 13;
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(0);
    let [other_reader, other_writer] = guest.pipe2(0);
    guest.linux_write(other_writer, b"x").expect("written");
    guest.linux("close", &[reader]).expect("closed");
    let vector = guest.vector(&[(64, 4)]);
    let fd = guest.memfd(0);
    guest.linux_write(fd, b"text").expect("written");
    guest.llseek(fd, 0, 0).expect("sought");
    for (name, arguments) in [
        ("write", vec![writer, 64, 4]),
        ("writev", vec![writer, vector, 1]),
        ("pwritev2", vec![writer, vector, 1, BEYOND, BEYOND, 0]),
        ("sendfile64", vec![writer, fd, 0, 4]),
        ("splice", vec![fd, 0, writer, 0, 4, 0]),
        ("splice", vec![other_reader, 0, writer, 0, 4, 0]),
        ("tee", vec![other_reader, writer, 4, 0]),
        ("vmsplice", vec![writer, vector, 1, 0]),
    ] {
        guest.signals = 0;
        assert_eq!((guest.linux(name, &arguments), guest.signals), (Err(Errno::PIPE), PIPE), "{name}");
    }
    assert_eq!((guest.linux_write(writer, b""), guest.signals), (Ok(0), 0));
    // Nothing to copy is no reason to keep quiet.
    let [empty, _] = guest.pipe2(0);
    for (name, arguments) in [
        ("sendfile64", vec![writer, fd, 0, 0]),
        ("splice", vec![empty, 0, writer, 0, 4, 0]),
        ("tee", vec![empty, writer, 4, 0]),
    ] {
        guest.linux("close", &[empty + 1]).ok();
        guest.signals = 0;
        assert_eq!((guest.linux(name, &arguments), guest.signals), (Err(Errno::PIPE), PIPE), "{name}");
    }
    // The WASI face knows no signals.
    assert_eq!((guest.write(writer, b"x"), guest.signals), (Err(Errno::PIPE), 0));
}

#[test]
fn a_write_that_waits_is_whole_or_says_how_much_was_written() {
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(0);
    let (address, length) = guest.put(&[7; 70_000]);
    let waiter = guest.waiter.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        waiter.interrupt();
    });
    assert_eq!(guest.linux("write", &[writer, address, length]), Ok(65536));
    thread.join().expect("it ends");
    guest.waiter = Waiter::new(Some(Instant::now() + Duration::from_millis(30))).expect("a waiter");
    let row = super::super::rows().find(|row| row.signature.starts_with("linux.write(")).expect("a row");
    assert_eq!(guest.call_row(row, &[writer, address, length]), Err(Ending::Stop(crate::Stop::Deadline)));
    guest.waiter = Waiter::new(None).expect("a waiter");
    assert_eq!(guest.linux_read(reader, 100_000).map(|bytes| bytes.len()), Ok(65536));
}

#[test]
fn devices_answer_as_on_linux() {
    let mut guest = guest();
    for (path, read, written) in [
        ("/dev/null", vec![], Ok(3)),
        ("/dev/zero", vec![0; 3], Ok(3)),
        ("/dev/full", vec![0; 3], Err(Errno::NOSPC)),
    ] {
        let fd = guest.open(path, 0).expect(path);
        assert_eq!(guest.linux_read(fd, 3), Ok(read.clone()), "{path}");
        assert_eq!(guest.linux_write(fd, b"abc"), written, "{path}");
        assert_eq!([0, 1, 2, 3, 4].map(|whence| guest.llseek(fd, 5, whence)), [Ok(0); 5], "{path}");
        assert_eq!(guest.linux("pread64", &[fd, R, 3, 5, 0]), Ok(read.len() as u32), "{path}");
        assert_eq!(guest.linux("ftruncate64", &[fd, 0, 0]), Err(Errno::INVAL), "{path}");
        assert_eq!(guest.linux("fsync", &[fd]), Err(Errno::INVAL), "{path}");
        assert_eq!(guest.linux("fallocate", &[fd, 0, 0, 0, 1, 0]), Err(Errno::NODEV), "{path}");
    }
    for path in ["/dev/random", "/dev/urandom"] {
        let fd = guest.open(path, 0).expect(path);
        assert_ne!(guest.linux_read(fd, 32), Ok(vec![0; 32]), "{path}");
        assert_eq!((guest.linux_write(fd, b"abc"), guest.llseek(fd, 5, 0)), (Ok(3), Ok(0)), "{path}");
    }
}

#[test]
fn a_directory_is_read_by_its_own_call_and_can_be_read_anew() {
    let mut guest = guest();
    let fd = guest.open_with("/tmp", 1, 2, !(1 << 6), 0).expect("opened");
    assert_eq!(guest.linux("read", &[fd, 64, 9]), Err(Errno::ISDIR));
    assert_eq!(guest.linux("pread64", &[fd, 64, 9, 0, 0]), Err(Errno::ISDIR));
    assert_eq!(guest.linux_write(fd, b"x"), Err(Errno::BADF));
    assert_eq!((guest.llseek(fd, 0, 0), guest.llseek(fd, -1, 0)), (Ok(0), Err(Errno::INVAL)));
    assert_eq!(guest.linux("fsync", &[fd]), Ok(0));
}

#[test]
fn standard_streams_are_read_and_written() {
    let capture = Capture::new();
    let system =
        System::builder().stdin(Input::Bytes(b"input".to_vec())).stdout(Output::Capture(capture.clone()));
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    assert_eq!(guest.linux_read(0, 3), Ok(b"inp".to_vec()));
    assert_eq!(guest.linux_write(1, b"output"), Ok(6));
    let [reader, writer] = guest.pipe2(0);
    assert_eq!(guest.linux("splice", &[0, 0, writer, 0, 100, 0]), Ok(2));
    assert_eq!(guest.linux("splice", &[reader, 0, 1, 0, 100, 0]), Ok(2));
    let fd = guest.memfd(0);
    guest.linux_write(fd, b" and more").expect("written");
    guest.llseek(fd, 0, 0).expect("sought");
    assert_eq!(guest.linux("sendfile64", &[1, fd, 0, 100]), Ok(9));
    assert_eq!(capture.bytes(), b"outputut and more");
    assert_eq!(guest.call("proc_exit", &[0]), Ok(Answer::Exit(0)));
}

/// What one side has open, by a place in a list: the numbers differ.
#[derive(Clone, Debug)]
enum Operation {
    Pipe(usize, usize, u64),
    Memory(usize, bool),
    Device(usize, usize),
    Copy(usize, usize),
    Close(usize),
    Read(usize, Vec<usize>, Option<i64>, u32),
    Write(usize, Vec<usize>, Option<i64>, u32),
    Seek(usize, i64, u64),
    Flags(usize, Option<u64>),
    CloseOnExec(usize, Option<bool>),
    PipeSize(usize, Option<u32>),
    Seals(usize, Option<u32>),
    Truncate(usize, i64),
    Allocate(usize, u32, i64, i64),
    Splice(usize, Option<i64>, usize, Option<i64>, usize),
    Tee(usize, usize, usize),
    SendFile(usize, usize, Option<i64>, usize),
    CopyRange(usize, Option<i64>, usize, Option<i64>, usize),
}

impl Operation {
    /// Those that must be open.
    fn places(&self) -> Vec<usize> {
        match self {
            Self::Pipe(..) | Self::Memory(..) | Self::Device(..) => vec![],
            Self::Copy(place, _)
            | Self::Close(place)
            | Self::Read(place, ..)
            | Self::Write(place, ..)
            | Self::Seek(place, ..)
            | Self::Flags(place, _)
            | Self::CloseOnExec(place, _)
            | Self::PipeSize(place, _)
            | Self::Seals(place, _)
            | Self::Truncate(place, _)
            | Self::Allocate(place, ..) => vec![*place],
            Self::Tee(one, other, _) | Self::SendFile(one, other, ..) => vec![*one, *other],
            Self::Splice(one, _, other, ..) | Self::CopyRange(one, _, other, ..) => vec![*one, *other],
        }
    }
}

const PLACES: usize = 6;
const DEVICES: [&str; 2] = ["/dev/zero", "/dev/full"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Number(u64),
    Bytes(Vec<u8>),
    /// How much was copied, and the offsets then.
    Copied(u64, Option<u64>, Option<u64>),
}

type Outcome = Result<Shown, Errno>;

fn operation() -> impl Strategy<Value = Operation> {
    let place = || 0..PLACES;
    let offset = || prop_oneof![8 => 0i64..20_000, 1 => Just(-1), 1 => Just(i64::MAX)];
    let maybe = || prop::option::of(offset());
    let sizes =
        || prop::collection::vec(prop_oneof![3 => 0usize..50, 2 => 0usize..9000, 1 => 4095usize..4098], 1..4);
    let call =
        || prop_oneof![6 => Just(0u32), 1 => Just(0x10), 1 => Just(6), 1 => Just(0x400), 1 => Just(0x20)];
    let seals = || prop_oneof![1u32..32, Just(0x40)];
    prop_oneof![
        4 => (place(), place(), prop_oneof![Just(0), Just(DIRECT), Just(CLOEXEC)]).prop_map(|(one, other, flags)| Operation::Pipe(one, other, flags)),
        3 => (place(), any::<bool>()).prop_map(|(place, sealable)| Operation::Memory(place, sealable)),
        1 => (place(), 0..DEVICES.len()).prop_map(|(place, device)| Operation::Device(place, device)),
        2 => (place(), place()).prop_map(|(one, other)| Operation::Copy(one, other)),
        1 => place().prop_map(Operation::Close),
        8 => (place(), sizes(), maybe(), call()).prop_map(|(place, sizes, offset, call)| Operation::Read(place, sizes, offset, call)),
        10 => (place(), sizes(), maybe(), call()).prop_map(|(place, sizes, offset, call)| Operation::Write(place, sizes, offset, call)),
        4 => (place(), -3000i64..20_000, 0u64..6).prop_map(|(place, offset, whence)| Operation::Seek(place, offset, whence)),
        2 => (place(), prop::option::of(prop_oneof![Just(NONBLOCK), Just(NONBLOCK | 0o2000), Just(NONBLOCK | DIRECT), Just(NONBLOCK | 0o2003)])).prop_map(|(place, flags)| Operation::Flags(place, flags)),
        1 => (place(), prop::option::of(any::<bool>())).prop_map(|(place, set)| Operation::CloseOnExec(place, set)),
        2 => (place(), prop::option::of(prop_oneof![Just(0u32), 1u32..20_000, Just(65_536), Just(1 << 20), Just((1 << 20) + 1), Just(i32::MAX as u32)])).prop_map(|(place, size)| Operation::PipeSize(place, size)),
        1 => (place(), prop::option::of(seals())).prop_map(|(place, seals)| Operation::Seals(place, seals)),
        2 => (place(), offset()).prop_map(|(place, length)| Operation::Truncate(place, length)),
        2 => (place(), prop_oneof![Just(0u32), Just(1), Just(3), Just(2), Just(8), Just(0x20)], offset(), offset()).prop_map(|(place, mode, offset, length)| Operation::Allocate(place, mode, offset, length)),
        4 => (place(), maybe(), place(), maybe(), 0usize..9000).prop_map(|(from, at, to, there, count)| Operation::Splice(from, at, to, there, count)),
        2 => (place(), place(), 0usize..9000).prop_map(|(from, to, count)| Operation::Tee(from, to, count)),
        2 => (place(), place(), maybe(), 0usize..9000).prop_map(|(to, from, at, count)| Operation::SendFile(to, from, at, count)),
        2 => (place(), maybe(), place(), maybe(), 0usize..9000).prop_map(|(from, at, to, there, count)| Operation::CopyRange(from, at, to, there, count)),
    ]
}

/// Bytes that tell where they came from.
fn pattern(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|index| ((index * 7 + seed * 31) % 251) as u8).collect()
}

struct Virtual {
    guest: FakeGuest,
    places: [u64; PLACES],
}

/// What is open nowhere.
const NOWHERE: u64 = 999;

impl Virtual {
    fn new() -> Self {
        Self { guest: guest(), places: [NOWHERE; PLACES] }
    }

    fn put(&mut self, place: usize, fd: u64) {
        let before = std::mem::replace(&mut self.places[place], fd);
        if before != NOWHERE {
            self.guest.linux("close", &[before]).expect("it is open");
        }
    }

    fn number(result: Result<u32, Errno>) -> Outcome {
        result.map(|number| Shown::Number(u64::from(number)))
    }

    /// Puts an offset into memory, and says where: nowhere if there is none.
    fn offset(&mut self, offset: Option<i64>) -> u64 {
        offset.map_or(0, |offset| self.guest.put(&offset.to_le_bytes()).0)
    }

    fn offset_at(&mut self, address: u64) -> Option<u64> {
        (address != 0).then(|| self.guest.get_u64(address as u32))
    }

    fn apply(&mut self, operation: &Operation, seed: usize) -> Outcome {
        let at = |places: &[u64; PLACES], place: &usize| places[*place];
        match operation {
            Operation::Pipe(one, other, flags) => {
                let ends = self.guest.pipe2(flags | NONBLOCK);
                self.put(*one, ends[0]);
                self.put(*other, ends[1]);
                Ok(Shown::Number(0))
            }
            Operation::Memory(place, sealable) => {
                let fd = self.guest.memfd(if *sealable { 2 } else { 0 });
                self.put(*place, fd);
                Ok(Shown::Number(0))
            }
            Operation::Device(place, device) => {
                // As programs of 64 bits open all.
                const LARGE: u64 = 0o10_0000;
                let path = self.guest.text(DEVICES[*device]);
                let opened = self.guest.linux("openat", &[0, path, 2 | LARGE, 0]).expect("opened");
                self.put(*place, u64::from(opened));
                Ok(Shown::Number(0))
            }
            Operation::Copy(from, to) => {
                let fd = self.guest.linux("dup", &[at(&self.places, from)])?;
                self.put(*to, u64::from(fd));
                Ok(Shown::Number(0))
            }
            Operation::Close(place) => {
                let closed = self.guest.linux("close", &[at(&self.places, place)]);
                self.places[*place] = NOWHERE;
                Self::number(closed)
            }
            Operation::Read(place, sizes, offset, flags) => {
                let fd = at(&self.places, place);
                let buffers: Vec<_> = sizes.iter().map(|size| self.guest.put(&vec![0; *size])).collect();
                let vector = self.guest.vector(&buffers);
                let count = sizes.len() as u64;
                let read = match (offset, flags, &buffers[..]) {
                    (None, 0, [(address, size)]) => self.guest.linux("read", &[fd, *address, *size]),
                    (None, 0, _) => self.guest.linux("readv", &[fd, vector, count]),
                    (Some(offset), 0, [(address, size)]) => {
                        let [low, high] = halves(*offset);
                        self.guest.linux("pread64", &[fd, *address, *size, low, high])
                    }
                    _ => {
                        let [low, high] = halves(offset.unwrap_or(-1));
                        self.guest.linux("preadv2", &[fd, vector, count, low, high, u64::from(*flags)])
                    }
                }?;
                let all: Vec<u8> = buffers
                    .iter()
                    .flat_map(|(address, size)| self.guest.get(*address as u32, *size as usize))
                    .collect();
                Ok(Shown::Bytes(all[..read as usize].to_vec()))
            }
            Operation::Write(place, sizes, offset, flags) => {
                let fd = at(&self.places, place);
                let buffers: Vec<_> = sizes
                    .iter()
                    .enumerate()
                    .map(|(part, size)| self.guest.put(&pattern(*size, seed + part)))
                    .collect();
                let vector = self.guest.vector(&buffers);
                let count = sizes.len() as u64;
                self.guest.signals = 0;
                let written = match (offset, flags, &buffers[..]) {
                    (None, 0, [(address, size)]) => self.guest.linux("write", &[fd, *address, *size]),
                    (None, 0, _) => self.guest.linux("writev", &[fd, vector, count]),
                    (Some(offset), 0, [(address, size)]) => {
                        let [low, high] = halves(*offset);
                        self.guest.linux("pwrite64", &[fd, *address, *size, low, high])
                    }
                    _ => {
                        let [low, high] = halves(offset.unwrap_or(-1));
                        self.guest.linux("pwritev2", &[fd, vector, count, low, high, u64::from(*flags)])
                    }
                };
                assert_eq!(written == Err(Errno::PIPE), self.guest.signals == 1 << 13);
                Self::number(written)
            }
            Operation::Seek(place, offset, whence) => {
                self.guest.llseek(at(&self.places, place), *offset, *whence).map(Shown::Number)
            }
            Operation::Flags(place, None) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 3, 0]))
            }
            Operation::Flags(place, Some(flags)) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 4, *flags]))
            }
            Operation::CloseOnExec(place, None) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 1, 0]))
            }
            Operation::CloseOnExec(place, Some(set)) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 2, u64::from(*set)]))
            }
            Operation::PipeSize(place, None) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 1032, 0]))
            }
            Operation::PipeSize(place, Some(size)) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 1031, u64::from(*size)]))
            }
            Operation::Seals(place, None) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 1034, 0]))
            }
            Operation::Seals(place, Some(seals)) => {
                Self::number(self.guest.linux("fcntl64", &[at(&self.places, place), 1033, u64::from(*seals)]))
            }
            Operation::Truncate(place, length) => {
                let [low, high] = halves(*length);
                Self::number(self.guest.linux("ftruncate64", &[at(&self.places, place), low, high]))
            }
            Operation::Allocate(place, mode, offset, length) => {
                let ([low, high], [length, length_high]) = (halves(*offset), halves(*length));
                let arguments = [at(&self.places, place), u64::from(*mode), low, high, length, length_high];
                Self::number(self.guest.linux("fallocate", &arguments))
            }
            Operation::Splice(from, offset, to, there, count)
            | Operation::CopyRange(from, offset, to, there, count) => {
                let name =
                    if matches!(operation, Operation::Splice(..)) { "splice" } else { "copy_file_range" };
                let (from, to) = (at(&self.places, from), at(&self.places, to));
                let (offset, there) = (self.offset(*offset), self.offset(*there));
                let copied = self.guest.linux(name, &[from, offset, to, there, *count as u64, 0])?;
                Ok(Shown::Copied(u64::from(copied), self.offset_at(offset), self.offset_at(there)))
            }
            Operation::Tee(from, to, count) => {
                let (from, to) = (at(&self.places, from), at(&self.places, to));
                Self::number(self.guest.linux("tee", &[from, to, *count as u64, 0]))
            }
            Operation::SendFile(to, from, offset, count) => {
                let (from, to) = (at(&self.places, from), at(&self.places, to));
                let offset = self.offset(*offset);
                let copied = self.guest.linux("sendfile64", &[to, from, offset, *count as u64])?;
                Ok(Shown::Copied(u64::from(copied), self.offset_at(offset), None))
            }
        }
    }
}

struct Real {
    places: [Option<OwnedFd>; PLACES],
}

/// By its number, whatever it is.
fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_number(error.raw_os_error() as u16).expect("a number that there is")
}

/// An offset of the host's calls, which are told as a number without a sign.
fn wide(offset: i64) -> u64 {
    offset as u64
}

impl Real {
    fn new() -> Self {
        Self { places: Default::default() }
    }

    fn is_one_file(&self, one: usize, other: usize) -> bool {
        let identity = |place: usize| {
            let stat = rustix::fs::fstat(self.places[place].as_ref()?).ok()?;
            let is_file = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
            is_file.then_some((stat.st_dev, stat.st_ino))
        };
        identity(one).is_some() && identity(one) == identity(other)
    }

    fn apply(&mut self, operation: &Operation, seed: usize) -> Outcome {
        self.try_apply(operation, seed).unwrap_or_else(|error| Err(errno(error)))
    }

    fn try_apply(&mut self, operation: &Operation, seed: usize) -> rustix::io::Result<Outcome> {
        use rustix::io::Errno as Host;
        let number = |number: u64| Ok(Ok(Shown::Number(number)));
        let at = |place: &usize| self.places[*place].as_ref().map(AsFd::as_fd).ok_or(Host::BADF);
        match operation {
            Operation::Pipe(one, other, flags) => {
                let flags = PipeFlags::from_bits_retain(*flags as u32) | PipeFlags::NONBLOCK;
                let (reader, writer) = rustix::pipe::pipe_with(flags)?;
                self.places[*one] = Some(reader);
                self.places[*other] = Some(writer);
                number(0)
            }
            Operation::Memory(place, sealable) => {
                let flags = if *sealable { MemfdFlags::ALLOW_SEALING } else { MemfdFlags::empty() };
                self.places[*place] = Some(rustix::fs::memfd_create("name", flags)?);
                number(0)
            }
            Operation::Device(place, device) => {
                let opened = rustix::fs::open(DEVICES[*device], OFlags::RDWR, rustix::fs::Mode::empty())?;
                self.places[*place] = Some(opened);
                number(0)
            }
            Operation::Copy(from, to) => {
                let copy = rustix::io::dup(at(from)?)?;
                self.places[*to] = Some(copy);
                number(0)
            }
            Operation::Close(place) => match self.places[*place].take() {
                None => Err(Host::BADF),
                Some(_) => number(0),
            },
            Operation::Read(place, sizes, offset, flags) => {
                let fd = at(place)?;
                let mut buffers: Vec<Vec<u8>> = sizes.iter().map(|size| vec![0; *size]).collect();
                let read = {
                    let mut slices: Vec<IoSliceMut<'_>> =
                        buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
                    match (offset, flags, slices.len()) {
                        (None, 0, 1) => rustix::io::read(fd, &mut slices[0][..])?,
                        (None, 0, _) => rustix::io::readv(fd, &mut slices)?,
                        (Some(offset), 0, 1) => rustix::io::pread(fd, &mut slices[0][..], wide(*offset))?,
                        _ => rustix::io::preadv2(
                            fd,
                            &mut slices,
                            wide(offset.unwrap_or(-1)),
                            ReadWriteFlags::from_bits_retain(*flags),
                        )?,
                    }
                };
                Ok(Ok(Shown::Bytes(buffers.concat()[..read].to_vec())))
            }
            Operation::Write(place, sizes, offset, flags) => {
                let fd = at(place)?;
                let buffers: Vec<Vec<u8>> =
                    sizes.iter().enumerate().map(|(part, size)| pattern(*size, seed + part)).collect();
                let slices: Vec<IoSlice<'_>> = buffers.iter().map(|buffer| IoSlice::new(buffer)).collect();
                let written = match (offset, flags, slices.len()) {
                    (None, 0, 1) => rustix::io::write(fd, &buffers[0])?,
                    (None, 0, _) => rustix::io::writev(fd, &slices)?,
                    (Some(offset), 0, 1) => rustix::io::pwrite(fd, &buffers[0], wide(*offset))?,
                    _ => rustix::io::pwritev2(
                        fd,
                        &slices,
                        wide(offset.unwrap_or(-1)),
                        ReadWriteFlags::from_bits_retain(*flags),
                    )?,
                };
                number(written as u64)
            }
            Operation::Seek(place, offset, whence) => {
                let fd = at(place)?;
                let from = match whence {
                    0 => SeekFrom::Start(wide(*offset)),
                    1 => SeekFrom::Current(*offset),
                    2 => SeekFrom::End(*offset),
                    3 => SeekFrom::Data(wide(*offset)),
                    4 => SeekFrom::Hole(wide(*offset)),
                    _ => return Err(Host::INVAL),
                };
                number(rustix::fs::seek(fd, from)?)
            }
            Operation::Flags(place, None) => {
                let flags = rustix::fs::fcntl_getfl(at(place)?)?.bits();
                number(u64::from(flags))
            }
            Operation::Flags(place, Some(flags)) => {
                rustix::fs::fcntl_setfl(at(place)?, OFlags::from_bits_retain(*flags as u32))?;
                number(0)
            }
            Operation::CloseOnExec(place, None) => {
                number(u64::from(rustix::io::fcntl_getfd(at(place)?)?.bits()))
            }
            Operation::CloseOnExec(place, Some(set)) => {
                let flags = if *set { FdFlags::CLOEXEC } else { FdFlags::empty() };
                rustix::io::fcntl_setfd(at(place)?, flags)?;
                number(0)
            }
            Operation::PipeSize(place, None) => number(rustix::pipe::fcntl_getpipe_size(at(place)?)? as u64),
            Operation::PipeSize(place, Some(size)) => {
                number(rustix::pipe::fcntl_setpipe_size(at(place)?, *size as usize)? as u64)
            }
            Operation::Seals(place, None) => {
                number(u64::from(rustix::fs::fcntl_get_seals(at(place)?)?.bits()))
            }
            Operation::Seals(place, Some(seals)) => {
                rustix::fs::fcntl_add_seals(at(place)?, SealFlags::from_bits_retain(*seals))?;
                number(0)
            }
            Operation::Truncate(place, length) => {
                rustix::fs::ftruncate(at(place)?, wide(*length))?;
                number(0)
            }
            Operation::Allocate(place, mode, offset, length) => {
                let mode = FallocateFlags::from_bits_retain(*mode);
                rustix::fs::fallocate(at(place)?, mode, wide(*offset), wide(*length))?;
                number(0)
            }
            Operation::Splice(from, offset, to, there, count) => {
                let (mut offset, mut there) = (offset.map(wide), there.map(wide));
                let flags = SpliceFlags::empty();
                // Looked up in the order in which the kernel does.
                if *count == 0 {
                    return Ok(Ok(Shown::Copied(0, offset, there)));
                }
                let copied =
                    rustix::pipe::splice(at(from)?, offset.as_mut(), at(to)?, there.as_mut(), *count, flags)?;
                Ok(Ok(Shown::Copied(copied as u64, offset, there)))
            }
            Operation::CopyRange(from, offset, to, there, count) => {
                let (mut offset, mut there) = (offset.map(wide), there.map(wide));
                let copied =
                    rustix::fs::copy_file_range(at(from)?, offset.as_mut(), at(to)?, there.as_mut(), *count)?;
                Ok(Ok(Shown::Copied(copied as u64, offset, there)))
            }
            Operation::Tee(from, to, count) => {
                if *count == 0 {
                    return number(0);
                }
                number(rustix::pipe::tee(at(from)?, at(to)?, *count, SpliceFlags::empty())? as u64)
            }
            Operation::SendFile(to, from, offset, count) => {
                let mut offset = offset.map(wide);
                let (from, to) = (at(from)?, at(to)?);
                let copied = rustix::fs::sendfile(to, from, offset.as_mut(), *count)?;
                Ok(Ok(Shown::Copied(copied as u64, offset, None)))
            }
        }
    }
}

proptest! {
    #![proptest_config(super::against_linux())]

    #[test]
    fn descriptors_pipes_and_files_do_as_linux_does(operations in prop::collection::vec(operation(), 1..100)) {
        let (mut here, mut there) = (Virtual::new(), Real::new());
        for (seed, operation) in operations.iter().enumerate() {
            // What is closed is found at once, or after other things: see the test of arguments.
            if operation.places().iter().any(|place| here.places[*place] == NOWHERE) {
                continue;
            }
            // A file that is copied over itself is read while it is written, as the pages lie.
            if let Operation::SendFile(to, from, ..) = operation
                && there.is_one_file(*to, *from)
            {
                continue;
            }
            let (ours, linux) = (here.apply(operation, seed), there.apply(operation, seed));
            prop_assert_eq!(&ours, &linux, "operation {}: {:?} (left ours, right Linux)", seed, operation);
        }
    }
}
