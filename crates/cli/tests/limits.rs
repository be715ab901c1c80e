//! What breaks other sandboxes: each ends as it should, and the command lives.

use crate::harness::process::{self, Finished, Identity, children, eventually, is_alive, status_kib};
use crate::harness::{CRASH, Scratch, Stdin, digest};
use rustix::process::Signal;
use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How late a deadline may be kept on a machine that is busy with other tests.
/// The benches measure how late it is on a quiet one.
const SLACK: Duration = Duration::from_secs(1);

#[track_caller]
fn stops_at_the_deadline(code: &str, stdin: Stdin) {
    let timeout = Duration::from_secs(2);
    let place = Scratch::new();
    let report = place.home().join("report.json");
    let mut command = place.bellglass(["run", "--timeout", "2s", "--report"]);
    let finished = process::finish(command.arg(&report).args(["-c", code]), stdin).expect(124);
    let finished = finished.says("the program was stopped at its deadline of 2s");
    let report = std::fs::read_to_string(report).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let took = Duration::from_secs_f64(report["wall_seconds"].as_f64().expect("a number"));
    println!("{:?} after the deadline; the command took {:?}", took.saturating_sub(timeout), finished.took);
    assert!(took >= timeout && took < timeout + SLACK, "it ran for {took:?}");
}

macro_rules! deadlines {
    ($($name:ident: $code:expr;)*) => {
        $(#[test]
        fn $name() {
            stops_at_the_deadline($code, Stdin::Silent);
        })*
    };
}

deadlines! {
    deadline_in_a_loop: "while True: pass";
    deadline_in_a_loop_in_c: "sum(range(10**12))";
    deadline_in_a_large_power: "10**10**8";
    deadline_in_a_catastrophic_expression: "import re; re.match('(a+)+$', 'a' * 60 + 'b')";
    deadline_in_sleep: "import time; time.sleep(100)";
    deadline_in_a_read_of_stdin: "input()";
    deadline_in_a_program_that_catches_all: "while True:\n try:\n  while True: pass\n except BaseException: pass";
}

/// Ends in a Python error, or in a crash that is told; never in anything else.
#[track_caller]
fn ends_well(code: &str) -> Finished {
    ends_well_within("256M", code)
}

#[track_caller]
fn ends_well_within(memory: &str, code: &str) -> Finished {
    let finished = Scratch::new().code(&["--timeout", "60s", "--memory", memory], code);
    let error = finished.err();
    let python = finished.code == 1 && (error.contains("RecursionError") || error.contains("MemoryError"));
    let crash = finished.code == 134 && error.contains("bellglass: the interpreter crashed");
    let limit = finished.code == 137 && error.contains("bellglass: the program was stopped");
    assert!(python || crash || limit, "{}", finished.all());
    finished
}

#[test]
fn endless_recursion_without_a_limit() {
    // The recursion takes a second. Then CPython formats each of the hundreds of
    // thousands of frames, of which it prints three, at 50 us each (33 us natively):
    // less memory means fewer of them.
    ends_well_within("96M", "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()");
}

#[test]
fn endless_recursion_through_c() {
    ends_well(
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n def __getattr__(self, n): return getattr(self, n)\nA().x",
    );
}

#[test]
fn repr_of_deep_lists() {
    ends_well("x = []\nfor _ in range(10**6): x = [x]\nrepr(x)");
}

#[test]
fn pickle_of_deep_lists() {
    ends_well("import pickle\nx = []\nfor _ in range(10**6): x = [x]\npickle.dumps(x)");
}

#[test]
fn comparison_of_deep_lists() {
    ends_well("x = []; y = []\nfor _ in range(10**6): x = [x]; y = [y]\nx == y");
}

#[test]
fn source_of_deep_brackets() {
    let source =
        "import ast\ntry: ast.parse('(' * 100000 + ')' * 100000)\nexcept SyntaxError: raise RecursionError\n";
    ends_well(source);
    ends_well("eval('-' * 10**6 + '1')");
}

#[test]
fn expressions_of_deep_groups() {
    ends_well("import re; re.compile('(' * 50000 + ')' * 50000)");
}

#[test]
fn a_command_outlives_a_crash() {
    let place = Scratch::new();
    place.code(&[], CRASH).expect(134).says("bellglass: the interpreter crashed");
    place.code(&[], "print('next')").expect(0).prints("next\n");
}

#[test]
fn memory_that_cannot_be_had_is_an_error_of_python() {
    let place = Scratch::new();
    let code =
        "try: bytes(4 << 30)\nexcept (MemoryError, OverflowError) as e: print(type(e).__name__)\nprint('on')";
    let finished = place.code(&[], code).expect(0);
    assert!(["MemoryError\non\n", "OverflowError\non\n"].contains(&&*finished.out()), "{}", finished.all());
    place.code(&["--memory", "256M"], "bytearray(300 << 20)").expect(1).says("MemoryError");
    place.code(&["--memory", "600M"], "print(len(bytearray(300 << 20)))").expect(0).prints("314572800\n");
}

const GIGABYTE: u64 = 1 << 30;
const FLOOD: &str =
    "import sys\nb = bytes(range(256)) * 4096\nfor _ in range(1024): sys.stdout.buffer.write(b)";

/// Runs a program that floods stdout; gives the exit code, the bytes that came,
/// whether all were right, what stderr said, and the command's greatest size.
fn flood(options: &[&str]) -> (i32, u64, bool, String, u64) {
    let place = Scratch::new();
    let mut command = place.bellglass(["run"]);
    command.args(options).args(["-c", FLOOD]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a start");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut buffer = vec![0; 1 << 16];
    let (mut count, mut right, mut largest) = (0_u64, true, 0);
    loop {
        let read = stdout.read(&mut buffer).expect("a read");
        if read == 0 {
            break;
        }
        right &= buffer[..read].iter().zip(count..).all(|(byte, at)| u64::from(*byte) == at % 256);
        if count / (64 << 20) != (count + read as u64) / (64 << 20) {
            largest = largest.max(status_kib(child.id(), "VmHWM").unwrap_or(0));
        }
        count += read as u64;
    }
    let output = child.wait_with_output().expect("an end");
    (process::code(output.status), count, right, process::printable(&output.stderr), largest)
}

#[test]
fn a_gigabyte_of_output_is_whole() {
    let (code, count, right, error, largest) = flood(&[]);
    assert_eq!((code, count, right, &*error), (0, GIGABYTE, true, ""));
    assert!(largest > 0 && largest < 100 << 10, "the command grew to {largest} KiB");
}

#[test]
fn output_is_cut_at_its_limit_and_that_is_said() {
    let (code, count, right, error, _) = flood(&["--output-limit", "10M"]);
    assert_eq!((code, count, right), (137, 10 << 20, true), "{error}");
    assert_eq!(error, "bellglass: the program was stopped: it wrote more than 10 MiB\n");
}

#[test]
fn fifty_megabytes_of_input_arrive() {
    let line = b"a line of the input, not very long, but there are many of them\n";
    let input: Vec<u8> = line.iter().copied().cycle().take(50 << 20).collect();
    let place = Scratch::new();
    let code = "import hashlib, sys\nh = hashlib.sha256(); n = 0\nfor line in sys.stdin.buffer: h.update(line); n += 1\nprint(n, h.hexdigest())";
    let expected = format!("{} {}\n", (50_usize << 20).div_ceil(line.len()), digest(&input));
    let mut command = place.bellglass(["run", "-c", code]);
    process::finish(&mut command, Stdin::Bytes(input)).expect(0).prints(&expected);
}

/// Starts a program that says when it is ready, and finds its cell.
fn start_ready(place: &Scratch, code: &str) -> (process::Running, Identity) {
    let marker = place.work().join("ready");
    let mut command = place.bellglass(["run", "--dir", ".:/work:rw", "-c"]);
    let running =
        process::start(command.arg(format!("open('/work/ready', 'w').close()\n{code}")), Stdin::Silent);
    eventually("the program is ready", || marker.exists());
    // What follows the marker has begun by then.
    std::thread::sleep(Duration::from_millis(200));
    let mut cells = children(running.id());
    assert_eq!(cells.len(), 1, "one cell: {cells:?}");
    (running, cells.remove(0))
}

#[track_caller]
fn is_interrupted(code: &str) {
    let place = Scratch::new();
    let (running, cell) = start_ready(&place, code);
    let begun = Instant::now();
    running.signal(Signal::INT);
    let finished = running.wait();
    println!("it took {:?}", begun.elapsed());
    let finished = finished.expect(130).says("KeyboardInterrupt").says("Traceback (most recent call last)");
    assert!(begun.elapsed() < Duration::from_secs(5), "{}", finished.all());
    assert!(!is_alive(&cell), "its cell is still there");
}

#[test]
fn interrupt_of_a_computation() {
    is_interrupted("while True: pass");
}

#[test]
fn interrupt_of_a_sleep() {
    is_interrupted("import time; time.sleep(100)");
}

#[test]
fn interrupt_of_a_read() {
    is_interrupted("input()");
}

#[test]
fn interrupt_of_a_loop_of_events() {
    is_interrupted("import asyncio; asyncio.run(asyncio.sleep(100))");
}

#[test]
fn a_second_interrupt_ends_a_program_that_ignores_the_first() {
    let place = Scratch::new();
    let (running, cell) =
        start_ready(&place, "while True:\n try:\n  while True: pass\n except KeyboardInterrupt: pass");
    running.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(is_alive(&cell), "the first interrupt is the program's");
    running.signal(Signal::INT);
    running.wait().expect(130);
    assert!(!is_alive(&cell), "its cell is still there");
}

#[test]
fn termination_ends_the_run() {
    let place = Scratch::new();
    let (running, cell) = start_ready(&place, "while True: pass");
    running.signal(Signal::TERM);
    let finished = running.wait();
    assert_ne!(finished.code, 0, "{}", finished.all());
    assert!(finished.took < Duration::from_secs(30), "{}", finished.all());
    assert!(!is_alive(&cell), "its cell is still there");
}

/// Nobody can catch SIGKILL: the cell must notice that it is alone.
#[test]
fn a_cell_does_not_outlive_a_killed_command() {
    for code in ["while True: pass", "input()"] {
        let place = Scratch::new();
        let (running, cell) = start_ready(&place, code);
        assert!(is_alive(&cell));
        running.signal(Signal::KILL);
        running.wait().expect(137);
        eventually("the cell is gone", || !is_alive(&cell));
    }
}

/// Shells and service managers may say how large a file may be (`ulimit -f`), and the
/// command is not ended for it, whoever writes.
#[test]
fn a_file_that_may_not_grow_ends_nobody() {
    let place = Scratch::new();
    place.write("shown/.keep", "");
    place.write("kept/.keep", "");
    let code = "import sys, errno\n\
        def fill(path):\n\
        \x20with open(path, 'wb', 0) as f:\n\
        \x20 try:\n\
        \x20  while True: f.write(bytes(60000))\n\
        \x20 except OSError as e: print(errno.errorcode[e.errno], file=sys.stderr)\n\
        \x20 try: f.truncate(1 << 30)\n\
        \x20 except OSError as e: print(errno.errorcode[e.errno], file=sys.stderr)\n\
        fill('/shown/f'); fill('/dev/stdout')\n\
        open('/kept/f', 'wb').write(bytes(1 << 20))\n";
    place.write("fill.py", code);
    let limited = |options: &str| {
        let own = place.bellglass::<&str>([]);
        let line = format!("ulimit -f 512; exec \"$0\" run --dir shown:/shown:rw {options} fill.py > output");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &line]).arg(own.get_program()).current_dir(place.work()).env_clear();
        shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        process::finish(&mut shell, Stdin::Nothing)
    };
    let all = "EFBIG\nEFBIG\nEFBIG\n";
    let finished = limited("--dir kept:/kept:overlay");
    assert!(finished.code == 0 && finished.all().contains(all), "{}", finished.all());
    // What it has changed is written by the command for itself.
    let finished = limited("--dir kept:/kept:overlay --apply --isolation thread");
    assert!(finished.code == 126 || finished.code == 125, "{}", finished.all());
    assert!(finished.all().contains("File too large"), "{}", finished.all());
}
