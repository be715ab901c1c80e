//! What the project depends on, checked by cargo-deny.

use crate::steps::{cargo, none, root, run};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version that deny.toml was written for.
const VERSION: &str = "0.20.2";

/// What must be so with and without a network.
const CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

/// Says whether a check of advisories that cannot be made is a failure.
const ADVISORIES_VARIABLE: &str = "BELLGLASS_ADVISORIES";

/// Checks licences, bans and sources, and the advisories if their database can be had.
pub(crate) fn deny(arguments: &[String]) -> Result<u8, String> {
    none("deny", arguments)?;
    let program = program()?;
    run(checker(&program).arg("check").args(CHECKS))?;
    // Apart from the check, so that a hole is not taken for a network that is not there.
    match run(checker(&program).args(["fetch", "db"])) {
        Ok(()) => run(checker(&program).args(["check", "--disable-fetch", "advisories"])).map(|()| 0),
        Err(reason) if std::env::var_os(ADVISORIES_VARIABLE).is_some_and(|value| value == "required") => {
            Err(format!("the advisories could not be checked: their database cannot be fetched ({reason})"))
        }
        Err(_) => {
            // The first line is looked for by .ci/run.
            eprintln!(
                "\nxtask: SKIPPED: the check of advisories. Their database cannot be fetched from here.\n\
                 xtask: Nothing is known of holes in what the project depends on. Run `cargo xtask deny`\n\
                 xtask: where the network allows it; with {ADVISORIES_VARIABLE}=required this is a failure.\n"
            );
            Ok(0)
        }
    }
}

fn checker(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).args(["--workspace", "--locked"]);
    command
}

/// cargo-deny, which is compiled the first time.
fn program() -> Result<PathBuf, String> {
    let folder = cache()?.join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny").with_extension(std::env::consts::EXE_EXTENSION);
    if !program.is_file() {
        eprintln!("xtask: compiling cargo-deny {VERSION}, once: this takes some minutes");
        // Without optimisation it is there in a fraction of the time, and a check is as short.
        run(cargo("install")
            .args(["--locked", "--debug", "--version", &format!("={VERSION}"), "--root"])
            .arg(&folder)
            .arg("cargo-deny")
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
