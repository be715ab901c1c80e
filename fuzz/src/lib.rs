//! What a target is judged by beside panics: the memory and the descriptors that one
//! input costs, and what of both is left when it is over.
//!
//! The bound on memory is the allocator's own: what would go beyond it fails where it
//! is asked for, so that the report shows who asked.

use cap::Cap;
use std::alloc::System;
use std::time::{Duration, Instant};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// How often an input is run that has left something behind. What is made once and
/// kept is there after the first; a leak grows each time.
const REPEATS: usize = 3;

/// How long threads that have ended may take to give back what they had.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs one input, and holds it to so many bytes of memory beyond what there was.
///
/// # Panics
/// If memory is left behind, each time that it is run.
pub fn weighed(bytes: usize, run: impl FnMut()) {
    judge(bytes, allocated, run);
}

/// As [`weighed`], for what opens files and starts threads.
///
/// # Panics
/// If memory or descriptors are left behind, each time that it is run.
pub fn watched(bytes: usize, run: impl FnMut()) {
    judge(bytes, Held::now, run);
}

fn judge(bytes: usize, now: fn() -> Held, mut run: impl FnMut()) {
    let mut left = Vec::new();
    for turn in 0..=REPEATS {
        let before = now();
        HEAP.set_limit(before.bytes + bytes).expect("it is above what is held");
        run();
        HEAP.set_limit(usize::MAX).expect("any limit is below this one");
        let patience = Instant::now() + if turn == REPEATS { PATIENCE } else { Duration::ZERO };
        loop {
            let more = now().since(&before);
            if more.is_nothing() {
                return;
            }
            if Instant::now() >= patience {
                left.push(more);
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    panic!("something is left behind each time: {left:?}");
}

/// What is held, or what more is held after something than before it.
#[derive(Debug)]
struct Held {
    bytes: usize,
    descriptors: usize,
}

impl Held {
    fn now() -> Self {
        let list = std::fs::read_dir("/proc/self/fd").expect("a system with /proc");
        let descriptors = list.count();
        Self { descriptors, ..allocated() }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(before.bytes),
            descriptors: self.descriptors.saturating_sub(before.descriptors),
        }
    }

    fn is_nothing(&self) -> bool {
        self.bytes == 0 && self.descriptors == 0
    }
}

/// Of bytes only, which costs nothing to ask for.
fn allocated() -> Held {
    Held { bytes: HEAP.allocated(), descriptors: 0 }
}
