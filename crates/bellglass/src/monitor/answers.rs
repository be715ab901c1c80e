//! What answers a guest's calls, wherever the guest is: the routes over the
//! virtual system. It knows no stream and no process; whoever holds the guest
//! hands it calls, and carries out what it says.

use super::pace::Pace;
use super::routes::Routes;
use crate::limits::Limits;
use crate::report::{Outcome, crash};
use bellglass_system::{
    Answer, Call, Completion, Ending, Errno, LimitKind, Memory, Meter, Pending, Results, Stop, System, Waiter,
};
use bellglass_wire::{Signature, TrapKind, Usage};
use std::sync::Arc;
use std::time::Instant;

/// All that the answers of one run need.
pub(crate) struct Answers {
    pub(crate) system: System,
    pub(crate) routes: Routes,
    pub(crate) waiter: Waiter,
    pub(crate) limits: Limits,
    pub(crate) pace: Pace,
    /// The system's.
    pub(crate) meter: Arc<Meter>,
}

/// How a call that is answered goes back to the guest.
#[derive(Debug)]
pub(crate) struct Reply {
    /// As many as the signature has.
    pub(crate) results: Results,
    /// What the guest's errno becomes, if anything: the number that its C library has.
    pub(crate) errno: Option<u16>,
}

/// How far a call has come, once its handler has returned.
#[derive(Debug)]
pub(crate) enum Answered {
    /// It is answered.
    Now(Reply),
    /// Its answer comes later: see [`Answers::finish`]. It has begun at that time.
    Later(Pending, Instant),
}

/// Why a call is not answered.
#[derive(Debug)]
pub(crate) enum Closed {
    /// The run ends in this call, with the guest still there to be ended.
    End(Outcome),
    /// The guest's side did what it must not.
    Breach(String),
    /// The guest's memory cannot be reached any more; whoever holds it knows why.
    Lost,
}

impl Answers {
    /// What answers a run whose routes are yet to come.
    pub(crate) fn new(system: System, waiter: Waiter, limits: Limits) -> Self {
        let pace = Pace::new(limits.calls, limits.calls_per_second);
        let meter = Arc::clone(system.meter());
        Self { system, routes: Routes::default(), waiter, limits, pace, meter }
    }

    /// Answers call number `index`.
    ///
    /// # Errors
    /// [`Closed`] if the run ends here.
    pub(crate) fn answer(
        &mut self,
        index: u32,
        arguments: &[u64],
        memory: &mut dyn Memory,
    ) -> Result<Answered, Closed> {
        let Some((signature, answerer, observers)) = self.routes.find(index) else {
            let reason = format!("the cell made a call number {index}, which it had not announced");
            return Err(Closed::Breach(reason));
        };
        if arguments.len() != signature.parameters.len() {
            let count = arguments.len();
            return Err(Closed::Breach(format!("the cell called {signature} with {count} arguments")));
        }
        if !self.pace.count() {
            return Err(Closed::End(Outcome::Limit(
                LimitKind::Calls.at(self.limits.calls.unwrap_or_default()),
            )));
        }
        let mut begun = Instant::now();
        if let Some(later) = self.pace.later(begun) {
            if let Err(stop) = self.waiter.pause_until(later) {
                return Err(Closed::End(self.stopped(stop)));
            }
            begun = Instant::now();
        }
        let mut call = Call { signature, arguments, memory, waiter: &self.waiter, meter: &self.meter };
        match answerer.handle(&mut call, &mut self.system, observers, begun) {
            Ok(Answer::Later(pending)) => Ok(Answered::Later(pending, begun)),
            answer => self.reply(index, answer).map(Answered::Now),
        }
    }

    /// Closes call number `index`, whose answer was to come later and has come, or will
    /// not.
    ///
    /// # Errors
    /// [`Closed`] if the run ends here.
    pub(crate) fn finish(
        &mut self,
        index: u32,
        arguments: &[u64],
        memory: &mut dyn Memory,
        completion: Completion,
        begun: Instant,
    ) -> Result<Reply, Closed> {
        let Some((signature, answerer, observers)) = self.routes.find(index) else {
            return Err(Closed::Breach(format!("call number {index} was not announced")));
        };
        let Completion { writes, mut outcome, .. } = completion;
        for (address, bytes) in &writes {
            // The completer has seen that they are inside.
            if let Err(error) = memory.write(*address, bytes) {
                outcome = Err(error.into());
            }
        }
        let mut call = Call { signature, arguments, memory, waiter: &self.waiter, meter: &self.meter };
        let answer = answerer.finish(&mut call, outcome, None, observers, begun);
        self.reply(index, answer)
    }

    /// What goes back to the guest of an answer that is there.
    fn reply(&self, index: u32, answer: Result<Answer, Ending>) -> Result<Reply, Closed> {
        let Some(signature) = self.routes.signature(index) else {
            return Err(Closed::Breach(format!("call number {index} was not announced")));
        };
        match checked(signature, answer) {
            Ok((results, errno)) => {
                let number = |errno: Errno| self.routes.errno_number(errno);
                Ok(Reply { results, errno: errno.map(number) })
            }
            Err(end) => Err(self.closed(end)),
        }
    }

    fn closed(&self, end: End) -> Closed {
        match end {
            End::Outcome(outcome) => Closed::End(outcome),
            End::Stop(stop) => Closed::End(self.stopped(stop)),
            End::Lost => Closed::Lost,
        }
    }

    /// The outcome of a guest that returned from its last export.
    pub(crate) fn returned(results: &[u64]) -> Outcome {
        Outcome::Exited { code: results.first().map_or(0, |code| *code as u32 as i32) }
    }

    /// The outcome of a guest that faulted.
    pub(crate) fn trapped(
        &self,
        kind: TrapKind,
        message: String,
        backtrace: Vec<String>,
        usage: Usage,
    ) -> Outcome {
        // An interpreter that gets no memory aborts when it cannot even raise an
        // exception; the cause is the limit, and the user is told so.
        if usage.memory_refused && kind == TrapKind::Unreachable {
            return Outcome::Limit(LimitKind::Memory.at(self.limits.memory_bytes));
        }
        if usage.table_refused && kind == TrapKind::Unreachable {
            return Outcome::Limit(LimitKind::Table.at(self.limits.table_elements));
        }
        crash(kind, message, backtrace)
    }

    /// The outcome of a guest that begins with more than it may have; nothing if
    /// that is not so.
    pub(crate) fn no_room(&self, memory_bytes: u64, table_elements: u64) -> Option<Outcome> {
        let Limits { memory_bytes: memory_limit, table_elements: table_limit, .. } = self.limits;
        if memory_bytes > memory_limit {
            return Some(Outcome::Limit(LimitKind::Memory.at(memory_limit).needing(memory_bytes)));
        }
        let needed = Some(table_elements).filter(|elements| *elements > table_limit)?;
        Some(Outcome::Limit(LimitKind::Table.at(table_limit).needing(needed)))
    }

    /// The limits that the run met, also those with which it could go on.
    pub(crate) fn limits_met(&self, outcome: &Outcome, usage: Usage) -> Vec<LimitKind> {
        let short = self.system.refused();
        // Those with which a run can go on, and what was told of one that did not end
        // at them.
        let noticed = [
            (LimitKind::Memory, usage.memory_refused),
            (LimitKind::Table, usage.table_refused),
            (LimitKind::Timeout, self.waiter.has_warned()),
            (LimitKind::FileSpace, short.file_space),
            (LimitKind::ControllerMemory, self.system.meter().has_refused()),
            (LimitKind::OpenFiles, short.open_files),
            (LimitKind::CallsPerSecond, self.pace.has_slowed()),
        ];
        let is_met = |kind: &LimitKind| outcome.limit() == Some(*kind) || noticed.contains(&(*kind, true));
        LimitKind::ALL.iter().copied().filter(is_met).collect()
    }

    /// The outcome of a run whose time is over.
    pub(crate) fn deadline(&self) -> Outcome {
        Outcome::Limit(LimitKind::Timeout.after(self.limits.timeout.unwrap_or_default()))
    }

    /// The outcome of a run that a handler stopped.
    pub(crate) fn stopped(&self, stop: Stop) -> Outcome {
        match stop {
            Stop::Deadline => self.deadline(),
            Stop::Killed => Outcome::Killed,
            Stop::Limit(reached) => Outcome::Limit(reached),
            Stop::Refused { reason } => Outcome::Refused { reason },
            Stop::Failed { reason } => Outcome::Failed { reason },
            other => Outcome::Refused { reason: other.to_string() },
        }
    }
}

/// How the run ends in a call.
enum End {
    Outcome(Outcome),
    Stop(Stop),
    Lost,
}

/// The results and the errno of an answer that may go back to the guest.
fn checked(signature: &Signature, answer: Result<Answer, Ending>) -> Result<(Results, Option<Errno>), End> {
    let failed = |reason: String| Err(End::Outcome(Outcome::Failed { reason }));
    match answer {
        Ok(Answer::Return { results, .. }) if results.len() != signature.results.len() => {
            failed(format!("the handler of {signature} gave a wrong number of results"))
        }
        Ok(Answer::Return { results, errno }) => Ok((results, errno)),
        Ok(Answer::Exit(code)) => Err(End::Outcome(Outcome::Exited { code })),
        Ok(Answer::Later(_)) => {
            failed(format!("the handler of {signature} answered later, and then later again"))
        }
        Err(Ending::Stop(stop)) => Err(End::Stop(stop)),
        Err(Ending::Lost) => Err(End::Lost),
    }
}
