//! Answers a guest's calls in the guest's own thread.

use super::memory::OwnMemory;
use super::requests::Requests;
use crate::monitor::{Answered, Answers, Closed};
use crate::report::Outcome;
use bellglass_engine::{External, GuestMemory, StopGuest};
use bellglass_wire::numbers_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What answers, and what came of it. The engine has one half while the guest
/// runs and the run has the other, so that nothing is lost if the guest does not
/// even start; they are never used at the same time.
#[derive(Clone)]
pub(crate) struct Answering(Arc<Mutex<Inner>>);

struct Inner {
    answers: Answers,
    /// Whether the image names a malloc and a free.
    allocator: bool,
    /// The outcome of the call in which the guest was ended.
    closed: Option<Outcome>,
    requests: Arc<Requests>,
}

impl Answering {
    pub(crate) fn new(answers: Answers, allocator: bool, requests: Arc<Requests>) -> Self {
        Self(Arc::new(Mutex::new(Inner { answers, allocator, closed: None, requests })))
    }

    /// The outcome of the call in which the guest was ended, if that is how it
    /// ended.
    pub(crate) fn closed(&self) -> Option<Outcome> {
        self.lock().closed.take()
    }

    /// Lets `look` see the answers.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Answers) -> T) -> T {
        look(&self.lock().answers)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl External for Answering {
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest> {
        let state = &mut *self.lock();
        let requests = Arc::clone(&state.requests);
        let untaken = memory.is_interrupted();
        state.answers.waiter.open_call_with(|| !requests.pending_interrupts(), untaken);
        let mut own = OwnMemory::new(memory, state.allocator);
        // Loading has checked the number of imports against a cap.
        let index = import as u32;
        let reply = match state.answers.answer(index, arguments, &mut own) {
            Ok(Answered::Now(reply)) => Ok(reply),
            // The guest's one thread is this one.
            Ok(Answered::Later(pending, begun)) => {
                state.answers.finish(index, arguments, &mut own, pending.wait(), begun)
            }
            Err(closed) => Err(closed),
        };
        let stop = own.stop.take();
        // The guest attends to its requests before it goes on.
        let (_, within) = state.answers.waiter.close_call();
        numbers_of(within).for_each(|number| requests.interrupt(number));
        match (reply, stop) {
            // The guest's own malloc or free ended it, whatever the handler made of that.
            (Ok(_) | Err(Closed::Lost), Some(stop)) => Err(stop),
            (Err(Closed::Lost), None) => Err(StopGuest::End),
            (Ok(reply), None) => {
                if let Some(errno) = reply.errno {
                    memory.set_errno(i32::from(errno));
                }
                // The number of results has been checked against the signature.
                for (slot, value) in results.iter_mut().zip(reply.results.iter().copied()) {
                    *slot = value;
                }
                Ok(())
            }
            (Err(Closed::End(outcome)), _) => {
                state.closed = Some(outcome);
                Err(StopGuest::End)
            }
            (Err(Closed::Breach(reason)), _) => {
                state.closed = Some(Outcome::Breach { reason });
                Err(StopGuest::End)
            }
        }
    }
}
