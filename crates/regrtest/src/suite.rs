//! Running many files, some at once.

use crate::expect::Expectations;
use crate::judge::Verdict;
use crate::progress::Progress;
use crate::record::TestOutcome;
use crate::run::{FileOutcome, FileRun, Runner, Task, Tests};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Time for the second try of a file, in times of the first.
const PATIENCE: u32 = 3;

/// Tests that end the interpreter, of one file, before the file is given up.
const ENDS: usize = 8;

/// How a suite is run.
pub(crate) struct Suite<'a> {
    /// What is expected.
    pub expectations: &'a Expectations,
    /// How many files run at once.
    pub workers: usize,
    /// How long a file may take, where the list does not say more.
    pub seconds: u64,
    /// Whether what fails unexpectedly has a second try.
    pub again: bool,
    /// Told of each file.
    pub progress: &'a Progress,
}

impl Suite<'_> {
    /// Runs and judges files. One that fails unexpectedly has a second try with
    /// nothing beside it and more time: tests of times fail on busy machines.
    pub fn run(&self, runner: &dyn Runner, files: &[String]) -> Vec<Verdict> {
        let mut verdicts = self.each(files, &|file| {
            let verdict = self.verdict(runner, file, 1);
            self.progress.ended(file, verdict.result.words(), verdict.run.seconds);
            verdict
        });
        for verdict in &mut verdicts {
            let is_failure = |what: &str| what.contains("fails") || what.contains("ended");
            if self.again && verdict.surprises.iter().any(|surprise| is_failure(surprise.what)) {
                let file = verdict.run.file.clone();
                *verdict = self.verdict(runner, &file, PATIENCE);
                self.progress.again(&file, verdict.result.words(), verdict.run.seconds);
            }
        }
        verdicts
    }

    /// Runs files and judges nothing.
    pub fn run_plain(&self, runner: &dyn Runner, files: &[String]) -> Vec<FileRun> {
        self.each(files, &|file| {
            let timeout = self.expectations.timeout(file, self.seconds);
            let run = runner.run(&Task { file, tests: Tests::AllBut(&[]), timeout });
            let word = match &run.outcome {
                FileOutcome::Passed => "passed",
                _ if run.is_skipped() => "skipped",
                _ => "FAILED",
            };
            self.progress.ended(file, word, run.seconds);
            run
        })
    }

    /// Does something for each file, several at once; the results are in the
    /// files' order.
    fn each<T: Send>(&self, files: &[String], work: &(dyn Fn(&str) -> T + Sync)) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<T>>> = files.iter().map(|_| Mutex::new(None)).collect();
        thread::scope(|scope| {
            for _ in 0..self.workers.clamp(1, files.len().max(1)) {
                scope.spawn(|| {
                    while let Some((file, slot)) = {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        files.get(index).zip(results.get(index))
                    } {
                        self.progress.begun(file);
                        let result = work(file);
                        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                    }
                });
            }
        });
        results
            .into_iter()
            .filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// A file without these tests, and without those that then end the interpreter: so one
    /// such test does not hide what becomes of the others.
    fn all_but(&self, runner: &dyn Runner, file: &str, apart: &[String], timeout: Duration) -> FileRun {
        let mut left_out = apart.to_vec();
        let mut ended = Vec::new();
        loop {
            let mut run = runner.run(&Task { file, tests: Tests::AllBut(&left_out), timeout });
            match &run.outcome {
                FileOutcome::Ended { how, during: Some(test) }
                    if ended.len() < ENDS && !left_out.contains(test) =>
                {
                    left_out.push(test.clone());
                    ended.push((test.clone(), TestOutcome::Failed(format!("the interpreter ended: {how}"))));
                }
                _ => {
                    run.tests.extend(ended);
                    return run;
                }
            }
        }
    }

    /// One file: all of it but the tests that end the interpreter, and then each
    /// of these by itself.
    fn verdict(&self, runner: &dyn Runner, file: &str, patience: u32) -> Verdict {
        let timeout = self.expectations.timeout(file, self.seconds) * patience;
        let apart = self.expectations.apart(file);
        let mut run = self.all_but(runner, file, &apart, timeout);
        for test in &apart {
            let timeout = timeout.min(Duration::from_secs(60));
            let alone = runner.run(&Task { file, tests: Tests::Only(test), timeout });
            let outcome = match alone.outcome {
                FileOutcome::Ended { how, .. } => Some(TestOutcome::Failed(how)),
                _ => alone.tests.get(test).cloned(),
            };
            run.seconds += alone.seconds;
            if let Some(outcome) = outcome {
                run.tests.insert(test.clone(), outcome);
            }
        }
        Verdict::of(run, self.expectations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::FileResult;
    use std::collections::BTreeMap;

    /// Answers from the name of the file: `busy` fails at the first try, `end`
    /// ends unless its test `A.b` is left out.
    struct Fake {
        tries: Mutex<BTreeMap<String, u32>>,
    }

    impl Runner for Fake {
        fn run(&self, task: &Task<'_>) -> FileRun {
            let mut tries = self.tries.lock().expect("no panic");
            let tries = tries.entry(task.file.to_owned()).or_default();
            *tries += 1;
            let without_b = matches!(task.tests, Tests::AllBut(tests) if tests.contains(&"A.b".to_owned()));
            let ends = task.file == "end" && !without_b;
            let record = match (task.file, ends) {
                ("busy", _) if *tries == 1 => "",
                (_, true) => r#"{"event":"start","test":"test.end.A.b"}"#,
                _ => r#"{"event":"state","state":"PASSED"}"#,
            };
            FileRun::new(task.file, record.as_bytes(), b"", "crash", 1.0)
        }
    }

    fn results(list: &str) -> Vec<(String, FileResult)> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.toml");
        std::fs::write(&path, list).expect("a list");
        let expectations = Expectations::read(&path).expect("a list");
        let files = ["a", "busy", "end"].map(str::to_owned);
        let progress = Progress::new(files.len());
        let suite =
            Suite { expectations: &expectations, workers: 2, seconds: 9, again: true, progress: &progress };
        let verdicts = suite.run(&Fake { tries: Mutex::default() }, &files);
        verdicts.into_iter().map(|verdict| (verdict.run.file, verdict.result)).collect()
    }

    #[test]
    fn a_failure_has_a_second_try_and_results_are_in_order() {
        let expected =
            [("a", FileResult::Passed), ("busy", FileResult::Passed), ("end", FileResult::Unexpected)];
        assert_eq!(results(""), expected.map(|(file, result)| (file.to_owned(), result)));
    }

    #[test]
    fn a_test_that_ends_the_interpreter_is_run_by_itself() {
        let list = "[[cause]]\nname = \"x\"\nabout = \"x\"\nends = { \"end::A.b\" = \"x\" }";
        assert_eq!(results(list)[2].1, FileResult::ExpectedFailures);
        let list = list.replace("end::A.b", "a::A.b");
        assert_eq!(results(&list)[0].1, FileResult::Unexpected);
    }
}
