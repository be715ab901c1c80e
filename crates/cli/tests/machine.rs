//! The machine that a program believes to be on: its signals and timers, its user,
//! its names, its time, and what it is refused.

use crate::harness::Place;
use std::fs;

#[track_caller]
fn prints(options: &[&str], code: &str, expected: &str) {
    Place::new().code(options, code).expect(0).prints(expected);
}

#[test]
fn signals_to_itself_arrive_before_the_call_returns() {
    let code = "import os, signal\nsignal.signal(signal.SIGUSR1, lambda n, f: print('handler', n))\nos.kill(os.getpid(), signal.SIGUSR1); print('after kill')\nsignal.raise_signal(signal.SIGUSR1); print('after raise')\nos.killpg(0, signal.SIGUSR1)\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN); os.kill(0, signal.SIGUSR1)\nos.kill(os.getpid(), signal.SIGCHLD); os.kill(os.getpid(), 0)\ntry: os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt: print('interrupted')";
    prints(&[], code, "handler 10\nafter kill\nhandler 10\nafter raise\nhandler 10\ninterrupted\n");
}

#[test]
fn a_signal_without_a_handler_ends_the_program_as_everywhere() {
    let place = Place::new();
    for (signal, code) in [("SIGTERM", 143), ("SIGUSR2", 140), ("SIGKILL", 137), ("SIGALRM", 142)] {
        for call in ["os.kill(os.getpid(), signal.{})", "signal.raise_signal(signal.{})"] {
            let code_text = format!(
                "import os, signal\nprint('before', flush=True)\n{}\nprint('after')",
                call.replace("{}", signal)
            );
            let finished = place.code(&[], &code_text);
            assert_eq!((finished.code, &*finished.out()), (code, "before\n"), "{}", finished.all());
        }
    }
}

#[test]
fn what_is_no_signal_for_the_program_is_refused() {
    let code = "import os, signal\nfor target, number in [(os.getppid(), 15), (4321, 15), (os.getpid(), 99)]:\n try: os.kill(target, number)\n except OSError as e: print(type(e).__name__)\nfor number in (signal.SIGKILL, signal.SIGSTOP):\n try: signal.signal(number, print)\n except OSError as e: print('no')";
    prints(&[], code, "PermissionError\nProcessLookupError\nOSError\nno\nno\n");
}

#[test]
fn alarm_clocks_ring_while_it_sleeps_and_while_it_computes() {
    let code = "import signal, time\nclass Rang(Exception): pass\ndef ring(n, f): raise Rang\nsignal.signal(signal.SIGALRM, ring)\nfor wait in (lambda: time.sleep(50), lambda: [None for _ in iter(int, 1)], signal.pause):\n t = time.monotonic()\n signal.setitimer(signal.ITIMER_REAL, 0.2)\n try: wait()\n except Rang: print(0.15 < time.monotonic() - t < 5)\nprint(signal.alarm(60), signal.alarm(0), signal.alarm(0))";
    prints(&[], code, "True\nTrue\nTrue\n0 60 0\n");
    let code = "import signal, time\nrings = []\nsignal.signal(signal.SIGALRM, lambda n, f: rings.append(n))\nprint(signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05), flush=True)\nwhile len(rings) < 3: time.sleep(10) if len(rings) < 2 else None\nleft, interval = signal.setitimer(signal.ITIMER_REAL, 0)\nprint(0 < left <= 0.05, interval)";
    // A sleep goes on after a handler that returns, so it ends only by an alarm
    // that raises: here it would be cut by the deadline.
    let finished = Place::new().code(&["--timeout", "3s"], code);
    assert_eq!((finished.code, &*finished.out()), (124, "(0.0, 0.0)\n"), "{}", finished.all());
    let code = code.replace("time.sleep(10) if len(rings) < 2 else None", "pass");
    prints(&["--timeout", "20s"], &code, "(0.0, 0.0)\nTrue 0.05\n");
    Place::new().code(&["--timeout", "20s"], "import signal\nsignal.alarm(1)\nwhile True: pass").expect(142);
}

#[test]
fn the_user_is_consistent() {
    let code = "import os, pwd, grp, getpass, pathlib\np = pwd.getpwuid(os.getuid())\nprint(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getresuid(), os.getgroups())\nprint(p.pw_name, p.pw_gid, p.pw_dir, grp.getgrgid(os.getgid()).gr_name, getpass.getuser(), pathlib.Path.home())\nopen('/tmp/f', 'w').close(); s = os.stat('/tmp/f'); print(s.st_uid, s.st_gid)\nprint(os.getpid() > 0, os.getppid() > 0, os.getpgrp() == os.getpid() == os.getsid(0))";
    let of = |user: u32, group: u32, name: &str| {
        format!(
            "{user} {user} {group} {group} ({user}, {user}, {user}) [{group}]\n{name} {group} /home/user {name} {name} /home/user\n{user} {group}\nTrue True True\n"
        )
    };
    prints(&[], code, &of(1000, 1000, "user"));
    prints(&["--user", "501:20"], code, &of(501, 20, "user"));
    prints(&["--user", "0"], code, &of(0, 0, "root"));
    let code = "import os\nos.setuid(os.getuid())\ntry: os.setuid(os.getuid() + 1)\nexcept PermissionError: print('no')\nprint(oct(os.umask(0o077)), oct(os.umask(0)))\nopen('/tmp/f', 'w').close(); print(oct(os.stat('/tmp/f').st_mode & 0o777))";
    prints(&[], code, "no\n0o22 0o77\n0o666\n");
}

#[test]
fn the_machine_has_one_name() {
    let code = "import os, platform, socket\nprint(os.uname().nodename, platform.node(), socket.gethostname(), open('/etc/hostname').read().strip(), os.cpu_count(), os.sysconf('SC_NPROCESSORS_ONLN') if 'SC_NPROCESSORS_ONLN' in os.sysconf_names else 1)\nprint(platform.system(), platform.machine(), platform.python_implementation())";
    prints(&["--hostname", "build-7"], code, "build-7 build-7 build-7 build-7 1 1\nwasi wasm32 CPython\n");
    Place::new().run(["--hostname", "a b", "-c", "1"]).expect(2);
}

#[test]
fn the_working_directory_is_where_it_is_said() {
    let code = "import os\nprint(os.getcwd(), os.environ['PWD'])\nos.makedirs('a/b'); os.chdir('a'); print(os.getcwd(), os.listdir('.'), os.path.abspath('b'))\nopen('f', 'w').write('x'); os.chdir('..'); print(open('a/f').read(), os.path.realpath('a/../a/f'))\ntry: os.chdir('nowhere')\nexcept FileNotFoundError: print(os.getcwd())";
    prints(&["--cwd", "/tmp"], code, "/tmp /tmp\n/tmp/a ['b'] /tmp/a/b\nx /tmp/a/f\n/tmp\n");
}

#[test]
fn the_local_time_is_utc() {
    let code = "import time; print(time.tzname, time.strftime('%H:%M %Z', time.localtime(1719835200)), hasattr(time, 'tzset'))";
    prints(&[], code, "('UTC', 'UTC') 12:00 UTC False\n");
}

#[test]
fn a_locale_is_there_and_is_c() {
    let code = "import locale, sys\nprint(locale.setlocale(locale.LC_ALL, ''), locale.getencoding(), sys.getfilesystemencoding(), locale.localeconv()['decimal_point'])\ntry: locale.setlocale(locale.LC_ALL, 'xx_YY.nothing')\nexcept locale.Error: print('unknown')";
    let finished = Place::new().code(&[], code).expect(0);
    assert!(finished.out().starts_with("C.UTF-8"), "{}", finished.all());
}

#[test]
fn what_the_policy_refuses_is_reported_by_name() {
    let code = "import os, subprocess, socket\nfor act in (os.fork, socket.socket, lambda: subprocess.run(['true'])):\n try: act()\n except OSError as e: print(type(e).__name__)\nraise SystemExit(1)";
    let place = Place::new();
    let finished = place.code(&["--report", "report.json"], code).expect(1);
    assert_eq!((&*finished.out(), &*finished.err()), ("PermissionError\nPermissionError\nOSError\n", ""));
    let report = fs::read_to_string(place.work().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let refused = report["refused"].as_array().expect("a list");
    let reason = |name: &str| {
        let call =
            refused.iter().find(|call| call["signature"].as_str().is_some_and(|text| text.starts_with(name)));
        call.map(|call| call["reason"].as_str().expect("a text").to_owned())
    };
    assert_eq!(reason("env.fork(").as_deref(), Some("no process can be started"), "{report}");
    assert!(reason("env.socket(").is_some(), "{report}");
    // Who watches the calls is told why at the end as well.
    let finished = place.code(&["--trace=calls.txt"], code).expect(1);
    assert!(finished.err().contains("bellglass: the policy refused env.socket: "), "{}", finished.all());
}
