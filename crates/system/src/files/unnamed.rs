//! Files in memory that have no name, and seals: what memfd_create makes.

use super::pages::{PAGE_BYTES, Pages};
use super::{File, FileType, Metadata, NewTimes, Space, Timestamp, unprivileged};
use crate::meter::{Charge, Meter};
use crate::{Clock, Errno};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of such a file beside its content.
const FILE_BYTES: u64 = 512;

/// What may not be done with a file any more, in Linux's numbers (`linux/fcntl.h`).
pub(crate) mod seal {
    /// No more seals.
    pub(crate) const SEAL: u32 = 1;
    pub(crate) const SHRINK: u32 = 2;
    pub(crate) const GROW: u32 = 4;
    pub(crate) const WRITE: u32 = 8;
    pub(crate) const FUTURE_WRITE: u32 = 0x10;
    /// Whether it is a program stays as it is.
    pub(crate) const EXEC: u32 = 0x20;
    pub(crate) const ALL: u32 = 0x3f;
}

/// The seals of a file.
#[derive(Debug)]
pub struct Seals(AtomicU32);

impl Seals {
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    fn has(&self, any: u32) -> bool {
        self.get() & any != 0
    }

    /// Adds seals to those of a file, as fcntl's F_ADD_SEALS does.
    ///
    /// # Errors
    /// EPERM once it is sealed against that.
    pub(crate) fn seal(&self, file: &Metadata, mut new: u32) -> Result<(), Errno> {
        if self.has(seal::SEAL) {
            return Err(Errno::PERM);
        }
        if new & seal::EXEC != 0 && file.permissions & 0o111 != 0 {
            // A program that stays one must not change either.
            new |= seal::SHRINK | seal::GROW | seal::WRITE | seal::FUTURE_WRITE;
        }
        self.0.fetch_or(new, Ordering::Relaxed);
        Ok(())
    }
}

/// Those of a file that was not made to be sealed.
pub(super) static SEALED: Seals = Seals(AtomicU32::new(seal::SEAL));

/// A file in memory that lasts as long as it is open.
pub(crate) struct UnnamedFile {
    content: Mutex<Content>,
    seals: Seals,
    clock: Arc<dyn Clock>,
    device: u64,
    inode: u64,
}

struct Content {
    pages: Pages,
    permissions: u32,
    accessed: Timestamp,
    modified: Timestamp,
    changed: Timestamp,
    charge: Charge,
}

impl Content {
    /// Notes that a program changed it.
    fn touch(&mut self, clock: &dyn Clock) {
        self.modified = clock.realtime().into();
        self.changed = self.modified;
        self.permissions = unprivileged(self.permissions);
    }
}

impl UnnamedFile {
    /// An empty one; ENOMEM if the guest may have no more kept for it.
    pub(crate) fn new(
        meter: &Arc<Meter>,
        clock: Arc<dyn Clock>,
        (device, inode): (u64, u64),
        permissions: u32,
        seals: u32,
    ) -> Result<Self, Errno> {
        let (charge, now) = (meter.hold(FILE_BYTES)?, Timestamp::from(clock.realtime()));
        let pages = Pages::default();
        let content = Content { pages, permissions, accessed: now, modified: now, changed: now, charge };
        Ok(Self { content: Mutex::new(content), seals: Seals(AtomicU32::new(seals)), clock, device, inode })
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the content, which then is charged as it has become.
    fn change<T>(
        &self,
        content: &mut Content,
        change: impl FnOnce(&mut Pages) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let before = content.pages.count();
        let changed = change(&mut content.pages);
        let freed = before.saturating_sub(content.pages.count());
        content.charge.shrink(freed * PAGE_BYTES as u64);
        if changed.is_ok() {
            content.touch(&*self.clock);
        }
        changed
    }

    fn write(&self, content: &mut Content, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        let end = offset.checked_add(from.len() as u64).filter(|end| i64::try_from(*end).is_ok());
        let end = end.ok_or(Errno::FBIG)?;
        if self.seals.has(seal::WRITE | seal::FUTURE_WRITE) {
            return Err(Errno::PERM);
        }
        if end > content.pages.size() && self.seals.has(seal::GROW) && !from.is_empty() {
            return Err(Errno::PERM);
        }
        // One more page than the bytes fill, where they begin within one.
        let most = (from.len() / PAGE_BYTES) as u64 + 2;
        let page = PAGE_BYTES as u64;
        let reserved = (0..most).take_while(|_| content.charge.grow(page).is_ok()).count() as u64;
        let before = content.pages.count();
        let written = self.change(content, |pages| Ok(pages.write_at(offset, from, reserved)))?;
        let added = content.pages.count().saturating_sub(before);
        content.charge.shrink(reserved.saturating_sub(added) * page);
        if written == 0 && !from.is_empty() { Err(Errno::NOSPC) } else { Ok(written) }
    }
}

impl File for UnnamedFile {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let content = self.lock();
        let size = content.pages.size();
        let metadata = Metadata::read_only(self.device, self.inode, FileType::RegularFile, size);
        Ok(Metadata {
            links: 0,
            permissions: content.permissions,
            accessed: content.accessed,
            modified: content.modified,
            changed: content.changed,
            ..metadata
        })
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        Ok(self.lock().pages.read_at(offset, into))
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        Ok(self.lock().pages.next_data(offset))
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.write(&mut self.lock(), offset, from)
    }

    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        let mut content = self.lock();
        let end = content.pages.size();
        let written = self.write(&mut content, end, from)?;
        Ok((written, end.saturating_add(written as u64)))
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        let mut content = self.lock();
        if i64::try_from(size).is_err() {
            return Err(Errno::FBIG);
        }
        let before = content.pages.size();
        if size < before && self.seals.has(seal::SHRINK) || size > before && self.seals.has(seal::GROW) {
            return Err(Errno::PERM);
        }
        self.change(&mut content, |pages| pages.set_size(size))
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.checked_add(length).ok_or(Errno::FBIG)?;
        let mut content = self.lock();
        if end <= content.pages.size() {
            content.touch(&*self.clock);
            return Ok(());
        }
        drop(content);
        self.set_size(end)
    }

    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let mut content = self.lock();
        let grows = offset.saturating_add(length) > content.pages.size();
        if grows && self.seals.has(seal::GROW) {
            return Err(Errno::PERM);
        }
        content.touch(&*self.clock);
        Ok(())
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        if self.seals.has(seal::WRITE | seal::FUTURE_WRITE) {
            return Err(Errno::PERM);
        }
        self.change(&mut self.lock(), |pages| pages.punch(offset, offset.saturating_add(length)))
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        let mut content = self.lock();
        content.accessed = times.accessed.unwrap_or(content.accessed);
        content.modified = times.modified.unwrap_or(content.modified);
        content.changed = self.clock.realtime().into();
        Ok(())
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        let mut content = self.lock();
        if self.seals.has(seal::EXEC) && (permissions ^ content.permissions) & 0o111 != 0 {
            return Err(Errno::PERM);
        }
        content.permissions = permissions & 0o7777;
        content.changed = self.clock.realtime().into();
        Ok(())
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(Space::default())
    }

    fn seals(&self) -> Option<&Seals> {
        Some(&self.seals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FixedClock;
    use std::time::Duration;

    fn file(meter: &Arc<Meter>, seals: u32) -> UnnamedFile {
        let clock = Arc::new(FixedClock::new(Duration::from_secs(1)));
        UnnamedFile::new(meter, clock, (4, 1), 0o777, seals).expect("it fits")
    }

    #[test]
    fn its_bytes_are_charged_as_long_as_it_has_them() {
        let meter = Arc::new(Meter::new(FILE_BYTES + 3 * PAGE_BYTES as u64));
        let file = file(&meter, 0);
        assert_eq!(file.write_at(0, &[7; 5 * PAGE_BYTES]), Ok(3 * PAGE_BYTES));
        assert_eq!(file.write_at(4 * PAGE_BYTES as u64, b"x"), Err(Errno::NOSPC));
        file.set_size(1).expect("cut");
        assert_eq!(meter.used(), FILE_BYTES + PAGE_BYTES as u64);
        assert_eq!(file.append(b"end"), Ok((3, 4)));
        file.punch(0, 100).expect("punched");
        assert_eq!((meter.used(), File::metadata(&file).expect("told").size), (FILE_BYTES, 4));
        drop(file);
        assert_eq!(meter.used(), 0);
    }

    #[test]
    fn what_is_sealed_stays_as_it_is() {
        let meter = Arc::new(Meter::new(1 << 20));
        let file = file(&meter, 0);
        file.write_at(0, b"text").expect("written");
        let told = File::metadata(&file).expect("told");
        let seals = File::seals(&file).expect("some");
        seals.seal(&told, seal::GROW | seal::SHRINK).expect("sealed");
        assert_eq!((file.write_at(1, b"xyz"), file.write_at(1, b"wxyz")), (Ok(3), Err(Errno::PERM)));
        assert_eq!(
            (file.set_size(3), file.set_size(5), file.set_size(4)),
            (Err(Errno::PERM), Err(Errno::PERM), Ok(()))
        );
        seals.seal(&told, seal::WRITE).expect("sealed");
        assert_eq!((file.write_at(0, b"x"), file.punch(0, 1)), (Err(Errno::PERM), Err(Errno::PERM)));
        seals.seal(&told, seal::EXEC | seal::SEAL).expect("sealed");
        assert_eq!((file.set_permissions(0o666), file.set_permissions(0o711)), (Err(Errno::PERM), Ok(())));
        assert_eq!(seals.seal(&told, seal::GROW), Err(Errno::PERM));
        assert_eq!(seals.get(), 0x3f);
    }
}
