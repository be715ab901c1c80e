//! Signals in programs of C: the same program does the same as natively. What it
//! does natively is recorded; where there is a `gcc`, it is compared with that too.

use crate::harness::process::{self, Finished, Stdin};
use crate::harness::{Scratch, blessing, compare, difference, tests_folder};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

fn source(name: &str) -> PathBuf {
    tests_folder().join("signals").join(format!("{name}.c"))
}

fn compile(place: &Scratch, source: &Path, optimisation: &str) -> PathBuf {
    let program = place.work().join("program");
    let mut command = place.bellglass(["cc", optimisation, "-Wall", "-Wextra", "-o"]);
    let finished = process::finish(command.arg(&program).arg(source), Stdin::Nothing).expect(0);
    assert!(finished.stderr.is_empty(), "{}", finished.all());
    program
}

fn compile_text(place: &Scratch, text: &str) -> PathBuf {
    let source = place.write("program.c", text);
    compile(place, &source, "-O2")
}

/// A command in the test's own environment, which may be a line of the shell.
fn command(place: &Scratch, program: impl AsRef<OsStr>) -> Command {
    let own = place.bellglass::<&str>([]);
    let mut command = Command::new(program);
    command.current_dir(place.work()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    command.env("BELLGLASS_OPTIONS", "--timeout 60s --dir .:/work:rw").env("PATH", "/usr/bin:/bin");
    command
}

/// What a program finds on its stdin.
#[derive(Clone, Copy)]
enum Lines {
    None,
    /// Two, one late and one later, counted from when it has made the file `ready`: it may
    /// take long to begin.
    Two,
}

/// Runs a line of the shell, in which the program is told where to make `ready`.
fn feed(place: &Scratch, lines: Lines, line: &str) -> Finished {
    let line = match lines {
        Lines::None => line.to_owned(),
        Lines::Two => format!(
            "rm -f ready; {{ tries=0; until [ -e ready ] || [ $tries = 1000 ]; do sleep 0.05; tries=$((tries + 1)); done
             sleep 0.4; echo one; sleep 0.4; echo two; }} | {line}"
        ),
    };
    process::finish(command(place, "sh").arg("-c").arg(line), Stdin::Nothing)
}

/// What a program does natively; nothing without a compiler.
fn native(place: &Scratch, source: &Path, lines: Lines) -> Option<Finished> {
    let mut compiler = Command::new("gcc");
    compiler.args(["-O1", "-D_GNU_SOURCE", "-Wno-deprecated-declarations", "-o", "native"]).arg(source);
    let output = compiler.current_dir(place.work()).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(feed(place, lines, "./native ready"))
}

fn runs_as_natively(name: &str, lines: Lines, code: i32) {
    let place = Scratch::new();
    let (source, recording) = (source(name), tests_folder().join("signals").join(format!("{name}.out")));
    let native = native(&place, &source, lines);
    assert!(native.is_some() || !blessing(), "recording needs gcc");
    if let Some(native) = native {
        compare(&format!("{name}.c, natively"), &native.expect(code).out(), &recording);
    }
    let expected = std::fs::read_to_string(&recording).expect("a recording");
    let check = |how: &str, line: &str| {
        let actual = feed(&place, lines, line).expect(code).out();
        assert!(actual == expected, "{name}.c {how}\n{}", difference(&expected, &actual));
    };
    for optimisation in ["-O0", "-O2"] {
        compile(&place, &source, optimisation);
        check(&format!("with {optimisation}"), "./program /work/ready");
    }
    check(
        "in a thread",
        "BELLGLASS_OPTIONS='--timeout 60s --isolation thread --dir .:/work:rw' ./program /work/ready",
    );
}

#[test]
fn handlers_run_where_they_do_natively() {
    runs_as_natively("deliveries", Lines::None, 128 + 14);
}

#[test]
fn calls_begin_again_where_they_do_natively() {
    runs_as_natively("restarts", Lines::Two, 128 + 15);
}

/// Runs a program that makes the file /work/ready, and sends it Ctrl-C then.
fn interrupt(place: &Scratch, program: &Path) -> Finished {
    let running = process::start(&mut command(place, program), Stdin::Nothing);
    process::eventually("the program is ready", || place.work().join("ready").exists());
    running.signal(Signal::INT);
    running.wait()
}

#[test]
fn ctrl_c_runs_a_handler_of_a_program_that_computes() {
    let place = Scratch::new();
    let text = r#"#include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        static void end(int signal) { printf("got %d\n", signal); exit(3); }
        int main(void) {
          signal(SIGINT, end);
          fclose(fopen("/work/ready", "w"));
          for (volatile long sum = 0;;) sum++;
        }"#;
    let program = compile_text(&place, text);
    assert_eq!(interrupt(&place, &program).expect(3).out(), "got 2\n");
}

#[test]
fn an_unhandled_signal_ends_a_program_that_computes() {
    let place = Scratch::new();
    let text = r#"#include <stdio.h>
        int main(void) { fclose(fopen("/work/ready", "w")); for (volatile long sum = 0;;) sum++; }"#;
    let program = compile_text(&place, text);
    interrupt(&place, &program).expect(130);
    let alarm = "#include <unistd.h>\nint main(void) { alarm(1); for (volatile long sum = 0;;) sum++; }";
    let program = compile_text(&place, alarm);
    process::finish(&mut command(&place, &program), Stdin::Nothing).expect(142);
}

#[test]
fn a_handler_may_allocate_while_the_controller_does() {
    // getaddrinfo has the controller call malloc while the call is open.
    let place = Scratch::new();
    let text = r#"#include <netdb.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/time.h>
        #include <unistd.h>
        static volatile sig_atomic_t count;
        static void note(int signal) { (void)signal; free(malloc(1000)); getppid(); count = count + 1; }
        int main(void) {
          struct itimerval timer = {{0, 1000}, {0, 1000}};
          signal(SIGALRM, note);
          setitimer(ITIMER_REAL, &timer, 0);
          while (count < 100) {
            struct addrinfo *list, hints = {.ai_flags = AI_NUMERICHOST};
            for (int i = 0; i < 100; i++)
              if (!getaddrinfo("127.0.0.1", 0, &hints, &list)) freeaddrinfo(list);
          }
          puts("done");
        }"#;
    let program = compile_text(&place, text);
    let finished = process::finish(&mut command(&place, &program), Stdin::Nothing).expect(0);
    assert_eq!(finished.out(), "done\n");
}

#[test]
fn a_program_without_handlers_pays_nothing_for_them() {
    let place = Scratch::new();
    let holds = |text: &str| {
        let program = std::fs::read(compile_text(&place, text)).expect("a program");
        program.windows(21).any(|bytes| bytes == b"bellglass_interrupted")
    };
    assert!(!holds("#include <setjmp.h>\n#include <stdio.h>\nint main(void) { puts(\"\"); }"));
    assert!(holds("#include <signal.h>\nint main(void) { signal(SIGINT, SIG_IGN); }"));
}
