"""For each line on stdin, runs print('hi') in pyeryx and prints the seconds. Each
execution on a sandbox has an interpreter of its own, which pyeryx has prepared in
the background, so one sandbox stands for all: its documented fast way. With `live`
and counts, holds that many guests."""
import sys
import time

import eryx
import live

WAITING = "await arrived()\nimport time\ntime.sleep(1000)"


def guest(arrived):
    callback = {"name": "arrived", "fn": arrived, "description": "says that the guest runs"}
    limits = eryx.ResourceLimits.unlimited()
    eryx.Sandbox(callbacks=[callback], resource_limits=limits).execute(WAITING)


def host():
    sandbox = eryx.Sandbox()
    for _ in sys.stdin:
        begun = time.perf_counter()
        printed = sandbox.execute("assert 'seen' not in globals(); seen = print('hi')").stdout
        spent = time.perf_counter() - begun
        assert printed in ("hi\n", b"hi\n"), printed
        print(spent, flush=True)


if sys.argv[1:2] == ["live"]:
    live.hold(sys.argv[2:], guest)
host()
