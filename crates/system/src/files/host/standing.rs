//! A descriptor of the host that a guest gets as a standard stream: what kind of thing it is
//! there, and what of it a stream alone does not have, such as positions and a size.

use super::mount::{self, FUSE, Numbers};
use super::{locks, step};
use crate::files::{Device, FileType, Locks, Metadata, Space};
use crate::host::Source;
use crate::object::STREAMS_DEVICE;
use crate::{Errno, pieces};
use rustix::fs::{FallocateFlags, OFlags};
use std::io::SeekFrom;
use std::sync::Arc;

/// The major number of the devices that Linux makes of memory: /dev/null and its like.
const MEMORY: u32 = 1;

/// How the inode numbers of one run's standard streams come about: one file of the host has
/// one number.
#[derive(Clone, Default)]
pub(crate) struct StreamNumbers(Numbers);

/// What a descriptor is.
pub(crate) struct Standing {
    source: Source,
    numbers: StreamNumbers,
    pub(crate) kind: FileType,
    /// What the descriptor lets one do.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Whether all that is written to it goes to its end.
    pub(crate) appends: bool,
    /// Whether one can seek in it.
    pub(crate) seeks: bool,
}

impl Standing {
    /// Looks at a descriptor; EBADF if it is closed.
    pub(crate) fn look(source: Source, numbers: &StreamNumbers) -> Result<Self, Errno> {
        let flags = rustix::fs::fcntl_getfl(&source)?;
        let stat = rustix::fs::fstat(&source)?;
        let access = flags & OFlags::RWMODE;
        Ok(Self {
            kind: kind(&source, &stat),
            readable: access != OFlags::WRONLY,
            writable: access != OFlags::RDONLY,
            appends: flags.contains(OFlags::APPEND),
            seeks: rustix::fs::seek(&source, rustix::fs::SeekFrom::Current(0)).is_ok(),
            numbers: numbers.clone(),
            source,
        })
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Whether it is a file with content.
    pub(crate) fn is_file(&self) -> bool {
        self.seeks && matches!(self.kind, FileType::RegularFile | FileType::BlockDevice)
    }

    pub(crate) fn is_null(&self) -> bool {
        let stat = rustix::fs::fstat(&self.source);
        self.kind == FileType::CharacterDevice && stat.is_ok_and(|stat| numbers_of(&stat) == (MEMORY, 3))
    }

    /// What stat tells. The host's own numbers are not shown, but of devices that are the
    /// same everywhere; a terminal is the one at /dev/tty.
    pub(crate) fn metadata(&self) -> Result<Metadata, Errno> {
        let stat = rustix::fs::fstat(&self.source)?;
        if self.kind == FileType::CharacterDevice && rustix::termios::isatty(&self.source) {
            return Ok(Device::Terminal.metadata(Device::TREE));
        }
        let inode = self.numbers.0.number(step::identity(&stat));
        let device_numbers = match (self.kind, numbers_of(&stat)) {
            (FileType::CharacterDevice, numbers @ (MEMORY, _)) => numbers,
            _ => (0, 0),
        };
        Ok(Metadata { device_numbers, ..mount::metadata(&stat, STREAMS_DEVICE, inode, self.kind) })
    }

    /// Moves the position, which all share who have the same open.
    pub(crate) fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        use rustix::fs::SeekFrom as Host;
        Ok(rustix::fs::seek(
            &self.source,
            match to {
                SeekFrom::Start(offset) => Host::Start(offset),
                SeekFrom::Current(offset) => Host::Current(offset),
                SeekFrom::End(offset) => Host::End(offset),
            },
        )?)
    }

    /// Reads where it stands.
    pub(crate) fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(rustix::io::read(&self.source, into)?)
    }

    /// Writes where it stands, or at its end if it appends.
    pub(crate) fn write(&self, from: &[u8]) -> Result<usize, Errno> {
        Ok(rustix::io::write(&self.source, from)?)
    }

    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(rustix::io::pread(&self.source, into, offset)?)
    }

    pub(crate) fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        Ok(rustix::io::pwrite(&self.source, from, offset)?)
    }

    /// Writes at the end, whatever the descriptor's own flags say.
    #[cfg(target_os = "linux")]
    pub(crate) fn append(&self, from: &[u8]) -> Result<usize, Errno> {
        use rustix::io::ReadWriteFlags;
        let from = std::io::IoSlice::new(from);
        Ok(rustix::io::pwritev2(&self.source, &[from], 0, ReadWriteFlags::APPEND)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn append(&self, from: &[u8]) -> Result<usize, Errno> {
        self.write_at(self.metadata()?.size, from)
    }

    pub(crate) fn set_size(&self, size: u64) -> Result<(), Errno> {
        Ok(rustix::fs::ftruncate(&self.source, size)?)
    }

    pub(crate) fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.allocate_by(FallocateFlags::empty(), offset, length)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.allocate_by(FallocateFlags::KEEP_SIZE, offset, length)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn reserve(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.allocate_by(FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, length)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn punch(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    fn allocate_by(&self, flags: FallocateFlags, offset: u64, length: u64) -> Result<(), Errno> {
        let source = self.source.clone();
        Ok(pieces::aside(move || rustix::fs::fallocate(source, flags, offset, length))??)
    }

    pub(crate) fn synchronize(&self) -> Result<(), Errno> {
        let source = self.source.clone();
        Ok(pieces::aside(move || rustix::fs::fsync(source))??)
    }

    /// Of its file system the guest is told nothing but that there is one.
    pub(crate) fn space(&self) -> Space {
        Space { kind: FUSE, read_only: !self.writable, ..Space::default() }
    }

    /// Its locks, on the host too. Nobody opens it once more to take some that the
    /// descriptor cannot have.
    pub(crate) fn locks(&self) -> Result<Locks, Errno> {
        locks::locks_of(Arc::new(self.source.clone()), None)
    }
}

fn kind(source: &Source, stat: &rustix::fs::Stat) -> FileType {
    use rustix::fs::FileType as Host;
    match step::kind(stat) {
        Host::RegularFile => FileType::RegularFile,
        Host::Directory => FileType::Directory,
        Host::Fifo => FileType::Fifo,
        Host::CharacterDevice => FileType::CharacterDevice,
        Host::BlockDevice => FileType::BlockDevice,
        Host::Socket => match rustix::net::sockopt::socket_type(source) {
            Ok(rustix::net::SocketType::DGRAM) => FileType::SocketDatagram,
            _ => FileType::SocketStream,
        },
        Host::Symlink | Host::Unknown => FileType::Unknown,
    }
}

/// A device's major and minor number.
#[cfg(target_os = "linux")]
fn numbers_of(stat: &rustix::fs::Stat) -> (u32, u32) {
    (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev))
}

/// Which numbers devices have here is this system's own affair.
#[cfg(not(target_os = "linux"))]
fn numbers_of(_stat: &rustix::fs::Stat) -> (u32, u32) {
    (0, 0)
}
