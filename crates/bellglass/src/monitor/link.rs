//! The controller's end of the stream: whole frames in and out, never longer
//! than the deadline, whatever the cell does.

use bellglass_wire::{FrameBuffer, FromCell, ToCell, WireError, caps};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// How many bytes one read from the stream may take.
const CHUNK_BYTES: usize = 64 << 10;

/// Why nothing more can be had from a cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the cell closed its stream")]
    Closed,
    #[error("the time is over")]
    TimedOut,
    #[error("the cell breaks the protocol: {0}")]
    Wire(#[from] WireError),
    #[error("the stream to the cell failed: {0}")]
    Stream(String),
}

/// One cell's stream.
pub(crate) struct Link {
    stream: UnixStream,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
    deadline: Option<Instant>,
    /// Set once the stream has failed; nothing is tried after that.
    broken: Option<LinkError>,
    /// Messages that had to be waited for: the cost of a call is mostly this.
    pub(crate) round_trips: u64,
}

impl Link {
    /// `stream` must not block.
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            incoming: FrameBuffer::new(caps::FRAME_BYTES),
            outgoing: Vec::new(),
            deadline: None,
            broken: None,
            round_trips: 0,
        }
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Puts a message behind those that wait to be sent.
    pub(crate) fn queue(&mut self, message: &ToCell) -> Result<(), LinkError> {
        Ok(message.encode(&mut self.outgoing)?)
    }

    /// Sends all that is queued.
    pub(crate) fn flush(&mut self) -> Result<(), LinkError> {
        self.intact()?;
        let mut sent = 0;
        while sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[sent..]) {
                Ok(0) => return Err(self.breaks(LinkError::Closed)),
                Ok(count) => sent += count,
                Err(error) => self.wait_after(error, PollFlags::OUT)?,
            }
        }
        self.outgoing.clear();
        Ok(())
    }

    /// The next message of the cell.
    pub(crate) fn receive(&mut self) -> Result<FromCell, LinkError> {
        self.intact()?;
        self.round_trips += 1;
        loop {
            match self.incoming.next_frame() {
                Ok(Some(frame)) => {
                    return FromCell::decode(frame).map_err(|error| self.breaks(error.into()));
                }
                Ok(None) => {}
                Err(error) => return Err(self.breaks(error.into())),
            }
            let stream = &mut self.stream;
            match self.incoming.fill_with(CHUNK_BYTES, |buffer| stream.read(buffer)) {
                Ok(0) => return Err(self.breaks(LinkError::Closed)),
                // BOUND: a cell that drips bytes for ever is ended by the
                // deadline, which each pass looks at.
                Ok(_) => self.in_time()?,
                Err(error) => self.wait_after(error, PollFlags::IN)?,
            }
        }
    }

    /// Whether the cell closed its end: it has ended, or is about to.
    pub(crate) fn is_closed(&self) -> bool {
        self.broken == Some(LinkError::Closed)
    }

    /// Closes this end, which an honest cell leaves for.
    pub(crate) fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn intact(&self) -> Result<(), LinkError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn breaks(&mut self, error: LinkError) -> LinkError {
        self.broken.get_or_insert(error).clone()
    }

    fn in_time(&mut self) -> Result<(), LinkError> {
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(self.breaks(LinkError::TimedOut)),
            _ => Ok(()),
        }
    }

    fn wait_after(&mut self, error: std::io::Error, ready: PollFlags) -> Result<(), LinkError> {
        match error.kind() {
            ErrorKind::WouldBlock => {}
            ErrorKind::Interrupted => return Ok(()),
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => return Err(self.breaks(LinkError::Closed)),
            _ => return Err(self.breaks(LinkError::Stream(error.to_string()))),
        }
        self.in_time()?;
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // A time too long for the kernel is as good as none.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut [PollFd::new(&self.stream, ready)], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(self.breaks(LinkError::Stream(errno.to_string()))),
        }
    }
}
