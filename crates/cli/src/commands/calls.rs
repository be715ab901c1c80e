//! `bellglass calls`

use crate::commands::image::find_or_build;
use crate::say::Lines;
use bellglass::calls::{Support, lookup};

/// Prints a line for each signature of the image, and how it is answered.
pub(crate) fn calls(image: &str) -> anyhow::Result<u8> {
    let image = find_or_build(image)?;
    let imports = &image.manifest().imports;
    let width = imports.iter().map(|signature| signature.to_string().len()).max().unwrap_or(0);
    let mut out = Lines::new();
    let mut answered = 0;
    for signature in imports {
        let row = lookup(signature);
        answered += usize::from(row.is_some());
        let how = match row.map(|row| (row.support, row.note)) {
            Some((Support::Full, _)) => "answered".to_owned(),
            Some((Support::Partial, note)) => format!("answered in part: {note}"),
            Some((Support::Refused(errno), note)) => format!("refused with {}: {note}", errno.name()),
            Some((Support::Needs(permission, errno), note)) => {
                format!("refused with {} without the permission '{permission}': {note}", errno.name())
            }
            None => "unknown: the guest gets ENOSYS".to_owned(),
        };
        out.line(format_args!("{:width$}  {how}", signature.to_string()))?;
    }
    out.line(format_args!("{answered} of {} signatures have a handler", imports.len()))?;
    out.end()?;
    Ok(0)
}
