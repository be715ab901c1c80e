//! Arguments, environment, clocks, randomness, the end.

use super::fake::{FakeGuest, guest};
use crate::{Answer, Errno, FixedClock, SeededRandom, System, SystemError};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn arguments_and_environment_arrive_as_given() {
    let system = System::builder()
        .arguments(["python", "-c", "pass"])
        .environment("B", "2")
        .environment("A", "1")
        .working_directory("/tmp")
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    guest.wasi("args_sizes_get", &[64, 68]).expect("sizes");
    assert_eq!((guest.get_u32(64), guest.get_u32(68)), (3, 15));
    guest.wasi("args_get", &[100, 200]).expect("arguments");
    assert_eq!(guest.get(200, 15), b"python\0-c\0pass\0");
    assert_eq!([guest.get_u32(100), guest.get_u32(104), guest.get_u32(108)], [200, 207, 210]);
    guest.wasi("environ_sizes_get", &[64, 68]).expect("sizes");
    assert_eq!((guest.get_u32(64), guest.get_u32(68)), (3, 17));
    guest.wasi("environ_get", &[100, 200]).expect("environment");
    assert_eq!(guest.get(200, 17), b"A=1\0B=2\0PWD=/tmp\0");
}

#[test]
fn wild_addresses_are_faults() {
    let mut guest = FakeGuest::new(System::builder().arguments(["a"]).build().expect("a system"));
    let end = guest.memory.bytes.len() as u64;
    assert_eq!(guest.wasi("args_sizes_get", &[end, 0]), Err(Errno::FAULT));
    assert_eq!(guest.wasi("args_get", &[0, end - 1]), Err(Errno::FAULT));
    assert_eq!(guest.wasi("clock_time_get", &[0, 0, end - 7]), Err(Errno::FAULT));
    assert_eq!(guest.wasi("random_get", &[4, 0xffff_ffff]), Err(Errno::FAULT));
}

#[test]
fn a_zero_byte_in_an_argument_is_refused() {
    let refused = System::builder().arguments(["a\0b"]).build();
    assert!(matches!(refused, Err(SystemError::ZeroByte { .. })));
}

#[test]
fn clocks_tell_the_time_that_they_are_given() {
    let system = System::builder()
        .clock(Arc::new(FixedClock::new(Duration::from_secs(1_000_000))))
        .processor_time(|| Duration::from_millis(42))
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    for (clock, time) in [(0, 1_000_000_000_000_000), (1, 1_000_000_000), (2, 42_000_000), (3, 42_000_000)] {
        guest.wasi("clock_time_get", &[clock, 0, 64]).expect("a clock");
        assert_eq!(guest.get_u64(64), time, "clock {clock}");
        guest.wasi("clock_res_get", &[clock, 64]).expect("a clock");
        assert_eq!(guest.get_u64(64), 1);
    }
    assert_eq!(guest.wasi("clock_time_get", &[4, 0, 64]), Err(Errno::INVAL));
}

#[test]
fn randomness_fills_the_whole_buffer_and_repeats_with_a_seed() {
    let bytes = |seed| {
        let system = System::builder().random(Box::new(SeededRandom::new(seed))).build().expect("a system");
        let mut guest = FakeGuest::new(system);
        guest.wasi("random_get", &[5000, 100_000]).expect("random bytes");
        assert_eq!(guest.get(105_000, 8), [0; 8]);
        guest.get(5000, 100_000)
    };
    let first = bytes(1);
    assert_eq!(first, bytes(1));
    assert_ne!(first, bytes(2));
    assert!(first[99_000..].iter().any(|byte| *byte != 0));
}

#[test]
fn the_end_carries_its_code() {
    let mut guest = guest();
    assert_eq!(guest.call("proc_exit", &[7]), Ok(Answer::Exit(7)));
    assert_eq!(guest.call("proc_raise", &[6]), Ok(Answer::Exit(134)));
    // WASI's SIGCHLD is one less than Linux's, as which a shell tells it.
    assert_eq!(guest.call("proc_raise", &[16]), Ok(Answer::Exit(128 + 17)));
    assert_eq!(guest.wasi("proc_raise", &[0]), Ok(()));
    assert_eq!(guest.wasi("proc_raise", &[31]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("sched_yield", &[]), Ok(()));
}
