//! Names and lines that a hostile program chose, for people to read.

use bellglass::is_plain;
use std::fmt::Write;

/// How text from the program is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Byte by byte.
    Exact,
    /// Without what a terminal would act on.
    Safe,
}

/// A name as git prints it: as it is, or in quotes with escapes if it has
/// something in it that would not be seen, or would do something.
pub(crate) fn name(bytes: &[u8]) -> String {
    quoted(b"", bytes)
}

/// The same, with what stands before the name within the quotes.
pub(crate) fn quoted(before: &[u8], bytes: &[u8]) -> String {
    let plain = std::str::from_utf8(bytes).is_ok_and(|text| {
        text.chars().all(|one| is_plain(one) && !is_mark(one) && !is_other_blank(one))
            && text.trim_matches(' ') == text
            && !text.contains("  ")
    });
    let before = String::from_utf8_lossy(before);
    if plain {
        return format!("{before}{}", String::from_utf8_lossy(bytes));
    }
    let mut out = format!("\"{before}");
    for chunk in bytes.utf8_chunks() {
        for one in chunk.valid().chars() {
            match one {
                '"' | '\\' => out.extend(['\\', one]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                // A run of them could fill up a line, and begin one of its own.
                ' ' if out.ends_with(' ') || out.ends_with("\\040") => out.push_str("\\040"),
                one if is_plain(one) && !is_mark(one) && !is_other_blank(one) => out.push(one),
                one => octal(&mut out, one.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        octal(&mut out, chunk.invalid());
    }
    out.push('"');
    out
}

/// What stands around names and after them in a line.
fn is_mark(one: char) -> bool {
    matches!(one, '"' | '\\' | '|' | '(' | ')')
}

/// What looks like nothing, and is not the blank that names have in them.
fn is_other_blank(one: char) -> bool {
    // A pattern of Braille without a dot is no white space.
    (one.is_whitespace() && one != ' ') || one == '\u{2800}'
}

fn octal(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\{byte:03o}");
    }
}

/// A text of several lines; on a terminal, with `?` and a number in place of what
/// it would act on.
pub(crate) fn lines(bytes: &[u8], shown: Shown) -> Vec<u8> {
    if shown == Shown::Exact {
        return bytes.to_vec();
    }
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for one in chunk.valid().chars() {
            match one {
                '\n' | '\t' => out.push(one),
                one if is_plain(one) => out.push(one),
                // Writing to a String cannot fail.
                one => drop(write!(out, "<U+{:04X}>", u32::from(one))),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "<{byte:02X}>");
        }
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        assert_eq!(name("größe.txt".as_bytes()), "größe.txt");
        assert_eq!(name(b"a b"), "a b");
        for blank in ['\u{a0}', '\u{2000}', '\u{200a}', '\u{3000}', '\u{2800}'] {
            let shown = name(format!("a{blank}b").as_bytes());
            assert!(shown.is_ascii() && shown.starts_with('"'), "{blank:?}: {shown}");
        }
        assert_eq!(name(b" a"), "\" a\"");
        assert_eq!(name(b"a "), "\"a \"");
        assert_eq!(name(b"a    b"), "\"a \\040\\040\\040b\"");
        assert_eq!(name(b"a | 1 +"), "\"a \\174 1 +\"");
        assert_eq!(name(b"a (new)"), "\"a \\050new\\051\"");
        assert_eq!(name(b"a\x1b[2Jb\n\"\\"), "\"a\\033[2Jb\\n\\\"\\\\\"");
        assert_eq!(name(b"\xff"), "\"\\377\"");
        assert_eq!(quoted(b"a/", b"x\ty"), "\"a/x\\ty\"");
        assert_eq!(lines(b"+\x1b[1A\tok\n", Shown::Safe), b"+<U+001B>[1A\tok\n");
        assert_eq!(lines("\u{202e}x\u{fffd}".as_bytes(), Shown::Safe), "<U+202E>x\u{fffd}".as_bytes());
        assert_eq!(lines(b"\xff\r\n", Shown::Safe), b"<FF><U+000D>\n");
        assert_eq!(lines(b"\x1b\xff", Shown::Exact), b"\x1b\xff");
    }
}
