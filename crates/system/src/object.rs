//! What a descriptor stands for: one trait, which each kind of thing implements in the
//! file of its subject.
//!
//! The calls know no kind. They ask the object, and what a kind does not have is
//! answered by the trait's own methods, with the errno that Linux gives for it.
//!
//! It is `pub`, in a module that is not, because [`File`](crate::files::File) builds on
//! it: a file is an object without an allocation of its own.

use crate::epoll::Epoll;
use crate::event_signals::EventSignals;
use crate::event_timer::EventTimer;
use crate::files::{
    Attribute, Dentry, Directory, File, FileType, Locks, Metadata, NewTimes, Seals, Space, Unopened,
};
use crate::host::{Action, SavedTerminal, Settings};
use crate::local::LocalSocket;
use crate::pipe::PipeEnd;
use crate::poll::{Look, Polled};
use crate::pty::Pseudo;
use crate::random::Random;
use crate::rights::Rights;
use crate::wait::Readiness;
use crate::{Errno, Fault, Waiter};
use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;

/// The device number of what lies in no tree: pipes and streams.
pub(crate) const STREAMS_DEVICE: u64 = 4;

/// What a descriptor stands for.
pub trait Object: Send + Sync {
    /// What kind of thing it is.
    ///
    /// WASI has no type for a pipe. What reads and writes in order and is not a file
    /// is nearest to a character device.
    fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::CharacterDevice)
    }

    /// The number that no other thing has, of what lies in no tree.
    fn serial(&self) -> Option<u64> {
        None
    }

    /// What stat tells of it, under the descriptor `number`.
    fn metadata(&self, number: u32) -> Result<Metadata, Errno> {
        let inode = self.serial().unwrap_or(u64::from(number) + 1);
        let metadata = Metadata::read_only(STREAMS_DEVICE, inode, self.file_type()?, 0);
        Ok(Metadata { permissions: 0o600, ..metadata })
    }

    /// What can be done with it at all.
    ///
    /// wasi-libc takes for a terminal what is a character device that can not be
    /// sought in, so what is no terminal has that right, and fails with ESPIPE.
    fn rights(&self) -> Rights {
        match self.terminal() {
            Ok(_) => Rights::STREAM,
            Err(_) => Rights(Rights::STREAM.0 | Rights::FD_SEEK.0 | Rights::FD_TELL.0),
        }
    }

    /// What can be done with that which is opened from it.
    fn inheriting(&self) -> Rights {
        Rights::NONE
    }

    /// Bytes that it keeps while it is open, beside those of any open file and what is
    /// charged elsewhere.
    fn kept_bytes(&self) -> u64 {
        0
    }

    /// The same thing, opened once more, to read, to write, or both; ENXIO for what cannot
    /// be opened, such as a socket.
    fn reopen(self: Arc<Self>, _ways: [bool; 2]) -> Result<Arc<dyn Object>, Errno> {
        Err(Errno::NXIO)
    }

    /// Waits for what must be there before it is open.
    fn begin(&self, _blocking: Blocking, _waiter: &Waiter) -> Result<(), Fault> {
        Ok(())
    }

    /// Reads what comes next; 0 is the end. Of what has a position that is kept,
    /// [`read_at`](Self::read_at) is called.
    fn read(&self, _into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::BADF.into())
    }

    /// Writes, and says how much. Of what has a position that is kept,
    /// [`write_at`](Self::write_at) or [`append`](Self::append) is called.
    fn write(&self, _from: &[u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::BADF.into())
    }

    /// What a read of it fails with where it may not be read.
    fn unreadable(&self) -> Errno {
        Errno::BADF
    }

    /// Whether a write may have flags of its own (`pwritev2`), or come out of a file or a pipe.
    fn takes_write_flags(&self) -> bool {
        true
    }

    /// Whether one can seek in it; ESPIPE.
    fn position(&self) -> Result<Position, Errno> {
        Err(Errno::SPIPE)
    }

    /// Moves the position that it keeps itself, and says where it is then.
    fn seek(&self, _to: SeekFrom) -> Result<u64, Errno> {
        Err(Errno::SPIPE)
    }

    /// Reads at `offset`, for what has positions.
    fn read_at(&self, _offset: u64, _into: &mut [u8], _transfer: &mut Transfer<'_>) -> Result<usize, Fault> {
        Err(Errno::SPIPE.into())
    }

    /// Writes at `offset`, for what has positions.
    fn write_at(&self, _offset: u64, _from: &[u8]) -> Result<usize, Errno> {
        Err(Errno::SPIPE)
    }

    /// Writes at the end, for what keeps a position. Returns how much, and where the
    /// end now is.
    fn append(&self, _from: &[u8]) -> Result<(usize, u64), Errno> {
        Err(Errno::SPIPE)
    }

    /// Cuts or grows it.
    fn set_size(&self, _size: u64) -> Result<(), Errno> {
        Err(Errno::INVAL)
    }

    /// Makes sure that it has room for `offset + length` bytes.
    fn allocate(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NODEV)
    }

    /// Makes sure that it has room for that stretch, and leaves its size as it is.
    fn reserve(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    /// Makes that stretch read as zeros, as far as the file reaches, and gives back its
    /// room where it can.
    fn punch(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::NOTSUP)
    }

    /// The first stretch at `offset` or beyond that holds data: see
    /// [`File::next_data`](crate::files::File::next_data).
    fn next_data(&self, _offset: u64) -> Result<Option<Range<u64>>, Errno> {
        Err(Errno::INVAL)
    }

    /// What polling finds, for one who stands at `position`.
    fn readiness(&self, interest: Interest, position: u64) -> Result<Readiness, Errno>;

    /// What polling finds, for one who stands at `position` and wants to know of these
    /// events; what it depends on besides is gathered in `look`. It may tell more than is
    /// wanted.
    fn poll(&self, wanted: u32, position: u64, look: &mut Look) -> Polled {
        look.by_readiness(wanted, |interest| self.readiness(interest, position))
    }

    /// Whether it can be watched by an epoll: what is always ready cannot.
    fn can_be_watched(&self) -> bool {
        true
    }

    /// What it is in a tree; EINVAL for what lies in none.
    fn inode(&self) -> Result<&dyn Inode, Errno> {
        Err(Errno::INVAL)
    }

    /// The directory that it is, held; ENOTDIR.
    fn directory(&self) -> Result<&Arc<Dentry>, Errno> {
        Err(Errno::NOTDIR)
    }

    /// The same as an object of its own, to read its entries from; ENOTDIR.
    fn listing(&self) -> Result<&dyn Directory, Errno> {
        Err(Errno::NOTDIR)
    }

    /// What it is that is open only to be named.
    fn unopened(&self) -> Option<&Unopened> {
        None
    }

    /// What the link to it in /proc/self/fd says, if it was not opened by a name. `number`
    /// is the descriptor.
    fn label(&self, number: u32) -> Result<String, Errno> {
        let metadata = self.metadata(number)?;
        let kind = match metadata.file_type {
            FileType::Fifo => "pipe",
            FileType::SocketDatagram | FileType::SocketStream => "socket",
            _ => return Ok("anon_inode:[stream]".to_owned()),
        };
        Ok(format!("{kind}:[{}]", metadata.inode))
    }

    /// The socket that it is; ENOTSOCK.
    fn socket(&self) -> Result<&LocalSocket, Errno> {
        Err(Errno::NOTSOCK)
    }

    /// The end of a pipe that it is; EBADF.
    fn pipe(&self) -> Result<&PipeEnd, Errno> {
        Err(Errno::BADF)
    }

    /// The epoll that it is; EINVAL.
    fn epoll(&self) -> Result<&Epoll, Errno> {
        Err(Errno::INVAL)
    }

    /// The timer that it is; EINVAL.
    fn timer(&self) -> Result<&EventTimer, Errno> {
        Err(Errno::INVAL)
    }

    /// What it tells signals of; EINVAL.
    fn signals(&self) -> Result<&EventSignals, Errno> {
        Err(Errno::INVAL)
    }

    /// What may not be done with it any more; EINVAL for what cannot be sealed.
    fn seals(&self) -> Result<&Seals, Errno> {
        Err(Errno::INVAL)
    }

    /// The terminal that it is; ENOTTY.
    fn terminal(&self) -> Result<&dyn Terminal, Errno> {
        Err(Errno::NOTTY)
    }
}

/// Where reads and writes of an object happen that one can seek in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Each goes on where the last one ended: a file with content.
    Kept,
    /// Everywhere is the same: a device such as /dev/zero, which has no end and takes
    /// no room.
    Ignored,
    /// Where reading the entries of a directory goes on: what was told with the one before,
    /// or 0. It is kept, and says nothing about bytes.
    Entries,
    /// The object keeps it, and others may move it who have the same open: see
    /// [`Object::seek`].
    Own,
    /// One can seek, which does nothing, and not read or write at an offset: an event
    /// counter.
    Nowhere,
}

/// What a caller wants to do, and polls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// To read.
    Read,
    /// To write.
    Write,
}

/// Whether a read or write waits until it can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    Wait,
    /// EAGAIN instead.
    DoNotWait,
}

impl Blocking {
    /// It waits unless it was asked not to.
    pub(crate) fn unless(asked_not_to: bool) -> Self {
        if asked_not_to { Self::DoNotWait } else { Self::Wait }
    }
}

/// How a read or write is carried out.
pub struct Transfer<'a> {
    pub blocking: Blocking,
    /// The flags of the open file, in Linux's numbers.
    pub flags: u32,
    pub waiter: &'a Waiter,
    /// For what gives random bytes.
    pub random: &'a mut dyn Random,
}

/// What in a tree something is: a file or a directory.
pub trait Inode {
    fn metadata(&self) -> Result<Metadata, Errno>;
    fn set_times(&self, times: NewTimes) -> Result<(), Errno>;
    fn set_permissions(&self, permissions: u32) -> Result<(), Errno>;
    /// Reads or changes its extended attributes.
    fn attribute(&self, act: &Attribute<'_>) -> Result<Vec<u8>, Errno>;
    /// Makes what was written last.
    fn synchronize(&self) -> Result<(), Errno>;
    /// How much its tree holds.
    fn space(&self) -> Result<Space, Errno>;
    /// The file that it is, if it is one.
    fn file(&self) -> Option<&dyn File> {
        None
    }
    /// Its locks, if its tree keeps them.
    fn locks(&self) -> Result<Option<Locks>, Errno> {
        Ok(None)
    }
}

/// Whether a read of a pipe or socket also takes the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// They are gone then.
    Take,
    /// They stay.
    Peek,
}

/// Which ways a socket is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    Receiving,
    Sending,
    Both,
}

/// What only terminals can do.
pub trait Terminal {
    /// The window's rows and columns, and its width and height in pixels.
    fn window(&self) -> Result<[u16; 4], Errno>;

    /// Modes and characters as they are.
    fn settings(&self) -> Result<Settings, Errno>;

    /// Changes modes and characters; the speeds stay. What it was before is noted in
    /// `saved`, for the end of the run.
    fn change(&self, saved: &SavedTerminal, action: Action, new: &Settings) -> Result<(), Errno>;

    /// EIO if it is at its end.
    fn check(&self) -> Result<(), Errno> {
        Ok(())
    }

    /// Changes the window's size: EPERM where it is the user's.
    fn set_window(&self, _new: [u16; 4]) -> Result<(), Errno> {
        Err(Errno::PERM)
    }

    /// Throws away what is on its way.
    fn flush(&self, queue: Queue) -> Result<(), Errno>;

    /// Stops what goes through it, or lets it go on; nothing where that is the user's.
    fn flow(&self, _flow: Flow) -> Result<(), Errno> {
        Ok(())
    }

    /// Waits until all that was written is out.
    fn drain(&self) -> Result<(), Errno>;

    /// Bytes that can be read.
    fn to_read(&self) -> Result<usize, Errno>;

    /// The pseudo-terminal that it is, if it is one.
    fn pseudo(&self) -> Option<Pseudo<'_>> {
        None
    }
}

/// What of a terminal is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// What was typed and not read.
    Input,
    /// What was written and not shown.
    Output,
    Both,
}

/// What is done with what goes through a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    StopOutput,
    StartOutput,
    /// Asks who types to stop, or to go on.
    SendStop,
    SendStart,
}
