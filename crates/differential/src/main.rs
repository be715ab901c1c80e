//! Runs the same programs natively and in cells, and compares all that they show: the kernel
//! of this machine is what tells how Linux behaves.
//!
//! The programs are in `programs/`: each does random sequences of operations, drawn from a
//! seed, of one subject. Natively they are linked with the C library that guests have, built
//! for this machine from the same source, so that only what is below it differs.
#![forbid(unsafe_code)]

mod arguments;
mod cell;
mod compare;
mod family;
mod native;
mod shrink;
mod side;
mod suite;
mod summary;

use anyhow::bail;
use arguments::{Arguments, Task};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Programs(programs) => run_programs(&programs),
        Task::Suite(suite) => suite::run(&suite),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("differential: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing differs.
fn run_programs(arguments: &arguments::Programs) -> anyhow::Result<bool> {
    let families = family::chosen(&arguments.families)?;
    if arguments.jobs == 0 || arguments.sequences == 0 {
        bail!("there must be at least one job and one sequence");
    }
    let mut equal = true;
    let toolbox = native::Toolbox::prepare()?;
    for family in families {
        let Some(sides) = compare::Sides::prepare(family, &toolbox, arguments)? else { continue };
        let found = compare::compare(&sides, arguments)?;
        equal &= found.is_empty();
        summary::print(family, arguments, &sides, &found)?;
    }
    Ok(equal)
}
