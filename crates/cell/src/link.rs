//! The link to the controller: sends the guest's calls, carries out what the
//! controller asks of the guest's memory, and hands the answers back.
//!
//! It is locked to send a call and to receive a frame, not for a whole call, so that
//! several calls can be open: what comes for another call than the one that is waited
//! for is carried out at once, as far as the memory is concerned, and an answer is kept
//! until that call is finished.

use crate::calls::{Answered, Calls};
use crate::interrupt;
use bellglass_channel::{Channel, ChannelError, RING_BYTES, Shared, Side, take_descriptors};
use bellglass_engine::{External, GuestMemory, Interrupts, Settings, StopGuest};
use bellglass_wire::{
    CallFrame, ConversationState, FrameBuffer, FromCell, Heard, PROTOCOL_VERSION, Pages, ReturnFrame, Sent,
    Signature, ToCell, View, Wall, WireError, caps,
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
    calls: Calls,
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
pub(crate) struct SharedLink {
    link: Arc<Mutex<Link>>,
    interrupts: Arc<Interrupts>,
}

/// What a frame has done to the call that is waited for.
enum Turn {
    /// It is open.
    Open,
    /// It is answered, and these interrupts come with the answer.
    Answered(Sent),
    /// The guest ends.
    Stop(StopGuest),
}

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
    pub(crate) fn new(stream: OwnedFd) -> Self {
        Self {
            channel: Channel::new(stream, Side::Cell),
            incoming: FrameBuffer::new(caps::FRAME_BYTES),
            outgoing: Vec::new(),
            views: Vec::new(),
            calls: Calls::default(),
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
        match self.receive(ConversationState::Started)? {
            ToCell::Offer { ring_bytes } => {
                let memory = taken.pop().filter(|_| ring_bytes as usize == RING_BYTES);
                Ok(First::Offer(memory.and_then(|memory| Shared::open(&memory).ok())))
            }
            ToCell::Zygote { written } => Ok(First::Zygote { written }),
            // The table permits no other.
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
        let mut first = self.receive(ConversationState::Greeted)?;
        if let ToCell::Offer { .. } = first {
            // It was not there in time, or had lost its descriptor on the way: what
            // the hello said holds.
            first = self.receive(ConversationState::Greeted)?;
        }
        let ToCell::Welcome { limits, hooks, views, .. } = first else {
            return self.fail("the controller did not begin with a welcome".to_owned());
        };
        self.set_views(count, views);
        let ToCell::Run { exports } = self.receive(ConversationState::Welcomed)? else {
            return self.fail("the controller did not say what to run".to_owned());
        };
        Ok(Settings { limits, hooks, exports, epoch_hook: None, interrupts: Some(interrupts) })
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

    /// The next message of the controller, if this state of the conversation permits it.
    pub(crate) fn receive(&mut self, state: ConversationState) -> Result<ToCell, LinkError> {
        let frame = self.receive_frame()?;
        state.check_controller(frame)?;
        Ok(ToCell::decode(frame)?)
    }

    fn receive_frame(&mut self) -> Result<&[u8], LinkError> {
        while !self.incoming.has_frame()? {
            let channel = &mut self.channel;
            self.incoming.fill_with(CHUNK_BYTES, |buffer| channel.receive(buffer, None))?;
        }
        Ok(self.incoming.next_frame()?.unwrap_or(&[]))
    }

    /// Sends a call, and gives the number by which it is finished.
    fn send_call(
        &mut self,
        import: usize,
        heard: Heard,
        arguments: &[u64],
        memory: &[u8],
    ) -> Result<u32, LinkError> {
        let call = self.calls.open()?;
        self.outgoing.clear();
        let views = self.views.get(import).map_or(&[][..], Vec::as_slice);
        // Loading has checked the number of imports against a cap.
        CallFrame::encode(&mut self.outgoing, call, import as u32, heard, arguments, memory, views)?;
        self.channel.send(&self.outgoing, None)?;
        Ok(call)
    }

    /// Receives one frame and carries it out, for whichever open call it is.
    fn turn(
        &mut self,
        waited_for: u32,
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<Turn, LinkError> {
        if let Some(answered) = self.calls.take_answered(waited_for) {
            return close(answered.errno, answered.results.iter().copied(), results, memory)
                .map(|()| Turn::Answered(answered.sent));
        }
        let frame = self.receive_frame()?;
        ConversationState::Called.check_controller(frame)?;
        if let Some(answer) = ReturnFrame::decode(frame)? {
            for (address, bytes) in answer.writes() {
                apply(memory, address, bytes)?;
            }
            let sent = answer.sent;
            if answer.call == waited_for {
                close(answer.errno, answer.results(), results, memory)?;
                self.calls.close(waited_for)?;
                return Ok(Turn::Answered(sent));
            }
            let (call, errno, results) = (answer.call, answer.errno, answer.results().collect());
            self.calls.keep(Answered { call, errno, sent, results })?;
            return Ok(Turn::Open);
        }
        match ToCell::decode(frame)? {
            ToCell::Read { call, address, length } => {
                self.calls.check(call)?;
                let bytes = memory.at(address, length as usize);
                let bytes = bytes.ok_or(LinkError::Refused("a read beyond the guest's memory"))?.to_vec();
                self.send(&FromCell::Data { call, bytes })?;
            }
            ToCell::Write { call, write } => {
                self.calls.check(call)?;
                apply(memory, write.address, &write.bytes)?;
            }
            ToCell::Allocate { call, size } => {
                self.calls.check(call)?;
                let address = match memory.allocate(size) {
                    Ok(address) => address.ok_or(LinkError::Refused("this guest has no allocator"))?,
                    Err(stop) => return Ok(Turn::Stop(stop)),
                };
                let memory_bytes = memory.bytes().len() as u64;
                self.send(&FromCell::Allocated { call, address, memory_bytes })?;
            }
            ToCell::Free { call, address } => {
                self.calls.check(call)?;
                if let Err(stop) = memory.free(address) {
                    return Ok(Turn::Stop(stop));
                }
            }
            ToCell::End => return Ok(Turn::Stop(StopGuest::End)),
            // The table permits no other.
            _ => return Err(LinkError::Refused("a message that an open call does not allow")),
        }
        Ok(Turn::Open)
    }
}

impl SharedLink {
    pub(crate) fn new(link: Link, interrupts: Arc<Interrupts>) -> Self {
        Self { link: Arc::new(Mutex::new(link)), interrupts }
    }

    /// The link, to send something or to receive something.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a call, and gives the number by which it is finished.
    fn begin(
        &self,
        import: usize,
        arguments: &[u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<u32, LinkError> {
        let heard = Heard { arrived: interrupt::arrived(), interrupted: memory.is_interrupted() };
        self.lock().send_call(import, heard, arguments, memory.bytes())
    }

    /// Serves the controller until it has answered this call.
    fn finish(
        &self,
        call: u32,
        results: &mut [u64],
        memory: &mut dyn GuestMemory,
    ) -> Result<Result<(), StopGuest>, LinkError> {
        loop {
            let turn = self.lock().turn(call, results, memory)?;
            match turn {
                Turn::Open => {}
                Turn::Answered(sent) => {
                    interrupt::close_call(&self.interrupts, sent.travelling, sent.interrupts);
                    return Ok(Ok(()));
                }
                Turn::Stop(stop) => return Ok(Err(stop)),
            }
        }
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
        // A guest has one thread, which waits for its own call. A second one begins here:
        // one is left for another between the two steps. Whoever sends while a call is
        // open must then also take what comes while there is no room to send, for the
        // controller does not: it may be waiting for room itself.
        let begun = self.begin(import, arguments, memory);
        match begun.and_then(|call| self.finish(call, results, memory)) {
            Ok(outcome) => outcome,
            Err(error) => {
                // Without its controller a guest has nobody to run for.
                let _ = self.lock().fail::<()>(error.to_string());
                crate::leave(1);
            }
        }
    }
}

/// Hands errno and results of an answer to the guest.
fn close(
    errno: Option<i32>,
    values: impl ExactSizeIterator<Item = u64>,
    results: &mut [u64],
    memory: &mut dyn GuestMemory,
) -> Result<(), LinkError> {
    if let Some(errno) = errno {
        memory.set_errno(errno);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use bellglass_wire::Write;
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    /// A guest that is nothing but its memory.
    struct Flat([u8; 64]);

    impl GuestMemory for Flat {
        fn bytes(&self) -> &[u8] {
            &self.0
        }

        fn bytes_mut(&mut self) -> &mut [u8] {
            &mut self.0
        }

        fn allocate(&mut self, _size: u32) -> Result<Option<u32>, StopGuest> {
            Ok(None)
        }

        fn free(&mut self, _address: u32) -> Result<(), StopGuest> {
            Ok(())
        }

        fn set_errno(&mut self, errno: i32) {
            self.0[60] = errno as u8;
        }

        fn is_interrupted(&mut self) -> bool {
            false
        }
    }

    fn pair() -> (UnixStream, SharedLink) {
        let (ours, theirs) = UnixStream::pair().expect("a stream");
        (ours, SharedLink::new(Link::new(theirs.into()), Arc::default()))
    }

    fn send(stream: &mut UnixStream, message: &ToCell) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes).expect("within the caps");
        stream.write_all(&bytes).expect("a peer");
    }

    fn hear(stream: &mut UnixStream) -> FromCell {
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("a frame");
        let mut frame = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut frame).expect("a frame");
        FromCell::decode(&frame).expect("a right frame")
    }

    fn answer(call: u32, result: u64, byte: u8) -> ToCell {
        let writes = vec![Write { address: 0, bytes: vec![byte] }];
        ToCell::Return {
            call,
            writes,
            errno: Some(i32::from(byte)),
            travelling: 0,
            interrupts: 0,
            results: vec![result],
        }
    }

    #[test]
    fn two_calls_are_open_and_answered_in_the_other_order() {
        let (mut controller, link) = pair();
        let mut memory = Flat([0; 64]);
        let first = link.begin(0, &[1], &mut memory).expect("sent");
        let second = link.begin(0, &[2], &mut memory).expect("sent");
        for number in [first, second] {
            assert!(matches!(hear(&mut controller), FromCell::Call { call, .. } if call == number));
        }
        assert_ne!(first, second);
        send(&mut controller, &answer(second, 20, 7));
        send(&mut controller, &ToCell::Read { call: first, address: 0, length: 1 });
        send(&mut controller, &answer(first, 10, 8));
        let mut results = [0];
        assert!(link.finish(first, &mut results, &mut memory).expect("answered").is_ok());
        assert_eq!((results, memory.0[0], memory.0[60]), ([10], 8, 8));
        // It had been written at once, before the question that came after it.
        assert_eq!(hear(&mut controller), FromCell::Data { call: first, bytes: vec![7] });
        // Nothing more comes, and errno is that of the call which is finished.
        assert!(link.finish(second, &mut results, &mut memory).expect("answered").is_ok());
        assert_eq!((results, memory.0[0], memory.0[60]), ([20], 8, 7));
    }

    #[test]
    fn a_controller_keeps_to_the_calls_that_are_open() {
        for message in [
            answer(99, 1, 1),
            ToCell::Read { call: 99, address: 0, length: 1 },
            ToCell::Write { call: 99, write: Write { address: 0, bytes: vec![] } },
            ToCell::Free { call: 99, address: 0 },
            ToCell::Run { exports: vec![] },
            ToCell::Fork,
        ] {
            let (mut controller, link) = pair();
            let mut memory = Flat([0; 64]);
            let call = link.begin(0, &[], &mut memory).expect("sent");
            send(&mut controller, &message);
            let error = link.finish(call, &mut [0], &mut memory).expect_err("refused").to_string();
            assert!(error.contains("not open") || error.contains("came while calls are open"), "{error}");
        }
    }
}
