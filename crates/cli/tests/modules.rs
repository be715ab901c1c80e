//! Modules of WebAssembly that other compilers made.

use crate::harness::process::{self, Running, Stdin};
use crate::harness::{Scratch, tests_folder};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What Rust made of `modules/hello.rs`: `rustc --target wasm32-wasi -C opt-level=z
/// -C strip=symbols -C panic=abort`, by Rust 1.63.
fn place_with_hello() -> Scratch {
    let place = Scratch::new();
    let module = fs::read(tests_folder().join("modules/hello.wasm")).expect("the module");
    place.write("hello.wasm", module);
    place
}

#[test]
fn a_command_that_rust_made_sees_what_it_is_shown() {
    for isolation in ["process", "thread"] {
        let place = place_with_hello();
        place.write("data/notes.txt", "note\n");
        let words =
            ["run", "--wasm", "--isolation", isolation, "--dir", "data:/work:rw", "--env", "GREETING=hi"];
        let mut command = place.bellglass(words.iter().chain(&["hello.wasm", "7", "content"]));
        let finished = process::finish(&mut command, Stdin::Bytes(b"one\ntwo\n".to_vec())).expect(7);
        let expected = "arguments [\"7\", \"content\"]\nvariable Some(\"hi\")\nread \"one\\n\"\nnotes \"note\\n\"\n\
                        [\"moved.txt\"] 7\nslept true\nclock true\nwords 2\nthreads true\nsocket true\n";
        assert_eq!((finished.out(), finished.err()), (expected.to_owned(), "to stderr\n".to_owned()));
        let moved = place.work().join("data/folder/moved.txt");
        assert_eq!(fs::read_to_string(moved).expect("moved"), "content");
    }
}

#[test]
fn a_panic_of_rust_is_a_crash_and_the_default_shows_nothing() {
    let place = place_with_hello();
    let mut command = place.bellglass(["run", "--wasm", "hello.wasm", "panic"]);
    let finished = process::finish(&mut command, Stdin::Bytes(b"one\n".to_vec())).expect(134);
    assert!(finished.out().contains("variable None\n") && finished.out().contains("notes: NotFound\n"));
    finished.says("panicked at 'as asked'").says("bellglass: the interpreter crashed: the guest aborted");
}

#[test]
fn what_nothing_answers_is_named() {
    let place = Scratch::new();
    let source = r#"__attribute__((import_module("foo"), import_name("bar"))) int bar(int);
        int main(void) { if (bar(1) != 7) __builtin_trap(); return 0; }"#;
    place.write("asks.c", source);
    process::finish(&mut place.bellglass(["cc", "-o", "asks", "asks.c"]), Stdin::Nothing).expect(0);
    place
        .run(["--wasm", "asks"])
        .expect(134)
        .says("before that it made calls that nothing answers: foo.bar(i)i\n");
    place.run(["--unsupported", "kill", "--wasm", "asks"]).expect(126).says("foo.bar(i)i");
    // It imports a global.
    place.write("global.wasm", b"\0asm\x01\0\0\0\x02\x10\x01\x03foo\x07counter\x03\x7f\0");
    place
        .run(["--wasm", "global.wasm"])
        .expect(125)
        .says("the module imports foo.counter, which is not a function");
    // It does nothing at all.
    place.write("empty.wasm", b"\0asm\x01\0\0\0");
    place.run(["--wasm", "empty.wasm"]).expect(125).says("no other function without parameters");
}

/// A number as modules have it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A list of items, with their number before them.
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [leb(items.len()), items.concat()].concat()
}

fn section(number: u8, content: Vec<u8>) -> Vec<u8> {
    [vec![number], leb(content.len()), content].concat()
}

/// A command whose functions take nothing and have these bodies, in which a local
/// variable's declaration comes first; `imports` of the same type come before them.
fn command(imports: usize, bodies: &[Vec<u8>]) -> Vec<u8> {
    let import = |number: usize| {
        let name = format!("f{number}");
        [b"\x01m".to_vec(), leb(name.len()), name.into_bytes(), vec![0, 0]].concat()
    };
    let exports =
        [[b"\x06memory\x02\0".to_vec()].concat(), [b"\x06_start\0".to_vec(), leb(imports)].concat()];
    let bodies: Vec<Vec<u8>> =
        bodies.iter().map(|body| [leb(body.len() + 1), body.clone(), vec![0x0b]].concat()).collect();
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, list(&[b"\x60\0\0".to_vec()])),
        section(2, list(&(0..imports).map(import).collect::<Vec<_>>())),
        section(3, list(&vec![vec![0]; bodies.len()])),
        section(5, b"\x01\0\x01".to_vec()),
        section(7, list(&exports)),
        section(10, list(&bodies)),
    ]
    .concat()
}

/// Takes the compiler a minute, and much memory: functions with a hundred variables, of
/// which each of forty thousand conditions may change one.
fn hard() -> Vec<u8> {
    let variable = |number: u32| (number.wrapping_mul(2_654_435_761) >> 16) as u8 % 100;
    let mut body = vec![1, 100, 0x7e];
    // Each is loaded first and stored last, so that none can be left out.
    for number in 0..100 {
        body.extend([0x41, 0, 0x29, 3, number, 0x21, number]);
    }
    for number in 0..40_000 {
        body.extend([0x20, variable(number), 0xa7, 0x04, 0x40]);
        body.extend([0x20, variable(number + 7), 0x20, variable(number + 3), 0x7c]);
        body.extend([0x21, variable(number + 1), 0x0b]);
    }
    for number in 0..100 {
        body.extend([0x41, 0, 0x20, number, 0x37, 3, number]);
    }
    command(0, &vec![body; 16])
}

#[test]
fn compiling_a_module_is_of_the_runs_own_time() {
    let place = Scratch::new();
    place.write("hard.wasm", hard());
    for isolation in ["process", "thread"] {
        let words =
            ["--limits", "service", "--isolation", isolation, "--timeout", "500ms", "--wasm", "hard.wasm"];
        let finished = place.run(words).expect(124).says("was not compiled by the deadline");
        assert!(finished.took < Duration::from_secs(20), "{}", finished.all());
    }
    let limits = ["--limits", "service", "--cpu-time", "1s", "--compile-memory", "8G", "--wasm", "hard.wasm"];
    place.run(limits).expect(137).says("had used 1 s of processor time");
    let limits = ["--limits", "service", "--compile-memory", "64M", "--wasm", "hard.wasm"];
    place.run(limits).expect(137).says("it takes more than 64 MiB of memory");
    // The time counts on when the program runs.
    place.write("endless.wasm", command(0, &[vec![0, 0x03, 0x40, 0x0c, 0, 0x0b]]));
    let words = ["--timeout", "1s", "--wasm", "endless.wasm"];
    let finished = place.run(words).expect(124).says("the program was stopped at its deadline of 1s");
    assert!(finished.took < Duration::from_secs(10), "{}", finished.all());
}

#[test]
fn a_compiler_is_behind_walls_and_ends_with_the_command() {
    let place = Scratch::new();
    place.write("hard.wasm", hard());
    let mut command = place.bellglass(["run", "--timeout", "60s", "--wasm", "hard.wasm"]);
    let running = process::start(&mut command, Stdin::Nothing);
    let status = |pid: u32| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let find = || {
        let children = process::children(running.id()).into_iter();
        children.into_iter().find(|child| status(child.id).contains("Seccomp:\t2"))
    };
    let mut compiler = None;
    process::eventually("the compiler is behind its last wall", || {
        compiler = find();
        compiler.is_some()
    });
    let identity = compiler.expect("a compiler");
    let compiler = identity.id;
    let status = status(compiler);
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("CapEff:\t0000000000000000"), "{status}");
    // Only root may look at what cannot be dumped.
    if let Ok(environment) = fs::read(format!("/proc/{compiler}/environ")) {
        assert_eq!(environment, b"");
        let limits = fs::read_to_string(format!("/proc/{compiler}/limits")).expect("its limits");
        let line = limits.lines().find(|line| line.starts_with("Max data size")).expect("a limit");
        assert!(!line.contains("unlimited"), "{line}");
        let descriptors = fs::read_dir(format!("/proc/{compiler}/fd")).expect("its descriptors").count();
        assert_eq!(descriptors, 3);
    }
    running.signal(Signal::KILL);
    running.wait();
    process::eventually("the compiler has ended", || !process::is_alive(&identity));
}

#[test]
fn a_module_that_is_too_large_is_refused_before_it_is_compiled() {
    let place = Scratch::new();
    let refused = |module: Vec<u8>, reason: &str| {
        place.write("large.wasm", module);
        let finished = place.run(["--limits", "service", "--wasm", "large.wasm"]).expect(137).says(reason);
        assert!(finished.took < Duration::from_secs(20), "{}", finished.all());
    };
    let empty = vec![0];
    refused(
        command(4097, std::slice::from_ref(&empty)),
        "it has 4097 imports, and no module may have more than 4096",
    );
    refused(command(0, &vec![empty.clone(); 500_001]), "it has 500001 functions");
    let long = [empty.clone(), vec![0x01; 5 << 20]].concat();
    refused(command(0, &[long]), "bytes in one function");
    let variables = [vec![1], leb(20_001), vec![0x7f]].concat();
    refused(command(0, &[variables]), "it has 20001 variables in one function");
    let deep = [empty.clone(), [0x02, 0x40].repeat(20_001), vec![0x0b; 20_001]].concat();
    refused(command(0, &[deep]), "it has 20001 blocks within each other");
    let file = fs::File::create(place.work().join("large.wasm")).expect("a file");
    file.set_len((128 << 20) + 1).expect("a long file");
    place.run(["--wasm", "large.wasm"]).expect(137).says("bytes, and no module may have more than 134217728");
}

#[test]
fn sealing_compiles_as_running_does() {
    let place = Scratch::new();
    place.write("large.wasm", command(4097, &[vec![0]]));
    let mut command = place.bellglass(["image", "seal", "large.wasm", "-o", "large.bgi"]);
    process::finish(&mut command, Stdin::Nothing).expect(137).says("it has 4097 imports");
    assert!(!place.work().join("large.bgi").exists());
}

/// The command with these words, as a shell starts it by what stands `before` it.
/// What it compiles it keeps for itself.
fn started(place: &Scratch, before: &str, words: &[&str]) -> Command {
    let own = place.bellglass::<&str>([]);
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("{before} \"$0\" \"$@\"")).arg(own.get_program()).args(words);
    command.current_dir(place.work()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    command
}

#[test]
fn who_starts_the_command_may_ignore_the_ends_of_children() {
    let place = place_with_hello();
    let ignoring = |words: &[&str]| started(&place, "exec env --ignore-signal=CHLD", words);
    let mut run = ignoring(&["run", "--wasm", "hello.wasm"]);
    run.env("BELLGLASS_CACHE", place.home().join("cache"));
    process::finish(&mut run, Stdin::Bytes(b"one\n".to_vec())).expect(0);
    place.write("program.c", "int main(void) { return 9; }\n");
    let mut compile = ignoring(&["cc", "-o", "program", "program.c"]);
    process::finish(&mut compile, Stdin::Nothing).expect(0);
    process::finish(&mut ignoring(&["exec", "program"]), Stdin::Nothing).expect(9);
}

#[test]
fn a_compiler_has_no_more_processor_time_than_the_command() {
    let place = Scratch::new();
    place.write("hard.wasm", hard());
    for seconds in [2, 1] {
        // With as much memory as it likes, or that might be used up first.
        let words = ["run", "--limits", "service", "--compile-memory", "8G", "--wasm", "hard.wasm"];
        let mut command = started(&place, &format!("ulimit -t {seconds}; exec"), &words);
        let finished = process::finish(&mut command, Stdin::Nothing).expect(137);
        finished.says("had used 1 s of processor time");
    }
}

/// The folders in which images are made, beside what they become.
fn unfinished(place: &Scratch) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.work()).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.to_string_lossy().contains(".bellglass")).collect()
}

/// A compiler that is stopped, so that it is not done before the test is, however busy
/// the machine.
struct Held(Pid);

impl Held {
    /// That of a command, once it has one.
    fn of(running: &Running) -> Self {
        let words = |id: u32| fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        // Until it has words of its own it holds what the command has open, its output too.
        let find = || {
            let compiler = process::children(running.id()).first()?.id;
            let own = words(compiler);
            (!own.is_empty() && own != words(running.id())).then_some(compiler)
        };
        process::eventually("it compiles", || find().is_some());
        let compiler = find().and_then(|id| Pid::from_raw(id.try_into().ok()?)).expect("it compiles");
        kill_process(compiler, Signal::STOP).expect("it compiles");
        Self(compiler)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // One that was stopped at its very beginning does not notice that it is alone.
        let _ = kill_process(self.0, Signal::KILL);
    }
}

#[test]
fn nothing_is_left_of_an_image_whose_sealing_is_ended() {
    let place = Scratch::new();
    place.write("hard.wasm", hard());
    place.write("easy.wasm", command(0, &[vec![0]]));
    let seal = |module: &str| place.bellglass(["image", "seal", module, "-o", "image.bgi"]);
    // What is started in the background by a shell ignores SIGINT, and these tests may be.
    let default = "exec env --default-signal=INT,TERM,HUP";
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::KILL] {
        let mut seal = started(&place, default, &["image", "seal", "hard.wasm", "-o", "image.bgi"]);
        let running = process::start(&mut seal, Stdin::Nothing);
        let _held = Held::of(&running);
        assert_eq!(unfinished(&place).len(), 1);
        running.signal(signal);
        running.wait().expect(128 + signal.as_raw());
        assert_eq!(unfinished(&place).len(), usize::from(signal == Signal::KILL), "{signal:?}");
    }
    // What could not be removed then is by the next one.
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    for left in unfinished(&place) {
        fs::File::open(left).and_then(|folder| folder.set_modified(long_ago)).expect("its owner");
    }
    process::finish(&mut seal("easy.wasm"), Stdin::Nothing).expect(0);
    assert_eq!(unfinished(&place), Vec::<PathBuf>::new());
    // Who has told it to go on without a terminal means it.
    let mut stays = started(&place, "trap '' HUP; exec", &["image", "seal", "hard.wasm", "-o", "other.bgi"]);
    let running = process::start(&mut stays, Stdin::Nothing);
    let _held = Held::of(&running);
    running.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(200));
    running.signal(Signal::TERM);
    running.wait().expect(128 + Signal::TERM.as_raw());
    assert_eq!(unfinished(&place), Vec::<PathBuf>::new());
}
