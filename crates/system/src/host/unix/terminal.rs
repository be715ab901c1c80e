//! A terminal of the host that its user lends to a guest.

use super::Source;
use crate::object::{Queue, Terminal};
use crate::{Errno, pieces};
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, QueueSelector, SpecialCodeIndex,
    Termios, Winsize,
};
use std::sync::{Arc, Mutex, PoisonError};

/// What a program may know and change of a terminal, in Linux's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Of input, output, control and local modes.
    pub modes: [u32; 4],
    /// The control characters, VINTR to VEOL2.
    pub characters: [u8; Settings::CHARACTERS],
}

impl Settings {
    /// Control characters that Linux has.
    pub(crate) const CHARACTERS: usize = 19;
}

/// When a change of settings holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Now,
    /// Once what was written is out.
    Drain,
    /// Once what was written is out; what was typed is dropped.
    Flush,
}

/// A terminal of the host.
pub(crate) struct HostTerminal(Source);

impl HostTerminal {
    /// The terminal that it is, if it is one.
    pub(crate) fn of(source: &Source) -> Option<Self> {
        rustix::termios::isatty(source).then(|| Self(source.clone()))
    }
}

impl Terminal for HostTerminal {
    fn window(&self) -> Result<[u16; 4], Errno> {
        let Winsize { ws_row, ws_col, ws_xpixel, ws_ypixel } = rustix::termios::tcgetwinsize(&self.0)?;
        Ok([ws_row, ws_col, ws_xpixel, ws_ypixel])
    }

    fn settings(&self) -> Result<Settings, Errno> {
        let settings = rustix::termios::tcgetattr(&self.0)?;
        Ok(Settings {
            modes: [
                settings.input_modes.bits(),
                settings.output_modes.bits(),
                settings.control_modes.bits(),
                settings.local_modes.bits(),
            ],
            characters: std::array::from_fn(|at| index(at).map_or(0, |index| settings.special_codes[index])),
        })
    }

    fn change(&self, saved: &SavedTerminal, action: Action, new: &Settings) -> Result<(), Errno> {
        let terminal = self.0.clone();
        let before = rustix::termios::tcgetattr(&terminal)?;
        let mut settings = before.clone();
        set(&mut settings, new);
        // A terminal that was stopped is not drained until it goes on, and may do so once
        // the run is over.
        let lent = Arc::clone(&saved.lent);
        let (drained, remembered) = (terminal.clone(), (terminal, before));
        let set = move || {
            if action != Action::Now {
                rustix::termios::tcdrain(&drained)?;
            }
            let mut lent = lent.lock().unwrap_or_else(PoisonError::into_inner);
            let Lent::Yes { before } = &mut *lent else { return Ok(()) };
            if action == Action::Flush {
                rustix::termios::tcflush(&drained, QueueSelector::IFlush)?;
            }
            rustix::termios::tcsetattr(&drained, OptionalActions::Now, &settings)?;
            before.get_or_insert(remembered);
            rustix::io::Result::Ok(())
        };
        Ok(pieces::aside(set)??)
    }

    /// What was typed. What was written may be another's too.
    fn flush(&self, queue: Queue) -> Result<(), Errno> {
        match queue {
            Queue::Output => Ok(()),
            Queue::Input | Queue::Both => Ok(rustix::termios::tcflush(&self.0, QueueSelector::IFlush)?),
        }
    }

    fn drain(&self) -> Result<(), Errno> {
        let terminal = self.0.clone();
        Ok(pieces::aside(move || rustix::termios::tcdrain(terminal))??)
    }

    fn to_read(&self) -> Result<usize, Errno> {
        let bytes = rustix::io::ioctl_fionread(&self.0)?;
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
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

fn set(settings: &mut Termios, new: &Settings) {
    let [input, output, control, local] = new.modes;
    // Unknown bits are dropped, and with the control modes those of the speed.
    settings.input_modes = InputModes::from_bits_truncate(input);
    settings.output_modes = OutputModes::from_bits_truncate(output);
    let speed = settings.control_modes.difference(ControlModes::all());
    settings.control_modes = ControlModes::from_bits_truncate(control).union(speed);
    settings.local_modes = LocalModes::from_bits_truncate(local);
    for (at, character) in new.characters.into_iter().enumerate() {
        if let Some(index) = index(at) {
            settings.special_codes[index] = character;
        }
    }
}

/// The terminal's settings before the guest changed them. They come back when this is
/// dropped, and from then on nothing changes them for the guest.
#[derive(Default)]
pub struct SavedTerminal {
    lent: Arc<Mutex<Lent>>,
}

/// Whether the guest has the terminal.
enum Lent {
    Yes { before: Option<(Source, Termios)> },
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
