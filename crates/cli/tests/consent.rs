//! What a person is asked and told once a program has ended: the program can neither
//! answer in their place, nor hide or fake what it did, nor draw it out for ever.

use crate::harness::{Scratch, Stdin, Terminal, process};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

const OVERLAY: &str = "project:/project:overlay";

const QUESTION: &str = "Write this to the host? [y/N] ";

fn place() -> Scratch {
    let place = Scratch::new();
    place.write("project/old.txt", "old\n");
    place
}

/// A program on a terminal that changes something, and what it does before and after.
fn changing(place: &Scratch, options: &[&str], code: &str) -> Terminal {
    place.write("change.py", code);
    let words = [&["run", "--dir", OVERLAY], options, &["change.py"]].concat();
    Terminal::open(place, &words)
}

fn is_written(place: &Scratch) -> bool {
    place.work().join("project/new").exists()
}

/// The lines of a screen as they are seen, without spaces at their ends.
fn lines_of(screen: avt::Screen<'_>) -> Vec<String> {
    screen.visible_lines().map(|line| line.text().trim_end().to_owned()).collect()
}

const MAKE: &str = "open('/project/new', 'w').write('made\\n')\n";

#[test]
fn what_was_typed_before_the_question_is_no_answer() {
    let raw = "import termios\nmodes = termios.tcgetattr(0)\nmodes[3] &= ~(termios.ICANON | termios.ECHO)\n\
               termios.tcsetattr(0, termios.TCSANOW, modes)\n";
    for (before, keys) in [("", "y\r"), ("", "y\ry\ry\r"), (raw, "y"), (raw, "y\ry")] {
        for (answer, written) in [("\r", false), ("y\r", true)] {
            let place = place();
            let code = format!("import time\n{before}{MAKE}print('Go on? ', flush=True)\ntime.sleep(1)");
            let mut terminal = changing(&place, &["--diff"], &code);
            terminal.shows("Go on? ");
            terminal.type_keys(keys);
            terminal.shows(QUESTION);
            std::thread::sleep(Duration::from_millis(300));
            assert!(terminal.child.try_wait().expect("its state").is_none(), "{before}{keys:?}");
            assert!(!is_written(&place));
            terminal.type_keys(answer);
            terminal.ends();
            assert_eq!(is_written(&place), written, "{before}{keys:?} {answer:?}");
        }
    }
}

#[test]
fn what_the_terminal_itself_answers_late_is_no_answer() {
    let place = place();
    // It asks where the cursor is; the answer is on its way when it ends.
    let code = format!("{MAKE}print('\\x1b[6n', end='', flush=True)");
    let mut terminal = changing(&place, &["--diff"], &code);
    terminal.shows("\x1b[6n");
    let ended = Instant::now();
    while ended.elapsed() < Duration::from_secs(1) {
        terminal.type_keys("\x1b[24;80Ry\r");
        std::thread::sleep(Duration::from_millis(100));
    }
    let sent = String::from_utf8_lossy(&terminal.sent()).into_owned();
    assert!(!sent.contains(QUESTION), "it does not ask while something comes: {sent:?}");
    terminal.shows(QUESTION);
    // One that comes later still stands before what is typed, which then is no yes.
    terminal.type_keys("\x1b[24;80Ry\r");
    terminal.ends();
    assert!(!is_written(&place));
}

#[test]
fn what_a_program_leaves_of_the_terminal_hides_nothing() {
    for left in [
        r"\x1b[8m",
        r"\x1b[30;40m",
        r"\x1b[?1049h\x1b[2J\x1b[H",
        r"\x1b[?47h",
        r"\x1b[H",
        r"\x1b[12;1Hnothing was changed\x1b[1;1H",
        r"\x1b[5;6r\x1b[?6h",
        r"\x1b]0;title",
        r"\x1bP",
        r"\x1b_",
        r"\x1b^",
        r"\x1bX",
        r"\x1b[",
        r"\x1b[38;5",
        r"\x1b(0",
        r"\x1b)0\x0e",
        r"\x1b[?7l\x1b[4h",
        r"\x1b[3g",
        r"half a line",
    ] {
        let place = place();
        let code = format!("{MAKE}print('{left}', end='', flush=True)");
        let mut terminal = changing(&place, &["--diff"], &code);
        terminal.shows("[y/N] ");
        let screen = terminal.screen();
        let lines = lines_of(screen.primary_screen());
        let at = |text: &str| lines.iter().position(|line| line.trim_end() == text);
        let change = at(" new (new) | 1 +").unwrap_or_else(|| panic!("{left}: no change in {lines:#?}"));
        assert_eq!(at(" 1 file changed, 1 insertion(+)"), Some(change + 1), "{left}: {lines:#?}");
        assert_eq!(at(QUESTION.trim_end()), Some(change + 2), "{left}: {lines:#?}");
        assert!(lines[change + 3..].iter().all(|line| line.trim().is_empty()), "{left}: {lines:#?}");
        let shown = lines_of(screen.screen());
        assert!(shown.iter().any(|line| line.trim_end() == QUESTION.trim_end()), "{left}: {shown:#?}");
        let cells = screen.primary_screen().line(change).expect("a line").cells();
        assert!(cells.iter().all(|cell| cell.pen().is_default()), "{left}: {cells:?}");
        // Letters that cannot be seen are none of this terminal's arts.
        let sent = String::from_utf8_lossy(&terminal.sent()).into_owned();
        let (before, _) = sent.rsplit_once(" new (new) | 1 +").expect("shown");
        assert!(before.rfind("\x1b[0m") > before.rfind("\x1b[8m"), "{sent:?}");
        terminal.type_keys("y\r");
        assert_eq!(terminal.ends(), 0);
        assert!(is_written(&place), "{left}");
    }
}

#[test]
fn what_a_program_printed_stays_on_the_terminal() {
    let place = place();
    let code = format!("{MAKE}print('one')\nprint('two')");
    let mut terminal = changing(&place, &["--diff"], &code);
    terminal.shows("[y/N] ");
    // It has gone up, and nothing but what was changed is seen on the screen.
    let sent = String::from_utf8_lossy(&terminal.sent()).into_owned();
    let (_, after) = sent.split_once("one\r\ntwo\r\n").expect("printed");
    let (before, _) = after.split_once(&"\r\n".repeat(24)).expect("it goes up");
    assert!(!before.contains("\x1b[2J"), "nothing erases it before: {before:?}");
    let screen = terminal.screen();
    let expected = [" new (new) | 1 +", " 1 file changed, 1 insertion(+)", QUESTION.trim_end()];
    let lines = lines_of(screen.screen());
    assert_eq!(lines[..3], expected);
    assert!(lines[3..].iter().all(String::is_empty), "{lines:#?}");
    terminal.type_keys("n\r");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn no_picture_lies_over_what_a_program_changed() {
    let place = place();
    // In front of the letters, where the changes and the question would stand.
    let code =
        format!("{MAKE}print('\\x1b_Ga=T,f=24,s=1,v=1,c=80,r=24,z=1;AAAA\\x1b\\\\', end='', flush=True)");
    let mut terminal = changing(&place, &["--diff"], &code);
    terminal.shows("[y/N] ");
    let sent = String::from_utf8_lossy(&terminal.sent()).into_owned();
    let (before, _) = sent.rsplit_once(" new (new) | 1 +").expect("shown");
    // All pictures, placed or kept, are deleted once the guest has the screen no more;
    // and what the screen had goes up, line by line.
    let (_, after) = before.rsplit_once("z=1;AAAA").expect("sent");
    let (_, after) = after.rsplit_once("\x1b[?1049l").expect("the first screen");
    let (_, after) = after.split_once("\x1b_Ga=d,d=A,q=2\x1b\\").expect("deleted");
    assert!(after.ends_with(&format!("\x1b[9999;1H{}\x1b[H\x1b[2J", "\r\n".repeat(24))), "{after:?}");
    terminal.type_keys("n\r");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn a_terminal_that_cannot_be_put_in_order_is_not_asked() {
    let place = place();
    place.write("change.py", MAKE);
    let mut terminal = Terminal::open_as(&place, "dumb", &["run", "--dir", OVERLAY, "--diff", "change.py"]);
    terminal.shows("a program can hide what it does on a terminal without control sequences");
    assert_eq!(terminal.ends(), 0);
    assert!(!String::from_utf8_lossy(&terminal.sent()).contains(['\x1b', '?']));
    assert!(!is_written(&place));
}

#[test]
fn a_terminal_that_nobody_reads_holds_no_end() {
    let stop = "import os, termios\nmodes = termios.tcgetattr(0)\nmodes[0] |= termios.IXON\n\
                modes[6][termios.VSTOP] = b'R'\ntermios.tcsetattr(0, termios.TCSANOW, modes)\n";
    // It is full, or the terminal's own answer stops it.
    for before in ["import os\n", stop] {
        for options in
            [&["--timeout", "2s"][..], &["--timeout", "2s", "--diff"], &["--timeout", "2s", "--trace"]]
        {
            let place = place();
            let code = format!("{before}while True: os.write(1, b'\\x1b[6n' + b'x' * 4092)");
            place.write("change.py", &code);
            let words = [&["run", "--dir", OVERLAY], options, &["change.py"]].concat();
            let begun = Instant::now();
            let mut terminal = Terminal::open_unread(&place, &words);
            std::thread::sleep(Duration::from_secs(1));
            terminal.type_keys("R");
            assert_eq!(terminal.ends(), 124, "{before}{options:?}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        }
    }
}

#[test]
fn a_pipe_that_is_full_holds_no_end() {
    let place = place();
    // To the last byte: what it writes beyond is what it stops at.
    let fill = "import os\nos.write(2, b'x' * 65536)\n";
    for (options, end, code) in [
        (&["--timeout", "2s"][..], "while True: pass", 124),
        (&["--limits", "service", "--timeout", "2s"], "while True: pass", 124),
        (&["--timeout", "2s", "--trace"], "while True: os.getpid()", 124),
        (&["--timeout", "2s", "--trace=/dev/stderr"], "while True: os.stat('/')", 124),
        (&["--timeout", "2s", "--report=/dev/stderr"], "", 124),
        (&["--timeout", "2s", "--diff", "--apply"], "open('/project/new', 'w').close()", 0),
    ] {
        let words = [&["run", "--dir", OVERLAY], options, &["-c"]].concat();
        let mut command = place.bellglass(words);
        command.arg(format!("{fill}{end}"));
        let begun = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("a start");
        process::eventually("it ends", || child.try_wait().expect("its state").is_some());
        assert_eq!(child.wait().expect("its end").code(), Some(code), "{options:?}");
        assert_eq!(is_written(&place), options.contains(&"--apply"), "{options:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}

#[test]
fn an_end_is_told_on_a_terminal_that_shows_it() {
    let place = place();
    let code = "print('\\x1b[8m\\x1b[?1049h\\x1b]0;', end='', flush=True)\nwhile True: pass";
    let mut terminal = changing(&place, &["--timeout", "1s"], code);
    assert_eq!(terminal.ends(), 124);
    terminal.shows("was stopped at its deadline");
    let lines = lines_of(terminal.screen().screen());
    let told = "bellglass: the program was stopped at its deadline of 1s";
    assert!(lines.iter().any(|line| line.trim_end() == told), "{lines:#?}");
}

#[test]
fn a_session_whose_keys_are_still_read_is_not_asked_about() {
    let place = place();
    let mut terminal = Terminal::open(&place, &["repl", "--dir", OVERLAY, "--diff"]);
    terminal.shows(">>> ");
    // It polls its stdin, so that a line is being edited when it ends.
    let code =
        "import os, select; open('/project/new', 'w').close(); select.select([0], [], [], 0.2); os._exit(0)";
    terminal.type_keys(&format!("{code}\r"));
    terminal.shows("it cannot be told whose the keys are that are typed");
    assert_eq!(terminal.ends(), 0);
    assert!(!is_written(&place));
    let mut terminal = Terminal::open(&place, &["repl", "--dir", OVERLAY, "--diff"]);
    terminal.shows(">>> ");
    terminal.type_keys("open('/project/new', 'w').close(); exit()\r");
    terminal.shows(QUESTION);
    terminal.type_keys("yes\r");
    assert_eq!(terminal.ends(), 0);
    assert!(is_written(&place));
}

#[test]
fn ctrl_c_at_the_question_writes_nothing() {
    let place = place();
    let mut terminal = changing(&place, &["--diff"], MAKE);
    terminal.shows(QUESTION);
    terminal.type_keys("\x03");
    assert_eq!(terminal.ends(), 130);
    assert!(!is_written(&place));
}

/// Files that take seconds to compare, each.
fn long_to_tell(place: &Scratch) -> &'static str {
    let lines: String = (0..300_000_u64).map(|line| format!("{}\n", line * 7919 % 300_007)).collect();
    for number in 0..20 {
        place.write(&format!("project/{number}"), &lines);
    }
    "import os\nlines = ''.join(f'{line}\\n' for line in range(300_000))\n\
     for name in os.listdir('/project'): open('/project/' + name, 'w').write(lines)"
}

#[test]
fn telling_ends_at_the_deadline() {
    let place = place();
    let code = long_to_tell(&place);
    let options = ["--dir", OVERLAY, "--diff=full", "--apply", "--timeout", "10s"];
    let finished = place.code(&options, code).expect(124);
    let finished = finished.says("what the program changed could not be told by the deadline of 10s");
    // It would take 40.
    assert!(finished.took < Duration::from_secs(25), "{:?}", finished.took);
    let first = fs::read_to_string(place.work().join("project/3")).expect("there");
    assert!(first.starts_with("0\n7919\n"), "nothing is written");
}

#[test]
fn telling_nobody_ends_at_the_deadline() {
    let place = place();
    let code = "open('/project/new', 'w').write('made\\n' * 500_000)";
    let words = ["run", "--dir", OVERLAY, "--diff=full", "--apply", "--timeout", "3s", "-c", code];
    let mut command = place.bellglass(words);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("a start");
    // Nobody reads it.
    let stdout = child.stdout.take();
    process::eventually("it ends", || child.try_wait().expect("its state").is_some());
    let output = child.wait_with_output().expect("its end");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(124), "{error}");
    assert!(error.contains("could not be told by the deadline of 3s"), "{error}");
    assert!(!is_written(&place));
    drop(stdout);
}

#[test]
fn telling_is_held_to_the_limit_on_output() {
    let place = place();
    let code = "print('x' * 1000)\nopen('/project/new', 'w').write('made\\n' * 100_000)";
    let options = ["--dir", OVERLAY, "--diff=full", "--apply", "--output-limit", "10K"];
    let finished = place.code(&options, code).expect(137).says("the limit on output is reached");
    assert_eq!(finished.stdout.len(), 10 << 10);
    assert!(!is_written(&place));
    let options = ["--dir", OVERLAY, "--diff", "--apply", "--output-limit", "10K"];
    place.code(&options, code).expect(0);
    assert!(is_written(&place));
}

#[test]
fn holes_are_written_as_holes_and_more_than_the_limit_is_not() {
    use std::os::unix::fs::MetadataExt;
    let place = place();
    let code = "import os\nwith open('/project/new', 'w') as f: f.truncate(6 << 30)";
    place.code(&["--dir", OVERLAY, "--apply", "--file-space", "1M"], code).expect(0);
    let metadata = fs::metadata(place.work().join("project/new")).expect("written");
    assert_eq!(metadata.len(), 6 << 30);
    assert!(metadata.blocks() < 100, "{} blocks", metadata.blocks());
    fs::write(place.work().join("project/large"), vec![b'x'; 3 << 20]).expect("written");
    let code = "import os\nos.link('/project/large', '/project/copy')";
    let finished = place.code(&["--dir", OVERLAY, "--apply", "--file-space", "1M"], code).expect(126);
    finished.says("nothing was written (allow more with --file-space and --file-count)");
    assert!(!place.work().join("project/copy").exists());
}

/// A module that calls an import of this name and ends.
fn calling(module: &str, name: &str) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let section = |id: u8, content: Vec<u8>| [&[id, content.len() as u8], &content[..]].concat();
    let exports = [vec![2], text("memory"), vec![2, 0], text("_start"), vec![0, 1]].concat();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        // () -> i32 and () -> ()
        section(1, vec![2, 0x60, 0, 1, 0x7f, 0x60, 0, 0]),
        section(2, [vec![1], text(module), text(name), vec![0, 0]].concat()),
        section(3, vec![1, 1]),
        section(5, vec![1, 0, 1]),
        section(7, exports),
        // call 0, drop
        section(10, vec![1, 5, 0, 0x10, 0, 0x1a, 0x0b]),
    ]
    .concat()
}

/// Fails if a text has something in it that a terminal acts on, but ends of lines.
#[track_caller]
fn is_plain(text: &str) {
    let acts = |one: char| one != '\n' && !bellglass::is_plain(one);
    assert!(!text.contains(acts), "{text:?}");
}

/// What a terminal or a reader would act on.
const NAME: &str = "f\u{9b}8m\nbellglass: wrote 3\u{202e}\u{e0041}";

#[test]
fn no_name_of_a_module_reaches_a_terminal_as_it_is() {
    let place = place();
    place.write("bad.wasm", calling("e\x1b[2Jv", NAME));
    let (wasm, trace) = (["--wasm", "bad.wasm"], "--trace=trace.txt");
    let reports = ["--report", "report.json"];
    for options in
        [&["--trace"][..], &[trace], &reports, &["--unsupported", "kill"], &["--isolation", "thread"]]
    {
        let finished = place.run([options, &wasm].concat());
        is_plain(&finished.err());
        let ours = finished.err().lines().any(|line| line.starts_with("bellglass: wrote"));
        assert!(!ours, "{}", finished.all());
    }
    let killed = place.run([&["--unsupported", "kill"][..], &wasm].concat()).expect(126);
    killed.says("nothing answers the call");
    for (file, name) in [("trace.txt", "<U+009B>8m<U+000A>"), ("report.json", "\u{fffd}8m")] {
        let text = fs::read_to_string(place.work().join(file)).expect("written");
        is_plain(&text);
        assert!(text.contains(name), "{text}");
    }
    let image = place.work().join("image");
    let words = ["image", "seal", "bad.wasm", "-o", image.to_str().expect("text"), "--name", "bad"];
    let allowed = format!("{NAME}=for a reason");
    let sealed = process::finish(&mut place.bellglass(words), Stdin::Nothing);
    is_plain(&sealed.err());
    let mut command = place.bellglass(words);
    let sealed = process::finish(command.args(["--allow-unknown", &allowed]), Stdin::Nothing);
    is_plain(&sealed.expect(0).err());
    for words in [&["calls"][..], &["image", "inspect"], &["image", "inspect", "--json"]] {
        let mut command = place.bellglass(words);
        let finished = process::finish(command.arg(&image), Stdin::Nothing).expect(0);
        is_plain(&finished.out());
        is_plain(&finished.err());
    }
}

#[test]
fn a_trace_on_a_terminal_is_in_letters() {
    let place = place();
    let code = "import sys\nsys.stdout.write('\\x1b(0\\x1b]0;')\nsys.stdout.flush()\nopen('/tmp/seen', 'w')";
    let mut terminal = changing(&place, &["--trace"], code);
    assert_eq!(terminal.ends(), 0);
    terminal.shows("<");
    let lines = lines_of(terminal.screen().screen());
    assert!(lines.iter().any(|line| line.contains("\"/tmp/seen\"")), "{lines:#?}");
}
