//! Each limit of the command: what the program sees, how the run ends, and what
//! the report says.

use crate::harness::process::{self, Stdin};
use crate::harness::{Finished, Scratch};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// Runs code with a report.
fn reported(options: &[&str], code: &str, stdin: Stdin) -> (Finished, Value) {
    let place = Scratch::new();
    let path = place.home().join("report.json");
    let mut command = place.bellglass(["run", "--report"]);
    command.arg(&path).args(options).args(["-c", code]);
    let finished = process::finish(&mut command, stdin);
    let text = fs::read_to_string(path).unwrap_or_else(|_| panic!("no report: {}", finished.all()));
    (finished, serde_json::from_str(&text).expect("JSON"))
}

fn run(options: &[&str], code: &str) -> (Finished, Value) {
    reported(options, code, Stdin::Nothing)
}

#[test]
fn memory() {
    let code = "try: bytearray(200 << 20)\nexcept MemoryError: print('refused')";
    let (finished, report) = run(&["--memory", "128M"], code);
    finished.expect(0).prints("refused\n");
    assert_eq!(report["limits_met"], json!(["memory"]));
    assert_eq!(report["limits"]["memory_bytes"], json!(128 << 20));
}

#[test]
fn memory_that_is_not_enough_to_begin() {
    for isolation in ["process", "thread"] {
        let (finished, report) = run(&["--memory", "1M", "--isolation", isolation], "print(1)");
        let finished = finished.expect(137).says("bellglass: the program cannot begin with 1 MiB of memory");
        // What it says is enough.
        let needed = report["outcome"]["needed"].as_u64().expect("a size").div_ceil(1 << 20);
        assert!(finished.err().ends_with(&format!("it needs {needed} MiB (--memory {needed}M) at least\n")));
        assert_eq!(report["limits_met"], json!(["memory"]));
        let (less, enough) = (format!("{}M", needed - 1), format!("{needed}M"));
        run(&["--memory", &less, "--isolation", isolation], "print(1)").0.expect(137);
        let (finished, _) = run(&["--memory", &enough, "--isolation", isolation], "print(1)");
        assert!(!finished.err().contains("cannot begin"), "{}", finished.all());
    }
}

#[test]
fn processor_time_is_not_wall_time() {
    let begun = Instant::now();
    let (finished, report) = run(&["--cpu-time", "1s"], "while True: pass");
    finished.expect(137).says("bellglass: the program was stopped: it used up its 1s of processor time\n");
    assert_eq!(report["outcome"], json!({"kind": "processor_time", "limit": 1.0}));
    assert_eq!(report["limits_met"], json!(["processor_time"]));
    let used = report["cpu_seconds"].as_f64().expect("a number");
    assert!((1.0..1.5).contains(&used), "{used}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let (finished, report) = run(&["--cpu-time", "1s"], "import time; time.sleep(1.5); print('slept')");
    finished.expect(0).prints("slept\n");
    assert_eq!(report["limits_met"], json!([]));
}

#[test]
fn output() {
    let (finished, report) = run(&["--output-limit", "1000"], "print('x' * 5000)");
    let finished = finished.expect(137).says("it wrote more than 1000 bytes");
    assert_eq!(finished.out().len(), 1000);
    assert_eq!(report["limits_met"], json!(["output"]));
}

#[test]
fn open_files() {
    let code = "import errno\nfiles = []\ntry:\n while True: files.append(open('/etc/passwd'))\nexcept OSError as e: print(e.errno == errno.EMFILE, len(files) < 16)";
    let (finished, report) = run(&["--open-files", "16"], code);
    finished.expect(0).prints("True True\n");
    assert_eq!(report["limits_met"], json!(["open_files"]));
    assert_eq!(report["limits"]["open_files"], json!(16));
}

#[test]
fn file_space() {
    let code = "import errno\ntry: open('/tmp/large', 'wb').write(bytes(2 << 20))\nexcept OSError as e: print(e.errno == errno.ENOSPC)";
    let (finished, report) = run(&["--file-space", "1M"], code);
    finished.expect(0).prints("True\n");
    assert_eq!(report["limits_met"], json!(["file_space"]));
    let full = "try: open('/dev/full', 'wb', 0).write(b'x')\nexcept OSError: print('full')";
    let (finished, report) = run(&[], full);
    finished.expect(0).prints("full\n");
    assert_eq!(report["limits_met"], json!([]), "a device that is always full is no limit");
}

#[test]
fn controller_memory() {
    let code = "import errno, os\nends = []\ntry:\n while True: ends += os.pipe()\nexcept OSError as e: print(e.errno == errno.ENOMEM, len(ends) < 128)";
    let (finished, report) = run(&["--controller-memory", "4M"], code);
    finished.expect(0).prints("True True\n");
    assert_eq!(report["limits_met"], json!(["controller_memory"]));
    assert_eq!(report["limits"]["controller_bytes"], json!(4 << 20));
    let peak = report["peak_controller_bytes"].as_u64().expect("a size");
    assert!((3 << 20..=4 << 20).contains(&peak), "{peak}");
    // Files count too, and find no space then.
    let code = "import errno\ntry: open('/tmp/large', 'wb').write(bytes(8 << 20))\nexcept OSError as e: print(e.errno == errno.ENOSPC)";
    let (finished, report) = run(&["--controller-memory", "4M"], code);
    finished.expect(0).prints("True\n");
    assert_eq!(report["limits_met"], json!(["file_space", "controller_memory"]));
    // What more space for files takes comes on top, unless both are given.
    let (_, report) = run(&["--limits", "service", "--file-space", "1G"], "pass");
    assert_eq!(report["limits"]["controller_bytes"], json!((512 << 20) + (1 << 30) - (256 << 20)));
}

#[test]
fn file_count() {
    let code = "import errno, os\ntry:\n for n in range(1000): os.mkdir(f'/tmp/{n}')\nexcept OSError as e: print(e.errno == errno.ENOSPC, n, len(os.listdir('/tmp')))";
    let (finished, report) = run(&["--file-count", "100"], code);
    // A hundred are made, and what was there before does not count.
    finished.expect(0).prints("True 100 100\n");
    assert_eq!(report["limits_met"], json!(["file_space"]));
}

/// `table.grow` by 100 elements, and a trap if that fails.
const GROWS_ITS_TABLE: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x04\x04\x01\x70\0\x01\x05\x03\x01\0\x01\
    \x07\x13\x02\x06memory\x02\0\x06_start\0\0\
    \x0a\x13\x01\x11\0\xd0\x70\x41\xe4\0\xfc\x0f\0\x41\x7f\x46\x04\x40\0\x0b\x0b";

#[test]
fn function_tables() {
    let place = Scratch::new();
    place.write("grows.wasm", GROWS_ITS_TABLE);
    let run = |elements| {
        let finished =
            place.run(["--table-elements", elements, "--report", "report.json", "--wasm", "grows.wasm"]);
        let report = fs::read_to_string(place.work().join("report.json"));
        let report = report.unwrap_or_else(|_| panic!("no report: {}", finished.all()));
        (finished, serde_json::from_str::<Value>(&report).expect("JSON"))
    };
    let (finished, report) = run("100");
    finished.expect(137).says(
        "bellglass: the program was stopped: it could not go on with 100 elements in its function tables\n",
    );
    assert_eq!(report["outcome"], json!({"kind": "table", "limit": 100}));
    assert_eq!(report["limits_met"], json!(["table"]));
    assert_eq!(report["limits"]["table_elements"], json!(100));
    let (finished, report) = run("101");
    finished.expect(0);
    assert_eq!(report["limits_met"], json!([]));
}

#[test]
fn calls() {
    let code = "import os\nwhile True: os.getppid()";
    let (finished, report) = run(&["--call-limit", "2000"], code);
    finished.expect(137).says("bellglass: the program was stopped: it made more than 2000 external calls\n");
    assert_eq!(report["outcome"], json!({"kind": "call_limit", "limit": 2000}));
    assert_eq!(report["limits_met"], json!(["calls"]));
    let made: u64 =
        report["calls"].as_array().expect("a list").iter().filter_map(|call| call["count"].as_u64()).sum();
    assert_eq!(made, 2000);
}

#[test]
fn calls_a_second_are_slowed_down_and_still_stop_at_the_deadline() {
    let code = "import os, time\nt = time.monotonic()\nfor _ in range(3000): os.getppid()\nprint(1.5 < time.monotonic() - t < 20)";
    let (finished, report) = run(&["--call-rate", "1000"], code);
    finished.expect(0).prints("True\n");
    assert_eq!(report["limits_met"], json!(["calls_per_second"]));
    let (finished, report) =
        run(&["--call-rate", "10", "--timeout", "1s"], "import os\nwhile True: os.getppid()");
    finished.expect(124);
    assert_eq!(report["limits_met"], json!(["timeout", "calls_per_second"]));
    assert!(report["wall_seconds"].as_f64().is_some_and(|seconds| seconds < 2.0), "{report}");
}

#[test]
fn sleep() {
    let (finished, report) = run(&["--longest-sleep", "1s"], "import time; time.sleep(0.1); time.sleep(500)");
    finished.expect(137).says("it wanted to sleep for more than 1s");
    assert_eq!(report["outcome"], json!({"kind": "sleep_limit", "limit": 1.0}));
    assert!(report["wall_seconds"].as_f64().is_some_and(|seconds| seconds < 5.0), "{report}");
    let code = "import time\nwhile True: time.sleep(0.1)";
    let (finished, report) = run(&["--sleep-limit", "500ms"], code);
    finished.expect(137).says("it wanted to sleep for more than 500ms");
    assert_eq!(report["limits_met"], json!(["sleep"]));
    // asyncio sleeps too, and a wait for input is no sleep.
    let code = "import asyncio; asyncio.run(asyncio.sleep(500))";
    run(&["--sleep-limit", "500ms"], code).0.expect(137);
    let code = "import select, sys; print(select.select([sys.stdin], [], [], 1.0)[0])";
    reported(&["--longest-sleep", "500ms"], code, Stdin::Silent).0.expect(0).prints("[]\n");
}

#[test]
fn one_calls_bytes() {
    let code = "import os\nf = os.open('/tmp/f', os.O_RDWR | os.O_CREAT)\nn = os.write(f, bytes(4 << 20))\nprint(n == 4 << 20)\nopen('/tmp/g', 'wb').write(bytes(4 << 20))\nprint(os.stat('/tmp/g').st_size == 4 << 20)";
    run(&[], code).0.expect(0).prints("True\nTrue\n");
}

#[test]
fn the_sets_of_limits() {
    let (_, report) = run(&["--limits", "service", "--timeout", "7s"], "pass");
    let limits = &report["limits"];
    assert_eq!((&limits["timeout_seconds"], &limits["memory_bytes"]), (&json!(7.0), &json!(512 << 20)));
    assert!(
        limits["calls"].is_u64() && limits["processor_seconds"].is_f64() && limits["output_bytes"].is_u64()
    );
    let (_, report) = run(&[], "pass");
    let limits = &report["limits"];
    assert!(limits["timeout_seconds"].is_null() && limits["calls"].is_null(), "{limits}");
}

/// How a program ends that has a second of grace after half a second.
fn with_grace(options: &[&str], code: &str, stdin: Stdin) -> (Finished, Value) {
    let options = [&["--timeout", "500ms", "--grace", "5s"], options].concat();
    let (finished, report) = reported(&options, code, stdin);
    let finished = finished.expect(124).says("the program was stopped at its deadline of 500ms");
    assert_eq!(report["outcome"], json!({"kind": "deadline", "limit": 0.5}));
    assert_eq!(report["limits_met"], json!(["timeout"]));
    (finished, report)
}

fn seconds(report: &Value) -> f64 {
    report["wall_seconds"].as_f64().expect("a number")
}

#[test]
fn a_program_may_clean_up_in_the_grace() {
    for wait in [
        "while True: pass",
        "import time; time.sleep(100)",
        "input()",
        "import asyncio; asyncio.run(asyncio.sleep(100))",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    ] {
        let code = format!(
            "try:\n    {wait}\nexcept KeyboardInterrupt:\n    open('/tmp/f', 'w').write('x')\n    print('cleaned up')\n    raise SystemExit(3)"
        );
        let (finished, report) = with_grace(&[], &code, Stdin::Silent);
        assert_eq!(finished.out(), "cleaned up\n", "{wait}: {}", finished.all());
        assert_eq!(report["exit_code"], json!(3), "{wait}");
        assert!((0.5..4.0).contains(&seconds(&report)), "{wait}: {report}");
    }
}

#[test]
fn a_program_that_ignores_the_warning_is_killed_after_the_grace() {
    for wait in ["pass", "time.sleep(0.1)"] {
        let code =
            format!("import time\nwhile True:\n try:\n  while True: {wait}\n except KeyboardInterrupt: pass");
        let options = ["--timeout", "300ms", "--grace", "700ms"];
        let (finished, report) = reported(&options, &code, Stdin::Silent);
        finished.expect(124);
        assert_eq!(report["exit_code"], Value::Null);
        assert!((1.0..2.5).contains(&seconds(&report)), "{report}");
    }
    // So is one that cannot hear of it, deep in C.
    let (finished, report) =
        reported(&["--timeout", "300ms", "--grace", "700ms"], "sum(iter(int, 1))", Stdin::Silent);
    finished.expect(124);
    assert!((1.0..2.5).contains(&seconds(&report)), "{report}");
}

#[test]
fn the_warning_may_be_another_signal() {
    let code = "import signal, time\ndef end(number, frame): print('got', signal.Signals(number).name); raise SystemExit\nsignal.signal(signal.SIGTERM, end)\ntime.sleep(100)";
    let (finished, report) = with_grace(&["--grace-signal", "TERM"], code, Stdin::Silent);
    assert_eq!(finished.out(), "got SIGTERM\n");
    assert_eq!(report["exit_code"], json!(0));
    // Without a handler it does what it does everywhere.
    let (_, report) = with_grace(&["--grace-signal", "SIGTERM"], "while True: pass", Stdin::Silent);
    assert_eq!(report["exit_code"], json!(143));
    assert!(seconds(&report) < 3.0, "{report}");
    let (_, report) = with_grace(&["--grace-signal", "HUP"], "import time; time.sleep(100)", Stdin::Silent);
    assert_eq!(report["exit_code"], json!(129));
    let place = Scratch::new();
    place.run(["--grace", "1s", "--grace-signal", "NOTHING", "-c", "1"]).expect(2);
    place.run(["--grace-signal", "TERM", "-c", "1"]).expect(2);
}

#[test]
fn without_a_grace_there_is_no_warning() {
    let (finished, report) = run(&["--timeout", "500ms"], "try:\n while True: pass\nfinally: print('no')");
    assert_eq!(finished.expect(124).out(), "");
    assert_eq!(report["exit_code"], Value::Null);
}
