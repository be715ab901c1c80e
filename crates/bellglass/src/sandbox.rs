//! The sandbox: one guest, ready to run.

use crate::builder::SandboxBuilder;
use crate::ending::report;
use crate::holder::{Control, Holder};
use crate::monitor::Orders;
use crate::timers::Timer;
use crate::{Image, LimitKind, Limits, Policy, Report, Signal, Start, Stop, Wall};
use bellglass_fork::FileSizeSignal;
use bellglass_system::Waiter;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The least time between two looks at a guest's processor time.
const LEAST_LOOK: Duration = Duration::from_millis(2);

/// One guest, ready to run. Dropping it ends it.
pub struct Sandbox {
    pub(crate) policy: Arc<Policy>,
    pub(crate) guest: Box<dyn Holder>,
    pub(crate) waiter: Waiter,
    pub(crate) image: Image,
    pub(crate) start: Start,
    pub(crate) limits: Limits,
    pub(crate) time_from: Option<Instant>,
    /// What it took to look through what is mounted: of the time that the run may take.
    pub(crate) set_up: Duration,
}

impl Sandbox {
    /// Begins a sandbox with this image. Nothing is allowed to it yet, and the
    /// default [`Limits`] hold.
    pub fn builder(image: Image) -> SandboxBuilder {
        SandboxBuilder::new(image)
    }

    /// What interrupts or ends the run from another thread.
    pub fn controls(&self) -> Controls {
        Controls { waiter: self.waiter.clone(), control: self.guest.control() }
    }

    /// What the run may do.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What the operating system adds to the isolation of this guest, and what not;
    /// see [`walls`](crate::walls).
    pub fn walls(&self) -> Vec<Wall> {
        self.guest.walls()
    }

    /// Runs the program to its end. Whatever it does, this returns: at the
    /// deadline at the latest, if there is one.
    pub fn run(self) -> Report {
        let begun = Instant::now();
        // What is written for the guest, by this thread or those that it starts, may
        // meet `ulimit -f`: that is for the guest to hear of.
        let _kept = FileSizeSignal::keep_away();
        let Self { guest, waiter, image, start, limits, time_from, set_up, .. } = self;
        // What the time is counted from that the report tells of, and the limit, if no
        // earlier moment was named.
        let counted_from = begun.checked_sub(set_up).unwrap_or(begun);
        let time_from = time_from.unwrap_or(counted_from);
        let warning = limits.timeout.and_then(|timeout| time_from.checked_add(timeout));
        let deadline = warning.and_then(|warning| warning.checked_add(limits.grace));
        let waiter = waiter.with_deadline(deadline);
        let _timer = set_timer(guest.control(), &waiter, &limits, begun, warning);
        let manifest = image.manifest();
        let orders =
            Orders { hooks: manifest.hooks.clone().into(), exports: manifest.exports(start).to_vec() };
        guest.run(orders, waiter, &mut |answers, run| report(&image, start, counted_from, answers, run))
    }
}

/// Sees to what becomes due while the guest computes, until it is dropped.
fn set_timer(
    control: Arc<dyn Control>,
    waiter: &Waiter,
    limits: &Limits,
    begun: Instant,
    warning: Option<Instant>,
) -> Timer {
    let ticking = waiter.clone();
    let limit = limits.processor_time;
    let timer = Timer::new(move || {
        ticking.tick();
        let limit = limit?;
        let Some(next) = control.look(limit) else {
            ticking.stop(Stop::Limit(LimitKind::ProcessorTime.after(limit)));
            control.kill();
            return None;
        };
        Instant::now().checked_add(next.max(LEAST_LOOK))
    });
    // Without a thread alarm clocks ring only while the guest waits, and only the
    // second wall holds its processor time.
    let handle = timer.handle();
    let set = move |at| drop(handle.set(at));
    waiter.schedule_by(Box::new(set));
    if let Some(warning) = warning
        && !limits.grace.is_zero()
    {
        waiter.warn(warning, limits.grace_signal);
    }
    if let Some(look) = limit.and_then(|limit| begun.checked_add(limit)) {
        set(look);
    }
    timer
}

/// Interrupts or ends a run from another thread. It may outlive the run, and does
/// nothing then.
#[derive(Clone, Debug)]
pub struct Controls {
    waiter: Waiter,
    control: Arc<dyn Control>,
}

impl Controls {
    /// What Ctrl-C does at a terminal: in Python, KeyboardInterrupt is raised at
    /// the next safe point, and a call that waits returns at once.
    pub fn interrupt(&self) {
        self.signal(Signal::INTERRUPT);
    }

    /// Sends the program a signal. What it does is the program's affair, as on any
    /// POSIX system: its handler runs at the next safe point, or else the default
    /// action is taken, which for most signals is the end, with 128 and the
    /// signal's number as the exit code.
    pub fn signal(&self, signal: Signal) {
        if signal == Signal::KILL {
            return self.kill();
        }
        self.waiter.signal(signal);
    }

    /// Ends the run now; its outcome is [`Outcome::Killed`](crate::Outcome::Killed).
    pub fn kill(&self) {
        self.waiter.kill();
        self.control.kill();
    }
}
