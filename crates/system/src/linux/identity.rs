//! Who the program is, and on what machine. There is one user with one group, and one process
//! in one group and session of its own, without any privilege.

use super::{calls, done, refused, value};
use crate::process::{NAME_BYTES, SLACK};
use crate::random::fill;
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, Identity, Signal, System};
use bellglass_wire::View;

const NONE: &[View] = &[];
const FULL: Support = Support::Full;
const DENIED: Support = Support::Refused(Errno::PERM);

pub(super) const ROWS: &[Row] = calls! { "linux":
    getpid() NONE, FULL, "", getpid;
    getppid() NONE, FULL, "", getppid;
    getpgid(process: Signed) NONE, FULL, "", getpgid;
    getsid(process: Signed) NONE, FULL, "", getpgid;
    setpgid(process: Signed, group: Signed) NONE, Support::Partial, "it fails: the one process leads its session, and so stays in its group", setpgid;
    setsid() NONE, DENIED, "the process leads its group already", refused;
    getuid() NONE, FULL, "", getuid;
    geteuid() NONE, FULL, "", getuid;
    getgid() NONE, FULL, "", getgid;
    getegid() NONE, FULL, "", getgid;
    getresuid(real: Result, effective: Result, saved: Result) NONE, FULL, "", getresuid;
    getresgid(real: Result, effective: Result, saved: Result) NONE, FULL, "", getresgid;
    setuid(user: Signed) NONE, FULL, "", setuid;
    setgid(group: Signed) NONE, FULL, "", setgid;
    setreuid(real: Signed, effective: Signed) NONE, FULL, "", setresuid;
    setregid(real: Signed, effective: Signed) NONE, FULL, "", setresgid;
    setresuid(real: Signed, effective: Signed, saved: Signed) NONE, FULL, "", setresuid;
    setresgid(real: Signed, effective: Signed, saved: Signed) NONE, FULL, "", setresgid;
    setfsuid(user: Signed) NONE, FULL, "", getuid;
    setfsgid(group: Signed) NONE, FULL, "", getgid;
    getgroups(count: Signed, groups: Result) NONE, FULL, "", getgroups;
    setgroups(count: Size, groups: Pointer) NONE, DENIED, "only a superuser may", refused;
    capget(header: Pointer, data: Result) &[View::Fixed { pointer: 0, size: 8 }], FULL, "", capget;
    capset(header: Pointer, data: Pointer) &[View::Fixed { pointer: 0, size: 8 }, View::Fixed { pointer: 1, size: 24 }], FULL, "", capset;
    prctl(option: ProcessOption, first: Unsigned, second: Unsigned, third: Unsigned, fourth: Unsigned) NONE, Support::Partial, "what a process without privileges may ask and set of itself; no filters of calls", prctl;
    personality(persona: Flags) NONE, Support::Partial, "kept and told, and nothing else comes of it", personality;
    uname(name: Result) NONE, FULL, "", uname;
    sethostname(name: Buffer, length: Size) NONE, DENIED, "only a superuser may", refused;
    setdomainname(name: Buffer, length: Size) NONE, DENIED, "only a superuser may", refused;
    sysinfo(information: Result) NONE, FULL, "", sysinfo;
    getcpu(processor: Result, node: Result, unused: Pointer) NONE, FULL, "", getcpu;
    getrandom(bytes: Result, length: Size, flags: RandomFlags) NONE, FULL, "", getrandom;
    syslog(action: Unsigned, bytes: Buffer, length: Size) NONE, DENIED, "only a superuser may read what the kernel has logged", refused;
};

/// What stands for "leave it" in the calls that set identities, and is nobody.
const SAME: u32 = u32::MAX;

impl System {
    /// A process that there is: the program's own, by its number or 0, or its parent. ESRCH.
    pub(super) fn find_process(&self, process: u32) -> Result<Who, Errno> {
        let Identity { process: own, parent_process: parent, .. } = self.identity;
        match process {
            0 => Ok(Who::Itself),
            _ if process == own => Ok(Who::Itself),
            _ if process == parent => Ok(Who::Parent),
            _ => Err(Errno::SRCH),
        }
    }
}

/// A process that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The program's own.
    Itself,
    /// That which has started it, and is another user's.
    Parent,
}

impl Who {
    /// Only the program's own may be changed; EPERM.
    pub(super) fn own(self) -> Result<(), Errno> {
        if self == Self::Itself { Ok(()) } else { Err(Errno::PERM) }
    }
}

fn getpid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    value(system.identity.process)
}

fn getppid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    value(system.identity.parent_process)
}

/// Each process leads a group and a session of its number.
fn getpgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    value(match system.find_process(call.u32(0))? {
        Who::Itself => system.identity.process,
        Who::Parent => system.identity.parent_process,
    })
}

/// EPERM, for it leads a session; the parent is no child, ESRCH.
fn setpgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.i32(1) < 0 {
        return Err(Errno::INVAL.into());
    }
    match system.find_process(call.u32(0))? {
        Who::Itself => Err(Errno::PERM.into()),
        Who::Parent => Err(Errno::SRCH.into()),
    }
}

fn getuid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::i32(system.identity.user.cast_signed()))
}

fn getgid(system: &mut System, _call: &mut Call<'_>) -> Result<Answer, Fault> {
    Ok(Answer::i32(system.identity.group.cast_signed()))
}

/// The three of a kind: real, effective and saved.
fn write_three(call: &mut Call<'_>, number: u32) -> Result<Answer, Fault> {
    for index in 0..3 {
        call.write_u32(call.u32(index), number)?;
    }
    done()
}

fn getresuid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_three(call, system.identity.user)
}

fn getresgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    write_three(call, system.identity.group)
}

/// To become who one is already succeeds; EPERM otherwise.
fn stay(call: &Call<'_>, own: u32) -> Result<Answer, Fault> {
    let stays = (0..call.arguments.len()).all(|index| [own, SAME].contains(&call.u32(index)));
    if stays { done() } else { Err(Errno::PERM.into()) }
}

/// EINVAL for nobody.
fn somebody(call: &Call<'_>) -> Result<(), Errno> {
    if call.u32(0) == SAME { Err(Errno::INVAL) } else { Ok(()) }
}

fn setuid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    somebody(call)?;
    stay(call, system.identity.user)
}

fn setgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    somebody(call)?;
    stay(call, system.identity.group)
}

fn setresuid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    stay(call, system.identity.user)
}

fn setresgid(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    stay(call, system.identity.group)
}

fn getgroups(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    match call.i32(0) {
        ..0 => return Err(Errno::INVAL.into()),
        0 => {}
        1.. => call.write_u32(call.u32(1), system.identity.group)?,
    }
    value(1)
}

/// The versions of the structures of capabilities, and how many structures each has.
const CAPABILITY_VERSIONS: [(u32, usize); 3] = [(0x1998_0330, 1), (0x2007_1026, 2), (0x2008_0522, 2)];

/// The capabilities that there are, a bit each.
const CAPABILITIES: u64 = (1 << 41) - 1;

/// How many structures follow; EINVAL for another version, and the header says which is wanted.
fn capability_structures(call: &mut Call<'_>) -> Result<usize, Fault> {
    let version = call.u32_at(call.u32(0))?;
    match CAPABILITY_VERSIONS.into_iter().find(|(known, _)| *known == version) {
        Some((_, count)) => Ok(count),
        None => {
            call.write_u32(call.u32(0), CAPABILITY_VERSIONS[2].0)?;
            Err(Errno::INVAL.into())
        }
    }
}

/// There are none.
fn capget(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let count = match capability_structures(call) {
        // It was asked which version there is.
        Err(Fault::Errno(Errno::INVAL)) if call.u32(1) == 0 => return done(),
        Ok(_) if call.u32(1) == 0 => return done(),
        count => count?,
    };
    let process = call.u32_at(call.u32(0).wrapping_add(4))?;
    if process.cast_signed() < 0 {
        return Err(Errno::INVAL.into());
    }
    system.find_process(process)?;
    call.memory.write(call.u32(1), &[0; 24][..count * 12])?;
    done()
}

/// Nothing but none; EPERM.
fn capset(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let count = capability_structures(call)?;
    let process = call.u32_at(call.u32(0).wrapping_add(4))?;
    if ![0, system.identity.process].contains(&process) {
        return Err(Errno::PERM.into());
    }
    let mut bytes = [0; 24];
    call.memory.read(call.u32(1), &mut bytes[..count * 12])?;
    // Effective, permitted and inheritable, first the lower halves of all three.
    let wanted = bytes.chunks_exact(4).zip(0..).any(|(word, index)| {
        let mask = if index < 3 { CAPABILITIES } else { CAPABILITIES >> 32 };
        word.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)) & mask != 0
    });
    if wanted { Err(Errno::PERM.into()) } else { done() }
}

fn flag(number: u32) -> Result<bool, Errno> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::INVAL),
    }
}

fn prctl(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let arguments: [u32; 4] = std::array::from_fn(|index| call.u32(index + 1));
    let [first, rest @ ..] = arguments;
    let (all_zero, rest_zero) = (arguments == [0; 4], rest == [0; 3]);
    let zero = |is: bool| if is { Ok(()) } else { Err(Errno::INVAL) };
    let process = &mut system.process;
    match call.u32(0) {
        // The signal at the parent's end.
        1 => {
            let signal = if first == 0 { Some(0) } else { Signal::from_number(first).map(Signal::number) };
            process.death_signal = signal.ok_or(Errno::INVAL)?;
        }
        2 => call.write_u32(first, process.death_signal.into())?,
        // Whether it could be looked into.
        3 => return value(process.dumpable.into()),
        4 => process.dumpable = flag(first)?,
        // Capabilities: whether they are kept, may be had at all, and stay.
        7 => return value(process.keeps_capabilities.into()),
        8 => process.keeps_capabilities = flag(first)?,
        23 => return zero(first <= 40).map(|()| Answer::i32(0)).map_err(Fault::from),
        24 => return Err(Errno::PERM.into()),
        27 => return value(0),
        28 => return Err(Errno::PERM.into()),
        47 => match (first, rest) {
            (1 | 3, [0..=40, 0, 0]) | (4, [0, 0, 0]) => {}
            (2, [0..=40, 0, 0]) => return Err(Errno::PERM.into()),
            _ => return Err(Errno::INVAL.into()),
        },
        // How processor time is counted: in samples.
        13 => return value(0),
        14 => zero(first == 0)?,
        // The name.
        15 => {
            let mut name = Vec::new();
            call.memory.read_text(first, NAME_BYTES, &mut name)?;
            system.process.name = Some(name);
        }
        16 => {
            let mut bytes = [0; NAME_BYTES + 1];
            let name = crate::information::name(system);
            bytes[..name.len()].copy_from_slice(&name);
            call.memory.write(first, &bytes)?;
        }
        // Filters of calls: none.
        21 => return value(0),
        // How late a sleep may be.
        29 => process.slack = if first.cast_signed() <= 0 { SLACK } else { first },
        30 => return value(process.slack),
        // Where the parts of its memory are.
        35 => return Err(Errno::PERM.into()),
        36 => process.reaps_orphans = first != 0,
        37 => call.write_u32(first, process.reaps_orphans.into())?,
        38 => {
            zero(first == 1 && rest_zero)?;
            process.no_new_privileges = true;
        }
        39 => {
            zero(all_zero)?;
            return value(process.no_new_privileges.into());
        }
        41 => {
            zero(rest_zero)?;
            process.no_huge_pages = first != 0;
        }
        42 => {
            zero(all_zero)?;
            return value(process.no_huge_pages.into());
        }
        _ => return Err(Errno::INVAL.into()),
    }
    done()
}

/// What stands for "only tell" in place of a persona.
const ASK: u32 = u32::MAX;

fn personality(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let before = system.process.personality;
    if call.u32(0) != ASK {
        system.process.personality = call.u32(0);
    }
    Ok(Answer::i32(before.cast_signed()))
}

/// Bytes of each of the names of `struct utsname`.
const NAME: usize = 65;

fn uname(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let host = system.identity.host_name.as_str();
    let names = ["Linux", host, Identity::RELEASE, Identity::VERSION, Identity::MACHINE, "(none)"];
    let mut bytes = [0; 6 * NAME];
    for (place, name) in bytes.chunks_exact_mut(NAME).zip(names) {
        let name = name.as_bytes();
        // With a zero byte behind it.
        let name = name.get(..NAME - 1).unwrap_or(name);
        place[..name.len()].copy_from_slice(name);
    }
    call.memory.write(call.u32(0), &bytes)?;
    done()
}

/// Bytes of a unit of memory where bytes do not fit into 32 bits.
const PAGE: u64 = 4096;

/// Bytes of `struct sysinfo`.
const INFORMATION_BYTES: usize = 64;

fn sysinfo(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (total, free) = crate::information::memory_bytes(system);
    let unit = if u32::try_from(total).is_ok() { 1 } else { PAGE };
    let [total, free] = [total, free].map(|bytes| u32::try_from(bytes / unit).unwrap_or(u32::MAX));
    let load = (crate::information::load(system) * 65536.0) as u32;
    let up = system.host.clock.monotonic().as_secs() as u32;
    let mut bytes = [0; INFORMATION_BYTES];
    for (at, number) in
        [(0, up), (4, load), (8, load), (12, load), (16, total), (20, free), (40, 1), (52, unit as u32)]
    {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    call.memory.write(call.u32(0), &bytes)?;
    done()
}

fn getcpu(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    for (index, number) in [(0, system.process.processor()), (1, 0)] {
        if call.u32(index) != 0 {
            call.write_u32(call.u32(index), number)?;
        }
    }
    done()
}

/// Whether it may wait, which source it is, and whether one will do that is not ready yet.
const DO_NOT_WAIT: u32 = 1;
const RANDOM: u32 = 2;
const INSECURE: u32 = 4;

/// All that is wanted, and at once.
fn getrandom(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let (address, length, flags) = (call.u32(0), call.u32(1), call.u32(2));
    if flags & !(DO_NOT_WAIT | RANDOM | INSECURE) != 0 || flags & RANDOM != 0 && flags & INSECURE != 0 {
        return Err(Errno::INVAL.into());
    }
    // As much as the memory has room for, where that is less.
    let room = call.memory.size().saturating_sub(address.into());
    let most = u64::from(length.min(i32::MAX.cast_unsigned())).min(room) as u32;
    if length > 0 && most == 0 {
        return Err(Errno::FAULT.into());
    }
    fill(system, call, address, most)?;
    value(most)
}
