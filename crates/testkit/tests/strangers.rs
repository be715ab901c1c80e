use bellglass::{Amount, LimitKind, Limits, Outcome, Reached, Sandbox};
use bellglass_testkit::ToyImage;
use std::time::{Duration, Instant};

/// Runs guests that end, that fail, and that are ended, in a process where somebody
/// else takes note of the ends of children.
fn run_all_kinds() {
    let image = |body: &str| {
        ToyImage::from_wat(&format!(
            r#"(module (memory (export "memory") 1) (func (export "run") (result i32) {body}))"#
        ))
    };
    let (good, endless, faulty) =
        (image("(i32.const 7)"), image("(loop $l (br $l)) (i32.const 0)"), image("unreachable"));
    let timeout = Duration::from_millis(200);
    let run = |image: &ToyImage, limits: Limits| {
        Sandbox::builder(image.open()).limits(limits).build().expect("a cell").run()
    };
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(run(&good, Limits::default()).outcome, Outcome::Exited { code: 7 });
        let fault = run(&faulty, Limits::default()).outcome;
        assert!(matches!(fault, Outcome::Crashed { .. }), "{fault:?}");
        let limits = Limits { timeout: Some(timeout), ..Limits::default() };
        assert_eq!(run(&endless, limits).outcome, Outcome::Limit(LimitKind::Timeout.after(timeout)));
        let limit = Duration::from_millis(200);
        let report = run(&endless, Limits { processor_time: Some(limit), ..Limits::default() });
        assert_eq!(report.outcome, Outcome::Limit(LimitKind::ProcessorTime.after(limit)));
        assert!(report.cpu_time >= limit, "{:?}", report.cpu_time);
        drop(Sandbox::builder(good.open()).build().expect("a cell"));
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
    let children = std::fs::read_to_string("/proc/thread-self/children").expect("/proc");
    assert_eq!(children.trim(), "", "all are gone");
}

#[test]
fn a_controller_may_ignore_the_ends_of_its_children() {
    crate::run_alone("strangers::ignoring_ends", &[]);
}

#[test]
#[ignore = "changes what its whole process does: see above"]
fn ignoring_ends() {
    // SAFETY: nothing in this process counts on that signal.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    run_all_kinds();
}

#[test]
fn a_controller_may_reap_whatever_ends() {
    crate::run_alone("strangers::reaping_all", &[]);
}

#[test]
#[ignore = "changes what its whole process does: see above"]
fn reaping_all() {
    std::thread::spawn(|| {
        loop {
            // SAFETY: the status is not asked for.
            while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {}
            std::thread::yield_now();
        }
    });
    run_all_kinds();
}

/// Where a guest takes its controller's last descriptor, other guests' time is still
/// measured.
#[test]
fn processor_time_is_known_without_a_descriptor() {
    crate::run_alone("strangers::without_descriptors", &[]);
}

#[test]
#[ignore = "limits its whole process: see above"]
fn without_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let image = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1)
        (func (export "run") (result i32) (loop $l (br $l)) (i32.const 0)))"#,
    );
    let limit = Duration::from_millis(300);
    let limits = Limits { processor_time: Some(limit), ..Limits::default() };
    let sandbox = Sandbox::builder(image.open()).limits(limits).build().expect("a cell");
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Just those that there are.
    let next = rustix::io::dup(std::io::stdin()).expect("a descriptor");
    let number = u64::try_from(std::os::fd::AsRawFd::as_raw_fd(&next)).expect("a number");
    drop(next);
    setrlimit(Resource::Nofile, Rlimit { current: Some(number), maximum }).expect("fewer are allowed");
    assert!(std::fs::File::open("/dev/null").is_err(), "there are no descriptors left");
    let report = sandbox.run();
    assert_eq!(report.outcome, Outcome::Limit(LimitKind::ProcessorTime.after(limit)));
    assert!(report.cpu_time < Duration::from_millis(1500), "{:?}", report.cpu_time);
}

/// What a guest writes may be more than a file may have, by `ulimit -f`: whoever uses
/// this library may not be ended for it.
#[test]
fn a_file_that_may_not_grow_is_the_guests_affair() {
    crate::run_alone("strangers::full_files", &[]);
}

#[test]
#[ignore = "limits its whole process: see above"]
fn full_files() {
    use bellglass::{Isolation, Output};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// What WASI calls EFBIG.
    const TOO_LARGE: i32 = 22;
    let image = ToyImage::from_wat(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 2)
        (data (i32.const 0) "\40\00\00\00\00\ea\00\00")
        (func (export "run") (result i32) (local $errno i32)
            (loop $again
                (local.set $errno (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
                (br_if $again (i32.eqz (local.get $errno))))
            (local.get $errno)))"#,
    );
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(1 << 20), maximum }).expect("less is allowed");
    for isolation in [Isolation::Process, Isolation::Thread] {
        let file = tempfile::tempfile().expect("a file");
        let also = file.try_clone().expect("a descriptor");
        let outputs = [Output::Descriptor(file.into()), Output::Writer(Box::new(also))];
        for output in outputs {
            let sandbox = Sandbox::builder(image.open()).isolation(isolation).stdout(output);
            let outcome = sandbox.build().expect("a cell").run().outcome;
            assert_eq!(outcome, Outcome::Exited { code: TOO_LARGE }, "{isolation:?}");
        }
    }
}

/// An application that takes its signals in one thread blocks them in all others, and
/// runs guests in those.
#[test]
fn signals_that_are_blocked_are_not_the_guests_affair() {
    crate::run_alone("strangers::everything_blocked", &[]);
}

/// What this thread blocks, a bit a signal.
fn blocked() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("/proc");
    status.lines().find(|line| line.starts_with("SigBlk")).expect("a line").to_owned()
}

#[test]
#[ignore = "changes what its whole process does: see above"]
fn everything_blocked() {
    use bellglass::{Isolation, Pool};
    const TRAPS: [&str; 4] = [
        "unreachable",
        "(i32.load (i32.const -8))",
        "(i32.div_s (i32.const 1) (i32.load (i32.const 8)))",
        "(call 0)",
    ];
    // SAFETY: both take a set of ours, which all bits are a valid value of; nothing in
    // this process counts on those signals.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
        libc::signal(libc::SIGXCPU, libc::SIG_IGN);
    }
    let before = blocked();
    let image = |body: &str| {
        ToyImage::from_wat(&format!(
            r#"(module (memory (export "memory") 1) (func (export "run") (result i32) {body}))"#
        ))
    };
    let crashes = |sandbox: Sandbox, body: &str| {
        let outcome = sandbox.run().outcome;
        assert!(matches!(outcome, Outcome::Crashed { .. }), "{body}: {outcome:?}");
    };
    for body in TRAPS {
        let image = image(body);
        for isolation in [Isolation::Process, Isolation::Thread] {
            let sandbox = Sandbox::builder(image.open()).isolation(isolation);
            crashes(sandbox.build().expect("a guest"), body);
        }
        let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
        let begun = Instant::now();
        while pool.ready() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "no cell is ready");
            std::thread::sleep(Duration::from_millis(2));
        }
        crashes(pool.sandbox().build().expect("a cell"), body);
    }
    assert_eq!(blocked(), before, "it is the caller's again");
    // Interrupts come too: this one ends by one of its own accord.
    let warned = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\40\00\00\00\01\00\00\00" "\00\01\00\00\01\00\00\00\00\00\00\00")
        (data (i32.const 64) "\00\00\00\00\00\00\00\00\02\00\00\00")
        (func (export "interrupts") (result i32) (i32.const 0))
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.eqz (i32.load (i32.const 256))))) (i32.const 6)))"#,
    );
    for isolation in [Isolation::Process, Isolation::Thread] {
        let (timeout, grace) = (Some(Duration::from_millis(200)), Duration::from_secs(30));
        let limits = Limits { timeout, grace, ..Limits::default() };
        let sandbox = Sandbox::builder(warned.open()).isolation(isolation).limits(limits);
        assert_eq!(sandbox.build().expect("a guest").run().exit_code, Some(6), "{isolation:?}");
    }
}

/// Shells and service managers may say how much processor time a process may have
/// (`ulimit -t`): it is less than the run's own limit, and a limit still.
#[test]
fn processor_time_of_the_whole_process_is_a_limit() {
    crate::run_alone("strangers::little_time", &[]);
}

#[test]
#[ignore = "limits its whole process: see above"]
fn little_time() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let image = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1)
        (func (export "run") (result i32) (loop $l (br $l)) (i32.const 0)))"#,
    );
    let most = Some(2);
    setrlimit(Resource::Cpu, Rlimit { current: most, maximum: most }).expect("less is allowed");
    for processor_time in [Some(Duration::from_secs(10)), None] {
        let limits = Limits { processor_time, timeout: Some(Duration::from_secs(60)), ..Limits::default() };
        let outcome = Sandbox::builder(image.open()).limits(limits).build().expect("a cell").run().outcome;
        let is_told = matches!(
            outcome,
            Outcome::Limit(Reached { kind: LimitKind::ProcessorTime, limit: Amount::Time(limit), .. })
                if limit <= Duration::from_secs(2)
        );
        assert!(is_told, "{processor_time:?}: {outcome:?}");
    }
}

/// To set a guest up is to make files too: memory that both share, at least.
#[test]
fn a_guest_is_set_up_where_no_file_may_grow() {
    crate::run_alone("strangers::no_files", &[]);
}

#[test]
#[ignore = "limits its whole process: see above"]
fn no_files() {
    use bellglass::{Isolation, Pool};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let image = ToyImage::from_wat(
        r#"(module (memory (export "memory") 1) (func (export "run") (result i32) (i32.const 7)))"#,
    );
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: Some(1), maximum }).expect("less is allowed");
    for isolation in [Isolation::Process, Isolation::Thread] {
        let sandbox = Sandbox::builder(image.open()).isolation(isolation).build().expect("a guest");
        assert_eq!(sandbox.run().outcome, Outcome::Exited { code: 7 }, "{isolation:?}");
    }
    let pool = Pool::builder(image.open()).size(1).build().expect("a pool");
    let begun = Instant::now();
    while pool.ready() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "no cell is ready");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(pool.sandbox().build().expect("a cell").run().outcome, Outcome::Exited { code: 7 });
}
