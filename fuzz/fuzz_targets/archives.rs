//! Any bytes as a zip, a tar, a tar.gz or a tar.zst that is shown to a guest, which
//! looks at all that is in it: it is shown or refused, in little time, and whatever it
//! says of itself it costs no more memory and disk than what is really in it.
#![no_main]

use bellglass_fuzz::watched;
use libfuzzer_sys::fuzz_target;

/// The window of a zstd frame may be 128 MiB; all else takes far less.
const MEMORY: usize = (128 + 32) << 20;

fuzz_target!(|input: &[u8]| watched(MEMORY, || bellglass_system::fuzzing::archive(input)));
