//! What a program has changed in the directories that were shown with
//! `:overlay`: telling it, and writing it to the host.

mod patch;
mod quote;
mod stat;
mod text;

use crate::arguments::{Diff, Options};
use anyhow::Context;
use bellglass::{ApplyError, Changes, Outcome, Overlay};
use std::io::{BufRead, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

/// A directory or an archive with a writable layer over it.
#[derive(Debug)]
pub(crate) struct Overlaid {
    pub(crate) host: PathBuf,
    pub(crate) is_archive: bool,
    pub(crate) overlay: Overlay,
}

/// An option asks for changes, and nothing can be changed.
#[derive(Debug)]
pub(crate) struct NoOverlay(&'static str);

impl std::fmt::Display for NoOverlay {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for NoOverlay {}

/// Whether what was asked for has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    /// Changes could not be written.
    Refused,
}

/// Refuses options that could do nothing, before anything runs.
///
/// # Errors
/// [`NoOverlay`].
pub(crate) fn check(options: &Options, overlays: &[Overlaid]) -> Result<(), NoOverlay> {
    let refuse = |sentence| Err(NoOverlay(sentence));
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
pub(crate) fn settle(options: &Options, overlays: &[Overlaid], outcome: &Outcome) -> anyhow::Result<Settled> {
    if options.diff.is_none() && !options.apply {
        return Ok(Settled::Done);
    }
    let mut all = Vec::new();
    for overlaid in overlays {
        let changes = overlaid.overlay.changes();
        let changes = changes
            .map_err(|errno| anyhow::anyhow!("{errno}"))
            .with_context(|| format!("cannot tell what was changed in '{}'", overlaid.host.display()))?;
        all.push((overlaid, changes));
    }
    if let Some(diff) = options.diff {
        print(diff, &all).context("cannot print what was changed")?;
    }
    all.retain(|(_, changes)| !changes.is_empty());
    let ended = matches!(outcome, Outcome::Exited { .. });
    let wanted = match options.apply {
        _ if all.is_empty() => false,
        true if !ended => {
            // The exit code says so already.
            eprintln!("bellglass: nothing was written to the host, since the program did not end by itself");
            return Ok(Settled::Done);
        }
        true => true,
        // What the program left of its stdin is no answer.
        false => {
            ended
                && all.iter().all(|(overlaid, _)| !overlaid.is_archive)
                && std::io::stdin().is_terminal()
                && std::io::stderr().is_terminal()
                && ask()?
        }
    };
    let mut settled = Settled::Done;
    for (overlaid, changes) in &all {
        if wanted && !write(overlaid, changes) {
            settled = Settled::Refused;
        }
    }
    Ok(settled)
}

fn print(diff: Diff, all: &[(&Overlaid, Changes)]) -> std::io::Result<()> {
    let stdout = std::io::stdout();
    // A patch is for programs as well, and must be exact; on a terminal, what it
    // says must not be able to hide what it does.
    let shown = if stdout.is_terminal() { quote::Shown::Safe } else { quote::Shown::Exact };
    let mut out = BufWriter::new(stdout.lock());
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
}

fn ask() -> std::io::Result<bool> {
    let mut stderr = std::io::stderr();
    write!(stderr, "Write this to the host? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Writes the changes of one directory; says what went wrong, if not all went
/// well.
fn write(overlaid: &Overlaid, changes: &Changes) -> bool {
    let host = quote::name(overlaid.host.as_os_str().as_encoded_bytes());
    match changes.apply() {
        Ok(()) => {
            let count = changes.len();
            let noun = if count == 1 { "change" } else { "changes" };
            eprintln!("bellglass: wrote {count} {noun} to {host}");
            true
        }
        Err(ApplyError::Refused { refusals }) => {
            for refusal in &refusals {
                eprintln!("bellglass: {}: {}", quote::name(&refusal.path), refusal.reason);
            }
            eprintln!("bellglass: nothing was written to {host}");
            false
        }
        Err(error) => {
            eprintln!("bellglass: {host}: {error}");
            if let ApplyError::Failed { written, left, .. } = &error {
                list("written", written);
                list("not written", left);
            }
            false
        }
    }
}

/// The most paths that are told of a kind.
const LISTED: usize = 100;

fn list(what: &str, paths: &[Vec<u8>]) {
    for path in paths.iter().take(LISTED) {
        eprintln!("bellglass: {what}: {}", quote::name(path));
    }
    if let Some(more) = paths.len().checked_sub(LISTED).filter(|more| *more > 0) {
        eprintln!("bellglass: {what}: {more} more");
    }
}
