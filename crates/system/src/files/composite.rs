//! Mounts: a directory with entries of its own over the directory of a tree.

use super::process::{ProcessFiles, ProcessLink};
use super::{
    Attribute, Creation, Device, Directory, DirectoryEntry, File, FileType, Found, Locks, Metadata, NewTimes,
    OpenOptions, Opened, Space, Timestamp, Wanting, refuse_new,
};
use crate::Errno;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is put over one name.
#[derive(Clone)]
pub(crate) enum Graft {
    /// More grafts, over whatever directory is there, and an empty one if none is.
    Within(BTreeMap<Vec<u8>, Graft>),
    /// Another tree, and more grafts over it.
    Tree(Arc<dyn Directory>, BTreeMap<Vec<u8>, Graft>),
    /// A read-only file.
    File(Arc<dyn File>),
    /// A device.
    Device(Device),
    /// A symlink to this.
    Symlink(Vec<u8>),
    /// A link to what the process has open.
    Process(ProcessFiles, ProcessLink),
}

/// What statfs tells of /proc, of what lies in no tree elsewhere, and of /dev/pts.
pub(crate) const PROCFS: u32 = 0x9fa0;
pub(crate) const TMPFS: u32 = 0x0102_1994;
pub(crate) const DEVPTS: u32 = 0x1cd1;

/// Hands out the inode numbers of directories and links that no tree has.
pub(crate) struct Numbers {
    device: u64,
    made: Timestamp,
    next: u64,
}

/// Puts `grafts` over `base`. Which directories of `base` lie beneath is found
/// out now: no guest can move them away later, for their names are taken.
pub(crate) fn compose(
    base: Arc<dyn Directory>,
    grafts: &BTreeMap<Vec<u8>, Graft>,
    device: u64,
    made: Timestamp,
) -> Result<Arc<dyn Directory>, Errno> {
    // The devices have the numbers below.
    let mut numbers = Numbers { device, made, next: 100 };
    numbers.compose(Some(base), grafts, None)
}

impl Numbers {
    // BOUND: as deep as the mounts of the builder, which are not the guest's.
    fn compose(
        &mut self,
        base: Option<Arc<dyn Directory>>,
        grafts: &BTreeMap<Vec<u8>, Graft>,
        kind: Option<u32>,
    ) -> Result<Arc<dyn Directory>, Errno> {
        if let (Some(base), true) = (&base, grafts.is_empty()) {
            return Ok(Arc::clone(base));
        }
        let mut entries = BTreeMap::new();
        for (name, graft) in grafts {
            // The name in the root says it.
            let kind = Some(kind.unwrap_or(if name == b"proc" { PROCFS } else { TMPFS }));
            let entry = match graft {
                Graft::Within(grafts) => {
                    let below = match base.as_ref().map(|base| base.lookup(name)) {
                        Some(Ok(Found::Directory(directory))) => Some(directory),
                        Some(Err(error)) if error != Errno::NOENT => return Err(error),
                        _ => None,
                    };
                    Grafted::Directory(self.compose(below, grafts, kind)?)
                }
                Graft::Tree(tree, grafts) => {
                    Grafted::Directory(self.compose(Some(Arc::clone(tree)), grafts, kind)?)
                }
                Graft::File(file) => Grafted::File(Arc::clone(file)),
                Graft::Device(device) => Grafted::Device(*device),
                Graft::Symlink(target) => {
                    self.next += 1;
                    Grafted::Symlink(target.clone(), self.next)
                }
                Graft::Process(process, link) => {
                    self.next += 1;
                    Grafted::Process(process.clone(), *link, self.next)
                }
            };
            entries.insert(name.clone(), entry);
        }
        self.next += 1;
        let (device, made, inode) = (self.device, self.made, self.next);
        let kind = kind.unwrap_or(TMPFS);
        Ok(Arc::new(Composite { base, made, entries: Arc::new(entries), device, inode, kind }))
    }
}

enum Grafted {
    Directory(Arc<dyn Directory>),
    File(Arc<dyn File>),
    Device(Device),
    /// With its inode number.
    Symlink(Vec<u8>, u64),
    /// With its inode number.
    Process(ProcessFiles, ProcessLink, u64),
}

struct Composite {
    base: Option<Arc<dyn Directory>>,
    /// When the run began: the time of what is the run's own.
    made: Timestamp,
    entries: Arc<BTreeMap<Vec<u8>, Grafted>>,
    device: u64,
    inode: u64,
    /// What statfs tells of it where no tree has it.
    kind: u32,
}

/// Cookies of entries of its own have this bit, so those of the base keep theirs.
const OWN: u64 = 1 << 62;

impl Composite {
    /// The base, for a name that is not one of the entries.
    fn base(&self, taken: Errno, name: &[u8]) -> Result<&Arc<dyn Directory>, Errno> {
        if self.entries.contains_key(name) {
            return Err(taken);
        }
        self.base.as_ref().ok_or(Errno::ROFS)
    }

    /// The metadata of a directory that no tree has.
    fn own_metadata(&self) -> Metadata {
        let metadata = Metadata::read_only(self.device, self.inode, FileType::Directory, 4096);
        Metadata { links: 2, permissions: 0o755, ..metadata }.at(self.made)
    }

    fn link_metadata(&self, inode: u64, size: u64) -> Metadata {
        let file_type = FileType::SymbolicLink;
        Metadata { inode, file_type, links: 1, size, permissions: 0o777, ..self.own_metadata() }
    }

    fn metadata_of_entry(&self, entry: &Grafted) -> Result<Metadata, Errno> {
        match entry {
            Grafted::Directory(directory) => directory.metadata(),
            Grafted::File(file) => file.metadata(),
            Grafted::Device(device) => Ok(device.metadata(self.device).at(self.made)),
            Grafted::Symlink(target, inode) => Ok(self.link_metadata(*inode, target.len() as u64)),
            Grafted::Process(_, _, inode) => Ok(self.link_metadata(*inode, 0)),
        }
    }
}

impl Directory for Composite {
    fn metadata(&self) -> Result<Metadata, Errno> {
        match &self.base {
            Some(base) => base.metadata(),
            None => Ok(self.own_metadata()),
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        match (self.entries.get(name), &self.base) {
            (Some(Grafted::Directory(directory)), _) => Ok(Found::Directory(Arc::clone(directory))),
            (Some(Grafted::Symlink(target, _)), _) => Ok(Found::Symlink(target.clone())),
            (Some(Grafted::Process(process, link, _)), _) => Ok(Found::Jump(process.link(*link)?)),
            (Some(_), _) => Ok(Found::Other),
            (None, Some(base)) => base.lookup(name),
            (None, None) => Err(Errno::NOENT),
        }
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        match (self.entries.get(name), &self.base) {
            (Some(entry), _) => self.metadata_of_entry(entry),
            (None, Some(base)) => base.metadata_of(name),
            (None, None) => Err(Errno::NOENT),
        }
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let entry = match (self.entries.get(name), &self.base) {
            (None, Some(base)) => return base.open(name, options),
            (None, None) if options.creation == Creation::Existing => return Err(Errno::NOENT),
            (None, None) => return Err(Errno::ROFS),
            (Some(_), _) if options.creation == Creation::New => return Err(Errno::EXIST),
            (Some(entry), _) => entry,
        };
        match entry {
            Grafted::Directory(_) => Err(Errno::ISDIR),
            Grafted::Symlink(..) | Grafted::Process(..) => Err(Errno::LOOP),
            Grafted::Device(Device::Information(_)) if options.write || options.truncate => Err(Errno::ACCES),
            Grafted::Device(device) => Ok(Opened::Device(*device)),
            Grafted::File(_) if options.write || options.truncate => Err(Errno::ROFS),
            Grafted::File(file) => Ok(Opened::File(Arc::clone(file))),
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let skip = if cookie & OWN == 0 { 0 } else { usize::try_from(cookie & !OWN).unwrap_or(usize::MAX) };
        if cookie & OWN != 0 || cookie == 0 {
            for ((name, entry), index) in self.entries.iter().zip(1u64..).skip(skip) {
                let metadata = self.metadata_of_entry(entry)?;
                let entry = DirectoryEntry {
                    cookie: OWN | index,
                    name,
                    inode: metadata.inode,
                    file_type: metadata.file_type,
                };
                if each(entry).is_break() {
                    return Ok(());
                }
            }
        }
        let Some(base) = &self.base else { return Ok(()) };
        let base_cookie = if cookie & OWN == 0 { cookie } else { 0 };
        base.entries(base_cookie, &mut |entry| match self.entries.contains_key(entry.name) {
            true => ControlFlow::Continue(()),
            false => each(entry),
        })
    }

    fn create_directory(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        self.base(Errno::EXIST, name)?.create_directory(name, permissions)
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), Errno> {
        self.base(Errno::EXIST, name)?.create_symlink(name, target)
    }

    fn create_special(&self, name: &[u8], kind: FileType, permissions: u32) -> Result<(), Errno> {
        self.base(Errno::EXIST, name)?.create_special(name, kind, permissions)
    }

    fn hold(&self, name: &[u8]) -> Result<Option<Arc<dyn File>>, Errno> {
        match &self.base {
            Some(base) if !self.entries.contains_key(name) => base.hold(name),
            _ => Ok(None),
        }
    }

    fn link(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        match self.base(Errno::XDEV, name) {
            Ok(base) => base.link(name, to, to_name),
            Err(error) => refuse_new(to.lookup(to_name)).and(Err(error)),
        }
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        match self.entries.get(name) {
            Some(Grafted::Directory(_)) => Err(Errno::ISDIR),
            _ => self.base(Errno::BUSY, name)?.unlink(name),
        }
    }

    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        match self.entries.get(name) {
            Some(Grafted::Directory(_)) | None => self.base(Errno::BUSY, name)?.remove_directory(name),
            Some(_) => Err(Errno::NOTDIR),
        }
    }

    fn rename(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.base(Errno::BUSY, name)?.rename(name, to, to_name)
    }

    fn rename_new(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.base(Errno::BUSY, name)?.rename_new(name, to, to_name)
    }

    fn exchange(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.base(Errno::BUSY, name)?.exchange(name, to, to_name)
    }

    fn keeps_holes(&self) -> Result<bool, Errno> {
        self.base.as_ref().map_or(Ok(true), |base| base.keeps_holes())
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.base.as_ref().ok_or(Errno::ROFS)?.set_times(times)
    }

    fn set_times_of(&self, name: &[u8], times: NewTimes) -> Result<(), Errno> {
        match self.entries.get(name) {
            Some(Grafted::Directory(directory)) => directory.set_times(times),
            Some(_) => Err(Errno::ROFS),
            None => self.base(Errno::ROFS, name)?.set_times_of(name, times),
        }
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.base.as_ref().ok_or(Errno::ROFS)?.set_permissions(permissions)
    }

    fn set_permissions_of(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        match self.entries.get(name) {
            Some(Grafted::Directory(directory)) => directory.set_permissions(permissions),
            Some(_) => Err(Errno::ROFS),
            None => self.base(Errno::ROFS, name)?.set_permissions_of(name, permissions),
        }
    }

    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.base.as_ref().ok_or(Errno::NOTSUP)?.attribute(act)
    }

    fn attribute_of(&self, name: &[u8], act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.base(Errno::NOTSUP, name)?.attribute_of(name, act)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        self.base.as_ref().map_or(Ok(()), |base| base.synchronize())
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.base.as_ref().map_or(Ok(None), |base| base.locks())
    }

    fn space(&self) -> Result<Space, Errno> {
        match &self.base {
            Some(base) => base.space(),
            None => Ok(Space { read_only: true, kind: self.kind, ..Space::default() }),
        }
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        match &self.base {
            Some(base) => base.identity(),
            None => Ok((self.device, self.inode)),
        }
    }

    fn again(&self) -> Option<Arc<dyn Directory>> {
        let base = Some(self.base.as_ref()?.again()?);
        Some(Arc::new(Self { base, entries: Arc::clone(&self.entries), ..*self }))
    }

    fn renamed(&self, parent: &dyn Directory, name: &[u8]) {
        if let Some(base) = &self.base {
            base.renamed(parent, name);
        }
    }

    fn checks_permissions(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.checks_permissions())
    }

    fn check_permission(&self, wanted: Wanting) -> Result<(), Errno> {
        self.base.as_ref().map_or(Ok(()), |base| base.check_permission(wanted))
    }

    fn is_read_only(&self) -> bool {
        self.base.as_ref().is_none_or(|base| base.is_read_only())
    }

    fn innermost(&self) -> Option<&dyn Directory> {
        let base = self.base.as_deref()?;
        Some(base.innermost().unwrap_or(base))
    }

    fn is_taken(&self, name: &[u8]) -> bool {
        self.entries.contains_key(name)
    }
}
