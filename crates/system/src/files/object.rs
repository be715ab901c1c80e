//! Files and directories as open descriptors hold them.

use super::{Attribute, Dentry, Directory, File, FileType, Locks, Metadata, NewTimes, Seals, Space};
use crate::object::{Inode, Interest, Object, Position, Transfer};
use crate::poll::{Look, Polled, events};
use crate::rights::Rights;
use crate::wait::Readiness;
use crate::{Errno, Fault};
use std::ops::Range;
use std::sync::Arc;

/// Gives a file as the object that it is: the same allocation, called directly.
pub trait IntoObject {
    /// The file as an object.
    fn into_object(self: Arc<Self>) -> Arc<dyn Object>;
}

impl<F: File> IntoObject for F {
    fn into_object(self: Arc<Self>) -> Arc<dyn Object> {
        self
    }
}

impl<F: File> Object for F {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(File::metadata(self)?.file_type)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        File::metadata(self)
    }

    fn rights(&self) -> Rights {
        Rights::FILE
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(self)
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Kept)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Ok(File::read_at(self, offset, into)?)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        File::write_at(self, offset, from)
    }

    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        File::append(self, from)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        File::set_size(self, size)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        File::allocate(self, offset, length)
    }

    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        File::reserve(self, offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        File::punch(self, offset, length)
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        File::next_data(self, offset)
    }

    fn seals(&self) -> Result<&Seals, Errno> {
        File::seals(self).ok_or(Errno::INVAL)
    }

    fn readiness(&self, interest: Interest, position: u64) -> Result<Readiness, Errno> {
        let bytes = match interest {
            Interest::Read => File::metadata(self)?.size.saturating_sub(position),
            Interest::Write => 1,
        };
        Ok(Readiness::Now { bytes, hangup: false })
    }

    fn poll(&self, _wanted: u32, _position: u64, _look: &mut Look) -> Polled {
        Polled::now(events::READABLE | events::WRITABLE)
    }

    fn can_be_watched(&self) -> bool {
        false
    }

    fn inode(&self) -> Result<&dyn Inode, Errno> {
        Ok(self)
    }
}

impl<F: File> Inode for F {
    fn metadata(&self) -> Result<Metadata, Errno> {
        File::metadata(self)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        File::set_times(self, times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        File::set_permissions(self, permissions)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        File::attribute(self, act)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        File::synchronize(self)
    }

    fn space(&self) -> Result<Space, Errno> {
        File::space(self)
    }

    fn file(&self) -> Option<&dyn File> {
        Some(self)
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        File::locks(self)
    }
}

/// An open directory.
pub(crate) struct OpenDirectory {
    dentry: Arc<Dentry>,
    /// It, to read its entries from: see [`Directory::again`].
    listing: Arc<dyn Directory>,
}

impl OpenDirectory {
    /// Opens a directory that is held; ENOTDIR.
    pub(crate) fn new(dentry: Arc<Dentry>) -> Result<Self, Errno> {
        let directory = dentry.directory()?;
        let listing = directory.again().unwrap_or_else(|| Arc::clone(directory));
        Ok(Self { dentry, listing })
    }
}

impl Object for OpenDirectory {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Directory)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        self.listing.metadata()
    }

    fn rights(&self) -> Rights {
        Rights::DIRECTORY
    }

    fn inheriting(&self) -> Rights {
        Rights::ALL
    }

    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(Arc::new(Self::new(Arc::clone(&self.dentry))?))
    }

    fn unreadable(&self) -> Errno {
        Errno::ISDIR
    }

    fn read(&self, _into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::ISDIR.into())
    }

    fn allocate(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::ISDIR)
    }

    /// What WASI does not let one do with a directory, Linux does only to go on reading it
    /// elsewhere.
    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Entries)
    }

    fn read_at(&self, _offset: u64, _into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::ISDIR.into())
    }

    fn write_at(&self, _offset: u64, _from: &[u8]) -> Result<usize, Errno> {
        Err(Errno::BADF)
    }

    fn readiness(&self, _interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Err(Errno::BADF)
    }

    fn poll(&self, _wanted: u32, _position: u64, _look: &mut Look) -> Polled {
        Polled::now(events::READABLE | events::WRITABLE)
    }

    fn can_be_watched(&self) -> bool {
        false
    }

    fn inode(&self) -> Result<&dyn Inode, Errno> {
        Ok(self)
    }

    fn directory(&self) -> Result<&Arc<Dentry>, Errno> {
        Ok(&self.dentry)
    }

    fn listing(&self) -> Result<&dyn Directory, Errno> {
        Ok(self.listing.as_ref())
    }
}

impl Inode for OpenDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.listing.metadata()
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.listing.set_times(times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.listing.set_permissions(permissions)
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.listing.attribute(act)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        self.listing.synchronize()
    }

    fn space(&self) -> Result<Space, Errno> {
        self.listing.space()
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.listing.locks()
    }
}
