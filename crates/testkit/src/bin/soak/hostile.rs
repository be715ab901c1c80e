//! Guests that do what strangers might.

use super::Kind;
use super::stage::{ENTRY, Ended, LEVELS, Numbers, PATIENCE, Placement, Stage, Verdict, finish, limits, toy};
use bellglass::{Access, Answer, LimitKind, Limits, Mount, Outcome, Reached, Sandbox, Signal};
use bellglass_testkit::ToyImage;
use rustix::process::{Pid, PidfdFlags, Signal as HostSignal, pidfd_open, pidfd_send_signal};
use std::time::{Duration, Instant};

const CELLS: &[Placement] = &[Placement::Cell, Placement::Pool];
const CELL: &[Placement] = &[Placement::Cell];
const CELL_AND_THREAD: &[Placement] = &[Placement::Cell, Placement::Thread];

pub(crate) const KINDS: [Kind; 29] = [
    Kind { name: "a hog of memory", places: Placement::ALL, run: memory },
    Kind { name: "a flood of output", places: Placement::ALL, run: output },
    Kind { name: "a flood of files", places: Placement::ALL, run: files },
    Kind { name: "a flood of names", places: Placement::ALL, run: names },
    Kind { name: "hard links with long names", places: Placement::ALL, run: links },
    Kind { name: "directories without an end", places: Placement::ALL, run: deep },
    Kind { name: "directories that are emptied", places: Placement::ALL, run: emptied },
    Kind { name: "a hog of descriptors", places: Placement::ALL, run: descriptors },
    Kind { name: "what is known of itself, often", places: Placement::ALL, run: information },
    Kind { name: "endless recursion", places: Placement::ALL, run: recursion },
    Kind { name: "processes and threads", places: Placement::ALL, run: processes },
    Kind { name: "a loop", places: Placement::ALL, run: endless },
    Kind { name: "a loop and a limit of processor time", places: Placement::ALL, run: processor_time },
    Kind { name: "a long sleep", places: Placement::ALL, run: sleep },
    Kind { name: "a large file cut short", places: Placement::ALL, run: truncate },
    Kind { name: "the end of a packed file", places: Placement::ALL, run: packed_end },
    Kind { name: "many packed files", places: Placement::ALL, run: packed_files },
    Kind { name: "large directories", places: Placement::ALL, run: listing },
    Kind { name: "random bytes without an end", places: CELL_AND_THREAD, run: random },
    Kind { name: "a flood of calls", places: Placement::ALL, run: calls },
    Kind { name: "a storm of signals", places: Placement::ALL, run: signals },
    Kind { name: "a kill by its owner", places: Placement::ALL, run: killed },
    Kind { name: "a kill by somebody else", places: CELL, run: killed_outside },
    Kind { name: "a lying cell", places: CELL, run: liar },
    Kind { name: "a module that faults", places: CELL_AND_THREAD, run: faults },
    Kind { name: "a module that grows", places: CELL_AND_THREAD, run: grows },
    Kind { name: "a module that throws", places: CELL_AND_THREAD, run: throws },
    Kind { name: "a module that loops before it starts", places: CELL_AND_THREAD, run: start },
    Kind { name: "a run that never begins", places: CELLS, run: dropped },
];

/// Deadlines of those that never end by themselves.
const SHORT: Duration = Duration::from_millis(500);

/// Those of programs that may or may not end by themselves.
const LONGER: Duration = Duration::from_secs(3);

fn is_deadline(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }))
}

impl Ended {
    /// Whether a program printed that something was refused, or was stopped on the
    /// way to that.
    fn refused_or_late(&self, expected: &[&str]) -> Verdict {
        let printed = self.report.outcome.is_success() && expected.contains(&self.out.trim());
        self.check(printed || is_deadline(&self.report.outcome))
    }
}

/// Repeats a step until it fails, prints the name of the error, and keeps what it
/// has for a while, so that others would miss it.
fn until_refused(prepare: &str, step: &str) -> String {
    format!(
        "import os, errno, time\n{prepare}\nn = 0\ntry:\n while True:\n  {step}\n  n += 1\n\
         except OSError as e:\n print(errno.errorcode[e.errno])\n time.sleep(0.3)"
    )
}

fn memory(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = "x = []\nwhile True: x.append(bytearray(1 << 20))";
    let limits = Limits { memory_bytes: 96 << 20, ..limits(PATIENCE) };
    let ended = finish(stage.python(place, code), limits)?;
    let is_error = ended.report.outcome == Outcome::Exited { code: 1 } && ended.error.contains("MemoryError");
    ended.check(
        is_error || matches!(ended.report.outcome, Outcome::Limit(Reached { kind: LimitKind::Memory, .. })),
    )
}

fn output(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = "import os\nwhile True: os.write(1, b'x' * 65000)";
    let ended = finish(stage.python(place, code), limits(PATIENCE))?;
    let limit = 1 << 20;
    ended.check(
        ended.report.outcome == Outcome::Limit(LimitKind::Output.at(limit))
            && ended.out.len() as u64 == limit,
    )
}

fn files(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = until_refused("", "open(f'/tmp/{n}', 'wb', 0).write(b'x' * 100000)");
    let ended = finish(stage.python(place, &code), limits(PATIENCE))?;
    // A write that is cut short is no error; then there is room for the file no more.
    ended.refused_or_late(&["ENOSPC", "ENOMEM"])
}

fn names(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = until_refused("", "os.mkdir(f'/tmp/{n}') if n % 2 else os.symlink('x' * 1000, f'/tmp/{n}')");
    let ended = finish(stage.python(place, &code), limits(PATIENCE))?;
    ended.refused_or_late(&["ENOSPC", "ENOMEM"])
}

/// The list of changes is made, too: by somebody who waits for it.
fn overlay(stage: &Stage, place: Placement, code: &str, limits: Limits) -> Result<Ended, String> {
    let (mount, overlay) = Mount::directory(stage.path("work"), "/work", Access::ReadOnly).overlay();
    let ended = finish(stage.python(place, code).mount(mount), limits)?;
    // It may be too much; that is then said.
    if let Ok(changes) = overlay.changes()
        && changes.is_empty()
    {
        return Err("nothing was changed".to_owned());
    }
    Ok(ended)
}

fn links(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let prepare = "d = '/work'\nfor _ in range(18):\n d += '/' + 'd' * 200\n os.mkdir(d)\n\
                   open(d + '/x', 'w').close()";
    let code = until_refused(prepare, "os.link(d + '/x', d + f'/{n:0>60}')");
    overlay(stage, place, &code, limits(PATIENCE))?.refused_or_late(&["ENOSPC", "ENOMEM", "EMLINK"])
}

fn deep(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let prepare = "at = os.open('/work', os.O_RDONLY)";
    let step =
        "os.mkdir('d', dir_fd=at); below = os.open('d', os.O_RDONLY, dir_fd=at); os.close(at); at = below";
    let code = until_refused(prepare, step);
    let ended = overlay(stage, place, &code, limits(PATIENCE))?;
    ended.refused_or_late(&["ENOSPC", "ENOMEM", "ENAMETOOLONG", "EMFILE"])
}

fn emptied(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let step = "os.mkdir(f'/tmp/{n}')\n  for i in range(3000): open(f'/tmp/{n}/{i:0>100}', 'w').close()\n  \
                for i in range(3000): os.remove(f'/tmp/{n}/{i:0>100}')";
    let ended = finish(stage.python(place, &until_refused("", step)), limits(LONGER))?;
    ended.refused_or_late(&["ENOSPC", "ENOMEM"])
}

fn descriptors(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let path = format!("/deep/{}", vec!["d"; LEVELS].join("/"));
    let code = until_refused("", &format!("os.open('{path}', os.O_RDONLY)"));
    let mount = Mount::directory(stage.path("deep"), "/deep", Access::ReadOnly);
    let ended = finish(stage.python(place, &code).mount(mount), limits(PATIENCE))?;
    ended.refused_or_late(&["EMFILE", "ENFILE", "ENOMEM"])
}

fn information(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let names = "['environ', 'cmdline', 'status', 'mounts', 'stat']";
    let prepare = format!("names = {names}\nf = []");
    let step = "name = '/proc/self/' + names[n % 2 if n % 10 else n // 10 % 5]\n  \
                f.append(os.open(name, os.O_RDONLY) if os.path.exists(name) else 0)";
    let code = until_refused(&prepare, step);
    let guest = stage.python(place, &code).environment("LARGE", "x".repeat(100_000));
    let guest = guest.arguments(["y".repeat(200_000)]);
    finish(guest, limits(PATIENCE))?.refused_or_late(&["EMFILE", "ENOMEM"])
}

/// Whichever ends first: the stack, the memory, or the patience with the traceback of
/// it all.
fn recursion(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let recursions = [
        "def f(): f()\nf()",
        "class A:\n def __getattr__(self, n): return getattr(self, n)\nA().x",
        "x = []\nfor _ in range(10**5): x = [x]\nrepr(x)",
    ];
    let recursion = recursions[numbers.below(3) as usize];
    let code = format!("import sys\nsys.setrecursionlimit(10**9)\n{recursion}");
    let ended = finish(stage.python(place, &code), limits(LONGER))?;
    let is_error = ended.report.outcome == Outcome::Exited { code: 1 }
        && (ended.error.contains("RecursionError") || ended.error.contains("MemoryError"));
    let outcome = &ended.report.outcome;
    let is_limit =
        matches!(outcome, Outcome::Crashed { .. } | Outcome::Limit(Reached { kind: LimitKind::Memory, .. }))
            || is_deadline(outcome);
    ended.check(is_error || is_limit)
}

fn processes(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = "import os, threading, subprocess, socket\nrefused = 0\n\
                for start in (os.fork, os.vfork if hasattr(os, 'vfork') else os.fork, threading.Thread(target=print).start,\n  \
                lambda: subprocess.run(['/bin/true']), lambda: os.execv('/bin/sh', ['sh']),\n  \
                lambda: os.kill(1, 9), lambda: socket.create_connection(('127.0.0.1', 22), 1)):\n \
                try: start()\n except (OSError, RuntimeError): refused += 1\n\
                print(refused)";
    let ended = finish(stage.python(place, code), limits(PATIENCE))?;
    ended.check(ended.report.outcome.is_success() && ended.out == "7\n")
}

fn endless(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let code = ["while True: pass", "10**10**8", "import re; re.match('(a+)+$', 'a' * 60 + 'b')"];
    let code = code[numbers.below(3) as usize];
    let ended = finish(stage.python(place, code), limits(SHORT))?;
    ended.check(is_deadline(&ended.report.outcome))
}

fn processor_time(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let limit = Duration::from_millis(100);
    let limits = Limits { processor_time: Some(limit), ..limits(PATIENCE) };
    let ended = finish(stage.python(place, "while True: pass"), limits)?;
    ended.check(ended.report.outcome == Outcome::Limit(LimitKind::ProcessorTime.after(limit)))
}

fn sleep(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let ended = finish(stage.python(place, "import time; time.sleep(3600)"), limits(SHORT))?;
    ended.check(is_deadline(&ended.report.outcome))
}

fn truncate(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let (mount, _overlay) = Mount::directory(stage.path("large"), "/large", Access::ReadOnly).overlay();
    let code = "import os\ntry: os.truncate('/large/hole', 1)\nexcept OSError: pass";
    let ended = finish(stage.python(place, code).mount(mount), limits(SHORT))?;
    ended.check(ended.report.outcome.is_success() || is_deadline(&ended.report.outcome))
}

fn packed_end(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = format!(
        "import os\nwhile True:\n fd = os.open('/zip/zeros', os.O_RDONLY)\n assert os.pread(fd, 1, {}) == b'\\0'\n os.close(fd)",
        ENTRY - 1
    );
    let guest = stage.python(place, &code).mount(Mount::archive(stage.path("archive.zip"), "/zip"));
    let ended = finish(guest, limits(SHORT))?;
    ended.check(is_deadline(&ended.report.outcome))
}

fn packed_files(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = until_refused("", "os.pread(os.open(f'/zip/small/{n}', os.O_RDONLY), 1, 100)");
    let guest = stage.python(place, &code).mount(Mount::archive(stage.path("archive.zip"), "/zip"));
    let ended = finish(guest, limits(PATIENCE))?;
    ended.refused_or_late(&["EMFILE", "ENFILE", "ENOMEM"])
}

fn listing(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let mount = Mount::directory(stage.path("many"), "/many", Access::ReadOnly);
    let code = "import os\nwhile True: assert len(os.listdir('/many')) == 20000";
    let ended = finish(stage.python(place, code).mount(mount), limits(SHORT))?;
    ended.check(is_deadline(&ended.report.outcome))
}

fn random(_: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let image = ToyImage::from_wat(
        r#"(module (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1600)
        (func (export "run") (result i32)
            (loop $l (drop (call $random (i32.const 0) (i32.const 104857600))) (br $l)) (i32.const 0)))"#,
    );
    let ended = finish(toy(place, &image), limits(SHORT))?;
    ended.check(is_deadline(&ended.report.outcome))
}

fn calls(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let limits = Limits { calls: Some(20_000), ..limits(PATIENCE) };
    let ended = finish(stage.python(place, "import os\nwhile True: os.stat('/tmp')"), limits)?;
    ended.check(ended.report.outcome == Outcome::Limit(LimitKind::Calls.at(20_000)))
}

/// Signals from another thread, many of them, while it computes and while it waits.
fn signals(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = "import signal, time\ncount = 0\n\
                def count_it(number, frame):\n global count\n count += 1\n\
                signal.signal(signal.SIGINT, count_it)\nsignal.signal(signal.SIGTERM, count_it)\n\
                print('ready', flush=True)\n\
                while count < 20: time.sleep(0.001); sum(range(1000))\n\
                signal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                print('done')";
    let printed = bellglass::Capture::new();
    let sandbox = stage
        .python(place, code)
        .limits(limits(PATIENCE))
        .stdout(bellglass::Output::Capture(printed.clone()))
        .build()
        .map_err(|error| format!("it did not start: {error}"))?;
    let controls = sandbox.controls();
    let over = std::sync::atomic::AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Before it has its handlers it would end by them.
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                if printed.bytes().starts_with(b"ready") {
                    controls.interrupt();
                    controls.signal(Signal::TERMINATE);
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        let report = sandbox.run();
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        report
    });
    let out = String::from_utf8_lossy(&printed.bytes()).into_owned();
    let is_right = report.outcome.is_success() && out == "ready\ndone\n";
    Ended { report, out, error: String::new() }.check(is_right)
}

fn killed(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let sandbox = stage
        .python(place, "import os\nwhile True: os.stat('/')")
        .limits(limits(PATIENCE))
        .build()
        .map_err(|error| format!("it did not start: {error}"))?;
    let controls = sandbox.controls();
    let moment = Duration::from_micros(numbers.below(100_000));
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(moment);
            controls.kill();
        });
        sandbox.run()
    });
    let is_right = report.outcome == Outcome::Killed;
    Ended { report, out: String::new(), error: String::new() }.check(is_right)
}

/// As the kernel does it when memory is short: it asks nobody.
fn killed_outside(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let sandbox = stage
        .python(place, "import os\nwhile True: os.stat('/')")
        .limits(limits(PATIENCE))
        .build()
        .map_err(|error| format!("it did not start: {error}"))?;
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let child = children.trim().parse().ok().and_then(Pid::from_raw);
    let child = child.ok_or_else(|| format!("it has the children '{children}'"))?;
    let cell = pidfd_open(child, PidfdFlags::empty()).map_err(|error| format!("no pidfd: {error}"))?;
    let moment = Duration::from_micros(numbers.below(100_000));
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(moment);
            let _ = pidfd_send_signal(&cell, HostSignal::KILL);
        });
        sandbox.run()
    });
    let is_right =
        matches!(&report.outcome, Outcome::Breach { reason } if reason.contains("killed by somebody else"));
    Ended { report, out: String::new(), error: String::new() }.check(is_right)
}

/// How a lie ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lie {
    Breach,
    Deadline,
}

const LIES: [(&str, Lie); 14] = [
    ("die 3", Lie::Breach),
    ("send ff ff ff ff\nsleep 9000", Lie::Breach),
    ("send 01 00 40 00\nsleep 9000", Lie::Breach),
    ("send 00 00 00 00\nsleep 9000", Lie::Breach),
    ("frame 63\nsleep 9000", Lie::Breach),
    ("call 7 0\nsleep 9000", Lie::Breach),
    ("call 0 1 2 3\nsleep 9000", Lie::Breach),
    ("data 4\nsleep 9000", Lie::Breach),
    ("call 0 0\nawait\ndata 15\nsleep 9000", Lie::Breach),
    ("flood", Lie::Breach),
    ("drip", Lie::Deadline),
    ("stop", Lie::Deadline),
    ("dance", Lie::Breach),
    ("call 0 0\nawait\nsleep 9000", Lie::Deadline),
];

fn liar(_: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let (script, lie) = LIES[numbers.below(LIES.len() as u64) as usize];
    let image = ToyImage::from_script(&format!("hello\nawait\n{script}"));
    let program = std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("lying-cell");
    let guest = toy(place, &image).cell(program).on("a.b(i)i", |call, _| {
        let mut bytes = [0; 16];
        call.memory.read(0, &mut bytes)?;
        call.memory.write(0, &bytes)?;
        Ok(Answer::i32(1))
    });
    // Time enough for a lie that is told at once, also where the machine is busy.
    let timeout = if lie == Lie::Breach { PATIENCE } else { SHORT };
    let ended = finish(guest, limits(timeout)).map_err(|reason| format!("{script:?}: {reason}"))?;
    let told = match ended.report.outcome {
        Outcome::Breach { .. } => Some(Lie::Breach),
        Outcome::Limit(Reached { kind: LimitKind::Timeout, .. }) => Some(Lie::Deadline),
        _ => None,
    };
    ended.check(told == Some(lie)).map_err(|reason| format!("{script:?}: {reason}"))
}

fn run_toy(place: Placement, wat: &str, timeout: Duration, is_right: fn(&Outcome) -> bool) -> Verdict {
    let image = ToyImage::from_wat(wat);
    let limits = Limits { memory_bytes: 32 << 20, table_elements: 1 << 18, ..limits(timeout) };
    let ended = finish(toy(place, &image), limits)?;
    ended.check(is_right(&ended.report.outcome))
}

fn faults(_: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let faults = [
        "unreachable",
        "(i32.load (i32.const -8))",
        "(call $run)",
        "(call_indirect (type $f) (i32.const 0)) (i32.const 0)",
        "(i32.div_u (i32.const 1) (i32.const 0))",
        "(throw $tag)",
    ];
    let fault = faults[numbers.below(faults.len() as u64) as usize];
    let wat = format!(
        r#"(module (memory (export "memory") 2) (table 1 funcref) (type $f (func)) (tag $tag)
        (func $run (export "run") (result i32) {fault}))"#
    );
    run_toy(place, &wat, PATIENCE, |outcome| matches!(outcome, Outcome::Crashed { .. }))
}

/// To its limits, of memory and of tables, and fills what it gets.
fn grows(_: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let wat = r#"(module (memory (export "memory") 1) (table $t 1 funcref)
        (func (export "run") (result i32)
            (loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
            (loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
            (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))
            (i32.const 9)))"#;
    run_toy(place, wat, PATIENCE, |outcome| *outcome == Outcome::Exited { code: 9 })
}

/// A hundred thousand times what a longjmp is made of.
fn throws(_: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let wat = r#"(module (memory (export "memory") 1) (tag $t (param i32))
        (func $throw (param i32) local.get 0 throw $t)
        (func (export "run") (result i32) (local $left i32)
            (local.set $left (i32.const 100000))
            (loop $l
                (block $caught (result i32)
                    (try_table (catch $t $caught) (call $throw (i32.const 3)))
                    (i32.const 0))
                (drop)
                (br_if $l (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (i32.const 5)))"#;
    run_toy(place, wat, PATIENCE, |outcome| *outcome == Outcome::Exited { code: 5 })
}

fn start(_: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let wat = r#"(module (memory (export "memory") 1) (func $f (loop $l (br $l))) (start $f)
        (func (export "run")))"#;
    run_toy(place, wat, SHORT, is_deadline)
}

/// It is built, and dropped before or while its cell gets ready.
fn dropped(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let begun = Instant::now();
    let sandbox: Sandbox = stage
        .python(place, "print(1)")
        .limits(limits(PATIENCE))
        .build()
        .map_err(|error| format!("it did not start: {error}"))?;
    std::thread::sleep(Duration::from_micros(numbers.below(5000)));
    drop(sandbox);
    if begun.elapsed() > PATIENCE { Err("it took a minute to be dropped".to_owned()) } else { Ok(()) }
}
