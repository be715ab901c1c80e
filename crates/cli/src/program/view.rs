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
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Where a guest starts if nothing else is said.
const HOME: &str = "/home/user";

/// Links that a path may lead through, as in the guest itself.
const LINKS: usize = 40;

/// The guest's view of the host.
#[derive(Debug)]
pub(crate) struct View {
    shown: Vec<Shown>,
    /// The guest's working directory.
    pub(crate) cwd: PathBuf,
    /// Whether somebody asked for that one.
    pub(crate) cwd_is_told: bool,
}

/// Where a path of the guest leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// To this file or directory of the host, whose path has no links.
    Host(PathBuf),
    /// Into an archive, in which nobody has looked yet.
    Archive,
    /// To nothing that is shown.
    Nowhere,
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
    pub(crate) fn new(directories: &[Directory], cwd: Option<&Path>) -> anyhow::Result<Self> {
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
        // Where the root itself is shown there is nothing else.
        let has_root = shown.iter().any(|shown| shown.guest == Path::new("/"));
        let start = PathBuf::from(if has_root { "/" } else { HOME });
        let mut view = Self { shown, cwd: start, cwd_is_told: cwd.is_some() };
        if let Some(cwd) = cwd {
            view.cwd = normalise(&view.cwd.join(cwd));
        } else if let Some(guest) = std::fs::canonicalize(&here).ok().and_then(|here| view.guest_of(&here)) {
            view.cwd = guest;
        }
        Ok(view)
    }

    /// The mounts for it, and those of them of which changes can be told.
    pub(crate) fn mounts(&self) -> (Vec<Mount>, Vec<Overlaid>) {
        let mut overlays = Vec::new();
        let mut mounts = Vec::new();
        for Shown { host, guest, mode, is_archive } in &self.shown {
            let guest = guest.clone().into_os_string().into_vec();
            let access = if *mode == Mode::ReadWrite { Access::ReadWrite } else { Access::ReadOnly };
            let mount = match is_archive {
                true => Mount::archive(host, guest),
                false => Mount::directory(host, guest, access),
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
    pub(super) fn guest_of(&self, host: &Path) -> Option<PathBuf> {
        // The last one wins, as its mount lies over the others.
        // What lies in an archive has no path of the host.
        let within = |shown: &Shown| {
            host.strip_prefix(&shown.host).ok().map(|rest| normalise(&shown.guest.join(rest)))
        };
        self.shown.iter().rev().find_map(within)
    }

    /// Where a path leads in the guest, as far as it goes by what is shown: whatever else
    /// there is on the way is taken for a directory.
    pub(super) fn lead(&self, path: &Path) -> Leads {
        let mut links = LINKS;
        let mut at = PathBuf::from("/");
        let mut rest: Vec<OsString> = names_backwards(path);
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop();
                continue;
            }
            at.push(name);
            let host = match self.place(&at) {
                None => continue,
                Some((Shown { is_archive: true, .. }, _)) => return Leads::Archive,
                Some((_, host)) => host,
            };
            let Ok(metadata) = std::fs::symlink_metadata(&host) else { return Leads::Nowhere };
            if !metadata.is_symlink() {
                continue;
            }
            let (Ok(target), Some(left)) = (std::fs::read_link(&host), links.checked_sub(1)) else {
                return Leads::Nowhere;
            };
            links = left;
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            rest.extend(names_backwards(&target));
        }
        self.place(&at).map_or(Leads::Nowhere, |(_, host)| Leads::Host(host))
    }

    /// What is shown at a path of the guest, and where that is on the host.
    fn place(&self, guest: &Path) -> Option<(&Shown, PathBuf)> {
        let within = |shown: &&Shown| guest.starts_with(&shown.guest);
        let shown = self.shown.iter().rfind(within)?;
        let rest = guest.strip_prefix(&shown.guest).ok()?;
        // A file has nothing after its name, not even a slash.
        let is_whole = rest.as_os_str().is_empty();
        Some((shown, if is_whole { shown.host.clone() } else { shown.host.join(rest) }))
    }
}

/// The names of a path, the last one first.
fn names_backwards(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    names.collect()
}

/// The same path without `.`, `..` and doubled slashes, by its text alone. It is
/// only ever used to place things in the guest's tree, never to open a file of
/// the host.
pub(super) fn normalise(path: &Path) -> PathBuf {
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
    fn the_root_can_be_shown_and_the_guest_then_begins_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let guest = Some(PathBuf::from("/"));
        let root = Directory { host: folder.path().to_owned(), guest, mode: Mode::ReadWrite };
        let view = View::new(std::slice::from_ref(&root), None).expect("a view");
        assert_eq!((view.cwd, view.cwd_is_told), (PathBuf::from("/"), false));
        let view = View::new(&[root], Some(Path::new("a/../b"))).expect("a view");
        assert_eq!((view.cwd, view.cwd_is_told), (PathBuf::from("/b"), true));
    }

    #[test]
    fn links_that_lead_in_circles_lead_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("b", folder.path().join("a")).expect("a link");
        std::os::unix::fs::symlink("/work/a", folder.path().join("b")).expect("a link");
        let guest = Some(PathBuf::from("/work"));
        let shown = Directory { host: folder.path().to_owned(), guest, mode: Mode::ReadOnly };
        let view = View::new(&[shown], None).expect("a view");
        assert_eq!(view.lead(Path::new("/work/a")), Leads::Nowhere);
        assert!(matches!(view.lead(Path::new("/work/a/../")), Leads::Nowhere));
        assert!(matches!(view.lead(Path::new("/elsewhere/../work/")), Leads::Host(_)));
    }

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(normalise(Path::new("/a/./b/../../..//c/")), Path::new("/c"));
    }
}
