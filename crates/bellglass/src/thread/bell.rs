//! What the rest of the process wants of one guest in a thread.

use bellglass_engine::{Attention, Program, Watch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the thread that runs the guest and those that interrupt or end it.
pub(crate) struct Bell {
    program: Arc<Program>,
    killed: AtomicBool,
    expired: AtomicBool,
    interrupted: AtomicBool,
    over: AtomicBool,
}

impl std::fmt::Debug for Bell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Bell").finish_non_exhaustive()
    }
}

impl Bell {
    pub(crate) fn new(program: Arc<Program>) -> Self {
        Self {
            program,
            killed: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
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

    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::SeqCst);
    }

    /// The guest has ended and hears nothing any more.
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
    pub(crate) fn ring(&self) {
        self.program.ring();
    }

    /// Whether there is something that the guest has not looked at yet.
    pub(crate) fn is_unheard(&self) -> bool {
        let load = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        !load(&self.over) && (load(&self.killed) || load(&self.expired) || load(&self.interrupted))
    }
}

impl Watch for Bell {
    fn attention(&self) -> Attention {
        if self.killed.load(Ordering::SeqCst) || self.expired.load(Ordering::SeqCst) {
            Attention::End
        } else if self.interrupted.load(Ordering::SeqCst) && self.interrupted.swap(false, Ordering::SeqCst) {
            Attention::Interrupt
        } else {
            Attention::Continue
        }
    }
}
