//! Comparing what became of a file with what is expected. Known failures fail
//! both ways: one that passes is a surprise, like a new one.

use crate::expect::{Expectations, Listed, short};
use crate::record::TestOutcome;
use crate::run::{FileOutcome, FileRun};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What became of a file, and whether that was expected.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    /// The run.
    #[serde(flatten)]
    pub run: FileRun,
    /// What kind of result it is.
    pub result: FileResult,
    /// The tests that failed as expected, each with the name of the cause; the
    /// file itself has the empty name.
    pub expected: BTreeMap<String, String>,
    /// What was not expected.
    pub surprises: Vec<Surprise>,
}

/// The result of a file, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FileResult {
    /// No test failed.
    Passed,
    /// CPython's own marks skip all of it.
    Skipped,
    /// Tests failed, all of them as expected.
    ExpectedFailures,
    /// Something is not as expected.
    Unexpected,
}

/// One thing that was not expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Surprise {
    /// The test or file, as the list of expectations would name it.
    pub test: String,
    /// What it did.
    pub what: &'static str,
    /// The traceback, or what is known instead.
    pub text: String,
}

impl fmt::Display for Surprise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.test, self.what)?;
        for line in self.text.trim_end().lines() {
            write!(formatter, "\n    {line}")?;
        }
        Ok(())
    }
}

impl FileResult {
    /// The result in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped by CPython's marks",
            Self::ExpectedFailures => "failed as expected",
            Self::Unexpected => "NOT AS EXPECTED",
        }
    }
}

impl Verdict {
    /// Judges a run.
    pub fn of(run: FileRun, expectations: &Expectations) -> Self {
        let listed = expectations.failures(&run.file);
        let name = |test: &str| match test {
            "" => short(&run.file).to_owned(),
            test => format!("{}::{test}", short(&run.file)),
        };
        let mut expected = BTreeMap::new();
        let mut surprises = Vec::new();
        let mut failed = |test: &str, what, text: &str| match listed
            .iter()
            .find(|listed| listed.means(test))
            .map(|listed| listed.cause)
            .or_else(|| expectations.told_by(text))
        {
            Some(cause) => {
                expected.insert(test.to_owned(), cause.name.clone());
            }
            None => surprises.push(Surprise { test: name(test), what, text: text.to_owned() }),
        };
        for (test, outcome) in &run.tests {
            if let TestOutcome::Failed(text) = outcome {
                failed(test, "it fails", text);
            }
        }
        let mut whole = true;
        match &run.outcome {
            FileOutcome::Broken { text } => {
                whole = false;
                failed("", "the file as a whole fails", text);
            }
            FileOutcome::Ended { how, during: None } => {
                whole = false;
                failed("", "the interpreter ended", &format!("{how}\n{}", run.output));
            }
            FileOutcome::Ended { how, during: Some(test) } => {
                whole = false;
                let text = format!("during {test}: {how}\n{}", run.output);
                surprises.push(Surprise { test: name(""), what: "the interpreter ended", text });
            }
            FileOutcome::Passed
            | FileOutcome::Skipped { .. }
            | FileOutcome::NoTests
            | FileOutcome::Failed => {}
        }
        let happened = |listed: &&Listed<'_>| expected.keys().any(|test| listed.means(test));
        for listed in listed.iter().filter(|listed| whole && !happened(listed)) {
            let what = match run.tests.iter().find(|(test, _)| listed.means(test)) {
                Some((_, TestOutcome::Skipped(_))) => "it is listed as a failure, and is skipped",
                None if !listed.test.is_empty() => "it is listed as a failure, and there is no such test",
                _ => "it is listed as a failure, and passes: take it from the list",
            };
            surprises.push(Surprise { test: name(listed.test), what, text: String::new() });
        }
        let result = match (surprises.is_empty(), expected.is_empty()) {
            (false, _) => FileResult::Unexpected,
            (true, false) => FileResult::ExpectedFailures,
            (true, true) if run.is_skipped() => FileResult::Skipped,
            (true, true) => FileResult::Passed,
        };
        Self { run, result, expected, surprises }
    }
}

/// How many tests passed, were skipped, failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub passed: usize,
    pub skipped: usize,
    pub failed: usize,
}

impl Counts {
    /// Counts the tests of some runs.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a FileRun>) -> Self {
        let mut counts = Self::default();
        for outcome in runs.into_iter().flat_map(|run| run.tests.values()) {
            match outcome {
                TestOutcome::Passed => counts.passed += 1,
                TestOutcome::Skipped(_) => counts.skipped += 1,
                TestOutcome::Failed(_) => counts.failed += 1,
            }
        }
        counts
    }
}

/// The figures of a run.
pub(crate) fn summary(verdicts: &[Verdict]) -> String {
    let count = |result| verdicts.iter().filter(|verdict| verdict.result == result).count();
    let tests = Counts::of(verdicts.iter().map(|verdict| &verdict.run));
    format!(
        "{} files: {} passed, {} skipped by CPython's marks, {} failed as expected, {} not as expected\n\
         {} tests: {} passed, {} skipped, {} failed",
        verdicts.len(),
        count(FileResult::Passed),
        count(FileResult::Skipped),
        count(FileResult::ExpectedFailures),
        count(FileResult::Unexpected),
        tests.passed + tests.skipped + tests.failed,
        tests.passed,
        tests.skipped,
        tests.failed,
    )
}

/// The figures of a native run, and what failed in it.
pub(crate) fn summary_of_native(runs: &[FileRun]) -> String {
    let count = |is: &dyn Fn(&FileRun) -> bool| runs.iter().filter(|run| is(run)).count();
    let mut text = String::new();
    for run in runs.iter().filter(|run| !run.is_skipped() && run.outcome != FileOutcome::Passed) {
        text.push_str(&format!("{}: {:?}\n", run.file, run.outcome));
        for (test, outcome) in &run.tests {
            if let TestOutcome::Failed(reason) = outcome {
                text.push_str(&format!(
                    "    {test}: {}\n",
                    reason.trim_end().lines().last().unwrap_or_default()
                ));
            }
        }
    }
    text + &format!(
        "{} files: {} passed, {} skipped, {} failed",
        runs.len(),
        count(&|run| run.outcome == FileOutcome::Passed),
        count(&FileRun::is_skipped),
        count(&|run| run.outcome != FileOutcome::Passed && !run.is_skipped()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(outcome: FileOutcome, tests: &[(&str, TestOutcome)], list: &str) -> Verdict {
        let list = format!("[[cause]]\nname = \"why\"\nabout = \"why\"\n{list}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.toml");
        std::fs::write(&path, list).expect("a list");
        let run = FileRun {
            file: "test_a".to_owned(),
            outcome,
            tests: tests.iter().map(|(test, outcome)| ((*test).to_owned(), outcome.clone())).collect(),
            seconds: 1.0,
            output: String::new(),
        };
        Verdict::of(run, &Expectations::read(&path).expect("a list"))
    }

    fn surprises(verdict: &Verdict) -> Vec<&str> {
        verdict.surprises.iter().map(|surprise| surprise.what).collect()
    }

    fn failed() -> TestOutcome {
        TestOutcome::Failed("bad".to_owned())
    }

    #[test]
    fn a_failure_is_expected_only_if_it_is_listed() {
        let tests = [("A.b", failed()), ("A.c", TestOutcome::Passed)];
        let listed = judge(FileOutcome::Failed, &tests, "fails = { \"test_a::A.b\" = \"x\" }");
        assert_eq!((listed.result, listed.surprises.len()), (FileResult::ExpectedFailures, 0));
        assert_eq!(listed.expected["A.b"], "why");
        let unlisted = judge(FileOutcome::Failed, &tests, "");
        assert_eq!(unlisted.result, FileResult::Unexpected);
        assert_eq!(unlisted.surprises[0].to_string(), "test_a::A.b: it fails\n    bad");
    }

    #[test]
    fn a_failure_that_says_why_need_not_be_listed() {
        let tests =
            [("A.b", failed()), ("A.c", TestOutcome::Failed("Traceback\nno threads here".to_owned()))];
        let told = judge(FileOutcome::Failed, &tests, "says = [\"no threads\"]");
        assert_eq!(told.expected.keys().collect::<Vec<_>>(), ["A.c"]);
        assert_eq!(told.surprises[0].test, "test_a::A.b");
        let nothing = judge(FileOutcome::Passed, &[], "says = [\"no threads\"]");
        assert_eq!(nothing.result, FileResult::Passed);
    }

    #[test]
    fn a_listed_test_must_fail() {
        let list = "fails = { \"test_a::A.b\" = \"x\" }";
        let verdict = judge(FileOutcome::Passed, &[("A.b", TestOutcome::Passed)], list);
        assert_eq!(surprises(&verdict), ["it is listed as a failure, and passes: take it from the list"]);
        let verdict = judge(FileOutcome::Passed, &[("A.b", TestOutcome::Skipped("s".to_owned()))], list);
        assert_eq!(surprises(&verdict), ["it is listed as a failure, and is skipped"]);
        let verdict = judge(FileOutcome::Passed, &[], list);
        assert_eq!(surprises(&verdict), ["it is listed as a failure, and there is no such test"]);
        let verdict = judge(FileOutcome::Passed, &[], "fails = { test_a = \"x\" }");
        assert_eq!(surprises(&verdict), ["it is listed as a failure, and passes: take it from the list"]);
    }

    #[test]
    fn an_entry_for_many_tests_needs_one_that_fails() {
        let list = "fails = { \"test_a::A.*\" = \"x\" }";
        let tests = [("A.b", failed()), ("A.c", TestOutcome::Passed)];
        assert_eq!(judge(FileOutcome::Failed, &tests, list).result, FileResult::ExpectedFailures);
        let verdict = judge(FileOutcome::Passed, &tests[1..], list);
        assert_eq!(surprises(&verdict), ["it is listed as a failure, and passes: take it from the list"]);
        let verdict = judge(FileOutcome::Failed, &[("B.b", failed())], list);
        assert_eq!(surprises(&verdict).len(), 2);
    }

    #[test]
    fn a_whole_file_fails_by_its_own_name() {
        let broken = FileOutcome::Broken { text: "ImportError".to_owned() };
        let verdict = judge(broken.clone(), &[], "fails = { test_a = \"x\" }");
        assert_eq!(verdict.result, FileResult::ExpectedFailures);
        assert_eq!(surprises(&judge(broken, &[], "")), ["the file as a whole fails"]);
    }

    #[test]
    fn an_interpreter_that_ends_is_never_expected() {
        let ended = FileOutcome::Ended { how: "crash".to_owned(), during: Some("A.b".to_owned()) };
        let verdict = judge(ended, &[("A.b", failed())], "ends = { \"test_a::A.b\" = \"x\" }");
        assert_eq!(surprises(&verdict), ["the interpreter ended"]);
    }

    #[test]
    fn a_skipped_file_is_skipped() {
        let skipped = FileOutcome::Skipped { reason: "no sockets".to_owned() };
        let verdict = judge(skipped, &[], "");
        assert_eq!(verdict.result, FileResult::Skipped);
        assert!(summary(&[verdict]).starts_with("1 files: 0 passed, 1 skipped"));
    }
}
