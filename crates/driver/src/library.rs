//! Making the static libraries that programs are linked with.

use crate::kit::{code_of, status};
use crate::{DriverError, Kit, Tool, compiler};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// One file to compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The source.
    pub source: PathBuf,
    /// Where its object goes; the folder is there.
    pub output: PathBuf,
}

/// Compiles each of these with `flags`, as many at once as there are processors.
///
/// # Errors
/// [`DriverError`] if the toolchain cannot be run. Gives an exit code other than
/// 0 if the compiler finds a mistake, which it has then printed.
pub fn make_objects(
    kit: &Kit,
    objects: &[Object],
    flags: &[impl AsRef<OsStr> + Sync],
) -> Result<u8, DriverError> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(objects.iter());
    let next = || left.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let work = || {
        while let Some(Object { source, output }) = next() {
            let mut command = compiler::clang(Tool::Cc, kit);
            command.args(flags).arg("-c").arg(source).arg("-o").arg(output);
            let code = status(&mut command).map(code_of);
            if !matches!(code, Ok(0)) {
                // The others need not go on.
                left.lock().unwrap_or_else(std::sync::PoisonError::into_inner).by_ref().for_each(drop);
                return code;
            }
        }
        Ok(0)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        let mut result = Ok(0);
        for worker in workers {
            let code = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if !matches!(code, Ok(0)) {
                result = code;
            }
        }
        result
    })
}

/// Makes a static library of objects.
///
/// # Errors
/// [`DriverError`] if the toolchain cannot be run.
pub fn make_library(kit: &Kit, members: &[PathBuf], output: &Path) -> Result<u8, DriverError> {
    status(kit.command("llvm-ar").arg("rcs").arg(output).args(members)).map(code_of)
}
