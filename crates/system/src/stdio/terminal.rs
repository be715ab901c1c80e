//! The terminal of the run, both ways: /dev/tty.

use super::{InputStream, OutputStream};
use crate::object::{Interest, Object, Terminal, Transfer};
use crate::wait::Readiness;
use crate::{Errno, Fault};
use std::sync::Arc;

/// A standard input and a standard output that are terminals.
pub(crate) struct TerminalBothWays {
    pub input: Arc<InputStream>,
    pub output: Arc<OutputStream>,
}

impl Object for TerminalBothWays {
    fn reopen(self: Arc<Self>) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Object::read(&*self.input, into, transfer)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Object::write(&*self.output, from, transfer)
    }

    fn readiness(&self, interest: Interest, position: u64) -> Result<Readiness, Errno> {
        match interest {
            Interest::Read => self.input.readiness(interest, position),
            Interest::Write => self.output.readiness(interest, position),
        }
    }

    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        self.input.terminal()
    }
}
