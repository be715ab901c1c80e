//! The sysroot says of each function where it is answered, and says it alike
//! everywhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn sysroot() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/sysroot")
}

fn headers(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { headers(&path, found) } else { found.push(path) }
    }
}

/// The names of the functions that a text declares: a word before a parenthesis,
/// where a declaration may stand.
fn declared(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let without_comments: String = text
        .split("/*")
        .enumerate()
        .map(
            |(index, part)| {
                if index == 0 { part } else { part.split_once("*/").map_or("", |(_, rest)| rest) }
            },
        )
        .collect();
    // A macro may go on over several lines.
    let without_comments = without_comments.replace("\\\n", " ");
    for declaration in without_comments.split(';') {
        let lines = declaration.lines().filter(|line| !line.trim_start().starts_with('#'));
        let text = lines.collect::<Vec<_>>().join(" ");
        let Some((head, _)) = text.split_once('(') else { continue };
        let name: String =
            head.chars().rev().take_while(|one| one.is_ascii_alphanumeric() || *one == '_').collect();
        names.insert(name.chars().rev().collect());
    }
    names
}

#[test]
fn every_delegated_function_is_declared_in_a_header() {
    let mut files = Vec::new();
    headers(&sysroot().join("include"), &mut files);
    let mut known = BTreeSet::new();
    for file in &files {
        known.extend(declared(&fs::read_to_string(file).expect("a header")));
    }
    let list = fs::read_to_string(sysroot().join("delegated.txt")).expect("the list");
    let missing: Vec<&str> = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !known.contains(*line))
        .collect();
    assert!(missing.is_empty(), "declared in no header of ours: {missing:?}");
}

#[test]
fn every_header_says_where_its_functions_are_answered() {
    let mut files = Vec::new();
    headers(&sysroot().join("include"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("a header");
        let head: String = text.lines().take(14).collect::<Vec<_>>().join(" ");
        let declares = declared(&text).iter().any(|name| !name.is_empty() && !name.starts_with('_'));
        let says = ["Delegated", "delegated", "In the library", "Computed", "library"];
        assert!(
            !declares || says.iter().any(|word| head.contains(word)),
            "{} does not say whether its functions are delegated or computed",
            file.display()
        );
    }
}
