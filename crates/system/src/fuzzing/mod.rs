//! Whole systems driven by any bytes, for tests and fuzzing. Nothing panics, nothing
//! leaves what was mounted, the trees keep their invariants, no call outlasts its
//! deadline by more than a piece of work, and the descriptors that a guest holds of
//! the controller's stay within what its limit of open files says. What it costs in
//! memory is for the caller to watch: see the fuzz targets.

mod archives;
mod calls;
mod changes;
#[cfg(test)]
mod tests;

pub use archives::archive;
pub use calls::calls;
pub use changes::changes;

use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Open files of a guest.
const OPEN_FILES: usize = 64;

/// Bytes in a guest's files in memory.
const FILE_BYTES: u64 = 1 << 20;

/// Bytes that may be kept for a guest in all.
const CONTROLLER_BYTES: u64 = 8 << 20;

/// Processor time that a call may go on for once its deadline is over. All work
/// is in pieces that take far less, also with a fuzzer's instruments in them.
const LATE: Duration = Duration::from_millis(100);

/// The same of the time on the wall, in which others may have had the processor.
const LATE_ON_THE_WALL: Duration = Duration::from_secs(5);

/// Descriptors that the process may have open while a guest runs: those of the guest
/// itself, as many for looking at paths, and what the process had.
#[cfg(fuzzing)]
const DESCRIPTORS: std::os::fd::RawFd = 2 * OPEN_FILES as std::os::fd::RawFd + 32;

/// Makes what all inputs share, which takes a while.
#[cfg(fuzzing)]
pub fn prepare() {
    archives::large_zip();
    archives::many_files();
}

/// Makes a call that must be over at `deadline`.
fn timely<T>(what: &str, deadline: Instant, call: impl FnOnce() -> T) -> T {
    let patience = deadline.saturating_duration_since(Instant::now());
    let used = processor_time();
    let result = call();
    let used = processor_time().saturating_sub(used);
    assert!(used < patience + LATE, "{what} computed for {used:?} with a deadline in {patience:?}");
    let late = Instant::now().saturating_duration_since(deadline);
    assert!(late < LATE_ON_THE_WALL, "{what} was over {late:?} after its deadline");
    // Other tests of the process have descriptors of their own.
    #[cfg(fuzzing)]
    check_descriptors(what);
    result
}

/// Of this thread, which makes the calls.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A new descriptor gets the lowest number that is free, which is cheaper to ask for
/// than a list.
#[cfg(fuzzing)]
fn check_descriptors(what: &str) {
    use std::os::fd::AsRawFd;
    let Ok(lowest) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 0) else {
        panic!("{what} left no descriptor for anybody else");
    };
    assert!(lowest.as_raw_fd() < DESCRIPTORS, "after {what} {lowest:?} is the first free descriptor");
}

/// Reads numbers off the input; zeros when it has ended.
struct Source<'a> {
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> Source<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { bytes: input.iter() }
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    /// One of them.
    fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::from(self.byte().unwrap_or(0)) % among.len()]
    }
}

/// A directory of the host with a secret beside it.
struct Host {
    directory: tempfile::TempDir,
}

/// What [`Host`] has inside: a link that leads out, a file that is a hole for the
/// most part, and two more.
const INSIDE: usize = 4;

/// Bytes of the file that is a hole, of which the disk holds none.
const HOLE: u64 = 8 << 30;

impl Host {
    fn new() -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        std::fs::create_dir_all(path.join("inside/a"))?;
        std::fs::create_dir(path.join("outside"))?;
        std::fs::write(path.join("inside/file"), "text")?;
        std::fs::File::create(path.join("inside/big"))?.set_len(HOLE)?;
        std::fs::write(path.join("outside/secret"), "secret")?;
        std::os::unix::fs::symlink(path.join("outside"), path.join("inside/link"))?;
        Ok(Self { directory })
    }

    fn inside(&self) -> PathBuf {
        self.directory.path().join("inside")
    }

    /// Nothing has been made or changed outside.
    fn check_outside(&self) {
        let outside = self.directory.path().join("outside");
        assert_eq!(std::fs::read(outside.join("secret")).ok().as_deref(), Some(b"secret".as_slice()));
        assert_eq!(names(&outside), Some(1), "something was made outside");
        assert_eq!(names(self.directory.path()), Some(2), "something was made beside");
    }

    /// Nothing has been made or changed inside either.
    fn check_inside(&self) {
        assert_eq!(std::fs::read(self.inside().join("file")).ok().as_deref(), Some(b"text".as_slice()));
        assert_eq!(names(&self.inside()), Some(INSIDE), "something was made where one may only read");
    }
}

fn names(path: &Path) -> Option<usize> {
    std::fs::read_dir(path).map(Iterator::count).ok()
}
