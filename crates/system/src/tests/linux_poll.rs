//! The rows of Linux that wait for open files, and the descriptors of what happens; and
//! random sequences of them against the real kernel.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Errno, FixedClock, Input, LimitKind, System};
use proptest::prelude::*;
use rustix::event::{EventfdFlags, PollFd, PollFlags, epoll};
use rustix::pipe::PipeFlags;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

const R: u64 = RESULT as u64;
const NONBLOCK: u64 = 0o4000;
const SOON: Duration = Duration::from_millis(30);

const IN: u32 = 1;
const PRI: u32 = 2;
const OUT: u32 = 4;
const ERR: u32 = 8;
const HUP: u32 = 0x10;
const NVAL: u32 = 0x20;
const RDHUP: u32 = 0x2000;
const EXCLUSIVE: u32 = 1 << 28;
const ONE_SHOT: u32 = 1 << 30;
const EDGE: u32 = 1 << 31;

fn timespec(time: Duration) -> Vec<u8> {
    // What stands in the padding means nothing.
    [&time.as_secs().to_le_bytes()[..], &time.subsec_nanos().to_le_bytes(), &[0xff; 4]].concat()
}

impl FakeGuest {
    fn time(&mut self, time: Option<Duration>) -> u64 {
        time.map_or(0, |time| self.put(&timespec(time)).0)
    }

    fn time_at(&mut self, address: u64) -> Duration {
        let nanoseconds = self.get_u32(address as u32 + 8);
        Duration::new(self.get_u64(address as u32), nanoseconds)
    }

    /// What poll finds of each.
    fn poll(&mut self, asked: &[(u64, u32)], timeout: Option<Duration>) -> Result<Vec<u32>, Errno> {
        let entries = asked.iter().map(|(fd, events)| (*fd as u32, *events as u16));
        let bytes: Vec<u8> = entries
            .flat_map(|(fd, events)| [fd, u32::from(events) | 0xffff_0000])
            .flat_map(u32::to_le_bytes)
            .collect();
        let ((address, _), timeout) = (self.put(&bytes), self.time(timeout));
        let count = self.linux("ppoll_time64", &[address, asked.len() as u64, timeout, 0, 0])?;
        let found: Vec<u32> =
            (0..asked.len() as u32).map(|index| self.get_u32(address as u32 + index * 8 + 4) >> 16).collect();
        assert_eq!(found.iter().filter(|found| **found != 0).count() as u32, count);
        Ok(found)
    }

    fn select(&mut self, sets: [&[u64]; 3], timeout: Option<Duration>) -> Result<[Vec<u64>; 3], Errno> {
        let addresses = sets.map(|set| {
            let mut bits = 0u64;
            set.iter().for_each(|fd| bits |= 1 << fd);
            self.put(&bits.to_le_bytes()).0
        });
        let timeout = self.time(timeout);
        let [read, write, except] = addresses;
        let count = self.linux("pselect6_time64", &[64, read, write, except, timeout, 0])?;
        let found = addresses.map(|address| {
            let bits = self.get_u64(address as u32);
            (0..64).filter(|fd| bits & 1 << fd != 0).collect::<Vec<u64>>()
        });
        assert_eq!(found.iter().map(Vec::len).sum::<usize>() as u32, count);
        Ok(found)
    }

    fn epoll(&mut self) -> u64 {
        u64::from(self.linux("epoll_create1", &[0]).expect("made"))
    }

    fn epoll_ctl(
        &mut self,
        epoll: u64,
        operation: u64,
        fd: u64,
        events: u32,
        data: u64,
    ) -> Result<(), Errno> {
        let bytes = [&events.to_le_bytes()[..], &[0xff; 4], &data.to_le_bytes()].concat();
        let (address, _) = self.put(&bytes);
        self.linux("epoll_ctl", &[epoll, operation, fd, address]).map(drop)
    }

    /// The events and the data of those that are told, in the order of the data.
    fn epoll_wait(&mut self, epoll: u64, most: u64, timeout: i32) -> Result<Vec<(u64, u32)>, Errno> {
        let (address, _) = self.put(&vec![0; most as usize * 16]);
        let count = self.linux("epoll_pwait", &[epoll, address, most, timeout as u32 as u64, 0, 0])?;
        let mut told: Vec<(u64, u32)> = (0..count)
            .map(|index| address as u32 + index * 16)
            .map(|at| (self.get_u64(at + 8), self.get_u32(at)))
            .collect();
        told.sort_unstable();
        Ok(told)
    }

    fn eventfd(&mut self, count: u64, flags: u64) -> u64 {
        u64::from(self.linux("eventfd2", &[count, flags]).expect("made"))
    }

    fn timerfd(&mut self, clock: u64) -> u64 {
        u64::from(self.linux("timerfd_create", &[clock, NONBLOCK]).expect("made"))
    }

    fn timerfd_set(&mut self, fd: u64, flags: u64, value: Duration, interval: Duration) {
        let (new, _) = self.put(&[timespec(interval), timespec(value)].concat());
        self.linux("timerfd_settime64", &[fd, flags, new, 0]).expect("set");
    }

    fn count(&mut self, fd: u64) -> Result<u64, Errno> {
        self.linux_read(fd, 8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight")))
    }
}

const NOW: Option<Duration> = Some(Duration::ZERO);

#[test]
fn poll_tells_what_holds() {
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(0);
    let memory = u64::from(guest.text("m") as u32);
    let file = u64::from(guest.linux("memfd_create", &[memory, 0]).expect("made"));
    let zero = guest.open("/dev/zero", 0).expect("opened");
    let directory = guest.open_with("/tmp", 1, 2, !(1 << 6), 0).expect("opened");
    let all = IN | PRI | OUT | RDHUP | 0x3c0;
    let asked = [reader, writer, file, zero, directory, 99, u64::from(u32::MAX)].map(|fd| (fd, all));
    assert_eq!(guest.poll(&asked, None), Ok(vec![0, 0x104, 0x145, 0x145, 0x145, NVAL, 0]));
    guest.linux_write(writer, b"x").expect("written");
    assert_eq!(guest.poll(&[(reader, IN | OUT), (reader, OUT), (reader, 0x40)], None), Ok(vec![IN, 0, 0x40]));
    guest.linux("close", &[writer]).expect("closed");
    assert_eq!(guest.poll(&[(reader, 0), (reader, IN)], None), Ok(vec![HUP, IN | HUP]));
    guest.linux_read(reader, 1).expect("read");
    assert_eq!(guest.poll(&[(reader, IN)], None), Ok(vec![HUP]));
    let [reader, writer] = guest.pipe2(0);
    guest.linux("close", &[reader]).expect("closed");
    assert_eq!(guest.poll(&[(writer, OUT), (writer, 0)], None), Ok(vec![OUT | ERR, ERR]));
    assert_eq!(guest.poll(&[], NOW), Ok(vec![]));
    for (arguments, errno) in [
        ([64, 1025, 0, 0, 0], Errno::INVAL),
        ([64, 0, 0, 64, 4], Errno::INVAL),
        ([u64::from(u32::MAX), 1, 0, 0, 0], Errno::FAULT),
        ([64, 1, u64::from(u32::MAX), 0, 0], Errno::FAULT),
    ] {
        assert_eq!(guest.linux("ppoll_time64", &arguments), Err(errno), "{arguments:?}");
    }
    let wrong =
        [[1u64, 1_000_000_000], [u64::MAX, 0]].map(|time| guest.put(&time.map(u64::to_le_bytes).concat()).0);
    for time in wrong {
        assert_eq!(guest.linux("ppoll_time64", &[64, 1025, time, 0, 0]), Err(Errno::INVAL));
    }
}

#[test]
fn waits_take_their_time_and_say_what_is_left_of_it() {
    let mut guest = guest();
    let [reader, _writer] = guest.pipe2(0);
    let epoll = guest.epoll();
    guest.epoll_ctl(epoll, 1, reader, IN, 7).expect("added");
    let begun = Instant::now();
    assert_eq!(guest.poll(&[(reader, IN)], Some(SOON)), Ok(vec![0]));
    assert_eq!(guest.select([&[reader], &[], &[]], Some(SOON)), Ok([vec![], vec![], vec![]]));
    assert_eq!(guest.epoll_wait(epoll, 9, SOON.as_millis() as i32), Ok(vec![]));
    assert!(begun.elapsed() >= 3 * SOON);
    let long = Duration::from_secs(3600);
    let (entry, _) = guest.put(&[reader as u8, 0, 0, 0, 1, 0, 0, 0]);
    let set = guest.put(&(1u64 << reader).to_le_bytes()).0;
    let (events, _) = guest.put(&[0; 32]);
    for (name, place) in [("ppoll_time64", 2), ("pselect6_time64", 4), ("epoll_pwait2", 3)] {
        let time = guest.time(Some(long));
        let mut arguments = match name {
            "ppoll_time64" => vec![entry, 1, 0, 0, 0],
            "pselect6_time64" => vec![reader + 1, set, 0, 0, 0, 0],
            _ => vec![epoll, events, 2, 0, 0, 0],
        };
        arguments[place] = time;
        let waiter = guest.waiter.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(SOON);
            waiter.interrupt();
        });
        assert_eq!(guest.linux(name, &arguments), Err(Errno::INTR), "{name}");
        thread.join().expect("it ends");
        let left = guest.time_at(time);
        assert!(left <= long - SOON / 2 && left > long / 2, "{name} {left:?}");
    }
}

#[test]
fn to_wait_for_what_only_the_program_changes_is_to_sleep() {
    let hour = Duration::from_secs(3600);
    let limited = System::builder().sleep_limits(Some(hour), Some(hour));
    let clock = Arc::new(FixedClock::new(Duration::from_secs(1)));
    let mut guest = FakeGuest::new(limited.clock(clock).build().expect("a system"));
    let [reader, _writer] = guest.pipe2(0);
    let timer = guest.timerfd(1);
    guest.timerfd_set(timer, 0, hour / 2, Duration::ZERO);
    assert_eq!(guest.poll(&[(timer, IN), (reader, IN)], Some(hour)), Ok(vec![IN, 0]));
    assert_eq!(guest.count(timer), Ok(1));
    assert_eq!(guest.poll(&[(reader, IN)], Some(hour / 4)), Ok(vec![0]));
    let ((entry, _), time) = (guest.put(&[reader as u8, 0, 0, 0, 1, 0, 0, 0]), guest.time(Some(hour / 2)));
    let row = super::fake::row("ppoll_time64");
    match guest.call_row(row, &[entry, 1, time, 0, 0]) {
        Err(crate::Ending::Stop(crate::Stop::Limit(reached))) => {
            assert_eq!(reached, LimitKind::Sleep.after(hour))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn select_tells_which_are_ready() {
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(0);
    assert_eq!(
        guest.select([&[reader, writer], &[reader, writer], &[reader]], None),
        Ok([vec![], vec![writer], vec![]])
    );
    guest.linux_write(writer, b"x").expect("written");
    assert_eq!(guest.select([&[reader], &[writer], &[]], NOW), Ok([vec![reader], vec![writer], vec![]]));
    assert_eq!(guest.select([&[reader, 50], &[], &[]], NOW), Err(Errno::BADF));
    guest.linux_read(reader, 1).expect("read");
    guest.linux("close", &[writer]).expect("closed");
    assert_eq!(guest.select([&[reader], &[reader], &[reader]], None), Ok([vec![reader], vec![], vec![]]));
    assert_eq!(guest.linux("pselect6_time64", &[1 << 31, 0, 0, 0, 0, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("pselect6_time64", &[9, u64::from(u32::MAX), 0, 0, 0, 0]), Err(Errno::FAULT));
    // Beyond what may be open nothing is looked at.
    let (set, _) = guest.put(&[0; 1 << 10]);
    let now = guest.time(NOW);
    assert_eq!(guest.linux("pselect6_time64", &[i32::MAX as u64, set, 0, 0, now, 0]), Ok(0));
}

#[test]
fn a_watcher_tells_what_holds_and_edges_once() {
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(NONBLOCK);
    let epoll = guest.epoll();
    guest.epoll_ctl(epoll, 1, reader, IN, 1).expect("added");
    guest.epoll_ctl(epoll, 1, writer, OUT | EDGE, 2).expect("added");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![(2, OUT)]));
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![]));
    guest.linux_write(writer, b"xy").expect("written");
    for _ in 0..2 {
        assert_eq!(guest.epoll_wait(epoll, 9, -1), Ok(vec![(1, IN)]));
    }
    guest.epoll_ctl(epoll, 3, reader, IN | EDGE, 1).expect("changed");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![(1, IN)]));
    guest.linux_read(reader, 1).expect("read");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![]));
    guest.linux_write(writer, b"z").expect("written");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![(1, IN)]));
    guest.epoll_ctl(epoll, 3, reader, IN | ONE_SHOT, 3).expect("changed");
    assert_eq!([0, 0].map(|_| guest.epoll_wait(epoll, 9, 0)), [Ok(vec![(3, IN)]), Ok(vec![])]);
    guest.linux("close", &[writer]).expect("closed");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![]));
    guest.epoll_ctl(epoll, 3, reader, ONE_SHOT, 4).expect("changed");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![(4, HUP)]));
    guest.epoll_ctl(epoll, 2, reader, 0, 0).expect("removed");
    assert_eq!(guest.epoll_ctl(epoll, 2, reader, 0, 0), Err(Errno::NOENT));
}

#[test]
fn a_watcher_forgets_what_is_closed_and_takes_turns() {
    let mut guest = guest();
    let epoll = guest.epoll();
    let counters: Vec<u64> = (0..5).map(|_| guest.eventfd(1, 0)).collect();
    for fd in &counters {
        guest.epoll_ctl(epoll, 1, *fd, IN, *fd).expect("added");
    }
    let mut told = Vec::new();
    for _ in 0..3 {
        told.extend(guest.epoll_wait(epoll, 2, 0).expect("told").iter().map(|(fd, _)| *fd));
    }
    assert_eq!(told.iter().collect::<std::collections::BTreeSet<_>>().len(), 5, "{told:?}");
    // A copy keeps it, under the number that it had.
    let copy = u64::from(guest.linux("dup", &[counters[0]]).expect("copied"));
    for fd in &counters {
        guest.linux("close", &[*fd]).expect("closed");
    }
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![(counters[0], IN)]));
    assert_eq!(guest.epoll_ctl(epoll, 3, copy, IN, 0), Err(Errno::NOENT));
    assert_eq!(guest.epoll_ctl(epoll, 3, counters[0], IN, 0), Err(Errno::BADF));
    let used = guest.system.meter().used();
    guest.linux("close", &[copy]).expect("closed");
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![]));
    assert!(guest.system.meter().used() < used - 256);
}

#[test]
fn watchers_watch_each_other_so_far_and_in_no_circle() {
    let mut guest = guest();
    let [reader, writer] = guest.pipe2(0);
    let all: Vec<u64> = (0..6).map(|_| guest.epoll()).collect();
    guest.epoll_ctl(all[0], 1, reader, IN, 0).expect("added");
    for pair in all[..5].windows(2) {
        guest.epoll_ctl(pair[1], 1, pair[0], IN | EDGE, 0).expect("added");
    }
    assert_eq!(guest.epoll_ctl(all[5], 1, all[4], IN, 0), Err(Errno::LOOP));
    assert_eq!(guest.epoll_ctl(all[0], 1, all[4], IN, 0), Err(Errno::LOOP));
    // From the middle too.
    let more = guest.epoll();
    guest.epoll_ctl(more, 1, all[5], IN, 0).expect("added");
    assert_eq!(guest.epoll_ctl(all[0], 1, more, IN, 0), Err(Errno::LOOP));
    assert_eq!(guest.epoll_ctl(all[0], 1, all[0], IN, 0), Err(Errno::INVAL));
    assert_eq!(guest.epoll_ctl(all[0], 1, all[5], IN | EXCLUSIVE, 0), Err(Errno::INVAL));
    assert_eq!(guest.epoll_wait(all[4], 9, 0), Ok(vec![]));
    guest.linux_write(writer, b"x").expect("written");
    assert_eq!(guest.epoll_wait(all[4], 9, -1), Ok(vec![(0, IN)]));
    assert_eq!(guest.poll(&[(all[3], IN)], None), Ok(vec![IN]));
    // Once it is removed there is room again.
    guest.linux("close", &[more]).expect("closed");
    guest.epoll_ctl(all[1], 2, all[0], 0, 0).expect("removed");
    guest.epoll_ctl(all[5], 1, all[4], IN, 0).expect("added");
}

#[test]
fn watchers_refuse_what_linux_refuses() {
    let mut guest = guest();
    let (epoll, counter) = (guest.epoll(), guest.eventfd(0, 0));
    let zero = guest.open("/dev/zero", 0).expect("opened");
    let file = guest.open("/tmp/file", 1).expect("made");
    let wild = u64::from(u32::MAX);
    assert_eq!(guest.linux("epoll_create1", &[1]), Err(Errno::INVAL));
    assert_eq!(guest.linux("epoll_ctl", &[99, 1, 99, wild]), Err(Errno::FAULT));
    assert_eq!(guest.linux("epoll_ctl", &[epoll, 2, 99, wild]), Err(Errno::BADF));
    assert_eq!(guest.epoll_ctl(99, 1, counter, IN, 0), Err(Errno::BADF));
    for fd in [zero, file] {
        assert_eq!(guest.epoll_ctl(counter, 1, fd, IN, 0), Err(Errno::PERM));
    }
    assert_eq!(guest.epoll_ctl(counter, 1, epoll, IN, 0), Err(Errno::INVAL));
    assert_eq!(guest.epoll_ctl(epoll, 9, counter, IN, 0), Err(Errno::INVAL));
    assert_eq!(guest.epoll_ctl(epoll, 3, counter, IN, 0), Err(Errno::NOENT));
    assert_eq!(guest.epoll_ctl(epoll, 1, counter, IN | EXCLUSIVE | ONE_SHOT, 0), Err(Errno::INVAL));
    guest.epoll_ctl(epoll, 1, counter, IN | EXCLUSIVE, 0).expect("added");
    assert_eq!(guest.epoll_ctl(epoll, 1, counter, IN, 0), Err(Errno::EXIST));
    assert_eq!(guest.epoll_ctl(epoll, 3, counter, IN, 0), Err(Errno::INVAL));
    for (arguments, errno) in [
        ([epoll, 64, 0, 0, 0, 0], Errno::INVAL),
        ([epoll, 64, 1 << 28, 0, 0, 0], Errno::INVAL),
        ([99, 64, 0, 0, 0, 0], Errno::BADF),
        ([epoll, wild, 1, 0, 0, 0], Errno::FAULT),
        ([99, 64, 1, 0, 0, 0], Errno::BADF),
        ([counter, 64, 1, 0, 0, 0], Errno::INVAL),
        ([epoll, 64, 1, 0, 64, 4], Errno::INVAL),
    ] {
        assert_eq!(guest.linux("epoll_pwait", &arguments), Err(errno), "{arguments:?}");
    }
    // What cannot be told is told the next time.
    guest.linux_write(counter, &1u64.to_le_bytes()).expect("written");
    let end = guest.memory.bytes.len() as u64;
    assert_eq!(guest.linux("epoll_pwait", &[epoll, end - 15, 9, 0, 0, 0]), Err(Errno::FAULT));
    assert_eq!(guest.linux("epoll_pwait", &[epoll, end - 16, 9, 0, 0, 0]), Ok(1));
    assert_eq!(guest.linux("read", &[epoll, 64, 8]), Err(Errno::INVAL));
}

#[test]
fn counters_count_and_wait() {
    let mut guest = guest();
    assert_eq!(guest.linux("eventfd2", &[0, 2]), Err(Errno::INVAL));
    let fd = guest.eventfd(3, NONBLOCK);
    assert_eq!([guest.count(fd), guest.count(fd)], [Ok(3), Err(Errno::AGAIN)]);
    let add = |guest: &mut FakeGuest, fd, more: u64| guest.linux_write(fd, &more.to_le_bytes());
    assert_eq!(add(&mut guest, fd, u64::MAX), Err(Errno::INVAL));
    assert_eq!(add(&mut guest, fd, u64::MAX - 1), Ok(8));
    assert_eq!(guest.poll(&[(fd, IN | OUT)], None), Ok(vec![IN]));
    assert_eq!([add(&mut guest, fd, 1), add(&mut guest, fd, 0)], [Err(Errno::AGAIN), Ok(8)]);
    assert_eq!(guest.linux_write(fd, &[0; 9]), Err(Errno::INVAL));
    assert_eq!(guest.linux_read(fd, 7), Err(Errno::INVAL));
    let semaphore = guest.eventfd(2, NONBLOCK | 1);
    assert_eq!([0, 0, 0].map(|_| guest.count(semaphore)), [Ok(1), Ok(1), Err(Errno::AGAIN)]);
    assert_eq!(guest.linux("_llseek", &[fd, 0, 5, R, 0]), Ok(0));
    assert_eq!(guest.linux("pread64", &[fd, 64, 8, 0, 0]), Err(Errno::SPIPE));
    let waits = guest.eventfd(0, 0);
    guest.waiter.interrupt();
    assert_eq!(guest.count(waits), Err(Errno::INTR));
}

#[test]
fn timers_expire_and_are_read() {
    let mut guest = guest();
    assert_eq!(guest.linux("timerfd_create", &[2, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("timerfd_create", &[8, 0]), Err(Errno::PERM));
    assert_eq!(guest.linux("timerfd_create", &[0, 1]), Err(Errno::INVAL));
    let fd = guest.timerfd(1);
    assert_eq!(guest.count(fd), Err(Errno::AGAIN));
    let begun = Instant::now();
    guest.timerfd_set(fd, 0, SOON, SOON);
    assert_eq!(guest.poll(&[(fd, IN)], None), Ok(vec![IN]));
    assert!(begun.elapsed() >= SOON);
    guest.linux("timerfd_gettime64", &[fd, R]).expect("told");
    assert_eq!(guest.time_at(R), SOON);
    let left = guest.time_at(R + 16);
    assert!(left <= SOON && !left.is_zero(), "{left:?}");
    assert!(guest.count(fd).is_ok_and(|ticks| ticks >= 1));
    // What was set is told, and what is past has expired at once.
    let (new, _) = guest.put(&[timespec(Duration::ZERO), timespec(Duration::from_nanos(1))].concat());
    guest.linux("timerfd_settime64", &[fd, 3, new, R]).expect("set");
    assert_eq!((guest.time_at(R), guest.count(fd), guest.count(fd)), (SOON, Ok(1), Err(Errno::AGAIN)));
    // One that waits.
    guest.linux("fcntl64", &[fd, 4, 0]).expect("set");
    guest.timerfd_set(fd, 0, SOON, Duration::ZERO);
    let begun = Instant::now();
    assert_eq!(guest.count(fd), Ok(1));
    assert!(begun.elapsed() >= SOON);
    guest.timerfd_set(fd, 0, SOON, SOON);
    guest.timerfd_set(fd, 0, Duration::ZERO, SOON);
    guest.waiter.interrupt();
    assert_eq!(guest.count(fd), Err(Errno::INTR));
    let wild = u64::from(u32::MAX);
    assert_eq!(guest.linux("timerfd_settime64", &[99, 0, wild, 0]), Err(Errno::FAULT));
    assert_eq!(guest.linux("timerfd_settime64", &[99, 4, new, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("timerfd_settime64", &[99, 0, new, 0]), Err(Errno::BADF));
    assert_eq!(guest.linux("timerfd_gettime64", &[0, R]), Err(Errno::INVAL));
    assert_eq!(guest.linux_write(fd, &[0; 8]), Err(Errno::INVAL));
}

#[test]
fn signals_that_the_library_tells_of_are_read_once() {
    let mut guest = guest();
    let (mask, _) = guest.put(&(1u64 << 9 | 1 << 11 | 1 << 8).to_le_bytes());
    let fd = u64::from(guest.linux("signalfd4", &[u64::from(u32::MAX), mask, 8, NONBLOCK]).expect("made"));
    assert_eq!(guest.linux_read(fd, 128), Err(Errno::AGAIN));
    let epoll = guest.epoll();
    guest.epoll_ctl(epoll, 1, fd, IN | EDGE, 0).expect("added");
    let row = |guest: &mut FakeGuest, pending: u64| {
        let row = super::fake::row("signals_pending");
        guest.call_row(row, &[pending & 0xffff_ffff, pending >> 32, R]).expect("told");
        guest.get_u64(RESULT)
    };
    let pending = 1 << 1 | 1 << 9 | 1 << 11 | 1 << 40;
    assert_eq!(row(&mut guest, pending), 0);
    assert_eq!(guest.epoll_wait(epoll, 9, 0), Ok(vec![(0, IN)]));
    let bytes = guest.linux_read(fd, 200).expect("read");
    assert_eq!((bytes.len(), bytes[0]), (128, 10));
    // Which of all that it asked for it gets is the library's to say: it tells of the rest anew.
    assert_eq!(row(&mut guest, pending), 1 << 9 | 1 << 11);
    assert_eq!(guest.linux_read(fd, 256), Err(Errno::AGAIN));
    assert_eq!(row(&mut guest, pending & !(1 << 9)), 0);
    assert_eq!(guest.linux_read(fd, 256).expect("read")[0], 12);
    assert_eq!((guest.linux_read(fd, 256), row(&mut guest, pending)), (Err(Errno::AGAIN), 1 << 11));
    // Others, and by another mask.
    let (mask, _) = guest.put(&(1u64 << 1).to_le_bytes());
    assert_eq!(guest.linux("signalfd4", &[fd, mask, 8, 0]), Ok(fd as u32));
    assert_eq!(guest.linux_read(fd, 128).map(|bytes| bytes[0]), Ok(2));
    assert_eq!(guest.linux_read(fd, 127), Err(Errno::INVAL));
    assert_eq!(guest.linux("signalfd4", &[fd, mask, 4, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("signalfd4", &[epoll, mask, 8, 0]), Err(Errno::INVAL));
    assert_eq!(guest.linux("signalfd4", &[99, mask, 8, 0]), Err(Errno::BADF));
}

#[test]
fn inputs_of_the_host_are_watched_and_edges_of_them_told_once() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let system = System::builder().stdin(Input::Descriptor(reader.into())).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let (level, edge, outer) = (guest.epoll(), guest.epoll(), guest.epoll());
    guest.epoll_ctl(level, 1, 0, IN, 0).expect("added");
    guest.epoll_ctl(edge, 1, 0, IN | EDGE, 0).expect("added");
    guest.epoll_ctl(outer, 1, level, IN, 5).expect("added");
    assert_eq!(guest.epoll_wait(outer, 9, 10), Ok(vec![]));
    writer.write_all(b"text").expect("written");
    for epoll in [level, level, edge] {
        assert_eq!(guest.epoll_wait(epoll, 9, -1), Ok(vec![(0, IN)]));
    }
    assert_eq!(guest.epoll_wait(edge, 9, 0), Ok(vec![]));
    assert_eq!(guest.epoll_wait(outer, 9, -1), Ok(vec![(5, IN)]));
    assert_eq!(guest.poll(&[(0, IN | OUT)], None), Ok(vec![IN]));
    assert_eq!(guest.select([&[0], &[], &[0]], None), Ok([vec![0], vec![], vec![]]));
    guest.linux_read(0, 4).expect("read");
    assert_eq!(guest.epoll_wait(edge, 9, 0), Ok(vec![]));
    writer.write_all(b"more").expect("written");
    assert_eq!(guest.epoll_wait(edge, 9, -1), Ok(vec![(0, IN)]));
    drop(writer);
    assert_eq!(guest.poll(&[(0, IN), (0, 0)], None), Ok(vec![IN | HUP, HUP]));
    guest.linux_read(0, 4).expect("read");
    assert_eq!(guest.poll(&[(0, IN)], None), Ok(vec![HUP]));
    assert_eq!(guest.epoll_wait(edge, 9, -1), Ok(vec![(0, HUP)]));
}

#[test]
fn nothing_tells_of_changes_of_files() {
    let mut guest = guest();
    assert_eq!(guest.linux("inotify_init1", &[0]), Err(Errno::NOSYS));
    assert_eq!(guest.linux("inotify_add_watch", &[0, R, 1]), Err(Errno::NOSYS));
    assert_eq!(guest.linux("inotify_rm_watch", &[0, 1]), Err(Errno::NOSYS));
}

const PLACES: usize = 6;

#[derive(Clone, Debug)]
enum Operation {
    Pipe(usize, usize),
    Counter(usize, u64, bool),
    Watcher(usize),
    Memory(usize),
    Copy(usize, usize),
    Close(usize),
    Read(usize, usize),
    Write(usize, usize),
    Add(usize, u64, usize, u32),
    Wait(usize, usize),
    Poll(Vec<(usize, u32)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Done,
    Number(usize),
    Events(Vec<(u64, u32)>),
}

type Outcome = Result<Shown, Errno>;

fn operation() -> impl Strategy<Value = Operation> {
    let place = || 0..PLACES;
    let wanted = || {
        prop_oneof![
            3 => Just(IN), 2 => Just(OUT), 2 => Just(IN | OUT), 3 => Just(IN | EDGE), 2 => Just(IN | OUT | EDGE),
            1 => Just(IN | ONE_SHOT), 1 => Just(0), 1 => Just(IN | EXCLUSIVE), 1 => Just(RDHUP | 0x1c0),
            1 => Just(IN | OUT | EDGE | ONE_SHOT),
        ]
    };
    let polled = || prop_oneof![Just(IN), Just(OUT), Just(IN | OUT | PRI), Just(0), Just(0x3c0 | RDHUP)];
    prop_oneof![
        3 => (place(), place()).prop_map(|(one, other)| Operation::Pipe(one, other)),
        3 => (place(), prop_oneof![Just(0u64), Just(1), Just(5)], any::<bool>()).prop_map(|(place, count, semaphore)| Operation::Counter(place, count, semaphore)),
        3 => place().prop_map(Operation::Watcher),
        1 => place().prop_map(Operation::Memory),
        1 => (place(), place()).prop_map(|(one, other)| Operation::Copy(one, other)),
        1 => place().prop_map(Operation::Close),
        5 => (place(), prop_oneof![Just(8usize), Just(4), Just(5000), Just(70_000)]).prop_map(|(place, count)| Operation::Read(place, count)),
        6 => (place(), prop_oneof![Just(8usize), Just(4), Just(5000), Just(70_000)]).prop_map(|(place, count)| Operation::Write(place, count)),
        8 => (place(), 1u64..4, place(), wanted()).prop_map(|(watcher, operation, place, wanted)| Operation::Add(watcher, operation, place, wanted)),
        10 => (place(), 1usize..8).prop_map(|(place, most)| Operation::Wait(place, most.max(PLACES))),
        4 => prop::collection::vec((place(), polled()), 0..4).prop_map(Operation::Poll),
    ]
}

/// What a write of this many bytes writes: small numbers, for a counter.
fn written(count: usize) -> Vec<u8> {
    (0..count).map(|index| u8::from(index == 0)).collect()
}

struct Virtual {
    guest: FakeGuest,
    places: [u64; PLACES],
}

const NOWHERE: u64 = 999;

impl Virtual {
    fn put(&mut self, place: usize, fd: u64) {
        let before = std::mem::replace(&mut self.places[place], fd);
        if before != NOWHERE {
            self.guest.linux("close", &[before]).expect("it is open");
        }
    }

    fn apply(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Pipe(one, other) => {
                let ends = self.guest.pipe2(NONBLOCK);
                self.put(*one, ends[0]);
                self.put(*other, ends[1]);
            }
            Operation::Counter(place, count, semaphore) => {
                let fd = self.guest.eventfd(*count, NONBLOCK | u64::from(*semaphore));
                self.put(*place, fd);
            }
            Operation::Watcher(place) => {
                let fd = self.guest.epoll();
                self.put(*place, fd);
            }
            Operation::Memory(place) => {
                let name = self.guest.text("m");
                let fd = self.guest.linux("memfd_create", &[name, 0])?;
                self.put(*place, u64::from(fd));
            }
            Operation::Copy(from, to) => {
                let fd = self.guest.linux("dup", &[self.places[*from]])?;
                self.put(*to, u64::from(fd));
            }
            Operation::Close(place) => {
                let fd = std::mem::replace(&mut self.places[*place], NOWHERE);
                self.guest.linux("close", &[fd])?;
            }
            Operation::Read(place, count) => {
                return self
                    .guest
                    .linux_read(self.places[*place], *count)
                    .map(|bytes| Shown::Number(bytes.len()));
            }
            Operation::Write(place, count) => {
                let fd = self.places[*place];
                return self
                    .guest
                    .linux_write(fd, &written(*count))
                    .map(|count| Shown::Number(count as usize));
            }
            Operation::Add(watcher, operation, place, wanted) => {
                let (watcher, fd) = (self.places[*watcher], self.places[*place]);
                self.guest.epoll_ctl(watcher, *operation, fd, *wanted, *place as u64)?;
            }
            Operation::Wait(place, most) => {
                return self.guest.epoll_wait(self.places[*place], *most as u64, 0).map(Shown::Events);
            }
            Operation::Poll(asked) => {
                // What is not open is of no interest here.
                let asked: Vec<(u64, u32)> =
                    asked.iter().map(|(place, events)| (self.places[*place], *events)).collect();
                let found = self.guest.poll(&asked, NOW)?;
                return Ok(Shown::Events(
                    asked.iter().zip(found).map(|((_, wanted), found)| (u64::from(*wanted), found)).collect(),
                ));
            }
        }
        Ok(Shown::Done)
    }
}

#[derive(Default)]
struct Real {
    places: [Option<OwnedFd>; PLACES],
}

impl Real {
    fn apply(&mut self, operation: &Operation) -> Outcome {
        let number =
            |error: rustix::io::Errno| Errno::from_number(error.raw_os_error() as u16).expect("a number");
        self.try_apply(operation).map_err(number)
    }

    fn try_apply(&mut self, operation: &Operation) -> rustix::io::Result<Shown> {
        use rustix::io::Errno as Host;
        let at = |place: &usize| self.places[*place].as_ref().map(AsFd::as_fd).ok_or(Host::BADF);
        match operation {
            Operation::Pipe(one, other) => {
                let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK)?;
                self.places[*one] = Some(reader);
                self.places[*other] = Some(writer);
            }
            Operation::Counter(place, count, semaphore) => {
                let mut flags = EventfdFlags::NONBLOCK;
                flags.set(EventfdFlags::SEMAPHORE, *semaphore);
                self.places[*place] = Some(rustix::event::eventfd(*count as u32, flags)?);
            }
            Operation::Watcher(place) => {
                self.places[*place] = Some(epoll::create(epoll::CreateFlags::empty())?);
            }
            Operation::Memory(place) => {
                self.places[*place] = Some(rustix::fs::memfd_create("m", rustix::fs::MemfdFlags::empty())?);
            }
            Operation::Copy(from, to) => {
                let copy = rustix::io::dup(at(from)?)?;
                self.places[*to] = Some(copy);
            }
            Operation::Close(place) => drop(self.places[*place].take().ok_or(Host::BADF)?),
            Operation::Read(place, count) => {
                return rustix::io::read(at(place)?, vec![0; *count].as_mut_slice()).map(Shown::Number);
            }
            Operation::Write(place, count) => {
                return rustix::io::write(at(place)?, &written(*count)).map(Shown::Number);
            }
            Operation::Add(watcher, operation, place, wanted) => {
                let (watcher, file) = (at(watcher)?, at(place)?);
                let data = epoll::EventData::new_u64(*place as u64);
                let wanted = epoll::EventFlags::from_bits_retain(*wanted);
                match operation {
                    1 => epoll::add(watcher, file, data, wanted)?,
                    2 => epoll::delete(watcher, file)?,
                    _ => epoll::modify(watcher, file, data, wanted)?,
                }
            }
            Operation::Wait(place, most) => {
                let mut events = Vec::with_capacity(*most);
                epoll::wait(
                    at(place)?,
                    rustix::buffer::spare_capacity(&mut events),
                    Some(&rustix::event::Timespec::default()),
                )?;
                let mut told: Vec<(u64, u32)> =
                    events.iter().map(|event| ({ event.data }.u64(), { event.flags }.bits())).collect();
                told.sort_unstable();
                return Ok(Shown::Events(told));
            }
            Operation::Poll(asked) => {
                let open: Vec<_> = asked.iter().map(|(place, events)| (at(place), *events)).collect();
                let mut polled: Vec<PollFd<'_>> = open
                    .iter()
                    .filter_map(|(fd, events)| {
                        Some(PollFd::from_borrowed_fd(fd.ok()?, PollFlags::from_bits_retain(*events as u16)))
                    })
                    .collect();
                rustix::event::poll(&mut polled, Some(&rustix::event::Timespec::default()))?;
                let mut found = polled.iter().map(|polled| u32::from(polled.revents().bits()));
                let shown = open.iter().map(|(fd, wanted)| {
                    let found = if fd.is_ok() { found.next() } else { Some(NVAL) };
                    (u64::from(*wanted), found.expect("as many as were asked"))
                });
                return Ok(Shown::Events(shown.collect()));
            }
        }
        Ok(Shown::Done)
    }
}

proptest! {
    #![proptest_config(super::against_linux())]

    #[test]
    fn watchers_and_what_they_watch_do_as_linux_does(operations in prop::collection::vec(operation(), 1..120)) {
        let (mut here, mut there) = (Virtual { guest: guest(), places: [NOWHERE; PLACES] }, Real::default());
        for (index, operation) in operations.iter().enumerate() {
            let (ours, linux) = (here.apply(operation), there.apply(operation));
            prop_assert_eq!(&ours, &linux, "operation {}: {:?} (left ours, right Linux)", index, operation);
        }
    }
}
