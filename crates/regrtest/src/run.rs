//! One file of the suite, run once: what it was, whoever ran it.

use crate::record::{Record, TestOutcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The program that runs a file's tests and writes down what becomes of them.
pub(crate) const RECORDER: &str = include_str!("../guest/record.py");

/// Bytes of a file's record; the largest are a megabyte or two.
pub(crate) const RECORD_BYTES: u64 = 64 << 20;

/// Characters of the end of what a file has printed.
const OUTPUT: usize = 3_000;

/// What runs test files: cells, or native processes.
pub(crate) trait Runner: Sync {
    /// Runs one file.
    fn run(&self, task: &Task<'_>) -> FileRun;
}

/// A file to run.
#[derive(Clone, Debug)]
pub(crate) struct Task<'a> {
    /// The file, as regrtest names it.
    pub file: &'a str,
    /// Which of its tests.
    pub tests: Tests<'a>,
    /// How long it may take.
    pub timeout: Duration,
}

/// Which tests of a file.
#[derive(Clone, Debug)]
pub(crate) enum Tests<'a> {
    /// All but these.
    AllBut(&'a [String]),
    /// This one.
    Only(&'a str),
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FileOutcome {
    /// No test failed.
    Passed,
    /// All of it, by CPython's own marks.
    Skipped { reason: String },
    /// It has no test for this platform.
    NoTests,
    /// Tests failed, each for itself.
    Failed,
    /// It could not be loaded, or the runner itself failed.
    Broken { text: String },
    /// The interpreter ended.
    Ended { how: String, during: Option<String> },
}

/// One file, run once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileRun {
    /// The file, as regrtest names it.
    pub file: String,
    /// What became of it.
    pub outcome: FileOutcome,
    /// What became of each test that was run.
    pub tests: BTreeMap<String, TestOutcome>,
    /// Time on the wall.
    pub seconds: f64,
    /// The end of what it printed.
    pub output: String,
}

impl<'a> Task<'a> {
    /// What regrtest must be told.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        // As a wildcard, for a test may be of a class from elsewhere.
        match self.tests {
            Tests::AllBut(tests) => {
                for test in tests {
                    arguments.extend(["--ignore".to_owned(), format!("*.{test}")]);
                }
            }
            Tests::Only(test) => arguments.extend(["--match".to_owned(), format!("*.{test}")]),
        }
        arguments.push(self.file.to_owned());
        arguments
    }
}

impl FileRun {
    /// Puts together what is known of a run. `ended` says how the interpreter
    /// ended, for the case that the runner did not come to its own end.
    pub fn new(file: &str, record: &[u8], output: &[u8], ended: &str, seconds: f64) -> Self {
        let mut record = Record::parse(file, record);
        let text = record.text.take().unwrap_or_default();
        let outcome = match record.state.as_deref() {
            None => {
                let during = record.under_way.take();
                if let Some(test) = &during {
                    record.add(test.clone(), TestOutcome::Failed(format!("the interpreter ended: {ended}")));
                }
                FileOutcome::Ended { how: ended.to_owned(), during }
            }
            Some("PASSED" | "ENV_CHANGED") => passed(&record),
            Some("SKIPPED" | "RESOURCE_DENIED") => FileOutcome::Skipped { reason: text },
            Some("DID_NOT_RUN") => FileOutcome::NoTests,
            Some("FAILED")
                if record.tests.values().any(|outcome| matches!(outcome, TestOutcome::Failed(_))) =>
            {
                FileOutcome::Failed
            }
            Some(_) => FileOutcome::Broken { text },
        };
        let output = String::from_utf8_lossy(output);
        let tail = output.ceil_char_boundary(output.len().saturating_sub(OUTPUT));
        Self {
            file: file.to_owned(),
            outcome,
            tests: record.tests,
            seconds,
            output: output[tail..].to_owned(),
        }
    }

    /// Whether CPython itself has taken the file out, or every test of it.
    pub fn is_skipped(&self) -> bool {
        matches!(self.outcome, FileOutcome::Skipped { .. } | FileOutcome::NoTests)
    }
}

/// A file that ran well; if every test of it was skipped, so was the file.
fn passed(record: &Record) -> FileOutcome {
    let mut reasons = record.tests.values().map(|outcome| match outcome {
        TestOutcome::Skipped(reason) => Some(reason),
        _ => None,
    });
    match reasons.next() {
        Some(Some(first)) if reasons.all(|reason| reason.is_some()) => {
            FileOutcome::Skipped { reason: first.clone() }
        }
        _ => FileOutcome::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKIPPED: &str = r#"{"event":"end","test":"test.test_a.A.b","outcome":"skipped","text":"no b"}"#;
    const PASSED: &str = r#"{"event":"end","test":"test.test_a.A.c","outcome":"passed"}"#;
    const FAILED: &str = r#"{"event":"end","test":"test.test_a.A.d","outcome":"failed","text":"d"}"#;
    const START: &str = r#"{"event":"start","test":"test.test_a.A.e"}"#;

    fn outcome(lines: &[&str], state: &str) -> FileOutcome {
        let state = format!(r#"{{"event":"state","state":"{state}"}}"#);
        let lines = [lines, &[state.as_str()]].concat().join("\n");
        FileRun::new("test_a", lines.as_bytes(), b"", "it exited", 1.0).outcome
    }

    #[test]
    fn the_outcome_is_the_runners_where_it_has_one() {
        assert_eq!(outcome(&[SKIPPED, PASSED], "PASSED"), FileOutcome::Passed);
        assert_eq!(outcome(&[SKIPPED], "PASSED"), FileOutcome::Skipped { reason: "no b".to_owned() });
        assert_eq!(outcome(&[], "PASSED"), FileOutcome::Passed);
        assert_eq!(outcome(&[PASSED, FAILED], "FAILED"), FileOutcome::Failed);
        assert_eq!(outcome(&[PASSED], "FAILED"), FileOutcome::Broken { text: String::new() });
        let broken = r#"{"event":"file","text":"ImportError"}"#;
        let expected = FileOutcome::Broken { text: "ImportError".to_owned() };
        assert_eq!(outcome(&[broken], "UNCAUGHT_EXC"), expected);
    }

    #[test]
    fn a_run_without_a_state_has_ended_in_its_last_test() {
        let lines = [PASSED, START].join("\n");
        let run = FileRun::new("test_a", lines.as_bytes(), &b"x".repeat(9000), "out of time", 1.0);
        let ended = FileOutcome::Ended { how: "out of time".to_owned(), during: Some("A.e".to_owned()) };
        assert_eq!(run.outcome, ended);
        assert!(matches!(&run.tests["A.e"], TestOutcome::Failed(text) if text.contains("out of time")));
        assert_eq!(run.output.len(), OUTPUT);
    }
}
