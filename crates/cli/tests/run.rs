//! Whole programs, compared with what native CPython makes of them.
//!
//! A case is `programs/TOPIC/NAME.py`, or a folder `programs/TOPIC/NAME/` when
//! it has several files. Beside it stands its recording `NAME.out`: exit code,
//! stdout, stderr, and the files that it leaves. It comes from native CPython
//! 3.14.6 (`BLESS=1` records it again), except where a sandbox must differ
//! (`native = false`): then it is what the sandbox did when it was last read
//! and found right.
//!
//! What is special about a case is said in TOML, in lines that begin with `#: `
//! at the top of its file, or in `case.toml` in its folder: see [`Settings`].

use crate::harness::{self, Scratch, Stdin, process, reference};
use reference::Reference;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Where a case's files are, in the guest.
const GUEST_WORK: &str = "/work";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What stands after `python`; the case's own file by default.
    line: Vec<String>,
    /// Text on stdin.
    stdin: String,
    /// Bytes on stdin that are no text.
    stdin_hex: String,
    environment: BTreeMap<String, String>,
    /// Options of `bellglass run` beside the mount.
    options: Vec<String>,
    /// Further files, with their contents.
    files: BTreeMap<String, String>,
    /// Set to false when native CPython is no example.
    native: Option<bool>,
}

struct Case {
    /// `TOPIC/NAME`.
    name: String,
    /// Its file or folder.
    source: PathBuf,
    settings: Settings,
}

impl Case {
    fn load(name: &str) -> Self {
        let source = programs().join(name);
        if source.is_dir() {
            let text =
                fs::read_to_string(source.join("case.toml")).expect("a folder of a case has a case.toml");
            let settings = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            return Self { name: name.to_owned(), source, settings };
        }
        let source = source.with_extension("py");
        let text =
            fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        let header: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("#: ")).collect();
        let mut settings: Settings =
            toml::from_str(&header.join("\n")).unwrap_or_else(|error| panic!("{name}: {error}"));
        if settings.line.is_empty() {
            settings.line.push(source.file_name().expect("a name").to_string_lossy().into_owned());
        }
        Self { name: name.to_owned(), source, settings }
    }

    fn recording(&self) -> PathBuf {
        programs().join(format!("{}.out", self.name))
    }

    fn is_native(&self) -> bool {
        self.settings.native.unwrap_or(true)
    }

    fn prepare(&self) -> Scratch {
        let place = Scratch::new();
        if self.source.is_dir() {
            harness::copy_tree(&self.source, &place.work());
            fs::remove_file(place.work().join("case.toml")).expect("it was copied");
        } else {
            let name = self.source.file_name().expect("a name").to_string_lossy().into_owned();
            place.write(&name, fs::read(&self.source).expect("the program"));
        }
        for (name, content) in &self.settings.files {
            place.write(name, content);
        }
        place
    }

    fn stdin(&self) -> Stdin {
        let digits = &self.settings.stdin_hex;
        let bytes = (0..digits.len()).step_by(2).map(|at| {
            u8::from_str_radix(&digits[at..at + 2], 16)
                .unwrap_or_else(|error| panic!("{}: {error}", self.name))
        });
        Stdin::Bytes(self.settings.stdin.bytes().chain(bytes).collect())
    }

    fn in_the_sandbox(&self, isolation: &str) -> String {
        let place = self.prepare();
        let before = harness::tree(&place.work());
        let mut command = place.bellglass(["run", "--isolation", isolation, "--dir"]);
        command.arg(format!("{}:{GUEST_WORK}:rw", place.work().display())).args(["--cwd", GUEST_WORK]);
        for (name, value) in &self.settings.environment {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        let finished =
            process::finish(command.args(&self.settings.options).args(&self.settings.line), self.stdin());
        describe(&finished, &before, &place, |text| text)
    }

    fn natively(&self, reference: &Reference) -> String {
        let place = self.prepare();
        let before = harness::tree(&place.work());
        let mut command = reference.command(&place.work(), &place.home());
        let finished =
            process::finish(command.args(&self.settings.line).envs(&self.settings.environment), self.stdin());
        describe(&finished, &before, &place, |text| reference.translate(&text, &place.work(), GUEST_WORK))
    }
}

/// A run as text: what a recording holds.
fn describe(
    finished: &harness::Finished,
    before: &[String],
    place: &Scratch,
    translate: impl Fn(String) -> String,
) -> String {
    let mut text = format!("exit code {}\n", finished.code);
    for (name, stream) in [("stdout", finished.out()), ("stderr", finished.err())] {
        let stream = without_times(&without_errno(&without_addresses(&translate(stream))));
        let end = if stream.is_empty() || stream.ends_with('\n') { "" } else { "\n(no end of line)\n" };
        text.push_str(&format!("=== {name}\n{stream}{end}"));
    }
    let before: BTreeSet<&String> = before.iter().collect();
    let after = harness::tree(&place.work());
    text.push_str("=== files\n");
    for line in after.iter().filter(|line| !before.contains(line)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Objects stand at another address in each run.
fn without_addresses(text: &str) -> String {
    let mut pieces = text.split("0x");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_hexdigit).count();
        clean.push_str("0x");
        clean.push_str(if digits >= 5 { "ADDRESS" } else { &piece[..digits] });
        clean.push_str(&piece[digits..]);
    }
    clean
}

/// Each kind of system numbers its errors in its own way; their names and texts
/// are compared.
fn without_errno(text: &str) -> String {
    let mut pieces = text.split("[Errno ");
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        clean.push_str("[Errno N");
        clean.push_str(piece.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    clean
}

/// unittest says how long the tests took.
fn without_times(text: &str) -> String {
    let mut clean = String::new();
    for line in text.split_inclusive('\n') {
        match line.split_once(" in ") {
            Some((ran, _)) if ran.starts_with("Ran ") => clean.push_str(&format!("{ran} in TIME\n")),
            _ => clean.push_str(line),
        }
    }
    clean
}

fn programs() -> PathBuf {
    harness::tests_folder().join("programs")
}

fn check(name: &str) {
    let case = Case::load(name);
    if harness::blessing() && case.is_native() {
        let answer = case.natively(reference::required());
        fs::write(case.recording(), answer).expect("the recording is written");
    }
    let actual = case.in_the_sandbox("process");
    if harness::blessing() && case.is_native() {
        let expected = fs::read_to_string(case.recording()).expect("the recording");
        assert!(
            expected == actual,
            "{name} differs from native CPython\n{}",
            harness::difference(&expected, &actual)
        );
    } else {
        harness::compare(name, &actual, &case.recording());
    }
    let in_a_thread = case.in_the_sandbox("thread");
    assert!(
        in_a_thread == actual,
        "{name} differs in a thread\n{}",
        harness::difference(&actual, &in_a_thread)
    );
}

/// Each case, by the name of its topic and its own.
macro_rules! cases {
    ($($topic:ident: $($name:ident)*;)*) => {
        $(mod $topic {
            $(#[test]
            fn $name() {
                super::check(concat!(stringify!($topic), "/", stringify!($name)));
            })*
        })*

        const NAMES: &[&str] = &[$($(concat!(stringify!($topic), "/", stringify!($name)),)*)*];
    };
}

cases! {
    // How a program is found and what it knows of itself.
    start:
        names arguments code optimised from_stdin directory package module archive import_errors
        missing_module;
    // How a program ends.
    endings:
        uncaught chained groups syntax indentation suggestions exit_number exit_text exit_large
        exit_negative exit_object os_exit abort_by_assert hooks last_things warnings_shown
        recursion;
    // The language.
    language:
        generators dataclasses_and_enums objects bytes_and_views;
    // The standard library, and its modules that are programs.
    library:
        word_count argparse_help argparse_error json_tool json_tool_error http_server_help
        calendar_module timeit_and_dis json_values regular_expressions numbers_to_the_last_bit
        dates_and_zones hashes compressed markup containers pickles unicode introspection logs
        sqlite_memory sqlite_file sqlite_connections time_and_random key_derivation;
    // stdin, stdout, stderr, and what waits for them.
    streams:
        input forms invalid_utf8 select_on_stdin redirect;
    // Files and folders of the host, shown for writing.
    files:
        trees kept zipped temporary unicode_names imports_cached permissions_at_creation;
    // Many things at a time, in one thread.
    concurrency:
        timers task_groups queues never_awaited locks_of_one_thread;
    // Where a sandbox must differ from a machine.
    refusals:
        processes threads sockets machine_code memory;
}

#[test]
fn each_program_is_a_case() {
    let mut there = BTreeSet::new();
    for topic in fs::read_dir(programs()).expect("the programs") {
        let topic = topic.expect("an entry").path();
        for entry in fs::read_dir(&topic).expect("a topic") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|extension| extension != "out") {
                let name = path.with_extension("");
                there.insert(name.strip_prefix(programs()).expect("below it").display().to_string());
            }
        }
    }
    let listed: BTreeSet<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(listed, there, "the list of cases, and the files");
}

#[test]
fn recordings_are_what_native_cpython_does() {
    let Some(reference) = reference::reference() else {
        println!("no native CPython of the recordings' version is here: nothing is compared");
        return;
    };
    let mut wrong = Vec::new();
    for case in NAMES.iter().map(|name| Case::load(name)).filter(Case::is_native) {
        let recorded = fs::read_to_string(case.recording()).unwrap_or_default();
        let answer = case.natively(reference);
        if recorded != answer {
            wrong.push(format!("{}\n{}", case.name, harness::difference(&recorded, &answer)));
        }
    }
    assert!(wrong.is_empty(), "(BLESS=1 records them again)\n{}", wrong.join("\n"));
}

/// A comparison that sees no difference would let everything pass.
#[test]
fn a_difference_is_seen() {
    let case = Case::load("endings/exit_number");
    let wrong = case.in_the_sandbox("process").replace("finally", "FINALLY");
    let recording = fs::read_to_string(case.recording()).expect("the recording");
    assert_ne!(recording, wrong);
    assert_eq!(without_addresses("<f at 0x7f001234> 0x1.8p-3 0x"), "<f at 0xADDRESS> 0x1.8p-3 0x");
    assert_eq!(without_errno("[Errno 44] No"), "[Errno N] No");
}
