//! Real applications, unmodified: their wheels are fetched once, checked,
//! unpacked and shown to the guest read-only.

use crate::harness::{self, Finished, Scratch, Stdin, cache, digest, process, reference};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

#[derive(Deserialize)]
struct Wheels {
    applications: BTreeMap<String, Vec<String>>,
    wheel: Vec<Wheel>,
}

#[derive(Deserialize)]
struct Wheel {
    name: String,
    version: String,
    file: String,
    sha256: String,
}

/// One test fetches at a time.
static FETCHING: Mutex<()> = Mutex::new(());

/// A folder with an application and all that it needs.
fn site_of(application: &str, place: &Scratch) -> PathBuf {
    let _one_at_a_time = FETCHING.lock();
    let wheels: Wheels =
        toml::from_str(include_str!("applications/wheels.toml")).expect("the list of wheels");
    let site = place.root().join("site");
    fs::create_dir(&site).expect("a folder");
    for name in &wheels.applications[application] {
        let wheel = wheels.wheel.iter().find(|wheel| wheel.name == *name).expect("each is listed");
        let file = wheel.fetch(&cache().join("wheels"));
        python(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(file).arg(&site));
    }
    site
}

impl Wheel {
    fn fetch(&self, folder: &Path) -> PathBuf {
        fs::create_dir_all(folder).expect("a folder");
        let file = folder.join(&self.file);
        if !file.exists() {
            // The platform is the wheel's, not this machine's: the guest is neither.
            let platform = if self.file.ends_with("-any.whl") { "any" } else { "manylinux2014_x86_64" };
            let mut command = Command::new("python3");
            command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
            command.args(["--python-version", "3.14", "--platform", platform, "--dest"]);
            python(command.arg(folder).arg(format!("{}=={}", self.name, self.version)));
        }
        let content = fs::read(&file).expect("the wheel");
        assert_eq!(digest(&content), self.sha256, "{} is not the wheel that is listed", file.display());
        file
    }
}

fn python(command: &mut Command) {
    let status = command.status().expect("python3");
    assert!(status.success(), "{command:?} failed");
}

/// Runs the same line in the sandbox and natively, with the application shown at
/// /site; `work` of the place is /work and writable. Gives both.
fn both(place: &Scratch, site: &Path, line: &[&str]) -> (Finished, Option<Finished>) {
    let mut command =
        place.bellglass(["run", "--env", "PYTHONPATH=/site", "--cwd", "/work", "--timeout", "200s"]);
    command.arg("--dir").arg(format!("{}:/site:ro", site.display()));
    command.arg("--dir").arg(format!("{}:/work:rw", place.work().display()));
    let inside = process::finish(command.args(line), Stdin::Nothing);
    let native = reference::reference().map(|reference| {
        let other = Scratch::new();
        harness::copy_tree(&place.work(), &other.work());
        let mut command = reference.command(&other.work(), &other.home());
        process::finish(command.args(line).env("PYTHONPATH", site), Stdin::Nothing)
    });
    (inside, native)
}

#[track_caller]
fn same_output(inside: &Finished, native: Option<&Finished>) {
    if let Some(native) = native {
        assert_eq!(inside.code, native.code, "{}\n{}", inside.all(), native.all());
        assert_eq!(inside.out(), native.out(), "{}\n{}", inside.all(), native.all());
    }
}

#[test]
fn black_formats_its_own_sources_as_natively() {
    let place = Scratch::new();
    let site = site_of("black", &place);
    // Another line length, so that there is work to do; a file at a time, as many
    // files would want processes; without the second pass that checks the result,
    // for the digests do that.
    place.write("format.py", "import hashlib, pathlib, black\nmode = black.Mode(line_length=60)\nsite = pathlib.Path(black.__file__).parent.parent\nfor folder in ('black', 'blib2to3', 'blackd'):\n    for p in sorted((site / folder).rglob('*.py')):\n        try: text = black.format_file_contents(p.read_text(), fast=True, mode=mode)\n        except black.NothingChanged: text = p.read_text()\n        print(p.relative_to(site), hashlib.sha256(text.encode()).hexdigest()[:16])\n");
    let (inside, native) = both(&place, &site, &["format.py"]);
    let inside = inside.expect(0);
    same_output(&inside, native.as_ref());
    harness::compare(
        "black's result",
        &inside.out(),
        &harness::tests_folder().join("applications/black.out"),
    );
    place.write("sources/strings.py", fs::read(site.join("black/strings.py")).expect("a source"));
    let (inside, _) = both(&place, &site, &["-m", "black", "--check", "sources/strings.py"]);
    inside.expect(0).says("1 file would be left unchanged");
}

#[test]
fn pytest_runs_a_small_suite() {
    let place = Scratch::new();
    let site = site_of("pytest", &place);
    place.write("test_small.py", "import pytest\n@pytest.fixture\ndef n(): return 3\n@pytest.mark.parametrize('x', [1, 2, 3])\ndef test_less(x, n):\n    assert x < n\ndef test_files(tmp_path, capsys, monkeypatch):\n    (tmp_path / 'f').write_text('t'); print('o'); assert capsys.readouterr().out == 'o\\n'\ndef test_raises():\n    with pytest.raises(ZeroDivisionError): 1 / 0\n");
    let (inside, _) = both(&place, &site, &["-m", "pytest", "-p", "no:cacheprovider"]);
    let inside = inside.expect(1);
    assert!(
        inside.out().contains("1 failed, 4 passed") && inside.out().contains("assert 3 < 3"),
        "{}",
        inside.all()
    );
}

#[test]
fn sympy_integrates() {
    let place = Scratch::new();
    let site = site_of("sympy", &place);
    let code = "from sympy import *\nx = symbols('x')\nprint(integrate(exp(-x**2) * cos(x), (x, -oo, oo)), integrate(sin(x)**3 * x, x), solve(x**3 - 2*x + 1, x), factor(x**8 - 1))";
    let (inside, native) = both(&place, &site, &["-c", code]);
    let inside = inside.expect(0);
    assert!(inside.out().starts_with("sqrt(pi)*exp(-1/4) "), "{}", inside.all());
    same_output(&inside, native.as_ref());
}

#[test]
fn mypy_checks_a_file() {
    let place = Scratch::new();
    let site = site_of("mypy", &place);
    place.write("checked.py", "def f(x: int) -> str:\n    return x\n\nf('a')\nreveal_type([f(1)])\n");
    let (inside, native) = both(&place, &site, &["-m", "mypy", "--no-incremental", "checked.py"]);
    let inside = inside.expect(1);
    assert!(inside.out().contains("Found 2 errors in 1 file"), "{}", inside.all());
    same_output(&inside, native.as_ref());
}

#[test]
fn jinja2_renders() {
    let place = Scratch::new();
    let site = site_of("jinja2", &place);
    place.write("templates/page.html", "{% extends 'base.html' %}{% block body %}{% for x in items %}<li>{{ x|e }}{{ loop.index }}</li>{% endfor %}{% endblock %}");
    place.write(
        "templates/base.html",
        "<ul>{% block body %}{% endblock %}</ul>{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m('☃') }}",
    );
    let code = "import jinja2\ne = jinja2.Environment(loader=jinja2.FileSystemLoader('templates'), autoescape=True)\nprint(e.get_template('page.html').render(items=['a', '<b>']))";
    let (inside, native) = both(&place, &site, &["-c", code]);
    let inside = inside.expect(0).prints("<ul><li>a1</li><li>&lt;b&gt;2</li></ul>[☃]\n");
    same_output(&inside, native.as_ref());
}
