//! A command on a terminal.

use super::{Scratch, process};
use std::io::{Read, Write};

/// A terminal with the command in it.
pub struct Terminal {
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: std::sync::Arc<std::sync::Mutex<Shown>>,
}

/// How much it takes of what it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    All,
    Nothing,
}

/// What it has shown.
#[derive(Default)]
struct Shown {
    all: Vec<u8>,
    /// How much of it was waited for.
    seen: usize,
}

impl Terminal {
    /// Starts the command with these words.
    pub fn open(place: &Scratch, words: &[&str]) -> Self {
        Self::start(place, Reads::All, words, &[])
    }

    /// The same, on a terminal of this name.
    pub fn open_as(place: &Scratch, name: &str, words: &[&str]) -> Self {
        Self::start(place, Reads::All, words, &[("TERM", name)])
    }

    /// The same, with more in its environment.
    pub fn open_with(place: &Scratch, words: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start(place, Reads::All, words, environment)
    }

    /// The same, on a terminal that takes what it has room for and shows nothing.
    pub fn open_unread(place: &Scratch, words: &[&str]) -> Self {
        Self::start(place, Reads::Nothing, words, &[])
    }

    fn start(place: &Scratch, read: Reads, words: &[&str], environment: &[(&str, &str)]) -> Self {
        let pair =
            portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).expect("a terminal");
        let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_bellglass"));
        command.args(words);
        command.cwd(place.work());
        command.env_clear();
        command.env("BELLGLASS_CACHE", super::cache());
        command.env("HOME", place.home());
        command.env("TERM", "xterm");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("a start");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let screen = std::sync::Arc::new(std::sync::Mutex::new(Shown::default()));
        let shown = std::sync::Arc::clone(&screen);
        std::thread::spawn(move || {
            let _master = pair.master;
            if read == Reads::Nothing {
                loop {
                    std::thread::park();
                }
            }
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                shown.lock().expect("no panic").all.extend_from_slice(&buffer[..count]);
            }
        });
        Self { child, keys, screen }
    }

    /// Types, once the prompt is there.
    pub fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys");
        self.keys.flush().expect("keys");
    }

    /// Waits until it shows this, and forgets what it showed.
    pub fn shows(&self, text: &str) {
        let screen = || {
            let shown = self.screen.lock().expect("no panic");
            process::printable(&shown.all[shown.seen..])
        };
        process::eventually(&format!("{text:?} is shown"), || screen().contains(text));
        let mut shown = self.screen.lock().expect("no panic");
        shown.seen = shown.all.len();
    }

    /// All that it was sent since it was opened.
    pub fn sent(&self) -> Vec<u8> {
        self.screen.lock().expect("no panic").all.clone()
    }

    /// What a person sees on it now, as a terminal has it that obeys all that it was
    /// sent.
    pub fn screen(&self) -> avt::Terminal {
        let size = portable_pty::PtySize::default();
        let mut terminal = avt::Terminal::new(size.cols.into(), size.rows.into()).expect("a size");
        terminal.feed(String::from_utf8_lossy(&self.sent()).as_ref());
        terminal
    }

    /// The lines of that.
    pub fn lines(&self) -> Vec<String> {
        let terminal = self.screen();
        terminal.screen().visible_lines().map(|line| line.text().trim_end().to_owned()).collect()
    }

    /// Waits for the command's end.
    pub fn ends(&mut self) -> u32 {
        process::eventually("it ends", || self.child.try_wait().expect("its state").is_some());
        self.child.wait().expect("its state").exit_code()
    }
}
