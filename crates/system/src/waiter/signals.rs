//! Signals on their way to a guest.
//!
//! A signal that comes while a call is open goes to the guest with its answer; one
//! that comes while the guest computes is sent beside the calls, and the next call
//! says whether it has arrived, and whether the guest has yet to take one. As long
//! as there is any, a call that would wait is answered with EINTR, so that the guest
//! looks. None is lost in a race, and none disturbs a call that it came long before.

use crate::Signal;

/// Takes signals to a guest that computes. It says whether the signal went off: one
/// that did not goes with the answer of the guest's next call.
pub type Sink = Box<dyn FnMut(Signal) -> bool + Send>;

#[derive(Default)]
pub(super) struct Signals {
    /// How many calls of the guest are open.
    open: u32,
    /// Signals on their way beside the calls, a bit for each by the number of its interrupt.
    travelling: u64,
    /// Signals that go with an open call's answer, or the next one's.
    within: u64,
    /// Whether the guest has yet to take a signal, as it said last.
    untaken: bool,
    /// Whether any was ever sent.
    sent: bool,
    sink: Option<Sink>,
}

impl Signals {
    pub(super) fn connect(&mut self, sink: Option<Sink>) -> Option<Sink> {
        std::mem::replace(&mut self.sink, sink)
    }

    pub(super) fn send(&mut self, signal: Signal) {
        let bit = 1 << signal.interrupt();
        self.sent = true;
        // Under the lock, so that a call which comes now finds it on its way.
        if self.open == 0 && self.sink.as_mut().is_some_and(|sink| sink(signal)) {
            self.travelling |= bit;
        } else {
            self.within |= bit;
        }
    }

    pub(super) fn has_sent(&self) -> bool {
        self.sent
    }

    /// A call begins that tells which signals have arrived since the last one, and
    /// whether the guest has yet to take one.
    pub(super) fn open_call(&mut self, arrived: u64, untaken: bool) {
        self.open = self.open.saturating_add(1);
        // A cell may lie; it only harms the waits of its own guest.
        self.travelling &= !arrived;
        self.untaken = untaken;
    }

    /// A call ends. Gives the signals that are still on their way, and those that go
    /// with its answer.
    pub(super) fn close_call(&mut self) -> (u64, u64) {
        self.open = self.open.saturating_sub(1);
        (self.travelling, std::mem::take(&mut self.within))
    }

    /// Whether a call is open.
    pub(super) fn is_open(&self) -> bool {
        self.open > 0
    }

    /// Whether the guest has yet to take a signal.
    pub(super) fn is_interrupted(&self) -> bool {
        self.untaken || (self.travelling | self.within) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const TERMINATE: u64 = 1 << 15;

    #[test]
    fn a_signal_beside_the_calls_is_pending_until_the_guest_has_taken_it() {
        let mut signals = Signals::default();
        let (sent, arrived) = mpsc::channel();
        signals.connect(Some(Box::new(move |signal| sent.send(signal).is_ok())));
        assert!(!signals.is_interrupted());
        signals.send(Signal::TERMINATE);
        assert_eq!(arrived.try_recv(), Ok(Signal::TERMINATE));
        signals.open_call(0, false);
        assert!(signals.is_interrupted(), "it is still on its way");
        assert_eq!(signals.close_call(), (TERMINATE, 0));
        signals.open_call(TERMINATE, true);
        assert!(signals.is_interrupted(), "it is there, and not taken");
        assert_eq!(signals.close_call(), (0, 0));
        signals.open_call(0, false);
        assert!(!signals.is_interrupted());
    }

    #[test]
    fn a_signal_in_a_call_goes_with_its_answer() {
        let mut signals = Signals::default();
        signals.connect(Some(Box::new(|_| panic!("the guest stands still"))));
        signals.open_call(0, false);
        signals.send(Signal::TERMINATE);
        assert!(signals.is_interrupted());
        assert_eq!((signals.close_call(), signals.close_call()), ((0, TERMINATE), (0, 0)));
    }

    #[test]
    fn a_signal_goes_with_an_answer_as_long_as_any_call_is_open() {
        let mut signals = Signals::default();
        signals.connect(Some(Box::new(|_| panic!("a call is open"))));
        signals.open_call(0, false);
        signals.open_call(0, false);
        assert_eq!(signals.close_call(), (0, 0));
        signals.send(Signal::TERMINATE);
        assert_eq!(signals.close_call(), (0, TERMINATE));
        assert!(!signals.is_open());
    }

    #[test]
    fn a_signal_that_cannot_be_sent_goes_with_the_next_answer() {
        let mut signals = Signals::default();
        signals.connect(Some(Box::new(|_| false)));
        signals.send(Signal::TERMINATE);
        signals.open_call(0, false);
        assert!(signals.is_interrupted() && signals.has_sent());
        assert_eq!(signals.close_call(), (0, TERMINATE));
    }
}
