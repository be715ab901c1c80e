//! The cell: a process that holds one guest and can touch nothing.
//!
//! It is started by a controller with three descriptors: 0 is the stream to the
//! controller, 1 the compiled module, 2 a pipe for the cell's own last words. It
//! closes all others, lets the operating system take away what it can
//! ([`cage`]), says hello, and runs the guest. Every call that the guest makes
//! goes to the controller ([`link`]); the cell knows none of them by name.

mod cage;
mod interrupt;
mod link;

use bellglass_engine::{Ending, Interruption, NATIVE_STACK_BYTES, Program, Settings};
use bellglass_wire::{FromCell, PROTOCOL_VERSION, ToCell};
use link::{Link, LinkError};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

/// Native stack beyond the guest's share, for the cell's own functions.
const OWN_STACK_BYTES: usize = 1 << 20;

fn main() -> ExitCode {
    if std::env::args_os().len() > 1 {
        // Somebody started it by hand, perhaps to see which version it is.
        println!("bellglass-cell {} (protocol {PROTOCOL_VERSION})", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    // The guest runs on a thread of its own because only there the stack can be
    // as large as the engine promises. That leaves this one to watch for the
    // end of the controller, which a guest that only computes would never see.
    let guest = std::thread::Builder::new()
        .stack_size(NATIVE_STACK_BYTES + OWN_STACK_BYTES)
        .spawn(|| std::process::exit(i32::from(serve().inspect_err(say).is_err())));
    if let Err(error) = guest {
        say(&LinkError::Stream(error));
        return ExitCode::FAILURE;
    }
    watch_controller();
    ExitCode::FAILURE
}

fn say(error: &LinkError) {
    eprintln!("bellglass-cell: {error}");
}

/// Returns when the controller's end of the stream is closed.
fn watch_controller() {
    let stdin = std::io::stdin();
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    loop {
        let mut waiting = [PollFd::new(&stdin, PollFlags::RDHUP)];
        match poll(&mut waiting, None) {
            Ok(_) if waiting[0].revents().intersects(gone) => return,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn serve() -> Result<(), LinkError> {
    let walls = cage::enter();
    interrupt::install();
    let stream = duplicate(&std::io::stdin())?;
    let mut link = Link::new(File::from(stream));
    let compiled = File::from(duplicate(&std::io::stdout())?);

    // SAFETY: the controller opened the compiled module in an image that it
    // found in the user's own store; the cell trusts its controller with that.
    let program = match unsafe { Program::load(compiled, Interruption::Kill) } {
        Ok(program) => program,
        Err(error) => return link.fail(error.to_string()),
    };
    link.send(&FromCell::Hello {
        version: PROTOCOL_VERSION,
        signatures: program.signatures().to_vec(),
        walls,
    })?;
    let ToCell::Welcome { limits, hooks, views, .. } = link.receive()? else {
        return link.fail("the controller did not begin with a welcome".to_owned());
    };
    link.set_views(program.signatures().len(), views);
    let ToCell::Run { exports } = link.receive()? else {
        return link.fail("the controller did not say what to run".to_owned());
    };

    let settings = Settings { limits, hooks, exports, watch: None };
    let mut last = Link::sharing(&link)?;
    match program.run(&settings, Box::new(link), interrupt::arm) {
        Err(error) => last.fail(error.to_string()),
        Ok((ending, usage, _)) => last.send(&match ending {
            Ending::Returned { results } => FromCell::Returned { results, usage },
            Ending::Ended => FromCell::Ended { usage },
            Ending::Trapped { kind, message, backtrace } => {
                FromCell::Trapped { kind, message, backtrace, usage }
            }
        }),
    }
}

fn duplicate(stream: &impl AsFd) -> std::io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}
