//! Folders in the making that lie beside what they become, where a person sees them: none
//! stays when its process ends, and what a process has left that was killed is removed by
//! the next one.

use crate::error::BuildError;
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const PREFIX: &str = ".bellglass-seal-";

/// Longer than it takes from making such a folder to holding its lock.
const UNLOCKED_TIME: Duration = Duration::from_secs(10);

/// How often removing one is tried while somebody else makes files in it.
const TRIES: usize = 100;

/// Those of this process.
static OWN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder in the making. It is removed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Staged {
    folder: TempDir,
    /// Held as long as its process lives.
    _lock: File,
}

impl Staged {
    /// Begins one in this folder.
    ///
    /// # Errors
    /// [`BuildError::Io`].
    pub fn beside(parent: &Path) -> Result<Self, BuildError> {
        sweep(parent);
        let mut own = own();
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent);
        let folder = folder.map_err(BuildError::io("make a folder in", parent))?;
        let lock = open(folder.path()).map_err(BuildError::io("open", folder.path()))?;
        // Where a file system has no locks nobody takes one away.
        let _ = lock.try_lock();
        own.push(folder.path().to_owned());
        Ok(Self { folder, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let mut own = own();
        // Before it is forgotten, or a signal would end the process half-way. What is left
        // is removed later.
        let _ = fs::remove_dir_all(self.folder.path());
        own.retain(|path| path != self.folder.path());
    }
}

/// Removes what [`seal`](crate::seal) of this process has begun and not ended: for a
/// process that a signal is to end. Until the value is dropped nothing more is begun.
#[must_use = "what is begun after that would stay"]
pub fn remove_unfinished() -> impl Drop {
    let own = own();
    for path in own.iter() {
        // The thread that makes it may make one more file.
        for _ in 0..TRIES {
            match fs::remove_dir_all(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {}
                _ => break,
            }
        }
    }
    own
}

fn own() -> MutexGuard<'static, Vec<PathBuf>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what processes have left that were killed. That it fails is no reason to stop:
/// it is tried again next time.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let is_staged = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.starts_with(PREFIX));
    for entry in entries.flatten().filter(|entry| is_staged(&entry.file_name())) {
        let path = entry.path();
        let Ok(folder) = open(&path) else { continue };
        let is_left = folder.metadata().is_ok_and(|metadata| {
            let modified = metadata.modified().ok();
            let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
            let is_own = metadata.uid() == rustix::process::geteuid().as_raw();
            is_own && age.is_some_and(|age| age > UNLOCKED_TIME)
        });
        if is_left && folder.try_lock().is_ok() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// The folder itself, and no other by a link.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_process_has_left_is_swept() {
        let parent = tempfile::tempdir().expect("a folder");
        let long_ago = SystemTime::now() - Duration::from_secs(60);
        let age =
            |path: &Path| open(path).and_then(|folder| folder.set_modified(long_ago)).expect("its owner");
        let make = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).and_then(|()| fs::write(path.join("part"), b"")).expect("a folder");
            path
        };
        let (left, new, other) = (make(".bellglass-seal-1"), make(".bellglass-seal-2"), make("seal"));
        let link = parent.path().join(".bellglass-seal-3");
        std::os::unix::fs::symlink(&other, &link).expect("a link");
        for path in [&left, &other] {
            age(path);
        }
        let held = Staged::beside(parent.path()).expect("a folder");
        assert!(!left.exists() && new.exists() && other.join("part").exists() && link.exists());
        // One that somebody is making, however long ago it was begun.
        age(held.path());
        let second = Staged::beside(parent.path()).expect("a folder");
        assert!(held.path().exists());
        let paths = [held.path().to_owned(), second.path().to_owned()];
        drop((held, second));
        assert!(paths.iter().all(|path| !path.exists()));
    }
}
