//! No call outlasts the run: each row, with arguments that make as much work as they
//! can, returns soon after the deadline, and soon where the run is over already.

use super::empty_blocks;
use super::fake::{FakeGuest, RESULT};
use crate::files::{ApplyError, MemoryTree, Quota};
use crate::{
    Access, Answer, Ending, Family, FixedClock, Kind, LimitKind, Mount, Row, Stop, Support, System, Waiter,
    rows,
};
use bellglass_wire::{Signature, ValueType};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When the run must end, after the call began.
const DEADLINE: Duration = Duration::from_millis(20);

/// How much later a call may return, on a busy machine.
const LATE: Duration = Duration::from_millis(600);

/// How many sets of arguments of a call of Linux are tried.
const SETS: usize = 32;

/// Bytes of the guest's memory, most of which nobody ever touches.
const MEMORY: usize = 1 << 30;

/// Where the call's own structures lie; the memory behind is one large buffer.
const BUFFER: u64 = 1 << 20;

/// Entries of a directory that is long to list.
const MANY: usize = 100_000;

/// Directories that a guest makes.
const FILES: u32 = 100_000;

/// Bytes of an entry of an archive, which packs to a thousandth of that.
const UNPACKED: usize = 1 << 30;

/// Bytes of an entry that unpacks to nothing.
const PACKED: usize = 64 << 20;

/// What is shown to a guest: made once, and never changed, for nothing of it can be
/// written to but through an overlay.
struct Shown {
    directory: tempfile::TempDir,
}

impl Shown {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let shown = path.join("shown");
        std::fs::create_dir_all(shown.join("many")).expect("made");
        std::fs::create_dir(shown.join("d")).expect("made");
        // A hole takes no room, and as long to read as all else.
        let huge = std::fs::File::create(shown.join("huge")).expect("made");
        huge.set_len(1 << 40).expect("grown");
        for number in 0..MANY {
            std::fs::File::create(shown.join(format!("many/{number}"))).expect("made");
        }
        // A path of names without end, and another behind each.
        for number in 0..40 {
            let target = format!("{}l{}", "d/../".repeat(800), number + 1);
            symlink(target, shown.join(format!("l{number}"))).expect("made");
        }
        let archive = std::fs::File::create(path.join("archive.zip")).expect("made");
        let mut archive = zip::ZipWriter::new(archive);
        let options = zip::write::SimpleFileOptions::default().compression_level(Some(1));
        archive.start_file("big", options).expect("added");
        let zeros = vec![0; 1 << 20];
        for _ in 0..UNPACKED >> 20 {
            archive.write_all(&zeros).expect("packed");
        }
        archive.finish().expect("finished");
        // One that is long to go through and gives nothing.
        let packed = empty_blocks::deflate(PACKED);
        let entry = ("empty".to_owned(), 0o100_644);
        let archive = empty_blocks::zip(&packed, UNPACKED as u32, &[entry]);
        std::fs::write(path.join("empty.zip"), archive).expect("written");
        Self { directory }
    }

    /// A guest that has something of each kind open.
    fn guest(&self) -> World {
        let shown = self.directory.path().join("shown");
        let archive = self.directory.path().join("archive.zip");
        let (over, _) = Mount::directory(&shown, "/over", Access::ReadOnly).overlay();
        let (over_archive, _) = Mount::archive(&archive, "/over-zip").overlay();
        let system = System::builder()
            .mount(over)
            .mount(over_archive)
            .mount(Mount::directory(&shown, "/host", Access::ReadOnly))
            .mount(Mount::archive(&archive, "/zip"))
            .mount(Mount::archive(self.directory.path().join("empty.zip"), "/empty-zip"))
            .file_bytes(1 << 41)
            .build()
            .expect("a system");
        let mut guest = FakeGuest::new(system);
        // Zeros of which the host has nothing yet.
        guest.memory.bytes = vec![0; MEMORY];
        let mut descriptors = vec![0, 1, 3];
        for path in ["/over", "/over/many", "/host/many", "/over/huge", "/over-zip/big", "/tmp"] {
            let flags = if path.ends_with('g') || path.ends_with("huge") { 0 } else { 2 };
            let rights = if flags == 0 { u64::MAX } else { !(1 << 6) };
            descriptors.push(guest.open_with(path, 1, flags, rights, 0).expect(path));
        }
        for path in
            ["/host/huge", "/zip/big", "/empty-zip/empty", "/dev/zero", "/dev/urandom", "/proc/self/environ"]
        {
            descriptors.push(guest.open_to_read(path).expect(path));
        }
        let sparse = guest.open("/tmp/sparse", 1).expect("made");
        guest.wasi("fd_filestat_set_size", &[sparse, i64::MAX as u64]).expect("grown");
        descriptors.push(sparse);
        for (name, arguments) in [("pipe2", vec![64, 0]), ("socketpair", vec![1, 1, 0, 64])] {
            guest.linux(name, &arguments).expect("made");
            descriptors.extend([guest.get_u32(RESULT), guest.get_u32(RESULT + 4)].map(u64::from));
        }
        World { guest, descriptors }
    }
}

struct World {
    guest: FakeGuest,
    descriptors: Vec<u64>,
}

const PATHS: [&str; 7] = [
    "/over/huge",
    "/over/many",
    "/host/many",
    "/over/l0/nothing",
    "/host/l0/nothing",
    "/over-zip/big",
    "/tmp/new",
];

/// What each argument of a row may be, so that it is much work.
fn candidates(row: &Row, world: &mut World) -> Vec<Vec<u64>> {
    let guest = &mut world.guest;
    let paths: Vec<(u64, u64)> = PATHS.iter().map(|path| (guest.text(path), path.len() as u64)).collect();
    let buffers: Vec<u8> = (0..1024).flat_map(|_| (BUFFER << 32 | BUFFER).to_le_bytes()).collect();
    let buffers = guest.put(&buffers).0;
    // For clocks that never come.
    let subscriptions =
        guest.put(&[&[0; 16][..], &1u64.to_le_bytes(), &u64::MAX.to_le_bytes(), &[0; 16]].concat());
    let hour = guest.put(&[3600u64, 0].map(u64::to_le_bytes).concat()).0;
    let signature: Signature = row.signature.parse().expect("a signature");
    let on_paths = row.parameters.iter().any(|parameter| matches!(parameter.kind, Kind::Path | Kind::Text));
    let mut before = None;
    let mut all = Vec::new();
    for (parameter, kind) in row.parameters.iter().zip(&signature.parameters) {
        all.push(match parameter.kind {
            // Where a path begins with a slash, the directory matters no more.
            Kind::Descriptor | Kind::AtDescriptor if on_paths => vec![3],
            // Each with each would be too many.
            Kind::Descriptor | Kind::AtDescriptor if !all.is_empty() => {
                world.descriptors.iter().rev().take(6).copied().collect()
            }
            Kind::Descriptor | Kind::AtDescriptor => world.descriptors.clone(),
            // With its length in the upper half, for the next parameter.
            Kind::Path => paths.iter().map(|(address, length)| length << 32 | address).collect(),
            Kind::Text => paths.iter().map(|(address, _)| *address).collect(),
            Kind::Buffer => vec![BUFFER],
            Kind::Buffers => vec![buffers],
            Kind::Pointer if row.name() == "poll_oneoff" => vec![subscriptions.0],
            Kind::Result if matches!(row.name(), "fd_readdir" | "random_get") => vec![BUFFER],
            Kind::Result | Kind::Pointer => vec![u64::from(RESULT)],
            Kind::Size if before == Some(Kind::Path) => vec![0],
            Kind::Size if before == Some(Kind::Buffers) => vec![1, 1024],
            Kind::Size if row.name() == "poll_oneoff" => vec![1, 8192],
            Kind::Size => vec![MEMORY as u64 - BUFFER],
            Kind::Flags if *kind == ValueType::I64 => vec![u64::MAX],
            Kind::Flags => vec![0, 1, 9],
            // To read, and to make and write.
            Kind::OpenFlags => vec![0, 0o101],
            // An hour.
            Kind::TimePointer => vec![hour],
            Kind::DescriptorFlags
            | Kind::AtFlags
            | Kind::AccessMode
            | Kind::MessageFlags
            | Kind::TimerFlags
            | Kind::RandomFlags => vec![0],
            Kind::LockOperation => vec![2],
            Kind::WaitOptions => vec![4],
            Kind::Signal => vec![0],
            Kind::Clock | Kind::Resource | Kind::Whence | Kind::DescriptorCommand => vec![0, 1, 2],
            // To set modes once all that was written is out, and how much can be read.
            Kind::DeviceRequest => vec![0x5403, 0x541b],
            Kind::EpollOperation | Kind::ProcessOption | Kind::Domain | Kind::SocketType => vec![1],
            Kind::Permissions => vec![0o644],
            Kind::Signed => vec![0, -1i64 as u64],
            // The upper half of a number of 64 bits.
            Kind::Unsigned if parameter.name.ends_with("_high") => vec![0],
            Kind::Unsigned | Kind::Time => vec![0, 1, UNPACKED as u64 - 1, i64::MAX as u64],
        });
        before = Some(parameter.kind);
    }
    // All together, the last the fastest.
    all.iter().fold(vec![Vec::new()], |sets, values| {
        let with = |set: &Vec<u64>, value: &u64| [set.as_slice(), &[*value]].concat();
        sets.iter().flat_map(|set| values.iter().map(move |value| with(set, value))).collect()
    })
}

/// The arguments of a set, with the lengths of paths where they belong.
fn arguments(row: &Row, mut set: Vec<u64>) -> Vec<u64> {
    for index in 0..row.parameters.len() {
        if row.parameters[index].kind == Kind::Path {
            set[index + 1] = set[index] >> 32;
            set[index] &= u64::from(u32::MAX);
        }
    }
    set
}

fn call(world: &mut World, row: &Row, set: Vec<u64>, waiter: Waiter) -> (Result<Answer, Ending>, Duration) {
    world.guest.waiter = waiter;
    let arguments = arguments(row, set);
    let begun = Instant::now();
    (world.guest.call_row(row, &arguments), begun.elapsed())
}

#[test]
fn each_call_returns_soon_after_the_deadline_and_at_once_where_the_run_is_over() {
    let shown = Shown::new();
    let (mut late, mut stopped) = (Vec::new(), 0);
    // What is refused is no work.
    for row in rows().filter(|row| !matches!(row.support, Support::Refused(_))) {
        let sets = candidates(row, &mut shown.guest());
        // Of calls of Linux, whose 64-bit arguments are two each, as many as are spread over
        // all: the handlers of one file do the same work.
        let most = if row.family == Family::Linux { SETS } else { sets.len() };
        let step = sets.len().div_ceil(most.max(1)) | 1;
        for set in sets.into_iter().step_by(step) {
            let mut world = shown.guest();
            // The texts lie where they lay.
            candidates(row, &mut world);
            let deadline = Waiter::new(Some(Instant::now() + DEADLINE)).expect("a waiter");
            let (answer, took) = call(&mut world, row, set.clone(), deadline);
            let in_time = took < DEADLINE + LATE;
            match answer {
                Err(Ending::Stop(Stop::Deadline)) if in_time => stopped += 1,
                Ok(_) if in_time => continue,
                answer => late.push(format!("{} {set:x?}: {answer:?} after {took:?}", row.name())),
            }
            // What was much work is none where nobody wants it.
            let mut world = shown.guest();
            candidates(row, &mut world);
            let over = Waiter::new(None).expect("a waiter");
            over.stop(Stop::Limit(LimitKind::ProcessorTime.after(DEADLINE)));
            let (answer, took) = call(&mut world, row, set.clone(), over);
            if took > LATE
                || answer != Err(Ending::Stop(Stop::Limit(LimitKind::ProcessorTime.after(DEADLINE))))
            {
                late.push(format!("{} {set:x?}, after the end: {answer:?} after {took:?}", row.name()));
            }
        }
    }
    assert!(late.is_empty(), "{} calls outlast the run:\n{}", late.len(), late.join("\n"));
    assert!(stopped > 20, "only {stopped} calls were any work");
}

#[test]
fn a_copy_that_is_cut_short_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("large");
    std::fs::File::create(&path).and_then(|file| file.set_len(8 << 30)).expect("grown");
    let (mount, overlay) = Mount::directory(directory.path(), "/over", Access::ReadOnly).overlay();
    let system = System::builder().mount(mount).file_bytes(1 << 40).build().expect("a system");
    let mut guest = FakeGuest::new(system);
    let fd = guest.open("/over/large", 0).expect("opened");
    let killed = Waiter::new(None).expect("a waiter");
    killed.kill();
    let alive = std::mem::replace(&mut guest.waiter, killed);
    let cut = [fd, 1 << 30];
    assert_eq!(guest.call("fd_filestat_set_size", &cut), Err(Ending::Stop(Stop::Killed)));
    guest.waiter = alive;
    assert_eq!(guest.stat("/over/large", true), Ok((8 << 30, 4, 1)));
    assert_eq!(overlay.changes().expect("told").len(), 0);
    // What is cut off is not read at all.
    let begun = Instant::now();
    guest.wasi("fd_filestat_set_size", &[fd, 1]).expect("cut");
    assert!(begun.elapsed() < LATE, "{:?}", begun.elapsed());
    // Nor is it then overwritten when somebody else has changed it.
    let changes = overlay.changes().expect("told");
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(9 << 30)).expect("grown");
    assert!(matches!(changes.apply(), Err(ApplyError::Refused { .. })));
    assert_eq!(path.metadata().expect("there").len(), 9 << 30);
}

/// Processor time of this thread, which other work on the machine does not lengthen.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn what_a_guest_has_heaped_up_does_not_delay_the_end_of_its_run() {
    let quota = Arc::new(Quota::new(u64::MAX, u64::MAX));
    let tree = MemoryTree::new(quota, 7, Arc::new(FixedClock::new(Duration::from_secs(1))));
    let root = tree.root();
    let begun = worked();
    for number in 0..FILES {
        root.create_directory(format!("{number}").as_bytes(), 0o755).expect("made");
    }
    let made = worked() - begun;
    drop(root);
    let begun = worked();
    drop(tree);
    let given_back = worked() - begun;

    assert!(given_back < made / 20, "{given_back:?} for what took {made:?}");
}

#[test]
fn what_a_guest_has_listed_does_not_delay_the_end_of_its_run() {
    let directory = tempfile::tempdir().expect("a directory");
    for number in 0..MANY {
        std::fs::File::create(directory.path().join(number.to_string())).expect("made");
    }
    let mount = Mount::directory(directory.path(), "/host", Access::ReadOnly);
    let mut guest = FakeGuest::new(System::builder().mount(mount).build().expect("a system"));
    let begun = worked();
    for _ in 0..8 {
        let fd = guest.open_with("/host", 1, 2, !(1 << 6), 0).expect("opened");
        guest.wasi("fd_readdir", &[fd, 4096, 4096, 0, u64::from(RESULT)]).expect("listed");
    }
    let listed = worked() - begun;
    let begun = worked();
    drop(guest);
    let given_back = worked() - begun;

    assert!(given_back < listed / 20, "{given_back:?} for what took {listed:?}");
}
