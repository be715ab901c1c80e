//! Guests in the controller's own process: no cell, one wall less, and a call
//! that costs no more than a function's. The guest runs in the thread that calls
//! [`run`](ThreadGuest::run), on a stack of its own; the same answers serve it as
//! serve a cell.

mod alarm;
mod answering;
mod bell;
mod memory;
mod time;

use crate::monitor::{Answers, Ending, Orders};
use crate::report::Outcome;
use crate::watchdog::Watched;
use alarm::Alarm;
use answering::Answering;
use bell::Bell;
use bellglass_engine::{Ending as GuestEnding, EngineError, Program, Settings, Watch};
use bellglass_fork::FaultSignals;
use bellglass_wire::{GuestLimits, Usage};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use time::ThreadTime;

/// One guest that has not run yet.
pub(crate) struct ThreadGuest {
    pub(crate) answers: Answers,
    program: Arc<Program>,
    alarm: Alarm,
    /// Until the guest has ended, it can be rung.
    watched: Watched,
    time: ThreadTime,
}

/// A guest that has ended.
pub(crate) struct Ended {
    pub(crate) ending: Ending,
    /// What answered it.
    pub(crate) answering: Answering,
    /// Processor time of the thread while it ran.
    pub(crate) cpu: Duration,
}

/// Interrupts or ends a guest from another thread.
#[derive(Clone, Debug)]
pub(crate) struct Ringer(Alarm);

impl Ringer {
    /// Gives the guest the interrupt of this number.
    pub(crate) fn interrupt(&self, number: u8) {
        self.0.bell().interrupt(number);
        self.0.ring();
    }

    /// Has the guest see whether its processor time is used up.
    pub(crate) fn look(&self) {
        self.0.bell().look();
        self.0.ring();
    }

    /// Ends the guest.
    pub(crate) fn kill(&self) {
        self.0.bell().kill();
        self.0.ring();
    }
}

impl ThreadGuest {
    pub(crate) fn new(program: Arc<Program>, answers: Answers, time: ThreadTime) -> Self {
        let (alarm, watched) = Alarm::new(Arc::new(Bell::new(Arc::clone(&program))));
        Self { answers, program, alarm, watched, time }
    }

    pub(crate) fn ringer(&self) -> Ringer {
        Ringer(self.alarm.clone())
    }

    /// Runs the guest to its end, or to its deadline, in this thread.
    pub(crate) fn run(self, orders: Orders, deadline: Option<Instant>) -> Ended {
        let Self { answers, program, alarm, watched: _watched, time } = self;
        let bell = alarm.bell();
        // The guest's traps are faults of this thread, which handlers of the engine's make
        // its end, and not that of the process.
        let _faults = FaultSignals::let_through();
        time.start();
        if let Some(limit) = answers.limits.processor_time {
            bell.limit_processor_time(time.clone(), limit, answers.waiter.clone());
            let bell = Arc::clone(bell);
            answers.waiter.look_by(Box::new(move || bell.spent()));
        }
        let limits = GuestLimits {
            memory_bytes: answers.limits.memory_bytes,
            table_elements: answers.limits.table_elements,
        };
        let allocator = orders.hooks.allocate.is_some() && orders.hooks.free.is_some();
        let answering = Answering::new(answers, allocator, Arc::clone(bell));
        let settings = Settings {
            limits,
            hooks: orders.hooks,
            exports: orders.exports,
            watch: Some(Arc::clone(bell) as Arc<dyn Watch>),
            interrupts: None,
        };
        let ending = match deadline.map_or(Ok(()), |deadline| alarm.end_at(deadline)) {
            Ok(()) => end(&program, &settings, &answering, bell),
            Err(error) => {
                let reason = format!("cannot start the thread that watches the deadline: {error}");
                Ending { outcome: Outcome::Failed { reason }, usage: Usage::default() }
            }
        };
        bell.finish();
        Ended { ending, answering, cpu: time.used() }
    }
}

fn end(program: &Program, settings: &Settings, answering: &Answering, bell: &Bell) -> Ending {
    let (ended, usage) = match program.run(settings, Box::new(answering.clone())) {
        Ok((ended, usage, _)) => (Ok(ended), usage),
        Err(error) => (Err(error), Usage::default()),
    };
    // What an answer said comes first, for the guest was ended because of it; and
    // a guest that still came to its end by itself has not missed its deadline.
    let outcome = match (answering.closed(), ended) {
        (Some(outcome), _) => outcome,
        (None, Ok(GuestEnding::Returned { results })) => Answers::returned(&results),
        (None, Ok(GuestEnding::Interrupted { number })) => Outcome::Exited { code: 128 + i32::from(number) },
        _ if bell.is_killed() => answering.with(|answers| match answers.waiter.stopped() {
            Some(stop) => answers.stopped(stop),
            None => Outcome::Killed,
        }),
        _ if bell.is_expired() => answering.with(Answers::deadline),
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
    Ending { outcome, usage }
}
