//! Finding the bellglass command.

use std::path::{Path, PathBuf};

const NAME: &str = if cfg!(windows) { "bellglass.exe" } else { "bellglass" };

/// The folder beside the programs of a build of cargo's in which its tests are.
const TESTS: &str = "deps";

/// The bellglass command: the running program, if that is it, or the one beside it.
///
/// # Errors
/// Where it was looked for.
pub(crate) fn find_command() -> Result<PathBuf, Vec<PathBuf>> {
    let own = std::env::current_exe().unwrap_or_default();
    let places = places(&own);
    places.iter().find(|path| path.is_file()).cloned().ok_or(places)
}

/// Where the command may be, for a running program. Not one folder further up than
/// it is installed: somebody else may write there.
fn places(own: &Path) -> Vec<PathBuf> {
    let folder = own.parent().unwrap_or(Path::new(""));
    let mut places = vec![folder.join(NAME)];
    if folder.file_name().is_some_and(|name| name == TESTS) {
        places.extend(folder.parent().map(|build| build.join(NAME)));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_beside_the_program_or_above_a_test() {
        assert_eq!(places(Path::new("/opt/bin/app")), [Path::new("/opt/bin/bellglass")]);
        let test = places(Path::new("/src/target/release/deps/test-1234"));
        let expected = ["/src/target/release/deps/bellglass", "/src/target/release/bellglass"];
        assert_eq!(test, expected.map(PathBuf::from));
    }
}
