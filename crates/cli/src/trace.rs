//! `--trace`: each external call on a line as it is answered, as strace has it.

use crate::terminal::PLAIN as PLAIN_LETTERS;
use anyhow::Context;
use bellglass::calls::{Family, Kind, Parameter, lookup};
use bellglass::{Answer, Errno, Fault, Observation, plain};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Characters of a text that are shown.
const TEXT_CHARACTERS: usize = 80;

/// Bytes of a text that are fetched from the guest.
const TEXT_BYTES: u32 = 1024;

/// Bytes of what is read or written that are shown.
const DATA_BYTES: u32 = 32;

const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// An observer that prints to `target`, or to stderr.
///
/// # Errors
/// When the file cannot be made.
pub(crate) fn printer(
    target: Option<&Path>,
) -> anyhow::Result<impl FnMut(&mut Observation<'_, '_>) + Send + 'static> {
    let cannot = |path: &Path| format!("cannot write the trace {}", path.display());
    let (mut out, is_terminal) = match target {
        Some(path) => {
            let file = File::create(path).with_context(|| cannot(path))?;
            let is_terminal = file.is_terminal();
            let out = match file.metadata().with_context(|| cannot(path))?.is_file() {
                true => Out::File(BufWriter::new(file)),
                false => Out::aside(file).with_context(|| cannot(path))?,
            };
            (out, is_terminal)
        }
        None => {
            let out = Out::aside(io::stderr()).context("cannot write the trace")?;
            (out, io::stderr().is_terminal())
        }
    };
    let colours = target.is_none() && io::stderr().is_terminal();
    // The guest may have left half a sequence there.
    let before = if is_terminal { PLAIN_LETTERS } else { "" };
    Ok(move |seen: &mut Observation<'_, '_>| {
        let line = format!("{before}{}", line(seen, colours));
        out.write(line, seen);
    })
}

/// Where the trace goes. That it cannot be written is no reason to end the run.
enum Out {
    File(BufWriter<File>),
    /// What may have to wait for a reader waits on a thread, and the run is not held
    /// beyond its end.
    Aside {
        lines: Sender<String>,
        written: Receiver<()>,
    },
    /// The run ended while a line waited.
    GivenUp,
}

/// How long a line is waited for until the run is asked again.
const LOOK: Duration = Duration::from_millis(5);

impl Out {
    fn aside(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, to_write) = channel::<String>();
        let (done, written) = channel();
        std::thread::Builder::new().name("trace".to_owned()).spawn(move || {
            for line in to_write {
                let _ = out.write_all(line.as_bytes());
                if done.send(()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self::Aside { lines, written })
    }

    fn write(&mut self, line: String, seen: &Observation<'_, '_>) {
        match self {
            Self::File(file) => drop(file.write_all(line.as_bytes())),
            Self::Aside { lines, written } => {
                // BOUND: one line at a time.
                let _ = lines.send(line);
                while written.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if seen.call.waiter.go_on().is_err() {
                        *self = Self::GivenUp;
                        return;
                    }
                }
            }
            Self::GivenUp => {}
        }
    }
}

fn line(seen: &mut Observation<'_, '_>, colours: bool) -> String {
    let row = lookup(seen.call.signature);
    let parameters = row.map_or(&[][..], |row| row.parameters);
    let mut shown = Vec::with_capacity(seen.call.arguments.len());
    for index in 0..seen.call.arguments.len() {
        shown.push(argument(seen, parameters, index));
    }
    let (result, failed) = result(seen, row.map(|row| row.family));
    let (mark, dim, end) = match (colours, failed) {
        (false, _) => ("", "", ""),
        (true, true) => (RED, DIM, PLAIN),
        (true, false) => ("", DIM, PLAIN),
    };
    let note = match seen.missing {
        Some(permission) => format!(" (it needs the permission '{permission}')"),
        None if seen.supported => String::new(),
        None => " (not answered by anything)".to_owned(),
    };
    format!(
        "{}({}) = {mark}{}{end}{note} {dim}<{:.6}>{end}\n",
        // The guest's module chose it.
        plain(&seen.call.signature.name),
        plain(&shown.join(", ")),
        plain(&result),
        seen.elapsed.as_secs_f64(),
    )
}

fn argument(seen: &mut Observation<'_, '_>, parameters: &[Parameter], index: usize) -> String {
    let value = seen.call.u64(index);
    let Some(parameter) = parameters.get(index) else { return value.to_string() };
    let is_sized = parameters.get(index + 1).is_some_and(|next| next.kind == Kind::Size);
    if let Some(shown) = parameter.kind.shown(value as u32) {
        return shown;
    }
    let address = || if value == 0 { "NULL".to_owned() } else { format!("{value:#x}") };
    match parameter.kind {
        Kind::Path => {
            let length = seen.call.u32(index + 1).min(TEXT_BYTES);
            text(seen, value as u32, length).unwrap_or_else(address)
        }
        Kind::Text => c_text(seen, value as u32).unwrap_or_else(address),
        Kind::TimePointer => time(seen, value as u32).unwrap_or_else(address),
        Kind::Buffer => data(seen, value as u32, seen.call.u32(index + 1)).unwrap_or_else(address),
        // What was read, where the call says how much that is.
        Kind::Result if is_sized => match returned(seen) {
            Some(count) => data(seen, value as u32, count.min(seen.call.u32(index + 1))),
            None => None,
        }
        .unwrap_or_else(address),
        Kind::Buffers | Kind::Result | Kind::Pointer => address(),
        Kind::Flags => format!("{value:#x}"),
        Kind::Permissions => format!("{value:#o}"),
        Kind::Size | Kind::Unsigned | Kind::Time => value.to_string(),
        // A descriptor, a number with a sign, or one that has no name.
        _ => {
            // A 32-bit value has zeros above.
            let signed =
                if value <= u64::from(u32::MAX) { i64::from(value as u32 as i32) } else { value as i64 };
            signed.to_string()
        }
    }
}

/// A time of 64 bits, as the structure of C that it is.
fn time(seen: &mut Observation<'_, '_>, address: u32) -> Option<String> {
    let mut bytes = [0; 16];
    seen.call.memory.read(address, &mut bytes).ok().filter(|()| address != 0)?;
    let (seconds, rest) = bytes.split_first_chunk()?;
    // Above the 32 bits of the nanoseconds is what happened to be there.
    let nanoseconds = i32::from_le_bytes(*rest.first_chunk()?);
    Some(format!("{{tv_sec={}, tv_nsec={nanoseconds}}}", i64::from_le_bytes(*seconds)))
}

/// How much a call of Linux has read, if it has.
fn returned(seen: &Observation<'_, '_>) -> Option<u32> {
    let is_linux = lookup(seen.call.signature).is_some_and(|row| row.family == Family::Linux);
    match seen.outcome {
        Ok(Answer::Return { results, .. }) if is_linux => {
            let count = i32::try_from(results.first()?.cast_signed()).ok()?;
            u32::try_from(count).ok().filter(|count| *count > 0)
        }
        _ => None,
    }
}

/// The first bytes of what is read or written.
fn data(seen: &mut Observation<'_, '_>, address: u32, length: u32) -> Option<String> {
    let shown = text(seen, address, length.min(DATA_BYTES)).filter(|_| address != 0 || length == 0)?;
    let more = length > DATA_BYTES && !shown.ends_with("...");
    Some(if more { format!("{shown}...") } else { shown })
}

fn text(seen: &mut Observation<'_, '_>, address: u32, length: u32) -> Option<String> {
    let mut bytes = vec![0; length as usize];
    seen.call.memory.read(address, &mut bytes).ok()?;
    Some(quoted(&bytes))
}

fn c_text(seen: &mut Observation<'_, '_>, address: u32) -> Option<String> {
    if address == 0 {
        return None;
    }
    let rest = seen.call.memory.size().checked_sub(u64::from(address))?;
    let mut bytes = vec![0; rest.min(u64::from(TEXT_BYTES)) as usize];
    seen.call.memory.read(address, &mut bytes).ok()?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Some(quoted(&bytes[..end]))
}

/// A text of the guest's, with nothing in it that a terminal would obey.
fn quoted(bytes: &[u8]) -> String {
    let whole = String::from_utf8_lossy(bytes);
    let shown: String = whole.chars().take(TEXT_CHARACTERS).collect();
    let more = if shown.len() < whole.len() { "..." } else { "" };
    format!("{shown:?}{more}")
}

fn result(seen: &Observation<'_, '_>, family: Option<Family>) -> (String, bool) {
    let failure = |errno: Errno| (format!("{} ({})", errno.name(), errno.text()), true);
    match seen.outcome {
        Ok(Answer::Exit(code)) => (format!("exit {code}"), false),
        // A call is shown once its answer has come.
        Ok(Answer::Later(_)) => ("later".to_owned(), false),
        Ok(Answer::Return { results, errno }) => {
            let value = results.first().copied();
            match (errno, value) {
                (Some(errno), Some(value)) => {
                    let (sentence, failed) = failure(*errno);
                    (format!("{} {sentence}", value as u32 as i32), failed)
                }
                (Some(errno), None) => failure(*errno),
                (None, Some(value)) if family == Some(Family::Wasi) && value != 0 => {
                    match u16::try_from(value).ok().and_then(Errno::from_wasi) {
                        Some(errno) => failure(errno),
                        None => (value.to_string(), true),
                    }
                }
                (None, Some(value)) if family == Some(Family::Linux) => {
                    match linux_failure(value as u32 as i32) {
                        Some(errno) => {
                            let (sentence, failed) = failure(errno);
                            (format!("-1 {sentence}"), failed)
                        }
                        None => ((value as u32 as i32).to_string(), false),
                    }
                }
                (None, Some(value)) => ((value as u32 as i32).to_string(), false),
                (None, None) => ("nothing".to_owned(), false),
            }
        }
        Err(Fault::Errno(errno)) => failure(*errno),
        Err(Fault::Memory(error)) => (error.to_string(), true),
        Err(Fault::Stop(stop)) => (format!("stopped: {stop}"), true),
    }
}

/// The error that a call of Linux has returned, if it has: the negated number.
fn linux_failure(result: i32) -> Option<Errno> {
    u16::try_from(result.checked_neg()?).ok().and_then(Errno::from_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(quoted(b"a\x1b[2J\n\xff"), "\"a\\u{1b}[2J\\n\u{fffd}\"");
        assert!(quoted(&[b'x'; 500]).ends_with("\"..."));
    }
}
