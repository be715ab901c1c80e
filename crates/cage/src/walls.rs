//! The walls in the order in which they go up.

use crate::policy::Rule;
use crate::{death, files, filter};
use bellglass_wire::Wall;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use std::fmt::Display;

const DEATH: &str = "dies_with_controller";

/// Puts up the walls that a loading cell can live behind. Call it first of all,
/// while the process has one thread: some of these hold for the calling thread
/// and those that it starts.
pub fn enter() -> Vec<Wall> {
    vec![
        wall("descriptors", close_descriptors()),
        wall("no_new_privileges", set_no_new_privs(true)),
        wall("capabilities", drop_capabilities()),
        wall("not_dumpable", set_dumpable_behavior(DumpableBehavior::NotDumpable)),
        wall("resource_limits", limit_resources()),
        files::refuse_all(),
        wall(DEATH, death::bind()),
    ]
}

/// Puts up those walls that a process which was forked does not have from the one
/// that forked it, whose `walls` are given: it must be kept from its siblings too,
/// and end with its own controller's pipe. Call it in place of [`enter`].
pub fn enter_forked(walls: &[Wall]) -> Vec<Wall> {
    let own = [files::refuse_all(), wall(DEATH, death::bind())];
    let of_all = walls.iter().filter(|wall| !own.iter().any(|own| own.name == wall.name));
    of_all.cloned().chain(own.iter().cloned()).collect()
}

/// Puts up the last walls, for all threads that there are: no further process or
/// thread, and no system call beside those of `rules`. Call it when everything is
/// loaded and before the guest's first instruction.
pub fn lock_down(rules: &[Rule]) -> Vec<Wall> {
    vec![wall("no_processes", limit(Resource::Nproc, 0)), wall("system_call_filter", filter::install(rules))]
}

/// A wall that has no more to say than why it is not up.
pub(crate) fn wall<E: Display>(name: &str, outcome: Result<(), E>) -> Wall {
    let detail = outcome.err().map_or_else(String::new, |error| error.to_string());
    Wall { name: name.to_owned(), active: detail.is_empty(), detail }
}

/// Closes all that the controller's own parents may have let through.
fn close_descriptors() -> Result<(), Errno> {
    // SAFETY: nothing in this process has opened a descriptor yet, so none above
    // 2 belongs to anybody here.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    if closed == 0 { Ok(()) } else { Err(Errno::NOSYS) }
}

/// A controller that runs as root gives its cells none of root's powers.
fn drop_capabilities() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// No file may be written, no core left behind, few descriptors opened, nothing
/// locked into memory.
fn limit_resources() -> Result<(), Errno> {
    let limits = [
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, 16),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    limits.into_iter().try_for_each(|(resource, most)| limit(resource, most))
}

fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}
