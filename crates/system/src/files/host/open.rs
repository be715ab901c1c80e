//! Opening what is to be mounted: by a path of the host, which its user wrote.

use super::kernel::{KernelFileSystem, KernelFiles, file_system};
use crate::Errno;
use rustix::fs::{FileType, Mode, OFlags};
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// What is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Directory,
    File,
}

/// Opens what `path` leads to, if it is what is wanted and `kernel_files` lets it be shown
/// for the file system in which it lies. `failed` makes an error of what the host says.
pub(crate) fn open<E>(
    path: &Path,
    wanted: Wanted,
    failed: impl Fn(Error) -> E,
    kernel_files: impl Fn(Option<KernelFileSystem>) -> Result<KernelFiles, E>,
) -> Result<(File, KernelFiles), E> {
    let opened = |flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    let look = |file: &OwnedFd| {
        let stat = rustix::fs::fstat(file).map_err(|errno| failed(errno.into()))?;
        let found = file_system(file.as_fd()).map_err(|errno| failed(Error::other(errno)))?;
        let files = kernel_files(found)?;
        match (FileType::from_raw_mode(stat.st_mode), wanted) {
            (FileType::Directory, Wanted::Directory) | (FileType::RegularFile, Wanted::File) => Ok(files),
            (FileType::RegularFile, Wanted::Directory) => Err(failed(ErrorKind::NotADirectory.into())),
            (FileType::Directory, Wanted::File) => Err(failed(ErrorKind::IsADirectory.into())),
            _ => Err(failed(Error::other("it is neither a file nor a directory"))),
        }
    };
    // First only named: to open a FIFO would wait for its other end, and to open a
    // file of the kernel's own may do anything.
    look(&opened(OFlags::PATH).map_err(|errno| failed(errno.into()))?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = opened(flags).map_err(|errno| failed(errno.into()))?;
    let files = look(&file)?;
    Ok((file.into(), files))
}

/// The file system of the kernel's own in which a directory lies that is open, if it
/// lies in one.
pub(crate) fn kernel_file_system(directory: &File) -> Result<Option<KernelFileSystem>, Errno> {
    file_system(directory.as_fd())
}
