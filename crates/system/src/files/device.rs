//! The devices in /dev.

use super::composite::Graft;
use super::{FileType, Metadata};
use std::collections::BTreeMap;
use std::time::Duration;

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
    /// Standard input, output or error: descriptor 0, 1 or 2 as the run started.
    Standard(u8),
}

impl Device {
    fn inode(self) -> u64 {
        match self {
            Self::Null => 11,
            Self::Zero => 12,
            Self::Full => 13,
            Self::Random => 14,
            Self::Terminal => 15,
            Self::Standard(number) => 16 + u64::from(number),
        }
    }

    /// What stat tells of it.
    pub(crate) fn metadata(self, device: u64) -> Metadata {
        Metadata {
            device,
            inode: self.inode(),
            file_type: FileType::CharacterDevice,
            links: 1,
            size: 0,
            permissions: 0o666,
            accessed: Duration::ZERO,
            modified: Duration::ZERO,
            changed: Duration::ZERO,
        }
    }
}

/// What /dev holds.
pub(crate) fn devices() -> BTreeMap<Vec<u8>, Graft> {
    let devices = [
        ("full", Device::Full),
        ("null", Device::Null),
        ("random", Device::Random),
        ("stderr", Device::Standard(2)),
        ("stdin", Device::Standard(0)),
        ("stdout", Device::Standard(1)),
        ("tty", Device::Terminal),
        ("urandom", Device::Random),
        ("zero", Device::Zero),
    ];
    devices.into_iter().map(|(name, device)| (name.into(), Graft::Device(device))).collect()
}
