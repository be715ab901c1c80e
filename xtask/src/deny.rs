//! What the project depends on, checked by cargo-deny.

use crate::steps::{none, root, run};
use crate::tools::installed;
use std::path::Path;
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
    let program = installed("cargo-deny", VERSION)?;
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
