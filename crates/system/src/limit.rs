//! The limits of a run, and what there is to say of one that is met. Each is one row
//! here; what holds it is where the thing that it counts is made.

use std::fmt;
use std::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])* $kind:ident $name:literal, $unit:ident, $ending:expr;)*) => {
        /// Which limit a run met.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum LimitKind {
            $($(#[doc = $doc])* $kind,)*
        }

        impl LimitKind {
            /// All that there are.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            fn row(self) -> Row {
                match self {
                    $(Self::$kind => Row { name: $name, unit: Unit::$unit, ending: $ending },)*
                }
            }
        }
    };
}

limits! {
    /// Bytes of the guest's memory: it asked for more, and was refused.
    Memory "memory", Bytes, Some(Ending { name: "memory", cause: "could not go on with {} of memory" });
    /// Elements of the guest's function tables: it asked for more, and was refused.
    Table "table", Count, Some(Ending { name: "table", cause: "could not go on with {} elements in its function tables" });
    /// Wall-clock time: the run ended, or was warned.
    Timeout "timeout", Time, Some(Ending { name: "deadline", cause: "took longer than {}" });
    /// Processor time: the run ended.
    ProcessorTime "processor_time", Time, Some(Ending { name: "processor_time", cause: "used up its {} of processor time" });
    /// What is written to stdout and stderr together: the run ended.
    Output "output", Bytes, Some(Ending { name: "output_limit", cause: "wrote more than {}" });
    /// Space for files: a call was answered with ENOSPC.
    FileSpace "file_space", Bytes, None;
    /// What the controller keeps for the guest: a call was answered with ENOMEM or
    /// ENOSPC, or the run ended.
    ControllerMemory "controller_memory", Bytes, Some(Ending { name: "controller_memory", cause: "made the controller keep more than {}" });
    /// Files that are open at once: a call was answered with EMFILE.
    OpenFiles "open_files", Count, None;
    /// External calls: the run ended.
    Calls "calls", Count, Some(Ending { name: "call_limit", cause: "made more than {} external calls" });
    /// External calls a second: the run was slowed down.
    CallsPerSecond "calls_per_second", Count, None;
    /// Time that is slept, in all or at once: the run ended.
    Sleep "sleep", Time, Some(Ending { name: "sleep_limit", cause: "wanted to sleep for more than {}" });
}

/// What is known of a limit.
struct Row {
    /// In a report's list of the limits that were met.
    name: &'static str,
    unit: Unit,
    /// How a run ends at it, if it does.
    ending: Option<Ending>,
}

/// What is said of a run that a limit has ended.
struct Ending {
    /// As a report names the outcome.
    name: &'static str,
    /// What the program did, with `{}` for the limit.
    cause: &'static str,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Count,
    Time,
}

/// How much a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Amount {
    /// So many bytes.
    Bytes(u64),
    /// So many of what is counted.
    Count(u64),
    /// So long.
    Time(Duration),
}

/// A limit that has ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reached {
    /// Which.
    pub kind: LimitKind,
    /// What it allows.
    pub limit: Amount,
    /// What the program would have begun with, in the same unit, if that is more.
    pub needed: Option<u64>,
}

impl LimitKind {
    /// A run that ended at this limit, of so many bytes, things, or seconds.
    pub fn at(self, limit: u64) -> Reached {
        let limit = match self.row().unit {
            Unit::Bytes => Amount::Bytes(limit),
            Unit::Count => Amount::Count(limit),
            Unit::Time => Amount::Time(Duration::from_secs(limit)),
        };
        Reached { kind: self, limit, needed: None }
    }

    /// A run that ended at this limit of time.
    pub fn after(self, limit: Duration) -> Reached {
        Reached { kind: self, limit: Amount::Time(limit), needed: None }
    }

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The name, in a report, of the outcome of a run that ended at it.
    pub fn outcome(self) -> &'static str {
        let row = self.row();
        row.ending.map_or(row.name, |ending| ending.name)
    }
}

impl Reached {
    /// The same, for a program that would have begun with so much.
    pub fn needing(self, needed: u64) -> Self {
        Self { needed: Some(needed), ..self }
    }

    /// What the program did, with the limit as `say` says it: "wrote more than 1 MiB".
    pub fn cause(&self, say: impl Fn(Amount) -> String) -> String {
        let row = self.kind.row();
        let cause = row.ending.map_or("met its limit of {}", |ending| ending.cause);
        cause.replace("{}", &say(self.limit))
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the program {}", self.cause(|limit| limit.to_string()))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => {
                let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
                let whole = |(shift, _): &(u32, &str)| *bytes > 0 && bytes.is_multiple_of(1 << shift);
                match units.into_iter().find(whole) {
                    Some((shift, unit)) => write!(formatter, "{} {unit}", bytes >> shift),
                    None => write!(formatter, "{bytes} bytes"),
                }
            }
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Time(time) => write!(formatter, "{time:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_names_of_its_own_and_says_how_much_it_allows() {
        let mut names: Vec<&str> = LimitKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LimitKind::ALL.len());
        for kind in LimitKind::ALL {
            let said = kind.at(7).to_string();
            assert!(said.starts_with("the program ") && said.contains('7'), "{said}");
            assert!(!said.contains('{'), "{said}");
        }
    }

    #[test]
    fn a_limit_is_said_in_its_unit() {
        assert_eq!(LimitKind::Output.at(9).to_string(), "the program wrote more than 9 bytes");
        assert_eq!(LimitKind::Output.at(3 << 20).to_string(), "the program wrote more than 3 MiB");
        assert_eq!(
            LimitKind::Timeout.after(Duration::from_millis(500)).to_string(),
            "the program took longer than 500ms"
        );
        assert_eq!(LimitKind::Calls.at(9).cause(|_| "no".to_owned()), "made more than no external calls");
    }
}
