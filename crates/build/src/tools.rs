//! The programs of this machine that a build uses.

use std::path::Path;

/// Programs of this machine that are not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("building an image needs {} on this machine: install {}", missing.join(", "), packages.join(", "))]
pub struct MissingTools {
    /// The programs.
    pub missing: Vec<&'static str>,
    /// What to install, as Debian and its kin call it.
    pub packages: Vec<&'static str>,
}

/// Each program and the package that has it.
const TOOLS: [(&str, &str); 9] = [
    ("sh", "dash"),
    ("cc", "gcc and libc6-dev"),
    ("ar", "binutils"),
    ("make", "make"),
    ("sed", "sed"),
    ("grep", "grep"),
    ("awk", "mawk"),
    ("xargs", "findutils"),
    ("tr", "coreutils"),
];

/// Checks that every program can be found, before any work is done.
pub(crate) fn check() -> Result<(), MissingTools> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    missing(|tool| std::env::split_paths(&path).any(|folder| is_program(&folder.join(tool))))
}

fn missing(is_there: impl Fn(&str) -> bool) -> Result<(), MissingTools> {
    let (missing, packages): (Vec<_>, Vec<_>) = TOOLS.into_iter().filter(|(tool, _)| !is_there(tool)).unzip();
    if missing.is_empty() { Ok(()) } else { Err(MissingTools { missing, packages }) }
}

fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        assert_eq!(missing(|_| true), Ok(()));
        let error = missing(|tool| tool != "make" && tool != "cc").expect_err("two are missing");
        assert_eq!(
            error.to_string(),
            "building an image needs cc, make on this machine: install gcc and libc6-dev, make"
        );
    }
}
