//! Receiving.

use super::message::{Arrived, Message, Receiving};
use super::state::{Core, RECEIVING, Role, State};
use super::{LocalSocket, SocketKind};
use crate::descriptors::Description;
use crate::object::{Blocking, Interest, Object, Taking};
use crate::wait::retry_until;
use crate::{Errno, Fault, Waiter};
use std::sync::{Arc, MutexGuard};

impl LocalSocket {
    /// Receives bytes, or one message. No bytes are the end, if there is one.
    ///
    /// # Errors
    /// EINVAL and ENOTCONN if it is connected to none, why the connection failed, EAGAIN
    /// where it does not wait.
    pub(crate) fn receive(&self, into: &mut [u8], how: Receiving, waiter: &Waiter) -> Result<Arrived, Fault> {
        let is_connected = matches!(self.core.lock().role, Role::Connected(_));
        match self.core.kind {
            SocketKind::Stream if !is_connected => Err(Errno::INVAL.into()),
            SocketKind::Packet if !is_connected => Err(Errno::NOTCONN.into()),
            SocketKind::Stream => self.receive_stream(into, how, waiter),
            SocketKind::Datagram | SocketKind::Packet => self.receive_message(into, how, waiter),
        }
    }

    fn wait_for<T>(
        &self,
        blocking: Blocking,
        waiter: &Waiter,
        attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Fault> {
        let limit = self.limit(Interest::Read);
        let look = |interest| self.readiness(interest, 0);
        retry_until(blocking, Interest::Read, waiter, limit, attempt, look)
    }

    fn receive_message(&self, into: &mut [u8], how: Receiving, waiter: &Waiter) -> Result<Arrived, Fault> {
        self.wait_for(how.blocking, waiter, || {
            let mut state = self.core.lock();
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            let wants_credentials = state.options.pass_credentials;
            let Some(message) = state.queue.front() else {
                let is_over = state.shut[RECEIVING];
                // Datagrams say that they end only to one who waits.
                let tells = self.core.kind == SocketKind::Packet || how.blocking == Blocking::Wait;
                return if is_over && tells { Ok(Arrived::default()) } else { Err(Errno::AGAIN) };
            };
            let count = message.bytes.len().min(into.len());
            into[..count].copy_from_slice(&message.bytes[..count]);
            let arrived = Arrived {
                count,
                whole: message.bytes.len(),
                from: message.from.clone(),
                files: files_of(message),
                credentials: wants_credentials.then_some(message.credentials),
            };
            if how.taking == Taking::Take {
                let message = state.queue.pop_front();
                self.taken(state, message);
            }
            Ok(arrived)
        })
    }

    /// Lets a message go that was received.
    fn taken(&self, state: MutexGuard<'_, State>, message: Option<Message>) {
        drop(state);
        self.core.room.wake();
        self.core.hub.bury(message);
    }

    fn receive_stream(&self, into: &mut [u8], how: Receiving, waiter: &Waiter) -> Result<Arrived, Fault> {
        let mut arrived = Arrived::default();
        let target = match how.all {
            true => into.len(),
            false => (self.core.lock().options.low_water as usize).min(into.len()),
        };
        // How much of what stays there was looked at.
        let mut looked = 0;
        loop {
            let mut ends = false;
            let attempt = || {
                ends = self.receive_part(into, &mut arrived, how.taking, &mut looked)?;
                Ok(())
            };
            match self.wait_for(how.blocking, waiter, attempt) {
                Ok(()) => {}
                Err(Fault::Errno(_)) if arrived.count > 0 => break,
                Err(fault) => return Err(fault),
            }
            // What is only looked at is looked at once.
            if ends || arrived.count >= target || how.taking == Taking::Peek {
                break;
            }
        }
        arrived.whole = arrived.count;
        Ok(arrived)
    }

    /// Receives what there is, and says whether it ends there: with the stream, with
    /// descriptors, with the room for it.
    fn receive_part(
        &self,
        into: &mut [u8],
        arrived: &mut Arrived,
        taking: Taking,
        looked: &mut usize,
    ) -> Result<bool, Errno> {
        let core: &Core = &self.core;
        let mut state = core.lock();
        if state.queue.get(*looked).is_none() {
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            return if state.shut[RECEIVING] { Ok(true) } else { Err(Errno::AGAIN) };
        }
        let wants_credentials = state.options.pass_credentials;
        let mut gone = Vec::new();
        let mut ends = false;
        while let Some(message) = state.queue.get_mut(*looked) {
            let rest = message.rest();
            let count = rest.len().min(into.len() - arrived.count);
            into[arrived.count..arrived.count + count].copy_from_slice(&rest[..count]);
            if arrived.count == 0 {
                arrived.from = message.from.clone();
                arrived.credentials = wants_credentials.then_some(message.credentials);
            }
            arrived.count += count;
            // Descriptors are where their bytes are, and what follows is read by itself.
            let files = files_of(message);
            ends = !files.is_empty() || arrived.count == into.len();
            arrived.files.extend(files);
            match taking {
                Taking::Peek => *looked += 1,
                Taking::Take => {
                    message.start += count;
                    message.passed = None;
                    if message.rest().is_empty() {
                        gone.extend(state.queue.pop_front());
                    }
                }
            }
            if ends {
                break;
            }
        }
        drop(state);
        core.room.wake();
        core.hub.bury(gone);
        Ok(ends)
    }
}

fn files_of(message: &Message) -> Vec<Arc<Description>> {
    message.passed.as_ref().map(|passed| passed.files().to_vec()).unwrap_or_default()
}
