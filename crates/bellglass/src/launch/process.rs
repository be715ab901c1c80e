//! One cell as a process: started with nothing or forked, killed and reaped for
//! sure.

use super::Zygote;
use crate::monitor::link::Link;
use crate::walls::MEMORY_BOUND;
use crate::words::printable;
use crate::{Error, Limits, Wall};
use bellglass_channel::{Channel, RING_BYTES, Shared, Side, send_descriptors};
use bellglass_fork::{Child, Reaped};
use bellglass_wire::ToCell;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of a cell's last words that are kept.
const LAST_WORDS_BYTES: u64 = 4096;

/// How long a cell that has sent its last frame may take to leave by itself.
const LEAVE_TIME: Duration = Duration::from_millis(500);

/// How long a cell that has closed its stream may take to be dead.
const EXPIRE_TIME: Duration = Duration::from_millis(100);

/// What a cell needs beside its guest's memory and tables: 65 MiB of stack, which
/// the kernel counts whole, its heap, frames in and out. Found by looking at
/// `VmData` of cells, and doubled; too small a number shows as guests that get no
/// memory although their limit is not reached.
const OWN_MEMORY_BYTES: u64 = 256 << 20;

/// Bytes that one element of a table takes in the engine, twice over: a table
/// that grows is there in both sizes for a moment.
const TABLE_ELEMENT_BYTES: u64 = 32;

/// A running cell. Dropping it ends it.
pub(crate) struct CellProcess {
    /// Which process a signal may go to; empty once it is reaped, so that no
    /// signal ever reaches a stranger with the same number.
    alive: Arc<Mutex<Option<Child>>>,
    last_words: Option<PipeReader>,
    /// Processor time when it was last asked for, in nanoseconds: what is known of one
    /// that somebody else has reaped.
    seen: Arc<AtomicU64>,
    usage: Option<CellUsage>,
}

/// What the operating system says of a cell that has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellUsage {
    /// Processor time, user and system.
    pub(crate) cpu: Duration,
    /// The greatest resident size in bytes.
    pub(crate) peak_resident_bytes: u64,
    /// The signal that ended it, unless it left by itself or was killed by its
    /// controller.
    pub(crate) signal: Option<i32>,
    /// The code with which it left, if it did.
    pub(crate) code: Option<i32>,
    /// Whether it had ended and somebody else had reaped it, so that nobody knows how.
    pub(crate) is_lost: bool,
    /// What it said on its diagnostics pipe.
    pub(crate) last_words: String,
}

impl CellProcess {
    /// Starts the cell's `program` on a compiled module.
    ///
    /// # Errors
    /// [`Error::Launch`] if the operating system refuses.
    pub(crate) fn start(program: &Path, compiled: File) -> Result<(Self, Link), Error> {
        Self::start_with(program, compiled, |stream| Ok(offer_memory(stream)))
    }

    /// Has a zygote fork a cell.
    ///
    /// # Errors
    /// What is wrong with the zygote.
    pub(crate) fn fork(zygote: &mut Zygote) -> Result<(Self, Link), Error> {
        let ends = Ends::make().map_err(Error::Resource)?;
        let offered = offer_memory(&ends.ours);
        let process = zygote.fork(ends.theirs.as_fd(), ends.words.as_fd())?;
        Ok(Self::of(Some(process), ends.last_words, ends.ours, offered))
    }

    /// Starts the cell's program as what it is first sent makes of it. `send` gives
    /// the memory that it has offered, if any.
    pub(super) fn start_with(
        program: &Path,
        compiled: File,
        send: impl FnOnce(&UnixStream) -> std::io::Result<Option<Shared>>,
    ) -> Result<(Self, Link), Error> {
        let refused = |source| Error::Launch { program: program.to_owned(), source };
        let ends = Ends::make().map_err(refused)?;
        let offered = send(&ends.ours).map_err(refused)?;
        let process = spawn(program, compiled, ends.theirs, ends.words).map_err(refused)?;
        Ok(Self::of(process, ends.last_words, ends.ours, offered))
    }

    fn of(
        process: Option<Child>,
        words: PipeReader,
        stream: UnixStream,
        offered: Option<Shared>,
    ) -> (Self, Link) {
        let alive = Arc::new(Mutex::new(process));
        let own = Self { alive, last_words: Some(words), seen: Arc::default(), usage: None };
        (own, Link::new(Channel::new(stream, Side::Controller), offered))
    }

    /// Tells how much processor time this cell has used until now, as long as it
    /// lives.
    pub(crate) fn processor_time(&self) -> impl Fn() -> Duration + Send + Sync + 'static {
        let (alive, seen) = (Arc::clone(&self.alive), Arc::clone(&self.seen));
        move || time_of(&alive, &seen)
    }

    /// Has the kernel hold the whole process to the guest's limits and what a cell
    /// needs beside, should the engine's own counting ever be got around.
    pub(crate) fn bound_memory(&self, limits: &Limits) -> Wall {
        let name = MEMORY_BOUND.to_owned();
        let tables = limits.table_elements.saturating_mul(TABLE_ELEMENT_BYTES);
        let most = limits.memory_bytes.saturating_add(tables).saturating_add(OWN_MEMORY_BYTES);
        let bound = self.limit(Resource::Data, most, most).map_err(|errno| match errno {
            Errno::CHILD => "the cell has ended".to_owned(),
            errno => errno.to_string(),
        });
        Wall { name, active: bound.is_ok(), detail: bound.err().unwrap_or_default() }
    }

    /// Has the operating system end the cell when it has used so much processor
    /// time and two seconds more: the wall behind the controller's own watch. The
    /// signal says what for; whoever keeps it off is killed a second later. Where this
    /// process is held to less (`ulimit -t`), so is the cell, whatever its own limit.
    pub(crate) fn limit_processor_time(&self, limit: Option<Duration>) {
        let seconds = limit.map_or(u64::MAX, |limit| limit.as_secs().saturating_add(2));
        let held_to = getrlimit(Resource::Cpu).maximum;
        if limit.is_none() && held_to.is_none() {
            return;
        }
        // At the greater of the two it would be killed without the signal.
        let warned_at = held_to.map_or(u64::MAX, |most| most.saturating_sub(1));
        // Where that is refused, the first wall stands alone.
        let _ = self.limit(Resource::Cpu, seconds.min(warned_at), seconds.saturating_add(1));
    }

    /// Never above what this process is held to itself, from which the cell has it:
    /// only root may go beyond.
    fn limit(&self, resource: Resource, current: u64, maximum: u64) -> Result<(), Errno> {
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Rlimit { current: Some(current.min(most)), maximum: Some(maximum.min(most)) };
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        // Never without a number, which would mean this process; nor with one that is
        // perhaps a stranger's.
        let child = alive.as_ref().filter(|child| !child.has_ended()).ok_or(Errno::CHILD)?;
        prlimit(Some(child.number()), resource, limit).map(drop)
    }

    /// The number of the process, as long as it is not reaped.
    pub(super) fn number(&self) -> Option<Pid> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::number)
    }

    /// Something that can signal this cell from another thread.
    pub(crate) fn signaller(&self) -> Signaller {
        Signaller { alive: Arc::clone(&self.alive) }
    }

    /// Waits a moment for a cell that has said its last, then ends it.
    pub(crate) fn leave(&mut self) -> CellUsage {
        // Later it may be gone.
        time_of(&self.alive, &self.seen);
        if let Some(words) = &self.last_words {
            // The pipe closes with the process, so this waits for the exit
            // without a busy loop; what the cell says late is read by `end`.
            let mut waiting = [PollFd::new(words, PollFlags::empty())];
            let until = Instant::now() + LEAVE_TIME;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
                match poll(&mut waiting, Some(&timeout)) {
                    Err(rustix::io::Errno::INTR) => {}
                    Ok(1..) => {
                        self.await_end();
                        break;
                    }
                    _ => break,
                }
            }
        }
        self.end()
    }

    /// Waits a moment for a cell that has closed its stream to be dead, so that
    /// what ended it is known, then ends it.
    pub(crate) fn expire(&mut self) -> CellUsage {
        self.await_end();
        self.end()
    }

    /// Waits a moment for a process whose descriptors are closed already: what is
    /// left of its end takes microseconds, or the whole time if it goes on.
    fn await_end(&self) {
        let until = Instant::now() + EXPIRE_TIME;
        for attempt in 0.. {
            if self.has_ended() || Instant::now() >= until {
                return;
            }
            match attempt {
                0..100 => std::thread::yield_now(),
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    /// Whether the process has ended, by whatever it was, and only waits to be
    /// reaped.
    pub(crate) fn has_ended(&self) -> bool {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.as_ref().is_none_or(Child::has_ended)
    }

    /// Kills the cell if it still runs, reaps it, and says what it used.
    pub(crate) fn end(&mut self) -> CellUsage {
        self.end_by(Child::reap)
    }

    /// Does the same with a zygote, and with what it has forked that is still a part of
    /// it.
    pub(super) fn end_group(&mut self) -> CellUsage {
        self.end_by(Child::reap_group)
    }

    fn end_by(&mut self, reap: impl FnOnce(Child) -> std::io::Result<Reaped>) -> CellUsage {
        if let Some(usage) = &self.usage {
            return usage.clone();
        }
        let cpu = time_of(&self.alive, &self.seen);
        let mut usage = CellUsage { cpu, ..CellUsage::default() };
        // Taken out first: what is reaped is signalled no more.
        let child = self.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
        let had_ended = child.as_ref().is_none_or(Child::has_ended);
        if let Some(child) = &child {
            // Where no wall kept it from starting others, they are of its group.
            child.kill_group();
        }
        match child.map(reap) {
            Some(Ok(reaped)) => {
                usage.cpu = reaped.cpu;
                usage.peak_resident_bytes = reaped.peak_resident_bytes;
                // A signal that is not the controller's own came from elsewhere, whenever.
                let kill = Signal::KILL.as_raw();
                usage.signal = reaped.status.signal().filter(|signal| had_ended || *signal != kill);
                usage.code = reaped.status.code();
            }
            _ => usage.is_lost = had_ended,
        }
        if let Some(words) = self.last_words.take() {
            usage.last_words = printable(&String::from_utf8_lossy(&read_last_words(words)));
        }
        self.usage = Some(usage.clone());
        usage
    }
}

impl Drop for CellProcess {
    fn drop(&mut self) {
        self.end();
    }
}

/// The processor time that it has used until now; once it is gone, what it had used when
/// it was last asked for.
fn time_of(alive: &Mutex<Option<Child>>, seen: &AtomicU64) -> Duration {
    let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(time) = alive.as_ref().and_then(Child::processor_time) {
        // 64 bits hold six hundred years.
        seen.fetch_max(time.as_nanos() as u64, Ordering::Relaxed);
    }
    Duration::from_nanos(seen.load(Ordering::Relaxed))
}

/// The ends of what a cell and its controller talk through.
struct Ends {
    ours: UnixStream,
    theirs: UnixStream,
    last_words: PipeReader,
    words: PipeWriter,
}

impl Ends {
    fn make() -> std::io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let (last_words, words) = std::io::pipe()?;
        Ok(Self { ours, theirs, last_words, words })
    }
}

/// Starts the cell; see [`Child::spawn`].
fn spawn(
    program: &Path,
    compiled: File,
    stream: UnixStream,
    words: PipeWriter,
) -> std::io::Result<Option<Child>> {
    let mut command = Command::new(program);
    command
        .env_clear()
        .current_dir("/")
        // Three descriptors are all that a cell has, and all that it needs.
        .stdin(Stdio::from(OwnedFd::from(stream)))
        .stdout(Stdio::from(compiled))
        .stderr(Stdio::from(words))
        // A Ctrl-C at the terminal is for the controller, which decides.
        .process_group(0);
    Child::spawn(&mut command)
}

/// Offers memory to share to the cell that will be started on the other end. That
/// there is none, on this system or at this moment, is no fault: all goes over the
/// socket then.
fn offer_memory(socket: &UnixStream) -> Option<Shared> {
    let (memory, descriptor) = Shared::create().ok()?;
    let mut message = Vec::new();
    // It fits in 32 bits.
    ToCell::Offer { ring_bytes: RING_BYTES as u32 }.encode(&mut message).ok()?;
    send_descriptors(socket, &message, &[descriptor.as_fd()]).ok()?;
    Some(memory)
}

/// Signals a cell, as long as it lives.
#[derive(Clone, Debug)]
pub(crate) struct Signaller {
    alive: Arc<Mutex<Option<Child>>>,
}

impl Signaller {
    /// Sends the cell the signal that is the interrupt of this number. Whether it
    /// went off: those by which a process tells of its own faults do not, for the
    /// cell does not take them for interrupts.
    pub(crate) fn interrupt(&self, number: u8) -> bool {
        let own = [
            Signal::ILL,
            Signal::TRAP,
            Signal::ABORT,
            Signal::BUS,
            Signal::FPE,
            Signal::KILL,
            Signal::SEGV,
            Signal::STOP,
            Signal::XCPU,
            Signal::SYS,
        ];
        let signal = Signal::from_named_raw(number.into()).filter(|signal| !own.contains(signal));
        signal.is_some_and(|signal| self.send(signal))
    }

    /// Kills the cell.
    pub(crate) fn kill(&self) {
        self.send(Signal::KILL);
    }

    /// The process that there is still to signal.
    #[cfg(test)]
    pub(crate) fn number(&self) -> Option<Pid> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::number)
    }

    /// Whether there is one.
    #[cfg(test)]
    pub(crate) fn is_alive(&self) -> bool {
        self.number().is_some()
    }

    fn send(&self, signal: Signal) -> bool {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.as_ref().is_some_and(|child| child.signal(signal))
    }
}

/// What a cell that has ended left in its pipe.
fn read_last_words(words: PipeReader) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Without waiting: the cell is dead, but where no wall kept it from starting
    // others, one of them may hold the pipe open.
    if fcntl_setfl(&words, OFlags::NONBLOCK).is_ok() {
        // BOUND: a hostile cell may have filled the pipe; so much is kept.
        let _ = words.take(LAST_WORDS_BYTES).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that waits for more on its stream, as long as it can write away
    /// what comes first, the offer of memory.
    fn cat() -> (CellProcess, Link) {
        let module = File::options().write(true).open("/dev/null").expect("/dev/null");
        CellProcess::start(Path::new("/bin/cat"), module).expect("a process")
    }

    #[test]
    fn a_program_that_does_nothing_is_killed_and_reaped() {
        let (mut process, stream) = cat();
        let signaller = process.signaller();
        let usage = process.end();
        assert_eq!(usage.signal, None, "it was the controller that killed it");
        signaller.kill();
        drop(stream);
    }

    /// A program that computes for ever.
    fn busy() -> CellProcess {
        let module = File::options().write(true).open("/dev/null").expect("/dev/null");
        CellProcess::start(Path::new("/usr/bin/yes"), module).expect("a process").0
    }

    #[test]
    fn who_is_beyond_its_processor_time_is_told_what_it_ends_for() {
        let mut process = busy();
        process.limit_processor_time(Some(Duration::ZERO));
        let begun = Instant::now();
        while !process.has_ended() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
        let usage = process.end();
        assert_eq!(usage.signal, Some(Signal::XCPU.as_raw()));
        assert!(usage.cpu >= Duration::from_secs(1), "{:?}", usage.cpu);
    }

    #[test]
    fn a_signal_from_outside_is_told_from_the_controllers_own() {
        let (mut process, _stream) = cat();
        process.signaller().kill();
        assert_eq!(process.expire().signal, Some(9));
    }
}
