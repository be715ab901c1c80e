//! Response files: `@FILE` stands for the words in a file.

use crate::DriverError;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// Words that a command line may have in the end.
const WORDS: usize = 1 << 20;

/// Bytes of one response file.
const FILE_BYTES: u64 = 64 << 20;

/// Files inside files.
const DEPTH: usize = 8;

/// The arguments with each `@FILE` that there is replaced by its words.
pub(crate) fn expand(arguments: Vec<OsString>) -> Result<Vec<OsString>, DriverError> {
    if !arguments.iter().any(|word| word.as_bytes().starts_with(b"@")) {
        return Ok(arguments);
    }
    let mut words = Vec::new();
    for argument in arguments {
        add(argument, &mut words, 0)?;
    }
    Ok(words)
}

fn add(word: OsString, words: &mut Vec<OsString>, depth: usize) -> Result<(), DriverError> {
    // As compilers have it, a file that is not there makes a plain word of it.
    let Some(path) = word.as_bytes().strip_prefix(b"@").map(|path| Path::new(OsStr::from_bytes(path))) else {
        words.push(word);
        return Ok(());
    };
    let too_much = || DriverError::Response { path: path.to_owned() };
    match path.metadata() {
        Ok(metadata) if metadata.len() > FILE_BYTES => return Err(too_much()),
        Ok(_) => {}
        Err(_) => {
            words.push(word);
            return Ok(());
        }
    }
    let text = std::fs::read(path).map_err(DriverError::io("read", path))?;
    for inner in split(&text) {
        if depth == DEPTH || words.len() == WORDS {
            return Err(too_much());
        }
        add(OsString::from_vec(inner), words, depth + 1)?;
    }
    Ok(())
}

/// Splits a text into words as gcc does: blanks part them, quotes of both kinds
/// hold them together, and a backslash takes the next character as it is.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', _) => {
                if let Some(next) = bytes.next() {
                    word.get_or_insert_default().push(next);
                }
            }
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (other, Some(open)) if other == open => quote = None,
            (other, None) if other.is_ascii_whitespace() => words.extend(word.take()),
            (other, _) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_gcc_splits_them() {
        let words = split(b" -DA='x y' \"b\\\"c\"\n''\td\\ e ");
        let expected: [&[u8]; 4] = [b"-DA=x y", b"b\"c", b"", b"d e"];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_file_that_names_itself_is_an_error_and_one_that_is_not_there_a_word() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("words");
        let at = |path: &Path| OsString::from(format!("@{}", path.display()));
        std::fs::write(&file, format!("-c @{}", file.display())).expect("written");
        assert!(matches!(expand(vec![at(&file)]), Err(DriverError::Response { .. })));
        std::fs::write(&file, "-O2 a.c").expect("written");
        let words = expand(vec!["-c".into(), at(&file), "@none".into()]).expect("words");
        assert_eq!(words, ["-c", "-O2", "a.c", "@none"]);
    }
}
