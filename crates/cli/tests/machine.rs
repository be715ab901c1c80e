//! The machine that a program believes to be on: its signals and timers, its user,
//! its names, its zones, and what it is refused.

use crate::harness::Scratch;
use std::fs;

#[track_caller]
fn prints(options: &[&str], code: &str, expected: &str) {
    Scratch::new().code(options, code).expect(0).prints(expected);
}

#[test]
fn signals_to_itself_arrive_before_the_call_returns() {
    let code = "import os, signal\nsignal.signal(signal.SIGUSR1, lambda n, f: print('handler', n))\nos.kill(os.getpid(), signal.SIGUSR1); print('after kill')\nsignal.raise_signal(signal.SIGUSR1); print('after raise')\nos.killpg(0, signal.SIGUSR1)\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN); os.kill(0, signal.SIGUSR1)\nos.kill(os.getpid(), signal.SIGCHLD); os.kill(os.getpid(), 0)\ntry: os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt: print('interrupted')";
    prints(&[], code, "handler 10\nafter kill\nhandler 10\nafter raise\nhandler 10\ninterrupted\n");
}

#[test]
fn a_signal_without_a_handler_ends_the_program_as_everywhere() {
    let place = Scratch::new();
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
    let code = "import os, signal\nfor target, number in [(os.getppid(), 15), (4321, 15), (os.getpid(), 99)]:\n try: os.kill(target, number)\n except OSError as e: print(type(e).__name__)\nfor number in (signal.SIGKILL, signal.SIGSTOP):\n print(signal.getsignal(number) is signal.SIG_DFL)\n try: signal.signal(number, print)\n except OSError as e: print('no')";
    prints(&[], code, "PermissionError\nProcessLookupError\nOSError\nTrue\nno\nTrue\nno\n");
}

#[test]
fn alarm_clocks_ring_while_it_sleeps_and_while_it_computes() {
    let code = "import signal, time\nclass Rang(Exception): pass\ndef ring(n, f): raise Rang\nsignal.signal(signal.SIGALRM, ring)\nfor wait in (lambda: time.sleep(50), lambda: [None for _ in iter(int, 1)], signal.pause):\n t = time.monotonic()\n signal.setitimer(signal.ITIMER_REAL, 0.2)\n try: wait()\n except Rang: print(0.15 < time.monotonic() - t < 5)\nprint(signal.alarm(60), signal.alarm(0), signal.alarm(0))";
    prints(&[], code, "True\nTrue\nTrue\n0 60 0\n");
    let code = "import signal, time\nrings = []\nsignal.signal(signal.SIGALRM, lambda n, f: rings.append(n))\nprint(signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05), flush=True)\nwhile len(rings) < 3: time.sleep(10) if len(rings) < 2 else None\nleft, interval = signal.setitimer(signal.ITIMER_REAL, 0)\nprint(0 < left <= 0.05, interval)";
    // A sleep goes on after a handler that returns, so it ends only by an alarm
    // that raises: here it would be cut by the deadline.
    let finished = Scratch::new().code(&["--timeout", "3s"], code);
    assert_eq!((finished.code, &*finished.out()), (124, "(0.0, 0.0)\n"), "{}", finished.all());
    let code = code.replace("time.sleep(10) if len(rings) < 2 else None", "pass");
    prints(&["--timeout", "20s"], &code, "(0.0, 0.0)\nTrue 0.05\n");
    Scratch::new()
        .code(&["--timeout", "20s"], "import signal\nsignal.alarm(1)\nwhile True: pass")
        .expect(142);
}

#[test]
fn handlers_of_an_event_loop_run() {
    let code = "import asyncio, os, signal\nasync def main():\n done = asyncio.Event()\n asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)\n asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)\n await asyncio.wait_for(done.wait(), 10)\n print('done')\nasyncio.run(main())";
    prints(&["--timeout", "20s"], code, "done\n");
}

#[test]
fn signals_can_be_blocked_and_waited_for() {
    let code = "import os, signal\nran = []\nfor number in (signal.SIGUSR1, signal.SIGALRM): signal.signal(number, lambda n, f: ran.append(n))\nboth = {signal.SIGUSR1, signal.SIGALRM}\nprint(both < signal.valid_signals(), signal.pthread_sigmask(signal.SIG_BLOCK, both))\nos.kill(os.getpid(), signal.SIGUSR1); print(signal.sigpending(), ran)\nprint(signal.sigwait(both)); signal.alarm(1); print(signal.sigwait(both), ran)\nprint(signal.sigtimedwait(both, 0.05)); signal.setitimer(signal.ITIMER_REAL, 0.1); print(signal.sigtimedwait(both, 10).si_signo)\nsignal.raise_signal(signal.SIGALRM); print(ran); old = signal.pthread_sigmask(signal.SIG_UNBLOCK, both); print(old == both, ran)\nsignal.siginterrupt(signal.SIGALRM, False)";
    prints(
        &["--timeout", "20s"],
        code,
        "True set()\n{<Signals.SIGUSR1: 10>} []\n10\n14 []\nNone\n14\n[]\nTrue [14]\n",
    );
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
    // A snapshot serves them all.
    let place = Scratch::new();
    place.code(&["--user", "501:20", "--report", "report.json"], code).expect(0).prints(&of(501, 20, "user"));
    let report = fs::read_to_string(place.work().join("report.json")).expect("a report");
    assert!(report.contains("\"start\": \"snapshot\""), "{report}");
    let code = "import os\nos.setuid(os.getuid())\ntry: os.setuid(os.getuid() + 1)\nexcept PermissionError: print('no')\nprint(oct(os.umask(0o077)), oct(os.umask(0)))\nopen('/tmp/f', 'w').close(); print(oct(os.stat('/tmp/f').st_mode & 0o777))";
    prints(&[], code, "no\n0o22 0o77\n0o666\n");
}

#[test]
fn the_machine_has_one_name() {
    let code = "import os, platform, socket\nprint(os.uname().nodename, platform.node(), socket.gethostname(), open('/etc/hostname').read().strip(), os.cpu_count(), os.sysconf('SC_NPROCESSORS_ONLN') if 'SC_NPROCESSORS_ONLN' in os.sysconf_names else 1)\nprint(platform.system(), platform.machine(), platform.python_implementation())";
    prints(&["--hostname", "build-7"], code, "build-7 build-7 build-7 build-7 1 1\nLinux wasm32 CPython\n");
    Scratch::new().run(["--hostname", "a b", "-c", "1"]).expect(2);
    let code = "import os\nprint(os.cpu_count(), os.sysconf('SC_NPROCESSORS_CONF'), open('/proc/cpuinfo').read().count('processor'), sum(line[3].isdigit() for line in open('/proc/stat') if line.startswith('cpu')))";
    prints(&["--cpus", "6"], code, "6 6 6 6\n");
    prints(&[], code, "1 1 1 1\n");
    for wrong in ["0", "-1", "4097", "two"] {
        Scratch::new().run(["--cpus", wrong, "-c", "1"]).expect(2);
    }
}

#[test]
fn ports_have_names() {
    let code = "import socket\nprint(socket.getservbyname('https', 'tcp'), socket.getservbyname('www'), socket.getservbyport(53, 'udp'), socket.getprotobyname('tcp'))\ntry: socket.getservbyname('http', 'udp')\nexcept OSError: print('none')";
    prints(&[], code, "443 80 domain 6\nnone\n");
}

/// As Linux answers of its own trees in memory; pathlib then copies.
#[test]
fn files_share_no_blocks() {
    let code = "import errno, fcntl, os, pathlib, struct\nos.chdir('/tmp')\nopen('a', 'w').write('x'); open('b', 'w').write('yy')\ns = os.open('a', os.O_RDONLY); d = os.open('b', os.O_WRONLY); r, w = os.pipe(); D = os.open('.', os.O_RDONLY); e = os.open('b', os.O_WRONLY | os.O_APPEND)\nfor into, source in ((d, s), (d, 99), (s, s), (d, d), (w, s), (d, r), (D, s), (d, D), (e, s)):\n try: fcntl.ioctl(into, fcntl.FICLONE, source)\n except OSError as e: print(errno.errorcode[e.errno], end=' ')\ntry: fcntl.ioctl(d, 0x4020940d, struct.pack('qQQQ', s, 0, 0, 0))\nexcept OSError as e: print(errno.errorcode[e.errno])\npathlib.Path('a').copy('c'); print(open('c').read())";
    let expected = "ENOTSUP EBADF EBADF EBADF EXDEV EXDEV EISDIR EISDIR EBADF ENOTSUP\nx\n";
    prints(&[], code, expected);
}

#[test]
fn files_have_attributes() {
    let code = "import os\nopen('/tmp/f', 'w').close()\nos.setxattr('/tmp/f', 'user.one', b'1'); os.setxattr('/tmp/f', 'user.two', b'22', os.XATTR_CREATE)\nprint(sorted(os.listxattr('/tmp/f')), os.getxattr('/tmp/f', 'user.two'))\nos.removexattr('/tmp/f', 'user.one'); print(os.listxattr('/tmp/f'))\nfor act in (lambda: os.getxattr('/tmp/f', 'user.one'), lambda: os.setxattr('/tmp/f', 'user.two', b'', os.XATTR_CREATE)):\n try: act()\n except OSError as e: print(e.strerror)";
    let expected = "['user.one', 'user.two'] b'22'\n['user.two']\nNo data available\nFile exists\n";
    prints(&[], code, expected);
}

#[test]
fn the_working_directory_is_where_it_is_said() {
    let code = "import os\nprint(os.getcwd(), os.environ['PWD'])\nos.makedirs('a/b'); os.chdir('a'); print(os.getcwd(), os.listdir('.'), os.path.abspath('b'))\nopen('f', 'w').write('x'); os.chdir('..'); print(open('a/f').read(), os.path.realpath('a/../a/f'))\ntry: os.chdir('nowhere')\nexcept FileNotFoundError: print(os.getcwd())";
    prints(&["--cwd", "/tmp"], code, "/tmp /tmp\n/tmp/a ['b'] /tmp/a/b\nx /tmp/a/f\n/tmp\n");
}

/// What local time is in each of these zones: in winter, in summer, before there were
/// zones, and in a year that no file lists.
const ZONES: &str = "import os, time\nfor zone in ('Europe/Berlin', 'America/New_York', 'UTC', 'JST-9', 'Asia/Kolkata', 'Australia/Sydney', '<+03>-3', 'AEST-10AEDT-11,M10.5.0,M3.5.0'):\n os.environ['TZ'] = zone; time.tzset()\n for at in (0, 1719835200, 1704067200, 1711846799, 1711846800, 1729990800, 1729994400, -5000000000, 32503680000):\n  if at >= 0 or '/' in zone: print(zone, time.strftime('%Y-%m-%d %H:%M:%S %Z %z', time.localtime(at)), time.localtime(at).tm_isdst, time.mktime(time.localtime(at)) == at)\n print(time.tzname, time.timezone, time.daylight, time.altzone, time.strftime('%Z', (2024, 7, 1, 0, 0, 0, 0, 1, 0)))\n print(*(time.mktime((2024, month, 31, 5, 30, 0, 0, 0, dst)) for month in (3, 7, 10) for dst in ((-1, 0, 1) if time.daylight else (-1, 0))))";

#[test]
fn zones_are_those_of_the_image() {
    let recorded = include_str!("machine/zones.txt");
    let inside = Scratch::new().code(&[], ZONES).expect(0);
    assert_eq!(inside.out(), recorded);
    // Where this machine has the same interpreter, and zones, it says the same.
    let Some(reference) = crate::harness::reference::reference() else { return };
    if !std::path::Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
        return;
    }
    let place = Scratch::new();
    let mut command = reference.command(&place.work(), &place.home());
    let native = crate::harness::process::finish(command.args(["-c", ZONES]), crate::harness::Stdin::Nothing);
    assert_eq!(native.expect(0).out(), recorded);
}

#[test]
fn the_zone_is_the_runs_own_and_not_the_snapshots() {
    let code = "import time, datetime\nprint(time.tzname, time.localtime(1719835200).tm_hour, datetime.datetime.fromtimestamp(0).hour, datetime.datetime.fromtimestamp(0).astimezone().utcoffset())";
    let berlin = "('CET', 'CEST') 14 1 1:00:00\n";
    let utc = "('UTC', 'UTC') 12 0 0:00:00\n";
    prints(&["--env", "TZ=Europe/Berlin"], code, berlin);
    prints(&["--env", "TZ=Europe/Berlin", "--no-snapshot"], code, berlin);
    prints(&[], code, utc);
    let place = Scratch::new();
    place.code(&["--env", "TZ=Asia/Tokyo", "--report", "report.json"], "pass").expect(0);
    let report = fs::read_to_string(place.work().join("report.json")).expect("a report");
    assert!(report.contains("\"start\": \"snapshot\""), "{report}");
    // Without the variable, the machine's own zone, where it has one.
    let code = "import os, time\nopen('own', 'wb').write(open('/usr/share/zoneinfo/Asia/Tokyo', 'rb').read())\nos.environ['TZ'] = os.path.abspath('own'); time.tzset(); print(time.tzname)";
    prints(&[], code, "('JST', 'JST')\n");
}

#[test]
fn hostile_names_of_zones_do_no_harm() {
    let code = "import os, time\nfor text in ('A' * 100000, '<' + 'A' * 500 + '>3', 'ABC99999999999999999', 'ABC-24:59:59DEF,J0,J366', 'ABC3DEF,M13.6.7/999,0', '<', 'ABC', '/', '/dev/zero', '/dev/null', '.', '..', '../..', 'Europe/../Europe/Berlin', 'Europe', 'ABC3DEF4,', 'ABC3DEF4,M1.1.1/-167,M12.5.6/167', '%s%n'):\n os.environ['TZ'] = text\n try: time.tzset(); time.mktime(time.localtime(1719835200)); time.strftime('%Z')\n except (OverflowError, RuntimeError): pass\n assert len(time.tzname[0]) < 64\nprint('unharmed')";
    prints(&["--timeout", "60s"], code, "unharmed\n");
}

/// musl believes what a zone's file says of itself, so one that lies may crash the program
/// that names it: the guest, and nothing else.
#[test]
fn zones_that_lie_crash_at_most_their_guest() {
    for seed in 0..8 {
        let code = format!(
            "import os, random, time\nrandom.seed({seed})\nwhole = open('/usr/share/zoneinfo/America/New_York', 'rb').read()\ndef attempt(data):\n open('zone', 'wb').write(data); os.environ['TZ'] = os.path.abspath('zone') if attempt.n % 2 else ':' + os.path.abspath('zone'); attempt.n += 1; time.tzset()\n for at in (0, -2**40, 2**40, 1719835200):\n  try: time.mktime(time.localtime(at))\n  except (UnicodeError, OverflowError): pass\nattempt.n = 0\nfor size in range({seed}, len(whole), 50): attempt(whole[:size])\nfor _ in range(200):\n data = bytearray(whole)\n for _ in range(random.randrange(1, 4)): data[random.randrange(len(data)) if random.random() < 0.5 else random.randrange(200)] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))\n attempt(bytes(data))\nprint('unharmed')"
        );
        let finished = Scratch::new().code(&["--timeout", "60s"], &code);
        let crashed = finished.code == 134 && finished.err().contains("bellglass: the interpreter crashed");
        assert!(crashed || finished.out() == "unharmed\n", "seed {seed}: {}", finished.all());
    }
}

#[test]
fn the_clocks_of_processor_time_do_not_count_sleep() {
    let code = "import time\nt, p = time.thread_time(), time.process_time(); time.sleep(0.3); print(time.thread_time() - t < 0.2, time.process_time() - p < 0.2)\nsum(range(3000000)); print(time.thread_time() > t, time.get_clock_info('thread_time').monotonic)";
    prints(&[], code, "True True\nTrue True\n");
}

#[test]
fn descriptors_that_are_closed_and_names_that_are_empty_are_errors() {
    let code = "import errno, os, select\nr, w = os.pipe(); os.close(w)\nfor sets in (([w], [], []), ([], [w], []), ([], [], [w]), ([500], [], [])):\n try: print(select.select(*sets, 0))\n except OSError as e: print(e.errno == errno.EBADF)\nprint(select.select([r], [], [], 5)[0] == [r])\nfor act in (os.stat, os.lstat, os.listdir, os.mkdir, os.rmdir, os.unlink, os.chdir, os.utime, os.readlink, os.statvfs, open, lambda n: os.rename(n, 'x'), lambda n: os.rename('.', n), lambda n: os.link(n, 'x'), lambda n: os.symlink('x', n), lambda n: os.chmod(n, 0), lambda n: os.truncate(n, 0)):\n try: print(act, act(''))\n except FileNotFoundError: pass\nprint(os.path.exists(''), os.access('', 0), os.listdir('.') == os.listdir(), os.path.exists('./.'))";
    prints(&[], code, "True\nTrue\nTrue\nTrue\nTrue\nFalse False True True\n");
}

#[test]
fn a_locale_is_there_and_is_c() {
    let code = "import locale, sys\nprint(locale.setlocale(locale.LC_ALL, ''), locale.getencoding(), sys.getfilesystemencoding(), locale.localeconv()['decimal_point'])\ntry: locale.setlocale(locale.LC_ALL, 'xx_YY.nothing')\nexcept locale.Error: print('unknown')";
    let finished = Scratch::new().code(&[], code).expect(0);
    assert!(finished.out().starts_with("C.UTF-8"), "{}", finished.all());
}

#[test]
fn what_the_policy_refuses_is_reported_by_name() {
    let code = "import os, subprocess, socket\nfor act in (os.fork, socket.socket, lambda: subprocess.run(['true']), lambda: socket.getaddrinfo('example.com', 80)):\n try: act()\n except OSError as e: print(type(e).__name__)\nraise SystemExit(1)";
    let place = Scratch::new();
    let finished = place.code(&["--report", "report.json"], code).expect(1);
    assert_eq!(
        (&*finished.out(), &*finished.err()),
        ("PermissionError\nPermissionError\nPermissionError\nPermissionError\n", "")
    );
    let report = fs::read_to_string(place.work().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let refused = report["refused"].as_array().expect("a list");
    let reason = |name: &str| {
        let call =
            refused.iter().find(|call| call["signature"].as_str().is_some_and(|text| text.starts_with(name)));
        call.map(|call| (call["reason"].clone(), call["permission"].clone()))
    };
    let because = |reason: &str, permission: &str| Some((reason.into(), permission.into()));
    assert_eq!(reason("linux.clone("), because("no process can be started", "programs"), "{report}");
    // To look up a name takes one too.
    assert_eq!(
        reason("linux.socket("),
        because("local ones only, for others lead out", "network"),
        "{report}"
    );
    let policy = report["policy"].as_array().expect("lines");
    assert!(policy.iter().any(|line| line == "programs: none, it starts no process"), "{report}");
    // Who watches the calls is told why at the end as well.
    let finished = place.code(&["--trace=calls.txt"], code).expect(1);
    let told = "bellglass: the policy refused linux.socket, which needs the permission 'network': local ones only, for others lead out\n";
    assert!(finished.err().contains(told), "{}", finished.all());
    let trace = fs::read_to_string(place.work().join("calls.txt")).expect("a trace");
    let fork = trace.lines().find(|line| line.starts_with("clone(")).expect("a line");
    assert!(fork.contains("EPERM") && fork.contains("(it needs the permission 'programs')"), "{fork}");
}
