//! What a run may use.

use bellglass_system::{Amount, Signal};
use serde::{Serialize, Serializer};
use std::time::Duration;

/// The limits of one run. The defaults suit a public service that runs small
/// programs of strangers.
///
/// ```
/// use bellglass::Limits;
/// use std::time::Duration;
///
/// let limits = Limits { timeout: Some(Duration::from_secs(2)), ..Limits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes of the guest's linear memory; beyond it the guest's malloc fails,
    /// and Python raises MemoryError.
    pub memory_bytes: u64,
    /// Elements of the guest's function tables; beyond it they do not grow.
    pub table_elements: u64,
    /// Wall-clock time from the program's start; `None` for no deadline.
    #[serde(rename = "timeout_seconds", serialize_with = "maybe_seconds")]
    pub timeout: Option<Duration>,
    /// How long a program may take to clean up once its time is over. At the
    /// deadline it gets `grace_signal`; if it is still there after the grace, it
    /// is killed. Zero kills at the deadline.
    #[serde(rename = "grace_seconds", serialize_with = "seconds")]
    pub grace: Duration,
    /// What announces the end of the time: SIGINT raises KeyboardInterrupt in
    /// Python.
    #[serde(serialize_with = "signal")]
    pub grace_signal: Signal,
    /// Processor time of the cell, its start included; `None` for no limit.
    #[serde(rename = "processor_seconds", serialize_with = "maybe_seconds")]
    pub processor_time: Option<Duration>,
    /// Bytes that the program may write to stdout and stderr together; `None` for
    /// no limit.
    pub output_bytes: Option<u64>,
    /// Bytes that all files in memory may hold, overlays included. They count in
    /// `controller_bytes` as well, which must be more for all of this to be had.
    pub file_bytes: u64,
    /// Files, directories and symlinks that the program may make in memory,
    /// overlays included.
    pub file_count: u64,
    /// Bytes that the controller may keep for the guest in all: files in memory,
    /// what an overlay has seen beneath, open files, pipes, captured output. Beyond
    /// it a call fails with ENOMEM, or ENOSPC where it is a file that grows; or the
    /// run ends.
    pub controller_bytes: u64,
    /// Files that may be open at once.
    pub open_files: usize,
    /// External calls of the whole run; `None` for no limit.
    pub calls: Option<u64>,
    /// External calls a second. Beyond it the run is slowed down, not ended: a
    /// burst of a second's worth is free. `None` for no limit.
    pub calls_per_second: Option<u32>,
    /// Time that the program may sleep in all; `None` for no limit but the
    /// deadline.
    #[serde(rename = "sleep_seconds", serialize_with = "maybe_seconds")]
    pub sleep_time: Option<Duration>,
    /// The longest single sleep; a longer one ends the run when it is asked for.
    #[serde(rename = "longest_sleep_seconds", serialize_with = "maybe_seconds")]
    pub longest_sleep: Option<Duration>,
    /// How long a cell may take until it says hello.
    #[serde(rename = "start_seconds", serialize_with = "seconds")]
    pub start_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            table_elements: 1 << 20,
            timeout: Some(Duration::from_secs(60)),
            grace: Duration::ZERO,
            grace_signal: Signal::INTERRUPT,
            processor_time: Some(Duration::from_secs(60)),
            output_bytes: Some(64 << 20),
            file_bytes: 256 << 20,
            file_count: 1 << 16,
            controller_bytes: 512 << 20,
            open_files: 1024,
            calls: Some(10_000_000),
            calls_per_second: None,
            sleep_time: None,
            longest_sleep: None,
            start_time: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// Bytes that one call reads or writes at most: a larger request is answered
    /// in part, as POSIX allows, and the program asks again.
    pub const CALL_BYTES: usize = bellglass_system::CALL_BYTES;

    /// No limit that the user of a command at a terminal would meet: memory up to
    /// what wasm can address, no deadline, any amount of output.
    pub fn interactive() -> Self {
        Self {
            memory_bytes: 4 << 30,
            timeout: None,
            processor_time: None,
            output_bytes: None,
            file_bytes: 4 << 30,
            file_count: 1 << 22,
            controller_bytes: 8 << 30,
            calls: None,
            ..Self::default()
        }
    }

    /// What the run may use, a line each, in plain English. A limit that is not set
    /// has no line.
    pub fn lines(&self) -> Vec<String> {
        let Self {
            memory_bytes,
            table_elements,
            timeout,
            grace,
            grace_signal,
            processor_time,
            output_bytes,
            file_bytes,
            file_count,
            controller_bytes,
            open_files,
            calls,
            calls_per_second,
            sleep_time,
            longest_sleep,
            start_time,
        } = self;
        let grace = (timeout.is_some() && !grace.is_zero()).then_some(grace);
        [
            Some(format!("at most {} of memory", Amount::Bytes(*memory_bytes))),
            Some(format!("at most {table_elements} elements of function tables")),
            Some(timeout.map_or("no deadline".to_owned(), |time| format!("a deadline after {time:?}"))),
            grace.map(|time| format!("{grace_signal} at the deadline, and the end {time:?} later")),
            processor_time.map(|time| format!("at most {time:?} of processor time")),
            output_bytes.map(|bytes| format!("at most {} of output", Amount::Bytes(bytes))),
            Some(format!("at most {} in files in memory", Amount::Bytes(*file_bytes))),
            Some(format!("at most {file_count} files in memory")),
            Some(format!("at most {} kept for it by the controller", Amount::Bytes(*controller_bytes))),
            Some(format!("at most {open_files} open files")),
            calls.map(|count| format!("at most {count} external calls")),
            calls_per_second.map(|count| format!("at most {count} external calls a second")),
            sleep_time.map(|time| format!("at most {time:?} of sleep")),
            longest_sleep.map(|time| format!("at most {time:?} of sleep at once")),
            Some(format!("at most {start_time:?} until it starts")),
        ]
        .into_iter()
        .flatten()
        .map(|limit| format!("limits: {limit}"))
        .collect()
    }
}

pub(crate) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn maybe_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

fn signal<S: Serializer>(signal: &Signal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(signal.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_that_is_set_is_told() {
        let all = Limits {
            memory_bytes: 3 << 20,
            grace: Duration::from_millis(500),
            calls_per_second: Some(7),
            sleep_time: Some(Duration::from_secs(8)),
            longest_sleep: Some(Duration::from_secs(9)),
            output_bytes: Some(1500),
            ..Limits::default()
        };
        // The grace and its signal have one line.
        assert_eq!(all.lines().len(), 15, "{:#?}", all.lines());
        for line in [
            "limits: at most 3 MiB of memory",
            "limits: a deadline after 60s",
            "limits: SIGINT at the deadline, and the end 500ms later",
            "limits: at most 1500 bytes of output",
            "limits: at most 7 external calls a second",
        ] {
            assert!(all.lines().iter().any(|one| one == line), "{line} {:#?}", all.lines());
        }
        assert!(Limits::interactive().lines().iter().any(|line| line == "limits: no deadline"));
    }
}
