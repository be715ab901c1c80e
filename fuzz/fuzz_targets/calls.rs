//! Any bytes as calls of a guest, with any arguments, against a tree of memory, a
//! directory of the host, and overlays over both: none panics, none leaves what
//! was mounted, and the trees keep their invariants.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bellglass_system::fuzzing::calls(input));
