//! What comes of a link: an executable, or a plain module.

use crate::kit::{code_of, status};
use crate::options::{LinkerMeaning, linker_meaning};
use crate::{DriverError, Kit, exceptions, interrupts, launcher, response, roots, shared};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use wasmparser::{Parser, Payload};

/// Lets `link` write a module to the path that it is given, and makes of it what
/// belongs at `output`. Gives the linker's exit code.
pub(crate) fn make(
    output: &Path,
    program: &Path,
    with_roots: bool,
    link: impl FnOnce(&Path) -> Result<u8, DriverError>,
) -> Result<u8, DriverError> {
    // A device, such as /dev/null, has no room for a file beside it.
    let is_device = output.metadata().is_ok_and(|metadata| !metadata.is_file());
    let folder = match output.parent() {
        _ if is_device => std::env::temp_dir(),
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let temporary = tempfile::Builder::new().prefix(".bellglass-link-").suffix(".wasm").tempfile_in(&folder);
    let temporary = temporary.map_err(DriverError::io("write a file in", &folder))?.into_temp_path();
    let code = link(&temporary)?;
    if code != 0 {
        return Ok(code);
    }
    let linked = fs::read(&temporary).map_err(DriverError::io("read", &*temporary))?;
    let translated = exceptions::translate(&linked)
        .map_err(|source| DriverError::Translate { path: output.to_owned(), source })?;
    let mut module = translated.unwrap_or(linked);
    if with_roots {
        module = roots::keep_roots(&module)
            .map_err(|source| DriverError::Roots { path: output.to_owned(), source })?;
    }
    // Last: what it adds calls nothing that a collector of garbage would have to see.
    if let Some(looking) = interrupts::look_in_loops(&module)
        .map_err(|source| DriverError::Interrupts { path: output.to_owned(), source })?
    {
        module = looking;
    }
    if !is_device {
        let head = if is_program(&module) { launcher::head(program) } else { Vec::new() };
        write(output, &head, &module).map_err(DriverError::io("write", output))?;
    }
    Ok(0)
}

/// Whether a module is a program rather than a library of exports.
fn is_program(module: &[u8]) -> bool {
    for payload in Parser::new(0).parse_all(module) {
        match payload {
            Ok(Payload::ExportSection(exports)) => {
                return exports.into_iter().flatten().any(|export| export.name == "_start");
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

/// Replaces the file, with the rights that a program has.
pub(crate) fn write(path: &Path, head: &[u8], module: &[u8]) -> std::io::Result<()> {
    // One that runs keeps its own bytes.
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if !head.is_empty() {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o777);
    }
    let mut file = options.open(path)?;
    file.write_all(head)?;
    file.write_all(module)
}

/// `ld`: the linker by itself.
pub(crate) fn run_linker(arguments: Vec<OsString>, kit: &Kit, program: &Path) -> Result<u8, DriverError> {
    let mut words: Vec<OsString> = Vec::new();
    let mut output = PathBuf::from("a.out");
    let (mut is_shared, mut is_relocatable) = (false, false);
    let mut rest = response::expand(arguments)?.into_iter().peekable();
    while let Some(word) = rest.next() {
        let text = word.to_string_lossy().into_owned();
        let next = rest.peek().map(|next| next.to_string_lossy().into_owned());
        if text == "-o" {
            let path = rest.next().ok_or(DriverError::Lacks { option: text })?;
            output = PathBuf::from(path);
            continue;
        }
        match linker_meaning(&text, next.as_deref()) {
            LinkerMeaning::Shared => is_shared = true,
            LinkerMeaning::Relocatable => is_relocatable = true,
            LinkerMeaning::Nothing(more) => rest.by_ref().take(more).for_each(drop),
            LinkerMeaning::StackSize(more) | LinkerMeaning::Linker(more) => {
                words.push(word);
                words.extend(rest.by_ref().take(more));
            }
        }
    }
    let mut command = kit.command("wasm-ld");
    if is_shared {
        command.args(["-r"]);
        return shared::make_with(command, words, &output);
    }
    if is_relocatable {
        command.arg("-r").args(words).arg("-o").arg(output);
        return kit.replace(command);
    }
    command.args(words);
    make(&output, program, false, |temporary| status(command.arg("-o").arg(temporary)).map(code_of))
}
