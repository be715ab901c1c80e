//! Sending.

use super::message::{Message, Outgoing, Passed, cost};
use super::state::{Core, RECEIVING, Role, SENDING};
use super::{LocalSocket, SocketKind};
use crate::object::Interest;
use crate::wait::{Readiness, retry_until};
use crate::{Errno, Fault, Waiter};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of a stream that are one message at most: as Linux cuts them.
const PART: usize = 48_832;

/// What a message may be shorter than its buffer at least.
const LESS_THAN_BUFFER: usize = 32;

impl LocalSocket {
    /// Sends bytes, or one message, and says how much.
    ///
    /// # Errors
    /// ENOTCONN, EISCONN and EOPNOTSUPP of an address, EPIPE, ECONNREFUSED, EMSGSIZE,
    /// ETOOMANYREFS, ENOMEM; EAGAIN where it does not wait.
    pub(crate) fn send(&self, outgoing: Outgoing<'_>, waiter: &Waiter) -> Result<usize, Fault> {
        match self.core.kind {
            // An urgent byte has to be one.
            SocketKind::Stream if outgoing.is_urgent && outgoing.bytes.is_empty() => {
                Err(Errno::NOTSUP.into())
            }
            SocketKind::Stream => self.send_stream(outgoing, waiter),
            SocketKind::Datagram | SocketKind::Packet => self.send_message(outgoing, waiter),
        }
    }

    fn send_stream(&self, outgoing: Outgoing<'_>, waiter: &Waiter) -> Result<usize, Fault> {
        let Outgoing { bytes, to, files, blocking, is_urgent } = outgoing;
        let is_connected = matches!(self.core.lock().role, Role::Connected { .. });
        match (to.is_some(), is_connected) {
            (true, true) => return Err(Errno::ISCONN.into()),
            (true, false) => return Err(Errno::NOTSUP.into()),
            (false, false) => return Err(Errno::NOTCONN.into()),
            (false, true) => {}
        }
        if self.core.lock().shut[SENDING] {
            return Err(Errno::PIPE.into());
        }
        let mut passed = match files.is_empty() {
            true => None,
            false => Some(Passed::new(files, &self.core.hub)?),
        };
        let mut done = 0;
        let urgent = if is_urgent { bytes.len() - 1 } else { bytes.len() };
        while done < bytes.len() {
            let (part, is_urgent) = match done < urgent {
                true => (&bytes[done..urgent], false),
                false => (&bytes[urgent..], true),
            };
            let attempt = || self.send_part(part, is_urgent, &mut passed);
            let limit = self.limit(Interest::Write);
            let look = |interest| crate::object::Object::readiness(self, interest, 0);
            match retry_until(blocking, Interest::Write, waiter, limit, attempt, look) {
                Ok(count) => done += count,
                Err(Fault::Errno(_)) if done > 0 => break,
                Err(fault) => return Err(fault),
            }
        }
        Ok(done)
    }

    /// Sends the first part of a stream.
    fn send_part(&self, bytes: &[u8], is_urgent: bool, passed: &mut Option<Passed>) -> Result<usize, Errno> {
        let core = &self.core;
        let send_buffer = self.may_send()?;
        let peer = core.peer().ok_or(Errno::PIPE)?;
        if core.sent.load(Ordering::Relaxed) >= send_buffer {
            return Err(Errno::AGAIN);
        }
        let count = bytes.len().min(PART).min((send_buffer / 2).saturating_sub(64));
        self.put(&peer, &bytes[..count], is_urgent, passed)?;
        Ok(count)
    }

    /// Bytes of its buffer, if it may send.
    fn may_send(&self) -> Result<usize, Errno> {
        let mut state = self.core.lock();
        if state.shut[SENDING] && self.core.kind == SocketKind::Stream {
            return Err(Errno::PIPE);
        }
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        if state.shut[SENDING] {
            return Err(Errno::PIPE);
        }
        Ok(state.options.send_buffer as usize)
    }

    /// Puts a message into the queue of another.
    fn put(
        &self,
        peer: &Arc<Core>,
        bytes: &[u8],
        is_urgent: bool,
        passed: &mut Option<Passed>,
    ) -> Result<(), Errno> {
        let core = &self.core;
        let cost = cost(bytes.len());
        let charge = core.meter.hold(cost as u64)?;
        let from = Arc::clone(&core.name);
        let mut state = peer.lock();
        if state.shut[RECEIVING] {
            return Err(Errno::PIPE);
        }
        if is_urgent {
            // One that was not read by then is a byte like the others.
            state.queue.iter_mut().for_each(|message| message.is_urgent = false);
        }
        core.sent.fetch_add(cost, Ordering::Relaxed);
        // BOUND: what may be kept for the guest.
        state.queue.push_back(Message {
            bytes: bytes.to_vec(),
            start: 0,
            passed: passed.take(),
            is_urgent,
            from,
            credentials: core.own,
            sender: Arc::downgrade(core),
            _charge: charge,
        });
        drop(state);
        peer.readable.wake();
        Ok(())
    }

    fn send_message(&self, outgoing: Outgoing<'_>, waiter: &Waiter) -> Result<usize, Fault> {
        let Outgoing { bytes, to, files, blocking, is_urgent } = outgoing;
        if self.core.kind == SocketKind::Packet {
            let mut state = self.core.lock();
            if let Some(error) = state.error.take() {
                return Err(error.into());
            }
            if !matches!(state.role, Role::Connected { .. }) {
                return Err(Errno::NOTCONN.into());
            }
        }
        if is_urgent {
            return Err(Errno::NOTSUP.into());
        }
        self.bind_to_pass_credentials()?;
        // Between two, an address means nothing.
        let to = to.filter(|_| self.core.kind == SocketKind::Datagram);
        let most = (self.core.lock().options.send_buffer as usize).saturating_sub(LESS_THAN_BUFFER);
        if bytes.len() > most {
            return Err(Errno::MSGSIZE.into());
        }
        let mut passed = match files.is_empty() {
            true => None,
            false => Some(Passed::new(files, &self.core.hub)?),
        };
        let attempt = || {
            let send_buffer = self.may_send()?;
            if self.core.sent.load(Ordering::Relaxed) >= send_buffer {
                return Err(Errno::AGAIN);
            }
            let peer = self.receiver(to)?;
            if !self.has_room(&peer) {
                return Err(Errno::AGAIN);
            }
            self.put(&peer, bytes, false, &mut passed)
        };
        let look = |_| {
            let core = &self.core;
            let own = core.writable.listen();
            if core.sent.load(Ordering::Relaxed) >= core.lock().options.send_buffer as usize {
                return Ok(Readiness::When(own));
            }
            let Ok(peer) = self.receiver(to) else { return Ok(Readiness::Now { bytes: 1, hangup: true }) };
            let room = peer.room.listen();
            let now = Readiness::Now { bytes: 1, hangup: false };
            Ok(if self.has_room(&peer) { now } else { Readiness::When(room) })
        };
        retry_until(blocking, Interest::Write, waiter, self.limit(Interest::Write), attempt, look)?;
        Ok(bytes.len())
    }

    /// Whether another takes one more message: one that hears others too takes only some.
    fn has_room(&self, peer: &Arc<Core>) -> bool {
        let is_back = || peer.peer().is_some_and(|back| Arc::ptr_eq(&back, &self.core));
        !peer.is_full() || Arc::ptr_eq(peer, &self.core) || is_back() || peer.lock().shut[RECEIVING]
    }

    /// To whom a message goes.
    fn receiver(&self, to: Option<&super::Address>) -> Result<Arc<Core>, Errno> {
        if let Some(to) = to {
            return self.find_to_send(to);
        }
        if !matches!(self.core.lock().role, Role::Connected { .. }) {
            return Err(Errno::NOTCONN);
        }
        match self.core.peer() {
            Some(peer) => Ok(peer),
            None if self.core.kind == SocketKind::Packet => Err(Errno::PIPE),
            // Who was there is gone, and it is connected to none any more.
            None => {
                self.disconnect();
                Err(Errno::CONNREFUSED)
            }
        }
    }
}
