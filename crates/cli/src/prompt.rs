//! Line editing for the interactive prompt. The editor is on this side: the
//! guest reads lines from what it takes for a plain stdin, and gets them once
//! they are typed.
//!
//! The editor must draw the prompt itself, or its first redraw would wipe it
//! out. It takes whatever the guest has written since the last end of line, so
//! that `input("name? ")` is edited as well as `>>> ` is.

use bellglass::Controls;
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Editor, history::History};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of an unfinished line that are kept as a prompt.
const PROMPT_BYTES: usize = 1024;

/// Lines of history that are kept.
const HISTORY_LINES: usize = 10_000;

/// The text since the last end of line, shared between output and editor.
pub(crate) type Unfinished = Arc<Mutex<Vec<u8>>>;

/// Passes the guest's output on and remembers its unfinished line.
pub(crate) struct PromptOutput<W> {
    inner: W,
    unfinished: Unfinished,
}

impl<W: Write> PromptOutput<W> {
    pub(crate) fn new(inner: W, unfinished: Unfinished) -> Self {
        Self { inner, unfinished }
    }
}

impl<W: Write> Write for PromptOutput<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.inner.flush()?;
        let mut unfinished = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
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
    unfinished: Unfinished,
    history: Option<PathBuf>,
    controls: Arc<Mutex<Option<Controls>>>,
    line: Vec<u8>,
    taken: usize,
}

impl EditedLines {
    /// An editor whose Ctrl-C goes to `controls`, once they are there.
    pub(crate) fn new(
        unfinished: Unfinished,
        history: Option<PathBuf>,
        controls: Arc<Mutex<Option<Controls>>>,
    ) -> Result<Self, ReadlineError> {
        let mut editor = Editor::<(), FileHistory>::new()?;
        editor.set_max_history_size(HISTORY_LINES)?;
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, unfinished, history, controls, line: Vec::new(), taken: 0 })
    }

    fn next_line(&mut self) -> io::Result<()> {
        let prompt = std::mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner));
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
        let unfinished = Unfinished::default();
        let mut output = PromptOutput::new(Vec::new(), Arc::clone(&unfinished));
        output.write_all(b"hello\n>>").expect("a write");
        output.write_all(b"> ").expect("a write");
        assert_eq!(*unfinished.lock().expect("no panic"), b">>> ");
        output.write_all(b"\n").expect("a write");
        assert!(unfinished.lock().expect("no panic").is_empty());
        output.write_all(&[b'x'; 5000]).expect("a write");
        assert_eq!(unfinished.lock().expect("no panic").len(), PROMPT_BYTES);
    }
}
