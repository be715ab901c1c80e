//! Who sent what comes over the socket, as the kernel says.

use crate::ChannelError;
use rustix::process::Pid;
use std::os::fd::AsFd;
use std::time::Instant;

#[cfg(target_os = "linux")]
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::sockopt::set_socket_passcred,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};
#[cfg(target_os = "linux")]
use std::{io::IoSliceMut, mem::MaybeUninit};

/// Has the kernel tell from now on which process has sent what comes over this socket.
///
/// # Errors
/// When the socket cannot tell.
#[cfg(target_os = "linux")]
pub fn tell_senders(socket: impl AsFd) -> std::io::Result<()> {
    Ok(set_socket_passcred(socket, true)?)
}

/// Waits until something has come, and takes what one process has sent of it, as much
/// as fits; with the number of that process, which may have ended since.
///
/// # Errors
/// A [`ChannelError`] if nothing can come any more, or not in time.
#[cfg(target_os = "linux")]
pub fn receive_from(
    socket: impl AsFd,
    into: &mut [u8],
    deadline: Instant,
) -> Result<(usize, Option<Pid>), ChannelError> {
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1), ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        match recvmsg(&socket, &mut [IoSliceMut::new(into)], &mut ancillary, flags) {
            Ok(received) if received.bytes == 0 => return Err(ChannelError::Closed),
            Ok(received) => {
                // Descriptors that nobody asked for are closed here.
                let senders = ancillary.drain().filter_map(|part| match part {
                    RecvAncillaryMessage::ScmCredentials(sender) => Some(sender.pid),
                    _ => None,
                });
                return Ok((received.bytes, senders.last()));
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ChannelError::TimedOut);
        }
        // A time too long for the kernel is as good as none.
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&socket, PollFlags::IN)], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Has the kernel tell who has sent what: other systems than Linux do not.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn tell_senders(_socket: impl AsFd) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Takes what one process has sent: other systems than Linux do not tell them apart.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn receive_from(
    _socket: impl AsFd,
    _into: &mut [u8],
    _deadline: Instant,
) -> Result<(usize, Option<Pid>), ChannelError> {
    Err(ChannelError::Stream { reason: "this system does not tell who sent it".to_owned() })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    #[test]
    fn each_message_comes_with_the_process_that_sent_it() {
        let (ours, mut theirs) = UnixStream::pair().expect("a socket");
        tell_senders(&ours).expect("it tells");
        theirs.write_all(b"own").expect("room");
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut message = [0; 16];
        let received = receive_from(&ours, &mut message, deadline).expect("a message");
        assert_eq!(received, (3, Some(rustix::process::getpid())));
        theirs.write_all(b"again").expect("room");
        let mut child = Command::new("echo")
            .arg("other")
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .expect("a process");
        child.wait().expect("its end");
        // Apart, although both are there.
        assert_eq!(receive_from(&ours, &mut message, deadline).expect("a message").0, 5);
        let received = receive_from(&ours, &mut message, deadline).expect("a message");
        assert_eq!(received, (6, Some(Pid::from_child(&child))));
        assert_eq!(receive_from(&ours, &mut message, deadline), Err(ChannelError::Closed));
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let (ours, _theirs) = UnixStream::pair().expect("a socket");
        let deadline = Instant::now() + Duration::from_millis(20);
        assert_eq!(receive_from(&ours, &mut [0; 4], deadline), Err(ChannelError::TimedOut));
    }
}
