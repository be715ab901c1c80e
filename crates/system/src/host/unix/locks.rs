//! Locks on a file of the host, which hold against its other programs, and against the
//! runs of other controllers.
//!
//! They are locks of an open file description (OFD locks), for those of a process would be
//! of the whole controller, and gone as soon as it closes any descriptor of the file. Only
//! Linux has them; elsewhere locks on ranges hold within this process alone.

use crate::Errno;
use crate::locks::{Backing, Conflict, Mode, Span, Taken};
use rustix::fs::{FlockOperation, OFlags};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

/// A descriptor of a file of the host, which may be one that a guest reads and writes by: it
/// stays open as long as it holds locks.
pub(crate) type Lockable = Arc<dyn AsFd + Send + Sync>;

/// Locks by one descriptor.
pub(crate) struct HostLocks {
    file: Lockable,
    readable: bool,
    writable: bool,
    /// Opens it for both, if it is not.
    reopen: Option<Reopen>,
}

/// How a file is opened again to be locked, by what a system may hold of descriptors.
pub(crate) type Reopen = Arc<dyn Fn(&Lockable) -> Result<Lockable, Errno> + Send + Sync>;

impl HostLocks {
    /// By `file`, for which `reopen` gives another where it may only be written: a
    /// shared lock needs one that may be read.
    pub(crate) fn new(file: Lockable, reopen: Option<Reopen>) -> Result<Arc<Self>, Errno> {
        let flags = rustix::fs::fcntl_getfl(&*file)?;
        let access = flags & OFlags::RWMODE;
        let (readable, writable) = (access != OFlags::WRONLY, access != OFlags::RDONLY);
        Ok(Arc::new(Self { file, readable, writable, reopen }))
    }
}

/// Opens what `file` is once more, to read and to write. A regular file only: to open
/// anything else might do something.
pub(crate) fn opened_for_both(file: &dyn AsFd) -> Result<std::fs::File, Errno> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, rustix::fs::Mode::empty())?;
    let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    // In a /proc that is not the kernel's the name may lead anywhere.
    match identity(rustix::fs::fstat(&opened)?) == identity(rustix::fs::fstat(file)?) {
        true => Ok(opened.into()),
        false => Err(Errno::NOLCK),
    }
}

impl Backing for HostLocks {
    fn begin(self: Arc<Self>) -> Result<Arc<dyn Backing>, Errno> {
        if !self.readable
            && let Some(reopen) = &self.reopen
            && let Ok(file) = reopen(&self.file)
        {
            return Ok(Arc::new(Self { file, readable: true, writable: true, reopen: None }));
        }
        Ok(self)
    }

    fn can(&self, mode: Mode) -> bool {
        match mode {
            Mode::Shared => self.readable,
            Mode::Exclusive => self.writable,
        }
    }

    fn set(&self, mode: Option<Mode>, span: Span) -> Result<Taken, Errno> {
        ranges::set(&*self.file, mode, span)
    }

    fn set_whole(&self, mode: Option<Mode>) -> Result<Taken, Errno> {
        let operation = match mode {
            None => FlockOperation::NonBlockingUnlock,
            Some(Mode::Shared) => FlockOperation::NonBlockingLockShared,
            Some(Mode::Exclusive) => FlockOperation::NonBlockingLockExclusive,
        };
        match rustix::fs::flock(&*self.file, operation) {
            Ok(()) => Ok(Taken::Yes),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Taken::No),
            Err(error) => Err(error.into()),
        }
    }

    fn find(&self, mode: Mode, span: Span) -> Result<Option<Conflict>, Errno> {
        ranges::find(&*self.file, mode, span)
    }
}

#[cfg(target_os = "linux")]
mod ranges {
    use super::{Conflict, Errno, Mode, Span, Taken};
    use crate::locks::Whose;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    use std::os::fd::AsFd;

    fn number(mode: Option<Mode>) -> libc::c_short {
        let number = match mode {
            None => libc::F_UNLCK,
            Some(Mode::Shared) => libc::F_RDLCK,
            Some(Mode::Exclusive) => libc::F_WRLCK,
        };
        // 0, 1 and 2 fit.
        number as libc::c_short
    }

    fn structure(mode: Option<Mode>, span: Span) -> Result<libc::flock, Errno> {
        // 0 stands for all to come.
        let length = if span.last >= Span::END { 0 } else { span.last - span.first + 1 };
        let offset = |offset: u64| libc::off_t::try_from(offset).map_err(|_| Errno::OVERFLOW);
        Ok(libc::flock {
            l_type: number(mode),
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: offset(span.first)?,
            l_len: offset(length)?,
            l_pid: 0,
        })
    }

    fn errno(error: nix::errno::Errno) -> Errno {
        rustix::io::Errno::from_raw_os_error(error as i32).into()
    }

    pub(super) fn set(file: &dyn AsFd, mode: Option<Mode>, span: Span) -> Result<Taken, Errno> {
        use nix::errno::Errno as Host;
        match fcntl(file, FcntlArg::F_OFD_SETLK(&structure(mode, span)?)) {
            Ok(_) => Ok(Taken::Yes),
            Err(Host::EAGAIN | Host::EACCES) => Ok(Taken::No),
            Err(error) => Err(errno(error)),
        }
    }

    pub(super) fn find(file: &dyn AsFd, mode: Mode, span: Span) -> Result<Option<Conflict>, Errno> {
        let mut asked = structure(Some(mode), span)?;
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut asked)).map_err(errno)?;
        let first = u64::try_from(asked.l_start).map_err(|_| Errno::OVERFLOW)?;
        let last = match u64::try_from(asked.l_len).map_err(|_| Errno::OVERFLOW)? {
            0 => Span::END,
            length => first.saturating_add(length - 1).min(Span::END),
        };
        // -1 stands for an open file, of which no one process is the owner.
        let whose = if asked.l_pid == -1 { Whose::DescriptionElsewhere } else { Whose::Elsewhere };
        let conflict = |mode| Ok(Some(Conflict { mode, span: Span { first, last }, whose }));
        match asked.l_type {
            found if found == number(None) => Ok(None),
            found if found == number(Some(Mode::Shared)) => conflict(Mode::Shared),
            _ => conflict(Mode::Exclusive),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod ranges {
    use super::{Conflict, Errno, Mode, Span, Taken};
    use std::os::fd::AsFd;

    pub(super) fn set(_file: &dyn AsFd, _mode: Option<Mode>, _span: Span) -> Result<Taken, Errno> {
        Ok(Taken::Yes)
    }

    pub(super) fn find(_file: &dyn AsFd, _mode: Mode, _span: Span) -> Result<Option<Conflict>, Errno> {
        Ok(None)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::locks::Whose;
    use Mode::{Exclusive, Shared};

    const SPAN: Span = Span { first: 10, last: 19 };

    fn locks(path: &std::path::Path, write_only: bool) -> Arc<HostLocks> {
        let file = std::fs::OpenOptions::new().read(!write_only).write(true).open(path).expect("opened");
        let reopen: Reopen = Arc::new(|file| Ok(Arc::new(opened_for_both(&**file)?)));
        HostLocks::new(Arc::new(file), Some(reopen)).expect("told")
    }

    #[test]
    fn two_descriptions_of_one_file_conflict_and_say_where() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let (one, other) = (locks(file.path(), false), locks(file.path(), false));
        assert_eq!(one.set(Some(Exclusive), SPAN), Ok(Taken::Yes));
        assert_eq!(other.set(Some(Shared), Span::WHOLE), Ok(Taken::No));
        let found = other.find(Shared, Span::WHOLE);
        let expected = Conflict { mode: Exclusive, span: SPAN, whose: Whose::DescriptionElsewhere };
        assert_eq!(found, Ok(Some(expected)));
        let beyond = Span { first: 20, last: Span::END };
        assert_eq!(other.set(Some(Exclusive), beyond), Ok(Taken::Yes));
        assert_eq!(
            one.find(Exclusive, Span::WHOLE).map(|found| found.map(|found| found.span)),
            Ok(Some(beyond))
        );
        assert_eq!((one.set(None, Span::WHOLE), other.find(Shared, SPAN)), (Ok(Taken::Yes), Ok(None)));
    }

    #[test]
    fn whole_files_are_locked_apart_from_ranges() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let (one, other) = (locks(file.path(), false), locks(file.path(), false));
        assert_eq!(one.set_whole(Some(Exclusive)), Ok(Taken::Yes));
        assert_eq!(other.set_whole(Some(Shared)), Ok(Taken::No));
        assert_eq!(other.set(Some(Exclusive), SPAN), Ok(Taken::Yes));
        assert_eq!((one.set_whole(None), other.set_whole(Some(Shared))), (Ok(Taken::Yes), Ok(Taken::Yes)));
    }

    #[test]
    fn what_may_only_be_written_is_opened_for_both_to_be_locked() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let write_only = locks(file.path(), true);
        assert!(!write_only.can(Shared) && write_only.can(Exclusive));
        let held = Arc::clone(&write_only).begin().expect("opened");
        assert!(held.can(Shared) && held.can(Exclusive));
        assert_eq!(held.set(Some(Shared), SPAN), Ok(Taken::Yes));
        assert_eq!(locks(file.path(), false).set(Some(Exclusive), SPAN), Ok(Taken::No));
    }
}
