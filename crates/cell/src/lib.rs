//! The cell: a process that holds one guest and can touch nothing.
//!
//! It is started by a controller with three descriptors: 0 is the stream to the
//! controller, 1 the compiled module, 2 a pipe for the cell's own last words. It
//! lets the operating system take away what it can, loads the module, lets it take
//! away the rest, says hello, and runs the guest. Every call that the guest makes
//! goes to the controller (`link`); the cell knows none of them by name.
//!
//! Or it is a zygote: it loads the module once and forks such processes (`zygote`).
//!
//! It is a library for tests only, which put up other walls than the program
//! does. A controller starts the program and never links this.

mod calls;
mod heap;
mod interrupt;
mod link;
#[cfg(target_os = "linux")]
mod zygote;

use bellglass_channel::Shared;
use bellglass_engine::{
    Ending, EndsGuest, EngineError, Interruption, Interrupts, NATIVE_STACK_BYTES, Program,
};
use bellglass_wire::{FromCell, GuestLimits, PROTOCOL_VERSION, Pages, Wall};
use link::{First, Link, LinkError, SharedLink};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::hash::RandomState;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Native stack beyond the guest's share, for the cell's own functions.
const OWN_STACK_BYTES: usize = 1 << 20;

/// Bytes of address space that a cell has beside what its guest's memories take: for
/// tables, frames, and the allocator, which takes more than it uses.
const OWN_ADDRESS_BYTES: u64 = 4 << 30;

/// How often a guest is reminded of an interrupt that it has not taken.
const REMINDER: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// The exit code of a cell with a bug.
const PANICKED: i32 = 101;

pub use bellglass_cage::policy::GUEST as POLICY;
use bellglass_cage::policy::Rule;
pub use heap::Heap;

/// The program's name and version, for people.
pub fn version() -> String {
    format!("bellglass-cell {} (protocol {PROTOCOL_VERSION})", env!("CARGO_PKG_VERSION"))
}

/// Is a cell until the guest or the controller has ended. The system calls that
/// `rules` allow are those of the running guest; the program says [`POLICY`].
pub fn run(rules: &'static [Rule]) -> ExitCode {
    // What the controller blocks or ignores is its own affair; what is forked from a
    // zygote has this from it.
    bellglass_fork::take_all_signals();
    let walls = bellglass_cage::enter();
    keep_memory();
    end_at_panics();
    let interrupts = interrupt::install();
    let cell = match open(walls) {
        Ok(cell) => cell,
        Err(error) => {
            say(&error);
            return ExitCode::FAILURE;
        }
    };
    let shared = Arc::clone(&interrupts);
    // The guest runs on a thread of its own because only there the stack can be
    // as large as the engine promises. That leaves this one to watch for what a
    // guest that only computes would never see: the end of the controller, and
    // interrupts that it has lost.
    let guest = std::thread::Builder::new()
        .stack_size(NATIVE_STACK_BYTES + OWN_STACK_BYTES)
        .spawn(move || leave(i32::from(serve(cell, rules, interrupts).inspect_err(say).is_err())));
    if let Err(error) = guest {
        say(&LinkError::Stream(error));
        return ExitCode::FAILURE;
    }
    STARTED.store(true, Ordering::Release);
    watch_controller(&shared);
    leave(1)
}

/// What a cell has before its guest's thread starts.
struct Cell {
    walls: Vec<Wall>,
    /// The memory that it was offered, if any.
    offered: Option<Shared>,
    /// What was loaded before this process was forked.
    forked: Option<Forked>,
}

/// What a cell has from its zygote.
struct Forked {
    program: Program,
    /// The pages that its guest will write to.
    written: Vec<Pages>,
}

/// Looks for what the controller has sent. If it wants a zygote, this process is one
/// from now on, and this returns in the cells that it forks.
///
/// Nothing is kept that grows later: that is for the guest's thread to make, whose
/// heap is not that of this one, which grows by a system call of its own (brk).
fn open(walls: Vec<Wall>) -> Result<Cell, LinkError> {
    let link = || duplicate(&std::io::stdin()).map(Link::new);
    let mut first = link()?;
    let written = match first.look()? {
        First::Offer(offered) => return Ok(Cell { walls, offered, forked: None }),
        First::Zygote { written } => written,
    };
    #[cfg(target_os = "linux")]
    {
        let program = load(&mut first)?;
        // SAFETY: no thread has been started yet.
        unsafe { zygote::serve(first, &program)? };
        let walls = bellglass_cage::enter_forked(&walls);
        match link()?.look()? {
            First::Zygote { .. } => Err(LinkError::Refused("a forked cell is to fork")),
            First::Offer(offered) => Ok(Cell { walls, offered, forked: Some(Forked { program, written }) }),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        drop(written);
        first.fail("this system cannot fork cells".to_owned())
    }
}

fn load(link: &mut Link) -> Result<Program, LinkError> {
    let compiled = File::from(duplicate(&std::io::stdout())?);
    // SAFETY: the controller opened the compiled module in an image that it
    // found in the user's own store; the cell trusts its controller with that.
    match unsafe { Program::load(compiled, Interruption::Kill) } {
        Ok(program) => Ok(program),
        Err(error) => link.fail(error.to_string()),
    }
}

/// Ends the process with nothing taken down first: the standard library would
/// want to undo what it did for its signal handlers, which a locked-down process
/// cannot, and everything goes away with the process anyway.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: it only ends the process; no output is buffered in it.
    unsafe { libc::_exit(code) }
}

/// Keeps glibc's allocator from giving memory of a thread back in small pieces: it
/// would read a file of the kernel's first, for which the last walls end the
/// process. Other allocators do not.
fn keep_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets one number of the allocator's, before any other thread runs.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}

/// Set by the first thread when nothing but watching is left for it to do: until
/// then it makes system calls of its own (starting a thread takes several), which
/// the last walls would end the process for.
static STARTED: AtomicBool = AtomicBool::new(false);

/// A panic is a bug of the cell. It must not leave the process standing without
/// its guest, for its controller would wait for it until the deadline.
fn end_at_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        leave(PANICKED);
    }));
}

fn say(error: &LinkError) {
    eprintln!("bellglass-cell: {error}");
}

/// Returns when the controller's end of the stream is closed.
fn watch_controller(interrupts: &Interrupts) {
    let stdin = std::io::stdin();
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    loop {
        let mut waiting = [PollFd::new(&stdin, PollFlags::RDHUP)];
        let timeout = interrupts.is_untaken().then_some(&REMINDER);
        match poll(&mut waiting, timeout) {
            Ok(_) if waiting[0].revents().intersects(gone) => return,
            Ok(_) => interrupt::set_again(interrupts),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Has the thread's heap grow to what loading a module takes, in a few steps: by
/// itself it would grow a page at a time, and each step is a system call.
fn grow_heap() {
    // Larger pieces would not come from the heap.
    let pieces: [Vec<u8>; 8] = std::array::from_fn(|_| Vec::with_capacity(96 << 10));
    drop(std::hint::black_box(pieces));
}

fn serve(cell: Cell, rules: &[Rule], interrupts: Arc<Interrupts>) -> Result<(), LinkError> {
    let Cell { mut walls, offered, forked } = cell;
    // Not a copy: the last walls allow reading from this descriptor only.
    // SAFETY: it is the stream, and is never closed: the link that has it is not
    // dropped, for the process ends here.
    let stream = unsafe { OwnedFd::from_raw_fd(std::io::stdin().as_raw_fd()) };
    let link = ManuallyDrop::new(SharedLink::new(Link::new(stream), Arc::clone(&interrupts)));
    grow_heap();
    // The standard library asks for random numbers at a thread's first hash table.
    std::hint::black_box(RandomState::new());
    let (program, written) = match forked {
        Some(Forked { program, written }) => (program, written),
        None => (load(&mut link.lock())?, Vec::new()),
    };
    // Neither is ever dropped: a running cell may not close anything, and it ends.
    let program = ManuallyDrop::new(program);
    if let Err(error) = program.prepare() {
        return link.lock().fail(error.to_string());
    }
    while !STARTED.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
    // From here on nothing can be opened, started or made executable.
    let address_bytes = program.address_bytes().saturating_add(OWN_ADDRESS_BYTES);
    walls.extend(bellglass_cage::lock_down(rules, address_bytes));
    let ready = |limits: Option<GuestLimits>| {
        program.ready(Box::new(SharedLink::clone(&link)), Some(Arc::clone(&interrupts)), limits)
    };
    // A controller may take a while to say what is to run, and waits once it has. But
    // a module may have code that runs when its guest is made, and limits come first:
    // only a snapshot, which has pages that it writes to, has none.
    let early = match written.is_empty() {
        true => None,
        false => match ready(None) {
            Ok(mut guest) => {
                guest.touch(&written);
                Some(guest)
            }
            Err(error) => return link.lock().fail(error.to_string()),
        },
    };
    let signatures = program.signatures().to_vec();
    let settings = link.lock().greet(signatures, walls, offered, Arc::clone(&interrupts))?;
    let guest = early.map_or_else(|| ready(Some(settings.limits)), Ok);
    match guest.and_then(|guest| guest.run(&settings)) {
        Err(EngineError::BeyondLimits { memory_bytes, table_elements }) => {
            link.lock().send(&FromCell::NoRoom { memory_bytes, table_elements })
        }
        Err(error) => link.lock().fail(error.to_string()),
        Ok((ending, usage)) => link.lock().send(&match ending {
            Ending::Returned { results } => FromCell::Returned { results, usage },
            Ending::Ended => FromCell::Ended { usage },
            Ending::Interrupted { number } => interrupt::leave(EndsGuest { number }),
            Ending::Trapped { kind, message, backtrace } => {
                FromCell::Trapped { kind, message, backtrace, usage }
            }
        }),
    }
}

fn duplicate(stream: &impl AsFd) -> std::io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}
