//! The caps: the greatest length or count that either side accepts of each
//! thing. They are part of the protocol: a peer that sends more is at fault.

/// Bytes of one frame, without its length field. It bounds what one call can
/// carry; handlers answer larger requests in part, as POSIX lets them.
pub const FRAME_BYTES: usize = 4 << 20;

/// Bytes that the views of one call may carry together. A cell stops copying
/// here; the handler reads the rest with read messages.
pub const VIEWED_BYTES: usize = 1 << 20;

/// Bytes of one read message's answer, and of all the writes of one frame.
pub const TRANSFER_BYTES: usize = 1 << 20;

/// Signatures that one module may import.
pub const SIGNATURES: usize = 4096;

/// Bytes of a name: a module's, a function's, an export's.
pub const NAME_BYTES: usize = 512;

/// Parameters, or results, of one signature.
pub const VALUES: usize = 64;

/// Views of one signature.
pub const VIEWS: usize = 8;

/// Pieces of memory that the views of one call may yield.
pub const VIEWED_PIECES: usize = 1032;

/// Buffers that one `iovec` view follows; Linux's IOV_MAX.
pub const IOVEC_BUFFERS: usize = 1024;

/// Bytes that a `cstr` view looks through for its zero byte; Linux's PATH_MAX.
pub const CSTR_BYTES: usize = 4096;

/// Writes of one frame.
pub const WRITES: usize = 1024;

/// Bytes of a text meant for people: a trap's message, a wall's reason.
pub const TEXT_BYTES: usize = 8192;

/// Lines of a trap's backtrace.
pub const BACKTRACE_LINES: usize = 64;

/// Walls that a cell reports.
pub const WALLS: usize = 32;

/// Exports that one run message calls.
pub const RUN_EXPORTS: usize = 8;

/// Calls of one guest that are open at once.
pub const OPEN_CALLS: usize = 64;

/// Runs of pages that a zygote is told of.
pub const WRITTEN_PAGES: usize = 4096;
