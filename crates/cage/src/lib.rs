//! What the operating system adds to the isolation of a cell. The guest is held
//! by WebAssembly alone; these walls stand behind that one, for the day on which
//! the engine has a bug.
//!
//! They go up in two steps, because loading the compiled module needs what a
//! running guest must not have: [`enter`] as the first thing that the process
//! does, while it has one thread and three descriptors; [`lock_down`] when the
//! module is loaded and before the guest's first instruction. After that the
//! process can compute, use its own memory and talk on the descriptors that it
//! has; whatever else it asks of the kernel ends it with SIGSYS.
//!
//! A process that compiles a module is held in the same two steps, by
//! [`enter_compiler`] and rules of its own.
//!
//! No wall is taken for granted: each that the system does not offer is reported
//! with the reason, and the controller decides whether it goes on without.

#[cfg(target_os = "linux")]
mod compiler;
#[cfg(target_os = "linux")]
mod death;
#[cfg(target_os = "linux")]
mod descriptors;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod filter;
#[cfg(target_os = "linux")]
pub mod policy;
#[cfg(target_os = "linux")]
mod walls;
#[cfg(target_os = "linux")]
mod window;

#[cfg(target_os = "linux")]
pub use compiler::{
    COMPILER_BOUNDS, COMPILER_FILTER, CompilerBounds, enter_compiler, lock_down_compiler, processor_seconds,
};
#[cfg(target_os = "linux")]
pub use walls::{enter, enter_forked, lock_down};

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use bellglass_wire::Wall;

    /// No system call filter, no rules.
    pub mod policy {
        /// One system call that is allowed; there are none here.
        #[derive(Clone, Copy, Debug)]
        pub enum Rule {}

        /// What a cell that holds a guest may call.
        pub const GUEST: &[Rule] = &[];
    }

    /// What a process that compiles may use; nothing holds it here.
    #[derive(Clone, Copy, Debug)]
    pub struct CompilerBounds {
        /// Bytes of memory.
        pub memory_bytes: u64,
        /// Seconds of processor time.
        pub processor_seconds: u64,
    }

    /// The walls that a compiler must be behind in any case: there are none here.
    pub const COMPILER_BOUNDS: &[&str] = &[];

    /// The wall that holds most of what a module may have made of its compiler; there is
    /// none here.
    pub const COMPILER_FILTER: &str = "system_call_filter";

    /// The seconds of processor time that a process gets which asks for so many: they
    /// are not counted here.
    pub fn processor_seconds(seconds: u64) -> u64 {
        seconds
    }

    /// Puts up the walls that a compiler can live behind: there are none here.
    pub fn enter_compiler(_bounds: &CompilerBounds) -> Vec<Wall> {
        Vec::new()
    }

    /// Puts up the last walls around a compiler: there are none here.
    pub fn lock_down_compiler() -> Vec<Wall> {
        Vec::new()
    }

    /// Puts up the walls that a loading cell can live behind: there are none here.
    pub fn enter() -> Vec<Wall> {
        Vec::new()
    }

    /// Puts up the last walls: there are none here.
    pub fn lock_down(_rules: &[policy::Rule], _address_bytes: u64) -> Vec<Wall> {
        Vec::new()
    }
}
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{
    COMPILER_BOUNDS, COMPILER_FILTER, CompilerBounds, enter, enter_compiler, lock_down, lock_down_compiler,
    policy, processor_seconds,
};
