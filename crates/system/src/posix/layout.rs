//! The C structures that calls read and write, as the guest's headers have them.
//!
//! A test has `bellglass cc` print the size and the fields of each from the
//! headers, and compares.

use crate::{Call, Fault};

/// A structure, or as much of it as a call looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// As C names its type.
    pub name: &'static str,
    /// The header that declares it.
    pub header: &'static str,
    /// Its size in bytes.
    pub size: usize,
    /// Its fields in order; those that are not here are zero.
    pub fields: &'static [Field],
}

/// One field of a structure, an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// As C names it, with a dot for one in a structure inside.
    pub name: &'static str,
    /// Bytes from the structure's beginning.
    pub offset: usize,
    /// Its width in bytes.
    pub size: usize,
}

const fn field(name: &'static str, offset: usize, size: usize) -> Field {
    Field { name, offset, size }
}

/// For getrlimit and setrlimit.
pub const LIMIT: Structure = Structure {
    name: "struct rlimit",
    header: "sys/resource.h",
    size: 16,
    fields: &[field("rlim_cur", 0, 8), field("rlim_max", 8, 8)],
};

/// For getrusage.
pub const USAGE: Structure = Structure {
    name: "struct rusage",
    header: "sys/resource.h",
    size: 88,
    fields: &[field("ru_utime.tv_sec", 0, 8), field("ru_utime.tv_usec", 8, 8), field("ru_maxrss", 32, 4)],
};

/// For getitimer and setitimer.
pub const TIMER: Structure = Structure {
    name: "struct itimerval",
    header: "sys/time.h",
    size: 32,
    fields: &[
        field("it_interval.tv_sec", 0, 8),
        field("it_interval.tv_usec", 8, 8),
        field("it_value.tv_sec", 16, 8),
        field("it_value.tv_usec", 24, 8),
    ],
};

/// For statvfs and fstatvfs.
pub const SPACE: Structure = Structure {
    name: "struct statvfs",
    header: "sys/statvfs.h",
    size: 96,
    fields: &[
        field("f_bsize", 0, 4),
        field("f_frsize", 4, 4),
        field("f_blocks", 8, 8),
        field("f_bfree", 16, 8),
        field("f_bavail", 24, 8),
        field("f_files", 32, 8),
        field("f_ffree", 40, 8),
        field("f_favail", 48, 8),
        field("f_flag", 64, 4),
        field("f_namemax", 68, 4),
    ],
};

/// For the ioctl that asks for a window's size.
pub const WINDOW: Structure = Structure {
    name: "struct winsize",
    header: "sys/ioctl.h",
    size: 8,
    fields: &[
        field("ws_row", 0, 2),
        field("ws_col", 2, 2),
        field("ws_xpixel", 4, 2),
        field("ws_ypixel", 6, 2),
    ],
};

/// For tcgetattr and tcsetattr. Of the control characters the first is here.
pub const TERMINAL: Structure = Structure {
    name: "struct termios",
    header: "termios.h",
    size: 60,
    fields: &[
        field("c_iflag", 0, 4),
        field("c_oflag", 4, 4),
        field("c_cflag", 8, 4),
        field("c_lflag", 12, 4),
        field("c_cc[0]", 17, 1),
        field("c_ispeed", 52, 4),
        field("c_ospeed", 56, 4),
    ],
};

/// For sendmsg and recvmsg.
pub const MESSAGE: Structure = Structure {
    name: "struct msghdr",
    header: "sys/socket.h",
    size: 28,
    fields: &[
        field("msg_name", 0, 4),
        field("msg_namelen", 4, 4),
        field("msg_iov", 8, 4),
        field("msg_iovlen", 12, 4),
        field("msg_control", 16, 4),
        field("msg_controllen", 20, 4),
        field("msg_flags", 24, 4),
    ],
};

/// All of them.
pub const ALL: &[Structure] = &[LIMIT, USAGE, TIMER, SPACE, WINDOW, TERMINAL, MESSAGE];

impl Structure {
    /// The structure's bytes with these values in its fields, in their order; what
    /// does not fit into a field is cut off.
    pub(super) fn bytes<const N: usize>(&self, values: [u64; N]) -> Vec<u8> {
        debug_assert_eq!(values.len(), self.fields.len(), "{}", self.name);
        let mut bytes = vec![0; self.size];
        for (field, value) in self.fields.iter().zip(values) {
            let place = bytes.iter_mut().skip(field.offset).take(field.size);
            place.zip(value.to_le_bytes()).for_each(|(byte, part)| *byte = part);
        }
        bytes
    }

    /// Reads the structure at an address of the guest: the values of its fields, in
    /// their order.
    pub(super) fn read<const N: usize>(&self, call: &mut Call<'_>, address: u32) -> Result<[u64; N], Fault> {
        debug_assert_eq!(N, self.fields.len(), "{}", self.name);
        let bytes = call.bytes_at(address, self.size)?;
        let mut values = [0; N];
        for (value, field) in values.iter_mut().zip(self.fields) {
            let place = bytes.iter().skip(field.offset).take(field.size);
            *value = place.rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_lies_over_another_or_beyond_the_end() {
        for structure in ALL {
            let mut end = 0;
            for field in structure.fields {
                assert!(field.offset >= end, "{} {}", structure.name, field.name);
                assert!(matches!(field.size, 1 | 2 | 4 | 8), "{} {}", structure.name, field.name);
                end = field.offset + field.size;
            }
            assert!(end <= structure.size, "{}", structure.name);
        }
    }

    #[test]
    fn values_stand_in_their_fields() {
        let bytes = WINDOW.bytes([24, 80, 0x1_0002, 3]);
        assert_eq!(bytes, [24, 0, 80, 0, 2, 0, 3, 0]);
    }
}
