//! The walls in the order in which they go up.

use crate::policy::Rule;
use crate::{death, descriptors, files, filter, window};
use bellglass_wire::Wall;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, getuid, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use std::fmt::Display;

const DEATH: &str = "dies_with_controller";

/// Puts up the walls that a loading cell can live behind. Call it first of all,
/// while the process has one thread: some of these hold for the calling thread
/// and those that it starts.
pub fn enter() -> Vec<Wall> {
    vec![
        wall("descriptors", descriptors::close()),
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
/// thread, no address space but `address_bytes` for what is mapped from now on, and no
/// system call beside those of `rules`. Call it in the thread that will run the guest,
/// when everything is loaded and before the guest's first instruction.
pub fn lock_down(rules: &[Rule], address_bytes: u64) -> Vec<Wall> {
    // All that is asked of the kernel is asked before the filter is up.
    let is_bound = !getuid().is_root();
    let limited = limit(Resource::Nproc, 0);
    let (window, closed) = window::close(usize::try_from(address_bytes).unwrap_or(usize::MAX));
    let filter = wall("system_call_filter", filter::install(rules, &window));
    vec![no_processes(limited, is_bound, &filter), wall("address_space", closed), filter]
}

/// The kernel never counts the processes of root, whatever powers it has given up:
/// there the filter, which has no call that starts one, holds alone.
fn no_processes(limited: Result<(), Errno>, is_bound: bool, filter: &Wall) -> Wall {
    let name = "no_processes";
    match limited {
        Ok(()) if is_bound => wall::<Errno>(name, Ok(())),
        outcome => {
            let reason = match outcome {
                Ok(()) => "the limit of processes does not bind root".to_owned(),
                Err(errno) => format!("the limit of processes cannot be set: {errno}"),
            };
            let detail = match filter.active {
                true => format!("by the system call filter alone: {reason}"),
                false => reason,
            };
            Wall { name: name.to_owned(), active: filter.active, detail }
        }
    }
}

/// A wall that has no more to say than why it is not up.
pub(crate) fn wall<E: Display>(name: &str, outcome: Result<(), E>) -> Wall {
    let detail = outcome.err().map_or_else(String::new, |error| error.to_string());
    Wall { name: name.to_owned(), active: detail.is_empty(), detail }
}

/// A controller that runs as root gives its cells none of root's powers.
fn drop_capabilities() -> Result<(), Errno> {
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// Bytes that the first thread's stack may grow to, which the kernel does not count
/// among a process's data.
const STACK_BYTES: u64 = 8 << 20;

/// No file may be written, no core left behind, few descriptors opened, nothing
/// locked into memory, no stack that grows for ever.
fn limit_resources() -> Result<(), Errno> {
    let limits = [
        (Resource::Fsize, 0),
        (Resource::Core, 0),
        (Resource::Nofile, 16),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Stack, STACK_BYTES),
    ];
    limits.into_iter().try_for_each(|(resource, most)| limit(resource, most))
}

/// Never above what is set already, which only root may go beyond.
pub(crate) fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    let most = getrlimit(resource).maximum.map_or(most, |already| most.min(already));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}
