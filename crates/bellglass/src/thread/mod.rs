//! Guests in the controller's own process: no cell, one wall less, and a call
//! that costs no more than a function's. The guest runs in the thread that calls
//! [`run`](Holder::run), on a stack of its own; the same answers serve it as serve a
//! cell.

mod answering;
mod epoch;
mod memory;
mod requests;
mod time;

use crate::ending::no_process;
use crate::holder::{Control, Holder, Run, Tell};
use crate::launch::CellUsage;
use crate::monitor::{Answers, Ending, Orders};
use crate::report::{Outcome, Report, Wall};
use crate::timers::Timer;
use answering::Answering;
use bellglass_engine::{Ending as GuestEnding, EngineError, EpochHook, External, Program, Settings};
use bellglass_fork::FaultSignals;
use bellglass_system::Waiter;
use bellglass_wire::{GuestLimits, Usage};
use epoch::EpochTimer;
use requests::Requests;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use time::ThreadTime;

/// One guest that has not run yet.
pub(crate) struct ThreadGuest {
    pub(crate) answers: Answers,
    program: Arc<Program>,
    epoch: EpochTimer,
    /// Until the guest has ended, it can be reached.
    timer: Timer,
    time: ThreadTime,
}

/// A guest that has ended.
pub(crate) struct Ended<T> {
    pub(crate) ending: Ending,
    /// What answered it.
    pub(crate) answering: Answering,
    /// Processor time of the thread while it ran.
    pub(crate) cpu: Duration,
    /// How its own code ended, and what was kept of it; nothing if it did not start.
    pub(crate) kept: Option<(GuestEnding, T)>,
}

/// How often a guest is asked about its processor time once that may be used up, in
/// parts of the limit.
const LOOKS: u32 = 20;

/// Interrupts or ends a guest from another thread.
#[derive(Clone, Debug)]
pub(crate) struct ThreadControl(EpochTimer);

impl ThreadControl {
    /// Gives the guest the interrupt of this number.
    pub(crate) fn interrupt(&self, number: u8) {
        self.0.requests().interrupt(number);
        self.0.reach();
    }
}

impl Control for ThreadControl {
    fn kill(&self) {
        self.0.requests().kill();
        self.0.reach();
    }

    fn look(&self, limit: Duration) -> Option<Duration> {
        // Only the guest's own thread knows how much it has used, and ends it.
        self.0.requests().look();
        self.0.reach();
        Some(limit / LOOKS)
    }
}

impl Holder for ThreadGuest {
    fn control(&self) -> Arc<dyn Control> {
        Arc::new(self.thread_control())
    }

    fn walls(&self) -> Vec<Wall> {
        vec![no_process()]
    }

    fn run(self: Box<Self>, orders: Orders, waiter: Waiter, tell: &mut Tell<'_>) -> Report {
        let Ended { ending, answering, cpu, .. } =
            self.run_by(orders, waiter, |program, settings, external| {
                program.run(settings, external).map(|(ending, usage, _)| (ending, usage, ()))
            });
        let ended = Instant::now();
        let used = CellUsage { cpu, ..CellUsage::default() };
        let run = Run { ending, ended, used, round_trips: 0, walls: vec![no_process()] };
        answering.with(|answers| tell(answers, run))
    }
}

impl ThreadGuest {
    pub(crate) fn new(program: Arc<Program>, answers: Answers, time: ThreadTime) -> Self {
        let (epoch, timer) = EpochTimer::new(Arc::new(Requests::new(Arc::clone(&program))));
        Self { answers, program, epoch, timer, time }
    }

    pub(crate) fn thread_control(&self) -> ThreadControl {
        ThreadControl(self.epoch.clone())
    }

    /// Runs the guest to its end, or to the deadline of `waiter`, in this thread: by
    /// `engine`, which says what is kept of it.
    pub(crate) fn run_by<T>(
        self,
        orders: Orders,
        waiter: Waiter,
        engine: impl FnOnce(
            &Program,
            &Settings,
            Box<dyn External>,
        ) -> Result<(GuestEnding, Usage, T), EngineError>,
    ) -> Ended<T> {
        let Self { mut answers, program, epoch, timer: _timer, time } = self;
        answers.waiter = waiter.clone();
        let requests = epoch.requests();
        // The guest's traps are faults of this thread, which handlers of the engine's make
        // its end, and not that of the process.
        let _faults = FaultSignals::let_through();
        time.start();
        if let Some(limit) = answers.limits.processor_time {
            requests.limit_processor_time(time.clone(), limit, answers.waiter.clone());
            let requests = Arc::clone(requests);
            answers.waiter.look_by(Box::new(move || requests.spent()));
        }
        let limits = GuestLimits {
            memory_bytes: answers.limits.memory_bytes,
            table_elements: answers.limits.table_elements,
        };
        let allocator = orders.hooks.allocate.is_some() && orders.hooks.free.is_some();
        let answering = Answering::new(answers, allocator, Arc::clone(requests));
        let settings = Settings {
            limits,
            hooks: orders.hooks,
            exports: orders.exports,
            epoch_hook: Some(Arc::clone(requests) as Arc<dyn EpochHook>),
            interrupts: None,
        };
        let watching = waiter.deadline().map_or(Ok(()), |deadline| epoch.end_at(deadline));
        let (ending, kept) = match watching {
            Ok(()) => end(engine(&program, &settings, Box::new(answering.clone())), &answering, requests),
            Err(error) => {
                let reason = format!("cannot start the thread that watches the deadline: {error}");
                (Ending { outcome: Outcome::Failed { reason }, usage: Usage::default() }, None)
            }
        };
        requests.finish();
        waiter.disconnect();
        Ended { ending, answering, cpu: time.used(), kept }
    }
}

/// Says how the run has ended of which the engine gives this.
fn end<T>(
    ended: Result<(GuestEnding, Usage, T), EngineError>,
    answering: &Answering,
    requests: &Requests,
) -> (Ending, Option<(GuestEnding, T)>) {
    let (ended, usage, kept) = match ended {
        Ok((ended, usage, kept)) => (Ok(ended.clone()), usage, Some((ended, kept))),
        Err(error) => (Err(error), Usage::default(), None),
    };
    // What an answer said comes first, for the guest was ended because of it; and
    // a guest that still came to its end by itself has not missed its deadline.
    let outcome = match (answering.closed(), ended) {
        (Some(outcome), _) => outcome,
        (None, Ok(GuestEnding::Returned { results })) => Answers::returned(&results),
        (None, Ok(GuestEnding::Interrupted { number })) => Outcome::Exited { code: 128 + i32::from(number) },
        _ if requests.is_killed() => answering.with(|answers| match answers.waiter.stopped() {
            Some(stop) => answers.stopped(stop),
            None => Outcome::Killed,
        }),
        _ if requests.is_expired() => answering.with(Answers::deadline),
        (None, Ok(GuestEnding::Trapped { kind, message, backtrace })) => {
            answering.with(|answers| answers.trapped(kind, message, backtrace, usage))
        }
        (None, Ok(GuestEnding::Ended)) => {
            Outcome::Failed { reason: "the engine ended the guest and gave no reason".to_owned() }
        }
        (None, Err(EngineError::BeyondLimits { memory_bytes, table_elements })) => {
            answering.with(|answers| {
                let reason = "the guest cannot be set up within its limits".to_owned();
                answers.no_room(memory_bytes, table_elements).unwrap_or(Outcome::Failed { reason })
            })
        }
        (None, Err(error)) => Outcome::Failed { reason: error.to_string() },
    };
    (Ending { outcome, usage }, kept)
}
