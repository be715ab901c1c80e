//! What the operating system adds to the isolation. The guest is held by
//! WebAssembly alone; these walls stand behind that one. Each that fails is
//! reported in the hello, and the controller decides whether it goes on.

use bellglass_wire::Wall;

#[cfg(target_os = "linux")]
mod linux;

/// Gives up what this process does not need, and says how that went.
pub(crate) fn enter() -> Vec<Wall> {
    #[cfg(target_os = "linux")]
    let walls = linux::enter();
    #[cfg(not(target_os = "linux"))]
    let walls = Vec::new();
    walls
}
