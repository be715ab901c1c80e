//! Reading and writing fields: little-endian numbers, length-prefixed bytes.

use crate::WireError;

/// Reads fields from the front of a frame. No method reserves memory for a
/// length that it has not first found to be within its cap and in the frame.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(frame: &'a [u8]) -> Self {
        Self { rest: frame }
    }

    fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(WireError::Truncated { field })?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, WireError> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(WireError::Undefined { field, value: u64::from(value) }),
        }
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A count of things, checked against its cap.
    pub(crate) fn count(&mut self, field: &'static str, cap: usize) -> Result<usize, WireError> {
        let untrusted_count = self.u32(field)?;
        match usize::try_from(untrusted_count) {
            Ok(count) if count <= cap => Ok(count),
            _ => Err(WireError::TooLong { field, length: u64::from(untrusted_count), cap: cap as u64 }),
        }
    }

    pub(crate) fn bytes(&mut self, field: &'static str, cap: usize) -> Result<&'a [u8], WireError> {
        let count = self.count(field, cap)?;
        self.take(field, count)
    }

    pub(crate) fn text(&mut self, field: &'static str, cap: usize) -> Result<String, WireError> {
        let bytes = self.bytes(field, cap)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(WireError::NotUtf8 { field }),
        }
    }

    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        cap: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, WireError>,
    ) -> Result<Vec<T>, WireError> {
        let count = self.count(field, cap)?;
        // BOUND: every item takes at least one byte, so the frame's own length
        // bounds the reservation however large the claimed count.
        let mut items = Vec::with_capacity(count.min(self.rest.len()));
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(crate) fn optional<T>(
        &mut self,
        field: &'static str,
        item: impl FnOnce(&mut Self) -> Result<T, WireError>,
    ) -> Result<Option<T>, WireError> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => item(self).map(Some),
            value => Err(WireError::Undefined { field, value: u64::from(value) }),
        }
    }

    /// A list of 64-bit values, as their bytes.
    pub(crate) fn values(
        &mut self,
        list: &'static str,
        value: &'static str,
    ) -> Result<&'a [[u8; 8]], WireError> {
        let count = self.count(list, crate::caps::VALUES)?;
        let bytes = self.take(value, count * 8)?;
        Ok(bytes.as_chunks().0)
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(WireError::Trailing { extra }),
        }
    }
}

/// Appends one frame to a stream. The same caps hold as for the reader, so no
/// side can send what the other must refuse.
pub(crate) struct Writer<'a> {
    stream: &'a mut Vec<u8>,
    start: usize,
    error: Option<WireError>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(stream: &'a mut Vec<u8>, kind: u8) -> Self {
        let start = stream.len();
        stream.extend_from_slice(&[0; 4]);
        stream.push(kind);
        Self { stream, start, error: None }
    }

    /// Goes on with a frame that begins at `start` and was left open.
    pub(crate) fn resume(stream: &'a mut Vec<u8>, start: usize) -> Self {
        Self { stream, start, error: None }
    }

    /// Where the next field will stand.
    pub(crate) fn position(&self) -> usize {
        self.stream.len()
    }

    /// Fills in a number that was not known when its place was written.
    pub(crate) fn set_u32(&mut self, position: usize, value: u32) {
        if let Some(place) = self.stream.get_mut(position..position + 4) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Holds a count or length that stands in the frame already to its cap.
    pub(crate) fn check(&mut self, field: &'static str, count: usize, cap: usize) {
        if count > cap {
            self.error.get_or_insert(WireError::TooLong { field, length: count as u64, cap: cap as u64 });
        }
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.stream.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.stream.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.stream.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.stream.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, field: &'static str, count: usize, cap: usize) {
        self.check(field, count, cap);
        // An overlong count is never sent: `finish` takes the frame back.
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    pub(crate) fn bytes(&mut self, field: &'static str, bytes: &[u8], cap: usize) {
        self.count(field, bytes.len(), cap);
        if self.error.is_none() {
            self.stream.extend_from_slice(bytes);
        }
    }

    pub(crate) fn text(&mut self, field: &'static str, text: &str, cap: usize) {
        self.bytes(field, text.as_bytes(), cap);
    }

    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        items: &[T],
        cap: usize,
        mut item: impl FnMut(&mut Self, &T),
    ) {
        self.count(field, items.len(), cap);
        for one in items {
            item(self, one);
        }
    }

    pub(crate) fn optional<T>(&mut self, value: Option<&T>, item: impl FnOnce(&mut Self, &T)) {
        match value {
            None => self.u8(0),
            Some(value) => {
                self.u8(1);
                item(self, value);
            }
        }
    }

    /// Fills in the length, or takes the frame back if a cap was passed.
    pub(crate) fn finish(self) -> Result<(), WireError> {
        let length = self.stream.len() - self.start - 4;
        let too_long = (length > crate::caps::FRAME_BYTES).then_some(WireError::TooLong {
            field: "frame",
            length: length as u64,
            cap: crate::caps::FRAME_BYTES as u64,
        });
        if let Some(error) = self.error.or(too_long) {
            self.stream.truncate(self.start);
            return Err(error);
        }
        let prefix = (length as u32).to_le_bytes();
        self.stream[self.start..self.start + 4].copy_from_slice(&prefix);
        Ok(())
    }
}
