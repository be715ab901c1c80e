//! What the parameters of calls mean, and how one is shown: as strace shows it.

/// What a parameter means: for a trace, and for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A file descriptor.
    Descriptor,
    /// A directory's descriptor, or AT_FDCWD.
    AtDescriptor,
    /// The address of a path, whose length is the next parameter.
    Path,
    /// The address of a C string.
    Text,
    /// The address of a buffer, whose length is the next parameter.
    Buffer,
    /// The address of an array of buffers, whose count is the next parameter.
    Buffers,
    /// The address where the call puts a result.
    Result,
    /// The address of a time: seconds and nanoseconds, 64 bits each.
    TimePointer,
    /// Any other address.
    Pointer,
    /// A length or a count.
    Size,
    /// Bits.
    Flags,
    /// How a file is opened: O_ bits.
    OpenFlags,
    /// What a new descriptor is like: O_CLOEXEC and O_NONBLOCK.
    DescriptorFlags,
    /// How a path is looked up: AT_ bits.
    AtFlags,
    /// What access is asked about: R_OK and its like.
    AccessMode,
    /// How a message is sent or received: MSG_ bits.
    MessageFlags,
    /// What becomes of a lock of a whole file: LOCK_ bits.
    LockOperation,
    /// How a time is told: TIMER_ABSTIME, or relative.
    TimerFlags,
    /// Which children are waited for: W bits.
    WaitOptions,
    /// Which random bytes are wanted: GRND_ bits.
    RandomFlags,
    /// Permission bits, shown in octal.
    Permissions,
    /// A signal.
    Signal,
    /// A clock.
    Clock,
    /// What a limit is of: RLIMIT_ numbers.
    Resource,
    /// From where a position counts: SEEK_ numbers.
    Whence,
    /// What fcntl does.
    DescriptorCommand,
    /// What ioctl does.
    DeviceRequest,
    /// What epoll_ctl does.
    EpollOperation,
    /// What prctl does.
    ProcessOption,
    /// A family of addresses.
    Domain,
    /// A kind of socket, and what its descriptor is like.
    SocketType,
    /// A number with a sign.
    Signed,
    /// A number without a sign.
    Unsigned,
    /// A time in nanoseconds.
    Time,
}

/// The names of a kind's values.
enum Names {
    /// One of these.
    Number(&'static [(u32, &'static str)]),
    /// Any of these together. The first is what 0 is called.
    Bits(&'static str, &'static [(u32, &'static str)]),
    /// One of the first in the bits of this mask, and any of the others with it.
    Both(u32, &'static [(u32, &'static str)], &'static [(u32, &'static str)]),
}

/// What stands for the working directory in place of a descriptor.
const WORKING_DIRECTORY: u32 = (-100i32).cast_unsigned();

/// The access mode of an open file.
const ACCESS: u32 = 3;

const OPEN: &[(u32, &str)] = &[
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    // Of more than one bit, and the second is a name of its own.
    (0o4_010_000, "O_SYNC"),
    (0o10_000, "O_DSYNC"),
    (0o20_000, "O_ASYNC"),
    (0o40_000, "O_DIRECT"),
    (0o100_000, "O_LARGEFILE"),
    (0o20_200_000, "O_TMPFILE"),
    (0o200_000, "O_DIRECTORY"),
    (0o400_000, "O_NOFOLLOW"),
    (0o1_000_000, "O_NOATIME"),
    (0o2_000_000, "O_CLOEXEC"),
    (0o10_000_000, "O_PATH"),
];

const MESSAGE: &[(u32, &str)] = &[
    (1, "MSG_OOB"),
    (2, "MSG_PEEK"),
    (4, "MSG_DONTROUTE"),
    (8, "MSG_CTRUNC"),
    (0x20, "MSG_TRUNC"),
    (0x40, "MSG_DONTWAIT"),
    (0x80, "MSG_EOR"),
    (0x100, "MSG_WAITALL"),
    (0x2000, "MSG_ERRQUEUE"),
    (0x4000, "MSG_NOSIGNAL"),
    (0x8000, "MSG_MORE"),
    (0x1_0000, "MSG_WAITFORONE"),
    (0x4000_0000, "MSG_CMSG_CLOEXEC"),
];

const CLOCKS: &[(u32, &str)] = &[
    (0, "CLOCK_REALTIME"),
    (1, "CLOCK_MONOTONIC"),
    (2, "CLOCK_PROCESS_CPUTIME_ID"),
    (3, "CLOCK_THREAD_CPUTIME_ID"),
    (4, "CLOCK_MONOTONIC_RAW"),
    (5, "CLOCK_REALTIME_COARSE"),
    (6, "CLOCK_MONOTONIC_COARSE"),
    (7, "CLOCK_BOOTTIME"),
    (8, "CLOCK_REALTIME_ALARM"),
    (9, "CLOCK_BOOTTIME_ALARM"),
    (11, "CLOCK_TAI"),
];

const RESOURCES: &[(u32, &str)] = &[
    (0, "RLIMIT_CPU"),
    (1, "RLIMIT_FSIZE"),
    (2, "RLIMIT_DATA"),
    (3, "RLIMIT_STACK"),
    (4, "RLIMIT_CORE"),
    (5, "RLIMIT_RSS"),
    (6, "RLIMIT_NPROC"),
    (7, "RLIMIT_NOFILE"),
    (8, "RLIMIT_MEMLOCK"),
    (9, "RLIMIT_AS"),
    (10, "RLIMIT_LOCKS"),
    (11, "RLIMIT_SIGPENDING"),
    (12, "RLIMIT_MSGQUEUE"),
    (13, "RLIMIT_NICE"),
    (14, "RLIMIT_RTPRIO"),
    (15, "RLIMIT_RTTIME"),
];

const COMMANDS: &[(u32, &str)] = &[
    (0, "F_DUPFD"),
    (1, "F_GETFD"),
    (2, "F_SETFD"),
    (3, "F_GETFL"),
    (4, "F_SETFL"),
    (5, "F_GETLK"),
    (6, "F_SETLK"),
    (7, "F_SETLKW"),
    (8, "F_SETOWN"),
    (9, "F_GETOWN"),
    (10, "F_SETSIG"),
    (11, "F_GETSIG"),
    (12, "F_GETLK64"),
    (13, "F_SETLK64"),
    (14, "F_SETLKW64"),
    (15, "F_SETOWN_EX"),
    (16, "F_GETOWN_EX"),
    (36, "F_OFD_GETLK"),
    (37, "F_OFD_SETLK"),
    (38, "F_OFD_SETLKW"),
    (1024, "F_SETLEASE"),
    (1025, "F_GETLEASE"),
    (1026, "F_NOTIFY"),
    (1030, "F_DUPFD_CLOEXEC"),
    (1031, "F_SETPIPE_SZ"),
    (1032, "F_GETPIPE_SZ"),
    (1033, "F_ADD_SEALS"),
    (1034, "F_GET_SEALS"),
];

const REQUESTS: &[(u32, &str)] = &[
    (2, "FIGETBSZ"),
    (0x5401, "TCGETS"),
    (0x5402, "TCSETS"),
    (0x5403, "TCSETSW"),
    (0x5404, "TCSETSF"),
    (0x5409, "TCSBRK"),
    (0x540a, "TCXONC"),
    (0x540b, "TCFLSH"),
    (0x540c, "TIOCEXCL"),
    (0x540d, "TIOCNXCL"),
    (0x540e, "TIOCSCTTY"),
    (0x540f, "TIOCGPGRP"),
    (0x5410, "TIOCSPGRP"),
    (0x5411, "TIOCOUTQ"),
    (0x5412, "TIOCSTI"),
    (0x5413, "TIOCGWINSZ"),
    (0x5414, "TIOCSWINSZ"),
    (0x541b, "FIONREAD"),
    (0x5420, "TIOCPKT"),
    (0x5421, "FIONBIO"),
    (0x5422, "TIOCNOTTY"),
    (0x5423, "TIOCSETD"),
    (0x5424, "TIOCGETD"),
    (0x5425, "TCSBRKP"),
    (0x5429, "TIOCGSID"),
    (0x5441, "TIOCGPTPEER"),
    (0x5450, "FIONCLEX"),
    (0x5451, "FIOCLEX"),
    (0x5452, "FIOASYNC"),
    (0x5460, "FIOQSIZE"),
    (0x4004_5431, "TIOCSPTLCK"),
    (0x8004_5430, "TIOCGPTN"),
    (0x8004_5432, "TIOCGDEV"),
    (0x8004_5439, "TIOCGPTLCK"),
];

const OPTIONS: &[(u32, &str)] = &[
    (1, "PR_SET_PDEATHSIG"),
    (2, "PR_GET_PDEATHSIG"),
    (3, "PR_GET_DUMPABLE"),
    (4, "PR_SET_DUMPABLE"),
    (7, "PR_GET_KEEPCAPS"),
    (8, "PR_SET_KEEPCAPS"),
    (13, "PR_GET_TIMING"),
    (14, "PR_SET_TIMING"),
    (15, "PR_SET_NAME"),
    (16, "PR_GET_NAME"),
    (21, "PR_GET_SECCOMP"),
    (22, "PR_SET_SECCOMP"),
    (23, "PR_CAPBSET_READ"),
    (24, "PR_CAPBSET_DROP"),
    (27, "PR_GET_SECUREBITS"),
    (28, "PR_SET_SECUREBITS"),
    (29, "PR_SET_TIMERSLACK"),
    (30, "PR_GET_TIMERSLACK"),
    (35, "PR_SET_MM"),
    (36, "PR_SET_CHILD_SUBREAPER"),
    (37, "PR_GET_CHILD_SUBREAPER"),
    (38, "PR_SET_NO_NEW_PRIVS"),
    (39, "PR_GET_NO_NEW_PRIVS"),
    (41, "PR_SET_THP_DISABLE"),
    (42, "PR_GET_THP_DISABLE"),
    (47, "PR_CAP_AMBIENT"),
];

/// The bits that say what a new descriptor is like.
const DESCRIPTOR: &[(u32, &str)] = &[(0o2_000_000, "O_CLOEXEC"), (0o4000, "O_NONBLOCK")];

impl Kind {
    fn names(self) -> Option<Names> {
        use Names::{Bits, Both, Number};
        Some(match self {
            Self::OpenFlags => Both(ACCESS, &[(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")], OPEN),
            Self::DescriptorFlags => Bits("0", DESCRIPTOR),
            Self::AtFlags => Bits(
                "0",
                &[
                    (0x100, "AT_SYMLINK_NOFOLLOW"),
                    (0x200, "AT_REMOVEDIR"),
                    (0x400, "AT_SYMLINK_FOLLOW"),
                    (0x800, "AT_NO_AUTOMOUNT"),
                    (0x1000, "AT_EMPTY_PATH"),
                    (0x2000, "AT_STATX_FORCE_SYNC"),
                    (0x4000, "AT_STATX_DONT_SYNC"),
                ],
            ),
            Self::AccessMode => Bits("F_OK", &[(4, "R_OK"), (2, "W_OK"), (1, "X_OK")]),
            Self::MessageFlags => Bits("0", MESSAGE),
            Self::LockOperation => {
                Bits("0", &[(1, "LOCK_SH"), (2, "LOCK_EX"), (8, "LOCK_UN"), (4, "LOCK_NB")])
            }
            Self::TimerFlags => Bits("0", &[(1, "TIMER_ABSTIME"), (2, "TFD_TIMER_CANCEL_ON_SET")]),
            Self::WaitOptions => Bits(
                "0",
                &[
                    (1, "WNOHANG"),
                    (2, "WSTOPPED"),
                    (4, "WEXITED"),
                    (8, "WCONTINUED"),
                    (0x100_0000, "WNOWAIT"),
                    (0x2000_0000, "__WNOTHREAD"),
                    (0x4000_0000, "__WALL"),
                    (0x8000_0000, "__WCLONE"),
                ],
            ),
            Self::RandomFlags => Bits("0", &[(1, "GRND_NONBLOCK"), (2, "GRND_RANDOM"), (4, "GRND_INSECURE")]),
            Self::Clock => Number(CLOCKS),
            Self::Resource => Number(RESOURCES),
            Self::Whence => Number(&[
                (0, "SEEK_SET"),
                (1, "SEEK_CUR"),
                (2, "SEEK_END"),
                (3, "SEEK_DATA"),
                (4, "SEEK_HOLE"),
            ]),
            Self::DescriptorCommand => Number(COMMANDS),
            Self::DeviceRequest => Number(REQUESTS),
            Self::EpollOperation => {
                Number(&[(1, "EPOLL_CTL_ADD"), (2, "EPOLL_CTL_DEL"), (3, "EPOLL_CTL_MOD")])
            }
            Self::ProcessOption => Number(OPTIONS),
            Self::Domain => Number(&[
                (0, "AF_UNSPEC"),
                (1, "AF_UNIX"),
                (2, "AF_INET"),
                (10, "AF_INET6"),
                (16, "AF_NETLINK"),
                (17, "AF_PACKET"),
                (40, "AF_VSOCK"),
            ]),
            Self::SocketType => Both(
                0xf,
                &[
                    (1, "SOCK_STREAM"),
                    (2, "SOCK_DGRAM"),
                    (3, "SOCK_RAW"),
                    (4, "SOCK_RDM"),
                    (5, "SOCK_SEQPACKET"),
                ],
                &[(0o2_000_000, "SOCK_CLOEXEC"), (0o4000, "SOCK_NONBLOCK")],
            ),
            Self::AtDescriptor => Number(&[(WORKING_DIRECTORY, "AT_FDCWD")]),
            _ => return None,
        })
    }

    /// A value of this kind by the names that C programs have for it; nothing for what is
    /// only a number, or an address.
    ///
    /// ```
    /// use bellglass_system::Kind;
    ///
    /// assert_eq!(Kind::OpenFlags.shown(0o100101).as_deref(), Some("O_WRONLY|O_CREAT|O_LARGEFILE"));
    /// assert_eq!(Kind::Signal.shown(15).as_deref(), Some("SIGTERM"));
    /// assert_eq!(Kind::Clock.shown(99), None);
    /// ```
    pub fn shown(self, value: u32) -> Option<String> {
        if self == Self::Signal {
            return crate::Signal::from_number(value).map(|signal| signal.to_string());
        }
        let named = |names: &[(u32, &'static str)], value| {
            names.iter().find(|(number, _)| *number == value).map(|(_, name)| *name)
        };
        match self.names()? {
            Names::Number(names) => named(names, value).map(str::to_owned),
            Names::Bits(zero, _) if value == 0 => Some(zero.to_owned()),
            Names::Bits(_, names) => Some(bits(Vec::new(), names, value)),
            Names::Both(mask, numbers, names) => {
                let first = named(numbers, value & mask)
                    .map_or_else(|| format!("{:#x}", value & mask), str::to_owned);
                Some(bits(vec![first], names, value & !mask))
            }
        }
    }
}

/// The names of the bits that are set, and the rest as a number.
fn bits(mut shown: Vec<String>, names: &[(u32, &str)], value: u32) -> String {
    let mut rest = value;
    for (bit, name) in names {
        if rest & bit == *bit {
            shown.push((*name).to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 {
        shown.push(format!("{rest:#x}"));
    }
    shown.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_c_programs_write_them() {
        for (kind, value, shown) in [
            (Kind::OpenFlags, 0, "O_RDONLY"),
            (Kind::OpenFlags, 0o2_001_102, "O_RDWR|O_CREAT|O_TRUNC|O_CLOEXEC"),
            (Kind::OpenFlags, 0o4_010_000, "O_RDONLY|O_SYNC"),
            (Kind::OpenFlags, 0o10_000, "O_RDONLY|O_DSYNC"),
            (Kind::OpenFlags, 0o20_200_002, "O_RDWR|O_TMPFILE"),
            (Kind::OpenFlags, 1 << 31 | 3, "0x3|0x80000000"),
            (Kind::AtDescriptor, u32::MAX - 99, "AT_FDCWD"),
            (Kind::AtFlags, 0x1100, "AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH"),
            (Kind::AtFlags, 0, "0"),
            (Kind::AccessMode, 0, "F_OK"),
            (Kind::AccessMode, 6, "R_OK|W_OK"),
            (Kind::Signal, 64, "SIGRTMAX"),
            (Kind::Clock, 11, "CLOCK_TAI"),
            (Kind::SocketType, 0o2_000_001, "SOCK_STREAM|SOCK_CLOEXEC"),
            (Kind::LockOperation, 6, "LOCK_EX|LOCK_NB"),
        ] {
            assert_eq!(kind.shown(value).as_deref(), Some(shown));
        }
        for (kind, value) in [(Kind::AtDescriptor, 3), (Kind::Signal, 0), (Kind::Clock, 10), (Kind::Size, 1)]
        {
            assert_eq!(kind.shown(value), None);
        }
    }
}
