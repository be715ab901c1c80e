//! Lists of addressed bytes, read where they stand.

use crate::WireError;
use crate::codec::Reader;

/// Pieces of guest memory in a frame, each with its address. The frame was
/// checked as a whole before, so that going through it cannot fail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pieces<'a> {
    count: u32,
    rest: &'a [u8],
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let (address, rest) = self.rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        self.rest = rest;
        Some((u32::from_le_bytes(*address), bytes))
    }
}

/// Takes a list of pieces off the reader, once every one is found to be whole and
/// within the caps. `fields` name the list, an address and the bytes.
pub(crate) fn check_pieces<'a>(
    reader: &mut Reader<'a>,
    fields: [&'static str; 3],
    count_cap: usize,
    bytes_cap: usize,
) -> Result<Pieces<'a>, WireError> {
    let [list, address, bytes] = fields;
    // Within the cap, hence within 32 bits.
    let count = reader.count(list, count_cap)? as u32;
    let start = reader.rest();
    let mut budget = bytes_cap;
    for _ in 0..count {
        reader.u32(address)?;
        budget -= reader.bytes(bytes, budget)?.len();
    }
    Ok(Pieces { count, rest: &start[..start.len() - reader.rest().len()] })
}
