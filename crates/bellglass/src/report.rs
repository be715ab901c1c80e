//! What a run did, and why it ended.

use crate::limits::{Limits, seconds};
use crate::words::printable;
use crate::{Amount, LimitKind, Reached};
use bellglass_image::Start;
use bellglass_system::{Permission, Policy};
use bellglass_wire::TrapKind;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::sync::Arc;
use std::time::Duration;

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The program ended by itself.
    Exited {
        /// Its exit code; 0 is success.
        code: i32,
    },
    /// The interpreter failed: an abort, an overflown stack, a wild pointer.
    Crashed {
        /// A sentence about it.
        message: String,
        /// The guest's functions, innermost first, where they are known.
        backtrace: Vec<String>,
    },
    /// A handler or the policy ended the run.
    Refused {
        /// A sentence about it.
        reason: String,
    },
    /// The owner ended the run.
    Killed,
    /// The cell died or broke the protocol. Nothing that it said is believed.
    Breach {
        /// What it did.
        reason: String,
    },
    /// The controller's side failed, for instance the writer for stdout.
    Failed {
        /// A sentence about it.
        reason: String,
    },
    /// A limit ended it: see [`LimitKind`] for what each means. A program that could
    /// have no more memory ended because it did not catch the failure, or could not
    /// even begin. One that was warned before its deadline may have ended by itself
    /// within the grace: see [`Report::exit_code`]. What was written up to the limit
    /// of output has been passed on.
    #[serde(untagged, serialize_with = "reached")]
    Limit(Reached),
}

impl Outcome {
    /// Whether the program ended by itself with code 0.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Exited { code: 0 })
    }

    /// The limit that ended the run, if one did.
    pub fn limit(&self) -> Option<LimitKind> {
        match self {
            Self::Limit(reached) => Some(reached.kind),
            _ => None,
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Why it ended.
    pub outcome: Outcome,
    /// The program's own exit code, if it ended by itself: after a warning, also
    /// when the outcome is the limit [`LimitKind::Timeout`].
    pub exit_code: Option<i32>,
    /// The limits that were in force.
    pub limits: Limits,
    /// Which of them the run met, also where it could go on.
    #[serde(serialize_with = "names")]
    pub limits_met: Vec<LimitKind>,
    /// What it was allowed.
    #[serde(serialize_with = "lines")]
    pub policy: Arc<Policy>,
    /// Calls that the policy refused, and why.
    pub refused: Vec<RefusedCall>,
    /// The image, as `name@version`.
    pub image: String,
    /// What the run began with.
    pub start: Start,
    /// Each signature that was called, the most time first.
    pub calls: Vec<CallCount>,
    /// Signatures that were called and that nothing answers: the guest got
    /// ENOSYS.
    pub unsupported: Vec<String>,
    /// Time from the program's start to its end, with what it took before to look
    /// through what is mounted. A run that ended at its deadline took no less, unless its
    /// time is counted from [a moment before](crate::SandboxBuilder::time_from).
    #[serde(rename = "wall_seconds", serialize_with = "seconds")]
    pub wall_time: Duration,
    /// Processor time of the cell, its start included.
    #[serde(rename = "cpu_seconds", serialize_with = "seconds")]
    pub cpu_time: Duration,
    /// The greatest size of the guest's linear memory in bytes, as the cell says.
    pub peak_memory_bytes: u64,
    /// The greatest resident size of the cell in bytes, as the operating system
    /// says.
    pub peak_resident_bytes: u64,
    /// The most bytes that the controller kept for the program at once, as
    /// [`Limits::controller_bytes`] counts them.
    pub peak_controller_bytes: u64,
    /// Bytes written to stdout and stderr together.
    pub output_bytes: u64,
    /// Messages of the cell that the controller waited for.
    pub round_trips: u64,
    /// What the operating system added to the isolation.
    pub walls: Vec<Wall>,
}

fn lines<S: Serializer>(policy: &Policy, serializer: S) -> Result<S::Ok, S::Error> {
    policy.lines().serialize(serializer)
}

/// A call that was refused: for want of a permission, or as what no guest may, such as
/// what is a superuser's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusedCall {
    /// The signature.
    pub signature: String,
    /// How often.
    pub count: u64,
    /// Why, in a few words.
    pub reason: &'static str,
    /// The permission that the policy would have to grant for it, where that is why.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "permission")]
    pub permission: Option<Permission>,
}

fn permission<S: Serializer>(permission: &Option<Permission>, serializer: S) -> Result<S::Ok, S::Error> {
    permission.map(Permission::name).serialize(serializer)
}

/// How often a signature was called, and how long its answers took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CallCount {
    /// The signature.
    pub signature: String,
    /// How often.
    pub count: u64,
    /// Time in handlers, waiting included.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub time: Duration,
}

/// One thing that the operating system does, or does not do, to hold the cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Wall {
    /// Its name.
    pub name: String,
    /// Whether it is up.
    pub active: bool,
    /// Why it is not, or a detail.
    pub detail: String,
}

impl From<bellglass_wire::Wall> for Wall {
    fn from(wall: bellglass_wire::Wall) -> Self {
        Self { name: printable(&wall.name), active: wall.active, detail: printable(&wall.detail) }
    }
}

impl Outcome {
    /// The same, with nothing in its sentences that a terminal would act on: they
    /// may quote a guest's names, a cell's words, or a handler that quotes either.
    pub(crate) fn printable(mut self) -> Self {
        match &mut self {
            Self::Crashed { message, backtrace } => {
                *message = printable(message);
                for line in backtrace {
                    *line = printable(line);
                }
            }
            Self::Refused { reason } | Self::Breach { reason } | Self::Failed { reason } => {
                *reason = printable(reason);
            }
            _ => {}
        }
        self
    }
}

/// The sentence and the code for a guest's fault.
pub(crate) fn crash(kind: TrapKind, message: String, backtrace: Vec<String>) -> Outcome {
    let message = match kind {
        TrapKind::Other => format!("the interpreter failed: {message}"),
        _ => message,
    };
    Outcome::Crashed { message, backtrace }
}

/// As the other outcomes are told: under the name that the limit gives.
fn reached<S: Serializer>(reached: &Reached, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("kind", reached.kind.outcome())?;
    match reached.limit {
        Amount::Time(limit) => map.serialize_entry("limit", &limit.as_secs_f64())?,
        Amount::Bytes(limit) | Amount::Count(limit) => map.serialize_entry("limit", &limit)?,
        _ => {}
    }
    if let Some(needed) = reached.needed {
        map.serialize_entry("needed", &needed)?;
    }
    map.end()
}

fn names<S: Serializer>(kinds: &[LimitKind], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(kinds.iter().map(|kind| kind.name()))
}
