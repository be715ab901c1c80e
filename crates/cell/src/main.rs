//! The cell.
fn main() {}
