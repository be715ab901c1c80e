//! Sockets, of which there are only pairs, inside the guest.

use super::done;
use crate::guest::total;
use crate::local::{Outgoing, Receiving};
use crate::object::{Taking, Ways};
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System};

/// Looks at the bytes and leaves them.
const PEEK: u32 = 1;

/// Waits for all the bytes.
const WAIT_ALL: u32 = 2;

pub(super) fn sock_accept(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.get(call.u32(0))?.description.object.socket()?;
    // A pair's end is connected already.
    Err(Errno::INVAL.into())
}

pub(super) fn sock_recv(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = system.descriptors.get(call.u32(0))?.with(Rights::FD_READ)?;
    let socket = description.object.socket()?;
    let flags = call.u32(3);
    if flags & !(PEEK | WAIT_ALL) != 0 {
        return Err(Errno::INVAL.into());
    }
    let taking = if flags & PEEK != 0 { Taking::Peek } else { Taking::Take };
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    call.check(&buffers)?;
    let mut bytes = vec![0; total(&buffers)];
    let how =
        Receiving { taking, all: flags & WAIT_ALL != 0, urgent: false, blocking: description.blocking() };
    // No room for a byte waits for none.
    let count = if bytes.is_empty() { 0 } else { socket.receive(&mut bytes, how, call.waiter)?.count };
    call.scatter(&buffers, &bytes[..count])?;
    call.write_u32(call.u32(4), count as u32)?;
    // No flags of the answer: nothing was cut off.
    call.memory.write(call.u32(5), &[0, 0])?;
    done()
}

pub(super) fn sock_send(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = system.descriptors.get(call.u32(0))?.with(Rights::FD_WRITE)?;
    let socket = description.object.socket()?;
    if call.u32(3) != 0 {
        return Err(Errno::INVAL.into());
    }
    let buffers = call.buffers(call.u32(1), call.u32(2))?;
    let bytes = call.gather(&buffers)?;
    let blocking = description.blocking();
    let outgoing = Outgoing { bytes: &bytes, to: None, files: Vec::new(), blocking, is_urgent: false };
    let count = socket.send(outgoing, call.waiter)?;
    call.write_u32(call.u32(4), count as u32)?;
    done()
}

/// Which ways to shut down: 1 reading, 2 writing, 3 both.
pub(super) fn sock_shutdown(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let description = &system.descriptors.get(call.u32(0))?.description;
    let socket = description.object.socket()?;
    socket.shut_down(match call.u32(1) {
        1 => Ways::Receiving,
        2 => Ways::Sending,
        3 => Ways::Both,
        _ => return Err(Errno::INVAL.into()),
    });
    done()
}
