//! A pack: a file tree in one read-only file.
//!
//! An interpreter's standard library is some thousands of small files. Opening
//! a pack costs reading its index and one pass over it; after that a lookup is a
//! binary search, and a file's bytes are read from where they lie.
//!
//! The layout, all numbers little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | the magic, `BGLSPACK` |
//! | 4 | the version, 1 |
//! | 4 | number of entries |
//! | 8 | bytes of the index |
//! | 8 | bytes of the data |
//! | | the index: that many entries, each in postcard's encoding |
//! | | the data: the files' bytes, one after the other |
//!
//! Entry 0 is the root. The entries of one directory stand together, sorted by
//! name, and the directories' ranges follow one another in the order of the
//! directories themselves. So the ranges divide the index with no gap and no
//! overlap, which is checked, and a pack can hold neither a cycle nor an entry
//! with two parents.
//!
//! A pack that does not keep these rules is refused with a [`PackError`] when
//! it is opened; nothing later can read out of range, and only a file that was
//! damaged since then fails to be read.
#![forbid(unsafe_code)]

mod error;
mod format;
mod reader;
mod writer;

pub use error::PackError;
pub use format::VERSION;
pub use reader::{Entry, EntryKind, Pack};
pub use writer::Writer;
