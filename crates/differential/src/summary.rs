//! Telling what was found: how many sequences differ, of which kinds, and of each kind a
//! short example.

use crate::arguments::Programs;
use crate::compare::{Difference, Sides};
use crate::family::Family;
use crate::shrink::shrink;
use std::collections::BTreeMap;

/// Sequences of which it is looked at what kind they are.
const LOOKED_AT: usize = 400;

/// Prints it.
pub(crate) fn print(
    family: &Family,
    arguments: &Programs,
    sides: &Sides,
    found: &[u32],
) -> anyhow::Result<()> {
    println!("{}: {} sequences, {} differ", family.name, arguments.sequences, found.len());
    let mut kinds: BTreeMap<String, (usize, Difference)> = BTreeMap::new();
    for number in found.iter().take(LOOKED_AT) {
        match sides.difference(*number, &[])? {
            Some(difference) => kinds.entry(kind(&difference)).or_insert((0, difference)).0 += 1,
            None => println!("  {number}: only after the sequences before it"),
        }
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    for (at, (kind, (count, difference))) in kinds.into_iter().enumerate() {
        println!("  {count} times: {kind}");
        if at < arguments.show {
            show(&shrink(sides, difference)?);
        }
    }
    Ok(())
}

fn show(difference: &Difference) {
    println!("    sequence {}", difference.number);
    for line in &difference.before {
        println!("      {}", cut(line));
    }
    // A long line parts somewhere within.
    let (linux, guest) = (&difference.linux, &difference.guest);
    let same = linux.bytes().zip(guest.bytes()).take_while(|(one, other)| one == other).count();
    let begin = linux.floor_char_boundary(same.saturating_sub(150).min(guest.len()));
    let text = |line: &str| {
        let begin = line.floor_char_boundary(begin);
        format!("{}{}", if begin > 0 { "..." } else { "" }, cut(&line[begin..]))
    };
    println!("      Linux  {}\n      guest  {}", text(linux), text(guest));
}

fn cut(line: &str) -> &str {
    &line[..line.floor_char_boundary(400)]
}

/// What kind of difference it is: the operation without its numbers, and the first words that
/// are not the same.
fn kind(difference: &Difference) -> String {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (linux, guest) = (words(&difference.linux), words(&difference.guest));
    let at = linux.iter().zip(&guest).take_while(|(one, other)| one == other).count();
    let plain = |word: Option<&String>| {
        let word = word.map_or("nothing", String::as_str);
        word.chars().map(|one| if one.is_ascii_digit() { '#' } else { one }).take(30).collect::<String>()
    };
    // Paths and numbers are the sequence's own.
    let is_word = |word: &&str| word.starts_with(|one: char| one.is_ascii_alphabetic());
    let name: Vec<&str> = linux.iter().skip(1).map(String::as_str).filter(is_word).take(1).collect();
    let before = plain(at.checked_sub(1).and_then(|before| linux.get(before)));
    // What a call returned stands after an equals sign.
    let shown = |words: &[String]| plain(words.get(at));
    let before = if before.starts_with('"') { "a path".to_owned() } else { before };
    format!(
        "{}: after {before}, Linux {} and the guest {}",
        plain(Some(&name.join(" "))),
        shown(&linux),
        shown(&guest)
    )
}
