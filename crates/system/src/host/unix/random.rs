//! The host's randomness.

use crate::{Errno, Random};

/// The host's source of randomness, fit for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostRandom;

impl Random for HostRandom {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Errno> {
        getrandom::fill(into).map_err(|_| Errno::IO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_gives_different_bytes_each_time() {
        let mut both = [[0; 32]; 2];
        for bytes in &mut both {
            HostRandom.fill(bytes).expect("a host has randomness");
        }
        assert_ne!(both[0], both[1]);
    }
}
