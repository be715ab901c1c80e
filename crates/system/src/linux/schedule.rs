//! The scheduler: how early the process is served, and on which processors. What is set is kept
//! and told; what a program may really use is for the limits of its run to say.

use super::time::write_time;
use super::{calls, done, value};
use crate::process::{Process, all_processors, policy};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::time::Duration;

const NONE: &[View] = &[];
const FULL: Support = Support::Full;
const PARAMETER_1: &[View] = &[View::Fixed { pointer: 1, size: 4 }];
const PARAMETER_2: &[View] = &[View::Fixed { pointer: 2, size: 4 }];
const KEPT: Support = Support::Partial;

pub(super) const ROWS: &[Row] = calls! { "linux":
    sched_yield() NONE, FULL, "", sched_yield;
    sched_getaffinity(process: Signed, length: Size, mask: Result) NONE, FULL, "", sched_getaffinity;
    sched_setaffinity(process: Signed, length: Size, mask: Pointer) NONE, KEPT, "kept and told, and nothing else comes of it", sched_setaffinity;
    sched_getscheduler(process: Signed) NONE, FULL, "", sched_getscheduler;
    sched_setscheduler(process: Signed, policy: Unsigned, parameter: Pointer) PARAMETER_2, KEPT, "kept and told, and nothing else comes of it", sched_setscheduler;
    sched_getparam(process: Signed, parameter: Result) NONE, FULL, "", sched_getparam;
    sched_setparam(process: Signed, parameter: Pointer) PARAMETER_1, KEPT, "kept and told, and nothing else comes of it", sched_setparam;
    sched_getattr(process: Signed, attributes: Result, size: Size, flags: Flags) NONE, FULL, "", sched_getattr;
    sched_setattr(process: Signed, attributes: Pointer, flags: Flags) NONE, KEPT, "kept and told, and nothing else comes of it", sched_setattr;
    sched_get_priority_max(policy: Unsigned) NONE, FULL, "", sched_get_priority_max;
    sched_get_priority_min(policy: Unsigned) NONE, FULL, "", sched_get_priority_min;
    sched_rr_get_interval_time64(process: Signed, interval: Result) NONE, FULL, "", sched_rr_get_interval;
    getpriority(which: Unsigned, who: Signed) NONE, FULL, "", getpriority;
    setpriority(which: Unsigned, who: Signed, nice: Signed) NONE, KEPT, "kept and told, and nothing else comes of it", setpriority;
    ioprio_get(which: Unsigned, who: Signed) NONE, FULL, "", ioprio_get;
    ioprio_set(which: Unsigned, who: Signed, priority: Unsigned) NONE, KEPT, "kept and told, and nothing else comes of it", ioprio_set;
};

fn sched_yield(_system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    done()
}

fn sched_getaffinity(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let length = call.u32(1);
    if u64::from(length) * 8 < u64::from(system.identity.processors()) || !length.is_multiple_of(4) {
        return Err(Errno::INVAL.into());
    }
    let mask = match system.find_process(call.u32(0))? {
        super::identity::Who::Itself => system.process.affinity.clone(),
        super::identity::Who::Parent => all_processors(&system.identity),
    };
    let told = &mask[..mask.len().min(length as usize)];
    call.memory.write(call.u32(2), told)?;
    value(told.len() as u32)
}

/// EINVAL for a mask without a processor that there is.
fn sched_setaffinity(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut mask = all_processors(&system.identity);
    // BOUND: what is beyond the processors is not looked at.
    let wanted = call.bytes_at(call.u32(2), mask.len().min(call.u32(1) as usize))?;
    system.find_process(call.u32(0))?.own()?;
    for (index, byte) in mask.iter_mut().enumerate() {
        *byte &= wanted.get(index).copied().unwrap_or(0);
    }
    if mask.iter().all(|byte| *byte == 0) {
        return Err(Errno::INVAL.into());
    }
    system.process.affinity = mask;
    done()
}

/// Says with a policy that children begin with the ordinary one.
const RESET_ON_FORK: u32 = 0x4000_0000;

/// EINVAL for a number that no process has.
fn process_number(call: &Call<'_>) -> Result<u32, Errno> {
    if call.i32(0) < 0 { Err(Errno::INVAL) } else { Ok(call.u32(0)) }
}

fn sched_getscheduler(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let who = system.find_process(process_number(call)?)?;
    let Process { policy, resets_on_fork, .. } = system.process;
    value(match who.own() {
        Ok(()) => policy | if resets_on_fork { RESET_ON_FORK } else { 0 },
        Err(_) => policy::ORDINARY,
    })
}

/// What is to be set of a process's place.
struct Place {
    policy: u32,
    resets_on_fork: bool,
    nice: i32,
    priority: u32,
}

/// Sets it as a process without privileges may: no policy of real time, and no earlier than now.
fn set_place(system: &mut System, process: u32, place: &Place) -> Result<Answer, Fault> {
    let who = system.find_process(process)?;
    let Place { policy, resets_on_fork, nice, priority } = *place;
    let is_real_time = matches!(policy, policy::FIRST_IN_FIRST_OUT | policy::ROUND_ROBIN);
    let is_fair = matches!(policy, policy::ORDINARY | policy::BATCH);
    if !is_real_time && !is_fair && !matches!(policy, policy::IDLE | policy::DEADLINE)
        || priority > 99
        || is_real_time != (priority != 0)
    {
        return Err(Errno::INVAL.into());
    }
    let own = &mut system.process;
    let earlier = is_fair && nice < own.nice && !own.may_be_nice(nice);
    let leaves_idle = own.policy == policy::IDLE && policy != policy::IDLE && !own.may_be_nice(own.nice);
    if is_real_time
        || policy == policy::DEADLINE
        || earlier
        || leaves_idle
        || own.resets_on_fork && !resets_on_fork
    {
        return Err(Errno::PERM.into());
    }
    who.own()?;
    (own.policy, own.resets_on_fork) = (policy, resets_on_fork);
    if is_fair {
        own.nice = nice;
    }
    done()
}

fn sched_setscheduler(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let process = process_number(call)?;
    if call.i32(1) < 0 || call.u32(2) == 0 {
        return Err(Errno::INVAL.into());
    }
    let priority = call.u32_at(call.u32(2))?;
    let policy = call.u32(1) & !RESET_ON_FORK;
    if policy == policy::DEADLINE {
        // Which takes more to say than this can.
        system.find_process(process)?;
        return Err(Errno::INVAL.into());
    }
    let resets_on_fork = call.u32(1) & RESET_ON_FORK != 0;
    set_place(system, process, &Place { policy, resets_on_fork, nice: system.process.nice, priority })
}

fn sched_setparam(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let process = process_number(call)?;
    if call.u32(1) == 0 {
        return Err(Errno::INVAL.into());
    }
    let priority = call.u32_at(call.u32(1))?;
    let Process { policy, resets_on_fork, nice, .. } = system.process;
    set_place(system, process, &Place { policy, resets_on_fork, nice, priority })
}

fn sched_getparam(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let process = process_number(call)?;
    if call.u32(1) == 0 {
        return Err(Errno::INVAL.into());
    }
    system.find_process(process)?;
    call.write_u32(call.u32(1), 0)?;
    done()
}

/// Bytes of `struct sched_attr`, now and when it was new; and the most that a program may say
/// that it has.
const ATTRIBUTES_BYTES: usize = 56;
const FIRST_ATTRIBUTES_BYTES: u32 = 48;
const MOST_ATTRIBUTES_BYTES: u32 = 4096;

/// Flags of that structure: all that there are, and those that are looked at.
const ATTRIBUTE_FLAGS: u64 = 0x7f;
const RESETS: u64 = 1;
const KEEP_POLICY: u64 = 8;
const KEEP_PARAMETERS: u64 = 0x10;
const CLAMPS: u64 = 0x60;

fn sched_getattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (process, size) = (process_number(call)?, call.u32(2));
    let sizes = FIRST_ATTRIBUTES_BYTES..=MOST_ATTRIBUTES_BYTES;
    if call.u32(1) == 0 || !sizes.contains(&size) || call.u32(3) != 0 {
        return Err(Errno::INVAL.into());
    }
    let own = system.find_process(process)?.own().is_ok();
    let told = (size as usize).min(ATTRIBUTES_BYTES);
    let mut bytes = [0; ATTRIBUTES_BYTES];
    bytes[..4].copy_from_slice(&(told as u32).to_le_bytes());
    if own {
        let Process { policy, resets_on_fork, nice, .. } = system.process;
        bytes[4..8].copy_from_slice(&policy.to_le_bytes());
        bytes[8] = resets_on_fork.into();
        let is_fair = matches!(policy, policy::ORDINARY | policy::BATCH);
        bytes[16..20].copy_from_slice(&(if is_fair { nice } else { 0 }).to_le_bytes());
    }
    call.memory.write(call.u32(1), &bytes[..told])?;
    done()
}

fn sched_setattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (process, address) = (process_number(call)?, call.u32(1));
    if address == 0 || call.u32(2) != 0 {
        return Err(Errno::INVAL.into());
    }
    let size = match call.u32_at(address)? {
        0 => FIRST_ATTRIBUTES_BYTES,
        size => size,
    };
    // BOUND: the guest chooses the size; it is held to MOST_ATTRIBUTES_BYTES.
    let mut is_known = (FIRST_ATTRIBUTES_BYTES..=MOST_ATTRIBUTES_BYTES).contains(&size);
    let mut bytes = [0; ATTRIBUTES_BYTES];
    if is_known {
        let all = call.bytes_at(address, size as usize)?;
        let (known, more) = all.split_at(all.len().min(ATTRIBUTES_BYTES));
        is_known = more.iter().all(|byte| *byte == 0);
        bytes[..known.len()].copy_from_slice(known);
    }
    if !is_known {
        call.write_u32(address, ATTRIBUTES_BYTES as u32)?;
        return Err(Errno::TOOBIG.into());
    }
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let flags = u64::from(word(8)) | u64::from(word(12)) << 32;
    if flags & !ATTRIBUTE_FLAGS != 0 || flags & CLAMPS != 0 && (size as usize) < ATTRIBUTES_BYTES {
        return Err(Errno::INVAL.into());
    }
    let own = &system.process;
    let keeps = |flag| flags & flag != 0;
    let policy = if keeps(KEEP_POLICY) { own.policy } else { word(4) };
    let (nice, priority) = match keeps(KEEP_PARAMETERS) {
        true => (own.nice, 0),
        false => (word(16).cast_signed().clamp(-20, 19), word(20)),
    };
    let resets_on_fork = if keeps(KEEP_POLICY) { own.resets_on_fork } else { keeps(RESETS) };
    let answer = set_place(system, process, &Place { policy, resets_on_fork, nice, priority })?;
    // How fast the processor must be at least, and at most, is nothing that there is.
    if keeps(CLAMPS) { Err(Errno::NOTSUP.into()) } else { Ok(answer) }
}

fn priority_of(policy: u32, real_time: u32) -> Result<Answer, Fault> {
    match policy {
        policy::FIRST_IN_FIRST_OUT | policy::ROUND_ROBIN => value(real_time),
        policy::ORDINARY | policy::BATCH | policy::IDLE | policy::DEADLINE => value(0),
        _ => Err(Errno::INVAL.into()),
    }
}

fn sched_get_priority_max(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    priority_of(call.u32(0), 99)
}

fn sched_get_priority_min(_system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    priority_of(call.u32(0), 1)
}

/// None: nobody else wants the processor.
fn sched_rr_get_interval(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    system.find_process(process_number(call)?)?;
    write_time(call, call.u32(1), Duration::ZERO)?;
    done()
}

/// Whom a priority is of: those that `which` and `who` name. `first` is Linux's number of "one
/// process"; that of its group and that of a user's processes follow.
fn whom(system: &System, call: &Call<'_>, first: u32) -> Result<super::identity::Who, Errno> {
    let (which, who) = (call.u32(0), call.u32(1));
    match which.checked_sub(first) {
        // Each process leads a group of its number.
        Some(0 | 1) => system.find_process(who),
        Some(2) if who == 0 || who == system.identity.user => Ok(super::identity::Who::Itself),
        Some(2) => Err(Errno::SRCH),
        _ => Err(Errno::INVAL),
    }
}

/// 20 less how nice it is, which is never an error.
fn getpriority(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let own = whom(system, call, 0)?.own().is_ok();
    let nice = if own { system.process.nice } else { 0 };
    Ok(Answer::i32(20i32.saturating_sub(nice)))
}

fn setpriority(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let who = whom(system, call, 0)?;
    let nice = call.i32(2).clamp(-20, 19);
    who.own()?;
    if nice < system.process.nice && !system.process.may_be_nice(nice) {
        return Err(Errno::ACCES.into());
    }
    system.process.nice = nice;
    done()
}

/// Classes of input and output, in the bits above the level.
const CLASS_SHIFT: u32 = 13;
const LEVELS: u32 = 8;

fn ioprio_get(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let own = whom(system, call, 1)?.own().is_ok();
    value(if own { system.process.io_priority } else { 0 })
}

fn ioprio_set(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let priority = call.u32(2);
    let level = priority & (LEVELS - 1);
    match priority >> CLASS_SHIFT {
        // Real time.
        1 => return Err(Errno::PERM.into()),
        // As good as can be, idle; and none, which has no levels.
        2 | 3 => {}
        0 if level == 0 => {}
        _ => return Err(Errno::INVAL.into()),
    }
    whom(system, call, 1)?.own()?;
    system.process.io_priority = priority;
    done()
}
