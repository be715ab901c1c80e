//! What the command says: lines for people, on stderr and stdout.
//!
//! Nothing else prints (`clippy::print_stderr` and `print_stdout` see to it), so
//! nothing that a guest, a cell or an image has chosen reaches a terminal as it is.

use crate::terminal;
use serde::Serialize;
use std::fmt::{Arguments, Write as _};
use std::io::{self, BufWriter, StdoutLock, Write};

/// Says a line on stderr, with `bellglass: ` before it.
macro_rules! say {
    ($($what:tt)*) => { $crate::say::line(format_args!($($what)*)) };
}
pub(crate) use say;

/// See [`say!`].
pub(crate) fn line(what: Arguments<'_>) {
    terminal::put_in_order();
    let text = indented(&format!("bellglass: {what}"));
    // Nobody is there to be told that nobody can be told.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Lines after the first are set in, so that none passes for one of its own.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 1);
    for character in text.trim_end().chars() {
        match character {
            '\n' => out.push_str("\n    "),
            '\t' => out.push(' '),
            // Writing to a String cannot fail.
            one => drop(write!(out, "{}", Plain(one))),
        }
    }
    out.push('\n');
    out
}

struct Plain(char);

impl std::fmt::Display for Plain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if bellglass::is_plain(self.0) {
            formatter.write_char(self.0)
        } else {
            formatter.write_str(&bellglass::plain(self.0.encode_utf8(&mut [0; 4])))
        }
    }
}

/// Stdout, line by line.
pub(crate) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    pub(crate) fn new() -> Self {
        terminal::put_in_order();
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Prints one line.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn line(&mut self, what: Arguments<'_>) -> io::Result<()> {
        writeln!(self.0, "{}", bellglass::plain(&what.to_string()))
    }

    /// Prints JSON as it is: see [`json`].
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn json(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())
    }

    /// To be called at the end.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A value as JSON, with an end of line.
///
/// # Errors
/// When it is no value of JSON.
pub(crate) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    Ok(escaped(&serde_json::to_string_pretty(value)?) + "\n")
}

/// JSON that says the same without characters that a terminal acts on. Outside of
/// strings JSON has none but ends of line.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || bellglass::is_plain(character) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_passes_for_one_of_ours() {
        let text = indented("bellglass: \x1b[2Jno\nbellglass: wrote 3 changes\r\n");
        assert_eq!(text, "bellglass: <U+001B>[2Jno\n    bellglass: wrote 3 changes\n");
    }

    #[test]
    fn json_says_the_same_without_acting() {
        let value = "a\u{9b}2J\u{202e}\u{e0041}\x7f\x1b\n";
        let text = json(&value).expect("a value");
        assert!(text.trim_end().chars().all(bellglass::is_plain), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).expect("JSON"), value);
    }
}
