//! Reading and writing a descriptor of the host without blocking past the deadline.
//!
//! That poll calls a descriptor ready says less than one would like: a terminal is
//! writable with room for one byte, and readable with one that does not make a read
//! return; what a pipe had, another process may have taken. And whether a descriptor
//! blocks is not ours to change, since others may share it. So the kernel is asked not
//! to wait in this call alone, or by way of a description that is ours alone; and where
//! it can do neither, a thread waits.

use super::Source;
use crate::object::Interest;
use crate::stdio::CHUNK;
use crate::wait::{wait_for, wait_for_any};
use crate::{Errno, Fault, Waiter, pieces};
use rustix::fs::{FileType, OFlags};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// One end of a guest's standard stream on the host.
pub(crate) struct HostStream {
    host: Source,
    manner: Manner,
}

/// How it is read or written.
enum Manner {
    /// The kernel is asked not to wait, whatever the descriptor's flags say.
    WithoutWaiting,
    /// By a description of the same terminal or pipe that is ours and does not wait.
    Own(OwnedFd),
    /// By a thread that may wait.
    Aside,
}

/// Bytes that a thread moves at a time: Linux's PIPE_BUF.
const PIECE: usize = 4096;

/// How long the kernel is left alone that calls a descriptor ready and then does not
/// take or give a byte.
const PAUSE: Duration = Duration::from_millis(5);

impl HostStream {
    pub(crate) fn new(host: Source, interest: Interest) -> Self {
        let manner = match () {
            // It does not heed the flag of the call.
            () if rustix::termios::isatty(&host) => own_or_aside(&host, interest),
            () if cfg!(target_os = "linux") => Manner::WithoutWaiting,
            () => Manner::Aside,
        };
        Self { host, manner }
    }

    /// Writes some of `from`, once there is room.
    pub(crate) fn write(&mut self, from: &[u8], waiter: &Waiter) -> Result<usize, Fault> {
        self.wait(Interest::Write, waiter, |stream| match &stream.manner {
            Manner::WithoutWaiting => without_waiting::write(&stream.host, from),
            Manner::Own(own) => rustix::io::write(own, from),
            Manner::Aside => {
                let (host, bytes) = (stream.host.clone(), from[..from.len().min(PIECE)].to_vec());
                aside(move || rustix::io::write(host, &bytes))
            }
        })
    }

    /// Reads what there is, once there is something; 0 is the end.
    pub(crate) fn read(&mut self, into: &mut [u8], waiter: &Waiter) -> Result<usize, Fault> {
        self.wait(Interest::Read, waiter, |stream| match &stream.manner {
            Manner::WithoutWaiting => without_waiting::read(&stream.host, into),
            Manner::Own(own) => rustix::io::read(own, &mut *into),
            Manner::Aside => {
                let (host, count) = (stream.host.clone(), into.len().min(CHUNK));
                let bytes = aside(move || {
                    let mut bytes = vec![0; count];
                    let count = rustix::io::read(host, &mut bytes)?;
                    bytes.truncate(count);
                    Ok(bytes)
                })?;
                into[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
        })
    }

    fn wait(
        &mut self,
        interest: Interest,
        waiter: &Waiter,
        mut attempt: impl FnMut(&Self) -> rustix::io::Result<usize>,
    ) -> Result<usize, Fault> {
        use rustix::io::Errno as Host;
        loop {
            wait_for(waiter, &self.host, interest)?;
            match attempt(self) {
                Ok(count) => return Ok(count),
                Err(Host::INTR) => {}
                Err(Host::AGAIN) => {
                    wait_for_any(waiter, &[], &[], waiter.now().checked_add(PAUSE))?;
                }
                // What cannot do it for this kind of descriptor.
                Err(Host::NOTSUP | Host::NOSYS | Host::INVAL)
                    if matches!(self.manner, Manner::WithoutWaiting) =>
                {
                    self.manner = own_or_aside(&self.host, interest);
                }
                Err(error) => return Err(Errno::from(error).into()),
            }
        }
    }
}

/// The run's end comes out of the next look at the waiter, and so is not told here.
fn aside<T: Send + 'static>(
    work: impl FnOnce() -> rustix::io::Result<T> + Send + 'static,
) -> rustix::io::Result<T> {
    pieces::aside(work).unwrap_or(Err(rustix::io::Errno::AGAIN))
}

/// A description of our own, if what `host` is can be opened again: a terminal or a
/// pipe is the same one then. Of anything else that might do something.
fn own_or_aside(host: &Source, interest: Interest) -> Manner {
    let is_pipe =
        rustix::fs::fstat(host).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if !cfg!(target_os = "linux") || !(is_pipe || rustix::termios::isatty(host)) {
        return Manner::Aside;
    }
    let number = std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(host));
    let access = if interest == Interest::Read { OFlags::RDONLY } else { OFlags::WRONLY };
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let own = rustix::fs::open(format!("/proc/self/fd/{number}"), flags, rustix::fs::Mode::empty());
    let device = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino, stat.st_rdev);
    match own {
        // `/dev/tty` opened again is the terminal of this process, whichever that is.
        Ok(own) if rustix::fs::fstat(&own).map(device) == rustix::fs::fstat(host).map(device) => {
            Manner::Own(own)
        }
        _ => Manner::Aside,
    }
}

#[cfg(target_os = "linux")]
mod without_waiting {
    use crate::host::Source;
    use rustix::io::{ReadWriteFlags, preadv2, pwritev2};
    use std::io::{IoSlice, IoSliceMut};

    /// No offset: where the descriptor stands.
    const HERE: u64 = u64::MAX;

    pub(super) fn write(host: &Source, from: &[u8]) -> rustix::io::Result<usize> {
        pwritev2(host, &[IoSlice::new(from)], HERE, ReadWriteFlags::NOWAIT)
    }

    pub(super) fn read(host: &Source, into: &mut [u8]) -> rustix::io::Result<usize> {
        preadv2(host, &mut [IoSliceMut::new(into)], HERE, ReadWriteFlags::NOWAIT)
    }
}

#[cfg(not(target_os = "linux"))]
mod without_waiting {
    use crate::host::Source;
    use rustix::io::Errno;

    pub(super) fn write(_host: &Source, _from: &[u8]) -> rustix::io::Result<usize> {
        Err(Errno::NOTSUP)
    }

    pub(super) fn read(_host: &Source, _into: &mut [u8]) -> rustix::io::Result<usize> {
        Err(Errno::NOTSUP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stop;
    use crate::pieces::work_for;
    use std::time::Instant;

    #[test]
    fn a_thread_that_waits_holds_no_one_beyond_the_deadline() {
        let (_reader, writer) = rustix::pipe::pipe().expect("a pipe");
        // Room for some more, and then not.
        let room = rustix::pipe::fcntl_getpipe_size(&writer).expect("told") - PIECE;
        rustix::io::write(&writer, &vec![b'x'; room]).expect("room");
        let host = Source::new(writer);
        let mut stream = HostStream { host, manner: Manner::Aside };
        let begun = Instant::now();
        let waiter = Waiter::new(Some(begun + Duration::from_millis(300))).expect("a waiter");
        let mut write = || work_for(&waiter, || stream.write(&[b'y'; 2 * PIECE], &waiter)).0;
        assert_eq!(write().expect("room"), PIECE);
        assert!(matches!(write(), Err(Fault::Stop(Stop::Deadline))));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_pipe_can_be_opened_again_where_its_kernel_cannot_be_asked() {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        let (reader, writer) = (Source::new(reader), Source::new(writer));
        for (host, interest) in [(&reader, Interest::Read), (&writer, Interest::Write)] {
            let manner = own_or_aside(host, interest);
            let Manner::Own(own) = manner else { panic!("{interest:?}") };
            assert!(rustix::fs::fcntl_getfl(&own).expect("told").contains(OFlags::NONBLOCK));
            // The user's own stays as it was.
            assert!(!rustix::fs::fcntl_getfl(host).expect("told").contains(OFlags::NONBLOCK));
        }
    }
}
