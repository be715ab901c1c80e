//! The guest's standard streams: where its input comes from and where its output
//! goes. Bytes stream through; nothing is gathered but what the user asks to
//! capture.

mod budget;
mod file;
mod host;
mod input;
mod output;
mod own;
mod pump;
mod terminal;

pub(crate) use budget::Budget;
pub use input::Input;
pub use output::{Capture, Output};
pub(crate) use own::OwnStream;
pub use own::Stream;
pub(crate) use terminal::TerminalBothWays;

use crate::files::{Standing, StreamNumbers};
use crate::host::Source;
use crate::meter::Meter;
use crate::object::Object;
use std::sync::Arc;

/// Bytes that go to or come from the host at a time, where waiting is needed in
/// between.
pub(crate) const CHUNK: usize = 64 << 10;

/// A standard stream, and what may be done with it.
pub(crate) struct Standard {
    pub object: Arc<dyn Object>,
    pub readable: bool,
    pub writable: bool,
    /// Of an open file, in Linux's numbers.
    pub flags: u32,
}

/// The three standard streams as a run begins. One that is closed is not there.
pub(crate) struct Streams {
    pub input: Option<Standard>,
    pub output: Option<Standard>,
    pub error: Option<Standard>,
}

impl Streams {
    pub(crate) fn new(
        input: Input,
        output: Output,
        error: Output,
        budget: &Arc<Budget>,
        meter: &Arc<Meter>,
    ) -> Self {
        let numbers = StreamNumbers::default();
        let shared = Shared { numbers: &numbers, budget, meter };
        let mut streams = Self {
            input: input::standard(input, &shared),
            output: output::standard(output, 1, &shared),
            error: output::standard(error, 2, &shared),
        };
        // A terminal is open both ways, but who did not give it to be read from may not know.
        if !streams.input.as_ref().is_some_and(Standard::is_terminal) {
            for stream in [&mut streams.output, &mut streams.error].into_iter().flatten() {
                if stream.is_terminal() {
                    stream.readable = false;
                }
            }
        }
        streams
    }

    /// The terminal that the run's user lends, both ways: where its input comes from.
    pub(crate) fn terminal(&self) -> Option<Arc<dyn Object>> {
        let input = self.input.as_ref().filter(|input| input.is_terminal())?;
        let shows = |stream: &&Standard| stream.is_terminal() && stream.writable;
        let output = [&self.output, &self.error, &self.input].into_iter().flatten().find(shows)?;
        let (input, output) = (Arc::clone(&input.object), Arc::clone(&output.object));
        Some(Arc::new(TerminalBothWays { input, output }))
    }
}

impl Standard {
    fn is_terminal(&self) -> bool {
        self.object.terminal().is_ok()
    }
}

/// What all streams of a run are made with.
struct Shared<'a> {
    numbers: &'a StreamNumbers,
    budget: &'a Arc<Budget>,
    meter: &'a Arc<Meter>,
}

impl Shared<'_> {
    /// The controller's own stream of this number, as it has it; nothing if it began without.
    fn inherited(&self, number: u32) -> Option<Standard> {
        let standing = Standing::look(Source::standard(number), self.numbers).ok()?;
        // What stands in its place is of the standard library: open both ways.
        let is_stand_in = standing.readable && standing.writable && standing.is_null();
        if is_stand_in && bellglass_fork::began_without(number) {
            return None;
        }
        Some(host::standard(standing, [true, true], Arc::clone(self.budget)))
    }
}
