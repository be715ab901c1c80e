//! Tools of the Rust world that are installed for the project alone.

use crate::steps::{cargo, run};
use std::ffi::OsString;
use std::path::PathBuf;

/// The program of this package in this version, which is compiled the first time.
pub(crate) fn installed(name: &str, version: &str) -> Result<PathBuf, String> {
    let folder = cache()?.join("tools").join(format!("{name}-{version}"));
    let program = folder.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    if !program.is_file() {
        eprintln!("xtask: compiling {name} {version}, once: this takes some minutes");
        // Without optimisation it is there in a fraction of the time, and does no less.
        run(cargo("install")
            .args(["--locked", "--debug", "--version", &format!("={version}"), "--root"])
            .arg(&folder)
            .arg(name)
            .env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    }
    Ok(program)
}

/// The folder for caches: the same as the command's.
fn cache() -> Result<PathBuf, String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let below =
        |name: &str, rest: &str| variable(name).map(|folder: OsString| PathBuf::from(folder).join(rest));
    variable("BELLGLASS_CACHE")
        .map(PathBuf::from)
        .or_else(|| below("XDG_CACHE_HOME", "bellglass"))
        .or_else(|| below("HOME", ".cache/bellglass"))
        .ok_or_else(|| "there is no folder for caches: set HOME or BELLGLASS_CACHE".to_owned())
}
