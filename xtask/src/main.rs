//! The one door to the workspace: `cargo xtask --help` lists what it does, and
//! `cargo xtask VERB --help` says more of each.
//!
//! It depends on nothing, so that it is there in a second on a fresh machine.

mod deny;
mod fuzz;
mod quick;
mod sanitize;
mod steps;
mod tools;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match verbs::run(&words) {
        Ok(code) => ExitCode::from(code),
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
