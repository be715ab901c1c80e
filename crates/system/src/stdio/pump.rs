//! A thread that reads or writes for a handler, so that the handler can stop
//! waiting for a reader or writer that blocks.

use super::CHUNK;
use crate::host::spawn;
use crate::wait::{Listener, Readiness, WaitQueue, wait_for_any};
use crate::{Errno, Fault, Waiter};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// A job under way on a thread of its own: requests go out one at a time, and whoever
/// waits is woken when the answer is there. The thread ends once this is dropped; if it
/// is blocked in the user's reader or writer then, as soon as that returns.
struct Worker<Request, Reply> {
    requests: Sender<Request>,
    replies: Receiver<std::io::Result<Reply>>,
    replied: WaitQueue,
    pending: bool,
}

/// The thread's end of the replies. It wakes whoever waits also when a user's reader
/// panics, which closes the channel.
struct Replies<Reply> {
    replies: Option<Sender<std::io::Result<Reply>>>,
    replied: WaitQueue,
}

impl<Reply> Drop for Replies<Reply> {
    fn drop(&mut self) {
        self.replies = None;
        self.replied.wake();
    }
}

impl<Request: Send + 'static, Reply: Send + 'static> Worker<Request, Reply> {
    fn start(
        mut work: impl FnMut(Request) -> std::io::Result<Reply> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (requests, incoming) = channel();
        let (outgoing, replies) = channel();
        let replied = WaitQueue::new();
        let outgoing = Replies { replies: Some(outgoing), replied: replied.clone() };
        spawn("bellglass-stdio", move || {
            for request in incoming {
                let reply = work(request);
                // Nobody listens any more: the run is over.
                if outgoing.replies.as_ref().is_none_or(|replies| replies.send(reply).is_err()) {
                    break;
                }
                outgoing.replied.wake();
            }
        })?;
        Ok(Self { requests, replies, replied, pending: false })
    }

    fn request(&mut self, request: Request) -> Result<(), Errno> {
        self.requests.send(request).map_err(|_| Errno::IO)?;
        self.pending = true;
        Ok(())
    }

    /// The answer to the request that is pending, or what is woken when it is there.
    fn try_reply(&mut self) -> Result<Result<std::io::Result<Reply>, Listener>, Errno> {
        let listener = self.replied.listen();
        match self.replies.try_recv() {
            Err(TryRecvError::Empty) => Ok(Err(listener)),
            answered => {
                self.pending = false;
                Ok(Ok(answered.map_err(|_| Errno::IO)?))
            }
        }
    }

    /// Waits for the answer to the request that is pending.
    fn reply(&mut self, waiter: &Waiter) -> Result<std::io::Result<Reply>, Fault> {
        // The run's end is first, whatever there is.
        waiter.go_on()?;
        loop {
            match self.try_reply()? {
                Ok(reply) => return Ok(reply),
                Err(listener) => _ = wait_for_any(waiter, &[], &[listener], None)?,
            }
        }
    }
}

/// Reads from a reader that may block.
pub(super) struct ReadPump {
    reader: Option<Box<dyn Read + Send>>,
    worker: Option<Worker<usize, Vec<u8>>>,
    /// What was read for a poll, or for a read that was interrupted, and not yet
    /// taken.
    held: Vec<u8>,
    /// What a poll found in place of bytes: the end, or an error.
    ended: Option<Result<(), Errno>>,
}

impl ReadPump {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader: Some(reader), worker: None, held: Vec::new(), ended: None }
    }

    fn worker(&mut self) -> Result<&mut Worker<usize, Vec<u8>>, Errno> {
        if let Some(mut reader) = self.reader.take() {
            self.worker = Some(Worker::start(move |count: usize| {
                let mut bytes = vec![0; count.min(CHUNK)];
                loop {
                    match reader.read(&mut bytes) {
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                        Ok(count) => {
                            bytes.truncate(count);
                            return Ok(bytes);
                        }
                    }
                }
            })?);
        }
        self.worker.as_mut().ok_or(Errno::IO)
    }

    pub(super) fn read(&mut self, into: &mut [u8], waiter: &Waiter) -> Result<usize, Fault> {
        if let Some(found) = self.ended.take() {
            return Ok(found.map(|()| 0)?);
        }
        if self.held.is_empty() {
            let worker = self.worker()?;
            if !worker.pending {
                worker.request(into.len())?;
            }
            self.held = worker.reply(waiter)?.map_err(Errno::from)?;
        }
        let count = into.len().min(self.held.len());
        into[..count].copy_from_slice(&self.held[..count]);
        self.held.drain(..count);
        Ok(count)
    }

    /// What polling for bytes finds, which begins to read some.
    pub(super) fn poll(&mut self) -> Result<Readiness, Errno> {
        let now = |bytes: usize| Ok(Readiness::Now { bytes: bytes as u64, hangup: false });
        if !self.held.is_empty() {
            return now(self.held.len().min(CHUNK));
        }
        if self.ended.is_some() {
            return now(1);
        }
        let worker = self.worker()?;
        if !worker.pending {
            worker.request(CHUNK)?;
        }
        match worker.try_reply() {
            Ok(Err(listener)) => return Ok(Readiness::When(listener)),
            Ok(Ok(Ok(bytes))) if !bytes.is_empty() => self.held = bytes,
            // The next read tells it.
            Ok(Ok(end)) => self.ended = Some(end.map(drop).map_err(Errno::from)),
            Err(errno) => self.ended = Some(Err(errno)),
        }
        now(self.held.len().clamp(1, CHUNK))
    }
}

/// Writes to a writer that may block.
pub(super) struct WritePump {
    writer: Option<Box<dyn Write + Send>>,
    worker: Option<Worker<Vec<u8>, ()>>,
}

impl WritePump {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self { writer: Some(writer), worker: None }
    }

    /// Writes all of `from`, and returns when it is written and flushed.
    pub(super) fn write(&mut self, from: &[u8], waiter: &Waiter) -> Result<(), Fault> {
        if let Some(mut writer) = self.writer.take() {
            let work = move |bytes: Vec<u8>| writer.write_all(&bytes).and_then(|()| writer.flush());
            self.worker = Some(Worker::start(work).map_err(Errno::from)?);
        }
        let worker = self.worker.as_mut().ok_or(Errno::IO)?;
        if worker.pending {
            // The last write was interrupted while the writer was at it. It
            // counted as done, for its bytes are on their way.
            worker.reply(waiter)?.map_err(Errno::from)?;
        }
        worker.request(from.to_vec())?;
        match worker.reply(waiter) {
            Err(Fault::Errno(Errno::INTR)) => Ok(()),
            Err(fault) => Err(fault),
            Ok(result) => Ok(result.map_err(Errno::from)?),
        }
    }
}
