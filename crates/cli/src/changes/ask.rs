//! Asking the person.
//!
//! An answer counts only if it was typed after the question. What was typed before,
//! for instance to a question that the program had printed, is thrown away; so is
//! what the terminal itself has sent, since a program can ask it to (where the cursor
//! is, what the window is called), and its answers come late and look like keys.

use crate::terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// For so long nothing may come before the question is asked: longer than a
/// terminal takes to answer, over a network too.
const QUIET: Duration = Duration::from_millis(400);

/// For so long this is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// Keys never stopped coming.
    NotAsked,
}

/// Asks on stderr, and takes an answer from stdin; both are terminals.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) fn ask(question: &str) -> io::Result<Answer> {
    let stdin = rustix::stdio::stdin();
    let found = tcgetattr(stdin)?;
    let answer = ask_with(question, &found);
    let put_back = tcsetattr(stdin, OptionalActions::Now, &found);
    let answer = answer?;
    put_back?;
    Ok(answer)
}

fn ask_with(question: &str, found: &Termios) -> io::Result<Answer> {
    let stdin = rustix::stdio::stdin();
    // Single keys, unseen: half a line must be thrown away too.
    let mut single = found.clone();
    single.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    single.special_codes[SpecialCodeIndex::VMIN] = 1;
    single.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(stdin, OptionalActions::Flush, &single)?;
    if !is_quiet()? {
        return Ok(Answer::NotAsked);
    }
    // Lines, seen.
    let mut lines = found.clone();
    lines.local_modes.insert(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
    lines.input_modes.insert(InputModes::ICRNL);
    // This throws away what has come since.
    tcsetattr(stdin, OptionalActions::Flush, &lines)?;
    let mut stderr = io::stderr();
    if !terminal::is_same(rustix::stdio::stdout(), rustix::stdio::stderr()) {
        // What was told before it is elsewhere.
        stderr.write_all(&terminal::empty_screen(&stderr))?;
    }
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    // BOUND: a terminal gives at most a line of 4096 bytes; a longer one is no yes.
    let mut line = [0; 4096];
    let count = loop {
        match rustix::io::read(stdin, &mut line) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    Ok(if is_yes(&line[..count]) { Answer::Yes } else { Answer::No })
}

/// Throws away what comes until nothing comes any more.
fn is_quiet() -> io::Result<bool> {
    let stdin = rustix::stdio::stdin();
    let begun = Instant::now();
    let quiet = Timespec { tv_sec: 0, tv_nsec: QUIET.subsec_nanos().into() };
    while begun.elapsed() < PATIENCE {
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut ready, Some(&quiet)) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match rustix::io::read(stdin, &mut [0; 4096]) {
            // The terminal is gone.
            Ok(0) => return Ok(false),
            Ok(_) | Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Whether a whole line says yes and nothing else.
fn is_yes(line: &[u8]) -> bool {
    let Some(line) = line.strip_suffix(b"\n") else { return false };
    let word = line.trim_ascii().to_ascii_lowercase();
    word == b"y" || word == b"yes"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_line_that_says_so_is_a_yes() {
        for yes in ["y\n", "Yes\n", " y \r\n"] {
            assert!(is_yes(yes.as_bytes()), "{yes:?}");
        }
        for no in ["", "y", "\n", "n\n", "yy\n", "y\ny\n", "\x1b[0ny\n", "\x1b]ly\x1b\\y\n", "yes please\n"] {
            assert!(!is_yes(no.as_bytes()), "{no:?}");
        }
    }
}
