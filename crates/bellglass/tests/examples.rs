//! The examples, each run as its users run it. They need the image of CPython and the
//! cell: `cargo xtask test` builds both, and the examples.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

/// The command of an example.
fn example(name: &str) -> Command {
    // This is target/PROFILE/deps/main-HASH.
    let own = std::env::current_exe().expect("a path");
    let build = own.ancestors().nth(2).expect("a folder").to_owned();
    let program = build.join("examples").join(name);
    assert!(program.is_file(), "{} is not there: run `cargo xtask test`", program.display());
    let mut command = Command::new(program);
    // It is found beside an application; an example lies one folder below.
    command.env("BELLGLASS_CELL", build.join("bellglass-cell"));
    command
}

fn finish(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("it starts")
}

/// What a run printed that went well.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// A folder with one file.
fn folder_with(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("written");
    (folder, path)
}

#[test]
fn clock_shows_the_time_that_the_handler_says() {
    assert_eq!(printed(&finish(&mut example("clock"))), "1999-12-31 23:59:59+00:00\n");
}

#[test]
fn later_completes_calls_from_a_task_under_both_isolations() {
    assert_eq!(printed(&finish(&mut example("later"))), "Process: 4711\nThread: 4711\n");
}

#[test]
fn tree_shows_files_that_are_made_when_they_are_opened() {
    let expected = "12 orders, 198 pieces\nit has changed summary.txt\n";
    assert_eq!(printed(&finish(&mut example("tree"))), expected);
}

#[test]
fn grader_tells_right_from_wrong_and_slow_from_broken() {
    let grade = |text: &str| {
        let (_folder, path) = folder_with("submission.py", text);
        let output = finish(example("grader").arg(path));
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let (code, text) = grade("import sys\nprint(sum(map(int, sys.stdin)))");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.ends_with("3 of 3 cases passed\n"), "{text}");
    for (submission, verdict, passed) in [
        ("print(6)", "case 2: wrong answer", "1 of 3"),
        (
            "import sys\nsum(map(int, sys.stdin)) or exit()\nwhile True: pass",
            "case 1: stopped: the program took longer than 2s",
            "0 of 3",
        ),
        ("bytearray(1 << 30)", "case 1: failed: MemoryError", "0 of 3"),
        ("raise ValueError('\\x1b[2J')", "case 3: failed: ValueError: \\u{1b}[2J", "0 of 3"),
        ("while True: print('x' * 1000)", "case 1: stopped: the program wrote more than 1 MiB", "0 of 3"),
    ] {
        let (code, text) = grade(submission);
        assert_eq!(code, Some(1), "{submission}: {text}");
        assert!(text.contains(verdict) && text.ends_with(&format!("{passed} cases passed\n")), "{text}");
    }
}

/// A program of ours that is ended when the test is.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn web_answers_each_request_from_a_sandbox_of_its_own() {
    let handler = "
import os, sys
seen = os.path.exists('/tmp/seen')
open('/tmp/seen', 'w').close()
if os.environ['PATH_INFO'] == '/loop':
    while True: pass
print(os.environ['REQUEST_METHOD'], os.environ['PATH_INFO'], sys.stdin.read(), seen)
sys.exit(os.environ['PATH_INFO'] == '/bad')
";
    let (_folder, path) = folder_with("handler.py", handler);
    let mut command = example("web");
    command.arg(path).arg("127.0.0.1:0").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = Running(command.spawn().expect("it starts"));
    let mut line = String::new();
    let out = server.0.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("it says where it listens");
    let address = line.trim().strip_prefix("listening on http://").expect("an address").to_owned();
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    for body in ["first", "second"] {
        let answer = ask(&format!("POST /sum HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        // Nothing of the first request is there in the second.
        assert!(answer.ends_with(&format!("\r\n\r\nPOST /sum {body} False\n")), "{answer}");
    }
    assert!(ask("GET /bad HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 500 "));
    assert!(ask("GET /loop HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 504 "));
    assert_eq!(ask("GET / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n"), "");
    assert!(ask("GET /again HTTP/1.1\r\n\r\n").ends_with("GET /again  False\n"));
}

#[test]
fn ask_opens_only_what_the_person_allows_by_whatever_way() {
    let program = "
import os
def read(what, **more):
    try:
        descriptor = os.open(what, os.O_RDONLY, **more)
        print(os.read(descriptor, 100).decode(), flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
os.symlink('/asked/secret', '/tmp/link')
folder = os.open('/asked', os.O_RDONLY)
read('/asked/plain')
read('/tmp/link')
read('secret', dir_fd=folder)
read('/tmp/../asked/./secret')
read('/asked/none')
print('end')
";
    let (folder, path) = folder_with("program.py", program);
    let shown = folder.path().join("shown");
    fs::create_dir_all(&shown).expect("made");
    fs::write(shown.join("plain"), "in plain sight").expect("written");
    fs::write(shown.join("secret"), "the secret").expect("written");
    let mut command = example("ask");
    command.arg(&shown).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running(command.spawn().expect("it starts"));
    let mut input = running.0.stdin.take().expect("a pipe");
    let mut output = running.0.stdout.take().expect("a pipe");
    let mut text = String::new();
    for (question, answer) in [("/asked/plain? [y/N] ", "y\n"), ("/asked/secret? [y/N] ", "n\n")] {
        let mut byte = [0];
        while !text.ends_with(question) {
            assert_eq!(output.read(&mut byte).expect("it prints"), 1, "{text}");
            text.push(char::from(byte[0]));
        }
        input.write_all(answer.as_bytes()).expect("it reads");
    }
    output.read_to_string(&mut text).expect("the end");
    assert!(running.0.wait().expect("it ends").success());
    // It is asked once for each file, whichever way leads there.
    let denied = "Permission denied\n".repeat(3);
    let rest = format!("{denied}No such file or directory\nend\nExited {{ code: 0 }}\n");
    assert_eq!(
        text,
        format!("may it open /asked/plain? [y/N] in plain sight\nmay it open /asked/secret? [y/N] {rest}")
    );
}
