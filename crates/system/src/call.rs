//! What a handler sees of one external call, and how it may answer.
//!
//! A handler does not know where the guest is: in a cell at the other end of a
//! pipe, or in the same address space. It sees [`Memory`].

use crate::{Errno, Meter, Pending, Reached, Results, Waiter};
use bellglass_wire::Signature;
use std::sync::Arc;

/// One external call, while it is open.
pub struct Call<'a> {
    /// Which call it is.
    pub signature: &'a Signature,
    /// The raw arguments, as many as the signature has parameters; a 32-bit
    /// value is in the low half, floats are bit patterns.
    pub arguments: &'a [u64],
    /// The guest's memory.
    pub memory: &'a mut dyn Memory,
    /// How to wait, for a handler that must: it knows the run's deadline.
    pub waiter: &'a Waiter,
    /// What is kept for the guest beyond the call is charged to this first.
    pub meter: &'a Arc<Meter>,
}

impl Call<'_> {
    /// Argument `index` as an unsigned 32-bit value: a pointer, a size, a file
    /// descriptor. An argument that the signature does not have reads as 0.
    pub fn u32(&self, index: usize) -> u32 {
        self.u64(index) as u32
    }

    /// Argument `index` as a signed 32-bit value.
    pub fn i32(&self, index: usize) -> i32 {
        self.u64(index) as i32
    }

    /// Argument `index` as an unsigned 64-bit value.
    pub fn u64(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or(0)
    }

    /// Argument `index` as a signed 64-bit value.
    pub fn i64(&self, index: usize) -> i64 {
        self.u64(index) as i64
    }
}

/// The guest's linear memory. Every access is checked against its size; none
/// can reach anything else.
pub trait Memory {
    /// Bytes of the memory now.
    fn size(&self) -> u64;

    /// Fills `into` from the guest's memory at `address`.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] if not all of it lies in the memory.
    fn read(&mut self, address: u32, into: &mut [u8]) -> Result<(), MemoryError>;

    /// Appends what stands from `address` on up to a zero byte, which is left out,
    /// to `into`: at most `most` bytes, and none beyond the end of the memory.
    /// Returns whether the zero byte was found.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] if the address itself is not in the memory.
    fn read_text(&mut self, address: u32, most: usize, into: &mut Vec<u8>) -> Result<bool, MemoryError> {
        read_text_in_steps(self, address, most, 64, into)
    }

    /// Copies `bytes` into the guest's memory at `address`. It may be carried out
    /// only when the call is answered, but a later read sees it.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] if not all of it lies in the memory; nothing
    /// is written then.
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), MemoryError>;

    /// Memory from the guest's own malloc.
    ///
    /// # Errors
    /// [`MemoryError::Exhausted`] if it has none left, [`MemoryError::Unsupported`]
    /// if the image names no allocator.
    fn allocate(&mut self, size: u32) -> Result<u32, MemoryError>;

    /// Gives back what [`allocate`](Self::allocate) gave.
    ///
    /// # Errors
    /// [`MemoryError::Unsupported`] if the image names no allocator.
    fn free(&mut self, address: u32) -> Result<(), MemoryError>;
}

/// What [`Memory::read_text`] does, by reading `step` bytes at a time.
///
/// # Errors
/// As [`Memory::read_text`].
pub fn read_text_in_steps<M: Memory + ?Sized>(
    memory: &mut M,
    address: u32,
    most: usize,
    step: usize,
    into: &mut Vec<u8>,
) -> Result<bool, MemoryError> {
    let outside = MemoryError::OutOfBounds { address, length: 0, size: memory.size() };
    let room = memory.size().checked_sub(u64::from(address)).ok_or(outside)?;
    let mut left = usize::try_from(room).unwrap_or(usize::MAX).min(most);
    let mut at = address;
    while left > 0 {
        // BOUND: `into` grows by one step at a time, and by `most` in all.
        let start = into.len();
        into.resize(start + step.clamp(1, left), 0);
        let bytes = &mut into[start..];
        if let Err(error) = memory.read(at, bytes) {
            into.truncate(start);
            return Err(error);
        }
        if let Some(zero) = bytes.iter().position(|byte| *byte == 0) {
            into.truncate(start + zero);
            return Ok(true);
        }
        let count = into.len() - start;
        left -= count;
        // The next step starts inside the memory, hence below 2^32, or there is none.
        at = at.wrapping_add(count as u32);
    }
    Ok(false)
}

/// Why guest memory could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The guest named memory that it does not have.
    #[error("{length} bytes at address {address:#x} are not all inside the guest's memory of {size} bytes")]
    OutOfBounds {
        /// Where the access would start.
        address: u32,
        /// How long it would be.
        length: u64,
        /// Bytes of the memory.
        size: u64,
    },
    /// The guest's malloc returned nothing.
    #[error("the guest has no memory left for {size} bytes")]
    Exhausted {
        /// What was asked for.
        size: u32,
    },
    /// The image does not name the export that this needs.
    #[error("this image has no allocator that the controller may call")]
    Unsupported,
    /// The cell is gone or broke the protocol: the run is over, whatever the
    /// handler does.
    #[error("the cell no longer answers")]
    Lost,
}

/// How a handler closes its call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The guest goes on with these results, one for each result of the
    /// signature.
    Return {
        /// Raw values; a 32-bit value is in the low half.
        results: Results,
        /// What to set the guest's errno to, if anything: a call of Linux or of WASI has
        /// its error in its result.
        errno: Option<Errno>,
    },
    /// The guest asked to end, with this code.
    Exit(i32),
    /// The guest waits for what a [`Completer`](crate::Completer) will answer: see
    /// [`Call::later`].
    Later(Pending),
}

impl Answer {
    /// The answer of a call that returns nothing.
    pub fn none() -> Self {
        Self::Return { results: Results::default(), errno: None }
    }

    /// The answer of a call that returns one 32-bit value.
    pub fn i32(value: i32) -> Self {
        Self::Return { results: [u64::from(value as u32)].into(), errno: None }
    }

    /// The answer of a call that returns one 64-bit value.
    pub fn i64(value: i64) -> Self {
        Self::Return { results: [value as u64].into(), errno: None }
    }
}

/// Why a handler did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An ordinary failure, which the guest gets in the manner of the call's family: as
    /// the result of a call of WASI, as that of one of Linux, negated, and as -1 and errno
    /// from any other function.
    #[error("{0}")]
    Errno(#[from] Errno),
    /// The guest's memory could not be used. Memory out of bounds becomes EFAULT,
    /// an exhausted allocator ENOMEM.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The run must end here.
    #[error("{0}")]
    Stop(#[from] Stop),
}

/// Why a run must end during a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// The deadline came while a handler waited or worked.
    #[error("the deadline has passed")]
    Deadline,
    /// The owner of the run wants it to end.
    #[error("the run was ended by its owner")]
    Killed,
    /// A limit does not let the run go on.
    #[error("{0}")]
    Limit(Reached),
    /// A handler or the policy refuses to go on.
    #[error("{reason}")]
    Refused {
        /// A sentence for the report.
        reason: String,
    },
    /// The controller's own side failed, for instance a writer for stdout.
    #[error("{reason}")]
    Failed {
        /// A sentence for the report.
        reason: String,
    },
}
