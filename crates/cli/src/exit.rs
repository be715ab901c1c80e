//! The command's exit codes.

use crate::program::NoProgram;
use bellglass::{LimitKind, Outcome, Reached};
use bellglass_build::{BuildError, CompileError};

/// What the command ends with when it is not the program's own code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// The command line is wrong, or names a program that is not there.
    Usage = 2,
    /// The deadline came (as `timeout` has it).
    Deadline = 124,
    /// Bellglass itself failed (as `docker run` has it).
    Failed = 125,
    /// A handler or the policy ended the run (as shells have "may not execute").
    Refused = 126,
    /// Ctrl-C ended the run (128 and SIGINT's number).
    Interrupted = 130,
    /// The interpreter crashed (128 and SIGABRT's number).
    Crashed = 134,
    /// A limit other than the deadline ended the run (128 and SIGKILL's number).
    Limit = 137,
}

/// Every code and when it comes, as the help shows it and docs/limits.md repeats.
const TABLE: [(&str, &str); 9] = [
    ("2", "the command line is wrong, or names a program that is not there"),
    ("124", "the deadline came"),
    ("125", "bellglass itself failed"),
    ("126", "a handler or the policy ended the run, or not all changes were written"),
    ("130", "Ctrl-C ended the run"),
    ("134", "the interpreter crashed"),
    ("137", "another limit ended the run"),
    ("128 + N", "the program ended by signal N"),
    ("other", "the program's own"),
];

/// The command line asks for what cannot be: a sentence about it.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) &'static str);

impl std::fmt::Display for Usage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Usage {}

/// The table of exit codes for the help.
pub(crate) fn table() -> String {
    let rows = TABLE.map(|(code, when)| format!("  {code:<9}{when}\n"));
    format!("Exit codes:\n{}", rows.concat())
}

/// The code for how a run ended.
pub(crate) fn code_of(outcome: &Outcome) -> u8 {
    let own = match outcome {
        // A process's exit code has eight bits.
        Outcome::Exited { code } => return (*code & 0xff) as u8,
        Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }) => ExitCode::Deadline,
        Outcome::Limit(_) => ExitCode::Limit,
        Outcome::Crashed { .. } | Outcome::Breach { .. } => ExitCode::Crashed,
        Outcome::Refused { .. } => ExitCode::Refused,
        Outcome::Killed => ExitCode::Interrupted,
        _ => ExitCode::Failed,
    };
    own as u8
}

/// The code for what kept a run from starting: a module may meet a limit while it is
/// compiled.
pub(crate) fn code_of_error(error: &anyhow::Error) -> ExitCode {
    use bellglass::{SystemError, files::ArchiveError};
    if let Some(bellglass::Error::System(SystemError::Archive { reason: ArchiveError::Late, .. })) =
        error.downcast_ref()
    {
        return ExitCode::Deadline;
    }
    if let Some(error) = error.downcast_ref::<NoProgram>() {
        return error.code();
    }
    if error.is::<Usage>() {
        return ExitCode::Usage;
    }
    match error.downcast_ref() {
        Some(BuildError::Compile(CompileError::Deadline)) => ExitCode::Deadline,
        Some(BuildError::NoProgram { .. }) => ExitCode::Usage,
        Some(BuildError::Compile(error)) if error.is_limit() => ExitCode::Limit,
        _ => ExitCode::Failed,
    }
}

/// The sentence for a run that did not end by itself.
pub(crate) fn sentence_of(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Exited { .. } | Outcome::Killed => return None,
        Outcome::Limit(reached) => limit_sentence(reached),
        Outcome::Crashed { message, backtrace } => match backtrace.first() {
            Some(innermost) => format!("the interpreter crashed: {message} (in {innermost})"),
            None => format!("the interpreter crashed: {message}"),
        },
        Outcome::Refused { reason } => format!("the run was refused: {reason}"),
        Outcome::Breach { reason } => format!("the cell failed: {reason}"),
        Outcome::Failed { reason } => reason.clone(),
        other => format!("{other:?}"),
    })
}

/// The sentence for a run that a limit has ended.
fn limit_sentence(reached: &Reached) -> String {
    match (reached.kind, reached.needed) {
        (LimitKind::Timeout, _) => {
            format!("the program was stopped at its deadline of {}", crate::units::amount(reached.limit))
        }
        (LimitKind::Memory, Some(needed)) => {
            // To the next MiB, as it can be said on the command line.
            let needed = needed.div_ceil(1 << 20);
            format!(
                "the program cannot begin with {} of memory: it needs {needed} MiB (--memory {needed}M) at least",
                crate::units::amount(reached.limit)
            )
        }
        (LimitKind::Table, Some(needed)) => format!(
            "the program cannot begin with {} elements in its function tables: it needs {needed}",
            reached.limit
        ),
        _ => format!("the program was stopped: it {}", reached.cause(crate::units::amount)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_could_not_be_read_in_time_is_a_deadline() {
        use bellglass::{SystemError, files::ArchiveError};
        let error = |reason| {
            let path = "data.tar.gz".into();
            anyhow::Error::from(bellglass::Error::System(SystemError::Archive { path, reason }))
        };
        assert_eq!(code_of_error(&error(ArchiveError::Late)), ExitCode::Deadline);
        assert_eq!(code_of_error(&error(ArchiveError::Unknown)), ExitCode::Failed);
    }

    #[test]
    fn the_table_has_every_code() {
        let codes = [
            ExitCode::Usage,
            ExitCode::Deadline,
            ExitCode::Failed,
            ExitCode::Refused,
            ExitCode::Interrupted,
            ExitCode::Crashed,
            ExitCode::Limit,
        ];
        let mut known: Vec<String> = codes.iter().map(|code| (*code as u8).to_string()).collect();
        known.extend(["128 + N".to_owned(), "other".to_owned()]);
        assert!(TABLE.iter().map(|(code, _)| *code).eq(known.iter().map(String::as_str)));
    }

    #[test]
    fn a_program_keeps_the_low_eight_bits_of_its_code() {
        assert_eq!(code_of(&Outcome::Exited { code: 3 }), 3);
        assert_eq!(code_of(&Outcome::Exited { code: 256 + 7 }), 7);
        assert_eq!(code_of(&Outcome::Exited { code: -1 }), 255);
    }
}
