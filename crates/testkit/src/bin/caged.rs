//! A cell that its guest has broken out of: it puts up the walls of a real one
//! and then does what it is told to.
//!
//! ```text
//! caged entered NUMBER ARGUMENTS...   that system call, after the first walls
//! caged locked NUMBER ARGUMENTS...    that system call, after the last ones
//! caged 32-bit NUMBER                 the same as a 32-bit program would make it
//! caged spin                          computes for ever and watches for nothing
//! without-NAME                        (as its own name) a real cell, whose filter
//!                                     lacks the rule of that name
//! refusing-ERROR-NUMBER-...           (as its own name) a real cell, on a system that
//!                                     answers these system calls with that error number
//! command-refusing-ERROR-NUMBER-...   (as its own name) the bellglass command there, with
//!                                     these words
//! ```
//!
//! It prints to stderr what the call returned. Arguments may be hexadecimal (0x), `text:`
//! and a text for its address, `memory` for that of a page, `parent` for the
//! number of the process that started it.

use bellglass_cage::policy::{GUEST, Rule};
use bellglass_cell::Heap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

#[global_allocator]
static HEAP: Heap = Heap;

/// Bytes of address space that it has, once it is locked.
const ADDRESS_BYTES: u64 = 12 << 30;

/// The exit code that says that a wall is missing, so that the test proves
/// nothing.
const NO_WALL: u8 = 77;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let own = words.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    if let Some(name) = own.strip_prefix("without-") {
        let rules: Vec<Rule> = GUEST.iter().filter(|rule| rule.name != name).copied().collect();
        assert!(rules.len() < GUEST.len(), "there is no rule {name}");
        return bellglass_cell::run(rules.leak());
    }
    if let Some(numbers) = own.strip_prefix("refusing-") {
        return become_refused(numbers, "bellglass-cell", &[]);
    }
    if let Some(numbers) = own.strip_prefix("command-refusing-") {
        return become_refused(numbers, "bellglass", &words[1..]);
    }
    let walls = bellglass_cage::enter();
    // Like the cell: the guest has a thread of its own, and the first one waits in a
    // call that is allowed.
    let guest = std::thread::spawn(move || attack(&words, walls));
    STARTED.store(true, Ordering::Release);
    while !guest.is_finished() {
        let _ = rustix::event::poll(&mut [], None);
    }
    ExitCode::FAILURE
}

/// Starts a program in its place, where some calls are refused.
fn become_refused(numbers: &str, name: &str, words: &[String]) -> ExitCode {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    let numbers: Vec<i64> = numbers.split('-').map(|number| number.parse().expect("a number")).collect();
    let (error, calls) = numbers.split_first().expect("an error number");
    let refused = SeccompAction::Errno(u32::try_from(*error).expect("an error number"));
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let architecture = std::env::consts::ARCH.try_into().expect("a known processor");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture);
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
    apply_filter(&program).expect("it holds");
    let program = std::env::current_exe().expect("a path").with_file_name(name);
    let mut command = std::process::Command::new(program);
    let error = std::os::unix::process::CommandExt::exec(command.args(words));
    eprintln!("{name} cannot be started: {error}");
    ExitCode::FAILURE
}

/// Set once the first thread makes no calls but that one.
static STARTED: AtomicBool = AtomicBool::new(false);

fn attack(words: &[String], mut walls: Vec<bellglass_wire::Wall>) -> ! {
    let verb = words.get(1).map_or("", String::as_str);
    // What is to be passed is made before memory is all that can be had.
    let values: Vec<u64> = words.iter().skip(2).map(|word| value(word)).collect();
    while !STARTED.load(Ordering::Acquire) {
        std::hint::spin_loop();
    }
    if verb != "entered" {
        walls.extend(bellglass_cage::lock_down(GUEST, ADDRESS_BYTES));
    }
    if let Some(wall) = walls.iter().find(|wall| !wall.active) {
        eprintln!("{} is not up: {}", wall.name, wall.detail);
        leave(NO_WALL);
    }
    match verb {
        "spin" => loop {
            std::hint::spin_loop();
        },
        "32-bit" => call_32_bit(values.first().copied().unwrap_or_default()),
        // In one piece: whoever reads from that pipe ends who writes to it.
        _ => {
            let answer = format!("{}\n", call(&values));
            let _ = rustix::io::write(std::io::stderr(), answer.as_bytes());
        }
    }
    leave(0)
}

/// Like the cell: with nothing taken down.
fn leave(code: u8) -> ! {
    // SAFETY: it only ends the process.
    unsafe { libc::_exit(i32::from(code)) }
}

fn value(word: &str) -> u64 {
    if let Some(text) = word.strip_prefix("text:") {
        return format!("{text}\0").leak().as_ptr() as u64;
    }
    if word == "memory" {
        let room = vec![0_u8; 8192].leak().as_ptr();
        return room as u64 + room.align_offset(4096) as u64;
    }
    if word == "parent" {
        return u64::from(std::os::unix::process::parent_id());
    }
    let number =
        word.strip_prefix("0x").map_or_else(|| word.parse(), |digits| u64::from_str_radix(digits, 16));
    number.expect("a number")
}

/// What the kernel answers: minus the error number if it refuses.
fn call(values: &[u64]) -> i64 {
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    // SAFETY: none is claimed. This process is here to be ended by such a call;
    // whatever one of them destroys is its own memory.
    let result = unsafe { libc::syscall(at(0) as libc::c_long, at(1), at(2), at(3), at(4), at(5), at(6)) };
    match result {
        -1 => -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)),
        result => result,
    }
}

#[cfg(target_arch = "x86_64")]
fn call_32_bit(number: u64) {
    // SAFETY: as above.
    unsafe { std::arch::asm!("int 0x80", inout("rax") number => _) }
}

#[cfg(not(target_arch = "x86_64"))]
fn call_32_bit(_number: u64) {
    // This processor has no such door: what the test expects is true.
    std::process::abort();
}
