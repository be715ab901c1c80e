//! A tree with somebody before it who is asked what may be done.

use super::{
    Attribute, Creation, Directory, DirectoryEntry, File, FileType, Found, Locks, Metadata, NewTimes,
    OpenOptions, Opened, PATH_BYTES, Space, Wanting,
};
use crate::meter::{Charge, Meter};
use crate::object::Interest;
use crate::wait::Readiness;
use crate::{Errno, Stream, go_on};
use std::any::Any;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a program wants to do with a name in a guarded tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Act {
    /// To know of it: to find it on a path or in a list, to see its metadata and where a
    /// link leads. What is refused is not in the list of its directory either.
    Look,
    /// To read the file.
    Read,
    /// To change the file, its times or its permission bits, or those of a directory.
    Write,
    /// To make it: a file, a directory, a link, or another name of a file.
    Create,
    /// To take the name away.
    Remove,
}

/// What a [`Guard`] is asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Request<'a> {
    /// What the program wants to do.
    pub act: Act,
    /// With what: a path from the root of the tree, without a slash before it; empty for
    /// the root itself. There are no links and no `..` in it: it is what the program's path
    /// leads to. The program may have chosen it.
    pub path: &'a [u8],
}

/// Decides what a program may do in a tree. Closures of this shape are guards.
///
/// It is asked before anything is done, also for names that are not there. One that takes
/// long, for it asks a person, asks [`go_on`] meanwhile whether the run goes on.
pub trait Guard: Send + Sync {
    /// Whether this may be done.
    ///
    /// # Errors
    /// The error that the program gets if not, as a rule EACCES.
    fn allow(&self, request: &Request<'_>) -> Result<(), Errno>;
}

impl<F> Guard for F
where
    F: Fn(&Request<'_>) -> Result<(), Errno> + Send + Sync,
{
    fn allow(&self, request: &Request<'_>) -> Result<(), Errno> {
        self(request)
    }
}

/// A directory of a guarded tree.
///
/// It has no `innermost`: whoever got at what lies behind it would pass the guard.
pub(crate) struct GuardedDirectory {
    inner: Arc<dyn Directory>,
    way: Arc<Way>,
    guard: Arc<dyn Guard>,
    meter: Arc<Meter>,
}

/// How a directory was reached. Each holds its own name only, so that what is held of a
/// deep tree grows with its depth and not with the square of it.
struct Way {
    /// None for the root.
    last: Option<(Arc<Way>, Vec<u8>)>,
    /// Bytes of the path, with a slash at its end.
    // BOUND: PATH_BYTES, which bounds the depth as well.
    length: usize,
    _charge: Charge,
}

/// What a directory takes beside its name.
const WAY_BYTES: u64 = 192;

impl Way {
    fn write(&self, path: &mut Vec<u8>) {
        if let Some((parent, name)) = &self.last {
            parent.write(path);
            path.extend_from_slice(name);
            path.push(b'/');
        }
    }

    /// The path of a name in the directory, or of the directory itself.
    fn path(&self, name: &[u8]) -> Result<Vec<u8>, Errno> {
        if self.length + name.len() > PATH_BYTES {
            return Err(Errno::NAMETOOLONG);
        }
        let mut path = Vec::with_capacity(self.length + name.len());
        self.write(&mut path);
        path.extend_from_slice(name);
        if name.is_empty() {
            path.pop();
        }
        Ok(path)
    }
}

impl GuardedDirectory {
    /// Puts a guard before a tree. What is held of it counts in `meter`.
    pub(crate) fn new(
        inner: Arc<dyn Directory>,
        guard: Arc<dyn Guard>,
        meter: &Arc<Meter>,
    ) -> Result<Self, Errno> {
        let way = Way { last: None, length: 0, _charge: meter.hold(WAY_BYTES)? };
        Ok(Self { inner, way: Arc::new(way), guard, meter: Arc::clone(meter) })
    }

    fn child(&self, name: &[u8], inner: Arc<dyn Directory>) -> Result<Self, Errno> {
        let length = self.way.length + name.len() + 1;
        if length > PATH_BYTES {
            return Err(Errno::NAMETOOLONG);
        }
        let charge = self.meter.hold(WAY_BYTES + name.len() as u64)?;
        let last = Some((Arc::clone(&self.way), name.to_vec()));
        let way = Arc::new(Way { last, length, _charge: charge });
        Ok(Self { inner, way, guard: Arc::clone(&self.guard), meter: Arc::clone(&self.meter) })
    }

    /// Asks for each of these acts; an empty name is the directory itself.
    fn ask(&self, name: &[u8], acts: &[Act]) -> Result<(), Errno> {
        let path = self.way.path(name)?;
        acts.iter().try_for_each(|act| self.guard.allow(&Request { act: *act, path: &path }))
    }

    /// What is held of a name that is opened, and what of it was asked.
    fn granted(&self, name: &[u8], read: bool, write: bool) -> Result<Granted, Errno> {
        Ok(Granted {
            path: self.way.path(name)?,
            guard: Arc::clone(&self.guard),
            read: AtomicBool::new(read),
            write: AtomicBool::new(write),
            _charge: self.meter.hold(WAY_BYTES + (self.way.length + name.len()) as u64)?,
        })
    }

    /// Asks whether the program may know of a name, and then for an act.
    fn look_and(&self, name: &[u8], act: Act) -> Result<(), Errno> {
        self.ask(name, &[Act::Look])?;
        self.inner.metadata_of(name)?;
        self.ask(name, &[act])
    }

    /// The directory of the same guarded tree.
    fn same_tree<'a>(&self, other: &'a dyn Directory) -> Result<&'a Self, Errno> {
        let other = other.innermost().unwrap_or(other);
        let other = (other as &dyn Any).downcast_ref::<Self>().ok_or(Errno::XDEV)?;
        if Arc::ptr_eq(&self.guard, &other.guard) { Ok(other) } else { Err(Errno::XDEV) }
    }

    /// Whether a file may get another name. With it comes what another name allows, so
    /// all is asked of the old one; what lies in a directory cannot be asked, so that one
    /// stays where it is, and programs copy it.
    fn may_move(&self, name: &[u8], acts: &[Act], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.ask(name, &[Act::Look])?;
        if self.inner.metadata_of(name)?.file_type == FileType::Directory {
            return Err(Errno::XDEV);
        }
        self.ask(name, acts)?;
        self.same_tree(to)?.ask(to_name, &[Act::Look, Act::Create])
    }
}

impl Directory for GuardedDirectory {
    fn metadata(&self) -> Result<Metadata, Errno> {
        self.ask(b"", &[Act::Look])?;
        self.inner.metadata()
    }

    fn lookup(&self, name: &[u8]) -> Result<Found, Errno> {
        self.ask(name, &[Act::Look])?;
        Ok(match self.inner.lookup(name)? {
            Found::Directory(inner) => Found::Directory(Arc::new(self.child(name, inner)?)),
            other => other,
        })
    }

    fn metadata_of(&self, name: &[u8]) -> Result<Metadata, Errno> {
        self.ask(name, &[Act::Look])?;
        self.inner.metadata_of(name)
    }

    fn open(&self, name: &[u8], options: &OpenOptions) -> Result<Opened, Errno> {
        self.ask(name, &[Act::Look])?;
        match self.inner.metadata_of(name) {
            Err(Errno::NOENT) if options.creation != Creation::Existing => self.ask(name, &[Act::Create])?,
            Err(error) => return Err(error),
            Ok(_) if options.creation == Creation::New => return Err(Errno::EXIST),
            Ok(_) => {}
        }
        // Asked in any case: another may have made it meanwhile.
        let write = options.write || options.truncate;
        if options.read || !write {
            self.ask(name, &[Act::Read])?;
        }
        if write {
            self.ask(name, &[Act::Write])?;
        }
        let granted = self.granted(name, options.read || !write, write)?;
        Ok(match self.inner.open(name, options)? {
            Opened::File(inner) => Opened::File(Arc::new(GuardedFile { inner, granted })),
            Opened::Stream(inner) => Opened::Stream(Arc::new(GuardedStream { inner, granted })),
            Opened::Pipe(inner) => Opened::Pipe(Arc::new(GuardedFile { inner, granted })),
            Opened::Device(device) => Opened::Device(device),
        })
    }

    fn entries(
        &self,
        cookie: u64,
        each: &mut dyn FnMut(DirectoryEntry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Errno> {
        self.ask(b"", &[Act::Look])?;
        let mut failed = None;
        let read = self.inner.entries(cookie, &mut |entry| {
            // The guard may refuse so many that none is given.
            if let Err(error) = go_on() {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            match self.ask(entry.name, &[Act::Look]) {
                Ok(()) => each(entry),
                Err(_) => ControlFlow::Continue(()),
            }
        });
        failed.map_or(read, Err)
    }

    fn create_directory(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        self.ask(name, &[Act::Look, Act::Create])?;
        self.inner.create_directory(name, permissions)
    }

    fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), Errno> {
        self.ask(name, &[Act::Look, Act::Create])?;
        self.inner.create_symlink(name, target)
    }

    fn create_special(&self, name: &[u8], kind: FileType, permissions: u32) -> Result<(), Errno> {
        self.ask(name, &[Act::Look, Act::Create])?;
        self.inner.create_special(name, kind, permissions)
    }

    fn link(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.may_move(name, &[Act::Read, Act::Write], to, to_name)?;
        self.inner.link(name, self.same_tree(to)?.inner.as_ref(), to_name)
    }

    fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        self.look_and(name, Act::Remove)?;
        self.inner.unlink(name)
    }

    fn remove_directory(&self, name: &[u8]) -> Result<(), Errno> {
        self.look_and(name, Act::Remove)?;
        self.inner.remove_directory(name)
    }

    fn rename(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let target = self.same_tree(to)?;
        self.may_move(name, &[Act::Read, Act::Write, Act::Remove], to, to_name)?;
        if target.inner.metadata_of(to_name).is_ok() {
            target.ask(to_name, &[Act::Remove])?;
        }
        self.inner.rename(name, target.inner.as_ref(), to_name)
    }

    fn rename_new(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        self.may_move(name, &[Act::Read, Act::Write, Act::Remove], to, to_name)?;
        self.inner.rename_new(name, self.same_tree(to)?.inner.as_ref(), to_name)
    }

    fn keeps_holes(&self) -> Result<bool, Errno> {
        self.inner.keeps_holes()
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.ask(b"", &[Act::Look, Act::Write])?;
        self.inner.set_times(times)
    }

    fn set_times_of(&self, name: &[u8], times: NewTimes) -> Result<(), Errno> {
        self.look_and(name, Act::Write)?;
        self.inner.set_times_of(name, times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.ask(b"", &[Act::Look, Act::Write])?;
        self.inner.set_permissions(permissions)
    }

    fn set_permissions_of(&self, name: &[u8], permissions: u32) -> Result<(), Errno> {
        self.look_and(name, Act::Write)?;
        self.inner.set_permissions_of(name, permissions)
    }

    fn synchronize(&self) -> Result<(), Errno> {
        self.inner.synchronize()
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.inner.locks()
    }

    fn space(&self) -> Result<Space, Errno> {
        self.inner.space()
    }

    fn exchange(&self, name: &[u8], to: &dyn Directory, to_name: &[u8]) -> Result<(), Errno> {
        let target = self.same_tree(to)?;
        self.may_move(name, &[Act::Read, Act::Write, Act::Remove], to, to_name)?;
        target.may_move(to_name, &[Act::Read, Act::Write, Act::Remove], self, name)?;
        self.inner.exchange(name, target.inner.as_ref(), to_name)
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        self.inner.identity()
    }

    fn again(&self) -> Option<Arc<dyn Directory>> {
        let (inner, way) = (self.inner.again()?, Arc::clone(&self.way));
        let (guard, meter) = (Arc::clone(&self.guard), Arc::clone(&self.meter));
        Some(Arc::new(Self { inner, way, guard, meter }))
    }

    fn checks_permissions(&self) -> bool {
        self.inner.checks_permissions()
    }

    fn check_permission(&self, wanted: Wanting) -> Result<(), Errno> {
        self.inner.check_permission(wanted)
    }

    fn is_read_only(&self) -> bool {
        self.inner.is_read_only()
    }

    fn is_taken(&self, name: &[u8]) -> bool {
        self.inner.is_taken(name)
    }
}

/// What a guard has allowed to do with what is open.
///
/// An open file is a way to more than it was opened for: its times and permission bits
/// can be changed by way of any descriptor, and `/proc/self/fd` opens it again, to write
/// also what was opened to be read. So the guard is asked for what it was not asked for
/// yet, once that is to be done.
struct Granted {
    /// The path by which it was opened. Whoever gives it another may do all with it.
    path: Vec<u8>,
    guard: Arc<dyn Guard>,
    read: AtomicBool,
    write: AtomicBool,
    _charge: Charge,
}

impl Granted {
    fn to_read(&self) -> Result<(), Errno> {
        self.ask(&self.read, Act::Read)
    }

    fn to_write(&self) -> Result<(), Errno> {
        self.ask(&self.write, Act::Write)
    }

    fn ask(&self, is_granted: &AtomicBool, act: Act) -> Result<(), Errno> {
        if !is_granted.load(Ordering::Relaxed) {
            self.guard.allow(&Request { act, path: &self.path })?;
            is_granted.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// An open file of a guarded tree.
struct GuardedFile {
    inner: Arc<dyn File>,
    granted: Granted,
}

impl File for GuardedFile {
    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno> {
        match act.writes() {
            true => self.granted.to_write()?,
            false => self.granted.to_read()?,
        }
        self.inner.attribute(act)
    }

    fn metadata(&self) -> Result<Metadata, Errno> {
        self.inner.metadata()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
        self.granted.to_read()?;
        self.inner.read_at(offset, into)
    }

    fn next_data(&self, offset: u64) -> Result<Option<Range<u64>>, Errno> {
        self.granted.to_read()?;
        self.inner.next_data(offset)
    }

    fn write_at(&self, offset: u64, from: &[u8]) -> Result<usize, Errno> {
        self.granted.to_write()?;
        self.inner.write_at(offset, from)
    }

    fn append(&self, from: &[u8]) -> Result<(usize, u64), Errno> {
        self.granted.to_write()?;
        self.inner.append(from)
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.granted.to_write()?;
        self.inner.set_size(size)
    }

    fn allocate(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.granted.to_write()?;
        self.inner.allocate(offset, length)
    }

    fn reserve(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.granted.to_write()?;
        self.inner.reserve(offset, length)
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        self.granted.to_write()?;
        self.inner.punch(offset, length)
    }

    fn set_times(&self, times: NewTimes) -> Result<(), Errno> {
        self.granted.to_write()?;
        self.inner.set_times(times)
    }

    fn set_permissions(&self, permissions: u32) -> Result<(), Errno> {
        self.granted.to_write()?;
        self.inner.set_permissions(permissions)
    }

    fn space(&self) -> Result<Space, Errno> {
        self.inner.space()
    }

    fn synchronize(&self) -> Result<(), Errno> {
        self.inner.synchronize()
    }

    fn locks(&self) -> Result<Option<Locks>, Errno> {
        self.inner.locks()
    }
}

/// An open stream of a guarded tree.
struct GuardedStream {
    inner: Arc<dyn Stream>,
    granted: Granted,
}

impl Stream for GuardedStream {
    fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        self.granted.to_read()?;
        self.inner.read(into)
    }

    fn write(&self, from: &[u8]) -> Result<usize, Errno> {
        self.granted.to_write()?;
        self.inner.write(from)
    }

    fn readiness(&self, interest: Interest) -> Result<Readiness, Errno> {
        self.inner.readiness(interest)
    }
}
