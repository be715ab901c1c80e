//! A line for each change, as `git diff --stat` prints it.

use super::quote;
use super::text::{Contents, changes_type, contents, count};
use bellglass::files::{FileType, Version};
use bellglass::{Change, ChangeKind, Changes};
use std::io::{self, Write};

/// Characters of a line, and of the bar at its end.
const WIDTH: usize = 80;

struct Line {
    name: String,
    come: usize,
    go: usize,
    /// What stands in place of the count, if anything.
    instead: Option<String>,
}

pub(crate) fn print(out: &mut impl Write, changes: &Changes) -> io::Result<()> {
    let lines: Vec<Line> = changes.iter().map(line).collect();
    if lines.is_empty() {
        return Ok(());
    }
    let name_width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0).min(WIDTH - 30);
    let most = lines.iter().map(|line| line.come + line.go).max().unwrap_or(0);
    let digits = most.to_string().len();
    let room = WIDTH.saturating_sub(name_width + digits + 6).max(10);
    for Line { name, come, go, instead } in &lines {
        write!(out, " {name:name_width$} | ")?;
        match instead {
            Some(text) => writeln!(out, "{text}")?,
            None => {
                let (plus, minus) = bar(*come, *go, most, room);
                let bar = "+".repeat(plus) + &"-".repeat(minus);
                writeln!(out, "{}", format!("{:>digits$} {bar}", come + go).trim_end())?;
            }
        }
    }
    let (come, go) = lines.iter().fold((0, 0), |(come, go), line| (come + line.come, go + line.go));
    let plural =
        |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
    let mut summary = format!(" {}", plural(lines.len(), "file changed", "files changed"));
    if come > 0 {
        summary += &format!(", {}", plural(come, "insertion(+)", "insertions(+)"));
    }
    if go > 0 {
        summary += &format!(", {}", plural(go, "deletion(-)", "deletions(-)"));
    }
    writeln!(out, "{summary}")
}

/// How long the two parts of a line's bar are. What there is, is seen.
fn bar(come: usize, go: usize, most: usize, room: usize) -> (usize, usize) {
    if most <= room {
        return (come, go);
    }
    let scale = |count: usize| if count == 0 { 0 } else { (count * (room - 1) / most).max(1) };
    (scale(come), scale(go))
}

fn line(change: &Change) -> Line {
    let (before, after) = (change.before.as_ref(), change.after.as_ref());
    let file_type = after.or(before).map_or(FileType::Unknown, |version| version.file_type);
    let mut name = if change.path.is_empty() { ".".to_owned() } else { quote::name(&change.path) };
    if file_type == FileType::Directory {
        name.push('/');
    }
    let (mut come, mut go) = (0, 0);
    let mut note = note(before, after);
    let instead = match (change.kind, file_type) {
        (ChangeKind::Attributes, _) => Some(note.take().unwrap_or_else(|| "times".to_owned())),
        (ChangeKind::Added, FileType::Directory) => {
            Some(note.take().unwrap_or_default().replacen("new", "new directory", 1))
        }
        (ChangeKind::Removed, FileType::Directory) => {
            note = None;
            Some("removed directory".to_owned())
        }
        _ => match contents(before, after) {
            Contents::Binary { before, after } => Some(format!("Bin {before} -> {after} bytes")),
            Contents::None => Some("neither a file nor a directory".to_owned()),
            Contents::Text { before, after } => {
                (come, go) = if changes_type(change) {
                    (count(b"", &after).0, count(&before, b"").1)
                } else {
                    count(&before, &after)
                };
                None
            }
        },
    };
    if let Some(note) = note {
        name = format!("{name} ({note})");
    }
    Line { name, come, go, instead }
}

/// What a count of lines does not tell, in the words of git's `--compact-summary` where
/// that has any: whether it comes or goes, what it is, and who may do what with it.
fn note(before: Option<&Version>, after: Option<&Version>) -> Option<String> {
    match (before, after) {
        (None, None) => None,
        (Some(_), None) => Some("gone".to_owned()),
        (None, Some(after)) => match (after.file_type, after.permissions) {
            (FileType::SymbolicLink, _) => Some("new +l".to_owned()),
            (FileType::RegularFile, 0o644) | (FileType::Directory, 0o755) => Some("new".to_owned()),
            (FileType::RegularFile, 0o755) => Some("new +x".to_owned()),
            (_, mode) => Some(format!("new, mode {mode:o}")),
        },
        (Some(before), Some(after)) => {
            let (old, new) = (before.permissions, after.permissions);
            let kind = match (before.file_type, after.file_type) {
                (old, new) if old == new => None,
                (_, FileType::SymbolicLink) => return Some("mode +l".to_owned()),
                (FileType::SymbolicLink, FileType::RegularFile) => Some("mode -l".to_owned()),
                (_, FileType::RegularFile) => Some("now a file".to_owned()),
                (_, FileType::Directory) => Some("now a directory".to_owned()),
                (_, _) => Some("now of another kind".to_owned()),
            };
            let mode = match (old, new) {
                // A link has none of its own.
                _ if before.file_type == FileType::SymbolicLink => {
                    (after.file_type != FileType::SymbolicLink).then(|| format!("mode {new:o}"))
                }
                _ if old == new => None,
                (0o644, 0o755) => Some("mode +x".to_owned()),
                (0o755, 0o644) => Some("mode -x".to_owned()),
                _ => Some(format!("mode {old:o} -> {new:o}")),
            };
            let notes: Vec<String> = kind.into_iter().chain(mode).collect();
            (!notes.is_empty()).then(|| notes.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_bar_is_shortened_and_keeps_both_parts() {
        assert_eq!(bar(3, 2, 5, 40), (3, 2));
        assert_eq!(bar(1000, 1, 1001, 40), (38, 1));
        assert_eq!(bar(0, 500, 1000, 40), (0, 19));
    }
}
