//! Streams of the user's own: as standard input and output, and in a tree.

use super::fake::{FakeGuest, RESULT};
use crate::files::{
    Creation, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened, Timestamp,
};
use crate::{
    Ending, Errno, Input, Interest, LimitKind, Mount, Output, Readiness, Stop, Stream, System, WaitQueue,
    Waiter,
};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(30);

/// What holds at most so many bytes, and comes out as it went in.
struct Channel {
    bytes: Mutex<VecDeque<u8>>,
    room: usize,
    queue: WaitQueue,
}

impl Channel {
    fn new(room: usize) -> Arc<Self> {
        Arc::new(Self { bytes: Mutex::default(), room, queue: WaitQueue::new() })
    }

    fn take(&self) -> Vec<u8> {
        let taken = self.bytes.lock().expect("held by nobody").drain(..).collect();
        self.queue.wake();
        taken
    }
}

impl Stream for Channel {
    fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        let mut bytes = self.bytes.lock().expect("held by nobody");
        if bytes.is_empty() {
            return Err(Errno::AGAIN);
        }
        let count = std::io::Read::read(&mut *bytes, into)?;
        drop(bytes);
        self.queue.wake();
        Ok(count)
    }

    fn write(&self, from: &[u8]) -> Result<usize, Errno> {
        let mut bytes = self.bytes.lock().expect("held by nobody");
        let count = from.len().min(self.room - bytes.len());
        if count == 0 {
            return Err(Errno::AGAIN);
        }
        bytes.extend(&from[..count]);
        drop(bytes);
        self.queue.wake();
        Ok(count)
    }

    fn readiness(&self, interest: Interest) -> Result<Readiness, Errno> {
        let listener = self.queue.listen();
        let there = self.bytes.lock().expect("held by nobody").len();
        Ok(match if interest == Interest::Read { there } else { self.room - there } {
            0 => Readiness::When(listener),
            bytes => Readiness::Now { bytes: bytes as u64, hangup: false },
        })
    }
}

fn subscription(tag: u8, descriptor: u64) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[8] = tag;
    bytes[16..20].copy_from_slice(&(descriptor as u32).to_le_bytes());
    bytes
}

/// The type of the one event that poll tells, within this time.
fn poll(guest: &mut FakeGuest, tag: u8, descriptor: u64, timeout: Duration) -> u8 {
    let mut clock = subscription(0, 1);
    clock[24..32].copy_from_slice(&(timeout.as_nanos() as u64).to_le_bytes());
    let (address, _) = guest.put(&[subscription(tag, descriptor), clock].concat());
    guest.wasi("poll_oneoff", &[address, 2000, 2, u64::from(RESULT)]).expect("polled");
    assert_eq!(guest.get_u32(RESULT), 1);
    guest.get(2010, 1)[0]
}

/// Does `work` a little later.
fn later(work: impl FnOnce() + Send + 'static) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(SOON);
        work();
    })
}

#[test]
fn input_is_produced_as_it_is_read() {
    let channel = Channel::new(100);
    let system = System::builder().stdin(Input::Stream(channel.clone())).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    assert_eq!(poll(&mut guest, 1, 0, SOON), 0);
    for word in [&b"one"[..], b"two"] {
        let channel = channel.clone();
        let writer = later(move || assert_eq!(channel.write(word), Ok(word.len())));
        if word == b"two" {
            assert_eq!(poll(&mut guest, 1, 0, 1000 * SOON), 1);
        }
        assert_eq!(guest.read(0, 100), Ok(word.to_vec()));
        writer.join().expect("written");
    }
    guest.wasi("fd_fdstat_set_flags", &[0, 4]).expect("set");
    assert_eq!(guest.read(0, 100), Err(Errno::AGAIN));
}

#[test]
fn output_waits_for_room_until_the_deadline_and_keeps_to_the_limit() {
    let channel = Channel::new(4);
    let system = System::builder().stdout(Output::Stream(channel.clone())).output_limit(12).build();
    let mut guest = FakeGuest::new(system.expect("a system"));
    let reader = channel.clone();
    let reader = later(move || assert_eq!(reader.take(), b"abcd"));
    assert_eq!(guest.write(1, b"abcdef"), Ok(6));
    reader.join().expect("read");
    assert_eq!(channel.take(), b"ef");
    assert_eq!(guest.write(1, b"ghij"), Ok(4));
    guest.waiter = Waiter::new(Some(Instant::now() + SOON)).expect("a waiter");
    let (address, _) = guest.put(b"k");
    let iovec = guest.put(&[(address as u32).to_le_bytes(), 1u32.to_le_bytes()].concat()).0;
    let write = [1, iovec, 1, u64::from(RESULT)];
    assert_eq!(guest.call("fd_write", &write), Err(Ending::Stop(Stop::Deadline)));
    guest.waiter = Waiter::new(None).expect("a waiter");
    channel.take();
    assert_eq!(guest.write(1, b"kl"), Ok(2));
    assert_eq!(guest.call("fd_write", &write), Err(Ending::Stop(Stop::Limit(LimitKind::Output.at(12)))));
}

/// A stream that counts wrongly, and one that says that it is ready and is not.
struct Liar(usize);

impl Stream for Liar {
    fn read(&self, _into: &mut [u8]) -> Result<usize, Errno> {
        if self.0 == 0 { Err(Errno::AGAIN) } else { Ok(self.0) }
    }

    fn write(&self, _from: &[u8]) -> Result<usize, Errno> {
        Ok(self.0)
    }

    fn readiness(&self, _interest: Interest) -> Result<Readiness, Errno> {
        Ok(Readiness::Now { bytes: 1, hangup: false })
    }
}

#[test]
fn a_stream_that_lies_harms_no_one() {
    let guest = |liar: usize| {
        let (input, output) = (Input::Stream(Arc::new(Liar(liar))), Output::Stream(Arc::new(Liar(liar))));
        FakeGuest::new(System::builder().stdin(input).stdout(output).build().expect("a system"))
    };
    let mut counts_wrongly = guest(usize::MAX);
    assert_eq!(counts_wrongly.read(0, 3), Ok(vec![0; 3]));
    assert_eq!(counts_wrongly.write(1, b"abc"), Ok(3));
    let mut never_ready = guest(0);
    assert_eq!(never_ready.write(1, b"abc"), Err(Errno::IO));
    never_ready.waiter = Waiter::new(Some(Instant::now() + SOON)).expect("a waiter");
    let begun = Instant::now();
    let (address, length) = never_ready.put(b"room");
    let room = [(address as u32).to_le_bytes(), (length as u32).to_le_bytes()].concat();
    let read = [0, never_ready.put(&room).0, 1, u64::from(RESULT)];
    assert_eq!(never_ready.call("fd_read", &read), Err(Ending::Stop(Stop::Deadline)));
    assert!(begun.elapsed() < 1000 * SOON);
}

/// A stream that never has anything, and says of each wait that it is over.
#[derive(Default)]
struct Impatient {
    queue: WaitQueue,
    asked: AtomicU32,
}

impl Stream for Impatient {
    fn read(&self, _into: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::AGAIN)
    }

    fn readiness(&self, _interest: Interest) -> Result<Readiness, Errno> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let listener = self.queue.listen();
        self.queue.wake();
        Ok(Readiness::When(listener))
    }
}

#[test]
fn a_stream_whose_waits_are_always_over_neither_spins_nor_hides_a_signal() {
    let stream = Arc::new(Impatient::default());
    let system = System::builder().stdin(Input::Stream(stream.clone())).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let begun = Instant::now();
    assert_eq!(poll(&mut guest, 1, 0, SOON), 0);
    let asked = stream.asked.load(Ordering::Relaxed);
    assert!(u128::from(asked) <= 100 + begun.elapsed().as_millis(), "{asked} times");
    // Should no signal end it, the deadline does.
    guest.waiter = Waiter::new(Some(Instant::now() + 100 * SOON)).expect("a waiter");
    let (subscription, _) = guest.put(&subscription(1, 0));
    let begun = Instant::now();
    for poll in [false, true] {
        let waiter = guest.waiter.clone();
        let sender = later(move || waiter.interrupt());
        let ended = match poll {
            true => guest.wasi("poll_oneoff", &[subscription, 2000, 1, u64::from(RESULT)]),
            false => guest.read(0, 10).map(drop),
        };
        assert_eq!(ended, Err(Errno::INTR));
        sender.join().expect("sent");
    }
    assert!(begun.elapsed() < 90 * SOON, "it was the deadline");
}

#[test]
fn output_that_shall_not_wait_does_not() {
    let channel = Channel::new(4);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let system = System::builder()
        .stdout(Output::Stream(channel.clone()))
        .stderr(Output::Descriptor(writer.into()))
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    guest.waiter = Waiter::new(Some(Instant::now() + 100 * SOON)).expect("a waiter");
    for descriptor in [1, 2] {
        guest.wasi("fd_fdstat_set_flags", &[descriptor, 4]).expect("set");
        // Until it is full, whatever it holds.
        let full = loop {
            match guest.write(descriptor, &[b'x'; 4096]) {
                Ok(1..) => {}
                other => break other,
            }
        };
        assert_eq!(full, Err(Errno::AGAIN), "{descriptor}");
    }
    assert_eq!(channel.take(), b"xxxx");
    assert_eq!(guest.write(1, b"ab"), Ok(2));
    drop(reader);
}

/// A directory with the one name `channel`.
struct Tree(Arc<Channel>);

fn metadata(inode: u64, file_type: FileType) -> Metadata {
    let (accessed, modified, changed) = (Timestamp::EPOCH, Timestamp::EPOCH, Timestamp::EPOCH);
    Metadata {
        device: 77,
        inode,
        file_type,
        links: 1,
        size: 0,
        permissions: 0o666,
        accessed,
        modified,
        changed,
        created: None,
        allocated: 0,
        device_numbers: (0, 0),
    }
}

impl Directory for Tree {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(metadata(1, FileType::Directory))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        if name == b"channel" { Ok(Found::Other) } else { Err(Errno::NOENT) }
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        self.lookup(name).map(|_| metadata(2, FileType::CharacterDevice))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        self.lookup(name)?;
        match options.creation {
            Creation::New => Err(Errno::EXIST),
            _ => Ok(Opened::Stream(self.0.clone())),
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let file_type = FileType::CharacterDevice;
        if cookie == 0 {
            let _ = each(DirectoryEntry { cookie: 1, name: b"channel", inode: 2, file_type });
        }
        Ok(())
    }
}

#[test]
fn a_name_of_a_tree_is_a_stream_also_beneath_an_overlay() {
    let channel = Channel::new(100);
    let mount = |path| Mount::tree(Arc::new(Tree(channel.clone())), path);
    let (overlaid, _overlay) = mount("/over").overlay();
    let system = System::builder().mount(mount("/tree")).mount(overlaid).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let one = guest.open("/tree/channel", 0).expect("opened");
    let other = guest.open("/over/channel", 0).expect("opened");
    assert_eq!(guest.write(one, b"through"), Ok(7));
    assert_eq!(guest.read(other, 100), Ok(b"through".to_vec()));
    assert_eq!(guest.wasi("fd_seek", &[one, 0, 0, u64::from(RESULT)]), Err(Errno::SPIPE));
    assert_eq!(poll(&mut guest, 1, other, SOON), 0);
    assert_eq!(poll(&mut guest, 2, other, SOON), 2);
    let again = guest.open(&format!("/dev/fd/{one}"), 0).expect("opened once more");
    assert_eq!(guest.write(again, b"x"), Ok(1));
}
