//! Views: what of the guest's memory a call brings with it.

use crate::codec::{Reader, Writer};
use crate::{WireError, caps, range};

/// A declarative description of guest memory that a handler will need. The cell
/// evaluates it on the arguments of a call and sends those bytes along, which
/// saves a round trip. It is data: a cell that evaluates it still knows no call.
///
/// A view that does not fit its call (no such argument, an address beyond the
/// memory, more bytes than the cap) yields fewer bytes or none, never an error:
/// the handler then asks, and finds the fault itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// `size` bytes at the address in argument `pointer`.
    Fixed {
        /// Index of the argument that holds the address.
        pointer: u8,
        /// How many bytes.
        size: u32,
    },
    /// As many bytes as argument `length` says times `scale`, at the address in
    /// argument `pointer`.
    Bytes {
        /// Index of the argument that holds the address.
        pointer: u8,
        /// Index of the argument that holds the count.
        length: u8,
        /// Bytes for each counted thing; 1 for a plain buffer.
        scale: u32,
    },
    /// An array of `(address: u32, length: u32)` pairs and the buffers that they
    /// describe: what a gathering write sends.
    Iovec {
        /// Index of the argument that holds the array's address.
        pointer: u8,
        /// Index of the argument that holds the number of pairs.
        count: u8,
    },
    /// The bytes up to and with the zero byte at the address in argument
    /// `pointer`.
    Cstr {
        /// Index of the argument that holds the address.
        pointer: u8,
    },
}

impl View {
    pub(crate) fn encode(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Fixed { pointer, size } => {
                writer.u8(1);
                writer.u8(pointer);
                writer.u32(size);
            }
            Self::Bytes { pointer, length, scale } => {
                writer.u8(2);
                writer.u8(pointer);
                writer.u8(length);
                writer.u32(scale);
            }
            Self::Iovec { pointer, count } => {
                writer.u8(3);
                writer.u8(pointer);
                writer.u8(count);
            }
            Self::Cstr { pointer } => {
                writer.u8(4);
                writer.u8(pointer);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        const POINTER: &str = "view's pointer argument";
        Ok(match reader.u8("view's kind")? {
            1 => Self::Fixed { pointer: reader.u8(POINTER)?, size: reader.u32("view's size")? },
            2 => Self::Bytes {
                pointer: reader.u8(POINTER)?,
                length: reader.u8("view's length argument")?,
                scale: reader.u32("view's scale")?,
            },
            3 => Self::Iovec { pointer: reader.u8(POINTER)?, count: reader.u8("view's count argument")? },
            4 => Self::Cstr { pointer: reader.u8(POINTER)? },
            value => {
                return Err(WireError::Undefined { field: "view's kind", value: u64::from(value) });
            }
        })
    }

    /// The pieces of memory, as address and length, that this view yields for
    /// a call with these arguments. `read` gives the memory at an address, or
    /// `None` beyond its end. At most `budget` bytes in all.
    ///
    /// The cell uses this; so do controllers that share the guest's memory.
    pub fn pieces(
        &self,
        arguments: &[u64],
        memory: &[u8],
        budget: usize,
        piece: &mut impl FnMut(u32, &[u8]),
    ) {
        let argument = |index: u8| arguments.get(usize::from(index)).map(|value| *value as u32);
        let at = |address: u32, length: usize| memory.get(range(memory.len(), address, length)?);
        match *self {
            Self::Fixed { pointer, size } => {
                let Some(address) = argument(pointer) else { return };
                let length = (size as usize).min(budget);
                if let Some(bytes) = at(address, length) {
                    piece(address, bytes);
                }
            }
            Self::Bytes { pointer, length, scale } => {
                let (Some(address), Some(count)) = (argument(pointer), argument(length)) else {
                    return;
                };
                let wanted = u64::from(count) * u64::from(scale);
                let length = usize::try_from(wanted).unwrap_or(usize::MAX).min(budget);
                if let Some(bytes) = at(address, length) {
                    piece(address, bytes);
                }
            }
            Self::Iovec { pointer, count } => {
                let (Some(address), Some(count)) = (argument(pointer), argument(count)) else {
                    return;
                };
                // BOUND: the guest chooses the count; IOVEC_BUFFERS holds it.
                let pairs_length = (count as usize).min(caps::IOVEC_BUFFERS) * 8;
                let Some(pairs) = at(address, pairs_length) else { return };
                let Some(mut budget) = budget.checked_sub(pairs_length) else { return };
                piece(address, pairs);
                for pair in pairs.as_chunks::<8>().0 {
                    let [a, b, c, d, e, f, g, h] = *pair;
                    let buffer = u32::from_le_bytes([a, b, c, d]);
                    let length = (u32::from_le_bytes([e, f, g, h]) as usize).min(budget);
                    if length == 0 {
                        continue;
                    }
                    let Some(bytes) = at(buffer, length) else { return };
                    piece(buffer, bytes);
                    budget -= length;
                }
            }
            Self::Cstr { pointer } => {
                let Some(address) = argument(pointer) else { return };
                let Some(rest) = memory.get(address as usize..) else { return };
                let window = &rest[..rest.len().min(caps::CSTR_BYTES).min(budget)];
                let length = window.iter().position(|byte| *byte == 0).map_or(window.len(), |zero| zero + 1);
                piece(address, &window[..length]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(view: View, arguments: &[u64], memory: &[u8], budget: usize) -> Vec<(u32, Vec<u8>)> {
        let mut found = Vec::new();
        view.pieces(arguments, memory, budget, &mut |address, bytes| found.push((address, bytes.to_vec())));
        found
    }

    #[test]
    fn an_iovec_yields_its_pairs_and_their_buffers() {
        let mut memory = vec![0; 64];
        memory[0..8].copy_from_slice(&[32, 0, 0, 0, 3, 0, 0, 0]);
        memory[8..16].copy_from_slice(&[40, 0, 0, 0, 2, 0, 0, 0]);
        memory[32..35].copy_from_slice(b"abc");
        memory[40..42].copy_from_slice(b"de");
        let view = View::Iovec { pointer: 1, count: 2 };
        let found = pieces(view, &[1, 0, 2], &memory, 1000);
        assert_eq!(found[1..], [(32, b"abc".to_vec()), (40, b"de".to_vec())]);
        assert_eq!(pieces(view, &[1, 0, 2], &memory, 18)[1..], [(32, b"ab".to_vec())]);
    }

    #[test]
    fn wild_arguments_yield_nothing() {
        let memory = [1; 16];
        for view in [
            View::Fixed { pointer: 0, size: u32::MAX },
            View::Bytes { pointer: 0, length: 1, scale: u32::MAX },
            View::Iovec { pointer: 0, count: 1 },
            View::Fixed { pointer: 9, size: 1 },
        ] {
            assert_eq!(pieces(view, &[8, u64::MAX], &memory, usize::MAX), []);
        }
        assert_eq!(pieces(View::Cstr { pointer: 0 }, &[17], &memory, 100), []);
    }
}
