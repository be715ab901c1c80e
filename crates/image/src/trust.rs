//! Who could have written what is about to be trusted: an image is native code, and
//! what else lies in the cache becomes one. Only the user of this process, and root,
//! may have been able to.

use crate::ImageError;
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The bits of a mode that let the group, and all others, write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// In a folder with this bit only its owner renames or removes a file.
const STICKY: u32 = 0o1000;

/// The folder `path` with all links resolved, if nobody but this user and root can
/// put anything else there: each folder from the root to it is looked at.
///
/// # Errors
/// [`ImageError::Untrusted`], or [`ImageError::Io`] if it is not there.
pub fn trusted_folder(path: &Path) -> Result<PathBuf, ImageError> {
    let real = fs::canonicalize(path).map_err(ImageError::io("find", path))?;
    for folder in real.ancestors() {
        let metadata = fs::symlink_metadata(folder).map_err(ImageError::io("examine", folder))?;
        check_owner(folder, &metadata)?;
        if metadata.mode() & STICKY == 0 {
            check_mode(folder, &metadata)?;
        }
    }
    Ok(real)
}

/// Makes a folder of the cache, and those above it, for its owner alone; one that is
/// there must be trusted.
///
/// # Errors
/// [`ImageError::Untrusted`], or [`ImageError::Io`] if it cannot be made.
pub fn make_folder(path: &Path) -> Result<(), ImageError> {
    if !path.is_dir() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(ImageError::io("make", path))?;
    }
    trusted_folder(path).map(drop)
}

/// Opens a file of a trusted folder for reading, if nobody but this user and root
/// could have written it. A link is refused: what it leads to lies in a folder that
/// nobody has looked at.
pub(crate) fn open_file(path: &Path) -> Result<File, OpenError> {
    // Without waiting for the other end of a pipe.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(untrusted(path, "it is no file".to_owned()).into());
    }
    check_owner(path, &metadata)?;
    check_mode(path, &metadata)?;
    Ok(file)
}

/// Why a file was not opened.
pub(crate) enum OpenError {
    /// The operating system refused.
    System(io::Error),
    /// It is not trusted.
    Untrusted(ImageError),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<ImageError> for OpenError {
    fn from(error: ImageError) -> Self {
        Self::Untrusted(error)
    }
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), ImageError> {
    let own = geteuid().as_raw();
    match metadata.uid() {
        0 => Ok(()),
        owner if owner == own => Ok(()),
        owner => Err(untrusted(path, format!("it belongs to user {owner}, and not to user {own} or root"))),
    }
}

fn check_mode(path: &Path, metadata: &Metadata) -> Result<(), ImageError> {
    match metadata.mode() & WRITABLE_BY_OTHERS {
        0 => Ok(()),
        bits if bits & 0o002 != 0 => Err(untrusted(path, "every user may write to it".to_owned())),
        _ => Err(untrusted(path, "its group may write to it".to_owned())),
    }
}

fn untrusted(path: &Path, reason: String) -> ImageError {
    ImageError::Untrusted { path: path.to_owned(), reason }
}
