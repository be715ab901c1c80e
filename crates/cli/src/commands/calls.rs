//! `bellglass calls`

use crate::commands::image::find_or_build;
use crate::say::Lines;
use bellglass::Signature;
use bellglass::calls::{Row, Support, lookup, subjects};

/// Prints a line for each signature of the image, and how it is answered, subject by subject:
/// what nothing answers last.
pub(crate) fn calls(image: &str) -> anyhow::Result<u8> {
    let image = find_or_build(image)?;
    let imports = &image.manifest().imports;
    let width = imports.iter().map(|signature| signature.to_string().len()).max().unwrap_or(0);
    let answered: Vec<(&Signature, &Row)> =
        imports.iter().filter_map(|signature| Some((signature, lookup(signature)?))).collect();
    let unknown: Vec<&Signature> = imports.iter().filter(|signature| lookup(signature).is_none()).collect();
    let mut out = Lines::new();
    for (subject, rows) in subjects() {
        let is_of_it = |row: &Row| rows.iter().any(|other| std::ptr::eq(other, row));
        let mut of_it = answered.iter().filter(|(_, row)| is_of_it(row)).peekable();
        if of_it.peek().is_some() {
            out.line(format_args!("{subject}:"))?;
        }
        for (signature, row) in of_it {
            out.line(format_args!("  {:width$}  {}", signature.to_string(), how(row)))?;
        }
    }
    if !unknown.is_empty() {
        out.line(format_args!("Unknown:"))?;
    }
    for signature in &unknown {
        out.line(format_args!("  {:width$}  the guest gets ENOSYS", signature.to_string()))?;
    }
    out.line(format_args!("{} of {} signatures have a handler", answered.len(), imports.len()))?;
    out.end()?;
    Ok(0)
}

/// How much there is of a call, and why not more.
fn how(row: &Row) -> String {
    let note = row.note;
    match row.support {
        Support::Full => "answered".to_owned(),
        Support::Partial => format!("answered in part: {note}"),
        Support::Refused(errno) => format!("refused with {}: {note}", errno.name()),
        Support::Needs(permission, errno) => {
            format!("refused with {} without the permission '{permission}': {note}", errno.name())
        }
    }
}
