//! Guests in threads, through the command: what breaks other sandboxes must not
//! break the process that the guest shares. That whole programs behave alike is
//! shown with all the others, in `run`.

use crate::harness::process::{self, children, eventually};
use crate::harness::{CRASH, Finished, Scratch, Stdin};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const THREAD: [&str; 2] = ["--isolation", "thread"];

fn code(options: &[&str], code: &str) -> Finished {
    Scratch::new().code(&[&THREAD, options].concat(), code)
}

#[test]
fn deadlines_hold_wherever_the_program_is() {
    let programs = [
        ("while True: pass", Stdin::Nothing),
        ("sum(range(10**12))", Stdin::Nothing),
        ("10**10**8", Stdin::Nothing),
        ("import re; re.match('(a+)+$', 'a' * 60 + 'b')", Stdin::Nothing),
        ("bytearray(200 << 20).count(b'x' * 99)\nwhile True: bytearray(100 << 20)", Stdin::Nothing),
        ("import time; time.sleep(100)", Stdin::Silent),
        ("input()", Stdin::Silent),
        ("while True:\n try:\n  while True: pass\n except BaseException: pass", Stdin::Nothing),
    ];
    std::thread::scope(|scope| {
        for (program, stdin) in programs {
            scope.spawn(move || {
                let begun = Instant::now();
                let place = Scratch::new();
                let mut command = place.bellglass(["run"]);
                let finished =
                    process::finish(command.args(THREAD).args(["--timeout", "1s", "-c", program]), stdin);
                finished.expect(124).says("the program was stopped at its deadline of 1s");
                assert!(begun.elapsed() < Duration::from_secs(10), "{program}: {:?}", begun.elapsed());
            });
        }
    });
}

#[test]
fn what_goes_too_deep_ends_in_an_error_or_a_crash_that_is_told() {
    let programs = [
        // A traceback of so many frames would take longer than all else.
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\ntry: f()\nexcept (RecursionError, MemoryError) as e: sys.exit(type(e).__name__)",
        "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n def __getattr__(self, n): return getattr(self, n)\nA().x",
        "x = []\nfor _ in range(10**6): x = [x]\nrepr(x)",
        "import pickle\nx = []\nfor _ in range(10**6): x = [x]\npickle.dumps(x)",
        "eval('-' * 10**6 + '1')",
        "import re; re.compile('(' * 50000 + ')' * 50000)",
    ];
    for program in programs {
        let finished = code(&["--timeout", "60s", "--memory", "256M"], program);
        let error = finished.err();
        let python =
            finished.code == 1 && (error.contains("RecursionError") || error.contains("MemoryError"));
        let crash = finished.code == 134 && error.contains("bellglass: the interpreter crashed");
        let limit = finished.code == 137 && error.contains("bellglass: the program was stopped");
        assert!(python || crash || limit, "{}", finished.all());
    }
}

#[test]
fn a_crash_and_a_lack_of_memory_are_told() {
    code(&[], CRASH).expect(134).says("bellglass: the interpreter crashed");
    code(&["--memory", "256M"], "bytearray(300 << 20)").expect(1).says("MemoryError");
    code(&["--memory", "600M"], "print(len(bytearray(300 << 20)))").expect(0).prints("314572800\n");
    code(&["--output-limit", "10K"], "print('x' * 100000)").expect(137).says("the program was stopped");
}

#[test]
fn interrupts_reach_the_program() {
    for program in ["while True: pass", "import time; time.sleep(100)", "input()"] {
        let place = Scratch::new();
        let marker = place.work().join("ready");
        let mut command = place.bellglass(["run", "--dir", ".:/work:rw"]);
        let program = format!("open('/work/ready', 'w').close()\n{program}");
        let running = process::start(command.args(THREAD).args(["-c", &program]), Stdin::Silent);
        eventually("the program is ready", || marker.exists());
        std::thread::sleep(Duration::from_millis(200));
        assert!(children(running.id()).is_empty(), "there is no cell");
        running.signal(Signal::INT);
        running.wait().expect(130).says("KeyboardInterrupt").says("Traceback (most recent call last)");
    }
}

#[test]
fn the_report_says_which_wall_is_not_there() {
    let place = Scratch::new();
    let report = place.home().join("report.json");
    let mut command = place.bellglass(["run", "--report"]);
    let words = ["--isolation", "thread", "-c", "sum(range(10**6))"];
    process::finish(command.arg(&report).args(words), Stdin::Nothing).expect(0);
    let report = std::fs::read_to_string(report).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["walls"][0]["name"], "process");
    assert_eq!(report["walls"][0]["active"], false);
    assert!(report["cpu_seconds"].as_f64().expect("a number") > 0.01, "{report}");
}
