//! Words of a cell, for people. They come from a process that is not trusted.

/// The text on one line, with nothing in it that a terminal would act on.
pub(crate) fn printable(text: &str) -> String {
    bellglass_wire::plain(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_cell_are_not_passed_on() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\n"), "a<U+001B>[2Jb<U+202E>c");
    }
}
