//! The programs of this project that another one starts: where they are.

use crate::ImageError;
use crate::trust::trusted_program;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The folder in which cargo puts the programs that are the tests of a build, one below
/// what it has built.
const TESTS: &str = "deps";

/// A program that is installed beside others.
#[derive(Clone, Copy, Debug)]
pub struct Companion {
    /// The name of its file.
    pub name: &'static str,
    /// What to do if it is not there, as the end of a sentence.
    pub advice: &'static str,
}

/// Why a program is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompanionError {
    /// There is none.
    #[error("the program {} was not found (looked for {}): {}", program.name, list(tried), program.advice)]
    Missing {
        /// What was looked for.
        program: Companion,
        /// All places that were looked at.
        tried: Vec<PathBuf>,
    },
    /// Where the running program is, is not known. A name without a folder would be
    /// looked for in the working directory, which may be anybody's.
    #[error(
        "the program {} cannot be looked for, because the system does not say where the running program is ({source}): see that /proc is mounted",
        program.name
    )]
    NoPlace {
        /// What was looked for.
        program: Companion,
        /// What the system said.
        source: io::Error,
    },
    /// Others than this user and root could have put it there.
    #[error("the program {} is not started: {source}", program.name)]
    Untrusted {
        /// What was looked for.
        program: Companion,
        /// Who could have, and what to do.
        source: ImageError,
    },
}

impl Companion {
    /// The program that was told, or else the one beside the running program (above it,
    /// if that is a test of a build; nowhere else). It is used only if nobody but this
    /// user and root could have put it there, as an image is, also if it was told: who
    /// names a program does not say that others may change it. Beside the running
    /// program its owner could have too: what runs is his already.
    ///
    /// # Errors
    /// [`CompanionError`].
    pub fn find(self, told: Option<&Path>) -> Result<PathBuf, CompanionError> {
        match told {
            Some(path) => self.first_of(vec![path.to_owned()], None),
            // The file that runs, whatever has its name by now.
            None => {
                let running = fs::metadata("/proc/self/exe").ok();
                self.find_beside(std::env::current_exe(), running.map(|running| running.uid()))
            }
        }
    }

    /// The program that belongs to this running one.
    fn find_beside(self, own: io::Result<PathBuf>, owner: Option<u32>) -> Result<PathBuf, CompanionError> {
        let own = own.map_err(|source| CompanionError::NoPlace { program: self, source })?;
        let Some(folder) = own.parent().filter(|folder| folder.is_absolute()) else {
            return Err(CompanionError::NoPlace { program: self, source: io::ErrorKind::NotFound.into() });
        };
        let is_tests = folder.file_name().is_some_and(|name| name == TESTS);
        let above = folder.parent().filter(|_| is_tests);
        let tried = [Some(folder), above].into_iter().flatten().map(|it| it.join(self.name)).collect();
        self.first_of(tried, owner)
    }

    fn first_of(self, tried: Vec<PathBuf>, owner: Option<u32>) -> Result<PathBuf, CompanionError> {
        match tried.iter().find(|path| path.is_file()) {
            Some(found) => trusted_program(found, owner)
                .map_err(|source| CompanionError::Untrusted { program: self, source }),
            None => Err(CompanionError::Missing { program: self, tried }),
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    const PROGRAM: Companion = Companion { name: "companion", advice: "install it" };

    fn program(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, b"").expect("a file");
        change(path, mode);
    }

    fn change(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its mode");
    }

    /// Why the one that belongs to `own`, and also if it is told, is not used.
    fn refusal(own: &Path, program: &Path) -> String {
        let sentence = |result: Result<PathBuf, CompanionError>| match result {
            Err(error @ CompanionError::Untrusted { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        };
        let beside = sentence(PROGRAM.find_beside(Ok(own.to_owned()), None));
        assert_eq!(sentence(PROGRAM.find(Some(program))), beside);
        beside
    }

    #[test]
    fn one_that_is_not_there_is_named_in_the_error() {
        let error = PROGRAM.find(Some(Path::new("/nowhere/it"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the program companion was not found (looked for /nowhere/it): install it"
        );
    }

    #[test]
    fn it_is_beside_the_program_and_not_above() {
        let place = tempfile::tempdir().expect("a folder");
        let find = |own: &Path| PROGRAM.find_beside(Ok(own.to_owned()), None);
        let own = place.path().join("bin/program");
        program(&own, 0o755);
        let above = place.path().join(PROGRAM.name);
        program(&above, 0o755);
        let error = find(&own).unwrap_err();
        assert!(matches!(&error, CompanionError::Missing { tried, .. } if tried.len() == 1), "{error}");
        // But for the tests of a build.
        let test = place.path().join("deps/test");
        program(&test, 0o755);
        assert_eq!(find(&test).expect("it is there"), above);
        let beside = place.path().join("bin").join(PROGRAM.name);
        program(&beside, 0o755);
        assert_eq!(find(&own).expect("it is there"), beside);
    }

    #[test]
    fn without_a_place_of_its_own_nothing_is_looked_for() {
        let unknown = PROGRAM.find_beside(Err(io::ErrorKind::NotFound.into()), None).unwrap_err();
        assert!(matches!(unknown, CompanionError::NoPlace { .. }), "{unknown}");
        // What is in the working directory is not it: there is a file of this name here.
        let here = Companion { name: "Cargo.toml", advice: "" };
        for own in ["", "program"] {
            let error = here.find_beside(Ok(PathBuf::from(own)), None).unwrap_err();
            assert!(matches!(error, CompanionError::NoPlace { .. }), "{own}: {error}");
        }
    }

    #[test]
    fn one_that_others_could_have_put_there_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let (above, folder) = (place.path().join("opt"), place.path().join("opt/bin"));
        let (own, it) = (folder.join("program"), folder.join(PROGRAM.name));
        program(&own, 0o755);
        program(&it, 0o755);
        let all = [&it, &folder, &above];
        all.into_iter().for_each(|path| change(path, 0o755));
        assert_eq!(PROGRAM.find_beside(Ok(own.clone()), None).expect("it is ours"), it);
        for path in all {
            for (mode, who) in [(0o775, "its group may write"), (0o757, "every user may write")] {
                change(path, mode);
                let sentence = refusal(&own, &it);
                let start =
                    format!("the program companion is not started: {} is not trusted ({who}", path.display());
                assert!(sentence.starts_with(&start), "{sentence}");
                assert!(sentence.contains("chmod go-w"), "{sentence}");
            }
            change(path, 0o755);
            // Only root can give a file away.
            if chown(path, Some(4242), None).is_ok() {
                assert!(refusal(&own, &it).contains("belongs to user 4242"));
                // But if the program that runs is that user's.
                assert_eq!(PROGRAM.find_beside(Ok(own.clone()), Some(4242)).expect("as trusted"), it);
                assert!(PROGRAM.find_beside(Ok(own.clone()), Some(4243)).is_err());
                chown(path, Some(rustix::process::geteuid().as_raw()), None).expect("it was ours");
            }
        }
        // Where only its owner replaces a file.
        change(&above, 0o1777);
        assert_eq!(PROGRAM.find_beside(Ok(own.clone()), None).expect("as in /tmp"), it);
    }

    #[test]
    fn a_link_is_followed_where_nobody_else_can_turn_it() {
        let place = tempfile::tempdir().expect("a folder");
        let (bin, open) = (place.path().join("bin"), place.path().join("open"));
        let (own, it) = (bin.join("program"), bin.join(PROGRAM.name));
        program(&own, 0o755);
        let installed = place.path().join("lib/companion-1");
        program(&installed, 0o755);
        symlink("../lib/companion-1", &it).expect("a link");
        assert_eq!(PROGRAM.find_beside(Ok(own.clone()), None).expect("it is ours"), installed);
        // By a folder in which anybody may have put the link that leads on.
        fs::remove_file(&it).expect("removed");
        fs::create_dir(&open).expect("a folder");
        symlink(&installed, open.join("link")).expect("a link");
        symlink("../open/link", &it).expect("a link");
        change(&open, 0o777);
        assert!(refusal(&own, &it).contains("open is not trusted (every user may write"));
        change(&open, 0o755);
        assert_eq!(PROGRAM.find_beside(Ok(own.clone()), None).expect("it is ours"), installed);
    }
}
