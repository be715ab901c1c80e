use super::ISOLATION;
use bellglass::{
    Answer, Capture, Error, Isolation, LimitKind, Limits, Outcome, Output, Reached, Report, Sandbox,
    SandboxBuilder, Signal, Unsupported,
};
use bellglass_testkit::ToyImage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn with(wat: &str, change: impl FnOnce(SandboxBuilder) -> SandboxBuilder) -> Report {
    change(Sandbox::builder(ToyImage::from_wat(wat).open()).isolation(ISOLATION))
        .build()
        .expect("a cell")
        .run()
}

fn run(wat: &str) -> Report {
    with(wat, |builder| builder)
}

fn body(body: &str) -> String {
    format!(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "env" "nothing_answers_this" (func $unknown (param i32) (result i32)))
            (import "linux" "getpid" (func $getpid (result i32)))
            (memory (export "memory") 2) (table 1 funcref) (type $f (func))
            (func $run (export "run") (result i32) {body}))"#
    )
}

#[test]
fn the_result_of_run_is_the_exit_code() {
    assert_eq!(run(&body("i32.const 42")).outcome, Outcome::Exited { code: 42 });
    assert_eq!(run(&body("(call $exit (i32.const 3)) unreachable")).outcome, Outcome::Exited { code: 3 });
}

#[test]
fn a_guest_that_faults_is_a_crash_with_its_cause() {
    let cases = [
        ("unreachable", "aborted"),
        ("(i32.load (i32.const -8))", "memory that it does not have"),
        ("(call $run)", "used up its stack"),
        ("(call_indirect (type $f) (i32.const 0)) (i32.const 0)", "wrong function pointer"),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "divided by zero"),
    ];
    for (code, cause) in cases {
        match run(&body(code)).outcome {
            Outcome::Crashed { message, .. } => assert!(message.contains(cause), "{message}"),
            other => panic!("{code} ended as {other:?}"),
        }
    }
}

#[test]
fn a_loop_without_calls_ends_at_the_deadline() {
    let limits = Limits { timeout: Some(Duration::from_secs(1)), ..Limits::default() };
    let begun = Instant::now();
    let report = with(&body("(loop $l (br $l)) (i32.const 0)"), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Timeout.after(Duration::from_secs(1))));
    assert!(begun.elapsed() < Duration::from_secs(5));
    // On a machine that is busy with other tests it gets a part of it.
    assert!(report.cpu_time > Duration::from_millis(50), "{:?}", report.cpu_time);
}

#[test]
fn an_abort_for_want_of_memory_is_told_as_such() {
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    let code = "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)) (i32.const 0)";
    let report = with(&body(code), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Memory.at(1 << 20)));
    assert_eq!(report.peak_memory_bytes, 128 << 10);
}

#[test]
fn a_guest_that_begins_with_too_much_does_not_begin() {
    let limits = Limits { memory_bytes: 64 << 10, table_elements: 0, ..Limits::default() };
    let report = with(&body("(i32.const 0)"), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Memory.at(64 << 10).needing(128 << 10)));
    assert_eq!(report.limits_met, [LimitKind::Memory]);
}

#[test]
fn a_call_that_nothing_answers_is_enosys_and_is_reported() {
    let report = run(&body("(call $unknown (i32.const 1))"));
    assert_eq!(report.outcome, Outcome::Exited { code: -1 });
    assert_eq!(report.unsupported, ["env.nothing_answers_this(i)i"]);
    let report =
        with(&body("(call $unknown (i32.const 1))"), |builder| builder.unsupported(Unsupported::Stop));
    assert!(matches!(report.outcome, Outcome::Refused { .. }), "{:?}", report.outcome);
}

#[test]
fn handlers_answer_wrap_and_observe() {
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let report = with(&body("(i32.add (call $getpid) (call $unknown (i32.const 20)))"), |builder| {
        builder
            .on("env.nothing_answers_this(i)i", |call, _| Ok(Answer::i32(call.i32(0) * 2)))
            .on("linux.getpid()i", |call, next| match next.answer(call)? {
                Answer::Return { results, .. } => Ok(Answer::i32(results[0] as i32 + 100)),
                other => Ok(other),
            })
            .observe(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
            })
    });
    assert_eq!(report.outcome, Outcome::Exited { code: 142 }, "process number 2, 100 more, and 40");
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(report.unsupported, [""; 0]);
}

#[test]
fn a_handler_for_a_call_that_the_image_has_not_is_refused() {
    let image = ToyImage::from_wat(&body("i32.const 0"));
    let build = |signature: &str| {
        let handler = |_: &mut bellglass::Call<'_>, _: bellglass::Next<'_>| Ok(Answer::none());
        Sandbox::builder(image.open()).isolation(ISOLATION).on(signature, handler).build()
    };
    assert!(matches!(build("env.no_such_call()i"), Err(Error::UnknownSignature { .. })));
    assert!(matches!(build("not a signature"), Err(Error::Signature(_))));
}

#[test]
fn a_handler_reads_writes_and_allocates_guest_memory() {
    let wat = r#"(module (import "a" "b" (func $b (param i32) (result i32)))
        (memory (export "memory") 20)
        (func (export "malloc") (param i32) (result i32) (i32.const 131072))
        (func (export "free") (param i32))
        (data (i32.const 100) "hello")
        (func (export "run") (result i32)
            (i32.add (i32.load8_u (call $b (i32.const 100))) (i32.load8_u (i32.const 1200000)))))"#;
    let report = with(wat, |builder| {
        builder.on("a.b(i)i", |call, _| {
            let mut text = [0; 5];
            call.memory.read(call.u32(0), &mut text)?;
            assert_eq!(&text, b"hello");
            // More than one message can carry.
            let much = vec![1; 1_100_000];
            call.memory.write(131_072, &much)?;
            let mut again = vec![0; much.len()];
            call.memory.read(131_072, &mut again)?;
            assert_eq!(again, much);
            let address = call.memory.allocate(10)?;
            call.memory.write(address, &[9])?;
            call.memory.free(address)?;
            assert!(call.memory.read(u32::MAX, &mut text).is_err());
            Ok(Answer::i32(address as i32))
        })
    });
    assert_eq!(report.outcome, Outcome::Exited { code: 10 });
}

#[test]
fn a_run_is_killed_from_another_thread() {
    let sandbox = Sandbox::builder(ToyImage::from_wat(&body("(loop $l (br $l)) (i32.const 0)")).open())
        .isolation(ISOLATION)
        .build()
        .expect("a cell");
    let controls = sandbox.controls();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        controls.kill();
        controls
    });
    assert_eq!(sandbox.run().outcome, Outcome::Killed);
    // After the run the controls do nothing, to nobody.
    let controls = killer.join().expect("no panic");
    controls.kill();
    controls.interrupt();
}

/// A guest whose table has numbers up to 15, of which 2 sets words and 15 ends it,
/// and that ignores the others; it makes `calls` in a loop until the words are set.
pub(super) fn interruptible(calls: &str) -> ToyImage {
    let wat = format!(
        r#"(module
        (import "linux" "ppoll_time64" (func $poll (param i32 i32 i32 i32 i32) (result i32)))
        (func $pause (result i32)
            (call $poll (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\40\00\00\00\02\00\00\00"
            "\80\00\00\00\06\00\00\00\04\00\00\00" "\00\01\00\00\01\00\00\00\00\00\00\00")
        (data (i32.const 64) "\01\00\00\00\01\00\00\00\02\00\00\00")
        (func (export "interrupts") (result i32) (i32.const 0))
        (func $ignore (local $at i32) (local.set $at (i32.const 76))
            (loop $l (i32.store (local.get $at) (i32.const 1))
                (local.set $at (i32.add (local.get $at) (i32.const 4)))
                (br_if $l (i32.lt_u (local.get $at) (i32.const 124)))))
        (func (export "run") (result i32) (call $ignore)
            (loop $l {calls} (br_if $l (i32.eqz (i32.load (i32.const 256)))))
            (i32.load (i32.const 136))))"#
    );
    ToyImage::from_wat(&wat)
}

/// Runs it and sends it signals after a while.
fn signalled(image: &ToyImage, signals: &[&str]) -> Report {
    let sandbox = Sandbox::builder(image.open()).isolation(ISOLATION).build().expect("a cell");
    let controls = sandbox.controls();
    let signals: Vec<Signal> = signals.iter().map(|name| name.parse().expect("a signal")).collect();
    let sender = std::thread::spawn(move || {
        for signal in signals {
            std::thread::sleep(Duration::from_millis(100));
            controls.signal(signal);
        }
    });
    let report = sandbox.run();
    sender.join().expect("no panic");
    report
}

#[test]
fn a_signal_sets_the_words_of_the_guests_table() {
    let computing = interruptible("");
    assert_eq!(signalled(&computing, &["HUP", "USR1", "INT"]).outcome, Outcome::Exited { code: 6 });
    let waiting = interruptible("(drop (call $pause))");
    let report = signalled(&waiting, &["INT"]);
    assert_eq!(report.outcome, Outcome::Exited { code: 6 });
    assert_eq!(report.calls[0].count, 1, "it was there when the call returned");
}

#[test]
fn a_signal_that_is_not_handled_ends_the_guest() {
    for calls in ["", "(drop (call $pause))"] {
        let report = signalled(&interruptible(calls), &["TERM"]);
        assert_eq!(report.outcome, Outcome::Exited { code: 128 + 15 }, "{calls}");
    }
}

#[test]
fn a_signal_that_is_ignored_does_not_end_a_wait_for_long() {
    // The first pause returns EINTR, and the second waits again.
    let report = signalled(&interruptible("(drop (call $pause))"), &["USR1", "INT"]);
    assert_eq!(report.outcome, Outcome::Exited { code: 6 });
    assert_eq!(report.calls[0].count, 2);
}

#[test]
fn many_sandboxes_run_at_once_and_each_has_its_own_outcome() {
    let image = ToyImage::from_wat(&body("(call $getpid)"));
    let looping = ToyImage::from_wat(&body("(loop $l (br $l)) (i32.const 0)"));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24)
            .map(|number| {
                let image = if number % 4 == 3 { looping.open() } else { image.open() };
                scope.spawn(move || {
                    let limits = Limits { timeout: Some(Duration::from_secs(2)), ..Limits::default() };
                    let pid =
                        move |_: &mut bellglass::Call<'_>, _: bellglass::Next<'_>| Ok(Answer::i32(number));
                    let builder = Sandbox::builder(image)
                        .isolation(ISOLATION)
                        .limits(limits)
                        .on("linux.getpid()i", pid);
                    (number, builder.build().expect("a cell").run().outcome)
                })
            })
            .collect();
        for thread in threads {
            let (number, outcome) = thread.join().expect("no panic");
            match number % 4 {
                3 => assert!(
                    matches!(outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })),
                    "{outcome:?}"
                ),
                _ => assert_eq!(outcome, Outcome::Exited { code: number }),
            }
        }
    });
}

#[test]
fn output_beyond_its_limit_is_cut_there() {
    let wat = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\0a\00\00\00") (data (i32.const 16) "0123456789")
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))) (i32.const 0)))"#;
    let printed = Capture::new();
    let limits = Limits { output_bytes: Some(25), ..Limits::default() };
    let report = with(wat, |builder| builder.limits(limits).stdout(Output::Capture(printed.clone())));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Output.at(25)));
    assert_eq!(printed.bytes(), b"0123456789012345678901234");
    assert_eq!(report.output_bytes, 25);
}

#[test]
fn captured_output_that_may_not_be_kept_ends_the_run() {
    let wat = r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 2)
        (data (i32.const 0) "\10\00\00\00\00\00\01\00")
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.eqz (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))) (i32.const 0)))"#;
    let printed = Capture::new();
    let limit = 1 << 20;
    let limits = Limits { output_bytes: None, controller_bytes: limit, ..Limits::default() };
    let report = with(wat, |builder| builder.limits(limits).stdout(Output::Capture(printed.clone())));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::ControllerMemory.at(limit)));
    assert_eq!(report.limits_met, [LimitKind::ControllerMemory]);
    assert!((limit - (128 << 10)..=limit).contains(&report.peak_controller_bytes));
    assert_eq!(printed.take().len() as u64, report.output_bytes);
}

#[test]
fn the_walls_are_reported() {
    let report = run(&body("i32.const 0"));
    if ISOLATION == Isolation::Thread {
        assert!(report.walls.iter().any(|wall| wall.name == "process" && !wall.active));
        return;
    }
    assert!(report.walls.iter().any(|wall| wall.name == "no_new_privileges" && wall.active));
    assert!(report.walls.iter().all(|wall| wall.active || !wall.detail.is_empty()));
}

/// Throws an exception with a number and catches it again, for ever or `$count` times;
/// `$keep` makes the newest one hold all that were before it.
fn throwing(count: &str, keep: &str) -> String {
    format!(
        r#"(module (tag $plain (param i32 i64)) (tag $link (param exnref)) (memory (export "memory") 1)
            (func $throw (param $number i32) (throw $plain (local.get $number) (i64.const 7)))
            (func $caught (param $number i32) (result i32)
                (block $out (result i32 i64)
                    (try_table (catch $plain $out) (call $throw (local.get $number)))
                    (i32.const 0) (i64.const 0))
                (drop))
            (func $first (result exnref)
                (block $out (result exnref) (try_table (catch_all_ref $out) (call $throw (i32.const 1))) (unreachable)))
            (func $longer (param $old exnref) (result exnref)
                (block $out (result exnref)
                    (try_table (catch_all_ref $out) (throw $link (local.get $old))) (unreachable)))
            (func (export "run") (result i32) (local $left i32) (local $chain exnref)
                (local.set $left (i32.const {count})) (local.set $chain (call $first))
                (loop $l
                    (if (i32.ne (call $caught (local.get $left)) (local.get $left)) (then (unreachable)))
                    {keep}
                    (br_if $l (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                (i32.const 9)))"#
    )
}

const KEEP: &str = "(local.set $chain (call $longer (local.get $chain)))";

#[test]
fn a_million_exceptions_take_no_more_room_than_a_few() {
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    let report = with(&throwing("1000000", ""), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Exited { code: 9 });
    assert_eq!(report.limits_met, []);
}

#[test]
fn exceptions_that_are_kept_count_as_memory() {
    let report = with(&throwing("20000", KEEP), |builder| builder);
    assert_eq!(report.outcome, Outcome::Exited { code: 9 });
    assert!(report.peak_memory_bytes > 20_000 * 32, "{}", report.peak_memory_bytes);
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let report = with(&throwing("10000000", KEEP), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Memory.at(4 << 20)));
    assert_eq!(report.limits_met, [LimitKind::Memory]);
    assert!(report.peak_memory_bytes <= 4 << 20, "{}", report.peak_memory_bytes);
}

#[test]
fn sixteen_guests_at_once_have_exceptions() {
    let image = ToyImage::from_wat(&throwing("30000", KEEP));
    let start = std::sync::Barrier::new(16);
    let run = || {
        let sandbox = Sandbox::builder(image.open()).isolation(ISOLATION).build().expect("a cell");
        start.wait();
        sandbox.run().outcome
    };
    // The second time in places, if they are in threads.
    for _ in 0..2 {
        std::thread::scope(|scope| {
            let guests: Vec<_> = (0..16).map(|_| scope.spawn(run)).collect();
            for guest in guests {
                assert_eq!(guest.join().expect("no panic"), Outcome::Exited { code: 9 });
            }
        });
    }
}
