//! Directories that are shown with `:overlay`, and archives: the program changes
//! what it sees, and the host only when it is told to. And the files that are not
//! files.

use crate::harness::{self, Scratch, Stdin, Terminal, process};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const OVERLAY: &str = "project:/project:overlay";

/// What programs do to a tree.
const PROGRAM: &str = r#"
import os, pathlib, shutil
os.chdir("/project")
os.remove("old.txt")
os.rename("names.txt", "renamed.txt")
text = pathlib.Path("code.py").read_text()
pathlib.Path("code.py").write_text(text.replace("x = 2", "x = 20"))
os.makedirs("made/inner")
pathlib.Path("made/inner/new.txt").write_text("new\nlines\n")
pathlib.Path("data.bin").write_bytes(b"\0\1\2")
os.chmod("run.sh", 0o755)
os.symlink("code.py", "link")
shutil.rmtree("gone")
"#;

fn project() -> Scratch {
    let place = Scratch::new();
    place.write("project/old.txt", "old\n");
    place.write("project/names.txt", "one\ntwo\n");
    place.write("project/code.py", "x = 1\ny = 1\nz = 1\nx = 2\na = 1\nb = 1\nc = 1\n");
    place.write("project/run.sh", "#!/bin/sh\n");
    place.write("project/gone/deep/file.txt", "gone\n");
    place.write("change.py", PROGRAM);
    fs::set_permissions(place.work().join("project/run.sh"), fs::Permissions::from_mode(0o644)).expect("set");
    place
}

#[test]
fn what_may_be_done_with_a_file_is_told_with_its_lines() {
    let place = Scratch::new();
    for name in ["run.sh", "less.sh", "b"] {
        place.write(&format!("project/{name}"), "#!/bin/sh\n");
    }
    for (name, mode) in [("run.sh", 0o644), ("less.sh", 0o755), ("b", 0o644)] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.work().join("project").join(name), permissions).expect("set");
    }
    let code = "import os\nos.chdir('/project')\nopen('run.sh', 'a').write('x\\n')\nos.chmod('run.sh', 0o755)\n\
                open('less.sh', 'a').write('x\\n')\nos.chmod('less.sh', 0o600)\nos.remove('b')\n\
                os.symlink('run.sh', 'b')\nopen('new', 'w').write('x\\n')\nos.chmod('new', 0o777)\n\
                os.mkdir('open')\nos.chmod('open', 0o777)\nopen('a  | 1 +', 'w').write('x\\n')";
    let finished = place.code(&["--dir", OVERLAY, "--diff"], code).expect(0);
    for line in [
        " run.sh (mode +x)            | 1 +",
        " less.sh (mode 755 -> 600)   | 1 +",
        " b (mode +l)                 | 2 +-",
        " new (new, mode 777)         | 1 +",
        " open/                       | new directory, mode 777",
        " \"a \\040\\174 1 +\" (new)     | 1 +",
    ] {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(finished.out().lines().any(|found| words(found) == words(line)), "{}", finished.out());
    }
}

#[test]
fn what_a_program_changed_is_told_and_the_host_is_as_it_was() {
    let place = project();
    let before = harness::tree(&place.work());
    let finished = place.run(["--dir", OVERLAY, "--diff", "change.py"]).expect(0);
    assert_eq!(
        finished.out(),
        " code.py                   | 2 +-\n \
         data.bin (new)            | Bin 0 -> 3 bytes\n \
         gone/                     | removed directory\n \
         gone/deep/                | removed directory\n \
         gone/deep/file.txt (gone) | 1 -\n \
         link (new +l)             | 1 +\n \
         made/                     | new directory\n \
         made/inner/               | new directory\n \
         made/inner/new.txt (new)  | 2 ++\n \
         names.txt (gone)          | 2 --\n \
         old.txt (gone)            | 1 -\n \
         renamed.txt (new)         | 2 ++\n \
         run.sh                    | mode +x\n \
         13 files changed, 6 insertions(+), 5 deletions(-)\n"
    );
    assert_eq!(harness::tree(&place.work()), before);
    // Without the option nothing is said, and a second run sees none of it.
    place.run(["--dir", OVERLAY, "change.py"]).expect(0).prints("");
    assert_eq!(harness::tree(&place.work()), before);
}

#[test]
fn the_patch_is_one_that_git_takes() {
    let place = project();
    let copy = place.work().join("copy");
    harness::copy_tree(&place.work().join("project"), &copy);
    let finished = place.run(["--dir", OVERLAY, "--diff=full", "--apply", "change.py"]).expect(0);
    let finished = finished.says("bellglass: wrote 13 changes to ");
    let patch = finished.out();
    for part in [
        "diff --git a/code.py b/code.py\n--- a/code.py\n+++ b/code.py\n@@ -1,7 +1,7 @@\n x = 1\n y = 1\n z = 1\n-x = 2\n+x = 20\n a = 1\n",
        "diff --git a/old.txt b/old.txt\ndeleted file mode 100644\n--- a/old.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n",
        "new file mode 120000\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+code.py\n\\ No newline at end of file\n",
        "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n",
        "Binary files /dev/null and b/data.bin differ\n",
        "# removed directory gone/deep\n",
    ] {
        assert!(patch.contains(part), "{part}\nis not in\n{patch}");
    }
    let project = place.work().join("project");
    assert_eq!(fs::metadata(project.join("run.sh")).expect("there").permissions().mode() & 0o777, 0o755);
    // Git knows neither binary patches without their content nor directories.
    let start = patch.find("diff --git a/data.bin").expect("there");
    let end = patch[start..].find("# removed").expect("there") + start;
    place.write("changes.patch", [&patch[..start], &patch[end..]].concat());
    fs::write(copy.join("data.bin"), [0, 1, 2]).expect("written");
    let mut git = std::process::Command::new("git");
    git.args(["apply", "--whitespace=nowarn", "../changes.patch"])
        .current_dir(&copy)
        .env("GIT_CEILING_DIRECTORIES", place.work());
    process::finish(&mut git, Stdin::Nothing).expect(0);
    assert_eq!(harness::tree(&copy), harness::tree(&project));
}

#[test]
fn changes_are_written_as_without_an_overlay() {
    let (with, without) = (project(), project());
    with.run(["--dir", OVERLAY, "--apply", "change.py"]).expect(0).prints("");
    without.run(["--dir", "project:/project:rw", "change.py"]).expect(0);
    assert_eq!(harness::tree(&with.work()), harness::tree(&without.work()));
    // The same again fails in the program, and what it did until then is written.
    with.run(["--dir", OVERLAY, "--apply", "change.py"]).expect(1).says("FileNotFoundError");
    // Nothing to do is no failure.
    with.code(&["--dir", OVERLAY, "--apply", "--diff"], "pass").expect(0).prints("");
}

#[test]
fn what_the_host_cannot_take_is_told_and_the_rest_is_written() {
    let place = project();
    let code = "import os\nos.chdir('/project')\nopen('first', 'w').write('x')\nopen('large', 'wb').write(bytes(20 << 20))\nopen('last', 'w').write('x')\nos.unlink('old.txt')";
    // A host that takes no file of more than 16 MiB.
    let mut limited = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 32768; exec \"$0\" \"$@\"";
    let command = place.bellglass(["run", "--dir", OVERLAY, "--apply", "-c", code]);
    limited.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    limited.current_dir(place.work()).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let finished = process::finish(&mut limited, Stdin::Nothing).expect(126);
    let told = "bellglass: large: the host takes no file of 20971520 bytes: EFBIG (File too large)\n\
                bellglass: wrote 3 changes to ";
    assert!(finished.err().contains(told), "{}", finished.all());
    let finished = finished.says(", and not the 1 other\n");
    assert!(!finished.err().contains("half"), "{}", finished.all());
    let project = place.work().join("project");
    assert!(project.join("first").exists() && project.join("last").exists());
    assert!(!project.join("old.txt").exists() && !project.join("large").exists());
    let ours = harness::tree(&project).iter().any(|line| line.contains(".bellglass"));
    assert!(!ours, "nothing half-written is left");
}

#[test]
fn an_interrupt_while_it_is_written_ends_between_two_changes_and_tells_which_are_written() {
    const MANY: usize = 10_000;
    let place = project();
    let code = format!(
        "for number in range({MANY}):\n with open(f'/project/f{{number:05}}', 'w') as file: file.write('whole')"
    );
    let mut command = place.bellglass(["run", "--dir", OVERLAY, "--apply", "-c", &code]);
    let running = process::start(&mut command, Stdin::Nothing);
    let project = place.work().join("project");
    process::eventually("it is being written", || project.join("f00000").exists());
    running.signal(rustix::process::Signal::INT);
    let finished = running.wait().expect(130).says("bellglass: written: f00000\n");
    let err = finished.err();
    let told =
        err.lines().find_map(|line| line.split_once("interrupted: of the changes to ")).expect("told").1;
    let numbers: Vec<usize> = told.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    let [written, left] = numbers[..] else { panic!("{told}") };
    assert!(written > 0 && left > 0 && written + left == MANY, "{told}");
    let names: Vec<_> =
        fs::read_dir(&project).expect("listed").map(|entry| entry.expect("one").path()).collect();
    let whole = |path: &&std::path::PathBuf| fs::read(path).is_ok_and(|content| content == b"whole");
    assert_eq!(names.iter().filter(whole).count(), written, "{told}");
    let beside = names.iter().filter(|path| path.to_string_lossy().contains(".bellglass")).count();
    assert_eq!(beside, 0, "nothing half-written is left");
}

/// Runs code, changes the host once it has run, and lets the program end then.
fn meanwhile(place: &Scratch, code: &str, change: impl FnOnce()) -> harness::Finished {
    let code = format!(
        "import os, time\n{code}\nopen('/signal/ready', 'w').close()\n\
         while not os.path.exists('/signal/go'): time.sleep(0.02)"
    );
    place.write("signal/.keep", "");
    let options = ["--dir", OVERLAY, "--dir", "signal:/signal:rw", "--diff", "--apply"];
    let mut command = place.bellglass(["run"]);
    let running = process::start(command.args(options).args(["-c", &code]), Stdin::Nothing);
    let ready = place.work().join("signal/ready");
    process::eventually("the program has changed what it sees", || ready.exists());
    change();
    place.write("signal/go", "");
    running.wait()
}

#[test]
fn what_others_changed_meanwhile_is_left_and_the_rest_is_written() {
    let place = project();
    let project = place.work().join("project");
    let code = "with open('/project/code.py', 'a') as f: f.write('more')\n\
         with open('/project/new', 'w') as f: f.write('ours')";
    let finished = meanwhile(&place, code, || {
        fs::write(project.join("code.py"), "theirs\n").expect("written");
    });
    let finished = finished.expect(126).says("bellglass: code.py: somebody else has changed it meanwhile");
    let finished = finished.says("bellglass: wrote 1 change to ").says(", and not the 1 other\n");
    assert!(finished.out().contains(" code.py "), "{}", finished.all());
    assert_eq!(fs::read_to_string(project.join("code.py")).expect("there"), "theirs\n");
    assert_eq!(fs::read_to_string(project.join("new")).expect("written"), "ours");
    // With nothing left it is said that there is nothing.
    let place = self::project();
    let project = place.work().join("project");
    let finished = meanwhile(&place, "open('/project/code.py', 'w').close()", || {
        fs::write(project.join("code.py"), "theirs again\n").expect("written");
    });
    finished.expect(126).says("bellglass: nothing was written to ");
}

#[test]
fn nothing_is_written_through_a_link_that_comes_meanwhile() {
    let place = project();
    let project = place.work().join("project");
    place.write("outside/deep/file.txt", "secret\n");
    let code = "with open('/project/gone/deep/file.txt', 'w') as f: f.write('ours')\n\
         with open('/project/gone/new', 'w') as f: f.write('ours')";
    let finished = meanwhile(&place, code, || {
        fs::rename(project.join("gone"), place.work().join("kept")).expect("moved");
        symlink("../outside", project.join("gone")).expect("linked");
    });
    finished.expect(126).says("gone/new: its directory has become something else");
    assert_eq!(harness::tree(&place.work().join("outside")).len(), 2);
    assert_eq!(fs::read_to_string(place.work().join("outside/deep/file.txt")).expect("there"), "secret\n");
}

#[test]
fn a_program_that_was_stopped_changes_nothing() {
    let place = project();
    let before = harness::tree(&place.work().join("project"));
    let options = ["--dir", OVERLAY, "--apply", "--timeout", "2s"];
    let finished = place.code(&options, "open('/project/new', 'w').write('x')\nwhile True: pass");
    finished.expect(124).says("nothing was written to the host, since the program did not end by itself");
    assert_eq!(harness::tree(&place.work().join("project")), before);
}

#[test]
fn names_cannot_hide_what_is_changed() {
    let place = project();
    let code = r#"open('/project/a\x1b[2K\r\nb', 'w').write('text\n'); open('/project/größe', 'w')"#;
    let finished = place.code(&["--dir", OVERLAY, "--diff"], code).expect(0);
    assert!(finished.out().contains(r#" "a\033[2K\015\nb" "#), "{}", finished.out());
    assert!(finished.out().contains(" größe "), "{}", finished.out());
    let finished = place.code(&["--dir", OVERLAY, "--diff=full"], code).expect(0);
    assert!(finished.out().contains(r#"+++ "b/a\033[2K\015\nb""#), "{}", finished.out());
}

#[test]
fn options_that_can_do_nothing_are_refused() {
    let place = project();
    for options in [&["--diff"][..], &["--apply"], &["--diff=full", "--dir", "project:/project:rw"]] {
        place
            .code(options, "pass")
            .expect(2)
            .says("needs a directory that is shown with --dir HOST:GUEST:overlay");
    }
    place.code(&["--diff=much", "--dir", OVERLAY], "pass").expect(2);
    zip(&place);
    place.code(&["--dir", "data.zip:/data:rw"], "pass").expect(125).says("cannot be written to");
    place.code(&["--dir", "data.zip:/data:overlay", "--apply"], "pass").expect(2).says("an archive");
}

#[test]
fn a_terminal_asks_before_it_writes() {
    for (answer, written) in [("y\r", true), ("\r", false), ("n\r", false)] {
        let place = project();
        let words =
            ["run", "--dir", OVERLAY, "--diff", "-c", r"open('/project/new', 'w').write('\x1b[1Aplain\n')"];
        let mut terminal = Terminal::open(&place, &words);
        terminal.shows("Write this to the host? [y/N] ");
        terminal.type_keys(answer);
        process::eventually("it ends", || terminal.child.try_wait().expect("its state").is_some());
        assert_eq!(place.work().join("project/new").exists(), written, "{answer:?}");
    }
    // What is shown on a terminal cannot move its cursor.
    let place = project();
    let code = r"open('/project/new', 'w').write('\x1b[1Aplain\n')";
    let mut terminal = Terminal::open(&place, &["run", "--dir", OVERLAY, "--diff=full", "-c", code]);
    terminal.shows("[y/N] ");
    assert!(String::from_utf8_lossy(&terminal.sent()).contains("+<U+001B>[1Aplain"));
    terminal.type_keys("n\r");
    process::eventually("it ends", || terminal.child.try_wait().expect("its state").is_some());
}

/// An archive made by Python, as users make them.
fn zip(place: &Scratch) {
    place.write("made/.keep", "");
    let code = "import zipfile, tarfile, io\n\
        with zipfile.ZipFile('/made/data.zip', 'w', zipfile.ZIP_DEFLATED) as z:\n    z.writestr('dir/one.txt', 'one' * 1000)\n    z.writestr('two.txt', 'two')\n\
        with tarfile.open('/made/data.tar.gz', 'w:gz') as t:\n    info = tarfile.TarInfo('dir/one.txt'); info.size = 3; t.addfile(info, io.BytesIO(b'one'))\n    info = tarfile.TarInfo('../out'); \n";
    place.code(&["--dir", "made:/made:rw"], code).expect(0);
    for name in ["data.zip", "data.tar.gz"] {
        fs::rename(place.work().join("made").join(name), place.work().join(name)).expect("moved");
    }
}

#[test]
fn archives_are_directories() {
    let place = project();
    zip(&place);
    let code = "import os\n\
        print(sorted(os.listdir('/data')), open('/data/dir/one.txt').read() == 'one' * 1000, os.stat('/data/two.txt').st_size)\n\
        try: open('/data/two.txt', 'w')\nexcept OSError as error: print(error.strerror)";
    let finished = place.code(&["--dir", "data.zip:/data"], code).expect(0);
    finished.prints("['dir', 'two.txt'] True 3\nRead-only file system\n");
    let finished = place.code(
        &["--dir", "data.tar.gz:/data:overlay", "--diff"],
        "open('/data/dir/one.txt', 'a').write('!\\n')",
    );
    finished.expect(0).prints(" dir/one.txt | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n");
    place.write("bad.zip", "PK\x03\x04 and nothing more");
    place.code(&["--dir", "bad.zip:/data"], "pass").expect(125).says("cannot mount the archive");
}

#[test]
fn special_files_are_those_of_the_virtual_machine() {
    let place = Scratch::new();
    let code = r#"
import os, platform
def read(path): return open(path).read()
status = dict(line.split(":\t") for line in read("/proc/self/status").splitlines())
print(status["Pid"] == str(os.getpid()), status["Uid"].split("\t")[0] == str(os.getuid()))
print(read("/proc/self/cmdline").split("\0")[1], os.readlink("/proc/self") == str(os.getpid()))
memory = {line.split(":")[0]: int(line.split()[1]) for line in read("/proc/meminfo").splitlines()}
print(memory["MemTotal"] == 64 << 10, 0 < memory["MemFree"] < memory["MemTotal"])
print(read("/proc/sys/kernel/hostname").strip() == read("/etc/hostname").strip())
print([line.split()[1] for line in read("/proc/mounts").splitlines() if line.startswith("host")])
os.dup2(os.open("/dev/null", os.O_RDONLY), 40)
print("40" in os.listdir("/proc/self/fd"), sorted(os.listdir("/dev/fd"))[:3])
os.close(40)
print("40" in os.listdir("/proc/self/fd"))
print(float(read("/proc/uptime").split()[0]) >= 0, len(read("/proc/loadavg").split()))
print(platform.freedesktop_os_release()["ID"])
open("/dev/null", "w").write("x"); print(open("/dev/zero", "rb").read(3), len(os.urandom(5)))
print(open("/dev/stdin").read())
try: os.write(os.open("/dev/full", os.O_WRONLY), b"x")
except OSError as error: print(error.strerror)
"#;
    place.write("shown/.keep", "");
    let words = ["run", "--memory", "64M", "--dir", "shown:/shown", "-c", code];
    let finished = process::finish(&mut place.bellglass(words), Stdin::Bytes(b"typed".to_vec())).expect(0);
    finished.prints(
        "True True\n-c True\nTrue True\nTrue\n['/shown']\nTrue ['0', '1', '2']\nFalse\nTrue 5\nbellglass\n\
         b'\\x00\\x00\\x00' 5\ntyped\nNo space left on device\n",
    );
}
