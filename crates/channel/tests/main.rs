//! Two ends of a channel, on the socket alone and with shared memory: the same
//! bytes come out of both, waits end as they should, and a hostile peer does no
//! harm.

use bellglass_channel::{Channel, ChannelError, RING_BYTES, Shared, Side, Woken};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// What a wait may last that should end at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// The controller's end, the cell's end, and what a hostile peer would write to.
fn shared_pair() -> (Channel, Channel, File) {
    let (ours, theirs) = UnixStream::pair().expect("a socket");
    let (memory, descriptor) = Shared::create().expect("shared memory");
    let (mut controller, mut cell) = (Channel::new(ours, Side::Controller), Channel::new(theirs, Side::Cell));
    controller.share(memory);
    cell.share(Shared::open(&descriptor).expect("the memory"));
    (controller, cell, File::from(descriptor))
}

fn plain_pair() -> (Channel, Channel) {
    let (ours, theirs) = UnixStream::pair().expect("a socket");
    (Channel::new(ours, Side::Controller), Channel::new(theirs, Side::Cell))
}

fn receive_exactly(channel: &mut Channel, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    while filled < count {
        filled += channel.receive(&mut bytes[filled..], None).expect("bytes");
    }
    bytes
}

fn pattern(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|index| ((index * 7 + seed) % 251) as u8).collect()
}

/// Requests and answers of many sizes, with pauses that make each side sleep.
fn converse(mut controller: Channel, mut cell: Channel, deadline: Option<Instant>) {
    let sizes = [1, 7, 8, 9, 100, 4095, RING_BYTES - 1, RING_BYTES, RING_BYTES + 1, 1 << 20, 3, 64];
    let echo = std::thread::spawn(move || {
        for (turn, size) in sizes.iter().cycle().take(200).enumerate() {
            let bytes = receive_exactly(&mut cell, *size);
            if turn % 50 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
            cell.send(&bytes, None).expect("a peer that listens");
        }
    });
    for (turn, size) in sizes.iter().cycle().take(200).enumerate() {
        let bytes = pattern(*size, turn);
        controller.send(&bytes, deadline).expect("a peer that listens");
        if turn % 70 == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(receive_exactly(&mut controller, *size) == bytes, "turn {turn}");
    }
    echo.join().expect("no panic");
}

#[test]
fn all_sizes_come_through_shared_memory() {
    let (controller, cell, _) = shared_pair();
    assert!(controller.is_shared());
    converse(controller, cell, Some(Instant::now() + Duration::from_secs(60)));
    let (controller, cell, _) = shared_pair();
    converse(controller, cell, None);
}

#[test]
fn all_sizes_come_through_the_socket() {
    let (controller, cell) = plain_pair();
    assert!(!controller.is_shared());
    converse(controller, cell, Some(Instant::now() + Duration::from_secs(60)));
}

#[test]
fn many_channels_at_once_lose_nothing() {
    let conversations: Vec<_> = (0..32)
        .map(|_| {
            std::thread::spawn(|| {
                let (mut controller, mut cell, _) = shared_pair();
                let echo = std::thread::spawn(move || {
                    for _ in 0..500 {
                        let bytes = receive_exactly(&mut cell, 40);
                        cell.send(&bytes, None).expect("a peer that listens");
                    }
                });
                let _busy = bellglass_channel::Busy::begin();
                for turn in 0..500 {
                    let bytes = pattern(40, turn);
                    controller.send(&bytes, None).expect("a peer that listens");
                    assert_eq!(receive_exactly(&mut controller, 40), bytes);
                }
                echo.join().expect("no panic");
            })
        })
        .collect();
    for conversation in conversations {
        conversation.join().expect("no panic");
    }
}

#[test]
fn a_silent_peer_ends_at_the_deadline() {
    let (mut shared, _cell, _file) = shared_pair();
    let (mut plain, _other) = plain_pair();
    for channel in [&mut shared, &mut plain] {
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(50);
        assert_eq!(channel.receive(&mut [0; 8], Some(deadline)), Err(ChannelError::TimedOut));
        // Nobody takes what fills every buffer there is.
        assert_eq!(channel.send(&vec![0; 8 << 20], Some(deadline)), Err(ChannelError::TimedOut));
        assert!(begun.elapsed() >= Duration::from_millis(50) && begun.elapsed() < PATIENCE);
    }
}

#[test]
fn a_peer_that_never_stops_ends_at_the_deadline() {
    let (mut controller, mut cell, _file) = shared_pair();
    let flood = std::thread::spawn(move || while cell.send(&[1; 1000], None).is_ok() {});
    let begun = Instant::now();
    let deadline = begun + Duration::from_millis(100);
    let error = loop {
        if let Err(error) = controller.receive(&mut [0; 5000], Some(deadline)) {
            break error;
        }
    };
    assert_eq!(error, ChannelError::TimedOut);
    assert!(begun.elapsed() < PATIENCE);
    drop(controller);
    flood.join().expect("no panic");
}

#[test]
fn the_last_words_of_a_peer_are_heard_and_then_its_end() {
    let (mut controller, mut cell, _file) = shared_pair();
    let leaving = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        cell.send(b"farewell", None).expect("a peer that listens");
    });
    assert_eq!(receive_exactly(&mut controller, 8), b"farewell");
    leaving.join().expect("no panic");
    assert_eq!(controller.receive(&mut [0; 8], None), Err(ChannelError::Closed));
    let big = vec![0; 4 * RING_BYTES];
    assert_eq!(controller.send(&big, None), Err(ChannelError::Closed));
}

#[test]
fn a_waiting_side_is_told_when_its_peer_goes() {
    let (mut controller, cell, _file) = shared_pair();
    let begun = Instant::now();
    let leaving = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        drop(cell);
    });
    assert_eq!(controller.receive(&mut [0; 8], None), Err(ChannelError::Closed));
    assert!(begun.elapsed() < PATIENCE);
    leaving.join().expect("no panic");
}

#[test]
fn a_peer_that_writes_nonsense_is_found_out_or_harmless() {
    // The counts are in the first words of the memory, 64 bytes apart.
    for place in 0..8 {
        for value in [1, RING_BYTES as u64, RING_BYTES as u64 + 1, 1 << 40, u64::MAX] {
            let (mut controller, _cell, file) = shared_pair();
            file.write_all_at(&value.to_le_bytes(), place * 64).expect("a write to the memory");
            let deadline = Some(Instant::now() + Duration::from_millis(10));
            let mut into = vec![0; 2 * RING_BYTES];
            match controller.receive(&mut into, deadline) {
                Ok(count) => assert!(count <= RING_BYTES),
                Err(error) => {
                    assert!(matches!(error, ChannelError::TimedOut | ChannelError::Counts), "{error}");
                }
            }
            let _ = controller.send(&into, deadline);
        }
    }
}

#[test]
fn a_peer_that_scribbles_all_the_time_costs_no_more_than_the_deadline() {
    let (mut controller, mut cell, file) = shared_pair();
    let until = Instant::now() + Duration::from_millis(300);
    let scribble = std::thread::spawn(move || {
        let mut number = 88_172_645_463_325_252_u64;
        while Instant::now() < until {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            let _ = file.write_all_at(&(number >> (number % 64)).to_le_bytes(), number % 7 * 64);
            let _ = cell.send(&[1, 2, 3], Some(until));
        }
    });
    let begun = Instant::now();
    let mut into = vec![0; 2 * RING_BYTES];
    while Instant::now() < until {
        let soon = Some(Instant::now() + Duration::from_millis(20));
        let _ = controller.receive(&mut into, soon).map(|count| assert!(count <= RING_BYTES));
        let _ = controller.send(&into[..100], soon);
    }
    assert!(begun.elapsed() < PATIENCE);
    scribble.join().expect("no panic");
}

#[test]
fn a_side_that_waits_long_uses_no_processor_time() {
    let (mut controller, _cell, _file) = shared_pair();
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let before = used();
    let deadline = Some(Instant::now() + Duration::from_millis(400));
    assert_eq!(controller.receive(&mut [0; 8], deadline), Err(ChannelError::TimedOut));
    assert!(used() - before < Duration::from_millis(20), "it used {:?}", used() - before);
}

/// Waits for a socket and for `bell`, until some time.
fn beside(
    bell: &UnixStream,
    until: Option<Instant>,
) -> impl FnMut(BorrowedFd<'_>) -> Result<Woken, ChannelError> {
    move |socket| {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.map(|left| Timespec::try_from(left).expect("a short time"));
        let mut waiting = [PollFd::new(&socket, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        match poll(&mut waiting, timeout.as_ref()).expect("it waits") {
            0 => Err(ChannelError::TimedOut),
            _ if waiting[0].revents().is_empty() => Ok(Woken::Otherwise),
            _ => Ok(Woken::Bytes),
        }
    }
}

#[test]
fn a_wait_for_two_things_ends_with_either() {
    let (controller, cell, _file) = shared_pair();
    for (mut controller, mut cell) in [(controller, cell), plain_pair()] {
        let (mut ring, bell) = {
            let (bell, ring) = UnixStream::pair().expect("a socket");
            (ring, bell)
        };
        let soon = || Some(Instant::now() + Duration::from_millis(20));
        let late = || Some(Instant::now() + PATIENCE);
        assert_eq!(controller.wait_beside(beside(&bell, soon())), Err(ChannelError::TimedOut));
        cell.send(b"abc", None).expect("a peer that listens");
        for _ in 0..2 {
            assert_eq!(controller.wait_beside(beside(&bell, late())), Ok(Woken::Bytes));
        }
        assert_eq!(receive_exactly(&mut controller, 3), b"abc");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                ring.write_all(&[1]).expect("it listens");
            });
            assert_eq!(controller.wait_beside(beside(&bell, None)), Ok(Woken::Otherwise));
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                cell.send(b"d", None).expect("a peer that listens");
            });
            // The bell is rung still, and both are told of in the end.
            while controller.wait_beside(beside(&bell, late())) == Ok(Woken::Otherwise) {}
        });
        assert_eq!(receive_exactly(&mut controller, 1), b"d");
        drop(ring);
        let (_ring, bell) = UnixStream::pair().expect("a socket");
        drop(cell);
        let begun = Instant::now();
        let ended = controller.wait_beside(beside(&bell, late()));
        assert!(matches!(ended, Err(ChannelError::Closed) | Ok(Woken::Bytes)), "{ended:?}");
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn a_wait_for_two_things_does_not_wait_for_a_byte_that_is_not_there() {
    let (mut controller, _cell, _memory) = shared_pair();
    let mut said = [Woken::Bytes, Woken::Otherwise].into_iter();
    let (sender, woken) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // As poll does for a byte out of band.
        sender.send(controller.wait_beside(|_| Ok(said.next().unwrap_or(Woken::Otherwise))))
    });
    assert_eq!(woken.recv_timeout(PATIENCE), Ok(Ok(Woken::Otherwise)));
}
