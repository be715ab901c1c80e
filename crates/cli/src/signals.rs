//! Ctrl-C and its relatives, passed on to the guest; and the one that would end this
//! program for a file that may not grow.

use crate::exit::ExitCode;
use crate::terminal;
use bellglass::Controls;
use bellglass::Waiter;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::{Arc, Mutex, PoisonError};

/// From now on a write beyond `ulimit -f` is an error and not the end: whatever is
/// written, for the guest or of what it has changed. Programs that this one starts
/// have it as it was.
///
/// # Errors
/// When the operating system refuses to install the handler.
pub(crate) fn outlive_full_files() -> std::io::Result<()> {
    // What has come does not matter: the write says so too.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// From now on a signal that ends this program while it seals an image lets nothing
/// unfinished stay.
///
/// # Errors
/// When the operating system refuses to install the handlers.
pub(crate) fn leave_nothing_unfinished() -> std::io::Result<()> {
    // Who has been told to go on when its terminal is gone does (`nohup`).
    let ends =
        [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !bellglass::process::is_ignored(*signal));
    let mut signals = Signals::new(ends)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let _nothing_more = bellglass_build::remove_unfinished();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// What a signal does now.
#[derive(Debug)]
enum Does {
    /// It goes to the guest.
    Interrupt,
    /// It ends the command.
    End,
    /// It stops what this waiter stands for, which then says how far it is.
    Stop(Waiter),
}

static DOES: Mutex<Does> = Mutex::new(Does::Interrupt);

/// What a repeated Ctrl-C does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It ends the run.
    End,
    /// It interrupts again: a session is not given up as a program is.
    Interrupt,
}

/// From now on Ctrl-C interrupts the guest (in Python it raises KeyboardInterrupt).
/// SIGTERM and SIGHUP end the run at once.
///
/// # Errors
/// When the operating system refuses to install the handlers.
pub(crate) fn pass_on(controls: Controls, again: Again) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut interrupted = false;
        for signal in signals.forever() {
            // Held while it ends the command, so that nothing begins after that.
            let does = DOES.lock().unwrap_or_else(PoisonError::into_inner);
            match &*does {
                Does::Interrupt if signal == SIGINT && !(interrupted && again == Again::End) => {
                    interrupted = true;
                    controls.interrupt();
                }
                Does::Interrupt => controls.kill(),
                Does::End => {
                    terminal::put_back_settings();
                    std::process::exit((ExitCode::Interrupted as u8).into());
                }
                Does::Stop(waiter) => waiter.kill(),
            }
        }
    })?;
    Ok(())
}

/// The guest has ended: from now on a signal ends the command.
pub(crate) fn take_back() {
    *DOES.lock().unwrap_or_else(PoisonError::into_inner) = Does::End;
}

/// From now on a signal stops what is done by this waiter.
pub(crate) fn stop(waiter: &Waiter) {
    *DOES.lock().unwrap_or_else(PoisonError::into_inner) = Does::Stop(waiter.clone());
}
