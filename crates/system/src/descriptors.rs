//! The table of open files.

use crate::Errno;
use crate::files::{Dentry, ProcessFiles};
use crate::locks::{DescriptionLocks, Locker};
use crate::meter::{Charge, Meter};
use crate::object::{Blocking, Object, Position};
use crate::rights::Rights;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Flags of an open file, as Linux numbers them (`asm-generic/fcntl.h`).
pub(crate) mod flags {
    /// How it was opened: for reading, for writing, or both.
    pub(crate) const WRITE_ONLY: u32 = 1;
    pub(crate) const READ_WRITE: u32 = 2;
    pub(crate) const ACCESS: u32 = 3;
    /// Those that say what opening does, and are forgotten then.
    pub(crate) const OPENING: u32 = 0o1700 | CLOSE_ON_EXEC;
    pub(crate) const APPEND: u32 = 0o2000;
    pub(crate) const NONBLOCK: u32 = 0o4000;
    pub(crate) const DSYNC: u32 = 0o1_0000;
    pub(crate) const DIRECT: u32 = 0o4_0000;
    /// Its size may be more than 32 bits can tell.
    pub(crate) const LARGE: u32 = 0o10_0000;
    pub(crate) const NO_ACCESS_TIME: u32 = 0o100_0000;
    pub(crate) const CLOSE_ON_EXEC: u32 = 0o200_0000;
    /// Linux's O_SYNC is this and [`DSYNC`].
    pub(crate) const SYNC: u32 = 0o400_0000;
    /// Only what it is and where, not what it holds.
    pub(crate) const PATH: u32 = 0o1000_0000;
    /// WASI's own, in a bit that Linux does not use: Linux has it do what SYNC does.
    pub(crate) const RSYNC: u32 = 1 << 30;
}

/// Bytes that an open file is charged with: it, its number, and what its tree makes
/// for it.
const OPEN_BYTES: u64 = 768;

/// Bytes of one place of the table.
const SLOT_BYTES: u64 = size_of::<Option<Descriptor>>() as u64;

/// An open file: what dup shares.
pub(crate) struct Description {
    pub object: Arc<dyn Object>,
    /// The name by which it was opened, if it was opened by one.
    pub path: Option<Arc<Dentry>>,
    /// What the object says of it, which does not change.
    pub position: Option<Position>,
    pub readable: bool,
    pub writable: bool,
    /// See [`flags`]; of those that tell how it was opened, none.
    flags: AtomicU32,
    /// How often it was read or written in order: see `epoll`.
    turns: AtomicU64,
    state: Mutex<OpenState>,
    /// What is locked by way of it.
    locks: Mutex<Option<DescriptionLocks>>,
    _charge: Charge,
}

/// What of an open file changes.
#[derive(Default)]
pub(crate) struct OpenState {
    /// Where the next read or write starts; of a directory, the cookie that it is read
    /// from.
    pub position: u64,
    /// Who is told of it by a signal: a process, or a group below 0. No signal is sent.
    pub owner: i32,
}

impl Description {
    /// What one more open file is charged with, before anything is opened; ENOMEM if
    /// the guest may have no more kept for it.
    pub(crate) fn charge(meter: &Arc<Meter>) -> Result<Charge, Errno> {
        meter.hold(OPEN_BYTES)
    }

    /// An open file, with its [`charge`](Self::charge); ENOMEM if it takes more.
    pub(crate) fn new(
        object: Arc<dyn Object>,
        readable: bool,
        writable: bool,
        flags: u32,
        charge: Charge,
    ) -> Result<Arc<Self>, Errno> {
        Self::named(object, None, readable, writable, flags, charge)
    }

    /// The same, of what was opened by a name.
    pub(crate) fn named(
        object: Arc<dyn Object>,
        path: Option<Arc<Dentry>>,
        readable: bool,
        writable: bool,
        flags: u32,
        mut charge: Charge,
    ) -> Result<Arc<Self>, Errno> {
        charge.grow(object.kept_bytes())?;
        let position = object.position().ok();
        Ok(Arc::new(Self {
            object,
            path,
            position,
            readable,
            writable,
            flags: AtomicU32::new(flags & !(flags::ACCESS | flags::OPENING)),
            turns: AtomicU64::new(0),
            state: Mutex::default(),
            locks: Mutex::default(),
            _charge: charge,
        }))
    }

    pub(crate) fn locks(&self) -> MutexGuard<'_, Option<DescriptionLocks>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, OpenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its [`flags`], without how it was opened.
    pub(crate) fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Changes those of its flags that are in `which`.
    pub(crate) fn set_flags(&self, which: u32, new: u32) {
        let change = |old| Some(old & !which | new & which);
        // The closure never refuses.
        let _ = self.flags.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }

    /// Its flags as Linux tells them, with how it was opened.
    pub(crate) fn all_flags(&self) -> u32 {
        let access = match (self.readable, self.writable) {
            (true, true) => flags::READ_WRITE,
            (false, true) => flags::WRITE_ONLY,
            (true, false) => 0,
            (false, false) if self.is_path() => 0,
            (false, false) => flags::ACCESS,
        };
        self.flags() & !flags::RSYNC | access
    }

    /// Whether it can be read or written at an offset.
    pub(crate) fn has_offsets(&self) -> bool {
        self.has_content() || self.position == Some(Position::Ignored)
    }

    /// Whether it is a file with content, which has a size and can be cut.
    pub(crate) fn has_content(&self) -> bool {
        matches!(self.position, Some(Position::Kept | Position::Own))
    }

    /// Whether it was opened to say what it is and where, and no more.
    pub(crate) fn is_path(&self) -> bool {
        self.flags() & flags::PATH != 0
    }

    /// Whether reads and writes wait.
    pub(crate) fn blocking(&self) -> Blocking {
        Blocking::unless(self.flags() & flags::NONBLOCK != 0)
    }

    /// It was read or written in order.
    pub(crate) fn took_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was read or written in order.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

/// A descriptor: an open file, and what may be done through this number.
#[derive(Clone)]
pub(crate) struct Descriptor {
    pub description: Arc<Description>,
    /// FD_CLOEXEC: a program that takes this one's place does not get it.
    pub close_on_exec: bool,
    /// What WASI lets one do with it, and with what is opened from it.
    pub rights: Rights,
    pub inheriting: Rights,
}

impl Descriptor {
    /// A descriptor that may do what `description` can.
    pub(crate) fn full(description: Arc<Description>) -> Self {
        let mut rights = description.object.rights().0;
        if !description.readable {
            rights &= !Rights::FD_READ.0;
        }
        if !description.writable {
            rights &= !Rights::FD_WRITE.0;
        }
        let inheriting = description.object.inheriting();
        Self { description, close_on_exec: false, rights: Rights(rights), inheriting }
    }

    /// The same with FD_CLOEXEC, if `flags` say so.
    pub(crate) fn with_flags(mut self, flags: u32) -> Self {
        self.close_on_exec = flags & flags::CLOSE_ON_EXEC != 0;
        self
    }

    /// The open file, if it may be read; EBADF, or what the object says in its place.
    pub(crate) fn to_read(&self) -> Result<&Arc<Description>, Errno> {
        self.with(Rights::FD_READ).map_err(|_| self.description.object.unreadable())
    }

    /// The open file, if all of `needed` may be done.
    ///
    /// Reading and writing give EBADF, as read(2) has it, the rest ENOTCAPABLE.
    pub(crate) fn with(&self, needed: Rights) -> Result<&Arc<Description>, Errno> {
        if self.rights.contains(needed) {
            return Ok(&self.description);
        }
        let data = Rights(Rights::FD_READ.0 | Rights::FD_WRITE.0);
        if needed.and(data) != Rights::NONE { Err(Errno::BADF) } else { Err(Errno::NOTCAPABLE) }
    }
}

/// All open files of a guest.
pub(crate) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// All below are taken: so that it is not looked through at each opening.
    taken: usize,
    limit: usize,
    process: ProcessFiles,
    /// What the process and its open files have locked.
    locker: Arc<Locker>,
    /// For the places of the table.
    charge: Charge,
    /// How many things had a number of their own: see [`serial`](Self::serial).
    serials: u64,
}

/// Where the numbers begin of what lies in no tree, beyond those of descriptors.
const SERIALS: u64 = 1 << 32;

impl Descriptors {
    /// An empty table with room for `limit` descriptors.
    pub(crate) fn new(limit: usize, process: ProcessFiles, meter: &Arc<Meter>) -> Self {
        let (locker, charge) = (Locker::new(meter), meter.nothing());
        Self { slots: Vec::new(), taken: 0, limit, process, locker, charge, serials: 0 }
    }

    /// Who takes locks by way of these descriptors.
    pub(crate) fn locker(&self) -> &Arc<Locker> {
        &self.locker
    }

    /// A number that no other thing has: for a pipe, a socket, a file without a name.
    pub(crate) fn serial(&mut self) -> u64 {
        self.serials = self.serials.wrapping_add(1);
        SERIALS.wrapping_add(self.serials)
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.process.count()
    }

    /// What /proc shows of it.
    pub(crate) fn process(&self) -> &ProcessFiles {
        &self.process
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Has numbers be given up to another limit from now on; what is open above it stays.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    pub(crate) fn get(&self, number: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(number as usize).and_then(Option::as_ref).ok_or(Errno::BADF)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(number as usize).and_then(Option::as_mut).ok_or(Errno::BADF)
    }

    /// The open file of this number; EBADF, also for one that was opened as a path only.
    pub(crate) fn file(&self, number: u32) -> Result<&Arc<Description>, Errno> {
        let description = &self.get(number)?.description;
        if description.is_path() { Err(Errno::BADF) } else { Ok(description) }
    }

    /// The open file of this number; EBADF if it was not opened for reading.
    pub(crate) fn to_read(&self, number: u32) -> Result<&Arc<Description>, Errno> {
        Some(&self.get(number)?.description).filter(|file| file.readable).ok_or(Errno::BADF)
    }

    /// The open file of this number; EBADF if it was not opened for writing.
    pub(crate) fn to_write(&self, number: u32) -> Result<&Arc<Description>, Errno> {
        Some(&self.get(number)?.description).filter(|file| file.writable).ok_or(Errno::BADF)
    }

    /// The numbers from `first` to `last` that are open.
    pub(crate) fn numbers(&self, first: u32, last: u32) -> impl Iterator<Item = u32> {
        let end = self.slots.len().min((last as usize).saturating_add(1));
        let open = |number: &usize| self.is_taken(*number);
        // The table has fewer places than there are numbers.
        (first as usize..end).filter(open).map(|number| number as u32)
    }

    /// Gives `descriptor` the lowest free number, of those from `least` on.
    pub(crate) fn insert(&mut self, descriptor: Descriptor, least: u32) -> Result<u32, Errno> {
        let number = self.reserve(least)?;
        self.put(number, descriptor)?;
        Ok(number)
    }

    /// The lowest free number from `least` on, for which there is room from now on;
    /// EMFILE if there is none, ENOMEM if the table cannot grow.
    pub(crate) fn reserve(&mut self, least: u32) -> Result<u32, Errno> {
        let number = self.free(least)?;
        self.grow(number as usize)?;
        Ok(number)
    }

    fn free(&self, least: u32) -> Result<u32, Errno> {
        let least = self.taken.max(least as usize);
        let free = (least..self.limit).find(|number| !self.is_taken(*number)).ok_or(Errno::MFILE)?;
        u32::try_from(free).map_err(|_| Errno::MFILE)
    }

    /// Gives `descriptor` this number, which closes what had it; EBADF if it is
    /// beyond the limit.
    pub(crate) fn replace(&mut self, number: u32, descriptor: Descriptor) -> Result<(), Errno> {
        if number as usize >= self.limit {
            return Err(Errno::BADF);
        }
        self.put(number, descriptor)
    }

    fn put(&mut self, number: u32, descriptor: Descriptor) -> Result<(), Errno> {
        let index = number as usize;
        self.grow(index)?;
        self.process.add(number, &descriptor.description);
        let before = self.slots[index].replace(descriptor);
        if let Some(before) = &before {
            self.locker.closed(&before.description);
        }
        while self.is_taken(self.taken) {
            self.taken += 1;
        }
        drop(before);
        Ok(())
    }

    /// Makes room for this place; ENOMEM.
    fn grow(&mut self, index: usize) -> Result<(), Errno> {
        if let Some(more) = (index + 1).checked_sub(self.slots.len()).filter(|more| *more > 0) {
            // BOUND: the number is below the limit; each place is charged.
            let more = more.max(self.slots.len()).min(self.limit.max(index + 1) - self.slots.len());
            self.charge.grow(more as u64 * SLOT_BYTES)?;
            self.slots.reserve_exact(more);
            self.slots.resize_with(self.slots.len() + more, || None);
        }
        Ok(())
    }

    fn is_taken(&self, index: usize) -> bool {
        self.slots.get(index).is_some_and(Option::is_some)
    }

    pub(crate) fn close(&mut self, number: u32) -> Result<Descriptor, Errno> {
        let closed = self.slots.get_mut(number as usize).and_then(Option::take).ok_or(Errno::BADF)?;
        self.process.remove(number);
        self.taken = self.taken.min(number as usize);
        self.locker.closed(&closed.description);
        Ok(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Device;

    fn meter() -> Arc<Meter> {
        Arc::new(Meter::new(1 << 20))
    }

    fn null(meter: &Arc<Meter>) -> Descriptor {
        let charge = Description::charge(meter).expect("it fits");
        let description = Description::new(Arc::new(Device::Null), true, true, 0, charge);
        Descriptor::full(description.expect("it fits"))
    }

    #[test]
    fn what_is_open_is_charged_until_it_is_closed() {
        let meter = meter();
        let mut table = Descriptors::new(1 << 20, ProcessFiles::default(), &meter);
        let number = table.insert(null(&meter), 0).expect("it fits");
        let used = meter.used();
        assert!(used >= OPEN_BYTES + SLOT_BYTES);
        // A copy is the same open file.
        let copy = table.get(number).expect("it is open").clone();
        assert_eq!(table.insert(copy, 500_000), Err(Errno::NOMEM), "so large a table is more than it may be");
        assert_eq!(meter.used(), used);
        table.close(number).expect("it is open");
        assert_eq!(meter.used(), used - OPEN_BYTES);
        drop(table);
        assert_eq!(meter.used(), 0);
    }

    #[test]
    fn the_lowest_free_number_is_taken_up_to_the_limit() {
        let meter = meter();
        let null = || null(&meter);
        let mut table = Descriptors::new(3, ProcessFiles::default(), &meter);
        for number in 0..3 {
            assert_eq!(table.insert(null(), 0), Ok(number));
        }
        assert_eq!(table.insert(null(), 0), Err(Errno::MFILE));
        assert_eq!(table.open(), 3);
        table.close(1).expect("it is open");
        assert_eq!(table.close(1).err(), Some(Errno::BADF));
        assert_eq!(table.insert(null(), 0), Ok(1));
        assert_eq!(table.replace(3, null()), Err(Errno::BADF));
        assert_eq!(table.get(u32::MAX).err(), Some(Errno::BADF));
    }
}
