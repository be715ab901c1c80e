//! Any bytes as an image's manifest. What is read can be written, and is then read
//! as the same.
#![no_main]

use bellglass_image::Manifest;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &[u8]| {
    let folder = Path::new("/images/fuzzed");
    if let Ok(manifest) = Manifest::parse(text, folder) {
        let written = manifest.to_json();
        let again = Manifest::parse(written.as_bytes(), folder).expect("what is written can be read");
        assert_eq!(again.to_json(), written);
        assert!(!manifest.full_name().contains(['/', '\0']), "it names a folder of the store");
    }
});
