use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The arrows of ARCHITECTURE.md: what each crate may use, and nothing else.
const ARROWS: [(&str, &[&str]); 18] = [
    ("bellglass-channel", &[]),
    ("bellglass-fork", &[]),
    ("bellglass-wire", &[]),
    ("bellglass-pack", &[]),
    ("bellglass-image", &["bellglass-wire"]),
    ("bellglass-engine", &["bellglass-wire"]),
    ("bellglass-cage", &["bellglass-wire"]),
    (
        "bellglass-cell",
        &["bellglass-channel", "bellglass-fork", "bellglass-wire", "bellglass-cage", "bellglass-engine"],
    ),
    ("bellglass-system", &["bellglass-fork", "bellglass-wire", "bellglass-pack"]),
    (
        "bellglass",
        &[
            "bellglass-channel",
            "bellglass-fork",
            "bellglass-wire",
            "bellglass-image",
            "bellglass-pack",
            "bellglass-system",
            "bellglass-engine",
        ],
    ),
    ("bellglass-driver", &[]),
    (
        "bellglass-build",
        &[
            "bellglass",
            "bellglass-wire",
            "bellglass-cage",
            "bellglass-fork",
            "bellglass-image",
            "bellglass-pack",
            "bellglass-engine",
            "bellglass-system",
            "bellglass-driver",
        ],
    ),
    ("bellglass-cli", &["bellglass", "bellglass-build", "bellglass-driver"]),
    (
        "bellglass-testkit",
        &[
            "bellglass",
            "bellglass-wire",
            "bellglass-cage",
            "bellglass-cell",
            "bellglass-image",
            "bellglass-pack",
            "bellglass-engine",
        ],
    ),
    ("bellglass-benches", &["bellglass"]),
    ("bellglass-regrtest", &["bellglass", "bellglass-build"]),
    ("bellglass-differential", &["bellglass", "bellglass-build"]),
    ("xtask", &[]),
];

/// What other platforms would need is not what is shipped.
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("crates/testkit is two folders down").to_owned()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn packages(metadata: &Value) -> Vec<&Value> {
    metadata["packages"].as_array().expect("a list").iter().collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or("")
}

#[test]
fn the_crates_use_each_other_as_the_map_says() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let ours: Vec<&Value> =
        packages(&metadata).into_iter().filter(|package| package["source"].is_null()).collect();
    assert_eq!(ours.len(), ARROWS.len(), "each crate of the workspace has its row");
    for package in ours {
        let name = text(package, "name");
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} has no row"));
        for dependency in package["dependencies"].as_array().expect("a list") {
            // What tests use does not shape the house.
            let used = text(dependency, "name");
            if dependency["kind"].is_null() && (used.starts_with("bellglass") || used == "xtask") {
                assert!(may.contains(&used), "{name} may not use {used}");
            }
        }
    }
}

#[test]
fn only_the_rooms_with_a_reason_have_unsafe_code() {
    let forbids = |file: &str| {
        let text = std::fs::read_to_string(root().join(file)).expect(file);
        text.contains("#![forbid(unsafe_code)]")
    };
    for (room, file) in [
        ("wire", "lib.rs"),
        ("pack", "lib.rs"),
        ("image", "lib.rs"),
        ("system", "lib.rs"),
        ("bellglass", "lib.rs"),
        ("build", "lib.rs"),
        ("driver", "lib.rs"),
        ("cli", "main.rs"),
        ("regrtest", "main.rs"),
        ("differential", "main.rs"),
    ] {
        assert!(forbids(&format!("crates/{room}/src/{file}")), "{room} must forbid unsafe code");
    }
}

#[test]
fn the_cell_has_no_compiler_and_no_call_in_it() {
    let cell =
        std::env::current_exe().expect("a path").ancestors().nth(2).expect("a folder").join("bellglass-cell");
    let program = std::fs::read(&cell)
        .unwrap_or_else(|error| panic!("{}: {error}: run the tests with `cargo xtask test`", cell.display()));
    let contains = |needle: &[u8]| program.windows(needle.len()).any(|window| window == needle);
    for word in ["fd_write", "path_open", "wasi_snapshot", "proc_exit", "socketpair"] {
        assert!(!contains(word.as_bytes()), "the cell knows of {word}");
    }
    assert!(!contains(b"cranelift_codegen"), "the cell has a compiler in it");
}

/// What of the machine the system may touch only where its port is implemented, and in the
/// tree of the host's files.
const OF_THE_MACHINE: [&str; 7] =
    ["rustix", "std::os::fd", "std::thread", "getrandom::", "Instant::now", "SystemTime", "std::net"];

/// The folders of the system that are for that.
const MACHINE_ROOMS: [&str; 2] = ["host/unix", "files/host"];

/// What is for tests alone.
const TEST_ROOMS: [&str; 3] = ["tests", "fuzzing", "pty/sequences.rs"];

/// All sources of a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            false => {}
        }
    }
    found
}

/// The lines of a source that are code, without its tests, which stand at its end.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    code.lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim_start().starts_with("//"))
        .map(|(line, at)| (at, line))
}

#[test]
fn the_system_touches_the_machine_through_its_port_alone() {
    let system = root().join("crates/system/src");
    let (mut beside, mut within) = (Vec::new(), 0);
    for path in sources(&system) {
        let name = path.strip_prefix(&system).expect("below").to_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        for (at, line) in code(&text) {
            let touches = OF_THE_MACHINE.iter().any(|word| line.contains(word));
            if touches && MACHINE_ROOMS.iter().any(|room| name.starts_with(room)) {
                within += 1;
            } else if touches && !TEST_ROOMS.iter().any(|room| name.starts_with(room)) {
                beside.push(format!("{}:{at}: {}", name.display(), line.trim()));
            }
        }
    }
    assert!(within > 0, "the rooms have other names now");
    assert!(beside.is_empty(), "these belong into {MACHINE_ROOMS:?}:\n{}", beside.join("\n"));
}

#[test]
fn the_calls_of_the_system_name_no_kind_of_object() {
    const KINDS: [&str; 6] =
        ["InputStream", "OutputStream", "OwnStream", "StandardStream", "TerminalBothWays", "InheritedFile"];
    let system = root().join("crates/system/src");
    let mut named = Vec::new();
    for path in ["linux", "wasi"].iter().flat_map(|calls| sources(&system.join(calls))) {
        let text = std::fs::read_to_string(&path).expect("text");
        for (at, line) in code(&text) {
            let mut words = line.split(|character: char| !character.is_alphanumeric());
            if words.any(|word| KINDS.contains(&word)) || line.contains("downcast") {
                named.push(format!("{}:{at}: {}", path.display(), line.trim()));
            }
        }
    }
    // What they need of one they ask `Object` for.
    assert!(named.is_empty(), "calls that know kinds:\n{}", named.join("\n"));
    let makes = std::fs::read_to_string(system.join("pipe.rs")).expect("text");
    assert!(makes.contains("impl Object for PipeEnd"), "the kinds have other names now");
}
