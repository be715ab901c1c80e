//! Ctrl-C and its relatives, passed on to the guest; and the one that would end this
//! program for a file that may not grow.

use bellglass::Controls;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::sync::Arc;

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

/// From now on the first Ctrl-C interrupts the guest (in Python it raises
/// KeyboardInterrupt), a second one ends the run; so do SIGTERM and SIGHUP at
/// once.
///
/// # Errors
/// When the operating system refuses to install the handlers.
pub(crate) fn pass_on(controls: Controls) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut interrupted = false;
        for signal in signals.forever() {
            if signal == SIGINT && !interrupted {
                interrupted = true;
                controls.interrupt();
            } else {
                controls.kill();
            }
        }
    })?;
    Ok(())
}
