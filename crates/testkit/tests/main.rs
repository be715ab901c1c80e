//! The controller against real cells with toy guests, and against a cell that
//! lies.

/// The house: who may use whom, and what must not be in the cell.
mod architecture;
/// A lying cell: each lie ends the run within its time, with an outcome that
/// names it.
mod breach;
/// Toy guests in real cells: faults, limits, handlers.
mod guests;
