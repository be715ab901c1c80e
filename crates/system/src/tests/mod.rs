//! Tests that make calls as a guest does, in memory, with no process.

mod applying;
mod archives;
mod arguments;
mod attacks;
mod completeness;
mod deadline;
mod descriptors;
pub(crate) mod empty_blocks;
#[cfg(target_os = "linux")]
mod growth;
mod guard;
mod host;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod kernel_paths;
mod kinds;
mod linux;
#[cfg(target_os = "linux")]
mod linux_data;
#[cfg(target_os = "linux")]
mod linux_paths;
mod linux_poll;
#[cfg(target_os = "linux")]
mod linux_sockets;
mod lock_sequences;
mod locks;
mod machine;
mod mounts;
mod overlay;
mod own_streams;
mod paths;
mod polling;
mod port;
mod pseudo_terminals;
mod standard;
mod streams;
mod terminal;
mod times;
mod wild;

use crate::{Errno, Support, fake, rows};
#[cfg(target_os = "linux")]
use proptest::prelude::*;

/// Reads as Linux does it, by a call of its own.
fn read(guest: &mut fake::FakeGuest, fd: u64, count: u64) -> Result<Vec<u8>, Errno> {
    let (buffer, _) = guest.put(&vec![0; count as usize]);
    let count = guest.linux("read", &[fd, buffer, count])?;
    Ok(guest.get(buffer as u32, count as usize))
}

/// Writes as Linux does it.
fn write(guest: &mut fake::FakeGuest, fd: u64, bytes: &[u8]) -> Result<u32, Errno> {
    let (buffer, count) = guest.put(bytes);
    guest.linux("write", &[fd, buffer, count])
}

/// Paths of up to three of these names, some with more slashes than they need.
#[cfg(target_os = "linux")]
fn joined(name: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let names = (prop::collection::vec(name, 1..4), prop::bool::weighted(0.1), prop::bool::weighted(0.05));
    names.prop_map(|(names, slash, double)| {
        let separator = if double { "//" } else { "/" };
        format!("{}{}", names.join(separator), if slash { "/" } else { "" })
    })
}

/// How random sequences are compared with the kernel: as many as `BELLGLASS_SEQUENCES` says,
/// and then others each time. Those that were found to differ are kept in a file beside the
/// sources, and tried first.
#[cfg(target_os = "linux")]
pub(crate) fn against_linux() -> ProptestConfig {
    let asked = std::env::var("BELLGLASS_SEQUENCES").ok().and_then(|text| text.parse().ok());
    // A run that somebody watches tries others each time. All others try the same: what
    // differs in one of many thousands is nothing that a change has done.
    let rng_seed = if asked.is_some() {
        proptest::test_runner::RngSeed::Random
    } else {
        proptest::test_runner::RngSeed::Fixed(1)
    };
    ProptestConfig {
        cases: asked.unwrap_or(200),
        max_shrink_iters: 4000,
        rng_seed,
        ..ProptestConfig::default()
    }
}

/// A row without a test fails here: its name must stand in a call of one of the
/// test files.
#[test]
fn every_row_is_met_by_a_test() {
    let sources = [
        include_str!("arguments.rs"),
        include_str!("descriptors.rs"),
        include_str!("fake.rs"),
        include_str!("kernel.rs"),
        include_str!("kernel_paths.rs"),
        include_str!("linux_data.rs"),
        include_str!("linux_paths.rs"),
        include_str!("linux_poll.rs"),
        include_str!("linux_sockets.rs"),
        include_str!("locks.rs"),
        include_str!("machine.rs"),
        include_str!("paths.rs"),
        include_str!("polling.rs"),
        include_str!("streams.rs"),
        include_str!("terminal.rs"),
    ];
    let is_met = |name: &str| sources.iter().any(|source| source.contains(&format!("\"{name}\"")));
    // Those that are refused are met one by one, by what their rows say.
    let is_refused = |row: &&crate::Row| matches!(row.support, Support::Refused(_) | Support::Needs(..));
    let made = rows().filter(|row| !is_refused(row));
    let missing: Vec<&str> = made.map(|row| row.name()).filter(|name| !is_met(name)).collect();
    assert!(missing.is_empty(), "no test makes these calls: {missing:?}");
}
