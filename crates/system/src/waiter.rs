//! Waiting inside a handler, without outliving the run.
//!
//! A handler that sleeps or reads a slow input must wake when the deadline
//! comes, when the owner kills the run, and when an interrupt (Ctrl-C) is sent
//! to the guest. All three go through one [`Waiter`], of which each run has one.

use crate::Stop;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why a wait ended before what it waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time that the caller gave is over.
    TimedOut,
    /// An interrupt for the guest is pending: answer EINTR.
    Interrupted,
    /// The run must end.
    Stop(Stop),
}

/// When an interrupt ends a wait, after it was asked for: at once, and some times
/// more. The guest looks for the signal when its call returns EINTR, and the cell
/// may not have been given the signal by then: it would wait again, and nothing
/// would ever wake it. A call that is interrupted once too often is a nuisance
/// only, for POSIX allows that at any time.
const ECHOES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(400)];

/// Interrupts that may wait to be noticed; more say nothing new.
const PENDING: usize = 16;

#[derive(Debug, Default)]
struct State {
    killed: bool,
    /// When waits are to be interrupted, in order.
    interrupts: Vec<Instant>,
}

/// Waits on behalf of one run.
#[derive(Clone, Debug)]
pub struct Waiter {
    state: Arc<Mutex<State>>,
    /// An eventfd-like pipe: readable once anything in `state` is set, so that
    /// it can stand in the same poll as a descriptor.
    bell: Arc<(OwnedFd, OwnedFd)>,
    deadline: Option<Instant>,
}

impl Waiter {
    /// A waiter for a run that must end at `deadline`.
    ///
    /// # Errors
    /// When the operating system gives no more descriptors.
    pub fn new(deadline: Option<Instant>) -> std::io::Result<Self> {
        let bell =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC | rustix::pipe::PipeFlags::NONBLOCK)?;
        Ok(Self { state: Arc::default(), bell: Arc::new(bell), deadline })
    }

    /// The same waiter with a deadline; made when the run starts.
    pub fn with_deadline(self, deadline: Option<Instant>) -> Self {
        Self { deadline, ..self }
    }

    /// When the run must end.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Ends the run: every wait, now and later, returns [`Stop::Killed`].
    pub fn kill(&self) {
        self.set(|state| state.killed = true);
    }

    /// Whether [`kill`](Self::kill) was called.
    pub fn is_killed(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).killed
    }

    /// Makes the wait that is under way, or the next one, return
    /// [`Woken::Interrupted`], and those that follow within half a second perhaps
    /// as well.
    pub fn interrupt(&self) {
        let now = Instant::now();
        self.set(|state| {
            state.interrupts.extend(ECHOES.map(|echo| now + echo));
            state.interrupts.sort();
            state.interrupts.truncate(PENDING);
        });
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        // A full pipe already rings.
        let _ = rustix::io::write(&self.bell.1, &[1]);
    }

    /// Whether the run must end, or an interrupt is pending (which this takes).
    pub fn check(&self) -> Result<(), Woken> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.killed {
            return Err(Woken::Stop(Stop::Killed));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Woken::Stop(Stop::Deadline));
        }
        let now = Instant::now();
        let due = state.interrupts.partition_point(|instant| *instant <= now);
        if due > 0 {
            state.interrupts.drain(..due);
            let mut rung = [0; 64];
            while rustix::io::read(&self.bell.0, &mut rung).is_ok_and(|count| count > 0) {}
            return Err(Woken::Interrupted);
        }
        Ok(())
    }

    /// Readable when [`check`](Self::check) would find something other than the
    /// deadline.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.0.as_fd()
    }

    /// The time until [`check`](Self::check) must be asked again, or until `until`
    /// if that is earlier; `None` for ever.
    pub fn remaining(&self, until: Option<Instant>) -> Option<Duration> {
        let interrupt = self.state.lock().unwrap_or_else(PoisonError::into_inner).interrupts.first().copied();
        let earliest = [until, self.deadline, interrupt].into_iter().flatten().min();
        earliest.map(|instant| instant.saturating_duration_since(Instant::now()))
    }
}
