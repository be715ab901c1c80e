//! Opening.

use super::path::{access, last, may, may_change, only, path, start, text, walk};
use super::{calls, value};
use crate::descriptors::{Description, Descriptor, flags};
use crate::files::{
    Bounds, Creation, Dentry, FileType, Last, LastName, Metadata, OpenDirectory, OpenOptions, Place,
    Resolved, Unopened, Walk, Wanting,
};
use crate::object::{Blocking, Object};
use crate::table::{Row, Support};
use crate::{Answer, Call, Errno, Fault, System};
use bellglass_wire::View;
use std::sync::Arc;

use Support::{Full, Partial};

pub(super) const ROWS: &[Row] = calls! { "linux":
    openat(dirfd: AtDescriptor, pathname: Text, flags: OpenFlags, mode: Permissions) &[text(1)], Full, "", openat;
    openat2(dirfd: AtDescriptor, pathname: Text, how: Pointer, size: Size) &[text(1), View::Bytes { pointer: 2, length: 3, scale: 1 }], Partial, "RESOLVE_CACHED makes no difference", openat2;
};

/// How a file is opened: `O_` flags (`asm-generic/fcntl.h`).
mod flag {
    pub(super) const ACCESS: u32 = 0o3;
    pub(super) const CREATE: u32 = 0o100;
    pub(super) const EXCLUSIVE: u32 = 0o200;
    pub(super) const TRUNCATE: u32 = 0o1000;
    pub(super) const DIRECTORY: u32 = 0o200_000;
    pub(super) const NO_FOLLOW: u32 = 0o400_000;
    pub(super) const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    pub(super) const PATH: u32 = 0o10_000_000;
    pub(super) const UNNAMED: u32 = 0o20_000_000;
    /// All that there are: with those above O_NOCTTY, O_APPEND, O_NONBLOCK, O_DSYNC, O_SYNC, O_ASYNC,
    /// O_DIRECT, O_LARGEFILE and O_NOATIME.
    pub(super) const ALL: u32 = 0o37_777_703;
    /// What of them means anything with O_PATH.
    pub(super) const OF_PATH: u32 = DIRECTORY | NO_FOLLOW | PATH | CLOSE_ON_EXEC;
}

/// What is asked for, checked.
struct How {
    flags: u32,
    permissions: u32,
    bounds: Bounds,
}

fn openat(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut flags = call.u32(2) & flag::ALL;
    if flags & flag::PATH != 0 {
        flags &= flag::OF_PATH;
    }
    // Without a file that is made there is nothing to have the bits.
    let permissions = if flags & (flag::CREATE | flag::UNNAMED) == 0 { 0 } else { call.u32(3) & 0o7777 };
    open(system, call, How { flags, permissions, bounds: Bounds::default() })
}

/// `struct open_how`: flags, permission bits, and where the path must not lead, 64 bits
/// each. EINVAL for less, E2BIG for more that is not 0.
fn openat2(system: &mut System, call: &mut Call<'_>) -> Result<Answer, Fault> {
    const HOW_BYTES: usize = 24;
    /// Linux takes no structure that is longer than a page.
    const MOST: usize = 4096;
    const NO_CROSSING: u64 = 1;
    const NO_JUMPS: u64 = 2;
    const NO_SYMLINKS: u64 = 4;
    const BENEATH: u64 = 8;
    const IN_ROOT: u64 = 0x10;
    const CACHED: u64 = 0x20;
    let size = call.u32(3) as usize;
    if size < HOW_BYTES {
        return Err(Errno::INVAL.into());
    }
    if size > MOST {
        return Err(Errno::TOOBIG.into());
    }
    let bytes = call.bytes_at(call.u32(2), size)?;
    let (known, more) = bytes.split_at(HOW_BYTES);
    if more.iter().any(|byte| *byte != 0) {
        return Err(Errno::TOOBIG.into());
    }
    let number = |chunk: &[u8]| chunk.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let (flags, mode, resolve) = (number(&known[..8]), number(&known[8..16]), number(&known[16..]));
    let flags = u32::try_from(flags).map_err(|_| Errno::INVAL)?;
    only(flags, flag::ALL)?;
    if resolve & !(NO_CROSSING | NO_JUMPS | NO_SYMLINKS | BENEATH | IN_ROOT | CACHED) != 0 {
        return Err(Errno::INVAL.into());
    }
    let has = |bit| resolve & bit != 0;
    if has(BENEATH) && has(IN_ROOT) {
        return Err(Errno::INVAL.into());
    }
    let permissions = match flags & (flag::CREATE | flag::UNNAMED) {
        0 if mode != 0 => return Err(Errno::INVAL.into()),
        _ => u32::try_from(mode).ok().filter(|mode| mode & !0o7777 == 0).ok_or(Errno::INVAL)?,
    };
    if flags & flag::PATH != 0 {
        only(flags, flag::OF_PATH)?;
    }
    let bounds = Bounds {
        no_crossing: has(NO_CROSSING),
        no_jumps: has(NO_JUMPS) || has(NO_SYMLINKS),
        no_symlinks: has(NO_SYMLINKS),
        beneath: has(BENEATH),
        in_root: has(IN_ROOT),
    };
    open(system, call, How { flags, permissions, bounds })
}

impl How {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// EINVAL for flags that exclude each other.
    fn check(&self) -> Result<(), Errno> {
        let is_directory = self.has(flag::DIRECTORY);
        let is_for_reading = self.flags & flag::ACCESS == 0;
        let excluded = self.has(flag::CREATE) && is_directory
            || self.has(flag::UNNAMED) && (!is_directory || is_for_reading);
        if excluded { Err(Errno::INVAL) } else { Ok(()) }
    }

    fn reads(&self) -> bool {
        matches!(self.flags & flag::ACCESS, 0 | 2) && !self.has(flag::PATH)
    }

    fn writes(&self) -> bool {
        matches!(self.flags & flag::ACCESS, 1 | 2)
    }

    /// What must be allowed: with 3 for access, which is for control alone, both.
    fn wanted(&self) -> u32 {
        let wanted = match self.flags & flag::ACCESS {
            0 => access::READ,
            1 => access::WRITE,
            _ => access::READ | access::WRITE,
        };
        if self.has(flag::TRUNCATE) { wanted | access::WRITE } else { wanted }
    }

    fn is_exclusive(&self) -> bool {
        self.has(flag::CREATE) && self.has(flag::EXCLUSIVE)
    }

    fn options(&self, system: &System) -> OpenOptions {
        OpenOptions {
            read: self.reads(),
            write: self.writes(),
            creation: match () {
                () if self.is_exclusive() => Creation::New,
                () if self.has(flag::CREATE) => Creation::IfMissing,
                () => Creation::Existing,
            },
            truncate: self.has(flag::TRUNCATE),
            permissions: self.permissions & !system.umask,
        }
    }
}

/// EINVAL, EFAULT, ENAMETOOLONG and ENOENT of the path, EMFILE, and then as open(2) has it.
fn open(system: &mut System, call: &mut Call<'_>, how: How) -> Result<Answer, Fault> {
    how.check()?;
    let path = path(call, 1)?;
    if path.is_empty() {
        return Err(Errno::NOENT.into());
    }
    // A descriptor number first: a file must not be made that cannot be opened.
    system.descriptors.reserve(0)?;
    let charge = Description::charge(&system.meter)?;
    // Where the directory bounds the walk, it is the start of an absolute path too.
    let is_bound = how.bounds.beneath || how.bounds.in_root;
    let start = start(system, call.u32(0), if is_bound { b"." } else { &path })?;
    let creates = how.has(flag::CREATE);
    let walk = Walk { bounds: how.bounds, creates, ..walk(system) };
    let follow = if how.has(flag::NO_FOLLOW) || how.is_exclusive() { Last::Keep } else { Last::Follow };
    let opened = match () {
        () if how.has(flag::UNNAMED) => open_unnamed(system, &walk, &start, &path, &how)?,
        () if how.has(flag::PATH) => open_path(walk.to(&start, &path, follow)?, &how)?,
        () => {
            if how.has(flag::CREATE)
                && path.ends_with(b"/")
                && let (_, LastName::Name { .. }) = walk.to_parent(&start, &path)?
            {
                // What is named as a directory is not made as a file, whatever is there.
                return Err(Errno::ISDIR.into());
            }
            open_found(system, walk.to(&start, &path, follow)?, &how)?
        }
    };
    let Opening { object, name, readable, writable } = opened;
    if !how.has(flag::PATH) {
        object.begin(Blocking::unless(how.has(flags::NONBLOCK)), call.waiter)?;
    }
    super::terminal::opened(system, call, &*object, readable, how.flags);
    let description = Description::named(object, name, readable, writable, how.flags, charge)?;
    let descriptor = Descriptor::full(description).with_flags(how.flags);
    value(system.descriptors.insert(descriptor, 0)?)
}

/// What was opened, and by what name.
struct Opening {
    object: Arc<dyn Object>,
    name: Option<Arc<Dentry>>,
    readable: bool,
    writable: bool,
}

fn directory(place: &Place, readable: bool) -> Result<Opening, Errno> {
    let dentry = place.hold()?;
    let object = Arc::new(OpenDirectory::new(Arc::clone(&dentry))?);
    Ok(Opening { object, name: Some(dentry), readable, writable: false })
}

/// O_PATH: what the path leads to, to be named. It is not opened.
fn open_path(found: Resolved, how: &How) -> Result<Opening, Errno> {
    let must_be_directory = how.has(flag::DIRECTORY);
    match found {
        Resolved::Directory { place } => directory(&place, false),
        Resolved::Missing { .. } => Err(Errno::NOENT),
        Resolved::Entry { .. } | Resolved::Open(_) if must_be_directory => Err(Errno::NOTDIR),
        Resolved::Entry { parent, name, symlink } => {
            let dentry = parent.hold_name(&name)?;
            let metadata = parent.directory().metadata_of(&name)?;
            let held = parent.directory().hold(&name)?;
            let object = Arc::new(Unopened::new(Arc::clone(&dentry), metadata, symlink, held));
            Ok(Opening { object, name: Some(dentry), readable: false, writable: false })
        }
        Resolved::Open(jump) => {
            let (_, description) = jump.open().ok_or(Errno::NOENT)?;
            let (object, name) = (Arc::clone(&description.object), description.path.clone());
            Ok(Opening { object, name, readable: false, writable: false })
        }
    }
}

/// O_TMPFILE: a file without a name, in the tree of a directory.
fn open_unnamed(
    system: &System,
    walk: &Walk,
    start: &Arc<Dentry>,
    path: &[u8],
    how: &How,
) -> Result<Opening, Errno> {
    let place = match walk.to(start, path, last(0))?.there()? {
        Resolved::Directory { place } => place,
        _ => return Err(Errno::NOTDIR),
    };
    let found = place.directory();
    if found.is_read_only() {
        return Err(Errno::ROFS);
    }
    may_change(system, &place)?;
    let options = OpenOptions { creation: Creation::New, truncate: false, ..how.options(system) };
    let file = found.create_unnamed(&options, how.has(flag::EXCLUSIVE))?;
    let number = file.metadata()?.inode;
    let name = place.hold()?.nameless(format!("#{number}").as_bytes())?;
    let object = file.into_object();
    Ok(Opening { object, name: Some(name), readable: how.reads(), writable: how.writes() })
}

/// Opens what a walk led to.
fn open_found(system: &System, found: Resolved, how: &How) -> Result<Opening, Errno> {
    let options = how.options(system);
    let (creates, writes) = (how.has(flag::CREATE), how.wanted() & access::WRITE != 0);
    let (readable, writable) = (options.read, options.write);
    let (parent, name, is_new) = match found {
        Resolved::Directory { .. } | Resolved::Entry { .. } | Resolved::Open(_) if how.is_exclusive() => {
            return Err(Errno::EXIST);
        }
        Resolved::Directory { .. } if creates || writes => return Err(Errno::ISDIR),
        Resolved::Directory { place } => {
            match place.directory().checks_permissions() {
                true => place.directory().check_permission(Wanting::List)?,
                false => may(system, place.directory().metadata()?.permissions, access::READ)?,
            }
            return directory(&place, readable);
        }
        // O_DIRECTORY is looked at first.
        Resolved::Entry { .. } | Resolved::Open(_) if how.has(flag::DIRECTORY) => return Err(Errno::NOTDIR),
        Resolved::Entry { symlink: Some(_), .. } => return Err(Errno::LOOP),
        Resolved::Open(jump) => {
            let (object, name) = system.reopen(&jump, &options)?;
            return Ok(Opening { object, name, readable, writable });
        }
        Resolved::Missing { .. } if !creates => return Err(Errno::NOENT),
        Resolved::Missing { slash: true, .. } => return Err(Errno::ISDIR),
        Resolved::Entry { parent, name, .. } => (parent, name, false),
        Resolved::Missing { parent, name, .. } => (parent, name, true),
    };
    let directory = parent.directory();
    if !is_new {
        may_open(system, &parent, &directory.metadata_of(&name)?, how)?;
    } else if !directory.is_read_only() {
        may_change(system, &parent)?;
    }
    // Held first, for what is opened may be made.
    let dentry = parent.hold_name(&name)?;
    let opened = directory.open(&name, &options)?;
    Ok(Opening { object: system.object(opened, &options)?, name: Some(dentry), readable, writable })
}

/// EROFS to write what is only shown, EACCES by the permission bits.
fn may_open(system: &System, parent: &Place, metadata: &Metadata, how: &How) -> Result<(), Errno> {
    let directory = parent.directory();
    if directory.checks_permissions() {
        return Ok(());
    }
    let refused = may(system, metadata.permissions, how.wanted());
    let is_file = metadata.file_type == FileType::RegularFile;
    let writes = how.wanted() & access::WRITE != 0;
    if refused.is_err() && writes && is_file && directory.is_read_only() {
        return Err(Errno::ROFS);
    }
    refused
}
