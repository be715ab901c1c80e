//! The list of calls that a guest's C library makes, and the headers made of it.

use std::collections::BTreeSet;
use std::fmt::Write;

/// All calls, in the order of the list.
pub(super) struct Calls(Vec<Listed>);

struct Listed {
    number: u32,
    name: String,
    arguments: u32,
    kind: &'static str,
}

/// The words of the list for what becomes of a call, and what they are in C.
const KINDS: [(&str, &str); 5] =
    [("guest", "guest"), ("own", "own"), ("restarts", "restarts"), ("waits", "waits"), ("-", "plain")];

/// The most arguments that a call of Linux has.
const ARGUMENTS: u32 = 6;

/// Names that programs know for what has another one here.
const ALSO: [(&str, &str); 1] = [("futex", "futex_time64")];

impl Calls {
    /// Reads the list.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut calls = Vec::new();
        let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
        for (place, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| format!("line {} {what}: '{line}'", place + 1);
            let words: Vec<&str> = line.split_whitespace().collect();
            let [number, name, arguments, kind] = words[..] else {
                return Err(wrong("is not a number, a name, a count of arguments and a word"));
            };
            let number = number.parse().map_err(|_| wrong("begins with no number"))?;
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if !name.bytes().all(plain) {
                return Err(wrong("has a name that no call has"));
            }
            let arguments = arguments.parse().ok().filter(|count| *count <= ARGUMENTS);
            let arguments = arguments.ok_or_else(|| wrong("has a count of arguments that no call has"))?;
            let kind = KINDS.iter().find(|(known, _)| *known == kind);
            let kind = kind.ok_or_else(|| wrong("ends with a word that says nothing"))?.1;
            if !numbers.insert(number) || !names.insert(name) {
                return Err(wrong("names a call again"));
            }
            calls.push(Listed { number, name: name.to_owned(), arguments, kind });
        }
        Ok(Self(calls))
    }

    /// `bits/syscall.h`: the number of each call, under both names that it has in C.
    pub(super) fn numbers(&self) -> String {
        let mut text = String::new();
        for prefix in ["__NR_", "SYS_"] {
            for call in &self.0 {
                let _ = writeln!(text, "#define {prefix}{} {}", call.name, call.number);
            }
            for (name, of) in ALSO {
                let _ = writeln!(text, "#define {prefix}{name} {prefix}{of}");
            }
        }
        text
    }

    /// `calls.h`: a macro that does something for each call.
    pub(super) fn list(&self) -> String {
        let mut text = String::from("#define __ALL_CALLS(CALL)");
        for call in &self.0 {
            let Listed { number, name, arguments, kind } = call;
            let _ = write!(text, " \\\n  CALL({number}, {name}, {arguments}, {kind})");
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_made_of_the_list() {
        let calls = Calls::parse("# a comment\n\n 1 one 0 guest\n422 futex_time64 6 guest\n3 three 3 -\n");
        let calls = calls.expect("a list");
        assert!(calls.numbers().contains("#define __NR_one 1\n"), "{}", calls.numbers());
        assert!(calls.numbers().contains("#define SYS_futex SYS_futex_time64\n"), "{}", calls.numbers());
        let list = "#define __ALL_CALLS(CALL) \\\n  CALL(1, one, 0, guest) \\\n  CALL(422, futex_time64, 6, guest) \\\n  CALL(3, three, 3, plain)\n";
        assert_eq!(calls.list(), list);
    }

    #[test]
    fn what_is_wrong_in_the_list_is_told() {
        for (line, says) in [
            ("one 1 0 -", "number"),
            ("1 one 0", "count of arguments"),
            ("1 One 0 -", "name"),
            ("1 one 7 -", "count"),
            ("1 one 1 maybe", "word"),
            ("1 one 1 -\n1 two 1 -", "again"),
            ("1 one 1 -\n2 one 1 -", "again"),
        ] {
            let error = Calls::parse(line).err().expect(line);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn the_built_in_list_is_read() {
        let guests = crate::guests::Guests::built_in();
        let text = guests.text(std::path::Path::new("port/calls.txt")).expect("a list");
        assert!(Calls::parse(&text).expect("a list").0.len() > 250);
    }
}
