//! What each verb does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates whose tests need no compiler. They are tested apart from the others:
/// cargo gives all crates of one build the same features, and a cell that is
/// built together with the image builder would have a compiler in it.
pub(crate) const WITHOUT_COMPILER: [&str; 8] = [
    "xtask",
    "bellglass-wire",
    "bellglass-channel",
    "bellglass-fork",
    "bellglass-pack",
    "bellglass-image",
    "bellglass-system",
    "bellglass-cell",
];

/// Crates whose tests compile guests, or use the command that can.
pub(crate) const WITH_COMPILER: [&str; 8] = [
    "bellglass-engine",
    "bellglass-driver",
    "bellglass-build",
    "bellglass",
    "bellglass-regrtest",
    "bellglass-differential",
    "bellglass-testkit",
    "bellglass-cli",
];

/// Builds the command and the cell, and runs the command.
pub(crate) fn bellglass(arguments: &[String]) -> Result<u8, String> {
    build()?;
    let mut command = Command::new(program("bellglass"));
    command.args(arguments);
    replace(command)
}

/// Builds all that the tests need, and runs them, or with `--quick` those that what has
/// changed concerns most.
pub(crate) fn test(words: &[String]) -> Result<u8, String> {
    if words.iter().any(|word| word == "--quick") {
        return match words.len() {
            1 => crate::quick::quick(),
            _ => Err("--quick chooses the tests by what has changed: give it alone".to_owned()),
        };
    }
    // The test programs are given the words after `--` in any case.
    let filter: Vec<&String> = words.iter().filter(|word| *word != "--").collect();
    build()?;
    build_image()?;
    for crates in [&WITHOUT_COMPILER[..], &WITH_COMPILER[..]] {
        run(tests_of(crates).arg("--").args(&filter))?;
    }
    if filter.is_empty() {
        run(&mut regrtest_command(&["--sample".to_owned()])?)?;
        let words = ["--sequences".to_owned(), SEQUENCES.to_string()];
        run(&mut differential_command("programs", &words)?)?;
        // The own tests of the one that is built in seconds and needs no other source.
        run(&mut interpreters_command(&["quickjs".to_owned()]))?;
    }
    Ok(0)
}

/// Builds the image that the tests run, if it is not there.
pub(crate) fn build_image() -> Result<(), String> {
    run(Command::new(program("bellglass")).args(["image", "build", "python"]))
}

/// The tests of one of the two lists. The whole list is named, so that each dependency
/// is built with the same features whatever of them then runs.
fn tests_of(crates: &[&str]) -> Command {
    let mut tests = cargo("test");
    tests.arg("--release");
    for name in crates {
        tests.args(["--package", name]);
    }
    if crates == WITH_COMPILER {
        tests.args(["--features", "bellglass-engine/compiler"]);
    }
    tests
}

/// Runs CPython's own test suite in cells; all of it takes about an hour.
pub(crate) fn regrtest(arguments: &[String]) -> Result<u8, String> {
    build()?;
    replace(regrtest_command(arguments)?)
}

fn regrtest_command(arguments: &[String]) -> Result<Command, String> {
    build_program("bellglass-regrtest", "regrtest")?;
    let mut command = Command::new(program("regrtest"));
    // Its default paths are the workspace's.
    command.args(arguments).current_dir(root());
    Ok(command)
}

/// Sequences of each family in a run of all tests.
const SEQUENCES: u32 = 200;

/// Compares random sequences of operations natively and in cells.
pub(crate) fn differential(arguments: &[String]) -> Result<u8, String> {
    build()?;
    replace(differential_command("programs", arguments)?)
}

/// Runs the POSIX test suite natively and in cells; takes about half an hour.
pub(crate) fn linux_tests(arguments: &[String]) -> Result<u8, String> {
    build()?;
    replace(differential_command("suite", arguments)?)
}

fn differential_command(task: &str, arguments: &[String]) -> Result<Command, String> {
    build_program("bellglass-differential", "differential")?;
    let mut command = Command::new(program("differential"));
    command.arg(task).args(arguments);
    Ok(command)
}

/// Runs the own tests of the other interpreters in cells; takes some minutes.
pub(crate) fn interpreters(arguments: &[String]) -> Result<u8, String> {
    build()?;
    replace(interpreters_command(arguments))
}

fn interpreters_command(arguments: &[String]) -> Command {
    let mut command = Command::new("python3");
    command.arg(root().join("crates/cli/tests/suites/suites.py"));
    command.arg("--bellglass").arg(program("bellglass")).args(arguments);
    command
}

/// What a reviewer would otherwise have to look for.
pub(crate) fn lint(arguments: &[String]) -> Result<u8, String> {
    none("lint", arguments)?;
    run(cargo("fmt").args(["--all", "--check"]))?;
    run(cargo("clippy").args(["--workspace", "--all-targets", "--release", "--", "-D", "warnings"]))?;
    run(cargo("doc").args(["--workspace", "--no-deps", "--release"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(0)
}

/// Writes the generated parts of the documentation again; a test compares them.
pub(crate) fn docs(arguments: &[String]) -> Result<u8, String> {
    none("docs", arguments)?;
    build()?;
    run(cargo("test")
        .args(["--release", "--package", "bellglass-cli", "--test", "main", "--", "stdlib"])
        .env("BLESS", "1"))?;
    Ok(0)
}

/// Measures; it never judges.
pub(crate) fn bench(arguments: &[String]) -> Result<u8, String> {
    build()?;
    // With the command, so that both come of the same crates.
    let mut benches = cargo("build");
    run(benches.args([
        "--release",
        "--locked",
        "--package",
        "bellglass-cli",
        "--package",
        "bellglass-benches",
    ]))?;
    build_image()?;
    let mut command = Command::new("python3");
    command.arg(root().join("benches/run.py"));
    command.arg("--bellglass").arg(program("bellglass")).arg("--measure").arg(program("measure"));
    command.args(arguments);
    replace(command)
}

/// Words that a verb does not know are not left unread.
pub(crate) fn none(verb: &str, arguments: &[String]) -> Result<(), String> {
    match arguments.first() {
        None => Ok(()),
        Some(word) => Err(format!("'{verb}' takes no arguments, and was given '{word}'")),
    }
}

/// Minutes of a soak if nothing is said.
const SOAK_MINUTES: u64 = 30;

/// Runs good and hostile guests in one controller with limits of its own.
pub(crate) fn soak(arguments: &[String]) -> Result<u8, String> {
    let minutes = match arguments.first() {
        None => SOAK_MINUTES,
        Some(word) => word.parse().map_err(|_| format!("'{word}' is no number of minutes"))?,
    };
    build()?;
    build_image()?;
    build_program("bellglass-testkit", "soak")?;
    let mut command = Command::new(program("soak"));
    command.arg((minutes * 60).to_string()).args(arguments.iter().skip(1));
    replace(command)
}

/// The cell and the command are two builds: see [`WITHOUT_COMPILER`].
pub(crate) fn build() -> Result<(), String> {
    for (package, binary) in [("bellglass-cell", "bellglass-cell"), ("bellglass-cli", "bellglass")] {
        build_program(package, binary)?;
    }
    Ok(())
}

fn build_program(package: &str, binary: &str) -> Result<(), String> {
    let mut build = cargo("build");
    build.args(["--release", "--locked", "--package", package]);
    // The first build takes minutes and shows its progress; later ones are
    // between a user and what they typed.
    if program(binary).exists() {
        build.arg("--quiet");
    }
    run(&mut build)
}

pub(crate) fn cargo(verb: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(verb).current_dir(root());
    command
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} failed ({status})")) }
}

/// Runs a command in this one's place, so that signals and the exit code are its
/// own.
fn replace(mut command: Command) -> Result<u8, String> {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        let error = command.exec();
        Err(format!("{command:?} cannot be started: {error}"))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(|error| format!("{command:?} cannot be started: {error}"))?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

pub(crate) fn program(name: &str) -> PathBuf {
    target().join("release").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}
