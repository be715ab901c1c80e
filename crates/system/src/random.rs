//! Randomness: the host's, or a sequence that a seed decides.

use crate::{Call, Errno, Fault, System};

/// Where a guest's random bytes come from.
pub trait Random: Send {
    /// Fills `into`.
    ///
    /// # Errors
    /// EIO, if there are no random bytes to be had.
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Errno>;
}

/// The same bytes for the same seed. It makes runs repeatable and is not fit for
/// secrets.
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: [u64; 4],
}

impl SeededRandom {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        // SplitMix64 spreads the seed, as the authors of xoshiro advise.
        let mut sum = seed;
        let state = std::array::from_fn(|_| {
            sum = sum.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = sum;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ mixed >> 31
        });
        Self { state }
    }

    /// One step of xoshiro256++ (Blackman and Vigna).
    fn next(&mut self) -> u64 {
        let [s0, s1, s2, s3] = &mut self.state;
        let result = s0.wrapping_add(*s3).rotate_left(23).wrapping_add(*s0);
        let shifted = *s1 << 17;
        *s2 ^= *s0;
        *s3 ^= *s1;
        *s1 ^= *s2;
        *s0 ^= *s3;
        *s2 ^= shifted;
        *s3 = s3.rotate_left(45);
        result
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, into: &mut [u8]) -> Result<(), Errno> {
        for chunk in into.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// Fills all of the guest's memory from `address` on.
///
/// # Errors
/// EFAULT if it has not so much, EIO if there are no random bytes to be had; a
/// [`Stop`](crate::Stop) when the run must end.
pub(crate) fn fill(
    system: &mut System,
    call: &mut Call<'_>,
    mut address: u32,
    length: u32,
) -> Result<(), Fault> {
    if u64::from(address) + u64::from(length) > call.memory.size() {
        return Err(Errno::FAULT.into());
    }
    // BOUND: the guest chooses the length; it is filled in steps of this size.
    let mut bytes = [0; 16 << 10];
    let mut left = length as usize;
    while left > 0 {
        call.waiter.go_on()?;
        let part = left.min(bytes.len());
        let part = &mut bytes[..part];
        system.host.random.fill(part)?;
        call.memory.write(address, part)?;
        left -= part.len();
        // It may wrap only after the last byte of a memory of 4 GiB.
        address = address.wrapping_add(part.len() as u32);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_the_bytes() {
        let bytes = |seed| {
            let mut bytes = [0; 37];
            SeededRandom::new(seed).fill(&mut bytes).expect("it never fails");
            bytes
        };
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
        assert!(bytes(0).iter().any(|byte| *byte != 0));
    }
}
