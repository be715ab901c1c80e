//! The terminal, if the user attached one.

use super::{layout, ok, same_or, unsigned};
use crate::wait::HostDescriptor;
use crate::{Answer, Call, Errno, Fault, System, pieces};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, QueueSelector, SpecialCodeIndex,
    Termios, Winsize,
};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of the guest's struct termios: four words of modes, the line discipline,
/// 32 control characters, padding, two speeds.
const TERMIOS_BYTES: usize = layout::TERMINAL.size;

const CHARACTERS_AT: usize = layout::TERMINAL.fields[4].offset;
const SPEEDS_AT: [usize; 2] = [layout::TERMINAL.fields[5].offset, layout::TERMINAL.fields[6].offset];

/// Control characters that Linux has; the rest of the 32 are zero.
const CHARACTERS: usize = 19;

/// The terminal's descriptor on the host; ENOTTY.
fn terminal(system: &System, call: &Call<'_>) -> Result<HostDescriptor, Errno> {
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
    let host = terminal(system, call)?;
    if call.u32(1) != GET_WINDOW_SIZE {
        return Err(Errno::PERM.into());
    }
    let Winsize { ws_row, ws_col, ws_xpixel, ws_ypixel } =
        rustix::termios::tcgetwinsize(&host).map_err(Errno::from)?;
    let bytes = layout::WINDOW.bytes([ws_row, ws_col, ws_xpixel, ws_ypixel].map(u64::from));
    call.memory.write(call.u32(2), &bytes)?;
    ok(0)
}

pub(super) fn tcgetattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let host = terminal(system, call)?;
    let settings = rustix::termios::tcgetattr(&host).map_err(Errno::from)?;
    call.memory.write(call.u32(1), &encode(&settings))?;
    ok(0)
}

/// A program may change the modes and characters of the terminal that its user
/// gave it, as getpass and line editors do; the speeds stay. What it changed is
/// put back when the run is over.
pub(super) fn tcsetattr(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let host = terminal(system, call)?;
    let action = match call.u32(1) {
        0 => OptionalActions::Now,
        1 => OptionalActions::Drain,
        2 => OptionalActions::Flush,
        _ => return Err(Errno::INVAL.into()),
    };
    let mut bytes = [0; TERMIOS_BYTES];
    call.memory.read(call.u32(2), &mut bytes)?;
    let before = rustix::termios::tcgetattr(&host).map_err(Errno::from)?;
    let mut settings = before.clone();
    decode(&bytes, &mut settings);
    // A terminal that was stopped is not drained until it goes on, and may do so once
    // the run is over.
    let lent = Arc::clone(&system.terminal.lent);
    let (drained, remembered) = (host.clone(), (host, before));
    let set = move || {
        if action != OptionalActions::Now {
            rustix::termios::tcdrain(&drained)?;
        }
        let mut lent = lent.lock().unwrap_or_else(PoisonError::into_inner);
        let Lent::Yes { before } = &mut *lent else { return Ok(()) };
        if action == OptionalActions::Flush {
            rustix::termios::tcflush(&drained, QueueSelector::IFlush)?;
        }
        rustix::termios::tcsetattr(&drained, OptionalActions::Now, &settings)?;
        before.get_or_insert(remembered);
        rustix::io::Result::Ok(())
    };
    pieces::aside(set)?.map_err(Errno::from)?;
    ok(0)
}

fn index(at: usize) -> Option<SpecialCodeIndex> {
    use SpecialCodeIndex as Index;
    // In the order of Linux's numbers, VINTR to VEOL2.
    let all = [
        Index::VINTR,
        Index::VQUIT,
        Index::VERASE,
        Index::VKILL,
        Index::VEOF,
        Index::VTIME,
        Index::VMIN,
        Index::VSWTC,
        Index::VSTART,
        Index::VSTOP,
        Index::VSUSP,
        Index::VEOL,
        Index::VREPRINT,
        Index::VDISCARD,
        Index::VWERASE,
        Index::VLNEXT,
        Index::VEOL2,
    ];
    all.get(at).copied()
}

fn encode(settings: &Termios) -> [u8; TERMIOS_BYTES] {
    let mut bytes = [0; TERMIOS_BYTES];
    let modes = [
        settings.input_modes.bits(),
        settings.output_modes.bits(),
        settings.control_modes.bits(),
        settings.local_modes.bits(),
    ];
    for (word, mode) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(modes) {
        *word = mode.to_le_bytes();
    }
    for (at, byte) in bytes[CHARACTERS_AT..CHARACTERS_AT + CHARACTERS].iter_mut().enumerate() {
        *byte = index(at).map_or(0, |index| settings.special_codes[index]);
    }
    // B38400 both ways: what Linux says of a terminal that has no real speed.
    for at in SPEEDS_AT {
        bytes[at..at + 4].copy_from_slice(&15u32.to_le_bytes());
    }
    bytes
}

fn decode(bytes: &[u8; TERMIOS_BYTES], settings: &mut Termios) {
    let word = |at: usize| bytes[at..at + 4].iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    // Unknown bits are dropped, and with the control modes those of the speed.
    settings.input_modes = InputModes::from_bits_truncate(word(0));
    settings.output_modes = OutputModes::from_bits_truncate(word(4));
    let speed = settings.control_modes.difference(ControlModes::all());
    settings.control_modes = ControlModes::from_bits_truncate(word(8)).union(speed);
    settings.local_modes = LocalModes::from_bits_truncate(word(12));
    for (at, byte) in bytes[CHARACTERS_AT..CHARACTERS_AT + CHARACTERS].iter().enumerate() {
        if let Some(index) = index(at) {
            settings.special_codes[index] = *byte;
        }
    }
}

/// The terminal's settings before the guest changed them. They come back when this is
/// dropped, and from then on nothing changes them for the guest.
#[derive(Default)]
pub(crate) struct SavedTerminal {
    lent: Arc<Mutex<Lent>>,
}

/// Whether the guest has the terminal.
enum Lent {
    Yes { before: Option<(HostDescriptor, Termios)> },
    TakenBack,
}

impl Default for Lent {
    fn default() -> Self {
        Self::Yes { before: None }
    }
}

impl Drop for SavedTerminal {
    fn drop(&mut self) {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Lent::Yes { before: Some((host, settings)) } = std::mem::replace(&mut *lent, Lent::TakenBack) {
            // The terminal may be gone, and then there is nothing to put back.
            let _ = rustix::termios::tcsetattr(host, OptionalActions::Now, &settings);
        }
    }
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
