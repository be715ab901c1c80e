//! poll_oneoff.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Ending, Errno, FixedClock, Input, Stop, System, Waiter};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn clock(user_data: u64, id: u32, timeout: Duration, absolute: bool) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&user_data.to_le_bytes());
    bytes[16..20].copy_from_slice(&id.to_le_bytes());
    bytes[24..32].copy_from_slice(&(timeout.as_nanos() as u64).to_le_bytes());
    bytes[40] = u8::from(absolute);
    bytes
}

fn descriptor(user_data: u64, tag: u8, fd: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..8].copy_from_slice(&user_data.to_le_bytes());
    bytes[8] = tag;
    bytes[16..20].copy_from_slice(&(fd as u32).to_le_bytes());
    bytes
}

/// The events' user data, errors and types.
fn poll(guest: &mut FakeGuest, subscriptions: &[[u8; 48]]) -> Result<Vec<(u64, u16, u8)>, Errno> {
    let (address, _) = guest.put(&subscriptions.concat());
    let (events, _) = guest.put(&vec![0; 32 * subscriptions.len()]);
    let count = subscriptions.len() as u64;
    guest.wasi("poll_oneoff", &[address, events, count, u64::from(RESULT)])?;
    let count = guest.get_u32(RESULT);
    Ok((0..count)
        .map(|index| {
            let at = events as u32 + 32 * index;
            let errno = u16::from_le_bytes(guest.get(at + 8, 2).try_into().expect("two"));
            (guest.get_u64(at), errno, guest.get(at + 10, 1)[0])
        })
        .collect())
}

const SOON: Duration = Duration::from_millis(30);
const LATER: Duration = Duration::from_secs(3600);

#[test]
fn clocks_wake_after_their_time() {
    let mut guest = guest();
    let start = Instant::now();
    assert_eq!(poll(&mut guest, &[clock(7, 1, SOON, false), clock(8, 0, LATER, false)]), Ok(vec![(7, 0, 0)]));
    assert!(start.elapsed() >= SOON);
    // An absolute time that is past.
    assert_eq!(poll(&mut guest, &[clock(9, 0, SOON, true)]), Ok(vec![(9, 0, 0)]));
    // An absolute time that is to come.
    guest.wasi("clock_time_get", &[1, 0, u64::from(RESULT)]).expect("a clock");
    let then = Duration::from_nanos(guest.get_u64(RESULT)) + SOON;
    let start = Instant::now();
    assert_eq!(poll(&mut guest, &[clock(9, 1, then, true)]), Ok(vec![(9, 0, 0)]));
    assert!(start.elapsed() >= SOON / 2);
}

#[test]
fn a_fixed_clock_sleeps_without_waiting() {
    let clock_of_the_test = Arc::new(FixedClock::new(Duration::from_secs(1)));
    let mut guest = FakeGuest::new(System::builder().clock(clock_of_the_test).build().expect("a system"));
    let start = Instant::now();
    assert_eq!(poll(&mut guest, &[clock(1, 0, LATER, false)]), Ok(vec![(1, 0, 0)]));
    assert!(start.elapsed() < Duration::from_secs(60));
    guest.wasi("clock_time_get", &[0, 0, u64::from(RESULT)]).expect("a clock");
    assert_eq!(guest.get_u64(RESULT), 3_601_000_000_000);
}

#[test]
fn files_and_full_pipes_are_ready_at_once() {
    let mut guest = guest();
    let fd = guest.open("/tmp/file", 1).expect("made");
    guest.linux("pipe2", &[u64::from(RESULT), 0]).expect("made");
    let (reader, writer) = (u64::from(guest.get_u32(RESULT)), u64::from(guest.get_u32(RESULT + 4)));
    let all = [
        clock(0, 1, LATER, false),
        descriptor(1, 1, fd),
        descriptor(2, 2, fd),
        descriptor(3, 1, reader),
        descriptor(4, 2, writer),
        descriptor(5, 1, 99),
        descriptor(6, 9, fd),
        descriptor(7, 1, writer),
    ];
    let bad = Errno::BADF.wasi();
    let expected =
        vec![(1, 0, 1), (2, 0, 2), (4, 0, 2), (5, bad, 1), (6, Errno::INVAL.wasi(), 9), (7, bad, 1)];
    assert_eq!(poll(&mut guest, &all), Ok(expected));
    assert_eq!(poll(&mut guest, &[clock(0, 1, SOON, false), descriptor(3, 1, reader)]), Ok(vec![(0, 0, 0)]));
    guest.write(writer, b"x").expect("written");
    assert_eq!(poll(&mut guest, &[clock(0, 1, LATER, false), descriptor(3, 1, reader)]), Ok(vec![(3, 0, 1)]));
}

#[test]
fn an_input_of_the_host_wakes() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let system = System::builder().stdin(Input::Descriptor(reader.into())).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let both = [clock(0, 1, SOON, false), descriptor(1, 1, 0)];
    assert_eq!(poll(&mut guest, &both), Ok(vec![(0, 0, 0)]));
    let thread = std::thread::spawn(move || {
        std::thread::sleep(SOON);
        std::io::Write::write_all(&mut &writer, b"line\n").expect("written");
        writer
    });
    assert_eq!(poll(&mut guest, &[clock(0, 1, LATER, false), descriptor(1, 1, 0)]), Ok(vec![(1, 0, 1)]));
    assert_eq!(guest.read(0, 100), Ok(b"line\n".to_vec()));
    drop(thread.join().expect("it ends"));
    assert_eq!(poll(&mut guest, &[descriptor(1, 1, 0)]), Ok(vec![(1, 0, 1)]));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
}

#[test]
fn a_reader_is_polled_through_its_thread() {
    struct Slow(usize);
    impl std::io::Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(SOON);
            into[..self.0].fill(b'x');
            Ok(std::mem::take(&mut self.0))
        }
    }
    let system = System::builder().stdin(Input::Reader(Box::new(Slow(5)))).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    assert_eq!(poll(&mut guest, &[descriptor(1, 1, 0), clock(0, 1, LATER, false)]), Ok(vec![(1, 0, 1)]));
    assert_eq!(guest.read(0, 3), Ok(b"xxx".to_vec()));
    assert_eq!(guest.read(0, 9), Ok(b"xx".to_vec()));
    assert_eq!(guest.read(0, 9), Ok(vec![]));
}

#[test]
fn a_sleep_ends_with_the_run() {
    let mut guest = guest();
    let (address, _) = guest.put(&clock(0, 1, LATER, false));
    let arguments = [address, 2000, 1, u64::from(RESULT)];
    guest.waiter = Waiter::new(Some(Instant::now() + SOON)).expect("a waiter");
    let start = Instant::now();
    assert_eq!(guest.call("poll_oneoff", &arguments), Err(Ending::Stop(Stop::Deadline)));
    assert!(start.elapsed() >= SOON && start.elapsed() < Duration::from_secs(20));
    guest.waiter = Waiter::new(None).expect("a waiter");
    let waiter = guest.waiter.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(SOON);
        waiter.interrupt();
        waiter
    });
    assert_eq!(poll(&mut guest, &[clock(0, 1, LATER, false)]), Err(Errno::INTR));
    thread.join().expect("it ends").kill();
    assert_eq!(guest.call("poll_oneoff", &arguments), Err(Ending::Stop(Stop::Killed)));
}

#[test]
fn wild_polls_are_refused() {
    let mut guest = guest();
    assert_eq!(guest.wasi("poll_oneoff", &[64, 64, 0, 64]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("poll_oneoff", &[64, 64, u64::from(u32::MAX), 64]), Err(Errno::INVAL));
    assert_eq!(guest.wasi("poll_oneoff", &[u64::from(u32::MAX), 64, 2, 64]), Err(Errno::FAULT));
    assert_eq!(poll(&mut guest, &[clock(1, 2, SOON, false)]), Ok(vec![(1, 58, 0)]));
    assert_eq!(poll(&mut guest, &[clock(1, 9, SOON, false)]), Ok(vec![(1, 28, 0)]));
}
