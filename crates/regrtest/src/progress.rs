//! Showing how far a run has come: a moving line on a terminal, and one lasting
//! line for each file.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The display.
pub(crate) struct Progress {
    bar: ProgressBar,
    running: Mutex<Vec<String>>,
    total: usize,
}

impl Progress {
    /// A display for so many files.
    pub fn new(total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
        // The template is ours; a display that cannot draw it draws none.
        if let Ok(style) =
            ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} (ends in {eta}) {wide_msg}")
        {
            bar.set_style(style);
        }
        if std::io::stderr().is_terminal() {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, running: Mutex::default(), total }
    }

    /// A file has begun.
    pub fn begun(&self, file: &str) {
        self.change(|running| running.push(file.to_owned()));
    }

    /// A file has ended.
    pub fn ended(&self, file: &str, how: &str, seconds: f64) {
        self.change(|running| running.retain(|other| other != file));
        self.bar.inc(1);
        let (done, total) = (self.bar.position(), self.total);
        self.print(&format!("[{done:3}/{total}] {file}: {how} ({seconds:.1} s)"));
    }

    /// A file has had another try.
    pub fn again(&self, file: &str, how: &str, seconds: f64) {
        self.print(&format!("once more, alone: {file}: {how} ({seconds:.1} s)"));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<String>)) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        self.bar.set_message(running.join(" "));
    }

    fn print(&self, line: &str) {
        // That nobody reads the progress is no reason to stop.
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
