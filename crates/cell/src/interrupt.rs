//! Interrupting a guest that computes: the controller sends SIGUSR1, and the
//! handler sets the words that the image's interrupt table names. The cell does
//! not know what they mean; in CPython they make the evaluation loop look for
//! signals. No check in the compiled code pays for this.

use bellglass_engine::Interrupt;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// Words that one table may name; more are ignored.
const TABLE_ENTRIES: usize = 16;

static MEMORY: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static MEMORY_BYTES: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicUsize = AtomicUsize::new(0);
/// An interrupt came while the guest could not take it.
static PENDING: AtomicBool = AtomicBool::new(false);

/// Installs the signal handler.
pub(crate) fn install() {
    extern "C" fn handle(_signal: libc::c_int) {
        // The handler touches nothing but atomics and the guest's memory, which
        // is all that a signal handler may do.
        PENDING.store(true, Ordering::SeqCst);
        deliver_pending();
    }
    // SAFETY: `handle` is async-signal-safe, as said above, and the zeroed struct
    // is a valid sigaction once its handler and flags are set. It runs on the
    // alternate stack, because the guest may be at the end of its own.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut());
    }
}

/// Says where the guest's table is. The memory stays mapped until the process
/// ends, for a cell holds one guest only.
pub(crate) fn arm(interrupt: Option<Interrupt>) {
    if let Some(interrupt) = interrupt {
        MEMORY_BYTES.store(interrupt.memory_bytes, Ordering::SeqCst);
        TABLE.store(interrupt.table as usize, Ordering::SeqCst);
        MEMORY.store(interrupt.memory, Ordering::SeqCst);
    }
}

/// Sets the words if an interrupt is pending and the guest's table is filled.
pub(crate) fn deliver_pending() {
    if PENDING.load(Ordering::SeqCst) && set_words() {
        PENDING.store(false, Ordering::SeqCst);
    }
}

fn set_words() -> bool {
    let memory = MEMORY.load(Ordering::SeqCst);
    if memory.is_null() {
        return false;
    }
    let memory_bytes = MEMORY_BYTES.load(Ordering::SeqCst);
    let word = |address: usize| -> Option<&AtomicU32> {
        if !address.is_multiple_of(4) || address.checked_add(4)? > memory_bytes {
            return None;
        }
        // SAFETY: the address is aligned and inside the part of the guest's
        // memory that was there when it started; that never moves and never
        // shrinks. The guest may change the word at the same time: the access is
        // atomic, and whatever value results is the guest's own affair.
        Some(unsafe { AtomicU32::from_ptr(memory.add(address).cast()) })
    };
    let table = TABLE.load(Ordering::SeqCst);
    let entry = |index: usize| word(table.checked_add(index.checked_mul(4)?)?);
    let Some(count) = entry(0).map(|count| count.load(Ordering::SeqCst) as usize) else {
        return false;
    };
    for pair in 0..count.min(TABLE_ENTRIES) {
        let (Some(address), Some(mask)) = (entry(1 + 2 * pair), entry(2 + 2 * pair)) else { break };
        if let Some(target) = word(address.load(Ordering::SeqCst) as usize) {
            target.fetch_or(mask.load(Ordering::SeqCst), Ordering::SeqCst);
        }
    }
    count > 0
}
