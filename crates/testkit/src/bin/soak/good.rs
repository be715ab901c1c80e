//! Guests that do what programs do.

use super::Kind;
use super::stage::{Numbers, PATIENCE, Placement, Stage, Verdict, finish, limits, make_work, toy};
use bellglass::{Access, Answer, ChangeKind, Input, Mount, Outcome};
use bellglass_testkit::ToyImage;
use std::time::Duration;

pub(crate) const KINDS: [Kind; 7] = [
    Kind { name: "arithmetic", places: Placement::ALL, run: arithmetic },
    Kind { name: "the library", places: Placement::ALL, run: library },
    Kind { name: "files", places: Placement::ALL, run: files },
    Kind { name: "an input", places: Placement::ALL, run: input },
    Kind { name: "changes that are written", places: Placement::ALL, run: changes },
    Kind { name: "an archive", places: Placement::ALL, run: archive },
    Kind { name: "a toy and a handler", places: &[Placement::Cell, Placement::Thread], run: handler },
];

fn prints(stage: &Stage, place: Placement, code: &str, expected: &str) -> Verdict {
    let ended = finish(stage.python(place, code), limits(PATIENCE))?;
    ended.check(ended.report.outcome.is_success() && ended.out == expected)
}

fn arithmetic(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let number = numbers.below(1_000_000);
    let code = format!("print(sum(i * i for i in range(1000)) + {number})");
    prints(stage, place, &code, &format!("{}\n", 332_833_500 + number))
}

fn library(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = "import json, hashlib, re, datetime, collections\n\
                text = json.dumps({'a': [1, 2, 3]})\n\
                assert re.fullmatch(r'.+\\[1, 2, 3\\]}', text)\n\
                print(hashlib.sha256(text.encode()).hexdigest())";
    prints(stage, place, code, "b4ff8298cd1066e331beb2a3a58580498aae4d4951cae551910c31becfdd0008\n")
}

fn files(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let code = "import os, tempfile, shutil, time\n\
                with tempfile.TemporaryDirectory() as folder:\n \
                for i in range(20):\n  \
                os.makedirs(f'{folder}/{i % 3}', exist_ok=True)\n  \
                open(f'{folder}/{i % 3}/{i}', 'w').write('x' * i * 100)\n \
                shutil.copytree(folder + '/0', folder + '/copy')\n \
                print(sum(len(names) for _, _, names in os.walk(folder)))\n\
                time.sleep(0.1)\n\
                print(os.listdir('/tmp'))";
    prints(stage, place, code, "27\n[]\n")
}

fn input(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let lines = numbers.below(2000);
    let text: String = (0..lines).map(|line| format!("line {line}\n")).collect();
    let code = "import sys\nprint(sum(1 for line in sys.stdin if line.startswith('line ')))";
    let guest = stage.python(place, code).stdin(Input::Bytes(text.into_bytes()));
    let ended = finish(guest, limits(PATIENCE))?;
    ended.check(ended.report.outcome.is_success() && ended.out == format!("{lines}\n"))
}

/// The program changes a folder of its own, and the changes are written.
fn changes(stage: &Stage, place: Placement, _: &mut Numbers) -> Verdict {
    let folder = tempfile::tempdir().map_err(|error| format!("no folder: {error}"))?;
    make_work(folder.path());
    let code = "import os\n\
                open('/work/text', 'w').write('new\\n')\n\
                os.remove('/work/removed')\n\
                os.mkdir('/work/made')\n\
                os.link('/work/inner/kept', '/work/made/linked')\n\
                os.truncate('/work/text', 100000)\n";
    let (mount, overlay) = Mount::directory(folder.path(), "/work", Access::ReadOnly).overlay();
    let ended = finish(stage.python(place, code).mount(mount), limits(PATIENCE))?;
    ended.check(ended.report.outcome.is_success())?;
    let changes = overlay.changes().map_err(|errno| format!("its changes: {errno}"))?;
    let told: Vec<(String, ChangeKind)> = changes
        .iter()
        .map(|change| (String::from_utf8_lossy(&change.path).into_owned(), change.kind))
        .filter(|(_, kind)| *kind != ChangeKind::Attributes)
        .collect();
    let expected = [
        ("made", ChangeKind::Added),
        ("made/linked", ChangeKind::Added),
        ("removed", ChangeKind::Removed),
        ("text", ChangeKind::Modified),
    ];
    if told != expected.map(|(path, kind)| (path.to_owned(), kind)) {
        return Err(format!("its changes are {told:?}"));
    }
    changes.apply().map_err(|error| format!("its changes: {error}"))?;
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap_or_default();
    let text = read("text");
    if text.len() == 100_000 && text.starts_with(b"new\n\0") && read("made/linked") == b"kept\n" {
        Ok(())
    } else {
        Err("what was written is not what the program wrote".to_owned())
    }
}

fn archive(stage: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let number = numbers.below(1500);
    let code = format!(
        "import os\nprint(len(os.listdir('/zip/small')))\nprint(open('/zip/small/{number}').readline())"
    );
    let guest = stage.python(place, &code).mount(Mount::archive(stage.path("archive.zip"), "/zip"));
    let ended = finish(guest, limits(PATIENCE))?;
    ended.check(ended.report.outcome.is_success() && ended.out == format!("1500\nentry {number}\n\n"))
}

fn handler(_: &Stage, place: Placement, numbers: &mut Numbers) -> Verdict {
    let wat = r#"(module (import "a" "b" (func $b (param i32) (result i32)))
        (memory (export "memory") 2)
        (func (export "run") (result i32) (local $left i32)
            (local.set $left (i32.const 1000))
            (loop $again
                (drop (call $b (i32.const 0)))
                (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $b (i32.const 0))))"#;
    let image = ToyImage::from_wat(wat);
    let answer = numbers.below(100) as i32;
    let guest = toy(place, &image).on("a.b(i)i", move |call, _| {
        let mut bytes = [0; 8];
        call.memory.read(16, &mut bytes)?;
        call.memory.write(0, &bytes)?;
        if answer == 0 {
            std::thread::sleep(Duration::from_micros(10));
        }
        Ok(Answer::i32(answer))
    });
    let ended = finish(guest, limits(PATIENCE))?;
    ended.check(ended.report.outcome == Outcome::Exited { code: answer })
}
