//! What the host's error numbers mean to a guest.

use crate::Errno;

/// What an error of the host means, if it has a number.
pub(crate) fn errno(error: &std::io::Error) -> Option<Errno> {
    rustix::io::Errno::from_io_error(error).map(Errno::from)
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        use rustix::io::Errno as Host;
        match error {
            Host::TOOBIG => Self::TOOBIG,
            Host::ACCESS => Self::ACCES,
            Host::AGAIN => Self::AGAIN,
            Host::BADF => Self::BADF,
            Host::BUSY => Self::BUSY,
            Host::DEADLK => Self::DEADLK,
            Host::CONNRESET => Self::CONNRESET,
            Host::DQUOT => Self::DQUOT,
            Host::EXIST => Self::EXIST,
            Host::FBIG => Self::FBIG,
            Host::ILSEQ => Self::ILSEQ,
            Host::INTR => Self::INTR,
            Host::INVAL => Self::INVAL,
            Host::ISDIR => Self::ISDIR,
            Host::LOOP => Self::LOOP,
            Host::MFILE => Self::MFILE,
            Host::MLINK => Self::MLINK,
            Host::NAMETOOLONG => Self::NAMETOOLONG,
            Host::NFILE => Self::NFILE,
            Host::NOLCK => Self::NOLCK,
            Host::NODATA => Self::NODATA,
            Host::NODEV => Self::NODEV,
            Host::NOENT => Self::NOENT,
            Host::NOMEM => Self::NOMEM,
            Host::NOSPC => Self::NOSPC,
            Host::NOSYS => Self::NOSYS,
            Host::NOTCONN => Self::NOTCONN,
            Host::NOTDIR => Self::NOTDIR,
            Host::NOTEMPTY => Self::NOTEMPTY,
            Host::NOTSUP => Self::NOTSUP,
            Host::NOTTY => Self::NOTTY,
            Host::NXIO => Self::NXIO,
            Host::OVERFLOW => Self::OVERFLOW,
            Host::PERM => Self::PERM,
            Host::PIPE => Self::PIPE,
            Host::RANGE => Self::RANGE,
            Host::ROFS => Self::ROFS,
            Host::SPIPE => Self::SPIPE,
            Host::STALE => Self::STALE,
            Host::TIMEDOUT => Self::TIMEDOUT,
            Host::TXTBSY => Self::TXTBSY,
            Host::XDEV => Self::XDEV,
            // What else a host may say is not the guest's business.
            _ => Self::IO,
        }
    }
}
