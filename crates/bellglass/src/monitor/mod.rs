//! The conversation with one cell: hello, welcome, and then each call answered
//! until the last frame. Whatever the cell sends is untrusted; what the state of the
//! conversation does not permit ends the run, and nothing is repaired. Which frame may
//! come when is one table, [`ConversationState`].
//!
//! Several calls may be open at once. One is answered at a time; what waits for an
//! answer that comes later waits in the table of open calls, and the cell is heard
//! meanwhile.

mod answers;
mod calls;
pub(crate) mod link;
mod memory;
mod pace;
mod routes;

pub(crate) use answers::{Answered, Answers, Closed};
pub(crate) use routes::{Handle, Observe, Routes};
pub use routes::{Next, Observation};

use crate::report::{Outcome, Wall};
use crate::words::printable;
use crate::{Error, Limits};
use answers::Reply;
use bellglass_channel::{Busy, Woken};
use bellglass_system::{Completion, Errno, LimitKind, Memory, System, Waiter, Woken as WaitEnd};
use bellglass_wire::{
    CallFrame, ConversationState, FromCell, GuestLimits, Hooks, PROTOCOL_VERSION, Pieces, Sent, Signature,
    ToCell, Usage, caps,
};
use calls::{Calls, Later};
use link::{Link, LinkError, Received};
use memory::{Extent, Lost, RemoteMemory, lie_about_size};
use std::sync::Arc;
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
    calls: Calls,
    allocator: bool,
    /// Bytes of the guest's memory, as the cell told last.
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
        let calls = Calls::new(Arc::clone(&answers.meter));
        let (walls, written) = (Vec::new(), Vec::new());
        Self { link, answers, walls, calls, allocator: false, memory_bytes: 0, written }
    }

    /// Hears the cell's hello, checks it, and gives back the signatures in the
    /// order in which its calls name them.
    ///
    /// # Errors
    /// An [`Error`] that says how the cell failed.
    pub(crate) fn greet(&mut self) -> Result<Vec<Signature>, Error> {
        self.link.set_deadline(Some(Instant::now() + self.answers.limits.start_time));
        match self.link.receive(ConversationState::Started) {
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
            // No other frame is permitted now.
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
            if let Err(ending) = self.complete() {
                return ending;
            }
            if let Some(frame) = self.calls.next_deferred() {
                match self.answer(&frame, Heard::Before) {
                    Ok(()) => continue,
                    Err(ending) => return ending,
                }
            }
            let state =
                if self.calls.is_any_open() { ConversationState::Called } else { ConversationState::Running };
            match self.link.next(state) {
                Ok(Received::Call) => {
                    // The frame's room is used for the next call.
                    let frame = self.link.take_call();
                    match self.answer(&frame, Heard::Now) {
                        Ok(()) => self.link.give_back_call(frame),
                        Err(ending) => return ending,
                    }
                }
                Ok(Received::Message(message)) => return self.end(message),
                Err(error) => return self.lost(error),
            }
        }
    }

    /// How the run ends with this last frame.
    fn end(&mut self, message: FromCell) -> Ending {
        match message {
            FromCell::Returned { usage, .. }
            | FromCell::Trapped { usage, .. }
            | FromCell::Ended { usage }
                if usage.peak_memory_bytes > self.answers.limits.memory_bytes =>
            {
                let peak = usage.peak_memory_bytes;
                breach(format!("the cell claims to have used {peak} bytes of memory, beyond its limit"))
            }
            FromCell::Returned { results, usage } => Ending { outcome: Answers::returned(&results), usage },
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
            // The table permits no other.
            _ => breach("the cell ended the conversation in no known way".to_owned()),
        }
    }

    /// Answers what waits for answers that come later, as they come, until the cell has
    /// said something. Nothing is done if nothing waits.
    fn complete(&mut self) -> Result<(), Ending> {
        while self.calls.is_any_waiting() {
            // Before one looks, so that none is missed that comes afterwards.
            let listener = self.answers.waiter.completions().listen();
            if let Some((number, later, completion)) = self.calls.take_complete() {
                self.finish(number, &later, completion)?;
                continue;
            }
            match self.answers.waiter.check() {
                Ok(()) => {}
                Err(WaitEnd::Stop(stop)) => {
                    let outcome = self.answers.stopped(stop);
                    return Err(self.close(outcome));
                }
                Err(WaitEnd::Interrupted | WaitEnd::TimedOut) => {
                    // As any call that waits: the guest looks, and calls again if it likes.
                    while let Some((number, later)) = self.calls.take_waiting() {
                        let completion = later.pending.give_up(Errno::INTR.into());
                        self.finish(number, &later, completion)?;
                    }
                    continue;
                }
            }
            if self.calls.is_any_deferred() {
                return Ok(());
            }
            match self.link.wait(&self.answers.waiter, &listener) {
                Ok(Woken::Bytes) => return Ok(()),
                Ok(Woken::Otherwise) => {}
                Err(error) => return Err(self.lost(error)),
            }
        }
        Ok(())
    }

    /// Answers one call, or says how the run ends in it.
    fn answer(&mut self, frame: &[u8], heard: Heard) -> Result<(), Ending> {
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
        let memory_bytes = match heard {
            Heard::Now => {
                if let Some(lie) = lie_about_size(call.memory_bytes, self.memory_bytes, limit) {
                    return Err(breach(lie));
                }
                self.calls.open(call.call).map_err(breach)?;
                call.memory_bytes
            }
            // What has been told since may be more.
            Heard::Before => call.memory_bytes.max(self.memory_bytes),
        };
        self.answers.waiter.open_call(call.heard.arrived, call.heard.interrupted);
        let mut memory = RemoteMemory::new(
            &mut self.link,
            call.call,
            &mut self.calls,
            Extent { size: memory_bytes, limit },
            self.allocator,
            call.viewed(),
            &mut self.written,
        );
        match self.answers.answer(call.signature, arguments, &mut memory) {
            // A handler may answer as if nothing had happened.
            Ok(answered) if memory.is_lost() => {
                if let Answered::Later(pending, _) = answered {
                    pending.close();
                }
                let lost = memory.abandon();
                Err(self.end_in_call(Closed::Lost, lost))
            }
            Ok(Answered::Now(reply)) => {
                self.memory_bytes = memory.size();
                let sent = reply_with(memory, &self.answers.waiter, reply);
                sent.map_err(|error| self.lost(error))
            }
            Ok(Answered::Later(pending, begun)) => {
                self.memory_bytes = memory.size();
                let arguments = arguments.to_vec();
                let later = Box::new(Later { signature: call.signature, arguments, begun, pending });
                let left = memory.leave_open();
                self.calls.wait(call.call, later);
                left.map_err(|error| self.lost(error))
            }
            Err(closed) => {
                let lost = memory.abandon();
                Err(self.end_in_call(closed, lost))
            }
        }
    }

    /// Closes a call whose answer has come later, or says how the run ends in it.
    fn finish(&mut self, number: u32, later: &Later, completion: Completion) -> Result<(), Ending> {
        let mut memory = RemoteMemory::new(
            &mut self.link,
            number,
            &mut self.calls,
            Extent { size: self.memory_bytes, limit: self.answers.limits.memory_bytes },
            self.allocator,
            Pieces::default(),
            &mut self.written,
        );
        let reply =
            self.answers.finish(later.signature, &later.arguments, &mut memory, completion, later.begun);
        match reply {
            // As may an observer, which reads.
            Ok(_) if memory.is_lost() => {
                let lost = memory.abandon();
                Err(self.end_in_call(Closed::Lost, lost))
            }
            Ok(reply) => {
                self.memory_bytes = memory.size();
                let sent = reply_with(memory, &self.answers.waiter, reply);
                sent.map_err(|error| self.lost(error))
            }
            Err(closed) => {
                let lost = memory.abandon();
                Err(self.end_in_call(closed, lost))
            }
        }
    }

    /// How the run ends in a call that is not answered.
    fn end_in_call(&mut self, closed: Closed, lost: Option<Lost>) -> Ending {
        match (closed, lost) {
            (Closed::End(outcome), _) => self.close(outcome),
            (Closed::Breach(reason), _) | (Closed::Lost, Some(Lost::Breach(reason))) => breach(reason),
            (Closed::Lost, Some(Lost::Last(message))) => self.end(message),
            (Closed::Lost, Some(Lost::Full { limit })) => {
                self.close(Outcome::Limit(LimitKind::ControllerMemory.at(limit)))
            }
            // The link says again what went wrong with it.
            (Closed::Lost, None) => match self.link.flush() {
                Err(error) => self.lost(error),
                Ok(()) => breach("the cell no longer answers".to_owned()),
            },
        }
    }

    /// Ends the guest in its open call, and hears what it used.
    fn close(&mut self, outcome: Outcome) -> Ending {
        self.link.set_deadline(Some(Instant::now() + FAREWELL_TIME));
        let mut heard = self.link.queue(&ToCell::End).and_then(|()| self.link.flush());
        let usage = loop {
            match heard.and_then(|()| self.link.next(ConversationState::Ending)) {
                // It was on its way. BOUND: the deadline.
                Ok(Received::Call) => heard = Ok(()),
                Ok(Received::Message(
                    FromCell::Ended { usage }
                    | FromCell::Returned { usage, .. }
                    | FromCell::Trapped { usage, .. },
                )) => break usage,
                // The run is over whatever the cell says; only its figures are lost.
                _ => break Usage::default(),
            }
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

/// Closes the call of this memory with this reply.
fn reply_with(memory: RemoteMemory<'_>, waiter: &Waiter, reply: Reply) -> Result<(), LinkError> {
    let Reply { results, errno } = reply;
    let errno = errno.map(i32::from);
    let (travelling, interrupts) = waiter.close_call();
    memory.answer(errno, Sent { travelling, interrupts }, &results)
}

/// When a call was heard that is answered now.
enum Heard {
    /// Just now.
    Now,
    /// While another was answered.
    Before,
}

fn breach(reason: String) -> Ending {
    Ending { outcome: Outcome::Breach { reason }, usage: Usage::default() }
}
