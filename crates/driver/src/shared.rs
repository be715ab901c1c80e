//! Shared libraries. A guest loads none, so a shared library becomes a static
//! one under its own name: what is linked with it later gets its functions all
//! the same.

use crate::{DriverError, compiler};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

/// Makes a static library of what a shared one was to be made of.
pub(crate) fn make(mut command: Command, words: Vec<OsString>, output: &Path) -> Result<u8, DriverError> {
    command.args(["-r", "-nostdlib"]);
    make_with(command, words, output)
}

/// The same, with a command that joins objects.
pub(crate) fn make_with(
    mut command: Command,
    words: Vec<OsString>,
    output: &Path,
) -> Result<u8, DriverError> {
    // The libraries that it needs are linked into the program, and not here too.
    let own = words.into_iter().filter(|word| !word.as_bytes().starts_with(b"-l"));
    let own: Vec<OsString> = own.collect();
    let folder = tempfile::tempdir().map_err(DriverError::io("make a folder in", std::env::temp_dir()))?;
    let name = output.file_name().unwrap_or(output.as_os_str());
    let object = folder.path().join("joined.o");
    command.arg("-o").arg(&object);
    let code = compiler::finish(&mut command, &own)?;
    if code != 0 {
        return Ok(code);
    }
    eprintln!(
        "bellglass: note: {} becomes a static library, for a guest loads no shared ones",
        output.display()
    );
    let mut bytes = File::open(&object).map_err(DriverError::io("read", &object))?;
    let mut member = name.as_bytes().to_vec();
    member.extend_from_slice(b".o");
    let mut write = || {
        // A library that is a link to another one is replaced, not written to.
        let _ = std::fs::remove_file(output);
        ar::Builder::new(File::create(output)?).append_file(&member, &mut bytes)
    };
    write().map_err(DriverError::io("write", output))?;
    Ok(0)
}
