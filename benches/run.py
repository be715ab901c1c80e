"""Measures bellglass against native CPython. It measures and never judges.

    cargo xtask bench [--native PYTHON] [--rounds N] [--json FILE]

Each figure is a pair: the same work in the sandbox and in native CPython, in
turn, A B A B, in one run; what is printed is the median of each and the median
of the ratios pair by pair. Single absolute times on a shared machine mean
little; the ratios hold when its speed drifts.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent


def wall(command):
    """Seconds that a whole process takes."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def printed(command):
    """Seconds that a program measures itself and prints."""
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def pairs(measure, ours, theirs, rounds):
    measure(ours), measure(theirs)  # One of each to warm up.
    return [(measure(ours), measure(theirs)) for _ in range(rounds)]


def main():
    parser = argparse.ArgumentParser(description="Measure bellglass against native CPython.")
    parser.add_argument("--bellglass", required=True, help="the command to measure")
    parser.add_argument("--native", default=shutil.which("python3.13") or sys.executable,
                        help="the CPython to compare with (default: python3.13, else this one)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", help="write the figures here as well")
    options = parser.parse_args()

    native = [options.native]
    sandbox = [options.bellglass, "run"]
    version = "import sys; print(sys.version.split()[0])"
    tell = lambda command: subprocess.run(command + ["-c", version], check=True, text=True,
                                          stdout=subprocess.PIPE).stdout.strip()
    print(f"bellglass with CPython {tell(sandbox)} against native CPython {tell(native)}, "
          f"{options.rounds} pairs each\n")

    rows = []

    def row(name, measure, arguments, rounds=options.rounds, unit=1e3, unit_name="ms"):
        measured = pairs(measure, sandbox + arguments, native + arguments, rounds)
        ours = statistics.median(ours for ours, _ in measured)
        theirs = statistics.median(theirs for _, theirs in measured)
        ratio = statistics.median(ours / theirs for ours, theirs in measured)
        rows.append({"name": name, "sandbox_seconds": ours, "native_seconds": theirs, "ratio": ratio})
        print(f"{name:32} {ours * unit:10.2f} {unit_name} {theirs * unit:10.2f} {unit_name}   x{ratio:.2f}",
              flush=True)
        return ratio

    print(f"{'':32} {'sandbox':>13} {'native':>13}   ratio")
    row("cold: run -c pass", wall, ["-c", "pass"], rounds=options.rounds * 3)
    row("cold: run -c 'print(\"hi\")'", wall, ["-c", "print('hi')"], rounds=options.rounds * 3)
    for name in ("stat", "getpid"):
        row(f"one call: os.{name}", printed, [str(HERE / "programs" / f"call_{name}.py")],
            unit=1e6, unit_name="us")
    programs = sorted((HERE / "programs").glob("cpu_*.py"))
    ratios = [row(f"program: {program.stem.removeprefix('cpu_')}", printed, [str(program)])
              for program in programs]
    mean = statistics.geometric_mean(ratios)
    rows.append({"name": "programs, geometric mean", "ratio": mean})
    print(f"{'programs, geometric mean':32} {'':13} {'':13}   x{mean:.2f}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
