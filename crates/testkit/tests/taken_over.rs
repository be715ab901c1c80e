use bellglass::{Limits, Outcome, Pool, Sandbox};
use bellglass_testkit::ToyImage;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const PUPPETEER: &str = env!("CARGO_BIN_EXE_puppeteer");

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What the kernel may keep for a cell beside what it counts as its data: page tables,
/// its program, the compiled module.
const BESIDE_BYTES: u64 = 80 * MIB;

/// Nobody else may look into a cell, and so nobody else can make it do anything. What
/// is then left to try is in `walls`.
fn is_possible() -> bool {
    rustix::process::geteuid().is_root()
}

/// A process that has been taken over. Dropping it lets it go on.
struct Puppet {
    puppeteer: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    process: i32,
}

impl Puppet {
    fn of(process: i32) -> Self {
        let mut puppeteer = Command::new(PUPPETEER)
            .arg(process.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (to, from) = (puppeteer.stdin.take(), puppeteer.stdout.take().expect("a pipe"));
        Self { puppeteer, to, from: BufReader::new(from), process }
    }

    fn say(&mut self, line: &str) -> String {
        let mut answer = String::new();
        // Once it has ended nobody reads.
        if writeln!(self.to.as_mut().expect("a pipe"), "{line}").is_ok() {
            self.from.read_line(&mut answer).expect("an answer");
        }
        if answer.is_empty() { "ended before".to_owned() } else { answer.trim().to_owned() }
    }

    fn call(&mut self, number: libc::c_long, arguments: &str) -> String {
        self.say(&format!("{number} {arguments}"))
    }

    fn map(&mut self, bytes: u64, protection: i32, flags: i32) -> Result<u64, String> {
        let answer = self.call(libc::SYS_mmap, &format!("0 {bytes} {protection} {flags} {} 0", u64::MAX));
        answer.parse::<i64>().ok().and_then(|address| u64::try_from(address).ok()).ok_or(answer)
    }

    /// What the kernel keeps for it: pages, and their page tables.
    fn kept_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process);
        let status = std::fs::read_to_string(path).expect("it is there");
        let of = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a number")
        };
        (of("VmRSS") + of("VmPTE")) << 10
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.puppeteer.wait();
    }
}

fn image() -> ToyImage {
    ToyImage::from_wat(
        r#"(module (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 7)))"#,
    )
}

fn limits() -> Limits {
    Limits { memory_bytes: 64 * MIB, table_elements: 1 << 10, ..Limits::default() }
}

/// The processes that this thread has started.
fn children() -> BTreeSet<i32> {
    children_of("/proc/thread-self")
}

fn all_children() -> BTreeSet<i32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc").flatten();
    threads.flat_map(|thread| children_of(&thread.path().to_string_lossy())).collect()
}

fn children_of(thread: &str) -> BTreeSet<i32> {
    let children = std::fs::read_to_string(format!("{thread}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

const REFUSED: &str = "ended by 31";
const ANONYMOUS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const BOTH: i32 = libc::PROT_READ | libc::PROT_WRITE;
const UNCOUNTED: i32 = ANONYMOUS | libc::MAP_NORESERVE;

/// Does something as code in a real cell would. Gives how the call that matters was
/// answered, once the cell is seen to have no more memory than it may.
fn attack(how: impl Fn(&mut Puppet) -> String) -> String {
    let image = image();
    let sandbox = Sandbox::builder(image.open()).limits(limits()).build().expect("a cell");
    let mut puppet = Puppet::of(*children().first().expect("the cell"));
    let answer = how(&mut puppet);
    if !answer.starts_with("ended") {
        let (kept, most) = (puppet.kept_bytes(), (64 + 256) * MIB + BESIDE_BYTES);
        assert!(kept <= most, "it was answered {answer}, and has {} MiB", kept / MIB);
    }
    drop(puppet);
    drop(sandbox);
    answer
}

#[test]
fn whoever_takes_a_cell_over_gets_no_memory_that_is_not_counted() {
    if !is_possible() {
        return;
    }
    let all_of = |puppet: &mut Puppet, bytes: u64| {
        puppet.say(&format!("touch memory {} {PAGE}", bytes / PAGE));
    };
    // Memory that is shared with nobody.
    let mapped = |bytes, protection, flags| {
        attack(|puppet| match puppet.map(bytes, protection, flags) {
            Ok(address) => {
                all_of(puppet, bytes.min(2 * GIB));
                address.to_string()
            }
            Err(answer) => answer,
        })
    };
    assert_eq!(mapped(2 * GIB, BOTH, libc::MAP_SHARED | libc::MAP_ANONYMOUS), REFUSED);
    // A stack of its own, which grows by itself.
    assert_eq!(mapped(PAGE, BOTH, ANONYMOUS | libc::MAP_GROWSDOWN), REFUSED);
    // Memory that can be read only: all of it is one page, but its page tables are not.
    assert_eq!(mapped(16 * GIB, libc::PROT_READ, UNCOUNTED), REFUSED);
    // Memory that was written, and then cannot be any more.
    let downgraded = attack(|puppet| {
        let mut answer = String::new();
        for _ in 0..16 {
            if let Err(refused) = puppet.map(64 * MIB, BOTH, UNCOUNTED) {
                return refused;
            }
            all_of(puppet, 64 * MIB);
            answer = puppet.call(libc::SYS_mprotect, &format!("memory {} {}", 64 * MIB, libc::PROT_READ));
            if answer != "0" {
                break;
            }
        }
        answer
    });
    assert_eq!(downgraded, REFUSED);
    // Over memory that was only reserved: no growth, to the kernel.
    let fixed = attack(|puppet| {
        puppet.map(GIB, libc::PROT_NONE, UNCOUNTED).expect("it may be reserved");
        let answer = puppet.call(
            libc::SYS_mmap,
            &format!("memory {GIB} {BOTH} {} {} 0", UNCOUNTED | libc::MAP_FIXED, u64::MAX),
        );
        all_of(puppet, GIB);
        answer
    });
    assert_eq!(fixed, REFUSED);
    // A page of the compiled module, where nothing else is.
    let far = attack(|puppet| {
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        puppet.call(libc::SYS_mmap, &format!("0x100000000000 {PAGE} {BOTH} {flags} 1 0"))
    });
    assert_eq!(far, REFUSED);
    let moved = attack(|puppet| {
        puppet.map(PAGE, BOTH, ANONYMOUS).expect("it may have a page");
        puppet.call(libc::SYS_mremap, &format!("memory {PAGE} {GIB} {}", libc::MREMAP_MAYMOVE))
    });
    assert_eq!(moved, REFUSED);
}

#[test]
fn whoever_takes_a_cell_over_gets_what_is_counted_and_no_more() {
    if !is_possible() {
        return;
    }
    let no_room = format!("-{}", libc::ENOMEM);
    // As much as there may be, piece by piece.
    let pieces = attack(|puppet| {
        for _ in 0..100 {
            if let Err(answer) = puppet.map(8 * MIB, BOTH, UNCOUNTED) {
                return answer;
            }
            puppet.say(&format!("touch memory {} {PAGE}", 8 * MIB / PAGE));
        }
        "no end".to_owned()
    });
    assert_eq!(pieces, no_room);
    // What was reserved, made writable: that is what the engine does.
    let reserved = attack(|puppet| {
        puppet.map(GIB, libc::PROT_NONE, UNCOUNTED).expect("it may be reserved");
        let answer = puppet.call(libc::SYS_mprotect, &format!("memory {GIB} {BOTH}"));
        puppet.say(&format!("touch memory {} {PAGE}", GIB / PAGE));
        answer
    });
    assert_eq!(reserved, no_room);
    // The same when there is hardly any address space left: where a limit of that is
    // set, the kernel forgets the one of memory.
    let crowded = attack(|puppet| {
        puppet.map(GIB, libc::PROT_NONE, UNCOUNTED).expect("it may be reserved");
        let mut rest = 4 * GIB;
        while rest >= PAGE {
            // The first reservation stays the one that is meant.
            let answer = puppet
                .call(libc::SYS_mmap, &format!("0 {rest} {} {UNCOUNTED} {} 0", libc::PROT_NONE, u64::MAX));
            if answer.starts_with('-') {
                rest /= 2;
            }
        }
        let answer = puppet.call(libc::SYS_mprotect, &format!("memory {} {BOTH}", 512 * MIB));
        puppet.say(&format!("touch memory {} {PAGE}", 512 * MIB / PAGE));
        answer
    });
    assert!(crowded == no_room || crowded == REFUSED, "{crowded}");
    // Pages that stand alone, each with page tables of its own: as far apart as there
    // is address space.
    let spread = attack(|puppet| {
        let mut size = 64 << 40;
        while puppet.map(size, libc::PROT_NONE, UNCOUNTED).is_err() {
            size /= 2;
        }
        let step = (size / 30_000).max(2 * MIB);
        let (mut answer, mut page) = (String::new(), 0);
        while page + PAGE <= size.min(30_000 * step) {
            answer = puppet.call(libc::SYS_mprotect, &format!("memory+{page} {PAGE} {BOTH}"));
            puppet.say(&format!("touch memory+{page} 1 1"));
            page += step;
        }
        answer
    });
    assert_eq!(spread, "0");
}

#[test]
fn whoever_takes_a_cell_of_a_pool_over_reaches_no_other() {
    if is_possible() {
        crate::run_alone("taken_over::reaching_for_others", &[]);
    }
}

/// A pool of one, of which it is known which process is the next cell.
struct KnownPool {
    pool: Pool,
    known: BTreeSet<i32>,
}

impl KnownPool {
    fn take(&mut self) -> (Sandbox, i32) {
        let begun = Instant::now();
        while self.pool.ready() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "no cell is ready");
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut fresh: Vec<i32> = all_children().difference(&self.known).copied().collect();
        if self.known.is_empty() {
            // The zygote was there first.
            fresh.remove(0);
        }
        self.known.extend(all_children());
        let [cell] = fresh[..] else { panic!("one is new: {fresh:?}") };
        (self.pool.sandbox().limits(limits()).build().expect("a cell"), cell)
    }
}

#[test]
#[ignore = "looks at all children of its process: see above"]
fn reaching_for_others() {
    let image = image();
    let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
    let mut pool = KnownPool { pool, known: BTreeSet::new() };
    let (sibling, victim) = pool.take();
    let own = std::process::id();
    let attacks = [
        format!("{} {victim} 9", libc::SYS_kill),
        format!("{} {victim} {victim} 9", libc::SYS_tgkill),
        format!("{} {own} 9", libc::SYS_kill),
        format!("{} {victim} 0", libc::SYS_pidfd_open),
        format!("{} {} {victim} 0 0", libc::SYS_ptrace, libc::PTRACE_ATTACH),
        format!("{} {victim} 0 0 0 0 0", libc::SYS_process_vm_readv),
        format!("{} {victim} 0 0 0", libc::SYS_prlimit64),
        // Where a read of the module has got to is known to all that share it.
        format!("{} 1 0 0", libc::SYS_read),
        format!("{} 1 100 0", libc::SYS_lseek),
        format!("{} 3 0 0", libc::SYS_read),
        format!("{} 4 0 0", libc::SYS_read),
        format!("{} 3 0 0", libc::SYS_recvmsg),
        format!("{} 0 0 0", libc::SYS_sendmsg),
    ];
    for attack in attacks {
        let (hostile, process) = pool.take();
        let mut puppet = Puppet::of(process);
        assert_eq!(puppet.say(&attack), REFUSED, "{attack}");
        drop(puppet);
        let outcome = hostile.run().outcome;
        assert!(matches!(&outcome, Outcome::Breach { .. }), "{attack}: {outcome:?}");
    }
    // Nobody else has noticed.
    assert_eq!(sibling.run().outcome, Outcome::Exited { code: 7 });
    assert_eq!(pool.take().0.run().outcome, Outcome::Exited { code: 7 });
}
