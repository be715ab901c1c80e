//! Any text as a signature. What is read is written the same.
#![no_main]

use bellglass_wire::Signature;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(signature) = text.parse::<Signature>() {
        let written = signature.to_string();
        let has_control = text.chars().any(char::is_control);
        assert_eq!(written == text, !has_control, "{text:?} is written as {written:?}");
        assert!(!written.chars().any(char::is_control));
    }
});
