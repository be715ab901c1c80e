//! Signals that a program sends. There is nobody else whom it could send one to.

use super::identity::Who;
use super::{calls, done, refused};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, Signal, System};
use bellglass_wire::View;

const NONE: &[View] = &[];
const ABSENT: Support = Support::Refused(Errno::NOSYS);

pub(super) const ROWS: &[Row] = calls! { "linux":
    kill(process: Signed, signal: Signal) NONE, Support::Partial, "to itself, for there is no other process; not SIGSTOP, for nobody could continue it", kill;
    tkill(thread: Signed, signal: Signal) NONE, Support::Partial, "to itself, for there is no other thread; not SIGSTOP, for nobody could continue it", tkill;
    tgkill(process: Signed, thread: Signed, signal: Signal) NONE, Support::Partial, "to itself, for there is no other thread; not SIGSTOP, for nobody could continue it", tgkill;
    restart_syscall() NONE, Support::Refused(Errno::INTR), "no call is left to go on with: the program's C library makes it again", refused;
    pidfd_open(process: Signed, flags: Flags) NONE, ABSENT, "there are no descriptors of processes", refused;
    pidfd_send_signal(fd: Descriptor, signal: Signal, information: Pointer, flags: Flags) NONE, ABSENT, "there are no descriptors of processes", refused;
    pidfd_getfd(fd: Descriptor, wanted: Descriptor, flags: Flags) NONE, ABSENT, "there are no descriptors of processes", refused;
};

/// Sends it to the one process that there is: 0 only asks. EINVAL for what is no signal; EPERM
/// for SIGSTOP, after which nobody could continue it.
fn send(call: &Call<'_>, who: Who, signal: u32) -> Result<Answer, Fault> {
    let signal = match signal {
        0 => None,
        number => Some(Signal::from_number(number).ok_or(Errno::INVAL)?),
    };
    who.own()?;
    match signal {
        Some(Signal::KILL) => Ok(Answer::Exit(128 + i32::from(Signal::KILL.number()))),
        Some(Signal::STOP) => Err(Errno::PERM.into()),
        Some(signal) => {
            call.waiter.signal(signal);
            done()
        }
        None => done(),
    }
}

/// To itself, by its number or as its group; ESRCH for others, and for all others at once, of
/// whom there is none.
fn kill(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let process = call.i32(0);
    let who = match process {
        i32::MIN | -1 => return Err(Errno::SRCH.into()),
        // Each process leads a group of its number.
        ..0 => system.find_process(process.unsigned_abs())?,
        0.. => system.find_process(process.cast_unsigned())?,
    };
    send(call, who, call.u32(1))
}

/// A thread has the number of its process.
fn thread(system: &System, number: i32) -> Result<Who, Errno> {
    if number <= 0 { Err(Errno::INVAL) } else { system.find_process(number.cast_unsigned()) }
}

fn tkill(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let who = thread(system, call.i32(0))?;
    send(call, who, call.u32(1))
}

fn tgkill(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.i32(0) <= 0 {
        return Err(Errno::INVAL.into());
    }
    let who = thread(system, call.i32(1))?;
    if call.i32(0) != call.i32(1) {
        return Err(Errno::SRCH.into());
    }
    send(call, who, call.u32(2))
}
