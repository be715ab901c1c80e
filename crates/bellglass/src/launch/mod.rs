//! How cells come to be: the program is found, started or forked, and ended.

mod find;
mod process;
mod zygote;

pub(crate) use find::find_cell;
pub(crate) use process::{CellProcess, CellUsage, Signaller};
pub(crate) use zygote::Zygote;
