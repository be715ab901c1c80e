use bellglass::{LimitKind, Limits, Outcome, Pool, Reached, Sandbox};
use bellglass_testkit::ToyImage;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Returns what stands in its memory, and leaves something there.
const MARKING: &str = r#"(module (memory (export "memory") 2) (global $seen (mut i32) (i32.const 5))
    (func (export "run") (result i32) (local $found i32)
        (local.set $found (i32.add (global.get $seen) (i32.load (i32.const 70000))))
        (global.set $seen (i32.const 100))
        (i32.store (i32.const 70000) (i32.const 1000))
        (local.get $found)))"#;

fn toy(wat: &str) -> ToyImage {
    ToyImage::from_wat(wat)
}

fn wait_until_ready(pool: &Pool, count: usize) {
    let begun = Instant::now();
    while pool.ready() < count {
        assert!(begun.elapsed() < PATIENCE, "only {} cells are ready", pool.ready());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn nothing_of_one_guest_is_in_the_next() {
    let image = toy(MARKING);
    let pool = Pool::builder(image.open()).size(3).build().expect("a pool");
    for run in 0..200 {
        if run % 10 == 0 {
            wait_until_ready(&pool, 1);
        }
        let report = pool.sandbox().build().expect("a cell").run();
        assert_eq!(report.outcome, Outcome::Exited { code: 5 }, "run {run}");
    }
}

#[test]
fn a_warm_cell_has_the_walls_of_any_other() {
    let image = toy(MARKING);
    let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
    wait_until_ready(&pool, 1);
    let warm = pool.sandbox().build().expect("a warm cell");
    let cold = Sandbox::builder(image.open()).build().expect("a cold cell");
    let (warm, cold) = (warm.run().walls, cold.run().walls);
    assert!(!warm.is_empty());
    let shape = |walls: &[bellglass::Wall]| -> Vec<(String, bool)> {
        walls.iter().map(|wall| (wall.name.clone(), wall.active)).collect()
    };
    assert_eq!(shape(&warm), shape(&cold));
}

#[test]
fn hostile_cells_of_a_pool_are_ended_as_any_other() {
    let script = "hello\nawait\nsend ff ff ff ff\nsleep 9000";
    let image = ToyImage::from_script(script);
    let liar = env!("CARGO_BIN_EXE_lying-cell");
    let pool = Pool::builder(image.open()).size(2).cell(liar).build().expect("a pool");
    for _ in 0..6 {
        let limits = Limits { timeout: Some(Duration::from_millis(800)), ..Limits::default() };
        let begun = Instant::now();
        let report = pool.sandbox().limits(limits).build().expect("the hello is right").run();
        assert!(matches!(report.outcome, Outcome::Breach { .. }), "{:?}", report.outcome);
        assert!(begun.elapsed() < PATIENCE);
    }
}

#[test]
fn a_pool_of_another_image_is_not_used() {
    let (image, other) = (
        toy(MARKING),
        toy(r#"(module (memory (export "memory") 1)
        (func (export "run") (result i32) i32.const 9))"#),
    );
    let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
    wait_until_ready(&pool, 1);
    let report = Sandbox::builder(other.open()).pool(&pool).build().expect("a cell").run();
    assert_eq!(report.outcome, Outcome::Exited { code: 9 });
    assert_eq!(pool.ready(), 1);
}

#[test]
fn sandboxes_outlive_their_pool() {
    let image = toy(MARKING);
    let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
    wait_until_ready(&pool, 1);
    let sandbox = pool.sandbox().build().expect("a warm cell");
    drop(pool);
    assert_eq!(sandbox.run().outcome, Outcome::Exited { code: 5 });
}

/// A module may have code that runs when its guest is made, which is before anybody
/// has asked for a run where that is done beforehand.
#[test]
fn code_that_runs_when_a_guest_is_made_is_held_to_the_runs_limits() {
    let pool_of = |start: &str| {
        let image = toy(&format!(
            r#"(module (memory (export "memory") 1) (func $start {start}) (start $start)
                (func (export "run") (result i32) (i32.load (i32.const 64))))"#
        ));
        let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
        wait_until_ready(&pool, 1);
        (image, pool)
    };
    let limits = Limits {
        memory_bytes: 4 << 20,
        timeout: Some(Duration::from_millis(300)),
        grace: Duration::ZERO,
        ..Limits::default()
    };
    let run = |pool: &Pool| pool.sandbox().limits(limits.clone()).build().expect("a cell").run().outcome;
    let (_image, endless) = pool_of("(loop $again (br $again))");
    assert!(matches!(run(&endless), Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })));
    let grow = "(i32.store (i32.const 64) (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)))";
    let (_image, greedy) = pool_of(grow);
    assert_eq!(run(&greedy), Outcome::Exited { code: 1 }, "it got what it may not have");
}
