//! One end of a channel: bytes in and out, with waiting.

use crate::patience::Patience;
use crate::rings::{Peer, Rings, WaitsFor};
use crate::{ChannelError, Shared, Side};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// One end of a channel.
///
/// Every wait ends at the deadline that it is given, when the peer's end is
/// closed, and when there is something to do; a wait without a deadline may take
/// for ever.
#[derive(Debug)]
pub struct Channel {
    socket: Socket,
    shared: Option<SharedEnd>,
}

/// What there is only with shared memory.
#[derive(Debug)]
struct SharedEnd {
    rings: Rings<Shared>,
    patience: Patience,
    /// What the cell was told last, in nanoseconds.
    allowed: u64,
}

impl Channel {
    /// A channel that is only the socket.
    pub fn new(socket: impl Into<OwnedFd>, side: Side) -> Self {
        Self { socket: Socket { descriptor: socket.into(), side }, shared: None }
    }

    /// Sends all further bytes through shared memory, and expects the peer's
    /// there. Both sides must do it at the same point of their conversation.
    pub fn share(&mut self, memory: Shared) {
        let rings = Rings::new(memory, self.socket.side);
        self.shared = Some(SharedEnd { rings, patience: Patience::default(), allowed: 0 });
    }

    /// Whether bytes go through shared memory.
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The socket, to wait for its end.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.descriptor.as_fd()
    }

    /// Closes both directions, which the peer notices.
    pub fn close(&self) {
        // One that is closed already is as it should be.
        let _ = rustix::net::shutdown(&self.socket.descriptor, rustix::net::Shutdown::Both);
    }

    /// Waits until there are bytes, and reads as many as there are and fit.
    ///
    /// # Errors
    /// A [`ChannelError`] if none can come any more, or not in time.
    pub fn receive(&mut self, into: &mut [u8], deadline: Option<Instant>) -> Result<usize, ChannelError> {
        let Some(shared) = &mut self.shared else {
            return self.socket.receive(into, deadline);
        };
        // A peer that always has something to say is ended here; all other ways
        // to last are waits.
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(ChannelError::TimedOut);
        }
        let mut count = shared.rings.take(into)?;
        if count == 0 {
            shared.wait(&self.socket, WaitsFor::Bytes, deadline)?;
            count = shared.rings.take(into)?;
        }
        if shared.rings.peer(WaitsFor::Room) == Peer::MustBeWoken {
            self.socket.ring()?;
        }
        Ok(count)
    }

    /// Waits until there are bytes, or for something else: `wait` sleeps until the
    /// socket, which it is given, can be read, or until what else it waits for. It may be
    /// called again.
    ///
    /// # Errors
    /// A [`ChannelError`] if no bytes can come any more, and those of `wait`.
    pub fn wait_beside(
        &mut self,
        mut wait: impl FnMut(BorrowedFd<'_>) -> Result<Woken, ChannelError>,
    ) -> Result<Woken, ChannelError> {
        match &self.shared {
            None => wait(self.socket.descriptor.as_fd()),
            Some(shared) => shared.sleep_beside(&self.socket, wait),
        }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// A [`ChannelError`] if the peer takes no more, or not in time.
    pub fn send(&mut self, bytes: &[u8], deadline: Option<Instant>) -> Result<(), ChannelError> {
        let Some(shared) = &mut self.shared else {
            return self.socket.send(bytes, deadline);
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let count = shared.rings.put(rest)?;
            rest = &rest[count..];
            if count > 0 && shared.rings.peer(WaitsFor::Bytes) == Peer::MustBeWoken {
                self.socket.ring()?;
            }
            if !rest.is_empty() {
                shared.wait(&self.socket, WaitsFor::Room, deadline)?;
            }
        }
        Ok(())
    }
}

impl SharedEnd {
    /// Whether there is what is waited for, or what the peer did wrong.
    fn is_there(&self, what: WaitsFor) -> Option<Result<(), ChannelError>> {
        let count = match what {
            WaitsFor::Bytes => self.rings.available(),
            WaitsFor::Room => self.rings.room(),
        };
        match count {
            Ok(0) => None,
            Ok(_) => Some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    }

    /// How long to look before this side sleeps.
    fn patience(&mut self) -> Duration {
        match self.rings.side() {
            Side::Cell => self.patience.for_cell(Duration::from_nanos(self.rings.patience())),
            Side::Controller => {
                let allowance = Patience::allowance();
                // Far below what 64 bits hold.
                let allowed = allowance.as_nanos() as u64;
                if allowed != self.allowed {
                    self.allowed = allowed;
                    self.rings.set_patience(allowed);
                }
                self.patience.for_controller()
            }
        }
    }

    /// Looks, then sleeps, until there is what is waited for.
    fn wait(
        &mut self,
        socket: &Socket,
        what: WaitsFor,
        deadline: Option<Instant>,
    ) -> Result<(), ChannelError> {
        let begun = Instant::now();
        let longest = self.patience();
        let found = match Patience::look(begun, longest, || self.is_there(what)) {
            Some(found) => found,
            None => self.sleep(socket, what, deadline),
        };
        self.patience.learn(begun.elapsed());
        found
    }

    fn sleep(&self, socket: &Socket, what: WaitsFor, deadline: Option<Instant>) -> Result<(), ChannelError> {
        loop {
            self.rings.falls_asleep(what);
            // Once more, for it may have come before the peer knew that this side
            // sleeps.
            if let Some(found) = self.is_there(what) {
                self.rings.wakes();
                return found;
            }
            // A byte on the socket only says: look again. What it is, and how
            // many there are, means nothing.
            let rung = socket.receive(&mut [0; 64], deadline);
            self.rings.wakes();
            if let Some(found) = self.is_there(what) {
                // Also when the peer has left meanwhile: it said something before.
                return found;
            }
            rung?;
        }
    }
}

impl SharedEnd {
    /// As [`sleep`](Self::sleep), for bytes, by `wait`.
    fn sleep_beside(
        &self,
        socket: &Socket,
        mut wait: impl FnMut(BorrowedFd<'_>) -> Result<Woken, ChannelError>,
    ) -> Result<Woken, ChannelError> {
        loop {
            self.rings.falls_asleep(WaitsFor::Bytes);
            if let Some(found) = self.is_there(WaitsFor::Bytes) {
                self.rings.wakes();
                return found.map(|()| Woken::Bytes);
            }
            let woken = wait(socket.descriptor.as_fd());
            self.rings.wakes();
            if let Some(found) = self.is_there(WaitsFor::Bytes) {
                return found.map(|()| Woken::Bytes);
            }
            match woken? {
                Woken::Otherwise => return Ok(Woken::Otherwise),
                // There is something to be taken off the socket, or its end. Or not: a byte
                // out of band is ready to be read, and is not read.
                Woken::Bytes => socket.take_rings()?,
            }
        }
    }
}

/// What ended a wait for two things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// There are bytes, or the end of them.
    Bytes,
    /// The other thing.
    Otherwise,
}

/// The socket of one end.
///
/// A cell uses nothing but reads and writes that wait, which is all that its
/// system call filter needs to allow; it ignores SIGPIPE, as Rust programs do, and
/// gives no deadlines. A controller is a part of somebody's program, and must not
/// count on either.
#[derive(Debug)]
struct Socket {
    descriptor: OwnedFd,
    side: Side,
}

impl Socket {
    /// Waits for bytes and reads them.
    fn receive(&self, into: &mut [u8], deadline: Option<Instant>) -> Result<usize, ChannelError> {
        loop {
            let received = match (self.side, deadline) {
                (Side::Cell, None) => rustix::io::read(&self.descriptor, &mut *into),
                (_, None) => recv(&self.descriptor, &mut *into, RecvFlags::empty()).map(|(count, _)| count),
                (_, Some(_)) => {
                    self.wait_until(PollFlags::IN, deadline)?;
                    recv(&self.descriptor, &mut *into, RecvFlags::DONTWAIT).map(|(count, _)| count)
                }
            };
            match received {
                Ok(0) => return Err(ChannelError::Closed),
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn send(&self, bytes: &[u8], deadline: Option<Instant>) -> Result<(), ChannelError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = match (self.side, deadline) {
                (Side::Cell, None) => rustix::io::write(&self.descriptor, rest),
                (_, None) => send(&self.descriptor, rest, SendFlags::NOSIGNAL),
                (_, Some(_)) => send(&self.descriptor, rest, SendFlags::NOSIGNAL | SendFlags::DONTWAIT),
            };
            match sent {
                Ok(count) => rest = &rest[count..],
                Err(Errno::AGAIN) => self.wait_until(PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Wakes a peer that sleeps on its end.
    fn ring(&self) -> Result<(), ChannelError> {
        let rung = match self.side {
            // It waits only if the controller does not read for long, whom it
            // would have to wait for anyway.
            Side::Cell => rustix::io::write(&self.descriptor, &[0]),
            Side::Controller => send(&self.descriptor, &[0], SendFlags::NOSIGNAL | SendFlags::DONTWAIT),
        };
        match rung {
            // A socket that is full rings already. A peer that is gone has
            // perhaps left something to be read first.
            Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes what there is of rings off a controller's socket, and never waits.
    fn take_rings(&self) -> Result<(), ChannelError> {
        match recv(&self.descriptor, &mut [0; 64], RecvFlags::DONTWAIT) {
            Ok((0, _)) => Err(ChannelError::Closed),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Waits until the socket is ready, or its peer is gone.
    fn wait_until(&self, what: PollFlags, deadline: Option<Instant>) -> Result<(), ChannelError> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(ChannelError::TimedOut);
            }
            // A time too long for the kernel is as good as none.
            let timeout = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&self.descriptor, what)], timeout.as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
