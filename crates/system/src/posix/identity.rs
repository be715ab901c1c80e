//! Who the program is. There is one user with one group, and one process in one
//! group and session of its own.

use super::{ok, same_or, unsigned};
use crate::{Answer, Call, Errno, Fault, System};

/// What stands for "leave it" in the calls that set identities.
const SAME: u32 = u32::MAX;

pub(super) fn getuid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    unsigned(system.identity.user)
}

pub(super) fn getgid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    unsigned(system.identity.group)
}

pub(super) fn getpid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    unsigned(system.identity.process)
}

pub(super) fn getppid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    unsigned(system.identity.parent_process)
}

/// Of the process itself, by its number or 0; ESRCH for another.
pub(super) fn getpgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    same_or(call.u32(0), system.identity.process, 0, Errno::SRCH)?;
    unsigned(system.identity.process)
}

/// It leads its group already, so that there is nothing to change.
pub(super) fn setpgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    same_or(call.u32(0), system.identity.process, 0, Errno::SRCH)?;
    same_or(call.u32(1), system.identity.process, 0, Errno::PERM)?;
    ok(0)
}

pub(super) fn getgroups(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match call.i32(0) {
        ..0 => return Err(Errno::INVAL.into()),
        0 => {}
        1.. => call.write_u32(call.u32(1), system.identity.group)?,
    }
    ok(1)
}

/// The three of a kind: real, effective and saved.
fn write_three(call: &mut Call<'_>, value: u32) -> Result<Answer, Fault> {
    for index in 0..3 {
        call.write_u32(call.u32(index), value)?;
    }
    ok(0)
}

pub(super) fn getresuid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_three(call, system.identity.user)
}

pub(super) fn getresgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_three(call, system.identity.group)
}

/// To become who one is already succeeds; EPERM otherwise.
fn stay(call: &Call<'_>, own: u32, stands_for_it: u32) -> Result<Answer, Fault> {
    for index in 0..call.arguments.len() {
        same_or(call.u32(index), own, stands_for_it, Errno::PERM)?;
    }
    ok(0)
}

pub(super) fn setuid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let own = system.identity.user;
    stay(call, own, own)
}

pub(super) fn setgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let own = system.identity.group;
    stay(call, own, own)
}

pub(super) fn setresuid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    stay(call, system.identity.user, SAME)
}

pub(super) fn setresgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    stay(call, system.identity.group, SAME)
}

/// How many processors the machine says it has. There is one thread, so it is the
/// number that programs plan with, and no more.
pub(super) fn get_nprocs(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    unsigned(system.identity.processors())
}

/// ENAMETOOLONG if the name and its zero byte do not fit.
pub(super) fn gethostname(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let name = [system.identity.host_name.as_bytes(), b"\0"].concat();
    if (call.u32(1) as usize) < name.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    call.memory.write(call.u32(0), &name)?;
    ok(0)
}
