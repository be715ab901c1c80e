//! Signals that a thread is to have, or is not, whatever the application around it has
//! chosen: SIGXFSZ, by which the kernel tells a process that it writes to a file beyond
//! `RLIMIT_FSIZE` (`ulimit -f`), and whose default action is the process's end; those
//! by which the processor tells of faults; and all of them, for a new process.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Keeps SIGXFSZ from the calling thread, and the threads that it starts, until this
/// is dropped: a write beyond the limit fails with EFBIG then and nothing else happens.
/// What the process does with that signal otherwise stays as it is.
#[derive(Debug)]
pub struct FileSizeSignal {
    /// Whether this thread would have had it.
    was_let_through: bool,
    /// What is kept from one thread is let through to the same.
    _thread: PhantomData<*const ()>,
}

impl FileSizeSignal {
    /// Keeps it from the calling thread.
    pub fn keep_away() -> Self {
        let set = only();
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: both pointers are to sets of ours; all zeros is a valid set, of which
        // a call that failed leaves it.
        let was_let_through = unsafe {
            let failed = libc::pthread_sigmask(libc::SIG_BLOCK, &set, before.as_mut_ptr());
            failed == 0 && libc::sigismember(before.as_ptr(), libc::SIGXFSZ) == 0
        };
        Self { was_let_through, _thread: PhantomData }
    }
}

impl Drop for FileSizeSignal {
    fn drop(&mut self) {
        if !self.was_let_through {
            return;
        }
        let set = only();
        take(&set);
        // SAFETY: the pointer is to a set of ours; what was before is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut()) };
    }
}

/// Takes what has come meanwhile, so that it does not come when it is let through again.
#[cfg(target_os = "linux")]
fn take(set: &libc::sigset_t) {
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointers are to a set and a time of ours; more about the signal is not
    // asked for. It does not wait.
    while unsafe { libc::sigtimedwait(set, std::ptr::null_mut(), &now) } == libc::SIGXFSZ {}
}

#[cfg(not(target_os = "linux"))]
fn take(set: &libc::sigset_t) {
    let mut pending = only();
    let mut taken = 0;
    // SAFETY: the pointers are to sets and a number of ours. Only what is there is
    // waited for.
    unsafe {
        if libc::sigpending(&mut pending) == 0 && libc::sigismember(&pending, libc::SIGXFSZ) == 1 {
            libc::sigwait(set, &mut taken);
        }
    }
}

/// The signals by which the processor tells a thread of what it has just done. One that
/// is blocked meanwhile ends the process, whatever handler it has.
const FAULTS: [libc::c_int; 5] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGBUS, libc::SIGTRAP];

/// Lets the signals of faults through to the calling thread until this is dropped: for
/// code whose faults are handled.
#[derive(Debug)]
pub struct FaultSignals {
    /// Those that this thread would not have had.
    blocked: [Option<libc::c_int>; FAULTS.len()],
    /// What is let through to one thread is kept from the same.
    _thread: PhantomData<*const ()>,
}

impl FaultSignals {
    /// Lets them through to the calling thread.
    pub fn let_through() -> Self {
        let faults = set(FAULTS);
        let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: both pointers are to sets of ours; all zeros is a valid set, of which a
        // call that failed leaves it.
        let before = unsafe {
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &faults, before.as_mut_ptr());
            before.assume_init()
        };
        // SAFETY: the pointer is to a set of ours, and the signals exist.
        let is_blocked = |fault: &libc::c_int| unsafe { libc::sigismember(&before, *fault) == 1 };
        Self { blocked: FAULTS.map(|fault| Some(fault).filter(is_blocked)), _thread: PhantomData }
    }
}

impl Drop for FaultSignals {
    fn drop(&mut self) {
        let blocked = set(self.blocked.into_iter().flatten());
        // SAFETY: the pointer is to a set of ours; what was before is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &blocked, std::ptr::null_mut()) };
    }
}

/// Lets all signals through to the calling thread, and gives those that end a process
/// for what it has done their default action if they are ignored. A process inherits
/// both from the thread that has started it. Call it first of all, before there are
/// other threads.
pub fn take_all_signals() {
    let ends = FAULTS.into_iter().chain([libc::SIGABRT, libc::SIGSYS, libc::SIGXCPU]);
    let none = set([]);
    for signal in ends {
        take_if_ignored(signal);
    }
    // SAFETY: the pointer is to a set of ours.
    unsafe {
        libc::pthread_sigmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

/// What is said when the processor time is used up, and the exit code.
static AT_PROCESSOR_TIME: OnceLock<(&[u8], u8)> = OnceLock::new();

/// From now on the end of this process's processor time (SIGXCPU) writes `words` to
/// descriptor 2 and ends it with this exit code, from any thread and without another
/// system call. What was said first stays.
pub fn leave_at_processor_time(words: &'static [u8], code: u8) {
    extern "C" fn leave(_signal: libc::c_int) {
        let (words, code) = AT_PROCESSOR_TIME.get().copied().unwrap_or((&[], 1));
        // SAFETY: both calls may be made in a handler of a signal; the pointer is to as
        // many bytes, which are never written to.
        unsafe {
            libc::write(libc::STDERR_FILENO, words.as_ptr().cast(), words.len());
            libc::_exit(code.into());
        }
    }
    AT_PROCESSOR_TIME.get_or_init(|| (words, code));
    let handler: extern "C" fn(libc::c_int) = leave;
    // SAFETY: a zeroed action is a valid one, and the handler does what a handler may.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler as libc::sighandler_t;
        libc::sigaction(libc::SIGXCPU, &action, std::ptr::null_mut());
    }
}

/// Gives SIGCHLD its default action if it is ignored, as a process may inherit it: how
/// its children ended would be lost on it.
pub fn keep_ends_of_children() {
    take_if_ignored(libc::SIGCHLD);
}

/// Whether this process ignores a signal.
pub fn is_ignored(signal: libc::c_int) -> bool {
    action_of(signal).is_some_and(|action| action.sa_sigaction == libc::SIG_IGN)
}

/// Gives a signal its default action if it is ignored.
fn take_if_ignored(signal: libc::c_int) {
    let Some(mut action) = action_of(signal).filter(|action| action.sa_sigaction == libc::SIG_IGN) else {
        return;
    };
    action.sa_sigaction = libc::SIG_DFL;
    // SAFETY: the pointer is to an action of ours, the default one.
    unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
}

fn action_of(signal: libc::c_int) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the pointer is to an action of ours; nothing is changed.
    let known = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } == 0;
    // SAFETY: a zeroed action is a valid one, and the call has filled it in.
    known.then(|| unsafe { action.assume_init() })
}

/// The set of SIGXFSZ alone.
fn only() -> libc::sigset_t {
    set([libc::SIGXFSZ])
}

fn set(signals: impl IntoIterator<Item = libc::c_int>) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both calls take a set of ours and fill it in; the signals exist.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::run_alone;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::io::{ErrorKind, Seek, SeekFrom, Write};

    /// The limit is the process's, and so this test runs in one of its own.
    #[test]
    fn a_write_beyond_the_limit_is_an_error_and_no_end() {
        run_alone("signals::tests::beyond_the_limit", &[]);
    }

    #[test]
    #[ignore = "limits its whole process: see above"]
    fn beyond_the_limit() {
        let path = std::env::temp_dir().join(format!("bellglass-fork-{}", std::process::id()));
        let mut file = std::fs::File::create(&path).expect("a file");
        std::fs::remove_file(&path).expect("it is there");
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(4096), maximum }).expect("less is allowed");
        for _ in 0..3 {
            let _kept = FileSizeSignal::keep_away();
            file.seek(SeekFrom::Start(4096)).expect("a place");
            assert_eq!(file.write(&[1]).expect_err("it is full").kind(), ErrorKind::FileTooLarge);
            let _again = FileSizeSignal::keep_away();
            assert_eq!(file.set_len(8192).expect_err("it is full").kind(), ErrorKind::FileTooLarge);
        }
    }
}
