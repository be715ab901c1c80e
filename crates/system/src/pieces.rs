//! Long work, in pieces: between two of them the run is asked whether to go on.
//!
//! A tree is asked through traits that know of no run, and trees of the user's own
//! are asked through the same. So the run whose call this thread answers is noted
//! beside the thread, and whatever works long for that call asks [`go_on`]. What the
//! tree then returns does not matter: the call ends the run, as its deadline, its
//! owner or a limit wants it. Where no call is being answered nobody has a deadline.

use crate::host::spawn;
use crate::{Errno, Stop, Waiter};
use std::cell::RefCell;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

thread_local! {
    static RUN: RefCell<Option<Work>> = const { RefCell::new(None) };
}

/// Work that this thread does for a run.
struct Work {
    waiter: Waiter,
    /// Why the run must end, once the work has heard of it.
    stop: Option<Stop>,
}

/// Puts back what was noted before, even if the work panics.
struct Before(Option<Work>);

impl Drop for Before {
    fn drop(&mut self) {
        RUN.replace(self.0.take());
    }
}

/// Does `work` for the run of `waiter`, and says why that must end, if the work has
/// heard of it.
pub(crate) fn work_for<T>(waiter: &Waiter, work: impl FnOnce() -> T) -> (T, Option<Stop>) {
    let before = Before(RUN.replace(Some(Work { waiter: waiter.clone(), stop: None })));
    let done = work();
    let stop = RUN.with_borrow_mut(|run| run.as_mut().and_then(|run| run.stop.take()));
    drop(before);
    (done, stop)
}

/// Whether work for the call that this thread answers may go on. A
/// [`Directory`](crate::files::Directory) or [`File`](crate::files::File) that works
/// long asks between pieces that take a few milliseconds at most, and leaves itself
/// as it can be left when the answer is an error. Signals for the guest are no
/// reason to stop.
///
/// ```
/// use bellglass_system::{Errno, go_on};
///
/// fn sum(pieces: &[Vec<u8>]) -> Result<u64, Errno> {
///     let mut sum = 0;
///     for piece in pieces {
///         go_on()?;
///         sum += piece.iter().map(|byte| u64::from(*byte)).sum::<u64>();
///     }
///     Ok(sum)
/// }
/// # assert_eq!(sum(&[vec![1], vec![2]]), Ok(3));
/// ```
///
/// # Errors
/// ECANCELED if the run must end: at its deadline, by its owner, or by a limit. The
/// guest never sees it, for the run ends in this call. Never where no call is being
/// answered.
pub fn go_on() -> Result<(), Errno> {
    RUN.with_borrow_mut(|run| {
        let Some(Work { waiter, stop }) = run else { return Ok(()) };
        if stop.is_none() {
            *stop = waiter.go_on().err();
        }
        if stop.is_some() { Err(Errno::CANCELED) } else { Ok(()) }
    })
}

/// Says why the run must end whose call this thread answers, where what finds out cannot: the
/// call ends it then, whatever else becomes of it. Gives what to fail with.
pub(crate) fn end(cause: Stop) -> Errno {
    RUN.with_borrow_mut(|run| {
        if let Some(Work { stop, .. }) = run {
            stop.get_or_insert(cause);
        }
    });
    Errno::CANCELED
}

/// Steps of a loop, each of which is too short to ask at each.
#[derive(Default)]
pub(crate) struct Steps(u32);

impl Steps {
    /// How many there are between two questions: a step that asks the host takes
    /// some microseconds.
    const BETWEEN: u32 = 64;

    /// Takes one more step.
    ///
    /// # Errors
    /// As [`go_on`].
    pub(crate) fn step(&mut self) -> Result<(), Errno> {
        self.0 = self.0.wrapping_add(1);
        if self.0.is_multiple_of(Self::BETWEEN) { go_on() } else { Ok(()) }
    }
}

/// How long the host is waited for until the run is asked again.
const LOOK: Duration = Duration::from_millis(5);

/// Does what the host may take long for and what cannot be cut into pieces. When the
/// run must end it is not waited for any more; it ends when the host is done.
// BOUND: a run leaves at most one such thread behind, for it ends with it.
///
/// # Errors
/// As [`go_on`]; EAGAIN if the host gives no thread.
pub(crate) fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Errno> {
    if RUN.with_borrow(Option::is_none) {
        return Ok(work());
    }
    let (done, doing) = sync_channel(1);
    // Nobody listens any more once the run has ended.
    spawn("bellglass-host", move || drop(done.send(work()))).map_err(|_| Errno::AGAIN)?;
    loop {
        go_on()?;
        match doing.recv_timeout(LOOK) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Errno::IO),
        }
    }
}

/// Entries that are freed in less time than a thread takes to start, or in not much
/// more.
pub(crate) const FEW: usize = 4096;

/// Drops what takes long to be freed, on a thread of its own: no call and no run's
/// end waits for what a guest has heaped up.
pub(crate) fn free_later(heap: impl Send + 'static) {
    // Without a thread it is freed here, late.
    let _ = spawn("bellglass-free", move || drop(heap));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn waiter(deadline: Option<Instant>) -> Waiter {
        Waiter::new(deadline).expect("the host has descriptors")
    }

    #[test]
    fn work_stops_at_the_deadline_and_at_a_kill_and_says_so() {
        let soon = Instant::now() + Duration::from_millis(20);
        let (result, stop) = work_for(&waiter(Some(soon)), || {
            let mut steps = Steps::default();
            loop {
                steps.step()?;
            }
            #[allow(unreachable_code, reason = "it says the type")]
            Ok::<(), Errno>(())
        });
        assert_eq!((result, stop), (Err(Errno::CANCELED), Some(Stop::Deadline)));
        let killed = waiter(None);
        killed.kill();
        // Work that does not heed it does not hide it.
        assert_eq!(work_for(&killed, || go_on().unwrap_or_default()), ((), Some(Stop::Killed)));
        assert_eq!(work_for(&killed, || ()), ((), None));
        assert_eq!(go_on(), Ok(()), "this thread answers no call any more");
    }

    #[test]
    fn a_signal_is_no_reason_to_stop() {
        let waiter = waiter(None);
        waiter.interrupt();
        assert_eq!(work_for(&waiter, go_on), (Ok(()), None));
    }

    #[test]
    fn what_the_host_does_is_not_waited_for_beyond_the_end() {
        assert_eq!(aside(|| 7), Ok(7));
        assert_eq!(work_for(&waiter(None), || aside(|| 7)), (Ok(7), None));
        let begun = Instant::now();
        let soon = begun + Duration::from_millis(20);
        let (result, stop) =
            work_for(&waiter(Some(soon)), || aside(|| std::thread::sleep(Duration::from_secs(20))));
        assert_eq!((result, stop), (Err(Errno::CANCELED), Some(Stop::Deadline)));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
