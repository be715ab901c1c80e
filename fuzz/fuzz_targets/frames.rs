//! Any bytes as a stream of frames, in both directions. They may be refused;
//! they may not panic, and may not cost more memory than they are long, times
//! the size of the smallest thing that a byte can stand for.
#![no_main]

use bellglass_fuzz::weighed;
use bellglass_wire::{FrameBuffer, FromCell, PROTOCOL_VERSION, ToCell, caps};
use libfuzzer_sys::fuzz_target;

/// The largest thing that one byte can stand for is an empty list or text in a list.
const PER_BYTE: usize = 64;

/// What a reader has before the first byte.
const AT_FIRST: usize = 256 << 10;

fuzz_target!(|stream: &[u8]| weighed(AT_FIRST + PER_BYTE * stream.len(), || read(stream)));

fn read(stream: &[u8]) {
    let mut frames = FrameBuffer::new(caps::FRAME_BYTES);
    for piece in stream.chunks(7) {
        frames.extend(piece);
        while let Ok(Some(frame)) = frames.next_frame() {
            // A hello of another version is not read beyond that number.
            let other_version = |message: &FromCell| {
                matches!(message, FromCell::Hello { version, .. } if *version != PROTOCOL_VERSION)
            };
            if let Ok(message) = FromCell::decode(frame)
                && !other_version(&message)
            {
                let mut again = Vec::new();
                message.encode(&mut again).expect("what is read can be written");
                assert_eq!(&again[4..], frame, "each message has one form only");
            }
            if let Ok(message) = ToCell::decode(frame) {
                let mut again = Vec::new();
                message.encode(&mut again).expect("what is read can be written");
                assert_eq!(&again[4..], frame, "each message has one form only");
            }
        }
    }
    // The same bytes as one frame, which finds more than a random length does.
    let _ = FromCell::decode(stream);
    let _ = ToCell::decode(stream);
}
