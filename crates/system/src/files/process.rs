//! What of the process /proc shows as links: what its descriptors lead to, and where it
//! stands.

use super::composite::PROCFS;
use super::dentry::Dentry;
use super::{
    BytesFile, Creation, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened, Space,
    Timestamp, give_numbers,
};
use crate::descriptors::Description;
use crate::{Errno, streams};
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What the process has open, by number, and where it stands: kept by the table of
/// descriptors and by who changes the working directory. It holds none of that, for the
/// tree has it, and what is open holds the tree.
#[derive(Clone, Default)]
pub(crate) struct ProcessFiles {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<u32, Weak<Description>>,
    working_directory: Weak<Dentry>,
    root: Weak<Dentry>,
}

impl ProcessFiles {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a descriptor is.
    pub(crate) fn add(&self, number: u32, description: &Arc<Description>) {
        self.lock().open.insert(number, Arc::downgrade(description));
    }

    /// Notes that there is no such descriptor any more.
    pub(crate) fn remove(&self, number: u32) {
        self.lock().open.remove(&number);
    }

    /// How many descriptors there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    /// Notes where the process stands, and from where paths begin.
    pub(crate) fn stand(&self, working_directory: &Arc<Dentry>, root: &Arc<Dentry>) {
        let mut state = self.lock();
        state.working_directory = Arc::downgrade(working_directory);
        state.root = Arc::downgrade(root);
    }

    fn description(&self, number: u32) -> Result<Arc<Description>, Errno> {
        let found = self.lock().open.get(&number).map(Weak::upgrade);
        found.flatten().ok_or(Errno::NOENT)
    }

    /// Where a link of the process's directory in /proc leads.
    pub(super) fn link(&self, link: ProcessLink) -> Result<Jump, Errno> {
        let state = self.lock();
        let to = match link {
            ProcessLink::WorkingDirectory => &state.working_directory,
            ProcessLink::Root => &state.root,
        };
        to.upgrade().map(|directory| Jump(To::Directory(directory))).ok_or(Errno::NOENT)
    }
}

/// A link of the process's directory in /proc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessLink {
    WorkingDirectory,
    Root,
}

/// A link of /proc, which leads not to a path but to what the program has open. Only this
/// crate makes one.
#[derive(Clone)]
pub struct Jump(To);

#[derive(Clone)]
enum To {
    Directory(Arc<Dentry>),
    Open(u32, Arc<Description>),
}

impl Jump {
    /// To what is open under this number.
    pub(crate) fn to_descriptor(number: u32, description: Arc<Description>) -> Self {
        Self(To::Open(number, description))
    }

    /// The directory to which it leads, if it is one.
    pub(crate) fn directory(&self) -> Option<&Arc<Dentry>> {
        match &self.0 {
            To::Directory(directory) => Some(directory),
            To::Open(_, description) => description.object.directory().ok(),
        }
    }

    /// The descriptor to which it leads, and what that is.
    pub(crate) fn open(&self) -> Option<(u32, &Arc<Description>)> {
        match &self.0 {
            To::Directory(_) => None,
            To::Open(number, description) => Some((*number, description)),
        }
    }

    /// What it says when it is read.
    pub(crate) fn text(&self) -> Result<Vec<u8>, Errno> {
        let dentry = match &self.0 {
            To::Directory(directory) => directory,
            To::Open(number, description) => match &description.path {
                Some(dentry) => dentry,
                None => return description.object.label(*number).map(String::into_bytes),
            },
        };
        let (mut path, is_gone) = match dentry.path() {
            Err(Errno::NOENT) => (dentry.last_path()?, true),
            path => (path?, dentry.is_removed()),
        };
        if is_gone {
            path.extend(b" (deleted)");
        }
        Ok(path)
    }
}

/// A directory with a name for each descriptor of the process.
pub(crate) struct DescriptorDirectory {
    process: ProcessFiles,
    shows: Shows,
    device: u64,
    /// When the run began: the time of what is the run's own.
    made: Timestamp,
}

/// What stands at each name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// A link to what is open: /proc/self/fd.
    Links,
    /// A text about it: /proc/self/fdinfo.
    Texts,
}

/// Inode numbers of the two, of those that devices have, and where those of what is in
/// them begin.
const INODES: [(u64, u64); 2] = [(20, 1 << 32), (21, 2 << 32)];

impl DescriptorDirectory {
    pub(crate) fn new(process: ProcessFiles, shows: Shows, device: u64, made: Timestamp) -> Self {
        Self { process, shows, device, made }
    }

    fn inodes(&self) -> (u64, u64) {
        INODES[usize::from(self.shows == Shows::Texts)]
    }

    fn find(&self, name: &[u8]) -> Result<(u32, Arc<Description>), Errno> {
        let number: u32 =
            std::str::from_utf8(name).ok().and_then(|text| text.parse().ok()).ok_or(Errno::NOENT)?;
        // One spelling is the name, 007 is not.
        let is_name = number.to_string().as_bytes() == name;
        if is_name { Ok((number, self.process.description(number)?)) } else { Err(Errno::NOENT) }
    }

    fn file_type(&self) -> FileType {
        match self.shows {
            Shows::Links => FileType::SymbolicLink,
            Shows::Texts => FileType::RegularFile,
        }
    }

    fn text(&self, number: u32, description: &Description) -> Result<String, Errno> {
        let (position, flags) = (streams::tell(description)?, description.flags());
        let inode = description.object.metadata(number)?.inode;
        Ok(format!("pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t0\nino:\t{inode}\n"))
    }
}

impl Directory for DescriptorDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        let metadata = Metadata::read_only(self.device, self.inodes().0, FileType::Directory, 0);
        Ok(Metadata { links: 2, permissions: 0o500, ..metadata }.at(self.made))
    }

    fn space(&self) -> Result<Space, Errno> {
        Ok(Space { read_only: true, kind: PROCFS, ..Space::default() })
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        let (number, description) = self.find(name)?;
        Ok(match self.shows {
            Shows::Links => Found::Jump(Jump(To::Open(number, description))),
            Shows::Texts => Found::Other,
        })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        let (number, description) = self.find(name)?;
        let inode = self.inodes().1 + u64::from(number);
        let metadata = Metadata::read_only(self.device, inode, self.file_type(), 0).at(self.made);
        Ok(match self.shows {
            Shows::Links => {
                let bits = |is_allowed, bits| if is_allowed { bits } else { 0 };
                // What may be done by way of it.
                let may = bits(description.readable, 0o400) | bits(description.writable, 0o200) | 0o100;
                Metadata { permissions: may, size: 64, ..metadata }
            }
            Shows::Texts => Metadata { permissions: 0o400, ..metadata },
        })
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        let (number, description) = match (self.find(name), options.creation) {
            (Ok(_), Creation::New) => return Err(Errno::EXIST),
            (Ok(found), _) => found,
            (Err(Errno::NOENT), Creation::IfMissing | Creation::New) => return Err(Errno::ACCES),
            (Err(error), _) => return Err(error),
        };
        match self.shows {
            Shows::Links => Err(Errno::LOOP),
            Shows::Texts if options.write || options.truncate => Err(Errno::ACCES),
            Shows::Texts => {
                let text = self.text(number, &description)?.into_bytes();
                let inode = self.inodes().1 + u64::from(number);
                Ok(Opened::File(Arc::new(BytesFile::new(text, self.device, inode).at(self.made))))
            }
        }
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        let Ok(from) = u32::try_from(cookie) else { return Ok(()) };
        let range = (Bound::Included(from), Bound::Unbounded);
        // BOUND: as many as may be open at once.
        let numbers: Vec<u32> = self.process.lock().open.range(range).map(|(number, _)| *number).collect();
        let (inodes, file_type) = (self.inodes().1, self.file_type());
        give_numbers(numbers, each, |number| (inodes + u64::from(number), file_type));
        Ok(())
    }
}
