//! Each limit that only a running guest meets: the outcome, and what the report says.

use super::ISOLATION;
use bellglass::{LimitKind, Limits, Mount, Outcome, Reached, Report, Sandbox, SandboxBuilder};
use bellglass_testkit::ToyImage;
use std::time::Duration;

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The service's limits, with time enough for a busy machine.
fn base() -> Limits {
    Limits { timeout: Some(Duration::from_secs(60)), ..Limits::default() }
}

/// Runs a guest with this body, which can ask for its number, wait for a clock
/// (`$sleep`, in nanoseconds) and grow its table.
fn run(body: &str, limits: Limits) -> Report {
    let wat = format!(
        r#"(module (import "linux" "getpid" (func $getpid (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (table $table 1 funcref)
        (func $sleep (param $time i64)
            (i64.store (i32.const 24) (local.get $time))
            (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
        (func (export "run") (result i32) (local $left i32) {body}))"#
    );
    run_image(&ToyImage::from_wat(&wat), limits)
}

fn run_image(image: &ToyImage, limits: Limits) -> Report {
    Sandbox::builder(image.open()).isolation(ISOLATION).limits(limits).build().expect("a cell").run()
}

/// A guest whose one call fills most of a large memory with random bytes.
const ONE_LONG_CALL: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 8000)
    (func (export "run") (result i32) (call $random (i32.const 0) (i32.const 0x1f400000))))"#;

/// How much later a run may end than it must, on a busy machine.
const LATE: Duration = milliseconds(600);

#[test]
fn one_long_call_ends_at_the_deadline_and_at_a_kill() {
    let image = ToyImage::from_wat(ONE_LONG_CALL);
    let timeout = milliseconds(200);
    let report = run_image(&image, Limits { timeout: Some(timeout), ..base() });
    assert!(
        matches!(report.outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })),
        "{:?}",
        report.outcome
    );
    assert!(report.wall_time < timeout + LATE, "{:?}", report.wall_time);
    let sandbox = Sandbox::builder(image.open()).isolation(ISOLATION).limits(base()).build().expect("a cell");
    let controls = sandbox.controls();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(timeout);
        controls.kill();
    });
    let report = sandbox.run();
    killer.join().expect("no panic");
    assert_eq!(report.outcome, Outcome::Killed);
    assert!(report.wall_time < timeout + LATE, "{:?}", report.wall_time);
}

const ENDLESS: &str = "(loop $l (br $l)) (i32.const 0)";

#[test]
fn processor_time() {
    let limit = milliseconds(300);
    let report = run(ENDLESS, Limits { processor_time: Some(limit), ..base() });
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::ProcessorTime.after(limit)));
    assert_eq!(report.limits_met, [LimitKind::ProcessorTime]);
    assert!(report.cpu_time >= limit, "{:?}", report.cpu_time);
    // Whoever only waits uses none.
    let report = run(
        "(call $sleep (i64.const 600000000)) (i32.const 0)",
        Limits { processor_time: Some(limit), ..base() },
    );
    assert_eq!(report.outcome, Outcome::Exited { code: 0 });
    assert_eq!(report.limits_met, []);
}

#[test]
fn calls() {
    let body = "(loop $l (drop (call $getpid)) (br $l)) (i32.const 0)";
    let report = run(body, Limits { calls: Some(1000), ..base() });
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Calls.at(1000)));
    assert_eq!(report.limits_met, [LimitKind::Calls]);
    assert_eq!(report.calls[0].count, 1000);
}

#[test]
fn calls_a_second() {
    let body = "(local.set $left (i32.const 400)) (loop $l (drop (call $getpid))
        (br_if $l (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) (i32.const 0)";
    let report = run(body, Limits { calls_per_second: Some(200), ..base() });
    assert_eq!(report.outcome, Outcome::Exited { code: 0 });
    assert_eq!(report.limits_met, [LimitKind::CallsPerSecond]);
    // The first 200 are free.
    assert!(report.wall_time >= milliseconds(900), "{:?}", report.wall_time);
    let report = run(body, Limits { calls_per_second: Some(400), ..base() });
    assert_eq!(report.limits_met, []);
}

#[test]
fn sleep() {
    let limit = milliseconds(300);
    let long = "(call $sleep (i64.const 500000000000)) (i32.const 0)";
    let report = run(long, Limits { longest_sleep: Some(limit), ..base() });
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Sleep.after(limit)));
    assert_eq!(report.limits_met, [LimitKind::Sleep]);
    assert!(report.wall_time < Duration::from_secs(30), "it ends when it asks: {:?}", report.wall_time);

    let often = "(loop $l (call $sleep (i64.const 100000000)) (br $l)) (i32.const 0)";
    let report = run(often, Limits { sleep_time: Some(limit), ..base() });
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Sleep.after(limit)));
    assert!(report.wall_time >= milliseconds(200), "{:?}", report.wall_time);
    // Each of them is short enough, and together as well.
    let once = "(call $sleep (i64.const 100000000)) (i32.const 7)";
    let report = run(once, Limits { sleep_time: Some(limit), longest_sleep: Some(limit), ..base() });
    assert_eq!((report.outcome, report.limits_met), (Outcome::Exited { code: 7 }, vec![]));
}

#[test]
fn what_it_takes_to_look_through_what_is_mounted_is_of_the_time() {
    let timeout = milliseconds(300);
    let endless = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1) (func (export "run") (result i32) (loop $l (br $l)) (i32.const 0)))"#,
    );
    let limits = Limits { timeout: Some(timeout), ..Limits::default() };
    let builder = Sandbox::builder(endless.open()).limits(limits).isolation(ISOLATION);
    let mounts = (0..20_000).map(|number| Mount::bytes(*b"x", format!("/made/{number}")));
    let report = mounts.fold(builder, SandboxBuilder::mount).build().expect("a cell").run();
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Timeout.after(timeout)));
    // Of which the program had less.
    assert!(report.wall_time >= timeout, "{:?}", report.wall_time);
}

/// A guest that ends with 6 once it is told of a signal, or that never hears of one.
fn warned(hears: bool) -> ToyImage {
    let condition = if hears { "(i32.eqz (i32.load (i32.const 256)))" } else { "(i32.const 1)" };
    let wat = format!(
        r#"(module (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\40\00\00\00\01\00\00\00" "\00\01\00\00\01\00\00\00\00\00\00\00")
        (data (i32.const 64) "\00\00\00\00\00\00\00\00\02\00\00\00")
        (func (export "interrupts") (result i32) (i32.const 0))
        (func (export "run") (result i32) (loop $l (br_if $l {condition})) (i32.const 6)))"#
    );
    ToyImage::from_wat(&wat)
}

#[test]
fn the_grace_after_the_deadline() {
    let timeout = milliseconds(200);
    let limits = |grace| Limits { timeout: Some(timeout), grace, ..Limits::default() };
    let report = run_image(&warned(true), limits(Duration::from_secs(30)));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Timeout.after(timeout)));
    assert_eq!((report.exit_code, &*report.limits_met), (Some(6), &[LimitKind::Timeout][..]));
    assert!((timeout..Duration::from_secs(20)).contains(&report.wall_time), "{:?}", report.wall_time);

    let report = run_image(&warned(false), limits(milliseconds(400)));
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Timeout.after(timeout)));
    assert_eq!((report.exit_code, &*report.limits_met), (None, &[LimitKind::Timeout][..]));
    assert!(report.wall_time >= milliseconds(600), "{:?}", report.wall_time);
}

#[test]
fn function_tables() {
    let grows = |by: u32, then: &str| {
        format!(
            "(if (i32.eq (table.grow $table (ref.null func) (i32.const {by})) (i32.const -1)) (then {then})) (i32.const 0)"
        )
    };
    let limits = || Limits { table_elements: 50, ..base() };
    let report = run(&grows(100, "unreachable"), limits());
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::Table.at(50)));
    assert_eq!(report.limits_met, [LimitKind::Table]);
    let report = run(&grows(100, "(return (i32.const 5))"), limits());
    assert_eq!((report.outcome, report.limits_met), (Outcome::Exited { code: 5 }, vec![LimitKind::Table]));
    let report = run(&grows(49, "unreachable"), limits());
    assert_eq!((report.outcome, report.limits_met), (Outcome::Exited { code: 0 }, vec![]));
}
