//! Any bytes as all that a cell says in its life, to a controller with the whole
//! virtual system behind it. The first byte says whether they begin with the
//! cell's own hello, or come after a right one that announces every call that
//! there is. Whatever they are, the run ends in its time, and the controller stands
//! and holds nothing more than before.
#![no_main]

use bellglass::{Outcome, fuzzing};
use bellglass_fuzz::watched;
use bellglass_wire::{FromCell, PROTOCOL_VERSION};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static HELLO: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let signatures = bellglass_system::rows().map(|row| row.signature.parse().expect("a row has a signature")).collect();
    let hello = FromCell::Hello { version: PROTOCOL_VERSION, shared_memory: false, signatures, walls: vec![] };
    let mut bytes = Vec::new();
    hello.encode(&mut bytes).expect("within the caps");
    bytes
});

/// What is kept for the cell is 8 MiB at most. A frame is 4 MiB at most, and there is
/// one in each direction, and one that comes while another is answered.
const MEMORY: usize = (8 + 3 * 4 + 8) << 20;

fuzz_target!(|bytes: &[u8]| watched(MEMORY, || converse(bytes)));

fn converse(bytes: &[u8]) {
    let Some((first, said)) = bytes.split_first() else { return };
    let outcome = if first % 2 == 0 {
        fuzzing::converse(said)
    } else {
        fuzzing::converse(&[&HELLO[..], said].concat())
    };
    // The controller's own side must never be what fails.
    assert!(!matches!(outcome, Ok(Outcome::Failed { .. })), "{outcome:?}");
}
