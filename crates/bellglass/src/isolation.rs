//! Where a guest runs.

/// Where a guest runs, and so how many walls stand around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// In a process of its own, the cell, which has no authority: a program that
    /// breaks out of WebAssembly finds itself in there.
    #[default]
    Process,
    /// In this process, in the thread that runs the sandbox: WebAssembly is the
    /// only wall. A program that breaks out of it has this process. In return a
    /// sandbox starts faster, takes less memory, and its calls cost next to
    /// nothing; its code runs somewhat slower, for it must look now and then
    /// whether it is to stop.
    Thread,
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Process => "a process of its own, without authority",
            Self::Thread => "a thread of this process, where WebAssembly is the only wall",
        })
    }
}
