//! The command itself.

use crate::harness::process::{self, Stdin};
use crate::harness::{CRASH, Scratch, Terminal};
use std::fs;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn usage_errors_end_with_2() {
    let place = Scratch::new();
    for line in [
        &["run"][..],
        &["run", "--memory", "much", "-c", "1"],
        &["run", "--timeout", "soon", "-c", "1"],
        &["run", "--nothing", "-c", "1"],
        &["run", "-c"],
        &["run", "--dir", "a:b", "-c", "1"],
        &["run", "--env", "=b", "-c", "1"],
        &["run", "--wasm", "-O", "missing.wasm"],
        &["nothing"],
        &[],
        &["image", "nothing"],
    ] {
        let finished = process::finish(&mut place.bellglass(line), Stdin::Nothing).expect(2);
        assert!(finished.stdout.is_empty() && !finished.stderr.is_empty(), "{line:?}: {}", finished.all());
    }
    place.run(["missing.py"]).expect(2).says("bellglass: can't open the program 'missing.py'");
}

#[test]
fn help_is_no_failure() {
    let place = Scratch::new();
    for line in [&["--help"][..], &["run", "--help"], &["--version"], &["image", "--help"]] {
        let finished = process::finish(&mut place.bellglass(line), Stdin::Nothing).expect(0);
        assert!(!finished.stdout.is_empty() && finished.stderr.is_empty(), "{line:?}: {}", finished.all());
    }
}

#[test]
fn exit_codes_tell_why_a_run_ended() {
    let place = Scratch::new();
    place.code(&[], "raise SystemExit(9)").expect(9);
    place.code(&["--timeout", "300ms"], "while True: pass").expect(124).says("its deadline of 300ms");
    place.code(&["--output-limit", "1K"], "print('x' * 5000)").expect(137).says("it wrote more than 1 KiB");
    place.code(&[], CRASH).expect(134).says("the interpreter crashed");
    // As a shell tells it, and nothing beside that.
    assert_eq!(place.code(&[], "import os; os.abort()").expect(134).err(), "");
    place.code(&["--image", "nothing-of-this-name"], "1").expect(125).says("nothing-of-this-name");
    place.code(&["--dir", "not-there"], "1").expect(125).says("cannot show the directory 'not-there'");
}

#[test]
fn a_report_says_what_happened() {
    let place = Scratch::new();
    let report = |options: &[&str], code: &str| -> serde_json::Value {
        place.code(&[&["--report", "report.json"], options].concat(), code);
        let text = fs::read_to_string(place.work().join("report.json")).expect("a report");
        serde_json::from_str(&text).expect("JSON")
    };
    let value = report(&[], "print('hello'); raise SystemExit(3)");
    let exited: serde_json::Value = serde_json::from_str(r#"{"kind": "exited", "code": 3}"#).expect("JSON");
    assert_eq!(value["outcome"], exited);
    assert_eq!(value["output_bytes"], 6);
    assert!(value["image"].as_str().expect("text").starts_with("python@3.14."));
    for figure in ["wall_seconds", "cpu_seconds", "peak_memory_bytes", "peak_resident_bytes", "round_trips"] {
        assert!(value[figure].as_f64().expect(figure) > 0.0, "{figure} in {value}");
    }
    let calls = value["calls"].as_array().expect("a list");
    let write = calls.iter().find(|call| call["signature"] == "linux.write(iii)i");
    assert_eq!(write.expect("write was called")["count"], 1);
    assert!(value["unsupported"].as_array().is_some() && value["walls"].as_array().is_some());
    assert_eq!(report(&["--timeout", "200ms"], "while True: pass")["outcome"]["kind"], "deadline");
    assert_eq!(report(&["--output-limit", "3"], "print('hello')")["outcome"]["kind"], "output_limit");
    assert_eq!(report(&[], CRASH)["outcome"]["kind"], "crashed");
}

#[test]
fn a_trace_prints_each_call() {
    let place = Scratch::new();
    let finished =
        place.code(&["--trace"], "print('hello')").expect(0).says("write(1, \"hello").says("arguments(");
    assert_eq!(finished.out(), "hello\n");
    place.code(&["--trace=trace.txt"], "open('/tmp/traced', 'w')").expect(0).says("");
    let trace = fs::read_to_string(place.work().join("trace.txt")).expect("a trace");
    assert!(trace.contains("openat(AT_FDCWD, \"/tmp/traced\", O_WRONLY|O_CREAT|O_TRUNC"), "{trace}");
    assert!(trace.lines().count() > 20, "{trace}");
}

#[test]
fn the_environment_is_what_is_said() {
    let place = Scratch::new();
    let code = "import os; print(os.environ.get('A'), os.environ.get('B'), os.environ.get('C'), os.environ.get('D'))";
    let mut command = place.bellglass(["run", "--env", "A=1=2", "--env", "B", "--env", "D", "-c", code]);
    process::finish(command.env("B", "of the host").env("C", "hidden"), Stdin::Nothing)
        .expect(0)
        .prints("1=2 of the host None None\n");
}

#[test]
fn directories_are_shown_as_asked() {
    let place = Scratch::new();
    place.write("a/x.txt", "x");
    let work = place.work().display().to_string();
    let list = "import os; print(os.getcwd(), sorted(os.listdir('.')))";
    place.code(&["--dir", "a:/shown", "--cwd", "/shown"], list).expect(0).prints("/shown ['x.txt']\n");
    place.code(&["--dir", "."], list).expect(0).prints(&format!("{work} ['a']\n"));
    place
        .code(&["--dir", &work, "--cwd", &format!("{work}/a")], list)
        .expect(0)
        .prints(&format!("{work}/a ['x.txt']\n"));
    for (mode, code) in [("a:/s", 1), ("a:/s:ro", 1), ("a:/s:rw", 0)] {
        place.code(&["--dir", mode], "open('/s/new', 'w').write('made')").expect(code);
    }
    assert_eq!(fs::read_to_string(place.work().join("a/new")).expect("it was made"), "made");
    place.code(&[], "open('/tmp/x', 'w').write('1'); print(open('/tmp/x').read())").expect(0).prints("1\n");
}

#[test]
fn calls_are_listed_with_their_answers() {
    let place = Scratch::new();
    let finished = process::finish(&mut place.bellglass(["calls"]), Stdin::Nothing).expect(0);
    let text = finished.out();
    assert!(text.contains("linux.write(iii)i "), "{text}");
    assert!(text.lines().next().expect("a line").ends_with(':'), "a subject first: {text}");
    assert!(text.lines().last().expect("a line").contains("signatures"), "{text}");
}

#[test]
fn a_damaged_image_is_told_in_one_sentence() {
    let place = Scratch::new();
    place.write("program.c", "int main(void) { return 0; }");
    process::finish(&mut place.bellglass(["cc", "-o", "program", "program.c"]), Stdin::Nothing).expect(0);
    let mut seal = place.bellglass(["image", "seal", "program", "-o", "image.bgi"]);
    process::finish(&mut seal, Stdin::Nothing).expect(0);
    let files = place.work().join("image.bgi/files.pack");
    let length = fs::metadata(&files).expect("it is there").len() as usize;
    fs::write(&files, vec![b'x'; length]).expect("written");
    let mut run = place.bellglass(["run", "--image", "image.bgi", "--", "-x"]);
    let finished = process::finish(&mut run, Stdin::Nothing).expect(125).says("this file is not a pack");
    assert_eq!(finished.err().matches("this file is not a pack").count(), 1, "{}", finished.all());
}

#[test]
fn images_are_listed_and_inspected() {
    let place = Scratch::new();
    let image = |words: &[&str]| process::finish(place.bellglass(["image"]).args(words), Stdin::Nothing);
    assert!(image(&["list"]).expect(0).out().contains("python@3.14."));
    let text = image(&["inspect", "python"]).expect(0).out();
    assert!(text.contains("module.cwasm") && text.contains("SHA-256"), "{text}");
    let manifest: serde_json::Value =
        serde_json::from_str(&image(&["inspect", "--json"]).expect(0).out()).expect("JSON");
    assert_eq!(manifest["name"], "python");
    image(&["inspect", "nothing"]).expect(125).says("nothing");
    image(&["remove", "nothing"]).expect(125).says("nothing");
}

#[test]
fn no_colours_without_a_terminal() {
    let place = Scratch::new();
    let finished = place.code(&[], "1/0").expect(1);
    assert!(!finished.stderr.contains(&0x1b), "{}", finished.all());
    let finished = process::finish(&mut place.bellglass(["run", "--nothing"]), Stdin::Nothing);
    assert!(!finished.stderr.contains(&0x1b), "{}", finished.all());
}

#[test]
fn a_cache_that_cannot_be_used_is_told_in_one_sentence() {
    let place = Scratch::new();
    let file = place.write("no-folder", "");
    let mut command = place.bellglass(["run", "-c", "1"]);
    let finished =
        process::finish(command.env("BELLGLASS_CACHE", file.join("x")), Stdin::Nothing).expect(125);
    let error = finished.err();
    assert!(error.starts_with("bellglass: ") && error.contains("no-folder"), "{error}");
    assert!(!error.contains("panicked") && error.lines().count() <= 2, "{error}");
}

#[test]
fn a_prompt_reads_lines_from_a_pipe() {
    let place = Scratch::new();
    let input = b"x = 6\nprint(x * 7)\n1/0\n".to_vec();
    let finished = process::finish(&mut place.bellglass(["repl"]), Stdin::Bytes(input)).expect(0);
    assert!(finished.out().contains("42\n"), "{}", finished.all());
    finished.says("ZeroDivisionError");
}

#[test]
fn a_prompt_on_a_terminal_edits_lines_and_is_interrupted() {
    let place = Scratch::new();
    let mut terminal = Terminal::open(&place, &["repl"]);
    terminal.shows(">>> ");
    // A key that moves left: the line is edited before the guest sees it.
    terminal.type_keys("prnt(6 * 7)\x1b[H\x1b[C\x1b[Ci\x1b[D\x1b[C\x1b[F\r");
    terminal.shows("42");
    terminal.type_keys("1000 + \x7f\x7f+ 234\r");
    terminal.shows("1234");
    // The line before, from the history.
    terminal.type_keys("\x1b[A\r");
    terminal.shows("1234");
    terminal.type_keys("while True: pass\r\r");
    std::thread::sleep(Duration::from_millis(800));
    terminal.type_keys("\x03");
    terminal.shows("KeyboardInterrupt");
    terminal.type_keys("print('still ' + 'here')\r");
    terminal.shows("still here");
    terminal.type_keys("\x04");
    // CPython ends so after a program that was interrupted, natively too.
    assert_eq!(terminal.child.wait().expect("an end").exit_code(), 130);
}

#[test]
fn the_doctor_finds_every_wall_up_and_says_what_is_not_as_it_should_be() {
    let place = Scratch::new();
    let doctor = |words: &[&str], cell: Option<&str>| {
        let mut command = place.bellglass([&["doctor"], words].concat());
        if let Some(cell) = cell {
            command.env("BELLGLASS_CELL", cell);
        }
        process::finish(&mut command, Stdin::Nothing)
    };
    let healthy = doctor(&[], None).expect(0);
    for word in ["bellglass-cell", "system_call_filter", "landlock", "python@3.14", "all checks passed"] {
        assert!(healthy.out().contains(word), "{word} in {}", healthy.all());
    }
    assert!(!healthy.out().contains("BAD"), "{}", healthy.all());
    let value: serde_json::Value =
        serde_json::from_str(&doctor(&["--json"], None).expect(0).out()).expect("JSON");
    assert_eq!(value["good"], true);
    let findings = value["findings"].as_array().expect("a list");
    assert!(
        findings.iter().filter(|finding| finding["part"] == "walls" && finding["state"] == "good").count()
            >= 10
    );
    // A program that is no cell, and none at all.
    let ill = doctor(&[], Some("/bin/true")).expect(1);
    assert!(ill.out().contains("BAD  bellglass-cell"), "{}", ill.all());
    assert!(doctor(&["--json"], Some("/nowhere")).expect(1).out().contains("was not found"));
}

#[test]
fn required_walls_must_be_up() {
    let place = Scratch::new();
    place.code(&["--require-walls", "all"], "print('hello')").expect(0);
    place.code(&["--require-walls", "landlock,system_call_filter"], "print('hello')").expect(0);
    place.code(&["--require-walls=moat"], "1").expect(125).says("the wall 'moat' is required and is not up");
}

#[test]
fn a_program_that_is_a_pipe_without_a_writer_holds_no_one() {
    let place = Scratch::new();
    let pipe = place.work().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let begun = std::time::Instant::now();
    for (words, code) in [
        (&["run", "--timeout", "2s", "pipe"][..], 124),
        (&["run", "--timeout", "2s", "--wasm", "pipe"], 124),
        (&["run", "--wasm", "missing.wasm"], 2),
    ] {
        let child = place.bellglass(words).stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("a start");
        process::eventually("it ends", || child.try_wait().expect("its state").is_some());
        let output = child.wait_with_output().expect("its end");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert!(code != 2 || error.contains("can't open the program"), "{words:?}: {error}");
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(60));
}

#[test]
fn a_module_may_come_from_a_pipe() {
    let place = Scratch::new();
    let mut child = place.bellglass(["run", "--wasm", "/dev/stdin"]);
    let child = child.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("a start");
    let mut stdin = child.stdin.take().expect("its stdin");
    // It is not all there at once.
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::io::Write::write_all(&mut stdin, b"\0asm").expect("written");
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::io::Write::write_all(&mut stdin, b"\x01\0\0\0").expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("its end");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("the module is not a command"), "{error}");
}
