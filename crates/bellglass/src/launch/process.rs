//! One cell as a process: started with nothing, killed and reaped for sure.

use crate::Error;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// Bytes of a cell's last words that are kept.
const LAST_WORDS_BYTES: u64 = 4096;

/// How long a cell that has sent its last frame may take to leave by itself.
const LEAVE_TIME: Duration = Duration::from_millis(500);

/// A running cell. Dropping it ends it.
pub(crate) struct CellProcess {
    /// Taken when it is reaped.
    child: Option<Child>,
    /// Which process a signal may go to; empty once it is reaped, so that no
    /// signal ever reaches a stranger with the same number.
    alive: Arc<Mutex<Option<Pid>>>,
    last_words: Option<ChildStderr>,
    usage: Option<CellUsage>,
}

/// What the operating system says of a cell that has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellUsage {
    /// Processor time, user and system.
    pub(crate) cpu: Duration,
    /// The greatest resident size in bytes.
    pub(crate) peak_resident_bytes: u64,
    /// The signal that ended it, unless it left by itself.
    pub(crate) signal: Option<i32>,
    /// What it said on its diagnostics pipe.
    pub(crate) last_words: String,
}

impl CellProcess {
    /// Starts the cell's `program` on a compiled module.
    ///
    /// # Errors
    /// [`Error::Launch`] if the operating system refuses.
    pub(crate) fn start(program: &Path, compiled: File) -> Result<(Self, UnixStream), Error> {
        let refused = |source| Error::Launch { program: program.to_owned(), source };
        let (ours, theirs) = UnixStream::pair().map_err(refused)?;
        ours.set_nonblocking(true).map_err(refused)?;
        let mut child = Command::new(program)
            .env_clear()
            .current_dir("/")
            // Three descriptors are all that a cell has, and all that it needs.
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(compiled))
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for the controller, which decides.
            .process_group(0)
            .spawn()
            .map_err(refused)?;
        let last_words = child.stderr.take();
        let alive = Arc::new(Mutex::new(Pid::from_raw(i32::try_from(child.id()).unwrap_or(0))));
        Ok((Self { child: Some(child), alive, last_words, usage: None }, ours))
    }

    /// Tells how much processor time this cell has used until now, as long as it
    /// lives.
    pub(crate) fn processor_time(&self) -> impl Fn() -> Duration + Send + 'static {
        let alive = Arc::clone(&self.alive);
        move || {
            let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            alive.and_then(processor_time_of).unwrap_or_default()
        }
    }

    /// Something that can signal this cell from another thread.
    pub(crate) fn signaller(&self) -> Signaller {
        Signaller { alive: Arc::clone(&self.alive) }
    }

    /// Waits a moment for a cell that has said its last, then ends it.
    pub(crate) fn leave(&mut self) -> CellUsage {
        if let Some(words) = &self.last_words {
            // The pipe closes with the process, so this waits for the exit
            // without a busy loop; what the cell says late is read by `end`.
            let mut waiting = [PollFd::new(words, PollFlags::empty())];
            let until = Instant::now() + LEAVE_TIME;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
                match poll(&mut waiting, Some(&timeout)) {
                    Err(rustix::io::Errno::INTR) => {}
                    _ => break,
                }
            }
        }
        self.end()
    }

    /// Kills the cell if it still runs, reaps it, and says what it used.
    pub(crate) fn end(&mut self) -> CellUsage {
        if let Some(usage) = &self.usage {
            return usage.clone();
        }
        let mut alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = alive.take() {
            // An unreaped process keeps its number, so this reaches nobody else;
            // one that has left already does not mind.
            let _ = kill_process(pid, Signal::KILL);
        }
        drop(alive);
        let mut usage = CellUsage::default();
        if let Some(Ok(reaped)) = self.child.take().map(Wait4::wait4) {
            usage.cpu = reaped.rusage.utime + reaped.rusage.stime;
            usage.peak_resident_bytes = reaped.rusage.maxrss;
            usage.signal = reaped.status.signal();
        }
        if let Some(words) = self.last_words.take() {
            // BOUND: a hostile cell may have filled the pipe; so much is kept.
            // The process is dead, so the read ends.
            let mut bytes = Vec::new();
            let _ = words.take(LAST_WORDS_BYTES).read_to_end(&mut bytes);
            usage.last_words = printable(&bytes);
        }
        self.usage = Some(usage.clone());
        usage
    }
}

impl Drop for CellProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// Signals a cell, as long as it lives.
#[derive(Clone, Debug)]
pub(crate) struct Signaller {
    alive: Arc<Mutex<Option<Pid>>>,
}

impl Signaller {
    /// Asks the cell to interrupt its guest.
    pub(crate) fn interrupt(&self) {
        self.send(Signal::USR1);
    }

    /// Kills the cell.
    pub(crate) fn kill(&self) {
        self.send(Signal::KILL);
    }

    fn send(&self, signal: Signal) {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *alive {
            let _ = kill_process(pid, signal);
        }
    }
}

/// The time that all threads of a process have run, which Linux counts in
/// nanoseconds; the first number of `schedstat` (see proc(5)).
fn processor_time_of(process: Pid) -> Option<Duration> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero())).ok()?;
    let time_of = |task: std::fs::DirEntry| {
        let statistics = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        statistics.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    Some(tasks.flatten().filter_map(time_of).sum())
}

/// A cell's words come from a process that is not trusted: no control character
/// of theirs may reach a terminal or a log.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let safe = |character: char| if character.is_control() { ' ' } else { character };
    text.trim().chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_cell_are_not_passed_on() {
        assert_eq!(printable(b"a\x1b[2Jb\n"), "a [2Jb");
    }

    #[test]
    fn a_program_that_does_nothing_is_killed_and_reaped() {
        let module = File::open("/dev/null").expect("/dev/null");
        let (mut process, stream) = CellProcess::start(Path::new("/bin/cat"), module).expect("a process");
        let signaller = process.signaller();
        let usage = process.end();
        assert_eq!(usage.signal, Some(9));
        signaller.kill();
        drop(stream);
    }
}
