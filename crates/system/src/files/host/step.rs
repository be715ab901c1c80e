//! What is asked of the host: one name, in a directory that is open, without
//! following symlinks. No other module opens anything by a name.
//!
//! `openat2` (Linux 5.6) holds the kernel to that a second time. Where it is missing,
//! or a container's filter refuses it, `openat` does the same for a single name.

use super::attribute;
use super::node::Identity;
use crate::Errno;
use crate::files::Attribute;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether `openat2` has turned out to be missing.
static WITHOUT_OPENAT2: AtomicBool = AtomicBool::new(false);

/// EINVAL for what is more, or less, than one name. The walk asks for none such: this
/// is so that a mistake there is no hole.
fn single(name: &[u8]) -> Result<&[u8], Errno> {
    match name {
        b"" | b"." | b".." => Err(Errno::INVAL),
        name if name.contains(&b'/') => Err(Errno::INVAL),
        name => Ok(name),
    }
}

/// Only the nine bits, and the one that keeps others from removing names: no guest shall
/// leave a set-user-ID program behind.
pub(super) fn permission_bits(permissions: u32) -> Mode {
    Mode::from_raw_mode(permissions & 0o1777)
}

/// Opens `name`, whatever it is, but not what a symlink leads to.
pub(super) fn open(
    directory: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let name = single(name)?;
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if WITHOUT_OPENAT2.load(Ordering::Relaxed) {
        return Ok(rustix::fs::openat(directory, name, flags, mode)?);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(directory, name, flags, mode, resolve) {
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            let opened = rustix::fs::openat(directory, name, flags, mode);
            // EPERM may also be the answer to this very question.
            if opened.is_ok() {
                WITHOUT_OPENAT2.store(true, Ordering::Relaxed);
            }
            Ok(opened?)
        }
        other => Ok(other?),
    }
}

/// Opens a directory, to look for names in it and nothing else; ENOTDIR or ELOOP for
/// anything else.
pub(super) fn directory(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    open(directory, name, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
}

/// Opens a directory that is open, now to read what is in it.
pub(super) fn listed(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, ".", flags, Mode::empty()) {
        // To look up the dot is more than to read, and may be forbidden alone.
        Err(rustix::io::Errno::ACCESS) => {
            let (own, number) = named(directory).ok_or(Errno::ACCES)?;
            Ok(rustix::fs::openat(own, number, flags, Mode::empty())?)
        }
        opened => Ok(opened?),
    }
}

/// EACCES if that may not be done in a directory that is open.
pub(super) fn may(directory: BorrowedFd<'_>, wanted: rustix::fs::Access) -> Result<(), Errno> {
    Ok(rustix::fs::accessat(directory, ".", wanted, AtFlags::EACCESS)?)
}

/// The directory above one that is open. Whether that is still within a mount is for
/// the caller to find out, who may do no more with it than look at its number.
pub(super) fn above(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(directory, "..", flags, Mode::empty())?)
}

pub(super) fn stat(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Stat, Errno> {
    Ok(rustix::fs::statat(directory, single(name)?, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(super) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// The target of a symlink; `None` for what is none.
pub(super) fn target(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    match rustix::fs::readlinkat(directory, single(name)?, Vec::new()) {
        Ok(target) => Ok(Some(target.into_bytes())),
        Err(rustix::io::Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn make_directory(directory: BorrowedFd<'_>, name: &[u8], mode: Mode) -> Result<(), Errno> {
    Ok(rustix::fs::mkdirat(directory, single(name)?, mode)?)
}

pub(super) fn make_symlink(directory: BorrowedFd<'_>, name: &[u8], target: &[u8]) -> Result<(), Errno> {
    Ok(rustix::fs::symlinkat(target, directory, single(name)?)?)
}

pub(super) fn link(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    to_name: &[u8],
) -> Result<(), Errno> {
    Ok(rustix::fs::linkat(from, single(name)?, to, single(to_name)?, AtFlags::empty())?)
}

pub(super) fn rename(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    to_name: &[u8],
) -> Result<(), Errno> {
    Ok(rustix::fs::renameat(from, single(name)?, to, single(to_name)?)?)
}

/// A rename that replaces nothing; ENOTSUP where the file system cannot promise that.
pub(super) fn rename_new(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    to_name: &[u8],
) -> Result<(), Errno> {
    use rustix::io::Errno as Host;
    match rustix::fs::renameat_with(from, single(name)?, to, single(to_name)?, RenameFlags::NOREPLACE) {
        Err(Host::INVAL | Host::NOSYS | Host::OPNOTSUPP) => Err(Errno::NOTSUP),
        other => Ok(other?),
    }
}

/// Makes a file without a name in the file system of a directory, which may get a name
/// unless it is to stay `unlinkable`.
#[cfg(target_os = "linux")]
pub(super) fn open_unnamed(
    directory: BorrowedFd<'_>,
    read: bool,
    unlinkable: bool,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let access = if read { OFlags::RDWR } else { OFlags::WRONLY };
    let mut flags = access | OFlags::TMPFILE | OFlags::CLOEXEC;
    flags.set(OFlags::EXCL, unlinkable);
    Ok(rustix::fs::openat(directory, ".", flags, mode)?)
}

/// See above; other systems have no such files.
#[cfg(not(target_os = "linux"))]
pub(super) fn open_unnamed(
    _directory: BorrowedFd<'_>,
    _read: bool,
    _unlinkable: bool,
    _mode: Mode,
) -> Result<OwnedFd, Errno> {
    Err(Errno::NOTSUP)
}

/// Gives an open file a name; ENOENT if it has none any more and may get none.
pub(super) fn link_open(file: BorrowedFd<'_>, directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let name = single(name)?;
    let (own, number) = named(file).ok_or(Errno::NOENT)?;
    Ok(rustix::fs::linkat(own, number, directory, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Lets two names change places; EINVAL where the file system cannot do that at once.
pub(super) fn exchange(
    from: BorrowedFd<'_>,
    name: &[u8],
    to: BorrowedFd<'_>,
    to_name: &[u8],
) -> Result<(), Errno> {
    use rustix::io::Errno as Host;
    match rustix::fs::renameat_with(from, single(name)?, to, single(to_name)?, RenameFlags::EXCHANGE) {
        Err(Host::NOSYS | Host::OPNOTSUPP) => Err(Errno::INVAL),
        other => Ok(other?),
    }
}

pub(super) fn remove(directory: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<(), Errno> {
    Ok(rustix::fs::unlinkat(directory, single(name)?, flags)?)
}

/// A file that is open only to be named, by a name that leads to nothing else: that
/// of the process's own descriptor, in a /proc that is really the kernel's. `None`
/// where there is no such.
fn named(file: BorrowedFd<'_>) -> Option<(OwnedFd, String)> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let own = rustix::fs::open("/proc/self/fd", flags, Mode::empty()).ok()?;
    let found = rustix::fs::fstatfs(&own).ok()?;
    (found.f_type == rustix::fs::PROC_SUPER_MAGIC).then(|| (own, file.as_raw_fd().to_string()))
}

/// Changes the permission bits of a file or directory that is open, if only to be
/// named. No name is looked up again in between.
pub(super) fn set_mode(file: BorrowedFd<'_>, mode: Mode) -> Result<(), Errno> {
    if let Some((own, number)) = named(file) {
        return Ok(rustix::fs::chmodat(own, number, mode, AtFlags::empty())?);
    }
    match kind(&rustix::fs::fstat(file)?) {
        FileType::Directory => Ok(rustix::fs::chmodat(file, ".", mode, AtFlags::empty())?),
        _ => Err(Errno::NOTSUP),
    }
}

/// Extended attributes of a file or directory that is open, if only to be named.
pub(super) fn attribute(file: BorrowedFd<'_>, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
    let (_, number) = named(file).ok_or(Errno::NOTSUP)?;
    attribute::of_path(&format!("/proc/self/fd/{number}"), act)
}

/// The same for the times.
pub(super) fn set_times(file: BorrowedFd<'_>, times: &rustix::fs::Timestamps) -> Result<(), Errno> {
    match named(file) {
        Some((own, number)) => Ok(rustix::fs::utimensat(own, number, times, AtFlags::empty())?),
        None => Ok(rustix::fs::utimensat(file, ".", times, AtFlags::empty())?),
    }
}

/// The times of `name`, of a symlink its own.
pub(super) fn set_times_of(
    directory: BorrowedFd<'_>,
    name: &[u8],
    times: &rustix::fs::Timestamps,
) -> Result<(), Errno> {
    Ok(rustix::fs::utimensat(directory, single(name)?, times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The permission bits of `name`, without a way to follow a link that comes there
/// meanwhile. `check` says whether what was found may be changed.
pub(super) fn set_mode_of(
    directory: BorrowedFd<'_>,
    name: &[u8],
    mode: Mode,
    check: impl Fn(BorrowedFd<'_>, &Stat) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let found = open(directory, name, OFlags::PATH, Mode::empty())?;
    let stat = rustix::fs::fstat(&found)?;
    check(found.as_fd(), &stat)?;
    match set_mode(found.as_fd(), mode) {
        Err(Errno::NOTSUP) => set_mode_opened(directory, name, mode, identity(&stat)),
        other => other,
    }
}

/// Without /proc the file must be opened, which not every file allows. EBUSY if it is
/// not `expected` by then.
fn set_mode_opened(
    directory: BorrowedFd<'_>,
    name: &[u8],
    mode: Mode,
    expected: Identity,
) -> Result<(), Errno> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = open(directory, name, OFlags::RDONLY | flags, Mode::empty())
        .or_else(|_| open(directory, name, OFlags::WRONLY | flags, Mode::empty()))?;
    if identity(&rustix::fs::fstat(&opened)?) != expected {
        return Err(Errno::BUSY);
    }
    Ok(rustix::fs::fchmod(&opened, mode)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `openat2`, and as if the kernel had none.
    #[test]
    fn no_link_is_followed_and_nothing_is_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::create_dir(path("directory")).expect("made");
        std::fs::write(path("file"), "text").expect("written");
        std::os::unix::fs::symlink("file", path("to-file")).expect("linked");
        std::os::unix::fs::symlink("directory", path("to-directory")).expect("linked");
        std::os::unix::fs::symlink("/proc/self/fd/0", path("magic")).expect("linked");
        let at = std::fs::File::open(directory.path()).expect("opened");
        for without in [false, true] {
            WITHOUT_OPENAT2.store(without, Ordering::Relaxed);
            let opened = |name: &str, flags| open(at.as_fd(), name.as_bytes(), flags, Mode::empty());
            for name in ["to-file", "to-directory", "magic"] {
                assert_eq!(opened(name, OFlags::RDONLY).err(), Some(Errno::LOOP), "{name} {without}");
                assert!(super::directory(at.as_fd(), name.as_bytes()).is_err(), "{name} {without}");
                let itself = opened(name, OFlags::PATH).expect("the link itself");
                assert_eq!(kind(&rustix::fs::fstat(itself).expect("told")), FileType::Symlink);
            }
            assert!(opened("file", OFlags::RDONLY).is_ok());
            assert!(super::directory(at.as_fd(), b"directory").is_ok());
            assert_eq!(super::directory(at.as_fd(), b"file").err(), Some(Errno::NOTDIR));
            let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            for name in ["to-file", "magic"] {
                let made = open(at.as_fd(), name.as_bytes(), new, permission_bits(0o644));
                assert_eq!(made.err(), Some(Errno::EXIST), "{name} {without}");
            }
            let check = |_: BorrowedFd<'_>, stat: &Stat| match kind(stat) {
                FileType::Symlink => Err(Errno::NOTSUP),
                _ => Ok(()),
            };
            let refused = set_mode_of(at.as_fd(), b"to-file", permission_bits(0), check);
            assert_eq!(refused, Err(Errno::NOTSUP));
        }
        WITHOUT_OPENAT2.store(false, Ordering::Relaxed);
    }

    #[test]
    fn permission_bits_are_those_of_the_file_that_was_looked_at() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("file"), "").expect("written");
        std::fs::write(path("other"), "").expect("written");
        std::os::unix::fs::symlink("file", path("link")).expect("linked");
        let at = std::fs::File::open(directory.path()).expect("opened");
        let told = |name: &str| stat(at.as_fd(), name.as_bytes()).expect("there");
        let file = identity(&told("file"));
        for name in ["other", "link"] {
            let set = set_mode_opened(at.as_fd(), name.as_bytes(), permission_bits(0), file);
            assert!(matches!(set, Err(Errno::BUSY | Errno::LOOP)), "{name}: {set:?}");
        }
        assert_ne!(told("file").st_mode & 0o777, 0o640);
        set_mode_opened(at.as_fd(), b"file", permission_bits(0o640), file).expect("set");
        assert_eq!(told("file").st_mode & 0o777, 0o640);
        set_mode_of(at.as_fd(), b"file", permission_bits(0o7601), |_, _| Ok(())).expect("set");
        assert_eq!(told("file").st_mode & 0o7777, 0o1601);
        // One that nobody may open.
        set_mode_of(at.as_fd(), b"file", permission_bits(0), |_, _| Ok(())).expect("set");
        set_mode_of(at.as_fd(), b"file", permission_bits(0o600), |_, _| Ok(())).expect("set");
        assert_eq!(told("file").st_mode & 0o777, 0o600);
    }

    #[test]
    fn only_single_names_are_asked_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let open_directory = std::fs::File::open(directory.path()).expect("opened");
        for name in ["", ".", "..", "/", "a/b", "../x", "/etc/passwd", "a/"] {
            let (at, name) = (open_directory.as_fd(), name.as_bytes());
            assert_eq!(open(at, name, OFlags::PATH, Mode::empty()).err(), Some(Errno::INVAL));
            assert_eq!(stat(at, name).err(), Some(Errno::INVAL));
            assert_eq!(target(at, name).err(), Some(Errno::INVAL));
            assert_eq!(make_directory(at, name, Mode::empty()), Err(Errno::INVAL));
            assert_eq!(make_symlink(at, name, b"x"), Err(Errno::INVAL));
            assert_eq!(link(at, b"x", at, name), Err(Errno::INVAL));
            assert_eq!(rename(at, name, at, b"x"), Err(Errno::INVAL));
            assert_eq!(rename_new(at, b"x", at, name), Err(Errno::INVAL));
            assert_eq!(remove(at, name, AtFlags::empty()), Err(Errno::INVAL));
        }
    }
}
