//! A process that has a module loaded and forks cells, for pools: forking takes a
//! fraction of the time of starting.

use super::CellProcess;
use crate::monitor::link::Link;
use crate::words::printable;
use crate::{Error, Image, Start};
use bellglass_channel::{receive_from, send_descriptors, tell_senders};
use bellglass_fork::Child;
use bellglass_wire::{ConversationState, FrameBuffer, FromCell, ToCell, caps};
use rustix::process::Pid;
use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a zygote may take to load its module, or to fork.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what a zygote has forked may take to say so once the zygote is dead.
const REST_TIME: Duration = Duration::from_secs(2);

/// Bytes that a message of a zygote may have: a sentence at most.
const MESSAGE_BYTES: usize = 8 + caps::TEXT_BYTES;

/// A zygote. Dropping it ends it, and all that it has forked and that nobody knows of;
/// its cells go on.
///
/// It is held to what a cell is: it names no process. The kernel says who has sent that
/// there is a new one, and it must be a child of this process and not the zygote.
pub(crate) struct Zygote {
    link: Link,
    process: CellProcess,
}

impl Zygote {
    /// Starts the cell's `program` as a zygote of this module of the image.
    ///
    /// # Errors
    /// [`Error::Launch`] if the operating system refuses.
    pub(crate) fn start(program: &Path, image: &Image, start: Start, compiled: File) -> Result<Self, Error> {
        let written = image.manifest().written_pages(start);
        let mut first = Vec::new();
        let broken = |error: bellglass_wire::WireError| Error::Start { reason: error.to_string() };
        ToCell::Zygote { written }.encode(&mut first).map_err(broken)?;
        let (process, link) = CellProcess::start_with(program, compiled, |mut stream| {
            stream.write_all(&first)?;
            tell_senders(stream)?;
            Ok(None)
        })?;
        Ok(Self { link, process })
    }

    /// Has it fork a cell with this stream and this pipe.
    pub(super) fn fork(&mut self, stream: BorrowedFd<'_>, words: BorrowedFd<'_>) -> Result<Child, Error> {
        self.fork_within(PATIENCE, stream, words)
    }

    fn fork_within(
        &mut self,
        patience: Duration,
        stream: BorrowedFd<'_>,
        words: BorrowedFd<'_>,
    ) -> Result<Child, Error> {
        let failed = |reason: String| Error::Start { reason };
        let mut message = Vec::new();
        ToCell::Fork.encode(&mut message).map_err(|error| failed(error.to_string()))?;
        send_descriptors(self.link.socket(), &message, &[stream, words]).map_err(Error::Resource)?;
        match self.hear(ConversationState::Forking, Instant::now() + patience)? {
            (FromCell::Forked { process }, Some(child)) => {
                let claimed = i32::try_from(process).ok().and_then(Pid::from_raw);
                let own = claimed == Some(child.number());
                if own { Ok(child) } else { Err(failed(self.claims(process, Some(child)))) }
            }
            (FromCell::Forked { process }, None) => Err(failed(self.claims(process, None))),
            (FromCell::Failed { message }, _) => Err(failed(printable(&message))),
            _ => Err(failed("it did not fork".to_owned())),
        }
    }

    /// Ends a process that said what is not so, if it is a child.
    fn claims(&self, process: u32, liar: Option<Child>) -> String {
        if let Some(liar) = liar {
            end(liar);
        }
        format!("it says that it has forked process {process}")
    }

    /// Waits for a message. Gives it with the process that has sent it, if that is a
    /// child of this one and not the zygote itself.
    fn hear(&self, state: ConversationState, deadline: Instant) -> Result<(FromCell, Option<Child>), Error> {
        let failed = |reason: String| Error::Start { reason };
        let mut message = [0; MESSAGE_BYTES];
        let (count, sender) = receive_from(self.link.socket(), &mut message, deadline)
            .map_err(|error| failed(error.to_string()))?;
        let sender = sender.filter(|sender| Some(*sender) != self.process.number());
        let child = sender.and_then(|sender| Child::of(sender).ok());
        let mut frames = FrameBuffer::new(MESSAGE_BYTES);
        frames.extend(&message[..count]);
        let decoded = match frames.next_frame() {
            Ok(Some(frame)) => {
                let permitted = state.check_cell(frame).and_then(|_| FromCell::decode(frame));
                permitted.map_err(|error| error.to_string())
            }
            Ok(None) => Err("its message came in parts".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match decoded {
            Ok(message) => Ok((message, child)),
            Err(reason) => {
                if let Some(child) = child {
                    end(child);
                }
                Err(failed(reason))
            }
        }
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        // First, so that it forks no more. What it has forked is of its group until it
        // has made one of its own, which is before it says that it is there.
        self.process.end_group();
        // What was too late for whoever waited for it. Once all that have the other end
        // are gone, or are cells, that is closed.
        let until = Instant::now() + REST_TIME;
        // BOUND: each message takes a process, of which the system allows so many.
        while let Ok((_, late)) = self.hear(ConversationState::Forking, until) {
            late.into_iter().for_each(end);
        }
    }
}

fn end(child: Child) {
    child.kill_group();
    // That somebody else has reaped it is as good.
    let _ = child.reap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::compiled;
    use crate::launch::find_cell;
    use bellglass_testkit::ToyImage;
    use bellglass_wire::Interruption;
    use std::os::fd::AsFd;
    use std::path::PathBuf;

    fn image() -> ToyImage {
        ToyImage::from_wat(r#"(module (memory (export "memory") 1) (func (export "run")))"#)
    }

    fn zygote_of(program: &Path, image: &ToyImage) -> Zygote {
        let image = image.open();
        let module = compiled(&image, Start::Fresh, Interruption::Kill).expect("a module");
        let module = module.try_clone().expect("a descriptor");
        Zygote::start(program, &image, Start::Fresh, module).expect("it starts")
    }

    /// Where the descriptors of a process lead.
    fn descriptors(process: &CellProcess) -> Vec<PathBuf> {
        let number = process.signaller().number().expect("it lives");
        let folder = std::fs::read_dir(format!("/proc/{}/fd", number.as_raw_nonzero())).expect("root may");
        folder.map(|entry| std::fs::read_link(entry.expect("an entry").path()).expect("a link")).collect()
    }

    #[test]
    fn what_is_forked_outlives_its_zygote_and_has_nothing_of_it() {
        let image = image();
        let mut zygote = zygote_of(&find_cell(None).expect("the cell"), &image);
        let mut cells: Vec<_> = (0..3).map(|_| CellProcess::fork(&mut zygote).expect("a cell")).collect();
        for (_, link) in &mut cells {
            link.set_deadline(Some(Instant::now() + PATIENCE));
            assert!(matches!(link.receive(ConversationState::Started), Ok(FromCell::Hello { .. })));
        }
        if rustix::process::geteuid().is_root() {
            let shared = descriptors(&zygote.process);
            for (process, _) in &cells {
                let own = descriptors(process);
                let talks = |path: &&PathBuf| {
                    let path = path.to_string_lossy();
                    path.starts_with("socket:") || path.starts_with("pipe:")
                };
                let talk: Vec<_> = own.iter().filter(talks).collect();
                assert!(talk.len() >= 2 && talk.iter().all(|path| !shared.contains(path)), "{own:?}");
            }
        }
        zygote.process.signaller().kill();
        assert!(CellProcess::fork(&mut zygote).is_err(), "it is dead");
        drop(zygote);
        assert!(cells.iter().all(|(process, _)| !process.has_ended()));
        for (process, _) in &mut cells {
            assert!(process.end().peak_resident_bytes > 0, "it is ours to reap");
        }
    }

    #[test]
    fn what_is_no_zygote_is_found_out() {
        let begun = Instant::now();
        for program in ["/bin/cat", "/bin/true"] {
            let mut zygote = zygote_of(Path::new(program), &image());
            assert!(CellProcess::fork(&mut zygote).is_err(), "{program}");
        }
        assert!(begun.elapsed() < PATIENCE);
    }

    /// How many children this thread has that nobody has reaped.
    fn children() -> usize {
        let children = std::fs::read_to_string("/proc/thread-self/children").expect("/proc");
        children.split_whitespace().count()
    }

    #[test]
    fn what_is_forked_too_late_is_ended_with_its_zygote() {
        use rustix::process::{Signal, kill_process};
        let image = image();
        let mut zygote = zygote_of(&find_cell(None).expect("the cell"), &image);
        let (mut cell, _link) = CellProcess::fork(&mut zygote).expect("a cell");
        let number = zygote.process.number().expect("it lives");
        kill_process(number, Signal::STOP).expect("it lives");
        let (_ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a stream");
        let (_last_words, words) = std::io::pipe().expect("a pipe");
        let soon = Duration::from_millis(50);
        assert!(zygote.fork_within(soon, theirs.as_fd(), words.as_fd()).is_err(), "it stands still");
        kill_process(number, Signal::CONT).expect("it lives");
        let begun = Instant::now();
        while children() < 3 {
            assert!(begun.elapsed() < PATIENCE, "it has not forked");
            std::thread::yield_now();
        }
        drop(zygote);
        assert!(!cell.has_ended());
        cell.end();
        assert_eq!(children(), 0, "one is left");
    }
}
