//! What the rest of the process wants of one guest in a thread.

use super::ThreadTime;
use crate::LimitKind;
use bellglass_engine::{EpochAction, EpochHook, Program};
use bellglass_system::{Stop, Waiter};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Shared by the thread that runs the guest and those that interrupt or end it.
pub(crate) struct Requests {
    program: Arc<Program>,
    killed: AtomicBool,
    expired: AtomicBool,
    /// Interrupts that the guest has not been given yet, a bit a number.
    interrupts: AtomicU64,
    /// Somebody wants to know whether it has used up its processor time.
    look: AtomicBool,
    budget: OnceLock<Budget>,
    over: AtomicBool,
}

/// Processor time that a guest may use.
struct Budget {
    time: ThreadTime,
    limit: Duration,
    waiter: Waiter,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Requests").finish_non_exhaustive()
    }
}

impl Requests {
    pub(crate) fn new(program: Arc<Program>) -> Self {
        Self {
            program,
            killed: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            interrupts: AtomicU64::new(0),
            look: AtomicBool::new(false),
            budget: OnceLock::new(),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    /// The time is over.
    pub(crate) fn expire(&self) {
        self.expired.store(true, Ordering::SeqCst);
    }

    pub(crate) fn interrupt(&self, number: u8) {
        self.interrupts.fetch_or(1 << (number & 63), Ordering::SeqCst);
    }

    /// The interrupts that the guest has not been given yet, a bit a number.
    pub(crate) fn pending_interrupts(&self) -> u64 {
        self.interrupts.load(Ordering::SeqCst)
    }

    /// How much processor time the guest may use. Only its own thread can tell
    /// how much it has used: [`look`](Self::look) asks it.
    pub(crate) fn limit_processor_time(&self, time: ThreadTime, limit: Duration, waiter: Waiter) {
        // Set once, before the guest runs.
        let _ = self.budget.set(Budget { time, limit, waiter });
    }

    /// Has the guest see whether its processor time is used up.
    pub(crate) fn look(&self) {
        self.look.store(true, Ordering::SeqCst);
    }

    /// Why the guest must end, if somebody wanted to know whether its processor time
    /// is used up, and it is. Its own thread asks: in its code, or in a call of it.
    pub(crate) fn spent(&self) -> Option<Stop> {
        let asked = self.look.load(Ordering::SeqCst) && self.look.swap(false, Ordering::SeqCst);
        let Budget { time, limit, .. } = self.budget.get().filter(|_| asked)?;
        (time.used() >= *limit).then_some(Stop::Limit(LimitKind::ProcessorTime.after(*limit)))
    }

    fn is_spent(&self) -> bool {
        let Some((stop, Budget { waiter, .. })) = self.spent().zip(self.budget.get()) else { return false };
        waiter.stop(stop);
        self.kill();
        true
    }

    /// The guest has ended and is asked for nothing any more.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::SeqCst)
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::SeqCst)
    }

    /// Makes the guest look.
    pub(crate) fn advance_epoch(&self) {
        self.program.advance_epoch();
    }

    /// Whether there is something that the guest has not looked at yet.
    pub(crate) fn is_pending(&self) -> bool {
        let load = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        !load(&self.over)
            && (load(&self.killed)
                || load(&self.expired)
                || load(&self.look)
                || self.pending_interrupts() != 0)
    }
}

impl EpochHook for Requests {
    fn at_epoch(&self) -> EpochAction {
        if self.killed.load(Ordering::SeqCst) || self.expired.load(Ordering::SeqCst) {
            return EpochAction::End;
        }
        if self.is_spent() {
            return EpochAction::End;
        }
        let interrupts = self.pending_interrupts();
        if interrupts != 0 {
            let number = interrupts.trailing_zeros() as u8;
            self.interrupts.fetch_and(!(1 << number), Ordering::SeqCst);
            EpochAction::Interrupt(number)
        } else {
            EpochAction::Continue
        }
    }
}
