//! Tests that make calls as a guest does, in memory, with no process.

mod arguments;
mod descriptors;
mod fake;
mod host;
mod libc;
mod linux;
mod mounts;
mod paths;
mod polling;
mod streams;

use crate::rows;

/// A row without a test fails here: its name must stand in a call of one of the
/// test files.
#[test]
fn every_row_is_met_by_a_test() {
    let sources = [
        include_str!("arguments.rs"),
        include_str!("descriptors.rs"),
        include_str!("fake.rs"),
        include_str!("libc.rs"),
        include_str!("paths.rs"),
        include_str!("polling.rs"),
        include_str!("streams.rs"),
    ];
    let is_met = |name: &str| sources.iter().any(|source| source.contains(&format!("\"{name}\"")));
    let missing: Vec<&str> = rows().map(|row| row.name()).filter(|name| !is_met(name)).collect();
    assert!(missing.is_empty(), "no test makes these calls: {missing:?}");
}
