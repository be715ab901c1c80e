//! What a program may change of its own process: its name, its place in the scheduler, its
//! limits. There is one process, in one group and session of its own, and one thread.

use crate::{Errno, Identity, Signal, Waiter};

/// The scheduler's policies.
pub(crate) mod policy {
    pub(crate) const ORDINARY: u32 = 0;
    pub(crate) const FIRST_IN_FIRST_OUT: u32 = 1;
    pub(crate) const ROUND_ROBIN: u32 = 2;
    pub(crate) const BATCH: u32 = 3;
    pub(crate) const IDLE: u32 = 5;
    pub(crate) const DEADLINE: u32 = 6;
}

/// Bytes of a name, without the zero byte behind it.
pub(crate) const NAME_BYTES: usize = 15;

/// Nanoseconds by which a sleep may be late.
pub(crate) const SLACK: u32 = 50_000;

/// What the program has changed of its process.
pub(crate) struct Process {
    /// The name that it has given itself.
    // BOUND: NAME_BYTES.
    pub name: Option<Vec<u8>>,
    /// The signal that it wants when its parent ends, which never does.
    pub death_signal: u8,
    pub dumpable: bool,
    pub keeps_capabilities: bool,
    pub no_new_privileges: bool,
    pub reaps_orphans: bool,
    pub no_huge_pages: bool,
    pub slack: u32,
    pub personality: u32,
    /// From -20, the first to be served, to 19.
    pub nice: i32,
    /// See [`policy`].
    pub policy: u32,
    /// Whether a child would begin with the ordinary policy.
    pub resets_on_fork: bool,
    /// As ioprio_set has it.
    pub io_priority: u32,
    /// The processors that it may run on, a bit each; the lowest first.
    // BOUND: as many as the machine has, PROCESSORS at most.
    pub affinity: Vec<u8>,
    pub limits: Limits,
}

impl Process {
    pub(crate) fn new(identity: &Identity, limits: Limits) -> Self {
        Self {
            name: None,
            death_signal: 0,
            dumpable: true,
            keeps_capabilities: false,
            no_new_privileges: false,
            reaps_orphans: false,
            no_huge_pages: false,
            slack: SLACK,
            personality: 0,
            nice: 0,
            policy: policy::ORDINARY,
            resets_on_fork: false,
            io_priority: 0,
            affinity: all_processors(identity),
            limits,
        }
    }

    /// The processor that it runs on: the first that it may.
    pub(crate) fn processor(&self) -> u32 {
        let byte = self.affinity.iter().position(|byte| *byte != 0).unwrap_or(0);
        let bit = self.affinity.get(byte).map_or(0, |bits| bits.trailing_zeros());
        byte as u32 * 8 + bit
    }

    /// Whether the limits let it be served so early.
    pub(crate) fn may_be_nice(&self, nice: i32) -> bool {
        let [early, _] = self.limits.of(Resource::Nice);
        u64::from(20i32.saturating_sub(nice).unsigned_abs()) <= early
    }
}

/// A bit for each processor of the machine, in words of 32 bits.
pub(crate) fn all_processors(identity: &Identity) -> Vec<u8> {
    let count = identity.processors() as usize;
    let mut mask = vec![0; count.div_ceil(32) * 4];
    for processor in 0..count {
        mask[processor / 8] |= 1 << (processor % 8);
    }
    mask
}

/// What a limit is of, by Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    ProcessorTime,
    FileSize,
    Data,
    Stack,
    Core,
    Resident,
    Processes,
    OpenFiles,
    Locked,
    AddressSpace,
    Locks,
    Signals,
    Messages,
    Nice,
    RealTimePriority,
    RealTime,
}

impl Resource {
    pub(crate) const ALL: [Self; 16] = [
        Self::ProcessorTime,
        Self::FileSize,
        Self::Data,
        Self::Stack,
        Self::Core,
        Self::Resident,
        Self::Processes,
        Self::OpenFiles,
        Self::Locked,
        Self::AddressSpace,
        Self::Locks,
        Self::Signals,
        Self::Messages,
        Self::Nice,
        Self::RealTimePriority,
        Self::RealTime,
    ];

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// No limit.
pub(crate) const INFINITY: u64 = u64::MAX;

/// The most open files that a limit may be of.
const OPEN_FILES: u64 = 1 << 20;

/// The limits of a process: what holds now, and up to what the program may raise it.
#[derive(Clone, Debug)]
pub(crate) struct Limits([[u64; 2]; 16]);

impl Limits {
    /// Those of a run: bytes of memory, open files, seconds of processor time.
    pub(crate) fn new(memory: Option<u64>, open_files: usize, seconds: Option<u64>) -> Self {
        let memory = memory.unwrap_or(INFINITY);
        let both = |resource| match resource {
            Resource::ProcessorTime => [seconds.unwrap_or(INFINITY); 2],
            Resource::Data | Resource::AddressSpace => [memory; 2],
            Resource::Stack => [8 << 20, INFINITY],
            Resource::Core | Resource::Nice | Resource::RealTimePriority | Resource::Messages => [0; 2],
            Resource::Processes => [1; 2],
            Resource::OpenFiles => [open_files as u64; 2],
            Resource::Locked => [8 << 20; 2],
            Resource::Signals => [crate::waiter::MOST_TIMERS as u64; 2],
            Resource::FileSize | Resource::Resident | Resource::Locks | Resource::RealTime => [INFINITY; 2],
        };
        Self(Resource::ALL.map(both))
    }

    /// What holds, and up to what it may be raised.
    pub(crate) fn of(&self, resource: Resource) -> [u64; 2] {
        self.0[resource as usize]
    }

    /// That of the size of files.
    pub(crate) fn file_size(&self) -> FileSizeLimit {
        FileSizeLimit(self.of(Resource::FileSize)[0])
    }

    /// All of them as /proc tells them: the name, what holds, up to what it may be raised, if
    /// there is a limit, and the unit.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static str, [Option<u64>; 2], &'static str)> {
        let told = |limit| Some(limit).filter(|limit| *limit != INFINITY);
        NAMES.into_iter().zip(self.0).map(move |((name, unit), both)| (name, both.map(told), unit))
    }

    /// EINVAL for more than it may be raised to, EPERM for a greater such limit than before.
    pub(crate) fn set(&mut self, resource: Resource, wanted: [u64; 2]) -> Result<(), Errno> {
        let [current, most] = wanted;
        let own = &mut self.0[resource as usize];
        if current > most {
            return Err(Errno::INVAL);
        }
        if resource == Resource::OpenFiles && most > OPEN_FILES || most > own[1] {
            return Err(Errno::PERM);
        }
        *own = wanted;
        Ok(())
    }
}

/// Up to what size the program may make its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileSizeLimit(u64);

impl FileSizeLimit {
    /// How many of `length` bytes may be written from `start` on. If that is none, the program
    /// gets SIGXFSZ, and EFBIG.
    pub(crate) fn allow(
        self,
        waiter: &Waiter,
        start: impl FnOnce() -> Result<u64, Errno>,
        length: u64,
    ) -> Result<u64, Errno> {
        if self.0 == INFINITY || length == 0 {
            return Ok(length);
        }
        match self.0.saturating_sub(start()?) {
            0 => Err(Self::meet(waiter)),
            room => Ok(room.min(length)),
        }
    }

    /// Whether a file may grow to this size from what it has. If not, the program gets SIGXFSZ,
    /// and EFBIG.
    pub(crate) fn allow_size(
        self,
        waiter: &Waiter,
        before: impl FnOnce() -> Result<u64, Errno>,
        size: u64,
    ) -> Result<(), Errno> {
        if size > self.0 && size > before()? { Err(Self::meet(waiter)) } else { Ok(()) }
    }

    fn meet(waiter: &Waiter) -> Errno {
        waiter.signal(Signal::FILE_SIZE_LIMIT);
        Errno::FBIG
    }
}

/// How /proc calls the limits, and what each is told in.
const NAMES: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_lowered_and_raised_up_to_the_hard_one() {
        let mut limits = Limits::new(Some(1 << 28), 100, Some(7));
        assert_eq!(limits.of(Resource::AddressSpace), [1 << 28; 2]);
        assert_eq!(limits.of(Resource::ProcessorTime), [7; 2]);
        assert_eq!(limits.set(Resource::OpenFiles, [50, 100]), Ok(()));
        assert_eq!(limits.set(Resource::OpenFiles, [60, 80]), Ok(()));
        assert_eq!(limits.set(Resource::OpenFiles, [60, 81]), Err(Errno::PERM));
        assert_eq!(limits.set(Resource::OpenFiles, [81, 80]), Err(Errno::INVAL));
        assert_eq!(limits.set(Resource::OpenFiles, [80, 80]), Ok(()));
        assert_eq!(limits.of(Resource::OpenFiles), [80; 2]);
        for (resource, number) in Resource::ALL.into_iter().zip(0..) {
            assert_eq!((resource as u32, Resource::from_number(number)), (number, Some(resource)));
        }
    }

    #[test]
    fn a_process_runs_on_the_first_processor_that_it_may() {
        let identity = Identity { processors: 40, ..Identity::default() };
        let mut process = Process::new(&identity, Limits::new(None, 1, None));
        assert_eq!(
            (process.affinity.as_slice(), process.processor()),
            (&[255, 255, 255, 255, 255, 0, 0, 0][..], 0)
        );
        process.affinity = vec![0, 0, 0, 0, 16, 0, 0, 0];
        assert_eq!(process.processor(), 36);
    }
}
