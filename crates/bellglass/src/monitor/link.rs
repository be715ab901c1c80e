//! The controller's end of the stream: whole frames in and out, never longer
//! than the deadline, whatever the cell does.

use bellglass_channel::{Channel, ChannelError, Shared, Woken};
use bellglass_system::host::{Ready, Source};
use bellglass_system::{Errno, Fault, Interest, Listener, Waiter, wait_for_any};
use bellglass_wire::{CellFrame, ConversationState, FrameBuffer, FromCell, ToCell, WireError, caps};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// How many bytes one read from the stream may take.
const CHUNK_BYTES: usize = 64 << 10;

/// Why nothing more can be had from a cell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the cell closed its stream")]
    Closed,
    #[error("the time ran out")]
    TimedOut,
    #[error("the cell breaks the protocol: {0}")]
    Wire(#[from] WireError),
    #[error("the cell breaks the protocol: {0}")]
    Breach(&'static str),
    #[error("the stream to the cell failed: {0}")]
    Stream(String),
}

impl From<ChannelError> for LinkError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Closed => Self::Closed,
            ChannelError::TimedOut => Self::TimedOut,
            ChannelError::Counts => Self::Breach("its count of bytes in the shared memory cannot be right"),
            error => Self::Stream(error.to_string()),
        }
    }
}

/// What came from a cell.
pub(crate) enum Received {
    /// A call; its frame is at [`Link::take_call`].
    Call,
    /// Anything else.
    Message(FromCell),
}

/// One cell's stream.
pub(crate) struct Link {
    channel: Channel,
    /// What the cell was offered, until its hello says whether it takes it.
    offered: Option<Shared>,
    /// The socket, for the waits of a run in which answers come later.
    source: Option<Source>,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
    /// The frame of the last call. It is kept apart, for more may come in before
    /// the call is answered.
    call: Vec<u8>,
    deadline: Option<Instant>,
    /// Set once the stream has failed; nothing is tried after that.
    broken: Option<LinkError>,
    /// Messages that had to be waited for: the cost of a call is mostly this.
    pub(crate) round_trips: u64,
}

impl Link {
    /// A link to a cell that was offered this memory, if any.
    pub(crate) fn new(channel: Channel, offered: Option<Shared>) -> Self {
        Self {
            channel,
            offered,
            source: None,
            incoming: FrameBuffer::new(caps::FRAME_BYTES),
            outgoing: Vec::new(),
            call: Vec::new(),
            deadline: None,
            broken: None,
            round_trips: 0,
        }
    }

    /// The socket, for what goes over it with descriptors.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.channel.socket()
    }

    /// Does as the hello says: talks through shared memory from now on, or never.
    pub(crate) fn share(&mut self, taken: bool) -> Result<(), LinkError> {
        match (taken, self.offered.take()) {
            (true, Some(memory)) => self.channel.share(memory),
            (true, None) => return Err(LinkError::Breach("it takes shared memory that was not offered")),
            (false, _) => {}
        }
        Ok(())
    }

    pub(crate) fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// Puts a message behind those that wait to be sent.
    pub(crate) fn queue(&mut self, message: &ToCell) -> Result<(), LinkError> {
        Ok(message.encode(&mut self.outgoing)?)
    }

    /// What waits to be sent, to put whole frames behind it.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Sends all that is queued.
    pub(crate) fn flush(&mut self) -> Result<(), LinkError> {
        self.intact()?;
        let sent = self.channel.send(&self.outgoing, self.deadline);
        self.outgoing.clear();
        sent.map_err(|error| self.breaks(error.into()))
    }

    /// The next message of the cell, if this state of the conversation permits it. A
    /// call is left in its frame.
    pub(crate) fn next(&mut self, state: ConversationState) -> Result<Received, LinkError> {
        self.wait_for_frame()?;
        let frame = self.incoming.next_frame().ok().flatten().unwrap_or(&[]);
        match state.check_cell(frame) {
            Ok(CellFrame::Call) => {
                self.call.clear();
                self.call.extend_from_slice(frame);
                Ok(Received::Call)
            }
            Ok(_) => {
                FromCell::decode(frame).map(Received::Message).map_err(|error| self.breaks(error.into()))
            }
            Err(error) => Err(self.breaks(error.into())),
        }
    }

    /// The next message of the cell, where it is none of the guest's.
    pub(crate) fn receive(&mut self, state: ConversationState) -> Result<FromCell, LinkError> {
        match self.next(state)? {
            Received::Message(message) => Ok(message),
            Received::Call => FromCell::decode(&self.call).map_err(|error| self.breaks(error.into())),
        }
    }

    /// Waits until the cell has said something, or `listener` is woken, or there is
    /// something that [`Waiter::check`] tells.
    pub(crate) fn wait(&mut self, waiter: &Waiter, listener: &Listener) -> Result<Woken, LinkError> {
        self.intact()?;
        // What is wrong with a frame is for the reader to say.
        if self.incoming.has_frame().unwrap_or(true) {
            return Ok(Woken::Bytes);
        }
        let source = match &self.source {
            Some(source) => source.clone(),
            None => {
                let socket = self.channel.socket().try_clone_to_owned();
                let socket = socket.map_err(|error| LinkError::Stream(error.to_string()))?;
                self.source.insert(Source::new(socket)).clone()
            }
        };
        let wait = |_: BorrowedFd<'_>| {
            let ready = wait_for_any(
                waiter,
                &[(source.clone(), Interest::Read)],
                std::slice::from_ref(listener),
                None,
            );
            match ready {
                Ok(ready) if ready.iter().any(|ready| *ready != Ready::No) => Ok(Woken::Bytes),
                Err(Fault::Errno(errno)) if errno != Errno::INTR => {
                    Err(ChannelError::Stream { reason: errno.to_string() })
                }
                // The waiter tells it again.
                Ok(_) | Err(_) => Ok(Woken::Otherwise),
            }
        };
        self.channel.wait_beside(wait).map_err(|error| self.breaks(error.into()))
    }

    /// The frame of the last call, to be given back when it is answered so that
    /// its room is used again.
    pub(crate) fn take_call(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.call)
    }

    pub(crate) fn give_back_call(&mut self, frame: Vec<u8>) {
        self.call = frame;
    }

    fn wait_for_frame(&mut self) -> Result<(), LinkError> {
        self.intact()?;
        self.round_trips += 1;
        loop {
            match self.incoming.has_frame() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(self.breaks(error.into())),
            }
            // BOUND: a cell that drips bytes for ever is ended by the deadline,
            // which each receive looks at.
            let (channel, deadline) = (&mut self.channel, self.deadline);
            let filled = self.incoming.fill_with(CHUNK_BYTES, |buffer| channel.receive(buffer, deadline));
            filled.map_err(|error| self.breaks(error.into()))?;
        }
    }

    /// Whether the cell closed its end: it has ended, or is about to.
    pub(crate) fn is_closed(&self) -> bool {
        self.broken == Some(LinkError::Closed)
    }

    /// Closes this end, which an honest cell leaves for.
    pub(crate) fn close(&mut self) {
        self.channel.close();
    }

    fn intact(&self) -> Result<(), LinkError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn breaks(&mut self, error: LinkError) -> LinkError {
        self.broken.get_or_insert(error).clone()
    }
}
