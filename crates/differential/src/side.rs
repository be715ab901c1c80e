//! One of the two sides: whoever runs a program to its end.

use std::time::Duration;

/// Bytes of the end of a program's standard error that are kept.
const ERRORS: usize = 2_000;

/// Runs one program, with different arguments each time.
pub(crate) trait Side: Sync {
    /// Runs it in a fresh directory.
    fn run(&self, words: &[String], timeout: Duration) -> anyhow::Result<Finished>;
}

/// A program at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finished {
    /// What it wrote to its standard output.
    pub output: String,
    /// The end of what it wrote to its standard error, which is not compared.
    pub errors: String,
    /// How it ended.
    pub ended: Ended,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With a code; 128 and its number for a signal, as a shell tells it.
    Code(i32),
    /// Otherwise, in a sentence.
    Otherwise(String),
}

impl Finished {
    /// What a program did, in words.
    pub fn new(output: &[u8], errors: &[u8], ended: Ended) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { output: text(output), errors: text(&errors[errors.len().saturating_sub(ERRORS)..]), ended }
    }

    pub fn is_success(&self) -> bool {
        self.ended == Ended::Code(0)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "it ended with code {code}"),
            Self::Otherwise(sentence) => formatter.write_str(sentence),
        }
    }
}
