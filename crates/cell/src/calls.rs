//! The calls of this cell's guest that are open.

use crate::link::LinkError;
use bellglass_wire::{Sent, caps};

/// The calls that are open, by their numbers.
#[derive(Default)]
pub(crate) struct Calls {
    /// The number of the next one.
    next: u32,
    /// The room is used again. BOUND: [`caps::OPEN_CALLS`].
    open: Vec<u32>,
    /// Those that are answered and not finished.
    answered: Vec<Answered>,
}

/// What is left of an answer whose writes are done.
pub(crate) struct Answered {
    pub(crate) call: u32,
    pub(crate) errno: Option<i32>,
    pub(crate) sent: Sent,
    pub(crate) results: Vec<u64>,
}

impl Calls {
    /// A number that no open call has.
    pub(crate) fn open(&mut self) -> Result<u32, LinkError> {
        if self.open.len() >= caps::OPEN_CALLS {
            return Err(LinkError::Failed(format!(
                "the guest has more than {} calls open",
                caps::OPEN_CALLS
            )));
        }
        while self.open.contains(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let call = self.next;
        self.next = call.wrapping_add(1);
        self.open.push(call);
        Ok(call)
    }

    /// Holds a number of the controller's to the calls that wait for an answer.
    pub(crate) fn check(&self, call: u32) -> Result<(), LinkError> {
        let waits = self.open.contains(&call) && !self.answered.iter().any(|answered| answered.call == call);
        if waits { Ok(()) } else { Err(LinkError::Refused("a message for a call that is not open")) }
    }

    /// Forgets a call that was answered.
    pub(crate) fn close(&mut self, call: u32) -> Result<(), LinkError> {
        self.check(call)?;
        self.open.retain(|open| *open != call);
        Ok(())
    }

    /// Keeps an answer until its call is finished.
    pub(crate) fn keep(&mut self, answered: Answered) -> Result<(), LinkError> {
        self.check(answered.call)?;
        self.answered.push(answered);
        Ok(())
    }

    /// The answer of a call, if it has come already; the call is forgotten then.
    pub(crate) fn take_answered(&mut self, call: u32) -> Option<Answered> {
        let index = self.answered.iter().position(|answered| answered.call == call)?;
        self.open.retain(|open| *open != call);
        Some(self.answered.swap_remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_again_only_when_it_is_free() {
        let mut calls = Calls { next: u32::MAX, ..Calls::default() };
        let first = calls.open().expect("room");
        assert_eq!((first, calls.open().expect("room")), (u32::MAX, 0));
        calls.next = u32::MAX;
        assert_eq!(calls.open().expect("room"), 1);
        for _ in 4..caps::OPEN_CALLS {
            calls.open().expect("room");
        }
        calls.open().map(drop).expect("the last");
        assert!(calls.open().is_err(), "one too many");
    }
}
