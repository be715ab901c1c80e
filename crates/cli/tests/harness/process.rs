//! Running a command to its end, never longer than a test may take.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longer than any test takes on a slow machine: a command that hangs must not
/// hang the tests.
const PATIENCE: Duration = Duration::from_secs(240);

/// What a command finds on its stdin.
pub enum Stdin {
    /// End of file at once.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A pipe on which nothing ever comes.
    Silent,
}

/// How a command ended.
pub struct Finished {
    /// Its exit code, or 128 and the signal's number.
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub took: Duration,
}

impl Finished {
    pub fn out(&self) -> String {
        printable(&self.stdout)
    }

    pub fn err(&self) -> String {
        printable(&self.stderr)
    }

    /// Everything about it, for the text of a failure.
    pub fn all(&self) -> String {
        let cut = |text: String| if text.len() > 4000 { text.chars().take(4000).collect() } else { text };
        format!(
            "exit code {} after {:.2?}\n--- stdout\n{}\n--- stderr\n{}",
            self.code,
            self.took,
            cut(self.out()),
            cut(self.err())
        )
    }

    /// Fails with everything about it unless the exit code is this.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert!(self.code == code, "exit code {code} was expected, not this: {}", self.all());
        self
    }

    /// Fails unless stderr has this text in it.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err().contains(text), "{text:?} was expected on stderr, not this: {}", self.all());
        self
    }

    /// Fails unless stdout is this.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.out() == text, "{text:?} was expected on stdout, not this: {}", self.all());
        self
    }
}

/// A command that runs.
pub struct Running {
    child: Child,
    begun: Instant,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
    silent: Option<std::process::ChildStdin>,
}

/// Starts a command and collects what it writes.
pub fn start(command: &mut Command, stdin: Stdin) -> Running {
    let piped = if matches!(stdin, Stdin::Nothing) { Stdio::null() } else { Stdio::piped() };
    let begun = Instant::now();
    let mut child = command
        .stdin(piped)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let mut silent = None;
    if let Some(mut pipe) = child.stdin.take() {
        match stdin {
            Stdin::Nothing => {}
            Stdin::Silent => silent = Some(pipe),
            // A command may end without having read it all.
            Stdin::Bytes(bytes) => drop(thread::spawn(move || pipe.write_all(&bytes))),
        }
    }
    Running { child, begun, stdout, stderr, silent }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command, stdin: Stdin) -> Finished {
    start(command, stdin).wait()
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the command alone, not to its cell.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.child.id() as i32).expect("a process");
        rustix::process::kill_process(id, signal).expect("a signal is sent");
    }

    pub fn wait(mut self) -> Finished {
        let status = loop {
            match self.child.try_wait().expect("a child") {
                Some(status) => break status,
                None if self.begun.elapsed() > PATIENCE => {
                    self.child.kill().expect("a kill");
                    break self.child.wait().expect("a child");
                }
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        let took = self.begun.elapsed();
        drop(self.silent);
        let stdout = self.stdout.join().expect("a reader");
        let stderr = self.stderr.join().expect("a reader");
        Finished { code: code(status), stdout, stderr, took }
    }
}

pub fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// Text as it is; bytes that are none, as `\xNN`.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// A process that may be gone later, even if its number is used again.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: u32,
    started: String,
}

/// The processes whose parent this is.
pub fn children(parent: u32) -> Vec<Identity> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc") {
        let name = entry.expect("an entry").file_name();
        let Ok(id) = name.to_string_lossy().parse::<u32>() else { continue };
        if let Some((its_parent, started)) = parent_and_start(id)
            && its_parent == parent
        {
            found.push(Identity { id, started });
        }
    }
    found
}

/// Whether a process is there and no zombie.
pub fn is_alive(process: &Identity) -> bool {
    parent_and_start(process.id).is_some_and(|(_, started)| started == process.started)
}

fn parent_and_start(id: u32) -> Option<(u32, String)> {
    let line = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let fields: Vec<&str> = line[line.rfind(')')? + 1..].split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    Some((fields.get(1)?.parse().ok()?, (*fields.get(19)?).to_owned()))
}

/// A figure in KiB from a process's status, such as `VmHWM`, its greatest
/// resident size.
pub fn status_kib(id: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Waits until something is so, for a moment that is long enough on any machine.
#[track_caller]
pub fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came to this: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
