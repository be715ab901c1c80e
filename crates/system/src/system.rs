//! The virtual machine of one run.

use crate::descriptors::Descriptors;
use crate::event_signals::PendingSignals;
use crate::files::{Creation, Dentry, Device, Jump, Last, OpenOptions, Opened, Resolved, walk};
use crate::host::{Host, SavedTerminal};
use crate::information::Texts;
use crate::linux::NullIsNothing;
use crate::local::Sockets;
use crate::meter::Meter;
use crate::named_pipe::NamedPipes;
use crate::object::{Object, Position};
use crate::policy::{Permission, Policy, Unsupported};
use crate::process::Process;
use crate::pty::{Controlling, Terminals};
use crate::stdio::{Budget, OwnStream};
use crate::table::{self, Ending, Family, Row, Support};
use crate::waiter::ProcessorTime;
use crate::wasi::PREOPENED;
use crate::{Answer, Call, Errno, Fault, LimitKind, Stop, pieces};
use bellglass_wire::Signature;
use std::sync::Arc;
use std::time::Duration;

/// What was opened, and the name by which it was.
pub(crate) type NamedObject = (Arc<dyn Object>, Option<Arc<Dentry>>);

/// The virtual machine that one guest sees: its files, clocks, randomness,
/// standard streams and identity. Made by [`System::builder`].
pub struct System {
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) environment: Vec<Vec<u8>>,
    pub(crate) descriptors: Descriptors,
    pub(crate) root: Arc<Dentry>,
    /// The terminal that the run was lent, both ways.
    pub(crate) lent_terminal: Option<Arc<dyn Object>>,
    pub(crate) host: Host,
    pub(crate) processor_time: ProcessorTime,
    pub(crate) identity: Identity,
    pub(crate) process: Process,
    pub(crate) umask: u32,
    /// Where the program stands; not looked for before it is asked for.
    pub(crate) standing: Option<Arc<Dentry>>,
    /// Whether the program has begun as one of Linux.
    pub(crate) is_linux: bool,
    /// Where it started, as its owner said.
    pub(crate) working_directory: Vec<u8>,
    /// Whether the paths of WASI stay beneath the directories of their descriptors.
    pub(crate) confined: bool,
    pub(crate) terminal: SavedTerminal,
    pub(crate) terminals: Terminals,
    pub(crate) memory_limit: Option<u64>,
    /// Bytes of the guest's memory at its last call.
    pub(crate) memory_bytes: u64,
    /// What the run may do.
    pub(crate) policy: Arc<Policy>,
    /// The permission that the last call lacked: see [`System::lacks`].
    pub(crate) missing: Option<Permission>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) sleeps: Sleeps,
    pub(crate) texts: Texts,
    pub(crate) pending_signals: Arc<PendingSignals>,
    pub(crate) sockets: Sockets,
    pub(crate) pipes: NamedPipes,
    /// What was refused for want of room.
    pub(crate) refused: Shortage,
}

/// What a run was refused because a limit of its system was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shortage {
    /// More open files: EMFILE.
    pub open_files: bool,
    /// More space, or more files: ENOSPC.
    pub file_space: bool,
}

/// How long a program may sleep.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sleeps {
    /// In all.
    pub limit: Option<Duration>,
    /// At once.
    pub longest: Option<Duration>,
    /// How long it has slept.
    pub slept: Duration,
}

impl Sleeps {
    /// How much of a sleep may be slept.
    ///
    /// # Errors
    /// [`Stop::Limit`] if it may not even begin.
    pub(crate) fn allow(&self, wanted: Duration) -> Result<Duration, Stop> {
        if let Some(limit) = self.longest
            && wanted > limit
        {
            return Err(Stop::Limit(LimitKind::Sleep.after(limit)));
        }
        Ok(self.limit.map_or(wanted, |limit| wanted.min(limit.saturating_sub(self.slept))))
    }

    /// Counts what was slept of what was wanted.
    ///
    /// # Errors
    /// [`Stop::Limit`] if it wanted more than there was left.
    pub(crate) fn spend(&mut self, slept: Duration) -> Result<(), Stop> {
        self.slept = self.slept.saturating_add(slept);
        match self.limit {
            Some(limit) if self.slept > limit => Err(Stop::Limit(LimitKind::Sleep.after(limit))),
            _ => Ok(()),
        }
    }
}

/// Who the guest's program is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
    /// The user's name.
    pub user_name: String,
    /// The home directory, which is writable and in memory.
    pub home: String,
    /// The process's number.
    pub process: u32,
    /// The number of the process that started it.
    pub parent_process: u32,
    /// The name of the machine.
    pub host_name: String,
    /// How many processors the machine says it has, from 1 to
    /// [`Identity::PROCESSORS`]; beyond that it says the nearest. A program still
    /// has one thread: what it may use of a real processor is for the limits to say.
    pub processors: u32,
}

impl Identity {
    /// The greatest number of processors.
    // BOUND: /proc describes each in some 80 bytes.
    pub const PROCESSORS: u32 = 4096;

    /// What the kernel calls itself; programs compare its numbers with those of Linux.
    pub(crate) const RELEASE: &str = "6.1.0-bellglass";

    /// Which build of the kernel it is.
    pub(crate) const VERSION: &str = concat!("#1 Bellglass ", env!("CARGO_PKG_VERSION"));

    /// What the processor is.
    pub(crate) const MACHINE: &str = "wasm32";

    pub(crate) fn processors(&self) -> u32 {
        self.processors.clamp(1, Self::PROCESSORS)
    }
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            user: 1000,
            group: 1000,
            user_name: "user".to_owned(),
            home: "/home/user".to_owned(),
            process: 2,
            parent_process: 1,
            host_name: "bellglass".to_owned(),
            processors: 1,
        }
    }
}

impl System {
    /// Answers a call that has no other handler.
    ///
    /// # Errors
    /// [`Ending`] if the run must end here.
    pub fn answer(&mut self, call: &mut Call<'_>) -> Result<Answer, Ending> {
        match table::lookup(call.signature) {
            Some(row) => self.answer_row(row, call),
            None => table::settle(call.signature, Err(self.unsupported(call.signature))),
        }
    }

    /// What becomes of a call that nothing answers.
    pub fn unsupported(&self, signature: &Signature) -> Fault {
        match self.policy.unsupported {
            Unsupported::Errno => Errno::NOSYS.into(),
            Unsupported::Stop => {
                Stop::Refused { reason: format!("nothing answers the call {signature}") }.into()
            }
        }
    }

    /// Answers a call of which the row is known already.
    ///
    /// # Errors
    /// [`Ending`] if the run must end here.
    pub fn answer_row(&mut self, row: &Row, call: &mut Call<'_>) -> Result<Answer, Ending> {
        self.memory_bytes = call.memory.size();
        let result = match row.support {
            Support::Refused(errno) => Err(errno.into()),
            Support::Needs(permission, errno) if !self.policy.grants(permission) => {
                Err(self.lacks(permission, errno))
            }
            Support::Full | Support::Partial | Support::Needs(..) => {
                let (result, stop) = pieces::work_for(call.waiter, || self.handle(row, call));
                // Whatever became of the call, the run must end.
                stop.map_or(result, |stop| Err(stop.into()))
            }
        };
        match result {
            Err(Fault::Errno(Errno::MFILE | Errno::NFILE)) => self.refused.open_files = true,
            // A device that is always full is no limit.
            Err(Fault::Errno(Errno::NOSPC)) if !self.is_device(call.u32(0)) => self.refused.file_space = true,
            _ => {}
        }
        table::settle(call.signature, result)
    }

    fn handle(&mut self, row: &Row, call: &mut Call<'_>) -> Result<Answer, Fault> {
        if row.family != Family::Linux {
            return (row.handler)(self, call);
        }
        let Call { signature, arguments, ref mut memory, waiter, meter } = *call;
        let mut memory = NullIsNothing(&mut **memory);
        (row.handler)(self, &mut Call { signature, arguments, memory: &mut memory, waiter, meter })
    }

    /// What the run may do.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// How a call fails whose permission the policy does not grant. Which that was is
    /// kept, for the trace and the report to say.
    pub(crate) fn lacks(&mut self, permission: Permission, errno: Errno) -> Fault {
        self.missing = Some(permission);
        errno.into()
    }

    /// The permission that was missing in the call that was answered last, if it was
    /// refused for that.
    pub fn take_missing(&mut self) -> Option<Permission> {
        self.missing.take()
    }

    /// How many descriptors the guest has open.
    pub fn open_descriptors(&self) -> usize {
        self.descriptors.open()
    }

    fn is_device(&self, descriptor: u32) -> bool {
        let descriptor = self.descriptors.get(descriptor);
        descriptor.is_ok_and(|descriptor| descriptor.description.position == Some(Position::Ignored))
    }

    /// What was refused because a limit was reached.
    pub fn refused(&self) -> Shortage {
        self.refused
    }

    /// Bytes that standard output and error have written together.
    pub fn output_bytes(&self) -> u64 {
        self.budget.written()
    }

    /// What is kept for the guest.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Where the program stands: at first where its owner said, or at the root if there is
    /// no such directory.
    pub(crate) fn standing(&mut self) -> Arc<Dentry> {
        if let Some(standing) = &self.standing {
            return Arc::clone(standing);
        }
        let found = match walk(&self.root, &self.root, &self.working_directory, Last::Follow) {
            Ok(Resolved::Directory { place }) => place.hold().ok(),
            _ => None,
        };
        let standing = found.unwrap_or_else(|| Arc::clone(&self.root));
        self.stand(Arc::clone(&standing));
        standing
    }

    /// Makes another directory the one where the program stands.
    pub(crate) fn stand(&mut self, standing: Arc<Dentry>) {
        self.descriptors.process().stand(&standing, &self.root);
        self.standing = Some(standing);
    }

    /// Opens a file that a path led to, to write to it.
    pub(crate) fn open_to_write(&self, found: &Resolved) -> Result<Arc<dyn Object>, Errno> {
        let options = OpenOptions {
            read: false,
            write: true,
            creation: Creation::Existing,
            truncate: false,
            permissions: 0,
        };
        match found {
            Resolved::Directory { .. } => Err(Errno::ISDIR),
            Resolved::Entry { parent, name, .. } => {
                self.object(parent.directory().open(name, &options)?, &options)
            }
            Resolved::Open(jump) => Ok(self.reopen(jump, &options)?.0),
            Resolved::Missing { .. } => Err(Errno::NOENT),
        }
    }

    /// Begins as a program of Linux: it has the three standard streams and nothing else
    /// open, and stands where its owner said.
    pub(crate) fn begin_as_linux(&mut self) {
        if !std::mem::replace(&mut self.is_linux, true) {
            // What WASI calls preopened; its number is free for what is opened next.
            let _ = self.descriptors.close(PREOPENED);
            self.standing();
        }
    }

    /// Opens once more what a link of /proc leads to, which is no directory: the object,
    /// and the name by which it was opened.
    ///
    /// Nobody gets more access so than was opened before, but to what is open only to be
    /// named: that is opened by its name, as anybody may do. EACCES.
    pub(crate) fn reopen(&self, jump: &Jump, options: &OpenOptions) -> Result<NamedObject, Errno> {
        let (_, description) = jump.open().ok_or(Errno::ISDIR)?;
        let path = description.path.clone();
        if let Some(unopened) = description.object.unopened() {
            return Ok((self.object(unopened.open(options)?, options)?, path));
        }
        let writes = options.write || options.truncate;
        // A pipe has one file for both of its ends.
        let is_pipe = description.object.pipe().is_ok();
        if !is_pipe && (options.read && !description.readable || writes && !description.writable) {
            return Err(Errno::ACCES);
        }
        let object = Arc::clone(&description.object).reopen([options.read, options.write])?;
        if options.truncate && object.position() == Ok(Position::Kept) {
            object.set_size(0)?;
        }
        Ok((object, path))
    }

    /// What opening gave, as descriptors hold it.
    pub(crate) fn object(&self, opened: Opened, how: &OpenOptions) -> Result<Arc<dyn Object>, Errno> {
        match opened {
            Opened::Pipe(file) => {
                let clock = Arc::clone(&self.host.clock);
                Ok(Arc::new(self.pipes.open(file, [how.read, how.write], &self.meter, clock)?))
            }
            Opened::File(file) => Ok(file.into_object()),
            Opened::Device(device) => self.open_device(device),
            Opened::Stream(stream) => Ok(Arc::new(OwnStream(stream))),
        }
    }

    fn open_device(&self, device: Device) -> Result<Arc<dyn Object>, Errno> {
        Ok(match device {
            Device::Terminal => match self.terminals.controlling() {
                Controlling::Lent => Arc::clone(self.lent_terminal.as_ref().ok_or(Errno::NXIO)?),
                Controlling::Pseudo(number) => self.terminals.open_slave(number)?,
                // As Linux answers a process without a terminal.
                Controlling::None => return Err(Errno::NXIO),
            },
            Device::PseudoTerminals => self.terminals.open_master(&self.meter)?,
            Device::PseudoTerminal(number) => self.terminals.open_slave(number)?,
            Device::Information(information) => crate::information::open(self, information)?.into_object(),
            device => Arc::new(device),
        })
    }
}
