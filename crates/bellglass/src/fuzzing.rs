//! For the fuzzer, and no part of the interface: a whole conversation with a cell
//! whose every byte is given.

use crate::monitor::link::Link;
use crate::monitor::{Monitor, Orders, Routes};
use crate::{Error, Limits, Outcome};
use bellglass_channel::{Channel, Side};
use bellglass_system::{FixedClock, SeededRandom, System, Waiter};
use bellglass_wire::Hooks;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one conversation may take. What is said is there at once, so that only
/// a handler that waits comes to this.
const TIME: Duration = Duration::from_millis(50);

/// Converses with a cell that says `from_cell` and then closes its stream.
///
/// # Errors
/// Those of a cell that does not start.
pub fn converse(from_cell: &[u8]) -> Result<Outcome, Error> {
    let (ours, theirs) = UnixStream::pair().map_err(Error::Resource)?;
    std::thread::scope(|scope| {
        let mut said = theirs.try_clone().map_err(Error::Resource)?;
        scope.spawn(move || {
            // The controller may have had enough before all is said.
            let _ = said.write_all(from_cell);
            let _ = said.shutdown(Shutdown::Write);
        });
        let mut heard = theirs;
        scope.spawn(move || std::io::copy(&mut heard, &mut std::io::sink()));
        // This end closes when the monitor is dropped, which ends both threads.
        answer(ours)
    })
}

fn answer(stream: UnixStream) -> Result<Outcome, Error> {
    let limits = Limits {
        memory_bytes: 1 << 20,
        file_bytes: 1 << 20,
        controller_bytes: 8 << 20,
        open_files: 16,
        timeout: Some(TIME),
        start_time: TIME,
        ..Limits::default()
    };
    let system = System::builder()
        .clock(Arc::new(FixedClock::new(Duration::ZERO)))
        .random(Box::new(SeededRandom::new(1)))
        .file_bytes(limits.file_bytes)
        .controller_bytes(limits.controller_bytes)
        .open_files(limits.open_files)
        .build()?;
    let deadline = Instant::now() + TIME;
    let waiter = Waiter::new(None).map_err(Error::Resource)?.with_deadline(Some(deadline));
    let mut monitor =
        Monitor::new(Link::new(Channel::new(stream, Side::Controller), None), system, waiter, limits);
    let signatures = monitor.greet()?;
    monitor.answers.routes = Routes::new(signatures.into(), BTreeMap::new(), Vec::new());
    let hook = |name: &str| Some(name.to_owned());
    let hooks = Hooks { allocate: hook("malloc"), free: hook("free"), ..Hooks::default() };
    let orders = Orders { hooks, exports: vec!["run".to_owned()] };
    Ok(monitor.converse(orders, Some(deadline)).outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellglass_wire::{FromCell, PROTOCOL_VERSION, Usage};

    #[test]
    fn a_conversation_has_an_outcome() {
        let mut said = Vec::new();
        for message in [
            FromCell::Hello {
                version: PROTOCOL_VERSION,
                shared_memory: false,
                signatures: vec![],
                walls: vec![],
            },
            FromCell::Returned { results: vec![4], usage: Usage::default() },
        ] {
            message.encode(&mut said).expect("within the caps");
        }
        assert_eq!(converse(&said).expect("it starts"), Outcome::Exited { code: 4 });
        assert!(matches!(converse(&said[..said.len() - 1]), Ok(Outcome::Breach { .. })));
        assert!(matches!(converse(&[]), Err(Error::Start { .. })));
    }
}
