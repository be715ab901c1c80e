//! Trying a cell without running anything in it: for those who want to know what
//! this machine offers before they rely on it.

use crate::ending::explain;
use crate::launch::{CellProcess, find_cell};
use crate::monitor::Monitor;
use crate::{Error, Limits, Wall};
use bellglass_system::{System, Waiter};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a cell on this machine is like.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probe {
    /// The cell's program.
    pub cell: PathBuf,
    /// Time from starting it until it was ready for its guest.
    pub start_time: Duration,
    /// The walls around it.
    pub walls: Vec<Wall>,
}

/// Starts a cell on a compiled module, hears what walls are around it, and ends
/// it. `cell` is where its program is, if not in the usual places.
///
/// # Errors
/// An [`Error`] if the cell does not start.
pub fn probe(cell: Option<&Path>, compiled: File) -> Result<Probe, Error> {
    let program = find_cell(cell)?;
    let limits = Limits::default();
    let begun = Instant::now();
    let (mut process, link) = CellProcess::start(&program, compiled)?;
    let waiter = Waiter::new(None).map_err(Error::Resource)?;
    let mut monitor = Monitor::new(link, System::builder().build()?, waiter, limits.clone());
    let greeted = monitor.greet();
    greeted.map_err(|error| explain(error, &mut monitor.link, &mut process))?;
    let start_time = begun.elapsed();
    let mut walls = monitor.walls;
    walls.push(process.bound_memory(&limits));
    Ok(Probe { cell: program, start_time, walls })
}
