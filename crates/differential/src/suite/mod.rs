//! The POSIX test suite, natively and in cells: what passes natively must pass in a cell.

mod document;
mod expect;
mod test;

use crate::arguments::Suite as Arguments;
use crate::native::Toolbox;
use anyhow::{Context, bail};
use bellglass_build::{Display, unpack_pinned};
use expect::Expectations;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use test::{Bench, Test, Verdict};

/// The pinned source, and what is expected.
const LIST: &str = "suite.toml";

/// Where it is unpacked and what is built of it is kept.
const FOLDER: &str = "target/linux-tests";

/// Where the tests are in it.
const INTERFACES: &str = "conformance/interfaces";

/// A test and what became of it.
pub(crate) struct Judged {
    pub test: Test,
    pub verdict: Verdict,
}

/// Whether each test that fails in a cell alone has its reason in the list.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let expectations = Expectations::read(&own.join(LIST))?;
    let folder = own.join("../..").join(FOLDER);
    let source = unpacked(&expectations, &folder)?;
    let tests = tests(&source, &arguments.folders)?;
    let bench = Bench {
        toolbox: Toolbox::prepare()?,
        headers: source.join("include"),
        cache: folder.join("programs"),
        timeout: Duration::from_secs(arguments.timeout),
    };
    let judged = each(&bench, &expectations, tests, arguments.jobs)?;
    let mut explained = true;
    for one in &judged {
        let cause = expectations.cause(&one.test.name);
        match (&one.verdict, cause) {
            (Verdict::Failed { .. }, None) => {
                println!("{}: {}, and there is no reason in {LIST}", one.test.name, one.verdict);
                explained = false;
            }
            (Verdict::Failed { .. }, Some(_)) => {}
            // A test that passes now and then is nothing that one may count on either.
            (Verdict::Passed, Some(cause)) if !cause.sometimes => {
                println!("{}: it passes, and {LIST} says that it does not", one.test.name);
                explained = false;
            }
            _ => {}
        }
    }
    println!("\n{}", document::figures(&judged));
    if arguments.document {
        document::write(&own.join("../.."), &expectations, &judged)?;
    }
    Ok(explained)
}

/// The suite's folder; unpacked if it was not before.
fn unpacked(expectations: &Expectations, folder: &Path) -> anyhow::Result<PathBuf> {
    let source = folder.join(format!("source-{}", expectations.source.sha256.short()));
    if !source.is_dir() {
        unpack_pinned(&expectations.source, &source, &Display::new())?;
    }
    Ok(source)
}

/// The tests in these folders, or all.
fn tests(source: &Path, folders: &[String]) -> anyhow::Result<Vec<Test>> {
    let interfaces = source.join(INTERFACES);
    let mut tests = Vec::new();
    for entry in fs::read_dir(&interfaces).with_context(|| format!("cannot read {}", interfaces.display()))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !folder.is_dir() || !(folders.is_empty() || folders.contains(&name)) {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            tests.extend(Test::of_file(&name, &path));
        }
    }
    if tests.is_empty() {
        bail!("the suite has no such folders: see {}", interfaces.display());
    }
    tests.sort_by_key(|test| test.order());
    Ok(tests)
}

/// What becomes of each test, some at once.
fn each(
    bench: &Bench,
    expectations: &Expectations,
    tests: Vec<Test>,
    jobs: usize,
) -> anyhow::Result<Vec<Judged>> {
    let next = AtomicUsize::new(0);
    let verdicts: Vec<Mutex<Option<anyhow::Result<Verdict>>>> =
        tests.iter().map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some((test, slot)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    tests.get(at).zip(verdicts.get(at))
                } {
                    let verdict = match expectations.apart(&test.name) {
                        Some(reason) => Ok(Verdict::NotApplicable(reason.to_owned())),
                        None => bench.judge(test),
                    };
                    if let Ok(verdict) = &verdict {
                        eprintln!("{}: {verdict}", test.name);
                    }
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_iter().map(|slot| {
        let verdict = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        verdict.unwrap_or_else(|| bail!("a test was not run"))
    });
    tests.into_iter().zip(verdicts).map(|(test, verdict)| Ok(Judged { test, verdict: verdict? })).collect()
}
