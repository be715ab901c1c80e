//! Which process waits for which, so that none waits for itself: EDEADLK, as POSIX has it
//! for locks of processes. Linux does not look for it where open files own the locks, and
//! nobody can where a process of the host is one of those that wait.

use super::Owner;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For each process that waits, in which file, and whose lock is in its way.
// BOUND: one for each run of this process that waits.
static WAITING: Mutex<BTreeMap<Owner, (usize, Owner)>> = Mutex::new(BTreeMap::new());

fn lock() -> MutexGuard<'static, BTreeMap<Owner, (usize, Owner)>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that waits, until this is dropped.
pub(super) struct Waits(Owner);

impl Waits {
    /// `owner` is about to wait in `file` for `other`; nothing if that one waits, and be it
    /// by way of others, for it.
    pub(super) fn begin(owner: Owner, file: usize, other: Owner) -> Option<Self> {
        let mut waiting = lock();
        let mut at = other;
        // BOUND: nobody waits for itself, so it goes through each that waits once at most.
        for _ in 0..=waiting.len() {
            if at == owner {
                return None;
            }
            match waiting.get(&at) {
                Some((_, next)) => at = *next,
                None => break,
            }
        }
        waiting.insert(owner, (file, other));
        Some(Self(owner))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        lock().remove(&self.0);
    }
}

/// A lock in `file` is no more, or less than it was: who waited there may not have to, and
/// says so anew if it has to.
pub(super) fn forget(file: usize) {
    lock().retain(|_, (waited, _)| *waited != file);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_of_three_is_found_and_a_chain_is_none() {
        let [one, two, three] = [Owner::new(), Owner::new(), Owner::new()];
        let first = Waits::begin(one, 11, two).expect("two waits for nobody");
        let second = Waits::begin(two, 22, three).expect("three waits for nobody");
        assert!(Waits::begin(three, 33, one).is_none());
        drop(second);
        assert!(Waits::begin(three, 33, one).is_some());
        drop(first);
    }

    #[test]
    fn who_need_not_wait_any_more_is_in_no_ring() {
        let [one, two] = [Owner::new(), Owner::new()];
        let _first = Waits::begin(one, 44, two).expect("two waits for nobody");
        assert!(Waits::begin(two, 55, one).is_none());
        forget(44);
        assert!(Waits::begin(two, 55, one).is_some());
    }
}
