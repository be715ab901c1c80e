use bellglass::{Answer, Error, LimitKind, Limits, Outcome, Reached, Sandbox, Start};
use bellglass_testkit::ToyImage;
use bellglass_wire::{
    FromCell, Interruption, PROTOCOL_VERSION, Signature, TrapKind, Usage, Viewed, Wall, caps,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LIAR: &str = env!("CARGO_BIN_EXE_lying-cell");

/// No lie may cost more than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a controller may use while it is lied to, beyond what a frame and a
/// transfer may hold by the caps.
const CONTROLLER_BYTES: u64 = 96 << 20;

/// Runs a script against handlers that do all that a handler may do to memory:
/// which of it is the first argument.
fn run(script: &str) -> Result<Outcome, Error> {
    let limits = Limits {
        memory_bytes: 1 << 20,
        timeout: Some(Duration::from_millis(700)),
        start_time: Duration::from_millis(700),
        ..Limits::default()
    };
    let begun = Instant::now();
    let sandbox = Sandbox::builder(ToyImage::from_script(script).open())
        .cell(LIAR)
        .limits(limits)
        .on("a.b(i)i", |call, _| {
            let mut bytes = [0; 16];
            match call.u32(0) {
                0 => {
                    call.memory.read(0, &mut bytes)?;
                    call.memory.write(8, &bytes)?;
                    call.memory.read(0, &mut bytes)?;
                }
                1 => {
                    let address = call.memory.allocate(100)?;
                    call.memory.write(address, &bytes)?;
                    call.memory.read(address, &mut bytes)?;
                    call.memory.free(address)?;
                }
                _ => {
                    let mut much = vec![1; 1 << 20];
                    call.memory.write(0, &much)?;
                    call.memory.read(0, &mut much)?;
                }
            }
            Ok(Answer::i32(1))
        })
        .build();
    let outcome = sandbox.map(|sandbox| sandbox.run().outcome);
    assert!(begun.elapsed() < PATIENCE, "it took {:?}: {script:.200}", begun.elapsed());
    outcome
}

/// Whether a run that was lied to ended as it may: by an end that a guest may
/// have, or by a breach or an error that has something to say.
fn is_fair(outcome: &Result<Outcome, Error>) -> bool {
    match outcome {
        Ok(Outcome::Breach { reason }) | Err(Error::Start { reason }) => !reason.is_empty(),
        Ok(
            Outcome::Exited { .. }
            | Outcome::Crashed { .. }
            | Outcome::Limit(Reached { kind: LimitKind::Memory, .. })
            | Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }),
        )
        | Err(Error::Version { .. } | Error::UnknownSignature { .. }) => true,
        _ => false,
    }
}

fn breach(script: &str) -> String {
    match run(script) {
        Ok(Outcome::Breach { reason }) => reason,
        other => panic!("{script:.200} ended as {other:?}"),
    }
}

/// The step that sends these bytes.
fn send(bytes: &[u8]) -> String {
    let mut step = "send".to_owned();
    bytes.iter().for_each(|byte| step.push_str(&format!(" {byte:02x}")));
    step + "\n"
}

fn encoded(message: &FromCell) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes).expect("within the caps");
    bytes
}

fn hello() -> FromCell {
    let signature: Signature = "a.b(i)i".parse().expect("a signature");
    let wall = Wall { name: "a wall".to_owned(), active: true, detail: "of bricks".to_owned() };
    FromCell::Hello {
        version: PROTOCOL_VERSION,
        shared_memory: false,
        signatures: vec![signature],
        walls: vec![wall],
    }
}

fn call(argument: u64, memory_bytes: u64, viewed: Vec<Viewed>) -> FromCell {
    FromCell::Call {
        call: 0,
        signature: 0,
        memory_bytes,
        arrived: 0,
        interrupted: false,
        arguments: vec![argument],
        viewed,
    }
}

fn piece(address: u32, length: usize) -> Viewed {
    Viewed { address, bytes: vec![address as u8; length] }
}

fn usage() -> Usage {
    Usage { peak_memory_bytes: 65536, memory_refused: false, table_refused: false }
}

/// One of each frame, with what is right to say before it.
fn conversations() -> Vec<(&'static str, String, FromCell)> {
    let greeted = "hello\nawait\n".to_owned();
    let asked = format!("{greeted}call 0 0\nawait\n");
    let allocating = format!("{greeted}call 0 1\nawait\n");
    vec![
        ("hello", String::new(), hello()),
        ("call", greeted.clone(), call(0, 65536, vec![piece(0, 16), piece(32, 5)])),
        ("data", asked, FromCell::Data { call: 0, bytes: vec![9; 16] }),
        ("allocated", allocating, FromCell::Allocated { call: 0, address: 4096, memory_bytes: 65536 }),
        ("returned", greeted.clone(), FromCell::Returned { results: vec![7], usage: usage() }),
        (
            "trapped",
            greeted.clone(),
            FromCell::Trapped {
                kind: TrapKind::Arithmetic,
                message: "it failed".to_owned(),
                backtrace: vec!["here".to_owned(), "there".to_owned()],
                usage: usage(),
            },
        ),
        ("ended", greeted.clone(), FromCell::Ended { usage: usage() }),
        ("failed", greeted, FromCell::Failed { message: "no".to_owned() }),
    ]
}

/// The frame with each of its bytes, and each group of four, replaced by what is
/// most likely to be believed wrongly; and cut off at each byte.
fn lies(frame: &[u8]) -> Vec<Vec<u8>> {
    let mut lies = Vec::new();
    let mut with = |at: usize, bytes: &[u8]| {
        let mut lie = frame.to_vec();
        if let Some(place) = lie.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
            lies.push(lie);
        }
    };
    for (at, right) in frame.iter().enumerate() {
        for byte in [0, 1, 0x7f, 0xff, right.wrapping_add(1)] {
            with(at, &[byte]);
        }
        for word in [u32::MAX, i32::MAX as u32, 1 << 20, 65536] {
            with(at, &word.to_le_bytes());
        }
    }
    lies.extend((0..frame.len()).map(|length| frame[..length].to_vec()));
    lies.push([frame, frame].concat());
    lies
}

fn on_all_processors(scripts: &[String], test: impl Fn(&str) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(script) = scripts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    test(script);
                }
            });
        }
    });
}

#[test]
fn every_field_of_every_frame_may_lie() {
    for (name, before, message) in conversations() {
        let frame = encoded(&message);
        // The truth, so that the lies are known to be about something.
        let truth = run(&format!("{before}{}await\nhush", send(&frame)));
        assert!(is_fair(&truth), "{name}: {truth:?}");
        let scripts: Vec<String> =
            lies(&frame).iter().map(|lie| format!("{before}{}hush", send(lie))).collect();
        on_all_processors(&scripts, |script| {
            let outcome = run(script);
            assert!(is_fair(&outcome), "{name}: {script}: {outcome:?}");
        });
    }
}

/// What a real cell said in a run with a call, a read, a write and an allocation.
fn recorded() -> Vec<u8> {
    let guest = ToyImage::from_wat(
        r#"(module (import "a" "b" (func $b (param i32) (result i32)))
            (memory (export "memory") 2)
            (func (export "malloc") (param i32) (result i32) (i32.const 4096))
            (func (export "free") (param i32))
            (func (export "run") (result i32)
                (drop (call $b (i32.const 0))) (call $b (i32.const 1))))"#,
    );
    let folder = tempfile::tempdir().expect("a folder");
    let (module, record) = (folder.path().join("module"), folder.path().join("record"));
    let image = guest.open();
    let compiled = image.compiled(Start::Fresh, Interruption::Kill).expect("it is compiled");
    let mut compiled = compiled.try_clone().expect("a descriptor");
    std::io::copy(&mut compiled, &mut std::fs::File::create(&module).expect("a file")).expect("a copy");
    let script = format!("relay {} {} {}", real_cell().display(), module.display(), record.display());
    assert_eq!(run(&script).expect("it starts"), Outcome::Exited { code: 1 });
    std::fs::read(record).expect("the record")
}

fn real_cell() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    own.ancestors().nth(2).expect("a folder").join("bellglass-cell")
}

#[test]
fn each_byte_of_a_real_conversation_may_be_wrong_or_missing() {
    let conversation = recorded();
    let whole = run(&format!("{}hush", send(&conversation)));
    assert_eq!(whole.expect("it starts"), Outcome::Exited { code: 1 });
    let flips = (0..conversation.len()).flat_map(|at| {
        let flip = |mask: u8| {
            let mut flipped = conversation.clone();
            flipped[at] ^= mask;
            flipped
        };
        [flip(0x01), flip(0x80), flip(0xff)]
    });
    let scripts: Vec<String> = flips.map(|bytes| format!("{}hush", send(&bytes))).collect();
    on_all_processors(&scripts, |script| {
        let outcome = run(script);
        assert!(is_fair(&outcome), "{script}: {outcome:?}");
    });
    let cuts: Vec<String> =
        (0..conversation.len()).map(|length| format!("{}hush", send(&conversation[..length]))).collect();
    on_all_processors(&cuts, |script| match run(script) {
        Ok(Outcome::Breach { reason }) | Err(Error::Start { reason }) => {
            assert!(reason.contains("closed its stream"), "{script}: {reason}");
        }
        other => panic!("{script}: {other:?}"),
    });
}

#[test]
fn a_memory_that_grows_beyond_its_limit_or_shrinks_is_a_breach() {
    let said =
        |message: &FromCell| breach(&format!("hello\nawait\n{}await\nsleep 9000", send(&encoded(message))));
    assert!(said(&call(0, u64::MAX, vec![])).contains("memory"));
    assert!(said(&call(0, (1 << 20) + 1, vec![])).contains("memory"));
    let grown = |message: &FromCell| {
        breach(&format!("hello\nawait\ncall 0 1\nawait\n{}await\nsleep 9000", send(&encoded(message))))
    };
    assert!(grown(&FromCell::Allocated { call: 0, address: 0, memory_bytes: u64::MAX }).contains("memory"));
    assert!(grown(&FromCell::Allocated { call: 0, address: 0, memory_bytes: 0 }).contains("memory"));
    let absurd = Usage { peak_memory_bytes: u64::MAX, memory_refused: true, table_refused: true };
    assert!(said(&FromCell::Returned { results: vec![], usage: absurd }).contains("memory"));
}

#[test]
fn an_address_that_the_guests_malloc_lies_about_hurts_the_guest_only() {
    for address in [u32::MAX, u32::MAX - 50, 65536, 65530] {
        let allocated = encoded(&FromCell::Allocated { call: 0, address, memory_bytes: 65536 });
        let end = encoded(&FromCell::Returned { results: vec![3], usage: usage() });
        let script = format!("hello\nawait\ncall 0 1\nawait\n{}await\n{}hush", send(&allocated), send(&end));
        assert_eq!(run(&script).expect("it starts"), Outcome::Exited { code: 3 }, "{address}");
    }
}

#[test]
fn pieces_of_memory_may_overlap_repeat_or_lie_beyond_its_end() {
    let pieces = [
        vec![piece(0, 16), piece(0, 16), piece(8, 16)],
        vec![piece(u32::MAX, 16), piece(u32::MAX - 8, 64)],
        vec![piece(65530, 100)],
        (0..caps::VIEWED_PIECES as u32).map(|number| piece(number, 1)).collect(),
        vec![piece(0, caps::VIEWED_BYTES)],
    ];
    for pieces in pieces {
        let frames = [call(0, 65536, pieces), FromCell::Data { call: 0, bytes: vec![7; 16] }];
        let frames: Vec<u8> = frames.iter().flat_map(encoded).collect();
        let outcome = run(&format!("hello\nawait\n{}hush", send(&frames)));
        assert!(is_fair(&outcome), "{outcome:?}");
    }
}

#[test]
fn control_characters_of_a_cell_reach_no_terminal() {
    let escape = "\u{1b}]0;title\u{7}\nroot# ".to_owned();
    let trapped = FromCell::Trapped {
        kind: TrapKind::Other,
        message: escape.clone(),
        backtrace: vec![escape.clone()],
        usage: usage(),
    };
    for message in [trapped, FromCell::Failed { message: escape.clone() }] {
        let outcome = run(&format!("hello\nawait\n{}hush", send(&encoded(&message)))).expect("it starts");
        let shown = match outcome {
            Outcome::Crashed { message, backtrace } => format!("{message}{}", backtrace.concat()),
            Outcome::Breach { reason } => reason,
            other => panic!("{other:?}"),
        };
        assert!(shown.contains("title") && !shown.contains(char::is_control), "{shown:?}");
    }
}

#[test]
fn a_cell_that_stops_hides_or_leaves_somebody_behind_is_ended_in_time() {
    assert!(matches!(
        run("hello\nawait\nstop"),
        Ok(Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }))
    ));
    assert!(breach("hello\nawait\nhush\nsleep 9000").contains("closed its stream"));
    assert!(breach("hello\nawait\nwords 100\ndie 0").contains("www"));
    // Whom it leaves behind holds the stream, and the pipe for last words.
    assert!(matches!(
        run("hello\nawait\nspawn\nwords 100\ndie 0"),
        Ok(Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }))
    ));
    assert!(breach("hello\nawait\nspawn\nframe 63\nsleep 9000").contains("kind"));
    assert!(matches!(
        run("hello\nawait\ndance"),
        Ok(Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }))
    ));
    assert!(matches!(run("words 1000000"), Err(Error::Start { .. })));
    // A reader that does not read: the answer does not fit into the stream.
    let silent = format!("hello\nawait\n{}sleep 9000", send(&encoded(&call(2, 1 << 20, vec![]))));
    assert!(matches!(run(&silent), Ok(Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }))));
}

#[test]
fn what_a_cell_claims_is_never_reserved() {
    crate::run_alone("lies::greedy_cells_under_a_low_limit", &[]);
}

#[test]
#[ignore = "what_a_cell_claims_is_never_reserved runs it in a process of its own"]
fn greedy_cells_under_a_low_limit() {
    // Beyond this the kernel refuses, and Rust aborts.
    let limit = Rlimit { current: Some(CONTROLLER_BYTES), maximum: getrlimit(Resource::Data).maximum };
    setrlimit(Resource::Data, limit).expect("a limit");
    let many = (0..caps::SIGNATURES).map(|number| Signature {
        module: format!("{number:0500}"),
        name: format!("{number:0400}"),
        parameters: vec![],
        results: vec![],
    });
    let walls = vec![Wall { name: "w".repeat(500), active: false, detail: "d".repeat(8000) }; caps::WALLS];
    let huge = FromCell::Hello {
        version: PROTOCOL_VERSION,
        shared_memory: false,
        signatures: many.collect(),
        walls,
    };
    let outcome = run(&format!("{}sleep 9000", send(&encoded(&huge))));
    assert!(matches!(outcome, Err(Error::UnknownSignature { .. })), "{outcome:?}");
    // A frame as long as may be, and never whole.
    let started =
        format!("{}again 63 send {}\nsleep 9000", send(&(4_u32 << 20).to_le_bytes()), "02 ".repeat(1 << 16));
    assert!(
        run(&format!("hello\nawait\n{started}"))
            .is_ok_and(|outcome| matches!(outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })))
    );
    // Counts without what they count.
    for kind in 1..=8 {
        for count in [u32::MAX, 1 << 20, 4096, 64] {
            let mut body = vec![kind];
            body.extend(count.to_le_bytes().repeat(64));
            let frame = [&(body.len() as u32).to_le_bytes()[..], &body].concat();
            for before in ["", "hello\nawait\n", "hello\nawait\ncall 0 0\nawait\n"] {
                assert!(is_fair(&run(&format!("{before}{}hush", send(&frame)))));
            }
        }
    }
    // As much memory as there may be, again and again.
    let much = [call(0, 1 << 20, vec![piece(0, 1 << 20)]), FromCell::Data { call: 0, bytes: vec![0; 16] }];
    let much: Vec<u8> = much.iter().flat_map(encoded).collect();
    let outcome = run(&format!("hello\nawait\nagain 40 {}hush", send(&much)));
    assert!(is_fair(&outcome), "{outcome:?}");
}
