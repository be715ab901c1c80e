//! Words of a cell, for people. They come from a process that is not trusted: no
//! control character of theirs may reach a terminal or a log.

/// The text on one line, with a space for each control character.
pub(crate) fn printable(text: &str) -> String {
    let safe = |character: char| if is_unsafe(character) { ' ' } else { character };
    text.trim().chars().map(safe).collect()
}

/// Control characters, and those that change the direction of what follows.
fn is_unsafe(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_cell_are_not_passed_on() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\n"), "a [2Jb c");
    }
}
