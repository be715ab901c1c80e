//! ioctl: what terminals are asked and told, and the few requests that are about any
//! descriptor.

use super::identity::Who;
use super::{calls, descriptor, done};
use crate::descriptors::{Description, flags};
use crate::files::FileType;
use crate::host::{Action, Settings};
use crate::object::{Flow, Interest, Object, Queue, Terminal};
use crate::pty::Controlling;
use crate::table::{Row, Support};
use crate::wait::Readiness;
use crate::{Answer, Call, Errno, Fault, System};
use std::sync::Arc;

pub(super) const ROWS: &[Row] = calls! { "linux":
    ioctl(fd: Descriptor, request: DeviceRequest, arg: Unsigned) &[], Support::Partial, "of the user's own terminal the window's size and the speeds stay, and it is not stopped", ioctl;
};

/// Bytes that a block has, as a file system tells it.
const BLOCK: u32 = 4096;

/// What can be asked for, by its number (`asm-generic/ioctls.h`).
mod request {
    pub(super) const BLOCK_SIZE: u32 = 2;
    pub(super) const GET: u32 = 0x5401;
    pub(super) const SET: u32 = 0x5402;
    pub(super) const SET_DRAINED: u32 = 0x5403;
    pub(super) const SET_FLUSHED: u32 = 0x5404;
    pub(super) const BREAK: u32 = 0x5409;
    pub(super) const FLOW: u32 = 0x540a;
    pub(super) const FLUSH: u32 = 0x540b;
    pub(super) const TAKE_CONTROL: u32 = 0x540e;
    pub(super) const GET_GROUP: u32 = 0x540f;
    pub(super) const SET_GROUP: u32 = 0x5410;
    pub(super) const UNSENT: u32 = 0x5411;
    pub(super) const TYPE: u32 = 0x5412;
    pub(super) const GET_WINDOW: u32 = 0x5413;
    pub(super) const SET_WINDOW: u32 = 0x5414;
    pub(super) const UNREAD: u32 = 0x541b;
    pub(super) const DO_NOT_WAIT: u32 = 0x5421;
    pub(super) const GIVE_UP_CONTROL: u32 = 0x5422;
    pub(super) const SET_DISCIPLINE: u32 = 0x5423;
    pub(super) const GET_DISCIPLINE: u32 = 0x5424;
    pub(super) const LONG_BREAK: u32 = 0x5425;
    pub(super) const GET_SESSION: u32 = 0x5429;
    pub(super) const OPEN_PEER: u32 = 0x5441;
    pub(super) const KEEP_ON_EXEC: u32 = 0x5450;
    pub(super) const CLOSE_ON_EXEC: u32 = 0x5451;
    pub(super) const QUEUE_SIZE: u32 = 0x5460;
    pub(super) const SHARE: u32 = 0x4004_9409;
    pub(super) const SHARE_RANGE: u32 = 0x4020_940d;
    pub(super) const SET_LOCKED: u32 = 0x4004_5431;
    pub(super) const GET_NUMBER: u32 = 0x8004_5430;
    pub(super) const GET_DEVICE: u32 = 0x8004_5432;
    pub(super) const GET_LOCKED: u32 = 0x8004_5439;
}

fn ioctl(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (number, request, argument) = (call.u32(0), call.u32(1), call.u32(2));
    let description = Arc::clone(system.descriptors.file(number)?);
    match request {
        request::CLOSE_ON_EXEC | request::KEEP_ON_EXEC => {
            system.descriptors.get_mut(number)?.close_on_exec = request == request::CLOSE_ON_EXEC;
        }
        request::DO_NOT_WAIT => {
            let new = if call.u32_at(argument)? == 0 { 0 } else { flags::NONBLOCK };
            description.set_flags(flags::NONBLOCK, new);
        }
        request::BLOCK_SIZE => call.write_u32(argument, BLOCK)?,
        request::QUEUE_SIZE => {
            let inode = description.object.inode().map_err(|_| Errno::NOTTY)?;
            call.write_u64(argument, inode.metadata()?.size)?;
        }
        request::UNREAD => {
            let unread = unread(&*description.object, || crate::streams::tell(&description))?;
            // An int, of which the number is cut to fit: as Linux has it.
            call.write_u32(argument, unread as u32)?;
        }
        request::SHARE => return Err(share(system, argument, number, &description).into()),
        request::SHARE_RANGE => {
            let source = call.u32_at(argument)?;
            return Err(share(system, source, number, &description).into());
        }
        _ => return on_terminal(system, call, &*description.object),
    }
    done()
}

/// Why a file does not take what it holds from another's blocks, which no tree here can:
/// programs then copy. In Linux's order: EBADF, EXDEV between trees, EISDIR, EINVAL of what is
/// no file, EBADF for the ways in which they are open, EOPNOTSUPP.
///
/// `ioctl_ficlonerange(2)`.
fn share(system: &System, source: u32, target: u32, into: &Description) -> Errno {
    let refused = || -> Result<Errno, Errno> {
        let from = system.descriptors.file(source)?;
        let (one, other) = (from.object.metadata(source)?, into.object.metadata(target)?);
        let kinds = [one.file_type, other.file_type];
        Ok(if one.device != other.device {
            Errno::XDEV
        } else if kinds.contains(&FileType::Directory) {
            Errno::ISDIR
        } else if kinds.iter().any(|kind| *kind != FileType::RegularFile) {
            Errno::INVAL
        } else if !from.readable || !into.writable || into.flags() & flags::APPEND != 0 {
            Errno::BADF
        } else {
            Errno::NOTSUP
        })
    };
    refused().unwrap_or_else(|errno| errno)
}

/// Bytes that can be read; below 0 of a file, where that stands beyond its end. ENOTTY for what
/// cannot tell.
fn unread(object: &dyn Object, position: impl Fn() -> Result<u64, Errno>) -> Result<i64, Errno> {
    if let Ok(terminal) = object.terminal() {
        return Ok(terminal.to_read()? as i64);
    }
    let unread = match object.file_type()? {
        FileType::RegularFile => Ok(object.inode()?.metadata()?.size.wrapping_sub(position()?)),
        FileType::Fifo | FileType::SocketStream | FileType::SocketDatagram => {
            match object.readiness(Interest::Read, 0)? {
                Readiness::Now { bytes, .. } => Ok(bytes),
                Readiness::On(source) => source.unread(),
                Readiness::When(_) | Readiness::Never => Ok(0),
            }
        }
        _ => Err(Errno::NOTTY),
    };
    unread.map(u64::cast_signed)
}

/// The requests that are about terminals. EIO at an end of which the other is gone.
fn on_terminal(system: &mut System, call: &mut Call<'_>, object: &dyn Object) -> Result<Answer, Fault> {
    let terminal = object.terminal()?;
    let (request, argument) = (call.u32(1), call.u32(2));
    if terminal.check().is_err() {
        // Linux says of this one that it controls nobody.
        let errno = if request == request::SET_GROUP { Errno::NOTTY } else { Errno::IO };
        return Err(errno.into());
    }
    match request {
        request::GET => call.memory.write(argument, &encode(&terminal.settings()?))?,
        request::SET | request::SET_DRAINED | request::SET_FLUSHED => {
            let mut bytes = [0; SETTINGS_BYTES];
            call.memory.read(argument, &mut bytes)?;
            let action = match request {
                request::SET => Action::Now,
                request::SET_DRAINED => Action::Drain,
                _ => Action::Flush,
            };
            terminal.change(&system.terminal, action, &decode(&bytes))?;
        }
        // A break has no meaning where there is no wire.
        request::BREAK if argument != 0 => terminal.drain()?,
        request::BREAK | request::LONG_BREAK => {}
        request::FLOW => terminal.flow(match argument {
            0 => Flow::StopOutput,
            1 => Flow::StartOutput,
            2 => Flow::SendStop,
            3 => Flow::SendStart,
            _ => return Err(Errno::INVAL.into()),
        })?,
        request::FLUSH => terminal.flush(match argument {
            0 => Queue::Input,
            1 => Queue::Output,
            2 => Queue::Both,
            _ => return Err(Errno::INVAL.into()),
        })?,
        request::UNSENT => call.write_u32(argument, 0)?,
        // To put words into a user's mouth is what no kernel lets one do any more.
        request::TYPE => return Err(Errno::IO.into()),
        request::GET_WINDOW => {
            let window: Vec<u8> = terminal.window()?.into_iter().flat_map(u16::to_le_bytes).collect();
            call.memory.write(argument, &window)?;
        }
        request::SET_WINDOW => {
            let mut bytes = [0; 8];
            call.memory.read(argument, &mut bytes)?;
            let mut window = [0; 4];
            for (number, pair) in window.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *number = u16::from_le_bytes(*pair);
            }
            terminal.set_window(window)?;
        }
        // There is the one that all terminals begin with.
        request::GET_DISCIPLINE => call.write_u32(argument, 0)?,
        request::SET_DISCIPLINE => match call.u32_at(argument)? {
            0 => {}
            _ => return Err(Errno::INVAL.into()),
        },
        request::TAKE_CONTROL
        | request::GIVE_UP_CONTROL
        | request::GET_GROUP
        | request::SET_GROUP
        | request::GET_SESSION => on_control(system, call, terminal)?,
        _ => return on_pseudo_terminal(system, call, terminal),
    }
    done()
}

/// Whether a terminal is the one that controls the process.
fn controls(system: &System, terminal: &dyn Terminal) -> bool {
    match terminal.pseudo() {
        Some(pseudo) => pseudo.controls(),
        None => system.terminals.controlling() == Controlling::Lent,
    }
}

/// The requests about whom a terminal controls: the one process, in the one group of its
/// session, or nobody.
fn on_control(system: &System, call: &mut Call<'_>, terminal: &dyn Terminal) -> Result<(), Fault> {
    let (request, argument) = (call.u32(1), call.u32(2));
    let own = system.identity.process;
    let pseudo = terminal.pseudo();
    let is_master = pseudo.as_ref().is_some_and(|pseudo| pseudo.is_master);
    let controls = controls(system, terminal);
    match request {
        request::TAKE_CONTROL => system.terminals.take_control(pseudo.as_ref(), call.waiter)?,
        request::GIVE_UP_CONTROL if is_master => return Err(Errno::NOTTY.into()),
        request::GIVE_UP_CONTROL => system.terminals.give_up_control(pseudo.as_ref(), call.waiter)?,
        request::GET_GROUP if controls => call.write_u32(argument, own)?,
        request::GET_GROUP if is_master => call.write_u32(argument, 0)?,
        request::GET_SESSION if controls => call.write_u32(argument, own)?,
        request::SET_GROUP if controls => {
            let group = call.u32_at(argument)?;
            if group.cast_signed() < 0 {
                return Err(Errno::INVAL.into());
            }
            match system.find_process(group)? {
                Who::Itself if group != 0 => {}
                Who::Itself => return Err(Errno::SRCH.into()),
                // It is of another session.
                Who::Parent => return Err(Errno::PERM.into()),
            }
        }
        _ => return Err(Errno::NOTTY.into()),
    }
    Ok(())
}

/// The requests about pseudo-terminals; ENOTTY for any other.
fn on_pseudo_terminal(
    system: &mut System,
    call: &mut Call<'_>,
    terminal: &dyn Terminal,
) -> Result<Answer, Fault> {
    let (request, argument) = (call.u32(1), call.u32(2));
    let pseudo = terminal.pseudo().ok_or(Errno::NOTTY)?;
    let number = pseudo.number();
    match request {
        // As Linux packs a device's numbers into 32 bits.
        request::GET_DEVICE => {
            let major = 136 + (number >> 8);
            call.write_u32(argument, (number & 0xff) | major << 8)?;
        }
        _ if !pseudo.is_master => return Err(Errno::NOTTY.into()),
        request::GET_NUMBER => call.write_u32(argument, number)?,
        request::GET_LOCKED => call.write_u32(argument, u32::from(pseudo.is_locked()))?,
        request::SET_LOCKED => pseudo.set_locked(call.u32_at(argument)? != 0),
        request::OPEN_PEER => {
            let slave = system.terminals.open_slave(number)?;
            let access = argument & flags::ACCESS;
            let ways = [access != flags::WRITE_ONLY, access != 0];
            return super::value(descriptor::open(system, slave, ways, argument)?);
        }
        _ => return Err(Errno::NOTTY.into()),
    }
    done()
}

/// What opening a terminal does beside: the first that a process opens which has none
/// controls it from then on, unless it asked for that not to be.
pub(super) fn opened(system: &System, call: &Call<'_>, object: &dyn Object, readable: bool, flags: u32) {
    const NO_CONTROL: u32 = 0o400;
    if flags & NO_CONTROL != 0 || !readable || system.terminals.controlling() != Controlling::None {
        return;
    }
    if let Some(pseudo) = object.terminal().ok().and_then(Terminal::pseudo)
        && !pseudo.is_master
    {
        // Another that has taken it meanwhile has it.
        let _ = system.terminals.take_control(Some(&pseudo), call.waiter);
    }
}

/// Bytes of the kernel's `struct termios`: four words of modes, the line discipline, 19
/// control characters.
const SETTINGS_BYTES: usize = 36;

const CHARACTERS_AT: usize = 17;

fn encode(settings: &Settings) -> [u8; SETTINGS_BYTES] {
    let mut bytes = [0; SETTINGS_BYTES];
    for (word, mode) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(settings.modes) {
        *word = mode.to_le_bytes();
    }
    bytes[CHARACTERS_AT..].copy_from_slice(&settings.characters);
    bytes
}

fn decode(bytes: &[u8; SETTINGS_BYTES]) -> Settings {
    let mut settings = Settings { modes: [0; 4], characters: [0; Settings::CHARACTERS] };
    for (mode, word) in settings.modes.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *mode = u32::from_le_bytes(*word);
    }
    settings.characters.copy_from_slice(&bytes[CHARACTERS_AT..]);
    settings
}
