//! The one door to the workspace.
//!
//! ```text
//! cargo bellglass ARGS...     build what is missing, then run the bellglass command
//! cargo xtask test [FILTER]   build what is missing, then run all tests
//! cargo xtask regrtest [...]  run CPython's own test suite in cells (--help says more)
//! cargo xtask interpreters [NAME...] [--document]   run other interpreters' own tests in cells
//! cargo xtask lint            formatting, clippy, documentation, dependencies
//! cargo xtask docs            write the generated parts of docs/ again
//! cargo xtask bench           run the benches
//! cargo xtask fuzz [TARGET] [SECONDS]   run one fuzz target, or all
//! ```
//!
//! It depends on nothing, so that it is there in a second on a fresh machine.

mod fuzz;
mod steps;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = words.split_first() else {
        eprintln!(
            "xtask: say what to do: bellglass, test, regrtest, interpreters, lint, docs, bench or fuzz"
        );
        return ExitCode::from(2);
    };
    let outcome = match verb.as_str() {
        "bellglass" => steps::bellglass(rest),
        "test" => steps::test(rest),
        "regrtest" => steps::regrtest(rest),
        "interpreters" => steps::interpreters(rest),
        "lint" => steps::lint(),
        "docs" => steps::docs(),
        "bench" => steps::bench(rest),
        "fuzz" => fuzz::fuzz(rest),
        _ => Err(format!(
            "there is no '{verb}': say bellglass, test, regrtest, interpreters, lint, docs, bench or fuzz"
        )),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}
