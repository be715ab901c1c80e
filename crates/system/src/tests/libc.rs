//! The libc functions.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Answer, Errno, Family, Identity, Permission, Support, System, rows};
use std::time::Duration;

const R: u64 = RESULT as u64;

#[test]
fn what_is_refused_says_why() {
    let refused = [
        "chroot",
        "execv",
        "execve",
        "execvp",
        "fexecve",
        "fork",
        "grantpt",
        "if_indextoname",
        "if_nametoindex",
        "mkfifo",
        "mkfifoat",
        "mknod",
        "mknodat",
        "pclose",
        "popen",
        "posix_openpt",
        "ptsname_r",
        "setgroups",
        "sethostname",
        "setsid",
        "shm_open",
        "shm_unlink",
        "socket",
        "unlockpt",
        "vfork",
        "wait",
        "wait3",
        "wait4",
        "waitpid",
    ];
    let mut guest = guest();
    for row in rows().filter(|row| row.family != Family::Linux) {
        let (errno, needed) = match row.support {
            Support::Refused(errno) => (errno, None),
            Support::Needs(permission, errno) => (errno, Some(permission)),
            Support::Full | Support::Partial => continue,
        };
        assert!(refused.contains(&row.name()), "{}", row.name());
        let answer = guest.call_row(row, &vec![0; row.parameters.len()]).expect("the run goes on");
        assert_eq!(guest.system.take_missing(), needed, "{}", row.name());
        match (row.name(), answer) {
            ("ptsname_r", answer) => assert_eq!(answer, Answer::i32(59)),
            (name, Answer::Return { results, errno: Some(set) }) => {
                assert_eq!(set, errno, "{name}");
                let zero = ["if_indextoname", "if_nametoindex"].contains(&name);
                assert_eq!(results[..], [if zero { 0 } else { 0xffff_ffff }], "{name}");
            }
            (name, answer) => panic!("{name}: {answer:?}"),
        }
    }
}

#[test]
fn what_needs_a_permission_is_refused_for_the_want_of_it() {
    let names = |wanted| -> Vec<&str> {
        let needs = |row: &&crate::Row| matches!(row.support, Support::Needs(needed, _) if needed == wanted);
        let old = rows().filter(|row| row.family != Family::Linux);
        old.filter(needs).map(|row| row.name()).collect()
    };
    let programs = ["execv", "execve", "execvp", "fexecve", "fork", "vfork", "popen"];
    assert_eq!(names(Permission::Programs), programs);
    assert_eq!(names(Permission::Network), ["socket", "if_indextoname", "if_nametoindex"]);
    // Handlers ask as well.
    let mut guest = guest();
    for (name, arguments, needed) in [
        ("getaddrinfo", vec![0; 4], Some(Permission::Network)),
        ("getnameinfo", vec![0; 7], Some(Permission::Network)),
        ("system", vec![R], Some(Permission::Programs)),
        ("system", vec![0], None),
        ("waitpid", vec![0; 3], None),
        ("setsid", vec![], None),
    ] {
        guest.call(name, &arguments).expect("the run goes on");
        assert_eq!(guest.system.take_missing(), needed, "{name}");
    }
}

#[test]
fn identity_is_as_the_builder_says() {
    let identity = Identity {
        user: 7,
        group: 8,
        process: 9,
        host_name: "box".into(),
        processors: 3,
        ..Default::default()
    };
    let mut guest = FakeGuest::new(System::builder().identity(identity).build().expect("a system"));
    for (name, value) in [
        ("getuid", 7),
        ("geteuid", 7),
        ("getgid", 8),
        ("getegid", 8),
        ("getpid", 9),
        ("getppid", 1),
        ("getpgrp", 9),
        ("setpgrp", 9),
        ("get_nprocs", 3),
    ] {
        assert_eq!(guest.libc(name, &[]), Ok(value), "{name}");
    }
    for name in ["getpgid", "getsid"] {
        assert_eq!(guest.libc(name, &[0]), Ok(9));
        assert_eq!(guest.libc(name, &[1234]), Err(Errno::SRCH));
    }
    assert_eq!(guest.libc("setpgid", &[0, 0]), Ok(0));
    assert_eq!(guest.libc("setpgid", &[0, 5]), Err(Errno::PERM));
    assert_eq!(guest.libc("getgroups", &[0, 0]), Ok(1));
    assert_eq!(guest.libc("getgroups", &[4, R]), Ok(1));
    assert_eq!(guest.get_u32(RESULT), 8);
    assert_eq!(guest.libc("getgroups", &[u64::from(u32::MAX), R]), Err(Errno::INVAL));
    guest.libc("getresuid", &[64, 68, 72]).expect("told");
    assert_eq!(guest.get_u32(72), 7);
    guest.libc("getresgid", &[64, 68, 72]).expect("told");
    assert_eq!(guest.get_u32(64), 8);
    let same = u64::from(u32::MAX);
    for (name, arguments) in [
        ("setuid", &[7][..]),
        ("seteuid", &[7]),
        ("setgid", &[8]),
        ("setegid", &[8]),
        ("setreuid", &[7, same]),
        ("setregid", &[same, 8]),
        ("setresuid", &[7, 7, same]),
        ("setresgid", &[8, same, 8]),
    ] {
        assert_eq!(guest.libc(name, arguments), Ok(0), "{name}");
        assert_eq!(guest.libc(name, &vec![0; arguments.len()]), Err(Errno::PERM), "{name}");
    }
    assert_eq!(guest.libc("gethostname", &[R, 4]), Ok(0));
    assert_eq!(guest.get(RESULT, 4), b"box\0");
    assert_eq!(guest.libc("gethostname", &[R, 3]), Err(Errno::NAMETOOLONG));
}

#[test]
fn copies_of_descriptors_share_their_position() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    let copy = guest.libc("dup", &[fd]).expect("copied") as u64;
    guest.write(fd, b"one").expect("written");
    guest.write(copy, b"two").expect("written");
    guest.close(fd);
    guest.wasi("fd_seek", &[copy, 0, 0, R]).expect("sought");
    assert_eq!(guest.read(copy, 9), Ok(b"onetwo".to_vec()));
    assert_eq!(guest.libc("dup2", &[copy, 100]), Ok(100));
    assert_eq!(guest.libc("dup2", &[copy, copy]), Ok(copy as i64));
    assert_eq!(guest.libc("dup2", &[copy, 5000]), Err(Errno::BADF));
    assert_eq!(guest.libc("dup2", &[77, 5]), Err(Errno::BADF));
    assert_eq!(guest.libc("dup3", &[copy, copy, 0]), Err(Errno::INVAL));
    assert_eq!(guest.libc("dup3", &[copy, 50, 0]), Ok(50));
    assert_eq!(guest.libc("fcntl", &[copy, 0, 60]), Ok(60));
    assert_eq!(guest.libc("fcntl", &[copy, 1030, 60]), Ok(61));
    assert_eq!(guest.libc("fcntl", &[copy, 0, 1 << 20]), Err(Errno::INVAL));
    let (asked, _) = guest.put(&[0; 32]);
    assert_eq!(guest.libc("fcntl", &[copy, 5, asked]), Ok(0));
    assert_eq!(guest.get(asked as u32, 2), [2, 0]);
    assert_eq!(guest.libc("fcntl", &[copy, 99, R]), Err(Errno::INVAL));
    assert_eq!(guest.libc("flock", &[copy, 6]), Ok(0));
    assert_eq!(guest.libc("flock", &[copy, 3]), Err(Errno::INVAL));
    assert_eq!(guest.libc("lockf", &[copy, 2, 0]), Ok(0));
    let other = guest.open("/tmp/file", 0).expect("opened");
    assert_eq!(guest.libc("flock", &[other, 1 | 4]), Err(Errno::AGAIN));
    assert_eq!(guest.libc("lockf", &[99, 2, 0]), Err(Errno::BADF));
}

#[test]
fn permissions_and_owners() {
    let mut guest = guest();
    guest.open("/tmp/file", 1).expect("made");
    let file = guest.text("/tmp/file");
    let missing = guest.text("/tmp/missing");
    assert_eq!(guest.libc("chmod", &[file, 0o600]), Ok(0));
    guest.stat("/tmp/file", true).expect("told");
    assert_eq!(guest.get(RESULT + 18, 2), 0o600u16.to_le_bytes());
    assert_eq!(guest.libc("chmod", &[missing, 0o600]), Err(Errno::NOENT));
    let fd = guest.open_to_read("/tmp/file").expect("opened");
    assert_eq!(guest.libc("fchmod", &[fd, 0o644]), Ok(0));
    assert_eq!(guest.libc("fchmod", &[0, 0o644]), Err(Errno::ROFS));
    let relative = guest.text("tmp/file");
    assert_eq!(guest.libc("fchmodat", &[3, relative, 0o644, 0]), Ok(0));
    assert_eq!(guest.libc("fchmodat", &[3, relative, 0o644, 4]), Err(Errno::INVAL));
    assert_eq!(guest.libc("fchmodat", &[99, relative, 0o644, 0]), Err(Errno::BADF));
    assert_eq!(guest.libc("chown", &[file, 1000, u64::from(u32::MAX)]), Ok(0));
    assert_eq!(guest.libc("chown", &[file, 0, 0]), Err(Errno::PERM));
    assert_eq!(guest.libc("lchown", &[missing, 1000, 1000]), Err(Errno::NOENT));
    assert_eq!(guest.libc("fchown", &[fd, 1000, 1000]), Ok(0));
    assert_eq!(guest.libc("fchownat", &[3, relative, 1000, 0, 0]), Err(Errno::PERM));
    assert_eq!(guest.libc("umask", &[0o077]), Ok(0o022));
    assert_eq!(guest.libc("umask", &[0]), Ok(0o077));
    assert_eq!(guest.call("sync", &[]), Ok(Answer::none()));
    assert_eq!(guest.libc("syncfs", &[fd]), Ok(0));
    let wild = guest.memory.bytes.len() as u64;
    assert_eq!(guest.libc("chmod", &[wild, 0]), Err(Errno::FAULT));
}

#[test]
fn relative_paths_start_where_the_program_did() {
    let system = System::builder().working_directory("/tmp").build().expect("a system");
    let mut guest = FakeGuest::new(system);
    guest.open("/tmp/file", 1).expect("made");
    let file = guest.text("file");
    assert_eq!(guest.libc("chmod", &[file, 0o600]), Ok(0));
    assert_eq!(guest.libc("fchmodat", &[u64::from(-2i32 as u32), file, 0o600, 0]), Ok(0));
}

#[test]
fn file_systems_tell_their_room() {
    let mut guest = FakeGuest::new(System::builder().file_bytes(1 << 20).build().expect("a system"));
    let path = guest.text("/tmp");
    guest.libc("statvfs", &[path, R]).expect("told");
    assert_eq!((guest.get_u32(RESULT), guest.get_u64(RESULT + 8)), (4096, 256));
    assert_eq!(guest.get_u32(RESULT + 64), 0);
    guest.libc("fstatvfs", &[3, R]).expect("told");
    assert_eq!(guest.get_u32(RESULT + 64), 1);
    assert_eq!(guest.get_u32(RESULT + 68), 255);
}

#[test]
fn one_process_and_its_limits() {
    let system = System::builder()
        .memory_limit(1 << 28)
        .processor_time(|| Duration::from_micros(1_500_000))
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    guest.libc("getrlimit", &[7, R]).expect("told");
    assert_eq!(guest.get_u64(RESULT), 1024);
    guest.libc("getrlimit", &[9, R]).expect("told");
    assert_eq!(guest.get_u64(RESULT + 8), 1 << 28);
    assert_eq!(guest.libc("setrlimit", &[9, R]), Ok(0));
    assert_eq!(guest.libc("setrlimit", &[7, R]), Err(Errno::PERM));
    assert_eq!(guest.libc("getrlimit", &[16, R]), Err(Errno::INVAL));
    guest.libc("getrusage", &[0, R]).expect("told");
    assert_eq!((guest.get_u64(RESULT), guest.get_u64(RESULT + 8)), (1, 500_000));
    assert_eq!(guest.get_u32(RESULT + 32), 4096);
    assert_eq!(guest.libc("getrusage", &[5, R]), Err(Errno::INVAL));
    assert_eq!(guest.libc("getpriority", &[0, 0]), Ok(0));
    assert_eq!(guest.libc("setpriority", &[0, 0, 0]), Ok(0));
    assert_eq!(guest.libc("setpriority", &[0, 0, 5]), Err(Errno::PERM));
    assert_eq!(guest.libc("nice", &[0]), Ok(0));
    assert_eq!(guest.libc("nice", &[5]), Err(Errno::PERM));
    assert_eq!(guest.libc("sched_get_priority_max", &[1]), Ok(99));
    assert_eq!(guest.libc("sched_get_priority_min", &[0]), Ok(0));
    assert_eq!(guest.libc("sched_get_priority_min", &[9]), Err(Errno::INVAL));
    assert_eq!(guest.libc("sched_getscheduler", &[0]), Ok(0));
    let parent = guest.libc("getppid", &[]).expect("a number") as u64;
    assert_eq!(guest.libc("sched_getscheduler", &[parent]), Ok(0));
    assert_eq!(guest.libc("sched_getscheduler", &[parent + 70]), Err(Errno::SRCH));
    assert_eq!(guest.libc("sched_setparam", &[parent, 200]), Err(Errno::SRCH));
    assert_eq!(guest.libc("sched_getparam", &[0, 200]), Ok(0));
    assert_eq!(guest.libc("sched_setparam", &[0, 200]), Ok(0));
    assert_eq!(guest.libc("sched_setscheduler", &[0, 0, 200]), Ok(0));
    assert_eq!(guest.libc("sched_setscheduler", &[0, 1, 200]), Err(Errno::PERM));
    assert_eq!(guest.libc("sched_rr_get_interval", &[0, R]), Ok(0));
    let (text, length) = guest.put(b"message");
    assert_eq!(guest.call("syslog", &[6, text, length]), Ok(Answer::none()));
}

#[test]
fn signals_reach_no_one_else() {
    let mut guest = guest();
    assert_eq!(guest.libc("kill", &[2, 0]), Ok(0));
    assert_eq!((guest.signals, guest.libc("kill", &[2, 15])), (0, Ok(0)));
    assert_eq!((guest.signals, guest.libc("killpg", &[0, 10])), (1 << 15, Ok(0)));
    assert_eq!(guest.signals, 1 << 10);
    assert_eq!(guest.libc("kill", &[2, 19]), Err(Errno::PERM));
    assert_eq!(guest.call("kill", &[2, 9]), Ok(Answer::Exit(137)));
    assert_eq!(guest.libc("kill", &[1, 9]), Err(Errno::PERM));
    assert_eq!(guest.libc("kill", &[4321, 9]), Err(Errno::SRCH));
    assert_eq!(guest.libc("kill", &[2, 65]), Err(Errno::INVAL));
    assert_eq!(guest.libc("killpg", &[0, 0]), Ok(0));
    assert_eq!(guest.libc("killpg", &[77, 0]), Err(Errno::SRCH));
    assert_eq!(guest.libc("system", &[0]), Ok(0));
    let command = guest.text("true");
    assert_eq!(guest.libc("system", &[command]), Err(Errno::PERM));
    guest.waiter.interrupt();
    assert_eq!(guest.libc("pause", &[]), Err(Errno::INTR));
}

#[test]
fn alarm_clocks_ring() {
    let mut guest = guest();
    assert_eq!(guest.libc("alarm", &[100]), Ok(0));
    assert_eq!(guest.libc("alarm", &[0]), Ok(100), "it tells what was left, and stops the clock");
    assert_eq!(guest.libc("alarm", &[0]), Ok(0));
    let timer = |interval: u64, left: u64| [0, interval, 0, left].map(u64::to_le_bytes).concat();
    let (set, _) = guest.put(&timer(5000, 20_000));
    assert_eq!(guest.libc("setitimer", &[0, set, R]), Ok(0));
    assert_eq!(guest.get(RESULT, 32), [0; 32]);
    assert_eq!(guest.libc("getitimer", &[0, R]), Ok(0));
    assert_eq!((guest.get_u64(RESULT), guest.get_u64(RESULT + 8), guest.get_u64(RESULT + 16)), (0, 5000, 0));
    assert!((1..=20_000).contains(&guest.get_u64(RESULT + 24)));
    for _ in 0..2 {
        assert_eq!(guest.libc("pause", &[]), Err(Errno::INTR));
        assert_eq!(guest.signals, 1 << 14);
    }
    for wrong in [timer(0, 1_000_000), timer(u64::MAX, 1), [u64::MAX, 0, 0, 1].map(u64::to_le_bytes).concat()]
    {
        let (set, _) = guest.put(&wrong);
        assert_eq!(guest.libc("setitimer", &[0, set, 0]), Err(Errno::INVAL));
    }
    assert_eq!(guest.libc("setitimer", &[2, set, 0]), Err(Errno::NOTSUP));
    assert_eq!(guest.libc("setitimer", &[3, set, 0]), Err(Errno::INVAL));
    let (stop, _) = guest.put(&[0; 32]);
    assert_eq!(guest.libc("setitimer", &[0, stop, 0]), Ok(0));
    assert_eq!(guest.libc("alarm", &[0]), Ok(0));
}

#[test]
fn without_a_terminal_nothing_is_one() {
    let mut guest = guest();
    for (name, count) in [
        ("ioctl", 3),
        ("tcgetattr", 2),
        ("tcsetattr", 3),
        ("tcdrain", 1),
        ("tcflow", 2),
        ("tcflush", 2),
        ("tcsendbreak", 2),
        ("tcgetpgrp", 1),
        ("tcgetsid", 1),
        ("tcsetpgrp", 2),
    ] {
        assert_eq!(guest.libc(name, &vec![0; count]), Err(Errno::NOTTY), "{name}");
        assert_eq!(guest.libc(name, &vec![99; count]), Err(Errno::BADF), "{name}");
    }
    assert_eq!(guest.call("ttyname_r", &[0, R, 64]), Ok(Answer::i32(59)));
}

#[test]
fn pipes_carry_bytes_and_end() {
    let mut guest = guest();
    guest.libc("pipe", &[R]).expect("made");
    let (reader, writer) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    assert_eq!(guest.write(writer, b"through"), Ok(7));
    assert_eq!(guest.read(reader, 3), Ok(b"thr".to_vec()));
    assert_eq!(guest.read(writer, 3), Err(Errno::BADF));
    guest.close(writer);
    assert_eq!(guest.read(reader, 9), Ok(b"ough".to_vec()));
    assert_eq!(guest.read(reader, 9), Ok(vec![]));
    guest.libc("pipe2", &[R, 4]).expect("made");
    let (reader, writer) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    assert_eq!(guest.read(reader, 3), Err(Errno::AGAIN));
    assert_eq!(guest.write(writer, &vec![0; 100_000]), Ok(65_536));
    assert_eq!(guest.write(writer, b"x"), Err(Errno::AGAIN));
    guest.close(reader);
    assert_eq!(guest.write(writer, b"x"), Err(Errno::PIPE));
    assert_eq!(guest.libc("pipe2", &[R, 1 << 5]), Err(Errno::INVAL));
    assert_eq!(guest.libc("pipe", &[u64::from(u32::MAX)]), Err(Errno::FAULT));
    // What would block for ever ends with an interrupt.
    guest.libc("pipe", &[R]).expect("made");
    let reader = u64::from(guest.get_u32(RESULT));
    guest.waiter.interrupt();
    assert_eq!(guest.read(reader, 1), Err(Errno::INTR));
}

#[test]
fn socket_pairs_talk_both_ways() {
    let mut guest = guest();
    assert_eq!(guest.libc("socketpair", &[1, 6, 0, R]), Err(Errno::AFNOSUPPORT));
    assert_eq!(guest.libc("socketpair", &[3, 5, 0, R]), Err(Errno::PROTOTYPE));
    guest.libc("socketpair", &[3, 6, 0, R]).expect("made");
    let (one, other) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    guest.wasi("fd_fdstat_get", &[one, R]).expect("told");
    assert_eq!(guest.get(RESULT, 1), [6]);
    guest.write(one, b"ping").expect("written");
    assert_eq!(guest.read(other, 9), Ok(b"ping".to_vec()));
    let (text, length) = guest.put(b"pong");
    assert_eq!(guest.libc("sendto", &[other, text, length, 0, 0, 0]), Ok(4));
    let (buffer, room) = guest.put(&[0; 8]);
    assert_eq!(guest.libc("recvfrom", &[one, buffer, room, 1, 0, 0]), Ok(4));
    assert_eq!(guest.libc("recvfrom", &[one, buffer, room, 0, 0, R]), Ok(4));
    assert_eq!(guest.get(buffer as u32, 4), b"pong");
    assert_eq!(guest.libc("recvfrom", &[one, buffer, room, 0x8_0000, 0, 0]), Err(Errno::AGAIN));
    assert_eq!(guest.libc("sendto", &[other, text, length, 0, text, 16]), Err(Errno::ISCONN));
    // The same by message.
    let words = |words: [u64; 7]| words.map(|word| (word as u32).to_le_bytes()).concat();
    let (iovec, _) = guest.put(&[(text as u32).to_le_bytes(), 4u32.to_le_bytes()].concat());
    let (message, _) = guest.put(&words([0, 0, iovec, 1, 0, 0, 0]));
    assert_eq!(guest.libc("sendmsg", &[one, message, 0]), Ok(4));
    let (iovec, _) = guest.put(&[(buffer as u32).to_le_bytes(), 8u32.to_le_bytes()].concat());
    let (message, _) = guest.put(&words([0, 9, iovec, 1, 0, 9, 9]));
    assert_eq!(guest.libc("recvmsg", &[other, message, 0]), Ok(4));
    assert_eq!(guest.get_u32(message as u32 + 4), 0);
    // Names and options.
    let (length_address, _) = guest.put(&16u32.to_le_bytes());
    for name in ["getsockname", "getpeername"] {
        assert_eq!(guest.libc(name, &[one, R, length_address]), Ok(0));
        assert_eq!((guest.get(RESULT, 2), guest.get_u32(length_address as u32)), (vec![3, 0], 2));
    }
    let (length_address, _) = guest.put(&4u32.to_le_bytes());
    assert_eq!(guest.libc("getsockopt", &[one, 0x7fff_ffff, 3, R, length_address]), Ok(0));
    assert_eq!(guest.get_u32(RESULT), 6);
    assert_eq!(guest.libc("getsockopt", &[one, 6, 3, R, length_address]), Err(Errno::NOPROTOOPT));
    assert_eq!(guest.libc("setsockopt", &[one, 0x7fff_ffff, 9, R, 4]), Ok(0));
    assert_eq!(guest.libc("setsockopt", &[1, 0x7fff_ffff, 9, R, 4]), Err(Errno::NOTSOCK));
    assert_eq!(guest.libc("connect", &[one, R, 16]), Err(Errno::ISCONN));
    assert_eq!(guest.libc("bind", &[one, R, 16]), Err(Errno::INVAL));
    assert_eq!(guest.libc("listen", &[one, 5]), Err(Errno::INVAL));
    assert_eq!(guest.libc("accept", &[one, 0, 0]), Err(Errno::INVAL));
    assert_eq!(guest.libc("accept4", &[0, 0, 0, 0]), Err(Errno::NOTSOCK));
    for (name, arguments) in [("getaddrinfo", &[text, 0, 0, R][..]), ("getnameinfo", &[R, 16, 0, 0, 0, 0, 0])]
    {
        match guest.call(name, arguments).expect("the run goes on") {
            Answer::Return { results, errno } => {
                assert_eq!((results[0] as i32, errno), (-3, Some(Errno::ACCES)), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn wasi_socket_calls_work_on_pairs() {
    let mut guest = guest();
    guest.libc("socketpair", &[3, 6 | 0x4000, 0, R]).expect("made");
    let (one, other) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    let (text, _) = guest.put(b"hello");
    let (iovec, _) = guest.put(&[(text as u32).to_le_bytes(), 5u32.to_le_bytes()].concat());
    guest.wasi("sock_send", &[one, iovec, 1, 0, R]).expect("sent");
    assert_eq!(guest.get_u32(RESULT), 5);
    guest.wasi("sock_recv", &[other, iovec, 1, 1, R, R + 8]).expect("looked at");
    guest.wasi("sock_recv", &[other, iovec, 1, 0, R, R + 8]).expect("received");
    assert_eq!(guest.get_u32(RESULT), 5);
    assert_eq!(guest.wasi("sock_recv", &[other, iovec, 1, 0, R, R + 8]), Err(Errno::AGAIN));
    assert_eq!(guest.wasi("sock_accept", &[one, 0, R]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("sock_accept", &[3, 0, R]), Err(Errno::NOTSOCK));
    assert_eq!(guest.wasi("sock_shutdown", &[one, 4]), Err(Errno::INVAL));
    guest.wasi("sock_shutdown", &[one, 2]).expect("shut");
    assert_eq!(guest.read(other, 5), Ok(vec![]));
    assert_eq!(guest.wasi("sock_send", &[one, iovec, 1, 0, R]), Err(Errno::PIPE));
    assert_eq!(guest.wasi("sock_send", &[1, iovec, 1, 0, R]), Err(Errno::NOTSOCK));
}
