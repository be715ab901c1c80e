//! Calls on descriptors.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Errno, System};

const RESULT_64: u64 = RESULT as u64;

fn seek(guest: &mut FakeGuest, fd: u64, offset: i64, whence: u64) -> Result<u64, Errno> {
    guest.wasi("fd_seek", &[fd, offset as u64, whence, RESULT_64])?;
    Ok(guest.get_u64(RESULT))
}

#[test]
fn a_file_is_written_sought_and_read() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(seek(&mut guest, fd, 6, 0), Ok(6));
    assert_eq!(guest.read(fd, 100), Ok(b"world".to_vec()));
    assert_eq!(guest.read(fd, 100), Ok(vec![]));
    assert_eq!(seek(&mut guest, fd, -5, 2), Ok(6));
    assert_eq!(seek(&mut guest, fd, 1, 1), Ok(7));
    guest.wasi("fd_tell", &[fd, RESULT_64]).expect("a position");
    assert_eq!(guest.get_u64(RESULT), 7);
    assert_eq!(seek(&mut guest, fd, -8, 1), Err(Errno::INVAL));
    assert_eq!(seek(&mut guest, fd, 0, 3), Err(Errno::INVAL));
    assert_eq!(seek(&mut guest, 0, 5, 0), Err(Errno::SPIPE), "a stream, whatever stands behind it");
    assert_eq!(guest.linux("pipe2", &[RESULT_64, 0]), Ok(0));
    let pipe = u64::from(guest.get_u32(RESULT));
    assert_eq!(seek(&mut guest, pipe, 0, 0), Err(Errno::SPIPE));
    assert_eq!(seek(&mut guest, 99, 0, 0), Err(Errno::BADF));
    guest.close(fd);
    assert_eq!(guest.wasi("fd_close", &[fd]), Err(Errno::BADF));
}

#[test]
fn several_buffers_are_one_read_or_write() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    let (one, _) = guest.put(b"abc");
    let (other, _) = guest.put(b"defgh");
    let pairs: Vec<u8> =
        [one, 3, 0xffff_ffff, 0, other, 5].iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
    let (iovec, _) = guest.put(&pairs);
    guest.wasi("fd_pwrite", &[fd, iovec, 3, 2, RESULT_64]).expect("written");
    assert_eq!(guest.get_u32(RESULT), 8);
    guest.wasi("fd_pread", &[fd, iovec, 3, 0, RESULT_64]).expect("read");
    assert_eq!(guest.get_u32(RESULT), 8);
    assert_eq!(
        (guest.get(one as u32, 3), guest.get(other as u32, 5)),
        (b"\0\0a".to_vec(), b"bcdef".to_vec())
    );
    // The position has not moved.
    assert_eq!(guest.read(fd, 4), Ok(b"\0\0ab".to_vec()));
    assert_eq!(guest.wasi("fd_pread", &[fd, iovec, 3, u64::MAX, RESULT_64]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("fd_read", &[fd, iovec, 1025, RESULT_64]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("fd_read", &[fd, u64::from(u32::MAX), 1, RESULT_64]), Err(Errno::FAULT));
}

#[test]
fn a_huge_request_is_answered_in_part() {
    let mut guest = guest();
    let fd = guest.open_to_read("/dev/zero").expect("opened");
    let (iovec, _) = guest.put(&[0, 0, 32, 0, 0, 0, 31, 0]);
    guest.wasi("fd_read", &[fd, iovec, 1, RESULT_64]).expect("read");
    assert_eq!(guest.get_u32(RESULT), (1 << 20) - (16 << 10));
    let (iovec, _) = guest.put(&[0, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(guest.wasi("fd_read", &[fd, iovec, 1, RESULT_64]), Err(Errno::FAULT));
}

#[test]
fn append_writes_at_the_end() {
    let mut guest = guest();
    let fd = guest.open_with("/tmp/file", 1, 1, u64::MAX, 1).expect("made");
    guest.write(fd, b"one").expect("written");
    seek(&mut guest, fd, 0, 0).expect("sought");
    guest.write(fd, b"two").expect("written");
    seek(&mut guest, fd, 0, 0).expect("sought");
    assert_eq!(guest.read(fd, 9), Ok(b"onetwo".to_vec()));
    guest.wasi("fd_fdstat_set_flags", &[fd, 0]).expect("set");
    seek(&mut guest, fd, 0, 0).expect("sought");
    guest.write(fd, b"X").expect("written");
    seek(&mut guest, fd, 0, 0).expect("sought");
    assert_eq!(guest.read(fd, 9), Ok(b"Xnetwo".to_vec()));
    assert_eq!(guest.wasi("fd_fdstat_set_flags", &[fd, 32]), Err(Errno::INVAL));
}

#[test]
fn what_a_descriptor_was_opened_for_is_all_it_does() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    guest.write(fd, b"text").expect("written");
    let reader = guest.open_to_read("/tmp/file").expect("opened");
    assert_eq!(guest.write(reader, b"x"), Err(Errno::BADF));
    assert_eq!(guest.wasi("fd_filestat_set_size", &[reader, 0]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("fd_allocate", &[reader, 0, 9]), Err(Errno::BADF));
    let writer = guest.open_with("/tmp/file", 1, 0, !(1 << 1), 0).expect("opened");
    assert_eq!(guest.read(writer, 4), Err(Errno::BADF));
    assert_eq!(guest.read(1, 4), Err(Errno::BADF));
    assert_eq!(guest.write(0, b"x"), Err(Errno::BADF));
    assert_eq!(guest.read(3, 4), Err(Errno::ISDIR));
    assert_eq!(guest.write(3, b"x"), Err(Errno::BADF));
}

#[test]
fn fdstat_tells_type_flags_and_rights() {
    let mut guest = guest();
    guest.wasi("fd_fdstat_get", &[3, RESULT_64]).expect("told");
    assert_eq!(guest.get(RESULT, 1), [3]);
    let inheriting = guest.get_u64(RESULT + 16);
    assert_eq!(inheriting, (1 << 30) - 1);
    let fd = guest.open_with("/tmp/file", 1, 1, 1 << 1 | 1 << 21, 4).expect("made");
    guest.wasi("fd_fdstat_get", &[fd, RESULT_64]).expect("told");
    assert_eq!(guest.get(RESULT, 4), [4, 0, 4, 0]);
    assert_eq!(guest.get_u64(RESULT + 8), 1 << 1 | 1 << 21);
    // What is no terminal has the right to seek, so that isatty says no.
    for stream in 0..3 {
        guest.wasi("fd_fdstat_get", &[stream, RESULT_64]).expect("told");
        assert_eq!(guest.get(RESULT, 1), [2]);
        assert_ne!(guest.get_u64(RESULT + 8) & (1 << 2 | 1 << 5), 0);
    }
    assert_eq!(guest.wasi("fd_fdstat_get", &[77, RESULT_64]), Err(Errno::BADF));
}

#[test]
fn rights_can_only_be_given_up() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    let reading = 1 << 1;
    assert_eq!(guest.wasi("fd_fdstat_set_rights", &[fd, 1 << 13, 0]), Err(Errno::NOTCAPABLE));
    guest.wasi("fd_fdstat_set_rights", &[fd, reading, 0]).expect("given up");
    assert_eq!(guest.wasi("fd_filestat_get", &[fd, RESULT_64]), Err(Errno::NOTCAPABLE));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::BADF));
    assert_eq!(guest.wasi("fd_fdstat_set_rights", &[fd, reading | 1 << 6, 0]), Err(Errno::NOTCAPABLE));
}

#[test]
fn filestat_tells_and_sets() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    guest.write(fd, b"12345").expect("written");
    guest.wasi("fd_filestat_set_size", &[fd, 3]).expect("cut");
    guest.wasi("fd_filestat_set_times", &[fd, 7_000_000_000, 8, 1 | 4]).expect("set");
    guest.wasi("fd_filestat_get", &[fd, RESULT_64]).expect("told");
    assert_eq!(guest.get(RESULT + 16, 1), [4]);
    assert_eq!((guest.get_u64(RESULT + 24), guest.get_u64(RESULT + 32)), (1, 3));
    assert_eq!((guest.get_u64(RESULT + 40), guest.get_u64(RESULT + 48)), (7_000_000_000, 8));
    assert_eq!(guest.wasi("fd_filestat_set_times", &[fd, 0, 0, 3]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("fd_filestat_set_size", &[fd, 1 << 63]), Err(Errno::INVAL));
    guest.wasi("fd_filestat_set_size", &[fd, 1 << 40]).expect("a hole costs nothing");
    assert_eq!(guest.wasi("fd_filestat_set_size", &[1, 0]), Err(Errno::INVAL));
}

#[test]
fn room_advice_and_synchronising() {
    let mut guest = FakeGuest::new(System::builder().file_bytes(1 << 20).build().expect("a system"));
    let fd = guest.open("/tmp/file", 1).expect("made");
    guest.wasi("fd_allocate", &[fd, 0, 5000]).expect("room");
    assert_eq!(guest.stat("tmp/file", true).map(|(size, ..)| size), Ok(5000));
    assert_eq!(guest.wasi("fd_allocate", &[fd, 0, 0]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("fd_allocate", &[fd, 0, 2 << 20]), Err(Errno::NOSPC));
    assert_eq!(guest.wasi("fd_allocate", &[fd, i64::MAX as u64, 9]), Err(Errno::FBIG));
    assert_eq!(guest.wasi("fd_allocate", &[3, 0, 9]), Err(Errno::BADF));
    guest.wasi("fd_advise", &[fd, 0, 0, 4]).expect("advised");
    assert_eq!(guest.wasi("fd_advise", &[fd, 0, 0, 6]), Err(Errno::INVAL));
    guest.wasi("fd_sync", &[fd]).expect("synchronised");
    guest.wasi("fd_datasync", &[fd]).expect("synchronised");
    assert_eq!(guest.wasi("fd_sync", &[1]), Err(Errno::INVAL));
}

#[test]
fn a_full_tree_takes_no_more() {
    let mut guest = FakeGuest::new(System::builder().file_bytes(64 << 10).build().expect("a system"));
    let fd = guest.open("/tmp/file", 1).expect("made");
    let mut written = 0;
    let full = loop {
        match guest.write(fd, &[1; 10_000]) {
            Ok(count) => written += count,
            Err(errno) => break errno,
        }
    };
    assert_eq!(full, Errno::NOSPC);
    assert!((40_000..64 << 10).contains(&written), "{written}");
    let mut names = 0;
    while guest.on_path("path_create_directory", &format!("tmp/{names}")).is_ok() {
        names += 1;
    }
    assert!(names < 20, "{names}");
    // What is removed can be used again, but not while it is open.
    guest.on_path("path_unlink_file", "tmp/file").expect("removed");
    let long = format!("tmp/{}", "n".repeat(250));
    assert_eq!(guest.on_path("path_create_directory", &long), Err(Errno::NOSPC));
    guest.close(fd);
    guest.on_path("path_create_directory", &long).expect("room again");
}

#[test]
fn the_one_preopen_is_the_root() {
    let mut guest = guest();
    guest.wasi("fd_prestat_get", &[3, RESULT_64]).expect("it is one");
    assert_eq!(guest.get(RESULT, 8), [0, 0, 0, 0, 1, 0, 0, 0]);
    guest.wasi("fd_prestat_dir_name", &[3, RESULT_64, 1]).expect("its name");
    assert_eq!(guest.get(RESULT, 1), b"/");
    assert_eq!(guest.wasi("fd_prestat_dir_name", &[3, RESULT_64, 0]), Err(Errno::NAMETOOLONG));
    assert_eq!(guest.wasi("fd_prestat_get", &[4, RESULT_64]), Err(Errno::BADF));
    assert_eq!(guest.wasi("fd_prestat_get", &[0, RESULT_64]), Err(Errno::BADF));
}

#[test]
fn renumbering_moves_a_descriptor() {
    let mut guest = guest();
    let one = guest.open("/tmp/one", 1).expect("made");
    let other = guest.open("/tmp/other", 1).expect("made");
    guest.write(one, b"one").expect("written");
    guest.wasi("fd_renumber", &[one, other]).expect("moved");
    assert_eq!(guest.wasi("fd_tell", &[one, RESULT_64]), Err(Errno::BADF));
    assert_eq!(seek(&mut guest, other, 0, 1), Ok(3));
    assert_eq!(guest.wasi("fd_renumber", &[other, 500]), Err(Errno::BADF));
    assert_eq!(guest.wasi("fd_renumber", &[other, other]), Ok(()));
}

#[test]
fn only_so_many_files_are_open() {
    let mut guest = FakeGuest::new(System::builder().open_files(6).build().expect("a system"));
    for _ in 4..6 {
        guest.open("/dev/null", 0).expect("opened");
    }
    assert_eq!(guest.open("/tmp/file", 1), Err(Errno::MFILE));
    assert_eq!(guest.stat("/tmp/file", true), Err(Errno::NOENT));
}

#[test]
fn cookies_stay_true_while_entries_come_and_go() {
    let mut guest = guest();
    for name in ["a", "b", "c", "d", "e"] {
        guest.on_path("path_create_directory", &format!("tmp/{name}")).expect("made");
    }
    let fd = guest.open_with("/tmp", 1, 2, !(1 << 6), 0).expect("opened");
    let all = guest.list_from(fd, 0, 4096).expect("read");
    let names = |entries: &[(String, u64)]| entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&all), [".", "..", "a", "b", "c", "d", "e"]);
    // A buffer that holds little more than one entry.
    let small = guest.list_from(fd, 0, 30).expect("read");
    assert_eq!(names(&small), names(&all));
    let after_b = all[3].1;
    guest.on_path("path_remove_directory", "tmp/a").expect("removed");
    guest.on_path("path_remove_directory", "tmp/c").expect("removed");
    guest.on_path("path_create_directory", "tmp/f").expect("made");
    assert_eq!(names(&guest.list_from(fd, after_b, 4096).expect("read")), ["d", "e", "f"]);
    // A buffer larger than what is gathered at a time.
    for number in 0..3000 {
        guest.on_path("path_create_directory", &format!("tmp/{number:0>60}")).expect("made");
    }
    assert_eq!(guest.list_from(fd, 0, 1 << 20).expect("read").len(), 3006);
    assert_eq!(guest.list_from(fd, 0, 70_000).expect("read").len(), 3006);
    assert_eq!(guest.list_from(fd, u64::MAX, 4096), Ok(vec![]));
    assert_eq!(guest.wasi("fd_readdir", &[1, 64, 64, 0, 64]), Err(Errno::NOTDIR));
    assert_eq!(guest.wasi("fd_readdir", &[fd, 64, u64::from(u32::MAX), 0, 64]), Err(Errno::FAULT));
}

const READ: u64 = 1 << 1;
const SEEK: u64 = 1 << 2;
const TELL: u64 = 1 << 5;
const WRITE: u64 = 1 << 6;

#[test]
fn a_right_that_was_given_up_is_missed() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    guest.write(fd, b"text").expect("written");
    let (buffer, _) = guest.put(&[0; 8]);
    let (pair, _) = guest.put(&[(buffer as u32).to_le_bytes(), 4u32.to_le_bytes()].concat());
    guest.wasi("fd_fdstat_set_rights", &[fd, READ | WRITE | TELL, 0]).expect("given up");
    assert_eq!(guest.wasi("fd_pread", &[fd, pair, 1, 0, RESULT_64]), Err(Errno::NOTCAPABLE));
    assert_eq!(guest.wasi("fd_pwrite", &[fd, pair, 1, 0, RESULT_64]), Err(Errno::NOTCAPABLE));
    assert_eq!(guest.wasi("fd_seek", &[fd, 1, 1, RESULT_64]), Err(Errno::NOTCAPABLE));
    guest.wasi("fd_seek", &[fd, 0, 1, RESULT_64]).expect("it only asks");
    assert_eq!(guest.get_u64(RESULT), 4);
    assert_eq!(guest.wasi("fd_sync", &[fd]), Err(Errno::NOTCAPABLE));
    assert_eq!(guest.wasi("fd_filestat_set_times", &[fd, 0, 0, 0]), Err(Errno::NOTCAPABLE));
    assert_eq!(guest.wasi("fd_fdstat_set_rights", &[fd, READ | SEEK, 0]), Err(Errno::NOTCAPABLE));
    let other = guest.open_to_read("/tmp/file").expect("opened");
    guest.wasi("fd_fdstat_set_rights", &[other, READ | SEEK, 0]).expect("given up");
    guest.wasi("fd_tell", &[other, RESULT_64]).expect("to seek is to tell");
    guest.wasi("fd_pread", &[other, pair, 1, 0, RESULT_64]).expect("both are there");
}

#[test]
fn a_directory_gives_no_more_rights_than_it_has() {
    let mut guest = guest();
    let directory = guest.open_with("/tmp", 1, 2, !WRITE, 0).expect("opened");
    let (path, length) = guest.put(b"file");
    let mut open = |flags: u64, rights: u64, fdflags: u64| {
        guest.wasi("path_open", &[directory, 0, path, length, flags, rights, 0, fdflags, RESULT_64])
    };
    open(1, READ | WRITE, 0).expect("made");
    let own = 1 << 13 | 1 << 10;
    let mut guest = {
        guest.wasi("fd_fdstat_set_rights", &[directory, own, READ]).expect("given up");
        guest
    };
    let (path, length) = guest.put(b"file");
    let mut open = |flags: u64, rights: u64, fdflags: u64| {
        guest.wasi("path_open", &[directory, 0, path, length, flags, rights, 0, fdflags, RESULT_64])
    };
    open(1, READ, 0).expect("what it may give");
    assert_eq!(open(0, READ | WRITE, 0), Err(Errno::NOTCAPABLE));
    // To cut it, and to have it written through, are rights of the directory.
    assert_eq!(open(8, READ, 0), Err(Errno::NOTCAPABLE));
    assert_eq!(open(0, READ, 2), Err(Errno::NOTCAPABLE));
    assert_eq!(open(0, READ, 16), Err(Errno::NOTCAPABLE));
}

#[test]
fn pipes_carry_bytes_and_end() {
    let mut guest = guest();
    let pipe = |guest: &mut FakeGuest, flags: u64| {
        guest.linux("pipe2", &[RESULT_64, flags]).expect("made");
        [guest.get_u32(RESULT), guest.get_u32(RESULT + 4)].map(u64::from)
    };
    let [reader, writer] = pipe(&mut guest, 0);
    assert_eq!(guest.write(writer, b"through"), Ok(7));
    assert_eq!(guest.read(reader, 3), Ok(b"thr".to_vec()));
    assert_eq!(guest.read(writer, 3), Err(Errno::BADF));
    guest.close(writer);
    assert_eq!(guest.read(reader, 9), Ok(b"ough".to_vec()));
    assert_eq!(guest.read(reader, 9), Ok(vec![]));
    // One that does not wait.
    let [reader, writer] = pipe(&mut guest, 0o4000);
    assert_eq!(guest.read(reader, 3), Err(Errno::AGAIN));
    assert_eq!(guest.write(writer, &vec![0; 100_000]), Ok(65_536));
    assert_eq!(guest.write(writer, b"x"), Err(Errno::AGAIN));
    guest.close(reader);
    assert_eq!(guest.write(writer, b"x"), Err(Errno::PIPE));
    // What would wait for ever ends with an interrupt.
    let [reader, _] = pipe(&mut guest, 0);
    guest.waiter.interrupt();
    assert_eq!(guest.read(reader, 1), Err(Errno::INTR));
}

#[test]
fn sockets_are_sent_to_received_from_and_shut() {
    let mut guest = guest();
    // A stream that does not wait.
    guest.linux("socketpair", &[1, 1 | 0o4000, 0, RESULT_64]).expect("made");
    let (one, other) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    let (text, _) = guest.put(b"hello");
    let (iovec, _) = guest.put(&[(text as u32).to_le_bytes(), 5u32.to_le_bytes()].concat());
    let flags = RESULT_64 + 8;
    guest.wasi("sock_send", &[one, iovec, 1, 0, RESULT_64]).expect("sent");
    assert_eq!(guest.get_u32(RESULT), 5);
    guest.wasi("sock_recv", &[other, iovec, 1, 1, RESULT_64, flags]).expect("looked at");
    guest.wasi("sock_recv", &[other, iovec, 1, 0, RESULT_64, flags]).expect("received");
    assert_eq!(guest.get_u32(RESULT), 5);
    assert_eq!(guest.wasi("sock_recv", &[other, iovec, 1, 0, RESULT_64, flags]), Err(Errno::AGAIN));
    assert_eq!(guest.wasi("sock_accept", &[one, 0, RESULT_64]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("sock_accept", &[3, 0, RESULT_64]), Err(Errno::NOTSOCK));
    assert_eq!(guest.wasi("sock_shutdown", &[one, 4]), Err(Errno::INVAL));
    guest.wasi("sock_shutdown", &[one, 2]).expect("shut");
    assert_eq!(guest.read(other, 5), Ok(vec![]));
    assert_eq!(guest.wasi("sock_send", &[one, iovec, 1, 0, RESULT_64]), Err(Errno::PIPE));
    assert_eq!(guest.wasi("sock_send", &[1, iovec, 1, 0, RESULT_64]), Err(Errno::NOTSOCK));
}
