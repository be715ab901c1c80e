use bellglass::{Answer, Image, LimitKind, Limits, Outcome, Reached, Sandbox, Store};
use bellglass_testkit::ToyImage;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many runs are started and killed.
const RUNS: u64 = 1000;

/// How many sandboxes are there at once.
const CROWD: usize = 64;

const LIAR: &str = env!("CARGO_BIN_EXE_lying-cell");

/// Calls for ever: somewhere in it the kill comes.
const CALLING: &str = r#"(module (import "a" "b" (func $b (param i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "run") (result i32)
        (loop $again (drop (call $b (i32.const 0))) (br $again)) (i32.const 0)))"#;

const COMPUTING: &str = r#"(module (import "a" "b" (func $b (param i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "run") (result i32) (loop $again (br $again)) (i32.const 0)))"#;

const RETURNING: &str = r#"(module (import "a" "b" (func $b (param i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "run") (result i32) (call $b (i32.const 0))))"#;

const FAULTING: &str = r#"(module (import "a" "b" (func $b (param i32) (result i32)))
    (memory (export "memory") 2)
    (func (export "run") (result i32) unreachable))"#;

fn sandbox(image: &ToyImage, cell: Option<&str>, limits: Limits, answer: i32) -> Sandbox {
    let mut builder = Sandbox::builder(image.open()).limits(limits).on("a.b(i)i", move |call, _| {
        let mut bytes = [0; 8];
        call.memory.read(16, &mut bytes)?;
        call.memory.write(0, &bytes)?;
        Ok(Answer::i32(answer))
    });
    if let Some(cell) = cell {
        builder = builder.cell(cell);
    }
    builder.build().expect("a cell")
}

/// A sequence of numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth's constants; the low bits are the weak ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn runs_that_are_killed_at_any_moment_leave_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    crate::run_alone("crowd::a_thousand_kills", &[("TMPDIR", folder.path())]);
}

/// What this process holds of the system's.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    threads: usize,
    children: usize,
    temporary_files: usize,
}

fn held() -> Held {
    let count = |path: &str| std::fs::read_dir(path).map_or(0, Iterator::count);
    let tasks = std::fs::read_dir("/proc/self/task").expect("/proc").flatten();
    let children = |task: std::fs::DirEntry| {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        list.split_whitespace().count()
    };
    Held {
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
        children: tasks.map(children).sum(),
        temporary_files: std::fs::read_dir(std::env::temp_dir()).map_or(0, Iterator::count),
    }
}

/// What each descriptor is.
fn open() -> Vec<String> {
    let list = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    list.map(|one| format!("{:?}", std::fs::read_link(one.path()))).collect()
}

/// Waits until it is so, or for as long as a thread may take to leave.
fn eventually(is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(5);
    while !is_so() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
#[ignore = "runs_that_are_killed_at_any_moment_leave_nothing_behind runs it in a process of its own"]
fn a_thousand_kills() {
    let images = [CALLING, COMPUTING, RETURNING].map(ToyImage::from_wat);
    let threads = held().threads;
    // What is kept for all runs of an image is there after the first; the one
    // thread that watches the processor time of all of them leaves when nothing
    // is to be watched.
    images.iter().for_each(|image| drop(sandbox(image, None, Limits::default(), 0)));
    sandbox(&images[2], None, Limits::default(), 0).run();
    eventually(|| held().threads == threads);
    let before = held();
    let next = AtomicU64::new(0);
    let killed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= RUNS {
                        break;
                    }
                    let outcome = run_and_kill(&images[number as usize % images.len()], number);
                    killed
                        .fetch_add(u64::from(!matches!(outcome, Outcome::Exited { .. })), Ordering::Relaxed);
                }
            });
        }
    });
    eventually(|| held() == before);
    assert_eq!(held(), before, "open: {:?}", open());
    let killed = killed.into_inner();
    assert!(killed > RUNS / 2, "only {killed} of {RUNS} were killed in time to matter");
}

/// Starts a run, and ends it in one of the ways that there are, at a moment that
/// the number says.
fn run_and_kill(image: &ToyImage, number: u64) -> Outcome {
    let mut numbers = Numbers(number);
    let sandbox = sandbox(image, None, Limits::default(), 0);
    let moment = Duration::from_micros(numbers.below(4000));
    let way = numbers.below(4);
    if way == 0 {
        // Never run at all.
        std::thread::sleep(moment);
        drop(sandbox);
        return Outcome::Killed;
    }
    let controls = sandbox.controls();
    // A descriptor of the process, for its number may be another's by then.
    let cell = pidfd_open(child(), PidfdFlags::empty()).expect("a descriptor of the cell");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(moment);
        match way {
            1 => controls.kill(),
            // As the kernel does it when memory is short: it asks nobody.
            2 => drop(pidfd_send_signal(&cell, Signal::KILL)),
            _ => {
                controls.interrupt();
                std::thread::sleep(Duration::from_millis(1));
                controls.kill();
            }
        }
    });
    let outcome = sandbox.run().outcome;
    killer.join().expect("no panic");
    match (&outcome, way) {
        (Outcome::Exited { .. } | Outcome::Killed, _) => {}
        (Outcome::Breach { reason }, 2) => assert!(reason.contains("killed by somebody else"), "{reason}"),
        (other, way) => panic!("killed in way {way}: {other:?}"),
    }
    outcome
}

/// The process that this thread has started.
fn child() -> Pid {
    let children = std::fs::read_to_string("/proc/thread-self/children").expect("/proc");
    children.trim().parse().ok().and_then(Pid::from_raw).expect("one child")
}

/// The real interpreter, if it is built: the tests of the whole build it first.
/// Without it toys take its place.
fn python() -> Option<Image> {
    let image = Store::open_default().and_then(|store| store.find("python")).ok();
    image.filter(|image| image.is_for_engine(bellglass_engine::compatibility_key))
}

#[test]
fn a_crowd_of_good_and_hostile_guests_has_each_its_own_outcome() {
    let images = [RETURNING, FAULTING, COMPUTING].map(ToyImage::from_wat);
    let liars = [
        "hello\nawait\nframe 63\nsleep 9000",
        "hello\nawait\ncall 7 0\nsleep 9000",
        "hello\nawait\nflood",
        "hello\nawait\ndrip",
        "hello\nawait\nstop",
    ]
    .map(ToyImage::from_script);
    let has_python = python().is_some();
    let all_are_there = Barrier::new(CROWD);
    let run = |number: usize| {
        let limits = |seconds| Limits { timeout: Some(Duration::from_secs(seconds)), ..Limits::default() };
        let sandbox = match number % 8 {
            2 if has_python => {
                let code =
                    format!("import json; raise SystemExit(len(json.dumps([1] * 100)) - 300 + {number})");
                let builder = Sandbox::builder(python().expect("it is there"));
                builder.arguments(["-c", &code]).limits(limits(60)).build().expect("a cell")
            }
            0..3 => sandbox(&images[0], None, limits(60), number as i32),
            3 => sandbox(&images[1], None, limits(60), 0),
            4 => sandbox(&images[2], None, limits(2), 0),
            _ => sandbox(&liars[number / 8 % liars.len()], Some(LIAR), limits(2), 0),
        };
        all_are_there.wait();
        (number, sandbox.run().outcome)
    };
    let run = &run;
    let outcomes: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CROWD).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    for (number, outcome) in outcomes {
        let right = match (number % 8, &outcome) {
            (0..3, Outcome::Exited { code }) => *code == number as i32,
            (3, Outcome::Crashed { message, .. }) => message.contains("aborted"),
            (4, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })) => true,
            (5.., Outcome::Breach { .. }) => number / 8 % liars.len() < 3,
            (5.., Outcome::Limit(Reached { kind: LimitKind::Timeout, .. })) => number / 8 % liars.len() >= 3,
            _ => false,
        };
        assert!(right, "number {number}: {outcome:?}");
    }
}
