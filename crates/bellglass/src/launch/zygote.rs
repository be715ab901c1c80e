//! A process that has a module loaded and forks cells, for pools: forking takes a
//! fraction of the time of starting.

use super::CellProcess;
use crate::monitor::link::Link;
use crate::words::printable;
use crate::{Error, Image, Start};
use bellglass_channel::send_descriptors;
use bellglass_wire::{FromCell, ToCell};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fs::File;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a zygote may take to load its module, or to fork.
const PATIENCE: Duration = Duration::from_secs(10);

/// A zygote. Dropping it ends it; its cells go on.
pub(crate) struct Zygote {
    link: Link,
    /// Declared last: it is ended when the stream is closed already.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is there to be dropped"))]
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
            Ok(None)
        })?;
        Ok(Self { link, process })
    }

    /// Has it fork a cell with this stream and this pipe. Gives the number of a
    /// process that is a child of this one.
    pub(super) fn fork(&mut self, stream: BorrowedFd<'_>, words: BorrowedFd<'_>) -> Result<Pid, Error> {
        let failed = |reason: String| Error::Start { reason };
        let mut message = Vec::new();
        ToCell::Fork.encode(&mut message).map_err(|error| failed(error.to_string()))?;
        send_descriptors(self.link.socket(), &message, &[stream, words]).map_err(Error::Resource)?;
        self.link.set_deadline(Some(Instant::now() + PATIENCE));
        match self.link.receive() {
            Ok(FromCell::Forked { process }) => {
                let number = i32::try_from(process).ok().and_then(Pid::from_raw);
                number
                    .filter(|number| is_child(*number))
                    .ok_or_else(|| failed(format!("it says that it has forked process {process}")))
            }
            Ok(FromCell::Failed { message }) => Err(failed(printable(&message))),
            Ok(_) => Err(failed("it did not fork".to_owned())),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

/// Whether there is a child of this number, which may have ended already.
fn is_child(number: Pid) -> bool {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(number), look).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::find_cell;
    use crate::sandbox::compiled;
    use bellglass_testkit::ToyImage;
    use bellglass_wire::Interruption;
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
            assert!(matches!(link.receive(), Ok(FromCell::Hello { .. })));
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

    #[test]
    fn a_number_that_is_not_of_a_child_is_not_believed() {
        assert!(!is_child(Pid::INIT));
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        let number = Pid::from_child(&child);
        assert!(is_child(number));
        child.wait().expect("its end");
        assert!(!is_child(number));
    }
}
