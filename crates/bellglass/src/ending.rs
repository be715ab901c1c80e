//! What became of a run: what is left of its guest, as the report tells it.

use crate::holder::Run;
use crate::launch::{CellProcess, CellUsage};
use crate::monitor::Answers;
use crate::monitor::link::Link;
use crate::{Error, Image, LimitKind, Outcome, Report, Start, Wall};
use rustix::process::Signal as HostSignal;
use std::time::{Duration, Instant};

/// What a process gets that has used more processor time than it may.
const CPU_TIME_SIGNAL: i32 = HostSignal::XCPU.as_raw();

/// The report of a run of which the time is counted from `begun` on.
pub(crate) fn report(image: &Image, start: Start, begun: Instant, answers: &Answers, run: Run) -> Report {
    let (ending, used) = (run.ending, &run.used);
    let beyond = beyond(answers.limits.processor_time, used);
    let outcome = match ending.outcome {
        Outcome::Breach { reason } => match (ended_by_signal(used), beyond) {
            // Signals are sent to it only by this controller, and a cell that lies
            // about one ends nothing but its own run.
            (Some(signal), _) if answers.waiter.has_signalled() => Outcome::Exited { code: 128 + signal },
            (_, Some(limit)) => Outcome::Limit(LimitKind::ProcessorTime.after(limit)),
            _ => Outcome::Breach { reason: with_last_words(reason, used) },
        },
        // It had said its last, and was told that its time was over before it had left.
        Outcome::Exited { .. } | Outcome::Crashed { .. } if used.signal == Some(CPU_TIME_SIGNAL) => {
            match beyond {
                Some(limit) => Outcome::Limit(LimitKind::ProcessorTime.after(limit)),
                None => ending.outcome,
            }
        }
        // A cell that has said its last has nothing more to do but to leave. That
        // somebody else killed it on the way changes nothing.
        Outcome::Exited { .. } | Outcome::Crashed { .. }
            if used.signal.is_some_and(|signal| signal != HostSignal::KILL.as_raw()) =>
        {
            let reason = "the cell did not leave after its last frame".to_owned();
            Outcome::Breach { reason: with_last_words(reason, used) }
        }
        outcome => outcome,
    };
    let exit_code = match outcome {
        Outcome::Exited { code } => Some(code),
        _ => None,
    };
    // A program that was warned has met its deadline, however it then ended.
    let outcome = match outcome {
        Outcome::Exited { .. } if answers.waiter.has_warned() => answers.deadline(),
        outcome => outcome.printable(),
    };
    Report {
        exit_code,
        limits: answers.limits.clone(),
        limits_met: answers.limits_met(&outcome, ending.usage),
        policy: answers.system.policy().clone(),
        refused: answers.routes.refused(),
        outcome,
        image: image.manifest().full_name(),
        start,
        calls: answers.routes.counts(),
        unsupported: answers.routes.unsupported(),
        wall_time: run.ended.saturating_duration_since(begun),
        cpu_time: run.used.cpu,
        peak_memory_bytes: ending.usage.peak_memory_bytes,
        peak_resident_bytes: run.used.peak_resident_bytes,
        peak_controller_bytes: answers.system.meter().peak(),
        output_bytes: answers.system.output_bytes(),
        round_trips: run.round_trips,
        walls: run.walls,
    }
}

/// The limit of processor time for which the operating system ended it, by the signal for
/// that, or, if it kept that one off, by the one that nobody can. It may be less than the
/// run's own: what the controller's whole process is held to.
fn beyond(limit: Option<Duration>, used: &CellUsage) -> Option<Duration> {
    match used.signal {
        Some(CPU_TIME_SIGNAL) => {
            let seconds = Duration::from_secs(used.cpu.as_millis().div_ceil(1000).max(1) as u64);
            Some(limit.map_or(seconds, |limit| limit.min(seconds)))
        }
        Some(signal) if signal == HostSignal::KILL.as_raw() => limit.filter(|limit| used.cpu >= *limit),
        _ => None,
    }
}

/// The signal that ended the guest by its default action, as the cell tells: it
/// leaves with 64 and its number.
fn ended_by_signal(used: &CellUsage) -> Option<i32> {
    used.code.map(|code| code - 64).filter(|signal| (1..64).contains(signal))
}

/// The wall that a guest in a thread does not have.
pub(crate) fn no_process() -> Wall {
    let detail = "the guest runs in a thread of the controller, as asked for".to_owned();
    Wall { name: "process".to_owned(), active: false, detail }
}

fn with_last_words(reason: String, used: &CellUsage) -> String {
    let ended = match used.signal {
        None if used.is_lost => {
            ", and nobody knows how: this process ignores the end of its children, or something in it reaps them"
                .to_owned()
        }
        None => String::new(),
        Some(signal) if signal == HostSignal::KILL.as_raw() => {
            ", killed by somebody else, perhaps because the machine has no memory left".to_owned()
        }
        Some(signal) if signal == HostSignal::SYS.as_raw() => {
            ", ended by the system call filter: it asked the kernel for what no guest needs".to_owned()
        }
        Some(signal) => format!(", ended by signal {signal}"),
    };
    let words = if used.last_words.is_empty() { String::new() } else { format!(" ({})", used.last_words) };
    format!("{reason}{ended}{words}")
}

/// Ends a cell that has not said its last; one that closed its stream is given a
/// moment to show what it died of.
pub(crate) fn end(link: &mut Link, process: &mut CellProcess) -> CellUsage {
    if link.is_closed() {
        link.close();
        return process.expire();
    }
    process.end()
}

/// Adds what the operating system knows of a cell that did not start.
pub(crate) fn explain(error: Error, link: &mut Link, process: &mut CellProcess) -> Error {
    match error {
        Error::Start { reason } => Error::Start { reason: with_last_words(reason, &end(link, process)) },
        error => error,
    }
}
