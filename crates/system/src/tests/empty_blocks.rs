//! Packed bytes that unpack to nothing, however many there are of them.

/// Blocks of a deflate stream without end, each with codes of its own and no more in
/// it than its end.
pub(crate) fn deflate(bytes: usize) -> Vec<u8> {
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
    // Not the last; with codes of its own; for 257 symbols, one distance, 18 lengths.
    let mut fields = vec![(0, 1), (2, 2), (0, 5), (0, 5), (14, 4)];
    // Two lengths have a code: one, and a run of zeros.
    fields.extend(order.map(|symbol| (u32::from(matches!(symbol, 1 | 18)), 3)));
    // 256 symbols without a code, then the end and a distance with one; and the end.
    fields.extend([(1, 1), (127, 7), (1, 1), (107, 7), (0, 1), (0, 1), (0, 1)]);
    let bits: Vec<u32> =
        fields.iter().flat_map(|(value, bits)| (0..*bits).map(move |bit| value >> bit & 1)).collect();
    // Four of them end at the end of a byte.
    let byte = |bits: &[u32]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | *bit as u8);
    let blocks: Vec<u8> = bits.repeat(4).chunks(8).map(byte).collect();
    blocks.repeat(bytes / blocks.len())
}

/// The same with one byte at its end, an x.
pub(crate) fn deflate_of_x(bytes: usize) -> Vec<u8> {
    [deflate(bytes), vec![1, 1, 0, 0xfe, 0xff, b'x']].concat()
}

/// A zip of entries that all have the same content: what is packed, its size when it is
/// unpacked, the name and the mode of each.
pub(crate) fn zip(packed: &[u8], size: u32, entries: &[(String, u32)]) -> Vec<u8> {
    let checksum = 0x8cdc_1683_u32; // Of an x.
    let packed_size = packed.len() as u32;
    let mut zip = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\x21\0".to_vec();
    zip.extend([checksum, packed_size, size].map(u32::to_le_bytes).concat());
    zip.extend([1, 0, 0, 0, b'x']);
    zip.extend(packed);
    let start = zip.len() as u32;
    for (name, mode) in entries {
        zip.extend(b"PK\x01\x02\x14\x03\x14\0\0\0\x08\0\0\0\x21\0");
        zip.extend([checksum, packed_size, size, name.len() as u32].map(u32::to_le_bytes).concat());
        zip.extend([0; 6]);
        zip.extend([mode << 16, 0].map(u32::to_le_bytes).concat());
        zip.extend(name.bytes());
    }
    let length = zip.len() as u32 - start;
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([entries.len() as u16; 2].map(u16::to_le_bytes).concat());
    zip.extend([length, start].map(u32::to_le_bytes).concat());
    zip.extend([0, 0]);
    zip
}
