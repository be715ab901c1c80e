//! Finding the cell's program.

use crate::Error;
use bellglass_image::Companion;
use std::path::{Path, PathBuf};

const CELL: Companion = Companion {
    name: "bellglass-cell",
    advice: "install it beside the running program, or name it in BELLGLASS_CELL",
};

/// The environment variable that names the cell's program.
const CELL_VARIABLE: &str = "BELLGLASS_CELL";

/// The cell's program: as told, or named by `BELLGLASS_CELL`, or beside the running
/// program. A cell that was named is held to the same as an image that was: it has more
/// power than that, for it puts up its own walls.
///
/// # Errors
/// [`Error::Cell`], if it is not there, or could be somebody else's.
pub(crate) fn find_cell(told: Option<&Path>) -> Result<PathBuf, Error> {
    let named = told.map(Path::to_owned).or_else(|| std::env::var_os(CELL_VARIABLE).map(PathBuf::from));
    Ok(CELL.find(named.as_deref())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_cell_is_used_only_if_it_is_there_and_nobody_elses() {
        let error = find_cell(Some(Path::new("/nowhere/cell"))).unwrap_err().to_string();
        assert!(
            error.contains("bellglass-cell was not found (looked for /nowhere/cell): install"),
            "{error}"
        );
        let place = tempfile::tempdir().expect("a folder");
        let cell = place.path().join("cell");
        std::fs::write(&cell, b"").expect("a file");
        std::fs::set_permissions(&cell, PermissionsExt::from_mode(0o775)).expect("its mode");
        let error = find_cell(Some(&cell)).unwrap_err().to_string();
        assert!(error.contains("is not trusted (its group may write to it"), "{error}");
        std::fs::set_permissions(&cell, PermissionsExt::from_mode(0o755)).expect("its mode");
        assert_eq!(find_cell(Some(&cell)).expect("it is ours"), cell);
    }
}
