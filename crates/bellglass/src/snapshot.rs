//! For whoever builds images, and no part of the interface: runs a guest that has no
//! image yet, in this process and by the same answers as any run, and keeps of it what
//! a snapshot is made of.

use crate::monitor::{Answers, Orders, Routes};
use crate::thread::{Ended, ThreadGuest, ThreadTime};
use crate::{Error, Limits, Outcome};
use bellglass_engine::{Ending, EngineError, External, GuestState, Interruption, Program, Settings};
use bellglass_system::{SystemBuilder, Waiter};
use bellglass_wire::{Hooks, Pages, Usage};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A guest that is yet to run.
pub struct Trial {
    /// Its module, compiled for guests in threads: nothing else could end one that
    /// computes for ever.
    pub compiled: File,
    /// The virtual machine that answers it.
    pub system: SystemBuilder,
    /// Bytes of memory that it may have.
    pub memory_bytes: u64,
    /// Elements of function tables that it may have.
    pub table_elements: u64,
    /// What it may take, in all.
    pub time: Duration,
    /// The exports that the engine uses.
    pub hooks: Hooks,
    /// The exports to call, in order.
    pub exports: Vec<String>,
}

/// What became of it.
#[derive(Debug)]
pub struct Tried<T> {
    /// Why it ended.
    pub outcome: Outcome,
    /// Whether that was by returning from its last export.
    pub end: End,
    /// What was kept of it; nothing if it did not start.
    pub kept: Option<T>,
    /// How many more descriptors it had open than at its start.
    pub left_open: usize,
}

/// How a guest's own code ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its last export returned.
    Returned,
    /// In any other way.
    Otherwise,
}

impl Trial {
    /// Runs it and gives what it then is.
    ///
    /// # Errors
    /// An [`Error`] if it cannot be set up.
    pub fn keep_state(self) -> Result<Tried<GuestState>, Error> {
        self.run(Program::run_and_keep)
    }

    /// Runs it and gives the pages of its memory that it has written to.
    ///
    /// # Errors
    /// An [`Error`] if it cannot be set up.
    pub fn see_pages(self) -> Result<Tried<Vec<Pages>>, Error> {
        self.run(Program::run_and_see_pages)
    }

    fn run<T>(
        self,
        engine: impl FnOnce(&Program, &Settings, Box<dyn External>) -> Result<(Ending, Usage, T), EngineError>,
    ) -> Result<Tried<T>, Error> {
        let Self { compiled, system, memory_bytes, table_elements, time, hooks, exports } = self;
        let deadline = Instant::now().checked_add(time);
        let program = Arc::new(Program::load_own(compiled, Interruption::Epoch)?);
        let waiter = Waiter::new(deadline).map_err(Error::Resource)?;
        let limits = Limits {
            memory_bytes,
            table_elements,
            timeout: Some(time),
            grace: Duration::ZERO,
            processor_time: None,
            output_bytes: None,
            calls: None,
            ..Limits::default()
        };
        let system = system.memory_limit(memory_bytes).build()?;
        let before = system.open_descriptors();
        let mut answers = Answers::new(system, waiter.clone(), limits);
        let signatures = Arc::clone(program.signatures());
        answers.routes = Routes::new(signatures, BTreeMap::new(), Vec::new());
        let guest = ThreadGuest::new(program, answers, ThreadTime::default());
        let Ended { ending, answering, kept, .. } = guest.run_by(Orders { hooks, exports }, waiter, engine);
        let (end, kept) = match kept {
            Some((Ending::Returned { .. }, kept)) => (End::Returned, Some(kept)),
            Some((_, kept)) => (End::Otherwise, Some(kept)),
            None => (End::Otherwise, None),
        };
        let left_open = answering.with(|answers| answers.system.open_descriptors()).saturating_sub(before);
        Ok(Tried { outcome: ending.outcome, end, kept, left_open })
    }
}
