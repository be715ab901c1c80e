//! The calls of Linux about the process and the machine: clocks, timers, identity, the
//! scheduler, limits, signals.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Answer, Ending, Errno, FixedClock, Identity, Permission, SeededRandom, Stop, Support, System};
use crate::{Waiter, rows};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const R: u64 = RESULT as u64;

/// -1, as a word.
const NONE: u64 = u32::MAX as u64;

fn word(number: i32) -> u64 {
    u64::from(number.cast_unsigned())
}

fn time(guest: &mut FakeGuest, seconds: i64, nanoseconds: i64) -> u64 {
    guest.put(&[seconds, nanoseconds].map(i64::to_le_bytes).concat()).0
}

fn get_time(guest: &mut FakeGuest, address: u32) -> Duration {
    Duration::new(guest.get_u64(address), guest.get_u64(address + 8) as u32)
}

fn with_identity() -> FakeGuest {
    let identity = Identity {
        user: 7,
        group: 8,
        process: 9,
        host_name: "box".into(),
        processors: 3,
        ..Default::default()
    };
    let system = System::builder().identity(identity).memory_limit(1 << 28);
    FakeGuest::new(system.processor_time(|| Duration::from_millis(1_500)).build().expect("a system"))
}

#[test]
fn clocks_tell_the_time_by_which_the_guest_lives() {
    let system = System::builder()
        .clock(Arc::new(FixedClock::new(Duration::from_secs(1_000_000))))
        .processor_time(|| Duration::from_millis(42))
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    let own = !2i32 << 3;
    for (clock, told) in [
        (0, 1_000_000_000),
        (1, 1_000),
        (2, 42),
        (3, 42),
        (4, 1_000),
        (5, 1_000_000_000),
        (6, 1_000),
        (7, 1_000),
        (11, 1_000_000_000),
        // Of this process by its number, of its thread, and of whoever asks.
        (own | 2, 42),
        (own | 6, 42),
        (!0 << 3 | 2, 42),
    ] {
        assert_eq!(guest.linux("clock_gettime64", &[word(clock), R]), Ok(0), "clock {clock}");
        assert_eq!(get_time(&mut guest, RESULT), Duration::from_millis(told), "clock {clock}");
        assert_eq!(guest.linux("clock_getres_time64", &[word(clock), R]), Ok(0), "clock {clock}");
        assert_eq!(get_time(&mut guest, RESULT), Duration::from_nanos(1));
        assert_eq!(guest.linux("clock_getres_time64", &[word(clock), 0]), Ok(0), "nobody wants it");
    }
    for clock in [8, 9, 10, 12, own | 3, !77 << 3 | 2, i32::MIN] {
        assert_eq!(guest.linux("clock_gettime64", &[word(clock), R]), Err(Errno::INVAL), "clock {clock}");
    }
    assert_eq!(guest.linux("clock_gettime64", &[0, 0]), Err(Errno::FAULT));
    assert_eq!(guest.linux("times", &[R]), Ok(100));
    assert_eq!([0, 4, 8, 12].map(|at| guest.get_u32(RESULT + at)), [4, 0, 0, 0]);
    assert_eq!(guest.linux("times", &[0]), Ok(100));
}

#[test]
fn nobody_sets_a_clock_but_all_may_ask_how_it_is_kept() {
    let mut guest = guest();
    let (good, bad) = (time(&mut guest, 1, 0), time(&mut guest, 1, 1_000_000_000));
    for (arguments, errno) in [
        ([0, good], Errno::PERM),
        ([0, bad], Errno::INVAL),
        ([0, 0], Errno::FAULT),
        ([1, good], Errno::INVAL),
        ([word(!0 << 3 | 2), good], Errno::PERM),
    ] {
        assert_eq!(guest.linux("clock_settime64", &arguments), Err(errno), "{arguments:?}");
    }
    let (state, _) = guest.put(&[0; 208]);
    assert_eq!(guest.linux("clock_adjtime64", &[0, state]), Ok(5));
    assert!(guest.get_u64(state as u32 + 72) > 1_700_000_000);
    assert_eq!(guest.get_u64(state as u32 + 88), 10_000, "microseconds of a tick");
    assert_eq!(guest.linux("clock_adjtime64", &[1, state]), Err(Errno::NOTSUP));
    assert_eq!(guest.linux("clock_adjtime64", &[10, state]), Err(Errno::INVAL));
    let (change, _) = guest.put(&[&[2][..], &[0; 207]].concat());
    assert_eq!(guest.linux("clock_adjtime64", &[0, change]), Err(Errno::PERM));
    assert_eq!(guest.linux("clock_adjtime64", &[0, 0]), Err(Errno::FAULT));
}

#[test]
fn sleeps_last_as_long_as_was_wanted_by_the_clock_that_was_named() {
    let clock = Arc::new(FixedClock::new(Duration::from_secs(1_000)));
    let mut guest = FakeGuest::new(System::builder().clock(clock).build().expect("a system"));
    let begun = Instant::now();
    let now = |guest: &mut FakeGuest| {
        guest.linux("clock_gettime64", &[0, R]).expect("told");
        guest.get_u64(RESULT)
    };
    let hour = time(&mut guest, 3_600, 0);
    assert_eq!(guest.linux("clock_nanosleep_time64", &[1, 0, hour, 0]), Ok(0));
    assert_eq!(now(&mut guest), 4_600);
    // An hour after 1970 is over.
    assert_eq!(guest.linux("clock_nanosleep_time64", &[0, 1, hour, 0]), Ok(0));
    assert_eq!(now(&mut guest), 4_600);
    let then = time(&mut guest, 5_000, 0);
    assert_eq!(guest.linux("clock_nanosleep_time64", &[11, 1, then, 0]), Ok(0));
    assert_eq!(now(&mut guest), 5_000);
    // The upper half of the nanoseconds is whatever was there.
    let padded = time(&mut guest, 7, -1 << 32);
    assert_eq!(guest.linux("clock_nanosleep_time64", &[7, 0, padded, 0]), Ok(0));
    let (short, _) = guest.put(&[3u32, 5].map(u32::to_le_bytes).concat());
    assert_eq!(guest.linux("nanosleep", &[short, 0]), Ok(0));
    assert_eq!(now(&mut guest), 5_010);
    let nothing = time(&mut guest, 0, 0);
    assert_eq!(guest.linux("clock_nanosleep_time64", &[2, 0, nothing, 0]), Ok(0));
    let (early, late) = (time(&mut guest, -1, 0), time(&mut guest, 0, 1_000_000_000));
    for (arguments, errno) in [
        ([1, 0, early, 0], Errno::INVAL),
        ([1, 0, late, 0], Errno::INVAL),
        ([1, 0, 0, 0], Errno::FAULT),
        ([10, 0, nothing, 0], Errno::INVAL),
        ([3, 0, nothing, 0], Errno::NOTSUP),
        ([4, 0, nothing, 0], Errno::NOTSUP),
        ([5, 0, nothing, 0], Errno::NOTSUP),
        ([8, 0, nothing, 0], Errno::NOTSUP),
        ([word(!0 << 3 | 6), 0, nothing, 0], Errno::INVAL),
    ] {
        assert_eq!(guest.linux("clock_nanosleep_time64", &arguments), Err(errno), "{arguments:?}");
    }
    let (short, _) = guest.put(&[NONE as u32, 0].map(u32::to_le_bytes).concat());
    assert_eq!(guest.linux("nanosleep", &[short, 0]), Err(Errno::INVAL));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_signal_ends_a_sleep_and_what_was_left_is_told() {
    let mut guest = guest();
    let hour = time(&mut guest, 3_600, 0);
    guest.waiter.interrupt();
    assert_eq!(guest.linux("clock_nanosleep_time64", &[1, 0, hour, R]), Err(Errno::INTR));
    let left = get_time(&mut guest, RESULT);
    assert!(left <= Duration::from_secs(3_600) && left > Duration::from_secs(3_500), "{left:?}");
    // Not where it is told when it is to end.
    guest.memory.bytes[RESULT as usize..][..16].fill(0);
    let far = time(&mut guest, i64::MAX, 0);
    guest.waiter.interrupt();
    assert_eq!(guest.linux("clock_nanosleep_time64", &[0, 1, far, R]), Err(Errno::INTR));
    assert_eq!(guest.get(RESULT, 16), [0; 16]);
    let (short, _) = guest.put(&[3_600u32, 0].map(u32::to_le_bytes).concat());
    guest.waiter.interrupt();
    assert_eq!(guest.linux("nanosleep", &[short, short]), Err(Errno::INTR));
    assert!((3_500..=3_600).contains(&guest.get_u32(short as u32)));
    // Who waits for its own processor time waits for a signal.
    guest.waiter.interrupt();
    assert_eq!(guest.linux("clock_nanosleep_time64", &[2, 0, hour, R]), Err(Errno::INTR));
    guest.waiter = Waiter::new(Some(Instant::now())).expect("a waiter");
    let ended = guest.call("clock_nanosleep_time64", &[2, 0, hour, R]);
    assert_eq!(ended, Err(Ending::Stop(Stop::Deadline)));
}

#[test]
fn alarm_clocks_of_time_and_of_processor_time() {
    let used = Arc::new(Mutex::new(Duration::ZERO));
    let told = Arc::clone(&used);
    let system = System::builder().processor_time(move || *told.lock().expect("held by nobody"));
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    let setting = |guest: &mut FakeGuest, words: [i32; 4]| guest.put(&words.map(i32::to_le_bytes).concat()).0;
    let words = |guest: &mut FakeGuest| [0, 4, 8, 12].map(|at| guest.get_u32(RESULT + at));
    let hour = setting(&mut guest, [7, 5, 3_600, 0]);
    for clock in 0..3 {
        assert_eq!(guest.linux("setitimer", &[clock, hour, R]), Ok(0));
        assert_eq!(words(&mut guest), [0; 4]);
        assert_eq!(guest.linux("getitimer", &[clock, R]), Ok(0));
        let [interval, part, left, _] = words(&mut guest);
        assert!((interval, part) == (7, 5) && (3_590..=3_600).contains(&left), "{left}");
    }
    // It stops by a null pointer, and tells what was.
    assert_eq!(guest.linux("setitimer", &[0, 0, R]), Ok(0));
    assert_eq!(words(&mut guest)[0], 7);
    assert_eq!(guest.linux("getitimer", &[0, R]), Ok(0));
    assert_eq!(words(&mut guest), [0; 4]);
    let soon = setting(&mut guest, [0, 0, 0, 1]);
    for (clock, signal) in [(1, 26), (2, 27)] {
        *used.lock().expect("held by nobody") = Duration::ZERO;
        assert_eq!(guest.linux("setitimer", &[clock, soon, 0]), Ok(0));
        guest.waiter.tick();
        assert!(!guest.waiter.is_interrupted(), "nothing was computed");
        *used.lock().expect("held by nobody") = Duration::from_millis(1);
        std::thread::sleep(Duration::from_millis(5));
        guest.waiter.tick();
        assert_eq!(guest.linux("getitimer", &[clock, R]), Ok(0));
        assert_eq!((words(&mut guest), guest.signals), ([0; 4], 1 << signal));
    }
    for wrong in [[0, 1_000_000, 0, 0], [0, 0, -1, 0], [0, 0, 0, -1]] {
        let wrong = setting(&mut guest, wrong);
        assert_eq!(guest.linux("setitimer", &[0, wrong, 0]), Err(Errno::INVAL));
    }
    assert_eq!(guest.linux("setitimer", &[3, soon, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("getitimer", &[3, R]), Err(Errno::INVAL));
    assert_eq!(guest.linux("getitimer", &[0, 0]), Err(Errno::FAULT));
}

#[test]
fn timers_of_the_programs_own() {
    let mut guest = guest();
    let event = |guest: &mut FakeGuest, words: [u32; 4]| guest.put(&words.map(u32::to_le_bytes).concat()).0;
    let told = event(&mut guest, [77, 40, 0, 0]);
    assert_eq!(guest.linux("timer_create", &[1, told, R]), Ok(0));
    let timer = u64::from(guest.get_u32(RESULT));
    let setting = |guest: &mut FakeGuest, interval: u64, left: u64| {
        guest.put(&[0, interval, 0, left].map(u64::to_le_bytes).concat()).0
    };
    let each = setting(&mut guest, 1_000_000, 1);
    assert_eq!(guest.linux("timer_settime64", &[timer, 0, each, R]), Ok(0));
    assert_eq!(guest.get(RESULT, 32), [0; 32]);
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(guest.linux("timer_gettime64", &[timer, R]), Ok(0));
    assert_eq!((guest.get_u64(RESULT + 8), guest.get_u64(RESULT + 16)), (1_000_000, 0));
    assert!((1..=1_000_000).contains(&guest.get_u64(RESULT + 24)));
    assert_eq!(guest.signals, 1 << 40);
    // What has sent it is told once, and how often it would have.
    assert_eq!(guest.call("timer_signal", &[40, R]), Ok(Answer::i32(1)));
    let overrun = guest.get_u32(RESULT + 16);
    assert_eq!([0, 4, 8, 12, 20].map(|at| guest.get_u32(RESULT + at)), [40, 0, NONE as u32 - 1, 0, 77]);
    assert!((9..1_000).contains(&overrun), "{overrun}");
    assert_eq!(guest.linux("timer_getoverrun", &[timer]), Ok(overrun));
    assert_eq!(guest.call("timer_signal", &[41, R]), Ok(Answer::i32(0)));
    assert_eq!(guest.call("timer_signal", &[65, R]), Ok(Answer::i32(-22)));
    assert_eq!(guest.call("timer_signal", &[40, 0]), Ok(Answer::i32(-14)));
    // By a time that was: at once; and one that is only looked at.
    let silent = event(&mut guest, [0, 0, 1, 0]);
    assert_eq!(guest.linux("timer_create", &[0, silent, R]), Ok(0));
    assert_eq!(guest.get_u32(RESULT), 1);
    assert_eq!(guest.linux("timer_settime64", &[1, 1, each, 0]), Ok(0));
    assert_eq!(guest.linux("timer_create", &[1, 0, R]), Ok(0));
    let past = setting(&mut guest, 0, 1);
    assert_eq!(guest.linux("timer_settime64", &[2, 1, past, 0]), Ok(0));
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(guest.linux("timer_delete", &[timer]), Ok(0));
    assert!(guest.signals & 1 << 14 != 0);
    assert_eq!(guest.linux("timer_delete", &[timer]), Err(Errno::INVAL));
    assert_eq!(guest.call("timer_signal", &[14, R]), Ok(Answer::i32(1)));
    assert_eq!((guest.get_u32(RESULT + 12), guest.get_u32(RESULT + 20)), (2, 2));

    let thread = event(&mut guest, [0, 14, 4, 2]);
    assert_eq!(guest.linux("timer_create", &[2, thread, R]), Ok(0));
    let (stranger, unknown) = (event(&mut guest, [0, 14, 4, 1]), event(&mut guest, [0, 14, 9, 0]));
    let no_signal = event(&mut guest, [0, 65, 0, 0]);
    for (arguments, errno) in [
        ([1, stranger, R], Errno::INVAL),
        ([1, unknown, R], Errno::INVAL),
        ([1, no_signal, R], Errno::INVAL),
        ([10, told, R], Errno::INVAL),
        ([4, told, R], Errno::NOTSUP),
        ([6, told, R], Errno::NOTSUP),
        ([8, told, R], Errno::NOTSUP),
        ([1, told, 0], Errno::FAULT),
    ] {
        assert_eq!(guest.linux("timer_create", &arguments), Err(errno), "{arguments:?}");
    }
    let wrong = setting(&mut guest, 1_000_000_000, 1);
    for (arguments, errno) in [
        ([1, 0, 0, 0], Errno::INVAL),
        ([1, 0, NONE, 0], Errno::FAULT),
        ([1, 0, wrong, 0], Errno::INVAL),
        ([99, 0, each, 0], Errno::INVAL),
        ([1, 0, each, NONE], Errno::FAULT),
    ] {
        assert_eq!(guest.linux("timer_settime64", &arguments), Err(errno), "{arguments:?}");
    }
    assert_eq!(guest.linux("timer_gettime64", &[99, R]), Err(Errno::INVAL));
    assert_eq!(guest.linux("timer_getoverrun", &[99]), Err(Errno::INVAL));
}

#[test]
fn the_program_is_one_user_and_one_process() {
    let mut guest = with_identity();
    for (name, told) in [
        ("getpid", 9),
        ("getppid", 1),
        ("getuid", 7),
        ("geteuid", 7),
        ("getgid", 8),
        ("getegid", 8),
        ("sched_yield", 0),
    ] {
        assert_eq!(guest.linux(name, &[]), Ok(told), "{name}");
    }
    for name in ["getpgid", "getsid"] {
        assert_eq!([0, 9, 1].map(|process| guest.linux(name, &[process])), [Ok(9), Ok(9), Ok(1)]);
        assert_eq!(guest.linux(name, &[1234]), Err(Errno::SRCH));
    }
    assert_eq!(guest.linux("setsid", &[]), Err(Errno::PERM));
    for (arguments, errno) in [
        ([0, 0], Errno::PERM),
        ([9, 9], Errno::PERM),
        ([1, 0], Errno::SRCH),
        ([77, 0], Errno::SRCH),
        ([0, NONE], Errno::INVAL),
    ] {
        assert_eq!(guest.linux("setpgid", &arguments), Err(errno), "{arguments:?}");
    }
    for (name, own) in [("getresuid", 7), ("getresgid", 8)] {
        assert_eq!(guest.linux(name, &[64, 68, 72]), Ok(0));
        assert_eq!([64, 68, 72].map(|at| guest.get_u32(at)), [own; 3]);
        assert_eq!(guest.linux(name, &[64, 0, 72]), Err(Errno::FAULT));
    }
    for (name, own, count) in [
        ("setuid", 7, 1),
        ("setgid", 8, 1),
        ("setreuid", 7, 2),
        ("setregid", 8, 2),
        ("setresuid", 7, 3),
        ("setresgid", 8, 3),
    ] {
        assert_eq!(guest.linux(name, &vec![own; count]), Ok(0), "{name}");
        assert_eq!(guest.linux(name, &vec![0; count]), Err(Errno::PERM), "{name}");
        let nobody = guest.linux(name, &vec![NONE; count]);
        assert_eq!(nobody, if count == 1 { Err(Errno::INVAL) } else { Ok(0) }, "{name}");
    }
    assert_eq!(guest.linux("setfsuid", &[0]), Ok(7));
    assert_eq!(guest.linux("setfsgid", &[NONE]), Ok(8));
    assert_eq!(guest.linux("getgroups", &[0, 0]), Ok(1));
    assert_eq!(guest.linux("getgroups", &[4, R]), Ok(1));
    assert_eq!(guest.get_u32(RESULT), 8);
    assert_eq!(guest.linux("getgroups", &[NONE, R]), Err(Errno::INVAL));
}

#[test]
fn there_are_no_capabilities() {
    let mut guest = guest();
    let header = |guest: &mut FakeGuest, version: u32, process: u32| {
        guest.put(&[version, process].map(u32::to_le_bytes).concat()).0
    };
    for (version, bytes) in [(0x1998_0330, 12), (0x2007_1026, 24), (0x2008_0522, 24)] {
        guest.memory.bytes[RESULT as usize..][..24].fill(9);
        let own = header(&mut guest, version, 0);
        assert_eq!(guest.linux("capget", &[own, R]), Ok(0));
        assert_eq!(guest.get(RESULT, 24), [vec![0; bytes], vec![9; 24 - bytes]].concat());
        guest.memory.bytes[RESULT as usize..][..24].fill(0);
        assert_eq!(guest.linux("capset", &[own, R]), Ok(0));
        let (all, _) = guest.put(&[255; 24]);
        assert_eq!(guest.linux("capset", &[own, all]), Err(Errno::PERM));
        let stranger = header(&mut guest, version, 77);
        assert_eq!(guest.linux("capget", &[stranger, R]), Err(Errno::SRCH));
        assert_eq!(guest.linux("capset", &[stranger, R]), Err(Errno::PERM));
        let nobody = header(&mut guest, version, NONE as u32);
        assert_eq!(guest.linux("capget", &[nobody, R]), Err(Errno::INVAL));
    }
    let unknown = header(&mut guest, 1, 0);
    assert_eq!(guest.linux("capget", &[unknown, 0]), Ok(0));
    assert_eq!(guest.get_u32(unknown as u32), 0x2008_0522);
    let unknown = header(&mut guest, 1, 0);
    assert_eq!(guest.linux("capset", &[unknown, R]), Err(Errno::INVAL));
    assert_eq!(guest.linux("capget", &[0, 0]), Err(Errno::FAULT));
}

#[test]
fn a_process_says_of_itself_what_one_without_privileges_may() {
    let mut guest = FakeGuest::new(System::builder().arguments(["/bin/program"]).build().expect("a system"));
    let mut prctl = |arguments: [u64; 5]| guest.linux("prctl", &arguments);
    for (set, get, first, told) in
        [(4, 3, 0, 0), (4, 3, 1, 1), (8, 7, 1, 1), (29, 30, 77, 77), (41, 42, 1, 1)]
    {
        assert_eq!(prctl([set, first, 0, 0, 0]), Ok(0), "{set}");
        assert_eq!(prctl([get, 0, 0, 0, 0]), Ok(told), "{get}");
    }
    assert_eq!(prctl([29, 0, 0, 0, 0]), Ok(0));
    assert_eq!(prctl([30, 0, 0, 0, 0]), Ok(50_000));
    for arguments in [
        [4, 2, 0, 0, 0],
        [8, 2, 0, 0, 0],
        [1, 65, 0, 0, 0],
        [14, 1, 0, 0, 0],
        [22, 1, 0, 0, 0],
        [23, 41, 0, 0, 0],
        [38, 0, 0, 0, 0],
        [38, 1, 1, 0, 0],
        [39, 1, 0, 0, 0],
        [47, 9, 0, 0, 0],
        [999, 0, 0, 0, 0],
    ] {
        assert_eq!(prctl(arguments), Err(Errno::INVAL), "{arguments:?}");
    }
    for option in [24, 28, 35] {
        assert_eq!(prctl([option, 0, 0, 0, 0]), Err(Errno::PERM), "{option}");
    }
    assert_eq!(prctl([47, 2, 1, 0, 0]), Err(Errno::PERM));
    for arguments in [
        [47, 1, 1, 0, 0],
        [47, 4, 0, 0, 0],
        [21, 0, 0, 0, 0],
        [23, 1, 0, 0, 0],
        [27, 0, 0, 0, 0],
        [13, 0, 0, 0, 0],
    ] {
        assert_eq!(prctl(arguments), Ok(0), "{arguments:?}");
    }
    assert_eq!(
        [prctl([39, 0, 0, 0, 0]), prctl([38, 1, 0, 0, 0]), prctl([39, 0, 0, 0, 0])],
        [Ok(0), Ok(0), Ok(1)]
    );
    for (set, get, first) in [(1, 2, 15), (36, 37, 1)] {
        assert_eq!(guest.linux("prctl", &[set, first, 0, 0, 0]), Ok(0));
        assert_eq!(guest.linux("prctl", &[get, R, 0, 0, 0]), Ok(0));
        assert_eq!(u64::from(guest.get_u32(RESULT)), first);
    }
    // Its name.
    assert_eq!(guest.linux("prctl", &[16, R, 0, 0, 0]), Ok(0));
    assert_eq!(guest.get(RESULT, 16), b"program\0\0\0\0\0\0\0\0\0");
    let name = guest.text("a name of twenty and more");
    assert_eq!(guest.linux("prctl", &[15, name, 0, 0, 0]), Ok(0));
    assert_eq!(guest.linux("prctl", &[16, R, 0, 0, 0]), Ok(0));
    assert_eq!(guest.get(RESULT, 16), b"a name of twent\0");
    assert_eq!(guest.linux("prctl", &[15, 0, 0, 0, 0]), Err(Errno::FAULT));
    // Its persona.
    assert_eq!(guest.linux("personality", &[NONE]), Ok(0));
    assert_eq!(guest.linux("personality", &[0x4_0000]), Ok(0));
    assert_eq!(guest.linux("personality", &[NONE]), Ok(0x4_0000));
}

#[test]
fn the_machine_says_what_it_is() {
    let mut guest = with_identity();
    let (name, _) = guest.put(&[9; 390]);
    assert_eq!(guest.linux("uname", &[name]), Ok(0));
    let names = guest.get(name as u32, 390);
    let names = names.chunks(65).map(|name| {
        let end = name.iter().position(|byte| *byte == 0).expect("a zero byte");
        String::from_utf8_lossy(&name[..end]).into_owned()
    });
    let names: Vec<String> = names.collect();
    assert_eq!((names[0].as_str(), names[1].as_str()), ("Linux", "box"));
    assert!(names[2].starts_with("6.1.0") && names[4] == "wasm32", "{names:?}");
    assert_eq!(guest.linux("uname", &[0]), Err(Errno::FAULT));
    for name in ["sethostname", "setdomainname"] {
        assert_eq!(guest.linux(name, &[R, 1]), Err(Errno::PERM));
    }
    let (information, _) = guest.put(&[9; 64]);
    assert_eq!(guest.linux("sysinfo", &[information]), Ok(0));
    let at = |guest: &mut FakeGuest, at: u32| guest.get_u32(information as u32 + at);
    // Memory in all and free, processes, bytes of a unit.
    let told = [16, 20, 40, 52].map(|offset| at(&mut guest, offset));
    assert_eq!(told, [1 << 28, (1 << 28) - (4 << 20), 1, 1]);
    let mut unlimited = super::fake::guest();
    assert_eq!(unlimited.linux("sysinfo", &[R]), Ok(0));
    assert_eq!((unlimited.get_u32(RESULT + 16), unlimited.get_u32(RESULT + 52)), (1 << 20, 4096));
    assert_eq!(guest.linux("getcpu", &[64, 68, 0]), Ok(0));
    assert_eq!((guest.get_u32(64), guest.get_u32(68)), (0, 0));
    assert_eq!(guest.linux("getcpu", &[0, 0, 0]), Ok(0));
    assert_eq!(guest.linux("syslog", &[3, R, 9]), Err(Errno::PERM));
    assert_eq!(guest.linux("setgroups", &[0, 0]), Err(Errno::PERM));
}

#[test]
fn random_bytes_are_as_many_as_were_wanted() {
    let system = System::builder().random(Box::new(SeededRandom::new(1))).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    assert_eq!(guest.linux("getrandom", &[5_000, 100_000, 1]), Ok(100_000));
    assert!(guest.get(104_990, 10).iter().any(|byte| *byte != 0));
    assert_eq!(guest.get(105_000, 8), [0; 8]);
    let end = guest.memory.bytes.len() as u64;
    assert_eq!(guest.linux("getrandom", &[end - 7, 100, 0]), Ok(7), "as much as there is memory");
    assert_eq!(guest.linux("getrandom", &[end, 1, 0]), Err(Errno::FAULT));
    assert_eq!(guest.linux("getrandom", &[end, 0, 0]), Ok(0));
    for flags in [6, 8, NONE] {
        assert_eq!(guest.linux("getrandom", &[R, 1, flags]), Err(Errno::INVAL));
    }
}

#[test]
fn processors_are_those_that_the_machine_says_it_has() {
    let mut guest = with_identity();
    assert_eq!(guest.linux("sched_getaffinity", &[0, 128, R]), Ok(4));
    assert_eq!(guest.get_u32(RESULT), 0b111);
    for (length, address, errno) in [(0, R, Errno::INVAL), (6, R, Errno::INVAL), (4, 0, Errno::FAULT)] {
        assert_eq!(guest.linux("sched_getaffinity", &[0, length, address]), Err(errno));
    }
    assert_eq!(guest.linux("sched_getaffinity", &[77, 4, R]), Err(Errno::SRCH));
    let (second, _) = guest.put(&[0b1010, 0, 0, 0]);
    assert_eq!(guest.linux("sched_setaffinity", &[0, 4, second]), Ok(0));
    assert_eq!(guest.linux("sched_getaffinity", &[9, 4, R]), Ok(4));
    assert_eq!(guest.get_u32(RESULT), 0b10);
    guest.linux("getcpu", &[R, 0, 0]).expect("told");
    assert_eq!(guest.get_u32(RESULT), 1);
    assert_eq!(guest.linux("sched_getaffinity", &[1, 4, R]), Ok(4));
    assert_eq!(guest.get_u32(RESULT), 0b111, "the parent's is its own");
    let (beyond, _) = guest.put(&[0b1000, 0, 0, 0]);
    for (arguments, errno) in [
        ([0, 4, beyond], Errno::INVAL),
        ([0, 0, second], Errno::INVAL),
        ([0, 4, 0], Errno::FAULT),
        ([1, 4, second], Errno::PERM),
        ([77, 4, second], Errno::SRCH),
    ] {
        assert_eq!(guest.linux("sched_setaffinity", &arguments), Err(errno), "{arguments:?}");
    }
}

#[test]
fn the_scheduler_lets_a_process_step_back_and_never_forward() {
    let mut guest = guest();
    let parameter = |guest: &mut FakeGuest, priority: u32| guest.put(&priority.to_le_bytes()).0;
    let (none, one, hundred) =
        (parameter(&mut guest, 0), parameter(&mut guest, 1), parameter(&mut guest, 100));
    for (policy, most, least) in [(0, 0, 0), (1, 99, 1), (2, 99, 1), (3, 0, 0), (5, 0, 0), (6, 0, 0)] {
        assert_eq!(guest.linux("sched_get_priority_max", &[policy]), Ok(most));
        assert_eq!(guest.linux("sched_get_priority_min", &[policy]), Ok(least));
    }
    for name in ["sched_get_priority_max", "sched_get_priority_min"] {
        assert_eq!(guest.linux(name, &[4]), Err(Errno::INVAL));
    }
    for (arguments, result) in [
        ([0, 0, none], Ok(0)),
        ([0, 3, none], Ok(0)),
        ([0, 0, one], Err(Errno::INVAL)),
        ([0, 1, one], Err(Errno::PERM)),
        ([0, 2, none], Err(Errno::INVAL)),
        ([0, 2, hundred], Err(Errno::INVAL)),
        ([0, 4, none], Err(Errno::INVAL)),
        ([0, 6, none], Err(Errno::INVAL)),
        ([0, NONE, none], Err(Errno::INVAL)),
        ([0, 0, 0], Err(Errno::INVAL)),
        ([NONE, 0, none], Err(Errno::INVAL)),
        ([1, 0, none], Err(Errno::PERM)),
        ([77, 0, none], Err(Errno::SRCH)),
        ([0, 5, none], Ok(0)),
        // There is no way back from idle.
        ([0, 0, none], Err(Errno::PERM)),
    ] {
        assert_eq!(guest.linux("sched_setscheduler", &arguments), result, "{arguments:?}");
    }
    assert_eq!([0, 1].map(|process| guest.linux("sched_getscheduler", &[process])), [Ok(5), Ok(0)]);
    assert_eq!(guest.linux("sched_getscheduler", &[77]), Err(Errno::SRCH));
    assert_eq!(guest.linux("sched_getparam", &[0, one]), Ok(0));
    assert_eq!(guest.get_u32(one as u32), 0);
    assert_eq!(guest.linux("sched_getparam", &[0, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("sched_setparam", &[0, none]), Ok(0));
    assert_eq!(guest.linux("sched_setparam", &[0, hundred]), Err(Errno::INVAL));
    assert_eq!(guest.linux("sched_rr_get_interval_time64", &[0, R]), Ok(0));
    assert_eq!(guest.linux("sched_rr_get_interval_time64", &[NONE, R]), Err(Errno::INVAL));
}

#[test]
fn attributes_of_the_scheduler_are_as_large_as_the_program_says() {
    let mut guest = guest();
    let attributes = |guest: &mut FakeGuest, size: u32, policy: u32, flags: u32, nice: i32| {
        let words = [size, policy, flags, 0, nice.cast_unsigned(), 0];
        guest.put(&[words.map(u32::to_le_bytes).concat(), vec![0; 76]].concat()).0
    };
    let nice = attributes(&mut guest, 48, 3, 0, 5);
    assert_eq!(guest.linux("sched_setattr", &[0, nice, 0]), Ok(0));
    assert_eq!(guest.linux("sched_getattr", &[0, R, 100, 0]), Ok(0));
    assert_eq!([0, 4, 8, 16].map(|at| guest.get_u32(RESULT + at)), [56, 3, 0, 5]);
    assert_eq!(guest.linux("getpriority", &[0, 0]), Ok(15));
    let earlier = attributes(&mut guest, 56, 0, 0, 4);
    assert_eq!(guest.linux("sched_setattr", &[0, earlier, 0]), Err(Errno::PERM));
    let keep = attributes(&mut guest, 56, 99, 0x18, 4);
    assert_eq!(guest.linux("sched_setattr", &[0, keep, 0]), Ok(0));
    let unknown = attributes(&mut guest, 56, 0, 0x80, 5);
    assert_eq!(guest.linux("sched_setattr", &[0, unknown, 0]), Err(Errno::INVAL));
    let longer = attributes(&mut guest, 100, 3, 0, 5);
    assert_eq!(guest.linux("sched_setattr", &[0, longer, 0]), Ok(0));
    for wrong in [attributes(&mut guest, 47, 0, 0, 5), attributes(&mut guest, 4097, 0, 0, 5)] {
        assert_eq!(guest.linux("sched_setattr", &[0, wrong, 0]), Err(Errno::TOOBIG));
        assert_eq!(guest.get_u32(wrong as u32), 56, "so large it should be");
    }
    for arguments in [[0, 0, 56, 0], [0, R, 47, 0], [0, R, 4097, 0], [0, R, 56, 1], [NONE, R, 56, 0]] {
        assert_eq!(guest.linux("sched_getattr", &arguments), Err(Errno::INVAL), "{arguments:?}");
    }
    assert_eq!(guest.linux("sched_getattr", &[77, R, 56, 0]), Err(Errno::SRCH));
    assert_eq!(guest.linux("sched_setattr", &[0, nice, 1]), Err(Errno::INVAL));
}

#[test]
fn priorities_are_lowered_only() {
    let mut guest = with_identity();
    assert_eq!(guest.linux("getpriority", &[0, 0]), Ok(20));
    for (arguments, result) in [
        ([0, 0, 5], Ok(0)),
        ([0, 0, 3], Err(Errno::ACCES)),
        ([0, 9, 5], Ok(0)),
        ([1, 0, 7], Ok(0)),
        ([2, 7, 100], Ok(0)),
        ([2, 8, 19], Err(Errno::SRCH)),
        ([0, 1, 19], Err(Errno::PERM)),
        ([0, 77, 19], Err(Errno::SRCH)),
        ([3, 0, 19], Err(Errno::INVAL)),
        ([NONE, 0, 19], Err(Errno::INVAL)),
    ] {
        assert_eq!(guest.linux("setpriority", &arguments), result, "{arguments:?}");
    }
    assert_eq!([0, 1].map(|process| guest.linux("getpriority", &[0, process])), [Ok(1), Ok(20)]);
    assert_eq!(guest.linux("getpriority", &[3, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("ioprio_get", &[1, 0]), Ok(0));
    for (arguments, result) in [
        ([1, 0, 2 << 13 | 7], Ok(0)),
        ([1, 0, 1 << 13], Err(Errno::PERM)),
        ([1, 0, 7], Err(Errno::INVAL)),
        ([1, 0, 4 << 13], Err(Errno::INVAL)),
        ([0, 0, 3 << 13], Err(Errno::INVAL)),
        ([1, 77, 3 << 13], Err(Errno::SRCH)),
        ([1, 1, 3 << 13], Err(Errno::PERM)),
    ] {
        assert_eq!(guest.linux("ioprio_set", &arguments), result, "{arguments:?}");
    }
    assert_eq!(guest.linux("ioprio_get", &[2, 9]), Ok(2 << 13 | 7));
    assert_eq!(guest.linux("ioprio_get", &[4, 0]), Err(Errno::INVAL));
}

#[test]
fn limits_are_told_and_lowered_and_those_of_open_files_hold() {
    let system =
        System::builder().memory_limit(1 << 28).open_files(100).processor_limit(Duration::from_secs(7));
    let mut guest = FakeGuest::new(system.build().expect("a system"));
    let mut told = |resource| {
        guest.linux("prlimit64", &[0, resource, 0, R]).expect("told");
        [guest.get_u64(RESULT), guest.get_u64(RESULT + 8)]
    };
    let infinity = u64::MAX;
    for (resource, limits) in [
        (0, [7; 2]),
        (1, [infinity; 2]),
        (2, [1 << 28; 2]),
        (3, [8 << 20, infinity]),
        (4, [0; 2]),
        (6, [1; 2]),
        (7, [100; 2]),
        (9, [1 << 28; 2]),
    ] {
        assert_eq!(told(resource), limits, "{resource}");
    }
    let limit = |guest: &mut FakeGuest, soft: u64, hard: u64| {
        guest.put(&[soft, hard].map(u64::to_le_bytes).concat()).0
    };
    let (fewer, more) = (limit(&mut guest, 3, 100), limit(&mut guest, 4, 101));
    assert_eq!(guest.linux("prlimit64", &[2, 7, fewer, R]), Ok(0));
    assert_eq!(guest.get_u64(RESULT), 100, "what was");
    assert_eq!(guest.open("/tmp/file", 1), Err(Errno::MFILE));
    let crossed = limit(&mut guest, 8, 7);
    for (arguments, errno) in [
        ([0, 7, more, 0], Errno::PERM),
        ([0, 7, crossed, 0], Errno::INVAL),
        ([0, 16, 0, R], Errno::INVAL),
        ([0, 7, NONE, 0], Errno::FAULT),
        ([0, 7, 0, NONE], Errno::FAULT),
        ([1, 7, 0, R], Errno::PERM),
        ([77, 7, 0, R], Errno::SRCH),
    ] {
        assert_eq!(guest.linux("prlimit64", &arguments), Err(errno), "{arguments:?}");
    }
    let again = limit(&mut guest, 5, 50);
    assert_eq!(guest.linux("prlimit64", &[0, 7, again, 0]), Ok(0));
    assert_eq!(guest.open("/tmp/file", 1), Ok(4));
}

#[test]
fn no_file_grows_beyond_its_limit() {
    let mut guest = guest();
    let (limit, _) = guest.put(&[10u64, 100].map(u64::to_le_bytes).concat());
    assert_eq!(guest.linux("prlimit64", &[0, 1, limit, 0]), Ok(0));
    let path = guest.text("/tmp/file");
    let file = u64::from(guest.linux("openat", &[word(-100), path, 0o102, 0o644]).expect("made"));
    let (text, _) = guest.put(b"twelve bytes");
    let met = 1 << 25;
    // As much as there is room for, then nothing, and a signal.
    assert_eq!((guest.linux("write", &[file, text, 12]), guest.signals), (Ok(10), 0));
    assert_eq!((guest.linux("write", &[file, text, 1]), guest.signals), (Err(Errno::FBIG), met));
    assert_eq!((guest.linux("write", &[file, text, 0]), guest.signals), (Ok(0), 0));
    for (name, arguments) in [
        ("pwrite64", vec![file, text, 3, 10, 0]),
        ("ftruncate64", vec![file, 11, 0]),
        ("truncate64", vec![path, 11, 0]),
        ("fallocate", vec![file, 0, 9, 0, 2, 0]),
    ] {
        assert_eq!((guest.linux(name, &arguments), guest.signals), (Err(Errno::FBIG), met), "{name}");
    }
    assert_eq!(guest.linux("pwrite64", &[file, text, 3, 9, 0]), Ok(1));
    for length in [10, 9, 3] {
        assert_eq!(guest.linux("ftruncate64", &[file, length, 0]), Ok(0));
    }
    // To its end, and from another file.
    let end = u64::from(guest.linux("openat", &[word(-100), path, 0o2001, 0]).expect("opened"));
    assert_eq!(guest.linux("write", &[end, text, 12]), Ok(7));
    assert_eq!((guest.linux("write", &[end, text, 12]), guest.signals), (Err(Errno::FBIG), met));
    let zero = guest.text("/dev/zero");
    let zero = u64::from(guest.linux("openat", &[word(-100), zero, 0, 0]).expect("opened"));
    assert_eq!(guest.linux("ftruncate64", &[file, 0, 0]), Ok(0));
    assert_eq!(guest.linux("_llseek", &[file, 0, 4, R, 0]), Ok(0));
    let copied = guest.linux("sendfile64", &[file, zero, 0, 100]);
    assert_eq!((copied, guest.signals), (Ok(6), 0));
    let copied = guest.linux("sendfile64", &[file, zero, 0, 100]);
    assert_eq!((copied, guest.signals), (Err(Errno::FBIG), met));
    // What is no file has no such limit.
    let null = guest.text("/dev/null");
    let null = u64::from(guest.linux("openat", &[word(-100), null, 1, 0]).expect("opened"));
    assert_eq!(guest.linux("write", &[null, text, 12]), Ok(12));
}

#[test]
fn what_was_used_is_told() {
    let mut guest = with_identity();
    let (usage, _) = guest.put(&[9; 72]);
    for who in [0, 1] {
        assert_eq!(guest.linux("getrusage", &[who, usage]), Ok(0));
        let told = [0, 4, 8, 12, 16, 20, 68].map(|at| guest.get_u32(usage as u32 + at));
        assert_eq!(told, [1, 500_000, 0, 0, 4096, 0, 0]);
    }
    assert_eq!(guest.linux("getrusage", &[NONE, usage]), Ok(0));
    assert_eq!(guest.get(usage as u32, 72), [0; 72]);
    assert_eq!(guest.linux("getrusage", &[2, usage]), Err(Errno::INVAL));
    assert_eq!(guest.linux("getrusage", &[0, 0]), Err(Errno::FAULT));
}

#[test]
fn signals_of_all_numbers_reach_the_program_itself_and_nobody_else() {
    let mut guest = guest();
    for signal in (1..=64).filter(|signal| ![9, 19].contains(signal)) {
        for (name, arguments) in
            [("kill", vec![2, signal]), ("tkill", vec![2, signal]), ("tgkill", vec![2, 2, signal])]
        {
            assert_eq!(guest.linux(name, &arguments), Ok(0), "{name} {signal}");
            assert_eq!(guest.signals, 1 << (signal & 63), "{name} {signal}");
        }
    }
    for process in [0, word(-2)] {
        assert_eq!((guest.linux("kill", &[process, 15]), guest.signals), (Ok(0), 1 << 15));
        assert_eq!((guest.linux("kill", &[process, 0]), guest.signals), (Ok(0), 0));
    }
    for (arguments, errno) in [
        ([2, 65], Errno::INVAL),
        ([2, NONE], Errno::INVAL),
        ([2, 19], Errno::PERM),
        ([1, 0], Errno::PERM),
        ([1, 65], Errno::INVAL),
        ([77, 65], Errno::SRCH),
        ([NONE, 15], Errno::SRCH),
        ([word(-77), 15], Errno::SRCH),
        ([word(i32::MIN), 15], Errno::SRCH),
    ] {
        assert_eq!(guest.linux("kill", &arguments), Err(errno), "{arguments:?}");
    }
    for (arguments, errno) in [([0, 15], Errno::INVAL), ([77, 15], Errno::SRCH), ([2, 65], Errno::INVAL)] {
        assert_eq!(guest.linux("tkill", &arguments), Err(errno), "{arguments:?}");
    }
    for (arguments, errno) in [
        ([0, 2, 15], Errno::INVAL),
        ([2, 0, 15], Errno::INVAL),
        ([1, 2, 15], Errno::SRCH),
        ([2, 3, 15], Errno::SRCH),
    ] {
        assert_eq!(guest.linux("tgkill", &arguments), Err(errno), "{arguments:?}");
    }
    let killed = rows().find(|row| row.signature.starts_with("linux.tgkill(")).expect("a row");
    assert_eq!(guest.call_row(killed, &[2, 2, 9]), Ok(Answer::Exit(137)));
}

#[test]
fn a_program_that_does_not_handle_a_signal_ends_by_it() {
    let mut guest = guest();
    for signal in [1u8, 15, 64] {
        let ended = guest.call("end_by_signal", &[signal.into()]);
        assert_eq!(ended, Ok(Answer::Exit(128 + i32::from(signal))));
    }
    for none in [0, 65, NONE] {
        assert_eq!(guest.call("end_by_signal", &[none]), Ok(Answer::i32(-22)));
    }
}

#[test]
fn there_are_no_other_processes() {
    let mut guest = guest();
    for (code, told) in [(0, 0), (7, 7), (256, 0), (NONE, 255)] {
        assert_eq!(guest.call("exit_group", &[code]), Ok(Answer::Exit(told)));
    }
    guest.memory.bytes[RESULT as usize..][..24].fill(9);
    assert_eq!(guest.linux("waitid", &[0, 0, R, 4, 0]), Err(Errno::CHILD));
    assert_eq!(guest.get(RESULT, 24), [0; 24]);
    for (arguments, errno) in [
        ([1, 5, 0, 4, 0], Errno::CHILD),
        ([2, 0, 0, 5, 0], Errno::CHILD),
        ([3, 5, 0, 4, 0], Errno::BADF),
        ([1, 0, 0, 4, 0], Errno::INVAL),
        ([4, 0, 0, 4, 0], Errno::INVAL),
        ([0, 0, 0, 1, 0], Errno::INVAL),
        ([0, 0, 0, 4 | 1 << 10, 0], Errno::INVAL),
        ([0, 0, NONE, 4, 0], Errno::FAULT),
    ] {
        assert_eq!(guest.linux("waitid", &arguments), Err(errno), "{arguments:?}");
    }
    for (flags, result) in
        [(0, Ok(0)), (0x400, Ok(0)), (0x1000_0000, Err(Errno::PERM)), (0x11, Err(Errno::INVAL))]
    {
        assert_eq!(guest.linux("unshare", &[flags]), result, "{flags:#x}");
    }
}

/// Where `shm_open` makes its files.
#[test]
fn memory_with_a_name_is_a_file() {
    let mut guest = guest();
    let file = guest.open("/dev/shm/name", 1).expect("made");
    assert_eq!(guest.write(file, b"shared"), Ok(6));
    assert_eq!(guest.stat("/dev/shm/name", true).map(|(size, ..)| size), Ok(6));
    assert_eq!(guest.permissions("/dev/shm"), Ok(0o1777));
    assert!(guest.list("/dev").expect("listed").contains(&"shm".to_owned()));
    assert!(guest.open("/dev/null", 0).is_ok(), "beside the devices");
    guest.on_path("path_unlink_file", "/dev/shm/name").expect("removed");
}

/// Every call of Linux that is refused says why, and how.
#[test]
fn what_is_refused_fails_as_its_row_says() {
    let mut guest = guest();
    let mut programs = Vec::new();
    for row in rows().filter(|row| row.signature.starts_with("linux.")) {
        let (errno, needed) = match row.support {
            Support::Refused(errno) => (errno, None),
            Support::Needs(permission, errno) => (errno, Some(permission)),
            Support::Full | Support::Partial => continue,
        };
        assert_eq!(guest.linux(row.name(), &vec![0; row.parameters.len()]), Err(errno), "{}", row.name());
        assert_eq!(guest.system.take_missing(), needed, "{}", row.name());
        if needed == Some(Permission::Programs) {
            programs.push(row.name());
        }
    }
    assert_eq!(programs, ["clone", "execve", "execveat"]);
}
