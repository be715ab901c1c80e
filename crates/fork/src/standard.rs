//! Which standard streams the process began without. The standard library opens `/dev/null`
//! in their place before `main`, so that nobody can tell any more.

use std::sync::atomic::{AtomicU8, Ordering};

/// A bit for each of the descriptors 0, 1 and 2 that was closed.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Called by the C library before `main`, and before what the standard library does there.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section holds addresses of functions that are called with three arguments,
// which the C calling convention lets one leave out; this one allocates nothing and
// needs nothing of Rust's that is not there yet.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

#[cfg(target_os = "linux")]
extern "C" fn look() {
    for number in 0..3 {
        // SAFETY: it asks for flags and touches no memory.
        if unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << number, Ordering::Relaxed);
        }
    }
}

/// Whether the process began without this one of the descriptors 0, 1 and 2. On systems
/// other than Linux nobody has looked.
pub fn began_without(number: u32) -> bool {
    // So that the linker does not leave out what nothing else names.
    #[cfg(target_os = "linux")]
    std::hint::black_box(&LOOK);
    number < 3 && CLOSED.load(Ordering::Relaxed) & 1 << number != 0
}
