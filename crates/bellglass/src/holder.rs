//! Where a guest is: in a cell, a process of its own, or in a thread of this process.
//! This file is the only one that says what a holder of a guest must do; a sandbox
//! knows no more of it. Another kind of place for guests is another implementation.

use crate::ending::end;
use crate::launch::{CellProcess, CellUsage, Signaller};
use crate::monitor::{Answers, Ending, Monitor, Orders};
use crate::{Outcome, Report, Wall};
use bellglass_system::Waiter;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What holds one guest that has not run yet.
pub(crate) trait Holder: Send {
    /// What reaches the guest from other threads.
    fn control(&self) -> Arc<dyn Control>;

    /// What the operating system adds to the isolation of the guest, and what not.
    fn walls(&self) -> Vec<Wall>;

    /// Runs the guest to its end, which comes at the deadline of `waiter` at the
    /// latest, and has `tell` make a report of it.
    fn run(self: Box<Self>, orders: Orders, waiter: Waiter, tell: &mut Tell<'_>) -> Report;
}

/// Makes the report of a run, of what answered it and what is known beside that.
pub(crate) type Tell<'a> = dyn FnMut(&Answers, Run) -> Report + 'a;

/// What is known of a run that has ended, beside what its calls tell.
pub(crate) struct Run {
    pub(crate) ending: Ending,
    /// When the guest had ended.
    pub(crate) ended: Instant,
    pub(crate) used: CellUsage,
    pub(crate) round_trips: u64,
    pub(crate) walls: Vec<Wall>,
}

/// What reaches a guest from other threads, while it runs and after it.
pub(crate) trait Control: fmt::Debug + Send + Sync {
    /// Ends the guest now.
    fn kill(&self);

    /// Looks whether the guest has used up `limit` of processor time. Gives the time
    /// until the next look; nothing if it has, and nobody else sees to that.
    fn look(&self, limit: Duration) -> Option<Duration>;
}

/// A guest in a cell.
pub(crate) struct CellGuest {
    pub(crate) monitor: Monitor,
    pub(crate) process: CellProcess,
}

impl Holder for CellGuest {
    fn control(&self) -> Arc<dyn Control> {
        let (signaller, used) = (self.process.signaller(), Box::new(self.process.processor_time()));
        Arc::new(CellControl { signaller, used })
    }

    fn walls(&self) -> Vec<Wall> {
        self.monitor.walls.clone()
    }

    fn run(mut self: Box<Self>, orders: Orders, waiter: Waiter, tell: &mut Tell<'_>) -> Report {
        let Self { monitor, process } = &mut *self;
        process.limit_processor_time(monitor.answers.limits.processor_time);
        let deadline = waiter.deadline();
        monitor.answers.waiter = waiter;
        let ending = monitor.converse(orders, deadline);
        let ended = Instant::now();
        let used = match ending.outcome {
            Outcome::Exited { .. } | Outcome::Crashed { .. } => process.leave(),
            _ => end(&mut monitor.link, process),
        };
        let walls = std::mem::take(&mut monitor.walls);
        let run = Run { ending, ended, used, round_trips: monitor.link.round_trips, walls };
        tell(&monitor.answers, run)
    }
}

/// Reaches a cell, by signals.
struct CellControl {
    signaller: Signaller,
    used: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl fmt::Debug for CellControl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signaller.fmt(formatter)
    }
}

impl Control for CellControl {
    fn kill(&self) {
        self.signaller.kill();
    }

    fn look(&self, limit: Duration) -> Option<Duration> {
        // One thread of a cell computes, so it can be used up no earlier than this.
        Some(limit.saturating_sub((self.used)())).filter(|left| !left.is_zero())
    }
}
