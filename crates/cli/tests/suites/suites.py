#!/usr/bin/env python3
"""Runs the interpreters' own tests in cells, and writes what came of it.

    cargo xtask interpreters [NAME...] [--document]

Each interpreter is built by its recipe, and its tests are those of the very
source that it was built from. What does not pass must stand in suites.toml, with
the reason. With --document, the rows of the table in docs/any-interpreter.md are
written again.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import tomllib

import phpt

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
PAGE = ROOT / "docs/any-interpreter.md"
BEGIN, END = "<!-- The own tests: begin -->\n", "<!-- The own tests: end -->\n"
# Seconds for one run; the longest that is known takes four.
PATIENCE = 120


class Outcome:
    """What came of one suite."""

    def __init__(self):
        self.passed, self.failed, self.skipped = [], {}, []

    def note(self, test, finished):
        """Takes a run whose exit code says how the test went."""
        if finished.returncode == 0:
            self.passed.append(test)
        else:
            self.failed[test] = (finished.stdout + finished.stderr)[-2000:]

    def check(self, test, so, text=""):
        """Takes something that must be so."""
        if so:
            self.passed.append(test)
        else:
            self.failed[test] = text


class Suites:
    def __init__(self, bellglass, cache, folder):
        self.bellglass, self.cache, self.folder = bellglass, cache, folder
        self.data = tomllib.loads((HERE / "suites.toml").read_text())

    def recipe(self, name):
        recipes = [tomllib.loads(file.read_text()) for file in (ROOT / "guests" / name).glob("recipe-*.toml")]
        return next(recipe for recipe in recipes if recipe.get("default"))

    def source(self, name):
        """The interpreter's source, unpacked: the download that its build has checked."""
        source = self.recipe(name)["source"][0]
        return unpack(self.cache / "downloads" / f"{source['sha256']}-{source['file']}", self.folder / name)

    def run(self, image, options, words, folder, **more):
        """Runs an image in a cell that sees this folder and may change it."""
        line = [self.bellglass, "run", "--image", image, "--dir", ".:rw", "--timeout", f"{PATIENCE}s"]
        return subprocess.run(
            [*line, *options, "--", *words], cwd=folder, capture_output=True, text=True, errors="replace",
            timeout=PATIENCE + 30, stdin=more.pop("stdin", subprocess.DEVNULL), **more,
        )

    # --- one function for each interpreter

    def lua(self):
        """the official suite, its portable part, each file by itself"""
        tests = self.data["lua"]["tests"]
        archive = self.cache / "downloads" / f"{tests['sha256']}-{tests['file']}"
        if not archive.is_file():
            fetch(tests, archive)
        unpack(archive, self.folder / "lua")
        folder = self.folder / "lua" / tests["folder"]
        # What all.lua sets for a user's test (_U = true), so that a file can run alone.
        prelude = "_port = true _soft = true _nomsg = true T = nil ARG = arg Message = function() end"
        outcome = Outcome()
        for file in sorted(folder.glob("*.lua")):
            if file.name != "all.lua":
                outcome.note(file.name, self.run("lua", [], ["-e", prelude, file.name], folder))
        return outcome

    def quickjs(self):
        """what `make test` runs, and each function of test_std by itself"""
        folder = self.source("quickjs")
        outcome = Outcome()
        rule = (folder / "Makefile").read_text().split("\ntest: qjs\n")[1].split("\n\n")[0]
        lines = re.findall(r"^\t\./qjs (.*)$", rule, re.M)
        for words in (line.split() for line in lines):
            test = pathlib.Path(words[-1]).stem
            # It loads a shared library that the makefile does not build here.
            if test in ("test_bjson", "test_point"):
                outcome.skipped.append(test)
            elif test == "test_std":
                self.quickjs_functions(folder, folder / words[-1], outcome)
            else:
                outcome.note(test, self.run("quickjs", [], words, folder))
        return outcome

    def quickjs_functions(self, folder, file, outcome):
        text = file.read_text()
        calls = re.compile(r"^(test_\w+)\(\);$", re.M)
        for name in calls.findall(text):
            one = file.with_name(f"{file.stem}_{name}.js")
            one.write_text(calls.sub(lambda call: call[0] if call[1] == name else "", text))
            outcome.note(f"{file.stem}: {name}", self.run("quickjs", [], [f"tests/{one.name}"], folder))

    def micropython(self):
        """what its runner chooses of {folders}, compared with CPython's output as it does"""
        folder = self.source("micropython") / "tests"
        program = self.folder / "micropython-in-a-cell"
        program.write_text(
            f"#!/bin/sh\nexec '{self.bellglass}' run --image micropython --dir .:rw"
            f" --timeout {PATIENCE}s -- \"$@\"\n"
        )
        program.chmod(0o755)
        # How long a terminal must be silent for the answer to be complete: on a machine that
        # is busy, a cell and its controller may need more than 20 ms for theirs.
        runner = folder / "run-tests.py"
        hasty, patient = (f"select.select([master], [], [], {time})" for time in ("0.02", "0.3"))
        text = runner.read_text()
        if hasty not in text:
            raise SystemExit("suites: MicroPython's runner waits for its terminal in another way")
        runner.write_text(text.replace(hasty, patient))
        finished = subprocess.run(
            # One at a time: at once they write into each other's lines.
            [sys.executable, "run-tests.py", "-j", "1", "-d", *self.data["micropython"]["folders"]],
            cwd=folder, capture_output=True, text=True, env={**os.environ, "MICROPY_MICROPYTHON": str(program)},
        )
        outcome = Outcome()
        for state, name in re.findall(r"^(pass|FAIL|skip)\s+(\S+)", finished.stdout, re.M):
            match state:
                case "pass":
                    outcome.passed.append(name)
                case "skip":
                    outcome.skipped.append(name)
                case "FAIL":
                    outcome.failed[name] = "its output differs"
        if finished.returncode != bool(outcome.failed):
            outcome.failed["the runner"] = finished.stderr[-2000:]
        if len(outcome.passed) <= 500:
            outcome.failed["the number of tests"] = finished.stdout[-2000:]
        return outcome

    def php(self):
        """programs with what native PHP makes of them, and PHP's own tests (`*.phpt`) of the language and of each extension in it"""
        outcome = Outcome()
        self.php_programs(outcome)
        root = self.source("php")
        command = [self.bellglass, "run", "--image", "php", "--dir", f"{root}:{root}:overlay",
                   "--timeout", f"{phpt.PATIENCE}s"]
        results = phpt.Runner(root, command).run_all(self.data["php"]["folders"])
        for test, (state, text) in results.items():
            match state:
                case "passed":
                    outcome.passed.append(test)
                case "skipped":
                    outcome.skipped.append(test)
                case "failed":
                    outcome.failed[test] = text[-2000:]
        outcome.check("the number of tests", len(outcome.passed) > 9000, f"only {len(outcome.passed)} passed")
        return outcome

    def php_programs(self, outcome):
        """Runs the programs in the folder php, and asks for what no recording can hold.

        A recording is what `php -n NAME.php; echo "exit code $?"` says natively.
        """
        folder = self.folder / "php-programs"
        shutil.copytree(HERE / "php", folder)
        for program in sorted(folder.glob("*.php")):
            ran = self.run("php", [], [program.name], folder)
            said = ran.stdout.replace(str(folder), "FOLDER") + f"exit code {ran.returncode}\n"
            outcome.check(f"program {program.name}", said == program.with_suffix(".out").read_text(), said + ran.stderr)
        code = ("echo count($argv), $argv[1], trim(fgets(STDIN)), getenv('TONE'),"
                " @file_get_contents('/etc/shadow') ? 1 : 0; exit(7);")
        (folder / "words").write_text("from stdin\n")
        with open(folder / "words") as stdin:
            ran = self.run("php", ["--env", "TONE=kind"], ["-r", code, "--", "one"], folder, stdin=stdin)
        outcome.check("-r with arguments, stdin and exit code",
                      (ran.stdout, ran.returncode) == ("2onefrom stdinkind0", 7), ran.stdout + ran.stderr)
        (folder / "script").write_text("<?php echo PHP_VERSION, ' ', PHP_INT_SIZE;")
        with open(folder / "script") as stdin:
            ran = self.run("php", [], [], folder, stdin=stdin)
        outcome.check("a program on stdin", ran.stdout == f"{self.recipe('php')['version']} 4", ran.stdout + ran.stderr)
        refused = {
            "a fiber": ("try { (new Fiber('strlen'))->start('x'); } catch (Exception $e) { echo $e->getMessage(); }",
                        "Fiber stack allocate failed: mmap failed: Not supported"),
            "a name": ("echo gethostbyname('example.com') === 'example.com' ? 'unknown' : 'known';", "unknown"),
            "a connection": ("fsockopen('127.0.0.1', 80);", "Unable to connect to 127.0.0.1:80"),
            "a process": ("var_dump(shell_exec('true'));", "Unable to execute 'true'"),
            "more memory": ("$all = []; while (true) $all[] = str_repeat('x', 1 << 20);",
                            "Allowed memory size of 134217728 bytes"),
        }
        for what, (code, answer) in refused.items():
            ran = self.run("php", [], ["-d", "display_errors=1", "-r", code], folder)
            outcome.check(f"{what} is refused", answer in ran.stdout, ran.stdout + ran.stderr)

    def sqlite(self):
        """a database in a mounted folder, made, read and locked in cells and by this machine's SQLite"""
        folder = self.folder / "sqlite"
        folder.mkdir()
        outcome = Outcome()

        def shell(*words, script=None):
            stdin = script and open(script)
            return self.run("sqlite", [], ("-batch", *words), folder, **({"stdin": stdin} if stdin else {}))

        rows = [(number, f"name {number}, \"quoted\"", number / 7) for number in range(1, 5001)]
        quoted = (f"{number},\"name {number}, \"\"quoted\"\"\",{value!r}\n" for number, _, value in rows)
        (folder / "rows.csv").write_text("id,name,value\n" + "".join(quoted))
        made = shell("-csv", "made.db", "CREATE TABLE kept(id INTEGER PRIMARY KEY, name TEXT, value REAL)",
                     ".import --skip 1 rows.csv kept", "CREATE INDEX by_name ON kept(name)")
        outcome.note(".import", made)
        with sqlite3.connect(folder / "made.db") as database:
            outcome.check("read by this machine", database.execute("SELECT * FROM kept ORDER BY id").fetchall() == rows)
            checked = database.execute("PRAGMA integrity_check").fetchall()
            outcome.check("integrity, by this machine", checked == [("ok",)], str(checked))
            database.execute("UPDATE kept SET value = value * 7 WHERE id <= 10")
        database.close()
        inside = shell("made.db", "PRAGMA integrity_check", "SELECT sum(value) FROM kept WHERE id <= 10")
        outcome.check("changed by this machine, read inside", inside.stdout == "ok\n55.0\n", inside.stdout)
        dumped = shell("made.db", ".dump")
        (folder / "dump.sql").write_text(dumped.stdout)
        outcome.check(".dump", dumped.stdout.endswith("COMMIT;\n"), dumped.stderr)
        outcome.note(".read", shell("again.db", ".read dump.sql"))
        again = shell("again.db", ".dump")
        outcome.check("a dump of what was read is the same", again.stdout == dumped.stdout)
        outcome.note("a script on stdin", shell("third.db", script=folder / "dump.sql"))
        backup = shell("made.db", ".backup copy.db", "VACUUM INTO 'small.db'")
        outcome.note(".backup and VACUUM INTO", backup)
        for name in ("copy.db", "small.db", "third.db"):
            read = shell(name, "SELECT count(*), round(sum(value), 6) FROM kept")
            expected = shell("made.db", "SELECT count(*), round(sum(value), 6) FROM kept")
            outcome.check(f"{name} holds the same", read.stdout == expected.stdout != "", read.stdout)
        rolled = shell("made.db", "BEGIN; DELETE FROM kept; ROLLBACK; SELECT count(*) FROM kept")
        outcome.check("a rollback", rolled.stdout == "5000\n", rolled.stdout)
        outside = sqlite3.connect(folder / "made.db", isolation_level=None)
        outside.execute("BEGIN EXCLUSIVE")
        locked = shell("made.db", "SELECT count(*) FROM kept")
        outcome.check("a lock of this machine's", "database is locked" in locked.stdout + locked.stderr,
                      locked.stdout + locked.stderr)
        outside.execute("ROLLBACK")
        logged = shell("made.db", "PRAGMA journal_mode = wal", "INSERT INTO kept(name) VALUES ('logged')")
        outside.close()
        again = shell("made.db", "SELECT name FROM kept WHERE id = (SELECT max(id) FROM kept)")
        outcome.check("a write-ahead log", (logged.stdout, again.stdout) == ("wal\n", "logged\n"),
                      logged.stdout + logged.stderr + again.stdout + again.stderr)
        refused = shell("made.db", ".shell true")
        outcome.check("no program is started", "Operation not permitted" in refused.stdout + refused.stderr
                      or refused.returncode != 0 or "returns" in refused.stdout + refused.stderr, refused.stdout)
        return outcome


def fetch(tests, archive):
    """Has pip download a package whose digest is known."""
    with tempfile.TemporaryDirectory() as folder:
        name = tests["package"].split("==")[0]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name,
                        "--dest", folder, tests["package"]], check=True)
        file = pathlib.Path(folder, tests["file"])
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != tests["sha256"]:
            raise SystemExit(f"suites: {tests['package']} has the digest {found}, not the pinned one")
        shutil.copy(file, archive)


def unpack(archive, folder):
    """Unpacks an archive, and gives the one folder in it if there is just one."""
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 else folder


def expectations(data):
    """Why each test fails that does: by its name, or grouped by reason in a file."""
    if file := data.get("expected_file"):
        groups = tomllib.loads((HERE / file).read_text())["group"]
        return {test: group["why"] for group in groups for test in group["tests"]}
    return data["expected"]


def judge(name, outcome, expected):
    """Says what is not as expected; gives how much that is."""
    wrong = 0
    for test, text in outcome.failed.items():
        if test not in expected:
            print(f"{name}: {test} failed:\n{text}")
            wrong += 1
    for test in expected:
        if test not in outcome.failed:
            print(f"{name}: {test} is listed as failing, and did not fail")
            wrong += 1
    return wrong


def named(tests):
    """Names, or how many there are if they are too many for a table."""
    return ", ".join(tests) if len(tests) <= 4 else f"{len(tests)} tests"


def row(name, recipe, what, outcome, expected):
    why = {}
    for test in outcome.failed:
        why.setdefault(expected.get(test, "unexpected"), []).append(f"`{test}`")
    lacking = "; ".join(f"{named(tests)}: {reason}" for reason, tests in why.items()) or "none"
    skipped = len(outcome.skipped)
    return f"| `{name}` | {recipe['version']} | {what} | {len(outcome.passed)} | {skipped} | {lacking} |\n"


def document(rows, known):
    """Writes these rows of the table on the page; the others stay."""
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    old, tail = rest.split(END)
    kept = {found[1]: found[0] for found in re.finditer(r"^\| `(\w+)` \|.*\n", old, re.M)}
    rows = {**kept, **rows}
    table = "| name | version | tests | passed | skipped by the tests | not passed, and why |\n"
    table += "| --- | --- | --- | --- | --- | --- |\n" + "".join(rows[name] for name in known if name in rows)
    PAGE.write_text(head + BEGIN + table + END + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bellglass", required=True, type=pathlib.Path, help="the built command")
    parser.add_argument("--document", action="store_true", help="write their rows of the table in docs/any-interpreter.md")
    parser.add_argument("names", nargs="*", help="which interpreters; all by default")
    arguments = parser.parse_args()
    known = ["lua", "quickjs", "micropython", "sqlite", "php"]
    # Made by somebody else: there is no recipe of it, and no row.
    elsewhere = ["ruby"]
    names = arguments.names or known + elsewhere
    if unknown := set(names) - set(known + elsewhere):
        known_names = ", ".join(known + elsewhere)
        raise SystemExit(f"suites: no tests are known of {', '.join(sorted(unknown))}; there are {known_names}")
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    cache = pathlib.Path(os.environ.get("BELLGLASS_CACHE") or home / "bellglass")
    rows, wrong = {}, 0
    with tempfile.TemporaryDirectory(prefix="bellglass-suites-") as folder:
        suites = Suites(arguments.bellglass.resolve(), cache, pathlib.Path(folder))
        for name in names:
            if name in elsewhere:
                line = [sys.executable, HERE / f"{name}.py", "--bellglass", suites.bellglass]
                wrong += subprocess.run(line).returncode
                continue
            subprocess.run([suites.bellglass, "image", "build", name], check=True)
            method = getattr(suites, name)
            outcome = method()
            expected = expectations(suites.data[name])
            folders = ", ".join(f"`{one}`" for one in suites.data["micropython"]["folders"])
            rows[name] = row(name, suites.recipe(name), method.__doc__.format(folders=folders), outcome, expected)
            wrong += judge(name, outcome, expected)
            print(f"{name}: {len(outcome.passed)} passed, {len(outcome.failed)} failed, "
                  f"{len(outcome.skipped)} skipped", flush=True)
    if arguments.document:
        document(rows, known)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
