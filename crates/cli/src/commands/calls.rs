//! `bellglass calls`

use crate::commands::image::find_or_build;
use std::io::{BufWriter, Write, stdout};

/// Prints a line for each signature of the image, and how it is answered.
pub(crate) fn calls(image: &str) -> anyhow::Result<u8> {
    let image = find_or_build(image)?;
    let imports = &image.manifest().imports;
    let width = imports.iter().map(|signature| signature.to_string().len()).max().unwrap_or(0);
    let mut out = BufWriter::new(stdout().lock());
    let mut answered = 0;
    for signature in imports {
        let how = match bellglass_system::lookup(signature) {
            Some(row) => {
                answered += 1;
                row.note
            }
            None => "not answered: the guest gets ENOSYS",
        };
        writeln!(out, "{:width$}  {how}", signature.to_string())?;
    }
    writeln!(out, "{answered} of {} signatures are answered", imports.len())?;
    out.flush()?;
    Ok(0)
}
