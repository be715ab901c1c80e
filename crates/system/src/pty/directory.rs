//! The directory of the slaves: /dev/pts.

use super::Terminals;
use crate::Errno;
use crate::files::composite::DEVPTS;
use crate::files::{
    Creation, Device, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened, Space,
    give_numbers,
};
use std::ops::ControlFlow;

/// Its own inode number, of those that devices have.
const INODE: u64 = 21;

pub(crate) struct PseudoDirectory {
    terminals: Terminals,
    device: u64,
}

impl PseudoDirectory {
    pub(crate) fn new(terminals: Terminals, device: u64) -> Self {
        Self { terminals, device }
    }

    fn find(&self, name: &[u8]) -> Result<Device, Errno> {
        let number: u32 =
            std::str::from_utf8(name).ok().and_then(|text| text.parse().ok()).ok_or(Errno::NOENT)?;
        // One spelling is the name, 007 is not.
        if number.to_string().as_bytes() != name {
            return Err(Errno::NOENT);
        }
        self.terminals.pair(number).map(|_| Device::PseudoTerminal(number))
    }
}

impl Directory for PseudoDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let metadata = Metadata::read_only(self.device, INODE, FileType::Directory, 0);
        Ok(Metadata { links: 2, permissions: 0o755, ..metadata })
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.find(name).map(|_| Found::Other)
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(Space { read_only: true, kind: DEVPTS, ..Space::default() })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        Ok(self.find(name)?.metadata(self.device))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        match (self.find(name), options.creation) {
            (Ok(_), Creation::New) => Err(Errno::EXIST),
            (Ok(device), _) => Ok(Opened::Device(device)),
            // No other file can be made here.
            (Err(Errno::NOENT), Creation::IfMissing | Creation::New) => Err(Errno::ACCES),
            (Err(error), _) => Err(error),
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let Ok(from) = u32::try_from(cookie) else { return Ok(()) };
        give_numbers(self.terminals.numbers(from), each, |number| {
            let metadata = Device::PseudoTerminal(number).metadata(self.device);
            (metadata.inode, metadata.file_type)
        });
        Ok(())
    }
}
