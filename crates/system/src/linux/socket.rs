//! Sockets: local ones, between descriptors of the run. Those that lead out of it are the
//! policy's to permit.

use super::data::{broken, vector};
use super::descriptor::{only, open, open_two};
use super::path::{WORKING_DIRECTORY, access, may, new_name, resolve};
use super::poll::{TIMESPEC, duration};
use super::{bytes, calls, done, structure, value};
use crate::descriptors::{Description, Descriptor, flags};
use crate::files::{FileType, Last, Resolved};
use crate::guest::{Buffer, total};
use crate::local::{
    Address, Arrived, Credentials, LocalSocket, Name, Origin, Outgoing, Receiving, SocketKind, SocketOption,
    Value,
};
use crate::object::{Blocking, Object, Taking, Ways};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, Permission, System};
use std::sync::Arc;
use std::time::{Duration, Instant};

use Support::{Full, Partial};

pub(super) const ROWS: &[Row] = calls! { "linux":
    socket(domain: Domain, type_: SocketType, protocol: Unsigned) &[], Partial, "local ones only, for others lead out", socket;
    socketpair(domain: Domain, type_: SocketType, protocol: Unsigned, fds: Result) &[], Full, "", socketpair;
    bind(fd: Descriptor, address: Buffer, len: Size) &[bytes(1)], Partial, "a path in a tree of memory, not in one of the host", bind;
    listen(fd: Descriptor, backlog: Signed) &[], Full, "", listen;
    accept(fd: Descriptor, address: Result, len: Pointer) &[structure(2, 4)], Full, "", accept;
    accept4(fd: Descriptor, address: Result, len: Pointer, flags: SocketType) &[structure(2, 4)], Full, "", accept4;
    connect(fd: Descriptor, address: Buffer, len: Size) &[bytes(1)], Full, "", connect;
    getsockname(fd: Descriptor, address: Result, len: Pointer) &[structure(2, 4)], Full, "", getsockname;
    getpeername(fd: Descriptor, address: Result, len: Pointer) &[structure(2, 4)], Full, "", getpeername;
    getsockopt(fd: Descriptor, level: Unsigned, name: Unsigned, value: Result, len: Pointer) &[structure(4, 4)], Partial, "the options of local sockets", getsockopt;
    setsockopt(fd: Descriptor, level: Unsigned, name: Unsigned, value: Buffer, len: Size) &[bytes(3)], Partial, "the options of local sockets", setsockopt;
    shutdown(fd: Descriptor, how: Unsigned) &[], Full, "", shutdown;
    sendto(fd: Descriptor, buf: Buffer, len: Size, flags: MessageFlags, address: Buffer, address_len: Size) &[bytes(1), bytes(4)], Partial, "no data out of band", sendto;
    recvfrom(fd: Descriptor, buf: Result, len: Size, flags: MessageFlags, address: Result, address_len: Pointer) &[structure(5, 4)], Partial, "no data out of band", recvfrom;
    sendmsg(fd: Descriptor, message: Pointer, flags: MessageFlags) &[structure(1, MESSAGE as u32)], Partial, "no data out of band", sendmsg;
    recvmsg(fd: Descriptor, message: Pointer, flags: MessageFlags) &[structure(1, MESSAGE as u32)], Partial, "no data out of band", recvmsg;
    sendmmsg(fd: Descriptor, messages: Pointer, count: Size, flags: MessageFlags) &[], Partial, "no data out of band", sendmmsg;
    recvmmsg_time64(fd: Descriptor, messages: Pointer, count: Size, flags: MessageFlags, timeout: TimePointer) &[], Partial, "no data out of band", recvmmsg_time64;
};

/// Families of addresses (`linux/socket.h`).
mod family {
    pub(super) const UNSPECIFIED: u16 = 0;
    pub(super) const LOCAL: u16 = 1;
    /// IPv4, IPv6, the kernel's own, packets, virtual machines: they lead out of the run.
    pub(super) const OUTSIDE: [u32; 5] = [2, 10, 16, 17, 40];
    /// All that there could be.
    pub(super) const COUNT: u32 = 46;
}

/// Flags of a message (`linux/socket.h`).
mod message {
    pub(super) const OUT_OF_BAND: u32 = 1;
    pub(super) const PEEK: u32 = 2;
    pub(super) const CONTROL_CUT: u32 = 8;
    pub(super) const CUT: u32 = 0x20;
    pub(super) const DO_NOT_WAIT: u32 = 0x40;
    pub(super) const WAIT_ALL: u32 = 0x100;
    pub(super) const NO_SIGNAL: u32 = 0x4000;
    pub(super) const WAIT_FOR_ONE: u32 = 0x1_0000;
    pub(super) const CLOSE_ON_EXEC: u32 = 0x4000_0000;
}

/// Bytes of a message's head, of one of several, of the head of control data, of an address
/// at most, and of any.
const MESSAGE: usize = 28;
const MESSAGES: u32 = 32;
const CONTROL: usize = 12;
const ADDRESS: usize = 110;
const ANY_ADDRESS: u32 = 128;

/// Descriptors that one message takes along at most; Linux's SCM_MAX_FD.
const FILES: usize = 253;

/// Bytes of control data of one message.
// BOUND: room for all descriptors and credentials, many times.
const CONTROL_BYTES: u32 = 16 << 10;

/// Messages of one call; Linux's UIO_MAXIOV.
const COUNT: u32 = 1024;

/// What new sockets take from the run.
pub(crate) fn origin(system: &System) -> Origin {
    let identity = &system.identity;
    let credentials = Credentials { process: identity.process, user: identity.user, group: identity.group };
    Origin { hub: Arc::clone(system.sockets.hub()), meter: Arc::clone(&system.meter), credentials }
}

/// The kind of a socket and the flags of its descriptor: EINVAL for flags that there are not.
fn kind_and_flags(type_: u32) -> Result<(u32, u32), Errno> {
    const KINDS: u32 = 0xf;
    let flags = only(type_ & !KINDS, flags::CLOSE_ON_EXEC | flags::NONBLOCK)?;
    Ok((type_ & KINDS, flags))
}

/// EAFNOSUPPORT, EINVAL, what is missing to lead out of the run, EPROTONOSUPPORT,
/// ESOCKTNOSUPPORT.
fn local(system: &mut System, domain: u32, kind: u32, protocol: u32) -> Result<SocketKind, Fault> {
    if domain >= family::COUNT {
        return Err(Errno::AFNOSUPPORT.into());
    }
    if kind > 10 {
        return Err(Errno::INVAL.into());
    }
    if family::OUTSIDE.contains(&domain) {
        return Err(system.lacks(Permission::Network, Errno::ACCES));
    }
    if domain != u32::from(family::LOCAL) {
        return Err(Errno::AFNOSUPPORT.into());
    }
    if protocol != 0 && protocol != u32::from(family::LOCAL) {
        return Err(Errno::PROTONOSUPPORT.into());
    }
    match kind {
        1 => Ok(SocketKind::Stream),
        // What others call raw is datagrams here.
        2 | 3 => Ok(SocketKind::Datagram),
        5 => Ok(SocketKind::Packet),
        _ => Err(Errno::SOCKTNOSUPPORT.into()),
    }
}

fn socket(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (kind, flags) = kind_and_flags(call.u32(1))?;
    let kind = local(system, call.u32(0), kind, call.u32(2))?;
    let serial = system.descriptors.serial();
    let socket = LocalSocket::new(&origin(system), kind, serial)?;
    value(open(system, Arc::new(socket), [true, true], flags)?)
}

fn socketpair(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (kind, flags) = kind_and_flags(call.u32(1))?;
    // What leads out has no pairs.
    if family::OUTSIDE.contains(&call.u32(0)) {
        return Err(Errno::NOTSUP.into());
    }
    let kind = local(system, call.u32(0), kind, call.u32(2))?;
    let serials = [system.descriptors.serial(), system.descriptors.serial()];
    let ends = LocalSocket::pair(&origin(system), kind, serials)?;
    let ends = ends.map(|end| (Arc::new(end) as Arc<dyn Object>, [true, true]));
    open_two(system, call, call.u32(3), ends, flags)
}

/// The open file of a socket; EBADF, ENOTSOCK.
fn file(system: &System, number: u32) -> Result<Arc<Description>, Errno> {
    let file = system.descriptors.file(number)?;
    file.object.socket()?;
    Ok(Arc::clone(file))
}

/// The bytes of an address: EINVAL for too many, EFAULT.
fn address_at(call: &mut Call<'_>, address: u32, length: u32) -> Result<Vec<u8>, Fault> {
    if length > ANY_ADDRESS {
        return Err(Errno::INVAL.into());
    }
    if length == 0 { Ok(Vec::new()) } else { call.bytes_at(address, length as usize) }
}

fn family_of(address: &[u8]) -> Option<u16> {
    address.first_chunk().map(|family| u16::from_le_bytes(*family))
}

/// The name in an address: EINVAL for one of another family, without one, or too long. A
/// path ends at its zero byte.
fn name_in(address: &[u8]) -> Result<Name, Errno> {
    let name = address.get(2..).filter(|name| !name.is_empty() && address.len() <= ADDRESS);
    let name = name.filter(|_| family_of(address) == Some(family::LOCAL)).ok_or(Errno::INVAL)?;
    let end = match name.first() {
        Some(0) => name.len(),
        _ => name.iter().position(|byte| *byte == 0).unwrap_or(name.len()),
    };
    Ok(Name::from(&name[..end]))
}

/// Whether a name is a path.
fn is_path(name: &Name) -> bool {
    name.first() != Some(&0)
}

/// Where an address leads: EINVAL, and of a path ENOENT, EACCES, ECONNREFUSED for what is no
/// socket.
fn find(system: &mut System, address: &[u8]) -> Result<Address, Errno> {
    let name = name_in(address)?;
    if !is_path(&name) {
        return Ok(Address { name, file: None });
    }
    let Resolved::Entry { parent, name: last, symlink: None } =
        resolve(system, WORKING_DIRECTORY, &name, Last::Follow)?.there()?
    else {
        return Err(Errno::CONNREFUSED);
    };
    let found = parent.directory().metadata_of(&last)?;
    may(system, found.permissions, access::WRITE)?;
    match found.file_type {
        FileType::SocketStream => Ok(Address { name, file: Some((found.device, found.inode)) }),
        _ => Err(Errno::CONNREFUSED),
    }
}

/// The bytes of an address with this name.
fn address_of(name: Option<&Name>) -> Vec<u8> {
    let mut bytes = family::LOCAL.to_le_bytes().to_vec();
    if let Some(name) = name {
        bytes.extend_from_slice(name);
        if name.first() != Some(&0) {
            bytes.push(0);
        }
    }
    bytes
}

/// Puts an address where there is room for so much of it, and its whole length: EINVAL for
/// room below 0, EFAULT.
fn tell_address(call: &mut Call<'_>, told: &[u8], address: u32, length_address: u32) -> Result<(), Fault> {
    let room = call.u32_at(length_address)?;
    if room.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    call.memory.write(address, &told[..told.len().min(room as usize)])?;
    call.write_u32(length_address, told.len() as u32)
}

fn bind(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    let socket = file.object.socket()?;
    let address = address_at(call, call.u32(1), call.u32(2))?;
    // The family alone asks for a name of the system's choice.
    if address.len() == 2 && family_of(&address) == Some(family::LOCAL) {
        socket.bind(None)?;
        return done();
    }
    let name = name_in(&address)?;
    let mut file = None;
    if is_path(&name) {
        socket.can_be_bound()?;
        let taken = |errno| if errno == Errno::EXIST { Errno::ADDRINUSE } else { errno };
        let (place, last) = new_name(system, WORKING_DIRECTORY, &name, false).map_err(taken)?;
        let directory = place.directory();
        directory.create_special(&last, FileType::SocketStream, 0o777 & !system.umask).map_err(taken)?;
        let made = directory.metadata_of(&last)?;
        file = Some((made.device, made.inode));
    }
    socket.bind(Some(&Address { name, file }))?;
    done()
}

fn listen(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    file(system, call.u32(0))?.object.socket()?.listen(call.u32(1))?;
    done()
}

fn accept(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    accept_with(system, call, 0)
}

fn accept4(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let flags = only(call.u32(3), flags::CLOSE_ON_EXEC | flags::NONBLOCK)?;
    accept_with(system, call, flags)
}

fn accept_with(system: &mut System, call: &mut Call<'_>, flags: u32) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    // A descriptor number first: a connection must not be taken that nobody gets.
    system.descriptors.reserve(0)?;
    let end = file.object.socket()?.accept(file.blocking(), call.waiter)?;
    if call.u32(1) != 0 {
        let peer = address_of(end.peer_name().ok().flatten().as_ref());
        tell_address(call, &peer, call.u32(1), call.u32(2))?;
    }
    value(open(system, Arc::new(end), [true, true], flags)?)
}

fn connect(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    let socket = file.object.socket()?;
    let address = address_at(call, call.u32(1), call.u32(2))?;
    if socket.kind() == SocketKind::Datagram && family_of(&address) == Some(family::UNSPECIFIED) {
        socket.disconnect();
        return done();
    }
    let address = find(system, &address)?;
    let (serial, origin) = (system.descriptors.serial(), origin(system));
    socket.connect(&address, serial, &origin, file.blocking(), call.waiter)?;
    done()
}

fn getsockname(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = file(system, call.u32(0))?.object.socket()?.name();
    tell_address(call, &address_of(name.as_ref()), call.u32(1), call.u32(2))?;
    done()
}

fn getpeername(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = file(system, call.u32(0))?.object.socket()?.peer_name()?;
    tell_address(call, &address_of(name.as_ref()), call.u32(1), call.u32(2))?;
    done()
}

fn shutdown(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    file.object.socket()?.shut_down(match call.u32(1) {
        0 => Ways::Receiving,
        1 => Ways::Sending,
        2 => Ways::Both,
        _ => return Err(Errno::INVAL.into()),
    });
    done()
}

/// The level of options that all sockets have.
const LEVEL: u32 = 1;

/// The option with a number of Linux (`asm-generic/socket.h`), and the form of its value.
fn option(number: u32) -> Result<(SocketOption, Form), Errno> {
    Ok(match number {
        3 => (SocketOption::Kind, Form::Number),
        4 => (SocketOption::Error, Form::Number),
        7 | 32 => (SocketOption::SendBuffer, Form::Number),
        8 | 33 => (SocketOption::ReceiveBuffer, Form::Number),
        13 => (SocketOption::Linger, Form::Linger),
        16 => (SocketOption::PassCredentials, Form::Number),
        17 => (SocketOption::PeerCredentials, Form::Credentials),
        18 => (SocketOption::LowWater, Form::Number),
        20 => (SocketOption::ReceiveTimeout, Form::ShortTime),
        21 => (SocketOption::SendTimeout, Form::ShortTime),
        30 => (SocketOption::IsListening, Form::Number),
        66 => (SocketOption::ReceiveTimeout, Form::Time),
        67 => (SocketOption::SendTimeout, Form::Time),
        // Addresses again, ways, broadcast, keep-alive, out of band, ports again, times.
        2 | 5 | 6 | 9 | 10 | 15 | 29 => (SocketOption::Plain(number as u8), Form::Number),
        _ => return Err(Errno::NOPROTOOPT),
    })
}

/// How the value of an option stands in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    /// Seconds and microseconds, of 64 bits each, or of 32.
    Time,
    ShortTime,
    Credentials,
    Linger,
}

/// The bytes of a value in a form.
fn bytes_of(value: Value, form: Form) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    match value {
        Value::Number(number) => words(&[number]),
        Value::Kind(SocketKind::Stream) => words(&[1]),
        Value::Kind(SocketKind::Datagram) => words(&[2]),
        Value::Kind(SocketKind::Packet) => words(&[5]),
        Value::Credentials(Credentials { process, user, group }) => words(&[process, user, group]),
        Value::Linger(linger) => words(&linger),
        Value::Time(time) => {
            let time = time.unwrap_or_default();
            let (seconds, part) = (time.as_secs(), time.subsec_micros());
            match form {
                // What is longer than can be told is told as the longest.
                Form::ShortTime => words(&[u32::try_from(seconds).unwrap_or(i32::MAX as u32), part]),
                _ => [seconds.to_le_bytes(), u64::from(part).to_le_bytes()].concat(),
            }
        }
    }
}

/// The value in bytes of a form: EINVAL for too few, EDOM for a time that there is not.
fn value_of(bytes: &[u8], form: Form) -> Result<Value, Errno> {
    let word = |index: usize| {
        let word = bytes.get(index * 4..).and_then(|bytes| bytes.first_chunk());
        word.map(|word| u32::from_le_bytes(*word)).ok_or(Errno::INVAL)
    };
    let time = |seconds: i64, part: i64| {
        if !(0..1_000_000).contains(&part) {
            return Err(Errno::DOM);
        }
        // Below 0 it does not wait at all, and 0 is for ever.
        let length = u64::try_from(seconds).map(|seconds| Duration::new(seconds, part as u32 * 1000));
        Ok(Value::Time(match length {
            Ok(Duration::ZERO) => None,
            Ok(length) => Some(length),
            Err(_) => Some(Duration::ZERO),
        }))
    };
    match form {
        Form::Number => Ok(Value::Number(word(0)?)),
        Form::Linger => Ok(Value::Linger([word(0)?, word(1)?])),
        Form::ShortTime => time(i64::from(word(0)?.cast_signed()), i64::from(word(1)?.cast_signed())),
        Form::Time => {
            let wide =
                |index: usize| Ok::<_, Errno>(u64::from(word(index)?) | u64::from(word(index + 1)?) << 32);
            time(wide(0)?.cast_signed(), wide(2)?.cast_signed())
        }
        Form::Credentials => Err(Errno::NOPROTOOPT),
    }
}

/// EBADF, ENOTSOCK, EOPNOTSUPP of another level, EFAULT, EINVAL for room below 0,
/// ENOPROTOOPT.
fn getsockopt(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// The family, and the number of the protocol.
    const DOMAIN: u32 = 39;
    const PROTOCOL: u32 = 38;
    /// Low-water mark of sending, which cannot be set.
    const SEND_LOW_WATER: u32 = 19;
    let file = file(system, call.u32(0))?;
    let length_address = call.u32(4);
    if call.u32(1) != LEVEL {
        return Err(Errno::NOTSUP.into());
    }
    let room = call.u32_at(length_address)?;
    if room.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    let told = match call.u32(2) {
        DOMAIN => u32::from(family::LOCAL).to_le_bytes().to_vec(),
        PROTOCOL => vec![0; 4],
        SEND_LOW_WATER => 1u32.to_le_bytes().to_vec(),
        number => {
            let (option, form) = option(number)?;
            bytes_of(file.object.socket()?.option(option), form)
        }
    };
    let told = &told[..told.len().min(room as usize)];
    call.memory.write(call.u32(3), told)?;
    call.write_u32(length_address, told.len() as u32)?;
    done()
}

/// EBADF, ENOTSOCK, EOPNOTSUPP of another level, EINVAL, EFAULT, ENOPROTOOPT, EPERM.
fn setsockopt(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    /// Values of options.
    const VALUE: u32 = 128;
    let file = file(system, call.u32(0))?;
    let length = call.u32(4);
    if length.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    if call.u32(1) != LEVEL {
        return Err(Errno::NOTSUP.into());
    }
    if length < 4 {
        return Err(Errno::INVAL.into());
    }
    let bytes = call.bytes_at(call.u32(3), length.min(VALUE) as usize)?;
    let (option, form) = option(call.u32(2))?;
    // What goes beyond the most is a superuser's to set.
    if matches!(call.u32(2), 32 | 33) {
        return Err(Errno::PERM.into());
    }
    file.object.socket()?.set_option(option, value_of(&bytes, form)?)?;
    done()
}

/// Whether a message waits.
fn blocking(file: &Description, of_call: u32) -> Blocking {
    let waits = of_call & message::DO_NOT_WAIT == 0;
    if waits { file.blocking() } else { Blocking::DoNotWait }
}

/// Sends one message, and says how much.
fn send(
    system: &mut System,
    call: &mut Call<'_>,
    file: &Description,
    buffers: &[Buffer],
    address: &[u8],
    files: Vec<Arc<Description>>,
    of_call: u32,
) -> Result<u32, Fault> {
    let socket = file.object.socket()?;
    let bytes = call.gather(buffers)?;
    let to = match address {
        // Between two an address of any kind means nothing, or is found to be one too many.
        [] => None,
        _ if socket.kind() != SocketKind::Datagram => Some(Address { name: Name::from([]), file: None }),
        address => Some(find(system, address)?),
    };
    let outgoing = Outgoing {
        bytes: &bytes,
        to: to.as_ref(),
        files,
        blocking: blocking(file, of_call),
        is_urgent: of_call & message::OUT_OF_BAND != 0,
    };
    file.took_turn();
    socket.send(outgoing, call.waiter).map(|count| count as u32).map_err(|fault| {
        // Of messages only the one who sent is told.
        let tells = socket.kind() == SocketKind::Stream && of_call & message::NO_SIGNAL == 0;
        if tells { broken(call, fault) } else { fault }
    })
}

/// Receives one message into buffers.
fn receive(
    call: &mut Call<'_>,
    file: &Description,
    buffers: &[Buffer],
    of_call: u32,
) -> Result<Arrived, Fault> {
    let how = Receiving {
        urgent: of_call & message::OUT_OF_BAND != 0,
        taking: if of_call & message::PEEK != 0 { Taking::Peek } else { Taking::Take },
        all: of_call & message::WAIT_ALL != 0,
        blocking: blocking(file, of_call),
    };
    let mut bytes = vec![0; total(buffers)];
    file.took_turn();
    let arrived = file.object.socket()?.receive(&mut bytes, how, call.waiter)?;
    call.scatter(buffers, &bytes[..arrived.count])?;
    Ok(arrived)
}

/// How many bytes a receiver is told: all of a message that was cut off, if it asks, and the
/// urgent one in any case.
fn told(arrived: &Arrived, of_call: u32) -> u32 {
    let count =
        if of_call & (message::CUT | message::OUT_OF_BAND) != 0 { arrived.whole } else { arrived.count };
    count as u32
}

/// One buffer, checked: EFAULT; what is longer than a call moves is cut off.
fn one(call: &Call<'_>, address: u32, length: u32) -> Result<[Buffer; 1], Fault> {
    let buffers = [Buffer { address, length: length.min(0x7fff_f000) }];
    call.check(&buffers)?;
    Ok(buffers)
}

fn sendto(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let buffers = one(call, call.u32(1), call.u32(2))?;
    let file = file(system, call.u32(0))?;
    let address = match call.u32(4) {
        0 => Vec::new(),
        at => address_at(call, at, call.u32(5))?,
    };
    let of_call = call.u32(3);
    value(send(system, call, &file, &buffers, &address, Vec::new(), of_call)?)
}

fn recvfrom(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let buffers = one(call, call.u32(1), call.u32(2))?;
    let file = file(system, call.u32(0))?;
    let arrived = receive(call, &file, &buffers, call.u32(3))?;
    if call.u32(4) != 0 {
        let from = arrived.from.as_ref().map(|name| address_of(Some(name))).unwrap_or_default();
        tell_address(call, &from, call.u32(4), call.u32(5))?;
    }
    value(told(&arrived, call.u32(3)))
}

/// A message's head: name and its length, buffers and their count, control data and its
/// length, flags; 32 bits each.
fn head(call: &mut Call<'_>, address: u32) -> Result<[u32; 7], Fault> {
    let bytes = call.bytes_at(address, MESSAGE)?;
    let mut head = [0; 7];
    for (word, bytes) in head.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    Ok(head)
}

/// The buffers of a message: EMSGSIZE for too many.
fn buffers_of(call: &mut Call<'_>, address: u32, count: u32) -> Result<Vec<Buffer>, Fault> {
    if count > COUNT { Err(Errno::MSGSIZE.into()) } else { vector(call, address, count) }
}

/// The open files that go along with a message: EINVAL for control data that is none, EBADF,
/// EPERM for credentials of another.
fn files_in(system: &System, control: &[u8]) -> Result<Vec<Arc<Description>>, Errno> {
    const FILES_PASSED: u32 = 1;
    const CREDENTIALS: u32 = 2;
    let word = |bytes: &[u8], index: usize| {
        bytes.get(index * 4..).and_then(|bytes| bytes.first_chunk()).map(|word| u32::from_le_bytes(*word))
    };
    let mut files = Vec::new();
    let mut rest = control;
    // What is shorter than a head is padding.
    while rest.len() >= CONTROL {
        let length = word(rest, 0).ok_or(Errno::INVAL)? as usize;
        if length < CONTROL || length > rest.len() {
            return Err(Errno::INVAL);
        }
        let data = &rest[CONTROL..length];
        if word(rest, 1) == Some(LEVEL) {
            match word(rest, 2) {
                Some(FILES_PASSED) => {
                    for number in data.as_chunks().0 {
                        if files.len() == FILES {
                            return Err(Errno::INVAL);
                        }
                        let number = u32::from_le_bytes(*number);
                        files.push(Arc::clone(&system.descriptors.get(number)?.description));
                    }
                }
                Some(CREDENTIALS) => {
                    let identity = &system.identity;
                    let own = [identity.process, identity.user, identity.group];
                    if data.len() != 12 {
                        return Err(Errno::INVAL);
                    }
                    if [0, 1, 2].map(|index| word(data, index)) != own.map(Some) {
                        return Err(Errno::PERM);
                    }
                }
                _ => return Err(Errno::INVAL),
            }
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(files)
}

fn send_message(
    system: &mut System,
    call: &mut Call<'_>,
    file: &Description,
    at: u32,
    of_call: u32,
) -> Result<u32, Fault> {
    let [name, name_length, buffers, count, control, control_length, _] = head(call, at)?;
    if name_length.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    let address = match name {
        0 => Vec::new(),
        name => address_at(call, name, name_length.min(ANY_ADDRESS))?,
    };
    let buffers = buffers_of(call, buffers, count)?;
    if control_length > CONTROL_BYTES {
        return Err(Errno::NOBUFS.into());
    }
    let control =
        if control_length == 0 { Vec::new() } else { call.bytes_at(control, control_length as usize)? };
    let files = files_in(system, &control)?;
    send(system, call, file, &buffers, &address, files, of_call)
}

fn sendmsg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    value(send_message(system, call, &file, call.u32(1), call.u32(2))?)
}

/// What of the control data fits, and whether all did.
struct Told {
    bytes: Vec<u8>,
    room: usize,
    is_cut: bool,
}

impl Told {
    fn add(&mut self, kind: u32, data: &[u8]) {
        let room = self.room.saturating_sub(self.bytes.len());
        if room < CONTROL {
            self.is_cut = true;
            return;
        }
        let length = (CONTROL + data.len()).min(room);
        self.is_cut |= length < CONTROL + data.len();
        for word in [length as u32, LEVEL, kind] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(&data[..length - CONTROL]);
        self.bytes.resize(self.bytes.len().next_multiple_of(4).min(self.room), 0);
    }
}

/// Gives descriptors to what came along, as many as there is room for, and tells of them.
fn tell_files(system: &mut System, told: &mut Told, files: Vec<Arc<Description>>, of_call: u32) -> Vec<u32> {
    const FILES_PASSED: u32 = 1;
    let fits = told.room.saturating_sub(told.bytes.len()).saturating_sub(CONTROL) / 4;
    told.is_cut |= files.len() > fits;
    let flags = if of_call & message::CLOSE_ON_EXEC != 0 { flags::CLOSE_ON_EXEC } else { 0 };
    let mut numbers = Vec::new();
    for file in files.into_iter().take(fits) {
        let descriptor = Descriptor::full(file).with_flags(flags);
        match system.descriptors.insert(descriptor, 0) {
            Ok(number) => numbers.push(number),
            Err(_) => {
                told.is_cut = true;
                break;
            }
        }
    }
    if !numbers.is_empty() {
        let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        told.add(FILES_PASSED, &data);
    }
    numbers
}

fn receive_message(
    system: &mut System,
    call: &mut Call<'_>,
    file: &Description,
    at: u32,
    of_call: u32,
) -> Result<u32, Fault> {
    const CREDENTIALS: u32 = 2;
    let [name, name_length, buffers, count, control, control_length, _] = head(call, at)?;
    if name_length.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    let buffers_address = buffers;
    let buffers = buffers_of(call, buffers, count)?;
    let arrived = receive(call, file, &buffers, of_call)?;
    let count_told = told(&arrived, of_call);
    let is_cut = arrived.whole > arrived.count && file.object.socket()?.kind() != SocketKind::Stream;
    let room = if control == 0 { 0 } else { control_length.min(CONTROL_BYTES) as usize };
    let mut told = Told { bytes: Vec::new(), room, is_cut: false };
    if let Some(sender) = arrived.credentials {
        told.add(CREDENTIALS, &bytes_of(Value::Credentials(sender), Form::Credentials));
    }
    let numbers = match arrived.files.is_empty() {
        true => Vec::new(),
        false => tell_files(system, &mut told, arrived.files, of_call),
    };
    let mut flags = of_call & message::CLOSE_ON_EXEC;
    let is_urgent = of_call & message::OUT_OF_BAND != 0;
    for (holds, flag) in
        [(is_urgent, message::OUT_OF_BAND), (is_cut, message::CUT), (told.is_cut, message::CONTROL_CUT)]
    {
        if holds {
            flags |= flag;
        }
    }
    let from = arrived.from.as_ref().map(|name| address_of(Some(name))).unwrap_or_default();
    let (from_length, control_told) = (from.len() as u32, told.bytes.len() as u32);
    let written = (|| {
        if name != 0 {
            call.memory.write(name, &from[..from.len().min(name_length as usize)])?;
        }
        if !told.bytes.is_empty() {
            call.memory.write(control, &told.bytes)?;
        }
        let name_length = if name == 0 { name_length } else { from_length };
        let head = [name, name_length, buffers_address, count, control, control_told, flags];
        let bytes: Vec<u8> = head.iter().flat_map(|word| word.to_le_bytes()).collect();
        Ok(call.memory.write(at, &bytes)?)
    })();
    if let Err(fault) = written {
        // Nobody knows their numbers.
        for number in numbers {
            system.descriptors.close(number)?;
        }
        return Err(fault);
    }
    Ok(count_told)
}

fn recvmsg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    value(receive_message(system, call, &file, call.u32(1), call.u32(2))?)
}

/// Sends one after the other, until one fails; how many were sent is told, unless none was.
fn sendmmsg(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let file = file(system, call.u32(0))?;
    let of_call = call.u32(3);
    each_message(call, |call, at| {
        let length = send_message(system, call, &file, at, of_call)?;
        Ok((length, GoesOn::Yes))
    })
}

/// Receives one after the other, until one fails, or the time is over, which is looked at
/// after each; how many came is told, unless none did.
fn recvmmsg_time64(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let timeout = match call.u32(4) {
        0 => None,
        address => Some(duration(&call.bytes_at(address, TIMESPEC)?)?),
    };
    let file = file(system, call.u32(0))?;
    let until = timeout.and_then(|timeout| call.waiter.now().checked_add(timeout));
    let waits_for_one = call.u32(3) & message::WAIT_FOR_ONE != 0;
    let mut of_call = call.u32(3) & !message::WAIT_FOR_ONE;
    each_message(call, |call, at| {
        let length = receive_message(system, call, &file, at, of_call)?;
        if waits_for_one {
            of_call |= message::DO_NOT_WAIT;
        }
        let is_over = until.is_some_and(|until: Instant| call.waiter.now() >= until);
        Ok((length, if is_over { GoesOn::No } else { GoesOn::Yes }))
    })
}

/// Whether another message comes after one.
#[derive(PartialEq, Eq)]
enum GoesOn {
    Yes,
    No,
}

/// Does `one` with each message of the array at argument 1, of which argument 2 says how many
/// there are, until one fails; each is told how long it was. How many were done is told, unless
/// the first failed.
fn each_message(
    call: &mut Call<'_>,
    mut one: impl FnMut(&mut Call<'_>, u32) -> Result<(u32, GoesOn), Fault>,
) -> Result<Answer, Fault> {
    let (first, count) = (call.u32(1), call.u32(2).min(COUNT));
    let mut done = 0;
    while done < count {
        call.waiter.go_on()?;
        let at = first.checked_add(done * MESSAGES).ok_or(Errno::FAULT)?;
        let result = one(call, at).and_then(|(length, goes_on)| {
            call.write_u32(at.saturating_add(MESSAGE as u32), length)?;
            Ok(goes_on)
        });
        match result {
            Ok(goes_on) => {
                done += 1;
                if goes_on == GoesOn::No {
                    break;
                }
            }
            Err(fault @ Fault::Stop(_)) => return Err(fault),
            Err(fault) if done == 0 => return Err(fault),
            Err(_) => break,
        }
    }
    value(done)
}
