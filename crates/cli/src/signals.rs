//! Ctrl-C and its relatives, passed on to the guest.

use bellglass::Controls;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

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
