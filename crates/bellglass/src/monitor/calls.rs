//! The calls of one guest that are open. The cell numbers them; this holds it to its
//! numbers, and keeps what is needed of those that are not answered at once.

use bellglass_system::{Charge, Completion, Meter, Pending};
use bellglass_wire::caps;
use std::sync::Arc;
use std::time::Instant;

/// The table of open calls.
pub(crate) struct Calls {
    /// In the order in which they were heard. The room is used again from call to call.
    /// BOUND: [`caps::OPEN_CALLS`].
    open: Vec<Open>,
    /// How many of them wait for an answer that comes later.
    later: usize,
    /// How many of them have to be answered yet.
    deferred: usize,
    meter: Arc<Meter>,
}

struct Open {
    number: u32,
    state: CallState,
}

enum CallState {
    /// Its handler is at work.
    Answering,
    /// It came while another was answered: this is its frame.
    Deferred { frame: Vec<u8>, _charge: Charge },
    /// Its answer comes later.
    Later(Box<Later>),
}

/// A call whose answer comes later. What it takes is charged with its completer.
pub(crate) struct Later {
    /// Index of the signature.
    pub(crate) signature: u32,
    pub(crate) arguments: Vec<u64>,
    pub(crate) begun: Instant,
    pub(crate) pending: Pending,
}

impl Drop for Later {
    fn drop(&mut self) {
        self.pending.close();
    }
}

/// Why a call is not kept.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The cell may not open it.
    Breach(String),
    /// The controller may keep no more for this guest.
    Full {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl Calls {
    /// None yet. What is kept of calls is charged to `meter`.
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self { open: Vec::new(), later: 0, deferred: 0, meter }
    }

    /// The cell opens a call, whose handler is at work from now on.
    ///
    /// # Errors
    /// What is wrong, as a sentence, if the cell may not open it.
    pub(crate) fn open(&mut self, number: u32) -> Result<(), String> {
        if self.open.iter().any(|open| open.number == number) {
            return Err(format!("the cell opened call {number}, which was open already"));
        }
        if self.open.len() >= caps::OPEN_CALLS {
            return Err(format!("the cell opened more than {} calls at once", caps::OPEN_CALLS));
        }
        self.open.push(Open { number, state: CallState::Answering });
        Ok(())
    }

    /// The cell opens a call, with this frame, while another is answered.
    ///
    /// # Errors
    /// [`Refused`] if it may not, or there is no room for it.
    pub(crate) fn defer(&mut self, number: u32, frame: Vec<u8>) -> Result<(), Refused> {
        self.open(number).map_err(Refused::Breach)?;
        let bytes = frame.capacity() as u64;
        let charge = self.meter.hold(bytes).map_err(|_| Refused::Full { limit: self.meter.limit() })?;
        self.set(number, CallState::Deferred { frame, _charge: charge });
        self.deferred += 1;
        Ok(())
    }

    /// Takes the frame of the first call that is to be answered yet.
    pub(crate) fn next_deferred(&mut self) -> Option<Vec<u8>> {
        if self.deferred == 0 {
            return None;
        }
        self.open.iter_mut().find_map(|open| match std::mem::replace(&mut open.state, CallState::Answering) {
            CallState::Deferred { frame, .. } => {
                self.deferred -= 1;
                Some(frame)
            }
            other => {
                open.state = other;
                None
            }
        })
    }

    /// The answer of an open call comes later.
    pub(crate) fn wait(&mut self, number: u32, later: Box<Later>) {
        self.set(number, CallState::Later(later));
        self.later += 1;
    }

    /// Takes a call whose answer has come. It stays open until it is closed.
    pub(crate) fn take_complete(&mut self) -> Option<(u32, Box<Later>, Completion)> {
        let (index, completion) =
            self.open.iter().enumerate().find_map(|(index, open)| match &open.state {
                CallState::Later(later) => later.pending.take().map(|completion| (index, completion)),
                _ => None,
            })?;
        self.take_later(index).map(|(number, later)| (number, later, completion))
    }

    /// Takes the first call whose answer is to come later, so that it is answered
    /// otherwise.
    pub(crate) fn take_waiting(&mut self) -> Option<(u32, Box<Later>)> {
        let index = self.open.iter().position(|open| matches!(open.state, CallState::Later(_)))?;
        self.take_later(index)
    }

    fn take_later(&mut self, index: usize) -> Option<(u32, Box<Later>)> {
        let open = self.open.get_mut(index)?;
        match std::mem::replace(&mut open.state, CallState::Answering) {
            CallState::Later(later) => {
                self.later -= 1;
                Some((open.number, later))
            }
            other => {
                open.state = other;
                None
            }
        }
    }

    /// Forgets a call that was answered.
    pub(crate) fn close(&mut self, number: u32) {
        // The one that was heard last, nearly always.
        if let Some(index) = self.open.iter().rposition(|open| open.number == number) {
            self.open.remove(index);
        }
    }

    fn set(&mut self, number: u32, state: CallState) {
        if let Some(open) = self.open.iter_mut().rfind(|open| open.number == number) {
            open.state = state;
        }
    }

    /// Whether any call is open.
    pub(crate) fn is_any_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether any waits for an answer that comes later.
    pub(crate) fn is_any_waiting(&self) -> bool {
        self.later > 0
    }

    /// Whether any is to be answered yet.
    pub(crate) fn is_any_deferred(&self) -> bool {
        self.deferred > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(limit: u64) -> Calls {
        Calls::new(Arc::new(Meter::new(limit)))
    }

    #[test]
    fn a_number_is_open_once_and_so_many_are_open_at_most() {
        let mut calls = calls(1 << 20);
        let most = caps::OPEN_CALLS as u32;
        (0..most).for_each(|number| calls.open(number).expect("it fits"));
        assert!(calls.open(most).expect_err("one too many").contains("more than 64 calls"));
        calls.close(7);
        assert!(calls.open(8).expect_err("it is open").contains("open already"));
        assert_eq!(calls.open(7), Ok(()));
    }

    #[test]
    fn what_is_deferred_comes_in_its_order_and_is_charged() {
        let mut calls = calls(1000);
        let meter = Arc::clone(&calls.meter);
        calls.open(1).expect("the first");
        calls.defer(9, vec![9; 400]).expect("it fits");
        calls.defer(2, vec![2; 400]).expect("it fits");
        assert!(matches!(calls.defer(3, vec![3; 400]), Err(Refused::Full { limit: 1000 })));
        assert!(matches!(calls.defer(9, vec![]), Err(Refused::Breach(_))));
        assert_eq!(meter.used(), 800);
        calls.close(1);
        assert_eq!(calls.next_deferred(), Some(vec![9; 400]));
        calls.close(9);
        assert_eq!(calls.next_deferred(), Some(vec![2; 400]));
        assert_eq!((calls.next_deferred(), meter.used()), (None, 0));
    }
}
