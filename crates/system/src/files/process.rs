//! The directory of the program's open descriptors: /proc/self/fd.

use super::{Creation, Device, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened};
use crate::Errno;
use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The numbers of the descriptors that are open, kept by their table.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenNumbers {
    numbers: Arc<Mutex<BTreeSet<u32>>>,
}

impl OpenNumbers {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, number: u32) {
        self.lock().insert(number);
    }

    pub(crate) fn remove(&self, number: u32) {
        self.lock().remove(&number);
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }
}

pub(crate) struct DescriptorDirectory {
    numbers: OpenNumbers,
    device: u64,
}

/// Its own inode number, of those that devices have.
const INODE: u64 = 20;

impl DescriptorDirectory {
    pub(crate) fn new(numbers: OpenNumbers, device: u64) -> Self {
        Self { numbers, device }
    }

    fn find(&self, name: &[u8]) -> Result<Device, Errno> {
        let number: u32 =
            std::str::from_utf8(name).ok().and_then(|text| text.parse().ok()).ok_or(Errno::NOENT)?;
        // One spelling is the name, 007 is not.
        let is_name = number.to_string().as_bytes() == name;
        let found = is_name && self.numbers.lock().contains(&number);
        if found { Ok(Device::Descriptor(number)) } else { Err(Errno::NOENT) }
    }
}

impl Directory for DescriptorDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(Metadata {
            device: self.device,
            inode: INODE,
            file_type: FileType::Directory,
            links: 2,
            size: 0,
            permissions: 0o500,
            accessed: Duration::ZERO,
            modified: Duration::ZERO,
            changed: Duration::ZERO,
        })
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.find(name).map(|_| Found::Other)
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        Ok(self.find(name)?.metadata(self.device))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        match (self.find(name), options.creation) {
            (Ok(_), Creation::New) => Err(Errno::EXIST),
            (Ok(device), _) => Ok(Opened::Device(device)),
            (Err(error), _) => Err(error),
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        // The cookie after a number is that number and one.
        let Ok(from) = u32::try_from(cookie) else { return Ok(()) };
        let numbers: Vec<u32> =
            self.numbers.lock().range((Bound::Included(from), Bound::Unbounded)).copied().collect();
        for number in numbers {
            let name = number.to_string();
            let metadata = Device::Descriptor(number).metadata(self.device);
            let entry = DirectoryEntry {
                cookie: u64::from(number) + 1,
                name: name.as_bytes(),
                inode: metadata.inode,
                file_type: metadata.file_type,
            };
            if each(entry).is_break() {
                break;
            }
        }
        Ok(())
    }
}
