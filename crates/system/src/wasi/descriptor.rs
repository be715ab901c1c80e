//! Descriptors themselves: closing, flags, rights, renumbering, preopens.

use super::done;
use crate::descriptors::flags;
use crate::rights::Rights;
use crate::{Answer, Call, Errno, Fault, System};

/// The descriptor of the one preopened directory.
pub(crate) const PREOPENED: u32 = 3;

/// Its path.
const PREOPENED_PATH: &[u8] = b"/";

pub(super) fn fd_close(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.descriptors.close(call.u32(0))?;
    done()
}

pub(super) fn fd_fdstat_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let description = &descriptor.description;
    let mut bytes = vec![description.object.file_type()?.wasi(), 0];
    bytes.extend(to_wasi(description.flags()).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(descriptor.rights.0.to_le_bytes());
    bytes.extend(descriptor.inheriting.0.to_le_bytes());
    call.memory.write(call.u32(1), &bytes)?;
    done()
}

pub(super) fn fd_fdstat_set_flags(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let descriptor = system.descriptors.get(call.u32(0))?;
    let new = from_wasi(call.u32(1))?;
    descriptor.with(Rights::FD_FDSTAT_SET_FLAGS)?.set_flags(from_wasi(ALL)?, new);
    done()
}

/// WASI's flags of an open file, each with Linux's: append, dsync, nonblock, rsync, sync.
const FLAGS: [(u16, u32); 5] =
    [(1, flags::APPEND), (2, flags::DSYNC), (4, flags::NONBLOCK), (8, flags::RSYNC), (16, flags::SYNC)];

/// All of them.
const ALL: u32 = 31;

/// EINVAL for one that there is not.
pub(super) fn from_wasi(flags: u32) -> Result<u32, Errno> {
    if flags & !ALL != 0 {
        return Err(Errno::INVAL);
    }
    let has = |flag: u16| flags & u32::from(flag) != 0;
    Ok(FLAGS.iter().filter(|(flag, _)| has(*flag)).fold(0, |all, (_, linux)| all | linux))
}

fn to_wasi(flags: u32) -> u16 {
    FLAGS.iter().filter(|(_, linux)| flags & linux != 0).fold(0, |all, (flag, _)| all | flag)
}

/// Rights can only be given up: ENOTCAPABLE otherwise.
pub(super) fn fd_fdstat_set_rights(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (rights, inheriting) = (Rights(call.u64(1)), Rights(call.u64(2)));
    let descriptor = system.descriptors.get_mut(call.u32(0))?;
    if !descriptor.rights.contains(rights) || !descriptor.inheriting.contains(inheriting) {
        return Err(Errno::NOTCAPABLE.into());
    }
    descriptor.rights = rights;
    descriptor.inheriting = inheriting;
    done()
}

/// Both must be open. What `to` was is closed.
pub(super) fn fd_renumber(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (from, to) = (call.u32(0), call.u32(1));
    system.descriptors.get(from)?;
    system.descriptors.get(to)?;
    if from != to {
        let descriptor = system.descriptors.close(from)?;
        system.descriptors.replace(to, descriptor)?;
    }
    done()
}

fn preopened(system: &System, number: u32) -> Result<(), Errno> {
    let descriptor = system.descriptors.get(number)?;
    // The guest asks from 3 on until it gets this.
    let is_directory = descriptor.description.object.directory().is_ok();
    if number == PREOPENED && is_directory { Ok(()) } else { Err(Errno::BADF) }
}

pub(super) fn fd_prestat_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    preopened(system, call.u32(0))?;
    // Tag 0: a directory.
    let mut bytes = vec![0; 4];
    bytes.extend((PREOPENED_PATH.len() as u32).to_le_bytes());
    call.memory.write(call.u32(1), &bytes)?;
    done()
}

pub(super) fn fd_prestat_dir_name(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    preopened(system, call.u32(0))?;
    if (call.u32(2) as usize) < PREOPENED_PATH.len() {
        return Err(Errno::NAMETOOLONG.into());
    }
    call.memory.write(call.u32(1), PREOPENED_PATH)?;
    done()
}
