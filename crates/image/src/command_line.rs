//! How an interpreter reads its command line, as far as it must be known to find the file
//! of the program that it is to run. It is data, so that whoever looks for the file need
//! not know the interpreter.

use serde::{Deserialize, Serialize};

/// The options of an interpreter that have an argument; any others have none. An option is
/// written with its hyphens: one of a single letter may stand in a word with others
/// (`-IW error`), and its argument in the same word or the next; of one of several letters
/// the argument comes after a `=` or in the next word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandLine {
    /// Those that leave it open what is run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with_argument: Vec<String>,
    /// Those whose argument is the program's file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with_program: Vec<String>,
    /// Those that say what is run otherwise than by its file. All that follows is for the
    /// program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_place_of_program: Vec<String>,
}

/// Where a program's file is named on a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramName {
    /// In which word.
    pub word: usize,
    /// After how many bytes of it, up to its end.
    pub from: usize,
}

/// What an option has to do with the program.
#[derive(Clone, Copy)]
enum Kind {
    Argument,
    Program,
    InPlace,
}

impl CommandLine {
    /// Where these words, which follow the interpreter's name, name the program's file, if
    /// they do: the first that is neither an option nor the argument of one, or the
    /// argument of an option for it.
    ///
    /// ```
    /// use bellglass_image::{CommandLine, ProgramName};
    /// let line = CommandLine {
    ///     with_argument: vec!["-W".to_owned()],
    ///     in_place_of_program: vec!["-c".to_owned()],
    ///     ..CommandLine::default()
    /// };
    /// let program = |words: &str| line.program(words.split(' ').map(str::as_bytes));
    /// assert_eq!(program("-I -W error x.py -c"), Some(ProgramName { word: 3, from: 0 }));
    /// assert_eq!(program("-I -c pass x.py"), None);
    /// ```
    pub fn program<'a>(&self, words: impl IntoIterator<Item = &'a [u8]>) -> Option<ProgramName> {
        let file = |(at, word): (usize, &[u8])| (word != b"-").then_some(ProgramName { word: at, from: 0 });
        let mut words = words.into_iter().enumerate();
        loop {
            let (at, word) = words.next()?;
            if word == b"--" {
                return file(words.next()?);
            }
            if !word.starts_with(b"-") || word == b"-" {
                return file((at, word));
            }
            // What of the word is an argument, if any is.
            let (kind, attached) = match self.option(word) {
                Some(found) => found,
                None => continue,
            };
            match (kind, attached) {
                (Kind::InPlace, _) => return None,
                (Kind::Argument, Some(_)) => {}
                (Kind::Argument, None) => drop(words.next()?),
                (Kind::Program, Some(from)) => return Some(ProgramName { word: at, from }),
                (Kind::Program, None) => return words.next().map(|(word, _)| ProgramName { word, from: 0 }),
            }
        }
    }

    /// What is wrong with it, if anything is.
    ///
    /// # Errors
    /// A clause about it.
    pub fn check(&self) -> Result<(), String> {
        let mut seen: Vec<&str> = Vec::new();
        for option in self.all().map(|(option, _)| option) {
            if option.len() < 2 || !option.starts_with('-') || option == "--" || option.contains(['=', ' ']) {
                return Err(format!("'{option}' cannot be an option of a command line"));
            }
            if seen.contains(&option) {
                return Err(format!("the option '{option}' of the command line is named twice"));
            }
            seen.push(option);
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = (&str, Kind)> {
        let kinds = [
            (&self.with_argument, Kind::Argument),
            (&self.with_program, Kind::Program),
            (&self.in_place_of_program, Kind::InPlace),
        ];
        kinds
            .into_iter()
            .flat_map(|(options, kind)| options.iter().map(move |option| (option.as_str(), kind)))
    }

    fn kind(&self, option: &[u8]) -> Option<Kind> {
        self.all().find(|(name, _)| name.as_bytes() == option).map(|(_, kind)| kind)
    }

    /// The option of a word that has an argument, and where that begins in the word if it
    /// does not come in the next.
    fn option(&self, word: &[u8]) -> Option<(Kind, Option<usize>)> {
        if let Some(kind) = self.kind(word) {
            return Some((kind, None));
        }
        if word.starts_with(b"--") {
            let end = word.iter().position(|byte| *byte == b'=')?;
            return self.kind(&word[..end]).map(|kind| (kind, Some(end + 1)));
        }
        // Letters, of which the first with an argument is the last.
        (1..word.len()).find_map(|at| {
            let kind = self.kind(&[b'-', word[at]])?;
            Some((kind, (at + 1 < word.len()).then_some(at + 1)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> CommandLine {
        let list = |options: &[&str]| options.iter().map(|&option| option.to_owned()).collect();
        CommandLine {
            with_argument: list(&["-W", "-X", "--check", "-init"]),
            with_program: list(&["-f", "--file"]),
            in_place_of_program: list(&["-c", "-m"]),
        }
    }

    #[test]
    fn the_program_is_found_behind_any_options() {
        for (words, expected) in [
            ("x", Some((0, 0))),
            ("-O x -c", Some((1, 0))),
            ("-W error x", Some((2, 0))),
            ("-Werror x", Some((1, 0))),
            ("-IW error x", Some((2, 0))),
            ("-IWerror x", Some((1, 0))),
            ("-BW c x", Some((2, 0))),
            ("-W -c x", Some((2, 0))),
            ("--check always x", Some((2, 0))),
            ("--check=always x", Some((1, 0))),
            ("--other x", Some((1, 0))),
            ("--other=c x", Some((1, 0))),
            ("-init c x", Some((2, 0))),
            ("-O -- x", Some((2, 0))),
            ("-- -x", Some((1, 0))),
            ("-f x", Some((1, 0))),
            ("-Bfx", Some((0, 3))),
            ("--file=x y", Some((0, 7))),
            ("--file x y", Some((1, 0))),
            ("-", None),
            ("-O - x", None),
            ("-- -", None),
            ("-c x", None),
            ("-cx y", None),
            ("-Ic x y", None),
            ("-I -m x y", None),
            ("-W", None),
            ("-W error", None),
            ("--", None),
            ("-f", None),
        ] {
            let found = line().program(words.split(' ').map(str::as_bytes));
            assert_eq!(found.map(|named| (named.word, named.from)), expected, "{words}");
        }
        assert_eq!(line().program([]), None);
        assert_eq!(line().program([&b""[..]]), Some(ProgramName { word: 0, from: 0 }));
        assert_eq!(line().program([&b"-\xff"[..], b"\xfe"]), Some(ProgramName { word: 1, from: 0 }));
    }

    #[test]
    fn what_is_no_option_is_told() {
        line().check().expect("it is right");
        for wrong in ["W", "", "-", "--", "--a=b", "-a b", "-c"] {
            let mut line = line();
            line.with_argument.push(wrong.to_owned());
            line.check().expect_err(wrong);
        }
    }
}
