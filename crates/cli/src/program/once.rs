//! A program that can be read only once: it comes by a pipe, from a terminal, or from a
//! file that has no name any more.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Bytes that such a program may have.
// BOUND: all of it is held in memory, and a device or a careless writer has no end.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// The time that a run has, reading its program included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    pub(crate) begun: Instant,
    pub(crate) timeout: Option<Duration>,
}

/// Why it was not read.
#[derive(Debug)]
pub(super) enum Unread {
    TooLong,
    /// The time was over, and not all had come.
    Late(Duration),
    Failed(io::Error),
}

/// Reads all that comes of a file that was opened not to block.
pub(super) fn read(file: &File, time: Time) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    loop {
        let left = match time.timeout {
            Some(timeout) => match timeout.checked_sub(time.begun.elapsed()) {
                Some(left) => Timespec::try_from(left).ok(),
                None => return Err(Unread::Late(timeout)),
            },
            // Whoever started this may end it.
            None => None,
        };
        match poll(&mut [PollFd::new(file, PollFlags::IN)], left.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(Unread::Failed(error.into())),
        }
        // One byte more than there may be, so that what is longer is seen to be.
        let room = (MOST_BYTES + 1).saturating_sub(bytes.len() as u64);
        match Read::take(file, room).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > MOST_BYTES => return Err(Unread::TooLong),
            Ok(_) => return Ok(bytes),
            // What has come so far is kept.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(Unread::Failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    fn now(timeout: Option<Duration>) -> Time {
        Time { begun: Instant::now(), timeout }
    }

    #[test]
    fn it_has_an_end_of_size_and_of_time() {
        let endless = File::open("/dev/zero").expect("the device");
        assert!(matches!(read(&endless, now(None)), Err(Unread::TooLong)));
        let (silent, _writer) = io::pipe().expect("a pipe");
        let silent = File::from(OwnedFd::from(silent));
        let short = Duration::from_millis(20);
        assert!(matches!(read(&silent, now(Some(short))), Err(Unread::Late(late)) if late == short));
        let nothing = File::open("/dev/null").expect("the device");
        assert_eq!(read(&nothing, now(None)).expect("read"), b"");
    }
}
