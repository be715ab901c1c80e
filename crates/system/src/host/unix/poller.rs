//! Waiting by poll(2).

use super::Source;
use crate::Errno;
use crate::host::{Poller, Ready, Waiting};
use crate::object::Interest;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The waiting of this machine.
pub(crate) struct Native;

impl Waiting for Native {
    fn poller(&self) -> std::io::Result<Box<dyn Poller>> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(Box::new(Poll { reader, writer }))
    }
}

/// Waits by poll, in which a pipe stands beside the descriptors: it is readable once
/// somebody has notified.
struct Poll {
    reader: OwnedFd,
    writer: OwnedFd,
}

impl Poller for Poll {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait(
        &self,
        sources: &[(Source, Interest)],
        ready: &mut [Ready],
        until: Option<Instant>,
    ) -> Result<(), Errno> {
        let flags = |interest: &Interest| match interest {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
        };
        let mut polled: Vec<PollFd<'_>> = Vec::with_capacity(sources.len() + 1);
        polled.extend(sources.iter().map(|(source, interest)| PollFd::new(source, flags(interest))));
        polled.push(PollFd::new(&self.reader, PollFlags::IN));
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        match rustix::event::poll(&mut polled, timeout.and_then(timespec).as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for (ready, polled) in ready.iter_mut().zip(&polled) {
            let events = polled.revents();
            let goes_through = events.intersects(PollFlags::IN | PollFlags::OUT);
            *ready = match events.contains(PollFlags::HUP) {
                _ if events.is_empty() => Ready::No,
                _ if events.intersects(PollFlags::ERR | PollFlags::NVAL) => Ready::Failed,
                true if goes_through => Ready::Last,
                true => Ready::HungUp,
                false => Ready::Yes,
            };
        }
        Ok(())
    }

    fn sleep(&self, until: Instant) {
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    fn notify(&self) {
        // A full pipe is readable already.
        let _ = rustix::io::write(&self.writer, &[1]);
    }

    fn reset(&self) {
        let mut bytes = [0; 64];
        while rustix::io::read(&self.reader, &mut bytes).is_ok_and(|count| count > 0) {}
    }
}

/// `None` for a time too long to be told, which is for ever.
fn timespec(duration: Duration) -> Option<Timespec> {
    let tv_sec = i64::try_from(duration.as_secs()).ok()?;
    Some(Timespec { tv_sec, tv_nsec: duration.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_for_a_descriptor_a_notice_and_its_time() {
        let poller = Native.poller().expect("descriptors");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let sources = [(Source::new(reader.into()), Interest::Read)];
        let mut ready = [Ready::No];
        let soon = Instant::now() + Duration::from_millis(20);
        poller.wait(&sources, &mut ready, Some(soon)).expect("waited");
        assert!(poller.now() >= soon && ready == [Ready::No]);
        poller.notify();
        for _ in 0..2 {
            poller.wait(&sources, &mut ready, None).expect("waited");
            assert_eq!(ready, [Ready::No], "every wait ends until the reset");
        }
        poller.reset();
        std::io::Write::write_all(&mut &writer, b"x").expect("written");
        poller.wait(&sources, &mut ready, None).expect("waited");
        assert_eq!(ready, [Ready::Yes]);
        drop(writer);
        poller.wait(&sources, &mut ready, None).expect("waited");
        assert_eq!(ready, [Ready::Last]);
        rustix::io::read(&sources[0].0, &mut [0; 9]).expect("it is there");
        poller.wait(&sources, &mut ready, None).expect("waited");
        assert_eq!(ready, [Ready::HungUp]);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let sources = [(Source::new(writer.into()), Interest::Write)];
        poller.wait(&sources, &mut ready, None).expect("waited");
        assert_eq!(ready, [Ready::Failed]);
    }
}
