//! Pipes that have a name in a tree. The tree has the name, and what stat tells; the bytes are
//! the run's, as long as anybody has it open.

use crate::clock::Clock;
use crate::files::{Attribute, File, FileType, Locks, Metadata, NewTimes, Space};
use crate::meter::Meter;
use crate::object::{Blocking, Inode, Interest, Object, Transfer};
use crate::pipe::{Pipe, PipeEnd};
use crate::poll::{Look, Polled};
use crate::wait::Readiness;
use crate::{Errno, Fault, Waiter};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The pipes of a run that have names, by the device and inode number of these.
#[derive(Default)]
pub(crate) struct NamedPipes(Mutex<HashMap<(u64, u64), Weak<Pipe>>>);

impl NamedPipes {
    /// Opens the pipe of that name, and makes it if nobody has it open: EINVAL for neither way,
    /// ENOMEM if the guest may have no more kept for it.
    pub(crate) fn open(
        &self,
        file: Arc<dyn File>,
        [reads, writes]: [bool; 2],
        meter: &Arc<Meter>,
        clock: Arc<dyn Clock>,
    ) -> Result<NamedPipe, Errno> {
        if !reads && !writes {
            return Err(Errno::INVAL);
        }
        let metadata = file.metadata()?;
        let key = (metadata.device, metadata.inode);
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = match pipes.get(&key).and_then(Weak::upgrade) {
            Some(pipe) => pipe,
            None => {
                let pipe = Pipe::new(meter)?;
                if pipes.len() == pipes.capacity() {
                    // BOUND: twice those that are open, each of which is charged.
                    pipes.retain(|_, pipe| pipe.strong_count() > 0);
                }
                pipes.insert(key, Arc::downgrade(&pipe));
                pipe
            }
        };
        let end = PipeEnd::new(&pipe, reads, writes, metadata.inode);
        end.opened();
        Ok(NamedPipe { end, file, clock })
    }
}

/// An end of such a pipe, or both.
pub struct NamedPipe {
    end: PipeEnd,
    file: Arc<dyn File>,
    clock: Arc<dyn Clock>,
}

impl Object for NamedPipe {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Fifo)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        self.file.metadata()
    }

    fn reopen(self: Arc<Self>, ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        let end = self.end.again(ways)?;
        Ok(Arc::new(Self { end, file: Arc::clone(&self.file), clock: Arc::clone(&self.clock) }))
    }

    fn begin(&self, blocking: Blocking, waiter: &Waiter) -> Result<(), Fault> {
        self.end.wait_for_other_end(blocking, waiter)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.end.read(into, transfer)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        let written = self.end.write(from, transfer)?;
        if written > 0 {
            let modified = Some(self.clock.realtime().into());
            // It is written, whatever the tree says of that.
            let _ = self.file.set_times(NewTimes { accessed: None, modified });
        }
        Ok(written)
    }

    fn readiness(&self, interest: Interest, position: u64) -> Result<Readiness, Errno> {
        self.end.readiness(interest, position)
    }

    fn poll(&self, wanted: u32, position: u64, look: &mut Look) -> Polled {
        self.end.poll(wanted, position, look)
    }

    fn inode(&self) -> Result<&dyn Inode, Errno> {
        Ok(self)
    }

    fn pipe(&self) -> Result<&PipeEnd, Errno> {
        Ok(&self.end)
    }
}

impl Inode for NamedPipe {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.file.metadata()
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.file.set_times(times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.file.set_permissions(permissions)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.file.attribute(act)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        Err(Errno::INVAL)
    }

    fn space(&self) -> Result<Space, Errno> {
        self.file.space()
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.file.locks()
    }
}
