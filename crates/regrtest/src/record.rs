//! Reading the record that `guest/record.py` writes. A guest may write anything
//! there: what is no event is ignored, and every text is cut.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tests of one file; the largest has some thousands.
const TESTS: usize = 100_000;

/// Characters of one text.
const TEXT: usize = 8_000;

/// What became of one test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "text", rename_all = "snake_case")]
pub(crate) enum TestOutcome {
    Passed,
    /// Why.
    Skipped(String),
    /// The traceback, or how the interpreter ended.
    Failed(String),
}

/// What was recorded of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// By name without the file's, such as `FileTests.test_access`.
    pub tests: BTreeMap<String, TestOutcome>,
    /// The test that has begun last and not ended.
    pub under_way: Option<String>,
    /// What the runner makes of the file, such as `PASSED`; none if the
    /// interpreter ended before.
    pub state: Option<String>,
    /// Why the file as a whole was skipped or failed.
    pub text: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    Start { test: String },
    End { test: String, outcome: String, text: Option<String> },
    File { text: String },
    State { state: Option<String> },
}

impl Record {
    /// Reads the record of `file`, as regrtest names it.
    pub fn parse(file: &str, bytes: &[u8]) -> Self {
        let mut record = Self::default();
        for line in bytes.split(|byte| *byte == b'\n') {
            if let Ok(event) = serde_json::from_slice(line) {
                record.take(file, event);
            }
        }
        record
    }

    fn take(&mut self, file: &str, event: Event) {
        match event {
            Event::Start { test } => self.under_way = Some(cut(short(file, &test))),
            Event::End { test, outcome, text } => {
                let test = cut(short(file, &test));
                if self.under_way.as_ref() == Some(&test) {
                    self.under_way = None;
                }
                let text = cut(text.unwrap_or_default());
                let outcome = match outcome.as_str() {
                    "passed" => TestOutcome::Passed,
                    "skipped" => TestOutcome::Skipped(text),
                    _ => TestOutcome::Failed(text),
                };
                self.add(test, outcome);
            }
            Event::File { text } => self.text = Some(cut(text)),
            Event::State { state } => self.state = state.map(cut),
        }
    }

    /// A test may end more than once: its sub-tests fail one by one, and so does
    /// what comes after it. The worst end counts, and of equal ones the first.
    pub fn add(&mut self, test: String, outcome: TestOutcome) {
        let rank = |outcome: &TestOutcome| match outcome {
            TestOutcome::Passed => 0,
            TestOutcome::Skipped(_) => 1,
            TestOutcome::Failed(_) => 2,
        };
        if self.tests.len() < TESTS || self.tests.contains_key(&test) {
            let entry = self.tests.entry(test).or_insert(TestOutcome::Passed);
            if rank(&outcome) > rank(entry) {
                *entry = outcome;
            }
        }
    }
}

/// The name of a test without that of its file.
fn short(file: &str, test: &str) -> String {
    let module = format!("test.{}.", file.strip_prefix("test.").unwrap_or(file));
    // `setUpClass (test.test_os.FileTests)`
    if let Some((before, after)) = test.split_once(" (") {
        let after = after.strip_prefix(module.as_str()).unwrap_or(after);
        return format!("{before} ({after}");
    }
    let rest = test.strip_prefix(module.as_str()).or_else(|| test.strip_prefix("test."));
    rest.unwrap_or(test).to_owned()
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Record {
        Record::parse("test_os", lines.as_bytes())
    }

    #[test]
    fn the_worst_end_of_a_test_counts() {
        let record = parse(concat!(
            "{\"event\":\"start\",\"test\":\"test.test_os.A.test_b\"}\n",
            "{\"event\":\"end\",\"test\":\"test.test_os.A.test_b\",\"outcome\":\"failed\",\"text\":\"(i=1)\"}\n",
            "{\"event\":\"end\",\"test\":\"test.test_os.A.test_b\",\"outcome\":\"failed\",\"text\":\"(i=2)\"}\n",
            "{\"event\":\"end\",\"test\":\"test.test_os.A.test_b\",\"outcome\":\"passed\"}\n",
            "{\"event\":\"file\",\"text\":\"multiple errors\"}\n",
            "{\"event\":\"state\",\"state\":\"FAILED\"}\n",
        ));
        assert_eq!(record.tests["A.test_b"], TestOutcome::Failed("(i=1)".to_owned()));
        assert_eq!(record.under_way, None);
        assert_eq!(record.state.as_deref(), Some("FAILED"));
        assert_eq!(record.text.as_deref(), Some("multiple errors"));
    }

    #[test]
    fn a_record_that_stops_names_the_test_under_way() {
        let record = parse("{\"event\":\"start\",\"test\":\"test.test_os.A.test_b\"}\n{\"event\":\"en");
        assert_eq!(record.under_way.as_deref(), Some("A.test_b"));
        assert_eq!(record.state, None);
    }

    #[test]
    fn garbage_is_ignored_and_texts_are_cut() {
        let long = "ä".repeat(TEXT);
        let lines = format!("[]\n{{\"event\":\"x\"}}\n\u{1}\n{{\"event\":\"file\",\"text\":\"{long}\"}}\n");
        let record = parse(&lines);
        assert_eq!(record.text.map(|text| text.len()), Some(TEXT));
        assert!(record.tests.is_empty());
    }

    #[test]
    fn names_lose_what_the_file_says() {
        assert_eq!(short("test_os", "test.test_os.A.test_b"), "A.test_b");
        assert_eq!(short("test.test_asyncio.test_x", "test.test_asyncio.test_x.A.b"), "A.b");
        assert_eq!(short("test_os", "setUpClass (test.test_os.A)"), "setUpClass (A)");
        assert_eq!(short("test_os", "test.support.A.test_b"), "support.A.test_b");
        assert_eq!(short("test_os", "doctest"), "doctest");
    }
}
