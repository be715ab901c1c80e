//! The walls on Linux.

use bellglass_wire::Wall;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

pub(crate) fn enter() -> Vec<Wall> {
    vec![
        wall("descriptors", close_descriptors()),
        wall("no_new_privileges", rustix::thread::set_no_new_privs(true)),
        wall("not_dumpable", set_not_dumpable()),
        wall("rlimits", limit_resources()),
    ]
}

fn wall(name: &str, outcome: Result<(), Errno>) -> Wall {
    let detail = outcome.err().map_or_else(String::new, |errno| errno.to_string());
    Wall { name: name.to_owned(), active: detail.is_empty(), detail }
}

/// Closes all that the controller's own parents may have let through.
fn close_descriptors() -> Result<(), Errno> {
    // SAFETY: nothing in this process has opened a descriptor yet, so none above
    // 2 belongs to anybody here.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    if closed == 0 { Ok(()) } else { Err(Errno::NOSYS) }
}

/// No other process of the user may attach to the cell or read its memory.
fn set_not_dumpable() -> Result<(), Errno> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
}

/// No file may be written, no core left behind, few descriptors opened.
fn limit_resources() -> Result<(), Errno> {
    let limits = [(Resource::Fsize, 0), (Resource::Core, 0), (Resource::Nofile, 16)];
    for (resource, most) in limits {
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}
