//! Arguments, environment, clocks, randomness, waiting, and the end.

use super::errno::*;
use super::module::{MEMORY, Module};
use super::{RESULT, ROOM, ROOT, Tree, rights};
use crate::harness::Scratch;

/// The strings of a pair of calls, such as `args`.
fn strings(module: &mut Module, name: &str) -> Vec<String> {
    module.does(&format!("{name}_sizes_get"), &[RESULT.into(), (RESULT + 4).into()]);
    let (count, size) = (module.get_u32(RESULT), module.get_u32(RESULT + 4));
    let text = u64::from(ROOM) + 1024;
    module.does(&format!("{name}_get"), &[ROOM.into(), text]);
    let bytes = module.get(text as u32, size as usize);
    let mut found = Vec::new();
    for number in 0..count {
        let start = u64::from(module.get_u32(ROOM + 4 * number)) - text;
        let rest = &bytes[start as usize..];
        let end = rest.iter().position(|byte| *byte == 0).expect("an end");
        found.push(String::from_utf8_lossy(&rest[..end]).into_owned());
    }
    assert_eq!(size as usize, found.iter().map(|one| one.len() + 1).sum::<usize>());
    found
}

#[test]
fn arguments_and_variables_are_those_that_were_given() {
    let place = Scratch::new();
    let mut module = Module::start(&place, &[], &[]);
    assert_eq!(strings(&mut module, "args"), ["module.wasm"]);
    assert_eq!(strings(&mut module, "environ"), Vec::<String>::new());
    assert_eq!(module.ends(), 0);
    for isolation in ["process", "thread"] {
        let options =
            ["--isolation", isolation, "--env", "b=2", "--env", "a=", "--env", "HOME=x y", "--env", "none"];
        let mut module = Module::start(&place, &options, &["", "first", "--second", "ü"]);
        assert_eq!(strings(&mut module, "args"), ["module.wasm", "", "first", "--second", "ü"]);
        assert_eq!(strings(&mut module, "environ"), ["HOME=x y", "a=", "b=2"]);
        let end = u64::from(MEMORY);
        assert_eq!(module.call("args_sizes_get", &[end, 0]), FAULT);
        assert_eq!(module.call("args_get", &[ROOM.into(), end - 1]), FAULT);
        assert_eq!(module.ends(), 0);
    }
}

#[test]
fn clocks_go_and_random_bytes_are_random() {
    let mut tree = Tree::new();
    let module = &mut tree.module;
    for clock in 0..4 {
        module.does("clock_res_get", &[clock, RESULT.into()]);
        assert!(module.get_u64(RESULT) > 0);
        let mut times = Vec::new();
        for _ in 0..2 {
            module.does("clock_time_get", &[clock, 0, RESULT.into()]);
            times.push(module.get_u64(RESULT));
        }
        assert!(times[0] <= times[1], "{clock}: {times:?}");
    }
    assert_eq!(module.call("clock_time_get", &[4, 0, RESULT.into()]), INVAL);
    assert_eq!(module.call("clock_res_get", &[4, RESULT.into()]), INVAL);
    module.does("random_get", &[ROOM.into(), 0]);
    module.does("random_get", &[ROOM.into(), 32]);
    let first = module.get(ROOM, 32);
    module.does("random_get", &[ROOM.into(), 32]);
    assert_ne!(first, module.get(ROOM, 32));
    module.does("random_get", &[1 << 18, 1 << 20]);
    let pieces = module.get(1 << 18, 1 << 20);
    assert!(pieces.chunks(64).all(|piece| piece.iter().any(|byte| *byte != 0)), "all of it is filled");
    module.does("sched_yield", &[]);
}

/// A subscription to a clock, or to a descriptor.
fn subscription(user: u64, kind: u8, number: u32, timeout: u64, flags: u16) -> Vec<u8> {
    let mut bytes = user.to_le_bytes().to_vec();
    bytes.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(number.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(timeout.to_le_bytes());
    bytes.extend([0; 8]);
    bytes.extend(flags.to_le_bytes());
    bytes.resize(48, 0);
    bytes
}

/// What comes of waiting: user data, errno and kind of each event.
fn poll(module: &mut Module, subscriptions: &[Vec<u8>]) -> Result<Vec<(u64, u16, u8)>, u16> {
    module.put(ROOM, &subscriptions.concat());
    let events = ROOM + 4096;
    let arguments = [ROOM.into(), events.into(), subscriptions.len() as u64, RESULT.into()];
    match module.call("poll_oneoff", &arguments) {
        0 => {}
        errno => return Err(errno),
    }
    let count = module.get_u32(RESULT) as usize;
    let bytes = module.get(events, count * 32);
    let event = |bytes: &[u8]| {
        let user = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
        (user, u16::from_le_bytes([bytes[8], bytes[9]]), bytes[10])
    };
    let mut events: Vec<_> = bytes.chunks(32).map(event).collect();
    // In which order they come is not said.
    events.sort_unstable();
    Ok(events)
}

#[test]
fn waiting_ends_with_the_first_thing_that_comes() {
    const CLOCK: u8 = 0;
    const READ: u8 = 1;
    const WRITE: u8 = 2;
    let mut tree = Tree::new();
    let file = tree.file("file", rights::FD_READ | rights::FD_WRITE | rights::POLL_FD_READWRITE);
    let without = tree.file("file", rights::FD_READ);
    let module = &mut tree.module;
    let time = |module: &mut Module| {
        module.does("clock_time_get", &[1, 0, RESULT.into()]);
        module.get_u64(RESULT)
    };
    const MILLISECOND: u64 = 1_000_000;
    let before = time(module);
    let clock = subscription(7, CLOCK, 1, 50 * MILLISECOND, 0);
    assert_eq!(poll(module, &[clock]), Ok(vec![(7, 0, CLOCK)]));
    let after = time(module);
    assert!(after - before >= 50 * MILLISECOND, "{before} {after}");
    // At a time, of either clock; in the past it is over.
    for (number, time) in [(1, after + 20 * MILLISECOND), (1, 1), (0, 1)] {
        assert_eq!(poll(module, &[subscription(8, CLOCK, number, time, 1)]), Ok(vec![(8, 0, CLOCK)]));
    }
    assert!(time(module) >= after + 20 * MILLISECOND);
    // What is ready is told before any clock, each with its own number.
    let long = subscription(1, CLOCK, 1, 1_000_000 * MILLISECOND, 0);
    let ready = [
        subscription(2, WRITE, 1, 0, 0),
        long.clone(),
        subscription(3, READ, file, 0, 0),
        subscription(4, WRITE, file, 0, 0),
        subscription(5, WRITE, 2, 0, 0),
    ];
    assert_eq!(poll(module, &ready), Ok(vec![(2, 0, WRITE), (3, 0, READ), (4, 0, WRITE), (5, 0, WRITE)]));
    // What fails is told as an event, and the others all the same.
    let failing = [
        subscription(1, READ, 99, 0, 0),
        subscription(2, CLOCK, 9, 1, 0),
        subscription(3, READ, without, 0, 0),
        subscription(4, CLOCK, 1, 1, 2),
        long,
    ];
    let expected = vec![(1, BADF, READ), (2, INVAL, CLOCK), (3, NOTCAPABLE, READ), (4, INVAL, CLOCK)];
    assert_eq!(poll(module, &failing), Ok(expected));
    // There is nothing on stdin until the next order, and the time is over before.
    let silent = [subscription(1, READ, 0, 0, 0), subscription(2, CLOCK, 1, 30 * MILLISECOND, 0)];
    assert_eq!(poll(module, &silent), Ok(vec![(2, 0, CLOCK)]));
    assert_eq!(poll(module, &[]), Err(INVAL));
    let outside = [u64::from(MEMORY) - 8, ROOM.into(), 1, RESULT.into()];
    assert_eq!(module.call("poll_oneoff", &outside), FAULT);
}

#[test]
fn a_module_ends_with_the_code_that_it_gives() {
    for isolation in ["process", "thread"] {
        for (code, expected) in [(0, 0), (33, 33), (255, 255), (256 + 4, 4)] {
            let tree = Tree::with(&["--isolation", isolation], |_| {});
            assert_eq!(tree.module.leaves("proc_exit", &[code]), expected, "{isolation}");
        }
    }
    // Signals that end a process, as a shell tells of it; WASI's numbers are those of Linux
    // up to SIGTERM.
    for (signal, expected) in [(6, 134), (9, 137), (15, 143)] {
        let mut tree = Tree::new();
        assert_eq!(tree.module.call("proc_raise", &[99]), INVAL);
        tree.module.does("proc_raise", &[0]);
        let Tree { module, .. } = tree;
        assert_eq!(module.leaves("proc_raise", &[signal]), expected);
    }
}

#[test]
fn a_directory_that_is_only_shown_is_not_written_to() {
    let place = Scratch::new();
    place.write("data/file", "text");
    let module = Module::start(&place, &["--dir", "data:/"], &[]);
    let mut tree = Tree { place, module };
    let read_only = [69, ACCES, PERM, NOTCAPABLE];
    assert!(read_only.contains(&tree.on("path_create_directory", "new")));
    assert!(read_only.contains(&tree.on("path_unlink_file", "file")));
    assert!(read_only.contains(&tree.both("path_rename", (ROOT, "file"), (ROOT, "new"))));
    let opened = tree.open(ROOT, "file", 0, 0, rights::FD_READ | rights::FD_WRITE, 0);
    assert!(opened.is_err_and(|errno| read_only.contains(&errno)), "{opened:?}");
    let file = tree.open(ROOT, "file", 0, 0, rights::FD_READ, 0).expect("the file");
    assert_eq!(tree.read(file, 10, None), Ok(b"text".to_vec()));
    assert!(matches!(tree.write(file, b"x", None), Err(BADF | NOTCAPABLE)));
    let sync = tree.module.call("fd_datasync", &[file.into()]);
    assert!(matches!(sync, 0 | NOTSUP), "{sync}");
}
