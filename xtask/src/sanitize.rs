//! The tests of the crates with unsafe code once more, with a sanitizer that sees each
//! use of memory that is not theirs.

use crate::steps::{cargo, run, target};

/// The crates whose unsafe code their own tests reach. A cell's walls are shown by
/// processes that the sanitizer's own needs would end.
const CRATES: [&str; 2] = ["bellglass-channel", "bellglass-fork"];

/// Runs them. The compiler is the usual one, which has the sanitizer and asks to be
/// told that one means it.
pub(crate) fn sanitize(filter: &[String]) -> Result<u8, String> {
    let mut tests = cargo("test");
    // With a target named, the flags are not those of build scripts.
    tests.args(["--locked", "--release", "--target", "x86_64-unknown-linux-gnu", "--lib", "--tests"]);
    for name in CRATES {
        tests.args(["--package", name]);
    }
    tests
        .arg("--")
        .args(filter)
        .envs([("RUSTC_BOOTSTRAP", "1"), ("RUSTFLAGS", "-Zsanitizer=address")])
        .env("CARGO_TARGET_DIR", target().join("sanitize"));
    run(&mut tests)?;
    Ok(0)
}
