//! A policy that asks a person: each file of a directory is opened only if somebody at
//! the keyboard says so.
//!
//! `BELLGLASS_CELL=target/release/bellglass-cell cargo run --release --package bellglass --example ask -- DIRECTORY PROGRAM.py`
//!
//! The question is asked where the file tree is walked, and not in a handler of `path_open`. A
//! handler sees a path as the program wrote it: relative to some descriptor, through links,
//! with `..` in it. A guard sees what the path leads to, so that there is no way round.

use bellglass::files::{Act, Request};
use bellglass::{Access, Errno, Limits, Mount, Output, Sandbox, Store, go_on, plain};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the directory stands in the guest's tree.
const PLACE: &str = "/asked";

/// How long the run may take, and so the longest that a question waits.
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(directory), Some(program)) = (words.next(), words.next()) else {
        return Err("usage: ask DIRECTORY PROGRAM.py".into());
    };
    let person = Person::new();
    let guard = move |request: &Request<'_>| match request.act {
        Act::Look => Ok(()),
        Act::Read => person.allows(request.path),
        // The directory is shown read-only in any case.
        _ => Err(Errno::ACCES),
    };
    let report = Sandbox::builder(Store::open_default()?.find("python")?)
        .arguments(["/program.py"])
        .mount(Mount::file(program, "/program.py"))
        .mount(Mount::directory(directory, PLACE, Access::ReadOnly).guard(guard))
        .limits(Limits { timeout: Some(TIMEOUT), ..Limits::default() })
        .stdout(Output::Writer(Box::new(Plainly)))
        .stderr(Output::Writer(Box::new(Plainly)))
        .build()?
        .run();
    println!("{:?}", report.outcome);
    Ok(())
}

/// The program's output, on the terminal of the questions: with nothing in it that could
/// hide one, or paint over what it asks about.
struct Plainly;

impl Write for Plainly {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<String> = text.split('\n').map(plain).collect();
        std::io::stdout().write_all(lines.join("\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}

/// How long an answer is waited for until the run is asked again whether it goes on.
const LOOK: Duration = Duration::from_millis(20);

/// Somebody at the keyboard.
struct Person(Mutex<Asked>);

struct Asked {
    lines: Receiver<String>,
    /// What was said of each path: a program that asks again and again is a nuisance.
    answers: HashMap<Vec<u8>, bool>,
}

impl Person {
    /// Lines are read in a thread of their own: a question can then end without an answer.
    fn new() -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(Mutex::new(Asked { lines, answers: HashMap::new() }))
    }

    /// Asks, once for each path. Whoever does not say yes says no.
    fn allows(&self, path: &[u8]) -> Result<(), Errno> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = match asked.answers.get(path) {
            Some(answer) => *answer,
            None => {
                let answer = asked.ask(path)?;
                asked.answers.insert(path.to_vec(), answer);
                answer
            }
        };
        if allowed { Ok(()) } else { Err(Errno::ACCES) }
    }
}

impl Asked {
    fn ask(&self, path: &[u8]) -> Result<bool, Errno> {
        // What was typed before the question was shown is no answer to it.
        while self.lines.try_recv().is_ok() {}
        // Escaped, a name can do nothing to a terminal.
        print!("may it open {PLACE}/{}? [y/N] ", path.escape_ascii());
        if std::io::stdout().flush().is_err() {
            return Ok(false);
        }
        loop {
            match self.lines.recv_timeout(LOOK) {
                Ok(line) => return Ok(line.trim().eq_ignore_ascii_case("y")),
                Err(RecvTimeoutError::Disconnected) => return Ok(false),
                // Nothing that answers a call may outlast the run.
                Err(RecvTimeoutError::Timeout) => go_on()?,
            }
        }
    }
}
