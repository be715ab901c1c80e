//! Any view of any memory with any arguments. It yields what the memory holds, no
//! more than the budget, and never fails.
#![no_main]

use bellglass_fuzz::weighed;
use bellglass_wire::{View, caps};
use libfuzzer_sys::fuzz_target;

/// Nothing is kept of what is looked at.
const MEMORY: usize = 4 << 10;

/// A kind, two parameters, a number, arguments, memory, and a budget.
type Input = (u8, u8, u8, u32, Vec<u64>, Vec<u8>, u32);

fuzz_target!(|input: Input| weighed(MEMORY, || look(&input)));

fn look(input: &Input) {
    let (kind, pointer, other, number, ref arguments, ref memory, budget) = *input;
    let view = match kind % 4 {
        0 => View::Fixed { pointer, size: number },
        1 => View::Bytes { pointer, length: other, scale: number },
        2 => View::Iovec { pointer, count: other },
        _ => View::Cstr { pointer },
    };
    let budget = budget as usize % (2 * caps::VIEWED_BYTES);
    let (mut bytes_seen, mut pieces_seen) = (0, 0);
    view.pieces(arguments, memory, budget, &mut |address, bytes| {
        assert_eq!(memory.get(address as usize..address as usize + bytes.len()), Some(bytes));
        bytes_seen += bytes.len();
        pieces_seen += 1;
    });
    assert!(bytes_seen <= budget, "{bytes_seen} bytes of a budget of {budget}");
    assert!(pieces_seen <= caps::VIEWED_PIECES, "{pieces_seen} pieces");
}
