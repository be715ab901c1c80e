//! What is expected to fail, and why: a list in a file.
//!
//! ```toml
//! sample = ["test_builtin"]           # stands for the suite in every test run
//!
//! [slow]
//! test_decimal = 600                  # seconds, where a file needs more
//!
//! [[cause]]
//! name = "errno"
//! about = "The numbers of errno are WASI's."
//! says = ["[Errno 44]"]               # any test whose failure says so
//!
//! [cause.fails]
//! "test_errno::A.test_b" = "it knows Linux's"   # a test
//! "test_winreg" = "why"                          # a whole file, that does not load
//! "test_fork::*" = "why"                         # tests whose names begin so, not all of them
//!
//! [cause.ends]
//! "test_a::A.test_c" = "why"          # a test that ends the interpreter, never ends, or harms those after it
//! ```

use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectations {
    /// Files that stand for the suite in every test run.
    #[serde(default)]
    pub sample: Vec<String>,
    /// Seconds that a file may take, where that is more than for the others.
    #[serde(default)]
    slow: BTreeMap<String, u64>,
    /// Why tests fail.
    #[serde(default, rename = "cause")]
    pub causes: Vec<Cause>,
}

/// One reason why tests fail, and these tests, each with a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    /// Its short name.
    pub name: String,
    /// A sentence or two about it.
    pub about: String,
    /// Words by which a failure is known to be of this cause, whatever test it is.
    #[serde(default)]
    pub says: Vec<String>,
    /// Tests that fail, as `file::Class.method`, and files that do not load.
    #[serde(default)]
    pub fails: BTreeMap<String, String>,
    /// Tests that end the interpreter, never end, or harm those after them; they are
    /// run by themselves.
    #[serde(default)]
    pub ends: BTreeMap<String, String>,
}

impl Expectations {
    /// Reads the list.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not as it should be", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let list: Self = toml::from_str(text)?;
        let mut seen = BTreeMap::new();
        for cause in &list.causes {
            if cause.says.iter().any(|words| words.trim().is_empty()) {
                bail!("'{}' is known by no words", cause.name);
            }
            for (key, reason) in cause.fails.iter().chain(&cause.ends) {
                if reason.trim().is_empty() {
                    bail!("'{key}' has no reason");
                }
                if let Some(other) = seen.insert(key, &cause.name) {
                    bail!("'{key}' stands below '{other}' and below '{}'", cause.name);
                }
            }
            if let Some(key) = cause.ends.keys().find(|key| !key.contains("::") || key.ends_with('*')) {
                bail!("'{key}' stands below 'ends' and is not a single test");
            }
        }
        Ok(list)
    }

    /// How long a file may take, if the others may take `usual`.
    pub fn timeout(&self, file: &str, usual: u64) -> Duration {
        Duration::from_secs(self.slow.get(short(file)).copied().unwrap_or_default().max(usual))
    }

    /// The tests of a file that are run by themselves.
    pub fn apart(&self, file: &str) -> Vec<String> {
        let own = |key: &String| tests_name(key, file).map(str::to_owned);
        self.causes.iter().flat_map(|cause| cause.ends.keys()).filter_map(own).collect()
    }

    /// What of a file is expected to fail.
    pub fn failures(&self, file: &str) -> Vec<Listed<'_>> {
        let mut failures = Vec::new();
        for cause in &self.causes {
            for key in cause.fails.keys().chain(cause.ends.keys()) {
                let test = if key == short(file) { Some("") } else { tests_name(key, file) };
                failures.extend(test.map(|test| Listed { test, cause }));
            }
        }
        failures
    }

    /// The cause that a failure's text tells, if it does.
    pub fn told_by(&self, text: &str) -> Option<&Cause> {
        self.causes.iter().find(|cause| cause.says.iter().any(|words| text.contains(words.as_str())))
    }

    /// Files that the list names and the suite has not.
    pub fn strays(&self, files: &[String]) -> Vec<String> {
        let keys = self.causes.iter().flat_map(|cause| cause.fails.keys().chain(cause.ends.keys()));
        let named =
            keys.map(|key| key.split("::").next().unwrap_or(key)).chain(self.slow.keys().map(String::as_str));
        let mut strays: Vec<String> =
            named.filter(|name| !files.iter().any(|file| short(file) == *name)).map(str::to_owned).collect();
        strays.sort();
        strays.dedup();
        strays
    }
}

/// An entry of the list, as far as one file is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    /// The test; or how its name begins, with an asterisk; or nothing, for the
    /// file itself.
    pub test: &'a str,
    /// Why it fails.
    pub cause: &'a Cause,
}

impl Listed<'_> {
    /// Whether it means this test.
    pub fn means(&self, test: &str) -> bool {
        match self.test.strip_suffix('*') {
            Some(beginning) => !test.is_empty() && test.starts_with(beginning),
            None => self.test == test,
        }
    }
}

/// A file's name in the list: without the package.
pub(crate) fn short(file: &str) -> &str {
    file.strip_prefix("test.").unwrap_or(file)
}

/// The name of the test that a key means, if it is one of the file's.
fn tests_name<'a>(key: &'a str, file: &str) -> Option<&'a str> {
    key.strip_prefix(short(file))?.strip_prefix("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"
        [slow]
        test_b = 900
        [[cause]]
        name = "errno"
        about = "The numbers differ."
        fails = { "test_a::A.b" = "x", "test_b" = "y", "test_c.test_d::E.f" = "z" }
        ends = { "test_a::A.c" = "w" }
    "#;

    #[test]
    fn a_file_has_its_own_tests() {
        let list = Expectations::parse(LIST).expect("a list");
        let tests = |file| list.failures(file).iter().map(|listed| listed.test).collect::<Vec<_>>();
        assert_eq!(tests("test_a"), ["A.b", "A.c"]);
        assert_eq!(tests("test_b"), [""]);
        assert_eq!(tests("test.test_c.test_d"), ["E.f"]);
        assert!(tests("test_").is_empty());
        assert_eq!(list.apart("test_a"), ["A.c"]);
        assert_eq!(list.timeout("test_a", 5).as_secs(), 5);
        assert_eq!(list.timeout("test_b", 5).as_secs(), 900);
        assert_eq!(list.strays(&["test_a".to_owned(), "test.test_c.test_d".to_owned()]), ["test_b"]);
    }

    #[test]
    fn an_entry_means_a_test_or_a_beginning() {
        let list = Expectations::parse(&LIST.replace("A.b", "B*")).expect("a list");
        let means = |test| list.failures("test_a").iter().any(|listed| listed.means(test));
        assert!(means("B.a") && means("Bb.c") && means("A.c"));
        assert!(!means("") && !means("A.d") && !means("A.C.c"));
    }

    #[test]
    fn a_list_with_a_mistake_is_refused() {
        for (from, to, message) in [
            ("\"x\"", "\" \"", "no reason"),
            ("\"test_a::A.c\"", "\"test_a::A.b\"", "stands below"),
            ("\"test_a::A.c\"", "\"test_a\"", "not a single test"),
            ("\"test_a::A.c\"", "\"test_a::A*\"", "not a single test"),
            ("fails =", "says = [\"\"]\nfails =", "no words"),
            ("about", "abuot", "abuot"),
        ] {
            let error = Expectations::parse(&LIST.replace(from, to)).expect_err(message);
            assert!(format!("{error:#}").contains(message), "{error:#}");
        }
    }
}
