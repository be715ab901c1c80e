//! The cache folder: where images, downloads and unfinished builds live.

use crate::{ImageError, make_folder};
use etcetera::BaseStrategy;
use std::env;
use std::fs::{File, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
    folder: PathBuf,
    _file: File,
}

impl FolderLock {
    /// Takes the lock `name` in `folder`, waiting for another process to let it
    /// go; `waiting` is called once before it waits. Work in [`folder`](Self::folder).
    ///
    /// # Errors
    /// [`ImageError::Io`] if the lock's file cannot be made or locked, and
    /// [`ImageError::Untrusted`] if others may write to the folder.
    pub fn take(folder: &Path, name: &str, waiting: impl FnOnce()) -> Result<Self, ImageError> {
        let (folder, file, path) = Self::open(folder, name)?;
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
        Ok(Self { folder, _file: file })
    }

    /// The folder that is locked, with all links resolved: the one that nobody else can
    /// change.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the lock as [`take`](Self::take) does, or gives nothing if another process
    /// has it still at this moment; one that has passed does not wait at all.
    ///
    /// # Errors
    /// Those of [`take`](Self::take).
    pub fn take_until(folder: &Path, name: &str, moment: Instant) -> Result<Option<Self>, ImageError> {
        const PAUSE: Duration = Duration::from_millis(5);
        let (folder, file, path) = Self::open(folder, name)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { folder, _file: file })),
                Err(TryLockError::Error(error)) => return Err(ImageError::io("lock", &path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let Some(left) = moment.checked_duration_since(Instant::now()) else { return Ok(None) };
            std::thread::sleep(left.min(PAUSE));
        }
    }

    /// The lock's file. Whoever can open it can hold the lock for as long as they like,
    /// so nobody but its owner can.
    fn open(folder: &Path, name: &str) -> Result<(PathBuf, File, PathBuf), ImageError> {
        const OWNERS: u32 = 0o600;
        let folder = make_folder(folder)?;
        let path = folder.join(format!(".{name}.lock"));
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(OWNERS).custom_flags(flags);
        let file = options.open(&path).map_err(ImageError::io("open", &path))?;
        let mut permissions = file.metadata().map_err(ImageError::io("examine", &path))?.permissions();
        // An older version made it for all to read.
        if permissions.mode() & 0o777 & !OWNERS != 0 {
            permissions.set_mode(OWNERS);
            file.set_permissions(permissions).map_err(ImageError::io("change", &path))?;
        }
        Ok((folder, file, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn nobody_else_can_hold_a_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/.build.lock");
        let mode = || std::fs::metadata(&path).expect("the lock").permissions().mode() & 0o777;
        drop(FolderLock::take(&folder.path().join("below"), "build", || {}).expect("a lock"));
        assert_eq!(mode(), 0o600);
        let below = std::fs::metadata(folder.path().join("below")).expect("the folder");
        assert_eq!(below.permissions().mode() & 0o777, 0o700);
        // One that is there already is mended, and a link is not followed.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
        drop(FolderLock::take(&folder.path().join("below"), "build", || {}).expect("a lock"));
        assert_eq!(mode(), 0o600);
        let victim = folder.path().join("victim");
        std::os::unix::fs::symlink(&victim, folder.path().join("below/.other.lock")).expect("a link");
        FolderLock::take(&folder.path().join("below"), "other", || {}).expect_err("it is a link");
        assert!(!victim.exists());
    }

    #[test]
    fn a_lock_is_waited_for_until_a_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let take =
            |time| FolderLock::take_until(folder.path(), "build", Instant::now() + time).expect("no error");
        let first = take(Duration::ZERO).expect("nobody holds it");
        assert!(take(Duration::ZERO).is_none() && take(Duration::from_millis(20)).is_none());
        drop(first);
        assert!(take(Duration::ZERO).is_some());
    }

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
