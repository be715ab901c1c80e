//! Options of local sockets.

use super::state::{Core, Role};
use super::{LocalSocket, SocketKind};
use crate::Errno;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Who sent a message, or is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub process: u32,
    pub user: u32,
    pub group: u32,
}

impl Credentials {
    /// Of nobody: what Linux tells where there is no other end.
    pub(crate) const NOBODY: Self = Self { process: 0, user: u32::MAX, group: u32::MAX };

    /// What Linux tells where nothing was received that somebody had sent.
    pub(super) const NONE: Self = Self { process: 0, user: 0, group: 0 };
}

/// What can be asked of a socket, and mostly set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Option {
    Kind,
    IsListening,
    /// Why the connection failed: it is told once.
    Error,
    SendBuffer,
    ReceiveBuffer,
    /// How many bytes must be there for a read of a stream to go through.
    LowWater,
    /// Whether who sends is told.
    PassCredentials,
    SendTimeout,
    ReceiveTimeout,
    PeerCredentials,
    /// One that changes nothing here, by a number below 32.
    Plain(u8),
    Linger,
}

/// The value of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u32),
    /// Without one it is for ever.
    Time(std::option::Option<Duration>),
    Credentials(Credentials),
    Kind(SocketKind),
    /// Whether it lingers, and for how many seconds.
    Linger([u32; 2]),
}

/// Bytes of a buffer, each of which counts twice: what there is at first, the least, and the
/// most that a program can ask for.
pub(super) const BUFFER: u32 = 212_992;
const LEAST_SEND_BUFFER: u32 = 4608;
const LEAST_RECEIVE_BUFFER: u32 = 2304;

pub(super) struct Options {
    pub send_buffer: u32,
    receive_buffer: u32,
    pub low_water: u32,
    pub pass_credentials: bool,
    pub send_timeout: std::option::Option<Duration>,
    pub receive_timeout: std::option::Option<Duration>,
    plain: u32,
    linger: [u32; 2],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            send_buffer: BUFFER,
            receive_buffer: BUFFER,
            low_water: 1,
            pass_credentials: false,
            send_timeout: None,
            receive_timeout: None,
            plain: 0,
            linger: [0; 2],
        }
    }
}

impl Options {
    /// Whether the urgent byte of a stream is read with the others (SO_OOBINLINE).
    pub(super) fn is_urgent_inline(&self) -> bool {
        self.plain & 1 << 10 != 0
    }
}

impl LocalSocket {
    /// The value of an option.
    pub(crate) fn option(&self, option: Option) -> Value {
        let mut state = self.core.lock();
        let options = &state.options;
        let flag = |is_set: bool| Value::Number(u32::from(is_set));
        match option {
            Option::Kind => Value::Kind(self.core.kind),
            Option::IsListening => flag(matches!(state.role, Role::Listening { .. })),
            Option::Error => Value::Number(state.error.take().map_or(0, |errno| u32::from(errno.number()))),
            Option::SendBuffer => Value::Number(options.send_buffer),
            Option::ReceiveBuffer => Value::Number(options.receive_buffer),
            Option::LowWater => Value::Number(options.low_water),
            Option::PassCredentials => flag(options.pass_credentials),
            Option::SendTimeout => Value::Time(options.send_timeout),
            Option::ReceiveTimeout => Value::Time(options.receive_timeout),
            Option::PeerCredentials => Value::Credentials(state.peer_credentials),
            Option::Plain(number) => flag(options.plain & 1 << (number % 32) != 0),
            Option::Linger => Value::Linger(options.linger),
        }
    }

    /// Sets an option.
    ///
    /// # Errors
    /// ENOPROTOOPT for one that can only be asked.
    pub(crate) fn set_option(&self, option: Option, value: Value) -> Result<(), Errno> {
        let mut state = self.core.lock();
        let options = &mut state.options;
        match (option, value) {
            (Option::SendBuffer, Value::Number(bytes)) => {
                options.send_buffer = (bytes.min(BUFFER) * 2).max(LEAST_SEND_BUFFER);
            }
            (Option::ReceiveBuffer, Value::Number(bytes)) => {
                options.receive_buffer = (bytes.min(BUFFER) * 2).max(LEAST_RECEIVE_BUFFER);
            }
            (Option::LowWater, Value::Number(bytes)) => {
                options.low_water = bytes.min(i32::MAX.unsigned_abs()).max(1);
            }
            (Option::PassCredentials, Value::Number(set)) => options.pass_credentials = set != 0,
            (Option::SendTimeout, Value::Time(time)) => options.send_timeout = time,
            (Option::ReceiveTimeout, Value::Time(time)) => options.receive_timeout = time,
            (Option::Plain(number), Value::Number(set)) => {
                let bit = 1 << (number % 32);
                options.plain = options.plain & !bit | if set != 0 { bit } else { 0 };
            }
            (Option::Linger, Value::Linger(linger)) => options.linger = linger,
            _ => return Err(Errno::NOPROTOOPT),
        }
        drop(state);
        self.core.wake_if_writable();
        Ok(())
    }
}

impl Core {
    /// Whether there is so much room in its buffer that it is worth to write: a quarter of
    /// it may be taken.
    pub(super) fn is_writable(&self, send_buffer: u32) -> bool {
        self.sent.load(Ordering::Relaxed).saturating_mul(4) <= send_buffer as usize
    }
}
