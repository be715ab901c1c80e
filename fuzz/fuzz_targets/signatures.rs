//! Any text as a signature. What is read is written the same.
#![no_main]

use bellglass_fuzz::weighed;
use bellglass_wire::{Signature, is_plain};
use libfuzzer_sys::fuzz_target;

/// What one byte may cost: a parameter, or an escape of it.
const PER_BYTE: usize = 64;

/// What any text costs.
const AT_FIRST: usize = 64 << 10;

fuzz_target!(|text: &str| weighed(AT_FIRST + PER_BYTE * text.len(), || parse(text)));

fn parse(text: &str) {
    if let Ok(signature) = text.parse::<Signature>() {
        let written = signature.to_string();
        // What people must not be shown as it is, is written in another way.
        let is_shown = text.chars().all(is_plain);
        assert_eq!(written == text, is_shown, "{text:?} is written as {written:?}");
        assert!(written.chars().all(is_plain));
    }
}
