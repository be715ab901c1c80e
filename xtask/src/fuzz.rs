//! Fuzzing: each target of fuzz/fuzz_targets, for some seconds, by cargo-fuzz.

use crate::steps::{cargo, root, run, target};
use crate::tools::installed;
use std::path::Path;
use std::process::{Command, Stdio};

/// How long a target runs if nothing is said.
const SECONDS: &str = "30";

/// Bytes of the longest input that is tried. Every cap that matters more than its
/// arithmetic is met by then.
const INPUT_BYTES: usize = 8192;

/// The version that the arguments below were written for.
const VERSION: &str = "0.13.2";

/// Runs `[TARGET|all] [SECONDS]`. What is found on the way goes below `target`;
/// the inputs to start from are those of `fuzz/corpus`.
pub(crate) fn fuzz(arguments: &[String]) -> Result<u8, String> {
    let is_number = |word: &&String| word.parse::<u64>().is_ok();
    let seconds = arguments.iter().find(is_number).map_or(SECONDS, String::as_str);
    let wanted = arguments.iter().find(|word| !is_number(word)).map_or("all", String::as_str);
    let targets = targets()?;
    if wanted != "all" && !targets.iter().any(|target| target == wanted) {
        return Err(format!("there is no fuzz target '{wanted}': say all or one of {}", targets.join(", ")));
    }
    let fuzzer = installed("cargo-fuzz", VERSION)?;
    // It has no --locked of its own.
    let metadata = ["--locked", "--format-version", "1", "--manifest-path", "fuzz/Cargo.toml"];
    run(cargo("metadata").args(metadata).stdout(Stdio::null()))?;
    for name in targets.iter().filter(|name| wanted == "all" || *name == wanted) {
        one(&fuzzer, name, seconds)?;
    }
    Ok(0)
}

fn targets() -> Result<Vec<String>, String> {
    let folder = root().join("fuzz/fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = files.flatten().filter_map(|file| name(&file.path())).collect();
    names.sort();
    Ok(names)
}

fn one(fuzzer: &Path, name: &str, seconds: &str) -> Result<(), String> {
    eprintln!("xtask: fuzzing {name} for {seconds} s");
    let found = target().join("fuzz/found").join(name);
    let seeds = root().join("fuzz/corpus").join(name);
    // What a target makes once for all inputs is there until it ends, however it ends.
    let temporary = target().join("fuzz/temporary");
    for folder in [&found, &seeds, &temporary] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut fuzzer = Command::new(fuzzer);
    fuzzer
        .current_dir(root())
        .args(["run", "--fuzz-dir", "fuzz", "--release"])
        // The targets judge memory by an allocator of their own.
        .args(["--sanitizer", "none"])
        .arg("--target-dir")
        .arg(target().join("fuzz"))
        .arg(name)
        .args([found, seeds])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES}"))
        // An input that takes ten seconds, or a gigabyte, is a failure too.
        .args(["-timeout=10", "-rss_limit_mb=1024", "-print_funcs=0", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/failure-{name}-", target().join("fuzz").display()))
        // A stable compiler has the coverage that is asked for, and does not offer it.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("TMPDIR", &temporary);
    let outcome = run(&mut fuzzer).map_err(|error| format!("the target {name} failed: {error}"));
    std::fs::remove_dir_all(&temporary).map_err(|error| format!("{}: {error}", temporary.display()))?;
    outcome
}
