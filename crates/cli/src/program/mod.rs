//! What a `run` runs: where the program's file is, and what a guest calls it.
//!
//! A program finds its own name as it was typed wherever that leads to it in the guest's
//! tree too, for many look at it: a script behind a symbolic link may be another program
//! under each of its names.

mod once;
mod view;

use crate::exit::ExitCode;
use bellglass::{Access, Mount};
pub(crate) use once::Time;
use once::{MOST_BYTES, Unread};
use rustix::fs::{Mode, OFlags};
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
pub(crate) use view::View;
use view::{Leads, normalise};

/// A program that can be run.
#[derive(Debug)]
pub(crate) struct Program {
    /// What it is called in the guest.
    pub(crate) name: OsString,
    /// What shows it there, if no directory does.
    pub(crate) mount: Option<Mount>,
    /// When the run began to wait for it, if it had to be waited for.
    pub(crate) waited_from: Option<Instant>,
}

/// Why a program that was named is not run.
#[derive(Debug)]
pub(crate) enum NoProgram {
    /// It is not there, or cannot be read.
    Unreadable { path: PathBuf, error: io::Error },
    /// It comes by a pipe and is longer than it may be.
    TooLong { path: PathBuf },
    /// It comes by a pipe and did not come in time.
    Late { path: PathBuf, timeout: Duration },
}

impl NoProgram {
    /// What the command ends with.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Unreadable { .. } => ExitCode::Usage,
            Self::TooLong { .. } => ExitCode::Limit,
            Self::Late { .. } => ExitCode::Deadline,
        }
    }
}

impl std::fmt::Display for NoProgram {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(formatter, "can't open the program '{}': {error}", path.display())
            }
            Self::TooLong { path } => write!(
                formatter,
                "the program '{}' is longer than the {} that one may have that is no file of the disk",
                path.display(),
                crate::units::size(MOST_BYTES)
            ),
            Self::Late { path, timeout } => write!(
                formatter,
                "the program '{}' had not come by the deadline of {}",
                path.display(),
                humantime::format_duration(*timeout)
            ),
        }
    }
}

impl std::error::Error for NoProgram {}

impl View {
    /// The program of this name: a file or a directory of the host, something that can be
    /// read once, such as a pipe, or else what has that name in a directory or an archive
    /// that is shown.
    ///
    /// # Errors
    /// [`NoProgram`].
    pub(crate) fn program(&self, typed: &OsStr, time: Time) -> Result<Program, NoProgram> {
        let path = Path::new(typed);
        let as_typed = self.cwd.join(path);
        let unreadable = |error: io::Error| NoProgram::Unreadable { path: path.to_owned(), error };
        // Opening a pipe would wait for who writes it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(error) => {
                let is_missing = matches!(error, rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR);
                let is_shown = is_missing && !matches!(self.lead(&as_typed), Leads::Nowhere);
                return match is_shown {
                    true => Ok(Program { name: typed.to_owned(), mount: None, waited_from: None }),
                    false => Err(unreadable(error.into())),
                };
            }
        };
        let metadata = file.metadata().map_err(unreadable)?;
        if let Some(host) = named(path, &metadata) {
            return Ok(self.on_the_host(typed, &host, metadata.is_dir()));
        }
        let bytes = once::read(&file, time).map_err(|error| match error {
            Unread::TooLong => NoProgram::TooLong { path: path.to_owned() },
            Unread::Late(timeout) => NoProgram::Late { path: path.to_owned(), timeout },
            Unread::Failed(error) => unreadable(error),
        })?;
        let mount = Mount::bytes(bytes, guest_path(normalise(&as_typed)));
        Ok(Program { name: typed.to_owned(), mount: Some(mount), waited_from: Some(time.begun) })
    }

    /// The same of what stays where it is on the host: `host` is its path without links.
    fn on_the_host(&self, typed: &OsStr, host: &Path, is_directory: bool) -> Program {
        let as_typed = self.cwd.join(typed);
        let is_it = |guest: &Path| matches!(self.lead(guest), Leads::Host(found) if found == host);
        if is_it(&as_typed) {
            return Program { name: typed.to_owned(), mount: None, waited_from: None };
        }
        // The name itself, in whatever directory is shown that has it.
        let place = match (Path::new(typed).parent(), Path::new(typed).file_name()) {
            (Some(parent), Some(name)) => {
                let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
                std::fs::canonicalize(parent).map(|parent| parent.join(name)).ok()
            }
            _ => None,
        };
        let place = place.and_then(|place| self.guest_of(&place));
        let at = match place {
            Some(guest) if is_it(&guest) || matches!(self.lead(&guest), Leads::Archive) => {
                return Program { name: guest.into_os_string(), mount: None, waited_from: None };
            }
            // It is a link that leads elsewhere in the guest.
            Some(guest) if guest != normalise(&as_typed) => guest,
            _ => normalise(&as_typed),
        };
        let name = if at == normalise(&as_typed) { typed.to_owned() } else { at.clone().into_os_string() };
        let at = guest_path(at);
        let mount = match self.guest_of(host) {
            // Beside it are the modules that it imports.
            Some(shown) if is_it(&shown) => Mount::symlink(guest_path(shown), at),
            // As with python, a directory that holds a __main__.py is a program.
            _ if is_directory => Mount::directory(host, at, Access::ReadOnly),
            _ => Mount::file(host, at),
        };
        Program { name, mount: Some(mount), waited_from: None }
    }
}

/// The path without links of what is open, if it has a name there by which it can be
/// opened again.
fn named(path: &Path, open: &Metadata) -> Option<PathBuf> {
    if !open.is_file() && !open.is_dir() {
        return None;
    }
    // What has been removed since has none.
    let host = std::fs::canonicalize(path).ok()?;
    let found = std::fs::metadata(&host).ok()?;
    ((found.dev(), found.ino()) == (open.dev(), open.ino())).then_some(host)
}

fn guest_path(path: PathBuf) -> Vec<u8> {
    path.into_os_string().into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Directory, Mode as Shown};
    use std::fs;
    use std::os::unix::fs::symlink;

    fn program(view: &View, typed: &Path) -> Result<Program, NoProgram> {
        view.program(typed.as_os_str(), Time { begun: Instant::now(), timeout: None })
    }

    fn shown(host: &Path, guest: &str) -> View {
        let guest = Some(PathBuf::from(guest));
        View::new(&[Directory { host: host.to_owned(), guest, mode: Shown::ReadOnly }], None).expect("a view")
    }

    #[test]
    fn a_program_is_called_what_it_is_called_in_the_guest() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("its path");
        for name in ["in/sub", "out"] {
            fs::create_dir_all(root.join(name)).expect("a folder");
        }
        for name in ["in/real.py", "out/real.py"] {
            fs::write(root.join(name), "").expect("a file");
        }
        symlink("real.py", root.join("in/near")).expect("a link");
        symlink("../real.py", root.join("in/sub/above")).expect("a link");
        symlink(root.join("out/real.py"), root.join("in/out")).expect("a link");
        symlink(root.join("in/real.py"), root.join("out/in")).expect("a link");
        let view = shown(&root.join("in"), "/work");
        for (typed, name, has_mount) in [
            ("in/real.py", "/work/real.py", false),
            ("in/near", "/work/near", false),
            ("in/sub/above", "/work/sub/above", false),
            ("in/sub/../near", "/work/near", false),
            // These lead nowhere in the guest.
            ("in/out", "/work/out", true),
            ("out/in", "out/in", true),
            ("out/real.py", "out/real.py", true),
        ] {
            let found = program(&view, &root.join(typed)).expect(typed);
            let name = if name.starts_with('/') { PathBuf::from(name) } else { root.join(name) };
            assert_eq!((Path::new(&found.name), found.mount.is_some()), (&*name, has_mount), "{typed}");
        }
        // At its host path, and by what it is called there alone.
        let path = root.join("in");
        let same = shown(&path, path.to_str().expect("text"));
        for typed in ["in/near", "in/sub/above"] {
            let found = program(&same, &root.join(typed)).expect(typed);
            assert_eq!((Path::new(&found.name), found.mount.is_some()), (&*root.join(typed), false));
        }
        for typed in ["/work/near", "/work/sub/../near", "/work/sub/above"] {
            let found = program(&view, Path::new(typed)).expect(typed);
            assert_eq!((Path::new(&found.name), found.mount.is_some()), (Path::new(typed), false));
        }
        for missing in ["/work/no", "/work/out", "/nowhere"] {
            assert_eq!(program(&view, Path::new(missing)).expect_err(missing).code(), ExitCode::Usage);
        }
    }

    #[test]
    fn a_program_outside_of_all_directories_is_shown_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("x.py"), "").expect("a file");
        let view = View::new(&[], None).expect("a view");
        assert!(program(&view, &folder.path().join("x.py")).expect("a program").mount.is_some());
        assert_eq!(view.cwd, Path::new("/home/user"));
        program(&view, Path::new("/nowhere/x.py")).expect_err("it is not there");
    }
}
