//! Receiving.

use super::message::{Arrived, Message, Receiving};
use super::options::Credentials;
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
        let is_connected = matches!(self.core.lock().role, Role::Connected { .. });
        match self.core.kind {
            SocketKind::Stream if !is_connected => Err(Errno::INVAL.into()),
            SocketKind::Packet if !is_connected => Err(Errno::NOTCONN.into()),
            SocketKind::Stream if how.urgent => Ok(self.receive_urgent(into, how.taking)?),
            SocketKind::Datagram | SocketKind::Packet if how.urgent => Err(Errno::NOTSUP.into()),
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
                from: message.from.get().cloned(),
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
        // Who wants nothing waits for something too.
        let target = target.max(1);
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
        if arrived.credentials.is_none() && self.core.lock().options.pass_credentials {
            arrived.credentials = Some(Credentials::NONE);
        }
        arrived.whole = arrived.count;
        Ok(arrived)
    }

    /// Receives the urgent byte of a stream: EINVAL if there is none or it is read with the
    /// others. Without room for it, it is lost.
    fn receive_urgent(&self, into: &mut [u8], taking: Taking) -> Result<Arrived, Errno> {
        let mut state = self.core.lock();
        let is_inline = state.options.is_urgent_inline();
        let message = state.queue.iter_mut().find(|message| message.is_urgent && !is_inline);
        let message = message.ok_or(Errno::INVAL)?;
        let byte = message.rest().first().copied();
        if taking == Taking::Take {
            // Its place stays, where what is read ends.
            message.is_urgent = false;
            message.start = message.bytes.len();
        }
        let (Some(into), Some(byte)) = (into.first_mut(), byte) else {
            return Ok(Arrived { count: 0, whole: 1, ..Arrived::default() });
        };
        *into = byte;
        Ok(Arrived { count: 1, whole: 1, ..Arrived::default() })
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
        let (mut state, mut gone) = (core.lock(), Vec::new());
        let ends = state.receive_part(into, arrived, taking, looked, &mut gone);
        drop(state);
        core.room.wake();
        core.hub.bury(gone);
        ends
    }
}

impl State {
    fn receive_part(
        &mut self,
        into: &mut [u8],
        arrived: &mut Arrived,
        taking: Taking,
        looked: &mut usize,
        gone: &mut Vec<Message>,
    ) -> Result<bool, Errno> {
        let (wants_credentials, before) = (self.options.pass_credentials, arrived.count);
        while self.next_of_stream(looked, taking, arrived.count > 0, gone) {
            let Some(message) = self.queue.get_mut(*looked) else { break };
            let rest = message.rest();
            let count = rest.len().min(into.len() - arrived.count);
            into[arrived.count..arrived.count + count].copy_from_slice(&rest[..count]);
            if arrived.count == 0 {
                arrived.from = message.from.get().cloned();
                arrived.credentials = wants_credentials.then_some(message.credentials);
            }
            arrived.count += count;
            // Descriptors are where their bytes are, and what follows is read by itself. Who only
            // looks sees those that come next, even where there is no room for more bytes.
            let files = files_of(message);
            let mut ends = !files.is_empty();
            arrived.files.extend(files);
            match taking {
                Taking::Peek => {
                    *looked += 1;
                    ends |= self.queue.get(*looked).is_none();
                }
                Taking::Take => {
                    message.start += count;
                    message.passed = None;
                    if message.rest().is_empty() {
                        gone.extend(self.queue.pop_front());
                    }
                    ends |= arrived.count == into.len();
                }
            }
            if ends {
                return Ok(true);
            }
        }
        let is_more = self.queue.get(*looked).is_some();
        if arrived.count > before || arrived.count > 0 && is_more {
            // The urgent byte ends what is read before it.
            return Ok(is_more);
        }
        // Who looks anew does so from the beginning.
        *looked = 0;
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.shut[RECEIVING] { Ok(true) } else { Err(Errno::AGAIN) }
    }

    /// Finds the message of a stream that is read next, from `at` on, and says whether there is
    /// one: the urgent byte is passed over, and what was sent after it is not read together with
    /// what was before. What nobody will read is put with what is `gone`.
    fn next_of_stream(
        &mut self,
        at: &mut usize,
        taking: Taking,
        has_read: bool,
        gone: &mut Vec<Message>,
    ) -> bool {
        let Some(message) = self.queue.get(*at) else { return false };
        // It was urgent, and was read by itself.
        if message.rest().is_empty() {
            if has_read && !self.queue.iter().any(|message| message.is_urgent) {
                return false;
            }
            match taking {
                Taking::Peek => *at += 1,
                Taking::Take => gone.extend(self.queue.remove(*at)),
            }
        }
        let is_inline = self.options.is_urgent_inline();
        match self.queue.get_mut(*at) {
            None => false,
            Some(message) if !message.is_urgent => true,
            Some(_) if has_read => false,
            Some(message) => {
                if taking == Taking::Take {
                    message.is_urgent = false;
                }
                match taking {
                    _ if is_inline => {}
                    Taking::Peek => *at += 1,
                    Taking::Take => gone.extend(self.queue.remove(*at)),
                }
                self.queue.get(*at).is_some()
            }
        }
    }
}

fn files_of(message: &Message) -> Vec<Arc<Description>> {
    message.passed.as_ref().map(|passed| passed.files().to_vec()).unwrap_or_default()
}
