//! Several calls open at once, and frames at any other time than theirs.

use bellglass::{Answer, Completer, LimitKind, Limits, Outcome, Report, Sandbox};
use bellglass_testkit::ToyImage;
use bellglass_wire::{CellFrame, ConversationState, FromCell, Viewed, caps};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LIAR: &str = env!("CARGO_BIN_EXE_lying-cell");

/// No lie may cost more than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Arguments that say what the handler is to do.
const READ: u64 = 0;
const ALLOCATE: u64 = 1;
const KEEP: u64 = 2;
/// Answers itself, and all that is kept before, the last one first.
const RELEASE: u64 = 3;
/// Reads, and answers whatever came of it.
const IGNORE: u64 = 4;

/// Runs a script against a handler that is told what to do by its first argument.
fn run(script: &str) -> Report {
    run_within(script, short())
}

fn short() -> Limits {
    let time = Duration::from_millis(700);
    Limits { timeout: Some(time), start_time: time, ..Limits::default() }
}

fn run_within(script: &str, limits: Limits) -> Report {
    let kept: Arc<Mutex<Vec<Completer>>> = Arc::default();
    let begun = Instant::now();
    let report = Sandbox::builder(ToyImage::from_script(script).open())
        .cell(LIAR)
        .limits(limits)
        .on("a.b(i)i", move |call, _| {
            let mut kept = kept.lock().expect("no panic");
            match u64::from(call.u32(0)) {
                READ => call.memory.read(0, &mut [0; 16])?,
                ALLOCATE => drop(call.memory.allocate(100)?),
                KEEP => {
                    let (completer, answer) = call.later()?;
                    kept.push(completer);
                    return Ok(answer);
                }
                IGNORE => drop(call.memory.read(0, &mut [0; 16])),
                _ => {
                    let count = kept.len() as i32;
                    for (index, completer) in (0..count).zip(kept.drain(..)) {
                        completer.complete(Ok(Answer::i32(10 + index))).expect("it is open");
                    }
                }
            }
            Ok(Answer::i32(1))
        })
        .build()
        .expect("the hello is right")
        .run();
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
    report
}

fn breach(script: &str) -> String {
    match run(script).outcome {
        Outcome::Breach { reason } => reason,
        other => panic!("{script:?} ended as {other:?}"),
    }
}

#[test]
fn two_calls_are_open_and_the_second_is_answered_first() {
    // Numbers are the cell's to choose.
    let script = format!(
        "hello\nawait\nopen 7 0 {KEEP}\nopen 3 0 {KEEP}\nopen 4000000000 0 {RELEASE}\n\
         expect 4000000000 1\nexpect 7 10\nexpect 3 11\n\
         open 7 0 {KEEP}\nopen 8 0 {RELEASE}\nexpect 8 1\nexpect 7 10\nreturned 5\nhush"
    );
    let report = run(&script);
    assert_eq!(report.outcome, Outcome::Exited { code: 5 });
    assert_eq!(report.calls[0].count, 5);
}

#[test]
fn a_call_that_comes_before_the_answer_to_a_question_waits_for_its_turn() {
    let script = format!(
        "hello\nawait\nopen 1 0 {READ}\nopen 2 0 {KEEP}\nopen 3 0 {RELEASE}\ndata-for 1 16\n\
         expect 1 1\nexpect 3 1\nexpect 2 10\nreturned 6\nhush"
    );
    assert_eq!(run(&script).outcome, Outcome::Exited { code: 6 });
}

#[test]
fn a_guest_may_end_while_calls_of_it_are_open() {
    for open in
        [format!("open 1 0 {KEEP}"), format!("open 1 0 {READ}\nawait"), format!("open 1 0 {ALLOCATE}\nawait")]
    {
        let report = run(&format!("hello\nawait\n{open}\nreturned 4\nhush"));
        assert_eq!(report.outcome, Outcome::Exited { code: 4 }, "{open}");
    }
}

#[test]
fn what_ended_a_run_ends_it_also_if_the_handler_takes_no_notice() {
    let asked = format!("hello\nawait\nopen 1 0 {IGNORE}\nawait\n");
    let report = run(&format!("{asked}returned 4\nhush"));
    assert_eq!(report.outcome, Outcome::Exited { code: 4 });
    let other = format!("{asked}open 2 0 {KEEP}\ndata-for 2 16\nsleep 9000");
    assert!(breach(&other).contains("answered for call 2 what call 1 had asked"));
    assert!(breach(&format!("{asked}data-for 1 15\nsleep 9000")).contains("another amount of memory"));
    assert!(breach(&format!("{asked}open 1 0 {KEEP}\nsleep 9000")).contains("open already"));
}

#[test]
fn numbers_that_are_not_right_are_breaches() {
    let twice = format!("hello\nawait\nopen 1 0 {KEEP}\nopen 1 0 {KEEP}\nsleep 9000");
    assert!(breach(&twice).contains("call 1, which was open already"));
    let twice = format!("hello\nawait\nopen 1 0 {READ}\nopen 1 0 {KEEP}\nsleep 9000");
    assert!(breach(&twice).contains("call 1, which was open already"));
    let other = format!("hello\nawait\nopen 1 0 {KEEP}\nopen 2 0 {READ}\nawait\ndata-for 1 16\nsleep 9000");
    assert!(breach(&other).contains("answered for call 1 what call 2 had asked"));
    let many: String = (0..65).map(|number| format!("open {number} 0 {KEEP}\n")).collect();
    assert!(breach(&format!("hello\nawait\n{many}sleep 9000")).contains("more than 64 calls"));
    let many: String = (0..65).map(|number| format!("open {number} 0 {READ}\n")).collect();
    assert!(breach(&format!("hello\nawait\n{many}sleep 9000")).contains("more than 64 calls"));
}

#[test]
fn what_is_kept_of_calls_that_wait_for_their_turn_is_charged() {
    // Calls with a megabyte of views each, before the answer to the first one's question.
    let call = |number: u32| {
        let viewed = vec![Viewed { address: 0, bytes: vec![7; caps::VIEWED_BYTES] }];
        let (arrived, interrupted, arguments) = (0, false, vec![KEEP]);
        FromCell::Call {
            call: number,
            signature: 0,
            memory_bytes: 1 << 20,
            arrived,
            interrupted,
            arguments,
            viewed,
        }
    };
    let mut script = format!("hello\nawait\nopen 1 0 {READ}\nawait\n");
    for number in 2..8 {
        let mut bytes = Vec::new();
        call(number).encode(&mut bytes).expect("within the caps");
        script.push_str("send");
        bytes.iter().for_each(|byte| script.push_str(&format!(" {byte:02x}")));
        script.push('\n');
    }
    let limits = |controller_bytes| Limits { controller_bytes, ..short() };
    let outcome = run_within(&format!("{script}sleep 9000"), limits(4 << 20)).outcome;
    assert_eq!(outcome, Outcome::Limit(LimitKind::ControllerMemory.at(4 << 20)));
    let report =
        run_within(&format!("{script}data-for 1 16\nexpect 1 1\nreturned 3\nhush"), limits(64 << 20));
    assert_eq!(report.outcome, Outcome::Exited { code: 3 });
    assert!(report.peak_controller_bytes > 6 << 20, "{}", report.peak_controller_bytes);
}

#[test]
fn a_frame_that_its_state_does_not_permit_is_a_breach_that_names_it() {
    let states = [
        (ConversationState::Running, String::new()),
        (ConversationState::Called, format!("open 1 0 {KEEP}\n")),
        (ConversationState::Reading, format!("open 1 0 {READ}\nawait\n")),
        (ConversationState::Allocating, format!("open 1 0 {ALLOCATE}\nawait\n")),
    ];
    for (state, before) in states {
        for frame in CellFrame::ALL {
            let reason = breach(&format!("hello\nawait\n{before}frame {:02x}\nsleep 9000", frame as u8));
            let refused = format!("{} came while {}", frame.name(), state.name());
            match state.check_cell(&[frame as u8]) {
                Ok(_) => {
                    assert!(!reason.contains("came while") && reason.contains("ends inside"), "{reason}")
                }
                Err(_) => assert!(reason.contains(&refused), "{reason}"),
            }
        }
        let reason = breach(&format!("hello\nawait\n{before}frame 63\nsleep 9000"));
        assert!(reason.contains("a frame of kind 99 came, which the protocol does not know"), "{reason}");
    }
}

#[test]
fn a_frame_before_the_hello_keeps_the_run_from_starting() {
    for frame in CellFrame::ALL {
        let image = ToyImage::from_script(&format!("frame {:02x}\nsleep 9000", frame as u8));
        let error =
            Sandbox::builder(image.open()).cell(LIAR).build().err().expect("it cannot start").to_string();
        let refused = format!("{} came while {}", frame.name(), ConversationState::Started.name());
        let permitted = ConversationState::Started.check_cell(&[frame as u8]).is_ok();
        assert_eq!(error.contains(&refused), !permitted, "{error}");
    }
}
