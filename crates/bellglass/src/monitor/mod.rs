//! The conversation with one cell: hello, welcome, and then each call answered
//! until the last frame. Whatever the cell sends is untrusted; what does not fit
//! the state of the conversation ends the run, and nothing is repaired.

pub(crate) mod link;
mod memory;
mod routes;

use routes::Route;
pub(crate) use routes::{Handle, Observe, Routes};
pub use routes::{Next, Observation, Unsupported};

use crate::report::{Outcome, Wall, crash};
use crate::{Error, Limits};
use bellglass_system::{Answer, Call, Ending as CallEnding, Stop, System, Waiter};
use bellglass_wire::{
    FromCell, GuestLimits, Hooks, PROTOCOL_VERSION, Signature, ToCell, TrapKind, Usage, Viewed,
};
use link::{Link, LinkError};
use memory::RemoteMemory;
use std::time::{Duration, Instant};

/// How long a cell that is told to end may take to say what it used.
const FAREWELL_TIME: Duration = Duration::from_millis(200);

/// How a conversation ended.
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) usage: Usage,
}

/// One side of the conversation: everything that a call's answer needs.
pub(crate) struct Monitor {
    pub(crate) link: Link,
    pub(crate) system: System,
    pub(crate) routes: Routes,
    pub(crate) waiter: Waiter,
    pub(crate) walls: Vec<Wall>,
    limits: Limits,
    allocator: bool,
}

/// What the controller tells the cell before anything runs.
pub(crate) struct Start {
    pub(crate) hooks: Hooks,
    pub(crate) exports: Vec<String>,
}

impl Monitor {
    pub(crate) fn new(link: Link, system: System, waiter: Waiter, limits: Limits) -> Self {
        Self { link, system, routes: Routes::default(), waiter, walls: Vec::new(), limits, allocator: false }
    }

    /// Hears the cell's hello, checks it, and gives back the signatures in the
    /// order in which its calls name them.
    ///
    /// # Errors
    /// An [`Error`] that says how the cell failed.
    pub(crate) fn greet(&mut self) -> Result<Vec<Signature>, Error> {
        self.link.set_deadline(Some(Instant::now() + self.limits.start_time));
        match self.link.receive() {
            Ok(FromCell::Hello { version: PROTOCOL_VERSION, signatures, walls }) => {
                self.walls = walls.into_iter().map(Wall::from).collect();
                Ok(signatures)
            }
            Ok(FromCell::Hello { version, .. }) => {
                Err(Error::Version { theirs: version, ours: PROTOCOL_VERSION })
            }
            Ok(FromCell::Failed { message }) => Err(Error::Start { reason: message }),
            Ok(_) => Err(Error::Start { reason: "it did not begin with a hello".to_owned() }),
            Err(LinkError::TimedOut) => {
                Err(Error::Start { reason: format!("it said nothing for {:?}", self.limits.start_time) })
            }
            Err(error) => Err(Error::Start { reason: error.to_string() }),
        }
    }

    /// Starts the guest and answers its calls until the run is over.
    pub(crate) fn converse(&mut self, start: Start, deadline: Option<Instant>) -> Ending {
        self.link.set_deadline(deadline);
        self.allocator = start.hooks.allocate.is_some() && start.hooks.free.is_some();
        let welcome = ToCell::Welcome {
            version: PROTOCOL_VERSION,
            limits: GuestLimits {
                memory_bytes: self.limits.memory_bytes,
                table_elements: self.limits.table_elements,
            },
            hooks: start.hooks,
            views: self.routes.views(),
        };
        let run = ToCell::Run { exports: start.exports };
        let begun = self.link.queue(&welcome).and_then(|()| self.link.queue(&run));
        if let Err(error) = begun.and_then(|()| self.link.flush()) {
            return self.lost(error);
        }
        loop {
            let ending = match self.link.receive() {
                Ok(FromCell::Call { signature, memory_bytes, arguments, viewed }) => {
                    match self.answer(signature, memory_bytes, &arguments, viewed) {
                        Ok(()) => continue,
                        Err(ending) => ending,
                    }
                }
                Ok(FromCell::Returned { results, usage }) => {
                    let code = results.first().map_or(0, |code| *code as u32 as i32);
                    Ending { outcome: Outcome::Exited { code }, usage }
                }
                Ok(FromCell::Trapped { kind, message, backtrace, usage }) => {
                    Ending { outcome: self.trapped(kind, message, backtrace, usage), usage }
                }
                Ok(FromCell::Failed { message }) => breach(format!("the cell gave up: {message}")),
                Ok(_) => breach("the cell sent an answer to a question that was not asked".to_owned()),
                Err(error) => self.lost(error),
            };
            return ending;
        }
    }

    fn trapped(&self, kind: TrapKind, message: String, backtrace: Vec<String>, usage: Usage) -> Outcome {
        // An interpreter that gets no memory aborts when it cannot even raise an
        // exception; the cause is the limit, and the user is told so.
        if usage.memory_refused && kind == TrapKind::Unreachable {
            return Outcome::Memory { limit: self.limits.memory_bytes };
        }
        crash(kind, message, backtrace)
    }

    /// Answers one call, or says how the run ends in it.
    fn answer(
        &mut self,
        index: u32,
        memory_bytes: u64,
        arguments: &[u64],
        viewed: Vec<Viewed>,
    ) -> Result<(), Ending> {
        let Some((Route { signature, answerer }, observers)) = self.routes.find(index) else {
            return Err(breach(format!("the cell made a call number {index}, which it had not announced")));
        };
        if arguments.len() != signature.parameters.len() {
            let count = arguments.len();
            return Err(breach(format!("the cell called {signature} with {count} arguments")));
        }
        let mut memory = RemoteMemory::new(&mut self.link, memory_bytes, self.allocator, viewed);
        let begun = Instant::now();
        let mut call = Call { signature, arguments, memory: &mut memory, waiter: &self.waiter };
        let answer = answerer.handle(&mut call, &mut self.system, observers, begun);
        let breach_reason = memory.breach.take();
        let writes = memory.into_writes();
        match answer {
            Ok(Answer::Return { results, .. }) if results.len() != signature.results.len() => {
                let reason = format!("the handler of {signature} gave a wrong number of results");
                Err(self.close(Outcome::Failed { reason }))
            }
            Ok(Answer::Return { results, errno }) => {
                let reply =
                    ToCell::Return { writes, errno: errno.map(|errno| i32::from(errno.number())), results };
                let sent = self.link.queue(&reply).and_then(|()| self.link.flush());
                sent.map_err(|error| self.lost(error))
            }
            Ok(Answer::Exit(code)) => Err(self.close(Outcome::Exited { code })),
            Err(CallEnding::Stop(stop)) => {
                let outcome = self.stopped(stop);
                Err(self.close(outcome))
            }
            Err(CallEnding::Lost) => Err(match breach_reason {
                Some(reason) => breach(reason),
                // The link says again what went wrong with it.
                None => match self.link.flush() {
                    Err(error) => self.lost(error),
                    Ok(()) => breach("the cell no longer answers".to_owned()),
                },
            }),
        }
    }

    fn stopped(&self, stop: Stop) -> Outcome {
        match stop {
            Stop::Deadline => self.deadline(),
            Stop::Killed => Outcome::Killed,
            Stop::OutputLimit { limit } => Outcome::OutputLimit { limit },
            Stop::Refused { reason } => Outcome::Refused { reason },
            Stop::Failed { reason } => Outcome::Failed { reason },
            other => Outcome::Refused { reason: other.to_string() },
        }
    }

    fn deadline(&self) -> Outcome {
        Outcome::Deadline { timeout: self.limits.timeout.unwrap_or_default() }
    }

    /// Ends the guest in its open call, and hears what it used.
    fn close(&mut self, outcome: Outcome) -> Ending {
        self.link.set_deadline(Some(Instant::now() + FAREWELL_TIME));
        let told = self.link.queue(&ToCell::End).and_then(|()| self.link.flush());
        let usage = match told.and_then(|()| self.link.receive()) {
            Ok(FromCell::Ended { usage }) => usage,
            // The run is over whatever the cell says; only its figures are lost.
            _ => Usage::default(),
        };
        Ending { outcome, usage }
    }

    fn lost(&mut self, error: LinkError) -> Ending {
        let outcome = match error {
            LinkError::TimedOut => self.deadline(),
            _ if self.waiter.is_killed() => Outcome::Killed,
            error => Outcome::Breach { reason: error.to_string() },
        };
        Ending { outcome, usage: Usage::default() }
    }
}

fn breach(reason: String) -> Ending {
    Ending { outcome: Outcome::Breach { reason }, usage: Usage::default() }
}
