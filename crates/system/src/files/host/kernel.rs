//! File systems that show the kernel and its processes instead of anybody's files.
//!
//! A guest that reads `/proc` reads the controller's environment and memory, for it
//! is the controller that asks; one that writes there changes its code. So these are
//! refused, by what they are and not by where: under any path, behind any mount
//! point, for a directory, a single file or an archive.

use crate::Errno;
use rustix::fs::{CWD, Mode, OFlags};
use std::os::fd::BorrowedFd;

/// A file system of the kernel's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KernelFileSystem {
    magic: u32,
    /// Its name, as `mount` shows it.
    pub(crate) name: &'static str,
}

/// Whether a mount shows files of the kernel's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelFiles {
    /// It does not.
    Refused,
    /// Those of the file system in which its own root lies, and no other.
    Of(KernelFileSystem),
}

impl KernelFiles {
    pub(super) fn allow(self, found: KernelFileSystem) -> bool {
        self == Self::Of(found)
    }
}

/// The numbers by which statfs tells them: linux/magic.h, and the file systems'
/// sources for those that are not there.
const OWN: [(u32, &str); 41] = [
    (0x9fa0, "proc"),
    (0x6265_6572, "sysfs"),
    (0x1cd1, "devpts"),
    (0x6462_6720, "debugfs"),
    (0x7472_6163, "tracefs"),
    (0x7363_6673, "securityfs"),
    (0x0027_e0eb, "cgroup"),
    (0x6367_7270, "cgroup2"),
    (0xcafe_4a11, "bpf"),
    (0x6265_6570, "configfs"),
    (0xde5e_81e4, "efivarfs"),
    (0x6165_676c, "pstore"),
    (0x1980_0202, "mqueue"),
    (0x4249_4e4d, "binfmt_misc"),
    (0x6573_5543, "fusectl"),
    (0x6e73_6673, "nsfs"),
    (0x5049_4446, "pidfs"),
    (0xf97c_ff8c, "selinuxfs"),
    (0x4341_5d53, "smackfs"),
    (0x5a3c_69f0, "apparmorfs"),
    (0x0765_5821, "resctrl"),
    (0xabba_1974, "xenfs"),
    (0x0000_9fa1, "openpromfs"),
    (0x0000_9fa2, "usbdevfs"),
    (0x0904_1934, "anon_inodefs"),
    (0x5049_5045, "pipefs"),
    (0x534f_434b, "sockfs"),
    (0x6264_6576, "bdev"),
    (0x6464_6178, "dax"),
    (0x6c6f_6f70, "binder"),
    (0x444d_4142, "dmabuf"),
    (0x454d_444d, "devmem"),
    (0x5345_434d, "secretmem"),
    (0x0bad_1dea, "futexfs"),
    (0x1130_7854, "mtd_inodefs"),
    (0x6759_6969, "rpc_pipefs"),
    (0x6e66_7364, "nfsd"),
    (0x76a9_f425, "ocfs2_dlmfs"),
    (0x0a64_7361, "functionfs"),
    (0xaee7_1ee7, "gadgetfs"),
    (0x23c9_b64e, "spufs"),
];

/// What has no number of its own: it tells that of tmpfs or ramfs.
const DEVICES: &str = "devtmpfs";

/// Those two.
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// The file system in which an open file lies, if it is one of the kernel's own.
pub(crate) fn file_system(file: BorrowedFd<'_>) -> Result<Option<KernelFileSystem>, Errno> {
    // The number is one of 32 bits, whatever the type and its sign.
    let magic = (rustix::fs::fstatfs(file)?.f_type as u64 & u64::from(u32::MAX)) as u32;
    if IN_MEMORY.contains(&magic) && is_devices(rustix::fs::fstat(file)?.st_dev) {
        return Ok(Some(KernelFileSystem { magic, name: DEVICES }));
    }
    let found = OWN.iter().find(|(own, _)| *own == magic);
    Ok(found.map(|(magic, name)| KernelFileSystem { magic: *magic, name }))
}

/// Whether a device number is that of /dev. Where the kernel's list of mounts cannot
/// be read it is taken for an ordinary one: device files are not opened, and their
/// permission bits not changed, in either.
fn is_devices(device: u64) -> bool {
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let wanted = format!("{major}:{minor}");
    let is_it = |line: &&str| {
        let number = line.split(' ').nth(2);
        let kind = line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next());
        number == Some(&wanted) && kind == Some(DEVICES)
    };
    mounts().is_some_and(|mounts| mounts.lines().any(|line| is_it(&line)))
}

/// The kernel's list of mounts.
fn mounts() -> Option<String> {
    use std::io::Read;
    /// Bytes that are read of it: some ten thousand mounts.
    const MOST: u64 = 1 << 20;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let list = rustix::fs::openat(CWD, "/proc/self/mountinfo", flags, Mode::empty()).ok()?;
    let found = rustix::fs::fstatfs(&list).ok()?;
    if found.f_type != rustix::fs::PROC_SUPER_MAGIC {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::from(list).take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn of(path: &str) -> Option<&'static str> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty()).ok()?;
        file_system(opened.as_fd()).expect("told").map(|own| own.name)
    }

    #[test]
    fn the_kernels_own_are_known_by_what_they_are() {
        for path in ["/proc", "/proc/self/environ", "/proc/self/fd", "/proc/sys/kernel"] {
            assert_eq!(of(path), Some("proc"), "{path}");
        }
        assert_eq!(of("/proc/self/ns/net"), Some("nsfs"));
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(of(directory.path().to_str().expect("UTF-8")), None);
    }

    /// Every mount of this machine whose type is in the list is told by its number.
    #[test]
    fn this_machines_mounts_are_told_apart() {
        let list = mounts().expect("Linux");
        for line in list.lines() {
            let path = line.split(' ').nth(4).expect("a mount point");
            let kind = line.split_once(" - ").expect("a type").1.split(' ').next().expect("a type");
            let is_own = kind == DEVICES || OWN.iter().any(|(_, name)| *name == kind);
            // What is mounted over it, or is not to be reached, says nothing.
            if let Some(found) = of(path)
                && is_own
            {
                assert_eq!(found, kind, "{path}");
            }
        }
    }

    /// Of the numbers that the kernel tells to programs, those of its own file systems
    /// and no others are in the list: one of a disk's would refuse people their files.
    #[test]
    fn the_numbers_are_those_of_the_kernels_header() {
        /// As the header calls them, where that is not the name with a word behind it.
        const OTHERWISE: [(&str, &str); 15] = [
            ("smack", "smackfs"),
            ("selinux", "selinuxfs"),
            ("pstorefs", "pstore"),
            ("rdtgroup", "resctrl"),
            ("bdevfs", "bdev"),
            ("daxfs", "dax"),
            ("binfmtfs", "binfmt_misc"),
            ("binderfs", "binder"),
            ("usbdevice", "usbdevfs"),
            ("aafs", "apparmorfs"),
            ("anon_inode_fs", "anon_inodefs"),
            ("mtd_inode_fs", "mtd_inodefs"),
            ("bpf_fs", "bpf"),
            ("dma_buf", "dmabuf"),
            ("openprom", "openpromfs"),
        ];
        // Not every machine has it.
        let Ok(header) = std::fs::read_to_string("/usr/include/linux/magic.h") else { return };
        let mut met = 0;
        for line in header.lines() {
            let mut words = line.split_whitespace();
            let (Some("#define"), Some(name), Some(number)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let Some(Ok(number)) = number.strip_prefix("0x").map(|digits| u32::from_str_radix(digits, 16))
            else {
                continue;
            };
            let name = name.to_lowercase().replace("_super_magic", "").replace("_magic", "");
            let other = OTHERWISE.iter().find(|(theirs, _)| *theirs == name);
            let name = other.map_or(name.as_str(), |(_, ours)| ours);
            let by_number = OWN.iter().find(|(own, _)| *own == number).map(|(_, name)| *name);
            let by_name = OWN.iter().find(|(_, own)| *own == name).map(|(_, name)| *name);
            assert_eq!(by_number, by_name, "{line}");
            met += usize::from(by_number.is_some());
        }
        assert!(met > 20, "only {met} are in the header");
    }

    #[test]
    fn no_number_stands_for_two() {
        let mut numbers: Vec<u32> = OWN.iter().map(|(magic, _)| *magic).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), OWN.len());
    }
}
