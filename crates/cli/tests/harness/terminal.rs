//! A command on a terminal.

use super::{Place, process};
use std::io::{Read, Write};

/// A terminal with the command in it.
pub struct Terminal {
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts the command with these words.
    pub fn open(place: &Place, words: &[&str]) -> Self {
        let pair =
            portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).expect("a terminal");
        let mut command = portable_pty::CommandBuilder::new(env!("CARGO_BIN_EXE_bellglass"));
        command.args(words);
        command.cwd(place.work());
        command.env_clear();
        command.env("BELLGLASS_CACHE", super::cache());
        command.env("HOME", place.home());
        command.env("TERM", "xterm");
        let child = pair.slave.spawn_command(command).expect("a start");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let screen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let shown = std::sync::Arc::clone(&screen);
        std::thread::spawn(move || {
            let _master = pair.master;
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                shown.lock().expect("no panic").extend_from_slice(&buffer[..count]);
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
        let screen = || process::printable(&self.screen.lock().expect("no panic"));
        process::eventually(&format!("{text:?} is shown"), || screen().contains(text));
        self.screen.lock().expect("no panic").clear();
    }
}
