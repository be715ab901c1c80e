//! What a run may do, as `--explain` prints it.

use crate::harness::Scratch;
use std::fs;

#[test]
fn what_a_run_may_do_is_printed_and_nothing_is_run() {
    let place = Scratch::new();
    place.write("data/a.txt", "a");
    fs::create_dir(place.work().join("out")).expect("a folder");
    place.write("script.py", "open('/out/ran', 'w')\nprint('ran')");
    let finished = place
        .run([
            "--explain",
            "--dir",
            "data:/data",
            "--dir",
            "out:/out:rw",
            "--dir",
            "data:/over:overlay",
            "--apply",
            "--env",
            "GREETING=hunter2",
            "--timeout",
            "10s",
            "--limits",
            "service",
            "--waive-walls",
            "landlock",
            "--trace=trace.txt",
            "--report",
            "report.json",
            "script.py",
        ])
        .expect(0);
    let (out, work) = (finished.out(), place.work().display().to_string());
    assert_eq!(finished.err(), "");
    for line in [
        "isolation: a process of its own, without authority".to_owned(),
        "files: it may read /, the image's own files".to_owned(),
        "files: it may read and change /tmp, which is in memory and goes away with the run".to_owned(),
        format!("files: it may read /data, the directory {work}/data of the host"),
        format!("files: it may read and change /out, the directory {work}/out of the host"),
        format!(
            "files: it may change what it sees, and not what lies beneath, of /over, the directory {work}/data of the host"
        ),
        format!("files: it may read /home/user/script.py, the file {work}/script.py of the host"),
        "files: it sees nothing else of the host".to_owned(),
        "network: none, it reaches no host and asks no name server".to_owned(),
        "programs: none, it starts no process".to_owned(),
        "host functions: none".to_owned(),
        "walls: it runs only behind system_call_filter; every other one is used if this machine has it"
            .to_owned(),
        "walls: it runs also without landlock".to_owned(),
        "unsupported calls: they fail with ENOSYS, and it goes on".to_owned(),
        "limits: at most 512 MiB of memory".to_owned(),
        "limits: a deadline after 10s".to_owned(),
        "afterwards: what it has changed in overlays is written to the host".to_owned(),
    ] {
        assert!(out.lines().any(|one| one == line), "{line}\n{out}");
    }
    let environment = out.lines().find(|line| line.starts_with("environment: ")).expect("its line");
    assert!(environment.contains("GREETING") && !out.contains("hunter2"), "{environment}");
    // The guest's limits stand last, but for what comes after the run.
    assert!(out.lines().rev().nth(1).is_some_and(|line| line.starts_with("limits: ")), "{out}");
    for left in ["out/ran", "trace.txt", "report.json"] {
        assert!(!place.work().join(left).exists(), "{left}");
    }
}

#[test]
fn a_name_of_the_host_forges_no_line() {
    let place = Scratch::new();
    let name = "x\nnetwork: all\x1b[2J";
    fs::create_dir(place.work().join(name)).expect("a folder");
    let out = place.run(["--explain", "--dir", &format!("{name}:/x")]).expect(0).out();
    assert_eq!(out.lines().filter(|line| line.starts_with("network: ")).count(), 1, "{out}");
    assert!(out.contains("/x<U+000A>network: all<U+001B>[2J' of the host"), "{out}");
}

#[test]
fn what_explains_a_run_explains_a_prompt_and_a_program_too() {
    let place = Scratch::new();
    let explain = |words: &[&str]| {
        let mut command = place.bellglass(words);
        crate::harness::process::finish(&mut command, crate::harness::Stdin::Nothing).expect(0).out()
    };
    let printed = explain(&["repl", "--explain", "--isolation", "thread", "--unsupported", "kill"]);
    assert!(printed.contains("isolation: a thread of this process"), "{printed}");
    assert!(printed.contains("unsupported calls: they end it\n"), "{printed}");
    // A command that does nothing.
    place.write(
        "nothing.wasm",
        b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x13\x02\x06memory\x02\0\x06_start\0\0\x0a\x04\x01\x02\0\x0b",
    );
    let printed = explain(&["run", "--explain", "--wasm", "nothing.wasm"]);
    assert!(printed.starts_with("image: program@"), "{printed}");
}
