//! Programs that begin from the snapshot of a started interpreter are like those
//! that start one: nothing of the snapshot's own making may show.

use crate::harness::{Scratch, Stdin, cache, difference, process};

/// Everything that a program can see of how it was started.
const PROBE: &str = r#"
import sys
print(sorted(sys.modules))
import os, site, locale, warnings, gc, signal
print(sys.argv, sys.orig_argv, sys.path, sys.flags, sys.executable, sys.prefix, sys.warnoptions, sys._xoptions)
print(sorted(os.environ.items()), os.getcwd(), os.getpid(), locale.getlocale(), sys.getfilesystemencoding())
print(site.USER_SITE, site.USER_BASE, site.ENABLE_USER_SITE, warnings.filters)
print(globals().get('__file__'), __name__, __package__, __spec__ and __spec__.name, sys.stdin is sys.__stdin__)
for stream in sys.stdin, sys.stdout, sys.stderr:
    raw = stream.buffer.raw
    print(stream, stream.errors, stream.newlines, stream.line_buffering, stream.write_through, stream.buffer, raw,
          stream.isatty(), stream.seekable(), raw.closefd, stream.fileno())
print(gc.isenabled(), gc.get_threshold(), signal.getsignal(signal.SIGINT), sys.meta_path, sys.path_hooks)
import json, asyncio, collections.abc, xml.etree, logging, random, importlib.util, concurrent.futures, unittest
print(sorted(sys.modules), [name for name in dir(xml.etree) if name[0] != '_'], vars(logging.getLogger()).keys())
"#;

fn probe() -> String {
    // Addresses of objects are nobody's business.
    PROBE.replace("print(", "show(").replacen(
        "import sys\n",
        "import sys\n\
             def show(*values):\n    \
             import re\n    \
             print(*(re.sub('0x[0-9a-f]+', '0x', str(value)) for value in values), sep='\\n')\n",
        1,
    )
}

#[track_caller]
fn alike(place: &Scratch, words: &[&str], stdin: &str) {
    let run = |options: &[&str]| {
        let mut command = place.bellglass(["run"]);
        command.args(options).args(["--env", "SOME=value", "--dir", "."]).args(words);
        process::finish(&mut command, Stdin::Bytes(stdin.as_bytes().to_vec()))
    };
    let (kept, fresh) = (run(&[]), run(&["--no-snapshot"]));
    assert!(kept.out().contains("meta_path") || kept.out().contains("FileFinder"), "{}", kept.all());
    assert!(
        (kept.out(), kept.err(), kept.code) == (fresh.out(), fresh.err(), fresh.code),
        "{words:?}: {}{}",
        difference(&fresh.out(), &kept.out()),
        difference(&fresh.err(), &kept.err())
    );
}

#[test]
fn a_program_finds_what_it_would_find_after_a_start_of_its_own() {
    let place = Scratch::new();
    place.write("program.py", probe());
    place.write("folder/__main__.py", probe());
    place.write("package/__init__.py", "");
    place.write("package/__main__.py", probe());
    alike(&place, &["-c", &probe(), "one", "-x"], "");
    alike(&place, &["program.py", "one", "--two"], "input\n");
    alike(&place, &["folder", "one"], "");
    alike(&place, &["-m", "package", "-c"], "");
    alike(&place, &["-", "one"], &probe());
}

/// Once all modules that were prepared are imported, they have the same names for
/// things of the same kind. (Before that, some that the start itself needs bear
/// marks of those that are not yet imported: importlib renames its parts, and
/// functools the functions that it has given away.)
#[test]
fn modules_are_as_after_an_import_of_their_own() {
    let place = Scratch::new();
    let recipe = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../guests/python/recipe-3.14.6.toml"
    ));
    let recipe: toml::Table = recipe.expect("the recipe").parse().expect("TOML");
    let modules = recipe["snapshot"]["arguments"].as_array().expect("a list");
    let modules: Vec<&str> = modules.iter().map(|name| name.as_str().expect("a name")).collect();
    assert!(modules.contains(&"unittest"), "{modules:?}");
    let show = "
import sys
for name in sys.argv[1].split(','):
    __import__(name)
for module in sorted(sys.modules):
    for key, value in sorted(vars(sys.modules[module]).items()):
        kind = type(value).__name__
        print(module, key, kind, value.__name__ if kind in ('module', 'type', 'function') else '')
# meta_path FileFinder
";
    // Forwards and backwards: what was imported before matters.
    for names in [modules.join(","), modules.iter().rev().copied().collect::<Vec<_>>().join(",")] {
        alike(&place, &["-c", show, &names], "");
    }
}

/// What ends with a run that begins from the snapshot, and with one that does not.
#[track_caller]
fn end_alike(code: &str, least_lines: usize) {
    let place = Scratch::new();
    let lines = |options: &[&str]| {
        let ended = place.code(options, code).expect(0);
        let mut lines: Vec<String> = (ended.out() + &ended.err()).lines().map(str::to_owned).collect();
        // In which order modules end depends on which were loaded, and in what order.
        lines.sort();
        lines
    };
    let (kept, fresh) = (lines(&[]), lines(&["--no-snapshot"]));
    assert_eq!(kept, fresh);
    assert!(kept.len() >= least_lines, "{kept:?}");
}

#[test]
fn what_a_program_has_put_into_the_librarys_modules_ends() {
    end_alike(
        r#"
import collections, json, logging, os, re, string, sys, types, weakref, linecache
class Told:
    def __init__(self, name): self.name = name
    def __del__(self): print("ends", self.name)
os.mine = Told("in a module")
os._mine = Told("in a module, underscore")
re.templates = [Told("in a list")]
re.mine = {"a": ({"b": [(Told("far inside"),)]},)}
string.space = types.SimpleNamespace(held=Told("in a namespace"))
collections.cycle = []
collections.cycle.append((collections.cycle, Told("in a cycle")))
os.environ.mine = Told("in an instance of the library's")
linecache.cache["x"] = (0, None, [Told("in a dictionary of the library's")], "x")
class Plain: pass
string.plain = Plain()
weakref.finalize(string.plain, print, "a weak reference's callback").atexit = False
class Slots:
    __slots__ = ("held",)
os.slots = Slots()
os.slots.held = Told("in a slot")
class Empty:
    __slots__ = ()
os.empty = Empty()
class Heavy(dict):
    def __del__(self): print("ends a dictionary")
json.heavy = Heavy()
sys.mine = Told("in sys")
import builtins
builtins.mine = Told("in builtins")
json.stream = open("/tmp/late", "w")
json.stream.write("x")
"#,
        10,
    );
}

#[test]
fn exit_handlers_of_the_library_run_when_it_was_imported() {
    let place = Scratch::new();
    let code = r#"
import atexit
handlers = atexit._ncallbacks()
atexit.register(print, "registered first")
import logging
class Handler(logging.Handler):
    def close(self): print("closed")
handler = Handler()
print(handlers, atexit._ncallbacks())
"#;
    let run = |options: &[&str]| place.code(options, code).expect(0).out();
    let kept = run(&[]);
    assert_eq!(kept, run(&["--no-snapshot"]));
    assert_eq!(kept, "0 2\nclosed\nregistered first\n");
}

fn start_of(place: &Scratch, options: &[&str], code: &str) -> String {
    place.code(&[options, &["--report", "report.json"]].concat(), code);
    let report = std::fs::read(place.work().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_slice(&report).expect("JSON");
    report["start"].as_str().expect("a text").to_owned()
}

#[test]
fn what_the_snapshot_cannot_serve_is_started() {
    let place = Scratch::new();
    assert_eq!(start_of(&place, &[], "pass"), "snapshot");
    assert_eq!(start_of(&place, &["--env", "HOME=/elsewhere", "--env", "LANG=C.UTF-8"], "pass"), "snapshot");
    for fresh in
        [&["--no-snapshot"][..], &["--env", "PYTHONHASHSEED=1"], &["--env", "LC_ALL=C"], &["--memory", "24M"]]
    {
        assert_eq!(start_of(&place, fresh, "pass"), "fresh", "{fresh:?}");
    }
    place.code(&["--env", "PYTHONOPTIMIZE=1"], "assert False").expect(0);
}

#[test]
fn two_runs_differ_in_what_must_differ() {
    let place = Scratch::new();
    let code = "import logging, os, random, secrets, tempfile, time, uuid\n\
                print(random.random(), random.SystemRandom().random(), secrets.token_hex(), uuid.uuid4(), uuid.uuid1(),\
                tempfile.mktemp(), os.urandom(8), time.time(), logging._startTime, id is None, sep='\\n')\n\
                assert abs(time.time() - logging._startTime / 1e9) < 100\n\
                print(hash('word'))";
    let lines = || place.code(&[], code).expect(0).out().lines().map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(), lines());
    assert_eq!(one.len(), 11, "{one:?}");
    for at in 0..9 {
        assert_ne!(one[at], other[at], "line {at}");
    }
    // The seed of string hashes is the snapshot's: `docs/images.md` says why.
    assert_eq!(one[10], other[10]);
    let seeded =
        |seed: &str| place.code(&["--env", &format!("PYTHONHASHSEED={seed}")], "print(hash('word'))").out();
    assert_ne!(seeded("random"), seeded("random"));
}

#[test]
fn a_programs_own_modules_come_before_those_that_are_kept() {
    let place = Scratch::new();
    place.write("json.py", "print('my own json')");
    place.write("re/__init__.py", "print('my own re')");
    place.write("program.py", "import json, fnmatch, sys; sys.exit(1)\n");
    let own = "my own json\nmy own re\n";
    place.run(["--dir", ".", "program.py"]).expect(1).prints(own);
    place.code(&["--dir", "."], "import json\n").expect(0).prints("my own json\n");
    // Elsewhere they are nobody's.
    let text = place.code(&[], "import json; print(json.dumps([1]))").expect(0);
    text.prints("[1]\n");
    // So do an import hook, and a module that stands in sys.modules.
    place
        .code(
            &[],
            "import sys\nclass Finder:\n def find_spec(name, path, target=None):\n  print('asked for', name)\n\
             sys.meta_path.insert(0, Finder)\nimport bisect\n",
        )
        .expect(0)
        .prints("asked for bisect\nasked for _bisect\n");
    place
        .code(&[], "import sys; sys.modules['re'] = None\ntry: import json\nexcept ImportError as error: print(error)")
        .expect(0)
        .prints("import of re halted; None in sys.modules\n");
}

#[test]
fn site_packages_that_are_shown_count() {
    let place = Scratch::new();
    place.write("packages/extra.pth", "import sys; sys.from_pth = 1\n/somewhere\n");
    place.write("packages/extra.py", "print('extra')");
    place.write("packages/sitecustomize.py", "print('customized')");
    let folder = "packages:/usr/local/lib/python3.14/site-packages";
    let code = "import sys, extra; print(sys.from_pth)";
    place.code(&["--dir", folder], code).expect(0).prints("customized\nextra\n1\n");
}

#[test]
fn the_start_of_the_interpreter_has_seen_nothing_of_the_machine() {
    let store = bellglass_image::Store::open_default().expect("a store");
    let image = store.find("python").expect("the image");
    let path = image.wasm_path(bellglass_image::Start::Snapshot);
    let snapshot = std::fs::read(path).expect("the snapshot");
    assert!(!find(&snapshot, b"/usr/local/lib/python3.14").is_empty(), "the search finds what is there");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let here = std::env::current_dir().expect("a folder").to_string_lossy().into_owned();
    let variables: Vec<String> = std::env::vars().map(|(_, value)| value).collect();
    let paths = variables.iter().flat_map(|value| value.split(':')).filter(|one| one.starts_with('/'));
    let private = paths.map(str::to_owned).chain([host.trim().to_owned(), here]);
    // Short words are everywhere, and each system has some of the folders.
    let common = ["/usr", "/bin", "/sbin", "/etc", "/lib", "/dev", "/tmp"];
    let known = |text: &String| text.len() < 8 || common.iter().any(|folder| text.starts_with(folder));
    for text in private.filter(|text| !known(text)) {
        assert!(find(&snapshot, text.as_bytes()).is_empty(), "{text}");
    }
}

#[test]
fn no_part_of_an_image_tells_where_it_was_built() {
    let store = bellglass_image::Store::open_default().expect("a store");
    let folder = store.find("python").expect("the image").path().to_owned();
    let cache = cache().to_string_lossy().into_owned();
    // An image may have been built in another cache than it is in.
    let builds = ["/bellglass/build/", "/build/python-3", cache.as_str()];
    let mut parts = 0;
    for part in std::fs::read_dir(folder).expect("the image's files") {
        let path = part.expect("a file").path();
        let bytes = std::fs::read(&path).expect("its bytes");
        parts += usize::from(!find(&bytes, b"/usr/src/work/cpython").is_empty());
        for build in builds {
            let found = find(&bytes, build.as_bytes());
            let around =
                found.first().map(|at| String::from_utf8_lossy(&bytes[*at..bytes.len().min(at + 200)]));
            assert!(around.is_none(), "{} has {around:?}", path.display());
        }
    }
    assert!(parts >= 2, "the search finds what stands in their place");
}

/// Where `needle` begins in `text`.
fn find(text: &[u8], needle: &[u8]) -> Vec<usize> {
    let begins = |at: &usize| text[*at..].starts_with(needle);
    (0..text.len()).filter(begins).collect()
}
