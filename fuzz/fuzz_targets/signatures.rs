//! Any text as a signature. What is read is written the same.
#![no_main]

use bellglass_fuzz::weighed;
use bellglass_wire::Signature;
use libfuzzer_sys::fuzz_target;

/// What one byte may cost: a parameter, or an escape of it.
const PER_BYTE: usize = 64;

/// What any text costs.
const AT_FIRST: usize = 64 << 10;

fuzz_target!(|text: &str| weighed(AT_FIRST + PER_BYTE * text.len(), || parse(text)));

fn parse(text: &str) {
    if let Ok(signature) = text.parse::<Signature>() {
        let written = signature.to_string();
        let has_control = text.chars().any(char::is_control);
        assert_eq!(written == text, !has_control, "{text:?} is written as {written:?}");
        assert!(!written.chars().any(char::is_control));
    }
}
