//! The progress of a build on a terminal, or as plain lines where there is none.

use crate::progress::{Event, Progress};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Without a terminal, a step that takes long says so this often.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// What the moving line has room for, in characters. The paths in an archive may be many
/// times as long.
const LINE_WIDTH: usize = 120;

/// Shows a build on standard error: one line for each step that ended, with its
/// time, and, on a terminal, a moving line for the one that is under way.
pub struct Display {
    bar: ProgressBar,
    is_terminal: bool,
    colours: bool,
    state: Mutex<Shown>,
}

struct Shown {
    /// `[ 3/11] configure CPython`
    title: String,
    started: Instant,
    last_sign: Instant,
}

impl Default for Display {
    fn default() -> Self {
        Self::new()
    }
}

impl Display {
    /// A display for this process's standard error.
    pub fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // Until the first step there is nothing to draw.
        bar.finish_and_clear();
        let now = Instant::now();
        let state = Mutex::new(Shown { title: String::new(), started: now, last_sign: now });
        let display = Self { bar, is_terminal, colours: is_terminal && !no_colour, state };
        display.style(false);
        display
    }

    fn style(&self, bytes: bool) {
        let template = match (self.colours, bytes) {
            (true, false) => "{spinner:.cyan} {prefix} {elapsed:.dim} {wide_msg:.dim}",
            (false, false) => "{spinner} {prefix} {elapsed} {wide_msg}",
            (true, true) => {
                "{spinner:.cyan} {prefix} {bar:20.cyan/dim} {bytes}/{total_bytes} {wide_msg:.dim}"
            }
            (false, true) => "{spinner} {prefix} {bar:20} {bytes}/{total_bytes} {wide_msg}",
        };
        // The templates are ours; a display that cannot draw one draws none.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.tick_chars("⠁⠂⠄⡀⢀⠠⠐⠈ "));
        }
    }

    fn print(&self, line: &str) {
        // That nobody reads the progress is no reason to stop.
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// Says that a step is still at work, where no line moves and it is time to.
    fn sign(&self, state: &mut Shown) {
        if !self.is_terminal && state.last_sign.elapsed() >= SIGN_OF_LIFE {
            state.last_sign = Instant::now();
            self.print(&format!("{}: {} s so far", state.title, state.started.elapsed().as_secs()));
        }
    }

    /// Replaces the moving line by a lasting one. What is printed next, such as
    /// an error, then stands below it.
    fn ended(&self, title: &str, how: &str, mark: char, colour: &str) {
        self.bar.finish_and_clear();
        if self.colours {
            self.print(&format!("\x1b[{colour}m{mark}\x1b[0m {title} \x1b[2m{how}\x1b[0m"));
        } else {
            self.print(&format!("{title}: {how}"));
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Display {
    fn event(&self, event: Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { step, number, of } => {
                let now = Instant::now();
                let width = of.to_string().len();
                *state =
                    Shown { title: format!("[{number:width$}/{of}] {step}"), started: now, last_sign: now };
                self.bar.reset();
                self.bar.set_prefix(state.title.clone());
                self.bar.set_message("");
                self.style(false);
                if self.is_terminal {
                    self.bar.enable_steady_tick(Duration::from_millis(100));
                }
            }
            Event::Bytes { file, done, total } => {
                if done == 0 {
                    self.style(true);
                }
                self.bar.set_length(total);
                self.bar.set_position(done);
                self.bar.set_message(file.to_owned());
                if !self.is_terminal && done == total {
                    self.print(&format!("{}: {file} ({})", state.title, HumanBytes(total)));
                }
            }
            Event::Line(line) => {
                self.style(false);
                self.bar.set_message(cut(line));
                self.sign(&mut state);
            }
            Event::Working => self.sign(&mut state),
            Event::Finished { elapsed } => {
                self.ended(&state.title, &format!("{:.1} s", elapsed.as_secs_f64()), '✓', "32");
            }
            Event::Cached => self.ended(&state.title, "cached", '✓', "36"),
            Event::Failed => self.ended(&state.title, "failed", '✗', "31"),
            Event::Note(note) => self.print(note),
        }
    }
}

/// The line, with dots for what is beyond the width, and without what a terminal would
/// obey.
fn cut(line: &str) -> String {
    let plain = line.chars().map(|one| if one.is_control() { ' ' } else { one });
    match line.char_indices().nth(LINE_WIDTH) {
        Some(_) => plain.take(LINE_WIDTH - 1).chain(['…']).collect(),
        None => plain.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_short_ones_are_not() {
        assert_eq!(cut(&"ä".repeat(LINE_WIDTH)), "ä".repeat(LINE_WIDTH));
        assert_eq!(cut("a\x1b[2J\tb"), "a [2J b");
        let long = cut(&"ä".repeat(LINE_WIDTH + 1));
        assert_eq!((long.chars().count(), long.ends_with("ä…")), (LINE_WIDTH, true));
    }

    #[test]
    fn events_in_any_order_are_shown() {
        let display = Display::new();
        for event in [
            Event::Cached,
            Event::Failed,
            Event::Note("a note"),
            Event::Line("a line"),
            Event::Working,
            Event::Started { step: "", number: 9, of: 0 },
            Event::Bytes { file: "x", done: 2, total: 1 },
            Event::Finished { elapsed: Duration::MAX },
            Event::Bytes { file: "x", done: 0, total: 0 },
        ] {
            display.event(event);
        }
    }
}
