//! The link to the controller: sends the guest's calls, carries out what the
//! controller asks of the guest's memory, and hands the answer back.

use crate::interrupt;
use bellglass_channel::{Channel, ChannelError, RING_BYTES, Shared, Side, take_descriptors};
use bellglass_engine::{External, GuestMemory, Interrupts, Settings, StopGuest};
use bellglass_wire::{
    CallFrame, FrameBuffer, FromCell, Heard, PROTOCOL_VERSION, Pages, ReturnFrame, Signature, ToCell, View,
    Wall, WireError, caps,
};
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes one read from the stream may take.
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) struct Link {
    channel: Channel,
    incoming: FrameBuffer,
    outgoing: Vec<u8>,
    /// By index of the signature.
    views: Vec<Vec<View>>,
    interrupts: Arc<Interrupts>,
}

/// What the controller sent before the process started.
pub(crate) enum First {
    /// An offer of shared memory, if it could be mapped; or not a word.
    Offer(Option<Shared>),
    /// That the process is to fork cells, which write to these pages at once.
    Zygote { written: Vec<Pages> },
}

/// The one link of this process: the guest's calls go through it, and then the
/// cell's last frame.
#[derive(Clone)]
pub(crate) struct SharedLink(Arc<Mutex<Link>>);

/// Why the cell cannot go on. None of these is the guest's doing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the controller is gone: {0}")]
    Stream(#[from] std::io::Error),
    #[error("the controller is gone: {0}")]
    Channel(#[from] ChannelError),
    #[error("the controller breaks the protocol: {0}")]
    Wire(#[from] WireError),
    #[error("the controller breaks the protocol: {0}")]
    Refused(&'static str),
    #[error("{0}")]
    Failed(String),
}

impl Link {
    pub(crate) fn new(stream: OwnedFd, interrupts: Arc<Interrupts>) -> Self {
        Self {
            channel: Channel::new(stream, Side::Cell),
            incoming: FrameBuffer::new(caps::FRAME_BYTES),
            outgoing: Vec::new(),
            views: Vec::new(),
            interrupts,
        }
    }

    /// Looks for what the controller sent before this process started: an offer of
    /// shared memory, which is mapped if it can be, or what makes it a zygote.
    pub(crate) fn look(&mut self) -> Result<First, LinkError> {
        // Not a byte more than this one frame: descriptors come with the next, too.
        let mut length = [0; 4];
        let (count, mut taken) = take_descriptors(self.channel.socket(), &mut length)?;
        if count == 0 {
            return Ok(First::Offer(None));
        }
        let mut stream = Exact(self.channel.socket());
        stream.read_exact(&mut length[count..])?;
        self.incoming.extend(&length);
        // This holds the length to its cap.
        self.incoming.has_frame()?;
        let mut frame = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        self.incoming.extend(&frame);
        match self.receive()? {
            ToCell::Offer { ring_bytes } => {
                let memory = taken.pop().filter(|_| ring_bytes as usize == RING_BYTES);
                Ok(First::Offer(memory.and_then(|memory| Shared::open(&memory).ok())))
            }
            ToCell::Zygote { written } => Ok(First::Zygote { written }),
            _ => Err(LinkError::Refused("something other than an offer came before the hello")),
        }
    }

    /// The socket, for what goes over it with descriptors.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.channel.socket()
    }

    /// Says hello, shares the memory that was offered, and hears what is to run.
    pub(crate) fn greet(
        &mut self,
        signatures: Vec<Signature>,
        walls: Vec<Wall>,
        offered: Option<Shared>,
        interrupts: Arc<Interrupts>,
    ) -> Result<Settings, LinkError> {
        let count = signatures.len();
        let shared_memory = offered.is_some();
        self.send(&FromCell::Hello { version: PROTOCOL_VERSION, shared_memory, signatures, walls })?;
        if let Some(memory) = offered {
            self.channel.share(memory);
        }
        let mut first = self.receive()?;
        if let ToCell::Offer { .. } = first {
            // It was not there in time, or had lost its descriptor on the way: what
            // the hello said holds.
            first = self.receive()?;
        }
        let ToCell::Welcome { limits, hooks, views, .. } = first else {
            return self.fail("the controller did not begin with a welcome".to_owned());
        };
        self.set_views(count, views);
        let ToCell::Run { exports } = self.receive()? else {
            return self.fail("the controller did not say what to run".to_owned());
        };
        Ok(Settings { limits, hooks, exports, watch: None, interrupts: Some(interrupts) })
    }

    fn set_views(&mut self, signatures: usize, views: Vec<(u32, Vec<View>)>) {
        self.views = vec![Vec::new(); signatures];
        for (signature, views) in views {
            if let Some(slot) = self.views.get_mut(signature as usize) {
                *slot = views;
            }
        }
    }

    pub(crate) fn send(&mut self, message: &FromCell) -> Result<(), LinkError> {
        self.outgoing.clear();
        message.encode(&mut self.outgoing)?;
        Ok(self.channel.send(&self.outgoing, None)?)
    }

    /// Tells the controller why the cell gives up, and gives up.
    pub(crate) fn fail<T>(&mut self, message: String) -> Result<T, LinkError> {
        let mut message = message;
        message.truncate(message.floor_char_boundary(caps::TEXT_BYTES));
        self.send(&FromCell::Failed { message: message.clone() })?;
        Err(LinkError::Failed(message))
    }

    pub(crate) fn receive(&mut self) -> Result<ToCell, LinkError> {
        Ok(ToCell::decode(self.receive_frame()?)?)
    }

    fn receive_frame(&mut self) -> Result<&[u8], LinkError> {
        while !self.incoming.has_frame()? {
            let channel = &mut self.channel;
            self.incoming.fill_with(CHUNK_BYTES, |buffer| channel.receive(buffer, None))?;
        }
        Ok(self.incoming.next_frame()?.unwrap_or(&[]))
    }

    fn send_call(
        &mut self,
        import: usize,
        heard: Heard,
        arguments: &[u64],
        memory: &[u8],
    ) -> Result<(), LinkError> {
        self.outgoing.clear();
        let views = self.views.get(import).map_or(&[][..], Vec::as_slice);
        // Loading has checked the number of imports against a cap.
        CallFrame::encode(&mut self.outgoing, import as u32, heard, arguments, memory, views)?;
        Ok(self.channel.send(&self.outgoing, None)?)
    }

    /// Serves the controller until it closes the open call.
    fn converse(
        &mut self,
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<Result<(), StopGuest>, LinkError> {
        loop {
            let frame = self.receive_frame()?;
            if let Some(answer) = ReturnFrame::decode(frame)? {
                close(&answer, results, memory)?;
                let sent = answer.sent;
                interrupt::close_call(&self.interrupts, sent.travelling, sent.interrupts);
                return Ok(Ok(()));
            }
            match ToCell::decode(frame)? {
                ToCell::Read { address, length } => {
                    let bytes = memory.at(address, length as usize);
                    let bytes = bytes.ok_or(LinkError::Refused("a read beyond the guest's memory"))?.to_vec();
                    self.send(&FromCell::Data { bytes })?;
                }
                ToCell::Write(change) => apply(memory, change.address, &change.bytes)?,
                ToCell::Allocate { size } => {
                    let address = match memory.allocate(size) {
                        Ok(address) => address.ok_or(LinkError::Refused("this guest has no allocator"))?,
                        Err(stop) => return Ok(Err(stop)),
                    };
                    let memory_bytes = memory.bytes().len() as u64;
                    self.send(&FromCell::Allocated { address, memory_bytes })?;
                }
                ToCell::Free { address } => {
                    if let Err(stop) = memory.free(address) {
                        return Ok(Err(stop));
                    }
                }
                ToCell::End => return Ok(Err(StopGuest::End)),
                _ => return Err(LinkError::Refused("a message that an open call does not allow")),
            }
        }
    }
}

impl SharedLink {
    pub(crate) fn new(link: Link) -> Self {
        Self(Arc::new(Mutex::new(link)))
    }

    /// The link. Nobody else waits for it long: the guest stands still in its
    /// calls, and the last frame comes after them.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl External for SharedLink {
    fn call(
        &mut self,
        import: usize,
        arguments: &[u64],
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<(), StopGuest> {
        let mut link = self.lock();
        let heard = Heard { arrived: interrupt::arrived(), interrupted: memory.is_interrupted() };
        let sent = link.send_call(import, heard, arguments, memory.bytes());
        let outcome = sent.and_then(|()| link.converse(results, memory));
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                // Without its controller a guest has nobody to run for.
                let _ = link.fail::<()>(error.to_string());
                crate::leave(1);
            }
        }
    }
}

/// Carries out the answer that closes a call.
fn close(
    answer: &ReturnFrame<'_>,
    results: &mut [u64],
    memory: &mut dyn GuestMemory,
) -> Result<(), LinkError> {
    for (address, bytes) in answer.writes() {
        apply(memory, address, bytes)?;
    }
    if let Some(errno) = answer.errno {
        memory.set_errno(errno);
    }
    let values = answer.results();
    if values.len() != results.len() {
        return Err(LinkError::Refused("a call was answered with a wrong number of results"));
    }
    for (slot, value) in results.iter_mut().zip(values) {
        *slot = value;
    }
    Ok(())
}

/// Reads from a socket without a buffer.
struct Exact<'a>(BorrowedFd<'a>);

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::read(self.0, buffer)?)
    }
}

fn apply(memory: &mut dyn GuestMemory, address: u32, bytes: &[u8]) -> Result<(), LinkError> {
    let target = memory.at_mut(address, bytes.len());
    target.ok_or(LinkError::Refused("a write beyond the guest's memory"))?.copy_from_slice(bytes);
    Ok(())
}
