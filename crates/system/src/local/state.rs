//! A socket: what it is connected to, and what it waits for.

use super::hub::Hub;
use super::message::{Address, Message};
use super::options::{Credentials, Options};
use super::{Name, Plate, SocketKind};
use crate::files::{FileType, Metadata};
use crate::meter::{Charge, Meter};
use crate::object::{Blocking, Interest, Object, STREAMS_DEVICE, Taking, Transfer, Ways};
use crate::poll::{Look, Polled, events};
use crate::rights::Rights;
use crate::wait::{Readiness, WaitQueue, retry_until};
use crate::{Errno, Fault, Waiter};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// Bytes that a socket takes beside what is sent to it.
const SOCKET_BYTES: u64 = 1024;

/// Messages that may lie in the queue of one that is not connected to who sends: Linux's
/// default.
const MESSAGES: usize = 10;

/// Connections that may wait to be accepted: Linux's SOMAXCONN.
const CONNECTIONS: u32 = 4096;

/// A local socket, as a descriptor holds it.
pub struct LocalSocket {
    pub(super) core: Arc<Core>,
}

/// What others know of a socket too.
pub(super) struct Core {
    pub serial: u64,
    pub kind: SocketKind,
    pub hub: Arc<Hub>,
    pub meter: Arc<Meter>,
    pub own: Credentials,
    pub name: Plate,
    /// Woken when there may be something to receive; when there may be room to send; and,
    /// for those that send to it, when there is room in its queue.
    pub readable: WaitQueue,
    pub writable: WaitQueue,
    pub room: WaitQueue,
    /// What of that which it sent lies in queues.
    pub sent: AtomicUsize,
    state: Mutex<State>,
    _charge: Charge,
}

pub(super) struct State {
    pub role: Role,
    pub queue: VecDeque<Message>,
    /// The file to which it is bound.
    pub file: Option<(u64, u64)>,
    /// Whether the name is its own, and not that of the one that listened.
    pub is_bound: bool,
    pub peer_credentials: Credentials,
    /// Whether it receives no more, and sends no more.
    pub shut: [bool; 2],
    pub error: Option<Errno>,
    pub options: Options,
}

/// Where in [`State::shut`].
pub(super) const RECEIVING: usize = 0;
pub(super) const SENDING: usize = 1;

pub(super) enum Role {
    Unconnected,
    Connected {
        peer: Weak<Core>,
        name: Plate,
    },
    Listening {
        /// Ends of connections that were not accepted yet.
        waiting: VecDeque<Arc<Core>>,
        most: usize,
    },
    Closed,
}

/// What a new socket takes from its run.
#[derive(Clone)]
pub(crate) struct Origin {
    pub hub: Arc<Hub>,
    pub meter: Arc<Meter>,
    pub credentials: Credentials,
}

impl Core {
    fn new(origin: &Origin, kind: SocketKind, serial: u64) -> Result<Arc<Self>, Errno> {
        let _charge = origin.meter.hold(SOCKET_BYTES)?;
        let state = State {
            role: Role::Unconnected,
            queue: VecDeque::new(),
            file: None,
            is_bound: false,
            peer_credentials: Credentials::NOBODY,
            shut: [false; 2],
            error: None,
            options: Options::default(),
        };
        let core = Arc::new(Self {
            serial,
            kind,
            hub: Arc::clone(&origin.hub),
            meter: Arc::clone(&origin.meter),
            own: origin.credentials,
            name: Plate::default(),
            readable: WaitQueue::within(),
            writable: WaitQueue::within(),
            room: WaitQueue::within(),
            sent: AtomicUsize::new(0),
            state: Mutex::new(state),
            _charge,
        });
        origin.hub.add(&core);
        Ok(core)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that it is connected to.
    pub(super) fn peer(&self) -> Option<Arc<Self>> {
        match &self.lock().role {
            Role::Connected { peer, .. } => peer.upgrade(),
            _ => None,
        }
    }

    /// What it is to be connected to this one.
    fn as_peer(self: &Arc<Self>) -> Role {
        Role::Connected { peer: Arc::downgrade(self), name: Arc::clone(&self.name) }
    }

    /// What it sent has been received, or was lost.
    pub(super) fn received(&self, cost: usize) {
        self.sent.fetch_sub(cost, Ordering::Relaxed);
        self.wake_if_writable();
    }

    pub(super) fn wake_if_writable(&self) {
        let send_buffer = self.lock().options.send_buffer;
        if self.is_writable(send_buffer) {
            self.writable.wake();
        }
    }

    fn wake_all(&self) {
        for queue in [&self.readable, &self.writable, &self.room] {
            queue.wake();
        }
    }

    /// Takes out all that lies in its queue.
    pub(super) fn empty(&self) -> VecDeque<Message> {
        std::mem::take(&mut self.lock().queue)
    }

    /// The other end is gone, and with it what this one had sent, if `error` says so.
    fn lose_peer(&self, error: Option<Errno>) {
        let mut state = self.lock();
        state.shut = [true; 2];
        state.error = error.or(state.error);
        drop(state);
        self.wake_all();
    }

    /// Nobody has it any more.
    fn close(&self) {
        let mut state = self.lock();
        let role = std::mem::replace(&mut state.role, Role::Closed);
        let queue = std::mem::take(&mut state.queue);
        let name = self.name.get().filter(|_| state.is_bound).map(|name| (name, state.file));
        state.shut = [true; 2];
        drop(state);
        if let Some((name, file)) = name {
            self.hub.forget(self.kind, name, file);
        }
        match role {
            Role::Connected { peer, .. } if self.kind.is_connected() => {
                if let Some(peer) = peer.upgrade() {
                    // A message without bytes that comes first is no loss to Linux.
                    let skipped = usize::from(queue.front().is_some_and(|first| first.rest().is_empty()));
                    peer.lose_peer((queue.len() > skipped).then_some(Errno::CONNRESET));
                }
            }
            Role::Listening { waiting, .. } => {
                for end in waiting {
                    if let Some(peer) = end.peer() {
                        peer.lose_peer(Some(Errno::CONNRESET));
                    }
                    end.close();
                }
            }
            Role::Connected { .. } | Role::Unconnected | Role::Closed => {}
        }
        self.hub.bury(queue);
        self.wake_all();
    }

    /// Whether its queue has no room for one that is not connected to it.
    pub(super) fn is_full(&self) -> bool {
        self.lock().queue.len() > MESSAGES
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        self.core.close();
    }
}

impl LocalSocket {
    /// One that is connected to none; ENOMEM if the guest may have no more kept for it.
    pub(crate) fn new(origin: &Origin, kind: SocketKind, serial: u64) -> Result<Self, Errno> {
        Ok(Self { core: Core::new(origin, kind, serial)? })
    }

    /// Two that are connected to each other.
    pub(crate) fn pair(origin: &Origin, kind: SocketKind, serials: [u64; 2]) -> Result<[Self; 2], Errno> {
        let [one, other] = serials.map(|serial| Self::new(origin, kind, serial));
        let (one, other) = (one?, other?);
        for (end, peer) in [(&one, &other), (&other, &one)] {
            let mut state = end.core.lock();
            state.role = peer.core.as_peer();
            state.peer_credentials = origin.credentials;
        }
        Ok([one, other])
    }

    pub(crate) fn kind(&self) -> SocketKind {
        self.core.kind
    }

    /// Its name; none is empty.
    pub(crate) fn name(&self) -> Option<Name> {
        self.core.name.get().cloned()
    }

    /// The name of the one that it is connected to; ENOTCONN.
    pub(crate) fn peer_name(&self) -> Result<Option<Name>, Errno> {
        match &self.core.lock().role {
            Role::Connected { name, .. } => Ok(name.get().cloned()),
            _ => Err(Errno::NOTCONN),
        }
    }

    /// Whether it has no name yet; EINVAL.
    pub(crate) fn can_be_bound(&self) -> Result<(), Errno> {
        if self.core.name.get().is_some() { Err(Errno::INVAL) } else { Ok(()) }
    }

    /// Gives it a name: EINVAL if it has one, EADDRINUSE. Without one it gets a number.
    pub(crate) fn bind(&self, address: Option<&Address>) -> Result<(), Errno> {
        self.can_be_bound()?;
        let core = &self.core;
        let (name, file) = match address {
            None => (core.hub.bind_to_number(core.kind, core)?, None),
            Some(Address { name, file: Some(file) }) => {
                core.hub.bind_file(*file, core);
                (Arc::clone(name), Some(*file))
            }
            Some(Address { name, file: None }) => {
                core.hub.bind(core.kind, name, core)?;
                (Arc::clone(name), None)
            }
        };
        // It had none, as was asked above.
        let _ = core.name.set(name);
        let mut state = core.lock();
        state.file = file;
        state.is_bound = true;
        Ok(())
    }

    /// Who wants to know who sent has a name of its own from the first time that it sends or
    /// connects.
    pub(super) fn bind_to_pass_credentials(&self) -> Result<(), Errno> {
        let wants_credentials = self.core.lock().options.pass_credentials;
        if wants_credentials && self.core.name.get().is_none() { self.bind(None) } else { Ok(()) }
    }

    /// Lets others connect: EOPNOTSUPP for datagrams, EINVAL without a name or if it is
    /// connected.
    pub(crate) fn listen(&self, backlog: u32) -> Result<(), Errno> {
        if !self.core.kind.is_connected() {
            return Err(Errno::NOTSUP);
        }
        let mut state = self.core.lock();
        if self.core.name.get().is_none() {
            return Err(Errno::INVAL);
        }
        let wanted = backlog.min(CONNECTIONS) as usize;
        match &mut state.role {
            Role::Listening { most, .. } => *most = wanted,
            role @ Role::Unconnected => *role = Role::Listening { waiting: VecDeque::new(), most: wanted },
            Role::Connected { .. } | Role::Closed => return Err(Errno::INVAL),
        }
        state.peer_credentials = self.core.own;
        drop(state);
        self.core.wake_all();
        Ok(())
    }

    fn find(&self, address: &Address) -> Result<Arc<Core>, Errno> {
        let core = &self.core;
        match address.file {
            Some(file) => core.hub.find_file(core.kind, file),
            None => core.hub.find(core.kind, &address.name),
        }
    }

    /// Where a message for this address goes; EPERM if that is connected to another.
    pub(super) fn find_to_send(&self, address: &Address) -> Result<Arc<Core>, Errno> {
        let other = self.find(address)?;
        let is_ours = match &other.lock().role {
            Role::Connected { peer, .. } => std::ptr::eq(peer.as_ptr(), Arc::as_ptr(&self.core)),
            _ => true,
        };
        if is_ours { Ok(other) } else { Err(Errno::PERM) }
    }

    /// Connects it to the one at an address, which `serial` is for the other end of.
    ///
    /// # Errors
    /// ECONNREFUSED, EPROTOTYPE; EAGAIN and waiting where none can be accepted yet; EISCONN,
    /// EINVAL of one that listens; EPERM.
    pub(crate) fn connect(
        &self,
        address: &Address,
        serial: u64,
        origin: &Origin,
        blocking: Blocking,
        waiter: &Waiter,
    ) -> Result<(), Fault> {
        self.bind_to_pass_credentials()?;
        if !self.core.kind.is_connected() {
            let other = self.find_to_send(address)?;
            self.connect_to(other.as_peer());
            return Ok(());
        }
        let limit = self.core.lock().options.send_timeout;
        let attempt = || self.try_connect(address, serial, origin);
        let look = |_| match self.find(address) {
            Ok(other) => {
                let listener = other.room.listen();
                let is_full = match &other.lock().role {
                    Role::Listening { waiting, most } => waiting.len() > *most,
                    _ => false,
                };
                Ok(if is_full {
                    Readiness::When(listener)
                } else {
                    Readiness::Now { bytes: 1, hangup: false }
                })
            }
            // The attempt finds it too.
            Err(_) => Ok(Readiness::Now { bytes: 1, hangup: false }),
        };
        retry_until(blocking, Interest::Write, waiter, limit, attempt, look)
    }

    fn try_connect(&self, address: &Address, serial: u64, origin: &Origin) -> Result<(), Errno> {
        let listener = self.find(address)?;
        {
            let state = listener.lock();
            match &state.role {
                Role::Listening { .. } if state.shut[RECEIVING] => return Err(Errno::CONNREFUSED),
                Role::Listening { waiting, most } if waiting.len() > *most => return Err(Errno::AGAIN),
                Role::Listening { .. } => {}
                _ => return Err(Errno::CONNREFUSED),
            }
        }
        match &self.core.lock().role {
            Role::Unconnected => {}
            Role::Connected { .. } => return Err(Errno::ISCONN),
            Role::Listening { .. } | Role::Closed => return Err(Errno::INVAL),
        }
        let end = Core::new(origin, self.core.kind, serial)?;
        if let Some(name) = listener.name.get() {
            // Its name is that of the one that listened, which keeps it; it has just been made.
            let _ = end.name.set(Arc::clone(name));
        }
        {
            let mut state = end.lock();
            state.role = self.core.as_peer();
            state.peer_credentials = self.core.own;
        }
        let mut state = self.core.lock();
        state.role = end.as_peer();
        state.peer_credentials = listener.own;
        drop(state);
        if let Role::Listening { waiting, .. } = &mut listener.lock().role {
            // BOUND: the backlog; each end is charged.
            waiting.push_back(end);
        }
        listener.readable.wake();
        self.core.wake_all();
        Ok(())
    }

    /// It is connected to none any more.
    pub(crate) fn disconnect(&self) {
        if matches!(self.core.lock().role, Role::Connected { .. }) {
            self.connect_to(Role::Unconnected);
        }
        self.core.wake_all();
    }

    /// A datagram socket is connected to another, or to none. What lies in its queue is lost if
    /// that changes; the one that it was connected to hears so, if that was connected to it.
    fn connect_to(&self, role: Role) {
        let core = &self.core;
        let mut state = core.lock();
        let is_same = match (&state.role, &role) {
            (Role::Connected { peer, .. }, Role::Connected { peer: new, .. }) => peer.ptr_eq(new),
            (Role::Connected { .. }, _) => false,
            _ => true,
        };
        let before = std::mem::replace(&mut state.role, role);
        let lost = if is_same { VecDeque::new() } else { std::mem::take(&mut state.queue) };
        drop(state);
        if !lost.is_empty()
            && let Role::Connected { peer, .. } = before
            && let Some(peer) = peer.upgrade()
            && peer.peer().is_some_and(|back| Arc::ptr_eq(&back, core))
        {
            peer.lock().error = Some(Errno::CONNRESET);
            peer.wake_all();
        }
        core.hub.bury(lost);
        core.wake_all();
    }

    /// The end of a connection that somebody made: EOPNOTSUPP for datagrams, EINVAL if it
    /// does not listen, EAGAIN.
    pub(crate) fn accept(&self, blocking: Blocking, waiter: &Waiter) -> Result<Self, Fault> {
        if !self.core.kind.is_connected() {
            return Err(Errno::NOTSUP.into());
        }
        let limit = self.core.lock().options.receive_timeout;
        let attempt = || {
            let mut state = self.core.lock();
            let Role::Listening { waiting, .. } = &mut state.role else { return Err(Errno::INVAL) };
            let core = waiting.pop_front().ok_or(Errno::AGAIN)?;
            drop(state);
            self.core.room.wake();
            Ok(Self { core })
        };
        retry_until(blocking, Interest::Read, waiter, limit, attempt, |interest| self.readiness(interest, 0))
    }

    pub(crate) fn shut_down(&self, ways: Ways) {
        let shut = [ways != Ways::Sending, ways != Ways::Receiving];
        let mut state = self.core.lock();
        for (is_shut, shut) in state.shut.iter_mut().zip(shut) {
            *is_shut |= shut;
        }
        drop(state);
        if self.core.kind.is_connected()
            && let Some(peer) = self.core.peer()
        {
            let mut state = peer.lock();
            state.shut[SENDING] |= shut[RECEIVING];
            state.shut[RECEIVING] |= shut[SENDING];
            drop(state);
            peer.wake_all();
        }
        self.core.wake_all();
    }

    /// The time that a wait of this kind may take.
    pub(super) fn limit(&self, interest: Interest) -> Option<Duration> {
        let options = &self.core.lock().options;
        match interest {
            Interest::Read => options.receive_timeout,
            Interest::Write => options.send_timeout,
        }
    }

    /// The events that hold of it.
    fn events(&self, wanted: u32) -> u32 {
        let core = &self.core;
        let (peer, mut found) = {
            let state = core.lock();
            let is_listening = matches!(state.role, Role::Listening { .. });
            let peer = match &state.role {
                Role::Connected { peer, .. } => peer.upgrade(),
                _ => None,
            };
            let mut found = 0;
            let has_waiting = match &state.role {
                Role::Listening { waiting, .. } => !waiting.is_empty(),
                _ => false,
            };
            for (holds, event) in [
                (state.error.is_some(), events::ERROR),
                (state.queue.iter().any(|message| message.is_urgent), events::PRIORITY),
                (state.shut == [true; 2], events::HANGUP),
                (state.shut[RECEIVING], events::READ_HANGUP | events::READABLE),
                (!state.queue.is_empty() || has_waiting, events::READABLE),
                (core.kind.is_connected() && matches!(state.role, Role::Unconnected), events::HANGUP),
                (!is_listening && core.is_writable(state.options.send_buffer), events::WRITING),
            ] {
                if holds {
                    found |= event;
                }
            }
            (peer, found)
        };
        // One that does not hear only this one may have no room for it.
        if wanted & events::WRITING != 0
            && core.kind == SocketKind::Datagram
            && let Some(peer) = peer
            && peer.is_full()
            && !peer.peer().is_some_and(|back| Arc::ptr_eq(&back, core))
        {
            found &= !events::WRITING;
        }
        found
    }
}

impl Object for LocalSocket {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(match self.core.kind {
            SocketKind::Datagram => FileType::SocketDatagram,
            SocketKind::Stream | SocketKind::Packet => FileType::SocketStream,
        })
    }

    fn serial(&self) -> Option<u64> {
        Some(self.core.serial)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        let metadata = Metadata::read_only(STREAMS_DEVICE, self.core.serial, self.file_type()?, 0);
        Ok(Metadata { permissions: 0o777, ..metadata })
    }

    fn rights(&self) -> Rights {
        Rights::STREAM
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let how =
            super::Receiving { taking: Taking::Take, all: false, urgent: false, blocking: transfer.blocking };
        if into.is_empty() {
            return Ok(0);
        }
        // Descriptors that came along are lost to one who only reads.
        Ok(self.receive(into, how, transfer.waiter)?.count)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let blocking = transfer.blocking;
        let outgoing =
            super::Outgoing { bytes: from, to: None, files: Vec::new(), blocking, is_urgent: false };
        self.send(outgoing, transfer.waiter)
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        let (queue, wanted) = match interest {
            Interest::Read => (&self.core.readable, events::READING),
            Interest::Write => (&self.core.writable, events::WRITING),
        };
        let listener = queue.listen();
        let holds = self.events(wanted);
        let hangup = holds & events::HANGUP != 0;
        let goes_through = holds & (wanted | events::ERROR | events::HANGUP) != 0;
        Ok(match goes_through {
            false => Readiness::When(listener),
            true => {
                let state = self.core.lock();
                let bytes: usize = match interest {
                    Interest::Read if self.core.kind == SocketKind::Stream => {
                        state.queue.iter().map(|message| message.rest().len()).sum()
                    }
                    Interest::Read => state.queue.front().map_or(0, |message| message.rest().len()),
                    Interest::Write => (state.options.send_buffer as usize)
                        .saturating_sub(self.core.sent.load(Ordering::Relaxed)),
                };
                Readiness::Now { bytes: bytes as u64, hangup }
            }
        })
    }

    fn poll(&self, wanted: u32, _position: u64, look: &mut Look) -> Polled {
        let mut edges = look.listen(wanted, &self.core.readable, &self.core.writable);
        if wanted & events::WRITING != 0
            && self.core.kind == SocketKind::Datagram
            && let Some(peer) = self.core.peer()
        {
            edges = edges.wrapping_add(look.listen(events::WRITING, &peer.room, &peer.room));
        }
        Polled::with_edges(self.events(wanted), edges)
    }

    fn socket(&self) -> Result<&LocalSocket, Errno> {
        Ok(self)
    }
}
