//! The table of calls against the list of those that a guest's C library makes.

use crate::{Family, rows};
use std::collections::BTreeMap;

/// Each call of the list that leaves the guest, with how many arguments it has.
fn listed() -> BTreeMap<String, usize> {
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guests/port/calls.txt");
    let list = std::fs::read_to_string(list).expect("the list is in the repository");
    let mut calls = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()) {
        let [_, name, count, manner] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("four words are wanted: {line}");
        };
        if manner != "guest" {
            calls.insert(name.to_owned(), count.parse().expect("a count"));
        }
    }
    calls
}

#[test]
fn each_call_that_a_c_library_makes_has_a_row_and_each_row_is_such_a_call() {
    let rows: BTreeMap<String, usize> = rows()
        .filter(|row| row.family == Family::Linux && row.signature.starts_with("linux."))
        .map(|row| (row.name().to_owned(), row.parameters.len()))
        .collect();
    let listed = listed();
    assert!(listed.len() > 250, "only {} calls are in the list", listed.len());
    let missing: Vec<&String> = listed.keys().filter(|name| !rows.contains_key(*name)).collect();
    assert!(missing.is_empty(), "no row answers these: {missing:?}");
    for (name, count) in &rows {
        assert_eq!(listed.get(name), Some(count), "{name}, by the list and by its row");
    }
}
