//! What a run may use.

use std::time::Duration;

/// The limits of one run. The defaults suit a public service that runs small
/// programs of strangers.
///
/// ```
/// use bellglass::Limits;
/// use std::time::Duration;
///
/// let limits = Limits { timeout: Some(Duration::from_secs(2)), ..Limits::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the guest's linear memory; beyond it the guest's malloc fails,
    /// and Python raises MemoryError.
    pub memory_bytes: u64,
    /// Elements of the guest's function tables.
    pub table_elements: u64,
    /// Wall-clock time from the program's start; `None` for no deadline.
    pub timeout: Option<Duration>,
    /// Bytes that the program may write to stdout and stderr together; `None` for
    /// no limit.
    pub output_bytes: Option<u64>,
    /// Bytes that all files in memory may hold, overlays included.
    pub file_bytes: u64,
    /// Files, directories and symlinks that the program may make in memory,
    /// overlays included.
    pub file_count: u64,
    /// Files that may be open at once.
    pub open_files: usize,
    /// How long a cell may take until it says hello.
    pub start_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            table_elements: 1 << 20,
            timeout: Some(Duration::from_secs(60)),
            output_bytes: Some(64 << 20),
            file_bytes: 256 << 20,
            file_count: 1 << 16,
            open_files: 1024,
            start_time: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// No limit that the user of a command at a terminal would meet: memory up to
    /// what wasm can address, no deadline, any amount of output.
    pub fn interactive() -> Self {
        Self {
            memory_bytes: 4 << 30,
            timeout: None,
            output_bytes: None,
            file_bytes: 4 << 30,
            file_count: 1 << 22,
            ..Self::default()
        }
    }
}
