//! Reading: everything is checked once, when the pack is opened.

use crate::PackError;
use crate::format::{HEADER_BYTES, MAGIC, NAME_BYTES, StoredEntry, StoredKind, TARGET_BYTES, VERSION};
use std::fs::File;
use std::ops::Range;

/// An open pack.
///
/// ```
/// use bellglass_pack::{Kind, Pack, Writer};
///
/// let mut writer = Writer::new(0);
/// writer.file("lib/hello.py", b"print('hi')".to_vec(), 0o644)?;
/// let mut bytes = Vec::new();
/// writer.finish(&mut bytes)?;
///
/// let pack = Pack::from_bytes(bytes)?;
/// let entry = pack.lookup(b"lib/hello.py").expect("it was put in");
/// assert!(matches!(entry.kind, Kind::File { bytes: b"print('hi')" }));
/// # Ok::<(), bellglass_pack::PackError>(())
/// ```
pub struct Pack {
    bytes: Bytes,
    records: Vec<Record>,
}

/// The file's content, wherever it lies.
enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(mapping) => mapping,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// An entry with its checked ranges; the texts stay in the file.
struct Record {
    name: Range<usize>,
    permissions: u16,
    modified: u64,
    kind: RecordKind,
}

enum RecordKind {
    Directory { children: Range<u32> },
    File { bytes: Range<usize> },
    Symlink { target: Range<usize> },
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
    pub kind: Kind<'a>,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A directory; its entries have these indexes.
    Directory {
        /// The index of its first entry.
        first: u32,
        /// How many entries it has.
        count: u32,
    },
    /// A regular file.
    File {
        /// Its content.
        bytes: &'a [u8],
    },
    /// A symbolic link.
    Symlink {
        /// What it points to.
        target: &'a [u8],
    },
}

impl Pack {
    /// Maps `file` into memory and checks its index.
    ///
    /// The file must not be changed while the pack lives.
    ///
    /// # Errors
    /// [`PackError`] if it cannot be mapped or is not a sound pack.
    pub fn open(file: &File) -> Result<Self, PackError> {
        if file.metadata()?.len() < HEADER_BYTES as u64 {
            return Err(PackError::NotAPack);
        }
        // SAFETY: the mapping is read-only and private to this process. Its bytes
        // are only ever read as `u8`, every index into them is checked against
        // the length at mapping time, and files in the image store are written
        // under another name, renamed into place and never changed after, so no
        // one truncates the file beneath the mapping.
        // WHY UNSAFE: there is no safe way to map a file; reading 20 MB at each
        // start instead would cost more than everything else that a start does.
        #[allow(unsafe_code, reason = "the one mapping, explained above")]
        let mapping = unsafe { memmap2::Mmap::map(file)? };
        Self::check(Bytes::Mapped(mapping))
    }

    /// Opens a pack that is in memory.
    ///
    /// # Errors
    /// [`PackError`] if it is not a sound pack.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PackError> {
        Self::check(Bytes::Owned(bytes))
    }

    fn check(bytes: Bytes) -> Result<Self, PackError> {
        let records = read_index(bytes.as_slice())?;
        Ok(Self { bytes, records })
    }

    /// How many entries there are, with the root.
    pub fn entries(&self) -> usize {
        self.records.len()
    }

    /// Bytes of the whole pack.
    pub fn size(&self) -> u64 {
        self.bytes.as_slice().len() as u64
    }

    /// The entry with this index.
    pub fn entry(&self, index: u32) -> Option<Entry<'_>> {
        let record = self.records.get(index as usize)?;
        let kind = match &record.kind {
            RecordKind::Directory { children } => {
                Kind::Directory { first: children.start, count: children.end - children.start }
            }
            RecordKind::File { bytes } => Kind::File { bytes: self.slice(bytes) },
            RecordKind::Symlink { target } => Kind::Symlink { target: self.slice(target) },
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
        self.bytes.as_slice().get(range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pack").field("entries", &self.records.len()).finish_non_exhaustive()
    }
}

fn read_index(file: &[u8]) -> Result<Vec<Record>, PackError> {
    let header = file.first_chunk::<HEADER_BYTES>().ok_or(PackError::NotAPack)?;
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
    let index_length = usize::try_from(long(8)).map_err(|_| PackError::damaged("the index is too long"))?;
    let index_end = HEADER_BYTES
        .checked_add(index_length)
        .filter(|end| *end <= file.len())
        .ok_or(PackError::damaged("the index ends after the file"))?;
    let data = Range { start: index_end, end: file.len() };
    if data.len() as u64 != long(16) {
        return Err(PackError::damaged("the data is shorter or longer than it says"));
    }
    // BOUND: an entry takes at least five bytes of the index, whatever the count.
    if count > index_length / 5 || count == 0 {
        return Err(PackError::damaged("the number of entries does not fit the index"));
    }
    let mut records = Vec::with_capacity(count);
    let mut rest = &file[HEADER_BYTES..index_end];
    for _ in 0..count {
        let (stored, after) = postcard::take_from_bytes::<StoredEntry<'_>>(rest)
            .map_err(|_| PackError::damaged("an entry of the index cannot be read"))?;
        rest = after;
        records.push(check_entry(file, &data, count, stored)?);
    }
    if !rest.is_empty() {
        return Err(PackError::damaged("something follows the last entry of the index"));
    }
    check_tree(file, &records)?;
    Ok(records)
}

/// Where in `file` the part of it that `slice` is lies.
fn range_in(file: &[u8], slice: &[u8]) -> Range<usize> {
    if slice.is_empty() {
        return 0..0;
    }
    let start = slice.as_ptr() as usize - file.as_ptr() as usize;
    start..start + slice.len()
}

fn check_entry(
    file: &[u8],
    data: &Range<usize>,
    entries: usize,
    stored: StoredEntry<'_>,
) -> Result<Record, PackError> {
    let kind = match stored.kind {
        StoredKind::Directory { first, count } => {
            let end = first.checked_add(count).filter(|end| *end as usize <= entries);
            let end = end.ok_or(PackError::damaged("a directory reaches past the index"))?;
            RecordKind::Directory { children: first..end }
        }
        StoredKind::File { offset, length } => {
            let range = usize::try_from(offset).ok().zip(usize::try_from(length).ok()).and_then(
                |(offset, length)| {
                    let start = data.start.checked_add(offset)?;
                    let end = start.checked_add(length)?;
                    (end <= data.end).then_some(start..end)
                },
            );
            RecordKind::File { bytes: range.ok_or(PackError::damaged("a file reaches past the data"))? }
        }
        StoredKind::Symlink { target } => {
            if target.is_empty() || target.len() > TARGET_BYTES || target.contains(&0) {
                return Err(PackError::damaged("a symlink's target is not a path"));
            }
            RecordKind::Symlink { target: range_in(file, target) }
        }
    };
    Ok(Record {
        name: range_in(file, stored.name),
        permissions: stored.permissions & 0o777,
        modified: stored.modified,
        kind,
    })
}

/// That the entries form one tree: see the layout at the head of the crate.
fn check_tree(file: &[u8], records: &[Record]) -> Result<(), PackError> {
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
            let name = &file[record.name.clone()];
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
