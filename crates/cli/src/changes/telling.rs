//! The limits on telling what was changed. A program can make so many changes, and
//! such, that to find and print them takes hours and fills disks.

use crate::exit::ExitCode;
use crate::terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What it has at least, of a program that ended just before its own deadline.
const LEAST: Duration = Duration::from_secs(1);

/// The time that telling may take. When it is over the command ends, wherever it
/// is: in a comparison, or writing to a pipe that nobody reads. Nothing has been
/// written to the host until then.
pub(super) struct Telling {
    done: Arc<(Mutex<bool>, Condvar)>,
}

impl Telling {
    /// Begins, with what the program has left of its time.
    ///
    /// # Errors
    /// When there is no thread to keep the time.
    pub(super) fn begin(timeout: Option<Duration>, used: Duration) -> io::Result<Self> {
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        if let Some(timeout) = timeout {
            let left = timeout.saturating_sub(used).max(LEAST);
            let deadline = Instant::now().checked_add(left);
            let heard = Arc::clone(&done);
            std::thread::Builder::new().name("telling".to_owned()).spawn(move || {
                let (is_done, changed) = &*heard;
                let mut done = is_done.lock().unwrap_or_else(PoisonError::into_inner);
                while !*done {
                    let left =
                        deadline.map_or(LEAST, |deadline| deadline.saturating_duration_since(Instant::now()));
                    if left.is_zero() {
                        // The lock is held to the end, so that nothing begins after it.
                        end(timeout);
                    }
                    done = changed.wait_timeout(done, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            })?;
        }
        Ok(Self { done })
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let (is_done, changed) = &*self.done;
        *is_done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}

fn end(timeout: Duration) -> ! {
    terminal::put_back_settings();
    let timeout = humantime::format_duration(timeout);
    let text = format!(
        "\nbellglass: what the program changed could not be told by the deadline of {timeout}: nothing was \
         written to the host (give more with --timeout)\n"
    );
    // Not by way of `say`: what is in the way may hold its locks.
    let stderr = rustix::stdio::stderr();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&now)) == Ok(1) {
        let _ = rustix::io::write(stderr, text.as_bytes());
    }
    std::process::exit((ExitCode::Deadline as u8).into())
}

/// Counts what is printed, and refuses what is beyond the limit on output.
pub(super) struct Counted<W> {
    inner: W,
    left: Option<u64>,
}

/// What was printed would be more than the limit on output.
#[derive(Debug)]
pub(super) struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the limit on output is reached")
    }
}

impl std::error::Error for TooLong {}

impl<W: Write> Counted<W> {
    pub(super) fn new(inner: W, left: Option<u64>) -> Self {
        Self { inner, left }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = &mut self.left else { return self.inner.write(bytes) };
        let most = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
        if most == 0 && !bytes.is_empty() {
            return Err(io::Error::other(TooLong));
        }
        let count = self.inner.write(bytes.get(..most).unwrap_or_default())?;
        *left = left.saturating_sub(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_is_printed_beyond_the_limit() {
        let mut printed = Vec::new();
        let error = Counted::new(&mut printed, Some(5)).write_all(b"1234567").expect_err("too much");
        assert!(error.get_ref().is_some_and(|error| error.is::<TooLong>()));
        assert_eq!(printed, b"12345");
        Counted::new(&mut printed, None).write_all(b"67").expect("no limit");
        assert_eq!(printed, b"1234567");
    }
}
