//! The conversation with one cell: hello, welcome, and then each call answered
//! until the last frame. Whatever the cell sends is untrusted; what does not fit
//! the state of the conversation ends the run, and nothing is repaired.

mod answers;
pub(crate) mod link;
mod memory;
mod pace;
mod routes;

pub(crate) use answers::Answers;
pub(crate) use answers::{Closed, Reply};
pub(crate) use routes::{Handle, Observe, Routes};
pub use routes::{Next, Observation};

use crate::report::{Outcome, Wall};
use crate::words::printable;
use crate::{Error, Limits};
use bellglass_channel::Busy;
use bellglass_system::{Memory, System, Waiter};
use bellglass_wire::{
    CallFrame, FromCell, GuestLimits, Hooks, PROTOCOL_VERSION, Sent, Signature, ToCell, Usage, caps,
};
use link::{Link, LinkError, Received};
use memory::{RemoteMemory, lie_about_size};
use std::time::{Duration, Instant};

/// How long a cell that is told to end may take to say what it used.
const FAREWELL_TIME: Duration = Duration::from_millis(200);

/// How a conversation ended.
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    pub(crate) usage: Usage,
}

/// One side of the conversation, and what it answers with.
pub(crate) struct Monitor {
    pub(crate) link: Link,
    pub(crate) answers: Answers,
    pub(crate) walls: Vec<Wall>,
    allocator: bool,
    /// The guest's memory at its last call.
    memory_bytes: u64,
    /// Room for the places that a call writes to, used again from call to call.
    written: Vec<(u64, u64)>,
}

/// What the controller tells the cell before anything runs.
pub(crate) struct Orders {
    pub(crate) hooks: Hooks,
    pub(crate) exports: Vec<String>,
}

impl Monitor {
    pub(crate) fn new(link: Link, system: System, waiter: Waiter, limits: Limits) -> Self {
        let answers = Answers::new(system, waiter, limits);
        Self { link, answers, walls: Vec::new(), allocator: false, memory_bytes: 0, written: Vec::new() }
    }

    /// Hears the cell's hello, checks it, and gives back the signatures in the
    /// order in which its calls name them.
    ///
    /// # Errors
    /// An [`Error`] that says how the cell failed.
    pub(crate) fn greet(&mut self) -> Result<Vec<Signature>, Error> {
        self.link.set_deadline(Some(Instant::now() + self.answers.limits.start_time));
        match self.link.receive() {
            Ok(FromCell::Hello { version: PROTOCOL_VERSION, shared_memory, signatures, walls }) => {
                let shared = self.link.share(shared_memory);
                shared.map_err(|error| Error::Start { reason: error.to_string() })?;
                self.walls = walls.into_iter().map(Wall::from).collect();
                Ok(signatures)
            }
            Ok(FromCell::Hello { version, .. }) => {
                Err(Error::Version { theirs: version, ours: PROTOCOL_VERSION })
            }
            Ok(FromCell::Failed { message }) => Err(Error::Start { reason: printable(&message) }),
            Ok(_) => Err(Error::Start { reason: "it did not begin with a hello".to_owned() }),
            Err(LinkError::TimedOut) => Err(Error::Start {
                reason: format!("it said nothing for {:?}", self.answers.limits.start_time),
            }),
            Err(error) => Err(Error::Start { reason: error.to_string() }),
        }
    }

    /// Starts the guest and answers its calls until the run is over.
    pub(crate) fn converse(&mut self, orders: Orders, deadline: Option<Instant>) -> Ending {
        let _busy = Busy::begin();
        self.link.set_deadline(deadline);
        self.allocator = orders.hooks.allocate.is_some() && orders.hooks.free.is_some();
        let welcome = ToCell::Welcome {
            version: PROTOCOL_VERSION,
            limits: GuestLimits {
                memory_bytes: self.answers.limits.memory_bytes,
                table_elements: self.answers.limits.table_elements,
            },
            hooks: orders.hooks,
            views: self.answers.routes.views(),
        };
        let run = ToCell::Run { exports: orders.exports };
        let begun = self.link.queue(&welcome).and_then(|()| self.link.queue(&run));
        if let Err(error) = begun.and_then(|()| self.link.flush()) {
            return self.lost(error);
        }
        loop {
            let message = match self.link.next() {
                Ok(Received::Call) => {
                    // The frame's room is used for the next call.
                    let frame = self.link.take_call();
                    match self.answer(&frame) {
                        Ok(()) => self.link.give_back_call(frame),
                        Err(ending) => return ending,
                    }
                    continue;
                }
                Ok(Received::Message(message)) => message,
                Err(error) => return self.lost(error),
            };
            return match message {
                FromCell::Returned { usage, .. }
                | FromCell::Trapped { usage, .. }
                | FromCell::Ended { usage }
                    if usage.peak_memory_bytes > self.answers.limits.memory_bytes =>
                {
                    let peak = usage.peak_memory_bytes;
                    breach(format!("the cell claims to have used {peak} bytes of memory, beyond its limit"))
                }
                FromCell::Returned { results, usage } => {
                    Ending { outcome: Answers::returned(&results), usage }
                }
                FromCell::Trapped { kind, message, backtrace, usage } => {
                    Ending { outcome: self.answers.trapped(kind, message, backtrace, usage), usage }
                }
                FromCell::NoRoom { memory_bytes, table_elements } => {
                    match self.answers.no_room(memory_bytes, table_elements) {
                        Some(outcome) => Ending { outcome, usage: Usage::default() },
                        None => breach("the cell claims that a guest within its limits is not".to_owned()),
                    }
                }
                FromCell::Failed { message } => breach(format!("the cell gave up: {}", printable(&message))),
                _ => breach("the cell sent an answer to a question that was not asked".to_owned()),
            };
        }
    }

    /// Answers one call, or says how the run ends in it.
    fn answer(&mut self, frame: &[u8]) -> Result<(), Ending> {
        let call = match CallFrame::decode(frame) {
            Ok(Some(call)) => call,
            Ok(None) => return Err(breach("the cell sent no call".to_owned())),
            Err(error) => return Err(self.lost(error.into())),
        };
        let mut values = [0; caps::VALUES];
        // Reading the frame has held the count to its cap.
        let arguments = &mut values[..call.arguments().len()];
        for (slot, value) in arguments.iter_mut().zip(call.arguments()) {
            *slot = value;
        }
        let limit = self.answers.limits.memory_bytes;
        if let Some(lie) = lie_about_size(call.memory_bytes, self.memory_bytes, limit) {
            return Err(breach(lie));
        }
        self.answers.waiter.open_call(call.heard.arrived, call.heard.interrupted);
        let mut memory = RemoteMemory::new(
            &mut self.link,
            call.memory_bytes,
            limit,
            self.allocator,
            call.viewed(),
            &mut self.written,
        );
        let answer = self.answers.answer(call.signature, arguments, &mut memory);
        self.memory_bytes = memory.size();
        match answer {
            Ok(Reply { results, errno }) => {
                let errno = errno.map(|errno| i32::from(errno.number()));
                let (travelling, interrupts) = self.answers.waiter.close_call();
                let sent = memory.answer(errno, Sent { travelling, interrupts }, &results);
                sent.map_err(|error| self.lost(error))
            }
            Err(closed) => {
                let breach_reason = memory.abandon();
                Err(match closed {
                    Closed::End(outcome) => self.close(outcome),
                    Closed::Breach(reason) => breach(reason),
                    Closed::Lost => match breach_reason {
                        Some(reason) => breach(reason),
                        // The link says again what went wrong with it.
                        None => match self.link.flush() {
                            Err(error) => self.lost(error),
                            Ok(()) => breach("the cell no longer answers".to_owned()),
                        },
                    },
                })
            }
        }
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
            LinkError::TimedOut => self.answers.deadline(),
            error => match self.answers.waiter.stopped() {
                // The stream ended because the cell was killed for it.
                Some(stop) => self.answers.stopped(stop),
                None => Outcome::Breach { reason: error.to_string() },
            },
        };
        Ending { outcome, usage: Usage::default() }
    }
}

fn breach(reason: String) -> Ending {
    Ending { outcome: Outcome::Breach { reason }, usage: Usage::default() }
}
