//! The command's exit codes.

use bellglass::Outcome;

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
    /// The memory or the output limit ended the run (128 and SIGKILL's number).
    Limit = 137,
}

/// The code for how a run ended.
pub(crate) fn code_of(outcome: &Outcome) -> u8 {
    let own = match outcome {
        // A process's exit code has eight bits.
        Outcome::Exited { code } => return (*code & 0xff) as u8,
        Outcome::Deadline { .. } => ExitCode::Deadline,
        Outcome::Memory { .. } | Outcome::OutputLimit { .. } => ExitCode::Limit,
        Outcome::Crashed { .. } | Outcome::Breach { .. } => ExitCode::Crashed,
        Outcome::Refused { .. } => ExitCode::Refused,
        Outcome::Killed => ExitCode::Interrupted,
        _ => ExitCode::Failed,
    };
    own as u8
}

/// The sentence for a run that did not end by itself.
pub(crate) fn sentence_of(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Exited { .. } | Outcome::Killed => return None,
        Outcome::Deadline { timeout } => {
            format!("the program was stopped at its deadline of {}", humantime::format_duration(*timeout))
        }
        Outcome::Memory { limit } => {
            format!(
                "the program was stopped: it could not go on with {} of memory",
                crate::units::size(*limit)
            )
        }
        Outcome::OutputLimit { limit } => {
            format!("the program was stopped: it wrote more than {}", crate::units::size(*limit))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_keeps_the_low_eight_bits_of_its_code() {
        assert_eq!(code_of(&Outcome::Exited { code: 3 }), 3);
        assert_eq!(code_of(&Outcome::Exited { code: 256 + 7 }), 7);
        assert_eq!(code_of(&Outcome::Exited { code: -1 }), 255);
    }
}
