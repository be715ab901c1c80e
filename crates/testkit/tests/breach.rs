use bellglass::{Answer, Error, LimitKind, Limits, Outcome, Reached, Report, Sandbox};
use bellglass_testkit::ToyImage;
use std::time::{Duration, Instant};

/// No lie may cost more than this, however long the lying cell would go on.
const PATIENCE: Duration = Duration::from_secs(5);

const LIAR: &str = env!("CARGO_BIN_EXE_lying-cell");

fn build(script: &str) -> Result<Sandbox, Error> {
    let limits = Limits {
        timeout: Some(Duration::from_millis(800)),
        start_time: Duration::from_millis(500),
        ..Limits::default()
    };
    Sandbox::builder(ToyImage::from_script(script).open())
        .cell(LIAR)
        .limits(limits)
        .on("a.b(i)i", |call, _| {
            // A handler that looks at memory, as most do.
            let mut bytes = [0; 16];
            call.memory.read(0, &mut bytes)?;
            call.memory.write(0, &bytes)?;
            Ok(Answer::i32(1))
        })
        .build()
}

fn run(script: &str) -> Report {
    let begun = Instant::now();
    let report = build(script).expect("the hello is right").run();
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    report
}

fn breach(script: &str) -> String {
    match run(script).outcome {
        Outcome::Breach { reason } => reason,
        other => panic!("{script:?} ended as {other:?}"),
    }
}

fn refused_start(script: &str) -> String {
    let begun = Instant::now();
    let error = build(script).err().expect("it cannot start");
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    error.to_string()
}

#[test]
fn a_cell_that_leaves_is_a_breach() {
    assert!(breach("hello\nawait\ndie 3").contains("closed its stream"));
    assert!(breach("hello\nawait").contains("closed its stream"));
}

#[test]
fn a_frame_that_is_too_long_is_refused_by_its_length() {
    assert!(breach("hello\nawait\nsend ff ff ff ff\nsleep 9000").contains("above the cap"));
    assert!(breach("hello\nawait\nsend 01 00 40 00\nsleep 9000").contains("above the cap"));
}

#[test]
fn an_empty_or_unknown_frame_is_a_breach() {
    assert!(breach("hello\nawait\nsend 00 00 00 00\nsleep 9000").contains("ends inside its kind"));
    assert!(
        breach("hello\nawait\nframe 63\nsleep 9000")
            .contains("a frame of kind 99 came, which the protocol does not know")
    );
}

#[test]
fn counts_above_their_caps_are_refused() {
    // A call with four thousand million arguments.
    let call =
        "frame 02 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ff ff ff ff";
    assert!(breach(&format!("hello\nawait\n{call}\nsleep 9000")).contains("arguments is 4294967295"));
}

#[test]
fn a_call_that_was_not_announced_is_a_breach() {
    assert!(breach("hello\nawait\ncall 7 0\nsleep 9000").contains("call number 7"));
}

#[test]
fn a_call_with_a_wrong_number_of_arguments_is_a_breach() {
    assert!(breach("hello\nawait\ncall 0 1 2 3\nsleep 9000").contains("3 arguments"));
}

#[test]
fn replies_out_of_turn_are_breaches() {
    assert!(breach("hello\nawait\ndata 4\nsleep 9000").contains("Data came while no call is open"));
    assert!(breach("hello\nawait\nhello\nsleep 9000").contains("Hello came while no call is open"));
}

#[test]
fn another_amount_of_memory_than_asked_for_is_a_breach() {
    assert!(breach("hello\nawait\ncall 0 0\nawait\ndata 15\nsleep 9000").contains("another amount"));
    assert!(
        breach("hello\nawait\ncall 0 0\nawait\ncall 0 0\nsleep 9000")
            .contains("call 0, which was open already")
    );
    assert!(breach("hello\nawait\ncall 0 0\nawait\ndie 0").contains("closed its stream"));
}

#[test]
fn a_cell_that_says_nothing_or_drips_ends_at_the_deadline() {
    for script in ["hello\nsleep 9000", "hello\nawait\ndrip", "hello\nawait\ncall 0 0\nawait\nsleep 9000"] {
        let report = run(script);
        assert!(
            matches!(report.outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })),
            "{script:?}: {:?}",
            report.outcome
        );
    }
}

#[test]
fn a_flood_of_calls_without_an_end_is_ended() {
    // The flood does not answer the handler's read.
    assert!(breach("hello\nawait\nflood").contains("more than 64 calls at once"));
}

#[test]
fn a_cell_that_never_says_hello_does_not_start() {
    assert!(refused_start("sleep 9000").contains("said nothing"));
    assert!(refused_start("drip").contains("said nothing"));
    assert!(refused_start("die 1").contains("closed its stream"));
    assert!(refused_start("data 5\nsleep 9000").contains("Data came while the cell has not said hello"));
    assert!(refused_start("send 47 45 54 20 2f 0a\nsleep 9000").contains("above the cap"));
    assert!(refused_start("frame 01 42 47 4c 53 09 00 05\nsleep 9000").contains("protocol 9"));
    assert!(refused_start("frame 01 00 00 00 00 01 00\nsleep 9000").contains("magic"));
}

#[test]
fn a_dropped_sandbox_leaves_no_process() {
    let sandbox = build("hello\nsleep 9000").expect("the hello is right");
    let children = || {
        let own = std::process::id();
        let list = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        list.split_whitespace().count()
    };
    let _ = children();
    drop(sandbox);
    // Each test has a thread of its own, and /proc lists children by thread.
    let task = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(task.trim(), "");
}
