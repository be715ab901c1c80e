//! Reading: everything is checked once, when the pack is opened.

use crate::PackError;
use crate::format::{HEADER_BYTES, MAGIC, NAME_BYTES, StoredEntry, StoredKind, TARGET_BYTES, VERSION};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// An open pack.
///
/// ```
/// use bellglass_pack::{EntryKind, Pack, Writer};
///
/// let mut writer = Writer::new(0);
/// writer.file("lib/hello.py", b"print('hi')".to_vec(), 0o644)?;
/// let mut bytes = Vec::new();
/// writer.finish(&mut bytes)?;
///
/// let pack = Pack::from_bytes(bytes)?;
/// let entry = pack.lookup(b"lib/hello.py").expect("it was put in");
/// assert!(matches!(entry.kind, EntryKind::File { length: 11 }));
/// assert_eq!(pack.read(entry.index)?, b"print('hi')");
/// # Ok::<(), bellglass_pack::PackError>(())
/// ```
pub struct Pack {
    /// The header and the index.
    head: Vec<u8>,
    data: Data,
    records: Vec<Record>,
}

/// The files' bytes, wherever they lie.
enum Data {
    /// After the index of a file, which is read a piece at a time. It is not mapped:
    /// who reads a mapping of a file that was cut off is ended by a signal.
    File {
        file: File,
        start: u64,
        length: u64,
    },
    Owned(Vec<u8>),
}

/// An entry with its checked ranges; the texts stay in the index.
struct Record {
    name: Range<usize>,
    permissions: u16,
    modified: u64,
    kind: RecordKind,
}

enum RecordKind {
    Directory {
        children: Range<u32>,
    },
    /// Where in the data its content is.
    File {
        content: Range<u64>,
    },
    Symlink {
        target: Range<usize>,
    },
}

/// One entry of a pack.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its place in the index, which names it within its pack.
    pub index: u32,
    /// Its name in its directory; empty for the root.
    pub name: &'a [u8],
    /// The nine permission bits.
    pub permissions: u16,
    /// Nanoseconds since 1970.
    pub modified: u64,
    /// What it is.
    pub kind: EntryKind<'a>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A directory; its entries have these indexes.
    Directory {
        /// The index of its first entry.
        first: u32,
        /// How many entries it has.
        count: u32,
    },
    /// A regular file.
    File {
        /// Bytes of its content, which [`Pack::read_at`] reads.
        length: u64,
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: &'a [u8],
    },
}

impl Pack {
    /// Reads the index of the pack in `file` and checks it. The files' bytes are read
    /// when they are asked for.
    ///
    /// # Errors
    /// [`PackError`] if it cannot be read or is not a sound pack.
    pub fn open(file: &File) -> Result<Self, PackError> {
        let size = file.metadata()?.len();
        let mut head = vec![0; HEADER_BYTES];
        if size < HEADER_BYTES as u64 {
            return Err(PackError::NotAPack);
        }
        file.read_exact_at(&mut head, 0)?;
        let layout = Layout::read(&head, size)?;
        // BOUND: no more than the file has.
        head.resize(layout.index.end, 0);
        file.read_exact_at(&mut head[HEADER_BYTES..], HEADER_BYTES as u64)?;
        let start = layout.index.end as u64;
        let data = Data::File { file: file.try_clone()?, start, length: layout.data_length };
        Self::check(head, data, &layout)
    }

    /// Opens a pack that is in memory.
    ///
    /// # Errors
    /// [`PackError`] if it is not a sound pack.
    pub fn from_bytes(mut bytes: Vec<u8>) -> Result<Self, PackError> {
        let layout = Layout::read(&bytes, bytes.len() as u64)?;
        let data = bytes.split_off(layout.index.end);
        Self::check(bytes, Data::Owned(data), &layout)
    }

    fn check(head: Vec<u8>, data: Data, layout: &Layout) -> Result<Self, PackError> {
        let records = read_index(&head, layout)?;
        Ok(Self { head, data, records })
    }

    /// How many entries there are, with the root.
    pub fn entries(&self) -> usize {
        self.records.len()
    }

    /// Bytes of the whole pack.
    pub fn size(&self) -> u64 {
        let data = match &self.data {
            Data::File { length, .. } => *length,
            Data::Owned(bytes) => bytes.len() as u64,
        };
        self.head.len() as u64 + data
    }

    /// Reads of the content of the file with this index, from `offset` on, as much as
    /// there is and `into` has room for. Gives how much that was: less than there is
    /// room for at the content's end only.
    ///
    /// # Errors
    /// What reading the pack's file gives, also when that has become shorter since it
    /// was opened; [`io::ErrorKind::InvalidInput`] if the entry is no file.
    pub fn read_at(&self, index: u32, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let content = self.content(index)?;
        let start = content.start.saturating_add(offset).min(content.end);
        let count = usize::try_from(content.end - start).map_or(into.len(), |left| left.min(into.len()));
        let into = &mut into[..count];
        match &self.data {
            Data::File { file, start: data, .. } => file.read_exact_at(into, data + start)?,
            Data::Owned(bytes) => {
                // Checked when the pack was opened.
                let from = usize::try_from(start).ok().and_then(|start| bytes.get(start..start + count));
                into.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
            }
        }
        Ok(count)
    }

    /// The whole content of the file with this index.
    ///
    /// # Errors
    /// Those of [`read_at`](Self::read_at).
    pub fn read(&self, index: u32) -> io::Result<Vec<u8>> {
        let content = self.content(index)?;
        let length = usize::try_from(content.end - content.start).map_err(io::Error::other)?;
        // BOUND: no more than the pack has.
        let mut bytes = vec![0; length];
        self.read_at(index, 0, &mut bytes)?;
        Ok(bytes)
    }

    fn content(&self, index: u32) -> io::Result<&Range<u64>> {
        match self.records.get(index as usize).map(|record| &record.kind) {
            Some(RecordKind::File { content }) => Ok(content),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// The entry with this index.
    pub fn entry(&self, index: u32) -> Option<Entry<'_>> {
        let record = self.records.get(index as usize)?;
        let kind = match &record.kind {
            RecordKind::Directory { children } => {
                EntryKind::Directory { first: children.start, count: children.end - children.start }
            }
            RecordKind::File { content } => EntryKind::File { length: content.end - content.start },
            RecordKind::Symlink { target } => EntryKind::Symlink { target: self.slice(target) },
        };
        let name = self.slice(&record.name);
        Some(Entry { index, name, permissions: record.permissions, modified: record.modified, kind })
    }

    /// The entry `name` of the directory with index `directory`.
    pub fn child(&self, directory: u32, name: &[u8]) -> Option<Entry<'_>> {
        let RecordKind::Directory { children } = &self.records.get(directory as usize)?.kind else {
            return None;
        };
        let records = self.records.get(children.start as usize..children.end as usize)?;
        let found = records.binary_search_by(|record| self.slice(&record.name).cmp(name)).ok()?;
        self.entry(children.start + u32::try_from(found).ok()?)
    }

    /// The entry at `path`, whose parts are separated by slashes. Symlinks are
    /// not followed; `.` and `..` are names like any other and not found.
    pub fn lookup(&self, path: &[u8]) -> Option<Entry<'_>> {
        let mut entry = self.entry(0)?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            entry = self.child(entry.index, name)?;
        }
        Some(entry)
    }

    /// The entries of the directory with index `directory`, sorted by name;
    /// none if it is not a directory.
    pub fn children(&self, directory: u32) -> impl Iterator<Item = Entry<'_>> {
        let children = match self.records.get(directory as usize).map(|record| &record.kind) {
            Some(RecordKind::Directory { children }) => children.clone(),
            _ => 0..0,
        };
        children.filter_map(|index| self.entry(index))
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        // Every range was checked when the pack was opened, so the default is
        // never taken.
        self.head.get(range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pack").field("entries", &self.records.len()).finish_non_exhaustive()
    }
}

/// Where the parts of a pack are.
struct Layout {
    /// How many entries the index has.
    count: usize,
    index: Range<usize>,
    data_length: u64,
}

impl Layout {
    /// Reads the header that the first bytes of a pack of `size` bytes are.
    fn read(bytes: &[u8], size: u64) -> Result<Self, PackError> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(PackError::NotAPack)?;
        let (magic, rest) = header.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(PackError::NotAPack);
        }
        // A header of 32 bytes has room for all four.
        let number =
            |at: usize| rest[at..at + 4].iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
        let long = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
        let version = number(0);
        if version != VERSION {
            return Err(PackError::Version { found: version, supported: VERSION });
        }
        let count = number(4) as usize;
        let index_length =
            usize::try_from(long(8)).map_err(|_| PackError::damaged("the index is too long"))?;
        let index_end = HEADER_BYTES
            .checked_add(index_length)
            .filter(|end| *end as u64 <= size)
            .ok_or(PackError::damaged("the index ends after the file"))?;
        let data_length = size - index_end as u64;
        if data_length != long(16) {
            return Err(PackError::damaged("the data is shorter or longer than it says"));
        }
        // BOUND: an entry takes at least five bytes of the index, whatever the count.
        if count > index_length / 5 || count == 0 {
            return Err(PackError::damaged("the number of entries does not fit the index"));
        }
        Ok(Self { count, index: HEADER_BYTES..index_end, data_length })
    }
}

/// Reads the index that `head` ends with.
fn read_index(head: &[u8], layout: &Layout) -> Result<Vec<Record>, PackError> {
    let count = layout.count;
    let mut records = Vec::with_capacity(count);
    let mut rest = &head[layout.index.clone()];
    for _ in 0..count {
        let (stored, after) = postcard::take_from_bytes::<StoredEntry<'_>>(rest)
            .map_err(|_| PackError::damaged("an entry of the index cannot be read"))?;
        rest = after;
        records.push(check_entry(head, layout, stored)?);
    }
    if !rest.is_empty() {
        return Err(PackError::damaged("something follows the last entry of the index"));
    }
    check_tree(head, &records)?;
    Ok(records)
}

/// Where in `head` the part of it that `slice` is lies.
fn range_in(head: &[u8], slice: &[u8]) -> Range<usize> {
    if slice.is_empty() {
        return 0..0;
    }
    let start = slice.as_ptr() as usize - head.as_ptr() as usize;
    start..start + slice.len()
}

fn check_entry(head: &[u8], layout: &Layout, stored: StoredEntry<'_>) -> Result<Record, PackError> {
    let kind = match stored.kind {
        StoredKind::Directory { first, count } => {
            let end = first.checked_add(count).filter(|end| *end as usize <= layout.count);
            let end = end.ok_or(PackError::damaged("a directory reaches past the index"))?;
            RecordKind::Directory { children: first..end }
        }
        StoredKind::File { offset, length } => {
            let end = offset.checked_add(length).filter(|end| *end <= layout.data_length);
            let end = end.ok_or(PackError::damaged("a file reaches past the data"))?;
            RecordKind::File { content: offset..end }
        }
        StoredKind::Symlink { target } => {
            if target.is_empty() || target.len() > TARGET_BYTES || target.contains(&0) {
                return Err(PackError::damaged("a symlink's target is not a path"));
            }
            RecordKind::Symlink { target: range_in(head, target) }
        }
    };
    Ok(Record {
        name: range_in(head, stored.name),
        permissions: stored.permissions & 0o777,
        modified: stored.modified,
        kind,
    })
}

/// That the entries form one tree: see the layout at the head of the crate.
fn check_tree(head: &[u8], records: &[Record]) -> Result<(), PackError> {
    let mut expected = 1;
    match records.first() {
        Some(root) if matches!(root.kind, RecordKind::Directory { .. }) && root.name.is_empty() => {}
        _ => return Err(PackError::damaged("the first entry is not a root directory")),
    }
    for (index, record) in records.iter().enumerate() {
        let RecordKind::Directory { children } = &record.kind else { continue };
        if children.is_empty() {
            continue;
        }
        if children.start != expected || (children.start as usize) <= index {
            return Err(PackError::damaged("the directories do not follow one another"));
        }
        expected = children.end;
        let names = &records[children.start as usize..children.end as usize];
        let mut previous: &[u8] = b"";
        for record in names {
            let name = &head[record.name.clone()];
            if !is_name(name) {
                return Err(PackError::damaged("a name is not a file name"));
            }
            if name <= previous {
                return Err(PackError::damaged("the names of a directory are not sorted"));
            }
            previous = name;
        }
    }
    if expected as usize != records.len() {
        return Err(PackError::damaged("an entry stands in no directory"));
    }
    Ok(())
}

/// Whether `name` can be one entry's name.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES
        && name != b"."
        && name != b".."
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}
