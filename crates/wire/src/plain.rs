//! Text that a guest, a cell or an image chose, made fit for people's eyes.
//!
//! This is the one place that says which characters reach a terminal or a log. All
//! that prints such text goes through it.

use std::fmt;

/// Whether a character is only seen. It is not if a terminal or a reader's eye acts
/// on it: control characters, ends of lines, what changes the direction of text, and
/// what is not seen at all.
pub fn is_plain(character: char) -> bool {
    // Most are ASCII.
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    // Unicode's Default_Ignorable_Code_Point, its ends of line and paragraph, and its
    // annotations. Those of the second kind that write joined scripts (the
    // selectors of variants) are among them: their lack changes only the look.
    !character.is_control()
        && !matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// A text on one line, with `<U+001B>` and the like in place of what is not plain.
///
/// ```
/// assert_eq!(bellglass_wire::plain("größe\x1b[2J\n"), "größe<U+001B>[2J<U+000A>");
/// ```
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        // Writing to a String cannot fail.
        let _ = write_plain(&mut out, character);
    }
    out
}

/// Writes one character as [`plain`] has it.
///
/// # Errors
/// What `out` says.
pub fn write_plain(out: &mut impl fmt::Write, character: char) -> fmt::Result {
    if is_plain(character) {
        out.write_char(character)
    } else {
        write!(out, "<U+{:04X}>", u32::from(character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stays_and_what_acts_does_not() {
        for text in ["größe", "日本語", "e\u{301}", "🙂", "العربية", "~!\"'\\"] {
            assert_eq!(plain(text), text);
        }
        for acts in [
            '\0',
            '\n',
            '\r',
            '\t',
            '\x1b',
            '\x7f',
            '\u{85}',
            '\u{90}',
            '\u{9b}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200f}',
            '\u{2028}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(plain(&format!("a{acts}b")), format!("a<U+{:04X}>b", u32::from(acts)));
        }
    }
}
