"""Writes the tables of docs/performance.md, between their marks."""

import pathlib

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def told(goals):
    """Which of them were met, and by how much the others were not."""
    one = lambda goal: (f"{goal['what']} met" if goal["ratio"] <= 1 else
                        f"{goal['what']} **missed, ×{goal['ratio']:.2f} of it**")
    return "Of these: " + "; ".join(map(one, goals)) + "."


def write(result, path, text):
    names = {key: one["name"] for key, one in result["contestants"].items()}
    machine = result["machine"]
    lines = [f"Measured {result['when'][:10]} on {machine['cores']} cores of {machine['processor']}, "
             f"{machine['system']}; {result['seconds']:.0f} seconds"
             + (", with `--quick`: few turns and few sandboxes" if result["quick"] else "") + ".", ""]
    if result["load"] > 0.5 * machine["cores"]:
        lines += [f"**The machine was busy** (load {result['load']} before the start): times are too long, and "
                  "ratios are what can be read here.", ""]
    lines += ["![The figures as bars](performance.svg)", ""]
    lines += ["| who | version |", "| --- | --- |"]
    lines += [f"| {one['name']} | {one['version']} |" for one in result["contestants"].values()]
    if result["left_out"]:
        lines += ["", "Left out: " + "; ".join(f"{key} ({why})" for key, why in result["left_out"].items()) + "."]
    plain = [figure for figure in result["figures"] if not figure["key"].startswith("cpu_")]
    for figure in plain:
        lines += ["", f"**{figure['name'][0].upper()}{figure['name'][1:]}**, {figure['unit']}. "
                  + (f"Target: {figure['target']}. " + told(figure["goals"]) if figure["target"] else ""), "",
                  "| | median | against native | least to most |", "| --- | ---: | ---: | ---: |"]
        for row in figure["rows"]:
            ratio = f"×{row['ratio']:.2f}" if row["ratio"] is not None else ""
            unit = figure["unit"]
            lines.append(f"| {names.get(row['who'], row['who'])} | {text(row['median'], unit)} | {ratio} | "
                         f"{text(row['low'], unit)} to {text(row['high'], unit)} |")
        if figure["note"]:
            lines += ["", figure["note"]]
    programs = [figure for figure in result["figures"] if figure["key"].startswith("cpu_")]
    if programs:
        those = [key for key in ("process", "thread", "pypy") if key in result["means"]]
        lines += ["", "**Programs**: time against native CPython's, most in a process first.", "",
                  "| program | native, ms | " + " | ".join(names[key] for key in those) + " |",
                  "| --- | ---: |" + " ---: |" * len(those)]
        ratio = lambda figure, key: next((row["ratio"] for row in figure["rows"] if row["who"] == key), None)
        for figure in sorted(programs, key=lambda figure: -(ratio(figure, "process") or 0)):
            base = next(row["median"] for row in figure["rows"] if row["who"] == "native")
            cells = [f"×{ratio(figure, key):.2f}" if ratio(figure, key) else "–" for key in those]
            lines.append(f"| {figure['key'].removeprefix('cpu_')} | {text(base, 'ms')} | " + " | ".join(cells) + " |")
        lines.append("| geometric mean | | " + " | ".join(
            f"**×{result['means'][key]['ratio']:.2f}**" for key in those) + " |")
    before, rest = path.read_text().split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")
