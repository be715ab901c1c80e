//! One test of the suite.

use crate::arguments::Tree;
use crate::cell::{self, Cell};
use crate::family::Library;
use crate::native::{Native, Toolbox};
use crate::side::{Ended, Finished, Side};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the suite's tests end with.
const WORDS: [(i32, &str); 5] =
    [(0, "passed"), (1, "failed"), (2, "unresolved"), (4, "unsupported"), (5, "untested")];

/// Words in a test's text that say that it needs what guests have not.
const NEEDS: [(&str, &[&str]); 2] = [
    ("threads", &["pthread_create", "SIGEV_THREAD"]),
    ("processes", &["fork(", "fork (", "waitpid(", "execl(", "system("]),
];

/// How they are compiled beside the usual: they are from 2005.
const FLAGS: [&str; 5] = ["-D_GNU_SOURCE", "-w", "-std=gnu99", "-fcommon", "-lm"];

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// FOLDER/NUMBER.
    pub name: String,
    pub folder: String,
    source: PathBuf,
}

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// It does not pass natively either, and ends alike.
    AsOnLinux(String),
    /// It does not pass natively, and ends otherwise in a cell.
    OtherThanOnLinux {
        linux: String,
        guest: String,
    },
    /// It passes natively.
    Failed {
        guest: String,
    },
    /// It is not run, for it needs something.
    NotApplicable(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => formatter.write_str("passed"),
            Self::AsOnLinux(result) => write!(formatter, "{result}, as on Linux"),
            Self::OtherThanOnLinux { linux, guest } => write!(formatter, "{guest}, and {linux} on Linux"),
            Self::Failed { guest } => write!(formatter, "{guest}, and passed on Linux"),
            Self::NotApplicable(reason) => write!(formatter, "not run: it needs {reason}"),
        }
    }
}

/// What tests are compiled and run with.
pub(crate) struct Bench {
    pub toolbox: Toolbox,
    pub headers: PathBuf,
    /// Where the compiled programs are kept.
    pub cache: PathBuf,
    pub timeout: Duration,
}

impl Test {
    /// The test in a file, if it is one: a number, and perhaps a word.
    pub fn of_file(folder: &str, source: &Path) -> Option<Self> {
        let stem = source.file_stem()?.to_str()?;
        let is_test = source.extension().is_some_and(|extension| extension == "c")
            && stem.starts_with(|one: char| one.is_ascii_digit())
            && !stem.ends_with("buildonly");
        is_test.then(|| Self {
            name: format!("{folder}/{stem}"),
            folder: folder.to_owned(),
            source: source.to_owned(),
        })
    }

    /// Tests in the order of their numbers.
    pub fn order(&self) -> (String, Vec<u32>, String) {
        let numbers = self.name.split(|one: char| !one.is_ascii_digit()).filter_map(|part| part.parse().ok());
        (self.folder.clone(), numbers.collect(), self.name.clone())
    }
}

impl Bench {
    /// What becomes of a test.
    pub fn judge(&self, test: &Test) -> anyhow::Result<Verdict> {
        // Some have letters of another time in their comments.
        let text = String::from_utf8_lossy(&fs::read(&test.source)?).into_owned();
        let code = without_comments(&text);
        for (need, words) in NEEDS {
            if words.iter().any(|word| code.contains(word)) {
                return Ok(Verdict::NotApplicable(need.to_owned()));
            }
        }
        let headers = format!("-I{}", self.headers.display());
        let flags: Vec<&str> = [headers.as_str()].into_iter().chain(FLAGS).collect();
        let Ok(native) = Native::compiled(&self.toolbox, &test.source, &flags, Library::Guests) else {
            return Ok(Verdict::NotApplicable("what the C library has not".to_owned()));
        };
        let linux = native.of_ordinary_user().run(&[], self.timeout)?;
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("program");
        if let Err(error) = cell::compile(&test.source, &flags, &program) {
            let reason = format!("{error:#}")
                .lines()
                .find(|line| line.contains("undefined") || line.contains("error"))
                .map_or_else(
                    || "it is not compiled".to_owned(),
                    |line| format!("not compiled ({})", line.trim()),
                );
            return Ok(Self::verdict(&linux, reason, false));
        }
        let guest = Cell::of_program(&program, Tree::Memory, Some(&self.cache))?.run(&[], self.timeout)?;
        Ok(Self::verdict(&linux, result(&guest), guest.is_success()))
    }

    fn verdict(linux: &Finished, guest: String, passed: bool) -> Verdict {
        let natively = result(linux);
        match (linux.is_success(), passed) {
            (_, true) => Verdict::Passed,
            (true, false) => Verdict::Failed { guest },
            (false, false) if natively == guest => Verdict::AsOnLinux(guest),
            (false, false) => Verdict::OtherThanOnLinux { linux: natively, guest },
        }
    }
}

/// How a test ended, in a word or a sentence.
fn result(finished: &Finished) -> String {
    match &finished.ended {
        Ended::Code(code) => WORDS
            .iter()
            .find(|(number, _)| number == code)
            .map_or_else(|| format!("ended with code {code}"), |(_, word)| (*word).to_owned()),
        Ended::Otherwise(sentence) => sentence.clone(),
    }
}

/// A text of C without its comments.
fn without_comments(text: &str) -> String {
    let mut code = String::new();
    for (at, part) in text.split("/*").enumerate() {
        code.push_str(if at == 0 { part } else { part.split_once("*/").map_or("", |(_, rest)| rest) });
    }
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_a_file_with_a_number() {
        let name = |file: &str| Test::of_file("kill", Path::new(file)).map(|test| test.name);
        assert_eq!(name("x/1-2.c").as_deref(), Some("kill/1-2"));
        for other in ["x/helper.c", "x/1-1.sh", "x/1-1-buildonly.c", "x/speculative"] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn verdicts_follow_from_both_ends() {
        let ended =
            |code| Finished { output: String::new(), errors: String::new(), ended: Ended::Code(code) };
        let verdict =
            |linux: i32, guest: i32| Bench::verdict(&ended(linux), result(&ended(guest)), guest == 0);
        assert_eq!(verdict(0, 0), Verdict::Passed);
        assert_eq!(verdict(1, 0), Verdict::Passed);
        assert_eq!(verdict(0, 2), Verdict::Failed { guest: "unresolved".to_owned() });
        assert_eq!(verdict(4, 4), Verdict::AsOnLinux("unsupported".to_owned()));
        assert!(matches!(verdict(4, 134), Verdict::OtherThanOnLinux { .. }));
    }

    #[test]
    fn what_a_comment_says_is_not_needed() {
        assert_eq!(without_comments("a /* fork( */ b // fork(\nc"), "a  b \nc");
    }
}
