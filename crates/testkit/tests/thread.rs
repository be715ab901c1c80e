//! A guest in a thread must not be able to hurt the process that it is in.

#[allow(clippy::duplicate_mod, reason = "the same tests under each isolation")]
#[path = "guests.rs"]
mod guests;
#[allow(clippy::duplicate_mod, reason = "the same tests under each isolation")]
#[path = "later.rs"]
mod later;
#[allow(clippy::duplicate_mod, reason = "the same tests under each isolation")]
#[path = "limits.rs"]
mod limits;

use bellglass::{
    Answer, Capture, Image, Isolation, LimitKind, Limits, Outcome, Output, Reached, Sandbox, SandboxBuilder,
};
use bellglass_testkit::ToyImage;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const ISOLATION: Isolation = Isolation::Thread;

fn sandbox(image: Image) -> SandboxBuilder {
    Sandbox::builder(image).isolation(ISOLATION)
}

fn outcome(wat: &str, limits: Limits) -> Outcome {
    sandbox(ToyImage::from_wat(wat).open()).limits(limits).build().expect("a sandbox").run().outcome
}

fn short() -> Limits {
    Limits { timeout: Some(Duration::from_millis(200)), ..Limits::default() }
}

/// How long a run may take that is to end at 200 ms, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_guest_that_recurses_is_stopped_on_a_thread_with_a_small_stack() {
    let wat = r#"(module (memory (export "memory") 1)
        (func $deep (param i64 i64 i64) (result i64)
            (i64.add (call $deep (local.get 0) (local.get 1) (i64.add (local.get 2) (i64.const 1))) (local.get 2)))
        (func (export "run") (result i32)
            (i32.wrap_i64 (call $deep (i64.const 1) (i64.const 2) (i64.const 3)))))"#;
    let image = ToyImage::from_wat(wat);
    let run = move || {
        // Again and again on the same small stack: nothing of one guest's stays.
        for _ in 0..3 {
            let report = sandbox(image.open()).build().expect("a sandbox").run();
            match report.outcome {
                Outcome::Crashed { message, .. } => assert!(message.contains("stack"), "{message}"),
                other => panic!("{other:?}"),
            }
        }
    };
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(run);
    thread.expect("a thread").join().expect("no panic");
}

#[test]
fn a_loop_ends_at_its_deadline_wherever_it_is() {
    let loops = [
        // In the exported function, in a function that it calls, in a table's.
        r#"(module (memory (export "memory") 1) (func (export "run") (loop $l (br $l))))"#,
        r#"(module (memory (export "memory") 1) (func $f (loop $l (br $l))) (func (export "run") (call $f)))"#,
        r#"(module (memory (export "memory") 1) (table 1 funcref) (type $t (func)) (elem (i32.const 0) $f)
            (func $f (loop $l (br $l))) (func (export "run") (call_indirect (type $t) (i32.const 0))))"#,
        // Before it runs at all: in the module's start function.
        r#"(module (memory (export "memory") 1) (func $f (loop $l (br $l))) (start $f) (func (export "run")))"#,
        r#"(module (memory (export "memory") 1) (func (export "_initialize") (loop $l (br $l)))
            (func (export "run")))"#,
        // Between calls that never leave WebAssembly.
        r#"(module (memory (export "memory") 1) (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "run") (loop $l (call $f (i32.const 1000)) (br $l))))"#,
    ];
    for wat in loops {
        let begun = Instant::now();
        let outcome = outcome(wat, short());
        assert!(
            matches!(outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })),
            "{outcome:?} of {wat}"
        );
        assert!(begun.elapsed() < PATIENCE, "{:?} for {wat}", begun.elapsed());
    }
}

#[test]
fn a_loop_inside_a_memory_hook_ends_at_its_deadline() {
    let wat = r#"(module (import "a" "b" (func $b (result i32))) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (loop $l (br $l)) (i32.const 0))
        (func (export "free") (param i32))
        (func (export "run") (result i32) (call $b)))"#;
    let report = sandbox(ToyImage::from_wat(wat).open())
        .limits(short())
        .on("a.b()i", |call, _| Ok(Answer::i32(call.memory.allocate(8)? as i32)))
        .build()
        .expect("a sandbox")
        .run();
    assert!(
        matches!(report.outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })),
        "{:?}",
        report.outcome
    );
}

/// What answers a call works in the guest's thread, and for it.
#[test]
fn one_long_call_ends_when_the_processor_time_is_used_up() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 8000)
        (func (export "run") (result i32) (call $random (i32.const 0) (i32.const 0x1f400000))))"#;
    let limit = Duration::from_millis(100);
    let limits = Limits { processor_time: Some(limit), ..Limits::default() };
    let image = ToyImage::from_wat(wat);
    let report = sandbox(image.open()).limits(limits).build().expect("a sandbox").run();
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::ProcessorTime.after(limit)));
    assert!(report.cpu_time < limit * 4, "{:?}", report.cpu_time);
}

#[test]
fn a_fault_inside_a_memory_hook_is_the_guests() {
    let wat = r#"(module (import "a" "b" (func $b (result i32))) (memory (export "memory") 1)
        (func $malloc (export "malloc") (param i32) (result i32) (call $malloc (local.get 0)))
        (func (export "free") (param i32))
        (func (export "run") (result i32) (call $b)))"#;
    let report = sandbox(ToyImage::from_wat(wat).open())
        .on("a.b()i", |call, _| Ok(Answer::i32(call.memory.allocate(8)? as i32)))
        .build()
        .expect("a sandbox")
        .run();
    assert!(matches!(report.outcome, Outcome::Crashed { .. }), "{:?}", report.outcome);
}

#[test]
fn a_fault_inside_a_memory_hook_ends_the_guest_also_if_the_handler_takes_no_notice() {
    let wat = r#"(module (import "a" "b" (func $b (result i32))) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) unreachable)
        (func (export "free") (param i32) unreachable)
        (func (export "run") (result i32) (call $b)))"#;
    for hook in ["malloc", "free"] {
        let report = sandbox(ToyImage::from_wat(wat).open())
            .on("a.b()i", move |call, _| {
                match hook {
                    "malloc" => drop(call.memory.allocate(8)),
                    _ => drop(call.memory.free(8)),
                }
                Ok(Answer::i32(0))
            })
            .build()
            .expect("a sandbox")
            .run();
        assert!(matches!(report.outcome, Outcome::Crashed { .. }), "{hook}: {:?}", report.outcome);
    }
}

#[test]
fn memory_grows_to_the_limit_and_no_further() {
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
            (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))
            (memory.size)))"#;
    let limits = Limits { memory_bytes: 32 << 20, ..Limits::default() };
    // 1 page, and then 16 at a time up to 512.
    assert_eq!(outcome(wat, limits), Outcome::Exited { code: 497 });
}

#[test]
fn a_wait_inside_a_handler_ends_at_the_deadline_and_at_a_kill() {
    // poll_oneoff for an hour.
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\a0\b8\30\46\03\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
        (func (export "run") (result i32) (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))"#;
    let begun = Instant::now();
    let ended = outcome(wat, short());
    assert!(matches!(ended, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })), "{ended:?}");
    let sandbox = sandbox(ToyImage::from_wat(wat).open()).build().expect("a sandbox");
    let controls = sandbox.controls();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        controls.kill();
    });
    assert_eq!(sandbox.run().outcome, Outcome::Killed);
    killer.join().expect("no panic");
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn a_kill_before_the_run_is_not_missed() {
    let wat = r#"(module (memory (export "memory") 1) (func (export "run") (loop $l (br $l))))"#;
    let sandbox = sandbox(ToyImage::from_wat(wat).open()).build().expect("a sandbox");
    sandbox.controls().kill();
    assert_eq!(sandbox.run().outcome, Outcome::Killed);
}

#[test]
fn kills_at_any_moment_end_every_guest() {
    let wat = r#"(module (import "linux" "getpid" (func $getpid (result i32))) (memory (export "memory") 1)
        (func (export "run") (loop $l (drop (call $getpid)) (br $l))))"#;
    let image = ToyImage::from_wat(wat);
    for turn in 0..300 {
        let sandbox = sandbox(image.open()).build().expect("a sandbox");
        let controls = sandbox.controls();
        let killer = std::thread::spawn(move || {
            // From before the guest is there to well inside its run.
            for _ in 0..turn * 40 {
                std::hint::spin_loop();
            }
            controls.kill();
        });
        let begun = Instant::now();
        assert_eq!(sandbox.run().outcome, Outcome::Killed);
        assert!(begun.elapsed() < PATIENCE, "turn {turn} took {:?}", begun.elapsed());
        killer.join().expect("no panic");
    }
}

#[test]
fn interrupts_at_any_moment_reach_the_guest() {
    let wat = r#"(module (memory (export "memory") 1)
        (data (i32.const 0) "\03\00\00\00\40\00\00\00\01\00\00\00" "\00\01\00\00\06\00\00\00\00\00\00\00")
        (data (i32.const 64) "\01\00\00\00\01\00\00\00\02\00\00\00")
        (func (export "interrupts") (result i32) (i32.const 0))
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.eqz (i32.load (i32.const 256))))) (i32.load (i32.const 256))))"#;
    let image = ToyImage::from_wat(wat);
    for turn in 0..300 {
        let sandbox = sandbox(image.open()).build().expect("a sandbox");
        let controls = sandbox.controls();
        let interrupter = std::thread::spawn(move || {
            for _ in 0..turn * 40 {
                std::hint::spin_loop();
            }
            controls.interrupt();
        });
        assert_eq!(sandbox.run().outcome, Outcome::Exited { code: 6 }, "turn {turn}");
        interrupter.join().expect("no panic");
    }
}

#[test]
fn sixty_four_at_once_each_end_in_their_own_way() {
    let looping = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1) (func (export "run") (loop $l (br $l))))"#,
    );
    let faulty =
        ToyImage::from_wat(r#"(module (memory (export "memory") 1) (func (export "run") unreachable))"#);
    let deep =
        ToyImage::from_wat(r#"(module (memory (export "memory") 1) (func $f (export "run") (call $f)))"#);
    let right = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 7)))"#,
    );
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|number| {
                let image = [&looping, &faulty, &deep, &right][number % 4].open();
                // To touch a whole stack takes a while, with so many at once.
                let limits = if number % 4 == 0 { short() } else { Limits::default() };
                scope.spawn(move || (number, sandbox(image).limits(limits).build().expect("a sandbox").run()))
            })
            .collect();
        for thread in threads {
            let (number, report) = thread.join().expect("no panic");
            match (number % 4, report.outcome) {
                (0, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }))
                | (1 | 2, Outcome::Crashed { .. })
                | (3, Outcome::Exited { code: 7 }) => {}
                (kind, other) => panic!("{kind} ended as {other:?}"),
            }
        }
    });
}

#[test]
fn a_handler_that_panics_ends_its_own_run_only() {
    let wat =
        r#"(module (import "a" "b" (func $b)) (memory (export "memory") 1) (func (export "run") (call $b)))"#;
    let image = ToyImage::from_wat(wat);
    let failing =
        sandbox(image.open()).on("a.b()", |_, _| panic!("as the test wants")).build().expect("a sandbox");
    let (ended, end) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| failing.run()));
        let _ = ended.send(caught.is_err());
    });
    assert_eq!(end.recv_timeout(PATIENCE), Ok(true));
    thread.join().expect("the panic was caught");
    let after = sandbox(image.open()).on("a.b()", |_, _| Ok(Answer::none())).build().expect("a sandbox");
    assert_eq!(after.run().outcome, Outcome::Exited { code: 0 });
}

#[test]
fn a_sandbox_that_is_dropped_leaves_nothing_behind() {
    crate::run_alone("thread::a_hundred_sandboxes", &[]);
}

#[test]
#[ignore = "a_sandbox_that_is_dropped_leaves_nothing_behind runs it in a process of its own"]
fn a_hundred_sandboxes() {
    let image = ToyImage::from_wat(r#"(module (memory (export "memory") 1) (func (export "run")))"#);
    let descriptors = || std::fs::read_dir("/proc/self/fd").expect("a list").count();
    let both = || {
        drop(sandbox(image.open()).build().expect("a sandbox"));
        sandbox(image.open()).stdout(Output::Capture(Capture::new())).build().expect("a sandbox").run();
    };
    // The first run loads the image; the second opens what later guests share.
    both();
    both();
    let before = descriptors();
    (0..100).for_each(|_| both());
    assert_eq!(descriptors(), before);
}

#[test]
fn code_that_others_may_write_is_not_loaded() {
    use std::os::unix::fs::PermissionsExt;
    let image = ToyImage::from_wat(r#"(module (memory (export "memory") 1) (func (export "run")))"#);
    let opened = image.open();
    for (mode, reason) in [(0o666, "every user may write to it"), (0o664, "its group")] {
        for part in std::fs::read_dir(opened.path()).expect("the image's folder") {
            let path = part.expect("a part").path();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        }
        // Neither when it is opened, nor when it was opened before.
        let error = bellglass::Image::open(opened.path()).expect_err("it is refused");
        assert!(error.to_string().contains("may write to it"), "{error}");
        let error = sandbox(opened.clone()).build().err().expect("it is refused");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
