//! Making a system: what the user allows, and the tree that comes of it.

use crate::clock::Clock;
use crate::descriptors::{Description, Descriptor, Descriptors};
use crate::files::{
    ArchiveError, BytesFile, Dentry, DescriptorDirectory, Device, Directory, File, Found, Graft, Handles,
    Held, Last, MemoryTree, OpenDirectory, PackDirectory, ProcessFiles, ProcessLink, Quota, Resolved, Shows,
    Timestamp, ZONES, ZoneDirectory, compose, devices, walk,
};
use crate::host::{Host, SavedTerminal};
use crate::information::{Information, Texts};
use crate::local::Sockets;
use crate::meter::{BESIDE_FILES, Meter};
use crate::mount::Mount;
use crate::named_pipe::NamedPipes;
use crate::policy::{FileAccess, FileGrant, FileSource, Policy, Unsupported};
use crate::process::{Limits, Process};
use crate::pty::{PseudoDirectory, Terminals};
use crate::random::Random;
use crate::stdio::{Budget, Input, Output, Standard, Streams};
use crate::system::{Identity, Shortage, Sleeps, System};
use crate::waiter::ProcessorTime;
use crate::{Errno, Waiter, pieces};
use bellglass_pack::Pack;
use bellglass_wire::Signature;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a system could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// A file or directory of the host cannot be opened for a mount.
    #[error("cannot mount {}: {source}", path.display())]
    Host {
        /// Which.
        path: PathBuf,
        /// What the host said.
        source: std::io::Error,
    },
    /// What is to be mounted is the kernel's own: see [`Mount::allow_kernel_files`].
    #[error(
        "cannot mount {}: it lies in the kernel's own file system {kind}, through which the program would \
         reach the process that answers it; mount a copy of the files that it needs",
        path.display()
    )]
    KernelFiles {
        /// Which; the guest's path of a directory that was open already.
        path: PathBuf,
        /// The kind of file system.
        kind: &'static str,
    },
    /// A file of the host cannot be shown as an archive.
    #[error("cannot mount the archive {}: {reason}", path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: ArchiveError,
    },
    /// A mount's path in the guest is no absolute path without `.` and `..`.
    #[error("'{path}' cannot be a mount's path in the guest: write an absolute path without '.' and '..'")]
    GuestPath {
        /// The path.
        path: String,
    },
    /// Mounts cannot be put one in the other in this way.
    #[error("cannot mount at '{path}': {errno}")]
    Mount {
        /// The path in the guest.
        path: String,
        /// What is wrong.
        errno: Errno,
    },
    /// A mount at the root would hide what the image itself needs.
    #[error(
        "cannot mount at '/': the image's own files are there, and its program does not run without them"
    )]
    Root,
    /// The working directory is not there, or is none.
    #[error("cannot begin in the working directory '{path}': {errno}")]
    WorkingDirectory {
        /// The path in the guest.
        path: String,
        /// What is wrong with it.
        errno: Errno,
    },
    /// An argument or a variable holds a zero byte, which C strings cannot.
    #[error("{what} holds a zero byte")]
    ZeroByte {
        /// Which.
        what: String,
    },
    /// What is there from the start is more than may be kept for the program.
    #[error("what the program begins with takes more than the {limit} bytes that may be kept for it")]
    ControllerMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The arguments and the environment are too long together.
    #[error("the arguments and the environment take {bytes} bytes, above the limit of {limit}")]
    TooLong {
        /// What they take.
        bytes: usize,
        /// What they may take.
        limit: usize,
    },
}

/// Where C libraries keep memory that has a name: `shm_open` makes files there.
const SHARED_MEMORY: &[u8] = b"/dev/shm";

/// Where programs put what is to stay longer than what they put in /tmp: as long as the run.
const LASTING: &[u8] = b"/var/tmp";

/// Bytes of arguments and environment together; far above what any program
/// needs, and within what a guest's stack and memory hold.
const ARGUMENT_BYTES: usize = 8 << 20;

/// Collects what a [`System`] is made of. Nothing that is not given here reaches
/// the guest: no argument, no variable, no file of the host.
pub struct SystemBuilder {
    arguments: Vec<Vec<u8>>,
    /// What is allowed, but for the trees, which are in `mounts`.
    policy: Policy,
    working_directory: Option<Vec<u8>>,
    input: Input,
    output: Output,
    error: Output,
    mounts: Vec<Mount>,
    base: Option<Arc<Pack>>,
    host: Host,
    processor_time: Option<ProcessorTime>,
    processor_limit: Option<Duration>,
    identity: Identity,
    output_limit: Option<u64>,
    open_files: usize,
    file_bytes: u64,
    file_count: u64,
    controller_bytes: Option<u64>,
    memory_limit: Option<u64>,
    sleeps: Sleeps,
    set_up_for: Option<Waiter>,
    confined: bool,
}

impl System {
    /// A builder for a system that has nothing yet.
    pub fn builder() -> SystemBuilder {
        SystemBuilder {
            arguments: Vec::new(),
            policy: Policy::default(),
            working_directory: None,
            input: Input::default(),
            output: Output::default(),
            error: Output::default(),
            mounts: Vec::new(),
            base: None,
            host: Host::native(),
            processor_time: None,
            processor_limit: None,
            identity: Identity::default(),
            output_limit: None,
            open_files: 1024,
            file_bytes: 256 << 20,
            file_count: 1 << 16,
            controller_bytes: None,
            memory_limit: None,
            sleeps: Sleeps::default(),
            set_up_for: None,
            confined: false,
        }
    }
}

impl SystemBuilder {
    /// The arguments, the first of which is the program's name.
    pub fn arguments<T: Into<Vec<u8>>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Sets an environment variable.
    pub fn environment(mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        self.policy.environment.insert(key.into(), value.into());
        self
    }

    /// The environment variables that were set until now.
    pub fn variables(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.policy.environment
    }

    /// Says that calls of this signature are answered by a handler of the user's, whom
    /// the system will not be asked for them.
    pub fn host_function(mut self, signature: Signature) -> Self {
        self.policy.host_functions.insert(signature);
        self
    }

    /// What becomes of a call that nothing answers; ENOSYS if not set.
    pub fn unsupported(mut self, unsupported: Unsupported) -> Self {
        self.policy.unsupported = unsupported;
        self
    }

    /// Adds walls without which the run does not begin, by name. Who holds the guest
    /// sees to it.
    pub fn require_walls<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.policy.walls.required.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds walls without which the run begins all the same, by name.
    pub fn waive_walls<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.policy.walls.waived.extend(names.into_iter().map(Into::into));
        self
    }

    /// What the run may do, as it was said until now.
    pub fn policy(&self) -> Policy {
        use FileAccess::{ReadOnly, ReadWrite};
        let mut policy = self.policy.clone();
        // As the tree is put together: see `tree`.
        let root = self.mounts.iter().rposition(Mount::is_root);
        policy.files = match root {
            Some(_) => Vec::new(),
            None => vec![
                FileGrant::own(b"/", FileSource::Image, ReadOnly),
                FileGrant::own(b"/tmp", FileSource::Memory, ReadWrite),
                FileGrant::own(LASTING, FileSource::Memory, ReadWrite),
                FileGrant::own(self.identity.home.as_bytes(), FileSource::Memory, ReadWrite),
                FileGrant::own(b"/dev", FileSource::Devices, ReadOnly),
                FileGrant::own(SHARED_MEMORY, FileSource::Memory, ReadWrite),
                FileGrant::own(b"/proc", FileSource::Processes, ReadOnly),
                FileGrant::own(b"/sys", FileSource::Machine, ReadOnly),
            ],
        };
        policy.files.extend(self.mounts.iter().skip(root.unwrap_or(0)).map(Mount::grant));
        if let Some(path) = &self.working_directory {
            policy.environment.insert(b"PWD".to_vec(), path.clone());
        }
        policy
    }

    /// The working directory, which the guest finds in `PWD`. Without this it is the root,
    /// and there is no such variable.
    pub fn working_directory(mut self, path: impl Into<Vec<u8>>) -> Self {
        self.working_directory = Some(path.into());
        self
    }

    /// Where standard input comes from.
    pub fn stdin(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    /// Where standard output goes.
    pub fn stdout(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Where standard error goes.
    pub fn stderr(mut self, output: Output) -> Self {
        self.error = output;
        self
    }

    /// Mounts something. A later mount lies over an earlier one, and a directory at the
    /// root over all that is there from the start: the guest then sees it, the mounts that
    /// come after it, and nothing else. An image with files of its own cannot do without
    /// them ([`SystemError::Root`]).
    pub fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// The image's base files, shown read-only from the root on.
    pub fn base(mut self, pack: Arc<Pack>) -> Self {
        self.base = Some(pack);
        self
    }

    /// The machine that the system runs on, if it is to be another than this. Its calls
    /// wait as the [`Waiter`] of each call says, which [`Host::waiter`] makes.
    pub fn host(mut self, host: Host) -> Self {
        self.host = host;
        self
    }

    /// Where time comes from; the host's clock if not set.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.host.clock = clock;
        self
    }

    /// Where random bytes come from; the host if not set.
    pub fn random(mut self, random: Box<dyn Random>) -> Self {
        self.host.random = random;
        self
    }

    /// How much processor time the guest has used; without it, the time since
    /// the start. It is asked in any thread, and must not use the run's [`Waiter`].
    pub fn processor_time(mut self, time: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.processor_time = Some(Arc::new(time));
        self
    }

    /// The guest's limit of processor time, for `getrlimit` to tell. It is not enforced
    /// here.
    pub fn processor_limit(mut self, time: Duration) -> Self {
        self.processor_limit = Some(time);
        self
    }

    /// Who the guest's program is.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Bytes that standard output and error may write together; no limit if not
    /// set.
    pub fn output_limit(mut self, bytes: u64) -> Self {
        self.output_limit = Some(bytes);
        self
    }

    /// Sets up for the run of `waiter`: what takes long of it, such as to look through
    /// an archive, ends at that one's deadline or when it is stopped, with
    /// [`ArchiveError::Late`](crate::files::ArchiveError::Late). Without this nothing
    /// ends it.
    pub fn set_up_for(mut self, waiter: Waiter) -> Self {
        self.set_up_for = Some(waiter);
        self
    }

    /// Whether a path that a call of WASI names beside a descriptor stays beneath that
    /// directory, as WASI has it: no slash at its start, no `..` and no symlink leads out
    /// of it (ENOTCAPABLE). A guest that makes calls of Linux too expects paths as Linux has
    /// them, and this is off if not set.
    pub fn confined_paths(mut self, confined: bool) -> Self {
        self.confined = confined;
        self
    }

    /// How many files may be open at once; 1024 if not set.
    pub fn open_files(mut self, count: usize) -> Self {
        self.open_files = count;
        self
    }

    /// Bytes that the files in memory, overlays included, may take together,
    /// names and all; 256 MiB if not set.
    pub fn file_bytes(mut self, bytes: u64) -> Self {
        self.file_bytes = bytes;
        self
    }

    /// How many files, directories and symlinks the program may make in memory,
    /// overlays included; 65,536 if not set.
    pub fn file_count(mut self, count: u64) -> Self {
        self.file_count = count;
        self
    }

    /// Bytes that may be kept for the program in all, files in memory included;
    /// 256 MiB more than [`file_bytes`](Self::file_bytes) if not set. See
    /// [`Meter`].
    pub fn controller_bytes(mut self, bytes: u64) -> Self {
        self.controller_bytes = Some(bytes);
        self
    }

    /// The guest's memory limit, for `getrlimit` to tell. It is not enforced
    /// here.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// How long the program may sleep: in all, and at once. More ends the run.
    pub fn sleep_limits(mut self, total: Option<Duration>, longest: Option<Duration>) -> Self {
        self.sleeps = Sleeps { limit: total, longest, slept: Duration::ZERO };
        self
    }

    /// Makes the system: opens what is to be mounted and builds the tree.
    ///
    /// # Errors
    /// [`SystemError`].
    pub fn build(mut self) -> Result<System, SystemError> {
        let policy = Arc::new(self.policy());
        let working_directory = self.working_directory.take().unwrap_or_else(|| b"/".to_vec());
        let environment: Vec<Vec<u8>> =
            policy.environment.iter().map(|(key, value)| [key.as_slice(), b"=", value].concat()).collect();
        check_strings(&self.arguments, &environment)?;
        let process = ProcessFiles::default();
        let limit = self.controller_bytes.unwrap_or(self.file_bytes.saturating_add(BESIDE_FILES));
        let meter = Arc::new(Meter::new(limit));
        let budget = Arc::new(Budget::new(self.output_limit));
        let (input, output) = (std::mem::take(&mut self.input), std::mem::take(&mut self.output));
        let streams = Streams::new(input, output, std::mem::take(&mut self.error), &budget, &meter);
        let lent_terminal = streams.terminal();
        let terminals = Terminals::new(lent_terminal.is_some());
        let root = match self.set_up_for.take() {
            // Why the run must end is in the error as well.
            Some(waiter) => pieces::work_for(&waiter, || self.tree(&process, &terminals, &meter)).0?,
            None => self.tree(&process, &terminals, &meter)?,
        };
        let root = Dentry::root(root, &meter);
        process.stand(&root, &root);
        enter(&root, &working_directory)?;
        let mut descriptors = Descriptors::new(self.open_files.max(4), process, &meter);
        let no_memory = |_| SystemError::ControllerMemory { limit };
        let top = OpenDirectory::new(Arc::clone(&root)).map_err(no_memory)?;
        // The one directory that WASI calls preopened.
        let top = Standard { object: Arc::new(top), readable: true, writable: false, flags: 0 };
        let standard = [
            (streams.input, None),
            (streams.output, None),
            (streams.error, None),
            (Some(top), Some(Arc::clone(&root))),
        ];
        for (number, (standard, path)) in (0..).zip(standard) {
            let Some(Standard { object, readable, writable, flags }) = standard else { continue };
            // The table has room for at least four.
            let opened = Description::charge(&meter)
                .and_then(|charge| Description::named(object, path, readable, writable, flags, charge))
                .and_then(|description| descriptors.replace(number, Descriptor::full(description)));
            opened.map_err(no_memory)?;
        }
        let clock = Arc::clone(&self.host.clock);
        let processor_time = self.processor_time.unwrap_or_else(|| Arc::new(move || clock.monotonic()));
        let seconds = self.processor_limit.map(|limit| limit.as_secs().max(1));
        let limits = Limits::new(self.memory_limit, descriptors.limit(), seconds);
        let process = Process::new(&self.identity, limits);
        Ok(System {
            arguments: self.arguments,
            environment,
            descriptors,
            root,
            lent_terminal,
            host: self.host,
            processor_time,
            identity: self.identity,
            process,
            umask: 0o022,
            standing: None,
            is_linux: false,
            working_directory,
            confined: self.confined,
            terminal: SavedTerminal::default(),
            terminals,
            memory_limit: self.memory_limit,
            memory_bytes: 0,
            policy,
            missing: None,
            budget,
            meter,
            sleeps: self.sleeps,
            texts: Texts::default(),
            pending_signals: Arc::default(),
            sockets: Sockets::new(self.open_files.max(4)),
            pipes: NamedPipes::default(),
            refused: Shortage::default(),
        })
    }

    /// The whole tree: the base read-only, memory at /tmp and the home, /dev, a
    /// small /etc, and the mounts over all that.
    fn tree(
        &mut self,
        links: &ProcessFiles,
        terminals: &Terminals,
        meter: &Arc<Meter>,
    ) -> Result<Arc<dyn Directory>, SystemError> {
        // The root of a pack is an entry as well.
        let has_files = self.base.as_ref().is_some_and(|pack| pack.entries() > 1);
        // Each tree has a device number of its own, from 1.
        let mut base: Arc<dyn Directory> = match self.base.take() {
            Some(pack) => Arc::new(PackDirectory::new(pack, 1)),
            None => MemoryTree::new(Arc::new(Quota::new(0, 0)), 1, Arc::clone(&self.host.clock)).root(),
        };
        // What the builder makes itself is not the program's: the names of these directories.
        let own = names(self.identity.home.as_bytes())?.len() as u64 + 5;
        let files = self.file_count.saturating_add(own);
        let quota = Arc::new(Quota::metered(self.file_bytes, files, Arc::clone(meter)));
        let memory = MemoryTree::new(Arc::clone(&quota), 2, Arc::clone(&self.host.clock)).root();
        // The time of all that the run brings along.
        let made = Timestamp::from(self.host.clock.realtime());
        let mut grafts = BTreeMap::new();
        let home = self.identity.home.clone();
        put(&mut grafts, b"/dev", Graft::Within(devices()))?;
        for (path, permissions) in [
            (b"/tmp".as_slice(), 0o1777),
            (LASTING, 0o1777),
            (home.as_bytes(), 0o755),
            (SHARED_MEMORY, 0o1777),
        ] {
            let directory = make_directory(&memory, path, permissions)?;
            put(&mut grafts, path, Graft::Tree(directory, BTreeMap::new()))?;
        }
        let slaves = Arc::new(PseudoDirectory::new(terminals.clone(), 3));
        put(&mut grafts, b"/dev/pts", Graft::Tree(slaves, BTreeMap::new()))?;
        let process = self.identity.process;
        put(&mut grafts, b"/proc/self", Graft::Symlink(process.to_string().into_bytes()))?;
        for (name, information) in Information::files(process) {
            put(&mut grafts, name.as_bytes(), Graft::Device(Device::Information(information)))?;
        }
        put(&mut grafts, b"/proc/mounts", Graft::Symlink(b"self/mounts".to_vec()))?;
        for (name, shows) in [("fd", Shows::Links), ("fdinfo", Shows::Texts)] {
            let descriptors = Arc::new(DescriptorDirectory::new(links.clone(), shows, 3, made));
            let graft = Graft::Tree(descriptors, BTreeMap::new());
            put(&mut grafts, format!("/proc/{process}/{name}").as_bytes(), graft)?;
        }
        for (name, link) in [("cwd", ProcessLink::WorkingDirectory), ("root", ProcessLink::Root)] {
            let graft = Graft::Process(links.clone(), link);
            put(&mut grafts, format!("/proc/{process}/{name}").as_bytes(), graft)?;
        }
        // Their inode numbers begin where those of what `compose` makes do not reach.
        for ((name, text), inode) in self.etc().into_iter().zip(1 << 20..) {
            let file: Arc<dyn File> = Arc::new(BytesFile::new(text.into_bytes(), 3, inode).at(made));
            put(&mut grafts, name.as_bytes(), Graft::File(file))?;
        }
        if !has_zones(&base) {
            let zones = Arc::new(ZoneDirectory::new(3, made));
            put(&mut grafts, ZONES, Graft::Tree(zones, BTreeMap::new()))?;
        }
        let held = Held { handles: Handles::new(), meter: Arc::clone(meter) };
        for (mount, device) in std::mem::take(&mut self.mounts).into_iter().zip(10..) {
            let is_root = mount.is_root();
            if is_root && has_files {
                return Err(SystemError::Root);
            }
            let (guest, graft) = mount.open(device, &held, &quota, &self.host.clock)?;
            match graft {
                Graft::Tree(tree, _) if is_root => {
                    base = tree;
                    grafts.clear();
                }
                graft => put(&mut grafts, &guest, graft)?,
            }
        }
        compose(base, &grafts, 3, made).map_err(|errno| SystemError::Mount { path: "/".to_owned(), errno })
    }

    /// The files in /etc that programs read, saying what is so.
    fn etc(&self) -> [(&'static str, String); 8] {
        let Identity { user, group, user_name, home, host_name, .. } = &self.identity;
        [
            (
                "/etc/passwd",
                format!(
                    "{}{user_name}:x:{user}:{group}:{user_name}:{home}:/bin/false\n",
                    if *user == 0 { "" } else { "root:x:0:0:root:/root:/bin/false\n" }
                ),
            ),
            (
                "/etc/group",
                format!("{}{user_name}:x:{group}:\n", if *group == 0 { "" } else { "root:x:0:\n" }),
            ),
            ("/etc/hosts", format!("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {host_name}\n")),
            ("/etc/hostname", format!("{host_name}\n")),
            (
                "/etc/os-release",
                "NAME=\"Bellglass\"\nID=bellglass\nPRETTY_NAME=\"Bellglass sandbox\"\n".to_owned(),
            ),
            // There is no name service but the file.
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
            ("/etc/services", include_str!("services.txt").to_owned()),
            ("/etc/timezone", "Etc/UTC\n".to_owned()),
        ]
    }
}

/// Whether an image brings time zones of its own.
fn has_zones(base: &Arc<dyn Directory>) -> bool {
    let mut names = ZONES.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let step = |directory: Arc<dyn Directory>, name| match directory.lookup(name) {
        Ok(Found::Directory(found)) => Some(found),
        _ => None,
    };
    names.try_fold(Arc::clone(base), step).is_some()
}

fn check_strings(arguments: &[Vec<u8>], environment: &[Vec<u8>]) -> Result<(), SystemError> {
    let mut bytes = 0;
    for (what, texts) in [("argument", arguments), ("environment variable", environment)] {
        for text in texts {
            // The zero byte and the pointer that each costs the guest.
            bytes += text.len() + 5;
            if text.contains(&0) {
                return Err(SystemError::ZeroByte { what: format!("the {what} '{}'", text.escape_ascii()) });
            }
        }
    }
    let limit = ARGUMENT_BYTES;
    if bytes > limit { Err(SystemError::TooLong { bytes, limit }) } else { Ok(()) }
}

/// Whether a guest can begin in a directory of this path.
fn enter(root: &Arc<Dentry>, path: &[u8]) -> Result<(), SystemError> {
    let failed = |errno| SystemError::WorkingDirectory { path: path.escape_ascii().to_string(), errno };
    match walk(root, root, path, Last::Follow).map_err(failed)? {
        Resolved::Directory { .. } => Ok(()),
        Resolved::Entry { .. } | Resolved::Open(_) => Err(failed(Errno::NOTDIR)),
        Resolved::Missing { .. } => Err(failed(Errno::NOENT)),
    }
}

/// The names of a mount's path.
fn names(path: &[u8]) -> Result<Vec<&[u8]>, SystemError> {
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    let is_name = |name: &&[u8]| *name != b"." && *name != b".." && name.len() <= crate::files::NAME_BYTES;
    if path.starts_with(b"/") && !path.contains(&0) && names.iter().all(is_name) {
        Ok(names)
    } else {
        Err(SystemError::GuestPath { path: path.escape_ascii().to_string() })
    }
}

/// Puts `graft` at `path`, in place of what is there and below.
fn put(grafts: &mut BTreeMap<Vec<u8>, Graft>, path: &[u8], graft: Graft) -> Result<(), SystemError> {
    let failed = |errno| SystemError::Mount { path: path.escape_ascii().to_string(), errno };
    // What lies at the root is no entry of a directory.
    let Some((last, parents)) = names(path)?.split_last().map(|(last, parents)| (*last, parents.to_vec()))
    else {
        return Err(failed(Errno::BUSY));
    };
    let mut level = &mut *grafts;
    for name in followed(level, &parents).map_err(failed)? {
        let entry = level.entry(name).or_insert_with(|| Graft::Within(BTreeMap::new()));
        level = match entry {
            Graft::Within(grafts) | Graft::Tree(_, grafts) => grafts,
            _ => return Err(failed(Errno::NOTDIR)),
        };
    }
    level.insert(last.to_vec(), graft);
    Ok(())
}

/// Links that a mount's path may lead through, as many as in any other path.
const LINKS: usize = 40;

/// The names of a directory's path without the links among the grafts: in `/dev/fd` there
/// is what is in `/proc/self/fd`.
fn followed(grafts: &BTreeMap<Vec<u8>, Graft>, parents: &[&[u8]]) -> Result<Vec<Vec<u8>>, Errno> {
    let mut links = LINKS;
    let mut done: Vec<Vec<u8>> = Vec::new();
    let mut rest: Vec<Vec<u8>> = parents.iter().rev().map(|name| name.to_vec()).collect();
    while let Some(name) = rest.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                done.pop();
                continue;
            }
            _ => {}
        }
        let Some(target) = link_at(grafts, &done, &name) else {
            done.push(name);
            continue;
        };
        links = links.checked_sub(1).ok_or(Errno::LOOP)?;
        if target.starts_with(b"/") {
            done.clear();
        }
        rest.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
    }
    Ok(done)
}

/// The target of the link that the grafts have at a name, if they have one.
fn link_at<'a>(grafts: &'a BTreeMap<Vec<u8>, Graft>, parents: &[Vec<u8>], name: &[u8]) -> Option<&'a [u8]> {
    let mut level = grafts;
    for parent in parents {
        match level.get(parent)? {
            Graft::Within(grafts) | Graft::Tree(_, grafts) => level = grafts,
            _ => return None,
        }
    }
    match level.get(name)? {
        Graft::Symlink(target) => Some(target),
        _ => None,
    }
}

/// Makes a directory and its parents in a fresh tree.
fn make_directory(
    root: &Arc<dyn Directory>,
    path: &[u8],
    permissions: u32,
) -> Result<Arc<dyn Directory>, SystemError> {
    let failed = |errno| SystemError::Mount { path: path.escape_ascii().to_string(), errno };
    let mut directory = Arc::clone(root);
    for name in names(path)? {
        match directory.create_directory(name, permissions) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        match directory.lookup(name).map_err(failed)? {
            Found::Directory(found) => directory = found,
            _ => return Err(failed(Errno::NOTDIR)),
        }
    }
    Ok(directory)
}
