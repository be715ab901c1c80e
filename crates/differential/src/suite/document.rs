//! Writing docs/linux-tests.md.

use super::Judged;
use super::expect::Expectations;
use super::test::Verdict;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/linux-tests.md";

/// How many became what.
#[derive(Clone, Copy, Default)]
struct Counts {
    passed: usize,
    alike: usize,
    failed: usize,
    apart: usize,
}

impl Counts {
    fn of<'a>(judged: impl Iterator<Item = &'a Judged>) -> Self {
        let mut counts = Self::default();
        for one in judged {
            match one.verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::AsOnLinux(_) | Verdict::OtherThanOnLinux { .. } => counts.alike += 1,
                Verdict::Failed { .. } => counts.failed += 1,
                Verdict::NotApplicable(_) => counts.apart += 1,
            }
        }
        counts
    }
}

/// A line about all.
pub(crate) fn figures(judged: &[Judged]) -> String {
    let Counts { passed, alike, failed, apart } = Counts::of(judged.iter());
    format!("{passed} passed, {alike} do not pass on Linux either, {failed} failed, {apart} not applicable")
}

/// Writes the page.
pub(crate) fn write(root: &Path, expectations: &Expectations, judged: &[Judged]) -> anyhow::Result<()> {
    let path = root.join(PAGE);
    fs::write(&path, page(expectations, judged)).with_context(|| format!("cannot write {}", path.display()))
}

fn page(expectations: &Expectations, judged: &[Judged]) -> String {
    let mut page = format!(
        "# The POSIX test suite\n\n\
         The tests of system calls that the Linux Test Project carries on, in their version {},\n\
         compiled by `bellglass cc` and each run in a cell, and natively with the same C library\n\
         beside it: what passes on Linux must pass in a cell, or its reason is below. This file is\n\
         generated (`cargo xtask linux-tests --document`).\n\n{}.\n\n\
         | interface | passed | does not pass on Linux either | failed | not applicable |\n\
         | --- | --- | --- | --- | --- |\n",
        expectations.source.file.trim_end_matches(".tar.gz").rsplit('-').next().unwrap_or_default(),
        figures(judged)
    );
    let mut folders: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
    for one in judged {
        folders.entry(&one.test.folder).or_default().push(one);
    }
    for (folder, tests) in folders {
        let counts = Counts::of(tests.iter().copied());
        // A folder of which nothing is run is in the list of reasons alone.
        if counts.apart < tests.len() {
            let Counts { passed, alike, failed, apart } = counts;
            let _ = writeln!(page, "| `{folder}` | {passed} | {alike} | {failed} | {apart} |");
        }
    }
    page.push_str("\n## Not applicable\n\n| what they need | tests |\n| --- | --- |\n");
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for one in judged {
        if let Verdict::NotApplicable(reason) = &one.verdict {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    for (reason, count) in reasons {
        let _ = writeln!(page, "| {reason} | {count} |");
    }
    page.push_str("\n## Failed\n\n| test | what it did | why |\n| --- | --- | --- |\n");
    for one in judged {
        if let Verdict::Failed { guest } = &one.verdict {
            let why = expectations.cause(&one.test.name).map_or("not explained", |cause| &cause.about);
            let _ =
                writeln!(page, "| `{}` | {} | {} |", one.test.name, guest.replace('|', "\\|"), why.trim());
        }
    }
    page
}
