//! Descriptors that go over the socket with the bytes of a message: the shared
//! memory, with the first bytes, before the peer's process has even started; and
//! what a cell has that is forked.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The most that go with one message.
const DESCRIPTORS: usize = 2;

/// Sends `message` with these descriptors.
///
/// # Errors
/// When there are more than two, or the socket takes none, or not the whole message.
pub fn send_descriptors(
    socket: impl AsFd,
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> std::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    // The kernel's own rounding may leave room for more.
    if descriptors.len() > DESCRIPTORS || !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let sent = sendmsg(socket, &[IoSlice::new(message)], &mut ancillary, SendFlags::NOSIGNAL)?;
    // A few bytes on a socket that nothing else waits in always fit.
    if sent == message.len() { Ok(()) } else { Err(std::io::ErrorKind::WriteZero.into()) }
}

/// Takes what was sent by [`send_descriptors`], if anything has come until now: the
/// message into `message`, of which the length is returned, and the descriptors.
///
/// # Errors
/// When the socket fails.
pub fn take_descriptors(socket: impl AsFd, message: &mut [u8]) -> std::io::Result<(usize, Vec<OwnedFd>)> {
    match take(socket, message) {
        Err(Errno::AGAIN) => Ok((0, Vec::new())),
        taken => Ok(taken?),
    }
}

/// Waits for what [`take_descriptors`] takes. The length is 0 when the peer has
/// closed its end.
///
/// # Errors
/// When the socket fails.
pub fn wait_for_descriptors(socket: impl AsFd, message: &mut [u8]) -> std::io::Result<(usize, Vec<OwnedFd>)> {
    loop {
        match take(&socket, message) {
            Err(Errno::AGAIN) => {}
            taken => return Ok(taken?),
        }
        match poll(&mut [PollFd::new(&socket, PollFlags::IN)], None::<&Timespec>) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn take(socket: impl AsFd, message: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(message)], &mut ancillary, flags)?;
    let mut descriptors = Vec::new();
    for part in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(some) = part {
            descriptors.extend(some);
        }
    }
    Ok((received.bytes, descriptors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shared;
    use std::os::unix::net::UnixStream;

    #[test]
    fn an_offer_is_there_before_anybody_looks() {
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        let mut message = [0; 16];
        let (count, taken) = take_descriptors(&theirs, &mut message).expect("a look");
        assert!(count == 0 && taken.is_empty(), "nothing was offered");
        let (_, memory) = Shared::create().expect("shared memory");
        send_descriptors(&ours, b"take it", &[memory.as_fd()]).expect("an offer");
        let (count, mut taken) = take_descriptors(&theirs, &mut message).expect("a look");
        assert_eq!(&message[..count], b"take it");
        Shared::open(&taken.pop().expect("a descriptor")).expect("the memory");
    }

    #[test]
    fn what_is_waited_for_comes_with_all_its_descriptors_or_the_end() {
        let (ours, theirs) = UnixStream::pair().expect("a socket");
        let (reading, writing) = rustix::pipe::pipe().expect("a pipe");
        send_descriptors(&ours, b"two", &[reading.as_fd(), writing.as_fd()]).expect("room");
        let mut message = [0; 16];
        let (count, taken) = wait_for_descriptors(&theirs, &mut message).expect("a message");
        assert_eq!((count, taken.len()), (3, 2));
        let three = [reading.as_fd(), writing.as_fd(), reading.as_fd()];
        assert!(send_descriptors(&ours, b"three", &three).is_err());
        drop(ours);
        assert_eq!(wait_for_descriptors(&theirs, &mut message).expect("an end").0, 0);
    }
}
