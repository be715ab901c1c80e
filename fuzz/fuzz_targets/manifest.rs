//! Any bytes as an image's manifest. What is read can be written, and is then read
//! as the same, and it takes memory by its length.
#![no_main]

use bellglass_fuzz::weighed;
use bellglass_image::Manifest;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

/// What one byte of it may cost: a map's entry for a few of them.
const PER_BYTE: usize = 256;

/// What any text costs.
const AT_FIRST: usize = 256 << 10;

fuzz_target!(|text: &[u8]| weighed(AT_FIRST + PER_BYTE * text.len(), || parse(text)));

fn parse(text: &[u8]) {
    let folder = Path::new("/images/fuzzed");
    if let Ok(manifest) = Manifest::parse(text, folder) {
        let written = manifest.to_json();
        let again = Manifest::parse(written.as_bytes(), folder).expect("what is written can be read");
        assert_eq!(again.to_json(), written);
        assert!(!manifest.full_name().contains(['/', '\0']), "it names a folder of the store");
    }
}
