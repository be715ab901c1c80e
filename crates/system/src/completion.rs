//! Answers that come later than their call: a handler keeps a [`Completer`], which may
//! go to another thread or into an async task, and returns [`Answer::Later`]. The guest
//! stands still in its call meanwhile, and the controller does not: it hears other
//! calls, and the deadline, a kill and interrupts hold as in any wait.
//!
//! What is kept of such an answer is charged to the run's meter before it is kept.

use crate::{Answer, Call, Charge, Fault, MemoryError, Stop, Waiter, wait_for_any};
use bellglass_wire::range;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one answer that is to come takes in the controller's memory at most, beside
/// its writes: both ends of it, the signature (a name of control characters is printed
/// three times as long, in room that doubles), and its place among the open calls.
const PENDING_BYTES: u64 = 8192;

/// What one write takes beside its bytes: its address, and room that grows by doubling.
const WRITE_BYTES: u64 = 128;

/// Nobody waits for the answer any more: the run is over, or a signal has interrupted
/// the call. What was to be written is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for this answer any more: the run has ended, or a signal has interrupted its call")]
pub struct NobodyWaits;

/// Completes one call. Dropping it uncompleted ends the run as failed, for the guest
/// would wait for ever.
#[derive(Debug)]
pub struct Completer {
    shared: Arc<Shared>,
    /// What is to be written to the guest's memory with the answer.
    writes: Vec<(u32, Vec<u8>)>,
    charge: Option<Charge>,
    /// Bytes of the guest's memory at its call; it never shrinks.
    memory_bytes: u64,
}

/// The answer of a call that is to come: what its [`Completer`] will say.
#[derive(Clone)]
pub struct Pending(Arc<Shared>);

struct Shared {
    state: Mutex<Progress>,
    /// Which call it is, for people.
    signature: String,
}

enum Progress {
    /// It is to come, and this wakes whoever waits for it. A completer that is kept beyond
    /// its run keeps no descriptors of it.
    Open(Waiter),
    /// It is there.
    Complete(Completion),
    /// Its completer was dropped.
    Dropped,
    /// It was taken, or nobody wants it any more.
    Closed,
}

/// An answer that has come.
#[derive(Debug)]
pub struct Completion {
    /// What is to be written to the guest's memory first.
    pub writes: Vec<(u32, Vec<u8>)>,
    /// How the call is closed.
    pub outcome: Result<Answer, Fault>,
    _charge: Option<Charge>,
}

impl Completion {
    /// One that writes nothing.
    pub fn new(outcome: Result<Answer, Fault>) -> Self {
        Self { writes: Vec::new(), outcome, _charge: None }
    }
}

impl Call<'_> {
    /// What a handler needs that answers later: the completer, and what it returns now.
    /// Of the guest's memory it can only write then; what it reads it must read now.
    ///
    /// ```
    /// # use bellglass_system::{Answer, Call, Fault};
    /// fn handler(call: &mut Call<'_>) -> Result<Answer, Fault> {
    ///     let (completer, answer) = call.later()?;
    ///     std::thread::spawn(move || {
    ///         // Nobody may wait for it any more, and that is nobody's fault.
    ///         let _ = completer.complete(Ok(Answer::i32(42)));
    ///     });
    ///     Ok(answer)
    /// }
    /// ```
    ///
    /// # Errors
    /// ENOMEM if the controller may keep no more for this guest.
    pub fn later(&self) -> Result<(Completer, Answer), Fault> {
        let charge = self.meter.hold(PENDING_BYTES)?;
        let state = Mutex::new(Progress::Open(self.waiter.clone()));
        let shared = Arc::new(Shared { state, signature: self.signature.to_string() });
        let pending = Pending(Arc::clone(&shared));
        let memory_bytes = self.memory.size();
        let completer = Completer { shared, writes: Vec::new(), charge: Some(charge), memory_bytes };
        Ok((completer, Answer::Later(pending)))
    }
}

impl Completer {
    /// Has `bytes` written to the guest's memory at `address` when the call is
    /// completed.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] if not all of it lies in the memory that the guest
    /// had at its call, ENOMEM if the controller may keep no more for this guest;
    /// nothing is kept then.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Fault> {
        let (size, length) = (self.memory_bytes, bytes.len());
        if range(usize::try_from(size).unwrap_or(usize::MAX), address, length).is_none() {
            return Err(MemoryError::OutOfBounds { address, length: length as u64, size }.into());
        }
        if let Some(charge) = &mut self.charge {
            charge.grow(WRITE_BYTES.saturating_add(length as u64))?;
        }
        // BOUND: the meter, just above.
        self.writes.push((address, bytes.to_vec()));
        Ok(())
    }

    /// Whether somebody still waits for the answer.
    ///
    /// # Errors
    /// [`NobodyWaits`] if not: work for it may be given up.
    pub fn check(&self) -> Result<(), NobodyWaits> {
        match *self.shared.lock() {
            Progress::Open(_) => Ok(()),
            _ => Err(NobodyWaits),
        }
    }

    /// Answers the call: as its handler would have.
    ///
    /// # Errors
    /// [`NobodyWaits`] if that was in vain.
    pub fn complete(mut self, outcome: Result<Answer, Fault>) -> Result<(), NobodyWaits> {
        let (writes, charge) = (std::mem::take(&mut self.writes), self.charge.take());
        self.shared.end(Progress::Complete(Completion { writes, outcome, _charge: charge }))
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        // Nothing happens to one that is complete.
        let _ = self.shared.end(Progress::Dropped);
    }
}

impl Pending {
    /// Takes the answer if it has come. One that will never come is the end of the run.
    pub fn take(&self) -> Option<Completion> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, Progress::Closed) {
            open @ Progress::Open(_) => {
                *state = open;
                None
            }
            other => Some(self.0.completion(other)),
        }
    }

    /// Waits for the answer, which is EINTR when a signal for the guest comes first.
    pub fn wait(&self) -> Completion {
        loop {
            let waiter = match &*self.0.lock() {
                Progress::Open(waiter) => Some(waiter.clone()),
                _ => None,
            };
            let listener = waiter.as_ref().map(|waiter| waiter.completions().listen());
            if let Some(completion) = self.take() {
                return completion;
            }
            // It is open still, and so was before.
            let (Some(waiter), Some(listener)) = (waiter, listener) else { continue };
            if let Err(fault) = wait_for_any(&waiter, &[], &[listener], None) {
                return self.give_up(fault);
            }
        }
    }

    /// Ends a wait: gives this fault, and nobody waits any more. But an answer whose
    /// completer was told that somebody does is given whenever it came.
    pub fn give_up(&self, fault: Fault) -> Completion {
        match std::mem::replace(&mut *self.0.lock(), Progress::Closed) {
            Progress::Open(_) => Completion::new(Err(fault)),
            other => self.0.completion(other),
        }
    }

    /// Nobody waits for it any more.
    pub fn close(&self) {
        let before = std::mem::replace(&mut *self.0.lock(), Progress::Closed);
        drop(before);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is taken of one that is not open.
    fn completion(&self, state: Progress) -> Completion {
        match state {
            Progress::Complete(completion) => completion,
            Progress::Open(_) | Progress::Dropped | Progress::Closed => {
                let reason = format!("the handler of {} was to answer later, and never will", self.signature);
                Completion::new(Err(Stop::Failed { reason }.into()))
            }
        }
    }

    /// Ends what is open, and wakes who waits for it.
    fn end(&self, how: Progress) -> Result<(), NobodyWaits> {
        let mut state = self.lock();
        if !matches!(*state, Progress::Open(_)) {
            return Err(NobodyWaits);
        }
        let before = std::mem::replace(&mut *state, how);
        drop(state);
        if let Progress::Open(waiter) = before {
            waiter.completions().wake();
        }
        Ok(())
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match *self.lock() {
            Progress::Open(_) => "open",
            Progress::Complete(_) => "complete",
            Progress::Dropped => "dropped",
            Progress::Closed => "closed",
        };
        formatter.debug_tuple("Pending").field(&state).finish()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Pending {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;
    use crate::fake::guest;

    /// Two ends of an answer that is to come.
    fn later() -> (Completer, Pending) {
        let mut guest = guest();
        let signature = "a.b()i".parse().expect("a signature");
        let meter = Arc::clone(guest.system.meter());
        let (memory, waiter) = (&mut guest.memory, &guest.waiter);
        let call = Call { signature: &signature, arguments: &[], memory, waiter, meter: &meter };
        match call.later() {
            Ok((completer, Answer::Later(pending))) => (completer, pending),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_that_somebody_waited_for_is_not_given_up() {
        let (completer, pending) = later();
        assert_eq!(completer.complete(Ok(Answer::i32(7))), Ok(()));
        assert_eq!(pending.give_up(Errno::INTR.into()).outcome, Ok(Answer::i32(7)));

        let (completer, pending) = later();
        assert_eq!(pending.give_up(Errno::INTR.into()).outcome, Err(Errno::INTR.into()));
        assert_eq!(
            (completer.check(), completer.complete(Ok(Answer::i32(7)))),
            (Err(NobodyWaits), Err(NobodyWaits))
        );
    }

    #[test]
    fn a_completer_that_is_kept_holds_nothing_of_a_run_that_is_over() {
        let mut guest = guest();
        let signature = "a.b()i".parse().expect("a signature");
        let meter = Arc::clone(guest.system.meter());
        let mut later = || {
            let (memory, waiter) = (&mut guest.memory, &guest.waiter);
            let call = Call { signature: &signature, arguments: &[], memory, waiter, meter: &meter };
            call.later().expect("room")
        };
        let kept = [later(), later(), later()];
        let [(_, Answer::Later(one)), (_, Answer::Later(two)), (_, Answer::Later(three))] = &kept else {
            panic!("{kept:?}")
        };
        one.close();
        two.give_up(Errno::INTR.into());
        assert_eq!(guest.waiter.holders(), 2, "one is open");
        three.close();
        assert_eq!(guest.waiter.holders(), 1);
    }

    #[test]
    fn an_answer_is_taken_once_and_one_whose_completer_is_gone_is_a_failure() {
        let (completer, pending) = later();
        assert!(pending.take().is_none());
        drop(completer);
        for _ in 0..2 {
            let outcome = pending.take().expect("it will never come").outcome;
            assert!(
                matches!(&outcome, Err(Fault::Stop(Stop::Failed { reason })) if reason.contains("a.b()i"))
            );
        }
        let (completer, pending) = later();
        assert_eq!(completer.complete(Ok(Answer::i32(7))), Ok(()));
        assert_eq!(pending.take().expect("it is there").outcome, Ok(Answer::i32(7)));
        assert!(pending.take().is_some_and(|again| again.outcome.is_err()));
    }
}
