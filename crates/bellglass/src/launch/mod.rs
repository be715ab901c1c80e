//! Starting a cell and ending it.

mod find;
mod process;

pub(crate) use find::find_cell;
pub(crate) use process::{CellProcess, CellUsage, Signaller};
