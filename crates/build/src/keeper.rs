//! A script of a build, and all that it has started, end with the build, whatever ends it.
//!
//! A script starts programs that start others, and a signal that ends the build reaches
//! none of them: `make` would go on for minutes in a folder where the next build begins.
//! So between the two stands a keeper, which is the bellglass command with a word that
//! nobody types. It has the end of a pipe whose other end the build holds open, and once
//! that is closed it kills what is there below it: also what has lost its parents, which
//! falls to it, and what has left its group. It does the same when the script has ended.

use bellglass_fork::keep_ends_of_children;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait};
use std::ffi::OsString;
use std::io::{self, PipeWriter, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The word by which the command is asked to be a keeper. Nobody types it.
pub const KEEP_VERB: &str = "keep-step";

/// How the keeper ends if there is no script to keep.
const NOT_STARTED: u8 = 127;

/// For so long it is tried to end what is left: something may hang in the kernel.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// A script at work. Dropping it ends it.
pub(crate) struct Kept {
    pub child: Child,
    /// Closed with this value, and by the system if this process is no more.
    _alive: PipeWriter,
}

/// The command of a keeper of `program`. Its standard input is the keeper's own.
pub(crate) fn command(bellglass: &Path, program: &str) -> Command {
    let mut command = Command::new(bellglass);
    // A Ctrl-C at the terminal is for this process; the keeper ends with it.
    command.arg(KEEP_VERB).arg(program).process_group(0);
    command
}

impl Kept {
    /// Starts what [`command`] made.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let (end, alive) = io::pipe()?;
        let child = command.stdin(Stdio::from(end)).spawn()?;
        Ok(Self { child, _alive: alive })
    }
}

/// Is a keeper until its script has ended, or whoever started this. `words` follow
/// [`KEEP_VERB`]: the program and its arguments.
pub fn keep_here(mut words: impl Iterator<Item = OsString>) -> u8 {
    keep_ends_of_children();
    // Without it what leaves its group and loses its parents is out of reach.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let Some(program) = words.next() else { return NOT_STARTED };
    let started = Command::new(&program).args(words).stdin(Stdio::null()).process_group(0).spawn();
    let child = match started {
        Ok(child) => child,
        Err(error) => {
            // To the log, as all that the script says.
            let _ = writeln!(io::stderr(), "cannot start {}: {error}", program.display());
            return NOT_STARTED;
        }
    };
    let group = Pid::from_child(&child);
    let watch = std::thread::Builder::new().spawn(move || {
        // Nothing ever comes but the end.
        let _ = io::stdin().read(&mut [0]);
        sweep(group);
        std::process::exit(NOT_STARTED.into());
    });
    if watch.is_err() {
        sweep(group);
        return NOT_STARTED;
    }
    let code = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == group => break code_of(status),
            // What has lost its parents has ended as well.
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break NOT_STARTED,
        }
    };
    sweep(group);
    code
}

fn code_of(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(NOT_STARTED)
}

/// Ends all that there is below this process. What loses its parents by that is a child
/// of this one then.
fn sweep(group: Pid) {
    let begun = Instant::now();
    // All at once first, so that little is started meanwhile.
    let _ = kill_process_group(group, Signal::KILL);
    while begun.elapsed() < PATIENCE {
        for child in children() {
            let _ = kill_process(child, Signal::KILL);
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => break,
                // None are left.
                Err(_) => return,
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// The processes whose parent this is; none where the system does not tell.
fn children() -> Vec<Pid> {
    let own = rustix::process::getpid().as_raw_nonzero().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |id: &i32| {
        // The name stands in brackets and may hold anything.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(own.as_str())
    };
    processes.filter(is_child).filter_map(Pid::from_raw).collect()
}
