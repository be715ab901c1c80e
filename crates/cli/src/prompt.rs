//! Line editing for the interactive prompt. The editor is on this side: the
//! guest reads lines from what it takes for a plain stdin, and gets them once
//! they are typed.
//!
//! The editor must draw the prompt itself, or its first redraw would wipe it
//! out. It takes whatever the guest has written since the last end of line, so
//! that `input("name? ")` is edited as well as `>>> ` is.

use crate::changes::Keys;
use bellglass::Controls;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Editor, history::History};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Bytes of an unfinished line that are kept as a prompt.
const PROMPT_BYTES: usize = 1024;

/// Lines of history that are kept.
const HISTORY_LINES: usize = 10_000;

/// What output and editor share, and the end of both. They work on threads that can
/// outlive the guest: one that still writes, or waits for a line.
#[derive(Clone, Default)]
pub(crate) struct Session(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The text since the last end of line. Held while something is written.
    written: Mutex<Written>,
    /// Held while a line is edited.
    editing: Mutex<Guest>,
}

#[derive(Default)]
struct Written {
    unfinished: Vec<u8>,
    guest: Guest,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Guest {
    #[default]
    Runs,
    HasEnded,
}

impl Session {
    /// The guest has ended: once this returns, nothing of its is written any more
    /// and no further line is read for it. Says whose the keys are.
    pub(crate) fn end(&self) -> Keys {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner).guest = Guest::HasEnded;
        match self.0.editing.try_lock() {
            Ok(mut guest) => *guest = Guest::HasEnded,
            Err(TryLockError::Poisoned(poisoned)) => *poisoned.into_inner() = Guest::HasEnded,
            Err(TryLockError::WouldBlock) => return Keys::Taken,
        }
        Keys::Ours
    }

    fn take_unfinished(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.written.lock().unwrap_or_else(PoisonError::into_inner).unfinished)
    }
}

/// Passes the guest's output on and remembers its unfinished line.
pub(crate) struct PromptOutput<W> {
    inner: W,
    session: Session,
}

impl<W: Write> PromptOutput<W> {
    pub(crate) fn new(inner: W, session: Session) -> Self {
        Self { inner, session }
    }
}

impl<W: Write> Write for PromptOutput<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shared = self.session.0.written.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.guest == Guest::HasEnded {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = self.inner.write(bytes)?;
        self.inner.flush()?;
        let unfinished = &mut shared.unfinished;
        let written = &bytes[..count];
        let tail = match written.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => {
                unfinished.clear();
                &written[end + 1..]
            }
            None => written,
        };
        // BOUND: the guest chooses what it writes; a longer line is no prompt.
        let room = PROMPT_BYTES.saturating_sub(unfinished.len());
        unfinished.extend_from_slice(&tail[..tail.len().min(room)]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Lines from an editor, as a reader for the guest's stdin.
pub(crate) struct EditedLines {
    editor: Editor<(), FileHistory>,
    session: Session,
    history: Option<PathBuf>,
    controls: Arc<Mutex<Option<Controls>>>,
    line: Vec<u8>,
    taken: usize,
}

impl EditedLines {
    /// An editor whose Ctrl-C goes to `controls`, once they are there.
    pub(crate) fn new(
        session: Session,
        history: Option<PathBuf>,
        controls: Arc<Mutex<Option<Controls>>>,
    ) -> Result<Self, ReadlineError> {
        let mut editor = Editor::<(), FileHistory>::new()?;
        editor.set_max_history_size(HISTORY_LINES)?;
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, session, history, controls, line: Vec::new(), taken: 0 })
    }

    fn next_line(&mut self) -> io::Result<()> {
        let session = self.session.clone();
        let guest = session.0.editing.lock().unwrap_or_else(PoisonError::into_inner);
        if *guest == Guest::HasEnded {
            return Ok(());
        }
        let prompt = session.take_unfinished();
        let prompt = String::from_utf8_lossy(&prompt).into_owned();
        self.taken = 0;
        self.line.clear();
        match self.editor.readline(&prompt) {
            Ok(line) => {
                let is_new = self.editor.add_history_entry(&line).map_err(io::Error::other)?;
                if is_new && !line.trim().is_empty() {
                    self.save();
                }
                self.line = line.into_bytes();
                self.line.push(b'\n');
                Ok(())
            }
            Err(ReadlineError::Eof) => Ok(()),
            Err(ReadlineError::Interrupted) => {
                if let Some(controls) = &*self.controls.lock().unwrap_or_else(PoisonError::into_inner) {
                    controls.interrupt();
                }
                Err(io::ErrorKind::Interrupted.into())
            }
            Err(ReadlineError::Io(error)) => Err(error),
            Err(other) => Err(io::Error::other(other)),
        }
    }

    fn save(&mut self) {
        if let Some(path) = &self.history
            && self.editor.history().len() > 0
        {
            // A history that cannot be kept is no reason to stop.
            let _ = self.editor.append_history(path);
        }
    }
}

impl Read for EditedLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.line.len() {
            self.next_line()?;
        }
        let rest = &self.line[self.taken..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unfinished_line_is_remembered() {
        let session = Session::default();
        let mut output = PromptOutput::new(Vec::new(), session.clone());
        let unfinished = || session.0.written.lock().expect("no panic").unfinished.clone();
        output.write_all(b"hello\n>>").expect("a write");
        output.write_all(b"> ").expect("a write");
        assert_eq!(unfinished(), b">>> ");
        output.write_all(b"\n").expect("a write");
        assert!(unfinished().is_empty());
        output.write_all(&[b'x'; 5000]).expect("a write");
        assert_eq!(unfinished().len(), PROMPT_BYTES);
    }

    #[test]
    fn nothing_is_written_once_the_guest_has_ended() {
        let session = Session::default();
        let mut output = PromptOutput::new(Vec::new(), session.clone());
        output.write_all(b"before").expect("a write");
        let editing = session.0.editing.lock().expect("no panic");
        assert_eq!(session.end(), Keys::Taken);
        drop(editing);
        assert_eq!(session.end(), Keys::Ours);
        output.write_all(b"after").expect_err("it has ended");
        assert_eq!(output.inner, b"before");
    }
}
