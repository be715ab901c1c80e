//! system
mod call;
mod errno;
mod waiter;
pub use call::{Answer, Call, Fault, Handler, Memory, MemoryError, Stop};
pub use errno::Errno;
pub use waiter::{Waiter, Woken};
