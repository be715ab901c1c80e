//! Pseudo-terminals of a program's own, and what ioctl says of these and of everything else.

use super::fake::{FakeGuest, HERE, RESULT, guest};
use super::{read, write};
use crate::{Answer, Ending, Errno, Waiter};
use std::time::{Duration, Instant};

const R: u64 = RESULT as u64;

const READ_WRITE: u64 = 2;
const NO_CONTROL: u64 = 0o400;
const DO_NOT_WAIT: u64 = 0o4000;
const CLOSE_ON_EXEC: u64 = 0o200_0000;

const GET: u64 = 0x5401;
const SET: u64 = 0x5402;
const SET_FLUSHED: u64 = 0x5404;
const TAKE_CONTROL: u64 = 0x540e;
const GET_GROUP: u64 = 0x540f;
const SET_GROUP: u64 = 0x5410;
const GET_WINDOW: u64 = 0x5413;
const SET_WINDOW: u64 = 0x5414;
const UNREAD: u64 = 0x541b;
const SET_NONBLOCKING: u64 = 0x5421;
const GIVE_UP_CONTROL: u64 = 0x5422;
const GET_SESSION: u64 = 0x5429;
const OPEN_PEER: u64 = 0x5441;
const GET_NUMBER: u64 = 0x8004_5430;
const SET_LOCKED: u64 = 0x4004_5431;

fn open(guest: &mut FakeGuest, path: &str, flags: u64) -> Result<u64, Errno> {
    let path = guest.text(path);
    guest.linux("openat", &[HERE, path, flags, 0]).map(u64::from)
}

fn ioctl(guest: &mut FakeGuest, fd: u64, request: u64, argument: u64) -> Result<u32, Errno> {
    guest.linux("ioctl", &[fd, request, argument])
}

/// What a request puts where it is told to.
fn told(guest: &mut FakeGuest, fd: u64, request: u64) -> Result<u32, Errno> {
    ioctl(guest, fd, request, R)?;
    Ok(guest.get_u32(RESULT))
}

fn put_number(guest: &mut FakeGuest, number: u32) -> u64 {
    guest.put(&number.to_le_bytes()).0
}

/// Both ends, as openpty makes them.
fn pair(guest: &mut FakeGuest, flags: u64) -> (u64, u64) {
    let master = open(guest, "/dev/ptmx", READ_WRITE | NO_CONTROL | flags).expect("made");
    let number = told(guest, master, GET_NUMBER).expect("told");
    let name = format!("/dev/pts/{number}");
    assert_eq!(open(guest, &name, READ_WRITE | NO_CONTROL), Err(Errno::IO), "it is locked");
    let zero = put_number(guest, 0);
    ioctl(guest, master, SET_LOCKED, zero).expect("unlocked");
    let slave = open(guest, &name, READ_WRITE | NO_CONTROL | flags).expect("opened");
    (master, slave)
}

/// Sets the four words of modes, and MIN and TIME.
fn set(guest: &mut FakeGuest, fd: u64, modes: [u32; 4], minimum: u8, time: u8) {
    ioctl(guest, fd, GET, R).expect("told");
    let mut bytes = guest.get(RESULT, 36);
    for (word, mode) in bytes.chunks_exact_mut(4).zip(modes) {
        word.copy_from_slice(&mode.to_le_bytes());
    }
    (bytes[17 + 6], bytes[17 + 5]) = (minimum, time);
    let (address, _) = guest.put(&bytes);
    ioctl(guest, fd, SET, address).expect("set");
}

#[test]
fn a_pair_is_made_as_openpty_makes_it() {
    let mut guest = guest();
    let (master, slave) = pair(&mut guest, 0);
    assert_eq!(write(&mut guest, master, b"typed\n"), Ok(6));
    assert_eq!(told(&mut guest, slave, UNREAD), Ok(6));
    assert_eq!(read(&mut guest, slave, 100), Ok(b"typed\n".to_vec()));
    assert_eq!(write(&mut guest, slave, b"shown\n"), Ok(6));
    assert_eq!(read(&mut guest, master, 100), Ok(b"typed\r\nshown\r\n".to_vec()));
    // What Linux says of a new one: 36 bytes, and none beyond.
    guest.memory.bytes[RESULT as usize + 36] = 77;
    ioctl(&mut guest, slave, GET, R).expect("told");
    let modes = [0o2400u32, 5, 0o277, 0o10_5073].map(|mode| mode.to_le_bytes().to_vec()).concat();
    let characters = [0, 3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0];
    assert_eq!(guest.get(RESULT, 37), [&modes[..], &characters, &[77]].concat());
    // What a master is set to, its slave is.
    set(&mut guest, master, [0, 0, 0o277, 0], 1, 0);
    assert_eq!(write(&mut guest, master, b"raw\r"), Ok(4));
    assert_eq!(read(&mut guest, slave, 100), Ok(b"raw\r".to_vec()));
    write(&mut guest, master, b"gone").expect("typed");
    ioctl(&mut guest, slave, GET, R).expect("told");
    ioctl(&mut guest, slave, SET_FLUSHED, R).expect("set");
    assert_eq!(told(&mut guest, slave, UNREAD), Ok(0));
    let (window, _) = guest.put(&[24, 0, 80, 0, 1, 0, 2, 0]);
    ioctl(&mut guest, slave, SET_WINDOW, window).expect("set");
    ioctl(&mut guest, master, GET_WINDOW, R).expect("told");
    assert_eq!(guest.get(RESULT, 8), [24, 0, 80, 0, 1, 0, 2, 0]);
    for (request, errno) in [(0x5410, Errno::NOTTY), (0x5420, Errno::NOTTY), (0x5412, Errno::IO)] {
        assert_eq!(ioctl(&mut guest, slave, request, R), Err(errno), "{request:x}");
    }
    assert_eq!(ioctl(&mut guest, slave, GET_NUMBER, R), Err(Errno::NOTTY));
    assert_eq!(ioctl(&mut guest, slave, 0x540b, 3), Err(Errno::INVAL));
    assert_eq!(ioctl(&mut guest, slave, GET, u64::from(u32::MAX)), Err(Errno::FAULT));
}

#[test]
fn numbers_are_names_as_long_as_the_master_is_open() {
    let mut guest = guest();
    let (first, slave) = pair(&mut guest, 0);
    let (second, _) = pair(&mut guest, 0);
    assert_eq!(told(&mut guest, second, GET_NUMBER), Ok(1));
    assert_eq!(guest.list("dev/pts"), Ok(vec!["0".to_owned(), "1".to_owned()]));
    assert_eq!(told(&mut guest, first, 0x8004_5432), Ok(136 << 8));
    assert_eq!(told(&mut guest, second, 0x8004_5432), Ok(136 << 8 | 1));
    let peer = ioctl(&mut guest, second, OPEN_PEER, READ_WRITE | CLOSE_ON_EXEC).expect("opened");
    assert_eq!(guest.linux("fcntl64", &[u64::from(peer), 1, 0]), Ok(1));
    write(&mut guest, second, b"x\n").expect("typed");
    assert_eq!(read(&mut guest, u64::from(peer), 9), Ok(b"x\n".to_vec()));
    guest.close(first);
    assert_eq!(guest.list("dev/pts"), Ok(vec!["1".to_owned()]));
    assert_eq!(open(&mut guest, "/dev/pts/0", READ_WRITE), Err(Errno::NOENT));
    // The number is taken as long as one end is open.
    let third = open(&mut guest, "/dev/ptmx", READ_WRITE).expect("made");
    assert_eq!(told(&mut guest, third, GET_NUMBER), Ok(2));
    guest.close(slave);
    let fourth = open(&mut guest, "/dev/ptmx", READ_WRITE).expect("made");
    assert_eq!(told(&mut guest, fourth, GET_NUMBER), Ok(0));
    assert_eq!(open(&mut guest, "/dev/pts/x", 0o100 | 1), Err(Errno::ACCES));
}

#[test]
fn an_end_without_the_other_says_so() {
    let mut guest = guest();
    let (master, slave) = pair(&mut guest, DO_NOT_WAIT);
    assert_eq!(read(&mut guest, master, 9), Err(Errno::AGAIN));
    write(&mut guest, slave, b"last").expect("shown");
    guest.close(slave);
    assert_eq!(read(&mut guest, master, 9), Ok(b"last".to_vec()));
    assert_eq!(read(&mut guest, master, 9), Err(Errno::IO));
    assert_eq!(write(&mut guest, master, b"x"), Err(Errno::IO));
    // It can be opened again, and all is well.
    let slave = open(&mut guest, "/dev/pts/0", READ_WRITE | NO_CONTROL | DO_NOT_WAIT).expect("opened");
    assert_eq!(read(&mut guest, master, 9), Err(Errno::AGAIN));
    guest.close(master);
    assert_eq!(read(&mut guest, slave, 9), Ok(vec![]));
    assert_eq!(write(&mut guest, slave, b"x"), Err(Errno::IO));
    assert_eq!(ioctl(&mut guest, slave, GET, R), Err(Errno::IO));
    assert_eq!(ioctl(&mut guest, slave, SET_GROUP, R), Err(Errno::NOTTY));
    // Nobody has ever opened the other end of this one.
    let master = open(&mut guest, "/dev/ptmx", READ_WRITE | DO_NOT_WAIT).expect("made");
    assert_eq!(read(&mut guest, master, 9), Err(Errno::AGAIN));
    assert_eq!(write(&mut guest, master, b"x"), Err(Errno::IO));
}

/// A signal, as the guest is told of it.
fn bit(number: u32) -> u64 {
    1 << number
}

#[test]
fn a_terminal_that_controls_the_process_sends_it_signals() {
    let mut guest = guest();
    assert_eq!(open(&mut guest, "/dev/tty", READ_WRITE), Err(Errno::NXIO));
    let (master, slave) = pair(&mut guest, DO_NOT_WAIT);
    write(&mut guest, master, &[3]).expect("typed");
    assert_eq!(guest.signals, 0, "it controls nobody");
    for request in [GET_GROUP, GET_SESSION, GIVE_UP_CONTROL] {
        assert_eq!(ioctl(&mut guest, slave, request, R), Err(Errno::NOTTY), "{request:x}");
    }
    assert_eq!(told(&mut guest, master, GET_GROUP), Ok(0));
    assert_eq!(ioctl(&mut guest, slave, TAKE_CONTROL, 0), Ok(0));
    assert_eq!(ioctl(&mut guest, slave, TAKE_CONTROL, 0), Ok(0), "it does already");
    let (other, _) = pair(&mut guest, 0);
    assert_eq!(ioctl(&mut guest, other, TAKE_CONTROL, 0), Err(Errno::PERM));
    assert_eq!((told(&mut guest, slave, GET_GROUP), told(&mut guest, slave, GET_SESSION)), (Ok(2), Ok(2)));
    for (group, expected) in
        [(2, Ok(0)), (1, Err(Errno::PERM)), (77, Err(Errno::SRCH)), (u32::MAX, Err(Errno::INVAL))]
    {
        let group = put_number(&mut guest, group);
        assert_eq!(ioctl(&mut guest, slave, SET_GROUP, group), expected);
    }
    for (key, signal) in [(3, 2), (28, 3), (26, 20)] {
        write(&mut guest, master, &[key]).expect("typed");
        assert_eq!(guest.signals, bit(signal));
    }
    let (window, _) = guest.put(&[1, 0, 2, 0, 0, 0, 0, 0]);
    ioctl(&mut guest, slave, SET_WINDOW, window).expect("set");
    assert_eq!(guest.signals, bit(28));
    ioctl(&mut guest, slave, SET_WINDOW, window).expect("set");
    assert_eq!(guest.signals, 0, "it is of that size");
    let tty = open(&mut guest, "/dev/tty", READ_WRITE).expect("opened");
    write(&mut guest, tty, b"to both").expect("shown");
    assert!(read(&mut guest, master, 99).expect("there").ends_with(b"to both"));
    guest.close(tty);
    guest.close(master);
    assert_eq!(guest.signals, bit(1) | bit(18));
    assert_eq!(open(&mut guest, "/dev/tty", READ_WRITE), Err(Errno::NXIO));
    // The next may take control, and what is opened without a word takes it.
    let (next, _) = pair(&mut guest, 0);
    let number = told(&mut guest, next, GET_NUMBER).expect("told");
    let slave = open(&mut guest, &format!("/dev/pts/{number}"), READ_WRITE).expect("opened");
    assert_eq!(told(&mut guest, slave, GET_GROUP), Ok(2));
    assert_eq!(ioctl(&mut guest, slave, GIVE_UP_CONTROL, 0), Ok(0));
    assert_eq!(guest.signals, bit(1) | bit(18));
    assert_eq!(ioctl(&mut guest, slave, GET_GROUP, R), Err(Errno::NOTTY));
}

#[test]
fn a_read_waits_as_minimum_and_time_say() {
    let mut guest = guest();
    let (master, slave) = pair(&mut guest, 0);
    let raw = [0, 0, 0o277, 0];
    let timed = |guest: &mut FakeGuest, minimum, time, typed: &[u8]| {
        set(guest, slave, raw, minimum, time);
        write(guest, master, typed).expect("typed");
        guest.waiter = Waiter::new(Some(Instant::now() + Duration::from_secs(2))).expect("a waiter");
        let begun = Instant::now();
        let (buffer, _) = guest.put(&[0; 9]);
        let read = match guest.call("linux.read", &[slave, buffer, 9]) {
            Ok(Answer::Return { results, .. }) => Some(guest.get(buffer as u32, results[0] as usize)),
            Err(Ending::Stop(_)) => None,
            other => panic!("{other:?}"),
        };
        (read, begun.elapsed())
    };
    let (short, tenth) = (Duration::from_millis(90), Duration::from_millis(100));
    assert_eq!(timed(&mut guest, 0, 0, b"").0, Some(vec![]));
    assert_eq!(timed(&mut guest, 0, 0, b"ab").0, Some(b"ab".to_vec()));
    let (read, took) = timed(&mut guest, 0, 1, b"");
    assert!(read == Some(vec![]) && took >= short, "{read:?} {took:?}");
    let (read, took) = timed(&mut guest, 5, 1, b"ab");
    assert!(read == Some(b"ab".to_vec()) && took >= short, "{read:?} {took:?}");
    assert_eq!(timed(&mut guest, 2, 1, b"abc").0, Some(b"abc".to_vec()));
    // For more than there is, or for the first, it waits until the run's end.
    let (read, took) = timed(&mut guest, 3, 0, b"ab");
    assert!(read.is_none() && took >= tenth, "{read:?} {took:?}");
}

#[test]
fn what_is_no_terminal_says_so_and_how_much_there_is() {
    let mut guest = guest();
    let path = guest.text("/tmp/f");
    let file = u64::from(guest.linux("openat", &[HERE, path, 0o102, 0o600]).expect("made"));
    write(&mut guest, file, b"some bytes").expect("written");
    assert_eq!(told(&mut guest, file, UNREAD), Ok(0));
    guest.linux("_llseek", &[file, 0, 4, R, 0]).expect("sought");
    assert_eq!(told(&mut guest, file, UNREAD), Ok(6));
    assert_eq!(told(&mut guest, file, 0x5460), Ok(10));
    assert_eq!(told(&mut guest, file, 2), Ok(4096));
    for request in [GET, GET_WINDOW, GET_GROUP, GET_NUMBER, 0x1234] {
        assert_eq!(ioctl(&mut guest, file, request, R), Err(Errno::NOTTY), "{request:x}");
    }
    guest.linux("pipe2", &[R, 0]).expect("made");
    let (reader, writer) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    write(&mut guest, writer, b"abc").expect("written");
    assert_eq!(told(&mut guest, reader, UNREAD), Ok(3));
    assert_eq!(ioctl(&mut guest, reader, GET, R), Err(Errno::NOTTY));
    let null = open(&mut guest, "/dev/null", 0).expect("opened");
    assert_eq!(ioctl(&mut guest, null, UNREAD, R), Err(Errno::NOTTY));
    let one = put_number(&mut guest, 1);
    assert_eq!(ioctl(&mut guest, reader, SET_NONBLOCKING, one), Ok(0));
    read(&mut guest, reader, 9).expect("there");
    assert_eq!(read(&mut guest, reader, 9), Err(Errno::AGAIN));
    assert_eq!(ioctl(&mut guest, reader, 0x5451, 0), Ok(0));
    assert_eq!(guest.linux("fcntl64", &[reader, 1, 0]), Ok(1));
    assert_eq!(ioctl(&mut guest, reader, 0x5450, 0), Ok(0));
    assert_eq!(guest.linux("fcntl64", &[reader, 1, 0]), Ok(0));
    assert_eq!(ioctl(&mut guest, 99, GET, R), Err(Errno::BADF));
}
