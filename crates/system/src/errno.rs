//! The error numbers that a guest sees: Linux's. WASI has numbers of its own for them.

use std::fmt;

/// An error number of Linux, as in its `asm-generic/errno.h`, with the number that WASI
/// preview 1 has for the same.
///
/// ```
/// use bellglass_system::Errno;
///
/// assert_eq!(Errno::NOENT.number(), 2);
/// assert_eq!(Errno::NOENT.wasi(), 44);
/// assert_eq!(Errno::NOENT.name(), "ENOENT");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Errno(u16);

/// The name in C: an E and the name here, but for one that cannot start with a digit.
macro_rules! errno_name {
    (TOOBIG) => {
        "E2BIG"
    };
    ($name:ident) => {
        concat!("E", stringify!($name))
    };
}

macro_rules! errnos {
    ($($number:literal $name:ident $wasi:literal $text:literal)*) => {
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

            /// What WASI has for it: EIO for what only Linux knows.
            pub fn wasi(self) -> u16 {
                match self.0 {
                    $($number if $wasi != 0 => $wasi,)*
                    _ => Self::IO.wasi(),
                }
            }

            /// All that there are, by number.
            const ALL: &[Self] = &[$(Self($number)),*];
        }
    };
}

// Linux's number, the name, WASI's number or 0 if it has none, and the text.
// Numbers: include/uapi/asm-generic/errno{-base,}.h of Linux, and
// https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno
// Texts: as Linux's strerror has them.
errnos! {
    1 PERM 63 "Operation not permitted"
    2 NOENT 44 "No such file or directory"
    3 SRCH 71 "No such process"
    4 INTR 27 "Interrupted system call"
    5 IO 29 "Input/output error"
    6 NXIO 60 "No such device or address"
    7 TOOBIG 1 "Argument list too long"
    8 NOEXEC 45 "Exec format error"
    9 BADF 8 "Bad file descriptor"
    10 CHILD 12 "No child processes"
    11 AGAIN 6 "Resource temporarily unavailable"
    12 NOMEM 48 "Cannot allocate memory"
    13 ACCES 2 "Permission denied"
    14 FAULT 21 "Bad address"
    15 NOTBLK 0 "Block device required"
    16 BUSY 10 "Device or resource busy"
    17 EXIST 20 "File exists"
    18 XDEV 75 "Invalid cross-device link"
    19 NODEV 43 "No such device"
    20 NOTDIR 54 "Not a directory"
    21 ISDIR 31 "Is a directory"
    22 INVAL 28 "Invalid argument"
    23 NFILE 41 "Too many open files in system"
    24 MFILE 33 "Too many open files"
    25 NOTTY 59 "Inappropriate ioctl for device"
    26 TXTBSY 74 "Text file busy"
    27 FBIG 22 "File too large"
    28 NOSPC 51 "No space left on device"
    29 SPIPE 70 "Illegal seek"
    30 ROFS 69 "Read-only file system"
    31 MLINK 34 "Too many links"
    32 PIPE 64 "Broken pipe"
    33 DOM 18 "Numerical argument out of domain"
    34 RANGE 68 "Numerical result out of range"
    35 DEADLK 16 "Resource deadlock avoided"
    36 NAMETOOLONG 37 "File name too long"
    37 NOLCK 46 "No locks available"
    38 NOSYS 52 "Function not implemented"
    39 NOTEMPTY 55 "Directory not empty"
    40 LOOP 32 "Too many levels of symbolic links"
    42 NOMSG 49 "No message of desired type"
    43 IDRM 24 "Identifier removed"
    44 CHRNG 0 "Channel number out of range"
    45 L2NSYNC 0 "Level 2 not synchronized"
    46 L3HLT 0 "Level 3 halted"
    47 L3RST 0 "Level 3 reset"
    48 LNRNG 0 "Link number out of range"
    49 UNATCH 0 "Protocol driver not attached"
    50 NOCSI 0 "No CSI structure available"
    51 L2HLT 0 "Level 2 halted"
    52 BADE 0 "Invalid exchange"
    53 BADR 0 "Invalid request descriptor"
    54 XFULL 0 "Exchange full"
    55 NOANO 0 "No anode"
    56 BADRQC 0 "Invalid request code"
    57 BADSLT 0 "Invalid slot"
    59 BFONT 0 "Bad font file format"
    60 NOSTR 0 "Device not a stream"
    61 NODATA 0 "No data available"
    62 TIME 0 "Timer expired"
    63 NOSR 0 "Out of streams resources"
    64 NONET 0 "Machine is not on the network"
    65 NOPKG 0 "Package not installed"
    66 REMOTE 0 "Object is remote"
    67 NOLINK 47 "Link has been severed"
    68 ADV 0 "Advertise error"
    69 SRMNT 0 "Srmount error"
    70 COMM 0 "Communication error on send"
    71 PROTO 65 "Protocol error"
    72 MULTIHOP 36 "Multihop attempted"
    73 DOTDOT 0 "RFS specific error"
    74 BADMSG 9 "Bad message"
    75 OVERFLOW 61 "Value too large for defined data type"
    76 NOTUNIQ 0 "Name not unique on network"
    77 BADFD 0 "File descriptor in bad state"
    78 REMCHG 0 "Remote address changed"
    79 LIBACC 0 "Can not access a needed shared library"
    80 LIBBAD 0 "Accessing a corrupted shared library"
    81 LIBSCN 0 ".lib section in a.out corrupted"
    82 LIBMAX 0 "Attempting to link in too many shared libraries"
    83 LIBEXEC 0 "Cannot exec a shared library directly"
    84 ILSEQ 25 "Invalid or incomplete multibyte or wide character"
    85 RESTART 0 "Interrupted system call should be restarted"
    86 STRPIPE 0 "Streams pipe error"
    87 USERS 0 "Too many users"
    88 NOTSOCK 57 "Socket operation on non-socket"
    89 DESTADDRREQ 17 "Destination address required"
    90 MSGSIZE 35 "Message too long"
    91 PROTOTYPE 67 "Protocol wrong type for socket"
    92 NOPROTOOPT 50 "Protocol not available"
    93 PROTONOSUPPORT 66 "Protocol not supported"
    94 SOCKTNOSUPPORT 0 "Socket type not supported"
    95 NOTSUP 58 "Operation not supported"
    96 PFNOSUPPORT 0 "Protocol family not supported"
    97 AFNOSUPPORT 5 "Address family not supported by protocol"
    98 ADDRINUSE 3 "Address already in use"
    99 ADDRNOTAVAIL 4 "Cannot assign requested address"
    100 NETDOWN 38 "Network is down"
    101 NETUNREACH 40 "Network is unreachable"
    102 NETRESET 39 "Network dropped connection on reset"
    103 CONNABORTED 13 "Software caused connection abort"
    104 CONNRESET 15 "Connection reset by peer"
    105 NOBUFS 42 "No buffer space available"
    106 ISCONN 30 "Transport endpoint is already connected"
    107 NOTCONN 53 "Transport endpoint is not connected"
    108 SHUTDOWN 0 "Cannot send after transport endpoint shutdown"
    109 TOOMANYREFS 0 "Too many references: cannot splice"
    110 TIMEDOUT 73 "Connection timed out"
    111 CONNREFUSED 14 "Connection refused"
    112 HOSTDOWN 0 "Host is down"
    113 HOSTUNREACH 23 "No route to host"
    114 ALREADY 7 "Operation already in progress"
    115 INPROGRESS 26 "Operation now in progress"
    116 STALE 72 "Stale file handle"
    117 UCLEAN 0 "Structure needs cleaning"
    118 NOTNAM 0 "Not a XENIX named type file"
    119 NAVAIL 0 "No XENIX semaphores available"
    120 ISNAM 0 "Is a named type file"
    121 REMOTEIO 0 "Remote I/O error"
    122 DQUOT 19 "Disk quota exceeded"
    123 NOMEDIUM 0 "No medium found"
    124 MEDIUMTYPE 0 "Wrong medium type"
    125 CANCELED 11 "Operation canceled"
    126 NOKEY 0 "Required key not available"
    127 KEYEXPIRED 0 "Key has expired"
    128 KEYREVOKED 0 "Key has been revoked"
    129 KEYREJECTED 0 "Key was rejected by service"
    130 OWNERDEAD 62 "Owner died"
    131 NOTRECOVERABLE 56 "State not recoverable"
    132 RFKILL 0 "Operation not possible due to RF-kill"
    133 HWPOISON 0 "Memory page has hardware error"
    // WASI's own, in a number that no error of Linux has.
    4095 NOTCAPABLE 76 "Capabilities insufficient"
}

impl Errno {
    /// The error with this number of Linux, if there is one; 0 means success and is none.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|errno| errno.0 == number)
    }

    /// The error with this number of WASI, if there is one.
    pub fn from_wasi(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|errno| number != 0 && errno.wasi() == number)
    }

    /// Linux's number.
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
        for errno in Errno::ALL {
            assert!(errno.name().starts_with('E'), "{}", errno.0);
            assert_ne!(errno.text(), "Unknown error", "{}", errno.0);
            assert_eq!(Errno::from_number(errno.number()), Some(*errno));
        }
        assert_eq!(Errno::from_number(0), None);
        assert_eq!(Errno::from_number(41), None);
    }

    #[test]
    fn every_number_of_wasi_is_of_one_error() {
        for number in 1..=76 {
            let errno = Errno::from_wasi(number).expect("within the list");
            assert_eq!(errno.wasi(), number);
        }
        assert_eq!(Errno::from_wasi(0), None);
        assert_eq!(Errno::from_wasi(77), None);
        assert_eq!(Errno::NODATA.wasi(), Errno::IO.wasi());
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
