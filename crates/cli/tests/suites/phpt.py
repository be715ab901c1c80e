"""PHP's own tests, the files *.phpt of its source, as its run-tests.php runs them.

That program itself starts a process for each test, which a guest cannot. This one
does the same from outside: each test in a fresh cell, which sees PHP's source and
may write beside the test, in a layer that goes with the cell.
"""

import concurrent.futures
import os
import re
import shlex
import subprocess

# What run-tests.php sets before a test's own settings.
SETTINGS = {
    "output_handler": "", "open_basedir": "", "disable_functions": "", "output_buffering": "Off",
    "error_reporting": "32767", "display_errors": "1", "display_startup_errors": "1", "log_errors": "0",
    "html_errors": "0", "track_errors": "0", "report_memleaks": "1", "report_zend_debug": "0",
    "docref_root": "", "docref_ext": ".html", "error_prepend_string": "", "error_append_string": "",
    "auto_prepend_file": "", "auto_append_file": "", "ignore_repeated_errors": "0", "precision": "14",
    "serialize_precision": "-1", "memory_limit": "128M", "zend.assertions": "1",
    "zend.exception_ignore_args": "0", "zend.exception_string_param_max_len": "15", "short_open_tag": "0",
}
# What of EXPECTF stands for what.
PLACEHOLDERS = {
    b"%e": rb"/", b"%s": rb"[^\r\n]+", b"%S": rb"[^\r\n]*", b"%a": rb".+", b"%A": rb".*", b"%w": rb"\s*",
    b"%i": rb"[+-]?\d+", b"%d": rb"\d+", b"%x": rb"[0-9a-fA-F]+",
    b"%f": rb"[+-]?(?:\d+|(?=\.\d))(?:\.\d+)?(?:[Ee][+-]?\d+)?", b"%c": rb".", b"%0": rb"\x00",
}
# The sections with which run-tests.php wants a web server's PHP.
OF_A_SERVER = ("GET", "POST", "GZIP_POST", "DEFLATE_POST", "POST_RAW", "PUT", "COOKIE", "EXPECTHEADERS")
# What tests are told of the machine: there is no network and no terminal, and no
# hurry to learn how fast it is. They are not told of a PHP that they could start, for
# there is none.
SKIPS = [(f"SKIP_{what}", "1") for what in ("ONLINE_TESTS", "IO_CAPTURE_TESTS", "SLOW_TESTS", "PERF_SENSITIVE")]
# Seconds for one test.
PATIENCE = 60


class Test:
    """One file, taken apart."""

    def __init__(self, root, file):
        self.root, self.file = root, file
        self.name = str(file.relative_to(root))
        self.sections = {}
        section = None
        with file.open("rb") as lines:
            for line in lines:
                if head := re.match(rb"--([_A-Z]+)--", line):
                    section = head[1].decode()
                    self.sections[section] = b""
                elif section:
                    self.sections[section] += line
                    if section in ("FILE", "FILEEOF") and re.match(rb"===DONE===\s*$", line):
                        section = None
        if "FILEEOF" in self.sections:
            self.sections["FILE"] = re.sub(rb"[\r\n]+$", b"", self.sections.pop("FILEEOF"))
        for name in ("FILE", "EXPECT", "EXPECTF", "EXPECTREGEX"):
            if (other := f"{name}_EXTERNAL") in self.sections:
                # Without a way out of the folder, as run-tests.php has it.
                path = self.sections[other].decode().strip().replace("..", "")
                self.sections[name] = (file.parent / path).read_bytes()

    def text(self, section):
        return self.sections.get(section, b"").decode("utf-8", "surrogateescape")

    def settings(self):
        found = dict(SETTINGS)
        lines = self.text("INI").replace("{PWD}", str(self.file.parent)).replace("{TMP}", "/tmp")
        lines = re.sub(r"\{MAIL:(\S+)\}", r"tee \1 >/dev/null", lines)
        for line in re.split(r"[\r\n]+", lines):
            name, sign, value = line.partition("=")
            if sign:
                found[name.strip()] = value.strip()
        return found

    def is_expected(self, output):
        output = output.strip(TRIMMED).replace(b"\r\n", b"\n")
        for section in ("EXPECT", "EXPECTF", "EXPECTREGEX"):
            if section in self.sections:
                wanted = self.sections[section].strip(TRIMMED).replace(b"\r\n", b"\n")
                break
        else:
            raise ValueError(f"{self.name} does not say what it expects")
        if section == "EXPECT":
            return output == wanted
        if section == "EXPECTF":
            wanted = pattern(wanted)
        return re.fullmatch(wanted, output, re.S) is not None


# What PHP's trim takes away.
TRIMMED = b" \t\n\r\0\x0b"


def pattern(wanted):
    """The expression of a text with placeholders; what is between two %r is one."""
    parts = wanted.split(b"%r")
    if len(parts) % 2 == 0:
        parts[-2:] = [parts[-2] + b"%r" + parts[-1]]
    quoted = (b"(" + part + b")" if number % 2 else re.escape(part) for number, part in enumerate(parts))
    return re.sub(rb"%[esSaAwidxfc0]", lambda found: PLACEHOLDERS[found[0]], b"".join(quoted))


class Runner:
    """Runs tests below the folder of PHP's source; `command` starts a cell."""

    def __init__(self, root, command):
        self.root, self.command = root, command
        listed = self.php("-n", "-r", "echo implode(' ', get_loaded_extensions());").stdout.decode()
        self.skips = {}
        self.extensions = {name.lower() for name in listed.split()}
        if "standard" not in self.extensions:
            raise SystemExit(f"suites: PHP does not start: {listed}")

    def php(self, *words, stdin=b"", environment=(), captured="STDOUT, STDERR"):
        options = [word for pair in environment for word in ("--env", "=".join(pair))]
        out, err = "STDOUT" in captured, "STDERR" in captured
        return subprocess.run(
            [*self.command, *options, "--", *words], cwd=self.root, input=stdin, timeout=PATIENCE + 60,
            stdout=subprocess.PIPE if out else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if out and err else subprocess.PIPE if err else subprocess.DEVNULL,
        )

    def skip_output(self, test, script):
        """What SKIPIF says. It is the same for many tests of a folder."""
        key = (test.file.parent, script)
        if key not in self.skips:
            file = test.file.with_suffix(".skip.php")
            file.write_bytes(script)
            settings = {**SETTINGS, "display_startup_errors": "0"}
            finished = self.php("-n", "-q", *arguments(settings), "-f", str(file), environment=SKIPS)
            self.skips[key] = finished.stdout.strip(TRIMMED)
        return self.skips[key]

    def run(self, test):
        """Gives "passed", "skipped" or "failed", and a text about it."""
        sections = test.sections
        if "CGI" in sections or any(sections.get(name) for name in OF_A_SERVER):
            return "skipped", "CGI not available"
        if "PHPDBG" in sections or "REDIRECTTEST" in sections:
            return "skipped", "wants another program, or a server"
        wanted = {name.strip().lower() for name in test.text("EXTENSIONS").split()}
        if missing := wanted - self.extensions:
            return "skipped", f"Required extension missing: {', '.join(sorted(missing))}"
        expects_to_fail = "XFAIL" in sections
        if script := sections.get("SKIPIF", b"").strip():
            says = self.skip_output(test, script)
            match says[:5].lower():
                case b"xfail":
                    expects_to_fail = True
                case start if start[:4] == b"skip":
                    return "skipped", says.decode(errors="replace")
                case start if start in (b"", b"flaky") or start[:4] in (b"info", b"warn"):
                    pass
                case _:
                    return "failed", f"SKIPIF says: {says.decode(errors='replace')}"
        script = test.file.with_suffix(".php")
        script.write_bytes(sections["FILE"])
        environment = [("REDIRECT_STATUS", "1"), ("REQUEST_METHOD", "GET")]
        for line in test.text("ENV").replace("{PWD}", str(test.file.parent)).splitlines():
            name, sign, value = line.strip().partition("=")
            if name and sign:
                environment.append((name, value))
        # The words of a test are those of a shell.
        words = ["--", *shlex.split(test.text("ARGS"))] if "ARGS" in sections else []
        finished = self.php(
            "-n", *arguments(test.settings()), "-f", str(script), *words, stdin=sections.get("STDIN", b""),
            environment=environment, captured=test.text("CAPTURE_STDIO").upper() or "STDOUT, STDERR",
        )
        output = finished.stdout or finished.stderr or b""
        if test.is_expected(output):
            return "passed", ""
        if expects_to_fail:
            return "skipped", f"XFAIL: {test.text('XFAIL').strip()}"
        return "failed", output.decode(errors="replace")

    def run_all(self, folders):
        """The outcome of each test below these folders, by its name."""
        files = sorted({file for folder in folders for file in (self.root / folder).rglob("*.phpt")})
        tests = [Test(self.root, file) for file in files]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return dict(zip((test.name for test in tests), pool.map(self.run, tests)))


def arguments(settings):
    # An apostrophe stands as run-tests.php's quoting leaves it.
    return [word for name, value in settings.items() for word in ("-d", f"{name}={value}".replace("'", "\\'"))]
