//! rows
use crate::table::Row;
pub(crate) const ROWS: &[Row] = &[];
