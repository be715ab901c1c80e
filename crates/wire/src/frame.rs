//! Cutting a byte stream into frames.

use crate::WireError;

/// Collects the bytes of a stream and yields its frames. It never reserves what
/// a length field claims, only room for the bytes that have come.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    taken: usize,
    cap: usize,
}

impl FrameBuffer {
    /// A buffer that refuses frames longer than `cap` bytes.
    pub fn new(cap: usize) -> Self {
        Self { bytes: Vec::new(), taken: 0, cap }
    }

    /// Adds bytes that came from the peer.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.forget_taken();
        self.bytes.extend_from_slice(bytes);
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
        self.forget_taken();
        let start = self.bytes.len();
        self.bytes.resize(start + size, 0);
        let filled = fill(&mut self.bytes[start..]);
        let kept = filled.as_ref().map_or(0, |count| (*count).min(size));
        self.bytes.truncate(start + kept);
        filled
    }

    fn forget_taken(&mut self) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// The next whole frame without its length field, or `None` until more
    /// bytes have come.
    ///
    /// # Errors
    /// [`WireError::TooLong`] if the frame claims more than the cap, and
    /// [`WireError::Truncated`] if it is empty: a frame has at least its kind.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, WireError> {
        let waiting = &self.bytes[self.taken..];
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
        if rest.len() < untrusted_length {
            return Ok(None);
        }
        let start = self.taken + 4;
        self.taken = start + untrusted_length;
        Ok(Some(&self.bytes[start..self.taken]))
    }

    /// Bytes that have come and belong to no frame yet.
    pub fn pending(&self) -> usize {
        self.bytes.len() - self.taken
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
