//! Handing the shared memory over: with the first bytes on the socket, before the
//! peer's process has even started.

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

/// Sends `message` with the descriptor of shared memory.
///
/// # Errors
/// When the socket takes no descriptors, or not the whole message.
pub fn offer(socket: impl AsFd, message: &[u8], memory: &OwnedFd) -> std::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [memory.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let sent = sendmsg(socket, &[IoSlice::new(message)], &mut ancillary, SendFlags::NOSIGNAL)?;
    // A few bytes on a fresh socket always fit.
    if sent == message.len() { Ok(()) } else { Err(std::io::ErrorKind::WriteZero.into()) }
}

/// Takes what was sent by [`offer`], if anything has come until now: the message
/// into `message`, of which the length is returned, and the descriptor.
///
/// # Errors
/// When the socket fails.
pub fn take_offer(socket: impl AsFd, message: &mut [u8]) -> std::io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = match recvmsg(socket, &mut [IoSliceMut::new(message)], &mut ancillary, flags) {
        Ok(received) => received.bytes,
        Err(Errno::AGAIN) => return Ok((0, None)),
        Err(errno) => return Err(errno.into()),
    };
    let mut memory = None;
    for part in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = part {
            // Those beyond the last are closed here.
            memory = descriptors.last();
        }
    }
    Ok((received, memory))
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
        let (count, memory) = take_offer(&theirs, &mut message).expect("a look");
        assert!(count == 0 && memory.is_none(), "nothing was offered");
        let (_, memory) = Shared::create().expect("shared memory");
        offer(&ours, b"take it", &memory).expect("an offer");
        let (count, memory) = take_offer(&theirs, &mut message).expect("a look");
        assert_eq!(&message[..count], b"take it");
        Shared::open(&memory.expect("a descriptor")).expect("the memory");
    }
}
