//! What each kind of thing behind a descriptor answers to each call that not all have.

use super::fake::{FakeGuest, HERE, RESULT, row};
use crate::{Capture, Family, Input, Output, System};

const R: u64 = RESULT as u64;

/// Where a length of 4 stands.
const LENGTH: u64 = 256;

/// The calls, with the arguments after the descriptor; what is left out is 0.
const CALLS: [(&str, &[u64]); 29] = [
    ("fd_advise", &[]),
    ("fd_allocate", &[0, 1]),
    ("fd_datasync", &[]),
    ("fd_sync", &[]),
    ("fd_filestat_set_size", &[]),
    ("fd_filestat_set_times", &[]),
    ("fd_read", &[0, 0, R]),
    ("fd_pread", &[0, 0, 0, R]),
    ("fd_write", &[0, 0, R]),
    ("fd_pwrite", &[0, 0, 0, R]),
    ("fd_seek", &[0, 0, R]),
    ("fd_seek", &[5, 2, R]),
    ("fd_tell", &[R]),
    ("fd_readdir", &[R, 64, 0, R]),
    ("fd_prestat_get", &[R]),
    ("sock_accept", &[0, R]),
    ("sock_recv", &[0, 0, 0, R, R]),
    ("sock_send", &[0, 0, 0, R]),
    ("sock_shutdown", &[4]),
    ("fchmod", &[0o600]),
    ("syncfs", &[]),
    ("fstatfs64", &[88, R]),
    ("ioctl", &[0x5401, R]),
    ("connect", &[R, 2]),
    ("getsockopt", &[1, 3, R, LENGTH]),
    ("setsockopt", &[1, 9, R, 4]),
    ("flock", &[1]),
    // Of what they tell, the type and the rights.
    ("fd_fdstat_get", &[R]),
    ("fd_filestat_get", &[R]),
];

fn answer(guest: &mut FakeGuest, name: &str, descriptor: u64, rest: &[u64]) -> String {
    let row = row(name);
    let mut arguments = [&[descriptor], rest].concat();
    arguments.resize(row.parameters.len(), 0);
    guest.memory.bytes[LENGTH as usize] = 4;
    let answer = match row.family {
        Family::Linux => guest.linux(name, &arguments).map(drop),
        Family::Wasi => guest.wasi(name, &arguments),
    };
    match (answer, name) {
        (Err(errno), _) => errno.name().to_owned(),
        (Ok(()), "fd_fdstat_get") => format!("{}:{:x}", guest.get(RESULT, 1)[0], guest.get_u64(RESULT + 8)),
        (Ok(()), "fd_filestat_get") => format!("{}:{}", guest.get_u64(RESULT), guest.get(RESULT + 16, 1)[0]),
        (Ok(()), _) => "ok".to_owned(),
    }
}

/// All answers of what `open` opens, in the order of [`CALLS`].
fn answers(open: impl Fn(&mut FakeGuest) -> u64) -> String {
    let mut answers = Vec::new();
    for (name, rest) in CALLS {
        // A guest of its own, so that no call changes what the next one meets, whose standard
        // streams are not /dev/null.
        let streams =
            System::builder().stdin(Input::Bytes(Vec::new())).stdout(Output::Capture(Capture::new()));
        let mut guest = FakeGuest::new(streams.build().expect("a system"));
        let descriptor = open(&mut guest);
        answers.push(answer(&mut guest, name, descriptor, rest));
    }
    answers.join(" ")
}

fn two(guest: &mut FakeGuest, name: &str, arguments: &[u64]) -> [u64; 2] {
    guest.linux(name, arguments).expect("made");
    [u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4))]
}

#[test]
fn each_kind_answers_each_call_as_its_like_does_on_linux() {
    type Open = fn(&mut FakeGuest) -> u64;
    let kinds: [(&str, Open, &str); 13] = [
        (
            "file",
            |guest| guest.open("/tmp/file", 1).expect("made"),
            "ok ok ok ok ok ok ok ok ok ok ok ok ok ENOTDIR EBADF ENOTSOCK ENOTSOCK \
             ENOTSOCK ENOTSOCK ok ok ok ENOTTY ENOTSOCK ENOTSOCK ENOTSOCK ok 4:8e001ff 2:4",
        ),
        (
            "file to read",
            |guest| {
                let made = guest.open("/tmp/file", 1).expect("made");
                guest.close(made);
                // wasi-libc's rights of O_RDONLY.
                guest.open_with("/tmp/file", 1, 0, 0x820_4022 | 1 << 21, 0).expect("opened")
            },
            "ENOTCAPABLE EBADF ok ENOTCAPABLE EINVAL ENOTCAPABLE ok ENOTCAPABLE EBADF EBADF \
             ENOTCAPABLE ENOTCAPABLE ok ENOTDIR EBADF ENOTSOCK ENOTSOCK EBADF ENOTSOCK ok \
             ok ok ENOTTY ENOTSOCK ENOTSOCK ENOTSOCK ok 4:8200022 2:4",
        ),
        (
            "directory",
            |guest| guest.open_with("/tmp", 1, 2, !(1 << 6), 0).expect("opened"),
            "EBADF EBADF ok ok EINVAL ok EISDIR EISDIR EBADF EBADF EBADF EBADF EBADF ok \
             EBADF ENOTSOCK EBADF EBADF ENOTSOCK ok ok ok ENOTTY ENOTSOCK ENOTSOCK ENOTSOCK \
             ok 3:2fbffe99 2:3",
        ),
        (
            "root",
            |_| 3,
            "EBADF EBADF ok ok EINVAL ok EISDIR EISDIR EBADF EBADF EBADF EBADF EBADF ok ok \
             ENOTSOCK EBADF EBADF ENOTSOCK EROFS ok ok ENOTTY ENOTSOCK ENOTSOCK ENOTSOCK ok \
             3:2fbffe99 1:3",
        ),
        (
            "null",
            |guest| guest.open("/dev/null", 0).expect("opened"),
            "ok ENODEV EINVAL EINVAL EINVAL EROFS ok ok ok ok ok ok ok ENOTDIR EBADF \
             ENOTSOCK ENOTSOCK ENOTSOCK ENOTSOCK EPERM ok ok ENOTTY ENOTSOCK ENOTSOCK \
             ENOTSOCK ok 2:8e001ff 3:2",
        ),
        (
            "null to read",
            |guest| guest.open_with("/dev/null", 1, 0, 0x2, 0).expect("opened"),
            "ENOTCAPABLE ENODEV EINVAL EINVAL EINVAL EROFS ok ENOTCAPABLE EBADF EBADF \
             ENOTCAPABLE ENOTCAPABLE ENOTCAPABLE ENOTDIR EBADF ENOTSOCK ENOTSOCK EBADF \
             ENOTSOCK EPERM ok ok ENOTTY ENOTSOCK ENOTSOCK ENOTSOCK ok 2:2 ENOTCAPABLE",
        ),
        (
            "input",
            |_| 0,
            "ESPIPE ESPIPE EINVAL EINVAL EINVAL EROFS ok ESPIPE EBADF EBADF ESPIPE ESPIPE \
             ESPIPE ENOTDIR EBADF ENOTSOCK ENOTSOCK EBADF ENOTSOCK EPERM ok ok ENOTTY \
             ENOTSOCK ENOTSOCK ENOTSOCK ok 2:1820002e 4:2",
        ),
        (
            "output",
            |_| 1,
            "ESPIPE ESPIPE EINVAL EINVAL EINVAL EROFS EBADF EBADF ok ESPIPE ESPIPE ESPIPE \
             ESPIPE ENOTDIR EBADF ENOTSOCK EBADF ENOTSOCK ENOTSOCK EPERM ok ok ENOTTY \
             ENOTSOCK ENOTSOCK ENOTSOCK ok 2:1820006c 4:2",
        ),
        (
            "pipe reader",
            |guest| two(guest, "pipe2", &[R, 0])[0],
            "ESPIPE ESPIPE EINVAL EINVAL EINVAL EROFS ok ESPIPE EBADF EBADF ESPIPE ESPIPE \
             ESPIPE ENOTDIR EBADF ENOTSOCK ENOTSOCK EBADF ENOTSOCK EPERM ok ok ENOTTY \
             ENOTSOCK ENOTSOCK ENOTSOCK ok 2:1820002e 4:2",
        ),
        (
            "pipe writer",
            |guest| two(guest, "pipe2", &[R, 0])[1],
            "ESPIPE ESPIPE EINVAL EINVAL EINVAL EROFS EBADF EBADF ok ESPIPE ESPIPE ESPIPE \
             ESPIPE ENOTDIR EBADF ENOTSOCK EBADF ENOTSOCK ENOTSOCK EPERM ok ok ENOTTY \
             ENOTSOCK ENOTSOCK ENOTSOCK ok 2:1820006c 4:2",
        ),
        (
            "named pipe",
            |guest| {
                let path = guest.text("/tmp/pipe");
                guest.linux("mknodat", &[HERE, path, 0o010_644, 0]).expect("made");
                u64::from(guest.linux("openat", &[HERE, path, 2, 0]).expect("opened"))
            },
            "ESPIPE ESPIPE EINVAL ENOTCAPABLE EINVAL ENOTCAPABLE ok ESPIPE ok ESPIPE ESPIPE ESPIPE \
             ESPIPE ENOTDIR EBADF ENOTSOCK ENOTSOCK ENOTSOCK ENOTSOCK ok ok ok ENOTTY ENOTSOCK \
             ENOTSOCK ENOTSOCK ok 2:1820006e 2:2",
        ),
        (
            "socket",
            |guest| two(guest, "socketpair", &[1, 1, 0, R])[0],
            "ESPIPE ESPIPE EINVAL EINVAL EINVAL EROFS ok ESPIPE ok ESPIPE ESPIPE ESPIPE \
             ESPIPE ENOTDIR EBADF EINVAL ok ok EINVAL EPERM ok ok ENOTTY EINVAL ok ok ok \
             6:1820004a 4:6",
        ),
        (
            "none",
            |_| 99,
            "EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF \
             EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF EBADF \
             EBADF EBADF EBADF",
        ),
    ];
    let mut differ = Vec::new();
    for (kind, open, expected) in kinds {
        let found = answers(open);
        if found != expected {
            differ.push(format!("{kind}:\n{found}\nand not\n{expected}\n"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
