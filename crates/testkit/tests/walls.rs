use bellglass::{Error, Limits, Outcome, Sandbox};
use bellglass_cage::policy::{Check, GUEST, Rule};
use bellglass_testkit::ToyImage;
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

const CAGED: &str = env!("CARGO_BIN_EXE_caged");

/// Numbers that are tried; the newest kernels have some 470.
const NUMBERS: std::ops::Range<u64> = 0..600;

/// The bit that makes a number one of the x32 mode of the same processor.
const X32: u64 = 0x4000_0000;

/// Calls that Linux lets through every filter, for probes that a debugger of the
/// machine's owner has set: uretprobe and uprobe of x86. Made from anywhere else
/// than such a probe, one faults and the other is an error.
const PROBES: [u64; 2] = [335, 336];

fn caged(words: &[&str]) -> Output {
    let mut command = Command::new(CAGED);
    let output = command.args(words).env_clear().stdin(Stdio::null()).output().expect("it starts");
    assert_ne!(output.status.code(), Some(77), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn locked(words: &[u64]) -> Output {
    let words: Vec<String> = words.iter().map(u64::to_string).collect();
    let words: Vec<&str> = std::iter::once("locked").chain(words.iter().map(String::as_str)).collect();
    caged(&words)
}

fn is_refused(output: &Output) -> bool {
    output.status.signal() == Some(libc::SIGSYS)
}

/// Does `test` with each value, on as many threads as there are processors.
fn for_each(values: Vec<u64>, test: impl Fn(u64) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = values.len().div_ceil(threads).max(1);
    let test = &test;
    std::thread::scope(|scope| {
        for share in values.chunks(share) {
            scope.spawn(move || share.iter().for_each(|value| test(*value)));
        }
    });
}

#[test]
fn each_system_call_without_a_rule_ends_the_cell() {
    let allowed: BTreeSet<u64> = GUEST.iter().map(|rule| rule.number as u64).collect();
    let others = NUMBERS.chain([1 << 20, u64::from(u32::MAX)]).filter(|number| !allowed.contains(number));
    for_each(others.collect(), |number| {
        let output = locked(&[number]);
        let no_probe = format!("-{}\n", libc::ENXIO);
        let is_probe = PROBES.contains(&number)
            && (output.status.signal() == Some(libc::SIGILL) || output.stderr == no_probe.as_bytes());
        assert!(is_refused(&output) || is_probe, "system call {number} is not refused: {:?}", output.status);
    });
    // The end of a signal handler without a signal goes on anywhere, perhaps at what
    // is refused.
    let takes_zeros = |rule: &&Rule| {
        rule.checks
            .iter()
            .all(|check| matches!(check, Check::OneOf { argument: 0, values } if values.contains(&0)))
    };
    let harmless = GUEST.iter().filter(takes_zeros).filter(|rule| rule.name != "rt_sigreturn");
    for rule in harmless {
        // The third argument is, to the one that would wait for ever, no time.
        let output = caged(&["locked", &rule.number.to_string(), "0", "0", "memory"]);
        assert!(!is_refused(&output), "{} is refused", rule.name);
    }
}

#[test]
fn calls_of_another_processor_mode_end_the_cell() {
    for_each(NUMBERS.collect(), |number| {
        let output = locked(&[number | X32]);
        assert!(is_refused(&output), "x32 call {number} is not refused: {:?}", output.status);
    });
    for_each((0..480).collect(), |number| {
        let output = caged(&["32-bit", &number.to_string()]);
        // A kernel without 32-bit programs answers the instruction with a fault.
        let faulted = output.status.signal() == Some(libc::SIGSEGV);
        assert!(is_refused(&output) || faulted, "32-bit call {number} is not refused: {:?}", output.status);
    });
}

#[test]
fn arguments_that_the_rules_do_not_name_end_the_cell() {
    let page = 4096;
    let (read, write, execute) = (libc::PROT_READ, libc::PROT_WRITE, libc::PROT_EXEC);
    let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let mmap = |protection: i32, flags: i32| {
        locked(&[libc::SYS_mmap as u64, 0, page, protection as u64, flags as u64, u64::MAX, 0])
    };
    for protection in [libc::PROT_NONE, read | write] {
        assert!(!is_refused(&mmap(protection, anonymous)));
    }
    for protection in [read, write, execute, read | execute, read | write | execute] {
        assert!(is_refused(&mmap(protection, anonymous)), "protection {protection}");
    }
    // What the kernel would keep and not count, or hand out beyond what it counts.
    let (shared, validate) = (libc::MAP_SHARED, libc::MAP_SHARED_VALIDATE);
    let more = [
        libc::MAP_GROWSDOWN,
        libc::MAP_HUGETLB,
        libc::MAP_LOCKED,
        libc::MAP_POPULATE,
        libc::MAP_FIXED,
        libc::MAP_FIXED_NOREPLACE,
        libc::MAP_32BIT,
    ];
    let kinds = [shared, validate].map(|kind| kind | libc::MAP_ANONYMOUS);
    for flags in kinds.into_iter().chain([shared, validate]).chain(more.map(|flag| anonymous | flag)) {
        assert!(is_refused(&mmap(read | write, flags)), "flags {flags:#x}");
    }

    let with_memory = |call: libc::c_long, value: i32| {
        caged(&["locked", &call.to_string(), "memory", "4096", &(value as u32).to_string()])
    };
    let mprotect = |protection| with_memory(libc::SYS_mprotect, protection);
    assert_eq!(mprotect(read | write).stderr, b"0\n");
    // Pages that have been written, and are given no more right to be.
    for protection in [libc::PROT_NONE, read, write, execute, read | execute, read | write | execute] {
        assert!(is_refused(&mprotect(protection)), "protection {protection}");
    }
    assert!(is_refused(&mprotect(read | write | libc::PROT_GROWSDOWN)));
    // Where other address space has been taken, so that nothing can be spread there.
    let elsewhere = ["0x10000", "0x100000000000"];
    for address in elsewhere {
        let number = libc::SYS_munmap.to_string();
        assert!(is_refused(&caged(&["locked", &number, address, "4096"])), "{address}");
        let number = libc::SYS_mprotect.to_string();
        let both = (read | write).to_string();
        assert!(is_refused(&caged(&["locked", &number, address, "4096", &both])), "{address}");
    }
    // From and to nothing but the stream; the last words.
    for descriptor in [1, 2, 3, 4, 5] {
        assert!(is_refused(&locked(&[libc::SYS_read as u64, descriptor, 0, 0])), "{descriptor}");
        let written = locked(&[libc::SYS_write as u64, descriptor, 0, 0]);
        assert_eq!(is_refused(&written), descriptor != 2, "{descriptor}");
    }

    // The upper half of an argument is not the kernel's business, and must not be
    // a way around.
    let high = 1_u64 << 32;
    let exec = high | (libc::PROT_READ | libc::PROT_EXEC) as u64;
    assert!(is_refused(&locked(&[libc::SYS_mmap as u64, 0, page, exec, anonymous as u64, u64::MAX, 0])));
}

#[test]
fn the_first_walls_refuse_files_and_signals_by_themselves() {
    let said = |words: &[&str]| String::from_utf8(caged(words).stderr).expect("a number");
    let refused = |errno: i32| format!("-{errno}\n");
    let directory = libc::AT_FDCWD as u32 as u64;
    let open = |flags: i32| {
        let (number, directory, flags) =
            (libc::SYS_openat.to_string(), directory.to_string(), flags.to_string());
        said(&["entered", &number, &directory, "text:/etc/passwd", &flags])
    };
    assert_eq!(open(libc::O_RDONLY), refused(libc::EACCES));
    let kill = libc::SYS_kill.to_string();
    assert_eq!(said(&["entered", &kill, "parent", "0"]), refused(libc::EPERM));
}

#[test]
fn no_rule_of_the_filter_is_needless() {
    assert!(!is_refused_something(&real_cell()), "with all rules nothing is refused");
    let folder = tempfile::tempdir().expect("a folder");
    let mut needless = Vec::new();
    for rule in GUEST {
        let cell = caged_as(folder.path(), &format!("without-{}", rule.name));
        if !is_refused_something(&cell) {
            needless.push(rule.name);
        }
    }
    assert!(needless.is_empty(), "no cell died for want of {needless:?}");
}

#[test]
fn a_real_cell_is_behind_every_wall_in_every_thread() {
    let image = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1)
        (func (export "run") (result i32) (i32.const 0)))"#,
    );
    let sandbox = Sandbox::builder(image.open()).build().expect("a cell");
    let cell = child();
    let threads: Vec<_> =
        std::fs::read_dir(format!("/proc/{}/task", cell.as_raw_nonzero())).expect("threads").collect();
    assert_eq!(threads.len(), 2);
    for thread in threads {
        let path = thread.expect("a thread").path().join("status");
        let status = std::fs::read_to_string(path).expect("its state");
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(value("NoNewPrivs"), "1", "{status}");
        assert_eq!(value("Seccomp"), "2", "{status}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(value(set).trim_start_matches('0'), "", "{status}");
        }
    }
    let report = sandbox.run();
    let names: Vec<&str> = report.walls.iter().map(|wall| wall.name.as_str()).collect();
    assert_eq!(names, bellglass::walls::ALL);
    let missing: Vec<_> = report.walls.iter().filter(|wall| !wall.active).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_wall_that_is_required_and_not_up_keeps_the_run_from_starting() {
    let image = ToyImage::from_script("hello\nsleep 9000");
    let builder = || Sandbox::builder(image.open()).cell(env!("CARGO_BIN_EXE_lying-cell"));
    builder().build().expect("no wall is required");
    match builder().require_walls(bellglass::walls::ALL).build() {
        Err(Error::Wall { wall, .. }) => assert_eq!(wall, "descriptors"),
        other => panic!("{:?}", other.err()),
    }
    let image = ToyImage::from_wat(GUEST_OF_MANY_NEEDS);
    Sandbox::builder(image.open()).require_walls(bellglass::walls::ALL).build().expect("all are up");
}

#[test]
fn the_kernel_holds_a_cell_to_its_memory() {
    let limits = Limits { memory_bytes: 100 << 20, ..Limits::default() };
    let image = ToyImage::from_wat(GUEST_OF_MANY_NEEDS);
    let sandbox = Sandbox::builder(image.open()).limits(limits).build().expect("a cell");
    let path = format!("/proc/{}/limits", child().as_raw_nonzero());
    let limits = std::fs::read_to_string(path).expect("its limits");
    let line = limits.lines().find(|line| line.starts_with("Max data size")).expect("that limit");
    let most: u64 = line.split_whitespace().nth(3).and_then(|number| number.parse().ok()).expect("a number");
    assert!((100 << 20..500 << 20).contains(&most), "{line}");
    drop(sandbox);
}

#[test]
fn a_cell_that_watches_for_nothing_still_ends_with_its_controller() {
    let mut child = Command::new(CAGED)
        .arg("spin")
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    std::thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().expect("a state").is_none(), "it is there while its pipe is");
    drop(child.stderr.take());
    let begun = Instant::now();
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(libc::SIGKILL), "{status:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

/// A cell that is held by a filter which refuses `calls`, as those of some containers do.
fn refusing(folder: &Path, error: i32, calls: &[libc::c_long]) -> PathBuf {
    let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
    caged_as(folder, &format!("refusing-{error}-{}", calls.join("-")))
}

/// A module that does nothing, as a stranger's.
fn module_in(folder: &Path) -> PathBuf {
    let module = folder.join("module.wasm");
    let wasm = br#"(module (memory (export "memory") 1) (func (export "_start")))"#;
    std::fs::write(&module, wat::parse_bytes(wasm).expect("a module")).expect("a file");
    module
}

/// The program that is told by its name what to do. A cell is started by its real path,
/// so it is no link; what it becomes is beside it.
fn caged_as(folder: &Path, name: &str) -> PathBuf {
    let cell = folder.join(name);
    std::fs::copy(CAGED, &cell).expect("copied");
    let _ = std::os::unix::fs::symlink(real_cell(), folder.join("bellglass-cell"));
    cell
}

#[test]
fn nothing_is_inherited_where_descriptors_cannot_be_closed_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, b"").expect("a file");
    let file = std::fs::File::open(&secret).expect("a file");
    // Like what somebody has opened who did not think of children.
    let leak = rustix::io::fcntl_dupfd_cloexec(&file, 700).expect("a descriptor");
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).expect("its flags");
    let image = ToyImage::from_wat(GUEST_OF_MANY_NEEDS);
    let all = [libc::SYS_close_range, libc::SYS_getdents64];
    for error in [libc::ENOSYS, libc::EPERM] {
        for calls in [&all[..1], &all[..]] {
            let cell = refusing(folder.path(), error, calls);
            let sandbox = Sandbox::builder(image.open()).cell(cell).build().expect("a cell");
            assert!(sandbox.walls().iter().any(|wall| wall.name == "descriptors" && wall.active));
            if rustix::process::geteuid().is_root() {
                let path = format!("/proc/{}/fd", child().as_raw_nonzero());
                let links = std::fs::read_dir(path).expect("root may").flatten();
                let open: Vec<PathBuf> =
                    links.filter_map(|link| std::fs::read_link(link.path()).ok()).collect();
                assert!(open.len() >= 3 && !open.contains(&secret), "{open:?}");
            }
        }
    }
}

#[test]
fn a_wall_that_does_not_bind_is_not_said_to() {
    let image = ToyImage::from_wat(GUEST_OF_MANY_NEEDS);
    let wall = |cell: &Path| {
        let sandbox = Sandbox::builder(image.open()).cell(cell).build().expect("a cell");
        sandbox.walls().into_iter().find(|wall| wall.name == "no_processes").expect("its wall")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let root = rustix::process::getuid().is_root();
    let behind_all = wall(&real_cell());
    assert!(behind_all.active);
    assert_eq!(behind_all.detail.contains("by the system call filter alone"), root);
    let without_filter = wall(&refusing(folder.path(), libc::EPERM, &[libc::SYS_seccomp]));
    assert_eq!(without_filter.active, !root, "{without_filter:?}");
}

#[test]
fn the_page_about_security_has_the_walls_and_their_number_of_calls() {
    const NUMBERS: [&str; 5] = ["seven", "eight", "nine", "ten", "eleven"];
    let page =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root").join("SECURITY.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let calls: BTreeSet<_> = GUEST.iter().map(|rule| rule.number).collect();
    let number = NUMBERS[calls.len() - 7];
    assert!(page.contains(&format!("| `system_call_filter` | {number} system calls,")), "{number}");
    let (_, table) = page.split_once("| wall |").expect("the table of walls");
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<Vec<_>>(), bellglass::walls::ALL);
}

#[test]
fn programs_of_strangers_are_not_run_without_the_filter() {
    let folder = tempfile::tempdir().expect("a folder");
    let module = module_in(folder.path());
    let unfiltered = refusing(folder.path(), libc::EPERM, &[libc::SYS_seccomp]);
    let run = |options: &[&str], cell: &Path| {
        Command::new(real_cell().with_file_name("bellglass"))
            .args(["run", "--wasm"])
            .args(options)
            .arg(&module)
            .env("BELLGLASS_CELL", cell)
            .stdin(Stdio::null())
            .output()
            .expect("run the tests with `cargo xtask test`")
    };
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let service = ["--limits", "service"];
    let output = run(&service, &unfiltered);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert!(said(&output).contains("--waive-walls system_call_filter"), "{}", said(&output));
    // Told otherwise, or with nobody to protect from.
    let waived = ["--limits", "service", "--waive-walls", "system_call_filter,no_processes"];
    for options in [&waived[..], &[]] {
        let output = run(options, &unfiltered);
        assert_eq!((output.status.code(), &*said(&output)), (Some(0), ""), "{options:?}");
    }
    // Other walls are missed aloud.
    let calls = [libc::SYS_landlock_create_ruleset];
    let output = run(&service, &refusing(folder.path(), libc::EOPNOTSUPP, &calls));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said(&output).contains("the wall 'landlock' is not up"), "{}", said(&output));
    let output = run(&service, &real_cell());
    assert_eq!((output.status.code(), &*said(&output)), (Some(0), ""));
}

#[test]
fn modules_of_strangers_are_not_compiled_without_walls() {
    let folder = tempfile::tempdir().expect("a folder");
    let module = module_in(folder.path());
    let on = |error: i32, calls: &[libc::c_long], words: &[&str]| {
        let calls: Vec<String> = calls.iter().map(ToString::to_string).collect();
        let command = folder.path().join(format!("command-refusing-{error}-{}", calls.join("-")));
        let _ = std::os::unix::fs::symlink(CAGED, &command);
        // What is kept there has been compiled by this very run.
        let cache = tempfile::tempdir().expect("a folder");
        let output = Command::new(command)
            .args(words)
            .arg(&module)
            .env("BELLGLASS_CACHE", cache.path())
            .stdin(Stdio::null())
            .output()
            .expect("run the tests with `cargo xtask test`");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let refuses = |(code, said): (Option<i32>, String), wall: &str| {
        assert_eq!(code, Some(125), "{wall}: {said}");
        let sentence = format!("the module is not compiled, because the wall '{wall}' around the compiler");
        assert!(said.contains(&sentence) && said.lines().count() == 1, "{wall}: {said}");
        said
    };
    let filter = "system_call_filter";
    let run = ["run", "--limits", "service", "--wasm"];
    let output = folder.path().join("module.bgi");
    let output = output.to_str().expect("text");
    for error in [libc::EPERM, libc::ENOSYS] {
        for call in [libc::SYS_seccomp, libc::SYS_prctl] {
            let said = refuses(on(error, &[call], &run), filter);
            assert!(said.contains("only with --waive-walls system_call_filter"), "{said}");
        }
        let seccomp = [libc::SYS_seccomp];
        let thread = ["run", "--limits", "service", "--isolation", "thread", "--wasm"];
        refuses(on(error, &seccomp, &thread), filter);
        refuses(on(error, &seccomp, &["run", "--require-walls", filter, "--wasm"]), filter);
        let said = refuses(on(error, &seccomp, &["image", "seal", "-o", output]), filter);
        assert!(said.contains("only with --waive-walls system_call_filter"), "{said}");
        // Told otherwise, or with nobody to protect from.
        let waived =
            ["run", "--limits", "service", "--waive-walls", "system_call_filter,no_processes", "--wasm"];
        for words in [&waived[..], &["run", "--wasm"]] {
            assert_eq!(on(error, &seccomp, words), (Some(0), String::new()), "{words:?}");
        }
        let (code, said) = on(error, &seccomp, &["image", "seal", "--waive-walls", filter, "-o", output]);
        assert_eq!(code, Some(0), "{said}");
        std::fs::remove_dir_all(output).expect("it is there");
        // What bounds it is never waived.
        let limits = [libc::SYS_prlimit64, libc::SYS_setrlimit];
        for words in [&["run", "--wasm"][..], &["run", "--waive-walls", "all", "--wasm"]] {
            refuses(on(error, &limits, words), "memory_bound");
        }
    }
}

/// Lets the program `cell` do all that a cell ever does; whether the filter ended
/// it on the way.
fn is_refused_something(cell: &Path) -> bool {
    let image = ToyImage::from_wat(GUEST_OF_MANY_NEEDS);
    let limits = Limits {
        table_elements: 4 << 20,
        timeout: Some(Duration::from_secs(5)),
        start_time: Duration::from_secs(5),
        ..Limits::default()
    };
    let builder = Sandbox::builder(image.open()).cell(cell).limits(limits);
    let builder = builder.on("wasi_snapshot_preview1.fd_write(iiii)i", |call, next| {
        // The cell's allocator maps room for so much, and unmaps it.
        call.memory.read(0, &mut vec![0; 1 << 20])?;
        next.answer(call)
    });
    let sandbox = match builder.build() {
        Ok(sandbox) => sandbox,
        Err(error) => return error.to_string().contains("system call filter"),
    };
    let process = child();
    let controls = sandbox.controls();
    let (ended, has_ended) = mpsc::channel::<()>();
    let interrupter = std::thread::spawn(move || {
        let pause = || has_ended.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout);
        for signal in [Signal::STOP, Signal::CONT] {
            pause();
            let _ = rustix::process::kill_process(process, signal);
        }
        // The guest computes until one of these has come.
        while pause() {
            controls.interrupt();
        }
    });
    let outcome = sandbox.run().outcome;
    drop(ended);
    interrupter.join().expect("no panic");
    match outcome {
        Outcome::Breach { reason } => reason.contains("system call filter"),
        Outcome::Crashed { .. } => false,
        other => panic!("the guest in {} ended as {other:?}", cell.display()),
    }
}

fn real_cell() -> PathBuf {
    let own = std::env::current_exe().expect("a path");
    own.ancestors().nth(2).expect("a folder").join("bellglass-cell")
}

/// The process that this thread has started.
fn child() -> Pid {
    let children = std::fs::read_to_string("/proc/thread-self/children").expect("/proc");
    children.trim().parse().ok().and_then(Pid::from_raw).expect("one child")
}

/// Grows its memory and a table; sends a megabyte in pieces that the cell keeps
/// on its heap, and then less; waits for an interrupt; faults.
const GUEST_OF_MANY_NEEDS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 20) (table 1 funcref)
    (data (i32.const 0) "\03\00\00\00\40\00\00\00\01\00\00\00" "\00\01\00\00\06\00\00\00\00\00\00\00")
    (data (i32.const 64) "\01\00\00\00\01\00\00\00\02\00\00\00")
    (func (export "interrupts") (result i32) (i32.const 0))
    (func $pairs (local $pair i32)
        (loop $next
            (i32.store (i32.add (i32.const 1024) (i32.mul (local.get $pair) (i32.const 8))) (i32.const 65536))
            (i32.store (i32.add (i32.const 1028) (i32.mul (local.get $pair) (i32.const 8))) (i32.const 60000))
            (local.set $pair (i32.add (local.get $pair) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $pair) (i32.const 17)))))
    (func $await
        (loop $again (br_if $again (i32.eqz (i32.load (i32.const 256))))))
    (func (export "run") (result i32)
        (drop (memory.grow (i32.const 100)))
        (drop (table.grow (ref.null func) (i32.const 5000)))
        (drop (table.grow (ref.null func) (i32.const 200000)))
        (drop (table.grow (ref.null func) (i32.const 2000000)))
        (drop (table.grow (ref.null func) (i32.const 1000000)))
        (call $pairs)
        (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 17) (i32.const 8)))
        (drop (call $write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 8)))
        (call $await)
        (i32.load (i32.const -8))))"#;

/// Whoever started a cell may be gone before the cell has asked to be told.
#[test]
fn a_cell_whose_controller_is_gone_already_does_not_stay() {
    let (reading, writing) = std::io::pipe().expect("a pipe");
    drop(reading);
    let mut command = Command::new(CAGED);
    command.arg("spin").env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(writing);
    let mut started = command.spawn().expect("it starts");
    let begun = Instant::now();
    while started.try_wait().expect("a child").is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            started.kill().expect("it lives");
            started.wait().expect("a child");
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
