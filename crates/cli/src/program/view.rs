//! Where the program, and the directories that are shown, stand in the guest's
//! file tree.
//!
//! Without `--dir` a program sees itself and nothing else of the host. A
//! directory that is shown without a path of its own stands at its host path;
//! and if the current directory lies in one that is shown, the guest starts in
//! it too, so that relative paths mean the same inside and outside.

use crate::arguments::{Directory, Mode};
use crate::changes::Overlaid;
use bellglass::{Access, Mount};
use rustix::fs::OFlags;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Where a guest starts if nothing else is said.
const HOME: &str = "/home/user";

/// The program that was named is not there.
#[derive(Debug)]
pub(crate) struct NoProgram {
    path: PathBuf,
    error: std::io::Error,
}

impl std::fmt::Display for NoProgram {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "can't open the program '{}': {}", self.path.display(), self.error)
    }
}

impl std::error::Error for NoProgram {}

/// The guest's view of the host.
#[derive(Debug)]
pub(crate) struct View {
    shown: Vec<Shown>,
    /// The guest's working directory.
    pub(crate) cwd: String,
}

#[derive(Debug)]
struct Shown {
    host: PathBuf,
    guest: PathBuf,
    mode: Mode,
    is_archive: bool,
}

impl View {
    /// The view that the options ask for.
    ///
    /// # Errors
    /// When a directory that is to be shown is not there.
    pub(crate) fn new(directories: &[Directory], cwd: Option<&str>) -> anyhow::Result<Self> {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let mut shown = Vec::new();
        for directory in directories {
            let host = std::fs::canonicalize(&directory.host).map_err(|error| {
                anyhow::anyhow!("cannot show the directory '{}': {error}", directory.host.display())
            })?;
            let is_archive = host.is_file();
            if is_archive && directory.mode == Mode::ReadWrite {
                anyhow::bail!(
                    "the archive '{}' cannot be written to: show it with :ro or :overlay",
                    directory.host.display()
                );
            }
            let guest = match &directory.guest {
                Some(guest) => normalise(Path::new(guest)),
                None => normalise(&here.join(&directory.host)),
            };
            shown.push(Shown { host, guest, mode: directory.mode, is_archive });
        }
        let mut view = Self { shown, cwd: HOME.to_owned() };
        if let Some(cwd) = cwd {
            view.cwd = normalise(&Path::new(HOME).join(cwd)).to_string_lossy().into_owned();
        } else if let Some(guest) = std::fs::canonicalize(&here).ok().and_then(|here| view.guest_of(&here)) {
            view.cwd = guest.to_string_lossy().into_owned();
        }
        Ok(view)
    }

    /// The mounts for it, and those of them of which changes can be told.
    pub(crate) fn mounts(&self) -> (Vec<Mount>, Vec<Overlaid>) {
        let mut overlays = Vec::new();
        let mut mounts = Vec::new();
        for Shown { host, guest, mode, is_archive } in &self.shown {
            let guest = guest.to_string_lossy().into_owned();
            let access = if *mode == Mode::ReadWrite { Access::ReadWrite } else { Access::ReadOnly };
            let mount = match is_archive {
                true => Mount::archive(host, guest.as_str()),
                false => Mount::directory(host, guest.as_str(), access),
            };
            mounts.push(if *mode == Mode::Overlay {
                let (mount, overlay) = mount.overlay();
                overlays.push(Overlaid { host: host.clone(), is_archive: *is_archive, overlay });
                mount
            } else {
                mount
            });
        }
        (mounts, overlays)
    }

    /// Where a path of the host is in the guest's tree, if it is shown at all.
    fn guest_of(&self, host: &Path) -> Option<PathBuf> {
        // The last one wins, as its mount lies over the others.
        // What lies in an archive has no path of the host.
        let within = |shown: &Shown| {
            host.strip_prefix(&shown.host).ok().map(|rest| normalise(&shown.guest.join(rest)))
        };
        self.shown.iter().rev().find_map(within)
    }

    /// What to call the program in the guest, and the mount that shows it if no
    /// directory does.
    ///
    /// # Errors
    /// [`NoProgram`] if there is no such file.
    pub(crate) fn program(&self, typed: &OsStr) -> anyhow::Result<(String, Option<Mount>)> {
        let typed = Path::new(typed);
        let missing = |error| NoProgram { path: typed.to_owned(), error };
        let host = std::fs::canonicalize(typed).map_err(missing)?;
        // In the guest the name as typed stands for this.
        let as_typed = normalise(&Path::new(&self.cwd).join(typed));
        let name = |path: &Path| path.to_string_lossy().into_owned();
        if let Some(guest) = self.guest_of(&host) {
            return Ok((name(if guest == as_typed { typed } else { &guest }), None));
        }
        // Opening a pipe would wait for who writes it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::open(&host, flags, rustix::fs::Mode::empty());
        let file = std::fs::File::from(file.map_err(|error| missing(error.into()))?);
        let metadata = file.metadata().map_err(missing)?;
        let mount = if metadata.is_dir() {
            // As with python, a directory that holds a __main__.py is a program.
            Mount::directory(&host, name(&as_typed), Access::ReadOnly)
        } else if metadata.is_file() {
            Mount::file(&host, name(&as_typed))
        } else {
            let what = "it is neither a file nor a directory (give a program on stdin as '-')";
            return Err(missing(std::io::Error::other(what)).into());
        };
        Ok((name(typed), Some(mount)))
    }
}

/// The same path without `.`, `..` and doubled slashes, by its text alone. It is
/// only ever used to place things in the guest's tree, never to open a file of
/// the host.
fn normalise(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_path_of_its_own_keeps_its_host_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = std::fs::canonicalize(folder.path()).expect("its path");
        std::fs::write(path.join("x.py"), "").expect("a file");
        let directory = Directory { host: path.clone(), guest: None, mode: Mode::ReadOnly };
        let view = View::new(&[directory], None).expect("a view");
        let (name, mount) = view.program(path.join("x.py").as_os_str()).expect("a program");
        assert_eq!(Path::new(&name), path.join("x.py"));
        assert!(mount.is_none());
    }

    #[test]
    fn a_program_outside_of_all_directories_is_shown_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("x.py"), "").expect("a file");
        let view = View::new(&[], None).expect("a view");
        let (_, mount) = view.program(folder.path().join("x.py").as_os_str()).expect("a program");
        assert!(mount.is_some());
        assert_eq!(view.cwd, "/home/user");
        let error = view.program(OsStr::new("/nowhere/x.py")).expect_err("it is not there");
        assert!(error.is::<NoProgram>());
    }

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(normalise(Path::new("/a/./b/../../..//c/")), Path::new("/c"));
    }
}
