//! Interrupts from the controller. While the guest computes, one of them is the
//! signal of its number, sent to this process: the handler does what the image's
//! interrupt table says. While the guest stands still in a call, they come with
//! the answer. The cell does not know what they mean; in CPython they make the
//! evaluation loop look for signals.

use bellglass_engine::{EndsGuest, Interrupts};
use bellglass_wire::numbers_of;
use rustix::event::{Timespec, poll};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What is added to the number of an interrupt that ends the guest, to make the
/// code with which the cell leaves.
const END_CODE: i32 = 64;

/// Interrupts are these signals: all but those by which a process tells of its own
/// faults (the engine's traps are among them) and those that nothing can catch.
const SIGNALS: [libc::c_int; 21] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGSTKFLT,
    libc::SIGCHLD,
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGURG,
    libc::SIGXFSZ,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGWINCH,
    libc::SIGIO,
    libc::SIGPWR,
];

/// How long a call's answer waits for a signal that the controller has sent: each
/// time, and how often. It is there already, unless the machine is very busy.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
const WAITS: u32 = 200;

/// What came as signals since the last call, a bit a number.
static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// Where they go. Set before any handler is installed.
static GUEST: OnceLock<Arc<Interrupts>> = OnceLock::new();

/// Installs the signal handlers, and gives what interrupts the guest.
pub(crate) fn install() -> Arc<Interrupts> {
    extern "C" fn handle(signal: libc::c_int) {
        // The handler touches nothing but atomics and the guest's memory, or ends
        // the process: all that a signal handler may do.
        let Ok(number) = u8::try_from(signal) else { return };
        if let Some(guest) = GUEST.get()
            && let Err(end) = guest.raise(number)
        {
            leave(end);
        }
        ARRIVED.fetch_or(1 << (number & 63), Ordering::SeqCst);
    }
    let guest = Arc::clone(GUEST.get_or_init(Arc::default));
    for signal in SIGNALS {
        // SAFETY: `handle` is async-signal-safe, as said above, and the zeroed
        // struct is a valid sigaction once its handler and flags are set. It runs
        // on the alternate stack, because the guest may be at the end of its own.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
    guest
}

/// The interrupts that came as signals since this was last asked, a bit a number.
pub(crate) fn arrived() -> u64 {
    ARRIVED.swap(0, Ordering::SeqCst)
}

/// Closes a call: waits until the signals that are on their way have come, and
/// takes those that come with the answer.
pub(crate) fn close_call(guest: &Interrupts, travelling: u64, within: u64) {
    for number in numbers_of(within) {
        if let Err(end) = guest.raise(number) {
            leave(end);
        }
    }
    for _ in 0..WAITS {
        if ARRIVED.load(Ordering::SeqCst) & travelling == travelling {
            break;
        }
        // A signal ends it early, and nothing else can.
        let _ = poll(&mut [], Some(&WAIT));
    }
    set_again(guest);
}

/// Sees to those that the guest has not taken yet.
pub(crate) fn set_again(guest: &Interrupts) {
    if let Err(end) = guest.set_again() {
        leave(end);
    }
}

/// Ends the cell, because an interrupt ends its guest. The guest may be in the
/// midst of sending a call, so nothing more is said on the stream.
pub(crate) fn leave(EndsGuest { number }: EndsGuest) -> ! {
    crate::leave(END_CODE + i32::from(number))
}
