//! Stopping and interrupting a guest in a thread. It is *rung*
//! ([`Program::ring`](crate::Program::ring)): its own compiled code then asks its
//! [`Watch`], in the guest's own thread, so that nobody else ever touches its
//! memory.

/// Words that one table may name; more are ignored.
const TABLE_ENTRIES: usize = 16;

/// Says what is to become of a guest, when its compiled code asks. It is asked
/// when the guest was rung and after each call, so it should be quick.
pub trait Watch: Send + Sync {
    /// What the guest is to do. An interrupt is told once.
    fn attention(&self) -> Attention;
}

/// What a guest is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Go on.
    Continue,
    /// Go on, with the words of its interrupt table set.
    Interrupt,
    /// End here; it does not run another instruction.
    End,
}

/// Sets the words that the table in `memory` names. False if the table is empty:
/// the guest cannot be interrupted yet.
pub(crate) fn set_words(memory: &mut [u8], table: u32) -> bool {
    let entry = |memory: &[u8], index: usize| word(memory, (table as usize).checked_add(index * 4)?);
    let Some(count) = entry(memory, 0) else { return false };
    // BOUND: TABLE_ENTRIES, whatever the guest has written as the count.
    for pair in 0..(count as usize).min(TABLE_ENTRIES) {
        let (Some(address), Some(mask)) = (entry(memory, 1 + 2 * pair), entry(memory, 2 + 2 * pair)) else {
            break;
        };
        let address = address as usize;
        if let Some(old) = word(memory, address)
            && let Some(target) = memory.get_mut(address..address + 4)
        {
            target.copy_from_slice(&(old | mask).to_le_bytes());
        }
    }
    count > 0
}

fn word(memory: &[u8], address: usize) -> Option<u32> {
    let bytes = memory.get(address..address.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(table: &[u32]) -> Vec<u8> {
        table.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn the_words_of_the_table_are_set() {
        let mut bytes = memory(&[2, 20, 6, 24, 1, 8, 0]);
        assert!(set_words(&mut bytes, 0));
        assert_eq!(bytes, memory(&[2, 20, 6, 24, 1, 8 | 6, 1]));
    }

    #[test]
    fn a_table_that_lies_changes_nothing_outside_of_the_memory() {
        let mut bytes = memory(&[0, 0]);
        assert!(!set_words(&mut bytes, 0), "an empty table");
        assert!(!set_words(&mut bytes, 6), "a table across the end");
        assert!(!set_words(&mut bytes, u32::MAX), "a table outside");
        let wild = [u32::MAX, u32::MAX, 1, 17, 1];
        let mut bytes = memory(&wild);
        assert!(set_words(&mut bytes, 0), "words outside are left alone");
        assert_eq!(bytes, memory(&wild));
    }
}
