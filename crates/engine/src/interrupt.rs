//! Interrupts: how something outside makes a guest that computes look up. The
//! guest names a table of words; an interrupt of some number sets the words that
//! the table says. Nothing here knows what a number or a word means; in CPython
//! the numbers are signals, and the words make its evaluation loop look for them.
//!
//! A guest in a process of its own is interrupted by a signal handler of that
//! process, with atomic accesses to its memory: [`Interrupts`]. No check in its
//! compiled code pays for this. A guest in a thread is reached by the engine's epoch
//! ([`Program::advance_epoch`](crate::Program::advance_epoch)): its own compiled code then asks its
//! [`EpochHook`], in the guest's own thread, so that nobody else ever touches its
//! memory.

use crate::guest::TableLocation;
use bellglass_wire::{numbers_of, range};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Numbers of interrupts: 0 to 63.
const NUMBERS: u8 = 64;

/// Words that one table may name; more are ignored.
const TABLE_WORDS: u32 = 16;

/// Words of a table before its entries.
const HEADER_WORDS: u32 = 3;

/// What the table's action for a number can be; anything else is [`DROP`].
const END: u32 = 0;
const DROP: u32 = 1;
const SET: u32 = 2;

/// Says what is to become of a guest, when its compiled code asks. It is asked
/// when the epoch has advanced and after each call, so it should be quick.
pub trait EpochHook: Send + Sync {
    /// What the guest is to do. An interrupt is told once; after one, this is
    /// asked again.
    fn at_epoch(&self) -> EpochAction;
}

/// What a guest is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochAction {
    /// Go on.
    Continue,
    /// Take the interrupt of this number, and go on unless it ends the guest.
    Interrupt(u8),
    /// End here; it does not run another instruction.
    End,
}

/// The guest ends by an interrupt that it does not handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest is ended by interrupt {number}")]
pub struct EndsGuest {
    /// Which one.
    pub number: u8,
}

/// The interrupts of one guest. They may be raised before the guest can take
/// them, and then wait. All of it is atomic, so that a signal handler may raise
/// them, in whatever thread.
#[derive(Debug, Default)]
pub struct Interrupts {
    /// Where the guest's memory is; null while there is none.
    memory: AtomicPtr<u8>,
    memory_bytes: AtomicUsize,
    table: AtomicU32,
    /// How many are using the memory just now.
    users: AtomicUsize,
    /// Those that wait until the guest's table is filled, a bit a number.
    waiting: AtomicU64,
    /// Those whose words are set and that the guest has not taken yet.
    untaken: AtomicU64,
}

/// See [`Interrupts::until_dropped`].
pub(crate) struct Connected<'a>(&'a Interrupts);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.memory.store(std::ptr::null_mut(), Ordering::SeqCst);
        // Whoever saw it before is done in no time: a signal handler of this
        // thread even before the next look.
        while self.0.users.load(Ordering::SeqCst) != 0 {
            std::hint::spin_loop();
        }
    }
}

impl Interrupts {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            memory: AtomicPtr::new(std::ptr::null_mut()),
            memory_bytes: AtomicUsize::new(0),
            table: AtomicU32::new(0),
            users: AtomicUsize::new(0),
            waiting: AtomicU64::new(0),
            untaken: AtomicU64::new(0),
        }
    }

    pub(crate) fn connect(&self, place: Option<TableLocation>) {
        if let Some(TableLocation { memory, memory_bytes, table }) = place {
            self.memory_bytes.store(memory_bytes, Ordering::SeqCst);
            self.table.store(table, Ordering::SeqCst);
            self.memory.store(memory, Ordering::SeqCst);
        }
    }

    /// What forgets the guest's memory when it is dropped: whoever connects must
    /// hold it, and drop it before the memory.
    pub(crate) fn until_dropped(&self) -> Connected<'_> {
        Connected(self)
    }

    fn with_table<Result>(&self, act: impl FnOnce(Option<Table<'_>>) -> Result) -> Result {
        self.users.fetch_add(1, Ordering::SeqCst);
        let memory = self.memory.load(Ordering::SeqCst);
        let result = if memory.is_null() {
            act(None)
        } else {
            let memory_bytes = self.memory_bytes.load(Ordering::SeqCst);
            let table = self.table.load(Ordering::SeqCst);
            let mut place = TableLocation { memory, memory_bytes, table };
            act(Table::read(table, &mut place))
        };
        self.users.fetch_sub(1, Ordering::SeqCst);
        result
    }

    /// Interrupts the guest. Numbers above 63 do nothing.
    ///
    /// # Errors
    /// [`EndsGuest`] if the guest's table says that this number ends it.
    pub fn raise(&self, number: u8) -> Result<(), EndsGuest> {
        if number < NUMBERS {
            self.waiting.fetch_or(1 << number, Ordering::SeqCst);
        }
        self.deliver()
    }

    fn deliver(&self) -> Result<(), EndsGuest> {
        self.with_table(|table| {
            let Some(mut table) = table else { return Ok(()) };
            for number in numbers_of(self.waiting.swap(0, Ordering::SeqCst)) {
                if table.act(number)? {
                    self.untaken.fetch_or(1 << number, Ordering::SeqCst);
                }
            }
            Ok(())
        })
    }

    /// Delivers what waits, and sets words again that the guest has lost: it may
    /// write back an old value of a word while another thread sets a bit in it.
    /// To be called when a call is closed, and now and then while
    /// [`is_untaken`](Self::is_untaken).
    ///
    /// # Errors
    /// [`EndsGuest`] if the guest's table says that one of them ends it.
    pub fn set_again(&self) -> Result<(), EndsGuest> {
        if self.waiting.load(Ordering::SeqCst) != 0 {
            self.deliver()?;
        }
        if self.is_untaken() {
            self.with_table(|table| {
                if let Some(mut table) = table {
                    numbers_of(self.untaken.load(Ordering::SeqCst))
                        .for_each(|number| table.set_words(number));
                }
            });
        }
        Ok(())
    }

    /// Whether there is one that the guest has yet to take.
    pub fn is_untaken(&self) -> bool {
        if self.untaken.load(Ordering::SeqCst) != 0 {
            self.with_table(|table| {
                let untaken = self.untaken.load(Ordering::SeqCst);
                self.untaken.fetch_and(!taken_of(untaken, table.as_ref()), Ordering::SeqCst);
            });
        }
        (self.waiting.load(Ordering::SeqCst) | self.untaken.load(Ordering::SeqCst)) != 0
    }
}

/// The interrupts that the hook of one guest told of, and how far it is with
/// them.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    waiting: u64,
    untaken: u64,
}

impl Pending {
    pub(crate) fn raise(&mut self, number: u8) {
        if number < NUMBERS {
            self.waiting |= 1 << number;
        }
    }

    /// Whether some wait to be delivered.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting != 0
    }

    /// Does what the table says for all that wait.
    pub(crate) fn deliver(&mut self, table: Option<Table<'_>>) -> Result<(), EndsGuest> {
        let Some(mut table) = table else { return Ok(()) };
        for number in numbers_of(std::mem::take(&mut self.waiting)) {
            if table.act(number)? {
                self.untaken |= 1 << number;
            }
        }
        Ok(())
    }

    /// Whether there is one that the guest has yet to take.
    pub(crate) fn is_untaken(&mut self, table: Option<Table<'_>>) -> bool {
        self.untaken &= !taken_of(self.untaken, table.as_ref());
        (self.waiting | self.untaken) != 0
    }
}

/// Which of these the guest has taken: it has cleared their bits in the first
/// word. Where there is no table any more, none can still be taken.
fn taken_of(untaken: u64, table: Option<&Table<'_>>) -> u64 {
    let is_taken = |number: &u8| !table.is_some_and(|table| table.is_set(*number));
    numbers_of(untaken).filter(is_taken).fold(0, |bits, number| bits | 1 << number)
}

/// A guest's memory, as words of 32 bits.
pub(crate) trait Words {
    /// Nothing outside of the memory.
    fn load(&self, address: u32) -> Option<u32>;

    /// Sets bits, or does nothing outside of the memory.
    fn set(&mut self, address: u32, mask: u32);
}

/// The memory of a guest that stands still, in its own thread.
pub(crate) struct Own<'a>(pub(crate) &'a mut [u8]);

impl Words for Own<'_> {
    fn load(&self, address: u32) -> Option<u32> {
        let bytes = self.0.get(range(self.0.len(), address, 4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn set(&mut self, address: u32, mask: u32) {
        let Some(old) = self.load(address) else { return };
        let word = range(self.0.len(), address, 4).and_then(|range| self.0.get_mut(range));
        if let Some(word) = word {
            word.copy_from_slice(&(old | mask).to_le_bytes());
        }
    }
}

impl Words for TableLocation {
    fn load(&self, address: u32) -> Option<u32> {
        self.word(address).map(|word| word.load(Ordering::SeqCst))
    }

    fn set(&mut self, address: u32, mask: u32) {
        if let Some(word) = self.word(address) {
            word.fetch_or(mask, Ordering::SeqCst);
        }
    }
}

impl TableLocation {
    fn word(&self, address: u32) -> Option<&AtomicU32> {
        let start = address as usize;
        range(self.memory_bytes, address, 4).filter(|_| start.is_multiple_of(4))?;
        // SAFETY: the address is aligned and inside the part of the guest's
        // memory that was there when it started; that never moves and never
        // shrinks, and it is not unmapped while somebody uses it (`Connected`). The
        // guest may change the word at the same time: this access is atomic, and
        // whatever value results is the guest's own affair.
        Some(unsafe { AtomicU32::from_ptr(self.memory.add(start).cast()) })
    }
}

/// A guest's table as it is now. All of it is read from the guest's memory, and
/// checked at each use: the guest may write there what it likes, and harms only
/// itself.
pub(crate) struct Table<'a> {
    memory: &'a mut dyn Words,
    at: u32,
    numbers: u32,
    actions: u32,
    words: u32,
}

impl<'a> Table<'a> {
    /// Nothing while the guest has not filled it.
    pub(crate) fn read(at: u32, memory: &'a mut dyn Words) -> Option<Self> {
        let field = |index: u32| memory.load(at.checked_add(index * 4)?);
        let (numbers, actions, words) = (field(0)?, field(1)?, field(2)?.min(TABLE_WORDS));
        (numbers > 0).then_some(Self { memory, at, numbers, actions, words })
    }

    /// Does what the table says for a number: true if its words are set.
    fn act(&mut self, number: u8) -> Result<bool, EndsGuest> {
        match self.action(number) {
            END => Err(EndsGuest { number }),
            SET => {
                self.set_words(number);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn action(&self, number: u8) -> u32 {
        let number = u32::from(number);
        let address = self.actions.checked_add(number * 4).filter(|_| number < self.numbers);
        address.and_then(|address| self.memory.load(address)).unwrap_or(DROP)
    }

    /// The address and the mask of one word for a number.
    fn word(&self, index: u32, number: u8) -> Option<(u32, u32)> {
        let entry = self.at.checked_add((HEADER_WORDS + index * 3) * 4)?;
        let field = |at: u32| self.memory.load(entry.checked_add(at * 4)?);
        let (address, mask, stride) = (field(0)?, field(1)?, field(2)?);
        Some((address.checked_add(stride.checked_mul(u32::from(number))?)?, mask))
    }

    fn set_words(&mut self, number: u8) {
        // BOUND: TABLE_WORDS, whatever the guest has written as the count.
        for index in 0..self.words {
            if let Some((address, mask)) = self.word(index, number) {
                self.memory.set(address, mask);
            }
        }
    }

    fn is_set(&self, number: u8) -> bool {
        self.words > 0
            && self.word(0, number).is_some_and(|(address, mask)| {
                self.memory.load(address).is_some_and(|value| value & mask != 0)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A guest's memory whose table, at 0, has the numbers 0 to 4, with actions
    /// at 64 and one word of its own for each number from 128 on, and a shared
    /// one at 256.
    fn memory() -> Vec<u32> {
        let mut memory = vec![0; 128];
        memory[..9].copy_from_slice(&[5, 64, 2, 128, 6, 4, 256, 1, 0]);
        memory[16..21].copy_from_slice(&[END, DROP, SET, SET, 77]);
        memory
    }

    fn connected(memory: &mut [u32]) -> Interrupts {
        let interrupts = Interrupts::new();
        let memory_bytes = memory.len() * 4;
        interrupts.connect(Some(TableLocation {
            memory: memory.as_mut_ptr().cast(),
            memory_bytes,
            table: 0,
        }));
        interrupts
    }

    #[test]
    fn words_are_set_by_number_until_the_guest_takes_them() {
        let mut memory = memory();
        let interrupts = connected(&mut memory);
        assert_eq!(interrupts.raise(3), Ok(()));
        assert_eq!((memory[32 + 3], memory[64]), (6, 1));
        assert!(interrupts.is_untaken());
        memory[64] = 0;
        assert_eq!(interrupts.set_again(), Ok(()));
        assert_eq!(memory[64], 1, "set again, for it is not taken");
        memory[32 + 3] = 0;
        assert!(!interrupts.is_untaken());
        memory[64] = 0;
        assert_eq!(interrupts.set_again(), Ok(()));
        assert_eq!(memory[64], 0);
    }

    #[test]
    fn the_table_says_what_becomes_of_each_number() {
        let mut memory = memory();
        let interrupts = connected(&mut memory);
        for dropped in [1, 4, 5, 63, 64, 255] {
            assert_eq!(interrupts.raise(dropped), Ok(()));
        }
        assert!(!interrupts.is_untaken());
        assert_eq!(interrupts.raise(0), Err(EndsGuest { number: 0 }));
        assert!(memory[32..38].iter().all(|word| *word == 0));
    }

    #[test]
    fn one_that_comes_too_early_waits() {
        let mut memory = memory();
        memory[0] = 0;
        let interrupts = connected(&mut memory);
        assert_eq!(interrupts.raise(2), Ok(()));
        assert_eq!((interrupts.is_untaken(), memory[32 + 2]), (true, 0));
        memory[0] = 5;
        assert_eq!(interrupts.set_again(), Ok(()));
        assert_eq!(memory[32 + 2], 6);
    }

    #[test]
    fn no_table_leads_out_of_the_memory() {
        for (at, value) in [(1, 0xffff_fff0), (2, u32::MAX), (3, 509), (3, 1), (5, u32::MAX), (6, u32::MAX)] {
            let mut memory = memory();
            memory[at] = value;
            let interrupts = connected(&mut memory);
            for number in 1..=255 {
                let _ = interrupts.raise(number);
            }
            assert!(interrupts.set_again().is_ok());
        }
        let mut short = [5];
        let interrupts = connected(&mut short);
        assert_eq!(interrupts.raise(2), Ok(()));
    }

    #[test]
    fn a_guest_in_a_thread_is_served_the_same_way() {
        let mut words: Vec<u8> = memory().iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut pending = Pending::default();
        pending.raise(3);
        assert_eq!(pending.deliver(Table::read(0, &mut Own(&mut words))), Ok(()));
        assert_eq!((words[128 + 12], words[256]), (6, 1));
        assert!(pending.is_untaken(Table::read(0, &mut Own(&mut words))));
        words[128 + 12] = 0;
        assert!(!pending.is_untaken(Table::read(0, &mut Own(&mut words))));
        pending.raise(0);
        assert_eq!(pending.deliver(Table::read(0, &mut Own(&mut words))), Err(EndsGuest { number: 0 }));
    }
}
