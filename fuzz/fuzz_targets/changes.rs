//! Any bytes as what a program does to a directory that it sees through an overlay.
//! What is written afterwards is what the program saw, no link in it leads out, holes
//! are still holes, and none of it takes more memory or disk than the quota allows.
#![no_main]

use bellglass_fuzz::watched;
use libfuzzer_sys::fuzz_target;

/// The guest's own memory is 4 MiB. What is kept for it is 8 MiB at most, its files and
/// the list of changes included; the rest is for the buffers of one call, and for what
/// is compared here.
const MEMORY: usize = (4 + 8 + 8) << 20;

fuzz_target!(|input: &[u8]| watched(MEMORY, || bellglass_system::fuzzing::changes(input)));
