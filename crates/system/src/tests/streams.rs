//! Standard input, output and error.

use super::fake::{FakeGuest, RESULT};
use crate::{Capture, Ending, Errno, Input, LimitKind, Output, Stop, System, Waiter};
use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(30);

fn with_input(input: Input) -> FakeGuest {
    FakeGuest::new(System::builder().stdin(input).build().expect("a system"))
}

fn with_output(output: Output) -> FakeGuest {
    FakeGuest::new(System::builder().stdout(output).build().expect("a system"))
}

/// The outcome of writing `length` bytes to standard output.
fn write(guest: &mut FakeGuest, length: u32) -> Result<crate::Answer, Ending> {
    let (iovec, _) = guest.put(&[100_000u32.to_le_bytes(), length.to_le_bytes()].concat());
    guest.call("fd_write", &[1, iovec, 1, u64::from(RESULT)])
}

/// The outcome of reading up to 100 bytes from standard input.
fn read(guest: &mut FakeGuest) -> Result<crate::Answer, Ending> {
    let (iovec, _) = guest.put(&[100_000u32.to_le_bytes(), 100u32.to_le_bytes()].concat());
    guest.call("fd_read", &[0, iovec, 1, u64::from(RESULT)])
}

#[test]
fn input_comes_from_where_it_is_said() {
    assert_eq!(with_input(Input::Empty).read(0, 10), Ok(vec![]));
    let mut guest = with_input(Input::Bytes(b"some bytes".to_vec()));
    assert_eq!(guest.read(0, 4), Ok(b"some".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(b" bytes".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
    let mut guest = with_input(Input::Reader(Box::new(&b"from a reader"[..])));
    assert_eq!(guest.read(0, 4), Ok(b"from".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(b" a reader".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(b"from a file").expect("written");
    std::io::Seek::rewind(&mut file).expect("sought");
    let mut guest = with_input(Input::Descriptor(file.into()));
    assert_eq!(guest.read(0, 100), Ok(b"from a file".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
}

#[test]
fn a_reader_is_asked_for_no_more_than_the_guest_wants() {
    struct Counting(std::sync::mpsc::Sender<usize>);
    impl Read for Counting {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0.send(into.len()).expect("the test listens");
            into.fill(b'x');
            Ok(into.len())
        }
    }
    let (sender, asked) = channel();
    let mut guest = with_input(Input::Reader(Box::new(Counting(sender))));
    assert!(asked.try_recv().is_err());
    assert_eq!(guest.read(0, 10), Ok(vec![b'x'; 10]));
    assert_eq!(asked.recv(), Ok(10));
    std::thread::sleep(SOON);
    assert!(asked.try_recv().is_err());
    assert_eq!(guest.read(0, 1_000_000).map(|bytes| bytes.len()), Ok(64 << 10));
}

#[test]
fn a_blocked_read_ends_with_the_run() {
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    struct Blocked(std::sync::mpsc::Receiver<()>);
    impl Read for Blocked {
        fn read(&mut self, _into: &mut [u8]) -> std::io::Result<usize> {
            Ok(self.0.recv().map_or(0, |()| 0))
        }
    }
    let (_sender, receiver) = channel();
    for input in [Input::Descriptor(reader.into()), Input::Reader(Box::new(Blocked(receiver)))] {
        let mut guest = with_input(input);
        guest.waiter.interrupt();
        assert_eq!(guest.read(0, 10), Err(Errno::INTR));
        guest.waiter = Waiter::new(Some(Instant::now() + SOON)).expect("a waiter");
        let start = Instant::now();
        assert_eq!(read(&mut guest), Err(Ending::Stop(Stop::Deadline)));
        assert!(start.elapsed() < Duration::from_secs(20));
        guest.waiter = Waiter::new(None).expect("a waiter");
        guest.waiter.kill();
        assert_eq!(read(&mut guest), Err(Ending::Stop(Stop::Killed)));
    }
}

#[test]
fn a_nonblocking_read_does_not_wait() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut guest = with_input(Input::Descriptor(reader.into()));
    guest.wasi("fd_fdstat_set_flags", &[0, 4]).expect("set");
    assert_eq!(guest.read(0, 10), Err(Errno::AGAIN));
    (&writer).write_all(b"now").expect("written");
    assert_eq!(guest.read(0, 10), Ok(b"now".to_vec()));
}

#[test]
fn what_was_being_read_when_interrupted_is_not_lost() {
    struct Late(std::sync::mpsc::Receiver<Vec<u8>>);
    impl Read for Late {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let bytes = self.0.recv().unwrap_or_default();
            into[..bytes.len()].copy_from_slice(&bytes);
            Ok(bytes.len())
        }
    }
    let (sender, receiver) = channel();
    let mut guest = with_input(Input::Reader(Box::new(Late(receiver))));
    guest.waiter.interrupt();
    assert_eq!(guest.read(0, 10), Err(Errno::INTR));
    sender.send(b"late".to_vec()).expect("sent");
    assert_eq!(guest.read(0, 2), Ok(b"la".to_vec()));
    assert_eq!(guest.read(0, 9), Ok(b"te".to_vec()));
}

#[test]
fn output_goes_where_it_is_said() {
    let capture = Capture::new();
    let mut guest = with_output(Output::Capture(capture.clone()));
    assert_eq!(guest.write(1, b"captured"), Ok(8));
    assert_eq!(guest.write(2, b"discarded"), Ok(9));
    assert_eq!(capture.bytes(), b"captured");
    assert_eq!(guest.system.output_bytes(), 17);
    let (sender, written) = channel();
    struct Sending(std::sync::mpsc::Sender<Vec<u8>>);
    impl Write for Sending {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut guest = with_output(Output::Writer(Box::new(Sending(sender))));
    assert_eq!(guest.write(1, b"one"), Ok(3));
    // It is written when the call returns.
    assert_eq!(written.try_recv(), Ok(b"one".to_vec()));
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut guest = with_output(Output::Descriptor(writer.into()));
    assert_eq!(guest.write(1, &[b'x'; 20_000]), Ok(20_000));
    drop(guest);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("read");
    assert_eq!(bytes.len(), 20_000);
}

#[test]
fn the_output_limit_is_met_to_the_byte() {
    let (out, err) = (Capture::new(), Capture::new());
    let system = System::builder()
        .stdout(Output::Capture(out.clone()))
        .stderr(Output::Capture(err.clone()))
        .output_limit(100)
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    assert_eq!(guest.write(2, &[b'e'; 40]), Ok(40));
    assert_eq!(guest.write(1, &[b'o'; 60]), Ok(60));
    assert_eq!(guest.write(1, b""), Ok(0));
    assert_eq!(write(&mut guest, 1), Err(Ending::Stop(Stop::Limit(LimitKind::Output.at(100)))));
    assert_eq!((out.take().len(), err.take().len()), (60, 40));
    let capture = Capture::new();
    let system = System::builder()
        .stdout(Output::Capture(capture.clone()))
        .output_limit(100)
        .build()
        .expect("a system");
    let mut guest = FakeGuest::new(system);
    assert_eq!(write(&mut guest, 500), Err(Ending::Stop(Stop::Limit(LimitKind::Output.at(100)))));
    assert_eq!(capture.bytes().len(), 100);
}

#[test]
fn a_broken_pipe_is_told_to_the_guest() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(with_output(Output::Descriptor(writer.into())).write(1, b"x"), Err(Errno::PIPE));
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert_eq!(with_output(Output::Writer(Box::new(Broken))).write(1, b"x"), Err(Errno::PIPE));
}

#[test]
fn a_slow_output_does_not_outlive_the_run() {
    let (_reader, writer) = std::io::pipe().expect("a pipe");
    struct Stuck(std::sync::mpsc::Receiver<()>);
    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_sender, receiver) = channel();
    for output in [Output::Descriptor(writer.into()), Output::Writer(Box::new(Stuck(receiver)))] {
        let mut guest = with_output(output);
        guest.waiter = Waiter::new(Some(Instant::now() + SOON)).expect("a waiter");
        let start = Instant::now();
        assert_eq!(write(&mut guest, 900_000), Err(Ending::Stop(Stop::Deadline)));
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_user_whose_reader_panics_gets_an_error_not_a_hang() {
    struct Panicking;
    impl Read for Panicking {
        fn read(&mut self, _into: &mut [u8]) -> std::io::Result<usize> {
            panic!("the user's reader fails");
        }
    }
    let mut guest = with_input(Input::Reader(Box::new(Panicking)));
    assert_eq!(guest.read(0, 10), Err(Errno::IO));
    assert_eq!(guest.read(0, 10), Err(Errno::IO));
}

#[test]
fn rows_of_the_stream_calls() {
    // fd_read and fd_write are made by name above.
    let mut guest = with_input(Input::Empty);
    assert!(guest.call("fd_read", &[0, 0, 0, 64]).is_ok());
    assert!(guest.call("fd_write", &[1, 0, 0, 64]).is_ok());
}
