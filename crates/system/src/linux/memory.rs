//! A guest's memory as a program of Linux has it: there is nothing at address 0.

use crate::{Memory, MemoryError};

/// The same memory, in which a null pointer is none: what is read or written there is a
/// fault, where WebAssembly would let it through.
pub(crate) struct NullIsNothing<'a>(pub &'a mut dyn Memory);

impl NullIsNothing<'_> {
    fn check(&self, address: u32, length: usize) -> Result<(), MemoryError> {
        match address {
            0 if length > 0 => {
                Err(MemoryError::OutOfBounds { address, length: length as u64, size: self.0.size() })
            }
            _ => Ok(()),
        }
    }
}

impl Memory for NullIsNothing<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError> {
        self.check(address, into.len())?;
        self.0.read(address, into)
    }

    fn read_text(&mut self, address: u32, most: usize, into: &mut Vec<u8>) -> Result<bool, MemoryError> {
        self.check(address, most)?;
        self.0.read_text(address, most, into)
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        self.check(address, bytes.len())?;
        self.0.write(address, bytes)
    }

    fn allocate(&mut self, size: u32) -> Result<u32, MemoryError> {
        self.0.allocate(size)
    }

    fn free(&mut self, address: u32) -> Result<(), MemoryError> {
        self.0.free(address)
    }
}
