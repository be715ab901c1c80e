//! Any bytes as a module that a stranger has compiled: what is looked at before its
//! compiler is started takes memory by the module's length, and never fails.
#![no_main]

#[allow(dead_code, reason = "the length of a file is checked before it is read")]
#[path = "../../crates/build/src/bounds.rs"]
mod bounds;
#[allow(dead_code, reason = "what is said of a module is for the builder")]
#[path = "../../crates/build/src/module.rs"]
mod module;

use bellglass_fuzz::weighed;
use libfuzzer_sys::fuzz_target;

/// What one byte of it may cost: a type takes three.
const PER_BYTE: usize = 64;

/// What any module costs.
const AT_FIRST: usize = 64 << 10;

fuzz_target!(|wasm: &[u8]| weighed(AT_FIRST + PER_BYTE * wasm.len(), || check(wasm)));

fn check(wasm: &[u8]) {
    if bounds::check_sections(wasm).is_err() {
        return;
    }
    if let Ok(module) = module::Module::read(wasm) {
        let _ = module.no_command();
    }
    let _ = bounds::check_bodies(wasm);
}
