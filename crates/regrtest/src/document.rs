//! Writing docs/regrtest.md.

use crate::arguments::Arguments;
use crate::expect::{Cause, Expectations, short};
use crate::judge::{Counts, FileResult, Verdict};
use crate::run::{FileOutcome, FileRun};
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

const PAGE: &str = "docs/regrtest.md";

/// Writes the page from a whole run, and the last native one if there was one.
pub(crate) fn write(
    arguments: &Arguments,
    expectations: &Expectations,
    verdicts: &[Verdict],
) -> anyhow::Result<()> {
    let path = arguments.folder.join("native.json");
    let native: Vec<FileRun> = match fs::read(&path) {
        Ok(text) => {
            serde_json::from_slice(&text).with_context(|| format!("cannot understand {}", path.display()))?
        }
        Err(_) => Vec::new(),
    };
    fs::write(PAGE, page(expectations, verdicts, &native)).with_context(|| format!("cannot write {PAGE}"))
}

fn page(expectations: &Expectations, verdicts: &[Verdict], native: &[FileRun]) -> String {
    let mut page = String::from(
        "# CPython's own test suite\n\n\
         The whole of it, run in the sandbox with `cargo xtask regrtest`, each file in a\n\
         cell of its own. No failure is unexplained: what is expected to fail, and why, is\n\
         in `guests/python/expected-failures.toml`: by the words of the failure, or test by\n\
         test. What fails otherwise is an error, and so is a listed test that passes. This\n\
         file is generated (`cargo xtask regrtest --document`).\n\n",
    );
    figures(&mut page, verdicts, native);
    causes(&mut page, expectations, verdicts);
    skipped(&mut page, verdicts, native);
    page
}

fn figures(page: &mut String, verdicts: &[Verdict], native: &[FileRun]) {
    let native: BTreeMap<&str, &FileRun> = native.iter().map(|run| (run.file.as_str(), run)).collect();
    let runs_natively = |file: &str| native.get(file).is_some_and(|run| !run.is_skipped());
    let count = |result: FileResult, natively: bool| {
        let is =
            |verdict: &&Verdict| verdict.result == result && (!natively || runs_natively(&verdict.run.file));
        verdicts.iter().filter(is).count()
    };
    let rows = [
        ("passed", FileResult::Passed),
        ("skipped by CPython's own marks", FileResult::Skipped),
        ("with expected failures", FileResult::ExpectedFailures),
        ("not as expected", FileResult::Unexpected),
    ];
    let run_natively = native.values().filter(|run| !run.is_skipped()).count();
    let tests = Counts::of(verdicts.iter().map(|verdict| &verdict.run));
    if native.is_empty() {
        let _ = write!(page, "## Figures\n\n| | files |\n| --- | --- |\n| all | {} |\n", verdicts.len());
        for (words, result) in rows {
            let _ = writeln!(page, "| {words} | {} |", count(result, false));
        }
        let Counts { passed, skipped, failed } = tests;
        let _ = write!(page, "\nTests: {passed} passed, {skipped} skipped, {failed} failed as expected.\n\n");
        return;
    }
    page.push_str("## Figures\n\n| | files | of those that native CPython runs |\n| --- | --- | --- |\n");
    let _ = writeln!(page, "| all | {} | {run_natively} |", verdicts.len());
    for (words, result) in rows {
        let _ = writeln!(page, "| {words} | {} | {} |", count(result, false), count(result, true));
    }
    let good = count(FileResult::Passed, true) + count(FileResult::Skipped, true);
    let share = 100.0 * good as f64 / run_natively.max(1) as f64;
    let natively = Counts::of(native.values().copied());
    let _ = write!(
        page,
        "\nPassed or skipped by CPython's own marks: {share:.1}% of the files that native CPython\n\
         runs on the same machine.\n\n\
         ## Tests\n\n| | passed | skipped | failed |\n| --- | --- | --- | --- |\n\
         | in the sandbox | {} | {} | {} |\n| natively | {} | {} | {} |\n\n",
        tests.passed, tests.skipped, tests.failed, natively.passed, natively.skipped, natively.failed,
    );
}

fn causes(page: &mut String, expectations: &Expectations, verdicts: &[Verdict]) {
    page.push_str("## Expected failures, by cause\n\n| cause | tests | |\n| --- | --- | --- |\n");
    // The tests that failed for it, of each file.
    let failed = |cause: &Cause| -> BTreeMap<String, Vec<String>> {
        let of = |verdict: &Verdict| {
            let is_of = |(test, name): (&String, &String)| (*name == cause.name).then(|| test.clone());
            let tests: Vec<String> = verdict.expected.iter().filter_map(is_of).collect();
            (!tests.is_empty()).then(|| (short(&verdict.run.file).to_owned(), tests))
        };
        verdicts.iter().filter_map(of).collect()
    };
    let count = |cause: &Cause| failed(cause).values().map(Vec::len).sum::<usize>();
    let mut causes: Vec<&Cause> = expectations.causes.iter().collect();
    causes.sort_by_key(|cause| (std::cmp::Reverse(count(cause)), cause.name.clone()));
    for cause in &causes {
        let _ = writeln!(page, "| {} | {} | {} |", cause.name, count(cause), cell(&cause.about));
    }
    for cause in causes {
        let _ = write!(page, "\n### {}\n\n{}\n", cause.name, cause.about);
        let ends = cause.ends.iter().map(|(test, why)| (test, format!("by itself: {why}")));
        let fails = cause.fails.iter().map(|(test, why)| (test, why.clone()));
        let tests: BTreeMap<&String, String> = fails.chain(ends).collect();
        if !tests.is_empty() {
            page.push_str("\n| test | why |\n| --- | --- |\n");
        }
        for (test, why) in tests {
            let _ = writeln!(page, "| `{test}` | {} |", cell(&why));
        }
        if !cause.says.is_empty() {
            let words: Vec<String> = cause.says.iter().map(|words| format!("`{words}`")).collect();
            let _ = write!(page, "\nTests whose failure says {}:\n\n", words.join(" or "));
            for (file, tests) in failed(cause) {
                let _ = writeln!(page, "- `{file}`: {}", tests.len());
            }
        }
    }
}

fn skipped(page: &mut String, verdicts: &[Verdict], native: &[FileRun]) {
    let natively = |file: &str| native.iter().find(|run| run.file == file).map(FileRun::is_skipped);
    page.push_str(
        "\n## Files that CPython's own marks skip\n\n| file | reason | natively |\n| --- | --- | --- |\n",
    );
    for verdict in verdicts.iter().filter(|verdict| verdict.result == FileResult::Skipped) {
        let reason = match &verdict.run.outcome {
            FileOutcome::Skipped { reason } => reason.as_str(),
            _ => "it has no test for this platform",
        };
        let also = match natively(&verdict.run.file) {
            Some(true) => "skipped, too",
            Some(false) => "runs",
            None => "",
        };
        let _ = writeln!(page, "| `{}` | {} | {also} |", short(&verdict.run.file), cell(reason));
    }
}

/// A text as one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(file: &str, outcome: FileOutcome) -> FileRun {
        FileRun {
            file: file.to_owned(),
            outcome,
            tests: BTreeMap::new(),
            seconds: 1.0,
            output: String::new(),
        }
    }

    #[test]
    fn the_page_has_the_figures() {
        let skipped = || FileOutcome::Skipped { reason: "a|b\nc".to_owned() };
        let expectations = Expectations::default();
        let verdicts: Vec<Verdict> = [
            run("test_a", FileOutcome::Passed),
            run("test_b", skipped()),
            run("test_c", FileOutcome::Broken { text: String::new() }),
            run("test_d", skipped()),
        ]
        .map(|run| Verdict::of(run, &expectations))
        .into();
        let native = [
            run("test_a", FileOutcome::Passed),
            run("test_b", FileOutcome::Passed),
            run("test_c", FileOutcome::Passed),
            run("test_d", skipped()),
        ];
        let alone = page(&expectations, &verdicts, &[]);
        assert!(alone.contains("| all | 4 |\n| passed | 1 |"), "{alone}");
        let page = page(&expectations, &verdicts, &native);
        assert!(page.contains("| all | 4 | 3 |"), "{page}");
        assert!(page.contains("| skipped by CPython's own marks | 2 | 1 |"), "{page}");
        assert!(page.contains("66.7%"), "{page}");
        assert!(page.contains("| `test_b` | a\\|b c | runs |"), "{page}");
    }
}
