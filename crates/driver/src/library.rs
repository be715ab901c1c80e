//! Making the static libraries of our own sysroot.

use crate::kit::{code_of, status};
use crate::{DriverError, Kit, Tool, compiler};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

/// Compiles each of `sources` with `flags` and makes the library `output` of
/// what comes out. The objects go to the folder `objects`.
///
/// # Errors
/// [`DriverError`] if the toolchain cannot be run. Gives an exit code other than
/// 0 if the compiler finds a mistake, which it has then printed.
pub fn make_library(
    kit: &Kit,
    sources: &[PathBuf],
    flags: &[&str],
    objects: &Path,
    output: &Path,
) -> Result<u8, DriverError> {
    fs::create_dir_all(objects).map_err(DriverError::io("make", objects))?;
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let mut made: Vec<OsString> = Vec::new();
    for group in sources.chunks(at_once) {
        let mut running: Vec<Child> = Vec::new();
        for source in group {
            let name = source.file_stem().unwrap_or(source.as_os_str());
            let object = objects.join(name).with_extension("o");
            let mut command = compiler::clang(Tool::Cc, kit);
            command.args(flags).arg("-c").arg(source).arg("-o").arg(&object);
            let program = PathBuf::from(command.get_program());
            running.push(command.spawn().map_err(|source| DriverError::Start { program, source })?);
            made.push(object.into());
        }
        for mut child in running {
            let code =
                child.wait().map(code_of).map_err(DriverError::io("wait for", kit.program("clang")))?;
            if code != 0 {
                return Ok(code);
            }
        }
    }
    status(kit.command("llvm-ar").arg("rcs").arg(output).args(made)).map(code_of)
}

/// Writes the static library `from` to `output` without one of its members.
///
/// # Errors
/// [`DriverError`] if it cannot be read or written, or the toolchain cannot be
/// run. Gives an exit code other than 0 if there is no such member.
pub fn library_without(kit: &Kit, from: &Path, member: &str, output: &Path) -> Result<u8, DriverError> {
    fs::copy(from, output).map_err(DriverError::io("copy", from))?;
    status(kit.command("llvm-ar").arg("d").arg(output).arg(member)).map(code_of)
}
