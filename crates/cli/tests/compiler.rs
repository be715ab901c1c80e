//! `bellglass cc` as build systems use it, and the programs that it links.

use crate::harness::Scratch;
use crate::harness::process::{self, Finished, Stdin};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a line of the shell in which `bellglass` is the built command.
fn shell(place: &Scratch, line: &str, stdin: &[u8]) -> Finished {
    let own = place.bellglass::<&str>([]);
    let folder = Path::new(own.get_program()).parent().expect("a folder").to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(place.work()).env_clear();
    for (name, value) in own.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("PATH", path);
    process::finish(
        &mut command,
        if stdin.is_empty() { Stdin::Nothing } else { Stdin::Bytes(stdin.to_vec()) },
    )
}

/// Compiles a program of one file as `./program` and fails if that fails.
fn compile(place: &Scratch, text: &str) {
    place.write("program.c", text);
    let finished = shell(place, "bellglass cc -O1 -Wall -o program program.c", b"");
    let finished = finished.expect(0);
    assert!(finished.stderr.is_empty(), "{}", finished.all());
}

#[test]
fn a_linked_program_runs_in_a_cell_with_arguments_streams_and_exit_code() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <stdio.h>
        #include <stdlib.h>
        int main(int argc, char **argv) {
          char line[100];
          printf("%s %d %s|%s\n", argv[0], argc, argc > 1 ? argv[1] : "", getenv("HOME"));
          if (fgets(line, sizeof line, stdin)) printf("read %s", line);
          fprintf(stderr, "err\n");
          return fopen("/etc/hostname-of-the-host", "r") ? 1 : 7;
        }"#,
    );
    let finished = shell(&place, "./program 'a b'", b"some words\n").expect(7);
    assert_eq!(finished.out(), "./program 2 a b|/home/user\nread some words\n");
    assert_eq!(finished.err(), "err\n");
}

#[test]
fn the_environment_says_what_a_program_may() {
    let place = Scratch::new();
    place.write("notes.txt", "secret\n");
    compile(
        &place,
        r#"#include <stdio.h>
        int main(int argc, char **argv) {
          FILE *file = fopen(argv[1], "r+");
          if (!file) { perror(argv[1]); return 1; }
          char line[100]; fgets(line, sizeof line, file); fputs(line, stdout);
          fseek(file, 0, SEEK_SET); fputs("SECRET", file);
          return fclose(file) != 0;
        }"#,
    );
    shell(&place, "./program notes.txt", b"").expect(1).says("notes.txt");
    let finished = shell(&place, "BELLGLASS_OPTIONS='--dir \".:rw\"' ./program notes.txt", b"").expect(0);
    assert_eq!(finished.out(), "secret\n");
    assert_eq!(fs::read_to_string(place.work().join("notes.txt")).expect("there"), "SECRET\n");
    shell(&place, "BELLGLASS_OPTIONS=\"--dir 'open\" ./program notes.txt", b"")
        .expect(2)
        .says("BELLGLASS_OPTIONS");
}

#[test]
fn jumps_come_back_with_all_that_they_should_keep() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <setjmp.h>
        #include <stdio.h>
        static jmp_buf outer, inner;
        static int depth;
        static void leave(int n) { if (n) leave(n - 1); else longjmp(inner, 3); depth++; }
        int main(void) {
          volatile int kept = 1;
          int how = setjmp(outer);
          if (how == 0) {
            kept = 2;
            int again = setjmp(inner);
            if (again == 0) leave(1000);
            printf("inner %d\n", again);
            longjmp(outer, 0);
          }
          printf("outer %d kept %d depth %d\n", how, kept, depth);
          volatile long sum = 0;
          for (volatile int i = 0; i < 1000000; i++) {
            int value = _setjmp(outer);
            if (value == 0) { sum++; _longjmp(outer, 1); } else sum += value;
          }
          printf("sum %ld\n", sum);
          sigjmp_buf with_mask;
          if (!sigsetjmp(with_mask, 1)) siglongjmp(with_mask, 1);
          return 0;
        }"#,
    );
    for isolation in ["process", "thread"] {
        let line = format!("BELLGLASS_OPTIONS='--isolation {isolation}' ./program");
        let finished = shell(&place, &line, b"").expect(0);
        assert_eq!(finished.out(), "inner 3\nouter 1 kept 2 depth 0\nsum 2000000\n");
    }
}

#[test]
fn a_path_of_nothing_names_nothing() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <dirent.h>
        #include <errno.h>
        #include <stdio.h>
        #include <sys/stat.h>
        #include <unistd.h>
        static void show(int failed) { putchar(failed && errno == ENOENT ? 'n' : failed ? '?' : 'y'); errno = 0; }
        int main(void) {
          struct stat status;
          show(!fopen("", "r")); show(stat("", &status)); show(access("", F_OK)); show(!opendir(""));
          show(mkdir("", 0777)); show(unlink("")); show(rename("", "x")); show(chdir("")); show(truncate("", 1));
          show(stat(".", &status)); show(!opendir(".")); show(chdir("/")); show(stat("tmp/..", &status));
          return 0;
        }"#,
    );
    assert_eq!(shell(&place, "./program", b"").expect(0).out(), "nnnnnnnnnyyyy");
}

#[test]
fn the_library_of_cpp_is_there() {
    let place = Scratch::new();
    place.write(
        "program.cc",
        r#"#include <algorithm>
        #include <iostream>
        #include <map>
        #include <memory>
        #include <sstream>
        #include <string>
        #include <vector>
        struct Base { virtual ~Base() = default; virtual std::string name() const = 0; };
        struct One : Base { std::string name() const override { return "one"; } };
        static std::string early = "made before main";
        int main() {
          std::map<std::string, int> counts;
          for (std::string word; std::cin >> word;) counts[word]++;
          for (auto &[word, count] : counts) std::cout << word << '=' << count << ' ';
          std::unique_ptr<Base> base = std::make_unique<One>();
          std::vector<int> numbers{3, 1, 2};
          std::sort(numbers.begin(), numbers.end(), std::greater<>());
          std::ostringstream text;
          for (int number : numbers) text << number;
          std::cout << base->name() << (dynamic_cast<One *>(base.get()) ? " " : "?") << text.str() << early << std::endl;
        }"#,
    );
    let finished =
        shell(&place, "bellglass c++ -std=c++20 -O1 -Wall -o program program.cc && ./program", b"a b a\n");
    assert_eq!(finished.expect(0).out(), "a=2 b=1 one 321made before main\n");
}

#[test]
fn cpp_has_exceptions_long_doubles_and_the_errors_of_linux() {
    let place = Scratch::new();
    place.write(
        "program.cc",
        r#"#include <filesystem>
        #include <iomanip>
        #include <iostream>
        #include <sstream>
        #include <stdexcept>
        struct Left { ~Left() { std::cout << "left "; } };
        static int third(int number) {
          Left left;
          if (number == 3) throw std::out_of_range("three");
          return number;
        }
        int main() {
          for (int number = 2; number < 4; number++)
            try { std::cout << third(number) << '\n'; }
            catch (const std::exception &error) { std::cout << error.what() << '\n'; }
          try { throw 42; }
          catch (int number) {
            try { throw; }
            catch (...) { std::cout << number << " again\n"; }
          }
          try { std::stoi("no number"); }
          catch (const std::invalid_argument &) { std::cout << "invalid\n"; }
          long double tenth = 0;
          std::istringstream("0.1") >> tenth;
          std::cout << std::setprecision(33) << tenth << '\n';
          std::error_code error;
          std::filesystem::file_size("/nowhere", error);
          std::cout << error.value() << ' ' << error.message() << '\n';
        }"#,
    );
    let finished =
        shell(&place, "bellglass c++ -std=c++20 -O1 -Wall -o program program.cc && ./program", b"");
    assert_eq!(
        finished.expect(0).out(),
        "left 2\nleft three\n42 again\ninvalid\n0.1\n2 No such file or directory\n"
    );
    place.write("plain.c", "#include <stdio.h>\nint main(void) { puts(\"c\"); return 0; }\n");
    shell(&place, "bellglass cc plain.c -lstdc++ -o plain && ./plain", b"").expect(0);
    place.write("uncaught.cc", "int main() { throw 1; }\n");
    let finished = shell(&place, "bellglass c++ uncaught.cc -o uncaught && ./uncaught", b"");
    finished.says("threw an exception that nothing catches");
}

#[test]
fn maps_can_be_given_back_in_parts() {
    let place = Scratch::new();
    compile(&place, include_str!("compiler/maps.c"));
    let finished = shell(&place, "BELLGLASS_OPTIONS='--dir .:rw --memory 100M' ./program", b"").expect(0);
    assert_eq!(finished.out(), "as it should be\n");
}

/// The zones are the controller's: no image and no mount brings them.
#[test]
fn programs_have_the_zones_of_the_world() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <dirent.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <time.h>
        int main(int count, char **zones) {
          time_t winter = 1704067200, summer = 1719835200;
          for (int i = 1; i < count; i++) {
            setenv("TZ", zones[i], 1);
            char text[2][64];
            strftime(text[0], 64, "%F %R %Z %z", localtime(&winter));
            strftime(text[1], 64, "%F %R %Z %z", localtime(&summer));
            printf("%s: %s, %s\n", zones[i], text[0], text[1]);
          }
          int areas = 0;
          DIR *directory = opendir("/usr/share/zoneinfo");
          for (struct dirent *entry; directory && (entry = readdir(directory));) areas += entry->d_type == DT_DIR;
          printf("%d\n", areas > 8);
        }"#,
    );
    let finished = shell(&place, "./program Europe/Berlin America/New_York Asia/Kolkata Nowhere/City", b"");
    assert_eq!(
        finished.expect(0).out(),
        "Europe/Berlin: 2024-01-01 01:00 CET +0100, 2024-07-01 14:00 CEST +0200\n\
         America/New_York: 2023-12-31 19:00 EST -0500, 2024-07-01 08:00 EDT -0400\n\
         Asia/Kolkata: 2024-01-01 05:30 IST +0530, 2024-07-01 17:30 IST +0530\n\
         Nowhere/City: 2024-01-01 00:00 UTC +0000, 2024-07-01 12:00 UTC +0000\n1\n"
    );
}

#[test]
fn programs_have_linuxs_own_headers() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <asm/byteorder.h>
        #include <asm/types.h>
        #include <linux/fs.h>
        #include <linux/futex.h>
        #include <linux/if_packet.h>
        #include <linux/limits.h>
        #include <linux/memfd.h>
        #include <linux/netlink.h>
        #include <linux/random.h>
        #include <linux/sched.h>
        #include <linux/stat.h>
        #include <stdio.h>
        #include <sys/soundcard.h>
        #include <sys/stat.h>
        int main(void) {
          __u64 number = __cpu_to_le64(1);
          printf("%d %d %d %d\n", (int)number, XATTR_SIZE_MAX, (int)sizeof(struct sockaddr_nl), FUTEX_WAIT);
        }"#,
    );
    assert_eq!(shell(&place, "./program", b"").expect(0).out(), "1 65536 12 0\n");
}

#[test]
fn limits_are_those_of_files_that_are_there() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <stdio.h>
        #include <unistd.h>
        int main(void) {
          printf("%ld %ld\n", pathconf("/tmp", _PC_NAME_MAX), fpathconf(1, _PC_PATH_MAX));
          printf("%ld ", pathconf("/nowhere", _PC_NAME_MAX)), fflush(stdout), perror("");
          printf("%ld ", fpathconf(99, _PC_NAME_MAX)), fflush(stdout), perror("");
          printf("%ld ", pathconf("/tmp", 99)), fflush(stdout), perror("");
        }"#,
    );
    let finished = shell(&place, "./program 2>&1", b"").expect(0);
    let expected = "255 4096\n-1 No such file or directory\n-1 Bad file descriptor\n-1 Invalid argument\n";
    assert_eq!(finished.out(), expected);
}

/// Names that programs take for granted on every system like this one.
#[test]
fn headers_have_the_names_that_programs_expect() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <sys/wait.h>
        #include <poll.h>
        #include <stdio.h>
        #include <sys/socket.h>
        #include <unistd.h>
        int main(void) {
          siginfo_t info = {.si_code = SI_TIMER};
          int ends[2];
          if (pipe(ends)) return 1;
          struct pollfd one = {.fd = ends[0], .events = POLLIN | POLLPRI};
          int before = poll(&one, 1, 0);
          if (write(ends[1], "x", 1) != 1) return 2;
          int after = poll(&one, 1, 0);
          printf("%d %d %d %d %d\n", before, after, one.revents == POLLIN, info.si_code != SI_MESGQ, SOL_IP);
          return 0;
        }"#,
    );
    assert_eq!(shell(&place, "./program", b"").expect(0).out(), "0 1 1 1 0\n");
}

#[test]
fn sockets_limits_and_logs_are_there() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <errno.h>
        #include <stdio.h>
        #include <sys/socket.h>
        #include <syslog.h>
        #include <unistd.h>
        int main(void) {
          int ends[2];
          char bytes[8];
          if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return 1;
          ssize_t empty = recv(ends[0], bytes, sizeof bytes, MSG_DONTWAIT);
          int would_wait = errno == EAGAIN;
          ssize_t sent = send(ends[1], "word", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
          ssize_t seen = recv(ends[0], bytes, sizeof bytes, MSG_DONTWAIT | MSG_PEEK);
          ssize_t taken = recv(ends[0], bytes, sizeof bytes, 0);
          printf("%zd %d %zd %zd %zd\n", empty, would_wait, sent, seen, taken);
          printf("%d\n", sysconf(_SC_OPEN_MAX) >= 64 && sysconf(_SC_OPEN_MAX) == getdtablesize());
          openlog("program", LOG_PERROR, LOG_USER);
          syslog(LOG_INFO, "number %d", 5);
          return 0;
        }"#,
    );
    let finished = shell(&place, "./program", b"").expect(0);
    assert_eq!(finished.out(), "-1 1 4 4 4\n1\n");
    assert_eq!(finished.err(), "program: number 5\n");
}

#[test]
fn signals_are_what_a_process_sends_itself() {
    let place = Scratch::new();
    compile(
        &place,
        r#"#include <signal.h>
        #include <stdio.h>
        #include <unistd.h>
        static volatile sig_atomic_t seen;
        static void note(int number) { seen = seen * 10 + (number == SIGUSR1 ? 1 : 2); }
        static void tell(int number, siginfo_t *info, void *context) {
          (void)context; printf("%d from %s\n", number == SIGTERM, info->si_pid == getpid() ? "itself" : "others");
        }
        int main(void) {
          signal(SIGUSR1, note); signal(SIGUSR2, note);
          raise(SIGUSR1);
          sigset_t set, old; sigemptyset(&set); sigaddset(&set, SIGUSR1);
          sigprocmask(SIG_BLOCK, &set, &old);
          kill(getpid(), SIGUSR1); kill(getpid(), SIGUSR2);
          printf("blocked: %d, waiting: ", (int)seen);
          sigpending(&set); printf("%d\n", sigismember(&set, SIGUSR1));
          sigprocmask(SIG_SETMASK, &old, 0);
          printf("open: %d\n", (int)seen);
          struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESETHAND};
          action.sa_sigaction = tell;
          sigaction(SIGTERM, &action, 0);
          raise(SIGTERM); fflush(stdout);
          raise(SIGTERM);
          return 1;
        }"#,
    );
    let finished = shell(&place, "./program", b"").expect(143);
    assert_eq!(finished.out(), "blocked: 12, waiting: 1\nopen: 121\n1 from itself\n");
}

#[test]
fn a_function_that_is_not_there_is_a_link_error() {
    let place = Scratch::new();
    place.write("probe.c", "char PROBE(void);\nint main(void) { return PROBE(); }\n");
    for (name, code) in [
        ("fork", 0),
        ("getpid", 0),
        ("strlen", 0),
        ("sigaction", 0),
        ("epoll_create1", 0),
        ("no_such_function", 1),
    ] {
        let line = format!("bellglass cc -DPROBE={name} -o probe probe.c 2>messages");
        let finished = shell(&place, &line, b"");
        let messages = fs::read_to_string(place.work().join("messages")).expect("messages");
        assert_eq!(finished.code, code, "{name}: {messages}");
        assert!(code == 0 || messages.contains(&format!("undefined symbol: {name}")), "{messages}");
    }
}

#[test]
fn libraries_objects_and_response_files_are_as_usual() {
    let place = Scratch::new();
    place.write("one.c", "int one(void) { return 1; }\n");
    place.write("two.c", "int two(void) { return 2; }\n");
    place.write(
        "main.c",
        "#include <stdio.h>\n#include <math.h>\n#include <pthread.h>\nint one(void), two(void);\nint main(int argc, char **argv) { (void)argv; printf(\"%d %g\\n\", one() + two() * 10, sqrt(argc)); return 0; }\n",
    );
    let build = "set -e
        bellglass cc -fPIC -MMD -c one.c two.c main.c
        test -s one.d
        bellglass ar rcs libone.a one.o && bellglass ranlib libone.a
        bellglass cc -shared -fPIC -Wl,-soname,libtwo.so.1 two.o -o libtwo.so -lm
        printf '%s' '-L. main.o -lone \"-ltwo\" -lm -ldl -lpthread -lutil -lrt -pthread -rdynamic -Wl,-rpath,/x,-z,relro -o program' > words
        bellglass cc @words
        bellglass ld -r one.o two.o -o both.o
        bellglass cc main.o both.o -o program2
        bellglass nm program2 | grep -q ' [Tt] one'
        bellglass strip program2
        ! bellglass nm program2 2>/dev/null | grep -q ' [Tt] one'
        ./program && ./program2";
    let finished = shell(&place, build, b"").expect(0);
    assert_eq!(finished.out(), "21 1\n21 1\n");
    finished.says("libtwo.so becomes a static library");
}

#[test]
fn questions_about_the_compiler_are_answered() {
    let place = Scratch::new();
    let ask = |line: &str| shell(&place, line, b"").expect(0).out().to_owned();
    assert_eq!(ask("bellglass cc -dumpmachine"), "wasm32-unknown-linux-musl\n");
    assert!(ask("bellglass cc --version").contains("clang version 19"));
    assert!(ask("bellglass cc -print-search-dirs").contains("libraries"));
    assert!(
        ask("echo '#include <stdio.h>' | bellglass cc -E - | grep -c printf")
            .trim()
            .parse::<u32>()
            .expect("a count")
            > 0
    );
    assert_eq!(ask("echo 'int x = __unix__;' | bellglass cc -S -x c - -o - | grep -c '^x:'"), "1\n");
}

/// A configure script decides by what links and what runs.
#[test]
fn configure_probes_run() {
    let place = Scratch::new();
    // The probe by which autoconf knows that it does not cross-compile.
    place.write(
        "conftest.c",
        "#include <stdio.h>\nint main(void) { FILE *f = fopen(\"conftest.out\", \"w\"); if (!f) return 1; return ferror(f) || fclose(f) != 0; }\n",
    );
    shell(&place, "bellglass cc conftest.c && ./a.out && bellglass cc -o /dev/null conftest.c", b"")
        .expect(0);
    assert!(!place.work().join("conftest.out").exists(), "nothing was allowed");
}

#[test]
fn a_module_from_elsewhere_runs_and_so_does_a_named_export() {
    let place = Scratch::new();
    place.write(
        "reactor.c",
        "#include <stdio.h>\n__attribute__((export_name(\"hello\"))) int hello(void) { puts(\"from an export\"); fflush(stdout); return 5; }\n",
    );
    let build = "bellglass cc -mexec-model=reactor reactor.c -o reactor.wasm";
    shell(&place, build, b"").expect(0);
    assert!(fs::read(place.work().join("reactor.wasm")).expect("there").starts_with(b"\0asm"));
    let finished = shell(&place, "bellglass run --wasm reactor.wasm --entry hello", b"");
    finished.expect(125).says("name an export to call with --entry, such as 'hello'\n");
    let finished = shell(&place, "bellglass run --entry hello --wasm reactor.wasm", b"").expect(5);
    assert_eq!(finished.out(), "from an export\n");
    shell(&place, "bellglass run --wasm reactor.c", b"").expect(125).says("neither a WebAssembly module");
}

#[test]
fn a_program_becomes_an_image() {
    let place = Scratch::new();
    place.write("share/greeting", "good day\n");
    place.write("script", "from a script\n");
    compile(
        &place,
        r#"#include <stdio.h>
        #include <stdlib.h>
        int main(int argc, char **argv) {
          char line[100];
          FILE *file = fopen("/usr/share/greeting", "r");
          printf("%s %s", argv[0], file && fgets(line, 100, file) ? line : "nothing\n");
          file = argc > 1 ? fopen(argv[1], "r") : 0;
          printf("%s %s", getenv("TONE"), file && fgets(line, 100, file) ? line : "nothing\n");
          return 0;
        }"#,
    );
    let seal = "bellglass image seal ./program -o greeter.bgi --name greeter@2.5 --files share:/usr/share --env TONE=kind";
    shell(&place, seal, b"").expect(0);
    let finished = shell(&place, "bellglass run --image greeter.bgi script", b"").expect(0);
    assert_eq!(finished.out(), "greeter good day\nkind from a script\n");
    let finished = shell(&place, "bellglass run --image greeter.bgi -- --version", b"").expect(0);
    assert_eq!(finished.out(), "greeter good day\nkind nothing\n");
    shell(&place, "bellglass calls greeter.bgi", b"").expect(0);
}

#[test]
fn a_call_that_nothing_answers_keeps_a_program_from_being_sealed() {
    let place = Scratch::new();
    compile(
        &place,
        r#"__attribute__((import_module("other"), import_name("thing"))) int thing(int);
        int main(void) { return thing(1) == 0 ? 3 : 4; }"#,
    );
    let seal = "bellglass image seal program -o x.bgi";
    shell(&place, seal, b"").expect(125).says("other.thing(i)i");
    shell(&place, &format!("{seal} --allow-unknown 'thing=it is only asked'"), b"").expect(0);
    let finished = shell(&place, "bellglass calls x.bgi", b"").expect(0);
    assert!(finished.out().contains("other.thing(i)i"), "{}", finished.all());
}

/// What goes wrong in C goes wrong inside the cell, and says how.
#[test]
fn wild_programs_end_clearly() {
    let place = Scratch::new();
    let program = r#"#include <setjmp.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static jmp_buf dead;
        static __attribute__((noinline)) void make(void) { if (setjmp(dead)) puts("back"); }
        static __attribute__((noinline)) int deep(int n) { volatile char room[4096]; room[n % 4096] = 1; return deep(n + 1) + room[0]; }
        static __attribute__((noinline)) int calls(int n) { return n < 0 ? 0 : calls(n + 1) + 1; }
        int main(int argc, char **argv) {
          volatile char *volatile memory = malloc(10);
          switch (argv[1][0]) {
          case 'a': memory[0x7fffffff] = 1; break;
          case 'b': return deep(0);
          case 'c': make(); longjmp(dead, 1);
          case 'd': { double (*volatile wrong)(double, int) = (double (*)(double, int))(void *)&make; return wrong(1.0, 2); }
          case 'e': { void (*volatile nowhere)(void) = (void (*)(void))123456; nowhere(); break; }
          case 'f': abort();
          case 'g': { volatile int zero = 0; return argc / zero; }
          case 'h': return calls(argc - 2);
          case 'i': memset((void *)16, 0xa5, 200 << 20); break;
          case 'j': for (;;) { void *more = malloc(1 << 20); if (!more) { puts("no more"); return 9; } memset(more, 1, 1 << 20); }
          case 'k': __builtin_trap();
          }
          return 0;
        }"#;
    place.write("program.c", program);
    shell(&place, "bellglass cc -O0 -w -o program program.c", b"").expect(0);
    shell(&place, "./program f", b"").expect(128 + 6);
    for which in ["a", "b", "c", "d", "e", "g", "h", "i", "k"] {
        let finished = shell(&place, &format!("./program {which}"), b"");
        assert_eq!(finished.code, 134, "{which}: {}", finished.all());
        finished.says("the interpreter crashed: ");
    }
    let finished = shell(&place, "BELLGLASS_OPTIONS='--memory 64M' ./program j", b"").expect(9);
    assert_eq!(finished.out(), "no more\n");
}

/// Every call, with arguments that mean nothing, and with pointers to everywhere.
#[test]
fn wild_arguments_to_every_call_do_no_harm() {
    let place = Scratch::new();
    // These end the program, or wait for what never comes.
    const LEFT_OUT: [&str; 5] =
        ["exit_group", "end_by_signal", "ppoll_time64", "pselect6_time64", "epoll_pwait"];
    // The types of the calls are those of the table, so that each reaches its
    // handler.
    let mut text = String::from("#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n");
    let mut body = String::new();
    let rows = bellglass_system::rows().filter(|row| row.family == bellglass_system::Family::Linux);
    for row in rows.filter(|row| !LEFT_OUT.contains(&row.name())) {
        let signature: bellglass::Signature = row.signature.parse().expect("a signature");
        let kind = |value: &bellglass::ValueType| match value {
            bellglass::ValueType::I32 => "uint32_t",
            bellglass::ValueType::I64 => "uint64_t",
            bellglass::ValueType::F32 => "float",
            bellglass::ValueType::F64 => "double",
        };
        let parameters: Vec<&str> = signature.parameters.iter().map(kind).collect();
        let result = signature.results.first().map_or("void", kind);
        let parameters_text = if parameters.is_empty() { "void".to_owned() } else { parameters.join(", ") };
        let (module, name) = (&signature.module, &signature.name);
        text.push_str(&format!(
            "{result} wild_{name}({parameters_text}) __attribute__((import_module(\"{module}\"), import_name(\"{name}\")));\n"
        ));
        let arguments: Vec<String> = parameters.iter().map(|kind| format!("({kind})wild()")).collect();
        body.push_str(&format!("    wild_{name}({});\n", arguments.join(", ")));
    }
    text.push_str(
        "static uint64_t state;
        static uint64_t wild(void) {
          static const uint32_t odd[] = {0, 1, 2, 3, 4, 7, 8, 63, 64, 255, 4096, 65535, 65536, 0x7fffffff, 0x80000000u, 0xfffffffeu, 0xffffffffu, 1024, 0xfffff000u};
          state = state * 6364136223846793005ull + 1442695040888963407ull;
          uint32_t pick = (uint32_t)(state >> 33);
          return pick % 5 ? odd[pick % (sizeof odd / sizeof *odd)] : state >> 16;
        }
        int main(int argc, char **argv) {
          state = strtoul(argv[1], 0, 10);
          for (int round = 0; round < 40; round++) {\n",
    );
    text.push_str(&body);
    text.push_str("  }\n  return 0;\n}\n");
    place.write("program.c", text);
    shell(&place, "bellglass cc -O1 -w -o program program.c", b"").expect(0);
    let before = crate::harness::tree(&place.work());
    for seed in 0..6 {
        let options = "BELLGLASS_OPTIONS='--timeout 10s --output-limit 1M'";
        let finished = shell(&place, &format!("{options} ./program {seed} >/dev/null"), b"");
        // Ended, by a signal of its own too, crashed by what it let write into
        // itself, or waiting for ever: all clear. 125 would be our own failure.
        let clear = [0, 1, 124].contains(&finished.code) || (129..160).contains(&finished.code);
        assert!(clear, "seed {seed}: {} {}", finished.code, finished.all());
    }
    assert_eq!(crate::harness::tree(&place.work()), before);
}
