use super::ISOLATION;
use bellglass::{
    Answer, Capture, Error, Isolation, Limits, Outcome, Output, Report, Sandbox, SandboxBuilder, Unsupported,
};
use bellglass_testkit::ToyImage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
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
            (import "env" "getpid" (func $getpid (result i32)))
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
    let limits = Limits { timeout: Some(Duration::from_millis(300)), ..Limits::default() };
    let begun = Instant::now();
    let report = with(&body("(loop $l (br $l)) (i32.const 0)"), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Deadline { timeout: Duration::from_millis(300) });
    assert!(begun.elapsed() < Duration::from_secs(5));
    // On a machine that is busy with other tests it gets little of it.
    assert!(report.cpu_time > Duration::from_millis(5), "{:?}", report.cpu_time);
}

#[test]
fn an_abort_for_want_of_memory_is_told_as_such() {
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    let code = "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)) (i32.const 0)";
    let report = with(&body(code), |builder| builder.limits(limits));
    assert_eq!(report.outcome, Outcome::Memory { limit: 1 << 20 });
    assert_eq!(report.peak_memory_bytes, 128 << 10);
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
            .on("env.getpid()i", |call, next| match next.answer(call)? {
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

#[test]
fn an_interrupt_sets_the_words_of_the_guests_table() {
    let wat = r#"(module (memory (export "memory") 1)
        (data (i32.const 0) "\01\00\00\00\10\00\00\00\06\00\00\00")
        (func (export "interrupts") (result i32) (i32.const 0))
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.eqz (i32.load (i32.const 16))))) (i32.load (i32.const 16))))"#;
    let sandbox =
        Sandbox::builder(ToyImage::from_wat(wat).open()).isolation(ISOLATION).build().expect("a cell");
    let controls = sandbox.controls();
    let (started, wait) = mpsc::channel();
    let interrupter = std::thread::spawn(move || {
        wait.recv().expect("a start");
        std::thread::sleep(Duration::from_millis(200));
        controls.interrupt();
    });
    started.send(()).expect("a listener");
    assert_eq!(sandbox.run().outcome, Outcome::Exited { code: 6 });
    interrupter.join().expect("no panic");
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
                    let builder =
                        Sandbox::builder(image).isolation(ISOLATION).limits(limits).on("env.getpid()i", pid);
                    (number, builder.build().expect("a cell").run().outcome)
                })
            })
            .collect();
        for thread in threads {
            let (number, outcome) = thread.join().expect("no panic");
            match number % 4 {
                3 => assert!(matches!(outcome, Outcome::Deadline { .. }), "{outcome:?}"),
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
    assert_eq!(report.outcome, Outcome::OutputLimit { limit: 25 });
    assert_eq!(printed.bytes(), b"0123456789012345678901234");
    assert_eq!(report.output_bytes, 25);
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
