//! The whole patch, as `git diff` prints it and `git apply` and `patch` take it.

use super::quote::{self, Shown, quoted};
use super::text::{Contents, changes_type, contents, difference};
use bellglass::Changes;
use bellglass::files::{FileType, Version};
use std::io::{self, Write};

/// What stands for no file.
const NONE: &str = "/dev/null";

pub(crate) fn print(out: &mut impl Write, changes: &Changes, shown: Shown) -> io::Result<()> {
    for change in changes {
        if changes_type(change) {
            // As with git: it goes, and something else comes.
            one(out, &change.path, change.before.as_ref(), None, shown)?;
            one(out, &change.path, None, change.after.as_ref(), shown)?;
        } else {
            one(out, &change.path, change.before.as_ref(), change.after.as_ref(), shown)?;
        }
    }
    Ok(())
}

/// Git's mode of what it knows; it does not know directories.
fn mode(version: &Version) -> Option<String> {
    match version.file_type {
        FileType::RegularFile => Some(format!("100{:03o}", version.permissions & 0o777)),
        FileType::SymbolicLink => Some("120000".to_owned()),
        _ => None,
    }
}

fn one(
    out: &mut impl Write,
    path: &[u8],
    before: Option<&Version>,
    after: Option<&Version>,
    shown: Shown,
) -> io::Result<()> {
    let modes = (before.and_then(mode), after.and_then(mode));
    let (old, new) = (quoted(b"a/", path), quoted(b"b/", path));
    match modes {
        // A comment, which those who take patches skip.
        (None, None) => return directory(out, path, before, after),
        (Some(before), Some(after)) if before == after => writeln!(out, "diff --git {old} {new}")?,
        (Some(before), Some(after)) => {
            writeln!(out, "diff --git {old} {new}\nold mode {before}\nnew mode {after}")?;
        }
        (None, Some(after)) => writeln!(out, "diff --git {old} {new}\nnew file mode {after}")?,
        (Some(before), None) => writeln!(out, "diff --git {old} {new}\ndeleted file mode {before}")?,
    }
    match contents(before, after) {
        Contents::None => Ok(()),
        Contents::Binary { .. } => {
            let (old, new) = sides(before, after, &old, &new);
            writeln!(out, "Binary files {old} and {new} differ")
        }
        Contents::Text { before: old_text, after: new_text } => {
            if old_text == new_text {
                return Ok(());
            }
            let (old, new) = sides(before, after, &old, &new);
            let difference = difference(&old_text, &new_text);
            let mut hunks = Vec::new();
            difference.unified_diff().context_radius(3).to_writer(&mut hunks)?;
            writeln!(out, "--- {old}\n+++ {new}")?;
            out.write_all(&quote::lines(&hunks, shown))
        }
    }
}

fn sides<'a>(
    before: Option<&Version>,
    after: Option<&Version>,
    old: &'a str,
    new: &'a str,
) -> (&'a str, &'a str) {
    (if before.is_some() { old } else { NONE }, if after.is_some() { new } else { NONE })
}

fn directory(
    out: &mut impl Write,
    path: &[u8],
    before: Option<&Version>,
    after: Option<&Version>,
) -> io::Result<()> {
    let name = if path.is_empty() { ".".to_owned() } else { quote::name(path) };
    match (before, after) {
        (None, Some(after)) => writeln!(out, "# new directory {name}, mode {:o}", after.permissions),
        (Some(_), None) => writeln!(out, "# removed directory {name}"),
        (Some(before), Some(after)) if before.permissions != after.permissions => {
            writeln!(out, "# directory {name}, mode {:o} -> {:o}", before.permissions, after.permissions)
        }
        _ => writeln!(out, "# directory {name}, times"),
    }
}
