//! Runs CPython's own test suite, each file in a cell of its own, and compares
//! what becomes of each test with what is expected (see `expect`).
//!
//! It uses the library as any other program would: parallel sandboxes with
//! mounts, limits and reports.
#![forbid(unsafe_code)]

mod arguments;
mod cell;
mod document;
mod expect;
mod install;
mod judge;
mod native;
mod progress;
mod record;
mod run;
mod suite;

use anyhow::{Context, bail};
use arguments::Arguments;
use clap::Parser;
use expect::Expectations;
use progress::Progress;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match regrtest(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("regrtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is as expected.
fn regrtest(arguments: &Arguments) -> anyhow::Result<bool> {
    let expectations = Expectations::read(&arguments.expectations)?;
    if !arguments.results.is_empty() {
        return told(arguments, &expectations);
    }
    let image = install::image(arguments)?;
    let native = match &arguments.native {
        None => None,
        Some(Some(python)) => Some(python.clone()),
        Some(None) => Some(install::native_python(&image)?),
    };
    let package = install::package(&image, &arguments.folder)?;
    let cells = cell::Cells::new(image, package);
    let all = cells.files()?;
    let files = chosen(arguments, &expectations, &all)?;
    let suite = suite::Suite {
        expectations: &expectations,
        workers: arguments.jobs,
        seconds: arguments.timeout,
        again: !arguments.once,
        progress: &Progress::new(files.len()),
    };
    if let Some(python) = &native {
        let runs = suite.run_plain(&native::Native::new(python)?, &files);
        let results = arguments.folder.join("native.json");
        write_json(&results, &runs)?;
        println!("{}", judge::summary_of_native(&runs));
        println!("The results are in {}", results.display());
        return Ok(true);
    }

    let verdicts = suite.run(&cells, &files);
    let results = arguments.folder.join("results.json");
    write_json(&results, &verdicts)?;
    let whole = files == all;
    let strays = if whole { expectations.strays(&all) } else { Vec::new() };
    for stray in &strays {
        println!("{stray}: it is expected to fail and there is no such file");
    }
    for surprise in verdicts.iter().flat_map(|verdict| &verdict.surprises) {
        println!("\n{surprise}");
    }
    println!("\n{}", judge::summary(&verdicts));
    println!("The results are in {}", results.display());
    if arguments.document {
        if !whole {
            bail!("--document needs a whole run: name no files");
        }
        document::write(arguments, &expectations, &verdicts)?;
    }
    Ok(strays.is_empty() && verdicts.iter().all(|verdict| verdict.surprises.is_empty()))
}

/// Judges runs of before, for a list that has changed since.
fn told(arguments: &Arguments, expectations: &Expectations) -> anyhow::Result<bool> {
    let mut runs = BTreeMap::new();
    for path in &arguments.results {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let read: Vec<run::FileRun> =
            serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))?;
        runs.extend(read.into_iter().map(|run| (run.file.clone(), run)));
    }
    let verdicts: Vec<judge::Verdict> =
        runs.into_values().map(|run| judge::Verdict::of(run, expectations)).collect();
    for surprise in verdicts.iter().flat_map(|verdict| &verdict.surprises) {
        println!("\n{surprise}");
    }
    println!("\n{}", judge::summary(&verdicts));
    if arguments.document {
        document::write(arguments, expectations, &verdicts)?;
    }
    Ok(verdicts.iter().all(|verdict| verdict.surprises.is_empty()))
}

/// The files that were asked for, in the order of the suite.
fn chosen(arguments: &Arguments, expectations: &Expectations, all: &[String]) -> anyhow::Result<Vec<String>> {
    let names = if arguments.sample { &expectations.sample } else { &arguments.files };
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let mut files = Vec::new();
    for name in names {
        let name = name.strip_suffix(".py").unwrap_or(name);
        let name = name.strip_prefix("test.").unwrap_or(name);
        let short = |file: &String| file.strip_prefix("test.").unwrap_or(file).to_owned();
        let before = files.len();
        // A folder of tests that the suite splits stands for all in it.
        let is_meant = |file: &&String| {
            short(file) == name || short(file).strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
        };
        files.extend(all.iter().filter(is_meant).cloned());
        if files.len() == before {
            bail!("there is no test file '{name}' in the suite");
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_chosen_by_name_and_folder() {
        let all: Vec<String> =
            ["test.test_asyncio.test_a", "test.test_asyncio.test_b", "test_os", "test_os_path"]
                .map(str::to_owned)
                .to_vec();
        let choose = |names: &[&str]| {
            let arguments = ["regrtest"].iter().chain(names);
            chosen(&Arguments::parse_from(arguments), &Expectations::default(), &all)
        };
        assert_eq!(choose(&[]).expect("all"), all);
        assert_eq!(choose(&["test_os.py"]).expect("one"), ["test_os"]);
        assert_eq!(choose(&["test_asyncio", "test_asyncio.test_a"]).expect("two"), all[..2]);
        assert!(choose(&["test_none"]).is_err());
    }
}
