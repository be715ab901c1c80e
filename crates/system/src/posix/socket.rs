//! Socket pairs. Other sockets are refused when they are made, so that the rest
//! only meets the ends of pairs, and descriptors that are no sockets.

use super::descriptor::add_two;
use super::{layout, ok};
use crate::descriptors::{Description, Descriptor, flags};
use crate::guest::{Buffer, total};
use crate::linux::origin;
use crate::local::{LocalSocket, Outgoing, Receiving, SocketKind, SocketOption, Value};
use crate::object::{Blocking, Taking};
use crate::{Answer, Call, Errno, Fault, Network, Permission, System};
use std::sync::Arc;

/// wasi-libc's numbers.
const UNIX: u32 = 3;
const STREAM: u32 = 6;
const DATAGRAM: u32 = 5;
const NONBLOCK: u32 = 0x4000;
const CLOSE_ON_EXEC: u32 = 0x2000;
const SOCKET_LEVEL: u32 = 0x7fff_ffff;
const PEEK: u32 = 1;
const WAIT_ALL: u32 = 2;
const DO_NOT_WAIT: u32 = 0x8_0000;
const NO_SIGNAL: u32 = 0x20_0000;

/// EAFNOSUPPORT for any but local ones, EPROTONOSUPPORT, EPROTOTYPE for
/// datagrams, which keep bounds that pipes do not.
pub(super) fn socketpair(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (family, kind, protocol) = (call.u32(0), call.u32(1), call.u32(2));
    if family != UNIX {
        return Err(Errno::AFNOSUPPORT.into());
    }
    match kind & !(NONBLOCK | CLOSE_ON_EXEC) {
        STREAM => {}
        DATAGRAM => return Err(Errno::PROTOTYPE.into()),
        _ => return Err(Errno::INVAL.into()),
    }
    if protocol != 0 {
        return Err(Errno::PROTONOSUPPORT.into());
    }
    let flags = if kind & NONBLOCK != 0 { flags::NONBLOCK } else { 0 };
    let serials = [system.descriptors.serial(), system.descriptors.serial()];
    let [one, other] = LocalSocket::pair(&origin(system), SocketKind::Stream, serials)?;
    let meter = &system.meter;
    let open = |end| {
        let charge = Description::charge(meter)?;
        Ok::<_, Errno>(Descriptor::full(Description::new(Arc::new(end), true, true, flags, charge)?))
    };
    let ends = [open(one)?, open(other)?];
    add_two(system, call, call.u32(3), ends)
}

/// The socket that descriptor argument 0 is; EBADF or ENOTSOCK.
fn socket(system: &System, call: &Call<'_>) -> Result<Arc<Description>, Errno> {
    let description = &system.descriptors.get(call.u32(0))?.description;
    description.object.socket()?;
    Ok(Arc::clone(description))
}

/// It is connected.
pub(super) fn connect(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    socket(system, call)?;
    Err(Errno::ISCONN.into())
}

/// For bind, listen and accept: a socket of a pair can do none of them.
pub(super) fn not_of_a_pair(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    socket(system, call)?;
    Err(Errno::INVAL.into())
}

/// Both ends have the address of a local socket without a name: its family.
pub(super) fn getsockname(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    socket(system, call)?;
    let (address, length_address) = (call.u32(1), call.u32(2));
    let room = call.u32_at(length_address)? as usize;
    let name = (UNIX as u16).to_le_bytes();
    call.memory.write(address, &name[..room.min(name.len())])?;
    call.write_u32(length_address, name.len() as u32)?;
    ok(0)
}

pub(super) fn getsockopt(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let socket = socket(system, call)?;
    if call.u32(1) != SOCKET_LEVEL {
        return Err(Errno::NOPROTOOPT.into());
    }
    let value = option(socket.object.socket()?, call.u32(2))?;
    let length_address = call.u32(4);
    let room = call.u32_at(length_address)? as usize;
    let value = value.to_le_bytes();
    let written = room.min(value.len());
    call.memory.write(call.u32(3), &value[..written])?;
    call.write_u32(length_address, written as u32)?;
    ok(0)
}

pub(super) fn setsockopt(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    socket(system, call)?;
    if call.u32(1) != SOCKET_LEVEL {
        return Err(Errno::NOPROTOOPT.into());
    }
    // What changes nothing for a pair is taken.
    match call.u32(2) {
        2 | 6 | 7 | 8 | 9 | 15 => ok(0),
        _ => Err(Errno::NOPROTOOPT.into()),
    }
}

/// The value of an option, by wasi-libc's number; ENOPROTOOPT.
fn option(socket: &LocalSocket, number: u32) -> Result<u32, Errno> {
    let value = match number {
        // Type, domain.
        3 => return Ok(STREAM),
        39 => return Ok(UNIX),
        4 => socket.option(SocketOption::Error),
        7 => socket.option(SocketOption::SendBuffer),
        8 => socket.option(SocketOption::ReceiveBuffer),
        // Low-water marks.
        18 | 19 => return Ok(1),
        // Address reuse, broadcast, keep-alive, whether it listens, protocol.
        2 | 6 | 9 | 30 | 38 => return Ok(0),
        _ => return Err(Errno::NOPROTOOPT),
    };
    match value {
        Value::Number(number) => Ok(number),
        _ => Err(Errno::NOPROTOOPT),
    }
}

/// Whether it waits, where this call may say that it does not.
fn blocking(socket: &Description, flags: u32) -> Blocking {
    if flags & DO_NOT_WAIT != 0 { Blocking::DoNotWait } else { socket.blocking() }
}

fn send(call: &mut Call<'_>, socket: &Description, buffers: &[Buffer], flags: u32) -> Result<Answer, Fault> {
    if flags & !(DO_NOT_WAIT | NO_SIGNAL) != 0 {
        return Err(Errno::INVAL.into());
    }
    let bytes = call.gather(buffers)?;
    let blocking = blocking(socket, flags);
    let outgoing = Outgoing { bytes: &bytes, to: None, files: Vec::new(), blocking };
    let count = socket.object.socket()?.send(outgoing, call.waiter)?;
    Ok(Answer::i32(count as i32))
}

fn receive(
    call: &mut Call<'_>,
    socket: &Description,
    buffers: &[Buffer],
    flags: u32,
) -> Result<Answer, Fault> {
    if flags & !(DO_NOT_WAIT | NO_SIGNAL | PEEK | WAIT_ALL) != 0 {
        return Err(Errno::INVAL.into());
    }
    call.check(buffers)?;
    let mut bytes = vec![0; total(buffers)];
    let taking = if flags & PEEK != 0 { Taking::Peek } else { Taking::Take };
    let how = Receiving { taking, all: flags & WAIT_ALL != 0, blocking: blocking(socket, flags) };
    let local = socket.object.socket()?;
    // No room for a byte waits for none.
    let count = if bytes.is_empty() { 0 } else { local.receive(&mut bytes, how, call.waiter)?.count };
    call.scatter(buffers, &bytes[..count])?;
    Ok(Answer::i32(count as i32))
}

/// EISCONN for an address.
pub(super) fn sendto(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let socket = socket(system, call)?;
    if call.u32(4) != 0 {
        return Err(Errno::ISCONN.into());
    }
    let buffers = [Buffer { address: call.u32(1), length: call.u32(2) }];
    send(call, &socket, &buffers, call.u32(3))
}

/// The sender has no address.
pub(super) fn recvfrom(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let socket = socket(system, call)?;
    let buffers = [Buffer { address: call.u32(1), length: call.u32(2) }];
    let answer = receive(call, &socket, &buffers, call.u32(3))?;
    if call.u32(5) != 0 {
        call.write_u32(call.u32(5), 0)?;
    }
    Ok(answer)
}

/// The fields of a message: name and its length, buffers and their count, control
/// data and its length, flags.
fn message(call: &mut Call<'_>) -> Result<[u32; 7], Fault> {
    // Each is of 32 bits.
    Ok(layout::MESSAGE.read(call, call.u32(1))?.map(|field: u64| field as u32))
}

/// EOPNOTSUPP for control data: descriptors have no one to go to.
pub(super) fn sendmsg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let socket = socket(system, call)?;
    let [name, _, buffers, count, _, control_length, _] = message(call)?;
    if name != 0 {
        return Err(Errno::ISCONN.into());
    }
    if control_length != 0 {
        return Err(Errno::NOTSUP.into());
    }
    let buffers = call.buffers(buffers, count)?;
    send(call, &socket, &buffers, call.u32(2))
}

pub(super) fn recvmsg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let socket = socket(system, call)?;
    let [name, _, buffers, count, control, _, _] = message(call)?;
    let vector = call.buffers(buffers, count)?;
    let answer = receive(call, &socket, &vector, call.u32(2))?;
    // No name, no control data, no flags.
    let fields = [name, 0, buffers, count, control, 0, 0].map(u64::from);
    call.memory.write(call.u32(1), &layout::MESSAGE.bytes(fields))?;
    Ok(answer)
}

/// What getaddrinfo and getnameinfo return where no name server may be asked. The
/// program is told as it is of one that does not answer, with EACCES beside it, for
/// which these functions have no result.
pub(super) fn no_name_server(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    const AGAIN: i32 = -3;
    match system.policy.network {
        Network::Nothing => {
            system.missing = Some(Permission::Network);
            Ok(Answer::Return { results: [u64::from(AGAIN as u32)].into(), errno: Some(Errno::ACCES) })
        }
    }
}
