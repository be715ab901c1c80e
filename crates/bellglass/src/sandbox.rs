//! The sandbox: one guest, ready to run.

use crate::builder::SandboxBuilder;
use crate::ending::{Run, end, no_process, report};
use crate::launch::{CellProcess, CellUsage, Signaller};
use crate::monitor::{Monitor, Orders};
use crate::thread::{Ended, Ringer, ThreadGuest};
use crate::watchdog::Watched;
use crate::{Image, LimitKind, Limits, Outcome, Report, Signal, Start, Stop, Wall};
use bellglass_fork::FileSizeSignal;
use bellglass_system::Waiter;
use std::time::{Duration, Instant};

/// The least time between two looks at a guest's processor time.
const LEAST_LOOK: Duration = Duration::from_millis(2);

/// How often a guest in a thread is asked about its processor time once that may be
/// used up, in parts of the limit.
const LOOKS: u32 = 20;

/// One guest, ready to run. Dropping it ends it.
pub struct Sandbox {
    pub(crate) guest: Guest,
    pub(crate) waiter: Waiter,
    pub(crate) image: Image,
    pub(crate) start: Start,
    pub(crate) limits: Limits,
    pub(crate) time_from: Option<Instant>,
    /// What it took to look through what is mounted: of the time that the run may take.
    pub(crate) set_up: Duration,
}

/// Where the guest is; see [`Isolation`].
pub(crate) enum Guest {
    Process { monitor: Box<Monitor>, process: CellProcess },
    Thread(Box<ThreadGuest>),
}

impl Sandbox {
    /// Begins a sandbox with this image. Nothing is allowed to it yet, and the
    /// default [`Limits`] hold.
    pub fn builder(image: Image) -> SandboxBuilder {
        SandboxBuilder::new(image)
    }

    /// What interrupts or ends the run from another thread.
    pub fn controls(&self) -> Controls {
        let holder = match &self.guest {
            Guest::Process { process, .. } => Holder::Process(process.signaller()),
            Guest::Thread(guest) => Holder::Thread(guest.ringer()),
        };
        Controls { waiter: self.waiter.clone(), holder }
    }

    /// What the operating system adds to the isolation of this guest, and what not;
    /// see [`walls`].
    pub fn walls(&self) -> Vec<Wall> {
        match &self.guest {
            Guest::Process { monitor, .. } => monitor.walls.clone(),
            Guest::Thread(_) => vec![no_process()],
        }
    }

    /// Runs the program to its end. Whatever it does, this returns: at the
    /// deadline at the latest, if there is one.
    pub fn run(self) -> Report {
        let begun = Instant::now();
        // What is written for the guest, by this thread or those that it starts, may
        // meet `ulimit -f`: that is for the guest to hear of.
        let _kept = FileSizeSignal::keep_away();
        let Self { guest, waiter, image, start, limits, time_from, set_up } = self;
        let time_from = time_from.or_else(|| begun.checked_sub(set_up)).unwrap_or(begun);
        let warning = limits.timeout.and_then(|timeout| time_from.checked_add(timeout));
        let deadline = warning.and_then(|warning| warning.checked_add(limits.grace));
        let waiter = waiter.with_deadline(deadline);
        let _watched = watch(&guest, &waiter, &limits, begun, warning);
        let manifest = image.manifest();
        let orders =
            Orders { hooks: manifest.hooks.clone().into(), exports: manifest.exports(start).to_vec() };
        match guest {
            Guest::Process { mut monitor, mut process } => {
                monitor.answers.waiter = waiter;
                let ending = monitor.converse(orders, deadline);
                let wall_time = begun.elapsed();
                let used = match ending.outcome {
                    Outcome::Exited { .. } | Outcome::Crashed { .. } => process.leave(),
                    _ => end(&mut monitor.link, &mut process),
                };
                let Monitor { link, answers, walls, .. } = *monitor;
                let run = Run { wall_time, used, round_trips: link.round_trips, walls };
                report(&image, start, &answers, ending, run)
            }
            Guest::Thread(mut guest) => {
                guest.answers.waiter = waiter.clone();
                let Ended { ending, answering, cpu } = guest.run(orders, deadline);
                waiter.disconnect();
                let wall_time = begun.elapsed();
                let used = CellUsage { cpu, ..CellUsage::default() };
                let run = Run { wall_time, used, round_trips: 0, walls: vec![no_process()] };
                answering.with(|answers| report(&image, start, answers, ending, run))
            }
        }
    }
}

/// Sees to what becomes due while the guest computes, until it is dropped.
fn watch(
    guest: &Guest,
    waiter: &Waiter,
    limits: &Limits,
    begun: Instant,
    warning: Option<Instant>,
) -> Watched {
    let ticking = waiter.clone();
    let limit = limits.processor_time;
    let watched = match guest {
        Guest::Process { process, .. } => {
            let (signaller, used) = (process.signaller(), process.processor_time());
            process.limit_processor_time(limit);
            Watched::new(move || {
                ticking.tick();
                let limit = limit?;
                let left = limit.saturating_sub(used());
                if left.is_zero() {
                    ticking.stop(Stop::Limit(LimitKind::ProcessorTime.after(limit)));
                    signaller.kill();
                    return None;
                }
                // One thread of a cell computes, so this is the earliest.
                Instant::now().checked_add(left.max(LEAST_LOOK))
            })
        }
        Guest::Thread(guest) => {
            let ringer = guest.ringer();
            Watched::new(move || {
                ticking.tick();
                // Only the guest's own thread knows how much it has used.
                ringer.look();
                Instant::now().checked_add((limit? / LOOKS).max(LEAST_LOOK))
            })
        }
    };
    // Without a thread alarm clocks ring only while the guest waits, and only the
    // second wall holds its processor time.
    let reminder = watched.reminder();
    let remind = move |at| drop(reminder.remind(at));
    waiter.remind_by(Box::new(remind));
    if let Some(warning) = warning
        && !limits.grace.is_zero()
    {
        waiter.warn(warning, limits.grace_signal);
    }
    if let Some(look) = limit.and_then(|limit| begun.checked_add(limit)) {
        remind(look);
    }
    watched
}

/// Interrupts or ends a run from another thread. It may outlive the run, and does
/// nothing then.
#[derive(Clone, Debug)]
pub struct Controls {
    waiter: Waiter,
    holder: Holder,
}

/// What holds the guest.
#[derive(Clone, Debug)]
enum Holder {
    Process(Signaller),
    Thread(Ringer),
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

    /// Ends the run now; its outcome is [`Outcome::Killed`].
    pub fn kill(&self) {
        self.waiter.kill();
        match &self.holder {
            Holder::Process(signaller) => signaller.kill(),
            Holder::Thread(ringer) => ringer.kill(),
        }
    }
}
