//! The cache folder: where images, downloads and unfinished builds live.

use crate::ImageError;
use etcetera::BaseStrategy;
use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// The environment variable that names the cache folder.
pub const CACHE_VARIABLE: &str = "BELLGLASS_CACHE";

/// The cache folder: `$BELLGLASS_CACHE`, or `bellglass` in the folder that this
/// system keeps for caches (`$XDG_CACHE_HOME` or `~/.cache` on Unix).
///
/// # Errors
/// [`ImageError::NoCacheDirectory`] if the environment names neither.
pub fn cache_directory() -> Result<PathBuf, ImageError> {
    if let Some(folder) = env::var_os(CACHE_VARIABLE).filter(|folder| !folder.is_empty()) {
        // A step of a build runs in another folder, so a relative path must be
        // made absolute here.
        let folder = PathBuf::from(folder);
        return std::path::absolute(&folder).map_err(ImageError::io("find", folder));
    }
    match etcetera::choose_base_strategy() {
        Ok(strategy) => Ok(strategy.cache_dir().join("bellglass")),
        Err(_) => Err(ImageError::NoCacheDirectory),
    }
}

/// A lock that one process at a time holds on a folder; it ends when this value
/// is dropped or its process dies, however it dies.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock `name` in `folder`, waiting for another process to let it
    /// go; `waiting` is called once before it waits.
    ///
    /// # Errors
    /// [`ImageError::Io`] if the lock's file cannot be made or locked.
    pub fn take(folder: &Path, name: &str, waiting: impl FnOnce()) -> Result<Self, ImageError> {
        fs::create_dir_all(folder).map_err(ImageError::io("make", folder))?;
        let path = folder.join(format!(".{name}.lock"));
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(ImageError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(ImageError::io("lock", &path))?;
            }
            Err(TryLockError::Error(error)) => return Err(ImageError::io("lock", &path)(error)),
        }
        // The file stays when the lock ends: removing it would let two processes
        // hold locks on two files of the same name.
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_second_taker_waits_for_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = FolderLock::take(folder.path(), "build", || panic!("nobody holds it")).expect("a lock");
        let (sender, receiver) = mpsc::channel();
        let path = folder.path().to_owned();
        let thread = std::thread::spawn(move || {
            let waiting = sender.clone();
            let lock = FolderLock::take(&path, "build", move || waiting.send("waiting").expect("a receiver"));
            sender.send("taken").expect("a receiver");
            lock
        });
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok("waiting"));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(first);
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok("taken"));
        thread.join().expect("no panic").expect("a lock");
    }
}
