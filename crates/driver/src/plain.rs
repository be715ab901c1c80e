//! Tools that read or change a linked program: they are shown the module without
//! the line before it, and the line is put back.

use crate::kit::{code_of, status};
use crate::{DriverError, Kit, launcher, linked};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a tool does to the files that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// Changes the first, or writes what becomes of it to another.
    InPlace,
}

/// Runs one of LLVM's programs on files among which may be linked programs.
pub(crate) fn run(
    name: &str,
    arguments: Vec<OsString>,
    kit: &Kit,
    change: Change,
) -> Result<u8, DriverError> {
    let mut folder = None;
    let mut words = Vec::new();
    let mut programs: Vec<(PathBuf, PathBuf, Vec<u8>)> = Vec::new();
    for word in arguments {
        match head_of(Path::new(&word)) {
            None => words.push(word),
            Some((head, module)) => {
                let folder = match &folder {
                    Some(folder) => folder,
                    None => folder.insert(
                        tempfile::tempdir()
                            .map_err(DriverError::io("make a folder in", std::env::temp_dir()))?,
                    ),
                };
                let path = PathBuf::from(&word);
                let own = folder.path().join(programs.len().to_string());
                std::fs::create_dir(&own).map_err(DriverError::io("make", &own))?;
                // Under its own name, which tools print.
                let copy = own.join(path.file_name().unwrap_or(path.as_os_str()));
                std::fs::write(&copy, module).map_err(DriverError::io("write", &copy))?;
                words.push(copy.clone().into_os_string());
                programs.push((path, copy, head));
            }
        }
    }
    if programs.is_empty() {
        return kit.run(name, words);
    }
    let output = (change == Change::InPlace).then(|| output_of(&words)).flatten();
    let code = status(kit.command(name).args(&words)).map(code_of)?;
    if code != 0 || change == Change::Nothing {
        return Ok(code);
    }
    for (path, copy, head) in &programs {
        let from = output.as_deref().unwrap_or(copy);
        let module = std::fs::read(from).map_err(DriverError::io("read", from))?;
        let to = output.as_deref().unwrap_or(path);
        if launcher::module_offset(&module) == Some(0) {
            linked::write(to, head, &module).map_err(DriverError::io("write", to))?;
        }
    }
    Ok(0)
}

/// The launcher's line of a linked program, and its module.
fn head_of(path: &Path) -> Option<(Vec<u8>, Vec<u8>)> {
    let name = path.as_os_str().as_encoded_bytes();
    if name.starts_with(b"-") || !path.is_file() {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    match launcher::module_offset(&bytes) {
        None | Some(0) => None,
        Some(offset) => Some((bytes[..offset].to_vec(), bytes[offset..].to_vec())),
    }
}

/// Where such a tool writes, if not into the file itself: after `-o`, or the
/// second file of objcopy.
fn output_of(words: &[OsString]) -> Option<PathBuf> {
    if let Some(at) = words.iter().position(|word| word == "-o") {
        return words.get(at + 1).map(PathBuf::from);
    }
    let files: Vec<&OsString> =
        words.iter().filter(|word| !word.as_encoded_bytes().starts_with(b"-")).collect();
    match files[..] {
        [_, output] if !Path::new(output).exists() => Some(PathBuf::from(output)),
        _ => None,
    }
}
