//! What a program has changed in the directories that were shown with
//! `:overlay`: telling it, and writing it to the host.

mod ask;
mod counted;
mod patch;
mod quote;
mod stat;
mod text;

use crate::arguments::{Diff, Options};
use crate::exit::{ExitCode, Usage, code_of};
use crate::patience::{self, Late};
use crate::say::say;
use crate::{signals, terminal};
use anyhow::{Context, bail};
use ask::{Answer, ask};
use bellglass::files::Refusal;
use bellglass::{ApplyError, Changes, Errno, Outcome, Overlay, Report, Stop, Waiter};
use counted::{Counted, TooLong};
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A directory or an archive with a writable layer over it.
#[derive(Debug)]
pub(crate) struct Overlaid {
    pub(crate) host: PathBuf,
    pub(crate) is_archive: bool,
    pub(crate) overlay: Overlay,
}

/// Whether what was asked for has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    /// It was not, and the command ends with this.
    Stopped(ExitCode),
}

/// Whose the keys are that are typed once a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The command's.
    Ours,
    /// A line is still being edited that the program had asked for.
    Taken,
}

/// Refuses options that could do nothing, before anything runs.
///
/// # Errors
/// [`Usage`].
pub(crate) fn check(options: &Options, overlays: &[Overlaid]) -> Result<(), Usage> {
    let refuse = |sentence| Err(Usage(sentence));
    match overlays {
        [] if options.apply => {
            refuse("--apply needs a directory that is shown with --dir HOST:GUEST:overlay")
        }
        [] if options.diff.is_some() => {
            refuse("--diff needs a directory that is shown with --dir HOST:GUEST:overlay")
        }
        _ if options.apply && overlays.iter().any(|one| one.is_archive) => {
            refuse("--apply cannot write to an archive: show that read-only, or leave --apply away")
        }
        _ => Ok(()),
    }
}

/// Tells what was changed, and writes it, as the options say. Nothing is written
/// of a program that was stopped half-way.
///
/// # Errors
/// When the changes cannot be told.
pub(crate) fn settle(
    options: &Options,
    overlays: &[Overlaid],
    report: &Report,
    keys: Keys,
) -> anyhow::Result<Settled> {
    if options.diff.is_none() && !options.apply {
        return Ok(Settled::Done);
    }
    let mut all = Vec::new();
    for overlaid in overlays {
        let changes = match overlaid.overlay.changes() {
            Ok(changes) => changes,
            Err(Errno::NOMEM) => {
                say!(
                    "what the program changed in '{}' is too much to be told: the limit on what bellglass keeps \
                     is reached, and nothing was written to the host (give more with --controller-memory)",
                    overlaid.host.display()
                );
                return Ok(Settled::Stopped(ExitCode::Limit));
            }
            Err(errno) => {
                bail!("cannot tell what was changed in '{}': {errno}", overlaid.host.display())
            }
        };
        all.push((overlaid, changes));
    }
    if let Some(diff) = options.diff {
        let left = report.limits.output_bytes.map(|limit| limit.saturating_sub(report.output_bytes));
        match print(diff, &all, left) {
            Err(error) if error.get_ref().is_some_and(|inner| inner.is::<TooLong>()) => {
                say!(
                    "what the program changed is too long to be told: the limit on output is reached, and \
                     nothing was written to the host (give more with --output-limit)"
                );
                return Ok(Settled::Stopped(ExitCode::Limit));
            }
            result => result.context("cannot print what was changed")?,
        }
    }
    all.retain(|(_, changes)| !changes.is_empty());
    // Neither a person nor a disk is hurried.
    let resting = patience::rest();
    let ended = matches!(report.outcome, Outcome::Exited { .. });
    let wanted = match options.apply {
        _ if all.is_empty() => false,
        true if !ended => {
            // The exit code says so already.
            resting.go_on(Late::Words(code_of(&report.outcome)));
            say!("nothing was written to the host, since the program did not end by itself");
            return Ok(Settled::Done);
        }
        true => true,
        // What the program left of its stdin is no answer.
        false => {
            ended
                && all.iter().all(|(overlaid, _)| !overlaid.is_archive)
                && std::io::stdin().is_terminal()
                && std::io::stderr().is_terminal()
                && is_wanted(keys)?
        }
    };
    if !wanted {
        return Ok(Settled::Done);
    }
    let waiter = Waiter::new(None).context("cannot listen for Ctrl-C while it is written")?;
    // Ctrl-C does not end the command where it is: half of a change would be worse.
    signals::stop(&waiter);
    let mut settled = Settled::Done;
    let timeout = report.limits.timeout;
    let mut done = Vec::new();
    for (_, changes) in &all {
        let left = timeout.map(|timeout| timeout.saturating_sub(report.wall_time).max(CHECKING));
        let deadline = left.and_then(|left| Instant::now().checked_add(left));
        done.push(changes.apply_what_can(&waiter.clone().with_deadline(deadline)));
    }
    let failure = done.iter().rev().find_map(|done| match done {
        Ok(refusals) if refusals.is_empty() => None,
        Ok(_) => Some(ExitCode::Refused),
        Err(error) => Some(code_of_failure(error)),
    });
    if let Some(code) = failure {
        settled = Settled::Stopped(code);
    }
    resting.go_on(Late::Words(failure.map_or_else(|| code_of(&report.outcome), |code| code as u8)));
    for ((overlaid, changes), done) in all.iter().zip(done) {
        say_written(overlaid, changes, done, timeout);
    }
    Ok(settled)
}

fn print(diff: Diff, all: &[(&Overlaid, Changes)], left: Option<u64>) -> std::io::Result<()> {
    terminal::put_in_order();
    let stdout = std::io::stdout();
    // A patch is for programs as well, and must be exact; on a terminal, what it
    // says must not be able to hide what it does.
    let shown = if stdout.is_terminal() { quote::Shown::Safe } else { quote::Shown::Exact };
    let mut out = BufWriter::new(Counted::new(stdout.lock(), left));
    let mut tell = || {
        if all.iter().any(|(_, changes)| !changes.is_empty()) {
            out.get_mut().uncounted(terminal::empty_screen(&stdout))?;
        }
        for (overlaid, changes) in all {
            if all.len() > 1 && !changes.is_empty() {
                writeln!(out, "# {}", quote::name(overlaid.host.as_os_str().as_encoded_bytes()))?;
            }
            match diff {
                Diff::Stat => stat::print(&mut out, changes)?,
                Diff::Full => patch::print(&mut out, changes, shown)?,
            }
        }
        out.flush()
    };
    let told = tell();
    if told.is_err() {
        // What is left in it cannot be printed either, and dropping it would try.
        drop(out.into_parts());
    }
    told
}

fn is_wanted(keys: Keys) -> std::io::Result<bool> {
    let answer = match keys {
        _ if terminal::is_dumb() => {
            say!(
                "nothing was written to the host, since a program can hide what it does on a terminal without \
                 control sequences (TERM=dumb): give --apply to write it without a question"
            );
            return Ok(false);
        }
        Keys::Ours => ask("Write this to the host?")?,
        Keys::Taken => Answer::NotAsked,
    };
    if answer == Answer::NotAsked {
        say!("nothing was written to the host, since it cannot be told whose the keys are that are typed");
    }
    Ok(answer == Answer::Yes)
}

/// What checking whether the changes may be written has at least, of a program that
/// ended just before its own deadline.
const CHECKING: Duration = Duration::from_secs(1);

/// The code for changes that were not written, or not all of them.
fn code_of_failure(error: &ApplyError) -> ExitCode {
    match error {
        ApplyError::Stopped { stop: Stop::Deadline } => ExitCode::Deadline,
        ApplyError::Stopped { .. } | ApplyError::Failed { errno: Errno::CANCELED, .. } => {
            ExitCode::Interrupted
        }
        _ => ExitCode::Refused,
    }
}

/// Says what became of the changes of one directory.
fn say_written(
    overlaid: &Overlaid,
    changes: &Changes,
    done: Result<Vec<Refusal>, ApplyError>,
    timeout: Option<Duration>,
) {
    let host = quote::name(overlaid.host.as_os_str().as_encoded_bytes());
    match done {
        Ok(refusals) => {
            for refusal in refusals.iter().take(LISTED) {
                say!("{}: {}", quote::name(&refusal.path), refusal.reason);
            }
            if refusals.len() > LISTED {
                say!("{} more of the changes cannot be written", refusals.len() - LISTED);
            }
            let count = changes.len().saturating_sub(refusals.len());
            let noun = if count == 1 { "change" } else { "changes" };
            match (count, refusals.len()) {
                (_, 0) => say!("wrote {count} {noun} to {host}"),
                (0, _) => say!("nothing was written to {host}"),
                (_, 1) => say!("wrote {count} {noun} to {host}, and not the 1 other"),
                (_, left) => say!("wrote {count} {noun} to {host}, and not the {left} others"),
            }
        }
        Err(ApplyError::Stopped { stop: Stop::Deadline }) => {
            let timeout = humantime::format_duration(timeout.unwrap_or_default());
            say!(
                "whether what the program changed may be written could not be found out by the deadline of \
                 {timeout}: nothing was written to {host} (give more with --timeout)"
            );
        }
        Err(ApplyError::Stopped { .. }) => {
            say!("interrupted: nothing was written to {host}");
        }
        Err(ApplyError::Failed { errno: Errno::CANCELED, written, left, .. }) => {
            say!(
                "interrupted: of the changes to {host} {} are written, and {} are not",
                written.len(),
                left.len()
            );
            list("written", &written);
            list("not written", &left);
        }
        Err(error) => {
            match &error {
                ApplyError::TooMuch { .. } => {
                    say!("{host}: {error} (allow more with --file-space and --file-count)");
                }
                _ => say!("{host}: {error}"),
            }
            if let ApplyError::Failed { written, left, .. } = &error {
                list("written", written);
                list("not written", left);
            }
        }
    }
}

/// The most paths that are told of a kind.
const LISTED: usize = 100;

fn list(what: &str, paths: &[Vec<u8>]) {
    for path in paths.iter().take(LISTED) {
        say!("{what}: {}", quote::name(path));
    }
    if let Some(more) = paths.len().checked_sub(LISTED).filter(|more| *more > 0) {
        say!("{what}: {more} more");
    }
}
