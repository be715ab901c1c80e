//! A file of the host as a standard stream. It has a position, which is the host's: whoever
//! else has the same file open by the same description, such as the shell that started
//! the command, finds it where the guest left it.

use super::Budget;
use crate::files::{File, FileType, Locks, Metadata, Space, Standing};
use crate::object::{Inode, Interest, Object, Position, Transfer};
use crate::rights::Rights;
use crate::wait::Readiness;
use crate::{Errno, Fault, descriptors};
use std::io::SeekFrom;
use std::sync::Arc;

/// The content of such a file: what is written counts as output.
pub(crate) struct StandardFile {
    standing: Standing,
    budget: Arc<Budget>,
}

impl StandardFile {
    pub(super) fn new(standing: Standing, budget: Arc<Budget>) -> Self {
        Self { standing, budget }
    }

    /// What a change adds to the file's size, which may be all room that is taken for it.
    fn grow_to(&self, size: u64) -> Result<(), Errno> {
        let before = self.standing.metadata()?.size;
        self.budget.take(size.saturating_sub(before))
    }
}

/// As it is opened once more: with a position of its own. Times and permission bits are not
/// the guest's to change.
impl File for StandardFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.standing.metadata()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.standing.read_at(offset, into)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.budget.write_once(from, |from| self.standing.write_at(offset, from))
    }

    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        let count = self.budget.write_once(from, |from| self.standing.append(from))?;
        Ok((count, self.standing.metadata()?.size))
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.grow_to(size)?;
        self.standing.set_size(size)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.grow_to(offset.checked_add(length).ok_or(Errno::FBIG)?)?;
        self.standing.allocate(offset, length)
    }

    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.grow_to(offset.checked_add(length).ok_or(Errno::FBIG)?)?;
        self.standing.reserve(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.standing.punch(offset, length)
    }

    fn set_times(&self, _times: crate::files::NewTimes) -> Result<(), Errno> {
        Err(Errno::PERM)
    }

    fn set_permissions(&self, _permissions: u32) -> Result<(), Errno> {
        Err(Errno::PERM)
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(self.standing.space())
    }

    fn synchronize(&self) -> Result<(), Errno> {
        self.standing.synchronize()
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.standing.locks().map(Some)
    }
}

/// As it is given to the guest, with the host's position.
pub(super) struct InheritedFile(pub Arc<StandardFile>);

impl Object for InheritedFile {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(self.0.standing.kind)
    }

    fn metadata(&self, _number: u32) -> Result<Metadata, Errno> {
        File::metadata(&*self.0)
    }

    fn rights(&self) -> Rights {
        Rights::FILE
    }

    /// As Linux opens /proc/self/fd/0: from the beginning, wherever this one stands.
    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(Arc::clone(&self.0) as Arc<dyn Object>)
    }

    /// By which name it was opened on the host is not the guest's business.
    fn label(&self, number: u32) -> Result<String, Errno> {
        Ok(format!("file:[{}]", Object::metadata(self, number)?.inode))
    }

    fn read(&self, into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Ok(self.0.standing.read(into)?)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        if transfer.flags & descriptors::flags::APPEND != 0 && !self.0.standing.appends {
            let (count, end) = File::append(&*self.0, from)?;
            self.0.standing.seek(SeekFrom::Start(end))?;
            return Ok(count);
        }
        Ok(self.0.budget.write_once(from, |from| self.0.standing.write(from))?)
    }

    fn position(&self) -> Result<Position, Errno> {
        Ok(Position::Own)
    }

    fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        self.0.standing.seek(to)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Ok(File::read_at(&*self.0, offset, into)?)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        File::write_at(&*self.0, offset, from)
    }

    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        File::append(&*self.0, from)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        File::set_size(&*self.0, size)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        File::allocate(&*self.0, offset, length)
    }

    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        File::reserve(&*self.0, offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        File::punch(&*self.0, offset, length)
    }

    fn next_data(&self, offset: u64) -> Result<Option<std::ops::Range<u64>>, Errno> {
        File::next_data(&*self.0, offset)
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        let position = self.0.standing.seek(SeekFrom::Current(0))?;
        Object::readiness(&*self.0, interest, position)
    }

    fn inode(&self) -> Result<&dyn Inode, Errno> {
        Ok(&*self.0)
    }
}
