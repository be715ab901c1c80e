//! Any bytes as calls of a guest, with any arguments, against a tree of memory, a
//! directory of the host, an archive, and overlays: none panics, none leaves what was
//! mounted, none outlasts its deadline, the trees keep their invariants, and all of it
//! costs no more memory than the guest's limits allow.
#![no_main]

use bellglass_fuzz::watched;
use bellglass_system::fuzzing;
use libfuzzer_sys::fuzz_target;

/// The guest's own memory is 256 MiB at most, and stands for what a cell would have.
/// What is kept for it is 8 MiB at most; the rest is for the buffers of one call, for
/// what an archive is unpacked with, and for the list of changes at the end.
const MEMORY: usize = (256 + 8 + 16) << 20;

fuzz_target!(
    init: fuzzing::prepare(),
    |input: &[u8]| watched(MEMORY, || fuzzing::calls(input))
);
