//! The file tree that a guest sees.
//!
//! A tree is made of [`Directory`] objects, which know only single names, and
//! of [`File`] objects. What a path means is decided in one place, the walk: it
//! goes through a path name by name, keeps the directories that it came through
//! so that `..` is never asked of a tree, and reads symlinks itself. So no tree,
//! not even one that is a directory of the host, ever sees a path, and nothing
//! in a path can lead out of what was mounted.

mod archive;
pub(crate) mod attributes;
pub(crate) mod composite;
mod dentry;
mod device;
mod guard;
mod handles;
mod host;
mod links;
mod memory;
pub(crate) mod names;
mod object;
mod overlay;
mod pack;
mod pages;
mod process;
mod quota;
mod single;
mod target;
mod timestamp;
mod unnamed;
mod unopened;
mod walk;
mod zones;

pub(crate) use archive::ArchiveDirectory;
pub use archive::ArchiveError;
pub use attributes::{Attribute, AttributeMode};
pub(crate) use composite::{Graft, compose};
pub use dentry::Dentry;
pub use device::Device;
pub(crate) use device::devices;
pub(crate) use guard::GuardedDirectory;
pub use guard::{Act, Guard, Request};
pub(crate) use handles::{Handles, Held};
pub use host::Access;
pub(crate) use host::{
    HostDirectory, HostFile, KernelFileSystem, KernelFiles, Standing, StreamNumbers, Wanted,
    kernel_file_system, open as open_host,
};
pub use memory::MemoryTree;
pub(crate) use object::OpenDirectory;
pub use overlay::{ApplyError, Change, ChangeKind, Changes, Overlay, Refusal, Version};
pub use pack::PackDirectory;
pub use process::Jump;
pub(crate) use process::{DescriptorDirectory, ProcessFiles, ProcessLink, Shows};
pub use quota::Quota;
pub use single::BytesFile;
pub use timestamp::Timestamp;
pub use unnamed::Seals;
pub(crate) use unnamed::{UnnamedFile, seal};
pub use unopened::Unopened;
pub(crate) use walk::{Bounds, Last, LastName, Place, Resolved, Walk, check_name, walk};
pub(crate) use zones::{ZONES, ZoneDirectory};

pub use crate::locks::Locks;

use crate::Errno;
use object::IntoObject;
use std::any::Any;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// The longest name, in bytes; Linux's NAME_MAX.
pub const NAME_BYTES: usize = 255;

/// The longest path, in bytes; Linux's PATH_MAX, without the zero byte.
pub const PATH_BYTES: usize = 4095;

/// What kind of thing a directory entry or a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// None of the others, for instance a socket or a device of the host.
    Unknown,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharacterDevice,
    /// A directory.
    Directory,
    /// A regular file.
    RegularFile,
    /// A datagram socket.
    SocketDatagram,
    /// A stream socket.
    SocketStream,
    /// A symbolic link.
    SymbolicLink,
    /// A FIFO, or an end of a pipe.
    Fifo,
}

impl FileType {
    /// WASI's number. It has none for a FIFO: what reads and writes in order and is not a
    /// file is nearest to a character device.
    pub(crate) fn wasi(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::BlockDevice => 1,
            Self::CharacterDevice | Self::Fifo => 2,
            Self::Directory => 3,
            Self::RegularFile => 4,
            Self::SocketDatagram => 5,
            Self::SocketStream => 6,
            Self::SymbolicLink => 7,
        }
    }

    /// Its bits in Linux's mode of a file: none for what is unknown.
    pub(crate) fn mode(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Fifo => 0o010_000,
            Self::CharacterDevice => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice => 0o060_000,
            Self::RegularFile => 0o100_000,
            Self::SymbolicLink => 0o120_000,
            Self::SocketDatagram | Self::SocketStream => 0o140_000,
        }
    }
}

/// What stat tells. Device and inode numbers are the tree's own, never the
/// host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Which tree.
    pub device: u64,
    /// Which file of that tree.
    pub inode: u64,
    /// What it is.
    pub file_type: FileType,
    /// How many names it has.
    pub links: u64,
    /// Bytes of its content.
    pub size: u64,
    /// The permission bits.
    pub permissions: u32,
    /// When it was last read.
    pub accessed: Timestamp,
    /// When its content last changed.
    pub modified: Timestamp,
    /// When anything of it last changed.
    pub changed: Timestamp,
    /// When it was made, where that is known.
    pub created: Option<Timestamp>,
    /// Bytes of room that it takes: fewer than its size where it has holes.
    pub allocated: u64,
    /// Of a device, its major and minor number.
    pub device_numbers: (u32, u32),
}

impl Metadata {
    /// That of a file or a directory that can only be read, with one name and times of 1970;
    /// a size in bytes.
    pub fn read_only(device: u64, inode: u64, file_type: FileType, size: u64) -> Self {
        let permissions = if file_type == FileType::Directory { 0o555 } else { 0o444 };
        let (accessed, modified, changed) = (Timestamp::EPOCH, Timestamp::EPOCH, Timestamp::EPOCH);
        let (created, allocated, device_numbers) = (None, whole_blocks(size), (0, 0));
        Self {
            device,
            inode,
            file_type,
            links: 1,
            size,
            permissions,
            accessed,
            modified,
            changed,
            created,
            allocated,
            device_numbers,
        }
    }

    /// The same with this time for all that it tells.
    pub fn at(self, time: Timestamp) -> Self {
        let created = self.created.map(|_| time);
        Self { accessed: time, modified: time, changed: time, created, ..self }
    }
}

/// The permission bits of a file whose content a program has changed: it runs no longer as its
/// owner, nor, if its group may run it, as its group.
pub(crate) fn unprivileged(permissions: u32) -> u32 {
    const RUNS_AS_OWNER: u32 = 0o4000;
    const RUNS_AS_GROUP: u32 = 0o2000;
    const GROUP_MAY_RUN: u32 = 0o10;
    let dropped = match permissions & GROUP_MAY_RUN {
        0 => RUNS_AS_OWNER,
        _ => RUNS_AS_OWNER | RUNS_AS_GROUP,
    };
    permissions & !dropped
}

/// Bytes of the blocks of 4096 that so many bytes fill.
pub(crate) fn whole_blocks(size: u64) -> u64 {
    size.checked_next_multiple_of(4096).unwrap_or(size)
}

/// New times for a file; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewTimes {
    /// When it was last read.
    pub accessed: Option<Timestamp>,
    /// When its content last changed.
    pub modified: Option<Timestamp>,
}

/// What a name leads to.
#[derive(Clone)]
pub enum Found {
    /// A directory, held.
    Directory(Arc<dyn Directory>),
    /// A symlink; the walk interprets its target.
    Symlink(Vec<u8>),
    /// A link of /proc to what is open.
    Jump(Jump),
    /// Anything else.
    Other,
}

/// What opening a name is to do with a file that is missing or there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It must be there.
    Existing,
    /// It is made if it is missing.
    IfMissing,
    /// It must be missing, and is made.
    New,
}

/// How to open a name.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    /// For reading.
    pub read: bool,
    /// For writing.
    pub write: bool,
    /// Whether to make it.
    pub creation: Creation,
    /// Whether to empty it.
    pub truncate: bool,
    /// The permission bits of a file that is made.
    pub permissions: u32,
}

/// What somebody wants to do in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanting {
    /// To read what entries it has.
    List,
    /// To look up a name.
    Search,
    /// To make or remove a name.
    Change,
}

/// What opening gave.
#[derive(Clone)]
pub enum Opened {
    /// A file with content.
    File(Arc<dyn File>),
    /// A device of the virtual machine.
    Device(Device),
    /// A stream of the tree's own: a name whose metadata says that it is a character
    /// device.
    Stream(Arc<dyn crate::Stream>),
    /// A pipe that has a name: the name's file, of which only metadata, times and permission
    /// bits are asked for. The system has the pipe.
    Pipe(Arc<dyn File>),
}

/// How much a tree holds, as statvfs shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Bytes that it can hold in all.
    pub total: u64,
    /// Bytes that can still be written.
    pub free: u64,
    /// Files, directories and symlinks that it can hold in all.
    pub files: u64,
    /// How many more of them can be made.
    pub free_files: u64,
    /// Whether it can not be written to at all.
    pub read_only: bool,
    /// What kind of file system it is, as `statfs` tells it: a number of Linux's
    /// `magic.h`, or 0.
    pub kind: u32,
}

/// One entry of a directory, as reading it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// Where reading goes on after this entry; never 0.
    pub cookie: u64,
    /// Its name.
    pub name: &'a [u8],
    /// Its inode number.
    pub inode: u64,
    /// What it is.
    pub file_type: FileType,
}

/// A directory of some tree. Every name that a method gets is one component:
/// not empty, not `.` or `..`, without slash or zero byte, at most
/// [`NAME_BYTES`] long. No method follows a symlink.
///
/// A method that may take longer than some milliseconds works in pieces, and asks
/// [`go_on`](crate::go_on) between them: nothing else can end it at the deadline.
///
/// The methods that change something refuse with EROFS unless they are
/// overridden, so a read-only tree writes only the first five.
///
/// A tree of squares, each a file that is made when it is opened:
///
/// ```
/// use bellglass_system::files::{
///     BytesFile, Creation, Directory, DirectoryEntry, FileType, Found, Metadata, OpenOptions, Opened,
/// };
/// use bellglass_system::{Errno, Mount, System};
/// use std::ops::ControlFlow;
/// use std::sync::Arc;
///
/// /// The device number, which no other tree of the system should have.
/// const DEVICE: u64 = 1000;
///
/// struct Squares;
///
/// fn square(name: &[u8]) -> Result<(u64, String), Errno> {
///     let number = std::str::from_utf8(name).ok().and_then(|text| text.parse::<u32>().ok());
///     let number = u64::from(number.filter(|number| *number < 100).ok_or(Errno::NOENT)?);
///     Ok((number, format!("{}\n", number * number)))
/// }
///
/// impl Directory for Squares {
///     fn metadata(&self) -> Result<Metadata, Errno> {
///         Ok(Metadata::read_only(DEVICE, 1, FileType::Directory, 4096))
///     }
///
///     fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
///         square(name).map(|_| Found::Other)
///     }
///
///     fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
///         let (number, text) = square(name)?;
///         Ok(Metadata::read_only(DEVICE, number + 2, FileType::RegularFile, text.len() as u64))
///     }
///
///     fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
///         match (square(name), options.creation) {
///             (Ok(_), Creation::New) => Err(Errno::EXIST),
///             (Ok(_), _) if options.write || options.truncate => Err(Errno::ROFS),
///             (Ok((number, text)), _) => {
///                 Ok(Opened::File(Arc::new(BytesFile::new(text.into_bytes(), DEVICE, number + 2))))
///             }
///             (Err(_), Creation::Existing) => Err(Errno::NOENT),
///             (Err(_), _) => Err(Errno::ROFS),
///         }
///     }
///
///     fn entries(
///         &self,
///         cookie: u64,
///         each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
///     ) -> Result<(), Errno> {
///         for number in cookie..100 {
///             let name = number.to_string();
///             let entry = DirectoryEntry {
///                 cookie: number + 1,
///                 name: name.as_bytes(),
///                 inode: number + 2,
///                 file_type: FileType::RegularFile,
///             };
///             if each(entry).is_break() {
///                 break;
///             }
///         }
///         Ok(())
///     }
/// }
///
/// // The program finds /squares/7; and beneath an overlay it may change it.
/// let (overlaid, overlay) = Mount::tree(Arc::new(Squares), "/mine").overlay();
/// let system =
///     System::builder().mount(Mount::tree(Arc::new(Squares), "/squares")).mount(overlaid).build()?;
/// # drop((system, overlay));
/// # Ok::<(), bellglass_system::SystemError>(())
/// ```
pub trait Directory: Any + Send + Sync {
    /// Its own metadata.
    fn metadata(&self) -> Result<Metadata, Errno>;

    /// What `name` leads to; ENOENT if there is none.
    fn lookup(&self, name: &[u8]) -> Result<Found, Errno>;

    /// The metadata of the entry `name`.
    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno>;

    /// Opens the entry `name`, which is not a directory or a symlink.
    ///
    /// In this order: ENOENT or EEXIST as `options.creation` has it, EISDIR for
    /// a directory, ELOOP for a symlink, EROFS for writing where one cannot.
    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno>;

    /// Gives the entries after `cookie` to `each`, until it breaks; 0 starts
    /// anew. An entry that stays is given exactly once, whatever comes and goes
    /// meanwhile.
    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno>;

    /// Makes a directory; EEXIST if the name is taken.
    fn create_directory(&self, name: &[u8], _permissions: u32) -> Result<(), Errno> {
        refuse_new(self.lookup(name))
    }

    /// Makes a symlink; EEXIST if the name is taken.
    fn create_symlink(&self, name: &[u8], _target: &[u8]) -> Result<(), Errno> {
        refuse_new(self.lookup(name))
    }

    /// Makes the name of a local socket or of a pipe, as `kind` says: EEXIST if the name is
    /// taken, EPERM where there can be none.
    fn create_special(&self, name: &[u8], _kind: FileType, _permissions: u32) -> Result<(), Errno> {
        match self.lookup(name) {
            Err(Errno::NOENT) => Err(Errno::PERM),
            found => refuse_new(found),
        }
    }

    /// What the entry `name` is, if it is no directory, to be known when it has no name any more.
    /// Only its metadata, times, permission bits and attributes are asked for and changed.
    /// Nothing where the tree knows its files by their names alone.
    fn hold(&self, _name: &[u8]) -> Result<Option<Arc<dyn File>>, Errno> {
        Ok(None)
    }

    /// Gives the file `name` a second name, in a directory of the same tree;
    /// EXDEV if it is of another tree.
    fn link(&self, _name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        refuse_new(to.lookup(to_name))
    }

    /// Removes a name that is not a directory's.
    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        self.metadata_of(name).and(Err(Errno::ROFS))
    }

    /// Removes an empty directory.
    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        self.metadata_of(name).and(Err(Errno::ROFS))
    }

    /// Renames, and replaces what is at the new name, as rename(2) does; EXDEV
    /// if `to` is of another tree.
    fn rename(&self, _name: &[u8], _to: &dyn Directory, _to_name: &[u8]) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    /// Makes a file without a name, which is gone when it is closed unless
    /// [`link_file`](Self::link_file) gives it one before; never, if it is to stay
    /// `unlinkable`.
    fn create_unnamed(&self, _options: &OpenOptions, _unlinkable: bool) -> Result<Arc<dyn File>, Errno> {
        Err(Errno::NOTSUP)
    }

    /// Gives an open file of the same tree a name in this directory: EEXIST, EXDEV if it is
    /// of another tree, ENOENT if it has none any more and may get none.
    fn link_file(&self, _file: &dyn File, name: &[u8]) -> Result<(), Errno> {
        refuse_new(self.lookup(name)).and(Err(Errno::XDEV))
    }

    /// Renames, and replaces nothing: EEXIST if the new name is taken, whoever took
    /// it and however lately. ENOTSUP where that cannot be promised.
    fn rename_new(&self, _name: &[u8], _to: &dyn Directory, _to_name: &[u8]) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    /// Lets two names change places, each of them of any kind; EXDEV if `to` is of another
    /// tree. EINVAL where that is not possible at once.
    fn exchange(&self, _name: &[u8], _to: &dyn Directory, _to_name: &[u8]) -> Result<(), Errno> {
        Err(Errno::INVAL)
    }

    /// Whether a hole in a file takes no room in it.
    fn keeps_holes(&self) -> Result<bool, Errno> {
        Ok(true)
    }

    /// Changes its own times.
    fn set_times(&self, _times: NewTimes) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    /// Changes the times of the entry `name`.
    fn set_times_of(&self, name: &[u8], _times: NewTimes) -> Result<(), Errno> {
        self.metadata_of(name).and(Err(Errno::ROFS))
    }

    /// Changes its own permission bits.
    fn set_permissions(&self, _permissions: u32) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    /// Changes the permission bits of the entry `name`.
    fn set_permissions_of(&self, name: &[u8], _permissions: u32) -> Result<(), Errno> {
        self.metadata_of(name).and(Err(Errno::ROFS))
    }

    /// Reads or changes its own extended attributes, of names that begin with `user.`.
    fn attribute(&self, _act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        Err(Errno::NOTSUP)
    }

    /// Those of the entry `name`, which is a file's.
    fn attribute_of(&self, name: &[u8], _act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        self.metadata_of(name).and(Err(Errno::NOTSUP))
    }

    /// Makes what was written last.
    fn synchronize(&self) -> Result<(), Errno> {
        Ok(())
    }

    /// How much its tree holds; nothing can be written unless it says so.
    fn space(&self) -> Result<Space, Errno> {
        Ok(Space { read_only: true, ..Space::default() })
    }

    /// By which the directory is told from all others of the system: its device and inode
    /// number, as [`metadata`](Self::metadata) tells them.
    fn identity(&self) -> Result<(u64, u64), Errno> {
        self.metadata().map(|metadata| (metadata.device, metadata.inode))
    }

    /// The same directory as an object of its own, if something is kept of how far its
    /// entries have been read: each who opens it reads them all.
    fn again(&self) -> Option<Arc<dyn Directory>> {
        None
    }

    /// Says to a directory that is held that it has been renamed, and is `name` in
    /// `parent` now.
    fn renamed(&self, _parent: &dyn Directory, _name: &[u8]) {}

    /// Whether it refuses by itself what the permission bits in it forbid. Otherwise the
    /// calls look at them, as the program's user owns all files.
    fn checks_permissions(&self) -> bool {
        false
    }

    /// Where it [checks permissions](Self::checks_permissions): EACCES if that may not be
    /// done in it, by them.
    fn check_permission(&self, _wanted: Wanting) -> Result<(), Errno> {
        Ok(())
    }

    /// Whether nothing in it can be changed, because the tree is only shown.
    fn is_read_only(&self) -> bool {
        self.space().is_ok_and(|space| space.read_only)
    }

    /// The locks of the directory itself, as [`File::locks`].
    fn locks(&self) -> Result<Option<Locks>, Errno> {
        Ok(None)
    }

    /// The directory of the underlying tree, where this one only stands before
    /// it: what `rename` and `link` of that tree must be given.
    fn innermost(&self) -> Option<&dyn Directory> {
        None
    }

    /// Whether `name` belongs to a mount: nothing can be renamed over it (EBUSY).
    fn is_taken(&self, _name: &[u8]) -> bool {
        false
    }
}

/// Gives entries whose names are numbers, with the inode number and the kind of each, until
/// `each` breaks. The cookie after a number is that number and one.
pub(crate) fn give_numbers(
    numbers: impl IntoIterator<Item = u32>,
    each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    of: impl Fn(u32) -> (u64, FileType),
) {
    for number in numbers {
        let name = number.to_string();
        let (inode, file_type) = of(number);
        let cookie = u64::from(number) + 1;
        if each(DirectoryEntry { cookie, name: name.as_bytes(), inode, file_type }).is_break() {
            break;
        }
    }
}

fn refuse_new(taken: Result<Found, Errno>) -> Result<(), Errno> {
    match taken {
        Ok(_) => Err(Errno::EXIST),
        Err(Errno::NOENT) => Err(Errno::ROFS),
        Err(error) => Err(error),
    }
}

/// An open file with content. Whether it was opened for reading or writing is
/// checked by the descriptor. The methods that change something refuse with
/// EROFS unless they are overridden. As with a [`Directory`], what may take long asks
/// [`go_on`](crate::go_on).
pub trait File: Any + Send + Sync + IntoObject {
    /// Its metadata.
    fn metadata(&self) -> Result<Metadata, Errno>;

    /// Reads at `offset`; 0 is the end.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno>;

    /// The first stretch at `offset` or beyond that holds data. What lies before it
    /// is a hole: it reads as zeros, and need not be read. None if there is nothing
    /// but holes, or the end.
    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        let end = self.metadata()?.size;
        Ok(Some(offset..end).filter(|data| data.start < data.end))
    }

    /// Writes at `offset`; a gap before it reads as zeros. It may write less.
    fn write_at(&self, _offset: u64, _from: &[u8]) -> Result<usize, Errno> {
        Err(Errno::ROFS)
    }

    /// Writes at the end. Returns how much, and where the end now is.
    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        let end = self.metadata()?.size;
        let written = self.write_at(end, from)?;
        Ok((written, end.saturating_add(written as u64)))
    }

    /// Cuts or grows it.
    fn set_size(&self, _size: u64) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    /// Makes sure that it has room for `offset + length` bytes.
    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.checked_add(length).ok_or(Errno::FBIG)?;
        if end > self.metadata()?.size { self.set_size(end) } else { Ok(()) }
    }

    /// Makes sure that it has room for `length` bytes from `offset` on, and leaves its size
    /// as it is; ENOTSUP where that cannot be promised.
    fn reserve(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    /// Makes `length` bytes from `offset` on read as zeros, as far as the file reaches, and
    /// gives back their room; ENOTSUP where there are no holes.
    fn punch(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    /// What may not be done with it any more, of a file that can be sealed.
    fn seals(&self) -> Option<&Seals> {
        None
    }

    /// Changes its times.
    fn set_times(&self, _times: NewTimes) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    /// Changes its permission bits.
    fn set_permissions(&self, _permissions: u32) -> Result<(), Errno> {
        Err(Errno::ROFS)
    }

    /// Reads or changes its extended attributes, of names that begin with `user.`.
    fn attribute(&self, _act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        Err(Errno::NOTSUP)
    }

    /// How much its tree holds.
    fn space(&self) -> Result<Space, Errno> {
        Ok(Space { read_only: true, ..Space::default() })
    }

    /// Makes what was written last.
    fn synchronize(&self) -> Result<(), Errno> {
        Ok(())
    }

    /// The locks of the file, the same each time that it is opened; nothing where programs
    /// of one run only are to see each other's.
    fn locks(&self) -> Result<Option<Locks>, Errno> {
        Ok(None)
    }
}
