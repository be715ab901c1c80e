//! The controller against real cells with toy guests, and against a cell that
//! lies.

/// The house: who may use whom, and what must not be in the cell.
mod architecture;
/// A lying cell: each lie ends the run within its time, with an outcome that
/// names it.
mod breach;
/// Many sandboxes at once, and cells that are killed at any moment: what is left.
mod crowd;
/// Handlers of the user's, and what comes along with their calls.
mod handlers;
/// Lies without an end: each field of each frame, each byte of a real
/// conversation, and what the controller reserves meanwhile.
mod lies;
/// Calls with numbers, several open at once, and frames out of turn.
mod open_calls;
/// What a run may do, as it is told before, during and after.
mod policy;
/// Warm cells: nothing of one guest is in another's, and none is left behind.
mod pool;
/// Toy guests in real cells: faults, limits, handlers.
mod process;
/// One controller with limits of its own, and a crowd in it that never ends.
mod soak;
/// Who else reaps, signals or hands out descriptors in the controller's process.
mod strangers;
/// Real cells, of their own and of a pool, that their guest has taken over.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod taken_over;
/// The same toy guests in threads, and what only those could do.
mod thread;
/// A cell that its guest has broken out of: what it can still do.
mod walls;
/// A zygote that lies.
mod zygotes;

use bellglass_testkit::run_alone;
