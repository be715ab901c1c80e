//! `bellglass calls`

use crate::commands::image::find_or_build;
use bellglass_system::{Support, lookup};
use std::io::{BufWriter, Write, stdout};

/// Prints a line for each signature of the image, and how it is answered.
pub(crate) fn calls(image: &str) -> anyhow::Result<u8> {
    let image = find_or_build(image)?;
    let imports = &image.manifest().imports;
    let width = imports.iter().map(|signature| signature.to_string().len()).max().unwrap_or(0);
    let mut out = BufWriter::new(stdout().lock());
    let mut answered = 0;
    for signature in imports {
        let row = lookup(signature);
        answered += usize::from(row.is_some());
        let how = match row.map(|row| (row.support, row.note)) {
            Some((Support::Full, _)) => "answered".to_owned(),
            Some((Support::Partial, note)) => format!("answered in part: {note}"),
            Some((Support::Refused(errno), note)) => format!("refused with {}: {note}", errno.name()),
            None => "unknown: the guest gets ENOSYS".to_owned(),
        };
        writeln!(out, "{:width$}  {how}", signature.to_string())?;
    }
    writeln!(out, "{answered} of {} signatures have a handler", imports.len())?;
    out.flush()?;
    Ok(0)
}
