//! Every frame survives the way there and back; no other bytes do harm.

use bellglass_wire::{
    CallFrame, FrameBuffer, FromCell, GuestLimits, Heard, Hooks, OpenReturn, Pages, Sent, Signature, ToCell,
    TrapKind, Usage, ValueType, View, Viewed, Wall, Write, caps,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[ -~é]{0,40}"
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

fn values() -> impl Strategy<Value = Vec<u64>> {
    vec(any::<u64>(), 0..8)
}

fn value_type() -> impl Strategy<Value = ValueType> {
    use ValueType::{F32, F64, I32, I64};
    prop::sample::select(vec![I32, I64, F32, F64])
}

fn signature() -> impl Strategy<Value = Signature> {
    (text(), text(), vec(value_type(), 0..6), vec(value_type(), 0..2))
        .prop_map(|(module, name, parameters, results)| Signature { module, name, parameters, results })
}

fn usage() -> impl Strategy<Value = Usage> {
    (any::<u64>(), any::<bool>(), any::<bool>()).prop_map(
        |(peak_memory_bytes, memory_refused, table_refused)| Usage {
            peak_memory_bytes,
            memory_refused,
            table_refused,
        },
    )
}

fn wall() -> impl Strategy<Value = Wall> {
    (text(), any::<bool>(), text()).prop_map(|(name, active, detail)| Wall { name, active, detail })
}

fn trap_kind() -> impl Strategy<Value = TrapKind> {
    use TrapKind::{Arithmetic, BadFunctionPointer, MemoryOutOfBounds, Other, StackOverflow, Unreachable};
    prop::sample::select(vec![
        Unreachable,
        MemoryOutOfBounds,
        StackOverflow,
        BadFunctionPointer,
        Arithmetic,
        Other,
    ])
}

fn from_cell() -> impl Strategy<Value = FromCell> {
    let viewed = (any::<u32>(), bytes()).prop_map(|(address, bytes)| Viewed { address, bytes });
    prop_oneof![
        (any::<bool>(), vec(signature(), 0..5), vec(wall(), 0..3)).prop_map(
            |(shared_memory, signatures, walls)| FromCell::Hello {
                version: bellglass_wire::PROTOCOL_VERSION,
                shared_memory,
                signatures,
                walls
            }
        ),
        (
            (any::<u32>(), any::<u32>()),
            any::<u64>(),
            any::<u64>(),
            any::<bool>(),
            values(),
            vec(viewed, 0..4)
        )
            .prop_map(
                |((call, signature), memory_bytes, arrived, interrupted, arguments, viewed)| FromCell::Call {
                    call,
                    signature,
                    memory_bytes,
                    arrived,
                    interrupted,
                    arguments,
                    viewed
                }
            ),
        (any::<u32>(), bytes()).prop_map(|(call, bytes)| FromCell::Data { call, bytes }),
        (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(call, address, memory_bytes)| {
            FromCell::Allocated { call, address, memory_bytes }
        }),
        (values(), usage()).prop_map(|(results, usage)| FromCell::Returned { results, usage }),
        (trap_kind(), text(), vec(text(), 0..4), usage()).prop_map(|(kind, message, backtrace, usage)| {
            FromCell::Trapped { kind, message, backtrace, usage }
        }),
        usage().prop_map(|usage| FromCell::Ended { usage }),
        text().prop_map(|message| FromCell::Failed { message }),
        any::<u32>().prop_map(|process| FromCell::Forked { process }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(memory_bytes, table_elements)| FromCell::NoRoom { memory_bytes, table_elements }),
    ]
}

fn view() -> impl Strategy<Value = View> {
    let index = any::<u8>;
    prop_oneof![
        (index(), any::<u32>()).prop_map(|(pointer, size)| View::Fixed { pointer, size }),
        (index(), index(), any::<u32>()).prop_map(|(pointer, length, scale)| View::Bytes {
            pointer,
            length,
            scale
        }),
        (index(), index()).prop_map(|(pointer, count)| View::Iovec { pointer, count }),
        index().prop_map(|pointer| View::Cstr { pointer }),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    (any::<u32>(), bytes()).prop_map(|(address, bytes)| Write { address, bytes })
}

fn hooks() -> impl Strategy<Value = Hooks> {
    (of(text()), of(text()), of(text()), of(text())).prop_map(
        |(allocate, free, errno_address, interrupt_table)| Hooks {
            allocate,
            free,
            errno_address,
            interrupt_table,
        },
    )
}

fn to_cell() -> impl Strategy<Value = ToCell> {
    let length = 0..=caps::TRANSFER_BYTES as u32;
    prop_oneof![
        (any::<u64>(), any::<u64>(), hooks(), vec((any::<u32>(), vec(view(), 0..4)), 0..5)).prop_map(
            |(memory_bytes, table_elements, hooks, views)| ToCell::Welcome {
                version: bellglass_wire::PROTOCOL_VERSION,
                limits: GuestLimits { memory_bytes, table_elements },
                hooks,
                views
            }
        ),
        vec(text(), 0..4).prop_map(|exports| ToCell::Run { exports }),
        (any::<u32>(), any::<u32>(), length).prop_map(|(call, address, length)| ToCell::Read {
            call,
            address,
            length
        }),
        (any::<u32>(), write()).prop_map(|(call, write)| ToCell::Write { call, write }),
        (any::<u32>(), any::<u32>()).prop_map(|(call, size)| ToCell::Allocate { call, size }),
        (any::<u32>(), any::<u32>()).prop_map(|(call, address)| ToCell::Free { call, address }),
        (any::<u32>(), vec(write(), 0..4), of(any::<i32>()), any::<u64>(), any::<u64>(), values()).prop_map(
            |(call, writes, errno, travelling, interrupts, results)| ToCell::Return {
                call,
                writes,
                errno,
                travelling,
                interrupts,
                results
            }
        ),
        Just(ToCell::End),
        any::<u32>().prop_map(|ring_bytes| ToCell::Offer { ring_bytes }),
        vec((any::<u32>(), any::<u32>()), 0..5).prop_map(|written| ToCell::Zygote {
            written: written.into_iter().map(|(first, count)| Pages { first, count }).collect()
        }),
        Just(ToCell::Fork),
    ]
}

/// The frame inside a stream that holds one frame.
fn body(stream: &[u8]) -> &[u8] {
    &stream[4..]
}

proptest! {
    #[test]
    fn a_cells_frames_come_back_as_they_went(message in from_cell()) {
        let mut stream = Vec::new();
        message.encode(&mut stream).expect("within the caps");
        prop_assert_eq!(FromCell::decode(body(&stream)), Ok(message));
    }

    #[test]
    fn a_controllers_frames_come_back_as_they_went(message in to_cell()) {
        let mut stream = Vec::new();
        message.encode(&mut stream).expect("within the caps");
        prop_assert_eq!(ToCell::decode(body(&stream)), Ok(message));
    }

    #[test]
    fn a_frame_cut_short_is_refused(message in from_cell(), cut in any::<prop::sample::Index>()) {
        let mut stream = Vec::new();
        message.encode(&mut stream).expect("within the caps");
        let whole = body(&stream);
        prop_assert!(FromCell::decode(&whole[..cut.index(whole.len())]).is_err());
    }

    #[test]
    fn a_frame_with_flipped_bits_is_read_or_refused(message in from_cell(), other in to_cell()) {
        for encode in [&(|stream: &mut Vec<u8>| message.encode(stream)) as &dyn Fn(&mut Vec<u8>) -> _, &|stream| other.encode(stream)] {
            let mut stream = Vec::new();
            encode(&mut stream).expect("within the caps");
            let whole = body(&stream).to_vec();
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                // Whatever comes of it, it is a value and no panic; and what is
                // accepted can be sent again.
                if let Ok(accepted) = FromCell::decode(&flipped) {
                    let mut again = Vec::new();
                    prop_assert!(accepted.encode(&mut again).is_ok());
                }
                if let Ok(accepted) = ToCell::decode(&flipped) {
                    let mut again = Vec::new();
                    prop_assert!(accepted.encode(&mut again).is_ok());
                }
            }
        }
    }

    #[test]
    fn random_bytes_do_no_harm(noise in vec(any::<u8>(), 0..400)) {
        let _ = FromCell::decode(&noise);
        let _ = ToCell::decode(&noise);
        let mut frames = FrameBuffer::new(256);
        frames.extend(&noise);
        while let Ok(Some(_)) = frames.next_frame() {}
    }

    #[test]
    fn a_stream_cut_anywhere_yields_the_same_frames(
        messages in vec(from_cell(), 1..5),
        sizes in vec(1..50_usize, 1..20),
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            message.encode(&mut stream).expect("within the caps");
        }
        let mut frames = FrameBuffer::new(caps::FRAME_BYTES);
        let mut found = Vec::new();
        let mut rest = &stream[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            frames.extend(piece);
            rest = after;
            while let Some(frame) = frames.next_frame().expect("right frames") {
                found.push(FromCell::decode(frame).expect("a right frame"));
            }
        }
        prop_assert_eq!(found, messages);
    }
}

proptest! {
    #[test]
    fn a_call_written_in_place_is_the_same_frame(
        call in any::<u32>(),
        signature in any::<u32>(),
        arguments in values(),
        memory in bytes(),
        views in vec(view(), 0..4),
    ) {
        let mut viewed = Vec::new();
        let mut budget = caps::VIEWED_BYTES;
        for view in &views {
            view.pieces(&arguments, &memory, budget, &mut |address, bytes| {
                viewed.push(Viewed { address, bytes: bytes.to_vec() });
            });
            budget = caps::VIEWED_BYTES - viewed.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        }
        let memory_bytes = memory.len() as u64;
        let heard = Heard { arrived: 5, interrupted: true };
        let message = FromCell::Call {
            call,
            signature,
            memory_bytes,
            arrived: 5,
            interrupted: true,
            arguments: arguments.clone(),
            viewed,
        };
        let (mut stream, mut in_place) = (Vec::new(), Vec::new());
        message.encode(&mut stream).expect("within the caps");
        CallFrame::encode(&mut in_place, call, signature, heard, &arguments, &memory, &views)
            .expect("within the caps");
        prop_assert_eq!(stream, in_place);
    }

    #[test]
    fn an_answer_written_in_place_becomes_writes_of_the_same_bytes(
        call in any::<u32>(),
        writes in vec(write(), 0..5),
    ) {
        let mut stream = b"before".to_vec();
        let mut open = OpenReturn::begin(&mut stream, call);
        for write in &writes {
            open.write(&mut stream, write.address, &write.bytes);
        }
        open.into_writes(&mut stream).expect("within the caps");
        let mut frames = FrameBuffer::new(caps::FRAME_BYTES);
        frames.extend(stream.strip_prefix(b"before").expect("what stood before"));
        for write in writes {
            let frame = frames.next_frame().expect("a right frame").expect("a frame");
            prop_assert_eq!(ToCell::decode(frame), Ok(ToCell::Write { call, write }));
        }
        prop_assert_eq!(frames.pending(), 0);
    }
}

#[test]
fn an_answer_above_a_cap_is_taken_back() {
    let mut stream = b"before".to_vec();
    let mut open = OpenReturn::begin(&mut stream, 3);
    for _ in 0..caps::WRITES {
        assert!(open.has_room(1));
        open.write(&mut stream, 0, &[1]);
    }
    assert!(!open.has_room(1));
    open.write(&mut stream, 0, &[1]);
    assert!(open.finish(&mut stream, None, Sent::default(), &[]).is_err());
    assert_eq!(stream, b"before");
    let mut open = OpenReturn::begin(&mut stream, 3);
    assert!(!open.has_room(caps::TRANSFER_BYTES + 1));
    open.write(&mut stream, 0, &vec![0; caps::TRANSFER_BYTES + 1]);
    assert!(open.finish(&mut stream, None, Sent::default(), &[]).is_err());
    assert_eq!(stream, b"before");
}

#[test]
fn a_count_far_above_its_cap_is_refused_without_memory_for_it() {
    // A call whose list of arguments claims four thousand million values.
    let mut frame = vec![2];
    frame.extend([0; 25]);
    frame.extend(u32::MAX.to_le_bytes());
    let error = FromCell::decode(&frame).expect_err("above the cap");
    assert!(error.to_string().contains("above the cap"), "{error}");
}

#[test]
fn what_is_above_its_cap_is_not_sent_either() {
    let mut stream = vec![9];
    let message = FromCell::Data { call: 0, bytes: vec![0; caps::TRANSFER_BYTES + 1] };
    assert!(message.encode(&mut stream).is_err());
    assert_eq!(stream, [9], "nothing of the refused frame remains");
}

/// The caps that `docs/protocol.md` tells are those of the code, and all of them.
#[test]
fn the_page_about_the_protocol_has_the_caps_of_the_code() {
    let page = include_str!("../../../docs/protocol.md");
    let (_, table) = page.split_once("\n## Caps\n").expect("the page has the table");
    let told: Vec<usize> = table
        .split("\n## ")
        .next()
        .unwrap_or_default()
        .lines()
        .filter_map(|row| row.trim_end_matches(" |").rsplit("| ").next()?.replace(',', "").parse().ok())
        .collect();
    assert_eq!(caps::VIEWED_BYTES, caps::TRANSFER_BYTES, "they share a row");
    let expected = [
        caps::FRAME_BYTES,
        caps::TRANSFER_BYTES,
        caps::SIGNATURES,
        caps::NAME_BYTES,
        caps::VALUES,
        caps::VIEWS,
        caps::VIEWED_PIECES,
        caps::IOVEC_BUFFERS,
        caps::CSTR_BYTES,
        caps::WRITES,
        caps::TEXT_BYTES,
        caps::BACKTRACE_LINES,
        caps::WALLS,
        caps::RUN_EXPORTS,
        caps::OPEN_CALLS,
        caps::WRITTEN_PAGES,
    ];
    assert_eq!(told, expected);
}

/// The bytes that `docs/protocol.md` shows. They change only with the version.
#[test]
fn the_bytes_are_those_of_the_document() {
    let mut stream = Vec::new();
    let message = FromCell::Hello {
        version: bellglass_wire::PROTOCOL_VERSION,
        shared_memory: false,
        signatures: vec!["env.getpid()i".parse().expect("a signature")],
        walls: vec![],
    };
    message.encode(&mut stream).expect("within the caps");
    let mut expected = vec![42, 0, 0, 0, 1];
    expected.extend(b"BGLS\x04\x00\x00\x01\x00\x00\x00");
    expected.extend(b"\x03\x00\x00\x00env\x06\x00\x00\x00getpid\x00\x00\x00\x00\x01\x00\x00\x00i");
    expected.extend([0, 0, 0, 0]);
    assert_eq!(stream, expected);

    let mut stream = Vec::new();
    ToCell::Offer { ring_bytes: 65536 }.encode(&mut stream).expect("within the caps");
    assert_eq!(stream, [5, 0, 0, 0, 9, 0, 0, 1, 0]);

    let mut stream = Vec::new();
    let message = ToCell::Return {
        call: 0,
        writes: vec![],
        errno: None,
        travelling: 0,
        interrupts: 0,
        results: vec![7],
    };
    message.encode(&mut stream).expect("within the caps");
    assert_eq!(
        stream,
        [
            38, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
            0, 0, 7, 0, 0, 0, 0, 0, 0, 0
        ]
    );
}

/// What the fuzzer starts from is of this version, or it starts from nothing.
#[test]
fn the_seeds_of_the_fuzzer_are_right_frames() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut count = 0;
    for (folder, skip) in [("frames", 0), ("conversation", 1)] {
        for seed in std::fs::read_dir(corpus.join(folder)).expect("a folder") {
            let path = seed.expect("a seed").path();
            let bytes = std::fs::read(&path).expect("a seed");
            let mut frames = FrameBuffer::new(caps::FRAME_BYTES);
            frames.extend(&bytes[skip..]);
            let is_controllers =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("controller"));
            while let Some(frame) = frames.next_frame().expect("a right frame") {
                let error =
                    if is_controllers { ToCell::decode(frame).err() } else { FromCell::decode(frame).err() };
                assert_eq!(error, None, "{}: {frame:?}", path.display());
                count += 1;
            }
            assert_eq!(frames.pending(), 0, "{}", path.display());
        }
    }
    assert!(count > 100, "{count}");
}
