//! Any call with any arguments, one after the other: nothing panics, nothing is
//! reserved for a wild length, nothing leaves what was mounted.

use super::fake::FakeGuest;
use crate::{Access, Answer, Ending, Input, Mount, SeededRandom, System, Waiter, rows};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Where the texts and structures of [`memory`] lie.
const TEXTS: u64 = 4096;

/// Numbers that are often something: descriptors, flags, lengths, addresses of
/// texts, the ends of ranges.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0u64..12,
        4 => (0u64..16).prop_map(|index| TEXTS + index * 32),
        3 => 0u64..200,
        2 => Just(1 << 13 | 1 << 1 | 1 << 6),
        1 => Just(u64::MAX),
        1 => Just(u64::from(u32::MAX)),
        1 => Just((4 << 20) - 1),
        1 => Just(1 << 31),
        1 => Just(i64::MAX as u64),
        1 => any::<u64>(),
    ]
}

/// Guest memory with paths, pairs and small numbers at [`TEXTS`].
fn fill(guest: &mut FakeGuest) {
    let texts: [&[u8]; 16] = [
        b"/tmp/a\0",
        b"/tmp/b/../a\0",
        b"/work/file\0",
        b"/work/link/secret\0",
        b"../../../../../../etc/passwd\0",
        b"/dev/zero\0",
        b"tmp\0",
        b"/\0",
        b"..\0",
        &[0, 16, 0, 0, 32, 0, 0, 0, 0, 32, 0, 0, 8, 0, 0, 0],
        &[0, 16, 0, 0, 255, 255, 255, 255],
        &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4],
        &[0; 32],
        &[255; 32],
        b"/work/new\0",
        b"/home/user/x\0",
    ];
    for (text, index) in texts.into_iter().zip(0..) {
        let at = TEXTS as usize + index * 32;
        guest.memory.bytes[at..at + text.len()].copy_from_slice(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_call_does_harm(
        calls in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(argument(), 9)), 1..80),
        access in prop_oneof![Just(Access::ReadOnly), Just(Access::ReadWrite)],
    ) {
        let host = tempfile::tempdir().expect("a directory");
        let (inside, outside) = (host.path().join("inside"), host.path().join("outside"));
        std::fs::create_dir(&inside).expect("made");
        std::fs::create_dir(&outside).expect("made");
        std::fs::write(inside.join("file"), "text").expect("written");
        std::fs::write(outside.join("secret"), "secret").expect("written");
        std::os::unix::fs::symlink(&outside, inside.join("link")).expect("linked");
        let system = System::builder()
            .stdin(Input::Bytes(vec![1; 100]))
            .mount(Mount::directory(&inside, "/work", access))
            .random(Box::new(SeededRandom::new(1)))
            .file_bytes(1 << 20)
            .build()
            .expect("a system");
        let mut guest = FakeGuest::new(system);
        fill(&mut guest);
        let rows: Vec<_> = rows().collect();
        for (index, arguments) in calls {
            let row = index.get(&rows);
            // What waits must not wait long.
            guest.waiter = Waiter::new(Some(Instant::now() + Duration::from_millis(1))).expect("a waiter");
            match guest.call_row(row, &arguments[..row.parameters.len()]) {
                Ok(Answer::Return { .. } | Answer::Exit(_)) | Err(Ending::Stop(_)) => {}
                Ok(Answer::Later(_)) => prop_assert!(false, "the system answers at once"),
                Err(Ending::Lost) => prop_assert!(false, "the memory was never lost"),
            }
        }
        prop_assert_eq!(std::fs::read(outside.join("secret")).expect("there"), b"secret");
        prop_assert_eq!(std::fs::read_dir(&outside).expect("there").count(), 1);
        if access == Access::ReadOnly {
            prop_assert_eq!(std::fs::read(inside.join("file")).expect("there"), b"text");
            prop_assert_eq!(std::fs::read_dir(&inside).expect("there").count(), 2);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the fuzzer does, with bytes of no particular kind.
    #[test]
    fn no_bytes_make_calls_that_do_harm(bytes in prop::collection::vec(any::<u8>(), 1..1500)) {
        crate::fuzzing::calls(&bytes);
    }
}
