//! The walls around a process that compiles one module of somebody's. The compiler is
//! a large program that reads hostile input: what takes it over finds itself where it
//! can compute, use memory up to a bound and write to those who wait for the code.

use crate::filter;
use crate::policy::{Check, Rule, rule};
use crate::walls::{enter, limit, wall};
use bellglass_wire::Wall;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Addresses that a compiler takes beside its memory: its program and libraries, and
/// what the allocator sets aside for each thread.
const ADDRESS_BYTES: u64 = 2 << 30;

/// What a process that compiles may use.
#[derive(Clone, Copy, Debug)]
pub struct CompilerBounds {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Seconds of processor time, of all threads together. At their end it gets
    /// SIGXCPU, which ends it.
    pub processor_seconds: u64,
}

/// The walls that a compiler must be behind in any case: without them a module costs
/// what it likes.
pub const COMPILER_BOUNDS: &[&str] = &[MEMORY_BOUND, PROCESSOR_TIME];

/// The wall that holds most of what a module may have made of its compiler.
pub const COMPILER_FILTER: &str = "system_call_filter";

const MEMORY_BOUND: &str = "memory_bound";
const PROCESSOR_TIME: &str = "processor_time";

/// Where the code goes, and the sentence that says why there is none.
const CODE_OR_WORDS: &[u64] = &[1, 2];

const NO_ACCESS: u64 = libc::PROT_NONE as u64;
const READ_AND_WRITE: u64 = (libc::PROT_READ | libc::PROT_WRITE) as u64;

/// What of mmap's flags the allocator uses: nothing is shared, grows by itself or
/// replaces what is there.
const MAPPINGS: &[u64] = &[
    (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64,
    (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE) as u64,
];

/// What a process that compiles may ask of the kernel once its threads are there and
/// it has read the module.
const COMPILER: &[Rule] = &[
    rule("write", libc::SYS_write, &[Check::OneOf { argument: 0, values: CODE_OR_WORDS }]),
    // The allocator, of each thread. No memory can be run.
    rule(
        "mmap",
        libc::SYS_mmap,
        &[
            Check::OneOf { argument: 2, values: &[NO_ACCESS, READ_AND_WRITE] },
            Check::OneOf { argument: 3, values: MAPPINGS },
        ],
    ),
    rule("mprotect", libc::SYS_mprotect, &[Check::OneOf { argument: 2, values: &[READ_AND_WRITE] }]),
    rule("munmap", libc::SYS_munmap, &[]),
    rule("mremap", libc::SYS_mremap, &[Check::OneOf { argument: 3, values: &[libc::MREMAP_MAYMOVE as u64] }]),
    rule("brk", libc::SYS_brk, &[]),
    // Threads that wait for each other and for work.
    rule("futex", libc::SYS_futex, &[]),
    rule("sched_yield", libc::SYS_sched_yield, &[]),
    // The seeds of a thread's first hash table.
    rule("getrandom", libc::SYS_getrandom, &[]),
    // The end; the main thread takes down its stack for signals before it.
    rule("sigaltstack", libc::SYS_sigaltstack, &[]),
    rule("exit_group", libc::SYS_exit_group, &[]),
];

/// Puts up the walls that a compiler can read its module and start its threads behind.
/// Call it first of all, as [`enter`]; [`lock_down_compiler`] comes before the compiler
/// looks at the module.
pub fn enter_compiler(bounds: &CompilerBounds) -> Vec<Wall> {
    let mut walls = enter();
    keep_memory();
    walls.push(wall(MEMORY_BOUND, bound_memory(bounds.memory_bytes)));
    walls.push(wall(PROCESSOR_TIME, bound_time(bounds.processor_seconds)));
    walls
}

/// Puts up the last walls around a compiler, for all threads that there are: no further
/// process or thread, no file, no system call beside those for memory, for threads that
/// wait for each other, and for writing to who waits for the code.
pub fn lock_down_compiler() -> Vec<Wall> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let processes = wall("no_processes", setrlimit(Resource::Nproc, none));
    vec![processes, wall(COMPILER_FILTER, filter::install(COMPILER, &(0..0)))]
}

fn bound_memory(bytes: u64) -> Result<(), Errno> {
    limit(Resource::Data, bytes)?;
    limit(Resource::As, bytes.saturating_add(ADDRESS_BYTES))
}

/// The seconds of processor time that a process gets which asks for so many, or one
/// that it starts: no more than what it is held to already (`ulimit -t`).
pub fn processor_seconds(seconds: u64) -> u64 {
    let held = getrlimit(Resource::Cpu);
    // The signal comes at the first, the end without one at the second.
    let most = held.maximum.map_or(u64::MAX, |most| most.saturating_sub(1).max(1));
    seconds.min(most).min(held.current.unwrap_or(u64::MAX))
}

fn bound_time(seconds: u64) -> Result<(), Errno> {
    let current = processor_seconds(seconds);
    let most = getrlimit(Resource::Cpu).maximum.unwrap_or(u64::MAX);
    let maximum = current.saturating_add(1).min(most);
    setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum: Some(maximum) })
}

/// Keeps glibc's allocator from giving memory of a thread back: it would read a file of
/// the kernel's first.
fn keep_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets one number of the allocator's, before any other thread runs.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}
