//! The memory of a guest in another process, while a call is open.

use super::link::Link;
use bellglass_system::{Memory, MemoryError};
use bellglass_wire::{FromCell, ToCell, Viewed, Write, caps};

/// Reads come from what the call's views brought, and else by message; writes
/// wait for the call's answer, and travel with it.
pub(crate) struct RemoteMemory<'a> {
    link: &'a mut Link,
    size: u64,
    /// The size that it can grow to.
    limit: u64,
    /// Whether the image names a malloc and a free.
    allocator: bool,
    viewed: Vec<Viewed>,
    writes: Vec<Write>,
    written_bytes: usize,
    /// What the cell did wrong, if it did.
    pub(crate) breach: Option<String>,
}

impl<'a> RemoteMemory<'a> {
    pub(crate) fn new(
        link: &'a mut Link,
        size: u64,
        limit: u64,
        allocator: bool,
        viewed: Vec<Viewed>,
    ) -> Self {
        Self { link, size, limit, allocator, viewed, writes: Vec::new(), written_bytes: 0, breach: None }
    }

    /// The writes that have not been sent yet, for the call's answer.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.writes
    }

    fn check(&self, address: u32, length: usize) -> Result<(), MemoryError> {
        let end = u64::from(address).checked_add(length as u64);
        if end.is_some_and(|end| end <= self.size) {
            return Ok(());
        }
        Err(MemoryError::OutOfBounds { address, length: length as u64, size: self.size })
    }

    /// Sends the waiting writes, so that what is asked next comes after them.
    fn queue_writes(&mut self) -> Result<(), MemoryError> {
        self.written_bytes = 0;
        for write in self.writes.drain(..) {
            self.link.queue(&ToCell::Write(write)).map_err(|_| MemoryError::Lost)?;
        }
        self.link.flush().map_err(|_| MemoryError::Lost)
    }

    fn ask(&mut self, question: &ToCell) -> Result<FromCell, MemoryError> {
        self.queue_writes()?;
        let answer =
            self.link.queue(question).and_then(|()| self.link.flush()).and_then(|()| self.link.receive());
        answer.map_err(|_| MemoryError::Lost)
    }

    fn breaks(&mut self, reason: &str) -> MemoryError {
        self.breach.get_or_insert_with(|| reason.to_owned());
        MemoryError::Lost
    }

    fn read_piece(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        for piece in &self.viewed {
            let offset = address.checked_sub(piece.address).map(|offset| offset as usize);
            let end = offset.and_then(|offset| offset.checked_add(into.len()));
            if let (Some(start), Some(end)) = (offset, end)
                && let Some(bytes) = piece.bytes.get(start..end)
            {
                into.copy_from_slice(bytes);
                return Ok(());
            }
        }
        // The caller cuts pieces to the cap, which fits in 32 bits.
        match self.ask(&ToCell::Read { address, length: into.len() as u32 })? {
            FromCell::Data { bytes } if bytes.len() == into.len() => {
                into.copy_from_slice(&bytes);
                Ok(())
            }
            FromCell::Data { .. } => Err(self.breaks("it sent another amount of memory than was asked for")),
            _ => Err(self.breaks("it did not answer a read with data")),
        }
    }
}

/// What is wrong with the size of memory that a cell claims, if anything: it never
/// shrinks, and the cell itself keeps it from growing beyond its limit.
pub(crate) fn lie_about_size(claimed: u64, before: u64, limit: u64) -> Option<String> {
    if claimed > limit {
        return Some(format!("the cell claims a memory of {claimed} bytes, with a limit of {limit}"));
    }
    let shrunk = claimed < before;
    shrunk.then(|| format!("the cell claims that its memory shrank from {before} to {claimed} bytes"))
}

impl Memory for RemoteMemory<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        self.check(address, into.len())?;
        let mut at = address;
        for piece in into.chunks_mut(caps::TRANSFER_BYTES) {
            self.read_piece(at, piece)?;
            at = at.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        self.check(address, bytes.len())?;
        let mut at = address;
        for piece in bytes.chunks(caps::TRANSFER_BYTES) {
            if self.written_bytes + piece.len() > caps::TRANSFER_BYTES || self.writes.len() >= caps::WRITES {
                self.queue_writes()?;
            }
            // A piece that came by view would be stale from now on.
            let start = u64::from(at);
            let end = start + piece.len() as u64;
            self.viewed.retain(|viewed| {
                let from = u64::from(viewed.address);
                end <= from || from + viewed.bytes.len() as u64 <= start
            });
            self.written_bytes += piece.len();
            self.writes.push(Write { address: at, bytes: piece.to_vec() });
            at = at.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    fn allocate(&mut self, size: u32) -> Result<u32, MemoryError> {
        if !self.allocator {
            return Err(MemoryError::Unsupported);
        }
        match self.ask(&ToCell::Allocate { size })? {
            FromCell::Allocated { address, memory_bytes } => {
                if let Some(lie) = lie_about_size(memory_bytes, self.size, self.limit) {
                    return Err(self.breaks(&lie));
                }
                // The guest's malloc is the guest's code: what it returns is
                // checked at each use, like any other pointer of the guest.
                self.size = memory_bytes;
                if address == 0 { Err(MemoryError::Exhausted { size }) } else { Ok(address) }
            }
            _ => Err(self.breaks("it did not answer an allocation")),
        }
    }

    fn free(&mut self, address: u32) -> Result<(), MemoryError> {
        if !self.allocator {
            return Err(MemoryError::Unsupported);
        }
        self.queue_writes()?;
        self.link.queue(&ToCell::Free { address }).map_err(|_| MemoryError::Lost)
    }
}
