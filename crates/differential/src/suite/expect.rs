//! The list of what is expected.

use anyhow::{Context, bail};
use bellglass_build::Source;
use serde::Deserialize;
use std::fs;
use std::path::Path;

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectations {
    /// The suite itself.
    pub source: Source,
    #[serde(default)]
    apart: Vec<Apart>,
    /// Why tests fail.
    #[serde(default, rename = "cause")]
    pub causes: Vec<Cause>,
}

/// Tests that are not run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Apart {
    reason: String,
    tests: Vec<String>,
}

/// Tests that fail in a cell and not natively, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    pub name: String,
    pub about: String,
    pub tests: Vec<String>,
    /// Whether they pass now and then.
    #[serde(default)]
    pub sometimes: bool,
}

impl Expectations {
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let list: Self =
            toml::from_str(&text).with_context(|| format!("{} is not as it should be", path.display()))?;
        if let Some(cause) = list.causes.iter().find(|cause| cause.about.trim().is_empty()) {
            bail!("the cause '{}' says nothing about itself", cause.name);
        }
        Ok(list)
    }

    /// Why a test is not run.
    pub fn apart(&self, name: &str) -> Option<&str> {
        self.apart.iter().find(|apart| means(&apart.tests, name)).map(|apart| apart.reason.as_str())
    }

    /// Why a test fails.
    pub fn cause(&self, name: &str) -> Option<&Cause> {
        self.causes.iter().find(|cause| means(&cause.tests, name))
    }
}

/// Whether a list of names, and of beginnings of names, has this one.
fn means(list: &[String], name: &str) -> bool {
    list.iter().any(|entry| match entry.split_once('*') {
        Some((begin, end)) => name.strip_prefix(begin).is_some_and(|rest| rest.ends_with(end)),
        None => entry == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_beginnings_are_meant() {
        let list = ["mq_*", "kill/1-1", "sched_*/9-1"].map(str::to_owned);
        for name in ["mq_open/1-1", "kill/1-1", "sched_yield/9-1"] {
            assert!(means(&list, name), "{name}");
        }
        for name in ["kill/1-11", "killpg/1-1", "sched_yield/1-1", "xmq_open/1-1"] {
            assert!(!means(&list, name), "{name}");
        }
    }

    #[test]
    fn the_list_is_as_it_should_be() {
        let list =
            Expectations::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("suite.toml")).expect("read");
        assert_eq!(list.apart("mq_open/1-1"), Some("message queues"));
        assert_eq!(list.apart("kill/1-1"), None);
    }
}
