//! The rows of Linux about sockets, and random sequences of them against the real kernel.

use super::fake::{FakeGuest, RESULT, guest};
use crate::{Errno, Permission, System};
use proptest::prelude::*;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const R: u64 = RESULT as u64;
const LOCAL: u64 = 1;
const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const PACKET: u64 = 5;
const NONBLOCK: u64 = 0o4000;
const WILD: u64 = u32::MAX as u64;

const URGENT: u64 = 1;
const PEEK: u64 = 2;
const CONTROL_CUT: u32 = 8;
const CUT: u32 = 0x20;
const DO_NOT_WAIT: u64 = 0x40;
const WAIT_ALL: u64 = 0x100;
const NO_SIGNAL: u64 = 0x4000;
const PIPE: u64 = 1 << 13;

/// What recvmsg gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Received {
    bytes: Vec<u8>,
    count: u32,
    flags: u32,
    from: Vec<u8>,
    control: Vec<u8>,
}

impl Received {
    fn files(&self) -> Vec<u64> {
        let words: Vec<u32> =
            self.control.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let (mut files, mut rest) = (Vec::new(), &words[..]);
        // Who sent may be told as well.
        while let [length, level, kind, ..] = *rest {
            let (told, more) = rest.split_at(length as usize / 4);
            if (level, kind) == (1, 1) {
                files.extend(told[3..].iter().map(|fd| u64::from(*fd)));
            }
            rest = more;
        }
        files
    }
}

impl FakeGuest {
    fn pair(&mut self, kind: u64) -> [u64; 2] {
        self.linux("socketpair", &[LOCAL, kind, 0, R]).expect("made");
        [self.get_u32(RESULT), self.get_u32(RESULT + 4)].map(u64::from)
    }

    fn socket(&mut self, kind: u64) -> u64 {
        u64::from(self.linux("socket", &[LOCAL, kind, 0]).expect("made"))
    }

    fn address(&mut self, name: &[u8]) -> (u64, u64) {
        self.put(&[&1u16.to_le_bytes()[..], name].concat())
    }

    fn on_address(&mut self, call: &str, fd: u64, name: &[u8]) -> Result<u32, Errno> {
        let (address, length) = self.address(name);
        self.linux(call, &[fd, address, length])
    }

    fn name(&mut self, call: &str, fd: u64) -> Result<Vec<u8>, Errno> {
        let (address, _) = self.put(&[0; 128]);
        let (length, _) = self.put(&128u32.to_le_bytes());
        self.linux(call, &[fd, address, length])?;
        let length = self.get_u32(length as u32) as usize;
        Ok(self.get(address as u32, length))
    }

    fn send(&mut self, fd: u64, bytes: &[u8], flags: u64) -> Result<u32, Errno> {
        let (address, length) = self.put(bytes);
        self.linux("sendto", &[fd, address, length, flags, 0, 0])
    }

    fn receive(&mut self, fd: u64, room: usize, flags: u64) -> Result<Vec<u8>, Errno> {
        let (address, length) = self.put(&vec![0; room]);
        let count = self.linux("recvfrom", &[fd, address, length, flags, 0, 0])?;
        Ok(self.get(address as u32, room.min(count as usize)))
    }

    fn message(&mut self, buffers: &[(u64, u64)], name: (u64, u64), control: (u64, u64)) -> Vec<u8> {
        let vector = self.vector(buffers);
        let words = [name.0, name.1, vector, buffers.len() as u64, control.0, control.1, 0xdead];
        words.iter().flat_map(|word| (*word as u32).to_le_bytes()).collect()
    }

    fn control(&mut self, files: &[u64]) -> (u64, u64) {
        if files.is_empty() {
            return (0, 0);
        }
        let head = [12 + 4 * files.len() as u64, 1, 1];
        let bytes: Vec<u8> = head.iter().chain(files).flat_map(|word| (*word as u32).to_le_bytes()).collect();
        self.put(&bytes)
    }

    fn send_message(&mut self, fd: u64, parts: &[&[u8]], files: &[u64], flags: u64) -> Result<u32, Errno> {
        let buffers: Vec<_> = parts.iter().map(|part| self.put(part)).collect();
        let control = self.control(files);
        let message = self.message(&buffers, (0, 0), control);
        let (message, _) = self.put(&message);
        self.linux("sendmsg", &[fd, message, flags])
    }

    fn receive_message(&mut self, fd: u64, room: usize, control: u64, flags: u64) -> Result<Received, Errno> {
        let buffer = self.put(&vec![0; room]);
        let (name, _) = self.put(&[0; 110]);
        let (at, _) = self.put(&vec![0; control as usize]);
        let message = self.message(&[buffer], (name, 110), (if control == 0 { 0 } else { at }, control));
        let (message, _) = self.put(&message);
        let count = self.linux("recvmsg", &[fd, message, flags])?;
        let word = |guest: &mut Self, index: u32| guest.get_u32(message as u32 + index * 4);
        let (from, told) = (word(self, 1) as usize, word(self, 5) as usize);
        Ok(Received {
            bytes: self.get(buffer.0 as u32, room.min(count as usize)),
            count,
            flags: word(self, 6),
            from: self.get(name as u32, from),
            control: self.get(at as u32, told),
        })
    }

    fn option(&mut self, fd: u64, option: u64) -> Result<Vec<u8>, Errno> {
        let (length, _) = self.put(&64u32.to_le_bytes());
        self.linux("getsockopt", &[fd, 1, option, R, length])?;
        let length = self.get_u32(length as u32) as usize;
        Ok(self.get(RESULT, length))
    }

    fn number(&mut self, fd: u64, option: u64) -> Result<u32, Errno> {
        Ok(u32::from_le_bytes(self.option(fd, option)?.try_into().expect("four")))
    }

    fn set_option(&mut self, fd: u64, option: u64, value: &[u8]) -> Result<u32, Errno> {
        let (address, length) = self.put(value);
        self.linux("setsockopt", &[fd, 1, option, address, length])
    }

    fn events(&mut self, fd: u64) -> u32 {
        let (entry, _) = self.put(&[&(fd as u32).to_le_bytes()[..], &[0xff, 0x3f, 0, 0]].concat());
        let (now, _) = self.put(&[0; 16]);
        self.linux("ppoll_time64", &[entry, 1, now, 0, 0]).expect("told");
        self.get_u32(entry as u32 + 4) >> 16
    }
}

#[test]
fn sockets_are_made_as_far_as_they_lead_nowhere() {
    let mut guest = guest();
    for (arguments, errno) in [
        ([46, STREAM, 0], Errno::AFNOSUPPORT),
        ([3, STREAM, 0], Errno::AFNOSUPPORT),
        ([LOCAL, 11, 0], Errno::INVAL),
        ([LOCAL, 4, 0], Errno::SOCKTNOSUPPORT),
        ([LOCAL, STREAM | 1 << 10, 0], Errno::INVAL),
        ([LOCAL, STREAM, 6], Errno::PROTONOSUPPORT),
    ] {
        assert_eq!(guest.linux("socket", &arguments), Err(errno), "{arguments:?}");
    }
    for family in [2, 10, 16, 17] {
        assert_eq!(guest.linux("socket", &[family, STREAM, 0]), Err(Errno::ACCES));
        assert_eq!(guest.system.take_missing(), Some(Permission::Network));
        assert_eq!(guest.linux("socketpair", &[family, STREAM, 0, R]), Err(Errno::NOTSUP));
    }
    assert_eq!(guest.linux("socketpair", &[LOCAL, STREAM, 0, WILD]), Err(Errno::FAULT));
    let before = guest.system.open_descriptors();
    let fd = guest.socket(STREAM | NONBLOCK | 0o200_0000);
    assert_eq!(guest.linux("fcntl64", &[fd, 3, 0]), Ok(NONBLOCK as u32 | 2));
    assert_eq!((guest.linux("fcntl64", &[fd, 1, 0]), guest.system.open_descriptors()), (Ok(1), before + 1));
    for name in ["listen", "getsockname", "shutdown"] {
        let arguments = if name == "getsockname" { vec![1, R, R] } else { vec![1, 0] };
        assert_eq!(guest.linux(name, &arguments), Err(Errno::NOTSOCK), "{name}");
    }
}

#[test]
fn streams_carry_bytes_and_messages_have_bounds() {
    let mut guest = guest();
    for (kind, first, second) in
        [(STREAM, &b"onet"[..], &b"wo"[..]), (DATAGRAM, b"one", b"two"), (PACKET, b"one", b"two")]
    {
        let [one, other] = guest.pair(kind | NONBLOCK);
        guest.send(one, b"one", 0).expect("sent");
        assert_eq!(guest.send_message(one, &[b"t", b"", b"wo"], &[], 0), Ok(3));
        assert_eq!(guest.receive(other, 4, PEEK), Ok(first.to_vec()));
        assert_eq!(guest.linux_read(other, 4), Ok(first.to_vec()));
        assert_eq!(guest.receive(other, 9, 0), Ok(second.to_vec()));
        assert_eq!(guest.receive(other, 9, 0), Err(Errno::AGAIN));
        assert_eq!(guest.linux_write(other, b"back"), Ok(4));
        let cut = guest.receive_message(one, 2, 0, u64::from(CUT)).expect("received");
        match kind {
            STREAM => assert_eq!((cut.count, cut.flags), (2, 0)),
            _ => assert_eq!((cut.count, cut.flags, &cut.bytes[..]), (4, CUT, &b"ba"[..])),
        }
        assert_eq!(guest.option(one, 3), Ok((kind as u32).to_le_bytes().to_vec()));
    }
}

#[test]
fn descriptors_go_along_and_are_cut_off_where_there_is_no_room() {
    let mut guest = guest();
    let [one, other] = guest.pair(STREAM | NONBLOCK);
    let [reader, writer] = guest.pipe2(NONBLOCK);
    guest.linux_write(writer, b"in flight").expect("written");
    assert_eq!(guest.send_message(one, &[b"ab"], &[reader, writer], 0), Ok(2));
    assert_eq!(guest.send_message(one, &[b"cd"], &[], 0), Ok(2));
    guest.linux("close", &[reader]).expect("closed");
    // With them the read ends, whatever follows.
    let received = guest.receive_message(other, 9, 100, 0x4000_0000).expect("received");
    assert_eq!((&received.bytes[..], received.flags & CONTROL_CUT), (&b"ab"[..], 0));
    let files = received.files();
    assert_eq!(guest.linux_read(files[0], 99), Ok(b"in flight".to_vec()));
    assert_eq!(
        files.iter().map(|fd| guest.linux("fcntl64", &[*fd, 1, 0])).collect::<Vec<_>>(),
        [Ok(1), Ok(1)]
    );
    assert_eq!(guest.receive(other, 9, 0), Ok(b"cd".to_vec()));
    // Room for one of two, and for none.
    for (room, fits) in [(16, 1), (12, 0), (0, 0)] {
        guest.send_message(one, &[b"x"], &[writer, writer], 0).expect("sent");
        let before = guest.system.open_descriptors();
        let received = guest.receive_message(other, 9, room, 0).expect("received");
        assert_eq!((received.files().len(), received.flags), (fits, CONTROL_CUT), "{room}");
        assert_eq!(guest.system.open_descriptors(), before + fits);
    }
    for (control, errno) in [
        (vec![16u32, 1, 1, 99], Errno::BADF),
        (vec![11, 1, 1, 1], Errno::INVAL),
        (vec![17, 1, 1, 1], Errno::INVAL),
        (vec![16, 1, 9, 1], Errno::INVAL),
        (vec![24, 1, 2, 2, 0, 1000], Errno::PERM),
    ] {
        let bytes: Vec<u8> = control.iter().flat_map(|word| word.to_le_bytes()).collect();
        let (control, buffer) = (guest.put(&bytes), guest.put(b"x"));
        let message = guest.message(&[buffer], (0, 0), control);
        let (message, _) = guest.put(&message);
        assert_eq!(guest.linux("sendmsg", &[one, message, 0]), Err(errno), "{errno}");
    }
    let files = vec![writer; 254];
    assert_eq!(guest.send_message(one, &[b"x"], &files, 0), Err(Errno::INVAL));
}

#[test]
fn sockets_that_lie_in_their_own_queues_are_gone_with_the_run() {
    let mut guest = guest();
    let meter = std::sync::Arc::clone(guest.system.meter());
    // Each in the queue of the next: a long chain, whose end lies in its beginning.
    let mut chain = guest.pair(STREAM | NONBLOCK);
    for _ in 0..300 {
        let next = guest.pair(STREAM | NONBLOCK);
        guest.send_message(next[0], &[b"x"], &chain, 0).expect("sent");
        for fd in chain {
            guest.linux("close", &[fd]).expect("closed");
        }
        chain = next;
    }
    let own = guest.pair(STREAM | NONBLOCK);
    guest.send_message(own[0], &[b"x"], &own, 0).expect("sent");
    for fd in own {
        guest.linux("close", &[fd]).expect("closed");
    }
    // As many as may be open may lie in queues.
    let more = guest.pair(STREAM | NONBLOCK);
    let files = vec![more[0]; 200];
    let results: Vec<_> = (0..5).map(|_| guest.send_message(more[0], &[b"x"], &files, 0)).collect();
    assert_eq!(results.last(), Some(&Err(Errno::TOOMANYREFS)), "{results:?}");
    for fd in chain.into_iter().chain(more) {
        guest.linux("close", &[fd]).expect("closed");
    }
    drop(guest);
    // No more than of a run that did nothing: its files' names.
    let other = self::guest();
    let used = std::sync::Arc::clone(other.system.meter());
    drop(other);
    assert_eq!(meter.used(), used.used());
}

#[test]
fn the_end_of_one_is_told_to_the_other() {
    let mut guest = guest();
    let [one, other] = guest.pair(STREAM | NONBLOCK);
    assert_eq!(guest.events(one), 0x304);
    guest.linux("shutdown", &[one, 1]).expect("shut");
    assert_eq!((guest.receive(other, 9, 0), guest.events(other)), (Ok(vec![]), 0x2345));
    assert_eq!((guest.send(one, b"x", NO_SIGNAL), guest.signals), (Err(Errno::PIPE), 0));
    assert_eq!((guest.send(one, b"x", 0), guest.signals), (Err(Errno::PIPE), PIPE));
    assert_eq!((guest.linux_write(one, b"x"), guest.signals), (Err(Errno::PIPE), PIPE));
    guest.send(other, b"lost", 0).expect("sent");
    guest.linux("close", &[one]).expect("closed");
    assert_eq!(guest.events(other), 0x2345 | 0x18);
    assert_eq!([guest.receive(other, 9, 0), guest.receive(other, 9, 0)], [Err(Errno::CONNRESET), Ok(vec![])]);
    let [one, other] = guest.pair(DATAGRAM | NONBLOCK);
    guest.linux("close", &[one]).expect("closed");
    assert_eq!([0, 0].map(|_| guest.send(other, b"x", 0)), [Err(Errno::CONNREFUSED), Err(Errno::NOTCONN)]);
    assert_eq!(guest.signals, 0);
    let [one, other] = guest.pair(PACKET | NONBLOCK);
    guest.linux("close", &[one]).expect("closed");
    assert_eq!((guest.send(other, b"x", 0), guest.signals), (Err(Errno::PIPE), 0));
    assert_eq!(guest.receive(other, 9, 0), Ok(vec![]));
    assert_eq!(guest.linux("shutdown", &[other, 3]), Err(Errno::INVAL));
}

#[test]
fn connections_are_made_by_name() {
    let mut guest = guest();
    for (name, told) in [(&b"\0name"[..], &b"\x01\0\0name"[..]), (b"/tmp/socket", b"\x01\0/tmp/socket\0")] {
        let listener = guest.socket(STREAM | NONBLOCK);
        let client = guest.socket(STREAM | NONBLOCK);
        let missing = if name[0] == 0 { Errno::CONNREFUSED } else { Errno::NOENT };
        assert_eq!(guest.on_address("connect", client, name), Err(missing));
        assert_eq!(guest.linux("listen", &[listener, 1]), Err(Errno::INVAL));
        guest.on_address("bind", listener, name).expect("bound");
        assert_eq!(guest.on_address("bind", listener, name), Err(Errno::INVAL));
        assert_eq!(guest.on_address("bind", client, name), Err(Errno::ADDRINUSE));
        assert_eq!(guest.on_address("connect", client, name), Err(Errno::CONNREFUSED));
        guest.linux("listen", &[listener, 0]).expect("listens");
        assert_eq!(guest.linux("accept", &[listener, 0, 0]), Err(Errno::AGAIN));
        assert_eq!(guest.events(listener), 0);
        guest.on_address("connect", client, name).expect("connected");
        // Whether there is room for one more is looked at first.
        assert_eq!(guest.on_address("connect", client, name), Err(Errno::AGAIN));
        let late = guest.socket(STREAM | NONBLOCK);
        assert_eq!(guest.on_address("connect", late, name), Err(Errno::AGAIN));
        assert_eq!(guest.events(listener), 0x41);
        // What is sent before it is accepted is there.
        guest.send(client, b"early", 0).expect("sent");
        let (length, _) = guest.put(&110u32.to_le_bytes());
        let served = u64::from(guest.linux("accept4", &[listener, R, length, NONBLOCK]).expect("accepted"));
        assert_eq!((guest.get(RESULT, 2), guest.get_u32(length as u32)), (vec![1, 0], 2));
        assert_eq!(guest.on_address("connect", client, name), Err(Errno::ISCONN));
        assert_eq!(guest.receive(served, 9, 0), Ok(b"early".to_vec()));
        assert_eq!(guest.name("getsockname", served), Ok(told.to_vec()));
        assert_eq!(guest.name("getpeername", client), Ok(told.to_vec()));
        assert_eq!(guest.name("getpeername", late), Err(Errno::NOTCONN));
        assert_eq!([guest.number(listener, 30), guest.number(client, 30)], [Ok(1), Ok(0)]);
        let own = [2u32, 1000, 1000].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        assert_eq!([guest.option(client, 17), guest.option(served, 17)], [Ok(own.clone()), Ok(own)]);
        // One that waits is lost with the one that listens.
        guest.on_address("connect", late, name).expect("connected");
        for fd in [listener, served] {
            guest.linux("close", &[fd]).expect("closed");
        }
        assert_eq!(guest.receive(late, 9, 0), Err(Errno::CONNRESET));
        let again = guest.socket(STREAM);
        assert_eq!(guest.on_address("connect", again, name), Err(Errno::CONNREFUSED));
        assert_eq!(guest.linux("accept4", &[again, 0, 0, 1]), Err(Errno::INVAL));
    }
    // A path is a name in a tree, which goes like others; not every tree has such.
    let socket = guest.socket(DATAGRAM);
    assert_eq!(guest.on_address("bind", socket, b"/tmp/socket"), Err(Errno::ADDRINUSE));
    assert_eq!(guest.on_address("bind", socket, b"/proc/socket"), Err(Errno::ROFS));
    guest.on_path("path_unlink_file", "/tmp/socket").expect("removed");
    guest.on_address("bind", socket, b"/tmp/socket").expect("bound");
    assert_eq!(guest.open("/tmp/socket", 0), Err(Errno::NXIO));
    let stream = guest.socket(STREAM);
    assert_eq!(guest.on_address("connect", stream, b"/tmp/socket"), Err(Errno::PROTOTYPE));
    guest.open("/tmp/file", 1).expect("made");
    assert_eq!(guest.on_address("connect", stream, b"/tmp/file"), Err(Errno::CONNREFUSED));
    for (address, length) in [(R, 2), (R, 111), (R, 129)] {
        assert_eq!(guest.linux("connect", &[stream, address, length]), Err(Errno::INVAL), "{length}");
    }
    assert_eq!(guest.linux("connect", &[stream, WILD, 9]), Err(Errno::FAULT));
    // One that has no name of its own gets a number.
    guest.on_address("bind", stream, b"").expect("bound");
    assert_eq!(guest.name("getsockname", stream).map(|name| (name.len(), name[2])), Ok((8, 0)));
}

#[test]
fn datagrams_find_their_way_by_name() {
    let mut guest = guest();
    let server = guest.socket(DATAGRAM | NONBLOCK);
    let client = guest.socket(DATAGRAM | NONBLOCK);
    guest.on_address("bind", server, b"\0server").expect("bound");
    guest.on_address("bind", client, b"\0client").expect("bound");
    let (text, length) = guest.put(b"question");
    let (to, to_length) = guest.address(b"\0server");
    assert_eq!(guest.linux("sendto", &[client, text, length, 0, to, to_length]), Ok(8));
    let received = guest.receive_message(server, 99, 0, 0).expect("received");
    assert_eq!((&received.bytes[..], &received.from[..]), (&b"question"[..], &b"\x01\0\0client"[..]));
    guest.on_address("connect", server, b"\0client").expect("connected");
    assert_eq!(guest.send(server, b"answer", 0), Ok(6));
    assert_eq!(guest.receive(client, 99, 0), Ok(b"answer".to_vec()));
    // It hears no other any more.
    let other = guest.socket(DATAGRAM | NONBLOCK);
    assert_eq!(guest.linux("sendto", &[other, text, length, 0, to, to_length]), Err(Errno::PERM));
    assert_eq!(guest.on_address("connect", other, b"\0server"), Err(Errno::PERM));
    guest.linux("connect", &[server, R + 8, 2]).expect("disconnected");
    guest.on_address("connect", other, b"\0server").expect("connected");
    // One that many may send to has room for some.
    let sent = (0..20).take_while(|_| guest.send(other, b"x", 0).is_ok()).count();
    assert_eq!((sent, guest.events(other) & 4), (11, 0));
    guest.receive(server, 9, 0).expect("received");
    assert_eq!(guest.events(other) & 4, 4);
    assert_eq!(guest.linux("listen", &[other, 1]), Err(Errno::NOTSUP));
    assert_eq!(guest.linux("accept", &[other, 0, 0]), Err(Errno::NOTSUP));
}

#[test]
fn names_are_told_when_those_who_had_them_are_gone() {
    let mut guest = guest();
    let [one, other] = guest.pair(DATAGRAM | NONBLOCK);
    guest.send(one, b"first", 0).expect("sent");
    // It gets its name later than it sent.
    guest.on_address("bind", one, b"\0late").expect("bound");
    guest.linux("close", &[one]).expect("closed");
    assert_eq!(guest.name("getpeername", other), Ok(b"\x01\0\0late".to_vec()));
    let received = guest.receive_message(other, 9, 0, 0).expect("received");
    assert_eq!((&received.bytes[..], &received.from[..]), (&b"first"[..], &b"\x01\0\0late"[..]));
    let again = guest.socket(DATAGRAM | NONBLOCK);
    guest.on_address("bind", again, b"\0late").expect("the name is free");
    // Who wants to know who sent gets a name by sending.
    let nameless = guest.socket(DATAGRAM | NONBLOCK);
    guest.set_option(nameless, 16, &1u32.to_le_bytes()).expect("set");
    guest.on_address("connect", nameless, b"\0late").expect("connected");
    assert_eq!(guest.name("getsockname", nameless).map(|name| name.len()), Ok(8));
    assert_eq!(guest.on_address("bind", nameless, b"\0own"), Err(Errno::INVAL));
}

#[test]
fn what_lies_in_a_queue_is_lost_with_the_connection() {
    let mut guest = guest();
    let [one, other] = guest.pair(DATAGRAM | NONBLOCK);
    guest.send(one, b"lost", 0).expect("sent");
    guest.linux("connect", &[other, R + 8, 2]).expect("disconnected");
    assert_eq!(guest.receive(other, 9, 0), Err(Errno::AGAIN));
    // The one that was connected to it hears so, once.
    assert_eq!([guest.number(one, 4), guest.number(one, 4)], [Ok(104), Ok(0)]);
    let [one, other] = guest.pair(DATAGRAM | NONBLOCK);
    guest.send(one, b"lost", 0).expect("sent");
    guest.linux("close", &[one]).expect("closed");
    assert_eq!((guest.send(other, b"x", 0), guest.events(other)), (Err(Errno::CONNREFUSED), 0x304));
}

#[test]
fn an_urgent_byte_is_read_by_itself() {
    const PRIORITY: u32 = 2;
    let mut guest = guest();
    let [one, other] = guest.pair(STREAM | NONBLOCK);
    assert_eq!(guest.send(one, b"", URGENT), Err(Errno::NOTSUP));
    assert_eq!(guest.receive(other, 9, URGENT), Err(Errno::INVAL));
    assert_eq!(guest.send(one, b"before!", URGENT), Ok(7));
    guest.send(one, b"after", 0).expect("sent");
    assert_eq!(guest.events(other) & PRIORITY, PRIORITY);
    assert_eq!(guest.receive(other, 9, URGENT | PEEK), Ok(b"!".to_vec()));
    let received = guest.receive_message(other, 9, 0, URGENT).expect("received");
    assert_eq!((&received.bytes[..], received.flags), (&b"!"[..], 1));
    assert_eq!((guest.receive(other, 9, URGENT), guest.events(other) & PRIORITY), (Err(Errno::INVAL), 0));
    // What was before ends where it was.
    assert_eq!(
        [guest.receive(other, 9, 0), guest.receive(other, 9, 0)],
        [Ok(b"before".to_vec()), Ok(b"after".to_vec())]
    );
    // One that nobody asked for is passed over; of two the first is as the others.
    guest.send(one, b"a!", URGENT).expect("sent");
    guest.send(one, b"b?", URGENT).expect("sent");
    guest.send(one, b"c", 0).expect("sent");
    assert_eq!(
        [guest.receive(other, 9, 0), guest.receive(other, 9, 0)],
        [Ok(b"a!b".to_vec()), Ok(b"c".to_vec())]
    );
    // Among the others, if it is to be there.
    guest.set_option(other, 10, &1u32.to_le_bytes()).expect("set");
    guest.send(one, b"d!", URGENT).expect("sent");
    assert_eq!(guest.receive(other, 9, URGENT), Err(Errno::INVAL));
    assert_eq!(
        [guest.receive(other, 9, 0), guest.receive(other, 9, 0)],
        [Ok(b"d".to_vec()), Ok(b"!".to_vec())]
    );
    for kind in [DATAGRAM, PACKET] {
        let [one, other] = guest.pair(kind | NONBLOCK);
        assert_eq!(guest.send(one, b"x", URGENT), Err(Errno::NOTSUP));
        assert_eq!(guest.receive(other, 9, URGENT), Err(Errno::NOTSUP));
    }
}

#[test]
fn several_messages_go_at_once() {
    let mut guest = guest();
    let [one, other] = guest.pair(DATAGRAM | NONBLOCK);
    let mut messages = Vec::new();
    for text in [b"one".as_slice(), b"two", b"three"] {
        let buffer = guest.put(text);
        messages.extend(guest.message(&[buffer], (0, 0), (0, 0)));
        messages.extend([0; 4]);
    }
    let (at, _) = guest.put(&messages);
    assert_eq!(guest.linux("sendmmsg", &[one, at, 3, 0]), Ok(3));
    assert_eq!([0, 1, 2].map(|index| guest.get_u32(at as u32 + index * 32 + 28)), [3, 3, 5]);
    let buffers: Vec<_> = (0..4).map(|_| guest.put(&[0; 8])).collect();
    let mut messages = Vec::new();
    for buffer in &buffers {
        messages.extend(guest.message(&[*buffer], (0, 0), (0, 0)));
        messages.extend([0; 4]);
    }
    let (at, _) = guest.put(&messages);
    assert_eq!(guest.linux("recvmmsg_time64", &[other, at, 4, 0, 0]), Ok(3));
    assert_eq!(guest.get(buffers[2].0 as u32, 5), b"three");
    assert_eq!(guest.linux("recvmmsg_time64", &[other, at, 4, 0, 0]), Err(Errno::AGAIN));
    let (wrong, _) = guest.put(&u128::MAX.to_le_bytes());
    assert_eq!(guest.linux("recvmmsg_time64", &[other, at, 4, 0, wrong]), Err(Errno::INVAL));
    // Waits for one, and takes what else is there.
    let [one, other] = guest.pair(DATAGRAM);
    for text in [b"a", b"b"] {
        guest.send(one, text, 0).expect("sent");
    }
    assert_eq!(guest.linux("recvmmsg_time64", &[other, at, 4, 0x1_0000, 0]), Ok(2));
}

#[test]
fn options_are_told_and_set() {
    let mut guest = guest();
    let [one, other] = guest.pair(STREAM | NONBLOCK);
    for (option, value) in
        [(3, 1), (4, 0), (7, 212_992), (8, 212_992), (18, 1), (19, 1), (30, 0), (38, 0), (39, 1)]
    {
        assert_eq!(guest.number(one, option), Ok(value), "{option}");
    }
    guest.set_option(one, 7, &5000u32.to_le_bytes()).expect("set");
    guest.set_option(one, 8, &WILD.to_le_bytes()).expect("set");
    assert_eq!([guest.number(one, 7), guest.number(one, 8)], [Ok(10_000), Ok(425_984)]);
    guest.set_option(one, 9, &7u32.to_le_bytes()).expect("set");
    assert_eq!(guest.number(one, 9), Ok(1));
    let time = [3u64, 500_000].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    guest.set_option(one, 66, &time).expect("set");
    assert_eq!(guest.option(one, 66), Ok(time));
    assert_eq!(
        guest.option(one, 20),
        Ok([3u32, 500_000].iter().flat_map(|word| word.to_le_bytes()).collect())
    );
    assert_eq!(guest.set_option(one, 66, &[0xff; 16]), Err(Errno::DOM));
    assert_eq!(guest.set_option(one, 66, &[0; 8]), Err(Errno::INVAL));
    for (option, errno) in
        [(3, Errno::NOPROTOOPT), (17, Errno::NOPROTOOPT), (32, Errno::PERM), (99, Errno::NOPROTOOPT)]
    {
        assert_eq!(guest.set_option(one, option, &[0; 12]), Err(errno), "{option}");
    }
    assert_eq!(guest.option(one, 99), Err(Errno::NOPROTOOPT));
    assert_eq!(guest.linux("getsockopt", &[one, 6, 1, R, R]), Err(Errno::NOTSUP));
    assert_eq!(guest.linux("setsockopt", &[one, 6, 1, R, 4]), Err(Errno::NOTSUP));
    // Who wants to know who sent is told.
    guest.set_option(other, 16, &1u32.to_le_bytes()).expect("set");
    guest.send(one, b"x", 0).expect("sent");
    let words = [24u32, 1, 2, 2, 1000, 1000];
    let received = guest.receive_message(other, 9, 100, 0).expect("received");
    assert_eq!(received.control, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>());
}

#[test]
fn waits_end_with_their_time_a_signal_and_what_they_wait_for() {
    let mut guest = guest();
    let soon = Duration::from_millis(30);
    let [one, other] = guest.pair(STREAM);
    let time =
        [0u64, soon.as_micros() as u64].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    guest.set_option(one, 66, &time).expect("set");
    let begun = Instant::now();
    assert_eq!(guest.receive(one, 9, 0), Err(Errno::AGAIN));
    assert!(begun.elapsed() >= soon);
    assert_eq!(guest.receive(other, 9, DO_NOT_WAIT), Err(Errno::AGAIN));
    guest.waiter.interrupt();
    assert_eq!(guest.receive(other, 9, 0), Err(Errno::INTR));
    // All that there is room for, or what there was when the time was over.
    guest.send(other, b"some", 0).expect("sent");
    assert_eq!(guest.receive(one, 9, WAIT_ALL), Ok(b"some".to_vec()));
    guest.set_option(other, 67, &time).expect("set");
    let (address, length) = guest.put(&vec![0; 300_000]);
    let sent = guest.linux("sendto", &[other, address, length, 0, 0, 0]).expect("sent");
    assert!((150_000..300_000).contains(&sent), "{sent}");
    let mut received = 0;
    while received < sent as usize {
        received += guest.receive(one, 100_000, 0).expect("received").len();
    }
    assert_eq!(guest.send(other, b"room again", 0), Ok(10));
    let [one, _other] = guest.pair(DATAGRAM);
    assert_eq!(guest.linux("sendto", &[one, address, length, 0, 0, 0]), Err(Errno::MSGSIZE));
}

const PLACES: usize = 6;

/// Names that sockets get: those of the host are of this process and test alone.
const NAMES: usize = 3;

#[derive(Clone, Debug)]
enum Operation {
    Pair(usize, usize, usize),
    Socket(usize, usize),
    Bind(usize, usize),
    Listen(usize, i32),
    Connect(usize, usize),
    Accept(usize, usize),
    /// From where, how much in which parts, and whether a descriptor goes along: not a
    /// socket's, for those that lie in their own queues Linux finds whenever it looks for them.
    Send(usize, Vec<usize>, bool),
    /// The same without a descriptor, of which the last byte is urgent.
    SendUrgent(usize, usize),
    SendTo(usize, usize, usize),
    /// From where, how much, with which flags, whether there is room for a descriptor, and
    /// where it goes.
    Receive(usize, usize, u32, bool, usize),
    Shutdown(usize, u32),
    Close(usize),
    Copy(usize, usize),
    Poll(usize),
    Names(usize),
    Option(usize, u32),
    PassCredentials(usize, bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    Done,
    Number(u32),
    /// The bytes, whether they and the control data were cut off, descriptors, from whom.
    Received(Vec<u8>, bool, bool, usize, Option<usize>),
    Names(Option<usize>, Result<Option<usize>, Errno>),
}

type Outcome = Result<Shown, Errno>;

const KINDS: [u64; 3] = [STREAM, DATAGRAM, PACKET];

fn operation() -> impl Strategy<Value = Operation> {
    let place = || 0..PLACES;
    let size = || prop_oneof![1 => Just(0usize), 8 => 1usize..60];
    let sizes = move || prop::collection::vec(size(), 1..3);
    let flags = || prop_oneof![6 => Just(0u32), 2 => Just(2), 1 => Just(0x20), 1 => Just(0x100), 1 => Just(0x22), 1 => Just(1), 1 => Just(3)];
    prop_oneof![
        4 => (place(), place(), 0usize..3).prop_map(|(one, other, kind)| Operation::Pair(one, other, kind)),
        4 => (place(), 0usize..3).prop_map(|(place, kind)| Operation::Socket(place, kind)),
        4 => (place(), 0..NAMES).prop_map(|(place, name)| Operation::Bind(place, name)),
        3 => (place(), prop_oneof![Just(0), Just(1), Just(5), Just(-1)]).prop_map(|(place, backlog)| Operation::Listen(place, backlog)),
        5 => (place(), 0..NAMES).prop_map(|(place, name)| Operation::Connect(place, name)),
        3 => (place(), place()).prop_map(|(from, to)| Operation::Accept(from, to)),
        9 => (place(), sizes(), prop::bool::weighted(0.2)).prop_map(|(place, sizes, file)| Operation::Send(place, sizes, file)),
        2 => (place(), size()).prop_map(|(place, size)| Operation::SendUrgent(place, size)),
        3 => (place(), 0..NAMES, size()).prop_map(|(place, name, size)| Operation::SendTo(place, name, size)),
        12 => (place(), size(), flags(), prop::bool::weighted(0.7), place()).prop_map(|(place, size, flags, room, to)| Operation::Receive(place, size, flags, room, to)),
        2 => (place(), 0u32..3).prop_map(|(place, how)| Operation::Shutdown(place, how)),
        2 => place().prop_map(Operation::Close),
        1 => (place(), place()).prop_map(|(from, to)| Operation::Copy(from, to)),
        6 => place().prop_map(Operation::Poll),
        2 => place().prop_map(Operation::Names),
        2 => (place(), prop_oneof![Just(3u32), Just(4), Just(30)]).prop_map(|(place, option)| Operation::Option(place, option)),
        1 => (place(), any::<bool>()).prop_map(|(place, set)| Operation::PassCredentials(place, set)),
    ]
}

impl Operation {
    /// Those that must be open.
    fn places(&self) -> Vec<usize> {
        match self {
            Self::Pair(..) | Self::Socket(..) => vec![],
            Self::Send(place, ..)
            | Self::SendUrgent(place, _)
            | Self::Bind(place, _)
            | Self::Listen(place, _)
            | Self::Connect(place, _)
            | Self::Accept(place, _)
            | Self::SendTo(place, ..)
            | Self::Receive(place, ..)
            | Self::Shutdown(place, _)
            | Self::Close(place)
            | Self::Copy(place, _)
            | Self::Poll(place)
            | Self::Names(place)
            | Self::Option(place, _)
            | Self::PassCredentials(place, _) => vec![*place],
        }
    }
}

fn pattern(count: usize, seed: usize) -> Vec<u8> {
    (0..count).map(|index| ((index * 7 + seed * 31) % 251) as u8).collect()
}

/// What is polled: whether there is room depends on how a kernel counts.
const POLLED: u32 = 0xffff & !0x304;

struct Virtual {
    guest: FakeGuest,
    places: [u64; PLACES],
}

const NOWHERE: u64 = 999;

fn virtual_name(name: usize) -> Vec<u8> {
    format!("\0name{name}").into_bytes()
}

/// Which name stands in an address.
fn named(address: &[u8], name: impl Fn(usize) -> Vec<u8>) -> Option<usize> {
    let own = address.get(2..).unwrap_or_default();
    (0..NAMES).find(|number| name(*number) == own)
}

impl Virtual {
    fn put(&mut self, place: usize, fd: u64) {
        let before = std::mem::replace(&mut self.places[place], fd);
        if before != NOWHERE {
            self.guest.linux("close", &[before]).expect("it is open");
        }
    }

    fn apply(&mut self, operation: &Operation, seed: usize) -> Outcome {
        match operation {
            Operation::Pair(one, other, kind) => {
                let ends = self.guest.pair(KINDS[*kind] | NONBLOCK);
                self.put(*one, ends[0]);
                self.put(*other, ends[1]);
            }
            Operation::Socket(place, kind) => {
                let fd = self.guest.socket(KINDS[*kind] | NONBLOCK);
                self.put(*place, fd);
            }
            Operation::Bind(place, name) => {
                self.guest.on_address("bind", self.places[*place], &virtual_name(*name))?;
            }
            Operation::Connect(place, name) => {
                self.guest.on_address("connect", self.places[*place], &virtual_name(*name))?;
            }
            Operation::Listen(place, backlog) => {
                self.guest.linux("listen", &[self.places[*place], *backlog as u32 as u64])?;
            }
            Operation::Accept(from, to) => {
                let fd = self.guest.linux("accept4", &[self.places[*from], 0, 0, NONBLOCK])?;
                self.put(*to, u64::from(fd));
            }
            Operation::Send(place, sizes, file) => {
                let parts: Vec<Vec<u8>> =
                    sizes.iter().enumerate().map(|(part, size)| pattern(*size, seed + part)).collect();
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                let files: Vec<u64> = file.then(|| self.guest.memfd(0)).into_iter().collect();
                self.guest.signals = 0;
                let fd = self.places[*place];
                let sent = self.guest.send_message(fd, &parts, &files, 0);
                let is_told = self.guest.signals == PIPE;
                for file in files {
                    self.guest.linux("close", &[file])?;
                }
                let is_stream = self.guest.number(fd, 3) == Ok(1);
                assert_eq!(sent == Err(Errno::PIPE) && is_stream, is_told);
                return sent.map(Shown::Number);
            }
            Operation::SendUrgent(place, size) => {
                let bytes = pattern(*size, seed);
                let sent = self.guest.send(self.places[*place], &bytes, NO_SIGNAL | URGENT);
                return sent.map(Shown::Number);
            }
            Operation::SendTo(place, name, size) => {
                let (bytes, length) = self.guest.put(&pattern(*size, seed));
                let (to, to_length) = self.guest.address(&virtual_name(*name));
                let arguments = [self.places[*place], bytes, length, NO_SIGNAL, to, to_length];
                return self.guest.linux("sendto", &arguments).map(Shown::Number);
            }
            Operation::Receive(place, size, flags, room, to) => {
                let room = if *room { 200 } else { 0 };
                let received =
                    self.guest.receive_message(self.places[*place], *size, room, u64::from(*flags))?;
                let is_cut = received.flags & CUT != 0;
                let files = received.files();
                let from = named(&received.from, virtual_name);
                let shown = Shown::Received(
                    received.bytes.clone(),
                    is_cut,
                    received.flags & CONTROL_CUT != 0,
                    files.len(),
                    from,
                );
                for file in files {
                    self.put(*to, file);
                }
                return Ok(shown);
            }
            Operation::Shutdown(place, how) => {
                self.guest.linux("shutdown", &[self.places[*place], u64::from(*how)])?;
            }
            Operation::Close(place) => {
                let fd = std::mem::replace(&mut self.places[*place], NOWHERE);
                self.guest.linux("close", &[fd])?;
            }
            Operation::Copy(from, to) => {
                let fd = self.guest.linux("dup", &[self.places[*from]])?;
                self.put(*to, u64::from(fd));
            }
            Operation::Poll(place) => {
                return Ok(Shown::Number(self.guest.events(self.places[*place]) & POLLED));
            }
            Operation::Names(place) => {
                let fd = self.places[*place];
                let own = named(&self.guest.name("getsockname", fd)?, virtual_name);
                let peer = self.guest.name("getpeername", fd).map(|name| named(&name, virtual_name));
                return Ok(Shown::Names(own, peer));
            }
            Operation::Option(place, option) => {
                return self.guest.number(self.places[*place], u64::from(*option)).map(Shown::Number);
            }
            Operation::PassCredentials(place, set) => {
                self.guest.set_option(self.places[*place], 16, &u32::from(*set).to_le_bytes())?;
            }
        }
        Ok(Shown::Done)
    }
}

struct Real {
    places: [Option<OwnedFd>; PLACES],
    /// Which run of the test it is.
    run: u32,
}

fn real_name(run: u32, name: usize) -> Vec<u8> {
    format!("bellglass-{}-{run}-{name}", std::process::id()).into_bytes()
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_number(error.raw_os_error() as u16).expect("a number that there is")
}

impl Real {
    fn apply(&mut self, operation: &Operation, seed: usize) -> Outcome {
        self.try_apply(operation, seed).map_err(errno)
    }

    fn named(&self, address: &rustix::net::SocketAddrAny) -> Option<usize> {
        let address = SocketAddrUnix::try_from(address.clone()).ok()?;
        (0..NAMES).find(|name| address.abstract_name() == Some(&real_name(self.run, *name)))
    }

    fn try_apply(&mut self, operation: &Operation, seed: usize) -> rustix::io::Result<Shown> {
        use rustix::io::Errno as Host;
        let at = |place: &usize| self.places[*place].as_ref().map(AsFd::as_fd).ok_or(Host::BADF);
        let kinds = [SocketType::STREAM, SocketType::DGRAM, SocketType::SEQPACKET];
        let address = |name: &usize| SocketAddrUnix::new_abstract_name(&real_name(self.run, *name));
        match operation {
            Operation::Pair(one, other, kind) => {
                let (first, second) =
                    rustix::net::socketpair(AddressFamily::UNIX, kinds[*kind], SocketFlags::NONBLOCK, None)?;
                self.places[*one] = Some(first);
                self.places[*other] = Some(second);
            }
            Operation::Socket(place, kind) => {
                let made =
                    rustix::net::socket_with(AddressFamily::UNIX, kinds[*kind], SocketFlags::NONBLOCK, None)?;
                self.places[*place] = Some(made);
            }
            Operation::Bind(place, name) => rustix::net::bind(at(place)?, &address(name)?)?,
            Operation::Connect(place, name) => rustix::net::connect(at(place)?, &address(name)?)?,
            Operation::Listen(place, backlog) => rustix::net::listen(at(place)?, *backlog)?,
            Operation::Accept(from, to) => {
                let accepted = rustix::net::accept_with(at(from)?, SocketFlags::NONBLOCK)?;
                self.places[*to] = Some(accepted);
            }
            Operation::Send(place, sizes, file) => {
                let parts: Vec<Vec<u8>> =
                    sizes.iter().enumerate().map(|(part, size)| pattern(*size, seed + part)).collect();
                let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
                let file = file.then(|| rustix::fs::memfd_create("name", rustix::fs::MemfdFlags::empty()));
                let file = file.transpose()?;
                let files: Vec<_> = file.iter().map(AsFd::as_fd).collect();
                let mut space = [std::mem::MaybeUninit::uninit(); 64];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !files.is_empty() {
                    control.push(SendAncillaryMessage::ScmRights(&files));
                }
                let sent = rustix::net::sendmsg(at(place)?, &slices, &mut control, SendFlags::NOSIGNAL)?;
                return Ok(Shown::Number(sent as u32));
            }
            Operation::SendUrgent(place, size) => {
                let flags = SendFlags::NOSIGNAL | SendFlags::OOB;
                let sent = rustix::net::send(at(place)?, &pattern(*size, seed), flags)?;
                return Ok(Shown::Number(sent as u32));
            }
            Operation::SendTo(place, name, size) => {
                let sent = rustix::net::sendto(
                    at(place)?,
                    &pattern(*size, seed),
                    SendFlags::NOSIGNAL,
                    &address(name)?,
                )?;
                return Ok(Shown::Number(sent as u32));
            }
            Operation::Receive(place, size, flags, room, to) => {
                let mut bytes = vec![0; *size];
                let mut space = [std::mem::MaybeUninit::uninit(); 200];
                let mut none = [];
                let mut control = RecvAncillaryBuffer::new(if *room { &mut space } else { &mut none });
                let received = rustix::net::recvmsg(
                    at(place)?,
                    &mut [IoSliceMut::new(&mut bytes)],
                    &mut control,
                    RecvFlags::from_bits_retain(*flags),
                )?;
                let mut files = Vec::new();
                for message in control.drain() {
                    if let RecvAncillaryMessage::ScmRights(passed) = message {
                        files.extend(passed);
                    }
                }
                let from = received.address.as_ref().and_then(|address| self.named(address));
                let (cut, control_cut) =
                    (received.flags.bits() & CUT != 0, received.flags.bits() & CONTROL_CUT != 0);
                bytes.truncate(received.bytes);
                let shown = Shown::Received(bytes, cut, control_cut, files.len(), from);
                for file in files {
                    self.places[*to] = Some(file);
                }
                return Ok(shown);
            }
            Operation::Shutdown(place, how) => {
                let how = [Shutdown::Read, Shutdown::Write, Shutdown::Both][*how as usize];
                rustix::net::shutdown(at(place)?, how)?;
            }
            Operation::Close(place) => drop(self.places[*place].take().ok_or(Host::BADF)?),
            Operation::Copy(from, to) => {
                let copy = rustix::io::dup(at(from)?)?;
                self.places[*to] = Some(copy);
            }
            Operation::Poll(place) => {
                use rustix::event::{PollFd, PollFlags, Timespec};
                let all = PollFlags::from_bits_retain(0x3fff);
                let mut polled = [PollFd::from_borrowed_fd(at(place)?, all)];
                rustix::event::poll(&mut polled, Some(&Timespec::default()))?;
                return Ok(Shown::Number(u32::from(polled[0].revents().bits()) & POLLED));
            }
            Operation::Names(place) => {
                let own = self.named(&rustix::net::getsockname(at(place)?)?);
                let peer = match rustix::net::getpeername(at(place)?) {
                    Ok(peer) => Ok(peer.and_then(|peer| self.named(&peer))),
                    Err(error) => Err(errno(error)),
                };
                return Ok(Shown::Names(own, peer));
            }
            Operation::Option(place, option) => {
                let fd = at(place)?;
                return Ok(Shown::Number(match option {
                    3 => sockopt::socket_type(fd)?.as_raw(),
                    4 => sockopt::socket_error(fd)?.err().map_or(0, |error| error.raw_os_error() as u32),
                    _ => u32::from(sockopt::socket_acceptconn(fd)?),
                }));
            }
            Operation::PassCredentials(place, set) => sockopt::set_socket_passcred(at(place)?, *set)?,
        }
        Ok(Shown::Done)
    }
}

static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

proptest! {
    #![proptest_config(super::against_linux())]

    #[test]
    fn local_sockets_do_as_linux_does(operations in prop::collection::vec(operation(), 1..100)) {
        let run = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (mut here, mut there) =
            (Virtual { guest: guest(), places: [NOWHERE; PLACES] }, Real { places: Default::default(), run });
        for (seed, operation) in operations.iter().enumerate() {
            if operation.places().iter().any(|place| here.places[*place] == NOWHERE) {
                continue;
            }
            let (ours, linux) = (here.apply(operation, seed), there.apply(operation, seed));
            prop_assert_eq!(&ours, &linux, "operation {}: {:?} (left ours, right Linux)", seed, operation);
        }
    }
}

#[test]
fn a_run_without_room_refuses_messages_and_forgets_nothing() {
    let system = System::builder().controller_bytes(1 << 20).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let [one, other] = guest.pair(STREAM | NONBLOCK);
    guest.set_option(one, 7, &WILD.to_le_bytes()).expect("set");
    let fill = guest.text("m");
    let file = u64::from(guest.linux("memfd_create", &[fill, 0]).expect("made"));
    let (bytes, length) = guest.put(&vec![1; 1 << 20]);
    guest.linux("write", &[file, bytes, length]).expect("written");
    let (bytes, _) = guest.put(&vec![1; 100_000]);
    assert_eq!(guest.linux("sendto", &[one, bytes, 100_000, 0, 0, 0]), Err(Errno::NOMEM));
    guest.linux("ftruncate64", &[file, 0, 0]).expect("cut");
    assert_eq!(guest.linux("sendto", &[one, bytes, 100_000, 0, 0, 0]), Ok(100_000));
    assert_eq!(guest.receive(other, 200_000, 0).map(|bytes| bytes.len()), Ok(100_000));
}
