//! The memory of a guest in the same process, while a call is open.

use bellglass_engine::{GuestMemory, StopGuest};
use bellglass_system::{Memory, MemoryError};

/// Reads and writes go straight to the guest's memory.
pub(crate) struct OwnMemory<'a> {
    memory: &'a mut dyn GuestMemory,
    /// Whether the image names a malloc and a free.
    allocator: bool,
    /// What ended the guest inside its malloc or free.
    pub(crate) stop: Option<StopGuest>,
}

impl<'a> OwnMemory<'a> {
    pub(crate) fn new(memory: &'a mut dyn GuestMemory, allocator: bool) -> Self {
        Self { memory, allocator, stop: None }
    }

    fn lost(&mut self, stop: StopGuest) -> MemoryError {
        self.stop.get_or_insert(stop);
        MemoryError::Lost
    }

    fn out_of_bounds(&self, address: u32, length: usize) -> MemoryError {
        MemoryError::OutOfBounds { address, length: length as u64, size: self.size() }
    }
}

impl Memory for OwnMemory<'_> {
    fn size(&self) -> u64 {
        self.memory.bytes().len() as u64
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        let bytes = self.memory.at(address, into.len());
        into.copy_from_slice(bytes.ok_or_else(|| self.out_of_bounds(address, into.len()))?);
        Ok(())
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        let Some(target) = self.memory.at_mut(address, bytes.len()) else {
            return Err(self.out_of_bounds(address, bytes.len()));
        };
        target.copy_from_slice(bytes);
        Ok(())
    }

    fn allocate(&mut self, size: u32) -> Result<u32, MemoryError> {
        if !self.allocator || self.stop.is_some() {
            return Err(if self.allocator { MemoryError::Lost } else { MemoryError::Unsupported });
        }
        match self.memory.allocate(size) {
            // The guest's malloc is the guest's code: what it returns is checked
            // at each use, like any other pointer of the guest.
            Ok(Some(0)) => Err(MemoryError::Exhausted { size }),
            Ok(Some(address)) => Ok(address),
            Ok(None) => Err(MemoryError::Unsupported),
            Err(stop) => Err(self.lost(stop)),
        }
    }

    fn free(&mut self, address: u32) -> Result<(), MemoryError> {
        if !self.allocator || self.stop.is_some() {
            return Err(if self.allocator { MemoryError::Lost } else { MemoryError::Unsupported });
        }
        self.memory.free(address).map_err(|stop| self.lost(stop))
    }
}
