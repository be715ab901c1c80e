//! The error numbers that a guest sees: WASI's, which are wasi-libc's errno
//! values too.

use std::fmt;

/// An error number of WASI preview 1.
///
/// ```
/// use bellglass_system::Errno;
///
/// assert_eq!(Errno::NOENT.number(), 44);
/// assert_eq!(Errno::NOENT.name(), "ENOENT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(u16);

/// The name in C: an E and the name in WASI, but for one that cannot start with
/// a digit.
macro_rules! errno_name {
    (TOOBIG) => {
        "E2BIG"
    };
    ($name:ident) => {
        concat!("E", stringify!($name))
    };
}

macro_rules! errnos {
    ($($number:literal $name:ident $text:literal)*) => {
        impl Errno {
            $(
                #[doc = $text]
                pub const $name: Self = Self($number);
            )*

            /// The name that C programs know, for instance `ENOENT`.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => errno_name!($name),)*
                    _ => "an unknown errno",
                }
            }

            /// A sentence for people.
            pub fn text(self) -> &'static str {
                match self.0 {
                    $($number => $text,)*
                    _ => "Unknown error",
                }
            }
        }
    };
}

// Numbers: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
// Texts: as Linux's strerror has them.
errnos! {
    1 TOOBIG "Argument list too long"
    2 ACCES "Permission denied"
    3 ADDRINUSE "Address already in use"
    4 ADDRNOTAVAIL "Cannot assign requested address"
    5 AFNOSUPPORT "Address family not supported by protocol"
    6 AGAIN "Resource temporarily unavailable"
    7 ALREADY "Operation already in progress"
    8 BADF "Bad file descriptor"
    9 BADMSG "Bad message"
    10 BUSY "Device or resource busy"
    11 CANCELED "Operation canceled"
    12 CHILD "No child processes"
    13 CONNABORTED "Software caused connection abort"
    14 CONNREFUSED "Connection refused"
    15 CONNRESET "Connection reset by peer"
    16 DEADLK "Resource deadlock avoided"
    17 DESTADDRREQ "Destination address required"
    18 DOM "Numerical argument out of domain"
    19 DQUOT "Disk quota exceeded"
    20 EXIST "File exists"
    21 FAULT "Bad address"
    22 FBIG "File too large"
    23 HOSTUNREACH "No route to host"
    24 IDRM "Identifier removed"
    25 ILSEQ "Invalid or incomplete multibyte or wide character"
    26 INPROGRESS "Operation now in progress"
    27 INTR "Interrupted system call"
    28 INVAL "Invalid argument"
    29 IO "Input/output error"
    30 ISCONN "Transport endpoint is already connected"
    31 ISDIR "Is a directory"
    32 LOOP "Too many levels of symbolic links"
    33 MFILE "Too many open files"
    34 MLINK "Too many links"
    35 MSGSIZE "Message too long"
    36 MULTIHOP "Multihop attempted"
    37 NAMETOOLONG "File name too long"
    38 NETDOWN "Network is down"
    39 NETRESET "Network dropped connection on reset"
    40 NETUNREACH "Network is unreachable"
    41 NFILE "Too many open files in system"
    42 NOBUFS "No buffer space available"
    43 NODEV "No such device"
    44 NOENT "No such file or directory"
    45 NOEXEC "Exec format error"
    46 NOLCK "No locks available"
    47 NOLINK "Link has been severed"
    48 NOMEM "Cannot allocate memory"
    49 NOMSG "No message of desired type"
    50 NOPROTOOPT "Protocol not available"
    51 NOSPC "No space left on device"
    52 NOSYS "Function not implemented"
    53 NOTCONN "Transport endpoint is not connected"
    54 NOTDIR "Not a directory"
    55 NOTEMPTY "Directory not empty"
    56 NOTRECOVERABLE "State not recoverable"
    57 NOTSOCK "Socket operation on non-socket"
    58 NOTSUP "Operation not supported"
    59 NOTTY "Inappropriate ioctl for device"
    60 NXIO "No such device or address"
    61 OVERFLOW "Value too large for defined data type"
    62 OWNERDEAD "Owner died"
    63 PERM "Operation not permitted"
    64 PIPE "Broken pipe"
    65 PROTO "Protocol error"
    66 PROTONOSUPPORT "Protocol not supported"
    67 PROTOTYPE "Protocol wrong type for socket"
    68 RANGE "Numerical result out of range"
    69 ROFS "Read-only file system"
    70 SPIPE "Illegal seek"
    71 SRCH "No such process"
    72 STALE "Stale file handle"
    73 TIMEDOUT "Connection timed out"
    74 TXTBSY "Text file busy"
    75 XDEV "Invalid cross-device link"
    76 NOTCAPABLE "Capabilities insufficient"
}

impl Errno {
    /// The error with this number, if there is one; 0 means success and is none.
    pub fn from_number(number: u16) -> Option<Self> {
        (1..=76).contains(&number).then_some(Self(number))
    }

    /// The number that the guest gets.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.name(), self.text())
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::error::Error for Errno {}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        if let Some(errno) = crate::host::errno(&error) {
            return errno;
        }
        match error.kind() {
            ErrorKind::NotFound => Self::NOENT,
            ErrorKind::PermissionDenied => Self::PERM,
            ErrorKind::AlreadyExists => Self::EXIST,
            ErrorKind::InvalidInput => Self::INVAL,
            ErrorKind::Interrupted => Self::INTR,
            ErrorKind::WouldBlock => Self::AGAIN,
            ErrorKind::BrokenPipe => Self::PIPE,
            ErrorKind::StorageFull => Self::NOSPC,
            ErrorKind::Unsupported => Self::NOTSUP,
            ErrorKind::OutOfMemory => Self::NOMEM,
            _ => Self::IO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_name_and_a_text() {
        for number in 1..=76 {
            let errno = Errno::from_number(number).expect("within the list");
            assert!(errno.name().starts_with('E'), "{number}");
            assert_ne!(errno.text(), "Unknown error", "{number}");
        }
        assert_eq!(Errno::from_number(0), None);
        assert_eq!(Errno::from_number(77), None);
    }

    #[test]
    fn host_errors_keep_their_meaning() {
        let of = |number| Errno::from(std::io::Error::from_raw_os_error(number));
        assert_eq!(of(2), Errno::NOENT);
        assert_eq!(of(13), Errno::ACCES);
        assert_eq!(of(40), Errno::LOOP);
        assert_eq!(of(4095), Errno::IO);
        assert_eq!(Errno::from(std::io::Error::from(std::io::ErrorKind::NotFound)), Errno::NOENT);
    }
}
