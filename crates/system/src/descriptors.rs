//! The table of open files.

use crate::Errno;
use crate::files::{Device, File, FileType, OpenNumbers, Place};
use crate::meter::{Charge, Meter};
use crate::pipe::{PipeReader, PipeWriter};
use crate::rights::Rights;
use crate::stdio::{InputStream, OutputStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Flags of an open file, as WASI numbers them.
pub(crate) mod flags {
    pub(crate) const APPEND: u16 = 1;
    pub(crate) const DSYNC: u16 = 2;
    pub(crate) const NONBLOCK: u16 = 4;
    pub(crate) const RSYNC: u16 = 8;
    pub(crate) const SYNC: u16 = 16;
    /// All that there are: append, dsync, nonblock, rsync, sync.
    pub(crate) const ALL: u16 = 31;
}

/// Bytes that an open file is charged with: it, its number, and what its tree makes
/// for it.
const OPEN_BYTES: u64 = 768;

/// Bytes for each directory above an open one, which holds them.
const ABOVE_BYTES: u64 = 256;

/// Bytes of one place of the table.
const SLOT_BYTES: u64 = size_of::<Option<Descriptor>>() as u64;

/// What a descriptor stands for.
pub(crate) enum Object {
    File(Arc<dyn File>),
    Directory(Place),
    /// A device that is no stream: null, zero, full, random.
    Device(Device),
    Input(Arc<InputStream>),
    Output(Arc<OutputStream>),
    /// The terminal, both ways.
    Terminal(Arc<InputStream>, Arc<OutputStream>),
    PipeReader(PipeReader),
    PipeWriter(PipeWriter),
    Socket {
        incoming: PipeReader,
        outgoing: PipeWriter,
    },
}

impl Object {
    pub(crate) fn file_type(&self) -> Result<FileType, Errno> {
        Ok(match self {
            Self::File(file) => file.metadata()?.file_type,
            Self::Directory(_) => FileType::Directory,
            // WASI has no type for a pipe. What reads and writes in order and is
            // not a file is nearest to a character device.
            Self::Device(_)
            | Self::Input(_)
            | Self::Output(_)
            | Self::Terminal(..)
            | Self::PipeReader(_)
            | Self::PipeWriter(_) => FileType::CharacterDevice,
            Self::Socket { .. } => FileType::SocketStream,
        })
    }

    /// What can be done with it at all.
    ///
    /// wasi-libc takes for a terminal what is a character device that can not be
    /// sought in, so what is no terminal has that right, and fails with ESPIPE.
    pub(crate) fn rights(&self) -> Rights {
        match self {
            Self::File(_) | Self::Device(_) => Rights::FILE,
            Self::Directory(_) => Rights::DIRECTORY,
            Self::Socket { .. } => Rights::STREAM,
            _ if self.is_terminal() => Rights::STREAM,
            _ => Rights(Rights::STREAM.0 | Rights::FD_SEEK.0 | Rights::FD_TELL.0),
        }
    }

    /// The same thing, opened once more; ENXIO for a pipe and a socket, whose ends
    /// are counted.
    pub(crate) fn again(&self) -> Result<Self, Errno> {
        Ok(match self {
            Self::File(file) => Self::File(Arc::clone(file)),
            Self::Directory(place) => Self::Directory(place.clone()),
            Self::Device(device) => Self::Device(*device),
            Self::Input(stream) => Self::Input(Arc::clone(stream)),
            Self::Output(stream) => Self::Output(Arc::clone(stream)),
            Self::Terminal(input, output) => Self::Terminal(Arc::clone(input), Arc::clone(output)),
            Self::PipeReader(_) | Self::PipeWriter(_) | Self::Socket { .. } => return Err(Errno::NXIO),
        })
    }

    /// Bytes that it takes while it is open, beside [`OPEN_BYTES`] and what is charged
    /// elsewhere.
    fn cost(&self) -> u64 {
        match self {
            Self::Directory(place) => ABOVE_BYTES * place.depth() as u64,
            _ => 0,
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Self::Input(stream) => stream.is_terminal(),
            Self::Output(stream) => stream.is_terminal(),
            Self::Terminal(..) => true,
            _ => false,
        }
    }
}

/// An open file: what dup shares.
pub(crate) struct Description {
    pub object: Object,
    pub readable: bool,
    pub writable: bool,
    state: Mutex<State>,
    _charge: Charge,
}

/// What of an open file changes.
#[derive(Default)]
pub(crate) struct State {
    /// Where the next read or write starts.
    pub position: u64,
    /// See [`flags`].
    pub flags: u16,
}

impl Description {
    /// What one more open file is charged with, before anything is opened; ENOMEM if
    /// the guest may have no more kept for it.
    pub(crate) fn charge(meter: &Arc<Meter>) -> Result<Charge, Errno> {
        meter.hold(OPEN_BYTES)
    }

    /// An open file, with its [`charge`](Self::charge); ENOMEM if it takes more.
    pub(crate) fn new(
        object: Object,
        readable: bool,
        writable: bool,
        flags: u16,
        mut charge: Charge,
    ) -> Result<Arc<Self>, Errno> {
        charge.grow(object.cost())?;
        let state = Mutex::new(State { position: 0, flags });
        Ok(Arc::new(Self { object, readable, writable, state, _charge: charge }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn nonblocking(&self) -> bool {
        self.state().flags & flags::NONBLOCK != 0
    }

    /// The file, if it is one with content.
    pub(crate) fn file(&self) -> Option<&Arc<dyn File>> {
        match &self.object {
            Object::File(file) => Some(file),
            _ => None,
        }
    }
}

/// A descriptor: an open file, and what may be done through this number.
#[derive(Clone)]
pub(crate) struct Descriptor {
    pub description: Arc<Description>,
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
        let inheriting = match description.object {
            Object::Directory(_) => Rights::ALL,
            _ => Rights::NONE,
        };
        Self { description, rights: Rights(rights), inheriting }
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
    numbers: OpenNumbers,
    /// For the places of the table.
    charge: Charge,
}

impl Descriptors {
    /// An empty table with room for `limit` descriptors.
    pub(crate) fn new(limit: usize, numbers: OpenNumbers, meter: &Arc<Meter>) -> Self {
        Self { slots: Vec::new(), taken: 0, limit, numbers, charge: meter.nothing() }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.numbers.count()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
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
        self.slots[index] = Some(descriptor);
        self.numbers.add(number);
        while self.is_taken(self.taken) {
            self.taken += 1;
        }
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
        self.numbers.remove(number);
        self.taken = self.taken.min(number as usize);
        Ok(closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Arc<Meter> {
        Arc::new(Meter::new(1 << 20))
    }

    fn null(meter: &Arc<Meter>) -> Descriptor {
        let charge = Description::charge(meter).expect("it fits");
        let description = Description::new(Object::Device(Device::Null), true, true, 0, charge);
        Descriptor::full(description.expect("it fits"))
    }

    #[test]
    fn what_is_open_is_charged_until_it_is_closed() {
        let meter = meter();
        let mut table = Descriptors::new(1 << 20, OpenNumbers::default(), &meter);
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
        let mut table = Descriptors::new(3, OpenNumbers::default(), &meter);
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
