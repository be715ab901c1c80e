//! Which handler answers which call: the user's own, laid over the virtual
//! system's, and the count of it all.

use crate::handler::Handling;
use crate::report::{CallCount, RefusedCall};
use bellglass_system::{
    Answer, Call, Ending, Errno, Fault, MemoryError, Permission, Row, Support, System, lookup, settle,
};
use bellglass_wire::{Signature, View};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The module of the calls that guests of Linux make.
const LINUX: &str = "linux";

/// A handler of the user's: answers the call itself, or hands it on with
/// [`Next::answer`].
pub(crate) type Handle = Box<dyn FnMut(&mut Call<'_>, Next<'_>) -> Result<Answer, Fault> + Send>;

/// Sees each call after it is answered.
pub(crate) type Observe = Box<dyn FnMut(&mut Observation<'_, '_>) + Send>;

/// A call with its answer, as an observer sees it.
pub struct Observation<'a, 'b> {
    /// The call; its memory still holds the arguments as they were given, and
    /// what the handler wrote.
    pub call: &'a mut Call<'b>,
    /// How it was answered.
    pub outcome: &'a Result<Answer, Fault>,
    /// How long the answer took.
    pub elapsed: Duration,
    /// Whether anything answers calls of this signature.
    pub supported: bool,
    /// The permission for want of which the virtual system refused it.
    pub missing: Option<Permission>,
}

/// What would answer a call if the handler that holds this did not exist.
pub struct Next<'a> {
    inner: &'a mut [Handle],
    row: Option<&'static Row>,
    system: &'a mut System,
}

impl Next<'_> {
    /// Lets the handlers underneath, and at last the virtual system, answer.
    ///
    /// # Errors
    /// The fault that they answer with.
    pub fn answer(self, call: &mut Call<'_>) -> Result<Answer, Fault> {
        let Some((outermost, inner)) = self.inner.split_last_mut() else {
            return match self.row {
                Some(row) => self.system.answer_row(row, call).map_err(fault),
                None => Err(self.system.unsupported(call.signature)),
            };
        };
        let next = Next { inner, row: self.row, system: self.system };
        outermost(call, next)
    }
}

/// The end of a run, as a handler may pass it on.
fn fault(ending: Ending) -> Fault {
    match ending {
        Ending::Stop(stop) => Fault::Stop(stop),
        Ending::Lost => Fault::Memory(MemoryError::Lost),
    }
}

/// What answers one signature, and how often it did.
pub(crate) struct Answerer {
    /// The virtual system's row, once it was looked for: a run calls few of the
    /// functions that it could.
    row: OnceCell<Option<&'static Row>>,
    handlers: Vec<Handle>,
    /// What the handlers want to come along, with what the row wants.
    views: Vec<View>,
    count: u64,
    refused: u64,
    /// The permission that was missing when it was refused last.
    missing: Option<Permission>,
    time: Duration,
}

impl Answerer {
    fn row(&self, signature: &Signature) -> Option<&'static Row> {
        *self.row.get_or_init(|| lookup(signature))
    }

    fn is_there(&self, signature: &Signature) -> bool {
        !self.handlers.is_empty() || self.row(signature).is_some()
    }

    /// Answers a call, counts it and shows it to the observers. An
    /// [`Answer::Later`] is to be followed by [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Ending`] if the run ends in this call.
    pub(crate) fn handle(
        &mut self,
        call: &mut Call<'_>,
        system: &mut System,
        observers: &mut [Observe],
        begun: Instant,
    ) -> Result<Answer, Ending> {
        let row = self.row(call.signature);
        let next = Next { inner: &mut self.handlers, row, system };
        let outcome = next.answer(call);
        self.count += 1;
        // A handler of the user's may have answered what the system had refused.
        let missing = system.take_missing().filter(|_| self.handlers.is_empty());
        match outcome {
            Ok(later @ Answer::Later(_)) => Ok(later),
            outcome => self.finish(call, outcome, missing, observers, begun),
        }
    }

    /// Closes a call with the outcome that it has by now, and shows it to the observers.
    /// `missing` is the permission for want of which the system has refused it, if it has.
    ///
    /// # Errors
    /// [`Ending`] if the run ends in this call.
    pub(crate) fn finish(
        &mut self,
        call: &mut Call<'_>,
        outcome: Result<Answer, Fault>,
        missing: Option<Permission>,
        observers: &mut [Observe],
        begun: Instant,
    ) -> Result<Answer, Ending> {
        let supported = self.is_there(call.signature);
        let elapsed = begun.elapsed();
        let support = self.row(call.signature).map(|row| row.support).filter(|_| self.handlers.is_empty());
        let is_denied = matches!(support, Some(Support::Refused(Errno::PERM | Errno::ACCES)));
        if is_denied || missing.is_some() {
            self.refused += 1;
            self.missing = missing;
        }
        self.time += elapsed;
        for observe in observers {
            observe(&mut Observation { call, outcome: &outcome, elapsed, supported, missing });
        }
        settle(call.signature, outcome)
    }
}

/// The routes of one run, by the index that its cell's calls use.
#[derive(Default)]
pub(crate) struct Routes {
    /// Shared by all runs of one image in this process.
    signatures: Arc<[Signature]>,
    answerers: Vec<Answerer>,
    observers: Vec<Observe>,
    /// Whether the guest's C library has the error numbers of Linux, not WASI's.
    is_linux: bool,
}

impl Routes {
    pub(crate) fn new(
        signatures: Arc<[Signature]>,
        mut handlers: BTreeMap<Signature, Handling>,
        observers: Vec<Observe>,
    ) -> Self {
        let answerer = |signature: &Signature| {
            let handling = handlers.remove(signature);
            let (handlers, views) = handling.map(|one| (one.handles, one.views)).unwrap_or_default();
            Answerer {
                row: OnceCell::new(),
                handlers,
                views,
                count: 0,
                refused: 0,
                missing: None,
                time: Duration::ZERO,
            }
        };
        let answerers = signatures.iter().map(answerer).collect();
        let is_linux = signatures.iter().any(|signature| signature.module == LINUX);
        Self { signatures, answerers, observers, is_linux }
    }

    pub(crate) fn signature(&self, index: u32) -> Option<&Signature> {
        self.signatures.get(index as usize)
    }

    /// The number that the guest's C library has for an error.
    pub(crate) fn errno_number(&self, errno: Errno) -> u16 {
        if self.is_linux { errno.number() } else { errno.wasi() }
    }

    /// The signature of a call, what answers it, and those who watch.
    pub(crate) fn find(&mut self, index: u32) -> Option<(&Signature, &mut Answerer, &mut [Observe])> {
        let signature = self.signatures.get(index as usize)?;
        let answerer = self.answerers.get_mut(index as usize)?;
        Some((signature, answerer, &mut self.observers))
    }

    fn iter(&self) -> impl Iterator<Item = (&Signature, &Answerer)> {
        self.signatures.iter().zip(&self.answerers)
    }

    /// The views that the handlers want, for the cell.
    pub(crate) fn views(&self) -> Vec<(u32, Vec<View>)> {
        let views = self.iter().enumerate().filter_map(|(index, (signature, answerer))| {
            let views = match answerer.handlers.is_empty() {
                true => answerer.row(signature)?.views,
                false => &answerer.views,
            };
            // The number of signatures is capped far below 32 bits.
            (!views.is_empty()).then(|| (index as u32, views.to_vec()))
        });
        views.collect()
    }

    /// What was called, the most time first.
    pub(crate) fn counts(&self) -> Vec<CallCount> {
        let called = self.iter().filter(|(_, answerer)| answerer.count > 0);
        let mut counts: Vec<CallCount> = called
            .map(|(signature, answerer)| CallCount {
                signature: signature.to_string(),
                count: answerer.count,
                time: answerer.time,
            })
            .collect();
        counts.sort_by(|one, other| {
            other.time.cmp(&one.time).then_with(|| one.signature.cmp(&other.signature))
        });
        counts
    }

    /// What was called and refused by the policy.
    pub(crate) fn refused(&self) -> Vec<RefusedCall> {
        let refused = |(signature, answerer): (&Signature, &Answerer)| {
            let (count, row) = (answerer.refused, answerer.row.get().copied().flatten());
            let (reason, permission) = (row.map_or("", |row| row.note), answerer.missing);
            (count > 0).then(|| RefusedCall { signature: signature.to_string(), count, reason, permission })
        };
        self.iter().filter_map(refused).collect()
    }

    /// What was called and is answered by nothing.
    pub(crate) fn unsupported(&self) -> Vec<String> {
        self.iter()
            .filter(|(signature, answerer)| answerer.count > 0 && !answerer.is_there(signature))
            .map(|(signature, _)| signature.to_string())
            .collect()
    }
}
