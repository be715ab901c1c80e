//! All local sockets of a run: their names, and what lies in their queues.

use super::message::Message;
use super::state::Core;
use super::{Name, SocketKind};
use crate::Errno;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Names that a socket without one can be given: Linux has as many.
const NUMBERED: u32 = 1 << 20;

/// The local sockets of a run. Descriptors that lie in queues may hold the very sockets in
/// whose queues they lie: when the run is over all queues are emptied.
pub(crate) struct Sockets(Arc<Hub>);

impl Sockets {
    /// None yet. `limit` descriptors may lie in queues at once, as many as may be open.
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Hub { limit, state: Mutex::default() }))
    }

    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.0
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let all = std::mem::take(&mut self.0.lock().all);
        for core in all.iter().filter_map(Weak::upgrade) {
            self.0.bury(core.empty());
        }
    }
}

/// What all sockets of a run share.
pub(crate) struct Hub {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<(SocketKind, Name), Weak<Core>>,
    /// The sockets that are bound to a file of a tree, by the numbers of that.
    files: HashMap<(u64, u64), Weak<Core>>,
    all: Vec<Weak<Core>>,
    /// Descriptors that lie in queues.
    in_flight: usize,
    /// The number that was last given for a name.
    numbered: u32,
    /// Messages that are about to be dropped, and whether they are being.
    buried: Vec<Message>,
    is_burying: bool,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a new socket.
    pub(super) fn add(&self, core: &Arc<Core>) {
        let mut state = self.lock();
        if state.all.len() == state.all.capacity() {
            // BOUND: twice those that there are, each of which is charged.
            state.all.retain(|core| core.strong_count() > 0);
        }
        state.all.push(Arc::downgrade(core));
    }

    /// Gives a socket a name; EADDRINUSE.
    pub(super) fn bind(&self, kind: SocketKind, name: &Name, core: &Arc<Core>) -> Result<(), Errno> {
        let mut state = self.lock();
        let key = (kind, Arc::clone(name));
        if state.names.get(&key).is_some_and(|core| core.strong_count() > 0) {
            return Err(Errno::ADDRINUSE);
        }
        state.names.insert(key, Arc::downgrade(core));
        Ok(())
    }

    /// Gives a socket a name that no other has: five digits.
    pub(super) fn bind_to_number(&self, kind: SocketKind, core: &Arc<Core>) -> Result<Name, Errno> {
        for _ in 0..NUMBERED {
            let number = {
                let mut state = self.lock();
                state.numbered = (state.numbered + 1) % NUMBERED;
                state.numbered
            };
            let name: Name = format!("\0{number:05x}").into_bytes().into();
            if self.bind(kind, &name, core).is_ok() {
                return Ok(name);
            }
        }
        Err(Errno::NOSPC)
    }

    /// Binds a socket to a file.
    pub(super) fn bind_file(&self, file: (u64, u64), core: &Arc<Core>) {
        self.lock().files.insert(file, Arc::downgrade(core));
    }

    /// The socket of this name; ECONNREFUSED.
    pub(super) fn find(&self, kind: SocketKind, name: &Name) -> Result<Arc<Core>, Errno> {
        let state = self.lock();
        let found = state.names.get(&(kind, Arc::clone(name))).and_then(Weak::upgrade);
        found.ok_or(Errno::CONNREFUSED)
    }

    /// The socket that is bound to a file; ECONNREFUSED, EPROTOTYPE for one of another kind.
    pub(super) fn find_file(&self, kind: SocketKind, file: (u64, u64)) -> Result<Arc<Core>, Errno> {
        let found = self.lock().files.get(&file).and_then(Weak::upgrade).ok_or(Errno::CONNREFUSED)?;
        if found.kind == kind { Ok(found) } else { Err(Errno::PROTOTYPE) }
    }

    /// Forgets a name, and the file.
    pub(super) fn forget(&self, kind: SocketKind, name: &Name, file: Option<(u64, u64)>) {
        let mut state = self.lock();
        match file {
            Some(file) => drop(state.files.remove(&file)),
            None => drop(state.names.remove(&(kind, Arc::clone(name)))),
        }
    }

    /// Counts descriptors that are put into a queue; ETOOMANYREFS.
    pub(super) fn send_off(&self, count: usize) -> Result<(), Errno> {
        let mut state = self.lock();
        if state.in_flight.saturating_add(count) > self.limit {
            return Err(Errno::TOOMANYREFS);
        }
        state.in_flight += count;
        Ok(())
    }

    /// They are in no queue any more.
    pub(super) fn arrive(&self, count: usize) {
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(count);
    }

    /// Drops messages. What they hold may be sockets with messages in their turn, so it is
    /// done one after the other, and not one within the other.
    pub(super) fn bury(&self, messages: impl IntoIterator<Item = Message>) {
        let mut state = self.lock();
        state.buried.extend(messages);
        if std::mem::replace(&mut state.is_burying, true) {
            return;
        }
        while let Some(message) = state.buried.pop() {
            drop(state);
            drop(message);
            state = self.lock();
        }
        state.is_burying = false;
    }
}
