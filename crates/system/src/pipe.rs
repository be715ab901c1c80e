//! Pipes, in memory.
//!
//! As on Linux a pipe has pages, of which each holds what one write put there, or the next
//! could add at its end: what fits depends on where the bytes lie, not only on how many
//! there are.

use crate::descriptors::flags;
use crate::files::FileType;
use crate::meter::{Charge, Meter};
use crate::object::{Blocking, Interest, Object, Taking, Transfer};
use crate::poll::{Look, Polled, events};
use crate::wait::{Readiness, WaitQueue, retry};
use crate::{Errno, Fault, Waiter};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a page. A write of no more than this is whole, or is not.
const PAGE: usize = 4096;

/// Bytes that a pipe holds at first; Linux's default.
// BOUND: it is charged when the pipe is made.
pub(crate) const CAPACITY: usize = 64 << 10;

/// Bytes that a program may have it hold; Linux's default.
// BOUND: they are charged.
const MOST: usize = 1 << 20;

/// Bytes that a pipe takes beside what it holds.
const PIPE_BYTES: u64 = 512;

/// A pipe, of which nobody has an end yet, or some do.
pub(crate) struct Pipe {
    state: Mutex<State>,
    /// Woken when there is something to read, and when there is room to write; both when
    /// an end is closed.
    readable: WaitQueue,
    writable: WaitQueue,
}

struct State {
    bytes: VecDeque<u8>,
    /// The pages in which they lie.
    pages: VecDeque<Page>,
    /// How many pages it may have.
    most: usize,
    readers: u32,
    writers: u32,
    /// How often an end was opened that reads, and that writes.
    openings: [u64; 2],
    charge: Charge,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Where in the page the bytes begin, and how many they are.
    start: usize,
    length: usize,
    /// Whether what the next write brings may stand at its end.
    is_open: bool,
    /// Whether it is read alone, and what is not read of it then is lost.
    is_packet: bool,
}

impl Page {
    /// Where in a page of a file the byte at `offset` lies.
    pub(crate) fn start_of(offset: u64) -> usize {
        (offset % PAGE as u64) as usize
    }

    /// The pages in which `length` bytes of a file lie from `offset` on.
    pub(crate) fn of_file(offset: u64, length: usize) -> Vec<Self> {
        let mut pages = Vec::with_capacity(length / PAGE + 2);
        let mut done = 0;
        while done < length {
            let start = if done == 0 { Self::start_of(offset) } else { 0 };
            let part = (PAGE - start).min(length - done);
            pages.push(Self { start, length: part, is_open: false, is_packet: false });
            done += part;
        }
        pages
    }

    /// The same where the page belongs to two pipes.
    pub(crate) fn shared(self) -> Self {
        Self { is_open: false, ..self }
    }
}

/// An end of a pipe, or both.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// The number of the pipe, which stat tells.
    serial: u64,
    /// If it has one way only and nobody had the other open when it was opened: how often
    /// somebody had had before.
    alone_at: Option<u64>,
}

/// Both ends of a new pipe, the one that reads first; ENOMEM if the guest may have no more
/// kept for it.
pub(crate) fn pipe(meter: &Arc<Meter>, serial: u64) -> Result<[PipeEnd; 2], Errno> {
    let pipe = Pipe::new(meter)?;
    Ok([PipeEnd::new(&pipe, true, false, serial), PipeEnd::new(&pipe, false, true, serial)])
}

impl Pipe {
    /// One of which nobody has an end; ENOMEM.
    pub(crate) fn new(meter: &Arc<Meter>) -> Result<Arc<Self>, Errno> {
        let charge = meter.hold(PIPE_BYTES + CAPACITY as u64)?;
        let (bytes, pages, most) = (VecDeque::new(), VecDeque::new(), CAPACITY / PAGE);
        let state = State { bytes, pages, most, readers: 0, writers: 0, openings: [0; 2], charge };
        let (readable, writable) = (WaitQueue::within(), WaitQueue::within());
        Ok(Arc::new(Self { state: Mutex::new(state), readable, writable }))
    }
}

impl State {
    fn is_full(&self) -> bool {
        self.pages.len() >= self.most
    }

    fn read(&mut self, into: &mut [u8], taking: Taking) -> Result<usize, Errno> {
        if into.is_empty() {
            return Ok(0);
        }
        if self.pages.is_empty() {
            return if self.writers == 0 { Ok(0) } else { Err(Errno::AGAIN) };
        }
        // How much is read, how much goes, and how many pages, with what is left of the next.
        let (mut count, mut gone, mut pages, mut part) = (0, 0, 0, 0);
        for page in &self.pages {
            let taken = page.length.min(into.len() - count);
            count += taken;
            if page.is_packet || taken == page.length {
                gone += page.length;
                pages += 1;
            } else {
                gone += taken;
                part = taken;
            }
            if page.is_packet || count == into.len() {
                break;
            }
        }
        copy_out(&self.bytes, &mut into[..count]);
        if taking == Taking::Take {
            self.bytes.drain(..gone);
            self.pages.drain(..pages);
            if let Some(page) = self.pages.front_mut() {
                page.start += part;
                page.length -= part;
            }
        }
        Ok(count)
    }

    fn write(&mut self, from: &[u8], as_packets: bool) -> Result<usize, Errno> {
        if from.is_empty() {
            return Ok(0);
        }
        if self.readers == 0 {
            return Err(Errno::PIPE);
        }
        self.reserve();
        let mut rest = from;
        let (over, whole) = from.split_at(from.len() % PAGE);
        if let Some(last) = self.pages.back_mut()
            && !over.is_empty()
            && last.is_open
            && last.start + last.length + over.len() <= PAGE
        {
            last.length += over.len();
            self.bytes.extend(over);
            rest = whole;
        }
        for part in rest.chunks(PAGE).take(self.most.saturating_sub(self.pages.len())) {
            self.pages.push_back(Page {
                start: 0,
                length: part.len(),
                is_open: !as_packets,
                is_packet: as_packets,
            });
            self.bytes.extend(part);
            rest = &rest[part.len()..];
        }
        let written = from.len() - rest.len();
        if written == 0 { Err(Errno::AGAIN) } else { Ok(written) }
    }

    /// As much as it ever holds: grown by and by it would become more.
    fn reserve(&mut self) {
        let most = self.most * PAGE;
        if self.bytes.capacity() < most {
            self.bytes.reserve_exact(most - self.bytes.len());
        }
    }

    /// Puts pages behind those that it has, as many as there is room for, and says how many
    /// bytes these have.
    fn push(&mut self, pages: &[Page], bytes: &[u8]) -> Result<usize, Errno> {
        if self.readers == 0 {
            return Err(Errno::PIPE);
        }
        self.reserve();
        let pages = &pages[..pages.len().min(self.most.saturating_sub(self.pages.len()))];
        let count = pages.iter().map(|page| page.length).sum();
        self.pages.extend(pages);
        self.bytes.extend(&bytes[..count]);
        if count == 0 && !bytes.is_empty() { Err(Errno::AGAIN) } else { Ok(count) }
    }

    /// The first bytes, up to `most`, and the pages in which they lie.
    fn first(&self, most: usize) -> Result<(Vec<Page>, Vec<u8>), Errno> {
        if self.pages.is_empty() && self.writers > 0 {
            return Err(Errno::AGAIN);
        }
        // BOUND: what it holds.
        let mut pages = Vec::new();
        let mut count = 0;
        for page in &self.pages {
            let length = page.length.min(most - count);
            if length == 0 {
                break;
            }
            let is_whole = length == page.length;
            pages.push(Page { length, is_open: page.is_open && is_whole, ..*page });
            count += length;
        }
        let mut bytes = vec![0; count];
        copy_out(&self.bytes, &mut bytes);
        Ok((pages, bytes))
    }

    /// Lets the first bytes go.
    fn skip(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
        let mut left = count;
        while let Some(page) = self.pages.front_mut().filter(|_| left > 0) {
            let part = page.length.min(left);
            left -= part;
            page.start += part;
            page.length -= part;
            if page.length == 0 {
                self.pages.pop_front();
            }
        }
    }
}

/// Copies the first bytes, of which there are enough.
fn copy_out(bytes: &VecDeque<u8>, into: &mut [u8]) {
    let (front, back) = bytes.as_slices();
    let first = front.len().min(into.len());
    let (one, other) = into.split_at_mut(first);
    one.copy_from_slice(&front[..first]);
    other.copy_from_slice(&back[..other.len()]);
}

impl PipeEnd {
    /// An end of a pipe, or both.
    pub(crate) fn new(pipe: &Arc<Pipe>, reads: bool, writes: bool, serial: u64) -> Self {
        let mut end = Self { pipe: Arc::clone(pipe), reads, writes, serial, alone_at: None };
        let mut state = pipe.state.lock().unwrap_or_else(PoisonError::into_inner);
        end.alone_at = match (reads, writes) {
            (true, false) if state.writers == 0 => Some(state.openings[1]),
            (false, true) if state.readers == 0 => Some(state.openings[0]),
            _ => None,
        };
        state.readers += u32::from(reads);
        state.writers += u32::from(writes);
        state.openings[0] += u64::from(reads);
        state.openings[1] += u64::from(writes);
        end
    }

    /// Another end of the same pipe, or both, by a link of /proc.
    pub(crate) fn again(&self, [reads, writes]: [bool; 2]) -> Result<Self, Errno> {
        if !reads && !writes {
            return Err(Errno::INVAL);
        }
        let end = Self::new(&self.pipe, reads, writes, self.serial);
        end.opened();
        Ok(end)
    }

    /// Says to those who wait for it that it is open.
    pub(crate) fn opened(&self) {
        self.pipe.readable.wake();
        self.pipe.writable.wake();
    }

    /// Whether nobody has opened the other end yet.
    fn is_alone(&self, state: &State) -> bool {
        self.alone_at.is_some_and(|before| state.openings[usize::from(self.reads)] == before)
    }

    /// Waits until somebody has the other end open. Without waiting, who reads has it without
    /// one, and who writes gets ENXIO.
    pub(crate) fn wait_for_other_end(&self, blocking: Blocking, waiter: &Waiter) -> Result<(), Fault> {
        let interest = if self.reads { Interest::Read } else { Interest::Write };
        let is_alone = || self.is_alone(&self.lock());
        match blocking {
            Blocking::DoNotWait if !self.reads && is_alone() => return Err(Errno::NXIO.into()),
            Blocking::DoNotWait => return Ok(()),
            Blocking::Wait => {}
        }
        let attempt = || if is_alone() { Err(Errno::AGAIN) } else { Ok(()) };
        retry(blocking, interest, waiter, attempt, |interest| {
            let listener = self.queue(interest).listen();
            Ok(match is_alone() {
                true => Readiness::When(listener),
                false => Readiness::Now { bytes: 0, hangup: false },
            })
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.pipe.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether both are ends of one pipe.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pipe, &other.pipe)
    }

    /// Reads what is there; EAGAIN if that is nothing, 0 if nothing will come.
    pub(crate) fn try_read(&self, into: &mut [u8], taking: Taking) -> Result<usize, Errno> {
        let mut state = self.lock();
        let was_full = state.is_full();
        let count = state.read(into, taking)?;
        let wakes = was_full && !state.is_full();
        drop(state);
        if wakes {
            self.pipe.writable.wake();
        }
        Ok(count)
    }

    /// Writes what there is room for; EAGAIN if there is none, EPIPE if no one reads any
    /// more.
    pub(crate) fn try_write(&self, from: &[u8], as_packets: bool) -> Result<usize, Errno> {
        let count = self.lock().write(from, as_packets)?;
        if count > 0 {
            self.pipe.readable.wake();
        }
        Ok(count)
    }

    /// The first bytes, up to `most`, and the pages in which they lie; EAGAIN if there is
    /// nothing, no bytes if nothing will come.
    pub(crate) fn first(&self, most: usize) -> Result<(Vec<Page>, Vec<u8>), Errno> {
        self.lock().first(most)
    }

    /// Lets the first bytes go.
    pub(crate) fn skip(&self, count: usize) {
        let mut state = self.lock();
        let was_full = state.is_full();
        state.skip(count);
        let wakes = was_full && !state.is_full();
        drop(state);
        if wakes {
            self.pipe.writable.wake();
        }
    }

    /// Puts pages behind those that it has, and says how many bytes there was room for;
    /// EAGAIN if for none, EPIPE if no one reads any more.
    pub(crate) fn push(&self, pages: &[Page], bytes: &[u8]) -> Result<usize, Errno> {
        let count = self.lock().push(pages, bytes)?;
        if count > 0 {
            self.pipe.readable.wake();
        }
        Ok(count)
    }

    /// Writes all of `from`, unless it may not wait or is interrupted on the way.
    fn write_all(
        &self,
        from: &[u8],
        as_packets: bool,
        blocking: Blocking,
        waiter: &Waiter,
    ) -> Result<usize, Fault> {
        let mut done = 0;
        loop {
            let attempt = || self.try_write(&from[done..], as_packets);
            match retry(blocking, Interest::Write, waiter, attempt, |interest| Ok(self.look(interest))) {
                Ok(count) => done += count,
                Err(Fault::Errno(_)) if done > 0 => return Ok(done),
                Err(fault) => return Err(fault),
            }
            if done == from.len() || blocking == Blocking::DoNotWait {
                return Ok(done);
            }
        }
    }

    /// Bytes that can be written to it at least.
    pub(crate) fn room(&self) -> usize {
        let state = self.lock();
        state.most.saturating_sub(state.pages.len()) * PAGE
    }

    /// Whether all that write to it are gone, or all that read from it.
    pub(crate) fn is_broken(&self, interest: Interest) -> bool {
        let state = self.lock();
        match interest {
            Interest::Read => state.writers == 0,
            Interest::Write => state.readers == 0,
        }
    }

    /// What polling finds.
    pub(crate) fn look(&self, interest: Interest) -> Readiness {
        // First this, so that no change is missed in between.
        let listener = self.queue(interest).listen();
        let state = self.lock();
        let (bytes, hangup) = match interest {
            Interest::Read => (state.bytes.len(), state.writers == 0),
            Interest::Write if state.is_full() => (0, state.readers == 0),
            Interest::Write => ((state.most - state.pages.len()) * PAGE, state.readers == 0),
        };
        match bytes > 0 || hangup {
            true => Readiness::Now { bytes: bytes as u64, hangup },
            false => Readiness::When(listener),
        }
    }

    fn queue(&self, interest: Interest) -> &WaitQueue {
        match interest {
            Interest::Read => &self.pipe.readable,
            Interest::Write => &self.pipe.writable,
        }
    }

    /// Bytes that it can hold.
    pub(crate) fn size(&self) -> usize {
        self.lock().most * PAGE
    }

    /// Has it hold as many bytes as this at least, and says how many these are then, as
    /// fcntl's F_SETPIPE_SZ does.
    ///
    /// # Errors
    /// EINVAL beyond what can be told, EPERM beyond what a program may have, EBUSY if it
    /// holds more than would fit, ENOMEM.
    pub(crate) fn set_size(&self, bytes: u32) -> Result<usize, Errno> {
        if bytes > 1 << 31 {
            return Err(Errno::INVAL);
        }
        let size = (bytes as usize).max(PAGE).next_power_of_two();
        let pages = size / PAGE;
        let mut state = self.lock();
        if pages > state.most && size > MOST {
            return Err(Errno::PERM);
        }
        if pages < state.pages.len() {
            return Err(Errno::BUSY);
        }
        let before = state.most * PAGE;
        if size > before {
            state.charge.grow((size - before) as u64)?;
        } else {
            state.bytes.shrink_to(size);
            state.charge.shrink((before - size) as u64);
        }
        let was_full = state.is_full();
        state.most = pages;
        let wakes = was_full && !state.is_full();
        drop(state);
        if wakes {
            self.pipe.writable.wake();
        }
        Ok(size)
    }
}

impl Object for PipeEnd {
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::Fifo)
    }

    fn serial(&self) -> Option<u64> {
        Some(self.serial)
    }

    fn reopen(self: Arc<Self>, ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Ok(Arc::new(self.again(ways)?))
    }

    fn read(&self, into: &mut [u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        if !self.reads {
            return Err(Errno::BADF.into());
        }
        let attempt = || self.try_read(into, Taking::Take);
        let look = |interest| Ok(self.look(interest));
        retry(transfer.blocking, Interest::Read, transfer.waiter, attempt, look)
    }

    fn write(&self, from: &[u8], transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        if !self.writes {
            return Err(Errno::BADF.into());
        }
        let as_packets = transfer.flags & flags::DIRECT != 0;
        self.write_all(from, as_packets, transfer.blocking, transfer.waiter)
    }

    fn readiness(&self, interest: Interest, _position: u64) -> Result<Readiness, Errno> {
        Ok(self.look(interest))
    }

    fn poll(&self, wanted: u32, _position: u64, look: &mut Look) -> Polled {
        let turns = look.listen(wanted, &self.pipe.readable, &self.pipe.writable);
        let state = self.lock();
        let mut polled = Polled::with_edges(0, turns);
        for (holds, event) in [
            (self.reads && !state.pages.is_empty(), events::READABLE),
            (self.reads && state.writers == 0 && !self.is_alone(&state), events::HANGUP),
            (self.writes && !state.is_full(), events::WRITABLE),
            (self.writes && state.readers == 0, events::ERROR),
        ] {
            if holds {
                polled.events |= event;
            }
        }
        polled
    }

    fn pipe(&self) -> Result<&PipeEnd, Errno> {
        Ok(self)
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.lock();
        state.readers -= u32::from(self.reads);
        state.writers -= u32::from(self.writes);
        drop(state);
        self.pipe.readable.wake();
        self.pipe.writable.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_pipe() -> [PipeEnd; 2] {
        pipe(&Arc::new(Meter::new(PIPE_BYTES + CAPACITY as u64)), 1).expect("it fits")
    }

    #[test]
    fn bytes_go_through_in_order_until_the_end() {
        let [reader, writer] = new_pipe();
        let mut bytes = [0; 4];
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Err(Errno::AGAIN));
        assert_eq!(writer.try_write(b"abcdef", false), Ok(6));
        assert_eq!(reader.try_read(&mut bytes, Taking::Peek), Ok(4));
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(4));
        assert_eq!(&bytes, b"abcd");
        drop(writer);
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(2));
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(0));
    }

    #[test]
    fn a_full_pipe_takes_no_more_and_a_closed_one_breaks() {
        let [reader, writer] = new_pipe();
        assert_eq!(writer.try_write(&vec![0; CAPACITY + 1], false), Ok(CAPACITY));
        assert_eq!(writer.try_write(&[0], false), Err(Errno::AGAIN));
        assert!(matches!(writer.look(Interest::Write), Readiness::When(_)));
        drop(reader);
        assert_eq!(writer.try_write(&[0], false), Err(Errno::PIPE));
    }

    #[test]
    fn a_page_that_is_read_in_part_takes_as_much_room_as_before() {
        let [reader, writer] = new_pipe();
        assert_eq!(writer.try_write(&[1; CAPACITY], false), Ok(CAPACITY));
        let mut bytes = [0; PAGE];
        assert_eq!(reader.try_read(&mut bytes[..PAGE - 1], Taking::Take), Ok(PAGE - 1));
        assert_eq!(writer.try_write(&[2; 10], false), Err(Errno::AGAIN));
        assert_eq!(reader.try_read(&mut bytes[..1], Taking::Take), Ok(1));
        assert_eq!(writer.try_write(&[2; 10], false), Ok(10));
        // What follows joins the last page.
        assert_eq!(writer.try_write(&[3; 20], false), Ok(20));
        let held = reader.lock().bytes.len();
        assert_eq!((held, writer.room()), (CAPACITY - PAGE + 30, 0));
    }

    #[test]
    fn a_packet_is_read_alone_and_what_does_not_fit_of_it_is_lost() {
        let [reader, writer] = new_pipe();
        for packet in [b"one".as_slice(), b"other"] {
            assert_eq!(writer.try_write(packet, true), Ok(packet.len()));
        }
        let mut bytes = [0; 9];
        assert_eq!(reader.try_read(&mut bytes[..2], Taking::Take), Ok(2));
        assert_eq!(reader.try_read(&mut bytes, Taking::Take), Ok(5));
        assert_eq!(&bytes[..5], b"other");
    }

    #[test]
    fn a_size_is_charged_and_holds_what_is_there() {
        let meter = Arc::new(Meter::new(1 << 20));
        let [reader, writer] = pipe(&meter, 1).expect("it fits");
        assert_eq!((reader.set_size(5), writer.size()), (Ok(PAGE), PAGE));
        assert_eq!(meter.used(), PIPE_BYTES + PAGE as u64);
        assert_eq!(writer.set_size(PAGE as u32 + 1), Ok(2 * PAGE));
        assert_eq!(writer.try_write(&[0; 3 * PAGE], false), Ok(2 * PAGE));
        assert_eq!(reader.set_size(1), Err(Errno::BUSY));
        assert_eq!(reader.set_size(MOST as u32), Err(Errno::NOMEM));
        assert_eq!(reader.set_size(MOST as u32 + 1), Err(Errno::PERM));
        assert_eq!(reader.set_size(u32::MAX), Err(Errno::INVAL));
        drop((reader, writer));
        assert_eq!(meter.used(), 0);
    }
}
