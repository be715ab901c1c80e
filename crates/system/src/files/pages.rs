//! The content of a file in memory, in pages, so that holes cost nothing.

use crate::pieces::Steps;
use crate::{Errno, go_on};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes of a page: what a file's content is counted in against the quota.
pub(crate) const PAGE_BYTES: usize = 4096;

const PAGE: u64 = PAGE_BYTES as u64;

/// A file's bytes. Missing pages read as zeros.
#[derive(Default)]
pub(crate) struct Pages {
    pages: BTreeMap<u64, Box<[u8; PAGE_BYTES]>>,
    size: u64,
}

impl Pages {
    /// Bytes from the start to the end, holes included.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// How many pages it holds.
    pub(crate) fn count(&self) -> u64 {
        self.pages.len() as u64
    }

    pub(crate) fn read_at(&self, offset: u64, into: &mut [u8]) -> usize {
        let left = self.size.saturating_sub(offset);
        let length = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let Some(into) = into.get_mut(..length) else { return 0 };
        for (page, start, part) in parts(offset, length) {
            let Some(target) = into.get_mut(part) else { break };
            match self.pages.get(&page).and_then(|bytes| bytes.get(start..start + target.len())) {
                Some(bytes) => target.copy_from_slice(bytes),
                None => target.fill(0),
            }
        }
        length
    }

    /// Writes as much of `from` as `may_add` more pages allow, and returns how
    /// much that was. The end of what is written must not overflow.
    pub(crate) fn write_at(&mut self, offset: u64, from: &[u8], may_add: u64) -> usize {
        let mut may_add = may_add;
        let mut written = 0;
        for (page, start, part) in parts(offset, from.len()) {
            let Some(source) = from.get(part) else { break };
            let bytes = match self.pages.get_mut(&page) {
                Some(bytes) => bytes,
                None if may_add == 0 => break,
                None => {
                    may_add -= 1;
                    self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE_BYTES]))
                }
            };
            let Some(target) = bytes.get_mut(start..start + source.len()) else { break };
            target.copy_from_slice(source);
            written += source.len();
        }
        if written > 0 {
            self.size = self.size.max(offset.saturating_add(written as u64));
        }
        written
    }

    /// The first stretch of pages at `offset` or beyond, as far as they follow one
    /// another.
    pub(crate) fn next_data(&self, offset: u64) -> Option<Range<u64>> {
        let mut pages = self.pages.range(offset / PAGE..).map(|(page, _)| *page);
        let first = pages.next()?;
        let mut end = first + 1;
        while pages.next() == Some(end) {
            end += 1;
        }
        // A page has its bytes below the greatest offset, i64::MAX.
        let data = (first * PAGE).max(offset)..end.saturating_mul(PAGE).min(self.size);
        Some(data).filter(|data| data.start < data.end)
    }

    /// The SHA-256 of the first `size` bytes.
    ///
    /// # Errors
    /// As [`go_on`](crate::go_on).
    pub(crate) fn digest(&self, size: u64) -> Result<[u8; 32], Errno> {
        let mut digest = Sha256::new();
        let mut buffer = vec![0; 16 * PAGE_BYTES];
        let mut offset = 0;
        while offset < size.min(self.size) {
            go_on()?;
            let count = self.read_at(offset, &mut buffer);
            let wanted = usize::try_from(size - offset).unwrap_or(count).min(count);
            digest.update(&buffer[..wanted]);
            offset += wanted as u64;
        }
        Ok(digest.finalize().into())
    }

    /// Makes what lies from `offset` up to `end` a hole, as far as the size reaches.
    ///
    /// # Errors
    /// As [`go_on`](crate::go_on): it is one in part then.
    pub(crate) fn punch(&mut self, offset: u64, end: u64) -> Result<(), Errno> {
        // What a page has beyond the size is zeros already.
        let end = if end < self.size { end } else { self.size.next_multiple_of(PAGE) };
        let (first, last) = (offset.div_ceil(PAGE), end / PAGE);
        let mut clear = |page: u64, part: Range<u64>| {
            if let Some(bytes) = self.pages.get_mut(&page) {
                bytes[part.start as usize..part.end as usize].fill(0);
            }
        };
        if offset >= end {
            return Ok(());
        }
        if first > last {
            clear(last, offset % PAGE..end % PAGE);
            return Ok(());
        }
        if !offset.is_multiple_of(PAGE) {
            clear(first - 1, offset % PAGE..PAGE);
        }
        clear(last, 0..end % PAGE);
        let mut steps = Steps::default();
        while let Some(page) = self.pages.range(first..last).next().map(|(page, _)| *page) {
            steps.step()?;
            self.pages.remove(&page);
        }
        Ok(())
    }

    /// Cuts or grows to `size`; growing adds a hole.
    ///
    /// # Errors
    /// As [`go_on`](crate::go_on): it has been cut in part then.
    pub(crate) fn set_size(&mut self, size: u64) -> Result<(), Errno> {
        if size < self.size {
            let kept = size.div_ceil(PAGE);
            let mut steps = Steps::default();
            while let Some(last) = self.pages.last_entry().filter(|last| *last.key() >= kept) {
                if let Err(error) = steps.step() {
                    self.size = self.size.min((last.key() + 1) * PAGE);
                    return Err(error);
                }
                last.remove();
            }
            // What was cut must read as zeros if the file grows again.
            let within = (size % PAGE) as usize;
            if within > 0
                && let Some(page) = self.pages.get_mut(&(size / PAGE))
            {
                page[within..].fill(0);
            }
        }
        self.size = size;
        Ok(())
    }
}

/// Divides `length` bytes at `offset` by pages: the page's number, where in the
/// page, and which part of the caller's bytes.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= length {
            return None;
        }
        let at = offset.checked_add(done as u64)?;
        let start = (at % PAGE) as usize;
        let count = (PAGE_BYTES - start).min(length - done);
        let part = done..done + count;
        done += count;
        Some((at / PAGE, start, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_read_as_zeros_and_cost_nothing() {
        let mut pages = Pages::default();
        assert_eq!(pages.write_at(1_000_000_000_000, b"end", 1), 3);
        assert_eq!((pages.size(), pages.count()), (1_000_000_000_003, 1));
        let mut bytes = [1; 5];
        assert_eq!(pages.read_at(999_999_999_998, &mut bytes), 5);
        assert_eq!(&bytes, b"\0\0end");
        assert_eq!(pages.read_at(1_000_000_000_003, &mut bytes), 0);
    }

    #[test]
    fn data_is_found_between_holes() {
        let mut pages = Pages::default();
        assert_eq!(pages.next_data(0), None);
        pages.set_size(1 << 60).expect("grown");
        assert_eq!(pages.next_data(0), None);
        pages.write_at(PAGE + 5, &[1; 2 * PAGE_BYTES], 9);
        pages.write_at(1 << 40, b"x", 9);
        assert_eq!(pages.next_data(0), Some(PAGE..4 * PAGE));
        assert_eq!(pages.next_data(PAGE + 7), Some(PAGE + 7..4 * PAGE));
        assert_eq!(pages.next_data(4 * PAGE), Some(1 << 40..(1 << 40) + PAGE));
        pages.set_size((1 << 40) + 1).expect("cut");
        assert_eq!(pages.next_data(4 * PAGE), Some(1 << 40..(1 << 40) + 1));
        assert_eq!(pages.next_data((1 << 40) + 1), None);
    }

    #[test]
    fn a_hole_is_punched_to_the_byte() {
        for (offset, end) in [
            (0, 3 * PAGE),
            (5, 10),
            (5, PAGE),
            (PAGE, 2 * PAGE),
            (PAGE - 1, 2 * PAGE + 1),
            (9, 1 << 40),
            (7, 7),
        ] {
            let mut pages = Pages::default();
            let size = 3 * PAGE_BYTES - 100;
            pages.write_at(0, &vec![7; size], 9);
            pages.punch(offset, end).expect("punched");
            let mut bytes = vec![1; size + 1];
            assert_eq!(pages.read_at(0, &mut bytes), size);
            for (at, byte) in (0..).zip(&bytes[..size]) {
                assert_eq!(*byte == 0, (offset..end).contains(&at), "{offset} {end}: {at}");
            }
            let whole =
                (0..3).filter(|page| offset <= page * PAGE && end >= ((page + 1) * PAGE).min(size as u64));
            assert_eq!(pages.count(), 3 - whole.count() as u64, "{offset} {end}");
        }
    }

    #[test]
    fn what_was_cut_is_gone() {
        let mut pages = Pages::default();
        pages.write_at(0, &[7; 10_000], 9);
        pages.set_size(4100).expect("cut");
        assert_eq!(pages.count(), 2);
        pages.set_size(10_000).expect("grown");
        let mut bytes = [1; 10_000];
        assert_eq!(pages.read_at(0, &mut bytes), 10_000);
        assert!(bytes[..4100].iter().all(|byte| *byte == 7));
        assert!(bytes[4100..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_was_cut_in_part_is_whole_up_to_there() {
        let mut pages = Pages::default();
        let bytes = vec![7; 300 * PAGE_BYTES];
        pages.write_at(0, &bytes, 300);
        let waiter = crate::Waiter::new(None).expect("the host has descriptors");
        waiter.kill();
        let (cut, _) = crate::pieces::work_for(&waiter, || pages.set_size(10));
        assert_eq!(cut, Err(Errno::CANCELED));
        assert!(pages.count() > 200 && pages.count() < 300, "{}", pages.count());
        assert_eq!(pages.size(), pages.count() * PAGE);
        pages.set_size(10).expect("cut");
        assert_eq!((pages.size(), pages.count()), (10, 1));
    }

    #[test]
    fn a_write_ends_where_the_pages_end() {
        let mut pages = Pages::default();
        assert_eq!(pages.write_at(100, &[1; 10_000], 2), 8192 - 100);
        assert_eq!(pages.write_at(100, &[1; 10_000], 0), 8192 - 100);
        assert_eq!(pages.write_at(8192, &[1], 0), 0);
        assert_eq!(pages.size(), 8192);
    }
}
