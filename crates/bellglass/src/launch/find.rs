//! Finding the cell's program.

use crate::Error;
use std::path::{Path, PathBuf};

const CELL_NAME: &str = if cfg!(windows) { "bellglass-cell.exe" } else { "bellglass-cell" };

/// The environment variable that names the cell's program.
const CELL_VARIABLE: &str = "BELLGLASS_CELL";

/// The folder in which cargo puts the programs that are the tests of a build.
const TESTS_FOLDER: &str = "deps";

/// The cell's program: as told, or named by `BELLGLASS_CELL`, or beside the running
/// program. The tests of a build are one folder below what it has built. Nowhere else:
/// a folder above may be anybody's to write to, and so may be the folder that the
/// running program is in; what stands there must belong to whom that program does, or
/// to this user, or to root, and be writable by none but its owner's group.
///
/// # Errors
/// [`Error::NoCell`] with all places that were looked at, and [`Error::StrangeCell`] if
/// what was found could be somebody else's.
pub(crate) fn find_cell(told: Option<&Path>) -> Result<PathBuf, Error> {
    let explicit = told.map(Path::to_owned).or_else(|| std::env::var_os(CELL_VARIABLE).map(PathBuf::from));
    if let Some(path) = explicit {
        return if path.is_file() { Ok(path) } else { Err(Error::NoCell { tried: vec![path] }) };
    }
    find_beside(&std::env::current_exe().unwrap_or_default())
}

/// The cell's program that belongs to this one.
fn find_beside(own: &Path) -> Result<PathBuf, Error> {
    let folder = own.parent().unwrap_or(Path::new(""));
    let above = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == TESTS_FOLDER));
    let tried: Vec<PathBuf> =
        [Some(folder), above].into_iter().flatten().map(|it| it.join(CELL_NAME)).collect();
    let Some(found) = tried.iter().find(|path| path.is_file()) else {
        return Err(Error::NoCell { tried });
    };
    if is_of_the_same_hands(found, own) {
        Ok(found.clone())
    } else {
        Err(Error::StrangeCell { program: found.clone() })
    }
}

#[cfg(unix)]
fn is_of_the_same_hands(cell: &Path, own: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    let (Ok(cell), Ok(own)) = (cell.metadata(), own.metadata()) else { return false };
    let owners = [0, rustix::process::geteuid().as_raw(), own.uid()];
    owners.contains(&cell.uid()) && cell.mode() & WRITABLE_BY_OTHERS == 0
}

#[cfg(not(unix))]
fn is_of_the_same_hands(_cell: &Path, _own: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn program(path: &Path, mode: u32) {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, b"").expect("a file");
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its mode");
    }

    #[test]
    fn a_cell_that_is_not_there_is_named_in_the_error() {
        let error = find_cell(Some(Path::new("/nowhere/cell"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/cell"), "{error}");
    }

    #[test]
    fn it_is_beside_the_program_and_not_above() {
        let place = tempfile::tempdir().expect("a folder");
        let own = place.path().join("bin/program");
        program(&own, 0o755);
        let above = place.path().join(CELL_NAME);
        program(&above, 0o755);
        let error = find_beside(&own).unwrap_err();
        assert!(matches!(&error, Error::NoCell { tried } if tried.len() == 1), "{error}");
        // But for the tests of a build.
        let test = place.path().join("deps/test");
        program(&test, 0o755);
        assert_eq!(find_beside(&test).expect("it is there"), above);
        let beside = place.path().join("bin").join(CELL_NAME);
        program(&beside, 0o775);
        assert_eq!(find_beside(&own).expect("it is there"), beside);
    }

    #[test]
    fn one_that_anybody_could_have_put_there_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let (own, cell) = (place.path().join("program"), place.path().join(CELL_NAME));
        program(&own, 0o755);
        program(&cell, 0o757);
        let refused = |own: &Path| matches!(find_beside(own), Err(Error::StrangeCell { .. }));
        assert!(refused(&own));
        program(&cell, 0o755);
        assert!(!refused(&own));
        // Only root can give a file away, and be somebody else than its owner.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&cell, Some(12345), None).expect("root may");
            assert!(refused(&own));
        }
    }
}
