//! A line for each change, as `git diff --stat` prints it.

use super::quote;
use super::text::{Contents, changes_type, contents, count};
use bellglass::system::files::FileType;
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
    let modes = match (before, after) {
        (Some(before), Some(after)) if before.permissions != after.permissions => {
            Some(format!("mode {:o} -> {:o}", before.permissions, after.permissions))
        }
        _ => None,
    };
    let instead = match (change.kind, file_type) {
        (ChangeKind::Attributes, _) => Some(modes.unwrap_or_else(|| "times".to_owned())),
        (ChangeKind::Added, FileType::Directory) => Some("new directory".to_owned()),
        (ChangeKind::Removed, FileType::Directory) => Some("removed directory".to_owned()),
        _ => match contents(before, after) {
            Contents::Binary { before, after } => Some(format!("Bin {before} -> {after} bytes")),
            Contents::None => Some("neither a file nor a directory".to_owned()),
            Contents::Text { before, after } => {
                (come, go) = if changes_type(change) {
                    (count(b"", &after).0, count(&before, b"").1)
                } else {
                    count(&before, &after)
                };
                modes.filter(|_| come + go == 0)
            }
        },
    };
    Line { name, come, go, instead }
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
