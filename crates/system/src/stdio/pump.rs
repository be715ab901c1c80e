//! A thread that reads or writes for a handler, so that the handler can stop
//! waiting for a reader or writer that blocks.

use super::CHUNK;
use crate::wait::{HostDescriptor, wait_for};
use crate::{Errno, Fault, Waiter};
use rustix::event::PollFlags;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A job under way on a thread of its own: requests go out one at a time, and a
/// pipe becomes readable when the answer is there. The thread ends once this is
/// dropped; if it is blocked in the user's reader or writer then, as soon as that
/// returns.
struct Worker<Request, Reply> {
    requests: Sender<Request>,
    replies: Receiver<std::io::Result<Reply>>,
    bell: Arc<OwnedFd>,
    pending: bool,
}

impl<Request: Send + 'static, Reply: Send + 'static> Worker<Request, Reply> {
    fn start(
        mut work: impl FnMut(Request) -> std::io::Result<Reply> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (bell, ring) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (requests, incoming) = channel();
        let (outgoing, replies) = channel();
        std::thread::Builder::new().name("bellglass-stdio".to_owned()).spawn(move || {
            for request in incoming {
                let reply = work(request);
                // Nobody listens any more: the run is over.
                if outgoing.send(reply).is_err() || rustix::io::write(&ring, &[1]).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { requests, replies, bell: Arc::new(bell), pending: false })
    }

    fn request(&mut self, request: Request) -> Result<(), Errno> {
        self.requests.send(request).map_err(|_| Errno::IO)?;
        self.pending = true;
        Ok(())
    }

    fn bell(&self) -> HostDescriptor {
        HostDescriptor::Given(Arc::clone(&self.bell))
    }

    /// Waits for the answer to the request that is pending.
    fn reply(&mut self, waiter: &Waiter) -> Result<std::io::Result<Reply>, Fault> {
        wait_for(waiter, &self.bell(), PollFlags::IN)?;
        self.pending = false;
        // A user's reader that panicked has closed both pipe and channel.
        let _ = rustix::io::read(&*self.bell, &mut [0; 1]);
        Ok(self.replies.recv().map_err(|_| Errno::IO)?)
    }
}

/// Reads from a reader that may block.
pub(super) struct ReadPump {
    reader: Option<Box<dyn Read + Send>>,
    worker: Option<Worker<usize, Vec<u8>>>,
    /// What was read for a poll, or for a read that was interrupted, and not yet
    /// taken.
    held: Vec<u8>,
}

impl ReadPump {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader: Some(reader), worker: None, held: Vec::new() }
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

    /// The bytes that are held, or a descriptor that tells when there are some.
    pub(super) fn poll(&mut self) -> Result<Result<usize, HostDescriptor>, Errno> {
        if !self.held.is_empty() {
            return Ok(Ok(self.held.len()));
        }
        let worker = self.worker()?;
        if !worker.pending {
            worker.request(CHUNK)?;
        }
        Ok(Err(worker.bell()))
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
