//! Finding the cell's program.

use crate::Error;
use std::path::{Path, PathBuf};

const CELL_NAME: &str = if cfg!(windows) { "bellglass-cell.exe" } else { "bellglass-cell" };

/// The environment variable that names the cell's program.
const CELL_VARIABLE: &str = "BELLGLASS_CELL";

/// The cell's program: as told, or named by `BELLGLASS_CELL`, or beside the
/// running program (or one folder above it, where the tests of a build are).
///
/// # Errors
/// [`Error::NoCell`] with all places that were looked at.
pub(crate) fn find_cell(told: Option<&Path>) -> Result<PathBuf, Error> {
    let explicit = told.map(Path::to_owned).or_else(|| std::env::var_os(CELL_VARIABLE).map(PathBuf::from));
    let candidates = match explicit {
        Some(path) => vec![path],
        None => {
            let own = std::env::current_exe().unwrap_or_default();
            own.ancestors().skip(1).take(2).map(|folder| folder.join(CELL_NAME)).collect()
        }
    };
    match candidates.iter().find(|path| path.is_file()) {
        Some(found) => Ok(found.clone()),
        None => Err(Error::NoCell { tried: candidates }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_is_not_there_is_named_in_the_error() {
        let error = find_cell(Some(Path::new("/nowhere/cell"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/cell"), "{error}");
    }
}
