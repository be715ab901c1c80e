//! Two rings of bytes in shared memory, one for each direction.
//!
//! Each direction has a count of all bytes that were ever written, which only its
//! writer changes, and a count of all that were ever read, which only its reader
//! changes; they are 64 bits wide and never wrap. Each side keeps its own counts
//! to itself and only publishes them: what stands in the memory of its own counts
//! is not read back. Of the peer's counts one copy is taken, compared with what is
//! possible, and used.
//!
//! All accesses are of whole aligned 64-bit words and atomic, so that a peer that
//! writes at the same time is no undefined behaviour, whatever it writes.

use crate::ChannelError;
use crate::shared::{HEAD_BYTES, RING_BYTES, Words};
use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Which end of a channel this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Made the memory; reads what the cell writes.
    Controller,
    /// Was given the memory.
    Cell,
}

/// The places of the counts, as indexes of words. Each has a cache line of its
/// own, for each is written by one side only.
mod place {
    pub(super) const TO_CELL_WRITTEN: usize = 0;
    pub(super) const TO_CELL_READ: usize = 8;
    pub(super) const TO_CONTROLLER_WRITTEN: usize = 16;
    pub(super) const TO_CONTROLLER_READ: usize = 24;
    pub(super) const CONTROLLER_SLEEPS: usize = 32;
    pub(super) const CELL_SLEEPS: usize = 40;
    pub(super) const CELL_PATIENCE: usize = 48;
}

/// What a side that sleeps wants to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// Bytes to read.
    Bytes = 1,
    /// Room to write into.
    Room = 2,
}

/// Whether the peer sleeps and must be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Peer {
    IsAwake,
    MustBeWoken,
}

/// One side's view of both rings.
#[derive(Debug)]
pub(crate) struct Rings<W> {
    memory: W,
    side: Side,
    /// Bytes that this side has written, and read, since the beginning.
    written: u64,
    read: u64,
}

impl<W: Words> Rings<W> {
    pub(crate) fn new(memory: W, side: Side) -> Self {
        Self { memory, side, written: 0, read: 0 }
    }

    pub(crate) fn side(&self) -> Side {
        self.side
    }

    fn word(&self, place: usize) -> &AtomicU64 {
        &self.memory.words()[place]
    }

    /// The place of one of the controller's counts, and of the cell's.
    fn choose(&self, controller: usize, cell: usize) -> usize {
        match self.side {
            Side::Controller => controller,
            Side::Cell => cell,
        }
    }

    /// The words of the ring that this side writes into, or that it reads from.
    fn ring(&self, of: Side) -> &[AtomicU64] {
        let start = match of {
            Side::Controller => HEAD_BYTES / WORD,
            Side::Cell => (HEAD_BYTES + RING_BYTES) / WORD,
        };
        &self.memory.words()[start..start + RING_BYTES / WORD]
    }

    /// Bytes that can be read now.
    ///
    /// # Errors
    /// [`ChannelError::Counts`] if the peer claims more than the ring holds.
    pub(crate) fn available(&self) -> Result<usize, ChannelError> {
        let place = self.choose(place::TO_CONTROLLER_WRITTEN, place::TO_CELL_WRITTEN);
        let untrusted_written = self.word(place).load(Ordering::Acquire);
        within_ring(untrusted_written.wrapping_sub(self.read))
    }

    /// Bytes that can be written now.
    ///
    /// # Errors
    /// [`ChannelError::Counts`] if the peer claims to have read what was not
    /// written.
    pub(crate) fn room(&self) -> Result<usize, ChannelError> {
        let place = self.choose(place::TO_CELL_READ, place::TO_CONTROLLER_READ);
        let untrusted_read = self.word(place).load(Ordering::Acquire);
        Ok(RING_BYTES - within_ring(self.written.wrapping_sub(untrusted_read))?)
    }

    /// Writes as much as there is room for, and says how much that was.
    ///
    /// # Errors
    /// [`ChannelError::Counts`] as [`room`](Self::room).
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<usize, ChannelError> {
        let count = bytes.len().min(self.room()?);
        if count > 0 {
            write_words(self.ring(self.side), self.written, &bytes[..count]);
            self.written += count as u64;
            let place = self.choose(place::TO_CELL_WRITTEN, place::TO_CONTROLLER_WRITTEN);
            self.word(place).store(self.written, Ordering::Release);
        }
        Ok(count)
    }

    /// Reads what there is, at most as much as fits, and says how much that was.
    ///
    /// # Errors
    /// [`ChannelError::Counts`] as [`available`](Self::available).
    pub(crate) fn take(&mut self, into: &mut [u8]) -> Result<usize, ChannelError> {
        let count = into.len().min(self.available()?);
        if count > 0 {
            let peer = match self.side {
                Side::Controller => Side::Cell,
                Side::Cell => Side::Controller,
            };
            read_words(self.ring(peer), self.read, &mut into[..count]);
            self.read += count as u64;
            let place = self.choose(place::TO_CONTROLLER_READ, place::TO_CELL_READ);
            self.word(place).store(self.read, Ordering::Release);
        }
        Ok(count)
    }

    /// Whether the peer sleeps until there is `what`. Asked after each put or
    /// take; a peer is told once.
    pub(crate) fn peer(&self, what: WaitsFor) -> Peer {
        // The count that was just published must be seen by a peer that goes to
        // sleep now, or its word by us: one of the two fences comes first.
        fence(Ordering::SeqCst);
        let word = self.word(self.choose(place::CELL_SLEEPS, place::CONTROLLER_SLEEPS));
        let sleeps = word.load(Ordering::Relaxed) == what as u64;
        let told = || word.compare_exchange(what as u64, 0, Ordering::AcqRel, Ordering::Relaxed);
        if sleeps && told().is_ok() { Peer::MustBeWoken } else { Peer::IsAwake }
    }

    /// Says that this side sleeps from now on. What it waits for must be looked
    /// for once more before it does.
    pub(crate) fn falls_asleep(&self, what: WaitsFor) {
        self.word(self.choose(place::CONTROLLER_SLEEPS, place::CELL_SLEEPS))
            .store(what as u64, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Says that this side is awake.
    pub(crate) fn wakes(&self) {
        self.word(self.choose(place::CONTROLLER_SLEEPS, place::CELL_SLEEPS)).store(0, Ordering::Relaxed);
    }

    /// How long the cell may look at the ring before it sleeps, in nanoseconds:
    /// the controller says so, who knows how many sandboxes there are.
    pub(crate) fn set_patience(&self, nanoseconds: u64) {
        self.word(place::CELL_PATIENCE).store(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn patience(&self) -> u64 {
        self.word(place::CELL_PATIENCE).load(Ordering::Relaxed)
    }
}

fn within_ring(untrusted_count: u64) -> Result<usize, ChannelError> {
    match usize::try_from(untrusted_count) {
        Ok(count) if count <= RING_BYTES => Ok(count),
        _ => Err(ChannelError::Counts),
    }
}

/// Copies `bytes` into the ring, the first to place `at`.
fn write_words(ring: &[AtomicU64], at: u64, bytes: &[u8]) {
    let (mut index, offset) = split(at, ring.len());
    let mut rest = bytes;
    if offset > 0 {
        // The bytes before it in the word are this side's own, read by now or not.
        let word = &ring[index];
        let mut whole = word.load(Ordering::Relaxed).to_le_bytes();
        let (head, tail) = rest.split_at(rest.len().min(WORD - offset));
        whole[offset..offset + head.len()].copy_from_slice(head);
        word.store(u64::from_le_bytes(whole), Ordering::Relaxed);
        rest = tail;
        index = (index + 1) % ring.len();
    }
    let (whole, tail) = rest.as_chunks::<WORD>();
    for word in whole {
        ring[index].store(u64::from_le_bytes(*word), Ordering::Relaxed);
        index = (index + 1) % ring.len();
    }
    if !tail.is_empty() {
        // The bytes after it in the word may be those of the lap before, not read
        // yet.
        let word = &ring[index];
        let mut last = word.load(Ordering::Relaxed).to_le_bytes();
        last[..tail.len()].copy_from_slice(tail);
        word.store(u64::from_le_bytes(last), Ordering::Relaxed);
    }
}

/// Copies bytes out of the ring, the first from place `at`.
fn read_words(ring: &[AtomicU64], at: u64, into: &mut [u8]) {
    let (mut index, offset) = split(at, ring.len());
    let mut rest = into;
    if offset > 0 {
        let word = ring[index].load(Ordering::Relaxed).to_le_bytes();
        let count = rest.len().min(WORD - offset);
        let (head, tail) = rest.split_at_mut(count);
        head.copy_from_slice(&word[offset..offset + count]);
        rest = tail;
        index = (index + 1) % ring.len();
    }
    let (whole, tail) = rest.as_chunks_mut::<WORD>();
    for bytes in whole {
        *bytes = ring[index].load(Ordering::Relaxed).to_le_bytes();
        index = (index + 1) % ring.len();
    }
    if !tail.is_empty() {
        let word = ring[index].load(Ordering::Relaxed).to_le_bytes();
        tail.copy_from_slice(&word[..tail.len()]);
    }
}

/// The word of a ring of `words` in which byte `at` stands, and its place in it.
fn split(at: u64, words: usize) -> (usize, usize) {
    // The remainders are far below what a usize holds.
    ((at / WORD as u64 % words as u64) as usize, (at % WORD as u64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::TOTAL_BYTES;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// The rings in plain memory, so that they can be tested (also under Miri)
    /// without another process.
    #[derive(Clone, Debug)]
    struct Plain(Arc<[AtomicU64]>);

    impl Words for Plain {
        fn words(&self) -> &[AtomicU64] {
            &self.0
        }
    }

    fn pair() -> (Rings<Plain>, Rings<Plain>, Plain) {
        let memory = Plain((0..TOTAL_BYTES / WORD).map(|_| AtomicU64::new(0)).collect());
        (Rings::new(memory.clone(), Side::Controller), Rings::new(memory.clone(), Side::Cell), memory)
    }

    proptest! {
        #[test]
        fn what_is_put_comes_out_in_order(
            steps in proptest::collection::vec((1..30_000_usize, 1..30_000_usize, any::<bool>()), 1..40),
        ) {
            let (controller, cell, _) = pair();
            let (mut from, mut to) = (controller, cell);
            let (mut sent, mut received) = (0_u64, 0_u64);
            for (put, take, turn) in steps {
                let bytes: Vec<u8> = (0..put as u64).map(|n| ((sent + n) % 251) as u8).collect();
                sent += from.put(&bytes).expect("right counts") as u64;
                let mut into = vec![0; take];
                let count = to.take(&mut into).expect("right counts");
                for byte in &into[..count] {
                    prop_assert_eq!(u64::from(*byte), received % 251);
                    received += 1;
                }
                prop_assert_eq!(to.available().expect("right counts") as u64, sent - received);
                if turn && sent == received {
                    // The other ring is as good as the first.
                    std::mem::swap(&mut from, &mut to);
                    (sent, received) = (0, 0);
                }
            }
        }

        #[test]
        fn wild_counts_are_refused_or_within_the_ring(words in proptest::collection::vec(any::<u64>(), 7)) {
            let (mut controller, _, memory) = pair();
            for (place, word) in words.iter().enumerate() {
                memory.0[place * 8].store(*word, Ordering::Relaxed);
            }
            let mut into = vec![0; 2 * RING_BYTES];
            if let Ok(count) = controller.take(&mut into) {
                prop_assert!(count <= RING_BYTES);
            }
            if let Ok(count) = controller.put(&into) {
                prop_assert!(count <= RING_BYTES);
            }
            let _ = controller.peer(WaitsFor::Bytes);
        }
    }

    #[test]
    fn a_peer_that_claims_too_much_is_found_out() {
        let (mut controller, mut cell, memory) = pair();
        memory.0[place::TO_CONTROLLER_WRITTEN].store(RING_BYTES as u64 + 1, Ordering::Relaxed);
        assert_eq!(controller.take(&mut [0; 8]), Err(ChannelError::Counts));
        memory.0[place::TO_CELL_READ].store(1, Ordering::Relaxed);
        assert_eq!(controller.put(b"x"), Err(ChannelError::Counts));
        // A count that goes backwards.
        assert_eq!(cell.put(b"abc"), Ok(3));
        assert_eq!(controller.take(&mut [0; 8]), Ok(3));
        memory.0[place::TO_CONTROLLER_WRITTEN].store(2, Ordering::Relaxed);
        assert_eq!(controller.take(&mut [0; 8]), Err(ChannelError::Counts));
    }

    #[test]
    fn a_sleeper_is_woken_once_and_for_what_it_waits_for() {
        let (controller, cell, _) = pair();
        assert_eq!(controller.peer(WaitsFor::Bytes), Peer::IsAwake);
        cell.falls_asleep(WaitsFor::Bytes);
        assert_eq!(controller.peer(WaitsFor::Room), Peer::IsAwake);
        assert_eq!(controller.peer(WaitsFor::Bytes), Peer::MustBeWoken);
        assert_eq!(controller.peer(WaitsFor::Bytes), Peer::IsAwake);
        cell.falls_asleep(WaitsFor::Room);
        cell.wakes();
        assert_eq!(controller.peer(WaitsFor::Room), Peer::IsAwake);
    }

    #[test]
    fn two_threads_agree_on_every_byte() {
        const BYTES: u64 = if cfg!(miri) { 3_000 } else { 5_000_000 };
        let (mut controller, mut cell, _) = pair();
        let writer = std::thread::spawn(move || {
            let mut sent = 0;
            while sent < BYTES {
                let length = (sent % 777 + 1).min(BYTES - sent);
                let bytes: Vec<u8> = (sent..sent + length).map(|n| (n % 253) as u8).collect();
                sent += cell.put(&bytes).expect("right counts") as u64;
            }
        });
        let mut received = 0;
        let mut into = [0; 1000];
        while received < BYTES {
            let count = controller.take(&mut into).expect("right counts");
            for byte in &into[..count] {
                assert_eq!(u64::from(*byte), received % 253);
                received += 1;
            }
        }
        writer.join().expect("no panic");
    }
}
