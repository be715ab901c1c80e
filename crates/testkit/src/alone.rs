//! Tests that change or count what belongs to their whole process. Other rooms, which
//! this one stands above, take this file by its path.

use std::path::Path;
use std::process::Command;

/// Runs an ignored test of this program, by its whole name, in a process of its own, for
/// which `variables` are set as well.
///
/// # Panics
/// If there is no such test, or it fails.
pub fn run_alone(test: &str, variables: &[(&str, &Path)]) {
    let output = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "it ran");
}
