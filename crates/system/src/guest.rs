//! Guest memory, as the handlers read and write it: numbers, paths, buffers.

use crate::{Call, Errno, Fault};

/// Bytes that one call reads or writes at most; larger requests are answered in
/// part. With the numbers that go along it stays within what one frame carries.
pub const CALL_BYTES: usize = bellglass_wire::caps::TRANSFER_BYTES - (16 << 10);

/// Buffers that one call may name; Linux's IOV_MAX.
const BUFFERS: usize = bellglass_wire::caps::IOVEC_BUFFERS;

/// A buffer in guest memory, as an array of buffers names it. Nothing of it is checked:
/// it is what the guest wrote there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Where it begins.
    pub address: u32,
    /// Its bytes.
    pub length: u32,
}

/// What most calls name: numbers, bytes, paths and texts, arrays of buffers. All of these
/// are checked against the guest's memory, and hold what is read to what is said there.
impl Call<'_> {
    /// The `length` bytes at `address`. Hold a length that the guest chose to a bound of
    /// your own first: up to the whole memory is read.
    ///
    /// # Errors
    /// EFAULT if not all of it lies in the memory.
    pub fn bytes_at(&mut self, address: u32, length: usize) -> Result<Vec<u8>, Fault> {
        // Before reserving: a wild length is a wild address.
        if u64::from(address).saturating_add(length as u64) > self.memory.size() {
            return Err(Errno::FAULT.into());
        }
        let mut bytes = vec![0; length];
        self.memory.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// The 32-bit number at `address`.
    ///
    /// # Errors
    /// EFAULT if it does not lie in the memory.
    pub fn u32_at(&mut self, address: u32) -> Result<u32, Fault> {
        let mut bytes = [0; 4];
        self.memory.read(address, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Puts a 32-bit number at `address`.
    ///
    /// # Errors
    /// EFAULT if that does not lie in the memory.
    pub fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Fault> {
        Ok(self.memory.write(address, &value.to_le_bytes())?)
    }

    /// Puts a 64-bit number at `address`.
    ///
    /// # Errors
    /// EFAULT if that does not lie in the memory.
    pub fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Fault> {
        Ok(self.memory.write(address, &value.to_le_bytes())?)
    }

    /// The path, or another text with a length, whose address is argument `pointer` and
    /// whose length is argument `length`.
    ///
    /// It is what the program wrote: relative to some directory, through links, with `..`
    /// in it. To decide by it what may be opened is wrong; [`Mount::guard`](crate::Mount::guard)
    /// sees what a path leads to.
    ///
    /// # Errors
    /// ENAMETOOLONG above [`PATH_BYTES`](crate::files::PATH_BYTES), EFAULT beyond the memory.
    pub fn path(&mut self, pointer: usize, length: usize) -> Result<Vec<u8>, Fault> {
        let length = self.u32(length) as usize;
        // BOUND: the guest chooses the length; PATH_BYTES holds it.
        if length > crate::files::PATH_BYTES {
            return Err(Errno::NAMETOOLONG.into());
        }
        self.bytes_at(self.u32(pointer), length)
    }

    /// The C string at `address`, without its zero byte: a name or a path.
    ///
    /// # Errors
    /// ENAMETOOLONG above [`PATH_BYTES`](crate::files::PATH_BYTES), EFAULT if the memory
    /// ends first.
    pub fn c_string(&mut self, address: u32) -> Result<Vec<u8>, Fault> {
        // BOUND: PATH_BYTES and the zero byte.
        let most = crate::files::PATH_BYTES + 1;
        let mut found = Vec::new();
        match self.memory.read_text(address, most, &mut found)? {
            true => Ok(found),
            false if found.len() == most => Err(Errno::NAMETOOLONG.into()),
            // The memory ends first.
            false => Err(Errno::FAULT.into()),
        }
    }

    /// The buffers of the iovec array at `address`.
    ///
    /// # Errors
    /// EINVAL for more than 1024, EFAULT if the array does not lie in the memory.
    pub fn buffers(&mut self, address: u32, count: u32) -> Result<Vec<Buffer>, Fault> {
        // BOUND: the guest chooses the count; BUFFERS holds it.
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > BUFFERS {
            return Err(Errno::INVAL.into());
        }
        let bytes = self.bytes_at(address, count * 8)?;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        Ok(bytes
            .chunks_exact(8)
            .map(|pair| Buffer { address: number(&pair[..4]), length: number(&pair[4..]) })
            .collect())
    }

    /// What the buffers hold, one after the other, up to [`CALL_BYTES`].
    ///
    /// # Errors
    /// EFAULT if one does not lie in the memory.
    pub fn gather(&mut self, buffers: &[Buffer]) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(total(buffers));
        for buffer in buffers {
            let length = (buffer.length as usize).min(CALL_BYTES - bytes.len());
            if length == 0 {
                continue;
            }
            let start = bytes.len();
            if u64::from(buffer.address) + length as u64 > self.memory.size() {
                return Err(Errno::FAULT.into());
            }
            bytes.resize(start + length, 0);
            self.memory.read(buffer.address, &mut bytes[start..])?;
        }
        Ok(bytes)
    }

    /// Checks that all buffers lie in the memory, before something is taken from
    /// a stream that could then not be delivered.
    pub(crate) fn check(&self, buffers: &[Buffer]) -> Result<(), Fault> {
        let size = self.memory.size();
        let inside = |buffer: &Buffer| {
            buffer.length == 0 || u64::from(buffer.address) + u64::from(buffer.length) <= size
        };
        if buffers.iter().all(inside) { Ok(()) } else { Err(Errno::FAULT.into()) }
    }

    /// Spreads `bytes` over the buffers, as far as they go.
    ///
    /// # Errors
    /// EFAULT if one does not lie in the memory.
    pub fn scatter(&mut self, buffers: &[Buffer], bytes: &[u8]) -> Result<(), Fault> {
        let mut rest = bytes;
        for buffer in buffers {
            let (part, after) = rest.split_at(rest.len().min(buffer.length as usize));
            if !part.is_empty() {
                self.memory.write(buffer.address, part)?;
            }
            rest = after;
        }
        Ok(())
    }
}

/// Bytes of all buffers, up to [`CALL_BYTES`].
pub(crate) fn total(buffers: &[Buffer]) -> usize {
    let sum: u64 = buffers.iter().map(|buffer| u64::from(buffer.length)).sum();
    usize::try_from(sum).unwrap_or(usize::MAX).min(CALL_BYTES)
}
