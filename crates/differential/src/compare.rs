//! Running the sequences of a family on both sides, and finding those that differ.

use crate::arguments::Programs;
use crate::cell::Cell;
use crate::family::Family;
use crate::native::{self, Native, Toolbox};
use crate::side::{Finished, Side};
use anyhow::{Context, bail};
use bellglass::{Image, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Sequences of one process: so many that its start does not matter, and so few that what it
/// has left behind does not either.
const AT_ONCE: u32 = 200;

/// How long one process may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// And one sequence by itself.
const SHORT: Duration = Duration::from_secs(20);

/// How often a guest may end early in one such portion.
const ENDS: usize = 20;

/// Names a native interpreter to compare with.
const PYTHON_VARIABLE: &str = "BELLGLASS_REFERENCE_PYTHON";

/// A program on both sides.
pub(crate) struct Sides {
    pub linux: Box<dyn Side>,
    pub guest: Box<dyn Side>,
    pub alone: bool,
    pub seed: u64,
}

/// A sequence that shows other things in a cell than natively.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub number: u32,
    /// Which operation differed; none for what was there at the end.
    pub operation: Option<u32>,
    /// What each side showed of it.
    pub linux: String,
    pub guest: String,
    /// What both had shown before.
    pub before: Vec<String>,
}

impl Sides {
    /// Compiles the program of a family for both sides. Without an interpreter to compare
    /// with there is nothing to do, which is said.
    pub fn prepare(family: &Family, toolbox: &Toolbox, arguments: &Programs) -> anyhow::Result<Option<Self>> {
        let source = family.source();
        let (linux, guest) = if family.is_python() {
            let image = Store::open_default()?.find("python").context("build the image of Python first")?;
            let Some(python) = python(&image) else {
                println!(
                    "{}: SKIPPED, for there is no native CPython like the image's: name one in {PYTHON_VARIABLE}",
                    family.name
                );
                return Ok(None);
            };
            let words = ["-X", "frozen_modules=on", "-B"];
            (
                Native::interpreted(&python, &words, &source),
                Cell::interpreted(&image, &source, arguments.tree)?,
            )
        } else {
            (
                Native::compiled(toolbox, &source, &[], family.library)?,
                Cell::compiled(&source, &[], arguments.tree)?,
            )
        };
        Ok(Some(Self {
            linux: Box::new(linux.without(&arguments.without)),
            guest: Box::new(guest.without(&arguments.without)),
            alone: family.alone,
            seed: arguments.seed,
        }))
    }

    fn words(&self, first: u32, count: u32) -> Vec<String> {
        [self.seed.to_string(), first.to_string(), count.to_string()].to_vec()
    }

    /// One sequence on both sides, in detail, but for these operations.
    pub fn detail(&self, number: u32, skipped: &[u32]) -> anyhow::Result<(Finished, Finished)> {
        let mut words = self.words(number, 1);
        if !self.alone {
            let skipped: Vec<String> = skipped.iter().map(u32::to_string).collect();
            words.push(if skipped.is_empty() { "-".to_owned() } else { skipped.join(",") });
        }
        let linux = self.linux.run(&words, SHORT)?;
        Ok((linux, self.guest.run(&words, SHORT)?))
    }

    /// The first thing in which a sequence differs by itself.
    pub fn difference(&self, number: u32, skipped: &[u32]) -> anyhow::Result<Option<Difference>> {
        let (linux, guest) = self.detail(number, skipped)?;
        Ok(first_difference(number, &linux, &guest))
    }

    /// The sequences of one portion that differ.
    fn portion(&self, first: u32, count: u32) -> anyhow::Result<Vec<u32>> {
        if self.alone {
            let mut found = Vec::new();
            for number in first..first + count {
                let (linux, guest) = self.detail(number, &[])?;
                if (linux.output, linux.ended) != (guest.output, guest.ended) {
                    found.push(number);
                }
            }
            return Ok(found);
        }
        let linux = self.linux.run(&self.words(first, count), PATIENCE)?;
        let expected = digests(&linux.output);
        if !linux.is_success() || expected.len() != count as usize {
            let number = first + expected.len() as u32;
            bail!(
                "natively the program fails in sequence {number} of seed {}: {}\n{}",
                self.seed,
                linux.ended,
                linux.errors
            );
        }
        let mut found = Vec::new();
        let mut next = first;
        while next < first + count && found.len() < ENDS.max(count as usize) {
            let guest = self.guest.run(&self.words(next, first + count - next), PATIENCE)?;
            let shown = digests(&guest.output);
            found.extend(
                shown.iter().filter(|(number, digest)| expected.get(number) != Some(digest)).map(|(n, _)| *n),
            );
            next += shown.len() as u32;
            if next < first + count {
                // It has ended in this one.
                found.push(next);
                next += 1;
            }
        }
        Ok(found)
    }
}

/// The sequences that differ, of all that were asked for.
pub(crate) fn compare(sides: &Sides, arguments: &Programs) -> anyhow::Result<Vec<u32>> {
    let (first, end) = (arguments.first, arguments.first.saturating_add(arguments.sequences));
    let portion = if sides.alone { 20 } else { AT_ONCE };
    let next = AtomicU32::new(first);
    let found = Mutex::new(Ok(Vec::new()));
    let lock = || found.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| {
                while lock().is_ok() {
                    let at = next.fetch_add(portion, Ordering::Relaxed);
                    if at >= end {
                        break;
                    }
                    let result = sides.portion(at, portion.min(end - at));
                    let mut all = lock();
                    match (&mut *all, result) {
                        (Ok(all), Ok(more)) => all.extend(more),
                        (Ok(_), Err(error)) => *all = Err(error),
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    found.sort_unstable();
    Ok(found)
}

/// The lines that sequences end with: number, digest, operations.
fn digests(output: &str) -> BTreeMap<u32, &str> {
    let line = |line: &'_ str| -> Option<u32> { line.split(' ').next()?.parse().ok() };
    // The last one may be cut off.
    let whole = output.rfind('\n').map_or("", |end| &output[..end]);
    whole.lines().filter_map(|text| Some((line(text)?, text))).collect()
}

/// Where two details part.
fn first_difference(number: u32, linux: &Finished, guest: &Finished) -> Option<Difference> {
    let (ours, theirs) = (lines(guest), lines(linux));
    let at = ours.iter().zip(&theirs).position(|(one, other)| one != other);
    let at = at.or_else(|| (ours.len() != theirs.len()).then_some(ours.len().min(theirs.len())))?;
    let text = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "nothing".to_owned());
    let operation = |text: &str| text.split(':').next().and_then(|index| index.parse().ok());
    Some(Difference {
        number,
        operation: operation(&text(&theirs)).or_else(|| operation(&text(&ours))),
        linux: text(&theirs),
        guest: text(&ours),
        before: theirs[..at].to_vec(),
    })
}

/// What a detail shows, and how it ended.
fn lines(finished: &Finished) -> Vec<String> {
    let mut lines: Vec<String> = finished.output.lines().map(str::to_owned).collect();
    lines.push(finished.ended.to_string());
    lines
}

/// A native interpreter of the image's version, but for the last number.
fn python(image: &Image) -> Option<PathBuf> {
    let (name, version) = (&image.manifest().name, &image.manifest().version);
    let minor = |version: &str| version.split('.').take(2).collect::<Vec<_>>().join(".");
    let built = bellglass::cache_directory().ok()?.join("build").join(format!("{name}-{version}"));
    let built = built.join("work/build-python/python");
    let named = std::env::var_os(PYTHON_VARIABLE).map(PathBuf::from);
    let usual = PathBuf::from(format!("python{}", minor(version)));
    named.into_iter().chain([built, usual, "python3".into()]).find(|python| {
        let code = "import platform; print(platform.python_version())";
        native::output(Command::new(python).args(["-I", "-c", code]))
            .is_ok_and(|found| minor(found.trim()) == minor(version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::side::Ended;

    /// A side that shows what a function says of each operation.
    struct Fake(fn(u32, u32) -> String);

    impl Side for Fake {
        fn run(&self, words: &[String], _timeout: Duration) -> anyhow::Result<Finished> {
            let number = |at: usize| words[at].parse::<u32>().expect("a number");
            let mut output = String::new();
            let mut ended = Ended::Code(0);
            for sequence in number(1)..number(1) + number(2) {
                let skipped: Vec<u32> = words
                    .get(3)
                    .map_or(Vec::new(), |list| list.split(',').filter_map(|one| one.parse().ok()).collect());
                let shown: Vec<String> = (0..10)
                    .filter(|operation| !skipped.contains(operation))
                    .map(|operation| format!("{operation}: {}", (self.0)(sequence, operation)))
                    .collect();
                if words.len() > 3 {
                    output += &(shown.join("\n") + "\n");
                } else if shown.concat().contains("crash") {
                    ended = Ended::Otherwise("it crashed".to_owned());
                    output += &format!("{sequence} unfin");
                    break;
                } else {
                    output += &format!("{sequence} {}\n", shown.concat().replace(' ', "_"));
                }
            }
            Ok(Finished { output, errors: String::new(), ended })
        }
    }

    fn sides(guest: fn(u32, u32) -> String) -> Sides {
        Sides {
            linux: Box::new(Fake(|_, operation| format!("a {operation}"))),
            guest: Box::new(Fake(guest)),
            alone: false,
            seed: 1,
        }
    }

    #[test]
    fn sequences_that_differ_or_end_early_are_found() {
        let guest = |sequence, operation| match (sequence, operation) {
            (3, 7) => "b 7".to_owned(),
            (5 | 9, 2) => "crash".to_owned(),
            _ => format!("a {operation}"),
        };
        let sides = sides(guest);
        assert_eq!(sides.portion(0, 12).expect("run"), [3, 5, 9]);
        let difference = sides.difference(3, &[1]).expect("run").expect("one");
        assert_eq!(difference.operation, Some(7));
        assert_eq!((&*difference.linux, &*difference.guest), ("7: a 7", "7: b 7"));
        assert_eq!(difference.before.len(), 6);
        assert_eq!(sides.difference(4, &[]).expect("run"), None);
    }

    #[test]
    fn a_reference_that_fails_is_an_error() {
        let mut sides = sides(|_, operation| format!("a {operation}"));
        sides.linux = Box::new(Fake(|_, _| "crash".to_owned()));
        assert!(sides.portion(0, 3).expect_err("fails").to_string().contains("sequence 0"));
    }
}
