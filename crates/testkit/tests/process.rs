//! What is alike under both isolations, in processes.

const ISOLATION: bellglass::Isolation = bellglass::Isolation::Process;

#[allow(clippy::duplicate_mod, reason = "the same tests under each isolation")]
#[path = "guests.rs"]
mod guests;
#[allow(clippy::duplicate_mod, reason = "the same tests under each isolation")]
#[path = "later.rs"]
mod later;
#[allow(clippy::duplicate_mod, reason = "the same tests under each isolation")]
#[path = "limits.rs"]
mod limits;
