//! What all directories and files of one mount share.

use super::Access;
use super::kernel::{self, KernelFiles};
use super::node::Identity;
use super::step;
use crate::Errno;
use crate::files::handles::Handles;
use crate::files::{FileType, Metadata, NewTimes, Space, Timestamp};
use crate::meter::Meter;
use rustix::fs::{Stat, Timespec, Timestamps, UTIME_OMIT};
use std::hash::{BuildHasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Whatever the host has: to the guest it is a file system that a program answers for.
pub(super) const FUSE: u32 = 0x6573_5546;

pub(super) struct Mount {
    pub(super) access: Access,
    /// The device number that the guest sees.
    pub(super) device: u64,
    pub(super) root: Identity,
    pub(super) kernel_files: KernelFiles,
    pub(super) numbers: Numbers,
    pub(super) handles: Arc<Handles>,
    pub(super) meter: Arc<Meter>,
}

/// What the guest sees for the host's device and inode numbers: a keyed hash, with a
/// key of the mount's own that nobody is told. So the host's numbers are not shown,
/// one file has one number as long as the mount is there, and nothing is kept for it.
/// That two of ten million files have the same has a chance of one in 100,000.
#[derive(Clone, Default)]
pub(super) struct Numbers(RandomState);

impl Numbers {
    pub(super) fn number(&self, identity: Identity) -> u64 {
        // Without the sign, for programs that have one; and 0 is no number.
        (self.0.hash_one(identity) >> 1).max(1)
    }
}

/// What the guest is told of what the host has, under these numbers.
pub(super) fn metadata(stat: &Stat, device: u64, inode: u64, file_type: FileType) -> Metadata {
    Metadata {
        device,
        inode,
        file_type,
        #[allow(clippy::useless_conversion, reason = "the type differs between machines")]
        links: u64::from(stat.st_nlink),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        permissions: stat.st_mode & 0o1777,
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
        created: None,
        allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
        device_numbers: (0, 0),
    }
}

impl Mount {
    pub(super) fn metadata(&self, stat: &Stat) -> Metadata {
        let inode = self.numbers.number(step::identity(stat));
        metadata(stat, self.device, inode, file_type(step::kind(stat)))
    }

    /// EROFS if the guest may only read.
    pub(super) fn writable(&self) -> Result<(), Errno> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Errno::ROFS),
        }
    }

    /// EACCES if `found`, which lies in a directory of the device `above`, is of
    /// another device and that is one of the kernel's own.
    pub(super) fn check_crossing(&self, above: u64, here: u64, found: BorrowedFd<'_>) -> Result<(), Errno> {
        if above == here {
            return Ok(());
        }
        match kernel::file_system(found)? {
            Some(own) if !self.kernel_files.allow(own) => Err(Errno::ACCES),
            _ => Ok(()),
        }
    }

    /// The host's file system has the same room for the guest, if it may write.
    pub(super) fn space(&self, file: impl AsFd) -> Result<Space, Errno> {
        let host = rustix::fs::fstatvfs(file)?;
        let bytes = |blocks: u64| blocks.saturating_mul(host.f_frsize);
        if self.access == Access::ReadOnly {
            // What is free there is of no use to the guest, and not its business.
            let total = bytes(host.f_blocks);
            return Ok(Space { total, read_only: true, kind: FUSE, ..Space::default() });
        }
        Ok(Space {
            total: bytes(host.f_blocks),
            free: bytes(host.f_bavail),
            files: host.f_files,
            free_files: host.f_favail,
            read_only: false,
            kind: FUSE,
        })
    }
}

pub(super) fn file_type(found: rustix::fs::FileType) -> FileType {
    match found {
        rustix::fs::FileType::Directory => FileType::Directory,
        rustix::fs::FileType::RegularFile => FileType::RegularFile,
        rustix::fs::FileType::Symlink => FileType::SymbolicLink,
        // FIFOs, devices and sockets of the host are of no use to a guest.
        _ => FileType::Unknown,
    }
}

/// The types of the numbers differ between machines.
pub(super) fn time(seconds: i64, nanoseconds: impl TryInto<u32>) -> Timestamp {
    Timestamp::new(seconds, nanoseconds.try_into().unwrap_or(0))
}

/// As the host takes new times.
pub(super) fn timestamps(times: NewTimes) -> Timestamps {
    let time = |time: Option<Timestamp>| match time {
        None => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        Some(time) => Timespec { tv_sec: time.seconds(), tv_nsec: time.nanoseconds().into() },
    };
    Timestamps { last_access: time(times.accessed), last_modification: time(times.modified) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_of_this_mount_alone() {
        let (one, other) = (Numbers::default(), Numbers::default());
        let numbers: std::collections::HashSet<u64> =
            (0..100_000).map(|inode| one.number((inode % 7, inode))).collect();
        assert_eq!(numbers.len(), 100_000);
        assert_eq!(one.number((1, 2)), one.clone().number((1, 2)));
        assert_ne!(one.number((1, 2)), other.number((1, 2)));
        assert_ne!(one.number((1, 2)), one.number((2, 1)));
    }
}
