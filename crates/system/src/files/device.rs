//! The devices in /dev, and other files of which the system itself has the
//! content.

use super::composite::Graft;
use super::{FileType, Metadata};
use crate::information::Information;
use crate::object::{Interest, Object, Position, Transfer};
use crate::poll::{Look, Polled, events};
use crate::rights::Rights;
use crate::wait::Readiness;
use crate::{Errno, Fault};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A character device of the virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Ends at once; takes everything.
    Null,
    /// Zeros without end; takes everything.
    Zero,
    /// Zeros without end; is always full.
    Full,
    /// Random bytes without end; takes everything.
    Random,
    /// The terminal, if the run has one.
    Terminal,
    /// Makes a pair of ends of a pseudo-terminal, and is the master then.
    PseudoTerminals,
    /// The slave of the pseudo-terminal with this number.
    PseudoTerminal(u32),
    /// A file of /proc: it has its content when it is opened.
    Information(Information),
}

impl Device {
    /// The device number of the tree that holds them.
    pub(crate) const TREE: u64 = 3;

    fn inode(self) -> u64 {
        match self {
            Self::Null => 11,
            Self::Zero => 12,
            Self::Full => 13,
            Self::Random => 14,
            Self::Terminal => 15,
            Self::PseudoTerminals => 22,
            Self::PseudoTerminal(number) => (2 << 32) + u64::from(number),
            // These are of the numbers below 100, which no other has.
            Self::Information(information) => 30 + information as u64,
        }
    }

    /// Its major and minor number, as Linux numbers devices.
    fn numbers(self) -> (u32, u32) {
        match self {
            Self::Null => (1, 3),
            Self::Zero => (1, 5),
            Self::Full => (1, 7),
            Self::Random => (1, 9),
            Self::Terminal => (5, 0),
            Self::PseudoTerminals => (5, 2),
            Self::PseudoTerminal(number) => (136 + (number >> 8), number & 0xff),
            // What they are turns out when they are opened.
            Self::Information(_) => (0, 0),
        }
    }

    /// What stat tells of it.
    pub(crate) fn metadata(self, device: u64) -> Metadata {
        let (file_type, permissions) = match self {
            Self::Information(_) => (FileType::RegularFile, 0o444),
            Self::PseudoTerminal(_) => (FileType::CharacterDevice, 0o620),
            _ => (FileType::CharacterDevice, 0o666),
        };
        let metadata = Metadata::read_only(device, self.inode(), file_type, 0);
        Metadata { permissions, device_numbers: self.numbers(), ..metadata }
    }
}

/// The devices of which this file has the content: the others are opened as the streams
/// and files that they stand for, and give EIO.
impl Object for Device {
    /// As on Linux, where a write to /dev/full is not one that could have any.
    fn takes_write_flags(&self) -> bool {
        *self != Self::Full
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        Ok(Device::metadata(*self, Self::TREE))
    }

    fn rights(&self) -> Rights {
        Rights::FILE
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        match self {
            Self::Null => return Ok(0),
            Self::Zero | Self::Full => into.fill(0),
            Self::Random => transfer.random.fill(into)?,
            Self::Terminal | Self::PseudoTerminals | Self::PseudoTerminal(_) | Self::Information(_) => {
                return Err(Errno::IO.into());
            }
        }
        Ok(into.len())
    }

    fn write(&self, from: &[u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Ok(self.write_at(0, from)?)
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Ignored)
    }

    fn read_at(&self, _offset: u64, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        self.read(into, transfer)
    }

    fn write_at(&self, _offset: u64, from: &[u8]) -> Result<usize, Errno> {
        match self {
            Self::Full => Err(Errno::NOSPC),
            _ => Ok(from.len()),
        }
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(Readiness::Now { bytes: 1, hangup: false })
    }

    fn poll(&self, _wanted: u32, _position: u64, _look: &mut Look) -> Polled {
        Polled::now(events::READABLE | events::WRITABLE)
    }

    fn can_be_watched(&self) -> bool {
        false
    }
}

/// What /dev holds.
pub(crate) fn devices() -> BTreeMap<Vec<u8>, Graft> {
    let devices = [
        ("full", Device::Full),
        ("null", Device::Null),
        ("ptmx", Device::PseudoTerminals),
        ("random", Device::Random),
        ("tty", Device::Terminal),
        ("urandom", Device::Random),
        ("zero", Device::Zero),
    ];
    let mut grafts: BTreeMap<Vec<u8>, Graft> =
        devices.into_iter().map(|(name, device)| (name.into(), Graft::Device(device))).collect();
    let links = [
        ("fd", "/proc/self/fd"),
        ("stderr", "/proc/self/fd/2"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
    ];
    grafts.extend(links.map(|(name, target)| (name.into(), Graft::Symlink(target.into()))));
    grafts
}
