//! The terminal of the run, both ways: /dev/tty.

use crate::files::{Device, Metadata};
use crate::object::{Interest, Object, Terminal, Transfer};
use crate::wait::Readiness;
use crate::{Errno, Fault};
use std::sync::Arc;

/// A standard stream that reads from a terminal and one that writes to it.
pub(crate) struct TerminalBothWays {
    pub input: Arc<dyn Object>,
    pub output: Arc<dyn Object>,
}

impl Object for TerminalBothWays {
    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        Ok(Device::Terminal.metadata(Device::TREE))
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.input.read(into, transfer)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.output.write(from, transfer)
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
