//! How the program is found, and what it is called.

use crate::harness::process::{self, Finished, Stdin};
use crate::harness::{Scratch, tests_folder};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

/// Says what it knows of itself; with the argument `fail` it fails.
const PROGRAM: &str = "import sys\n\
    print(sys.argv, __file__, sys.flags.optimize, sys.warnoptions)\n\
    if 'fail' in sys.argv: raise ValueError('as asked')\n";

fn place() -> Scratch {
    let place = Scratch::new();
    place.write("program.py", PROGRAM);
    place
}

/// A line of bash, with `bellglass` as the built command.
fn bash(place: &Scratch, line: &str) -> Finished {
    let own = place.bellglass::<&str>([]);
    let mut command = Command::new("bash");
    command.arg("-c").arg(line.replace("bellglass ", "\"$0\" ")).arg(own.get_program());
    command.current_dir(place.work()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    process::finish(&mut command, Stdin::Nothing)
}

#[test]
fn a_program_that_can_be_read_once_is_shown_under_its_name() {
    let place = place();
    for (line, name, file) in [
        ("cat program.py | bellglass run /dev/stdin fail", "/dev/stdin", "/dev/stdin"),
        ("bellglass run /dev/stdin fail < program.py", "/dev/stdin", "/dev/stdin"),
        ("bellglass run /dev/stdin fail <<< \"$(cat program.py)\"", "/dev/stdin", "/dev/stdin"),
        ("bellglass run /dev/fd/7 fail 7< <(cat program.py)", "/dev/fd/7", "/dev/fd/7"),
        ("mkfifo pipe; cat program.py > pipe & bellglass run pipe fail", "pipe", "/home/user/pipe"),
        // The file has no name any more.
        ("cp program.py x; exec 7< x; rm x; bellglass run /dev/fd/7 fail", "/dev/fd/7", "/dev/fd/7"),
        // Nor is it where a directory is shown.
        ("cat program.py | bellglass run --dir . -O /dev/stdin fail", "/dev/stdin", "/dev/stdin"),
    ] {
        let finished = bash(&place, line).expect(1);
        assert!(
            finished.out().starts_with(&format!("['{name}', 'fail'] {file} ")),
            "{line}: {}",
            finished.all()
        );
        let told = format!("  File \"{file}\", line 3, in <module>\n    if 'fail' in sys.argv: raise");
        assert!(finished.err().contains(&told), "{line}: {}", finished.all());
        let _ = fs::remove_file(place.work().join("pipe"));
    }
    let finished = bash(&place, "bellglass run <(cat program.py)").expect(0);
    assert!(finished.out().starts_with("['/dev/fd/"), "{}", finished.all());
    // What the program has of its own is as it was.
    let line = "echo input | bellglass run <(echo 'print(input(), open(\"/dev/stdin\").read())')";
    bash(&place, line).expect(0).prints("input \n");
    bash(&place, "bellglass run /dev/null").expect(0).prints("");
}

#[test]
fn a_program_without_an_end_is_refused() {
    let place = place();
    place.run(["/dev/zero"]).expect(137).says("the program '/dev/zero' is longer than the 64 MiB");
    let mut silent = place.bellglass(["run", "--timeout", "1s", "/dev/stdin"]);
    let finished = process::finish(&mut silent, Stdin::Silent).expect(124);
    let finished = finished.says("the program '/dev/stdin' had not come by the deadline of 1s");
    assert!(finished.took < Duration::from_secs(20), "{}", finished.all());
    // To wait for it is of the program's own time.
    let slow = "(sleep 2; echo 'import time; time.sleep(60)') | bellglass run --timeout 4s /dev/stdin";
    let finished = bash(&place, slow).expect(124).says("was stopped at its deadline of 4s");
    assert!(finished.took < Duration::from_secs(20), "{}", finished.all());
}

#[test]
fn a_program_behind_a_link_finds_the_name_as_it_was_typed() {
    let place = Scratch::new();
    let code = "import os, sys\nimport beside\nprint(sys.argv[0], __file__, beside.__file__)\n";
    place.write("proj/real.py", code);
    place.write("proj/beside.py", "");
    place.write("elsewhere/real.py", "import sys\nprint(sys.argv[0], __file__)\n");
    place.write("proj/sub/.keep", "");
    let work = place.work();
    for (target, link) in [
        ("real.py", "proj/near"),
        ("../real.py", "proj/sub/above"),
        ("../elsewhere/real.py", "proj/away"),
        ("../proj/real.py", "elsewhere/into"),
    ] {
        symlink(target, work.join(link)).expect("a link");
    }
    let here = work.display().to_string();
    let (inside, outside) = (format!("{here}/proj"), format!("{here}/elsewhere"));
    let run = |options: &[&str], program: &str, expected: &str| {
        let words = [&["--dir"], options, &[program]].concat();
        place.run(words).expect(0).prints(&format!("{expected}\n"));
    };
    let at = |folder: &str, name: &str| format!("{name} {folder}/{name} {folder}/beside.py");
    // At its host path: relative and absolute.
    run(&["proj"], &format!("{inside}/near"), &format!("{inside}/near {inside}/near {inside}/beside.py"));
    let above = format!("{inside}/sub/above");
    run(&["."], "proj/near", &format!("proj/near {inside}/near {inside}/beside.py"));
    run(&["proj"], &above, &format!("{above} {above} {inside}/beside.py"));
    // At another: by what it is called there, and by its name on the host.
    run(&["proj:/work", "--cwd", "/work"], "near", &at("/work", "near"));
    run(&["proj:/work", "--cwd", "/work/sub"], "../near", "../near /work/sub/../near /work/beside.py");
    run(&["proj:/work"], "/work/near", "/work/near /work/near /work/beside.py");
    run(&["proj:/work"], "proj/near", "/work/near /work/near /work/beside.py");
    run(&["proj:/work", "--cwd", "/tmp"], "proj/near", "/work/near /work/near /work/beside.py");
    // A link that leads out of what is shown, and one that leads into it.
    run(&["proj:/work"], "proj/away", "/work/away /work/away");
    let into = format!("{outside}/into");
    run(&["proj:/work"], &into, &format!("{into} {into} /work/beside.py"));
    // With nothing shown.
    place.run(["elsewhere/real.py"]).expect(0).prints("elsewhere/real.py /home/user/elsewhere/real.py\n");
    for missing in ["nowhere", "/work/nowhere"] {
        let finished = place.run(["--dir", "proj:/work", "--cwd", "/work", missing]).expect(2);
        finished.says(&format!("bellglass: can't open the program '{missing}': "));
    }
}

#[test]
fn a_program_that_is_in_an_archive_alone_is_found_there() {
    let place = place();
    let made =
        "import zipfile\nzipfile.ZipFile('/made/data.zip', 'w').write('/made/program.py', 'a/inner.py')";
    place.code(&["--dir", ".:/made:rw"], made).expect(0);
    let finished = place.run(["--dir", "data.zip:/work", "--cwd", "/work/a", "inner.py", "x"]).expect(0);
    assert!(finished.out().starts_with("['inner.py', 'x'] /work/a/inner.py "), "{}", finished.all());
}

#[test]
fn options_of_the_interpreter_may_stand_before_the_program() {
    let place = place();
    let shown = |optimize: u8, warnings: &str| {
        format!("['program.py', '-O', '--cwd'] /home/user/program.py {optimize} [{warnings}]\n")
    };
    for (options, optimize, warnings) in [
        (&["-O"][..], 1, ""),
        (&["-W", "error"], 0, "'error'"),
        (&["-Werror"], 0, "'error'"),
        (&["--", "-W", "error"], 0, "'error'"),
        (&["-BOOWd"], 2, "'d'"),
        (&["-OW", "ignore"], 1, "'ignore'"),
        (&["-X", "dev"], 0, "'default'"),
        (&["-Xdev"], 0, "'default'"),
        (&["-u", "-I", "-B", "-E", "-s", "-q"], 0, ""),
        (&["--", "--check-hash-based-pycs", "always", "-O"], 1, ""),
        (&["-O", "--"], 1, ""),
        (&["--env", "PYTHONOPTIMIZE=2", "-B"], 2, ""),
    ] {
        let words = [options, &["program.py", "-O", "--cwd"]].concat();
        place.run(words).expect(0).prints(&shown(optimize, warnings));
    }
    place.run(["-v", "program.py"]).expect(0).says("import 'site'");
    // What is in place of a file is no file.
    place
        .run(["-O", "-c", "import sys; print(sys.argv)", "program.py"])
        .expect(0)
        .prints("['-c', 'program.py']\n");
    place.run(["-Ic", "import sys; print(sys.argv)", "x"]).expect(0).prints("['-c', 'x']\n");
    assert!(place.run(["-O", "-m", "json.tool", "-h"]).expect(0).out().starts_with("usage: "));
    let mut stdin = place.bellglass(["run", "-O", "-", "x"]);
    let finished = process::finish(&mut stdin, Stdin::Bytes(PROGRAM.replace("__file__", "0").into_bytes()));
    finished.expect(0).prints("['-', 'x'] 0 1 []\n");
    assert!(place.run(["-V"]).expect(0).out().starts_with("Python 3."));
    // A link, a pipe, and nothing at all.
    symlink("program.py", place.work().join("link")).expect("a link");
    let finished = place.run(["--dir", ".", "-O", "link"]).expect(0);
    assert!(finished.out().starts_with("['link'] "), "{}", finished.all());
    let finished = bash(&place, "bellglass run -O <(cat program.py)").expect(0);
    assert!(finished.out().ends_with(" 1 []\n"), "{}", finished.all());
    place.run(["-O", "missing.py"]).expect(2).says("can't open the program 'missing.py'");
    // Of a program that says nothing of its options the words are its own.
    place.write("echo.c", "#include <stdio.h>\nint main(int n, char **v) { puts(v[n - 1]); return n; }\n");
    for words in [&["cc", "-o", "echo", "echo.c"][..], &["image", "seal", "echo", "-o", "echo.bgi"]] {
        process::finish(&mut place.bellglass(words), Stdin::Nothing).expect(0);
    }
    place.run(["--image", "echo.bgi", "-W", "x", "missing"]).expect(4).prints("missing\n");
}

fn bytes(text: &[u8]) -> OsString {
    OsStr::from_bytes(text).to_owned()
}

#[test]
fn names_that_are_no_text_go_through_unchanged() {
    let place = Scratch::new();
    let code = "import os, sys\n\
        print([os.fsencode(word) for word in sys.argv], os.fsencode(__file__), os.getcwdb())\n\
        print(os.environb.get(b'A\\xff'), os.environb.get(b'B\\xfd'), sorted(os.listdir(b'.')))\n";
    let folder = place.work().join(bytes(b"d\xff"));
    fs::create_dir_all(folder.join(bytes(b"s\xfe"))).expect("a folder");
    fs::write(folder.join(bytes(b"p\xfd.py")), code).expect("a file");
    let expected = |program: &str, cwd: &str| {
        format!(
            "[b'{program}', b'a\\xfc'] b'/w\\xfb/p\\xfd.py' b'{cwd}'\nb'b\\xfa=' b'\\xf9' [b'p\\xfd.py', b's\\xfe']\n"
        )
    };
    let run = |words: &[&[u8]]| {
        let mut command = place.bellglass(["run"]);
        command.args(words.iter().map(|word| bytes(word))).env(bytes(b"B\xfd"), bytes(b"\xf9"));
        process::finish(&mut command, Stdin::Nothing)
    };
    let options: [&[u8]; 8] =
        [b"--env", b"A\xff=b\xfa=", b"--env", b"B\xfd", b"--dir", b"d\xff:/w\xfb", b"--cwd", b"/w\xfb"];
    run(&[&options[..], &[b"p\xfd.py", b"a\xfc"]].concat())
        .expect(0)
        .prints(&expected("p\\xfd.py", "/w\\xfb"));
    run(&[&options[..], &[b"-O", b"d\xff/p\xfd.py", b"a\xfc"]].concat())
        .expect(0)
        .prints(&expected("/w\\xfb/p\\xfd.py", "/w\\xfb"));
    run(&[b"--cwd", b"/tmp", b"-cimport sys; print(ascii(sys.argv))", b"\xfc"])
        .expect(0)
        .prints("['-c', '\\udcfc']\n");
    let finished = run(&[b"--dir", b"d\xff:/w:rw", b"-c", b"open(b'/w/n\\xf8', 'w').close()"]).expect(0);
    assert!(folder.join(bytes(b"n\xf8")).exists(), "{}", finished.all());
    let finished =
        run(&[b"--dir", b"d\xff:/w:overlay", b"--apply", b"-c", b"open(b'/w/n\\xf7', 'w').close()"]);
    assert!(folder.join(bytes(b"n\xf7")).exists(), "{}", finished.all());
    run(&[b"no\xff.py"]).expect(2).says("can't open the program 'no\u{fffd}.py'");
}

#[test]
fn a_linked_program_has_its_names_and_variables_unchanged_too() {
    let place = Scratch::new();
    let code = "#include <stdio.h>\n#include <stdlib.h>\n\
        static void show(const char *text) { for (; *text; text++) printf(\"%02x\", *text & 255); puts(\"\"); }\n\
        int main(int count, char **words) { for (int i = 0; i < count; i++) show(words[i]);\n\
        show(getenv(\"A\\xff\")); return !getenv(\"HOME\") || !getenv(\"PATH\"); }\n";
    place.write("show.c", code);
    process::finish(&mut place.bellglass(["cc", "-o", "show", "show.c"]), Stdin::Nothing).expect(0);
    let name = bytes(b"s\xfe");
    fs::rename(place.work().join("show"), place.work().join(&name)).expect("moved");
    let environment: Vec<_> = {
        let own = place.bellglass::<&str>([]);
        own.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
    };
    let mut command = Command::new(OsStr::from_bytes(b"./s\xfe"));
    command.arg(bytes(b"\xfd")).current_dir(place.work()).env_clear().envs(environment);
    command.env("BELLGLASS_OPTIONS", bytes(b"--env 'A\xff'=\xfc"));
    process::finish(&mut command, Stdin::Nothing).expect(0).prints("2e2f73fe\nfd\nfc\n");
    // The same file as a module has the variables that it is given, and no others.
    let mut module = place.bellglass(["run", "--wasm", "--env"]);
    module.arg(bytes(b"A\xff=\xfb")).arg(&name);
    process::finish(&mut module, Stdin::Nothing).expect(1).prints("73fe\nfb\n");
}

#[test]
fn a_module_finds_no_variable_that_it_was_not_given() {
    let place = Scratch::new();
    place.write("hello.wasm", fs::read(tests_folder().join("modules/hello.wasm")).expect("the module"));
    let explained = |options: &[&str]| {
        let words = [&["--explain", "--wasm"], options, &["hello.wasm"]].concat();
        let text = place.run(words).expect(0).out();
        text.lines().find(|line| line.starts_with("environment:")).expect("a line").to_owned()
    };
    assert_eq!(explained(&[]), "environment: it sees no variable");
    assert_eq!(explained(&["--env", "A=1"]), "environment: it sees A, and no other variable");
}

#[test]
fn a_working_directory_that_is_not_there_is_named() {
    let place = place();
    place.write("shown/file", "");
    let at = |cwd: &str, said: &str| {
        let words = ["--dir", "shown:/shown", "--cwd", cwd, "-c", "print('it ran')"];
        let finished = place.run(words).expect(125);
        let told = format!("bellglass: cannot begin in the working directory '{said}': ");
        assert!(
            finished.err().starts_with(&told) && finished.err().lines().count() == 1,
            "{}",
            finished.all()
        );
    };
    at("/nowhere", "/nowhere");
    at("/tmp/x", "/tmp/x");
    at("relative", "/home/user/relative");
    at("/shown/x", "/shown/x");
    at("/shown/file", "/shown/file");
    at("/dev/null", "/dev/null");
    place.run(["--cwd", "..", "-c", "import os; print(os.getcwd())"]).expect(0).prints("/home\n");
    let mut repl = place.bellglass(["repl", "--cwd", "/nowhere"]);
    process::finish(&mut repl, Stdin::Nothing).expect(125).says("'/nowhere'");
    place.write("hello.wasm", fs::read(tests_folder().join("modules/hello.wasm")).expect("the module"));
    place.run(["--cwd", "/nowhere", "--wasm", "hello.wasm"]).expect(125).says("'/nowhere'");
}
