//! The time that the command's own words may take.
//!
//! A program can have filled the pipe or stopped the terminal that the command speaks
//! to, and it can make so many changes, and such, that to find and print them takes
//! hours. So what is to be said once it has ended is said within its time, or not at
//! all: when that is over the command ends, wherever it is.

use crate::exit::ExitCode;
use crate::terminal;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What there is at least, for a program that ended at its own deadline.
const LEAST: Duration = Duration::from_secs(2);

/// How long the last words are waited for.
const LAST: Duration = Duration::from_millis(300);

/// What has not been done when the time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// Words alone; the command ends as it would have with this code.
    Words(u8),
    /// The report.
    Report,
    /// Telling changes. Nothing of them has been written to the host.
    Changes,
}

#[derive(Clone, Copy)]
struct Wait {
    timeout: Duration,
    until: Instant,
    late: Late,
}

static WAIT: Mutex<Option<Wait>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

/// Begins, with what the program has left of its time.
///
/// # Errors
/// When there is no thread to keep the time.
pub(crate) fn begin(timeout: Option<Duration>, used: Duration, late: Late) -> io::Result<()> {
    // Without one, or with one beyond all times, nothing is ever late.
    let Some(timeout) = timeout else { return Ok(()) };
    let left = timeout.saturating_sub(used).max(LEAST);
    let Some(until) = Instant::now().checked_add(left) else { return Ok(()) };
    *WAIT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Wait { timeout, until, late });
    std::thread::Builder::new().name("patience".to_owned()).spawn(keep).map(drop)
}

/// Stops: what now comes may take its time. Does not return if the time is over.
pub(crate) fn rest() -> Resting {
    Resting(WAIT.lock().unwrap_or_else(PoisonError::into_inner).take())
}

/// The time, while it stands still.
pub(crate) struct Resting(Option<Wait>);

impl Resting {
    /// Lets the time go on, and be long enough for a few words.
    pub(crate) fn go_on(self, late: Late) {
        let wait = self.0.map(|wait| Wait { until: wait.until.max(Instant::now() + LEAST), late, ..wait });
        *WAIT.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        CHANGED.notify_all();
    }
}

fn keep() {
    let mut wait = WAIT.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        wait = match *wait {
            None => CHANGED.wait(wait).unwrap_or_else(PoisonError::into_inner),
            Some(Wait { timeout, until, late }) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    // The lock is held to the end, so that nothing begins after it.
                    end(timeout, late);
                }
                CHANGED.wait_timeout(wait, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

fn end(timeout: Duration, late: Late) -> ! {
    terminal::put_back_settings();
    let timeout = humantime::format_duration(timeout);
    let (sentence, code) = match late {
        Late::Words(code) => (None, code),
        Late::Report => {
            let what = format!("the report could not be written by the deadline of {timeout}");
            (Some(what), ExitCode::Deadline as u8)
        }
        Late::Changes => {
            let what = format!(
                "what the program changed could not be told by the deadline of {timeout}: nothing was \
                 written to the host (give more with --timeout)"
            );
            (Some(what), ExitCode::Deadline as u8)
        }
    };
    if let Some(sentence) = sentence {
        // Not by way of `say`: what is in the way may hold its locks. And this may have
        // to wait as well.
        let (done, doing) = std::sync::mpsc::channel();
        let words = std::thread::Builder::new().spawn(move || {
            let stderr = rustix::stdio::stderr();
            let text =
                [terminal::sequence(stderr), format!("\nbellglass: {sentence}\n").into_bytes()].concat();
            let mut rest = &text[..];
            while let Ok(count @ 1..) = rustix::io::write(stderr, rest) {
                rest = &rest[count..];
            }
            // Nobody may wait any more.
            let _ = done.send(());
        });
        if words.is_ok() {
            let _ = doing.recv_timeout(LAST);
        }
    }
    std::process::exit(code.into())
}
