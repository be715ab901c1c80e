//! Cutting a byte stream into frames.

use crate::WireError;

/// Collects the bytes of a stream and yields its frames. It never reserves what
/// a length field claims, only room for the bytes that have come.
#[derive(Debug)]
pub struct FrameBuffer {
    /// Room for bytes; what has come and was not taken is `taken..filled`. The
    /// room is kept, for filling it with zeros anew would cost more than most
    /// frames do.
    room: Vec<u8>,
    taken: usize,
    filled: usize,
    cap: usize,
}

impl FrameBuffer {
    /// A buffer that refuses frames longer than `cap` bytes.
    pub fn new(cap: usize) -> Self {
        Self { room: Vec::new(), taken: 0, filled: 0, cap }
    }

    /// Adds bytes that came from the peer.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.free_room(bytes.len()).copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Room for at most `size` more bytes, handed to `fill`, which says how many
    /// it wrote: for readers that would rather not copy.
    ///
    /// # Errors
    /// What `fill` returns.
    pub fn fill_with<E>(
        &mut self,
        size: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let filled = fill(self.free_room(size));
        self.filled += filled.as_ref().map_or(0, |count| (*count).min(size));
        filled
    }

    /// `size` bytes of room behind what has come.
    fn free_room(&mut self, size: usize) -> &mut [u8] {
        // Only when something was taken: a long frame that comes in small pieces
        // is not moved at each of them.
        if self.taken > 0 {
            self.room.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
        }
        let end = self.filled + size;
        if self.room.len() < end {
            self.room.resize(end, 0);
        }
        &mut self.room[self.filled..end]
    }

    /// Whether the next frame has come whole.
    ///
    /// # Errors
    /// As [`next_frame`](Self::next_frame).
    pub fn has_frame(&self) -> Result<bool, WireError> {
        Ok(self.frame_length()?.is_some())
    }

    /// The next whole frame without its length field, or `None` until more
    /// bytes have come.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if the frame claims more than the cap, and
    /// [`WireError::Truncated`] if it is empty: a frame has at least its kind.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, WireError> {
        let Some(length) = self.frame_length()? else { return Ok(None) };
        let start = self.taken + 4;
        self.taken = start + length;
        Ok(Some(&self.room[start..self.taken]))
    }

    /// The length of the next frame, once it has come whole.
    fn frame_length(&self) -> Result<Option<usize>, WireError> {
        let waiting = &self.room[self.taken..self.filled];
        let Some((prefix, rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let untrusted_length = u32::from_le_bytes(*prefix) as usize;
        if untrusted_length > self.cap {
            return Err(WireError::TooLong {
                field: "frame",
                length: untrusted_length as u64,
                cap: self.cap as u64,
            });
        }
        if untrusted_length == 0 {
            return Err(WireError::Truncated { field: "kind" });
        }
        Ok((rest.len() >= untrusted_length).then_some(untrusted_length))
    }

    /// Bytes that have come and belong to no frame yet.
    pub fn pending(&self) -> usize {
        self.filled - self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_comes_byte_by_byte_is_yielded_once_and_whole() {
        let mut frames = FrameBuffer::new(16);
        for byte in [3, 0, 0, 0, 7, 8] {
            frames.extend(&[byte]);
            assert_eq!(frames.next_frame(), Ok(None));
        }
        frames.extend(&[9, 1, 0]);
        assert_eq!(frames.next_frame(), Ok(Some(&[7, 8, 9][..])));
        assert_eq!(frames.next_frame(), Ok(None));
        assert_eq!(frames.pending(), 2);
    }

    #[test]
    fn an_overlong_frame_is_refused_by_its_length_alone() {
        let mut frames = FrameBuffer::new(16);
        frames.extend(&[17, 0, 0, 0]);
        assert!(matches!(frames.next_frame(), Err(WireError::TooLong { length: 17, cap: 16, .. })));
    }

    #[test]
    fn an_empty_frame_is_refused() {
        let mut frames = FrameBuffer::new(16);
        frames.extend(&[0, 0, 0, 0]);
        assert!(frames.next_frame().is_err());
    }
}
