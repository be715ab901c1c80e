//! Where an access is in a guest's memory.

use std::ops::Range;

/// The places of `length` bytes from `address` on, if all of them are inside a memory
/// of `size` bytes. It is the one such check: all that reads or writes the bytes of a
/// guest's memory for somebody else goes through it.
///
/// ```
/// use bellglass_wire::range;
///
/// assert_eq!(range(64, 60, 4), Some(60..64));
/// assert_eq!(range(64, 61, 4), None);
/// assert_eq!(range(64, 1, usize::MAX), None);
/// ```
#[inline]
pub fn range(size: usize, address: u32, length: usize) -> Option<Range<usize>> {
    let start = address as usize;
    let end = start.checked_add(length).filter(|end| *end <= size)?;
    Some(start..end)
}
