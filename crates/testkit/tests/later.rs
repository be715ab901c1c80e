//! Handlers that answer later.

use super::ISOLATION;
use super::guests::interruptible;
use bellglass::{
    Answer, Call, Completer, Errno, Fault, LimitKind, Limits, MemoryError, NobodyWaits, Outcome, Report,
    Sandbox, SandboxBuilder,
};
use bellglass_testkit::ToyImage;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long a run may take that is to end at 300 ms, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

fn guest(body: &str) -> ToyImage {
    ToyImage::from_wat(&format!(
        r#"(module (import "env" "later" (func $later (param i32) (result i32)))
            (memory (export "memory") 1) (global $count (mut i32) (i32.const 0))
            (func (export "errno") (result i32) (i32.const 64))
            (func (export "run") (result i32) {body}))"#
    ))
}

fn short() -> Limits {
    Limits { timeout: Some(Duration::from_millis(300)), ..Limits::default() }
}

type Handler = fn(&mut Call<'_>) -> Result<Answer, Fault>;

fn builder(
    body: &str,
    handler: impl FnMut(&mut Call<'_>) -> Result<Answer, Fault> + Send + 'static,
) -> SandboxBuilder {
    let mut handler = handler;
    Sandbox::builder(guest(body).open())
        .isolation(ISOLATION)
        .on("env.later(i)i", move |call, _| handler(call))
}

fn run(body: &str, handler: impl FnMut(&mut Call<'_>) -> Result<Answer, Fault> + Send + 'static) -> Report {
    builder(body, handler).build().expect("a sandbox").run()
}

type Kept = Arc<Mutex<Vec<Completer>>>;

/// Keeps all completers that it makes.
fn keeper() -> (Kept, impl FnMut(&mut Call<'_>) -> Result<Answer, Fault> + Send) {
    let kept = Kept::default();
    let keeps = Arc::clone(&kept);
    let handler = move |call: &mut Call<'_>| {
        let (completer, answer) = call.later()?;
        keeps.lock().expect("no panic").push(completer);
        Ok(answer)
    };
    (kept, handler)
}

#[test]
fn an_answer_comes_from_another_thread_with_its_writes() {
    let report = run("(i32.add (call $later (i32.const 3)) (i32.load (i32.const 8)))", |call| {
        let (mut completer, answer) = call.later()?;
        let argument = call.i32(0);
        // What is written before the answer is there too.
        call.memory.write(8, &[100, 0, 0, 0])?;
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            completer.write(8, &[40]).expect("it is inside");
            completer.complete(Ok(Answer::i32(argument))).expect("somebody waits");
        });
        Ok(answer)
    });
    assert_eq!(report.outcome, Outcome::Exited { code: 43 });
    assert_eq!((report.calls[0].count, report.calls[0].time >= Duration::from_millis(30)), (1, true));
}

#[test]
fn an_answer_that_comes_later_may_be_all_that_one_at_once_may_be() {
    let cases: [(Handler, Outcome); 4] = [
        // -1 and errno, which is 44 for ENOENT: together 43.
        (|_| Err(Errno::NOENT.into()), Outcome::Exited { code: 43 }),
        (|_| Ok(Answer::Exit(9)), Outcome::Exited { code: 9 }),
        (
            |_| Err(Fault::Stop(bellglass::Stop::Refused { reason: "no".to_owned() })),
            Outcome::Refused { reason: "no".to_owned() },
        ),
        (
            |_| Ok(Answer::none()),
            Outcome::Failed {
                reason: "the handler of env.later(i)i gave a wrong number of results".to_owned(),
            },
        ),
    ];
    for (inner, outcome) in cases {
        let report = run("(i32.add (call $later (i32.const 0)) (i32.load (i32.const 64)))", move |call| {
            let (completer, answer) = call.later()?;
            let inner = inner(call);
            thread::spawn(move || completer.complete(inner));
            Ok(answer)
        });
        assert_eq!(report.outcome, outcome);
    }
}

#[test]
fn an_answer_that_never_comes_is_the_end_of_the_run() {
    let dropped = run("(call $later (i32.const 0))", |call| {
        let (completer, answer) = call.later()?;
        thread::spawn(move || drop(completer));
        Ok(answer)
    });
    let again = run("(call $later (i32.const 0))", |call| {
        let (completer, answer) = call.later()?;
        let (_, other) = call.later()?;
        thread::spawn(move || completer.complete(Ok(other)));
        Ok(answer)
    });
    for (report, what) in [(dropped, "never will"), (again, "later again")] {
        match report.outcome {
            Outcome::Failed { reason } => {
                assert!(reason.contains("env.later(i)i") && reason.contains(what), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_deadline_and_a_kill_end_a_wait_for_an_answer() {
    let begun = Instant::now();
    let (kept, handler) = keeper();
    let sandbox = builder("(call $later (i32.const 0))", handler).limits(short()).build();
    let report = sandbox.expect("a sandbox").run();
    assert_eq!(report.outcome.limit(), Some(LimitKind::Timeout));
    // Nobody is told what comes after the end.
    let completer = kept.lock().expect("no panic").pop().expect("one");
    assert_eq!(completer.check(), Err(NobodyWaits));
    assert_eq!(completer.complete(Ok(Answer::i32(1))), Err(NobodyWaits));

    let (_kept, handler) = keeper();
    let sandbox = builder("(call $later (i32.const 0))", handler).build().expect("a sandbox");
    let controls = sandbox.controls();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        controls.kill();
    });
    assert_eq!(sandbox.run().outcome, Outcome::Killed);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn a_signal_ends_a_wait_for_an_answer_and_nobody_waits_any_more() {
    let (kept, mut handler) = keeper();
    let image = interruptible("(drop (call $pause))");
    let sandbox = Sandbox::builder(image.open())
        .isolation(ISOLATION)
        .on("linux.ppoll_time64(iiiii)i", move |call, _| handler(call))
        .build()
        .expect("a sandbox");
    let controls = sandbox.controls();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        controls.interrupt();
    });
    let report = sandbox.run();
    assert_eq!((report.outcome, report.calls[0].count), (Outcome::Exited { code: 6 }, 1));
    assert_eq!(kept.lock().expect("no panic")[0].check(), Err(NobodyWaits));
}

#[test]
fn a_hundred_thousand_answers_that_come_later_leave_nothing() {
    let (sender, receiver) = mpsc::channel::<Completer>();
    thread::spawn(move || {
        for one in receiver {
            one.complete(Ok(Answer::i32(1))).expect("somebody waits");
        }
    });
    let body = "(loop $l (global.set $count (i32.add (global.get $count) (call $later (global.get $count))))
        (br_if $l (i32.lt_u (global.get $count) (i32.const 100000)))) (i32.const 0)";
    let report = run(body, move |call| {
        let (completer, answer) = call.later()?;
        if call.u32(0).is_multiple_of(50) {
            drop(sender.send(completer));
        } else {
            // It is there before anybody waits.
            completer.complete(Ok(Answer::i32(1))).expect("it is open");
        }
        Ok(answer)
    });
    assert_eq!((report.outcome, report.calls[0].count), (Outcome::Exited { code: 0 }, 100_000));
    assert!(report.peak_controller_bytes < 1 << 20, "{}", report.peak_controller_bytes);
}

#[test]
fn what_an_answer_writes_is_inside_and_charged_before_it_is_kept() {
    let limits = Limits { controller_bytes: 4 << 20, ..Limits::default() };
    let sandbox = builder("(call $later (i32.const 0))", |call| {
        let (mut completer, answer) = call.later()?;
        let outside = completer.write(65536 - 3, &[1; 4]);
        assert!(matches!(outside, Err(Fault::Memory(MemoryError::OutOfBounds { .. }))), "{outside:?}");
        let mut count = 0;
        let refused = loop {
            match completer.write(0, &[1; 65536]) {
                Ok(()) => count += 1,
                Err(refused) => break refused,
            }
        };
        assert_eq!((refused, count > 30, count < 64), (Fault::Errno(Errno::NOMEM), true, true));
        completer.complete(Ok(Answer::i32(5))).expect("it is open");
        Ok(answer)
    });
    let report = sandbox.limits(limits).build().expect("a sandbox").run();
    assert_eq!(report.outcome, Outcome::Exited { code: 5 });
    assert!(report.peak_controller_bytes <= 4 << 20);
}
