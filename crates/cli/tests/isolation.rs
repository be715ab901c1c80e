//! A program that tries everything gets exceptions and nothing else.

use crate::harness::{self, Finished, Scratch, Stdin, process};
use std::fs;
use std::os::unix::fs::symlink;

const ATTACKS: &str = include_str!("isolation/attacks.py");
const SECRET: &str = "the-secret-of-the-host-5c81";

/// A host with a secret outside of what is shown, and links that point at it.
fn host() -> Scratch {
    let place = Scratch::new();
    let root = place.root();
    fs::write(root.join("secret.txt"), SECRET).expect("a file");
    place.write("shown/inside.txt", "inside\n");
    place.write("writable/own.txt", "own\n");
    place.write("hidden/secret.txt", SECRET);
    for shown in ["shown", "writable"] {
        let shown = place.work().join(shown);
        symlink(root.join("secret.txt"), shown.join("absolute")).expect("a link");
        symlink("../../secret.txt", shown.join("relative")).expect("a link");
        symlink("../hidden", shown.join("folder")).expect("a link");
        symlink("/", shown.join("root")).expect("a link");
    }
    place
}

fn attack(place: &Scratch, isolation: &str, mounts: &[String]) -> Finished {
    let mut command = place.bellglass(["run", "--isolation", isolation]);
    for mount in mounts {
        command.args(["--dir", mount]);
    }
    command.args(["-c", ATTACKS]).arg(place.root()).arg(SECRET).env("SECRET_OF_THE_HOST", SECRET);
    process::finish(&mut command, Stdin::Nothing)
}

#[test]
fn everything_is_tried_and_nothing_is_got() {
    let place = host();
    let untouched = |place: &Scratch| {
        let lines = harness::tree(&place.root());
        lines.into_iter().filter(|line| !line.starts_with("work/writable/new")).collect::<Vec<_>>()
    };
    let before = untouched(&place);
    for isolation in ["process", "thread"] {
        let mounts = ["shown:/shown".to_owned(), "writable:/writable:rw".to_owned()];
        let finished = attack(&place, isolation, &mounts).expect(0);
        assert!(!finished.out().contains("GOT"), "{}", finished.all());
        assert!(finished.out().ends_with("all tried\n"), "{}", finished.all());
        assert!(!finished.out().contains(SECRET) && !finished.err().contains(SECRET), "{}", finished.all());
        assert_eq!(before, untouched(&place), "the host was touched");
    }
}

/// The same program must find the secret when it is shown, or it proves nothing.
#[test]
fn the_program_that_tries_everything_would_notice() {
    let place = host();
    let root = place.root().display().to_string();
    let finished =
        attack(&place, "process", &["shown:/shown".to_owned(), "writable:/writable:rw".to_owned(), root]);
    assert!(finished.out().contains("GOT read of the secret by its path"), "{}", finished.all());
}

#[test]
fn a_program_alone_sees_itself_and_the_image() {
    let place = Scratch::new();
    place.write("program.py", "import os\nprint(os.listdir('.'), os.path.exists('/etc/shadow'))\nprint([e for e in os.listdir('/') if e not in ('dev', 'home', 'tmp', 'usr', 'etc', 'proc', 'sys', 'var')])");
    place.write("beside.txt", "x");
    place.run(["program.py"]).expect(0).prints("['program.py'] False\n[]\n");
}
