//! A compiler's command line, read.

use crate::options::{self, LinkerMeaning, Meaning};
use crate::{DriverError, response};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Our own option: see [`crate::roots`]. It may stand on every line, and means
/// something at a link.
const KEEP_ROOTS: &str = "--keep-roots";

/// C++'s library, by the names that compilers know it by.
const CXX_LIBRARIES: [&str; 3] = ["-lc++", "-lstdc++", "-lc++abi"];

/// What is asked of the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Something about itself.
    Answer,
    /// Anything that ends before a link.
    Compile,
    /// One object of several.
    Join,
    /// A shared library, which becomes a static one.
    Share,
    /// A program.
    Link,
}

/// A command line without what has no meaning for a guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) task: Task,
    /// The words to hand on, without `-o` at a link.
    pub(crate) words: Vec<OsString>,
    /// What `-o` names.
    pub(crate) output: Option<PathBuf>,
    /// Whether anything is there to compile or link.
    pub(crate) has_input: bool,
    /// The libraries of every program are not wanted.
    pub(crate) without_libraries: bool,
    /// The user has said how large the stack is.
    pub(crate) has_stack_size: bool,
    /// A conservative garbage collector will look for its roots.
    pub(crate) keeps_roots: bool,
    /// The language is the standard's, without what compilers add to it.
    pub(crate) is_strict: bool,
    /// It is asked which machine programs are for.
    pub(crate) asks_machine: bool,
    /// C++'s library is named.
    pub(crate) names_cxx: bool,
}

impl CommandLine {
    /// Reads the compiler's arguments, response files and all.
    pub(crate) fn read(arguments: Vec<OsString>) -> Result<Self, DriverError> {
        let mut reader = Reader::default();
        let mut words = response::expand(arguments)?.into_iter();
        while let Some(word) = words.next() {
            reader.word(word, &mut words)?;
        }
        Ok(reader.finish())
    }
}

#[derive(Default)]
struct Reader {
    words: Vec<OsString>,
    /// A linker's word that waits for its argument.
    waiting: Option<String>,
    output: Option<PathBuf>,
    has_input: bool,
    is_question: bool,
    is_before_link: bool,
    is_shared: bool,
    is_relocatable: bool,
    without_libraries: bool,
    has_stack_size: bool,
    keeps_roots: bool,
    is_strict: bool,
    asks_machine: bool,
    names_cxx: bool,
}

impl Reader {
    fn word(&mut self, word: OsString, rest: &mut impl Iterator<Item = OsString>) -> Result<(), DriverError> {
        // Options are ASCII; what is not is a file's name or a definition.
        let text = String::from_utf8_lossy(word.as_bytes()).into_owned();
        if text == "-" || !text.starts_with('-') {
            self.has_input = true;
            self.words.push(word);
            return Ok(());
        }
        if text == KEEP_ROOTS {
            self.keeps_roots = true;
            return Ok(());
        }
        if let Some(language) = text.strip_prefix("-std=") {
            self.is_strict = !language.starts_with("gnu");
        }
        self.is_strict |= text == "-ansi";
        self.asks_machine |= text == "-dumpmachine";
        if let Some(linker) = text.strip_prefix("-Wl,") {
            for word in linker.split(',') {
                self.linker_word(word);
            }
            return Ok(());
        }
        if options::WITH_ARGUMENT.contains(&text.as_str()) {
            let Some(argument) = rest.next() else {
                // The compiler itself says so for its own.
                return Err(DriverError::Lacks { option: text });
            };
            return self.with_argument(word, &text, argument);
        }
        if let Some(path) = text.strip_prefix("-o").filter(|path| !path.is_empty())
            && !text.starts_with("-objc")
        {
            let path = word.as_bytes().get(word.len() - path.len()..).unwrap_or_default().to_vec();
            self.output = Some(PathBuf::from(OsString::from_vec(path)));
            return Ok(());
        }
        self.has_input |= text.starts_with("-l");
        if CXX_LIBRARIES.contains(&text.as_str()) {
            self.names_cxx = true;
            return Ok(());
        }
        match options::meaning(&text) {
            Meaning::Nothing => return Ok(()),
            Meaning::Shared => {
                self.is_shared = true;
                return Ok(());
            }
            Meaning::Relocatable => {
                self.is_relocatable = true;
                return Ok(());
            }
            Meaning::BeforeLink => self.is_before_link = true,
            Meaning::Question => self.is_question = true,
            Meaning::NoLibraries => self.without_libraries = true,
            Meaning::Compiler => {}
        }
        self.words.push(word);
        Ok(())
    }

    fn with_argument(&mut self, word: OsString, text: &str, argument: OsString) -> Result<(), DriverError> {
        let value = argument.to_string_lossy().into_owned();
        match text {
            "-o" => self.output = Some(PathBuf::from(argument)),
            "-Xlinker" => self.linker_word(&value),
            "-z" => {
                self.linker_word("-z");
                self.linker_word(&value);
            }
            "-rpath" | "-soname" | "-h" | "-install_name" | "-current_version" | "-compatibility_version" => {
            }
            "-I" | "-L" if options::is_of_this_machine(&value) => {}
            "-l" => {
                let joined = format!("-l{value}");
                self.has_input = true;
                if CXX_LIBRARIES.contains(&joined.as_str()) {
                    self.names_cxx = true;
                } else if options::meaning(&joined) != Meaning::Nothing {
                    self.words.push(joined.into());
                }
            }
            _ => self.words.extend([word, argument]),
        }
        Ok(())
    }

    fn linker_word(&mut self, word: &str) {
        if let Some(option) = self.waiting.take() {
            match options::linker_meaning(&option, Some(word)) {
                LinkerMeaning::Nothing(_) => {}
                meaning => {
                    self.has_stack_size |= matches!(meaning, LinkerMeaning::StackSize(_));
                    self.hand_on(&option);
                    self.hand_on(word);
                }
            }
            return;
        }
        let meaning = options::linker_meaning(word, None);
        match meaning {
            LinkerMeaning::Shared => self.is_shared = true,
            LinkerMeaning::Relocatable => self.is_relocatable = true,
            LinkerMeaning::Nothing(0) => {}
            LinkerMeaning::StackSize(0) => {
                self.has_stack_size = true;
                self.hand_on(word);
            }
            LinkerMeaning::Linker(0) => self.hand_on(word),
            _ => self.waiting = Some(word.to_owned()),
        }
    }

    fn hand_on(&mut self, word: &str) {
        self.words.extend(["-Xlinker".into(), word.into()]);
    }

    fn finish(self) -> CommandLine {
        let task = if self.is_question || !self.has_input {
            Task::Answer
        } else if self.is_before_link {
            Task::Compile
        } else if self.is_shared {
            Task::Share
        } else if self.is_relocatable {
            Task::Join
        } else {
            Task::Link
        };
        CommandLine {
            task,
            words: self.words,
            output: self.output,
            has_input: self.has_input,
            without_libraries: self.without_libraries,
            has_stack_size: self.has_stack_size,
            keeps_roots: self.keeps_roots,
            is_strict: self.is_strict,
            asks_machine: self.asks_machine,
            names_cxx: self.names_cxx,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> CommandLine {
        CommandLine::read(line.split(' ').map(OsString::from).collect()).expect("a line that is right")
    }

    #[test]
    fn the_task_is_seen() {
        for (line, task) in [
            ("-c a.c", Task::Compile),
            ("-E -", Task::Compile),
            ("a.o -o a", Task::Link),
            ("-shared a.o -o liba.so", Task::Share),
            ("-Wl,-shared a.o", Task::Share),
            ("-r a.o b.o -o c.o", Task::Join),
            ("-dumpmachine", Task::Answer),
            ("-v", Task::Answer),
            ("-print-search-dirs", Task::Answer),
            ("-o a -c -MF a.d a.c", Task::Compile),
        ] {
            assert_eq!(read(line).task, task, "{line}");
        }
    }

    #[test]
    fn words_without_meaning_go_and_the_others_stay_in_their_order() {
        let line = read(
            "-O2 -fPIC a.o -Wl,-soname,libx.so,--gc-sections -Wl,-rpath -Wl,/x -Xlinker -z -Xlinker relro -lfoo -lgcc -pthread b.o -ox",
        );
        assert_eq!(line.words, ["-O2", "a.o", "-Xlinker", "--gc-sections", "-lfoo", "b.o"]);
        assert_eq!(line.output, Some("x".into()));
        assert!(!line.has_stack_size && !line.without_libraries);
        let line = read("a.o -Wl,-z,stack-size=65536 -nostdlib");
        assert_eq!(line.words, ["a.o", "-Xlinker", "-z", "-Xlinker", "stack-size=65536", "-nostdlib"]);
        assert!(line.has_stack_size && line.without_libraries);
    }

    #[test]
    fn an_option_that_ends_the_line_too_early_is_named() {
        let error = CommandLine::read(vec!["a.c".into(), "-o".into()]).expect_err("nothing after -o");
        assert_eq!(error.to_string(), "the option -o lacks its argument");
    }
}
