//! A soak: one controller, with little memory and few descriptors of its own, and a
//! crowd of good and hostile guests in it at once, for as long as is wanted.
//!
//! ```text
//! soak SECONDS [WORD]
//! ```
//!
//! With a word, only hostile guests with that in their kind's name are among them.
//!
//! Each guest has an outcome that is right, and no run is over much after its
//! deadline. Now and then the crowd is let go: then the controller must hold what it
//! held the first time, of descriptors, processes, threads and files, and hardly a byte
//! more. A controller that dies of what a guest made it do has failed, too: it is a
//! process of its own, started by this one.
#![forbid(unsafe_code)]

mod good;
mod held;
mod hostile;
mod stage;

use cap::Cap;
use held::Held;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stage::{Numbers, Placement, Stage, Verdict};
use std::alloc::System;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Guests that run at once.
const CROWD: usize = 32;

/// Bytes of the controller's own memory. Each guest may fill its files in memory, and
/// as much again is for what the controller must know and do for it.
const HEAP: usize = CROWD * (16 << 20);

/// Bytes of all that the process may write to, memories of guests in threads
/// included.
const DATA: u64 = 4 << 30;

/// Descriptors that the process may have.
const DESCRIPTORS: u64 = 4096;

/// How long a guest may run after its deadline. All the others want the processor in
/// the meantime.
const LATE: Duration = Duration::from_secs(5);

/// A guest that takes so long will never end: none has a longer deadline.
const HANG: Duration = Duration::from_secs(120);

/// Time from one rest to the next, in a long soak.
const BETWEEN_RESTS: Duration = Duration::from_secs(60);

/// Rests in a short one.
const LEAST_RESTS: u32 = 4;

/// Bytes by which the heap at rest may grow, for what is filled by and by: tables,
/// names of threads.
const HEAP_GROWTH: usize = 2 << 20;

/// Bytes by which the resident memory at rest may grow: the allocator keeps pieces of
/// what was given back.
const RESIDENT_GROWTH: usize = 256 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// One sort of guest: what it does, and where it may run.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    places: &'static [Placement],
    run: fn(&Stage, Placement, &mut Numbers) -> Verdict,
}

/// What became of the guests of one kind.
#[derive(Default)]
struct Tally {
    count: u64,
    slowest: Duration,
}

/// What all threads of the crowd share.
struct Crowd<'a> {
    stage: &'a Stage,
    kinds: Vec<Kind>,
    gate: Barrier,
    /// Whether guests are still to be started before the next rest.
    is_open: AtomicBool,
    /// Whether the rest that comes is the last.
    is_over: AtomicBool,
    /// When each thread started its guest, in milliseconds, and 0 while it has none.
    begun: [AtomicU64; CROWD],
    /// What each runs, for a message about one that hangs.
    running: Mutex<[(&'static str, Option<Placement>); CROWD]>,
    tallies: Mutex<BTreeMap<(&'static str, &'static str), Tally>>,
    wrong: Mutex<Vec<String>>,
    start: Instant,
}

/// Set for the process that is the controller.
const IS_CONTROLLER: &str = "BELLGLASS_SOAK_CONTROLLER";

fn main() -> ExitCode {
    if std::env::var_os(IS_CONTROLLER).is_some() { soak() } else { judge() }
}

/// Runs the controller, with a folder of its own for all that is temporary.
fn judge() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder");
    let program = std::env::current_exe().expect("a path");
    let mut controller = Command::new(program);
    controller.args(std::env::args_os().skip(1)).env("TMPDIR", folder.path()).env(IS_CONTROLLER, "1");
    // Or the allocator keeps what it was given back, for each thread apart, and nothing
    // can be told from the resident memory.
    controller.env("MALLOC_ARENA_MAX", "2");
    controller.env("MALLOC_MMAP_THRESHOLD_", "65536").env("MALLOC_TRIM_THRESHOLD_", "65536");
    let ended = controller.status().expect("it starts");
    match ended.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => {
            eprintln!("soak: WRONG: the controller has died: {ended}");
            ExitCode::FAILURE
        }
    }
}

fn soak() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seconds = words.first().and_then(|word| word.parse().ok()).map(Duration::from_secs);
    let word = words.get(1).map_or("", String::as_str);
    let Some(time) = seconds else {
        eprintln!("soak: say for how many seconds");
        return ExitCode::from(2);
    };
    let stage = Stage::new();
    for (resource, most) in [(Resource::Nofile, DESCRIPTORS), (Resource::Data, DATA)] {
        let maximum = getrlimit(resource).maximum;
        setrlimit(resource, Rlimit { current: Some(most), maximum }).expect("less than there was");
    }
    ALLOCATOR.set_limit(HEAP).expect("it is more than is held");
    eprintln!("soak: {CROWD} guests at a time, {} MiB of heap, {DESCRIPTORS} descriptors", HEAP >> 20);
    let crowd = Crowd::new(&stage, word);
    if crowd.kinds.is_empty() {
        eprintln!("soak: no kind of guest has '{word}' in its name");
        return ExitCode::from(2);
    }
    let grown = std::thread::scope(|scope| {
        for number in 0..CROWD {
            let crowd = &crowd;
            scope.spawn(move || crowd.work(number));
        }
        crowd.conduct(time)
    });
    crowd.print();
    let wrong = crowd.wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failures = wrong.len() + grown.len();
    wrong.iter().chain(&grown).take(40).for_each(|reason| eprintln!("soak: WRONG: {reason}"));
    eprintln!("soak: {} s, {failures} failures", crowd.start.elapsed().as_secs());
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl<'a> Crowd<'a> {
    fn new(stage: &'a Stage, word: &str) -> Self {
        let hostile = hostile::KINDS.into_iter().filter(|kind| kind.name.contains(word));
        Self {
            stage,
            // Turn about, so that at any time there are both.
            kinds: good::KINDS.into_iter().cycle().zip(hostile).flat_map(|(good, bad)| [good, bad]).collect(),
            gate: Barrier::new(CROWD + 1),
            is_open: AtomicBool::new(true),
            is_over: AtomicBool::new(false),
            begun: [const { AtomicU64::new(0) }; CROWD],
            running: Mutex::new([("", None); CROWD]),
            tallies: Mutex::default(),
            wrong: Mutex::default(),
            start: Instant::now(),
        }
    }

    /// One thread of the crowd: guest after guest, and rests.
    fn work(&self, number: usize) {
        let mut numbers = Numbers(number as u64);
        let mut turn = number * self.kinds.len() / CROWD;
        while !self.is_over.load(Ordering::SeqCst) {
            while self.is_open.load(Ordering::SeqCst) {
                let kind = &self.kinds[turn % self.kinds.len()];
                // Another place each time around.
                let place = kind.places[(turn / self.kinds.len() + number) % kind.places.len()];
                self.run(number, kind, place, &mut numbers);
                turn += 1;
            }
            // All are done: the controller is looked at. Then they go on.
            self.gate.wait();
            self.gate.wait();
        }
    }

    fn run(&self, number: usize, kind: &Kind, place: Placement, numbers: &mut Numbers) {
        lock(&self.running)[number] = (kind.name, Some(place));
        self.begun[number].store(self.now(), Ordering::SeqCst);
        let begun = Instant::now();
        let run = AssertUnwindSafe(|| (kind.run)(self.stage, place, numbers));
        let verdict = std::panic::catch_unwind(run).unwrap_or_else(|_| Err("it panicked".to_owned()));
        self.begun[number].store(0, Ordering::SeqCst);
        if let Err(reason) = verdict {
            lock(&self.wrong).push(format!("{} in a {}: {reason}", kind.name, place.name()));
        }
        let mut tallies = lock(&self.tallies);
        let tally = tallies.entry((kind.name, place.name())).or_default();
        tally.count += 1;
        tally.slowest = tally.slowest.max(begun.elapsed());
    }

    /// Milliseconds since the start, and never 0.
    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64 + 1
    }

    /// Lets the crowd work and rest until the time is over. Gives what has grown.
    fn conduct(&self, time: Duration) -> Vec<String> {
        let rests = (time.as_secs() / BETWEEN_RESTS.as_secs()).max(u64::from(LEAST_RESTS)) as u32;
        let mut at_rest: Vec<Held> = Vec::new();
        for rest in 1..=rests {
            let most = self.watch(Instant::now() + time / rests);
            self.is_open.store(false, Ordering::SeqCst);
            self.await_all();
            self.gate.wait();
            let held = self.stage.settled(at_rest.first());
            eprintln!(
                "soak: {} s: {} guests, {} wrong; at rest: {held}; at most: {most}",
                self.start.elapsed().as_secs(),
                lock(&self.tallies).values().map(|tally| tally.count).sum::<u64>(),
                lock(&self.wrong).len(),
            );
            at_rest.push(held);
            self.is_open.store(true, Ordering::SeqCst);
            self.is_over.store(rest == rests, Ordering::SeqCst);
            if rest == rests {
                self.is_open.store(false, Ordering::SeqCst);
            }
            self.gate.wait();
        }
        grown(&at_rest)
    }

    /// Looks at the process until then, and at guests that hang.
    fn watch(&self, until: Instant) -> Held {
        let mut most = Held::default();
        while Instant::now() < until {
            most = most.and(&Held::now());
            self.check_for_hangs();
            std::thread::sleep(Duration::from_millis(250));
        }
        most
    }

    fn await_all(&self) {
        while self.begun.iter().any(|begun| begun.load(Ordering::SeqCst) != 0) {
            self.check_for_hangs();
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the soak for a guest that never ends: nothing else would.
    fn check_for_hangs(&self) {
        for (begun, (kind, place)) in self.begun.iter().zip(*lock(&self.running)) {
            let begun = begun.load(Ordering::SeqCst);
            if begun != 0 && self.now().saturating_sub(begun) > HANG.as_millis() as u64 {
                let place = place.map_or("", Placement::name);
                eprintln!("soak: WRONG: {kind} in a {place} has not ended after {HANG:?}");
                std::process::exit(1);
            }
        }
    }

    fn print(&self) {
        for ((kind, place), Tally { count, slowest }) in &*lock(&self.tallies) {
            eprintln!("soak: {count:>6} of {kind} in a {place}, the slowest took {slowest:.1?}");
        }
    }
}

/// What is more at the later rests than it was at the first.
fn grown(at_rest: &[Held]) -> Vec<String> {
    let mut grown = Vec::new();
    let (Some(first), Some(last)) = (at_rest.first(), at_rest.last()) else { return grown };
    if !last.holds_no_more_than(first) {
        grown.push(format!("something is left behind: first {first}, at the end {last}"));
    }
    // The medians of the first and the last quarter.
    let quarter = at_rest.len().div_ceil(4);
    let median = |rests: &[Held], of: fn(&Held) -> usize| {
        let mut values: Vec<usize> = rests.iter().map(of).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    let (early, late) = (&at_rest[..quarter], &at_rest[at_rest.len() - quarter..]);
    let heap: fn(&Held) -> usize = |held| held.heap_bytes;
    let resident: fn(&Held) -> usize = |held| held.resident_bytes;
    for (what, of, growth) in [("heap", heap, HEAP_GROWTH), ("resident memory", resident, RESIDENT_GROWTH)] {
        let (early, late) = (median(early, of), median(late, of));
        if late > early + growth {
            grown.push(format!("the {what} at rest grew from {early} bytes to {late}"));
        }
    }
    grown
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
