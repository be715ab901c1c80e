//! The inner loop: what has changed, and the tests that it concerns most.

use crate::steps::{self, cargo, program, root, run};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Instant;

/// What a selection of packages of the two lists must have in it for its dependencies to
/// be built with the same features as for all tests, and so not to be built again: with the
/// compiler and without.
const ANCHORS: [&str; 2] = ["bellglass-cli", "bellglass-cell"];

/// What is tested by a change.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// Packages whose unit tests run.
    units: BTreeSet<String>,
    /// Programs of integration tests, by package and name, and the modules of each that
    /// run; all of it if there are none.
    tests: BTreeMap<(String, String), BTreeSet<String>>,
}

/// Runs the tests that what has changed concerns most, and one program in a process and
/// in a thread.
pub(crate) fn quick() -> Result<u8, String> {
    let begun = Instant::now();
    let (since, changed) = changed()?;
    let plan = plan(&changed);
    eprintln!("xtask: {} files have changed {since}", changed.len());
    steps::build()?;
    steps::build_image()?;
    units(&plan)?;
    tests(&plan)?;
    smoke()?;
    eprintln!(
        "xtask: passed in {} s: {}.\n\
         xtask: All other tests, in other crates too, were left out: `cargo xtask test` runs them.",
        begun.elapsed().as_secs(),
        plan.words()
    );
    Ok(0)
}

impl Plan {
    fn words(&self) -> String {
        let units = self.units.iter().map(|package| format!("the unit tests of {package}"));
        let tests = self.tests.iter().map(|((package, program), modules)| {
            let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
            format!(
                "{} of {package}",
                if modules.is_empty() { program.clone() } else { modules.join(" and ") }
            )
        });
        let smoke = "one program in a process and in a thread".to_owned();
        units.chain(tests).chain([smoke]).collect::<Vec<_>>().join(", ")
    }

    fn add_module(&mut self, package: &str, module: &str) {
        let program = (package.to_owned(), "main".to_owned());
        self.tests.entry(program).or_default().insert(module.to_owned());
    }

    fn add_program(&mut self, package: &str, program: &str) {
        self.tests.entry((package.to_owned(), program.to_owned())).or_default();
    }
}

/// The files that have changed since the last commit, those that git does not know yet
/// included; or, if there are none, those of the last commit. And in words, which.
fn changed() -> Result<(&'static str, Vec<String>), String> {
    let since = git(&["diff", "--name-only", "-z", "HEAD"])?;
    let new = git(&["ls-files", "--others", "--exclude-standard", "-z"])?;
    let changed = names(&(since + &new));
    if !changed.is_empty() {
        return Ok(("since the last commit", changed));
    }
    Ok(("in the last commit", names(&git(&["show", "--name-only", "--format=", "-z", "HEAD"])?)))
}

fn names(list: &str) -> Vec<String> {
    list.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn git(arguments: &[&str]) -> Result<String, String> {
    let why = "git must say what has changed: without it, run all tests or name a filter";
    let output = Command::new("git").args(arguments).current_dir(root()).output();
    let output = output.map_err(|error| format!("git cannot be started ({error}). {why}"))?;
    if !output.status.success() {
        return Err(format!("{}. {why}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Which tests these files concern.
fn plan(changed: &[String]) -> Plan {
    let mut plan = Plan::default();
    for file in changed {
        let parts: Vec<&str> = file.split('/').collect();
        match parts[..] {
            // The programs that `run` runs, and the suites that take minutes.
            ["crates", "cli", "tests", "programs", ..] => plan.add_module("bellglass-cli", "run"),
            ["crates", "cli", "tests", "suites", ..] => {}
            // What all tests share is tested by any of them; an index alone says nothing.
            ["crates", _, "tests", "main.rs" | "harness", ..] => {}
            // `tests/files.rs` and all below `tests/files` are the module `files`.
            ["crates", folder @ ("cli" | "testkit"), "tests", first, ..] => {
                plan.add_module(&package(folder), first.trim_end_matches(".rs"));
            }
            ["crates", folder, "tests", first, ..] => {
                plan.add_program(&package(folder), first.trim_end_matches(".rs"));
            }
            ["crates", "bellglass", "examples", ..] => plan.add_program("bellglass", "examples"),
            // It has no unit tests: what it does shows only from behind the walls.
            ["crates", "cage", "src", ..] => plan.add_module("bellglass-testkit", "walls"),
            ["crates", folder, "src", ..] => drop(plan.units.insert(package(folder))),
            ["crates", _, "Cargo.toml"] | ["Cargo.toml" | "Cargo.lock"] => {
                plan.add_module("bellglass-testkit", "architecture");
            }
            ["xtask", ..] => drop(plan.units.insert("xtask".to_owned())),
            // The recipes are part of what builds images.
            ["guests", ..] => drop(plan.units.insert(package("build"))),
            ["docs", ..] => plan.add_module("bellglass-cli", "documents"),
            [page] if page.ends_with(".md") => plan.add_module("bellglass-cli", "documents"),
            _ => {}
        }
    }
    plan
}

/// The package in a folder of `crates`.
fn package(folder: &str) -> String {
    if folder == "bellglass" { folder.to_owned() } else { format!("bellglass-{folder}") }
}

/// `cargo test` for some packages of one of the two lists.
fn cargo_test(packages: &[&str]) -> Command {
    let mut tests = cargo("test");
    tests.arg("--release");
    let [with, without] = ANCHORS;
    let anchor =
        if packages.iter().any(|package| steps::WITH_COMPILER.contains(package)) { with } else { without };
    // What depends on nothing needs none.
    let anchor = Some(anchor).filter(|anchor| packages != ["xtask"] && !packages.contains(anchor));
    for package in packages.iter().copied().chain(anchor) {
        tests.args(["--package", package]);
    }
    tests
}

fn units(plan: &Plan) -> Result<(), String> {
    for list in [&steps::WITHOUT_COMPILER[..], &steps::WITH_COMPILER[..]] {
        let wanted = list.iter().copied().filter(|package| plan.units.contains(*package));
        let (libraries, programs): (Vec<&str>, Vec<&str>) = wanted.partition(|package| has_library(package));
        for (packages, kind) in [(libraries, "--lib"), (programs, "--bins")] {
            if !packages.is_empty() {
                run(cargo_test(&packages).arg(kind))?;
            }
        }
    }
    Ok(())
}

/// Whether a package's unit tests are those of its library; else of its program.
fn has_library(package: &str) -> bool {
    root().join("crates").join(package.trim_start_matches("bellglass-")).join("src/lib.rs").is_file()
}

fn tests(plan: &Plan) -> Result<(), String> {
    for ((package, program), modules) in &plan.tests {
        if package == "bellglass" {
            // Its tests run the examples, which cargo builds only with all tests.
            run(cargo("build").args([
                "--release",
                "--examples",
                "--package",
                package,
                "--package",
                "bellglass-cli",
            ]))?;
        }
        let mut tests = cargo_test(&[package]);
        tests.args(["--test", program, "--"]);
        run(tests.args(modules.iter().map(|module| format!("{module}::"))))?;
    }
    Ok(())
}

/// Runs one program in a process and in a thread: nothing else shows so soon that the
/// command, the cell and the image fit together.
fn smoke() -> Result<(), String> {
    let code = "import os; print(sorted(os.listdir('/')), 6 * 7)";
    for isolation in ["process", "thread"] {
        let mut command = Command::new(program("bellglass"));
        command.args(["run", "--isolation", isolation, "-c", code]);
        let output = command.output().map_err(|error| format!("{command:?} cannot be started: {error}"))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !printed.trim_end().ends_with("] 42") {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{command:?} failed ({}): {printed}{complaint}", output.status));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_concerns_its_crate_and_the_tests_in_its_file() {
        for (files, units, tests) in [
            (&["crates/system/src/clock.rs"][..], &["bellglass-system"][..], &[][..]),
            (&["crates/bellglass/src/pool.rs", "xtask/src/main.rs"], &["bellglass", "xtask"], &[]),
            (&["guests/lua/recipe-5.4.7.toml"], &["bellglass-build"], &[]),
            (&["crates/cli/tests/files.rs"], &[], &["bellglass-cli main files"]),
            (&["crates/cli/tests/programs/files/trees.py"], &[], &["bellglass-cli main run"]),
            (&["crates/cli/tests/harness/mod.rs", "crates/cli/tests/main.rs"], &[], &[]),
            (&["README.md", "docs/files.md"], &[], &["bellglass-cli main documents"]),
            (&["crates/cage/src/filter.rs"], &[], &["bellglass-testkit main walls"]),
            (&["crates/pack/Cargo.toml", "Cargo.lock"], &[], &["bellglass-testkit main architecture"]),
            (&["crates/bellglass/examples/web.rs"], &[], &["bellglass examples "]),
            (&["crates/wire/tests/golden.rs"], &[], &["bellglass-wire golden "]),
            (&["rustfmt.toml", ".ci/run", "benches/run.py"], &[], &[]),
        ] {
            let plan = plan(&files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>());
            assert_eq!(plan.units.iter().collect::<Vec<_>>(), units, "{files:?}");
            let planned: Vec<String> = plan
                .tests
                .iter()
                .map(|((package, program), modules)| {
                    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
                    format!("{package} {program} {}", modules.join(" "))
                })
                .collect();
            assert_eq!(planned, tests, "{files:?}");
        }
    }

    #[test]
    fn every_crate_is_in_one_of_the_two_lists() {
        let folders = std::fs::read_dir(root().join("crates")).expect("the crates");
        for folder in folders.flatten() {
            let name = package(&folder.file_name().to_string_lossy());
            let lists = steps::WITH_COMPILER.iter().chain(&steps::WITHOUT_COMPILER);
            let count = lists.filter(|package| **package == name).count();
            // The cage has no tests of its own.
            assert_eq!(count, usize::from(name != "bellglass-cage"), "{name}");
        }
    }
}
