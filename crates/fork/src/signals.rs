//! SIGXFSZ, by which the kernel tells a process that it writes to a file beyond
//! `RLIMIT_FSIZE` (`ulimit -f`). Its default action is the process's end.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

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

/// The set of that one signal.
fn only() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: both calls take a set of ours and fill it in; the signal exists.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGXFSZ);
        set.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::io::{ErrorKind, Seek, SeekFrom, Write};

    /// The limit is the process's, and so this test runs in one of its own.
    #[test]
    fn a_write_beyond_the_limit_is_an_error_and_no_end() {
        let own = std::env::current_exe().expect("a path");
        let test = "signals::tests::beyond_the_limit";
        let output = std::process::Command::new(own)
            .args(["--exact", test, "--ignored", "--nocapture"])
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "it ran");
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
