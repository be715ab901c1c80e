//! The files of /proc that programs read to learn about the machine. All of them
//! tell of the virtual machine; nothing in them is the host's.

use crate::files::{BytesFile, Device, File};
use crate::meter::Charge;
use crate::process::NAME_BYTES;
use crate::{Errno, FileAccess, FileGrant, FileSource, System};
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A file of /proc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Information {
    /// The program's arguments.
    Arguments,
    /// The program's name.
    Name,
    /// The environment that the program started with.
    Environment,
    /// The program's limits.
    Limits,
    /// What is mounted, in detail.
    MountDetails,
    /// What is mounted.
    Mounts,
    /// The program's state, in numbers.
    ProcessNumbers,
    /// The program's memory, in pages.
    ProcessMemory,
    /// The program's state, for people.
    Status,
    /// The processor.
    Processor,
    /// The kinds of file systems.
    FileSystems,
    /// How busy the machine was.
    Load,
    /// The machine's memory.
    Memory,
    /// The machine's counters.
    Counters,
    /// How long the machine has been up.
    Uptime,
    /// What the machine is.
    Version,
    /// The machine's name.
    HostName,
    /// The greatest process number.
    GreatestProcess,
    /// The control group that the program is in: it sees its own as the root.
    ControlGroup,
    /// The processors that there are.
    Processors,
    /// The most memory that the control group may use.
    GroupMemoryLimit,
    /// The memory that it uses.
    GroupMemory,
    /// The share of the processors that it may use.
    GroupProcessors,
}

/// Ticks of a second in which times are told, as the C library's sysconf says.
const TICKS: u128 = 100;

/// Bytes of a page, as it says too.
const PAGE_BYTES: u64 = 4096;

/// Bytes that a guest can address, where it has no limit.
const ADDRESSABLE: u64 = 4 << 30;

impl Information {
    /// The files, by their paths.
    pub(crate) fn files(process: u32) -> Vec<(String, Self)> {
        let own = [
            ("cgroup", Self::ControlGroup),
            ("cmdline", Self::Arguments),
            ("comm", Self::Name),
            ("environ", Self::Environment),
            ("limits", Self::Limits),
            ("mountinfo", Self::MountDetails),
            ("mounts", Self::Mounts),
            ("stat", Self::ProcessNumbers),
            ("statm", Self::ProcessMemory),
            ("status", Self::Status),
        ];
        let of_all = [
            ("cpuinfo", Self::Processor),
            ("filesystems", Self::FileSystems),
            ("loadavg", Self::Load),
            ("meminfo", Self::Memory),
            ("stat", Self::Counters),
            ("uptime", Self::Uptime),
            ("version", Self::Version),
            ("sys/kernel/hostname", Self::HostName),
            ("sys/kernel/pid_max", Self::GreatestProcess),
        ];
        // What run-time libraries read to learn how much of the machine is theirs.
        let of_machine = [
            ("devices/system/cpu/online", Self::Processors),
            ("devices/system/cpu/possible", Self::Processors),
            ("devices/system/cpu/present", Self::Processors),
            ("fs/cgroup/cpu.max", Self::GroupProcessors),
            ("fs/cgroup/memory.current", Self::GroupMemory),
            ("fs/cgroup/memory.max", Self::GroupMemoryLimit),
        ];
        let own = own.into_iter().map(|(name, file)| (format!("/proc/{process}/{name}"), file));
        own.chain(of_all.into_iter().map(|(name, file)| (format!("/proc/{name}"), file)))
            .chain(of_machine.into_iter().map(|(name, file)| (format!("/sys/{name}"), file)))
            .collect()
    }
}

/// The texts that stay what they are as long as the system does: made when they are
/// first asked for, and shared by all that have them open.
#[derive(Default)]
pub(crate) struct Texts {
    arguments: OnceLock<Text>,
    environment: OnceLock<Text>,
    mounts: OnceLock<Text>,
    mount_details: OnceLock<Text>,
    processor: OnceLock<Text>,
}

/// A text, charged to the guest that asked for it.
#[derive(Clone)]
pub(crate) struct Text {
    pub(crate) bytes: Arc<[u8]>,
    _charge: Arc<Charge>,
}

impl Text {
    fn new(system: &System, bytes: Vec<u8>) -> Result<Self, Errno> {
        let charge = system.meter.hold(bytes.len() as u64)?;
        Ok(Self { bytes: bytes.into(), _charge: Arc::new(charge) })
    }
}

/// The file, opened, as it is at this moment. Its size is told as Linux tells it.
///
/// ENOMEM if the guest may have no more kept for it.
pub(crate) fn open(system: &System, information: Information) -> Result<Arc<dyn File>, Errno> {
    let Texts { arguments, environment, mounts, mount_details, processor } = &system.texts;
    let kept = match information {
        Information::Arguments => Some(arguments),
        Information::Environment => Some(environment),
        Information::Mounts => Some(mounts),
        Information::MountDetails => Some(mount_details),
        Information::Processor => Some(processor),
        _ => None,
    };
    let text = match kept.and_then(OnceLock::get) {
        Some(text) => text.clone(),
        None => {
            // BOUND: arguments and environment are capped by the builder, and so is
            // the number of processors; the rest is a few kilobytes.
            let text = Text::new(system, text(system, information))?;
            kept.map_or(text.clone(), |kept| kept.get_or_init(|| text).clone())
        }
    };
    Ok(Arc::new(BytesFile::told(text, Device::Information(information).metadata(3))))
}

/// What a file holds at this moment.
fn text(system: &System, information: Information) -> Vec<u8> {
    match information {
        Information::Arguments => terminated(&system.arguments),
        Information::Environment => terminated(&system.environment),
        Information::Name => [name(system), b"\n".to_vec()].concat(),
        Information::Mounts => mounts(system),
        Information::MountDetails => mount_details(system),
        other => machine(system, other).into_bytes(),
    }
}

fn machine(system: &System, information: Information) -> String {
    match information {
        Information::Limits => limits(system),
        Information::ProcessNumbers => process_numbers(system),
        Information::ProcessMemory => {
            let pages = system.memory_bytes / PAGE_BYTES;
            format!("{pages} {pages} 0 0 0 {pages} 0\n")
        }
        Information::Status => status(system),
        Information::Processor => {
            let count = system.identity.processors();
            let one = |number| {
                format!(
                    "processor\t: {number}\nvendor_id\t: Bellglass\nmodel name\t: WebAssembly\n\
                     cpu cores\t: {count}\n\n"
                )
            };
            (0..count).map(one).collect()
        }
        Information::FileSystems => {
            "nodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\toverlay\n".to_owned()
        }
        Information::Load => {
            let load = load(system);
            format!("{load:.2} {load:.2} {load:.2} 1/1 {}\n", system.identity.process)
        }
        Information::Memory => memory(system),
        Information::Counters => {
            let (busy, idle) = times(system);
            let (busy, idle) = (ticks(busy), ticks(idle));
            let all = u128::from(system.identity.processors());
            let up = busy + idle;
            // The one thread runs on the first of them.
            let others: String =
                (1..all).map(|number| format!("cpu{number} 0 0 0 {up} 0 0 0 0 0 0\n")).collect();
            let all_idle = idle + up * (all - 1);
            let start = system.host.clock.realtime().saturating_sub(system.host.clock.monotonic()).as_secs();
            format!(
                "cpu  {busy} 0 0 {all_idle} 0 0 0 0 0 0\ncpu0 {busy} 0 0 {idle} 0 0 0 0 0 0\n{others}intr 0\nctxt 0\n\
                 btime {start}\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n"
            )
        }
        Information::Uptime => {
            let (_, idle) = times(system);
            format!("{:.2} {:.2}\n", system.host.clock.monotonic().as_secs_f64(), idle.as_secs_f64())
        }
        Information::Version => concat!("Bellglass version ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
        Information::HostName => format!("{}\n", system.identity.host_name),
        Information::GreatestProcess => "32768\n".to_owned(),
        Information::ControlGroup => "0::/\n".to_owned(),
        Information::Processors => format!("{}\n", processors(system)),
        Information::GroupMemoryLimit => match system.memory_limit {
            Some(bytes) => format!("{bytes}\n"),
            None => "max\n".to_owned(),
        },
        Information::GroupMemory => format!("{}\n", system.memory_bytes),
        // All of the processors that it sees.
        Information::GroupProcessors => "max 100000\n".to_owned(),
        // Told above, as bytes.
        _ => String::new(),
    }
}

/// The numbers of the processors, as the kernel lists them.
fn processors(system: &System) -> String {
    match system.identity.processors() {
        0 | 1 => "0".to_owned(),
        count => format!("0-{}", count - 1),
    }
}

fn terminated(strings: &[Vec<u8>]) -> Vec<u8> {
    strings.iter().flat_map(|string| string.iter().copied().chain([0])).collect()
}

/// The name that the program has given itself, or the last one of its first argument, as
/// long as Linux keeps it.
pub(crate) fn name(system: &System) -> Vec<u8> {
    if let Some(name) = &system.process.name {
        return name.clone();
    }
    let path = system.arguments.first().map(Vec::as_slice).unwrap_or_default();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.get(..NAME_BYTES).unwrap_or(name).to_vec()
}

/// How busy the machine was since it was started, from 0 to 1.
pub(crate) fn load(system: &System) -> f64 {
    let up = system.host.clock.monotonic().as_secs_f64();
    if up > 0.0 { ((system.processor_time)().as_secs_f64() / up).min(1.0) } else { 0.0 }
}

/// Bytes of the machine's memory, and of those how many are free.
pub(crate) fn memory_bytes(system: &System) -> (u64, u64) {
    let total = system.memory_limit.unwrap_or(ADDRESSABLE);
    (total, total.saturating_sub(system.memory_bytes))
}

fn ticks(time: Duration) -> u128 {
    time.as_micros() * TICKS / 1_000_000
}

/// How long the processor was busy, and how long idle.
fn times(system: &System) -> (Duration, Duration) {
    let busy = (system.processor_time)();
    (busy, system.host.clock.monotonic().saturating_sub(busy))
}

fn status(system: &System) -> String {
    let identity = &system.identity;
    let (process, parent) = (identity.process, identity.parent_process);
    let (user, group) = (identity.user, identity.group);
    let kibibytes = system.memory_bytes / 1024;
    format!(
        "Name:\t{}\nUmask:\t{:04o}\nState:\tR (running)\nTgid:\t{process}\nPid:\t{process}\nPPid:\t{parent}\n\
         TracerPid:\t0\nUid:\t{user}\t{user}\t{user}\t{user}\nGid:\t{group}\t{group}\t{group}\t{group}\n\
         FDSize:\t{}\nGroups:\t{group}\nVmPeak:\t{kibibytes:8} kB\nVmSize:\t{kibibytes:8} kB\n\
         VmHWM:\t{kibibytes:8} kB\nVmRSS:\t{kibibytes:8} kB\nThreads:\t1\n\
         Cpus_allowed_list:\t{}\n",
        String::from_utf8_lossy(&name(system)),
        system.umask,
        system.descriptors.count(),
        processors(system),
    )
}

/// The 52 numbers that proc(5) lists, those that mean nothing here as 0.
fn process_numbers(system: &System) -> String {
    let (process, parent) = (system.identity.process, system.identity.parent_process);
    let (busy, _) = times(system);
    let (busy, memory) = (ticks(busy), system.memory_bytes);
    let pages = memory / PAGE_BYTES;
    let limit = system.memory_limit.unwrap_or(ADDRESSABLE);
    let mut text = format!(
        "{process} ({}) R {parent} {process} {process} 0 -1 0 0 0 0 0 {busy} 0 0 0 20 0 1 0 0 {memory} {pages} {limit}",
        String::from_utf8_lossy(&name(system)),
    );
    text.push_str(&" 0".repeat(27));
    text.push('\n');
    text
}

fn memory(system: &System) -> String {
    let (total, free) = memory_bytes(system);
    let (total, free) = (total / 1024, free / 1024);
    let mut text = String::new();
    for (name, kibibytes) in [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("Active", total - free),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Shmem", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:15} {kibibytes:8} kB", format!("{name}:"));
    }
    text
}

fn limits(system: &System) -> String {
    let told = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let mut text = format!("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (name, limits, unit) in system.process.limits.lines() {
        let [soft, hard] = limits.map(told);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<25} {soft:<20} {hard:<20} {unit:<10}");
    }
    text
}

/// A path in a line of its own: what would end it stands as an octal number.
fn escape(path: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in path {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => text.extend(format!("\\{byte:03o}").into_bytes()),
            byte => text.push(*byte),
        }
    }
    text
}

/// A tree's kind and mode, as the list of mounts has them.
fn kind_and_mode(grant: &FileGrant) -> (&'static str, &'static str) {
    let kind = match (grant.access, &grant.source) {
        (FileAccess::Overlay, _) => "overlay",
        (_, FileSource::Image) => "image",
        (_, FileSource::Memory) => "tmpfs",
        (_, FileSource::Devices) => "devtmpfs",
        (_, FileSource::Processes) => "proc",
        (_, FileSource::Machine) => "sysfs",
        (_, FileSource::HostDirectory(_) | FileSource::OpenDirectory) => "host",
        (_, FileSource::HostFile(_) | FileSource::Bytes) => "file",
        (_, FileSource::Archive(_)) => "archive",
        (_, FileSource::Symlink(_)) => "link",
        (_, FileSource::Tree) => "tree",
    };
    let mode = match grant.access {
        FileAccess::ReadOnly => "ro",
        FileAccess::ReadWrite | FileAccess::Overlay | FileAccess::Own => "rw",
    };
    (kind, mode)
}

fn mounts(system: &System) -> Vec<u8> {
    let mut text = Vec::new();
    // A link is nothing that is mounted.
    for grant in system.policy.files.iter().filter(|grant| !matches!(grant.source, FileSource::Symlink(_))) {
        let (kind, mode) = kind_and_mode(grant);
        text.extend(kind.as_bytes());
        text.push(b' ');
        text.extend(escape(&grant.path));
        text.extend(format!(" {kind} {mode} 0 0\n").into_bytes());
    }
    text
}

fn mount_details(system: &System) -> Vec<u8> {
    let mut text = Vec::new();
    for (grant, number) in system.policy.files.iter().zip(1..) {
        let parent = u32::from(number > 1);
        text.extend(format!("{number} {parent} 0:{number} / ").into_bytes());
        text.extend(escape(&grant.path));
        let (kind, mode) = kind_and_mode(grant);
        text.extend(format!(" {mode} - {kind} {kind} {mode}\n").into_bytes());
    }
    text
}
