//! The terminal, if the user attached one.

use super::{layout, ok, same_or, unsigned};
use crate::host::{Action, Settings};
use crate::object::Terminal;
use crate::{Answer, Call, Errno, Fault, System};

/// Bytes of the guest's struct termios: four words of modes, the line discipline,
/// 32 control characters, padding, two speeds.
const TERMIOS_BYTES: usize = layout::TERMINAL.size;

const CHARACTERS_AT: usize = layout::TERMINAL.fields[4].offset;
const SPEEDS_AT: [usize; 2] = [layout::TERMINAL.fields[5].offset, layout::TERMINAL.fields[6].offset];

/// The terminal; EBADF, ENOTTY.
fn terminal<'a>(system: &'a System, call: &Call<'_>) -> Result<&'a dyn Terminal, Errno> {
    system.descriptors.get(call.u32(0))?.description.object.terminal()
}

/// EBADF or ENOTTY, or nothing to do.
pub(super) fn check(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    terminal(system, call)?;
    ok(0)
}

/// The window's size. To change it, or anything else, is EPERM.
pub(super) fn ioctl(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const GET_WINDOW_SIZE: u32 = 0x5413;
    let terminal = terminal(system, call)?;
    if call.u32(1) != GET_WINDOW_SIZE {
        return Err(Errno::PERM.into());
    }
    let bytes = layout::WINDOW.bytes(terminal.window()?.map(u64::from));
    call.memory.write(call.u32(2), &bytes)?;
    ok(0)
}

pub(super) fn tcgetattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let terminal = terminal(system, call)?;
    call.memory.write(call.u32(1), &encode(&terminal.settings()?))?;
    ok(0)
}

/// A program may change the modes and characters of the terminal that its user
/// gave it, as getpass and line editors do; the speeds stay. What it changed is
/// put back when the run is over.
pub(super) fn tcsetattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let terminal = terminal(system, call)?;
    let action = match call.u32(1) {
        0 => Action::Now,
        1 => Action::Drain,
        2 => Action::Flush,
        _ => return Err(Errno::INVAL.into()),
    };
    let mut bytes = [0; TERMIOS_BYTES];
    call.memory.read(call.u32(2), &mut bytes)?;
    terminal.change(&system.terminal, action, &decode(&bytes))?;
    ok(0)
}

fn encode(settings: &Settings) -> [u8; TERMIOS_BYTES] {
    let mut bytes = [0; TERMIOS_BYTES];
    for (word, mode) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(settings.modes) {
        *word = mode.to_le_bytes();
    }
    bytes[CHARACTERS_AT..CHARACTERS_AT + Settings::CHARACTERS].copy_from_slice(&settings.characters);
    // B38400 both ways: what Linux says of a terminal that has no real speed.
    for at in SPEEDS_AT {
        bytes[at..at + 4].copy_from_slice(&15u32.to_le_bytes());
    }
    bytes
}

fn decode(bytes: &[u8; TERMIOS_BYTES]) -> Settings {
    let mut settings = Settings { modes: [0; 4], characters: [0; Settings::CHARACTERS] };
    for (mode, word) in settings.modes.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *mode = u32::from_le_bytes(*word);
    }
    settings.characters.copy_from_slice(&bytes[CHARACTERS_AT..CHARACTERS_AT + Settings::CHARACTERS]);
    settings
}

/// Returns the error number itself; ERANGE if the name does not fit.
pub(super) fn ttyname_r(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const NAME: &[u8] = b"/dev/tty\0";
    terminal(system, call)?;
    if (call.u32(2) as usize) < NAME.len() {
        return Err(Errno::RANGE.into());
    }
    call.memory.write(call.u32(1), NAME)?;
    ok(0)
}

/// The one process is in the foreground.
pub(super) fn tcgetpgrp(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    terminal(system, call)?;
    unsigned(system.identity.process)
}

pub(super) fn tcsetpgrp(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    terminal(system, call)?;
    same_or(call.u32(1), system.identity.process, system.identity.process, Errno::PERM)?;
    ok(0)
}
